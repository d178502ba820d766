"""Scans after a cycle, read as the road reads them, without the road."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from operandi.domain.administration import Administration
from operandi.domain.identity import Pseudonym, TimepointCode
from operandi.domain.participant import Sex
from operandi.imaging.dicom.files import FileRef
from operandi.imaging.dicom.index import index_dicom
from operandi.imaging.pet.declaration import NOTHING_DECLARED, Declaration
from operandi.pipeline.step_settings import CameraCalibration, CycleSettings, ScanSettings, Visit
from operandi.pipeline.steps.dose import ScannedActivity, scanned_activity
from operandi.pipeline.steps.dose_cycle import CycleDoses, RegionDose, cycle_doses
from operandi.quantities.nuclides import LU177
from operandi.therapy.kernels import sphere_s_value
from operandi.therapy.radionuclides import emissions_of
from tests.three_participants.phantom import Region, lesion_tissue, torso
from tests.three_participants.scans import RECOVERY, uptake_of, write_scans

GIVEN = Administration(LU177, 7.4e9, datetime(2025, 1, 7, 10, 30, tzinfo=UTC), LU177.half_life_s)
DENSITY_G_CM3 = 1.05
IN_LIVER = ("OP-001-L1", "OP-001-L2")
_NAMES = {"left kidney": "kidney_left", "right kidney": "kidney_right"}


def _lesion(name: str, at: tuple[float, float, float], *, radius: float, suv: float) -> Region:
    return Region(name, at, (radius,) * 3, lesion_tissue(suv=suv, adc_mm2_s=1e-3))


REGIONS = torso(
    liver_suv=4.8,
    lesions=[
        _lesion("OP-001-L1", (-95.0, -20.0, 110.0), radius=14.0, suv=22.0),
        _lesion("OP-001-L2", (-35.0, -30.0, 85.0), radius=10.0, suv=17.0),
        _lesion("OP-001-L3", (25.0, 12.0, -10.0), radius=9.0, suv=15.0),
    ],
)
"""The lesions of the demonstration study's first participant."""

SPHERES = tuple(
    (float(row["volume_ml"]), float(row["recovery"]), float(row["standard_uncertainty"]))
    for row in csv.DictReader(io.StringIO(RECOVERY))
)


def true_dose_gy(name: str) -> float:
    """``C0 T / ln 2`` in the region's own volume, by the S value of a sphere of its mass."""
    regions = {one.name: one for one in REGIONS}
    region = regions[_NAMES.get(name, name)]
    volume_ml = ellipsoid_ml(region)
    if name == "liver":
        volume_ml -= math.fsum(ellipsoid_ml(regions[lesion]) for lesion in IN_LIVER)
    s_value = sphere_s_value(
        emissions_of(LU177), mass_g=DENSITY_G_CM3 * volume_ml, density_g_cm3=DENSITY_G_CM3
    )
    uptake = uptake_of(region)
    decays_per_ml = uptake.concentration_bq_ml * 3600.0 * uptake.effective_half_life_h / math.log(2)
    return decays_per_ml * volume_ml * s_value.total


def ellipsoid_ml(region: Region) -> float:
    return 4.0 / 3.0 * math.pi * math.prod(region.semi_axes_mm) / 1e3


def a_calibration(
    camera: str = "Digital phantom",
    *,
    spheres: tuple[tuple[float, float, float], ...] = SPHERES,
) -> CameraCalibration:
    return CameraCalibration(
        camera=camera,
        nuclide="177Lu",
        relative_uncertainty=0.03,
        factor_cps_per_mbq=None,
        collimator="",
        windows_kev=(),
        heads=2,
        projection_time_s=None,
        dead_time_corrected=True,
        spheres=spheres,
    )


def scan_settings(
    calibrations: Sequence[CameraCalibration] | None = None,
    *,
    administered: Administration | None = GIVEN,
    declared: Declaration = NOTHING_DECLARED,
    fwhm_mm: float = 9.0,
) -> ScanSettings:
    return ScanSettings(
        timezone="UTC",
        declared=declared,
        administered=administered,
        calibrations=(a_calibration(),) if calibrations is None else tuple(calibrations),
        spatial_resolution_mm=fwhm_mm,
    )


def doses_of(scans: Sequence[ScannedActivity], *, administered_bq: float = 7.4e9) -> CycleDoses:
    visit = Visit(participant=Pseudonym("OP-001"), timepoint=TimepointCode("CYCLE_1"), inputs=())
    settings = CycleSettings(
        visit=visit,
        nuclide="177Lu",
        administered_bq=administered_bq,
        tissue_density_g_cm3=DENSITY_G_CM3,
        organ_s_phantom="",
        organ_s_unit="",
        seed=1,
    )
    return cycle_doses(*scans, None, settings)


def region_of(doses: CycleDoses, name: str) -> RegionDose:
    [found] = [one for one in doses.regions if one.name == name]
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenScan:
    """Files of one scan and of what was drawn on it."""

    image: tuple[FileRef, ...]
    drawn: tuple[FileRef, ...]

    def read(self, settings: ScanSettings | None = None) -> ScannedActivity:
        return scanned_activity(self.image, self.drawn, settings or scan_settings())


def write_digital_scans(folder: Path) -> tuple[WrittenScan, ...]:
    write_scans(
        folder,
        REGIONS,
        participant=Pseudonym("OP-001"),
        sex=Sex.FEMALE,
        administered=GIVEN,
        seed=1,
    )
    return tuple(
        WrittenScan(
            image=files_in(folder / f"spect_{number}"), drawn=files_in(folder / f"drawn_{number}")
        )
        for number in (1, 2, 3)
    )


def files_in(folder: Path, *, modality: str = "") -> tuple[FileRef, ...]:
    return tuple(
        instance.file
        for series in index_dicom(folder).series
        if not modality or series.modality == modality
        for instance in series.instances
    )
