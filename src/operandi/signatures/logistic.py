"""Yes/no outcomes: the logistic fit, with Firth's where it has none, and elastic-net paths.

The path is the Cox path's machinery with another likelihood.

References
----------
.. [1] Firth, Biometrika 80:27, 1993. Heinze & Schemper, Stat Med 21:2409, 2002 (separation).
.. [2] Friedman, Hastie & Tibshirani, J Stat Softw 33(1), 2010.
"""

from dataclasses import dataclass

import numpy as np

from operandi.quantities.errors import DataError
from operandi.signatures.cox.likelihood import Floats, RiskSets
from operandi.signatures.cox.path import (
    ENDINGS,
    checked_factors,
    checked_penalties,
    dense_coefficients,
    refuse_unsolved,
    standardized,
)
from operandi.signatures.cox.path_kernel import PathSettings, Problem, solve_path
from operandi.signatures.cox.rows import checked_matrix, checked_vector
from operandi.signatures.data import Bools

_STEPS = 100
_SEPARATED = 1e-4
"""Share of the information at the start below which a coefficient runs to infinity."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LogisticFit:
    """A fitted logistic model.

    Parameters
    ----------
    names : tuple of str
        Of the columns.
    intercept : float
        Log odds at 0 of all columns.
    coefficients : (p,) float
        Log odds ratios.
    covariance : (1 + p, 1 + p) float
        Inverse information, the intercept first.
    loglik : float
        Without Firth's term.
    method : {"maximum likelihood", "firth"}
        How it was fitted.
    reason : str
        Why not by maximum likelihood; empty where it was.
    """

    names: tuple[str, ...]
    intercept: float
    coefficients: Floats
    covariance: Floats
    loglik: float
    method: str
    reason: str

    def linear_predictor(self, x: Floats) -> Floats:
        """Log odds of rows, without offset."""
        return np.asarray(x @ self.coefficients + self.intercept)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LogisticPath:
    """Coefficients along falling penalties; fields as of ``CoxPath``, with intercepts.

    Parameters
    ----------
    penalties, loglik, violation : (l,) float
        As of ``CoxPath``.
    intercepts : (l,) float
        Log odds at 0 of all columns.
    coefficients : (l, p) float
        Per unit of the columns as given.
    support : (l,) int
        Nonzero penalized coefficients.
    ending : str
        Why the path ended early; empty where it did not.
    """

    penalties: Floats
    intercepts: Floats
    coefficients: Floats
    loglik: Floats
    violation: Floats
    support: Floats
    ending: str

    def linear_predictor(self, x: Floats, *, step: int) -> Floats:
        """Log odds of rows at one penalty, without offset."""
        return np.asarray(x @ self.coefficients[step] + self.intercepts[step])


def _checked_answers(event: Bools) -> Floats:
    answers = np.asarray(event)
    if answers.ndim != 1 or answers.dtype != np.bool_:
        raise DataError("A yes/no outcome needs one true or false for each row.")
    if answers.all() or not answers.any():
        raise DataError(
            f"A yes/no outcome needs both answers; found one among {answers.size} rows.",
            remedy="Choose an endpoint that differs between participants.",
        )
    return answers.astype(np.float64)


def logistic_path(
    event: Bools,
    x: Floats,
    *,
    settings: PathSettings | None = None,
    penalty_factors: Floats | None = None,
    penalties: Floats | None = None,
    offset: Floats | None = None,
) -> LogisticPath:
    """Fit an elastic-net logistic model at every penalty of a falling sequence.

    Minimizes ``-loglik/n + lambda * sum_j f_j (a |b_j| + (1 - a)/2 b_j**2)`` over coefficients
    of columns standardized here and an unpenalized intercept.

    Parameters
    ----------
    event : (n,) bool
        The answers.
    x : (n, p) float
        Without missing values.
    settings, penalty_factors, penalties, offset
        As of ``cox_path``; ``efron``, ``keep`` and ``logistic`` are not used.

    Raises
    ------
    DataError
        If shapes differ, values are missing, only one answer is there, or not even the first
        penalty could be solved.
    """
    settings = PathSettings() if settings is None else settings
    answers = _checked_answers(event)
    n = answers.size
    x = checked_matrix(x, rows=n)
    p = x.shape[1]
    factors = checked_factors(penalty_factors, columns=p)
    given = checked_vector(offset, rows=n, called="Offsets", default=0.0)
    design, center, scale = standardized(x)
    none = np.empty(0, np.int64)
    problem = Problem(
        np.column_stack((design, np.ones(n))),
        answers,
        given,
        RiskSets(none, none, none),
        True,  # noqa: FBT003
    )
    if settings.support_cap > 0:
        settings = settings._replace(support_cap=min(settings.support_cap, p))
    path = solve_path(problem, np.append(factors, 0.0), checked_penalties(penalties), settings)
    refuse_unsolved(path)
    every = dense_coefficients(path, np.append(scale, 1.0))
    coefficients, reached = np.ascontiguousarray(every[:, :p]), path.reached
    return LogisticPath(
        penalties=path.penalties[:reached],
        intercepts=every[:, p] - coefficients @ center,
        coefficients=coefficients,
        loglik=path.loglik[:reached],
        violation=path.violation[:reached],
        support=np.count_nonzero(coefficients[:, factors > 0.0], axis=1),
        ending=ENDINGS[path.ending],
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _State:
    loglik: float
    objective: float
    score: Floats
    information: Floats


def _state(design: Floats, answers: Floats, beta: Floats, given: Floats, *, firth: bool) -> _State:
    eta = design @ beta + given
    chance = 1.0 / (1.0 + np.exp(-np.clip(eta, -700.0, 700.0)))
    weight = chance * (1.0 - chance)
    information = design.T @ (weight[:, None] * design)
    loglik = float(answers @ eta - np.logaddexp(0.0, eta).sum())
    if not firth:
        score = design.T @ (answers - chance)
        return _State(loglik=loglik, objective=loglik, score=score, information=information)
    spread = np.linalg.solve(information, design.T)
    leverage = weight * np.einsum("ij,ji->i", design, spread)
    score = design.T @ (answers - chance + leverage * (0.5 - chance))
    objective = loglik + 0.5 * float(np.linalg.slogdet(information)[1])
    return _State(loglik=loglik, objective=objective, score=score, information=information)


def _climbed(
    design: Floats, answers: Floats, given: Floats, *, firth: bool
) -> tuple[Floats, _State] | None:
    """Coefficients by Newton with halving; None where one runs to infinity."""
    beta = np.zeros(design.shape[1])
    here = _state(design, answers, beta, given, firth=firth)
    at_zero = np.diagonal(np.linalg.inv(here.information))
    for _ in range(_STEPS):
        if not firth:
            if np.linalg.cond(here.information) > 1e13:
                return None
            grown = np.diagonal(np.linalg.inv(here.information)) / at_zero
            if grown.max() > 1.0 / _SEPARATED:
                return None
        move = np.linalg.solve(here.information, here.score)
        if firth:
            move /= max(1.0, np.abs(move).max() / 5.0)
        new = _state(design, answers, beta + move, given, firth=firth)
        while not new.objective >= here.objective - 1e-10 * (1.0 + abs(here.objective)):
            move = move / 2.0
            new = _state(design, answers, beta + move, given, firth=firth)
        beta, here = beta + move, new
        if np.abs(move).max() < 1e-10:
            return beta, here
    return None


def fit_logistic(
    event: Bools,
    x: Floats,
    *,
    names: tuple[str, ...] = (),
    offset: Floats | None = None,
    firth: bool = False,
) -> LogisticFit:
    """Fit a logistic model by maximum likelihood, or Firth's where that has no finite optimum.

    Firth's maximizes ``loglik + log det(information) / 2``, which is finite under separation.

    Parameters
    ----------
    event : (n,) bool
        The answers.
    x : (n, p) float
        Without missing values.
    names : tuple of str, optional
        Of the columns.
    offset : (n,) float, optional
        Log odds that are given.
    firth : bool
        Use Firth's in any case.

    Raises
    ------
    DataError
        If shapes differ, values are missing, only one answer is there, or a column does not vary
        or follows from others.
    """
    answers = _checked_answers(event)
    n = answers.size
    x = checked_matrix(x, rows=n)
    given = checked_vector(offset, rows=n, called="Offsets", default=0.0)
    p = x.shape[1]
    names = names or tuple(f"column {j}" for j in range(p))
    design, center, scale = standardized(x)
    _refuse_dependent(design, names=names)
    full = np.column_stack((np.ones(n), design))
    found = None if firth else _climbed(full, answers, given, firth=False)
    method, reason = "maximum likelihood", ""
    if found is None:
        reason = "asked for" if firth else "the columns separate the answers"
        method, found = "firth", _climbed(full, answers, given, firth=True)
    if found is None:
        raise DataError(
            f"The fit needs {_STEPS} steps at most; it did not settle.",
            remedy="Penalize the model (logistic_path), or leave columns out.",
        )
    beta, state = found
    back = np.diag(np.concatenate(([1.0], 1.0 / scale)))
    back[0, 1:] = -center / scale
    original = back @ beta
    return LogisticFit(
        names=names,
        intercept=float(original[0]),
        coefficients=original[1:],
        covariance=back @ np.linalg.inv(state.information) @ back.T,
        loglik=state.loglik,
        method=method,
        reason=reason,
    )


def _refuse_dependent(design: Floats, *, names: tuple[str, ...]) -> None:
    if len(names) != design.shape[1]:
        raise DataError(f"{design.shape[1]} columns need as many names; found {len(names)}.")
    left = design.T @ design / design.shape[0]
    for j in range(design.shape[1]):
        if left[j, j] < 1e-9:
            raise DataError(
                f"{names[j]} needs values of its own; it does not vary or follows from the columns "
                "before it.",
                remedy="Leave the column out.",
            )
        left = left - np.outer(left[:, j], left[j]) / left[j, j]
