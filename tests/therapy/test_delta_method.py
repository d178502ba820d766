import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.quantities.errors import DataError
from operandi.therapy.delta_method import Parameter, Scale, interval, propagated


def test_a_product_adds_relative_uncertainties_and_their_covariance() -> None:
    """By hand: u^2 / f^2 = 0.1^2 + 0.2^2 + 2 x 0.5 x 0.1 x 0.2."""
    estimate = propagated(
        lambda x: x["a"] * x["b"],
        {"a": Parameter(3.0, 0.3), "b": Parameter(5.0, 1.0)},
        scale=Scale.LOG,
        correlations={("a", "b"): 0.5},
    )

    assert estimate.standard_uncertainty == pytest.approx(15 * math.sqrt(0.01 + 0.04 + 0.02))
    assert estimate.shares == pytest.approx({"a": 0.2, "b": 0.8})


def test_a_difference_of_fully_correlated_numbers_is_certain() -> None:
    estimate = propagated(
        lambda x: x["a"] - x["b"],
        {"a": Parameter(3.0, 0.3), "b": Parameter(2.0, 0.3)},
        scale=Scale.LINEAR,
        correlations={("a", "b"): 1.0},
    )

    assert estimate.standard_uncertainty == pytest.approx(0.0, abs=1e-6)


@given(st.floats(0.001, 0.999), st.floats(0.0, 0.5))
def test_the_interval_of_a_probability_stays_between_0_and_1(value: float, u: float) -> None:
    lower, upper = interval(value, u, scale=Scale.LOGIT, coverage=0.95)

    assert 0 <= lower <= value <= upper <= 1


@given(st.floats(0.01, 100.0), st.floats(0.0, 3.0))
def test_the_interval_of_a_dose_stays_positive(value: float, relative: float) -> None:
    lower, upper = interval(value, relative * value, scale=Scale.LOG, coverage=0.9)

    assert 0 < lower <= value <= upper


def test_refuses_a_dose_of_zero_on_the_logarithmic_scale() -> None:
    with pytest.raises(DataError, match="log scale"):
        interval(0.0, 1.0, scale=Scale.LOG, coverage=0.95)


def test_refuses_a_correlation_with_a_parameter_without_uncertainty() -> None:
    with pytest.raises(DataError, match="known uncertainty"):
        propagated(
            lambda x: x["a"],
            {"a": Parameter(1.0, 0.1), "b": Parameter(1.0, None)},
            scale=Scale.LINEAR,
            correlations={("a", "b"): 0.1},
        )
