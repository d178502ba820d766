"""Right-angle rotations of a separable kernel, and how the responses to them become one.

References
----------
.. [1] IBSI 2 reference manual, arXiv:2006.05470, approximate rotation invariance (O1AQ).
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from itertools import permutations, product
from typing import TypeAlias

import numpy as np

from operandi.imaging.radiomics.filters.boundary import Boundary, Box, Piece
from operandi.imaging.radiomics.filters.convolution import (
    Image,
    Kernel,
    Product,
    responses,
    total_response,
)


class Pooling(StrEnum):
    """How the responses to rotated filters become one."""

    MAX = "max"
    MEAN = "mean"


Orientation: TypeAlias = tuple[tuple[int, int, int], tuple[bool, bool, bool]]
"""The factor that each axis takes, and whether it takes it flipped."""


def rotations(axes: Sequence[int]) -> tuple[Orientation, ...]:
    """Return the right-angle rotations within the axes: 4 of a slice, 24 of a volume.

    Mirror images are left out: a permutation and flips whose determinant is +1.
    """
    found: list[Orientation] = []
    for order in permutations(axes):
        swaps = sum(order[a] > order[b] for b in range(len(order)) for a in range(b))
        for flips in product((False, True), repeat=len(order)):
            if (swaps + sum(flips)) % 2:
                continue
            source, flipped = [0, 1, 2], [False, False, False]
            for axis, taken, flip in zip(axes, order, flips, strict=True):
                source[axis], flipped[axis] = taken, flip
            found.append(
                (
                    (source[0], source[1], source[2]),
                    (flipped[0], flipped[1], flipped[2]),
                )
            )
    return tuple(found)


def oriented(factors: Product, orientation: Orientation) -> tuple[Product, float]:
    """Return the rotated product and a sign.

    A flipped antisymmetric factor is the factor itself with its sign changed: the response need
    not be computed twice.
    """
    sign = 1.0
    turned: list[Kernel] = []
    for source, flip in zip(*orientation, strict=True):
        kernel = factors[source]
        if flip:
            mirrored = kernel.flipped
            if mirrored == kernel.scaled(-1.0):
                sign = -sign
            else:
                kernel = mirrored
        turned.append(kernel)
    return (turned[0], turned[1], turned[2]), sign


def pooled_response(
    piece: Piece,
    box: Box,
    weighted: Mapping[tuple[Product, float], int],
    boundary: Boundary,
    pooling: Pooling,
) -> Image:
    """Pool the responses of signed products over the box.

    Parameters
    ----------
    piece : Piece
        The image.
    box : Box
        Where the response is wanted.
    weighted : mapping
        How often each (product, sign) occurs among the rotations.
    boundary : Boundary
        What lies beyond the edge.
    pooling : Pooling
        MEAN is a sum of products, computed as one; MAX keeps a running maximum.
    """
    if pooling is Pooling.MEAN:
        count = sum(weighted.values())
        total: dict[Product, float] = {}
        for (factors, sign), times in weighted.items():
            total[factors] = total.get(factors, 0.0) + sign * times / count
        return total_response(piece, box, total, boundary)
    signs: dict[Product, set[float]] = {}
    for factors, sign in weighted:
        signs.setdefault(factors, set()).add(sign)
    best: Image | None = None
    for factors, response in responses(piece, box, list(signs), boundary):
        if signs[factors] == {1.0, -1.0}:
            candidate = np.abs(response)
        else:
            candidate = response * min(signs[factors])
        best = candidate if best is None else np.maximum(best, candidate, out=best)
    if best is None:
        raise ValueError("at least one product is needed")
    return best
