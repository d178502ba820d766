"""Records of a simulated trial: what an analysis reads in them is what was simulated."""

from datetime import timedelta
from pathlib import Path

import numpy as np

from operandi.records.rows_laboratory import LaboratoryResultRow
from operandi.signatures.plan import read_plan
from operandi.signatures.planned_data import planned_data
from operandi.signatures.source import AnalysisSource
from operandi.simulation.disease.outcomes import simulate_outcomes
from operandi.simulation.scenario import read_scenario
from operandi.simulation.trial.trial_records import FOLLOWED, trial_records

PLAN = Path("docs/examples/plans/digital-cohort.toml")
SCENARIO = read_scenario("dose")


def test_the_plan_s_endpoint_of_the_records_is_the_simulated_outcome_day_by_day() -> None:
    outcomes = simulate_outcomes(SCENARIO, participants=25, seed=11)
    plan = read_plan(PLAN)

    records = trial_records(outcomes, SCENARIO, seed=11, also={one.table for one in plan.recorded})

    assert records.faults == ()
    source = AnalysisSource(folder=Path(), records=records, measurements=None, supplied={})
    data = planned_data(plan, source)
    found = data.endpoints["pfs"]
    assert found.times is not None
    assert found.rows.size >= 20
    np.testing.assert_array_equal(found.times.event, outcomes.pfs_event[found.rows])
    np.testing.assert_array_equal(found.times.time, outcomes.pfs_day[found.rows])
    grade = data.predictors.names.index("grade")
    np.testing.assert_array_equal(data.predictors.values[:, grade], outcomes.tumors.grade)
    assert all(one.known == 25 for one in data.columns)


def test_nothing_after_time_zero_is_in_the_laboratory_table() -> None:
    outcomes = simulate_outcomes(SCENARIO, participants=4, seed=11)

    records = trial_records(outcomes, SCENARIO, seed=11, also={"laboratory_results"}, until_day=60)

    assert records.rows["recist_reads"]
    filled = {name for name, rows in records.rows.items() if rows}
    assert filled <= {*FOLLOWED, "laboratory_results"}
    days = []
    for row in records.rows["laboratory_results"]:
        assert isinstance(row, LaboratoryResultRow)
        cycle = records.cycle(row.participant, 1)
        assert cycle is not None
        days.append((row.collected_on - cycle.on) / timedelta(days=1))
    assert min(days) < 0.0
    assert 0.0 < max(days) <= 60.0
