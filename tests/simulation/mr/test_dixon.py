from dataclasses import replace

import numpy as np
import pytest

from operandi.simulation.mr.dixon import (
    ECHOES_MS,
    FLIP_DEGREE,
    NOISE,
    REPETITION_MS,
    dixon_series,
    fat_signal,
    separated,
    water_signal,
)
from operandi.simulation.mr.session import MrArtifacts
from operandi.simulation.mr.signals import FAT_T1_MS, fat_phasor, spoiled_gradient_echo
from tests.simulation.mr.scenes import FAT, LIVER, a_session


def parted(*, water: float, fat: float) -> list[float]:
    """Noise-free opposed, in-phase, water and fat levels of one voxel, per 1000."""
    shape = (1, 1, 1)
    echo = (
        np.full(shape, water, dtype=np.float32),
        np.full(shape, fat, dtype=np.float32),
        np.zeros((2, *shape), dtype=np.float32),
    )
    return [float(image[0, 0, 0]) for image in separated([echo, echo], scale=1000.0)]


def test_signal_of_a_tissue_is_its_steady_state_decayed() -> None:
    steady = spoiled_gradient_echo(
        t1_ms=809.0, repetition_time_ms=REPETITION_MS, flip_angle_degree=FLIP_DEGREE
    )

    assert water_signal(LIVER, echo_time_ms=2.46) == pytest.approx(
        0.9 * steady * np.exp(-2.46 / 20.0)
    )
    assert fat_signal(LIVER, echo_time_ms=2.46) == 0.0
    half = replace(LIVER, fat_fraction=0.5)
    fat_steady = spoiled_gradient_echo(
        t1_ms=FAT_T1_MS, repetition_time_ms=REPETITION_MS, flip_angle_degree=FLIP_DEGREE
    )
    assert fat_signal(half, echo_time_ms=0.0) == pytest.approx(0.45 * fat_steady)


def test_water_alone_is_in_the_water_image_alone() -> None:
    assert parted(water=1.0, fat=0.0) == [1000.0, 1000.0, 1000.0, 0.0]


def test_fat_alone_is_nearly_all_in_the_fat_image() -> None:
    first, second = (abs(fat_phasor(echo)) for echo in ECHOES_MS)
    opposed, in_phase, water, fat = parted(water=0.0, fat=1.0)

    assert opposed == pytest.approx(1000 * first, abs=1)
    assert in_phase == pytest.approx(1000 * second, abs=1)
    assert fat == pytest.approx(500 * (first + second), abs=1)
    assert water < 0.1 * fat


def test_equal_water_and_fat_cancel_out_of_phase_and_add_in_phase() -> None:
    first, second = (abs(1.0 + fat_phasor(echo)) for echo in ECHOES_MS)
    opposed, in_phase, water, fat = parted(water=1.0, fat=1.0)

    assert opposed == pytest.approx(1000 * first, abs=1)
    assert in_phase == pytest.approx(1000 * second, abs=1)
    assert opposed < 0.3 * in_phase
    assert water == pytest.approx(500 * (second + first), abs=1)
    assert fat == pytest.approx(500 * (second - first), abs=1)


def test_water_and_fat_series_add_up_to_the_in_phase_one() -> None:
    series = dixon_series(a_session({"liver": LIVER}))
    opposed, in_phase, water, fat = (one.volumes[0].values for one in series)

    assert [one.name for one in series] == [
        "dixon_opposed",
        "dixon_in",
        "dixon_water",
        "dixon_fat",
    ]
    # Where fat is the difference of the echoes' noise, its sign is lost: |a - b| alone.
    np.testing.assert_allclose(np.maximum(opposed, in_phase), water + fat, atol=1.5)


def test_noise_of_the_in_phase_image_is_the_stated_one() -> None:
    series = dixon_series(a_session({"liver": LIVER}))
    stored = series[1].volumes[0].values.astype(np.float64)
    scale = 2500.0 / (water_signal(LIVER, echo_time_ms=ECHOES_MS[1]))

    # Neighbors along a slice differ by noise, the coil hardly.
    deviation = np.std(np.diff(stored, axis=0)) / np.sqrt(2)

    np.testing.assert_allclose(deviation, NOISE * scale, rtol=0.02)


def test_tissue_inversion_swaps_water_and_fat() -> None:
    tissues = {"liver": LIVER, "fat": FAT}
    right = dixon_series(a_session(tissues))
    wrong = dixon_series(a_session(tissues, artifacts=MrArtifacts(inversion=True)))

    np.testing.assert_array_equal(right[2].volumes[0].values, wrong[3].volumes[0].values)
    np.testing.assert_array_equal(right[3].volumes[0].values, wrong[2].volumes[0].values)
    np.testing.assert_array_equal(right[1].volumes[0].values, wrong[1].volumes[0].values)
    assert "WATER" in wrong[2].sequence.image_type
    assert right[2].volumes[0].values.mean() > 5 * right[3].volumes[0].values.mean()


def test_an_implant_darkens_all_images_within_its_radius_and_not_far_from_it() -> None:
    session = a_session({"liver": LIVER}, artifacts=MrArtifacts(void=((50.0, 0.0, 0.0), 30.0)))
    plain = dixon_series(a_session({"liver": LIVER}))[1].volumes[0]
    image = dixon_series(session)[1].volumes[0]
    index = np.moveaxis(np.indices(image.grid.shape), 0, -1)
    distance = np.linalg.norm(image.grid.position_of(index) - (50.0, 0.0, 0.0), axis=-1)

    assert image.values[distance < 15].mean() < 0.1 * plain.values[distance < 15].mean()
    np.testing.assert_allclose(
        image.values[distance > 150].mean(), plain.values[distance > 150].mean(), rtol=0.005
    )
    rim = (distance > 40) & (distance < 60)
    assert np.abs(image.values[rim] - plain.values[rim]).max() > 200
