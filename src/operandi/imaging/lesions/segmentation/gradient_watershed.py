"""Gradient watershed: the border follows the steepest fall of uptake."""

import heapq
from typing import Final

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy import ndimage

from operandi.imaging.lesions.segmentation.neighborhood import SeedNeighborhood, above

CORE_SHARE: Final = 0.6
OUTSIDE_SHARE: Final = 0.2
"""Shares of the way from background to maximum: lesion for certain, and certainly not. Assumed."""


def gradient_watershed(around: SeedNeighborhood, *, fwhm_mm: float) -> npt.NDArray[np.bool_]:
    """Delineate at the watershed of the gradient's magnitude.

    The magnitude is that of a Gaussian derivative of a third of the resolution. It is flooded in
    order of height from two markers: the core (hanging together with the seed, at least
    ``CORE_SHARE`` of the way from background to maximum), and what is not allowed or below
    ``OUTSIDE_SHARE``. Voxels that both reach belong to whom reached them first.

    Parameters
    ----------
    around : SeedNeighborhood
        Seed, image and background.
    fwhm_mm : float, > 0
        Resolution of the image, mm.
    """
    core, outside = certain(around)
    sigma = [fwhm_mm / 3.0 / 2.3548 / mm for mm in around.spacing_mm]
    parts = [
        ndimage.gaussian_filter(around.suv, sigma, order=tuple(int(a == axis) for a in range(3)))
        / around.spacing_mm[axis]
        for axis in range(3)
    ]
    steepness = np.sqrt(np.sum(np.square(parts), axis=0))
    markers = np.zeros(around.suv.shape, dtype=np.int8)
    markers[outside] = 2
    markers[core] = 1
    wide = np.pad(markers, 1, constant_values=2)
    flooded = _flood(np.pad(steepness, 1).ravel(), wide.ravel(), np.array(wide.shape))
    inside: npt.NDArray[np.bool_] = flooded.reshape(wide.shape)[1:-1, 1:-1, 1:-1] == 1
    return np.ascontiguousarray(inside & around.allowed)


def certain(around: SeedNeighborhood) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Voxels that are lesion for certain, and voxels that certainly are not."""
    rise = around.level - around.background
    core = above(around, threshold=around.background + CORE_SHARE * rise)
    outside = ~around.allowed | (around.suv < around.background + OUTSIDE_SHARE * rise)
    return core, outside & ~core


@njit(cache=True)
def _flood(  # type: ignore[no-untyped-def]  # noqa: C901
    height, labels, shape
):  # pragma: no cover - compiled
    """Meyer's flooding over six neighbors; equal heights in the order of arrival."""
    steps = np.array([shape[1] * shape[2], shape[2], 1])
    heap = [(0.0, 0, 0)]
    heap.pop()
    arrivals = 0
    done = labels.copy()
    for voxel in range(labels.size):
        if labels[voxel] == 1:
            heapq.heappush(heap, (height[voxel], arrivals, voxel))
            arrivals += 1
    for voxel in range(labels.size):
        if labels[voxel] != 2:
            continue
        for step in steps:
            for neighbor in (voxel - step, voxel + step):
                if 0 <= neighbor < labels.size and labels[neighbor] == 0:
                    heapq.heappush(heap, (height[voxel], arrivals, voxel))
                    arrivals += 1
                    break
    while len(heap) > 0:
        level, _, voxel = heapq.heappop(heap)
        for step in steps:
            for neighbor in (voxel - step, voxel + step):
                if 0 <= neighbor < labels.size and done[neighbor] == 0:
                    done[neighbor] = done[voxel]
                    heapq.heappush(heap, (max(level, height[neighbor]), arrivals, neighbor))
                    arrivals += 1
    return done
