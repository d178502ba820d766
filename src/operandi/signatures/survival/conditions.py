"""What is to be known of an outcome before it is analyzed: how few events there are."""

from enum import StrEnum
from typing import Final

from operandi.quantities.errors import DataError
from operandi.signatures.data import IntervalCensored, RightCensored

LEAST_EVENTS: Final = 10
"""Below it a model has hardly an event a parameter: a result says so wherever it is shown."""


class OutcomeCondition(StrEnum):
    """What later stages must say of an outcome."""

    NO_EVENTS = "no_events"
    FEW_EVENTS = "few_events"
    NOBODY_CENSORED = "nobody_censored"


def conditions_of(outcome: RightCensored | IntervalCensored) -> tuple[OutcomeCondition, ...]:
    """Name what holds of an outcome.

    Returns
    -------
    tuple of OutcomeCondition
        ``NO_EVENTS``: everybody is censored. ``FEW_EVENTS``: fewer than ``LEAST_EVENTS``, none
        included. ``NOBODY_CENSORED``: suspect of times that were kept of events only.
    """
    n = outcome.event.size if isinstance(outcome, RightCensored) else outcome.left.size
    found = []
    if outcome.events == 0:
        found.append(OutcomeCondition.NO_EVENTS)
    if outcome.events < LEAST_EVENTS:
        found.append(OutcomeCondition.FEW_EVENTS)
    if outcome.events == n:
        found.append(OutcomeCondition.NOBODY_CENSORED)
    return tuple(found)


def refuse_all_censored(outcome: RightCensored | IntervalCensored, *, what: str) -> None:
    """Refuse an outcome without an event.

    Parameters
    ----------
    outcome : RightCensored or IntervalCensored
    what : str
        What was to be computed, as the subject of a sentence: ``"A hazard model"``.

    Raises
    ------
    DataError
        If everybody is censored.
    """
    if outcome.events == 0:
        raise DataError(
            f"{what} needs one or more events; all {_size(outcome)} participants are censored.",
            remedy="Wait for events, or choose an endpoint that has some.",
        )


def _size(outcome: RightCensored | IntervalCensored) -> int:
    return outcome.time.size if isinstance(outcome, RightCensored) else outcome.left.size
