"""Where the field is off: what it darkens and how far it shifts an echo-planar image.

References
----------
.. [1] Jenkinson, Wilson, Jezzard, Magn Reson Med 52:471, 2004 (recalled): field of an object by
       convolution of its susceptibility, about 10 ppm between tissue and air.
.. [2] Jezzard and Balaban, Magn Reson Med 34:65, 1995 (recalled): shift and intensity of EPI.
"""

from typing import Final

import numba
import numpy as np
import numpy.typing as npt
from scipy.ndimage import zoom

from operandi.domain.grid import Grid
from operandi.quantities.errors import DataError
from operandi.simulation.mr.signals import LARMOR_MHZ
from operandi.simulation.scenes.painting import Occupancy
from operandi.simulation.scenes.scene import Point, Tissue

Array = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Void = tuple[Point, float]
"""Center of a metal implant (patient LPS, mm), and the radius within which a gradient echo of
``VOID_ECHO_MS`` is lost in a voxel of ``VOID_VOXEL_MM``."""

AIR_SUSCEPTIBILITY_PPM: Final = 9.4
"""Relative to water (recalled: air +0.36, water -9.05)."""

VOID_ECHO_MS: Final = 1.23
VOID_VOXEL_MM: Final = 2.5
_FIELD_VOXEL_MM: Final = 7.0
_LARGEST_SHIFT: Final = 40.0


def susceptibility_ppm(occupancy: Occupancy, tissues: dict[str, Tissue]) -> Array:
    """Susceptibility relative to water on the grid of a painted scene; what is left is air."""
    image = occupancy.image({name: tissue.susceptibility_ppm for name, tissue in tissues.items()})
    filled = occupancy.image(dict.fromkeys(tissues, 1.0))
    result: Array = image + (1.0 - filled) * np.float32(AIR_SUSCEPTIBILITY_PPM)
    return result


def field_ppm(susceptibility: Array, *, spacing_mm: tuple[float, float, float]) -> Array:
    """Relative field along z of a distribution of susceptibility, Lorentz-corrected.

    ``FT(dB / B0) = (1/3 - kz^2 / k^2) FT(chi)``; the borders are continued outwards.
    """
    margins = [(size // 2, size - size // 2) for size in susceptibility.shape]
    padded = np.pad(susceptibility, margins, mode="edge")
    k = [
        np.fft.fftfreq(size, d=step)
        for size, step in zip(padded.shape[:2], spacing_mm, strict=False)
    ]
    kz = np.fft.rfftfreq(padded.shape[2], d=spacing_mm[2])
    square = k[0][:, None, None] ** 2 + k[1][None, :, None] ** 2 + kz**2
    square[0, 0, 0] = 1.0
    kernel = 1.0 / 3.0 - kz**2 / square
    kernel[0, 0, 0] = 0.0
    field = np.fft.irfftn(np.fft.rfftn(padded) * kernel, s=padded.shape, axes=(0, 1, 2))
    inner = tuple(
        slice(before, before + size)
        for (before, _), size in zip(margins, susceptibility.shape, strict=True)
    )
    result: Array = field[inner].astype(np.float32)
    return result


def background_hz(occupancy: Occupancy, tissues: dict[str, Tissue]) -> Array:
    """Off-resonance of a body in air after shimming, Hz, on the grid of a painted scene.

    Computed on voxels of about 7 mm; a polynomial of second order fitted within the body stands
    for the shim.
    """
    grid = occupancy.grid
    susceptibility = susceptibility_ppm(occupancy, tissues)
    steps = [max(1, round(_FIELD_VOXEL_MM / spacing)) for spacing in grid.spacing_mm]
    coarse = _block_means(susceptibility, steps)
    spacing = tuple(spacing * step for spacing, step in zip(grid.spacing_mm, steps, strict=True))
    field = field_ppm(coarse, spacing_mm=(spacing[0], spacing[1], spacing[2])) * LARMOR_MHZ
    field = _shimmed(field, within=coarse < AIR_SUSCEPTIBILITY_PPM / 2)
    factors = [fine / few for fine, few in zip(grid.shape, field.shape, strict=True)]
    result: Array = zoom(field, factors, order=1, mode="nearest", grid_mode=True)
    return result.astype(np.float32)


def void_hz(grid: Grid, void: Void) -> Array:
    """Off-resonance of a metal implant, Hz: a dipole along z.

    ``f_R (R / r)^3 (3 cos^2 - 1) / 2``; *f_R* such that phase turns once over a voxel of
    ``VOID_VOXEL_MM`` at ``VOID_ECHO_MS`` where ``r = R``. Constant inside ``R / 2``.
    """
    radius = void[1]
    distance, cosine = _from_void(grid, void)
    fall = (radius / np.maximum(distance, radius / 2)) ** 3
    field: Array = (_void_rim_hz(radius) * fall * (3.0 * cosine**2 - 1.0) / 2.0).astype(np.float32)
    return field


def void_dephasing(grid: Grid, void: Void, *, echo_time_ms: float) -> Array:
    """Share of a signal that an implant leaves, from the spread of phase over a voxel.

    ``|sinc(turns)|`` with ``turns = 3 f_R R^3 / r^4 * voxel * TE``, none at more than a turn;
    at echo time 0 (a spin echo) only the implant itself, ``R / 2``, is dark.
    """
    radius = void[1]
    distance, _ = _from_void(grid, void)
    voxel = max(grid.spacing_mm)
    safe = np.maximum(distance, 1e-3)
    turns = 3.0 * _void_rim_hz(radius) * radius**3 / safe**4 * voxel * echo_time_ms * 1e-3
    left = np.where(turns < 1.0, np.sinc(np.minimum(turns, 1.0)), 0.0)
    result: Array = np.where(distance < radius / 2, 0.0, left).astype(np.float32)
    return result


def shifted(image: Array, shift_px: Array | float, *, axis: int) -> Array:
    """Move signal along an axis by a field of pixels, keeping its total but for what leaves.

    Every voxel becomes the interval that its borders move to, so signal piles up where the field
    converges. Shifts beyond 40 pixels count as 40.

    Parameters
    ----------
    image : Array, (i, j, k)
    shift_px : Array (i, j, k) or float
        Towards higher indices.
    axis : int, 0 or 1
    """
    if axis not in {0, 1}:
        raise DataError(f"Images are shifted along axis 0 or 1, not {axis}.", remedy="Give one.")
    field = np.broadcast_to(np.asarray(shift_px, dtype=np.float32), image.shape)
    field = np.clip(field, -_LARGEST_SHIFT, _LARGEST_SHIFT)
    if axis == 0:
        image, field = image.swapaxes(0, 1), field.swapaxes(0, 1)
    moved = np.zeros(image.shape, dtype=np.float32)
    _push(np.ascontiguousarray(image), np.ascontiguousarray(field), moved)
    return moved.swapaxes(0, 1) if axis == 0 else moved


@numba.njit(cache=True)
def _push(image, shift, moved):  # type: ignore[no-untyped-def]
    lines, size, slices = image.shape
    for i in range(lines):
        for j in range(size):
            for k in range(slices):
                signal = image[i, j, k]
                if signal == 0.0:
                    continue
                before = shift[i, max(j - 1, 0), k]
                after = shift[i, min(j + 1, size - 1), k]
                one = j + 0.5 * (before + shift[i, j, k])
                other = j + 1.0 + 0.5 * (after + shift[i, j, k])
                low = min(one, other)
                high = max(one, other, low + 1e-3)
                first = max(int(np.floor(low)), 0)
                last = min(int(np.ceil(high)), size)
                for n in range(first, last):
                    overlap = min(high, n + 1.0) - max(low, n * 1.0)
                    if overlap > 0.0:
                        moved[i, n, k] += signal * overlap / (high - low)


def _void_rim_hz(radius_mm: float) -> float:
    return radius_mm / (3.0 * VOID_VOXEL_MM * VOID_ECHO_MS * 1e-3)


def _from_void(grid: Grid, void: Void) -> tuple[Floats, Floats]:
    """Distance of every voxel from the middle of the implant, and cosine of its angle with z."""
    x, y, z = (
        grid.affine[n, 3] + grid.affine[n, n] * np.arange(size) - void[0][n]
        for n, size in enumerate(grid.shape)
    )
    distance = np.sqrt(x[:, None, None] ** 2 + y[None, :, None] ** 2 + z**2)
    return distance, z / np.maximum(distance, 1e-3)


def _block_means(image: Array, steps: list[int]) -> Array:
    counts = [size // step for size, step in zip(image.shape, steps, strict=True)]
    cut = image[tuple(slice(n * step) for n, step in zip(counts, steps, strict=True))]
    i, j, k = counts
    blocks = cut.reshape(i, steps[0], j, steps[1], k, steps[2])
    means: Array = blocks.mean(axis=(1, 3, 5))
    return means


def _shimmed(field: Array, *, within: npt.NDArray[np.bool_]) -> Array:
    axes = np.meshgrid(*[np.linspace(-1.0, 1.0, size) for size in field.shape], indexing="ij")
    x, y, z = axes
    terms = [np.ones_like(x), x, y, z, x * y, y * z, z * x, x * x, y * y, z * z]
    basis = np.stack(terms, axis=-1)
    # A body that hardly fills the view cannot be shimmed to second order.
    if np.count_nonzero(within) <= 10 * len(terms):
        return field
    # Sums in one order whatever the number of threads; ``lstsq`` has none of its own.
    inner, values = basis[within], field[within].astype(np.float64)
    normal = np.einsum("nt,nu->tu", inner, inner)
    weights = np.linalg.solve(normal, np.einsum("nt,n->t", inner, values))
    result: Array = (field - np.einsum("ijkt,t->ijk", basis, weights)).astype(np.float32)
    return result
