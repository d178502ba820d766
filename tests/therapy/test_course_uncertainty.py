"""How well a course is known, by amplitudes and rates."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.quantities.errors import DataError
from operandi.quantities.nuclides import LU177, Y90
from operandi.therapy.course_uncertainty import (
    CourseUncertainty,
    integral_slopes,
    of_terminal_rate,
)
from operandi.therapy.exponentials import ExponentialSum
from operandi.therapy.relabeling import relabeled

HOUR_S = 3600.0
COURSE = ExponentialSum((3e7, -3e7), (math.log(2) / (60 * HOUR_S), math.log(2) / (3 * HOUR_S)))


@given(integral=st.floats(0.0, 0.3), rate=st.floats(0.0, 0.3), hours=st.floats(1.0, 200.0))
def test_the_integral_of_the_measured_nuclide_keeps_its_uncertainty(
    integral: float, rate: float, hours: float
) -> None:
    known = of_terminal_rate(
        COURSE, integral_relative=integral, rate_relative=rate, scan_times_s=(hours * HOUR_S,)
    )

    variance = known.variance(integral_slopes(COURSE, COURSE))

    assert variance == pytest.approx(integral**2, rel=1e-6, abs=1e-12)


def test_activity_at_one_scan_does_not_depend_on_the_rate() -> None:
    """u of integral and rate as they follow from 4 % at 96 h and 20 % of the rate, by hand:
    ``u_I^2 = 0.04^2 + (k t - 1)^2 0.2^2``."""
    rate = math.log(2) / (84 * HOUR_S)
    course = ExponentialSum((1e7,), (rate,))
    lever = rate * 96 * HOUR_S - 1
    known = of_terminal_rate(
        course,
        integral_relative=math.hypot(0.04, lever * 0.2),
        rate_relative=0.2,
        scan_times_s=(96 * HOUR_S,),
    )

    at_scan = np.array([1.0, -rate * 96 * HOUR_S])

    assert known.variance(at_scan) == pytest.approx(0.04**2)


def test_slopes_are_those_of_the_integral_with_the_other_nuclide() -> None:
    slopes = integral_slopes(COURSE, relabeled(COURSE, measured=LU177, other=Y90))

    step = 1e-5
    for index in range(4):
        values = []
        for sign in (1, -1):
            numbers = [*COURSE.amplitudes, *COURSE.rates_per_s]
            numbers[index] *= 1 + sign * step
            shifted = ExponentialSum(tuple(numbers[:2]), tuple(numbers[2:]))
            values.append(relabeled(shifted, measured=LU177, other=Y90).integral)
        found = math.log(values[0] / values[1]) / (2 * step)
        assert slopes[index] == pytest.approx(found, rel=1e-6)


def test_a_region_joined_from_two_has_two_terminal_phases() -> None:
    joined = ExponentialSum((1e7, 2e7), (2e-6, 2.2e-6))

    known = of_terminal_rate(joined, integral_relative=0.1, rate_relative=0.2, terminal=(0, 1))

    assert known.matrix[2:, 2:] == pytest.approx(np.full((2, 2), 0.04))


@pytest.mark.parametrize(
    ("matrix", "found"),
    [
        (((1.0,),), "2 n x 2 n"),
        (((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)), "2 n x 2 n"),
        (((1.0, 0.5), (0.2, 1.0)), "symmetric"),
        (((1.0, 2.0), (2.0, 1.0)), "no variance negative"),
        (((math.nan, 0.0), (0.0, 1.0)), "symmetric"),
    ],
)
def test_refuses_what_is_no_covariance(matrix: tuple[tuple[float, ...], ...], found: str) -> None:
    with pytest.raises(DataError, match=found):
        CourseUncertainty(relative_covariance=matrix, basis="a test")


def test_refuses_negative_uncertainties_and_scans_before_the_administration() -> None:
    with pytest.raises(DataError, match=">= 0"):
        of_terminal_rate(COURSE, integral_relative=-0.1, rate_relative=0.1)
    with pytest.raises(DataError, match="after the administration"):
        of_terminal_rate(COURSE, integral_relative=0.1, rate_relative=0.1, scan_times_s=(0.0,))
