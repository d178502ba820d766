"""What stands out of its surroundings, and how often noise alone does."""

import numpy as np
import pytest
from scipy import ndimage

from operandi.imaging.lesions.local_test import (
    FALSE_POSITIVE,
    LocalImage,
    local_contrast,
)

SPACING = (4.0, 4.0, 4.0)
FWHM = 6.0
SHAPE = (28, 28, 28)
MIDDLE = np.stack(np.meshgrid(*[np.arange(n) - 14.0 for n in SHAPE], indexing="ij"), axis=-1)


def a_ball(radius_mm: float, *, off_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> np.ndarray:
    return np.asarray(((MIDDLE * 4.0 - off_mm) ** 2).sum(axis=-1) <= radius_mm**2)


def noise(seed: int) -> np.ndarray:
    """As smooth as the image, of variance 1."""
    white = np.random.default_rng(seed).standard_normal(SHAPE)
    smooth = ndimage.gaussian_filter(white, FWHM / 2.355 / 4.0, mode="wrap")
    return np.asarray(smooth / smooth.std())


def an_image(suv: np.ndarray) -> LocalImage:
    everywhere = np.ones(SHAPE, dtype=np.bool_)
    return LocalImage(suv=suv, spacing_mm=SPACING, fwhm_mm=FWHM, seen=everywhere, beside=everywhere)


def with_ball(
    excess: float, *, off_mm: tuple[float, float, float] = (0.0, 0.0, 0.0), seed: int = 3
) -> LocalImage:
    """A ball of 9 mm in tissue of 2 g/mL with 10 % noise."""
    ball = a_ball(9.0, off_mm=off_mm).astype(np.float64)
    blurred = ndimage.gaussian_filter(ball, FWHM / 2.355 / 4.0)
    return an_image(2.0 + excess * blurred + 0.2 * noise(seed))


def test_a_faint_lesion_stands_out_below_any_level_of_the_liver() -> None:
    found = local_contrast(with_ball(1.0), a_ball(9.0))

    assert found is not None
    assert found.stands_out
    assert found.surroundings == pytest.approx(2.0, abs=0.1)
    assert found.offset == (0, 0, 0)


def test_a_lesion_that_lies_10_mm_away_is_found_where_it_is() -> None:
    found = local_contrast(with_ball(2.0, off_mm=(8.0, 0.0, -6.0)), a_ball(9.0))

    assert found is not None
    assert found.stands_out
    np.testing.assert_allclose(np.array(found.offset) * 4.0, (8.0, 0.0, -6.0), atol=4.0)


@pytest.mark.slow
def test_noise_alone_stands_out_about_as_often_as_stated() -> None:
    """Of 200 places 1 % is 2; a Poisson variable of that mean is above 6 in one case of 200."""
    outline = a_ball(9.0)
    tested = [local_contrast(an_image(2.0 + 0.2 * noise(seed)), outline) for seed in range(200)]

    alarms = sum(one is not None and one.stands_out for one in tested)

    assert alarms <= 6
    assert FALSE_POSITIVE == 0.01


def test_a_place_darker_than_an_even_organ_is_told_only_where_asked() -> None:
    image, outline = with_ball(-1.0), a_ball(9.0)
    brighter = local_contrast(image, outline)
    darker = local_contrast(image, outline, reach_mm=6.0, darker=True)

    assert brighter is not None
    assert darker is not None
    assert not brighter.stands_out
    assert darker.stands_out
    assert darker.contrast_to_noise < 0.0


def test_the_upper_limit_covers_a_lesion_that_went_unnoticed() -> None:
    """Faint balls of 0.2 g/mL above 2: of those not seen, the limit lies above 2.2 in most."""
    outline = a_ball(9.0)
    limits = [
        one.upper_limit(recovery=0.7)
        for seed in range(40)
        if (one := local_contrast(with_ball(0.2, seed=seed), outline)) and not one.stands_out
    ]

    assert len(limits) >= 20
    assert np.mean(np.array(limits) > 2.2) >= 0.95


@pytest.mark.parametrize("scale", [0.01, 100.0])
def test_the_unit_of_uptake_has_no_effect(scale: float) -> None:
    image, outline = with_ball(1.0), a_ball(9.0)
    scaled = an_image(image.suv * scale)
    one, other = local_contrast(image, outline), local_contrast(scaled, outline)

    assert one is not None
    assert other is not None
    assert other.contrast_to_noise == pytest.approx(one.contrast_to_noise)


def test_a_place_within_organs_is_not_looked_at() -> None:
    image = with_ball(1.0)
    hidden = LocalImage(
        suv=image.suv,
        spacing_mm=SPACING,
        fwhm_mm=FWHM,
        seen=~a_ball(40.0),
        beside=image.beside,
    )

    assert local_contrast(hidden, a_ball(9.0)) is None
