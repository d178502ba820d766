"""Read the tables of a study, with every fault of every table at once."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from datetime import date
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from operandi.quantities.errors import DataError
from operandi.records import consistency
from operandi.records.cells import Border
from operandi.records.consistency import Objection
from operandi.records.files import Line, Sheet, read_sheets
from operandi.records.names import PSEUDONYM, TABLE_NAMES
from operandi.records.rows import (
    HEIGHT_COLUMNS,
    ROWS,
    CycleRow,
    Entry,
    ImagingVisitRow,
    ParticipantRow,
    ReferenceRegionRow,
    TracerAdministrationRow,
    VitalsRow,
)
from operandi.records.spelling import meant
from operandi.records.tables import Fault, Records


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
    folder: Path, *, timezone: ZoneInfo, today: date, timepoints: Collection[str]
) -> Records:
    """Read and check every table in *folder*.

    A row that is faulty in itself or contradicts another is left out, and its fault says why. So
    are, without a fault of their own, the rows of a participant whose row in ``participants`` is
    faulty.

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

    Raises
    ------
    RecordsError
        If no participant can be read.
    """
    sheets, faults = read_sheets(folder)
    tables: dict[str, list[Entry]] = {}
    for sheet in sheets:
        border = Border(timezone, today, tuple(sorted(timepoints)), sheet.decimal_comma)
        problems, readable = _columns(sheet)
        faults += problems
        if readable:
            entries, row_faults = _entries(sheet, border)
            tables[sheet.table] = entries
            faults += row_faults
    faults += _left_out(tables)
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
    table = TABLE_NAMES.index(fault.table) if fault.table else -1
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
    row, errors = None, list[ErrorDetails]()
    if not line.problem:
        try:
            row = model.model_validate(cells, context=border)
        except ValidationError as invalid:
            errors = invalid.errors(include_url=False)
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
    return entry, [_cell_fault(entry, error) for error in errors]


def _cell_fault(entry: Entry, error: ErrorDetails) -> Fault:
    said = error.get("ctx", {})
    column = said.get("column") or str(error["loc"][0])
    return entry.fault(column=column, problem=said["problem"], remedy=said["remedy"])


def _left_out(tables: dict[str, list[Entry]]) -> list[Fault]:
    """Take the entries out of *tables* that contradict others, and say why."""
    faults: list[Fault] = []
    named = tables.get("participants")
    for name, entries in tables.items():
        objections = list(consistency.repeated(entries))
        if named is not None and name != "participants":
            objections += consistency.unknown(entries, named)
            # Behind participants in the order of tables: repeated ones are out by now.
            objections += consistency.before_birth(entries, tables["participants"])
        standing = _without(entries, objections)
        leaps = [*consistency.mass_leaps(standing), *consistency.cycle_order(standing)]
        tables[name] = _without(standing, leaps)
        faults += [objection.fault for objection in objections + leaps]
    return faults


def _without(entries: list[Entry], objections: list[Objection]) -> list[Entry]:
    out = {line for objection in objections for line in objection.lines}
    return [entry for entry in entries if entry.number not in out]


def _records(tables: dict[str, list[Entry]], faults: tuple[Fault, ...]) -> Records:
    everyone = [entry.row for entry in tables.get("participants", []) if entry.row is not None]
    valid = {row.participant for row in everyone}
    rows = [
        entry.row
        for entries in tables.values()
        for entry in entries
        if entry.row is not None and entry.row.participant in valid
    ]
    participants = [row.noun() for row in rows if isinstance(row, ParticipantRow)]
    visits = [row.noun() for row in rows if isinstance(row, ImagingVisitRow)]
    vitals = [row.noun() for row in rows if isinstance(row, VitalsRow)]
    injected = [row.noun() for row in rows if isinstance(row, TracerAdministrationRow)]
    cycles = [row.noun() for row in rows if isinstance(row, CycleRow)]
    regions = [row.noun() for row in rows if isinstance(row, ReferenceRegionRow)]
    return Records(
        participants=_sorted(participants, by=lambda p: (p.pseudonym,)),
        visits=_sorted(visits, by=lambda v: (v.participant, v.on, v.timepoint)),
        vitals=_sorted(vitals, by=lambda v: (v.participant, v.measured_on, v.timepoint)),
        administrations=_sorted(injected, by=lambda a: (a.participant, a.injected_at, a.timepoint)),
        cycles=_sorted(cycles, by=lambda c: (c.participant, c.number)),
        regions=_sorted(
            regions,
            by=lambda r: (r.participant, r.timepoint, r.organ, r.reader, r.center_mm, r.radius_mm),
        ),
        faults=faults,
    )


_NounT = TypeVar("_NounT")


def _sorted(nouns: list[_NounT], *, by: Callable[[_NounT], tuple[Any, ...]]) -> tuple[_NounT, ...]:
    return tuple(sorted(nouns, key=by))
