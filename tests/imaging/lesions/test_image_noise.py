"""Noise from even tissue, against repeated images of known noise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.imaging.lesions.image_noise import noise_share, noise_term
from operandi.quantities.errors import DataError
from tests.imaging.lesions.phantoms import (
    a_ball,
    a_pet_grid,
    an_suv,
    everywhere,
    permuted,
    positions,
)

GRID = a_pet_grid((36, 36, 36))
LIVER = a_ball(GRID, at_mm=(0.0, 0.0, 0.0), radius_mm=50.0)


def a_noisy_image(seed: int) -> Volume:
    """SUV 5 with noise of 10 % a voxel, correlated over a resolution of 6 mm (FWHM)."""
    noise = ndimage.gaussian_filter(
        np.random.default_rng(seed).normal(size=GRID.shape), 6.0 / 2.355 / 4.0, mode="wrap"
    )
    return an_suv(GRID, 5.0 * (1.0 + 0.1 * noise / noise.std()))


def test_noise_of_a_sphere_is_its_spread_over_repeated_images() -> None:
    """200 images, the 1 mL sphere at their center (whole voxels), against single images."""
    sphere = np.linalg.norm(positions(GRID), axis=-1)
    center = np.unravel_index(sphere.argmin(), GRID.shape)
    away = np.linalg.norm(positions(GRID) - positions(GRID)[center], axis=-1)
    ball = away <= 6.2035
    repeated = [float(a_noisy_image(seed).values[ball].mean()) for seed in range(200)]
    expected = float(np.std(repeated, ddof=1) / np.mean(repeated))

    found = np.mean([noise_share(a_noisy_image(seed), LIVER, volume_ml=1.0) for seed in range(5)])

    assert found == pytest.approx(expected, rel=0.15)
    # Taken as independent, the noise of its voxels would be 0.1 / sqrt(voxels): far too small.
    assert found > 1.2 * 0.1 / np.sqrt(np.count_nonzero(ball))


def test_single_voxels_have_the_noise_of_the_image() -> None:
    assert noise_share(a_noisy_image(1), LIVER, volume_ml=1e-3) == pytest.approx(0.1, rel=0.1)


def test_larger_spheres_are_quieter() -> None:
    image = a_noisy_image(1)
    found = [noise_share(image, LIVER, volume_ml=volume) for volume in (0.01, 1.0, 5.0)]

    assert found == sorted(found, reverse=True)


@settings(max_examples=10)
@given(factor=st.floats(0.01, 100.0), axes=st.permutations(range(3)))
def test_noise_does_not_depend_on_unit_or_axes(factor: float, axes: list[int]) -> None:
    image = a_noisy_image(2)
    i, j, k = axes
    turned, liver = permuted(an_suv(GRID, image.values * factor), LIVER, axes=(i, j, k))

    found = noise_share(turned, liver, volume_ml=1.0)

    assert found == pytest.approx(noise_share(image, LIVER, volume_ml=1.0), rel=1e-9)


def test_what_lies_outside_the_tissue_does_not_matter() -> None:
    image = a_noisy_image(3)
    broken = an_suv(GRID, np.where(LIVER.inside, image.values, np.nan))

    assert noise_share(broken, LIVER, volume_ml=1.0) == noise_share(image, LIVER, volume_ml=1.0)


def test_slope_and_lesions_nearby_are_no_noise() -> None:
    """A liver of 10 % noise with a slope of 40 % across and the spill of a lesion nearby."""
    image = a_noisy_image(4)
    slope = 1.0 + 0.4 * positions(GRID)[..., 0] / 100.0
    away = np.linalg.norm(positions(GRID) - [0.0, 60.0, 0.0], axis=-1)
    uneven = an_suv(GRID, image.values * slope + 20.0 * np.exp(-((away / 15.0) ** 2)))

    found = noise_share(uneven, LIVER, volume_ml=1.0)

    assert found == pytest.approx(noise_share(image, LIVER, volume_ml=1.0), rel=0.15)


def test_term_says_what_is_assumed() -> None:
    assert "assumed" in noise_term(before=0.02, after=0.03, tissue="liver").basis


def test_refuses_too_little_or_too_thin_tissue() -> None:
    small = a_ball(GRID, at_mm=(0.0, 0.0, 0.0), radius_mm=10.0)
    inside = np.zeros(GRID.shape, dtype=np.bool_)
    inside[:, :, 18] = True
    with pytest.raises(DataError, match="needs 10 of them"):
        noise_share(a_noisy_image(1), small, volume_ml=1.0)
    with pytest.raises(DataError, match="lie side by side"):
        noise_share(a_noisy_image(1), Mask(inside, GRID), volume_ml=1.0)


def test_refuses_tissue_without_uptake() -> None:
    with pytest.raises(DataError, match="mean SUV > 0"):
        noise_share(an_suv(GRID, 0.0), everywhere(GRID), volume_ml=1.0)
