"""What reconstruction does to an image beside errors of its model: blur, and grain as fine as it.

An image holds means over voxels. Its noise is that of a field without correlation that a Gaussian
smoothed before it was averaged over voxels; all figures below follow from that, at any voxel.
"""

import math
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.ndimage import correlate1d
from scipy.optimize import brentq
from scipy.special import ndtr

from operandi.domain.grid import Grid

Array = npt.NDArray[np.float32]

FWHM_PER_SIGMA: Final = math.sqrt(8.0 * math.log(2.0))
REFERENCE_VOXEL_MM: Final = 4.0

_REACH: Final = 5.0
_NARROWEST: Final = 0.01  # variance in voxels whose Gaussian is one voxel


def blurred(image: Array, grid: Grid, *, fwhm_mm: float) -> Array:
    """Image convolved with a Gaussian of this full width at half maximum."""
    for axis, spacing in enumerate(grid.spacing_mm):
        spread = fwhm_mm / FWHM_PER_SIGMA / spacing
        image = correlate1d(image, _kernel(spread), axis=axis, mode="nearest")
    return image


def grain(grid: Grid, *, fwhm_mm: float, generator: np.random.Generator) -> Array:
    """Noise of variance 1 that a Gaussian of this full width at half maximum smoothed.

    Its correlation over a distance *d* is ``exp(-d^2 / 4 s^2)``, *s* being the standard deviation
    of the Gaussian, beside what averaging over voxels adds.
    """
    field = generator.standard_normal(grid.shape, dtype=np.float32)
    for axis, spacing in enumerate(grid.spacing_mm):
        kernel = _grain_kernel(fwhm_mm / FWHM_PER_SIGMA / spacing)
        # Around the ends: the edge of an image is as noisy as its middle.
        field = correlate1d(field, kernel, axis=axis, mode="wrap")
    return field


def noise_of_voxel(spacing_mm: tuple[float, float, float], *, fwhm_mm: float) -> float:
    """Standard deviation of a voxel over that of a cube of ``REFERENCE_VOXEL_MM``.

    It falls as the root of the volume where voxels are large beside the blur, and hardly where
    they are small.
    """
    reference = _voxel_variance(REFERENCE_VOXEL_MM, fwhm_mm=fwhm_mm)
    return math.prod(
        math.sqrt(_voxel_variance(spacing, fwhm_mm=fwhm_mm) / reference) for spacing in spacing_mm
    )


def noise_of_counts(spacing_mm: tuple[float, float, float], *, fwhm_mm: float) -> float:
    """Standard deviation of Poisson counts of a voxel that were smoothed, over that of raw ones."""
    return math.prod(
        math.sqrt(spacing * _voxel_variance(spacing, fwhm_mm=fwhm_mm)) for spacing in spacing_mm
    )


def _voxel_variance(length_mm: float, *, fwhm_mm: float) -> float:
    """Variance of smoothed white noise of density 1, averaged over a length."""
    sigma_mm = fwhm_mm / FWHM_PER_SIGMA
    return float(_covariance(np.zeros(1), spread=sigma_mm / length_mm)[0]) / length_mm


def _covariance(lag: npt.NDArray[np.float64], *, spread: float) -> npt.NDArray[np.float64]:
    """Covariance of voxel means of smoothed white noise of density 1; lengths in voxels.

    The second difference of ``g(u) = u Phi(u / w) + w phi(u / w)``, ``w = sqrt(2) spread``.
    """
    width = math.sqrt(2.0) * spread

    def g(u: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        bell = np.exp(-0.5 * np.square(u / width)) / math.sqrt(2.0 * math.pi)
        result: npt.NDArray[np.float64] = u * ndtr(u / width) + width * bell
        return result

    return g(lag + 1.0) - 2.0 * g(lag) + g(lag - 1.0)


def _grain_kernel(spread: float) -> npt.NDArray[np.float64]:
    """Symmetric kernel that gives white noise the correlation of smoothed voxel means."""
    reach = _reach(math.hypot(spread, 1.0))
    length = 4 * reach
    lag = np.abs(np.fft.fftfreq(length, 1.0 / length))
    covariance = _covariance(lag, spread=spread)
    power = np.maximum(np.fft.rfft(covariance / covariance[0]).real, 0.0)
    kernel = np.fft.irfft(np.sqrt(power), n=length)
    centered: npt.NDArray[np.float64] = np.concatenate([kernel[-reach:], kernel[: reach + 1]])
    return centered / math.sqrt(float(np.sum(np.square(centered))))


def _kernel(spread: float) -> npt.NDArray[np.float64]:
    """Gaussian of exactly this standard deviation in voxels, however few it spans."""
    reach = _reach(spread)
    square = np.square(np.arange(-reach, reach + 1, dtype=np.float64))

    def bell(width: float) -> npt.NDArray[np.float64]:
        values: npt.NDArray[np.float64] = np.exp(-0.5 * square / width)
        values /= values.sum()
        return values

    def excess(width: float) -> float:
        return float((bell(width) * square).sum()) - spread**2

    # Sampled at few points, a Gaussian comes out too narrow.
    return bell(brentq(excess, _NARROWEST, 2.0 * spread**2 + 1.0, xtol=1e-12))


def _reach(spread: float) -> int:
    return max(2, math.ceil(_REACH * spread))
