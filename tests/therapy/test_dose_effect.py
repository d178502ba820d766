import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.quantities.errors import DataError
from operandi.therapy.dose_effect import (
    ALPHA_RBE,
    RbeRange,
    complication_probability,
    generalized_uniform_dose_gy,
    rbe_weighted_dose,
    survival_uniform_dose_gy,
    tumor_control_probability,
)

DOSES = st.lists(st.floats(0.0, 200.0), min_size=1, max_size=30)
EXPONENTS = st.floats(-40.0, 40.0).filter(lambda a: abs(a) > 1e-3)


@given(DOSES, EXPONENTS)
def test_generalized_uniform_dose_lies_between_the_extremes(
    doses: list[float], exponent: float
) -> None:
    uniform = generalized_uniform_dose_gy(doses, exponent=exponent)

    assert min(doses) * (1 - 1e-9) <= uniform <= max(doses) * (1 + 1e-9)


@given(DOSES, st.floats(0.001, 1.0))
def test_survival_uniform_dose_lies_between_the_minimum_and_the_mean(
    doses: list[float], alpha: float
) -> None:
    uniform = survival_uniform_dose_gy(doses, alpha_per_gy=alpha)

    assert min(doses) - 1e-9 <= uniform <= float(np.mean(doses)) + 1e-9


def test_exponent_one_is_the_mean_and_a_large_one_the_maximum() -> None:
    doses, volumes = [1.0, 2.0, 10.0], [2.0, 1.0, 1.0]

    assert generalized_uniform_dose_gy(doses, volumes, exponent=1.0) == pytest.approx(3.5)
    assert generalized_uniform_dose_gy(doses, volumes, exponent=500.0) == pytest.approx(
        10.0, rel=5e-3
    )


def test_half_cold_tumor_has_the_uniform_dose_of_its_survivors() -> None:
    """By hand: half gets nothing, so at most one factor 2 of cells dies: ln 2 / alpha."""
    assert survival_uniform_dose_gy([0.0, 1e4], alpha_per_gy=0.3) == pytest.approx(
        math.log(2) / 0.3
    )


def test_tumor_control_is_1_over_e_where_one_clonogen_survives() -> None:
    dose = math.log(1e9) / 0.3

    assert tumor_control_probability([dose], clonogens=1e9, alpha_per_gy=0.3) == pytest.approx(
        math.exp(-1)
    )


@given(st.floats(0.0, 100.0), st.floats(0.1, 20.0))
def test_tumor_control_rises_with_dose_and_falls_with_cells(dose: float, more: float) -> None:
    def control(d: float, n: float) -> float:
        return tumor_control_probability([d], clonogens=n, alpha_per_gy=0.2)

    assert control(dose + more, 1e6) >= control(dose, 1e6)
    assert control(dose, 1e6) >= control(dose, 1e8)


def test_complications_reach_half_at_td50_and_16_percent_one_slope_below() -> None:
    assert complication_probability(uniform_dose_gy=28.0, td50_gy=28.0, m=0.1) == 0.5
    assert complication_probability(uniform_dose_gy=25.2, td50_gy=28.0, m=0.1) == pytest.approx(
        0.158655, abs=1e-6
    )


def test_rbe_weighted_dose_is_a_range_and_weighs_only_alphas() -> None:
    """225Ac: 2 Gy by alphas, 0.1 Gy by the rest: 6.1, 10.1, 14.1 Gy(RBE)."""
    weighted = rbe_weighted_dose(alpha_gy=2.0, low_let_gy=0.1, rbe=ALPHA_RBE)

    assert (
        weighted.low_gy_rbe,
        weighted.nominal_gy_rbe,
        weighted.high_gy_rbe,
    ) == pytest.approx((6.1, 10.1, 14.1))


def test_refuses_an_rbe_without_source() -> None:
    with pytest.raises(DataError, match="a source"):
        RbeRange(low=3.0, nominal=5.0, high=7.0, source="")


def test_refuses_a_negative_dose() -> None:
    with pytest.raises(DataError, match="finite doses >= 0"):
        generalized_uniform_dose_gy([1.0, -1.0], exponent=2.0)


def test_refuses_a_tumor_without_clonogens() -> None:
    with pytest.raises(DataError, match="clonogens must be > 0"):
        tumor_control_probability([1.0], clonogens=0.0, alpha_per_gy=0.3)
