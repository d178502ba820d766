"""A reader's lesions in STUDY/dicom: taken after what was found, kept beside it, never guessed."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pydicom
import pytest
from pydicom.uid import UID

from operandi.imaging.dicom.segmentation import Segment, SegmentDescription, read_segmentation
from operandi.pipeline.study import refused_visits
from tests.imaging.lesions.corrections.edited_objects import (
    EditedContours,
    EditedSegment,
    write_rtstruct,
    write_seg,
)
from tests.pipeline.studies import Ran, change_study_file, published, run_it

pytestmark = pytest.mark.slow

EDITED = "dicom/OP-001/BASELINE/edited/0001.dcm"
OURS = "results/lesions/OP-001_BASELINE.dcm"
LATER = "AFTER_CYCLE_2"
IN_MUSCLE = np.s_[12:14, 22:24, 10:12]
"""Voxels of the small study's PET far from every organ, 4.1 mL."""


@pytest.fixture
def study(sound: Path, tmp_path: Path) -> Path:
    """A copy that a reader corrects."""
    return Path(shutil.copytree(sound, tmp_path / "study"))


def edit(
    study: Path,
    *,
    reader: str = "Doe^Jane",
    timepoint: str = "BASELINE",
    emptied: Sequence[str] = ("L03",),
) -> None:
    """Our SEG of a visit as a reader sends it back: segments are emptied."""
    dataset = pydicom.dcmread(study / f"results/lesions/OP-001_{timepoint}.dcm")
    gone = {one.SegmentNumber for one in dataset.SegmentSequence if one.SegmentLabel in emptied}
    assert len(gone) == len(emptied)
    pixels = dataset.pixel_array.copy()
    for number, group in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        if group.SegmentIdentificationSequence[0].ReferencedSegmentNumber in gone:
            pixels[number] = 0
    packed = np.packbits(pixels.ravel(), bitorder="little")
    dataset.PixelData = packed.tobytes() + b"\0" * (len(packed) % 2)
    dataset.ContentCreatorName = reader
    dataset.ContentDate, dataset.ContentTime = "20260301", "101500"
    saved(dataset, study, timepoint=timepoint)


def saved(dataset: pydicom.Dataset, study: Path, *, timepoint: str) -> None:
    """Beside the visit's images, as another object."""
    number = 4711 if timepoint == "BASELINE" else 4721
    dataset.SeriesInstanceUID = UID(f"2.25.{number + 1}")
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = UID(f"2.25.{number}")
    path = study / f"dicom/OP-001/{timepoint}/edited/0001.dcm"
    path.parent.mkdir(parents=True)
    dataset.save_as(path)


def uids_of(path: Path) -> dict[str, str]:
    """TrackingUID of each segment, by label."""
    return {one.label: one.tracking_uid for one in map(described, read_segmentation(path))}


def described(segment: Segment) -> SegmentDescription:
    return segment.description


def lesion_count(ran: Ran, timepoint: str = "BASELINE") -> float | None:
    row = ran.table.filter(pl.col("timepoint") == timepoint, pl.col("kind") == "LESION_COUNT").row(
        0, named=True
    )
    value = row["value"]
    return None if value is None else float(value)


def objects(study: Path) -> dict[str, bytes]:
    """What a run publishes, without its store."""
    return {
        name: content
        for name, content in published(study / "results")
        if not name.startswith(".store")
    }


def test_an_edited_segmentation_supersedes_and_both_versions_stay(
    study: Path, scheduler: str
) -> None:
    before = read_segmentation(study / OURS)
    organs = pydicom.dcmread(next((study / "dicom/OP-001/BASELINE/organ_map").iterdir()))
    edit(study)

    ran = run_it(study, scheduler)

    after = read_segmentation(study / "results/lesions/OP-001_BASELINE_v2.dcm")
    kept = read_segmentation(study / OURS)
    assert len(kept) == len(before)
    assert len(after) == len(before) - 1
    assert lesion_count(ran) == len(after)
    for one, other in zip(kept, before, strict=True):
        np.testing.assert_array_equal(one.mask.inside, other.mask.inside)
    written = pydicom.dcmread(study / "results/lesions/OP-001_BASELINE_v2.dcm")
    assert str(written.ContentCreatorName) == "Doe^Jane"
    assert "version 2, corrected by Doe^Jane" in ran.report
    assert "removed: L03" in ran.report
    assert len(organs.SegmentSequence) > len(before)  # the organ map is still one
    assert refused_visits(ran.study, ran.outcome) == ()


def test_a_lesion_removed_at_a_later_visit_is_resolved_under_one_name_everywhere(
    study: Path, scheduler: str
) -> None:
    """At the first visit L01 goes too: names at the later one are then others than over visits."""
    later = study / f"results/lesions/OP-001_{LATER}.dcm"
    edit(study, emptied=["L01"])
    run_it(study, scheduler)
    found = uids_of(later)
    assert set(found) == {"L02", "L03", "L04"}  # what was L01 shows for itself, and is new
    edit(study, timepoint=LATER, emptied=["L02", "L04"])

    ran = run_it(study, scheduler)

    assert uids_of(later) == found
    left = {"L03": found["L03"]}
    assert uids_of(study / f"results/lesions/OP-001_{LATER}_v2.dcm") == left
    assert uids_of(study / OURS).keys() == {"L01", "L02", "L03"}
    assert lesion_count(ran, LATER) == 1
    rows = ran.table.filter(pl.col("timepoint") == LATER, pl.col("kind") == "VOLUME")
    assert set(rows["subject"]) == {"L03"}
    assert "removed: L04, L02" in ran.report
    assert "no longer found (p > 0.99) a reader said so: there is no lesion" in ran.report
    assert "L02, seen at BASELINE, is no longer there, as a reader said" in ran.report


def test_what_was_sought_in_vain_is_told_where_a_lesion_is_resolved(
    study: Path, scheduler: str
) -> None:
    """The reader draws a lesion into tissue that shows nothing, at the first visit alone."""
    segments = read_segmentation(study / OURS)
    grid = segments[0].mask.grid
    drawn = np.zeros(grid.shape, dtype=np.bool_)
    drawn[IN_MUSCLE] = True
    write_seg(
        study / "edited.dcm",
        grid,
        [
            *(
                EditedSegment(
                    label=one.description.label,
                    inside=one.mask.inside,
                    uid=one.description.tracking_uid,
                )
                for one in segments
            ),
            EditedSegment(label="missed", inside=drawn),
        ],
    )
    dataset = pydicom.dcmread(study / "edited.dcm")
    (study / "edited.dcm").unlink()
    ours = pydicom.dcmread(study / OURS, stop_before_pixels=True)
    for keyword in ("PatientID", "StudyInstanceUID", "StudyDate", "StudyTime"):
        setattr(dataset, keyword, ours.get(keyword))
    saved(dataset, study, timepoint="BASELINE")

    ran = run_it(study, scheduler)

    assert lesion_count(ran) == 4
    assert lesion_count(ran, LATER) == 3
    assert set(uids_of(study / f"results/lesions/OP-001_{LATER}.dcm")) == {"L01", "L02", "L03"}
    assert "nothing stands out at its place, up to SUV" in ran.report


def test_a_correction_without_a_reader_stops_the_visit_until_one_is_declared(
    study: Path, scheduler: str
) -> None:
    edit(study, reader="Slicer")

    refused = run_it(study, scheduler)
    assert lesion_count(refused) is None
    assert "does not say who edited it" in refused.report
    change_study_file(
        study,
        lambda text: (
            f'{text}\n[[declare.visit]]\nparticipant = "OP-001"\ntimepoint = "BASELINE"\n'
            'lesions_reader = "AB"\n'
        ),
    )
    declared = run_it(study, scheduler)

    assert lesion_count(declared) is not None
    assert "corrected by AB" in declared.report


def test_contours_correct_only_where_study_toml_names_their_series(
    study: Path, scheduler: str
) -> None:
    (segment, *_) = read_segmentation(study / OURS)
    grid = segment.mask.grid
    i, j, k = np.argwhere(segment.mask.inside).mean(axis=0).round().astype(int).tolist()
    path = study / "dicom/OP-001/BASELINE/drawn/0001.dcm"
    path.parent.mkdir(parents=True)
    write_rtstruct(
        path,
        grid,
        [
            EditedContours(
                name="met", low=(i - 0.5, j - 0.5), high=(i + 1.5, j + 1.5), depths=(k, k + 1)
            )
        ],
    )
    ours = pydicom.dcmread(study / OURS, stop_before_pixels=True)
    dataset = pydicom.dcmread(path)
    for keyword in ("PatientID", "StudyInstanceUID", "StudyDate", "StudyTime"):
        setattr(dataset, keyword, ours.get(keyword))
    dataset.SeriesInstanceUID = "2.25.4713"
    dataset.save_as(path)

    shown = run_it(study, scheduler)
    assert lesion_count(shown) == 3
    change_study_file(
        study,
        lambda text: (
            f'{text}\n[[declare.visit]]\nparticipant = "OP-001"\ntimepoint = "BASELINE"\n'
            'lesions_from = "2.25.4713"\n'
        ),
    )
    corrected = run_it(study, scheduler)

    assert lesion_count(corrected) == 1
    (only,) = read_segmentation(study / "results/lesions/OP-001_BASELINE_v2.dcm")
    assert int(np.count_nonzero(only.mask.inside)) == 8
    assert "corrected by Doe^Jane" in corrected.report


def test_lesions_drawn_on_another_scan_correct_nothing_and_are_said(
    study: Path, scheduler: str
) -> None:
    edit(study)
    dataset = pydicom.dcmread(study / EDITED)
    dataset.FrameOfReferenceUID = "2.25.99"
    dataset.save_as(study / EDITED)

    ran = run_it(study, scheduler)

    assert lesion_count(ran) == 3
    assert "were drawn in another frame of reference" in ran.report


def test_the_same_study_gives_the_same_bytes(study: Path, scheduler: str) -> None:
    edit(study)
    run_it(study, scheduler)
    before = objects(study)
    shutil.rmtree(study / "results")

    run_it(study, scheduler)

    assert objects(study) == before
