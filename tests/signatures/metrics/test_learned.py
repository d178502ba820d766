"""Errors that take in what was learned, on scales that keep an interval in its range."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.signatures.metrics.estimate import PLAIN, POSITIVE, PROPORTION, Scale
from operandi.signatures.metrics.learned import learned_estimate, learned_variance, paired

BENEFIT = Scale(low=-0.25, high=1.0)


def test_subsets_without_a_value_are_left_out() -> None:
    smaller = np.array([[0.6, 0.6], [0.7, 0.7], [0.8, 0.8]])
    with_gap = np.vstack([smaller, [np.nan, 0.1]])
    # By hand: variance 0.01 of the three means, nothing by folds, times (n - d) / d = 4.
    assert learned_variance(smaller) == pytest.approx(0.04)
    assert learned_variance(with_gap) == pytest.approx(0.04)


def test_an_interval_is_that_of_judging_or_that_of_learning_whichever_is_wider() -> None:
    """Quantiles from a table of Student's t: 2.776 of four degrees of freedom, 1.960 of normal."""
    smaller = np.array([[0.6, 0.6], [0.7, 0.7], [0.8, 0.8]])
    for judged, error, freedom, quantile in (
        (0.1, 0.2, 4.0, 2.776445),
        (0.28, 0.2, 4.0, 2.776445),
        (0.3, 0.3, np.inf, 1.959964),
    ):
        found = learned_estimate(0.7, judged=judged, smaller=smaller, scale=PLAIN)
        assert found.standard_error == pytest.approx(error)
        assert found.freedom == freedom
        assert found.low == pytest.approx(0.7 - quantile * error)
    normal = learned_estimate(0.7, judged=0.1, smaller=smaller, scale=PLAIN, freedom=np.inf)
    assert normal.low == pytest.approx(0.7 - 1.959964 * 0.2)
    alone = learned_estimate(0.7, judged=0.1, smaller=None, scale=PLAIN)
    assert alone.standard_error == pytest.approx(0.1)


def test_too_few_smaller_cohorts_with_a_value_give_no_interval() -> None:
    smaller = np.full((20, 2), 0.7)
    smaller[:3] = np.nan
    found = learned_estimate(0.7, judged=0.1, smaller=smaller, scale=PROPORTION)
    assert (found.value, found.low, found.standard_error) == (0.7, None, None)
    assert found.reason == "Only 17 of 20 smaller cohorts gave a value."


@given(
    value=st.floats(1e-3, 1.0 - 1e-3),
    judged=st.floats(0.0, 5.0),
    scale=st.sampled_from([PLAIN, POSITIVE, PROPORTION, BENEFIT]),
)
def test_an_interval_holds_its_estimate_and_stays_in_its_range(
    value: float, judged: float, scale: Scale
) -> None:
    found = learned_estimate(value, judged=judged, smaller=None, scale=scale)
    assert found.low is not None
    assert found.high is not None
    assert scale.low <= found.low <= value * (1 + 1e-12)
    assert value * (1 - 1e-12) <= found.high <= scale.high


@pytest.mark.parametrize(
    ("value", "scale"), [(1.0, PROPORTION), (1.2, PROPORTION), (0.0, POSITIVE)]
)
def test_at_an_end_of_its_range_a_value_has_no_interval_and_says_why(
    value: float, scale: Scale
) -> None:
    found = learned_estimate(value, judged=0.1, smaller=None, scale=scale)
    assert found.value == value
    assert found.low is None
    assert "needs a value" in found.reason


def test_without_a_value_there_is_nothing() -> None:
    found = learned_estimate(np.nan, judged=0.1, smaller=None, scale=PROPORTION)
    assert found.value is None


def test_models_are_paired_only_where_both_have_smaller_cohorts() -> None:
    one = np.ones((2, 2))
    difference = paired(one, 0.4 * one)
    assert difference is not None
    np.testing.assert_allclose(difference, 0.6)
    assert paired(one, None) is None
