"""Where slices lie: the plane of each, and the affine of a regular stack of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.imaging.dicom.frames import Slice
from operandi.imaging.dicom.vectors import normal_of, vector_of
from operandi.quantities.errors import DataError, UnsupportedError

SPACING_TOLERANCE_MM: Final = 0.1
"""Real scanners round positions: a whole-body GE PET has gaps of 3.19 to 3.29 mm."""

SAME_PLACE_MM: Final = 0.01
_ORIENTATION_TOLERANCE: Final = 1e-4
_COSINE_TOLERANCE: Final = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """A slice whose position and orientation have been checked.

    Parameters
    ----------
    slice : Slice
        The image.
    position : array, (3,)
        Center of its first pixel, LPS, mm.
    orientation : array, (6,)
        Direction cosines of its rows and columns.
    distance_mm : float
        Of the plane from the origin, along its normal.
    """

    slice: Slice
    position: npt.NDArray[np.float64]
    orientation: npt.NDArray[np.float64]
    distance_mm: float


def plane_of(slice_: Slice) -> Plane:
    """Read where a slice lies.

    Raises
    ------
    DataError
        If position or orientation are missing or impossible.
    """
    name = slice_.name
    position = vector_of(slice_.header, "ImagePositionPatient", 3, name)
    orientation = vector_of(slice_.header, "ImageOrientationPatient", 6, name)
    row, column = orientation[:3], orientation[3:]
    if max(abs(row @ row - 1.0), abs(column @ column - 1.0), abs(row @ column)) > _COSINE_TOLERANCE:
        raise DataError(
            f"{name} states ImageOrientationPatient {tuple(orientation.tolist())}, which are not "
            "two orthogonal unit vectors.",
            remedy="Export the image again.",
        )
    return Plane(slice_, position, orientation, float(normal_of(orientation) @ position))


def require_parallel(planes: Sequence[Plane], description: str) -> None:
    """Refuse a series whose slices differ in orientation.

    Raises
    ------
    DataError
        Naming two files that differ.
    """
    first = planes[0]
    for plane in planes:
        if np.abs(plane.orientation - first.orientation).max() > _ORIENTATION_TOLERANCE:
            raise DataError(
                f"Series {description!r} mixes orientations: {first.slice.name} and "
                f"{plane.slice.name} differ.",
                remedy="Localizers are made like this; export each orientation as its own series.",
            )


def affine_of(planes: Sequence[Plane]) -> npt.NDArray[np.float64]:
    """Index (i, j, k) to LPS mm of planes in order of their distance.

    Raises
    ------
    DataError
        If slices are missing, at one place, unevenly spaced or otherwise than they state; the
        message names the files.
    UnsupportedError
        If the stack is sheared.
    """
    first, last = planes[0], planes[-1]
    spacing = vector_of(first.slice.header, "PixelSpacing", 2, first.slice.name)
    if not (spacing > 0).all():
        raise DataError(
            f"{first.slice.name} states PixelSpacing {tuple(spacing.tolist())}; needed > 0.",
            remedy="Export the image again.",
        )
    affine = np.eye(4)
    affine[:3, 0] = first.orientation[:3] * spacing[1]
    affine[:3, 1] = first.orientation[3:] * spacing[0]
    affine[:3, 3] = first.position
    if len(planes) == 1:
        affine[:3, 2] = normal_of(first.orientation) * _thickness_mm(first)
        return affine
    step = (last.position - first.position) / (len(planes) - 1)
    _refuse_uneven(planes)
    _refuse_sheared(planes)
    _refuse_other_than_stated(planes, abs(last.distance_mm - first.distance_mm) / (len(planes) - 1))
    affine[:3, 2] = step
    return affine


def _thickness_mm(plane: Plane) -> float:
    """Height of the voxels of one slice alone: the distance to where its neighbors would lie."""
    stated = [
        float(value)
        for keyword in ("SpacingBetweenSlices", "SliceThickness")
        if isinstance(value := plane.slice.header.get(keyword), int | float) and value > 0
    ]
    if len(stated) == 2 and stated[0] < stated[1] - SPACING_TOLERANCE_MM:
        # A gap, as some files state, or slices that overlap: one slice alone does not tell.
        raise DataError(
            f"{plane.slice.name} is a single slice that states SpacingBetweenSlices "
            f"{stated[0]:g} mm and SliceThickness {stated[1]:g} mm: which of them its voxels fill "
            "is unknown.",
            remedy="Export the whole series.",
        )
    if stated:
        return stated[0]
    raise DataError(
        f"{plane.slice.name} is a single slice without SliceThickness; its voxels have no volume.",
        remedy="Export the whole series, or the tag SliceThickness.",
    )


def _refuse_uneven(planes: Sequence[Plane]) -> None:
    distances = np.array([plane.distance_mm for plane in planes])
    gaps = np.diff(distances)
    close = np.flatnonzero(gaps < SAME_PLACE_MM)
    if close.size:
        one, two = planes[close[0]].slice.name, planes[close[0] + 1].slice.name
        raise DataError(
            f"{one} and {two} lie at the same position ({distances[close[0]]:.2f} mm).",
            remedy="One of them is a duplicate; remove it or export the series again.",
        )
    typical = float(np.median(gaps))
    worst = int(np.abs(gaps - typical).argmax())
    if abs(gaps[worst] - typical) > SPACING_TOLERANCE_MM:
        one, two = planes[worst].slice.name, planes[worst + 1].slice.name
        missing = gaps[worst] / typical - 1.0
        hint = (
            f"{round(missing)} slice(s) seem to be missing there"
            if missing > 0.5
            else "the slices are unevenly spaced"
        )
        raise DataError(
            f"The gap between {one} and {two} is {gaps[worst]:.2f} mm where the others are "
            f"{typical:.2f} mm: {hint}.",
            remedy="Export the complete series.",
        )
    even = np.linspace(distances[0], distances[-1], len(distances))
    drift = np.abs(distances - even)
    # Gaps within tolerance can still add up; half a slice would put a lesion on its neighbor.
    if drift.max() > max(SPACING_TOLERANCE_MM, 0.1 * typical):
        name = planes[int(drift.argmax())].slice.name
        raise DataError(
            f"{name} lies {drift.max():.2f} mm from where even spacing of {typical:.2f} mm would "
            "put it.",
            remedy="Export the complete series.",
        )


def _refuse_other_than_stated(planes: Sequence[Plane], step_mm: float) -> None:
    """Refuse slices that lie further apart or closer than SpacingBetweenSlices says.

    Where every second slice is missing, nothing else gives it away.

    The attribute is the distance of centers; some older files, of GE above all, state the gap
    between slices instead. So distance = SliceThickness + gap is accepted too, but where it is
    also a multiple of what is stated, as thickness 4 and gap 2 at 6 mm or thickness 3 and gap 3
    at 6 mm, it could as well be a stack of which only every third or second slice is left. Only
    a 2-D image thicker than the stated value settles it: 2-D slices are not made to overlap, so
    the value must be a gap.
    """
    for plane in planes:
        header = plane.slice.header
        stated, thickness = header.get("SpacingBetweenSlices"), header.get("SliceThickness")
        if not isinstance(stated, int | float) or not stated > 0:
            continue
        tolerance_mm = min(SPACING_TOLERANCE_MM, 0.1 * stated)
        if abs(step_mm - stated) <= tolerance_mm:
            continue
        times = round(step_mm / stated)
        multiple = times >= 2 and abs(step_mm - times * stated) <= tolerance_mm
        thick = float(thickness) if isinstance(thickness, int | float) else -math.inf
        as_gap = thick > 0 and abs(step_mm - thick - stated) <= tolerance_mm
        only_gap = header.get("MRAcquisitionType") == "2D" and thick > stated + tolerance_mm
        if as_gap and (only_gap or not multiple):
            continue
        hint = f": {times - 1} of every {times} slices seem to be missing" if multiple else ""
        raise DataError(
            f"{plane.slice.name} states SpacingBetweenSlices {stated:g} mm, but the slices lie "
            f"{step_mm:.2f} mm apart{hint}.",
            remedy="Export the complete series; if it is complete, export it again from the "
            "scanner, because its positions and its header contradict each other.",
        )


def _refuse_sheared(planes: Sequence[Plane]) -> None:
    """Refuse slices that lie beside the normal through the first."""
    normal = normal_of(planes[0].orientation)
    positions = np.array([plane.position for plane in planes])
    offsets = positions - positions[0]
    sideways = np.linalg.norm(offsets - np.outer(offsets @ normal, normal), axis=1)
    worst = int(sideways.argmax())
    if sideways[worst] > SPACING_TOLERANCE_MM:
        raise UnsupportedError(
            f"{planes[worst].slice.name} is shifted sideways by {sideways[worst]:.2f} mm against "
            f"{planes[0].slice.name}: a sheared stack (tilted gantry, moved table) is not read.",
            remedy="Export the series resampled to a straight stack.",
        )
