"""The delete-d jackknife of a nested concordance."""

from dataclasses import replace

import numpy as np
import pytest

from operandi.signatures.cox.path_kernel import PathSettings
from operandi.signatures.metrics.learned import learned_variance
from operandi.signatures.resampling.candidates import FewColumns, Penalized
from operandi.signatures.resampling.folds import Resampling
from operandi.signatures.resampling.nested import (
    concordance_gain,
    nested_concordance,
    nested_evaluation,
)
from operandi.signatures.resampling.smaller import FEWEST_SUBSETS, smaller_cohorts
from tests.signatures.resampling.cohorts import cohort

NONE = np.empty(0)
DAYS = np.array([200.0, 400.0])
FEW = Resampling(repeats=2, outer=5, inner=4, seed=11)


def test_of_a_mean_it_is_the_variance_of_a_mean_whatever_the_folds_add() -> None:
    """A mean is linear: its delete-d variance is s^2 / n (Shao & Wu 1989, section 2)."""
    rng = np.random.default_rng(1)
    values = rng.normal(size=80)
    means = np.array([rng.permutation(values)[:64].mean() for _ in range(4000)])
    for folds in (0.0, 0.1):
        drawn = means[:, None] + folds * rng.normal(size=(4000, 2))
        assert learned_variance(drawn) == pytest.approx(values.var(ddof=1) / 80, rel=0.15)


def test_an_interval_takes_in_what_is_learned_and_never_less_than_what_is_judged() -> None:
    predictors, outcome = cohort(seed=2, effects=(0.9, -0.7))
    settings = PathSettings(l1_ratio=0.9, penalties=20, smallest=0.1, support_cap=10)
    net = Penalized(name="net", columns=predictors.names, settings=settings)
    few = FewColumns(name="few", columns=predictors.names[:2])
    found = {}
    for one in (net, few):
        plain = nested_evaluation(one, predictors, outcome, resampling=FEW, days=NONE)
        smaller = smaller_cohorts(one, predictors, outcome, resampling=FEW, days=NONE, subsets=2)
        assert len(smaller) == FEWEST_SUBSETS
        found[one.name] = plain, replace(plain, smaller=smaller)
        before, after = (nested_concordance(each) for each in found[one.name])
        assert before.standard_error is not None
        assert after.standard_error is not None
        assert after.standard_error >= before.standard_error
    assert nested_concordance(found["net"][1]) != nested_concordance(found["net"][0])
    narrow, wide = (concordance_gain(found["net"][k], found["few"][k]) for k in (0, 1))
    assert narrow.value == wide.value
    assert (wide.standard_error or 0.0) >= (narrow.standard_error or 1.0)


def test_it_does_not_depend_on_threads() -> None:
    predictors, outcome = cohort(seed=3, effects=(0.8,))
    few = FewColumns(name="few", columns=predictors.names[:2])
    one, two = (
        smaller_cohorts(
            few, predictors, outcome, resampling=FEW, days=DAYS, subsets=20, threads=threads
        )
        for threads in (1, 2)
    )
    for mine, other in zip(one, two, strict=True):
        np.testing.assert_array_equal(mine.rows, other.rows)
        for first, second in zip(mine.drawings, other.drawings, strict=True):
            np.testing.assert_array_equal(first.survival, second.survival)
