"""Steps that turn images and regions into measurements, and measurements into the long table."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl

from operandi.domain.measurement import Measurement, Subject, SubjectType, Uncertainty
from operandi.imaging.lesions.found_organs import FoundOrgans
from operandi.imaging.lesions.measures.burden import measure_lesion, measure_reference
from operandi.imaging.lesions.measures.origin import MeasurementOrigin
from operandi.imaging.lesions.measures.positivity import (
    measure_positivity,
    receptor_lesions,
    receptor_positivity,
)
from operandi.imaging.lesions.reference import BLOOD_POOL, LIVER, SPLEEN, ReferenceRegion
from operandi.imaging.lesions.sought_again import SearchOutcome
from operandi.imaging.pet.suv import Suv, normalized
from operandi.imaging.resample import resample_mask
from operandi.pipeline.step import Refusal
from operandi.pipeline.step_settings import TableRow, Visit
from operandi.pipeline.steps.lesions import KeptLesions
from operandi.pipeline.steps.mr import MrImages
from operandi.pipeline.steps.regions import ReaderRegions
from operandi.quantities.errors import DataError, OperandiError
from operandi.quantities.kinds import (
    LESION_COUNT,
    LESION_THRESHOLD,
    LESION_TO_LIVER_RATIO,
    MR_SIGNAL_MEAN,
    SSTR_TUMOR_VOLUME,
    SUL_MEAN,
    SUV_LEAN_BODY_MASS_JANMAHASATIAN,
    SUV_MAXIMUM,
    SUV_MEAN,
    SUV_PEAK,
    TOTAL_LESION_SSTR,
    UPTAKE_TIME,
    VOLUME,
    Kind,
)

VERSION: Final = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Measurements with the evidence their inputs came with.

    Parameters
    ----------
    measurements : tuple of Measurement
        Values, or reasons.
    evidence : tuple of str
        What they rest on, line by line.
    remarks : tuple of str
        What a reader of the report should know.
    matters : tuple of (what, remedy)
        What a reader can mend.
    """

    measurements: tuple[Measurement, ...]
    evidence: tuple[str, ...]
    remarks: tuple[str, ...] = ()
    matters: tuple[tuple[str, str], ...] = ()


def measured_references(suv: Suv, found: KeptLesions, visit: Visit) -> Measured:
    """Measure the references in liver, spleen and blood pool, SUL of the liver, the uptake time.

    Where there is no reference its mean is absent, with the reason.
    """
    measurements: list[Measurement] = []
    placed: list[str] = []
    references = found.references
    for organ, region in (
        (LIVER, references.liver),
        (SPLEEN, references.spleen),
        (BLOOD_POOL, references.blood_pool),
    ):
        if region is None:
            measurements.append(_absent_reference(visit, organ, references.absent[organ]))
            continue
        placed.append(f"{organ} reference: {region.placed_by}")
        measurements += measure_reference(
            region,
            subject_participant=visit.participant,
            timepoint=visit.timepoint,
            inputs=visit.inputs,
        )
        if organ == LIVER:
            measurements.append(_sul_mean(suv, region, visit))
    measurements.append(_uptake_time(suv, visit))
    return Measured(measurements=tuple(measurements), evidence=(*suv.evidence, *placed))


def _absent_reference(visit: Visit, organ: str, why: str) -> Measurement:
    return Measurement(
        subject=Subject(participant=visit.participant, type=SubjectType.ORGAN, name=organ),
        timepoint=visit.timepoint,
        kind=SUV_MEAN,
        value=None,
        absent=why,
        uncertainty=Uncertainty(None, "there is no value"),
        method="mean of the reference sphere",
        version=VERSION,
        inputs=visit.inputs,
    )


def _uptake_time(suv: Suv, visit: Visit) -> Measurement:
    """Uptake still rises or falls at the scan: visits compare only at like times."""
    known = suv.uptake_s is not None
    return Measurement(
        subject=Subject(participant=visit.participant, type=SubjectType.PARTICIPANT),
        timepoint=visit.timepoint,
        kind=UPTAKE_TIME,
        value=suv.uptake_s / 60.0 if suv.uptake_s is not None else None,
        absent="" if known else "the scanner stored SUV, and its times were not needed",
        uncertainty=Uncertainty(None, "clocks were not compared"),
        method="scan start minus injection",
        version=VERSION,
        inputs=visit.inputs,
    )


def _sul_mean(suv: Suv, liver: ReferenceRegion, visit: Visit) -> Measurement:
    """SUL is the liver reference of least spread between patients; absent without height or sex."""
    value, absent = None, ""
    try:
        sul = normalized(suv, SUV_LEAN_BODY_MASS_JANMAHASATIAN)
    except OperandiError as error:
        absent = str(error)
    else:
        value = float(sul.values[liver.mask.inside].mean(dtype=np.float64))
    return Measurement(
        subject=Subject(participant=visit.participant, type=SubjectType.ORGAN, name=liver.organ),
        timepoint=visit.timepoint,
        kind=SUL_MEAN,
        value=value,
        absent=absent,
        uncertainty=Uncertainty(None, "no repeatability of SUL on SSTR PET has been published"),
        method="mean of the reference sphere, lean body mass after Janmahasatian",
        version=VERSION,
        inputs=visit.inputs,
    )


_SHOWN: Final = frozenset(
    {
        SUV_MAXIMUM,
        SUV_MEAN,
        SUV_PEAK,
        VOLUME,
        TOTAL_LESION_SSTR,
        LESION_TO_LIVER_RATIO,
    }
)
"""Kinds of lesions that the report shows; the others stand in the table, and would drown it."""


def measured_lesions(suv: Suv, found: KeptLesions, visit: Visit) -> Measured:
    """The usual measures of every lesion, all of the participant, and the level of the search."""
    measurements = [
        one
        for one in found.measures.measurements
        if one.subject.type is SubjectType.PARTICIPANT or one.kind in _SHOWN
    ]
    measurements += _positivity(found, visit)
    level = _level(found, visit)
    if level is not None:
        measurements.append(level)
    segmented = found.segmented
    evidence = (
        *suv.evidence,
        *(f"organ {one.name}: {one.how}" for one in found.organs.organs),
        *(f"no organ {one.name}: {one.reason}" for one in found.organs.missing),
        f"lesions: {segmented.rule}; borders by {segmented.settings.method} at a resolution of "
        f"{segmented.settings.fwhm_mm:g} mm",
        f"{segmented.dropped} seed(s) that gave no lesion",
        *segmented.bowel_words,
        *(f"{one.id}: {'; '.join(map(str, one.flags))}" for one in segmented.lesions if one.flags),
        *found.notes,
    )
    return Measured(
        measurements=tuple(measurements),
        evidence=evidence,
        remarks=(*found.notes, *segmented.bowel_words, *_sought_again(found)),
        matters=_of_candidates(found),
    )


def _sought_again(found: KeptLesions) -> Iterator[str]:
    """What became of lesions that an earlier visit saw, where that is not plain."""
    for one in found.sought_again:
        seen = f"{one.earlier}, seen at {one.seen_at},"
        if one.outcome is SearchOutcome.FOUND_BECAUSE_SEEN_BEFORE:
            yield f"{seen} was found again because its place was known: it is not above the liver"
        elif one.outcome is SearchOutcome.NOT_FOUND_AGAIN:
            limit = one.upper_limit_suv
            at_most = "" if limit is None else f"; it may still have up to {limit:.3g} g/mL"
            yield f"{seen} was not found again{at_most}"
        elif one.outcome is SearchOutcome.NOT_LOOKED:
            yield f"{seen} could not be looked for: {one.reason}"
        elif one.outcome is SearchOutcome.REMOVED:
            yield f"{seen} is no longer there, as a reader said: what was marked was removed"


def further_measures(found: KeptLesions) -> Measured:
    """The other measures of lesions: ratios, scores, axes, variation, diffusion."""
    return Measured(
        measurements=tuple(
            one
            for one in found.measures.measurements
            if one.subject.type is not SubjectType.PARTICIPANT and one.kind not in _SHOWN
        ),
        evidence=(),
    )


def _of_candidates(found: KeptLesions) -> tuple[tuple[str, str], ...]:
    lacking = found.segmented.unmapped
    if not lacking:
        return ()
    what = (
        f"No mask of {', '.join(lacking)}: its uptake may be among what was found, which is "
        "listed as candidates; no tumor burden is given."
    )
    remedy = (
        "Send a DICOM segmentation of the organs into dicom/, or declare organs_absent for what "
        "was removed."
    )
    return ((what, remedy),)


def _positivity(found: KeptLesions, visit: Visit) -> tuple[Measurement, ...]:
    """Share of lesions above the liver; none of candidates, which may be organs."""
    if found.are_candidates:
        return ()
    lesions = receptor_lesions(found.measures.uptakes, found.yardsticks, on_anatomical_imaging={})
    origin = MeasurementOrigin(
        subject=Subject(participant=visit.participant, type=SubjectType.PARTICIPANT),
        timepoint=visit.timepoint,
        inputs=visit.inputs,
    )
    return (measure_positivity(receptor_positivity(lesions, targets=()), origin=origin),)


def _level(found: KeptLesions, visit: Visit) -> Measurement | None:
    """The level of the search moves with the liver; a change of burden must be read beside it."""
    liver, settings = found.references.liver, found.segmented.settings
    level = settings.seed_suv if liver is None else settings.seed_liver_ratio * liver.mean
    if level is None:
        return None
    return Measurement(
        subject=Subject(participant=visit.participant, type=SubjectType.PARTICIPANT),
        timepoint=visit.timepoint,
        kind=LESION_THRESHOLD,
        value=level,
        uncertainty=Uncertainty(None, "the liver reference's mean has none either"),
        method="level of smoothed uptake that a lesion outside the liver must exceed",
        version=VERSION,
        inputs=visit.inputs,
    )


def absent_burden(visit: Visit, why: str) -> tuple[Measurement, ...]:
    """The burden's measurements without values, so that a missing one is a row with its reason."""
    return tuple(
        _absent(visit, kind, why) for kind in (SSTR_TUMOR_VOLUME, TOTAL_LESION_SSTR, LESION_COUNT)
    )


def _absent(visit: Visit, kind: Kind, why: str) -> Measurement:
    return Measurement(
        subject=Subject(participant=visit.participant, type=SubjectType.PARTICIPANT),
        timepoint=visit.timepoint,
        kind=kind,
        value=None,
        absent=why,
        uncertainty=Uncertainty(None, "there is no value"),
        method="refused",
        version=VERSION,
        inputs=visit.inputs,
    )


def measured_reader_regions(
    suv: Suv, regions: ReaderRegions, found: KeptLesions | Refusal | None, visit: Visit
) -> Measured:
    """Measure what readers drew; the ratio to the liver is absent where there is no reference."""
    reference = found.references.liver if isinstance(found, KeptLesions) else None
    measurements = [
        measurement
        for lesion in regions.lesions
        for measurement in measure_lesion(
            suv.volume,
            lesion,
            reference,
            subject_participant=visit.participant,
            timepoint=visit.timepoint,
            inputs=visit.inputs,
        )
    ]
    contours = tuple(
        replace(one, subject=replace(one.subject, type=SubjectType.CONTOUR)) for one in measurements
    )
    return Measured(measurements=contours, evidence=suv.evidence)


def measured_mr(images: MrImages, organs: FoundOrgans, visit: Visit) -> Measured:
    """Mean signal of the liver on the MR's own grid, for each volume of the series.

    Raises
    ------
    DataError
        If the organ map has no liver, or it lies outside the MR.
    """
    liver = organs.named("liver")
    if liver is None:
        raise DataError(
            "The organ map has no segment called liver.",
            remedy="Label the liver's segment 'Liver'.",
        )
    measurements = []
    for key, volume in images.volumes:
        inside = resample_mask(liver, volume.grid).inside
        if not inside.any():
            raise DataError(f"The liver lies outside the MR series {images.name!r}.")
        name = ", ".join(filter(None, (images.name, key, "liver")))
        measurements.append(
            Measurement(
                subject=Subject(participant=visit.participant, type=SubjectType.SCAN, name=name),
                timepoint=visit.timepoint,
                kind=MR_SIGNAL_MEAN,
                value=float(volume.values[inside].mean(dtype=np.float64)),
                uncertainty=Uncertainty(
                    None, "MR signal is in arbitrary units and not comparable between scans"
                ),
                method="mean of the organ's voxels on the MR grid",
                version=VERSION,
                inputs=visit.inputs,
            )
        )
    return Measured(measurements=tuple(measurements), evidence=(images.what,))


def measurements_table(*arguments: object) -> pl.DataFrame:
    """Join all measurements into the one long table; a refusal becomes a row with its reason.

    Parameters
    ----------
    *arguments
        One Measured or Refusal for each row with a node of the last argument, a tuple of TableRow.

    Returns
    -------
    polars.DataFrame
        One row a measurement, in the columns of ``SCHEMA``, in the order of the rows.

    Raises
    ------
    ValueError
        If two measurements have one name.
    """
    *results, rows = arguments
    assert isinstance(rows, tuple)  # noqa: S101 - the road passes the rows last
    lines: list[dict[str, object]] = []
    remaining = iter(results)
    for row in rows:
        result = row.absent or next(remaining)
        if isinstance(result, Measured):
            lines += [_line(m, row) for m in result.measurements]
        elif isinstance(result, Refusal | str) and row.burden:
            lines += [_line(m, row) for m in absent_burden(row.visit, str(result))]
    assert next(remaining, None) is None  # noqa: S101 - the road passes a result for each row
    names = Counter(str(line["measurement"]) for line in lines)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise ValueError(f"several measurements are called {', '.join(twice)}")
    return pl.DataFrame(lines, schema=SCHEMA)


SCHEMA: Final[dict[str, pl.DataType | type[pl.DataType]]] = {
    "measurement": pl.String,
    "participant": pl.String,
    "timepoint": pl.String,
    "subject_type": pl.String,
    "subject": pl.String,
    "kind": pl.String,
    "title": pl.String,
    "unit": pl.String,
    "value": pl.Float64,
    "absent": pl.String,
    "standard_uncertainty": pl.Float64,
    "uncertainty_basis": pl.String,
    "method": pl.String,
    "version": pl.String,
    "inputs": pl.List(pl.String),
    "step": pl.String,
    "step_subject": pl.String,
}
"""The one long table: every analysis, plot and export reads these columns."""


def _line(measurement: Measurement, row: TableRow) -> dict[str, object]:
    return {
        "measurement": measurement.id,
        "participant": measurement.subject.participant,
        "timepoint": measurement.timepoint,
        "subject_type": measurement.subject.type.value,
        "subject": measurement.subject.name,
        "kind": measurement.kind.name,
        "title": measurement.kind.title,
        "unit": measurement.kind.unit,
        "value": measurement.value,
        "absent": measurement.absent,
        "standard_uncertainty": measurement.uncertainty.standard,
        "uncertainty_basis": measurement.uncertainty.basis,
        "method": measurement.method,
        "version": measurement.version,
        "inputs": list(measurement.inputs),
        "step": row.step,
        "step_subject": row.subject,
    }


HEADLINE_KINDS: Final = (SSTR_TUMOR_VOLUME, TOTAL_LESION_SSTR, LESION_COUNT, SUV_MEAN)
"""Kinds whose course over the visits the report shows."""
