"""Doses of one cycle, built by hand: what a joining of doses and drugs is tested with."""

import math

from operandi.pipeline.steps.dose_cycle import CycleDoses, RegionDose
from operandi.therapy.exponentials import ExponentialSum


def a_region(
    name: str,
    *,
    dose_gy: float,
    is_lesion: bool = False,
    mass_g: float = 10.0,
    half_life_h: float = 80.0,
    relative: float = 0.2,
) -> RegionDose:
    """A region whose activity falls with one half-life."""
    rate = math.log(2.0) / (half_life_h * 3600.0)
    return RegionDose(
        name=name,
        is_lesion=is_lesion,
        dose_gy=dose_gy,
        standard_uncertainty_gy=relative * dose_gy,
        shared_uncertainty_gy=0.0,
        interval_gy=(dose_gy * (1 - 2 * relative), dose_gy * (1 + 2 * relative)),
        basis="made up for a test",
        method="sphere",
        by_method=(),
        mass_g=mass_g,
        times_h=(24.0,),
        activities_mbq=(100.0,),
        uncertainties_mbq=(5.0,),
        course=ExponentialSum((1e8,), (rate,)),
        course_relative=0.05,
        calibration_relative=0.03,
        time_integrated_mbq_h=100.0,
        effective_half_life_h=half_life_h,
        effective_half_life_uncertainty_h=5.0,
        extrapolated_fraction=0.1,
        effective_dose_gy=None,
        effective_dose_uncertainty_gy=None,
        effective_dose_basis="",
        histogram=None,
        effective_histogram=None,
    )


A_PATIENT = (
    a_region("left kidney", dose_gy=4.0, mass_g=200.0, half_life_h=50.0),
    a_region("right kidney", dose_gy=5.0, mass_g=100.0, half_life_h=55.0),
    a_region("L1", dose_gy=30.0, is_lesion=True),
    a_region("L2", dose_gy=20.0, is_lesion=True),
    a_region("L3", dose_gy=10.0, is_lesion=True),
)


def cycle_doses(*regions: RegionDose) -> CycleDoses:
    """What 7.4 GBq of 177Lu gave to the regions; to those of `A_PATIENT` by default."""
    return CycleDoses(
        nuclide="177Lu",
        administered_bq=7.4e9,
        regions=regions or A_PATIENT,
        refused=(),
        evidence=(),
    )
