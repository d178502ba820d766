"""DICOM measurement reports (TID 1500): what they say, and reading them."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pydicom
from pydicom.sr.coding import Code

from operandi.imaging.dicom.segmentation import CodedConcept
from operandi.imaging.dicom.structure_set import refusing_malformed, required
from operandi.quantities.errors import DataError

PRIVATE_SCHEME: Final = "99OPERANDI"
"""Designator of what DICOM, SNOMED CT and UCUM have no code for."""

UNCERTAINTY_BASIS: Final = ("UNCERTAINTY-BASE", PRIVATE_SCHEME, "Basis of uncertainty")
REASON_ABSENT: Final = ("REASON-ABSENT", PRIVATE_SCHEME, "Reason for absence")
INPUT_DIGEST: Final = ("INPUT-SHA256", PRIVATE_SCHEME, "SHA-256 of an input")
NO_UNIT: Final[CodedConcept] = ("", "", "")
NO_VERSION: Final = "not stated"
"""TID 4019 requires a version of an algorithm that is named."""

_STORAGES: Final = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.88.22",  # Enhanced SR
        "1.2.840.10008.5.1.4.1.1.88.33",  # Comprehensive SR
        "1.2.840.10008.5.1.4.1.1.88.34",  # Comprehensive 3D SR
    }
)
_DEEPEST: Final = 40
"""Levels of content. A report has seven."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedValue:
    """A number of a report, or the reason it is absent.

    Parameters
    ----------
    concept : tuple of str
        What was measured.
    derivation : tuple of str or None
        Mean, maximum ... where the concept leaves it open.
    value : float or None
        None exactly when ``absent`` gives a reason.
    unit : tuple of str
        UCUM; ``NO_UNIT`` of an absent value that was read, for it has none.
    method : tuple of str or None
        Coded method.
    algorithm, version : str
        Name and version of what computed it; may be empty.
    absent : str
        Why there is no value.
    uncertainty : float or None
        Standard uncertainty (k = 1) in the unit of the value.
    uncertainty_basis : str
        How it was obtained, or why there is none; empty where the report is silent.
    inputs : tuple of str
        SHA-256 of what it was computed from.
    """

    concept: CodedConcept
    unit: CodedConcept
    value: float | None
    derivation: CodedConcept | None = None
    method: CodedConcept | None = None
    algorithm: str = ""
    version: str = ""
    absent: str = ""
    uncertainty: float | None = None
    uncertainty_basis: str = ""
    inputs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.value is None) != bool(self.absent):
            raise ValueError("a reported value is a number or has a reason to be absent")
        for number in (self.value, self.uncertainty):
            if number is not None and not math.isfinite(number):
                raise ValueError(f"{self.concept[2]} must be finite, got {number}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """A judgment without a number: a score, a verdict.

    Parameters
    ----------
    concept : tuple of str
        What was judged.
    value : tuple of str or str
        The answer, coded or in words.
    """

    concept: CodedConcept
    value: CodedConcept | str


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentReference:
    """One segment of a segmentation object."""

    instance_uid: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurementGroup:
    """What a report says of one finding, or of the whole patient.

    Parameters
    ----------
    tracking_id, tracking_uid : str
        The same for one lesion in every report and segmentation.
    finding : tuple of str or None
        What it is.
    site : tuple of str or None
        Where it is.
    segment : SegmentReference or None
        Its voxels; None where the group is about no region, or a region drawn otherwise.
    source_series_uid : str
        The series that was segmented; empty where not stated.
    time_point : str
        The visit; empty where not stated.
    session : str
        Reading session; empty where not stated.
    values : tuple of ReportedValue
    evaluations : tuple of Evaluation
    """

    tracking_id: str
    tracking_uid: str
    finding: CodedConcept | None = None
    site: CodedConcept | None = None
    segment: SegmentReference | None = None
    source_series_uid: str = ""
    time_point: str = ""
    session: str = ""
    values: tuple[ReportedValue, ...] = ()
    evaluations: tuple[Evaluation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurementReport:
    """A measurement report as read.

    Parameters
    ----------
    instance_uid : str
        SOPInstanceUID.
    patient_id : str
        PatientID.
    study_uid : str
        StudyInstanceUID.
    content_date, content_time : str
        DICOM DA and TM, as stated.
    readers : tuple of str
        Persons who observed; empty where only a device did.
    devices : tuple of str
        Names of devices that observed, or their UIDs.
    procedure : tuple of str or None
        What was reported on.
    groups : tuple of MeasurementGroup
        In the order of the report.
    supersedes : tuple of str
        SOPInstanceUIDs of its predecessors.
    verified : bool
        Whether a person verified it.
    """

    instance_uid: str
    patient_id: str
    study_uid: str
    content_date: str
    content_time: str
    readers: tuple[str, ...]
    devices: tuple[str, ...]
    procedure: CodedConcept | None
    groups: tuple[MeasurementGroup, ...]
    supersedes: tuple[str, ...]
    verified: bool


def read_measurement_report(path: Path) -> MeasurementReport:
    """Read a TID 1500 measurement report of any maker.

    Values drawn as coordinates are read as numbers; their outlines are not. A number keeps its
    double precision where the report has it (FloatingPointValue), else the up to 16 characters of
    NumericValue. Retired SNOMED RT codes stay as they are; :func:`same_concept` knows them.

    Raises
    ------
    DataError
        If the file is damaged, is no structured report, is no imaging measurement report, or a
        number states no unit.
    """
    with refusing_malformed(path):
        dataset = pydicom.dcmread(path)
        if str(dataset.get("SOPClassUID")) not in _STORAGES:
            raise DataError(
                f"{path.name} is no structured report: its SOPClassUID is "
                f"{dataset.get('SOPClassUID')}."
            )
        title = concept_in(dataset, "ConceptNameCodeSequence")
        if title is None or title[0] != "126000":
            raise DataError(
                f"{path.name} is entitled {title and title[2]!r}: needed an Imaging Measurement "
                f"Report (TID 1500)."
            )
        _refuse_depth(dataset, name=path.name)
        top = _children(dataset)
        groups = [
            _group(item, name=path.name)
            for container in top
            if _is(container, "126010")
            for item in _children(container)
            if _is(item, "125007")
        ]
        return MeasurementReport(
            instance_uid=str(dataset.SOPInstanceUID),
            patient_id=str(dataset.get("PatientID") or ""),
            study_uid=str(dataset.get("StudyInstanceUID") or ""),
            content_date=str(dataset.get("ContentDate") or ""),
            content_time=str(dataset.get("ContentTime") or ""),
            readers=tuple(_texts(top, "121008")),
            devices=tuple(_texts(top, "121013")) or tuple(_texts(top, "121012")),
            procedure=next((_code(item) for item in top if _is(item, "121058")), None),
            groups=tuple(groups),
            supersedes=tuple(_predecessors(dataset)),
            verified=dataset.get("VerificationFlag") == "VERIFIED",
        )


def same_concept(one: CodedConcept | None, other: CodedConcept | None) -> bool:
    """Whether two codes mean the same; a retired SNOMED RT code is its SNOMED CT successor."""
    if one is None or other is None:
        return one is other
    return bool(Code(*one) == Code(*other))


def concept_in(item: pydicom.Dataset, keyword: str) -> CodedConcept | None:
    """The first code of a sequence; None where it is absent or empty."""
    codes = item.get(keyword)
    if not codes:
        return None
    code = codes[0]
    value = code.get("CodeValue") or code.get("LongCodeValue") or code.get("URNCodeValue") or ""
    scheme = str(code.get("CodingSchemeDesignator") or "")
    return str(value), scheme, str(code.get("CodeMeaning") or "")


def _children(item: pydicom.Dataset) -> Sequence[pydicom.Dataset]:
    return item.get("ContentSequence") or ()


def _refuse_depth(item: pydicom.Dataset, *, name: str, depth: int = 0) -> None:
    if depth > _DEEPEST:
        raise DataError(f"{name} nests its content more than {_DEEPEST} deep.")
    for child in _children(item):
        _refuse_depth(child, name=name, depth=depth + 1)


def _is(item: pydicom.Dataset, value: str, scheme: str = "DCM") -> bool:
    concept = concept_in(item, "ConceptNameCodeSequence")
    return concept is not None and concept[:2] == (value, scheme)


def _code(item: pydicom.Dataset) -> CodedConcept | None:
    return concept_in(item, "ConceptCodeSequence")


def _text(item: pydicom.Dataset) -> str:
    for keyword in ("TextValue", "PersonName", "UID"):
        if item.get(keyword):
            return str(item.get(keyword))
    return ""


def _texts(items: Sequence[pydicom.Dataset], value: str, scheme: str = "DCM") -> Iterator[str]:
    for item in items:
        if _is(item, value, scheme) and _text(item):
            yield _text(item)


def _predecessors(dataset: pydicom.Dataset) -> Iterator[str]:
    for study in dataset.get("PredecessorDocumentsSequence") or ():
        for series in study.get("ReferencedSeriesSequence") or ():
            for instance in series.get("ReferencedSOPSequence") or ():
                yield str(instance.ReferencedSOPInstanceUID)


_METHOD: Final = ("370129005", "SCT", "Measurement Method")
_SITE: Final = ("363698007", "SCT", "Finding Site")
_SEGMENT: Final = frozenset({"121191", "121214"})
"""Referenced Segment; Referenced Segmentation Frame."""
_UPPER: Final = "371886008"
_EITHER: Final = "371884006"


def _group(item: pydicom.Dataset, *, name: str) -> MeasurementGroup:
    items = _children(item)
    tracked = next(_texts(items, "112040"), "")
    return MeasurementGroup(
        tracking_id=next(_texts(items, "112039"), ""),
        tracking_uid=tracked,
        finding=next((_code(child) for child in items if _is(child, "121071")), None),
        site=_modifier(items, _SITE),
        segment=next((_segment(child, name=name) for child in items if _is_segment(child)), None),
        source_series_uid=next(_texts(items, "121232"), ""),
        time_point=next(_texts(items, "C2348792", "UMLS"), ""),
        session=next(_texts(items, "C67447", "NCIt"), ""),
        values=tuple(
            _value(child, of_group=_modifier(items, _METHOD), name=name)
            for child in items
            if child.get("ValueType") == "NUM" or _stands_for_a_number(child)
        ),
        evaluations=tuple(_evaluations(items)),
    )


def _modifier(items: Sequence[pydicom.Dataset], concept: CodedConcept) -> CodedConcept | None:
    for item in items:
        if same_concept(concept_in(item, "ConceptNameCodeSequence"), concept):
            return _code(item)
    return None


def _is_segment(item: pydicom.Dataset) -> bool:
    named = concept_in(item, "ConceptNameCodeSequence")
    return named is not None and named[0] in _SEGMENT and item.get("ValueType") == "IMAGE"


def _segment(item: pydicom.Dataset, *, name: str) -> SegmentReference:
    referenced = required(item, "ReferencedSOPSequence", name=name)[0]
    number = referenced.get("ReferencedSegmentNumber")
    if not number:
        raise DataError(f"{name} refers to a segmentation and to no segment of it.")
    first = number if isinstance(number, int) else number[0]
    return SegmentReference(
        instance_uid=str(referenced.ReferencedSOPInstanceUID), number=int(first)
    )


def _evaluations(items: Sequence[pydicom.Dataset]) -> Iterator[Evaluation]:
    """Codes and texts that the group contains, other than the finding."""
    for item in items:
        concept = concept_in(item, "ConceptNameCodeSequence")
        contained = item.get("RelationshipType") == "CONTAINS"
        if not contained or concept is None or _is(item, "121071"):
            continue
        if item.get("ValueType") == "CODE" and (coded := _code(item)) is not None:
            yield Evaluation(concept=concept, value=coded)
        elif item.get("ValueType") == "TEXT" and not _stands_for_a_number(item):
            yield Evaluation(concept=concept, value=_text(item))


def _stands_for_a_number(item: pydicom.Dataset) -> bool:
    return any(_is(child, *REASON_ABSENT[:2]) for child in _children(item))


def _value(item: pydicom.Dataset, *, of_group: CodedConcept | None, name: str) -> ReportedValue:
    """One number; the group's method is that of numbers without their own."""
    concept = concept_in(item, "ConceptNameCodeSequence")
    if concept is None:
        raise DataError(f"{name} holds a number without a name.")
    inner = _children(item)
    number, unit = _number(item, concept, name=name)
    absent = ""
    if number is None:
        qualifier = concept_in(item, "NumericValueQualifierCodeSequence")
        stated = next(_texts(inner, *REASON_ABSENT[:2]), "")
        absent = stated or (qualifier[2] if qualifier else "the report gives no value")
    derivation = next((_code(child) for child in inner if _is(child, "121401")), None)
    return ReportedValue(
        concept=concept,
        derivation=derivation,
        value=number,
        unit=unit,
        method=_modifier(inner, _METHOD) or of_group,
        algorithm=next(_texts(inner, "111001"), ""),
        version=next(_texts(inner, "111003"), "").removeprefix(NO_VERSION),
        absent=absent,
        uncertainty=_uncertainty(inner, name=name),
        uncertainty_basis=next(_texts(inner, *UNCERTAINTY_BASIS[:2]), ""),
        inputs=tuple(_texts(inner, *INPUT_DIGEST[:2])),
    )


def _number(
    item: pydicom.Dataset, concept: CodedConcept, *, name: str
) -> tuple[float | None, CodedConcept]:
    measured = item.get("MeasuredValueSequence")
    if not measured:
        return None, NO_UNIT
    unit = concept_in(measured[0], "MeasurementUnitsCodeSequence")
    exact = measured[0].get("FloatingPointValue")
    number = float(measured[0].NumericValue if exact is None else exact)
    if unit is None:
        raise DataError(f"{name} gives {concept[2]} without a unit.")
    if not math.isfinite(number):
        raise DataError(f"{name} gives {concept[2]} as {number}: needed a finite number.")
    return number, unit


def _uncertainty(items: Sequence[pydicom.Dataset], *, name: str) -> float | None:
    for item in items:
        concept = concept_in(item, "ConceptNameCodeSequence")
        if concept is not None and concept[0] in {_UPPER, _EITHER}:
            return _number(item, concept, name=name)[0]
    return None
