"""Small versions of the suites of signatures: noise stays noise, a signal is found.

The suites themselves are ``benchmarks.signature_verdicts`` and ``benchmarks.signature_power``.
"""

import numpy as np
import pytest

from benchmarks.signature_cohorts import (
    FEWEST_PERMUTATIONS,
    a_plan,
    judge,
    made_cohort,
    true_concordance,
)
from benchmarks.signature_coverage import COVERED, Covered, coverage_told, true_values
from benchmarks.signature_power import judged_recipes, marker_rejections
from benchmarks.signature_verdicts import lines_of, true_of_recipe
from operandi.signatures.resampling.candidates import FewColumns, columns_of
from operandi.signatures.results import SUPPORTED
from operandi.simulation.scenario import read_scenario

pytestmark = pytest.mark.slow

QUICK = {"inner_folds": 3, "stability_pairs": 25}


def test_a_linear_predictor_orders_new_participants_as_its_correlation_says() -> None:
    """The curve of the truth, against a cohort of 4000 of its own."""
    made = made_cohort(seed=3, effects=(0.9, 0.9), rows=4000, columns=60)
    outcome = made.data.endpoints["pfs"].times
    assert outcome is not None
    coefficients = np.zeros(60)
    coefficients[[1, 20, 41]] = 0.5, 0.4, 0.3
    eta = made.data.predictors.values @ coefficients
    later = outcome.time[None, :] > outcome.time[:, None]
    pairs = later & outcome.event[:, None]
    found = (pairs & (eta[:, None] > eta[None, :])).sum() / pairs.sum()
    assert true_concordance(coefficients, made.effects) == pytest.approx(found, abs=0.015)


def test_noise_is_not_supported() -> None:
    plan = a_plan(repeats=2, resampling=QUICK)
    found = [judge(plan, made_cohort(seed=seed, columns=200).data) for seed in range(8)]
    each = [one.model.result.metric("harrell_c") for one in found]
    values = [one.estimate.value for one in each if one and one.estimate.value is not None]
    assert len(values) == 8
    # 200 cohorts of 2000 columns: 0.50 +- 0.01, and none supported (benchmark).
    assert np.mean(values) == pytest.approx(0.5, abs=0.04)
    assert sum(one.verdict.answer == SUPPORTED for one in found) <= 1


def test_noise_beside_a_strong_clinical_model_adds_nothing() -> None:
    plan = a_plan(clinical=True, repeats=2, resampling=QUICK)
    answers = [
        judge(plan, made_cohort(seed=seed, clinical=(0.8, 0.8), columns=200).data).verdict.answer
        for seed in range(3)
    ]
    assert answers.count(SUPPORTED) == 0


def test_a_strong_signal_is_supported_and_its_interval_holds_the_truth() -> None:
    plan = a_plan(repeats=10, resampling=QUICK)
    supported, held = 0, 0
    for seed in range(3):
        made = made_cohort(seed=seed, effects=(1.4, 1.4), columns=200)
        found = judge(plan, made.data)
        metric = found.model.result.metric("harrell_c")
        assert metric is not None
        assert metric.estimate.low is not None
        assert metric.estimate.high is not None
        truth = true_of_recipe(plan, made, clinical=0)
        supported += found.verdict.answer == SUPPORTED
        held += metric.estimate.low <= truth <= metric.estimate.high
    assert supported >= 2
    assert held >= 2


def test_coverage_is_counted_against_what_is_true() -> None:
    """By hand: 3 of 4 intervals hold the recipe's 0.70, 2 the fitted model's; one has none."""
    ends = (0.6, 0.8, 0.65), (0.65, 0.8, 0.9), (0.6, 0.75, 0.7), (0.8, 0.9, 0.7)
    lines: list[Covered] = [
        {name: [0.7, low, high, final, 0.7] for name in COVERED} for low, high, final in ends
    ]
    lines.append({name: [0.7, np.nan, np.nan, 0.7, 0.7] for name in COVERED})
    told = list(coverage_told(lines))
    assert len(told) == len(COVERED)
    for line in told:
        assert "4 of 5 cohorts" in line
        assert "holds the recipe's in 75.0 %" in line
        assert "the fitted model's in 50.0 %" in line


def test_the_truth_of_a_model_that_is_right_has_a_slope_of_one() -> None:
    made, further = (
        made_cohort(seed=seed, effects=(0.9, 0.9), rows=3000, columns=40) for seed in (3, 4)
    )
    outcome, happened = (one.data.endpoints["pfs"].times for one in (made, further))
    assert outcome is not None
    assert happened is not None
    rows, others = made.data.predictors, further.data.predictors
    few = FewColumns(name="two", columns=(rows.names[0], rows.names[20]))
    true = true_values(
        few, columns_of(rows, few.columns), outcome, columns_of(others, few.columns), happened
    )
    assert true["slope"] == pytest.approx(1.0, abs=0.1)
    assert 0.7 < true["auc"] < 0.95
    assert true["brier"] < 0.2


def test_every_metric_of_a_cohort_stands_beside_what_is_true() -> None:
    (line,) = lines_of("single", cohorts=1, first=0, repeats=10, columns=100)
    (judged, *_) = judged_recipes(read_scenario("dose"), trials=1, best="minimum_dose")
    for each in (line.covered, judged.further[0]):
        for name in COVERED:
            value, low, high, final, fold = each[name]
            assert low <= value <= high
            assert np.isfinite([final, fold]).all()
    assert line.covered["auc"][3] > 0.6


def test_twenty_permutations_are_the_fewest_that_can_be_below_five_percent() -> None:
    assert 1 / (1 + FEWEST_PERMUTATIONS) < 0.05 <= 1 / FEWEST_PERMUTATIONS


def test_planned_power_is_the_rate_at_which_an_analysis_rejects() -> None:
    found = {one.name: one for one in marker_rejections(read_scenario("dose"), trials=40)}
    oracle, chance = found["oracle"], found["adc"]
    # Two independent rates of 40 trials: 3 standard errors of their difference is 0.34 at most.
    assert abs(oracle.planned - oracle.observed) < 0.1
    assert abs(chance.planned - chance.observed) < 0.34
    assert chance.held / chance.fitted > 0.85
