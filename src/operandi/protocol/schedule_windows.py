"""The window of each cycle and visit as days, from the days of its anchors."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from operandi.protocol.schedule_anchors import AnchorDay
from operandi.protocol.schedule_format import CyclePlan, SchedulePlan, VisitPlan, Window
from operandi.protocol.schedule_point import Point
from operandi.protocol.windows import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedWindow:
    """A window as days, as far as its anchors are known.

    Parameters
    ----------
    span : Span
        First and last day; None where there is no bound, or none that is known.
    settled : Span
        The same, by the anchors that have happened and so will not move.
    target : date or None
        The best day, within the span; of a cycle, the day it is planned for.
    needs : tuple of str
        Anchors to record before the window can be dated.
    canceled : tuple of str
        Anchors that will not happen.
    follows : tuple of str
        Anchors that the first day comes after and that have not happened.
    overtaken_by : tuple of str
        Anchors that the last day comes before and that have happened.
    """

    span: Span
    settled: Span
    target: date | None = None
    needs: tuple[str, ...] = ()
    canceled: tuple[str, ...] = ()
    follows: tuple[str, ...] = ()
    overtaken_by: tuple[str, ...] = ()

    @property
    def holds_no_day(self) -> bool:
        """Whether it closes before it opens."""
        first, last = self.span.first, self.span.last
        return first is not None and last is not None and first > last


def window_of(visit: VisitPlan, anchors: Mapping[str, AnchorDay]) -> DatedWindow:
    """Date the window of a visit; that of an alternative where its cycle is canceled."""
    window, target = visit.window, visit.target
    for other in visit.alternative:
        if anchors[other.when_cancelled].basis == "canceled":
            window, target = other.window, other.target
            break
    return _dated(window, target, anchors)


@dataclass(frozen=True, slots=True)
class _Bound:
    day: date
    anchor: AnchorDay

    @property
    def happened(self) -> bool:
        return self.anchor.basis == "actual"


def _bounds(
    points: Iterable[tuple[str, Point, int]], anchors: Mapping[str, AnchorDay]
) -> Iterator[_Bound]:
    for _, point, days in points:
        anchor = anchors[point.anchor]
        if anchor.on is not None:
            yield _Bound(point.on(anchor.on) + timedelta(days=days), anchor)


def _dated(window: Window, target: Point | None, anchors: Mapping[str, AnchorDay]) -> DatedWindow:
    starts, ends = [*_bounds(window.starts(), anchors)], [*_bounds(window.ends(), anchors)]
    hung_on = [anchors[point.anchor] for _, point, _ in (*window.starts(), *window.ends())]
    span = _narrowest(starts, ends)
    return DatedWindow(
        span=span,
        settled=_narrowest(
            [one for one in starts if one.happened], [one for one in ends if one.happened]
        ),
        target=_clipped(target, anchors, span),
        needs=_once(anchor.needs for anchor in hung_on if anchor.basis == "unknown"),
        canceled=_once(anchor.code for anchor in hung_on if anchor.basis == "canceled"),
        follows=_once(
            one.anchor.code
            for one in starts
            if one.anchor.on is not None and one.day >= one.anchor.on and not one.happened
        ),
        overtaken_by=_once(
            one.anchor.code
            for one in ends
            if one.anchor.on is not None and one.day <= one.anchor.on and one.happened
        ),
    )


def _narrowest(starts: Iterable[_Bound], ends: Iterable[_Bound]) -> Span:
    first = max((one.day for one in starts), default=None)
    return Span(first, min((one.day for one in ends), default=None))


def _once(codes: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(codes))


def _clipped(target: Point | None, anchors: Mapping[str, AnchorDay], span: Span) -> date | None:
    anchor_on = None if target is None else anchors[target.anchor].on
    if target is None or anchor_on is None:
        return None
    day = target.on(anchor_on)
    if span.last is not None:
        day = min(day, span.last)
    return day if span.first is None else max(day, span.first)


def cycle_window_of(
    cycle: CyclePlan, plan: SchedulePlan, anchors: Mapping[str, AnchorDay]
) -> DatedWindow:
    """Spacing and tolerance from the cycle before; the tolerance about the plan without one."""
    anchor = anchors[cycle.code]
    before = None if cycle.after is None else anchors[cycle.after]
    spaced = None
    if before is not None and before.on is not None and cycle.spacing is not None:
        spaced = cycle.spacing.after(before.on)
    planned_on = anchor.on if anchor.basis == "planned" else None
    span = _about(spaced or planned_on, cycle)
    overtaken_by = _given_before(cycle, plan, anchors)
    if span.last is not None:
        # Being out of turn closes it, whatever its tolerance allows.
        days = [on - timedelta(days=1) for on in overtaken_by.values()]
        span = Span(span.first, min([span.last, *days]))
    waits = before is not None and before.basis == "planned"
    return DatedWindow(
        span=span,
        settled=_about(None if waits else spaced, cycle),
        target=planned_on or spaced,
        needs=(anchor.needs,) if anchor.basis == "unknown" else (),
        canceled=(cycle.code,) if anchor.basis == "canceled" else (),
        follows=(before.code,) if before is not None and waits else (),
        overtaken_by=tuple(overtaken_by),
    )


def _given_before(
    cycle: CyclePlan, plan: SchedulePlan, anchors: Mapping[str, AnchorDay]
) -> dict[str, date]:
    """Later cycles that are given although this one is not, with their days."""
    if anchors[cycle.code].basis == "actual":
        return {}
    later = (anchors[other.code] for other in plan.cycle if other.number > cycle.number)
    return {day.code: day.on for day in later if day.basis == "actual" and day.on is not None}


def _about(middle: date | None, cycle: CyclePlan) -> Span:
    if middle is None or cycle.tolerance is None:
        return Span(middle, middle)
    return Span((-cycle.tolerance).after(middle), cycle.tolerance.after(middle))
