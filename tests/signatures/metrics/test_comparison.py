"""Paired comparison of two predictions."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from operandi.quantities.errors import DataError
from operandi.signatures.data import RightCensored
from operandi.signatures.metrics.comparison import (
    JudgmentPlan,
    SurvivalPrediction,
    compare_predictions,
)
from operandi.signatures.metrics.concordance import harrell_c, uno_c
from operandi.signatures.metrics.estimate import BootstrapPlan
from operandi.signatures.metrics.net_benefit import decision_curve_survival
from operandi.signatures.metrics.time_dependent import auc_at, brier_at, integrated_brier
from tests.signatures.metrics.published import Floats, a_cohort

TIMES = np.array([180.0, 365.0, 550.0])
PLAN = JudgmentPlan(
    times=TIMES,
    horizon=365.0,
    tau=700.0,
    thresholds=np.array([0.2, 0.4]),
    bootstrap=BootstrapPlan(seed=11, repeats=300),
)


def a_prediction(predictor: Floats, *, name: str) -> SurvivalPrediction:
    survival = np.exp(-np.outer(np.exp(predictor), TIMES / 900.0))
    return SurvivalPrediction(name=name, risk=predictor, survival=survival)


def a_pair(*, seed: int) -> tuple[RightCensored, SurvivalPrediction, SurvivalPrediction]:
    outcome, predictor = a_cohort(seed=seed)
    noise = np.random.default_rng(seed + 1).normal(size=80)
    return outcome, a_prediction(predictor, name="truth"), a_prediction(noise, name="noise")


def test_every_value_is_that_of_the_metric_alone() -> None:
    outcome, truth, noise = a_pair(seed=1)

    found = compare_predictions(outcome, truth, noise, plan=PLAN)

    curve = decision_curve_survival(
        outcome, 1.0 - truth.survival[:, 1], horizon=365.0, thresholds=PLAN.thresholds
    )
    alone = [
        harrell_c(outcome, truth.risk).value,
        uno_c(outcome, truth.risk, tau=700.0).value,
        auc_at(outcome, truth.risk, times=TIMES)[1].value,
        brier_at(outcome, truth.survival, times=TIMES)[1].value,
        integrated_brier(outcome, truth.survival, times=TIMES).value,
        *curve.net_benefit.tolist(),
    ]
    assert [one.model.value for one in found] == pytest.approx(alone, abs=1e-12)
    assert [one.metric for one in found] == list(PLAN.metrics)


def test_the_truth_beats_noise_and_exchange_turns_the_sign() -> None:
    outcome, truth, noise = a_pair(seed=2)

    found = compare_predictions(outcome, truth, noise, plan=PLAN)
    turned = compare_predictions(outcome, noise, truth, plan=PLAN)

    for one, other in zip(found[:5], turned, strict=False):
        assert one.difference.value is not None
        assert other.difference.value == pytest.approx(-one.difference.value)
        assert (one.difference.value > 0) == one.higher_is_better
        assert one.difference.low is not None
        assert other.difference.high == pytest.approx(-one.difference.low)


def test_a_model_beside_itself_differs_by_nothing() -> None:
    outcome, truth, _ = a_pair(seed=3)

    for one in compare_predictions(outcome, truth, truth, plan=PLAN):
        assert (one.difference.value, one.difference.low, one.difference.high) == (0.0, 0.0, 0.0)


def test_nominal_intervals_of_concordance_cover() -> None:
    """150 cohorts of 80; the true C from one of 20,000 with the same censoring. 95 % +- 2.5."""
    plan = JudgmentPlan(
        times=TIMES,
        horizon=365.0,
        tau=700.0,
        thresholds=np.array([0.3]),
        bootstrap=BootstrapPlan(seed=1, repeats=200),
    )
    large, predictor = a_cohort(seed=999, rows=20_000)
    truth = harrell_c(large, predictor).value
    covered = 0
    for seed in range(150):
        outcome, predictor = a_cohort(seed=seed)
        one = a_prediction(predictor, name="truth")
        model = compare_predictions(outcome, one, one, plan=plan)[0].model
        assert model.low is not None
        assert model.high is not None
        covered += model.low <= truth <= model.high

    assert 0.88 <= covered / 150 <= 0.985


def test_more_repeats_keep_the_first_ones() -> None:
    few = BootstrapPlan(seed=4, repeats=10).counts(rows=80)
    many = BootstrapPlan(seed=4, repeats=50).counts(rows=80)

    assert_allclose(many[:10], few)
    assert_allclose(many.sum(axis=1), 80)


def test_a_metric_without_value_says_why_and_leaves_the_others() -> None:
    outcome, truth, noise = a_pair(seed=1)
    early = RightCensored(
        time=np.minimum(outcome.time, 500.0), event=outcome.event & (outcome.time < 500)
    )

    found = {one.metric: one for one in compare_predictions(early, truth, noise, plan=PLAN)}

    assert found["integrated Brier score"].model.value is None
    assert found["integrated Brier score"].difference.reason
    assert found["Brier score"].difference.low is not None


def test_refuses_a_horizon_that_is_not_judged() -> None:
    with pytest.raises(DataError, match="horizon 400"):
        JudgmentPlan(
            times=TIMES,
            horizon=400.0,
            tau=700.0,
            thresholds=np.array([0.2]),
            bootstrap=BootstrapPlan(seed=1),
        )


def test_refuses_survival_of_other_days() -> None:
    outcome, truth, noise = a_pair(seed=1)
    short = SurvivalPrediction(name="short", risk=noise.risk, survival=noise.survival[:, :2])

    with pytest.raises(DataError, match="short needs a survival probability for each of 3"):
        compare_predictions(outcome, truth, short, plan=PLAN)
