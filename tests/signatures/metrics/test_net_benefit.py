"""Decision curves against R's dcurves and by hand."""

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operandi.quantities.errors import DataError
from operandi.signatures.data import RightCensored
from operandi.signatures.metrics.censoring import follow_up_order
from operandi.signatures.metrics.estimate import BootstrapPlan
from operandi.signatures.metrics.net_benefit import (
    decision_curve_binary,
    decision_curve_survival,
    survival_net_benefit,
)
from operandi.signatures.survival.kaplan_meier import kaplan_meier
from tests.signatures.metrics.published import a_cohort

COHORT = Path(__file__).parents[2] / "known_answers" / "decision_curve" / "df_surv.csv"
THRESHOLDS = np.array([0.05, 0.1, 0.2, 0.3])


def test_net_benefit_of_a_censored_outcome_equals_dcurves() -> None:
    """R dcurves and Python dcurves 1.1.7, see SOURCE.md beside the data."""
    with COHORT.open() as file:
        rows = list(csv.DictReader(file))
    outcome = RightCensored(
        time=np.array([float(row["ttcancer"]) for row in rows]),
        event=np.array([row["cancer"] == "1" for row in rows]),
    )
    risk = np.array([float(row["cancerpredmarker"]) for row in rows])

    found = decision_curve_survival(outcome, risk, horizon=1.5, thresholds=THRESHOLDS)

    answers = [0.187686, 0.161054, 0.123606, 0.094044]
    np.testing.assert_allclose(found.net_benefit, answers, atol=1e-6)


def test_net_benefit_of_a_binary_outcome_by_hand() -> None:
    """At 0.25: 2 true and 1 false positive of 5: 2/5 - 1/5 * 1/3. All: 2/5 - 3/5 * 1/3."""
    happened = np.array([True, True, False, False, False])
    risk = np.array([0.9, 0.25, 0.5, 0.2, 0.1])

    found = decision_curve_binary(happened, risk, thresholds=np.array([0.25]))

    assert found.net_benefit[0] == pytest.approx(2 / 5 - 1 / 15)
    assert found.treat_all[0] == pytest.approx(2 / 5 - 3 / 15)
    assert found.acted_on[0] == 3
    assert found.spared_per_hundred[0] == pytest.approx(100 * (2 / 15) * 3)


def test_treating_all_has_the_benefit_of_the_kaplan_meier_risk() -> None:
    outcome, _ = a_cohort(seed=1)
    survival = kaplan_meier(outcome).at(np.array([365.0]))[0]

    found = decision_curve_survival(outcome, np.full(80, 0.5), horizon=365.0, thresholds=THRESHOLDS)

    expected = 1.0 - survival - survival * THRESHOLDS / (1.0 - THRESHOLDS)
    np.testing.assert_allclose(found.treat_all, expected, atol=1e-12)
    np.testing.assert_allclose(found.net_benefit, expected, atol=1e-12)


def test_nobody_above_the_threshold_has_no_benefit() -> None:
    outcome, _ = a_cohort(seed=1)

    found = decision_curve_survival(
        outcome, np.full(80, 0.01), horizon=365.0, thresholds=THRESHOLDS
    )

    np.testing.assert_array_equal(found.net_benefit, 0.0)


def test_says_where_those_acted_on_were_not_followed_to_the_horizon() -> None:
    outcome = RightCensored(
        time=np.array([50.0, 300.0, 500.0]), event=np.array([False, True, False])
    )

    found = decision_curve_survival(
        outcome, np.array([0.9, 0.5, 0.2]), horizon=400.0, thresholds=np.array([0.1, 0.4, 0.8])
    )

    assert found.follow_up_ends.tolist() == [False, False, True]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_counts_of_a_sample_equal_its_rows_written_out(seed: int) -> None:
    outcome, predictor = a_cohort(seed=seed, rows=30)
    risk = 1.0 / (1.0 + np.exp(-predictor))
    counts = np.bincount(np.random.default_rng(seed).integers(0, 30, 30), minlength=30)
    rows = np.repeat(np.arange(30), counts)
    written = RightCensored(time=outcome.time[rows], event=outcome.event[rows])
    order = follow_up_order(outcome)
    day = min(200.0, float(written.time.max()))

    by_count = survival_net_benefit(
        outcome.time[order], outcome.event[order], risk[order], counts[order], THRESHOLDS, day
    )

    again = decision_curve_survival(written, risk[rows], horizon=day, thresholds=THRESHOLDS)
    np.testing.assert_allclose(by_count, again.net_benefit, atol=1e-12)


def test_intervals_follow_the_seed_and_hold_the_estimate() -> None:
    outcome, predictor = a_cohort(seed=2)
    risk = 1.0 / (1.0 + np.exp(-predictor))

    def curve(seed: int) -> tuple[list[float], list[float], list[float]]:
        found = decision_curve_survival(
            outcome,
            risk,
            horizon=365.0,
            thresholds=THRESHOLDS,
            bootstrap=BootstrapPlan(seed=seed, repeats=200),
        )
        assert found.low is not None
        assert found.high is not None
        assert found.over_all_low is not None
        assert found.over_all_high is not None
        assert np.all(found.over_all_low <= found.net_benefit - found.treat_all)
        assert np.all(found.net_benefit - found.treat_all <= found.over_all_high)
        return found.low.tolist(), found.net_benefit.tolist(), found.high.tolist()

    low, value, high = curve(7)

    assert (low, value, high) == curve(7)
    assert low != curve(8)[0]
    assert all(a < b < c for a, b, c in zip(low, value, high, strict=True))


def test_refuses_a_horizon_beyond_follow_up() -> None:
    outcome, _ = a_cohort(seed=1)

    with pytest.raises(DataError, match="day 9000"):
        decision_curve_survival(outcome, np.full(80, 0.5), horizon=9000.0, thresholds=THRESHOLDS)


@pytest.mark.parametrize(
    ("risk", "threshold", "words"), [(1.3, 0.2, "0.5 to 1.3"), (0.7, 1.0, "both excluded")]
)
def test_refuses_what_is_no_probability(risk: float, threshold: float, words: str) -> None:
    with pytest.raises(DataError, match=words):
        decision_curve_binary(
            np.array([True, False]), np.array([0.5, risk]), thresholds=np.array([threshold])
        )
