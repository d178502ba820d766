import cmath
from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from operandi.domain.grid import Grid
from operandi.simulation.mr.elastography import (
    ECHO_MS,
    FLIP_DEGREE,
    LARGEST_PHASE_RAD,
    NOISE,
    REPETITION_MS,
    driver_load,
    elastography_series,
    encoded_motion,
    magnitude_signal,
    shear_modulus_pa,
)
from operandi.simulation.mr.noise import PI_LEVEL
from operandi.simulation.mr.session import MrArtifacts, Session
from operandi.simulation.mr.signals import spoiled_gradient_echo
from operandi.simulation.scenes.painting import Occupancy
from operandi.simulation.scenes.scene import Scene
from tests.simulation.mr.scenes import LIVER, a_scene, occupied


def a_trunk(kpa: float = 2.3) -> Session:
    """An elliptic body of one tissue in air."""

    def painter(_: Scene, grid: Grid) -> Occupancy:
        x, y, _ = np.moveaxis(grid.position_of(np.moveaxis(np.indices(grid.shape), 0, -1)), -1, 0)
        inside = (x / 150.0) ** 2 + (y / 100.0) ** 2 < 1
        return occupied({"liver": inside.astype(np.float32)}, grid)

    return Session(
        scene=a_scene({"liver": replace(LIVER, stiffness_kpa=kpa)}),
        painter=painter,
        detail="coarse",
        frame_of_reference="1.2.3",
        artifacts=MrArtifacts(),
        seed=7,
        key=(0, 0),
    )


def test_magnitude_is_a_gradient_echo() -> None:
    steady = spoiled_gradient_echo(
        t1_ms=809.0, repetition_time_ms=REPETITION_MS, flip_angle_degree=FLIP_DEGREE
    )

    assert magnitude_signal(LIVER) == pytest.approx(0.9 * steady * np.exp(-ECHO_MS / 20.0))


def test_modulus_has_the_magnitude_and_phase_of_the_tissue() -> None:
    assert shear_modulus_pa(LIVER) == pytest.approx(cmath.rect(2300.0, 0.2))
    assert abs(shear_modulus_pa(replace(LIVER, stiffness_kpa=0.0))) == pytest.approx(600.0)


def test_the_driver_pushes_the_front_of_the_right_side() -> None:
    session = a_trunk()
    grid = session.grid("mre")
    occupancy = session.painted("mre")
    load = np.real(driver_load(occupancy.parts[0].share[:, :, 0] > 0.5, grid))

    i, j = np.unravel_index(np.argmax(load), load.shape)
    position = grid.position_of((int(i), int(j), 0))
    assert abs(position[0] + 80.0) < 5.0
    assert position[1] < -70.0
    assert load[:, grid.shape[1] // 2 :].sum() < 0.05 * load.sum()


def test_motion_is_encoded_with_the_stated_phase() -> None:
    session = a_trunk()
    occupancy = session.painted("mre")
    motion = encoded_motion(session, occupancy)
    inside = occupancy.parts[0].share > 0.5

    assert np.percentile(np.abs(motion[inside]), 95) == pytest.approx(LARGEST_PHASE_RAD)
    assert np.abs(motion[~inside]).max() == 0.0


def test_stored_phases_are_four_offsets_of_one_wave() -> None:
    """First harmonic of the wrapped, noisy phase is the encoded motion where it does not wrap."""
    session = a_trunk()
    motion = encoded_motion(session, session.painted("mre"))
    magnitude, phase = elastography_series(session)
    stored = np.array([volume.values for volume in phase.volumes], dtype=np.float64)
    stored *= np.pi / PI_LEVEL
    harmonic = np.tensordot(np.exp(-2j * np.pi * np.arange(4) / 4), stored, axes=1) / 2

    calm = (motion != 0) & (np.abs(motion) < 2.0) & (magnitude.volumes[0].values > 1000)
    error = (harmonic - motion)[calm]
    signal = np.array([volume.values[calm] for volume in magnitude.volumes]).mean(axis=0)
    scale = 2500.0 / magnitude_signal(LIVER)
    # Four phases of noise sigma / A each: real and imaginary part have half of that variance.
    expected = np.sqrt(np.mean((NOISE * scale / signal) ** 2) / 2)
    np.testing.assert_allclose(error.real.std(), expected, rtol=0.1)
    np.testing.assert_allclose(error.imag.std(), expected, rtol=0.1)
    assert calm.sum() > 3000


def test_inversion_of_the_stored_phase_returns_the_stiffness() -> None:
    """Direct inversion of the smoothed first harmonic, where the wave is strong and whole."""
    for kpa in (2.3, 5.9):
        session = a_trunk(kpa)
        _, phase = elastography_series(session)
        stored = np.array([volume.values for volume in phase.volumes], dtype=np.float64)
        factors = np.exp(1j * stored * np.pi / PI_LEVEL)
        motion = encoded_motion(session, session.painted("mre"))
        # Unwrapped by the truth: unwrapping is not what is tested here.
        turns = np.array([np.real(motion * cmath.exp(2j * np.pi * n / 4)) for n in range(4)])
        unwrapped = turns + np.angle(factors * np.exp(-1j * turns))
        wave = np.tensordot(np.exp(-2j * np.pi * np.arange(4) / 4), unwrapped, axes=1) / 2
        smooth = gaussian_filter(wave.real, (1.5, 1.5, 0)) + 1j * gaussian_filter(
            wave.imag, (1.5, 1.5, 0)
        )
        step = session.grid("mre").spacing_mm[0] * 1e-3
        laplacian = sum(
            np.gradient(np.gradient(smooth, step, axis=axis), step, axis=axis) for axis in (0, 1)
        )
        grid = session.grid("mre")
        x, y, _ = np.moveaxis(grid.position_of(np.moveaxis(np.indices(grid.shape), 0, -1)), -1, 0)
        where = (np.hypot(x + 60.0, y + 40.0) < 25.0) & (np.abs(motion) > 0.5)
        # Wide differences see sin(k h)^2 in place of (k h)^2.
        squared = np.sum(-laplacian[where] * smooth[where].conj()) / np.sum(
            np.abs(smooth[where]) ** 2
        )
        turn = np.arcsin(np.sqrt(squared.real) * step) / step
        found = 1000.0 * (2 * np.pi * 60.0) ** 2 / turn**2
        np.testing.assert_allclose(found, 1e3 * kpa, rtol=0.12)


def test_offsets_are_quarters_of_a_period() -> None:
    _, phase = elastography_series(a_trunk())

    np.testing.assert_allclose(
        phase.sequence.trigger_offsets_ms, [0.0, 25 / 6, 25 / 3, 12.5], rtol=1e-12
    )
    assert phase.sequence.phase
    assert phase.volumes[0].values.min() >= -PI_LEVEL
    assert phase.volumes[0].values.max() <= PI_LEVEL - 1
