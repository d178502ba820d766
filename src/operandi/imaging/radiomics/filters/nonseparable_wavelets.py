"""Non-separable wavelets, defined by their transfer function (IBSI LODD), and such filters.

Their kernels are as wide as the image: a response is computed on the whole of it, then cut.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import fft

from operandi.imaging.radiomics.filters.boundary import (
    Boundary,
    Box,
    Margins,
    Piece,
    checked_box,
    whole_box,
    whole_image,
    window,
)
from operandi.imaging.radiomics.filters.convolution import Image
from operandi.imaging.radiomics.filters.extent import Extent, isotropic_mm
from operandi.quantities.errors import DataError

_SLAB = 2**16
"""Frequencies at which a transfer function is evaluated at a time."""

Frequencies: TypeAlias = tuple[Image, ...]
"""One array an axis filtered, broadcasting over the spectrum; 1 is the Nyquist frequency."""


class NonseparableFamily(StrEnum):
    """Radial wavelets."""

    SHANNON = "shannon"
    SIMONCELLI = "simoncelli"


@dataclass(frozen=True, slots=True, kw_only=True)
class NonseparableWaveletFilter:
    """Settings of a band of a non-separable wavelet.

    Parameters
    ----------
    extent : Extent
        Slices or volume.
    family : NonseparableFamily
        Shannon or Simoncelli.
    level : int, >= 1
        Decomposition level: the band of level 1 ends at the Nyquist frequency, of each further
        one at half of that.
    boundary : Boundary
        What lies beyond the edge.
    """

    extent: Extent
    family: NonseparableFamily
    level: int
    boundary: Boundary

    def __post_init__(self) -> None:
        if self.level < 1:
            raise DataError(f"A decomposition level must be >= 1, found {self.level}.")


def radial_transfer(frequency: Image, family: NonseparableFamily, *, level: int) -> Image:
    """Return a wavelet's transfer function at distances from the spectrum's center.

    Simoncelli: ``cos(pi/2 log2(2 f / m))`` for ``m/4 <= f <= m``; Shannon: 1 for ``m/2 <= f <= m``;
    with ``m = 2^(1 - level)`` times the Nyquist frequency.
    """
    highest = 2.0 ** (1 - level)
    if family is NonseparableFamily.SHANNON:
        return np.where((frequency >= highest / 2) & (frequency <= highest), 1.0, 0.0)
    inside = (frequency >= highest / 4) & (frequency <= highest)
    safe = np.where(inside, frequency, highest)
    return np.where(inside, np.cos(np.pi / 2 * np.log2(2.0 * safe / highest)), 0.0)


def radius(frequencies: Frequencies) -> Image:
    """Return the distance from the center of the spectrum."""
    total = frequencies[0] ** 2
    for each in frequencies[1:]:
        total = total + each**2
    return np.sqrt(total)


def nonseparable_wavelet_response(
    values: npt.NDArray[np.floating],
    spacing_mm: tuple[float, float, float],
    settings: NonseparableWaveletFilter,
    *,
    box: Box | None = None,
) -> npt.NDArray[np.float64]:
    """Respond with one band of a radial wavelet (IBSI LODD; Shannon, Simoncelli PRT7).

    Parameters
    ----------
    values : array, (i, j, k)
        The whole image.
    spacing_mm : tuple of float
        Voxel size, mm; one size along the axes filtered.
    settings : NonseparableWaveletFilter
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
    .. [1] IBSI 2 reference manual, arXiv:2006.05470, non-separable wavelets.
    .. [2] Simoncelli and Freeman, ICIP 1995 (steerable pyramid).
    """
    isotropic_mm(spacing_mm, settings.extent.axes)
    piece = whole_image(values)
    box = checked_box(piece, box)
    spectrum = Spectrum(piece, settings.extent.axes, settings.boundary)

    def transfer(frequencies: Frequencies) -> Image:
        return radial_transfer(radius(frequencies), settings.family, level=settings.level)

    return cut(spectrum.response(transfer, last=True), box)


def cut(image: Image, box: Box) -> Image:
    """Return a copy of the box."""
    return np.ascontiguousarray(image[tuple(slice(first, last) for first, last in box)])


class Spectrum:
    """An image's spectrum, to be filtered by several transfer functions.

    PERIODIC is what a discrete Fourier transform means. For the other conditions the image is
    extended to twice its size, by half of it on every side: with MIRROR that is exactly its
    period, with ZERO and NEAREST the kernel has faded there.

    Transfer functions are sampled as in the standard's reference responses: at ``n`` evenly
    spaced points from minus to plus the Nyquist frequency, both included, so that an even ``n``
    has no point at 0. The frequencies of a discrete transform differ from these by up to half a
    step: at level 3 in 64 voxels a response sampled there is 8 % of its range off the reference
    (8.a.3), and 10.b.1 is 0.9 % off in place of 0.1 %. It follows that a response depends a
    little on the size of the image, and is only comparable between images of similar size.
    The real part of the response is returned, that is the mean of the transfer function at *f*
    and of its conjugate at *-f*.

    Parameters
    ----------
    piece : Piece
        A whole image.
    axes : tuple of int
        Along which it is filtered.
    boundary : Boundary
        What lies beyond the edge.
    """

    def __init__(self, piece: Piece, axes: tuple[int, ...], boundary: Boundary) -> None:
        self._axes = axes
        self._widths: list[tuple[int, int]] = [(0, 0)] * 3
        self._inner = piece.shape
        if boundary is not Boundary.PERIODIC:
            for axis in axes:
                n = piece.shape[axis]
                self._widths[axis] = (n // 2, n - n // 2)
        margins: Margins = (self._widths[0], self._widths[1], self._widths[2])
        image = window(piece, whole_box(piece), margins, boundary)
        self._shape = image.shape
        self._values = fft.rfftn(image, axes=axes, workers=1)

    def convolve(self, transform: Callable[[Frequencies], Image]) -> None:
        """Convolve the image itself by a kernel's transform at the discrete frequencies."""
        along = [2.0 * _steps(self._shape[axis]) / self._shape[axis] for axis in self._axes]
        self._values *= transform(self._half(along))

    def response(
        self, transfer: Callable[[Frequencies], Image], *, order: int = 0, last: bool = False
    ) -> Image:
        """Filter by a real transfer function times ``(-i)^order``.

        Parameters
        ----------
        transfer : callable
            Of the frequencies.
        order : int, >= 0
            How often it derives.
        last : bool
            The spectrum may be overwritten: it is not needed again.

        Returns
        -------
        float64 array, (i, j, k)
            Shaped as the image.
        """
        sizes = [self._shape[axis] for axis in self._axes]
        here = self._half([_sampled(_steps(n), n) for n in sizes])
        there = self._half([_sampled(_opposite(n), n) for n in sizes])
        uneven = any(n % 2 == 0 for n in sizes)
        filtered = self._values if last else np.empty_like(self._values)
        # By slabs: the transfer function's intermediate arrays stay in the cache.
        slab = max(1, _SLAB // math.prod(f.size for f in here[1:]))
        for first in range(0, sizes[0], slab):
            part = slice(first, first + slab)
            gain = transfer((here[0][part], *here[1:]))
            if uneven:
                opposite = transfer((there[0][part], *there[1:]))
                gain += opposite if order % 2 == 0 else -opposite
                gain *= 0.5
            np.multiply(self._values[part], gain, out=filtered[part])
        if order % 4:
            filtered *= (-1j) ** (order % 4)
        full = fft.irfftn(filtered, s=sizes, axes=self._axes, workers=1, overwrite_x=True)
        inner = tuple(
            slice(before, before + n)
            for (before, _), n in zip(self._widths, self._inner, strict=True)
        )
        return np.ascontiguousarray(full[inner])

    def _half(self, along: list[Image]) -> Frequencies:
        found = []
        for axis, each in zip(self._axes, along, strict=True):
            kept = each[: each.size // 2 + 1] if axis == self._axes[-1] else each
            shape = [1, 1, 1]
            shape[axis] = kept.size
            found.append(kept.reshape(shape))
        return tuple(found)


def _steps(n: int) -> Image:
    """Return the discrete frequencies in whole steps, in the transform's order."""
    steps: Image = np.rint(fft.fftfreq(n) * n)
    return steps


def _opposite(n: int) -> Image:
    """Return the steps of the frequencies opposite to those of ``_steps``."""
    return np.roll(_steps(n)[::-1], 1)


def _sampled(steps: Image, n: int) -> Image:
    """Return where the standard samples a transfer function for these steps; 1 is Nyquist."""
    return (steps + 0.5 * (n % 2 == 0)) / (0.5 * max(n - 1, 1))
