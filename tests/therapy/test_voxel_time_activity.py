"""Voxels against closed forms, the likelihood itself, and noise."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from operandi.quantities.errors import DataError
from operandi.quantities.nuclides import LU177
from operandi.therapy.voxel_time_activity import voxel_time_integrated_activity
from tests.therapy.patients import HOUR

PHYSICAL = math.log(2) / LU177.half_life_s
TIMES = np.array([4.0, 24.0, 72.0, 168.0]) * HOUR


def test_single_exponentials_give_amplitude_over_rate() -> None:
    half_lives = np.array([6.0, 20.0, 51.0, 84.0, 150.0]) * HOUR
    rates = math.log(2) / half_lives

    found = voxel_time_integrated_activity(7.0 * np.exp(-np.outer(TIMES, rates)), TIMES, PHYSICAL)

    np.testing.assert_allclose(found, 7.0 / rates, rtol=1e-6)


def test_the_rate_is_the_one_of_greatest_poisson_likelihood() -> None:
    """Counts 90, 60, 50, 10: the likelihood of a e^-rt, its amplitude solved for, by search."""
    counts = np.array([90.0, 60.0, 50.0, 10.0])

    def against(rate: float) -> float:
        share = np.exp(-rate * TIMES)
        expected = counts.sum() * share / share.sum()
        return float(np.sum(expected - counts * np.log(expected)))

    rate = minimize_scalar(
        against, bounds=(PHYSICAL, 1e-4), method="bounded", options={"xatol": 1e-14}
    ).x
    amplitude = counts.sum() / np.exp(-rate * TIMES).sum()

    found = voxel_time_integrated_activity(counts[:, None], TIMES, PHYSICAL)

    assert found[0] == pytest.approx(amplitude / rate, rel=1e-5)


def test_what_rises_decays_physically_with_its_sum_kept() -> None:
    rising = np.array([[1.0], [2.0], [3.0], [4.0]])
    amplitude = 10.0 / np.exp(-PHYSICAL * TIMES).sum()

    found = voxel_time_integrated_activity(rising, TIMES, PHYSICAL)

    assert found[0] == pytest.approx(amplitude / PHYSICAL, rel=1e-9)


def test_what_shows_at_the_first_time_only_is_extrapolated_back_by_four() -> None:
    """Rate ln 4 / t1: the value at administration is four times the first, a little shared out."""
    rate = math.log(4) / TIMES[0]
    amplitude = 1.0 / np.exp(-rate * TIMES).sum()

    found = voxel_time_integrated_activity([[1.0], [0.0], [0.0], [0.0]], TIMES, PHYSICAL)

    assert found[0] == pytest.approx(amplitude / rate, rel=1e-9)
    assert amplitude == pytest.approx(4.0, rel=1e-2)


def test_a_voxel_without_activity_has_none() -> None:
    np.testing.assert_array_equal(
        voxel_time_integrated_activity(np.zeros((4, 3)), TIMES, PHYSICAL), 0.0
    )
    assert voxel_time_integrated_activity(np.zeros((4, 0)), TIMES, PHYSICAL).shape == (0,)


def test_noise_hardly_moves_the_mean_of_a_map() -> None:
    """100 counts at administration, 51 h. Measured: +0.4 %; at 20 counts +2 %."""
    rate = math.log(2) / (51 * HOUR)
    counts = np.random.default_rng(8).poisson(
        100 * np.exp(-rate * TIMES)[:, None] * np.ones((1, 50_000))
    )

    found = voxel_time_integrated_activity(counts, TIMES, PHYSICAL)

    assert found.mean() * rate / 100 == pytest.approx(1.0, abs=0.008)


@given(
    factor=st.floats(1e-6, 1e6),
    unit=st.floats(1e-3, 1e3),
    values=st.lists(st.floats(0, 1e6), min_size=8, max_size=8),
)
@settings(max_examples=60, deadline=None)
def test_units_change_the_integral_as_units_do_and_bounds_hold(
    factor: float, unit: float, values: list[float]
) -> None:
    data = np.array(values).reshape(4, 2)

    base = voxel_time_integrated_activity(data, TIMES, PHYSICAL)
    other = voxel_time_integrated_activity(factor * data, unit * TIMES, PHYSICAL / unit)

    np.testing.assert_allclose(other, factor * unit * base, rtol=1e-6, atol=1e-300)
    assert np.all(base <= data.sum(axis=0) * np.exp(PHYSICAL * TIMES[-1]) / PHYSICAL)


def test_single_precision_is_read_as_it_is() -> None:
    data = np.exp(-np.outer(TIMES, [1e-5, 3e-6])).astype(np.float32)

    np.testing.assert_array_equal(
        voxel_time_integrated_activity(data, TIMES, PHYSICAL),
        voxel_time_integrated_activity(data.astype(np.float64), TIMES, PHYSICAL),
    )


@pytest.mark.parametrize("wrong", [-1.0, math.nan, math.inf])
def test_refuses_values_below_zero_or_none(wrong: float) -> None:
    with pytest.raises(DataError, match="zero or more"):
        voxel_time_integrated_activity([[1.0], [wrong]], TIMES[:2], PHYSICAL)


@pytest.mark.parametrize("times", [[3600.0], [0.0, 3600.0], [7200.0, 3600.0], [3600.0, 3600.0]])
def test_refuses_times_that_cannot_be(times: list[float]) -> None:
    with pytest.raises(DataError, match="two or more ascending times"):
        voxel_time_integrated_activity(np.ones((len(times), 1)), times, PHYSICAL)


def test_a_row_for_each_time_is_needed() -> None:
    with pytest.raises(ValueError, match="one row for each"):
        voxel_time_integrated_activity(np.ones((3, 5)), TIMES, PHYSICAL)
