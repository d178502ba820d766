"""What is recorded of one participant that their calendar hangs on."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Protocol


class CycleRecord(Protocol):
    """A row of ``cycles``: what was given, and when."""

    @property
    def cycle(self) -> int:
        """Which, from 1."""

    @property
    def date(self) -> dt.date:
        """The day."""

    @property
    def activity_gbq(self) -> Decimal:
        """Administered."""


class CyclePlanRecord(Protocol):
    """A row of ``cycle_plans``: a cycle that is planned for a day, or canceled."""

    @property
    def cycle(self) -> int:
        """Which, from 1."""

    @property
    def planned_on(self) -> dt.date:
        """Day of the plan."""

    @property
    def recorded_on(self) -> dt.date:
        """Day of the entry."""

    @property
    def state(self) -> str:
        """What became of it, or the answer."""

    @property
    def reason(self) -> str | None:
        """In words."""


class VisitRecord(Protocol):
    """A row of ``visits``: one that was done, missed or canceled."""

    @property
    def visit(self) -> str:
        """Code of the visit."""

    @property
    def on(self) -> dt.date:
        """The day."""

    @property
    def state(self) -> str:
        """What became of it, or the answer."""

    @property
    def reason(self) -> str | None:
        """In words."""


class ImagingVisitRecord(Protocol):
    """A row of ``imaging_visits``: images were taken."""

    @property
    def timepoint(self) -> str:
        """Code of the visit."""

    @property
    def date(self) -> dt.date:
        """The day."""


class ConsentRecord(Protocol):
    """A row of ``consents``."""

    @property
    def kind(self) -> str:
        """What for."""

    @property
    def state(self) -> str:
        """What became of it, or the answer."""

    @property
    def on(self) -> dt.date:
        """The day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The rows of one participant.

    Parameters
    ----------
    participant : str
        Pseudonym.
    cycles, cycle_plans, visits, imaging_visits, consents : tuple of rows
        Of the tables of these names, in the order of their files.
    included_on : date or None
        Day of the signed confirmation of eligibility.
    """

    participant: str
    cycles: tuple[CycleRecord, ...] = ()
    cycle_plans: tuple[CyclePlanRecord, ...] = ()
    visits: tuple[VisitRecord, ...] = ()
    imaging_visits: tuple[ImagingVisitRecord, ...] = ()
    consents: tuple[ConsentRecord, ...] = ()
    included_on: dt.date | None = None

    def known_on(self, day: dt.date) -> "History":
        """What had happened by *day*; a plan counts from the day it was recorded.

        A visit is canceled for a day that may be to come, and no row says since when that is
        known: it counts at once.
        """
        included_on = self.included_on
        return replace(
            self,
            cycles=tuple(row for row in self.cycles if row.date <= day),
            cycle_plans=tuple(row for row in self.cycle_plans if row.recorded_on <= day),
            visits=tuple(row for row in self.visits if row.on <= day or row.state == "cancelled"),
            imaging_visits=tuple(row for row in self.imaging_visits if row.date <= day),
            consents=tuple(row for row in self.consents if row.on <= day),
            included_on=None if included_on is None or included_on > day else included_on,
        )

    def given_on(self, cycle: int) -> dt.date | None:
        """Day on which a cycle was given; None if none is recorded."""
        return min((row.date for row in self.cycles if row.cycle == cycle), default=None)

    def last_plan(self, cycle: int) -> CyclePlanRecord | None:
        """What was recorded last of the plan for a cycle; of one day, what stands lower."""
        rows = [row for row in self.cycle_plans if row.cycle == cycle]
        return sorted(rows, key=lambda row: row.recorded_on)[-1] if rows else None

    @property
    def consented_on(self) -> dt.date | None:
        """Day on which consent to the study was first signed."""
        signed = (row.on for row in self._consents_to_study() if row.state == "signed")
        return min(signed, default=None)

    @property
    def consent_ended_on(self) -> tuple[dt.date, str] | None:
        """Day and word of a refusal or withdrawal that still holds."""
        decided = [row for row in self._consents_to_study() if row.state != "pending"]
        if not decided:
            return None
        last = sorted(decided, key=lambda row: row.on)[-1]
        return None if last.state == "signed" else (last.on, last.state)

    def _consents_to_study(self) -> Iterable[ConsentRecord]:
        return (row for row in self.consents if row.kind == "study")


def histories(
    rows: Mapping[str, Sequence[Any]], *, included_on: Mapping[str, dt.date] | None = None
) -> dict[str, History]:
    """Part the rows of the tables by participant, in the order of ``participants``."""

    def of(participant: str, table: str) -> tuple[Any, ...]:
        return tuple(row for row in rows.get(table, ()) if row.participant == participant)

    everyone = [str(row.participant) for row in rows.get("participants", ())]
    return {
        participant: History(
            participant=participant,
            cycles=of(participant, "cycles"),
            cycle_plans=of(participant, "cycle_plans"),
            visits=of(participant, "visits"),
            imaging_visits=of(participant, "imaging_visits"),
            consents=of(participant, "consents"),
            included_on=(included_on or {}).get(participant),
        )
        for participant in everyone
    }
