"""When each visit of a participant is due, and how it stands on a day.

One function, :func:`visits_on`, says the state of every visit; tables, calendars and deviations
only show it. Decision 0016.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from operandi.protocol.schedule_anchors import AnchorDay, anchor_days
from operandi.protocol.schedule_format import CyclePlan, SchedulePlan, VisitKind, VisitPlan
from operandi.protocol.schedule_history import History
from operandi.protocol.schedule_windows import DatedWindow, cycle_window_of, window_of
from operandi.protocol.windows import Span


class State(StrEnum):
    """How a visit stands on a day; always exactly one."""

    NOT_YET = "not yet"
    DUE = "due"
    DONE = "done"
    EARLY = "early"
    """Done before its window."""
    LATE = "late"
    """Done after its window; or not done, its window over, and nothing in the way of it yet."""
    MISSED = "missed"
    """Recorded as missed; or not done, and what it had to come before has happened."""
    NOT_APPLICABLE = "not applicable"
    CANNOT_BE_DATED = "cannot be dated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A visit of one participant as it stands on a day.

    Parameters
    ----------
    participant, code, title, kind : str
        Which visit; a cycle is a visit of kind ``cycle``.
    state : State
        On the day that was asked for.
    why : str
        A sentence.
    window : DatedWindow
        When it should be.
    done_on : date or None
        When it was.
    """

    participant: str
    code: str
    title: str
    kind: VisitKind
    state: State
    why: str
    window: DatedWindow
    done_on: date | None


def visits_on(plan: SchedulePlan, history: History, *, on: date) -> tuple[Visit, ...]:
    """Say how every cycle and visit of a participant stands on a day.

    What is recorded of later days is not looked at.

    Parameters
    ----------
    plan : SchedulePlan
        Of the study.
    history : History
        Of the participant.
    on : date
        The day.
    """
    known = history.known_on(on)
    anchors = anchor_days(plan, known)
    cycles = [_cycle_visit(cycle, plan, known, anchors, on=on) for cycle in plan.cycle]
    return (*cycles, *(_visit(visit, known, anchors, on=on) for visit in plan.visit))


def _cycle_visit(
    cycle: CyclePlan,
    plan: SchedulePlan,
    history: History,
    anchors: Mapping[str, AnchorDay],
    *,
    on: date,
) -> Visit:
    window = cycle_window_of(cycle, plan, anchors)
    done_on = history.given_on(cycle.number)
    state, why = _judged(window, done_on, history, anchors, on=on)
    anchor = anchors[cycle.code]
    appointed = anchor.on if anchor.basis == "planned" else None
    if appointed and state in {State.NOT_YET, State.DUE} and not window.span.holds(appointed):
        why += f" It is {anchor.why}, which is outside its window {window.span}."
    return Visit(
        participant=history.participant,
        code=cycle.code,
        title=f"Cycle {cycle.number}",
        kind="cycle",
        state=state,
        why=why,
        window=window,
        done_on=done_on,
    )


def _visit(
    visit: VisitPlan, history: History, anchors: Mapping[str, AnchorDay], *, on: date
) -> Visit:
    window = window_of(visit, anchors)
    done_on = _done_on(visit, history, window)
    closed = [
        row
        for row in sorted(history.visits, key=lambda row: row.on)
        if row.visit == visit.code and row.state != "done"
    ]
    if done_on is None and closed:
        row = closed[-1]
        state = State.MISSED if row.state == "missed" else State.NOT_APPLICABLE
        why = f"Recorded as {row.state} on {row.on}" + (f": {row.reason}." if row.reason else ".")
    else:
        state, why = _judged(window, done_on, history, anchors, on=on)
    return Visit(
        participant=history.participant,
        code=visit.code,
        title=visit.title,
        kind=visit.kind,
        state=state,
        why=why,
        window=window,
        done_on=done_on,
    )


def _done_on(visit: VisitPlan, history: History, window: DatedWindow) -> date | None:
    """Day on which the visit was done: the first within its window, else the first."""
    days = {row.on for row in history.visits if row.visit == visit.code and row.state == "done"}
    if visit.kind == "pet_mri":
        days |= {row.date for row in history.imaging_visits if row.timepoint == visit.code}
    if visit.kind == "consent" and history.consented_on is not None:
        days.add(history.consented_on)
    return min(days, key=lambda day: (not window.settled.holds(day), day), default=None)


def _judged(
    window: DatedWindow,
    done_on: date | None,
    history: History,
    anchors: Mapping[str, AnchorDay],
    *,
    on: date,
) -> tuple[State, str]:
    if done_on is not None:
        return _judged_done(window, done_on, anchors)
    ended = history.consent_ended_on
    if ended is None:
        return _judged_open(window, anchors, on=on)
    ended_on, word = ended
    state, why = _judged_open(window, anchors, on=ended_on)
    if state is State.LATE:
        return State.MISSED, f"{why} Consent was {word} on {ended_on}."
    if state in {State.MISSED, State.NOT_APPLICABLE}:
        return state, why
    return State.NOT_APPLICABLE, f"Consent was {word} on {ended_on}."


def _judged_done(
    window: DatedWindow, done_on: date, anchors: Mapping[str, AnchorDay]
) -> tuple[State, str]:
    """Judge by what has happened: a plan can move yet, and the visit with it."""
    first, last = window.settled.first, window.settled.last
    if first is not None and done_on < first:
        days = _days((first - done_on).days)
        return State.EARLY, f"Done on {done_on}, {days} before its window opened on {first}."
    if last is not None and done_on > last:
        days = _days((done_on - last).days)
        return State.LATE, f"Done on {done_on}, {days} after its window closed on {last}."
    if window.follows:
        clauses = [f"{code}, {anchors[code].why}" for code in window.follows]
        return State.EARLY, f"Done on {done_on}, before {' and '.join(clauses)}."
    return State.DONE, f"Done on {done_on}{_as_far_as_known(window, done_on)}."


def _as_far_as_known(window: DatedWindow, done_on: date) -> str:
    if window.needs:
        return f"; its window needs {_listed(window.needs)}"
    if window.span == Span(None, None):
        return ""
    if not window.span.holds(done_on):
        return f"; as planned now, its window is {window.span}"
    return f", within its window {window.span}"


def _judged_open(
    window: DatedWindow, anchors: Mapping[str, AnchorDay], *, on: date
) -> tuple[State, str]:
    """Judge what is not done."""
    last = window.span.last
    if window.canceled:
        clauses = [f"{code} was {anchors[code].why}" for code in window.canceled]
        return State.NOT_APPLICABLE, f"{'; '.join(clauses)}."
    if window.overtaken_by and (last is None or on > last):
        past = _listed(window.overtaken_by)
        return State.MISSED, f"Nothing is recorded, and it had to come before {past}."
    if window.needs:
        clauses = [f"{code}, {anchors[code].why}" for code in window.needs]
        return State.CANNOT_BE_DATED, f"Needs the day of {'; of '.join(clauses)}."
    if window.holds_no_day:
        why = f"No day is left: its window would open on {window.span.first} and close on {last}."
        return State.CANNOT_BE_DATED, why
    return _judged_by_day(window, anchors, on=on)


def _judged_by_day(
    window: DatedWindow, anchors: Mapping[str, AnchorDay], *, on: date
) -> tuple[State, str]:
    first, last = window.span.first, window.span.last
    if first is not None and on < first:
        return State.NOT_YET, f"Opens on {first}, in {_days((first - on).days)}."
    if window.follows:
        clauses = [f"{code}, {anchors[code].why}" for code in window.follows]
        return State.NOT_YET, f"Waits for {' and '.join(clauses)}."
    if last is not None and on > last:
        late = _days((on - last).days)
        return State.LATE, f"Nothing is recorded {late} after its window closed on {last}."
    until = "with no last day" if last is None else f"until {last}"
    best = f"; best on {window.target}" if window.target else ""
    return State.DUE, f"Due {until}{best}."


def _days(count: int) -> str:
    return f"{count} day" if count == 1 else f"{count} days"


def _listed(codes: tuple[str, ...]) -> str:
    return " and ".join(codes)
