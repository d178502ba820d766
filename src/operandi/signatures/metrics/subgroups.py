"""Fairness: whether predictions are as good for women as for men, for old as for young."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from operandi.quantities.errors import DataError
from operandi.signatures.data import Bools, Floats, RightCensored
from operandi.signatures.metrics.binary import auc_binary, brier_binary
from operandi.signatures.metrics.calibration import observed_over_expected
from operandi.signatures.metrics.calibration_binary import observed_over_expected_binary
from operandi.signatures.metrics.concordance import harrell_c
from operandi.signatures.metrics.estimate import MetricEstimate, absent


@dataclass(frozen=True, slots=True, kw_only=True)
class SubgroupPerformance:
    """How predictions did in one subgroup.

    Parameters
    ----------
    group : str
        Its label.
    participants, events : int
        In it.
    concordance, observed_over_expected : MetricEstimate
        Absent, with the reason, where there are too few events. Of yes/no concordance is the AUC.
    brier : MetricEstimate or None
        Of yes/no alone.
    """

    group: str
    participants: int
    events: int
    concordance: MetricEstimate
    observed_over_expected: MetricEstimate
    brier: MetricEstimate | None = None


def performance_by_subgroup(
    outcome: RightCensored,
    survival: Floats,
    *,
    groups: Sequence[str],
    horizon: float,
    least_events: int = 10,
) -> tuple[SubgroupPerformance, ...]:
    """Concordance and observed over expected in every subgroup.

    Parameters
    ----------
    outcome : RightCensored
        What happened.
    survival : (n,) float
        Predicted probability of no event by ``horizon``; its complement ranks.
    groups : sequence of str, (n,)
        Label of each participant.
    horizon : float
        Days.
    least_events : int
        Below which a subgroup gets no numbers but its counts.

    Returns
    -------
    tuple of SubgroupPerformance
        In the order of the sorted labels.

    References
    ----------
    .. [1] Collins et al., TRIPOD+AI, BMJ 385:e078378, 2024, items on fairness.
    """
    _refuse_other_labels(groups, outcome.time.size)
    labels = np.array(groups)
    found = []
    for label in sorted(set(groups)):
        rows = np.flatnonzero(labels == label)
        part = RightCensored(time=outcome.time[rows], event=outcome.event[rows])
        few = absent(f"{part.events} events; {least_events} are needed.")
        enough = part.events >= least_events
        found.append(
            SubgroupPerformance(
                group=label,
                participants=rows.size,
                events=part.events,
                concordance=_concordance(part, survival[rows]) if enough else few,
                observed_over_expected=observed_over_expected(part, survival[rows], horizon=horizon)
                if enough
                else few,
            )
        )
    return tuple(found)


def binary_performance_by_subgroup(
    happened: Bools, risk: Floats, *, groups: Sequence[str], least: int = 10
) -> tuple[SubgroupPerformance, ...]:
    """AUC, Brier score and observed over expected of a yes/no outcome in every subgroup.

    Parameters
    ----------
    happened : (n,) bool
    risk : (n,) float
        Predicted probability.
    groups : sequence of str, (n,)
        Label of each participant.
    least : int
        Participants of the rarer answer below which a subgroup gets no numbers but its counts.

    Returns
    -------
    tuple of SubgroupPerformance
        In the order of the sorted labels.

    References
    ----------
    .. [1] Collins et al., TRIPOD+AI, BMJ 385:e078378, 2024, items on fairness.
    """
    _refuse_other_labels(groups, happened.size)
    labels = np.array(groups)
    found = []
    for label in sorted(set(groups)):
        rows = labels == label
        yes, part = happened[rows], risk[rows]
        events = int(yes.sum())
        rarer = min(events, yes.size - events)
        few = absent(f"{rarer} of the rarer answer; {least} are needed.")
        enough = rarer >= least
        found.append(
            SubgroupPerformance(
                group=label,
                participants=yes.size,
                events=events,
                concordance=auc_binary(yes, part) if enough else few,
                observed_over_expected=observed_over_expected_binary(yes, part) if enough else few,
                brier=brier_binary(yes, part) if enough else few,
            )
        )
    return tuple(found)


def _refuse_other_labels(groups: Sequence[str], count: int) -> None:
    if len(groups) != count:
        raise DataError(
            f"Subgroups need a label for each of {count} participants; found {len(groups)}."
        )


def _concordance(outcome: RightCensored, survival: Floats) -> MetricEstimate:
    try:
        found = harrell_c(outcome, -survival)
    except DataError as refusal:
        return absent(refusal.what)
    if not 0.0 < found.value < 1.0:
        return MetricEstimate(value=found.value, reason="No interval where C is 0 or 1.")
    low, high = found.interval()
    return MetricEstimate(
        value=found.value, standard_error=found.standard_error, low=low, high=high
    )
