"""Maxima of uptake and the basins around them, parted at saddles."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

ORGAN = 1
"""Label of what belongs to an organ, or to its spill."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Basins:
    """Every voxel above the floor, by the maximum it belongs to.

    Parameters
    ----------
    labels : int32 array, (i, j, k)
        0 below the floor, ``ORGAN``, or a basin's number.
    tops : int array, (n, 3)
        Index of each basin's highest voxel, highest basin first.
    numbers : int array, (n,)
        Number of each basin in ``labels``.
    heights : array, (n,)
        Value of each top.
    """

    labels: npt.NDArray[np.int32]
    tops: npt.NDArray[np.intp]
    numbers: npt.NDArray[np.int64]
    heights: npt.NDArray[np.float64]


def find_basins(
    values: npt.NDArray[np.float64],
    *,
    active: npt.NDArray[np.bool_],
    organ: npt.NDArray[np.bool_],
    split: float,
    organ_split: float,
    noise: float,
) -> Basins:
    """Flood from the maxima down and part them at saddles.

    Voxels are taken from high to low; each joins the basin of its highest neighbor (of 26) or
    begins one. Where two basins meet at a saddle, the lower one goes on by itself if the saddle
    lies below its top by at least ``split`` of the top and by ``noise``; else both become one.
    Organs take part as one basin whose top is infinitely high: what only shines out of an organ,
    or out of the part of it that its mask misses, has no saddle of its own and joins it, and a
    lesion beside the organ stays a lesion.

    Parameters
    ----------
    values : array, (i, j, k)
        Smoothed uptake.
    active : bool array
        Voxels above the floor.
    organ : bool array
        Voxels of organs with physiological uptake.
    split : float, in (0, 1)
        Least depth of a saddle as a share of the lower top.
    organ_split : float, in (0, 1)
        The same where the higher one is an organ.
    noise : float, >= 0
        Least depth in the values' unit.
    """
    wide = np.pad(values, 1)
    taking_part = np.pad(active | organ, 1)
    where = np.flatnonzero(taking_part)
    order = where[np.argsort(-wide.ravel()[where], kind="stable")]
    stride = np.array([wide.shape[1] * wide.shape[2], wide.shape[2], 1])
    steps = np.stack(np.meshgrid(*[(-1, 0, 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3) @ stride
    steps = steps[steps != 0]
    owner, parent, tops = _flood_down(
        order, wide.ravel(), np.pad(organ, 1).ravel(), steps, split, organ_split, noise
    )
    roots = _roots(parent)
    owner = roots[owner].reshape(wide.shape)[1:-1, 1:-1, 1:-1]
    kept = np.unique(roots)
    kept = kept[kept > ORGAN]
    heights = wide.ravel()[tops[kept]]
    kept = kept[np.lexsort((tops[kept], -heights))]
    index = np.stack(np.unravel_index(tops[kept], wide.shape), axis=-1) - 1
    return Basins(
        labels=np.ascontiguousarray(owner, dtype=np.int32),
        tops=index,
        numbers=kept,
        heights=wide.ravel()[tops[kept]],
    )


def _roots(parent: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    roots = parent.copy()
    while not np.array_equal(further := roots[roots], roots):
        roots = further
    return roots


@njit(cache=True)
def _root(parent, label):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    while parent[label] != label:
        parent[label] = parent[parent[label]]
        label = parent[label]
    return label


@njit(cache=True)
def _flood_down(  # type: ignore[no-untyped-def]  # noqa: C901, PLR0912, PLR0913, PLR0917
    order, values, organ, steps, split, organ_split, noise
):  # pragma: no cover - compiled
    owner = np.zeros(values.size, dtype=np.int64)
    parent = np.arange(order.size + 2)
    top = np.zeros(order.size + 2, dtype=np.int64)
    height = np.zeros(order.size + 2)
    height[1] = math.inf
    used = 2
    met = np.zeros(27, dtype=np.int64)
    for voxel in order:
        level = values[voxel]
        count, chosen, steepest = 0, 0, -math.inf
        for step in steps:
            label = owner[voxel + step]
            if label == 0:
                continue
            label = _root(parent, label)
            if values[voxel + step] > steepest:
                steepest, chosen = values[voxel + step], label
            known = False
            for n in range(count):
                known = known or met[n] == label
            if not known:
                met[count] = label
                count += 1
        if organ[voxel]:
            chosen = 1
            known = False
            for n in range(count):
                known = known or met[n] == 1
            if not known:
                met[count] = 1
                count += 1
        elif count == 0:
            chosen = used
            top[used], height[used] = voxel, level
            used += 1
        owner[voxel] = chosen
        if count < 2:
            continue
        best = met[0]
        for n in range(1, count):
            if height[met[n]] > height[best]:
                best = met[n]
        for n in range(count):
            label = met[n]
            share = organ_split if best == 1 else split
            if label != best and height[label] - level < max(share * height[label], noise):
                parent[label] = best
    return owner, parent[:used], top[:used]
