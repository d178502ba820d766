"""What lies beyond the image's edge, and the piece of image that a response in a box needs.

Every filter with a finite kernel asks for a window: its box and a margin as wide as the kernel
reaches. Voxels of the window beyond the image follow from the boundary condition, so a response
in a lesion's box equals the response of the whole image there, exactly.

References
----------
.. [1] IBSI 2 reference manual, arXiv:2006.05470, boundary conditions (GBYQ).
"""

from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from operandi.quantities.errors import DataError

Box: TypeAlias = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
"""First voxel and the one after the last, on each axis."""

Margins: TypeAlias = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
"""Voxels needed before and after a box, on each axis."""


_Run: TypeAlias = tuple[int, int, tuple[int, int] | None]
"""A stretch: position, length, and the image's voxel at its begin with the step from there to the
next (1 onwards, -1 backwards, 0 the same one throughout); None for zeros."""


class Boundary(StrEnum):
    """How an image continues beyond its edge (IBSI GBYQ)."""

    ZERO = "zero padding"
    """With 0 (IBSI constant value padding)."""
    NEAREST = "nearest value"
    """With the value at the edge."""
    PERIODIC = "periodic"
    """Repeated."""
    MIRROR = "mirror"
    """Reflected about the outer face of the edge voxel, which therefore occurs twice: b a | a b."""


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Values in a box of an image whose other values are not needed.

    Parameters
    ----------
    values : array, (i, j, k)
        In the box that begins at ``start``.
    start : tuple of int
        The box's first voxel in the image.
    shape : tuple of int
        Of the image: where the boundary condition begins.
    """

    values: npt.NDArray[np.floating]
    start: tuple[int, int, int]
    shape: tuple[int, int, int]


def whole_image(values: npt.NDArray[np.floating]) -> Piece:
    """Return the image as a piece.

    Raises
    ------
    DataError
        If the array has not three axes, or no voxel.
    """
    if values.ndim != 3 or not values.size:
        raise DataError(
            f"A filter needs an image of three axes, found an array of shape {values.shape}."
        )
    i, j, k = values.shape
    return Piece(values, (0, 0, 0), (i, j, k))


def whole_box(piece: Piece) -> Box:
    """Return the box of the image that the piece belongs to."""
    i, j, k = piece.shape
    return (0, i), (0, j), (0, k)


def checked_box(piece: Piece, box: Box | None) -> Box:
    """Return the box, or that of the image for None.

    Raises
    ------
    DataError
        If it is empty or leaves the image.
    """
    if box is None:
        return whole_box(piece)
    if not all(0 <= first < last <= n for (first, last), n in zip(box, piece.shape, strict=True)):
        raise DataError(
            f"The box of a response must lie in the image, found {box} in {piece.shape}."
        )
    return box


def _runs(first: int, last: int, n: int, boundary: Boundary) -> list[_Run]:
    """Return what stands at the positions from first to last, in stretches that are slices."""
    found: list[_Run] = []
    at = first
    while at < last:
        lap, offset = divmod(at, n)
        outside = lap != 0 and boundary in {Boundary.ZERO, Boundary.NEAREST}
        if outside:
            stop = min(0, last) if at < 0 else last
            edge = 0 if at < 0 else n - 1
            source = None if boundary is Boundary.ZERO else (edge, 0)
        else:
            stop = min(at - offset + n, last)
            backwards = boundary is Boundary.MIRROR and lap % 2 == 1
            source = (n - 1 - offset, -1) if backwards else (offset, 1)
        found.append((at - first, stop - at, source))
        at = stop
    return found


def _sources(run: _Run) -> tuple[int, int]:
    """Return the first voxel of the image that a run shows, and the one after the last."""
    _, length, source = run
    if source is None:
        return 0, 0
    first, step = source
    other = first + step * (length - 1)
    return min(first, other), max(first, other) + 1


def needed_box(box: Box, margins: Margins, shape: tuple[int, int, int], boundary: Boundary) -> Box:
    """Return the smallest box of the image from which ``window`` can be cut."""
    bounds = []
    for (first, last), (before, after), n in zip(box, margins, shape, strict=True):
        runs = _runs(first - before, last + after, n, boundary)
        shown = [_sources(run) for run in runs if run[2] is not None]
        bounds.append((min(low for low, _ in shown), max(high for _, high in shown)))
    return bounds[0], bounds[1], bounds[2]


def window(piece: Piece, box: Box, margins: Margins, boundary: Boundary) -> npt.NDArray[np.float64]:
    """Cut a box and its margins out of an image that continues beyond its edge.

    Parameters
    ----------
    piece : Piece
        Covers at least ``needed_box`` of the same arguments.
    box : Box
        Within the image.
    margins : Margins
        May leave the image, by more than its size too.
    boundary : Boundary
        What stands beyond the edge.

    Returns
    -------
    float64 array, C order
        A fresh copy.

    Raises
    ------
    DataError
        If a value is not finite: it would spread over a kernel's width.
    """
    out = np.empty([last - first + sum(m) for (first, last), m in zip(box, margins, strict=True)])
    runs = [
        _runs(first - before, last + after, n, boundary)
        for (first, last), (before, after), n in zip(box, margins, piece.shape, strict=True)
    ]
    for block in product(*runs):
        here = tuple(slice(at, at + length) for at, length, _ in block)
        there = [_slice(run, start) for run, start in zip(block, piece.start, strict=True)]
        sources = [each for each in there if each is not None]
        out[here] = piece.values[tuple(sources)] if len(sources) == 3 else 0.0
    # A sum is a third of the price of looking at each value, and not finite if one is not.
    with np.errstate(all="ignore"):
        suspect = not np.isfinite(out.sum())
    if suspect and not np.isfinite(out).all():
        raise DataError(
            "A filter needs finite values, found some that are not near the region.",
            remedy="Replace them before filtering: a filter spreads them over its kernel's width.",
        )
    return out


def _slice(run: _Run, start: int) -> slice | None:
    """Return where a run's values lie in a piece that begins at ``start``; None for zeros."""
    _, length, source = run
    if source is None:
        return None
    first, step = source[0] - start, source[1]
    if step == 0:
        return slice(first, first + 1)
    stop = first + step * length
    return slice(first, None if stop < 0 else stop, step)
