"""Twelve leaks, planted one by one: each is refused, or shown to be none by the plan's own rules.

Those that learn from test rows are planted into the analysis itself, in place of a model of the
plan; those that hide in a column into a supplied table that the plan reads.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from operandi.quantities.errors import DataError
from operandi.signatures import judgment
from operandi.signatures.analysis import analyze
from operandi.signatures.candidates_of import ModelRecipe, planned_model
from operandi.signatures.cox.fused import nested_scores
from operandi.signatures.cox.path import cox_path
from operandi.signatures.cox.path_kernel import settings_of
from operandi.signatures.data import Floats, Predictors, RightCensored
from operandi.signatures.metrics.concordance import harrell_c
from operandi.signatures.plan import PlanError
from operandi.signatures.preparation.chain import FittedChain, On, PreparationChain
from operandi.signatures.preparation.combat import Combat
from operandi.signatures.preparation.filters import ConstantFilter
from operandi.signatures.preparation.guard import LeakError, Split
from operandi.signatures.preparation.imputation import Imputation
from operandi.signatures.preparation.scaling import Scaling
from operandi.signatures.preparation.screening import ScoreScreen
from operandi.signatures.preparation.transformer import Transformer
from operandi.signatures.resampling.candidates import FittedCandidate
from operandi.signatures.resampling.folds import Labels, Resampling, draw_folds
from operandi.signatures.resampling.permutation import permutation_null
from tests.records.study_folder import Tables
from tests.signatures.planned_cohort import cohort, quick_plan
from tests.signatures.planned_study import (
    BASE,
    a_cohort_of_sixty,
    a_file,
    a_plan_of,
    a_table,
    fates,
    read_data,
    supplied,
)

DAYS = np.array([one.day for one in fates()], dtype=float)
DIED = np.array([one.died for one in fates()])
NOISE = np.random.default_rng(3).normal(size=60)

LEARNED_BEFORE: dict[str, Transformer] = {
    "scaling": Scaling(),
    "filter": ConstantFilter(),
    "ComBat": Combat(),
    "imputation": Imputation(),
    "selection before the split": ScoreScreen(keep=3),
}


@dataclass(frozen=True)
class PreparedBefore:
    """A model whose preparation was learned once, from everybody."""

    name: str
    columns: tuple[str, ...]
    ready: FittedChain
    chain: PreparationChain | None = None

    def fit(
        self, training: Predictors, outcome: RightCensored, *, inner: Labels, seed: int
    ) -> FittedCandidate:
        """Learn in the fold, on columns prepared before it."""
        rows = self.ready.apply(training, role="training")
        return FittedCandidate(
            names=rows.names,
            coefficients=np.ones(len(rows.names)),
            center=0.0,
            chain=self.ready,
            columns=self.columns,
        )


@pytest.mark.parametrize("leak", LEARNED_BEFORE)
def test_what_was_learned_before_the_split_stops_the_analysis(
    leak: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Leaks 1 to 5: scaling, filter, ComBat, imputation, selection before the split."""
    data = cohort(columns=6)
    outcome = data.endpoints["pfs"].times
    assert outcome is not None

    def leaking(*args: Any, **named: Any) -> ModelRecipe:
        recipe = planned_model(*args, **named)
        ready = PreparationChain(steps=(On(step=LEARNED_BEFORE[leak]),)).fit(
            recipe.predictors, outcome=outcome, seed=1
        )
        names = recipe.predictors.names
        return replace(recipe, candidate=PreparedBefore(leak, names, ready))

    monkeypatch.setattr(judgment, "planned_model", leaking)
    with pytest.raises(LeakError, match=r"has learned from P0.*to be judged on the same"):
        analyze(quick_plan(), data, locked=None, software="test")


def test_lesions_of_one_participant_cannot_stand_on_both_sides(tmp_path: Path) -> None:
    """Leak 6: lesion rows across folds."""
    lines = ["participant,lesion_uptake"]
    lines += [f"{one.who},{lesion}" for one in fates() for lesion in (1.0, 2.0)]
    table = a_file(tmp_path, "\n".join(lines))
    plan = a_plan_of(table=[table], supplied=[supplied("lesion_uptake")])
    with pytest.raises(DataError, match="OP-001"):
        read_data(tmp_path, plan)

    people = tuple(f"P{row // 2:03d}" for row in range(120))
    event = np.arange(120) % 4 < 2
    folds = draw_folds(
        people, event, resampling=Resampling(repeats=1, outer=5, inner=5, seed=1), repeat=0
    )
    np.testing.assert_array_equal(folds.outer[::2], folds.outer[1::2])
    with pytest.raises(LeakError, match="rows on both sides"):
        Split(training=np.arange(59), test=np.arange(59, 120), participants=people)


@pytest.mark.parametrize(
    ("leak", "values", "follows"),
    [
        ("follow-up length", DAYS / 30.4, "time"),
        ("visit count", np.floor(DAYS / 84.0) + (NOISE > 1.0), "time"),
        ("outcome-derived column", DIED + 0.2 * NOISE, "event"),
        ("site as proxy", np.tile([1.0, 7.0, 3.0], 20) + 0.3 * NOISE, "site"),
    ],
)
def test_a_column_made_of_follow_up_outcome_or_site_is_refused(
    tmp_path: Path, leak: str, values: Floats, follows: str
) -> None:
    """Leaks 7 to 10."""
    table = a_table(tmp_path, {"marker": values, "noise": NOISE})
    plan = a_plan_of(table=[table], supplied=[supplied("marker"), supplied("noise")])
    with pytest.raises(LeakError, match=f"marker follows the {follows}") as refused:
        read_data(tmp_path, plan)
    assert "noise follows" not in str(refused.value)
    assert leak


def test_laboratory_values_of_the_future_move_nothing(tmp_path: Path) -> None:
    """Leak 11: a later value is passed over; a table of follow-up is no source at all."""

    def told(change: Callable[[Tables], None]) -> Floats:
        tables = a_cohort_of_sixty()
        change(tables)
        return read_data(tmp_path, a_plan_of(), tables=tables).predictors.values

    def later(tables: Tables) -> None:
        start = {one.who: str(one.start) for one in fates()}
        for row in tables["laboratory_results"]:
            if row["collected_on"] > start[row["participant"]]:
                row["value"] = "99999"

    np.testing.assert_array_equal(told(later), told(lambda tables: None))
    grown = BASE["recorded"][0] | {"table": "follow_up", "column": "participant", "where": {}}
    with pytest.raises(PlanError, match="grows during follow-up"):
        a_plan_of(recorded=[grown])


@dataclass(frozen=True)
class TunedOnTheTestFold:
    """A lasso path of which the step is taken that orders the test rows best."""

    name: str
    columns: tuple[str, ...]
    known: dict[str, tuple[float, bool]]
    chain: PreparationChain | None = None

    def fit(
        self, training: Predictors, outcome: RightCensored, *, inner: Labels, seed: int
    ) -> FittedCandidate:
        """Fit a path; the step is chosen when the test rows are seen."""
        path = cox_path(outcome, training.values, settings=settings_of(penalties=10))
        return _Cheating(
            names=training.names,
            coefficients=path.coefficients[-1],
            center=0.0,
            chain=None,
            columns=self.columns,
            details={"path": path.coefficients, "known": self.known},
        )


class _Cheating(FittedCandidate):
    __slots__ = ()

    def predictor(self, rows: Predictors, *, trained: bool = False) -> Floats:
        known = [self.details["known"][str(one)] for one in rows.participants]
        outcome = RightCensored(
            time=np.array([day for day, _ in known]), event=np.array([event for _, event in known])
        )
        each = [rows.values @ one for one in self.details["path"]]
        return max(each, key=lambda one: harrell_c(outcome, one).value)


def test_tuning_on_the_test_fold_is_exposed_by_the_permutation_null() -> None:
    """Leak 12: on noise it looks like a signal, and the same where nothing can be."""
    rng = np.random.default_rng(5)
    base = cohort(columns=150, seed=4)
    outcome = base.endpoints["pfs"].times
    assert outcome is not None
    rows = base.predictors
    rows = replace(rows, values=rng.normal(size=rows.values.shape))
    whom = zip(rows.participants, outcome.time, outcome.event, strict=True)
    known = {str(who): (float(day), bool(event)) for who, day, event in whom}
    found = permutation_null(
        TunedOnTheTestFold("cheat", rows.names, known),
        rows,
        outcome,
        resampling=Resampling(repeats=1, outer=5, inner=2, seed=1),
        permutations=19,
    )

    assert found.null.mean() > 0.55
    assert found.p_value > 0.05


def test_values_and_outcomes_of_test_rows_do_not_move_what_a_fold_learns() -> None:
    """Leak 12 cannot be planted by accident: the compiled folds never look at their test rows."""
    base = cohort(columns=30, effect=0.8)
    outcome = base.endpoints["pfs"].times
    assert outcome is not None
    folds = draw_folds(
        base.predictors.participants,
        outcome.event,
        resampling=Resampling(repeats=1, outer=5, inner=3, seed=1),
        repeat=0,
    )
    test = folds.outer == 0

    def learned(values: Floats, time: Floats) -> tuple[Floats, int]:
        count = time.size
        scores = nested_scores(
            np.ascontiguousarray(values),
            time,
            outcome.event.astype(np.float64),
            np.zeros(count, dtype=np.int64),
            np.zeros(count),
            folds.outer,
            folds.inner,
            np.ones(values.shape[1]),
            np.empty(0),
            settings_of(),
            True,  # noqa: FBT003 - a compiled kernel takes places alone
        )
        return scores.coefficients[0], int(scores.chosen[0])

    values, time = base.predictors.values.copy(), outcome.time.copy()
    expected, chosen = learned(values, time)
    values[test] *= -7.0
    time[test] = time[test][::-1] + 1.0
    found, again = learned(values, time)

    np.testing.assert_array_equal(found, expected)
    assert chosen == again
