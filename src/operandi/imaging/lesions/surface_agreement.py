"""Surface Dice: how much of two surfaces lies close to the other; and how far they lie apart."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from operandi.domain.grid import Grid
from operandi.quantities.errors import DataError

Array = npt.NDArray[np.float64]

_SLACK_MM = 1e-6
"""A shift by exactly the tolerance is within it, whatever the last bit says."""


def surface_dice(
    truth: npt.NDArray[np.bool_],
    found: npt.NDArray[np.bool_],
    *,
    grid: Grid,
    tolerance_mm: float,
) -> float | None:
    """Share of both surfaces, by area, that lies within a distance of the other one.

    A surface is made of the voxel faces between inside and outside, each with its area and its
    center in patient space, so that anisotropic, oblique and sheared grids are right. Distances
    are taken between centers of faces: to half a face's diagonal. Areas of a voxel staircase are
    larger than those of a smooth surface, in both surfaces alike; the number is not comparable
    with one from smoothed surfaces (Nikolov) or from border voxels (panoptica).

    Parameters
    ----------
    truth, found : bool array, (i, j, k)
        All lesions. The border of the image closes them.
    grid : Grid
        Of both.
    tolerance_mm : float, >= 0
        Distance that counts as agreeing, mm.

    Returns
    -------
    float or None
        None where the truth is empty; 0 where only the other is.

    References
    ----------
    .. [1] Nikolov et al., J Med Internet Res 23:e26151, 2021.
    """
    if not 0.0 <= tolerance_mm < math.inf:
        raise DataError(f"A tolerance is a distance >= 0 mm; found {tolerance_mm:g}.")
    if not truth.any():
        return None
    if not found.any():
        return 0.0
    centers, areas = _faces(truth, grid)
    centers_found, areas_found = _faces(found, grid)
    near = _near(centers, to=centers_found, within_mm=tolerance_mm)
    near_found = _near(centers_found, to=centers, within_mm=tolerance_mm)
    agreeing = math.fsum(areas[near]) + math.fsum(areas_found[near_found])
    return agreeing / (math.fsum(areas) + math.fsum(areas_found))


def _faces(inside: npt.NDArray[np.bool_], grid: Grid) -> tuple[Array, Array]:
    """Centers (face, 3), mm, and areas (face,), mm2, of the faces around a mask."""
    steps = grid.affine[:3, :3]
    centers, areas = [], []
    for axis in range(3):
        one, other = (n for n in range(3) if n != axis)
        area = float(np.linalg.norm(np.cross(steps[:, one], steps[:, other])))
        width = [(1, 1) if n == axis else (0, 0) for n in range(3)]
        between = np.diff(np.pad(inside, width).astype(np.int8), axis=axis) != 0
        indices = np.argwhere(between).astype(np.float64)
        indices[:, axis] -= 0.5
        centers.append(grid.position_of(indices))
        areas.append(np.full(len(indices), area))
    return np.concatenate(centers), np.concatenate(areas)


def _near(points: Array, *, to: Array, within_mm: float) -> npt.NDArray[np.bool_]:
    reach = within_mm + _SLACK_MM
    distance, _ = cKDTree(to).query(points, distance_upper_bound=reach * (1.0 + 1e-9))
    return np.asarray(distance <= reach)


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceDistance:
    """How far two surfaces lie apart, mm.

    Parameters
    ----------
    mean_mm : float
        Over both surfaces, weighted by area.
    percentile_95_mm, largest_mm : float
        Of the same distances.
    """

    mean_mm: float
    percentile_95_mm: float
    largest_mm: float


def surface_distance(
    one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_], *, grid: Grid
) -> SurfaceDistance | None:
    """Distances from each voxel face of one surface to the nearest of the other, both ways.

    Parameters
    ----------
    one, other : bool array, (i, j, k)
        Two masks of one lesion.
    grid : Grid
        Of both.

    Returns
    -------
    SurfaceDistance or None
        None where one of them is empty.
    """
    if not one.any() or not other.any():
        return None
    (centers, areas), (others, other_areas) = _faces(one, grid), _faces(other, grid)
    apart = np.concatenate(
        [
            np.asarray(cKDTree(others).query(centers)[0], dtype=np.float64),
            np.asarray(cKDTree(centers).query(others)[0], dtype=np.float64),
        ]
    )
    weights = np.concatenate([areas, other_areas])
    order = np.argsort(apart, kind="stable")
    reached = np.cumsum(weights[order]) >= 0.95 * weights.sum() * (1.0 - 1e-12)
    return SurfaceDistance(
        mean_mm=math.fsum(apart * weights) / math.fsum(weights),
        percentile_95_mm=float(apart[order][int(reached.argmax())]),
        largest_mm=float(apart.max()),
    )
