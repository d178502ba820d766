"""Proportional hazards where events lie between scans, deaths have a day and some are censored."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numba import njit
from scipy.linalg import qr

from operandi.quantities.errors import DataError
from operandi.signatures.data import Bools, Floats, IntervalCensored
from operandi.signatures.survival.baselines import ParametricHazard
from operandi.signatures.survival.conditions import (
    OutcomeCondition,
    conditions_of,
    refuse_all_censored,
)
from operandi.signatures.survival.interval_likelihood import (
    IntervalLikelihood,
    interval_likelihood,
)

_ROUNDS: Final = 200
_SWEEPS: Final = 1000
_FLAT: Final = 1e-9
"""Largest gradient, per participant and scaled predictor, of a maximum that counts as found."""
_UNINFORMED: Final = 1e-7
"""Information per participant and scaled predictor below which a maximum is none."""
_SHARE: Final = 1e-3
"""Part of a flat direction that must lie in the predictors for them to be to blame."""
_FARTHEST: Final = 15.0
"""A coefficient this large per standard deviation is on its way to infinity."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HazardPenalty:
    """What a fit pays for its coefficients, added to ``-log-likelihood / n``.

    ``strength * sum of factor * (l1_ratio |b| + (1 - l1_ratio) b ** 2 / 2)``

    Parameters
    ----------
    strength : float, >= 0
    l1_ratio : float, 0 to 1
        0 is ridge, 1 lasso.
    factors : (p,) float, optional
        0 leaves a coefficient unpenalized; 1 for all by default.
    """

    strength: float = 0.0
    l1_ratio: float = 0.0
    factors: Floats | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IntervalHazards:
    """Fitted proportional hazards.

    Parameters
    ----------
    baseline : ParametricHazard
    parameters : (q,) float
        Of the baseline, at predictors of 0.
    coefficients : (p,) float
        Log hazard ratios a unit of each predictor.
    covariance : (q + p, q + p) float or None
        Inverse of the observed information; None where a penalty biases the fit. The variance of
        a log hazard is inf in a piece whose hazard is 0.
    covariance_reason : str
        Why it is absent; empty where it is there.
    log_likelihood : float
        Without the penalty.
    violation : float
        Largest violation of the conditions of the maximum, per participant and scaled predictor.
    conditions : tuple of OutcomeCondition
    """

    baseline: ParametricHazard
    parameters: Floats
    coefficients: Floats
    covariance: Floats | None
    covariance_reason: str
    log_likelihood: float
    violation: float
    conditions: tuple[OutcomeCondition, ...]

    @property
    def standard_errors(self) -> Floats | None:
        """Standard errors of the coefficients; None where the covariance is."""
        if self.covariance is None:
            return None
        found: Floats = np.sqrt(np.diag(self.covariance))[self.parameters.size :]
        return found

    def cumulative_hazard(self, x: Floats, days: Floats) -> Floats:
        """H on k days for m participants, shape (m, k)."""
        start = self.baseline.cumulative(np.asarray(days, dtype=float), self.parameters).value
        hazard: Floats = np.exp(x @ self.coefficients)[:, None] * start
        return hazard

    def survival(self, x: Floats, days: Floats) -> Floats:
        """Probability of no event by k days for m participants, shape (m, k)."""
        return np.exp(-self.cumulative_hazard(x, days))


def fit_interval_hazards(
    outcome: IntervalCensored,
    x: Floats,
    *,
    baseline: ParametricHazard,
    penalty: HazardPenalty | None = None,
) -> IntervalHazards:
    """Maximize the likelihood of proportional hazards under interval censoring.

    Newton steps on the exact second derivatives, with backtracking; under an l1 penalty each step
    minimizes the quadratic model by coordinate descent. Predictors are scaled inside to a standard
    deviation of 1 for the sake of the steps only: penalties are on the scale of ``x``, so scale
    before where that is wanted.

    Parameters
    ----------
    outcome : IntervalCensored
    x : (n, p) float
        Finite; p may be 0.
    baseline : ParametricHazard
        ``WeibullBaseline()`` or ``PiecewiseBaseline(...)``.
    penalty : HazardPenalty, optional

    Raises
    ------
    DataError
        If all are censored, shapes differ, a value is missing, a predictor is constant or a
        coefficient grows without bound (separation, duplicates) without a penalty on it.

    References
    ----------
    .. [1] Sun, The Statistical Analysis of Interval-censored Failure Time Data, 2006, chapter 2.
    .. [2] Friedman, Hastie and Tibshirani, J Stat Softw 33:1, 2010, for the penalty.
    """
    refuse_all_censored(outcome, what="A hazard model")
    penalty = penalty or HazardPenalty()
    factors = _factors(penalty, x)
    spread = _spread(outcome, x)
    problem = _Problem(
        outcome=outcome,
        x=(x - x.mean(axis=0)) / spread if x.shape[1] else x,
        baseline=baseline,
        l1=penalty.strength * penalty.l1_ratio * factors / spread,
        l2=penalty.strength * (1.0 - penalty.l1_ratio) * factors / spread**2,
        q=len(baseline.parameter_names),
    )
    _refuse_repeated(problem.x, problem.l1 + problem.l2 == 0.0)
    point, violation = _minimize(problem, baseline.start(outcome))
    scaled = point[problem.q :]
    coefficients = scaled / spread
    parameters = _uncentered(point[: problem.q], baseline, -float(x.mean(axis=0) @ coefficients))
    final = interval_likelihood(
        outcome, x, baseline, parameters=parameters, coefficients=coefficients
    )
    penalized = penalty.strength > 0.0 and bool(np.any(factors > 0.0))
    return IntervalHazards(
        baseline=baseline,
        parameters=parameters,
        coefficients=coefficients,
        covariance=None if penalized else _covariance(-final.hessian),
        covariance_reason="a penalty biases the coefficients" if penalized else "",
        log_likelihood=final.value,
        violation=violation,
        conditions=conditions_of(outcome),
    )


def _covariance(information: Floats) -> Floats:
    """Inverse of the information; inf for the log hazard of a piece whose hazard is 0."""
    size = information.shape[0]
    known = np.diag(information) > 1e-6
    covariance = np.zeros((size, size))
    covariance[np.ix_(known, known)] = np.linalg.inv(information[np.ix_(known, known)])
    covariance[~known, ~known] = np.inf
    return covariance


def _factors(penalty: HazardPenalty, x: Floats) -> Floats:
    factors = np.ones(x.shape[1]) if penalty.factors is None else penalty.factors
    fine = factors.shape == (x.shape[1],) and bool((factors >= 0.0).all())
    if not (fine and penalty.strength >= 0.0 and 0.0 <= penalty.l1_ratio <= 1.0):
        raise DataError(
            f"A penalty needs a strength >= 0, an l1_ratio of 0 to 1 and {x.shape[1]} factors "
            f">= 0; found {penalty.strength:g}, {penalty.l1_ratio:g} and {factors.size} factors."
        )
    return factors


def _spread(outcome: IntervalCensored, x: Floats) -> Floats:
    if x.ndim != 2 or x.shape[0] != outcome.left.size or not np.isfinite(x).all():
        raise DataError(
            f"Predictors need a row of finite values for each of {outcome.left.size} participants; "
            f"found shape {x.shape}.",
            remedy="Impute missing values before.",
        )
    spread = x.std(axis=0)
    constant = np.flatnonzero(spread <= 1e-12 * np.maximum(np.abs(x).max(axis=0), 1.0))
    if constant.size:
        raise DataError(
            f"Predictor {constant[0]} is constant, so its effect cannot be told from the baseline.",
            remedy="Leave it out.",
        )
    return np.asarray(spread)


def _refuse_repeated(x: Floats, unpenalized: Bools) -> None:
    """Refuse unpenalized predictors of which one is a sum of the others, scaled."""
    columns = np.flatnonzero(unpenalized)
    if not columns.size:
        return
    triangle, order = qr(x[:, columns], mode="r", pivoting=True)
    size = np.abs(np.diag(triangle))
    rank = int(np.count_nonzero(size > 1e-8 * size[0]))
    if rank < columns.size:
        raise DataError(
            f"Predictor {columns[order[rank]]} repeats other predictors, or a sum of them.",
            remedy="Leave it out, or add a ridge penalty.",
        )


def _uncentered(parameters: Floats, baseline: ParametricHazard, shift: float) -> Floats:
    """Baselines at predictors of 0: a log hazard moves, a log shape does not."""
    moved = np.array([name != "log_shape" for name in baseline.parameter_names], dtype=float)
    return parameters + shift * moved


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Problem:
    outcome: IntervalCensored
    x: Floats
    baseline: ParametricHazard
    l1: Floats
    l2: Floats
    q: int

    def likelihood(self, point: Floats) -> IntervalLikelihood:
        # A step that goes too far overflows, is not finite, and is halved.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            return interval_likelihood(
                self.outcome,
                self.x,
                self.baseline,
                parameters=point[: self.q],
                coefficients=point[self.q :],
            )

    def smooth(self, point: Floats) -> tuple[float, Floats, Floats]:
        """Value, gradient and second derivatives of all but the l1 part."""
        found, n = self.likelihood(point), self.x.shape[0]
        ridge = np.concatenate([np.zeros(self.q), self.l2])
        value = -found.value / n + 0.5 * float(ridge @ point**2)
        return value, -found.gradient / n + ridge * point, -found.hessian / n + np.diag(ridge)

    def rough(self, point: Floats) -> float:
        return float(self.l1 @ np.abs(point[self.q :]))

    def violation(self, point: Floats, gradient: Floats) -> float:
        """How far a point is from the conditions of a minimum."""
        l1 = np.concatenate([np.zeros(self.q), self.l1])
        held = np.maximum(np.abs(gradient) - l1, 0.0)
        return float(np.where(point == 0.0, held, np.abs(gradient + l1 * np.sign(point))).max())


def _minimize(problem: _Problem, start: Floats) -> tuple[Floats, float]:
    point = np.concatenate([start, np.zeros(problem.x.shape[1])])
    value, gradient, hessian = problem.smooth(point)
    for _ in range(_ROUNDS):
        violation = problem.violation(point, gradient)
        if violation <= _FLAT:
            _refuse_unbounded(problem, hessian)
            return point, violation
        if np.abs(point[problem.q :]).max(initial=0.0) > _FARTHEST:
            break
        step = _step(problem, point, gradient, _definite(hessian))
        moved = _backtrack(problem, point, value, gradient, step)
        if moved is None:
            # No step improves within the precision of the machine.
            if violation <= 1e3 * _FLAT:
                _refuse_unbounded(problem, hessian)
                return point, violation
            break
        point = moved
        value, gradient, hessian = problem.smooth(point)
    raise _without_maximum(int(np.argmax(np.abs(point[problem.q :]), axis=0)))


def _refuse_unbounded(problem: _Problem, hessian: Floats) -> None:
    """Refuse a likelihood that is flat because a coefficient went to infinity."""
    held = np.concatenate([np.zeros(problem.q), problem.l1 + problem.l2]) > 0.0
    free = np.flatnonzero(~held)
    values, vectors = np.linalg.eigh(hessian[np.ix_(free, free)])
    of_predictors = np.abs(vectors) * (free >= problem.q)[:, None]
    for flat in np.flatnonzero(values < _UNINFORMED):
        # Else it is a piece of the baseline whose hazard is 0, and its logarithm without bound.
        if (of_predictors[:, flat] ** 2).sum() > _SHARE:
            raise _without_maximum(int(free[np.argmax(of_predictors[:, flat])] - problem.q))


def _without_maximum(predictor: int) -> DataError:
    return DataError(
        f"The likelihood has no maximum: the coefficient of predictor {predictor} grows without "
        "bound.",
        remedy="It separates the events from the others: leave it out, or add a ridge penalty.",
    )


def _definite(hessian: Floats) -> Floats:
    """Lift eigenvalues that are not clearly positive, so that a step goes down."""
    values, vectors = np.linalg.eigh(hessian)
    least = 1e-10 * max(float(np.abs(values).max()), 1e-10)
    if values[0] > least:
        return hessian
    lifted: Floats = (vectors * np.maximum(np.abs(values), least)) @ vectors.T
    return lifted


def _step(problem: _Problem, point: Floats, gradient: Floats, hessian: Floats) -> Floats:
    if not problem.l1.any():
        return np.asarray(-np.linalg.solve(hessian, gradient))
    l1 = np.concatenate([np.zeros(problem.q), problem.l1])
    return _descend(point, gradient, np.ascontiguousarray(hessian), l1) - point


@njit(cache=True)
def _descend(point: Floats, gradient: Floats, hessian: Floats, l1: Floats) -> Floats:
    """Minimize the quadratic model plus the l1 penalty, a coordinate at a time."""
    new, slope = point.copy(), gradient.copy()
    for _ in range(_SWEEPS):
        largest = 0.0
        for j in range(point.size):
            curvature = hessian[j, j]
            aim = curvature * new[j] - slope[j]
            moved = np.sign(aim) * max(abs(aim) - l1[j], 0.0) / curvature
            change = moved - new[j]
            if change != 0.0:
                slope += change * hessian[:, j]
                new[j] = moved
                largest = max(largest, abs(change) * np.sqrt(curvature))
        if largest < 1e-12:
            break
    return new


def _backtrack(
    problem: _Problem, point: Floats, value: float, gradient: Floats, step: Floats
) -> Floats | None:
    before = value + problem.rough(point)
    slope = float(gradient @ step) + problem.rough(point + step) - problem.rough(point)
    length = 1.0
    for _ in range(40):
        tried: Floats = point + length * step
        now = problem.smooth(tried)[0] + problem.rough(tried)
        if np.isfinite(now) and now <= before + 1e-4 * length * slope + 1e-15 * abs(before):
            return tried
        length /= 2.0
    return None
