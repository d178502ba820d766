"""DICOM Segmentation objects: read into masks, written from masks, brought onto a grid."""

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.pixels.utils import pixel_array
from pydicom.uid import (
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
    SegmentationStorage,
)

from operandi.domain.grid import POSITION_TOLERANCE_MM, Grid
from operandi.domain.mask import Mask
from operandi.imaging.dicom.structure_set import (
    refusing_malformed,
    required,
)
from operandi.quantities.errors import DataError, GridMismatchError, UnsupportedError

LATTICE_TOLERANCE_MM: Final = 0.1
"""How far a frame may lie from the evenly spaced position it is given. Real PET slices deviate
by 0.04 mm."""

ALGORITHMS: Final = ("MANUAL", "SEMIAUTOMATIC", "AUTOMATIC")

_LABELMAP_STORAGE: Final = "1.2.840.10008.5.1.4.1.1.66.7"
_MOST_VOXELS: Final = 2**34
"""Of all segments together: 16 GiB. A hundred organs of a whole-body CT stay below."""

_COSINE_TOLERANCE: Final = 1e-3
_SPACING_TOLERANCE_MM: Final = 1e-5
_HALF: Final = 0.5
_BACKGROUND: Final = ("125040", "DCM")

CodedConcept = tuple[str, str, str]
"""Code value, coding scheme designator, code meaning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentDescription:
    """What a segment is.

    Parameters
    ----------
    number : int
        SegmentNumber.
    label : str
        For people.
    tracking_id, tracking_uid : str
        The same for one lesion in every image; both empty where the object states none.
    category, property_type : tuple of str
        Code value, scheme and meaning.
    algorithm : str
        One of ``ALGORITHMS``.
    """

    number: int
    label: str
    tracking_id: str
    tracking_uid: str
    category: CodedConcept
    property_type: CodedConcept
    algorithm: str

    def __post_init__(self) -> None:
        if self.algorithm not in ALGORITHMS:
            raise ValueError(f"algorithm must be one of {ALGORITHMS}, got {self.algorithm!r}")


@dataclass(frozen=True, slots=True)
class Segment:
    """A described mask."""

    description: SegmentDescription
    mask: Mask


def read_segmentation(path: Path) -> tuple[Segment, ...]:
    """Read the segments of a BINARY, FRACTIONAL or LABELMAP segmentation.

    A voxel of a FRACTIONAL segment is inside from half of MaximumFractionalValue upwards,
    whether the fraction is a probability or an occupancy. In a LABELMAP the background (by its
    property type, its PixelPaddingValue or the undescribed label 0) is no segment.

    All masks lie on one grid: the segmentation's own, from its lowest to its highest frame along
    the slice normal. Frames that are absent between them are background. The slices' distance
    is SpacingBetweenSlices where the frames' positions agree with it, else the smallest distance
    between frames; one frame alone is as thick as its SliceThickness.

    Returns
    -------
    tuple of Segment
        By ascending number. A segment that is described and has no frame is empty.

    Raises
    ------
    DataError
        If the file is damaged, is no segmentation, contradicts itself, or its frames lie on no
        even lattice within ``LATTICE_TOLERANCE_MM``.
    UnsupportedError
        If it is tiled (microscopy) or of another SegmentationType.
    """
    with refusing_malformed(path):
        dataset = pydicom.dcmread(path)
        _require_segmentation(dataset, name=path.name)
        groups = _frame_groups(dataset, name=path.name)
        grid, slices = lattice(
            _planes_of_frames(dataset, groups, name=path.name),
            in_plane=(int(dataset.Columns), int(dataset.Rows)),
            frame_of_reference=str(dataset.get("FrameOfReferenceUID") or ""),
            name=path.name,
        )
        described = _descriptions(dataset, name=path.name)
        _require_plausible_size(dataset, grid, segments=len(described), name=path.name)
        pixels = _pixels(dataset, name=path.name)
        if dataset.SegmentationType == "LABELMAP":
            frames = _labelled_frames(dataset, pixels, described, name=path.name)
        else:
            frames = _numbered_frames(dataset, pixels, groups, name=path.name)
        return _assembled(frames, slices, described, grid, name=path.name)


def resample_onto(mask: Mask, grid: Grid) -> Mask:
    """Crop or pad a mask to a grid whose voxels coincide with its own.

    Raises
    ------
    GridMismatchError
        If the frames of reference differ, if spacing, orientation or phase differ by more than
        ``POSITION_TOLERANCE_MM`` anywhere in the mask, or if a voxel inside the mask would be
        cropped away.
    """
    _require_one_frame_of_reference(mask, grid)
    corners = np.array(list(np.ndindex(2, 2, 2))) * (np.array(mask.grid.shape) - 1)
    shift = np.rint(grid.index_of(mask.grid.position_of([0, 0, 0]))).astype(int)
    apart_mm = np.abs(grid.position_of(corners + shift) - mask.grid.position_of(corners)).max()
    if apart_mm > POSITION_TOLERANCE_MM:
        raise GridMismatchError(
            f"The mask's voxels do not coincide with the grid's: they lie up to {apart_mm:.3f} mm "
            f"apart, {POSITION_TOLERANCE_MM} mm allowed.",
            remedy="Use nearest_on if nearest-neighbor resampling is meant.",
        )
    start = np.maximum(shift, 0)
    stop = np.maximum(np.minimum(shift + mask.grid.shape, grid.shape), start)
    target = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
    source = tuple(slice(a, b) for a, b in zip(start - shift, stop - shift, strict=True))
    inside = np.zeros(grid.shape, dtype=np.bool_, order="F")
    inside[target] = mask.inside[source]
    lost = int(np.count_nonzero(mask.inside) - np.count_nonzero(inside))
    if lost:
        raise _would_lose(lost, mask)
    return Mask(inside=inside, grid=grid)


def nearest_on(mask: Mask, grid: Grid) -> Mask:
    """Mark the voxels of *grid* whose center falls in a voxel inside the mask.

    Nearest neighbor: the volume changes where spacings differ, and what is thinner than a voxel
    of *grid* can vanish.

    Raises
    ------
    GridMismatchError
        If the frames of reference differ, or a voxel center inside the mask lies outside *grid*.
    """
    _require_one_frame_of_reference(mask, grid)
    inside = np.zeros(grid.shape, dtype=np.bool_, order="F")
    voxels = np.argwhere(mask.inside)
    if not len(voxels):
        return Mask(inside=inside, grid=grid)
    on_grid = grid.index_of(mask.grid.position_of(voxels))
    lost = ((on_grid < -_HALF) | (on_grid > np.array(grid.shape) - _HALF)).any(axis=1)
    if lost.any():
        raise _would_lose(int(np.count_nonzero(lost)), mask)

    low, high = voxels.min(axis=0) - _HALF, voxels.max(axis=0) + _HALF
    box = np.where(np.array(list(np.ndindex(2, 2, 2))), high, low)
    reach = grid.index_of(mask.grid.position_of(box))
    first = np.clip(np.floor(reach.min(axis=0)), 0, None).astype(int)
    last = np.minimum(np.ceil(reach.max(axis=0)).astype(int), np.array(grid.shape) - 1)
    plane = np.indices([*(last - first + 1)[:2], 1]).reshape(3, -1).T + first
    for k in range(first[2], last[2] + 1):
        plane[:, 2] = k
        # The rounding settles centers half-way between two voxels, free of numerical noise.
        nearest = mask.grid.index_of(grid.position_of(plane)).round(6)
        source = np.floor(nearest + _HALF).astype(int)
        valid = ((source >= 0) & (source < mask.grid.shape)).all(axis=1)
        target, found = plane[valid], source[valid]
        inside[tuple(target.T)] = mask.inside[tuple(found.T)]
    return Mask(inside=inside, grid=grid)


def deterministic_uid(*parts: str) -> str:
    """UID made of what it names, the same in every run: ``2.25.`` and 128 bits of SHA-256.

    >>> deterministic_uid("P-014", "BASELINE", "lesions")
    '2.25.94403379056952169197904797602884476084'
    """
    if not parts:
        raise ValueError("a UID needs at least one part")
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:16])}"


@dataclass(frozen=True, slots=True, eq=False)
class Planes:
    """Geometry of frames or slices as stated, in their own order.

    Parameters
    ----------
    positions : array, (n, 3)
        ImagePositionPatient.
    orientation : array, (6,)
        ImageOrientationPatient.
    spacing : array, (2,)
        PixelSpacing: between rows, between columns.
    stated_step : float or None
        SpacingBetweenSlices.
    thickness : float or None
        SliceThickness.
    """

    positions: npt.NDArray[np.float64]
    orientation: npt.NDArray[np.float64]
    spacing: npt.NDArray[np.float64]
    stated_step: float | None
    thickness: float | None


def _require_segmentation(dataset: pydicom.Dataset, *, name: str) -> None:
    storage = dataset.get("SOPClassUID")
    if storage not in {SegmentationStorage, _LABELMAP_STORAGE}:
        raise DataError(f"{name} is no segmentation: its SOPClassUID is {storage}.")
    if dataset.SegmentationType not in {"BINARY", "FRACTIONAL", "LABELMAP"}:
        raise UnsupportedError(
            f"{name} has SegmentationType {dataset.SegmentationType!r}: needed BINARY, FRACTIONAL "
            f"or LABELMAP."
        )
    if "TotalPixelMatrixColumns" in dataset:
        raise UnsupportedError(f"{name} is a tiled segmentation: needed slices of a patient.")


def _frame_groups(dataset: pydicom.Dataset, *, name: str) -> Sequence[pydicom.Dataset]:
    groups = required(dataset, "PerFrameFunctionalGroupsSequence", name=name)
    if len(groups) != dataset.NumberOfFrames:
        raise DataError(
            f"{name} states {dataset.NumberOfFrames} frames and describes {len(groups)}.",
            remedy="Export the file again.",
        )
    return groups


def _planes_of_frames(
    dataset: pydicom.Dataset, groups: Sequence[pydicom.Dataset], *, name: str
) -> Planes:
    shared = required(dataset, "SharedFunctionalGroupsSequence", name=name)[0]
    stated = [
        [macro(keyword, group, shared, name=name) for group in groups]
        for keyword in (
            "PlanePositionSequence",
            "PlaneOrientationSequence",
            "PixelMeasuresSequence",
        )
    ]
    return planes_of(
        positions=[item.ImagePositionPatient for item in stated[0]],
        orientations=[item.ImageOrientationPatient for item in stated[1]],
        measures=stated[2],
        name=name,
    )


def macro(
    keyword: str, group: pydicom.Dataset, shared: pydicom.Dataset, *, name: str
) -> pydicom.Dataset:
    """Item of a functional group: the frame's own, else that of all frames."""
    return required(group if keyword in group else shared, keyword, name=name)[0]


def planes_of(
    *,
    positions: Iterable[Sequence[float]],
    orientations: Iterable[Sequence[float]],
    measures: Sequence[pydicom.Dataset],
    name: str,
) -> Planes:
    """Gather the planes of frames or slices that share one orientation and pixel spacing.

    Raises
    ------
    DataError
        If they do not.
    """
    orientation = np.array(list(orientations), dtype=np.float64)
    spacing = np.array([item.PixelSpacing for item in measures], dtype=np.float64)
    turned = np.ptp(orientation, axis=0).max() > _COSINE_TOLERANCE
    if turned or np.ptp(spacing, axis=0).max() > _SPACING_TOLERANCE_MM:
        raise DataError(f"{name} has slices of different orientation or pixel spacing.")
    along, down = orientation[0].reshape(2, 3)
    cosines = np.array([along @ along, down @ down, along @ down])
    if not np.abs(cosines - [1, 1, 0]).max() <= _COSINE_TOLERANCE:
        raise DataError(f"{name}: ImageOrientationPatient {orientation[0]} is no pair of axes.")
    if not (np.isfinite(spacing[0]).all() and spacing[0].min() > 0):
        raise DataError(f"{name}: PixelSpacing must be > 0 mm, got {spacing[0]}.")
    return Planes(
        positions=np.array(list(positions), dtype=np.float64).reshape(-1, 3),
        orientation=orientation[0],
        spacing=spacing[0],
        stated_step=_positive(measures[0].get("SpacingBetweenSlices")),
        thickness=_positive(measures[0].get("SliceThickness")),
    )


def _positive(value: float | None) -> float | None:
    return float(value) if value is not None and 0 < value < math.inf else None


def lattice(
    planes: Planes, *, in_plane: tuple[int, int], frame_of_reference: str, name: str
) -> tuple[Grid, npt.NDArray[np.intp]]:
    """Grid that the planes lie on, and the slice index of each plane."""
    along, down = planes.orientation.reshape(2, 3)
    normal = np.cross(along, down)
    depth = planes.positions @ normal
    order = np.argsort(depth, kind="stable")
    positions = planes.positions[order]
    gaps = np.diff(depth[order])
    step_mm = _step_mm(gaps[gaps > LATTICE_TOLERANCE_MM], planes, name=name)
    count = np.concatenate([[0.0], np.cumsum(np.rint(gaps / step_mm))])
    last = float(count[-1])
    if not last * in_plane[0] * in_plane[1] < _MOST_VOXELS:
        raise DataError(f"{name} would need {last + 1:g} slices: its positions are implausible.")
    step = (positions[-1] - positions[0]) / last if last else normal * step_mm
    uneven_mm = np.abs(positions[0] + count[:, None] * step - positions).max()
    if not uneven_mm <= LATTICE_TOLERANCE_MM:
        raise DataError(
            f"{name}: slices are not evenly spaced: a position is {uneven_mm:.2f} mm from the "
            f"lattice of {step_mm:.3f} mm, {LATTICE_TOLERANCE_MM} mm allowed.",
            remedy="Resample the image to even slices, and segment that.",
        )
    affine = np.eye(4)
    affine[:3, :3] = np.stack([along * planes.spacing[1], down * planes.spacing[0], step], axis=1)
    affine[:3, 3] = positions[0]
    slices = np.empty(len(count), dtype=np.intp)
    slices[order] = count
    shape = (*in_plane, int(last) + 1)
    return Grid(shape=shape, affine=affine, frame_of_reference=frame_of_reference), slices


def _step_mm(gaps: npt.NDArray[np.float64], planes: Planes, *, name: str) -> float:
    """Distance between slices, from what is stated where *gaps* between planes agree with it."""
    stated = planes.stated_step
    if not len(gaps):
        step = stated or planes.thickness
        if step is None:
            raise DataError(
                f"{name} has one slice and neither SpacingBetweenSlices nor SliceThickness: its "
                f"volume is unknown.",
                remedy="Export it with SliceThickness.",
            )
        return step
    if stated is not None and stated > 4 * LATTICE_TOLERANCE_MM:
        times = np.rint(gaps / stated)
        off = np.abs(gaps - times * stated)
        # Stated values are rounded; the even spacing found with them is checked afterwards.
        if (times >= 1).all() and (off <= np.maximum(LATTICE_TOLERANCE_MM, gaps * 1e-3)).all():
            return stated
    smallest = float(gaps.min())
    if planes.thickness is not None and smallest > 1.9 * planes.thickness:
        raise DataError(
            f"{name}: frames lie at least {smallest:.2f} mm apart, their SliceThickness is "
            f"{planes.thickness:.2f} mm and no SpacingBetweenSlices fits: how many slices are "
            f"missing between them is unknown.",
            remedy="Export it with SpacingBetweenSlices, or with all its frames.",
        )
    # Scanners jitter by some hundredths; the mean keeps them from adding up over a long gap.
    return float(gaps[gaps < 1.5 * smallest].mean())


def _descriptions(dataset: pydicom.Dataset, *, name: str) -> dict[int, SegmentDescription]:
    """Read what each segment is, by ascending number; a LABELMAP's background is left out."""
    described: dict[int, SegmentDescription] = {}
    padding = dataset.get("PixelPaddingValue")
    for item in required(dataset, "SegmentSequence", name=name):
        number = int(item.SegmentNumber)
        kind = _concept(item, "SegmentedPropertyTypeCodeSequence", name=name)
        if dataset.SegmentationType == "LABELMAP" and (
            kind[:2] == _BACKGROUND or number == padding
        ):
            continue
        if number in described:
            raise DataError(f"{name} describes segment {number} twice.")
        described[number] = SegmentDescription(
            number=number,
            label=str(item.SegmentLabel),
            tracking_id=str(item.get("TrackingID") or ""),
            tracking_uid=str(item.get("TrackingUID") or ""),
            category=_concept(item, "SegmentedPropertyCategoryCodeSequence", name=name),
            property_type=kind,
            algorithm=str(item.SegmentAlgorithmType),
        )
    return dict(sorted(described.items()))


def _concept(item: pydicom.Dataset, keyword: str, *, name: str) -> CodedConcept:
    code = required(item, keyword, name=name)[0]
    value = code.get("CodeValue") or code.get("LongCodeValue") or code.get("URNCodeValue") or ""
    return str(value), str(code.get("CodingSchemeDesignator") or ""), str(code.CodeMeaning)


def _require_plausible_size(
    dataset: pydicom.Dataset, grid: Grid, *, segments: int, name: str
) -> None:
    """Refuse before the masks, or frames that the file cannot hold, are allocated."""
    stored_bits = dataset.Rows * dataset.Columns * dataset.NumberOfFrames * dataset.BitsAllocated
    native = not dataset.file_meta.TransferSyntaxUID.is_encapsulated
    short = native and len(dataset.PixelData) * 8 < stored_bits
    if short or math.prod(grid.shape) * max(segments, 1) > _MOST_VOXELS:
        raise DataError(
            f"{name} states {dataset.NumberOfFrames} frames of {dataset.Columns} x {dataset.Rows} "
            f"spanning {grid.shape[2]} slices, with {len(dataset.PixelData)} bytes of pixels for "
            f"{segments} segments.",
            remedy="Export the file again.",
        )


def _pixels(dataset: pydicom.Dataset, *, name: str) -> npt.NDArray[np.unsignedinteger]:
    """Frames as stored, (frames, rows, columns)."""
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax.is_compressed and syntax not in _DECODERS:
        raise UnsupportedError(
            f"{name} is compressed as {syntax.name}: needed lossless RLE, JPEG-LS, JPEG 2000 or "
            f"none.",
            remedy="Export it uncompressed.",
        )
    stored: npt.NDArray[np.unsignedinteger] = pixel_array(
        dataset, decoding_plugin=_DECODERS.get(syntax, "")
    )
    return stored.reshape(dataset.NumberOfFrames, dataset.Rows, dataset.Columns)


_DECODERS: Final = {
    # Named, because gdcm, which pydicom would take first, ends the process on damaged frames.
    RLELossless: "pydicom",
    JPEGLSLossless: "pyjpegls",
    JPEG2000Lossless: "pylibjpeg",
}

_Frames = Iterable[tuple[int, int, npt.NDArray[np.bool_]]]
"""Frame index, segment number, inside (rows, columns)."""


def _numbered_frames(
    dataset: pydicom.Dataset,
    pixels: npt.NDArray[np.unsignedinteger],
    groups: Sequence[pydicom.Dataset],
    *,
    name: str,
) -> _Frames:
    """Frames of a BINARY or FRACTIONAL segmentation, one segment each."""
    shared = dataset.SharedFunctionalGroupsSequence[0]
    half = _HALF
    if dataset.SegmentationType == "FRACTIONAL":
        half = int(dataset.MaximumFractionalValue) / 2
        if half <= 0:
            raise ValueError("MaximumFractionalValue must be > 0")
    for index, group in enumerate(groups):
        identified = macro("SegmentIdentificationSequence", group, shared, name=name)
        yield index, int(identified.ReferencedSegmentNumber), pixels[index] >= half


def _labelled_frames(
    dataset: pydicom.Dataset,
    pixels: npt.NDArray[np.unsignedinteger],
    described: dict[int, SegmentDescription],
    *,
    name: str,
) -> _Frames:
    """Frames of a LABELMAP, taken apart by label."""
    background = {0, dataset.get("PixelPaddingValue", 0)} | {
        int(item.SegmentNumber) for item in dataset.SegmentSequence
    }
    for index, frame in enumerate(pixels):
        for label in (int(label) for label in np.unique(frame)):
            if label in described:
                yield index, label, frame == label
            elif label not in background:
                raise DataError(f"{name} holds label {label}, which it does not describe.")


def _assembled(
    frames: _Frames,
    slices: npt.NDArray[np.intp],
    described: dict[int, SegmentDescription],
    grid: Grid,
    *,
    name: str,
) -> tuple[Segment, ...]:
    masks = {number: np.zeros(grid.shape[::-1], dtype=np.bool_) for number in described}
    filled: set[tuple[int, int]] = set()
    for index, number, inside in frames:
        place = (number, int(slices[index]))
        if number not in masks or place in filled:
            raise DataError(
                f"{name} has two frames of segment {number} at one position."
                if place in filled
                else f"{name} has a frame of segment {number}, which it does not describe.",
                remedy="Export the file again.",
            )
        filled.add(place)
        masks[number][place[1]] = inside
    return tuple(
        Segment(description, Mask(inside=masks[number].T, grid=grid))
        for number, description in described.items()
    )


def _require_one_frame_of_reference(mask: Mask, grid: Grid) -> None:
    stated = {mask.grid.frame_of_reference, grid.frame_of_reference} - {""}
    if len(stated) > 1:
        raise GridMismatchError(
            f"The mask lies in frame of reference {mask.grid.frame_of_reference}, the grid in "
            f"{grid.frame_of_reference}.",
            remedy="Register the two first.",
        )


def _would_lose(lost: int, mask: Mask) -> GridMismatchError:
    return GridMismatchError(
        f"{lost} of the mask's {np.count_nonzero(mask.inside)} voxels lie outside the grid.",
        remedy="Use a grid that holds the whole region.",
    )
