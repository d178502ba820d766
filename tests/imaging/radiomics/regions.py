"""Builders of regions and settings, and the phantoms of IBSI 1, for the tests of radiomics."""

import csv
import functools
from dataclasses import replace
from typing import Any, TypeAlias

import nibabel as nib
import numpy as np
import numpy.typing as npt

from operandi.imaging.radiomics.feature import Feature
from operandi.imaging.radiomics.prepare import prepare
from operandi.imaging.radiomics.region import Region
from operandi.imaging.radiomics.settings import (
    Dimension,
    FixedBinNumber,
    FixedBinSize,
    Interpolation,
    RadiomicsSettings,
)
from tests.shared_data import published

Floats: TypeAlias = npt.NDArray[np.float64]
Spacing: TypeAlias = tuple[float, float, float]

PLAIN = RadiomicsSettings(
    dimension=Dimension.VOLUME,
    spacing_mm=None,
    interpolation=Interpolation.LINEAR,
    mask_interpolation=Interpolation.LINEAR,
    mask_threshold=0.5,
    rounding=None,
    lower=None,
    upper=None,
    outlier_sigmas=None,
    discretization=FixedBinNumber(bins=32),
    volume_histogram=FixedBinNumber(bins=100),
)
"""Nothing is interpolated, rounded or re-segmented."""


def settings(**changes: Any) -> RadiomicsSettings:
    """``PLAIN`` but for what a test names."""
    return replace(PLAIN, **changes)


def a_region(
    values: npt.ArrayLike, inside: npt.ArrayLike, *, spacing_mm: Spacing = (1.0, 1.0, 1.0)
) -> Region:
    """A region without a margin whose voxels are all of the intensity mask."""
    mask = np.asarray(inside, dtype=np.bool_)
    return Region(np.asarray(values, dtype=np.float64), mask, mask.copy(), spacing_mm)


def a_lump(*, seed: int, shape: tuple[int, int, int] = (9, 8, 7)) -> tuple[Floats, Any]:
    """Random intensities and a random connected mask that leaves a margin of a voxel."""
    rng = np.random.default_rng(seed)
    values = rng.normal(10.0, 3.0, size=shape)
    inside = np.zeros(shape, dtype=np.bool_)
    at = np.array(shape) // 2
    for _ in range(4 * max(shape) ** 2):
        inside[tuple(at)] = True
        step = rng.integers(-1, 2, size=3)
        at = np.clip(at + step, 1, np.array(shape) - 2)
    return values, inside


def by_tag(features: tuple[Feature, ...]) -> dict[str, Feature]:
    """Features by their tag; each tag once."""
    found = {feature.tag: feature for feature in features}
    assert len(found) == len(features)
    return found


CONFIGURATIONS = {
    "dig_phantom": settings(discretization=FixedBinSize(width=1, start=1), volume_histogram=None),
    "chest_config_a": settings(
        dimension=Dimension.SLICES_MERGED,
        rounding=1.0,
        lower=-500.0,
        upper=400.0,
        discretization=FixedBinSize(width=25),
        volume_histogram=None,
    ),
    "chest_config_b": settings(
        dimension=Dimension.SLICES_MERGED,
        spacing_mm=(2.0, 2.0, 2.0),
        rounding=1.0,
        lower=-500.0,
        upper=400.0,
        volume_histogram=None,
    ),
    "chest_config_c": settings(
        spacing_mm=(2.0, 2.0, 2.0),
        rounding=1.0,
        lower=-1000.0,
        upper=400.0,
        discretization=FixedBinSize(width=25),
        volume_histogram=FixedBinSize(width=2.5),
    ),
    "chest_config_d": settings(
        spacing_mm=(2.0, 2.0, 2.0), rounding=1.0, outlier_sigmas=3.0, volume_histogram=None
    ),
    "chest_config_e": settings(
        spacing_mm=(2.0, 2.0, 2.0),
        interpolation=Interpolation.CUBIC,
        rounding=1.0,
        lower=-1000.0,
        upper=400.0,
        outlier_sigmas=3.0,
        volume_histogram=FixedBinNumber(bins=1000),
    ),
}
"""IBSI 1: ``radiomics/ibsi1/reference/configurations.json``; D and E after the manual's table."""


@functools.cache
def phantom(configuration: str) -> tuple[Floats, npt.NDArray[np.bool_], Spacing]:
    """Image, mask and spacing of the phantom that a configuration is about."""
    name = "digital_phantom" if configuration == "dig_phantom" else "ct_phantom"
    image = nib.loadsave.load(published(f"radiomics/ibsi1/{name}/phantom.nii.gz"))
    mask = nib.loadsave.load(published(f"radiomics/ibsi1/{name}/mask.nii.gz"))
    i, j, k = (float(s) for s in image.header.get_zooms()[:3])  # type: ignore[attr-defined]
    values = np.asarray(image.dataobj, dtype=np.float64)  # type: ignore[attr-defined]
    return values, np.asarray(mask.dataobj) > 0, (i, j, k)  # type: ignore[attr-defined]


@functools.cache
def prepared(configuration: str) -> Region:
    """The region of a configuration."""
    values, inside, spacing_mm = phantom(configuration)
    return prepare((values, spacing_mm), inside, CONFIGURATIONS[configuration])


def reference(configuration: str, family: str) -> dict[str, tuple[float, float]]:
    """Value and tolerance by tag of a family's rows that carry a value."""
    path = published(f"radiomics/ibsi1/reference/{configuration}.csv")
    with path.open(encoding="utf-8") as file:
        return {
            row["feature_tag"]: (float(row["reference_value"]), float(row["tolerance"]))
            for row in csv.DictReader(file)
            if row["feature_tag"].startswith(family)
            and (not family or "_mask_" not in row["feature_tag"])
            and row["reference_value"]
        }


def outside_tolerance(
    found: dict[str, Feature], expected: dict[str, tuple[float, float]]
) -> dict[str, tuple[float | None, float, float]]:
    """Rows that miss; references have three digits, so half of the last one is allowed too."""
    missed = {}
    for tag, (value, tolerance) in expected.items():
        ours = found[tag].value
        digit = 0.5 * 10 ** (np.floor(np.log10(abs(value))) - 2) if value else 0.0
        if ours is None or abs(ours - value) > max(tolerance, digit * (1 + 1e-9)):
            missed[tag] = (ours, value, tolerance)
    return missed
