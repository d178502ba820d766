"""Sample size after Riley against the worked examples of the papers."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.quantities.errors import DataError
from operandi.signatures.metrics.sample_size import (
    achieved_precision,
    concordance_standard_error,
    cox_snell_r2,
    largest_r2_survival,
    sample_size_binary,
    sample_size_survival,
)


def test_a_survival_model_of_the_paper_needs_5143() -> None:
    """Riley 2019, recurrent thrombosis: 5143 participants, 692 events; pmsampsize agrees."""
    found = sample_size_survival(
        r2=0.051, parameters=30, event_rate=0.065, mean_follow_up=2.07, horizon=2.0
    )

    assert (found.participants, found.events) == (5143, 692)
    assert found.largest_r2 == pytest.approx(0.63, abs=0.005)


def test_a_binary_model_of_the_paper_needs_662() -> None:
    """Riley 2020, R2 0.288, 24 parameters, prevalence 0.174: 662."""
    found = sample_size_binary(r2=0.288, parameters=24, prevalence=0.174)

    assert (found.participants, found.for_shrinkage, found.for_optimism) == (662, 623, 662)


@pytest.mark.parametrize(
    ("parameters", "r2", "needed"), [(1, 0.15, 55), (2, 0.25, 62), (3, 0.35, 61), (10, 0.15, 549)]
)
def test_this_trial_affords_one_to_three_parameters(
    parameters: int, r2: float, needed: int
) -> None:
    """Event rate 0.30 a year, 1.9 years of follow-up: criterion 1 of Riley 2019 by hand."""
    found = sample_size_survival(
        r2=r2, parameters=parameters, event_rate=0.30, mean_follow_up=1.9, horizon=2.0
    )

    assert found.for_shrinkage == needed


def test_the_overall_risk_is_as_precise_as_asked() -> None:
    """By hand: 1 - exp(-0.3 * 2) = 0.4512; at n the rate's lower end gives 0.05 less."""
    found = sample_size_survival(
        r2=0.15, parameters=1, event_rate=0.30, mean_follow_up=1.9, horizon=2.0
    )
    years = found.for_overall_risk * 1.9
    lower = 0.30 - 1.96 * (0.30 / years) ** 0.5

    assert 1 - 2.718281828 ** (-0.6) - (1 - 2.718281828 ** (-2 * lower)) == pytest.approx(
        0.05, abs=2e-4
    )


def test_what_a_sample_achieves_is_the_inverse_of_what_it_needs() -> None:
    largest = largest_r2_survival(event_rate=0.065, mean_follow_up=2.07)

    found = achieved_precision(participants=5143, r2=0.051, largest_r2=largest, parameters=30)

    assert found.shrinkage == pytest.approx(0.9, abs=1e-4)
    assert found.affordable_parameters == 30


@given(participants=st.integers(20, 2000), parameters=st.integers(1, 60), r2=st.floats(0.01, 0.6))
def test_the_expected_shrinkage_satisfies_its_formula(
    participants: int, parameters: int, r2: float
) -> None:
    found = achieved_precision(
        participants=participants, r2=r2, largest_r2=0.92, parameters=parameters
    )

    s = found.shrinkage
    assert parameters / ((s - 1.0) * math.log(1.0 - r2 / s)) == pytest.approx(
        participants, rel=1e-6
    )


def test_a_mean_absolute_error_asks_for_more() -> None:
    """van Smeden 2019 with P = 24, prevalence 0.174, 0.05: exp(3.6365 / 0.544) = 800."""
    found = sample_size_binary(r2=0.288, parameters=24, prevalence=0.174, mean_absolute_error=0.05)

    assert found.participants == pytest.approx(800, abs=2)


def test_the_expected_standard_error_of_c_by_hand() -> None:
    """By hand: sqrt(0.2016 * 25.858 / (80^2 * 0.2461))."""
    assert concordance_standard_error(
        concordance=0.72, participants=80, event_share=45 / 80
    ) == pytest.approx(0.0575, abs=1e-4)


def test_cox_snell_r2_of_a_likelihood_ratio() -> None:
    assert cox_snell_r2(likelihood_ratio=80 * 0.6931471805599453, participants=80) == pytest.approx(
        0.5
    )


def test_refuses_an_r2_that_the_outcome_does_not_allow() -> None:
    with pytest.raises(DataError, match=r"R2 needs to be > 0 and below 0.603"):
        sample_size_binary(r2=0.7, parameters=2, prevalence=0.174)


def test_refuses_a_rate_of_zero() -> None:
    with pytest.raises(DataError, match="event rate needs to be > 0"):
        sample_size_survival(r2=0.1, parameters=2, event_rate=0.0, mean_follow_up=2.0, horizon=1.0)


def test_thousands_of_parameters_leave_a_shrinkage_of_r2() -> None:
    found = achieved_precision(participants=40, r2=0.08, largest_r2=0.6, parameters=2000)
    assert found.shrinkage == pytest.approx(0.08, abs=1e-9)
    assert found.affordable_parameters == 0


@pytest.mark.parametrize("rate", [0.0, math.e, 100.0, math.inf])
def test_refuses_a_rate_that_the_largest_r2_is_not_known_of(rate: float) -> None:
    with pytest.raises(DataError):
        largest_r2_survival(event_rate=rate, mean_follow_up=10.0)
