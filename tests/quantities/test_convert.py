from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.quantities.convert import convert, same_dimension, unit_is_known
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


@pytest.mark.parametrize(
    ("value", "from_unit", "to_unit", "expected"),
    [
        ("75000", "/mm3", "10^9/L", "75"),
        ("75", "G/L", "/uL", "75000"),
        ("8.0", "g/dL", "g/L", "80"),
        ("35", "g/L", "mg/dL", "3500"),
        ("210", "10^3/uL", "10*9/L", "210"),
        ("0.02", "mmol/L", "umol/L", "20"),
        ("60", "mL/min/1.73 m²", "mL/min/{1.73_m2}", "60"),
        ("2", "mL/s", "mL/min", "120"),
    ],
)
def test_units_of_the_laboratory_are_exact(
    value: str, from_unit: str, to_unit: str, expected: str
) -> None:
    assert convert(Decimal(value), from_unit=from_unit, to_unit=to_unit) == Decimal(expected)


def test_an_amount_becomes_a_mass_with_the_molar_mass_named() -> None:
    """Bilirubin, 584.673 g/mol: 100 umol/L are 58.4673 mg/L, that is 5.84673 mg/dL."""
    mass = Decimal("584.673")

    there = convert(Decimal(100), from_unit="umol/L", to_unit="mg/dL", molar_mass_g_mol=mass)

    assert there == Decimal("5.84673")
    assert convert(there, from_unit="mg/dL", to_unit="umol/L", molar_mass_g_mol=mass) == 100


@pytest.mark.parametrize(
    ("from_unit", "to_unit", "words"),
    [
        ("umol/L", "mg/dL", "Name the molar mass"),
        ("INR", "%", "An INR is a ratio of clotting times"),
        ("mL/min", "mL/min/1.73m2", "ask the laboratory for the indexed value"),
        ("g/L", "10^9/L", "Known units are"),
    ],
)
def test_refuses_units_that_are_easily_confused_and_says_what_to_ask_for(
    from_unit: str, to_unit: str, words: str
) -> None:
    with pytest.raises(DataError, match="No conversion") as refused:
        convert(Decimal(1), from_unit=from_unit, to_unit=to_unit)
    assert words in refused.value.remedy


def test_a_molar_mass_makes_no_count_of_a_mass() -> None:
    with pytest.raises(DataError, match="No conversion"):
        convert(Decimal(1), from_unit="g/L", to_unit="10^9/L", molar_mass_g_mol=Decimal("584.673"))


def test_only_units_of_one_dimension_measure_the_same() -> None:
    assert same_dimension("g/dL", "mg/L")
    assert not same_dimension("mL/min", "mL/min/1.73m2")
    assert unit_is_known("10^9/L")
    assert not unit_is_known("10^9")
