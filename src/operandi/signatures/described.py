"""Endpoints, predictors and sample size described: what can be said without any model."""

from collections.abc import Collection
from dataclasses import replace

import numpy as np
from scipy.stats import norm

from operandi.quantities.errors import DataError, OperandiError
from operandi.signatures.data import Floats, IntervalCensored, Predictors, RightCensored
from operandi.signatures.endpoint_values import INTERVAL_TIME, RIGHT_END_TIME, BinaryEndpoint
from operandi.signatures.metrics.estimate import MetricEstimate
from operandi.signatures.metrics.sample_size import (
    SampleSize,
    achieved_precision,
    largest_r2_binary,
    largest_r2_survival,
    sample_size_binary,
    sample_size_survival,
)
from operandi.signatures.plan_format import PlannedEndpoint
from operandi.signatures.planned_outcomes import (
    competing_outcome,
    counted_endings,
    counted_exclusions,
    interval_outcome,
    learned_outcome,
)
from operandi.signatures.results_cohort import (
    AtDay,
    EndpointResult,
    Estimated,
    IncidenceCurve,
    IntervalCurve,
    PredictorSummary,
    SampleSizeLine,
    SurvivalCurve,
)
from operandi.signatures.survival.conditions import conditions_of
from operandi.signatures.survival.cumulative_incidence import (
    CompetingOutcome,
    cumulative_incidence,
)
from operandi.signatures.survival.interval_npmle import interval_survival, interval_survival_band
from operandi.signatures.survival.kaplan_meier import KaplanMeier, SurvivalQuantile, kaplan_meier
from operandi.signatures.tables import EndpointData, PlannedData

_YEAR = 365.25
_ASSUMED = 0.15
"""Share of the largest Cox-Snell R2 where nothing is known (Riley, BMJ 368:m441, 2020, step 3)."""
_TICKS = 7
_GRID = 80


def numbers(values: Floats) -> tuple[float, ...]:
    """Plain numbers of an array."""
    return tuple(float(one) for one in values)


def estimated(found: MetricEstimate) -> Estimated:
    """A metric as plain data."""
    return Estimated(
        value=found.value,
        low=found.low,
        high=found.high,
        standard_error=found.standard_error,
        reason=found.reason,
    )


def survival_curve(
    outcome: RightCensored, *, name: str, level: float, until: float | None = None
) -> SurvivalCurve:
    """A Kaplan-Meier curve with its band and numbers at risk.

    The table of numbers at risk runs to day *until*, that curves drawn together share its days; by
    default to the end of this follow-up.
    """
    curve = kaplan_meier(outcome)
    band = curve.band(level=level)
    end = float(outcome.time.max())
    days = np.linspace(0.0, end if until is None else until, _TICKS)
    return SurvivalCurve(
        name=name,
        participants=outcome.time.size,
        events=outcome.events,
        days=numbers(curve.time),
        survival=numbers(curve.survival),
        low=numbers(band.lower),
        high=numbers(band.upper),
        last_day=end,
        censored_days=numbers(np.sort(outcome.time[~outcome.event])),
        at_risk_days=numbers(days),
        at_risk=numbers(curve.number_at_risk(days)),
        median_days=_quantile(curve.quantile(level=level)),
    )


def restricted(outcome: RightCensored, *, day: float, level: float) -> Estimated:
    """Mean event-free days within a horizon."""
    found = kaplan_meier(outcome).restricted_mean(until_day=day)
    if found.days is None or found.standard_error is None:
        return Estimated(value=None, reason=found.reason)
    half = float(norm.ppf(0.5 + level / 2.0)) * found.standard_error
    return Estimated(
        value=found.days,
        low=max(found.days - half, 0.0),
        high=min(found.days + half, day),
        standard_error=found.standard_error,
    )


def endpoint_result(
    data: PlannedData, given: EndpointData, *, level: float, seed: int, draws: int
) -> EndpointResult:
    """Describe an endpoint.

    Parameters
    ----------
    data : PlannedData
    given : EndpointData
        One of its endpoints.
    level : float
        Of intervals.
    seed, draws : int
        Of the bootstrap band of the interval curve.
    """
    plan = given.plan
    if plan.binary:
        return _binary(given, level=level)
    outcome = learned_outcome(given)
    curve = kaplan_meier(outcome)
    interval, reason = _interval(
        interval_outcome(given), outcome, level=level, seed=seed, draws=draws
    )
    of_metrics, of_intervals = times_used(plan)
    used = [f"models, concordance, AUC, Brier score and calibration: {of_metrics}"]
    if interval is not None:
        used.append(f"interval-censored curve and hazards: {of_intervals}")
    if plan.progression == "right_end":
        used.append(
            "an endpoint that is like this one but for progression between scans has the same "
            "models and metrics, as these take right ends there too"
        )
    censored = RightCensored(time=outcome.time, event=~outcome.event)
    return EndpointResult(
        code=plan.code,
        kind=plan.kind,
        role=plan.role,
        rule=given.described.rule,
        binary=False,
        participants=outcome.time.size,
        events=outcome.events,
        time_used=tuple(used),
        conditions=tuple(one.value for one in conditions_of(outcome)),
        excluded=counted_exclusions(given),
        endings=counted_endings(data, given),
        follow_up_median_days=_quantile(kaplan_meier(censored).quantile(level=level)),
        curve=survival_curve(outcome, name="all", level=level),
        interval_curve=interval,
        interval_reason=reason,
        incidence=_incidence(competing_outcome(data, given), level=level),
        event_free=tuple(
            AtDay(day=day, estimate=_free(curve, outcome, day=day, level=level))
            for day in plan.horizon_days
        ),
        restricted_mean=tuple(
            AtDay(day=day, estimate=restricted(outcome, day=day, level=level))
            for day in plan.horizon_days
        ),
    )


def times_used(plan: PlannedEndpoint) -> tuple[str, str]:
    """What an endpoint takes as time: for metrics of right-censored times, and for intervals."""
    if plan.table is not None:
        supplied = f"as supplied, {plan.table}.{plan.time}"
        return supplied, supplied
    if plan.kind == "os":
        return "day of death", "day of death"
    right, within = RIGHT_END_TIME, INTERVAL_TIME
    if plan.kind == "progression":
        right, within = RIGHT_END_TIME.split(",")[0], INTERVAL_TIME.split(";")[0]
    if plan.new_therapy == "event":
        right, within = f"{right}, or of another treatment", f"{within}; another treatment: its day"
    return right, within


def predictor_summaries(
    predictors: Predictors, *, logged: Collection[str] = ()
) -> tuple[PredictorSummary, ...]:
    """Each column before preparation; *logged* ones are logarithms of what was measured."""
    return tuple(
        replace(
            _summary(name, block, column[~np.isnan(column)], rows=column.size),
            logged=name in logged,
        )
        for name, block, column in zip(
            predictors.names, predictors.blocks, predictors.values.T, strict=True
        )
    )


def sample_size_line(
    model: str, *, parameters: int, given: EndpointData, horizon: float | None
) -> SampleSizeLine:
    """What Riley's criteria ask of a model with the rate of events that was seen."""
    outcome = learned_outcome(given)
    n, events = outcome.time.size, outcome.events
    rate, follow_up = events / (outcome.time.sum() / _YEAR), outcome.time.mean() / _YEAR
    share = events / n
    assumed, follow = 0.0, (rate, follow_up, (horizon or float(outcome.time.mean())) / _YEAR)
    try:
        largest, need = _needed(given, parameters=parameters, share=share, follow=follow)
        assumed = _ASSUMED * largest
        have = achieved_precision(
            participants=n, r2=assumed, largest_r2=largest, parameters=parameters
        )
    except DataError as refusal:
        return SampleSizeLine(
            model=model,
            parameters=parameters,
            assumed_r2=assumed,
            needed_participants=None,
            needed_events=None,
            participants=n,
            events=events,
            expected_shrinkage=None,
            affordable_parameters=None,
            reason=refusal.what,
        )
    return SampleSizeLine(
        model=model,
        parameters=parameters,
        assumed_r2=assumed,
        needed_participants=need.participants,
        needed_events=need.events,
        participants=n,
        events=events,
        expected_shrinkage=have.shrinkage,
        affordable_parameters=have.affordable_parameters,
    )


def _needed(
    given: EndpointData, *, parameters: int, share: float, follow: tuple[float, float, float]
) -> tuple[float, SampleSize]:
    if not 0.0 < share < 1.0:
        raise DataError("Sample size needs participants with and without the event.")
    rate, follow_up, horizon = follow
    if given.times is None:
        largest = largest_r2_binary(prevalence=share)
        return largest, sample_size_binary(
            r2=_ASSUMED * largest, parameters=parameters, prevalence=share
        )
    largest = largest_r2_survival(event_rate=rate, mean_follow_up=follow_up)
    return largest, sample_size_survival(
        r2=_ASSUMED * largest,
        parameters=parameters,
        event_rate=rate,
        mean_follow_up=follow_up,
        horizon=horizon,
    )


def _quantile(found: SurvivalQuantile) -> Estimated:
    # An open upper limit is no interval; the reason says which end is missing.
    both = found.lower is not None and found.upper is not None
    return Estimated(
        value=found.day,
        low=found.lower if both else None,
        high=found.upper if both else None,
        reason=found.reason,
    )


def _free(curve: KaplanMeier, outcome: RightCensored, *, day: float, level: float) -> Estimated:
    if day > float(outcome.time.max()):
        return Estimated(value=None, reason=f"follow-up ends on day {float(outcome.time.max()):g}")
    at = np.array([day])
    value = float(curve.at(at)[0])
    band = curve.band(level=level)
    place = int(np.searchsorted(band.time, day, side="right")) - 1
    if place < 0:
        return Estimated(value=value, reason="no event before, so that no interval can be given")
    return Estimated(
        value=value,
        low=float(band.lower[place]),
        high=float(band.upper[place]),
        standard_error=float(curve.standard_error_at(at)[0]),
    )


def _interval(
    intervals: IntervalCensored | None,
    outcome: RightCensored,
    *,
    level: float,
    seed: int,
    draws: int,
) -> tuple[IntervalCurve | None, str]:
    if intervals is None:
        return None, "the endpoint gives each event one day"
    days = np.linspace(0.0, float(outcome.time.max()), _GRID + 1)
    try:
        found = interval_survival(intervals)
        low, high = found.bounds_at(days)
    except OperandiError as refusal:
        return None, str(refusal)
    band: tuple[tuple[float, ...], tuple[float, ...]] = ((), ())
    reason = ""
    try:
        limits = interval_survival_band(intervals, days, seed=seed, draws=draws, level=level)
        band = numbers(limits.lower), numbers(limits.upper)
    except OperandiError as refusal:
        reason = f"no band: {refusal}"
    return IntervalCurve(
        left=numbers(found.left),
        right=tuple(float(one) if np.isfinite(one) else None for one in found.right),
        mass=numbers(found.mass),
        certificate=found.certificate,
        days=numbers(days),
        highest=numbers(high),
        lowest=numbers(low),
        band_low=band[0],
        band_high=band[1],
    ), reason


def _incidence(competing: CompetingOutcome | None, *, level: float) -> tuple[IncidenceCurve, ...]:
    if competing is None:
        return ()
    found = []
    for name in competing.names:
        events = int(np.count_nonzero(competing.cause == competing.number(name)))
        if not events:
            continue
        curve = cumulative_incidence(competing, cause=name)
        low, high = curve.band(level=level)
        found.append(
            IncidenceCurve(
                cause=name,
                events=events,
                days=numbers(curve.time),
                incidence=numbers(curve.incidence),
                low=numbers(low),
                high=numbers(high),
            )
        )
    return tuple(found)


def _binary(given: EndpointData, *, level: float) -> EndpointResult:
    plan, outcome = given.plan, learned_outcome(given)
    n, yes = outcome.time.size, outcome.events
    z = float(norm.ppf(0.5 + level / 2.0))
    share = yes / n
    # Wilson's interval.
    center, width = (share + z**2 / (2 * n)) / (1 + z**2 / n), z / (1 + z**2 / n)
    half = width * float(np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)))
    return EndpointResult(
        code=plan.code,
        kind=plan.kind,
        role=plan.role,
        rule=given.described.rule,
        binary=True,
        participants=n,
        events=yes,
        excluded=counted_exclusions(given),
        share=Estimated(value=share, low=max(center - half, 0.0), high=min(center + half, 1.0)),
        treated=given.described.treated if isinstance(given.described, BinaryEndpoint) else 0,
    )


def _summary(name: str, block: str, known: Floats, *, rows: int) -> PredictorSummary:
    if not known.size:
        low = quarter = median = three = high = mean = spread = None
    else:
        low, quarter, median, three, high = (
            float(one) for one in np.quantile(known, [0.0, 0.25, 0.5, 0.75, 1.0])
        )
        mean = float(known.mean())
        spread = float(known.std(ddof=1)) if known.size > 1 else None
    return PredictorSummary(
        name=name,
        block=block,
        known=known.size,
        missing=rows - known.size,
        mean=mean,
        deviation=spread,
        minimum=low,
        lower_quartile=quarter,
        median=median,
        upper_quartile=three,
        maximum=high,
    )
