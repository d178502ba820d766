"""The chance of being still under follow-up, for weights by inverse probability of censoring."""

from dataclasses import dataclass

import numpy as np
from numba import njit

from operandi.quantities.errors import DataError
from operandi.signatures.data import Bools, Floats, RightCensored
from operandi.signatures.metrics.estimate import Counts


def follow_up_order(outcome: RightCensored) -> Counts:
    """Rows by time, events before censorings of the same day: the order every kernel expects."""
    return np.lexsort((~outcome.event, outcome.time)).astype(np.int64)


@njit(cache=True, nogil=True)
def censoring_before(time: Floats, event: Bools, count: Counts) -> Floats:
    """G(T-) of every row: probability of no censoring before its day.

    Rows in ``follow_up_order``. Whoever has the event on day t has left before the censorings of
    day t are counted, as events come first.

    Parameters
    ----------
    time, event : (n,)
        Outcome, ordered.
    count : (n,) int
        How often each row stands in the sample (1, or bootstrap counts).

    Returns
    -------
    (n + 1,) float
        G(T-) of each row; last, G after all of them.
    """
    rows = time.size
    before = np.empty(rows + 1)
    at_risk = count.sum()
    survival = 1.0
    row = 0
    while row < rows:
        start = row
        events = 0
        censored = 0
        while row < rows and time[row] == time[start]:
            if event[row]:
                events += count[row]
            else:
                censored += count[row]
            before[row] = survival
            row += 1
        if censored > 0:
            survival *= 1.0 - censored / (at_risk - events)
        at_risk -= events + censored
    before[rows] = survival
    return before


@njit(cache=True, nogil=True)
def censoring_at(time: Floats, before: Floats, horizon: float) -> float:
    """G(horizon), given what ``censoring_before`` returned for rows with these times."""
    later = np.searchsorted(time, horizon, side="right")
    return float(before[later])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CensoringSurvival:
    """Reverse Kaplan-Meier curve G of the time to censoring.

    Parameters
    ----------
    time : (n,) float
        Days of follow-up, ascending.
    before : (n + 1,) float
        G just before each; last, G after all of them.
    """

    time: Floats
    before: Floats

    def just_before(self, days: Floats) -> Floats:
        """G(t-): probability of being uncensored before day t."""
        return self.before[np.searchsorted(self.time, days, side="left")]

    def at(self, days: Floats) -> Floats:
        """G(t): probability of being uncensored through day t."""
        return self.before[np.searchsorted(self.time, days, side="right")]


def censoring_survival(outcome: RightCensored) -> CensoringSurvival:
    """Estimate G on a cohort: the training part where there is one, else the cohort judged.

    Events come before censorings of the same day: participants with the event on day t are no
    longer at risk of censoring on day t.

    References
    ----------
    .. [1] Graf et al., Stat Med 18:2529, 1999.
    .. [2] Uno et al., Stat Med 30:1105, 2011.
    """
    order = follow_up_order(outcome)
    time, event = outcome.time[order], outcome.event[order]
    before = censoring_before(time, event, np.ones(order.size, dtype=np.int64))
    return CensoringSurvival(time=time, before=before)


def event_weights(outcome: RightCensored, censoring: CensoringSurvival, *, tau: float) -> Floats:
    """1 / G(T-) of those whose event was seen by day ``tau``; 0 of the others.

    Raises
    ------
    DataError
        If an event falls where nobody of the censoring curve's cohort was followed.
    """
    counted = outcome.event & (outcome.time <= tau)
    free = censoring.just_before(outcome.time)
    if np.any(counted & (free <= 0.0)):
        day = outcome.time[counted & (free <= 0.0)].min()
        raise DataError(
            f"The event of day {day:g} needs a weight, but nobody of the cohort that gives the "
            f"censoring curve was followed so long.",
            remedy="Choose an earlier tau or horizon.",
        )
    return np.divide(1.0, free, out=np.zeros(free.size), where=counted)


def refuse_misfit(outcome: RightCensored, values: Floats, *, what: str) -> None:
    """Refuse predictions that are not one finite number a participant (and time)."""
    if values.shape[:1] != outcome.time.shape:
        raise DataError(
            f"{what} needs a row for each of {outcome.time.size} participants; "
            f"found shape {values.shape}."
        )
    if not np.all(np.isfinite(values)):
        row = int(np.argwhere(~np.isfinite(values))[0, 0])
        raise DataError(
            f"{what} needs finite numbers; row {row} has none.",
            remedy="Leave out participants without a prediction, and count them.",
        )
