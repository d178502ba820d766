"""Chained equations against closed forms: means, coefficients, spreads and Rubin's intervals."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from operandi.quantities.errors import DataError
from operandi.signatures.data import Floats
from operandi.signatures.preparation.imputation import (
    Imputation,
    LearnedImputation,
    MedianFill,
    chained_equations,
    impute_draws,
)
from operandi.signatures.preparation.imputation_kernel import hashed_normal, hashed_uniform, mixed
from tests.signatures.preparation.rows import some_rows

LINEAR = Imputation(continuous="linear")


def correlated(
    rows: int, *, seed: int, missing: float = 0.3, columns: int = 4
) -> tuple[Floats, Floats]:
    """Standard normal columns of correlation 0.6, whole and with values gone at random."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(rows, 1))
    whole = np.sqrt(0.6) * shared + np.sqrt(0.4) * rng.normal(size=(rows, columns))
    gone = rng.random(whole.shape) < missing
    gone[gone.all(axis=1), 0] = False
    return whole, np.where(gone, np.nan, whole)


def learned(values: Floats, step: Imputation = LINEAR, *, seed: int = 1) -> LearnedImputation:
    return step.learn(some_rows(values), outcome=None, seed=seed)


# --- the draws themselves -----------------------------------------------------------------------


def test_the_mixer_is_that_of_splitmix64() -> None:
    """First outputs of splitmix64 from state 1234567 (reference program of Vigna, 2015)."""
    weyl = 0x9E3779B97F4A7C15
    states = [(1234567 + step * weyl) % 2**64 for step in (1, 2, 3)]

    assert [int(mixed(np.uint64(state))) for state in states] == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]


def test_hashed_draws_are_uniform_and_normal() -> None:
    keys = np.arange(20_000, dtype=np.uint64)
    flat = np.array([hashed_uniform(key, 0) for key in keys])
    bell = np.array([hashed_normal(key, 3) for key in keys])

    assert stats.kstest(flat, "uniform").pvalue > 0.01
    assert stats.kstest(bell, "norm").pvalue > 0.01
    assert abs(np.corrcoef(bell[1:], bell[:-1])[0, 1]) < 0.03


# --- what is drawn --------------------------------------------------------------------------------


@pytest.mark.parametrize("continuous", ["linear", "matching"])
def test_drawn_values_have_the_distribution_of_those_that_are_missing(continuous: str) -> None:
    """Values gone at random: mean 0, variance 1, covariance 0.6, in the whole as in the drawn."""
    whole, gaps = correlated(4000, seed=3)
    step = Imputation(continuous=continuous)  # type: ignore[arg-type]
    filled = learned(gaps, step).apply(some_rows(gaps))
    drawn = filled[np.isnan(gaps)]

    np.testing.assert_allclose(drawn.mean(), 0.0, atol=0.05)
    np.testing.assert_allclose(drawn.var(), 1.0, atol=0.08)
    np.testing.assert_allclose(np.cov(filled.T), 0.6 + 0.4 * np.eye(4), atol=0.06)
    np.testing.assert_array_equal(filled[~np.isnan(gaps)], whole[~np.isnan(gaps)])


THREE_KNOWN = np.array([[np.nan, 1.0, 0.5, -2.0], [np.nan, 2.0, 2.0, 2.0]])
CONDITIONAL_MEANS = 0.6 / 2.2 * np.array([-0.5, 6.0])
"""Given three columns of correlation 0.6 with it and each other: 0.6 / 2.2 times their sum."""


def test_an_expected_value_is_that_of_the_normal_distribution() -> None:
    whole, _ = correlated(20_000, seed=4)
    found = learned(whole, Imputation(continuous="linear", draw=False))

    np.testing.assert_allclose(
        found.apply(some_rows(THREE_KNOWN))[:, 0], CONDITIONAL_MEANS, atol=0.03
    )


def test_draws_learned_from_rows_with_gaps_have_the_conditional_mean_and_spread() -> None:
    """Variance 1 - 3 * 0.6**2 / 2.2 about it."""
    _, gaps = correlated(20_000, seed=4)
    rows = np.repeat(THREE_KNOWN, 3000, axis=0)
    rows[:, 3] += np.arange(6000) * 1e-9  # equal rows would have equal draws
    drawn = learned(gaps).apply(some_rows(rows))[:, 0].reshape(2, 3000)

    np.testing.assert_allclose(drawn.mean(axis=1), CONDITIONAL_MEANS, atol=0.05)
    np.testing.assert_allclose(drawn.var(axis=1), 1 - 3 * 0.36 / 2.2, atol=0.04)


def test_a_column_of_two_values_is_drawn_with_its_chance() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=6000)
    two = np.where(rng.random(6000) < 1 / (1 + np.exp(-(0.5 + 1.5 * x))), 3.0, 1.0)
    values = np.column_stack((x, two))
    values[rng.random(6000) < 0.2, 1] = np.nan
    fresh = np.column_stack((np.repeat([-1.0, 0.0, 1.0], 3000), np.full(9000, np.nan)))
    fresh[:, 0] += np.tile(np.arange(3000) * 1e-9, 3)  # equal rows would have equal draws
    filled = learned(values).apply(some_rows(fresh))[:, 1].reshape(3, 3000)

    assert set(np.unique(filled)) == {1.0, 3.0}
    np.testing.assert_allclose(
        (filled == 3.0).mean(axis=1), 1 / (1 + np.exp(-np.array([-1.0, 0.5, 2.0]))), atol=0.03
    )


def test_a_column_that_separates_perfectly_is_still_drawn() -> None:
    x: Floats = np.linspace(-1.0, 1.0, 40)
    values: Floats = np.column_stack((x, np.where(x > 0, 1.0, 0.0)))
    values[[5, 30], 1] = np.nan

    assert np.isin(learned(values).apply(some_rows(values)), [*x, 0.0, 1.0]).all()


def test_matching_gives_values_that_were_seen() -> None:
    _, gaps = correlated(60, seed=6)
    filled = learned(gaps, Imputation(continuous="matching")).apply(some_rows(gaps))

    for column in range(4):
        assert np.isin(filled[:, column], gaps[:, column]).all()


@pytest.mark.parametrize("continuous", ["linear", "matching"])
def test_intervals_after_rubin_cover_mean_and_coefficient(continuous: str) -> None:
    """150 cohorts of 100, 10 draws each: 95 % intervals cover, and estimates are unbiased.

    Truth: mean 0; slope of column 0 on column 1 is 0.6. Of 150 the share covered has an SD of
    1.8 points, so 90.5 to 99.5 % is within 2.5 of them.
    """
    step = Imputation(continuous=continuous, sweeps=5)  # type: ignore[arg-type]
    found = []
    for cohort in range(150):
        _, gaps = correlated(100, seed=100 + cohort, columns=2)
        drawn = impute_draws(gaps, settings=step, seed=cohort, draws=10)
        found.append([pooled(*mean_of(drawn), truth=0.0), pooled(*slope_of(drawn), truth=0.6)])
    estimates, covered = np.moveaxis(np.array(found), 2, 0)

    np.testing.assert_allclose(estimates.mean(axis=0), [0.0, 0.6], atol=0.035)
    assert ((covered.mean(axis=0) > 0.905) & (covered.mean(axis=0) < 0.995)).all()


def mean_of(drawn: Floats) -> tuple[Floats, Floats]:
    return drawn[:, :, 0].mean(axis=1), drawn[:, :, 0].var(axis=1, ddof=1) / drawn.shape[1]


def slope_of(drawn: Floats) -> tuple[Floats, Floats]:
    y, x = (drawn[:, :, k] - drawn[:, :, k].mean(axis=1, keepdims=True) for k in (0, 1))
    square = (x * x).sum(axis=1)
    slope = (x * y).sum(axis=1) / square
    left = ((y - slope[:, None] * x) ** 2).sum(axis=1) / (drawn.shape[1] - 2)
    return slope, left / square


def pooled(estimates: Floats, variances: Floats, *, truth: float) -> tuple[float, float]:
    """Rubin 1987, with Barnard and Rubin's degrees of freedom (1999) for 98 in whole data."""
    count = estimates.size
    within, between = variances.mean(), estimates.var(ddof=1)
    total = within + (1 + 1 / count) * between
    share = (1 + 1 / count) * between / total
    old, observed = (count - 1) / share**2, 98 * 99 / 101 * (1 - share)
    half = stats.t.ppf(0.975, old * observed / (old + observed)) * np.sqrt(total)
    return float(estimates.mean()), float(abs(estimates.mean() - truth) < half)


# --- what it hangs on -----------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(order=st.permutations(range(12)))
def test_a_row_gets_the_same_values_whatever_rows_are_beside_it(order: list[int]) -> None:
    _, gaps = correlated(12, seed=7)
    found = learned(correlated(50, seed=8)[1])
    together = found.apply(some_rows(gaps))

    np.testing.assert_array_equal(found.apply(some_rows(gaps[order])), together[order])
    np.testing.assert_array_equal(found.apply(some_rows(gaps[order[:1]])), together[order[:1]])


def test_the_same_seed_gives_the_same_draw_and_another_another() -> None:
    _, gaps = correlated(40, seed=9)
    one, other, third = (
        chained_equations(gaps, settings=LINEAR, seed=seed).fill(gaps) for seed in (1, 1, 2)
    )

    np.testing.assert_array_equal(one, other)
    assert (one != third).any(axis=0).all()


@given(factor=st.floats(0.01, 100.0), shift=st.floats(-10.0, 10.0))
@settings(max_examples=20, deadline=None)
def test_expected_values_do_not_depend_on_the_unit(factor: float, shift: float) -> None:
    _, gaps = correlated(40, seed=10)
    step = Imputation(continuous="linear", draw=False)
    one = learned(gaps, step).apply(some_rows(gaps))
    other = learned(gaps * factor + shift, step).apply(some_rows(gaps * factor + shift))

    np.testing.assert_allclose(other, one * factor + shift, rtol=1e-6, atol=1e-6 * factor)


def test_a_column_without_gaps_in_training_is_drawn_in_a_test_row() -> None:
    whole, _ = correlated(400, seed=11)
    test = whole[:1].copy()
    test[0, 2] = np.nan
    found = learned(whole, Imputation(continuous="linear", draw=False)).apply(some_rows(test))

    expected = 0.6 / 2.2 * (whole[0, 0] + whole[0, 1] + whole[0, 3])
    assert found[0, 2] == pytest.approx(expected, abs=0.15)


def test_more_columns_than_rows_are_imputed_by_those_that_go_with_them() -> None:
    _, gaps = correlated(40, seed=12, columns=120)
    found = learned(gaps, Imputation(continuous="linear", predictors=10))
    filled = found.apply(some_rows(gaps))

    assert found.equations.chosen.shape == (120, 10)
    assert np.isfinite(filled).all()
    assert np.abs(filled).max() < 8.0


# --- what is absent -------------------------------------------------------------------------------


def test_what_was_not_assayed_is_left_out_with_its_reason_and_never_becomes_zero() -> None:
    _, gaps = correlated(40, seed=13, missing=0.1)
    gaps[:, 3] = np.nan
    gaps[:5, 3] = 1.0
    found = learned(gaps)

    assert found.kept.tolist() == [0, 1, 2]
    assert found.left_out == {"x3": "known in 5 of 40 training rows, 88% missing"}
    assert not (found.apply(some_rows(gaps)) == 0.0).any()


def test_refuses_a_row_without_any_value() -> None:
    _, gaps = correlated(40, seed=14)
    gaps[7] = np.nan

    with pytest.raises(DataError, match="P-007 has no value of any column"):
        learned(gaps)


def test_refuses_columns_that_nobody_knows() -> None:
    with pytest.raises(DataError, match="No column is known in enough of 20 training rows"):
        learned(np.full((20, 2), np.nan))


@pytest.mark.parametrize("wrong", [{"sweeps": 0}, {"most_missing": 1.0}, {"least_known": 3}])
def test_refuses_settings_that_are_none(wrong: dict[str, float]) -> None:
    with pytest.raises(DataError, match="Imputation needs"):
        Imputation(**wrong)  # type: ignore[arg-type]


def test_a_median_fills_and_who_has_none_stays_missing() -> None:
    values = np.array([[1.0, 5.0], [3.0, np.nan], [np.nan, np.nan], [8.0, 7.0]])
    found = MedianFill().learn(some_rows(values), outcome=None, seed=0)

    np.testing.assert_array_equal(
        found.apply(some_rows(values)), [[1, 5], [3, 6], [np.nan, np.nan], [8, 7]]
    )


@pytest.mark.parametrize("continuous", ["linear", "matching"])
def test_is_rebuilt_from_what_it_says_to_the_last_bit(continuous: str) -> None:
    _, gaps = correlated(50, seed=15)
    gaps[:, 1] = np.where(np.isnan(gaps[:, 1]), np.nan, gaps[:, 1] > 0)
    found = learned(gaps, Imputation(continuous=continuous))  # type: ignore[arg-type]
    again = LearnedImputation.from_dict(json.loads(json.dumps(found.as_dict())))

    np.testing.assert_array_equal(again.apply(some_rows(gaps)), found.apply(some_rows(gaps)))
