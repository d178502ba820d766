"""``operandi lesions --correction``: our SEG, edited, comes back as a version beside the first."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from typer.testing import Result

from operandi.cli import console
from operandi.imaging.dicom.measurement_report import read_measurement_report
from operandi.imaging.dicom.segmentation import read_segmentation
from operandi.imaging.lesions.lesion_tables import read_lesion_table
from operandi.quantities.errors import DataError, OperandiError
from tests.cli.test_lesions_command import OBJECTS, OPTIONS, call
from tests.imaging.dicom.test_segmentation import a_code
from tests.pipeline.studies import write_small_study

PARIS = ("--timezone", "Europe/Paris")
OF_A_VERSION = (
    "lesions.v2.csv",
    "lesions.v2.dcm",
    "lesions.v2.json",
    "lesions.v2.nii.gz",
    "measures.v2.csv",
    "report.v2.dcm",
)


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demonstration study's first visit, of three lesions."""
    folder = tmp_path_factory.mktemp("study")
    write_small_study(folder)
    return folder / "dicom" / "OP-001" / "BASELINE"


@pytest.fixture(scope="module")
def automatic(baseline: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    to = tmp_path_factory.mktemp("automatic")
    assert called(baseline, to).exit_code == 0
    return to


def called(baseline: Path, to: Path, *words: str | Path) -> Result:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(console.out, "width", 300)
        return call(
            *(baseline / "pet_ac", "--organs", baseline / "organ_map", *OPTIONS, "--to", to),
            *("--timepoint", "BASELINE", *PARIS, *words),
        )


def edited(
    automatic: Path,
    path: Path,
    edit: Callable[[pydicom.Dataset, np.ndarray[tuple[int, ...], np.dtype[np.uint8]]], None],
    *,
    reader: str = "Doe^Jane",
    clock: str = "101500",
) -> Path:
    """Our lesions.dcm after an editor: frames in *pixels*, header as 3D Slicer's export sets it."""
    dataset = pydicom.dcmread(automatic / "lesions.dcm")
    pixels = dataset.pixel_array.copy()
    edit(dataset, pixels)
    packed = np.packbits(pixels.ravel(), bitorder="little")
    dataset.PixelData = packed.tobytes() + b"\0" * (len(packed) % 2)
    dataset.ContentCreatorName = reader
    dataset.ContentDate, dataset.ContentTime = "20260301", clock
    dataset.SOPInstanceUID = "2.25.4711"
    dataset.save_as(path)
    return path


def frames_of(dataset: pydicom.Dataset, segment: int) -> list[int]:
    return [
        number
        for number, group in enumerate(dataset.PerFrameFunctionalGroupsSequence)
        if group.SegmentIdentificationSequence[0].ReferencedSegmentNumber == segment
    ]


def shrink_the_first(dataset: pydicom.Dataset, pixels: np.ndarray) -> None:
    """Take one voxel off in the fullest frame of L01, and drop the TrackingUID of L02."""
    frame = max(frames_of(dataset, 1), key=lambda number: int(pixels[number].sum()))
    row, column = np.argwhere(pixels[frame])[0]
    pixels[frame, row, column] = 0
    del dataset.SegmentSequence[1].TrackingUID
    del dataset.SegmentSequence[1].TrackingID


def delete_the_third(dataset: pydicom.Dataset, pixels: np.ndarray) -> None:
    """A false positive is emptied; the category becomes what 3D Slicer gives by default."""
    pixels[frames_of(dataset, 3)] = 0
    for item in dataset.SegmentSequence:
        item.SegmentedPropertyCategoryCodeSequence = a_code("85756007", "SCT", "Tissue")


def untouched(dataset: pydicom.Dataset, pixels: np.ndarray) -> None:
    del dataset, pixels


@pytest.fixture(scope="module")
def once(
    baseline: Path, automatic: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path, Result]:
    """Folder of a call with one correction, the correction, and what the call said."""
    folder = tmp_path_factory.mktemp("once")
    file = edited(automatic, folder / "edited.dcm", shrink_the_first)
    return folder / "out", file, called(baseline, folder / "out", "--correction", file)


def test_a_correction_stands_beside_the_automatic_version(
    automatic: Path, once: tuple[Path, Path, Result]
) -> None:
    to, _, result = once

    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in to.iterdir()) == sorted((*OBJECTS, *OF_A_VERSION))
    for name in OBJECTS:
        if name != "page.html":
            assert (to / name).read_bytes() == (automatic / name).read_bytes(), name
    assert "version 2, corrected by Doe^Jane, 2026-03-01 10:15:00+01:00: changed: L01" in (
        result.output
    )
    one, two = (read_lesion_table(to / f"lesions{of}.csv") for of in ("", ".v2"))
    voxel_ml = read_segmentation(to / "lesions.dcm")[0].mask.grid.voxel_volume_ml
    assert one[0].volume_ml - two[0].volume_ml == pytest.approx(voxel_ml)
    assert [row.tracking_uid for row in one] == [row.tracking_uid for row in two]
    page = (to / "page.html").read_text("utf-8")
    for words in ("What version 2 changed", "Doe^Jane (ContentCreatorName)", "edited.dcm, SHA-256"):
        assert words in page, words


def test_the_corrected_objects_name_the_reader_and_what_was_drawn_by_hand(
    once: tuple[Path, Path, Result],
) -> None:
    to, _, _ = once

    written = pydicom.dcmread(to / "lesions.v2.dcm")
    report = pydicom.dcmread(to / "report.v2.dcm")

    assert str(written.ContentCreatorName) == "Doe^Jane"
    # 10:15 in Paris, told in the offset that the PET's own times have.
    assert (written.ContentTime[:6], written.TimezoneOffsetFromUTC) == ("111500", "+0200")
    assert [one.SegmentAlgorithmType for one in written.SegmentSequence] == [
        "SEMIAUTOMATIC",
        "AUTOMATIC",
        "AUTOMATIC",
    ]
    assert written.SegmentSequence[0].SegmentAlgorithmName == "Operandi"
    earlier = pydicom.dcmread(to / "report.dcm")
    (study,) = report.PredecessorDocumentsSequence
    (reference,) = study.ReferencedSeriesSequence[0].ReferencedSOPSequence
    assert reference.ReferencedSOPInstanceUID == earlier.SOPInstanceUID
    groups = read_measurement_report(to / "report.v2.dcm").groups
    assert len([one for one in groups if one.segment is not None]) == 3


@pytest.mark.slow
def test_versions_form_a_chain_and_what_was_written_comes_back_as_the_same_version(
    baseline: Path, automatic: Path, tmp_path: Path
) -> None:
    one = edited(automatic, tmp_path / "one.dcm", shrink_the_first)
    two = edited(
        automatic, tmp_path / "two.dcm", delete_the_third, reader="Roe^Max", clock="111500"
    )
    to = tmp_path / "out"

    result = called(baseline, to, "--correction", two, "--correction", one)
    again = called(
        *(baseline, tmp_path / "again", "--correction", to / "lesions.v2.dcm"),
        *("--correction", one, "--correction", two),
    )

    assert result.exit_code == 0, result.output
    assert "version 3, corrected by Roe^Max" in result.output
    assert "changed: L01; removed: L03" in result.output
    assert again.exit_code == 0, again.output
    assert "version 4" not in again.output
    assert len(read_segmentation(to / "lesions.v3.dcm")) == 2


def test_an_unedited_copy_is_said_to_be_one(
    baseline: Path, automatic: Path, tmp_path: Path
) -> None:
    file = edited(automatic, tmp_path / "copy.dcm", untouched, reader="Slicer")

    result = called(baseline, tmp_path / "out", "--correction", file, "--reader", "AB")

    assert "corrected by AB" in result.output
    assert "nothing was changed: an unedited copy" in result.output
    uids = {
        pydicom.dcmread(tmp_path / "out" / name).SOPInstanceUID
        for name in ("lesions.dcm", "lesions.v2.dcm")
    }
    assert len(uids) == 2


def test_the_same_call_gives_the_same_bytes_and_may_be_repeated(
    baseline: Path, once: tuple[Path, Path, Result]
) -> None:
    to, file, _ = once
    before = {path.name: path.read_bytes() for path in to.iterdir()}

    again = called(baseline, to, "--correction", file)

    assert again.exit_code == 0, again.output
    assert {path.name: path.read_bytes() for path in to.iterdir()} == before


def test_versions_of_an_earlier_call_are_left_and_said(
    baseline: Path, once: tuple[Path, Path, Result], tmp_path: Path
) -> None:
    to = Path(shutil.copytree(once[0], tmp_path / "out"))

    result = called(baseline, to)

    assert "also holds lesions.v2.dcm of an earlier call" in result.output
    assert (to / "lesions.v2.dcm").exists()


# --- refusals ------------------------------------------------------------------------------------


def refused(baseline: Path, to: Path, *words: str | Path) -> OperandiError:
    result = called(baseline, to, *words)
    assert isinstance(result.exception, OperandiError), result.output
    return result.exception


def test_refuses_to_write_over_another_version(
    baseline: Path, automatic: Path, tmp_path: Path, once: tuple[Path, Path, Result]
) -> None:
    to, _, _ = once
    two = edited(automatic, tmp_path / "two.dcm", delete_the_third)
    before = {path.name: path.read_bytes() for path in to.glob("*.v2.*")}

    error = refused(baseline, to, "--correction", two)

    assert "which is not written over" in str(error)
    assert {path.name: path.read_bytes() for path in to.glob("*.v2.*")} == before
    assert sorted(path.name for path in to.iterdir() if path.name.startswith(".")) == []


def test_refuses_two_corrections_of_one_time(
    baseline: Path, automatic: Path, tmp_path: Path
) -> None:
    one = edited(automatic, tmp_path / "one.dcm", shrink_the_first)
    two = edited(automatic, tmp_path / "two.dcm", delete_the_third)

    error = refused(baseline, tmp_path / "out", "--correction", one, "--correction", two)

    assert isinstance(error, DataError)
    assert "of the same time" in str(error)
    assert not (tmp_path / "out").exists()


def test_refuses_a_correction_that_the_automatic_version_would_overwrite(
    baseline: Path, automatic: Path, tmp_path: Path
) -> None:
    edited(automatic, tmp_path / "lesions.dcm", shrink_the_first)

    error = refused(baseline, tmp_path, "--correction", tmp_path / "lesions.dcm")

    assert "would be lost" in str(error)


def test_refuses_our_own_file_as_nobody_edited_it(
    baseline: Path, automatic: Path, tmp_path: Path
) -> None:
    error = refused(baseline, tmp_path / "out", "--correction", automatic / "lesions.dcm")

    assert "ContentCreatorName is 'Operandi', a program" in str(error)


@pytest.mark.parametrize("words", [("--confirmed",), ("--corrected-at", "2026-03-01T10:15+01:00")])
def test_words_about_a_correction_need_one(
    baseline: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    result = called(baseline, tmp_path / "out", *words)

    assert result.exit_code == 2
    assert "--correction" in result.output
