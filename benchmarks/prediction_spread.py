"""Whether predicted risks lie as far apart as what happens, with and without the spread factor.

    python -m benchmarks.prediction_spread planted     # also single, clinical, null
    python -m benchmarks.prediction_spread dose        # also imaging, or a scenario's file

Cohorts of 80, nested 5x5 of 2 repeats. For each recipe, as fitted and multiplied by the factor of
the inner folds: the median calibration slope of left-out rows, pooled and within outer folds as
results have it; the slope of the folds' fits in further participants; what the factor does to
Brier scores. Results stand in docs/signatures-proofs.md.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from benchmarks.signature_cohorts import HORIZON, a_plan, made_cohort
from benchmarks.signature_power import FURTHER_SEED, OBSERVED_SEED, SIZE, recipes_of, trials_of
from benchmarks.signature_power import HORIZON as YEAR
from benchmarks.signature_verdicts import EFFECTS
from operandi.quantities.errors import DataError
from operandi.signatures.candidates_of import planned_model
from operandi.signatures.cox.newton import fit_cox
from operandi.signatures.data import Predictors, RightCensored
from operandi.signatures.metrics.calibration import log_cumulative_hazard
from operandi.signatures.metrics.estimate import BootstrapPlan
from operandi.signatures.performance import MetricKey, judge_survival, judged_days
from operandi.signatures.preparation.chain import predictors_at
from operandi.signatures.preparation.planned import planned_chain
from operandi.signatures.resampling.candidates import Candidate, FewColumns, Penalized
from operandi.signatures.resampling.folds import Resampling, draw_folds
from operandi.signatures.resampling.nested import nested_evaluation
from operandi.simulation.scenario import read_scenario

Floats = npt.NDArray[np.float64]

FURTHER: Final = 3000
PLAN: Final = Resampling(repeats=2, outer=5, inner=5, seed=11)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Case:
    """A recipe, a cohort for it, and further participants."""

    recipe: FewColumns | Penalized
    rows: Predictors
    outcome: RightCensored
    further: Predictors
    after: RightCensored


def cases_of(kind: str, *, cohorts: int, first: int) -> Iterator[Case]:
    """Recipes in one cohort after another."""
    if kind in EFFECTS:
        yield from _made(kind, cohorts=cohorts, first=first)
        return
    scenario = read_scenario(kind)
    (far,) = trials_of(scenario, trials=1, size=FURTHER, seed=FURTHER_SEED)
    for trial in trials_of(scenario, trials=cohorts, size=SIZE, seed=OBSERVED_SEED + first):
        for recipe in recipes_of("minimum_dose"):
            assert isinstance(recipe, FewColumns | Penalized)
            yield Case(
                recipe=recipe,
                rows=trial.predictors(recipe.columns),
                outcome=trial.outcome,
                further=far.predictors(recipe.columns),
                after=far.outcome,
            )


def _made(kind: str, *, cohorts: int, first: int) -> Iterator[Case]:
    effects, clinical = EFFECTS[kind]
    plan = a_plan(clinical=bool(clinical))
    chain = planned_chain(plan, repeatability={})
    far = made_cohort(seed=999, effects=effects, clinical=clinical, rows=FURTHER // 2).data
    after = far.endpoints["pfs"].times
    for number in range(first, first + cohorts):
        data = made_cohort(seed=50_000 + number, effects=effects, clinical=clinical).data
        outcome = data.endpoints["pfs"].times
        assert outcome is not None
        assert after is not None
        for model in plan.ladder():
            planned = planned_model(plan, model, data.predictors, chain=chain)
            assert isinstance(planned.candidate, FewColumns | Penalized)
            yield Case(
                recipe=planned.candidate,
                rows=planned.predictors,
                outcome=outcome,
                further=far.predictors,
                after=after,
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """Slopes and Brier scores of one recipe in one cohort; ``further`` of the fit of every fold."""

    pooled: float
    within: float
    further: tuple[float, ...]
    brier: float
    integrated: float


def judged(case: Case, recipe: Candidate, *, day: float) -> Judged:
    """Judge left-out rows, and the fits of their folds in further participants."""
    days = judged_days(case.outcome, horizons=(day,), decision=None, thresholds=())
    found = nested_evaluation(recipe, case.rows, case.outcome, resampling=PLAN, days=days.times)
    survival = np.clip(found.survival[:, :, -1], 1e-9, 1.0 - 1e-9)
    pooled = [_slope(case.outcome, log_cumulative_hazard(one)) for one in survival]
    within = [
        _slope(case.outcome, log_cumulative_hazard(one), strata=fold)
        for one, fold in zip(survival, found.outer, strict=True)
    ]
    scores = judge_survival(
        case.outcome, found, days=days, bootstrap=BootstrapPlan(seed=1, repeats=2)
    )
    brier, integrated = (
        float(scores.value[scores.keys.index(MetricKey(metric=name, horizon=day))])
        for name in ("brier", "integrated_brier")
    )
    return Judged(
        pooled=float(np.mean(pooled)),
        within=float(np.mean(within)),
        further=tuple(_further(case, recipe)),
        brier=brier,
        integrated=integrated,
    )


def _further(case: Case, recipe: Candidate) -> Iterator[float]:
    for repeat in range(PLAN.repeats):
        folds = draw_folds(
            case.rows.participants,
            case.outcome.event,
            resampling=PLAN,
            repeat=repeat,
            sites=case.rows.sites,
        )
        for fold in range(folds.count):
            some = np.flatnonzero(folds.outer != fold)
            part = RightCensored(time=case.outcome.time[some], event=case.outcome.event[some])
            rows = predictors_at(case.rows, some)
            try:
                fit = recipe.fit(rows, part, inner=folds.inner[fold][some], seed=1)
            except DataError:
                continue
            yield _slope(case.after, fit.predictor(case.further))


def _slope(
    outcome: RightCensored, predictor: Floats, *, strata: npt.NDArray[np.int64] | None = None
) -> float:
    try:
        return float(fit_cox(outcome, predictor[:, None], strata=strata).coefficients[0])
    except DataError:  # flat predictions have no slope
        return np.nan


def main() -> None:
    """Judge cohorts and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind")
    parser.add_argument("--cohorts", type=int, default=100)
    parser.add_argument("--first", type=int, default=0)
    asked = parser.parse_args()
    day = HORIZON if asked.kind in EFFECTS else YEAR
    found: dict[str, list[tuple[Judged, ...]]] = {}
    for case in cases_of(asked.kind, cohorts=asked.cohorts, first=asked.first):
        recipes = [replace(case.recipe, spread=one) for one in ("as_fitted", "cross_validated")]
        lines = tuple(judged(case, one, day=day) for one in recipes)
        found.setdefault(case.recipe.name, []).append(lines)
    for name, every in found.items():
        print(f"{asked.kind}, {name}: {len(every)} cohorts, as fitted and with the factor")
        print(f"  slope, pooled: {_both(every, lambda one: (one.pooled,))}")
        print(f"  slope within outer folds: {_both(every, lambda one: (one.within,))}")
        print(f"  slope in further participants: {_both(every, lambda one: one.further)}")
        print(f"  Brier: {_change(every, lambda one: one.brier)}")
        print(f"  integrated Brier: {_change(every, lambda one: one.integrated)}")


def _both(every: list[tuple[Judged, ...]], values: Callable[[Judged], tuple[float, ...]]) -> str:
    told = []
    for one in zip(*every, strict=True):
        low, middle, high = np.nanpercentile(
            [v for each in one for v in values(each)], [25, 50, 75]
        )
        told.append(f"{middle:.2f} ({low:.2f} to {high:.2f})")
    return ", ".join(told)


def _change(every: list[tuple[Judged, ...]], value: Callable[[Judged], float]) -> str:
    plain, spread = (np.array([value(each) for each in one]) for one in zip(*every, strict=True))
    change = spread - plain
    return f"{plain.mean():.4f}, {change.mean():+.4f} +- {change.std() / np.sqrt(change.size):.4f}"


if __name__ == "__main__":
    main()
