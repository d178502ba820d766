"""Measurements into a report's numbers, and back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from operandi.domain.identity import Digest, LesionId, Pseudonym, TimepointCode
from operandi.domain.measurement import Measurement, Subject, SubjectType, Uncertainty
from operandi.imaging.dicom.measurement_report import (
    Evaluation,
    MeasurementGroup,
    MeasurementReport,
    ReportedValue,
    SegmentReference,
)
from operandi.imaging.dicom.report_codes import (
    LESION,
    TUMOR_BURDEN,
    concept_of,
    is_ucum_of,
    kind_reported_as,
    site_of,
    ucum_of,
)
from operandi.imaging.dicom.segmentation import deterministic_uid
from operandi.quantities.errors import DataError
from operandi.quantities.kinds import Kind

_SILENT = "the report states no uncertainty"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedLesion:
    """What a report needs to know of a lesion beside its numbers.

    Parameters
    ----------
    tracking_uid : str
        The same at every visit and in every modality.
    organ : str
        Empty where unknown.
    segment : SegmentReference or None
        Its voxels at this visit.
    evaluations : tuple of Evaluation
        Scores and verdicts.
    """

    tracking_uid: str
    organ: str = ""
    segment: SegmentReference | None = None
    evaluations: tuple[Evaluation, ...] = ()


def reported_value(measurement: Measurement) -> ReportedValue:
    """Code one measurement; nothing of it is lost but its subject and visit."""
    concept, derivation = concept_of(measurement.kind)
    return ReportedValue(
        concept=concept,
        derivation=derivation,
        unit=ucum_of(measurement.kind),
        value=measurement.value,
        algorithm=measurement.method,
        version=measurement.version,
        absent=measurement.absent,
        uncertainty=measurement.uncertainty.standard,
        uncertainty_basis=measurement.uncertainty.basis,
        inputs=tuple(measurement.inputs),
    )


def report_groups(
    measurements: Sequence[Measurement],
    *,
    lesions: Mapping[LesionId, ReportedLesion],
    source_series_uid: str,
    patient_evaluations: Sequence[Evaluation] = (),
) -> tuple[MeasurementGroup, ...]:
    """Group one visit's measurements: first the patient's, then each lesion's by name.

    Measurements of organs, scans and contours belong to no lesion and are left out.

    Parameters
    ----------
    measurements : sequence of Measurement
        Of one participant at one visit.
    lesions : mapping of LesionId to ReportedLesion
        Every lesion that was measured; one without measurements is reported as found.
    source_series_uid : str
        The series that was segmented.
    patient_evaluations : sequence of Evaluation
        Scores of the whole patient.

    Raises
    ------
    DataError
        If they are of two participants or visits, none is given, or a lesion is unknown.
    """
    visits = {(one.subject.participant, one.timepoint) for one in measurements}
    if len(visits) != 1:
        raise DataError(
            f"A report is of one participant at one visit: got {len(visits)} in "
            f"{len(measurements)} measurements."
        )
    participant, timepoint = visits.pop()
    of_lesion: dict[str, list[ReportedValue]] = {name: [] for name in sorted(lesions)}
    of_patient: list[ReportedValue] = []
    for one in measurements:
        if one.subject.type is SubjectType.PARTICIPANT:
            of_patient.append(reported_value(one))
        elif one.subject.type is SubjectType.LESION:
            if one.subject.name not in of_lesion:
                raise DataError(
                    f"Lesion {one.subject.name} was measured, and is not among {sorted(lesions)}."
                )
            of_lesion[one.subject.name].append(reported_value(one))
    groups = [
        _lesion_group(name, lesions[LesionId(name)], values, timepoint, source_series_uid)
        for name, values in of_lesion.items()
    ]
    if of_patient or patient_evaluations:
        patient = MeasurementGroup(
            tracking_id=f"{participant} tumor burden",
            tracking_uid=deterministic_uid("tumor burden", participant),
            finding=TUMOR_BURDEN,
            time_point=timepoint,
            values=tuple(of_patient),
            evaluations=tuple(patient_evaluations),
        )
        groups.insert(0, patient)
    return tuple(groups)


def _lesion_group(
    name: str,
    lesion: ReportedLesion,
    values: Sequence[ReportedValue],
    timepoint: TimepointCode,
    source_series_uid: str,
) -> MeasurementGroup:
    return MeasurementGroup(
        tracking_id=name,
        tracking_uid=lesion.tracking_uid,
        finding=LESION,
        site=site_of(lesion.organ),
        segment=lesion.segment,
        source_series_uid=source_series_uid if lesion.segment else "",
        time_point=timepoint,
        values=tuple(values),
        evaluations=lesion.evaluations,
    )


def measurements_in(
    report: MeasurementReport,
    *,
    participant: Pseudonym,
    timepoint: TimepointCode,
    kinds: Sequence[Kind],
) -> tuple[tuple[Measurement, ...], tuple[str, ...]]:
    """Measurements that a report of any maker holds, and what of it was not understood.

    Parameters
    ----------
    report : MeasurementReport
        As read.
    participant, timepoint
        Whose it is, and of which visit: the caller's mapping, not the report's words.
    kinds : sequence of Kind
        What the caller knows. A number of another concept, derivation or unit is named in the
        second part and not taken.

    Returns
    -------
    tuple of Measurement
        Lesions are named by their tracking identifier, else by their tracking UID.
    tuple of str
        What was left out, and why.

    Raises
    ------
    DataError
        If one finding has the same measurement by the same method twice.
    """
    taken: list[Measurement] = []
    left: list[str] = []
    for group in report.groups:
        for value in group.values:
            kind = kind_reported_as(value.concept, value.derivation, among=tuple(kinds))
            reason = _unusable(value, kind)
            if kind is None or reason:
                left.append(f"{group.tracking_id or group.tracking_uid}: {reason}")
                continue
            subject = _subject(group, participant)
            taken.append(_measurement(value, kind=kind, subject=subject, timepoint=timepoint))
    names = [one.id for one in taken]
    if len(set(names)) < len(names):
        twice = next(one for one in taken if names.count(one.id) > 1)
        raise DataError(
            f"Report {report.instance_uid} gives {twice.kind.title} of "
            f"{twice.subject.name or 'the patient'} by {twice.method!r} twice."
        )
    return tuple(taken), tuple(left)


def _unusable(value: ReportedValue, kind: Kind | None) -> str:
    what = value.concept[2] + (f" ({value.derivation[2]})" if value.derivation else "")
    if kind is None:
        return f"{what} is no measurement known here"
    if value.value is not None and not is_ucum_of(value.unit, kind):
        return f"{what} is in {value.unit[0]}, needed {ucum_of(kind)[0]}"
    return ""


def _subject(group: MeasurementGroup, participant: Pseudonym) -> Subject:
    if group.finding is not None and group.finding[:2] == TUMOR_BURDEN[:2]:
        return Subject(participant=participant, type=SubjectType.PARTICIPANT)
    name = group.tracking_id or group.tracking_uid
    return Subject(participant=participant, type=SubjectType.LESION, name=name)


def _measurement(
    value: ReportedValue, *, kind: Kind, subject: Subject, timepoint: TimepointCode
) -> Measurement:
    return Measurement(
        subject=subject,
        timepoint=timepoint,
        kind=kind,
        value=value.value,
        absent=value.absent,
        uncertainty=Uncertainty(value.uncertainty, value.uncertainty_basis or _SILENT),
        method=value.algorithm or (value.method[2] if value.method else "not stated"),
        version=value.version,
        inputs=tuple(Digest(digest) for digest in value.inputs),
    )
