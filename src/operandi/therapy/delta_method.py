"""From the uncertainty of parameters to that of a result, with an interval that stays in range."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from operandi.quantities.errors import DataError

_STEP: Final = 1e-4  # relative; central differences are then good to 1e-8


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number with its standard uncertainty, or without one where none is known.

    Parameters
    ----------
    value : float
        In the unit its owner states.
    standard_uncertainty : float or None
        k = 1, same unit. None: unknown, which is not zero; propagation names it as left out.
    """

    value: float
    standard_uncertainty: float | None

    def __post_init__(self) -> None:
        u = self.standard_uncertainty
        if not math.isfinite(self.value) or (u is not None and not (math.isfinite(u) and u >= 0)):
            raise ValueError(f"a parameter must be finite, its uncertainty >= 0: {self}")


class Scale(StrEnum):
    """On which scale the result is nearly normal."""

    LINEAR = "linear"
    """Any sign."""
    LOG = "log"
    """Positive: doses."""
    LOGIT = "logit"
    """Between 0 and 1: probabilities, survival."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A result with its uncertainty.

    Parameters
    ----------
    value, standard_uncertainty : float
        In the unit of the function; the uncertainty to first order.
    lower, upper : float
        Interval of *coverage*, symmetric on *scale*.
    coverage : float
        Probability, such as 0.95.
    shares : mapping of str to float
        Of the variance, by parameter, before correlations; what dominates.
    left_out : tuple of str
        Parameters without a known uncertainty: the interval is too narrow by what they lack.
    """

    value: float
    standard_uncertainty: float
    lower: float
    upper: float
    coverage: float
    shares: Mapping[str, float]
    left_out: tuple[str, ...]

    @property
    def basis(self) -> str:
        """In words, for a measurement's uncertainty."""
        words = f"delta method; {self.coverage:.0%} interval {self.lower:.4g} to {self.upper:.4g}"
        if self.left_out:
            words += f"; not included, for no uncertainty is known: {', '.join(self.left_out)}"
        return words


def propagated(
    function: Callable[[Mapping[str, float]], float],
    parameters: Mapping[str, Parameter],
    *,
    scale: Scale,
    correlations: Mapping[tuple[str, str], float] | None = None,
    coverage: float = 0.95,
) -> Estimate:
    """Carry the uncertainties of *parameters* through *function*, to first order.

    ``u^2 = sum_ij (df/dx_i) (df/dx_j) u_i u_j rho_ij``, with central differences.

    Parameters
    ----------
    function : callable
        Takes all values by name, gives one float.
    parameters : mapping of str to Parameter
        The estimates.
    scale : Scale
        Where the interval is symmetric.
    correlations : mapping of (str, str) to float, optional
        Coefficients in [-1, 1]; pairs that are not named are independent.
    coverage : float, in (0, 1)
        Of the interval.

    Raises
    ------
    DataError
        If a correlation names an unknown parameter or is outside [-1, 1], or the result does not
        fit the scale.
    """
    values = {name: p.value for name, p in parameters.items()}
    names = [name for name, p in parameters.items() if p.standard_uncertainty is not None]
    u = np.array([parameters[name].standard_uncertainty for name in names], dtype=np.float64)
    value = function(values)
    slopes = np.array([_slope(function, values, name) for name in names], dtype=np.float64)
    parts = slopes * u
    variance = max(float(parts @ _correlation(names, correlations or {}) @ parts), 0.0)
    standard = math.sqrt(variance)
    own = float(parts @ parts)
    lower, upper = interval(value, standard, scale=scale, coverage=coverage)
    return Estimate(
        value=value,
        standard_uncertainty=standard,
        lower=lower,
        upper=upper,
        coverage=coverage,
        shares={
            name: float(part**2) / own if own > 0 else 0.0
            for name, part in zip(names, parts, strict=True)
        },
        left_out=tuple(name for name in parameters if name not in names),
    )


def interval(
    value: float, standard_uncertainty: float, *, scale: Scale, coverage: float
) -> tuple[float, float]:
    """Lower and upper end, symmetric on *scale*.

    Raises
    ------
    DataError
        If the value does not lie on the scale (a dose of 0 has no logarithm).
    """
    if not 0 < coverage < 1:
        raise ValueError(f"coverage must lie in (0, 1): {coverage}")
    reach = float(norm.ppf(0.5 + coverage / 2.0)) * standard_uncertainty
    if scale is Scale.LINEAR or reach == 0:
        return value - reach, value + reach
    if scale is Scale.LOG and value > 0:
        factor = math.exp(reach / value)
        return value / factor, value * factor
    if scale is Scale.LOGIT and 0 < value < 1:
        center, half = math.log(value / (1.0 - value)), reach / (value * (1.0 - value))
        # Rounding in the logit must not put the value outside its own interval.
        return min(_logistic(center - half), value), max(_logistic(center + half), value)
    raise DataError(
        f"an interval on the {scale.value} scale needs a value inside it, got {value}",
        remedy="Choose the scale that fits this quantity.",
    )


def _slope(
    function: Callable[[Mapping[str, float]], float], values: Mapping[str, float], name: str
) -> float:
    step = _STEP * abs(values[name]) or _STEP
    up = function({**values, name: values[name] + step})
    down = function({**values, name: values[name] - step})
    return (up - down) / (2.0 * step)


def _correlation(
    names: list[str], pairs: Mapping[tuple[str, str], float]
) -> npt.NDArray[np.float64]:
    matrix = np.eye(len(names))
    for (one, other), rho in pairs.items():
        if one not in names or other not in names or one == other or not -1 <= rho <= 1:
            raise DataError(
                f"a correlation joins two parameters with known uncertainty by a number in [-1, 1],"
                f" got {one}, {other}: {rho}",
                remedy=f"Name two of {', '.join(names)}.",
            )
        i, j = names.index(one), names.index(other)
        matrix[i, j] = matrix[j, i] = rho
    return matrix


def _logistic(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x)) if x >= 0 else math.exp(x) / (1.0 + math.exp(x))
