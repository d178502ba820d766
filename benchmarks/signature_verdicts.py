"""What the plan's recipe says of cohorts of which the truth is known: nothing, and a signal.

    python -m benchmarks.signature_verdicts null      # noise alone
    python -m benchmarks.signature_verdicts clinical  # noise beside two strong clinical columns
    python -m benchmarks.signature_verdicts planted   # three columns of 2000 that tell
    python -m benchmarks.signature_verdicts single    # one column that tells much

80 participants, about 45 events, 2000 columns. Nested 5x5 with the plan's defaults, 10 repeats in
place of 50, 20 permutations of 1 repeat in place of 200 of 5 (the fewest by which p < 0.05 is
possible: 1/21), 50 pairs of halves in place of 100.

Last results (2 shared cores): 200 cohorts of noise, nested C 0.499 +- 0.002, supported 3.0 % (1.1
to 6.4), intervals hold 0.5 in 92.5 %; 50 with three columns of log hazard ratio 0.9, supported 62 %
(47 to 75), median slope 1.12, intervals hold the recipe's C in 90 % (78 to 97), AUC and Brier score
in 88 %, and those of the fitted model in 92, 96 and 94 %. All of it stands in
docs/signatures-proofs.md.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.signature_cohorts import (
    COLUMNS,
    HORIZON,
    ROWS,
    MadeCohort,
    a_plan,
    counted,
    judge,
    made_cohort,
    share,
    true_concordance,
)
from benchmarks.signature_coverage import YEAR, Covered, coverage_told, covered, true_values
from operandi.signatures.candidates_of import ModelRecipe, planned_model
from operandi.signatures.plan_format import AnalysisPlan
from operandi.signatures.preparation.planned import planned_chain
from operandi.signatures.resampling.candidates import FittedCandidate
from operandi.signatures.resampling.folds import deal_folds, generator_of
from operandi.signatures.results import SUPPORTED
from operandi.signatures.results_cohort import Estimated
from operandi.signatures.results_models import ModelResult

EFFECTS: Final = {
    "null": ((), ()),
    "clinical": ((), (0.8, 0.8)),
    "planted": ((0.9, 0.9, 0.9), ()),
    "single": ((1.4,), ()),
}
"""Log hazard ratios per standard deviation: of columns among the 2000, of clinical columns."""
FURTHER: Final = 3000
TRAINED: Final = 64
"""Rows that an outer fold learns from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What was found in one cohort."""

    cohort: int
    events: int
    concordance: float
    low: float
    high: float
    p_value: float
    stable: int
    answer: str
    slope: float | None
    true_final: float
    """Concordance in new participants of the recipe fitted to this whole cohort."""
    true_fold: float
    """The same of the recipe fitted to 64 other participants: what a fold has."""
    covered: Covered = field(default_factory=dict)
    """AUC, Brier score and slope beside what is true of them in 3000 further participants."""


def lines_of(
    kind: str, *, cohorts: int, first: int, repeats: int = 10, columns: int = COLUMNS
) -> Iterator[Line]:
    """Judge cohorts one by one."""
    effects, clinical = EFFECTS[kind]
    plan = a_plan(clinical=bool(clinical), repeats=repeats)
    for number in counted(cohorts):
        seed = first + number
        made = made_cohort(seed=seed, effects=effects, clinical=clinical, columns=columns)
        other = made_cohort(
            seed=10_000_000 + seed,
            effects=effects,
            clinical=clinical,
            columns=columns,
            rows=TRAINED,
        )
        found = judge(plan, made.data)
        model = found.model.result
        metric, slope = model.metric("harrell_c"), model.metric("slope")
        assert metric is not None
        assert model.permutation is not None
        assert model.stability is not None
        each = metric.estimate
        value = each.value if each.value is not None else np.nan
        found_of = {
            name: _estimate(model, name, day)
            for name, day in (("auc", YEAR), ("brier", YEAR), ("slope", HORIZON))
        }
        further = _further(kind, columns)
        final, fold = (_true(plan, one, further) for one in (made, other))
        yield Line(
            cohort=seed,
            events=made.data.endpoints["pfs"].events,
            concordance=value,
            low=each.low if each.low is not None else np.nan,
            high=each.high if each.high is not None else np.nan,
            p_value=model.permutation.p_value,
            stable=len(model.stability.stable),
            answer=found.verdict.answer,
            slope=None if slope is None else slope.estimate.value,
            true_final=true_of_recipe(plan, made, clinical=len(clinical)),
            true_fold=true_of_recipe(plan, other, clinical=len(clinical)),
            covered=covered(found_of, final, fold),
        )


@cache
def _further(kind: str, columns: int) -> MadeCohort:
    effects, clinical = EFFECTS[kind]
    return made_cohort(
        seed=20_000_000, effects=effects, clinical=clinical, rows=FURTHER, columns=columns
    )


def _true(plan: AnalysisPlan, made: MadeCohort, further: MadeCohort) -> dict[str, float]:
    recipe = _recipe(plan, made)
    outcome, happened = (one.data.endpoints["pfs"].times for one in (made, further))
    assert outcome is not None
    assert happened is not None
    judged = _recipe(plan, further).predictors
    return true_values(
        recipe.candidate, recipe.predictors, outcome, judged, happened, slope_day=HORIZON
    )


def _estimate(model: ModelResult, name: str, day: float) -> Estimated | None:
    found = (one for one in model.metrics if (one.metric, one.horizon_days) == (name, day))
    metric = next(found, None)
    return None if metric is None else metric.estimate


def true_of_recipe(plan: AnalysisPlan, made: MadeCohort, *, clinical: int) -> float:
    """Concordance in new participants of the recipe fitted to a whole cohort."""
    outcome = made.data.endpoints["pfs"].times
    assert outcome is not None
    recipe = _recipe(plan, made)
    rows = recipe.predictors
    inner = deal_folds(
        rows.participants, outcome.event, folds=5, generator=generator_of(plan.resampling.seed, 9)
    )
    fit = recipe.candidate.fit(rows, outcome, inner=inner, seed=1)
    assert isinstance(fit, FittedCandidate)
    place = {name: at for at, name in enumerate(made.data.predictors.names)}
    whole = np.zeros(len(place))
    whole[[place[name] for name in fit.names]] = fit.coefficients
    return true_concordance(whole, made.effects, clinical=clinical)


def _recipe(plan: AnalysisPlan, made: MadeCohort) -> ModelRecipe:
    return planned_model(
        plan,
        plan.ladder()[-1],
        made.data.predictors,
        chain=planned_chain(plan, repeatability={}),
    )


def told(kind: str, lines: list[Line]) -> Iterator[str]:
    """Sentences of a table of results."""
    count = len(lines)
    value = np.array([one.concordance for one in lines])
    low, high = (np.array([getattr(one, name) for one in lines]) for name in ("low", "high"))
    final, fold = (
        np.array([getattr(one, name) for one in lines]) for name in ("true_final", "true_fold")
    )
    yield f"{kind}: {count} cohorts of {ROWS}, {np.mean([one.events for one in lines]):.1f} events"
    error = value.std() / np.sqrt(count)
    yield f"mean nested C {value.mean():.3f} +- {error:.3f}, spread {value.std():.3f}"
    supported = sum(one.answer == SUPPORTED for one in lines)
    yield f"supported: {share(supported, count)}"
    yield f"permutation p < 0.05: {share(sum(one.p_value < 0.05 for one in lines), count)}"
    yield f"a stable column: {share(sum(one.stable > 0 for one in lines), count)}"
    for name, truth in (
        ("the recipe, mean of fits to 64", np.full(count, fold.mean())),
        ("the recipe fitted to the cohort", final),
    ):
        covered = int(np.count_nonzero((low <= truth) & (truth <= high)))
        yield (
            f"true C of {name}: {truth.mean():.3f}; the 95 % interval holds it in "
            f"{share(covered, count)}"
        )
    yield from coverage_told(one.covered for one in lines)
    slopes = [one.slope for one in lines if one.slope is not None]
    if slopes:
        lower, middle, upper = np.percentile(slopes, [25, 50, 75])
        yield (
            f"calibration slope at {HORIZON:g} days: median {middle:.2f}, quartiles {lower:.2f} "
            f"to {upper:.2f}, {len(slopes)} cohorts"
        )


def main() -> None:
    """Judge cohorts and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=EFFECTS)
    parser.add_argument("--cohorts", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="seed of the first cohort")
    parser.add_argument("--repeats", type=int, default=10, help="below 10 intervals are narrow")
    parser.add_argument("--columns", type=int, default=COLUMNS)
    parser.add_argument("--lines", type=Path, help="file of JSON lines to add to and to tell of")
    asked = parser.parse_args()
    before: list[Line] = []
    if asked.lines is not None and asked.lines.exists():
        before = [Line(**json.loads(one)) for one in asked.lines.read_text().splitlines()]
    found = []
    for line in lines_of(
        asked.kind,
        cohorts=asked.cohorts,
        first=asked.first,
        repeats=asked.repeats,
        columns=asked.columns,
    ):
        found.append(line)
        if asked.lines is not None:
            with asked.lines.open("a") as file:
                file.write(json.dumps(asdict(line)) + "\n")
    for sentence in told(asked.kind, before + found):
        print(sentence)


if __name__ == "__main__":
    main()
