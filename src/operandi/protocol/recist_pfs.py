"""Progression-free survival: the event or the censoring, its day and its reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from operandi.domain.date_interval import DateInterval
from operandi.protocol.recist import Response, TimepointResponse, until_progression
from operandi.quantities.errors import DataError

# Death or progression after more than one missed visit is censored (FDA 2018, appendix).
MISSED_THAT_CENSOR: Final = 2


class Cause(StrEnum):
    """Why the time ends."""

    PROGRESSION = "progression"
    DEATH = "death"
    NO_BASELINE = "no_baseline"
    NO_ASSESSMENT = "no_assessment"
    MISSED_ASSESSMENTS = "missed_assessments"
    NEW_THERAPY = "new_therapy"
    PROGRESSION_FREE = "progression_free"


@dataclass(frozen=True, slots=True)
class Course:
    """What progression-free survival is made of.

    Parameters
    ----------
    start : date
        From where the time counts.
    baseline : DateInterval, optional
        None where no exam precedes treatment.
    timepoints : tuple of TimepointResponse
        After baseline, in any order.
    planned : tuple of DateInterval
        Windows, both days included, in each of which one assessment was due.
    death : DateInterval, optional
    new_therapy : DateInterval, optional
        Start of the first anticancer therapy that is not the study's.
    """

    start: date
    baseline: DateInterval | None
    timepoints: tuple[TimepointResponse, ...]
    planned: tuple[DateInterval, ...]
    death: DateInterval | None = None
    new_therapy: DateInterval | None = None


@dataclass(frozen=True, slots=True)
class ProgressionFree:
    """Progression-free survival of one participant.

    Parameters
    ----------
    event : bool
        Progressed or died; else censored.
    on : DateInterval
        Day of the event or of the censoring, as far as it is known.
    cause : Cause
    reason : str
    free_until : DateInterval, optional
        Last adequate assessment without progression that counts: the event happened after it.
    """

    event: bool
    on: DateInterval
    cause: Cause
    reason: str
    free_until: DateInterval | None


def progression_free_survival(course: Course) -> ProgressionFree:
    """Time to the first progression or death, with the censoring rules of the FDA.

    Censored at the start without baseline or without any adequate assessment after it, unless
    the participant died before two assessments were missed; at the last adequate assessment
    before two or more consecutive missed ones that an event follows, before another therapy
    that an event follows, and where nothing happened. An assessment is adequate unless it is
    not evaluable.

    Raises
    ------
    DataError
        If death lies before the start or before an exam, or the order of two days that decides
        cannot be told.

    References
    ----------
    .. [1] FDA, Clinical Trial Endpoints for the Approval of Cancer Drugs and Biologics,
       guidance for industry, 2018, appendix on progression-free survival.
    """
    # What lies after a baseline that nobody made cannot be compared with it.
    seen = until_progression(course.timepoints if course.baseline else ())
    _refuse_life_after_death(course)
    progression = next((one for one in seen if one.overall is Response.PD), None)
    event = progression.on if progression else course.death
    free = [one.on for one in seen if one.overall not in {Response.NE, Response.PD}]
    therapy = course.new_therapy
    if therapy and not (event and _not_after(event, therapy)):
        return _censored_by(therapy, course, free)
    last = free[-1] if free else None
    if event is None:
        return _nothing_happened(course, last)
    missed = _missed(course.planned, since=last or DateInterval.on(course.start), until=event)
    if len(missed) >= MISSED_THAT_CENSOR:
        windows = ", ".join(str(window) for window in missed)
        reason = f"{len(missed)} assessments missed before the event on {event}: {windows}"
        return _censored(course, last, Cause.MISSED_ASSESSMENTS, reason)
    if progression:
        reason = f"progression on {event}" + (f": {progression.why}" if progression.why else "")
        return ProgressionFree(
            event=True, on=event, cause=Cause.PROGRESSION, reason=reason, free_until=last
        )
    reason = f"death on {event} without progression before"
    return ProgressionFree(event=True, on=event, cause=Cause.DEATH, reason=reason, free_until=last)


def _refuse_life_after_death(course: Course) -> None:
    if course.death is None:
        return
    alive = [DateInterval.on(course.start), *(one.on for one in course.timepoints)]
    after = [day for day in alive if course.death.latest < day.earliest]
    if after:
        raise DataError(
            f"Death on {course.death}, and start or exams after it: "
            f"{', '.join(str(day) for day in after)}.",
            remedy="Correct the day of death or of the exam.",
        )


def _not_after(event: DateInterval, therapy: DateInterval) -> bool:
    """Whether an event came before another therapy, or on its first day."""
    if event.latest <= therapy.earliest:
        return True
    if therapy.latest < event.earliest:
        return False
    raise DataError(
        f"Whether the event on {event} came before the other therapy on {therapy} cannot be told.",
        remedy="Record both days in full.",
    )


def _censored_by(
    therapy: DateInterval, course: Course, free: Sequence[DateInterval]
) -> ProgressionFree:
    before = [day for day in free if day.latest <= therapy.earliest]
    reason = f"another anticancer therapy from {therapy}, no event before"
    return _censored(course, before[-1] if before else None, Cause.NEW_THERAPY, reason)


def _nothing_happened(course: Course, last: DateInterval | None) -> ProgressionFree:
    if course.baseline is None:
        reason = "no exam on or before the start of treatment"
        return _censored(course, None, Cause.NO_BASELINE, reason)
    if last is None:
        reason = "no adequate assessment after baseline"
        return _censored(course, None, Cause.NO_ASSESSMENT, reason)
    return _censored(course, last, Cause.PROGRESSION_FREE, "no event until the last assessment")


def _missed(
    planned: Sequence[DateInterval], *, since: DateInterval, until: DateInterval
) -> list[DateInterval]:
    """Windows that passed wholly between the last adequate assessment and the event."""
    between = [
        window
        for window in planned
        if since.latest < window.earliest and window.latest < until.earliest
    ]
    return sorted(between, key=lambda window: window.earliest)


def _censored(
    course: Course, last: DateInterval | None, cause: Cause, reason: str
) -> ProgressionFree:
    on = last or DateInterval.on(course.start)
    where = "last adequate assessment" if last else "start"
    reason = f"censored at the {where}, {on}: {reason}"
    return ProgressionFree(event=False, on=on, cause=cause, reason=reason, free_until=last)
