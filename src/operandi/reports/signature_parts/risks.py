"""Predicted risks: calibration, what acting on them would bring, risk groups, instability."""

from collections.abc import Sequence

import numpy as np

from operandi.reports.charts import Axis, Words
from operandi.reports.signature_charts import (
    BenefitCurve,
    CalibrationDrawn,
    calibration_chart,
    decision_chart,
    instability_chart,
)
from operandi.reports.signature_parts.endpoints import DAYS, EVENT_FREE, shared_days, step_curve
from operandi.reports.signature_parts.layout import (
    Listing,
    Part,
    Plot,
    Reasons,
    a_listing,
    fixed,
    named,
    of_estimate,
    on_day,
    p_said,
)
from operandi.reports.survival_charts import survival_chart
from operandi.signatures.results_models import (
    CalibrationResult,
    DecisionResult,
    InstabilityResult,
    ModelResult,
)

_MOST_TOGETHER = 3
_MOVED_MOST = 8


def calibration_part(models: Sequence[ModelResult]) -> Part:
    """Predicted beside observed risks of the judged model and its reference."""
    with_curves = [one for one in models if one.calibration is not None]
    return Part(
        anchor="calibration",
        title="Calibration",
        paragraphs=_open_slopes(with_curves)
        if with_curves
        else ("No risks were predicted, or there were too few events to judge them.",),
        plots=calibration_plots(with_curves),
        listings=(_calibration(with_curves),) if with_curves else (),
    )


def _open_slopes(models: Sequence[ModelResult]) -> tuple[str, ...]:
    found = [one for one in models if one.calibration and one.calibration.slope_is_open]
    if not found:
        return ()
    return (
        f"The slope of {' and '.join(one.model for one in found)} means nothing: its interval is "
        "more than 2 wide, so that even a right slope of 1 could not be told from none. The "
        "predictions are too nearly flat for so few events, or differ too much from one smaller "
        "cohort to the next.",
    )


def decision_part(models: Sequence[ModelResult]) -> Part:
    """Net benefit of acting on the predictions."""
    found = [one for one in models if one.decision is not None]
    return Part(
        anchor="decision",
        title="Decision curve",
        paragraphs=(
            "Net benefit counts those rightly acted on, less those wrongly acted on at the "
            "weight that the threshold implies. As no two treatments were compared, an action "
            "stands for closer follow-up or counseling, not for a choice of therapy.",
        )
        if found
        else ("No decision curve was computed.",),
        plots=decision_plots(found),
    )


def risk_groups_part(model: ModelResult) -> Part:
    """What happened to those foretold a high and a low risk."""
    groups = model.risk_groups
    curves = [one.curve for one in groups]
    if not groups:
        return Part(
            anchor="groups",
            title="Risk groups",
            paragraphs=("No risk groups were formed.",),
        )
    risk_days = shared_days(curves)
    reasons = Reasons()
    plot = Plot(
        file=named("risk-groups", model.endpoint, model.model),
        chart=survival_chart(
            [step_curve(curve, risk_days=risk_days) for curve in curves],
            words=Words(
                title=f"{model.model} on {model.endpoint}: groups of predicted risk.",
                caption="By risks predicted out of fold; bands pointwise.",
                alt=f"Kaplan-Meier curves of {len(curves)} groups of predicted risk.",
            ),
            x=DAYS,
            y=EVENT_FREE,
            risk_times=risk_days,
        ),
    )
    listing = a_listing(
        named("risk-groups-days", model.endpoint, model.model),
        caption=f"Event-free days{_within(groups[0].horizon_days)}",
        columns=("Group", "Participants", "Events", "Mean event-free days"),
        rows=[
            (
                one.curve.name,
                str(one.curve.participants),
                str(one.curve.events),
                reasons.shown(one.restricted_mean, digits=0),
            )
            for one in groups
        ],
        header=("group", "participants", "events", "days", "low", "high", "reason"),
        numbers=[
            (
                one.curve.name,
                one.curve.participants,
                one.curve.events,
                *of_estimate(one.restricted_mean),
            )
            for one in groups
        ],
        notes=reasons.notes(),
    )
    test = (
        ()
        if model.risk_groups_p is None
        else (f"Log-rank between the groups: {p_said(model.risk_groups_p)}.",)
    )
    return Part(
        anchor="groups", title="Risk groups", plots=(plot,), listings=(listing,), notes=test
    )


def instability_part(model: ModelResult) -> Part:
    """How far a participant's prediction moves when everything is built anew."""
    found = model.instability
    if found is None:
        return Part(
            anchor="instability",
            title="Instability of predictions",
            paragraphs=("The model was not built anew on bootstrap samples.",),
        )
    return Part(
        anchor="instability",
        title="Instability of predictions",
        paragraphs=(
            f"Built anew on {found.refits} bootstrap samples, predictions differ from those of "
            f"the final model by {fixed(found.average, digits=3)} on average"
            f"{on_day(found.horizon_days)}.",
        ),
        plots=instability_plots(model),
        listings=(_instability(model, found),),
        notes=(f"{found.failed} refits failed.",) if found.failed else (),
    )


def calibration_plots(models: Sequence[ModelResult]) -> tuple[Plot, ...]:
    """Calibration of some models, one upon the other where their horizon is one."""
    found = [(one, one.calibration) for one in models if one.calibration is not None]
    if not found:
        return ()
    horizon = found[0][1].horizon_days
    together = [pair for pair in found if pair[1].horizon_days == horizon][:_MOST_TOGETHER]
    names = [model.model for model, _ in together]
    by = on_day(horizon)
    return (
        Plot(
            file=named("calibration", found[0][0].endpoint, *names),
            chart=calibration_chart(
                [_drawn(model, one) for model, one in together],
                words=Words(
                    title=f"{found[0][0].endpoint}: calibration of {' and '.join(names)}.",
                    caption=f"Observed over predicted risk{by}; points: participants of similar "
                    "risk; marks below: every prediction. Band and bars hold predictions as they "
                    "are.",
                    alt=f"Calibration of {' and '.join(names)}.",
                ),
                x=Axis(title=f"Predicted risk{by}"),
                y=Axis(title=f"Observed risk{by}"),
            ),
        ),
    )


def decision_plots(models: Sequence[ModelResult]) -> tuple[Plot, ...]:
    """Decision curves of some models on the thresholds of the first."""
    found = [(one, one.decision) for one in models if one.decision is not None]
    if not found:
        return ()
    first = found[0][1]
    together = [
        pair
        for pair in found
        if (pair[1].horizon_days, pair[1].thresholds) == (first.horizon_days, first.thresholds)
    ]
    names = [model.model for model, _ in together]
    return (
        Plot(
            file=named("decision", found[0][0].endpoint, *names),
            chart=decision_chart(
                [_benefit(model, one, band=n == 0) for n, (model, one) in enumerate(together)],
                words=Words(
                    title=f"{found[0][0].endpoint}: decision curves.",
                    caption=f"Net benefit of acting on a predicted risk{on_day(first.horizon_days)}"
                    f" above the threshold; band: interval of {names[0]}; hollow points: those "
                    "acted on were not followed to the horizon.",
                    alt=f"Net benefit of {', '.join(names)} over thresholds.",
                ),
                x=Axis(title="Threshold of risk"),
                thresholds=np.array(first.thresholds),
                treat_all=np.array(first.treat_all),
            ),
        ),
    )


def instability_plots(model: ModelResult) -> tuple[Plot, ...]:
    """Range of refitted predictions of every participant."""
    found = model.instability
    if found is None or not found.rows:
        return ()
    return (
        Plot(
            file=named("instability", model.endpoint, model.model),
            chart=instability_chart(
                np.array([row.risk for row in found.rows]),
                words=Words(
                    title=f"{model.model} on {model.endpoint}: instability.",
                    caption="A bar a participant: range of risks by models built anew.",
                    alt=f"Ranges of refitted predictions of {len(found.rows)} participants.",
                ),
                x=Axis(title=f"Risk by the final model{on_day(found.horizon_days)}"),
                low=np.array([row.low for row in found.rows]),
                high=np.array([row.high for row in found.rows]),
            ),
        ),
    )


def _drawn(model: ModelResult, one: CalibrationResult) -> CalibrationDrawn:
    band = bool(one.low)
    return CalibrationDrawn(
        name=model.model,
        predicted=np.array(one.predicted),
        observed=np.array(one.observed),
        risks=np.array(one.risks),
        groups=tuple((p.predicted, p.observed, p.low, p.high, p.participants) for p in one.groups),
        low=np.array(one.low) if band else None,
        high=np.array(one.high) if band else None,
    )


def _benefit(model: ModelResult, one: DecisionResult, *, band: bool) -> BenefitCurve:
    band = band and bool(one.low)
    return BenefitCurve(
        name=model.model,
        net_benefit=np.array(one.net_benefit),
        low=np.array(one.low) if band else None,
        high=np.array(one.high) if band else None,
        uncertain=np.array(one.uncertain) if one.uncertain else None,
    )


def _calibration(models: Sequence[ModelResult]) -> Listing:
    reasons = Reasons()
    rows = []
    numbers = []
    columns = ("Slope", "Observed / expected", "ICI", "E50", "E90")
    for model in models:
        one = model.calibration
        if one is None:
            continue
        found = (one.slope, one.observed_over_expected, one.ici, one.e50, one.e90)
        digits = (2, 2, 3, 3, 3)
        shown = [reasons.shown(e, digits=d) for e, d in zip(found, digits, strict=True)]
        rows.append((model.model, *shown))
        numbers += [
            (model.model, name, one.horizon_days, *of_estimate(e))
            for name, e in zip((*columns, "Intercept"), (*found, one.intercept), strict=True)
        ]
    return a_listing(
        named("calibration-numbers", models[0].endpoint),
        caption="Calibration in numbers",
        columns=("Model", *columns),
        rows=rows,
        header=("model", "measure", "horizon days", "value", "low", "high", "reason"),
        numbers=numbers,
        notes=reasons.notes(),
    )


def _instability(model: ModelResult, found: InstabilityResult) -> Listing:
    moved = sorted(found.rows, key=lambda row: (-row.mean_difference, row.participant))
    shares = [f"Across {threshold:g}" for threshold in found.thresholds]
    return a_listing(
        named("instability-participants", model.endpoint, model.model),
        caption="Predictions that move most",
        columns=("Participant", "Risk", "Range", "Mean difference", *shares),
        rows=[
            (
                row.participant,
                fixed(row.risk, digits=2),
                f"{fixed(row.low, digits=2)} to {fixed(row.high, digits=2)}",
                fixed(row.mean_difference, digits=3),
                *(f"{100.0 * share:.0f} %" for share in row.changed_class),
            )
            for row in moved[:_MOVED_MOST]
        ],
        header=("participant", "risk", "low", "high", "mean difference", *shares),
        numbers=[
            (
                row.participant,
                row.risk,
                row.low,
                row.high,
                row.mean_difference,
                *row.changed_class,
            )
            for row in moved
        ],
        notes=(
            "Across: share of refits on the other side of that threshold. All participants are "
            "in the CSV.",
        ),
    )


def _within(days: float) -> str:
    return f" within {days:g} days"
