"""Lesions of one visit, from SUV to measures: organs, references, segmentation, measures."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy.typing as npt

from operandi.domain.identity import Digest, LesionId, Pseudonym, TimepointCode
from operandi.domain.lesion import Lesion
from operandi.domain.mask import Mask
from operandi.domain.measurement import Measurement, SubjectType
from operandi.domain.volume import Volume
from operandi.imaging.lesions.found_organs import FoundOrgans
from operandi.imaging.lesions.measures.visit import VisitImages, VisitMeasures, measure_visit
from operandi.imaging.lesions.measures.yardsticks import Yardsticks
from operandi.imaging.lesions.organ_finding import find_organs
from operandi.imaging.lesions.reference import (
    BLOOD_POOL,
    LIVER,
    SPLEEN,
    PlacedSphere,
    ReferenceRegion,
    ReferenceRegions,
    reference_regions,
)
from operandi.imaging.lesions.segmentation.found import SegmentedLesion, SegmentedLesions
from operandi.imaging.lesions.segmentation.methods_agreement import (
    MethodsAgreement,
    methods_agreement,
)
from operandi.imaging.lesions.segmentation.seeds import find_seeds
from operandi.imaging.lesions.segmentation.segment import segment_lesions
from operandi.imaging.lesions.segmentation.settings import SegmentationSettings
from operandi.imaging.lesions.segmentation.surroundings import every_surroundings

ADDED_UP: Final = "what is added up over lesions is left out"


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitOf:
    """Whose visit it is and what was read.

    Parameters
    ----------
    participant : Pseudonym
        The person.
    timepoint : TimepointCode
        The visit.
    inputs : tuple of Digest
        SHA-256 of what everything was computed from.
    """

    participant: Pseudonym
    timepoint: TimepointCode
    inputs: tuple[Digest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitChoices:
    """What a person decides about a visit.

    Parameters
    ----------
    segmentation : SegmentationSettings
        Resolution, method, limits.
    placed : mapping of str to PlacedSphere
        Reference spheres of a reader, by organ, in place of those by rule.
    removed : tuple of str
        Organs that the participant does not have any more, such as ``"spleen"``.
    """

    segmentation: SegmentationSettings
    placed: Mapping[str, PlacedSphere] | None = None
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LesionsOfVisit:
    """All that is known of the lesions of one visit.

    Parameters
    ----------
    suv : Volume of SUV_BODY_WEIGHT
        What they were found on.
    of : VisitOf
        Whose.
    organs : FoundOrgans
        Found, or given.
    references : ReferenceRegions
        Spheres in liver, spleen and blood pool.
    yardsticks : Yardsticks
        The same, with the reason in place of a missing one.
    segmented : SegmentedLesions
        Lesions with flags and partial-volume handling, in the order of ``lesions``.
    lesions : tuple of Lesion
        With masks on the whole grid. Named C01, C02 ... where they are candidates.
    measures : VisitMeasures
        Numbers of each lesion and of the participant.
    choices : VisitChoices
        As given.
    """

    suv: Volume
    of: VisitOf
    organs: FoundOrgans
    references: ReferenceRegions
    yardsticks: Yardsticks
    segmented: SegmentedLesions
    lesions: tuple[Lesion, ...]
    measures: VisitMeasures
    choices: VisitChoices

    @property
    def are_candidates(self) -> bool:
        """Whether uptake of an organ that was not found may be among the lesions."""
        return bool(self.segmented.unmapped)


def lesions_of_visit(  # noqa: PLR0913 - images of four contrasts
    suv: Volume,
    *,
    organs: FoundOrgans | None,
    water: Volume | None,
    fat: Volume | None,
    choices: VisitChoices,
    of: VisitOf,
    adc: Volume | None = None,
    adc_transform: npt.ArrayLike | None = None,
) -> LesionsOfVisit:
    """Find, delineate and measure the lesions of one visit.

    1. Organs, found on PET and MR where none are given (``find_organs``).
    2. Spheres in liver, spleen and blood pool (``reference_regions``).
    3. Lesions (``segment_lesions``). Where spleen, a kidney or the bladder is neither there nor
       said to be removed they are candidates, as its uptake may be among them: they are named
       C01, C02 ..., and what is added up over lesions is absent, with that reason.
    4. Measures (``measure_visit``).

    Parameters
    ----------
    suv : Volume of SUV_BODY_WEIGHT
        Static, g/mL.
    organs : FoundOrgans or None
        On the grid of ``suv``, as of ``organ_map_from``; None to find them.
    water, fat : Volume or None
        Of one Dixon series in the PET's frame of reference. Without them fat is not told from
        other tissue of low uptake and no border is trimmed.
    choices : VisitChoices
        Resolution, method, spheres of a reader, organs removed.
    of : VisitOf
        Whose visit, and what was read.
    adc : Volume of APPARENT_DIFFUSION_COEFFICIENT, optional
        Without one there are no rows of ADC.
    adc_transform : array-like, (4, 4), optional
        From positions of the ADC map to those of the PET; identity if absent.

    Raises
    ------
    DataError
        If the SUV is not static or not finite, shows no trunk where organs are to be found, a
        sphere of a reader is no reference, or there is neither a liver reference nor
        ``seed_suv``.
    GridMismatchError
        If an organ lies on another grid, or MR in another frame of reference.
    """
    if organs is None:
        organs = find_organs(suv, water=water, fat=fat)
    removed = tuple(one for one in choices.removed if organs.named(one) is None)
    references = reference_regions(suv, organs, placed=choices.placed)
    segmented = segment_lesions(
        suv,
        organs=_Listed(masks=organs.masks, absent=removed),
        references=references,
        settings=choices.segmentation,
        water=water,
    )
    if segmented.unmapped:
        segmented = replace(segmented, lesions=tuple(map(_candidate, segmented.lesions)))
    lesions = tuple(one.as_lesion() for one in segmented.lesions)
    yardsticks = _yardsticks(references, removed=removed)
    liver = organs.named(LIVER)
    images = VisitImages(
        suv=suv,
        yardsticks=yardsticks,
        liver=organs.reason_missing(LIVER) if liver is None else liver,
        adc=adc,
        adc_transform=adc_transform,
    )
    measures = measure_visit(
        images,
        lesions,
        subject_participant=of.participant,
        timepoint=of.timepoint,
        inputs=of.inputs,
    )
    return LesionsOfVisit(
        suv=suv,
        of=of,
        organs=organs,
        references=references,
        yardsticks=yardsticks,
        segmented=segmented,
        lesions=lesions,
        measures=_of_candidates(measures, segmented.unmapped),
        choices=choices,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Listed:
    """Organs as the segmentation asks for them, with those that are no more."""

    masks: tuple[tuple[str, Mask], ...]
    absent: tuple[str, ...]


def _candidate(one: SegmentedLesion) -> SegmentedLesion:
    return replace(one, id=LesionId(f"C{one.id.removeprefix('L')}"))


def _yardsticks(references: ReferenceRegions, *, removed: tuple[str, ...]) -> Yardsticks:
    def of(organ: str, region: ReferenceRegion | None) -> ReferenceRegion | str:
        if region is not None:
            return region
        if organ in removed:
            return f"the {organ} was removed, as declared"
        return references.absent.get(organ) or f"no reference in the {organ}"

    return Yardsticks(
        liver=of(LIVER, references.liver),
        spleen=of(SPLEEN, references.spleen),
        blood_pool=of(BLOOD_POOL, references.blood_pool),
    )


def _of_candidates(measures: VisitMeasures, unmapped: tuple[str, ...]) -> VisitMeasures:
    """Take back what would pass an organ's uptake off as tumor."""
    if not unmapped:
        return measures
    why = f"no mask of {' and '.join(unmapped)}, whose uptake may be among the candidates"
    return replace(
        measures,
        measurements=tuple(_as_candidate(one, why) for one in measures.measurements),
    )


def _as_candidate(one: Measurement, why: str) -> Measurement:
    if one.subject.type is SubjectType.PARTICIPANT:
        return replace(one, value=None, absent=f"{why}; {ADDED_UP}")
    return replace(one, subject=replace(one.subject, type=SubjectType.CANDIDATE))


def agreement_across_methods(
    found: LesionsOfVisit,
) -> tuple[MethodsAgreement, Mapping[LesionId, int]]:
    """Delineate the same lesions by every method; see ``methods_agreement``.

    Returns
    -------
    MethodsAgreement
        A row a seed, those included that gave no lesion by the chosen method.
    mapping of LesionId to int
        Which row is a lesion's.
    """
    settings, liver = found.choices.segmentation, found.references.liver
    seeds = find_seeds(
        found.suv,
        organs=_Listed(masks=found.organs.masks, absent=()),
        liver=liver,
        settings=settings,
    )
    agreement = methods_agreement(found.suv, seeds, liver=liver, settings=settings)
    around = every_surroundings(found.suv, seeds, liver=liver, settings=settings)
    row_at = {
        tuple(edge.start + at for edge, at in zip(box, one.seed, strict=True)): row
        for row, (one, box) in enumerate(around)
    }
    return agreement, {
        one.id: row_at[one.seed] for one in found.segmented.lesions if one.seed in row_at
    }
