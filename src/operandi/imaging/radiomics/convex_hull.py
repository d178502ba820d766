"""The convex hull of a mask's mesh, and the longest distance in it, from few of its vertices.

Vertices of the mesh lie halfway between voxels, that is at whole numbers on a grid of half the
spacing. Only those that are extreme in their plane can be the hull's: a monotone chain a plane, in
whole numbers, leaves a few hundred of tens of thousands for the hull in space.

References
----------
.. [1] Andrew, Inf Process Lett 9:216, 1979: monotone chains.
"""

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from numba import njit

from operandi.imaging.radiomics.quickhull import hull_faces, set_plane

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

NONE = -1
"""No vertex on this line."""


@dataclass(frozen=True, slots=True, eq=False)
class Hull:
    """Convex hull of a mesh.

    Parameters
    ----------
    vertices : float array, (n, 3)
        Its corners, mm.
    volume_mm3, area_mm2 : float
    diameter_mm : float
        Longest distance between two corners.
    """

    vertices: Floats
    volume_mm3: float
    area_mm2: float
    diameter_mm: float


def hull_of(inside: npt.NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> Hull:
    """Convex hull of the mesh around a mask.

    Parameters
    ----------
    inside : bool array, (i, j, k)
        With at least one voxel.
    spacing_mm : tuple of float

    Returns
    -------
    Hull
        About the center of the mask's box, so that place does not matter.
    """
    lowest, highest = _line_ends(np.pad(inside, 1))
    _keep_extreme(lowest, highest)
    # The same along the other direction: what stays is extreme in both families of planes.
    _keep_extreme(lowest.T, highest.T)
    points = _points(lowest, highest, inside.shape[2] + 1)
    faces = hull_faces(points)
    scale = np.asarray(spacing_mm) / 2
    volume, area = _volume_area(points, faces, scale)
    is_corner = np.zeros(len(points), dtype=np.bool_)
    is_corner[faces] = True
    corners = points[is_corner] * scale
    return Hull(
        vertices=corners,
        volume_mm3=float(volume),
        area_mm2=float(area),
        diameter_mm=float(_longest(corners)),
    )


@njit(cache=True, nogil=True)
def _points(lowest: Ints, highest: Ints, depth: int) -> Floats:
    """Vertices about the center of the box, in half voxels."""
    ni, nj = lowest.shape
    size = 0
    for i in range(ni):
        for j in range(nj):
            size += (lowest[i, j] != NONE) + (highest[i, j] != NONE)
    points = np.empty((size, 3))
    at = 0
    for i in range(ni):
        for j in range(nj):
            for end in (lowest[i, j], highest[i, j]):
                if end != NONE:
                    points[at, 0] = i - ni // 2 + 1
                    points[at, 1] = j - nj // 2 + 1
                    points[at, 2] = end - depth
                    at += 1
    return points


@njit(cache=True, nogil=True)
def _volume_area(points: Floats, faces: Ints, scale: Floats) -> tuple[float, float]:
    """Volume within triangles, and their area; points are times *scale*."""
    volume = area = 0.0
    face = np.empty(4)
    x, y, z = scale[1] * scale[2], scale[0] * scale[2], scale[0] * scale[1]
    for f in range(faces.shape[0]):
        set_plane(face, points[faces[f, 0]], points[faces[f, 1]], points[faces[f, 2]])
        volume += face[3]  # a whole number
        area += math.sqrt((face[0] * x) ** 2 + (face[1] * y) ** 2 + (face[2] * z) ** 2)
    return volume / 6.0 * scale[0] * scale[1] * scale[2], area / 2.0


@njit(cache=True, nogil=True)
def _line_ends(padded: npt.NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """Lowest and highest vertex (k) of the mesh on each line (i, j), in half voxels."""
    ni, nj = padded.shape[:2]
    lowest = np.full((2 * ni, 2 * nj), NONE)
    highest = np.full((2 * ni, 2 * nj), NONE)
    for i in range(ni):
        for j in range(nj):
            first, last = _differ(padded, (i, j), (0, 0))  # the rim is outside
            if last != NONE:
                lowest[2 * i, 2 * j], highest[2 * i, 2 * j] = 2 * first - 1, 2 * last + 1
            for di, dj in ((1, 0), (0, 1)):
                if i + di < ni and j + dj < nj:
                    first, last = _differ(padded, (i, j), (i + di, j + dj))
                    if last != NONE:
                        lowest[2 * i + di, 2 * j + dj] = 2 * first
                        highest[2 * i + di, 2 * j + dj] = 2 * last
    return lowest, highest


@njit(cache=True, nogil=True)
def _differ(
    padded: npt.NDArray[np.bool_], one: tuple[int, int], other: tuple[int, int]
) -> tuple[int, int]:
    """First and last place where two lines differ, or twice NONE."""
    (i, j), (m, n) = one, other
    size = padded.shape[2]
    first = 0
    while first < size and padded[i, j, first] == padded[m, n, first]:
        first += 1
    if first == size:
        return NONE, NONE
    last = size - 1
    while padded[i, j, last] == padded[m, n, last]:
        last -= 1
    return first, last


@njit(cache=True, nogil=True)
def _keep_extreme(lowest: Ints, highest: Ints) -> None:
    """Leave, in each plane of the first axis, only the corners of its convex hull."""
    planes, lines = lowest.shape
    chain = np.empty(lines, dtype=np.int64)
    for plane in range(planes):
        for ends, sign in ((lowest[plane], 1), (highest[plane], -1)):
            size = 0
            for v in range(lines):
                if ends[v] == NONE:
                    continue
                while size >= 2:
                    a, b = chain[size - 2], chain[size - 1]
                    turn = (b - a) * (ends[v] - ends[a]) - (v - a) * (ends[b] - ends[a])
                    if sign * turn > 0:
                        break
                    ends[b] = NONE
                    size -= 1
                chain[size] = v
                size += 1


@njit(cache=True, nogil=True)
def _longest(points: Floats) -> float:
    longest = 0.0
    for a in range(points.shape[0]):
        for b in range(a):
            x = points[a, 0] - points[b, 0]
            y = points[a, 1] - points[b, 1]
            z = points[a, 2] - points[b, 2]
            longest = max(longest, x * x + y * y + z * z)
    return math.sqrt(longest)
