"""What an endpoint is made of: a value of each participant, the rule, and who is left out."""

from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from operandi.domain.identity import Pseudonym
from operandi.signatures.data import Bools, IntervalCensored, RightCensored
from operandi.signatures.survival.conditions import OutcomeCondition, conditions_of
from operandi.signatures.survival.cumulative_incidence import CompetingOutcome

INTERVAL_TIME: Final = "time within (last clear scan, first scan with progression]; death: its day"
"""What a likelihood of intervals uses as time."""
RIGHT_END_TIME: Final = "day of the first scan with progression, or of death"
"""What a metric for right-censored times uses as time: late by up to the gap between scans."""


class Ending(StrEnum):
    """How the time of a participant ends."""

    PROGRESSION = "progression"
    PROGRESSION_AFTER_GAP = "progression_after_gap"
    DEATH = "death"
    DEATH_AFTER_GAP = "death_after_gap"
    NEW_THERAPY = "new_therapy"
    EVENT_FREE = "event_free"


class Exclusion(StrEnum):
    """Why a participant has no value of an endpoint."""

    NOT_TREATED = "not_treated"
    UNREAD_ROWS = "unread_rows"
    CONTRADICTION = "contradiction"
    BEFORE_BASELINE = "outcome_before_baseline"
    NO_BASELINE = "no_baseline_exam"
    NO_ASSESSMENT = "no_adequate_assessment"
    NO_FOLLOW_UP = "no_follow_up"
    NEW_THERAPY = "other_therapy_before_assessment"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExcludedParticipant:
    """A participant without a value of an endpoint, and why."""

    participant: Pseudonym
    reason: Exclusion
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TimeEndpoint:
    """Time to an event, of everybody who has it.

    Parameters
    ----------
    name : str
        Such as ``"pfs"``.
    rule : str
        How each value was made, in words.
    participants : tuple of Pseudonym
        Of the rows of ``outcome``.
    outcome : IntervalCensored
        Days since cycle 1.
    endings : tuple of Ending
        How each time ends. Of one that is censored by a competing event, that event.
    excluded : tuple of ExcludedParticipant
    """

    name: str
    rule: str
    participants: tuple[Pseudonym, ...]
    outcome: IntervalCensored
    endings: tuple[Ending, ...]
    excluded: tuple[ExcludedParticipant, ...]

    @property
    def conditions(self) -> tuple[OutcomeCondition, ...]:
        """Such as that there are few events."""
        return conditions_of(self.outcome)

    @property
    def counted_endings(self) -> dict[Ending, int]:
        """How many times end in each way."""
        return dict(Counter(self.endings))

    @property
    def counted_exclusions(self) -> dict[Exclusion, int]:
        """How many participants were left out for each reason."""
        return _counted(self.excluded)

    def right_censored(self) -> RightCensored:
        """Take the right end of each interval as its time (``RIGHT_END_TIME``)."""
        event = np.isfinite(self.outcome.right)
        return RightCensored(
            time=np.where(event, self.outcome.right, self.outcome.left), event=event
        )

    def competing(self, causes: Mapping[str, Set[Ending]]) -> CompetingOutcome:
        """Tell causes apart by how times end; right ends count as times.

        Parameters
        ----------
        causes : mapping of str to set of Ending
            Name of each cause, and the endings that are of it; all others censor.
        """
        cause = np.zeros(len(self.endings), dtype=np.int64)
        for number, endings in enumerate(causes.values(), start=1):
            cause[[ending in endings for ending in self.endings]] = number
        return CompetingOutcome(time=self.right_censored().time, cause=cause, names=tuple(causes))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BinaryEndpoint:
    """Whether something happened, of everybody of whom that can be said.

    Parameters
    ----------
    name, rule : str
    participants : tuple of Pseudonym
        Who is evaluable.
    value : (n,) bool
    treated : int
        Participants who had cycle 1: the denominator that a waterfall must show.
    excluded : tuple of ExcludedParticipant
    """

    name: str
    rule: str
    participants: tuple[Pseudonym, ...]
    value: Bools
    treated: int
    excluded: tuple[ExcludedParticipant, ...]

    @property
    def evaluable(self) -> int:
        """How many participants have a value."""
        return len(self.participants)

    @property
    def positive(self) -> int:
        """How many of them it is true of."""
        return int(np.count_nonzero(self.value))

    @property
    def counted_exclusions(self) -> dict[Exclusion, int]:
        """How many participants were left out for each reason."""
        return _counted(self.excluded)


def _counted(excluded: tuple[ExcludedParticipant, ...]) -> dict[Exclusion, int]:
    return dict(Counter(one.reason for one in excluded))
