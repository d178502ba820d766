"""A number with what is known of its error, or the reason why there is none; bootstrap counts."""

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit, ndtri, stdtrit

from operandi.quantities.errors import DataError
from operandi.signatures.data import Floats

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricEstimate:
    """A metric; absent with a reason where it cannot be computed.

    Parameters
    ----------
    value : float or None
        The estimate; None only with a ``reason``.
    standard_error : float or None
        Of ``value``, where a formula gives it.
    freedom : float
        Degrees of freedom of ``standard_error``; infinite where it counts as known.
    low, high : float or None
        Ends of its interval; both or neither.
    reason : str
        Why ``value`` or the interval is absent; else empty.
    """

    value: float | None
    standard_error: float | None = None
    freedom: float = math.inf
    low: float | None = None
    high: float | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        if self.value is None and not self.reason:
            raise DataError("An absent metric needs the reason why it is absent; found none.")


@dataclass(frozen=True, slots=True, kw_only=True)
class BootstrapPlan:
    """How to draw participants with replacement, and how wide an interval to take from it.

    Parameters
    ----------
    seed : int
        Stands in the analysis plan.
    repeats : int
        Samples.
    level : float
        Of the percentile interval.
    """

    seed: int
    repeats: int = 1000
    level: float = 0.95

    def counts(self, *, rows: int) -> Counts:
        """How often each row stands in each sample, (repeats, rows)."""
        return bootstrap_counts(rows=rows, repeats=self.repeats, seed=self.seed)


def absent(reason: str) -> MetricEstimate:
    """A metric that cannot be computed, and why."""
    return MetricEstimate(value=None, reason=reason)


def normal_quantile(*, level: float) -> float:
    """Quantile z such that the standard normal lies within +-z with probability ``level``."""
    if not 0.0 < level < 1.0:
        raise DataError(f"A confidence level needs to lie between 0 and 1; found {level:g}.")
    return float(ndtri(0.5 + level / 2.0))


def student_quantile(*, level: float, freedom: float) -> float:
    """Quantile of Student's t, two-sided; the normal one at infinite *freedom*.

    >>> round(student_quantile(level=0.95, freedom=4.0), 3)
    2.776
    """
    if math.isinf(freedom):
        return normal_quantile(level=level)
    return float(stdtrit(freedom, 0.5 + level / 2.0))


def logit_interval(
    *, value: float, standard_error: float, level: float = 0.95, freedom: float = math.inf
) -> tuple[float, float]:
    """Interval of a quantity in (0, 1), built on the logit scale so that it stays inside.

    The standard error is carried over by the delta method: SE / (v (1 - v)).

    Raises
    ------
    DataError
        If ``value`` is 0 or 1 or beyond, where the logit has no value.
    """
    if not 0.0 < value < 1.0:
        raise DataError(f"A logit interval needs a value between 0 and 1; found {value:g}.")
    quantile = student_quantile(level=level, freedom=freedom)
    half = quantile * standard_error / (value * (1.0 - value))
    center = float(logit(value))
    return float(expit(center - half)), float(expit(center + half))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """On what scale an interval is symmetric, and the range that it may not leave.

    Parameters
    ----------
    kind : {"plain", "log", "logit"}
    low, high : float
        Ends of the range of the quantity.
    """

    kind: Literal["plain", "log", "logit"] = "plain"
    low: float = -math.inf
    high: float = math.inf


PLAIN: Final = Scale()
POSITIVE: Final = Scale(kind="log", low=0.0)
PROPORTION: Final = Scale(kind="logit", low=0.0, high=1.0)


def scaled_interval(
    *,
    value: float,
    standard_error: float,
    scale: Scale,
    level: float = 0.95,
    freedom: float = math.inf,
) -> tuple[float, float]:
    """Interval on a scale, normal or of Student, the error carried over by the delta method.

    It holds ``value`` and never leaves the range of the scale.

    Raises
    ------
    DataError
        If ``value`` lies at an end of its range, where its logarithm or logit has no value.
    """
    if scale.kind == "logit":
        return logit_interval(
            value=value, standard_error=standard_error, level=level, freedom=freedom
        )
    half = student_quantile(level=level, freedom=freedom) * standard_error
    if scale.kind == "plain":
        return max(value - half, scale.low), min(value + half, scale.high)
    if value <= 0.0:
        raise DataError(f"An interval on the log scale needs a value above 0; found {value:g}.")
    # A factor beyond e^700 is no number: it bounds nothing.
    factor = math.exp(min(half / value, 700.0))
    return value / factor, min(value * factor, scale.high)


def bootstrap_counts(*, rows: int, repeats: int, seed: int) -> Counts:
    """How often each row stands in each bootstrap sample.

    Repeat r depends on ``seed`` and r alone: more repeats leave the first ones as they were.

    Returns
    -------
    (repeats, rows) int
        Each row of it sums to ``rows``.
    """
    if rows < 1 or repeats < 1:
        raise DataError(f"A bootstrap needs rows and repeats; found {rows} and {repeats}.")
    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence(seed)))
    drawn = generator.integers(0, rows, size=(repeats, rows))
    drawn += rows * np.arange(repeats)[:, None]
    return np.bincount(drawn.ravel(), minlength=repeats * rows).reshape(repeats, rows)


def percentile_estimate(
    value: float, draws: Floats, *, level: float = 0.95, least_share: float = 0.9
) -> MetricEstimate:
    """A value with its percentile bootstrap interval.

    Parameters
    ----------
    value : float
        On all rows; NaN where it could not be computed.
    draws : (repeats,) float
        On the bootstrap samples; NaN where it could not be computed.
    level : float
        Of the interval.
    least_share : float
        Share of the samples that must have given a value, lest the interval speak of the easy
        samples only.

    Returns
    -------
    MetricEstimate
        Without interval, and with the reason, where too few samples gave a value.
    """
    if not math.isfinite(value):
        return absent("It has no value on these participants.")
    fine = draws[np.isfinite(draws)]
    if fine.size < least_share * draws.size or fine.size < 2:
        return MetricEstimate(
            value=value,
            reason=f"Only {fine.size} of {draws.size} bootstrap samples gave a value.",
        )
    tail = 50.0 * (1.0 - level)
    low, high = np.percentile(fine, [tail, 100.0 - tail])
    return MetricEstimate(
        value=value,
        standard_error=float(np.std(fine, ddof=1)),
        low=float(low),
        high=float(high),
    )
