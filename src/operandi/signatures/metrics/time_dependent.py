"""Judgment at a day: cumulative/dynamic AUC, Brier score and its integral over time."""

import math

import numpy as np
from numba import njit

from operandi.quantities.errors import DataError
from operandi.signatures.data import Bools, Floats, RightCensored
from operandi.signatures.metrics.censoring import (
    CensoringSurvival,
    censoring_survival,
    follow_up_order,
    refuse_misfit,
)
from operandi.signatures.metrics.estimate import Counts, MetricEstimate, absent


@njit(cache=True, nogil=True)
def auc_index(
    time: Floats,
    event: Bools,
    risk: Floats,
    count: Counts,
    free_before: Floats,
    horizon: float,
) -> float:
    """AUC at ``horizon`` of rows in ``follow_up_order``; NaN without cases or without controls.

    ``free_before`` is G(T-) of the rows. Controls all carry the weight 1 / G(horizon), which
    cancels.
    """
    rows = time.size
    first = np.searchsorted(time, horizon, side="right")
    controls = count[first:].sum()
    cases = 0.0
    right = 0.0
    for row in range(first):
        if not event[row] or count[row] == 0:
            continue
        weight = count[row] / free_before[row]
        mine = risk[row]
        below = 0
        equal = 0
        for other in range(first, rows):
            below += count[other] * (risk[other] < mine)
            equal += count[other] * (risk[other] == mine)
        right += weight * (below + 0.5 * equal)
        cases += weight
    if cases == 0.0 or controls == 0:
        return math.nan
    return float(right / (cases * controls))


@njit(cache=True, nogil=True)
def brier_index(  # noqa: PLR0913, PLR0917 - plain arrays, for loops without Python
    time: Floats,
    event: Bools,
    survival: Floats,
    count: Counts,
    free_before: Floats,
    free_at_horizon: float,
    horizon: float,
) -> float:
    """Brier score at ``horizon`` of rows in ``follow_up_order``; NaN where nobody is left.

    ``survival`` is the predicted S(horizon) of the rows, ``free_before`` their G(T-),
    ``free_at_horizon`` is G(horizon), 0 where all follow-up ends before it.
    """
    if free_at_horizon <= 0.0:
        return math.nan
    total = 0.0
    for row in range(time.size):
        if time[row] > horizon:
            total += count[row] * (1.0 - survival[row]) ** 2 / free_at_horizon
        elif event[row] and count[row] > 0:
            total += count[row] * survival[row] ** 2 / free_before[row]
    return float(total / count.sum())


def auc_at(
    outcome: RightCensored,
    risk: Floats,
    *,
    times: Floats,
    censoring: CensoringSurvival | None = None,
) -> tuple[MetricEstimate, ...]:
    """Cumulative/dynamic AUC: those with the event by day t against those without at day t.

    sum_i sum_j w_i (I(r_i > r_j) + I(r_i = r_j) / 2) / (sum_i w_i * controls), with cases i:
    T_i <= t, w_i = 1 / G(T_i-); controls j: T_j > t.

    Parameters
    ----------
    outcome : RightCensored
        What happened.
    risk : (n,) or (n, times) float
        Higher for an earlier event; by column where it changes with the day.
    times : (times,) float
        Days.
    censoring : CensoringSurvival, optional
        Of the training part; of ``outcome`` itself where absent.

    Returns
    -------
    tuple of MetricEstimate
        One for each day; absent where there are no cases or no controls.

    References
    ----------
    .. [1] Uno et al., J Am Stat Assoc 102:527, 2007.
    .. [2] Blanche et al., Biom J 55:687, 2013.
    """
    refuse_misfit(outcome, risk, what="A predicted risk")
    columns = np.broadcast_to(risk.T, (times.size, outcome.time.size))
    order = follow_up_order(outcome)
    time, event = outcome.time[order], outcome.event[order]
    ones = np.ones(order.size, dtype=np.int64)
    free = _free_before(outcome, censoring, until=float(times.max()))[order]
    return tuple(
        _of(
            auc_index(time, event, np.ascontiguousarray(column[order]), ones, free, float(day)),
            f"By day {day:g} nobody had the event, or nobody was followed beyond.",
        )
        for day, column in zip(times, columns, strict=True)
    )


def brier_at(
    outcome: RightCensored,
    survival: Floats,
    *,
    times: Floats,
    censoring: CensoringSurvival | None = None,
) -> tuple[MetricEstimate, ...]:
    """Brier score of predicted survival under inverse probability of censoring.

    (1/n) sum_i [ S_i(t)^2 I(T_i <= t, event) / G(T_i-) + (1 - S_i(t))^2 I(T_i > t) / G(t) ].

    Parameters
    ----------
    outcome : RightCensored
        What happened.
    survival : (n, times) float
        Predicted probability of no event through each day.
    times : (times,) float
        Days.
    censoring : CensoringSurvival, optional
        Of the training part; of ``outcome`` itself where absent.

    Returns
    -------
    tuple of MetricEstimate
        One for each day; absent where follow-up ends before it.

    Raises
    ------
    DataError
        If ``survival`` is no probability for each participant and day.

    References
    ----------
    .. [1] Graf et al., Stat Med 18:2529, 1999.
    .. [2] Gerds and Schumacher, Biom J 48:1029, 2006.
    """
    refuse_misfit(outcome, survival, what="Predicted survival")
    _refuse_other_than_probabilities(survival, times)
    order = follow_up_order(outcome)
    time, event = outcome.time[order], outcome.event[order]
    ones = np.ones(order.size, dtype=np.int64)
    censoring = censoring or censoring_survival(outcome)
    free = _free_before(outcome, censoring, until=float(times.max()))[order]
    at = censoring.at(times)
    scores = []
    for number, day in enumerate(times):
        column = np.ascontiguousarray(survival[order, number])
        value = brier_index(time, event, column, ones, free, float(at[number]), float(day))
        scores.append(_of(value, f"Follow-up ends before day {day:g}."))
    return tuple(scores)


def integrated_brier(
    outcome: RightCensored,
    survival: Floats,
    *,
    times: Floats,
    censoring: CensoringSurvival | None = None,
) -> MetricEstimate:
    """Brier score averaged over days by the trapezoidal rule.

    1 / (t_last - t_first) times the integral of the Brier score over ``times``; arguments as of
    ``brier_at``. Absent where one of the days is beyond the follow-up.
    """
    if times.size < 2 or np.any(np.diff(times) <= 0.0):
        raise DataError(
            f"An integrated Brier score needs two or more ascending days; found {times.size}."
        )
    scores = brier_at(outcome, survival, times=times, censoring=censoring)
    values = [score.value for score in scores if score.value is not None]
    if len(values) < len(scores):
        return absent(next(score.reason for score in scores if score.value is None))
    return MetricEstimate(value=float(np.trapezoid(values, times) / (times[-1] - times[0])))


def _free_before(
    outcome: RightCensored, censoring: CensoringSurvival | None, *, until: float
) -> Floats:
    free = (censoring or censoring_survival(outcome)).just_before(outcome.time)
    if np.any((free <= 0.0) & outcome.event & (outcome.time <= until)):
        raise DataError(
            f"Events by day {until:g} need censoring weights, but the cohort that gives them was "
            f"not followed so long.",
            remedy="Choose earlier days.",
        )
    return free


def _of(value: float, reason: str) -> MetricEstimate:
    return MetricEstimate(value=value) if math.isfinite(value) else absent(reason)


def _refuse_other_than_probabilities(survival: Floats, times: Floats) -> None:
    if survival.ndim != 2 or survival.shape[1] != times.size:
        raise DataError(
            f"Predicted survival needs a column for each of {times.size} days; "
            f"found shape {survival.shape}."
        )
    if np.any((survival < 0.0) | (survival > 1.0)):
        raise DataError(
            f"Predicted survival needs probabilities; found {survival.min():g} to "
            f"{survival.max():g}."
        )
