import numpy as np
import numpy.typing as npt
import pytest

from operandi.signatures.cox.fused import nested_scores, path_scores, tuned_fit
from operandi.signatures.cox.likelihood import log_partial_likelihood, risk_order, risk_sets
from operandi.signatures.cox.path import cox_path
from operandi.signatures.cox.path_kernel import settings_of
from operandi.signatures.data import RightCensored
from tests.signatures.survival_tables import Floats, a_cohort

N = 60
OUTCOME, X = a_cohort(n=N, p=40, ties=True)
EVENT = OUTCOME.event.astype(np.float64)
ZEROS, WHOLE = np.zeros(N), np.zeros(N, np.int64)
FACTORS = np.ones(40)
NONE = np.empty(0)
SETTINGS = settings_of(penalties=15, support_cap=10)
_RNG = np.random.default_rng(4)
OUTER = _RNG.permutation(N) % 4
INNER = np.array([_RNG.permutation(N) % 3 for _ in range(4)])


def _part(rows: npt.NDArray[np.int64]) -> RightCensored:
    return RightCensored(time=OUTCOME.time[rows], event=OUTCOME.event[rows])


def _concordance(predictor: Floats, outcome: RightCensored) -> tuple[float, int]:
    """Harrell's counts, written out."""
    right, pairs = 0.0, 0
    for a in np.flatnonzero(outcome.event):
        for b in range(outcome.time.size):
            tied = outcome.time[a] == outcome.time[b]
            if outcome.time[a] < outcome.time[b] or (tied and not outcome.event[b]):
                pairs += 1
                right += (predictor[a] > predictor[b]) + 0.5 * (predictor[a] == predictor[b])
    return right, pairs


def _loglik(eta: Floats, outcome: RightCensored) -> float:
    event = outcome.event.astype(np.float64)
    one = np.zeros(event.size, np.int64)
    order = risk_order(outcome.time, event, one)
    risk = risk_sets(outcome.time[order], event[order], one)
    return float(log_partial_likelihood(eta[order], event[order], risk, True))  # noqa: FBT003


def test_fused_scores_are_those_of_the_path_scored_apart() -> None:
    train, test = np.flatnonzero(OUTER != 0), np.flatnonzero(OUTER == 0)

    found = path_scores(
        X[train], OUTCOME.time[train], EVENT[train],
        X[test], OUTCOME.time[test], EVENT[test],
        FACTORS, NONE, SETTINGS,
    )  # fmt: skip

    path = cox_path(_part(train), X[train], settings=SETTINGS)
    assert found.reached == path.penalties.size
    for step in range(found.reached):
        predictor = path.linear_predictor(X[test], step=step)
        np.testing.assert_allclose(found.predictor[step], predictor, atol=1e-10)
        assert (found.concordant[step], found.pairs) == _concordance(predictor, _part(test))
        every = path.linear_predictor(X, step=step)
        deviance = -2 * (_loglik(every, OUTCOME) - _loglik(every[train], _part(train)))
        assert found.deviance[step] == pytest.approx(deviance, abs=1e-8)


@pytest.mark.parametrize("by_deviance", [True, False])
def test_a_nested_repeat_is_the_loop_written_out(*, by_deviance: bool) -> None:
    """In Python: inner folds by ``path_scores``, their sums, the best, the fit, the fold."""
    found = nested_scores(
        X, OUTCOME.time, EVENT, WHOLE, ZEROS, OUTER, INNER, FACTORS, NONE, SETTINGS, by_deviance
    )

    for fold in range(4):
        train, test = np.flatnonzero(fold != OUTER), np.flatnonzero(fold == OUTER)
        path = cox_path(_part(train), X[train], settings=SETTINGS)
        concordant, deviance = np.zeros(15), np.zeros(15)
        reached = path.penalties.size
        ratio = 0.1 ** (1 / 14)
        whole = path.penalties[0] * ratio ** np.arange(15)
        for inner in range(3):
            fit = train[INNER[fold, train] != inner]
            out = train[INNER[fold, train] == inner]
            scores = path_scores(
                X[fit], OUTCOME.time[fit], EVENT[fit],
                X[out], OUTCOME.time[out], EVENT[out],
                FACTORS, whole, SETTINGS,
            )  # fmt: skip
            concordant = concordant + scores.concordant
            deviance = deviance + scores.deviance
            reached = min(reached, scores.reached)
        curve = -deviance if by_deviance else concordant
        chosen = int(np.argmax(curve[:reached]))
        predictor = path.linear_predictor(X[test], step=chosen)
        assert found.chosen[fold] == chosen
        np.testing.assert_allclose(found.coefficients[fold], path.coefficients[chosen], atol=1e-9)
        np.testing.assert_allclose(found.predictor[test], predictor, atol=1e-8)
        assert (found.concordant[fold], found.pairs[fold]) == _concordance(predictor, _part(test))


def test_outcomes_of_left_out_rows_do_not_touch_their_predictions() -> None:
    other = OUTCOME.time.copy()
    left_out = np.flatnonzero(OUTER == 1)
    other[left_out] = other[left_out][::-1] + 13.0

    one = nested_scores(
        X,
        OUTCOME.time,
        EVENT,
        WHOLE,
        ZEROS,
        OUTER,
        INNER,
        FACTORS,
        NONE,
        SETTINGS,
        True,  # noqa: FBT003
    )
    two = nested_scores(
        X,
        other,
        EVENT,
        WHOLE,
        ZEROS,
        OUTER,
        INNER,
        FACTORS,
        NONE,
        SETTINGS,
        True,  # noqa: FBT003
    )

    np.testing.assert_array_equal(one.coefficients[1], two.coefficients[1])
    np.testing.assert_array_equal(one.predictor[left_out], two.predictor[left_out])


def test_screening_keeps_few_columns_and_unpenalized_ones_always() -> None:
    factors = FACTORS.copy()
    factors[39] = 0.0
    few = settings_of(penalties=15, keep=3)

    found = nested_scores(
        X,
        OUTCOME.time,
        EVENT,
        WHOLE,
        ZEROS,
        OUTER,
        INNER,
        factors,
        NONE,
        few,
        True,  # noqa: FBT003
    )

    assert (np.count_nonzero(found.coefficients, axis=1) <= 4).all()
    assert found.coefficients[:, 39].all()


def test_tuned_predictions_of_training_rows_come_from_folds_without_them() -> None:
    fit = tuned_fit(
        X,
        OUTCOME.time,
        EVENT,
        WHOLE,
        ZEROS,
        OUTER,
        FACTORS,
        NONE,
        SETTINGS,
        False,  # noqa: FBT003
    )

    right = 0.0
    for fold in range(4):
        rows = np.flatnonzero(fold == OUTER)
        right += _concordance(fit.inner_predictor[rows], _part(rows))[0]
    assert right == fit.inner_concordant[fit.chosen]
    np.testing.assert_allclose((X @ fit.coefficients).mean(), fit.center, atol=1e-10)


def test_yes_no_outcomes_are_scored_by_auc() -> None:
    answers = (X[:, 0] + _RNG.normal(size=N) > 0).astype(np.float64)
    yes_no = settings_of(penalties=15, logistic=True)

    found = nested_scores(
        X,
        np.ones(N),
        answers,
        WHOLE,
        ZEROS,
        OUTER,
        INNER,
        FACTORS,
        NONE,
        yes_no,
        True,  # noqa: FBT003
    )

    assert (found.chosen >= 0).all()
    right = pairs = 0.0
    for fold in range(4):
        rows = fold == OUTER
        yes, no = found.predictor[rows & (answers == 1)], found.predictor[rows & (answers == 0)]
        right += (yes[:, None] > no).sum() + 0.5 * (yes[:, None] == no).sum()
        pairs += yes.size * no.size
        eta, real = found.predictor[rows], answers[rows]
        assert found.deviance[fold] == pytest.approx(
            -2 * (real * eta - np.log1p(np.exp(eta))).sum()
        )
    assert (found.concordant.sum(), found.pairs.sum()) == (right, pairs)
    assert right / pairs > 0.6


def test_an_unpenalized_column_that_separates_the_events_is_no_crash() -> None:
    """Its hazards underflow on the way to infinity, which once divided by zero."""
    values = X.copy()
    values[:, 0] = -OUTCOME.time
    factors = FACTORS.copy()
    factors[0] = 0.0
    found = nested_scores(
        values,
        OUTCOME.time,
        EVENT,
        WHOLE,
        ZEROS,
        OUTER,
        INNER,
        factors,
        NONE,
        SETTINGS,
        True,  # noqa: FBT003
    )
    assert np.isfinite(found.predictor).all()
