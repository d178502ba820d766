from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.quantities.errors import DataError
from operandi.signatures.cox.path_kernel import PathSettings
from operandi.signatures.data import Predictors, RightCensored
from operandi.signatures.resampling.candidates import FewColumns, Penalized
from operandi.signatures.resampling.folds import Resampling, generator_of
from operandi.signatures.resampling.permutation import (
    permutation_null,
    permuted,
    shuffled_rows,
)
from tests.signatures.resampling.cohorts import cohort

ONCE = Resampling(repeats=1, outer=5, inner=4, seed=21)
SETTINGS = PathSettings(l1_ratio=0.9, penalties=15, smallest=0.15, support_cap=8)


def test_a_real_marker_is_beyond_what_chance_gives() -> None:
    predictors, outcome = cohort(seed=1, effects=(1.0,), columns=30)
    recipe = Penalized(name="net", columns=predictors.names, settings=SETTINGS)
    found = permutation_null(recipe, predictors, outcome, resampling=ONCE, permutations=59)
    assert found.p_value == pytest.approx(1 / 60)
    assert found.null.mean() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("factor", [0.0, 1.0])
def test_what_is_kept_in_place_is_no_finding(factor: float) -> None:
    """A strong clinical column stays beside the outcome: what only goes with it is not found.

    The others follow it by 0.7 and add nothing to it, whether it is penalized or not.
    """
    p_values = []
    for seed in range(4):
        predictors, outcome = cohort(seed=30 + seed, effects=(1.2,), columns=12, clinical=1)
        values = predictors.values.copy()
        values[:, 1:] = 0.7 * values[:, :1] + np.sqrt(1.0 - 0.7**2) * values[:, 1:]
        predictors = replace(predictors, values=values)
        recipe = Penalized(
            name="net", columns=predictors.names, settings=SETTINGS, factors={"clinical": factor}
        )
        found = permutation_null(
            recipe, predictors, outcome, resampling=ONCE, permutations=39, kept=("clinical",)
        )
        assert found.null.mean() > 0.65
        p_values.append(found.p_value)
    assert np.mean(p_values) > 0.15


def test_p_values_of_noise_are_not_small_too_often() -> None:
    small = 0
    for seed in range(40):
        predictors, outcome = cohort(seed=400 + seed, columns=1, participants=60)
        marker = FewColumns(name="one", columns=predictors.names)
        found = permutation_null(marker, predictors, outcome, resampling=ONCE, permutations=19)
        small += found.p_value <= 0.1
    # Binomial(40, 0.1): more than 10 has a probability of 1e-3.
    assert small <= 10


def test_the_null_does_not_depend_on_threads() -> None:
    predictors, outcome = cohort(seed=2, columns=10)
    recipe = Penalized(name="net", columns=predictors.names, settings=SETTINGS)
    one, three = (
        permutation_null(
            recipe, predictors, outcome, resampling=ONCE, permutations=19, threads=threads
        )
        for threads in (1, 3)
    )
    assert (one.null == three.null).all()


@given(seed=st.integers(0, 10_000), rows_each=st.integers(1, 4))
def test_participants_change_places_as_wholes(seed: int, rows_each: int) -> None:
    names = tuple(f"P{row // rows_each}" for row in range(12 * rows_each))
    order = shuffled_rows(names, generator=generator_of(seed))
    assert sorted(order) == list(range(len(names)))
    for first in range(0, len(names), rows_each):
        block = order[first : first + rows_each]
        assert (np.diff(block) == 1).all()
        assert block[0] % rows_each == 0


def test_sites_go_with_the_rows_when_all_columns_do() -> None:
    predictors, _ = cohort(seed=3, columns=4, clinical=1)
    order = np.arange(80)[::-1]
    whole = permuted(predictors, order, columns=None)
    assert whole.sites == predictors.sites[::-1]
    part = permuted(predictors, order, columns=np.array([1, 2, 3]))
    assert part.sites == predictors.sites
    assert (part.values[:, 0] == predictors.values[:, 0]).all()
    assert (part.values[:, 1:] == predictors.values[::-1, 1:]).all()


def _refused(predictors: Predictors, outcome: RightCensored, **changed: object) -> str:
    given_: dict[str, object] = {"resampling": ONCE, "permutations": 19} | changed
    recipe = FewColumns(name="one", columns=predictors.names[:1])
    with pytest.raises(DataError) as caught:
        permutation_null(recipe, predictors, outcome, **given_)  # type: ignore[arg-type]
    return str(caught.value)


def test_a_null_that_cannot_be_is_refused() -> None:
    predictors, outcome = cohort(seed=4, columns=2, clinical=1)
    assert "19 or more" in _refused(predictors, outcome, permutations=10)
    assert "nothing to permute" in _refused(predictors, outcome, kept=("clinical",))
