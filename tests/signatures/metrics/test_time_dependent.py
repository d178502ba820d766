"""AUC and Brier score at a day against R, scikit-survival and the definition."""

import json

import numpy as np
import pytest

from operandi.quantities.errors import DataError
from operandi.signatures.cox.newton import fit_cox
from operandi.signatures.data import RightCensored
from operandi.signatures.metrics.censoring import CensoringSurvival, censoring_survival
from operandi.signatures.metrics.time_dependent import auc_at, brier_at, integrated_brier
from tests.shared_data import published
from tests.signatures.metrics.published import PBC_BRESLOW, a_cohort, breslow_survival, lung, pbc

PBC_DAYS = np.array([730.0, 1825.0, 3285.0])


def test_auc_equals_r_on_pbc() -> None:
    """R 4.2.2, weights 1 / G(T-), events before censorings at ties."""
    cohort = pbc()

    found = auc_at(cohort.outcome, cohort.x @ PBC_BRESLOW, times=PBC_DAYS)

    answers = [0.8739252967, 0.9155570159, 0.8210292177]
    assert [one.value for one in found] == pytest.approx(answers, abs=1e-9)


def test_brier_score_equals_r_on_pbc() -> None:
    """R 4.2.2, Breslow fit and baseline."""
    cohort = pbc()
    survival = breslow_survival(cohort.outcome, cohort.x @ PBC_BRESLOW, times=PBC_DAYS)

    found = brier_at(cohort.outcome, survival, times=PBC_DAYS)

    answers = [0.0602109570, 0.1009568799, 0.1696226814]
    assert [one.value for one in found] == pytest.approx(answers, abs=1e-9)


def test_scikit_survival_differs_by_its_weights_at_ties_only() -> None:
    """It weights an event by G(T) instead of G(T-): with its weights we give its numbers.

    Ours differ by up to 1.4e-4 (AUC) and 5.7e-5 (Brier) on these 227 participants.
    """
    cohort = lung()
    answer = json.loads(published("survival/reference_scikit_survival.json").read_text())
    answer = answer["lung_cox_age_sex_ecog_apparent"]
    times, days = np.array(answer["times"]), np.arange(30.0, 701.0, 10.0)
    risk = fit_cox(cohort.outcome, cohort.x).linear_predictor(cohort.x)
    survival = breslow_survival(cohort.outcome, risk, times=times)
    every_ten = breslow_survival(cohort.outcome, risk, times=days)
    curve = censoring_survival(cohort.outcome)
    theirs = CensoringSurvival(time=curve.time - 1e-6, before=curve.before)

    auc = auc_at(cohort.outcome, risk, times=times, censoring=theirs)
    brier = brier_at(cohort.outcome, survival, times=times, censoring=theirs)
    whole = integrated_brier(cohort.outcome, every_ten, times=days, censoring=theirs)

    assert [one.value for one in auc] == pytest.approx(answer["cumulative_dynamic_auc"], abs=1e-12)
    assert [one.value for one in brier] == pytest.approx(answer["brier"], abs=1e-10)
    assert whole.value == pytest.approx(answer["integrated_brier_30_700_step10"], abs=1e-10)
    ours = auc_at(cohort.outcome, risk, times=times)
    assert max(
        abs((one.value or 0.0) - theirs_)
        for one, theirs_ in zip(ours, answer["cumulative_dynamic_auc"], strict=True)
    ) == pytest.approx(1.39e-4, abs=1e-6)


def test_without_censoring_the_brier_score_is_the_mean_squared_error() -> None:
    outcome = RightCensored(time=np.array([1.0, 2.0, 3.0, 4.0]), event=np.ones(4, dtype=np.bool_))
    survival = np.array([[0.1], [0.4], [0.7], [0.8]])

    (found,) = brier_at(outcome, survival, times=np.array([2.5]))

    assert found.value == pytest.approx((0.1**2 + 0.4**2 + 0.3**2 + 0.2**2) / 4)


def test_a_coin_scores_a_quarter_at_every_day() -> None:
    """With S = 1/2 every weighted term is 1/4, and the weights sum to n."""
    outcome, _ = a_cohort(seed=5)
    times = np.array([200.0, 400.0, 600.0])

    found = integrated_brier(outcome, np.full((80, 3), 0.5), times=times)

    assert found.value == pytest.approx(0.25, abs=1e-12)


def test_a_risk_that_knows_the_day_has_auc_one() -> None:
    outcome, _ = a_cohort(seed=6)

    (found,) = auc_at(outcome, -outcome.time, times=np.array([300.0]))

    assert found.value == 1.0


def test_a_day_without_controls_has_no_auc_and_a_day_beyond_follow_up_no_brier_score() -> None:
    outcome = RightCensored(time=np.array([1.0, 2.0, 3.0]), event=np.array([True, True, False]))
    late = np.array([3.0])

    (auc,) = auc_at(outcome, np.array([3.0, 2.0, 1.0]), times=late)
    (brier,) = brier_at(outcome, np.full((3, 1), 0.5), times=late)

    assert auc.value is None
    assert "nobody was followed beyond" in auc.reason
    assert brier.value is None
    assert brier.reason == "Follow-up ends before day 3."


def test_an_integral_over_a_day_beyond_follow_up_is_absent() -> None:
    outcome = RightCensored(time=np.array([1.0, 2.0, 3.0]), event=np.array([True, True, False]))

    found = integrated_brier(outcome, np.full((3, 2), 0.5), times=np.array([1.0, 3.0]))

    assert (found.value, found.reason) == (None, "Follow-up ends before day 3.")


def test_refuses_survival_that_is_no_probability() -> None:
    outcome, _ = a_cohort(seed=6)

    with pytest.raises(DataError, match=r"found 0\.5 to 1\.2"):
        brier_at(outcome, np.tile([0.5, 1.2], (80, 1)), times=np.array([100.0, 200.0]))
