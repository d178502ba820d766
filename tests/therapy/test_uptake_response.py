import numpy as np
import pytest

from operandi.quantities.errors import DataError
from operandi.quantities.nuclides import LU177
from operandi.therapy.kinetic_parameters import DOTATATE_DOTATOC
from operandi.therapy.kinetics import virtual_patients
from operandi.therapy.potentiators import UptakeResponse
from operandi.therapy.uptake_response import kinetic_uptake_response


@pytest.fixture(scope="module")
def response() -> UptakeResponse:
    return kinetic_uptake_response(
        virtual_patients(20, parameters=DOTATATE_DOTATOC, seed=2),
        nuclide=LU177,
        peptide_ug=151.0,
        activity_bq=7.4e9,
        multipliers=(0.5, 1.0, 1.5, 2.0),
        tumor="tumor",
        organs=("kidneys", "spleen"),
    )


@pytest.mark.parametrize("tissue", ["tumor", "kidneys", "spleen"])
def test_more_receptors_take_up_more_but_less_than_in_proportion(
    response: UptakeResponse, tissue: str
) -> None:
    multiplier = np.array([0.5, 1.0, 1.5, 2.0])
    dose = response(multiplier, tissue=tissue)

    assert dose[1] == pytest.approx(1.0, rel=1e-9)
    assert np.all(np.diff(dose) > 0)
    assert 0.5 < dose[0] < 1.0
    assert 1.0 < dose[3] < 2.0


def test_refuses_receptors_that_were_not_simulated(response: UptakeResponse) -> None:
    with pytest.raises(DataError, match=r"from 0.5 to 2.0 times"):
        response(np.array([3.0]), tissue="tumor")
    with pytest.raises(DataError, match="No dose of marrow"):
        response(np.array([1.0]), tissue="marrow")
