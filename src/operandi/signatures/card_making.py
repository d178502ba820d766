"""A model card from a final fit, the plan and what the analysis found."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

import numpy as np

from operandi.quantities.errors import DataError
from operandi.signatures.card import (
    CARD_FORMAT,
    CardColumn,
    CardEndpoint,
    CardFit,
    CardMissing,
    CardPerformance,
    CardPopulation,
    CardPredictor,
    CardTerm,
    CardVerdict,
    JointRange,
    ModelCard,
    TrainingRange,
    plain_tuples,
)
from operandi.signatures.card_chain import draws, filled_columns
from operandi.signatures.data import Floats, Predictors
from operandi.signatures.final_fit import FinalFit
from operandi.signatures.plan_format import (
    AnalysisPlan,
    ChangePredictor,
    PlannedEndpoint,
    Predictor,
    RecordedPredictor,
)
from operandi.signatures.preparation.guard import SeenParticipants
from operandi.signatures.resampling.candidates import FittedCandidate
from operandi.signatures.results import AnalysisResult, prognostic_under
from operandi.signatures.results_models import ModelResult

_UNPENALIZED: Final = ", unpenalized"
_FLAT: Final = 1e-10
NOT_FOR: Final = (
    "choosing a therapy: no two were compared, so that nothing is known of what another would "
    "have done",
    "participants who are not of the population, or lie outside the ranges",
    "diagnosis, or any decision that no person answers for: it is a research result",
)


class DescribedColumn(Protocol):
    """What the tables know of a column; ``tables.PlannedColumn`` is one."""

    @property
    def name(self) -> str:
        """Of the column."""

    @property
    def predictor(self) -> str:
        """Code in the plan."""

    @property
    def source(self) -> str:
        """Table and column, or kind and visit."""

    @property
    def unit(self) -> str:
        """Empty where none is stated."""

    @property
    def logged(self) -> bool:
        """Whether values are natural logarithms of the unit."""

    @property
    def levels(self) -> Mapping[str, float]:
        """Codes and their numbers."""


def made_card(
    final: FinalFit,
    *,
    plan: AnalysisPlan,
    columns: Sequence[DescribedColumn],
    result: AnalysisResult,
) -> ModelCard:
    """Make the card of a final model.

    Parameters
    ----------
    final : FinalFit
        With the refits that the interval of a risk comes from.
    plan : AnalysisPlan
        That it was fitted by.
    columns : sequence of DescribedColumn
        Of the training rows; others are passed over.
    result : AnalysisResult
        Performance and verdict are copied from it.

    Raises
    ------
    DataError
        If no column has a coefficient, the plan has no such model, or a column is not described.
    """
    planned = next((one for one in plan.endpoint if one.code == final.endpoint), None)
    model = next((one for one in plan.model if one.code == final.model), None)
    if planned is None or model is None:
        raise DataError(
            f"The plan has no model {final.model} of an endpoint {final.endpoint} to write down."
        )
    if not any(one.selected for one in final.fits):
        raise DataError(
            f"{final.model} has no column with a coefficient: there is nothing to predict with."
        )
    binary = planned.binary
    prepared = [_prepared(one, final.training) for one in final.fits]
    found = result.of_endpoint(final.endpoint)
    judged = next((one for one in found if one.model == final.model), None)
    joint, reason = _joint(prepared[0], final.fitted.selected)
    standing = result.standing
    return ModelCard(
        format=CARD_FORMAT,
        program=f"operandi {result.software}",
        title=plan.title,
        model=model.code,
        model_title=model.title,
        study=plan.study,
        plan=standing.digest,
        freeze=standing.freeze,
        label=standing.label,
        reasons=standing.reasons,
        intended_use=f"Research: it foretells {planned.kind} of new participants of the population "
        f"below. What it found is {prognostic_under(result.therapy)}.",
        not_for=NOT_FOR,
        verdict=_verdict(result, final),
        performance=() if judged is None else tuple(_performance(judged)),
        endpoint=_endpoint(final, plan, planned, result),
        population=_population(final, plan),
        missing=_missing(final.fits),
        terms=tuple(_terms(final.fits, prepared)),
        columns=_columns(final.training, final.fitted, plan=plan, columns=columns),
        days=() if binary else tuple(final.days.tolist()),
        hazard=() if binary else tuple(final.hazard.tolist()),
        fits=tuple(CardPredictor(**_said(one)) for one in final.fits),
        joint=joint,
        joint_reason=reason,
        interval=_interval(model.kind) if final.refits else "",
        refits=tuple(
            CardFit(**_said(one.fitted), hazard=() if binary else tuple(one.hazard.tolist()))
            for one in final.refits
        ),
        seen=tuple(sorted(SeenParticipants.of(set(final.training.participants)).marks)),
    )


def _interval(kind: str) -> str:
    """What the interval of a risk holds, as measured (``benchmarks.prediction_intervals``)."""
    said = (
        "It says where the risk lies by models that the same recipe learns from other "
        "participants, not what will happen."
    )
    if kind == "cox":
        return (
            f"{said} On made cohorts of 80 with all predictors of the truth in the model, 95 % "
            "intervals held the true risk in 93 %, of participants with a missing value in 84 %."
        )
    if kind == "given_score":
        return f"{said} It takes the score as it was given."
    return (
        f"{said} A penalty draws risks towards the mean, and the interval does not hold what it "
        "takes away. On made cohorts of 80 with three effects among ten columns, as fitted, with "
        "no factor of the inner folds, 95 % intervals held the recipe's mean risk in 95 %, but the "
        "true risk in 90 %, and in 76 % of participants with a missing value."
    )


def _prepared(fitted: FittedCandidate, training: Predictors) -> Predictors:
    chain = fitted.chain
    return training if chain is None else chain.apply(training, role="training")


def _said(fitted: FittedCandidate) -> dict[str, Any]:
    named = zip(fitted.names, fitted.coefficients.tolist(), strict=True)
    return {
        "coefficients": {name: value for name, value in named if value != 0.0},
        "center": float(fitted.center),
        "chain": None if fitted.chain is None else plain_tuples(_unnamed(fitted.chain.as_dict())),
        "spread": fitted.spread,
    }


def _unnamed(chain: dict[str, object]) -> dict[str, object]:
    """A chain without its own marks: the card has them once for all fits."""
    return chain | {"seen": []}


def _terms(fits: Sequence[FittedCandidate], prepared: Sequence[Predictors]) -> Iterator[CardTerm]:
    """Means over the fits; of those that did not select a column its coefficient is 0."""
    found: dict[str, list[tuple[float, float]]] = {}
    for fit, rows in zip(fits, prepared, strict=True):
        means = dict(zip(rows.names, rows.values.mean(axis=0).tolist(), strict=True))
        for name, value in zip(fit.names, fit.coefficients.tolist(), strict=True):
            if value != 0.0:
                found.setdefault(name, []).append((value, value * means[name]))
    for name, each in found.items():
        yield CardTerm(
            name=name,
            coefficient=sum(value for value, _ in each) / len(fits),
            reference=sum(at_mean for _, at_mean in each) / len(fits),
            share=len(each) / len(fits),
        )


def _joint(prepared: Predictors, terms: tuple[str, ...]) -> tuple[JointRange | None, str]:
    if not terms:
        return None, "the first fit has no term"
    place = {name: at for at, name in enumerate(prepared.names)}
    values = prepared.values[:, [place[name] for name in terms]]
    rows, size = values.shape
    if rows < size + 3:
        return None, f"{size} terms of {rows} rows: everybody lies at the edge"
    mean = values.mean(axis=0)
    centered = values - mean
    scale = np.sqrt(np.mean(np.square(centered), axis=0))
    if not (scale > 0.0).all():
        return None, "a term does not vary in training"
    gram = (centered / scale).T @ (centered / scale)
    if np.linalg.eigvalsh(gram)[0] <= _FLAT * rows:
        return None, "terms follow from one another"
    inverse = np.linalg.inv(gram) / np.outer(scale, scale)
    inverse = 0.5 * (inverse + inverse.T)
    leverage = 1.0 / rows + np.einsum("ni,ij,nj->n", centered, inverse, centered)
    if not leverage.max() < 1.0 - _FLAT:
        return None, "a training participant alone spans a direction"
    return JointRange(
        terms=terms,
        mean=tuple(mean.tolist()),
        inverse=tuple(map(tuple, inverse.tolist())),
        rows=rows,
        # Leverage in the design of the others, as a new participant's is.
        cut=float((leverage / (1.0 - leverage)).max()),
    ), ""


def _columns(
    training: Predictors,
    fitted: FittedCandidate,
    *,
    plan: AnalysisPlan,
    columns: Sequence[DescribedColumn],
) -> tuple[CardColumn, ...]:
    described = {one.name: one for one in columns}
    by_code = {one.code: one for _, one in plan.predictors()}
    found = []
    for name in fitted.columns:
        if name not in described or described[name].predictor not in by_code:
            raise DataError(
                f"A model card needs unit and source of every column; {name} is not described."
            )
        about, at = described[name], training.names.index(name)
        found.append(
            _column(
                about,
                training.values[:, at],
                block=training.blocks[at].removesuffix(_UNPENALIZED),
                known_at=_known_at(plan, by_code[about.predictor]),
            )
        )
    return tuple(found)


def _column(about: DescribedColumn, values: Floats, *, block: str, known_at: str) -> CardColumn:
    there = values[~np.isnan(values)]
    seen = None
    if there.size:
        five = np.quantile(there, (0.0, 0.25, 0.5, 0.75, 1.0)).tolist()
        seen = TrainingRange(
            minimum=five[0],
            lower_quartile=five[1],
            median=five[2],
            upper_quartile=five[3],
            maximum=five[4],
        )
    return CardColumn(
        name=about.name,
        block=block,
        source=about.source,
        known_at=known_at,
        unit=about.unit,
        logged=about.logged,
        levels=dict(sorted(about.levels.items())),
        known=int(there.size),
        missing=int(values.size - there.size),
        seen=seen,
        seen_levels=tuple(np.unique(there).tolist()) if about.levels else (),
    )


def _known_at(plan: AnalysisPlan, predictor: Predictor) -> str:
    if isinstance(predictor, ChangePredictor):
        return f"{predictor.from_} to {predictor.to}"
    if isinstance(predictor, RecordedPredictor):
        within = f", within {predictor.within_days} days" if predictor.within_days else ""
        return f"last entry up to {_time_zero(plan)}{within}"
    return predictor.at


def _time_zero(plan: AnalysisPlan) -> str:
    timing = plan.timing
    if timing.landmark is None:
        return timing.start
    return f"day {timing.landmark_day} after {timing.start} ({timing.landmark})"


def _endpoint(
    final: FinalFit, plan: AnalysisPlan, planned: PlannedEndpoint, result: AnalysisResult
) -> CardEndpoint:
    described = next((one for one in result.endpoints if one.code == planned.code), None)
    last = float(final.outcome.time.max())
    days = () if planned.binary else tuple(sorted({*planned.horizon_days, *final.horizons}))
    return CardEndpoint(
        code=planned.code,
        kind=planned.kind,
        rule="" if described is None else described.rule,
        time_zero=_time_zero(plan),
        binary=planned.binary,
        # Beyond the last day of follow-up nothing is known, and no risk is given.
        horizon_days=tuple(day for day in days if day <= last),
        beyond_days=tuple(day for day in days if day > last),
        last_day=None if planned.binary else last,
    )


def _population(final: FinalFit, plan: AnalysisPlan) -> CardPopulation:
    who = plan.population
    checked = [f"{who.cycles} or more cycles were given"] if who.cycles else []
    if who.site:
        checked.append(f"sites: {', '.join(who.site)}")
    if plan.timing.landmark is not None:
        checked.append(f"without the event and in follow-up on {_time_zero(plan)}")
    return CardPopulation(
        title=who.title,
        checked=tuple(checked),
        sites=tuple(sorted(set(final.training.sites))),
        participants=len(set(final.training.participants)),
        events=final.outcome.events,
    )


def _missing(fits: Sequence[FittedCandidate]) -> CardMissing:
    """A column can be filled where every fit fills it."""
    chains = [None if one.chain is None else one.chain.as_dict() for one in fits]
    each = [() if chain is None else filled_columns(chain) for chain in chains]
    filled = tuple(name for name in each[0] if all(name in names for names in each))
    if not filled:
        policy = "No value may be missing of a column with a coefficient."
    else:
        drawn = any(draws(chain) for chain in chains if chain is not None)
        policy = (
            "A missing value is filled as it was in training, from the participant's other values "
            "(imputation) or by the training median (median_fill), and never by 0; of other "
            "columns none may be missing."
            + " Imputation draws: the predictor is the mean of many draws."
            * drawn
        )
    return CardMissing(policy=policy, filled=filled)


def _performance(judged: ModelResult) -> Iterator[CardPerformance]:
    for one in judged.metrics:
        yield CardPerformance(
            metric=one.metric,
            horizon_days=one.horizon_days,
            value=one.estimate.value,
            low=one.estimate.low,
            high=one.estimate.high,
            reason=one.estimate.reason,
        )


def _verdict(result: AnalysisResult, final: FinalFit) -> CardVerdict | None:
    every = (*result.verdicts, result.verdict)
    mine = [one for one in every if (one.model, one.endpoint) == (final.model, final.endpoint)]
    if not mine:
        return None
    return CardVerdict(answer=mine[0].answer, word=mine[0].word, sentence=mine[0].sentence)
