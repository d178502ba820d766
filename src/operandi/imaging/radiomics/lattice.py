"""A region's levels laid out for the texture kernels: cropped, slices first, a margin of zeros.

The margin spares every kernel its tests of bounds, and slices first lets one kernel serve 2D,
2.5D and 3D: a slice is a run of voxels, and an offset within the plane never leaves it.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from numba import njit

from operandi.imaging.radiomics.region import Levels
from operandi.quantities.errors import DataError

Ints: TypeAlias = npt.NDArray[np.int32]
Places: TypeAlias = npt.NDArray[np.uint16]
Flags: TypeAlias = npt.NDArray[np.bool_]

MOST_LEVELS: Final = 2048
"""That occur: co-occurrence matrices of 13 directions then take 220 MB."""


@dataclass(frozen=True, slots=True, eq=False)
class Lattice:
    """Levels of a region in a padded box, flattened in C order of (k, i, j).

    Parameters
    ----------
    level : int32 array, (k * i * j)
        0 outside the region.
    place : uint16 array, (k * i * j)
        Place of the voxel's level in ``gray``: 0 outside the region.
    inside : uint16 array, (k * i * j)
        1 in the morphological mask, else 0.
    gray : int32 array, (levels that occur + 1)
        The levels that occur, ascending, after a 0 for the outside. Levels that do not occur have
        no row in any matrix: no feature depends on an empty row.
    voxels : int32 array, (n)
        Positions of the region's voxels, ascending.
    slices : int64 array, (slices with voxels + 1)
        Where each slice with voxels begins in ``voxels``.
    shape : tuple of int
        Of the padded box (k, i, j).
    margin : int
        Width of the padding, voxels.
    count : int
        Ng, whether each level occurs or not.
    """

    level: Ints
    place: Places
    inside: Places
    gray: Ints
    voxels: Ints
    slices: npt.NDArray[np.int64]
    shape: tuple[int, int, int]
    margin: int
    count: int

    def offsets(self, steps: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Steps (k, i, j), shape (n, 3), as differences of positions."""
        _, rows, columns = self.shape
        positions: npt.NDArray[np.int64] = steps @ np.array([rows * columns, columns, 1])
        return positions

    def border_distance(self, *, planar: bool) -> Places:
        """City-block distance of each voxel of the morphological mask to the outside, voxels.

        1 on the edge (IBSI 3.9 counts from 1); within the slice where ``planar``.
        """
        distance = self.inside.copy()
        _city_block(distance, *self.shape, planar)
        return distance


def lattice(levels: Levels, morphology: Flags, *, margin: int = 1) -> Lattice:
    """Lay out the levels of a region.

    Parameters
    ----------
    levels : Levels, (i, j, k)
        Discretized intensities; 0 outside the intensity mask.
    morphology : bool array, (i, j, k)
        The morphological mask.
    margin : int, >= 1
        The farthest step that a kernel will look from a voxel.

    Raises
    ------
    DataError
        If shapes differ, no voxel has a level, a level lies outside 1 to ``levels.count``, or a
        voxel with a level lies outside the morphological mask; or if more than ``MOST_LEVELS``
        levels occur.
    """
    values = np.ascontiguousarray(levels.values, dtype=np.int32)
    mask = np.ascontiguousarray(morphology, dtype=np.bool_)
    if values.ndim != 3 or values.shape != mask.shape:
        raise DataError(
            f"Levels and morphological mask must be volumes of one shape, got {values.shape} and "
            f"{mask.shape}."
        )
    occurs = np.zeros(max(levels.count, 0) + 1, np.bool_)
    box, (lowest, highest), number, astray = _box(values, mask, occurs)
    if highest < 1:
        raise DataError(
            "Texture needs at least one voxel in the intensity mask, found none.",
            remedy="Widen the re-segmentation range or correct the mask.",
        )
    if lowest < 0 or highest > levels.count:
        raise DataError(
            f"Levels must lie in 1 to {levels.count}, found {lowest} to {highest}.",
            remedy="Discretize again.",
        )
    if astray:
        raise DataError(
            f"The intensity mask must lie within the morphological mask; {astray} voxels do not."
        )
    occurs[0] = True  # the outside
    gray = np.flatnonzero(occurs).astype(np.int32)
    if len(gray) - 1 > MOST_LEVELS:
        raise DataError(
            f"Texture needs at most {MOST_LEVELS} levels that occur, found {len(gray) - 1}.",
            remedy="Choose wider bins.",
        )
    rank = np.cumsum(occurs, dtype=np.uint16) - np.uint16(1)
    level, place, inside, voxels, slices = _lay_out(values, mask, box, margin, rank, number)
    extent = box[:, 1] - box[:, 0] + 2 * margin
    shape = (int(extent[2]), int(extent[0]), int(extent[1]))
    return Lattice(level, place, inside, gray, voxels, slices, shape, margin, levels.count)


@njit(cache=True, nogil=True)
def _box(
    values: Ints, mask: Flags, occurs: Flags
) -> tuple[npt.NDArray[np.int64], tuple[int, int], int, int]:
    """Bounds of the mask (axis, first and past the last) and the range of levels.

    Then how many voxels have a level, and how many of them stand outside the mask. Marks the
    levels that occur, as far as they are allowed.
    """
    box = np.empty((3, 2), np.int64)
    box[:, 0] = values.size
    box[:, 1] = 0
    lowest = highest = np.int64(0)
    number = astray = 0
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            first, last = values.shape[2], -1
            for k in range(values.shape[2]):
                level = np.int64(values[i, j, k])
                if mask[i, j, k]:
                    first, last = min(first, k), k
                elif level != 0:
                    astray += 1
                if level != 0:
                    number += 1
                    lowest, highest = min(lowest, level), max(highest, level)
                    if 0 < level < len(occurs):
                        occurs[level] = True
            if last >= 0:
                box[0, 0], box[0, 1] = min(box[0, 0], i), i + 1
                box[1, 0], box[1, 1] = min(box[1, 0], j), max(box[1, 1], j + 1)
                box[2, 0], box[2, 1] = min(box[2, 0], first), max(box[2, 1], last + 1)
    return box, (int(lowest), int(highest)), number, astray


@njit(cache=True, nogil=True)
def _lay_out(
    values: Ints, mask: Flags, box: npt.NDArray[np.int64], margin: int, rank: Places, number: int
) -> tuple[Ints, Places, Places, Ints, npt.NDArray[np.int64]]:
    """Copy the box into the padded order, and list voxels and slices."""
    slices, rows, columns = box[2, 1] - box[2, 0], box[0, 1] - box[0, 0], box[1, 1] - box[1, 0]
    width = columns + 2 * margin
    area = (rows + 2 * margin) * width
    level = np.zeros((slices + 2 * margin) * area, np.int32)
    place = np.zeros(level.size, np.uint16)
    inside = np.zeros(level.size, np.uint16)
    source = values[box[0, 0] : box[0, 1], box[1, 0] : box[1, 1], box[2, 0] : box[2, 1]]
    drawn = mask[box[0, 0] : box[0, 1], box[1, 0] : box[1, 1], box[2, 0] : box[2, 1]]
    # Rows outermost: the source, whose last axis is k, is then read from the first cache.
    for i in range(rows):
        for k in range(slices):
            position = (k + margin) * area + (i + margin) * width + margin
            for j in range(columns):
                here = source[i, j, k]
                level[position + j] = here
                place[position + j] = rank[here]
                inside[position + j] = drawn[i, j, k]
    voxels = np.empty(number + 1, np.int32)
    starts = np.zeros(slices + 1, np.int64)
    found = filled = 0
    for k in range(slices):
        for i in range(rows):
            position = (k + margin) * area + (i + margin) * width + margin
            for j in range(position, position + columns):
                voxels[found] = j
                found += place[j] > 0  # the next voxel inside overwrites one outside
        if found > starts[filled]:
            filled += 1
            starts[filled] = found
    return level, place, inside, voxels[:number], starts[: filled + 1].copy()


@njit(cache=True, nogil=True)
def _city_block(distance: Places, slices: int, rows: int, columns: int, planar: bool) -> None:  # noqa: FBT001
    """Turn a mask of 0 and 1 into distances: there and back again is exact for city blocks."""
    area = rows * columns
    for v in range(area, area * (slices - 1)):
        if distance[v] > 0:
            near = min(distance[v - 1], distance[v - columns])
            if not planar:
                near = min(near, distance[v - area])
            distance[v] = near + 1
    for v in range(area * (slices - 1) - 1, area - 1, -1):
        if distance[v] > 0:
            near = min(distance[v + 1], distance[v + columns])
            if not planar:
                near = min(near, distance[v + area])
            distance[v] = min(distance[v], near + 1)
