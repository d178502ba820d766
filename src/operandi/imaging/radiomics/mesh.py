"""A mask's surface by marching cubes: volume and area from how often each cell occurs.

A cell is the cube between eight voxel centers. Its corners are in or out, so there are 256 cells,
each with the same piece of surface wherever it lies: one pass counts cells, and volume and area are
two dot products. The surface at 0.5 cuts edges in their middles.

The table is derived, not typed: on each face of the cube, inside corners that touch by the face's
diagonal are joined (as Lewiner's tables have it, which most IBSI references use); of the
triangulations of a polygon those of largest area at cubic voxels count, equal ones by their mean.
Thus turning or mirroring a mask changes neither volume nor area.

References
----------
.. [1] Lorensen and Cline, Comput Graph 21:163, 1987.
.. [2] Lewiner et al., J Graph Tools 8:1, 2003.
.. [3] IBSI reference manual 2.9 and 3.1, arXiv:1612.07003.
"""

import functools
import itertools
import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from numba import njit

Floats: TypeAlias = npt.NDArray[np.float64]
Edge: TypeAlias = tuple[int, int]
Loop: TypeAlias = list[Edge]
Triangles: TypeAlias = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True, eq=False)
class CellTable:
    """Surface of the 256 cells, for voxels of unit size.

    Parameters
    ----------
    volume : float array, (256,)
        Volume inside.
    cell : int array, (n,)
        To which cell a triangle belongs.
    normal : float array, (n, 3)
        A triangle's area vector, outward.
    weight : float array, (n,)
        1 over the number of triangulations that share its polygon.
    """

    volume: Floats
    cell: npt.NDArray[np.int64]
    normal: Floats
    weight: Floats


def mesh_volume_area(
    inside: npt.NDArray[np.bool_], spacing_mm: tuple[float, float, float]
) -> tuple[float, float]:
    """Volume (IBSI RNU0) and surface area (IBSI C0JK) of the mesh around a mask.

    Parameters
    ----------
    inside : bool array, (i, j, k)
        Outside its box nothing is inside.
    spacing_mm : tuple of float

    Returns
    -------
    tuple of float
        mm^3 and mm^2.
    """
    counts = _cell_counts(np.pad(inside, 1).view(np.uint8))
    volume = float(counts @ cell_table().volume) * math.prod(spacing_mm)
    return volume, float(counts @ _cell_areas(spacing_mm))


@functools.lru_cache(maxsize=64)
def _cell_areas(spacing_mm: tuple[float, float, float]) -> Floats:
    """Area of the 256 cells, mm^2."""
    table = cell_table()
    si, sj, sk = spacing_mm
    lengths = np.linalg.norm(table.normal * np.array([sj * sk, si * sk, si * sj]), axis=1)
    areas = np.bincount(table.cell, weights=table.weight * lengths, minlength=256)
    return areas.astype(np.float64)


@njit(cache=True, nogil=True)
def _cell_counts(padded: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """How often each cell occurs; bit i + 2 j + 4 k of a cell is corner (i, j, k)."""
    ni, nj, nk = padded.shape
    counts = np.zeros(256, dtype=np.int64)
    for i in range(ni - 1):
        for j in range(nj - 1):
            a, b = padded[i, j], padded[i + 1, j]
            c, d = padded[i, j + 1], padded[i + 1, j + 1]
            cell = a[0] | b[0] << 1 | c[0] << 2 | d[0] << 3
            for k in range(1, nk):
                upper = a[k] | b[k] << 1 | c[k] << 2 | d[k] << 3
                counts[cell | upper << 4] += 1
                cell = upper
    return counts


@functools.cache
def cell_table() -> CellTable:
    """The surface of each of the 256 cells; derived once a process (some 50 ms)."""
    volume = np.zeros(256)
    cells: list[int] = []
    normals: list[Floats] = []
    weights: list[float] = []
    for cell in range(256):
        volume[cell] = _share_of_top(cell)
        for loop in _loops(cell):
            points = np.array([(_corner(a) + _corner(b)) / 2 for a, b in loop])
            best = _largest(points)
            for a, b, c in itertools.chain.from_iterable(best):
                normal = np.cross(points[c] - points[a], points[b] - points[a]) / 2
                height = (points[a] + points[b] + points[c])[2] / 3
                # Gauss' theorem for the field (0, 0, k), whose divergence is 1.
                volume[cell] += height * normal[2] / len(best)
                cells.append(cell)
                normals.append(normal)
                weights.append(1 / len(best))
    return CellTable(volume, np.array(cells), np.array(normals), np.array(weights))


def _corner(index: int) -> Floats:
    return np.array([index & 1, index >> 1 & 1, index >> 2 & 1], dtype=np.float64)


@functools.cache
def _faces() -> tuple[tuple[int, int, int, int], ...]:
    """Corners of the cube's faces, counter-clockwise seen from outside."""
    faces = []
    for axis in range(3):
        u, v = 1 << (axis + 1) % 3, 1 << (axis + 2) % 3
        faces.append((1 << axis, 1 << axis | u, 1 << axis | u | v, 1 << axis | v))
        faces.append((0, v, u | v, u))
    return tuple(faces)


def _loops(cell: int) -> list[Loop]:
    """Closed polygons in which the surface cuts the cube, by the edges they pass."""
    following: dict[Edge, Edge] = {}
    for face in _faces():
        inside = [cell >> corner & 1 for corner in face]
        for at in range(4):
            if not (inside[at] and not inside[(at + 1) % 4]):
                continue
            # From where the face's outline leaves the inside to where it comes back: this cuts
            # outside corners off, so that inside corners of a diagonal stay joined.
            back = next(at + n for n in range(1, 4) if inside[(at + n + 1) % 4])
            leaves = _edge(face[at], face[(at + 1) % 4])
            following[leaves] = _edge(face[back % 4], face[(back + 1) % 4])
    loops: list[Loop] = []
    while following:
        start, edge = following.popitem()
        loop = [start]
        while edge != start:
            loop.append(edge)
            edge = following.pop(edge)
        loops.append(loop)
    return loops


def _edge(a: int, b: int) -> Edge:
    return min(a, b), max(a, b)


def _share_of_top(cell: int) -> float:
    """Area inside on the cube's face k = 1."""
    inside = [bool(cell >> corner & 1) for corner in (4, 5, 7, 6)]
    if sum(inside) == 2:
        return 0.75 if inside[0] == inside[2] else 0.5
    return (0.0, 0.125, 0.0, 0.875, 1.0)[sum(inside)]


@functools.cache
def _triangulations(first: int, last: int) -> tuple[Triangles, ...]:
    """All triangulations of the polygon of points *first* to *last*."""
    if last - first < 2:
        return ((),)
    return tuple(
        (*left, *right, (first, apex, last))
        for apex in range(first + 1, last)
        for left in _triangulations(first, apex)
        for right in _triangulations(apex, last)
    )


def _largest(points: Floats) -> list[Triangles]:
    """Return the triangulations of a closed polygon that have the largest area."""
    size = len(points)
    area = np.zeros((size, size, size))
    for a, b, c in itertools.combinations(range(size), 3):
        cross = np.cross(points[b] - points[a], points[c] - points[a])
        area[a, b, c] = np.linalg.norm(cross) / 2
    options = _triangulations(0, size - 1)
    totals = [sum(float(area[triangle]) for triangle in option) for option in options]
    highest = max(totals)
    return [o for o, total in zip(options, totals, strict=True) if total > highest - 1e-9]
