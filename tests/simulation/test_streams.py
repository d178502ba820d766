import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from operandi.simulation.streams import Stream, generator, uniforms

KEYS = st.lists(st.integers(0, 3), max_size=3).map(tuple)


@given(KEYS, KEYS)
def test_every_key_has_numbers_of_its_own(one: tuple[int, ...], other: tuple[int, ...]) -> None:
    """Also where one key is another with zeros behind it."""
    first = generator(*one, seed=7, stream=Stream.VISIT).random(4)
    second = generator(*other, seed=7, stream=Stream.VISIT).random(4)

    assert np.array_equal(first, second) == (one == other)


@given(KEYS)
def test_no_key_repeats_the_rows_of_its_stream(key: tuple[int, ...]) -> None:
    drawn = generator(*key, seed=7, stream=Stream.VISIT).random(4)
    rows = uniforms(3, 4, seed=7, stream=Stream.VISIT)

    assert not np.isclose(rows, drawn[None]).all(axis=1).any()
