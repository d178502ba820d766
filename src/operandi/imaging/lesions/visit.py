"""Lesions of one visit, from SUV to measures: organs, references, segmentation, measures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy.typing as npt

from operandi.domain.identity import Digest, LesionId, Pseudonym, TimepointCode
from operandi.domain.lesion import Lesion
from operandi.domain.mask import Mask
from operandi.domain.measurement import Measurement, SubjectType
from operandi.domain.volume import Volume
from operandi.imaging.lesions.carried import SeenBefore, carried_places
from operandi.imaging.lesions.found_organs import FoundOrgans, MissingOrgan
from operandi.imaging.lesions.lesion_version import LesionVersion, RemovedLesion
from operandi.imaging.lesions.measures.visit import VisitImages, VisitMeasures, measure_visit
from operandi.imaging.lesions.measures.yardsticks import Yardsticks
from operandi.imaging.lesions.models.lesions_predicted import (
    delineation_of,
    lesions_predicted,
    organs_predicted,
)
from operandi.imaging.lesions.models.protocol import (
    ModelIdentity,
    ModelImages,
    SegmentationModel,
)
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
from operandi.imaging.lesions.seeking_again import Background, outline_of, seek_again
from operandi.imaging.lesions.segmentation.found import SegmentedLesion, SegmentedLesions
from operandi.imaging.lesions.segmentation.methods_agreement import (
    MethodsAgreement,
    methods_agreement,
)
from operandi.imaging.lesions.segmentation.seeds import find_seeds, organ_masks
from operandi.imaging.lesions.segmentation.segment import segment_lesions
from operandi.imaging.lesions.segmentation.settings import SegmentationSettings
from operandi.imaging.lesions.segmentation.surroundings import every_surroundings
from operandi.imaging.lesions.sought_again import SoughtAgain
from operandi.quantities.errors import DataError

_BORDERED: Final = {SubjectType.LESION, SubjectType.CANDIDATE, SubjectType.PARTICIPANT}

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
    model : SegmentationModel, optional
        As of ``open_model``. Its labels take the place of seeds and borders; of the segmentation
        settings resolution, least volume and partial-volume handling remain.
    """

    segmentation: SegmentationSettings
    placed: Mapping[str, PlacedSphere] | None = None
    removed: tuple[str, ...] = ()
    model: SegmentationModel | None = None


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
        As given, without the opened model.
    versions : tuple of LesionVersion
        The automatic version and every correction up to this one, oldest first; empty where no
        reader corrected them.
    removed : tuple of RemovedLesion
        Lesions of earlier versions that this one does not have, by name.
    sought_again : tuple of SoughtAgain
        What became of the lesions of the visit before; empty where none was given.
    model : ModelIdentity or None
        Whose labels the lesions are; None for those found here.
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
    sought_again: tuple[SoughtAgain, ...] = ()
    model: ModelIdentity | None = None
    versions: tuple[LesionVersion, ...] = ()
    removed: tuple[RemovedLesion, ...] = ()

    @property
    def version(self) -> LesionVersion | None:
        """Who corrected them last, and how; None where no reader did."""
        return self.versions[-1] if self.versions else None

    @property
    def border(self) -> str:
        """How borders were found."""
        return (
            f"the model {self.model.words}" if self.model else str(self.choices.segmentation.method)
        )

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
    earlier: LesionsOfVisit | None = None,
) -> LesionsOfVisit:
    """Find, delineate and measure the lesions of one visit.

    1. Organs, found on PET and MR where none are given (``find_organs``).
    2. Spheres in liver, spleen and blood pool (``reference_regions``).
    3. Lesions (``segment_lesions``). Where spleen, a kidney or the bladder is neither there nor
       said to be removed they are candidates, as its uptake may be among them: they are named
       C01, C02 ..., and what is added up over lesions is absent, with that reason.
    4. Measures (``measure_visit``).

    With ``choices.model`` its labels are the lesions (``lesions_predicted``), never candidates, and
    its organs, where it has some and none are given, take the place of those found
    (``organs_predicted``). Name, version and digest of the model stand in every measure.

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
    earlier : LesionsOfVisit, optional
        The visit before of the same participant, whose lesions are sought at their places.

    Raises
    ------
    DataError
        If the SUV is not static or not finite, shows no trunk where organs are to be found, a
        sphere of a reader is no reference, or there is neither a liver reference nor
        ``seed_suv``, the organs given hold one that is said to be removed, or the model refuses.
    GridMismatchError
        If an organ lies on another grid, or MR in another frame of reference.
    """
    if earlier is not None and earlier.of.participant != of.participant:
        raise DataError(
            f"The visit before must be of {of.participant}, found {earlier.of.participant}.",
            remedy="Give the earlier visit of the same participant.",
        )
    prediction = None
    if choices.model is not None:
        # A map that needs a transform lies in no frame that a model could take it from.
        asked = {
            "suv": suv,
            "water": water,
            "fat": fat,
            "adc": adc if adc_transform is None else None,
        }
        prediction = choices.model.predict(_given(asked, of))
        of = replace(of, inputs=(*of.inputs, prediction.model.digest, *prediction.inputs))
    if organs is None:
        organs = find_organs(suv, water=water, fat=fat)
        organs = organs if prediction is None else organs_predicted(prediction, organs)
        organs = _without_removed(organs, choices.removed)
    else:
        _require_removed(organs, choices.removed)
    removed = choices.removed
    references = reference_regions(suv, organs, placed=choices.placed)
    listed, settings = _Listed(masks=organs.masks, absent=removed), choices.segmentation
    segmented = (
        segment_lesions(suv, organs=listed, references=references, settings=settings, water=water)
        if prediction is None
        else lesions_predicted(
            suv, prediction=prediction, organs=listed, references=references, settings=settings
        )
    )
    sought: tuple[SoughtAgain, ...] = ()
    if earlier is not None:
        segmented, sought = _with_those_seen_before(
            segmented, earlier, suv=suv, organs=organs, references=references, of=of
        )
    if segmented.unmapped:
        sought = tuple(
            one
            if one.found_as is None
            else replace(one, found_as=_as_candidate_named(one.found_as))
            for one in sought
        )
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
        measures=told_of_model(
            told_of_candidates(measures, segmented.unmapped),
            prediction.model if prediction else None,
            lesions=lesions,
        ),
        choices=replace(choices, model=None),
        model=prediction.model if prediction else None,
        sought_again=sought,
    )


def _with_those_seen_before(
    segmented: SegmentedLesions,
    earlier: LesionsOfVisit,
    *,
    suv: Volume,
    organs: FoundOrgans,
    references: ReferenceRegions,
    of: VisitOf,
) -> tuple[SegmentedLesions, tuple[SoughtAgain, ...]]:
    """Add what stands out where a lesion was seen before."""
    seen = [
        SeenBefore(name=one.id, seen_at=earlier.of.timepoint, outline=outline_of(one))
        for one in earlier.segmented.lesions
    ]
    # What the visit before sought in vain is sought on; not what a reader said to be no lesion, as
    # the same uptake would be marked again.
    seen += [
        SeenBefore(name=one.earlier, seen_at=one.seen_at, outline=one.outline)
        for one in earlier.sought_again
        if one.found_as is None
    ]
    places, moved_by = carried_places(
        tuple(seen),
        timepoints=(earlier.of.timepoint, of.timepoint),
        organs=(earlier.organs, organs),
        grid=suv.grid,
    )
    organ, liver, _ = organ_masks(suv, organs)
    return seek_again(
        places,
        moved_by,
        found=segmented,
        background=Background(
            suv=suv,
            organ=organ,
            liver=liver,
            reference=references.liver,
            settings=segmented.settings,
        ),
    )


def _without_removed(organs: FoundOrgans, removed: tuple[str, ...]) -> FoundOrgans:
    """Nothing that was found can be an organ that is no more: it is something else."""
    gone = [one.name for one in organs.organs if one.name in removed]
    return replace(
        organs,
        organs=tuple(one for one in organs.organs if one.name not in removed),
        missing=tuple(
            sorted(
                (
                    *organs.missing,
                    *(MissingOrgan(name=name, reason="removed, as declared") for name in gone),
                ),
                key=lambda organ: organ.name,
            )
        ),
    )


def _require_removed(organs: FoundOrgans, removed: tuple[str, ...]) -> None:
    for name in removed:
        mask = organs.named(name)
        if mask is not None:
            raise DataError(
                f"The {name} is declared to be removed, and the organ map has one of "
                f"{mask.volume_ml:.0f} mL.",
                remedy="Correct the declaration or the organ map.",
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Listed:
    """Organs as the segmentation asks for them, with those that are no more."""

    masks: tuple[tuple[str, Mask], ...]
    absent: tuple[str, ...]


def _given(asked: Mapping[str, Volume | None], of: VisitOf) -> ModelImages:
    return ModelImages(
        volumes={name: volume for name, volume in asked.items() if volume is not None},
        participant=of.participant,
        timepoint=of.timepoint,
    )


def told_of_model(
    measures: VisitMeasures, model: ModelIdentity | None, *, lesions: Sequence[Lesion]
) -> VisitMeasures:
    """Say in every measure that depends on a border of a model whose it is.

    Parameters
    ----------
    measures : VisitMeasures
        As measured.
    model : ModelIdentity or None
        Whose labels they are; without one nothing is said.
    lesions : sequence of Lesion
        Those whose delineation does not name the model have a border of their own.
    """
    if model is None:
        return measures
    words, labels = model.words, delineation_of(model)
    own = {one.id for one in lesions if not one.delineation.startswith(labels)}
    return replace(
        measures,
        measurements=tuple(
            replace(one, method=f"{one.method}; border of the model {words}")
            if one.subject.type in _BORDERED and one.subject.name not in own
            else one
            for one in measures.measurements
        ),
    )


def _candidate(one: SegmentedLesion) -> SegmentedLesion:
    return replace(one, id=_as_candidate_named(one.id))


def _as_candidate_named(name: LesionId) -> LesionId:
    return LesionId(f"C{name.removeprefix('L')}")


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


def told_of_candidates(measures: VisitMeasures, unmapped: tuple[str, ...]) -> VisitMeasures:
    """Take back what would pass an organ's uptake off as tumor; nothing where no organ lacks."""
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

    Of lesions that a model labeled those are compared whose hottest voxel is a seed of ours.

    Returns
    -------
    MethodsAgreement
        A row a seed, those included that gave no lesion by the chosen method.
    mapping of LesionId to int
        Which row is a lesion's.
    """
    settings, liver = found.choices.segmentation, found.references.liver
    if found.model is not None and liver is None and settings.seed_suv is None:
        # A model needs no level of uptake to find lesions by; our own methods do.
        return MethodsAgreement(methods=(), values=(), correlation=()), {}
    seeds = find_seeds(
        found.suv,
        organs=_Listed(masks=found.organs.masks, absent=()),
        liver=liver,
        settings=settings,
        blood=found.references.blood_pool,
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
