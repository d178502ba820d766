"""What encloses a lesion: ellipsoids and the least box about its convex hull.

References
----------
.. [1] IBSI reference manual 3.1.19 to 3.1.29, arXiv:1612.07003.
.. [2] Moshtagh, Minimum volume enclosing ellipsoids, 2005.
.. [3] Chan and Tan, Comput Aided Des 33:589, 2001: least boxes.
.. [4] Sun and Freund, Oper Res 52:690, 2004: least ellipsoids by interior points.
.. [5] Harman and Pronzato, Stat Probab Lett 77:90, 2007: corners that need no weight.
"""

import math
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from numba import njit

from operandi.imaging.radiomics.convex_hull import Hull

Floats: TypeAlias = npt.NDArray[np.float64]

TERMS: Final = 20
"""Last order of the Legendre series for an ellipsoid's area: as IBSI asks."""

GAP: Final = 1e-10
"""How far out, relatively, a corner may lie before the least ellipsoid is scaled to hold all."""

CENTERING: Final = 0.1
"""By how much a step is to lessen the gap."""

OCTAGON: Final = (
    (1.0, 0.0), (1.0, 1.0), (0.0, 1.0), (-1.0, 1.0),
    (-1.0, 0.0), (-1.0, -1.0), (0.0, -1.0), (1.0, -1.0),
)  # fmt: skip
"""Directions in which points of a plane are extreme, counter-clockwise."""


def ellipsoid_area(a: float, b: float, c: float) -> float:
    """Surface of an ellipsoid by IBSI's Legendre series up to order 20.

    ``4 pi a b sum_n (alpha beta)^n / (1 - 4 n^2) P_n((alpha^2 + beta^2) / (2 alpha beta))``, with
    ``alpha^2 = 1 - b^2 / a^2`` and ``beta^2 = 1 - c^2 / a^2`` as the manual prints them. The terms
    are polynomials of alpha^2 and beta^2, so equal axes need no division by 0.

    The likely mistake: this is not quite an ellipsoid's surface. The series would be exact with
    ``1 - c^2 / a^2`` and ``1 - c^2 / b^2``; as printed it is some per cent off (4 % for the digital
    phantom). IBSI's reference values follow the printed form, and so does this.

    Parameters
    ----------
    a, b, c : float
        Semi-axes in falling order, mm; a and b > 0.

    Returns
    -------
    float
        mm^2.
    """
    alpha, beta = 1.0 - (b / a) ** 2, 1.0 - (c / a) ** 2
    middle, product = (alpha + beta) / 2.0, alpha * beta
    before, term = 0.0, 1.0  # (alpha beta)^n P_n for n - 1 and n
    total = 1.0
    for n in range(TERMS):
        before, term = term, ((2 * n + 1) * middle * term - n * product * before) / (n + 1)
        total += term / (1 - 4 * (n + 1) ** 2)
    return 4.0 * math.pi * a * b * total


def least_ellipsoid(hull: Hull) -> tuple[float, float]:
    """Volume and area of the least ellipsoid that holds the hull.

    Parameters
    ----------
    hull : Hull

    Returns
    -------
    tuple of float
        mm^3 and mm^2, to nine digits.
    """
    points = hull.vertices
    weights = _corner_weights((points - points.mean(axis=0)) / np.ptp(points, axis=0))
    about = points - weights @ points
    shape = np.linalg.inv((about.T * weights) @ about) / 3
    shape /= np.einsum("pi,ij,pj->p", about, shape, about).max()  # so that it holds all corners
    a, b, c = 1.0 / np.sqrt(np.linalg.eigvalsh(shape))
    return 4.0 / 3.0 * math.pi * float(a * b * c), ellipsoid_area(float(a), float(b), float(c))


@njit(cache=True, nogil=True)
def _corner_weights(points: Floats) -> Floats:
    """Weights u of corners q = (x, y, z, 1) whose covariance is the least ellipsoid's.

    They maximize ``log det sum u q q'``; then every corner has ``q' (sum u q q')^-1 q <= 4``, and
    those with weight have 4 (see reference [2]). Newton's method solves this with slack z for the
    inequality and u z = mu for ever smaller mu (interior points, reference [4]). The matrix of a
    step is a diagonal plus one of rank 10, so a step takes time in proportion to the corners.
    Corners that can have no weight any more (reference [5]) are dropped.
    """
    n = points.shape[0]
    kept = np.arange(n)
    now = np.ones((2, n))
    u, z = now
    u /= n
    g, terms = np.empty(n), np.empty((n, 10))
    for _ in range(60):
        _distances(points, kept[:n], u, g, terms)
        total = gap = farthest = 0.0
        for p in range(n):
            total += u[p]
            gap += u[p] * z[p]
            farthest = max(farthest, g[p])
        excess = farthest * total / 4.0 - 1.0
        if excess < GAP:
            break
        least = 1.0 + excess / 2.0 - math.sqrt(excess * (3.0 + excess)) / 2.0
        du, dz = _newton_step(now[:, :n], g, terms, CENTERING * gap / n)
        length = 1.0
        for p in range(n):
            if du[p] < 0.0:
                length = min(length, -0.95 * u[p] / du[p])
            if dz[p] < 0.0:
                length = min(length, -0.95 * z[p] / dz[p])
        size = 0
        for p in range(n):
            if g[p] * total < 4.0 * least - 1e-9:
                continue
            kept[size] = kept[p]
            u[size], z[size] = u[p] + length * du[p], z[p] + length * dz[p]
            size += 1
        n = size
    weights = np.zeros(points.shape[0])
    for p in range(n):
        weights[kept[p]] = u[p]
    weights /= weights.sum()
    return weights


@njit(cache=True, nogil=True)
def _distances(
    points: Floats, kept: npt.NDArray[np.int64], u: Floats, g: Floats, terms: Floats
) -> None:
    """Distances g of corners in the ellipsoid, and the ten products whose dots are its squares."""
    moments = np.zeros((4, 4))
    for p, at in enumerate(kept):
        x, y, z = points[at]
        w = u[p]
        moments[0, 0] += w * x * x
        moments[1, 0] += w * x * y
        moments[1, 1] += w * y * y
        moments[2, 0] += w * x * z
        moments[2, 1] += w * y * z
        moments[2, 2] += w * z * z
        moments[3, 0] += w * x
        moments[3, 1] += w * y
        moments[3, 2] += w * z
        moments[3, 3] += w
    _factor(moments)
    root = math.sqrt(2.0)
    for p, at in enumerate(kept):
        x, y, z = points[at]
        a = x / moments[0, 0]
        b = (y - moments[1, 0] * a) / moments[1, 1]
        c = (z - moments[2, 0] * a - moments[2, 1] * b) / moments[2, 2]
        d = (1.0 - moments[3, 0] * a - moments[3, 1] * b - moments[3, 2] * c) / moments[3, 3]
        g[p] = a * a + b * b + c * c + d * d
        t = terms[p]
        t[0], t[1], t[2], t[3] = a * a, b * b, c * c, d * d
        t[4], t[5], t[6] = root * a * b, root * a * c, root * a * d
        t[7], t[8], t[9] = root * b * c, root * b * d, root * c * d


@njit(cache=True, nogil=True)
def _newton_step(now: Floats, g: Floats, terms: Floats, mu: float) -> Floats:
    """Solve for the step in u and z (Woodbury's identity)."""
    u, z = now
    n = u.size
    step = np.empty((2, n))
    du, dz = step
    matrix, right = np.eye(10), np.zeros(10)
    for p in range(n):
        w = u[p] / z[p]
        du[p] = (mu / u[p] - 4.0 + g[p]) * w
        for r in range(10):
            t = terms[p, r]
            right[r] += t * du[p]
            for c in range(10):
                matrix[r, c] += w * t * terms[p, c]
    _factor(matrix)
    for r in range(10):
        for c in range(r):
            right[r] -= matrix[r, c] * right[c]
        right[r] /= matrix[r, r]
    for r in range(9, -1, -1):
        for c in range(r + 1, 10):
            right[r] -= matrix[c, r] * right[c]
        right[r] /= matrix[r, r]
    for p in range(n):
        along = 0.0
        for r in range(10):
            along += terms[p, r] * right[r]
        du[p] -= u[p] / z[p] * along
        dz[p] = mu / u[p] - z[p] - z[p] / u[p] * du[p]
    return step


@njit(cache=True, nogil=True)
def _factor(matrix: Floats) -> None:
    """Cholesky's lower triangle, in place."""
    for c in range(matrix.shape[0]):
        for r in range(c, matrix.shape[0]):
            total = matrix[r, c]
            for k in range(c):
                total -= matrix[r, k] * matrix[c, k]
            matrix[r, c] = math.sqrt(total) if r == c else total / matrix[c, c]


def least_box(hull: Hull) -> tuple[float, float]:
    """Volume and area of the least box that holds the hull, at any angle.

    From three starts (the image's axes, axes along the diagonal of a cube, the principal axes of
    the corners) the box is turned about whichever of its axes gains most, to the least rectangle
    around the corners seen along that axis, until no turn gains. Each such rectangle is exact; the
    box is the least of those reached, as in reference [3], and never larger than the axis-aligned.

    Parameters
    ----------
    hull : Hull

    Returns
    -------
    tuple of float
        mm^3 and mm^2.
    """
    spread = hull.vertices - hull.vertices.mean(axis=0)
    diagonal = np.array([[1, 1, 1], [1, -1, 0], [1, 1, -2]]) / np.sqrt([[3], [2], [6]])
    starts = np.array([np.eye(3), diagonal, np.linalg.eigh(spread.T @ spread)[1].T])
    a, b, c = _turned(hull.vertices, starts)
    return float(a * b * c), float(2.0 * (a * b + a * c + b * c))


@njit(cache=True, nogil=True)
def _turned(points: Floats, starts: Floats) -> Floats:
    """Sides of the least box reached from any start; a start's rows are the box's axes."""
    least = np.inf
    best = np.zeros(3)
    for start in range(starts.shape[0]):
        axes = starts[start].copy()
        seen, sides = _seen(points, axes)
        turned = -1  # about this axis the box is the least already
        for _ in range(20):
            gain, about, angle = 1e-9, -1, 0.0
            for axis in range(3):
                if axis == turned:
                    continue
                u, v = (axis + 1) % 3, (axis + 2) % 3
                area, turn = _least_rectangle(seen[u], seen[v])
                if 1.0 - area / (sides[u] * sides[v]) > gain:
                    gain, about, angle = 1.0 - area / (sides[u] * sides[v]), axis, turn
            if about < 0:
                break
            turned = about
            u, v = (about + 1) % 3, (about + 2) % 3
            cosine, sine = np.cos(angle), np.sin(angle)
            for d in range(3):
                first, second = axes[u, d], axes[v, d]
                axes[u, d] = cosine * first + sine * second
                axes[v, d] = cosine * second - sine * first
            seen, sides = _seen(points, axes)
        volume = sides[0] * sides[1] * sides[2]
        if volume < least:
            least, best = volume, sides
    return best


@njit(cache=True, nogil=True)
def _seen(points: Floats, axes: Floats) -> tuple[Floats, Floats]:
    """Coordinates (axis, point) along a box's axes, and the box's sides."""
    n = points.shape[0]
    seen, sides = np.empty((3, n)), np.empty(3)
    for axis in range(3):
        low, high = np.inf, -np.inf
        for p in range(n):
            along = 0.0
            for d in range(3):
                along += axes[axis, d] * points[p, d]
            seen[axis, p] = along
            low, high = min(low, along), max(high, along)
        sides[axis] = high - low
    return seen, sides


@njit(cache=True, nogil=True)
def _least_rectangle(x: Floats, y: Floats) -> tuple[float, float]:
    """Area and angle of the least rectangle around points: one side lies on the convex hull's."""
    hull = _outline(x, y)
    size = hull.size
    least, angle = np.inf, 0.0
    for e in range(size):
        head = hull[(e + 1) % size]
        dx, dy = x[head] - x[hull[e]], y[head] - y[hull[e]]
        length = np.sqrt(dx * dx + dy * dy)
        if length == 0.0:
            continue
        dx, dy = dx / length, dy / length
        lu = lv = np.inf
        hu = hv = -np.inf
        for f in range(size):
            u = dx * x[hull[f]] + dy * y[hull[f]]
            v = dx * y[hull[f]] - dy * x[hull[f]]
            lu, hu, lv, hv = min(lu, u), max(hu, u), min(lv, v), max(hv, v)
        area = (hu - lu) * (hv - lv)
        if area < least:
            least, angle = area, np.arctan2(dy, dx)
    return least, angle


@njit(cache=True, nogil=True)
def _outline(x: Floats, y: Floats) -> npt.NDArray[np.int64]:
    """Convex hull of points in a plane, by a monotone chain; ends where it starts."""
    order = _outer(x, y)
    _sort(order, x)
    n = order.size
    hull = np.empty(2 * n + 2, dtype=np.int64)
    size = 0
    for half in range(2):
        floor = size + 1
        for t in range(n):
            p = order[t] if half == 0 else order[n - 1 - t]
            while size > floor:
                a, b = hull[size - 2], hull[size - 1]
                if (x[b] - x[a]) * (y[p] - y[a]) - (x[p] - x[a]) * (y[b] - y[a]) > 0:
                    break
                size -= 1
            hull[size] = p
            size += 1
    return hull[:size]


@njit(cache=True, nogil=True)
def _outer(x: Floats, y: Floats) -> npt.NDArray[np.int64]:
    """Points not within the octagon of those extreme along axes and diagonals."""
    ends = np.zeros(8, dtype=np.int64)  # counter-clockwise
    for e, (along_x, along_y) in enumerate(OCTAGON):
        most = -np.inf
        for p in range(x.size):
            along = along_x * x[p] + along_y * y[p]
            if along > most:
                ends[e], most = p, along
    within = np.ones(x.size, dtype=np.bool_)
    margin = 1e-9 * (x[ends[0]] - x[ends[4]]) * (y[ends[2]] - y[ends[6]])
    for e in range(8):
        a, b = ends[e], ends[(e + 1) % 8]
        if a == b:
            continue
        ux, uy = x[b] - x[a], y[b] - y[a]
        for p in range(x.size):
            within[p] &= ux * (y[p] - y[a]) - uy * (x[p] - x[a]) > margin
    return np.flatnonzero(~within)


@njit(cache=True, nogil=True)
def _sort(order: npt.NDArray[np.int64], x: Floats) -> None:
    """Sort points by Shell's gaps: NumPy's sort would take Numba seconds to compile."""
    for gap in (301, 132, 57, 23, 10, 4, 1):
        for t in range(gap, order.size):
            p, place = order[t], t
            while place >= gap and x[order[place - gap]] > x[p]:
                order[place] = order[place - gap]
                place -= gap
            order[place] = p
