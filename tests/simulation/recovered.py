"""Participants of a cohort written for tests, one of each vendor, and what was meant by them."""

import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import SimpleITK
from scipy.ndimage import (
    distance_transform_edt,
    find_objects,
)

from operandi.simulation.cycle_scans import first_cycles
from operandi.simulation.disease.outcomes import Outcomes, simulate_outcomes
from operandi.simulation.participant import ParticipantImages, VisitImages, plan_images
from operandi.simulation.scenario import Scenario, read_scenario
from operandi.simulation.scenes.scene import Tissue
from operandi.simulation.trial.tables import tables_of
from operandi.simulation.trial.visits import visit_plans
from operandi.simulation.visit_writing import write_participant
from tests.simulation import plain_dicom as plain
from tests.simulation.plain_dicom import Bools, Floats, PlainVolume

SEED: Final = 7
VOXEL_MM: Final = 5.0
VENDORS: Final = ("siemens", "ge", "philips")
ROW: Final = {"siemens": 22, "ge": 29, "philips": 30}
"""Participants with a large lesion of the liver; 22 responds."""
IMAGING: Final[dict[str, dict[str, Any]]] = {
    "siemens": {
        "attenuation": "exact",
        "respiration": "held",
        "mr_detail": "full",
        "spect_hours": (24.0, 96.0),
        "spect_participants": 1,
    },
    "ge": {"attenuation": "4-class", "respiration": "held", "mr_detail": "coarse"},
    "philips": {"attenuation": "5-class", "respiration": "averaged", "mr_detail": "coarse"},
}
FWHM_MM: Final = 5.5
NOISE: Final = 0.08


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Written:
    """A participant who was written, and what was meant."""

    vendor: str
    folder: Path
    truth: Path
    outcomes: Outcomes
    images: ParticipantImages
    tables: dict[str, list[dict[str, str]]]

    def visit(self, number: int = 0) -> VisitImages:
        return next(visit for visit in self.images.visits if visit.number == number)

    def series(self, name: str, *, visit: int = 0) -> Path:
        return self.folder / str(self.visit(visit).plan.timepoint) / name

    def tissue(self, name: str, *, visit: int = 0) -> Tissue:
        return self.visit(visit).scene.tissues[name]

    def truth_image(self, name: str, *, visit: int = 0) -> PlainVolume:
        return truth_image(self, name, visit=visit)

    def region(self, organ: str, *, visit: int = 0, within_mm: float = 0.0) -> PlainVolume:
        """1 where the true label is, farther than so from anything else."""
        return region(self, organ, visit=visit, within_mm=within_mm)

    def truth_folder(self, visit: int) -> Path:
        at = str(self.visit(visit).plan.timepoint)
        return self.truth / str(self.images.person.pseudonym) / at

    def largest_lesion(self) -> str:
        return str(max(self.visit().lesions, key=lambda lesion: lesion.volume_ml).id)

    def row(self, table: str, *, visit: int | None = None, **cells: str) -> dict[str, str]:
        """The participant's own row of a table."""
        cells["participant"] = str(self.images.person.pseudonym)
        if visit is not None:
            cells["timepoint"] = str(self.visit(visit).plan.timepoint)
        [found] = [row for row in self.tables[table] if cells.items() <= row.items()]
        return found


@cache
def truth_image(written: Written, name: str, *, visit: int) -> PlainVolume:
    image = SimpleITK.ReadImage(str(written.truth_folder(visit) / f"{name}.nii.gz"))
    return PlainVolume(
        values=SimpleITK.GetArrayFromImage(image).T.astype(np.float64),
        origin_mm=np.array(image.GetOrigin()),
        spacing_mm=np.array(image.GetSpacing()),
        headers=(),
    )


@cache
def region(written: Written, organ: str, *, visit: int, within_mm: float) -> PlainVolume:
    labels = truth_image(written, "labels", visit=visit)
    names: dict[str, str] = json.loads(
        (written.truth_folder(visit) / "labels.json").read_text("utf-8")
    )
    number = next(int(key) for key, name in names.items() if name == organ)
    inside = labels.values == number
    if within_mm:
        [box] = find_objects(inside.astype(np.int8))
        near = np.pad(inside[box], 1)
        depth = distance_transform_edt(near, sampling=labels.spacing_mm)
        inside = np.zeros_like(inside)
        inside[box] = depth[1:-1, 1:-1, 1:-1] > within_mm
    assert inside.any(), organ
    return replace(labels, values=inside.astype(np.float64))


@cache
def the_volume(written: Written, name: str, *, visit: int = 0) -> PlainVolume:
    """Of a series of one."""
    [volume] = plain.volumes_in(written.series(name, visit=visit))
    return volume


@cache
def the_suv(written: Written, *, visit: int = 0, name: str = "pet_ac") -> Floats:
    """By plain reading."""
    return plain.suv(the_volume(written, name, visit=visit))


@cache
def diffusion(written: Written) -> tuple[Floats, tuple[PlainVolume, ...]]:
    """b values by header, and the volumes in their order."""
    volumes = tuple(plain.volumes_in(written.series("dwi")))
    b = np.array([plain.b_value(volume.headers[0]) for volume in volumes])
    assert list(b) == [0, 50, 100, 200, 400, 800]
    return b, volumes


def a_scenario(vendor: str) -> Scenario:
    """One department, no artifacts but those that an attenuation map has."""
    stated = read_scenario("dose").model_dump()
    stated["site"] = [
        site | {"share": 1.0, "pet_fwhm_mm": FWHM_MM, "pet_noise": NOISE, "suv_factor": 1.0}
        for site in stated["site"]
        if site["vendor"] == vendor
    ][:1]
    stated["imaging"] |= {"pet_voxel_mm": VOXEL_MM} | IMAGING[vendor]
    stated["artifacts"] |= {
        "truncation": float(vendor == "ge"),
        "susceptibility_void": 0.0,
        "tissue_inversion": 0.0,
    }
    stated["genome"]["files"] = False
    return Scenario.model_validate(stated)


def write(folder: Path, vendor: str) -> Written:
    scenario = a_scenario(vendor)
    outcomes = simulate_outcomes(scenario, participants=1, seed=SEED, first_participant=ROW[vendor])
    images = plan_images(
        outcomes, visit_plans(outcomes, scenario, seed=SEED), scenario, 0, seed=SEED
    )
    wanted = {0, 2} if vendor == "siemens" else {0}
    cycles = first_cycles(outcomes, scenario, seed=SEED)
    images = replace(
        images,
        visits=tuple(visit for visit in images.visits if visit.number in wanted),
        cycle=cycles.get(images.person.pseudonym),
    )
    dicom, truth = folder / "dicom", folder / "truth"
    write_participant(dicom, truth, images, scenario=scenario, seed=SEED)
    return Written(
        vendor=vendor,
        folder=dicom / str(images.person.pseudonym),
        truth=truth,
        outcomes=outcomes,
        images=images,
        tables=tables_of(outcomes, scenario, seed=SEED),
    )


def deep(written: Written, image: PlainVolume, organ: str, *, within_mm: float) -> Bools:
    """Where an organ's true label is deep, on the voxels of another series of the visit."""
    inside: Bools = image.looked_up(written.region(organ, within_mm=within_mm)) > 0.5
    assert np.count_nonzero(inside) >= 5, organ
    return inside
