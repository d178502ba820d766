import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.simulation.scenes.vector_power import positive_power


@given(base=st.floats(1e-6, 1e6), exponent=st.floats(0.1, 6.0))
def test_powers_are_those_of_the_library(base: float, exponent: float) -> None:
    assert positive_power(base, exponent) == pytest.approx(base**exponent, rel=1e-13)


@given(exponent=st.floats(0.1, 6.0))
def test_one_stays_one(exponent: float) -> None:
    assert positive_power(1.0, exponent) == 1.0
