"""More recipes: a score that is given, blocks in order or as wholes, and few columns of yes/no.

A yes/no outcome is a ``RightCensored`` of one time for all: its event is the answer, and its
concordance within folds is the AUC.
"""

from dataclasses import dataclass, replace

import numpy as np

from operandi.quantities.errors import DataError
from operandi.signatures.cox.group_path import GroupPath, group_path
from operandi.signatures.cox.newton import fit_cox
from operandi.signatures.cox.path_kernel import PathSettings
from operandi.signatures.cox.priority import priority_fit
from operandi.signatures.data import Floats, Predictors, RightCensored
from operandi.signatures.logistic import fit_logistic
from operandi.signatures.metrics.estimate import Counts
from operandi.signatures.preparation.chain import FittedChain, PreparationChain, predictors_at
from operandi.signatures.resampling.candidates import (
    Candidate,
    FewColumns,
    FittedCandidate,
    Penalized,
    columns_of,
    held_out,
    prepared,
    spread_answers,
    spread_by,
)
from operandi.signatures.resampling.folds import Labels
from operandi.signatures.resampling.spread import Spread, spread_of_times

_LEAST_SLOPE = 1e-6
"""Of a given score whose sign the training rows deny: it keeps its order, and foretells little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenScore:
    """A score as somebody gave it, higher for a higher risk: its order is never learned.

    Only its scale is, in the fold, so that it foretells risks: a slope that must be > 0.

    Parameters
    ----------
    name : str
    columns : tuple of str
        One.
    chain : PreparationChain or None
        Of steps that fill missing values.
    logistic : bool
        Of a yes/no outcome.
    """

    name: str
    columns: tuple[str, ...]
    chain: PreparationChain | None = None
    logistic: bool = False

    def __post_init__(self) -> None:
        if len(self.columns) != 1:
            raise DataError(
                f"model[{self.name}] is a given score and needs one column; found "
                f"{len(self.columns)}.",
                remedy="Name one predictor.",
            )

    def fit(
        self, training: Predictors, outcome: RightCensored, *, inner: Labels, seed: int
    ) -> FittedCandidate:
        """See ``Candidate``."""
        chain, rows = prepared(training, self.columns, self.chain, outcome=outcome, seed=seed)
        slope, center = _slope(rows, outcome, logistic=self.logistic)
        return FittedCandidate(
            names=rows.names,
            coefficients=np.array([slope]),
            center=center,
            chain=chain,
            columns=self.columns,
        )


def _slope(rows: Predictors, outcome: RightCensored, *, logistic: bool) -> tuple[float, float]:
    mean = float(rows.values.mean())
    share = float(np.clip(outcome.event.mean(), 0.01, 0.99))
    start = float(np.log(share / (1.0 - share))) if logistic else 0.0
    try:
        if logistic:
            found = fit_logistic(outcome.event, rows.values, names=rows.names)
            slope, center = float(found.coefficients[0]), -found.intercept
        else:
            slope = float(fit_cox(outcome, rows.values, names=rows.names).coefficients[0])
            center = slope * mean
    except DataError:
        # A score that is constant here, or separates: its order is all that is known.
        return _LEAST_SLOPE, _LEAST_SLOPE * mean - start
    if slope <= 0.0:
        return _LEAST_SLOPE, _LEAST_SLOPE * mean - start
    return slope, center


@dataclass(frozen=True, slots=True, kw_only=True)
class LogisticColumns:
    """A logistic model of a few columns; Firth's where they separate the answers.

    Parameters
    ----------
    name : str
    columns : tuple of str
    chain : PreparationChain or None
    spread : {"as_fitted", "cross_validated"}
        Whether coefficients are multiplied by a factor of the inner folds.
    """

    name: str
    columns: tuple[str, ...]
    chain: PreparationChain | None = None
    spread: Spread = "as_fitted"

    def fit(
        self, training: Predictors, outcome: RightCensored, *, inner: Labels, seed: int
    ) -> FittedCandidate:
        """See ``Candidate``; the linear predictor is the log odds."""
        chain, rows = prepared(training, self.columns, self.chain, outcome=outcome, seed=seed)
        found = fit_logistic(outcome.event, rows.values, names=rows.names)
        fitted = FittedCandidate(
            names=rows.names,
            coefficients=found.coefficients,
            center=-found.intercept,
            chain=chain,
            columns=self.columns,
            details={"method": found.method},
        )
        if self.spread == "as_fitted":
            return fitted
        plain = replace(self, spread="as_fitted")
        held = held_out(plain, training, outcome, inner=inner, seed=seed)
        return spread_answers(fitted, rows, outcome, held, inner=inner)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prioritized:
    """Priority lasso: blocks in order, each on what the earlier leave.

    Preparation is learned once on the training rows; the inner folds tune penalties alone.

    Parameters
    ----------
    name : str
    columns : tuple of str
    settings : PathSettings
    order : tuple of str
        Blocks.
    chain : PreparationChain or None
    by_deviance : bool
    spread : {"as_fitted", "cross_validated"}
        Whether coefficients are multiplied by a factor of the inner folds.
    """

    name: str
    columns: tuple[str, ...]
    settings: PathSettings
    order: tuple[str, ...]
    chain: PreparationChain | None = None
    by_deviance: bool = True
    spread: Spread = "as_fitted"

    def fit(
        self, training: Predictors, outcome: RightCensored, *, inner: Labels, seed: int
    ) -> FittedCandidate:
        """See ``Candidate``."""
        chain, rows = prepared(training, self.columns, self.chain, outcome=outcome, seed=seed)
        there = set(rows.blocks)
        found = priority_fit(
            outcome,
            np.ascontiguousarray(rows.values),
            blocks=rows.blocks,
            order=tuple(block for block in self.order if block in there),
            inner=inner,
            settings=self.settings,
            unpenalized=frozenset(one for one in there if one.endswith(", unpenalized")),
            by_deviance=self.by_deviance,
        )
        fitted = FittedCandidate(
            names=rows.names,
            coefficients=found.coefficients,
            center=found.center,
            chain=chain,
            columns=self.columns,
        )
        if self.spread == "as_fitted":
            return fitted
        return spread_by(fitted, spread_of_times(outcome, found.inner_predictor, inner))


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouped:
    """Group lasso: blocks come in as wholes; its penalty is tuned by inner folds.

    Preparation is learned anew in every inner fold.

    Parameters
    ----------
    name : str
    columns : tuple of str
    settings : PathSettings
    chain : PreparationChain or None
    spread : {"as_fitted", "cross_validated"}
        Whether coefficients are multiplied by a factor of the inner folds.
    """

    name: str
    columns: tuple[str, ...]
    settings: PathSettings
    chain: PreparationChain | None = None
    spread: Spread = "as_fitted"

    def fit(
        self, training: Predictors, outcome: RightCensored, *, inner: Labels, seed: int
    ) -> FittedCandidate:
        """See ``Candidate``; penalties are chosen by cross-validated partial likelihood."""
        chain, rows = prepared(training, self.columns, self.chain, outcome=outcome, seed=seed)
        path = self._path(rows, outcome, penalties=None)
        total = np.zeros(path.penalties.size)
        held = np.full((path.penalties.size, inner.size), np.nan)
        for fold in range(int(inner.max()) + 1):
            rest = np.flatnonzero(inner != fold)
            if rest.size == inner.size:
                continue
            part = RightCensored(time=outcome.time[rest], event=outcome.event[rest])
            learned, fitted = prepared(
                predictors_at(training, rest), self.columns, self.chain, outcome=part, seed=seed
            )
            found = self._path(fitted, part, penalties=path.penalties)
            whole = all_rows(training, self.columns, learned, rest)
            total += _left_out(found, whole, outcome, rest)
            out = np.flatnonzero(inner == fold)
            held[:, out] = ((whole[out] - found.center) @ found.coefficients.T).T
        chosen = int(np.argmax(total))
        coefficients = path.coefficients[chosen]
        whole_fit = FittedCandidate(
            names=rows.names,
            coefficients=coefficients,
            center=float(path.center @ coefficients),
            chain=chain,
            columns=self.columns,
            details={"penalty": float(path.penalties[chosen])},
        )
        if self.spread == "as_fitted":
            return whole_fit
        return spread_by(whole_fit, spread_of_times(outcome, held[chosen], inner))

    def _path(
        self, rows: Predictors, outcome: RightCensored, *, penalties: Floats | None
    ) -> GroupPath:
        bare = {block: 0.0 for block in rows.blocks if block.endswith(", unpenalized")}
        return group_path(
            outcome,
            np.ascontiguousarray(rows.values),
            blocks=rows.blocks,
            settings=self.settings,
            block_factors=_with_sizes(rows.blocks) | bare,
            penalties=penalties,
        )


def ordering_alone(candidate: Candidate) -> Candidate:
    """A candidate of the same order, without the factor that no order depends on."""
    if isinstance(candidate, FewColumns | Penalized | LogisticColumns | Prioritized | Grouped):
        return replace(candidate, spread="as_fitted")
    return candidate


def _with_sizes(blocks: tuple[str, ...]) -> dict[str, float]:
    return {block: float(np.sqrt(blocks.count(block))) for block in dict.fromkeys(blocks)}


def all_rows(
    training: Predictors, columns: tuple[str, ...], chain: FittedChain | None, rest: Counts
) -> Floats:
    """All rows as the part *rest* of them is prepared; the others count as judged."""
    rows = columns_of(training, columns)
    if chain is None:
        return rows.values
    out = np.setdiff1d(np.arange(len(rows.participants)), rest)
    values = np.empty((len(rows.participants), len(chain.names_out)))
    values[rest] = chain.apply(predictors_at(rows, rest), role="training").values
    values[out] = chain.apply(predictors_at(rows, out), role="judged").values
    return values


def _left_out(path: GroupPath, values: Floats, outcome: RightCensored, rest: Counts) -> Floats:
    """Log partial likelihood of all rows less that of the training rows, at every penalty."""
    eta = (values - path.center) @ path.coefficients.T
    whole = [partial_loglik(outcome.time, outcome.event, one) for one in eta.T]
    part = [partial_loglik(outcome.time[rest], outcome.event[rest], one) for one in eta[rest].T]
    return np.asarray(np.array(whole) - np.array(part))


def partial_loglik(time: Floats, event: np.ndarray, eta: Floats) -> float:
    """Breslow's log partial likelihood of a linear predictor."""
    order = np.argsort(-time, kind="stable")
    at_risk = np.logaddexp.accumulate(eta[order])
    last = np.searchsorted(-time[order], -time[event], side="right") - 1
    return float(np.sum(eta[event] - at_risk[last]))
