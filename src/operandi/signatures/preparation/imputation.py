"""Missing values drawn by chained equations that were learned from training rows.

Fully conditional specification [1]_: each column in turn is regressed on the others, coefficients
and spread are drawn from their posterior, and missing cells from the prediction: normal (Bayesian
linear), of two values (logistic), or the value of one of the five nearest donors (predictive mean
matching). What was learned is applied to test rows as to training rows, in sweeps with the last
draw of the coefficients. The outcome takes no part: at a patient's bedside there is none [2]_.

A cell is never 0 because it is missing. A column too seldom known is left out with its reason, and
a row without any value is refused.

References
----------
.. [1] van Buuren, Stat Methods Med Res 16:219, 2007.
.. [2] Sisk et al., Stat Methods Med Res 32:1461, 2023.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Self

import numpy as np

from operandi.quantities.errors import DataError
from operandi.signatures.data import Bools, Floats, RightCensored
from operandi.signatures.preparation.imputation_kernel import (
    LINEAR,
    LOGISTIC,
    MATCHING,
    Keys,
    Whole,
    apply_chained,
    learn_chained,
    row_keys,
)
from operandi.signatures.preparation.transformer import (
    Columns,
    PlainRows,
    floats,
    listed,
    numbers,
    refuse_other_columns,
)

Continuous = Literal["linear", "matching"]
_TINY: Final = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Imputation:
    """Chained equations.

    Parameters
    ----------
    continuous : {"matching", "linear"}
        Of columns with more than two values. Columns with two are logistic.
    draw : bool
        Draw values (for multiple imputation), or fill in the expected ones: with these, standard
        errors are too small, and coefficients learned from rows with gaps too large.
    sweeps : int, >= 1
        Rounds over all columns.
    predictors : int, >= 1
        Most columns that foretell one, by absolute correlation; never more than half as many as
        rows that know it.
    least_known : int, >= 5
        A column that fewer training rows know is left out.
    most_missing : float, within (0, 1)
        A column that a larger share of training rows lacks is left out.
    """

    continuous: Continuous = "matching"
    draw: bool = True
    sweeps: int = 10
    predictors: int = 30
    least_known: int = 10
    most_missing: float = 0.5
    covariates: tuple[str, ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        fine = self.sweeps >= 1 and self.predictors >= 1 and self.least_known >= 5
        if not fine or not 0.0 < self.most_missing < 1.0:
            raise DataError(
                "Imputation needs sweeps and predictors >= 1, least_known >= 5 and most_missing "
                f"within (0, 1); found {self.sweeps}, {self.predictors}, {self.least_known} and "
                f"{self.most_missing:g}."
            )

    def learn(
        self, rows: PlainRows, *, outcome: RightCensored | None, seed: int
    ) -> "LearnedImputation":
        """Learn the equations from training rows.

        Raises
        ------
        DataError
            If no column is known often enough, or a row has no value.
        """
        del outcome
        known = ~np.isnan(rows.values)
        kept, left_out = self._judged(known, rows.names)
        values = np.ascontiguousarray(rows.values[:, kept])
        _refuse_empty(values, rows)
        equations = chained_equations(values, settings=self, seed=seed)
        return LearnedImputation(
            kept=kept, count=len(rows.names), left_out=left_out, equations=equations
        )

    def _judged(self, known: Bools, names: tuple[str, ...]) -> tuple[Columns, dict[str, str]]:
        counts, rows = known.sum(axis=0), known.shape[0]
        few = (counts < self.least_known) & (counts < rows)
        many = counts < (1.0 - self.most_missing) * rows
        left_out = {
            names[column]: f"known in {counts[column]} of {rows} training rows, "
            f"{1.0 - counts[column] / rows:.0%} missing"
            for column in np.flatnonzero(few | many)
        }
        kept = np.flatnonzero(~(few | many))
        if not kept.size:
            raise DataError(
                f"No column is known in enough of {rows} training rows: {listed(tuple(left_out))}.",
                remedy="Take the block out of the plan; what was not assayed cannot be drawn.",
            )
        return kept, left_out


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChainedEquations:
    """The equations of p columns, in standard units. Arrays as in ``imputation_kernel``."""

    center: Floats
    scale: Floats
    kinds: Whole
    levels: Floats
    order: Whole
    chosen: Whole
    counts: Whole
    coefficients: Floats
    sigmas: Floats
    predicted: Floats
    given: Floats
    donors: Whole
    seen: tuple[Floats, ...]
    sweeps: int
    draw: bool
    seed: int

    def fill(self, values: Floats) -> Floats:
        """Return rows with every missing value filled; those known stay to the last bit.

        Parameters
        ----------
        values : (n, p) float
            NaN where missing.
        """
        missing = np.isnan(values)
        if not missing.any():
            return values.copy()
        filled = _standard(values, missing, self.center, self.scale)
        apply_chained(
            filled,
            np.ascontiguousarray(missing.T),
            _keys(values, self.seed),
            self.order,
            self.kinds,
            self.chosen,
            self.counts,
            self.levels,
            self.sweeps,
            self.draw,
            self.coefficients,
            self.sigmas,
            self.predicted,
            self.given,
            self.donors,
        )
        found = np.where(missing, filled.T * self.scale + self.center, values)
        for column, given in enumerate(self.seen):
            gaps = missing[:, column]
            if given.size and gaps.any():
                # The value itself, not what rounding makes of it on the way there and back.
                standard = (given - self.center[column]) / self.scale[column]
                at = np.searchsorted(standard, filled[column, gaps])
                found[gaps, column] = given[np.minimum(at, given.size - 1)]
        return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LearnedImputation:
    """Equations, with the columns that they have and why others are left out.

    Parameters
    ----------
    kept : (m,) int
        Positions of the columns that come out.
    count : int
        Columns that go in.
    left_out : mapping
        Why a column is left out, by its name.
    equations : ChainedEquations
        Of the columns that come out. Of those matched it holds training values, without names.
    """

    kept: Columns
    count: int
    left_out: Mapping[str, str]
    equations: ChainedEquations

    def apply(self, rows: PlainRows) -> Floats:
        """Fill missing values; the same row gets the same values whatever rows are beside it.

        Raises
        ------
        DataError
            If a row has no value at all.
        """
        refuse_other_columns(rows, needed=self.count, step="imputation")
        values = np.ascontiguousarray(rows.values[:, self.kept])
        _refuse_empty(values, rows)
        return self.equations.fill(values)

    def as_dict(self) -> dict[str, Any]:
        """What was learned."""
        said: dict[str, Any] = {
            "step": "imputation",
            "kept": self.kept.tolist(),
            "count": self.count,
            "left_out": dict(self.left_out),
            "sweeps": self.equations.sweeps,
            "draw": self.equations.draw,
            "seed": self.equations.seed,
        }
        for name in (*_FLOATS, *_WHOLES):
            said[name] = numbers(getattr(self.equations, name))
        # Donors fill the first cells of a row each; the rest is nothing.
        for name in _RAGGED:
            rows = getattr(self.equations, name)
            pairs = zip(rows, self.equations.donors, strict=True)
            said[name] = [numbers(row[:count]) for row, count in pairs]
        said["seen"] = [numbers(given) for given in self.equations.seen]
        return said

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> Self:
        """Rebuild from ``as_dict``."""
        parts: dict[str, Any] = {name: floats(said[name]) for name in _FLOATS}
        parts |= {name: np.asarray(said[name], dtype=np.int64) for name in _WHOLES}
        columns = parts["center"].size
        for name in ("coefficients", "chosen"):
            parts[name] = parts[name].reshape(columns, -1)
        for name in _RAGGED:
            parts[name] = np.zeros((columns, int(parts["donors"].max(initial=0))))
            for column, row in enumerate(said[name]):
                parts[name][column, : len(row)] = row
        equations = ChainedEquations(
            seen=tuple(floats(given) for given in said["seen"]),
            sweeps=int(said["sweeps"]),
            draw=bool(said["draw"]),
            seed=int(said["seed"]),
            **parts,
        )
        return cls(
            kept=np.asarray(said["kept"], dtype=np.int64),
            count=int(said["count"]),
            left_out=dict(said["left_out"]),
            equations=equations,
        )


_FLOATS: Final = ("center", "scale", "levels", "coefficients", "sigmas")
_WHOLES: Final = ("kinds", "order", "chosen", "counts", "donors")
_RAGGED: Final = ("predicted", "given")


def chained_equations(values: Floats, *, settings: Imputation, seed: int) -> ChainedEquations:
    """Learn chained equations from a plain array; a thread may call it.

    Parameters
    ----------
    values : (n, p) float, C-contiguous
        NaN where missing; every column known in five rows or more, every row in one column.
    settings : Imputation
        How.
    seed : int, >= 0
        Of all that is drawn.
    """
    missing = np.isnan(values)
    rows, columns = values.shape
    kinds, center, scale, levels = _kinds(values, missing, settings.continuous)
    filled = _standard(values, missing, center, scale)
    gaps = missing.sum(axis=0)
    known = rows - gaps
    chosen, counts = _predictors(filled, np.minimum(settings.predictors, known // 2))
    order = np.argsort(gaps, kind="stable").astype(np.int64)
    width = chosen.shape[1] + 1
    best, drawn = np.zeros((columns, width)), np.zeros((columns, width))
    sigmas = np.zeros(columns)
    predicted, given = np.zeros((columns, rows)), np.zeros((columns, rows))
    learn_chained(
        filled,
        np.ascontiguousarray(missing.T),
        _keys(values, seed),
        order,
        kinds,
        chosen,
        counts,
        levels,
        settings.sweeps,
        np.uint64(seed),
        settings.draw,
        best,
        drawn,
        sigmas,
        predicted,
        given,
    )
    return ChainedEquations(
        center=center,
        scale=scale,
        kinds=kinds,
        levels=levels,
        order=order,
        chosen=chosen,
        counts=counts,
        coefficients=drawn if settings.draw else best,
        sigmas=sigmas,
        predicted=predicted,
        given=given,
        seen=_seen(values, kinds, draw=settings.draw),
        donors=np.where((kinds == MATCHING) & settings.draw, known, 0).astype(np.int64),
        sweeps=settings.sweeps,
        draw=settings.draw,
        seed=seed,
    )


def impute_draws(values: Floats, *, settings: Imputation, seed: int, draws: int) -> Floats:
    """Return several imputations of one array, each of equations of its own.

    Parameters
    ----------
    values : (n, p) float
        NaN where missing.
    settings : Imputation
        How.
    seed, draws : int
        Of what is drawn, and how many imputations.

    Returns
    -------
    (draws, n, p) float
        For Rubin's rules.
    """
    values = np.ascontiguousarray(values, dtype=np.float64)
    seeds = np.random.SeedSequence(seed).generate_state(draws, np.uint64) >> np.uint64(1)
    return np.stack(
        [chained_equations(values, settings=settings, seed=int(one)).fill(values) for one in seeds]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MedianFill:
    """Fill in the training median: quick for thousands of columns, and no imputation for inference.

    Rows without any value (not scanned) stay missing.
    """

    covariates: tuple[str, ...] = field(default=(), init=False)

    def learn(
        self, rows: PlainRows, *, outcome: RightCensored | None, seed: int
    ) -> "LearnedMedianFill":
        """Learn the median of every column.

        Raises
        ------
        DataError
            If a column has no value.
        """
        del outcome, seed
        # NaN sorts last: the known values of a column are its first.
        ordered = np.sort(rows.values.T, axis=1)
        known = (~np.isnan(ordered)).sum(axis=1)
        if (none := np.flatnonzero(known == 0)).size:
            raise DataError(
                f"{listed([rows.names[column] for column in none])}: no training row knows it.",
                remedy="Put the filter of constant columns before the filling.",
            )
        column = np.arange(known.size)
        low, high = ordered[column, (known - 1) // 2], ordered[column, known // 2]
        return LearnedMedianFill(medians=floats(np.where(low == high, low, (low + high) / 2.0)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LearnedMedianFill:
    """The median of each column, (p,)."""

    medians: Floats
    kept: Columns | None = field(default=None, init=False)

    def apply(self, rows: PlainRows) -> Floats:
        """Fill rows that have some value."""
        refuse_other_columns(rows, needed=self.medians.size, step="filling")
        missing = np.isnan(rows.values)
        missing[missing.all(axis=1)] = False
        return np.where(missing, self.medians, rows.values)

    def as_dict(self) -> dict[str, Any]:
        """What was learned."""
        return {"step": "median_fill", "medians": numbers(self.medians)}

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> Self:
        """Rebuild from ``as_dict``."""
        return cls(medians=floats(said["medians"]))


def _kinds(
    values: Floats, missing: Bools, continuous: Continuous
) -> tuple[Whole, Floats, Floats, Floats]:
    low = np.where(missing, np.inf, values).min(axis=0)
    high = np.where(missing, -np.inf, values).max(axis=0)
    two = (high > low) & (missing | (values == low) | (values == high)).all(axis=0)
    kinds = np.where(two, LOGISTIC, LINEAR if continuous == "linear" else MATCHING)
    known = np.maximum((~missing).sum(axis=0), 1)
    there = np.where(missing, 0.0, values)
    center = there.sum(axis=0) / known
    spread = np.sqrt(np.square(np.where(missing, 0.0, values - center)).sum(axis=0) / known)
    # A column that does not vary foretells nothing, and is foretold by its one value.
    scale = np.where(spread > _TINY * np.abs(center), spread, 1.0)
    levels = (np.stack((low, high), axis=1) - center[:, None]) / scale[:, None]
    return kinds.astype(np.int64), center, scale, np.ascontiguousarray(levels)


def _seen(values: Floats, kinds: Whole, *, draw: bool) -> tuple[Floats, ...]:
    """Of columns whose drawn values are values that were seen, these, ascending."""
    none = np.empty(0)
    return tuple(
        np.unique(column[~np.isnan(column)]) if draw and kind != LINEAR else none
        for column, kind in zip(values.T, kinds, strict=True)
    )


def _standard(values: Floats, missing: Bools, center: Floats, scale: Floats) -> Floats:
    return np.ascontiguousarray(np.where(missing, 0.0, (values - center) / scale).T)


def _keys(values: Floats, seed: int) -> Keys:
    # Adding 0 makes -0 and 0 one number, as they are.
    plain = np.ascontiguousarray(values + 0.0)
    return row_keys(plain, plain.view(np.uint64), np.uint64(seed))


def _predictors(filled: Floats, most: Whole) -> tuple[Whole, Whole]:
    """For each column the others that go with it most, first; and how many of them are used."""
    columns = filled.shape[0]
    width = min(columns - 1, int(most.max()))
    others = np.abs(filled @ filled.T)
    np.fill_diagonal(others, -1.0)
    counts = np.minimum(most, columns - 1).astype(np.int64)
    if columns > 4 * width:
        nearest = np.argpartition(-others, width, axis=1)[:, :width]
        rank = np.argsort(-np.take_along_axis(others, nearest, axis=1), axis=1, kind="stable")
        return np.ascontiguousarray(np.take_along_axis(nearest, rank, axis=1)), counts
    return np.ascontiguousarray(np.argsort(-others, axis=1, kind="stable")[:, :width]), counts


def _refuse_empty(values: Floats, rows: PlainRows) -> None:
    empty = np.flatnonzero(np.isnan(values).all(axis=1))
    if empty.size:
        others = f", nor have {empty.size - 1} rows more" if empty.size > 1 else ""
        raise DataError(
            f"{rows.participants[empty[0]]} has no value of any column to be imputed{others}.",
            remedy="Impute the block together with one that was assayed, or leave the participant "
            "out and count it.",
        )
