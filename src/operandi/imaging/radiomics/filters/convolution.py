"""Convolution by one-dimensional kernels, axis after axis, with passes shared.

A pass only computes what the next one needs ("valid" convolution of a window), so the cost falls
from axis to axis. Inner loops run along memory and vectorize without reordering sums: results do
not depend on the machine's vector width or on threads.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from numba import njit

from operandi.imaging.radiomics.filters.boundary import (
    Boundary,
    Box,
    Margins,
    Piece,
    window,
)

Image: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Kernel:
    """Weights at offsets: ``out[i] = sum of weights[t] * x[i - offsets[t]]``, a convolution.

    Parameters
    ----------
    offsets : tuple of int
        Ascending.
    weights : tuple of float
        One for each offset; zeros are left out by the makers below.
    """

    offsets: tuple[int, ...]
    weights: tuple[float, ...]

    @property
    def before(self) -> int:
        """Voxels needed before the first one of the response."""
        return max(self.offsets[-1], 0)

    @property
    def after(self) -> int:
        """Voxels needed after the last one of the response."""
        return max(-self.offsets[0], 0)

    @property
    def flipped(self) -> "Kernel":
        """The kernel seen in a mirror."""
        return Kernel(tuple(-o for o in reversed(self.offsets)), tuple(reversed(self.weights)))

    def scaled(self, factor: float) -> "Kernel":
        """Return the kernel with its weights multiplied."""
        return Kernel(self.offsets, tuple(factor * w for w in self.weights))

    def spread(self, step: int) -> "Kernel":
        """Return the kernel with holes between its weights (algorithme a trous)."""
        return Kernel(tuple(step * o for o in self.offsets), self.weights)

    def plus(self, other: "Kernel") -> "Kernel":
        """Return the kernel whose response is the sum of both."""
        total = dict(zip(self.offsets, self.weights, strict=True))
        for offset, weight in zip(other.offsets, other.weights, strict=True):
            total[offset] = total.get(offset, 0.0) + weight
        return _kernel(total)


def _kernel(weights: Mapping[int, float]) -> Kernel:
    kept = {o: weights[o] for o in sorted(weights) if weights[o] != 0.0} or {0: 0.0}
    return Kernel(tuple(kept), tuple(kept.values()))


def centered(weights: Sequence[float]) -> Kernel:
    """Return a kernel of the weights; the middle one, of an even number the later, at offset 0."""
    middle = len(weights) // 2
    return _kernel({t - middle: float(w) for t, w in enumerate(weights)})


IDENTITY = Kernel((0,), (1.0,))

Product: TypeAlias = tuple[Kernel, Kernel, Kernel]
"""A separable kernel: one factor an axis."""


def margins_of(products: Sequence[Product]) -> Margins:
    """Return the margins that suffice for every product."""
    widths = [
        (max(p[axis].before for p in products), max(p[axis].after for p in products))
        for axis in range(3)
    ]
    return widths[0], widths[1], widths[2]


_TILE = 1024
"""Values of a row worked on at a time: 8 kB of sums stay in the first-level cache."""


@njit(cache=True, nogil=True)
def _pass_across(x, offsets, weights, start, out):  # type: ignore[no-untyped-def]
    """Convolve (a, n, b) along its middle axis."""
    taps = len(offsets)
    for i in range(x.shape[0]):
        for low in range(0, x.shape[2], _TILE):
            high = min(low + _TILE, x.shape[2])
            for m in range(out.shape[1]):
                row = out[i, m, low:high]
                t = 0
                if taps % 2:
                    w = weights[0]
                    a = x[i, start + m - offsets[0], low:high]
                    for c in range(row.size):
                        row[c] = w * a[c]
                    t = 1
                else:
                    row[:] = 0.0
                while t < taps:
                    w, v = weights[t], weights[t + 1]
                    a = x[i, start + m - offsets[t], low:high]
                    b = x[i, start + m - offsets[t + 1], low:high]
                    for c in range(row.size):
                        row[c] += w * a[c] + v * b[c]
                    t += 2


@njit(cache=True, nogil=True)
def _pass_along(x, offsets, weights, start, out):  # type: ignore[no-untyped-def]
    """Convolve (a, n) along its last axis."""
    taps = len(offsets)
    length = out.shape[1]
    for i in range(x.shape[0]):
        row = out[i]
        t = 0
        if taps % 2:
            w = weights[0]
            a = x[i, start - offsets[0] : start - offsets[0] + length]
            for c in range(length):
                row[c] = w * a[c]
            t = 1
        else:
            row[:] = 0.0
        while t < taps:
            w, v = weights[t], weights[t + 1]
            a = x[i, start - offsets[t] : start - offsets[t] + length]
            b = x[i, start - offsets[t + 1] : start - offsets[t + 1] + length]
            for c in range(length):
                row[c] += w * a[c] + v * b[c]
            t += 2


def convolved(x: Image, kernel: Kernel, *, axis: int, start: int, length: int) -> Image:
    """Convolve along one axis, for ``length`` voxels from ``start``.

    Parameters
    ----------
    x : float64 array, (i, j, k), C order
        Reaches far enough before and after: it is not extended.
    kernel : Kernel
        Any but an empty one.
    axis, start, length : int
        Which part of the response.

    Returns
    -------
    float64 array
        Shaped as ``x``, of ``length`` along ``axis``.
    """
    shape = list(x.shape)
    if kernel == IDENTITY and start == 0 and length == shape[axis]:
        return x
    shape[axis] = length
    out = np.empty(shape)
    offsets, weights = np.array(kernel.offsets), np.array(kernel.weights)
    if axis == 2:
        flat = x.reshape(-1, x.shape[2])
        _pass_along(flat, offsets, weights, start, out.reshape(-1, length))
    else:
        first = int(np.prod(x.shape[:axis]))
        last = int(np.prod(x.shape[axis + 1 :]))
        seen = x.reshape(first, x.shape[axis], last)
        _pass_across(seen, offsets, weights, start, out.reshape(first, length, last))
    return out


def responses(
    piece: Piece, box: Box, products: Sequence[Product], boundary: Boundary
) -> Iterator[tuple[Product, Image]]:
    """Yield each distinct product with its response in the box; shared passes run once.

    Three intermediate images live at a time, however many products there are.
    """
    margins = margins_of(products)
    image = window(piece, box, margins, boundary)
    starts = [before for before, _ in margins]
    lengths = [last - first for first, last in box]

    def along(x: Image, kernel: Kernel, axis: int) -> Image:
        return convolved(x, kernel, axis=axis, start=starts[axis], length=lengths[axis])

    tree: dict[Kernel, dict[Kernel, dict[Kernel, None]]] = {}
    for first, second, third in products:
        tree.setdefault(first, {}).setdefault(second, {})[third] = None
    for first, seconds in tree.items():
        once = along(image, first, 0)
        for second, thirds in seconds.items():
            twice = along(once, second, 1)
            for third in thirds:
                response = along(twice, third, 2)
                # Who receives a response may write into it: never hand out what is read again.
                read_again = response is twice and (len(thirds) > 1 or twice is once)
                yield (first, second, third), response.copy() if read_again else response


def summed(weighted: Mapping[Product, float]) -> list[Product]:
    """Return fewer products with the same total response, by the distributive law.

    ``a b c + a b d = a b (c + d)``; then equal tails are joined the same way. A sum over the 24
    rotations of ``HHH`` becomes one product.
    """
    tails: dict[tuple[Kernel, Kernel], Kernel] = {}
    for (first, second, third), weight in weighted.items():
        part = third.scaled(weight)
        pair = (first, second)
        tails[pair] = tails[pair].plus(part) if pair in tails else part
    planes: dict[Kernel, dict[Kernel, Kernel]] = {}
    for (first, second), tail in tails.items():
        plane = planes.setdefault(first, {})
        plane[tail] = plane[tail].plus(second) if tail in plane else second
    joined: dict[tuple[tuple[Kernel, Kernel], ...], Kernel] = {}
    for first, plane in planes.items():
        key = tuple(sorted(plane.items(), key=repr))
        joined[key] = joined[key].plus(first) if key in joined else first
    return [(first, second, tail) for key, first in joined.items() for tail, second in key]


def total_response(
    piece: Piece, box: Box, weighted: Mapping[Product, float], boundary: Boundary
) -> Image:
    """Return the weighted sum of the products' responses in the box."""
    total: Image | None = None
    for _, response in responses(piece, box, summed(weighted), boundary):
        total = response if total is None else np.add(total, response, out=total)
    if total is None:
        raise ValueError("at least one product is needed")
    return total
