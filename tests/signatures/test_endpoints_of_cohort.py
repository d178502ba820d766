"""Endpoints from the tables of a digital cohort are those that its simulator knows."""

from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from operandi.protocol.recist_best import ResponseRules
from operandi.records.reading import read_records
from operandi.records.tables import Records
from operandi.signatures.endpoint_values import Ending
from operandi.signatures.endpoints import (
    ProgressionRule,
    objective_response,
    overall_survival_endpoint,
    progression_free,
    time_to_new_therapy,
)
from operandi.signatures.followed import follow_participants
from operandi.signatures.landmark import landmark, scan_days_of
from operandi.signatures.survival.interval_npmle import interval_survival
from operandi.simulation.disease.outcomes import Outcomes, simulate_outcomes
from operandi.simulation.people.persons import pseudonym_of
from operandi.simulation.trial.tables import csv_of, tables_of
from tests.simulation.disease.scenarios import a_scenario

pytestmark = pytest.mark.slow

SEED: Final = 20
WANTED: Final = (
    "participants",
    "cycles",
    "deaths",
    "follow_up",
    "therapies",
    "recist_lesions",
    "recist_reads",
    "imaging_visits",
)


@cache
def cohort() -> tuple[Outcomes, Records]:
    """80 participants; only the tables that endpoints read."""
    scenario = a_scenario()
    outcomes = simulate_outcomes(scenario, participants=80, seed=SEED)
    tables = tables_of(outcomes, scenario, seed=SEED)
    with TemporaryDirectory() as folder:
        for name in WANTED:
            (Path(folder) / f"{name}.csv").write_text(csv_of(tables[name]), encoding="utf-8")
        records = read_records(
            Path(folder),
            timezone=ZoneInfo("Europe/Paris"),
            today=scenario.cohort.data_cut,
            at_cut=True,
            timepoints=("BASELINE", "AFTER_CYCLE_2", "YEAR_1"),
        )
    return outcomes, records


def rows_of(outcomes: Outcomes, participants: Sequence[str]) -> list[int]:
    names = [str(pseudonym_of(row)) for row in range(len(outcomes))]
    return [names.index(str(who)) for who in participants]


def test_progression_free_survival_of_the_local_reader() -> None:
    outcomes, records = cohort()
    people = follow_participants(records, read_by="investigator")
    endpoint = progression_free(people, rule=ProgressionRule(longest_gap_days=1e9))
    rows = rows_of(outcomes, endpoint.participants)
    assert len(rows) + len(endpoint.excluded) == 80
    event = np.isfinite(endpoint.outcome.right)
    np.testing.assert_array_equal(event, outcomes.pfs_event[rows])
    time = endpoint.right_censored().time
    np.testing.assert_array_equal(time, outcomes.pfs_day[rows])
    progressed = np.array([one is Ending.PROGRESSION for one in endpoint.endings])
    left = np.maximum(outcomes.pfs_left_day[rows], 0.0)
    np.testing.assert_array_equal(endpoint.outcome.left[progressed], left[progressed])
    assert interval_survival(endpoint.outcome).certificate <= 1.0 + 1e-8


def test_survival_and_response() -> None:
    outcomes, records = cohort()
    people = follow_participants(records, read_by="investigator")
    alive = overall_survival_endpoint(people)
    rows = rows_of(outcomes, alive.participants)
    event = np.isfinite(alive.outcome.right)
    np.testing.assert_array_equal(event, outcomes.os_event[rows])
    np.testing.assert_array_equal(alive.outcome.right[event], outcomes.os_day[rows][event])
    response = objective_response(
        people, rules=ResponseRules(stable_at_least=timedelta(weeks=12)), confirmed=False
    )
    best = outcomes.best_response[rows_of(outcomes, response.participants)]
    np.testing.assert_array_equal(response.value, best <= 1)
    assert time_to_new_therapy(people).outcome.events > 0


def test_everybody_is_in_the_landmark_or_has_a_reason() -> None:
    _, records = cohort()
    endpoint = progression_free(
        follow_participants(records, read_by="investigator"),
        rule=ProgressionRule(longest_gap_days=200.0),
    )
    scans = scan_days_of(records, endpoint.participants, timepoint="AFTER_CYCLE_2")
    found = landmark(endpoint.outcome, scan_days=scans, day=None)
    assert found.kept.size + len(found.excluded) == len(endpoint.participants)
    assert found.kept.size > 60
