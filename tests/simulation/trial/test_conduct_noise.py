import tomllib
from copy import deepcopy
from pathlib import Path

import pytest

from operandi.imaging.dicom.index import Index
from operandi.pipeline.placing import place
from operandi.pipeline.settings import parse_settings
from operandi.protocol.kleene import Truth
from operandi.protocol.schedule import State, visits_on
from operandi.protocol.schedule_history import histories
from operandi.protocol.screening import screen
from operandi.protocol.verdict import Eligibility, GateVerdict
from operandi.records.tables import Records
from operandi.simulation.scenario import ConductSettings
from operandi.simulation.trial.conduct_noise import Disturbance, add_failure, disturb, inclusion_day
from operandi.simulation.trial.screening_failures import FAILURES
from operandi.simulation.trial.study_file import study_toml
from tests.simulation.trial.desk import Tables, made, read, the_study
from tests.simulation.trial.hand_made import a_cohort, the_scenario


@pytest.fixture(scope="module")
def well() -> Tables:
    scenario = the_scenario()
    return made(a_cohort(16, scenario=scenario), scenario)


@pytest.fixture(scope="module")
def others() -> Tables:
    scenario = the_scenario()
    return made(a_cohort(34, scenario=scenario, first=500), scenario)


def at_inclusion(records: Records, one: Disturbance) -> GateVerdict:
    assert one.on is not None
    gate = screen(one.participant, records, the_study(), on=one.on).at("G1")
    assert gate is not None
    return gate


def those(gate: GateVerdict, favorable: Truth) -> tuple[str, ...]:
    return tuple(v.criterion.code for v in gate.verdicts if v.favorable is favorable)


def test_every_criterion_has_its_failure() -> None:
    assert [one.criterion for one in FAILURES] == [one.code for one in the_study().criterion]


def test_a_candidate_fails_the_criterion_meant_and_those_that_rest_on_it(
    tmp_path: Path, well: Tables, others: Tables
) -> None:
    tables: Tables = {name: [dict(row) for row in rows] for name, rows in well.items()}
    women = [r["participant"] for r in others["participants"] if r["sex"] == "F"]
    everybody = [*women, *(r["participant"] for r in others["participants"] if r["sex"] != "F")]
    # One criterion each; women first, as E1 asks only them.
    ordered = sorted(FAILURES, key=lambda one: not one.women_only)
    added = [
        add_failure(
            tables,
            others,
            who,
            criterion=one.criterion,
            on=inclusion_day(others, who),
            known_as=f"OP-S{number:02d}",
        )
        for number, (one, who) in enumerate(zip(ordered, everybody, strict=False))
    ]

    records = read(tmp_path, tables, the_scenario())

    assert len(added) == len(FAILURES)
    assert records.faults == ()
    for one in added:
        gate = at_inclusion(records, one)
        assert gate.eligibility is Eligibility.NOT_ELIGIBLE
        assert those(gate, Truth.NO) == one.criteria, one.what


@pytest.mark.parametrize(
    "kind", ["missing_fact", "wrong_unit", "stale_laboratory", "swapped_visit", "missed_visit"]
)
def test_the_desk_finds_just_what_was_disturbed(kind: str, tmp_path: Path, well: Tables) -> None:
    scenario = the_scenario(**{kind: 0.6})

    tables, disturbances = disturb(well, scenario, seed=3)
    records = read(tmp_path, tables, scenario)

    assert len(disturbances) >= 5
    assert {one.kind for one in disturbances} == {kind}
    expected = sorted(
        (one.table, one.column, one.participant) for one in disturbances if one.answer == "fault"
    )
    found = sorted((f.table, f.column, f.participant) for f in records.faults)
    assert sorted(set(found) & set(expected)) == sorted(set(expected))
    # A limit of normal bears the wrong unit of its value.
    assert {(t, "value" if c == "upper_limit" else c, p) for t, c, p in found} == set(expected)
    answers = {one.participant: one for one in disturbances if one.criteria}
    for row in well["participants"]:
        who = row["participant"]
        one = answers.get(who)
        asked = one or Disturbance(
            kind="missing_fact",
            participant=who,
            what="nothing",
            answer="undetermined",
            on=inclusion_day(well, who),
        )
        gate = at_inclusion(records, asked)
        assert those(gate, Truth.UNKNOWN) == asked.criteria, asked
        assert those(gate, Truth.NO) == ()


def test_the_desk_refuses_visits_that_were_swapped_and_no_others(
    tmp_path: Path, well: Tables
) -> None:
    scenario = the_scenario(swapped_visit=0.4)
    tables, disturbances = disturb(well, scenario, seed=3)
    records = read(tmp_path, tables, scenario)
    nothing = Index(series=(), faults=(), duplicates=(), other_files=())

    placed = place(nothing, records, parse_settings(tomllib.loads(study_toml(scenario))))

    refused = {visit.subject for visit in placed.visits if visit.refused}
    assert refused == {
        f"{one.participant}/{code}"
        for one in disturbances
        for code in ("BASELINE", "AFTER_CYCLE_2")
    }


def test_the_schedule_names_visits_that_were_missed_and_no_others(
    tmp_path: Path, well: Tables
) -> None:
    scenario = the_scenario(missed_visit=0.3)
    tables, disturbances = disturb(well, scenario, seed=3)
    records = read(tmp_path, tables, scenario)
    on = scenario.cohort.data_cut

    missed = {
        (visit.participant, visit.code)
        for history in histories(records.rows).values()
        for visit in visits_on(the_study(), history, on=on)
        if visit.state is State.MISSED and visit.kind == "pet_mri"
    }

    assert missed == {(one.participant, one.timepoint) for one in disturbances}


def test_duplicates_are_told_to_the_writer_of_images_and_change_no_table(well: Tables) -> None:
    tables, disturbances = disturb(well, the_scenario(duplicate_series=0.5), seed=3)

    assert tables == well
    visits = {(row["participant"], row["timepoint"]) for row in well["imaging_visits"]}
    told = {(one.participant, one.timepoint) for one in disturbances}
    assert told < visits
    assert 0.35 < len(told) / len(visits) < 0.65


def test_without_rates_nothing_is_disturbed_and_the_tables_are_not_touched(
    well: Tables, others: Tables
) -> None:
    before = deepcopy(well)

    assert disturb(well, the_scenario(), candidates=others, seed=3) == (well, ())
    disturb(well, the_scenario(missing_fact=1.0, missed_visit=1.0), seed=3)
    assert well == before


def test_candidates_fail_at_the_rate_that_is_set(
    tmp_path: Path, well: Tables, others: Tables
) -> None:
    scenario = the_scenario(screening_failures=0.5)

    tables, disturbances = disturb(well, scenario, candidates=others, seed=3)
    records = read(tmp_path, tables, scenario)

    assert 10 <= len(disturbances) <= 30
    assert len(records.participants) == 16 + len(disturbances)
    assert records.faults == ()
    for one in disturbances:
        assert those(at_inclusion(records, one), Truth.NO) == one.criteria


def test_all_that_goes_wrong_at_once_still_has_its_answer(
    tmp_path: Path, well: Tables, others: Tables
) -> None:
    rates = dict.fromkeys(ConductSettings.model_fields, 0.3)
    scenario = the_scenario(**rates)

    tables, disturbances = disturb(well, scenario, candidates=others, seed=5)
    records = read(tmp_path, tables, scenario)

    assert {one.kind for one in disturbances} >= {"missing_fact", "screening_failure"}
    assert {(f.table, f.participant) for f in records.faults} == {
        (one.table, one.participant) for one in disturbances if one.answer == "fault"
    }
    for one in disturbances:
        if one.criteria:
            against = Truth.NO if one.kind == "screening_failure" else Truth.UNKNOWN
            assert those(at_inclusion(records, one), against) == one.criteria, one
    undisturbed = {row["participant"] for row in well["participants"]}
    for who in undisturbed - {one.participant for one in disturbances if one.criteria}:
        gate = screen(who, records, the_study(), on=inclusion_day(well, who)).at("G1")
        assert gate is not None
        assert gate.eligibility is Eligibility.ELIGIBLE
