"""Separable wavelets: undecimated responses of sub-bands (IBSI 25BO)."""

from collections import Counter
from collections.abc import Sequence
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
    Image,
    Kernel,
    Product,
    centered,
    margins_of,
    responses,
    total_response,
)
from operandi.imaging.radiomics.filters.extent import Extent, isotropic_mm
from operandi.imaging.radiomics.filters.pooling import (
    Orientation,
    Pooling,
    oriented,
    pooled_response,
    rotations,
)
from operandi.imaging.radiomics.filters.wavelet_tables import LOW_PASS
from operandi.quantities.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class WaveletFilter:
    """Settings of a sub-band of a separable wavelet.

    Parameters
    ----------
    extent : Extent
        Slices or volume.
    family : str
        haar, db2 to db10, or coif1 to coif5.
    band : str
        L (low-pass) or H (high-pass) an axis, in the order i, j, k: ``"LHL"``.
    boundary : Boundary
        What lies beyond the edge, of the image and of every level's low-pass response.
    level : int, >= 1
        Decomposition level: level 2 filters the low-pass response of level 1, with holes of one
        voxel between the weights.
    pooling : Pooling or None
        Over right-angle rotations of the filters of all levels; None takes them as they are.
    """

    extent: Extent
    family: str
    band: str
    boundary: Boundary
    level: int
    pooling: Pooling | None

    def __post_init__(self) -> None:
        if self.family not in LOW_PASS:
            raise DataError(
                f"A separable wavelet needs one of {', '.join(LOW_PASS)}, found {self.family!r}."
            )
        axes = len(self.extent.axes)
        if len(self.band) != axes or not {*self.band} <= {"L", "H"}:
            raise DataError(
                f"A sub-band in {self.extent} needs {axes} of L and H, found {self.band!r}."
            )
        if self.level < 1:
            raise DataError(f"A decomposition level must be >= 1, found {self.level}.")

    @property
    def product(self) -> Product:
        """The factors of the sub-band, without the holes of higher levels."""
        return _product(self.family, self.band)


def low_pass(family: str) -> Kernel:
    """Return the low-pass decomposition filter."""
    return centered(LOW_PASS[family])


def high_pass(family: str) -> Kernel:
    """Return the high-pass filter, ``h[t] = (-1)^(t+1) l[n-1-t]`` (quadrature mirror).

    Even numbers of weights have no middle; the later of the middle two stands at the voxel, for
    both filters, as in the standard's reference responses.
    """
    low = LOW_PASS[family]
    return centered([(1.0 if t % 2 else -1.0) * w for t, w in enumerate(reversed(low))])


def _product(family: str, band: str) -> Product:
    factors = [low_pass(family) if letter == "L" else high_pass(family) for letter in band]
    return factors[0], factors[1], factors[2] if len(factors) == 3 else IDENTITY


def _spread(product: Product, level: int) -> Product:
    first, second, third = (factor.spread(2 ** (level - 1)) for factor in product)
    return first, second, third


def _smoothed(
    piece: Piece,
    box: Box,
    lows: Product,
    level: int,
    margins_wanted: Sequence[Product],
    boundary: Boundary,
) -> Piece:
    """Return the low-pass response of ``level`` levels where the products need it for the box."""
    if level == 0:
        return piece
    inner = needed_box(box, margins_of(margins_wanted), piece.shape, boundary)
    kernel = _spread(lows, level)
    before = _smoothed(piece, inner, lows, level - 1, [kernel], boundary)
    response = total_response(before, inner, {kernel: 1.0}, boundary)
    return Piece(response, (inner[0][0], inner[1][0], inner[2][0]), piece.shape)


def wavelet_response(
    values: npt.NDArray[np.floating],
    spacing_mm: tuple[float, float, float],
    settings: WaveletFilter,
    *,
    box: Box | None = None,
) -> npt.NDArray[np.float64]:
    """Respond with a sub-band of an undecimated separable wavelet transform (IBSI 25BO).

    Parameters
    ----------
    values : array, (i, j, k)
        The whole image.
    spacing_mm : tuple of float
        Voxel size, mm; one size along the axes filtered.
    settings : WaveletFilter
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
    .. [1] IBSI 2 reference manual, arXiv:2006.05470, separable wavelets.
    .. [2] Shensa, IEEE Trans Signal Process 40:2464, 1992 (algorithme a trous).
    """
    isotropic_mm(spacing_mm, settings.extent.axes)
    piece = whole_image(values)
    box = checked_box(piece, box)
    if settings.pooling is None:
        return _unturned(piece, box, settings, [settings.product])[settings.product]
    return _pooled(piece, box, settings, settings.pooling)


def wavelet_bands(
    values: npt.NDArray[np.floating],
    spacing_mm: tuple[float, float, float],
    bands: Sequence[WaveletFilter],
    *,
    box: Box | None = None,
) -> tuple[npt.NDArray[np.float64], ...]:
    """Respond with several sub-bands that differ in ``band`` only, sharing their passes.

    All eight of a volume take 14 one-dimensional passes in place of 24.

    Parameters
    ----------
    values, spacing_mm, box
        As of ``wavelet_response``.
    bands : sequence of WaveletFilter
        Without pooling.

    Returns
    -------
    tuple of float64 array
        In the order of ``bands``.

    Raises
    ------
    ValueError
        If they differ in more, or pool.
    """
    first = bands[0]
    if {_but_band(each) for each in bands} != {_but_band(first)} or first.pooling is not None:
        raise ValueError("sub-bands computed together differ in their band only, and do not pool")
    isotropic_mm(spacing_mm, first.extent.axes)
    piece = whole_image(values)
    products = [each.product for each in bands]
    found = _unturned(piece, checked_box(piece, box), first, products)
    return tuple(found[product] for product in products)


def _but_band(settings: WaveletFilter) -> tuple[object, ...]:
    return settings.extent, settings.family, settings.boundary, settings.level, settings.pooling


def _unturned(
    piece: Piece, box: Box, settings: WaveletFilter, products: Sequence[Product]
) -> dict[Product, Image]:
    boundary = settings.boundary
    spread = {_spread(product, settings.level): product for product in products}
    lows = _product(settings.family, "L" * len(settings.extent.axes))
    level_below = settings.level - 1
    smoothed = _smoothed(piece, box, lows, level_below, list(spread), boundary)
    found = responses(smoothed, box, list(spread), boundary)
    return {spread[product]: response for product, response in found}


def _pooled(
    piece: Piece, box: Box, settings: WaveletFilter, pooling: Pooling
) -> npt.NDArray[np.float64]:
    boundary, level = settings.boundary, settings.level
    factors = _spread(settings.product, level)
    lows = _product(settings.family, "L" * len(settings.extent.axes))
    # The low-pass filters turn with the others: rotations that agree on them share their levels.
    groups: dict[Product, list[Orientation]] = {}
    for each in rotations(settings.extent.axes):
        turned_lows, _ = oriented(lows, each)
        groups.setdefault(turned_lows if level > 1 else lows, []).append(each)
    pooled: Image | None = None
    for turned_lows, group in groups.items():
        turned = Counter(oriented(factors, each) for each in group)
        products = [product for product, _ in turned]
        smoothed = _smoothed(piece, box, turned_lows, level - 1, products, boundary)
        response = pooled_response(smoothed, box, turned, boundary, pooling)
        if pooling is Pooling.MEAN:
            response *= len(group) / sum(map(len, groups.values()))
        if pooled is None:
            pooled = response
        elif pooling is Pooling.MEAN:
            pooled += response
        else:
            pooled = np.maximum(pooled, response, out=pooled)
    if pooled is None:
        raise ValueError("there is at least one rotation")
    return pooled
