import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operandi.quantities.errors import DataError
from operandi.signatures.cox.newton import fit_cox
from operandi.signatures.cox.path import cox_path
from operandi.signatures.cox.path_kernel import settings_of
from operandi.signatures.data import RightCensored
from tests.signatures.survival_tables import Floats, a_cohort


def _score(outcome: RightCensored, x: Floats, beta: Floats, *, offset: Floats) -> Floats:
    """Gradient of the mean log likelihood after Breslow, written out for distinct times."""
    eta, total = offset + x @ beta, np.zeros(x.shape[1])
    for i in np.flatnonzero(outcome.event):
        at_risk = outcome.time >= outcome.time[i]
        weight = np.exp(eta[at_risk])
        total += x[i] - weight @ x[at_risk] / weight.sum()
    return total / len(x)


def _violation(
    score: Floats, beta: Floats, *, penalty: float, ratio: float, factors: Floats
) -> float:
    bare = score - penalty * (1 - ratio) * factors * beta
    l1 = penalty * ratio * factors
    off = np.where(beta == 0, np.maximum(np.abs(bare) - l1, 0), np.abs(bare - l1 * np.sign(beta)))
    return float(off.max())


@pytest.mark.parametrize("ratio", [1.0, 0.9, 0.3])
def test_every_penalty_meets_the_optimality_conditions(ratio: float) -> None:
    """Checked from a gradient written out here, in standardized units."""
    outcome, x = a_cohort(n=60, p=150)
    factors = np.where(np.arange(150) < 2, 0.0, 1.0 + np.arange(150) % 3)
    offset = 0.3 * x[:, 9]
    scale = x.std(axis=0)

    path = cox_path(
        outcome,
        x,
        settings=settings_of(l1_ratio=ratio, penalties=20, tolerance=1e-4),
        penalty_factors=factors,
        offset=offset,
    )

    assert path.ending == ""
    assert path.violation.max() <= 1e-4
    assert path.support[0] == 0
    assert path.support[-1] > 5
    for penalty, beta in zip(path.penalties, path.coefficients * scale, strict=True):
        score = _score(outcome, (x - x.mean(axis=0)) / scale, beta, offset=offset)
        off = _violation(score, beta, penalty=penalty, ratio=ratio, factors=factors)
        assert off <= 1.001e-4 * penalty


def test_unpenalized_columns_alone_are_the_newton_fit() -> None:
    outcome, x = a_cohort(n=60, p=4, ties=True)
    tight = settings_of(tolerance=1e-10)

    path = cox_path(outcome, x, settings=tight, penalty_factors=np.zeros(4))

    fit = fit_cox(outcome, x)
    np.testing.assert_allclose(path.coefficients[0], fit.coefficients, atol=1e-8)
    assert path.loglik[0] == pytest.approx(fit.loglik, abs=1e-9)


def test_first_penalty_is_the_fit_of_the_unpenalized_columns() -> None:
    outcome, x = a_cohort(n=60, p=30)
    factors = np.where(np.arange(30) == 0, 0.0, 1.0)

    path = cox_path(outcome, x, settings=settings_of(tolerance=1e-9), penalty_factors=factors)

    np.testing.assert_allclose(
        path.coefficients[0, 0], fit_cox(outcome, x[:, :1]).coefficients[0], atol=1e-8
    )
    assert path.support[0] == 0


def test_strata_with_their_own_baselines_are_respected() -> None:
    outcome, x = a_cohort(n=60, p=3, ties=True)
    strata = np.arange(60) % 2

    path = cox_path(
        outcome,
        x,
        settings=settings_of(tolerance=1e-10),
        penalty_factors=np.zeros(3),
        strata=strata,
    )

    np.testing.assert_allclose(
        path.coefficients[0], fit_cox(outcome, x, strata=strata).coefficients, atol=1e-8
    )


def test_the_path_ends_at_the_support_cap_and_says_so() -> None:
    outcome, x = a_cohort(n=60, p=200)

    path = cox_path(outcome, x, settings=settings_of(support_cap=6))
    whole = cox_path(outcome, x)

    assert path.support.max() <= 6
    assert path.ending == "the support cap was reached"
    assert whole.support[path.penalties.size] > 6
    np.testing.assert_array_equal(path.coefficients, whole.coefficients[: path.penalties.size])


def test_columns_that_do_not_vary_have_coefficient_zero() -> None:
    outcome, x = a_cohort(n=40, p=5)
    x[:, 3] = 2.0

    assert not cox_path(outcome, x).coefficients[:, 3].any()


@given(seed=st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_times_transformed_rows_permuted_and_columns_scaled_change_nothing(seed: int) -> None:
    outcome, x = a_cohort(n=40, p=20, seed=seed, ties=True)
    rng = np.random.default_rng(seed)
    rows, scale = rng.permutation(40), np.exp(rng.normal(size=20))
    other = RightCensored(time=(outcome.time**2)[rows], event=outcome.event[rows])
    tight = settings_of(tolerance=1e-8, penalties=10)

    one = cox_path(outcome, x, settings=tight)
    two = cox_path(other, np.ascontiguousarray((x * scale - 3.0)[rows]), settings=tight)

    np.testing.assert_allclose(two.coefficients * scale, one.coefficients, atol=1e-5)
    np.testing.assert_allclose(two.penalties, one.penalties, rtol=1e-9)


def test_refuses_a_sequence_that_rises_and_settings_out_of_range() -> None:
    outcome, x = a_cohort(n=30, p=3)

    with pytest.raises(DataError, match="falling"):
        cox_path(outcome, x, penalties=np.array([0.1, 0.2]))
    with pytest.raises(DataError, match="l1_ratio"):
        settings_of(l1_ratio=1.5)


def test_refuses_unpenalized_columns_that_separate() -> None:
    outcome, x = a_cohort(n=30, p=3)
    x[:, 0] = -np.argsort(np.argsort(outcome.time))

    with pytest.raises(DataError, match="separate"):
        cox_path(
            outcome, x, settings=settings_of(tolerance=1e-9), penalty_factors=np.array([0.0, 1, 1])
        )
