"""Candidates: whole recipes from predictors to a linear predictor, fitted inside a fold.

A candidate knows nothing of folds; ``nested`` gives it training rows alone. What it fits says
which columns it used and can be written down as numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from operandi.quantities.errors import DataError
from operandi.signatures.cox.fused import TunedFit, path_scores, tuned_fit
from operandi.signatures.cox.newton import fit_cox
from operandi.signatures.cox.path import CoxPath, cox_path
from operandi.signatures.cox.path_kernel import PathSettings
from operandi.signatures.cox.score_test import score_tests
from operandi.signatures.data import Floats, Predictors, RightCensored
from operandi.signatures.logistic import LogisticPath, logistic_path
from operandi.signatures.preparation.chain import FittedChain, PreparationChain, predictors_at
from operandi.signatures.resampling.folds import Labels
from operandi.signatures.resampling.spread import (
    Spread,
    log_odds_at,
    spread_of_answers,
    spread_of_times,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedCandidate:
    """What a candidate learned: preparation, then a linear predictor.

    Parameters
    ----------
    names : tuple of str
        Columns after preparation.
    coefficients : (m,) float
        Per unit of those columns; 0 where a column was not selected.
    center : float
        The linear predictor is ``values @ coefficients - center``: 0 at the training mean.
    chain : FittedChain or None
        Preparation; None where the columns are taken as they are.
    columns : tuple of str
        Columns before preparation, in their order.
    details : mapping
        What else is worth saying: ``penalty`` chosen, ``spread``, the factor of the inner folds in
        the coefficients.
    """

    names: tuple[str, ...]
    coefficients: Floats
    center: float
    chain: FittedChain | None
    columns: tuple[str, ...]
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def spread(self) -> float | None:
        """Factor by which the coefficients were multiplied; None where they are as fitted."""
        found = self.details.get("spread")
        return None if found is None else float(found)

    @property
    def selected(self) -> tuple[str, ...]:
        """Columns with a coefficient."""
        return tuple(
            name for name, value in zip(self.names, self.coefficients, strict=True) if value != 0.0
        )

    def predictor(self, rows: Predictors, *, trained: bool = False) -> Floats:
        """Linear predictor (log relative hazard) of rows.

        Parameters
        ----------
        rows : Predictors
            With the columns of training.
        trained : bool
            Whether they are the training rows themselves; else none of them may have been seen.

        Raises
        ------
        LeakError
            If rows to be judged have been seen.
        DataError
            If columns are missing.
        """
        rows = columns_of(rows, self.columns)
        if self.chain is not None:
            rows = self.chain.apply(rows, role="training" if trained else "judged")
        place = {name: position for position, name in enumerate(rows.names)}
        values = rows.values[:, [place[name] for name in self.names]]
        refuse_missing(self.names, values)
        return np.asarray(values @ self.coefficients - self.center)


class Fitted(Protocol):
    """What any candidate learned, as resampling asks for it."""

    @property
    def selected(self) -> tuple[str, ...]:
        """Columns that it chose; none where it chooses none."""

    def predictor(self, rows: Predictors, *, trained: bool = False) -> Floats:
        """Log relative hazard of rows, as of ``FittedCandidate``."""


class Candidate(Protocol):
    """A recipe of the plan."""

    @property
    def name(self) -> str:
        """As the plan calls it."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that it may use."""

    @property
    def chain(self) -> PreparationChain | None:
        """Preparation, learned anew on every training part; None where there is none."""

    def fit(
        self, training: Predictors, outcome: RightCensored, *, inner: Labels, seed: int
    ) -> Fitted:
        """Learn everything from training rows.

        Parameters
        ----------
        training : Predictors
            Their rows.
        outcome : RightCensored
            Of the same rows.
        inner : (n,) int
            Inner fold of each row, for tuning.
        seed : int
            Of whatever is drawn.

        Raises
        ------
        DataError
            If it cannot be fitted; the fold then says why.
        """


def columns_of(rows: Predictors, names: tuple[str, ...]) -> Predictors:
    """Some columns of predictors, in a given order.

    Raises
    ------
    DataError
        If one is missing.
    """
    if rows.names == names:
        return rows
    place = {name: position for position, name in enumerate(rows.names)}
    if missing := [name for name in names if name not in place]:
        raise DataError(
            f"The candidate needs {', '.join(missing[:5])}, which the table does not have.",
            remedy="Supply the columns, or correct the plan's predictors.",
        )
    at = [place[name] for name in names]
    return Predictors(
        values=np.ascontiguousarray(rows.values[:, at]),
        names=names,
        blocks=tuple(rows.blocks[one] for one in at),
        participants=rows.participants,
        sites=rows.sites,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FewColumns:
    """A Cox model of a few columns without penalty: clinical scores, single markers.

    Parameters
    ----------
    name : str
    columns : tuple of str
        All are used.
    chain : PreparationChain or None
        Preparation, learned in the fold.
    ties : str
        ``"efron"`` or ``"breslow"``.
    spread : {"as_fitted", "cross_validated"}
        Whether coefficients are multiplied by a factor of the inner folds.
    """

    name: str
    columns: tuple[str, ...]
    chain: PreparationChain | None = None
    ties: str = "efron"
    spread: Spread = "as_fitted"

    def fit(
        self,
        training: Predictors,
        outcome: RightCensored,
        *,
        inner: Labels,
        seed: int,
    ) -> FittedCandidate:
        """See ``Candidate``."""
        chain, rows = prepared(training, self.columns, self.chain, outcome=outcome, seed=seed)
        fit = fit_cox(outcome, rows.values, names=rows.names, ties=self.ties)
        found = FittedCandidate(
            names=rows.names,
            coefficients=fit.coefficients,
            center=float(fit.center @ fit.coefficients),
            chain=chain,
            columns=self.columns,
        )
        if self.spread == "as_fitted":
            return found
        plain = replace(self, spread="as_fitted")
        held = held_out(plain, training, outcome, inner=inner, seed=seed)
        return spread_by(found, spread_of_times(outcome, held, inner))


@dataclass(frozen=True, slots=True, kw_only=True)
class Penalized:
    """An elastic-net Cox model, some columns unpenalized, its penalty tuned by inner folds.

    Preparation is learned anew in every inner fold.

    Parameters
    ----------
    name : str
    columns : tuple of str
        Before preparation.
    factors : mapping of str to float
        Penalty factor of each block; 0 leaves it unpenalized. Blocks not named have 1.
    settings : PathSettings
        l1 ratio, support cap, columns kept by the score test ...
    chain : PreparationChain or None
        Preparation.
    by_deviance : bool
        Tune by cross-validated partial likelihood, else by concordance.
    spread : {"as_fitted", "cross_validated"}
        Whether coefficients are multiplied by a factor of the inner folds.
    """

    name: str
    columns: tuple[str, ...]
    settings: PathSettings
    factors: Mapping[str, float] = field(default_factory=dict)
    chain: PreparationChain | None = None
    by_deviance: bool = True
    spread: Spread = "as_fitted"

    def factors_of(self, blocks: tuple[str, ...]) -> Floats:
        """Penalty factor of each column."""
        return np.array([self.factors.get(block, 1.0) for block in blocks], dtype=np.float64)

    def fit(
        self, training: Predictors, outcome: RightCensored, *, inner: Labels, seed: int
    ) -> FittedCandidate:
        """See ``Candidate``."""
        chain, rows = prepared(training, self.columns, self.chain, outcome=outcome, seed=seed)
        if self.chain is None:
            found = _tuned_plain(self, rows, outcome, inner)
        else:
            found = _tuned_prepared(self, training, rows, outcome, inner, seed=seed)
        if found.chosen < 0:
            raise DataError(
                "No penalty could be solved in every inner fold: unpenalized columns separate the "
                "events of one.",
                remedy="Penalize them, or leave them out.",
            )
        fitted = FittedCandidate(
            names=rows.names,
            coefficients=found.coefficients,
            center=found.center,
            chain=chain,
            columns=self.columns,
            details={"penalty": float(found.penalties[found.chosen])},
        )
        if self.spread == "as_fitted":
            return fitted
        if self.settings.logistic:
            return spread_answers(fitted, rows, outcome, found.inner_predictor, inner=inner)
        return spread_by(fitted, spread_of_times(outcome, found.inner_predictor, inner))


def spread_by(found: FittedCandidate, factor: float) -> FittedCandidate:
    """A fit to times whose linear predictor is multiplied by a factor."""
    return replace(
        found,
        coefficients=factor * found.coefficients,
        center=factor * found.center,
        details={**found.details, "spread": factor},
    )


def spread_answers(
    found: FittedCandidate,
    rows: Predictors,
    outcome: RightCensored,
    held: Floats,
    *,
    inner: Labels,
) -> FittedCandidate:
    """The same of yes/no; the intercept foretells again as many as the training *rows* have."""
    factor = spread_of_answers(outcome.event, held, inner)
    coefficients = factor * found.coefficients
    return replace(
        found,
        coefficients=coefficients,
        center=-log_odds_at(outcome.event, rows.values @ coefficients),
        details={**found.details, "spread": factor},
    )


def held_out(
    candidate: Candidate, training: Predictors, outcome: RightCensored, *, inner: Labels, seed: int
) -> Floats:
    """Linear predictor of each training row by a fit without its inner fold, (n,).

    Preparation is learned anew. NaN in folds without a fit.
    """
    held = np.full(inner.size, np.nan)
    for fold in np.unique(inner):
        out, rest = np.flatnonzero(inner == fold), np.flatnonzero(inner != fold)
        part = RightCensored(time=outcome.time[rest], event=outcome.event[rest])
        try:
            found = candidate.fit(predictors_at(training, rest), part, inner=inner[rest], seed=seed)
        except DataError:
            continue
        held[out] = found.predictor(predictors_at(training, out))
    return held


def prepared(
    training: Predictors,
    columns: tuple[str, ...],
    chain: PreparationChain | None,
    *,
    outcome: RightCensored,
    seed: int,
) -> tuple[FittedChain | None, Predictors]:
    """Learn the preparation from training rows, and prepare them.

    Raises
    ------
    DataError
        If values are missing and nothing imputes them, or a step refuses.
    """
    rows = columns_of(training, columns)
    fitted = None
    if chain is not None:
        fitted, rows = chain.fit_and_prepare(rows, outcome=outcome, seed=seed)
    refuse_missing(rows.names, rows.values)
    return fitted, rows


def refuse_missing(names: tuple[str, ...], values: Floats) -> None:
    """Refuse a missing value.

    Raises
    ------
    DataError
        Naming the first column that has one.
    """
    missing = np.flatnonzero(np.isnan(values).any(axis=0))
    if missing.size:
        raise DataError(
            f"{names[missing[0]]} has missing values, and no step of the plan imputes them: "
            f"{np.isnan(values[:, missing[0]]).sum()} of {values.shape[0]} participants do not "
            "know it.",
            remedy="Add an imputation to the plan's preparation, or leave the column out. A median "
            "fill fills nobody who has no value at all: leave such participants out, by "
            "population.exclude, or give their block's models a plan of their own.",
        )


def _tuned_plain(
    candidate: Penalized, rows: Predictors, outcome: RightCensored, inner: Labels
) -> TunedFit:
    n = outcome.time.size
    found: TunedFit = tuned_fit(
        np.ascontiguousarray(rows.values),
        outcome.time,
        outcome.event.astype(np.float64),
        np.zeros(n, dtype=np.int64),
        np.zeros(n),
        inner,
        candidate.factors_of(rows.blocks),
        np.empty(0),
        candidate.settings,
        candidate.by_deviance,
    )
    return found


def _tuned_prepared(
    candidate: Penalized,
    training: Predictors,
    rows: Predictors,
    outcome: RightCensored,
    inner: Labels,
    *,
    seed: int,
) -> TunedFit:
    """Tune where preparation is learned: anew on the training rows of each inner fold."""
    kept, path = _path_of(candidate, rows, outcome)
    length = path.penalties.size
    concordant, deviance = np.zeros(length), np.zeros(length)
    pairs, reached = 0.0, length
    held_out_at = np.zeros((length, inner.size))
    for fold in range(int(inner.max()) + 1):
        out, rest = np.flatnonzero(inner == fold), np.flatnonzero(inner != fold)
        if not out.size:
            continue
        learning = predictors_at(training, rest)
        held = columns_of(predictors_at(training, out), candidate.columns)
        part = RightCensored(time=outcome.time[rest], event=outcome.event[rest])
        chain, fitted = prepared(
            learning, candidate.columns, candidate.chain, outcome=part, seed=seed
        )
        assert chain is not None  # noqa: S101 - the candidate has one
        found = path_scores(
            np.ascontiguousarray(fitted.values),
            part.time,
            part.event.astype(np.float64),
            np.ascontiguousarray(chain.apply(held, role="judged").values),
            outcome.time[out],
            outcome.event[out].astype(np.float64),
            candidate.factors_of(fitted.blocks),
            path.penalties,
            candidate.settings,
        )
        concordant += found.concordant[:length]
        deviance += found.deviance[:length]
        pairs += found.pairs
        held_out_at[:, out] = found.predictor[:length]
        reached = min(reached, found.reached)
    chosen = -1
    if reached:
        judged = -deviance[:reached] if candidate.by_deviance else concordant[:reached]
        chosen = int(np.argmax(judged))
    coefficients = np.zeros(len(rows.names))
    if chosen >= 0:
        coefficients[kept] = path.coefficients[chosen]
    center = _center(path, max(chosen, 0))
    return TunedFit(
        path.penalties,
        chosen,
        coefficients,
        center,
        concordant,
        pairs,
        deviance,
        reached,
        held_out_at[max(chosen, 0)],
    )


def _path_of(
    candidate: Penalized, rows: Predictors, outcome: RightCensored
) -> tuple[Labels, CoxPath | LogisticPath]:
    """Path of all training rows, over the columns that the score test keeps."""
    factors = candidate.factors_of(rows.blocks)
    kept = np.arange(factors.size)
    keep = candidate.settings.keep
    if 0 < keep < np.count_nonzero(factors > 0.0):
        rank = np.abs(score_tests(outcome, rows.values).z)
        rank[factors == 0.0] = np.inf
        wanted = keep + int(np.count_nonzero(factors == 0.0))
        kept = np.sort(np.argsort(-rank, kind="stable")[:wanted])
    values = np.ascontiguousarray(rows.values[:, kept])
    if candidate.settings.logistic:
        return kept, logistic_path(
            outcome.event, values, settings=candidate.settings, penalty_factors=factors[kept]
        )
    return kept, cox_path(
        outcome, values, settings=candidate.settings, penalty_factors=factors[kept]
    )


def _center(path: CoxPath | LogisticPath, step: int) -> float:
    """What is taken off ``values @ coefficients``."""
    if isinstance(path, LogisticPath):
        return -float(path.intercepts[step])
    return float(path.center @ path.coefficients[step])
