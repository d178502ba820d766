"""The mapping file: which field of a source goes where in the tables of a study.

One TOML file a source. See docs/decisions/0015-imports.md for an example.
"""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from operandi.quantities.errors import DataError
from operandi.records.importing.source import a_fault, refuse
from operandi.records.rows import HEIGHT_COLUMNS, ROWS
from operandi.records.spelling import meant
from operandi.records.tables import Fault


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class UnitChange(_Part):
    """A conversion, by the closed table of units."""

    from_unit: str = Field(alias="from")
    to_unit: str = Field(alias="to")


class Column(_Part):
    """Where a column of a canonical table comes from: exactly one of field, value and event.

    ``value`` is the same in every row; ``event`` is the timepoint of the row's REDCap event.
    ``codes`` translates a field's cells (an untranslated one is listed); ``prefix`` stands before
    them; ``part`` takes the year or month of a day, or the day of an instant; ``unit`` converts a
    number exactly.
    """

    field: str = ""
    value: str | None = None
    event: bool = False
    codes: dict[str, str] = {}
    prefix: str = ""
    part: Literal["year", "month", "day"] | None = None
    unit: UnitChange | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if [bool(self.field), self.value is not None, self.event].count(True) != 1:
            raise ValueError("state exactly one of field, value and event")
        return self


class Rule(_Part):
    """Rows of one canonical table, one for each row of the source that it takes.

    It takes a row of ``source`` (its only table where blank) whose REDCap event is one of
    ``events``, whose repeating instrument is ``instrument`` (""; the row that does not repeat), and
    whose fields hold one of the texts in ``where`` — as far as each is stated — if any field other
    than the participant's is filled. Rows that agree in ``key`` are one row, so that a table of
    one result a line becomes one of several columns.
    """

    table: str
    source: str = ""
    events: tuple[str, ...] = ()
    instrument: str | None = None
    where: dict[str, tuple[str, ...]] = {}
    key: tuple[str, ...] = ()
    columns: dict[str, Column]

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that its columns take."""
        return tuple(one.field for one in self.columns.values() if one.field)


class Source(_Part):
    """What is read, by file names within the source's folder.

    ``kind`` is "redcap" (with ``data``, ``dictionary`` and, where there are events, ``events``),
    "dataset_json" or "xport" (with ``files``; all of the kind where none is named).
    """

    kind: Literal["redcap", "dataset_json", "xport"]
    data: str = "data.csv"
    dictionary: str = "dictionary.csv"
    events: str = ""
    files: tuple[str, ...] = ()
    encoding: str = "utf-8"


class MappingFile(_Part):
    """A mapping, checked against the canonical tables.

    ``events`` names the timepoint of each REDCap event. ``left_out`` names fields (``FIELD`` or
    ``TABLE.FIELD``) that are not wanted, each with the reason: they are still counted.
    """

    source: Source
    events: dict[str, str] = {}
    left_out: dict[str, str] = {}
    rows: tuple[Rule, ...]


def read_mapping(path: Path) -> MappingFile:
    """Read a mapping file.

    Raises
    ------
    DataError
        If it is not readable, or names a canonical table or column that does not exist, or leaves
        a column unfilled that its table must have. All faults are named.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path.name}: the mapping cannot be read ({error}).", remedy="Supply it as TOML."
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{path.name}: {error}.", remedy="Mend the TOML.") from error
    try:
        mapping = MappingFile.model_validate(content)
    except ValidationError as error:
        raise DataError(
            "\n".join(
                f"{path.name}, {'.'.join(map(str, fault['loc']))}: {fault['msg']}."
                for fault in error.errors()
            ),
            remedy="Nothing was imported.",
        ) from error
    if faults := list(_faults(path.name, mapping)):
        refuse(faults)
    return mapping


def _faults(file: str, mapping: MappingFile) -> Iterator[Fault]:
    filled: dict[str, set[str]] = {}
    for number, rule in enumerate(mapping.rows, start=1):
        place = f"rows {number}"
        if rule.table not in ROWS:
            yield a_fault(
                file,
                None,
                place,
                rule.table,
                problem="is no table of a study",
                remedy=f"use {meant(rule.table, ROWS) or ', '.join(ROWS)}",
            )
            continue
        known = ROWS[rule.table].model_fields
        filled.setdefault(rule.table, set()).update(rule.columns)
        for name in (*rule.columns, *rule.key):
            if name not in known:
                problem = f"is no column of {rule.table}"
                remedy = f"use {meant(name, known) or ', '.join(known)}"
                yield a_fault(file, None, place, name, problem=problem, remedy=remedy)
        if any(one.event for one in rule.columns.values()) and not mapping.events:
            problem = "takes a timepoint from the event, and no event has one"
            remedy = "name the timepoint of each event under [events]"
            yield a_fault(file, None, place, "", problem=problem, remedy=remedy)
    if "vitals" in filled and not filled["vitals"] & HEIGHT_COLUMNS:
        problem = "must be filled in vitals, or height_cm"
        remedy = 'state it with value = "" where height was not measured'
        yield a_fault(file, None, "", "height_m", problem=problem, remedy=remedy)
    for table, names in filled.items():
        for name, column in ROWS[table].model_fields.items():
            if column.is_required() and name not in names:
                problem = f"must be filled in {table}"
                remedy = "state its field, or its value where it is the same in every row"
                yield a_fault(file, None, "", name, problem=problem, remedy=remedy)


def source_tables_named(mapping: MappingFile) -> Mapping[str, tuple[str, ...]]:
    """The fields that the rules name, by the source table that they name ("" for the only one)."""
    named: dict[str, tuple[str, ...]] = {}
    for rule in mapping.rows:
        named[rule.source] = (*named.get(rule.source, ()), *rule.fields, *rule.where)
    return named
