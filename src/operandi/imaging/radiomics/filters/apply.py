"""One address for every filter: a response, several with shared passes, and how far they reach."""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from operandi.imaging.radiomics.filters.boundary import Boundary, Box
from operandi.imaging.radiomics.filters.convolution import Kernel
from operandi.imaging.radiomics.filters.extent import Extent, isotropic_mm
from operandi.imaging.radiomics.filters.gabor import (
    ENVELOPE_SIGMAS,
    GaborFilter,
    Planes,
    gabor_response,
)
from operandi.imaging.radiomics.filters.laplacian_of_gaussian import (
    LaplacianOfGaussianFilter,
    laplacian_of_gaussian_factors,
    laplacian_of_gaussian_response,
)
from operandi.imaging.radiomics.filters.laws import LawsFilter, laws_response
from operandi.imaging.radiomics.filters.mean import MeanFilter, mean_response
from operandi.imaging.radiomics.filters.nonseparable_wavelets import (
    NonseparableWaveletFilter,
    nonseparable_wavelet_response,
)
from operandi.imaging.radiomics.filters.riesz import RieszFilter, riesz_response
from operandi.imaging.radiomics.filters.wavelets import (
    WaveletFilter,
    low_pass,
    wavelet_bands,
    wavelet_response,
)
from operandi.imaging.radiomics.region import Region
from operandi.quantities.errors import DataError

Filter: TypeAlias = (
    MeanFilter
    | LaplacianOfGaussianFilter
    | LawsFilter
    | GaborFilter
    | WaveletFilter
    | NonseparableWaveletFilter
    | RieszFilter
)


def response(
    values: npt.NDArray[np.floating],
    spacing_mm: tuple[float, float, float],
    settings: Filter,
    *,
    box: Box | None = None,
) -> npt.NDArray[np.float64]:
    """Filter an image.

    Parameters
    ----------
    values : array, (i, j, k)
        The whole image, interpolated to isotropic voxels (in plane, for a filter of slices).
    spacing_mm : tuple of float
        Voxel size, mm.
    settings : Filter
        Any settings record of this package.
    box : Box, optional
        Return the response only here. With a finite kernel (mean, Laplacian of Gaussian, Laws,
        separable wavelet) only its support is computed, and the response is that of the whole
        image to the last bit; Gabor likewise, but for the rounding of Fourier transforms.
        Non-separable wavelets and Riesz transforms have no finite kernel: the whole image is
        filtered, then cut.

    Returns
    -------
    float64 array
        Shaped as the image, or as the box.

    Raises
    ------
    DataError
        As the filter says.
    """
    match settings:
        case MeanFilter():
            found = mean_response(values, spacing_mm, settings, box=box)
        case LaplacianOfGaussianFilter():
            found = laplacian_of_gaussian_response(values, spacing_mm, settings, box=box)
        case LawsFilter():
            found = laws_response(values, spacing_mm, settings, box=box)
        case GaborFilter():
            found = gabor_response(values, spacing_mm, settings, box=box)
        case WaveletFilter():
            found = wavelet_response(values, spacing_mm, settings, box=box)
        case NonseparableWaveletFilter():
            found = nonseparable_wavelet_response(values, spacing_mm, settings, box=box)
        case RieszFilter():
            found = riesz_response(values, spacing_mm, settings, box=box)
    return found


def response_near(
    values: npt.NDArray[np.floating],
    spacing_mm: tuple[float, float, float],
    settings: Filter,
    *,
    mask: npt.NDArray[np.bool_],
) -> tuple[npt.NDArray[np.float64], Box]:
    """Filter an image where a lesion is.

    Parameters
    ----------
    values, spacing_mm, settings
        As of ``response``.
    mask : bool array, (i, j, k)
        The lesion.

    Returns
    -------
    float64 array, and the Box that it covers
        The smallest box around the lesion.

    Raises
    ------
    DataError
        If the mask is empty, or as the filter says.
    """
    box = box_around(mask)
    return response(values, spacing_mm, settings, box=box), box


def responses(
    values: npt.NDArray[np.floating],
    spacing_mm: tuple[float, float, float],
    filters: Sequence[Filter],
    *,
    box: Box | None = None,
) -> tuple[npt.NDArray[np.float64], ...]:
    """Filter an image in several ways; sub-bands of one wavelet share their passes.

    Parameters
    ----------
    values, spacing_mm, box
        As of ``response``.
    filters : sequence of Filter
        Any.

    Returns
    -------
    tuple of float64 array
        In the order of ``filters``.

    Raises
    ------
    DataError
        As the filters say.
    """
    together: dict[WaveletFilter, list[int]] = {}
    found: dict[int, npt.NDArray[np.float64]] = {}
    for n, settings in enumerate(filters):
        if isinstance(settings, WaveletFilter) and settings.pooling is None:
            key = replace(settings, band="L" * len(settings.extent.axes))
            together.setdefault(key, []).append(n)
        else:
            found[n] = response(values, spacing_mm, settings, box=box)
    for key, numbers in together.items():
        bands = [replace(key, band=_band(filters[n])) for n in numbers]
        shared = wavelet_bands(values, spacing_mm, bands, box=box)
        found.update(zip(numbers, shared, strict=True))
    return tuple(found[n] for n in range(len(filters)))


def filtered_regions(region: Region, filters: Sequence[Filter]) -> tuple[Region, ...]:
    """Filter a prepared lesion: the same masks on the responses, in the box of the mask.

    Parameters
    ----------
    region : Region
        Prepared with a margin of ``reach_voxels``, or as far as the image goes; of the whole
        image where that is None. What the margin lacks is taken for the image's edge.
    filters : sequence of Filter
        Any.

    Returns
    -------
    tuple of Region
        In the order of ``filters``. Re-segmentation is that of the unfiltered image.

    Raises
    ------
    DataError
        If the mask is empty, or as the filters say.

    References
    ----------
    .. [1] IBSI 2 reference manual, arXiv:2006.05470, image processing scheme with filters.
    """
    box = box_around(region.morphology)
    cut = tuple(slice(first, last) for first, last in box)
    masks = region.morphology[cut], region.intensity[cut]
    found = responses(region.values, region.spacing_mm, filters, box=box)
    return tuple(Region(each, *masks, region.spacing_mm) for each in found)


def _band(settings: Filter) -> str:
    return settings.band if isinstance(settings, WaveletFilter) else ""


def box_around(mask: npt.NDArray[np.bool_]) -> Box:
    """Return the smallest box around a lesion.

    Raises
    ------
    DataError
        If the mask is empty.
    """
    if not mask.any():
        raise DataError("A response near a lesion needs a lesion; the mask is empty.")
    bounds = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        at = np.flatnonzero(mask.any(axis=others))
        bounds.append((int(at[0]), int(at[-1]) + 1))
    return bounds[0], bounds[1], bounds[2]


def reach_voxels(
    settings: Filter, *, spacing_mm: tuple[float, float, float]
) -> tuple[int, int, int] | None:
    """Return how far around a box a response depends on the image, voxels along each axis.

    Whoever crops an image before filtering keeps this margin, or all there is up to the image's
    edge, and finds the response of the whole image.

    Returns
    -------
    tuple of int, or None
        None where the whole image is needed: non-separable wavelets, Riesz transforms, and any
        filter with a periodic boundary, which may look at the other side.
    """
    if isinstance(settings, RieszFilter | NonseparableWaveletFilter):
        return None
    if settings.boundary is Boundary.PERIODIC:
        return None
    match settings:
        case MeanFilter():
            reach = settings.support // 2
        case LaplacianOfGaussianFilter():
            voxel_mm = isotropic_mm(spacing_mm, settings.extent.axes)
            reach = laplacian_of_gaussian_factors(settings, voxel_mm)[0].before
        case LawsFilter():
            reach = max(map(_widest, settings.product)) + (settings.energy_distance or 0)
        case WaveletFilter():
            # The low-pass filter is as wide as the high-pass; level n spreads it 2^(n-1) times.
            reach = _widest(low_pass(settings.family)) * (2**settings.level - 1)
        case GaborFilter():
            axes = (0, 1) if settings.planes is Planes.SLICES else (0, 1, 2)
            widest = settings.sigma_mm * max(1.0, 1.0 / settings.ellipticity)
            reach = math.ceil(ENVELOPE_SIGMAS * widest / isotropic_mm(spacing_mm, axes))
            return reach, reach, 0 if settings.planes is Planes.SLICES else reach
    return reach, reach, reach if settings.extent is Extent.VOLUME else 0


def _widest(kernel: Kernel) -> int:
    return max(kernel.before, kernel.after)


def filter_digest(settings: Filter) -> str:
    """Return the SHA-256 of a filter's settings: the version that a measurement names."""
    text = json.dumps([type(settings).__name__, asdict(settings)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
