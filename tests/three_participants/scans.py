"""What the demonstration study shows after a cycle: three SPECTs of OP-001, with known truth.

Every organ and lesion takes up its share at once and loses it with one effective half-life. The
images are in Bq/mL, as quantitative reconstructions are, and stored as their vendors store them:
as PET objects of a radionuclide that emits no positron.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from operandi.domain.administration import Administration
from operandi.domain.grid import Grid
from operandi.domain.identity import Pseudonym
from operandi.domain.participant import Sex
from operandi.domain.volume import Volume
from operandi.imaging.dicom.segmentation import Segment, SegmentDescription, deterministic_uid
from operandi.imaging.dicom.segmentation_writing import write_segmentation
from operandi.quantities.kinds import ACTIVITY_CONCENTRATION
from operandi.quantities.nuclides import LU177
from operandi.simulation.dicom.headers import (
    PetAcquisition,
    SeriesHeader,
    StudyHeader,
)
from operandi.simulation.dicom.pet import write_pet
from tests.three_participants.phantom import Region, organ_mask, pet_suv

SPECT_FWHM_MM: Final = 9.0
"""Of a reconstruction with collimator modeling; wider than PET's."""
SPECT_GRID: Final = Grid(
    (80, 80, 64),
    np.array(
        [
            [4.8, 0.0, 0.0, -189.6],
            [0.0, 4.8, 0.0, -189.6],
            [0.0, 0.0, 4.8, -81.2],
            [0.0, 0.0, 0.0, 1.0],
        ]
    ),
)
"""Liver to kidneys, 4.8 mm voxels, before a scan gives it its frame of reference."""
SCANS_H: Final = (24.0, 96.0, 168.0)
CALIBRATIONS: Final = """\
site,camera,nuclide,measured_on,relative_uncertainty_percent
SITE-A,Digital phantom,177Lu,2024-09-02,3.0
"""
RECOVERY: Final = """\
site,camera,nuclide,measured_on,volume_ml,recovery,standard_uncertainty
SITE-A,Digital phantom,177Lu,2024-09-02,0.5,0.248,0.02
SITE-A,Digital phantom,177Lu,2024-09-02,1.15,0.382,0.02
SITE-A,Digital phantom,177Lu,2024-09-02,2.6,0.497,0.02
SITE-A,Digital phantom,177Lu,2024-09-02,5.6,0.601,0.02
SITE-A,Digital phantom,177Lu,2024-09-02,11.5,0.682,0.02
SITE-A,Digital phantom,177Lu,2024-09-02,26.5,0.757,0.02
SITE-A,Digital phantom,177Lu,2024-09-02,113,0.848,0.02
"""
"""Tables beside the scans. The recoveries are those of spheres under the blur of the scans,
computed on a lattice of 1 mm, as a phantom scan would find them."""
_BQ_ML_PER_SUV: Final = 90_000.0
"""What a region of SUV 1 in the PET before the cycle would hold at administration."""
_FACTOR: Final = {"kidney_left": 0.75, "kidney_right": 0.75, "spleen": 0.65, "urinary_bladder": 0.1}
"""Therapy shows less in some organs than PET an hour after injection does."""
_EFFECTIVE_HALF_LIFE_H: Final = {
    "kidney_left": 52.0,
    "kidney_right": 52.0,
    "spleen": 70.0,
    "liver": 72.0,
    "urinary_bladder": 20.0,
}
_LESION_HALF_LIFE_H: Final = 88.0
_OTHER_HALF_LIFE_H: Final = 30.0
_DRAWN: Final = {
    "kidney_left": ("18639004", "SCT", "Left kidney"),
    "kidney_right": ("9846003", "SCT", "Right kidney"),
    "spleen": ("78961009", "SCT", "Spleen"),
    "liver": ("10200004", "SCT", "Liver"),
}
_ANATOMY: Final = ("123037004", "SCT", "Anatomical Structure")
_ABNORMAL: Final = ("49755003", "SCT", "Morphologically Altered Structure")
_LESION: Final = ("52988006", "SCT", "Lesion")


@dataclass(frozen=True, slots=True, kw_only=True)
class UptakeTruth:
    """How a region holds the therapy's activity.

    Parameters
    ----------
    concentration_bq_ml : float
        At administration, before blur and noise, Bq/mL.
    effective_half_life_h : float
        Of its loss, decay included, h.
    """

    concentration_bq_ml: float
    effective_half_life_h: float

    def at(self, hours: float) -> float:
        """Concentration after *hours*, Bq/mL."""
        return self.concentration_bq_ml * float(2.0 ** (-hours / self.effective_half_life_h))


def uptake_of(region: Region) -> UptakeTruth:
    """Tell how a region of the PET before the cycle holds the therapy's activity."""
    half_life_h = _LESION_HALF_LIFE_H if _is_lesion(region) else _OTHER_HALF_LIFE_H
    return UptakeTruth(
        concentration_bq_ml=region.tissue.suv * _BQ_ML_PER_SUV * _FACTOR.get(region.name, 1.0),
        effective_half_life_h=_EFFECTIVE_HALF_LIFE_H.get(region.name, half_life_h),
    )


def write_scans(
    folder: Path,
    regions: Sequence[Region],
    *,
    participant: Pseudonym,
    sex: Sex,
    administered: Administration,
    seed: int,
) -> None:
    """Write the SPECTs after a cycle, and on each the organs and lesions that a reader drew.

    Parameters
    ----------
    folder : Path
        Made where it does not exist.
    regions : sequence of Region
        What lay in the scanner at the PET before the cycle.
    participant, sex : Pseudonym, Sex
        Whose.
    administered : Administration
        Of 177Lu.
    seed : int
        Of noise and identifiers.
    """
    if administered.nuclide is not LU177:
        raise ValueError(f"needed an administration of 177Lu, got {administered.nuclide.name}")
    for number, hours in enumerate(SCANS_H, start=1):
        at = administered.at + timedelta(hours=hours)
        study = StudyHeader(
            participant=participant,
            sex=sex,
            body_mass_kg=None,
            height_m=None,
            uid=deterministic_uid("spect study", str(seed), participant, str(number)),
            started_at=at,
        )
        grid = replace(SPECT_GRID, frame_of_reference=deterministic_uid("frame", study.uid))
        files = _write_spect(
            folder / f"spect_{number}",
            regions,
            study=study,
            grid=grid,
            given=administered,
            seed=seed,
        )
        _write_drawn(folder / f"drawn_{number}", regions, files, study=study, grid=grid)


def _write_spect(
    folder: Path,
    regions: Sequence[Region],
    *,
    study: StudyHeader,
    grid: Grid,
    given: Administration,
    seed: int,
) -> tuple[Path, ...]:
    # In the phantom's noise, grain grows with the root of uptake; 1e5 Bq/mL is its unit here.
    hours = (study.started_at - given.at).total_seconds() / 3600
    shown = [
        replace(region, tissue=replace(region.tissue, suv=uptake_of(region).at(hours) / 1e5))
        for region in regions
    ]
    image = pet_suv(shown, grid=grid, seed=(seed, *study.uid.encode()), fwhm_mm=SPECT_FWHM_MM)
    spect = Volume(
        values=image * np.float32(1e5),
        grid=grid,
        kind=ACTIVITY_CONCENTRATION,
        decay_reference=study.started_at,
    )
    series = _series(study, 1, "spect_ac", study.started_at)
    # Two bed positions, as of a scan of chest and abdomen; each takes a quarter of an hour.
    how = PetAcquisition(tracer="177Lu-DOTATATE", injected=given, bed_duration_s=900.0)
    return write_pet(folder, spect, study=study, series=series, acquisition=how)


def _write_drawn(
    folder: Path,
    regions: Sequence[Region],
    files: Sequence[Path],
    *,
    study: StudyHeader,
    grid: Grid,
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    names = [region.name for region in regions if region.name in _DRAWN or _is_lesion(region)]
    series = _series(study, 2, "drawn", study.started_at)
    write_segmentation(
        folder / "0001.dcm",
        segments=[
            Segment(
                description=SegmentDescription(
                    number=number,
                    label=name,
                    tracking_id=f"{study.participant} {name}",
                    tracking_uid=deterministic_uid("drawn", study.participant, name),
                    category=_ANATOMY if name in _DRAWN else _ABNORMAL,
                    property_type=_DRAWN.get(name, _LESION),
                    algorithm="MANUAL",
                ),
                mask=organ_mask(regions, name, grid=grid),
            )
            for number, name in enumerate(names, start=1)
        ],
        source_files=files,
        series_uid=series.uid,
        instance_uid=deterministic_uid(series.uid, "1"),
        description="drawn",
        creator="Operandi digital phantom",
    )


def _is_lesion(region: Region) -> bool:
    return region.name.startswith("OP-")


def _series(study: StudyHeader, number: int, name: str, at: datetime) -> SeriesHeader:
    return SeriesHeader(
        uid=deterministic_uid("series", study.uid, name),
        number=number,
        description=name,
        started_at=at,
    )
