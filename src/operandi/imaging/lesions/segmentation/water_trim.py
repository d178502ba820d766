"""Takes border voxels off a lesion where MR plainly shows another tissue."""

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from operandi.domain.grid import Grid
from operandi.domain.volume import Volume
from operandi.imaging.lesions.segmentation.neighborhood import SeedNeighborhood, connected_to
from operandi.imaging.resample import resample

LEAST_CONTRAST_SD: Final = 3.0
"""Core and surroundings must differ by so many robust SD before MR says anything. Assumed."""

MOST_TRIMMED: Final = 0.4
"""More than this share of a lesion is never taken off: then PET and MR do not lie together."""

_CORE: Final = 0.7
_FEWEST: Final = 8


def trimmed_by_water(
    around: SeedNeighborhood,
    inside: npt.NDArray[np.bool_],
    *,
    water: Volume,
    onto: Grid,
) -> tuple[npt.NDArray[np.bool_], bool]:
    """Trim a lesion by the MR water image.

    The MR signal of the lesion's core (at least ``_CORE`` of its maximum) is compared with that
    of its surroundings (two voxels around it). Where both differ by ``LEAST_CONTRAST_SD`` robust
    SD, border voxels nearer to the surroundings' median than to the core's are taken off, one
    layer at most. Nothing is ever added.

    Parameters
    ----------
    around : SeedNeighborhood
        The lesion's neighborhood.
    inside : bool array
        The lesion.
    water : Volume
        MR, in the PET's frame of reference.
    onto : Grid
        Grid of the neighborhood.

    Returns
    -------
    tuple of (bool array, bool)
        The lesion, and whether anything was taken off.
    """
    signal = np.asarray(resample(water, onto, order="linear", outside=np.nan).values)
    known = np.isfinite(signal)
    base = around.background
    core = inside & known & (around.suv >= base + _CORE * (around.level - base))
    ring = ndimage.binary_dilation(inside, iterations=2) & ~inside & known
    if min(np.count_nonzero(core), np.count_nonzero(ring)) < _FEWEST:
        return inside, False
    here, there = float(np.median(signal[core])), float(np.median(signal[ring]))
    spread = max(_robust_sd(signal[core], here), _robust_sd(signal[ring], there))
    if not abs(here - there) > LEAST_CONTRAST_SD * spread:
        return inside, False
    border = inside & ~ndimage.binary_erosion(inside)
    other = border & known & (np.abs(signal - there) < np.abs(signal - here))
    other[around.seed] = False
    kept = connected_to(inside & ~other, around.seed)
    lost = 1.0 - np.count_nonzero(kept) / np.count_nonzero(inside)
    if not 0.0 < lost <= MOST_TRIMMED:
        return inside, False
    return kept, True


def _robust_sd(values: npt.NDArray[np.floating], center: float) -> float:
    return 1.4826 * float(np.median(np.abs(values - center)))
