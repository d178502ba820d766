"""A planned visit, written: PET, MR and organ map as DICOM, and its truth in another folder."""

import shutil
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt

from operandi.domain.grid import Grid
from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.imaging.dicom.segmentation import (
    Segment,
    SegmentDescription,
    deterministic_uid,
)
from operandi.imaging.dicom.segmentation_writing import write_segmentation
from operandi.quantities.kinds import ACTIVITY_CONCENTRATION
from operandi.simulation.cycle_scans import write_scans
from operandi.simulation.dicom.duplicate import write_duplicate
from operandi.simulation.dicom.headers import PetAcquisition, SeriesHeader, StudyHeader, Vendor
from operandi.simulation.dicom.mr import write_mr
from operandi.simulation.dicom.pet import write_pet
from operandi.simulation.dicom.written import series_in
from operandi.simulation.emission.attenuation import AttenuationErrors
from operandi.simulation.emission.pet import PetImage, PetScanner, pet_image
from operandi.simulation.mr.series import mr_series
from operandi.simulation.mr.session import MrArtifacts
from operandi.simulation.participant import (
    MAPPED_ORGANS,
    ParticipantImages,
    VisitImages,
    organs_with_lesions,
    pet_grid,
)
from operandi.simulation.scenario import Scenario
from operandi.simulation.scenes.labels import label_map
from operandi.simulation.scenes.painting import Array, Occupancy, paint
from operandi.simulation.trial.visits import TRACER
from operandi.simulation.truth_images import write_visit_truth

_ANATOMY = ("123037004", "SCT", "Anatomical Structure")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Visit:
    """What all series of a visit are written with."""

    images: ParticipantImages
    visit: VisitImages
    scenario: Scenario
    study: StudyHeader
    frame: str
    seed: int

    @property
    def key(self) -> tuple[int, int]:
        """Of the noise."""
        return self.images.person.number, self.visit.number

    @property
    def vendor(self) -> Vendor:
        """Whose scanner it was."""
        return Vendor(self.images.site.vendor)

    def series(self, number: int, name: str, *, after_s: float = 0.0) -> SeriesHeader:
        """Name a series."""
        return SeriesHeader(
            uid=deterministic_uid("series", self.study.uid, name),
            number=number,
            description=name,
            started_at=self.study.started_at + timedelta(seconds=after_s),
        )


def write_participant(
    dicom: Path, truth: Path | None, images: ParticipantImages, *, scenario: Scenario, seed: int
) -> None:
    """Write all visits of a participant; ``dicom`` holds them whole or not at all.

    Parameters
    ----------
    dicom : Path
        Folder of all participants' images.
    truth : Path or None
        Folder of all participants' true images; None where none are wanted.
    images : ParticipantImages
    scenario : Scenario
    seed : int
    """
    name = str(images.person.pseudonym)
    building = dicom / f"{name}.partial"
    # What an interrupted run left of this participant, here and in the truth.
    for left in (building, *(() if truth is None else (truth / name,))):
        if left.exists():
            shutil.rmtree(left)
    building.mkdir(parents=True)
    for visit in images.visits:
        at = str(visit.plan.timepoint)
        write_visit(
            building / at,
            None if truth is None else truth / name / at,
            images,
            visit,
            scenario=scenario,
            seed=seed,
        )
    if images.cycle is not None:
        before = next(one for one in images.visits if one.number == 0)
        write_scans(
            building / "CYCLE_1",
            images,
            before,
            images.cycle,
            hours=scenario.imaging.spect_hours,
            seed=seed,
        )
    building.rename(dicom / name)


def received_series(dicom: Path, everyone: Iterable[ParticipantImages]) -> list[dict[str, str]]:
    """Rows of ``imaging_series``: what was written of each visit."""
    rows = []
    for images in everyone:
        for visit in images.visits:
            at = dicom / images.person.pseudonym / visit.plan.timepoint
            for folder in sorted(at.iterdir()):
                uid, modality, what = series_in(folder)
                rows.append(
                    {
                        "participant": str(images.person.pseudonym),
                        "timepoint": str(visit.plan.timepoint),
                        "series_uid": uid,
                        "modality": modality,
                        "what": what,
                        "received_on": visit.plan.date.isoformat(),
                    }
                )
    return rows


def write_visit(
    dicom: Path,
    truth: Path | None,
    images: ParticipantImages,
    visit: VisitImages,
    *,
    scenario: Scenario,
    seed: int,
) -> None:
    """Write one visit.

    Parameters
    ----------
    dicom : Path
        Folder of the visit's series; made where it is not there.
    truth : Path or None
        Folder of its true images; None where none are wanted.
    images, visit : ParticipantImages, VisitImages
        Whose and which.
    scenario : Scenario
    seed : int
        Of noise and identifiers.
    """
    plan = visit.plan
    study = StudyHeader(
        participant=plan.participant,
        sex=images.person.sex,
        body_mass_kg=plan.body_mass_kg,
        height_m=plan.height_m,
        uid=plan.study_instance_uid,
        started_at=plan.pet_started_at,
    )
    one = _Visit(
        images=images,
        visit=visit,
        scenario=scenario,
        study=study,
        frame=deterministic_uid("frame", study.uid),
        seed=seed,
    )
    wanted = set(scenario.imaging.series)
    if "pet" in wanted:
        grid = pet_grid(scenario, frame_of_reference=one.frame)
        painted = paint(visit.scene, grid)
        pet = _pet_image(one, painted, uncorrected="pet_uncorrected" in wanted)
        labels, names = label_map(painted)
        files = _write_pet(dicom, one, pet, grid)
        if scenario.imaging.organ_maps:
            _write_organ_map(dicom / "organ_map", one, labels, names, grid=grid, files=files)
        if truth is not None:
            write_visit_truth(truth, visit, pet, grid=grid, labels=labels, names=names)
    _write_mr(dicom, one, wanted - {"pet", "pet_uncorrected"})


def _pet_image(one: _Visit, painted: Occupancy, *, uncorrected: bool) -> PetImage:
    site, artifacts = one.images.site, one.visit.artifacts
    return pet_image(
        one.visit.scene,
        painted.grid,
        painted=painted,
        scanner=PetScanner(
            fwhm_mm=site.pet_fwhm_mm, noise=site.pet_noise, suv_factor=site.suv_factor
        ),
        errors=AttenuationErrors(
            classes=one.scenario.imaging.attenuation,
            truncated_mm=artifacts.truncated_mm,
            void=artifacts.void,
            inversion=artifacts.inversion,
        ),
        respiration=one.scenario.imaging.respiration,
        uncorrected=uncorrected,
        seed=one.seed,
        key=one.key,
    )


def _write_pet(dicom: Path, one: _Visit, pet: PetImage, grid: Grid) -> tuple[Path, ...]:
    """Write the PET, corrected and not; return the corrected one's files."""
    plan = one.visit.plan
    per_suv_bq_ml = plan.injected.activity_at(plan.pet_started_at) / (plan.body_mass_kg * 1e3)

    def write(name: str, number: int, suv: Array, *, corrected: bool) -> Sequence[Path]:
        volume = Volume(
            values=suv * np.float32(per_suv_bq_ml),
            grid=grid,
            kind=ACTIVITY_CONCENTRATION,
            decay_reference=plan.pet_started_at,
        )
        return write_pet(
            dicom / name,
            volume,
            study=one.study,
            series=one.series(number, name),
            acquisition=PetAcquisition(
                tracer=TRACER, injected=plan.injected, attenuation_corrected=corrected
            ),
            vendor=one.vendor,
        )

    files = write("pet_ac", 1, pet.suv, corrected=True)
    if one.visit.number in one.images.duplicated:
        write_duplicate(dicom / "pet_ac_again", files)
    if pet.uncorrected is not None:
        write("pet_nac", 2, pet.uncorrected, corrected=False)
    return tuple(files)


def _write_mr(dicom: Path, one: _Visit, wanted: Collection[str]) -> None:
    if not wanted:
        return
    artifacts = one.visit.artifacts
    found = mr_series(
        one.visit.scene,
        series=sorted(wanted),
        detail=one.scenario.imaging.mr_detail,
        frame_of_reference=one.frame,
        artifacts=MrArtifacts(void=artifacts.void, inversion=artifacts.inversion),
        seed=one.seed,
        key=one.key,
    )
    for number, series in enumerate(found, start=3):
        write_mr(
            dicom / series.name,
            series.volumes,
            study=one.study,
            series=one.series(number, series.name, after_s=series.after_s),
            sequence=series.sequence,
            vendor=one.vendor,
        )


def _write_organ_map(
    folder: Path,
    one: _Visit,
    labels: npt.NDArray[np.unsignedinteger],
    names: dict[int, str],
    *,
    grid: Grid,
    files: Sequence[Path],
) -> None:
    """Write what a department maps: organs with the lesions in them, as they lie on average."""
    person = one.study.participant
    segments: list[Segment] = []
    for organ, numbers in organs_with_lesions(names, one.visit.lesions).items():
        inside = np.isin(labels, numbers)
        if not inside.any():
            continue
        segments.append(
            Segment(
                description=SegmentDescription(
                    number=len(segments) + 1,
                    label=organ,
                    tracking_id=f"{person} {organ}",
                    tracking_uid=deterministic_uid("organ", person, organ),
                    category=_ANATOMY,
                    property_type=MAPPED_ORGANS[organ],
                    algorithm="AUTOMATIC",
                ),
                mask=Mask(inside=inside, grid=grid),
            )
        )
    folder.mkdir(parents=True, exist_ok=True)
    series_uid = deterministic_uid("series", one.study.uid, "organ_map")
    write_segmentation(
        folder / "0001.dcm",
        segments=segments,
        source_files=files,
        series_uid=series_uid,
        instance_uid=deterministic_uid(series_uid, "1"),
        description="organ_map",
        creator="Operandi digital cohort",
    )
