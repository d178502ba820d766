"""PET of simple scenes against closed forms."""

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from operandi.domain.grid import Grid
from operandi.quantities.errors import DataError, GridMismatchError
from operandi.simulation.emission.attenuation import AttenuationErrors
from operandi.simulation.emission.pet import (
    GATED_RESPIRATION,
    GATED_SHARE,
    Acquired,
    PetContent,
    PetImage,
    PetScanner,
    image_space,
    pet_content,
    pet_image,
)
from operandi.simulation.scenes.motion import respiratory_phases
from operandi.simulation.scenes.painting import paint
from operandi.simulation.scenes.scene import Motion, Scene
from operandi.simulation.streams import Stream, generator
from tests.simulation.emission.scenes import a_ball, a_cube_grid, a_scene, a_tissue

QUIET = PetScanner(fwhm_mm=5.5, noise=0.0)
NOISY = PetScanner(fwhm_mm=5.5, noise=0.08)
BREATHING = Motion(diaphragm_mm=14.0, forward_mm=4.0, heart_mm=0.0)


def a_hot_ball(*, radius_mm: float, suv: float = 10.0, motion: Motion | None = None) -> Scene:
    return a_scene(
        a_ball("liver", radius_mm=radius_mm),
        motion=motion,
        tissues={"liver": a_tissue(suv=suv, mu_per_cm=0.1)},
    )


def a_pet(
    scene: Scene,
    grid: Grid,
    *,
    scanner: PetScanner = QUIET,
    errors: AttenuationErrors | None = None,
    respiration: str = "held",
    uncorrected: bool = False,
    seed: int = 1,
    key: tuple[int, ...] = (0, 0),
) -> PetImage:
    return pet_image(
        scene,
        grid,
        scanner=scanner,
        errors=errors or AttenuationErrors(),
        respiration=respiration,  # type: ignore[arg-type]
        uncorrected=uncorrected,
        seed=seed,
        key=key,
    )


def a_uniform_content(*, suv: float, size: int = 48, spacing_mm: float = 4.0) -> PetContent:
    grid = a_cube_grid(size=size, spacing_mm=spacing_mm)
    activity = np.full(grid.shape, suv, dtype=np.float32)
    mu = np.full(grid.shape, 0.1, dtype=np.float32)
    return PetContent(grid=grid, activity=activity, activity_held=activity, mu_true=mu, mu_used=mu)


def acquire(content: PetContent, scanner: PetScanner, *, uncorrected: bool = False) -> Acquired:
    return image_space(
        content, scanner=scanner, uncorrected=uncorrected, random=np.random.default_rng(4)
    )


def recovery(radius_mm: float, *, fwhm_mm: float) -> float:
    """Of the center of a ball under a Gaussian: erf(a) - 2 a exp(-a^2) / sqrt(pi)."""
    a = radius_mm / (math.sqrt(2.0) * fwhm_mm / math.sqrt(8.0 * math.log(2.0)))
    return math.erf(a) - 2.0 * a * math.exp(-a * a) / math.sqrt(math.pi)


def test_mean_of_a_large_organ_is_its_uptake() -> None:
    grid = a_cube_grid(size=60, spacing_mm=4.0)
    image = a_pet(a_hot_ball(radius_mm=90.0, suv=4.8), grid, scanner=NOISY)
    # 10 mm within the surface the blur of 5.5 mm is not felt.
    inner = paint(a_hot_ball(radius_mm=75.0), grid).image({"liver": 1.0}) >= 1.0
    assert image.expected[inner].mean() == pytest.approx(4.8, rel=1e-4)
    assert image.suv[inner].mean() == pytest.approx(4.8, rel=3e-3)
    assert image.suv_true[inner].mean() == pytest.approx(4.8, rel=1e-6)


@pytest.mark.parametrize("radius", [5.0, 8.0, 12.0, 18.5])
@pytest.mark.parametrize("fwhm", [5.5, 8.0])
def test_recovery_of_a_sphere_is_that_of_its_blur(radius: float, fwhm: float) -> None:
    """Closed form of the center; voxels of 2 mm blur by a little more."""
    grid = a_cube_grid(size=41, spacing_mm=2.0)
    image = a_pet(a_hot_ball(radius_mm=radius), grid, scanner=replace(QUIET, fwhm_mm=fwhm))
    with_voxel = math.sqrt(fwhm**2 + 8.0 * math.log(2.0) * 2.0**2 / 12.0)
    expected = recovery(radius, fwhm_mm=with_voxel)
    assert image.expected[20, 20, 20] / 10.0 == pytest.approx(expected, abs=0.012)


def test_total_uptake_is_kept() -> None:
    grid = a_cube_grid(size=41, spacing_mm=4.0)
    image = a_pet(a_hot_ball(radius_mm=20.0), grid)
    volume_ml = 4.0 / 3.0 * math.pi * 2.0**3
    assert image.expected.sum() * grid.voxel_volume_ml == pytest.approx(10.0 * volume_ml, rel=0.01)


@pytest.mark.parametrize("suv", [1.2, 4.8, 19.2])
@pytest.mark.parametrize("spacing", [3.0, 4.0, 8.0])
def test_noise_is_as_asked_and_grows_with_the_root_of_uptake(suv: float, spacing: float) -> None:
    """At SUV 4.8 in 4 mm: 8 % of 4.8; merged voxels of 8 mm less, as averaging gives."""
    content = a_uniform_content(suv=suv, spacing_mm=spacing)
    noise = (acquire(content, NOISY).suv - suv).std()
    fine = acquire(a_uniform_content(suv=suv), NOISY).suv
    at_4 = 0.08 * math.sqrt(4.8 * suv)
    if spacing == 4.0:
        assert noise == pytest.approx(at_4, rel=0.03)
    elif spacing == 8.0:
        merged = fine.reshape(24, 2, 24, 2, 24, 2).mean(axis=(1, 3, 5))
        assert noise == pytest.approx((merged - suv).std(), rel=0.04)
    else:
        assert at_4 < noise < at_4 * (4.0 / 3.0) ** 1.5


def test_noise_of_neighbors_correlates_as_blurred_noise_does() -> None:
    """exp(-d^2 / 4 s^2) of neighbors at 4 mm under 5.5 mm is 0.48; voxel means: 0.54."""
    noise = acquire(a_uniform_content(suv=4.8, size=64), NOISY).suv - 4.8
    noise /= noise.std()
    assert (noise[1:] * noise[:-1]).mean() == pytest.approx(0.54, abs=0.02)
    assert abs((noise[6:] * noise[:-6]).mean()) < 0.02


def test_gated_images_have_the_noise_of_half_the_counts() -> None:
    grid = a_cube_grid(size=40, spacing_mm=4.0)
    scene = a_hot_ball(radius_mm=200.0, suv=4.8)
    gated = a_pet(scene, grid, scanner=NOISY, respiration="gated")
    held = a_pet(scene, grid, scanner=NOISY, respiration="held")
    assert gated.suv.std() / held.suv.std() == pytest.approx(GATED_SHARE**-0.5, rel=1e-2)


def test_breathing_smears_a_lesion_as_the_mean_over_phases() -> None:
    """Center of mass moves by 3/8 of the local motion; the peak falls; uptake is kept."""
    grid = a_cube_grid(size=41, spacing_mm=4.0)
    scene = a_hot_ball(radius_mm=9.0, motion=BREATHING)
    held = a_pet(scene, grid)
    averaged = a_pet(scene, grid, respiration="averaged")
    gated = a_pet(scene, grid, respiration="gated")
    inspired = paint(scene, grid, respiration=1.0).image({"liver": 10.0})

    moved = middle_mm(averaged.expected, grid) - middle_mm(held.expected, grid)
    whole = middle_mm(inspired, grid) - middle_mm(held.expected, grid)
    assert whole[2] < -5.0
    np.testing.assert_allclose(moved, 0.375 * whole, atol=0.35)
    assert averaged.expected.max() < gated.expected.max() < 1.001 * held.expected.max()
    assert averaged.expected.max() < 0.93 * held.expected.max()
    assert averaged.expected.sum() == pytest.approx(held.expected.sum(), rel=0.02)
    np.testing.assert_array_equal(averaged.suv_true, held.suv_true)


def middle_mm(image: npt.NDArray[np.float32], grid: Grid) -> npt.NDArray[np.float64]:
    index = np.moveaxis(np.indices(image.shape), 0, -1)
    weighted = (grid.position_of(index) * image[..., None]).sum(axis=(0, 1, 2))
    return np.asarray(weighted / image.sum(), dtype=np.float64)


def test_the_gate_lies_at_the_mean_of_the_quieter_half_of_a_breath() -> None:
    phases = sorted(phase for phase, _ in respiratory_phases(1000))
    assert np.mean(phases[:500]) == pytest.approx(GATED_RESPIRATION, abs=1e-3)


def test_the_map_of_a_breathing_person_is_that_of_end_expiration() -> None:
    """So that the dome of the liver is corrected for tissue that is not always there."""
    grid = a_cube_grid(size=41, spacing_mm=4.0)
    content = pet_content(
        a_hot_ball(radius_mm=40.0, motion=BREATHING),
        grid,
        errors=AttenuationErrors(),
        respiration="averaged",
    )
    dome = content.mu_used[20, 20, 28:34] - content.mu_true[20, 20, 28:34]
    assert dome.max() > 0.02
    assert content.mu_used.max() == pytest.approx(0.1)


def test_without_errors_nothing_is_disturbed_and_uncorrected_is_dark_within() -> None:
    grid = a_cube_grid(size=60, spacing_mm=4.0)
    image = a_pet(a_hot_ball(radius_mm=100.0, suv=4.8), grid, uncorrected=True)
    np.testing.assert_array_equal(image.attenuation_factor, 1.0)
    np.testing.assert_array_equal(image.mu_true, image.mu_used)
    assert image.uncorrected is not None
    center, rim = image.uncorrected[30, 30, 30], image.uncorrected[30 + 23, 30, 30]
    assert center < 0.15 * 4.8
    assert rim > 1.5 * center
    assert a_pet(a_hot_ball(radius_mm=10.0), grid).uncorrected is None


def test_an_empty_map_makes_the_corrected_image_the_uncorrected_one() -> None:
    grid = a_cube_grid(size=40, spacing_mm=4.0)
    image = a_pet(
        a_hot_ball(radius_mm=60.0),
        grid,
        scanner=NOISY,
        errors=AttenuationErrors(truncated_mm=1e-3),
        uncorrected=True,
    )
    assert image.uncorrected is not None
    inner = paint(a_hot_ball(radius_mm=40.0), grid).image({"liver": 1.0}) >= 1.0
    assert image.expected[inner].mean() == pytest.approx(image.uncorrected[inner].mean(), rel=0.05)
    assert image.attenuation_factor[inner].mean() < 0.6


def test_calibration_scales_images_and_not_their_truth() -> None:
    grid = a_cube_grid(size=20, spacing_mm=4.0)
    scene = a_hot_ball(radius_mm=25.0)
    right = a_pet(scene, grid, scanner=NOISY, uncorrected=True)
    wrong = a_pet(scene, grid, scanner=replace(NOISY, suv_factor=1.1), uncorrected=True)
    np.testing.assert_allclose(wrong.suv, 1.1 * right.suv, rtol=1e-5)
    np.testing.assert_allclose(wrong.expected, 1.1 * right.expected, rtol=1e-5)
    assert right.uncorrected is not None
    assert wrong.uncorrected is not None
    np.testing.assert_allclose(wrong.uncorrected, 1.1 * right.uncorrected, rtol=1e-5)
    np.testing.assert_array_equal(wrong.suv_true, right.suv_true)


def test_seed_and_key_decide_the_noise_alone() -> None:
    grid = a_cube_grid(size=20, spacing_mm=4.0)
    scene = a_hot_ball(radius_mm=25.0)
    first = a_pet(scene, grid, scanner=NOISY)
    again = a_pet(scene, grid, scanner=NOISY)
    np.testing.assert_array_equal(first.suv, again.suv)
    for other in (
        a_pet(scene, grid, scanner=NOISY, seed=2),
        a_pet(scene, grid, scanner=NOISY, key=(0, 1)),
    ):
        assert np.any(other.suv != first.suv)
        np.testing.assert_array_equal(other.expected, first.expected)


def test_another_model_takes_the_place_of_the_image_space() -> None:
    def silent(
        content: PetContent,
        *,
        scanner: PetScanner,
        uncorrected: bool,
        random: np.random.Generator,
    ) -> Acquired:
        del scanner, uncorrected, random
        flat = np.full(content.grid.shape, 7.0, dtype=np.float32)
        return Acquired(suv=flat, uncorrected=None, expected=flat, attenuation_factor=flat)

    image = pet_image(
        a_hot_ball(radius_mm=10.0),
        a_cube_grid(size=12, spacing_mm=4.0),
        scanner=QUIET,
        errors=AttenuationErrors(),
        respiration="held",
        uncorrected=False,
        seed=1,
        key=(0,),
        model=silent,
    )
    np.testing.assert_array_equal(image.suv, 7.0)
    assert image.suv_true.max() == pytest.approx(10.0)


def test_what_was_painted_already_is_taken_as_it_is() -> None:
    grid = a_cube_grid(size=20, spacing_mm=4.0)
    scene = a_hot_ball(radius_mm=25.0)

    def with_painting(painted_on: Grid) -> PetImage:
        return pet_image(
            scene,
            grid,
            scanner=NOISY,
            errors=AttenuationErrors(),
            respiration="held",
            uncorrected=False,
            seed=1,
            key=(0, 0),
            painted=paint(scene, painted_on),
        )

    expected = a_pet(scene, grid, scanner=NOISY)
    np.testing.assert_array_equal(with_painting(grid).suv, expected.suv)
    with pytest.raises(GridMismatchError, match="painted scene and the PET"):
        with_painting(a_cube_grid(size=20, spacing_mm=5.0))


def test_air_stays_dark_in_every_image() -> None:
    grid = a_cube_grid(size=60, spacing_mm=4.0)
    image = a_pet(
        a_hot_ball(radius_mm=60.0),
        grid,
        scanner=NOISY,
        errors=AttenuationErrors(truncated_mm=40.0),
        uncorrected=True,
    )
    air = paint(a_hot_ball(radius_mm=80.0), grid).image({"liver": 1.0}) == 0.0
    assert image.uncorrected is not None
    assert image.suv[air].max() < 0.05
    assert image.uncorrected[air].max() < 0.05


def test_noise_comes_from_its_own_stream() -> None:
    grid = a_cube_grid(size=20, spacing_mm=4.0)
    scene = a_hot_ball(radius_mm=25.0)
    content = pet_content(scene, grid, errors=AttenuationErrors(), respiration="held")
    random = generator(0, 0, seed=1, stream=Stream.PET_NOISE)
    np.testing.assert_array_equal(
        image_space(content, scanner=NOISY, uncorrected=False, random=random).suv,
        a_pet(scene, grid, scanner=NOISY).suv,
    )


@pytest.mark.parametrize(
    "wrong", [{"fwhm_mm": 0.0}, {"noise": -0.1}, {"suv_factor": 0.0}, {"fwhm_mm": float("nan")}]
)
def test_refuses_an_impossible_scanner(wrong: dict[str, float]) -> None:
    with pytest.raises(DataError, match="PET scanner needs"):
        replace(NOISY, **wrong)
