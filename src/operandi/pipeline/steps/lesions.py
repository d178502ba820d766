"""Steps that find the lesions of a visit, and give them their names over all visits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

import numpy as np

from operandi.domain.identity import LesionId
from operandi.domain.lesion import Lesion
from operandi.domain.measurement import SubjectType
from operandi.domain.volume import Volume
from operandi.imaging.dicom.classify import SeriesType
from operandi.imaging.lesions.found_organs import FoundOrgans
from operandi.imaging.lesions.lesion_version import (
    LesionVersion,
    RemovedLesion,
    renamed_versions,
    versions_in_words,
)
from operandi.imaging.lesions.measures.visit import VisitMeasures
from operandi.imaging.lesions.measures.yardsticks import Yardsticks
from operandi.imaging.lesions.reference import PlacedSphere, ReferenceRegions, sphere_mask
from operandi.imaging.lesions.segmentation.found import SegmentedLesions
from operandi.imaging.lesions.sought_again import SoughtAgain
from operandi.imaging.lesions.tracking.tracks import Tracks
from operandi.imaging.lesions.visit import (
    LesionsOfVisit,
    VisitChoices,
    VisitOf,
    lesions_of_visit,
)
from operandi.imaging.pet.suv import Suv
from operandi.pipeline.lesion_settings import LesionFacts
from operandi.pipeline.step import Refusal
from operandi.pipeline.steps.mr import MrImages
from operandi.quantities.errors import DataError
from operandi.quantities.kinds import APPARENT_DIFFUSION_COEFFICIENT

_ANEW: Final = frozenset({"suv", "lesions"})
"""What is a result of its own, and what follows from the segmented lesions."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KeptLesions:
    """The lesions of a visit as they are stored: without the SUV, which is a result of its own.

    Parameters
    ----------
    parts : mapping of str to object
        The other fields of ``LesionsOfVisit``, by name.
    notes : tuple of str
        What was left out or could not be known.
    tracking_uids : mapping of LesionId to str
        DICOM TrackingUID of each lesion; empty before lesions have their names over all visits.
    """

    parts: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    tracking_uids: Mapping[LesionId, str] = field(default_factory=dict)

    @property
    def organs(self) -> FoundOrgans:
        """Found, or given."""
        organs: FoundOrgans = self.parts["organs"]
        return organs

    @property
    def references(self) -> ReferenceRegions:
        """In liver, spleen and blood pool."""
        references: ReferenceRegions = self.parts["references"]
        return references

    @property
    def yardsticks(self) -> Yardsticks:
        """The same, with the reason in place of a missing one."""
        yardsticks: Yardsticks = self.parts["yardsticks"]
        return yardsticks

    @property
    def segmented(self) -> SegmentedLesions:
        """Lesions on their boxes."""
        segmented: SegmentedLesions = self.parts["segmented"]
        return segmented

    @property
    def measures(self) -> VisitMeasures:
        """Numbers of each lesion and of the participant."""
        measures: VisitMeasures = self.parts["measures"]
        return measures

    @property
    def of(self) -> VisitOf:
        """Whose."""
        of: VisitOf = self.parts["of"]
        return of

    @property
    def versions(self) -> tuple[LesionVersion, ...]:
        """The automatic one and a reader's corrections; empty without any."""
        versions: tuple[LesionVersion, ...] = self.parts["versions"]
        return versions

    @property
    def removed(self) -> tuple[RemovedLesion, ...]:
        """What readers removed."""
        removed: tuple[RemovedLesion, ...] = self.parts["removed"]
        return removed

    @property
    def sought_again(self) -> tuple[SoughtAgain, ...]:
        """What became of the lesions of the visit before."""
        sought: tuple[SoughtAgain, ...] = self.parts["sought_again"]
        return sought

    @property
    def are_candidates(self) -> bool:
        """Whether uptake of an organ that was not found may be among the lesions."""
        return bool(self.segmented.unmapped)

    @property
    def lesions(self) -> tuple[Lesion, ...]:
        """With masks on the whole grid."""
        return tuple(one.as_lesion() for one in self.segmented.lesions)

    def on(self, suv: Suv) -> LesionsOfVisit:
        """The same as it was found on the SUV."""
        return LesionsOfVisit(suv=suv.volume, lesions=self.lesions, **self.parts)


def kept(found: LesionsOfVisit, *, notes: Sequence[str] = ()) -> KeptLesions:
    """Leave out what can be had again."""
    names = [one.name for one in fields(LesionsOfVisit) if one.name not in _ANEW]
    return KeptLesions(
        parts={name: getattr(found, name) for name in names}, notes=tuple(dict.fromkeys(notes))
    )


def visit_lesions(*arguments: object) -> KeptLesions:
    """Find, delineate and measure the lesions of one visit.

    Parameters
    ----------
    *arguments
        Suv; FoundOrgans of the visit's organ map, None or a Refusal; Suv and KeptLesions of each
        earlier visit, or Refusals; MrImages or Refusal of each series of the MR; LesionFacts.

    Raises
    ------
    DataError
        As ``lesions_of_visit``; or if a reader's liver sphere lies outside the organ map's liver.
    """
    suv, organs, *others, facts = arguments
    assert isinstance(suv, Suv)  # noqa: S101 - the road requires it
    assert isinstance(facts, LesionFacts)  # noqa: S101 - the road passes the facts last
    before, images = others[: 2 * facts.visits_before], others[2 * facts.visits_before :]
    notes: list[str] = []
    if isinstance(organs, Refusal):
        notes.append(f"the organ map was not believed, and organs were found: {organs}")
    mapped = organs if isinstance(organs, FoundOrgans) else None
    if mapped is not None:
        _require_liver(mapped, facts)
    of_type = in_the_pets_frame(images, suv.volume, notes)
    water, fat = (
        of_type.get(kind) for kind in (SeriesType.MR_DIXON_WATER, SeriesType.MR_DIXON_FAT)
    )
    if water is None:
        notes.append("no MR water image: organs were sought and borders drawn on PET alone")
    found = lesions_of_visit(
        suv.volume,
        organs=mapped,
        water=water,
        fat=fat,
        choices=VisitChoices(
            segmentation=facts.segmentation,
            placed=_placed(facts, suv.volume, mapped),
            removed=facts.removed,
        ),
        of=VisitOf(
            participant=facts.visit.participant,
            timepoint=facts.visit.timepoint,
            inputs=facts.visit.inputs,
        ),
        adc=adc_map(of_type.get(SeriesType.MR_DIFFUSION_MAP), facts.adc_per_unit),
        earlier=_last_seen(before),
    )
    if found.are_candidates:
        notes.append(
            f"no mask of {', '.join(found.segmented.unmapped)}: what was found are candidates, "
            "among which its uptake may be"
        )
    return kept(found, notes=(*notes, *found.organs.notes, *found.references.notes))


def _last_seen(before: Sequence[object]) -> LesionsOfVisit | None:
    """The latest visit that has lesions; one whose PET was refused shows nothing."""
    for suv, lesions in reversed(list(zip(before[::2], before[1::2], strict=True))):
        if isinstance(suv, Suv) and isinstance(lesions, KeptLesions):
            return lesions.on(suv)
    return None


def _require_liver(organs: FoundOrgans, facts: LesionFacts) -> None:
    """An organ map counts as a whole: a liver that it lacks is not looked for beside it."""
    placed = any(organ == "liver" for organ, _ in facts.spheres)
    if placed or facts.segmentation.seed_suv is not None or organs.named("liver") is not None:
        return
    there = ", ".join(one.name for one in organs.organs)
    why = next((one.reason for one in organs.missing if one.name == "liver"), "")
    raise DataError(
        f"The organ map's liver cannot be used: {why}." if why else
        f"The organ map has no segment called liver; it has {there}.",
        remedy="Label the liver's segment 'Liver', or place a sphere in reference_regions.",
    )  # fmt: skip


def in_the_pets_frame(
    images: Sequence[object], suv: Volume, notes: list[str]
) -> dict[SeriesType, Volume]:
    """The first MR series of each type that shares the PET's positions; the others are noted."""
    taken: dict[SeriesType, Volume] = {}
    for one in images:
        if isinstance(one, Refusal):
            notes.append(f"an MR series was left out: {one}")
        if not isinstance(one, MrImages):
            continue
        kind = SeriesType(one.what)
        _, volume = one.volumes[0]
        if volume.grid.frame_of_reference != suv.grid.frame_of_reference:
            notes.append(f"{one.name} was left out: it lies in another frame of reference")
        elif kind in taken:
            notes.append(f"{one.name} was left out: another series of the visit is {one.what} too")
        else:
            taken[kind] = volume
    return taken


def adc_map(stored: Volume | None, per_unit: float | None) -> Volume | None:
    """An ADC map in 1e-6 mm2/s; None without one, or where nobody said its unit."""
    if stored is None or per_unit is None:
        return None
    values = np.asarray(stored.values, dtype=np.float64) * per_unit
    return Volume(values, stored.grid, APPARENT_DIFFUSION_COEFFICIENT)


def _placed(
    facts: LesionFacts, suv: Volume, organs: FoundOrgans | None
) -> dict[str, PlacedSphere] | None:
    """Spheres of readers, by organ; the liver's must lie in the liver that somebody mapped."""
    spheres = {
        organ: PlacedSphere(center_mm=one.center_mm, radius_mm=one.radius_mm, reader=one.reader)
        for organ, one in facts.spheres
    }
    sphere, liver = spheres.get("liver"), organs.named("liver") if organs else None
    if sphere is not None and liver is not None:
        inside = sphere_mask(suv.grid, center_mm=sphere.center_mm, radius_mm=sphere.radius_mm)
        if (inside.inside & ~liver.inside).any():
            where = ", ".join(f"{mm:g}" for mm in sphere.center_mm)
            raise DataError(
                f"The liver sphere at ({where}) mm does not lie in the organ map's liver.",
                remedy="Positions are DICOM LPS; viewers that show RAS need the signs of x and y "
                "changed. Correct reference_regions.",
            )
    return spheres or None


def named_over_visits(found: KeptLesions, tracks: Tracks) -> KeptLesions:
    """Give the lesions of a visit the names that they bear over all visits.

    Of every version, so that what was found, what a reader made of it and the difference speak of
    the same lesions.
    """
    names = every_name_at(tracks, found.of.timepoint)
    uids = {track.id: track.tracking_uid for track in tracks.tracks}
    uids |= {one.id: one.tracking_uid for one in tracks.removed}
    measurements = tuple(
        replace(one, subject=replace(one.subject, name=names[LesionId(one.subject.name)]))
        if one.subject.type in {SubjectType.LESION, SubjectType.CANDIDATE}
        else one
        for one in found.measures.measurements
    )
    segmented = tuple(replace(one, id=names[one.id]) for one in found.segmented.lesions)
    sought = tuple(_sought_named(one, tracks, names) for one in found.sought_again)
    versions = renamed_versions(found.versions, names, uids)
    parts = dict(found.parts) | {
        "versions": versions,
        "removed": tuple(_removed_named(one, names) for one in found.removed),
        "sought_again": sought,
        "segmented": replace(found.segmented, lesions=segmented),
        "measures": replace(
            found.measures,
            measurements=measurements,
            uptakes=tuple(replace(one, lesion=names[one.lesion]) for one in found.measures.uptakes),
        ),
    }
    return replace(
        found,
        parts=parts,
        notes=(*found.notes, *versions_in_words(versions)),
        tracking_uids={one.id: uids[one.id] for one in segmented},
    )


def _removed_named(one: RemovedLesion, names: Mapping[LesionId, LesionId]) -> RemovedLesion:
    return replace(
        one,
        lesion=replace(one.lesion, id=names[one.lesion.id]),
        now_in=None if one.now_in is None else names[one.now_in],
    )


def _sought_named(
    one: SoughtAgain, tracks: Tracks, names: Mapping[LesionId, LesionId]
) -> SoughtAgain:
    earlier = every_name_at(tracks, one.seen_at)
    return replace(
        one,
        earlier=earlier.get(one.earlier, one.earlier),
        found_as=None if one.found_as is None else names[one.found_as],
    )


def names_at(tracks: Tracks, timepoint: str) -> dict[LesionId, LesionId]:
    """Of each lesion of a visit's PET its name over all visits; not of what readers removed."""
    return {
        sighting.name: track.id
        for track in tracks.tracks
        for sighting in track.sightings
        if sighting.timepoint == timepoint and sighting.modality == "PET"
    }


def every_name_at(tracks: Tracks, timepoint: str) -> dict[LesionId, LesionId]:
    """The same, and the names of what readers removed."""
    removed = {
        one.sighting.name: one.id
        for one in tracks.removed
        if one.sighting.timepoint == timepoint and one.sighting.modality == "PET"
    }
    return removed | names_at(tracks, timepoint)
