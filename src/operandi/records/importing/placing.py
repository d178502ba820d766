"""From the tables of a source to those of a study, with an account of every cell.

Each cell of the source that is not blank is either placed or listed with the reason; none is
dropped in silence. A row with a cell that cannot be placed is not written in part: the row is left
out, and all its cells are listed.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final

from operandi.quantities.convert import convert
from operandi.quantities.errors import DataError
from operandi.records.importing.mapping import (
    Column,
    MappingFile,
    Rule,
    source_tables_named,
)
from operandi.records.importing.redcap import EVENT, INSTRUMENT
from operandi.records.importing.source import SourceTable, a_fault, refuse
from operandi.records.rows import ROWS
from operandi.records.spelling import meant
from operandi.records.tables import Fault

_DAY: Final = re.compile(r"(?P<day>\d{4}-\d{2}-\d{2})(?:[T ].*)?", re.A)


@dataclass(frozen=True, slots=True)
class Listed:
    """A cell that is not in the tables that were made.

    ``value`` is blank where the field identifies a person. ``wanted`` is False where the mapping
    itself leaves the field out.
    """

    file: str
    row: int
    field: str
    value: str
    reason: str
    wanted: bool


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import makes.

    Parameters
    ----------
    tables : mapping of str to tuple of mapping
        By canonical table: its rows, each by column.
    listed : tuple of Listed
        Every cell that was not placed, in order.
    cells, blank, placed : int
        Number of all cells, of blank ones, of those in ``tables``.
    """

    tables: Mapping[str, tuple[Mapping[str, str], ...]]
    listed: tuple[Listed, ...]
    cells: int
    blank: int
    placed: int

    def csv(self, table: str) -> bytes:
        """Write a table as Operandi reads it: the columns in the order of its schema."""
        rows = self.tables[table]
        used = {name for row in rows for name in row}
        columns = [name for name in ROWS[table].model_fields if name in used]
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue().encode()


def place_cells(tables: Sequence[SourceTable], mapping: MappingFile) -> Imported:
    """Place the cells of a source.

    Raises
    ------
    DataError
        If the mapping names a table or field that the source lacks. All are named.
    """
    if faults := list(_strangers(tables, mapping)):
        refuse(faults)
    accounts = [_Account(table, mapping) for table in tables]
    made: dict[str, list[_Made]] = {}
    for account in accounts:
        for rule in mapping.rows:
            if rule.source in {"", account.table.name}:
                made.setdefault(rule.table, []).extend(account.apply(rule))
    rows = {table: _merged(one) for table, one in made.items()}
    for table_rows in rows.values():
        for row in table_rows:
            row.settle()
    return Imported(
        tables={
            table: tuple(row.cells for row in table_rows if not row.refused)
            for table, table_rows in rows.items()
            if any(not row.refused for row in table_rows)
        },
        listed=tuple(one for account in accounts for one in account.listed()),
        cells=sum(len(row) for one in tables for row in one.texts),
        blank=sum(not cell for one in tables for row in one.texts for cell in row),
        placed=sum(len(account.placed) for account in accounts),
    )


# --- one source table ---------------------------------------------------------------------------

_Cell = tuple[int, str]
"""Index of the row, name of the field."""


class _Made:
    """A row that a rule makes, the cells that it is made of, and why it is refused, if it is."""

    def __init__(self, account: "_Account", rule: Rule, row: int) -> None:
        self.rule = rule
        self.cells: dict[str, str] = {}
        self.used: list[tuple[_Account, _Cell]] = []
        self.refused = ""
        self.place = f"{account.table.file}, row {account.table.numbers[row]}"

    def join(self, other: "_Made") -> None:
        """Take the columns of a row of the same key."""
        for name, text in other.cells.items():
            if self.cells.get(name, text) != text:
                self.refused = f"{name} differs between {self.place} and {other.place}"
        self.cells = {**self.cells, **other.cells}
        self.used += other.used
        self.refused = self.refused or other.refused

    def settle(self) -> None:
        """Account for its cells."""
        for account, cell in self.used:
            if self.refused:
                account.reasons.setdefault(cell, f"its row is left out: {self.refused}")
            else:
                account.placed.add(cell)


class _Account:
    """What becomes of the cells of one source table."""

    def __init__(self, table: SourceTable, mapping: MappingFile) -> None:
        self.table = table
        self.placed: set[_Cell] = set()
        self.reasons: dict[_Cell, str] = {}
        self._mapping = mapping
        self._at = {one.name: at for at, one in enumerate(table.variables)}
        faulty = {(one.row, one.column): one.problem for one in table.faults}
        self._faulty = {
            (row, name): problem
            for row, number in enumerate(table.numbers)
            for name in self._at
            if (problem := faulty.get((number, name)))
        }

    def apply(self, rule: Rule) -> Iterator[_Made]:
        """Make the rows of a rule."""
        for row in range(len(self.table.texts)):
            if self._takes(rule, row):
                yield self._made(rule, row)

    def listed(self) -> Iterator[Listed]:
        """Every cell that is neither blank nor placed, and why."""
        for row, texts in enumerate(self.table.texts):
            for variable, text in zip(self.table.variables, texts, strict=True):
                cell = (row, variable.name)
                if text and cell not in self.placed:
                    reason, wanted = self._why(cell)
                    yield Listed(
                        self.table.file,
                        self.table.numbers[row],
                        variable.name,
                        "" if variable.identifying else text,
                        reason,
                        wanted,
                    )

    def _text(self, row: int, name: str) -> str:
        return self.table.texts[row][self._at[name]] if name in self._at else ""

    def _takes(self, rule: Rule, row: int) -> bool:
        if rule.events and self._text(row, EVENT) not in rule.events:
            return False
        if rule.instrument is not None and self._text(row, INSTRUMENT) != rule.instrument:
            return False
        if any(self._text(row, name) not in texts for name, texts in rule.where.items()):
            return False
        own = (one.field for name, one in rule.columns.items() if name != "participant")
        return any(self._text(row, name) for name in own if name and name not in rule.where)

    def _made(self, rule: Rule, row: int) -> _Made:
        made = _Made(self, rule, row)
        for name, column in rule.columns.items():
            source = EVENT if column.event else column.field
            text = self._text(row, source) if source else ""
            if source and not text:
                continue
            if source:
                made.used.append((self, (row, source)))
            try:
                made.cells[name] = self._translated(column, (row, source), text)
            except _NotPlacedError as error:
                self.reasons[row, source] = str(error)
                made.refused = made.refused or f"{source} {error}"
        for name, asked in (
            *((name, True) for name in rule.where),
            (EVENT, bool(rule.events)),
            (INSTRUMENT, rule.instrument is not None),
        ):
            if asked and self._text(row, name):
                made.used.append((self, (row, name)))
        return made

    def _translated(self, column: Column, cell: _Cell, text: str) -> str:
        if column.value is not None:
            return column.value
        if problem := self._faulty.get(cell):
            raise _NotPlacedError(problem)
        codes = self._mapping.events if column.event else column.codes
        if codes and text not in codes:
            what = "timepoint" if column.event else "translation"
            raise _NotPlacedError(f"has no {what} in the mapping")
        text = codes.get(text, text)
        if re.search(r"[\r\n]", text):
            raise _NotPlacedError("holds a line break, which no table of a study can")
        if column.part:
            text = _part_of_day(text, column.part)
        if column.unit:
            text = _converted(text, column)
        return column.prefix + text

    def _why(self, cell: _Cell) -> tuple[str, bool]:
        _, name = cell
        unwanted = self._mapping.left_out
        if reason := unwanted.get(f"{self.table.name}.{name}", unwanted.get(name)):
            return reason, False
        if reason := self.reasons.get(cell) or self._faulty.get(cell):
            return reason, True
        named = source_tables_named(self._mapping)
        if name in named.get("", ()) or name in named.get(self.table.name, ()):
            return "no rule takes its row", True
        return "no rule takes its field", True


class _NotPlacedError(Exception):
    """Why a cell cannot be placed: a clause."""


def _part_of_day(text: str, part: str) -> str:
    found = _DAY.fullmatch(text)
    if not found:
        raise _NotPlacedError("is no day that is known in full")
    day = found["day"]
    parts = {"year": day[:4], "month": str(int(day[5:7])), "day": day}
    return parts[part]


def _converted(text: str, column: Column) -> str:
    assert column.unit  # noqa: S101 - asked by the caller
    try:
        number = convert(
            Decimal(text), from_unit=column.unit.from_unit, to_unit=column.unit.to_unit
        )
    except InvalidOperation:
        raise _NotPlacedError("is no number that could be converted") from None
    except DataError as error:
        raise _NotPlacedError(f"is not converted: {error.what}") from error
    return f"{number.normalize():f}"


def _merged(rows: list[_Made]) -> list[_Made]:
    """Join the rows that agree in their key; those without a key stay as they are."""
    merged: list[_Made] = []
    by_key: dict[tuple[str, ...], _Made] = {}
    for row in rows:
        if not row.rule.key:
            merged.append(row)
            continue
        key = tuple(row.cells.get(name, "") for name in row.rule.key)
        # A row without its key, or one that is refused, spoils no other.
        if row.refused or "" in key:
            row.refused = row.refused or "its key is blank"
            merged.append(row)
        elif first := by_key.get(key):
            first.join(row)
        else:
            by_key[key] = row
            merged.append(row)
    return merged


def _strangers(tables: Sequence[SourceTable], mapping: MappingFile) -> Iterator[Fault]:
    """Tables and fields that the mapping names and the source lacks."""
    known = {one.name: tuple(variable.name for variable in one.variables) for one in tables}
    everything = {name for names in known.values() for name in names}
    for source, names in source_tables_named(mapping).items():
        if source and source not in known:
            remedy = f"it holds {', '.join(known)}"
            problem = "is no table of the source"
            yield a_fault("mapping", None, "source", source, problem=problem, remedy=remedy)
            continue
        if not source and len(known) > 1:
            problem = "a rule names no source, and there are several"
            remedy = f"name one of {', '.join(known)}"
            yield a_fault("mapping", None, "source", "", problem=problem, remedy=remedy)
            continue
        fields = known[source] if source else everything
        for name in dict.fromkeys(names):
            if name not in fields:
                problem = f"is no field of {source or 'the source'}"
                remedy = f"use {meant(name, fields) or ', '.join(sorted(fields))}"
                yield a_fault("mapping", None, "field", name, problem=problem, remedy=remedy)
    for name in mapping.left_out:
        table, _, field = name.rpartition(".")
        if field not in (known.get(table, ()) if table else everything):
            remedy = f"use {meant(field, everything) or 'a field of the source'}"
            problem = "is left out, and is no field of the source"
            yield a_fault("mapping", None, "left_out", name, problem=problem, remedy=remedy)
