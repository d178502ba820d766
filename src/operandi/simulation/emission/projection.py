"""Parallel projections of whole volumes: what a PET sees along its lines, slice by slice.

Lines lie in transaxial slices; a volume is projected in one go, with the slices innermost, since
they share every weight. All sums run in one fixed order, so results do not depend on threads.

References
----------
.. [1] Joseph, IEEE Trans Med Imaging 1:192, 1982: the projector.
.. [2] Hudson and Larkin, IEEE Trans Med Imaging 13:601, 1994: ordered subsets.
"""

import math
from typing import Final

import numpy as np
import numpy.typing as npt
from numba import njit

Array = npt.NDArray[np.float32]

ITERATIONS: Final = 3
SUBSETS: Final = 21
"""As the project's survey of PET-MR reconstructs for a Biograph mMR."""

_BINS_BEYOND: Final = 2
_SUBSET_STEP: Final = 8
_TINY: Final = np.float32(1e-6)


def view_angles(count: int) -> npt.NDArray[np.float64]:
    """Angles of *count* views over half a turn, rad."""
    return np.pi * (np.arange(count) + 0.5) / count


def project(volume: Array, *, spacing_mm: float, angles: npt.NDArray[np.float64]) -> Array:
    """Line integrals of a volume.

    Parameters
    ----------
    volume : (x, y, z)
        Square voxels in x and y.
    spacing_mm : float
        Along x and y; bins are as wide.
    angles : (views,)
        Of the detector axis to x, rad.

    Returns
    -------
    (views, bins, z)
        Unit of the volume times mm. The middle bin looks at the middle of the slice.
    """
    across, down, _ = volume.shape
    bins = math.ceil(math.hypot(across, down)) + _BINS_BEYOND
    projected: Array = _joseph(np.ascontiguousarray(volume), angles, bins)
    projected *= np.float32(spacing_mm)
    return projected


def mean_over_views(
    sinogram: Array, *, angles: npt.NDArray[np.float64], shape: tuple[int, int]
) -> Array:
    """Mean, at each place, of the bins that look at it; shape (x, y, z)."""
    result: Array = _smear(np.ascontiguousarray(sinogram), angles, *shape)
    return result


def reconstruct(
    counts: Array,
    survival: Array,
    *,
    spacing_mm: float,
    angles: npt.NDArray[np.float64],
    shape: tuple[int, int],
) -> Array:
    """Image that explains *counts*, by ordered-subsets expectation maximization.

    ``ITERATIONS`` over ``SUBSETS``, from a flat image, as scanners do.

    Parameters
    ----------
    counts : (views, bins, z)
        Expected, of the lines as `project` gives them.
    survival : (views, bins, z)
        Part of a line's photons that the reconstruction believes to arrive.
    spacing_mm : float
    angles : (views,)
        A multiple of ``SUBSETS``.
    shape : (int, int)
        Of a slice.

    Returns
    -------
    (x, y, z), >= 0
    """
    image = np.ones((*shape, counts.shape[2]), dtype=np.float32)
    subsets = [
        # Neighbors in time lie far apart in angle.
        slice(number * _SUBSET_STEP % SUBSETS, None, SUBSETS)
        for number in range(SUBSETS)
    ]
    sensitivities = [_smear(survival[part], angles[part], *shape) for part in subsets]
    for _ in range(ITERATIONS):
        for part, sensitivity in zip(subsets, sensitivities, strict=True):
            expected = project(image, spacing_mm=spacing_mm, angles=angles[part])
            _ratio(counts[part], expected)
            _scale(image, _smear(expected, angles[part], *shape), sensitivity)
    return image


@njit(cache=True)
def _joseph(volume: Array, angles: npt.NDArray[np.float64], bins: int) -> Array:
    across, down, slices = volume.shape
    sinogram = np.zeros((angles.size, bins, slices), dtype=np.float32)
    middle_x, middle_y, middle = (across - 1) / 2, (down - 1) / 2, (bins - 1) / 2
    for view in range(angles.size):
        cosine, sine = math.cos(angles[view]), math.sin(angles[view])
        steep = abs(cosine) >= abs(sine)
        step = np.float32(1.0 / max(abs(cosine), abs(sine)))
        for line in range(bins):
            target = sinogram[view, line]
            for at in range(down if steep else across):
                # The line is x cos + y sin = s; walk along the axis it runs closer to.
                if steep:
                    place = (line - middle - (at - middle_y) * sine) / cosine + middle_x
                    last = across - 1
                else:
                    place = (line - middle - (at - middle_x) * cosine) / sine + middle_y
                    last = down - 1
                low = math.floor(place)
                if low < 0 or low >= last:
                    continue
                high_weight = np.float32(place - low) * step
                low_weight = step - high_weight
                if steep:
                    first, second = volume[low, at], volume[low + 1, at]
                else:
                    first, second = volume[at, low], volume[at, low + 1]
                for k in range(slices):
                    target[k] += low_weight * first[k] + high_weight * second[k]
    return sinogram


@njit(cache=True)
def _smear(sinogram: Array, angles: npt.NDArray[np.float64], across: int, down: int) -> Array:
    views, bins, slices = sinogram.shape
    image = np.zeros((across, down, slices), dtype=np.float32)
    middle_x, middle_y, middle = (across - 1) / 2, (down - 1) / 2, (bins - 1) / 2
    share = np.float32(1.0 / views)
    for view in range(views):
        cosine, sine = math.cos(angles[view]), math.sin(angles[view])
        for x in range(across):
            for y in range(down):
                place = (x - middle_x) * cosine + (y - middle_y) * sine + middle
                low = math.floor(place)
                high_weight = np.float32(place - low) * share
                low_weight = share - high_weight
                first, second, target = sinogram[view, low], sinogram[view, low + 1], image[x, y]
                for k in range(slices):
                    target[k] += low_weight * first[k] + high_weight * second[k]
    return image


@njit(cache=True)
def _ratio(counts: Array, expected: Array) -> None:
    """Put ``counts / expected`` in *expected*; the survival in both terms of an update cancels."""
    views, bins, slices = counts.shape
    for view in range(views):
        for line in range(bins):
            for k in range(slices):
                known = expected[view, line, k]
                expected[view, line, k] = (
                    counts[view, line, k] / known if known > _TINY else np.float32(0.0)
                )


@njit(cache=True)
def _scale(image: Array, update: Array, sensitivity: Array) -> None:
    across, down, slices = image.shape
    for x in range(across):
        for y in range(down):
            for k in range(slices):
                image[x, y, k] *= update[x, y, k] / max(sensitivity[x, y, k], _TINY)
