"""The calendar as ODM and USDM time it: one event before, a duration, a window around it.

Durations are ISO 8601. Both standards add months as a study file does, clamped to the month's last
day (XML Schema 1.0 part 2, appendix E). What cannot be said exactly is named, never approximated.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from operandi.protocol.schedule_format import CyclePlan, SchedulePlan, VisitPlan
from operandi.protocol.schedule_point import Point
from operandi.protocol.windows import Offset

_Part = tuple[Literal["month", "day"], int]
_UNITS: Final[dict[str, tuple[Literal["month", "day"], int]]] = {
    "day": ("day", 1),
    "week": ("day", 7),
    "month": ("month", 1),
    "year": ("month", 12),
}


@dataclass(frozen=True, slots=True)
class Timing:
    """When something is to be done.

    ``offset`` counts from ``anchor``; None where no duration says it. ``earlier`` and ``later``
    are how far the day may be from that; None where there is no bound that can be written.
    ``lost`` says what of the calendar is in none of these.
    """

    code: str
    anchor: str
    offset: str | None
    earlier: str | None
    later: str | None
    lost: tuple[str, ...] = ()


def timings_of(study: SchedulePlan) -> tuple[Timing, ...]:
    """Time the cycles that follow another event, then the visits, as the study lists them."""
    cycles = (timing for cycle in study.cycle for timing in _of_cycle(cycle))
    return (*cycles, *(_of_visit(visit) for visit in study.visit))


def _of_cycle(cycle: CyclePlan) -> Iterator[Timing]:
    if cycle.after is None or cycle.spacing is None:
        return
    tolerance = Offset(0, "day") if cycle.tolerance is None else cycle.tolerance
    width = _duration(_merged((tolerance,)))
    yield Timing(
        cycle.code, cycle.after, _duration(_merged((cycle.spacing,))), earlier=width, later=width
    )


def _of_visit(visit: VisitPlan) -> Timing:
    starts, ends = [*visit.window.starts()], [*visit.window.ends()]
    place = f"visit {visit.code}"
    lost: list[str] = []
    if visit.target is not None:
        anchor, target = visit.target.anchor, _merged(visit.target.steps)
    else:
        bounds = [bound for bound in (*starts, *ends) if bound[1].anchor == visit.anchor]
        (key, point, days), anchor = bounds[0], visit.anchor
        target = _merged(point.steps, days)
        lost.append(f"{place}: that it has no target; its bound {key} {point} is written as one")
    offset = _duration(target)
    if offset is None:
        lost.append(f"{place}: its target, which no single duration says")
    widths: list[str | None] = []
    for sign, several in ((-1, starts), (1, ends)):
        width: str | None = None
        for key, point, days in several:
            found = None if offset is None else _width(point, days, anchor, target, sign)
            if found is not None and width is None:
                width = found
            else:
                lost.append(f"{place}, window: {key} {point}, which is no duration from its target")
        widths.append(width)
    lost += (
        f"{place}, alternative: what holds where {other.when_cancelled} is cancelled"
        for other in visit.alternative
    )
    return Timing(visit.code, anchor, offset, widths[0], widths[1], tuple(lost))


def _width(
    point: Point, days: int, anchor: str, target: tuple[_Part, ...], sign: int
) -> str | None:
    """How far a bound is from the target, outwards."""
    if point.anchor != anchor:
        return None
    bound = _merged(point.steps, days)
    if all(kind == "day" for kind, _ in (*bound, *target)):
        apart: tuple[_Part, ...] = (("day", sum(n for _, n in bound) - sum(n for _, n in target)),)
    elif bound[: len(target)] == target:
        apart = bound[len(target) :]
    else:
        return None
    # A month and a day are counted in another order from the other end.
    if len(apart) > 1 or any(sign * count < 0 for _, count in apart):
        return None
    return _duration(tuple((kind, sign * count) for kind, count in apart))


def _merged(steps: tuple[Offset, ...], days: int = 0) -> tuple[_Part, ...]:
    """Steps in months and days; only days that follow each other are added up."""
    merged: list[_Part] = []
    for step in (*steps, Offset(days, "day")):
        kind, each = _UNITS[step.unit]
        count = step.count * each
        if merged and kind == "day" and merged[-1][0] == "day":
            count += merged.pop()[1]
        if count:
            merged.append((kind, count))
    return tuple(merged)


def _duration(steps: tuple[_Part, ...]) -> str | None:
    """ISO 8601, or None where the order or the signs of the steps say more than it can.

    >>> _duration((("month", -12),)), _duration((("month", 1), ("day", 3))), _duration(())
    ('-P1Y', 'P1M3D', 'P0D')
    """
    kinds = [kind for kind, _ in steps]
    negative = any(count < 0 for _, count in steps)
    if kinds not in ([], ["month"], ["day"], ["month", "day"]) or (
        negative and any(count > 0 for _, count in steps)
    ):
        return None
    written = "-P" if negative else "P"
    for kind, count in steps:
        years, months = divmod(abs(count), 12)
        if kind == "day":
            written += f"{abs(count)}D"
        else:
            written += (f"{years}Y" if years else "") + (f"{months}M" if months else "")
    return written if steps else "P0D"
