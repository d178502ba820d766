"""Calibration against what must hold, and against distortions of known size."""

import numpy as np
import pytest
from scipy.special import expit, logit

from operandi.quantities.errors import DataError
from operandi.signatures.data import RightCensored
from operandi.signatures.metrics.calibration import calibrate_survival, recalibrate_survival
from operandi.signatures.metrics.calibration_binary import calibrate_binary, recalibrate_binary
from operandi.signatures.metrics.estimate import BootstrapPlan
from operandi.signatures.metrics.subgroups import (
    binary_performance_by_subgroup,
    performance_by_subgroup,
)
from operandi.signatures.survival.kaplan_meier import kaplan_meier
from tests.signatures.metrics.published import PBC_EFRON, a_cohort, breslow_survival, pbc

DAY = 365.0


def a_judged_cohort(
    *, seed: int, rows: int, stretch: float = 1.0
) -> tuple[RightCensored, np.ndarray]:
    """Outcomes with their true survival at ``DAY``, stretched on the log hazard scale."""
    outcome, predictor = a_cohort(seed=seed, rows=rows)
    return outcome, np.exp(-(DAY / 900.0) * np.exp(stretch * predictor))


def test_a_model_judged_on_its_own_data_has_slope_one() -> None:
    """The Efron coefficients of R on pbc maximize the partial likelihood of their own predictor."""
    cohort = pbc()
    survival = breslow_survival(cohort.outcome, cohort.x @ PBC_EFRON, times=np.array([1825.0]))

    found = calibrate_survival(cohort.outcome, survival[:, 0], horizon=1825.0)

    assert found.slope.value == pytest.approx(1.0, abs=1e-8)
    assert found.observed_over_expected.value == pytest.approx(1.0, abs=0.01)
    assert found.ici.value is not None
    assert found.ici.value < 0.01


def test_the_truth_is_calibrated() -> None:
    found = calibrate_survival(*a_judged_cohort(seed=1, rows=4000), horizon=DAY)

    assert found.slope.value == pytest.approx(1.0, abs=0.06)
    assert found.observed_over_expected.value == pytest.approx(1.0, abs=0.06)
    assert found.ici.value == pytest.approx(0.0, abs=0.02)


def test_predictions_twice_too_extreme_have_slope_one_half() -> None:
    outcome, survival = a_judged_cohort(seed=1, rows=4000, stretch=2.0)

    found = calibrate_survival(outcome, survival, horizon=DAY)
    learned = recalibrate_survival(outcome, survival, horizon=DAY)
    again = calibrate_survival(outcome, learned.apply(survival), horizon=DAY)

    assert found.slope.value == pytest.approx(0.5, abs=0.03)
    assert again.slope.value == pytest.approx(1.0, abs=1e-8)
    assert again.ici.value is not None
    assert found.ici.value is not None
    assert again.ici.value < 0.3 * found.ici.value


def test_groups_hold_every_participant_and_their_kaplan_meier_risk() -> None:
    outcome, survival = a_judged_cohort(seed=2, rows=80)

    found = calibrate_survival(outcome, survival, horizon=DAY, groups=1)

    (group,) = found.groups
    assert group.participants == 80
    assert group.observed == pytest.approx(1.0 - kaplan_meier(outcome).at(np.array([DAY]))[0])
    assert group.low < group.observed < group.high


def test_the_band_holds_the_curve_and_follows_the_seed() -> None:
    outcome, survival = a_judged_cohort(seed=3, rows=80)
    plan = BootstrapPlan(seed=5, repeats=60)

    first = calibrate_survival(outcome, survival, horizon=DAY, bootstrap=plan)
    again = calibrate_survival(outcome, survival, horizon=DAY, bootstrap=plan)

    assert first.curve is not None
    assert again.curve is not None
    assert first.curve.low is not None
    assert first.curve.high is not None
    np.testing.assert_array_equal(first.curve.low, again.curve.low)
    inside = (first.curve.low <= first.curve.observed) & (first.curve.observed <= first.curve.high)
    assert inside.mean() > 0.9
    assert first.ici.low is not None


def test_the_interval_of_an_ici_holds_its_estimate_and_the_truth() -> None:
    """Risks of a known distortion have a known ICI; that of true risks is 0."""
    generator = np.random.default_rng(4)
    plan = BootstrapPlan(seed=5, repeats=100)
    # Of 150 cohorts 91 % hold 0, and all the ICI of 0.10; percentiles hold 0 in none.
    for stretch, least in ((1.0, 50), (2.0, 57)):
        true = expit(generator.normal(size=100_000) - 0.3)
        ici = float(np.abs(expit(stretch * logit(true)) - true).mean())
        held = 0
        for _ in range(60):
            risk = expit(generator.normal(size=80) - 0.3)
            happened = generator.random(80) < risk
            found = calibrate_binary(happened, expit(stretch * logit(risk)), bootstrap=plan).ici
            assert found.value is not None
            assert found.low is not None
            assert found.high is not None
            assert 0.0 <= found.low <= found.value <= found.high <= 1.0
            held += found.low <= ici <= found.high
        assert held >= least
    assert ici > 0.1


def test_equal_predictions_have_no_curve_and_no_slope_and_say_why() -> None:
    outcome, _ = a_judged_cohort(seed=3, rows=80)

    found = calibrate_survival(outcome, np.full(80, 0.6), horizon=DAY)

    assert found.curve is None
    assert found.ici.value is None
    assert "most are equal" in found.ici.reason
    assert found.slope.value is None
    assert found.observed_over_expected.value is not None


def test_refuses_a_prediction_of_certainty() -> None:
    outcome, survival = a_judged_cohort(seed=3, rows=80)
    survival[0] = 1.0

    with pytest.raises(DataError, match="both excluded"):
        calibrate_survival(outcome, survival, horizon=DAY)


def test_a_binary_distortion_of_known_size_is_found_and_undone() -> None:
    """logit(p) = 0.5 + 0.5 logit(q) of the truth p, hence intercept and slope 0.5."""
    generator = np.random.default_rng(8)
    told = expit(generator.normal(size=20_000) * 2.0)
    happened = generator.random(20_000) < expit(0.5 + 0.5 * logit(told))

    found = recalibrate_binary(happened, told)
    again = calibrate_binary(happened, found.apply(told))

    assert (found.intercept, found.slope) == pytest.approx((0.5, 0.5), abs=0.05)
    assert (again.slope.value, again.intercept.value) == pytest.approx((1.0, 0.0), abs=1e-8)
    assert again.observed_over_expected.value == pytest.approx(1.0, abs=1e-8)
    assert again.ici.value == pytest.approx(0.0, abs=0.01)


def test_predictions_that_separate_the_outcomes_have_no_slope() -> None:
    risk = np.linspace(0.1, 0.9, 20)

    found = calibrate_binary(risk > 0.5, risk)

    assert found.slope.value is None
    assert "separate" in found.slope.reason
    assert found.ici.value is None


def test_refuses_an_outcome_that_is_the_same_for_everyone() -> None:
    with pytest.raises(DataError, match="with and without"):
        calibrate_binary(np.ones(5, dtype=np.bool_), np.full(5, 0.5))


def test_subgroups_sum_to_the_cohort_and_small_ones_have_counts_only() -> None:
    outcome, survival = a_judged_cohort(seed=9, rows=120)
    groups = ["F"] * 60 + ["M"] * 55 + ["X"] * 5

    found = performance_by_subgroup(outcome, survival, groups=groups, horizon=DAY)

    assert [one.group for one in found] == ["F", "M", "X"]
    assert sum(one.events for one in found) == outcome.events
    assert found[0].concordance.value is not None
    assert found[2].concordance.value is None
    assert found[2].concordance.reason.endswith("10 are needed.")


def test_subgroups_of_yes_and_no_are_judged_by_hand_and_small_ones_are_counted() -> None:
    """By hand: of F each yes lies above each no but one, 99 of 100 pairs; of M 0.5 everywhere."""
    happened = np.array([True] * 10 + [False] * 10 + [True, False] * 10 + [True] * 3)
    risk = np.concatenate(
        [np.full(9, 0.8), [0.3], np.full(9, 0.2), [0.4], np.full(20, 0.5), np.full(3, 0.9)]
    )
    groups = ["F"] * 20 + ["M"] * 20 + ["O"] * 3

    women, men, others = binary_performance_by_subgroup(happened, risk, groups=groups)

    assert women.concordance.value == pytest.approx(0.99)
    assert women.brier is not None
    squares = 9 * 0.2**2 + 0.7**2 + 9 * 0.2**2 + 0.4**2
    assert women.brier.value == pytest.approx(squares / 20)
    assert women.observed_over_expected.value == pytest.approx(10 / (9 * 0.8 + 0.3 + 1.8 + 0.4))
    assert men.concordance.value == pytest.approx(0.5)
    assert (others.participants, others.events) == (3, 3)
    assert others.concordance.value is None
    assert others.concordance.reason == "0 of the rarer answer; 10 are needed."
