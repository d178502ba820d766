from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.quantities.convert import convert
from operandi.quantities.errors import DataError


@pytest.mark.parametrize(
    ("value", "from_unit", "to_unit", "expected"),
    [
        ("172", "cm", "m", "1.72"),
        ("0.1", "MBq", "Bq", "100000"),
        ("5", "mCi", "MBq", "185"),
        ("154.3", "lb", "kg", "69.989302691"),
        ("67.83", "min", "s", "4069.8"),
    ],
)
def test_conversion_is_exact(value: str, from_unit: str, to_unit: str, expected: str) -> None:
    assert convert(Decimal(value), from_unit=from_unit, to_unit=to_unit) == Decimal(expected)


@given(
    value=st.decimals(-(10**9), 10**9, places=6, allow_nan=False),
    units=st.sampled_from([("cm", "m"), ("MBq", "Bq"), ("min", "s"), ("mCi", "Bq"), ("g", "kg")]),
)
def test_there_and_back_is_the_same_number(value: Decimal, units: tuple[str, str]) -> None:
    there = convert(value, from_unit=units[0], to_unit=units[1])
    assert convert(there, from_unit=units[1], to_unit=units[0]) == value


@pytest.mark.parametrize(("from_unit", "to_unit"), [("kg", "m"), ("stone", "kg"), ("MBq", "mSv")])
def test_refuses_a_unit_it_does_not_know_or_of_another_dimension(
    from_unit: str, to_unit: str
) -> None:
    with pytest.raises(DataError, match="No conversion"):
        convert(Decimal(1), from_unit=from_unit, to_unit=to_unit)
