"""Calibration of predicted survival at a day: slope, observed over expected, smooth curve, ICI."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from operandi.quantities.errors import DataError
from operandi.signatures.cox.newton import CoxFit, fit_cox
from operandi.signatures.data import Floats, RightCensored
from operandi.signatures.metrics.censoring import refuse_misfit
from operandi.signatures.metrics.estimate import (
    BootstrapPlan,
    MetricEstimate,
    absent,
    normal_quantile,
)
from operandi.signatures.metrics.learned import LEAST_SHARE
from operandi.signatures.metrics.splines import restricted_cubic, spline_knots
from operandi.signatures.survival.kaplan_meier import kaplan_meier

_GRID = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationGroup:
    """Participants of similar predicted risk.

    Parameters
    ----------
    predicted : float
        Their mean predicted risk.
    observed, low, high : float
        Their observed risk, with its interval.
    participants : int
        How many.
    """

    predicted: float
    observed: float
    low: float
    high: float
    participants: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CalibrationCurve:
    """Smooth observed risk over predicted risk.

    Parameters
    ----------
    predicted, observed : (k,) float
        Risks; the grid spans the predictions and goes no further.
    low, high : (k,) float or None
        Pointwise bootstrap band.
    """

    predicted: Floats
    observed: Floats
    low: Floats | None = None
    high: Floats | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CalibrationReport:
    """Agreement of predicted with observed risks.

    Parameters
    ----------
    slope : MetricEstimate
        1 is right; below 1 predictions are too extreme.
    observed_over_expected : MetricEstimate
        1 is right; above 1 risks are underestimated. Calibration in the large.
    intercept : MetricEstimate
        Binary outcomes only: logit intercept with the slope held at 1; 0 is right.
    ici, e50, e90 : MetricEstimate
        Mean, median and 90th percentile of |smooth observed - predicted| over participants.
    curve : CalibrationCurve or None
        None where the smooth curve could not be fitted; ``ici.reason`` says why.
    groups : tuple of CalibrationGroup
        By quantiles of predicted risk.
    """

    slope: MetricEstimate
    observed_over_expected: MetricEstimate
    intercept: MetricEstimate
    ici: MetricEstimate
    e50: MetricEstimate
    e90: MetricEstimate
    curve: CalibrationCurve | None
    groups: tuple[CalibrationGroup, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivalRecalibration:
    """log(-log S') = intercept + slope log(-log S) at one horizon.

    Parameters
    ----------
    horizon : float
        Days.
    intercept, slope : float
        Learned on participants other than those it will be judged on.
    """

    horizon: float
    intercept: float
    slope: float

    def apply(self, survival: Floats) -> Floats:
        """Recalibrated probabilities of no event by the horizon."""
        return np.exp(-np.exp(self.intercept + self.slope * log_cumulative_hazard(survival)))


def log_cumulative_hazard(survival: Floats) -> Floats:
    """log(-log S): the linear predictor of a proportional hazards model, but for a constant.

    Raises
    ------
    DataError
        If a probability is not strictly between 0 and 1, where this has no value.
    """
    if not np.all((survival > 0.0) & (survival < 1.0)):
        raise DataError(
            f"Calibration needs survival probabilities between 0 and 1, both excluded; found "
            f"{survival.min():g} to {survival.max():g}.",
            remedy="A prediction of certainty cannot be recalibrated: look at the model.",
        )
    return np.log(-np.log(survival))


def calibrate_survival(
    outcome: RightCensored,
    survival: Floats,
    *,
    horizon: float,
    groups: int = 4,
    bootstrap: BootstrapPlan | None = None,
) -> CalibrationReport:
    """Judge predicted probabilities of no event by a day.

    The slope is the Cox coefficient of log(-log S). Observed over expected is 1 - KM(t) over the
    mean predicted risk. The smooth curve is the Cox model of a restricted cubic spline (three
    knots) of log(-log S), read at the horizon.

    Parameters
    ----------
    outcome : RightCensored
        What happened to participants on whom the model was not fitted.
    survival : (n,) float
        Predicted probability of no event by ``horizon``, in (0, 1).
    horizon : float
        Days, within the follow-up.
    groups : int
        Of equal size, for the points of the plot.
    bootstrap : BootstrapPlan, optional
        For the band and the interval of the ICI.

    Raises
    ------
    DataError
        If predictions are no probabilities or nobody was followed to the horizon.

    References
    ----------
    .. [1] van Houwelingen, Stat Med 19:3401, 2000 (slope).
    .. [2] Crowson et al., Stat Methods Med Res 25:1692, 2016.
    .. [3] Austin, Harrell and van Klaveren, Stat Med 39:2714, 2020 (ICI, E50, E90).
    """
    refuse_misfit(outcome, survival, what="Predicted survival")
    if horizon > outcome.time.max():
        raise DataError(
            f"Calibration at day {horizon:g} needs follow-up so long; it ends at day "
            f"{outcome.time.max():g}.",
            remedy="Choose an earlier horizon.",
        )
    predictor = log_cumulative_hazard(survival)
    risk = 1.0 - survival

    def smooth(rows: Floats, weights: Floats) -> Floats:
        return _smooth_risk(outcome, predictor, rows, weights, horizon)

    flexible = flexible_calibration(predictor, risk, smooth, _risk_of_predictor, bootstrap)
    return CalibrationReport(
        slope=_slope(outcome, predictor, level=bootstrap.level if bootstrap else 0.95),
        observed_over_expected=observed_over_expected(outcome, survival, horizon=horizon),
        intercept=absent("A Cox model leaves the level to its baseline hazard."),
        ici=flexible.ici,
        e50=flexible.e50,
        e90=flexible.e90,
        curve=flexible.curve,
        groups=_groups(outcome, risk, horizon=horizon, groups=groups),
    )


def observed_over_expected(
    outcome: RightCensored, survival: Floats, *, horizon: float, level: float = 0.95
) -> MetricEstimate:
    """Kaplan-Meier risk by a day over the mean predicted one, interval on the log scale.

    Absent where nobody had the event by then.
    """
    curve = kaplan_meier(outcome)
    days = np.array([horizon])
    observed = 1.0 - float(curve.at(days)[0])
    error = float(curve.standard_error_at(days)[0])
    if observed <= 0.0 or horizon > outcome.time.max():
        return absent(f"Nobody had the event by day {horizon:g}, or follow-up ends before it.")
    ratio = observed / float(np.mean(1.0 - survival))
    half = normal_quantile(level=level) * error / observed
    return MetricEstimate(
        value=ratio,
        standard_error=ratio * error / observed,
        low=ratio * math.exp(-half),
        high=ratio * math.exp(half),
    )


def recalibrate_survival(
    outcome: RightCensored, survival: Floats, *, horizon: float
) -> SurvivalRecalibration:
    """Learn level and slope anew; needs participants whom the model will not be judged on.

    Parameters
    ----------
    outcome, survival, horizon
        As of ``calibrate_survival``.

    Raises
    ------
    DataError
        If the Cox fit refuses, or there is no event by the horizon.
    """
    predictor = log_cumulative_hazard(survival)
    fit = fit_cox(outcome, predictor[:, None], names=("log(-log S)",))
    hazard = float(fit.baseline[0].at(np.array([horizon]))[0])
    if hazard <= 0.0:
        raise DataError(f"Recalibration needs events by day {horizon:g}; found none.")
    slope = float(fit.coefficients[0])
    return SurvivalRecalibration(
        horizon=horizon, intercept=math.log(hazard) - slope * float(fit.center[0]), slope=slope
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FlexibleCalibration:
    """The smooth part of a calibration report."""

    ici: MetricEstimate
    e50: MetricEstimate
    e90: MetricEstimate
    curve: CalibrationCurve | None


def flexible_calibration(
    predictor: Floats,
    risk: Floats,
    smooth: Callable[[Floats, Floats], Floats],
    risk_of: Callable[[Floats], Floats],
    bootstrap: BootstrapPlan | None,
) -> FlexibleCalibration:
    """Smooth observed risk at each prediction and over a grid, with bootstrap band.

    Parameters
    ----------
    predictor, risk : (n,) float
        Prediction on the scale of the spline, and as a risk.
    smooth : callable
        Observed risk at given predictors, from the rows with given counts; DataError where it
        cannot be fitted.
    risk_of : callable
        Predicted risk of a predictor.
    bootstrap : BootstrapPlan or None
        For band and interval.
    """
    grid = np.linspace(predictor.min(), predictor.max(), _GRID)
    where = np.concatenate([predictor, grid])
    try:
        whole = smooth(where, np.ones(risk.size))
    except DataError as refusal:
        none = absent(f"No smooth calibration curve: {refusal.what}")
        return FlexibleCalibration(ici=none, e50=none, e90=none, curve=None)
    rows = risk.size
    away = np.abs(whole[:rows] - risk)
    values = [float(away.mean()), *(float(one) for one in np.quantile(away, [0.5, 0.9]))]
    expected = risk_of(grid)
    if bootstrap is None:
        curve = CalibrationCurve(predicted=expected, observed=whole[rows:])
        ici, e50, e90 = (MetricEstimate(value=value) for value in values)
        return FlexibleCalibration(ici=ici, e50=e50, e90=e90, curve=curve)
    counts = bootstrap.counts(rows=rows)
    drawn = np.full((counts.shape[0], where.size), np.nan)
    for sample, count in enumerate(counts):
        try:
            drawn[sample] = smooth(where, count.astype(np.float64))
        except DataError:
            continue  # a sample without a fit is counted as such
    fine = np.isfinite(drawn[:, 0])
    curve = CalibrationCurve(predicted=expected, observed=whole[rows:])
    why = "It is a quantile of distances, which error makes larger: no interval is known to hold."
    ici = _ici_interval(values[0], drawn[:, :rows] - whole[:rows], level=bootstrap.level)
    if ici.low is not None:
        tail = 50.0 * (1.0 - bootstrap.level)
        low, high = np.percentile(drawn[fine][:, rows:], [tail, 100.0 - tail], axis=0)
        curve = replace(curve, low=low, high=high)
    e50, e90 = (MetricEstimate(value=value, reason=why) for value in values[1:])
    return FlexibleCalibration(ici=ici, e50=e50, e90=e90, curve=curve)


def _ici_interval(value: float, moved: Floats, *, level: float) -> MetricEstimate:
    """An ICI with an interval that holds, though error makes every ICI larger.

    The distance of two curves is their mean |difference|: that of observed from predicted is the
    ICI. By the triangle inequality the estimated and the true one differ by no more than the
    estimated observed curve is away from the true one; how far that is, is how far samples are away
    from the estimate. Percentiles of the ICI of samples would lie above the truth, and often above
    the estimate.

    Parameters
    ----------
    value : float
        The estimated ICI.
    moved : (b, n) float
        Curve of each sample less the estimated one; NaN where a sample has none.
    level : float
        Held in 91 % of cohorts of 80 whose predictions are true, and in 97 % of those of 300; the
        percentiles held it in none.
    """
    fine = np.isfinite(moved).all(axis=1)
    known = int(np.count_nonzero(fine))
    if known < LEAST_SHARE * fine.size or known < 2:
        why = f"Only {known} of {fine.size} bootstrap samples gave a value."
        return MetricEstimate(value=value, reason=why)
    away = np.abs(moved[fine]).mean(axis=1)
    reach = float(np.quantile(away, level))
    return MetricEstimate(value=value, low=max(value - reach, 0.0), high=min(value + reach, 1.0))


def _risk_of_predictor(predictor: Floats) -> Floats:
    return np.asarray(-np.expm1(-np.exp(predictor)))


def _smooth_risk(
    outcome: RightCensored, predictor: Floats, where: Floats, counts: Floats, horizon: float
) -> Floats:
    # Knots of all rows in every sample: the curve's form is fixed, only its coefficients vary.
    knots = spline_knots(predictor)
    drawn = counts > 0.0
    fit: CoxFit = fit_cox(
        RightCensored(time=outcome.time[drawn], event=outcome.event[drawn]),
        restricted_cubic(predictor[drawn], knots),
        names=("log(-log S)", "its spline term"),
        weights=counts[drawn],
    )
    survival = fit.survival(restricted_cubic(where, knots), days=np.array([horizon]))
    return 1.0 - survival[:, 0]


def _slope(outcome: RightCensored, predictor: Floats, *, level: float) -> MetricEstimate:
    try:
        fit = fit_cox(outcome, predictor[:, None], names=("log(-log S)",))
    except DataError as refusal:
        return absent(f"No calibration slope: {refusal.what}")
    value, error = float(fit.coefficients[0]), float(fit.standard_errors[0])
    half = normal_quantile(level=level) * error
    return MetricEstimate(value=value, standard_error=error, low=value - half, high=value + half)


def _groups(
    outcome: RightCensored, risk: Floats, *, horizon: float, groups: int
) -> tuple[CalibrationGroup, ...]:
    order = np.argsort(risk, kind="stable")
    found = []
    for rows in np.array_split(order, min(groups, risk.size)):
        curve = kaplan_meier(RightCensored(time=outcome.time[rows], event=outcome.event[rows]))
        band = curve.band()
        place = int(np.searchsorted(band.time, horizon, side="right")) - 1
        # Without an event by then nothing bounds the risk from above but 1.
        low, high = (1.0 - band.upper[place], 1.0 - band.lower[place]) if place >= 0 else (0.0, 1.0)
        found.append(
            CalibrationGroup(
                predicted=float(risk[rows].mean()),
                observed=1.0 - float(curve.at(np.array([horizon]))[0]),
                low=float(low),
                high=float(high),
                participants=rows.size,
            )
        )
    return tuple(found)
