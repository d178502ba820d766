"""Run an analysis plan: every model in the same folds, every rule of the plan, one result."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from operandi.quantities.errors import DataError
from operandi.signatures.candidates_of import UNPENALIZED, columns_named
from operandi.signatures.described import (
    endpoint_result,
    estimated,
    predictor_summaries,
    sample_size_line,
)
from operandi.signatures.endpoint_values import BinaryEndpoint, Ending
from operandi.signatures.final_fit import FinalFit
from operandi.signatures.judgment import JudgedModel, judge_model
from operandi.signatures.judgment_setting import (
    MOST_CALIBRATION,
    MOST_CURVE_DRAWS,
    MOST_OPTIMISM,
    MOST_REFITS,
    Setting,
    Tell,
)
from operandi.signatures.metrics.estimate import MetricEstimate, absent
from operandi.signatures.metrics.multiplicity import benjamini_hochberg, holm
from operandi.signatures.performance import MetricKey, two_sided_p
from operandi.signatures.plan import plan_digest, stated
from operandi.signatures.plan_format import (
    CONFIRMATORY,
    EXPLORATORY,
    AnalysisPlan,
    PlannedComparison,
    PlannedModel,
)
from operandi.signatures.plan_lock import PlanLock, changed_keys
from operandi.signatures.planned_outcomes import analyzed_steps, endings_of
from operandi.signatures.preparation.absence import block_absences
from operandi.signatures.preparation.planned import planned_chain
from operandi.signatures.resampling.nested import concordance_gain
from operandi.signatures.results import (
    PRRT,
    RESULT_FORMAT,
    AnalysisResult,
    ComparisonResult,
    PlanStanding,
    PreparationLine,
    ResamplingDone,
    VerdictResult,
    prognostic_under,
)
from operandi.signatures.results_cohort import SuspectColumn, TumorCourse
from operandi.signatures.tables import EndpointData, PlannedData, TumorSizes
from operandi.signatures.verdict import head_model, verdict_of

_GROUPS = (
    "Risk groups are halves by the out-of-fold risk, drawn to be looked at: their difference is "
    "not tested, as a log-rank test of cross-validated groups is not valid."
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Analyzed:
    """A result, and the final models that cards are made of.

    Parameters
    ----------
    result : AnalysisResult
    finals : mapping of str to FinalFit
        By code, of each ladder model on the primary endpoint that has one.
    """

    result: AnalysisResult
    finals: Mapping[str, FinalFit]


def analyze(
    plan: AnalysisPlan,
    data: PlannedData,
    *,
    locked: PlanLock | None,
    software: str,
    threads: int = 1,
    tell: Tell | None = None,
) -> Analyzed:
    """Run a plan.

    What cannot be computed takes nothing from the rest: it is said, with the reason. The result
    does not depend on the number of threads.

    Parameters
    ----------
    plan : AnalysisPlan
        Checked.
    data : PlannedData
    locked : PlanLock or None
        Of the freeze. Without one, or where the plan is another, all is exploratory.
    software : str
        Version of Operandi.
    threads : int
    tell : callable, optional
        Called with a title, how many are done, and of how many.

    Raises
    ------
    LeakError
        If anything would be judged on rows that it has learned from.
    DataError
        If the plan asks for what cannot be done: repeatability that is not there.
    """
    standing = plan_standing(plan, locked, freeze=data.freeze or "")
    chain = planned_chain(plan, repeatability=data.repeatability)
    settings = {
        code: Setting(
            plan=plan,
            data=data,
            given=given,
            chain=chain,
            label=standing.label,
            threads=max(1, threads),
            tell=tell or (lambda title, done, total: None),
        )
        for code, given in _ordered(plan, data)
    }
    if plan.primary().code not in settings:
        raise DataError(
            f"endpoint[{plan.primary().code}] is primary, and nobody has it.",
            remedy="Supply the tables that it is made of.",
        )
    judged = {
        (code, model.code): judge_model(
            _with_repeats(plan, setting, model),
            model,
            depth="whole" if _is_ladder(plan, setting, model) else "performance",
            tested=_is_tested(plan, setting, model),
        )
        for code, setting in settings.items()
        for model in plan.model
    }
    comparisons = _comparisons(plan, settings, judged, label=standing.label)
    return Analyzed(
        result=_result(plan, data, standing, settings, judged, comparisons, software=software),
        finals={
            model.code: _in_own_blocks(found)
            for model in plan.ladder()
            if (found := judged[plan.primary().code, model.code].final) is not None
        },
    )


def _in_own_blocks(final: FinalFit) -> FinalFit:
    """A final fit whose training rows have the plan's blocks again."""
    blocks = tuple(block.removesuffix(UNPENALIZED) for block in final.training.blocks)
    return replace(final, training=replace(final.training, blocks=blocks))


def plan_standing(plan: AnalysisPlan, locked: PlanLock | None, *, freeze: str) -> PlanStanding:
    """Say whether the plan is the one that was locked, and name the keys that differ."""
    digest = plan_digest(plan)
    reasons: list[str] = []
    keys: tuple[str, ...] = ()
    if locked is None:
        reasons.append("the plan was not locked before outcomes were joined")
    else:
        if digest != locked.plan:
            keys = changed_keys(locked.says, stated(plan))
            reasons.append(f"the plan differs from the locked one: {', '.join(keys)}")
        if freeze and locked.freeze != freeze:
            reasons.append(f"the plan was locked into another freeze, {locked.freeze[:12]}")
    return PlanStanding(
        digest=digest,
        label=EXPLORATORY if reasons else CONFIRMATORY,
        reasons=tuple(reasons),
        changed_keys=keys,
        locked="" if locked is None else locked.plan,
        freeze=freeze,
    )


def therapy_of(plan: AnalysisPlan, data: PlannedData) -> str:
    """What everybody was given: as the plan says, else PRRT where cycles are recorded."""
    return plan.population.therapy or (PRRT if data.treated else "")


def _no_comparison(therapy: str) -> str:
    return (
        "No two treatments are compared. What foretells the outcome here is "
        f"{prognostic_under(therapy)}; whether it tells who gains from "
        f"{therapy or 'a treatment'} needs a comparator."
    )


def _ordered(plan: AnalysisPlan, data: PlannedData) -> Iterator[tuple[str, EndpointData]]:
    """The primary endpoint first; those that nobody has are left out."""
    codes = sorted((one.code for one in plan.endpoint), key=lambda one: one != plan.primary().code)
    for code in codes:
        if code in data.endpoints and data.endpoints[code].rows.size:
            yield code, data.endpoints[code]


def _with_repeats(plan: AnalysisPlan, setting: Setting, model: PlannedModel) -> Setting:
    """Challengers may be judged less often."""
    if model.role != "challenger":
        return setting
    return replace(setting, repeats=plan.challengers.repeats)


def _is_ladder(plan: AnalysisPlan, setting: Setting, model: PlannedModel) -> bool:
    return setting.given.plan.code == plan.primary().code and model.role == "ladder"


def _is_tested(plan: AnalysisPlan, setting: Setting, model: PlannedModel) -> bool:
    """Whether it bears a verdict: every rung over M0, or M0 where it stands alone."""
    ladder = plan.ladder()
    if not _is_ladder(plan, setting, model) or plan.resampling.permutations < 1:
        return False
    return len(ladder) == 1 or model.code != ladder[0].code


def _comparisons(
    plan: AnalysisPlan,
    settings: Mapping[str, Setting],
    judged: Mapping[tuple[str, str], JudgedModel],
    *,
    label: str,
) -> tuple[ComparisonResult, ...]:
    planned = []
    for one in plan.comparison:
        mine, other = judged.get((one.endpoint, one.model)), judged.get((one.endpoint, one.against))
        planned.append(compared(one, mine, other, settings.get(one.endpoint), label=label))
    adjusted = adjusted_p_values(plan, [one.p_value for one in planned])
    tested = tuple(
        replace(one, adjusted_p=p, better=_better(plan, one, p))
        for one, p in zip(planned, adjusted, strict=True)
    )
    return (*tested, *_untested(plan, settings, judged, label=label))


def _untested(
    plan: AnalysisPlan,
    settings: Mapping[str, Setting],
    judged: Mapping[tuple[str, str], JudgedModel],
    *,
    label: str,
) -> Iterator[ComparisonResult]:
    """Every rung and challenger against M0 by every metric: described, not tested."""
    ladder, challengers = plan.ladder(), plan.challenging()
    for code, setting in settings.items():
        first = judged[code, ladder[0].code]
        beside = _beside_challengers(plan, setting, first) if challengers else first
        for model in (*ladder[1:], *challengers):
            mine = judged[code, model.code]
            other, own = (beside, EXPLORATORY) if model in challengers else (first, label)
            if mine.judged is None or other.judged is None:
                continue
            asked = PlannedComparison(
                model=model.code,
                against=ladder[0].code,
                endpoint=code,
                metric="auc" if setting.binary else "harrell_c",
            )
            found = [compared(asked, mine, other, setting, label=own)]
            found += [
                ComparisonResult(
                    model=model.code,
                    against=ladder[0].code,
                    endpoint=code,
                    metric=key.metric,
                    horizon_days=key.horizon,
                    threshold=key.threshold,
                    difference=estimated(mine.judged.over(other.judged, key)),
                    higher_is_better=key.higher_is_better,
                    planned=False,
                    label=own,
                )
                for key in mine.judged.keys
                if key in other.judged.keys
            ]
            yield from (replace(one, planned=False, p_value=None) for one in found)


def _beside_challengers(plan: AnalysisPlan, setting: Setting, first: JudgedModel) -> JudgedModel:
    """M0 in the folds of the challengers: judged anew where those are fewer."""
    if plan.challengers.repeats in {None, plan.resampling.repeats}:
        return first
    fewer = replace(setting, repeats=plan.challengers.repeats)
    return judge_model(fewer, plan.ladder()[0], depth="performance", tested=False)


def compared(
    asked: PlannedComparison,
    mine: JudgedModel | None,
    other: JudgedModel | None,
    setting: Setting | None,
    *,
    label: str,
) -> ComparisonResult:
    """Hold a model against another on one endpoint, by the metric that is asked for.

    Parameters
    ----------
    asked : PlannedComparison
    mine, other : JudgedModel or None
        The model, and what it is held against; None where it was not judged.
    setting : Setting or None
        Of the endpoint; None where nobody has it.
    label : str
        Confirmatory or exploratory.
    """
    difference, key = _difference(asked, mine, other, setting)
    return ComparisonResult(
        model=asked.model,
        against=asked.against,
        endpoint=asked.endpoint,
        metric=asked.metric,
        horizon_days=key.horizon,
        threshold=key.threshold,
        difference=estimated(difference),
        higher_is_better=key.higher_is_better,
        planned=True,
        label=label,
        p_value=two_sided_p(difference),
    )


def _difference(
    asked: PlannedComparison,
    mine: JudgedModel | None,
    other: JudgedModel | None,
    setting: Setting | None,
) -> tuple[MetricEstimate, MetricKey]:
    key = MetricKey(metric=asked.metric, horizon=asked.horizon_days)
    if mine is None or other is None or setting is None:
        return absent(f"nobody has the endpoint {asked.endpoint}"), key
    if mine.nested is None or mine.judged is None:
        return absent(f"{asked.model} was not evaluated: {mine.result.reason}"), key
    if other.nested is None or other.judged is None:
        return absent(f"{asked.against} was not evaluated: {other.result.reason}"), key
    if asked.metric == "harrell_c" or (asked.metric == "auc" and setting.binary):
        return concordance_gain(mine.nested, other.nested, level=setting.level), key
    key = _key(asked, mine.judged.keys, setting)
    if key not in mine.judged.keys or key not in other.judged.keys:
        return absent(f"{asked.metric} is not judged of two models on such a day"), key
    return mine.judged.over(other.judged, key), key


def _key(asked: PlannedComparison, keys: tuple[MetricKey, ...], setting: Setting) -> MetricKey:
    """The metric that a comparison means: on its day, else on that of decisions, else the last."""
    same = [key for key in keys if key.metric == asked.metric]
    day = asked.horizon_days if asked.horizon_days is not None else setting.horizon
    fitting = [key for key in same if key.horizon in {None, day}]
    chosen = fitting or (same if asked.horizon_days is None else [])
    if not chosen:
        return MetricKey(metric=asked.metric, horizon=asked.horizon_days)
    # Of several thresholds the middle one stands for the curve.
    return chosen[len(chosen) // 2] if asked.metric == "net_benefit" else chosen[-1]


def adjusted_p_values(plan: AnalysisPlan, p_values: list[float | None]) -> list[float | None]:
    """Adjust the p values of the plan's comparisons; None where there is none."""
    known = [at for at, p in enumerate(p_values) if p is not None]
    found: list[float | None] = [None] * len(p_values)
    if not known:
        return found
    # The family is the plan's: a comparison that could not be made still counts, as p = 1.
    plain = np.array([1.0 if p is None else p for p in p_values], dtype=np.float64)
    adjust = {"holm": holm, "benjamini_hochberg": benjamini_hochberg}.get(plan.multiplicity.method)
    adjusted = plain if adjust is None else adjust(plain)
    for at in known:
        found[at] = float(adjusted[at])
    return found


def _better(plan: AnalysisPlan, one: ComparisonResult, p: float | None) -> bool | None:
    if p is None or one.difference.value is None:
        return None
    gain = one.difference.value if one.higher_is_better else -one.difference.value
    return p < plan.multiplicity.level and gain > plan.verdict.gain_over_baseline


def _result(  # noqa: PLR0913
    plan: AnalysisPlan,
    data: PlannedData,
    standing: PlanStanding,
    settings: Mapping[str, Setting],
    judged: Mapping[tuple[str, str], JudgedModel],
    comparisons: tuple[ComparisonResult, ...],
    *,
    software: str,
) -> AnalysisResult:
    primary = plan.primary().code
    given = settings[primary].given
    seed, level = plan.resampling.seed, plan.verdict.confidence
    draws = min(MOST_CURVE_DRAWS, plan.resampling.bootstraps)
    head, therapy = head_model(plan).code, therapy_of(plan, data)
    verdicts = _verdicts(plan, settings, judged, comparisons, label=standing.label, therapy=therapy)
    return AnalysisResult(
        format=RESULT_FORMAT,
        title=plan.title,
        version=plan.version,
        study=plan.study,
        population=plan.population.title,
        timing=_timing(plan),
        software=software,
        level=level,
        standing=standing,
        participants=given.rows.size,
        treated=data.treated,
        primary=primary,
        flow=analyzed_steps((*data.flow, *given.flow)),
        predictors=predictor_summaries(
            data.predictors, logged=[one.name for one in data.columns if one.logged]
        ),
        absent_blocks=tuple(
            str(one) for one in block_absences(data.predictors) if one.absent or one.cells
        ),
        suspects=tuple(
            SuspectColumn(
                column=one.name, finding=str(one), kept_because=plan.explained.get(one.name, "")
            )
            for one in data.suspicions
        ),
        preparation=_preparation(plan),
        resampling=_resampling(plan),
        endpoints=tuple(
            endpoint_result(data, setting.given, level=level, seed=seed, draws=draws)
            for setting in settings.values()
        ),
        sample_size=tuple(
            sample_size_line(
                model.code,
                parameters=count,
                given=given,
                horizon=settings[primary].horizon,
            )
            for model in plan.model
            if (count := len(columns_named(plan.predictors_of(model), data.predictors.names)))
        ),
        models=tuple(one.result for one in judged.values()),
        comparisons=comparisons,
        multiplicity=_multiplicity(plan),
        verdicts=verdicts,
        verdict=next((one for one in verdicts if one.model == head), verdicts[-1]),
        courses=_courses(data, given),
        courses_reason=_courses_reason(data, given),
        therapy=therapy,
        notes=(
            _no_comparison(therapy),
            _GROUPS,
            *_changed_treatment(data, given),
            *_imputed(plan),
            *_of_challengers(plan),
            *data.notes,
        ),
    )


def _verdicts(
    plan: AnalysisPlan,
    settings: Mapping[str, Setting],
    judged: Mapping[tuple[str, str], JudgedModel],
    comparisons: tuple[ComparisonResult, ...],
    *,
    label: str,
    therapy: str,
) -> tuple[VerdictResult, ...]:
    primary = plan.primary().code
    events = settings[primary].events
    ladder = plan.ladder() or (head_model(plan),)
    return tuple(
        verdict_of(
            plan,
            judged[primary, model.code].result,
            events=events,
            gain=_reference(model.code, primary, comparisons),
            standing=label,
            therapy=therapy,
        )
        for model in (ladder[1:] or ladder)
    )


def _reference(
    model: str, endpoint: str, comparisons: tuple[ComparisonResult, ...]
) -> ComparisonResult | None:
    """The plan's first comparison of a model, else its concordance beside M0's."""
    return next(
        (one for one in comparisons if one.model == model and one.endpoint == endpoint), None
    )


def _courses(data: PlannedData, given: EndpointData) -> tuple[TumorCourse, ...]:
    """Everybody who has the primary endpoint, from the start and not from a landmark."""
    described = given.described
    if isinstance(described, BinaryEndpoint):
        return ()
    return tuple(
        TumorCourse(
            participant=str(who),
            last_day=float(day),
            ending=ending.value,
            ongoing=ending is Ending.EVENT_FREE,
            changes=sizes.changes,
            best_change=sizes.best_change,
            marks=sizes.marks,
        )
        for who, day, ending in zip(
            described.participants,
            described.right_censored().time,
            described.endings,
            strict=True,
        )
        for sizes in (data.sizes.get(who, TumorSizes()),)
    )


def _courses_reason(data: PlannedData, given: EndpointData) -> str:
    if isinstance(given.described, BinaryEndpoint):
        return "The primary endpoint is yes or no: nobody's time has an end to be drawn."
    return "" if data.sizes else "The tables have no RECIST reads: no sizes of tumors are known."


def _timing(plan: AnalysisPlan) -> str:
    timing = plan.timing
    text = f"time zero is {timing.start}"
    if timing.landmark is not None:
        text += f", {timing.landmark_day} days later (landmark: {timing.landmark})"
    return f"{text}; predictors are known at {', '.join(timing.known_at)}"


def _preparation(plan: AnalysisPlan) -> tuple[PreparationLine, ...]:
    return tuple(
        PreparationLine(
            step=one.step,
            blocks=one.block,
            settings=tuple(f"{name} = {value}" for name, value in one.given().items()),
        )
        for one in plan.preparation
    )


def _resampling(plan: AnalysisPlan) -> ResamplingDone:
    said = plan.resampling
    return ResamplingDone(
        seed=said.seed,
        repeats=said.repeats,
        folds=said.folds,
        inner_folds=said.inner_folds,
        permutations=said.permutations,
        permutation_repeats=said.permutation_repeats,
        stability_pairs=said.stability_pairs,
        bootstraps=said.bootstraps,
        imputations=said.imputations,
        refits=min(MOST_REFITS, said.bootstraps),
        optimism_samples=min(MOST_OPTIMISM, said.bootstraps),
        calibration_samples=min(MOST_CALIBRATION, said.bootstraps),
        curve_draws=min(MOST_CURVE_DRAWS, said.bootstraps),
        stratify=said.stratify,
    )


def _multiplicity(plan: AnalysisPlan) -> str:
    words = {"holm": "after Holm", "benjamini_hochberg": "after Benjamini and Hochberg"}
    how = words.get(plan.multiplicity.method)
    if how is None:
        return f"p values are not adjusted: {plan.multiplicity.because}"
    count = len(plan.comparison)
    if count == 1:
        return "the plan has one comparison: its p value needs no adjustment"
    return f"p values of the plan's {count} comparisons are adjusted {how}"


def _changed_treatment(data: PlannedData, given: EndpointData) -> Iterator[str]:
    """That censoring at another treatment is seldom without meaning."""
    count = endings_of(data, given).count(Ending.NEW_THERAPY)
    if count and given.plan.new_therapy == "censor":
        yield (
            f"{count} of {given.rows.size} participants are censored in {given.plan.code} where "
            "another treatment was begun. Curves and models take it that they would have gone on "
            "as the others did; where it was begun because the tumor grew, event-free time is "
            'overestimated. An endpoint with new_therapy = "event" shows how much hangs on it.'
        )


def _imputed(plan: AnalysisPlan) -> Iterator[str]:
    if not any(one.step == "imputation" for one in plan.preparation):
        return
    count = plan.resampling.imputations
    yield (
        "Missing values are drawn anew in every fold of every repeat, and in every refit of a "
        "final model, so that the spread of refits holds that of imputation."
    )
    if count > 1:
        yield (
            f"Where values are missing, a final model is the mean of {count} fits, each the whole "
            "recipe, tuning and selection too, on an imputation of its own. Coefficients are means "
            "of theirs; those of models without penalty have intervals by Rubin's rules. A "
            "penalized coefficient has no variance that the rules could pool, and no interval."
        )
    else:
        yield (
            "Final models are of one imputation, as the plan has resampling.imputations = 1: "
            "another draw would give other coefficients, and where values are missing intervals "
            "are too narrow."
        )


def _of_challengers(plan: AnalysisPlan) -> Iterator[str]:
    challengers = plan.challenging()
    if not challengers:
        return
    said, asked = plan.resampling.repeats, plan.challengers.repeats or plan.resampling.repeats
    yield (
        f"Challengers ({', '.join(one.code for one in challengers)}) are exploratory: none is "
        f"tested, bears the verdict or makes a card. They are judged in {asked} of {said} repeats, "
        "and beside M0 in the same folds."
    )
