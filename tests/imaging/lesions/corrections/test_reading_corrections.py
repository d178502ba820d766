"""Edited objects in: who, when, other grids, fractions, label maps, contours, hostile and real."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pydicom
import pytest

from operandi.domain.grid import Grid
from operandi.domain.volume import Volume
from operandi.imaging.dicom.segmentation import read_segmentation
from operandi.imaging.lesions.corrections.correcting import corrected
from operandi.imaging.lesions.corrections.reading import (
    DeclaredCorrection,
    LesionCorrection,
    read_correction,
)
from operandi.imaging.lesions.found_organs import FoundOrgans
from operandi.imaging.lesions.lesion_version import difference_in_words
from operandi.imaging.lesions.segmentation.settings import SegmentationSettings
from operandi.imaging.lesions.visit import LesionsOfVisit, VisitChoices, lesions_of_visit
from operandi.quantities.errors import DataError, GridMismatchError, OperandiError
from operandi.quantities.kinds import SUV_BODY_WEIGHT
from tests.imaging.lesions.corrections.edited_objects import (
    ANATOMY,
    EDITED,
    TISSUE,
    EditedContours,
    EditedSegment,
    write_rtstruct,
    write_seg,
)
from tests.imaging.lesions.corrections.test_correcting import the_difference
from tests.imaging.lesions.corrections.visits import UIDS, a_cube, a_visit, as_written
from tests.imaging.lesions.phantoms import a_pet_grid
from tests.imaging.lesions.test_visit import OF

PARIS = ZoneInfo("Europe/Paris")
GRID = a_pet_grid()
PUBLISHED = Path(__file__).parents[4] / ".." / "shared" / "data" / "dicom_objects"


def a_block(
    grid: Grid = GRID,
    low: tuple[int, int, int] = (4, 5, 6),
    high: tuple[int, int, int] = (8, 9, 10),
) -> EditedSegment:
    inside = np.zeros(grid.shape, dtype=np.bool_)
    inside[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = True
    return EditedSegment(label="L01", inside=inside)


def read(path: Path, onto: Grid = GRID, **declared: str | datetime) -> LesionCorrection:
    return read_correction(
        path,
        onto=onto,
        zone=PARIS,
        declared=DeclaredCorrection(**declared),  # type: ignore[arg-type]
    )


def volume_ml(correction: LesionCorrection, which: int = 0) -> float:
    return correction.regions[which].voxels * correction.grid.voxel_volume_ml


# --- who and when --------------------------------------------------------------------------------


def test_reader_time_and_source_are_those_of_the_file(tmp_path: Path) -> None:
    correction = read(write_seg(tmp_path / "edited.dcm", GRID, [a_block()]), reader="other")

    assert (correction.reader, correction.reader_from) == ("Doe^Jane", "ContentCreatorName")
    assert correction.at == datetime(2026, 3, 1, 10, 15, tzinfo=PARIS)
    assert correction.source_name == "edited.dcm"
    assert len(correction.source) == 64
    assert correction.patient_id == "OP-001"


def test_an_offset_in_the_file_counts_more_than_the_zone_of_the_study(tmp_path: Path) -> None:
    header = {**EDITED, "TimezoneOffsetFromUTC": "-0500"}

    correction = read(write_seg(tmp_path / "x.dcm", GRID, [a_block()], header=header))

    assert correction.at == datetime(2026, 3, 1, 15, 15, tzinfo=UTC)


@pytest.mark.parametrize("name", ["Operandi", "Slicer", "", "OHIF^"])
def test_a_program_is_no_reader(name: str, tmp_path: Path) -> None:
    path = write_seg(
        tmp_path / "x.dcm", GRID, [a_block()], header={**EDITED, "ContentCreatorName": name}
    )

    with pytest.raises(DataError, match=r"does not say who edited it.*--reader NAME"):
        read(path)
    assert read(path, reader="AB").reader_from == "declared"


def test_the_operator_is_the_reader_where_no_creator_is_named(tmp_path: Path) -> None:
    header = {**EDITED, "ContentCreatorName": "Slicer", "OperatorsName": "Roe^Max"}

    correction = read(write_seg(tmp_path / "x.dcm", GRID, [a_block()], header=header))

    assert (correction.reader, correction.reader_from) == ("Roe^Max", "OperatorsName")


def test_refuses_a_file_that_does_not_say_when_unless_it_is_declared(tmp_path: Path) -> None:
    header = {"ContentCreatorName": "Doe^Jane", "ContentDate": "20260301"}
    path = write_seg(tmp_path / "x.dcm", GRID, [a_block()], header=header)

    with pytest.raises(DataError, match=r"ContentDate is there.*--corrected-at"):
        read(path)
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert read(path, at=noon).at == noon


def test_refuses_a_time_of_an_unknown_zone(tmp_path: Path) -> None:
    path = write_seg(tmp_path / "x.dcm", GRID, [a_block()])

    with pytest.raises(DataError, match=r"without an offset.*--timezone"):
        read_correction(path, onto=GRID, zone=None)


def test_refuses_another_patient(tmp_path: Path) -> None:
    path = write_seg(tmp_path / "x.dcm", GRID, [a_block()])

    with pytest.raises(DataError, match="patient 'OP-001', the PET of 'OP-002'"):
        read_correction(path, onto=GRID, zone=PARIS, patient_id="OP-002")


# --- where ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
def test_every_kind_of_segmentation_comes_voxel_by_voxel(kind: str, tmp_path: Path) -> None:
    block = a_block()

    correction = read(write_seg(tmp_path / "x.dcm", GRID, [block], kind=kind))

    (region,) = correction.regions
    back = np.zeros(GRID.shape, dtype=np.bool_)
    back[region.box] = region.inside
    np.testing.assert_array_equal(back, block.inside)
    assert region.note == ""


def test_half_a_fraction_is_inside_and_less_is_not(tmp_path: Path) -> None:
    path = write_seg(tmp_path / "x.dcm", GRID, [a_block()], kind="FRACTIONAL")
    dataset = pydicom.dcmread(path)
    pixels = np.frombuffer(dataset.PixelData, np.uint8).copy().reshape(4, 24, 24)
    pixels[0][pixels[0] > 0] = 127
    pixels[1][pixels[1] > 0] = 128
    dataset.PixelData = pixels.tobytes()
    dataset.save_as(path)

    assert read(path).regions[0].voxels == 3 * 16


def test_a_finer_grid_is_resampled_and_said_with_both_volumes(tmp_path: Path) -> None:
    """Half the spacing, the same corner: 8 fine voxels for one of the PET, moved by a quarter."""
    affine = GRID.affine.copy()
    affine[:3, :3] /= 2.0
    affine[:3, 3] = GRID.position_of([-0.25, -0.25, -0.25])
    fine = Grid((48, 48, 48), affine, GRID.frame_of_reference)

    correction = read(
        write_seg(tmp_path / "x.dcm", fine, [a_block(fine, (8, 10, 12), (16, 18, 20))])
    )

    (region,) = correction.regions
    assert [(edge.start, edge.stop) for edge in region.box] == [(4, 8), (5, 9), (6, 10)]
    assert volume_ml(correction) == pytest.approx(64 * 0.064)
    assert "resampled from voxels of 2.00 x 2.00 x 2.00 mm" in region.note
    assert "4.10 mL became 4.10 mL" in region.note


def test_refuses_a_region_that_vanishes_on_the_grid_of_the_pet(tmp_path: Path) -> None:
    affine = GRID.affine.copy()
    affine[:3, :3] /= 4.0
    affine[:3, 3] = GRID.position_of([-0.3, -0.3, -0.3])
    fine = Grid((96, 96, 96), affine, GRID.frame_of_reference)

    with pytest.raises(DataError, match="not one voxel center of the PET"):
        read(write_seg(tmp_path / "x.dcm", fine, [a_block(fine, (8, 8, 8), (9, 9, 9))]))


def test_refuses_another_frame_of_reference(tmp_path: Path) -> None:
    other = Grid(GRID.shape, GRID.affine, "1.2.9")

    with pytest.raises(GridMismatchError, match="drawn on another scan"):
        read(write_seg(tmp_path / "x.dcm", other, [a_block(other)]))


def test_refuses_a_file_without_a_frame_of_reference(tmp_path: Path) -> None:
    path = write_seg(tmp_path / "x.dcm", GRID, [a_block()])
    dataset = pydicom.dcmread(path)
    del dataset.FrameOfReferenceUID
    dataset.save_as(path)

    with pytest.raises(GridMismatchError, match="states no FrameOfReferenceUID"):
        read(path)


def test_refuses_voxels_beyond_the_pet(tmp_path: Path) -> None:
    affine = GRID.affine.copy()
    affine[:3, 3] += 60.0
    beyond = Grid(GRID.shape, affine, GRID.frame_of_reference)

    with pytest.raises(GridMismatchError, match="outside the grid"):
        read(write_seg(tmp_path / "x.dcm", beyond, [a_block(beyond, (0, 0, 0), (24, 4, 4))]))


# --- what is no lesion ---------------------------------------------------------------------------


def test_organs_are_left_out_and_said(tmp_path: Path) -> None:
    found = a_visit()
    grid = found.suv.grid
    liver = a_cube(found, (10, 10, 60), 20)
    path = write_seg(
        tmp_path / "x.dcm",
        grid,
        [
            *as_written(found).values(),
            EditedSegment(label="whole liver", inside=liver, category=ANATOMY),
            EditedSegment(label="Spleen", inside=liver, category=TISSUE),
            EditedSegment(label="missed", inside=a_cube(found, (30, 40, 60), 3), category=TISSUE),
        ],
    )

    after = corrected(found, read(path, grid), tracking_uids=UIDS)

    assert [one.id for one in after.lesions] == ["L01", "L02", "L03"]
    assert after.version is not None
    said = " ".join(map(str, after.version.notes))
    assert "whole liver was left out: its category is Anatomical Structure" in said
    assert "Spleen was left out: it is named as an organ (spleen)" in said
    assert "L03 counts as a lesion, though the category of 'missed' does not say so" in said


# --- contours ------------------------------------------------------------------------------------


def test_contours_are_filled_on_the_slices_of_the_pet(tmp_path: Path) -> None:
    path = write_rtstruct(
        tmp_path / "x.dcm",
        GRID,
        [
            EditedContours(name="L01", low=(3.5, 4.5), high=(7.5, 8.5), depths=(6, 7, 8)),
            EditedContours(name="mark", low=(3, 3), high=(4, 4), depths=(6,), geometry="POINT"),
            EditedContours(
                name="GTV", low=(12.5, 12.5), high=(14.5, 14.5), depths=(6,), interpreted="GTV"
            ),
            EditedContours(
                name="body", low=(0, 0), high=(20, 20), depths=(6, 7), interpreted="EXTERNAL"
            ),
            EditedContours(name="empty", low=(0, 0), high=(1, 1), depths=()),
        ],
    )

    correction = read(path)

    assert (correction.reader, correction.reader_from) == ("Doe^Jane", "OperatorsName")
    assert [one.voxels for one in correction.regions] == [48, 4, 800, 0]
    assert [bool(one.no_lesion) for one in correction.regions] == [False, False, True, False]
    assert correction.notes == (
        "mark was left out: Region 'mark' has contours of type POINT: needed CLOSED_PLANAR only.",
    )


@pytest.mark.parametrize("step", [0.5, 2.0])
def test_contours_in_other_even_planes_are_filled_there_and_resampled(
    step: float, tmp_path: Path
) -> None:
    depths = tuple(float(x) for x in np.arange(6.0, 12.0, step))
    path = write_rtstruct(
        tmp_path / "x.dcm",
        GRID,
        [EditedContours(name="L01", low=(3.5, 4.5), high=(7.5, 8.5), depths=depths)],
    )

    correction = read(path)

    (region,) = correction.regions
    assert "resampled from voxels of" in region.note
    assert volume_ml(correction) == pytest.approx(16 * 6 * 0.064, rel=0.2)


def test_refuses_contours_of_another_frame_of_reference(tmp_path: Path) -> None:
    path = write_rtstruct(
        tmp_path / "x.dcm",
        GRID,
        [EditedContours(name="L01", low=(3, 4), high=(7, 8), depths=(6,))],
        frame="1.2.9",
    )

    with pytest.raises(GridMismatchError, match="drawn on another scan"):
        read(path)


# --- hostile and real ----------------------------------------------------------------------------


def no_pixels(dataset: pydicom.Dataset) -> None:
    del dataset.PixelData


def a_bad_date(dataset: pydicom.Dataset) -> None:
    dataset["ContentDate"]._value = "yesterday"


def no_segments(dataset: pydicom.Dataset) -> None:
    dataset.SegmentSequence = []


def another_class(dataset: pydicom.Dataset) -> None:
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"


def absurd_positions(dataset: pydicom.Dataset) -> None:
    plane = dataset.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence[0]
    plane.ImagePositionPatient = ["1e9", "0", "1e9"]


@pytest.mark.parametrize(
    "damage", [no_pixels, a_bad_date, no_segments, another_class, absurd_positions]
)
def test_refuses_a_damaged_object_by_name(
    damage: Callable[[pydicom.Dataset], None], tmp_path: Path
) -> None:
    path = write_seg(tmp_path / "x.dcm", GRID, [a_block()])
    dataset = pydicom.dcmread(path)
    damage(dataset)
    pydicom.dcmwrite(path, dataset)

    with pytest.raises(OperandiError):
        read(path)


def test_refuses_what_is_no_dicom_and_every_truncation(tmp_path: Path) -> None:
    content = write_seg(tmp_path / "x.dcm", GRID, [a_block()]).read_bytes()
    for length in range(0, len(content) - 1, len(content) // 23):
        (tmp_path / "y.dcm").write_bytes(content[:length])
        with pytest.raises(OperandiError):
            read(tmp_path / "y.dcm")


def a_visit_on(grid: Grid) -> LesionsOfVisit:
    """A visit of one lesion, a block of uptake in the middle of any grid."""
    values = np.full(grid.shape, 0.5, dtype=np.float32)
    middle = tuple(slice(n // 3, max(2 * n // 3, n // 3 + 1)) for n in grid.shape)
    values[middle] = 20.0
    return lesions_of_visit(
        Volume(values, grid, SUV_BODY_WEIGHT),
        organs=FoundOrgans(organs=(), missing=()),
        water=None,
        fat=None,
        choices=VisitChoices(
            segmentation=SegmentationSettings(fwhm_mm=2.0, minimum_volume_ml=1e-6, seed_suv=4.0)
        ),
        of=OF,
    )


def published() -> list[Path]:
    found = [path for path in PUBLISHED.rglob("*") if path.suffix in {".dcm", ".seg"}]
    return sorted(found)


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published objects are not here")
def test_every_published_object_is_read_or_refused_by_name() -> None:
    read_in, refusals, said = [], [], []
    for path in published():
        try:
            grid = read_segmentation(path)[0].mask.grid
        except OperandiError:
            grid = GRID
        try:
            correction = read(path, grid, reader="AB")
            read_in.append((path.name, correction))
            after = corrected(a_visit_on(grid), correction)
            assert after.version is not None
            said.append((path.name, difference_in_words(the_difference(after))))
        except OperandiError as why:
            refusals.append((path.name, str(why)))
    assert len(read_in) == 10
    named = ("neither a DICOM SEG nor an RTSTRUCT", "holds no lesion: Liver")
    assert all(any(words in why for words in named) for _, why in refusals)
    assert len(said) == 6
    assert dict(said)["partial_overlaps.dcm"].startswith("changed: C01; added: C02, C03, C04, C05")
    by_name = dict(read_in)
    assert by_name["seg.dcm"].reader == "User2"
    assert [one.altered for one in by_name["partial_overlaps.dcm"].regions].count(True) == 1
    assert by_name["liver.dcm"].regions[0].no_lesion == "it is named as an organ (liver)"
