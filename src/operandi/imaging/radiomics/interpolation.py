"""Values between voxels: separable, on the voxels needed only, equal to the whole image's.

References
----------
.. [1] IBSI reference manual 2.4 (VTM2): grids aligned by their centers.
.. [2] Unser et al., IEEE Trans Signal Process 41:821, 1993: B-splines that interpolate.
"""

import math
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy import ndimage

from operandi.imaging.radiomics.settings import Interpolation

Floats: TypeAlias = npt.NDArray[np.float64]

SPLINE_REACH: Final = 28
"""Voxels beyond which a cubic B-spline forgets: its pole, 0.268, to this power is 1e-16."""

DENSE: Final = 256
"""Axes up to this many voxels are interpolated by a full matrix, longer ones by filter and taps."""

SPACING_TOLERANCE: Final = 1e-6
"""Spacings are often stored as float32: a grid must not gain a voxel for their last digit."""


def length_after(count: int, spacing_mm: float, target_mm: float) -> int:
    """Voxels along an axis after interpolation: ``ceil(n s / s')`` (IBSI VTM2)."""
    exact = count * spacing_mm / target_mm
    nearest = round(exact)
    if abs(exact - nearest) <= SPACING_TOLERANCE * exact:
        return max(nearest, 1)
    return math.ceil(exact)


def positions_after(count: int, spacing_mm: float, target_mm: float) -> Floats:
    """Where the new voxels of an axis lie, in old voxels; both grids share their center."""
    after = length_after(count, spacing_mm, target_mm)
    step = target_mm / spacing_mm
    positions: Floats = (count - 1) / 2 + (
        np.arange(after, dtype=np.float64) - (after - 1) / 2
    ) * step
    return positions


def interpolate(
    values: npt.NDArray[np.floating] | npt.NDArray[np.bool_],
    positions: tuple[Floats | None, Floats | None, Floats | None],
    method: Interpolation,
) -> Floats:
    """Values at the crossings of three axes' positions.

    Parameters
    ----------
    values : array, (i, j, k)
        The whole image; only the voxels needed are read.
    positions : three arrays, or None
        Increasing fractional indices along each axis; None keeps an axis as it is. Beyond the
        outermost voxels' centers an image continues as its mirror image about them, a mask (of
        bool) as its outermost voxels: what is drawn on the last slice is drawn to its end.
    method : Interpolation

    Returns
    -------
    float64 array, C order
        Equal to interpolating the whole image and then cropping (cubic: to 1e-15 of its range).
    """
    reach = {Interpolation.NEAREST: 1, Interpolation.LINEAR: 1, Interpolation.CUBIC: SPLINE_REACH}
    crop = []
    moved: list[Floats | None] = []
    for count, asked in zip(values.shape, positions, strict=True):
        if asked is None:
            crop.append(slice(0, count))
            moved.append(None)
            continue
        wanted = np.clip(asked, 0, count - 1) if values.dtype == np.bool_ else asked
        first = max(math.floor(wanted[0]) - reach[method], 0)
        last = min(math.floor(wanted[-1]) + 1 + reach[method], count - 1)
        # Positions outside the image mirror back to its inside.
        first = min(first, max(count - 2 - reach[method], 0))
        last = max(last, min(1 + reach[method], count - 1))
        crop.append(slice(first, last + 1))
        moved.append(wanted - first)
    result = np.ascontiguousarray(values[tuple(crop)], dtype=np.float64)
    for axis, places in enumerate(moved):
        if places is not None:
            result = _along(result, axis, places, method)
    return result


def _along(values: Floats, axis: int, positions: Floats, method: Interpolation) -> Floats:
    """Interpolate one axis, so that later axes have only the lines left that they need."""
    count = values.shape[axis]
    offsets: tuple[int, ...]
    if np.array_equal(positions, np.arange(count)):
        return values
    if method is Interpolation.NEAREST:
        below, offsets = np.floor(positions + 0.5).astype(np.int64), (0,)
        weights = np.ones((len(positions), 1))
    elif method is Interpolation.LINEAR:
        below = np.floor(positions).astype(np.int64)
        t = positions - below
        offsets, weights = (0, 1), np.stack([1 - t, t], axis=1)
    else:
        below = np.floor(positions).astype(np.int64)
        t = positions - below
        offsets = (-1, 0, 1, 2)
        weights = np.stack(
            [(1 - t) ** 3, 4 - 6 * t**2 + 3 * t**3, 1 + 3 * t + 3 * t**2 - 3 * t**3, t**3], axis=1
        )
        weights /= 6
    taps = _mirrored(below[:, None] + np.array(offsets), count)
    before = math.prod(values.shape[:axis])
    lines = np.ascontiguousarray(values).reshape(before, count, -1)
    shape = (*values.shape[:axis], len(positions), *values.shape[axis + 1 :])
    if method is Interpolation.CUBIC and count > 1:  # a single voxel is its own spline
        if count <= DENSE:
            # Filter and sampling in one matrix: what a lesion needs is quickest multiplied out.
            spline = ndimage.spline_filter1d(np.eye(count), order=3, axis=0, mode="mirror")
            matrix = np.zeros((len(positions), count))
            for tap, weight in zip(taps.T, weights.T, strict=True):
                matrix += weight[:, None] * spline[tap]
            result: Floats = np.matmul(matrix, lines).reshape(shape)
            return result
        lines = ndimage.spline_filter1d(lines, order=3, axis=1, mode="mirror")
    return _weighted(lines, taps, np.ascontiguousarray(weights)).reshape(shape)


def _mirrored(indices: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.int64]:
    """Indices folded into 0 to *count* - 1 about the outermost voxels' centers."""
    if count == 1:
        return np.zeros_like(indices)
    folded = np.abs(indices) % (2 * count - 2)
    return np.where(folded >= count, 2 * count - 2 - folded, folded)


@njit(cache=True, nogil=True)
def _weighted(lines: Floats, taps: npt.NDArray[np.int64], weights: Floats) -> Floats:
    before, _, after = lines.shape
    count, width = taps.shape
    result = np.zeros((before, count, after))
    for a in range(before):
        for m in range(count):
            for w in range(width):
                tap, weight = taps[m, w], weights[m, w]
                for b in range(after):
                    result[a, m, b] += weight * lines[a, tap, b]
    return result
