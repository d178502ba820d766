from dataclasses import replace

import numpy as np
import pytest

from operandi.quantities.errors import DataError
from operandi.signatures.challengers.draws import begin_stream, normal, uniform
from operandi.signatures.challengers.forest import FittedForest, Forest
from operandi.signatures.challengers.forest_kernel import Trees, ensemble_mortality, grow_forest
from operandi.signatures.cox.likelihood import risk_order
from operandi.signatures.cox.path_kernel import PathSettings
from operandi.signatures.data import Floats, Predictors, RightCensored
from operandi.signatures.metrics.concordance import harrell_c
from operandi.signatures.preparation.guard import LeakError
from operandi.signatures.resampling.candidates import Penalized
from operandi.signatures.resampling.folds import Resampling
from operandi.signatures.resampling.nested import nested_evaluation
from operandi.signatures.survival.log_rank import log_rank_test
from tests.signatures.challengers.challenged import bent_cohort, inner_folds
from tests.signatures.resampling.cohorts import cohort

NO_DAYS: Floats = np.empty(0)


def sorted_cohort(*, ties: bool) -> tuple[Floats, Floats, Floats]:
    predictors, outcome = cohort(seed=4, effects=(1.0,), participants=40, columns=6)
    time = np.ceil(outcome.time / 90.0) * 90.0 if ties else outcome.time
    event = outcome.event.astype(np.float64)
    order = risk_order(time, event, np.zeros(time.size, dtype=np.int64))
    return predictors.values[order], time[order], event[order]


def drawn_times(seed: int, rows: int) -> np.ndarray:
    """How often the first tree draws each row."""
    state = begin_stream(seed, 0)
    draws = [int(uniform(state) * rows) for _ in range(rows)]
    return np.bincount(draws, minlength=rows)


def grown(x: Floats, time: Floats, event: Floats, *, trees: int, least: int) -> Trees:
    columns = np.ascontiguousarray(x.T)
    return grow_forest(
        columns,
        np.argsort(columns, axis=1, kind="stable"),
        time,
        event,
        np.arange(time.size),
        trees,
        x.shape[1],
        least,
        17,
    )


@pytest.mark.parametrize("ties", [False, True])
def test_the_root_splits_where_the_log_rank_statistic_is_largest(*, ties: bool) -> None:
    """Every cut of every column by the test of ``survival.log_rank``, rows as often as drawn."""
    x, time, event = sorted_cohort(ties=ties)
    least = 4
    tree = grown(x, time, event, trees=1, least=least)
    weight = drawn_times(17, time.size)
    rows = np.repeat(np.arange(time.size), weight)
    outcome = RightCensored(time=time[rows], event=event[rows] > 0.0)
    best: tuple[float, int, float] = (0.0, -1, 0.0)
    for column in range(x.shape[1]):
        for cut in np.unique(x[rows, column])[:-1]:
            left = x[rows, column] <= cut
            dead = len(set(rows[left & outcome.event])), len(set(rows[~left & outcome.event]))
            if min(dead) < least:
                continue
            names = ["left" if one else "right" for one in left]
            found = log_rank_test(outcome, names).chi_square
            best = max(best, (found, column, float(cut)))
    assert best[0] > 3.0
    assert tree.column[0, 0] == best[1]
    above = x[rows, best[1]][x[rows, best[1]] > best[2]].min()
    assert best[2] <= tree.cut[0, 0] < above


def test_mortality_is_the_cumulative_hazard_summed_over_event_times() -> None:
    """Nelson and Aalen's by hand, of a tree that may not split."""
    x, time, event = sorted_cohort(ties=True)
    tree = grown(x, time, event, trees=1, least=time.size)
    weight = drawn_times(17, time.size)
    days = np.unique(time[event > 0.0])
    hazard = np.array(
        [(weight * event)[time == day].sum() / max(weight[time >= day].sum(), 1) for day in days]
    )
    assert tree.column[0, 0] == -1
    assert tree.mortality[0, 0] == pytest.approx(np.cumsum(hazard).sum(), rel=1e-12)


def test_every_terminal_node_has_the_events_that_were_asked_for() -> None:
    x, time, event = sorted_cohort(ties=False)
    trees = grown(x, time, event, trees=20, least=3)
    state = begin_stream(17, 0)
    weight = np.bincount([int(uniform(state) * 40) for _ in range(40)], minlength=40)
    ends: dict[int, int] = {}
    for row in np.flatnonzero((weight > 0) & (event > 0.0)):
        here = 0
        while trees.column[0, here] >= 0:
            right = x[row, trees.column[0, here]] > trees.cut[0, here]
            here = trees.left[0, here] + int(right)
        ends[here] = ends.get(here, 0) + 1
    assert len(ends) > 2
    assert min(ends.values()) >= 3


def test_a_tree_depends_on_its_number_and_not_on_how_many_there_are() -> None:
    x, time, event = sorted_cohort(ties=False)
    few, many = (grown(x, time, event, trees=count, least=3) for count in (5, 20))
    assert (many.column[:5] == few.column).all()
    assert (many.mortality[:5] == few.mortality).all()


def fitted(predictors: Predictors, outcome: RightCensored, **changed: object) -> FittedForest:
    forest = Forest(name="forest", columns=predictors.names, trees=100)
    forest = replace(forest, **changed)  # type: ignore[arg-type]
    return forest.fit(predictors, outcome, inner=inner_folds(predictors, outcome), seed=5)


def test_training_rows_are_foretold_by_trees_that_did_not_draw_them() -> None:
    predictors, outcome = cohort(seed=3)
    found = fitted(predictors, outcome)
    known = np.exp(found.predictor(predictors, trained=True))
    inside = ensemble_mortality(found.trees, np.ascontiguousarray(predictors.values))
    assert harrell_c(outcome, inside).value > 0.9
    assert harrell_c(outcome, known).value < 0.65


def test_rows_of_a_participant_are_drawn_together() -> None:
    """Each lesion twice: who is out of bag must not be foretold by a twin that is in it."""
    predictors, outcome = cohort(seed=3)
    twice = np.repeat(np.arange(80), 2)
    doubled = Predictors(
        values=predictors.values[twice],
        names=predictors.names,
        blocks=predictors.blocks,
        participants=tuple(predictors.participants[row] for row in twice),
        sites=tuple(predictors.sites[row] for row in twice),
    )
    known = RightCensored(time=outcome.time[twice], event=outcome.event[twice])
    found = fitted(doubled, known)
    assert harrell_c(known, found.training).value < 0.65


def test_refuses_to_judge_whom_it_has_seen() -> None:
    predictors, outcome = cohort(seed=3)
    found = fitted(predictors, outcome, trees=50)
    with pytest.raises(LeakError, match="has learned from OP-000"):
        found.predictor(predictors)
    others = replace(predictors, participants=tuple(reversed(predictors.participants)))
    with pytest.raises(LeakError, match="these are other rows"):
        found.predictor(others, trained=True)


def test_refuses_so_few_trees_that_somebody_is_in_all_of_them() -> None:
    predictors, outcome = cohort(seed=3)
    with pytest.raises(DataError, match="All 2 trees drew") as refusal:
        fitted(predictors, outcome, trees=2)
    assert "challengers.trees" in refusal.value.remedy


def test_a_forest_finds_what_bends_and_the_elastic_net_does_not() -> None:
    forests: list[float] = []
    nets: list[float] = []
    for seed in range(4):
        predictors, outcome = bent_cohort(seed=seed)
        once = Resampling(repeats=1, outer=5, inner=4, seed=seed)
        net = Penalized(
            name="net",
            columns=predictors.names,
            settings=PathSettings(l1_ratio=0.9, penalties=20, smallest=0.1, support_cap=10),
        )
        for one, to in ((Forest(name="f", columns=net.columns, trees=200), forests), (net, nets)):
            found = nested_evaluation(one, predictors, outcome, resampling=once, days=NO_DAYS)
            to.append(found.mean_concordance)
    assert np.mean(forests) > 0.62
    assert np.mean(nets) < 0.54


def test_noise_gives_a_concordance_of_one_half() -> None:
    found = []
    for seed in range(30):
        predictors, outcome = cohort(seed=1000 + seed, columns=30)
        forest = Forest(name="f", columns=predictors.names, trees=50)
        once = Resampling(repeats=1, outer=5, inner=4, seed=seed)
        found.append(
            nested_evaluation(
                forest, predictors, outcome, resampling=once, days=NO_DAYS
            ).mean_concordance
        )
    assert np.mean(found) == pytest.approx(0.5, abs=0.03)


def test_scale_is_learned_out_of_bag() -> None:
    """Where the rows out of bag deny what the trees say, the forest foretells almost nothing."""
    predictors, outcome = bent_cohort(seed=2)
    assert fitted(predictors, outcome).slope > 0.3
    for seed in range(20):
        noise, known = cohort(seed=seed)
        found = fitted(noise, known, trees=50)
        if harrell_c(known, found.training).value < 0.45:
            assert found.slope == 1e-6
            assert np.ptp(found.predictor(noise, trained=True)) < 1e-4
            return
    pytest.fail("no cohort of noise was denied out of bag")


def test_the_result_does_not_depend_on_threads() -> None:
    predictors, outcome = bent_cohort(seed=1)
    one, four = (
        nested_evaluation(
            Forest(name="f", columns=predictors.names, trees=50),
            predictors,
            outcome,
            resampling=Resampling(repeats=3, outer=4, inner=3, seed=2),
            days=np.array([365.0]),
            threads=threads,
        )
        for threads in (1, 4)
    )
    assert (one.predictor == four.predictor).all()
    assert (one.survival == four.survival).all()
    assert one.selected == {}


def test_draws_are_uniform_and_normal() -> None:
    state = begin_stream(3, 1)
    flat = np.array([uniform(state) for _ in range(20_000)])
    assert np.histogram(flat, bins=10, range=(0.0, 1.0))[0] == pytest.approx(2000.0, abs=200.0)
    bell = np.array([normal(state) for _ in range(20_000)])
    assert bell.mean() == pytest.approx(0.0, abs=0.03)
    assert bell.std() == pytest.approx(1.0, abs=0.02)
    assert np.mean(np.abs(bell) < 1.96) == pytest.approx(0.95, abs=0.006)
    assert begin_stream(3, 1)[0] != begin_stream(3, 2)[0]
