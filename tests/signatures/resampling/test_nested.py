from dataclasses import replace

import numpy as np
import pytest

from operandi.domain.identity import Pseudonym
from operandi.quantities.errors import DataError
from operandi.signatures.cox.path_kernel import PathSettings
from operandi.signatures.cox.score_test import score_tests
from operandi.signatures.data import Floats, Predictors, RightCensored
from operandi.signatures.metrics.concordance import harrell_c
from operandi.signatures.preparation.chain import PreparationChain
from operandi.signatures.preparation.guard import LeakError, Split
from operandi.signatures.resampling.candidates import FewColumns, Penalized, refuse_missing
from operandi.signatures.resampling.folds import Resampling
from operandi.signatures.resampling.nested import (
    breslow_hazard,
    concordance_gain,
    nested_concordance,
    nested_evaluation,
    paired_rows,
)
from tests.signatures.resampling.cohorts import cohort

FEW = Resampling(repeats=3, outer=5, inner=4, seed=11)
NO_DAYS: Floats = np.empty(0)
SETTINGS = PathSettings(l1_ratio=0.9, penalties=20, smallest=0.1, support_cap=10)


def elastic(predictors: Predictors, **changed: object) -> Penalized:
    plain = Penalized(name="elastic net", columns=predictors.names, settings=SETTINGS)
    return replace(plain, **changed)  # type: ignore[arg-type]


def test_the_compiled_repeat_equals_the_one_that_prepares_in_every_fold() -> None:
    predictors, outcome = cohort(seed=1, effects=(0.9, -0.7))
    for by_deviance in (True, False):
        compiled, plain = (
            nested_evaluation(
                elastic(predictors, chain=chain, by_deviance=by_deviance),
                predictors,
                outcome,
                resampling=FEW,
                days=np.array([365.0, 730.0]),
            )
            for chain in (None, PreparationChain(steps=()))
        )
        assert np.allclose(compiled.predictor, plain.predictor, rtol=0.0, atol=2e-4)
        assert np.allclose(compiled.survival, plain.survival, rtol=0.0, atol=2e-4)
        assert compiled.concordance == pytest.approx(plain.concordance, abs=0.01)


def test_the_result_does_not_depend_on_threads() -> None:
    predictors, outcome = cohort(seed=2, effects=(0.8,))
    one, four = (
        nested_evaluation(
            elastic(predictors), predictors, outcome, resampling=FEW, days=NO_DAYS, threads=threads
        )
        for threads in (1, 4)
    )
    assert (one.predictor == four.predictor).all()
    assert one.selected == four.selected


def test_noise_has_a_nested_concordance_of_a_half() -> None:
    plan = Resampling(repeats=2, outer=5, inner=4, seed=3)
    found = []
    for seed in range(40):
        predictors, outcome = cohort(seed=100 + seed, columns=100)
        one = nested_evaluation(
            elastic(predictors), predictors, outcome, resampling=plan, days=NO_DAYS
        )
        found.append(one.mean_concordance)
    # 40 cohorts of SD 0.05 (prediction.md, section 0): standard error 0.008.
    assert np.mean(found) == pytest.approx(0.5, abs=0.03)


def test_a_strong_marker_is_found_in_nearly_every_fold() -> None:
    predictors, outcome = cohort(seed=4, effects=(1.2,))
    found = nested_evaluation(
        elastic(predictors), predictors, outcome, resampling=FEW, days=NO_DAYS
    )
    assert found.selected["x000"] > 0.95
    judged = nested_concordance(found)
    assert judged.low is not None
    assert judged.low > 0.6
    assert harrell_c(outcome, predictors.values[:, 0]).value == pytest.approx(
        found.mean_concordance, abs=0.06
    )


def test_a_single_marker_without_tuning_scores_as_the_marker_itself() -> None:
    predictors, outcome = cohort(seed=5, effects=(1.0,), columns=2)
    marker = FewColumns(name="marker", columns=("x000",))
    found = nested_evaluation(marker, predictors, outcome, resampling=FEW, days=NO_DAYS)
    for repeat in range(FEW.repeats):
        share, pairs = paired_rows(
            predictors.values[:, 0], outcome.time, outcome.event, found.outer[repeat]
        )
        assert found.concordance[repeat] == pytest.approx(share.sum() / pairs.sum(), abs=1e-12)


def test_pairs_within_one_fold_of_all_are_those_of_harrell() -> None:
    predictors, outcome = cohort(seed=6, effects=(0.5,))
    risk = np.round(predictors.values[:, 0], 1)
    share, pairs = paired_rows(risk, outcome.time, outcome.event, np.zeros(80, dtype=np.int64))
    known = harrell_c(outcome, risk)
    assert share.sum() / pairs.sum() == pytest.approx(known.value, abs=1e-14)
    influence = 2.0 * (share - known.value * pairs) / pairs.sum()
    assert np.sqrt(np.sum(influence**2)) == pytest.approx(known.standard_error, rel=1e-10)


def test_breslow_hazard_without_predictor_is_that_of_nelson_and_aalen() -> None:
    time = np.array([2.0, 3.0, 3.0, 5.0, 8.0])
    event = np.array([True, True, False, True, False])
    found = breslow_hazard(time, event, np.zeros(5), np.array([1.0, 2.0, 3.0, 6.0]))
    assert found == pytest.approx([0.0, 1 / 5, 1 / 5 + 1 / 4, 1 / 5 + 1 / 4 + 1 / 2])


def test_the_gain_over_a_reference_needs_the_same_folds() -> None:
    predictors, outcome = cohort(seed=7, effects=(1.0, 0.8), columns=4)
    small = FewColumns(name="one", columns=("x000",))
    large = FewColumns(name="two", columns=("x000", "x001"))
    one, two = (
        nested_evaluation(item, predictors, outcome, resampling=FEW, days=NO_DAYS)
        for item in (small, large)
    )
    gain = concordance_gain(two, one)
    assert gain.value == pytest.approx(two.mean_concordance - one.mean_concordance)
    assert gain.low is not None
    assert gain.low > -0.05
    other = Resampling(repeats=3, outer=5, inner=4, seed=12)
    elsewhere = nested_evaluation(small, predictors, outcome, resampling=other, days=NO_DAYS)
    with pytest.raises(DataError, match="same folds"):
        concordance_gain(two, elsewhere)


def test_a_fold_that_cannot_be_fitted_is_counted_with_its_reason() -> None:
    predictors, outcome = cohort(seed=8, effects=(1.0,), columns=3)
    values = predictors.values.copy()
    values[:, 2] = 0.0
    # One early event and one long censored time: either alone separates, both together do not.
    early = int(np.argmin(np.where(outcome.event, outcome.time, np.inf)))
    late = int(np.argmax(np.where(outcome.event, 0.0, outcome.time)))
    values[[early, late], 2] = 1.0
    rare = FewColumns(name="rare", columns=("x000", "x002"))
    found = nested_evaluation(
        rare, replace(predictors, values=values), outcome, resampling=FEW, days=NO_DAYS
    )
    for repeat in range(FEW.repeats):
        folds = {int(found.outer[repeat, row]) for row in (early, late)}
        assert {one.fold for one in found.failed if one.repeat == repeat} == folds
    assert all("x002" in one.reason for one in found.failed)


def test_a_candidate_that_fits_nowhere_is_refused() -> None:
    predictors, outcome = cohort(seed=9, columns=2)
    values = predictors.values.copy()
    values[:, 1] = 3.0
    dull = FewColumns(name="dull", columns=("x001",))
    with pytest.raises(DataError, match="dull could be fitted in none of 15 folds"):
        nested_evaluation(
            dull, replace(predictors, values=values), outcome, resampling=FEW, days=NO_DAYS
        )


def test_missing_values_without_an_imputation_are_refused() -> None:
    predictors, outcome = cohort(seed=10, columns=2)
    values = predictors.values.copy()
    values[3, 0] = np.nan
    with pytest.raises(DataError, match="x000 has missing values"):
        nested_evaluation(
            elastic(predictors), replace(predictors, values=values), outcome,
            resampling=FEW, days=NO_DAYS,
        )  # fmt: skip


def test_lesions_of_one_participant_never_stand_on_both_sides() -> None:
    predictors, outcome = cohort(seed=11, effects=(1.0,), columns=5)
    twice = replace(
        predictors, participants=tuple(Pseudonym(f"OP-{row // 2:03d}") for row in range(80))
    )
    found = nested_evaluation(
        FewColumns(name="one", columns=("x000",)), twice, outcome, resampling=FEW, days=NO_DAYS
    )
    assert (found.outer[:, ::2] == found.outer[:, 1::2]).all()
    with pytest.raises(LeakError, match="both sides"):
        Split(training=np.arange(1, 80), test=np.array([0]), participants=twice.participants)


def test_columns_learned_on_all_rows_first_look_better_than_they_are() -> None:
    """The classical leak: a filter outside the folds makes noise foretell (0.74, section 2)."""
    plan = Resampling(repeats=2, outer=5, inner=4, seed=5)
    leaked, honest = [], []
    for seed in range(6):
        predictors, outcome = cohort(seed=200 + seed, columns=600)
        best = _most_associated(predictors, outcome, count=10)
        leaked.append(
            nested_evaluation(
                elastic(predictors, columns=best), predictors, outcome,
                resampling=plan, days=NO_DAYS,
            ).mean_concordance
        )  # fmt: skip
        inside = elastic(predictors, settings=SETTINGS._replace(keep=10))
        honest.append(
            nested_evaluation(
                inside, predictors, outcome, resampling=plan, days=NO_DAYS
            ).mean_concordance
        )
    assert np.mean(leaked) > 0.65
    assert np.mean(honest) < 0.58


def _most_associated(
    predictors: Predictors, outcome: RightCensored, *, count: int
) -> tuple[str, ...]:
    rank = np.argsort(-np.abs(score_tests(outcome, predictors.values).z))
    return tuple(predictors.names[column] for column in sorted(rank[:count]))


def test_missing_values_are_refused_with_how_many_lack_them_and_what_to_do() -> None:
    values = np.array([[1.0, np.nan], [2.0, np.nan], [3.0, 1.0]])
    with pytest.raises(DataError, match=r"texture has missing.*2 of 3.*population\.exclude"):
        refuse_missing(("age", "texture"), values)
