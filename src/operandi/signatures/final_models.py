"""Models fitted to everybody by the plan's recipe: their terms, refits, and how far risks move."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.special import expit

from operandi.quantities.errors import DataError, OperandiError
from operandi.signatures.candidates_of import UNPENALIZED, ModelRecipe
from operandi.signatures.cox.newton import fit_cox
from operandi.signatures.data import Floats, IntervalCensored, Predictors, RightCensored
from operandi.signatures.described import numbers
from operandi.signatures.final_fit import FinalFit, RefittedModel
from operandi.signatures.logistic import fit_logistic
from operandi.signatures.metrics.estimate import normal_quantile
from operandi.signatures.metrics.instability import prediction_instability
from operandi.signatures.metrics.rubin import pool_rubin
from operandi.signatures.preparation.chain import predictors_at
from operandi.signatures.preparation.filters import LearnedSelection
from operandi.signatures.preparation.guard import LeakError
from operandi.signatures.preparation.imputation import LearnedImputation
from operandi.signatures.resampling.candidates import FittedCandidate, prepared
from operandi.signatures.resampling.folds import Stratify, deal_folds, generator_of
from operandi.signatures.resampling.nested import (
    NestedEvaluation,
    Progress,
    breslow_hazard,
    fold_seed,
    in_threads,
)
from operandi.signatures.results_cohort import Estimated
from operandi.signatures.results_models import (
    DroppedColumn,
    FinalModelResult,
    FinalTerm,
    InstabilityResult,
    InstabilityRow,
)
from operandi.signatures.survival.baselines import WeibullBaseline
from operandi.signatures.survival.interval_hazards import fit_interval_hazards

_PENALIZED: Final = Estimated(value=None, reason="a penalty biases it: no interval")
_NO_INTERVALS: Final = Estimated(value=None, reason="the day of each event is known")


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalPlan:
    """How final models are fitted.

    Parameters
    ----------
    horizons : tuple of float
    inner : int
        Folds by which penalties are tuned.
    refits : int
        On bootstrap samples.
    imputations : int
        Over which coefficients of unpenalized models are pooled.
    seed : int
    level : float
    timed : bool
        False of a yes/no endpoint.
    stratify : str
        In what the folds of tuning are even.
    """

    horizons: tuple[float, ...]
    inner: int
    refits: int
    imputations: int
    seed: int
    level: float
    timed: bool = True
    stratify: Stratify = "event"


def final_fit(  # noqa: PLR0913 - what an analysis plan fixes
    planned: ModelRecipe,
    predictors: Predictors,
    outcome: RightCensored,
    *,
    endpoint: str,
    plan: FinalPlan,
    threads: int = 1,
    progress: Progress | None = None,
) -> FinalFit:
    """Fit a model to everybody, and anew to bootstrap samples of them.

    Parameters
    ----------
    planned : ModelRecipe
    predictors : Predictors
        Its columns, of the rows of ``outcome``.
    outcome : RightCensored
    endpoint : str
        Code.
    plan : FinalPlan
    threads : int
        The result does not depend on it.

    Raises
    ------
    DataError
        If the recipe cannot be fitted to everybody.
    """
    # Of yes/no all times are one: there is no day, and the linear predictor is the log odds.
    days = np.unique(outcome.time[outcome.event]) if plan.timed else np.empty(0)
    everyone = np.arange(outcome.time.size)
    whole = _rebuilt(planned, predictors, outcome, everyone, days=days, plan=plan, number=0)

    def one(number: int) -> RefittedModel | None:
        generator = generator_of(plan.seed, 8, number)
        rows = np.sort(generator.integers(0, everyone.size, everyone.size))
        try:
            return _rebuilt(planned, predictors, outcome, rows, days=days, plan=plan, number=number)
        except LeakError:
            raise
        except OperandiError:
            return None

    found = in_threads(one, range(1, plan.refits + 1), threads=threads, progress=progress)
    return FinalFit(
        model=planned.model.code,
        endpoint=endpoint,
        fitted=whole.fitted,
        days=days,
        hazard=whole.hazard,
        horizons=plan.horizons,
        training=predictors,
        outcome=outcome,
        refits=tuple(refit for refit in found if refit is not None),
    )


def final_result(
    planned: ModelRecipe,
    final: FinalFit,
    nested: NestedEvaluation,
    *,
    intervals: IntervalCensored | None,
    plan: FinalPlan,
    logged: Collection[str] = (),
) -> tuple[FinalModelResult, FinalFit]:
    """Say what a final model is made of; *logged* columns are logarithms of what was measured.

    Returns
    -------
    FinalModelResult, FinalFit
        The fit with coefficients pooled over imputations, where there are several.
    """
    if planned.model.kind == "cox":
        pooled = _pooled(planned, final, plan=plan)
        if plan.imputations > 1 and pooled.pooled:
            final = _with_coefficients(final, pooled.coefficients)
        ratios, reason = pooled.ratios, pooled.reason
    else:
        ratios, reason = {}, _PENALIZED.reason
    fitted, used = final.fitted, _prepared_rows(final)
    blocks = dict(zip(used.names, used.blocks, strict=True))
    by_interval, slope = _under_intervals(final, used, intervals, planned=planned, plan=plan)
    terms = []
    for name, value in zip(fitted.names, fitted.coefficients, strict=True):
        if value == 0.0:
            continue
        bare = blocks[name].endswith(UNPENALIZED) or not planned.selects
        terms.append(
            FinalTerm(
                name=name,
                block=blocks[name].removesuffix(UNPENALIZED),
                coefficient=float(value),
                ratio=ratios.get(name, Estimated(value=float(np.exp(value)), reason=reason)),
                selected_share=None if bare else nested.selected.get(name, 0.0),
                unpenalized=bare,
                interval_ratio=by_interval.get(name, slope_only(intervals)),
                logged=name in logged,
            )
        )
    penalty = fitted.details.get("penalty")
    return FinalModelResult(
        terms=tuple(terms),
        candidates=len(fitted.names),
        penalty=None if penalty is None else float(penalty),
        imputations=plan.imputations if planned.model.kind == "cox" else 1,
        interval_slope=slope,
        dropped=dropped_columns(fitted),
    ), final


def dropped_columns(fitted: FittedCandidate) -> tuple[DroppedColumn, ...]:
    """Columns that the preparation of a fit left out, each with the reason of its step."""
    if fitted.chain is None:
        return ()
    told: dict[str, str] = {}
    for part in fitted.chain.learned.parts:
        step = part.learned
        if isinstance(step, LearnedSelection):
            told |= {name: why or f"by the step {step.by}" for name, why in step.dropped.items()}
        elif isinstance(step, LearnedImputation):
            told |= step.left_out
    return tuple(
        DroppedColumn(name=name, reason=told.get(name, "left out by the plan's preparation"))
        for name in fitted.columns
        if name not in fitted.names
    )


def slope_only(intervals: IntervalCensored | None) -> Estimated:
    """Why a term has no ratio of its own under interval censoring."""
    return _NO_INTERVALS if intervals is None else _PENALIZED


def instability_result(
    final: FinalFit,
    *,
    horizon: float | None,
    thresholds: tuple[float, ...],
    asked: int,
    level: float,
) -> InstabilityResult:
    """Risks of the participants by the final model and its refits.

    Parameters
    ----------
    final : FinalFit
    horizon : float or None
        Day of the risk; None of a yes/no endpoint.
    thresholds : tuple of float
    asked : int
        Refits that were asked for.
    level : float
        Of the ranges.

    Raises
    ------
    DataError
        If fewer than two refits could be made.
    """
    place = None if horizon is None else int(np.searchsorted(final.days, horizon, "right")) - 1
    refitted = np.array(
        [_risks(one.fitted, one.hazard, final.training, place) for one in final.refits]
    )
    original = _risks(final.fitted, final.hazard, final.training, place)
    if len(refitted) < 2:
        raise DataError(f"Instability needs two refits; {len(refitted)} could be made.")
    found = prediction_instability(
        original, refitted, thresholds=np.array(thresholds, dtype=np.float64), level=level
    )
    return InstabilityResult(
        horizon_days=horizon,
        thresholds=thresholds,
        refits=found.refits,
        failed=asked - found.refits,
        average=found.average,
        rows=tuple(
            InstabilityRow(
                participant=str(who),
                risk=float(found.original[row]),
                low=float(found.low[row]),
                high=float(found.high[row]),
                mean_difference=float(found.mean_absolute_difference[row]),
                changed_class=numbers(found.changed_class[row]),
            )
            for row, who in enumerate(final.training.participants)
        ),
    )


def _rebuilt(  # noqa: PLR0913
    planned: ModelRecipe,
    predictors: Predictors,
    outcome: RightCensored,
    rows: np.ndarray,
    *,
    days: Floats,
    plan: FinalPlan,
    number: int,
) -> RefittedModel:
    learning = predictors_at(predictors, rows)
    part = RightCensored(time=outcome.time[rows], event=outcome.event[rows])
    folds = deal_folds(
        learning.participants,
        part.event,
        folds=plan.inner,
        generator=generator_of(plan.seed, 7, number),
        sites=learning.sites,
        stratify=plan.stratify,
    )
    seed = fold_seed(plan.seed, repeat=number, fold=0)
    fitted = planned.candidate.fit(learning, part, inner=folds, seed=seed)
    eta = fitted.predictor(learning, trained=True)
    return RefittedModel(fitted=fitted, hazard=breslow_hazard(part.time, part.event, eta, days))


def _risks(fitted: FittedCandidate, hazard: Floats, rows: Predictors, place: int | None) -> Floats:
    """Risks of the participants, whether the fit has seen them or not."""
    seen = _seen(fitted, rows)
    eta = np.empty(seen.size)
    for side, trained in ((seen, True), (~seen, False)):
        at = np.flatnonzero(side)
        if at.size:
            eta[at] = fitted.predictor(predictors_at(rows, at), trained=trained)
    if place is None:
        return np.asarray(expit(eta))
    reached = hazard[place] if place >= 0 else 0.0
    return np.asarray(-np.expm1(-np.exp(np.clip(eta, -50.0, 50.0)) * reached))


def _seen(fitted: FittedCandidate, rows: Predictors) -> np.ndarray:
    if fitted.chain is None:
        return np.ones(len(rows.participants), dtype=np.bool_)
    seen = set(fitted.chain.seen.among(rows.participants))
    return np.array([one in seen for one in rows.participants], dtype=np.bool_)


def _prepared_rows(final: FinalFit) -> Predictors:
    """The training rows as the final model sees them."""
    if final.fitted.chain is None:
        return final.training
    return final.fitted.chain.apply(final.training, role="training")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Pooled:
    ratios: dict[str, Estimated]
    coefficients: dict[str, float]
    pooled: bool
    reason: str


def _pooled(planned: ModelRecipe, final: FinalFit, *, plan: FinalPlan) -> _Pooled:
    """Coefficients with intervals; by Rubin's rules over draws of the missing values."""
    draws = []
    for number in range(plan.imputations):
        seed = fold_seed(plan.seed, repeat=0, fold=number)
        try:
            _, rows = prepared(
                final.training,
                planned.candidate.columns,
                planned.candidate.chain,
                outcome=final.outcome,
                seed=seed,
            )
            draws.append(_fitted_terms(rows, final.outcome, binary=not plan.timed))
        except OperandiError as refusal:
            return _Pooled(ratios={}, coefficients={}, pooled=False, reason=str(refusal))
    names = draws[0][0]
    if any(one[0] != names for one in draws):
        why = "imputations left different columns, so that nothing can be pooled"
        return _Pooled(ratios={}, coefficients={}, pooled=False, reason=why)
    values = np.array([one[1] for one in draws])
    variances = np.array([one[2] for one in draws])
    if len(draws) > 1:
        complete = max(len(final.training.participants) - len(names), 1)
        found = pool_rubin(values, variances, complete_degrees_of_freedom=complete)
        center, (low, high) = found.value, found.interval(level=plan.level)
        error = np.sqrt(found.variance)
    else:
        center, error = values[0], np.sqrt(variances[0])
        half = normal_quantile(level=plan.level) * error
        low, high = center - half, center + half
    ratios = {
        name: Estimated(
            value=float(np.exp(center[at])),
            low=float(np.exp(low[at])),
            high=float(np.exp(high[at])),
            standard_error=float(error[at]),
        )
        for at, name in enumerate(names)
    }
    every = {name: float(center[at]) for at, name in enumerate(names)}
    return _Pooled(ratios=ratios, coefficients=every, pooled=True, reason="")


def _fitted_terms(
    rows: Predictors, outcome: RightCensored, *, binary: bool
) -> tuple[tuple[str, ...], Floats, Floats]:
    if binary:
        yes = fit_logistic(outcome.event, rows.values, names=rows.names)
        return rows.names, yes.coefficients, np.diag(yes.covariance)[1:]
    fit = fit_cox(outcome, rows.values, names=rows.names)
    return rows.names, fit.coefficients, fit.standard_errors**2


def _with_coefficients(final: FinalFit, coefficients: dict[str, float]) -> FinalFit:
    """The final fit with pooled coefficients: what is foretold is of them all."""
    fitted = final.fitted
    if not final.days.size or set(coefficients) != set(fitted.names):
        return final
    beta = np.array([coefficients[name] for name in fitted.names])
    rows = _prepared_rows(final)
    place = {name: at for at, name in enumerate(rows.names)}
    values = rows.values[:, [place[name] for name in fitted.names]]
    center = float(values.mean(axis=0) @ beta)
    hazard = breslow_hazard(
        final.outcome.time, final.outcome.event, values @ beta - center, final.days
    )
    return replace(final, fitted=replace(fitted, coefficients=beta, center=center), hazard=hazard)


def _under_intervals(
    final: FinalFit,
    used: Predictors,
    intervals: IntervalCensored | None,
    *,
    planned: ModelRecipe,
    plan: FinalPlan,
) -> tuple[dict[str, Estimated], Estimated]:
    """Terms, and the slope of the linear predictor, in one likelihood of intervals."""
    if intervals is None:
        return {}, _NO_INTERVALS
    eta = final.fitted.predictor(final.training, trained=True)
    slope = _interval_terms(intervals, eta[:, None], plan=plan)
    if planned.model.kind != "cox":
        return {}, slope[0]
    place = {name: at for at, name in enumerate(used.names)}
    names = final.fitted.names
    values = np.ascontiguousarray(used.values[:, [place[name] for name in names]])
    each = _interval_terms(intervals, values, plan=plan)
    return {name: _as_ratio(one) for name, one in zip(names, each, strict=True)}, slope[0]


def _interval_terms(
    intervals: IntervalCensored, values: Floats, *, plan: FinalPlan
) -> list[Estimated]:
    try:
        fit = fit_interval_hazards(intervals, values, baseline=WeibullBaseline())
    except (OperandiError, np.linalg.LinAlgError) as refusal:
        return [Estimated(value=None, reason=str(refusal))] * values.shape[1]
    errors = fit.standard_errors
    if errors is None:
        return [Estimated(value=None, reason=fit.covariance_reason)] * values.shape[1]
    z = normal_quantile(level=plan.level)
    return [
        Estimated(
            value=float(value),
            low=float(value - z * error),
            high=float(value + z * error),
            standard_error=float(error),
        )
        for value, error in zip(fit.coefficients, errors, strict=True)
    ]


def _as_ratio(found: Estimated) -> Estimated:
    if found.value is None or found.low is None or found.high is None:
        return found
    return Estimated(
        value=float(np.exp(found.value)),
        low=float(np.exp(found.low)),
        high=float(np.exp(found.high)),
        standard_error=found.standard_error,
    )
