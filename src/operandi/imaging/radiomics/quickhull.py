"""The convex hull of points at whole numbers, in space and exactly.

References
----------
.. [1] Barber et al., ACM Trans Math Softw 22:469, 1996: quickhull.
"""

from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from numba import njit

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

NONE: Final = -1
"""No point: a list's end, or a triangle that was replaced."""


class Triangles(NamedTuple):
    """The hull as it grows; a named tuple, as Numba knows no dataclass.

    ``corner`` (triangle, 3) are counter-clockwise from outside, ``across`` the triangles over the
    edge from a corner to the next, ``plane`` (triangle, 4) normals and offsets. Each point outside
    is listed with one triangle that sees it, from ``first`` (triangle) by ``following`` (point);
    ``seen`` (triangle) by which point last.
    """

    corner: Ints
    across: Ints
    plane: Floats
    first: Ints
    following: Ints
    seen: Ints


@njit(cache=True, nogil=True)
def hull_faces(points: Floats) -> Ints:
    """Triangles of the convex hull.

    Whole numbers have no rounding error, so that no facet needs a tolerance. The farthest point of
    a list replaces all triangles that see it. A point in a triangle's plane is not seen by it, so a
    facet may be of several triangles.

    Parameters
    ----------
    points : float array, (n, 3)
        Whole numbers below a million or so, not all in one plane.

    Returns
    -------
    int array, (m, 3)
        Corners, counter-clockwise from outside.
    """
    n = points.shape[0]
    most = 2 * n + 8
    hull = Triangles(
        np.empty((most, 3), dtype=np.int64),
        np.empty((most, 3), dtype=np.int64),
        np.empty((most, 4)),
        np.full(most, NONE),
        np.full(n, NONE),
        np.full(most, NONE),
    )
    visible, free, new = np.empty((3, most), dtype=np.int64)
    horizon, orphans = np.empty((most, 3), dtype=np.int64), np.empty(n, dtype=np.int64)
    starts = np.empty(n, dtype=np.int64)
    _simplex(points, hull)
    _list(hull, points, np.arange(n), np.arange(4))
    count, free_count = 4, 0
    f = idle = 0
    while idle < count:
        if hull.first[f] == NONE:
            f, idle = (f + 1) % count, idle + 1
            continue
        idle = 0
        apex = _farthest(hull.plane, f, points, hull.first[f], hull.following)
        visible[0] = f
        seen, edges = _look(hull, points, apex, visible, horizon)
        orphan_count = _unlist(hull, apex, visible[:seen], orphans)
        for v in visible[:seen]:
            free[free_count] = v
            free_count += 1
        for h in range(edges):
            if free_count:
                free_count -= 1
                new[h] = free[free_count]
            else:
                new[h] = count
                count += 1
        _close(hull, points, apex, horizon[:edges], new, starts)
        _list(hull, points, orphans[:orphan_count], new[:edges])
    faces: Ints = hull.corner[:count][hull.corner[:count, 0] != NONE]
    return faces


@njit(cache=True, nogil=True)
def _look(
    hull: Triangles, points: Floats, apex: int, visible: Ints, horizon: Ints
) -> tuple[int, int]:
    """Collect triangles that the apex sees, from the first on, and the edges around them.

    A triangle seen has no corner any more.
    """
    corner, across = hull.corner, hull.across
    size, edges, at = 1, 0, 0
    hull.seen[visible[0]] = apex
    while at < size:
        v = visible[at]
        at += 1
        for e in range(3):
            g = across[v, e]
            if hull.seen[g] == apex:
                continue
            if _above(hull.plane, g, points, apex):
                visible[size], hull.seen[g] = g, apex
                size += 1
            else:
                horizon[edges] = (corner[v, e], corner[v, (e + 1) % 3], g)
                edges += 1
    for v in visible[:size]:
        corner[v, 0] = NONE
    return size, edges


@njit(cache=True, nogil=True)
def _unlist(hull: Triangles, apex: int, visible: Ints, orphans: Ints) -> int:
    """Take all points but the apex off the lists of triangles seen."""
    size = 0
    for v in visible:
        p = hull.first[v]
        while p != NONE:
            if p != apex:
                orphans[size] = p
                size += 1
            p = hull.following[p]
        hull.first[v] = NONE
    return size


@njit(cache=True, nogil=True)
def _close(
    hull: Triangles, points: Floats, apex: int, horizon: Ints, new: Ints, starts: Ints
) -> None:
    """Join the apex to the edges of the horizon by new triangles."""
    for h in range(horizon.shape[0]):
        t = new[h]
        a, b, g = horizon[h]
        hull.corner[t], hull.across[t, 0], starts[a] = (a, b, apex), g, t
        set_plane(hull.plane[t], points[a], points[b], points[apex])
        for e in range(3):
            if hull.corner[g, e] == b:
                hull.across[g, e] = t
    for h in range(horizon.shape[0]):
        after = starts[horizon[h, 1]]
        hull.across[new[h], 1], hull.across[after, 2] = after, new[h]


@njit(cache=True, nogil=True)
def _list(hull: Triangles, points: Floats, which: Ints, triangles: Ints) -> None:
    """List points with the first of triangles that sees them; others are within the hull."""
    for p in which:
        for t in triangles:
            if _above(hull.plane, t, points, p):
                hull.following[p], hull.first[t] = hull.first[t], p
                break


@njit(cache=True, nogil=True)
def _simplex(points: Floats, hull: Triangles) -> None:
    """Four triangles of points far apart: a mesh has volume."""
    corner, across, plane = hull.corner, hull.across, hull.plane
    a = b = c = d = 0
    most = -1.0
    for p in range(points.shape[0]):
        x, y, z = points[p] - points[a]
        if x * x + y * y + z * z > most:
            b, most = p, x * x + y * y + z * z
    face = np.empty(4)
    most = -1.0
    for p in range(points.shape[0]):
        set_plane(face, points[a], points[b], points[p])
        size = face[0] * face[0] + face[1] * face[1] + face[2] * face[2]
        if size > most:
            c, most = p, size
    set_plane(face, points[a], points[b], points[c])
    most = 0.0
    for p in range(points.shape[0]):
        x, y, z = points[p]
        height = face[0] * x + face[1] * y + face[2] * z - face[3]
        if abs(height) > abs(most):
            d, most = p, height
    if most > 0.0:
        b, c = c, b
    corner[0], across[0] = (a, b, c), (1, 2, 3)
    corner[1], across[1] = (b, a, d), (0, 3, 2)
    corner[2], across[2] = (c, b, d), (0, 1, 3)
    corner[3], across[3] = (a, c, d), (0, 2, 1)
    for f in range(4):
        q, r, s = corner[f]
        set_plane(plane[f], points[q], points[r], points[s])


@njit(cache=True, nogil=True)
def set_plane(plane: Floats, a: Floats, b: Floats, c: Floats) -> None:
    """Normal (of twice the triangle's area, outward) and offset."""
    ux, uy, uz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    vx, vy, vz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    plane[0], plane[1], plane[2] = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
    plane[3] = plane[0] * a[0] + plane[1] * a[1] + plane[2] * a[2]


@njit(cache=True, nogil=True)
def _above(plane: Floats, t: int, points: Floats, p: int) -> bool:
    """Tell whether a triangle sees a point (indices, as a slice would cost more than the test)."""
    x, y, z = points[p, 0], points[p, 1], points[p, 2]
    along: float = plane[t, 0] * x + plane[t, 1] * y + plane[t, 2] * z
    return bool(along > plane[t, 3])


@njit(cache=True, nogil=True)
def _farthest(plane: Floats, t: int, points: Floats, first: int, following: Ints) -> int:
    """Point of a list that lies highest above a triangle."""
    farthest, p, most = first, first, -np.inf
    while p != NONE:
        height = (
            plane[t, 0] * points[p, 0] + plane[t, 1] * points[p, 1] + plane[t, 2] * points[p, 2]
        )
        if height > most:
            farthest, most = p, height
        p = following[p]
    return farthest
