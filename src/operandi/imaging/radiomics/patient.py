"""Features of a patient's lesions as measurements of the patient."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from operandi.domain.identity import Digest, TimepointCode
from operandi.domain.measurement import Measurement, Subject, Uncertainty
from operandi.imaging.radiomics.aggregation import (
    ADDITIVE,
    Aggregation,
    LesionFeature,
    to_patient,
)
from operandi.imaging.radiomics.extract import Extraction
from operandi.imaging.radiomics.measurements import UNKNOWN, VERSION, gives_levels, kind_of
from operandi.quantities.kinds import Kind

_NO_LESION: Final = "no lesion was found"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractedLesion:
    """A lesion's features by one recipe, with what aggregation weighs and chooses by.

    Parameters
    ----------
    name : str
        Of the lesion.
    extraction : Extraction
        Of the lesion.
    volume_ml : float, > 0
        Of its mask.
    uptake : float or None
        Mean uptake, in the image's unit; None where there is no voxel.
    """

    name: str
    extraction: Extraction
    volume_ml: float
    uptake: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientImage:
    """Whose image it is, of when, of what kind, from which inputs.

    Parameters
    ----------
    subject, timepoint, image, inputs
        As of :func:`~.measurements.as_measurements`; the subject is the participant.
    """

    subject: Subject
    timepoint: TimepointCode
    image: Kind
    inputs: tuple[Digest, ...]


def patient_measurements(
    lesions: Sequence[ExtractedLesion],
    like: Extraction,
    aggregation: Aggregation,
    *,
    of: PatientImage,
) -> tuple[Measurement, ...]:
    """Make one value a feature of all lesions of a patient.

    Parameters
    ----------
    lesions : sequence of ExtractedLesion
        All of the patient's, by one recipe; may be empty.
    like : Extraction
        Any by that recipe, which says what features there are.
    aggregation : Aggregation
        How. Of a sum, only the features that add up over lesions.
    of : PatientImage
        Whose.

    Returns
    -------
    tuple of Measurement
        The kind bears the aggregation's name, in the feature's unit; the uncertainty's basis says
        on how many lesions a value rests.
    """
    recipe = like.recipe
    found: Mapping[str, list[LesionFeature]] = {
        feature.tag: []
        for feature in like.features
        if aggregation is not Aggregation.SUM or feature.tag in ADDITIVE
    }
    for lesion in lesions:
        for feature in lesion.extraction.features:
            if feature.tag in found:
                found[feature.tag].append(
                    LesionFeature(
                        lesion=lesion.name,
                        feature=feature,
                        volume_ml=lesion.volume_ml,
                        uptake=lesion.uptake,
                    )
                )
    measurements = []
    for tag, each in found.items():
        value, absent, uncertainty = None, _NO_LESION, UNKNOWN
        if each:
            one = to_patient(each, aggregation=aggregation)
            value, absent = one.feature.value, one.feature.absent
            uncertainty = Uncertainty(
                None,
                f"rests on {one.used} of {one.lesions} lesions; those with the feature hold "
                f"{100.0 * one.volume_share:.0f} % of the volume; {UNKNOWN.basis}",
            )
        of_lesion = kind_of(
            tag,
            of.image,
            dimension=recipe.settings.dimension,
            filter_=recipe.filter,
            levels=gives_levels(tag, recipe),
        )
        measurements.append(
            Measurement(
                subject=of.subject,
                timepoint=of.timepoint,
                kind=_aggregated(of_lesion, aggregation),
                value=value,
                absent=absent,
                uncertainty=uncertainty,
                method=f"radiomics, settings {recipe.digest[:12]}, {aggregation}",
                version=VERSION,
                inputs=of.inputs,
            )
        )
    return tuple(measurements)


def _aggregated(kind: Kind, aggregation: Aggregation) -> Kind:
    code = aggregation.value.upper().replace(" ", "_").replace("-", "_")
    return Kind(f"{kind.name}_{code}", f"{kind.title}, {aggregation}", kind.unit)
