from hypothesis import given
from hypothesis import strategies as st

from operandi.protocol.kleene import Truth, all_of, any_of, at_least, known

truths = st.sampled_from(Truth)
several = st.lists(truths, max_size=6)
YES, NO, OPEN = Truth.YES, Truth.NO, Truth.UNKNOWN


def test_unknown_is_settled_only_by_what_settles_it() -> None:
    """The truth tables of Kleene's strong logic, from his Introduction to Metamathematics."""
    assert [OPEN & other for other in (YES, NO, OPEN)] == [OPEN, NO, OPEN]
    assert [OPEN | other for other in (YES, NO, OPEN)] == [YES, OPEN, OPEN]
    assert [~one for one in (YES, NO, OPEN)] == [NO, YES, OPEN]


@given(a=truths, b=truths, c=truths)
def test_laws_of_and_and_or(a: Truth, b: Truth, c: Truth) -> None:
    assert a & b is b & a
    assert a | b is b | a
    assert (a & b) & c is a & (b & c)
    assert (a | b) | c is a | (b | c)
    assert a & (b | c) is (a & b) | (a & c)
    assert a | (b & c) is (a | b) & (a | c)
    assert a & (a | b) is a
    assert ~(a & b) is ~a | ~b
    assert ~~a is a


@given(a=truths)
def test_an_unknown_is_neither_true_nor_excluded_as_a_middle(a: Truth) -> None:
    assert (a | ~a is YES) == (a is not OPEN)


@given(parts=several, count=st.integers(0, 7))
def test_at_least_counts_what_must_and_what_may_hold(parts: list[Truth], count: int) -> None:
    sure = parts.count(YES)
    possible = sure + parts.count(OPEN)
    expected = YES if sure >= count else NO if possible < count else OPEN

    assert at_least(count, parts) is expected


@given(parts=several)
def test_all_and_any_are_counts(parts: list[Truth]) -> None:
    assert all_of(parts) is at_least(len(parts), parts)
    assert any_of(parts) is at_least(1, parts)


@given(parts=st.lists(truths, min_size=1, max_size=6), data=st.data(), count=st.integers(1, 6))
def test_what_becomes_known_never_overturns_what_was_settled(
    parts: list[Truth], data: st.DataObject, count: int
) -> None:
    learned = [
        part if part is not OPEN else known(data.draw(st.booleans(), label="fact"))
        for part in parts
    ]
    for before, after in (
        (all_of(parts), all_of(learned)),
        (any_of(parts), any_of(learned)),
        (at_least(count, parts), at_least(count, learned)),
    ):
        assert before in (after, OPEN)
