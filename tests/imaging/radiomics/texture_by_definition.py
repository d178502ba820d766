"""Texture features straight from IBSI's definitions: dictionaries and loops, slow and plain.

Shares no code and no trick with the engine: symmetric matrices are counted in both senses, runs
are walked, zones are flooded, distances are the least over every voxel outside.
"""

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from operandi.imaging.radiomics.settings import Dimension

Voxel = tuple[int, int, int]
Cells = Counter[tuple[int, int]]
Values = dict[str, float | None]

RUN = "sre lre lgre hgre srlge srhge lrlge lrhge glnu glnu_norm rlnu rlnu_norm r_perc gl_var rl_var"
SIZE = (
    "sze lze lgze hgze szlge szhge lzlge lzhge glnu glnu_norm zsnu zsnu_norm z_perc gl_var zs_var"
)
DISTANCE = (
    "sde lde lgze hgze sdlge sdhge ldlge ldhge glnu glnu_norm zdnu zdnu_norm z_perc gl_var zd_var"
)
DEPENDENCE = (
    "lde hde lgce hgce ldlge ldhge hdlge hdhge glnu glnu_norm dcnu dcnu_norm dc_perc gl_var dc_var"
)


def steps_up_to(distance: int, *, planar: bool) -> list[Voxel]:
    """Every step (i, j, k) up to a Chebyshev distance, in both senses."""
    reach = range(-distance, distance + 1)
    steps = itertools.product(reach, reach, [0] if planar else reach)
    return [step for step in steps if step != (0, 0, 0)]


def directions(*, planar: bool) -> list[Voxel]:
    return [step for step in steps_up_to(1, planar=planar) if step > (0, 0, 0)]


def moved(voxel: Voxel, step: Voxel, times: int = 1) -> Voxel:
    return (
        voxel[0] + times * step[0],
        voxel[1] + times * step[1],
        voxel[2] + times * step[2],
    )


def pairs(level: dict[Voxel, int], step: Voxel, distance: int) -> Cells:
    cells: Cells = Counter()
    for voxel, here in level.items():
        for sense in (distance, -distance):
            there = level.get(moved(voxel, step, sense))
            if there is not None:
                cells[here, there] += 1
    return cells


def runs(level: dict[Voxel, int], step: Voxel) -> Cells:
    cells: Cells = Counter()
    for voxel, here in level.items():
        if level.get(moved(voxel, step, -1)) == here:
            continue
        length = 1
        while level.get(moved(voxel, step, length)) == here:
            length += 1
        cells[here, length] += 1
    return cells


def zones(
    level: dict[Voxel, int], to_outside: Callable[[Voxel], int], *, planar: bool
) -> tuple[Cells, Cells]:
    sizes: Cells = Counter()
    distances: Cells = Counter()
    left = dict(level)
    while left:
        seed, here = left.popitem()
        zone, queue = [seed], [seed]
        while queue:
            voxel = queue.pop()
            for step in steps_up_to(1, planar=planar):
                there = moved(voxel, step)
                if left.get(there) == here:
                    del left[there]
                    zone.append(there)
                    queue.append(there)
        sizes[here, len(zone)] += 1
        distances[here, min(map(to_outside, zone))] += 1
    return sizes, distances


def neighborhoods(
    level: dict[Voxel, int], distance: int, alpha: int, *, planar: bool
) -> tuple[dict[int, float], Counter[int], Cells]:
    difference: dict[int, float] = defaultdict(float)
    number: Counter[int] = Counter()
    dependence: Cells = Counter()
    for voxel, here in level.items():
        around = [
            level[moved(voxel, step)]
            for step in steps_up_to(distance, planar=planar)
            if moved(voxel, step) in level
        ]
        dependence[here, 1 + sum(abs(there - here) <= alpha for there in around)] += 1
        if around:
            difference[here] += abs(here - sum(around) / len(around))
            number[here] += 1
    return difference, number, dependence


def entropy(shares: Iterable[float]) -> float:
    return -sum(p * math.log2(p) for p in shares if p > 0)


def about_mean(shares: dict[int, float], power: int = 2) -> float:
    mean = sum(k * p for k, p in shares.items())
    return sum((k - mean) ** power * p for k, p in shares.items())


def pair_features(cells: Cells, count: int) -> Values:
    if not cells:
        return {}
    total = sum(cells.values())
    p = {cell: n / total for cell, n in cells.items()}
    margin: dict[int, float] = defaultdict(float)
    gap: dict[int, float] = defaultdict(float)
    both: dict[int, float] = defaultdict(float)
    for (i, j), share in p.items():
        margin[i] += share
        gap[abs(i - j)] += share
        both[i + j] += share
    mean = sum(i * share for i, share in margin.items())
    h_xy, h_x = entropy(p.values()), entropy(margin.values())
    h_1 = -sum(share * math.log2(margin[i] * margin[j]) for (i, j), share in p.items())
    h_2 = entropy(a * b for a in margin.values() for b in margin.values())
    one_level = len(margin) == 1

    def over_cells(weight: Callable[[int, int], float]) -> float:
        return sum(weight(i, j) * share for (i, j), share in p.items())

    return {
        "joint_max": max(p.values()),
        "joint_avg": over_cells(lambda i, j: i),
        "joint_var": over_cells(lambda i, j: (i - mean) ** 2),
        "joint_entr": h_xy,
        "diff_avg": sum(k * share for k, share in gap.items()),
        "diff_var": about_mean(gap),
        "diff_entr": entropy(gap.values()),
        "sum_avg": sum(k * share for k, share in both.items()),
        "sum_var": about_mean(both),
        "sum_entr": entropy(both.values()),
        "energy": sum(share**2 for share in p.values()),
        "contrast": over_cells(lambda i, j: (i - j) ** 2),
        "dissimilarity": over_cells(lambda i, j: abs(i - j)),
        "inv_diff": over_cells(lambda i, j: 1 / (1 + abs(i - j))),
        "inv_diff_norm": over_cells(lambda i, j: 1 / (1 + abs(i - j) / count)),
        "inv_diff_mom": over_cells(lambda i, j: 1 / (1 + (i - j) ** 2)),
        "inv_diff_mom_norm": over_cells(lambda i, j: 1 / (1 + (i - j) ** 2 / count**2)),
        "inv_var": over_cells(lambda i, j: 1 / (i - j) ** 2 if i != j else 0.0),
        "corr": None
        if one_level
        else over_cells(lambda i, j: (i - mean) * (j - mean)) / about_mean(margin),
        "auto_corr": over_cells(lambda i, j: i * j),
        "clust_tend": over_cells(lambda i, j: (i + j - 2 * mean) ** 2),
        "clust_shade": over_cells(lambda i, j: (i + j - 2 * mean) ** 3),
        "clust_prom": over_cells(lambda i, j: (i + j - 2 * mean) ** 4),
        "info_corr1": None if one_level else (h_xy - h_1) / h_x,
        "info_corr2": math.sqrt(max(0.0, 1 - math.exp(-2 * (h_2 - h_xy)))),
    }


def cell_features(cells: Cells, names: str, voxels: int) -> Values:
    total = sum(cells.values())
    rows: dict[int, float] = defaultdict(float)
    columns: dict[int, float] = defaultdict(float)
    for (i, j), n in cells.items():
        rows[i] += n / total
        columns[j] += n / total

    def mean(weight: Callable[[int, int], float]) -> float:
        return sum(weight(i, j) * n for (i, j), n in cells.items()) / total

    uneven_rows = sum(p * p for p in rows.values())
    uneven_columns = sum(p * p for p in columns.values())
    values = [
        mean(lambda i, j: 1 / j**2),
        mean(lambda i, j: j**2),
        mean(lambda i, j: 1 / i**2),
        mean(lambda i, j: i**2),
        mean(lambda i, j: 1 / (i**2 * j**2)),
        mean(lambda i, j: i**2 / j**2),
        mean(lambda i, j: j**2 / i**2),
        mean(lambda i, j: i**2 * j**2),
        uneven_rows * total,
        uneven_rows,
        uneven_columns * total,
        uneven_columns,
        total / voxels,
        about_mean(rows),
        about_mean(columns),
    ]
    named: Values = dict(zip(names.split(), values, strict=True))
    prefix = names.rsplit(" ", 1)[1].removesuffix("_var")
    named[f"{prefix}_entr"] = entropy(n / total for n in cells.values())
    if prefix == "dc":
        named["dc_energy"] = sum((n / total) ** 2 for n in cells.values())
    return named


def difference_features(difference: dict[int, float], number: Counter[int]) -> Values:
    voxels = sum(number.values())
    if not voxels:
        return {}
    p = {i: n / voxels for i, n in number.items()}
    every = [(i, j) for i in p for j in p]
    weighted = sum(p[i] * difference[i] for i in p)
    summed = sum(difference[i] for i in p)
    # In whole numbers, so that a busyness of 0 / 0 is seen as such.
    busy = sum(abs(i * number[i] - j * number[j]) for i, j in every) / voxels
    kinds = len(p)
    spread = sum(p[i] * p[j] * (i - j) ** 2 for i, j in every)
    return {
        "coarseness": 1 / weighted if weighted > 1e-6 else 1e6,
        "contrast": spread / (kinds * (kinds - 1)) * summed / voxels if kinds > 1 else 0.0,
        "busyness": 0.0 if kinds == 1 else weighted / busy if busy else None,
        "complexity": sum(
            abs(i - j) * (p[i] * difference[i] + p[j] * difference[j]) / (p[i] + p[j])
            for i, j in every
        )
        / voxels,
        "strength": sum((p[i] + p[j]) * (i - j) ** 2 for i, j in every) / summed if summed else 0.0,
    }


def averaged(prefix: str, matrices: Iterable[Values]) -> Values:
    """Mean over the matrices that define a feature; None where none does."""
    gathered: dict[str, list[float]] = defaultdict(list)
    for values in matrices:
        for name, value in values.items():
            gathered[f"{prefix}_{name}"].extend([] if value is None else [value])
    return {tag: sum(found) / len(found) if found else None for tag, found in gathered.items()}


def merged(cells: Iterable[Cells]) -> Cells:
    total: Cells = Counter()
    for each in cells:
        total.update(each)
    return total


def texture_by_definition(
    levels: npt.NDArray[np.int32],
    morphology: npt.NDArray[np.bool_],
    dimension: Dimension,
    *,
    count: int,
    distance: int = 1,
    alpha: int = 0,
) -> Values:
    """Features by tag; a tag that no matrix defines is None or lacking."""
    planar = dimension not in {Dimension.VOLUME, Dimension.VOLUME_AVERAGED}
    by_slice = dimension in {Dimension.SLICES_AVERAGED, Dimension.SLICES_MERGED}
    by_direction = dimension in {
        Dimension.SLICES_AVERAGED,
        Dimension.DIRECTIONS_MERGED,
        Dimension.VOLUME_AVERAGED,
    }
    everything = {
        (int(i), int(j), int(k)): int(levels[i, j, k]) for i, j, k in np.argwhere(levels > 0)
    }
    groups = [everything]
    if by_slice:
        slices = sorted({voxel[2] for voxel in everything})
        groups = [{v: n for v, n in everything.items() if v[2] == k} for k in slices]
    outside = [(int(i), int(j), int(k)) for i, j, k in np.argwhere(~np.pad(morphology, 1))]

    def to_outside(voxel: Voxel) -> int:
        return min(
            abs(o[0] - 1 - voxel[0]) + abs(o[1] - 1 - voxel[1]) + abs(o[2] - 1 - voxel[2])
            for o in outside
            if not planar or o[2] - 1 == voxel[2]
        )

    rows: dict[str, list[Values]] = defaultdict(list)
    along = directions(planar=planar)
    for group in groups:
        paired = [pairs(group, step, distance) for step in along]
        walked = [runs(group, step) for step in along]
        sizes, distances = zones(group, to_outside, planar=planar)
        difference, number, dependence = neighborhoods(group, distance, alpha, planar=planar)
        times = 1
        if not by_direction:
            paired, walked, times = [merged(paired)], [merged(walked)], len(along)
        rows["cm"] += [pair_features(cells, count) for cells in paired]
        rows["rlm"] += [cell_features(cells, RUN, times * len(group)) for cells in walked]
        rows["szm"].append(cell_features(sizes, SIZE, len(group)))
        rows["dzm"].append(cell_features(distances, DISTANCE, len(group)))
        rows["ngt"].append(difference_features(difference, number))
        rows["ngl"].append(cell_features(dependence, DEPENDENCE, len(group)))
    features: Values = {}
    for prefix, values in rows.items():
        features |= averaged(prefix, values)
    return features
