"""Fixed thresholds: an SUV, or the liver's mean + 2 SD."""

import numpy as np
import numpy.typing as npt

from operandi.imaging.lesions.reference import ReferenceRegion
from operandi.imaging.lesions.segmentation.neighborhood import SeedNeighborhood, above


def above_fixed_suv(around: SeedNeighborhood, *, threshold: float) -> npt.NDArray[np.bool_]:
    """Delineate at an SUV, g/mL. Empty where the seed is below it."""
    return above(around, threshold=threshold)


def above_liver(around: SeedNeighborhood, *, liver: ReferenceRegion) -> npt.NDArray[np.bool_]:
    """Delineate at the liver's mean + 2 SD (decision 0007). Empty where the seed is below it."""
    return above(around, threshold=liver.mean + 2.0 * liver.standard_deviation)
