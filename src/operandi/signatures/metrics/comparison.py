"""A model beside its reference: differences with intervals, both judged on the same samples."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from operandi.quantities.errors import DataError
from operandi.signatures.data import Bools, Floats, RightCensored
from operandi.signatures.metrics.censoring import (
    censoring_at,
    censoring_before,
    follow_up_order,
    refuse_misfit,
)
from operandi.signatures.metrics.concordance import concordance_index
from operandi.signatures.metrics.estimate import (
    BootstrapPlan,
    Counts,
    MetricEstimate,
    percentile_estimate,
)
from operandi.signatures.metrics.net_benefit import survival_net_benefit
from operandi.signatures.metrics.time_dependent import auc_index, brier_index


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SurvivalPrediction:
    """What a model says of participants it was not fitted on.

    Parameters
    ----------
    name : str
        Of the model.
    risk : (n,) float
        Higher for an earlier event.
    survival : (n, times) float
        Probability of no event through each of the days judged.
    """

    name: str
    risk: Floats
    survival: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JudgmentPlan:
    """On what predictions are judged; stands in the analysis plan.

    Parameters
    ----------
    times : (k,) float
        Days, ascending, two or more: the Brier score is integrated over them.
    horizon : float
        One of ``times``: day of AUC, Brier score and net benefit.
    tau : float
        Day up to which Uno's C counts.
    thresholds : (m,) float
        Risks by ``horizon`` from which one would act.
    bootstrap : BootstrapPlan
        For the intervals.
    """

    times: Floats
    horizon: float
    tau: float
    thresholds: Floats
    bootstrap: BootstrapPlan

    def __post_init__(self) -> None:
        if self.times.size < 2 or np.any(np.diff(self.times) <= 0.0):
            raise DataError(f"Judgment needs two or more ascending days; found {self.times.size}.")
        if not np.any(self.times == self.horizon):
            raise DataError(f"The horizon {self.horizon:g} needs to be one of the days judged.")

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names, in the order of the kernel."""
        benefit = tuple(f"net benefit at {one:g}" for one in self.thresholds)
        return ("Harrell C", "Uno C", "AUC", "Brier score", "integrated Brier score", *benefit)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricDifference:
    """One metric of both models.

    Parameters
    ----------
    metric : str
        Its name.
    model, reference : MetricEstimate
        Each with its own bootstrap interval.
    difference : MetricEstimate
        Model less reference, paired over samples.
    higher_is_better : bool
        False for Brier scores, where a gain is a negative difference.
    """

    metric: str
    model: MetricEstimate
    reference: MetricEstimate
    difference: MetricEstimate
    higher_is_better: bool


@njit(cache=True, nogil=True)
def judged(  # noqa: PLR0913, PLR0917 - plain arrays, for loops without Python
    time: Floats,
    event: Bools,
    risk: Floats,
    survival: Floats,
    count: Counts,
    times: Floats,
    horizon: float,
    tau: float,
    thresholds: Floats,
) -> Floats:
    """All metrics of one prediction on one sample, in the order of ``JudgmentPlan.metrics``.

    Rows in ``follow_up_order``, ``survival`` as (times, n). The censoring curve is that of the
    sample. NaN where a metric has no value.
    """
    rows = time.size
    values = np.empty(5 + thresholds.size)
    before = censoring_before(time, event, count)
    weight = np.ones(rows)
    values[0] = concordance_index(time, event, risk, count, weight)
    for row in range(rows):
        weight[row] = 0.0
        if event[row] and count[row] > 0 and time[row] <= tau:
            weight[row] = 1.0 / before[row] ** 2
    values[1] = concordance_index(time, event, risk, count, weight)
    values[2] = auc_index(time, event, risk, count, before, horizon)
    integral = 0.0
    previous = 0.0
    for number in range(times.size):
        free = censoring_at(time, before, times[number])
        score = brier_index(time, event, survival[number], count, before, free, times[number])
        if number > 0:
            integral += 0.5 * (score + previous) * (times[number] - times[number - 1])
        if times[number] == horizon:
            values[3] = score
            values[5:] = survival_net_benefit(
                time, event, 1.0 - survival[number], count, thresholds, horizon
            )
        previous = score
    values[4] = integral / (times[-1] - times[0])
    return values


@njit(cache=True, nogil=True)
def _draws(  # noqa: PLR0913, PLR0917 - plain arrays, for loops without Python
    time: Floats,
    event: Bools,
    risk: Floats,
    survival: Floats,
    counts: Counts,
    times: Floats,
    horizon: float,
    tau: float,
    thresholds: Floats,
) -> Floats:
    draws = np.empty((counts.shape[0], 5 + thresholds.size))
    for sample in range(counts.shape[0]):
        draws[sample] = judged(
            time, event, risk, survival, counts[sample], times, horizon, tau, thresholds
        )
    return draws


def compare_predictions(
    outcome: RightCensored,
    model: SurvivalPrediction,
    reference: SurvivalPrediction,
    *,
    plan: JudgmentPlan,
) -> tuple[MetricDifference, ...]:
    """Differences of every metric of the plan, with paired percentile bootstrap intervals.

    Participants are drawn anew, predictions stay: the intervals speak of whom the models were
    judged on, not of how the models would change if they were built again. Judge predictions for
    participants on whom neither model was fitted (out of fold).

    Parameters
    ----------
    outcome : RightCensored
        What happened.
    model, reference : SurvivalPrediction
        Of the same participants, in the same order.
    plan : JudgmentPlan
        What is judged.

    Returns
    -------
    tuple of MetricDifference
        In the order of ``plan.metrics``; a metric without a value says why.

    Raises
    ------
    DataError
        If predictions do not fit the outcome or the plan.

    References
    ----------
    .. [1] Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    counts = plan.bootstrap.counts(rows=outcome.time.size)
    ones = np.ones((1, outcome.time.size), dtype=np.int64)
    both = (model, reference)
    at_hand = [_judged_on(outcome, one, ones, plan)[0] for one in both]
    samples = [_judged_on(outcome, one, counts, plan) for one in both]
    return paired_differences(plan.metrics, at_hand, samples, level=plan.bootstrap.level)


def paired_differences(
    metrics: Sequence[str],
    at_hand: Sequence[Floats],
    samples: Sequence[Floats],
    *,
    level: float,
) -> tuple[MetricDifference, ...]:
    """Differences of metrics that were computed for both models on the same samples.

    Parameters
    ----------
    metrics : sequence of str, (m,)
        Names; of a Brier score lower is better.
    at_hand : two of (m,) float
        Of model and reference, on all participants; NaN where there is no value.
    samples : two of (repeats, m) float
        On the same bootstrap samples.
    level : float
        Of the percentile intervals.
    """
    differences = []
    for number, metric in enumerate(metrics):
        own = [
            percentile_estimate(float(value[number]), draws[:, number], level=level)
            for value, draws in zip(at_hand, samples, strict=True)
        ]
        difference = percentile_estimate(
            float(at_hand[0][number] - at_hand[1][number]),
            samples[0][:, number] - samples[1][:, number],
            level=level,
        )
        differences.append(
            MetricDifference(
                metric=metric,
                model=own[0],
                reference=own[1],
                difference=difference,
                higher_is_better="Brier" not in metric,
            )
        )
    return tuple(differences)


def _judged_on(
    outcome: RightCensored, prediction: SurvivalPrediction, counts: Counts, plan: JudgmentPlan
) -> Floats:
    refuse_misfit(outcome, prediction.risk, what=f"The risk of {prediction.name}")
    refuse_misfit(outcome, prediction.survival, what=f"The survival of {prediction.name}")
    survival = prediction.survival
    if survival.shape[1:] != plan.times.shape or survival.min() < 0.0 or survival.max() > 1.0:
        raise DataError(
            f"{prediction.name} needs a survival probability for each of {plan.times.size} days; "
            f"found shape {survival.shape}, {survival.min():g} to {survival.max():g}."
        )
    order = follow_up_order(outcome)
    return np.asarray(
        _draws(
            outcome.time[order],
            outcome.event[order],
            np.ascontiguousarray(prediction.risk[order], dtype=np.float64),
            np.ascontiguousarray(survival[order].T, dtype=np.float64),
            counts[:, order],
            plan.times,
            plan.horizon,
            plan.tau,
            plan.thresholds,
        )
    )
