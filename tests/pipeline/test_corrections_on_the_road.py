"""A reader's lesions in STUDY/dicom: taken after what was found, kept beside it, never guessed."""

import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pydicom
import pytest
from pydicom.uid import UID

from operandi.imaging.dicom.segmentation import read_segmentation
from operandi.pipeline.study import refused_visits
from tests.imaging.lesions.corrections.edited_objects import EditedContours, write_rtstruct
from tests.pipeline import studies
from tests.pipeline.studies import Ran, change_study_file, published, run_it

pytestmark = pytest.mark.slow

EDITED = "dicom/OP-001/BASELINE/edited/0001.dcm"
OURS = "results/lesions/OP-001_BASELINE.dcm"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory, scheduler: str) -> Path:
    folder = tmp_path_factory.mktemp("sound") / "study"
    studies.write_small_study(folder)
    run_it(folder, scheduler)
    return folder


@pytest.fixture
def study(sound: Path, tmp_path: Path) -> Path:
    """A copy that a reader corrects."""
    return Path(shutil.copytree(sound, tmp_path / "study"))


def edit(study: Path, *, reader: str = "Doe^Jane") -> None:
    """Our SEG of the baseline as a reader sends it back: the last segment is emptied."""
    dataset = pydicom.dcmread(study / OURS)
    last = len(dataset.SegmentSequence)
    pixels = dataset.pixel_array.copy()
    for number, group in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        if group.SegmentIdentificationSequence[0].ReferencedSegmentNumber == last:
            pixels[number] = 0
    packed = np.packbits(pixels.ravel(), bitorder="little")
    dataset.PixelData = packed.tobytes() + b"\0" * (len(packed) % 2)
    dataset.ContentCreatorName = reader
    dataset.ContentDate, dataset.ContentTime = "20260301", "101500"
    dataset.SeriesInstanceUID = UID("2.25.4712")
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = UID("2.25.4711")
    (study / EDITED).parent.mkdir(parents=True)
    dataset.save_as(study / EDITED)


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
