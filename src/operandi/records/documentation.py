"""What docs/study-folder.md says of a table, made from the row that declares it."""

import inspect
import re
from datetime import date, datetime
from typing import Any, Final, get_args

from operandi.domain.date_interval import DateInterval
from operandi.records.cells import cell_type
from operandi.records.limits import Unit, Within
from operandi.records.row import Row
from operandi.records.rows import ROWS

_UNITS: Final[dict[object, str]] = {
    date: "day",
    datetime: "instant",
    DateInterval: "day, month or year",
}


def documented(table: str) -> str:
    """Write the section of a table: what its rows mean, and every column.

    >>> print(documented("karnofsky").splitlines()[-1])
    | `on` | day | day of the score |
    """
    model = ROWS[table]
    about = inspect.cleandoc(model.__doc__ or "").replace("``", "`")
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", about)]
    if model.key:
        names = [f"`{name}`" for name in model.key]
        shared = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
        paragraphs.append(f"No two rows have the same {shared}.")
    columns = [_line(model, name) for name in model.model_fields]
    heads = ["| Column | Unit | Holds |", "|---|---|---|"]
    return "\n\n".join([f"### {table}", " ".join(paragraphs), "\n".join([*heads, *columns])])


def _line(model: type[Row], name: str) -> str:
    field = model.model_fields[name]
    kind, marks = cell_type(field.annotation, tuple(field.metadata))
    units = [mark.unit for mark in marks if isinstance(mark, Unit | Within)]
    unit = units[0] if units else _UNITS.get(kind, "")
    holds = f"{field.description}{_codes(kind)}"
    for mark in marks:
        if isinstance(mark, Within):
            holds += f"; {mark.limits.span(unit=mark.unit)}"
    if not field.is_required():
        holds += "; optional"
    return f"| `{name}` | {unit} | {holds} |".replace("|  |", "| |")


def _codes(kind: Any) -> str:
    if kind is bool:
        return ": `yes` or `no`"
    codes = [f"`{code}`" for code in get_args(kind)]
    return f": {', '.join(codes)}" if codes else ""
