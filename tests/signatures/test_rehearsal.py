"""A plan tried on one cohort: the same verdict as of the whole analysis."""

import numpy as np
import pytest

from operandi.domain.identity import Digest, Pseudonym
from operandi.signatures.analysis import analyze
from operandi.signatures.plan_lock import lock
from operandi.signatures.rehearsal import dealt_anew, made_table, of_participants, rehearse
from tests.signatures.planned_cohort import cohort, quick_plan


def test_the_verdict_is_that_of_the_whole_analysis() -> None:
    """``analyze`` is the other way to the same answer, rule by rule."""
    plan, data = quick_plan(resampling={"bootstraps": 3}), cohort(effect=1.0)

    found = rehearse(plan, data, judged=("M1",)).models["M1"]

    whole = analyze(plan, data, locked=lock(plan, freeze=Digest("a" * 64)), software="test").result
    assert found.verdict.rules == whole.verdict.rules
    assert found.verdict.answer == whole.verdict.answer == "supported"
    metric = whole.of_endpoint("pfs")[1].metric("harrell_c")
    assert metric is not None
    assert found.concordance == metric.estimate.value
    assert found.rules["signal"] is True


def test_dealt_anew_a_planted_signal_is_gone() -> None:
    plan, data = quick_plan(), cohort(effect=1.0)

    found = rehearse(plan, dealt_anew(data, endpoint="pfs", seed=3, number=0), judged=("M1",))

    assert found.models["M1"].verdict.answer != "supported"
    assert found.events == data.endpoints["pfs"].events


def test_columns_of_a_participant_are_dealt_together_and_outcomes_stay() -> None:
    data = cohort(n=40)

    dealt = dealt_anew(data, endpoint="pfs", seed=3, number=0)

    assert dealt.endpoints is data.endpoints
    before = [tuple(row) for row in data.predictors.values]
    after = [tuple(row) for row in dealt.predictors.values]
    assert before != after
    assert sorted(before) == sorted(after)
    sites = dict(zip(before, data.predictors.sites, strict=True))
    assert dealt.predictors.sites == tuple(sites[row] for row in after)
    again = dealt_anew(data, endpoint="pfs", seed=3, number=0)
    np.testing.assert_array_equal(again.predictors.values, dealt.predictors.values)
    other = dealt_anew(data, endpoint="pfs", seed=3, number=1)
    assert not np.array_equal(other.predictors.values, dealt.predictors.values)


def test_a_smaller_trial_has_the_same_rows_of_fewer() -> None:
    data = cohort(n=40)
    people = data.predictors.participants[5:30]

    part = of_participants(data, people)

    assert part.predictors.participants == people
    np.testing.assert_array_equal(part.predictors.values, data.predictors.values[5:30])
    whole, fewer = data.endpoints["pfs"], part.endpoints["pfs"]
    assert whole.times is not None
    assert fewer.times is not None
    assert fewer.intervals is not None
    np.testing.assert_array_equal(fewer.rows, np.arange(25))
    np.testing.assert_array_equal(fewer.times.time, whole.times.time[5:30])
    np.testing.assert_array_equal(fewer.times.event, whole.times.event[5:30])
    assert fewer.intervals.left.size == 25
    answers = part.endpoints["non_response"].value
    given = data.endpoints["non_response"]
    assert answers is not None
    assert given.value is not None
    kept = (given.rows >= 5) & (given.rows < 30)
    np.testing.assert_array_equal(answers, given.value[kept])


def test_a_made_table_has_no_cell_where_nothing_is_known() -> None:
    people = (Pseudonym("OP-001"), Pseudonym("OP-002"))

    table = made_table(
        "x", columns=["a", "b"], participants=people, values=np.array([[0.1, np.nan], [1e-9, 2.0]])
    )

    assert table.rows["OP-001"].cells == {"a": "0.1"}
    assert {name: float(cell) for name, cell in table.rows["OP-002"].cells.items()} == {
        "a": 1e-9,
        "b": pytest.approx(2.0),
    }
