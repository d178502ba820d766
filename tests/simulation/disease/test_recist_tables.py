"""Rows of both tables, read by the protocol, against the arrays: two independent derivations."""

from datetime import date, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from operandi.domain.date_interval import DateInterval
from operandi.protocol.recist import Response, assess
from operandi.protocol.recist_best import ResponseRules, best_response
from operandi.protocol.recist_pfs import Course, progression_free_survival
from operandi.protocol.recist_reads import Reading, Role
from operandi.protocol.recist_rows import from_rows
from operandi.protocol.recist_selection import selection_faults
from operandi.records.cells import Border
from operandi.records.rows_tumor import RecistLesionRow, RecistReadRow
from operandi.simulation.disease.outcomes import Outcomes, simulate_outcomes
from operandi.simulation.disease.reads import CENTRAL, CR, LOCAL, NE, PD, PR, SD
from operandi.simulation.disease.recist_tables import reads_of, recist_tables
from operandi.simulation.disease.trial_days import EXAM_DAYS, EXAM_JITTER_DAYS, recruitment_starts
from operandi.simulation.people.persons import pseudonym_of
from operandi.simulation.scenario import Scenario
from tests.simulation.disease.scenarios import a_scenario

SEED: Final = 20
CODES: Final = (Response.CR, Response.PR, Response.SD, Response.PD, Response.NE)


def readings_of(outcomes: Outcomes, scenario: Scenario) -> dict[tuple[str, Role], Reading]:
    border = Border(
        timezone=ZoneInfo("Europe/Paris"),
        today=scenario.cohort.data_cut,
        timepoints=(),
        sites=(),
        decimal_comma=False,
        at_cut=True,
    )
    lesions, reads = recist_tables(outcomes, scenario, seed=SEED)
    lesion_rows = [RecistLesionRow.model_validate(row, context=border) for row in lesions]
    read_rows = [RecistReadRow.model_validate(row, context=border) for row in reads]
    for row in (*lesion_rows, *read_rows):
        row.stand_at("the table, a line")
        assert not list(row.contradictions(border))
    assert len({tuple(getattr(row, name) for name in row.key) for row in read_rows}) == len(reads)
    return {(one.participant, one.role): one for one in from_rows(lesion_rows, read_rows)}


def cycle1_of(outcomes: Outcomes, scenario: Scenario, row: int) -> date:
    return recruitment_starts(scenario) + timedelta(days=float(outcomes.cycle1_day[row]))


# Few lesions and errors far above the plain ones reach rare paths: complete response and disease
# after it, small nodes, lesions that vanish, false new lesions.
MANY_ERRORS: Final[dict[str, Any]] = {
    "lesions_mean": 1.7,
    "reader_diameter_cv": 0.5,
    "reader_new_false": 0.03,
    "reader_new_missed": 0.5,
    "post_progression_months": 3.0,
    "dropout_per_year": 0.3,
}


@pytest.mark.parametrize(
    ("disease", "participants"),
    [({}, 60), ({"treated": False}, 60), (MANY_ERRORS, 120)],
    ids=["treated", "control", "many errors"],
)
def test_tables_give_the_protocol_the_same_responses_and_survival_as_the_arrays(
    disease: dict[str, Any], participants: int
) -> None:
    scenario = a_scenario(**disease)
    outcomes = simulate_outcomes(scenario, participants=participants, seed=SEED)
    readings = readings_of(outcomes, scenario)

    for row in range(participants):
        cycle1 = cycle1_of(outcomes, scenario, row)
        exams = np.flatnonzero(np.isfinite(outcomes.exam_day[row]))[1:]
        for role, reader in ((Role.INVESTIGATOR, LOCAL), (Role.READER_1, CENTRAL)):
            reading = readings[pseudonym_of(row), role]
            assessed = assess(reading, treatment_start=cycle1)
            codes = reads_of(outcomes, scenario, reader=reader, seed=SEED).response[row, exams]
            expected = [
                (cycle1 + timedelta(days=float(outcomes.exam_day[row, exam])), CODES[code])
                for exam, code in zip(exams, codes, strict=True)
            ]
            found = [(one.on.earliest, one.overall) for one in assessed.timepoints]
            assert found == expected
            assert assessed.baseline is not None
            if role is Role.INVESTIGATOR:
                faults = selection_faults(reading, assessed.baseline, treatment_start=cycle1)
                assert faults == ()
        local = assess(readings[pseudonym_of(row), Role.INVESTIGATOR], treatment_start=cycle1)
        death = float(outcomes.death_day[row])
        known = min(outcomes.cut_day[row], outcomes.dropout_day[row])
        free = progression_free_survival(
            Course(
                start=cycle1,
                baseline=local.baseline,
                timepoints=local.timepoints,
                planned=planned(cycle1, exams=outcomes.exam_day.shape[1]),
                death=DateInterval.on(cycle1 + timedelta(days=death)) if death <= known else None,
            )
        )
        assert free.event == outcomes.pfs_event[row]
        assert (free.on.earliest - cycle1).days == outcomes.pfs_day[row]
        left = (free.free_until.earliest - cycle1).days if free.free_until else 0
        assert left == outcomes.pfs_left_day[row]
        best = best_response(
            local.timepoints, since=cycle1, rules=ResponseRules(stable_at_least=timedelta(weeks=6))
        )
        assert best.response is CODES[outcomes.best_response[row]]


def planned(cycle1: date, *, exams: int) -> tuple[DateInterval, ...]:
    return tuple(
        DateInterval(
            cycle1 + timedelta(days=exam * EXAM_DAYS - EXAM_JITTER_DAYS),
            cycle1 + timedelta(days=exam * EXAM_DAYS + EXAM_JITTER_DAYS),
        )
        for exam in range(1, exams)
    )


def test_many_errors_reach_the_rare_responses() -> None:
    """Otherwise the comparison above would not speak of them."""
    scenario = a_scenario(**MANY_ERRORS)
    outcomes = simulate_outcomes(scenario, participants=120, seed=SEED)
    reads = [reads_of(outcomes, scenario, reader=reader, seed=SEED) for reader in (LOCAL, CENTRAL)]

    assert all(set(one.response.ravel()) >= {CR, PR, SD, PD, NE} for one in reads)
    assert any(one.unequivocal.any() for one in reads)
    assert any(one.new[:, :, 3].any() for one in reads)
    assert any(((one.measured_mm > 0) & (one.measured_mm < 5)).any() for one in reads)
    assert any((one.measured_mm == 0).any() for one in reads)
    assert np.isfinite(outcomes.death_day).any()
    assert np.isfinite(outcomes.dropout_day).any()


def test_nothing_in_the_tables_lies_after_the_data_cut() -> None:
    scenario = a_scenario()
    outcomes = simulate_outcomes(scenario, participants=60, seed=SEED)
    _, reads = recist_tables(outcomes, scenario, seed=SEED)

    assert max(date.fromisoformat(row["exam_on"]) for row in reads) <= scenario.cohort.data_cut
