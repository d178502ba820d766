"""The tables that ``operandi radiomics`` writes: a line a feature, or a line a lesion."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from operandi.imaging.radiomics.extract import Extraction
from operandi.imaging.radiomics.measurements import unit_of
from operandi.imaging.radiomics.names import FEATURE_NAMES, Like, exported_name
from operandi.imaging.radiomics.response_names import response_names
from operandi.quantities.errors import DataError


@dataclass(frozen=True, slots=True)
class Extracted:
    """A region's extractions, with what the table says of where they came from."""

    image: str
    mask: str
    region: str
    extractions: tuple[Extraction, ...]


def long_table(found: Sequence[Extracted], *, unit: str) -> pl.DataFrame:
    """Return a line a feature, with its code, unit, and reason where it is absent.

    Parameters
    ----------
    found : sequence of Extracted
    unit : str
        Of the image's values.
    """
    columns: dict[str, list[object]] = {name: [] for name in _LONG}
    for one in found:
        for extraction in one.extractions:
            recipe = extraction.recipe
            filtered = response_names(recipe.filter)
            for feature in extraction.features:
                name = FEATURE_NAMES[feature.tag]
                line = (
                    one.image,
                    one.mask,
                    one.region,
                    filtered[Like.IBSI] if filtered else "",
                    exported_name(feature.tag, Like.IBSI, recipe.settings),
                    name.code,
                    name.family.term,
                    name.title,
                    feature.value,
                    unit_of(feature.tag, unit, recipe),
                    feature.absent,
                    recipe.digest,
                )
                for column, value in zip(columns.values(), line, strict=True):
                    column.append(value)
    return pl.DataFrame(columns, schema=_LONG)


_LONG = {
    "image": pl.String,
    "mask": pl.String,
    "region": pl.String,
    "filter": pl.String,
    "feature": pl.String,
    "ibsi_code": pl.String,
    "family": pl.String,
    "title": pl.String,
    "value": pl.Float64,
    "unit": pl.String,
    "absent": pl.String,
    "settings": pl.String,
}


def wide_table(found: Sequence[Extracted], like: Like) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Return a line a lesion with another program's names, and the tags that have none there."""
    lines: list[dict[str, object]] = []
    nameless: dict[str, None] = {}
    for one in found:
        line: dict[str, object] = {
            "image": one.image,
            "mask": one.mask,
            "region": one.region,
            "settings": one.extractions[0].recipe.digest,
        }
        for extraction in one.extractions:
            recipe = extraction.recipe
            names = response_names(recipe.filter)
            for feature in extraction.features:
                name = exported_name(feature.tag, like, recipe.settings, image=names)
                if not name:
                    ours = exported_name(feature.tag, Like.IBSI, recipe.settings, image=names)
                    nameless[ours] = None
                elif name in line:
                    raise DataError(
                        f"Two filters give the column {name}.",
                        remedy="Extract them into tables of their own.",
                    )
                else:
                    line[name] = feature.value
        lines.append(line)
    texts = ("image", "mask", "region", "settings")
    columns = dict.fromkeys(name for line in lines for name in line)
    schema = {name: pl.String if name in texts else pl.Float64 for name in columns}
    return pl.DataFrame(lines, schema=schema), tuple(nameless)


def write_table(table: pl.DataFrame, path: Path) -> None:
    """Write CSV or Parquet, as the name ends."""
    if path.suffix == ".parquet":
        table.write_parquet(path)
    else:
        table.write_csv(path)
