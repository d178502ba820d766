"""What an outline's edge does to volume and counts, against a blurred sphere made of voxels."""

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from operandi.quantities.errors import DataError
from operandi.therapy.delineation import (
    blurred_share,
    density_at,
    edge_sensitivity,
    sphere_diameter_mm,
    volume_uncertainty,
)

Array = npt.NDArray[np.float64]
SIGMA_PER_FWHM = 1.0 / (2.0 * math.sqrt(2.0 * math.log(2.0)))


def test_volume_uncertainty_by_hand() -> None:
    """a = 4.8, w = 10 mm, 100 mL: d = 57.5882 mm; u(d)^2 = 3.84 + 36.0674 mm2; u(d) = 6.3172 mm."""
    uncertainty = volume_uncertainty(100.0, voxel_mm=(4.8, 4.8, 4.8), outline_fwhm_mm=10.0)

    assert sphere_diameter_mm(100.0) == pytest.approx(57.5882, abs=1e-4)
    assert uncertainty.voxel_ml == pytest.approx(3 * 100 * math.sqrt(3.84) / 57.5882, rel=1e-5)
    assert uncertainty.resolution_ml == pytest.approx(
        3 * 100 * math.sqrt(36.0674) / 57.5882, rel=1e-5
    )
    assert uncertainty.total_ml == pytest.approx(3 * 100 * 6.31723 / 57.5882, rel=1e-5)


def test_without_blur_the_diameter_is_that_of_two_ends_in_a_voxel() -> None:
    """Variance of the distance of two ends, each uniform in its voxel: a^2 / 6."""
    random = np.random.default_rng(4)
    a, d = 2.0, 60.0
    ends = random.uniform(-a / 2, a / 2, (200_000, 2))
    volumes = (d + ends[:, 1] - ends[:, 0]) ** 3 * math.pi / 6e3

    uncertainty = volume_uncertainty(math.pi * d**3 / 6e3, voxel_mm=(a, a, a), outline_fwhm_mm=0.0)

    assert volumes.std() == pytest.approx(uncertainty.voxel_ml, rel=0.01)
    assert uncertainty.resolution_ml == 0.0


@given(st.floats(0.1, 2000.0), st.floats(0.5, 10.0), st.floats(0.0, 20.0), st.floats(0.1, 10.0))
def test_volume_uncertainty_scales_with_the_cube_of_lengths(
    volume: float, voxel: float, fwhm: float, scale: float
) -> None:
    one = volume_uncertainty(volume, voxel_mm=(voxel,) * 3, outline_fwhm_mm=fwhm)
    other = volume_uncertainty(
        volume * scale**3, voxel_mm=(voxel * scale,) * 3, outline_fwhm_mm=fwhm * scale
    )

    assert other.voxel_ml == pytest.approx(one.voxel_ml * scale**3, rel=1e-9)
    assert other.resolution_ml == pytest.approx(one.resolution_ml * scale**3, rel=1e-9)


def a_blurred_sphere(radius: float, fwhm: float, *, step: float = 0.5) -> tuple[Array, Array]:
    """Density on a fine lattice and the distance of each of its points from the center."""
    half = radius + 2.5 * fwhm
    axis = np.arange(-half, half + step, step)
    distance = np.sqrt(sum(part**2 for part in np.meshgrid(axis, axis, axis, sparse=True)))
    # Edge voxels in part, so that the lattice does not show.
    sphere = np.clip((radius - distance) / step + 0.5, 0.0, 1.0)
    return gaussian_filter(sphere, fwhm * SIGMA_PER_FWHM / step, truncate=5.0), distance


@pytest.mark.parametrize(("radius", "fwhm"), [(8.0, 10.0), (15.0, 8.0)])
def test_density_and_share_are_those_of_a_blurred_sphere(radius: float, fwhm: float) -> None:
    image, distance = a_blurred_sphere(radius, fwhm)
    volume_ml = 4.0 * math.pi * radius**3 / 3e3

    for place in (0.0, 0.5 * radius, radius, 1.4 * radius):
        shell = np.abs(distance - place) < 0.3
        expected = density_at(place, sphere_mm=radius, fwhm_mm=fwhm)
        assert image[shell].mean() == pytest.approx(expected, abs=4e-3)
    inside = image[distance <= radius].sum() * 0.5**3 / 1e3
    assert blurred_share(volume_ml, fwhm_mm=fwhm) == pytest.approx(inside / volume_ml, rel=5e-3)


def test_counts_follow_the_outline_as_the_edge_says() -> None:
    """d ln C / d ln v by moving the outline of one blurred sphere by a tenth of a millimeter."""
    radius, fwhm = 12.0, 9.0
    radii = np.linspace(0.0, radius + 0.1, 4001)

    def counts(outline: float) -> float:
        r = radii * outline / radii[-1]
        density = np.array([density_at(x, sphere_mm=radius, fwhm_mm=fwhm) for x in r])
        return float(np.trapezoid(4.0 * math.pi * r**2 * density, r))

    low, high = counts(radius - 0.05), counts(radius + 0.05)
    slope = math.log(high / low) / (3.0 * math.log((radius + 0.05) / (radius - 0.05)))

    volume_ml = 4.0 * math.pi * radius**3 / 3e3
    share = blurred_share(volume_ml, fwhm_mm=fwhm)
    sensitivity = edge_sensitivity(volume_ml, fwhm_mm=fwhm, recovery=share)
    assert sensitivity == pytest.approx(slope, rel=1e-4)


def test_a_large_region_loses_half_as_many_counts_as_volume() -> None:
    sensitivity = edge_sensitivity(1e6, fwhm_mm=5.0, recovery=1.0)

    assert sensitivity == pytest.approx(0.5, abs=0.01)
    assert edge_sensitivity(10.0, fwhm_mm=0.0, recovery=1.0) == 0.5


def test_density_in_the_center_has_no_jump() -> None:
    near = density_at(1e-3, sphere_mm=10.0, fwhm_mm=8.0)

    assert density_at(0.0, sphere_mm=10.0, fwhm_mm=8.0) == pytest.approx(near, rel=1e-6)
    assert blurred_share(5.0, fwhm_mm=0.0) == 1.0


@pytest.mark.parametrize("volume", [0.0, -1.0, math.nan])
def test_refuses_a_region_without_volume(volume: float) -> None:
    with pytest.raises(DataError, match="needed > 0"):
        volume_uncertainty(volume, voxel_mm=(1.0, 1.0, 1.0), outline_fwhm_mm=1.0)


def test_refuses_impossible_resolutions() -> None:
    with pytest.raises(DataError, match="resolution >= 0"):
        volume_uncertainty(1.0, voxel_mm=(1.0, 1.0, 1.0), outline_fwhm_mm=-1.0)
    with pytest.raises(DataError, match="resolution >= 0 mm and a recovery > 0"):
        edge_sensitivity(1.0, fwhm_mm=5.0, recovery=0.0)
