"""The noise of an image, estimated from the image, and more of the same.

Level: the robust wavelet estimate, the median magnitude of the finest diagonal detail over 0.6745
(Donoho and Johnstone; Chang et al.), in each slice. The detail filter is Immerkaer's, the product
of two second differences, which is blind to slopes and to edges along either axis, where Haar's
product of first differences sees every saddle.

White noise is what that filter measures rightly. Where neighboring voxels share noise (a
reconstruction's post-filter, interpolated k-space), the finest detail holds little of it; with the
noise's correlation length known, both the level and the noise that is made are corrected for it.

References
----------
.. [1] Chang, Yu, Vetterli, IEEE Trans Image Process 9:1532, 2000.
.. [2] Immerkaer, Comput Vis Image Underst 64:300, 1996.
.. [3] Zwanenburg et al., Sci Rep 9:614, 2019 (noise added at the image's own level).
"""

import math
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from operandi.quantities.errors import DataError

Array = npt.NDArray[np.float64]

_DETAIL: Final = np.array([1.0, -2.0, 1.0]) / math.sqrt(6.0)
_MEDIAN_OF_NORMAL: Final = 0.674489750196082
"""Median magnitude of a standard normal variable."""

_FWHM_PER_SIGMA: Final = 2.0 * math.sqrt(2.0 * math.log(2.0))
_LEAST_SEEN: Final = 1e-4
"""Of the noise's variance that must reach the finest detail: beyond, rounding would set it."""


def noise_level(
    values: npt.ArrayLike, *, spacing_mm: tuple[float, float, float], fwhm_mm: float = 0.0
) -> float:
    """Standard deviation of the noise in an image.

    Parameters
    ----------
    values : array-like, (i, j, k)
        The image, or the box around a lesion: noise that differs over the image is estimated
        where it is wanted. Patches of one value (masked-out background) do not count.
    spacing_mm : tuple of float
        Voxel size, mm.
    fwhm_mm : float, >= 0
        Width of the Gaussian filter that correlated the noise in the slice; 0 for white noise.
        Where noise is correlated and this is 0, the result is too low.

    Returns
    -------
    float
        In the image's unit; 0 where no noise is seen.

    Raises
    ------
    DataError
        If the image is smaller than 3 x 3 in plane or not finite, or the correlation is so long
        that its finest detail holds nothing of the noise.
    """
    image = np.asarray(values, dtype=np.float64)
    if image.ndim != 3 or min(image.shape[:2]) < 3 or not np.isfinite(image).all():
        raise DataError(
            f"A noise estimate needs finite values of 3 x 3 voxels in plane; found {image.shape}.",
            remedy="Supply more of the image around the lesion.",
        )
    detail = ndimage.convolve1d(ndimage.convolve1d(image, _DETAIL, axis=0), _DETAIL, axis=1)
    magnitudes = np.abs(detail[1:-1, 1:-1])
    # A linear patch leaves rounding, not exactly 0.
    seen = magnitudes[magnitudes > 1e-12 * max(float(np.abs(image).max()), 1e-300)]
    if not seen.size:
        return 0.0
    share = math.prod(
        _share_in_detail(_gaussian(fwhm_mm / spacing / _FWHM_PER_SIGMA))
        for spacing in spacing_mm[:2]
    )
    if share < _LEAST_SEEN:
        raise DataError(
            f"Noise correlated over {fwhm_mm:g} mm does not show between voxels of "
            f"{spacing_mm[0]:g} x {spacing_mm[1]:g} mm.",
            remedy="Supply its level from repeated scans or a phantom.",
        )
    return float(np.median(seen)) / _MEDIAN_OF_NORMAL / math.sqrt(share)


def noise_like(
    shape: tuple[int, ...],
    *,
    level: float,
    spacing_mm: tuple[float, float, float],
    generator: np.random.Generator,
    fwhm_mm: float = 0.0,
) -> Array:
    """Gaussian noise of a level, correlated by a Gaussian filter along all three axes.

    Parameters
    ----------
    shape : tuple of int
        Of the result.
    level : float, >= 0
        Standard deviation of the result, in the image's unit.
    spacing_mm : tuple of float
        Voxel size, mm.
    generator : numpy.random.Generator
        Where it is drawn.
    fwhm_mm : float, >= 0
        Width of the filter; 0 for white noise.
    """
    noise: Array = generator.standard_normal(shape)
    if fwhm_mm > 0.0:
        for axis, spacing in enumerate(spacing_mm):
            weights = _gaussian(fwhm_mm / spacing / _FWHM_PER_SIGMA)
            weights = weights / math.sqrt(float((weights**2).sum()))
            noise = ndimage.convolve1d(noise, weights, axis=axis, mode="wrap")
    return level * noise


def _gaussian(sigma_voxels: float) -> Array:
    reach = math.ceil(4.0 * sigma_voxels)
    if reach == 0:
        return np.ones(1)
    offsets = np.arange(-reach, reach + 1, dtype=np.float64)
    weights: Array = np.exp(-0.5 * (offsets / sigma_voxels) ** 2)
    return np.asarray(weights / weights.sum())


def _share_in_detail(weights: Array) -> float:
    """Variance after the detail filter, per variance before, of noise made by ``weights``."""
    return float((np.convolve(weights, _DETAIL) ** 2).sum() / (weights**2).sum())
