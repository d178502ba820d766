"""Steps of radiomics: features of lesions and contours on SUV, and how the image came to be.

Only by SUV: signal of MR is in arbitrary units, and the reference tissue that would make it
comparable between scans is nowhere in the study folder. Lesions bear their names over all visits.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import polars as pl

from operandi.domain.lesion import Lesion
from operandi.domain.measurement import Measurement, Subject, SubjectType, Uncertainty
from operandi.domain.volume import Volume
from operandi.imaging.dicom.files import FileRef
from operandi.imaging.dicom.index import series_of
from operandi.imaging.pet.suv import Suv
from operandi.imaging.radiomics.defaults import DEFAULTS, ImageSort, default_settings
from operandi.imaging.radiomics.extract import (
    ALL_FAMILIES,
    RESPONSE_FAMILIES,
    Extraction,
    Recipe,
    extract_recipes,
)
from operandi.imaging.radiomics.feature import Feature
from operandi.imaging.radiomics.harmonization import (
    DescriptorRow,
    acquisition_descriptors,
    descriptor_rows,
)
from operandi.imaging.radiomics.measurements import VERSION, as_measurements
from operandi.imaging.radiomics.names import FEATURE_NAMES
from operandi.imaging.radiomics.patient import ExtractedLesion, PatientImage, patient_measurements
from operandi.pipeline.step import Refusal
from operandi.pipeline.step_settings import CountedFeatures, RadiomicsFacts, Visit
from operandi.pipeline.steps.lesions import KeptLesions
from operandi.pipeline.steps.measurements import Measured
from operandi.pipeline.steps.regions import ReaderRegions
from operandi.quantities.errors import DataError, OperandiError
from operandi.quantities.kinds import RADIOMICS_FEATURE_COUNT


def lesion_features(suv: Suv, found: KeptLesions, facts: RadiomicsFacts) -> Measured:
    """Extract the features of every lesion, and of the patient where the study says how.

    Candidates have features under their own name and none of the patient, as they may be
    physiological uptake.

    Raises
    ------
    DataError
        As :func:`recipes_for`.
    """
    recipes = recipes_for(suv.volume, facts.recipes)
    extracted = _extracted(suv.volume, found.lesions, recipes)
    subject_type = SubjectType.CANDIDATE if found.are_candidates else SubjectType.LESION
    measurements = _measurements(suv.volume, extracted, subject_type, facts.visit)
    if not found.are_candidates:
        measurements += _of_patient(suv.volume, extracted, recipes, facts)
    return Measured(measurements=tuple(measurements), evidence=suv.evidence)


def contour_features(suv: Suv, regions: ReaderRegions, facts: RadiomicsFacts) -> Measured:
    """Extract the features of what readers drew.

    Raises
    ------
    DataError
        As :func:`recipes_for`.
    """
    extracted = _extracted(suv.volume, regions.lesions, recipes_for(suv.volume, facts.recipes))
    measurements = _measurements(suv.volume, extracted, SubjectType.CONTOUR, facts.visit)
    return Measured(measurements=tuple(measurements), evidence=suv.evidence)


def recipes_for(pet: Volume, recipes: tuple[Recipe, ...]) -> tuple[Recipe, ...]:
    """Return the study's recipes, or the default for SUV.

    Raises
    ------
    DataError
        If the slices lie too far apart for the default: which settings the whole study then
        takes is not this visit's to choose, because features by different ones do not compare.
    """
    if recipes:
        return recipes
    settings, spacing_mm = DEFAULTS[ImageSort.PET_SUV], pet.grid.spacing_mm
    if default_settings(ImageSort.PET_SUV, spacing_mm=spacing_mm) != settings:
        i, j, k = spacing_mm
        raise DataError(
            f"Radiomics by default interpolates to cubes, but this PET has voxels of {i:g} x {j:g} "
            f"x {k:g} mm: slices between them would be made up.",
            remedy="Name settings in 2.5D for the whole study: settings_file in [radiomics] of "
            "study.toml.",
        )
    return (Recipe(settings),)


def counted_features(measured: Measured, of: CountedFeatures) -> Measured:
    """Count the features for the report, which hundreds a lesion would drown."""
    values = [one for one in measured.measurements if one.value is not None]
    absent = len(measured.measurements) - len(values)
    regions = {(one.subject.type, one.subject.name) for one in measured.measurements}
    count = Measurement(
        subject=Subject(participant=of.visit.participant, type=SubjectType.SCAN, name=of.title),
        timepoint=of.visit.timepoint,
        kind=RADIOMICS_FEATURE_COUNT,
        value=float(len(values)),
        uncertainty=Uncertainty(None, "a count; the features are in measurements.parquet"),
        method="features with a value",
        version=VERSION,
        inputs=of.visit.inputs,
    )
    methods = sorted({one.method for one in measured.measurements})
    told = f"features of {len(regions)} subject(s), {absent} absent with their reason"
    return Measured(measurements=(count,), evidence=(*measured.evidence, told, *methods))


def image_descriptors(suv: Suv, files: tuple[FileRef, ...]) -> tuple[DescriptorRow, ...]:
    """Gather how the PET was acquired and reconstructed, for harmonization.

    The level of noise is not given: it needs the width of the reconstruction's filter. The
    liver's SUV standard deviation stands in the table.

    Raises
    ------
    DataError
        If a number in the header is none.
    """
    injected, mass_kg = suv.administration, suv.body_size.mass_kg
    descriptors = acquisition_descriptors(
        # One file says it; the SUV step has held all of them against one another.
        series_of(files[:1]).instances[0].header,
        grid=suv.volume.grid,
        injected_activity_mbq=injected.activity_bq / 1e6 if injected is not None else None,
        body_mass_kg=mass_kg,
        uptake_time_min=suv.uptake_s / 60.0 if suv.uptake_s is not None else None,
    )
    return descriptor_rows(descriptors)


def descriptors_table(*arguments: object) -> pl.DataFrame:
    """Join the descriptors of all images; a refusal becomes a row with its reason.

    Parameters
    ----------
    *arguments
        Descriptor rows or a Refusal for each visit of the last argument, a tuple of Visit.
    """
    *results, visits = arguments
    assert isinstance(visits, tuple)  # noqa: S101 - the road passes the visits last
    lines: list[dict[str, object]] = []
    for result, visit in zip(results, visits, strict=True):
        rows = result
        if isinstance(result, Refusal):
            rows = (DescriptorRow("image", None, "", str(result)),)
        assert isinstance(rows, tuple)  # noqa: S101 - the step's own type
        lines += [
            {
                "participant": visit.participant,
                "timepoint": visit.timepoint,
                "image": visit.inputs[0],
                "descriptor": row.name,
                "number": row.number,
                "text": row.text,
                "absent": row.absent,
            }
            for row in rows
        ]
    return pl.DataFrame(lines, schema=DESCRIPTOR_SCHEMA)


DESCRIPTOR_SCHEMA: Final[dict[str, pl.DataType | type[pl.DataType]]] = {
    "participant": pl.String,
    "timepoint": pl.String,
    "image": pl.String,
    "descriptor": pl.String,
    "number": pl.Float64,
    "text": pl.String,
    "absent": pl.String,
}


def _extracted(
    pet: Volume, lesions: Iterable[Lesion], recipes: Sequence[Recipe]
) -> list[tuple[ExtractedLesion, ...]]:
    """Each lesion by every recipe; a lesion that is refused has every feature absent."""
    extracted = []
    for lesion in lesions:
        try:
            found = extract_recipes(pet, lesion.mask, recipes)
        except OperandiError as refusal:
            found = tuple(_absent(recipe, str(refusal)) for recipe in recipes)
        inside = lesion.mask.inside
        mean = float(pet.values[inside].mean(dtype=np.float64)) if inside.any() else math.nan
        uptake = mean if math.isfinite(mean) else None
        extracted.append(
            tuple(
                ExtractedLesion(
                    name=str(lesion.id),
                    extraction=one,
                    volume_ml=lesion.mask.volume_ml,
                    uptake=uptake,
                )
                for one in found
            )
        )
    return extracted


def _absent(recipe: Recipe, why: str) -> Extraction:
    families = ALL_FAMILIES if recipe.filter is None else RESPONSE_FAMILIES
    features = tuple(
        Feature(tag, None, why) for tag, name in FEATURE_NAMES.items() if name.family in families
    )
    return Extraction(features, recipe, None)


def _measurements(
    pet: Volume,
    extracted: Iterable[tuple[ExtractedLesion, ...]],
    subject_type: SubjectType,
    visit: Visit,
) -> list[Measurement]:
    return [
        measurement
        for by_recipe in extracted
        for one in by_recipe
        for measurement in as_measurements(
            one.extraction,
            subject=Subject(participant=visit.participant, type=subject_type, name=one.name),
            timepoint=visit.timepoint,
            image=pet.kind,
            inputs=visit.inputs,
        )
    ]


def _of_patient(
    pet: Volume,
    extracted: Sequence[tuple[ExtractedLesion, ...]],
    recipes: Sequence[Recipe],
    facts: RadiomicsFacts,
) -> list[Measurement]:
    visit = facts.visit
    of = PatientImage(
        subject=Subject(participant=visit.participant, type=SubjectType.PARTICIPANT),
        timepoint=visit.timepoint,
        image=pet.kind,
        inputs=visit.inputs,
    )
    return [
        measurement
        for at, recipe in enumerate(recipes)
        for aggregation in facts.patient
        for measurement in patient_measurements(
            [by_recipe[at] for by_recipe in extracted],
            _absent(recipe, "no lesion was found"),
            aggregation,
            of=of,
        )
    ]
