import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operandi.imaging.radiomics.local_intensity import local_intensity_features
from operandi.imaging.radiomics.prepare import PEAK_RADIUS_MM
from operandi.imaging.radiomics.region import Region
from tests.imaging.radiomics.regions import (
    a_lump,
    a_region,
    by_tag,
    outside_tolerance,
    prepared,
    reference,
)
from tests.shared_data import needs_shared_data


def _by_voxels(region: Region) -> tuple[float, float]:
    """Both peaks as IBSI defines them: for each voxel, all voxels of the box."""
    at = np.indices(region.values.shape).reshape(3, -1).T * region.spacing_mm
    values, inside = region.values.ravel(), region.intensity.ravel()
    means = np.full(values.size, -np.inf)
    for voxel in np.flatnonzero(inside):
        near = np.linalg.norm(at - at[voxel], axis=1) <= PEAK_RADIUS_MM
        means[voxel] = np.nanmean(values[near])
    highest = values[inside].max()
    return float(means[inside & (values == highest)].max()), float(means.max())


@needs_shared_data
@pytest.mark.parametrize(
    "configuration", ["dig_phantom", "chest_config_a", "chest_config_b", "chest_config_c"]
)
def test_agrees_with_ibsi(configuration: str) -> None:
    """IBSI 1 reference values: every ``loc_`` row."""
    found = by_tag(local_intensity_features(prepared(configuration)))

    assert outside_tolerance(found, reference(configuration, "loc_")) == {}


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.tuples(*[st.floats(0.9, 8.0)] * 3))
def test_agrees_with_the_definition(seed: int, spacing_mm: tuple[float, float, float]) -> None:
    values, inside = a_lump(seed=seed)
    region = a_region(values, inside, spacing_mm=spacing_mm)

    found = [f.value for f in local_intensity_features(region)]

    assert found == pytest.approx(_by_voxels(region), rel=1e-12)


def test_of_equal_maxima_the_higher_neighborhood_counts() -> None:
    values = np.array([[[9.0, 0.0, 0.0, 0.0, 4.0, 9.0]]])
    region = a_region(values, np.ones((1, 1, 6)), spacing_mm=(1.0, 1.0, 6.0))

    local, _ = local_intensity_features(region)

    assert local.value == pytest.approx((4 + 9) / 2)


def test_voxels_without_a_value_take_no_part() -> None:
    values = np.array([[[np.nan, 8.0, 2.0]]])
    region = a_region(values, [[[False, True, True]]], spacing_mm=(1.0, 1.0, 6.0))

    assert [f.value for f in local_intensity_features(region)] == pytest.approx([5.0, 5.0])


def test_empty_intensity_mask_has_no_peak() -> None:
    inside = np.ones((2, 2, 2), dtype=np.bool_)
    region = Region(np.ones((2, 2, 2)), inside, np.zeros_like(inside), (1.0, 1.0, 1.0))

    assert all(f.absent for f in local_intensity_features(region))
