"""SPECT of simple scenes against closed forms."""

import math
from dataclasses import replace

import numpy as np
import pytest

from operandi.quantities.errors import DataError
from operandi.simulation.emission.spect import SpectCamera, SpectImage, spect_image
from operandi.simulation.scenes.painting import paint
from tests.simulation.emission.scenes import a_ball, a_cube_grid, a_scene

CAMERA = SpectCamera()
GRID = a_cube_grid(size=48, spacing_mm=4.8)


def a_spect(
    *, radius_mm: float, bq_ml: float = 0.6e6, camera: SpectCamera = CAMERA, seed: int = 1
) -> SpectImage:
    return spect_image(
        a_scene(a_ball("kidney_cortex", radius_mm=radius_mm)),
        GRID,
        concentration_bq_ml={"kidney_cortex": bq_ml},
        camera=camera,
        seed=seed,
        key=(0, 0, 0),
    )


def test_total_counts_are_activity_times_sensitivity_times_time() -> None:
    """By hand: 4/3 pi 3^3 mL * 0.6 MBq/mL * 5.67 cps/MBq * 1800 s."""
    image = a_spect(radius_mm=30.0)
    expected = 4.0 / 3.0 * math.pi * 27.0 * 0.6 * 5.67 * 1800.0
    assert image.expected.sum() == pytest.approx(expected, rel=0.01)
    assert image.counts.sum() == pytest.approx(expected, rel=0.02)
    assert image.concentration_true.max() == pytest.approx(0.6e6)


def test_relative_noise_falls_with_the_root_of_counts() -> None:
    deep = paint(a_scene(a_ball("k", radius_mm=60.0)), GRID).image({"k": 1.0}) >= 1.0

    def relative(image: SpectImage) -> float:
        return float((image.counts[deep] / image.expected[deep]).std())

    strong, weak = a_spect(radius_mm=90.0), a_spect(radius_mm=90.0, bq_ml=0.15e6)
    assert relative(weak) == pytest.approx(2.0 * relative(strong), rel=0.03)
    # What is assumed of the camera: about 5 % in a kidney a day after 7.4 GBq.
    assert relative(strong) == pytest.approx(0.05, abs=0.01)


def test_a_camera_without_noise_gives_the_expected_counts() -> None:
    image = a_spect(radius_mm=30.0, camera=replace(CAMERA, noise_gain=0.0))
    np.testing.assert_array_equal(image.counts, image.expected)


def test_another_seed_changes_the_noise_alone() -> None:
    first, second = a_spect(radius_mm=30.0), a_spect(radius_mm=30.0, seed=2)
    assert np.any(first.counts != second.counts)
    np.testing.assert_array_equal(first.expected, second.expected)
    np.testing.assert_array_equal(first.counts, a_spect(radius_mm=30.0).counts)


@pytest.mark.parametrize("concentrations", [{"spleen": 1.0}, {"liver": -1.0}, {"liver": math.nan}])
def test_refuses_concentrations_that_cannot_be(concentrations: dict[str, float]) -> None:
    with pytest.raises(DataError, match=next(iter(concentrations))):
        spect_image(
            a_scene(a_ball("liver", radius_mm=10.0)),
            GRID,
            concentration_bq_ml=concentrations,
            camera=CAMERA,
            seed=1,
            key=(0,),
        )


@pytest.mark.parametrize("wrong", [{"fwhm_mm": 0.0}, {"duration_s": -1.0}, {"noise_gain": -1.0}])
def test_refuses_an_impossible_camera(wrong: dict[str, float]) -> None:
    with pytest.raises(DataError, match="SPECT camera needs"):
        replace(CAMERA, **wrong)
