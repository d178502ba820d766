"""The surroundings of one seed, cut out of the image: what every delineation method is given."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Box = tuple[slice, slice, slice]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeedNeighborhood:
    """A box of SUV around a seed.

    Parameters
    ----------
    suv : array, (i, j, k)
        g/mL.
    spacing_mm : tuple of float
        Of its voxels.
    seed : tuple of int
        The lesion's hottest voxel, index into ``suv``.
    allowed : bool array, (i, j, k)
        Where the lesion may extend: not into organs, nor beyond the saddle to another lesion.
    background : float, >= 0
        SUV around the lesion, g/mL.
    noise : float, >= 0
        SD of the background's voxels, g/mL.
    level : float
        The lesion's maximum as contours count it, g/mL.
    free : bool array, (i, j, k)
        Voxels that neither an organ nor another lesion holds.
    """

    suv: npt.NDArray[np.float64]
    spacing_mm: tuple[float, float, float]
    seed: tuple[int, int, int]
    allowed: npt.NDArray[np.bool_]
    background: float
    noise: float
    level: float
    free: npt.NDArray[np.bool_]


def connected_to(
    inside: npt.NDArray[np.bool_], seed: tuple[int, int, int]
) -> npt.NDArray[np.bool_]:
    """The 26-connected component that holds the seed; nothing where the seed is outside."""
    if not inside[seed]:
        return np.zeros(inside.shape, dtype=np.bool_)
    labels, _ = ndimage.label(inside, structure=np.ones((3, 3, 3), dtype=np.bool_))
    return np.asarray(labels == labels[seed])


def above(around: SeedNeighborhood, *, threshold: float) -> npt.NDArray[np.bool_]:
    """Allowed voxels at or above a threshold that hang together with the seed, holes filled."""
    inside = connected_to(around.allowed & (around.suv >= threshold), around.seed)
    filled: npt.NDArray[np.bool_] = ndimage.binary_fill_holes(inside)
    return filled & around.allowed
