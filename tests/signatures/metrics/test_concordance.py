"""Concordance against R, scikit-survival, the definition and its invariants."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operandi.quantities.errors import DataError
from operandi.signatures.cox.fused import concordance_counts
from operandi.signatures.cox.newton import fit_cox
from operandi.signatures.data import RightCensored
from operandi.signatures.metrics.censoring import (
    CensoringSurvival,
    censoring_survival,
    follow_up_order,
)
from operandi.signatures.metrics.concordance import concordance_index, harrell_c, uno_c
from tests.shared_data import published
from tests.signatures.metrics.published import PBC_EFRON, a_cohort, lung, pbc


def test_harrell_and_its_standard_error_equal_r_on_pbc() -> None:
    """R survival 3.5-3, ``concordance(coxph(...))``: 0.8438612634, SE 0.0195015."""
    cohort = pbc()

    found = harrell_c(cohort.outcome, cohort.x @ PBC_EFRON)

    assert found.value == pytest.approx(0.8438612634, abs=1e-10)
    assert found.standard_error == pytest.approx(0.0195015, abs=5e-8)


@pytest.mark.parametrize(("tau", "answer"), [(1825.0, 0.8695152536), (3650.0, 0.8101155266)])
def test_uno_equals_r_on_pbc(tau: float, answer: float) -> None:
    """R survival 3.5-3, ``concordance(..., timewt = "n/G2", ymax = tau)``."""
    cohort = pbc()

    found = uno_c(cohort.outcome, cohort.x @ PBC_EFRON, tau=tau)

    assert found.value == pytest.approx(answer, abs=1e-10)


def test_scikit_survival_agrees_on_harrell_and_differs_on_uno_by_its_weights_at_ties() -> None:
    """It weights an event by G(T) instead of G(T-): with its weights we give its number.

    A censoring curve that falls an instant earlier gives G(T) where G(T-) is asked for.
    """
    cohort = lung()
    answer = json.loads(published("survival/reference_scikit_survival.json").read_text())
    answer = answer["lung_cox_age_sex_ecog_apparent"]
    fit = fit_cox(cohort.outcome, cohort.x)
    risk = fit.linear_predictor(cohort.x)
    curve = censoring_survival(cohort.outcome)
    theirs = CensoringSurvival(time=curve.time - 1e-6, before=curve.before)

    assert harrell_c(cohort.outcome, risk).value == pytest.approx(answer["harrell_c"], abs=1e-12)
    assert uno_c(cohort.outcome, risk, tau=700.0, censoring=theirs).value == pytest.approx(
        answer["uno_c_tau_700"], abs=1e-12
    )
    ours = uno_c(cohort.outcome, risk, tau=700.0).value
    assert ours - answer["uno_c_tau_700"] == pytest.approx(-0.000231, abs=1e-6)


def test_pairs_of_one_day_count_only_event_against_censoring() -> None:
    """By hand: (5, event) and (5, censored) is a pair, two events of day 3 are none.

    Comparable: 3a-5e, 3a-5c, 3b-5e, 3b-5c, 5e-5c. Risks 4, 1, 2, 3: concordant 3a twice; 3b none;
    5e-5c discordant.
    """
    outcome = RightCensored(
        time=np.array([3.0, 3.0, 5.0, 5.0]), event=np.array([True, True, True, False])
    )

    found = harrell_c(outcome, np.array([4.0, 1.0, 2.0, 3.0]))

    assert (found.concordant, found.tied, found.comparable) == (2.0, 0.0, 5.0)


def test_without_censoring_uno_equals_harrell() -> None:
    time = np.random.default_rng(3).exponential(size=60)
    outcome = RightCensored(time=time, event=np.ones(60, dtype=np.bool_))
    risk = np.random.default_rng(4).normal(size=60)

    whole = uno_c(outcome, risk, tau=float(time.max()))

    assert whole.value == pytest.approx(harrell_c(outcome, risk).value, abs=1e-14)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), turn=st.integers(0, 10_000))
def test_monotone_transformations_and_the_order_of_rows_change_nothing(
    seed: int, turn: int
) -> None:
    outcome, risk = a_cohort(seed=seed, rows=30)
    order = np.random.default_rng(turn).permutation(30)
    shuffled = RightCensored(time=outcome.time[order], event=outcome.event[order])

    found = harrell_c(outcome, risk)

    assert harrell_c(shuffled, np.exp(risk[order])).value == pytest.approx(found.value)
    assert harrell_c(outcome, -risk).value == pytest.approx(1.0 - found.value)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_counts_of_a_bootstrap_sample_equal_its_rows_written_out(seed: int) -> None:
    outcome, risk = a_cohort(seed=seed, rows=25)
    counts = np.bincount(np.random.default_rng(seed).integers(0, 25, 25), minlength=25)
    rows = np.repeat(np.arange(25), counts)
    written = RightCensored(time=outcome.time[rows], event=outcome.event[rows])
    order = follow_up_order(outcome)

    by_count = concordance_index(
        outcome.time[order], outcome.event[order], risk[order], counts[order], np.ones(25)
    )

    assert by_count == pytest.approx(harrell_c(written, risk[rows]).value)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_kernel_of_the_penalized_paths_counts_the_same_pairs(seed: int) -> None:
    outcome, predictor = a_cohort(seed=seed, rows=30)
    risk = np.round(predictor, 1)  # so that risks are tied too
    rows = np.arange(30)

    right, pairs = concordance_counts(
        risk, outcome.time, outcome.event.astype(np.float64), np.zeros(30, np.int64), rows
    )

    found = harrell_c(outcome, risk)
    assert (found.concordant + 0.5 * found.tied, found.comparable) == (right, pairs)


def test_the_standard_error_is_that_of_many_cohorts() -> None:
    """Spread of C over 400 cohorts of 80 beside the mean standard error; 400 give it to 4 %."""
    found = [harrell_c(*a_cohort(seed=seed)) for seed in range(400)]

    spread = np.std([one.value for one in found], ddof=1)

    assert np.mean([one.standard_error for one in found]) == pytest.approx(spread, rel=0.12)


def test_refuses_a_cohort_without_a_comparable_pair() -> None:
    outcome = RightCensored(time=np.array([3.0, 4.0]), event=np.array([False, False]))

    with pytest.raises(DataError, match="0 events among 2"):
        harrell_c(outcome, np.array([1.0, 2.0]))


def test_refuses_a_risk_that_is_missing() -> None:
    outcome = RightCensored(time=np.array([3.0, 4.0]), event=np.array([True, False]))

    with pytest.raises(DataError, match="row 1 has none"):
        harrell_c(outcome, np.array([1.0, np.nan]))


def test_refuses_an_event_beyond_the_cohort_that_gives_the_weights() -> None:
    short = RightCensored(time=np.array([1.0, 2.0]), event=np.array([True, False]))
    outcome = RightCensored(time=np.array([3.0, 4.0]), event=np.array([True, False]))

    with pytest.raises(DataError, match="day 3"):
        uno_c(outcome, np.zeros(2), tau=5.0, censoring=censoring_survival(short))
