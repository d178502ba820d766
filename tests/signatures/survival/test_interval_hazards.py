"""Proportional hazards under interval censoring: R's Weibull, derivatives, recovery, penalties."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from operandi.quantities.errors import DataError
from operandi.signatures.data import Floats, IntervalCensored
from operandi.signatures.survival.baselines import (
    ParametricHazard,
    PiecewiseBaseline,
    WeibullBaseline,
    quantile_cuts,
)
from operandi.signatures.survival.conditions import OutcomeCondition
from operandi.signatures.survival.interval_hazards import (
    HazardPenalty,
    fit_interval_hazards,
)
from operandi.signatures.survival.interval_likelihood import interval_likelihood
from tests.shared_data import needs_shared_data
from tests.signatures.survival.cohorts import lung, numbers, reference_of_r, scanned

BETA = np.array([0.5, 0.0])


def a_cohort(seed: int | np.random.SeedSequence, *, n: int = 80) -> tuple[IntervalCensored, Floats]:
    """Weibull of shape 1.3, hazard ratio 1.65 a standard deviation; 15 % known days."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    time = 600.0 * (rng.exponential(size=n) * np.exp(-x @ BETA)) ** (1 / 1.3)
    return scanned(time, rng, every=95, most=16, die=0.15), x


@needs_shared_data
def test_known_days_and_censoring_alone_are_rs_weibull() -> None:
    """Survreg is accelerated: b = -coefficient / scale, shape = 1 / scale, rate from intercept."""
    reference = reference_of_r()["lung_weibull_aft"]
    outcome = lung()
    x = np.column_stack([numbers("lung", "age"), numbers("lung", "sex")])
    interval = IntervalCensored(
        left=outcome.time, right=np.where(outcome.event, outcome.time, np.inf)
    )

    fit = fit_interval_hazards(interval, x, baseline=WeibullBaseline())

    shape = np.exp(fit.parameters[1])
    assert 1.0 / shape == pytest.approx(reference["scale"], rel=1e-8)
    accelerated = -fit.coefficients / shape
    assert accelerated[0] == pytest.approx(reference["coef"]["age"], rel=1e-8)
    assert accelerated[1] == pytest.approx(reference["coef"]["sex"], rel=1e-8)
    assert -fit.parameters[0] / shape == pytest.approx(reference["coef"]["(Intercept)"], rel=1e-8)
    assert fit.log_likelihood == pytest.approx(reference["loglik"], rel=1e-10)


def test_intervals_known_days_and_censoring_together_are_lifelines_weibull() -> None:
    """lifelines 0.30.3, accelerated, its sign and scale turned; it stops at about 1e-6."""
    outcome, x = a_cohort(21)
    fit = fit_interval_hazards(outcome, x, baseline=WeibullBaseline())
    np.testing.assert_allclose(fit.coefficients, [0.64224740, 0.18421700], atol=2e-6)
    np.testing.assert_allclose(fit.parameters, [-8.31618229, 0.27582574], atol=1e-5)
    assert fit.log_likelihood == pytest.approx(-217.472709506, abs=1e-8)


def test_one_piece_of_known_days_is_events_over_time_at_risk() -> None:
    """By hand: 3 events in 1 + 2 + 3 + 4 days."""
    outcome = IntervalCensored(
        left=np.array([1.0, 2.0, 3.0, 4.0]), right=np.array([1.0, 2.0, 3.0, np.inf])
    )
    fit = fit_interval_hazards(outcome, np.empty((4, 0)), baseline=PiecewiseBaseline(()))
    assert np.exp(fit.parameters[0]) == pytest.approx(0.3)
    assert fit.standard_errors is not None
    assert fit.conditions == (OutcomeCondition.FEW_EVENTS,)


@pytest.mark.parametrize(
    ("baseline", "parameters"),
    [
        (WeibullBaseline(), np.array([-8.0, 0.2])),
        (PiecewiseBaseline((200.0, 500.0)), np.array([-7.0, -6.5, -6.2])),
    ],
)
def test_derivatives_are_those_of_the_likelihood(
    baseline: ParametricHazard, parameters: Floats
) -> None:
    outcome, x = a_cohort(2)
    q = parameters.size

    def at(point: Floats) -> tuple[float, Floats, Floats]:
        found = interval_likelihood(
            outcome, x, baseline, parameters=point[:q], coefficients=point[q:]
        )
        return found.value, found.gradient, found.hessian

    point = np.concatenate([parameters, [0.3, -0.2]])
    _, gradient, hessian = at(point)
    slope = approx_fprime(point, lambda p: at(p)[0], 1e-6)
    bend = approx_fprime(point, lambda p: at(p)[1], 1e-6)
    np.testing.assert_allclose(gradient, slope, rtol=1e-3, atol=1e-2)
    np.testing.assert_allclose(hessian, bend, rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("pieces", [None, 4])
def test_recovers_the_hazard_ratio_and_covers_it(pieces: int | None) -> None:
    """200 trials of 80: bias within three standard errors of the mean, coverage 92 to 98 %."""
    estimates, covered = [], []
    for stream in np.random.SeedSequence(5).spawn(200):
        outcome, x = a_cohort(stream)
        baseline: ParametricHazard = (
            WeibullBaseline() if pieces is None else quantile_cuts(outcome, pieces=pieces)
        )
        fit = fit_interval_hazards(outcome, x, baseline=baseline)
        assert fit.standard_errors is not None
        estimates.append(fit.coefficients)
        covered.append(np.abs(fit.coefficients - BETA) < 1.96 * fit.standard_errors)
    np.testing.assert_allclose(np.mean(estimates, axis=0), BETA, atol=0.035)
    coverage = np.mean(covered, axis=0)
    assert ((coverage >= 0.92) & (coverage <= 0.98)).all()


def test_units_of_predictors_and_of_time_change_nothing_but_the_units() -> None:
    outcome, x = a_cohort(8)
    days = fit_interval_hazards(outcome, x, baseline=WeibullBaseline())
    weeks = IntervalCensored(left=outcome.left / 7.0, right=outcome.right / 7.0)
    scaled = fit_interval_hazards(weeks, x * 100.0 + 5.0, baseline=WeibullBaseline())
    np.testing.assert_allclose(scaled.coefficients * 100.0, days.coefficients, atol=1e-7)
    np.testing.assert_allclose(
        scaled.survival(x * 100.0 + 5.0, np.array([50.0])),
        days.survival(x, np.array([350.0])),
        atol=1e-7,
    )


def test_elastic_net_meets_its_conditions_and_spares_the_unpenalized() -> None:
    outcome, _ = a_cohort(9)
    x = np.random.default_rng(1).normal(size=(80, 40))
    factors = np.concatenate([[0.0], np.ones(39)])
    fit = fit_interval_hazards(
        outcome,
        x,
        baseline=WeibullBaseline(),
        penalty=HazardPenalty(strength=1.0, l1_ratio=0.9, factors=factors),
    )
    assert fit.coefficients[0] != 0.0
    np.testing.assert_array_equal(fit.coefficients[1:], 0.0)
    some = fit_interval_hazards(
        outcome, x, baseline=WeibullBaseline(), penalty=HazardPenalty(strength=0.08, l1_ratio=0.9)
    )
    assert 0 < np.count_nonzero(some.coefficients) < 40
    assert some.violation <= 1e-8
    assert some.covariance is None
    assert "penalty" in some.covariance_reason


def test_ridge_shrinks_and_joins_duplicates_that_are_refused_without() -> None:
    outcome, x = a_cohort(10)
    doubled = np.column_stack([x[:, 0], x[:, 0]])
    with pytest.raises(DataError, match="repeats other predictors"):
        fit_interval_hazards(outcome, doubled, baseline=WeibullBaseline())
    fit = fit_interval_hazards(
        outcome, doubled, baseline=WeibullBaseline(), penalty=HazardPenalty(strength=0.1)
    )
    assert fit.coefficients[0] == pytest.approx(fit.coefficients[1])
    plain = fit_interval_hazards(outcome, x[:, :1], baseline=WeibullBaseline())
    assert abs(fit.coefficients.sum()) < abs(plain.coefficients[0])


def test_refuses_what_has_no_answer() -> None:
    outcome, x = a_cohort(12)
    weibull = WeibullBaseline()
    with pytest.raises(DataError, match="all 2 participants are censored"):
        fit_interval_hazards(
            IntervalCensored(left=np.ones(2), right=np.full(2, np.inf)),
            np.ones((2, 1)),
            baseline=weibull,
        )
    with pytest.raises(DataError, match="Predictor 1 is constant"):
        fit_interval_hazards(
            outcome, np.column_stack([x[:, 0], np.full(80, 7.0)]), baseline=weibull
        )
    missing = x.copy()
    missing[3, 0] = np.nan
    with pytest.raises(DataError, match="finite"):
        fit_interval_hazards(outcome, missing, baseline=weibull)
    with pytest.raises(DataError, match="l1_ratio of 0 to 1"):
        fit_interval_hazards(
            outcome, x, baseline=weibull, penalty=HazardPenalty(strength=1.0, l1_ratio=2.0)
        )
    with pytest.raises(DataError, match="holds no event"):
        fit_interval_hazards(outcome, x, baseline=PiecewiseBaseline((1e5,)))
    with pytest.raises(DataError, match="ascend"):
        PiecewiseBaseline((5.0, 2.0))


def test_a_piece_that_no_event_needs_has_hazard_zero_and_no_finite_error() -> None:
    """By hand: every event may lie on days 1 to 10, the piece up to day 1 need hold none."""
    outcome = IntervalCensored(
        left=np.array([0.0, 2.0, 3.0, 1.0, 1.0]), right=np.array([5.0, 2.0, 9.0, np.inf, np.inf])
    )
    fit = fit_interval_hazards(outcome, np.empty((5, 0)), baseline=PiecewiseBaseline((1.0,)))
    assert np.exp(fit.parameters[0]) < 1e-6
    assert fit.covariance is not None
    assert np.isinf(fit.covariance[0, 0])
    assert np.isfinite(fit.covariance[1, 1])


def test_separation_is_refused_without_a_penalty() -> None:
    outcome, _ = a_cohort(13)
    event = np.isfinite(outcome.right).astype(float)
    with pytest.raises(DataError, match="predictor 0 grows without bound"):
        fit_interval_hazards(outcome, event[:, None], baseline=WeibullBaseline())
