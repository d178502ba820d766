import numpy as np
import pytest

from operandi.quantities.errors import DataError
from operandi.signatures.cox.path_kernel import PathSettings
from operandi.signatures.resampling.candidates import Penalized
from operandi.signatures.resampling.stability import (
    StabilityPlan,
    false_selection_bound,
    stability_selection,
)
from tests.signatures.resampling.cohorts import cohort

SETTINGS = PathSettings(l1_ratio=1.0, penalties=25, smallest=0.2)
PLAN = StabilityPlan(pairs=30, most=4, threshold=0.6, seed=9)


def test_a_marker_comes_back_and_noise_does_not() -> None:
    predictors, outcome = cohort(seed=1, effects=(1.3, 1.1), participants=120)
    recipe = Penalized(name="net", columns=predictors.names, settings=SETTINGS)
    found = stability_selection(recipe, predictors, outcome, plan=PLAN)
    assert set(found.stable) == {"x000", "x001"}
    assert found.probability["x000"] > 0.9
    for path in found.paths.values():
        assert (np.diff(path) >= 0.0).all()
        assert path.size == PLAN.most


def test_false_selections_of_noise_stay_below_their_bound() -> None:
    picked, bound = [], 0.0
    for seed in range(10):
        predictors, outcome = cohort(seed=50 + seed, columns=100)
        recipe = Penalized(name="net", columns=predictors.names, settings=SETTINGS)
        found = stability_selection(recipe, predictors, outcome, plan=PLAN)
        assert found.false_bound is not None
        picked.append(len(found.stable))
        bound = found.false_bound
    assert np.mean(picked) < bound


def test_unpenalized_columns_are_in_every_model_and_do_not_count() -> None:
    predictors, outcome = cohort(seed=2, effects=(1.2, 1.0), clinical=1)
    recipe = Penalized(
        name="net", columns=predictors.names, settings=SETTINGS, factors={"clinical": 0.0}
    )
    found = stability_selection(recipe, predictors, outcome, plan=PLAN)
    assert "x000" not in found.probability
    assert found.candidates == len(predictors.names) - 1


def test_the_selection_does_not_depend_on_threads() -> None:
    predictors, outcome = cohort(seed=3, effects=(1.0,))
    recipe = Penalized(name="net", columns=predictors.names, settings=SETTINGS)
    one, three = (
        stability_selection(recipe, predictors, outcome, plan=PLAN, threads=threads)
        for threads in (1, 3)
    )
    assert one.probability == three.probability


def test_the_unimodal_bound_has_its_closed_form() -> None:
    """Shah & Samworth, theorem 2, by hand: B = 50, q = 10, p = 1000."""
    low = StabilityPlan(pairs=50, most=10, threshold=0.6, seed=0)
    assert false_selection_bound(low, candidates=1000) == pytest.approx(
        10 * 0.01 / (2 * (2 * 0.6 - 1 - 0.01))
    )
    high = StabilityPlan(pairs=50, most=10, threshold=0.9, seed=0)
    assert false_selection_bound(high, candidates=1000) == pytest.approx(
        10 * 0.01 * 4 * (1 - 0.9 + 0.01) / (1 + 1 / 50)
    )
    assert false_selection_bound(low, candidates=12) is None
    # Both branches of C(tau, B) are given for theta of at most 1/sqrt(3) alone: 10 of 12 are not.
    assert false_selection_bound(high, candidates=12) is None


def test_a_threshold_of_a_half_is_refused() -> None:
    with pytest.raises(DataError, match=r"threshold in \(0.5, 1\]"):
        StabilityPlan(pairs=50, most=10, threshold=0.5, seed=0)
