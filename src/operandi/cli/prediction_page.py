"""The page of one participant's risk."""

import math
from typing import Final

import numpy as np

from operandi.reports.charts import Axis, Words
from operandi.reports.page import PageSection, PageTable, render_page
from operandi.reports.prediction_charts import (
    ContributionBar,
    RiskDrawn,
    contribution_chart,
    risk_chart,
)
from operandi.reports.study_report import Figure
from operandi.signatures.card import ModelCard
from operandi.signatures.given_values import middle_words, seen_words
from operandi.signatures.prediction import APPARENT, IndividualPrediction, TermContribution
from operandi.signatures.results import SUPPORTED

_DRAWN: Final = 12
_METRICS: Final = {
    "harrell_c": "Harrell's C",
    "uno_c": "Uno's C",
    "auc": "AUC",
    "brier": "Brier score",
    "integrated_brier": "integrated Brier score",
    "slope": "calibration slope",
    "observed_over_expected": "observed over expected",
    "ici": "calibration error (ICI)",
}


def prediction_page(card: ModelCard, found: IndividualPrediction) -> str:
    """Draw a participant's risk, what drove it, and what the model may be used for."""
    label = "apparent risk" if found.label == APPARENT else "risk"
    return render_page(
        title=f"{found.participant}: {label} of {card.endpoint.code}",
        eyebrow="Operandi · research, no medical product",
        lead=f"{verdict_words(card)} {lead_words(card, found)}".strip(),
        sections=(_risk(card, found), _drivers(card, found), _model(card)),
    )


def lead_words(card: ModelCard, found: IndividualPrediction) -> str:
    """The risk at the last horizon in one sentence."""
    if not found.horizons:
        return "The plan has no day within follow-up in training: no risk can be foretold."
    last = found.horizons[-1]
    by = "" if last.day is None else f" by day {last.day:g} after {card.endpoint.time_zero}"
    apparent = "Apparent: the model has learned from this participant. " * (found.label == APPARENT)
    exploratory = "Exploratory. " * (card.label == "exploratory")
    return f"{apparent}{exploratory}{card.model}: {risk_words(last.risk, last.low, last.high)}{by}."


def verdict_words(card: ModelCard) -> str:
    """What the plan's rules said of the model, where that was not "supported"; else empty."""
    verdict = card.verdict
    if verdict is None or verdict.answer == SUPPORTED:
        return ""
    return f"Before the risk: the model is {verdict.answer}. {verdict.sentence}"


def risk_words(risk: float, low: float | None, high: float | None) -> str:
    """A risk with its interval, in percent."""
    interval = "" if low is None or high is None else f" ({100 * low:.0f} to {100 * high:.0f})"
    return f"{100 * risk:.0f} %{interval}"


def signed(contribution: float) -> str:
    """With a sign, which what rounds to nothing does not have."""
    rounded = round(contribution, 3)
    return f"{rounded:+.3f}" if rounded else "0.000"


def interval_note(card: ModelCard, found: IndividualPrediction) -> str:
    """Where the interval comes from, or why there is none."""
    if found.interval_reason:
        return f"No interval: {found.interval_reason}."
    return (
        f"{100 * found.level:g} % interval of the model, from {found.interval_from}. "
        f"{card.interval}"
    )


def value_words(card: ModelCard, term: TermContribution) -> str:
    """A term's value as one would say it, in its unit."""
    if term.value is None:
        return "missing, filled"
    column = card.column(term.name)
    code = next((name for name, at in column.levels.items() if at == term.value), "")
    shown = math.exp(term.value) if column.logged else term.value
    return code or f"{shown:.4g} {column.unit}".strip()


def _risk(card: ModelCard, found: IndividualPrediction) -> PageSection:
    figures: tuple[Figure, ...] = ()
    curve = found.curve
    if curve is not None:
        band = bool(curve.low)
        drawn = RiskDrawn(
            days=np.array(curve.days),
            risk=np.array(curve.risk),
            reference=np.array(curve.reference),
            low=np.array(curve.low) if band else None,
            high=np.array(curve.high) if band else None,
            last_day=curve.last_day,
            horizons=card.endpoint.horizon_days,
        )
        words = Words(
            title="Risk over time",
            caption="Risk of the event by each day, with the interval of the model. The reference "
            "participant has the training mean of every term. Dotted: the plan's horizons.",
            alt=f"Risk of {found.participant} over time. {lead_words(card, found)}",
        )
        x = Axis(title=f"days since {card.endpoint.time_zero}")
        figures = (risk_chart(drawn, words=words, x=x, y=Axis(title="risk")).figure,)
    rows = tuple(
        (
            "yes" if one.day is None else f"by day {one.day:g}",
            risk_words(one.risk, one.low, one.high),
            risk_words(one.reference, None, None),
        )
        for one in found.horizons
    ) + tuple((f"by day {day:g}", "not foretold", "not foretold") for day in found.beyond)
    return PageSection(
        title="Risk",
        figures=figures,
        tables=(
            PageTable(
                caption=f"Risk of {card.endpoint.kind} ({100 * found.level:g} % interval)",
                columns=("", "this participant", "reference participant"),
                rows=rows,
            ),
        ),
        notes=(interval_note(card, found), *found.notes),
    )


def _drivers(card: ModelCard, found: IndividualPrediction) -> PageSection:
    bars = [
        ContributionBar(name=one.name, value=value_words(card, one), contribution=one.contribution)
        for one in found.contributions[:_DRAWN]
    ]
    of = "log odds" if card.endpoint.binary else "log hazard"
    words = Words(
        title="What drove it",
        caption=f"What each term adds to the {of} of the reference participant: to the right it "
        "raises the risk. Association in these participants, not cause.",
        alt="; ".join(f"{one.name} {one.contribution:+.2f}" for one in bars),
    )
    chart = contribution_chart(bars, words=words, x=Axis(title=f"contribution to the {of}"))
    rows = tuple(
        (
            one.name,
            value_words(card, one),
            seen_words(card, one.name),
            middle_words(card, one.name),
            signed(one.contribution),
            f"{math.exp(one.contribution):.3g}",
        )
        for one in found.contributions
    )
    return PageSection(
        title="What drove it",
        figures=(chart.figure,),
        tables=(
            PageTable(
                caption="Terms, the largest contribution first",
                columns=(
                    "term",
                    "value",
                    "seen in training",
                    "middle half",
                    "contribution",
                    "ratio",
                ),
                rows=rows,
                of_words=("value", "seen in training", "middle half"),
            ),
        ),
    )


def _model(card: ModelCard) -> PageSection:
    who = card.population
    performance = tuple(
        (
            _METRICS.get(one.metric, one.metric),
            "" if one.horizon_days is None else f"{one.horizon_days:g}",
            one.reason if one.value is None else f"{one.value:.3f}",
            "" if one.low is None or one.high is None else f"{one.low:.3f} to {one.high:.3f}",
        )
        for one in card.performance
    )
    table = PageTable(
        caption="Performance on participants from whom nothing was learned",
        columns=("metric", "day", "value", "interval"),
        rows=performance,
        of_words=("value", "interval"),
    )
    return PageSection(
        title="The model",
        paragraphs=(
            card.intended_use,
            f"{card.model} ({card.model_title}), {card.label}. Learned from {who.participants} "
            f"participants with {who.events} events: {who.title}. What the plan checks of them: "
            f"{'; '.join(who.checked) or 'nothing further'}.",
            f"Not for {'; not for '.join(card.not_for)}.",
        ),
        tables=(table,) if performance else (),
        notes=(
            card.missing.policy,
            f"Plan {card.plan[:12]}, freeze {card.freeze[:12] or 'none'}, card {card.id[:12]}, "
            f"{card.program}.",
        ),
    )
