"""Gabor filters (IBSI Q88H)."""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from scipy import fft

from operandi.imaging.radiomics.filters.boundary import (
    Boundary,
    Box,
    checked_box,
    whole_image,
    window,
)
from operandi.imaging.radiomics.filters.convolution import Image
from operandi.imaging.radiomics.filters.extent import isotropic_mm
from operandi.imaging.radiomics.filters.pooling import Pooling
from operandi.quantities.errors import DataError

ENVELOPE_SIGMAS = 7.0
"""Standard deviations at which the kernel ends: its envelope is 2e-11 there."""

_SLAB = 2**21
"""Values transformed at a time, which bounds the memory."""


class Planes(StrEnum):
    """In which planes a two-dimensional kernel is convolved."""

    SLICES = "slices"
    """Axes i and j."""
    ORTHOGONAL = "three orthogonal planes"
    """Each of the three planes of axes; the responses are pooled."""

    @property
    def normals(self) -> tuple[int, ...]:
        """Axes across the planes."""
        return (2,) if self is Planes.SLICES else (2, 1, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class GaborFilter:
    """Settings of a Gabor filter whose response is the modulus.

    Parameters
    ----------
    planes : Planes
        Slices, or three orthogonal planes pooled.
    sigma_mm : float, > 0
        Standard deviation of the envelope along the wave, IBSI sigma*.
    wavelength_mm : float, > 0
        IBSI lambda*.
    ellipticity : float, > 0
        IBSI gamma: the envelope's deviation across the wave is sigma / gamma.
    orientation_degrees : float
        IBSI theta: direction of the wave, clockwise in the image as shown with j downwards.
    step_degrees : float or None
        Pool over orientations from ``orientation_degrees`` in this step, which divides 360;
        None takes one orientation.
    pooling : Pooling
        Over orientations and planes, where there are several.
    boundary : Boundary
        What lies beyond the edge.
    """

    planes: Planes
    sigma_mm: float
    wavelength_mm: float
    ellipticity: float
    orientation_degrees: float
    step_degrees: float | None
    pooling: Pooling
    boundary: Boundary

    def __post_init__(self) -> None:
        for name, value in (
            ("sigma", self.sigma_mm),
            ("wavelength", self.wavelength_mm),
            ("ellipticity", self.ellipticity),
        ):
            if not value > 0:
                raise DataError(f"A Gabor filter needs {name} > 0, found {value}.")
        step = self.step_degrees
        if step is not None and not (step > 0 and math.isclose(360 / step, round(360 / step))):
            raise DataError(f"A step of orientation must divide 360 degrees, found {step}.")

    @property
    def orientations_degrees(self) -> tuple[float, ...]:
        """Orientations pooled; one of each pair of opposite ones, whose moduli are equal."""
        if self.step_degrees is None:
            return (self.orientation_degrees,)
        count = round(360 / self.step_degrees)
        kept = count // 2 if count % 2 == 0 else count
        return tuple(self.orientation_degrees + n * self.step_degrees for n in range(kept))


def gabor_kernel(
    settings: GaborFilter, *, orientation_degrees: float, voxel_mm: float
) -> npt.NDArray[np.complex128]:
    """Return the kernel, (a, b), of a plane with first axis *a* and second *b*.

    ``g = exp(-(p^2 + gamma^2 q^2) / 2 sigma^2 + 2 pi i p / lambda)``, with
    ``p = a cos theta + b sin theta`` along the wave, ``q = b cos theta - a sin theta``, in voxels.
    """
    sigma, wavelength = settings.sigma_mm / voxel_mm, settings.wavelength_mm / voxel_mm
    angle = math.radians(orientation_degrees)
    wide = sigma / settings.ellipticity
    reach_a = math.hypot(sigma * math.cos(angle), wide * math.sin(angle))
    reach_b = math.hypot(sigma * math.sin(angle), wide * math.cos(angle))
    a = np.arange(
        -math.ceil(ENVELOPE_SIGMAS * reach_a), math.ceil(ENVELOPE_SIGMAS * reach_a) + 1.0
    )[:, None]
    b = np.arange(
        -math.ceil(ENVELOPE_SIGMAS * reach_b), math.ceil(ENVELOPE_SIGMAS * reach_b) + 1.0
    )[None, :]
    p = a * math.cos(angle) + b * math.sin(angle)
    q = b * math.cos(angle) - a * math.sin(angle)
    envelope = np.exp(-(p**2 + (settings.ellipticity * q) ** 2) / (2.0 * sigma**2))
    kernel: npt.NDArray[np.complex128] = envelope * np.exp(2j * math.pi * p / wavelength)
    return kernel


def gabor_response(
    values: npt.NDArray[np.floating],
    spacing_mm: tuple[float, float, float],
    settings: GaborFilter,
    *,
    box: Box | None = None,
) -> npt.NDArray[np.float64]:
    """Respond to waves of one length: the modulus of the complex response (IBSI Q88H).

    Parameters
    ----------
    values : array, (i, j, k)
        The whole image.
    spacing_mm : tuple of float
        Voxel size, mm; one size along the axes filtered.
    settings : GaborFilter
        How.
    box : Box, optional
        Compute the response only here. The kernel is cut where its envelope is 2e-11, and the
        response equals that of the whole image but for the rounding of Fourier transforms,
        about 1e-13 of the largest response.

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
    .. [1] IBSI 2 reference manual, arXiv:2006.05470, Gabor filters.
    """
    axes = (0, 1) if settings.planes is Planes.SLICES else (0, 1, 2)
    voxel_mm = isotropic_mm(spacing_mm, axes)
    piece = whole_image(values)
    box = checked_box(piece, box)
    kernels = [
        gabor_kernel(settings, orientation_degrees=each, voxel_mm=voxel_mm)
        for each in settings.orientations_degrees
    ]
    reach = [max(kernel.shape[axis] // 2 for kernel in kernels) for axis in range(2)]
    total: Image | None = None
    for normal in settings.planes.normals:
        in_plane = [axis for axis in range(3) if axis != normal]
        margins = [(0, 0)] * 3
        for axis, width in zip(in_plane, reach, strict=True):
            margins[axis] = (width, width)
        image = window(piece, box, (margins[0], margins[1], margins[2]), settings.boundary)
        pooled = _planes(
            np.ascontiguousarray(np.moveaxis(image, normal, 0)), kernels, reach, settings
        )
        turned = np.moveaxis(pooled, 0, normal)
        if total is None:
            total = np.ascontiguousarray(turned)
        elif settings.pooling is Pooling.MAX:
            total = np.maximum(total, turned, out=total)
        else:
            total += turned
    if total is None:
        raise ValueError("there is at least one plane")
    if settings.pooling is Pooling.MEAN:
        total /= len(kernels) * len(settings.planes.normals)
    return total


def _planes(
    planes: Image,
    kernels: list[npt.NDArray[np.complex128]],
    reach: list[int],
    settings: GaborFilter,
) -> Image:
    """Return summed or largest moduli in planes (n, a, b), their margins taken off."""
    # Circular convolution is exact where the kernel does not wrap: in the box, not its margins.
    full = [fft.next_fast_len(n, real=True) for n in planes.shape[1:]]
    spectra = []
    for kernel in kernels:
        placed = np.zeros(full, dtype=np.complex128)
        half_a, half_b = kernel.shape[0] // 2, kernel.shape[1] // 2
        placed[: kernel.shape[0], : kernel.shape[1]] = kernel
        placed = np.roll(placed, (-half_a, -half_b), (0, 1))
        spectra.append((fft.rfft2(placed.real), fft.rfft2(placed.imag)))
    inner = (
        slice(reach[0], planes.shape[1] - reach[0]),
        slice(reach[1], planes.shape[2] - reach[1]),
    )
    shape = (planes.shape[0], *(part.stop - part.start for part in inner))
    out = np.zeros(shape)
    slab = max(1, _SLAB // (full[0] * full[1]))
    for first in range(0, planes.shape[0], slab):
        here = slice(first, first + slab)
        spectrum = fft.rfft2(planes[here], s=full, workers=1)
        for even, odd in spectra:
            modulus = _inner(spectrum * even, full, inner)
            modulus *= modulus
            imaginary = _inner(spectrum * odd, full, inner)
            imaginary *= imaginary
            modulus += imaginary
            np.sqrt(modulus, out=modulus)
            if settings.pooling is Pooling.MAX:
                np.maximum(out[here], modulus, out=out[here])
            else:
                out[here] += modulus
    return out


def _inner(
    spectrum: npt.NDArray[np.complex128], full: list[int], inner: tuple[slice, slice]
) -> Image:
    """Return the planes of a spectrum without their margins, which the last pass leaves out."""
    half = fft.ifft(spectrum, axis=1, workers=1, overwrite_x=True)[:, inner[0]]
    planes: Image = fft.irfft(half, n=full[1], axis=2, workers=1)[:, :, inner[1]]
    return planes
