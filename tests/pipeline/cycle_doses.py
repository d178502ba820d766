"""Doses of a cycle by hand, for what starts from them."""

import math
from datetime import date, timedelta

from operandi.domain.identity import Pseudonym
from operandi.domain.participant import Participant, Sex
from operandi.pipeline.step import Refusal
from operandi.pipeline.steps.dose_cycle import CycleDoses, RegionDose
from operandi.pipeline.steps.dose_marrow import MarrowByMethod, MarrowDoses
from operandi.pipeline.therapy_results import ParticipantDoses
from operandi.quantities.nuclides import LU177
from operandi.records.tables import Cycle
from operandi.therapy.exponentials import ExponentialSum
from operandi.therapy.marrow import MarrowDose
from operandi.therapy.regions import TimeIntegratedActivity

HOUR_S = 3600.0
GIVEN_BQ = 7.4e9


def a_region_dose(
    name: str,
    *,
    dose_gy: float = 5.0,
    uncertainty_gy: float = 0.5,
    half_life_h: float = 50.0,
    start_bq: float = 150e6,
    mass_g: float = 150.0,
    is_lesion: bool = False,
) -> RegionDose:
    course = ExponentialSum((start_bq,), (math.log(2) / (half_life_h * HOUR_S),))
    return RegionDose(
        name=name,
        is_lesion=is_lesion,
        dose_gy=dose_gy,
        standard_uncertainty_gy=uncertainty_gy,
        shared_uncertainty_gy=0.5 * uncertainty_gy,
        interval_gy=(dose_gy - 2 * uncertainty_gy, dose_gy + 2 * uncertainty_gy),
        basis="made up",
        method="sphere of the region's mass",
        by_method=(("sphere of the region's mass", dose_gy),),
        mass_g=mass_g,
        times_h=(24.0, 96.0, 168.0),
        activities_mbq=tuple(start_bq / 1e6 * 2 ** (-h / half_life_h) for h in (24, 96, 168)),
        uncertainties_mbq=(5.0, 3.0, 2.0),
        course=course,
        course_relative=0.08,
        calibration_relative=0.03,
        time_integrated_mbq_h=course.integral / 3.6e9,
        effective_half_life_h=half_life_h,
        effective_half_life_uncertainty_h=3.0,
        extrapolated_fraction=0.1,
        effective_dose_gy=None,
        effective_dose_uncertainty_gy=None,
        effective_dose_basis="",
        histogram=None,
        effective_histogram=None,
    )


KIDNEYS = (a_region_dose("left kidney"), a_region_dose("right kidney", mass_g=160.0))
LESIONS = (
    a_region_dose("L1", half_life_h=90.0, start_bq=30e6, mass_g=12.0, is_lesion=True),
    a_region_dose("L2", half_life_h=90.0, start_bq=8e6, mass_g=4.0, is_lesion=True),
    a_region_dose("L3", half_life_h=70.0, start_bq=5e6, mass_g=3.0, is_lesion=True),
)


def a_cycle(*regions: RegionDose, refused: tuple[tuple[str, bool, str], ...] = ()) -> CycleDoses:
    return CycleDoses(
        nuclide="177Lu",
        administered_bq=GIVEN_BQ,
        regions=regions or (*KIDNEYS, *LESIONS),
        refused=refused,
        evidence=(),
    )


def a_marrow() -> MarrowDoses:
    course = ExponentialSum((2e6,), (math.log(2) / (20 * HOUR_S),))
    dose = MarrowDose(
        method="blood-based",
        self_gy=0.03,
        cross_gy=0.01,
        standard_uncertainty_gy=0.01,
        activity=TimeIntegratedActivity(course.integral, 0.2 * course.integral),
        assumptions=(),
    )
    return MarrowDoses(
        methods=(MarrowByMethod(dose=dose, course=course, activity_relative=0.2, basis=""),),
        absent=(),
        mass_g=990.0,
        administered_bq=7.4e9,
        evidence=(),
    )


def participant_with(
    *measured: CycleDoses | Refusal,
    marrow: MarrowDoses | Refusal | None = None,
    pseudonym: str = "P-014",
) -> ParticipantDoses:
    return ParticipantDoses(
        participant=Participant(
            pseudonym=Pseudonym(pseudonym),
            site="NANTES",
            sex=Sex.FEMALE,
            birth_year=1961,
            birth_month=4,
        ),
        given=tuple(
            Cycle(
                participant=Pseudonym(pseudonym),
                number=number,
                on=date(2026, 1, 12) + timedelta(weeks=8 * number),
                activity_bq=GIVEN_BQ,
                nuclide=LU177,
            )
            for number in range(1, len(measured) + 1)
        ),
        measured=tuple(enumerate(measured, start=1)),
        predicted=None,
        marrow=((1, marrow),) if marrow is not None else (),
    )
