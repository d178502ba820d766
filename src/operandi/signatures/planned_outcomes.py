"""Outcomes of a plan as models and descriptions take them."""

from typing import Final

import numpy as np

from operandi.signatures.data import IntervalCensored, RightCensored
from operandi.signatures.endpoint_values import BinaryEndpoint, Ending
from operandi.signatures.results_cohort import AnalyzedStep, CountedReason
from operandi.signatures.survival.cumulative_incidence import CompetingOutcome
from operandi.signatures.tables import CohortStep, EndpointData, PlannedData

_CAUSES: Final = {
    "progression": frozenset({Ending.PROGRESSION, Ending.PROGRESSION_AFTER_GAP}),
    "death": frozenset({Ending.DEATH, Ending.DEATH_AFTER_GAP}),
}


def learned_outcome(given: EndpointData) -> RightCensored:
    """What models are fitted to: right ends; of yes/no one time for all, the event a yes."""
    if given.times is not None:
        return given.times
    value = np.zeros(given.rows.size, dtype=np.bool_) if given.value is None else given.value
    return RightCensored(time=np.ones(value.size), event=value)


def interval_outcome(given: EndpointData) -> IntervalCensored | None:
    """Intervals, where an event lies between two days; None where every day is known."""
    found = given.intervals
    if found is None or not bool(np.any(np.isfinite(found.right) & ~found.exact)):
        return None
    return found


def endings_of(data: PlannedData, given: EndpointData) -> tuple[Ending, ...]:
    """How the time of each row ends; empty of a yes/no endpoint."""
    if isinstance(given.described, BinaryEndpoint):
        return ()
    by_person = dict(zip(given.described.participants, given.described.endings, strict=True))
    people = data.predictors.participants
    return tuple(by_person[people[row]] for row in given.rows if people[row] in by_person)


def competing_outcome(data: PlannedData, given: EndpointData) -> CompetingOutcome | None:
    """Progression and death told apart; None unless both were seen."""
    endings = endings_of(data, given)
    if given.times is None or len(endings) != given.rows.size:
        return None
    cause = np.zeros(len(endings), dtype=np.int64)
    for number, those in enumerate(_CAUSES.values(), start=1):
        cause[[ending in those for ending in endings] & given.times.event] = number
    if len(set(cause[cause > 0].tolist())) < len(_CAUSES):
        return None
    return CompetingOutcome(time=given.times.time, cause=cause, names=tuple(_CAUSES))


def counted_endings(data: PlannedData, given: EndpointData) -> tuple[CountedReason, ...]:
    """How many times end in each way."""
    endings = endings_of(data, given)
    return tuple(
        CountedReason(reason=one.value, participants=endings.count(one))
        for one in dict.fromkeys(sorted(endings))
    )


def counted_exclusions(given: EndpointData) -> tuple[CountedReason, ...]:
    """How many have no value of the endpoint, by reason, the steps to it included."""
    return tuple(
        CountedReason(reason=one.reason, participants=len(one.participants))
        for step in given.flow
        for one in step.left_out
    )


def analyzed_steps(steps: tuple[CohortStep, ...]) -> tuple[AnalyzedStep, ...]:
    """The participant flow as plain data."""
    return tuple(
        AnalyzedStep(
            title=step.step,
            remaining=step.after,
            left_out=tuple(
                CountedReason(reason=one.reason, participants=len(one.participants))
                for one in step.left_out
            ),
        )
        for step in steps
    )
