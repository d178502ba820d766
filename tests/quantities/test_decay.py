import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.quantities.decay import frame_average_delay_s, remaining_fraction

HALF_LIVES = st.floats(60.0, 1e7)
DURATIONS = st.floats(0.0, 1e5)


def test_half_is_left_after_one_half_life_and_a_quarter_after_two() -> None:
    assert remaining_fraction(6586.2, half_life_s=6586.2) == 0.5
    assert remaining_fraction(2 * 6586.2, half_life_s=6586.2) == 0.25


@given(first=st.floats(-1e5, 1e5), second=st.floats(-1e5, 1e5), half_life_s=st.floats(3600.0, 1e7))
def test_decay_over_two_spans_is_the_product_of_both(
    first: float, second: float, half_life_s: float
) -> None:
    both = remaining_fraction(first + second, half_life_s=half_life_s)
    product = remaining_fraction(first, half_life_s=half_life_s) * remaining_fraction(
        second, half_life_s=half_life_s
    )
    assert both == pytest.approx(product, rel=1e-9)


def test_refuses_a_half_life_of_zero() -> None:
    with pytest.raises(ValueError, match="half_life_s"):
        remaining_fraction(1.0, half_life_s=0.0)


@given(duration_s=st.floats(1.0, 1e5), half_life_s=HALF_LIVES)
def test_activity_at_the_average_instant_is_the_frames_average(
    duration_s: float, half_life_s: float
) -> None:
    """Closed form: the mean of exp(-lambda t) over the frame is (1 - exp(-x)) / x."""
    delay_s = frame_average_delay_s(duration_s, half_life_s=half_life_s)
    x = math.log(2.0) * duration_s / half_life_s
    mean = -math.expm1(-x) / x

    assert remaining_fraction(delay_s, half_life_s=half_life_s) == pytest.approx(mean, rel=1e-9)


@given(duration_s=DURATIONS, half_life_s=HALF_LIVES)
def test_the_average_instant_lies_in_the_frames_first_half(
    duration_s: float, half_life_s: float
) -> None:
    delay_s = frame_average_delay_s(duration_s, half_life_s=half_life_s)
    assert 0.0 <= delay_s <= duration_s / 2.0 * (1.0 + 1e-6)


def test_refuses_a_frame_of_negative_length() -> None:
    with pytest.raises(ValueError, match="duration_s"):
        frame_average_delay_s(-1.0, half_life_s=60.0)
