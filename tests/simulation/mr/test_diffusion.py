from dataclasses import replace

import numpy as np
import pytest

from operandi.domain.grid import Grid
from operandi.simulation.mr.diffusion import (
    B_VALUES_S_MM2,
    ECHO_MS,
    FAT_LEFT,
    NOISE,
    REPETITION_MS,
    adc_map,
    diffusion_series,
    distortion_px,
    fat_shift_px,
    fat_signal,
    pixel_bandwidth_hz,
    water_signal,
)
from operandi.simulation.mr.session import MrArtifacts, Session
from operandi.simulation.mr.signals import FAT_T1_MS, FAT_T2_MS
from operandi.simulation.scenes.painting import Occupancy
from operandi.simulation.scenes.scene import Scene
from tests.simulation.mr.scenes import FAT, LIVER, a_scene, a_session, occupied

BRIGHT = replace(LIVER, t2_ms=80.0, perfusion_fraction=0.0)


def test_signal_is_a_spin_echo_times_ivim() -> None:
    relaxed = 0.9 * (1 - np.exp(-REPETITION_MS / 809.0)) * np.exp(-ECHO_MS / 34.0)

    assert water_signal(LIVER, b_s_mm2=0.0) == pytest.approx(relaxed)
    assert water_signal(LIVER, b_s_mm2=400.0) == pytest.approx(
        relaxed * (0.8 * np.exp(-0.44) + 0.2 * np.exp(-24.0))
    )


def test_suppressed_fat_is_left_at_every_b() -> None:
    left = 0.9 * (1 - np.exp(-REPETITION_MS / FAT_T1_MS)) * np.exp(-ECHO_MS / FAT_T2_MS)

    assert fat_signal(FAT) == pytest.approx(FAT_LEFT * left)
    assert water_signal(FAT, b_s_mm2=0.0) == 0.0


def test_adc_is_recovered_within_its_theoretical_noise() -> None:
    """Log-linear fit: variance of the slope is ``sum w^2 (sigma / S)^2``.

    At signal to noise above 25 the bias of Rice is under ``sum |w| (sigma / S)^2 / 2``.
    """
    dwi, _ = diffusion_series(a_session({"tumor": BRIGHT}))
    inner = (slice(20, 60), slice(20, 40), slice(8, 22))
    stored = np.array([volume.values[inner] for volume in dwi.volumes], dtype=np.float64)
    b = np.array(B_VALUES_S_MM2)
    weights = (b - b.mean()) / np.sum((b - b.mean()) ** 2)
    adc = -np.tensordot(weights, np.log(stored), axes=1)

    signal = np.array([water_signal(BRIGHT, b_s_mm2=value) for value in b])
    # The coil scales the signal, not the noise.
    coil = stored[0].mean() / 2500.0
    relative = NOISE / (signal * coil)
    theory = np.sqrt(np.sum(weights**2 * relative**2))
    np.testing.assert_allclose(adc.std(), theory, rtol=0.12)
    bias = np.sum(np.abs(weights) * relative**2) / 2
    assert abs(adc.mean() - 1.1e-3) < 4 * theory / np.sqrt(adc.size) + bias


def test_dim_signal_ends_in_the_noise_floor_and_its_adc_falls_short() -> None:
    fast = replace(LIVER, t2_ms=20.0, adc_mm2_s=4e-3, perfusion_fraction=0.0)
    dwi, adc = diffusion_series(a_session({"bright": BRIGHT, "cyst": fast}, of="cyst"))
    scale = 2500.0 / water_signal(BRIGHT, b_s_mm2=0.0)
    floor = NOISE * scale * np.sqrt(np.pi / 2)

    np.testing.assert_allclose(dwi.volumes[-1].values.mean(), floor, rtol=0.05)
    assert adc.volumes[0].values.mean() < 0.9 * 4000


def test_scanner_map_is_the_slope_from_b_50_in_millionths() -> None:
    signals = [
        np.full((2, 2, 2), 1000 * np.exp(-b * 1.5e-3), dtype=np.float32) for b in B_VALUES_S_MM2
    ]
    signals[0] *= 2.0

    np.testing.assert_array_equal(adc_map(signals, B_VALUES_S_MM2), 1500.0)


def test_bandwidth_and_shift_of_fat_are_those_of_the_echo_train() -> None:
    """By hand: 96 rows, 0.6 ms, twofold acceleration: 34.7 Hz a pixel; 434 Hz are 12.5 pixels."""
    assert pixel_bandwidth_hz(96) == pytest.approx(34.72, abs=0.01)
    assert fat_shift_px(96) == pytest.approx(-12.51, abs=0.01)


def a_rod(*, artifacts: MrArtifacts, fat: bool) -> Session:
    """A rod along z in the middle of the view, of tumor or of fat, in a medium without signal."""
    dark = replace(LIVER, proton_density=0.0)
    tissues = {"dark": dark, "rod": FAT if fat else BRIGHT, "elsewhere": BRIGHT}

    def painter(_: Scene, grid: Grid) -> Occupancy:
        rod = np.zeros(grid.shape, dtype=np.float32)
        rod[36:44, 26:34] = 1.0
        return occupied({"dark": 1 - rod, "rod": rod}, grid)

    return Session(
        scene=a_scene(tissues),
        painter=painter,
        detail="coarse",
        frame_of_reference="1.2.3",
        artifacts=artifacts,
        seed=7,
        key=(0, 0),
    )


def middle_row(session: Session) -> float:
    values = diffusion_series(session)[0].volumes[0].values.astype(np.float64) ** 2
    profile = values[36:44].mean(axis=(0, 2))
    profile -= np.median(profile)
    above = np.where(profile > 0.1 * profile.max(), profile, 0.0)
    return float(np.sum(np.arange(above.size) * above) / above.sum())


def test_water_stays_in_an_even_field_and_fat_moves_by_its_pixels() -> None:
    water = middle_row(a_rod(artifacts=MrArtifacts(), fat=False))
    fat = middle_row(a_rod(artifacts=MrArtifacts(), fat=True))

    assert water == pytest.approx(29.5, abs=0.2)
    assert fat - water == pytest.approx(fat_shift_px(60), abs=0.3)


def test_implant_moves_signal_by_its_field_over_the_bandwidth() -> None:
    void = ((0.0, 0.0, 55.0), 12.0)
    session = a_rod(artifacts=MrArtifacts(void=void), fat=False)
    occupancy = session.painted("dwi")

    shift = distortion_px(session, occupancy)

    assert np.abs(shift[40, 30]).max() > 2.0
    assert np.abs(shift[5, 5]).max() < 0.5
    plain = diffusion_series(a_rod(artifacts=MrArtifacts(), fat=False))[0].volumes[0].values
    moved = diffusion_series(session)[0].volumes[0].values
    slab = slice(13, 17)
    assert np.abs(plain[..., slab] - moved[..., slab]).max() > 500


def test_air_and_gas_distort_the_body_near_them() -> None:
    tissues = {"gas": replace(LIVER, proton_density=0.0, susceptibility_ppm=9.4), "liver": BRIGHT}
    session = a_session(tissues)
    grid = session.grid("dwi")
    gas = np.zeros(grid.shape, dtype=np.float32)
    gas[36:44, 10:20, 12:18] = 1.0
    shift = distortion_px(session, occupied({"gas": gas, "liver": 1 - gas}, grid))

    assert np.abs(shift[40, 21:23, 15]).max() > 1.0
    assert np.abs(shift[10, 50, 25]) < 0.5
