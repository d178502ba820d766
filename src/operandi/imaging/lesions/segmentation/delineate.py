"""One door to all delineation methods."""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.imaging.lesions.reference import ReferenceRegion
from operandi.imaging.lesions.segmentation.blur_fit import fit_blurred
from operandi.imaging.lesions.segmentation.fixed_threshold import above_fixed_suv, above_liver
from operandi.imaging.lesions.segmentation.gradient_watershed import gradient_watershed
from operandi.imaging.lesions.segmentation.graph_cut import graph_cut
from operandi.imaging.lesions.segmentation.half_mean import half_mean
from operandi.imaging.lesions.segmentation.isocontour import isocontour
from operandi.imaging.lesions.segmentation.neighborhood import SeedNeighborhood
from operandi.imaging.lesions.segmentation.random_walker import random_walker
from operandi.imaging.lesions.segmentation.settings import DelineationMethod, SegmentationSettings
from operandi.quantities.errors import DataError

_Inside = npt.NDArray[np.bool_]

SHARES: Final = {
    DelineationMethod.ISOCONTOUR_41: 0.41,
    DelineationMethod.ISOCONTOUR_45: 0.45,
    DelineationMethod.ISOCONTOUR_50: 0.50,
}

_BY_SEED: Final[dict[DelineationMethod, Callable[[SeedNeighborhood], _Inside]]] = {
    DelineationMethod.HALF_MEAN: half_mean,
    DelineationMethod.RANDOM_WALKER: random_walker,
    DelineationMethod.GRAPH_CUT: graph_cut,
}

_BY_RESOLUTION: Final[dict[DelineationMethod, Callable[[SeedNeighborhood, float], _Inside]]] = {
    DelineationMethod.GRADIENT_WATERSHED: lambda a, mm: gradient_watershed(a, fwhm_mm=mm),
    DelineationMethod.BLUR_FIT: lambda a, mm: fit_blurred(a, fwhm_mm=mm).inside,
}


def delineate(
    around: SeedNeighborhood,
    *,
    method: DelineationMethod,
    settings: SegmentationSettings,
    liver: ReferenceRegion | None,
) -> npt.NDArray[np.bool_]:
    """Delineate one lesion by one method.

    Returns
    -------
    bool array, of the shape of ``around.suv``
        Empty where the method has no border for this lesion, such as a fixed SUV that the seed
        does not reach.

    Raises
    ------
    DataError
        If the method is liver mean + 2 SD and there is no liver reference.
    """
    if method in SHARES:
        return isocontour(
            around, share=SHARES[method], background_adapted=settings.background_adapted
        )
    if method in _BY_SEED:
        return _BY_SEED[method](around)
    if method is DelineationMethod.FIXED_SUV:
        return above_fixed_suv(around, threshold=settings.fixed_suv)
    if method in _BY_RESOLUTION:
        return _BY_RESOLUTION[method](around, settings.fwhm_mm)
    if liver is None:
        raise DataError(
            "Delineation at liver mean + 2 SD needs a liver reference.",
            remedy="Choose another method, or place a liver sphere by hand.",
        )
    return above_liver(around, liver=liver)
