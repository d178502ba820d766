"""Predictors from tables that a plan brings with it."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from operandi.quantities.errors import DataError
from operandi.signatures.plan_format import SuppliedPredictor
from operandi.signatures.preparation.guard import LeakError
from operandi.signatures.source import AnalysisSource
from operandi.signatures.supplied_table import SuppliedRow, SuppliedRows, plain_number
from operandi.signatures.tables_of.column import GatheredCell, GatheredColumn, shaped, whose
from operandi.signatures.tables_of.people import AnalyzedPerson


def supplied_columns(
    one: SuppliedPredictor,
    people: Sequence[AnalyzedPerson],
    source: AnalysisSource,
    *,
    landmark: str | None,
) -> tuple[GatheredColumn, ...]:
    """Gather the columns of a supplied predictor.

    An empty cell was not assayed, and has no value: never 0.

    Raises
    ------
    LeakError
        If the visit up to which the columns were known lies after time zero.
    DataError
        If no column fits, or a cell is no number and has no level.
    """
    key = f"supplied[{one.code}]"
    table = source.supplied[one.table]
    columns = []
    for name in _fitting(one, table, key):
        cells = tuple(
            _cell(one, key, name, table.rows.get(person.participant), person) for person in people
        )
        cells = tuple(
            _dated(one, person, cell, source, landmark)
            for person, cell in zip(people, cells, strict=True)
        )
        alone = len(one.columns) == 1 and "*" not in one.columns[0]
        columns.append(
            GatheredColumn(
                name=one.code if alone else f"{one.code}.{name}",
                block=one.block,
                predictor=one.code,
                source=f"{one.table}.{name}, known at {one.at}",
                unit="",
                cells=shaped(cells, log=one.form == "log", key=key),
                logged=one.form == "log",
                levels=one.levels,
            )
        )
    return tuple(columns)


def _fitting(one: SuppliedPredictor, table: SuppliedRows, key: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for pattern in one.columns:
        names = [pattern] if pattern in table.columns else []
        if not names and "*" in pattern:
            names = [name for name in table.columns if fnmatchcase(name, pattern)]
        if not names:
            raise DataError(
                f"{key}.columns: no column of {one.table} fits {pattern}.",
                remedy=f"Its columns are {', '.join(table.columns[:12])} …",
            )
        found |= dict.fromkeys(names)
    return tuple(found)


def _cell(
    one: SuppliedPredictor, key: str, name: str, row: SuppliedRow | None, person: AnalyzedPerson
) -> GatheredCell:
    if row is None:
        return GatheredCell(absent=f"not in {one.table}")
    place = whose(person.participant, f"{row.place}, column {name}")
    text = row.cells.get(name)
    if text is None:
        return GatheredCell(absent="empty", place=place)
    if one.levels:
        level = one.levels.get(text)
        return GatheredCell(
            value=level,
            absent="" if level is not None else f"{text} is no level of the plan",
            place=place,
        )
    try:
        return GatheredCell(value=plain_number(text), place=place)
    except ValueError:
        raise DataError(
            f"{key}: {place} holds {text!r}, which is no number.",
            remedy="Give levels = { … } with a number for each code, or correct the cell.",
        ) from None


def _dated(
    one: SuppliedPredictor,
    person: AnalyzedPerson,
    cell: GatheredCell,
    source: AnalysisSource,
    landmark: str | None,
) -> GatheredCell:
    """Refuse what was known only at a visit after time zero."""
    if cell.value is None or source.records is None or person.zero is None:
        return cell
    visit = source.records.visit_at(person.participant, one.at)
    if visit is None or visit.on <= person.zero:
        return cell
    if one.at == landmark:
        return GatheredCell(absent="known only after the landmark", place=cell.place)
    raise LeakError(
        f"supplied[{one.code}].at: {cell.place} was known at {one.at} on {visit.on}, after time "
        f"zero on {person.zero}.",
        remedy="Supply what was known before, or set a landmark.",
    )
