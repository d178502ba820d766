import math

import numpy as np
import pytest

from operandi.domain.grid import Grid
from tests.three_participants.phantom import (
    LIVER_NOISE,
    Region,
    Tissue,
    diffusion,
    dixon,
    lesion_tissue,
    organ_mask,
    pet_suv,
    torso,
    without_attenuation_correction,
)

LIVER_CENTER = (-70.0, -10.0, 95.0)


def a_grid(
    *,
    shape: tuple[int, int, int] = (96, 72, 60),
    spacing_mm: float = 4.0,
    middle_mm: tuple[float, float, float] = (0.0, 0.0, 75.0),
) -> Grid:
    affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    affine[:3, 3] = np.subtract(middle_mm, np.multiply(spacing_mm / 2, np.subtract(shape, 1)))
    return Grid(shape, affine)


def a_ball(*, radius_mm: float, suv: float = 10.0, name: str = "ball") -> Region:
    semi_axes_mm = (radius_mm, radius_mm, radius_mm)
    return Region(name, (1.3, -0.7, 75.2), semi_axes_mm, lesion_tissue(suv=suv, adc_mm2_s=1e-3))


def at(grid: Grid, position_mm: tuple[float, float, float]) -> tuple[int, ...]:
    return tuple(np.rint(grid.index_of(position_mm)).astype(int))


@pytest.mark.parametrize("radius_mm", [6.5, 9.0, 14.0])
def test_a_ball_off_center_keeps_its_uptake_whatever_the_blur(radius_mm: float) -> None:
    """Sum of SUV times voxel volume is SUV times 4/3 pi r^3; the blur only moves it."""
    grid = a_grid(shape=(32, 32, 32))

    image = pet_suv([a_ball(radius_mm=radius_mm)], grid=grid, seed=(1,), noise=False)

    expected_g = 10.0 * 4 / 3 * math.pi * radius_mm**3 / 1000
    assert float(image.sum()) * grid.voxel_volume_ml == pytest.approx(expected_g, rel=0.02)


def test_the_middle_of_the_liver_has_exactly_its_uptake_without_noise() -> None:
    grid = a_grid()

    image = pet_suv(torso(liver_suv=5.1), grid=grid, seed=(1,), noise=False)

    assert image[at(grid, LIVER_CENTER)] == pytest.approx(5.1, rel=1e-6)


def test_a_lesion_replaces_the_liver_it_lies_in() -> None:
    """15 mm is 5.9 standard deviations of the blur, so its middle is untouched by it."""
    grid = a_grid()
    lesion = Region("L1", LIVER_CENTER, (15, 15, 15), lesion_tissue(suv=20, adc_mm2_s=1e-3))

    image = pet_suv(torso(liver_suv=4.8, lesions=[lesion]), grid=grid, seed=(1,), noise=False)

    assert image[at(grid, LIVER_CENTER)] == pytest.approx(20.0, rel=1e-4)


def test_noise_in_the_liver_has_the_stated_size_and_no_bias() -> None:
    grid = a_grid()
    regions = torso(liver_suv=4.8)

    clean = pet_suv(regions, grid=grid, seed=(1,), noise=False)
    noisy = pet_suv(regions, grid=grid, seed=(1,))

    inside = np.abs(clean - 4.8) < 1e-4
    assert np.count_nonzero(inside) > 5000
    assert np.std(noisy[inside]) / 4.8 == pytest.approx(LIVER_NOISE, rel=0.1)
    assert np.mean(noisy[inside]) == pytest.approx(4.8, rel=0.005)


def test_neighboring_voxels_share_noise_as_after_reconstruction() -> None:
    """A blur of sigma s correlates voxels d apart by exp(-d^2 / 4 s^2): 0.54 for 4 and 2.55 mm.

    White noise would give 0; sampling a kernel this narrow leaves 0.5 to 0.6.
    """
    grid = a_grid()
    regions = torso(liver_suv=4.8)
    noise = pet_suv(regions, grid=grid, seed=(1,)) - pet_suv(
        regions, grid=grid, seed=(1,), noise=False
    )
    i, j, k = at(grid, LIVER_CENTER)
    block = noise[i - 8 : i + 8, j - 8 : j + 8, k - 8 : k + 8]

    correlation = np.corrcoef(block[:-1].ravel(), block[1:].ravel())[0, 1]

    assert 0.45 < correlation < 0.65


def test_equal_seeds_give_equal_images_and_others_do_not() -> None:
    grid = a_grid(shape=(16, 16, 8))
    regions = torso(liver_suv=4.8)

    first, again, other = (pet_suv(regions, grid=grid, seed=seed) for seed in ((1,), (1,), (2,)))

    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_uncorrected_pet_is_darkest_in_the_middle() -> None:
    """By hand: the chords through the middle are 230 to 350 mm long, 0.0096/mm attenuates."""
    grid = a_grid(shape=(95, 71, 1))
    ones = np.ones(grid.shape, dtype=np.float32)

    kept = without_attenuation_correction(ones, grid=grid)

    middle = float(kept[47, 35, 0])
    assert math.exp(-0.0096 * 350) < middle < math.exp(-0.0096 * 230)
    assert middle == kept.min()
    assert kept[at(grid, (168.0, 0.0, 75.0))] > 3 * middle


def test_signal_falls_with_b_as_the_diffusion_coefficient_says() -> None:
    """ADC = ln(S(0) / S(800)) / 800; the liver's is 1.28e-3 mm2/s."""
    grid = a_grid()

    without, weighted = diffusion(
        torso(liver_suv=4.8), grid=grid, b_values_s_mm2=(0, 800), seed=(1,), noise=False
    )

    middle = at(grid, LIVER_CENTER)
    adc_mm2_s = math.log(without[middle] / weighted[middle]) / 800
    assert adc_mm2_s == pytest.approx(1.28e-3, rel=1e-5)


def test_fat_is_bright_on_the_fat_image_and_dark_on_the_water_image() -> None:
    grid = a_grid()

    water, fat = dixon(torso(liver_suv=4.8), grid=grid, seed=(1,))

    rim, liver = at(grid, (-166.0, 0.0, 40.0)), at(grid, LIVER_CENTER)
    assert fat[rim] > 5 * water[rim]
    assert water[liver] > 5 * fat[liver]


def test_mr_noise_is_drawn_anew_for_every_image() -> None:
    grid = a_grid(shape=(20, 20, 4))
    water, fat = (
        noisy - clean
        for noisy, clean in zip(
            dixon(torso(liver_suv=4.8), grid=grid, seed=(1,)),
            dixon(torso(liver_suv=4.8), grid=grid, seed=(1,), noise=False),
            strict=True,
        )
    )

    assert abs(np.corrcoef(water.ravel(), fat.ravel())[0, 1]) < 0.1


def test_an_organ_mask_has_the_ellipsoids_volume() -> None:
    """4/3 pi abc of the spleen: 28 x 38 x 48 mm."""
    spleen = organ_mask(torso(liver_suv=4.8), "spleen", grid=a_grid())

    assert spleen.volume_ml == pytest.approx(4 / 3 * math.pi * 28 * 38 * 48 / 1000, rel=0.01)


def test_organs_do_not_overlap() -> None:
    regions = torso(liver_suv=4.8)
    grid = a_grid(shape=(96, 72, 90), middle_mm=(0.0, 0.0, 0.0))
    names = ("liver", "spleen", "kidney_left", "kidney_right", "urinary_bladder", "aorta")

    layers = sum(organ_mask(regions, name, grid=grid).inside.astype(int) for name in names)

    assert np.max(layers) == 1


def test_refuses_a_grid_that_is_oblique_to_the_patient() -> None:
    affine = np.eye(4)
    affine[:2, :2] = [[0.8, -0.6], [0.6, 0.8]]

    with pytest.raises(ValueError, match="along the patient's axes"):
        pet_suv([a_ball(radius_mm=5)], grid=Grid((4, 4, 4), affine), seed=(1,))


def test_a_region_outside_the_grid_leaves_no_trace() -> None:
    far = Region(
        "far",
        (1000, 1000, 1000),
        (5, 5, 5),
        Tissue(suv=9, water=1, fat=1, diffusion=1, adc_mm2_s=1e-3),
    )

    image = pet_suv([far], grid=a_grid(shape=(8, 8, 8)), seed=(1,))

    assert not image.any()
