"""The images of one digital participant, planned as data; ``visit_writing`` writes them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from operandi.domain.administration import Administration
from operandi.domain.grid import Grid
from operandi.domain.identity import LesionId
from operandi.quantities.errors import DataError
from operandi.simulation.anatomy.body import body_of, motion_of, pose_of
from operandi.simulation.anatomy.placement import PlacedLesion, place_lesions, scene_of
from operandi.simulation.artifacts import VisitArtifacts, artifacts_of
from operandi.simulation.disease.outcomes import Outcomes
from operandi.simulation.people.lesion import LesionOrgan, LesionState
from operandi.simulation.people.person import Person
from operandi.simulation.scenario import Scenario, SiteSettings
from operandi.simulation.scenes.motion import lying
from operandi.simulation.scenes.scene import Point, Scene
from operandi.simulation.tissues.lesion_states import lesion_states
from operandi.simulation.tissues.tissue import core_tissue, lesion_tissue, tissues_of_person
from operandi.simulation.trial.conduct_noise import Disturbance
from operandi.simulation.trial.visits import VisitPlan

TRUNK_MM: Final = (-330.0, 330.0)
HEAD_TOP_MM: Final = 620.0
_ACROSS_MM: Final = 600.0
"""Field of view of the PET: 60 cm in the slice, the trunk (and the head) along it."""

MAPPED_ORGANS: Final = {
    "liver": ("10200004", "SCT", "Liver"),
    "spleen": ("78961009", "SCT", "Spleen"),
    "kidney_left": ("18639004", "SCT", "Left kidney"),
    "kidney_right": ("9846003", "SCT", "Right kidney"),
    "urinary_bladder": ("89837001", "SCT", "Urinary bladder"),
    "adrenal_left": ("38666009", "SCT", "Left adrenal gland"),
    "adrenal_right": ("29392005", "SCT", "Right adrenal gland"),
    "pancreas": ("15776009", "SCT", "Pancreas"),
    "stomach": ("69695003", "SCT", "Stomach"),
    "small_bowel": ("30315005", "SCT", "Small intestine"),
    "colon": ("71854001", "SCT", "Colon"),
    "aorta": ("15825003", "SCT", "Aorta"),
    "thyroid": ("69748006", "SCT", "Thyroid gland"),
    "salivary_glands": ("385294005", "SCT", "Salivary gland"),
    "pituitary": ("56329008", "SCT", "Pituitary gland"),
}
"""What a department's organ map holds, as far as it is in view; lesions of an organ are in it."""

_PART_OF: Final = {"renal_pelvis_left": "kidney_left", "renal_pelvis_right": "kidney_right"}
"""Nobody draws a kidney without its pelvis, which is as hot."""

_IN_ORGAN: Final = {
    LesionOrgan.LIVER: "liver",
    LesionOrgan.PANCREAS: "pancreas",
    LesionOrgan.ILEUM: "small_bowel",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitImages:
    """What a PET-MRI visit shows.

    Parameters
    ----------
    number : int
        0, 1, 2.
    plan : VisitPlan
    lesions : tuple of LesionState
    scene : Scene
    artifacts : VisitArtifacts
    """

    number: int
    plan: VisitPlan
    lesions: tuple[LesionState, ...]
    scene: Scene
    artifacts: VisitArtifacts

    def placed_at(self, lesion: PlacedLesion) -> Point:
        """Center of a lesion at this visit, patient LPS, mm, at end-expiration."""
        x, y, z = (float(value) for value in lying(lesion.center, self.scene.pose))
        return x, y, z


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleDose:
    """What the first cycle of a participant left where.

    Parameters
    ----------
    administered : Administration
    spleen_gy, kidneys_gy : float
    lesion_gy : mapping
        By lesion.
    """

    administered: Administration
    spleen_gy: float
    kidneys_gy: float
    lesion_gy: Mapping[LesionId, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantImages:
    """All that the images of a participant are made from; every number is drawn already.

    Parameters
    ----------
    person : Person
    site : SiteSettings
    placed : tuple of PlacedLesion
    visits : tuple of VisitImages
    duplicated : frozenset of int
        Visits whose PET arrived twice.
    cycle : CycleDose or None
        What the first cycle left, where scans follow it.
    """

    person: Person
    site: SiteSettings
    placed: tuple[PlacedLesion, ...]
    visits: tuple[VisitImages, ...]
    duplicated: frozenset[int] = frozenset()
    cycle: CycleDose | None = None


def plan_images(
    outcomes: Outcomes,
    plans: Mapping[tuple[int, int], VisitPlan],
    scenario: Scenario,
    row: int,
    *,
    seed: int,
) -> ParticipantImages:
    """Put a participant's body, lesions and visits together; nothing is painted or written.

    Parameters
    ----------
    outcomes : Outcomes
    plans : mapping
        Of :func:`operandi.simulation.trial.visits.visit_plans`.
    scenario : Scenario
    row : int
        Of the outcomes.
    seed : int

    Raises
    ------
    DataError
        If a lesion fits nowhere in its organ.
    """
    person = outcomes.persons.person(row)
    visits = [visit for at, visit in sorted(plans) if at == row]
    states = {
        visit: lesion_states(outcomes, row, visit=visit, scenario=scenario, seed=seed)
        for visit in visits
    }
    head = scenario.imaging.head
    body = body_of(person, body_mass_kg=person.body_mass_kg, head=head, seed=seed)
    try:
        placed = place_lesions(person, body, _largest(states.values()), seed=seed)
    except DataError as refusal:
        raise DataError(
            refusal.what,
            remedy="Set a smaller cohort.lesions_mean in the scenario, or take another --seed.",
        ) from refusal
    motion = motion_of(person, seed=seed)
    shown = []
    for visit in visits:
        plan = plans[row, visit]
        tissues = tissues_of_person(person, visit=visit, seed=seed)
        for state in states[visit]:
            tissues[state.id] = lesion_tissue(state)
            tissues[f"{state.id} core"] = core_tissue(state)
        scene = scene_of(
            body_of(person, body_mass_kg=plan.body_mass_kg, head=head, seed=seed),
            placed,
            states[visit],
            tissues,
            motion=motion,
            pose=pose_of(person, visit=visit, seed=seed),
        )
        shown.append(
            VisitImages(
                number=visit,
                plan=plan,
                lesions=states[visit],
                scene=scene,
                artifacts=artifacts_of(person, scenario, visit=visit, seed=seed),
            )
        )
    return ParticipantImages(
        person=person,
        site=scenario.site[int(outcomes.persons.site[row])],
        placed=placed,
        visits=tuple(shown),
    )


def _largest(
    states: Iterable[tuple[LesionState, ...]],
) -> dict[LesionId, tuple[LesionOrgan, float]]:
    largest: dict[LesionId, tuple[LesionOrgan, float]] = {}
    for visit in states:
        for state in visit:
            _, before = largest.get(state.id, (state.organ, 0.0))
            largest[state.id] = (state.organ, max(before, state.volume_ml))
    return largest


def with_disturbances(
    images: ParticipantImages, disturbances: Iterable[Disturbance]
) -> ParticipantImages:
    """Leave out the visits that were missed, and mark those whose PET was sent twice."""
    own = [one for one in disturbances if one.participant == images.person.pseudonym]
    missed = {one.timepoint for one in own if one.kind == "missed_visit"}
    twice = {one.timepoint for one in own if one.kind == "duplicate_series"}
    visits = tuple(one for one in images.visits if one.plan.timepoint not in missed)
    return replace(
        images,
        visits=visits,
        duplicated=frozenset(one.number for one in visits if one.plan.timepoint in twice),
    )


def organs_with_lesions(
    names: Mapping[int, str], lesions: Sequence[LesionState]
) -> dict[str, list[int]]:
    """Labels of every mapped organ, the lesions in it included, in the order of the map."""
    within = {lesion.id: _IN_ORGAN.get(lesion.organ) for lesion in lesions}
    return {
        organ: [
            number
            for number, name in names.items()
            if organ in {name, _PART_OF.get(name), within.get(LesionId(name))}
        ]
        for organ in MAPPED_ORGANS
    }


def pet_grid(scenario: Scenario, *, frame_of_reference: str) -> Grid:
    """Voxels of the PET, axes along the patient's."""
    voxel = scenario.imaging.pet_voxel_mm
    low, high = TRUNK_MM[0], HEAD_TOP_MM if scenario.imaging.head else TRUNK_MM[1]
    across, along = round(_ACROSS_MM / voxel), round((high - low) / voxel)
    affine = np.diag([voxel, voxel, voxel, 1.0])
    affine[:2, 3] = -voxel * (across - 1) / 2
    affine[2, 3] = low + voxel / 2
    return Grid((across, across, along), affine, frame_of_reference)
