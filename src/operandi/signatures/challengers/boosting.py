"""Component-wise boosting of the partial likelihood, a column a step, some never penalized.

At each step the score ``U`` and information ``I`` of every column, given all that was learned, are
those of the partial likelihood; the column with the largest ``U^2 / (I + penalty)`` moves by
``U / (I + penalty)``. Unpenalized columns take a Newton step before each. With ``penalty = events
(1 / share - 1)`` a column of unit variance moves by about *share* of the way to its optimum. The
number of steps is what shrinks; it is chosen by the partial likelihood of inner folds.

References
----------
.. [1] Binder & Schumacher, BMC Bioinformatics 9:14, 2008; Binder, Allignol, Schumacher &
   Beyersmann, Bioinformatics 25:890, 2009 (CoxBoost).
.. [2] Verweij & van Houwelingen, Stat Med 12:2305, 1993 (cross-validated partial likelihood).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numba import njit

from operandi.quantities.errors import DataError
from operandi.signatures.cox.likelihood import (
    Curvature,
    Floats,
    RiskSets,
    blank_curvature,
    evaluate,
    hessian_products,
    log_partial_likelihood,
)
from operandi.signatures.cox.newton import fit_cox
from operandi.signatures.cox.path_kernel import column_sums
from operandi.signatures.cox.rows import sorted_rows
from operandi.signatures.cox.score_test import null_variances
from operandi.signatures.data import Bools, Predictors, RightCensored
from operandi.signatures.preparation.chain import PreparationChain, predictors_at
from operandi.signatures.resampling.candidates import FittedCandidate, prepared
from operandi.signatures.resampling.folds import Labels
from operandi.signatures.resampling.further_candidates import all_rows, partial_loglik


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BoostingPath:
    """Coefficients after every step.

    Parameters
    ----------
    coefficients : (k + 1, p) float
        Per unit of the columns; in row 0 those without penalty alone.
    center : (p,) float
        Means of the columns.
    loglik : (k + 1,) float
        Log partial likelihood of the training rows.
    """

    coefficients: Floats
    center: Floats
    loglik: Floats


def boosting_path(
    outcome: RightCensored,
    x: Floats,
    *,
    steps: int,
    share: float = 0.1,
    unpenalized: Bools | None = None,
    ties: str = "efron",
) -> BoostingPath:
    """Boost a Cox model.

    Parameters
    ----------
    outcome : RightCensored
        Of n rows.
    x : (n, p) float
        Without missing values; penalized columns are scaled to unit variance within.
    steps : int, >= 1
        How many.
    share : float, in (0, 1)
        Of the way to its optimum that a column moves in a step.
    unpenalized : (p,) bool, optional
        Columns that are fitted in full; none by default.
    ties : {"efron", "breslow"}
        How tied events are handled.

    Raises
    ------
    DataError
        If values are missing, there is no event, or unpenalized columns cannot be fitted.
    """
    if steps < 1 or not 0.0 < share < 1.0:
        raise DataError(
            f"Boosting needs one step or more and a share in (0, 1); found {steps} and {share:g}."
        )
    rows = sorted_rows(outcome, x, ties=ties)
    bare = np.zeros(x.shape[1], dtype=np.bool_) if unpenalized is None else unpenalized
    scale = rows.x.std(axis=0)
    scale[scale < 1e-12] = np.inf  # a constant column never moves
    scale[bare] = 1.0
    center = rows.x.mean(axis=0)
    start = np.zeros(x.shape[1])
    if bare.any():
        start[bare] = fit_cox(outcome, x[:, bare], ties=ties).coefficients
    try:
        coefficients, loglik = _boosted(
            np.ascontiguousarray((rows.x - center) / scale),
            rows.event,
            rows.risk,
            bare,
            start,
            outcome.events * (1.0 / share - 1.0),
            steps,
            ties == "efron",
        )
    except np.linalg.LinAlgError:
        raise DataError(
            "Unpenalized columns came to separate the events as boosting went on.",
            remedy="Penalize them, or leave them out.",
        ) from None
    return BoostingPath(coefficients=coefficients / scale, center=center, loglik=loglik)


@njit(cache=True, nogil=True, error_model="numpy")
def _boosted(  # noqa: PLR0913, PLR0917 - plain arrays, for loops without Python
    x: Floats,
    event: Floats,
    risk: RiskSets,
    bare: Bools,
    start: Floats,
    penalty: float,
    steps: int,
    efron: bool,  # noqa: FBT001
) -> tuple[Floats, Floats]:
    """Coefficients and log likelihood after each step; rows in ``risk_order``, centered."""
    n, p = x.shape
    found = np.zeros((steps + 1, p))
    loglik = np.zeros(steps + 1)
    beta, eta, score = start.copy(), x @ start, np.empty(p)
    free = np.flatnonzero(bare)
    fixed = np.ascontiguousarray(x[:, free])
    at = blank_curvature(n, risk.first.size)
    loglik[0] = evaluate(eta, event, risk, efron, at)
    found[0] = beta
    for step in range(1, steps + 1):
        if free.size and step > 1:
            _newton_step(fixed, free, event, risk, efron, at, eta, beta)
            evaluate(eta, event, risk, efron, at)
        column_sums(x, at.residual, score)
        information = null_variances(x, risk, at)
        best, chosen = 0.0, -1
        for j in range(p):
            if not bare[j]:
                gain = (n * score[j]) ** 2 / (information[j] + penalty)
                if gain > best:
                    best, chosen = gain, j
        if chosen >= 0:
            move = n * score[chosen] / (information[chosen] + penalty)
            beta[chosen] += move
            for i in range(n):
                eta[i] += move * x[i, chosen]
        loglik[step] = evaluate(eta, event, risk, efron, at)
        found[step] = beta
    return found, loglik


@njit(cache=True, nogil=True, error_model="numpy")
def _newton_step(  # noqa: PLR0913, PLR0917 - plain arrays, for loops without Python
    fixed: Floats,
    free: Labels,
    event: Floats,
    risk: RiskSets,
    efron: bool,  # noqa: FBT001
    at: Curvature,
    eta: Floats,
    beta: Floats,
) -> None:
    """Move unpenalized columns by one step of Newton, halved until the likelihood rises."""
    product = np.empty_like(fixed)
    hessian_products(fixed, risk, at, product)
    move = np.linalg.solve(fixed.T @ product, fixed.T @ at.residual)
    before = log_partial_likelihood(eta, event, risk, efron)
    change = fixed @ move
    length = 1.0
    for _ in range(20):
        if log_partial_likelihood(eta + length * change, event, risk, efron) >= before:
            eta += length * change
            for k in range(free.size):
                beta[free[k]] += length * move[k]
            return
        length *= 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Boosting:
    """Component-wise boosting, its steps chosen by inner folds.

    Preparation is learned anew in every inner fold.

    Parameters
    ----------
    name : str
    columns : tuple of str
        Before preparation.
    factors : mapping of str to float
        Blocks with the factor 0 are not penalized.
    chain : PreparationChain or None
    steps : int
        At most.
    share : float
        Of the way that a column moves in a step.
    ties : str
    """

    name: str
    columns: tuple[str, ...]
    factors: Mapping[str, float] = field(default_factory=dict)
    chain: PreparationChain | None = None
    steps: int = 100
    share: float = 0.1
    ties: str = "efron"

    def fit(
        self, training: Predictors, outcome: RightCensored, *, inner: Labels, seed: int
    ) -> FittedCandidate:
        """See ``Candidate``; 0 steps are a choice too: the unpenalized columns alone."""
        chain, rows = prepared(training, self.columns, self.chain, outcome=outcome, seed=seed)
        path = self._path(rows, outcome)
        total = np.zeros(self.steps + 1)
        for fold in range(int(inner.max()) + 1):
            rest = np.flatnonzero(inner != fold)
            if rest.size == inner.size:
                continue
            part = RightCensored(time=outcome.time[rest], event=outcome.event[rest])
            learned, fitted = prepared(
                predictors_at(training, rest), self.columns, self.chain, outcome=part, seed=seed
            )
            found = self._path(fitted, part)
            whole = all_rows(training, self.columns, learned, rest)
            eta = (whole - found.center) @ found.coefficients.T
            total += [partial_loglik(outcome.time, outcome.event, one) for one in eta.T]
            total -= [
                partial_loglik(part.time, part.event, one)
                for one in np.ascontiguousarray(eta[rest].T)
            ]
        chosen = int(np.argmax(total))
        coefficients = path.coefficients[chosen]
        return FittedCandidate(
            names=rows.names,
            coefficients=coefficients,
            center=float(path.center @ coefficients),
            chain=chain,
            columns=self.columns,
            details={"steps": chosen},
        )

    def _path(self, rows: Predictors, outcome: RightCensored) -> BoostingPath:
        bare = np.array([self.factors.get(block, 1.0) == 0.0 for block in rows.blocks])
        return boosting_path(
            outcome,
            np.ascontiguousarray(rows.values),
            steps=self.steps,
            share=self.share,
            unpenalized=bare,
            ties=self.ties,
        )
