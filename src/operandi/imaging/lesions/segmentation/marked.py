"""A lesion that somebody marked by a box: the surroundings without any search."""

import numpy as np

from operandi.domain.volume import Volume
from operandi.imaging.lesions.reference import require_suv
from operandi.imaging.lesions.segmentation.neighborhood import (
    Box,
    SeedNeighborhood,
    connected_to,
)
from operandi.imaging.lesions.segmentation.seeds import smoothed_suv
from operandi.imaging.lesions.segmentation.settings import SegmentationSettings
from operandi.imaging.lesions.segmentation.surroundings import median_and_sd
from operandi.quantities.errors import DataError


def marked_neighborhood(
    suv: Volume, *, box: Box, settings: SegmentationSettings
) -> SeedNeighborhood:
    """Take the hottest smoothed place in a box as seed and the whole box as allowed.

    The background is the median over the box's outermost layer of voxels.

    Parameters
    ----------
    suv : Volume of SUV_BODY_WEIGHT
        Static, g/mL.
    box : tuple of slice
        Drawn generously around one lesion, without other hot tissue; bounds inside the image.
    settings : SegmentationSettings
        Resolution, and which maximum counts.

    Raises
    ------
    DataError
        If ``suv`` is no static SUV, the box is empty or a value in it is not finite.
    """
    require_suv(suv)
    values = np.asarray(suv.values[box], dtype=np.float64)
    if values.size == 0 or not np.isfinite(values).all():
        raise DataError(
            f"A box with finite SUV is needed, got {values.shape} voxels.",
            remedy="Draw the box inside the image.",
        )
    smoothed = smoothed_suv(values, spacing_mm=suv.grid.spacing_mm, fwhm_mm=settings.fwhm_mm)
    top = tuple(int(n) for n in np.unravel_index(int(smoothed.argmax()), values.shape))
    height = float(smoothed[top])
    hot = connected_to(smoothed >= 0.5 * height, (top[0], top[1], top[2]))
    seed = np.unravel_index(int(np.where(hot, values, -np.inf).argmax()), values.shape)
    everywhere = np.ones(values.shape, dtype=np.bool_)
    level = height if settings.smoothed_maximum else float(values[seed])
    faces = everywhere.copy()
    faces[1:-1, 1:-1, 1:-1] = False
    background, noise = median_and_sd(values[faces])
    return SeedNeighborhood(
        suv=values,
        spacing_mm=suv.grid.spacing_mm,
        seed=(int(seed[0]), int(seed[1]), int(seed[2])),
        allowed=everywhere,
        background=min(max(background, 0.0), level),
        noise=noise,
        level=level,
        free=everywhere,
    )
