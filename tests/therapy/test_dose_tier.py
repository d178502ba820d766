import pytest

from operandi.domain.identity import Pseudonym
from operandi.domain.measurement import Subject, SubjectType
from operandi.quantities.errors import DataError
from operandi.quantities.kinds import ABSORBED_DOSE
from operandi.therapy.dose_tier import (
    AbsentDose,
    DoseTier,
    MeasuredDose,
    PredictedDose,
    dose_measurement,
    tier_of,
)
from operandi.therapy.uncertainty import dose_uncertainty
from tests.therapy.chains import kidney_on_day_1

KIDNEY = Subject(participant=Pseudonym("P-014"), type=SubjectType.ORGAN, name="kidneys")


def test_a_measured_dose_leaves_with_its_uncertainty_and_budget() -> None:
    result = dose_uncertainty(kidney_on_day_1(), seed=1)
    measured = dose_measurement(
        KIDNEY, MeasuredDose.of(result), method="MIRD self-dose", version="1"
    )

    assert measured.kind is ABSORBED_DOSE
    assert measured.value == result.dose_gy
    assert measured.uncertainty.standard == result.standard_uncertainty_gy
    assert "calibration" in measured.uncertainty.basis
    assert measured.method == "measured: MIRD self-dose"


def test_a_predicted_dose_leaves_with_its_interval() -> None:
    predicted = PredictedDose(
        dose_gy=20.0,
        standard_uncertainty_gy=6.0,
        lower_gy=11.0,
        upper_gy=33.0,
        coverage=0.9,
        basis="hierarchical model",
    )
    leaving = dose_measurement(KIDNEY, predicted, method="PET", version="1")

    assert leaving.method.startswith("predicted")
    assert leaving.uncertainty.basis == ("90% predictive interval 11 to 33 Gy; hierarchical model")


def test_an_absent_dose_leaves_with_its_reason() -> None:
    absent = AbsentDose("no SPECT after cycle 2, no baseline PET")
    leaving = dose_measurement(KIDNEY, absent, method="none", version="1")

    assert leaving.value is None
    assert leaving.absent == absent.reason
    assert tier_of(absent) is DoseTier.ABSENT


@pytest.mark.parametrize(("lower", "upper"), [(20.0, 20.0), (25.0, 30.0), (0.0, float("inf"))])
def test_refuses_a_prediction_without_interval(lower: float, upper: float) -> None:
    with pytest.raises(DataError, match="needs an interval around it"):
        PredictedDose(
            dose_gy=20.0,
            standard_uncertainty_gy=6.0,
            lower_gy=lower,
            upper_gy=upper,
            coverage=0.9,
            basis="model",
        )


def test_refuses_a_measured_dose_without_uncertainty() -> None:
    with pytest.raises(DataError, match="uncertainty > 0"):
        dose_measurement(
            KIDNEY,
            MeasuredDose(dose_gy=3.0, standard_uncertainty_gy=0.0, basis="none"),
            method="MIRD",
            version="1",
        )
