"""How metrics are called, and to how many decimals they are written."""

from collections.abc import Sequence
from typing import Final

from operandi.signatures.results_models import MetricResult, ModelResult

_TITLES: Final = {
    "harrell_c": "Harrell's C",
    "uno_c": "Uno's C",
    "auc": "AUC",
    "brier": "Brier score",
    "integrated_brier": "Integrated Brier",
    "slope": "Calibration slope",
    "intercept": "Calibration intercept",
    "observed_over_expected": "Observed / expected",
    "ici": "ICI",
    "net_benefit": "Net benefit",
}
_FINE: Final = frozenset({"brier", "integrated_brier", "ici", "net_benefit"})

RANKS: Final = frozenset({"harrell_c", "uno_c", "auc"})
"""Metrics of the order of participants; the others are of their risks."""

MEANINGS: Final = (
    "Harrell's and Uno's C, AUC: how often the one with the earlier event was given the higher "
    "risk; 0.5 is chance.",
    "Brier scores: mean squared error of predicted risks; lower is better.",
    "Calibration slope: 1 is right; below 1 predictions are too extreme; one whose interval is "
    "more than 2 wide means nothing, as even 1 could not be told from none. Observed / expected: "
    "1 is right. ICI: mean absolute difference of predicted and observed risk; 0 is right.",
)


def metric_title(metric: str, *, horizon_days: float | None = None) -> str:
    """Name of a metric with its horizon.

    >>> metric_title("auc", horizon_days=365.0)
    'AUC, day 365'
    """
    title = _TITLES.get(metric, metric.replace("_", " "))
    return title if horizon_days is None else f"{title}, day {horizon_days:g}"


def metric_digits(metric: str) -> int:
    """Decimals of a metric."""
    return 3 if metric in _FINE else 2


def metrics_of(models: Sequence[ModelResult]) -> tuple[tuple[str, float | None], ...]:
    """Every metric and horizon that any of the models has, in the order met."""
    return tuple(
        dict.fromkeys((one.metric, one.horizon_days) for model in models for one in model.metrics)
    )


def metric_at(model: ModelResult, metric: str, horizon_days: float | None) -> MetricResult | None:
    """A model's metric at a horizon; None where it was not judged."""
    for one in model.metrics:
        if (one.metric, one.horizon_days) == (metric, horizon_days):
            return one
    return None


def first_concordance(model: ModelResult) -> MetricResult | None:
    """Harrell's C of a time, the AUC of a yes/no endpoint."""
    return model.metric("harrell_c") or model.metric("auc")
