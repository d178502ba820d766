"""How well left-out participants were foretold: every metric of every repeat, and its mean.

Concordance, AUC and Uno's C count pairs within outer folds, as linear predictors of different fits
are on no common scale. Metrics of a repeat are averaged over repeats: on the participants, on each
bootstrap sample of them with predictions as they are, and on each smaller cohort, which learned
anew. The interval of a metric is that by samples or that by smaller cohorts, whichever is wider
(``metrics.learned``). All models of an endpoint share both, so that differences are paired.

References
----------
.. [1] Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
.. [2] Uno et al., Stat Med 30:1105, 2011 (C). Graf et al., Stat Med 18:2529, 1999 (Brier score).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numba import njit
from scipy.special import expit, ndtr, stdtr

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
    PLAIN,
    POSITIVE,
    PROPORTION,
    BootstrapPlan,
    Counts,
    MetricEstimate,
    Scale,
    absent,
)
from operandi.signatures.metrics.learned import (
    FREEDOM,
    LEAST_SHARE,
    learned_estimate,
    paired,
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

    @property
    def scale(self) -> Scale:
        """Of its interval: net benefit is at least that of acting on everybody in vain."""
        if self.threshold is None:
            return PROPORTION
        return Scale(low=-self.threshold / (1.0 - self.threshold), high=1.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """Metrics of a model, on the participants, each bootstrap sample and each smaller cohort.

    Parameters
    ----------
    keys : tuple of MetricKey
    value : (m,) float
        NaN where a metric has none.
    draws : (b, m) float
        With predictions as they are.
    smaller : (s, 2, m) float or None
        Of what smaller cohorts learned anew; None without them.
    level : float
        Of intervals.
    """

    keys: tuple[MetricKey, ...]
    value: Floats
    draws: Floats
    smaller: Floats | None
    level: float

    def estimate(self, key: MetricKey) -> MetricEstimate:
        """A metric with its interval, on a scale that keeps it in its range."""
        place = self.keys.index(key)
        return self._estimate(
            float(self.value[place]), self.draws[:, place], self._of_smaller(place), key.scale
        )

    def over(self, reference: "Judged", key: MetricKey) -> MetricEstimate:
        """A metric less that of a reference, paired over samples and smaller cohorts."""
        mine, other = self.keys.index(key), reference.keys.index(key)
        width = key.scale.high - key.scale.low
        return self._estimate(
            float(self.value[mine] - reference.value[other]),
            self.draws[:, mine] - reference.draws[:, other],
            paired(self._of_smaller(mine), reference._of_smaller(other)),
            Scale(low=-width, high=width),
        )

    def _of_smaller(self, place: int) -> Floats | None:
        return None if self.smaller is None else self.smaller[:, :, place]

    def _estimate(
        self, value: float, draws: Floats, smaller: Floats | None, scale: Scale
    ) -> MetricEstimate:
        fine = draws[np.isfinite(draws)]
        if math.isfinite(value) and (fine.size < LEAST_SHARE * draws.size or fine.size < 2):
            why = f"Only {fine.size} of {draws.size} bootstrap samples gave a value."
            return MetricEstimate(value=value, reason=why)
        judged = float(np.std(fine, ddof=1)) if fine.size > 1 else math.nan
        return learned_estimate(
            value, judged=judged, smaller=smaller, scale=scale, level=self.level
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
        return Judged(
            keys=(),
            value=np.empty(0),
            draws=np.empty((0, 0)),
            smaller=None,
            level=bootstrap.level,
        )
    keys = (
        MetricKey(metric="uno_c", horizon=days.horizons[-1]),
        MetricKey(metric="integrated_brier", horizon=days.horizons[-1]),
        *(MetricKey(metric="auc", horizon=day) for day in days.horizons),
        *(MetricKey(metric="brier", horizon=day) for day in days.horizons),
        *(
            MetricKey(metric="net_benefit", horizon=days.decision, threshold=one)
            for one in days.thresholds
        ),
    )
    kernel = _sampled(outcome, found, days=days, metrics=len(keys))
    counts = _with_all(bootstrap, rows=outcome.time.size)
    parts = [
        counts[start : start + _SAMPLES_A_THREAD]
        for start in range(0, counts.shape[0], _SAMPLES_A_THREAD)
    ]
    drawn = np.vstack(in_threads(kernel, parts, threads=threads))

    def again(rows: Counts, one: NestedEvaluation) -> Floats:
        part = RightCensored(time=outcome.time[rows], event=outcome.event[rows])
        everyone = np.ones((1, rows.size), dtype=np.int64)
        return np.asarray(_sampled(part, one, days=days, metrics=len(keys))(everyone)[0])

    return Judged(
        keys=keys,
        value=drawn[0],
        draws=drawn[1:],
        smaller=found.of_smaller(again),
        level=bootstrap.level,
    )


def judge_binary(
    happened: Bools,
    found: NestedEvaluation,
    *,
    thresholds: tuple[float, ...],
    bootstrap: BootstrapPlan,
) -> Judged:
    """Judge out-of-fold log odds of yes/no: Brier score and net benefit; the AUC stands apart.

    Parameters
    ----------
    happened : (n,) bool
    found : NestedEvaluation
    thresholds : tuple of float
    bootstrap : BootstrapPlan
    """
    levels = np.array(thresholds, dtype=np.float64)
    drawn = _binary_samples(
        happened, found, levels=levels, counts=_with_all(bootstrap, rows=happened.size)
    )

    def again(rows: Counts, one: NestedEvaluation) -> Floats:
        everyone = np.ones((1, rows.size), dtype=np.int64)
        drawn = _binary_samples(happened[rows], one, levels=levels, counts=everyone)
        return np.asarray(drawn[0])

    return Judged(
        keys=(
            MetricKey(metric="brier"),
            *(MetricKey(metric="net_benefit", threshold=one) for one in thresholds),
        ),
        value=drawn[0],
        draws=drawn[1:],
        smaller=found.of_smaller(again),
        level=bootstrap.level,
    )


def _with_all(bootstrap: BootstrapPlan, *, rows: int) -> Counts:
    """Everybody once, then the samples."""
    return np.vstack([np.ones((1, rows), dtype=np.int64), bootstrap.counts(rows=rows)])


def _sampled(
    outcome: RightCensored, found: NestedEvaluation, *, days: JudgedDays, metrics: int
) -> Callable[[Counts], Floats]:
    """What judges predictions on samples, given how often each row stands in each."""
    order = follow_up_order(outcome)
    plain = (
        outcome.time[order],
        outcome.event[order],
        np.ascontiguousarray(found.outer[:, order]),
        np.ascontiguousarray(found.predictor[:, order]),
        np.ascontiguousarray(found.survival[:, order].transpose(0, 2, 1)),
    )
    places = np.array([days.place(day) for day in days.horizons], dtype=np.int64)
    act = -1 if days.decision is None else days.place(days.decision)
    thresholds = np.array(days.thresholds, dtype=np.float64)

    def judged(counts: Counts) -> Floats:
        part = np.ascontiguousarray(counts[:, order])
        return np.asarray(
            _judged_samples(*plain, part, days.times, places, act, thresholds, metrics)
        )

    return judged


def _binary_samples(
    happened: Bools, found: NestedEvaluation, *, levels: Floats, counts: Counts
) -> Floats:
    risk = expit(found.predictor)
    error = np.mean((risk - happened) ** 2, axis=0)
    benefit = np.zeros((counts.shape[0], levels.size))
    for number, count in enumerate(counts):
        for one in risk:
            benefit[number] += binary_net_benefit(happened, one, count, levels)
    return np.column_stack([counts @ error / happened.size, benefit / risk.shape[0]])


def calibration_of(
    outcome: RightCensored, found: NestedEvaluation, *, horizon: float, bootstrap: BootstrapPlan
) -> tuple[CalibrationReport, Floats]:
    """Calibration at a day: of each repeat the slope, of their mean the curve, and the mean risks.

    The mean over repeats varies less than what one model foretells: its slope would flatter. Slopes
    have a baseline for each outer fold, as pairs of a concordance are taken within them: the level
    of a fold's predictions is pushed away from its outcomes, and pooled the slope reads too low.
    Intervals of slope, ratio and ICI take in what smaller cohorts learned; the band of the curve
    and groups hold predictions as they are.

    Raises
    ------
    DataError
        If nobody was followed to the horizon.
    """
    place = int(np.searchsorted(found.days, horizon))
    survival = _uncertain(found.survival[:, :, place])
    mean = survival.mean(axis=0)
    report = calibrate_survival(outcome, mean, horizon=horizon, bootstrap=bootstrap)
    slope = _mean_slope(
        [_cox_slope(outcome, one, fold) for one, fold in zip(survival, found.outer, strict=True)]
    )

    def again(rows: Counts, one: NestedEvaluation) -> Floats:
        part = RightCensored(time=outcome.time[rows], event=outcome.event[rows])
        (mine,) = _uncertain(one.survival[:, :, place])
        if horizon > part.time.max():
            return np.full(4, np.nan)
        fresh = calibrate_survival(part, mine, horizon=horizon)
        return _four(replace(fresh, slope=_cox_slope(part, mine, one.outer[0])))

    return _learned(report, slope, found.of_smaller(again), bootstrap.level), np.asarray(1.0 - mean)


def calibration_of_binary(
    happened: Bools, found: NestedEvaluation, *, bootstrap: BootstrapPlan
) -> tuple[CalibrationReport, Floats]:
    """The same of yes/no, from the log odds of each repeat."""
    risk = _uncertain(np.asarray(expit(found.predictor)))
    mean = risk.mean(axis=0)
    report = calibrate_binary(happened, mean, bootstrap=bootstrap)
    slope = _mean_slope([calibrate_binary(happened, one).slope for one in risk])

    def again(rows: Counts, one: NestedEvaluation) -> Floats:
        (mine,) = _uncertain(np.asarray(expit(one.predictor)))
        return _four(calibrate_binary(happened[rows], mine))

    return _learned(report, slope, found.of_smaller(again), bootstrap.level), mean


def _uncertain(probability: Floats) -> Floats:
    return np.clip(probability, _CERTAIN, 1.0 - _CERTAIN)


def _four(report: CalibrationReport) -> Floats:
    found = (report.slope, report.observed_over_expected, report.ici, report.intercept)
    return np.array([np.nan if one.value is None else one.value for one in found])


def _learned(
    report: CalibrationReport, slope: MetricEstimate, smaller: Floats | None, level: float
) -> CalibrationReport:
    """The report with intervals that take in what was learned."""

    def one(
        found: MetricEstimate, place: int, scale: Scale, freedom: float = FREEDOM
    ) -> MetricEstimate:
        if found.value is None or found.standard_error is None:
            return found
        return learned_estimate(
            found.value,
            judged=found.standard_error,
            smaller=None if smaller is None else smaller[:, :, place],
            scale=scale,
            level=level,
            freedom=freedom,
        )

    return replace(
        report,
        # The slope of a smaller cohort varies more than its number tells: normal is wide enough.
        slope=one(slope, 0, PLAIN, math.inf),
        observed_over_expected=one(report.observed_over_expected, 1, POSITIVE),
        ici=_wider(report.ici, None if smaller is None else smaller[:, :, 2], level),
        intercept=one(report.intercept, 3, PLAIN),
    )


def _wider(ici: MetricEstimate, smaller: Floats | None, level: float) -> MetricEstimate:
    """The interval of an ICI, no narrower than what smaller cohorts give."""
    if smaller is None or ici.value is None or ici.low is None or ici.high is None:
        return ici
    again = learned_estimate(
        ici.value, judged=0.0, smaller=smaller, scale=Scale(low=0.0, high=1.0), level=level
    )
    if again.low is None or again.high is None:
        return again
    return replace(ici, low=min(ici.low, again.low), high=max(ici.high, again.high))


def two_sided_p(estimate: MetricEstimate) -> float | None:
    """Two-sided p against 0, normal or of Student; None without a standard error."""
    if estimate.value is None or not estimate.standard_error:
        return None
    away = -abs(estimate.value) / estimate.standard_error
    tail = ndtr(away) if math.isinf(estimate.freedom) else stdtr(estimate.freedom, away)
    return float(2.0 * tail)


def _cox_slope(outcome: RightCensored, survival: Floats, fold: Counts) -> MetricEstimate:
    try:
        fit = fit_cox(
            outcome,
            log_cumulative_hazard(survival)[:, None],
            names=("log(-log S)",),
            strata=fold,
        )
    except DataError as refusal:
        return absent(f"No calibration slope: {refusal.what}")
    return MetricEstimate(
        value=float(fit.coefficients[0]), standard_error=float(fit.standard_errors[0])
    )


def _mean_slope(each: list[MetricEstimate]) -> MetricEstimate:
    """Mean over repeats; they share participants, so that errors are averaged, not shrunk."""
    known = [
        (one.value, one.standard_error)
        for one in each
        if one.value is not None and one.standard_error is not None
    ]
    if len(known) < LEAST_SHARE * len(each):
        why = next(one.reason for one in each if one.value is None)
        return absent(f"{len(each) - len(known)} of {len(each)} repeats have none. {why}")
    return MetricEstimate(
        value=float(np.mean([one for one, _ in known])),
        standard_error=math.sqrt(float(np.mean([one**2 for _, one in known]))),
    )


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
