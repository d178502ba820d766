"""Contours in, voxels out: exact counts, the even-odd rule, refusals, real structure sets."""

import json
import tarfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pydicom
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, RTStructureSetStorage

from operandi.domain.grid import Grid
from operandi.domain.identity import SeriesUid
from operandi.domain.mask import Mask
from operandi.imaging.dicom.structure_set import Contours, rasterize, read_structure_set
from operandi.quantities.errors import (
    DataError,
    GridMismatchError,
    OperandiError,
    UnsupportedError,
)

SHARED = Path(__file__).parents[3] / ".." / "shared" / "data"
FRAME = "2.25.1"
SERIES = "2.25.2"

Points = npt.NDArray[np.float64]


def a_grid(
    shape: tuple[int, int, int] = (12, 10, 4),
    *,
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
    turn: Points | None = None,
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0),
    frame_of_reference: str = FRAME,
) -> Grid:
    affine = np.eye(4)
    affine[:3, :3] = (np.eye(3) if turn is None else turn) * spacing
    affine[:3, 3] = origin
    return Grid(shape=shape, affine=affine, frame_of_reference=frame_of_reference)


def a_turn(*, about_x: float, about_z: float) -> Points:
    """Rotation by two angles in radians."""
    x = np.array(
        [
            [1, 0, 0],
            [0, np.cos(about_x), -np.sin(about_x)],
            [0, np.sin(about_x), np.cos(about_x)],
        ]
    )
    z = np.array(
        [
            [np.cos(about_z), -np.sin(about_z), 0],
            [np.sin(about_z), np.cos(about_z), 0],
            [0, 0, 1],
        ]
    )
    turn: Points = x @ z
    return turn


def contours_of(
    *outlines: Sequence[tuple[float, float, float]] | Points,
    grid: Grid,
    types: tuple[str, ...] = ("CLOSED_PLANAR",),
) -> Contours:
    """Contours given in (fractional) voxel indices."""
    return Contours(
        number=1,
        name="lesion",
        polygons=tuple(grid.position_of(np.array(outline, float)) for outline in outlines),
        geometric_types=types,
        frame_of_reference=FRAME,
        referenced_series_uid=SeriesUid(SERIES),
    )


def a_square(low: float, high: float, *, k: float) -> list[tuple[float, float, float]]:
    return [(low, low, k), (high, low, k), (high, high, k), (low, high, k)]


def count(mask: Mask) -> int:
    return int(np.count_nonzero(mask.inside))


# --- known answers ----------------------------------------------------------------------------


def test_circle_has_the_area_of_the_closed_form_on_an_oblique_grid() -> None:
    """pi r^2 / 0.25^2 = 20 106 voxels; a lattice count differs by less than r/d * 2.8."""
    turn = a_turn(about_x=0.3, about_z=0.7)
    grid = a_grid((200, 200, 3), spacing=(0.25, 0.25, 2.0), turn=turn, origin=(5, -40, 7))
    angles = np.linspace(0, 2 * np.pi, 3600, endpoint=False)
    radius = 20.0 / 0.25
    circle = np.stack(
        [99.3 + radius * np.cos(angles), 99.7 + radius * np.sin(angles), np.full(3600, 1.0)], axis=1
    )

    mask = rasterize(contours_of(circle, grid=grid), grid)

    assert count(mask) == pytest.approx(np.pi * 20.0**2 / 0.25**2, abs=2.8 * radius)
    assert not mask.inside[:, :, [0, 2]].any()


def test_square_with_a_hole_has_the_exact_number_of_voxels() -> None:
    """8 x 8 centers within 0.5 ... 8.5, less 3 x 3 within 2.5 ... 5.5: 64 - 9."""
    grid = a_grid()

    mask = rasterize(contours_of(a_square(0.5, 8.5, k=2), a_square(2.5, 5.5, k=2), grid=grid), grid)

    assert count(mask) == 55
    assert not mask.inside[3:6, 3:6, 2].any()
    assert mask.volume_ml == pytest.approx(0.055)


def test_keyhole_outline_gives_the_same_hole_as_two_contours() -> None:
    grid = a_grid()
    outer, inner = a_square(0.5, 8.5, k=1), a_square(2.5, 5.5, k=1)
    keyhole = [*outer, outer[0], *reversed(inner), inner[-1]]

    np.testing.assert_array_equal(
        rasterize(contours_of(keyhole, grid=grid), grid).inside,
        rasterize(contours_of(outer, inner, grid=grid), grid).inside,
    )


@given(about_x=st.floats(-3, 3), about_z=st.floats(-3, 3))
@settings(max_examples=40, deadline=None)
def test_outlines_on_voxel_centers_are_in_on_one_side_and_out_on_the_other(
    about_x: float, about_z: float
) -> None:
    """By hand: from center 2 to center 6 that is 4 voxels a side: 2, 3, 4, 5."""
    turn = a_turn(about_x=about_x, about_z=about_z)
    grid = a_grid(turn=turn, spacing=(0.7, 0.7, 3.0), origin=(-310.7, 55.3, 811.1))

    mask = rasterize(contours_of(a_square(2, 6, k=0), grid=grid), grid)

    expected = np.zeros(grid.shape, bool)
    expected[2:6, 2:6, 0] = True
    np.testing.assert_array_equal(mask.inside, expected)


def test_regions_that_touch_share_no_voxel_and_leave_no_gap() -> None:
    grid = a_grid()
    left = contours_of([(1, 1, 0), (5, 2, 0), (4, 8, 0), (1, 8, 0)], grid=grid)
    right = contours_of([(5, 2, 0), (9, 1, 0), (9, 8, 0), (4, 8, 0)], grid=grid)
    both = contours_of([(1, 1, 0), (5, 2, 0), (9, 1, 0), (9, 8, 0), (1, 8, 0)], grid=grid)

    one, other = rasterize(left, grid).inside, rasterize(right, grid).inside

    assert not (one & other).any()
    np.testing.assert_array_equal(one | other, rasterize(both, grid).inside)


def test_each_contour_goes_to_the_slice_nearest_to_it() -> None:
    grid = a_grid(spacing=(1, 1, 3))

    mask = rasterize(
        contours_of(a_square(1.5, 3.5, k=0.4), a_square(1.5, 4.5, k=1.3), grid=grid), grid
    )

    assert mask.inside.sum(axis=(0, 1)).tolist() == [4, 9, 0, 0]


def test_contours_half_way_between_slices_keep_one_slice_each() -> None:
    """Rounded to 0.001 mm as real files are, now above and now below the half."""
    grid = a_grid(spacing=(1, 1, 3))
    depths = [0.5 - 0.0003, 1.5 + 0.0003, 2.5 - 0.0003]

    mask = rasterize(contours_of(*(a_square(1.5, 3.5, k=k) for k in depths), grid=grid), grid)

    assert mask.inside.sum(axis=(0, 1)).tolist() == [0, 4, 4, 4]


def test_outline_along_the_outer_voxel_edges_fills_the_grid() -> None:
    grid = a_grid((6, 6, 1))

    mask = rasterize(contours_of(a_square(-0.505, 5.505, k=0.0), grid=grid), grid)

    assert mask.inside.all()


def test_degenerate_outlines_hold_no_voxel() -> None:
    grid = a_grid()
    line = [(1.5, 1.5, 0.0), (6.5, 7.5, 0.0)]
    point = [(2.0, 2.0, 1.0)]

    assert count(rasterize(contours_of(line, point, grid=grid), grid)) == 0


# --- invariants -------------------------------------------------------------------------------

outlines = st.lists(
    st.tuples(st.floats(-0.45, 11.45), st.floats(-0.45, 9.45)), min_size=3, max_size=12
).map(lambda points: np.array([(round(x, 3) + 1e-4, round(y, 3) + 1e-4, 1.0) for x, y in points]))


def even_odd_by_hand(outline: Points, shape: tuple[int, int, int]) -> npt.NDArray[np.bool_]:
    """Count the crossings of a ray from each center, one center and one edge at a time."""
    inside = np.zeros(shape, bool)
    for i in range(shape[0]):
        for j in range(shape[1]):
            for (x0, y0, _), (x1, y1, _) in zip(outline, np.roll(outline, -1, axis=0), strict=True):
                if (y0 > j) == (y1 > j):
                    continue
                crossing = x0 + (j - y0) * (x1 - x0) / (y1 - y0)
                # On which side of an edge a center on it lies is a matter of rounding.
                assume(abs(i - crossing) > 1e-9)
                inside[i, j, 1] ^= i < crossing
    return inside


@given(outline=outlines)
@settings(max_examples=40, deadline=None)
def test_any_polygon_agrees_with_counting_crossings_one_by_one(outline: Points) -> None:
    grid = a_grid()

    mask = rasterize(contours_of(outline, grid=grid), grid)

    np.testing.assert_array_equal(mask.inside, even_odd_by_hand(outline, grid.shape))


@given(one=outlines, other=outlines)
@settings(max_examples=40, deadline=None)
def test_polygons_of_one_slice_are_combined_by_exclusive_or(one: Points, other: Points) -> None:
    grid = a_grid()

    both = rasterize(contours_of(one, other, grid=grid), grid).inside

    first, second = (rasterize(contours_of(o, grid=grid), grid).inside for o in (one, other))
    np.testing.assert_array_equal(both, first ^ second)


@given(
    outline=outlines, start=st.integers(0, 11), about_x=st.floats(-1, 1), about_z=st.floats(-3, 3)
)
@settings(max_examples=40, deadline=None)
def test_direction_start_and_orientation_do_not_matter(
    outline: Points, start: int, about_x: float, about_z: float
) -> None:
    straight = a_grid()
    turned = a_grid(
        turn=a_turn(about_x=about_x, about_z=about_z), spacing=(2, 2, 5), origin=(-90, 30, 400)
    )

    mask = rasterize(contours_of(np.roll(outline[::-1], start, axis=0), grid=turned), turned)

    expected = rasterize(contours_of(outline, grid=straight), straight)
    np.testing.assert_array_equal(mask.inside, expected.inside)


# --- what is refused ---------------------------------------------------------------


@pytest.mark.parametrize("types", [("POINT",), ("OPEN_PLANAR",), ("CLOSED_PLANAR", "POINT")])
def test_refuses_contours_that_are_not_closed_planar(types: tuple[str, ...]) -> None:
    grid = a_grid()
    with pytest.raises(UnsupportedError, match=f"'lesion' has contours of type {', '.join(types)}"):
        rasterize(contours_of(a_square(1, 2, k=0), grid=grid, types=types), grid)


def test_refuses_a_region_never_drawn() -> None:
    grid = a_grid()
    with pytest.raises(DataError, match="'lesion' has no contours"):
        rasterize(contours_of(grid=grid, types=()), grid)


def test_refuses_another_frame_of_reference() -> None:
    grid = a_grid()
    elsewhere = a_grid(frame_of_reference="2.25.99")
    with pytest.raises(GridMismatchError, match=r"in frame of reference 2\.25\.1, the grid lies"):
        rasterize(contours_of(a_square(1, 4, k=0), grid=grid), elsewhere)


def test_accepts_a_grid_that_states_no_frame_of_reference() -> None:
    grid = a_grid(frame_of_reference="")

    assert count(rasterize(contours_of(a_square(0.5, 2.5, k=0), grid=grid), grid)) == 4


def test_refuses_contours_outside_the_grid_and_counts_them() -> None:
    grid = a_grid()
    within, beyond = a_square(1, 4, k=1), a_square(7, 9.6, k=2)
    above = a_square(1, 4, k=3.6)
    with pytest.raises(GridMismatchError, match="2 of 3 contours of region 'lesion' lie wholly or"):
        rasterize(contours_of(within, beyond, above, grid=grid), grid)


def test_refuses_contours_that_cross_the_slices() -> None:
    grid = a_grid()
    tilted = [(1, 1, 1.0), (8, 1, 1.0), (8, 8, 1.2), (1, 8, 1.2)]
    with pytest.raises(GridMismatchError, match=r"spread 0\.20 mm across them"):
        rasterize(contours_of(tilted, grid=grid), grid)


def test_refuses_planes_closer_than_the_slices() -> None:
    """Two planes in one slice would cancel each other by the even-odd rule."""
    grid = a_grid(spacing=(1, 1, 4))
    planes = [a_square(1, 4, k=k) for k in (1.0, 1.25, 1.5, 1.75)]
    with pytest.raises(GridMismatchError, match=r"in planes 1\.00 mm apart, closer than"):
        rasterize(contours_of(*planes, grid=grid), grid)


def test_refuses_planes_that_leave_slices_empty_between_them() -> None:
    """Drawn on every other slice, the volume would come out at half."""
    grid = a_grid()
    planes = [a_square(1, 4, k=k) for k in (0, 2)]
    with pytest.raises(GridMismatchError, match=r"at least 2\.00 mm apart, the grid's slices"):
        rasterize(contours_of(*planes, grid=grid), grid)


def test_two_pieces_with_a_gap_between_them_are_accepted() -> None:
    grid = a_grid((12, 10, 8))
    planes = [a_square(0.5, 2.5, k=k) for k in (0, 1, 5, 6)]

    mask = rasterize(contours_of(*planes, grid=grid), grid)

    assert mask.inside.sum(axis=(0, 1)).tolist() == [4, 4, 0, 0, 0, 4, 4, 0]


# --- reading ----------------------------------------------------------------------------------


def a_contour(points: Sequence[tuple[float, float, float]], kind: str) -> pydicom.Dataset:
    contour = pydicom.Dataset()
    contour.ContourGeometricType = kind
    contour.NumberOfContourPoints = len(points)
    contour.ContourData = [f"{x:.3f}" for point in points for x in point]
    return contour


def a_structure_set(kinds: Sequence[str] = ("CLOSED_PLANAR", "POINT")) -> pydicom.Dataset:
    """Regions 1, 2 ... of three squares each (points: one), drawn on one series."""
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = RTStructureSetStorage
    dataset.SOPInstanceUID = "2.25.3"
    dataset.Modality = "RTSTRUCT"
    series, study, frame = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
    series.SeriesInstanceUID = SERIES
    study.RTReferencedSeriesSequence = [series]
    frame.FrameOfReferenceUID = FRAME
    frame.RTReferencedStudySequence = [study]
    dataset.ReferencedFrameOfReferenceSequence = [frame]
    dataset.StructureSetROISequence = []
    dataset.ROIContourSequence = []
    for number, kind in enumerate(kinds, start=1):
        region, drawn = pydicom.Dataset(), pydicom.Dataset()
        region.ROINumber = number
        region.ROIName = f"region {number}"
        region.ReferencedFrameOfReferenceUID = FRAME
        dataset.StructureSetROISequence.append(region)
        drawn.ReferencedROINumber = number
        drawn.ContourSequence = (
            [a_contour([(1, 2, 3)], kind)]
            if kind == "POINT"
            else [a_contour(a_square(0.5, 4.5, k=k), kind) for k in (0, 1, 2)]
        )
        dataset.ROIContourSequence.append(drawn)
    return dataset


def written(dataset: pydicom.Dataset, folder: Path) -> Path:
    path = folder / "regions.dcm"
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)
    return path


def test_reads_regions_with_their_names_numbers_and_references(tmp_path: Path) -> None:
    lesion, marker = read_structure_set(written(a_structure_set(), tmp_path))

    assert (lesion.number, lesion.name) == (1, "region 1")
    assert (lesion.frame_of_reference, lesion.referenced_series_uid) == (FRAME, SERIES)
    assert lesion.geometric_types == ("CLOSED_PLANAR",)
    assert [polygon.shape for polygon in lesion.polygons] == [(4, 3)] * 3
    np.testing.assert_array_equal(lesion.polygons[1][2], [4.5, 4.5, 1.0])
    assert marker.geometric_types == ("POINT",)
    np.testing.assert_array_equal(marker.polygons[0], [[1, 2, 3]])


def test_region_that_was_never_drawn_is_read_as_empty(tmp_path: Path) -> None:
    dataset = a_structure_set()
    del dataset.ROIContourSequence[1].ContourSequence

    assert read_structure_set(written(dataset, tmp_path))[1].polygons == ()


def test_series_is_left_empty_where_the_file_names_two(tmp_path: Path) -> None:
    dataset = a_structure_set()
    second = pydicom.Dataset()
    second.SeriesInstanceUID = "2.25.4"
    study = dataset.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence[0]
    study.RTReferencedSeriesSequence.append(second)

    assert read_structure_set(written(dataset, tmp_path))[0].referenced_series_uid == ""


def without_frame_of_reference(dataset: pydicom.Dataset) -> None:
    del dataset.StructureSetROISequence[0].ReferencedFrameOfReferenceUID


def with_a_lost_coordinate(dataset: pydicom.Dataset) -> None:
    contour = dataset.ROIContourSequence[0].ContourSequence[0]
    contour.ContourData = contour.ContourData[:-1]


def with_a_lost_point(dataset: pydicom.Dataset) -> None:
    contour = dataset.ROIContourSequence[0].ContourSequence[0]
    contour.ContourData = contour.ContourData[:-3]


def with_contours_of_nothing(dataset: pydicom.Dataset) -> None:
    dataset.ROIContourSequence[0].ReferencedROINumber = 9


def with_a_repeated_number(dataset: pydicom.Dataset) -> None:
    dataset.StructureSetROISequence[1].ROINumber = 1


def without_regions(dataset: pydicom.Dataset) -> None:
    del dataset.StructureSetROISequence


def of_another_class(dataset: pydicom.Dataset) -> None:
    dataset.SOPClassUID = CTImageStorage


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (without_frame_of_reference, "'region 1' has no ReferencedFrameOfReferenceUID"),
        (with_a_lost_coordinate, "11 coordinates and states NumberOfContourPoints = 4"),
        (with_a_lost_point, "9 coordinates and states NumberOfContourPoints = 4"),
        (with_contours_of_nothing, "do not match one to one"),
        (with_a_repeated_number, "do not match one to one"),
        (without_regions, "has no StructureSetROISequence"),
        (of_another_class, "is no RT structure set"),
    ],
)
def test_refuses_a_structure_set_that_contradicts_itself(
    spoil: Callable[[pydicom.Dataset], None], what: str, tmp_path: Path
) -> None:
    dataset = a_structure_set()
    spoil(dataset)
    with pytest.raises(DataError, match=rf"regions\.dcm.*{what}"):
        read_structure_set(written(dataset, tmp_path))


@pytest.mark.parametrize(("offset", "read"), [((0, 0, 0), True), ((0, 0, 2.5), False)])
def test_refuses_contours_whose_points_may_lie_elsewhere_by_an_offset(
    offset: tuple[float, float, float],
    read: bool,  # noqa: FBT001
    tmp_path: Path,
) -> None:
    dataset = a_structure_set()
    dataset.ROIContourSequence[0].ContourSequence[1].ContourOffsetVector = list(offset)
    path = written(dataset, tmp_path)

    if read:
        assert len(read_structure_set(path)) == 2
    else:
        with pytest.raises(UnsupportedError, match=r"ContourOffsetVector \['?0"):
            read_structure_set(path)


def test_refuses_a_coordinate_that_is_no_number(tmp_path: Path) -> None:
    path = written(a_structure_set(), tmp_path)
    path.write_bytes(path.read_bytes().replace(b"4.500\\4.500\\1.000", b"4.5oo\\4.500\\1.000"))
    with pytest.raises(DataError, match=r"regions\.dcm cannot be read"):
        read_structure_set(path)


def test_refuses_a_file_that_is_not_there_without_telling_where(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.dcm cannot be read") as caught:
        read_structure_set(tmp_path / "absent.dcm")
    assert str(tmp_path) not in str(caught.value)


def test_refuses_every_truncation_or_reads_all_the_contours(tmp_path: Path) -> None:
    """A file cut short must never give fewer contours."""
    path = written(a_structure_set(), tmp_path)
    content = path.read_bytes()
    expected = [polygon.tolist() for polygon in read_structure_set(path)[0].polygons]
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        try:
            regions = read_structure_set(path)
        except DataError as error:
            assert path.name in str(error)  # noqa: PT017 - either outcome is right
        else:
            assert [polygon.tolist() for polygon in regions[0].polygons] == expected
            assert len(regions) == 2


def mutated(content: bytes, rng: np.random.Generator, *, turn: int) -> bytes:
    """Flip bytes, cut, or remove an element, in turn."""
    if turn % 3 == 0:
        spoilt = bytearray(content)
        for at in rng.integers(len(content), size=rng.integers(1, 20)):
            spoilt[at] = rng.integers(256)
        return bytes(spoilt)
    if turn % 3 == 1:
        return content[: rng.integers(len(content))]
    dataset = pydicom.dcmread(pydicom.filebase.DicomBytesIO(content))
    owners = [(item, element.tag) for item in every_item(dataset) for element in item]
    owner, tag = owners[rng.integers(len(owners))]
    del owner[tag]
    stream = pydicom.filebase.DicomBytesIO()
    pydicom.dcmwrite(stream, dataset)
    return stream.getvalue()


def every_item(dataset: pydicom.Dataset) -> list[pydicom.Dataset]:
    nested = [item for element in dataset if element.VR == "SQ" for item in element.value]
    return [dataset, *(deeper for item in nested for deeper in every_item(item))]


def test_damaged_files_are_refused_by_name_and_never_crash(tmp_path: Path) -> None:
    content = written(a_structure_set(), tmp_path).read_bytes()
    rng = np.random.default_rng(20_250_101)
    path = tmp_path / "damaged.dcm"
    refused = 0
    for turn in range(100):
        path.write_bytes(mutated(content, rng, turn=turn))
        try:
            read_structure_set(path)
        except OperandiError as error:
            refused += 1
            assert path.name in str(error)  # noqa: PT017 - either outcome is right
    assert refused > 40


# --- real structure sets ----------------------------------------------------------------------


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Unpack an archive of the shared data once; skip where it is absent."""
    folders: dict[str, Path] = {}

    def unpack(name: str) -> Path:
        archive = SHARED / name
        if not archive.exists():
            pytest.skip(f"the published data set {name} is not at {SHARED.name}/")
        if name not in folders:
            folders[name] = tmp_path_factory.mktemp("unpacked")
            with tarfile.open(archive) as tar:
                tar.extractall(folders[name], filter="data")
        return folders[name]

    return unpack


def an_image_series(folder: Path) -> tuple[Grid, npt.NDArray[np.float64]]:
    """Grid and rescaled values, (i, j, k), of the single series below *folder*."""
    slices = [pydicom.dcmread(path) for path in sorted(folder.rglob("image/*.dcm"))]
    along, down = np.array(slices[0].ImageOrientationPatient, float).reshape(2, 3)
    normal = np.cross(along, down)
    slices.sort(key=lambda item: float(normal @ np.array(item.ImagePositionPatient, float)))
    first, last = (np.array(slices[end].ImagePositionPatient, float) for end in (0, -1))
    between_rows, between_columns = (float(x) for x in slices[0].PixelSpacing)
    affine = np.eye(4)
    affine[:3, :3] = np.stack(
        [along * between_columns, down * between_rows, (last - first) / (len(slices) - 1)], axis=1
    )
    affine[:3, 3] = first
    values = np.stack(
        [item.pixel_array.T * float(item.get("RescaleSlope", 1)) for item in slices], axis=-1
    )
    grid = Grid(
        shape=(slices[0].Columns, slices[0].Rows, len(slices)),
        affine=affine,
        frame_of_reference=str(slices[0].FrameOfReferenceUID),
    )
    return grid, values


@pytest.mark.real_data
def test_lesions_of_a_real_spect_have_the_reference_volumes_and_uptakes(
    unpacked: Callable[[str], Path],
) -> None:
    folder = unpacked("dosimetry/lu177_dotatate_spect_day0_dicom.tar.xz")
    reference = json.loads(
        (SHARED / "dosimetry/lu177_dotatate_spect_day0_reference.json").read_text()
    )["SCAN_001"]
    grid, values = an_image_series(folder)

    regions = read_structure_set(next(folder.rglob("mask/*.dcm")))

    assert [region.name for region in regions] == [
        "lesion1 liver R lobe",
        "lesion2 liver L lateral",
    ]
    for region in regions:
        mask, expected = rasterize(region, grid), reference[region.name]
        assert mask.volume_ml == pytest.approx(expected["volume_mL"], rel=0.03)
        assert values[mask.inside].mean() == pytest.approx(expected["mean_Bq_mL"], rel=0.03)
        assert values[mask.inside].max() == pytest.approx(expected["max_Bq_mL"], rel=0.01)


@pytest.mark.real_data
def test_real_tumor_drawn_on_pet_takes_less_than_50_ms_and_holds_the_reference_maximum(
    unpacked: Callable[[str], Path],
) -> None:
    folder = unpacked("pet_dicom/sts_001_fdg_pet_ge_with_rtstruct.tar.xz")
    reference = json.loads((SHARED / "pet_dicom/sts_001_suv_reference.json").read_text())
    grid, values = an_image_series(folder)
    tumor, edema = read_structure_set(next(folder.rglob("mask/*.dcm")))

    durations = []
    for _ in range(5):
        started = time.perf_counter()
        mask = rasterize(tumor, grid)
        durations.append(time.perf_counter() - started)

    assert min(durations) < 0.05
    stored = reference["stored_Bq_mL"]
    assert values[mask.inside].max() == pytest.approx(stored["max"], rel=1e-6)
    assert values[mask.inside].min() == pytest.approx(stored["min"], rel=1e-6)
    assert rasterize(edema, grid).volume_ml > mask.volume_ml


@pytest.mark.real_data
@pytest.mark.slow
def test_one_real_tumor_drawn_on_pet_and_two_oblique_mr_has_one_volume(
    unpacked: Callable[[str], Path],
) -> None:
    """The same outline was carried to all three; voxels of 72, 0.8 and 1.4 uL agree to 1 %."""
    volumes = []
    for series in ("fdg_pet_ge", "mr_t1_siemens", "mr_t2fs_siemens"):
        folder = unpacked(f"pet_dicom/sts_001_{series}_with_rtstruct.tar.xz")
        grid, _ = an_image_series(folder)
        tumor = read_structure_set(next(folder.rglob("mask/*.dcm")))[0]
        volumes.append(rasterize(tumor, grid).volume_ml)

    assert volumes == pytest.approx([volumes[0]] * 3, rel=0.01)


@pytest.mark.real_data
def test_structure_set_without_image_references_is_read(unpacked: Callable[[str], Path]) -> None:
    folder = unpacked("radiomics/ibsi1/ct_phantom/rtstruct_dicom.tar.xz")

    (tumor,) = read_structure_set(next(folder.rglob("*.dcm")))

    assert (tumor.name, len(tumor.polygons)) == ("GTV-1", 26)
