"""What the models of an analysis plan cannot see one by one: names that lead nowhere, and leaks."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Final

from operandi.records.rows import ROWS
from operandi.signatures.plan_format import (
    CHALLENGERS,
    STEP_SETTINGS,
    AnalysisPlan,
    ChangePredictor,
    FeaturesPredictor,
    MeasuredPredictor,
    PlannedComparison,
    PlannedEndpoint,
    PlannedModel,
    Preparation,
    RecordedPredictor,
    SuppliedPredictor,
)

AFTERWARDS: Final = frozenset(
    {"adverse_events", "deaths", "follow_up", "recist_lesions", "recist_reads", "visits"}
)
"""Tables whose entries come to be during follow-up, or are the outcome."""
_TO_THE_LAST_DAY: Final = frozenset({"uno_c", "integrated_brier"})
"""Metrics over all days up to the last one of the endpoint."""


@dataclass(frozen=True, slots=True)
class PlanFault:
    """One thing that is wrong with a plan.

    Parameters
    ----------
    key : str
        The keys that lead to it; entries of a list by their code, else their number from 1.
    problem, remedy : str
        Clauses without a full stop.
    """

    key: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.key}: {self.problem}; {self.remedy}."


def plan_faults(plan: AnalysisPlan) -> tuple[PlanFault, ...]:
    """Find everything that is wrong between the parts of a plan."""
    return (
        *_repeated(plan),
        *_of_population(plan),
        *_of_timing(plan),
        *_of_endpoints(plan),
        *_of_predictors(plan),
        *_of_tables(plan),
        *_of_preparation(plan),
        *_of_models(plan),
        *_of_ladder(plan),
        *_of_comparisons(plan),
        *_of_challengers(plan),
        *_of_decision(plan),
        *_of_explained(plan),
    )


def _repeated(plan: AnalysisPlan) -> Iterator[PlanFault]:
    for section, codes in (
        ("endpoint", [one.code for one in plan.endpoint]),
        ("model", [one.code for one in plan.model]),
        ("table", [one.code for one in plan.table]),
        ("predictors", [one.code for _, one in plan.predictors()]),
    ):
        for code, count in Counter(codes).items():
            if count > 1:
                yield PlanFault(f"{section}[{code}]", f"stands {count} times", "rename all but one")


def _of_population(plan: AnalysisPlan) -> Iterator[PlanFault]:
    reasons, people = len(plan.population.because), len(plan.population.exclude)
    if reasons != people:
        yield PlanFault(
            "population.because",
            f"{reasons} reasons for {people} who are left out",
            "give one for each",
        )


def _of_timing(plan: AnalysisPlan) -> Iterator[PlanFault]:
    timing = plan.timing
    if (timing.landmark is None) != (timing.landmark_day is None):
        yield PlanFault(
            "timing.landmark", "landmark and landmark_day stand together", "give both or neither"
        )
    if timing.landmark is not None and timing.landmark not in timing.known_at:
        yield PlanFault(
            "timing.known_at",
            f"does not name the landmark {timing.landmark}",
            "add it, or take the landmark out",
        )
    if timing.landmark is None and plan.change:
        yield PlanFault(
            "timing.landmark",
            "an early change is known only later than the start",
            "name the visit of the change as landmark, or take [[change]] out",
        )


def _of_endpoints(plan: AnalysisPlan) -> Iterator[PlanFault]:
    primary = [one.code for one in plan.endpoint if one.role == "primary"]
    if len(primary) != 1:
        found = ", ".join(primary) or "none"
        yield PlanFault("endpoint", f"one is primary; found {found}", "settle on one")
    landmark_day = plan.timing.landmark_day
    for one in plan.endpoint:
        yield from _of_endpoint(one)
        if landmark_day is not None and one.by_day is not None and one.by_day <= landmark_day:
            yield PlanFault(
                f"endpoint[{one.code}].by_day",
                f"day {one.by_day} is not after the landmark, day {landmark_day}",
                "judge it later: by the landmark it is known",
            )


def _of_endpoint(one: PlannedEndpoint) -> Iterator[PlanFault]:
    key = f"endpoint[{one.code}]"
    if one.binary and one.by_day is None and one.table is None:
        yield PlanFault(f"{key}.by_day", "is missing", "say by which day it is judged")
    if one.binary and one.horizon_days:
        yield PlanFault(f"{key}.horizon_days", "a yes or no has no horizon", "remove it")
    if not one.binary and one.by_day is not None:
        yield PlanFault(f"{key}.by_day", "a time is not judged on a day", "remove it")
    columns = {"table": one.table, "event": one.event}
    if not one.binary:
        columns |= {"time": one.time, "time_unit": one.time_unit}
    if any(columns.values()) and not all(columns.values()):
        missing = ", ".join(name for name, value in columns.items() if value is None)
        yield PlanFault(f"{key}.{missing}", "is missing", "a supplied endpoint has all of them")
    if list(one.horizon_days) != sorted(set(one.horizon_days)):
        yield PlanFault(f"{key}.horizon_days", "do not ascend", "sort them")


def _of_predictors(plan: AnalysisPlan) -> Iterator[PlanFault]:
    measured = {one.code for one in plan.measured}
    if not any(True for _ in plan.predictors()):
        yield PlanFault("measured", "there is no predictor", "add one")
    for section, one in plan.predictors():
        key = f"{section}[{one.code}]"
        if isinstance(one, RecordedPredictor):
            yield from _of_recorded(one, key)
        elif isinstance(one, ChangePredictor):
            yield from _of_change(one, key, measured, plan.timing.known_at)
        else:
            yield from _future(one, key, plan.timing.known_at)


def _of_tables(plan: AnalysisPlan) -> Iterator[PlanFault]:
    known = {one.code for one in plan.table}
    outcomes = {
        (one.table, column)
        for one in plan.endpoint
        for column in (one.time, one.event)
        if one.table is not None
    }
    named = [(f"supplied[{one.code}].table", one.table) for one in plan.supplied]
    named += [(f"endpoint[{one.code}].table", one.table) for one in plan.endpoint if one.table]
    for key, code in named:
        if code not in known:
            yield PlanFault(key, f"{code} is no [[table]]", "add it with its file and digest")
    for one in plan.supplied:
        for column in one.columns:
            if any(one.table == t and fnmatchcase(str(c), column) for t, c in outcomes):
                yield PlanFault(
                    f"supplied[{one.code}].columns",
                    f"{column} takes in the outcome",
                    "name the columns of predictors alone",
                )


def _future(
    one: MeasuredPredictor | FeaturesPredictor | SuppliedPredictor, key: str, known: tuple[str, ...]
) -> Iterator[PlanFault]:
    if one.at not in known:
        yield PlanFault(
            f"{key}.at",
            f"{one.at} is not among the visits known at time zero ({', '.join(known)})",
            "a predictor from later would leak the future: name an earlier visit",
        )


def _of_change(
    one: ChangePredictor, key: str, measured: set[str], known: tuple[str, ...]
) -> Iterator[PlanFault]:
    if one.of not in measured:
        yield PlanFault(f"{key}.of", f"{one.of} is no [[measured]]", "name one by its code")
    if one.from_ == one.to:
        yield PlanFault(f"{key}.to", "is the visit that it counts from", "name a later one")
    for name, visit in (("from", one.from_), ("to", one.to)):
        if visit not in known:
            yield PlanFault(
                f"{key}.{name}",
                f"{visit} is not among the visits known at time zero ({', '.join(known)})",
                "a change from later would leak the future: name an earlier visit",
            )


def _of_recorded(one: RecordedPredictor, key: str) -> Iterator[PlanFault]:
    if one.table not in ROWS:
        yield PlanFault(f"{key}.table", f"{one.table} is no table of records", "correct its name")
        return
    if one.table in AFTERWARDS:
        yield PlanFault(
            f"{key}.table",
            f"{one.table} grows during follow-up",
            "a predictor from it would know the outcome: take it out",
        )
    columns = set(ROWS[one.table].model_fields)
    if "unit" in one.where:
        yield PlanFault(
            f"{key}.where.unit",
            "leaves out who has the value in another unit",
            "write unit = … beside it, to which values are converted",
        )
    if one.unit is not None and "unit" not in columns:
        yield PlanFault(f"{key}.unit", f"{one.table} has no column of units", "remove it")
    if one.molar_mass_g_mol is not None and one.unit is None:
        yield PlanFault(f"{key}.unit", "is missing, and a molar mass needs it", "add it")
    for name, column in [("column", one.column), *((f"where.{c}", c) for c in one.where)]:
        if column not in columns:
            yield PlanFault(
                f"{key}.{name}",
                f"{column} is no column of {one.table}",
                f"known: {', '.join(sorted(columns))}",
            )


def _of_preparation(plan: AnalysisPlan) -> Iterator[PlanFault]:
    blocks = {one.block for _, one in plan.predictors()}
    codes = {one.code for _, one in plan.predictors()}
    for number, one in enumerate(plan.preparation, start=1):
        key = f"preparation[{number}]"
        yield from _of_settings(one, key)
        for block in sorted(set(one.block) - blocks):
            yield PlanFault(f"{key}.block", f"no predictor is of block {block}", "correct it")
        for code in sorted(set(one.covariates or ()) - codes):
            yield PlanFault(f"{key}.covariates", f"{code} is no predictor", "name one by its code")


def _of_settings(one: Preparation, key: str) -> Iterator[PlanFault]:
    needed, allowed = STEP_SETTINGS[one.step]
    given = set(one.given())
    for name in sorted(needed - given):
        yield PlanFault(f"{key}.{name}", f"is missing, and {one.step} needs it", "add it")
    for name in sorted(given - needed - allowed):
        yield PlanFault(f"{key}.{name}", f"is no setting of {one.step}", "remove it")


def _of_models(plan: AnalysisPlan) -> Iterator[PlanFault]:
    blocks = {one.block for _, one in plan.predictors()}
    codes = {one.code for _, one in plan.predictors()}
    for model in plan.model:
        key = f"model[{model.code}]"
        own = set(plan.predictors_of(model))
        if not own:
            yield PlanFault(f"{key}.predictors", "it has none", "name blocks or predictors")
        for block in sorted(set(model.blocks) - blocks):
            yield PlanFault(f"{key}.blocks", f"no predictor is of block {block}", "correct it")
        for code in sorted(set(model.predictors) - codes):
            yield PlanFault(f"{key}.predictors", f"{code} is no predictor", "correct its code")
        for code in sorted(set(model.unpenalized) - own):
            yield PlanFault(f"{key}.unpenalized", f"{code} is not in the model", "correct it")
        yield from _of_kind(model, key)


def _of_kind(model: PlannedModel, key: str) -> Iterator[PlanFault]:
    if model.kind == "given_score" and not model.source:
        yield PlanFault(f"{key}.source", "is missing", "say where the score was published")
    if model.kind == "given_score" and (model.blocks or len(model.predictors) != 1):
        yield PlanFault(f"{key}.predictors", "a given score is one predictor", "name it alone")
    if model.kind == "cox" and model.unpenalized:
        yield PlanFault(f"{key}.unpenalized", "nothing of it is penalized", "remove it")
    if model.kind == "random_forest" and model.unpenalized:
        yield PlanFault(f"{key}.unpenalized", "a forest has no penalty", "remove it")
    if model.kind in CHALLENGERS and model.role != "challenger":
        yield PlanFault(
            f"{key}.role",
            f"{CHALLENGERS[model.kind]} bears no verdict and makes no card",
            'write role = "challenger"',
        )


def _of_ladder(plan: AnalysisPlan) -> Iterator[PlanFault]:
    ladder = plan.ladder()
    if not ladder:
        yield PlanFault("model", "none is of the ladder", "say which model is M0")
    for lower, upper in pairwise(ladder):
        lost = set(plan.predictors_of(lower)) - set(plan.predictors_of(upper))
        if lost:
            yield PlanFault(
                f"model[{upper.code}].blocks",
                f"leaves out {', '.join(sorted(lost))} of {lower.code}",
                "a ladder adds to what stands below it",
            )


def _of_comparisons(plan: AnalysisPlan) -> Iterator[PlanFault]:
    models = {one.code for one in plan.model}
    challengers = {one.code for one in plan.challenging()}
    endpoints = {one.code: one for one in plan.endpoint}
    for number, one in enumerate(plan.comparison, start=1):
        key = f"comparison[{number}]"
        for name, code in (("model", one.model), ("against", one.against)):
            if code not in models:
                yield PlanFault(f"{key}.{name}", f"{code} is no model", "correct its code")
            if code in challengers:
                yield PlanFault(
                    f"{key}.{name}",
                    f"{code} is a challenger, which is exploratory and never tested",
                    "take the comparison out: its gain over M0 is described without it",
                )
        if one.model == one.against:
            yield PlanFault(f"{key}.against", "is the model itself", "name another")
        if one.endpoint not in endpoints:
            yield PlanFault(f"{key}.endpoint", f"{one.endpoint} is none", "correct its code")
        else:
            yield from _of_metric(plan, one, endpoints[one.endpoint], key=key)


def _of_metric(
    plan: AnalysisPlan, one: PlannedComparison, endpoint: PlannedEndpoint, *, key: str
) -> Iterator[PlanFault]:
    """What no analysis would judge: a verdict that hangs on it would be undecidable forever."""
    day, metric = one.horizon_days, one.metric
    if metric == "net_benefit" and plan.decision is None:
        yield PlanFault(f"{key}.metric", "net_benefit needs thresholds", "add [decision]")
    elif endpoint.binary and metric in _TO_THE_LAST_DAY:
        yield PlanFault(
            f"{key}.metric", f"{metric} is of times, {endpoint.code} yes or no", "take auc or brier"
        )
    elif endpoint.binary or metric == "harrell_c":
        if day is not None:
            what = "a yes or no" if endpoint.binary else metric
            yield PlanFault(f"{key}.horizon_days", f"{what} has no day", "remove it")
    elif not (judged := _judged_days(plan, metric, endpoint)):
        yield PlanFault(
            f"{key}.metric", f"{metric} needs a day", f"give endpoint[{endpoint.code}].horizon_days"
        )
    elif day is None and metric not in _TO_THE_LAST_DAY:
        yield PlanFault(f"{key}.horizon_days", f"{metric} of a time needs a day", "give the day")
    elif day is not None and day not in judged:
        days = ", ".join(f"{each:g}" for each in judged)
        yield PlanFault(f"{key}.horizon_days", f"{metric} is judged on day {days}", "correct it")


def _judged_days(plan: AnalysisPlan, metric: str, endpoint: PlannedEndpoint) -> tuple[float, ...]:
    """Days on which a metric of times is judged."""
    if metric == "net_benefit":
        return () if plan.decision is None else (plan.decision.horizon_days,)
    days = tuple(endpoint.horizon_days)
    return days[-1:] if metric in _TO_THE_LAST_DAY else days


def _of_challengers(plan: AnalysisPlan) -> Iterator[PlanFault]:
    asked, all_ = plan.challengers.repeats, plan.resampling.repeats
    if asked is not None and asked > all_:
        yield PlanFault(
            "challengers.repeats",
            f"{asked} are more than resampling.repeats = {all_}",
            "write as many or fewer: their folds are the first of those",
        )


def _of_decision(plan: AnalysisPlan) -> Iterator[PlanFault]:
    if plan.decision is None:
        return
    thresholds = list(plan.decision.thresholds)
    if thresholds != sorted(set(thresholds)):
        yield PlanFault("decision.thresholds", "do not ascend", "sort them")


def _of_explained(plan: AnalysisPlan) -> Iterator[PlanFault]:
    codes = {one.code for _, one in plan.predictors()}
    for name in plan.explained:
        # Of a pattern the columns are called code.match.
        if name.partition(".")[0] not in codes:
            yield PlanFault(f"explained.{name}", "is no predictor", "correct its name")
