"""Supervoxels, and a contour drawn anew from them.

Another reader follows the same visible borders and decides otherwise where the border is unclear.
Supervoxels are small regions of like intensity (simple linear iterative clustering); one that the
contour cuts is taken whole or left whole, with the probability of its share inside.

References
----------
.. [1] Achanta et al., IEEE Trans Pattern Anal Mach Intell 34:2274, 2012.
.. [2] Zwanenburg et al., Sci Rep 9:614, 2019: shares of 0.9 and more are always in, below 0.2
   never, and the result is closed.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy import ndimage

from operandi.quantities.errors import DataError

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int32]
Inside = npt.NDArray[np.bool_]

_COMPACTNESS: Final = 0.1
"""Share of the intensity range that counts as much as one supervoxel's width."""

_ROUNDS: Final = 5
"""The mean shift of centers falls below a twentieth of a supervoxel within five."""

_ALWAYS: Final = 0.9
_NEVER: Final = 0.2


def supervoxels(
    values: npt.ArrayLike, *, spacing_mm: tuple[float, float, float], volume_mm3: float
) -> Labels:
    """Part a box into compact regions of like intensity.

    Parameters
    ----------
    values : array-like, (i, j, k)
        The image in the box. Its 1st to 99th percentile is the range that intensities are
        compared by, so that the unit does not matter.
    spacing_mm : tuple of float
        Voxel size, mm.
    volume_mm3 : float, > 0
        Volume of a supervoxel, about.

    Returns
    -------
    int32 array, (i, j, k)
        Label of each voxel, from 0 without gaps.

    Raises
    ------
    DataError
        If the image is not finite or the volume not positive.
    """
    image = np.ascontiguousarray(values, dtype=np.float64)
    if image.ndim != 3 or not image.size or not np.isfinite(image).all() or not volume_mm3 > 0:
        raise DataError(
            f"Supervoxels need a finite box and a volume; found {image.shape}, {volume_mm3} mm3."
        )
    spacing = np.asarray(spacing_mm, dtype=np.float64)
    width_mm = float(volume_mm3 ** (1.0 / 3.0))
    low, high = np.percentile(image, (1.0, 99.0))
    scale = 1.0 / (_COMPACTNESS * (high - low)) if high > low else 0.0
    steps = np.maximum(width_mm / spacing, 1.0)
    axes = [
        (np.arange(max(round(n / step), 1)) + 0.5) * n / max(round(n / step), 1) - 0.5
        for n, step in zip(image.shape, steps, strict=True)
    ]
    places = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    nearest = np.clip(np.rint(places).astype(np.intp), 0, np.asarray(image.shape) - 1)
    centers = np.concatenate([places, image[tuple(nearest.T)][:, np.newaxis]], axis=1)
    labels = _clustered(image, spacing, centers, width_mm, scale, _ROUNDS)
    _, compact = np.unique(labels, return_inverse=True)
    return compact.reshape(image.shape).astype(np.int32)


def redrawn(mask: Inside, labels: Labels, generator: np.random.Generator) -> Inside:
    """Draw a contour anew from supervoxels.

    Parameters
    ----------
    mask : bool array, (i, j, k)
        The contour that is there.
    labels : int32 array, (i, j, k)
        Supervoxels of the same box.
    generator : numpy.random.Generator
        Where it is drawn.

    Returns
    -------
    bool array, (i, j, k)
        Never empty: the supervoxel that lies furthest inside is always taken.
    """
    flat = labels.ravel()
    sizes = np.bincount(flat)
    shares = np.bincount(flat, weights=mask.ravel(), minlength=sizes.size) / np.maximum(sizes, 1)
    shares[np.argmax(shares)] = 1.0
    shares[shares >= _ALWAYS] = 1.0
    shares[shares < _NEVER] = 0.0
    taken: Inside = (generator.random(shares.size) < shares)[labels]
    # A border of voxels outside, or closing would treat the edge of the box as empty and erode.
    closed: Inside = ndimage.binary_closing(np.pad(taken, 1))[1:-1, 1:-1, 1:-1]
    return closed


@njit(cache=True, nogil=True)
def _clustered(  # noqa: C901, PLR0912
    image: Array, spacing: Array, centers: Array, width_mm: float, scale: float, rounds: int
) -> Labels:  # pragma: no cover
    ni, nj, nk = image.shape
    count = centers.shape[0]
    labels = np.zeros((ni, nj, nk), dtype=np.int32)
    nearest = np.empty((ni, nj, nk), dtype=np.float64)
    reach = 1.5 * width_mm
    per_width = 1.0 / (width_mm * width_mm)
    for _ in range(rounds):
        nearest[:] = np.inf
        for c in range(count):
            i0 = max(int(np.ceil(centers[c, 0] - max(reach / spacing[0], 1.0))), 0)
            i1 = min(int(np.floor(centers[c, 0] + max(reach / spacing[0], 1.0))), ni - 1)
            j0 = max(int(np.ceil(centers[c, 1] - max(reach / spacing[1], 1.0))), 0)
            j1 = min(int(np.floor(centers[c, 1] + max(reach / spacing[1], 1.0))), nj - 1)
            k0 = max(int(np.ceil(centers[c, 2] - max(reach / spacing[2], 1.0))), 0)
            k1 = min(int(np.floor(centers[c, 2] + max(reach / spacing[2], 1.0))), nk - 1)
            for i in range(i0, i1 + 1):
                di = (i - centers[c, 0]) * spacing[0]
                for j in range(j0, j1 + 1):
                    dj = (j - centers[c, 1]) * spacing[1]
                    for k in range(k0, k1 + 1):
                        dk = (k - centers[c, 2]) * spacing[2]
                        dv = (image[i, j, k] - centers[c, 3]) * scale
                        distance = (di * di + dj * dj + dk * dk) * per_width + dv * dv
                        if distance < nearest[i, j, k]:
                            nearest[i, j, k] = distance
                            labels[i, j, k] = c
        sums = np.zeros((count, 5))
        for i in range(ni):
            for j in range(nj):
                for k in range(nk):
                    if nearest[i, j, k] < np.inf:
                        c = labels[i, j, k]
                        sums[c, 0] += i
                        sums[c, 1] += j
                        sums[c, 2] += k
                        sums[c, 3] += image[i, j, k]
                        sums[c, 4] += 1.0
        for c in range(count):
            if sums[c, 4] > 0.0:
                for axis in range(4):
                    centers[c, axis] = sums[c, axis] / sums[c, 4]
    return labels
