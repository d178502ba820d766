"""Measurement reports: written and read back, read from other makers, and refused."""

import shutil
import subprocess
from pathlib import Path

import highdicom
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operandi.domain.identity import Digest, LesionId, Pseudonym, TimepointCode
from operandi.domain.measurement import Measurement, Subject, SubjectType, Uncertainty
from operandi.imaging.dicom.measurement_report import (
    PRIVATE_SCHEME,
    Evaluation,
    MeasurementGroup,
    MeasurementReport,
    ReportedValue,
    SegmentReference,
    read_measurement_report,
    same_concept,
)
from operandi.imaging.dicom.measurement_report_writing import write_measurement_report
from operandi.imaging.dicom.report_codes import LESION, PET_WHOLE_BODY, concept_of, site_of
from operandi.imaging.dicom.reported_measurements import (
    ReportedLesion,
    measurements_in,
    report_groups,
)
from operandi.imaging.dicom.segmentation import Segment, read_segmentation
from operandi.imaging.dicom.segmentation_writing import write_segmentation
from operandi.quantities import kinds
from operandi.quantities.errors import DataError
from operandi.quantities.kinds import (
    LESION_TO_LIVER_RATIO,
    SSTR_TUMOR_VOLUME,
    SUV_MAXIMUM,
    SUV_MEAN,
    SUV_PEAK,
    SUV_STANDARD_DEVIATION,
    VOLUME,
    Kind,
)
from tests.imaging.dicom.test_segmentation import (
    a_description,
    a_grid,
    a_mask,
    a_source_series,
)
from tests.shared_data import published

PARTICIPANT, VISIT = Pseudonym("P-014"), TimepointCode("BASELINE")
KINDS = (SUV_MAXIMUM, SUV_MEAN, SUV_PEAK, SUV_STANDARD_DEVIATION, VOLUME, LESION_TO_LIVER_RATIO)
KRENNING = Evaluation(
    concept=("KRENNING", PRIVATE_SCHEME, "Krenning score"),
    value=("KRENNING-4", PRIVATE_SCHEME, "Krenning score 4"),
)
VERDICT = Evaluation(concept=("VERDICT", PRIVATE_SCHEME, "Change"), value="within repeatability")


def a_measurement(
    kind: Kind = SUV_MAXIMUM,
    value: float | None = 0.1 + 0.2,
    *,
    lesion: str = "L1",
    standard: float | None = None,
) -> Measurement:
    of = SubjectType.LESION if lesion else SubjectType.PARTICIPANT
    return Measurement(
        subject=Subject(participant=PARTICIPANT, type=of, name=lesion),
        timepoint=VISIT,
        kind=kind,
        value=value,
        absent="" if value is not None else "no sphere fits",
        uncertainty=Uncertainty(standard, "no repeatability is published"),
        method=f"method of {kind.name}",
        version="3",
        inputs=(Digest("ab" * 32), Digest("cd" * 32)),
    )


def sources(folder: Path) -> tuple[list[Path], Path]:
    """A series of six slices and a segmentation of two lesions on it."""
    grid = a_grid()
    files = a_source_series(folder, grid)
    path = folder / "seg.dcm"
    write_segmentation(
        path,
        segments=[
            Segment(a_description(1), a_mask(grid, (1, 1, 1), (2, 1, 1))),
            Segment(a_description(2), a_mask(grid, (4, 3, 4))),
        ],
        source_files=files,
        series_uid="2.25.70",
        instance_uid="2.25.71",
        description="lesions",
        creator="Operandi",
    )
    return files, path


def a_lesion(number: int = 1) -> ReportedLesion:
    return ReportedLesion(
        tracking_uid=f"2.25.10{number}",
        organ="liver",
        segment=SegmentReference(instance_uid="2.25.71", number=number),
        evaluations=(KRENNING, VERDICT),
    )


def a_group(**changes: object) -> MeasurementGroup:
    facts: dict[str, object] = {"tracking_id": "L1", "tracking_uid": "2.25.101"}
    return MeasurementGroup(**(facts | changes))  # type: ignore[arg-type]


def a_value(value: float = 3.5) -> ReportedValue:
    concept, derivation = concept_of(SUV_MEAN)
    return ReportedValue(
        concept=concept,
        derivation=derivation,
        value=value,
        unit=("{SUVbw}g/ml", "UCUM", "Standardized Uptake Value body weight"),
    )


def written(
    folder: Path,
    *groups: MeasurementGroup,
    name: str = "sr.dcm",
    reader: str = "",
    supersedes: tuple[Path, ...] = (),
) -> Path:
    files, segmentation = sources(folder)
    path = folder / name
    write_measurement_report(
        path,
        groups=groups,
        source_files=files,
        segmentations=[segmentation],
        procedure=PET_WHOLE_BODY,
        series_uid="2.25.60",
        instance_uid="2.25.61",
        description="lesion measurements",
        reader=reader,
        supersedes=supersedes,
    )
    return path


def a_visit() -> tuple[list[Measurement], tuple[MeasurementGroup, ...]]:
    measurements = [
        a_measurement(SSTR_TUMOR_VOLUME, 12.5, lesion=""),
        a_measurement(SUV_MAXIMUM, 0.1 + 0.2, standard=0.07),
        a_measurement(SUV_MEAN, 1 / 3),
        a_measurement(VOLUME, 1e-7),
        a_measurement(SUV_PEAK, None),
        a_measurement(SUV_MAXIMUM, 40.0, lesion="L2"),
    ]
    groups = report_groups(
        measurements,
        lesions={LesionId("L1"): a_lesion(1), LesionId("L2"): a_lesion(2)},
        source_series_uid="2.25.81",
        patient_evaluations=[KRENNING],
    )
    return measurements, groups


def in_report(report: MeasurementReport) -> tuple[Measurement, ...]:
    found, left = measurements_in(
        report, participant=PARTICIPANT, timepoint=VISIT, kinds=(*KINDS, SSTR_TUMOR_VOLUME)
    )
    assert left == ()
    return found


def test_measurements_come_back_with_every_digit_reason_and_uncertainty(tmp_path: Path) -> None:
    measurements, groups = a_visit()

    report = read_measurement_report(written(tmp_path, *groups, reader="One^Reader"))

    assert in_report(report) == tuple(measurements)
    assert report.readers == ("One^Reader",)
    assert report.devices == ("Operandi",)
    assert report.patient_id == "P-014"
    assert report.procedure == PET_WHOLE_BODY
    assert (report.content_date, report.content_time) == ("20250102", "101112.13")
    assert not report.verified


def test_a_lesion_comes_back_with_its_identity_place_and_judgments(tmp_path: Path) -> None:
    _, groups = a_visit()

    patient, first, second = read_measurement_report(written(tmp_path, *groups)).groups

    assert patient.segment is None
    assert patient.evaluations == (KRENNING,)
    assert (first.tracking_id, first.tracking_uid) == ("L1", "2.25.101")
    assert (first.finding, first.site) == (LESION, site_of("liver"))
    assert second.segment == SegmentReference(instance_uid="2.25.71", number=2)
    assert first.source_series_uid == "2.25.81"
    assert first.time_point == VISIT
    assert set(first.evaluations) == {KRENNING, VERDICT}


def test_tracking_uids_are_those_of_the_segmentation(tmp_path: Path) -> None:
    _, groups = a_visit()
    report = read_measurement_report(written(tmp_path, *groups))

    segments = read_segmentation(tmp_path / "seg.dcm")

    by_number = {one.description.number: one.description.tracking_uid for one in segments}
    for group in report.groups[1:]:
        assert group.segment is not None
        assert by_number[group.segment.number] == group.tracking_uid


def test_the_same_report_is_the_same_bytes(tmp_path: Path) -> None:
    _, groups = a_visit()

    first = written(tmp_path, *groups, name="first.dcm").read_bytes()

    assert written(tmp_path, *groups, name="second.dcm").read_bytes() == first


def test_the_image_library_has_a_group_for_each_series(tmp_path: Path) -> None:
    files, segmentation = sources(tmp_path)
    (tmp_path / "mr").mkdir()
    others = a_source_series(tmp_path / "mr", a_grid(), SeriesInstanceUID="2.25.1", Modality="MR")
    for number, file in enumerate(others):
        dataset = pydicom.dcmread(file)
        dataset.SOPInstanceUID = f"2.25.4{number}"
        dataset.save_as(file)

    for order in ([*files, *others], [*files[::-1], *others[::-1]]):
        write_measurement_report(
            tmp_path / "sr.dcm",
            groups=[a_group(values=(a_value(),))],
            source_files=order,
            segmentations=[segmentation],
            procedure=PET_WHOLE_BODY,
            series_uid="2.25.60",
            instance_uid="2.25.61",
            description="lesion measurements",
        )
        content = pydicom.dcmread(tmp_path / "sr.dcm").ContentSequence
        (library,) = [
            one for one in content if one.ConceptNameCodeSequence[0].CodeValue == "111028"
        ]
        groups = [one.ContentSequence for one in library.ContentSequence]
        assert [items[0].ConceptCodeSequence[0].CodeValue for items in groups] == ["PT", "MR"]
        assert [len(items) for items in groups] == [2 + 6, 2 + 6]


def test_a_report_names_what_it_supersedes_and_leaves_it_alone(tmp_path: Path) -> None:
    old = written(tmp_path, a_group(values=(a_value(),)), name="old.dcm")
    before = old.read_bytes()

    new = written(tmp_path, a_group(values=(a_value(4.0),)), supersedes=(old,))

    assert read_measurement_report(new).supersedes == ("2.25.61",)
    assert old.read_bytes() == before


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (dicom3tools) is absent")
def test_an_independent_validator_finds_no_error(tmp_path: Path) -> None:
    _, groups = a_visit()
    path = written(tmp_path, *groups, reader="One^Reader")

    for file in (path, tmp_path / "seg.dcm"):
        report = subprocess.run(
            ["dciodvfy", "-new", str(file)], capture_output=True, text=True, check=False
        ).stderr
        assert [line for line in report.splitlines() if line.startswith(("Error", "Abort"))] == []
        assert "Comprehensive3DSR" in report or "Segmentation" in report


def test_highdicom_reads_the_report(tmp_path: Path) -> None:
    """An absent number of the standard's own form would stop it: it needs a measured value."""
    _, groups = a_visit()

    content = highdicom.sr.srread(written(tmp_path, *groups)).content

    assert isinstance(content, highdicom.sr.MeasurementReport)
    lesions = content.get_volumetric_roi_measurement_groups(tracking_uid="2.25.101")
    (mean,) = [
        one
        for one in lesions[0].get_measurements()
        if one.derivation is not None and one.derivation.value == "373098007"
    ]
    assert mean.value == 1 / 3
    assert mean.unit.value == "{SUVbw}g/ml"


def test_reads_the_report_of_another_maker() -> None:
    """dcmqi's example, made by its tid1500writer, with the segmentation that it refers to.

    The values stand in the file; the volume is also that of the segment's voxels.
    """
    folder = published("dicom_objects/dcmqi/sr-example")

    report = read_measurement_report(folder / "sr.dcm")
    found, left = measurements_in(report, participant=PARTICIPANT, timepoint=VISIT, kinds=KINDS)

    values = {one.kind: one.value for one in found}
    assert values == {
        SUV_MEAN: 6.01529,
        SUV_MAXIMUM: 10.3814,
        SUV_PEAK: 9.45534,
        SUV_STANDARD_DEVIATION: 1.62653,
        VOLUME: 33.5824,
    }
    assert len(left) == 17
    (group,) = report.groups
    assert group.tracking_uid == "2.25.318774060119084600392715520575818119084"
    assert group.finding == ("M-80003", "SRT", "Neoplasm, Primary")
    (segment,) = read_segmentation(folder / "seg.dcm")
    assert segment.mask.volume_ml == pytest.approx(33.5824, rel=1e-5)
    assert found[0].method == "SUV body weight calculation method"


def test_reads_numbers_of_a_report_without_segments() -> None:
    """highdicom's test file: an area of 1.7 cm2 in one planar region."""
    report = read_measurement_report(published("dicom_objects/highdicom/sr_document.dcm"))

    (group,) = report.groups
    assert group.segment is None
    assert [(one.concept[2], one.value, one.unit[0]) for one in group.values] == [
        ("Area of defined region", 1.7, "cm2")
    ]


def changed_number(path: Path, change: str) -> None:
    """Damage or empty the first number of a written report."""
    dataset = pydicom.dcmread(path)
    number = next(
        item
        for item in dataset.ContentSequence[-1].ContentSequence[0].ContentSequence
        if item.ValueType == "NUM"
    )
    measured = number.MeasuredValueSequence[0]
    if change == "empty":
        number.MeasuredValueSequence = []
        code = highdicom.sr.CodedConcept("114008", "DCM", "Calculation failure")
        number.NumericValueQualifierCodeSequence = [code]
    elif change == "unit":
        del measured.MeasurementUnitsCodeSequence
    elif change == "infinite":
        measured.FloatingPointValue = float("inf")
    elif change == "single":
        del measured.FloatingPointValue
    dataset.save_as(path)


def test_an_empty_number_of_another_maker_is_absent_with_its_qualifier(tmp_path: Path) -> None:
    path = written(tmp_path, a_group(values=(a_value(),)))
    changed_number(path, "empty")

    (value,) = read_measurement_report(path).groups[0].values

    assert value.value is None
    assert value.absent == "Calculation failure"


def test_a_number_without_double_precision_is_read_as_written(tmp_path: Path) -> None:
    path = written(tmp_path, a_group(values=(a_value(1 / 3),)))
    changed_number(path, "single")

    (value,) = read_measurement_report(path).groups[0].values

    assert value.value == pytest.approx(1 / 3, rel=1e-13)


@pytest.mark.parametrize(
    ("change", "match"), [("unit", "without a unit"), ("infinite", "needed a finite number")]
)
def test_refuses_a_number_that_says_nothing(change: str, match: str, tmp_path: Path) -> None:
    path = written(tmp_path, a_group(values=(a_value(),)))
    changed_number(path, change)

    with pytest.raises(DataError, match=match):
        read_measurement_report(path)


def test_a_number_in_another_unit_is_left_out_and_named(tmp_path: Path) -> None:
    concept, derivation = concept_of(VOLUME)
    liters = ReportedValue(
        concept=concept, derivation=derivation, value=0.0035, unit=("L", "UCUM", "liter")
    )
    report = read_measurement_report(written(tmp_path, a_group(values=(liters, a_value()))))

    found, left = measurements_in(report, participant=PARTICIPANT, timepoint=VISIT, kinds=KINDS)

    assert [one.kind for one in found] == [SUV_MEAN]
    assert left == ("L1: Volume is in L, needed mL",)


def test_refuses_one_number_given_twice(tmp_path: Path) -> None:
    report = read_measurement_report(written(tmp_path, a_group(values=(a_value(), a_value(4.0)))))

    with pytest.raises(DataError, match="twice"):
        measurements_in(report, participant=PARTICIPANT, timepoint=VISIT, kinds=KINDS)


@pytest.mark.parametrize(
    ("group", "match"),
    [
        (a_group(tracking_uid=""), "no tracking UID"),
        (
            a_group(segment=SegmentReference(instance_uid="2.25.71", number=3)),
            "which no given segmentation describes",
        ),
    ],
)
def test_refuses_a_group_that_leads_nowhere(
    group: MeasurementGroup, match: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=match):
        written(tmp_path, group)


def test_refuses_an_object_of_another_patient(tmp_path: Path) -> None:
    other = written(tmp_path, a_group(values=(a_value(),)), name="other.dcm")
    dataset = pydicom.dcmread(other)
    dataset.PatientID = "P-015"
    dataset.save_as(other)

    with pytest.raises(DataError, match="P-015"):
        written(tmp_path, a_group(values=(a_value(),)), supersedes=(other,))


def test_refuses_what_is_no_report(tmp_path: Path) -> None:
    _, segmentation = sources(tmp_path)

    with pytest.raises(DataError, match="no structured report"):
        read_measurement_report(segmentation)


def test_refuses_a_report_cut_short(tmp_path: Path) -> None:
    path = written(tmp_path, a_group(values=(a_value(),)))
    path.write_bytes(path.read_bytes()[:-700])

    with pytest.raises(DataError):
        read_measurement_report(path)


def test_refuses_measurements_of_two_visits_or_unknown_lesions() -> None:
    with pytest.raises(DataError, match="one visit"):
        report_groups([], lesions={}, source_series_uid="2.25.81")
    with pytest.raises(DataError, match="L1 was measured"):
        report_groups([a_measurement()], lesions={}, source_series_uid="2.25.81")


def test_every_kind_has_a_code_of_its_own() -> None:
    known = [one for one in vars(kinds).values() if isinstance(one, Kind)]
    codes = [
        (concept[:2], derivation and derivation[:2])
        for concept, derivation in (concept_of(kind) for kind in known)
    ]

    assert len(set(codes)) == len(known)


def test_a_retired_code_is_its_successor() -> None:
    """SNOMED RT R-00317 became SNOMED CT 373098007 (the table in pydicom)."""
    assert same_concept(("R-00317", "SRT", "Mean"), ("373098007", "SCT", "Mean"))
    assert not same_concept(("R-00317", "SRT", "Mean"), None)
    assert same_concept(None, None)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_any_finite_number_comes_back(value: float, tmp_path: Path) -> None:
    path = written(tmp_path, a_group(values=(a_value(value),)))

    assert read_measurement_report(path).groups[0].values[0].value == value
