"""A plan as it is tried on simulated trials: the same recipe and rules, on their columns.

What is taken from the plan as it stands: models and their order, blocks, preparation, folds, the
penalty, comparisons of models and every rule of the verdict. What cannot be, or is lowered to save
time, is said: key, figure, and why the rules still work.
"""

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from operandi.quantities.errors import DataError
from operandi.signatures.plan_format import (
    AnalysisPlan,
    PlannedEndpoint,
    Predictor,
    RecordedPredictor,
    SuppliedPredictor,
)
from operandi.signatures.plan_refusals import FEWEST_PERMUTATIONS, plan_refusals

FEWEST_REPEATS: Final = 10
"""From which an interval of a gain takes in what is learned."""
_FEW_REPEATS: Final = 5
_FEW_PAIRS: Final = 50
_FEW_BOOTSTRAPS: Final = 200
_NO_BOOTSTRAPS: Final = 2
_BY_PAIRS: Final = frozenset({"harrell_c", "auc"})
"""Metrics whose interval needs no bootstrap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoweredFigure:
    """A figure of the plan's resampling that is lowered, and why the rules still work."""

    key: str
    planned: int
    used: int
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsalPlan:
    """A plan for simulated trials.

    Parameters
    ----------
    plan : AnalysisPlan
        Predictors of ``columns`` are supplied ones, each from a table of its own code.
    judged : tuple of str
        Models of the ladder that bear a verdict.
    columns : mapping of str to tuple of str
        By code of a predictor: its columns in its table.
    lowered : tuple of LoweredFigure
    changed : tuple of str
        What else differs from the plan, in sentences.
    """

    plan: AnalysisPlan
    judged: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]]
    lowered: tuple[LoweredFigure, ...]
    changed: tuple[str, ...]


def judged_models(plan: AnalysisPlan, models: Collection[str] = ()) -> tuple[str, ...]:
    """Models that bear a verdict: every rung over M0, or M0 where it stands alone.

    Raises
    ------
    DataError
        If the plan has none, or *models* names others.
    """
    ladder = plan.ladder()
    bearing = tuple(one.code for one in (ladder[1:] or ladder))
    if not bearing:
        raise DataError(
            "model: no model of the plan has role = ladder, so that none bears a verdict.",
            remedy="Say power of a plan that asks for one.",
        )
    if strange := [one for one in models if one not in bearing]:
        raise DataError(
            f"{', '.join(strange)}: no model of the plan that bears a verdict.",
            remedy=f"Name one of {', '.join(bearing)}.",
        )
    return tuple(one for one in bearing if not models or one in models)


def needed_predictors(plan: AnalysisPlan, judged: Collection[str]) -> tuple[Predictor, ...]:
    """Predictors of the judged models, of what stands below them and what they are held against.

    With them, covariates of preparation.
    """
    codes = {
        code
        for model in plan.model
        if model.code in _needed_models(plan, judged)
        for code in plan.predictors_of(model)
    }
    codes |= {code for step in plan.preparation for code in step.covariates or ()}
    return tuple(one for _, one in plan.predictors() if one.code in codes)


def rehearsal_plan(
    plan: AnalysisPlan,
    *,
    columns: Mapping[str, tuple[str, ...]],
    visits: Collection[str],
    models: Collection[str] = (),
    whole: bool = False,
) -> RehearsalPlan:
    """Prepare a plan for simulated trials.

    Parameters
    ----------
    plan : AnalysisPlan
        Checked.
    columns : mapping of str to tuple of str
        By code of a predictor: names of the columns that are made for it. Recorded predictors
        that are not here are read from the simulated tables.
    visits : collection of str
        Visits that simulated trials have.
    models : collection of str
        Of those that bear a verdict; empty for all.
    whole : bool
        Whether the plan's own resampling is run.

    Raises
    ------
    DataError
        If a predictor has no column, or the plan asks for what a simulated trial does not have.
    """
    if faults := (*plan_refusals(plan), *_without_verdict(plan)):
        raise DataError("\n".join(str(one) for one in faults), remedy="Mend the plan first.")
    judged = judged_models(plan, models)
    needed = needed_predictors(plan, judged)
    _refuse_without_column(needed, columns)
    _refuse_landmark(plan, visits)
    kept = _needed_models(plan, judged)
    primary = plan.primary().code
    comparisons = tuple(
        one
        for one in plan.comparison
        if {one.model, one.against} <= kept and one.endpoint == primary
    )
    lowered = () if whole else tuple(_lowered(plan, comparisons, judged))
    changed = plan.model_copy(
        update={
            "population": plan.population.model_copy(
                update={"site": (), "exclude": (), "because": ()}
            ),
            "timing": plan.timing.model_copy(update={"start": "C1"}),
            "endpoint": (_of_trials(plan.primary()),),
            "recorded": tuple(
                one
                for one in needed
                if isinstance(one, RecordedPredictor) and one.code not in columns
            ),
            "measured": (),
            "features": (),
            "change": (),
            "supplied": tuple(
                _supplied(one, columns[one.code]) for one in needed if one.code in columns
            ),
            "table": (),
            "preparation": tuple(one for one in plan.preparation if one.step != "repeatability"),
            "model": tuple(one for one in plan.model if one.code in kept),
            "comparison": comparisons,
            "resampling": plan.resampling.model_copy(
                update={one.key.removeprefix("resampling."): one.used for one in lowered}
            ),
        }
    )
    return RehearsalPlan(
        plan=changed,
        judged=judged,
        columns={one.code: columns[one.code] for one in needed if one.code in columns},
        lowered=lowered,
        changed=tuple(_changes(plan, needed, compared=len(comparisons))),
    )


def _needed_models(plan: AnalysisPlan, judged: Collection[str]) -> set[str]:
    """Judged models, the rungs below them, and what the plan holds them against."""
    ladder = [one.code for one in plan.ladder()]
    last = max(ladder.index(code) for code in judged)
    primary = plan.primary().code
    against = {
        one.against for one in plan.comparison if one.model in judged and one.endpoint == primary
    }
    return {*ladder[: last + 1], *against}


def _without_verdict(plan: AnalysisPlan) -> Iterator[str]:
    """What makes every verdict undecidable, however many take part."""
    said = plan.resampling
    if said.permutations < 1:
        yield "resampling.permutations: with 0 nothing can be supported; write 200."
    if said.stability_pairs < 1:
        yield "resampling.stability_pairs: with 0 nothing can be supported; write 100."
    primary = plan.primary()
    if primary.binary and primary.by_day is None:
        yield (
            f"endpoint[{primary.code}]: a yes or no of a supplied table has no day, and a "
            "simulated trial needs one; take table and event away in a copy of the plan, and "
            "write by_day."
        )


def _refuse_without_column(
    needed: Collection[Predictor], columns: Mapping[str, tuple[str, ...]]
) -> None:
    without = [
        one.code
        for one in needed
        if one.code not in columns and not isinstance(one, RecordedPredictor)
    ]
    if not without:
        return
    several = any(_of_several(one) for one in needed if one.code in without)
    raise DataError(
        f"What is simulated knows nothing of these predictors of the plan: {', '.join(without)}.",
        remedy="Say what each is: --column CODE=MARKER where a simulated marker stands for it, "
        "or --without-information CODE where it is to tell nothing"
        + (
            "; CODE=N for a predictor of N columns, such as one with *."
            if several
            else " (CODE=N for N columns)."
        ),
    )


def _of_several(one: Predictor) -> bool:
    """Whether it may be more than one column."""
    names = [
        *getattr(one, "features", ()),
        *getattr(one, "columns", ()),
        getattr(one, "measurement", ""),
    ]
    listed = len(getattr(one, "features", ()) or getattr(one, "columns", ())) > 1
    return listed or any("*" in name for name in names)


def needs_number(one: Predictor) -> bool:
    """Whether how many columns it has is known only from tables."""
    return _of_several(one)


def _refuse_landmark(plan: AnalysisPlan, visits: Collection[str]) -> None:
    landmark = plan.timing.landmark
    if landmark is not None and landmark not in visits:
        raise DataError(
            f"timing.landmark: simulated trials have no visit {landmark}.",
            remedy=f"Name one of {', '.join(visits)} in a copy of the plan.",
        )


def _supplied(one: Predictor, names: tuple[str, ...]) -> SuppliedPredictor:
    # A change is known at its second visit.
    known_at = str(getattr(one, "to", getattr(one, "at", "BASELINE")))
    return SuppliedPredictor(
        code=one.code, block=one.block, table=one.code, columns=names, at=known_at
    )


def _of_trials(one: PlannedEndpoint) -> PlannedEndpoint:
    """The endpoint from records, of whatever table the plan takes it."""
    nothing: dict[str, Any] = dict.fromkeys(("table", "time", "time_unit", "event"))
    return one.model_copy(update=nothing)


def fewest_permutations(level: float) -> int:
    """The fewest permutations by which p below *level* is possible: 1/(B + 1) < level.

    >>> fewest_permutations(0.05), fewest_permutations(0.01)
    (20, 100)
    """
    return max(FEWEST_PERMUTATIONS, math.floor(1.0 / level + 1e-9))


def _lowered(
    plan: AnalysisPlan, comparisons: Collection[Any], judged: Collection[str]
) -> Iterator[LoweredFigure]:
    said, level = plan.resampling, plan.verdict.permutation_p
    gains = bool(comparisons) or any(code != plan.ladder()[0].code for code in judged)
    bootstrapped = any(one.metric not in _BY_PAIRS for one in comparisons)
    count = fewest_permutations(level)
    wanted = {
        "repeats": (
            (FEWEST_REPEATS, "the fewest with an interval of the gain that takes in learning")
            if gains
            else (_FEW_REPEATS, "no rule asks for an interval")
        ),
        "permutations": (
            count,
            f"the fewest by which p < {level:g} is possible: 1/{count + 1} = "
            f"{1.0 / (count + 1):.3g}; as exact by chance as more, and a little less powerful",
        ),
        "permutation_repeats": (
            1,
            "the same of the observed order and of the null: p stays valid, with more noise of "
            "the folds, so that power is a little lower",
        ),
        "stability_pairs": (_FEW_PAIRS, "shares of halves are known less well, the rule is same"),
        "bootstraps": (
            (_FEW_BOOTSTRAPS, "the interval of the gain is rougher")
            if bootstrapped
            else (_NO_BOOTSTRAPS, "no rule of the verdict asks for a bootstrap")
        ),
    }
    for name, (used, because) in wanted.items():
        planned = getattr(said, name)
        if used < planned:
            yield LoweredFigure(
                key=f"resampling.{name}", planned=planned, used=used, because=because
            )


def _changes(plan: AnalysisPlan, needed: Collection[Predictor], *, compared: int) -> Iterator[str]:
    primary, kept = plan.primary(), {one.code for one in needed}
    if primary.table is not None:
        yield (
            f"endpoint[{primary.code}] is the {primary.kind} of the simulated trial, not of the "
            "plan's table."
        )
    if len(plan.endpoint) > 1:
        yield f"Only the primary endpoint is judged: {primary.code}."
    if compared < len(plan.comparison):
        yield (
            f"p values are adjusted for {compared} comparisons, not for all "
            f"{len(plan.comparison)} of the plan: a gain holds a little too often."
        )
    if plan.timing.start != "C1":
        yield f"Days count from cycle 1, not from {plan.timing.start}."
    if plan.population.site or plan.population.exclude:
        yield "population.site and population.exclude are not asked: everybody simulated counts."
    if any(one.step == "repeatability" for one in plan.preparation):
        yield (
            "The step repeatability is left out: columns that are made have none. Declare as many "
            "as would pass it."
        )
    if left := [one.code for _, one in plan.predictors() if one.code not in kept]:
        yield f"No model that is judged uses {', '.join(left)}: left out."
