"""SPECT after the first cycle: activity that gives each region the dose that it received.

Every organ and lesion holds its activity at once and loses it with one effective half-life; its
concentration at administration follows from its absorbed dose by the electrons of 177Lu, as the
dose itself was computed. Images are in Bq/mL, as quantitative reconstructions are, and stored as
PET objects of a radionuclide without positrons, as several vendors do.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from operandi.domain.administration import Administration
from operandi.domain.grid import Grid
from operandi.domain.identity import Pseudonym
from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.imaging.dicom.segmentation import (
    Segment,
    SegmentDescription,
    deterministic_uid,
)
from operandi.imaging.dicom.segmentation_writing import write_segmentation
from operandi.quantities.kinds import ACTIVITY_CONCENTRATION
from operandi.quantities.nuclides import LU177
from operandi.simulation.anatomy.body import pose_of
from operandi.simulation.dicom.headers import PetAcquisition, SeriesHeader, StudyHeader
from operandi.simulation.dicom.pet import write_pet
from operandi.simulation.disease.dose_surrogate import ACTIVITY_BQ, ELECTRON_MEV
from operandi.simulation.disease.outcomes import Outcomes
from operandi.simulation.disease.recist_tables import lesion_id
from operandi.simulation.emission.spect import SpectCamera, spect_image
from operandi.simulation.participant import (
    MAPPED_ORGANS,
    CycleDose,
    ParticipantImages,
    VisitImages,
    organs_with_lesions,
)
from operandi.simulation.scenario import Scenario
from operandi.simulation.scenes.labels import label_map
from operandi.simulation.scenes.painting import paint
from operandi.simulation.scenes.scene import Scene
from operandi.simulation.trial.chronology import chronology_of
from operandi.simulation.trial.study_file import SPECT_FWHM_MM
from operandi.simulation.trial.tables_course import cycle_rows

SPECT_GRID: Final = Grid(
    (112, 112, 90),
    np.array(
        [
            [4.8, 0.0, 0.0, -266.4],
            [0.0, 4.8, 0.0, -266.4],
            [0.0, 0.0, 4.8, -190.0],
            [0.0, 0.0, 0.0, 1.0],
        ]
    ),
)
"""One bed over the abdomen, before a scan gives it its frame of reference."""
EFFECTIVE_HALF_LIFE_H: Final = {
    "kidney": 52.0,
    "spleen": 70.0,
    "liver": 72.0,
    "urine": 20.0,
    "lesion": 88.0,
    "other": 30.0,
}
"""Near the population's of the road's priors, and not equal to them."""
LIVER_GY_PER_GBQ: Final = 0.51  # JNM 63(11):1665, priors of the project's survey
_URINE: Final = 0.1  # of the SUV an hour after the tracer: assumed
_KG_PER_ML: Final = 1.04e-3
_JOULE_PER_MEV: Final = 1.602176634e-13
_DRAWN: Final = ("kidney_left", "kidney_right", "spleen", "liver")
_ANATOMY: Final = ("123037004", "SCT", "Anatomical Structure")
_ABNORMAL: Final = ("49755003", "SCT", "Morphologically Altered Structure")
_LESION: Final = ("52988006", "SCT", "Lesion")
_POSES: Final = 100  # poses of scans are counted from here, those of visits from 0


def first_cycles(
    outcomes: Outcomes, scenario: Scenario, *, seed: int
) -> dict[Pseudonym, CycleDose]:
    """What the first cycle left in those who are scanned: the first who were treated."""
    found: dict[Pseudonym, CycleDose] = {}
    for row in range(len(outcomes)):
        if len(found) == scenario.imaging.spect_participants:
            break
        days = chronology_of(outcomes, scenario, row=row, seed=seed)
        if not days.cycle_days or days.imaging_days[0] is None:
            continue
        [cycle, *_] = cycle_rows(days, seed=seed)
        given = 1e9 * float(cycle["activity_gbq"])
        # Doses of the outcomes are those of the activity that a cycle ought to have.
        share = given / ACTIVITY_BQ
        who = days.person.pseudonym
        found[who] = CycleDose(
            administered=Administration(
                nuclide=LU177,
                activity_bq=given,
                at=datetime.fromisoformat(cycle["administered_at"]),
                half_life_s=LU177.half_life_s,
            ),
            spleen_gy=share * float(outcomes.organ_dose_gy[row, 0]),
            kidneys_gy=share * float(outcomes.organ_dose_gy[row, 1]),
            lesion_gy={
                lesion_id(who, int(column)): share * float(outcomes.lesion_dose_gy[row, column])
                for column in np.flatnonzero(outcomes.lesion_organ[row] >= 0)
            },
        )
    return found


def concentration_at_administration(dose_gy: float, *, half_life_h: float) -> float:
    """Bq/mL that decay and clear with a half-life and leave a dose: ``D rho ln 2 / (T E)``."""
    energy_j = ELECTRON_MEV * _JOULE_PER_MEV
    return dose_gy * _KG_PER_ML * math.log(2.0) / (3600.0 * half_life_h * energy_j)


def concentrations(
    scene: Scene, cycle: CycleDose, *, body_mass_kg: float
) -> dict[str, tuple[float, float]]:
    """Bq/mL at administration and effective half-life in h, of every tissue of a scene."""
    by_dose = {
        "spleen": ("spleen", cycle.spleen_gy),
        "kidney_cortex": ("kidney", cycle.kidneys_gy),
        "kidney_medulla": ("kidney", cycle.kidneys_gy),
        "liver": ("liver", LIVER_GY_PER_GBQ * cycle.administered.activity_bq / 1e9),
    }
    by_dose |= {str(lesion): ("lesion", dose) for lesion, dose in cycle.lesion_gy.items()}
    per_suv = cycle.administered.activity_bq / (body_mass_kg * 1e3)
    found: dict[str, tuple[float, float]] = {}
    for name, tissue in scene.tissues.items():
        if name in by_dose:
            what, dose = by_dose[name]
            half_life = EFFECTIVE_HALF_LIFE_H[what]
            found[name] = concentration_at_administration(dose, half_life_h=half_life), half_life
        elif name == "urine":
            found[name] = _URINE * tissue.suv * per_suv, EFFECTIVE_HALF_LIFE_H["urine"]
        else:
            found[name] = tissue.suv * per_suv, EFFECTIVE_HALF_LIFE_H["other"]
    return found


def write_scans(
    folder: Path,
    images: ParticipantImages,
    before: VisitImages,
    cycle: CycleDose,
    *,
    hours: Sequence[float],
    seed: int,
) -> None:
    """Write the SPECTs after a cycle, and on each the organs and lesions that a reader drew.

    Parameters
    ----------
    folder : Path
        Made where it does not exist; ``spect_1``, ``drawn_1`` … come under it.
    images, before : ParticipantImages, VisitImages
        Whose, and the visit that shows the lesions as the cycle met them.
    cycle : CycleDose
    hours : sequence of float
        After administration.
    seed : int
        Of noise and identifiers.
    """
    held = concentrations(before.scene, cycle, body_mass_kg=before.plan.body_mass_kg)
    camera = SpectCamera(fwhm_mm=SPECT_FWHM_MM)
    for number, after in enumerate(hours, start=1):
        at = cycle.administered.at + timedelta(hours=after)
        study = StudyHeader(
            participant=images.person.pseudonym,
            sex=images.person.sex,
            body_mass_kg=None,
            height_m=None,
            uid=deterministic_uid("spect study", str(seed), images.person.pseudonym, str(number)),
            started_at=at,
        )
        grid = replace(SPECT_GRID, frame_of_reference=deterministic_uid("frame", study.uid))
        pose = pose_of(images.person, visit=_POSES + number, seed=seed)
        scene = replace(before.scene, pose=pose)
        now = {name: bq_ml * 2.0 ** (-after / half) for name, (bq_ml, half) in held.items()}
        image = spect_image(
            scene,
            grid,
            concentration_bq_ml=now,
            camera=camera,
            seed=seed,
            key=(images.person.number, number),
        )
        voxel_ml = float(np.prod(grid.spacing_mm)) / 1000.0
        per_bq_ml = camera.sensitivity_cps_per_mbq * camera.duration_s * voxel_ml / 1e6
        files = write_pet(
            folder / f"spect_{number}",
            Volume(
                values=np.maximum(image.counts, 0.0) / np.float32(per_bq_ml),
                grid=grid,
                kind=ACTIVITY_CONCENTRATION,
                decay_reference=at,
            ),
            study=study,
            series=_series(study, 1, "spect_ac"),
            # Two bed positions' worth of time: a quarter of an hour each.
            acquisition=PetAcquisition(
                tracer="177Lu-DOTATATE", injected=cycle.administered, bed_duration_s=900.0
            ),
        )
        labels, names = label_map(paint(scene, grid))
        regions = {
            organ: np.isin(labels, numbers)
            for organ, numbers in organs_with_lesions(names, before.lesions).items()
            if organ in _DRAWN
        }
        regions |= {
            str(lesion.id): np.isin(
                labels, [label for label, name in names.items() if name == lesion.id]
            )
            for lesion in before.lesions
        }
        _write_drawn(folder / f"drawn_{number}", regions, files, study=study, grid=grid)


def _write_drawn(
    folder: Path,
    regions: Mapping[str, np.ndarray],
    files: Sequence[Path],
    *,
    study: StudyHeader,
    grid: Grid,
) -> None:
    """Write what a reader drew; what reaches beyond the scan nobody draws."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = {
        name: inside
        for name, inside in regions.items()
        if inside.any() and not (inside[..., 0].any() or inside[..., -1].any())
    }
    series = _series(study, 2, "drawn")
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
                    property_type=MAPPED_ORGANS.get(name, _LESION),
                    algorithm="MANUAL",
                ),
                mask=Mask(inside=inside, grid=grid),
            )
            for number, (name, inside) in enumerate(whole.items(), start=1)
        ],
        source_files=files,
        series_uid=series.uid,
        instance_uid=deterministic_uid(series.uid, "1"),
        description="drawn",
        creator="Operandi digital cohort",
    )


def _series(study: StudyHeader, number: int, name: str) -> SeriesHeader:
    return SeriesHeader(
        uid=deterministic_uid("series", study.uid, name),
        number=number,
        description=name,
        started_at=study.started_at,
    )
