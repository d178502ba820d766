"""RT structure sets: contours drawn by people, and the voxels inside them."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.uid import RTStructureSetStorage

from operandi.domain.grid import Grid
from operandi.domain.identity import SeriesUid
from operandi.domain.mask import Mask
from operandi.imaging.dicom.unheard_warnings import warnings_unheard
from operandi.quantities.errors import (
    DataError,
    GridMismatchError,
    OperandiError,
    UnsupportedError,
)

CLOSED_PLANAR: Final = "CLOSED_PLANAR"

EDGE_TOLERANCE_MM: Final = 0.01
"""How far a contour may lie beyond the half voxel around the grid's outermost centers."""

PLANE_TOLERANCE_MM: Final = 0.1
"""How far a contour's points may lie from one plane parallel to the slices. Real oblique MR
contours with coordinates rounded to 0.001 mm stay within 0.0011 mm."""

_SPARSE: Final = 1.5
"""Slices. Planes further apart than this everywhere were drawn on another, coarser series."""

_DIGITS: Final = 6
"""Decimals of a voxel kept. Removes the noise of the inverse affine, so that a vertex meant to
lie on a voxel center does."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contours:
    """One region of a structure set, as drawn.

    Parameters
    ----------
    number : int
        ROINumber.
    name : str
        ROIName.
    polygons : tuple of array, (n, 3)
        Vertices in LPS mm, one array for each contour. Set read-only. Empty for a region that was
        declared and never drawn.
    geometric_types : tuple of str
        The distinct ContourGeometricType of the contours, sorted.
    frame_of_reference : str
        Frame of reference the vertices are in.
    referenced_series_uid : SeriesUid
        The series drawn on; empty where the file names none or more than one.

    Raises
    ------
    ValueError
        If a polygon is not a finite (n, 3) array with n >= 1.
    """

    number: int
    name: str
    polygons: tuple[npt.NDArray[np.float64], ...]
    geometric_types: tuple[str, ...]
    frame_of_reference: str
    referenced_series_uid: SeriesUid

    def __post_init__(self) -> None:
        for polygon in self.polygons:
            if polygon.shape != (len(polygon), 3) or not len(polygon):
                raise ValueError(f"a polygon must be (n, 3) with n >= 1, got {polygon.shape}")
            if not np.isfinite(polygon).all():
                raise ValueError("a polygon has a vertex that is not finite")
            polygon.setflags(write=False)


def read_structure_set(path: Path) -> tuple[Contours, ...]:
    """Read every region of an RT structure set, in the order of the file.

    Regions of points or open lines are read too, so that one marker does not cost the tumor
    drawn beside it; :func:`rasterize` refuses them.

    Raises
    ------
    DataError
        If the file is damaged, is no structure set, or lacks what its contours need.
    """
    with refusing_malformed(path):
        dataset = pydicom.dcmread(path)
        if dataset.get("SOPClassUID") != RTStructureSetStorage:
            raise DataError(
                f"{path.name} is no RT structure set: its SOPClassUID is "
                f"{dataset.get('SOPClassUID')}."
            )
        drawn = _contour_items(dataset, name=path.name)
        regions = required(dataset, "StructureSetROISequence", name=path.name)
        contours = tuple(
            _contours(dataset, region, drawn.pop(int(region.ROINumber), []), name=path.name)
            for region in regions
        )
        if drawn or len({region.number for region in contours}) < len(contours):
            raise DataError(
                f"{path.name}: ROINumber in StructureSetROISequence and ROIContourSequence do not "
                f"match one to one."
            )
        return contours


def rasterize(contours: Contours, grid: Grid) -> Mask:
    """Mark the voxels whose center lies inside the contours.

    In each slice the contours together follow the even-odd rule, so a contour within another cuts
    a hole, and a keyhole (one outline that runs to the hole and back) does the same. Centers
    exactly on an outline are in on the sides of smaller i and j and out on the opposite sides, so
    regions that touch share no voxel.

    Each contour belongs to the slice nearest to it.

    Parameters
    ----------
    contours : Contours
        Closed planar contours, parallel to the slices of ``grid`` within
        ``PLANE_TOLERANCE_MM``. The grid may be oblique.
    grid : Grid
        Usually that of the series drawn on. Its frame of reference must be that of the contours
        where it states one.

    Raises
    ------
    UnsupportedError
        If a contour is not CLOSED_PLANAR.
    DataError
        If there is no contour.
    GridMismatchError
        If frames of reference differ, contours leave the grid or cross its slices, or contours
        are drawn in denser or sparser planes than the slices. Those would cancel one another or
        leave slices empty: a plausible, wrong volume.
    """
    _require_closed(contours)
    _require_frame_of_reference(contours, grid)
    points = np.concatenate(contours.polygons)
    lengths = np.array([len(polygon) for polygon in contours.polygons])
    starts = np.cumsum(lengths) - lengths
    index = np.round(grid.index_of(points), _DIGITS)
    depth = _depth_of_each(contours, grid, index[:, 2], starts=starts)
    _require_within(contours, grid, index[:, :2], depth, starts=starts)
    slices = _slice_of_each(contours, grid, depth)

    following = np.arange(1, len(points) + 1)
    following[starts + lengths - 1] = starts
    inside = _even_odd(
        index[:, :2], index[following, :2], np.repeat(slices, lengths), shape=grid.shape
    )
    return Mask(inside=inside, grid=grid)


@contextmanager
def refusing_malformed(path: Path) -> Iterator[None]:
    """Turn whatever a damaged DICOM file makes the library raise into one refusal.

    The library's warnings are about spellings; what matters here is checked here.

    Raises
    ------
    DataError
        Naming the file, with the original error as its cause.
    """
    try:
        with warnings_unheard():
            yield
    except OperandiError:
        raise
    except Exception as error:
        # The text of an OSError holds a path, which would differ between machines.
        text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise DataError(
            f"{path.name} cannot be read as DICOM: {text.rstrip('.') or type(error).__name__}.",
            remedy="Export the file again.",
        ) from error


def required(item: pydicom.Dataset, keyword: str, *, name: str) -> Sequence[pydicom.Dataset]:
    """Items of a sequence that must be there.

    Raises
    ------
    DataError
        If the sequence is absent or empty; *name* is the file's.
    """
    items = item.get(keyword)
    if not isinstance(items, pydicom.Sequence) or not items:
        raise DataError(f"{name} has no {keyword}.", remedy="Export the file again.")
    return items


def plane_spacing_mm(grid: Grid) -> float:
    """Distance between neighboring slice planes, which a tilted gantry makes less than |k|."""
    return float(1.0 / np.linalg.norm(np.linalg.inv(grid.affine[:3, :3])[2]))


def _contour_items(dataset: pydicom.Dataset, *, name: str) -> dict[int, list[pydicom.Dataset]]:
    """Contours of each ROINumber."""
    items: dict[int, list[pydicom.Dataset]] = defaultdict(list)
    for region in required(dataset, "ROIContourSequence", name=name):
        items[int(region.ReferencedROINumber)].extend(region.get("ContourSequence") or [])
    return items


def _contours(
    dataset: pydicom.Dataset,
    region: pydicom.Dataset,
    drawn: Sequence[pydicom.Dataset],
    *,
    name: str,
) -> Contours:
    frame_of_reference = str(region.get("ReferencedFrameOfReferenceUID") or "")
    if not frame_of_reference:
        raise DataError(
            f"{name}: region {region.get('ROIName')!r} has no ReferencedFrameOfReferenceUID, so "
            f"its coordinates mean nothing.",
            remedy="Export the structure set again.",
        )
    return Contours(
        number=int(region.ROINumber),
        name=str(region.get("ROIName") or ""),
        polygons=tuple(_polygon(contour, name=name) for contour in drawn),
        geometric_types=tuple(sorted({str(contour.ContourGeometricType) for contour in drawn})),
        frame_of_reference=frame_of_reference,
        referenced_series_uid=_referenced_series(dataset, frame_of_reference),
    )


def _polygon(contour: pydicom.Dataset, *, name: str) -> npt.NDArray[np.float64]:
    if any(float(part) != 0.0 for part in contour.get("ContourOffsetVector") or ()):
        raise UnsupportedError(
            f"{name}: a contour states ContourOffsetVector {list(contour.ContourOffsetVector)}, "
            "which is not read: whether its points include it differs between programs.",
            remedy="Export the structure set without offsets.",
        )
    # Parsed from the bytes: making an object of each coordinate takes five times as long.
    value = contour.get_item("ContourData").value
    texts = value.split(b"\\") if isinstance(value, bytes) else value
    numbers = np.array(texts).astype(np.float64).reshape(-1)
    stated = contour.get("NumberOfContourPoints")
    if len(numbers) % 3 or not len(numbers) or (stated is not None and 3 * stated != len(numbers)):
        raise DataError(
            f"{name}: a contour has {len(numbers)} coordinates and states "
            f"NumberOfContourPoints = {stated}.",
            remedy="Export the structure set again.",
        )
    return numbers.reshape(-1, 3)


def _referenced_series(dataset: pydicom.Dataset, frame_of_reference: str) -> SeriesUid:
    series = {
        str(series.SeriesInstanceUID)
        for frame in dataset.get("ReferencedFrameOfReferenceSequence") or []
        if frame.get("FrameOfReferenceUID") == frame_of_reference
        for study in frame.get("RTReferencedStudySequence") or []
        for series in study.get("RTReferencedSeriesSequence") or []
    }
    return SeriesUid(series.pop() if len(series) == 1 else "")


def _require_closed(contours: Contours) -> None:
    if not contours.polygons:
        raise DataError(
            f"Region {contours.name!r} has no contours.",
            remedy="Draw it, or take it out of the structure set.",
        )
    if contours.geometric_types != (CLOSED_PLANAR,):
        raise UnsupportedError(
            f"Region {contours.name!r} has contours of type "
            f"{', '.join(contours.geometric_types)}: needed {CLOSED_PLANAR} only."
        )


def _require_frame_of_reference(contours: Contours, grid: Grid) -> None:
    if grid.frame_of_reference not in {"", contours.frame_of_reference}:
        raise GridMismatchError(
            f"Region {contours.name!r} is drawn in frame of reference "
            f"{contours.frame_of_reference}, the grid lies in {grid.frame_of_reference}.",
            remedy="Use the series it was drawn on, or register the two.",
        )


def _depth_of_each(
    contours: Contours,
    grid: Grid,
    k: npt.NDArray[np.float64],
    *,
    starts: npt.NDArray[np.intp],
) -> npt.NDArray[np.float64]:
    """Fractional slice index of each contour, the middle of its points."""
    low, high = np.minimum.reduceat(k, starts), np.maximum.reduceat(k, starts)
    thickest = float((high - low).max()) * plane_spacing_mm(grid)
    if thickest > PLANE_TOLERANCE_MM:
        raise GridMismatchError(
            f"Region {contours.name!r} is not drawn parallel to the slices: a contour's points "
            f"spread {thickest:.2f} mm across them, {PLANE_TOLERANCE_MM} mm allowed.",
            remedy="Use the series it was drawn on.",
        )
    middle: npt.NDArray[np.float64] = (low + high) / 2
    return middle


def _require_within(
    contours: Contours,
    grid: Grid,
    ij: npt.NDArray[np.float64],
    depth: npt.NDArray[np.float64],
    *,
    starts: npt.NDArray[np.intp],
) -> None:
    margin = 0.5 + EDGE_TOLERANCE_MM / np.array(grid.spacing_mm)
    shape = np.array(grid.shape)
    beyond = ((ij < -margin[:2]) | (ij > shape[:2] - 1 + margin[:2])).any(axis=1)
    end_margin = 0.5 + EDGE_TOLERANCE_MM / plane_spacing_mm(grid)
    off_ends = (depth < -end_margin) | (depth > shape[2] - 1 + end_margin)
    outside = np.logical_or.reduceat(beyond, starts) | off_ends
    if outside.any():
        raise GridMismatchError(
            f"{np.count_nonzero(outside)} of {len(starts)} contours of region {contours.name!r} "
            f"lie wholly or partly outside the grid.",
            remedy="Use the series it was drawn on, with all its slices.",
        )


def _slice_of_each(
    contours: Contours, grid: Grid, depth: npt.NDArray[np.float64]
) -> npt.NDArray[np.intp]:
    """Nearest slice of each contour; a contour half-way between two goes to the further one."""
    spacing = plane_spacing_mm(grid)
    tolerance = EDGE_TOLERANCE_MM / spacing
    # The tolerance keeps planes drawn half-way between slices, and rounded, in step.
    slices = np.clip(np.floor(depth + 0.5 + tolerance), 0, grid.shape[2] - 1).astype(np.intp)
    order = np.argsort(depth, kind="stable")
    gaps = np.diff(depth[order])
    new_plane = gaps > 2 * tolerance
    if np.any(new_plane & (np.diff(slices[order]) == 0)):
        raise GridMismatchError(
            f"Region {contours.name!r} is drawn in planes {gaps[new_plane].min() * spacing:.2f} mm "
            f"apart, closer than the grid's slices of {spacing:.2f} mm.",
            remedy="Rasterize on the series it was drawn on, then resample.",
        )
    if new_plane.any() and gaps[new_plane].min() > _SPARSE:
        raise GridMismatchError(
            f"Region {contours.name!r} is drawn in planes at least "
            f"{gaps[new_plane].min() * spacing:.2f} mm apart, the grid's slices are "
            f"{spacing:.2f} mm apart: slices between would stay empty.",
            remedy="Rasterize on the series it was drawn on, then resample.",
        )
    return slices


def _even_odd(
    start: npt.NDArray[np.float64],
    end: npt.NDArray[np.float64],
    slices: npt.NDArray[np.intp],
    *,
    shape: tuple[int, int, int],
) -> npt.NDArray[np.bool_]:
    """Even-odd rule for edges in index space, one pass over the rows each edge crosses.

    An edge crosses row j if one end is at or above it and the other below. Voxels from the
    crossing rightwards change sides, so a running XOR along i gives the answer. 21 000 vertices
    on 128 x 128 x 267 voxels take 7 ms.
    """
    top = np.ceil(np.minimum(start[:, 1], end[:, 1])).astype(np.intp)
    rows = np.ceil(np.maximum(start[:, 1], end[:, 1])).astype(np.intp) - top
    edge = np.repeat(np.arange(len(start)), rows)
    row = top[edge] + np.arange(len(edge)) - np.repeat(np.cumsum(rows) - rows, rows)
    slope = (end[edge, 0] - start[edge, 0]) / (end[edge, 1] - start[edge, 1])
    column = np.ceil(np.round(start[edge, 0] + (row - start[edge, 1]) * slope, _DIGITS))

    inside = np.zeros(shape[::-1], dtype=np.bool_)
    if len(edge):
        crossings = np.stack([slices[edge], row, column.astype(np.intp)])
        low = crossings.min(axis=1)
        extent = crossings.max(axis=1) - low + 1
        flat = np.ravel_multi_index(tuple(crossings - low[:, None]), tuple(extent))
        toggles = np.bincount(flat, minlength=int(extent.prod())).reshape(extent) & 1
        box = np.bitwise_xor.accumulate(toggles, axis=2).astype(np.bool_)
        # Past the last crossing every row is outside again.
        (k, j, i), (depth, height, width) = low, extent
        inside[k : k + depth, j : j + height, i : i + width - 1] = box[:, :, :-1]
    return inside.T
