"""Location, spread and shape, against closed forms and SciPy."""

import json
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.stats import yeojohnson, yeojohnson_llf

from operandi.quantities.errors import DataError
from operandi.signatures.data import Floats
from operandi.signatures.preparation.scaling import (
    LearnedScaling,
    LearnedShaping,
    Method,
    Scaling,
    Shaping,
)
from tests.signatures.preparation.rows import some_rows

VALUES = np.array([[1.0, 2.0], [2.0, np.nan], [3.0, 6.0], [10.0, 4.0]])


def test_z_is_by_hand() -> None:
    """Mean 4, SD sqrt((9 + 4 + 1 + 36) / 3); of the second column 4 and 2."""
    rows = some_rows(VALUES)
    found = Scaling(method="z").learn(rows, outcome=None, seed=0).apply(rows)

    np.testing.assert_allclose(found[:, 0], np.array([-3, -2, -1, 6]) / np.sqrt(50 / 3))
    np.testing.assert_allclose(found[:, 1], [-1.0, np.nan, 1.0, 0.0])


def test_a_robust_scale_is_that_of_a_normal_distribution_and_passes_over_an_outlier() -> None:
    hashed_normal = np.random.default_rng(3).normal(7.0, 2.0, size=(20_001, 1))
    hashed_normal[0] = 1e9
    found = Scaling(method="robust").learn(some_rows(hashed_normal), outcome=None, seed=0)

    assert found.center[0] == pytest.approx(7.0, abs=0.06)
    assert found.scale[0] == pytest.approx(2.0, abs=0.06)


def test_equal_quartiles_fall_back_on_the_standard_deviation() -> None:
    column = np.array([[0.0]] * 9 + [[1.0]])
    found = Scaling(method="robust").learn(some_rows(column), outcome=None, seed=0)

    assert found.scale[0] == pytest.approx(np.std(column, ddof=1))


@pytest.mark.parametrize("method", get_args(Method))
@pytest.mark.parametrize("value", [3.0, np.nan])
def test_refuses_a_column_without_spread(method: Method, value: float) -> None:
    values = np.column_stack((np.arange(5.0), np.full(5, value)))

    with pytest.raises(DataError, match="x1: no spread"):
        Scaling(method=method).learn(some_rows(values), outcome=None, seed=0)


@given(
    arrays.arrays(np.float64, (7, 2), elements=st.floats(-1e3, 1e3)).filter(
        lambda x: (np.ptp(x, axis=0) > 1e-3).all()
    ),
    st.floats(0.1, 10.0),
)
def test_z_does_not_depend_on_the_unit(values: Floats, factor: float) -> None:
    one, other = some_rows(values), some_rows(values * factor)
    step = Scaling()
    np.testing.assert_allclose(
        step.learn(one, outcome=None, seed=0).apply(one),
        step.learn(other, outcome=None, seed=0).apply(other),
        atol=1e-6,
    )


def skewed() -> Floats:
    rng = np.random.default_rng(5)
    return np.column_stack((rng.gamma(2.0, size=80), -rng.gamma(1.0, size=80), rng.normal(size=80)))


def test_the_power_is_as_likely_as_that_of_scipy() -> None:
    values = skewed()
    values[3, 0] = np.nan
    found = Shaping(shape="yeo_johnson").learn(some_rows(values), outcome=None, seed=0)
    assert found.powers is not None

    for column, power in enumerate(found.powers):
        known = values[~np.isnan(values[:, column]), column]
        expected, best = yeojohnson(known)
        np.testing.assert_allclose(power, best, atol=1e-3)
        assert yeojohnson_llf(power, known) >= yeojohnson_llf(best, known) - 1e-9
        there = found.apply(some_rows(values))[:, column]
        np.testing.assert_allclose(there[~np.isnan(there)], expected, atol=5e-3)


def test_a_transform_is_that_of_scipy_at_the_same_power() -> None:
    values = skewed()
    found = Shaping(shape="yeo_johnson").learn(some_rows(values), outcome=None, seed=0)
    assert found.powers is not None

    there = found.apply(some_rows(values))
    for column, power in enumerate(found.powers):
        np.testing.assert_allclose(
            there[:, column], yeojohnson(values[:, column], float(power)), rtol=1e-12
        )


def test_refuses_the_logarithm_of_zero_and_adds_nothing() -> None:
    found = Shaping(shape="log").learn(some_rows(np.array([[1.0], [2.0]])), outcome=None, seed=0)

    with pytest.raises(DataError, match="x0 of P-001 is 0"):
        found.apply(some_rows(np.array([[1.0], [0.0]])))
    logs = found.apply(some_rows(np.array([[np.e], [np.nan]])))
    np.testing.assert_allclose(logs, np.array([[1.0], [np.nan]]))


def test_refuses_other_columns_than_it_learned() -> None:
    found = Scaling().learn(some_rows(VALUES), outcome=None, seed=0)

    with pytest.raises(DataError, match="learned 2 columns; found 3"):
        found.apply(some_rows(np.ones((2, 3))))


def test_is_rebuilt_from_what_it_says() -> None:
    rows = some_rows(skewed())
    scaled = Scaling().learn(rows, outcome=None, seed=0)
    shaped = Shaping(shape="yeo_johnson").learn(rows, outcome=None, seed=0)

    again = LearnedScaling.from_dict(json.loads(json.dumps(scaled.as_dict())))
    np.testing.assert_array_equal(again.apply(rows), scaled.apply(rows))
    other = LearnedShaping.from_dict(json.loads(json.dumps(shaped.as_dict())))
    np.testing.assert_array_equal(other.apply(rows), shaped.apply(rows))
