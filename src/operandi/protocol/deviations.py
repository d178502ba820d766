"""Where a participant's course left the protocol. Plans are not judged, only what happened."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from operandi.protocol.schedule import State, Visit, visits_on
from operandi.protocol.schedule_format import CyclePlan, SchedulePlan
from operandi.protocol.schedule_history import History

DeviationKind = Literal[
    "outside_window",
    "after_cycle",
    "missed",
    "cycle_interval",
    "activity",
    "after_hold",
    "before_consent",
    "unplanned",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """One thing that was not as the protocol has it.

    Parameters
    ----------
    participant, code : str
        Whose, and at which visit or cycle.
    kind : str
        ``after_cycle``: done on the day of the cycle it had to come before, or later.
        ``unplanned``: a cycle or visit that the study file does not declare.
    on : date
        The day it concerns.
    days : int or None
        Days outside the window, negative before it; None where no days are counted.
    what : str
        A sentence.
    """

    participant: str
    code: str
    kind: DeviationKind
    on: date
    days: int | None
    what: str


def deviations_on(
    plan: SchedulePlan, history: History, *, on: date, holds: Mapping[int, str] | None = None
) -> tuple[Deviation, ...]:
    """List what left the protocol by a day, in order of time.

    Parameters
    ----------
    plan, history : SchedulePlan, History
        Of the study and the participant.
    on : date
        What is recorded of later days is not looked at.
    holds : mapping of int to str, optional
        Cycles that were to be held by their go/no-go, with the reason. A cycle that was given
        while its plan stood as canceled is listed without.
    """
    known = history.known_on(on)
    visits = visits_on(plan, known, on=on)
    unconsented = [*_before_consent(plan, known, visits)]
    told = {one.code for one in unconsented}
    found = [
        *(
            one
            for visit in visits
            for one in _of_visit(visit, on=on)
            if not _is_told(visit, known, told)
        ),
        *unconsented,
        *_unplanned(plan, known),
        *(one for cycle in plan.cycle for one in _of_cycle(cycle, known, holds or {})),
    ]
    return tuple(sorted(found, key=lambda one: (one.on, one.code, one.kind)))


def _of_visit(visit: Visit, *, on: date) -> Iterator[Deviation]:
    if visit.state is State.MISSED:
        yield _deviation(visit, "missed", on=visit.window.span.last or on)
    if visit.done_on is None or visit.state not in {State.EARLY, State.LATE}:
        return
    first, last = visit.window.settled.first, visit.window.settled.last
    days: int | None = None
    if visit.state is State.LATE and last is not None:
        days = (visit.done_on - last).days
    elif first is not None and visit.done_on < first:
        days = (visit.done_on - first).days
    kind: DeviationKind = "outside_window"
    if visit.kind == "cycle":
        kind = "cycle_interval"
    elif visit.kind == "pet_mri" and visit.state is State.LATE and visit.window.overtaken_by:
        kind = "after_cycle"
    yield _deviation(visit, kind, on=visit.done_on, days=days)


def _deviation(
    visit: Visit, kind: DeviationKind, *, on: date, days: int | None = None, what: str = ""
) -> Deviation:
    what = what or f"{visit.title}: {visit.why}"
    return Deviation(
        participant=visit.participant, code=visit.code, kind=kind, on=on, days=days, what=what
    )


def _is_told(visit: Visit, history: History, before_consent: set[str]) -> bool:
    """Whether it is early only for want of consent, which is listed by itself."""
    return visit.code in before_consent and visit.window.settled.first == history.consented_on


def _before_consent(
    plan: SchedulePlan, history: History, visits: Sequence[Visit]
) -> Iterator[Deviation]:
    """Acts of the study on a day before consent was first signed, or without any consent."""
    acts = {visit.code for visit in plan.visit if visit.study_act and visit.kind != "consent"}
    acts |= {cycle.code for cycle in plan.cycle}
    consented_on = history.consented_on
    for visit in visits:
        if visit.code not in acts or visit.done_on is None:
            continue
        if consented_on is None:
            what = f"{visit.title} was done on {visit.done_on}; no signed consent is recorded."
        elif visit.done_on < consented_on:
            what = f"{visit.title} was done on {visit.done_on}, consent signed on {consented_on}."
        else:
            continue
        yield _deviation(visit, "before_consent", on=visit.done_on, what=what)


def _unplanned(plan: SchedulePlan, history: History) -> Iterator[Deviation]:
    recorded = {
        *((f"C{row.cycle}", row.date) for row in history.cycles),
        *((row.visit, row.on) for row in history.visits if row.state == "done"),
        *((row.timepoint, row.date) for row in history.imaging_visits),
    }
    codes = {*plan.cycles_by_code(), *(visit.code for visit in plan.visit)}
    for code, on in recorded:
        if code not in codes:
            yield Deviation(
                participant=history.participant,
                code=code,
                kind="unplanned",
                on=on,
                days=None,
                what=f"{code} was done on {on}; the study file declares none of that code.",
            )


def _of_cycle(cycle: CyclePlan, history: History, holds: Mapping[int, str]) -> Iterator[Deviation]:
    for row in history.cycles:
        if row.cycle != cycle.number:
            continue

        def deviation(kind: DeviationKind, what: str, on: date = row.date) -> Deviation:
            return Deviation(
                participant=history.participant,
                code=cycle.code,
                kind=kind,
                on=on,
                days=None,
                what=f"Cycle {cycle.number} {what}",
            )

        off = _percent_off(row.activity_gbq, cycle)
        if off:
            yield deviation("activity", f"was given with {row.activity_gbq} GBq, {off}.")
        if cycle.number in holds:
            yield deviation("after_hold", f"was given on hold: {holds[cycle.number]}")
        plan = history.known_on(row.date).last_plan(cycle.number)
        if plan is not None and plan.state == "cancelled":
            yield deviation(
                "after_hold", f"was given after {plan.recorded_on}, when it was canceled."
            )


def _percent_off(given_gbq: Decimal, cycle: CyclePlan) -> str:
    """Say by how much an activity differs, if by more than the study file allows."""
    tolerance = cycle.activity_tolerance_percent
    if tolerance is None:
        return ""
    planned = cycle.activity_gbq
    # Not divided: 8.14 of 7.4 is 10 % more exactly.
    if abs(given_gbq - planned) * 100 <= tolerance * planned:
        return ""
    percent = (given_gbq - planned) * 100 / planned
    return f"{percent:+.1f} % off the planned {planned} GBq; {tolerance} % are allowed"
