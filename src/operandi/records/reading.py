"""Read the tables of a study, with every fault of every table at once."""

import re
from collections import Counter
from collections.abc import Collection, Iterable
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from operandi.domain.date_interval import DateInterval
from operandi.quantities.errors import DataError
from operandi.quantities.nuclides import Nuclide
from operandi.records import consistency
from operandi.records.cells import Border
from operandi.records.consistency import Objection
from operandi.records.entry import Entry
from operandi.records.files import Line, Sheet, read_sheets
from operandi.records.names import PSEUDONYM
from operandi.records.row import Row
from operandi.records.rows import (
    HEIGHT_COLUMNS,
    ROWS,
    CycleRow,
    ImagingVisitRow,
    ParticipantRow,
    ReferenceRegionRow,
    TracerAdministrationRow,
    VitalsRow,
)
from operandi.records.spelling import meant
from operandi.records.tables import Fault, Records, line_word


class RecordsError(DataError):
    """No participant can be read. ``faults`` says why, all at once."""

    def __init__(self, what: str, *, remedy: str = "", faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(what, remedy=remedy)
        self.faults = faults

    def __reduce__(self) -> tuple[object, ...]:
        return (_records_error, (self.what, self.remedy, self.faults))


def _records_error(what: str, remedy: str, faults: tuple[Fault, ...]) -> RecordsError:
    return RecordsError(what, remedy=remedy, faults=faults)


def read_records(
    folder: Path,
    *,
    timezone: ZoneInfo,
    today: date,
    timepoints: Collection[str],
    sites: Collection[str] = (),
    at_cut: bool = False,
) -> Records:
    """Read and check every table in *folder*.

    A row that is faulty in itself or contradicts another is left out, and its fault says why. So
    are, without a fault of their own, the rows that name one that is left out: all of a
    participant whose row in ``participants`` is faulty, the variants of a faulty sample.

    Parameters
    ----------
    folder : Path
        ``STUDY/records``: one table a file, CSV or Parquet; the file stem names the table.
    timezone : ZoneInfo
        Of times that state no offset.
    today : date
        Nothing recorded can have happened later.
    timepoints : collection of str
        Codes that the study file declares.
    sites : collection of str
        Codes that the study file declares; without any, ranges of every site are taken.
    at_cut : bool
        Whether *today* is the data cut, and later days are called so.

    Raises
    ------
    RecordsError
        If no participant can be read.
    """
    sheets, faults = read_sheets(folder)
    tables: dict[str, list[Entry]] = {}
    for sheet in sheets:
        border = Border(
            timezone=timezone,
            today=today,
            timepoints=tuple(sorted(timepoints)),
            sites=tuple(sorted(sites)),
            at_cut=at_cut,
            decimal_comma=sheet.decimal_comma,
        )
        problems, readable = _columns(sheet)
        faults += problems
        if readable:
            entries, row_faults = _entries(sheet, border)
            tables[sheet.table] = entries
            faults += row_faults
    unreadable = {fault.table for fault in faults if fault.row is None} - tables.keys()
    faults += _left_out(tables, unreadable)
    ordered = tuple(sorted(faults, key=_place))
    records = _records(tables, ordered)
    if not records.participants:
        raise RecordsError(
            " ".join(["No participant can be read.", *map(str, ordered[:3])]),
            remedy="Correct the table participants first.",
            faults=ordered,
        )
    return records


def _place(fault: Fault) -> tuple[int, str, int, str, str]:
    table = list(ROWS).index(fault.table) if fault.table else -1
    return table, fault.file, fault.row or 0, fault.column, fault.problem


def _columns(sheet: Sheet) -> tuple[list[Fault], bool]:
    """Faults of the header, and whether rows can be read all the same."""
    known = ROWS[sheet.table].model_fields
    required = {name for name, field in known.items() if field.is_required()}
    present = set(sheet.columns)
    faults = [
        sheet.fault(
            f"stands {count} times in the header", "keep the column that is right", column=name
        )
        for name, count in Counter(sheet.columns).items()
        if count > 1
    ]
    faults += [
        sheet.fault("is missing", "add the column", column=name)
        for name in sorted(required - present)
    ]
    if sheet.table == "vitals" and len(HEIGHT_COLUMNS & present) != 1:
        found = "both are" if present >= HEIGHT_COLUMNS else "neither is"
        faults.append(
            sheet.fault(
                f"one of height_m and height_cm was needed, and {found} there",
                "keep one; a height that was not measured is left blank",
            )
        )
    readable = not faults
    faults += [_stranger(sheet, name, known) for name in sheet.columns if name not in known]
    return faults, readable


def _stranger(sheet: Sheet, name: str, known: Iterable[str]) -> Fault:
    near = meant(name, known)
    return sheet.fault(
        "is not a column of this table",
        f"rename it {near} if that is meant" if near else "remove it",
        column=name,
    )


def _entries(sheet: Sheet, border: Border) -> tuple[list[Entry], list[Fault]]:
    entries: list[Entry] = []
    faults: list[Fault] = []
    for line in sheet.lines:
        if not any(line.cells):
            continue
        entry, found = _entry(sheet, line, border)
        entries.append(entry)
        faults += found
    return entries, faults


def _entry(sheet: Sheet, line: Line, border: Border) -> tuple[Entry, list[Fault]]:
    model = ROWS[sheet.table]
    cells = {
        name: cell
        for name, cell in zip(sheet.columns, line.cells, strict=False)
        if name in model.model_fields
    }
    row, refusals = None, list[_Refusal]()
    if not line.problem:
        row, refusals = _row(model, cells, border)
    if row is not None:
        row.stand_at(f"{sheet.file}, {line_word(sheet.file)} {line.number}")
    participant, timepoint = cells.get("participant", ""), cells.get("timepoint", "")
    entry = Entry(
        table=sheet.table,
        file=sheet.file,
        number=line.number,
        cells=cells,
        row=row,
        participant=participant if re.fullmatch(PSEUDONYM, participant) else "",
        timepoint=timepoint if timepoint in border.timepoints else "",
    )
    if line.problem:
        remedy = "look for a missing cell, a comma too many or a line that was cut off"
        return entry, [entry.fault(column="", problem=f"the line {line.problem}", remedy=remedy)]
    return entry, [
        entry.fault(column=column, problem=said["problem"], remedy=said["remedy"])
        for column, said in refusals
    ]


_Refusal = tuple[str, dict[str, Any]]


def _row(
    model: type[Row], cells: dict[str, str], border: Border
) -> tuple[Row | None, list[_Refusal]]:
    """Make the row, or say of every column what is wrong with it."""
    try:
        row = model.model_validate(cells, context=border)
    except ValidationError as invalid:
        found = [(error["loc"], error.get("ctx", {})) for error in invalid.errors()]
        return None, [(said.get("column") or str(loc[0]), said) for loc, said in found]
    against = [refused.context or {} for refused in row.contradictions(border)]
    return None if against else row, [(said["column"], said) for said in against]


def _left_out(tables: dict[str, list[Entry]], unreadable: Collection[str]) -> list[Fault]:
    """Take the entries out of *tables* that contradict others, and say why."""
    faults: list[Fault] = []
    as_read = dict(tables)
    # A study without participants says so once, and not of every row.
    unreadable = {*unreadable, *({"participants"} - as_read.keys())}
    for name, entries in as_read.items():
        objections = [
            *consistency.repeated(entries),
            *consistency.strangers(entries, as_read, unreadable=unreadable),
            # Behind participants in the order of tables: repeated ones are out by now.
            *consistency.before_birth(entries, tables.get("participants", [])),
        ]
        standing = _without(entries, objections)
        # Until those that stand hold together: where one is out, two others come to be neighbors.
        while leaps := [*consistency.mass_leaps(standing), *consistency.cycle_order(standing)]:
            standing = _without(standing, leaps)
            objections += leaps
        tables[name] = consistency.with_what_they_name(standing, tables)
        faults += [objection.fault for objection in objections]
    return faults


def _without(entries: list[Entry], objections: list[Objection]) -> list[Entry]:
    out = {line for objection in objections for line in objection.lines}
    return [entry for entry in entries if entry.number not in out]


def _records(tables: dict[str, list[Entry]], faults: tuple[Fault, ...]) -> Records:
    rows = {
        name: tuple(sorted((e.row for e in tables.get(name, []) if e.row is not None), key=_rank))
        for name in ROWS
    }
    every = [row for of_table in rows.values() for row in of_table]
    return Records(
        participants=tuple(row.noun() for row in every if isinstance(row, ParticipantRow)),
        visits=tuple(row.noun() for row in every if isinstance(row, ImagingVisitRow)),
        vitals=tuple(row.noun() for row in every if isinstance(row, VitalsRow)),
        administrations=tuple(
            row.noun() for row in every if isinstance(row, TracerAdministrationRow)
        ),
        cycles=tuple(row.noun() for row in every if isinstance(row, CycleRow)),
        regions=tuple(row.noun() for row in every if isinstance(row, ReferenceRegionRow)),
        faults=faults,
        rows=rows,
    )


def _rank(row: Row) -> tuple[object, ...]:
    """By participant or site, then by the first day, then by all that the row says."""
    cells = [_comparable(value) for _, value in row]
    first_day = next((_comparable(day) for _, day in row.days()), ())
    return cells[0], first_day, *cells


def _comparable(value: object) -> tuple[object, ...]:
    match value:
        case None:
            return ()
        case DateInterval():
            return (value.earliest, value.latest)
        case Nuclide():
            return (value.name,)
        case _:
            return (value,)
