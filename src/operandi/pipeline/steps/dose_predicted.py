"""Steps that predict the dose of a therapy from the PET before it."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from operandi.domain.mask import Mask
from operandi.domain.measurement import Measurement, Subject, SubjectType
from operandi.imaging.lesions.found_organs import FoundOrgans
from operandi.imaging.pet.suv import Suv
from operandi.pipeline.step_settings import PredictionSettings, Visit
from operandi.pipeline.steps.lesions import KeptLesions
from operandi.pipeline.steps.measurements import Measured
from operandi.quantities.errors import DataError, OperandiError
from operandi.therapy.dose_tier import AbsentDose, dose_measurement
from operandi.therapy.pet_baseline import DosePrediction, PetBaseline, PetSite, Site, TumorGrade
from operandi.therapy.predicted_dose import model_of, predicted_measurement
from operandi.therapy.predicted_dose_prior import default_prior

VERSION: Final = "1"
_ORGANS: Final = {
    Site.KIDNEYS: ("left kidney", "right kidney"),
    Site.SPLEEN: ("spleen",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedDoses:
    """What a PET before the therapy says of its doses.

    Parameters
    ----------
    lesions, organs : tuple of DosePrediction
        Per administered activity, each with its interval.
    refused : tuple of (name, whether a lesion, reason)
        What could not be predicted.
    tracer : str
        What the PET was made with.
    """

    lesions: tuple[DosePrediction, ...]
    organs: tuple[DosePrediction, ...]
    refused: tuple[tuple[str, bool, str], ...]
    tracer: str


def predicted_doses(suv: Suv, found: KeptLesions, settings: PredictionSettings) -> PredictedDoses:
    """Predict the dose of every lesion, of kidneys and spleen, per administered activity.

    Raises
    ------
    DataError
        If there is no lesion, or the tracer or the body mass is not known.
    UnsupportedError
        If the tracer is not one that the model was made for.
    """
    if found.are_candidates:
        # The visit says already what to send; a row that is absent with its reason is enough.
        reason = (
            f"There is no mask of {', '.join(found.segmented.unmapped)}: the tumor that takes up "
            "the therapy cannot be told from physiological uptake."
        )
        return PredictedDoses(
            lesions=(), organs=(), refused=(("lesions", True, reason),), tracer=settings.tracer
        )
    lesions = found.lesions
    if not lesions:
        raise DataError("No lesion was found on the PET, so that there is no dose to predict.")
    if suv.body_size.mass_kg is None:
        raise DataError(
            "A prediction needs the body mass at the PET.", remedy="Record the weight in vitals."
        )
    if not settings.tracer:
        raise DataError(
            "A prediction needs the tracer of the PET, and tracer_administrations has no row.",
            remedy="Record the tracer in tracer_administrations.",
        )
    baseline = PetBaseline(
        patient=settings.visit.participant,
        tracer=settings.tracer,
        body_mass_kg=suv.body_size.mass_kg,
        tumor_volume_ml=sum(lesion.mask.volume_ml for lesion in lesions),
        grade=TumorGrade(settings.grade),
        sites=tuple(_site(lesion.id, lesion.mask, suv) for lesion in lesions),
    )
    predicted: list[DosePrediction] = []
    refused: list[tuple[str, bool, str]] = []
    for site, parts in _ORGANS.items():
        try:
            mask = _joined(found.organs, parts)
            alone = replace(baseline, sites=(_site(site.value, mask, suv),))
            predicted += model_of(default_prior(site)).predict(alone)
        except OperandiError as error:
            refused.append((site.value, False, str(error)))
    return PredictedDoses(
        lesions=model_of(default_prior(Site.LESION)).predict(baseline),
        organs=tuple(predicted),
        refused=tuple(refused),
        tracer=settings.tracer,
    )


def _site(name: str, mask: Mask, suv: Suv) -> PetSite:
    mean = float(suv.volume.values[mask.inside].mean(dtype=np.float64))
    return PetSite(name=name, suv_mean=mean, volume_ml=mask.volume_ml)


def _joined(organs: FoundOrgans, parts: tuple[str, ...]) -> Mask:
    found = [organs.named(part) for part in parts]
    masks = [mask for mask in found if mask is not None]
    if len(masks) < len(parts):
        raise DataError(
            f"There is no mask of {' or '.join(parts)}.",
            remedy="Send a DICOM segmentation that holds it; a removed organ has no dose.",
        )
    inside = np.logical_or.reduce([mask.inside for mask in masks])
    return Mask(inside, masks[0].grid)


def measured_prediction(predicted: PredictedDoses, visit: Visit) -> Measured:
    """Put predictions into the table, in a tier of their own."""
    measurements: list[Measurement] = []
    for one, kind in (
        *((one, SubjectType.LESION) for one in predicted.lesions),
        *((one, SubjectType.ORGAN) for one in predicted.organs),
    ):
        measured = predicted_measurement(
            one,
            subject=Subject(participant=visit.participant, type=kind, name=one.name),
            inputs=visit.inputs,
        )
        measurements.append(replace(measured, timepoint=visit.timepoint))
    for name, is_lesion, reason in predicted.refused:
        kind = SubjectType.LESION if is_lesion else SubjectType.ORGAN
        measurements.append(
            dose_measurement(
                Subject(participant=visit.participant, type=kind, name=name),
                AbsentDose(reason),
                method="prediction refused",
                version=VERSION,
                timepoint=visit.timepoint,
                inputs=visit.inputs,
            )
        )
    return Measured(
        measurements=tuple(measurements), evidence=(f"tracer {predicted.tracer} as recorded",)
    )
