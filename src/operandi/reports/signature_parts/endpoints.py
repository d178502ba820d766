"""Endpoints described, whoever foretells them: curves, numbers at risk, who was left out."""

from collections.abc import Sequence

import numpy as np

from operandi.reports.charts import Axis, Words
from operandi.reports.signature_parts.layout import (
    Listing,
    Numbers,
    Part,
    Plot,
    Reasons,
    a_listing,
    counted,
    named,
    of_estimate,
)
from operandi.reports.survival_charts import RegionCurve, StepCurve, survival_chart
from operandi.signatures.results import AnalysisResult
from operandi.signatures.results_cohort import (
    AtDay,
    EndpointResult,
    Estimated,
    IntervalCurve,
    SurvivalCurve,
)

DAYS = Axis(title="Days since time zero")
EVENT_FREE = Axis(title="Probability of no event")
INCIDENCE = Axis(title="Probability of the event")
_FEWEST_DAYS = 3


def endpoints_part(result: AnalysisResult) -> Part:
    """Every endpoint, the primary first."""
    ordered = sorted(result.endpoints, key=lambda one: one.code != result.primary)
    return Part(
        anchor="endpoints",
        title="Endpoints",
        paragraphs=(
            "Described for everybody, without any model. Bands and intervals are at "
            f"{100.0 * result.level:g} %.",
        ),
        within=tuple(_endpoint(one, result) for one in ordered),
    )


def step_curve(curve: SurvivalCurve, *, risk_days: Sequence[float]) -> StepCurve:
    """A Kaplan-Meier curve as it is drawn, with its numbers at risk at the days of a table."""
    at_risk = dict(zip(curve.at_risk_days, curve.at_risk, strict=True))
    return StepCurve(
        name=curve.name,
        time=np.array(curve.days),
        value=np.array(curve.survival),
        start=1.0,
        end=curve.last_day,
        low=np.array(curve.low),
        high=np.array(curve.high),
        censored=curve.censored_days,
        at_risk=tuple(round(at_risk[day]) for day in risk_days),
    )


def shared_days(curves: Sequence[SurvivalCurve]) -> tuple[float, ...]:
    """Days at which every curve tells its number at risk; none where they do not agree on them."""
    every = [set(curve.at_risk_days) for curve in curves]
    shared = tuple(sorted(set.intersection(*every))) if every else ()
    return shared if len(shared) >= _FEWEST_DAYS else ()


def _endpoint(one: EndpointResult, result: AnalysisResult) -> Part:
    plots = [] if one.binary else [*_curves(one)]
    notes = [*(f"Time: {used}" for used in one.time_used)]
    notes += [f"Condition: {condition.replace('_', ' ')}" for condition in one.conditions]
    if one.interval_reason:
        notes.append(f"No interval-censored curve: {one.interval_reason}")
    return Part(
        anchor=f"endpoint-{one.code}",
        title=f"{one.code}, {one.role}",
        paragraphs=(_summary(one, cycles_known=result.treated > 0),),
        plots=tuple(plots),
        listings=tuple(_listings(one)),
        notes=tuple(notes),
    )


def _summary(one: EndpointResult, *, cycles_known: bool) -> str:
    rule = one.rule if one.rule.endswith(".") else f"{one.rule}."
    if one.binary:
        of = f", {one.treated} were treated" if one.treated else ""
        if not cycles_known:
            fewer = one.treated > one.participants
            of = f" among {counted(one.treated, 'participant')}" if fewer else ""
        return (
            f"{rule} True of {one.events} of {counted(one.participants, 'evaluable participant')}"
            f"{of}."
        )
    return f"{rule} {counted(one.events, 'event')} in {counted(one.participants, 'participant')}."


def _curves(one: EndpointResult) -> list[Plot]:
    plots = []
    if one.curve is not None:
        risk_days = one.curve.at_risk_days
        plots.append(
            Plot(
                file=named("kaplan-meier", one.code),
                chart=survival_chart(
                    [step_curve(one.curve, risk_days=risk_days)],
                    words=Words(
                        title=f"{one.code}: Kaplan-Meier.",
                        caption="Band: pointwise log-log limits; ticks: end of follow-up without "
                        "an event.",
                        alt=f"Kaplan-Meier curve of {one.code} with numbers at risk.",
                    ),
                    x=DAYS,
                    y=EVENT_FREE,
                    risk_times=risk_days,
                ),
            )
        )
    if one.interval_curve is not None:
        plots.append(_interval_plot(one, one.interval_curve))
    if one.incidence:
        plots.append(_incidence_plot(one))
    return plots


def _interval_plot(one: EndpointResult, curve: IntervalCurve) -> Plot:
    # Mass without a right end was never seen to happen: the curve ends where it begins, as a drop
    # there would look like events.
    seen = [
        (left, right, mass)
        for left, right, mass in zip(curve.left, curve.right, curve.mass, strict=True)
        if right is not None
    ]
    begins = [left for left, right in zip(curve.left, curve.right, strict=True) if right is None]
    last = max((*(right for _, right, _ in seen), *begins), default=0.0)
    end = min(begins) if begins else last
    band = bool(curve.band_low)
    region = RegionCurve(
        name="NPMLE",
        left=np.array([left for left, _, _ in seen]),
        right=np.array([right for _, right, _ in seen]),
        mass=np.array([mass for _, _, mass in seen]),
        end=end,
        at_risk=(),
        days=np.array(curve.days) if band else None,
        low=np.array(curve.band_low) if band else None,
        high=np.array(curve.band_high) if band else None,
    )
    return Plot(
        file=named("interval-censored", one.code),
        chart=survival_chart(
            [region],
            words=Words(
                title=f"{one.code}: interval-censored.",
                caption="Nonparametric maximum likelihood of events known only between two exams; "
                "within a shaded field the curve falls, unknown where. Largest gradient over n: "
                f"{curve.certificate:.8f} (1 at the maximum)."
                + (f" Beyond day {end:g} it is unknown." if begins else "")
                + (" Band: bootstrap." if band else ""),
                alt=f"Interval-censored survival curve of {one.code}.",
            ),
            x=DAYS,
            y=EVENT_FREE,
            risk_times=one.curve.at_risk_days if one.curve is not None else (),
        ),
    )


def _incidence_plot(one: EndpointResult) -> Plot:
    last = max((day for curve in one.incidence for day in curve.days), default=1.0)
    end = one.curve.last_day if one.curve is not None else last
    curves = [
        StepCurve(
            name=f"{curve.cause} ({counted(curve.events, 'event')})",
            time=np.array(curve.days),
            value=np.array(curve.incidence),
            start=0.0,
            end=end,
            low=np.array(curve.low),
            high=np.array(curve.high),
            at_risk=(),
        )
        for curve in one.incidence
    ]
    return Plot(
        file=named("cumulative-incidence", one.code),
        chart=survival_chart(
            curves,
            words=Words(
                title=f"{one.code}: cumulative incidence.",
                caption="Aalen-Johansen: each cause while the others compete; bands pointwise.",
                alt=f"Cumulative incidence of the causes of {one.code}.",
            ),
            x=DAYS,
            y=INCIDENCE,
            risk_times=one.curve.at_risk_days if one.curve is not None else (),
        ),
    )


def _listings(one: EndpointResult) -> list[Listing]:
    reasons = Reasons()
    lines: list[tuple[str, Estimated, int]] = []
    if one.binary:
        lines.append(("Share of whom it is true", one.share, 2))
    else:
        median = one.curve.median_days if one.curve is not None else None
        lines.append(("Follow-up, days (median, reverse)", one.follow_up_median_days, 0))
        if median is not None:
            lines.append(("Days to the event (median)", median, 0))
        lines += _on_days(one.event_free, "No event by day {}", digits=2)
        lines += _on_days(one.restricted_mean, "Mean event-free days within {}", digits=0)
    numbers: list[Numbers] = [(name, *of_estimate(e)) for name, e, _ in lines]
    found = [
        a_listing(
            named("endpoint", one.code),
            caption="In numbers",
            columns=("Quantity", "Estimate"),
            rows=[(name, reasons.shown(e, digits=digits)) for name, e, digits in lines],
            header=("quantity", "value", "low", "high", "reason"),
            numbers=numbers,
            notes=reasons.notes(),
        )
    ]
    ways = [("ended by", end) for end in one.endings] + [("left out", end) for end in one.excluded]
    rows = [(what, end.reason.replace("_", " "), str(end.participants)) for what, end in ways]
    if ways:
        found.append(
            a_listing(
                named("endings", one.code),
                caption="How it ended, and who was left out",
                columns=("What", "Why", "Participants"),
                rows=rows,
                of_words=("Why",),
            )
        )
    return found


def _on_days(
    values: Sequence[AtDay], title: str, *, digits: int
) -> list[tuple[str, Estimated, int]]:
    return [(title.format(f"{one.day:g}"), one.estimate, digits) for one in values]
