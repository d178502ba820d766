"""Columns that go together, and one that stands for each group."""

from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
from numba import njit
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from operandi.quantities.errors import DataError
from operandi.signatures.data import Bools, Floats, RightCensored
from operandi.signatures.preparation.filters import LearnedSelection, selection
from operandi.signatures.preparation.transformer import Columns, PlainRows

_ABREAST: Final = 128
"""Columns of a block."""


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


def _first(unit: Floats, most: float) -> Columns:
    # Only those kept are compared with, a block at a time: of 2,000 radiomic columns few are left.
    columns = unit.shape[0]
    stands_for, kept = np.arange(columns), np.empty(columns, dtype=np.int64)
    beside, count = np.empty_like(unit), 0
    for start in range(0, columns, _ABREAST):
        block = unit[start : start + _ABREAST]
        before = block @ beside[:count].T
        taken = _taken(before, block @ block.T, most, start, kept[:count], stands_for)
        beside[count : count + taken.size] = unit[taken]
        kept[count : count + taken.size] = taken
        count += taken.size
    return stands_for


@njit(cache=True, nogil=True)
def _taken(
    before: Floats, within: Floats, most: float, start: int, kept: Columns, stands_for: Columns
) -> Columns:
    """Columns of a block that are kept, as no column before goes with them."""
    taken = np.empty(within.shape[0], dtype=np.int64)
    count = 0
    for row in range(within.shape[0]):
        for at in range(kept.size):
            if abs(before[row, at]) > most:
                stands_for[start + row] = kept[at]
                break
        if stands_for[start + row] != start + row:
            continue
        for at in range(count):
            if abs(within[row, taken[at] - start]) > most:
                stands_for[start + row] = taken[at]
                break
        if stands_for[start + row] == start + row:
            taken[count] = start + row
            count += 1
    return taken[:count]


def _medoids(unit: Floats, most: float) -> Columns:
    own = np.arange(unit.shape[0])
    if own.size < 2:
        return own
    far = 1.0 - np.minimum(np.abs(unit @ unit.T), 1.0)
    np.fill_diagonal(far, 0.0)
    groups = fcluster(
        linkage(squareform(far, checks=False), "complete"), 1.0 - most, criterion="distance"
    )
    stands_for = own.copy()
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        total = far[np.ix_(members, members)].sum(axis=1)
        # Of equals the first in the plan's order, whatever rounding says.
        nearest = members[np.argmax(total <= total.min() + 1e-12)]
        stands_for[members] = nearest
    return stands_for
