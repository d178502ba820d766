"""Predictors from tables of records: the last entry up to time zero."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Final

from operandi.quantities.convert import convert
from operandi.quantities.errors import DataError
from operandi.records.cells import cell_type
from operandi.records.limits import Unit, Within
from operandi.records.row import PersonRow
from operandi.records.rows import ROWS
from operandi.records.rows_material import SampleRow, VariantRow
from operandi.records.tables import Records
from operandi.signatures.plan_format import RecordedPredictor
from operandi.signatures.tables_of.column import (
    GatheredCell,
    GatheredColumn,
    one_unit,
    shaped,
    whose,
)
from operandi.signatures.tables_of.people import AnalyzedPerson

_ALWAYS: Final = frozenset({"participants"})
"""Tables of what does not change: sex, month of birth."""


def recorded_column(
    one: RecordedPredictor, people: Sequence[AnalyzedPerson], records: Records
) -> GatheredColumn:
    """Gather one column.

    Of several entries that count, the last up to time zero is taken; later ones are passed over
    and counted, as they would leak the future. Two of one day that differ give none. A limit of a
    method (``<5``) is no value.

    Raises
    ------
    DataError
        If entries bear no day, a cell is no number and has no level, or units differ.
    """
    key = f"recorded[{one.code}]"
    rows: dict[str, list[PersonRow]] = {}
    for row in records.rows.get(one.table, ()):
        if isinstance(row, PersonRow):
            rows.setdefault(row.participant, []).append(row)
    sampled = {
        (row.participant, row.sample): row.collected_on
        for row in records.rows.get("samples", ())
        if isinstance(row, SampleRow)
    }
    unread = {fault.participant for fault in records.faults if fault.table == one.table}
    units: dict[str, str] = {}
    cells, later = [], 0
    for person in people:
        matching = [row for row in rows.get(person.participant, ()) if _fits(row, one.where)]
        dated = [(_known_on(row, one.table, key, sampled), row) for row in matching]
        fine = [(day, row) for day, row in dated if _in_time(day, person, one.within_days)]
        if matching and not fine:
            later += all(_after(day, person) for day, _ in dated)
        cells.append(
            _cell(one, key, person, fine, units)
            if fine
            else GatheredCell(absent=_why_none(dated, person, unread))
        )
    remedy = "Write unit = …, to which the others are converted."
    unit = one_unit(units, key=key, remedy=remedy) or _unit_of(one)
    note = (
        f"{key}: {later} participant(s) have entries after time zero alone, which were passed over."
    )
    return GatheredColumn(
        name=one.code,
        block=one.block,
        predictor=one.code,
        source=f"{one.table}.{one.column}{_said(one.where)}",
        unit="" if one.levels else unit,
        cells=shaped(cells, log=one.form == "log", key=key),
        logged=one.form == "log",
        levels=one.levels,
        notes=(note,) if later else (),
    )


def _said(where: Mapping[str, str]) -> str:
    words = ", ".join(f"{name} {value}" for name, value in where.items())
    return f" ({words})" if words else ""


def _fits(row: PersonRow, where: Mapping[str, str]) -> bool:
    return all(_text(getattr(row, name)) == said for name, said in where.items())


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case Enum():
            return str(value.value)
        case _:
            return str(value)


def _known_on(
    row: PersonRow, table: str, key: str, sampled: Mapping[tuple[str, str], date]
) -> date | None:
    """Day by which the entry was known; None where it always was.

    Raises
    ------
    DataError
        If nothing says so.
    """
    if table in _ALWAYS:
        return None
    if isinstance(entered := getattr(row, "recorded_on", None), date):
        return entered
    days = [day for _, day in row.days()]
    if isinstance(row, VariantRow):
        # What a tissue held, it held when it was taken.
        days = [sampled[row.participant, row.sample]]
    if not days:
        raise DataError(
            f"{key}.table: {row.place or table} bears no day, so that nobody can tell whether it "
            "was known at time zero.",
            remedy="Take the predictor out, or supply it as a table.",
        )
    return max(days)


def _after(day: date | None, person: AnalyzedPerson) -> bool:
    return day is not None and person.zero is not None and day > person.zero


def _in_time(day: date | None, person: AnalyzedPerson, within_days: int | None) -> bool:
    if day is None or person.zero is None:
        return day is None
    earliest = None if within_days is None else person.zero - timedelta(days=within_days)
    return day <= person.zero and (earliest is None or day >= earliest)


def _why_none(
    dated: Sequence[tuple[date | None, PersonRow]], person: AnalyzedPerson, unread: set[str]
) -> str:
    if not dated:
        return "entry faulty" if person.participant in unread else "no entry"
    if all(_after(day, person) for day, _ in dated):
        return "only after time zero"
    return "none recent enough"


def _cell(
    one: RecordedPredictor,
    key: str,
    person: AnalyzedPerson,
    fine: Sequence[tuple[date | None, PersonRow]],
    units: dict[str, str],
) -> GatheredCell:
    last = max((day for day, _ in fine if day is not None), default=None)
    rows = [row for day, row in fine if day == last]
    found = {_text(getattr(row, one.column)) for row in rows}
    row = rows[-1]
    place = whose(person.participant, row.place)
    if len(found) > 1:
        return GatheredCell(absent="entries of one day differ", place=place)
    if getattr(row, "comparator", None) is not None:
        return GatheredCell(absent="beyond the limit of the method", place=place)
    value = _number(one, key, getattr(row, one.column), place)
    if isinstance(value, str):
        return GatheredCell(absent=value, place=place)
    unit = getattr(row, "unit", None)
    if unit is None or one.column == "unit":
        return GatheredCell(value=value, place=place)
    if one.unit is not None and unit != one.unit:
        value = _converted(one, key, getattr(row, one.column), unit, place)
    units.setdefault(one.unit or unit, place)
    return GatheredCell(value=value, place=place)


def _converted(one: RecordedPredictor, key: str, value: Any, unit: str, place: str) -> float:
    mass = None if one.molar_mass_g_mol is None else Decimal(str(one.molar_mass_g_mol))
    try:
        return float(convert(value, from_unit=unit, to_unit=str(one.unit), molar_mass_g_mol=mass))
    except DataError as refusal:
        raise DataError(
            f"{key}.unit: {place} is in {unit}, the plan's unit is {one.unit}. {refusal.what}",
            remedy="Give molar_mass_g_mol where one is a mass and the other an amount; else have "
            "the value converted in the records, and freeze again.",
        ) from None


def _number(one: RecordedPredictor, key: str, value: Any, place: str) -> float | str:
    if value is None:
        return "not stated"
    if one.levels:
        text = _text(value)
        return one.levels.get(text, f"{text} is no level of the plan")
    if isinstance(value, bool | int | float | Decimal):
        return float(value)
    raise DataError(
        f"{key}.column: {place} holds {_text(value)}, which is no number.",
        remedy="Give levels = { … } with a number for each code, or name another column.",
    )


def _unit_of(one: RecordedPredictor) -> str:
    """The unit that the column of the table always has."""
    return next(_units(ROWS[one.table].model_fields[one.column]), "")


def _units(field: Any) -> Iterator[str]:
    _, marks = cell_type(field.annotation, tuple(field.metadata))
    yield from (mark.unit for mark in marks if isinstance(mark, Unit | Within))
