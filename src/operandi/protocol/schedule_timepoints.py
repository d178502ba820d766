"""The imaging visits of a study file as the timepoints of ``study.toml``."""

from collections.abc import Iterator
from datetime import date, timedelta

from operandi.domain.identity import TimepointCode
from operandi.domain.timepoint import Timepoint
from operandi.protocol.schedule_format import DAYS, CyclePlan, SchedulePlan, VisitPlan, Window
from operandi.protocol.schedule_point import Point
from operandi.quantities.errors import DataError


def timepoints_of(plan: SchedulePlan) -> tuple[Timepoint, ...]:
    """Make a timepoint of every PET-MRI visit, in the order of the study file.

    A timepoint's window is in days from one cycle, the same for everybody. It becomes the widest
    that the visit's own window can be, over months of any length, cycles at the end of their
    tolerance and every alternative: what the protocol admits, the timepoint admits.

    Raises
    ------
    DataError
        If a visit does not count from a cycle, or its window is open at one end.
    """
    return tuple(_timepoint(visit, plan) for visit in plan.visit if visit.kind == "pet_mri")


def _timepoint(visit: VisitPlan, plan: SchedulePlan) -> Timepoint:
    cycle = plan.cycles_by_code().get(visit.anchor)
    windows = (visit.window, *(other.window for other in visit.alternative))
    first = [days for window in windows for days in _first_days(window, visit.anchor, plan)]
    last = [days for window in windows for days in _last_days(window, visit.anchor, plan)]
    if cycle is None or not first or not last:
        raise DataError(
            f"Visit {visit.code} has no window in days from a cycle.",
            remedy="Anchor it to a cycle and give its window both ends.",
        )
    return Timepoint(
        TimepointCode(visit.code), visit.title, f"cycle {cycle.number}", (min(first), max(last))
    )


def _first_days(window: Window, anchor: str, plan: SchedulePlan) -> Iterator[int]:
    for day in DAYS:
        days = [_days(bound, anchor, plan, day, sign=-1) for bound in window.starts()]
        yield from [max(known)] if (known := [one for one in days if one is not None]) else []


def _last_days(window: Window, anchor: str, plan: SchedulePlan) -> Iterator[int]:
    for day in DAYS:
        days = [_days(bound, anchor, plan, day, sign=1) for bound in window.ends()]
        yield from [min(known)] if (known := [one for one in days if one is not None]) else []


def _days(
    bound: tuple[str, Point, int], anchor: str, plan: SchedulePlan, anchor_on: date, *, sign: int
) -> int | None:
    """Days from the anchor to a bound; None where the bound does not count from the anchor."""
    _, point, more = bound
    between = _cycles_between(anchor, point.anchor, plan)
    if between is None:
        return None
    day = anchor_on
    for cycle in between:
        day = day if cycle.spacing is None else cycle.spacing.after(day)
        if cycle.tolerance is not None:
            day = (cycle.tolerance if sign > 0 else -cycle.tolerance).after(day)
    return (point.on(day) + timedelta(days=more) - anchor_on).days


def _cycles_between(anchor: str, code: str, plan: SchedulePlan) -> list[CyclePlan] | None:
    cycles: list[CyclePlan] = []
    while code != anchor:
        cycle = plan.cycles_by_code().get(code)
        if cycle is None or cycle.after is None:
            return None
        cycles.insert(0, cycle)
        code = cycle.after
    return cycles
