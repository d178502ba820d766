"""Blur fit: the contour whose uniform shape, blurred like the image, explains the image best."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from operandi.imaging.lesions.segmentation.neighborhood import SeedNeighborhood, above

SHARES: Final = tuple(round(0.2 + 0.05 * n, 2) for n in range(12))
"""Contour levels that are tried, of the way from background to maximum."""

AROUND_FWHM: Final = 1.0
"""The fit looks this far beyond the widest contour, where most of the spill lies."""

NEARLY_AS_GOOD: Final = 1.1
"""Levels whose sum of squares is at most this times the least give the uncertainty. Assumed."""

_FWHM_TO_SIGMA: Final = 1.0 / 2.354820045


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BlurFit:
    """The best of the contours tried.

    Parameters
    ----------
    inside : bool array, (i, j, k)
        Voxels of the lesion.
    share : float
        Its level between background and maximum.
    uptake : float
        SUV of the lesion without blur, g/mL.
    lowest, highest : float
        Of ``uptake`` among the contours that fit nearly as well, g/mL.
    """

    inside: npt.NDArray[np.bool_]
    share: float
    uptake: float
    lowest: float
    highest: float


def fit_blurred(around: SeedNeighborhood, *, fwhm_mm: float) -> BlurFit:
    """Fit ``b + (S - b) * (g * m_t)`` to the image over contour levels *t*.

    *m_t* is the isocontour at share *t*, *g* a Gaussian of the resolution. *S* follows for each
    *t* by least squares over the voxels within ``AROUND_FWHM`` of the widest contour that belong
    to no organ and no other lesion; the *t* with the least sum of squares is taken. Unlike a
    share of one noisy maximum, every voxel counts, and volume and uptake fit one another.

    Parameters
    ----------
    around : SeedNeighborhood
        Seed, image and background *b*.
    fwhm_mm : float, > 0
        Resolution of the image, mm.
    """
    rise = around.level - around.background
    masks = {share: above(around, threshold=around.background + share * rise) for share in SHARES}
    widest = masks[SHARES[0]]
    apart = ndimage.distance_transform_edt(~widest, sampling=around.spacing_mm)
    where = (apart <= AROUND_FWHM * fwhm_mm) & around.free
    excess = around.suv[where] - around.background
    sigma = [fwhm_mm * _FWHM_TO_SIGMA / mm for mm in around.spacing_mm]
    tried: list[tuple[float, float, float]] = []
    for share, mask in masks.items():
        if not mask.any():
            continue
        shape = ndimage.gaussian_filter(mask.astype(np.float64), sigma, mode="nearest")[where]
        scale = float(excess @ shape) / max(float(shape @ shape), 1e-12)
        left = float(np.square(excess - scale * shape).sum())
        tried.append((left, share, around.background + scale))
    least, share, uptake = min(tried)
    near = [value for left, _, value in tried if left <= NEARLY_AS_GOOD * least]
    return BlurFit(
        inside=masks[share], share=share, uptake=uptake, lowest=min(near), highest=max(near)
    )
