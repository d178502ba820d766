"""Write DICOM measurement reports (TID 1500).

Apart from reading, because highdicom, which only writing needs, costs a second to import.
"""

import io
import itertools
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import highdicom
import pydicom
from highdicom import sr
from pydicom.sr.coding import Code
from pydicom.uid import SegmentationStorage
from pydicom.valuerep import DA, DT, TM

from operandi import __version__
from operandi.imaging.dicom.measurement_report import (
    INPUT_DIGEST,
    NO_VERSION,
    PRIVATE_SCHEME,
    REASON_ABSENT,
    UNCERTAINTY_BASIS,
    Evaluation,
    MeasurementGroup,
    ReportedValue,
)
from operandi.imaging.dicom.segmentation import CodedConcept, deterministic_uid
from operandi.imaging.dicom.source_series import content_instant, source_header
from operandi.imaging.dicom.structure_set import refusing_malformed
from operandi.imaging.dicom.unheard_warnings import warnings_unheard
from operandi.imaging.nifti import write_atomically
from operandi.quantities.errors import DataError

_UPPER: Final = ("371886008", "SCT", "+, range of upper measurement uncertainty")
_LIBRARY: Final = ("111028", "DCM", "Image Library")
_LIBRARY_GROUP: Final = ("126200", "DCM", "Image Library Group")
_MODALITY: Final = ("121139", "DCM", "Modality")
_FRAME_OF_REFERENCE: Final = ("112227", "DCM", "Frame of Reference UID")
_MODALITIES: Final = {
    "PT": "Positron emission tomography",
    "MR": "Magnetic Resonance",
    "CT": "Computed Tomography",
    "NM": "Nuclear Medicine",
}
_LOWER: Final = ("371885007", "SCT", "-, range of lower measurement uncertainty")


def write_measurement_report(  # noqa: PLR0913 - facts that only the caller knows
    path: Path,
    *,
    groups: Sequence[MeasurementGroup],
    source_files: Sequence[Path],
    segmentations: Sequence[Path],
    procedure: CodedConcept,
    series_uid: str,
    instance_uid: str,
    description: str,
    reader: str = "",
    supersedes: Sequence[Path] = (),
    content_at: datetime | None = None,
) -> None:
    """Write measurements of lesions and of the patient as one Comprehensive 3D SR.

    A group with a segment becomes TID 1411 (a volume of interest), one without TID 1501. A number
    carries its method (algorithm name and version), its standard uncertainty (upper and lower
    range, in its own unit) and the basis of that. An absent value is a text under the name of the
    number, "Not available" and the reason: the empty number that DICOM allows stops highdicom
    0.28 from reading the whole report. The image library names every source image.

    The same arguments give the same bytes: dates and times are the source series' own. The report
    is complete, preliminary and unverified: a person verifies it elsewhere.

    Parameters
    ----------
    path : Path
        File to write.
    groups : sequence of MeasurementGroup
        Each with a tracking UID.
    source_files : sequence of Path
        The slices that were measured, of one or more series of a patient. Study, date and time are
        those of the first file's series.
    segmentations : sequence of Path
        Every segmentation object that a group refers to.
    procedure : tuple of str
        What was reported on, as :data:`PET_WHOLE_BODY` of ``report_codes``.
    series_uid, instance_uid : str
        Of the report; see :func:`deterministic_uid`.
    description : str
        Series description, up to 64 characters.
    reader : str
        Person who read, as a DICOM name; empty where only Operandi did.
    supersedes : sequence of Path
        Earlier reports that this one replaces; they stay as they are.
    content_at : datetime, optional
        When a person read, as of ``content_instant``, where that is not the source's own time.

    Raises
    ------
    DataError
        If there is no group, a group has no tracking UID or refers to a segment that no given
        segmentation describes, patients differ, or the source has no date and time.
    """
    headers = [source_header(file) for file in source_files]
    if not headers or not groups:
        raise DataError("A report needs at least one source image and one group of measurements.")
    measured = str(headers[0].SeriesInstanceUID)
    headers.sort(
        key=lambda header: (
            str(header.SeriesInstanceUID) != measured,
            str(header.SeriesInstanceUID),
            str(header.SOPInstanceUID),
        )
    )
    objects = [_header(file) for file in segmentations]
    previous = [_header(file) for file in supersedes]
    _require_one_patient(headers[0], [*headers, *objects, *previous])
    _require_segments(groups, objects)
    date, time = content_instant(headers[0], content_at)
    try:
        with warnings_unheard():
            dataset = sr.Comprehensive3DSR(
                evidence=[*headers, *objects],
                content=_content(groups, procedure=procedure, reader=reader)[0],
                series_instance_uid=series_uid,
                series_number=2000 + int(headers[0].get("SeriesNumber") or 0),
                sop_instance_uid=instance_uid,
                instance_number=1,
                manufacturer="Operandi",
                is_complete=True,
                previous_versions=previous or None,
                series_description=description,
                content_date=date,
                content_time=time,
                manufacturer_model_name="Operandi",
                software_versions=__version__,
                device_serial_number="none",
            )
            _fill_library(dataset, headers)
            content = _encoded(dataset, date, time)
    except Exception as error:
        raise DataError(
            f"No measurement report of series {headers[0].SeriesInstanceUID} could be made: "
            f"{str(error).rstrip('.')}.",
            remedy="Correct the source series' header or the measurements' codes.",
        ) from error
    write_atomically(path, content)


def _header(file: Path) -> pydicom.Dataset:
    with refusing_malformed(file):
        return pydicom.dcmread(file, stop_before_pixels=True)


def _require_one_patient(source: pydicom.Dataset, others: Iterable[pydicom.Dataset]) -> None:
    for other in others:
        if str(other.get("PatientID") or "") != str(source.PatientID):
            raise DataError(
                f"The report is about patient {source.PatientID!r}, and an object it refers to "
                f"about {other.get('PatientID')!r}."
            )


def _require_segments(
    groups: Sequence[MeasurementGroup], objects: Sequence[pydicom.Dataset]
) -> None:
    described = {
        (str(item.SOPInstanceUID), int(segment.SegmentNumber))
        for item in objects
        if item.SOPClassUID == SegmentationStorage
        for segment in item.SegmentSequence
    }
    for group in groups:
        if not group.tracking_uid:
            raise DataError(f"{group.tracking_id or 'A group'} has no tracking UID.")
        segment = group.segment
        if segment is not None and (segment.instance_uid, segment.number) not in described:
            raise DataError(
                f"{group.tracking_id} refers to segment {segment.number} of "
                f"{segment.instance_uid}, which no given segmentation describes.",
                remedy="Give the segmentation object that holds it.",
            )


def _coded(concept: CodedConcept) -> sr.CodedConcept:
    return sr.CodedConcept(value=concept[0], scheme_designator=concept[1], meaning=concept[2][:64])


def _content(
    groups: Sequence[MeasurementGroup], *, procedure: CodedConcept, reader: str
) -> sr.MeasurementReport:
    device = sr.ObserverContext(
        observer_type=_coded(("121007", "DCM", "Device")),
        observer_identifying_attributes=sr.DeviceObserverIdentifyingAttributes(
            uid=deterministic_uid("device", "Operandi", __version__),
            name="Operandi",
            manufacturer_name="Operandi",
            model_name="Operandi",
        ),
    )
    person = None
    if reader:
        person = sr.ObserverContext(
            observer_type=_coded(("121006", "DCM", "Person")),
            observer_identifying_attributes=sr.PersonObserverIdentifyingAttributes(name=reader),
        )
    return sr.MeasurementReport(
        observation_context=sr.ObservationContext(
            observer_person_context=person, observer_device_context=device
        ),
        procedure_reported=_coded(procedure),
        imaging_measurements=[_group(group) for group in groups],
        title=Code("126000", "DCM", "Imaging Measurement Report"),
    )


_Group = (
    sr.VolumetricROIMeasurementsAndQualitativeEvaluations | sr.MeasurementsAndQualitativeEvaluations
)


def _group(group: MeasurementGroup) -> _Group:
    common: dict[str, Any] = {
        "tracking_identifier": sr.TrackingIdentifier(
            uid=group.tracking_uid, identifier=group.tracking_id or None
        ),
        "time_point_context": sr.TimePointContext(group.time_point) if group.time_point else None,
        "finding_type": _coded(group.finding) if group.finding else None,
        "finding_sites": [sr.FindingSite(anatomic_location=_coded(group.site))]
        if group.site
        else None,
        "session": group.session or None,
        "measurements": [
            _measurement(value, number=value.value)
            for value in group.values
            if value.value is not None
        ],
        "qualitative_evaluations": [
            sr.QualitativeEvaluation(_coded(item.concept), _coded(item.value))
            for item in group.evaluations
            if not isinstance(item.value, str)
        ],
    }
    built: _Group
    if group.segment is None:
        built = sr.MeasurementsAndQualitativeEvaluations(**common)
    else:
        built = sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
            referenced_segment=sr.ReferencedSegment(
                sop_class_uid=SegmentationStorage,
                sop_instance_uid=group.segment.instance_uid,
                segment_number=group.segment.number,
                source_series=sr.SourceSeriesForSegmentation(group.source_series_uid),
            ),
            **common,
        )
    built[0].ContentSequence.extend(_absent(value) for value in group.values if value.value is None)
    built[0].ContentSequence.extend(_texts_of(group.evaluations))
    return built


def _texts_of(evaluations: Sequence[Evaluation]) -> list[sr.TextContentItem]:
    return [
        sr.TextContentItem(
            name=_coded(item.concept),
            value=item.value,
            relationship_type=sr.RelationshipTypeValues.CONTAINS,
        )
        for item in evaluations
        if isinstance(item.value, str)
    ]


def _measurement(value: ReportedValue, *, number: float) -> sr.Measurement:
    built = sr.Measurement(
        name=_coded(value.concept),
        value=float(number),
        unit=_coded(value.unit),
        derivation=_coded(value.derivation) if value.derivation else None,
        method=_coded(value.method) if value.method else None,
        algorithm_id=sr.AlgorithmIdentification(
            name=value.algorithm, version=value.version or NO_VERSION
        )
        if value.algorithm
        else None,
    )
    if "ContentSequence" not in built[0]:
        built[0].ContentSequence = sr.ContentSequence()
    built[0].ContentSequence.extend(_properties(value))
    if not built[0].ContentSequence:
        del built[0].ContentSequence
    return built


def _absent(value: ReportedValue) -> sr.TextContentItem:
    """Text in place of a number, with all that is said of it but its unit."""
    item = sr.TextContentItem(
        name=_coded(value.concept),
        value=f"Not available: {value.absent}",
        relationship_type=sr.RelationshipTypeValues.CONTAINS,
    )
    item.ContentSequence = _measurement(value, number=0.0)[0].ContentSequence
    return item


def _properties(value: ReportedValue) -> list[sr.ContentItem]:
    """Uncertainty, its basis, the reason of absence and the inputs of one number."""
    kind = sr.RelationshipTypeValues.HAS_PROPERTIES
    items: list[sr.ContentItem] = []
    if value.uncertainty is not None:
        items += [
            sr.NumContentItem(
                name=_coded(side),
                value=float(value.uncertainty),
                unit=_coded(value.unit),
                relationship_type=kind,
            )
            for side in (_UPPER, _LOWER)
        ]
    texts = [
        (UNCERTAINTY_BASIS, value.uncertainty_basis),
        (REASON_ABSENT, value.absent),
        *((INPUT_DIGEST, digest) for digest in value.inputs),
    ]
    items += [
        sr.TextContentItem(name=_coded(name), value=text, relationship_type=kind)
        for name, text in texts
        if text
    ]
    return items


def _fill_library(
    dataset: highdicom.sr.Comprehensive3DSR, headers: Sequence[pydicom.Dataset]
) -> None:
    """Name the source images, with what they share said once.

    highdicom's own library describes each slice: 0.6 MB and 10 s for a PET of 165 slices.
    """
    library = _item("CONTAINS", "CONTAINER", _LIBRARY)
    library.ContinuityOfContent = "SEPARATE"
    library.ContentSequence = [
        _library_group(list(series))
        for _, series in itertools.groupby(headers, lambda header: header.SeriesInstanceUID)
    ]
    content = list(dataset.ContentSequence)
    place = [item.RelationshipType for item in content].index("CONTAINS")
    # Plain items: those of highdicom would each be checked, and copied, again.
    dataset.add_new("ContentSequence", "SQ", [*content[:place], library, *content[place:]])


def _library_group(headers: Sequence[pydicom.Dataset]) -> pydicom.Dataset:
    group = _item("CONTAINS", "CONTAINER", _LIBRARY_GROUP)
    group.ContinuityOfContent = "SEPARATE"
    modality = _item("HAS ACQ CONTEXT", "CODE", _MODALITY)
    spelled = _MODALITIES.get(str(headers[0].Modality), str(headers[0].Modality))
    modality.ConceptCodeSequence = [_coded((str(headers[0].Modality), "DCM", spelled))]
    frame = _item("HAS ACQ CONTEXT", "UIDREF", _FRAME_OF_REFERENCE)
    frame.UID = headers[0].FrameOfReferenceUID
    images = []
    for header in headers:
        image = _item("CONTAINS", "IMAGE", None)
        reference = pydicom.Dataset()
        reference.ReferencedSOPClassUID = header.SOPClassUID
        reference.ReferencedSOPInstanceUID = header.SOPInstanceUID
        image.ReferencedSOPSequence = [reference]
        images.append(image)
    group.ContentSequence = [modality, frame, *images]
    return group


def _item(relationship: str, kind: str, concept: CodedConcept | None) -> pydicom.Dataset:
    item = pydicom.Dataset()
    item.RelationshipType = relationship
    item.ValueType = kind
    if concept is not None:
        item.ConceptNameCodeSequence = [_coded(concept)]
    return item


def _encoded(dataset: highdicom.sr.Comprehensive3DSR, date: str, time: str) -> bytes:
    """Bytes, without what highdicom takes from the clock."""
    dataset.InstanceCreationDate, dataset.InstanceCreationTime = DA(date), TM(time)
    for equipment in dataset.get("ContributingEquipmentSequence") or ():
        if "ContributionDateTime" in equipment:
            equipment.ContributionDateTime = DT(date + time)
    scheme = pydicom.Dataset()
    scheme.CodingSchemeDesignator = PRIVATE_SCHEME
    scheme.CodingSchemeName = "Operandi"
    scheme.CodingSchemeResponsibleOrganization = "Operandi"
    dataset.CodingSchemeIdentificationSequence = [scheme]
    content = io.BytesIO()
    pydicom.dcmwrite(content, dataset, enforce_file_format=True)
    return content.getvalue()
