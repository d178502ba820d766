"""Laplacian-of-Gaussian filter (IBSI L6PA)."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from operandi.imaging.radiomics.filters.boundary import (
    Boundary,
    Box,
    checked_box,
    whole_image,
    window,
)
from operandi.imaging.radiomics.filters.convolution import (
    Image,
    Kernel,
    centered,
    convolved,
)
from operandi.imaging.radiomics.filters.extent import Extent, isotropic_mm
from operandi.quantities.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class LaplacianOfGaussianFilter:
    """Settings of the Laplacian-of-Gaussian filter.

    Parameters
    ----------
    extent : Extent
        Slices or volume.
    sigma_mm : float, > 0
        Standard deviation of the Gaussian, IBSI sigma*.
    truncate : float, > 0
        The kernel ends at this many standard deviations (4 in IBSI 2).
    boundary : Boundary
        What lies beyond the edge.
    """

    extent: Extent
    sigma_mm: float
    boundary: Boundary
    truncate: float = 4.0

    def __post_init__(self) -> None:
        if not self.sigma_mm > 0:
            raise DataError(f"A Gaussian needs sigma > 0 mm, found {self.sigma_mm}.")
        if not self.truncate > 0:
            raise DataError(f"A Gaussian needs a cut-off > 0 sigma, found {self.truncate}.")


def laplacian_of_gaussian_factors(
    settings: LaplacianOfGaussianFilter, voxel_mm: float
) -> tuple[Kernel, Kernel]:
    """Return the sampled Gaussian and its sampled second derivative, per voxel size.

    Kernel of the filter: the sum over axes of the second derivative along it times the Gaussian
    along the others, at ``1 + 2 floor(truncate sigma + 0.5)`` voxels along each axis.
    """
    sigma = settings.sigma_mm / voxel_mm
    radius = math.floor(settings.truncate * sigma + 0.5)
    at = np.arange(-radius, radius + 1, dtype=np.float64)
    gaussian = np.exp(-0.5 * (at / sigma) ** 2) / (math.sqrt(2.0 * math.pi) * sigma)
    curvature = (at**2 / sigma**4 - 1.0 / sigma**2) * gaussian
    return centered(gaussian.tolist()), centered(curvature.tolist())


def laplacian_of_gaussian_response(
    values: npt.NDArray[np.floating],
    spacing_mm: tuple[float, float, float],
    settings: LaplacianOfGaussianFilter,
    *,
    box: Box | None = None,
) -> npt.NDArray[np.float64]:
    """Find blobs: the Laplacian of the image smoothed by a Gaussian (IBSI L6PA).

    ``g(k) = -1/sigma^2 (1 / (sqrt(2 pi) sigma))^D (D - |k|^2/sigma^2) exp(-|k|^2 / 2 sigma^2)``,
    with *k* and *sigma* in voxels: negative at the center of a bright blob. The kernel is a sum
    of *D* separable ones; seven passes compute the three of a volume.

    Parameters
    ----------
    values : array, (i, j, k)
        The whole image.
    spacing_mm : tuple of float
        Voxel size, mm; one size along the axes filtered.
    settings : LaplacianOfGaussianFilter
        How.
    box : Box, optional
        Compute the response only here; it equals that of the whole image.

    Returns
    -------
    float64 array
        Shaped as the image, or as the box. In a constant image it is not 0 but that constant
        times the sum of the cut-off kernel: below 0.3 % of it at 4 sigma
        (sigma of 1 to 5 voxels), as in the standard.

    Raises
    ------
    DataError
        If voxels are not isotropic, values not finite, or the box leaves the image.

    References
    ----------
    .. [1] IBSI 2 reference manual, arXiv:2006.05470, Laplacian-of-Gaussian filters.
    """
    gaussian, curvature = laplacian_of_gaussian_factors(
        settings, isotropic_mm(spacing_mm, settings.extent.axes)
    )
    piece = whole_image(values)
    box = checked_box(piece, box)
    reach = (gaussian.before, gaussian.after)
    across = reach if settings.extent is Extent.VOLUME else (0, 0)
    image = window(piece, box, (reach, reach, across), settings.boundary)

    def along(x: Image, kernel: Kernel, axis: int) -> Image:
        first, last = box[axis]
        return convolved(x, kernel, axis=axis, start=gaussian.before, length=last - first)

    smooth, curved = along(image, gaussian, 0), along(image, curvature, 0)
    both = along(smooth, curvature, 1)
    both += along(curved, gaussian, 1)
    if settings.extent is Extent.SLICES:
        return both
    response = along(both, gaussian, 2)
    response += along(along(smooth, gaussian, 1), curvature, 2)
    return response
