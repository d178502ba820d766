"""Random numbers by hash: in range, even, and independent of the order they are asked in."""

import numpy as np

from operandi.therapy.random_streams import stream, uniform


def draws(seed: int, history: int, count: int) -> list[float]:
    key = np.uint64(stream(seed, history))
    return [uniform(key, draw) for draw in range(count)]


def test_first_draw_is_that_of_splitmix_64() -> None:
    """SplitMix64 from state 0 begins with 0xE220A8397B1DCDAF (reference program of the paper)."""
    assert uniform(np.uint64(0), 0) == ((0xE220A8397B1DCDAF >> 11) + 1) * 2.0**-53


def test_a_draw_does_not_hang_on_those_before_it() -> None:
    key = np.uint64(stream(1, 2))

    assert uniform(key, 7) == draws(1, 2, 8)[7]


def test_draws_are_even_and_never_zero() -> None:
    values = np.array([draws(3, history, 50) for history in range(200)]).ravel()

    assert values.min() > 0
    assert values.max() <= 1
    assert abs(values.mean() - 0.5) < 4 / np.sqrt(12 * values.size)
    assert abs(np.corrcoef(values[:-1], values[1:])[0, 1]) < 4 / np.sqrt(values.size)


def test_histories_and_seeds_have_streams_of_their_own() -> None:
    keys = {stream(seed, history) for seed in range(50) for history in range(50)}

    assert len(keys) == 2500
