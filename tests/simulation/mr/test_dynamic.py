from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from scipy.optimize import least_squares

from operandi.simulation.mr.contrast import (
    RELAXIVITY_1,
    RELAXIVITY_2_STAR,
    tissue_concentration,
)
from operandi.simulation.mr.dynamic import (
    ECHO_MS,
    FLIP_DEGREE,
    FLIPS_FOR_T1_DEGREE,
    INJECTION_S,
    REPETITION_MS,
    dynamic_series,
    dynamic_signal,
    precontrast_signal,
    volume_starts_s,
)
from operandi.simulation.mr.signals import spoiled_gradient_echo
from tests.simulation.mr.scenes import FAT, LIVER, a_session

STARTS = np.array(volume_starts_s())


def test_volumes_start_in_order_and_some_before_the_injection() -> None:
    assert len(STARTS) == 31
    assert np.all(np.diff(STARTS) > 0)
    assert np.count_nonzero(STARTS < INJECTION_S) == 4
    assert STARTS[-1] == 308.0


def test_signal_before_the_injection_is_that_without_contrast_agent() -> None:
    signal = dynamic_signal(LIVER, starts_s=STARTS)

    np.testing.assert_allclose(
        signal[:4], precontrast_signal(LIVER, flip_angle_degree=FLIP_DEGREE), rtol=1e-12
    )


def test_signal_is_the_steady_state_of_the_shortened_t1() -> None:
    """By hand, at one instant."""
    signal = dynamic_signal(LIVER, starts_s=STARTS)[12]
    concentration = tissue_concentration(
        STARTS[12:13] - INJECTION_S, ktrans_per_min=0.3, ve=0.3, vp=0.05
    )[0]
    steady = spoiled_gradient_echo(
        t1_ms=1e3 / (1e3 / 809.0 + RELAXIVITY_1 * concentration),
        repetition_time_ms=REPETITION_MS,
        flip_angle_degree=FLIP_DEGREE,
    )
    decay = np.exp(-ECHO_MS * (1 / 20.0 + RELAXIVITY_2_STAR * concentration * 1e-3))

    assert signal == pytest.approx(0.9 * steady * decay)
    assert concentration > 0.1


def test_fat_that_takes_nothing_up_stays_as_bright_as_it_was() -> None:
    signal = dynamic_signal(replace(FAT, vp=0.0), starts_s=STARTS)

    np.testing.assert_allclose(signal, signal[0], rtol=1e-12)
    assert 0.0 < signal[0] < 0.3 * dynamic_signal(LIVER, starts_s=STARTS)[0]


def test_t1_is_recovered_from_the_flip_angles() -> None:
    """``S / sin a = E1 S / tan a + const``."""
    flips, _ = dynamic_series(a_session({"liver": LIVER}))
    stored = np.array([volume.values.mean() for volume in flips.volumes], dtype=np.float64)
    angle = np.radians(FLIPS_FOR_T1_DEGREE)

    e1 = np.polyfit(stored / np.tan(angle), stored / np.sin(angle), 1)[0]

    np.testing.assert_allclose(-REPETITION_MS / np.log(e1), 809.0, rtol=0.02)


def test_ktrans_ve_and_vp_are_recovered_from_the_stored_curve() -> None:
    """Signal to concentration with the known T1, then a fit of the extended Tofts model."""
    _, dce = dynamic_series(a_session({"liver": LIVER}))
    curve = np.array([volume.values.mean() for volume in dce.volumes], dtype=np.float64)
    curve /= curve[:4].mean()

    def residual(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        ktrans, ve, vp = values
        model = dynamic_signal(replace(LIVER, ktrans_per_min=ktrans, ve=ve, vp=vp), starts_s=STARTS)
        difference: npt.NDArray[np.float64] = model / model[0] - curve
        return difference

    found = least_squares(residual, [0.1, 0.2, 0.02], bounds=(1e-3, 2.0)).x

    np.testing.assert_allclose(found, [0.3, 0.3, 0.05], rtol=0.05)


def test_both_series_have_one_scale() -> None:
    flips, dce = dynamic_series(a_session({"liver": LIVER}))
    expected = precontrast_signal(LIVER, flip_angle_degree=15.0) / precontrast_signal(
        LIVER, flip_angle_degree=FLIP_DEGREE
    )

    found = flips.volumes[2].values.mean() / dce.volumes[0].values.mean()

    np.testing.assert_allclose(found, expected, rtol=0.01)
    assert dce.sequence.offsets_s == volume_starts_s()
    assert flips.sequence.flip_angles_degree == FLIPS_FOR_T1_DEGREE
