"""Tumor growth rate by hand."""

import math
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.imaging.lesions.measures.growth import (
    measure_growth,
    months_between,
    tumor_growth_rate,
)
from operandi.quantities.errors import DataError
from tests.imaging.lesions.measures.builders import ORIGIN


def test_volume_that_doubles_in_three_months_grows_by_its_cube_root_a_month() -> None:
    """D2 / D1 = 2^(1/3): the volume doubles; a month gives 2^(1/3) - 1 = 25.99 %."""
    rate = tumor_growth_rate(sum_before_mm=40.0, sum_after_mm=40.0 * 2 ** (1 / 3), months=3.0)

    assert rate == pytest.approx(100.0 * (2 ** (1 / 3) - 1))


@given(before=st.floats(5.0, 300.0), after=st.floats(5.0, 300.0), scale=st.floats(0.1, 10.0))
def test_the_rate_has_no_unit_of_length_and_turns_with_time(
    before: float, after: float, scale: float
) -> None:
    rate = tumor_growth_rate(sum_before_mm=before, sum_after_mm=after, months=4.0)
    scaled = tumor_growth_rate(sum_before_mm=before * scale, sum_after_mm=after * scale, months=4.0)
    back = tumor_growth_rate(sum_before_mm=after, sum_after_mm=before, months=4.0)

    assert scaled == pytest.approx(rate, rel=1e-9, abs=1e-9)
    assert (1 + rate / 100) * (1 + back / 100) == pytest.approx(1.0)
    assert math.copysign(1.0, rate) == (1.0 if after >= before else -1.0)


def test_a_year_is_twelve_months() -> None:
    assert months_between(date(2025, 1, 1), date(2029, 1, 1)) == pytest.approx(48.0)


def test_the_rate_as_a_measurement() -> None:
    rate = measure_growth(
        sum_before_mm=50.0,
        sum_after_mm=50.0,
        before=date(2025, 1, 1),
        after=date(2025, 4, 1),
        origin=ORIGIN,
    )
    assert rate.value == 0.0

    gone = measure_growth(
        sum_before_mm=50.0,
        sum_after_mm=0.0,
        before=date(2025, 1, 1),
        after=date(2025, 4, 1),
        origin=ORIGIN,
    )
    assert "a response, not a rate" in gone.absent


def test_refuses_no_time_between() -> None:
    with pytest.raises(DataError, match="needs time between"):
        tumor_growth_rate(sum_before_mm=50.0, sum_after_mm=60.0, months=0.0)
