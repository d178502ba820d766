"""The frozen tables: columns, types and rules, checked by pandera before anyone reads them."""

from typing import Final

import pandera.polars as pa
import polars as pl

from operandi.records import plausible
from operandi.records.names import PSEUDONYM

_INSTANT: Final = pl.Datetime("us", "UTC")
_PARTICIPANT: Final = {"participant": pa.Column(pl.String, pa.Check.str_matches(f"^{PSEUDONYM}$"))}
_VISIT: Final = _PARTICIPANT | {"timepoint": pa.Column(pl.String, pa.Check.str_length(min_value=1))}


def _between(limits: plausible.Plausible) -> pa.Check:
    return pa.Check.in_range(float(limits.low), float(limits.high))


def _text() -> pa.Column:
    return pa.Column(pl.String, pa.Check.str_length(min_value=1))


def _position() -> pa.Column:
    farthest_mm = float(plausible.FARTHEST_MM)
    return pa.Column(pl.Float64, pa.Check.in_range(-farthest_mm, farthest_mm))


def _schema(
    columns: dict[str, pa.Column], *, unique: tuple[str, ...] | None = None
) -> pa.DataFrameSchema:
    return pa.DataFrameSchema(
        columns, strict=True, ordered=True, unique=list(unique) if unique else None
    )


SCHEMAS: Final[dict[str, pa.DataFrameSchema]] = {
    "participants": _schema(
        _PARTICIPANT
        | {
            "site": _text(),
            "sex": pa.Column(pl.String, pa.Check.isin(["F", "M", "O"])),
            "birth_year": pa.Column(pl.Int32, pa.Check.ge(plausible.EARLIEST_BIRTH_YEAR)),
            "birth_month": pa.Column(pl.Int32, pa.Check.in_range(1, 12)),
        },
        unique=("participant",),
    ),
    "imaging_visits": _schema(
        _VISIT | {"date": pa.Column(pl.Date), "study_instance_uid": pa.Column(pl.String)},
        unique=("participant", "timepoint"),
    ),
    "vitals": _schema(
        _VISIT
        | {
            "measured_on": pa.Column(pl.Date),
            "body_mass_kg": pa.Column(pl.Float64, _between(plausible.BODY_MASS)),
            "height_m": pa.Column(pl.Float64, _between(plausible.HEIGHT), nullable=True),
        },
        unique=("participant", "timepoint"),
    ),
    "tracer_administrations": _schema(
        _VISIT
        | {
            "tracer": _text(),
            "nuclide": _text(),
            "activity_mbq": pa.Column(pl.Float64, pa.Check.gt(0.0)),
            "assayed_at": pa.Column(_INSTANT),
            "injected_at": pa.Column(_INSTANT),
            "residual_mbq": pa.Column(pl.Float64, pa.Check.ge(0.0)),
            "residual_at": pa.Column(_INSTANT, nullable=True),
        },
        unique=("participant", "timepoint"),
    ),
    "cycles": _schema(
        _PARTICIPANT
        | {
            "cycle": pa.Column(pl.Int32, pa.Check.ge(1)),
            "date": pa.Column(pl.Date),
            "activity_gbq": pa.Column(pl.Float64, _between(plausible.CYCLE_ACTIVITY)),
            "nuclide": _text(),
        },
        unique=("participant", "cycle"),
    ),
    "reference_regions": _schema(
        _VISIT
        | {
            "organ": _text(),
            "x_mm": _position(),
            "y_mm": _position(),
            "z_mm": _position(),
            "radius_mm": pa.Column(
                pl.Float64, [pa.Check.gt(0.0), pa.Check.le(float(plausible.LARGEST_RADIUS_MM))]
            ),
            "reader": _text(),
        }
    ),
}


def frozen(table: str, rows: list[tuple[object, ...]]) -> pl.DataFrame:
    """Make the frame of a table from its rows and check it.

    Raises
    ------
    pandera.errors.SchemaErrors
        If rows contradict the schema; reading lets no such row through.
    """
    schema = SCHEMAS[table]
    types = {name: column.dtype.type for name, column in schema.columns.items()}
    frame = pl.DataFrame(rows, schema=types, orient="row")
    return pl.DataFrame(schema.validate(frame, lazy=True))
