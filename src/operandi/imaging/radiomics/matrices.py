"""Texture matrices of a region, all six from one lattice, in two dimensions or three.

One pass over the voxels fills co-occurrence, neighborhood difference and dependence; one pass a
direction finds the runs; one labeling of zones serves sizes and distances. Only levels that
occur have rows and only zone sizes that occur have columns, so that memory follows the lesion.
"""

import functools
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from numba import njit

from operandi.imaging.radiomics.lattice import Ints, Lattice, Places

Positions: TypeAlias = npt.NDArray[np.int64]
Counts: TypeAlias = npt.NDArray[np.int32]
Reals: TypeAlias = npt.NDArray[np.float64]
Parents: TypeAlias = npt.NDArray[np.uint32]
Sizes: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class TextureMatrices:
    """Texture matrices of *g* groups of voxels (slices, or all) and *d* directions.

    Parameters
    ----------
    gray : int32 array, (levels + 1)
        The levels that occur, after a 0 for the outside. Below, "level" is a place in this array.
    count : int
        Ng.
    voxels : int64 array, (g)
        Voxels of each group.
    pairs : int32 array, (g, d, levels + 1, levels + 1)
        How often a level stands a step behind another, in one sense of each direction; row and
        column 0 are of the outside and hold nothing meant. IBSI's co-occurrence is this plus its
        transpose.
    runs : int32 array, (g, d, levels + 1, longest)
        Runs by length 1, 2, ...; the last column is empty.
    sizes : int32 array, (g, levels + 1, distinct sizes)
        Zones by size.
    size : int32 array, (distinct sizes)
        Size of each column of ``sizes``, voxels.
    distances : int32 array, (g, levels + 1, farthest)
        Zones by distance 1, 2, ... to the edge of the morphological mask.
    differences : float64 array, (g, levels + 1)
        Sum over voxels of how far the level is from the mean of its neighbors (s of NGTDM).
    surrounded : int32 array, (g, levels + 1)
        Voxels that have a neighbor (n of NGTDM).
    dependence : int32 array, (g, levels + 1, most)
        Voxels by 1, 2, ...: themselves and their dependent neighbors.
    merged : int
        How many directions each run length matrix was merged from.
    """

    gray: Ints
    count: int
    voxels: npt.NDArray[np.int64]
    pairs: Counts
    runs: Counts
    sizes: Counts
    size: Ints
    distances: Counts
    differences: Reals
    surrounded: Counts
    dependence: Counts
    merged: int = 1

    def merged_directions(self) -> "TextureMatrices":
        """Sum over directions: one co-occurrence and one run-length matrix a group."""
        return replace(
            self,
            pairs=_summed(self.pairs, 1),
            runs=_summed(self.runs, 1),
            merged=self.merged * self.runs.shape[1],
        )

    def merged_slices(self) -> "TextureMatrices":
        """Sum over groups: one group."""
        return replace(
            self,
            voxels=self.voxels.sum(keepdims=True),
            pairs=_summed(self.pairs, 0),
            runs=_summed(self.runs, 0),
            sizes=_summed(self.sizes, 0),
            distances=_summed(self.distances, 0),
            differences=self.differences.sum(axis=0, keepdims=True),
            surrounded=_summed(self.surrounded, 0),
            dependence=_summed(self.dependence, 0),
        )


def _summed(counts: Counts, axis: int) -> Counts:
    total: Counts = counts.sum(axis=axis, keepdims=True, dtype=np.int32)
    return total


def texture_matrices(
    region: Lattice,
    groups: Positions,
    *,
    planar: bool,
    distance: int = 1,
    dependence_coarseness: int = 0,
) -> TextureMatrices:
    """Count all six texture matrices.

    Parameters
    ----------
    region : Lattice
        With a margin of at least ``distance``.
    groups : int64 array, (g + 1)
        Where each group begins in ``region.voxels``: ``region.slices`` for a matrix a slice, the
        first and last of it for one matrix.
    planar : bool
        Neighbors, runs and zones within slices (4 directions) or in space (13).
    distance : int, >= 1
        Chebyshev distance, voxels. Co-occurrence steps this far along the 4 or 13 directions;
        neighborhoods of NGTDM and NGLDM take in all voxels up to it. Runs and zones have none.
    dependence_coarseness : int, >= 0
        NGLDM alpha: the largest difference of dependent neighbors.
    """
    directions = half_neighborhood(1, planar=planar)
    place, voxels, levels = region.place, region.voxels, len(region.gray)
    unit = region.offsets(directions)
    longest = max(region.shape[1:] if planar else region.shape)
    pairs, runs = _pairs_and_runs(place, voxels, groups, unit * distance, unit, (levels, longest))
    differences, surrounded, dependence = _neighborhoods(
        region.level,
        place,
        voxels,
        groups,
        region.offsets(half_neighborhood(distance, planar=planar)),
        dependence_coarseness,
        (levels, region.shape[2]),
    )
    _, rows, columns = region.shape
    above = columns if planar else rows * columns
    parent = _linked(place, voxels[groups[0] : groups[-1]], unit, above)
    zones = _zones(place, region.border_distance(planar=planar), voxels, groups, parent)
    sizes, size, distances = _zone_counts(zones, len(groups) - 1, levels)
    return TextureMatrices(
        gray=region.gray,
        count=region.count,
        voxels=np.diff(groups),
        pairs=pairs,
        runs=runs,
        sizes=sizes,
        size=size,
        distances=distances,
        differences=differences,
        surrounded=surrounded,
        dependence=dependence,
    )


@functools.cache
def half_neighborhood(distance: int, *, planar: bool) -> Positions:
    """Steps (k, i, j) up to a Chebyshev distance, one of each opposite two, shape (n, 3).

    Each step leads to a later position in C order, which the kernels rely on.
    """
    reach = np.arange(-distance, distance + 1)
    levels = reach[:1] * 0 if planar else reach
    steps = np.stack(np.meshgrid(levels, reach, reach, indexing="ij"), axis=-1).reshape(-1, 3)
    # In C order the origin is in the middle, and what follows it is the opposite of what precedes.
    half = np.ascontiguousarray(steps[len(steps) // 2 + 1 :], dtype=np.int64)
    half.setflags(write=False)
    return half


@njit(cache=True, nogil=True)
def _pairs_and_runs(
    place: Places, voxels: Ints, groups: Positions, far: Positions, unit: Positions, sizes: Sizes
) -> tuple[Counts, Counts]:
    """Pairs (g, d, level, level) and runs (g, d, level, length - 1), a direction at a time.

    A direction at a time keeps its matrices in the first cache, and no branch depends on the
    image: row 0 of pairs takes the outside. Positions are unsigned because an index that may be
    negative costs a test; this and counting every voxel of a run instead of looking for its end
    made 1.4 of 2.7 ms for 66,000 voxels in 13 directions.
    """
    number = len(groups) - 1
    levels, longest = sizes
    pairs = np.zeros((number, len(far), levels, levels), np.int32)
    runs = np.zeros((number, len(far), levels, longest), np.int32)
    behind = np.zeros(place.size, np.uint16)  # voxels of the run before this one
    one = np.uint64(1)
    for o in range(len(far)):
        ahead, step = np.uint64(far[o]), np.uint64(unit[o])
        for g in range(number):
            pair, run = pairs[g, o], runs[g, o]
            for t in range(groups[g], groups[g + 1]):
                v = np.uint64(voxels[t])
                x = np.uint64(place[v])
                pair[x, np.uint64(place[v + ahead])] += 1
                same = np.uint64(place[v - step] == x)
                before = (np.uint64(behind[v - step]) + one) * same
                behind[v] = before
                run[x, before] += 1
            # A run of n has a voxel at each place up to n: those that end are the difference.
            for level in range(levels):
                for n in range(longest - 1):
                    run[level, n] -= run[level, n + 1]
    return pairs, runs


@njit(cache=True, nogil=True)
def _neighborhoods(  # noqa: PLR0913, PLR0917 -- a kernel takes arrays
    level: Ints,
    place: Places,
    voxels: Ints,
    groups: Positions,
    offsets: Positions,
    alpha: int,
    sizes: Sizes,
) -> tuple[Reals, Counts, Counts]:
    """Differences, surrounded and dependence, a row of voxels at a time.

    Sums over a row of neighbors are loops that the compiler turns into vector instructions.
    """
    levels, columns = sizes
    number = len(groups) - 1
    differences = np.zeros((number, levels), np.float64)
    surrounded = np.zeros((number, levels), np.int32)
    dependence = np.zeros((number, levels, 2 * len(offsets) + 1), np.int32)
    total, near, alike = np.empty((3, columns), np.int32)
    g, t = 0, groups[0]
    while t < groups[-1]:
        if t == groups[g + 1]:
            g += 1
        first = voxels[t]
        past = (first // columns + 1) * columns
        end = t + 1
        while end < groups[-1] and voxels[end] < past:
            end += 1
        width = voxels[end - 1] - first + 1
        here = level[first : first + width]
        total[:], near[:], alike[:] = 0, 0, 0
        for o in range(len(offsets)):
            ahead, behind = level[first + offsets[o] :], level[first - offsets[o] :]
            _add_rows(ahead, behind, here, alpha, (total, near, alike))
        for u in range(t, end):
            v = voxels[u]
            x, j = place[v], v - first
            dependence[g, x, alike[j]] += 1
            if near[j]:
                differences[g, x] += abs(level[v] - total[j] / near[j])
                surrounded[g, x] += 1
        t = end
    return differences, surrounded, dependence


@njit(cache=True, nogil=True)
def _add_rows(
    ahead: Ints, behind: Ints, here: Ints, alpha: int, sums: tuple[Ints, Ints, Ints]
) -> None:
    """Add two rows of neighbors to their sum, their number and the number of dependent ones."""
    total, near, alike = sums
    for j in range(len(here)):
        a, b = ahead[j], behind[j]
        total[j] += a + b
        near[j] += np.int32(a > 0) + np.int32(b > 0)
        alike[j] += np.int32((a > 0) & (abs(a - here[j]) <= alpha))
        alike[j] += np.int32((b > 0) & (abs(b - here[j]) <= alpha))


@njit(cache=True, nogil=True)
def _linked(place: Places, voxels: Ints, offsets: Positions, above: int) -> Parents:
    """Parent of each voxel in its zone, an earlier one; the earliest is its own. By union-find.

    Every earlier neighbor of a voxel is a neighbor of the one ``above`` it (in the slice before,
    or in the row before): where that is of the zone, nothing else can join.
    """
    parent = np.empty(place.size, np.uint32)
    up = np.uint64(above)
    for t in range(len(voxels)):
        v = np.uint64(voxels[t])
        x = place[v]
        if place[v - up] == x:
            parent[v] = parent[v - up]
            continue
        root = v
        for o in range(len(offsets)):
            u = v - np.uint64(offsets[o])
            if place[u] != x:
                continue
            other = np.uint64(parent[u])
            if other == root:
                continue
            while parent[other] != other:
                parent[other] = parent[parent[other]]
                other = np.uint64(parent[other])
            if other < root:
                if root != v:
                    parent[root] = other
                root = other
            elif other > root:
                parent[other] = root
        parent[v] = root
    return parent


@njit(cache=True, nogil=True)
def _zones(
    place: Places, distance: Places, voxels: Ints, groups: Positions, parent: Parents
) -> npt.NDArray[np.int32]:
    """Zones (4, n): group, level, size and least distance of each.

    Overwrites the parents with the number of the zone, as it goes along ascending positions.
    """
    number = 0
    for t in range(groups[0], groups[-1]):
        number += parent[voxels[t]] == voxels[t]
    zone = np.empty((4, number), np.int32)
    found = 0
    for g in range(len(groups) - 1):
        for t in range(groups[g], groups[g + 1]):
            v = np.uint64(voxels[t])
            earlier = np.uint64(parent[v])
            if earlier == v:
                zone[0, found], zone[1, found] = g, place[v]
                zone[2, found], zone[3, found] = 1, distance[v]
                parent[v] = found
                found += 1
            else:
                mine = parent[earlier]
                parent[v] = mine
                zone[2, mine] += 1
                zone[3, mine] = min(zone[3, mine], distance[v])
    return zone


@njit(cache=True, nogil=True)
def _zone_counts(
    zone: npt.NDArray[np.int32], groups: int, levels: int
) -> tuple[Counts, Ints, Counts]:
    """Zones by size, the sizes that occur, and zones by distance."""
    column = np.zeros(zone[2].max() + 1, np.int32)
    for z in range(zone.shape[1]):
        column[zone[2, z]] = 1
    size = np.empty(column.sum(), np.int32)
    distinct = 0
    for s in range(len(column)):
        if column[s]:
            size[distinct] = s
            column[s] = distinct
            distinct += 1
    sizes = np.zeros((groups, levels, distinct), np.int32)
    distances = np.zeros((groups, levels, zone[3].max()), np.int32)
    for z in range(zone.shape[1]):
        sizes[zone[0, z], zone[1, z], column[zone[2, z]]] += 1
        distances[zone[0, z], zone[1, z], zone[3, z] - 1] += 1
    return sizes, size, distances
