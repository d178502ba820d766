"""The frozen tables: columns and rules follow from the rows, checked before anyone reads them."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, get_args

import pandera.polars as pa
import polars as pl

from operandi.domain.date_interval import DateInterval
from operandi.domain.participant import Sex
from operandi.quantities.nuclides import Nuclide
from operandi.records.cells import AsFloat, cell_type
from operandi.records.limits import Within
from operandi.records.row import Row
from operandi.records.rows import ROWS
from operandi.records.tables import Records

_TYPES: Final[dict[object, Any]] = {
    str: pl.String,
    Sex: pl.String,
    Nuclide: pl.String,
    DateInterval: pl.String,
    Decimal: pl.String,
    int: pl.Int32,
    bool: pl.Boolean,
    date: pl.Date,
    datetime: pl.Datetime("us", "UTC"),
}
"""A number is text, digit for digit, and so is a day known in part."""


def table(records: Records, name: str) -> pl.DataFrame:
    """Make the frozen table *name*, with the columns and units of its file.

    Raises
    ------
    ValueError
        If no table has the name.
    pandera.errors.SchemaErrors
        If rows that were not read but made contradict the rules of the table.
    """
    if name not in ROWS:
        raise ValueError(f"no table is named {name!r}; known: {', '.join(ROWS)}")
    schema = schema_of(ROWS[name])
    types = {column: one.dtype.type for column, one in schema.columns.items()}
    rows = [_cells(row, types) for row in records.rows.get(name, ())]
    frame = pl.DataFrame(rows, schema=types, orient="row")
    return pl.DataFrame(schema.validate(frame, lazy=True))


def columns(model: type[Row]) -> tuple[str, ...]:
    """Columns of the frozen table, in order; those that only a file may have are left out."""
    return tuple(name for name, field in model.model_fields.items() if not field.exclude)


def schema_of(model: type[Row]) -> pa.DataFrameSchema:
    """Derive the schema of a frozen table from its row."""
    return pa.DataFrameSchema(
        {name: _column(model, name) for name in columns(model)},
        strict=True,
        ordered=True,
        unique=list(model.key or columns(model)),
    )


def _column(model: type[Row], name: str) -> pa.Column:
    field = model.model_fields[name]
    kind, marks = cell_type(field.annotation, tuple(field.metadata))
    codes = get_args(kind)
    dtype = _TYPES[type(codes[0]) if codes else kind]
    if any(isinstance(mark, AsFloat) for mark in marks):
        dtype = pl.Float64
    checks = [pa.Check.isin(list(codes))] if codes else []
    if dtype == pl.Float64:
        checks += [
            pa.Check.in_range(float(mark.limits.low), float(mark.limits.high))
            for mark in marks
            if isinstance(mark, Within)
        ]
    return pa.Column(dtype, checks, nullable=type(None) in get_args(field.annotation))


def _cells(row: Row, types: dict[str, Any]) -> list[object]:
    said = dict(row)
    return [_frozen(said[name], dtype) for name, dtype in types.items()]


def _frozen(value: Any, dtype: Any) -> object:
    match value:
        case Decimal():
            # Without an exponent, which str() would write for a small number.
            return float(value) if dtype == pl.Float64 else f"{value:f}"
        case Sex():
            return value.value
        case Nuclide():
            return value.name
        case DateInterval():
            return str(value)
        case _:
            return value
