"""What a wrong map of attenuation does to a PET: maps as scanners make them, and their effect.

A pair of photons flies along a whole line, so the data of a line are multiplied by
``w = exp(integral of (used - true))`` and what is reconstructed is the image that those data
belong to. This is computed by filtered back-projection, slice by slice: the part that varies
smoothly on a coarse grid, the factor at each place on the grid of the image.

Scatter, whose correction depends on the map as well, is left out.

References
----------
.. [1] Martinez-Moeller et al., J Nucl Med 50:520, 2009: four classes (background, lung, fat, soft
   tissue); bone lesions change by 8 +- 3 %.
.. [2] Paulus et al., J Nucl Med 56:1061, 2015: bony tissue -25.5 +- 7.9 % without bone, -4.9 +-
   6.7 % with a bone model (figures as in the project's survey of PET-MR).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from numba import njit

from operandi.domain.grid import Grid
from operandi.quantities.errors import DataError
from operandi.simulation.emission.projection import (
    mean_over_views,
    project,
    reconstruct,
    view_angles,
)
from operandi.simulation.scenes.painting import Array, Occupancy
from operandi.simulation.scenes.scene import Point, Tissue

Classes = Literal["exact", "4-class", "5-class"]

SOFT_PER_CM: Final = 0.1000
"""Class of soft tissue at 511 keV; recalled of the Biograph mMR, no source seen."""

FAT_PER_CM: Final = 0.0854
"""Class of fat; recalled as above."""

LUNG_PER_CM: Final = 0.0224
"""Class of lung, whose truth is rather 0.0255: measured -12 % in lung (survey of PET-MR)."""

COARSE_MM: Final = (4.0, 8.0)
"""About the voxel, in a slice and along z, of the grid on which lines are drawn."""

VIEWS: Final = 63

_BONE: Final = ("bone_cortex", "bone_marrow")
_BONE_FROM_PER_CM: Final = 0.104  # assumed: a lesion denser than this shows in a bone model
_MM_PER_CM: Final = 10.0
_RELATIVE_FLOOR: Final = np.float32(0.01)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttenuationErrors:
    """How a map of attenuation is wrong.

    Parameters
    ----------
    classes : {"exact", "4-class", "5-class"}
        Constants by class of tissue; 4-class takes bone for soft tissue, 5-class knows it exactly.
    truncated_mm : float, optional
        The map is empty beyond this radius about the scanner's axis (x = y = 0).
    void : (Point, float), optional
        Center and radius, mm, of a sphere in which MR saw nothing and the map is empty.
    inversion : bool
        Fat and water were swapped.
    """

    classes: Classes = "exact"
    truncated_mm: float | None = None
    void: tuple[Point, float] | None = None
    inversion: bool = False

    def __post_init__(self) -> None:
        radii = [self.truncated_mm, self.void[1] if self.void else None]
        if any(radius is not None and not radius > 0.0 for radius in radii):
            raise DataError(
                f"truncated_mm and the radius of a void must be above 0 mm, not {radii}.",
                remedy="Leave out what does not occur.",
            )


def true_map(occupancy: Occupancy, tissues: Mapping[str, Tissue]) -> Array:
    """Attenuation of what was painted, 1/cm."""
    return occupancy.image({key: tissue.mu_per_cm for key, tissue in tissues.items()})


def used_map(
    occupancy: Occupancy, tissues: Mapping[str, Tissue], *, errors: AttenuationErrors
) -> Array:
    """Attenuation as the scanner takes it to be, 1/cm."""
    used = occupancy.image(
        {key: _assigned(key, tissue.mu_per_cm, errors) for key, tissue in tissues.items()}
    )
    x, y, z = centers(occupancy.grid)
    if errors.truncated_mm is not None:
        used[np.hypot(x[:, None], y[None, :]) > errors.truncated_mm] = 0.0
    if errors.void is not None:
        (x0, y0, z0), radius = errors.void
        square = (x - x0)[:, None, None] ** 2 + (y - y0)[None, :, None] ** 2 + (z - z0) ** 2
        used[square < radius**2] = 0.0
    return used


def _assigned(key: str, mu_per_cm: float, errors: AttenuationErrors) -> float:
    if key == "lung":
        return mu_per_cm if errors.classes == "exact" else LUNG_PER_CM
    if errors.inversion:
        return SOFT_PER_CM if key == "fat" else FAT_PER_CM
    bone = key in _BONE or mu_per_cm > _BONE_FROM_PER_CM
    if errors.classes == "exact" or (errors.classes == "5-class" and bone):
        return mu_per_cm
    # Gas in the gut is small and moves; segmentation is assumed to fill it.
    return FAT_PER_CM if key == "fat" else SOFT_PER_CM


def disturbed(
    activity: Array,
    grid: Grid,
    *,
    mu_true: Array,
    mu_used: Array,
    coarse_mm: tuple[float, float] = COARSE_MM,
) -> Array:
    """Image of *activity* that is reconstructed with a wrong map of attenuation.

    ``f m + (B(p w) - m B(p))``: *p* are line integrals of activity *f*, *B* reconstructs, *w* is
    the error of a line and *m* its mean over the lines through a place. The first term keeps the
    sharpness of the image; the second, what neighbors put into one another, is smooth.

    Parameters
    ----------
    activity : (i, j, k)
        Before any blur.
    grid : Grid
        Axes along the patient's, square voxels in a slice.
    mu_true, mu_used : (i, j, k)
        1/cm.
    coarse_mm : (float, float)
        As ``COARSE_MM``.

    Returns
    -------
    (i, j, k), >= 0
        Unit of *activity*.
    """
    spacing = grid.spacing_mm
    if not math.isclose(spacing[0], spacing[1], rel_tol=1e-6):
        raise DataError(
            f"attenuation needs square voxels in a slice, not {spacing[0]} x {spacing[1]} mm.",
            remedy="Simulate PET on a grid with equal spacing along x and y.",
        )
    difference = mu_used - mu_true
    if not difference.any():
        return activity.copy()
    in_slice = max(1, round(coarse_mm[0] / spacing[0]))
    factors = (in_slice, in_slice, max(1, round(coarse_mm[1] / spacing[2])))
    mean, rest = _coarse_effect(
        _block_mean(activity, factors),
        _block_mean(mu_true, factors),
        _block_mean(mu_used, factors),
        width_mm=spacing[0] * factors[0],
    )
    result: Array = _composed(activity, mean, rest, *factors)
    return result


def _coarse_effect(
    activity: Array, mu_true: Array, mu_used: Array, *, width_mm: float
) -> tuple[Array, Array]:
    """The factor at each place, and what is to be added to ``factor * activity``."""
    mean, rest = np.ones_like(activity), np.zeros_like(activity)
    box = _support(activity, mu_true, mu_used)
    angles = view_angles(VIEWS)
    shape = activity[box].shape[:2]

    def lines(volume: Array) -> Array:
        return project(volume[box], spacing_mm=width_mm, angles=angles)

    arrived = np.exp(lines(mu_true) / np.float32(-_MM_PER_CM))
    believed = np.exp(lines(mu_used) / np.float32(-_MM_PER_CM))
    emission = lines(activity)
    error = arrived / believed
    # Maximum likelihood trusts a line by its share of what it measures.
    weight = believed / (emission * error + _RELATIVE_FLOOR * emission.max())
    top = mean_over_views(weight * error, angles=angles, shape=shape)
    mean[box] = top / np.maximum(mean_over_views(weight, angles=angles, shape=shape), 1e-12)

    def image(survival: Array) -> Array:
        return reconstruct(
            emission * arrived, survival, spacing_mm=width_mm, angles=angles, shape=shape
        )

    rest[box] = image(believed) - mean[box] * image(arrived)
    return mean, rest


def _support(*volumes: Array) -> tuple[slice, slice]:
    """Where in a slice there is anything at all."""
    there = np.any([np.any(volume > 0.0, axis=2) for volume in volumes], axis=0)
    box = []
    for axis in (1, 0):
        filled = np.flatnonzero(there.any(axis=axis))
        box.append(slice(int(filled[0]), int(filled[-1]) + 1))
    return box[0], box[1]


def centers(grid: Grid) -> tuple[npt.NDArray[np.float64], ...]:
    """Voxel centers along x, y and z, mm, of a grid whose axes run along the patient's."""
    if np.any(grid.affine[:3, :3] != np.diag(np.diag(grid.affine)[:3])):
        raise DataError(
            "PET is simulated only on grids along the patient's axes.",
            remedy="Use a diagonal affine; the pose turns the person instead.",
        )
    return tuple(
        grid.affine[axis, 3] + grid.affine[axis, axis] * np.arange(grid.shape[axis])
        for axis in range(3)
    )


def _block_mean(volume: Array, factors: tuple[int, int, int]) -> Array:
    """Mean of blocks of voxels; what is missing at the far ends is a copy of the last voxels."""
    mean = volume
    for axis, factor in enumerate(factors):
        if factor == 1:
            continue
        missing = -mean.shape[axis] % factor
        if missing:
            width = [(0, missing if other == axis else 0) for other in range(3)]
            mean = np.pad(mean, width, mode="edge")
        # Sums of slices: ten times as quick as a mean over an axis of two.
        parts = [
            mean[
                tuple(
                    slice(first if a == axis else 0, None, factor if a == axis else 1)
                    for a in range(3)
                )
            ]
            for first in range(factor)
        ]
        mean = sum(parts[1:], start=parts[0]) * np.float32(1.0 / factor)
    return mean


@njit(cache=True)
def _composed(activity: Array, mean: Array, rest: Array, f0: int, f1: int, f2: int) -> Array:
    """``activity * mean + rest`` with both taken from the coarse grid by linear interpolation."""
    result = np.empty_like(activity)
    a, b, c = mean.shape
    for i in range(activity.shape[0]):
        x = min(max((i + 0.5) / f0 - 0.5, 0.0), a - 1.0)
        i0 = min(int(x), max(a - 2, 0))
        i1 = min(i0 + 1, a - 1)
        u = np.float32(x - i0)
        for j in range(activity.shape[1]):
            y = min(max((j + 0.5) / f1 - 0.5, 0.0), b - 1.0)
            j0 = min(int(y), max(b - 2, 0))
            j1 = min(j0 + 1, b - 1)
            v = np.float32(y - j0)
            w00, w01 = (1 - u) * (1 - v), (1 - u) * v
            w10, w11 = u * (1 - v), u * v
            for k in range(activity.shape[2]):
                z = min(max((k + 0.5) / f2 - 0.5, 0.0), c - 1.0)
                k0 = min(int(z), max(c - 2, 0))
                k1 = min(k0 + 1, c - 1)
                t = np.float32(z - k0)
                m0 = (
                    w00 * mean[i0, j0, k0]
                    + w01 * mean[i0, j1, k0]
                    + w10 * mean[i1, j0, k0]
                    + w11 * mean[i1, j1, k0]
                )
                m1 = (
                    w00 * mean[i0, j0, k1]
                    + w01 * mean[i0, j1, k1]
                    + w10 * mean[i1, j0, k1]
                    + w11 * mean[i1, j1, k1]
                )
                r0 = (
                    w00 * rest[i0, j0, k0]
                    + w01 * rest[i0, j1, k0]
                    + w10 * rest[i1, j0, k0]
                    + w11 * rest[i1, j1, k0]
                )
                r1 = (
                    w00 * rest[i0, j0, k1]
                    + w01 * rest[i0, j1, k1]
                    + w10 * rest[i1, j0, k1]
                    + w11 * rest[i1, j1, k1]
                )
                m = m0 + t * (m1 - m0)
                r = r0 + t * (r1 - r0)
                result[i, j, k] = max(activity[i, j, k] * m + r, np.float32(0.0))
    return result
