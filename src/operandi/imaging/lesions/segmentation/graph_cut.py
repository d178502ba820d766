"""Graph cut: the border of least cost between lesion and background."""

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

from operandi.imaging.lesions.segmentation.gradient_watershed import certain
from operandi.imaging.lesions.segmentation.neighborhood import SeedNeighborhood, connected_to

SMOOTHNESS: Final = 0.5
"""Cost of a border face in units of the cost of a voxel at the wrong mean. Assumed."""

_SCALE: Final = 10_000
_CERTAIN: Final = 1_000_000


def graph_cut(around: SeedNeighborhood) -> npt.NDArray[np.bool_]:
    """Delineate at the minimum cut.

    With ``u = (f - b) / (max - b)`` a voxel costs ``(u - 0)**2`` as background and ``(u - m)**2``
    as lesion, where *m* is the core's mean; neighbors on two sides of the border cost
    ``SMOOTHNESS * exp(-du**2 / (2 s**2))`` with *s* the root mean square of *du* [1]_. Costs are
    rounded to 1 / 10 000, so that the cut is exact and the same on every machine.

    Parameters
    ----------
    around : SeedNeighborhood
        Seed, image and background.

    References
    ----------
    .. [1] Boykov and Funka-Lea, Int J Comput Vis 70:109, 2006 (recalled).
    """
    core, outside = certain(around)
    unknown = ~core & ~outside
    rise = around.level - around.background
    if not unknown.any() or rise <= 0:
        return core
    scaled = (around.suv - around.background) / rise
    mean = float(scaled[core].mean())
    number = np.full(unknown.shape, -1, dtype=np.int64)
    number[unknown] = np.arange(np.count_nonzero(unknown))
    source = int(number.max()) + 1
    number[core], number[outside] = source, source + 1
    edges = _Edges(source + 2)
    free = scaled[unknown]
    nodes = number[unknown]
    edges.add(np.full(nodes.size, source), nodes, np.clip(free, 0.0, None) ** 2)
    edges.add(nodes, np.full(nodes.size, source + 1), (free - mean) ** 2)
    pairs = [
        (number[one].ravel(), number[other].ravel(), (scaled[one] - scaled[other]).ravel())
        for one, other in _faces()
    ]
    near = [(a != b) & ~((a >= source) & (b >= source)) for a, b, _ in pairs]
    spread = float(
        np.mean([np.square(d[n]).mean() for (_, _, d), n in zip(pairs, near, strict=True)])
    )
    for (one, other, difference), used in zip(pairs, near, strict=True):
        cost = SMOOTHNESS * np.exp(-(difference[used] ** 2) / (2.0 * max(spread, 1e-12)))
        edges.add(one[used], other[used], cost)
        edges.add(other[used], one[used], cost)
    reached = _source_side(edges.matrix(), source=source, sink=source + 1)
    inside = core.copy()
    inside[unknown] = reached[nodes]
    return connected_to(inside, around.seed)


def _faces() -> list[tuple[tuple[slice, ...], tuple[slice, ...]]]:
    everything = slice(None)
    return [
        (
            tuple(slice(None, -1) if a == axis else everything for a in range(3)),
            tuple(slice(1, None) if a == axis else everything for a in range(3)),
        )
        for axis in range(3)
    ]


class _Edges:
    """Capacities of a directed graph, gathered piece by piece."""

    def __init__(self, nodes: int) -> None:
        self.nodes = nodes
        self.starts: list[npt.NDArray[np.int64]] = []
        self.ends: list[npt.NDArray[np.int64]] = []
        self.costs: list[npt.NDArray[np.int64]] = []

    def add(
        self,
        start: npt.NDArray[np.int64],
        end: npt.NDArray[np.int64],
        cost: npt.NDArray[np.float64],
    ) -> None:
        self.starts.append(start)
        self.ends.append(end)
        self.costs.append(np.round(cost * _SCALE).astype(np.int64))

    def matrix(self) -> sparse.csr_matrix:
        shape = (self.nodes, self.nodes)
        where = (np.concatenate(self.starts), np.concatenate(self.ends))
        summed = sparse.csr_matrix((np.concatenate(self.costs), where), shape=shape)
        summed.sum_duplicates()
        summed.data = np.minimum(summed.data, np.iinfo(np.int32).max // 4)
        summed.eliminate_zeros()
        return summed.astype(np.int32)


def _source_side(capacity: sparse.csr_matrix, *, source: int, sink: int) -> npt.NDArray[np.bool_]:
    """Nodes that the source still reaches when the flow is at its maximum."""
    flow = maximum_flow(capacity, source, sink).flow
    residual = sparse.csr_matrix(capacity - flow)
    residual.data = np.maximum(residual.data, 0)
    residual.eliminate_zeros()
    reached = np.zeros(capacity.shape[0], dtype=np.bool_)
    reached[breadth_first_order(residual, source, return_predecessors=False)] = True
    return reached
