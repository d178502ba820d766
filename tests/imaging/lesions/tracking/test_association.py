import itertools

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operandi.imaging.lesions.tracking.association import (
    ALWAYS,
    NEVER,
    assigned,
    pair_probabilities,
)

Array = npt.NDArray[np.float64]


def exact(log_odds: Array) -> tuple[Array, float]:
    """Sum over every one-to-one assignment, and the greatest sum of log odds."""
    n, m = log_odds.shape
    total, best, weight_of = 0.0, 0.0, np.zeros((n, m))
    for columns in itertools.product(range(-1, m), repeat=n):
        used = [column for column in columns if column >= 0]
        if len(used) != len(set(used)):
            continue
        pairs = [(i, j) for i, j in enumerate(columns) if j >= 0]
        value = float(sum(log_odds[pair] for pair in pairs))
        best = max(best, value)
        total += np.exp(value)
        for pair in pairs:
            weight_of[pair] += np.exp(value)
    return weight_of / total, best


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 100_000), n=st.integers(1, 4), m=st.integers(1, 4))
def test_probabilities_are_near_the_sum_over_all_assignments(seed: int, n: int, m: int) -> None:
    log_odds = np.random.default_rng(seed).normal(0.0, 3.0, size=(n, m))

    np.testing.assert_allclose(pair_probabilities(log_odds), exact(log_odds)[0], atol=0.15)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 100_000), n=st.integers(1, 4), m=st.integers(1, 4))
def test_the_chosen_pairs_have_the_greatest_sum(seed: int, n: int, m: int) -> None:
    log_odds = np.random.default_rng(seed).normal(0.0, 3.0, size=(n, m))

    chosen = sum(log_odds[pair] for pair in assigned(log_odds))

    assert chosen == pytest.approx(exact(log_odds)[1])


def test_one_pair_has_its_odds() -> None:
    """By hand: odds 3 against a death and a birth are 3 / 4."""
    assert pair_probabilities(np.log([[3.0]]))[0, 0] == pytest.approx(0.75)


def test_a_birth_and_death_are_chosen_over_an_unlikely_pair() -> None:
    assert assigned(np.array([[-0.1]])) == ()
    assert assigned(np.zeros((0, 3))) == ()


def test_what_a_reader_stated_is_certain_and_what_was_forbidden_impossible() -> None:
    chance = pair_probabilities(np.array([[ALWAYS, NEVER], [NEVER, 0.0]]))

    np.testing.assert_allclose(chance, [[1.0, 0.0], [0.0, 0.5]], atol=1e-9)
