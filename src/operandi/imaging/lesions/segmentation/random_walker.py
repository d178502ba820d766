"""Random walker: which seeds a walk that shuns edges of uptake reaches first."""

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.linalg import cg

from operandi.imaging.lesions.segmentation.gradient_watershed import certain
from operandi.imaging.lesions.segmentation.neighborhood import SeedNeighborhood, connected_to
from operandi.quantities.errors import DataError

EDGE_WEIGHT: Final = 60.0
"""``beta`` for differences scaled by lesion minus background. Assumed."""

_TOLERANCE: Final = 1e-6
_ITERATIONS: Final = 5000


def random_walker(around: SeedNeighborhood) -> npt.NDArray[np.bool_]:
    """Delineate where a random walk ends in the lesion's core with probability of a half or more.

    Weights ``w = exp(-beta * ((f_p - f_q) / (max - b))**2)`` over six neighbors; the probability
    is harmonic for them between core (1) and outside (0) [1]_.

    Parameters
    ----------
    around : SeedNeighborhood
        Seed, image and background.

    Raises
    ------
    DataError
        If the linear system does not converge.

    References
    ----------
    .. [1] Grady, IEEE Trans Pattern Anal Mach Intell 28:1768, 2006 (recalled).
    """
    core, outside = certain(around)
    unknown = ~core & ~outside
    rise = around.level - around.background
    if not unknown.any() or rise <= 0:
        return core
    number = np.full(unknown.shape, -1, dtype=np.int64)
    number[unknown] = np.arange(np.count_nonzero(unknown))
    size = int(number.max()) + 1
    diagonal, right = np.full(size, 1e-12), np.zeros(size)
    rows, columns, weights = [], [], []
    for one, other in _neighbors(unknown.ndim):
        difference = (around.suv[one] - around.suv[other]) / rise
        weight = np.exp(-EDGE_WEIGHT * difference**2)
        for here, there in ((one, other), (other, one)):
            from_unknown = unknown[here]
            index = number[here][from_unknown]
            np.add.at(diagonal, index, weight[from_unknown])
            np.add.at(right, index, (weight * core[there])[from_unknown])
            both = from_unknown & unknown[there]
            rows.append(number[here][both])
            columns.append(number[there][both])
            weights.append(-weight[both])
    index = np.arange(size)
    matrix = sparse.csr_matrix(
        (
            np.concatenate([diagonal, *weights]),
            (np.concatenate([index, *rows]), np.concatenate([index, *columns])),
        ),
        shape=(size, size),
    )
    scaling = sparse.diags(1.0 / diagonal)
    probability, failed = cg(matrix, right, rtol=_TOLERANCE, maxiter=_ITERATIONS, M=scaling)
    if failed:
        raise DataError(
            f"The random walk over {size} voxels did not converge.",
            remedy="Choose another delineation method for this lesion.",
        )
    inside = core.copy()
    inside[unknown] = probability >= 0.5
    return connected_to(inside, around.seed)


def _neighbors(
    dimensions: int,
) -> list[tuple[tuple[slice, ...], tuple[slice, ...]]]:
    """Pairs of views that lay each voxel beside its next along every axis."""
    pairs = []
    for axis in range(dimensions):
        one, other = [slice(None)] * dimensions, [slice(None)] * dimensions
        one[axis], other[axis] = slice(None, -1), slice(1, None)
        pairs.append((tuple(one), tuple(other)))
    return pairs
