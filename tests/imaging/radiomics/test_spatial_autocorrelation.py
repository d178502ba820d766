import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operandi.imaging.radiomics.region import Region
from operandi.imaging.radiomics.spatial_autocorrelation import spatial_autocorrelation
from tests.imaging.radiomics.regions import a_lump, a_region


def _by_pairs(region: Region) -> tuple[float, float]:
    """Moran's I and Geary's C as IBSI writes them: two loops over voxels."""
    at = np.argwhere(region.intensity) * region.spacing_mm
    x = region.values[region.intensity]
    mean, spread = x.mean(), ((x - x.mean()) ** 2).sum()
    weights = moran = geary = 0.0
    for a in range(len(x)):
        for b in range(len(x)):
            if a == b:
                continue
            weight = float(1 / np.linalg.norm(at[a] - at[b]))
            weights += weight
            moran += weight * (x[a] - mean) * (x[b] - mean)
            geary += weight * (x[a] - x[b]) ** 2
    return len(x) / weights * moran / spread, (len(x) - 1) / (2 * weights) * geary / spread


@settings(max_examples=8, deadline=None)
@given(
    st.integers(0, 10_000),
    st.tuples(*[st.integers(3, 6)] * 3),
    st.tuples(*[st.floats(0.5, 5.0)] * 3),
)
def test_agrees_with_every_pair(
    seed: int, shape: tuple[int, int, int], spacing_mm: tuple[float, float, float]
) -> None:
    """The definition, pair by pair: equal to ten digits."""
    values, inside = a_lump(seed=seed, shape=shape)
    if np.count_nonzero(inside) < 2:
        return
    region = a_region(values + 1000, inside, spacing_mm=spacing_mm)

    moran, geary = spatial_autocorrelation(region)

    expected = _by_pairs(region)
    assert moran.value == pytest.approx(expected[0], rel=1e-10, abs=1e-12)
    assert geary.value == pytest.approx(expected[1], rel=1e-10)


def test_two_voxels_by_hand() -> None:
    """x = 1, 3: I = 2/2 * 2 * (-1)(1) / 2 = -1, C = 1/4 * 2 * 4 / 2 = 1, at any distance."""
    moran, geary = spatial_autocorrelation(a_region([[[1.0, 0.0, 3.0]]], [[[True, False, True]]]))

    assert moran.value == pytest.approx(-1.0)
    assert geary.value == pytest.approx(1.0)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 10_000),
    st.permutations([0, 1, 2]),
    st.floats(-50, 50).filter(lambda scale: abs(scale) > 0.1),
    st.floats(-1000, 1000),
)
def test_axes_scale_and_shift_do_not_matter(
    seed: int, order: list[int], scale: float, shift: float
) -> None:
    values, inside = a_lump(seed=seed)
    spacing = (1.0, 1.5, 3.0)
    plain = spatial_autocorrelation(a_region(values, inside, spacing_mm=spacing))
    turned = a_region(
        (values * scale + shift).transpose(order)[::-1],
        inside.transpose(order)[::-1],
        spacing_mm=(spacing[order[0]], spacing[order[1]], spacing[order[2]]),
    )

    found = spatial_autocorrelation(turned)

    for one, other in zip(plain, found, strict=True):
        assert other.value == pytest.approx(one.value, rel=1e-7, abs=1e-9)


def test_one_voxel_and_one_intensity_have_none() -> None:
    alone = spatial_autocorrelation(a_region([[[1.0]]], [[[True]]]))
    equal = spatial_autocorrelation(a_region([[[1.0, 1.0]]], [[[True, True]]]))

    assert [f.absent for f in alone] == ["one voxel has no pair"] * 2
    assert [f.absent for f in equal] == ["all intensities are equal"] * 2
