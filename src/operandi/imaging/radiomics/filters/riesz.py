"""Riesz transforms of filters (IBSI AYRS), steered or not.

A Riesz transform derives along axes without weighting high frequencies. It is applied to the
response of a radial filter, which selects a scale.
"""

import math
from dataclasses import dataclass
from itertools import combinations_with_replacement, product
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from operandi.imaging.radiomics.filters.boundary import (
    Boundary,
    Box,
    Piece,
    checked_box,
    whole_image,
    window,
)
from operandi.imaging.radiomics.filters.convolution import (
    IDENTITY,
    Image,
    Kernel,
    centered,
    margins_of,
    total_response,
)
from operandi.imaging.radiomics.filters.extent import isotropic_mm
from operandi.imaging.radiomics.filters.laplacian_of_gaussian import (
    LaplacianOfGaussianFilter,
    laplacian_of_gaussian_factors,
)
from operandi.imaging.radiomics.filters.nonseparable_wavelets import (
    Frequencies,
    NonseparableWaveletFilter,
    Spectrum,
    cut,
    radial_transfer,
    radius,
)
from operandi.quantities.errors import DataError

Orders: TypeAlias = tuple[int, ...]
"""How often each filtered axis is derived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RieszFilter:
    """Settings of a Riesz-transformed filter.

    Parameters
    ----------
    of : LaplacianOfGaussianFilter or NonseparableWaveletFilter
        The radial filter; its extent and boundary condition hold.
    orders : tuple of int
        IBSI l: how often each axis of the extent is derived; at least one in all. When steered,
        the first axis is the local direction, the others are across it.
    steering_sigma_mm : float or None
        Deviation of the Gaussian that averages the structure tensor whose eigenvectors steer
        the filter at each voxel; None does not steer.
    """

    of: LaplacianOfGaussianFilter | NonseparableWaveletFilter
    orders: tuple[int, ...]
    steering_sigma_mm: float | None

    def __post_init__(self) -> None:
        if len(self.orders) != len(self.of.extent.axes):
            raise DataError(
                f"A Riesz transform in {self.of.extent} needs {len(self.of.extent.axes)} orders, "
                f"found {self.orders}."
            )
        if min(self.orders) < 0 or not sum(self.orders):
            raise DataError(
                f"Orders of a Riesz transform are >= 0 and sum to >= 1, found {self.orders}."
            )
        if self.steering_sigma_mm is not None and not self.steering_sigma_mm > 0:
            raise DataError(
                f"A structure tensor needs sigma > 0 mm, found {self.steering_sigma_mm}."
            )


def riesz_response(
    values: npt.NDArray[np.floating],
    spacing_mm: tuple[float, float, float],
    settings: RieszFilter,
    *,
    box: Box | None = None,
) -> npt.NDArray[np.float64]:
    """Derive the response of a radial filter along axes or local directions (IBSI AYRS).

    Transfer function ``(-i)^L sqrt(L! / (l1! l2! l3!)) n1^l1 n2^l2 n3^l3 / |n|^L`` times that of
    the radial filter, with *L* the sum of the orders and *n* the frequency; 0 at ``n = 0``.

    Steering turns this function at each voxel so that its first axis lies along the eigenvector
    of the largest eigenvalue of the structure tensor, its second along that of the next. The
    tensor is the Gaussian average of the products of the first-order responses of the radial
    filter (the directions of its scale, not of the image's). The standard has no reference
    response for steering. An eigenvector's
    sign is that with a non-negative first-order response along it.

    Parameters
    ----------
    values : array, (i, j, k)
        The whole image.
    spacing_mm : tuple of float
        Voxel size, mm; one size along the axes filtered.
    settings : RieszFilter
        How.
    box : Box, optional
        Return the response only here. It is computed on the whole image all the same.

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
    .. [1] IBSI 2 reference manual, arXiv:2006.05470, Riesz transform.
    .. [2] Unser and Van De Ville, IEEE Trans Image Process 19:636, 2010.
    """
    axes = settings.of.extent.axes
    voxel_mm = isotropic_mm(spacing_mm, axes)
    piece = whole_image(values)
    box = checked_box(piece, box)
    source = _Source(piece, settings.of, voxel_mm)
    if settings.steering_sigma_mm is None:
        return cut(source.response(settings.orders), box)
    directions = _directions(source, piece, settings, voxel_mm, box)
    return _steered(source, settings.orders, directions, box)


class _Source:
    """A radial filter's response in the frequency domain, to be derived in several ways."""

    def __init__(
        self,
        piece: Piece,
        of: LaplacianOfGaussianFilter | NonseparableWaveletFilter,
        voxel_mm: float,
    ) -> None:
        self._wavelet = of if isinstance(of, NonseparableWaveletFilter) else None
        self._spectrum = Spectrum(piece, of.extent.axes, of.boundary)
        if isinstance(of, LaplacianOfGaussianFilter):
            factors = laplacian_of_gaussian_factors(of, voxel_mm)
            self._spectrum.convolve(lambda frequencies: _transform(factors, frequencies))

    def response(self, orders: Orders) -> Image:
        """Return the response derived ``orders`` times."""
        total = sum(orders)
        norm = math.sqrt(math.factorial(total) / math.prod(map(math.factorial, orders)))

        def transfer(frequencies: Frequencies) -> Image:
            away = radius(frequencies)
            gain = norm / np.where(away > 0, away, np.inf) ** total
            for along, order in zip(frequencies, orders, strict=True):
                gain *= along**order
            if self._wavelet is not None:
                wavelet = self._wavelet
                gain *= radial_transfer(away, wavelet.family, level=wavelet.level)
            return gain

        return self._spectrum.response(transfer, order=total)


def _transform(factors: tuple[Kernel, Kernel], frequencies: Frequencies) -> Image:
    """Return the transform of the cut-off Laplacian-of-Gaussian kernel: sums of cosines."""
    smooth, curved = (
        [
            np.cos(np.pi * along[..., None] * np.array(kernel.offsets)) @ np.array(kernel.weights)
            for along in frequencies
        ]
        for kernel in factors
    )
    total = np.zeros((1, 1, 1))
    for axis, term in enumerate(curved):
        others = [each for other, each in enumerate(smooth) if other != axis]
        total = total + math.prod(others, start=term)
    return total


def _directions(
    source: _Source, piece: Piece, settings: RieszFilter, voxel_mm: float, box: Box
) -> npt.NDArray[np.float64]:
    """Return the steering frame in the box: (i, j, k, direction, axis)."""
    axes = settings.of.extent.axes
    count = len(axes)
    first = [source.response(tuple(int(a == axis) for a in range(count))) for axis in range(count)]
    sigma = (settings.steering_sigma_mm or 0.0) / voxel_mm
    reach = math.floor(4.0 * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    gaussian = centered((weights / weights.sum()).tolist())
    average = (gaussian, gaussian, gaussian if count == 3 else IDENTITY)
    shape = tuple(last - start for start, last in box)
    margins = margins_of([average])
    inner = tuple((m[0], m[0] + n) for m, n in zip(margins, shape, strict=True))
    tensor = np.empty((*shape, count, count))
    for a, b in combinations_with_replacement(range(count), 2):
        products = Piece(first[a] * first[b], (0, 0, 0), piece.shape)
        extended = window(products, box, margins, settings.of.boundary)
        if a != b and settings.of.boundary is Boundary.MIRROR:
            # A derivative along an axis changes its sign in the mirror across that axis.
            for axis in (a, b):
                _mirror_signs(extended, axis, box[axis][0] - margins[axis][0], piece.shape[axis])
        smooth = total_response(
            whole_image(extended), (inner[0], inner[1], inner[2]), {average: 1.0}, Boundary.ZERO
        )
        tensor[..., a, b] = tensor[..., b, a] = smooth
    # Ascending eigenvalues, eigenvectors in columns: turned to rows, the largest first.
    _, vectors = np.linalg.eigh(tensor)
    frame = np.swapaxes(vectors, -1, -2)[..., ::-1, :]
    along = np.zeros((*shape, count))
    for axis in range(count):
        along += frame[..., axis] * cut(first[axis], box)[..., None]
    return np.asarray(np.where(along < 0, -1.0, 1.0)[..., None] * frame)


def _mirror_signs(extended: Image, axis: int, first: int, n: int) -> None:
    """Change the sign where an odd number of mirrors lies between a voxel and the image."""
    laps = np.arange(first, first + extended.shape[axis]) // n
    shape = [1, 1, 1]
    shape[axis] = laps.size
    extended *= np.where(laps % 2, -1.0, 1.0).reshape(shape)


def _steered(source: _Source, orders: Orders, frame: Image, box: Box) -> Image:
    """Expand the turned monomial in the unturned ones: the transform is steerable."""
    count, total = len(orders), sum(orders)
    # One axis is drawn for each derivation; draws with the same counts share a component.
    directions = [d for d, order in enumerate(orders) for _ in range(order)]
    coefficients: dict[Orders, Image] = {}
    for draw in product(range(count), repeat=total):
        counts = tuple(draw.count(axis) for axis in range(count))
        term = np.ones(frame.shape[:3])
        for direction, axis in zip(directions, draw, strict=True):
            term *= frame[..., direction, axis]
        if counts in coefficients:
            coefficients[counts] += term
        else:
            coefficients[counts] = term
    norm = 1.0 / math.prod(map(math.factorial, orders))
    response = np.zeros(frame.shape[:3])
    for counts, coefficient in coefficients.items():
        # Each component carries sqrt(L! / l!); the turned one shall carry its own.
        scale = math.sqrt(norm * math.prod(map(math.factorial, counts)))
        response += scale * coefficient * cut(source.response(counts), box)
    return response
