"""The windows of criteria as days, at one gate of one participant, and how long they hold a day."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from operandi.domain.date_interval import DateInterval
from operandi.protocol.format import Gate, StudyProtocol
from operandi.protocol.rules import GATE
from operandi.protocol.schedule_anchors import AnchorDay
from operandi.protocol.schedule_format import Window
from operandi.protocol.schedule_point import Point
from operandi.protocol.verdict import NEVER_ENDS, Missing
from operandi.protocol.windows import Span


@dataclass(frozen=True, slots=True)
class Moment:
    """An anchor's day at a gate.

    Parameters
    ----------
    on : date or None
        None where it is not known.
    moves : bool
        Whether the day may still become a later one: not of what has happened.
    missing : frozenset of Missing
        What to record where it is not known.
    """

    on: date | None
    moves: bool
    missing: frozenset[Missing] = frozenset()


@dataclass(frozen=True, slots=True)
class EvidenceDays:
    """A window as days.

    Parameters
    ----------
    span : Span
        Open on both sides where anchors are missing.
    starts, ends : tuple of (Point, int, Moment)
        What bounds it: the point, days added to it, and its anchor's day.
    missing : frozenset of Missing
        What to record before it can be dated.
    """

    span: Span
    starts: tuple[tuple[Point, int, Moment], ...] = ()
    ends: tuple[tuple[Point, int, Moment], ...] = ()
    missing: frozenset[Missing] = frozenset()

    def holds_until(self, days: DateInterval) -> date:
        """Last day of the moving anchors on which all of *days*, within now, are still within."""
        return _last_anchor(self.starts, days.earliest)

    def holds_day_until(self, day: date | None) -> date:
        """Last day of the moving anchors on which a row of *day* still counts."""
        return NEVER_ENDS if day is None else _last_anchor(self.starts, day)

    def excludes_until(self, days: DateInterval) -> date:
        """Last day of the moving anchors on which *days*, behind the end now, are still behind."""
        last = self.span.last
        if last is None or days.earliest <= last:
            return NEVER_ENDS
        return _last_anchor(self.ends, days.earliest - timedelta(days=1))


def _last_anchor(bounds: Iterable[tuple[Point, int, Moment]], day: date) -> date:
    moving = [(point, days) for point, days, moment in bounds if moment.moves]
    return min((_anchor_for(p, day - timedelta(days=n)) for p, n in moving), default=NEVER_ENDS)


def _anchor_for(point: Point, day: date) -> date:
    """Last day of the anchor from which the point is not after *day*."""
    for step in reversed(point.steps):
        day = step.latest_anchor(day)
    return day


ANY_DAY: Final = EvidenceDays(Span(None, None))


class Dating:
    """Dates the windows of one participant at one gate, each once."""

    __slots__ = ("_dated", "_moments", "_study", "cycle", "gate")

    def __init__(
        self,
        study: StudyProtocol,
        days: Mapping[str, AnchorDay],
        *,
        gate: Gate,
        cycle: int | None,
        on: date,
    ) -> None:
        self._study = study
        self.gate = gate
        self.cycle = cycle
        events = {anchor.code: anchor.event for anchor in study.anchor}
        self._moments = {
            code: _moment(day, events.get(code, ""), on=on) for code, day in days.items()
        }
        inclusion = next((code for code, event in events.items() if event == "inclusion"), None)
        asked = inclusion if gate == "G1" else f"C{cycle}"
        provisional = Moment(on, moves=True)
        self._moments[GATE] = self._moments[asked] if asked is not None else provisional
        self._dated: dict[str, EvidenceDays] = {}

    def moment(self, code: str) -> Moment:
        """The day of an anchor."""
        return self._moments[code]

    def window(self, name: str | None) -> EvidenceDays:
        """The days of a window."""
        if name is None:
            return ANY_DAY
        if name not in self._dated:
            self._dated[name] = _window(self._study.window[name], self._moments)
        return self._dated[name]


def _window(window: Window, moments: Mapping[str, Moment]) -> EvidenceDays:
    starts = tuple((point, days, moments[point.anchor]) for _, point, days in window.starts())
    ends = tuple((point, days, moments[point.anchor]) for _, point, days in window.ends())
    missing = frozenset(m for _, _, moment in (*starts, *ends) for m in moment.missing)
    if missing:
        return EvidenceDays(Span(None, None), missing=missing)
    span = Span(max(_days(starts), default=None), min(_days(ends), default=None))
    return EvidenceDays(span, starts, ends)


def _days(bounds: Iterable[tuple[Point, int, Moment]]) -> Iterable[date]:
    for point, days, moment in bounds:
        if moment.on is not None:
            yield point.on(moment.on) + timedelta(days=days)


def _moment(day: AnchorDay, event: str, *, on: date) -> Moment:
    if day.on is not None:
        return Moment(day.on, moves=day.basis == "planned")
    if event == "inclusion":
        # Until eligibility is confirmed, the question is always whether it could be today.
        return Moment(on, moves=True)
    if event == "consent":
        what = "a signed consent to the study (consents)"
    elif day.basis == "canceled":
        what = f"a cycle {day.code[1:]} that is not canceled (cycle_plans)"
    else:
        what = f"the planned day of cycle {(day.needs or day.code)[1:]} (cycle_plans)"
    return Moment(None, moves=False, missing=frozenset({Missing(f"needs {what}")}))
