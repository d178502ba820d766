"""The chain, and the leaks that it refuses: one test for each of those planted."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.stats import rankdata

from operandi.quantities.errors import DataError
from operandi.signatures.data import Predictors
from operandi.signatures.preparation.absence import block_absences
from operandi.signatures.preparation.chain import (
    On,
    PreparationChain,
    chain_from,
    plain_rows,
    predictors_at,
)
from operandi.signatures.preparation.combat import Combat
from operandi.signatures.preparation.filters import ConstantFilter, DuplicateFilter
from operandi.signatures.preparation.guard import LeakError, Split
from operandi.signatures.preparation.imputation import Imputation, MedianFill
from operandi.signatures.preparation.rebuild import learned_from
from operandi.signatures.preparation.redundancy import (
    RedundancyFilter,
    mean_ranks,
    unit_columns,
)
from operandi.signatures.preparation.scaling import Scaling
from operandi.signatures.preparation.screening import ScoreScreen
from operandi.signatures.preparation.transformer import Transformer
from tests.signatures.preparation.rows import a_cohort, some_predictors

TRAINING, TEST = np.arange(40), np.arange(40, 60)
LEARNERS: dict[str, Transformer] = {
    "scaling": Scaling(),
    "filter": ConstantFilter(),
    "ComBat": Combat(),
    "imputation": Imputation(),
    "redundancy": RedundancyFilter(),
    "selection before the split": ScoreScreen(keep=3),
}


def a_chain() -> PreparationChain:
    """Harmonized radiomics beside imputed clinical columns."""
    return PreparationChain(
        steps=(
            On(step=ConstantFilter()),
            On(step=DuplicateFilter(), blocks=("radiomics",)),
            On(step=Imputation(), blocks=("clinical",)),
            On(step=Combat(covariates=("age",)), blocks=("radiomics",)),
            On(step=RedundancyFilter(most=0.8), blocks=("radiomics",)),
            On(step=Scaling()),
        )
    )


def two_blocks(*, seed: int = 1) -> Predictors:
    cohort, _ = a_cohort(columns=9, seed=seed)
    values = cohort.values.copy()
    values[::7, 1] = np.nan
    values[:, 5] = values[:, 4]
    values[:, 6] = 2.0
    names = ("age", "alt", "grade", "a", "b", "b_again", "flat", "c", "d")
    blocks = ("clinical",) * 3 + ("radiomics",) * 6
    return some_predictors(values, names=names, blocks=blocks, sites=cohort.sites)


def test_every_step_sees_what_the_steps_before_it_gave() -> None:
    predictors = two_blocks()
    training = predictors_at(predictors, TRAINING)
    fitted = a_chain().fit(training, seed=1)
    found = fitted.apply(training, role="training")

    assert found.names == ("age", "alt", "grade", "a", "b", "c", "d")
    assert found.blocks == ("clinical",) * 3 + ("radiomics",) * 4
    np.testing.assert_allclose(found.values.mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(found.values.std(axis=0, ddof=1), 1.0)
    judged = fitted.apply(predictors_at(predictors, TEST), role="judged")
    assert np.isfinite(judged.values).all()
    assert judged.names == found.names


def test_the_plain_core_gives_what_the_guarded_chain_gives_from_any_number_of_threads() -> None:
    predictors = two_blocks()
    training = predictors_at(predictors, TRAINING)
    fitted = a_chain().fit(training, seed=1)
    expected = fitted.apply(predictors_at(predictors, TEST), role="judged").values
    rows = plain_rows(predictors, positions=TEST)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(fitted.learned.apply, [rows] * 8))

    for one in found:
        np.testing.assert_array_equal(one.values, expected)


def test_what_is_in_the_test_rows_moves_nothing_that_was_learned() -> None:
    predictors = two_blocks()
    values = predictors.values.copy()
    values[TEST] = 1e6
    other = some_predictors(
        values, names=predictors.names, blocks=predictors.blocks, sites=predictors.sites
    )
    one, two = (
        a_chain().fit(predictors_at(each, TRAINING), seed=1).as_dict()
        for each in (predictors, other)
    )

    assert one == two


def test_a_chain_is_rebuilt_from_json_and_still_knows_whom_it_has_seen() -> None:
    predictors = two_blocks()
    fitted = a_chain().fit(predictors_at(predictors, TRAINING), seed=1)
    again = chain_from(json.loads(json.dumps(fitted.as_dict())))
    test = predictors_at(predictors, TEST)

    np.testing.assert_array_equal(
        again.apply(test, role="judged").values, fitted.apply(test, role="judged").values
    )
    with pytest.raises(LeakError, match="has learned from P-000"):
        again.apply(predictors_at(predictors, TRAINING), role="judged")
    assert "P-0" not in json.dumps(fitted.as_dict())


def test_draws_of_a_multiple_imputation_are_fits_of_their_own() -> None:
    training = predictors_at(two_blocks(), TRAINING)
    one, same, other = (
        a_chain().fit(training, seed=1, draw=draw).apply(training, role="training").values[:, 1]
        for draw in (0, 0, 1)
    )

    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


# --- planted leaks --------------------------------------------------------------------------------


@pytest.mark.parametrize("leak", LEARNERS)
def test_refuses_to_learn_from_the_test_side_of_a_split(leak: str) -> None:
    predictors, outcome = a_cohort()
    split = Split(training=TRAINING, test=TEST, participants=predictors.participants)

    with pytest.raises(LeakError, match="would learn from P-040"):
        PreparationChain(steps=(On(step=LEARNERS[leak]),)).fit(
            predictors, outcome=outcome, split=split, seed=1
        )


@pytest.mark.parametrize("leak", LEARNERS)
def test_refuses_to_judge_rows_that_a_step_has_learned_from(leak: str) -> None:
    predictors, outcome = a_cohort()
    fitted = PreparationChain(steps=(On(step=LEARNERS[leak]),)).fit(
        predictors, outcome=outcome, seed=1
    )

    with pytest.raises(LeakError, match=r"has learned from P-040.*to be judged on the same"):
        fitted.apply(predictors_at(predictors, TEST), role="judged")


def test_refuses_lesions_of_one_participant_across_folds() -> None:
    people = tuple(f"P-{row // 2:03d}" for row in range(60))

    with pytest.raises(LeakError, match="P-019 have rows on both sides"):
        Split(training=np.arange(39), test=np.arange(39, 60), participants=people)


# --- what is refused ------------------------------------------------------------------------------


def test_refuses_rows_with_other_columns() -> None:
    predictors = two_blocks()
    fitted = a_chain().fit(predictors_at(predictors, TRAINING), seed=1)
    other = some_predictors(np.ones((1, 9)), people=["P-900"])

    with pytest.raises(DataError, match="learned 9 columns; those given differ: a, age, alt"):
        fitted.apply(other, role="judged")


def test_refuses_a_step_for_a_block_without_columns() -> None:
    predictors, _ = a_cohort()

    with pytest.raises(DataError, match="steps for genomic, of which there is no column"):
        PreparationChain(steps=(On(step=Scaling(), blocks=("genomic",)),)).fit(predictors, seed=1)


def test_refuses_a_covariate_that_was_dropped_before() -> None:
    predictors, _ = a_cohort()
    steps = (On(step=Combat(covariates=("flat",))),)

    with pytest.raises(DataError, match="flat: no such column reaches the step"):
        PreparationChain(steps=steps).fit(predictors, seed=1)


def test_refuses_an_outcome_of_other_rows() -> None:
    predictors, outcome = a_cohort()

    with pytest.raises(DataError, match="an outcome for each of 40 rows; found 60"):
        PreparationChain(steps=()).fit(predictors_at(predictors, TRAINING), outcome=outcome, seed=1)


@pytest.mark.parametrize("said", [{"format": 2}, {}])
def test_refuses_a_format_that_it_does_not_know(said: dict[str, int]) -> None:
    with pytest.raises(DataError, match="has format 1; found"):
        chain_from(said)


def test_refuses_a_step_that_it_does_not_know() -> None:
    with pytest.raises(DataError, match=r"one of combat, imputation.*found 'magic'"):
        learned_from({"step": "magic"})


# --- what is missing ------------------------------------------------------------------------------


def test_absent_blocks_are_told_before_anything_is_drawn() -> None:
    values = np.ones((4, 3))
    values[1, 1:] = np.nan
    values[2, 2] = np.nan
    found = block_absences(some_predictors(values, blocks=("clinical", "genomic", "genomic")))

    assert list(map(str, found)) == [
        "clinical: complete.",
        "genomic: absent in 1 of 4 rows; 1 cells missing in 1 rows more.",
    ]
    assert found[1].absent == ("P-001",)


def test_rows_prepared_while_learning_are_those_prepared_again() -> None:
    generator = np.random.default_rng(5)
    values = generator.normal(size=(40, 60))
    values[generator.random(values.shape) < 0.1] = np.nan
    values[:, 30:] = np.round(values[:, :30], 1)
    rows = some_predictors(values)
    chain = PreparationChain(
        steps=(
            On(step=ConstantFilter()),
            On(step=MedianFill()),
            On(step=RedundancyFilter()),
            On(step=Scaling(method="z")),
        )
    )
    fitted, prepared = chain.fit_and_prepare(rows, seed=1)
    again = fitted.apply(rows, role="training")
    assert prepared.names == again.names
    assert prepared.blocks == again.blocks
    assert prepared.values.tobytes() == again.values.tobytes()


def test_medians_and_ranks_are_those_of_numpy_and_scipy_to_the_last_bit() -> None:
    generator = np.random.default_rng(6)
    values = np.round(generator.normal(size=(31, 50)), 1) + 0.0  # no -0
    with_gaps = np.where(generator.random(values.shape) < 0.2, np.nan, values)
    for given in (values, with_gaps, values[:30]):
        rows = plain_rows(some_predictors(given))
        learned = MedianFill().learn(rows, outcome=None, seed=0)
        assert learned.medians.tobytes() == np.nanmedian(given, axis=0).tobytes()
    columns = np.ascontiguousarray(values.T)
    ranks = mean_ranks(columns, np.argsort(columns, axis=1))
    assert ranks.tobytes() == rankdata(columns, axis=1).tobytes()


@pytest.mark.parametrize("ranks", [True, False])
def test_a_missing_value_in_one_column_moves_no_bit_of_another(ranks: bool) -> None:  # noqa: FBT001
    values = np.random.default_rng(7).normal(size=(31, 20))
    gap = values.copy()
    gap[3, 0] = np.nan
    whole, beside = unit_columns(values, ranks=ranks), unit_columns(gap, ranks=ranks)
    assert whole[1:].tobytes() == beside[1:].tobytes()
