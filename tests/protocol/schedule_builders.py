"""The study's own calendar, and histories of one participant as rows of text."""

import tomllib
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from operandi.protocol.schedule import Visit, visits_on
from operandi.protocol.schedule_format import SchedulePlan, parse_schedule
from operandi.protocol.schedule_history import History

CALENDAR = Path(__file__).parent / "calendar.toml"


@dataclass(frozen=True)
class CycleRow:
    cycle: int
    date: date
    activity_gbq: Decimal = Decimal("7.4")
    participant: str = "P-01"


@dataclass(frozen=True)
class CyclePlanRow:
    cycle: int
    planned_on: date
    recorded_on: date
    state: str = "planned"
    reason: str | None = None
    participant: str = "P-01"


@dataclass(frozen=True)
class VisitRow:
    visit: str
    on: date
    state: str = "done"
    reason: str | None = None
    participant: str = "P-01"


@dataclass(frozen=True)
class ImagingVisitRow:
    timepoint: str
    date: date
    participant: str = "P-01"


@dataclass(frozen=True)
class ConsentRow:
    on: date
    state: str = "signed"
    kind: str = "study"
    participant: str = "P-01"


@cache
def study_content() -> dict[str, Any]:
    return tomllib.loads(CALENDAR.read_text(encoding="utf-8"))


@cache
def the_plan() -> SchedulePlan:
    return parse_schedule(study_content())


def day(text: str) -> date:
    return date.fromisoformat(text)


def given(cycle: int, on: str, *, gbq: str = "7.4") -> CycleRow:
    return CycleRow(cycle, day(on), Decimal(gbq))


def planned(cycle: int, on: str, *, recorded: str = "2024-12-01") -> CyclePlanRow:
    return CyclePlanRow(cycle, day(on), day(recorded))


def canceled(cycle: int, *, recorded: str, reason: str | None = None) -> CyclePlanRow:
    return CyclePlanRow(cycle, day(recorded), day(recorded), "cancelled", reason)


def a_history(*rows: object, consent: str | None = "2024-11-20") -> History:
    """Sort rows into their tables; consent is signed long before unless it is None."""

    def of(kind: type) -> tuple[Any, ...]:
        return tuple(row for row in rows if isinstance(row, kind))

    signed = () if consent is None else (ConsentRow(day(consent)),)
    return History(
        participant="P-01",
        cycles=of(CycleRow),
        cycle_plans=of(CyclePlanRow),
        visits=of(VisitRow),
        imaging_visits=of(ImagingVisitRow),
        consents=(*signed, *of(ConsentRow)),
    )


def visit_on(code: str, on: str, history: History, plan: SchedulePlan | None = None) -> Visit:
    """How one visit stands on a day."""
    (found,) = [
        visit for visit in visits_on(plan or the_plan(), history, on=day(on)) if visit.code == code
    ]
    return found
