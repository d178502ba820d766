import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.quantities.errors import DataError
from operandi.therapy.regions import (
    Mass,
    Region,
    TimeIntegratedActivity,
    TimeIntegratedActivityCoefficient,
    without_lesions,
)
from tests.therapy.dose_builders import a_region


@pytest.mark.parametrize("grams", [0.0, -1.0, math.nan, math.inf])
def test_refuses_a_mass_that_is_none(grams: float) -> None:
    with pytest.raises(DataError, match="must be > 0 g"):
        Mass(grams, 0.0)


def test_refuses_negative_activity() -> None:
    with pytest.raises(DataError, match=">= 0 Bq s"):
        TimeIntegratedActivity(-1.0, 0.0)


def test_refuses_a_coefficient_in_hours_where_decays_are_needed() -> None:
    coefficient = TimeIntegratedActivityCoefficient(2.0, 0.1)
    with pytest.raises(TypeError, match="TimeIntegratedActivityCoefficient"):
        Region("kidneys", coefficient, Mass(300.0, 1.0))  # type: ignore[arg-type]


def test_a_coefficient_becomes_decays_by_the_administered_activity() -> None:
    """By hand: 2 h of 7.4 GBq are 7200 s x 7.4e9 Bq."""
    activity = TimeIntegratedActivityCoefficient(2.0, 0.2).of(administered_bq=7.4e9)
    assert activity.bq_s == pytest.approx(5.328e13)
    assert activity.standard_uncertainty_bq_s == pytest.approx(5.328e12)


@given(st.lists(st.tuples(st.floats(0, 1e12), st.floats(0.1, 100.0)), min_size=1, max_size=5))
def test_lesions_and_the_rest_add_up_to_the_organ(lesions: list[tuple[float, float]]) -> None:
    organ = a_region("liver", bq_s=1e13, mass_g=1800.0)
    inside = [a_region(f"lesion {n}", bq_s=a, mass_g=m) for n, (a, m) in enumerate(lesions)]

    rest = without_lesions(organ, inside)

    assert rest.activity.bq_s + sum(a for a, _ in lesions) == pytest.approx(1e13)
    assert rest.mass.g + sum(m for _, m in lesions) == pytest.approx(1800.0)


def test_uncertainties_of_the_subtraction_add_in_square() -> None:
    organ = a_region("liver", bq_s=10.0, u_bq_s=3.0, mass_g=10.0, u_mass_g=0.3)
    rest = without_lesions(organ, [a_region("l", bq_s=1.0, u_bq_s=4.0, mass_g=1.0, u_mass_g=0.4)])
    assert rest.activity.standard_uncertainty_bq_s == pytest.approx(5.0)
    assert rest.mass.standard_uncertainty_g == pytest.approx(0.5)


def test_refuses_lesions_that_exceed_their_organ() -> None:
    organ = a_region("liver", bq_s=1e12, mass_g=1800.0)
    with pytest.raises(DataError, match="hold 1e\\+12 Bq s more than liver"):
        without_lesions(organ, [a_region("lesion", bq_s=2e12, mass_g=10.0)])
    with pytest.raises(DataError, match="weigh 1900 g"):
        without_lesions(organ, [a_region("lesion", bq_s=1e11, mass_g=1900.0)])
