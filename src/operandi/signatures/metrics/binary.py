"""Yes-or-no outcomes, as response: AUC, Brier score, and a model beside its reference."""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from operandi.quantities.errors import DataError
from operandi.signatures.data import Bools, Floats
from operandi.signatures.metrics.comparison import MetricDifference, paired_differences
from operandi.signatures.metrics.estimate import (
    BootstrapPlan,
    Counts,
    MetricEstimate,
    logit_interval,
)
from operandi.signatures.metrics.net_benefit import binary_net_benefit


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BinaryPrediction:
    """What a model says of participants it was not fitted on.

    Parameters
    ----------
    name : str
        Of the model.
    risk : (n,) float
        Predicted probability of the outcome.
    """

    name: str
    risk: Floats


@njit(cache=True, nogil=True)
def binary_auc(happened: Bools, risk: Floats, count: Counts) -> float:
    """AUC of rows in any order, each as often as ``count`` says; NaN where all are alike."""
    right = 0.0
    cases = 0
    controls = 0
    for row in range(risk.size):
        if not happened[row]:
            controls += count[row]
            continue
        cases += count[row]
        for other in range(risk.size):
            if not happened[other]:
                above = 1.0 if risk[row] > risk[other] else 0.5 * (risk[row] == risk[other])
                right += count[row] * count[other] * above
    if cases == 0 or controls == 0:
        return math.nan
    return right / (float(cases) * float(controls))


@njit(cache=True, nogil=True)
def _draws(happened: Bools, risk: Floats, counts: Counts, thresholds: Floats) -> Floats:
    values = np.empty((counts.shape[0], 2 + thresholds.size))
    squared = (risk - happened) ** 2
    for sample in range(counts.shape[0]):
        count = counts[sample]
        values[sample, 0] = binary_auc(happened, risk, count)
        values[sample, 1] = (squared * count).sum() / count.sum()
        values[sample, 2:] = binary_net_benefit(happened, risk, count, thresholds)
    return values


def auc_binary(happened: Bools, risk: Floats, *, level: float = 0.95) -> MetricEstimate:
    """Area under the ROC curve with DeLong's standard error.

    The interval is on the logit scale; absent where the AUC is 0 or 1.

    Parameters
    ----------
    happened : (n,) bool
        The outcome, known for everyone.
    risk : (n,) float
        Higher where it is more likely.
    level : float
        Of the interval.

    Raises
    ------
    DataError
        If there are fewer than two with or without the outcome, or a risk is missing.

    References
    ----------
    .. [1] DeLong et al., Biometrics 44:837, 1988.
    """
    _refuse(happened, risk)
    cases, controls = risk[happened], risk[~happened]
    above = (cases[:, None] > controls) + 0.5 * (cases[:, None] == controls)
    value = float(above.mean())
    variance = np.var(above.mean(axis=1), ddof=1) / cases.size
    variance += np.var(above.mean(axis=0), ddof=1) / controls.size
    error = math.sqrt(float(variance))
    if not 0.0 < value < 1.0:
        return MetricEstimate(value=value, reason="No interval where the AUC is 0 or 1.")
    low, high = logit_interval(value=value, standard_error=error, level=level)
    return MetricEstimate(value=value, standard_error=error, low=low, high=high)


def brier_binary(happened: Bools, risk: Floats) -> MetricEstimate:
    """Mean squared difference of risk and outcome, with the standard error of that mean.

    Parameters
    ----------
    happened : (n,) bool
        The outcome, known for everyone.
    risk : (n,) float
        Its predicted probability.

    References
    ----------
    .. [1] Brier, Mon Weather Rev 78:1, 1950.
    """
    _refuse(happened, risk)
    _refuse_other_than_risk(risk)
    squared = (risk - happened) ** 2
    return MetricEstimate(
        value=float(squared.mean()),
        standard_error=float(np.std(squared, ddof=1) / math.sqrt(squared.size)),
    )


def compare_binary(
    happened: Bools,
    model: BinaryPrediction,
    reference: BinaryPrediction,
    *,
    thresholds: Floats,
    bootstrap: BootstrapPlan,
) -> tuple[MetricDifference, ...]:
    """Differences of AUC, Brier score and net benefit, with paired bootstrap intervals.

    As ``compare_predictions``: predictions stay, participants are drawn anew.

    Parameters
    ----------
    happened : (n,) bool
        The outcome.
    model, reference : BinaryPrediction
        Of the same participants, in the same order.
    thresholds : (m,) float
        Risks from which one would act.
    bootstrap : BootstrapPlan
        For the intervals.

    Raises
    ------
    DataError
        If a prediction is no probability for each participant.
    """
    counts = bootstrap.counts(rows=happened.size)
    ones = np.ones((1, happened.size), dtype=np.int64)
    for one in (model, reference):
        _refuse(happened, one.risk)
        _refuse_other_than_risk(one.risk)
    both = (model.risk, reference.risk)
    return paired_differences(
        ("AUC", "Brier score", *(f"net benefit at {one:g}" for one in thresholds)),
        [_draws(happened, risk, ones, thresholds)[0] for risk in both],
        [_draws(happened, risk, counts, thresholds) for risk in both],
        level=bootstrap.level,
    )


def _refuse(happened: Bools, risk: Floats) -> None:
    if risk.shape != happened.shape or not np.all(np.isfinite(risk)):
        raise DataError(
            f"A binary outcome needs a finite risk for each of {happened.size} participants; "
            f"found shape {risk.shape}.",
            remedy="Leave out participants without a prediction, and count them.",
        )
    with_it = int(np.count_nonzero(happened))
    if min(with_it, happened.size - with_it) < 2:
        raise DataError(
            f"A binary outcome needs two participants with it and two without; found {with_it} "
            f"with it among {happened.size}."
        )


def _refuse_other_than_risk(risk: Floats) -> None:
    if risk.min() < 0.0 or risk.max() > 1.0:
        raise DataError(
            f"A predicted risk needs to be a probability; found {risk.min():g} to {risk.max():g}."
        )
