"""Tables that a plan brings with it: read as text, a row a participant, checked by their digest."""

import csv
import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from operandi.domain.identity import Digest
from operandi.quantities.errors import DataError
from operandi.signatures.plan_format import SuppliedTable

EMPTY: Final = frozenset({"", "NA", "N/A", "NaN", "nan", "null", "None"})
"""Cells that say nothing: not assayed, not known. Never 0."""
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_OTHER_MARKS: Final = "Export it with commas between the cells, and points in the numbers."


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppliedRow:
    """What a supplied table says of one participant.

    Parameters
    ----------
    participant, site : str
        ``site`` is empty where the plan names no column of it.
    place : str
        Where it stands: ``"scores.csv, row 3"``, counted from 1 without the header.
    cells : mapping of str to str
        By column; those that say nothing are left out.
    """

    participant: str
    site: str
    place: str
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppliedRows:
    """A supplied table.

    Parameters
    ----------
    code : str
        In the plan.
    columns : tuple of str
        Those that may be predictors or outcomes, in the order of the file.
    rows : mapping of str to SuppliedRow
        By participant, in the order of the file.
    """

    code: str
    columns: tuple[str, ...]
    rows: Mapping[str, SuppliedRow]


def plain_number(text: str) -> float:
    """Read a cell that holds a number, written with the digits 0 to 9 and a point.

    Raises
    ------
    ValueError
        If it holds none. ``1_0``, which programs read as 10, is a slip of the keyboard.
    """
    if "_" in text or not text.isascii():
        raise ValueError(text)
    return float(text)


def frozen_name(table: SuppliedTable, number: int) -> str:
    """Name of a table's file in a freeze: ``plan/scores.csv``, ``plan/scores_2.csv.gz``."""
    suffixes = [one for one in PurePosixPath(table.files()[number].file).suffixes if one]
    ending = "".join(suffixes[-2:] if suffixes[-1:] == [".gz"] else suffixes[-1:])
    return f"plan/{table.code}{f'_{number + 1}' if number else ''}{ending}"


def refuse_other_file(table: SuppliedTable, number: int, content: bytes) -> Digest:
    """Refuse a file that is not the plan's; returns its SHA-256.

    Raises
    ------
    DataError
        Naming the plan's key, and both digests.
    """
    stated = table.files()[number]
    found = hashlib.sha256(content).hexdigest()
    if found != stated.sha256:
        raise DataError(
            f"table[{table.code}].sha256: {stated.file} is another file than the plan was made "
            f"for (stated {stated.sha256}, found {found}).",
            remedy="Supply the file of the plan, or state an amendment with the new digest.",
        )
    return Digest(found)


def read_supplied(table: SuppliedTable, contents: Sequence[bytes]) -> SuppliedRows:
    """Read a supplied table from its files, whose digests were checked.

    Raises
    ------
    DataError
        If a file is no CSV or lacks a column that the plan names, or a participant stands twice.
    """
    lines: list[tuple[str, dict[str, str]]] = []
    columns: tuple[str, ...] = ()
    for one, content in zip(table.files(), contents, strict=True):
        header, read = _lines(table, one.file, content)
        if columns and header != columns:
            raise DataError(
                f"table[{table.code}].also: {one.file} has other columns than {table.file}.",
                remedy="Give the files the same columns, or make them tables of their own.",
            )
        columns = header
        lines += read
    who = _parts(table, "participant", table.participant, columns)
    site = _parts(table, "site", table.site, columns) if table.site else ()
    if table.name is not None or table.value is not None:
        return _long(table, columns, lines, who=who, site=site)
    rows: dict[str, SuppliedRow] = {}
    for place, cells in lines:
        row = _row(table, place, cells, who=who, site=site)
        if row.participant in rows:
            raise DataError(
                f"table[{table.code}]: {row.participant} stands twice, in "
                f"{rows[row.participant].place} and {place}.",
                remedy="Keep the row that is right: a participant has one.",
            )
        rows[row.participant] = row
    own = {*who, *site}
    return SuppliedRows(
        code=table.code, columns=tuple(one for one in columns if one not in own), rows=rows
    )


def _lines(
    table: SuppliedTable, file: str, content: bytes
) -> tuple[tuple[str, ...], list[tuple[str, dict[str, str]]]]:
    key = f"table[{table.code}]: {file}"
    try:
        text = (gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content).decode(
            "utf-8-sig"
        )
        sheet = list(csv.reader(io.StringIO(text), strict=True))
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{key} is no CSV in UTF-8: {error}.", remedy="Export it again.") from None
    if strange := _CONTROL.search(text):
        line = text.count("\n", 0, strange.start())
        raise DataError(
            f"{key}, row {line} holds the control character {strange.group()!r}.",
            remedy="Export it again as text.",
        )
    if len(sheet) < 2:
        raise DataError(f"{key} has no rows.", remedy="Supply the table with its header and rows.")
    header = tuple(one.strip() for one in sheet[0])
    twice = sorted({one for one in header if header.count(one) > 1})
    if twice:
        raise DataError(f"{key} has columns twice: {', '.join(twice)}.", remedy="Rename them.")
    lines = []
    for number, cells in enumerate(sheet[1:], start=1):
        place = f"{PurePosixPath(file).name}, row {number}"
        if not any(cells):
            continue
        if len(cells) != len(header):
            raise DataError(
                f"table[{table.code}]: {place} has {len(cells)} cells, the header {len(header)}.",
                remedy=_OTHER_MARKS
                if len(header) == 1
                else "Look for a comma too many, or a line that was cut off.",
            )
        lines.append((place, dict(zip(header, map(str.strip, cells), strict=True))))
    return header, lines


def _parts(table: SuppliedTable, key: str, said: str, columns: Sequence[str]) -> tuple[str, ...]:
    parts = (said,) if said in columns else tuple(said.split("+"))
    for one in parts:
        if one not in columns:
            raise DataError(
                f"table[{table.code}].{key}: {one} is no column of {table.file}.",
                remedy=_OTHER_MARKS
                if len(columns) == 1
                else f"Name one of {', '.join(columns[:12])}.",
            )
    return parts


def _row(
    table: SuppliedTable,
    place: str,
    cells: Mapping[str, str],
    *,
    who: Sequence[str],
    site: Sequence[str],
) -> SuppliedRow:
    participant = "-".join(cells[one] for one in who)
    if any(cells[one] in EMPTY for one in who):
        raise DataError(
            f"table[{table.code}]: {place} says not whose it is.", remedy="Fill the cell."
        )
    own = {*who, *site}
    return SuppliedRow(
        participant=participant,
        site="-".join(cells[one] for one in site),
        place=place,
        cells={name: cell for name, cell in cells.items() if name not in own and cell not in EMPTY},
    )


def _long(
    table: SuppliedTable,
    columns: Sequence[str],
    lines: Sequence[tuple[str, dict[str, str]]],
    *,
    who: Sequence[str],
    site: Sequence[str],
) -> SuppliedRows:
    """A value a row: gathered into one row a participant, under the names that the cells give."""
    if table.name is None or table.value is None:
        raise DataError(
            f"table[{table.code}]: name and value stand together.", remedy="Give both or neither."
        )
    named = _parts(table, "name", table.name, columns)
    (value,) = _parts(table, "value", table.value, columns)
    first: dict[str, SuppliedRow] = {}
    gathered: dict[str, dict[str, str]] = {}
    seen: dict[tuple[str, str], str] = {}
    for place, cells in lines:
        row = _row(table, place, cells, who=who, site=site)
        name = ".".join(cells[one] for one in named)
        if (before := seen.setdefault((row.participant, name), place)) != place:
            raise DataError(
                f"table[{table.code}]: {name} of {row.participant} stands twice, in {before} and "
                f"{place}.",
                remedy="Keep the row that is right.",
            )
        first.setdefault(row.participant, row)
        found = gathered.setdefault(row.participant, {})
        if value in row.cells:
            found[name] = row.cells[value]
    rows = {
        one: SuppliedRow(participant=one, site=row.site, place=row.place, cells=gathered[one])
        for one, row in first.items()
    }
    return SuppliedRows(
        code=table.code, columns=tuple(dict.fromkeys(name for _, name in seen)), rows=rows
    )


def table_values(table: SuppliedRows) -> Iterator[tuple[str, str]]:
    """Names and values of a table of one column, such as the repeatability of columns.

    Raises
    ------
    DataError
        If it has not one column.
    """
    if len(table.columns) != 1:
        raise DataError(
            f"table[{table.code}] needs one column of values beside the names; found "
            f"{', '.join(table.columns) or 'none'}.",
            remedy="Keep the name of the column, and its repeatability.",
        )
    (column,) = table.columns
    yield from (
        (name, row.cells[column]) for name, row in table.rows.items() if column in row.cells
    )
