"""Kaplan-Meier curves with bands, quantiles, restricted means and numbers at risk."""

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from scipy.stats import norm

from operandi.quantities.errors import DataError
from operandi.signatures.data import Floats, RightCensored

BandScale = Literal["log-log", "log"]
_SAME: Final = 1e-9
"""Survival this near to a quantile counts as equal to it: 1 - 0.5 is seldom 0.5 after products."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SurvivalBand:
    """Pointwise confidence limits of a survival curve at its event times.

    Parameters
    ----------
    time : (k,) float
        Days.
    lower, upper : (k,) float
        Limits of S(t). Where S is 0 nothing estimates its variance: the lower limit is 0 and the
        upper one that of the step before, which bounds S because S falls.
    level : float
        Of confidence.
    """

    time: Floats
    lower: Floats
    upper: Floats
    level: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivalQuantile:
    """A day by which a part of participants had the event.

    Parameters
    ----------
    day, lower, upper : float or None
        None where the curve, or its limit, does not fall so far; ``reason`` says so.
    reason : str
        Empty where all three are known.
    """

    day: float | None
    lower: float | None
    upper: float | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RestrictedMean:
    """Mean event-free time within a horizon, in days.

    Parameters
    ----------
    days, standard_error : float or None
        None where follow-up ends before the horizon; ``reason`` says so.
    horizon_day : float
    reason : str
    """

    days: float | None
    standard_error: float | None
    horizon_day: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KaplanMeier:
    """A survival curve, a step at each distinct time of an event.

    Parameters
    ----------
    time : (k,) float
        Days with an event, ascending.
    at_risk, events : (k,) float
        Just before the day, and on it.
    survival : (k,) float
        S(t), right-continuous.
    log_variance : (k,) float
        Greenwood's sum ``d / (n (n - d))``: variance of log S; inf where S is 0.
    observed : (n,) float
        All times, ascending, for numbers at risk.
    """

    time: Floats
    at_risk: Floats
    events: Floats
    survival: Floats
    log_variance: Floats
    observed: Floats

    def at(self, days: Floats) -> Floats:
        """S on given days; 1 before the first event, the last value beyond the last time."""
        return _step(self.time, self.survival, days, before=1.0)

    def standard_error_at(self, days: Floats) -> Floats:
        """Greenwood's standard error of S on given days; 0 before the first event and where S is 0.

        The 0 is the formula's, not a claim of certainty: a band says the same.
        """
        finite = np.where(np.isfinite(self.log_variance), self.log_variance, 0.0)
        return _step(self.time, self.survival * np.sqrt(finite), days, before=0.0)

    def number_at_risk(self, days: Floats) -> Floats:
        """Participants whose time is on or after each day."""
        return np.asarray(
            self.observed.size - np.searchsorted(self.observed, days, side="left"), dtype=float
        )

    def band(self, *, level: float = 0.95, scale: BandScale = "log-log") -> SurvivalBand:
        """Pointwise confidence limits.

        ``S ** exp(+- z se / log S)`` on the log-log scale, which stays within 0 and 1, and
        ``S exp(+- z se)``, cut at 1, on the log scale, with se that of log S.

        References
        ----------
        .. [1] Kalbfleisch and Prentice, The Statistical Analysis of Failure Time Data, 2nd ed.,
           section 1.4.
        """
        z = float(norm.ppf(0.5 + level / 2.0))
        alive = self.survival > 0.0
        inner = np.where(alive, self.survival, 0.5)
        error = z * np.sqrt(np.where(alive, self.log_variance, 0.0))
        if scale == "log":
            lower, upper = inner * np.exp(-error), np.minimum(inner * np.exp(error), 1.0)
        else:
            ratio = error / -np.log(inner)
            lower, upper = inner ** np.exp(ratio), inner ** np.exp(-ratio)
        if not alive.all():
            lower[~alive] = 0.0
            upper[~alive] = upper[alive][-1] if alive.any() else 1.0
        return SurvivalBand(time=self.time, lower=lower, upper=upper, level=level)

    def quantile(
        self, *, part: float = 0.5, level: float = 0.95, scale: BandScale = "log-log"
    ) -> SurvivalQuantile:
        """First day by which ``part`` had the event; the median by default.

        Where the curve is level at exactly ``1 - part``, the middle of the level. Limits are where
        the limits of the band cross.

        References
        ----------
        .. [1] Brookmeyer and Crowley, Biometrics 38:29, 1982.
        """
        band = self.band(level=level, scale=scale)
        day, lower, upper = (
            _crossing(self.time, curve, 1.0 - part)
            for curve in (self.survival, band.lower, band.upper)
        )
        words = {"the curve": day, "its lower limit": lower, "its upper limit": upper}
        high = [word for word, found in words.items() if found is None]
        reason = f"{', '.join(high)} stays above {1.0 - part:g}" if high else ""
        return SurvivalQuantile(day=day, lower=lower, upper=upper, reason=reason)

    def restricted_mean(self, *, until_day: float) -> RestrictedMean:
        """Area under the curve up to a horizon, with its standard error.

        ``var = sum A_j^2 d_j / (n_j (n_j - d_j))`` with A_j the area from event j to the horizon.

        Raises
        ------
        DataError
            If the horizon is not > 0.

        References
        ----------
        .. [1] Klein and Moeschberger, Survival Analysis, 2nd ed., section 4.5.
        """
        if not until_day > 0.0:
            raise DataError(f"A restricted mean needs a horizon > 0 days, found {until_day:g}.")
        last = float(self.observed[-1])
        ended = self.survival.size > 0 and self.survival[-1] == 0.0
        if until_day > last and not ended:
            reason = f"follow-up ends on day {last:g}, before the horizon of {until_day:g} days"
            return RestrictedMean(
                days=None, standard_error=None, horizon_day=until_day, reason=reason
            )
        within = self.time < until_day
        edges = np.concatenate([[0.0], self.time[within], [until_day]])
        pieces = np.diff(edges) * np.concatenate([[1.0], self.survival[within]])
        after = np.cumsum(pieces[::-1])[::-1][1:]
        at_risk, events = self.at_risk[within], self.events[within]
        left = at_risk - events
        # Nobody is left only at the last event, after which the area is 0.
        terms = np.where(left > 0.0, after**2 * events / (at_risk * np.maximum(left, 1.0)), 0.0)
        return RestrictedMean(
            days=float(pieces.sum()),
            standard_error=math.sqrt(float(terms.sum())),
            horizon_day=until_day,
            reason="",
        )


def kaplan_meier(outcome: RightCensored) -> KaplanMeier:
    """Estimate the probability of no event by a day.

    ``S(t) = product over event times u <= t of 1 - d(u) / n(u)``. Who is censored on the day of an
    event was at risk of it. Without events the curve has no step and S is 1.

    References
    ----------
    .. [1] Kaplan and Meier, J Am Stat Assoc 53:457, 1958.
    """
    observed = np.sort(outcome.time)
    time, counts = np.unique(outcome.time[outcome.event], return_counts=True)
    events = counts.astype(float)
    at_risk = (observed.size - np.searchsorted(observed, time, side="left")).astype(float)
    left = at_risk - events
    with np.errstate(divide="ignore"):
        log_variance = np.cumsum(np.where(left > 0.0, events / (at_risk * left), np.inf))
    return KaplanMeier(
        time=time,
        at_risk=at_risk,
        events=events,
        survival=np.cumprod(left / at_risk),
        log_variance=log_variance,
        observed=observed,
    )


def _step(time: Floats, values: Floats, days: Floats, *, before: float) -> Floats:
    """A right-continuous step function."""
    place = np.searchsorted(time, np.asarray(days, dtype=float), side="right")
    found: Floats = np.concatenate([[before], values])[place]
    return found


def _crossing(time: Floats, curve: Floats, level: float) -> float | None:
    below = np.flatnonzero(curve <= level + _SAME)
    if not below.size:
        return None
    first = int(below[0])
    if abs(curve[first] - level) > _SAME:
        return float(time[first])
    # Level at exactly this value: its middle, where the curve falls again.
    lower = np.flatnonzero(curve < level - _SAME)
    end = int(lower[0]) if lower.size else first
    return float(time[first] + time[end]) / 2.0
