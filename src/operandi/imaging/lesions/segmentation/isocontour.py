"""Isocontour: a share of the lesion's maximum."""

import numpy as np
import numpy.typing as npt

from operandi.imaging.lesions.segmentation.neighborhood import SeedNeighborhood, above


def isocontour(
    around: SeedNeighborhood, *, share: float, background_adapted: bool
) -> npt.NDArray[np.bool_]:
    """Delineate at ``share`` of the maximum.

    Background-adapted, ``T = b + share * (max - b)``; else ``T = share * max``. Half way between
    is where an ideal edge lies after a symmetric blur; below half way the contour is wider, which
    for small lesions makes up for the lost maximum.

    Parameters
    ----------
    around : SeedNeighborhood
        Seed, image and background *b*.
    share : float, in (0, 1)
        Of the maximum.
    background_adapted : bool
        Whether the share is counted from the background.
    """
    if not 0 < share < 1:
        raise ValueError(f"share must lie between 0 and 1, got {share}")
    base = around.background if background_adapted else 0.0
    return above(around, threshold=base + share * (around.level - base))
