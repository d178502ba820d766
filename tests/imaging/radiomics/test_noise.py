import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operandi.imaging.radiomics.noise import noise_level, noise_like
from operandi.quantities.errors import DataError

SPACING = (2.0, 2.0, 3.0)


def generator(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_white_noise_on_a_lesion_and_a_slope_is_found() -> None:
    """Sigma 0.5 on a sphere of contrast 20 over a slope; edges add a little."""
    i, j, k = np.indices((48, 48, 24), dtype=float)
    sphere = 20.0 * ((i - 24) ** 2 + (j - 24) ** 2 + 2 * (k - 12) ** 2 < 100)
    image = sphere + 0.3 * i - 0.1 * j + generator().normal(0.0, 0.5, i.shape)

    assert noise_level(image, spacing_mm=SPACING) == pytest.approx(0.5, rel=0.08)


def test_correlated_noise_is_found_where_its_width_is_known() -> None:
    noise = noise_like(
        (64, 64, 32), level=2.0, spacing_mm=SPACING, generator=generator(), fwhm_mm=5.0
    )

    assert float(noise.std()) == pytest.approx(2.0, rel=0.03)
    assert noise_level(noise, spacing_mm=SPACING, fwhm_mm=5.0) == pytest.approx(2.0, rel=0.05)
    assert noise_level(noise, spacing_mm=SPACING) < 0.5


def test_noise_made_at_a_level_has_that_level_and_width() -> None:
    noise = noise_like(
        (96, 96, 48), level=1.0, spacing_mm=(1.0, 1.0, 1.0), generator=generator(), fwhm_mm=4.0
    )
    next_voxel = float((noise[1:] * noise[:-1]).mean() / (noise**2).mean())
    sigma = 4.0 / 2.3548

    assert next_voxel == pytest.approx(math.exp(-1.0 / (4.0 * sigma**2)), abs=0.01)


def test_an_image_without_noise_has_none() -> None:
    i, j, k = np.indices((12, 12, 6), dtype=float)

    assert noise_level(3.0 * i - 2.0 * j + k, spacing_mm=SPACING) == 0.0
    assert noise_level(np.full((5, 5, 1), 7.0), spacing_mm=SPACING) == 0.0


def test_masked_background_does_not_hide_the_noise() -> None:
    image = np.zeros((60, 60, 20))
    image[:40] = 5.0 + generator().normal(0.0, 1.0, (40, 60, 20))

    assert noise_level(image, spacing_mm=SPACING) == pytest.approx(1.0, rel=0.05)


@settings(max_examples=25, deadline=None)
@given(factor=st.floats(1e-3, 1e4), offset=st.floats(-100.0, 100.0))
def test_the_level_has_the_unit_of_the_image(factor: float, offset: float) -> None:
    image = generator().normal(0.0, 1.0, (12, 12, 4))
    level = noise_level(image, spacing_mm=SPACING)

    found = noise_level(factor * (image + offset), spacing_mm=SPACING)

    assert found == pytest.approx(factor * level, rel=1e-6)


def test_refuses_what_shows_no_noise() -> None:
    with pytest.raises(DataError, match="3 x 3"):
        noise_level(np.zeros((2, 5, 5)), spacing_mm=SPACING)
    with pytest.raises(DataError, match="3 x 3"):
        noise_level(np.full((5, 5, 5), np.nan), spacing_mm=SPACING)
    with pytest.raises(DataError, match="does not show"):
        noise_level(np.eye(5)[:, :, np.newaxis], spacing_mm=SPACING, fwhm_mm=40.0)
