"""Moran's I and Geary's C, exactly: every pair of voxels counts, no pair is visited.

Both are sums over pairs weighted by 1 / distance, that is quadratic forms of the kernel 1 / r on
the lesion's box. A discrete Fourier transform of twice the box's length makes the kernel diagonal.
As the kernel is even along each axis, even and odd parts of the image never mix: eight real images
of an eighth of the box are multiplied by cosines or sines, without complex numbers and without
zeros that pad. At 50^3 voxels this takes half the time of the best padded FFT.

References
----------
.. [1] IBSI reference manual 3.1.17 (N365) and 3.1.18 (NPT7), arXiv:1612.07003.
"""

import functools
import math
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from numba import njit

from operandi.imaging.radiomics.distribution import feature
from operandi.imaging.radiomics.feature import Feature
from operandi.imaging.radiomics.prepare import box_of
from operandi.imaging.radiomics.region import Region
from operandi.imaging.radiomics.statistics import NO_INTENSITIES

Floats: TypeAlias = npt.NDArray[np.float64]

ONE_THREAD: Final = 1 << 18
"""Multiplications up to which OpenBLAS starts no threads for a product of matrices."""

BLOCK_ROWS: Final = 64
"""Of a block, where a product has to be divided."""

MORAN, GEARY = "morph_moran_i", "morph_geary_c"


def spatial_autocorrelation(region: Region) -> tuple[Feature, Feature]:
    """Moran's I and Geary's C of the intensity mask.

    With weights w = 1 / distance over all ordered pairs of N voxels, and W their sum,
    ``I = N / W * sum w (x - m)(x' - m) / sum (x - m)^2`` and
    ``C = (N - 1) / (2 W) * sum w (x - x')^2 / sum (x - m)^2``.

    Parameters
    ----------
    region : Region

    Returns
    -------
    tuple of Feature
        Absent where there is no pair or all intensities are equal.
    """
    box = box_of(region.intensity)
    if box is None:
        return Feature(MORAN, None, NO_INTENSITIES), Feature(GEARY, None, NO_INTENSITIES)
    inside, values = region.intensity[box], region.values[box]
    found = values[inside]
    spread = np.where(inside, values - found.mean(), 0.0)
    # In units of the largest deviation, so that no square overflows or vanishes.
    deviation = float(np.abs(spread).max())
    if found.size < 2 or found.min() == found.max() or not deviation > 0:
        reason = "one voxel has no pair" if found.size < 2 else "all intensities are equal"
        return Feature(MORAN, None, reason), Feature(GEARY, None, reason)
    spread /= deviation
    variance = float(np.square(spread).sum()) / found.size
    products, squares, pairs = pair_sums(spread, inside, region.spacing_mm)
    moran = products / pairs / variance
    geary = (found.size - 1) / found.size * (squares - products) / pairs / variance
    return feature(MORAN, moran), feature(GEARY, geary)


def pair_sums(
    values: Floats, inside: npt.NDArray[np.bool_], spacing_mm: tuple[float, float, float]
) -> tuple[float, float, float]:
    """Sums over all ordered pairs of voxels inside, weighted by 1 / distance.

    Parameters
    ----------
    values : float array, (i, j, k)
        0 outside.
    inside : bool array, (i, j, k)
    spacing_mm : tuple of float

    Returns
    -------
    tuple of float
        Of x x', of x^2, and of 1; 1 / mm times the unit of x squared.
    """
    half = [(n + 1) // 2 for n in values.shape]
    cosines, sines = zip(*(_waves(h) for h in half), strict=True)
    weights = _kernel(half, spacing_mm)
    hi, hj, hk = half
    parts, along_k, along_j, along_i = _workspace(
        (2, 2, 2, 3, hi, hj, hk),
        (2, 2, 3, hi, hj, 2 * hk),
        (2, 3, hi, 2 * hj, 2 * hk),
        (3, 2 * hi, 4 * hj * hk),
    )
    _fold(values, inside, parts)
    sums = np.zeros(3)
    spread = along_i.reshape(3, 2 * hi, 2 * hj, 2 * hk).swapaxes(1, 2)
    for k, waves_k in enumerate((cosines[2], sines[2])):
        _multiply(parts[k], waves_k.T, along_k)
        for j, waves_j in enumerate((cosines[1], sines[1])):
            _multiply(waves_j, along_k[j], along_j)
            for i, waves_i in enumerate((cosines[0], sines[0])):
                _multiply(waves_i, along_j[i].swapaxes(1, 2), spread)
                _add_forms(along_i, weights, sums)
    return float(sums[0]), float(sums[1]), float(sums[2])


def _multiply(left: Floats, right: Floats, out: Floats) -> None:
    """Matrix products of stacks, each so small that BLAS leaves it to one thread.

    On a busy machine its threads wait for one another longer than they compute, and how a sum is
    divided among them shows in its last digits.
    """
    rows, inner, columns = left.shape[-2], left.shape[-1], right.shape[-1]
    if rows * inner * columns <= ONE_THREAD:
        np.matmul(left, right, out=out)
        return
    high = _even(rows, BLOCK_ROWS)
    wide = _even(columns, max(ONE_THREAD // (high * inner), 1))
    for row in range(0, rows, high):
        part = left[..., row : row + high, :]
        for c in range(0, columns, wide):
            np.matmul(part, right[..., c : c + wide], out=out[..., row : row + high, c : c + wide])


def _even(length: int, most: int) -> int:
    """Length of equal blocks of at most *most*."""
    return math.ceil(length / math.ceil(length / most))


def _workspace(*shapes: tuple[int, ...]) -> list[Floats]:
    """Arrays in one allocation.

    The allocator gives several large ones back to the system, and taking them again costs more
    than the arithmetic.
    """
    sizes = [math.prod(shape) for shape in shapes]
    ends = np.cumsum(sizes)
    memory = np.empty(int(ends[-1]))
    return [
        memory[end - size : end].reshape(shape)
        for shape, size, end in zip(shapes, sizes, ends, strict=True)
    ]


@functools.lru_cache(maxsize=32)
def _waves(half: int) -> tuple[Floats, Floats]:
    """Cosines and sines (frequency, position) for an axis of 2 *half* voxels about its center."""
    period = 4 * half - 1  # as many lags as there are: from 1 - 2 half to 2 half - 1
    phase = np.outer(np.arange(2 * half), np.arange(half) + 0.5) * (2 * np.pi / period)
    return np.cos(phase), np.sin(phase)


def _kernel(half: list[int], spacing_mm: tuple[float, float, float]) -> Floats:
    """Transform of 1 / distance: (frequency i, frequencies j and k), both signs together."""
    lags = [np.arange(2 * h) * s for h, s in zip(half, spacing_mm, strict=True)]
    squares = (
        np.square(lags[0])[:, None, None]
        + np.square(lags[1])[None, :, None]
        + np.square(lags[2])[None, None, :]
    )
    squares[0, 0, 0] = np.inf  # a voxel is no pair with itself
    kernel: Floats = 1 / np.sqrt(squares)
    i, j, k = (_even_transform(h) for h in half)
    _multiply(kernel, k.T, (along := np.empty_like(kernel)))
    _multiply(j, along, kernel)
    _multiply(i, kernel.swapaxes(0, 1), along.swapaxes(0, 1))
    return along.reshape(2 * half[0], -1)


@functools.lru_cache(maxsize=32)
def _even_transform(half: int) -> Floats:
    """Lags from 0 to frequencies from 0, where both stand for their negatives too."""
    period = 4 * half - 1
    both = np.where(np.arange(2 * half) > 0, 2.0, 1.0)
    phase = np.outer(np.arange(2 * half), np.arange(2 * half)) * (2 * np.pi / period)
    result: Floats = both[:, None] * np.cos(phase) * both[None, :] / period
    return result


@njit(cache=True, nogil=True)
def _fold(values: Floats, inside: npt.NDArray[np.bool_], parts: Floats) -> None:
    """Even and odd parts, [parity k, j, i, image, i, j, k], of x, x^2 and the mask."""
    parts[:] = 0.0
    hi, hj, hk = parts.shape[4:]
    ni, nj, nk = values.shape
    for i in range(ni):
        a, si = (i - hi, 1.0) if i >= hi else (hi - 1 - i, -1.0)
        for j in range(nj):
            b, sj = (j - hj, 1.0) if j >= hj else (hj - 1 - j, -1.0)
            sij = si * sj
            for k in range(nk):
                if not inside[i, j, k]:
                    continue
                c, sk = (k - hk, 1.0) if k >= hk else (hk - 1 - k, -1.0)
                x = values[i, j, k]
                for image, f in enumerate((x, x * x, 1.0)):
                    for parity, g in enumerate((f, f * sk)):
                        parts[parity, 0, 0, image, a, b, c] += g
                        parts[parity, 0, 1, image, a, b, c] += g * si
                        parts[parity, 1, 0, image, a, b, c] += g * sj
                        parts[parity, 1, 1, image, a, b, c] += g * sij


@njit(cache=True, nogil=True)
def _add_forms(waves: Floats, weights: Floats, sums: Floats) -> None:
    """Add to *sums* the forms of x with x, of x^2 with the mask, and of the mask with itself."""
    rows, columns = weights.shape
    products, squares, pairs = np.zeros(columns), np.zeros(columns), np.zeros(columns)
    for row in range(rows):
        x, y, m, w = waves[0, row], waves[1, row], waves[2, row], weights[row]
        for c in range(columns):
            products[c] += w[c] * x[c] * x[c]
            wm = w[c] * m[c]
            squares[c] += wm * y[c]
            pairs[c] += wm * m[c]
    sums[0] += products.sum()
    sums[1] += squares.sum()
    sums[2] += pairs.sum()
