"""From the folder of records to lines of text, and what is wrong with its files.

A CSV file is read line by line, so that a stray quotation mark spoils its own line and no other.
None of the tables has a column in which a line break could be meant.
"""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import polars as pl

from operandi.records.manifest import MANIFEST, MEASUREMENTS, differences
from operandi.records.rows import ROWS
from operandi.records.spelling import meant
from operandi.records.tables import Fault

_SUFFIXES: Final = (".csv", ".parquet")
_BESIDE: Final = ("test_retest", "lesion_overrides")
"""Files that ``[lesions]`` of study.toml may name; they are read with it, and are no tables."""
_SPREADSHEETS: Final = (".xls", ".xlsx", ".ods", ".numbers", ".tsv")


@dataclass(frozen=True, slots=True)
class Line:
    """The cells of one line.

    Parameters
    ----------
    number : int
        Counted from 1; in CSV with the header.
    cells : tuple of str
        Without surrounding blanks.
    problem : str
        Why the line as a whole cannot be trusted; else empty.
    """

    number: int
    cells: tuple[str, ...]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file as text.

    Parameters
    ----------
    table, file : str
        Name of the table and of its file.
    columns : tuple of str
        As the file names them.
    lines : tuple of Line
        Without the header and without blank lines.
    decimal_comma : bool
        Whether semicolons part the cells, so that a comma may be decimal.
    """

    table: str
    file: str
    columns: tuple[str, ...]
    lines: tuple[Line, ...]
    decimal_comma: bool = False

    def fault(self, problem: str, remedy: str, *, column: str = "") -> Fault:
        """Say what is wrong with the file as a whole."""
        return _file_fault(self.file, problem, remedy, table=self.table, column=column)


def read_sheets(folder: Path) -> tuple[list[Sheet], list[Fault]]:
    """Read every table in *folder* and name every file that cannot be read.

    Of a freeze that is not as it was frozen, nothing is read.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if path.name[0] not in ".~")
    except OSError as error:
        place = folder.name or "records"
        problem = f"the folder cannot be listed ({error.strerror})"
        return [], [_file_fault(place, problem, "put the tables of the study into records/")]
    if (folder / MANIFEST).is_file() and (wrong := differences(folder)):
        remedy = "fetch an unchanged copy of the freeze"
        return [], [_file_fault(one.file, one.problem, remedy) for one in wrong]
    frozen = (folder / MANIFEST).is_file()
    faults = list(_misnamed([one for one in paths if not frozen or one.name != MEASUREMENTS]))
    sheets: list[Sheet] = []
    for table in ROWS:
        files = [path for path in paths if path.stem == table and _suffix(path) in _SUFFIXES]
        if len(files) > 1:
            faults.append(_twice(table, files))
            continue
        for path in files:
            try:
                sheets.append(_sheet(table, path))
            except _UnreadableError as unreadable:
                faults.append(_file_fault(path.name, *unreadable.args, table=table))
        if table == "participants" and not files:
            faults.append(
                _file_fault(
                    folder.name or "records",
                    "the table participants is missing",
                    "add participants.csv",
                    table=table,
                )
            )
    return sheets, faults


class _UnreadableError(Exception):
    """Problem and remedy of a file that holds no readable table."""


def _file_fault(
    file: str, problem: str, remedy: str, *, table: str = "", column: str = ""
) -> Fault:
    return Fault(
        table=table, file=file, row=None, column=column, value="", problem=problem, remedy=remedy
    )


def _misnamed(paths: list[Path]) -> Iterator[Fault]:
    for path in paths:
        suffix = _suffix(path)
        if path.stem in (*ROWS, *_BESIDE) and suffix in _SUFFIXES:
            continue
        # vitals.csv.txt, Vitals.csv, vitals (1).csv: a table that would otherwise not be missed.
        begun = [table for table in ROWS if path.name.lower().startswith(table)]
        meant_for = max(begun, key=len, default="")
        if meant_for and suffix in _SPREADSHEETS:
            problem, remedy = "a spreadsheet is not read", "save the table as CSV UTF-8"
        elif meant_for or suffix in _SUFFIXES:
            meant_for = meant_for or meant(path.stem, ROWS)
            problem = "no table has this name"
            remedy = (
                f"rename it {meant_for}.csv if that is meant"
                if meant_for
                else f"the tables are {', '.join(ROWS)}"
            )
        else:
            continue
        yield _file_fault(path.name, problem, remedy, table=meant_for)


def _twice(table: str, files: list[Path]) -> Fault:
    names = " and ".join(path.name for path in files)
    return _file_fault(
        files[0].name, f"the table stands in {names}", "keep the one that is right", table=table
    )


def _suffix(path: Path) -> str:
    return path.suffix.lower()


def _sheet(table: str, path: Path) -> Sheet:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _UnreadableError(
            f"the file cannot be read ({error.strerror})", "check it and its permissions"
        ) from error
    if not content:
        raise _UnreadableError("the file is empty", "export the table again")
    if _suffix(path) == ".parquet":
        return _parquet_sheet(table, path.name, content)
    return _csv_sheet(table, path.name, content)


def _csv_sheet(table: str, file: str, content: bytes) -> Sheet:
    lines = re.split(r"\r\n|\n|\r", _decoded(content))
    header_at = next((at for at, line in enumerate(lines) if line.strip()), None)
    if header_at is None:
        raise _UnreadableError("the file holds no header", "export the table again")
    delimiter = ";" if lines[header_at].count(";") > lines[header_at].count(",") else ","
    header, problem = _cells(lines[header_at], delimiter)
    if problem:
        raise _UnreadableError(f"the header {problem}", "write the column names without quotes")
    columns = _trimmed(header, width=0)
    numbered = enumerate(lines[header_at + 1 :], start=header_at + 2)
    return Sheet(
        table=table,
        file=file,
        columns=columns,
        lines=tuple(_line(number, line, delimiter, columns) for number, line in numbered if line),
        decimal_comma=delimiter == ";",
    )


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The codec counts from behind the byte order mark.
        mark = len(content) - len(error.object)
        line = error.object.count(b"\n", 0, error.start) + 1
        raise _UnreadableError(
            f"byte 0x{error.object[error.start]:02X} at position {error.start + mark} "
            f"(line {line}) is not UTF-8",
            "save the table as CSV UTF-8",
        ) from error


def _cells(line: str, delimiter: str) -> tuple[tuple[str, ...], str]:
    try:
        cells, problem = next(csv.reader([line], delimiter=delimiter, strict=True)), ""
    except csv.Error:
        cells = line.replace('"', "").split(delimiter)
        problem = "has a quotation mark that is not closed, or text behind a closing one"
    return tuple(cell.strip() for cell in cells), problem


def _trimmed(cells: tuple[str, ...], *, width: int) -> tuple[str, ...]:
    """Drop blank cells beyond *width*; spreadsheets write them."""
    while len(cells) > width and not cells[-1]:
        cells = cells[:-1]
    return cells


def _line(number: int, line: str, delimiter: str, columns: tuple[str, ...]) -> Line:
    cells, problem = _cells(line, delimiter)
    cells = _trimmed(cells, width=len(columns))
    if not problem and len(cells) != len(columns):
        problem = f"has {len(cells)} cells where the header has {len(columns)}"
    return Line(number, cells, problem)


def _parquet_sheet(table: str, file: str, content: bytes) -> Sheet:
    try:
        frame = pl.read_parquet(io.BytesIO(content))
        rows = [tuple(_text(value) for value in row) for row in frame.iter_rows()]
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
        raise _UnreadableError(
            "the file is not a whole Parquet file", "export the table again"
        ) from error
    lines = tuple(Line(number, cells) for number, cells in enumerate(rows, start=1))
    return Sheet(table=table, file=file, columns=tuple(frame.columns), lines=lines)


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case date():  # and datetime, which is one
            return value.isoformat()
        case _:
            return str(value).strip()
