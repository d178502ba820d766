"""What features are computed from: an image in the box around a mask, prepared once."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A lesion in its box, after interpolation and re-segmentation.

    Parameters
    ----------
    values : float64 array, (i, j, k), C order
        Intensities in the box, a margin around the mask included.
    morphology : bool array, (i, j, k)
        The mask as drawn (IBSI morphological mask).
    intensity : bool array, (i, j, k)
        The mask after re-segmentation (IBSI intensity mask); within ``morphology``.
    spacing_mm : tuple of float
        Voxel size (i, j, k), mm.
    """

    values: npt.NDArray[np.float64]
    morphology: npt.NDArray[np.bool_]
    intensity: npt.NDArray[np.bool_]
    spacing_mm: tuple[float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """Discretized intensities of a region.

    Parameters
    ----------
    values : int32 array, (i, j, k)
        1 to ``count`` in the intensity mask, 0 outside.
    count : int
        Ng: the number of levels, whether each occurs or not.
    """

    values: npt.NDArray[np.int32]
    count: int
