from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.protocol.kleene import Truth
from operandi.protocol.row_tests import compared
from operandi.protocol.rules import Relation

RELATIONS: list[Relation] = ["<", "<=", "==", ">=", ">"]
SIDES: list[Relation] = ["<", "<=", ">", ">="]
tenths = st.integers(-30, 30).map(lambda n: Decimal(n) / 10)
YES, NO, OPEN = Truth.YES, Truth.NO, Truth.UNKNOWN


@pytest.mark.parametrize(
    ("comparator", "relation", "bound", "expected"),
    [
        ("<", "<", "5", YES),
        ("<=", "<", "5", OPEN),
        ("<=", "<=", "5", YES),
        ("<", "<", "4.9", OPEN),
        ("<", ">", "5", NO),
        ("<", ">=", "5", NO),
        ("<=", ">=", "5", OPEN),
        ("<=", ">", "5", NO),
        ("<", "==", "5", NO),
        ("<=", "==", "5", OPEN),
        (">", ">", "5", YES),
        (">=", ">", "5", OPEN),
        (">", "<", "5", NO),
        (">", "<=", "5", NO),
        (">=", "<=", "5", OPEN),
        (">", ">", "5.1", OPEN),
    ],
)
def test_result_beyond_a_limit_of_the_method(
    comparator: Relation, relation: Relation, bound: str, expected: Truth
) -> None:
    """The laboratory printed the comparator and 5."""
    assert compared(comparator, Decimal(5), relation, Decimal(bound)) is expected


@given(
    comparator=st.sampled_from(SIDES),
    relation=st.sampled_from(RELATIONS),
    value=tenths,
    bound=tenths,
)
def test_it_is_unknown_exactly_where_possible_numbers_disagree(
    comparator: Relation, relation: Relation, value: Decimal, bound: Decimal
) -> None:
    """Against every number in steps of a half tenth that the comparator allows."""
    possible = [
        x
        for x in (Decimal(n) / 20 for n in range(-200, 201))
        if compared(None, x, comparator, value) is YES
    ]
    answers = {compared(None, x, relation, bound) for x in possible}

    expected = answers.pop() if len(answers) == 1 else OPEN
    assert compared(comparator, value, relation, bound) is expected
