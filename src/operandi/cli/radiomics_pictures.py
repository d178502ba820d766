"""The pictures of ``operandi radiomics --pictures``."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from operandi.cli.radiomics_input import NamedRegion
from operandi.domain.volume import Volume
from operandi.imaging.radiomics.extract import Extraction
from operandi.imaging.radiomics.lattice import lattice
from operandi.imaging.radiomics.matrices import texture_matrices
from operandi.imaging.radiomics.names import Like, exported_name
from operandi.imaging.radiomics.prepare import PLANAR, discretize, prepare
from operandi.quantities.errors import DataError
from operandi.reports.radiomics_pictures import cohort_picture, levels_picture, matrix_picture


def write_pictures(
    folder: Path,
    image: Volume,
    region: NamedRegion,
    extraction: Extraction,
    *,
    cohort: Path | None,
    like: Like,
) -> tuple[Path, ...]:
    """Draw the discretized lesion, its matrices and its place in a cohort; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", region.name)
    if stem != region.name:
        # Two names may differ only in what a file's name cannot hold.
        stem += f"_{hashlib.sha256(region.name.encode()).hexdigest()[:6]}"
    written = []
    for name, picture in _pictures(image, region, extraction):
        written.append(folder / f"{stem}_{name}.svg")
        written[-1].write_bytes(picture)
    if cohort is not None:
        written.append(folder / f"{stem}_cohort.svg")
        written[-1].write_bytes(_cohort(cohort, region, extraction, like))
    return tuple(written)


def _pictures(
    image: Volume, region: NamedRegion, extraction: Extraction
) -> Iterator[tuple[str, bytes]]:
    settings = extraction.recipe.settings
    prepared = prepare(image, region.mask, settings)
    levels = discretize(prepared, settings)
    if not levels.count:
        raise DataError(f"Region {region.name} has no voxel to draw after re-segmentation.")
    largest = int(np.argmax((levels.values > 0).sum(axis=(0, 1))))
    yield (
        "levels",
        levels_picture(
            levels.values[:, :, largest],
            spacing_mm=prepared.spacing_mm[:2],
            title=f"{region.name}: levels, slice with most voxels",
            highest=levels.count,
        ),
    )
    laid_out = lattice(levels, prepared.morphology, margin=settings.distance)
    matrices = texture_matrices(
        laid_out,
        laid_out.slices[[0, -1]],
        planar=settings.dimension in PLANAR,
        distance=settings.distance,
        dependence_coarseness=settings.dependence_coarseness,
    ).merged_directions()
    gray = matrices.gray[1:].tolist()
    pairs = matrices.pairs[0, 0, 1:, 1:]
    yield (
        "glcm",
        matrix_picture(
            pairs + pairs.T,
            rows=gray,
            columns=gray,
            title=f"{region.name}: co-occurrence of levels",
            axes_titles=("level", "level of the neighbor"),
        ),
    )
    yield (
        "glszm",
        matrix_picture(
            matrices.sizes[0, 1:],
            rows=gray,
            columns=matrices.size.tolist(),
            title=f"{region.name}: zones by size",
            axes_titles=("level", "voxels of the zone (sizes that occur)"),
        ),
    )


def _cohort(path: Path, region: NamedRegion, extraction: Extraction, like: Like) -> bytes:
    table = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path)
    settings = extraction.recipe.settings
    if "settings" in table.columns:
        table = table.filter(pl.col("settings") == extraction.recipe.digest)
        if table.is_empty():
            raise DataError(
                f"{path.name} holds no lesion by this one's settings "
                f"({extraction.recipe.digest[:12]}): their features do not compare.",
                remedy="Extract the cohort by the same settings.",
            )
    if {"feature", "value"} <= set(table.columns):
        plain = (
            table.filter(pl.col("filter").fill_null("") == "")
            if "filter" in table.columns
            else table
        )
        others = {
            str(name): group["value"].cast(pl.Float64).drop_nulls().to_numpy()
            for (name,), group in plain.group_by("feature", maintain_order=True)
        }
        like = Like.IBSI
    else:
        others = {
            name: table[name].cast(pl.Float64).drop_nulls().to_numpy()
            for name in table.columns
            if table[name].dtype.is_numeric()
        }
    values = {}
    for feature in extraction.features:
        name = exported_name(feature.tag, like, settings)
        if feature.value is not None and name in others and others[name].size:
            values[name] = (feature.value, others[name])
    if not values:
        raise DataError(
            f"{path.name} has no column of a feature of this lesion.",
            remedy="Give a table that operandi radiomics wrote, with the same --like.",
        )
    return cohort_picture(values, title=f"{region.name} among the lesions of {path.name}")
