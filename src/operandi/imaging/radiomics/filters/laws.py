"""Laws' kernels and texture energy (IBSI JTXT, I176)."""

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from operandi.imaging.radiomics.filters.boundary import (
    Boundary,
    Box,
    Piece,
    checked_box,
    needed_box,
    whole_image,
)
from operandi.imaging.radiomics.filters.convolution import (
    IDENTITY,
    Kernel,
    Product,
    centered,
    margins_of,
    total_response,
)
from operandi.imaging.radiomics.filters.extent import Extent, isotropic_mm
from operandi.imaging.radiomics.filters.mean import mean_product
from operandi.imaging.radiomics.filters.pooling import (
    Pooling,
    oriented,
    pooled_response,
    rotations,
)
from operandi.quantities.errors import DataError

LAWS_WEIGHTS: dict[str, tuple[int, ...]] = {
    "L5": (1, 4, 6, 4, 1),
    "E5": (-1, -2, 0, 2, 1),
    "S5": (-1, 0, 2, 0, -1),
    "W5": (-1, 2, 0, -2, 1),
    "R5": (1, -4, 6, -4, 1),
    "L3": (1, 2, 1),
    "E3": (-1, 0, 1),
    "S3": (-1, 2, -1),
}
"""Level, edge, spot, wave and ripple, before division by their norm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LawsFilter:
    """Settings of a Laws filter.

    Parameters
    ----------
    extent : Extent
        Slices or volume.
    kernel : str
        One of L5, E5, S5, W5, R5, L3, E3, S3 an axis, in the order i, j, k: ``"E5L5S5"``.
    boundary : Boundary
        What lies beyond the edge, of the image and of the response before its energy.
    pooling : Pooling or None
        Over right-angle rotations of the kernel; None takes the kernel as it is.
    energy_distance : int or None
        Chebyshev distance, voxels, over which absolute responses are averaged (IBSI delta);
        None returns the response.
    """

    extent: Extent
    kernel: str
    boundary: Boundary
    pooling: Pooling | None
    energy_distance: int | None

    def __post_init__(self) -> None:
        names = re.findall("..", self.kernel)
        axes = len(self.extent.axes)
        if "".join(names) != self.kernel or len(names) != axes or not {*names} <= {*LAWS_WEIGHTS}:
            raise DataError(
                f"A Laws filter in {self.extent} needs {axes} of {', '.join(LAWS_WEIGHTS)}, "
                f"found {self.kernel!r}."
            )
        if self.energy_distance is not None and self.energy_distance < 0:
            raise DataError(f"A distance must be >= 0 voxels, found {self.energy_distance}.")

    @property
    def product(self) -> Product:
        """The kernel's factors, each of norm 1."""
        factors = [laws_kernel(name) for name in re.findall("..", self.kernel)]
        return factors[0], factors[1], factors[2] if len(factors) == 3 else IDENTITY


def laws_kernel(name: str) -> Kernel:
    """Return one of the kernels, divided by its Euclidean norm."""
    weights = np.array(LAWS_WEIGHTS[name], dtype=np.float64)
    return centered((weights / np.sqrt(np.sum(weights**2))).tolist())


def laws_response(
    values: npt.NDArray[np.floating],
    spacing_mm: tuple[float, float, float],
    settings: LawsFilter,
    *,
    box: Box | None = None,
) -> npt.NDArray[np.float64]:
    """Respond to levels, edges, spots, waves and ripples (IBSI JTXT); their energy (IBSI I176).

    The response to the outer product of the factors, pooled over rotations; then, for the
    energy, its absolute value averaged within a Chebyshev distance.

    Parameters
    ----------
    values : array, (i, j, k)
        The whole image.
    spacing_mm : tuple of float
        Voxel size, mm; one size along the axes filtered.
    settings : LawsFilter
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
    .. [1] IBSI 2 reference manual, arXiv:2006.05470, Laws kernels.
    .. [2] Laws, Textured image segmentation, USCIPI report 940, 1980.
    """
    isotropic_mm(spacing_mm, settings.extent.axes)
    piece = whole_image(values)
    box = checked_box(piece, box)
    if settings.energy_distance is None:
        return _plain(piece, box, settings)
    average = mean_product(settings.extent, 2 * settings.energy_distance + 1)
    inner = needed_box(box, margins_of([average]), piece.shape, settings.boundary)
    response = _plain(piece, inner, settings)
    start = (inner[0][0], inner[1][0], inner[2][0])
    energies = Piece(np.abs(response, out=response), start, piece.shape)
    return total_response(energies, box, {average: 1.0}, settings.boundary)


def _plain(piece: Piece, box: Box, settings: LawsFilter) -> npt.NDArray[np.float64]:
    factors = settings.product
    if settings.pooling is None:
        return total_response(piece, box, {factors: 1.0}, settings.boundary)
    turned = Counter(oriented(factors, each) for each in rotations(settings.extent.axes))
    return pooled_response(piece, box, turned, settings.boundary, settings.pooling)
