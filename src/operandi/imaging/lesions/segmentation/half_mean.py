"""Half of the mean: the contour midway between a lesion's own mean and its background."""

from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.imaging.lesions.segmentation.neighborhood import SeedNeighborhood, above

_ROUNDS: Final = 30
_LEAST_NOISE: Final = 1.0


def half_mean(around: SeedNeighborhood) -> npt.NDArray[np.bool_]:
    """Delineate where uptake is nearer to the lesion's mean than to the background.

    From ``T = b + (max - b) / 2`` on, ``T = b + (mean(f >= T) - b) / 2`` is repeated until the
    contour stays: the fixed point of Ridler and Calvard's selection [1]_ with a known background.
    A share of the maximum follows the hottest spot of an uneven lesion; this does not. *T* stays
    one SD of the background's voxels above it, below which the contour would run through noise.

    Parameters
    ----------
    around : SeedNeighborhood
        Seed, image and background *b*.

    References
    ----------
    .. [1] Ridler and Calvard, IEEE Trans Syst Man Cybern 8:630, 1978 (recalled).
    """
    base = around.background
    lowest = base + _LEAST_NOISE * around.noise
    threshold = max(base + 0.5 * (around.level - base), lowest)
    inside = above(around, threshold=threshold)
    for _ in range(_ROUNDS):
        if not inside.any():
            return inside
        lower = max(base + 0.5 * (float(around.suv[inside].mean()) - base), lowest)
        # Falls only: where noise would make it swing between two contours, the wider one stays.
        if lower >= threshold:
            break
        threshold = lower
        inside = above(around, threshold=threshold)
    return inside
