"""Calibration of predicted risks of a yes-or-no outcome: intercept, slope, smooth curve, ICI."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from operandi.quantities.errors import DataError
from operandi.signatures.data import Bools, Floats
from operandi.signatures.metrics.calibration import (
    CalibrationGroup,
    CalibrationReport,
    flexible_calibration,
)
from operandi.signatures.metrics.estimate import (
    BootstrapPlan,
    MetricEstimate,
    absent,
    normal_quantile,
)
from operandi.signatures.metrics.splines import restricted_cubic, spline_knots

_LARGEST_LOGIT = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BinaryRecalibration:
    """logit(p') = intercept + slope logit(p).

    Parameters
    ----------
    intercept, slope : float
        Learned on participants other than those it will be judged on.
    """

    intercept: float
    slope: float

    def apply(self, risk: Floats) -> Floats:
        """Recalibrated risks."""
        return np.asarray(expit(self.intercept + self.slope * logit(risk)))


def calibrate_binary(
    happened: Bools, risk: Floats, *, groups: int = 4, bootstrap: BootstrapPlan | None = None
) -> CalibrationReport:
    """Judge predicted risks of an outcome that is known for everyone.

    Slope: logistic regression on logit(p). Intercept: with the slope held at 1. Smooth curve:
    logistic regression on a restricted cubic spline (three knots) of logit(p).

    Parameters
    ----------
    happened : (n,) bool
        The outcome.
    risk : (n,) float
        Predicted, in (0, 1), by a model that was not fitted on these participants.
    groups : int
        Of equal size, for the points of the plot.
    bootstrap : BootstrapPlan, optional
        For the band and the interval of the ICI.

    Raises
    ------
    DataError
        If risks are no probabilities, or the outcome is the same for everyone.

    References
    ----------
    .. [1] Cox, Biometrika 45:562, 1958.
    .. [2] Van Calster et al., J Clin Epidemiol 74:167, 2016.
    .. [3] Austin and Steyerberg, Stat Med 38:4051, 2019 (ICI).
    """
    predictor = _checked_logit(happened, risk)

    def smooth(where: Floats, counts: Floats) -> Floats:
        knots = spline_knots(predictor)
        fitted, _ = _logistic(_with_one(restricted_cubic(predictor, knots)), happened, counts)
        return np.asarray(expit(_with_one(restricted_cubic(where, knots)) @ fitted))

    flexible = flexible_calibration(
        predictor, risk, smooth, lambda grid: np.asarray(expit(grid)), bootstrap
    )
    ones = np.ones(risk.size)
    level = bootstrap.level if bootstrap else 0.95
    return CalibrationReport(
        slope=_term(_with_one(predictor[:, None]), happened, ones, np.zeros(risk.size), level),
        intercept=_term(ones[:, None], happened, ones, predictor, level),
        observed_over_expected=observed_over_expected_binary(happened, risk, level=level),
        ici=flexible.ici,
        e50=flexible.e50,
        e90=flexible.e90,
        curve=flexible.curve,
        groups=_groups(happened, risk, groups, level),
    )


def recalibrate_binary(happened: Bools, risk: Floats) -> BinaryRecalibration:
    """Learn intercept and slope anew; needs participants whom the model will not be judged on.

    Raises
    ------
    DataError
        If the predictions separate the outcomes, so that no slope is finite.
    """
    predictor = _checked_logit(happened, risk)
    fitted, _ = _logistic(_with_one(predictor[:, None]), happened, np.ones(risk.size))
    return BinaryRecalibration(intercept=float(fitted[0]), slope=float(fitted[1]))


def _checked_logit(happened: Bools, risk: Floats) -> Floats:
    if risk.shape != happened.shape or not np.all((risk > 0.0) & (risk < 1.0)):
        raise DataError(
            f"Calibration needs one risk between 0 and 1, both excluded, for each of "
            f"{happened.size} participants; found shape {risk.shape}, {risk.min():g} to "
            f"{risk.max():g}."
        )
    if happened.all() or not happened.any():
        raise DataError("Calibration needs participants with and without the outcome.")
    return np.asarray(logit(risk))


def _with_one(columns: Floats) -> Floats:
    return np.column_stack([np.ones(columns.shape[0]), columns])


def _logistic(
    x: Floats, happened: Bools, counts: Floats, offset: Floats | None = None
) -> tuple[Floats, Floats]:
    """Coefficients and covariance by Newton with step halving."""
    base = np.zeros(happened.size) if offset is None else offset
    sign = np.where(happened, 1.0, -1.0)

    def loss(at: Floats) -> float:
        return float(counts @ np.logaddexp(0.0, -sign * (base + x @ at)))

    beta = np.zeros(x.shape[1])
    for _ in range(100):
        fitted = expit(base + x @ beta)
        information = (x * (counts * fitted * (1.0 - fitted))[:, None]).T @ x
        gradient = x.T @ (counts * (happened - fitted))
        try:
            step = np.linalg.solve(information, gradient)
        except np.linalg.LinAlgError:
            break
        # The last step is taken whole: near the optimum the loss is too coarse to judge it.
        if float(step @ gradient) < 1e-12 * max(loss(beta), 1.0):
            return beta + step, np.linalg.inv(information)
        while loss(beta + step) > loss(beta) and np.abs(step).max() > 1e-12:
            step = 0.5 * step
        beta = beta + step
        if np.abs(x @ beta).max() > _LARGEST_LOGIT:
            break
    raise DataError(
        "The predictions separate those with the outcome from those without, so that a logistic "
        "coefficient has no finite value."
    )


def _term(
    x: Floats, happened: Bools, counts: Floats, offset: Floats, level: float
) -> MetricEstimate:
    """The last coefficient, with its interval."""
    try:
        beta, covariance = _logistic(x, happened, counts, offset)
    except DataError as refusal:
        return absent(refusal.what)
    value, error = float(beta[-1]), math.sqrt(float(covariance[-1, -1]))
    half = normal_quantile(level=level) * error
    return MetricEstimate(value=value, standard_error=error, low=value - half, high=value + half)


def observed_over_expected_binary(
    happened: Bools, risk: Floats, *, level: float = 0.95
) -> MetricEstimate:
    """Share with the outcome over the mean risk; somebody must have it."""
    observed = float(happened.mean())
    ratio = observed / float(risk.mean())
    error = math.sqrt((1.0 - observed) / (observed * happened.size))
    half = normal_quantile(level=level) * error
    return MetricEstimate(
        value=ratio,
        standard_error=ratio * error,
        low=ratio * math.exp(-half),
        high=ratio * math.exp(half),
    )


def _groups(
    happened: Bools, risk: Floats, groups: int, level: float
) -> tuple[CalibrationGroup, ...]:
    z = normal_quantile(level=level)
    found = []
    for rows in np.array_split(np.argsort(risk, kind="stable"), min(groups, risk.size)):
        n, share = rows.size, float(happened[rows].mean())
        # Wilson's interval, which stays within 0 and 1 and has width where the share is 0 or 1.
        center = (share + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
        found.append(
            CalibrationGroup(
                predicted=float(risk[rows].mean()),
                observed=share,
                low=max(center - half, 0.0),
                high=min(center + half, 1.0),
                participants=n,
            )
        )
    return tuple(found)
