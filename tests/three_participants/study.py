"""A study of three digital participants, small enough to write in seconds, with known truth.

Simultaneous PET-MRI before the first cycle of 177Lu-DOTATATE, after the second, and after a year.
OP-001 responds, OP-002 stays stable, OP-003 gains a lesion. Faults are built in, so that refusals
show: OP-001 lost a PET slice, OP-002 was not weighed, OP-003 did not come after a year, and one
file belongs to nobody.
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import pi
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from operandi.domain.administration import Administration
from operandi.domain.grid import Grid
from operandi.domain.identity import LesionId, Pseudonym, TimepointCode
from operandi.domain.participant import Sex
from operandi.domain.volume import Volume
from operandi.imaging.dicom.segmentation import (
    Segment,
    SegmentDescription,
    deterministic_uid,
)
from operandi.imaging.dicom.segmentation_writing import write_segmentation
from operandi.quantities.decay import remaining_fraction
from operandi.quantities.errors import DataError
from operandi.quantities.kinds import ACTIVITY_CONCENTRATION, MR_SIGNAL
from operandi.quantities.nuclides import GA68, LU177
from operandi.simulation.dicom.headers import (
    MrSequence,
    PetAcquisition,
    SeriesHeader,
    StudyHeader,
)
from operandi.simulation.dicom.mr import write_mr
from operandi.simulation.dicom.pet import write_pet
from tests.three_participants.phantom import (
    Array,
    Point,
    Region,
    diffusion,
    dixon,
    lesion_tissue,
    organ_mask,
    pet_suv,
    torso,
    without_attenuation_correction,
)
from tests.three_participants.scans import CALIBRATIONS, RECOVERY, write_scans

Progress = Callable[[str, int, int], None]
"""Called with (what was written, visits written, visits in all)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionTruth:
    """A sphere of uniform uptake.

    Parameters
    ----------
    id : LesionId
        The same at every visit.
    organ : str
        ``"liver"``, as in the organ map; ``"lymph_node"`` and ``"bone"`` are not in it.
    center_lps_mm : tuple of float
        Center in patient space, mm.
    radius_mm : float
        Radius, mm.
    suv : float
        Uptake before blur and noise, g/mL.
    adc_mm2_s : float
        Apparent diffusion coefficient, mm2/s.
    """

    id: LesionId
    organ: str
    center_lps_mm: Point
    radius_mm: float
    suv: float
    adc_mm2_s: float

    @property
    def volume_ml(self) -> float:
        """Volume of the sphere, mL."""
        return 4 / 3 * pi * self.radius_mm**3 / 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitTruth:
    """What an imaging visit shows.

    Parameters
    ----------
    participant : Pseudonym
        Whose visit.
    timepoint : TimepointCode
        Which.
    pet_started_at : datetime, aware
        The instant that the PET is decay-corrected to.
    injected : Administration
        Net activity at injection.
    body_mass_kg : float
        The true mass, also where nobody recorded it.
    height_m : float
        Height.
    liver_suv : float
        Uptake of healthy liver before blur and noise, g/mL.
    lesions : tuple of LesionTruth
        All there are.
    """

    participant: Pseudonym
    timepoint: TimepointCode
    pet_started_at: datetime
    injected: Administration
    body_mass_kg: float
    height_m: float
    liver_suv: float
    lesions: tuple[LesionTruth, ...]


@dataclass(frozen=True, slots=True)
class ExpectedRefusal:
    """A fault that was built in and must come back as a refusal.

    Parameters
    ----------
    participant, timepoint : Pseudonym, TimepointCode
        Where.
    words : str
        What a sentence that refuses it must speak of, in lower case.
    """

    participant: Pseudonym
    timepoint: TimepointCode
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyTruth:
    """What the demonstration study was made from.

    Parameters
    ----------
    visits : tuple of VisitTruth
        Every visit that took place, in the order of ``imaging_visits.csv``.
    refusals : tuple of ExpectedRefusal
        Every fault of a participant.
    stray_patient : str
        PatientID of the one file that belongs to nobody in the study.
    """

    visits: tuple[VisitTruth, ...]
    refusals: tuple[ExpectedRefusal, ...]
    stray_patient: str


def _centered(shape: tuple[int, int, int], spacing_mm: Point, *, middle_z_mm: float) -> Grid:
    affine = np.diag((*spacing_mm, 1.0))
    for axis, middle_mm in enumerate((0.0, 0.0, middle_z_mm)):
        affine[axis, 3] = middle_mm - spacing_mm[axis] * (shape[axis] - 1) / 2
    return Grid(shape, affine)


PET_GRID: Final = _centered((96, 96, 90), (4.0, 4.0, 4.0), middle_z_mm=0.0)
UNCORRECTED_PET_GRID: Final = _centered((48, 48, 45), (8.0, 8.0, 8.0), middle_z_mm=0.0)
DIXON_GRID: Final = _centered((192, 136, 32), (1.95, 1.95, 5.0), middle_z_mm=75.0)
DIFFUSION_GRID: Final = _centered((96, 68, 32), (3.9, 3.9, 5.0), middle_z_mm=75.0)
"""Where the scanners look, before a visit gives them its frame of reference."""

_LOST_SLICE: Final = ExpectedRefusal(Pseudonym("OP-001"), TimepointCode("YEAR_1"), "slice")
_NO_MASS: Final = ExpectedRefusal(Pseudonym("OP-002"), TimepointCode("AFTER_CYCLE_2"), "mass")
_NO_VISIT: Final = ExpectedRefusal(Pseudonym("OP-003"), TimepointCode("YEAR_1"), "visit")
_LOST_SLICE_NUMBER: Final = 52
_STRAY_PATIENT: Final = "GUEST-01"
_TRACER: Final = "68Ga-DOTATOC"
_ZONE: Final = ZoneInfo("Europe/Paris")

_STUDY_TOML: Final = """\
[study]
title = "Operandi demonstration: a digital PET-MRI study of 177Lu-DOTATATE"
protocol = "NCT06256705"
timezone = "Europe/Paris"
data_cut = 2026-01-31

[[timepoint]]
code = "BASELINE"
title = "Before cycle 1"
anchor = "cycle 1"
window_days = [-31, -1]

[[timepoint]]
code = "AFTER_CYCLE_2"
title = "After cycle 2"
anchor = "cycle 2"
window_days = [1, 56]

[[timepoint]]
code = "YEAR_1"
title = "One year after cycle 1"
anchor = "cycle 1"
window_days = [335, 395]

[site.SITE-A]
name = "Demonstration department A"

[site.SITE-B]
name = "Demonstration department B"

[lesions]
pet_resolution_mm = 6.0
minimum_volume_ml = 0.5
uptake_window_min = [45, 90]
uptake_difference_min = 15

[dosimetry]
tissue_density_g_cm3 = 1.04
spatial_resolution_mm = 9.0
predicted = true

[declare]
"""

_PARTICIPANTS: Final = """\
participant,site,sex,birth_year,birth_month
OP-001,SITE-A,F,1961,4
OP-002,SITE-B,M,1955,11
OP-003,SITE-A,M,1968,2
"""

_CYCLES: Final = """\
participant,cycle,date,activity_gbq,nuclide,administered_at
OP-001,1,2024-09-17,7.41,177Lu,2024-09-17T10:35
OP-001,2,2024-11-12,7.38,177Lu,
OP-001,3,2025-01-07,7.44,177Lu,
OP-001,4,2025-03-04,7.36,177Lu,
OP-002,1,2024-10-08,7.39,177Lu,
OP-002,2,2024-12-03,7.42,177Lu,
OP-002,3,2025-01-28,7.40,177Lu,
OP-002,4,2025-03-25,7.37,177Lu,
OP-003,1,2024-11-19,7.43,177Lu,
OP-003,2,2025-01-14,7.40,177Lu,
"""

_VISITS: Final = """\
participant,timepoint,date,assayed,injected,residual,pet,mbq,residual_mbq,kg,m,liver_suv
OP-001,BASELINE,2024-09-03,10:02,10:14,10:19,11:16,152.4,5.8,64.5,1.63,4.8
OP-001,AFTER_CYCLE_2,2024-12-10,09:41,09:50,09:56,10:49,147.9,4.1,63.0,1.63,5.1
OP-001,YEAR_1,2025-09-16,11:20,11:33,11:37,12:36,160.2,6.7,65.5,1.63,4.7
OP-002,BASELINE,2024-09-24,14:05,14:12,14:20,15:11,178.6,7.2,82.0,1.78,4.4
OP-002,AFTER_CYCLE_2,2025-01-07,10:31,10:44,10:49,11:47,171.3,5.0,81.0,1.78,4.5
OP-002,YEAR_1,2025-10-07,13:12,13:21,13:28,14:24,182.0,6.1,83.5,1.78,4.3
OP-003,BASELINE,2024-11-05,09:08,09:19,09:25,10:21,165.5,3.9,74.0,1.71,5.4
OP-003,AFTER_CYCLE_2,2025-02-11,11:47,11:59,12:04,12:58,158.8,5.5,71.5,1.71,5.2
"""
# Times are those of the hospitals' clocks.

_LESIONS: Final = """\
participant,timepoint,lesion,organ,x_mm,y_mm,z_mm,radius_mm,suv,adc_um2_ms
OP-001,BASELINE,1,liver,-95,-20,110,14.0,22.0,0.95
OP-001,BASELINE,2,liver,-35,-30,85,10.0,17.0,1.00
OP-001,BASELINE,3,lymph_node,25,12,-10,9.0,15.0,0.90
OP-001,AFTER_CYCLE_2,1,liver,-95,-20,110,11.5,14.0,1.30
OP-001,AFTER_CYCLE_2,2,liver,-35,-30,85,8.5,12.0,1.32
OP-001,AFTER_CYCLE_2,3,lymph_node,25,12,-10,8.0,10.5,1.20
OP-001,YEAR_1,1,liver,-95,-20,110,9.0,10.0,1.50
OP-001,YEAR_1,2,liver,-35,-30,85,7.0,9.0,1.45
OP-001,YEAR_1,3,lymph_node,25,12,-10,6.5,8.0,1.30
OP-002,BASELINE,1,liver,-80,15,90,12.0,16.5,1.05
OP-002,BASELINE,2,liver,-120,-15,75,9.0,13.0,1.00
OP-002,BASELINE,3,bone,0,65,60,9.0,11.0,0.80
OP-002,AFTER_CYCLE_2,1,liver,-80,15,90,12.2,16.0,1.08
OP-002,AFTER_CYCLE_2,2,liver,-120,-15,75,9.0,13.4,1.02
OP-002,AFTER_CYCLE_2,3,bone,0,65,60,9.0,11.3,0.81
OP-002,YEAR_1,1,liver,-80,15,90,12.0,16.9,1.06
OP-002,YEAR_1,2,liver,-120,-15,75,9.2,12.7,1.01
OP-002,YEAR_1,3,bone,0,65,60,9.0,11.1,0.82
OP-003,BASELINE,1,liver,-60,-30,115,11.0,19.0,0.98
OP-003,BASELINE,2,lymph_node,25,12,-10,10.0,14.0,0.92
OP-003,AFTER_CYCLE_2,1,liver,-60,-30,115,11.3,18.5,0.99
OP-003,AFTER_CYCLE_2,2,lymph_node,25,12,-10,10.0,14.4,0.93
OP-003,AFTER_CYCLE_2,3,liver,-115,5,85,9.0,15.0,0.94
"""

_ANATOMY: Final = ("123037004", "SCT", "Anatomical Structure")
_ORGANS: Final = {
    "liver": ("10200004", "SCT", "Liver"),
    "spleen": ("78961009", "SCT", "Spleen"),
    "kidney_left": ("18639004", "SCT", "Left kidney"),
    "kidney_right": ("9846003", "SCT", "Right kidney"),
    "urinary_bladder": ("89837001", "SCT", "Urinary bladder"),
    "aorta": ("15825003", "SCT", "Aorta"),
}

_WATER: Final = MrSequence(
    image_type=("DERIVED", "PRIMARY", "DIXON", "WATER"),
    scanning_sequence="GR",
    variant="SP",
    acquisition="3D",
    repetition_time_ms=4.0,
    echo_time_ms=1.23,
)
_FAT: Final = replace(_WATER, image_type=("DERIVED", "PRIMARY", "DIXON", "FAT"))
_DIFFUSION: Final = MrSequence(
    image_type=("DERIVED", "PRIMARY", "DIFFUSION", "TRACEW"),
    scanning_sequence="EP",
    variant="SK",
    acquisition="2D",
    repetition_time_ms=5800.0,
    echo_time_ms=57.0,
    b_values_s_mm2=(0.0, 50.0, 800.0),
)


def write_three_participants(
    folder: Path, *, seed: int = 20240325, progress: Progress | None = None
) -> StudyTruth:
    """Write a study folder: ``study.toml``, ``records/*.csv`` and ``dicom/``.

    Parameters
    ----------
    folder : Path
        Made where it does not exist; must be empty or hold this same study.
    seed : int
        Of noise and identifiers. Equal seeds give equal bytes.
    progress : callable, optional
        Called with (what was written, visits written, visits in all).

    Returns
    -------
    StudyTruth
        What a right analysis must find, and what it must refuse.

    Raises
    ------
    DataError
        If *folder* holds something else.
    """
    description = folder / "study.toml"
    ours = description.is_file() and description.read_text("utf-8") == _STUDY_TOML
    if folder.exists() and any(folder.iterdir()) and not ours:
        raise DataError(
            f"The folder {folder.name} is not empty and holds something else.",
            remedy="Choose an empty folder for the demonstration.",
        )
    (folder / "records").mkdir(parents=True, exist_ok=True)
    description.write_text(_STUDY_TOML, "utf-8", newline="\n")
    truth = _truth()
    _write_records(folder / "records", truth, seed=seed)
    for number, visit in enumerate(truth.visits, start=1):
        _write_visit(folder / "dicom", visit, seed=seed)
        if progress is not None:
            progress(f"{visit.participant} {visit.timepoint}", number, len(truth.visits))
    _write_scans_after_cycle(folder / "dicom", truth, seed=seed)
    _write_stray(folder / "dicom", seed=seed)
    return truth


def _truth() -> StudyTruth:
    return StudyTruth(
        visits=tuple(
            VisitTruth(
                participant=Pseudonym(row["participant"]),
                timepoint=TimepointCode(row["timepoint"]),
                pet_started_at=_clock(row, "pet"),
                injected=_administration(row),
                body_mass_kg=float(row["kg"]),
                height_m=float(row["m"]),
                liver_suv=float(row["liver_suv"]),
                lesions=tuple(_lesions(row["participant"], row["timepoint"])),
            )
            for row in _rows(_VISITS)
        ),
        refusals=(_LOST_SLICE, _NO_MASS, _NO_VISIT),
        stray_patient=_STRAY_PATIENT,
    )


def _rows(table: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(table)))


def _clock(row: Mapping[str, str], column: str) -> datetime:
    return datetime.fromisoformat(f"{row['date']}T{row[column]}").replace(tzinfo=_ZONE)


def _administration(row: Mapping[str, str]) -> Administration:
    """Assay less residual, each decayed (or grown) to the instant of injection."""
    injected_at = _clock(row, "injected")

    def at_injection_bq(mbq: str, clock: str) -> float:
        elapsed_s = (injected_at - _clock(row, clock)).total_seconds()
        return float(mbq) * 1e6 * remaining_fraction(elapsed_s, half_life_s=GA68.half_life_s)

    net_bq = at_injection_bq(row["mbq"], "assayed") - at_injection_bq(
        row["residual_mbq"], "residual"
    )
    return Administration(
        nuclide=GA68, activity_bq=net_bq, at=injected_at, half_life_s=GA68.half_life_s
    )


def _lesions(participant: str, timepoint: str) -> Iterator[LesionTruth]:
    for row in _rows(_LESIONS):
        if (row["participant"], row["timepoint"]) == (participant, timepoint):
            yield LesionTruth(
                id=LesionId(f"{participant}-L{row['lesion']}"),
                organ=row["organ"],
                center_lps_mm=(float(row["x_mm"]), float(row["y_mm"]), float(row["z_mm"])),
                radius_mm=float(row["radius_mm"]),
                suv=float(row["suv"]),
                adc_mm2_s=float(row["adc_um2_ms"]) * 1e-3,
            )


def _write_records(folder: Path, truth: StudyTruth, *, seed: int) -> None:
    imaging_visits = ["participant,timepoint,date,study_instance_uid"]
    vitals = ["participant,timepoint,measured_on,body_mass_kg,height_m"]
    tracers = [
        "participant,timepoint,tracer,nuclide,activity_mbq,assayed_at,injected_at,residual_mbq,"
        "residual_at"
    ]
    for row, visit in zip(_rows(_VISITS), truth.visits, strict=True):
        whose = f"{visit.participant},{visit.timepoint}"
        imaging_visits.append(f"{whose},{row['date']},{_study_uid(visit, seed=seed)}")
        if _mass_is_known(visit):
            vitals.append(f"{whose},{row['date']},{row['kg']},{row['m']}")
        assayed, injected, residual = (
            _clock(row, column).isoformat() for column in ("assayed", "injected", "residual")
        )
        tracers.append(
            f"{whose},{_TRACER},{GA68.name},{row['mbq']},{assayed},{injected},"
            f"{row['residual_mbq']},{residual}"
        )
    for name, text in {
        "participants": _PARTICIPANTS,
        "cycles": _CYCLES,
        "spect_calibrations": CALIBRATIONS,
        "spect_recovery": RECOVERY,
        "imaging_visits": "\n".join((*imaging_visits, "")),
        "vitals": "\n".join((*vitals, "")),
        "tracer_administrations": "\n".join((*tracers, "")),
    }.items():
        (folder / f"{name}.csv").write_text(text, "utf-8", newline="\n")


def _mass_is_known(visit: VisitTruth) -> bool:
    return (visit.participant, visit.timepoint) != (_NO_MASS.participant, _NO_MASS.timepoint)


def _study_uid(visit: VisitTruth, *, seed: int) -> str:
    return deterministic_uid("study", str(seed), visit.participant, visit.timepoint)


def _write_visit(dicom: Path, visit: VisitTruth, *, seed: int) -> None:
    """Write the series of one visit, and take away what the visit is to have lost."""
    study = StudyHeader(
        participant=visit.participant,
        sex=_sexes()[visit.participant],
        body_mass_kg=visit.body_mass_kg if _mass_is_known(visit) else None,
        height_m=visit.height_m,
        uid=_study_uid(visit, seed=seed),
        started_at=visit.pet_started_at,
    )
    folder = dicom / visit.participant / visit.timepoint
    regions = regions_of(visit)
    seeds = (seed, *study.uid.encode())
    pet_files = _write_pet(folder, visit, regions, study=study, seed=seeds)
    _write_mr(folder, regions, study=study, seed=seeds)
    _write_organ_map(folder / "organ_map", regions, pet_files, study=study)
    if (visit.participant, visit.timepoint) == (_LOST_SLICE.participant, _LOST_SLICE.timepoint):
        pet_files[_LOST_SLICE_NUMBER].unlink()


def regions_of(visit: VisitTruth) -> tuple[Region, ...]:
    """List what lies in the scanner at a visit."""
    lesions = [
        Region(
            lesion.id,
            lesion.center_lps_mm,
            (lesion.radius_mm, lesion.radius_mm, lesion.radius_mm),
            lesion_tissue(suv=lesion.suv, adc_mm2_s=lesion.adc_mm2_s),
        )
        for lesion in visit.lesions
    ]
    return torso(liver_suv=visit.liver_suv, lesions=lesions)


def _write_pet(
    folder: Path,
    visit: VisitTruth,
    regions: Sequence[Region],
    *,
    study: StudyHeader,
    seed: Sequence[int],
) -> tuple[Path, ...]:
    """Write the PET with and without attenuation correction; return the corrected one's files."""
    per_suv_bq_ml = visit.injected.activity_at(visit.pet_started_at) / (visit.body_mass_kg * 1e3)

    def write(name: str, number: int, suv: Array, grid: Grid) -> tuple[Path, ...]:
        pet = Volume(
            values=suv * np.float32(per_suv_bq_ml),
            grid=grid,
            kind=ACTIVITY_CONCENTRATION,
            decay_reference=visit.pet_started_at,
        )
        acquisition = PetAcquisition(
            tracer=_TRACER, injected=visit.injected, attenuation_corrected=name == "pet_ac"
        )
        series = _series(study, number, name, after_s=0)
        return write_pet(folder / name, pet, study=study, series=series, acquisition=acquisition)

    grid, coarse = (_framed(grid, study) for grid in (PET_GRID, UNCORRECTED_PET_GRID))
    files = write("pet_ac", 1, pet_suv(regions, grid=grid, seed=(*seed, 1)), grid)
    blurred = pet_suv(regions, grid=coarse, seed=(*seed, 2))
    write("pet_nac", 2, without_attenuation_correction(blurred, grid=coarse), coarse)
    return files


def _write_mr(
    folder: Path, regions: Sequence[Region], *, study: StudyHeader, seed: Sequence[int]
) -> None:
    def write(
        name: str, number: int, images: Sequence[Array], grid: Grid, sequence: MrSequence
    ) -> None:
        volumes = [Volume(values=image, grid=grid, kind=MR_SIGNAL) for image in images]
        series = _series(study, number, name, after_s=60 * number)
        write_mr(folder / name, volumes, study=study, series=series, sequence=sequence)

    fine, coarse = (_framed(grid, study) for grid in (DIXON_GRID, DIFFUSION_GRID))
    water, fat = dixon(regions, grid=fine, seed=(*seed, 3))
    write("t1_dixon_water", 3, [water], fine, _WATER)
    write("t1_dixon_fat", 4, [fat], fine, _FAT)
    weighted = diffusion(
        regions, grid=coarse, b_values_s_mm2=_DIFFUSION.b_values_s_mm2, seed=(*seed, 5)
    )
    write("dwi", 5, weighted, coarse, _DIFFUSION)


def _write_organ_map(
    folder: Path, regions: Sequence[Region], pet_files: Sequence[Path], *, study: StudyHeader
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    segments = [
        Segment(
            description=SegmentDescription(
                number=number,
                label=organ,
                tracking_id=f"{study.participant} {organ}",
                tracking_uid=deterministic_uid("organ", study.participant, organ),
                category=_ANATOMY,
                property_type=code,
                algorithm="AUTOMATIC",
            ),
            mask=organ_mask(regions, organ, grid=_framed(PET_GRID, study)),
        )
        for number, (organ, code) in enumerate(_ORGANS.items(), start=1)
    ]
    series_uid = deterministic_uid("series", study.uid, "organ_map")
    write_segmentation(
        folder / "0001.dcm",
        segments=segments,
        source_files=pet_files,
        series_uid=series_uid,
        instance_uid=deterministic_uid(series_uid, "1"),
        description="organ_map",
        creator="Operandi digital phantom",
    )


def _write_scans_after_cycle(dicom: Path, truth: StudyTruth, *, seed: int) -> None:
    """Write the scans after the first cycle of the first participant, as the PET before shows."""
    visit, [cycle] = truth.visits[0], [row for row in _rows(_CYCLES) if row["administered_at"]]
    write_scans(
        dicom / visit.participant / f"CYCLE_{cycle['cycle']}",
        regions_of(visit),
        participant=visit.participant,
        sex=_sexes()[visit.participant],
        administered=Administration(
            nuclide=LU177,
            activity_bq=float(cycle["activity_gbq"]) * 1e9,
            at=datetime.fromisoformat(cycle["administered_at"]).replace(tzinfo=_ZONE),
            half_life_s=LU177.half_life_s,
        ),
        seed=seed,
    )


def _sexes() -> dict[str, Sex]:
    return {row["participant"]: Sex(row["sex"]) for row in _rows(_PARTICIPANTS)}


def _write_stray(dicom: Path, *, seed: int) -> None:
    """Write one slice of somebody who is not in the study."""
    study = StudyHeader(
        participant=Pseudonym(_STRAY_PATIENT),
        sex=Sex.OTHER,
        body_mass_kg=None,
        height_m=None,
        uid=deterministic_uid("study", str(seed), _STRAY_PATIENT),
        started_at=datetime(2025, 3, 18, 9, 30, tzinfo=_ZONE),
    )
    columns, rows, _ = DIXON_GRID.shape
    grid = _framed(Grid((columns, rows, 1), DIXON_GRID.affine), study)
    water, _ = dixon(torso(liver_suv=4.8), grid=grid, seed=(seed,))
    write_mr(
        dicom / "unsorted",
        [Volume(values=water, grid=grid, kind=MR_SIGNAL)],
        study=study,
        series=_series(study, 1, "t1_dixon_water", after_s=0),
        sequence=_WATER,
    )


def _series(study: StudyHeader, number: int, name: str, *, after_s: float) -> SeriesHeader:
    return SeriesHeader(
        uid=deterministic_uid("series", study.uid, name),
        number=number,
        description=name,
        started_at=study.started_at + timedelta(seconds=after_s),
    )


def _framed(grid: Grid, study: StudyHeader) -> Grid:
    """Put a grid into the visit's frame of reference: one, as the scan is simultaneous."""
    return replace(grid, frame_of_reference=deterministic_uid("frame", study.uid))
