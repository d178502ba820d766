"""Performance out of fold, beside the metrics of one prediction."""

from dataclasses import replace

import numpy as np
import pytest

from operandi.signatures.data import RightCensored
from operandi.signatures.metrics.concordance import uno_c
from operandi.signatures.metrics.estimate import BootstrapPlan, MetricEstimate
from operandi.signatures.metrics.net_benefit import decision_curve_survival
from operandi.signatures.metrics.time_dependent import auc_at, brier_at
from operandi.signatures.performance import (
    Judged,
    MetricKey,
    calibration_of,
    judge_binary,
    judge_survival,
    judged_days,
    two_sided_p,
)
from operandi.signatures.resampling.nested import NestedEvaluation

N = 60
_RNG = np.random.default_rng(3)
TIME = np.ceil(_RNG.exponential(500.0, N) / 30.0) * 30.0
OUTCOME = RightCensored(time=TIME, event=_RNG.random(N) < 0.6)
ETA = -0.002 * TIME + _RNG.normal(size=N)
DAYS = judged_days(OUTCOME, horizons=(300.0, 600.0), decision=300.0, thresholds=(0.2, 0.5))
PLAN = BootstrapPlan(seed=4, repeats=120)


def _evaluation(*, folds: int = 1, repeats: int = 1, eta: np.ndarray = ETA) -> NestedEvaluation:
    outer = np.array([np.arange(N) % folds] * repeats)
    survival = np.exp(-np.exp(0.3 * eta)[:, None] * DAYS.times / 600.0)
    return NestedEvaluation(
        candidate="M",
        outer=outer,
        predictor=np.array([eta] * repeats),
        days=DAYS.times,
        survival=np.array([survival] * repeats),
        concordance=np.full(repeats, 0.5),
        share=np.ones(N),
        pairs=np.ones(N),
        selected={},
        failed=(),
    )


def _value(judged: Judged, metric: str, horizon: float | None, level: float | None = None) -> float:
    key = MetricKey(metric=metric, horizon=horizon, threshold=level)
    return float(judged.value[judged.keys.index(key)])


def test_with_one_fold_all_metrics_are_those_of_one_prediction() -> None:
    found = _evaluation(repeats=3)
    judged = judge_survival(OUTCOME, found, days=DAYS, bootstrap=PLAN)
    assert _value(judged, "uno_c", 600.0) == pytest.approx(uno_c(OUTCOME, ETA, tau=600.0).value)
    survival = found.survival[0]
    for day in (300.0, 600.0):
        at = survival[:, [DAYS.place(day)]]
        times = np.array([day])
        auc = auc_at(OUTCOME, ETA, times=times)[0]
        brier = brier_at(OUTCOME, at, times=times)[0]
        assert _value(judged, "auc", day) == pytest.approx(auc.value)
        assert _value(judged, "brier", day) == pytest.approx(brier.value)
    curve = decision_curve_survival(
        OUTCOME,
        1.0 - survival[:, DAYS.place(300.0)],
        horizon=300.0,
        thresholds=np.array([0.2, 0.5]),
    )
    for place, level in enumerate((0.2, 0.5)):
        assert _value(judged, "net_benefit", 300.0, level) == pytest.approx(
            curve.net_benefit[place]
        )


def test_the_integrated_brier_score_is_the_trapezoid_from_day_zero() -> None:
    found = _evaluation()
    judged = judge_survival(OUTCOME, found, days=DAYS, bootstrap=PLAN)
    scores = [one.value for one in brier_at(OUTCOME, found.survival[0], times=DAYS.times)]
    whole = np.trapezoid([0.0, *(one or 0.0 for one in scores)], [0.0, *DAYS.times]) / 600.0
    assert _value(judged, "integrated_brier", 600.0) == pytest.approx(float(whole))


def test_a_constant_added_in_a_fold_changes_no_concordance() -> None:
    found = _evaluation(folds=4)
    moved = replace(found, predictor=found.predictor + 10.0 * found.outer)
    both = [judge_survival(OUTCOME, one, days=DAYS, bootstrap=PLAN) for one in (found, moved)]
    assert both[0].draws[:, 0] == pytest.approx(both[1].draws[:, 0])
    assert _value(both[0], "auc", 300.0) == _value(both[1], "auc", 300.0)


def test_bootstrap_samples_are_paired_and_threads_change_nothing() -> None:
    found = _evaluation(folds=4)
    one = judge_survival(OUTCOME, found, days=DAYS, bootstrap=PLAN)
    two = judge_survival(OUTCOME, found, days=DAYS, bootstrap=PLAN, threads=2)
    assert (one.draws == two.draws).all()
    nothing = one.over(two, MetricKey(metric="uno_c", horizon=600.0))
    assert (nothing.value, nothing.low, nothing.high) == (0.0, 0.0, 0.0)


def test_horizons_after_follow_up_are_not_judged() -> None:
    late = judged_days(OUTCOME, horizons=(300.0, 9999.0), decision=9999.0, thresholds=(0.2,))
    assert late.horizons == (300.0,)
    assert late.beyond == (9999.0,)
    assert late.thresholds == ()
    none = judged_days(OUTCOME, horizons=(), decision=None, thresholds=())
    assert judge_survival(OUTCOME, _evaluation(), days=none, bootstrap=PLAN).keys == ()


def test_the_calibration_slope_is_the_mean_over_repeats() -> None:
    one, other = _evaluation(), _evaluation(eta=ETA[::-1].copy())
    both = replace(one, survival=np.concatenate([one.survival, other.survival]))
    few = replace(PLAN, repeats=20)
    slopes = [
        calibration_of(OUTCOME, each, horizon=300.0, bootstrap=few)[0].slope.value
        for each in (one, other, both)
    ]
    assert slopes[2] == pytest.approx(((slopes[0] or 0.0) + (slopes[1] or 0.0)) / 2.0)


def test_the_brier_score_of_yes_no_is_the_mean_squared_error() -> None:
    happened = TIME < 300.0
    risk = np.clip(_RNG.random((2, N)), 0.01, 0.99)
    judged = judge_binary(happened, risk, thresholds=(0.3,), bootstrap=PLAN)
    assert judged.value[0] == pytest.approx(np.mean((risk - happened) ** 2))
    low, high = judged.estimate(judged.keys[0]).low, judged.estimate(judged.keys[0]).high
    assert low is not None
    assert high is not None
    assert low < judged.value[0] < high


def test_p_values_are_two_sided() -> None:
    found = two_sided_p(MetricEstimate(value=-1.959964, standard_error=1.0))
    assert found == pytest.approx(0.05, abs=1e-6)
    assert two_sided_p(MetricEstimate(value=1.0)) is None
