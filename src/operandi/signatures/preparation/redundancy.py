"""Columns that go together, and one that stands for each group."""

from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from numba import njit

from operandi.quantities.errors import DataError
from operandi.signatures.data import Bools, Floats, RightCensored
from operandi.signatures.preparation.filters import LearnedSelection, selection
from operandi.signatures.preparation.transformer import Columns, PlainRows

_ABREAST: Final = 128
"""Columns of a block."""
_ROUNDING: Final = 1e-12
"""Of correlations: of few ranks many are equal, and no two machines round them alike."""

_Singles = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class RedundancyFilter:
    """Keep one column of each group of correlated ones.

    ``first``: columns in the plan's order; one is dropped where its correlation with a column kept
    before it is above *most*. ``medoid``: groups within which every pair is correlated at *most*
    or more (complete linkage), and of each the column nearest to the others on average.

    Parameters
    ----------
    most : float, within (0, 1)
        Absolute correlation.
    representative : {"first", "medoid"}
        Who stands for a group.
    ranks : bool
        Spearman's correlation instead of Pearson's.
    """

    most: float = 0.9
    representative: Literal["first", "medoid"] = "first"
    ranks: bool = True
    covariates: tuple[str, ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        if not 0.0 < self.most < 1.0:
            raise DataError(f"A largest correlation lies within (0, 1); found {self.most:g}.")

    def learn(
        self, rows: PlainRows, *, outcome: RightCensored | None, seed: int
    ) -> LearnedSelection:
        """Find the columns that stand for others. Missing values count as the column's mean."""
        del outcome, seed
        unit = unit_columns(rows.values, ranks=self.ranks)
        if self.representative == "first":
            stands_for = _first(unit, self.most)
        else:
            stands_for = _medoids(unit, self.most)
        own = np.arange(stands_for.size)
        dropped = np.flatnonzero(stands_for != own)
        other = stands_for[dropped]
        alike = np.einsum("ij,ij->i", unit[dropped], unit[other])
        why = {
            column: f"goes with {rows.names[at]} (correlation {how:.2f})"
            for column, at, how in zip(
                dropped.tolist(), other.tolist(), alike.tolist(), strict=True
            )
        }
        return selection(stands_for == own, why, rows.names, by="filter of redundancy")


def unit_columns(values: Floats, *, ranks: bool) -> Floats:
    """Columns as rows, centered and of length 1, so that a dot product is a correlation.

    Parameters
    ----------
    values : (n, p) float
        NaN is taken at the mean; a constant column becomes 0 and goes with none.
    ranks : bool
        Of ranks (ties at their mean).

    Returns
    -------
    (p, n) float
    """
    columns = np.ascontiguousarray(values.T)
    missing = np.isnan(columns)
    if not missing.any():
        return _unit_of_complete(columns, ranks=ranks)
    if ranks:
        # What is missing takes the last ranks and leaves the others theirs.
        columns = np.where(missing, np.inf, columns)
        columns = mean_ranks(columns, np.argsort(columns, axis=1))
    known = np.maximum((~missing).sum(axis=1, keepdims=True), 1)
    centered = np.where(missing, 0.0, columns)
    centered = np.where(missing, 0.0, columns - centered.sum(axis=1, keepdims=True) / known)
    length = np.sqrt(np.square(centered).sum(axis=1, keepdims=True))
    size = np.abs(np.where(missing, 0.0, columns)).max(axis=1, keepdims=True, initial=0.0)
    flat: Bools = length <= 1e-12 * size
    return np.ascontiguousarray(np.where(flat, 0.0, centered / np.where(flat, 1.0, length)))


def _unit_of_complete(columns: Floats, *, ranks: bool) -> Floats:
    """The same to the last bit where nothing is missing, with fewer copies."""
    if ranks:
        columns = mean_ranks(columns, np.argsort(columns, axis=1))
    centered = columns - columns.sum(axis=1, keepdims=True) / max(columns.shape[1], 1)
    length = np.sqrt(np.square(centered).sum(axis=1, keepdims=True))
    flat: Bools = length <= 1e-12 * np.abs(columns).max(axis=1, keepdims=True, initial=0.0)
    centered /= np.where(flat, 1.0, length)
    centered[flat[:, 0]] = 0.0
    return np.ascontiguousarray(centered)


@njit(cache=True, nogil=True)
def mean_ranks(values: Floats, order: Columns) -> Floats:
    """Ranks from 1 within each row, ties at their mean.

    Parameters
    ----------
    values : (p, n) float
        Without NaN.
    order : (p, n) int
        Of each row, as ``argsort`` gives it.
    """
    ranks = np.empty(values.shape)
    n = values.shape[1]
    for row in range(values.shape[0]):
        start = 0
        while start < n:
            end = start + 1
            while end < n and values[row, order[row, end]] == values[row, order[row, start]]:
                end += 1
            for at in range(start, end):
                ranks[row, order[row, at]] = 0.5 * (start + 1 + end)
            start = end
    return ranks


def _doubt(unit: Floats) -> float:
    """How far a dot product of unit rows in single precision may be off (Higham, 2002, 3.1).

    Products in single precision take half the time, and settle nearly every pair.
    """
    return float((unit.shape[1] + 4) * 2.0**-24 + _ROUNDING)


def _first(unit: Floats, most: float) -> Columns:
    # Only those kept are compared with, a block at a time: of 2,000 radiomic columns few are left.
    columns = unit.shape[0]
    stands_for, kept = np.arange(columns), np.empty(columns, dtype=np.int64)
    single, doubt = unit.astype(np.float32), _doubt(unit)
    beside, count = np.empty_like(single), 0
    for start in range(0, columns, _ABREAST):
        block = single[start : start + _ABREAST]
        before = block @ beside[:count].T
        taken = _taken(before, block @ block.T, unit, most, doubt, start, kept[:count], stands_for)
        beside[count : count + taken.size] = single[taken]
        kept[count : count + taken.size] = taken
        count += taken.size
    return stands_for


@njit(cache=True, nogil=True)
def _taken(  # noqa: PLR0913, PLR0917
    before: _Singles,
    within: _Singles,
    unit: Floats,
    most: float,
    doubt: float,
    start: int,
    kept: Columns,
    stands_for: Columns,
) -> Columns:
    """Columns of a block that are kept, as no column before goes with them."""
    taken = np.empty(within.shape[0], dtype=np.int64)
    count, bar = 0, np.float32(most - doubt)
    for row in range(within.shape[0]):
        own, near = start + row, 0
        for at in range(kept.size):  # without a way out it vectorizes, and mostly finds none
            near += abs(before[row, at]) >= bar
        for at in range(kept.size if near else 0):
            if _above(before[row, at], unit, own, kept[at], most, doubt):
                stands_for[own] = kept[at]
                break
        if stands_for[own] != own:
            continue
        for at in range(count):
            if _above(within[row, taken[at] - start], unit, own, taken[at], most, doubt):
                stands_for[own] = taken[at]
                break
        if stands_for[own] == own:
            taken[count] = own
            count += 1
    return taken[:count]


@njit(cache=True, nogil=True)
def _above(about: float, unit: Floats, one: int, other: int, most: float, doubt: float) -> bool:
    """Whether a correlation is above the most; where single precision is in doubt, in double."""
    off = abs(about) - most
    if abs(off) > doubt:
        return off > 0.0
    total = 0.0
    for row in range(unit.shape[1]):
        total += unit[one, row] * unit[other, row]
    return abs(total) > most + _ROUNDING


def _medoids(unit: Floats, most: float) -> Columns:
    # A group lies within one set of columns that are linked pair by pair: the sets are found by
    # products alone, and only within them, mostly small, are distances kept and groups formed.
    stands_for = np.arange(unit.shape[0])
    linked = _linked(unit, most)
    order = np.argsort(linked, kind="stable")
    edges = np.flatnonzero(np.diff(linked[order])) + 1
    for members in np.split(order, edges):
        if members.size > 1:
            alike = np.minimum(np.abs(unit[members] @ unit[members].T), 1.0)
            far = _ROUNDING * np.rint((1.0 - alike) / _ROUNDING)
            np.fill_diagonal(far, 0.0)
            groups = _complete_linkage(far, 1.0 - most + 0.5 * _ROUNDING)
            stands_for[members] = members[_nearest(far, groups)]
    return stands_for


def _linked(unit: Floats, most: float) -> Columns:
    """The first column that each is linked to by correlations of *most*, or perhaps as much."""
    columns = unit.shape[0]
    single, first = unit.astype(np.float32), np.arange(columns)
    bar = np.float32(most - _doubt(unit))
    for start in range(0, columns, _ABREAST):
        _link(single[start : start + _ABREAST] @ single[start:].T, start, bar, first)
    for column in range(columns):  # a column's own first stands before it, and is settled
        first[column] = first[first[column]]
    return first


@njit(cache=True, nogil=True)
def _link(alike: _Singles, start: int, bar: np.float32, first: Columns) -> None:
    """Join the sets of every pair above a bar; each set hangs from its first column."""
    for row in range(alike.shape[0]):
        near = 0
        for at in range(row + 1, alike.shape[1]):
            near += abs(alike[row, at]) >= bar
        for at in range(row + 1, alike.shape[1] if near else 0):
            if abs(alike[row, at]) >= bar:
                one, other = start + row, start + at
                while first[one] != one:
                    first[one] = first[first[one]]
                    one = first[one]
                while first[other] != other:
                    first[other] = first[first[other]]
                    other = first[other]
                first[max(one, other)] = min(one, other)


@njit(cache=True, nogil=True)
def _complete_linkage(far: Floats, cut: float) -> Columns:
    """Groups of complete linkage within a distance, by chains of nearest neighbors.

    Müllner, arXiv:1109.2378, 2011. A group is named by its first column.
    """
    count = far.shape[0]
    between, group = far.copy(), np.arange(count)
    size = np.ones(count, dtype=np.int64)
    chain, length = np.empty(count, dtype=np.int64), 0
    for _ in range(count - 1):
        if length == 0:
            chain[0], length = np.flatnonzero(size)[0], 1
        while True:
            one = chain[length - 1]
            # Of equals the one before in the chain: else it might never end.
            other = chain[length - 2] if length > 1 else -1
            nearest = between[one, other] if length > 1 else np.inf
            for at in range(count):
                if size[at] > 0 and at != one and between[one, at] < nearest:
                    nearest, other = between[one, at], at
            if length > 1 and other == chain[length - 2]:
                break
            chain[length] = other
            length += 1
        length -= 2
        left, right = min(one, other), max(one, other)
        if nearest <= cut:
            group[group == group[right]] = group[left]
        size[right] = 0
        for at in range(count):
            if size[at] > 0 and at != left:
                between[left, at] = max(between[left, at], between[right, at])
                between[at, left] = between[left, at]
    return group


@njit(cache=True, nogil=True)
def _nearest(far: Floats, group: Columns) -> Columns:
    """Of each column the member of its group that is nearest to the others on average."""
    count = far.shape[0]
    total, least = np.zeros(count), np.full(count, np.inf)
    for one in range(count):
        for other in range(count):
            if group[other] == group[one]:
                total[one] += far[one, other]
        least[group[one]] = min(least[group[one]], total[one])
    medoid = np.full(count, -1)
    for one in range(count):
        # Of equals the first in the plan's order, whatever rounding says.
        if medoid[group[one]] < 0 and total[one] <= least[group[one]] + 0.5 * _ROUNDING:
            medoid[group[one]] = one
    return medoid[group]
