"""Columns that can tell nothing, or tell it again, or would tell something else tomorrow.

Filters read no outcome. Constants and duplicates depend on the rows and are found in each fold;
repeatability comes from repeated measurements and is fixed beforehand.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Self

import numpy as np

from operandi.quantities.errors import DataError
from operandi.signatures.data import Bools, Floats, RightCensored
from operandi.signatures.preparation.transformer import (
    Columns,
    PlainRows,
    listed,
    refuse_other_columns,
)

_SHOWN_DIGITS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LearnedSelection:
    """Columns that are kept, and why each other one is not.

    Parameters
    ----------
    kept : (m,) int
        Positions, ascending.
    count : int
        Columns that go in.
    dropped : mapping
        Why a column is not kept, by its name; of a screening only its name is told apart.
    by : str
        The step that chose.
    """

    kept: Columns
    count: int
    dropped: Mapping[str, str]
    by: str

    def apply(self, rows: PlainRows) -> Floats:
        """Return the columns that are kept."""
        refuse_other_columns(rows, needed=self.count, step=self.by)
        if self.kept.size == self.count:
            return rows.values
        return np.ascontiguousarray(rows.values[:, self.kept])

    def as_dict(self) -> dict[str, Any]:
        """What was learned."""
        return {
            "step": "selection",
            "kept": self.kept.tolist(),
            "count": self.count,
            "dropped": dict(self.dropped),
            "by": self.by,
        }

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> Self:
        """Rebuild from ``as_dict``."""
        return cls(
            kept=np.asarray(said["kept"], dtype=np.int64),
            count=int(said["count"]),
            dropped=dict(said["dropped"]),
            by=said["by"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstantFilter:
    """Drop columns with one value, or nearly so.

    Parameters
    ----------
    most_common : float, within (0, 1]
        A column is dropped where one value has more than this share of those known; at 1 only
        constants are.
    least_known : int, >= 2
        A column that fewer rows know is dropped.
    """

    most_common: float = 0.95
    least_known: int = 2
    covariates: tuple[str, ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        if not 0.0 < self.most_common <= 1.0 or self.least_known < 2:
            raise DataError(
                "The filter of constants needs most_common within (0, 1] and least_known >= 2; "
                f"found {self.most_common:g} and {self.least_known}."
            )

    def learn(
        self, rows: PlainRows, *, outcome: RightCensored | None, seed: int
    ) -> LearnedSelection:
        """Find the columns that vary."""
        del outcome, seed
        # NaN sorts last, so the known values of a column are its first.
        ordered = np.sort(rows.values.T, axis=1)
        known = (~np.isnan(ordered)).sum(axis=1)
        commonest = _longest_run(ordered, known)
        share = commonest / np.maximum(known, 1)
        few = known < self.least_known
        same = ~few & ((share > self.most_common) | (commonest == known))
        why = {
            int(column): f"known in {known[column]} training rows"
            if few[column]
            else f"{share[column]:.0%} of the training rows have one value"
            for column in np.flatnonzero(few | same)
        }
        return selection(~(few | same), why, rows.names, by="filter of constants")


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateFilter:
    """Drop columns whose values, and gaps, are those of a column before them."""

    covariates: tuple[str, ...] = field(default=(), init=False)

    def learn(
        self, rows: PlainRows, *, outcome: RightCensored | None, seed: int
    ) -> LearnedSelection:
        """Find the first of each set of equal columns."""
        del outcome, seed
        # Adding 0 makes -0 and 0 one number; of NaN there is one sort after the sum.
        columns = np.ascontiguousarray(rows.values.T + 0.0)
        columns[np.isnan(columns)] = np.nan
        first: dict[bytes, int] = {}
        why = {}
        for column, content in enumerate(columns):
            earlier = first.setdefault(content.tobytes(), column)
            if earlier != column:
                why[column] = f"the same as {rows.names[earlier]}"
        kept = np.ones(len(rows.names), dtype=np.bool_)
        kept[list(why)] = False
        return selection(kept, why, rows.names, by="filter of duplicates")


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatableColumns:
    """Drop columns that do not repeat: test and retest, or perturbed images.

    Parameters
    ----------
    repeatability : mapping
        Intraclass correlation, or its lower limit, by the column's name: a fact from elsewhere.
    least : float
        A column below it is dropped.
    unknown : {"keep", "drop"}
        What becomes of columns whose repeatability nobody has measured.
    """

    repeatability: Mapping[str, float]
    least: float
    unknown: Literal["keep", "drop"]
    covariates: tuple[str, ...] = field(default=(), init=False)

    def learn(
        self, rows: PlainRows, *, outcome: RightCensored | None, seed: int
    ) -> LearnedSelection:
        """Find the columns that repeat."""
        del outcome, seed
        kept, why = np.ones(len(rows.names), dtype=np.bool_), {}
        for column, name in enumerate(rows.names):
            known = self.repeatability.get(name)
            if known is None and self.unknown == "drop":
                why[column] = "its repeatability is not known"
            elif known is not None and not known >= self.least:
                why[column] = f"repeatability {known:.{_SHOWN_DIGITS}g} below {self.least:g}"
        kept[list(why)] = False
        return selection(kept, why, rows.names, by="filter of repeatability")


def column_repeatability(repeats: Floats) -> Floats:
    """Return ICC(1,1) of many columns at once.

    ``(MSB - MSW) / (MSB + (k - 1) MSW)`` of a one-way analysis of variance [1]_, for test and
    retest or for perturbations of one image alike.

    Parameters
    ----------
    repeats : (n, k, p) float
        n subjects, k repeats of each, p columns; complete.

    Returns
    -------
    (p,) float
        At most 1; -1 / (k - 1) where subjects do not differ, and for a column of one value.

    Raises
    ------
    DataError
        If there are fewer than two subjects or repeats, or a value is missing.

    References
    ----------
    .. [1] Shrout and Fleiss, Psychol Bull 86:420, 1979.
    """
    if repeats.ndim != 3 or min(repeats.shape[:2]) < 2 or not np.isfinite(repeats).all():
        raise DataError(
            "Repeatability needs two subjects or more, two repeats or more of each, and every "
            f"value; found shape {repeats.shape}."
        )
    subjects, count, _ = repeats.shape
    means = repeats.mean(axis=1)
    between = count * np.square(means - means.mean(axis=0)).sum(axis=0) / (subjects - 1)
    within = np.square(repeats - means[:, None]).sum(axis=(0, 1)) / (subjects * (count - 1))
    total = between + (count - 1) * within
    lowest: Floats = np.full(total.shape, -1.0 / (count - 1))
    np.divide(between - within, total, out=lowest, where=total > 0.0)
    return lowest


def selection(
    kept: Bools, why: Mapping[int, str], names: tuple[str, ...], *, by: str
) -> LearnedSelection:
    """Make a selection of columns.

    Raises
    ------
    DataError
        If nothing is left.
    """
    if not kept.any():
        told = listed([f"{names[column]} ({reason})" for column, reason in why.items()], shown=3)
        raise DataError(
            f"The {by} leaves no column of {len(names)}: {told}.",
            remedy="Loosen it in the plan, or take the block out.",
        )
    return LearnedSelection(
        kept=np.flatnonzero(kept),
        count=len(names),
        dropped={names[column]: reason for column, reason in why.items()},
        by=by,
    )


def _longest_run(ordered: Floats, known: Columns) -> Columns:
    """How often the commonest value stands in each ascending row."""
    longest = np.minimum(known, 1)
    if ordered.shape[1] < 2:
        return longest
    same = ordered[:, 1:] == ordered[:, :-1]
    run = np.ones(ordered.shape[0], dtype=np.int64)
    for position in range(same.shape[1]):
        run = np.where(same[:, position], run + 1, 1)
        longest = np.maximum(longest, np.where(known > position + 1, run, longest))
    return longest
