"""Radiomics settings for each sort of image, where a study names none (decision 0027).

A default is a starting point that a study can name; it is no claim that another choice is wrong.
"""

from dataclasses import replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.imaging.radiomics.settings import (
    Dimension,
    FixedBinNumber,
    FixedBinSize,
    Interpolation,
    RadiomicsSettings,
)
from operandi.quantities.errors import DataError

LARGEST_ANISOTROPY: Final = 2.5
"""Between slices over in plane; beyond it, volumes are not interpolated to cubes."""


class ImageSort(StrEnum):
    """What the values are, and the unit that its default expects them in."""

    PET_SUV = "PET, SUV in g/mL"
    CT = "CT, HU"
    DIFFUSION = "apparent diffusion coefficient, 1e-6 mm2/s"
    TRANSFER_CONSTANT = "Ktrans, 1/min"
    RATE_CONSTANT = "kep, 1/min"
    VOLUME_FRACTION = "ve or vp, 1"
    STIFFNESS = "shear stiffness, kPa"
    MR_SIGNAL = "MR signal, arbitrary"


def _cubes(
    side_mm: float, *, width: float, fine: float, lower: float = 0.0, rounding: float | None = None
) -> RadiomicsSettings:
    return RadiomicsSettings(
        dimension=Dimension.VOLUME,
        spacing_mm=(side_mm, side_mm, side_mm),
        interpolation=Interpolation.CUBIC,
        mask_interpolation=Interpolation.LINEAR,
        mask_threshold=0.5,
        rounding=rounding,
        lower=lower,
        upper=None,
        outlier_sigmas=None,
        discretization=FixedBinSize(width=width),
        volume_histogram=FixedBinSize(width=fine),
    )


DEFAULTS: Final = MappingProxyType(
    {
        ImageSort.PET_SUV: _cubes(3.0, width=0.5, fine=0.1),
        # Steps of 1 HU are the resolution of CT: the intensity-volume histogram takes them as
        # they are. Cut at -1000, air.
        ImageSort.CT: replace(
            _cubes(1.0, width=25.0, fine=1.0, lower=-1000.0, rounding=1.0), volume_histogram=None
        ),
        ImageSort.DIFFUSION: _cubes(2.0, width=50.0, fine=10.0),
        ImageSort.TRANSFER_CONSTANT: _cubes(2.0, width=0.02, fine=0.004),
        ImageSort.RATE_CONSTANT: _cubes(2.0, width=0.05, fine=0.01),
        ImageSort.VOLUME_FRACTION: _cubes(2.0, width=0.02, fine=0.004),
        ImageSort.STIFFNESS: _cubes(2.0, width=0.25, fine=0.05),
        ImageSort.MR_SIGNAL: replace(
            _cubes(1.0, width=1.0, fine=1.0),
            lower=None,
            discretization=FixedBinNumber(bins=32),
            volume_histogram=FixedBinNumber(bins=1000),
        ),
    }
)
"""By sort of image; for images whose slices lie near enough for cubes."""


def default_settings(
    sort: ImageSort, *, spacing_mm: tuple[float, float, float]
) -> RadiomicsSettings:
    """Settings for images of a sort, by the coarsest voxels that the study has of it.

    One call for a study, not one for an image: features by different settings do not compare.

    Parameters
    ----------
    sort : ImageSort
        What the values are.
    spacing_mm : tuple of float
        Voxel size (i, j, k), mm, of the study's image with the thickest slices.

    Returns
    -------
    RadiomicsSettings
        In cubes as in ``DEFAULTS`` where slices lie at most ``LARGEST_ANISOTROPY`` times the
        voxel size in plane apart; else 2.5D, with slices as they are and voxels in plane as in
        ``DEFAULTS``.

    Raises
    ------
    DataError
        If a spacing is not above 0.
    """
    if not min(spacing_mm) > 0.0:
        raise DataError(f"Voxels need a size above 0 mm, found {spacing_mm}.")
    settings = DEFAULTS[sort]
    if spacing_mm[2] <= LARGEST_ANISOTROPY * max(spacing_mm[:2]) or settings.spacing_mm is None:
        return settings
    return replace(
        settings,
        dimension=Dimension.MERGED,
        spacing_mm=(settings.spacing_mm[0], settings.spacing_mm[1], spacing_mm[2]),
    )


def normalized_signal(
    values: npt.NDArray[np.floating], reference: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    """MR signal in robust standard deviations of a reference tissue.

    ``(x - median) / (1.4826 median |x - median|)`` over ``reference``. Positive and affine, so
    texture by a fixed bin number is the same before and after: it is the intensity statistics
    that this makes comparable between scans.

    Parameters
    ----------
    values : array, (i, j, k)
        The image, corrected for the bias field if it has one.
    reference : bool array, (i, j, k)
        Tissue that treatment leaves alone, such as muscle; never the lesion, whose own change it
        would remove.

    Returns
    -------
    array, (i, j, k)
        Without unit.

    Raises
    ------
    DataError
        If shapes differ, the reference has fewer than 100 voxels or no spread, or values in it are
        not finite.

    References
    ----------
    .. [1] Carre et al., Sci Rep 10:12340, 2020 (Z-score and others before radiomics of MR).
    """
    if values.shape != reference.shape or np.count_nonzero(reference) < 100:
        raise DataError(
            f"Normalizing needs 100 voxels of reference tissue on the image's grid; found "
            f"{np.count_nonzero(reference)} in {reference.shape}, image {values.shape}.",
            remedy="Draw a larger reference.",
        )
    inside = np.asarray(values[reference], dtype=np.float64)
    middle = float(np.median(inside))
    spread = 1.4826 * float(np.median(np.abs(inside - middle)))
    if not np.isfinite(spread) or spread == 0.0:
        raise DataError(
            f"The reference tissue needs finite values that differ; its spread is {spread}.",
            remedy="Choose another reference.",
        )
    return (np.asarray(values, dtype=np.float64) - middle) / spread
