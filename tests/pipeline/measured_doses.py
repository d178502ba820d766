"""Doses of one cycle, built by hand: what a joining of doses and drugs is tested with."""

from dataclasses import replace

from operandi.pipeline.steps.dose_cycle import CycleDoses, RegionDose
from tests.pipeline.cycle_doses import a_region_dose


def a_region(
    name: str,
    *,
    dose_gy: float,
    is_lesion: bool = False,
    mass_g: float = 10.0,
    half_life_h: float = 80.0,
    relative: float = 0.2,
) -> RegionDose:
    """A region whose activity falls with one half-life, of errors all its own."""
    known = a_region_dose(
        name,
        dose_gy=dose_gy,
        uncertainty_gy=relative * dose_gy,
        half_life_h=half_life_h,
        mass_g=mass_g,
        is_lesion=is_lesion,
    )
    return replace(known, shared_uncertainty_gy=0.0)


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
