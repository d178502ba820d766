"""Blur and grain against closed forms."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operandi.domain.grid import Grid
from operandi.simulation.emission.resolution import (
    FWHM_PER_SIGMA,
    blurred,
    grain,
    noise_of_counts,
    noise_of_voxel,
)
from tests.simulation.emission.scenes import a_cube_grid


@settings(max_examples=20, deadline=None)
@given(fwhm=st.floats(3.0, 14.0), spacing=st.floats(2.0, 6.0))
def test_blur_of_a_point_has_the_variance_asked_for_and_keeps_its_sum(
    fwhm: float, spacing: float
) -> None:
    grid = a_cube_grid(size=61, spacing_mm=spacing)
    point = np.zeros(grid.shape, dtype=np.float32)
    point[30, 30, 30] = 1.0
    profile = blurred(point, grid, fwhm_mm=fwhm).sum(axis=(1, 2)).astype(np.float64)
    distance = (np.arange(61) - 30) * spacing
    assert profile.sum() == pytest.approx(1.0, abs=1e-4)
    assert math.sqrt((profile * distance**2).sum()) * FWHM_PER_SIGMA == pytest.approx(
        fwhm, rel=5e-3
    )


@pytest.mark.parametrize(("fwhm", "spacing"), [(5.5, 4.0), (6.0, 3.0), (12.0, 4.8), (5.5, 2.0)])
def test_grain_has_variance_one_and_the_correlation_of_its_blur(
    fwhm: float, spacing: float
) -> None:
    """Correlation of voxel means at lag d, by numerical integration of the closed form."""
    grid = a_cube_grid(size=96, spacing_mm=spacing)
    noise = grain(grid, fwhm_mm=fwhm, generator=np.random.default_rng(5))
    assert noise.std() == pytest.approx(1.0, rel=0.02)
    offset = np.linspace(-spacing, spacing, 2001)
    tent = 1.0 - np.abs(offset) / spacing
    sigma = fwhm / FWHM_PER_SIGMA

    def covariance(lag: float) -> float:
        return float((tent * np.exp(-((lag + offset) ** 2) / (4 * sigma**2))).sum())

    for lag in (1, 2):
        expected = covariance(lag * spacing) / covariance(0.0)
        for axis in range(3):
            found = float((noise * np.roll(noise, lag, axis=axis)).mean())
            assert found == pytest.approx(expected, abs=0.02)


def test_grain_is_as_strong_at_the_ends_as_in_the_middle() -> None:
    grid = a_cube_grid(size=64, spacing_mm=4.0)
    noise = grain(grid, fwhm_mm=6.0, generator=np.random.default_rng(2))
    assert noise[0].std() == pytest.approx(1.0, abs=0.06)


def test_noise_of_a_voxel_is_that_of_merged_fine_voxels() -> None:
    """Averaging 2 x 2 x 2 voxels of 4 mm is the same as drawing voxels of 8 mm."""
    fine = a_cube_grid(size=96, spacing_mm=4.0)
    noise = grain(fine, fwhm_mm=6.0, generator=np.random.default_rng(8))
    merged = noise.reshape(48, 2, 48, 2, 48, 2).mean(axis=(1, 3, 5))
    assert noise_of_voxel((8.0, 8.0, 8.0), fwhm_mm=6.0) == pytest.approx(merged.std(), rel=0.02)
    assert noise_of_voxel((4.0, 4.0, 4.0), fwhm_mm=6.0) == pytest.approx(1.0)


def test_noise_falls_with_the_root_of_volume_where_voxels_are_large() -> None:
    large = noise_of_voxel((80.0, 80.0, 80.0), fwhm_mm=5.0)
    larger = noise_of_voxel((160.0, 160.0, 160.0), fwhm_mm=5.0)
    assert larger / large == pytest.approx(8**-0.5, rel=0.05)


def test_smoothed_counts_vary_as_simulated_poisson_counts_do() -> None:
    grid = Grid((64, 64, 64), np.diag([4.8, 4.8, 4.8, 1.0]))
    raw = np.random.default_rng(3).poisson(400.0, grid.shape).astype(np.float32)
    smoothed = blurred(raw, grid, fwhm_mm=12.0)[8:-8, 8:-8, 8:-8]
    assert noise_of_counts(grid.spacing_mm, fwhm_mm=12.0) * 20.0 == pytest.approx(
        smoothed.std(), rel=0.1
    )
