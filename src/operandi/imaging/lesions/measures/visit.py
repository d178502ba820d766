"""All measures of one visit at once: of each lesion, and of the participant."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy.typing as npt

from operandi.domain.identity import Digest, Pseudonym, TimepointCode
from operandi.domain.lesion import Lesion
from operandi.domain.mask import Mask
from operandi.domain.measurement import Measurement, Subject, SubjectType
from operandi.domain.volume import Volume
from operandi.imaging.lesions.measures.axes import measure_axes
from operandi.imaging.lesions.measures.burden import measure_burden, measure_lesion
from operandi.imaging.lesions.measures.diffusion import lesion_on_adc, measure_adc
from operandi.imaging.lesions.measures.lesion_uptake import (
    LesionUptake,
    lesion_uptake,
    measure_comparison,
)
from operandi.imaging.lesions.measures.neighborhoods import box_around, mask_in, volume_in
from operandi.imaging.lesions.measures.origin import MeasurementOrigin
from operandi.imaging.lesions.measures.patient import (
    LiverInvolvement,
    liver_involvement,
    measure_liver_involvement,
    measure_spread,
)
from operandi.imaging.lesions.measures.scores import measure_krenning
from operandi.imaging.lesions.measures.yardsticks import Yardsticks
from operandi.imaging.lesions.reference import ReferenceRegion


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitImages:
    """What lesions of a visit are measured on.

    Parameters
    ----------
    suv : Volume of SUV_BODY_WEIGHT
        Static, g/mL; lesions, yardsticks and liver lie on its grid.
    yardsticks : Yardsticks
        Reference regions of ``suv``.
    liver : Mask or str
        The whole liver, or why there is none.
    adc : Volume of APPARENT_DIFFUSION_COEFFICIENT, optional
        Without one there are no rows of ADC.
    adc_transform : array-like, (4, 4), optional
        Maps positions of the ADC map to those of the PET; identity if absent.
    """

    suv: Volume
    yardsticks: Yardsticks
    liver: Mask | str
    adc: Volume | None = None
    adc_transform: npt.ArrayLike | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitMeasures:
    """Measurements of a visit, and the numbers that scores and eligibility start from.

    Parameters
    ----------
    measurements : tuple of Measurement
        Lesion by lesion, then of the participant.
    uptakes : tuple of LesionUptake
        One a lesion, in the order given.
    involvement : LiverInvolvement
        Of the liver.
    """

    measurements: tuple[Measurement, ...]
    uptakes: tuple[LesionUptake, ...]
    involvement: LiverInvolvement


def measure_visit(
    images: VisitImages,
    lesions: Sequence[Lesion],
    *,
    subject_participant: Pseudonym,
    timepoint: TimepointCode,
    inputs: Sequence[Digest],
) -> VisitMeasures:
    """Measure every lesion and the participant.

    The axes are those of the mask on the PET: the size of the uptake, not what RECIST measures.

    Raises
    ------
    DataError
        If the SUV is not static, a lesion is empty or not finite, or two share a voxel or a name.
    GridMismatchError
        If a lesion, a reference or the liver lies on another grid than the SUV.
    """
    images.yardsticks.require_grid(images.suv.grid)
    measurements: list[Measurement] = []
    uptakes = []
    for lesion in lesions:
        origin = MeasurementOrigin(
            subject=Subject(
                participant=subject_participant, type=SubjectType.LESION, name=lesion.id
            ),
            timepoint=timepoint,
            inputs=tuple(inputs),
        )
        # An empty or misplaced mask has no box: lesion_uptake refuses it by name.
        suv, here = images.suv, lesion
        if lesion.mask.inside.any() and lesion.mask.grid.same_as(suv.grid):
            box = box_around(lesion.mask)
            suv, here = volume_in(box, suv), replace(lesion, mask=mask_in(box, lesion.mask))
        uptake = lesion_uptake(suv, here)
        uptakes.append(uptake)
        measurements += _of_lesion(replace(images, suv=suv), here, uptake, origin)
    whole = MeasurementOrigin(
        subject=Subject(participant=subject_participant, type=SubjectType.PARTICIPANT),
        timepoint=timepoint,
        inputs=tuple(inputs),
    )
    involvement = liver_involvement(lesions, images.liver)
    measurements += measure_burden(
        images.suv,
        lesions,
        subject_participant=subject_participant,
        timepoint=timepoint,
        inputs=inputs,
    )
    measurements += measure_spread(uptakes, origin=whole)
    measurements.append(measure_liver_involvement(involvement, origin=whole))
    return VisitMeasures(
        measurements=tuple(measurements), uptakes=tuple(uptakes), involvement=involvement
    )


def _of_lesion(
    images: VisitImages, lesion: Lesion, uptake: LesionUptake, origin: MeasurementOrigin
) -> list[Measurement]:
    liver = images.yardsticks.liver
    found = [
        *measure_lesion(
            images.suv,
            lesion,
            _within(lesion.mask, liver) if isinstance(liver, ReferenceRegion) else None,
            subject_participant=origin.subject.participant,
            timepoint=origin.timepoint,
            inputs=origin.inputs,
        ),
        *measure_comparison(uptake, images.yardsticks, origin=origin),
        *measure_krenning(uptake, images.yardsticks, origin=origin),
        *measure_axes(lesion.mask, origin=origin),
    ]
    if images.adc is not None:
        on_map = lesion_on_adc(images.adc, lesion, transform=images.adc_transform)
        found += measure_adc(on_map, origin=origin)
    return found


def _within(mask: Mask, reference: ReferenceRegion) -> ReferenceRegion:
    """The same reference, said to lie on the lesion's box: only its mean is asked there."""
    return replace(reference, mask=mask)
