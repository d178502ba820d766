"""Filters of columns: constant, duplicate, not repeatable, redundant; and the screening."""

import json
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.stats import spearmanr

from operandi.quantities.errors import DataError
from operandi.signatures.data import Floats, RightCensored
from operandi.signatures.preparation.filters import (
    ConstantFilter,
    DuplicateFilter,
    LearnedSelection,
    RepeatableColumns,
    column_repeatability,
)
from operandi.signatures.preparation.redundancy import RedundancyFilter, unit_columns
from operandi.signatures.preparation.screening import ScoreScreen
from operandi.signatures.preparation.transformer import Transformer
from tests.signatures.preparation.rows import some_rows


def learned(
    step: Transformer, values: Floats, outcome: RightCensored | None = None
) -> LearnedSelection:
    found = step.learn(some_rows(values), outcome=outcome, seed=0)
    assert isinstance(found, LearnedSelection)
    return found


def test_constant_and_nearly_constant_columns_go_with_their_reason() -> None:
    values = np.zeros((20, 4))
    values[:, 0] = np.arange(20)
    values[0, 1] = 1.0  # 95 % the same, and no more
    values[:, 3] = np.nan
    values[4, 3] = 1.0
    found = learned(ConstantFilter(most_common=0.95), values)

    assert found.kept.tolist() == [0, 1]
    assert dict(found.dropped) == {
        "x2": "100% of the training rows have one value",
        "x3": "known in 1 training rows",
    }
    assert learned(ConstantFilter(most_common=0.9), values).kept.tolist() == [0]


@given(st.lists(st.sampled_from([0.0, 1.0, 2.0, np.nan]), min_size=3, max_size=12))
def test_the_share_of_the_commonest_value_is_counted_over_those_known(column: list[float]) -> None:
    values = np.column_stack((np.arange(len(column)), column))
    known = [value for value in column if not np.isnan(value)]
    most = max((known.count(value) for value in known), default=0)
    keeps = len(known) >= 2 and most < len(known) and most / len(known) <= 0.6

    found = learned(ConstantFilter(most_common=0.6), values)

    assert (1 in found.kept) == keeps


def test_a_duplicate_goes_and_the_first_stays() -> None:
    one = np.array([1.0, np.nan, 0.0, 2.0])
    other = np.array([1.0, np.nan, -0.0, 2.0])
    found = learned(DuplicateFilter(), np.column_stack((one, one + 1, other)))

    assert found.kept.tolist() == [0, 1]
    assert found.dropped["x2"] == "the same as x0"


def test_columns_that_do_not_repeat_go_and_the_unknown_as_settled() -> None:
    known = {"x0": 0.95, "x1": 0.79}
    drop = RepeatableColumns(repeatability=known, least=0.8, unknown="drop")
    keep = RepeatableColumns(repeatability=known, least=0.8, unknown="keep")

    assert learned(drop, np.ones((3, 3))).kept.tolist() == [0]
    assert learned(keep, np.ones((3, 3))).kept.tolist() == [0, 2]
    assert learned(drop, np.ones((3, 3))).dropped["x1"] == "repeatability 0.79 below 0.8"


def test_repeatability_is_that_of_shrout_and_fleiss() -> None:
    """Shrout and Fleiss 1979, table 2: six targets, four judges; ICC(1,1) = .17."""
    ratings = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8],
                        [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)  # fmt: skip
    found = column_repeatability(np.stack((ratings, ratings * 3 + 1, np.ones((6, 4))), axis=2))

    np.testing.assert_allclose(found, [0.1657, 0.1657, -1 / 3], atol=5e-5)


def test_refuses_repeatability_of_one_repeat() -> None:
    with pytest.raises(DataError, match="two repeats"):
        column_repeatability(np.ones((5, 1, 2)))


def groups() -> Floats:
    """Columns 0, 2, 4 go together, 1 and 3 do, 5 is alone."""
    rng = np.random.default_rng(2)
    base = rng.normal(size=(80, 3))
    near = 0.05 * rng.normal(size=(80, 6))
    return np.asarray(base[:, [0, 1, 0, 1, 0, 2]] * np.array([1, 1, -1, 1, 2, 1]) + near)


def test_the_first_of_correlated_columns_stays() -> None:
    found = learned(RedundancyFilter(most=0.9, representative="first"), groups())

    assert found.kept.tolist() == [0, 1, 5]
    assert found.dropped["x2"].startswith("goes with x0 (correlation -1.00")


def test_the_medoid_of_a_group_stays() -> None:
    values = groups()
    corr = np.abs(np.corrcoef(values.T))
    expected = max((0, 2, 4), key=lambda column: corr[column, [0, 2, 4]].sum())
    found = learned(RedundancyFilter(most=0.9, representative="medoid", ranks=False), values)

    assert expected in found.kept
    assert len(found.kept) == 3


@pytest.mark.parametrize("columns", [1, 3, 67])
def test_no_two_columns_that_stay_are_correlated_above_the_most(columns: int) -> None:
    rng = np.random.default_rng(columns)
    values = rng.normal(size=(21, columns)) + rng.normal(size=(21, 1))
    found = learned(RedundancyFilter(most=0.5, representative="first", ranks=False), values)
    unit = unit_columns(values[:, found.kept], ranks=False)
    off = np.abs(unit @ unit.T) - np.eye(found.kept.size)

    assert off.max() <= 0.5
    assert 0 in found.kept


def related(columns: int, seed: int) -> Floats:
    """Columns of 30 rows that go together in sets of ten, some closely; the last is the first."""
    rng = np.random.default_rng(seed)
    shared = np.repeat(rng.normal(size=(30, -(-columns // 10))), 10, axis=1)[:, :columns]
    values = shared + rng.uniform(0.1, 1.0, size=columns) * rng.normal(size=(30, columns))
    values[:, -1] = values[:, 0]
    return np.asarray(values)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("most", [0.3, 0.6, 0.9])
def test_the_first_columns_are_those_of_one_comparison_after_another(
    seed: int, most: float
) -> None:
    """Beside the rule written out on NumPy's correlations, over more columns than one block."""
    values = related(300, seed)
    alike = np.abs(np.corrcoef(values.T))
    kept: list[int] = []
    stands_for = {}
    for column in range(300):
        before = [one for one in kept if alike[column, one] > most]
        stands_for[f"x{column}"] = f"x{before[0]} " if before else ""
        if not before:
            kept.append(column)

    found = learned(RedundancyFilter(most=most, representative="first", ranks=False), values)

    assert found.kept.tolist() == kept
    for name, why in found.dropped.items():
        assert stands_for[name]
        assert why.startswith(f"goes with {stands_for[name]}")


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("most", [0.3, 0.6, 0.9])
def test_the_medoids_are_those_of_scipys_complete_linkage(seed: int, most: float) -> None:
    values = related(300, seed)
    far = 1.0 - np.abs(np.corrcoef(values.T))
    tree = linkage(far[np.triu_indices(300, 1)].clip(0.0), "complete")
    groups = fcluster(tree, 1.0 - most, criterion="distance")
    medoids = []
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        total = far[np.ix_(members, members)].sum(axis=1)
        medoids.append(int(members[np.argmax(total <= total.min() + 1e-9)]))

    found = learned(RedundancyFilter(most=most, representative="medoid", ranks=False), values)

    assert found.kept.tolist() == sorted(medoids)


@pytest.mark.parametrize("representative", ["first", "medoid"])
def test_equal_correlations_of_few_ranks_are_told_from_the_most_alike_on_every_machine(
    representative: Literal["first", "medoid"],
) -> None:
    """Ranks 1 to 5 and 1 3 2 5 4 correlate at 1 - 6 * 4 / 120 = 0.8, which is not above 0.8."""
    values = np.array([[1, 2, 3, 4, 5], [1, 3, 2, 5, 4]], dtype=float).T
    step = RedundancyFilter(most=0.8, representative=representative)

    # The medoid's groups hold pairs at the most; the first drops those above it.
    assert learned(step, values).kept.tolist() == ([0, 1] if representative == "first" else [0])


def test_unit_columns_give_spearmans_correlation_with_ties() -> None:
    values = np.random.default_rng(4).integers(0, 6, size=(30, 2)).astype(float)
    unit = unit_columns(values, ranks=True)

    assert unit[0] @ unit[1] == pytest.approx(spearmanr(values[:, 0], values[:, 1]).statistic)


def test_a_constant_column_goes_with_none() -> None:
    unit = unit_columns(np.column_stack((np.full(9, 0.1), np.arange(9.0))), ranks=False)

    assert not unit[0].any()


def test_the_screening_keeps_what_goes_with_survival() -> None:
    rng = np.random.default_rng(6)
    values = rng.normal(size=(200, 120))
    time = rng.exponential(np.exp(-1.5 * values[:, 17] + 1.5 * values[:, 99])) + 1e-3
    outcome = RightCensored(time=time, event=rng.random(200) < 0.7)

    assert learned(ScoreScreen(keep=2), values, outcome).kept.tolist() == [17, 99]
    assert learned(ScoreScreen(keep=500), values, outcome).kept.size == 120


def test_refuses_to_screen_without_an_outcome() -> None:
    with pytest.raises(DataError, match="needs the outcome of the training rows"):
        learned(ScoreScreen(keep=2), np.ones((4, 2)))


def test_refuses_to_leave_no_column() -> None:
    with pytest.raises(DataError, match="filter of constants leaves no column of 2: x0"):
        learned(ConstantFilter(), np.ones((9, 2)))


def test_a_selection_is_rebuilt_from_what_it_says() -> None:
    found = learned(RedundancyFilter(), groups())
    again = LearnedSelection.from_dict(json.loads(json.dumps(found.as_dict())))

    np.testing.assert_array_equal(again.apply(some_rows(groups())), groups()[:, found.kept])
    assert again.dropped == found.dropped
