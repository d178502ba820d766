"""Models fitted to everybody by the plan's recipe: their terms, refits, and how far risks move."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
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
from operandi.signatures.preparation.imputation import Imputation, LearnedImputation
from operandi.signatures.preparation.screening import ScoreScreen
from operandi.signatures.resampling.candidates import FewColumns, FittedCandidate
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

_NO_INTERVAL: Final = {
    "penalized": "a penalty biases it: no interval",
    "beside": "fitted beside columns that a penalty chose on the same data: no interval holds",
    "screened": "screening chose columns by the same outcome: no interval holds",
    "given": "the order is given, and only a slope above 0 is fitted: no interval",
}
_OF_SLOPE: Final = "the predictor was fitted to the same participants: no interval"
_EXACT: Final = "the endpoint gives each event one day"
_YES_NO: Final = "the endpoint is yes or no: it has no times"


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
        Over which predictions and coefficients are averaged where values are missing.
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

    Where a step draws missing values, the whole recipe, tuning and selection too, is run on each
    of several imputations, and the linear predictor is the mean of all: averaging predictions of
    whole fits needs no common columns and no variance of a coefficient, which Rubin's rules do
    [1]_, [2]_. A refit has one imputation of its own sample.

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

    References
    ----------
    .. [1] Mertens, Banzato & de Wreede, Biom J 62:724, 2020 (averaged predictions).
    .. [2] van Buuren, Flexible Imputation of Missing Data, 2nd ed., 2018, section 5.4 (variables
       selected on imputed data).
    """
    # Of yes/no all times are one: there is no day, and the linear predictor is the log odds.
    days = np.unique(outcome.time[outcome.event]) if plan.timed else np.empty(0)
    everyone = np.arange(outcome.time.size)
    whole = _rebuilt(planned, predictors, outcome, everyone, plan=plan, number=0)
    further = _further(planned, predictors, outcome, plan=plan, threads=threads)
    eta = np.mean([one.predictor(predictors, trained=True) for one in (whole, *further)], axis=0)

    def one(number: int) -> RefittedModel | None:
        generator = generator_of(plan.seed, 8, number)
        rows = np.sort(generator.integers(0, everyone.size, everyone.size))
        try:
            fit = _rebuilt(planned, predictors, outcome, rows, plan=plan, number=number)
        except LeakError:
            raise
        except OperandiError:
            return None
        part, learning = _part(outcome, rows), predictors_at(predictors, rows)
        base = breslow_hazard(part.time, part.event, fit.predictor(learning, trained=True), days)
        return RefittedModel(fitted=fit, hazard=base)

    found = in_threads(one, range(1, plan.refits + 1), threads=threads, progress=progress)
    return FinalFit(
        model=planned.model.code,
        endpoint=endpoint,
        fitted=whole,
        days=days,
        hazard=breslow_hazard(outcome.time, outcome.event, eta, days),
        horizons=plan.horizons,
        training=predictors,
        outcome=outcome,
        refits=tuple(refit for refit in found if refit is not None),
        further=further,
    )


def _further(
    planned: ModelRecipe,
    predictors: Predictors,
    outcome: RightCensored,
    *,
    plan: FinalPlan,
    threads: int,
) -> tuple[FittedCandidate, ...]:
    """Fits of the imputations after the first; those that cannot be fitted are left out."""
    if not _draws(planned, predictors):
        return ()
    everyone = np.arange(outcome.time.size)

    def one(draw: int) -> FittedCandidate | None:
        try:
            return _rebuilt(
                planned, predictors, outcome, everyone, plan=plan, number=0, imputation=draw
            )
        except LeakError:
            raise
        except OperandiError:
            return None

    found = in_threads(one, range(1, plan.imputations), threads=threads)
    return tuple(fit for fit in found if fit is not None)


def _draws(planned: ModelRecipe, predictors: Predictors) -> bool:
    """Whether a fit hangs on what is drawn: a step draws, and something is missing."""
    chain = planned.candidate.chain
    if chain is None or not np.isnan(predictors.values).any():
        return False
    return any(isinstance(on.step, Imputation) and on.step.draw for on in chain.steps)


def final_result(
    planned: ModelRecipe,
    final: FinalFit,
    nested: NestedEvaluation,
    *,
    intervals: IntervalCensored | None,
    plan: FinalPlan,
    logged: Collection[str] = (),
) -> FinalModelResult:
    """Say what a final model is made of; *logged* columns are logarithms of what was measured.

    Coefficients are means over imputations, 0 counted where one did not select the column: what
    the mean of the predictors has. Intervals stand where nothing was selected or shrunken, by
    Rubin's rules; of a penalized fit none would hold, as it was chosen on the same data [1]_.

    References
    ----------
    .. [1] Berk et al., Ann Stat 41:802, 2013.
    """
    fits = final.fits
    terms = _averaged(fits)
    ratios, reason = {}, ""
    if _whole_by_design(planned):
        try:
            ratios = _pooled_ratios(planned, final, terms, plan=plan)
        except (OperandiError, np.linalg.LinAlgError) as refusal:
            reason = str(refusal)
    blocks = dict(zip(final.training.names, final.training.blocks, strict=True))
    by_interval, slope = _under_intervals(final, terms, intervals, planned=planned, plan=plan)
    found = []
    for name, term in terms.items():
        if term.share == 0.0:
            continue
        bare = blocks[name].endswith(UNPENALIZED) or not planned.selects
        why = reason or _why_none(planned, bare=bare)
        bounded = Estimated(value=float(np.exp(term.coefficient)), reason=why)
        absent = Estimated(value=None, reason=_no_times(plan) if intervals is None else why)
        found.append(
            FinalTerm(
                name=name,
                block=blocks[name].removesuffix(UNPENALIZED),
                coefficient=term.coefficient,
                ratio=ratios.get(name, bounded),
                selected_share=None if bare else nested.selected.get(name, 0.0),
                unpenalized=bare,
                interval_ratio=by_interval.get(name, absent),
                logged=name in logged,
                imputed_share=term.share,
            )
        )
    penalties = [one.details["penalty"] for one in fits if "penalty" in one.details]
    return FinalModelResult(
        terms=tuple(found),
        candidates=len(terms),
        penalty=float(np.median(penalties)) if penalties else None,
        imputations=len(fits),
        interval_slope=slope,
        dropped=dropped_columns(fits),
        spread=_spread_of(fits),
    )


def _spread_of(fits: tuple[FittedCandidate, ...]) -> float | None:
    """Median factor of the fits to each imputation."""
    found = [one.spread for one in fits if one.spread is not None]
    return float(np.median(found)) if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class AveragedTerm:
    """A coefficient averaged over imputations, and the share of them that gave it one."""

    coefficient: float
    share: float


def _averaged(fits: tuple[FittedCandidate, ...]) -> dict[str, AveragedTerm]:
    names = dict.fromkeys(name for fit in fits for name in fit.names)
    each = [dict(zip(fit.names, fit.coefficients.tolist(), strict=True)) for fit in fits]
    return {
        name: AveragedTerm(
            coefficient=sum(one.get(name, 0.0) for one in each) / len(fits),
            share=sum(one.get(name, 0.0) != 0.0 for one in each) / len(fits),
        )
        for name in names
    }


def _whole_by_design(planned: ModelRecipe) -> bool:
    """Whether no column was chosen by the outcome, so that intervals of its fit hold."""
    chain = planned.candidate.chain
    screens = chain is not None and any(isinstance(on.step, ScoreScreen) for on in chain.steps)
    return planned.model.kind == "cox" and not screens


def _why_none(planned: ModelRecipe, *, bare: bool) -> str:
    if planned.model.kind in {"given_score", "cox"}:
        return _NO_INTERVAL["given" if planned.model.kind == "given_score" else "screened"]
    return _NO_INTERVAL["beside" if bare else "penalized"]


def _no_times(plan: FinalPlan) -> str:
    """Why nothing is said under interval censoring where no interval is known."""
    return _EXACT if plan.timed else _YES_NO


def dropped_columns(fits: tuple[FittedCandidate, ...]) -> tuple[DroppedColumn, ...]:
    """Columns that the preparation of every fit left out, each with the reason of its step."""
    first = fits[0]
    if first.chain is None:
        return ()
    told: dict[str, str] = {}
    for part in first.chain.learned.parts:
        step = part.learned
        if isinstance(step, LearnedSelection):
            told |= {name: why or f"by the step {step.by}" for name, why in step.dropped.items()}
        elif isinstance(step, LearnedImputation):
            told |= step.left_out
    used = {name for fit in fits for name in fit.names}
    return tuple(
        DroppedColumn(name=name, reason=told.get(name, "left out by the plan's preparation"))
        for name in first.columns
        if name not in used
    )


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
        [_risks(_eta(one.fitted, final.training), one.hazard, place) for one in final.refits]
    )
    original = _risks(final.predictor(final.training, trained=True), final.hazard, place)
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
    plan: FinalPlan,
    number: int,
    imputation: int = 0,
) -> FittedCandidate:
    learning, part = predictors_at(predictors, rows), _part(outcome, rows)
    # Imputations share the folds of tuning: they differ by what is drawn alone.
    folds = deal_folds(
        learning.participants,
        part.event,
        folds=plan.inner,
        generator=generator_of(plan.seed, 7, number),
        sites=learning.sites,
        stratify=plan.stratify,
    )
    seed = fold_seed(plan.seed, repeat=number, fold=imputation)
    fitted = planned.candidate.fit(learning, part, inner=folds, seed=seed)
    if not isinstance(fitted, FittedCandidate):
        raise DataError(
            f"{planned.model.code} is a {planned.model.kind.replace('_', ' ')}: a final model and "
            "its card are sums of terms, which it is not.",
            remedy="Take a model of the ladder.",
        )
    return fitted


def _part(outcome: RightCensored, rows: np.ndarray) -> RightCensored:
    return RightCensored(time=outcome.time[rows], event=outcome.event[rows])


def _eta(fitted: FittedCandidate, rows: Predictors) -> Floats:
    """Predictors of the participants, whether the fit has seen them or not."""
    seen = _seen(fitted, rows)
    eta = np.empty(seen.size)
    for side, trained in ((seen, True), (~seen, False)):
        at = np.flatnonzero(side)
        if at.size:
            eta[at] = fitted.predictor(predictors_at(rows, at), trained=trained)
    return eta


def _risks(eta: Floats, hazard: Floats, place: int | None) -> Floats:
    if place is None:
        return np.asarray(expit(eta))
    reached = hazard[place] if place >= 0 else 0.0
    return np.asarray(-np.expm1(-np.exp(np.clip(eta, -50.0, 50.0)) * reached))


def _seen(fitted: FittedCandidate, rows: Predictors) -> np.ndarray:
    if fitted.chain is None:
        return np.ones(len(rows.participants), dtype=np.bool_)
    seen = set(fitted.chain.seen.among(rows.participants))
    return np.array([one in seen for one in rows.participants], dtype=np.bool_)


def _terms_of(fit: FittedCandidate, rows: Predictors, names: tuple[str, ...]) -> Floats:
    """Training rows of some columns as a fit sees them.

    Raises
    ------
    DataError
        If the imputation of the fit left one out.
    """
    prepared = rows if fit.chain is None else fit.chain.apply(rows, role="training")
    place = {name: at for at, name in enumerate(prepared.names)}
    if set(names) - set(fit.names):
        raise DataError("imputations left different columns, so that nothing can be pooled")
    return np.ascontiguousarray(prepared.values[:, [place[name] for name in names]])


def _pooled_ratios(
    planned: ModelRecipe, final: FinalFit, terms: Mapping[str, AveragedTerm], *, plan: FinalPlan
) -> dict[str, Estimated]:
    """Ratios of a model without penalty; over several imputations by Rubin's rules."""
    names = tuple(terms)
    ties = planned.candidate.ties if isinstance(planned.candidate, FewColumns) else "efron"
    values, variances = [], []
    for fit in final.fits:
        x = _terms_of(fit, final.training, names)
        if plan.timed:
            everyone = np.arange(x.shape[0])
            found = fit_cox(final.outcome, x, names=names, ties=ties, cluster=everyone)
            values.append(found.coefficients)
            variances.append(found.cautious_errors**2)
        else:
            yes = fit_logistic(final.outcome.event, x, names=names)
            values.append(yes.coefficients)
            variances.append(np.diag(yes.covariance)[1:])
    each = _pooled(np.array(values), np.array(variances), final=final, level=plan.level)
    return {name: _as_ratio(one) for name, one in zip(names, each, strict=True)}


def _pooled(values: Floats, variances: Floats, *, final: FinalFit, level: float) -> list[Estimated]:
    """Coefficients (m, p) of m imputations as one estimate each, with an interval."""
    if len(values) > 1:
        complete = _complete_freedom(
            final.outcome, parameters=values.shape[1], timed=bool(final.days.size)
        )
        found = pool_rubin(values, variances, complete_degrees_of_freedom=complete)
        center, (low, high) = found.value, found.interval(level=level)
        error = np.sqrt(found.variance)
    else:
        center, error = values[0], np.sqrt(variances[0])
        half = normal_quantile(level=level) * error
        low, high = center - half, center + half
    return [
        Estimated(
            value=float(center[at]),
            low=float(low[at]),
            high=float(high[at]),
            standard_error=float(error[at]),
        )
        for at in range(center.size)
    ]


def _complete_freedom(outcome: RightCensored, *, parameters: int, timed: bool) -> int:
    """Degrees of freedom of a fit to a complete table.

    Of a Cox model events count, not participants, as in R's mice; of a logistic one participants,
    less an intercept.
    """
    counted = outcome.events if timed else outcome.time.size - 1
    return max(counted - parameters, 1)


def _under_intervals(
    final: FinalFit,
    terms: Mapping[str, AveragedTerm],
    intervals: IntervalCensored | None,
    *,
    planned: ModelRecipe,
    plan: FinalPlan,
) -> tuple[dict[str, Estimated], Estimated]:
    """Terms, and the slope of the linear predictor, in one likelihood of intervals."""
    if intervals is None:
        return {}, Estimated(value=None, reason=_no_times(plan))
    try:
        factor = _spread_of(final.fits) or 1.0
        eta = final.predictor(final.training, trained=True) / factor
        slope = float(_interval_fit(intervals, eta[:, None])[0][0])
        said = Estimated(value=slope, reason=_OF_SLOPE)
    except (OperandiError, np.linalg.LinAlgError) as refusal:
        said = Estimated(value=None, reason=str(refusal))
    if not _whole_by_design(planned):
        return {}, said
    names = tuple(terms)
    try:
        fits = [
            _interval_fit(intervals, _terms_of(fit, final.training, names)) for fit in final.fits
        ]
        values, variances = (np.array(part) for part in zip(*fits, strict=True))
        each = _pooled(values, variances, final=final, level=plan.level)
    except (OperandiError, np.linalg.LinAlgError) as refusal:
        return {name: Estimated(value=None, reason=str(refusal)) for name in names}, said
    return {name: _as_ratio(one) for name, one in zip(names, each, strict=True)}, said


def _interval_fit(intervals: IntervalCensored, values: Floats) -> tuple[Floats, Floats]:
    """Coefficients and their variances."""
    fit = fit_interval_hazards(intervals, values, baseline=WeibullBaseline())
    if fit.standard_errors is None:
        raise DataError(fit.covariance_reason)
    return fit.coefficients, fit.standard_errors**2


def _as_ratio(found: Estimated) -> Estimated:
    if found.value is None or found.low is None or found.high is None:
        return found
    return Estimated(
        value=float(np.exp(found.value)),
        low=float(np.exp(found.low)),
        high=float(np.exp(found.high)),
        standard_error=found.standard_error,
    )
