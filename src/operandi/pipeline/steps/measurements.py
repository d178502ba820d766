"""Steps that turn images and regions into measurements, and measurements into the long table."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl

from operandi.domain.measurement import Measurement, Subject, SubjectType, Uncertainty
from operandi.imaging.lesions.measures.burden import (
    measure_burden,
    measure_lesion,
    measure_reference,
)
from operandi.imaging.lesions.reference import ReferenceRegion
from operandi.imaging.pet.suv import Suv, normalized
from operandi.imaging.resample import resample_mask
from operandi.pipeline.step import Refusal
from operandi.pipeline.step_settings import TableRow, Visit
from operandi.pipeline.steps.mr import MrImages
from operandi.pipeline.steps.regions import FoundLesions, Organs, ReaderRegions
from operandi.quantities.errors import DataError, OperandiError
from operandi.quantities.kinds import (
    LESION_COUNT,
    LESION_THRESHOLD,
    MR_SIGNAL_MEAN,
    SSTR_TUMOR_VOLUME,
    SUL_MEAN,
    SUV_LEAN_BODY_MASS_JANMAHASATIAN,
    SUV_MEAN,
    TOTAL_LESION_SSTR,
    UPTAKE_TIME,
    Kind,
)

VERSION: Final = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Measurements with the evidence their inputs came with."""

    measurements: tuple[Measurement, ...]
    evidence: tuple[str, ...]


def measured_liver(suv: Suv, liver: ReferenceRegion, visit: Visit) -> Measured:
    """Measure the liver reference: SUV mean and standard deviation, SUL mean."""
    found = measure_reference(
        liver,
        subject_participant=visit.participant,
        timepoint=visit.timepoint,
        inputs=visit.inputs,
    )
    others = (_sul_mean(suv, liver, visit), _uptake_time(suv, visit))
    return Measured(measurements=(*found, *others), evidence=(*suv.evidence, liver.placed_by))


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


def measured_lesions(
    suv: Suv, liver: ReferenceRegion, found: FoundLesions, visit: Visit
) -> Measured:
    """Measure every lesion, and the whole burden where physiological uptake was taken out."""
    measurements: list[Measurement] = []
    for lesion in found.components.lesions:
        measurements += measure_lesion(
            suv.volume,
            lesion,
            liver,
            subject_participant=visit.participant,
            timepoint=visit.timepoint,
            inputs=visit.inputs,
        )
    if found.unmapped:
        measurements = _as_type(measurements, SubjectType.CANDIDATE)
        measurements += absent_burden(
            visit,
            f"no organ map holds {', '.join(found.unmapped)}: what lies above the liver threshold "
            "includes physiological uptake",
        )
    else:
        measurements += measure_burden(
            suv.volume,
            found.components.lesions,
            subject_participant=visit.participant,
            timepoint=visit.timepoint,
            inputs=visit.inputs,
        )
    evidence = (
        *suv.evidence,
        f"liver reference: {liver.placed_by}",
        f"{found.components.dropped} component(s) dropped as too small or not above noise",
    )
    threshold = _threshold(found, visit)
    return Measured(measurements=(*measurements, threshold), evidence=evidence)


def _as_type(measurements: Iterable[Measurement], subject_type: SubjectType) -> list[Measurement]:
    return [replace(m, subject=replace(m.subject, type=subject_type)) for m in measurements]


def _threshold(found: FoundLesions, visit: Visit) -> Measurement:
    """The threshold moves with the image's noise; a change of burden must be read beside it."""
    return Measurement(
        subject=Subject(participant=visit.participant, type=SubjectType.PARTICIPANT),
        timepoint=visit.timepoint,
        kind=LESION_THRESHOLD,
        value=found.components.threshold,
        uncertainty=Uncertainty(None, "the liver reference's mean and SD have none either"),
        method="liver mean + 2 SD",
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
    suv: Suv, regions: ReaderRegions, liver: ReferenceRegion | Refusal | None, visit: Visit
) -> Measured:
    """Measure what readers drew; the ratio to the liver is absent where there is no reference."""
    reference = liver if isinstance(liver, ReferenceRegion) else None
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
    contours = _as_type(measurements, SubjectType.CONTOUR)
    return Measured(measurements=tuple(contours), evidence=suv.evidence)


def measured_mr(images: MrImages, organs: Organs, visit: Visit) -> Measured:
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
