"""SAS transport files, version 5 (XPORT), read exactly.

A library of our own: the format is two pages, and its numbers (IBM hexadecimal floating point)
come out to the last bit. See decision 0015.

References
----------
.. [1] SAS Institute, TS-140: The Record Layout of a Data Set in SAS Transport (XPORT) Format.
"""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final, NoReturn

import polars as pl

from operandi.quantities.errors import UnsupportedError
from operandi.records.importing.source import (
    SourceTable,
    Type,
    Variable,
    a_fault,
    column,
    read_bytes,
    refuse,
    text_of,
)

_RECORD: Final = 80
_LIBRARY: Final = b"HEADER RECORD*******LIBRARY HEADER RECORD!!!!!!!"
_LIBRARY_8: Final = b"HEADER RECORD*******LIBV8   HEADER RECORD!!!!!!!"
_MEMBER: Final = b"HEADER RECORD*******MEMBER  HEADER RECORD!!!!!!!"
_NAMES: Final = b"HEADER RECORD*******NAMESTR HEADER RECORD!!!!!!!"
_ROWS: Final = b"HEADER RECORD*******OBS     HEADER RECORD!!!!!!!"
_MISSING: Final = b"._ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_DAY_ZERO: Final = date(1960, 1, 1)
_DATES: Final = {"DATE", "DDMMYY", "MMDDYY", "YYMMDD", "E8601DA", "IS8601DA", "B8601DA"}
_DATETIMES: Final = {"DATETIME", "E8601DT", "IS8601DT", "B8601DT"}


@dataclass(frozen=True, slots=True)
class _Name:
    """A variable's descriptor: where in an observation it stands, and what it is."""

    variable: Variable
    numeric: bool
    at: int
    length: int


def read_xport(path: Path, *, encoding: str = "utf-8") -> tuple[SourceTable, ...]:
    """Read every dataset of a transport file.

    Parameters
    ----------
    path : Path
        The file.
    encoding : str
        Of its texts; the format does not state it, and a submission is in ASCII.

    Returns
    -------
    tuple of SourceTable
        Numbers are floating point, whole days and instants with a SAS format of such are dates
        and datetimes. A missing number is null; a special one (.A to .Z, ._) is named in
        ``stated["special_missing"]`` as row, variable and letter.

    Raises
    ------
    DataError
        If the file is no transport file, is cut off, or holds a text in another encoding.
    UnsupportedError
        If it is of version 8.
    """
    content = read_bytes(path)
    if content.startswith(_LIBRARY_8):
        raise UnsupportedError(
            f"{path.name} is a SAS transport file of version 8.",
            remedy="Write version 5 (LIBNAME … XPORT), or Dataset-JSON.",
        )
    if not content.startswith(_LIBRARY):
        _refuse(path.name, "is no SAS transport file of version 5", "export it as XPORT, version 5")
    if len(content) % _RECORD:
        _refuse(
            path.name,
            f"is cut off: {len(content)} bytes are no whole number of records of {_RECORD}",
            "copy it again, as a binary file",
        )
    starts = list(_members(content))
    ends = [*starts[1:], len(content)]
    return tuple(
        _member(path.name, content[start:end], encoding=encoding)
        for start, end in zip(starts, ends, strict=True)
    )


def ibm_float(stored: bytes) -> float:
    """Read a number of 2 to 8 bytes: a sign, a power of 16 in excess 64, a fraction of 56 bits.

    >>> ibm_float(bytes.fromhex("4110000000000000"))
    1.0
    >>> ibm_float(bytes.fromhex("C276A00000000000"))
    -118.625
    """
    number = int.from_bytes(stored.ljust(8, b"\0"))
    fraction, exponent = number & (1 << 56) - 1, number >> 56 & 0x7F
    value = math.ldexp(fraction, 4 * (exponent - 64) - 56)
    return -value if number >> 63 else value


def _refuse(file: str, problem: str, remedy: str) -> NoReturn:
    refuse([a_fault(file, None, "", "", problem=problem, remedy=remedy)])


def _members(content: bytes) -> Iterator[int]:
    """Where each dataset begins; its header stands at the beginning of a record."""
    at = content.find(_MEMBER)
    while at >= 0:
        if at % _RECORD == 0:
            yield at
        at = content.find(_MEMBER, at + 1)


def _member(file: str, content: bytes, *, encoding: str) -> SourceTable:
    # Member and descriptor headers, two records of names and times, then the descriptors.
    if not content.startswith(_NAMES, 4 * _RECORD):
        _refuse(file, "is cut off before the names of its variables", "copy it again")
    size = int(content[74:78])
    real, times = content[2 * _RECORD : 3 * _RECORD], content[3 * _RECORD : 4 * _RECORD]
    count = int(content[4 * _RECORD + 54 : 4 * _RECORD + 58])
    at = 5 * _RECORD
    ends = at + math.ceil(count * size / _RECORD) * _RECORD
    if not content.startswith(_ROWS, ends):
        _refuse(file, f"is cut off within the {count} descriptions of variables", "copy it again")
    names = [_name(content[at + n * size : at + (n + 1) * size], encoding) for n in range(count)]
    cells = content[ends + _RECORD :]
    width = sum(one.length for one in names)
    rows = list(_rows(file, cells, width))
    return _table(file, names, rows, _stated(real, times, encoding), encoding)


def _text(stored: bytes, encoding: str = "ascii") -> str:
    return stored.rstrip(b"\0 ").decode(encoding, errors="replace")


def _stated(real: bytes, times: bytes, encoding: str) -> dict[str, object]:
    return {
        "name": _text(real[8:16]),
        "sas_version": _text(real[24:32]),
        "system": _text(real[32:40]),
        "created": _text(real[64:80]),
        "modified": _text(times[:16]),
        "label": _text(times[32:72], encoding),
        "type": _text(times[72:80]),
    }


def _name(stored: bytes, encoding: str) -> _Name:
    kind, _, length, number = struct.unpack(">hhhh", stored[:8])
    width, decimals, justified = struct.unpack(">hhh", stored[64:70])
    in_width, in_decimals, at = struct.unpack(">hhi", stored[80:88])
    numeric, form = kind == 1, _text(stored[56:64])
    type_: Type = "text"
    if numeric:
        type_ = "date" if form in _DATES else "datetime" if form in _DATETIMES else "float"
    variable = Variable(
        name=_text(stored[8:16]),
        label=_text(stored[16:56], encoding),
        type=type_,
        length=length,
        stated={
            "number": number,
            "format": form,
            "format_width": width,
            "format_decimals": decimals,
            "justified": "right" if justified else "left",
            "informat": _text(stored[72:80]),
            "informat_width": in_width,
            "informat_decimals": in_decimals,
        },
    )
    return _Name(variable, numeric, at, length)


def _rows(file: str, cells: bytes, width: int) -> Iterator[bytes]:
    """Cut the observations apart; blanks fill the last record."""
    if not width:
        return
    whole, rest = divmod(len(cells), width)
    if rest and (cells[-rest:].strip(b" ") or rest >= _RECORD):
        _refuse(file, f"is cut off within row {whole + 1}", "copy it again, as a binary file")
    while (
        whole
        and whole * width > len(cells) - _RECORD
        and not cells[(whole - 1) * width : whole * width].strip(b" ")
    ):
        whole -= 1
    for number in range(whole):
        yield cells[number * width : (number + 1) * width]


def _table(
    file: str, names: list[_Name], rows: list[bytes], stated: dict[str, object], encoding: str
) -> SourceTable:
    special: list[tuple[int, str, str]] = []
    variables: list[Variable] = []
    columns: list[pl.Series] = []
    for one in names:
        stored = [row[one.at : one.at + one.length] for row in rows]
        type_ = one.variable.type
        if one.numeric:
            numbers = [None if _is_missing(cell) else ibm_float(cell) for cell in stored]
            special += [
                (row, one.variable.name, chr(cell[0]))
                for row, cell in enumerate(stored, start=1)
                if _is_missing(cell) and cell[0] != ord(".")
            ]
            values, type_ = _moments(numbers, type_)
        else:
            values = [
                _decoded(file, row, one.variable.name, cell, encoding)
                for row, cell in enumerate(stored, start=1)
            ]
        variables.append(replace(one.variable, type=type_))
        columns.append(column(one.variable.name, values, type_))
    frame = pl.DataFrame(columns)
    return SourceTable(
        name=str(stated["name"]),
        label=str(stated["label"]),
        file=file,
        variables=tuple(variables),
        frame=frame,
        texts=tuple(tuple(map(text_of, row)) for row in frame.iter_rows()),
        numbers=tuple(range(1, len(rows) + 1)),
        stated=stated | {"special_missing": tuple(special)},
    )


def _is_missing(cell: bytes) -> bool:
    return cell[0] in _MISSING and not any(cell[1:])


def _moments(numbers: list[float | None], type_: Type) -> tuple[list[object], Type]:
    """Days since 1960 become dates, seconds datetimes; a column with a fraction stays numbers."""
    if type_ == "float" or not all(one is None or one.is_integer() for one in numbers):
        return list(numbers), "float"
    try:
        if type_ == "date":
            days = (None if one is None else _DAY_ZERO + timedelta(days=one) for one in numbers)
            return list(days), type_
        zero = datetime(1960, 1, 1)  # noqa: DTZ001 - SAS states no time zone
        seconds = (None if one is None else zero + timedelta(seconds=one) for one in numbers)
        return list(seconds), type_
    except OverflowError:
        return list(numbers), "float"


def _decoded(file: str, row: int, name: str, cell: bytes, encoding: str) -> str:
    try:
        return cell.rstrip(b" \0").decode(encoding)
    except UnicodeDecodeError as error:
        problem = f"in row {row} byte 0x{cell[error.start]:02X} is not {encoding}"
        remedy = "state the encoding in the mapping ([source] encoding), such as windows-1252"
        refuse([a_fault(file, None, name, "", problem=problem, remedy=remedy)])
