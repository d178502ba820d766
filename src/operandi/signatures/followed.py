"""What the frozen tables say of a participant after treatment began, as dated facts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

from operandi.domain.date_interval import DateInterval
from operandi.domain.identity import Pseudonym
from operandi.protocol.recist import Assessed, TimepointResponse, assess, until_progression
from operandi.protocol.recist_adjudication import adjudicate
from operandi.protocol.recist_reads import Role
from operandi.protocol.recist_rows import from_rows
from operandi.quantities.errors import DataError
from operandi.records.row import PersonRow
from operandi.records.rows_followup import DeathRow, FollowUpRow
from operandi.records.rows_therapy import TherapyRow
from operandi.records.rows_tumor import RecistLesionRow, RecistReadRow
from operandi.records.tables import Records

ReadBy = Literal["investigator", "reader_1", "reader_2", "consensus"]

OTHER_THERAPIES: Final = frozenset(
    {
        "external_beam",
        "sirt",
        "chemotherapy",
        "targeted",
        "interferon",
        "other_radionuclide",
        "immunotherapy",
        "liver_embolization",
        "surgery",
        "other_antitumor",
    }
)
"""Kinds of the table therapies that are another treatment of the tumor.

Somatostatin analogs go on beside the study's cycles, and ``prrt`` may be the cycles themselves.
"""
_TABLES: Final = frozenset(
    {"participants", "cycles", "deaths", "follow_up", "therapies", "recist_lesions", "recist_reads"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """Dated facts of one participant.

    Parameters
    ----------
    participant : Pseudonym
    start : date or None
        Day of cycle 1; None where nobody was treated.
    baseline : DateInterval or None
        Last exam on or before it.
    responses : tuple of TimepointResponse
        After it, up to the first progression.
    death : DateInterval or None
    other_therapy : DateInterval or None
        First other treatment of the tumor after cycle 1.
    alive_on : date or None
        Last day on which the participant was known to live.
    untreated_on : date or None
        Last day of which follow-up says that no other treatment was begun.
    unread : str
        Rows that could not be read; empty where there are none.
    contradiction : str
        What cannot be true at once; empty where there is nothing.
    """

    participant: Pseudonym
    start: date | None = None
    baseline: DateInterval | None = None
    responses: tuple[TimepointResponse, ...] = ()
    death: DateInterval | None = None
    other_therapy: DateInterval | None = None
    alive_on: date | None = None
    untreated_on: date | None = None
    unread: str = ""
    contradiction: str = ""

    @property
    def treated_from(self) -> date:
        """Day of cycle 1.

        Raises
        ------
        DataError
            If the participant was not treated.
        """
        if self.start is None:
            raise DataError(f"{self.participant}: no cycle 1, from which days count.")
        return self.start

    def first_day(self, when: DateInterval) -> float:
        """Days from cycle 1 to the first day that something can have been on."""
        return _days(self.treated_from, when.earliest)

    def last_day(self, when: DateInterval) -> float:
        """Days from cycle 1 to the last day that something can have been on."""
        return _days(self.treated_from, when.latest)

    def days_until(self, day: date | None) -> float:
        """Days from cycle 1; 0 where nothing is known."""
        return 0.0 if day is None else _days(self.treated_from, day)


def follow_participants(records: Records, *, read_by: ReadBy) -> tuple[Followed, ...]:
    """Gather the facts of every participant, in the order of ``records``.

    What contradicts itself in one participant takes nothing from the others: it is stated in
    ``contradiction``.

    Parameters
    ----------
    records : Records
        Frozen.
    read_by : str
        Whose RECIST reads count; ``"consensus"`` is of reader 1, reader 2 and an adjudicator.
    """
    return tuple(_followed(records, one.pseudonym, read_by) for one in records.participants)


def _followed(records: Records, who: Pseudonym, read_by: ReadBy) -> Followed:
    faults = [
        str(fault)
        for fault in records.faults
        if fault.participant == who and fault.table in _TABLES
    ]
    cycle = records.cycle(who, 1)
    if faults:
        return Followed(participant=who, start=cycle.on if cycle else None, unread=" ".join(faults))
    if cycle is None:
        return Followed(participant=who)
    try:
        return _of_treated(records, who, cycle.on, read_by)
    except DataError as refusal:
        return Followed(participant=who, start=cycle.on, contradiction=str(refusal))


def _of_treated(records: Records, who: Pseudonym, start: date, read_by: ReadBy) -> Followed:
    told = [row for row in _rows(records, who, "follow_up") if isinstance(row, FollowUpRow)]
    death = _death(records, who, told)
    baseline, timepoints = _assessed(records, who, start, read_by)
    alive = [row.on for row in told if row.alive]
    alive += [visit.on for visit in records.visits if visit.participant == who]
    alive += [cycle.on for cycle in records.cycles if cycle.participant == who]
    alive += [one.on.earliest for one in timepoints]
    if death and (after := [day for day in alive if day > death.latest]):
        raise DataError(
            f"{who}: death on {death}, and alive on {max(after)}.",
            remedy="Correct deaths, or the day of the visit, exam or contact.",
        )
    return Followed(
        participant=who,
        start=start,
        baseline=baseline,
        responses=until_progression(timepoints if baseline else ()),
        death=death,
        other_therapy=_other_therapy(records, who, start, told),
        alive_on=max(alive, default=None),
        untreated_on=max((row.on for row in told if row.new_therapy is False), default=None),
    )


def _rows(records: Records, who: Pseudonym, table: str) -> list[PersonRow]:
    rows = records.rows.get(table, ())
    return [row for row in rows if isinstance(row, PersonRow) and row.participant == who]


def _death(records: Records, who: Pseudonym, told: Sequence[FollowUpRow]) -> DateInterval | None:
    rows = [row for row in _rows(records, who, "deaths") if isinstance(row, DeathRow)]
    if rows:
        return rows[0].died_on
    if dead := [row.on for row in told if not row.alive]:
        raise DataError(
            f"{who}: dead on {min(dead)} by follow_up, without a row in deaths.",
            remedy="Record the death in the table deaths.",
        )
    return None


def _assessed(
    records: Records, who: Pseudonym, start: date, read_by: ReadBy
) -> tuple[DateInterval | None, tuple[TimepointResponse, ...]]:
    lesions = [
        row for row in _rows(records, who, "recist_lesions") if isinstance(row, RecistLesionRow)
    ]
    reads = [row for row in _rows(records, who, "recist_reads") if isinstance(row, RecistReadRow)]
    wanted = _of(reads, read_by)
    readings = [assess(one, treatment_start=start) for one in from_rows(lesions, wanted)]
    if not readings:
        return None, ()
    if read_by == "consensus":
        return _baseline(readings), adjudicate(readings).timepoints
    if len(readings) > 1:
        names = ", ".join(one.reader for one in readings)
        raise DataError(
            f"{who}: {names} all read as {read_by}.",
            remedy="Correct the role or the reader in recist_reads.",
        )
    return readings[0].baseline, readings[0].timepoints


def _of(reads: Iterable[RecistReadRow], read_by: ReadBy) -> list[RecistReadRow]:
    if read_by == "consensus":
        return [row for row in reads if row.role != Role.INVESTIGATOR.value]
    return [row for row in reads if row.role == read_by]


def _baseline(readings: Sequence[Assessed]) -> DateInterval | None:
    first = [one.baseline for one in readings if one.role is Role.READER_1]
    return first[0] if first else None


def _other_therapy(
    records: Records, who: Pseudonym, start: date, told: Sequence[FollowUpRow]
) -> DateInterval | None:
    rows = [row for row in _rows(records, who, "therapies") if isinstance(row, TherapyRow)]
    days = [row.started_on for row in rows if row.kind in OTHER_THERAPIES and row.started_on]
    later = [day for day in days if day.latest > start]
    unclear = [str(day) for day in later if day.earliest <= start]
    if not later:
        unclear += [str(row.on) for row in told if row.new_therapy]
    if unclear:
        raise DataError(
            f"{who}: another therapy, of which it is not known when it began ({unclear[0]}).",
            remedy="Record it in the table therapies, with the day it began.",
        )
    return min(later, key=lambda day: (day.earliest, day.latest), default=None)


def _days(start: date, day: date) -> float:
    return (day - start) / timedelta(days=1)
