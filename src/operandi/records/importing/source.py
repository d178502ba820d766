"""A table as another system exports it: typed, and with all that it says of each variable."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final, Literal, NoReturn

import polars as pl

from operandi.quantities.errors import DataError
from operandi.records.tables import Fault

Type = Literal["text", "code", "boolean", "integer", "number", "float", "date", "datetime"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A column, and what the source says of it.

    Parameters
    ----------
    name, label : str
        As the source writes them.
    type : str
        What its cells hold; of the frame's column.
    length : int or None
        Longest text, or bytes of a number, where the source states it.
    unit : str
        Where the source states one.
    choices : mapping of str to str
        Codes and what they mean.
    identifying : bool
        Whether the source marks it as identifying a person; such values are never shown.
    stated : mapping
        Whatever else the source says, under its own names.
    """

    name: str
    label: str = ""
    type: Type = "text"
    length: int | None = None
    unit: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)
    identifying: bool = False
    stated: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTable:
    """A table of another system.

    Parameters
    ----------
    name, label, file : str
        What the source calls it, and the file that it stands in.
    variables : tuple of Variable
        Its columns, in order.
    frame : polars.DataFrame
        The cells, typed; null where a cell is blank or does not fit its type.
    texts : tuple of tuple of str
        The same cells as text, in the spelling of Operandi's tables; "" where blank.
    numbers : tuple of int
        Line (CSV) or row of each.
    faults : tuple of Fault
        Cells that are not what their variable allows.
    stated : mapping
        Whatever else the source says of the table.
    """

    name: str
    label: str
    file: str
    variables: tuple[Variable, ...]
    frame: pl.DataFrame
    texts: tuple[tuple[str, ...], ...]
    numbers: tuple[int, ...]
    faults: tuple[Fault, ...] = ()
    stated: Mapping[str, object] = field(default_factory=dict)

    def fault(
        self, row: int | None, column: str, value: str, *, problem: str, remedy: str
    ) -> Fault:
        """Say what is wrong with a cell."""
        return a_fault(self.file, row, column, value, problem=problem, remedy=remedy)


def a_fault(
    file: str, row: int | None, column: str, value: str, *, problem: str, remedy: str
) -> Fault:
    """Say what is wrong, and where."""
    return Fault(
        table="",
        file=file,
        row=row,
        column=column,
        value=value,
        problem=problem,
        remedy=remedy,
    )


def refuse(faults: Iterable[Fault]) -> NoReturn:
    """Refuse a source for all that is wrong with it at once.

    Raises
    ------
    DataError
        Always.
    """
    raise DataError("\n".join(map(str, faults)), remedy="Nothing was imported.")


def read_bytes(path: Path) -> bytes:
    """Read a file of a source.

    Raises
    ------
    DataError
        If it is not there or not readable.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        refuse(
            [
                a_fault(
                    path.name,
                    None,
                    "",
                    "",
                    problem=f"the file cannot be read ({error.strerror})",
                    remedy="check its name and permissions",
                )
            ]
        )


# --- cells ------------------------------------------------------------------------------------

_BOOLEAN: Final = re.compile(r"[01]")
_NUMBER: Final = re.compile(r"[+-]?(?:\d{1,25}(?:\.\d{0,12})?|\.\d{1,12})", re.A)
_INTEGER: Final = re.compile(r"[+-]?\d{1,18}", re.A)
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.A)
_DATETIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2})?", re.A)


def typed(text: str, type_: Type) -> object:
    """Read a cell that is not blank.

    Raises
    ------
    ValueError
        If the text is not of the type; the message is a clause that says so.
    """
    match type_:
        case "boolean":
            return _matched(text, _BOOLEAN, "is neither 0 nor 1") == "1"
        case "integer":
            return int(_matched(text, _INTEGER, "is not a whole number"))
        case "number" | "float":
            number = Decimal(_matched(text, _NUMBER, "is not a number"))
            return number if type_ == "number" else float(number)
        case "date":
            return _moment(text, _DATE, date, "is not a day (YYYY-MM-DD)")
        case "datetime":
            return _moment(text, _DATETIME, datetime, "is not a day and time (YYYY-MM-DD HH:MM)")
        case _:
            return text


def _matched(text: str, form: re.Pattern[str], problem: str) -> str:
    if form.fullmatch(text):
        return text
    raise ValueError(problem)


def _moment(text: str, form: re.Pattern[str], kind: type[date], problem: str) -> date:
    try:
        return kind.fromisoformat(_matched(text, form, problem))
    except ValueError as error:
        if str(error) == problem:
            raise
        raise ValueError("is a day or time that no calendar has") from None


_DTYPES: Final[dict[Type, pl.DataType]] = {
    "text": pl.String(),
    "code": pl.String(),
    "boolean": pl.Boolean(),
    "integer": pl.Int64(),
    "float": pl.Float64(),
    "date": pl.Date(),
    "datetime": pl.Datetime("us"),
}


def column(name: str, values: Sequence[object], type_: Type) -> pl.Series:
    """Make a column of the frame; a number keeps its digits, as a decimal."""
    if type_ != "number":
        return pl.Series(name, values, dtype=_DTYPES[type_])
    exponents = (int(one.as_tuple().exponent) for one in values if isinstance(one, Decimal))
    scale = max((-one for one in exponents), default=0)
    return pl.Series(name, values, dtype=pl.Decimal(38, max(scale, 0)))


def text_of(value: object) -> str:
    """Write a cell as Operandi's tables write it; whole numbers without a decimal point.

    >>> text_of(54.0), text_of(50.39), text_of(None)
    ('54', '50.39', '')
    """
    match value:
        case None:
            return ""
        case bool():
            return "1" if value else "0"
        case float():
            return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
        case datetime():
            return value.isoformat()
        case date():
            return value.isoformat()
        case _:
            return str(value)
