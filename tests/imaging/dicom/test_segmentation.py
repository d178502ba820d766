"""Segmentations in and out: built here by hand, by highdicom, by other makers, and damaged."""

import dataclasses
import hashlib
import io
import os
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

import highdicom
import numpy as np
import numpy.typing as npt
import pydicom
import pytest
import SimpleITK
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.sr.coding import Code
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    PositronEmissionTomographyImageStorage,
    RLELossless,
    SegmentationStorage,
)
from pydicom.valuerep import format_number_as_ds

from operandi.domain.grid import Grid
from operandi.domain.mask import Mask
from operandi.imaging.dicom.segmentation import (
    Segment,
    SegmentDescription,
    deterministic_uid,
    nearest_on,
    read_segmentation,
    resample_onto,
)
from operandi.imaging.dicom.segmentation_writing import write_segmentation
from operandi.quantities.errors import (
    DataError,
    GridMismatchError,
    OperandiError,
    UnsupportedError,
)

SHARED = Path(__file__).parents[3] / ".." / "shared" / "data"
FRAME = "2.25.1"
LABELMAP_STORAGE = "1.2.840.10008.5.1.4.1.1.66.7"

Matrix = npt.NDArray[np.float64]
Frames = Sequence[tuple[int, float, npt.NDArray[np.integer]]]
"""Segment number, position along the slice normal in mm, pixels (rows, columns)."""


def a_turn(*, about_x: float, about_z: float) -> Matrix:
    """Rotation by two angles in radians."""
    (cx, sx), (cz, sz) = ((np.cos(a), np.sin(a)) for a in (about_x, about_z))
    turn: Matrix = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]]) @ np.array(
        [[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]]
    )
    return turn


def a_grid(
    shape: tuple[int, int, int] = (7, 5, 6),
    *,
    spacing: tuple[float, float, float] = (2.0, 3.0, 4.0),
    origin: tuple[float, float, float] = (-20.0, -30.0, 40.0),
    about_x: float = 0.0,
    about_z: float = 0.0,
    frame_of_reference: str = FRAME,
) -> Grid:
    affine = np.eye(4)
    affine[:3, :3] = a_turn(about_x=about_x, about_z=about_z) * spacing
    affine[:3, 3] = origin
    return Grid(shape=shape, affine=affine, frame_of_reference=frame_of_reference)


def a_mask(grid: Grid, *voxels: tuple[int, int, int]) -> Mask:
    inside = np.zeros(grid.shape, bool)
    for voxel in voxels:
        inside[voxel] = True
    return Mask(inside=inside, grid=grid)


def a_description(number: int = 1, *, algorithm: str = "MANUAL") -> SegmentDescription:
    return SegmentDescription(
        number=number,
        label=f"lesion {number}",
        tracking_id=f"L{number}",
        tracking_uid=f"2.25.10{number}",
        category=("49755003", "SCT", "Morphologically Abnormal Structure"),
        property_type=("108369006", "SCT", "Neoplasm"),
        algorithm=algorithm,
    )


# --- segmentations made by hand, element by element -------------------------------------------


def a_code(value: str, scheme: str, meaning: str) -> pydicom.Sequence:
    code = pydicom.Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    return pydicom.Sequence([code])


def a_segment_item(number: int, *, background: bool = False) -> pydicom.Dataset:
    item = pydicom.Dataset()
    item.SegmentNumber = number
    item.SegmentLabel = f"lesion {number}"
    item.SegmentAlgorithmType = "MANUAL"
    item.SegmentedPropertyCategoryCodeSequence = a_code("49755003", "SCT", "Altered")
    item.SegmentedPropertyTypeCodeSequence = (
        a_code("125040", "DCM", "Background")
        if background
        else a_code("108369006", "SCT", "Neoplasm")
    )
    return item


def a_frame_group(number: int | None, position: Matrix) -> pydicom.Dataset:
    group, plane = pydicom.Dataset(), pydicom.Dataset()
    plane.ImagePositionPatient = decimals(position)
    group.PlanePositionSequence = [plane]
    if number is not None:
        segment = pydicom.Dataset()
        segment.ReferencedSegmentNumber = number
        group.SegmentIdentificationSequence = [segment]
    return group


def a_segmentation(
    frames: Frames,
    *,
    kind: str = "BINARY",
    described: Sequence[int] = (1,),
    step: float | None = 4.0,
    thickness: float | None = 4.0,
    grid: Grid | None = None,
) -> pydicom.Dataset:
    """Object whose frames lie in the planes of *grid*, moved along its normal."""
    grid = grid or a_grid()
    axes = grid.affine[:3, :3] / grid.spacing_mm
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = SegmentationStorage
    if kind == "LABELMAP":
        dataset.SOPClassUID = pydicom.uid.UID(LABELMAP_STORAGE)
    dataset.SOPInstanceUID = "2.25.3"
    dataset.SegmentationType = kind
    dataset.FrameOfReferenceUID = FRAME
    dataset.SegmentSequence = [a_segment_item(number) for number in described]
    shared, measures, orientation = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
    measures.PixelSpacing = decimals(grid.spacing_mm[1::-1])
    if thickness is not None:
        measures.SliceThickness = thickness
    if step is not None:
        measures.SpacingBetweenSlices = step
    orientation.ImageOrientationPatient = decimals(axes[:, :2].T.ravel())
    shared.PixelMeasuresSequence = [measures]
    shared.PlaneOrientationSequence = [orientation]
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PerFrameFunctionalGroupsSequence = [
        a_frame_group(
            None if kind == "LABELMAP" else number, grid.affine[:3, 3] + depth * axes[:, 2]
        )
        for number, depth, _ in frames
    ]
    dataset.NumberOfFrames = len(frames)
    dataset.Columns, dataset.Rows = grid.shape[:2]
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.PixelRepresentation = 0
    dataset.BitsAllocated = dataset.BitsStored = 1 if kind == "BINARY" else 8
    dataset.HighBit = dataset.BitsStored - 1
    pixels = np.stack([pixels for _, _, pixels in frames]).astype(np.uint8)
    packed = np.packbits(pixels.ravel(), bitorder="little") if kind == "BINARY" else pixels.ravel()
    dataset.PixelData = packed.tobytes() + b"\0" * (len(packed) % 2)
    dataset["PixelData"].VR = "OB"
    if kind == "FRACTIONAL":
        dataset.MaximumFractionalValue = 255
        dataset.SegmentationFractionalType = "PROBABILITY"
    return dataset


def decimals(numbers: Sequence[float] | Matrix) -> list[str]:
    """Numbers in DICOM's decimal strings of up to 16 characters."""
    return [format_number_as_ds(float(number)) for number in numbers]


def stored(dataset: pydicom.Dataset, folder: Path) -> Path:
    path = folder / "lesions.dcm"
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)
    return path


def pixels(*voxels: tuple[int, int], value: int = 1) -> npt.NDArray[np.integer]:
    """Frame of 5 rows and 7 columns, set at (i, j)."""
    frame = np.zeros((5, 7), np.uint8)
    for i, j in voxels:
        frame[j, i] = value
    return frame


def voxels(mask: Mask) -> list[tuple[int, ...]]:
    return [tuple(int(x) for x in index) for index in np.argwhere(mask.inside)]


# --- reading ----------------------------------------------------------------------------------


def test_reads_overlapping_sparse_shuffled_frames(tmp_path: Path) -> None:
    frames = [
        (2, 12.0, pixels((1, 2), (3, 3))),
        (1, 4.0, pixels((6, 4))),
        (2, 4.0, pixels((6, 4), (0, 0))),
        (1, 8.0, pixels((5, 0))),
    ]

    first, second = read_segmentation(stored(a_segmentation(frames, described=(2, 1)), tmp_path))

    assert (first.description.number, second.description.number) == (1, 2)
    assert voxels(first.mask) == [(5, 0, 1), (6, 4, 0)]
    assert voxels(second.mask) == [(0, 0, 0), (1, 2, 2), (3, 3, 2), (6, 4, 0)]
    assert first.mask.grid.same_as(a_grid((7, 5, 3), origin=(-20, -30, 44)))
    assert first.mask.grid.frame_of_reference == FRAME


def test_reads_what_a_segment_is(tmp_path: Path) -> None:
    dataset = a_segmentation([(1, 0.0, pixels((0, 0)))])
    dataset.SegmentSequence[0].TrackingID = "L7"
    dataset.SegmentSequence[0].TrackingUID = "2.25.77"
    dataset.SegmentSequence[0].SegmentAlgorithmType = "SEMIAUTOMATIC"

    (segment,) = read_segmentation(stored(dataset, tmp_path))

    assert segment.description == SegmentDescription(
        number=1,
        label="lesion 1",
        tracking_id="L7",
        tracking_uid="2.25.77",
        category=("49755003", "SCT", "Altered"),
        property_type=("108369006", "SCT", "Neoplasm"),
        algorithm="SEMIAUTOMATIC",
    )


@pytest.mark.parametrize("fraction", ["PROBABILITY", "OCCUPANCY"])
def test_fraction_is_inside_from_one_half(fraction: str, tmp_path: Path) -> None:
    """By hand: half of 255 is 127.5."""
    frame = pixels((1, 1), value=127) + pixels((2, 2), value=128) + pixels((3, 3), value=255)
    dataset = a_segmentation([(1, 0.0, frame)], kind="FRACTIONAL")
    dataset.SegmentationFractionalType = fraction

    (segment,) = read_segmentation(stored(dataset, tmp_path))

    assert voxels(segment.mask) == [(2, 2, 0), (3, 3, 0)]


def test_exactly_one_half_is_inside(tmp_path: Path) -> None:
    dataset = a_segmentation([(1, 0.0, pixels((1, 1), value=50))], kind="FRACTIONAL")
    dataset.MaximumFractionalValue = 100

    assert voxels(read_segmentation(stored(dataset, tmp_path))[0].mask) == [(1, 1, 0)]


def test_labelmap_is_taken_apart_and_its_background_left_out(tmp_path: Path) -> None:
    """Background by property type (9), by padding value (5) and by the undescribed 0."""
    frame = pixels((1, 1), value=3) + pixels((2, 2), value=7)
    frame += pixels((4, 4), value=9) + pixels((5, 4), value=5)
    dataset = a_segmentation([(0, 0.0, frame)], kind="LABELMAP", described=(3, 5, 7))
    dataset.SegmentSequence.append(a_segment_item(9, background=True))
    dataset.PixelPaddingValue = 5

    segments = read_segmentation(stored(dataset, tmp_path))

    assert [segment.description.number for segment in segments] == [3, 7]
    assert [voxels(segment.mask) for segment in segments] == [[(1, 1, 0)], [(2, 2, 0)]]


def test_missing_slices_between_frames_are_background(tmp_path: Path) -> None:
    """Only the stated distance tells that one slice is missing between two frames."""
    frames = [(1, 0.0, pixels((1, 1))), (1, 8.0, pixels((1, 1)))]

    (segment,) = read_segmentation(stored(a_segmentation(frames, step=4.0), tmp_path))

    assert voxels(segment.mask) == [(1, 1, 0), (1, 1, 2)]
    assert segment.mask.grid.shape == (7, 5, 3)


def test_distance_that_contradicts_the_positions_is_not_believed(tmp_path: Path) -> None:
    frames = [(1, depth, pixels((1, 1))) for depth in (0.0, 3.3, 6.6)]

    (segment,) = read_segmentation(
        stored(a_segmentation(frames, step=5.0, thickness=3.3), tmp_path)
    )

    assert segment.mask.grid.spacing_mm == pytest.approx((2.0, 3.0, 3.3))


def test_jitter_of_the_slices_does_not_add_up_over_a_long_gap(tmp_path: Path) -> None:
    """Positions of a real scanner: 3.27 mm apart on average, 3.19 at the least."""
    depths = [0.0, 3.19, 6.48, 9.77, 9.77 + 100 * 3.27]
    frames = [(1, depth, pixels((1, 1))) for depth in depths]

    (segment,) = read_segmentation(
        stored(a_segmentation(frames, step=None, thickness=3.27), tmp_path)
    )

    assert segment.mask.grid.shape[2] == 104


def test_one_slice_is_as_thick_as_it_states(tmp_path: Path) -> None:
    frames = [(1, 0.0, pixels((1, 1)))]

    (segment,) = read_segmentation(
        stored(a_segmentation(frames, step=None, thickness=2.5), tmp_path)
    )

    assert segment.mask.volume_ml == pytest.approx(2.0 * 3.0 * 2.5 / 1000)


def test_described_segment_without_frames_is_empty(tmp_path: Path) -> None:
    dataset = a_segmentation([(1, 0.0, pixels((1, 1)))], described=(1, 2))

    assert not read_segmentation(stored(dataset, tmp_path))[1].mask.inside.any()


def test_geometry_stated_for_each_frame_is_read(tmp_path: Path) -> None:
    dataset = a_segmentation([(1, 0.0, pixels((1, 1))), (1, 4.0, pixels((1, 1)))])
    shared = dataset.SharedFunctionalGroupsSequence[0]
    for group in dataset.PerFrameFunctionalGroupsSequence:
        group.PixelMeasuresSequence = shared.PixelMeasuresSequence
        group.PlaneOrientationSequence = shared.PlaneOrientationSequence
    del shared.PixelMeasuresSequence, shared.PlaneOrientationSequence

    (segment,) = read_segmentation(stored(dataset, tmp_path))

    assert segment.mask.grid.same_as(a_grid((7, 5, 2)))


@given(about_x=st.floats(-3, 3), about_z=st.floats(-3, 3), order=st.permutations([0, 1, 2, 3]))
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_oblique_frames_in_any_order_lie_where_they_were_put(
    tmp_path: Path, about_x: float, about_z: float, order: list[int]
) -> None:
    grid = a_grid((7, 5, 4), about_x=about_x, about_z=about_z)
    frames = [(1, 4.0 * k, pixels((k, k), (6, 0))) for k in order]

    (segment,) = read_segmentation(stored(a_segmentation(frames, grid=grid), tmp_path))

    assert segment.mask.grid.same_as(grid)
    assert voxels(segment.mask) == sorted(
        [*((k, k, k) for k in range(4)), *((6, 0, k) for k in range(4))]
    )


@pytest.mark.parametrize("kind", ["FRACTIONAL", "LABELMAP"])
def test_highdicom_objects_are_read(kind: str, tmp_path: Path) -> None:
    grid = a_grid()
    files = a_source_series(tmp_path, grid, PatientName="P^014")
    inside = np.random.default_rng(3).random(grid.shape) > 0.6
    made = highdicom.seg.Segmentation(
        source_images=[pydicom.dcmread(file) for file in files],
        pixel_array=inside.T.astype(np.uint8),
        segmentation_type=kind,
        segment_descriptions=[
            highdicom.seg.SegmentDescription(
                1,
                "lesion",
                Code("49755003", "SCT", "Altered"),
                Code("108369006", "SCT", "Neoplasm"),
                "MANUAL",
            )
        ],
        series_instance_uid="2.25.5",
        series_number=2,
        sop_instance_uid="2.25.6",
        instance_number=1,
        manufacturer="maker",
        manufacturer_model_name="model",
        software_versions="1",
        device_serial_number="1",
    )
    path = tmp_path / "made.dcm"
    made.save_as(path)

    (segment,) = read_segmentation(path)

    np.testing.assert_array_equal(segment.mask.inside, inside)
    assert segment.mask.grid.same_as(grid)


def compressed(dataset: pydicom.Dataset, syntax: pydicom.uid.UID) -> pydicom.Dataset:
    plugins = {RLELossless: "pydicom", JPEGLSLossless: "pyjpegls", JPEG2000Lossless: "pylibjpeg"}
    dataset.compress(syntax, encoding_plugin=plugins[syntax], generate_instance_uid=False)
    return dataset


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, JPEG2000Lossless])
def test_compressed_frames_are_read(syntax: pydicom.uid.UID, tmp_path: Path) -> None:
    grid = a_grid((48, 40, 3))
    fractions = np.random.default_rng(4).integers(256, size=grid.shape)
    frames = [(1, 4.0 * k, fractions[:, :, k].T) for k in range(3)]
    dataset = compressed(a_segmentation(frames, kind="FRACTIONAL", grid=grid), syntax)

    (segment,) = read_segmentation(stored(dataset, tmp_path))

    np.testing.assert_array_equal(segment.mask.inside, fractions >= 127.5)


def test_refuses_a_compression_that_is_not_known_to_be_lossless(tmp_path: Path) -> None:
    frames = [(1, 0.0, pixels((1, 1)))]
    dataset = compressed(a_segmentation(frames, kind="FRACTIONAL"), RLELossless)
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    with pytest.raises(UnsupportedError, match=r"lesions\.dcm is compressed as JPEG Baseline"):
        read_segmentation(stored(dataset, tmp_path))


# --- refusals of reading ----------------------------------------------------------------------

Spoil = Callable[[pydicom.Dataset], None]


def with_an_uneven_frame(dataset: pydicom.Dataset) -> None:
    plane = dataset.PerFrameFunctionalGroupsSequence[1].PlanePositionSequence[0]
    plane.ImagePositionPatient[2] += 0.4


def with_a_frame_moved_sideways(dataset: pydicom.Dataset) -> None:
    plane = dataset.PerFrameFunctionalGroupsSequence[1].PlanePositionSequence[0]
    plane.ImagePositionPatient[0] += 0.4


def with_two_frames_at_one_place(dataset: pydicom.Dataset) -> None:
    groups = dataset.PerFrameFunctionalGroupsSequence
    groups[1].PlanePositionSequence = groups[0].PlanePositionSequence


def with_a_segment_undescribed(dataset: pydicom.Dataset) -> None:
    group = dataset.PerFrameFunctionalGroupsSequence[1]
    group.SegmentIdentificationSequence[0].ReferencedSegmentNumber = 4


def with_a_segment_described_twice(dataset: pydicom.Dataset) -> None:
    dataset.SegmentSequence.append(a_segment_item(1))


def with_a_frame_more_than_described(dataset: pydicom.Dataset) -> None:
    dataset.NumberOfFrames = 4


def with_fewer_pixels(dataset: pydicom.Dataset) -> None:
    dataset.PixelData = dataset.PixelData[:-4]


def without_pixels(dataset: pydicom.Dataset) -> None:
    del dataset.PixelData


def without_positions(dataset: pydicom.Dataset) -> None:
    for group in dataset.PerFrameFunctionalGroupsSequence:
        del group.PlanePositionSequence


def without_orientation(dataset: pydicom.Dataset) -> None:
    del dataset.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence


def without_type(dataset: pydicom.Dataset) -> None:
    del dataset.SegmentationType


def without_segments(dataset: pydicom.Dataset) -> None:
    del dataset.SegmentSequence


def with_axes_askew(dataset: pydicom.Dataset) -> None:
    plane = dataset.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0]
    plane.ImageOrientationPatient = [1, 0, 0, 0.1, 0.995, 0]


def with_no_spacing(dataset: pydicom.Dataset) -> None:
    dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].PixelSpacing = [0, 2]


def with_an_unknown_algorithm(dataset: pydicom.Dataset) -> None:
    dataset.SegmentSequence[0].SegmentAlgorithmType = "MAGIC"


def of_absurd_size(dataset: pydicom.Dataset) -> None:
    dataset.Rows = dataset.Columns = 65535


def at_an_absurd_position(dataset: pydicom.Dataset) -> None:
    plane = dataset.PerFrameFunctionalGroupsSequence[2].PlanePositionSequence[0]
    plane.ImagePositionPatient[2] = 4e12


def of_another_class(dataset: pydicom.Dataset) -> None:
    dataset.SOPClassUID = CTImageStorage


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (with_an_uneven_frame, r"not evenly spaced: a position is 0\.\d+ mm from the lattice"),
        (with_a_frame_moved_sideways, "not evenly spaced: a position is 0.40 mm from"),
        (with_two_frames_at_one_place, "two frames of segment 1 at one position"),
        (with_a_segment_undescribed, "frame of segment 4, which it does not describe"),
        (with_a_segment_described_twice, "describes segment 1 twice"),
        (with_a_frame_more_than_described, "states 4 frames and describes 3"),
        (with_fewer_pixels, "states 3 frames of 7 x 5 spanning 3 slices, with 10 bytes"),
        (without_pixels, "cannot be read as DICOM: .*PixelData"),
        (without_positions, "has no PlanePositionSequence"),
        (without_orientation, "has no PlaneOrientationSequence"),
        (without_type, "cannot be read as DICOM: .*SegmentationType"),
        (without_segments, "has no SegmentSequence"),
        (with_axes_askew, "is no pair of axes"),
        (with_no_spacing, "PixelSpacing must be > 0 mm"),
        (with_an_unknown_algorithm, "algorithm must be one of .* got 'MAGIC'"),
        (of_absurd_size, "states 3 frames of 65535 x 65535"),
        (at_an_absurd_position, "would need 1e[+]12 slices"),
        (of_another_class, "is no segmentation"),
    ],
)
def test_refuses_a_segmentation_that_contradicts_itself(
    spoil: Spoil, what: str, tmp_path: Path
) -> None:
    dataset = a_segmentation([(1, 4.0 * k, pixels((1, 1))) for k in range(3)])
    spoil(dataset)
    with pytest.raises(DataError, match=rf"lesions\.dcm.*{what}"):
        read_segmentation(stored(dataset, tmp_path))


def test_refuses_to_guess_how_many_slices_are_missing(tmp_path: Path) -> None:
    frames = [(1, 0.0, pixels((1, 1))), (1, 20.0, pixels((1, 1)))]
    path = stored(a_segmentation(frames, step=None), tmp_path)
    with pytest.raises(DataError, match=r"at least 20\.00 mm apart, their SliceThickness is 4\.00"):
        read_segmentation(path)


def test_refuses_one_slice_of_unknown_thickness(tmp_path: Path) -> None:
    frames = [(1, 0.0, pixels((1, 1)))]
    path = stored(a_segmentation(frames, step=None, thickness=None), tmp_path)
    with pytest.raises(DataError, match="one slice and neither SpacingBetweenSlices nor"):
        read_segmentation(path)


def test_refuses_a_label_that_nothing_describes(tmp_path: Path) -> None:
    dataset = a_segmentation([(0, 0.0, pixels((1, 1), value=8))], kind="LABELMAP")
    with pytest.raises(DataError, match=r"lesions\.dcm holds label 8, which it does not describe"):
        read_segmentation(stored(dataset, tmp_path))


def test_refuses_fractions_without_their_maximum(tmp_path: Path) -> None:
    dataset = a_segmentation([(1, 0.0, pixels((1, 1)))], kind="FRACTIONAL")
    del dataset.MaximumFractionalValue
    with pytest.raises(DataError, match=r"lesions\.dcm cannot be read .*MaximumFractionalValue"):
        read_segmentation(stored(dataset, tmp_path))


def test_refuses_a_type_of_segmentation_that_is_not_known(tmp_path: Path) -> None:
    dataset = a_segmentation([(1, 0.0, pixels((1, 1)))])
    dataset.SegmentationType = "CONTOUR"
    with pytest.raises(UnsupportedError, match=r"lesions\.dcm has SegmentationType 'CONTOUR'"):
        read_segmentation(stored(dataset, tmp_path))


def test_refuses_a_tiled_segmentation(tmp_path: Path) -> None:
    dataset = a_segmentation([(1, 0.0, pixels((1, 1)))])
    dataset.TotalPixelMatrixColumns = dataset.TotalPixelMatrixRows = 100_000
    with pytest.raises(UnsupportedError, match=r"lesions\.dcm is a tiled segmentation"):
        read_segmentation(stored(dataset, tmp_path))


def mutated(content: bytes, rng: np.random.Generator, *, turn: int) -> bytes:
    """Flip bytes, cut, or remove an element, in turn."""
    if turn % 3 == 0:
        spoilt = bytearray(content)
        for at in rng.integers(len(content), size=rng.integers(1, 20)):
            spoilt[at] = rng.integers(256)
        return bytes(spoilt)
    if turn % 3 == 1:
        return content[: rng.integers(len(content))]
    dataset = pydicom.dcmread(io.BytesIO(content))
    owners = [(item, element.tag) for item in every_item(dataset) for element in item]
    owner, tag = owners[rng.integers(len(owners))]
    del owner[tag]
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, dataset)
    return stream.getvalue()


def every_item(dataset: pydicom.Dataset) -> list[pydicom.Dataset]:
    nested = [item for element in dataset if element.VR == "SQ" for item in element.value]
    return [dataset, *(deeper for item in nested for deeper in every_item(item))]


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP", "FRACTIONAL, RLE"])
def test_damaged_files_are_refused_by_name_and_never_crash(kind: str, tmp_path: Path) -> None:
    frames = [(1, 4.0 * k, pixels((1, 1), (k, 3))) for k in range(4)]
    kind, _, rle = kind.partition(", ")
    dataset = a_segmentation(frames, kind=kind)
    content = stored(compressed(dataset, RLELossless) if rle else dataset, tmp_path).read_bytes()
    rng = np.random.default_rng(20_250_101)
    path = tmp_path / "damaged.dcm"
    refused = 0
    for turn in range(100):
        path.write_bytes(mutated(content, rng, turn=turn))
        try:
            read_segmentation(path)
        except OperandiError as error:
            refused += 1
            assert path.name in str(error)  # noqa: PT017 - either outcome is right
    assert refused > 40


# --- onto another grid ------------------------------------------------------------------------


def test_mask_is_padded_and_cropped_by_whole_voxels() -> None:
    """By hand: the small grid starts at voxel (1, 2, 3) of the large one."""
    large = a_grid((9, 9, 9), about_x=0.4, about_z=1.2)
    affine = large.affine.copy()
    affine[:3, 3] = large.position_of([1, 2, 3])
    small = Grid(shape=(4, 3, 2), affine=affine, frame_of_reference=FRAME)
    mask = a_mask(small, (0, 0, 0), (3, 2, 1))

    padded = resample_onto(mask, large)

    assert voxels(padded) == [(1, 2, 3), (4, 4, 4)]
    assert voxels(resample_onto(padded, small)) == voxels(mask)


def test_neighboring_grid_that_overlaps_in_part_gets_what_lies_in_it() -> None:
    here = a_grid((4, 4, 4), spacing=(1, 1, 1), origin=(0, 0, 0))
    there = a_grid((4, 4, 4), spacing=(1, 1, 1), origin=(2, -1, 0))

    assert voxels(resample_onto(a_mask(here, (3, 0, 1)), there)) == [(1, 1, 1)]


def test_refuses_to_crop_away_voxels_that_are_inside() -> None:
    here = a_grid((4, 4, 4), spacing=(1, 1, 1), origin=(0, 0, 0))
    for offset in (2.0, 90.0):
        there = a_grid((4, 4, 4), spacing=(1, 1, 1), origin=(offset, 0, 0))
        for resample in (resample_onto, nearest_on):
            with pytest.raises(GridMismatchError, match="1 of the mask's 1 voxels lie outside"):
                resample(a_mask(here, (1, 1, 1)), there)


@pytest.mark.parametrize(
    "other",
    [
        a_grid(origin=(-19.98, -30, 40)),
        a_grid(spacing=(2.0, 3.0, 4.005)),
        a_grid(about_z=0.002),
        a_grid(spacing=(3.0, 2.0, 4.0)),
    ],
    ids=["phase", "spacing", "orientation", "swapped"],
)
def test_refuses_voxels_that_do_not_coincide(other: Grid) -> None:
    with pytest.raises(GridMismatchError, match="do not coincide with the grid's"):
        resample_onto(a_mask(a_grid(), (1, 1, 1)), other)


def test_accepts_voxels_that_coincide_within_the_tolerance() -> None:
    nudged = a_grid(origin=(-19.995, -30, 40))

    assert voxels(resample_onto(a_mask(a_grid(), (1, 1, 1)), nudged)) == [(1, 1, 1)]


def test_refuses_another_frame_of_reference() -> None:
    elsewhere = a_grid(frame_of_reference="2.25.9")
    for resample in (resample_onto, nearest_on):
        with pytest.raises(GridMismatchError, match=r"frame of reference 2\.25\.1, the grid in"):
            resample(a_mask(a_grid(), (1, 1, 1)), elsewhere)


def test_nearest_on_a_grid_twice_as_fine_has_eight_voxels_for_one() -> None:
    coarse = a_grid((4, 4, 4), spacing=(2, 2, 2), origin=(0, 0, 0), about_x=0.5)
    affine = coarse.affine.copy()
    affine[:3, :3] /= 2
    affine[:3, 3] = coarse.position_of([-0.25, -0.25, -0.25])
    fine = Grid(shape=(8, 8, 8), affine=affine, frame_of_reference=FRAME)
    mask = a_mask(coarse, (1, 2, 3), (0, 0, 0))

    near = nearest_on(mask, fine)

    assert near.volume_ml == pytest.approx(mask.volume_ml)
    assert near.inside[2:4, 4:6, 6:8].all()
    assert near.inside[:2, :2, :2].all()


def test_nearest_on_a_turned_grid_finds_each_voxel_again() -> None:
    """A quarter turn about z takes (i, j) to (j, 3 - i)."""
    grid = a_grid((4, 4, 2), spacing=(1, 1, 1), origin=(0, 0, 0))
    turned = a_grid((4, 4, 2), spacing=(1, 1, 1), origin=(3, 0, 0), about_z=np.pi / 2)

    assert voxels(nearest_on(a_mask(grid, (3, 1, 0), (0, 2, 1)), turned)) == [(1, 0, 0), (2, 3, 1)]


def test_nearest_on_a_larger_grid_adds_nothing_beyond_the_mask() -> None:
    small = a_grid((2, 2, 2), spacing=(1, 1, 1), origin=(0, 0, 0))
    large = a_grid((8, 8, 8), spacing=(1, 1, 1), origin=(-3, -3, -3))
    full = Mask(inside=np.ones((2, 2, 2), bool), grid=small)

    near = nearest_on(full, large)

    assert near.inside[3:5, 3:5, 3:5].all()
    assert near.inside.sum() == 8


def test_nearest_of_an_empty_mask_is_empty() -> None:
    assert voxels(nearest_on(a_mask(a_grid()), a_grid((2, 2, 2), origin=(0, 0, 0)))) == []


@given(
    filled=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 4), st.integers(0, 5)), max_size=9)
)
@settings(max_examples=25, deadline=None)
def test_nearest_on_the_same_grid_changes_nothing(filled: list[tuple[int, int, int]]) -> None:
    mask = a_mask(a_grid(about_x=1.0, about_z=-0.4), *filled)

    np.testing.assert_array_equal(nearest_on(mask, mask.grid).inside, mask.inside)


# --- writing ----------------------------------------------------------------------------------


def a_source_series(folder: Path, grid: Grid, **attributes: object) -> list[Path]:
    """Slices of an image on *grid*, one file each, named against their order."""
    files = []
    for k in range(grid.shape[2]):
        image = pydicom.Dataset()
        image.file_meta = pydicom.dataset.FileMetaDataset()
        image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        image.SOPClassUID = PositronEmissionTomographyImageStorage
        image.SOPInstanceUID = f"2.25.90{k}"
        image.StudyInstanceUID, image.SeriesInstanceUID = "2.25.80", "2.25.81"
        image.Modality = "PT"
        image.Manufacturer = "maker"
        image.SeriesDate, image.SeriesTime = "20250102", "101112.13"
        image.SeriesNumber = 4
        image.PatientID, image.PatientName = "P-014", "P-014"
        image.PatientBirthDate = image.PatientSex = image.AccessionNumber = image.StudyID = ""
        image.StudyDate, image.StudyTime = "20250102", "095959"
        image.FrameOfReferenceUID = grid.frame_of_reference
        image.Columns, image.Rows = grid.shape[:2]
        image.PixelSpacing = decimals(grid.spacing_mm[1::-1])
        image.SliceThickness = 1.0
        cosines = (grid.affine[:3, :2] / grid.spacing_mm[:2]).T.ravel()
        image.ImageOrientationPatient = decimals(cosines)
        image.ImagePositionPatient = decimals(grid.position_of([0, 0, k]))
        for keyword, value in attributes.items():
            setattr(image, keyword, value)
        file = folder / f"slice-{grid.shape[2] - k:03d}.dcm"
        pydicom.dcmwrite(file, image, enforce_file_format=True)
        files.append(file)
    return files


def write(folder: Path, masks: Sequence[Mask], source_files: Sequence[Path]) -> Path:
    path = folder / "written.dcm"
    write_segmentation(
        path,
        segments=[
            Segment(a_description(number), mask) for number, mask in enumerate(masks, start=1)
        ],
        source_files=source_files,
        series_uid="2.25.500",
        instance_uid="2.25.501",
        description="Lesions",
        creator="Reader^One",
    )
    return path


@given(data=st.data())
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_masks_come_back_on_the_grid_of_their_series(
    tmp_path: Path, data: st.DataObject
) -> None:
    """Oblique and tilted grids, overlapping and empty masks, one slice or several."""
    shape = data.draw(st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 7)))
    grid = a_grid(shape, about_x=data.draw(st.floats(-3, 3)), about_z=data.draw(st.floats(-3, 3)))
    if shape[2] > 1:
        affine = grid.affine.copy()
        affine[:3, 2] += affine[:3, 1] * data.draw(st.sampled_from([0.0, 0.3]))
        grid = Grid(shape=shape, affine=affine, frame_of_reference=FRAME)
    density = data.draw(st.sampled_from([0.0, 0.05, 0.6]))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    masks = [Mask(inside=rng.random(shape) < density, grid=grid) for _ in range(3)]
    folder = tmp_path / str(len(list(tmp_path.iterdir())))
    folder.mkdir()
    thickness = 4.0 if shape[2] == 1 else 1.0
    files = a_source_series(folder, grid, SliceThickness=thickness)

    back = read_segmentation(write(folder, masks, files))

    for mask, segment in zip(masks, back, strict=True):
        assert segment.mask.grid.same_as(grid)
        np.testing.assert_array_equal(segment.mask.inside, mask.inside)


def test_written_segments_keep_their_description_and_tracking(tmp_path: Path) -> None:
    grid = a_grid()
    descriptions = [
        a_description(1),
        a_description(2, algorithm="AUTOMATIC"),
        a_description(3, algorithm="SEMIAUTOMATIC"),
    ]
    path = tmp_path / "written.dcm"
    write_segmentation(
        path,
        segments=[Segment(item, a_mask(grid, (1, 1, item.number))) for item in descriptions],
        source_files=a_source_series(tmp_path, grid),
        series_uid="2.25.500",
        instance_uid="2.25.501",
        description="Lesions",
        creator="Reader^One",
    )

    assert [segment.description for segment in read_segmentation(path)] == descriptions
    dataset = pydicom.dcmread(path)
    assert "SegmentAlgorithmName" not in dataset.SegmentSequence[0]
    assert dataset.SegmentSequence[1].SegmentAlgorithmName == "Reader^One"
    assert "SegmentationAlgorithmIdentificationSequence" not in dataset.SegmentSequence[1]


def test_frames_refer_to_the_source_slice_they_lie_on(tmp_path: Path) -> None:
    grid = a_grid()
    path = write(tmp_path, [a_mask(grid, (1, 1, 2))], a_source_series(tmp_path, grid))

    dataset = pydicom.dcmread(path)

    (series,) = dataset.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == "2.25.81"
    assert [item.ReferencedSOPInstanceUID for item in series.ReferencedInstanceSequence] == [
        f"2.25.90{k}" for k in range(6)
    ]
    sources = {
        group.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID: [
            float(x) for x in group.PlanePositionSequence[0].ImagePositionPatient
        ]
        for group in dataset.PerFrameFunctionalGroupsSequence
    }
    # Both ends are there to span the grid.
    assert sources == {f"2.25.90{k}": grid.position_of([0, 0, k]).tolist() for k in (0, 2, 5)}


def test_empty_frames_are_left_out(tmp_path: Path) -> None:
    """By hand: two frames of segment 1 at the ends, one with voxels; one of segment 2."""
    grid = a_grid()
    masks = [a_mask(grid, (1, 1, 2)), a_mask(grid, (0, 0, 0))]

    dataset = pydicom.dcmread(write(tmp_path, masks, a_source_series(tmp_path, grid)))

    assert dataset.NumberOfFrames == 4
    assert len(dataset.PixelData) == 18  # 4 x 35 bits, made even


@pytest.mark.parametrize(("voxel", "expected"), [((1, 1, 2), "YES"), ((1, 2, 2), "NO")])
def test_overlap_is_stated(voxel: tuple[int, int, int], expected: str, tmp_path: Path) -> None:
    """Both masks have voxels in slice 2."""
    grid = a_grid()
    masks = [a_mask(grid, (1, 1, 2)), a_mask(grid, voxel)]

    dataset = pydicom.dcmread(write(tmp_path, masks, a_source_series(tmp_path, grid)))

    assert dataset.SegmentsOverlap == expected


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"label": "x" * 65}, "value length"),
        ({"tracking_uid": ""}, "Tracking ID and Tracking UID must both"),
        ({"tracking_uid": "lesion 1"}, "Invalid value for VR UI: 'lesion 1'"),
    ],
)
def test_refuses_a_description_that_dicom_cannot_hold(
    change: dict[str, str], what: str, tmp_path: Path
) -> None:
    grid = a_grid()
    description = dataclasses.replace(a_description(), **change)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=rf"series 2\.25\.81 could be made: .*{what}"):
        write_segmentation(
            tmp_path / "written.dcm",
            segments=[Segment(description, a_mask(grid, (1, 1, 1)))],
            source_files=a_source_series(tmp_path, grid),
            series_uid="2.25.500",
            instance_uid="2.25.501",
            description="Lesions",
            creator="Reader^One",
        )


def test_two_frames_far_apart_are_not_called_an_even_stack(tmp_path: Path) -> None:
    """Frames of the first and last of six slices: 20 mm apart, in a stack of 4 mm."""
    grid = a_grid()

    dataset = pydicom.dcmread(
        write(tmp_path, [a_mask(grid, (1, 1, 0))], a_source_series(tmp_path, grid))
    )

    assert dataset.NumberOfFrames == 2
    assert "DimensionOrganizationType" not in dataset
    shared = dataset.SharedFunctionalGroupsSequence[0]
    assert shared.PixelMeasuresSequence[0].SpacingBetweenSlices == 4.0


def test_same_arguments_in_any_order_of_files_give_the_same_bytes(tmp_path: Path) -> None:
    grid = a_grid(about_x=0.3)
    files = a_source_series(tmp_path, grid)
    masks = [a_mask(grid, (1, 1, 2)), a_mask(grid, (1, 1, 2), (0, 0, 5))]

    first = write(tmp_path, masks, files).read_bytes()
    second = write(tmp_path, masks, sorted(files)).read_bytes()

    assert first == second


def test_no_date_of_today_and_no_uid_by_chance(tmp_path: Path) -> None:
    grid = a_grid()
    path = write(tmp_path, [a_mask(grid, (1, 1, 2))], a_source_series(tmp_path, grid))

    dataset = pydicom.dcmread(path)

    dates = {str(e.value)[:8] for item in every_item(dataset) for e in item if e.VR in {"DA", "DT"}}
    assert dates - {""} == {"20250102"}
    assert dataset.ContentTime == "101112.13"
    uids = {str(e.value) for item in every_item(dataset) for e in item if e.VR == "UI"}
    chance = {uid for uid in uids if not uid.startswith(("2.25.", "1.2.840.10008."))}
    assert not chance
    assert dataset.DimensionOrganizationSequence[0].DimensionOrganizationUID == deterministic_uid(
        "2.25.501", "dimension organization"
    )


def test_mask_on_a_part_of_the_series_is_written_on_all_of_it(tmp_path: Path) -> None:
    grid = a_grid()
    part = a_grid((3, 3, 2), origin=(-18, -27, 48))

    (segment,) = read_segmentation(
        write(tmp_path, [a_mask(part, (0, 1, 1))], a_source_series(tmp_path, grid))
    )

    assert segment.mask.grid.same_as(grid)
    assert voxels(segment.mask) == [(1, 2, 3)]


def test_deidentified_source_without_type_2_attributes_is_enough(tmp_path: Path) -> None:
    grid = a_grid()
    files = a_source_series(tmp_path, grid)
    for file in files:
        image = pydicom.dcmread(file)
        del image.PatientName, image.PatientID, image.PatientBirthDate, image.StudyID
        image.save_as(file)

    assert len(read_segmentation(write(tmp_path, [a_mask(grid, (1, 1, 1))], files))) == 1


def test_failure_while_writing_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = a_grid()
    source = tmp_path / "source"
    source.mkdir()
    files = a_source_series(source, grid)
    target = tmp_path / "target"
    target.mkdir()
    (target / "written.dcm").write_bytes(b"old")

    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write(target, [a_mask(grid, (1, 1, 1))], files)

    assert [(file.name, file.read_bytes()) for file in target.iterdir()] == [
        ("written.dcm", b"old")
    ]


def test_refuses_masks_off_the_series_grid(tmp_path: Path) -> None:
    files = a_source_series(tmp_path, a_grid())
    with pytest.raises(GridMismatchError, match="do not coincide"):
        write(tmp_path, [a_mask(a_grid(spacing=(2, 3, 5)), (1, 1, 1))], files)


def test_refuses_a_series_with_a_slice_missing(tmp_path: Path) -> None:
    grid = a_grid()
    files = a_source_series(tmp_path, grid)
    with pytest.raises(DataError, match=r"2\.25\.81 has 5 files for 6 slice positions"):
        write(tmp_path, [a_mask(grid, (1, 1, 1))], [*files[:2], *files[3:]])


def test_refuses_a_slice_given_twice(tmp_path: Path) -> None:
    grid = a_grid()
    files = a_source_series(tmp_path, grid)
    with pytest.raises(DataError, match=r"2\.25\.81 has 7 files for 6 slice positions"):
        write(tmp_path, [a_mask(grid, (1, 1, 1))], [*files, files[0]])


def test_refuses_slices_of_two_series(tmp_path: Path) -> None:
    grid = a_grid()
    files = a_source_series(tmp_path, grid)
    image = pydicom.dcmread(files[0])
    image.SeriesInstanceUID = "2.25.82"
    image.save_as(files[0])
    with pytest.raises(DataError, match=r"2\.25\.81, 2\.25\.82 was to be one series"):
        write(tmp_path, [a_mask(grid, (1, 1, 1))], files)


def test_refuses_a_multi_frame_source(tmp_path: Path) -> None:
    grid = a_grid()
    files = a_source_series(tmp_path, grid, NumberOfFrames=6)
    with pytest.raises(UnsupportedError, match=r"slice-006\.dcm is multi-frame"):
        write(tmp_path, [a_mask(grid, (1, 1, 1))], files)


def test_refuses_a_source_without_date(tmp_path: Path) -> None:
    grid = a_grid()
    files = a_source_series(tmp_path, grid, SeriesTime="", StudyTime="")
    with pytest.raises(DataError, match=r"Source series 2\.25\.81 states no date and time"):
        write(tmp_path, [a_mask(grid, (1, 1, 1))], files)


@pytest.mark.parametrize("keyword", ["FrameOfReferenceUID", "ImagePositionPatient", "PixelSpacing"])
def test_refuses_a_source_without_its_geometry(keyword: str, tmp_path: Path) -> None:
    grid = a_grid()
    files = a_source_series(tmp_path, grid)
    image = pydicom.dcmread(files[2])
    delattr(image, keyword)
    image.save_as(files[2])
    with pytest.raises(DataError, match=rf"slice-004\.dcm has no {keyword}"):
        write(tmp_path, [a_mask(grid, (1, 1, 1))], files)


def test_refuses_a_damaged_source_file_by_name(tmp_path: Path) -> None:
    grid = a_grid()
    files = a_source_series(tmp_path, grid)
    files[1].write_bytes(b"not DICOM")
    with pytest.raises(DataError, match=r"slice-005\.dcm cannot be read as DICOM"):
        write(tmp_path, [a_mask(grid, (1, 1, 1))], files)


def test_segments_numbered_otherwise_are_a_programming_mistake(tmp_path: Path) -> None:
    grid = a_grid()
    for segments in ([], [Segment(a_description(2), a_mask(grid))]):
        with pytest.raises(ValueError, match="numbered 1, 2, 3"):
            write_segmentation(
                tmp_path / "written.dcm",
                segments=segments,
                source_files=[],
                series_uid="2.25.500",
                instance_uid="2.25.501",
                description="Lesions",
                creator="Reader^One",
            )


def test_series_and_instance_that_are_no_uid_are_a_programming_mistake(tmp_path: Path) -> None:
    grid = a_grid()
    with pytest.raises(ValueError, match="'series 2' is no UID"):
        write_segmentation(
            tmp_path / "written.dcm",
            segments=[Segment(a_description(), a_mask(grid))],
            source_files=[],
            series_uid="series 2",
            instance_uid="2.25.501",
            description="Lesions",
            creator="Reader^One",
        )


# --- UIDs -------------------------------------------------------------------------------------


def test_uid_is_the_truncated_digest_of_its_parts() -> None:
    """By hand: the first 32 hexadecimal digits of SHA-256, as a decimal number."""
    expected = int(hashlib.sha256(b"P-014\x1fBASELINE").hexdigest()[:32], 16)

    assert deterministic_uid("P-014", "BASELINE") == f"2.25.{expected}"


@given(parts=st.lists(st.text(), min_size=1, max_size=4))
def test_any_parts_give_a_valid_uid(parts: list[str]) -> None:
    uid = pydicom.uid.UID(deterministic_uid(*parts))

    assert uid.is_valid
    assert len(uid) <= 64


def test_uid_of_nothing_is_a_programming_mistake() -> None:
    with pytest.raises(ValueError, match="at least one part"):
        deterministic_uid()


# --- other makers' objects --------------------------------------------------------------------

OBJECTS = SHARED / "dicom_objects"


def published(name: str) -> Path:
    path = OBJECTS / name
    if not path.exists():
        pytest.skip(f"the published object {name} is not at {SHARED.name}/dicom_objects/")
    return path


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("liver.dcm", {1: ("liver_seg.nrrd", 1)}),
        (
            "partial_overlaps.dcm",
            {
                1: ("partial_overlaps-1.nrrd", 1),
                2: ("partial_overlaps-2.nrrd", 2),
                3: ("partial_overlaps-3.nrrd", 3),
                4: ("partial_overlaps-1.nrrd", 4),
                5: ("partial_overlaps-1.nrrd", 5),
            },
        ),
        ("sparse-labelmap-noppv.dcm", {1: ("sparse_labelmap_noppv_seg.nrrd", 1)}),
        ("sparse-labelmap-ppv5.dcm", {1: ("sparse_labelmap_ppv5_seg.nrrd", 1)}),
        ("24x38x3/seg/label.seg", {1: ("24x38x3/nrrd/label.nrrd", 1)}),
    ],
)
def test_dcmqi_segmentations_equal_their_nrrd_voxel_for_voxel(
    name: str, labels: dict[int, tuple[str, int]]
) -> None:
    segments = read_segmentation(published(f"dcmqi/segmentations/{name}"))

    assert [segment.description.number for segment in segments] == list(labels)
    for segment in segments:
        file, label = labels[segment.description.number]
        image = SimpleITK.ReadImage(str(published(f"dcmqi/segmentations/{file}")))
        affine = np.eye(4)
        affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
        affine[:3, 3] = image.GetOrigin()
        shape = (image.GetSize()[0], image.GetSize()[1], image.GetSize()[2])
        expected = np.equal(SimpleITK.GetArrayFromImage(image).T, label)
        placed = resample_onto(segment.mask, Grid(shape=shape, affine=affine))
        np.testing.assert_array_equal(placed.inside, expected)
        assert expected.any()


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "counts", "slices"),
    [
        ("highdicom/seg_image_ct_binary.dcm", [638], 3),
        ("highdicom/seg_image_ct_binary_fractional.dcm", [638], 3),
        ("highdicom/seg_image_ct_binary_overlap.dcm", [64, 16], 165),
        ("highdicom/seg_image_ct_binary_single_frame.dcm", [1832], 1),
        ("dcmqi/sr-example/seg.dcm", [795], 13),
    ],
)
def test_other_segmentations_hold_as_many_voxels_as_highdicom_counts(
    name: str, counts: list[int], slices: int
) -> None:
    path = published(name)

    segments = read_segmentation(path)

    assert [int(segment.mask.inside.sum()) for segment in segments] == counts
    assert segments[0].mask.grid.shape[2] == slices


@pytest.mark.real_data
def test_breast_occupancy_segmentation_lies_on_its_dce_series(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """42 frames of an oblique, sagittal series of 60 slices."""
    archive = SHARED / "perfusion_dce" / "breast_dce_ucsf_br_06_dicom.tar.xz"
    if not archive.exists():
        pytest.skip(f"the published series {archive.name} is not at {SHARED.name}/perfusion_dce/")
    folder = tmp_path_factory.mktemp("breast")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    (file,) = folder.rglob("mask/*.dcm")
    maps = [
        image
        for path in sorted(folder.rglob("*.dcm"))
        if "SER" in str((image := pydicom.dcmread(path, stop_before_pixels=True)).get("ImageType"))
    ]
    positions = np.array(sorted(tuple(image.ImagePositionPatient) for image in maps), float)

    (segment,) = read_segmentation(file)

    along, down = np.array(maps[0].ImageOrientationPatient, float).reshape(2, 3)
    step = (positions[-1] - positions[0]) / (len(positions) - 1)
    if step @ np.cross(along, down) < 0:
        positions, step = positions[::-1], -step
    affine = np.eye(4)
    affine[:3, :3] = np.stack([along * 0.703125, down * 0.703125, step], axis=1)
    affine[:3, 3] = positions[0]
    series = Grid(
        shape=(256, 256, len(positions)),
        affine=affine,
        frame_of_reference=str(maps[0].FrameOfReferenceUID),
    )
    assert segment.mask.grid.shape == (256, 256, 42)
    assert resample_onto(segment.mask, series).inside.sum() == segment.mask.inside.sum() == 82_527
