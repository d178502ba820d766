from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from operandi.protocol.ctcae.grading import Baseline, Limits, grade
from operandi.protocol.recist import Response, assess
from operandi.protocol.recist_reads import Role
from operandi.protocol.recist_rows import from_rows
from operandi.protocol.screening import screen
from operandi.protocol.verdict import Eligibility
from operandi.records.rows import ROWS
from operandi.records.tables import Records
from operandi.simulation.disease.outcomes import Outcomes, simulate_outcomes
from operandi.simulation.scenario import Scenario
from operandi.simulation.trial.chronology import chronology_of
from operandi.simulation.trial.tables import csv_of, inclusion_days, tables_of
from tests.simulation.trial.desk import Tables, made, read, the_study
from tests.simulation.trial.hand_made import SEED, a_cohort, recist_of, the_scenario, untreated

NOT_FILLED = {
    "reference_regions",  # a reader's sphere
    "spect_calibrations",  # only with SPECT
    "spect_recovery",
    "blood_activity",
    "cancer_history",  # none: said in reviews
    "brain_metastases",
    "imaging_series",  # the writer of images knows them
    "variants",  # of the genome
}
N = 24


@pytest.fixture(scope="module")
def outcomes() -> Outcomes:
    return a_cohort(N)


@pytest.fixture(scope="module")
def tables(outcomes: Outcomes) -> Tables:
    return made(outcomes, the_scenario())


@pytest.fixture(scope="module")
def records(tables: Tables, tmp_path_factory: pytest.TempPathFactory) -> Records:
    return read(tmp_path_factory.mktemp("records"), tables, the_scenario())


@pytest.fixture(scope="module")
def simulated() -> tuple[Outcomes, Scenario]:
    """Every fate, as the disease makes them; dose by its log-normal, for speed."""
    plain = the_scenario()
    scenario = plain.model_copy(
        update={"disease": plain.disease.model_copy(update={"dose": "log-normal"})}
    )
    return simulate_outcomes(scenario, participants=40, seed=11), scenario


def of(tables: Tables, table: str, who: str) -> list[dict[str, str]]:
    return [row for row in tables.get(table, []) if row["participant"] == who]


def test_the_desk_reads_every_table_without_one_fault(tables: Tables, records: Records) -> None:
    assert records.faults == ()
    assert set(tables) == set(ROWS) - NOT_FILLED
    assert {name: len(rows) for name, rows in tables.items()} == {
        name: len(records.rows[name]) for name in tables
    }


def test_everybody_is_eligible_on_the_day_of_inclusion_under_both_readings(
    outcomes: Outcomes, records: Records
) -> None:
    for who, on in inclusion_days(outcomes, the_scenario(), seed=SEED).items():
        gates = screen(who, records, the_study(), on=on).gates

        inclusion = [gate for gate in gates if gate.gate == "G1"]
        assert [gate.eligibility for gate in inclusion] == [Eligibility.ELIGIBLE] * 2, who


def test_every_cycle_that_was_given_had_its_go(outcomes: Outcomes, records: Records) -> None:
    included = inclusion_days(outcomes, the_scenario(), seed=SEED)
    judged = Counter[str]()
    for who, on in included.items():
        cut = the_scenario().cohort.data_cut
        for gate in screen(who, records, the_study(), on=cut, included_on=on).gates:
            judged[str(gate.eligibility)] += gate.gate == "G2"

    given = 2 * len(records.rows["cycles"])
    assert judged == {"eligible": given}


def test_a_simulated_cohort_is_eligible_and_without_fault(
    tmp_path: Path, simulated: tuple[Outcomes, Scenario]
) -> None:
    outcomes, scenario = simulated

    tables = tables_of(outcomes, scenario, seed=11)
    records = read(tmp_path, tables, scenario)

    assert records.faults == ()
    for who, on in inclusion_days(outcomes, scenario, seed=11).items():
        gate = screen(who, records, the_study(), on=on).at("G1")
        assert gate is not None
        assert gate.eligibility is Eligibility.ELIGIBLE, (who, gate.against, gate.missing)


def test_the_protocol_finds_the_progressions_of_the_outcomes_in_the_tables(
    tmp_path: Path, simulated: tuple[Outcomes, Scenario]
) -> None:
    """Also with the exams before the study, of which the last one before cycle 1 is baseline."""
    outcomes, scenario = simulated
    records = read(tmp_path, tables_of(outcomes, scenario, seed=11), scenario)
    rows = records.rows

    readings = from_rows(rows["recist_lesions"], rows["recist_reads"])  # type: ignore[arg-type]
    found = {}
    for reading in readings:
        if reading.role is Role.INVESTIGATOR:
            row = int(reading.participant.removeprefix("OP-")) - 1
            start = chronology_of(outcomes, scenario, row=row, seed=11).cycle1_on
            called = [
                (one.on.earliest - start).days
                for one in assess(reading, treatment_start=start).timepoints
                if one.overall is Response.PD
            ]
            found[row] = min(called, default=np.inf)

    assert [found[row] for row in range(len(outcomes))] == outcomes.exam_progression_day.tolist()
    assert np.isfinite(outcomes.exam_progression_day).sum() > 10


def test_equal_seeds_give_equal_cells_and_batches_do_not_matter(
    outcomes: Outcomes, tables: Tables
) -> None:
    later = made(a_cohort(4, first=8), the_scenario())
    other = made(outcomes, the_scenario(), seed=SEED + 1)

    who = "OP-010"
    for name in tables:
        if name != "laboratory_ranges":
            assert of(tables, name, who) == of(later, name, who), name
    assert csv_of(made(outcomes, the_scenario())["laboratory_results"]) == csv_of(
        tables["laboratory_results"]
    )
    assert of(tables, "laboratory_results", who) != of(other, "laboratory_results", who)


def test_nothing_is_known_after_death_dropout_or_the_data_cut(
    outcomes: Outcomes, records: Records
) -> None:
    scenario = the_scenario()
    last = {}
    for row in range(len(outcomes)):
        days = chronology_of(outcomes, scenario, row=row, seed=SEED)
        last[days.person.pseudonym] = days.on(days.last_day)
    planned = {"planned_on"}
    for rows in records.rows.values():
        for one in rows:
            who = getattr(one, "participant", None)
            for column, day in one.days():
                if who is not None and column not in planned:
                    assert day <= last[who], (one, column)


def test_a_cycle_that_slipped_was_planned_twice(tables: Tables) -> None:
    """Participant 2 of the hand-made cohort: cycle 3 three weeks late."""
    plans = [row for row in of(tables, "cycle_plans", "OP-003") if row["cycle"] == "3"]
    (cycle,) = [row for row in of(tables, "cycles", "OP-003") if row["cycle"] == "3"]

    first, second = plans
    assert second["planned_on"] == cycle["date"]
    assert (date.fromisoformat(cycle["date"]) - date.fromisoformat(first["planned_on"])).days == 21


def test_cycles_that_were_stopped_are_canceled(tables: Tables) -> None:
    plans = of(tables, "cycle_plans", "OP-004")

    assert [(r["cycle"], r["state"]) for r in plans] == [
        ("1", "planned"),
        ("2", "planned"),
        ("3", "planned"),
        ("3", "cancelled"),
        ("4", "cancelled"),
    ]


def test_progression_is_followed_by_treatment_decline_and_death(tables: Tables) -> None:
    """Participant 4 progresses on day 364 and dies on day 700."""
    who = "OP-005"
    scores = [int(row["score"]) for row in of(tables, "karnofsky", who)]
    states = [row["disease"] for row in of(tables, "follow_up", who)]
    (death,) = of(tables, "deaths", who)
    (last,) = [row for row in of(tables, "follow_up", who) if row["alive"] == "no"]
    (cycle1,) = [row for row in of(tables, "cycles", who) if row["cycle"] == "1"]

    assert scores[-1] < scores[0]
    assert "progression" in states
    assert last["on"] == death["died_on"]
    assert (date.fromisoformat(death["died_on"]) - date.fromisoformat(cycle1["date"])).days == 700
    begun = [r for r in of(tables, "therapies", who) if r["started_on"] > cycle1["date"]]
    assert {"ssa_long_acting"} < {row["kind"] for row in begun}


def test_images_after_the_last_contact_are_not_called_missed(tables: Tables) -> None:
    """Participant 3 got two cycles and all images; 5 was lost on day 300, before the year."""
    assert len(of(tables, "imaging_visits", "OP-004")) == 3
    assert [r["visit"] for r in of(tables, "visits", "OP-006") if r["state"] == "missed"] == []
    assert len(of(tables, "imaging_visits", "OP-006")) == 2


def test_the_worst_event_of_a_count_is_the_worst_grade_of_its_printed_results(
    tables: Tables,
) -> None:
    """Graded here from the rows alone, with the limits that stand in them."""
    seen = 0
    terms = {"platelets": "Platelet count decreased", "creatinine": "Creatinine increased"}
    for who in (row["participant"] for row in tables["participants"]):
        (start,) = [r["date"] for r in of(tables, "cycles", who) if r["cycle"] == "1"]
        for test, term in terms.items():
            printed = [r for r in of(tables, "laboratory_results", who) if r["test"] == test]
            levels = [
                grade(
                    test,
                    Decimal(row["value"]),
                    unit=row["unit"],
                    limits=Limits(
                        *(
                            Decimal(row[limit]) if row[limit] else None
                            for limit in ("lower_limit", "upper_limit")
                        )
                    ),
                    baseline=Baseline(Decimal(printed[0]["value"]), printed[0]["unit"]),
                    version="5",
                    direction="low" if test == "platelets" else "high",
                ).grade
                for row in printed
                if row is printed[0] or row["collected_on"] >= start
            ]
            events = [r for r in of(tables, "adverse_events", who) if r["term"] == term]
            above = [level for level in levels[1:] if level > levels[0]]
            assert max((int(r["grade"]) for r in events), default=0) == max(above, default=0)
            seen += len(events)
    assert seen > 10


def test_the_untreated_have_no_cycle_and_no_toxicity(tmp_path: Path) -> None:
    scenario = the_scenario()
    control = untreated(a_cohort(8))

    tables = tables_of(control, scenario, recist=recist_of(control, scenario=scenario), seed=SEED)

    assert "cycles" not in tables
    assert {row["related"] for row in tables.get("adverse_events", [])} <= {"unrelated"}
    assert read(tmp_path, tables, scenario).faults == ()


def test_images_that_were_due_and_not_taken_are_missed() -> None:
    outcomes = a_cohort(4)
    outcomes.imaging_day[1, 2] = np.nan

    tables = made(outcomes, the_scenario())

    (missed,) = [row for row in tables["visits"] if row["state"] == "missed"]
    assert (missed["participant"], missed["visit"]) == ("OP-002", "YEAR_1")
