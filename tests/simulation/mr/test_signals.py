import cmath
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.simulation.mr.signals import (
    FAT_PEAKS,
    FAT_SHIFT_HZ,
    fat_phasor,
    ivim,
    spin_echo,
    spoiled_gradient_echo,
    spoiled_gradient_echo_of_rates,
)


def test_spoiled_gradient_echo_is_the_steady_state_of_repeated_pulses() -> None:
    """Bloch by hand: tip, spoil, recover, until nothing changes."""
    flip, recovery = math.radians(15.0), math.exp(-4.0 / 809.0)
    along = 1.0
    for _ in range(5000):
        seen = along * math.sin(flip)
        along = 1.0 + (along * math.cos(flip) - 1.0) * recovery

    signal = spoiled_gradient_echo(t1_ms=809.0, repetition_time_ms=4.0, flip_angle_degree=15.0)

    assert signal == pytest.approx(seen, rel=1e-9)


def test_signal_is_largest_at_the_ernst_angle() -> None:
    ernst = math.degrees(math.acos(math.exp(-4.0 / 809.0)))
    least, best, most = (
        spoiled_gradient_echo(t1_ms=809.0, repetition_time_ms=4.0, flip_angle_degree=angle)
        for angle in (ernst - 0.5, ernst, ernst + 0.5)
    )

    assert best > least
    assert best > most


def test_many_rates_give_what_one_t1_gives() -> None:
    t1_ms = np.array([300.0, 809.0, 2000.0])
    many = spoiled_gradient_echo_of_rates(
        1e3 / t1_ms, repetition_time_ms=3.5, flip_angle_degree=12.0
    )
    single = [
        spoiled_gradient_echo(t1_ms=t1, repetition_time_ms=3.5, flip_angle_degree=12.0)
        for t1 in t1_ms
    ]

    np.testing.assert_allclose(many, single, rtol=1e-12)


def test_spin_echo_recovers_and_decays() -> None:
    """By hand: TR = T1 ln 2 gives a half, TE = T2 gives 1/e."""
    signal = spin_echo(
        t1_ms=1000.0, t2_ms=50.0, echo_time_ms=50.0, repetition_time_ms=1000.0 * math.log(2)
    )

    assert signal == pytest.approx(0.5 / math.e, rel=1e-12)


@given(b=st.floats(0.0, 2000.0), f=st.floats(0.0, 1.0))
def test_ivim_is_a_mean_of_two_exponentials(b: float, f: float) -> None:
    signal = ivim(b_s_mm2=b, adc_mm2_s=1.1e-3, perfusion_fraction=f, pseudo_diffusion_mm2_s=0.05)

    assert math.exp(-b * 0.05) - 1e-12 <= signal <= math.exp(-b * 1.1e-3) + 1e-12


def test_ivim_at_a_high_b_is_diffusion_of_what_does_not_flow() -> None:
    signal = ivim(
        b_s_mm2=800.0, adc_mm2_s=1e-3, perfusion_fraction=0.25, pseudo_diffusion_mm2_s=0.05
    )

    assert signal == pytest.approx(0.75 * math.exp(-0.8), rel=1e-12)


def test_fat_is_all_there_at_echo_time_zero() -> None:
    assert fat_phasor(0.0) == pytest.approx(1.0)
    assert sum(amplitude for amplitude, _ in FAT_PEAKS) == pytest.approx(0.999)


def test_main_peak_of_fat_lies_434_hz_below_water_at_3_tesla() -> None:
    """ISMRM 2012 challenge: 434.3 Hz at 3 T."""
    assert pytest.approx(434.3, abs=0.2) == FAT_SHIFT_HZ


def test_fat_opposes_water_at_the_first_echo_and_helps_it_at_the_second() -> None:
    assert fat_phasor(1.23).real < -0.7
    assert fat_phasor(2.46).real > 0.7
    assert abs(cmath.phase(fat_phasor(2.46))) < 0.5
