"""Binary outcomes by hand, against SciPy and against the concordance of times."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from operandi.quantities.errors import DataError
from operandi.signatures.data import RightCensored
from operandi.signatures.metrics.binary import (
    BinaryPrediction,
    auc_binary,
    binary_auc,
    brier_binary,
    compare_binary,
)
from operandi.signatures.metrics.concordance import harrell_c
from operandi.signatures.metrics.estimate import BootstrapPlan
from tests.signatures.metrics.published import Floats

PLAN = BootstrapPlan(seed=3, repeats=500)


def a_response(*, seed: int, rows: int = 80) -> tuple[np.ndarray, Floats]:
    generator = np.random.default_rng(seed)
    risk = generator.uniform(0.05, 0.95, size=rows)
    return generator.random(rows) < risk, risk


def test_auc_and_delongs_error_by_hand() -> None:
    """Placements 1, 2/3 and 1/2, 1, 1: AUC 5/6, variance (1/18)/2 + (1/12)/3 = 1/18."""
    happened = np.array([True, True, False, False, False])

    found = auc_binary(happened, np.array([0.8, 0.6, 0.7, 0.1, 0.5]))

    assert found.value == pytest.approx(5 / 6)
    assert found.standard_error == pytest.approx((1 / 18) ** 0.5)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_auc_is_the_mann_whitney_statistic_and_the_concordance_of_two_days(seed: int) -> None:
    happened, risk = a_response(seed=seed, rows=40)
    risk = np.round(risk, 1)
    statistic = mannwhitneyu(risk[happened], risk[~happened]).statistic
    times = RightCensored(time=np.where(happened, 1.0, 2.0), event=happened)

    found = auc_binary(happened, risk)

    assert found.value == pytest.approx(statistic / (happened.sum() * (~happened).sum()))
    assert found.value == pytest.approx(harrell_c(times, risk).value)
    assert found.value == pytest.approx(binary_auc(happened, risk, np.ones(40, dtype=np.int64)))


def test_a_right_model_expects_its_brier_score() -> None:
    """E[(p - y)^2] = E[p (1 - p)]."""
    happened, risk = a_response(seed=1, rows=40_000)

    found = brier_binary(happened, risk)

    assert found.standard_error is not None
    assert found.value == pytest.approx(
        float(np.mean(risk * (1.0 - risk))), abs=4.0 * found.standard_error
    )


def test_bootstrap_and_delong_agree_on_the_error() -> None:
    happened, risk = a_response(seed=2)
    one = BinaryPrediction(name="one", risk=risk)

    found = compare_binary(happened, one, one, thresholds=np.array([0.5]), bootstrap=PLAN)

    assert found[0].model.standard_error == pytest.approx(
        auc_binary(happened, risk).standard_error, rel=0.12
    )
    assert found[0].difference.value == 0.0


def test_the_truth_beats_noise_on_every_metric() -> None:
    happened, risk = a_response(seed=4)
    noise = np.random.default_rng(9).uniform(0.05, 0.95, size=80)

    found = compare_binary(
        happened,
        BinaryPrediction(name="truth", risk=risk),
        BinaryPrediction(name="noise", risk=noise),
        thresholds=np.array([0.4]),
        bootstrap=PLAN,
    )

    assert [one.metric for one in found] == ["AUC", "Brier score", "net benefit at 0.4"]
    for one in found:
        assert one.difference.value is not None
        assert (one.difference.value > 0.0) == one.higher_is_better


def test_a_perfect_ranking_has_no_interval() -> None:
    found = auc_binary(np.array([True, True, False, False]), np.array([0.9, 0.8, 0.2, 0.1]))

    assert found.value == 1.0
    assert found.low is None
    assert found.reason == "No interval where the AUC is 0 or 1."


def test_refuses_an_outcome_of_one_participant() -> None:
    with pytest.raises(DataError, match="found 1 with it among 3"):
        auc_binary(np.array([True, False, False]), np.array([0.5, 0.4, 0.3]))


def test_refuses_a_risk_that_is_no_probability() -> None:
    with pytest.raises(DataError, match=r"found 0\.1 to 1\.5"):
        brier_binary(np.array([True, True, False, False]), np.array([1.5, 0.8, 0.2, 0.1]))
