"""Decision curves: what acting on a prediction is worth beside treating all or none."""

from dataclasses import dataclass

import numpy as np
from numba import njit

from operandi.quantities.errors import DataError
from operandi.signatures.data import Bools, Floats, RightCensored
from operandi.signatures.metrics.censoring import follow_up_order
from operandi.signatures.metrics.estimate import BootstrapPlan, Counts


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DecisionCurve:
    """Net benefit of one prediction over thresholds; treating nobody has net benefit 0.

    Parameters
    ----------
    thresholds : (k,) float
        Risks from which one acts, in (0, 1).
    net_benefit, treat_all : (k,) float
        Net true positives a participant.
    low, high : (k,) float or None
        Pointwise bootstrap interval of ``net_benefit``.
    over_all_low, over_all_high : (k,) float or None
        Of ``net_benefit - treat_all``, from the same samples.
    acted_on : (k,) int
        Participants at or above each threshold.
    follow_up_ends : (k,) bool
        Where those acted on were not followed to the horizon, so that their Kaplan-Meier curve is
        carried forward from its last day: read such a point with care.
    """

    thresholds: Floats
    net_benefit: Floats
    treat_all: Floats
    acted_on: Counts
    follow_up_ends: Bools
    low: Floats | None = None
    high: Floats | None = None
    over_all_low: Floats | None = None
    over_all_high: Floats | None = None

    @property
    def spared_per_hundred(self) -> Floats:
        """Interventions spared a hundred participants against treating all, at equal benefit."""
        odds = self.thresholds / (1.0 - self.thresholds)
        return 100.0 * (self.net_benefit - self.treat_all) / odds


@njit(cache=True, nogil=True)
def survival_net_benefit(
    time: Floats,
    event: Bools,
    risk: Floats,
    count: Counts,
    thresholds: Floats,
    horizon: float,
) -> Floats:
    """Net benefit at each threshold of rows in ``follow_up_order``.

    Within those at or above the threshold the event by ``horizon`` is read off their Kaplan-Meier
    curve. Its steps are taken row by row, which telescopes over ties.
    """
    rows = time.size
    everyone = count.sum()
    benefit = np.zeros(thresholds.size)
    for number in range(thresholds.size):
        threshold = thresholds[number]
        acted = 0
        for row in range(rows):
            if risk[row] >= threshold:
                acted += count[row]
        at_risk = acted
        survival = 1.0
        for row in range(rows):
            if time[row] > horizon:
                break
            if risk[row] < threshold or count[row] == 0:
                continue
            if event[row]:
                survival *= 1.0 - count[row] / at_risk
            at_risk -= count[row]
        odds = threshold / (1.0 - threshold)
        benefit[number] = acted / everyone * (1.0 - survival - survival * odds)
    return benefit


@njit(cache=True, nogil=True)
def binary_net_benefit(happened: Bools, risk: Floats, count: Counts, thresholds: Floats) -> Floats:
    """Net benefit at each threshold: true positives less weighted false ones, a participant."""
    everyone = count.sum()
    benefit = np.zeros(thresholds.size)
    for number in range(thresholds.size):
        threshold = thresholds[number]
        right = 0
        wrong = 0
        for row in range(risk.size):
            if risk[row] >= threshold:
                if happened[row]:
                    right += count[row]
                else:
                    wrong += count[row]
        benefit[number] = (right - wrong * threshold / (1.0 - threshold)) / everyone
    return benefit


@njit(cache=True, nogil=True)
def _survival_draws(
    time: Floats,
    event: Bools,
    risk: Floats,
    counts: Counts,
    thresholds: Floats,
    horizon: float,
) -> Floats:
    draws = np.empty((counts.shape[0], thresholds.size))
    for sample in range(counts.shape[0]):
        draws[sample] = survival_net_benefit(time, event, risk, counts[sample], thresholds, horizon)
    return draws


@njit(cache=True, nogil=True)
def _binary_draws(happened: Bools, risk: Floats, counts: Counts, thresholds: Floats) -> Floats:
    draws = np.empty((counts.shape[0], thresholds.size))
    for sample in range(counts.shape[0]):
        draws[sample] = binary_net_benefit(happened, risk, counts[sample], thresholds)
    return draws


def decision_curve_survival(
    outcome: RightCensored,
    risk: Floats,
    *,
    horizon: float,
    thresholds: Floats,
    bootstrap: BootstrapPlan | None = None,
) -> DecisionCurve:
    """Decision curve of predicted risks of an event by a day.

    NB(p) = P(T <= t | r >= p) P(r >= p) - P(T > t | r >= p) P(r >= p) p / (1 - p), with the
    conditional probabilities by Kaplan-Meier.

    Parameters
    ----------
    outcome : RightCensored
        What happened.
    risk : (n,) float
        Predicted probability of the event by ``horizon``.
    horizon : float
        Days, within the follow-up.
    thresholds : (k,) float
        Fixed beforehand, in the plan.
    bootstrap : BootstrapPlan, optional
        For intervals.

    Raises
    ------
    DataError
        If risks or thresholds are no probabilities, or nobody was followed to the horizon.

    References
    ----------
    .. [1] Vickers and Elkin, Med Decis Making 26:565, 2006.
    .. [2] Vickers et al., BMC Med Inform Decis Mak 8:53, 2008 (censored outcomes).
    """
    _refuse(outcome.time.size, risk, thresholds)
    if horizon > outcome.time.max():
        raise DataError(
            f"A decision curve at day {horizon:g} needs follow-up so long; it ends at day "
            f"{outcome.time.max():g}.",
            remedy="Choose an earlier horizon.",
        )
    order = follow_up_order(outcome)
    time, event, sorted_risk = outcome.time[order], outcome.event[order], risk[order]
    ones = np.ones((1, order.size), dtype=np.int64)
    everyone = np.ones(order.size)

    def draw(who: Floats, counts: Counts) -> Floats:
        return _survival_draws(time, event, who, counts, thresholds, horizon)

    acted = risk[:, None] >= thresholds
    longest = np.max(np.where(acted, outcome.time[:, None], 0.0), axis=0)
    dead = np.max(np.where(acted & outcome.event[:, None], outcome.time[:, None], 0.0), axis=0)
    curve = DecisionCurve(
        thresholds=thresholds,
        net_benefit=draw(sorted_risk, ones)[0],
        treat_all=draw(everyone, ones)[0],
        acted_on=np.count_nonzero(acted, axis=0).astype(np.int64),
        # A curve that has reached zero by a last event needs no more follow-up.
        follow_up_ends=acted.any(axis=0) & (longest < horizon) & (dead < longest),
    )
    if bootstrap is None:
        return curve
    counts = bootstrap.counts(rows=order.size)
    return _with_intervals(curve, draw(sorted_risk, counts), draw(everyone, counts), bootstrap)


def decision_curve_binary(
    happened: Bools,
    risk: Floats,
    *,
    thresholds: Floats,
    bootstrap: BootstrapPlan | None = None,
) -> DecisionCurve:
    """Decision curve of predicted risks of an outcome that is known for everyone.

    NB(p) = true positives / n - false positives / n * p / (1 - p).

    Parameters
    ----------
    happened : (n,) bool
        The outcome: response, early non-response.
    risk, thresholds, bootstrap
        As of ``decision_curve_survival``.

    Raises
    ------
    DataError
        If risks or thresholds are no probabilities.

    References
    ----------
    .. [1] Vickers and Elkin, Med Decis Making 26:565, 2006.
    """
    _refuse(happened.size, risk, thresholds)
    ones = np.ones((1, happened.size), dtype=np.int64)
    everyone = np.ones(happened.size)
    acted = risk[:, None] >= thresholds
    curve = DecisionCurve(
        thresholds=thresholds,
        net_benefit=_binary_draws(happened, risk, ones, thresholds)[0],
        treat_all=_binary_draws(happened, everyone, ones, thresholds)[0],
        acted_on=np.count_nonzero(acted, axis=0).astype(np.int64),
        follow_up_ends=np.zeros(thresholds.size, dtype=np.bool_),
    )
    if bootstrap is None:
        return curve
    counts = bootstrap.counts(rows=happened.size)
    return _with_intervals(
        curve,
        _binary_draws(happened, risk, counts, thresholds),
        _binary_draws(happened, everyone, counts, thresholds),
        bootstrap,
    )


def _with_intervals(
    curve: DecisionCurve, model: Floats, everyone: Floats, bootstrap: BootstrapPlan
) -> DecisionCurve:
    tail = 50.0 * (1.0 - bootstrap.level)
    ends = [tail, 100.0 - tail]
    low, high = np.percentile(model, ends, axis=0)
    over_low, over_high = np.percentile(model - everyone, ends, axis=0)
    return DecisionCurve(
        thresholds=curve.thresholds,
        net_benefit=curve.net_benefit,
        treat_all=curve.treat_all,
        acted_on=curve.acted_on,
        follow_up_ends=curve.follow_up_ends,
        low=low,
        high=high,
        over_all_low=over_low,
        over_all_high=over_high,
    )


def _refuse(rows: int, risk: Floats, thresholds: Floats) -> None:
    if risk.shape != (rows,) or not np.all((risk >= 0.0) & (risk <= 1.0)):
        raise DataError(
            f"A decision curve needs one predicted probability for each of {rows} participants; "
            f"found shape {risk.shape}, {risk.min():g} to {risk.max():g}."
        )
    if not thresholds.size or np.any((thresholds <= 0.0) | (thresholds >= 1.0)):
        raise DataError(
            "Thresholds need to lie between 0 and 1, both excluded.",
            remedy="Fix in the plan the risks from which one would act.",
        )
