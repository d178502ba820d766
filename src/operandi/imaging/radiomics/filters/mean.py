"""Mean filter (IBSI S60F)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from operandi.imaging.radiomics.filters.boundary import Boundary, Box, checked_box, whole_image
from operandi.imaging.radiomics.filters.convolution import (
    IDENTITY,
    Product,
    centered,
    total_response,
)
from operandi.imaging.radiomics.filters.extent import Extent, isotropic_mm
from operandi.quantities.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanFilter:
    """Settings of the mean filter.

    Parameters
    ----------
    extent : Extent
        Slices or volume.
    support : int, odd
        Voxels along each axis, IBSI M.
    boundary : Boundary
        What lies beyond the edge.
    """

    extent: Extent
    support: int
    boundary: Boundary

    def __post_init__(self) -> None:
        if self.support < 1 or self.support % 2 == 0:
            raise DataError(f"A mean filter needs an odd support, found {self.support} voxels.")


def mean_response(
    values: npt.NDArray[np.floating],
    spacing_mm: tuple[float, float, float],
    settings: MeanFilter,
    *,
    box: Box | None = None,
) -> npt.NDArray[np.float64]:
    """Average over a square or cube of voxels: ``g = 1 / M^D`` (IBSI S60F).

    Parameters
    ----------
    values : array, (i, j, k)
        The whole image.
    spacing_mm : tuple of float
        Voxel size, mm; one size along the axes filtered.
    settings : MeanFilter
        How.
    box : Box, optional
        Compute the response only here; it equals that of the whole image.

    Returns
    -------
    float64 array
        Shaped as the image, or as the box.

    Raises
    ------
    DataError
        If voxels are not isotropic, values not finite, or the box leaves the image.

    References
    ----------
    .. [1] IBSI 2 reference manual, arXiv:2006.05470, mean filters.
    """
    isotropic_mm(spacing_mm, settings.extent.axes)
    piece = whole_image(values)
    average = mean_product(settings.extent, settings.support)
    return total_response(piece, checked_box(piece, box), {average: 1.0}, settings.boundary)


def mean_product(extent: Extent, support: int) -> Product:
    """Return the kernel that averages over ``support`` voxels along each axis of the extent."""
    average = centered([1.0 / support] * support)
    return average, average, average if extent is Extent.VOLUME else IDENTITY
