import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from operandi.quantities.errors import DataError
from operandi.simulation.mr.contrast import (
    HEMATOCRIT,
    extended_tofts,
    parker_blood,
    parker_plasma,
    tissue_concentration,
)

ANSWERS = Path(__file__).resolve().parents[2] / "known_answers" / "contrast_agent"
VOXELS = (
    (2, 0.0635244108802902, 0.1752116169708468, 0.0217501948511045),
    (3, 0.0755119272414859, 0.1487891677472333, 0.0240590533257679),
)


def test_arterial_input_is_that_of_osipi() -> None:
    minutes, blood = np.loadtxt(ANSWERS / "parker.csv", delimiter=",", skiprows=1).T

    np.testing.assert_allclose(parker_blood(minutes * 60.0), blood, atol=1e-6)


def test_no_contrast_agent_is_in_blood_before_its_injection() -> None:
    assert parker_blood(np.array([-30.0, -0.001])).tolist() == [0.0, 0.0]
    assert parker_plasma(np.array([60.0]))[0] == pytest.approx(
        parker_blood(np.array([60.0]))[0] / (1.0 - HEMATOCRIT)
    )


@pytest.mark.parametrize(("column", "ktrans", "ve", "vp"), VOXELS)
def test_tissue_curves_are_those_of_the_osipi_reference_object(
    column: int, ktrans: float, ve: float, vp: float
) -> None:
    table = np.loadtxt(ANSWERS / "extended_tofts.csv", delimiter=",", skiprows=1)

    curve = extended_tofts(table[:, 1], step_s=1.0, ktrans_per_min=ktrans, ve=ve, vp=vp)

    # Found within 0.15 % of the largest value: it was made on a time grid of its own.
    np.testing.assert_allclose(curve, table[:, column], atol=0.002 * table[:, column].max())


@pytest.mark.parametrize("at_s", [20.0, 45.0, 120.0, 280.0])
def test_tissue_concentration_is_the_convolution_integral(at_s: float) -> None:
    """Numerical quadrature of ``vp Cp + Ktrans int Cp exp(-kep (t - u)) du``."""
    ktrans, ve, vp = 0.3, 0.25, 0.04

    def plasma(second: float) -> float:
        return float(parker_plasma(np.array([second]))[0])

    integral, _ = quad(
        lambda second: plasma(second) * math.exp(-ktrans / 60.0 / ve * (at_s - second)),
        0.0,
        at_s,
        limit=400,
        points=[5.0, 10.0, 15.0, 30.0],
    )
    expected = vp * plasma(at_s) + ktrans / 60.0 * integral

    found = tissue_concentration(np.array([at_s]), ktrans_per_min=ktrans, ve=ve, vp=vp)

    np.testing.assert_allclose(found, expected, rtol=2e-4)


@given(scale=st.floats(0.01, 100.0), ktrans=st.floats(0.001, 3.0), ve=st.floats(0.02, 1.0))
def test_tissue_is_linear_in_the_arterial_input(scale: float, ktrans: float, ve: float) -> None:
    plasma = parker_plasma(np.arange(0.0, 60.0, 0.5))
    once, often = (
        extended_tofts(factor * plasma, step_s=0.5, ktrans_per_min=ktrans, ve=ve, vp=0.05)
        for factor in (1.0, scale)
    )

    np.testing.assert_allclose(often, scale * once, rtol=1e-9)


def test_constant_plasma_fills_the_extravascular_space() -> None:
    curve = extended_tofts(np.ones(2000), step_s=1.0, ktrans_per_min=0.5, ve=0.3, vp=0.05)

    assert curve[-1] == pytest.approx(0.35, rel=1e-3)


def test_refuses_a_transfer_into_no_space() -> None:
    with pytest.raises(DataError, match="needs a space"):
        extended_tofts(np.ones(3), step_s=1.0, ktrans_per_min=0.1, ve=0.0, vp=0.1)
