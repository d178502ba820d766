"""The risk of one participant by a model card: with an interval, and what drove it.

``risk(t) = 1 - exp(-H(t) exp(eta))``, ``eta = sum_j b_j x_j - center`` over prepared columns, *H*
the cumulative baseline hazard of the card; of a yes/no endpoint ``1 / (1 + exp(-eta))``. A term
contributes ``b_j (x_j - r_j)``, with *r* the training means: the reference participant. Of several
fits, and of several draws of a missing value, *eta* and the contributions are means [1]_.
Intervals: ``prediction_interval``.

References
----------
.. [1] Mertens, Banzato & de Wreede, Biom J 62:724, 2020.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from scipy.special import expit

from operandi.quantities.errors import DataError
from operandi.signatures.card import ModelCard
from operandi.signatures.card_chain import drivers_of_all, harmonized_by
from operandi.signatures.data import Floats
from operandi.signatures.given_values import GivenParticipant
from operandi.signatures.prediction_checks import (
    CheckedValues,
    PredictionRefusal,
    checked_values,
    refuse_for,
)
from operandi.signatures.prediction_interval import (
    ParticipantRow,
    Refitted,
    column_medians,
    draws_each,
    interval_absent_because,
    interval_words,
    refitted_predictors,
    risk_interval,
    risks_at,
)
from operandi.signatures.preparation.guard import SeenParticipants

APPARENT: Final = "apparent"
NEW: Final = "new"


@dataclass(frozen=True, slots=True, kw_only=True)
class TermContribution:
    """What a term adds to the log relative hazard (log odds) of the reference participant.

    Parameters
    ----------
    name, unit : str
        Column, and the unit of ``value``.
    value : float or None
        As the model takes it, before preparation; None where it was missing and filled.
    contribution : float
        ``b (x - r)``, the mean over fits and draws.
    """

    name: str
    unit: str
    value: float | None
    contribution: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HorizonRisk:
    """Risk of the event by a day.

    Parameters
    ----------
    day : float or None
        Since time zero; None of a yes/no endpoint.
    risk : float
    low, high : float or None
        Interval; None with ``IndividualPrediction.interval_reason``.
    reference : float
        Risk of the reference participant.
    """

    day: float | None
    risk: float
    low: float | None
    high: float | None
    reference: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskCurve:
    """Risk by each day on which there was an event in training; a step function, 0 before.

    ``low`` and ``high`` are empty where there is no interval.
    """

    days: tuple[float, ...]
    risk: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    reference: tuple[float, ...]
    last_day: float


@dataclass(frozen=True, slots=True, kw_only=True)
class IndividualPrediction:
    """What a card foretells of one participant.

    Parameters
    ----------
    participant, site : str
    label : {"new", "apparent"}
        ``"apparent"`` of a participant whom the model has learned from: such a risk fits too well.
    predictor : float
        Log relative hazard (log odds).
    horizons : tuple of HorizonRisk
    beyond : tuple of float
        Days of the plan that cannot be foretold, as they lie after follow-up in training.
    curve : RiskCurve or None
        None of a yes/no endpoint.
    contributions : tuple of TermContribution
        The largest first.
    reference_predictor : float
        Predictor of the reference participant; with the contributions it adds up to ``predictor``.
    level : float
        Of intervals.
    interval_from : str
        Where they come from, in words; empty where there is none.
    interval_reason : str
        Why there is none; else empty.
    notes : tuple of str
        What must be said beside the risk.
    """

    participant: str
    site: str
    label: Literal["new", "apparent"]
    predictor: float
    horizons: tuple[HorizonRisk, ...]
    beyond: tuple[float, ...]
    curve: RiskCurve | None
    contributions: tuple[TermContribution, ...]
    reference_predictor: float
    level: float
    interval_from: str
    interval_reason: str
    notes: tuple[str, ...]


def predict(
    card: ModelCard, given: GivenParticipant, *, apparent: bool = False, level: float = 0.95
) -> IndividualPrediction:
    """Foretell the risk of one participant.

    Parameters
    ----------
    card : ModelCard
    given : GivenParticipant
        Values by the card's columns; those without influence may be left out.
    apparent : bool
        Allow a participant whom the model has learned from; the risk is labeled so.
    level : float, within (0, 1)
        Of intervals.

    Raises
    ------
    PredictionRefusedError
        If the participant was seen in training, a value is missing that nothing fills, is outside
        what was seen, has another unit, or the preparation refuses it; every reason is named.
    """
    if not 0.0 < level < 1.0:
        raise DataError(f"An interval needs a level within (0, 1); found {level:g}.")
    seen = bool(SeenParticipants(frozenset(card.seen)).among((given.participant,)))
    checked = checked_values(card, given)
    refusals = checked.refusals
    if seen and not apparent:
        refusals = (_seen_refusal(card, given.participant), *refusals)
    refuse_for(refusals, participant=given.participant)
    row = ParticipantRow(given=given, values=checked.values, medians=column_medians(card))
    try:
        drawn = _drawn(card, row)
    except DataError as error:
        refuse_for((_preparation_refusal(error),), participant=given.participant)
        raise
    refuse_for(_joint_refusals(card, drawn.first), participant=given.participant)
    eta, refits = drawn.mean, refitted_predictors(card, row)
    return IndividualPrediction(
        participant=given.participant,
        site=given.site,
        label=APPARENT if seen else NEW,
        predictor=eta,
        horizons=_horizons(card, eta, refits, level=level),
        beyond=card.endpoint.beyond_days,
        curve=None if card.endpoint.binary else _curve(card, eta, refits, level=level),
        contributions=_contributions(card, checked.values, drawn.parts),
        reference_predictor=_reference(card),
        level=level,
        interval_from="" if refits.reason else interval_words(refits),
        interval_reason=interval_absent_because(refits, level=level),
        notes=tuple(_notes(card, given, checked, drawn, seen=seen)),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Drawn:
    """Predictors by every fit and draw, and their mean of fits; what goes with them.

    ``parts`` are ``b x`` of each term, the mean of all; ``first`` is what the first fit prepared.
    """

    eta: Floats
    mean: float
    parts: Mapping[str, float]
    first: Mapping[str, float]


def _drawn(card: ModelCard, row: ParticipantRow) -> _Drawn:
    eta: list[Floats] = []
    parts = {one.name: 0.0 for one in card.terms}
    first: dict[str, float] = {}
    for number, fit in enumerate(card.fits):
        found, prepared = row.predictors(fit, draws=draws_each(len(card.fits)))
        means = dict(zip(fit.coefficients, prepared.mean(axis=0).tolist(), strict=True))
        eta.append(found)
        for name, slope in fit.coefficients.items():
            parts[name] += slope * means[name] / len(card.fits)
        if number == 0:
            first = means
    # Each fit counts alike, however many draws it has.
    mean = float(np.mean([one.mean() for one in eta]))
    return _Drawn(eta=np.concatenate(eta), mean=mean, parts=parts, first=first)


def _horizons(
    card: ModelCard, eta: float, refits: Refitted, *, level: float
) -> tuple[HorizonRisk, ...]:
    days: tuple[float | None, ...] = (None,) if card.endpoint.binary else card.endpoint.horizon_days
    reference = _reference(card)
    if card.endpoint.binary:
        risk, at_reference = np.array([expit(eta)]), np.array([expit(reference)])
        refitted = expit(refits.eta)[:, None]
    else:
        places = np.searchsorted(card.days, card.endpoint.horizon_days, side="right")
        base = np.concatenate(([0.0], card.hazard))[places]
        risk, at_reference = risks_at(eta, base), risks_at(reference, base)
        refitted = np.empty((0, len(days)))
        if refits.eta.size:
            rows = np.hstack((np.zeros((refits.eta.size, 1)), refits.hazard))
            refitted = risks_at(refits.eta[:, None], rows[:, places])
    low, high = np.empty(0), np.empty(0)
    if not interval_absent_because(refits, level=level):
        low, high = risk_interval(refitted, level=level)
    return tuple(
        HorizonRisk(
            day=day,
            risk=float(risk[at]),
            low=float(low[at]) if low.size else None,
            high=float(high[at]) if high.size else None,
            reference=float(at_reference[at]),
        )
        for at, day in enumerate(days)
    )


def _curve(card: ModelCard, eta: float, refits: Refitted, *, level: float) -> RiskCurve:
    hazard = np.array(card.hazard)
    risk = risks_at(eta, hazard)
    low, high = np.empty(0), np.empty(0)
    if not interval_absent_because(refits, level=level):
        refitted = risks_at(refits.eta[:, None], refits.hazard)
        low, high = risk_interval(refitted, level=level)
    assert card.endpoint.last_day is not None  # noqa: S101 - faults of a card have been told
    return RiskCurve(
        days=card.days,
        risk=tuple(risk.tolist()),
        low=tuple(low.tolist()),
        high=tuple(high.tolist()),
        reference=tuple(risks_at(_reference(card), hazard).tolist()),
        last_day=card.endpoint.last_day,
    )


def _reference(card: ModelCard) -> float:
    center = sum(one.center for one in card.fits) / len(card.fits)
    return float(sum(one.reference for one in card.terms) - center)


def _contributions(
    card: ModelCard, values: Mapping[str, float], parts: Mapping[str, float]
) -> tuple[TermContribution, ...]:
    found = [
        TermContribution(
            name=one.name,
            unit=f"ln({card.column(one.name).unit or '1'})"
            if card.column(one.name).logged
            else card.column(one.name).unit,
            value=values.get(one.name),
            contribution=parts[one.name] - one.reference,
        )
        for one in card.terms
    ]
    return tuple(sorted(found, key=lambda one: -abs(one.contribution)))


def _seen_refusal(card: ModelCard, participant: str) -> PredictionRefusal:
    return PredictionRefusal(
        kind="seen",
        column="",
        what=f"{card.model} has learned from {participant}: its risk would fit too well.",
        remedy="Read the out-of-fold risk in result.json; or allow an apparent one "
        "(--apparent), which is labeled so.",
    )


def _preparation_refusal(error: DataError) -> PredictionRefusal:
    return PredictionRefusal(kind="preparation", column="", what=error.what, remedy=error.remedy)


def _joint_refusals(
    card: ModelCard, prepared: Mapping[str, float]
) -> tuple[PredictionRefusal, ...]:
    joint = card.joint
    if joint is None:
        return ()
    away = np.array([prepared[name] for name in joint.terms]) - np.array(joint.mean)
    leverage = 1.0 / joint.rows + float(away @ np.array(joint.inverse) @ away)
    # The very rows of training lie inside, whatever rounding does.
    if leverage <= joint.cut * (1.0 + 1e-9):
        return ()
    return (
        PredictionRefusal(
            kind="joint",
            column="",
            what=f"Each value was seen, but not together: the leverage is {leverage:.3g}, and that "
            f"of no training participant exceeds {joint.cut:.3g}.",
            remedy="Nothing is known there: the card does not speak of this participant.",
        ),
    )


def _notes(
    card: ModelCard,
    given: GivenParticipant,
    checked: CheckedValues,
    drawn: _Drawn,
    *,
    seen: bool,
) -> list[str]:
    notes = list(checked.notes)
    if seen:
        notes.insert(0, "Apparent: the model has learned from this participant.")
    if card.endpoint.beyond_days:
        notes.append(_beyond(card))
    drivers = drivers_of_all(card.fits)
    if filled := [name for name in drivers if name not in checked.values]:
        notes.append(_filled(card, filled, drawn))
    learned = harmonized_by(card.fits)
    if learned is not None and given.site not in learned["sites"]:
        notes.append(f"The site {given.site} is unknown to the model: its values are unadjusted.")
    if card.joint is None:
        notes.append(f"Whether values were seen together is not checked: {card.joint_reason}.")
    if card.label == "exploratory":
        notes.append(f"The model is exploratory: {'; '.join(card.reasons)}.")
    if card.verdict is not None:
        notes.append(card.verdict.sentence)
    return notes


def _beyond(card: ModelCard) -> str:
    days = ", ".join(f"{day:g}" for day in card.endpoint.beyond_days)
    return (
        f"Not foretold, though the plan asks for it: the risk by day {days}. Follow-up in training "
        f"ends on day {card.endpoint.last_day:g}, and nothing is known after it."
    )


def _filled(card: ModelCard, names: list[str], drawn: _Drawn) -> str:
    said = f"Missing, and filled as in training: {', '.join(names)}."
    if drawn.eta.size == len(card.fits):
        return f"{said} Nothing is drawn: the interval takes the filled value as known."
    of = "odds" if card.endpoint.binary else "hazard"
    return (
        f"{said} The predictor is the mean of {drawn.eta.size} draws; between them the log {of} "
        f"has a standard deviation of {drawn.eta.std(ddof=1):.2g}, which widens the interval."
    )
