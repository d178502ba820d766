import numpy as np
import pytest

from operandi.quantities.errors import DataError
from operandi.signatures.challengers.boosting import Boosting, boosting_path
from operandi.signatures.cox.newton import fit_cox
from operandi.signatures.cox.path import cox_path
from operandi.signatures.cox.path_kernel import settings_of
from operandi.signatures.data import Floats, Predictors, RightCensored
from operandi.signatures.preparation.chain import On, PreparationChain
from operandi.signatures.preparation.scaling import Scaling
from operandi.signatures.resampling.candidates import FittedCandidate
from operandi.signatures.resampling.folds import Resampling
from operandi.signatures.resampling.further_candidates import partial_loglik
from operandi.signatures.resampling.nested import nested_evaluation
from tests.signatures.challengers.challenged import inner_folds
from tests.signatures.resampling.cohorts import cohort

NO_DAYS: Floats = np.empty(0)


def few(columns: int) -> tuple[Floats, RightCensored]:
    predictors, outcome = cohort(seed=6, effects=(0.8, -0.5), columns=columns)
    x = predictors.values
    return np.ascontiguousarray((x - x.mean(axis=0)) / x.std(axis=0)), outcome


def test_the_first_step_is_the_largest_penalized_score() -> None:
    """By hand: score and information as differences of the log partial likelihood."""
    x, outcome = few(6)
    path = boosting_path(outcome, x, steps=1, share=0.1)

    def at(column: Floats, beta: float) -> float:
        return partial_loglik(outcome.time, outcome.event, beta * column)

    h = 1e-3
    score = np.array([(at(one, h) - at(one, -h)) / (2.0 * h) for one in x.T])
    information = np.array([-(at(one, h) - 2.0 * at(one, 0.0) + at(one, -h)) / h**2 for one in x.T])
    penalty = 9.0 * outcome.events
    chosen = int(np.argmax(score**2 / (information + penalty)))
    moved = path.coefficients[1]
    assert np.flatnonzero(moved).tolist() == [chosen]
    assert moved[chosen] == pytest.approx(score[chosen] / (information[chosen] + penalty), rel=1e-4)


def test_many_steps_reach_the_maximum_of_the_partial_likelihood() -> None:
    x, outcome = few(4)
    whole = fit_cox(outcome, x)
    path = boosting_path(outcome, x, steps=2000)
    assert path.coefficients[-1] == pytest.approx(whole.coefficients, abs=1e-7)
    assert path.loglik[-1] == pytest.approx(whole.loglik, abs=1e-9)
    assert (np.diff(path.loglik) >= -1e-12).all()


def test_small_steps_follow_the_lasso() -> None:
    """Forward stagewise and lasso paths meet as steps shrink (Efron et al., Ann Stat 32:407)."""
    x, outcome = few(30)
    lasso = cox_path(outcome, x, settings=settings_of(l1_ratio=1.0, smallest=0.4, tolerance=1e-6))
    boosted = boosting_path(outcome, x, steps=1500, share=0.005)
    length = np.abs(boosted.coefficients).sum(axis=1)
    for beta in lasso.coefficients[10::10]:
        near = boosted.coefficients[int(np.argmin(np.abs(length - np.abs(beta).sum())))]
        assert np.abs(near - beta).sum() < 0.05 * np.abs(beta).sum()


def test_unpenalized_columns_start_at_their_own_fit_and_end_at_the_whole_one() -> None:
    x, outcome = few(4)
    bare = np.array([False, False, True, True])
    path = boosting_path(outcome, x, steps=1500, unpenalized=bare)
    clinical = fit_cox(outcome, x[:, bare])
    assert path.coefficients[0, bare] == pytest.approx(clinical.coefficients, abs=1e-9)
    assert (path.coefficients[0, ~bare] == 0.0).all()
    assert path.coefficients[-1] == pytest.approx(fit_cox(outcome, x).coefficients, abs=1e-6)


def test_columns_count_in_their_own_units_and_constant_ones_stay_out() -> None:
    x, outcome = few(4)
    other = x * np.array([1000.0, 1.0, 1.0, 0.0]) + 7.0
    plain, scaled = (boosting_path(outcome, one, steps=30) for one in (x[:, :3], other))
    assert scaled.coefficients[-1, 3] == 0.0
    assert scaled.coefficients[-1, :3] * np.array([1000.0, 1.0, 1.0]) == pytest.approx(
        plain.coefficients[-1], abs=1e-9
    )


@pytest.mark.parametrize(("steps", "share"), [(0, 0.1), (5, 1.0)])
def test_refuses_no_step_and_no_shrinking(steps: int, share: float) -> None:
    x, outcome = few(3)
    with pytest.raises(DataError, match="one step or more and a share"):
        boosting_path(outcome, x, steps=steps, share=share)


def fitted(predictors: Predictors, outcome: RightCensored, chain: bool) -> FittedCandidate:  # noqa: FBT001
    steps = PreparationChain(steps=(On(step=Scaling()),)) if chain else None
    boosting = Boosting(name="b", columns=predictors.names, chain=steps, steps=60)
    return boosting.fit(predictors, outcome, inner=inner_folds(predictors, outcome), seed=1)


def test_steps_are_chosen_by_inner_folds_with_or_without_a_preparation() -> None:
    predictors, outcome = cohort(seed=8, effects=(1.0, -0.8))
    plain, prepared = (fitted(predictors, outcome, chain) for chain in (False, True))
    assert {"x000", "x001"} <= set(plain.selected)
    assert 5 < plain.details["steps"] <= 60
    assert prepared.details == plain.details
    assert prepared.predictor(predictors, trained=True) == pytest.approx(
        plain.predictor(predictors, trained=True), abs=1e-9
    )


def test_a_signal_is_found_out_of_fold_and_noise_is_not() -> None:
    found = {True: [], False: []}  # type: dict[bool, list[float]]
    for seed in range(20):
        for signal in (True, False):
            effects = (0.9, -0.7) if signal else ()
            predictors, outcome = cohort(seed=300 + seed, effects=effects, columns=30)
            found[signal].append(
                nested_evaluation(
                    Boosting(name="b", columns=predictors.names, steps=30),
                    predictors,
                    outcome,
                    resampling=Resampling(repeats=1, outer=5, inner=4, seed=seed),
                    days=NO_DAYS,
                ).mean_concordance
            )
    assert np.mean(found[True]) > 0.65
    assert np.mean(found[False]) == pytest.approx(0.5, abs=0.03)
