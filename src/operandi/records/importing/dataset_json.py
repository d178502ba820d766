"""CDISC Dataset-JSON 1.1, read and written without a loss."""

import json
import re
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

import polars as pl

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
from operandi.records.tables import Fault

_TYPES: Final[dict[str, tuple[Type, tuple[type, ...]]]] = {
    "string": ("text", (str,)),
    "URI": ("text", (str,)),
    # A text by the standard, so that no digit is lost.
    "decimal": ("text", (str,)),
    "time": ("text", (str,)),
    "datetime": ("text", (str,)),
    "date": ("date", (str,)),
    "integer": ("integer", (int,)),
    "float": ("float", (int, float)),
    "double": ("float", (int, float)),
    "boolean": ("boolean", (bool,)),
}
_NEEDED: Final = ("datasetJSONVersion", "itemGroupOID", "name", "label", "records", "columns")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.A)


def read_dataset_json(path: Path) -> SourceTable:
    """Read a dataset.

    Numbers become binary floating point, as JSON and SAS hold them. A column of days becomes one
    of dates where all its days are known in full; else it stays text.

    Raises
    ------
    DataError
        If the file is no Dataset-JSON 1.1, or its rows do not agree with its columns. All faults
        are named.
    """
    content = _document(path)
    if faults := list(_faults(path.name, content)):
        refuse(faults)
    rows = content.get("rows", [])
    columns = list(zip(*rows, strict=True)) or [()] * len(content["columns"])
    made = [_column(said, cells) for said, cells in zip(content["columns"], columns, strict=True)]
    frame = pl.DataFrame([series for _, series in made])
    return SourceTable(
        name=content["name"],
        label=content["label"],
        file=path.name,
        variables=tuple(variable for variable, _ in made),
        frame=frame,
        texts=tuple(tuple(map(text_of, row)) for row in frame.iter_rows()),
        numbers=tuple(range(1, frame.height + 1)),
        stated={key: None if key == "rows" else value for key, value in content.items()},
    )


def written(table: SourceTable) -> bytes:
    """Write a dataset that was read here as it was.

    Raises
    ------
    ValueError
        If the table was not read from Dataset-JSON.
    """
    if "datasetJSONVersion" not in table.stated:
        raise ValueError(f"{table.name} was not read from Dataset-JSON")
    blanks = [one.stated["blank"] for one in table.variables]
    rows = [
        [blank if value is None else _json(value) for value, blank in zip(row, blanks, strict=True)]
        for row in table.frame.iter_rows()
    ]
    content = dict(table.stated)
    if "rows" in content:
        content["rows"] = rows
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()


def _json(value: object) -> object:
    if isinstance(value, float):
        # As SAS writes them: 4, not 4.0.
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    return value.isoformat() if isinstance(value, date) else value


def _column(said: dict[str, Any], cells: Sequence[object]) -> tuple[Variable, pl.Series]:
    type_, values, blank = _TYPES[said["dataType"]][0], list(cells), None
    if type_ == "date":
        days = [one for one in values if one not in {None, ""}]
        if all(_is_day(one) for one in days) and not {None, ""} <= set(values):
            blank = "" if "" in values else None
            values = [date.fromisoformat(str(one)) if one else None for one in values]
        else:
            type_ = "text"
    variable = Variable(
        name=said["name"],
        label=said["label"],
        type=type_,
        length=said.get("length"),
        stated=said | {"blank": blank},
    )
    return variable, column(variable.name, values, type_)


def _is_day(text: object) -> bool:
    try:
        return bool(_DAY.fullmatch(str(text)) and date.fromisoformat(str(text)))
    except ValueError:
        return False


# --- what is wrong with a file ------------------------------------------------------------------


def _document(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(read_bytes(path).decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        problem = f"byte 0x{error.object[error.start]:02X} at position {error.start} is not UTF-8"
        remedy = "write the file as UTF-8"
        refuse([a_fault(path.name, line, "", "", problem=problem, remedy=remedy)])
    except json.JSONDecodeError as error:
        problem = f"is no JSON ({error.msg}, character {error.pos})"
        remedy = "export it again; it may have been cut off"
        refuse([a_fault(path.name, error.lineno, "", "", problem=problem, remedy=remedy)])
    if not isinstance(content, dict):
        problem, remedy = "is no dataset, but a list or a value", "export it as Dataset-JSON 1.1"
        refuse([a_fault(path.name, None, "", "", problem=problem, remedy=remedy)])
    return content


def _faults(file: str, content: dict[str, Any]) -> Iterator[Fault]:
    remedy = "export it as Dataset-JSON 1.1"
    for key in _NEEDED:
        if key not in content:
            yield a_fault(file, None, key, "", problem="is missing", remedy=remedy)
    version = str(content.get("datasetJSONVersion", "1.1"))
    if not version.startswith("1.1"):
        problem = "is a version that is not read"
        yield a_fault(file, None, "datasetJSONVersion", version, problem=problem, remedy=remedy)
    columns = content.get("columns", [])
    for number, said in enumerate(columns, start=1):
        for key in ("itemOID", "name", "label", "dataType"):
            if key not in said:
                problem = f"column {number} states no {key}"
                yield a_fault(file, None, said.get("name", ""), "", problem=problem, remedy=remedy)
        if (stated := said.get("dataType", "string")) not in _TYPES:
            problem = "is no dataType"
            known = f"use one of {', '.join(_TYPES)}"
            yield a_fault(file, None, said.get("name", ""), stated, problem=problem, remedy=known)
    rows = content.get("rows", [])
    if content.get("records", len(rows)) != len(rows):
        problem = f"stands for {len(rows)} rows; some may have been cut off"
        stated = str(content["records"])
        yield a_fault(file, None, "records", stated, problem=problem, remedy="export it again")
    for number, row in enumerate(rows, start=1):
        yield from _row_faults(file, number, row, columns)


def _row_faults(
    file: str, number: int, row: Sequence[object], columns: list[dict[str, Any]]
) -> Iterator[Fault]:
    if len(row) != len(columns):
        problem = f"row {number} has {len(row)} cells where there are {len(columns)} columns"
        yield a_fault(file, None, "", "", problem=problem, remedy="export it again")
        return
    for said, value in zip(columns, row, strict=True):
        stated = said.get("dataType")
        allowed = _TYPES[stated][1] if stated in _TYPES else (object,)
        # In Python, True is an int.
        bool_for_number = isinstance(value, bool) and bool not in allowed and stated in _TYPES
        if value is not None and (not isinstance(value, allowed) or bool_for_number):
            problem = f"in row {number} is no {stated}"
            remedy = "correct the cell or the dataType"
            name = said.get("name", "")
            yield a_fault(file, None, name, str(value), problem=problem, remedy=remedy)
