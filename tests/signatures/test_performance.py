"""Performance out of fold, beside the metrics of one prediction."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit, logit

from operandi.signatures.data import RightCensored
from operandi.signatures.judgment_parts import calibration_result
from operandi.signatures.metrics.calibration import calibrate_survival
from operandi.signatures.metrics.concordance import uno_c
from operandi.signatures.metrics.estimate import BootstrapPlan, MetricEstimate
from operandi.signatures.metrics.learned import learned_variance
from operandi.signatures.metrics.net_benefit import decision_curve_survival
from operandi.signatures.metrics.time_dependent import auc_at, brier_at
from operandi.signatures.performance import (
    Judged,
    MetricKey,
    calibration_of,
    calibration_of_binary,
    judge_binary,
    judge_survival,
    judged_days,
    two_sided_p,
)
from operandi.signatures.resampling.nested import NestedEvaluation, SmallerCohort
from operandi.signatures.results_cohort import Estimated

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


def _part(found: NestedEvaluation, rows: np.ndarray) -> NestedEvaluation:
    """What was foretold of some of the rows."""
    return replace(
        found,
        outer=found.outer[:, rows],
        predictor=found.predictor[:, rows],
        survival=found.survival[:, rows],
        share=found.share[rows],
        pairs=found.pairs[rows],
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
    both = replace(
        one,
        outer=np.concatenate([one.outer, other.outer]),
        survival=np.concatenate([one.survival, other.survival]),
    )
    few = replace(PLAN, repeats=20)
    slopes = [
        calibration_of(OUTCOME, each, horizon=300.0, bootstrap=few)[0].slope.value
        for each in (one, other, both)
    ]
    assert slopes[2] == pytest.approx(((slopes[0] or 0.0) + (slopes[1] or 0.0)) / 2.0)


def test_the_level_of_a_folds_predictions_does_not_move_the_slope() -> None:
    """Of Cox with a baseline for each outer fold, hazards of one fold may be multiplied by any."""
    one, few = _evaluation(), replace(PLAN, repeats=20)
    power = np.where(one.outer[0] == 0, 3.0, 1.0)[None, :, None]
    moved = replace(one, survival=one.survival**power)
    found, again = (
        calibration_of(OUTCOME, each, horizon=300.0, bootstrap=few)[0].slope.value
        for each in (one, moved)
    )
    assert found == pytest.approx(again)


@pytest.mark.parametrize(("spread", "is_open"), [(0.1, True), (1.0, False)])
def test_a_slope_of_nearly_flat_predictions_is_open(*, spread: float, is_open: bool) -> None:
    """Right predictions of 80 events: the error of a slope is 1 / (spread sqrt(80))."""
    draw = np.random.default_rng(8)
    eta = spread * draw.normal(size=80)
    time = 400.0 * draw.exponential(size=80) * np.exp(-eta)
    outcome = RightCensored(time=time, event=np.ones(80, dtype=bool))
    report = calibrate_survival(outcome, np.exp(-0.5 * np.exp(eta)), horizon=200.0)
    found = calibration_result(report, (), horizon=200.0)

    assert report.slope.standard_error == pytest.approx(1.0 / (spread * math.sqrt(80)), rel=0.25)
    assert found.slope_is_open is is_open
    # Without an interval nothing is said: its reason is there.
    assert not replace(found, slope=Estimated(value=1.0, reason="none")).slope_is_open


def test_the_brier_score_of_yes_no_is_the_mean_squared_error() -> None:
    happened = TIME < 300.0
    risk = np.clip(_RNG.random((2, N)), 0.01, 0.99)
    found = replace(_evaluation(repeats=2), predictor=logit(risk))
    judged = judge_binary(happened, found, thresholds=(0.3,), bootstrap=PLAN)
    assert judged.value[0] == pytest.approx(np.mean((risk - happened) ** 2))
    low, high = judged.estimate(judged.keys[0]).low, judged.estimate(judged.keys[0]).high
    assert low is not None
    assert high is not None
    assert low < judged.value[0] < high


def test_smaller_cohorts_are_judged_by_the_same_metrics() -> None:
    found = _evaluation(folds=4)
    rows = np.flatnonzero(np.arange(N) % 5 != 0)
    part = RightCensored(time=OUTCOME.time[rows], event=OUTCOME.event[rows])
    fewer = _part(_evaluation(folds=4, eta=ETA[::-1].copy()), rows)
    cohorts = (SmallerCohort(rows=rows, drawings=(fewer, fewer)),) * 20
    judged = judge_survival(OUTCOME, replace(found, smaller=cohorts), days=DAYS, bootstrap=PLAN)
    alone = judge_survival(part, fewer, days=DAYS, bootstrap=PLAN)
    assert judged.smaller is not None
    for place in range(len(judged.keys)):
        np.testing.assert_array_equal(judged.smaller[7, 1, place], alone.value[place])


def test_of_a_mean_smaller_cohorts_say_what_the_bootstrap_says() -> None:
    """The Brier score of given risks is a mean: both variances are s^2 / n (Shao & Wu 1989)."""
    happened = TIME < 300.0
    whole = _evaluation()
    rng = np.random.default_rng(6)
    cohorts = []
    for _ in range(1500):
        rows = np.sort(rng.permutation(N)[: N * 4 // 5])
        fewer = _part(whole, rows)
        cohorts.append(SmallerCohort(rows=rows, drawings=(fewer, fewer)))
    plan = BootstrapPlan(seed=4, repeats=1500)
    key = MetricKey(metric="brier")
    judged = judge_binary(
        happened, replace(whole, smaller=tuple(cohorts)), thresholds=(), bootstrap=plan
    )
    assert judged.smaller is not None
    squares = (expit(ETA) - happened) ** 2
    error = float(squares.std(ddof=1)) / np.sqrt(N)
    assert np.sqrt(learned_variance(judged.smaller[:, :, 0])) == pytest.approx(error, rel=0.06)
    assert judged.draws[:, 0].std() == pytest.approx(error, rel=0.06)
    assert judged.estimate(key).standard_error == pytest.approx(error, rel=0.06)


def test_what_was_learned_widens_every_interval_and_pairs_differences() -> None:
    rng = np.random.default_rng(9)
    cohorts = []
    for number in range(20):
        rows = np.flatnonzero(rng.permutation(N) % 5 != 0)
        eta = ETA if number % 2 else -ETA
        fewer = _part(_evaluation(folds=4, eta=eta), rows)
        cohorts.append(SmallerCohort(rows=rows, drawings=(fewer, fewer)))
    plain = _evaluation(folds=4)
    wide = replace(plain, smaller=tuple(cohorts))
    one, two = (judge_survival(OUTCOME, each, days=DAYS, bootstrap=PLAN) for each in (plain, wide))
    for key in one.keys:
        before, after = one.estimate(key), two.estimate(key)
        assert before.value == after.value
        assert (after.standard_error or 0.0) > 1.3 * (before.standard_error or 1.0)
        # The same smaller cohorts: a model less itself is nothing, with no error.
        nothing = two.over(two, key)
        assert (nothing.value, nothing.standard_error) == (0.0, 0.0)
    slopes = [
        calibration_of(OUTCOME, each, horizon=300.0, bootstrap=replace(PLAN, repeats=20))[0]
        for each in (plain, wide)
    ]
    for narrow, wider in zip(*((one.slope, one.ici) for one in slopes), strict=True):
        assert narrow.value == wider.value
        assert (wider.low or 0.0) <= (narrow.low or 0.0)
        assert (wider.high or 0.0) >= (narrow.high or 0.0)
    assert (slopes[1].slope.standard_error or 0.0) > 2.0 * (slopes[0].slope.standard_error or 1.0)
    both = two_sided_p(two.over(one, one.keys[0])), two_sided_p(two.estimate(one.keys[0]))
    assert both[0] is None
    assert both[1] is not None


def test_yes_or_no_takes_in_what_was_learned() -> None:
    """Risks turned round in every other smaller cohort: slope, Brier score and AUC say so."""
    happened = TIME < 300.0
    rng = np.random.default_rng(9)
    cohorts = []
    for number in range(20):
        rows = np.flatnonzero(rng.permutation(N) % 5 != 0)
        fewer = _part(_evaluation(eta=ETA if number % 2 else -ETA), rows)
        cohorts.append(SmallerCohort(rows=rows, drawings=(fewer, fewer)))
    plain = _evaluation()
    wide = replace(plain, smaller=tuple(cohorts))
    found = [
        (
            judge_binary(happened, one, thresholds=(0.3,), bootstrap=PLAN),
            calibration_of_binary(happened, one, bootstrap=replace(PLAN, repeats=20))[0],
        )
        for one in (plain, wide)
    ]
    for key in found[0][0].keys:
        before, after = (judged.estimate(key).standard_error for judged, _ in found)
        assert (after or 0.0) > 1.5 * (before or 1.0)
    for name in ("slope", "intercept", "observed_over_expected"):
        before, after = (getattr(report, name).standard_error for _, report in found)
        assert after >= before
    assert (found[1][1].slope.standard_error or 0.0) > 2.0 * (
        found[0][1].slope.standard_error or 1.0
    )


def test_p_values_are_two_sided() -> None:
    found = two_sided_p(MetricEstimate(value=-1.959964, standard_error=1.0))
    assert found == pytest.approx(0.05, abs=1e-6)
    student = two_sided_p(MetricEstimate(value=2.776445, standard_error=1.0, freedom=4.0))
    assert student == pytest.approx(0.05, abs=1e-6)
    assert two_sided_p(MetricEstimate(value=1.0)) is None
