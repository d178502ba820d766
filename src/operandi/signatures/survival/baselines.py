"""Baseline hazards with few parameters: Weibull, and constant within pieces."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np

from operandi.quantities.errors import DataError
from operandi.signatures.data import Floats, IntervalCensored


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BaselineParts:
    """A function of the parameters at n days, with its derivatives.

    Parameters
    ----------
    value : (n,) float
    gradient : (n, q) float
    hessian : (n, q, q) float
    """

    value: Floats
    gradient: Floats
    hessian: Floats


class ParametricHazard(Protocol):
    """A baseline hazard, whose parameters are any real numbers."""

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """What each parameter is."""

    def start(self, outcome: IntervalCensored) -> Floats:
        """Parameters to begin with."""

    def cumulative(self, days: Floats, parameters: Floats) -> BaselineParts:
        """Cumulative hazard up to finite days >= 0."""

    def log_hazard(self, days: Floats, parameters: Floats) -> BaselineParts:
        """Logarithm of the hazard (per day) on days > 0."""


@dataclass(frozen=True, slots=True)
class WeibullBaseline:
    """``H(t) = exp(a) t ** exp(b)``, t in days: a is the log rate, b the log shape."""

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Log rate and log shape."""
        return ("log_rate", "log_shape")

    def start(self, outcome: IntervalCensored) -> Floats:
        """A constant hazard that expects as many events as were seen."""
        return np.array([np.log(_crude_rate(outcome)), 0.0])

    def cumulative(self, days: Floats, parameters: Floats) -> BaselineParts:
        """Cumulative hazard; 0 on day 0."""
        value, slope = self._power(days, parameters)
        gradient = np.column_stack([value, value * slope])
        hessian = np.empty((days.size, 2, 2))
        hessian[:, 0, 0] = value
        hessian[:, 0, 1] = hessian[:, 1, 0] = value * slope
        hessian[:, 1, 1] = value * slope * (1.0 + slope)
        return BaselineParts(value=value, gradient=gradient, hessian=hessian)

    def log_hazard(self, days: Floats, parameters: Floats) -> BaselineParts:
        """``a + b + (exp(b) - 1) log t``."""
        shape = np.exp(parameters[1])
        log_day = np.log(days)
        hessian = np.zeros((days.size, 2, 2))
        hessian[:, 1, 1] = shape * log_day
        return BaselineParts(
            value=parameters[0] + parameters[1] + (shape - 1.0) * log_day,
            gradient=np.column_stack([np.ones(days.size), 1.0 + shape * log_day]),
            hessian=hessian,
        )

    @staticmethod
    def _power(days: Floats, parameters: Floats) -> tuple[Floats, Floats]:
        shape = np.exp(parameters[1])
        later = days > 0.0
        slope = np.where(later, shape * np.log(np.where(later, days, 1.0)), 0.0)
        return np.where(later, np.exp(parameters[0] + slope), 0.0), slope


@dataclass(frozen=True, slots=True)
class PiecewiseBaseline:
    """A hazard that is constant between cuts: parameters are log hazards per day of the pieces.

    Parameters
    ----------
    cuts : tuple of float
        Days > 0, ascending; k cuts make k + 1 pieces, the last without end.

    Raises
    ------
    DataError
        If the cuts do not ascend from above 0.
    """

    cuts: tuple[float, ...]

    def __post_init__(self) -> None:
        edges = np.array((0.0, *self.cuts))
        if not (np.isfinite(edges).all() and (np.diff(edges) > 0.0).all()):
            raise DataError(f"Cuts need to be days > 0 that ascend; found {self.cuts}.")

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """The log hazard of each piece."""
        edges = (0.0, *self.cuts, np.inf)
        return tuple(f"log_hazard_{one:g}_{two:g}" for one, two in pairwise(edges))

    def start(self, outcome: IntervalCensored) -> Floats:
        """The same hazard in every piece; refused where a piece holds no event at all."""
        edges = np.array((0.0, *self.cuts, np.inf))
        seen = np.isfinite(outcome.right)
        left, right, exact = outcome.left[seen], outcome.right[seen], outcome.exact[seen]
        for one, two in pairwise(edges):
            touches = np.where(exact, (left > one) & (left <= two), (right > one) & (left < two))
            if not touches.any():
                raise DataError(
                    f"The piece from day {one:g} to {two:g} holds no event, so its hazard cannot "
                    "be found.",
                    remedy="Use fewer cuts.",
                )
        return np.full(edges.size - 1, np.log(_crude_rate(outcome)))

    def cumulative(self, days: Floats, parameters: Floats) -> BaselineParts:
        """Sum of hazard times days spent in each piece."""
        edges = np.array((0.0, *self.cuts, np.inf))
        spent = np.clip(days[:, None] - edges[:-1], 0.0, np.diff(edges))
        gradient = spent * np.exp(parameters)
        return BaselineParts(
            value=gradient.sum(axis=1),
            gradient=gradient,
            hessian=gradient[:, :, None] * np.eye(parameters.size),
        )

    def log_hazard(self, days: Floats, parameters: Floats) -> BaselineParts:
        """The parameter of the piece that the day lies in."""
        piece = np.searchsorted(np.array(self.cuts), days, side="left")
        q = parameters.size
        return BaselineParts(
            value=parameters[piece],
            gradient=np.eye(q)[piece],
            hessian=np.zeros((days.size, q, q)),
        )


def quantile_cuts(outcome: IntervalCensored, *, pieces: int) -> PiecewiseBaseline:
    """Cut at quantiles of the middles of the intervals with events.

    The middles only place the cuts; the likelihood does not use them.

    Raises
    ------
    DataError
        If there are fewer than two pieces, or fewer events than pieces.
    """
    seen = np.isfinite(outcome.right)
    if pieces < 2 or outcome.events < pieces:
        raise DataError(
            f"Needed two or more pieces with an event each; found {pieces} pieces and "
            f"{outcome.events} events."
        )
    middles = (outcome.left[seen] + outcome.right[seen]) / 2.0
    cuts = np.unique(np.quantile(middles, np.arange(1, pieces) / pieces))
    return PiecewiseBaseline(tuple(float(cut) for cut in cuts))


def _crude_rate(outcome: IntervalCensored) -> float:
    middle = np.where(
        np.isfinite(outcome.right), (outcome.left + outcome.right) / 2.0, outcome.left
    )
    return float(outcome.events / middle.sum())
