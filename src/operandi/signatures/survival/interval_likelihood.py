"""Log-likelihood of proportional hazards: intervals, known days and censoring together."""

from dataclasses import dataclass

import numpy as np

from operandi.signatures.data import Floats, IntervalCensored
from operandi.signatures.survival.baselines import BaselineParts, ParametricHazard

_MOST_EXPONENT = 50.0
"""Linear predictors beyond it cannot be told from infinity, and would overflow."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IntervalLikelihood:
    """The log-likelihood and its derivatives at given parameters.

    Parameters
    ----------
    value : float
    gradient : (q + p,) float
        By the q parameters of the baseline, then by the p coefficients.
    hessian : (q + p, q + p) float
    """

    value: float
    gradient: Floats
    hessian: Floats


def interval_likelihood(
    outcome: IntervalCensored,
    x: Floats,
    baseline: ParametricHazard,
    *,
    parameters: Floats,
    coefficients: Floats,
) -> IntervalLikelihood:
    """Log-likelihood of ``H(t | x) = H0(t) exp(x b)``.

    A known day adds ``log h(t) - H(t)``, an interval ``log(exp(-H(L)) - exp(-H(R)))``, which is
    ``-H(L) + log(1 - exp(-D))`` with ``D = H(R) - H(L)``, and censoring ``-H(L)``.
    """
    factor = np.exp(np.clip(x @ coefficients, -_MOST_EXPONENT, _MOST_EXPONENT))
    exact = outcome.exact
    between = np.isfinite(outcome.right) & ~exact
    left = baseline.cumulative(outcome.left, parameters)
    lefts = _Hazard.of(left, x, factor)
    value = -float(lefts.value.sum())
    gradient = -lefts.gradient.sum(axis=0)
    hessian = -lefts.curvature(np.ones_like(factor))
    if exact.any():
        instant = baseline.log_hazard(outcome.left[exact], parameters)
        value += float(instant.value.sum() + (x[exact] @ coefficients).sum())
        gradient += np.concatenate([instant.gradient.sum(axis=0), x[exact].sum(axis=0)])
        q = parameters.size
        hessian[:q, :q] += instant.hessian.sum(axis=0)
    if between.any():
        right = baseline.cumulative(outcome.right[between], parameters)
        grown = BaselineParts(
            value=right.value - left.value[between],
            gradient=right.gradient - left.gradient[between],
            hessian=right.hessian - left.hessian[between],
        )
        hazard = _Hazard.of(grown, x[between], factor[between])
        growth = np.maximum(hazard.value, 1e-300)
        weight = 1.0 / np.expm1(np.minimum(growth, 700.0))
        value += float(np.log(-np.expm1(-growth)).sum())
        gradient += weight @ hazard.gradient
        hessian += hazard.curvature(weight)
        spread = hazard.gradient * (weight * (1.0 + weight))[:, None]
        hessian -= spread.T @ hazard.gradient
    return IntervalLikelihood(value=value, gradient=gradient, hessian=hessian)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Hazard:
    """A cumulative hazard of each participant, and its gradient by all parameters."""

    value: Floats
    gradient: Floats
    parts: BaselineParts
    x: Floats
    factor: Floats

    @classmethod
    def of(cls, parts: BaselineParts, x: Floats, factor: Floats) -> "_Hazard":
        value = parts.value * factor
        gradient = np.hstack([parts.gradient * factor[:, None], x * value[:, None]])
        return cls(value=value, gradient=gradient, parts=parts, x=x, factor=factor)

    def curvature(self, weights: Floats) -> Floats:
        """Sum over participants of weight times second derivative."""
        scaled = weights * self.factor
        own = np.tensordot(scaled, self.parts.hessian, axes=1)
        cross = (self.parts.gradient * scaled[:, None]).T @ self.x
        both = (self.x * (weights * self.value)[:, None]).T @ self.x
        return np.block([[own, cross], [cross.T, both]])
