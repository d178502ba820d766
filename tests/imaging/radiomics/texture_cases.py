"""Regions and settings for the tests of texture."""

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from operandi.imaging.radiomics.feature import Feature
from operandi.imaging.radiomics.region import Levels
from operandi.imaging.radiomics.settings import (
    Dimension,
    FixedBinNumber,
    Interpolation,
    RadiomicsSettings,
)

SUFFIX = {
    Dimension.SLICES_AVERAGED: "2D_avg",
    Dimension.SLICES_MERGED: "2D_comb",
    Dimension.DIRECTIONS_MERGED: "2_5D_avg",
    Dimension.MERGED: "2_5D_comb",
    Dimension.VOLUME_AVERAGED: "3D_avg",
    Dimension.VOLUME: "3D_comb",
}


def reference_tag(tag: str, dimension: Dimension) -> str:
    """Tag as in IBSI's tables, with the aggregation; zones and neighborhoods have 2D, 2.5D, 3D."""
    suffix = SUFFIX[dimension]
    if not tag.startswith(("cm_", "rlm_")):
        suffix = suffix.removesuffix("_avg").removesuffix("_comb")
    return f"{tag}_{suffix}"


def texture_settings(
    dimension: Dimension, *, distance: int = 1, dependence_coarseness: int = 0
) -> RadiomicsSettings:
    return RadiomicsSettings(
        dimension=dimension,
        spacing_mm=None,
        interpolation=Interpolation.LINEAR,
        mask_interpolation=Interpolation.LINEAR,
        mask_threshold=0.5,
        rounding=None,
        lower=None,
        upper=None,
        outlier_sigmas=None,
        discretization=FixedBinNumber(bins=6),
        volume_histogram=None,
        distance=distance,
        dependence_coarseness=dependence_coarseness,
    )


def levels_of(values: npt.ArrayLike, count: int | None = None) -> Levels:
    array = np.array(values, dtype=np.int32)
    return Levels(values=array, count=int(array.max()) if count is None else count)


def by_tag(features: tuple[Feature, ...]) -> dict[str, float | None]:
    return {feature.tag: feature.value for feature in features}


@st.composite
def regions(draw: st.DrawFn) -> tuple[Levels, npt.NDArray[np.bool_]]:
    """Small regions with holes and several parts, levels that do not occur, and a wider mask."""
    shape = draw(hnp.array_shapes(min_dims=3, max_dims=3, max_side=4))
    levels = draw(st.sampled_from([(0, 1), (0, 2, 5), (0, 0, 0, 3, 4), (1, 2, 3, 4), (0, 1, 3)]))
    values = draw(hnp.arrays(np.int32, shape, elements=st.sampled_from(levels)))
    if not values.any():
        values.flat[draw(st.integers(0, values.size - 1))] = max(levels)
    wider = draw(hnp.arrays(np.bool_, shape))
    return levels_of(values, max(levels) + draw(st.integers(0, 2))), wider | (values > 0)
