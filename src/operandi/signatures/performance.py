"""How well left-out participants were foretold: every metric of every repeat, and its mean.

Concordance, AUC and Uno's C count pairs within outer folds, as linear predictors of different fits
are on no common scale. Metrics of a repeat are averaged over repeats, on the participants and on
each bootstrap sample of them; all models of an endpoint share the samples, so that differences are
paired. Intervals speak of the participants, with predictions as they are.

References
----------
.. [1] Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
.. [2] Uno et al., Stat Med 30:1105, 2011 (C). Graf et al., Stat Med 18:2529, 1999 (Brier score).
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numba import njit
from scipy.special import expit, ndtr

from operandi.quantities.errors import DataError
from operandi.signatures.cox.newton import fit_cox
from operandi.signatures.data import Bools, Floats, RightCensored
from operandi.signatures.metrics.calibration import (
    CalibrationReport,
    calibrate_survival,
    log_cumulative_hazard,
)
from operandi.signatures.metrics.calibration_binary import calibrate_binary
from operandi.signatures.metrics.censoring import (
    censoring_at,
    censoring_before,
    follow_up_order,
)
from operandi.signatures.metrics.estimate import (
    BootstrapPlan,
    Counts,
    MetricEstimate,
    absent,
    normal_quantile,
    percentile_estimate,
)
from operandi.signatures.metrics.net_benefit import (
    binary_net_benefit,
    survival_net_benefit,
)
from operandi.signatures.metrics.time_dependent import brier_index
from operandi.signatures.resampling.nested import (
    NestedEvaluation,
    in_threads,
)

_GRID: Final = 20
"""Steps over which the Brier score is integrated."""
_CERTAIN: Final = 1e-9
_SAMPLES_A_THREAD: Final = 50
_LOWER: Final = frozenset({"brier", "integrated_brier"})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JudgedDays:
    """Days and thresholds on which predictions of times are judged.

    Parameters
    ----------
    times : (k,) float
        Ascending; those of the integral and all horizons.
    horizons : tuple of float
        Of AUC and Brier score; the last is the end of the integral and of Uno's C.
    decision : float or None
        Horizon of net benefit.
    thresholds : tuple of float
    beyond : tuple of float
        Horizons of the plan after the end of follow-up, which are not judged.
    """

    times: Floats
    horizons: tuple[float, ...]
    decision: float | None
    thresholds: tuple[float, ...]
    beyond: tuple[float, ...]

    def place(self, day: float) -> int:
        """Position of a day among ``times``."""
        return int(np.searchsorted(self.times, day))


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricKey:
    """Which metric: its name, with horizon and threshold where it has them."""

    metric: str
    horizon: float | None = None
    threshold: float | None = None

    @property
    def higher_is_better(self) -> bool:
        """False of Brier scores."""
        return self.metric not in _LOWER


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """Metrics of a model, on the participants and on each bootstrap sample.

    Parameters
    ----------
    keys : tuple of MetricKey
    value : (m,) float
        NaN where a metric has none.
    draws : (b, m) float
    level : float
        Of intervals.
    """

    keys: tuple[MetricKey, ...]
    value: Floats
    draws: Floats
    level: float

    def estimate(self, key: MetricKey) -> MetricEstimate:
        """A metric with its percentile interval."""
        place = self.keys.index(key)
        return percentile_estimate(float(self.value[place]), self.draws[:, place], level=self.level)

    def over(self, reference: "Judged", key: MetricKey) -> MetricEstimate:
        """A metric less that of a reference, paired over samples."""
        mine, other = self.keys.index(key), reference.keys.index(key)
        return percentile_estimate(
            float(self.value[mine] - reference.value[other]),
            self.draws[:, mine] - reference.draws[:, other],
            level=self.level,
        )


def judged_days(
    outcome: RightCensored,
    *,
    horizons: tuple[float, ...],
    decision: float | None,
    thresholds: tuple[float, ...],
) -> JudgedDays:
    """Choose the days of judgment: the plan's horizons within follow-up, and a grid up to them."""
    end = float(outcome.time.max())
    inside = tuple(sorted({day for day in horizons if day <= end}))
    late = tuple(sorted({day for day in horizons if day > end}))
    act = decision if decision is not None and decision <= end else None
    if decision is not None and act is None:
        late = tuple(sorted({*late, decision}))
    grid = np.linspace(0.0, inside[-1], _GRID + 1)[1:] if inside else np.empty(0)
    extra = [*inside, *([] if act is None else [act])]
    return JudgedDays(
        times=np.unique(np.concatenate([grid, np.array(extra, dtype=np.float64)])),
        horizons=inside,
        decision=act,
        thresholds=thresholds if act is not None else (),
        beyond=late,
    )


def judge_survival(
    outcome: RightCensored,
    found: NestedEvaluation,
    *,
    days: JudgedDays,
    bootstrap: BootstrapPlan,
    threads: int = 1,
) -> Judged:
    """Judge out-of-fold predictions of times by every metric.

    Parameters
    ----------
    outcome : RightCensored
    found : NestedEvaluation
        With survival on ``days.times``.
    days : JudgedDays
    bootstrap : BootstrapPlan
        The same for all models that are compared.
    threads : int
        The result does not depend on it.
    """
    if not days.horizons:
        return Judged(keys=(), value=np.empty(0), draws=np.empty((0, 0)), level=bootstrap.level)
    keys = [
        MetricKey(metric="uno_c", horizon=days.horizons[-1]),
        MetricKey(metric="integrated_brier", horizon=days.horizons[-1]),
        *(MetricKey(metric="auc", horizon=day) for day in days.horizons),
        *(MetricKey(metric="brier", horizon=day) for day in days.horizons),
        *(
            MetricKey(metric="net_benefit", horizon=days.decision, threshold=one)
            for one in days.thresholds
        ),
    ]
    order = follow_up_order(outcome)
    rows = order.size
    places = np.array([days.place(day) for day in days.horizons], dtype=np.int64)
    act = -1 if days.decision is None else days.place(days.decision)
    plain = (
        outcome.time[order],
        outcome.event[order],
        np.ascontiguousarray(found.outer[:, order]),
        np.ascontiguousarray(found.predictor[:, order]),
        np.ascontiguousarray(found.survival[:, order].transpose(0, 2, 1)),
    )
    thresholds = np.array(days.thresholds, dtype=np.float64)
    counts = np.vstack([np.ones((1, rows), dtype=np.int64), bootstrap.counts(rows=rows)])
    counts = np.ascontiguousarray(counts[:, order])
    parts = [
        np.ascontiguousarray(counts[start : start + _SAMPLES_A_THREAD])
        for start in range(0, counts.shape[0], _SAMPLES_A_THREAD)
    ]
    drawn = np.vstack(
        in_threads(
            lambda part: np.asarray(
                _judged_samples(*plain, part, days.times, places, act, thresholds, len(keys))
            ),
            parts,
            threads=threads,
        )
    )
    return Judged(keys=tuple(keys), value=drawn[0], draws=drawn[1:], level=bootstrap.level)


def judge_binary(
    happened: Bools, risk: Floats, *, thresholds: tuple[float, ...], bootstrap: BootstrapPlan
) -> Judged:
    """Judge out-of-fold risks of yes/no: Brier score and net benefit; the AUC stands apart.

    Parameters
    ----------
    happened : (n,) bool
    risk : (r, n) float
        Of each repeat.
    thresholds : tuple of float
    bootstrap : BootstrapPlan
    """
    rows = happened.size
    counts = np.vstack([np.ones((1, rows), dtype=np.int64), bootstrap.counts(rows=rows)])
    error = np.mean((risk - happened) ** 2, axis=0)
    levels = np.array(thresholds, dtype=np.float64)
    benefit = np.zeros((counts.shape[0], levels.size))
    for number, count in enumerate(counts):
        for one in risk:
            benefit[number] += binary_net_benefit(happened, one, count, levels)
    drawn = np.column_stack([counts @ error / rows, benefit / risk.shape[0]])
    keys = [MetricKey(metric="brier")]
    keys += [MetricKey(metric="net_benefit", threshold=one) for one in thresholds]
    return Judged(keys=tuple(keys), value=drawn[0], draws=drawn[1:], level=bootstrap.level)


def calibration_of(
    outcome: RightCensored, found: NestedEvaluation, *, horizon: float, bootstrap: BootstrapPlan
) -> tuple[CalibrationReport, Floats]:
    """Calibration at a day: of each repeat the slope, of their mean the curve, and the mean risks.

    The mean over repeats varies less than what one model foretells: its slope would flatter.

    Raises
    ------
    DataError
        If nobody was followed to the horizon.
    """
    place = int(np.searchsorted(found.days, horizon))
    survival = np.clip(found.survival[:, :, place], _CERTAIN, 1.0 - _CERTAIN)
    mean = survival.mean(axis=0)
    report = calibrate_survival(outcome, mean, horizon=horizon, bootstrap=bootstrap)
    slope = _mean_slope([_cox_slope(outcome, one) for one in survival], level=bootstrap.level)
    return _with_slope(report, slope), np.asarray(1.0 - mean)


def calibration_of_binary(
    happened: Bools, predictor: Floats, *, bootstrap: BootstrapPlan
) -> tuple[CalibrationReport, Floats]:
    """The same of yes/no, from the log odds of each repeat, (r, n)."""
    risk = np.clip(expit(predictor), _CERTAIN, 1.0 - _CERTAIN)
    mean = risk.mean(axis=0)
    report = calibrate_binary(happened, mean, bootstrap=bootstrap)
    each = [calibrate_binary(happened, one).slope for one in risk]
    return _with_slope(report, _mean_slope(each, level=bootstrap.level)), mean


def two_sided_p(estimate: MetricEstimate) -> float | None:
    """Two-sided p against 0 by the normal distribution; None without a standard error."""
    if estimate.value is None or not estimate.standard_error:
        return None
    return float(2.0 * ndtr(-abs(estimate.value) / estimate.standard_error))


def _with_slope(report: CalibrationReport, slope: MetricEstimate) -> CalibrationReport:
    return CalibrationReport(
        slope=slope,
        observed_over_expected=report.observed_over_expected,
        intercept=report.intercept,
        ici=report.ici,
        e50=report.e50,
        e90=report.e90,
        curve=report.curve,
        groups=report.groups,
    )


def _cox_slope(outcome: RightCensored, survival: Floats) -> MetricEstimate:
    try:
        fit = fit_cox(outcome, log_cumulative_hazard(survival)[:, None], names=("log(-log S)",))
    except DataError as refusal:
        return absent(f"No calibration slope: {refusal.what}")
    return MetricEstimate(
        value=float(fit.coefficients[0]), standard_error=float(fit.standard_errors[0])
    )


def _mean_slope(each: list[MetricEstimate], *, level: float) -> MetricEstimate:
    """Mean over repeats; they share participants, so that errors are averaged, not shrunk."""
    known = [
        (one.value, one.standard_error)
        for one in each
        if one.value is not None and one.standard_error is not None
    ]
    if len(known) < 0.9 * len(each):
        why = next(one.reason for one in each if one.value is None)
        return absent(f"{len(each) - len(known)} of {len(each)} repeats have none. {why}")
    value = float(np.mean([one for one, _ in known]))
    error = math.sqrt(float(np.mean([one**2 for _, one in known])))
    half = normal_quantile(level=level) * error
    return MetricEstimate(value=value, standard_error=error, low=value - half, high=value + half)


@njit(cache=True, nogil=True)
def _within_folds(  # noqa: PLR0913, PLR0917 - plain arrays, for loops without Python
    time: Floats,
    event: Bools,
    fold: Counts,
    risk: Floats,
    count: Counts,
    before: Floats,
    tau: float,
    horizons: Floats,
    out: Floats,
) -> None:
    """Uno's C up to *tau*, then the AUC at each horizon, of pairs within folds."""
    rows = time.size
    right, pairs = np.zeros(1 + horizons.size), np.zeros(1 + horizons.size)
    for a in range(rows):
        if not event[a] or count[a] == 0 or time[a] > tau:
            continue
        weight = count[a] / before[a]
        for b in range(a + 1, rows):
            if fold[a] != fold[b] or count[b] == 0 or (time[b] == time[a] and event[b]):
                continue
            mine = 0.5
            if risk[a] > risk[b]:
                mine = 1.0
            elif risk[a] < risk[b]:
                mine = 0.0
            both = weight * count[b]
            right[0] += both / before[a] * mine
            pairs[0] += both / before[a]
            for number in range(horizons.size):
                if time[a] <= horizons[number] < time[b]:
                    right[1 + number] += both * mine
                    pairs[1 + number] += both
    for number in range(out.size):
        out[number] = right[number] / pairs[number] if pairs[number] > 0.0 else np.nan


@njit(cache=True, nogil=True)
def _judged_samples(  # noqa: PLR0913, PLR0917 - plain arrays, for loops without Python
    time: Floats,
    event: Bools,
    folds: Counts,
    risk: Floats,
    survival: Floats,
    counts: Counts,
    times: Floats,
    places: Counts,
    act: int,
    thresholds: Floats,
    metrics: int,
) -> Floats:
    """Metrics of each sample, averaged over repeats; rows in ``follow_up_order``."""
    out = np.zeros((counts.shape[0], metrics))
    h = places.size
    horizons = times[places]
    end = horizons[h - 1]
    last = places[h - 1]
    pair = np.empty(1 + h)
    for sample in range(counts.shape[0]):
        count = counts[sample]
        before = censoring_before(time, event, count)
        for repeat in range(folds.shape[0]):
            _within_folds(
                time, event, folds[repeat], risk[repeat], count, before, end, horizons, pair
            )
            out[sample, 0] += pair[0]
            out[sample, 2 : 2 + h] += pair[1:]
            integral, earlier, day = 0.0, 0.0, 0.0
            for number in range(last + 1):
                free = censoring_at(time, before, times[number])
                score = brier_index(
                    time, event, survival[repeat, number], count, before, free, times[number]
                )
                integral += 0.5 * (score + earlier) * (times[number] - day)
                earlier, day = score, times[number]
                for place in range(h):
                    if places[place] == number:
                        out[sample, 2 + h + place] += score
            out[sample, 1] += integral / end
            if act >= 0:
                out[sample, 2 + 2 * h :] += survival_net_benefit(
                    time, event, 1.0 - survival[repeat, act], count, thresholds, times[act]
                )
    mean: Floats = out / folds.shape[0]
    return mean
