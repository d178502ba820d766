"""What rows say about one another."""

from pathlib import Path

import pytest

from tests.records.study_folder import a_study, only_fault, read_back, with_cells, with_row


@pytest.mark.parametrize("table", ["imaging_visits", "vitals", "tracer_administrations"])
def test_refuses_a_visit_that_is_recorded_twice(tmp_path: Path, table: str) -> None:
    records = read_back(with_row(a_study(), table), tmp_path)

    fault = only_fault(records)
    assert fault.problem == "is recorded more than once, on lines 2 and 8"
    assert (fault.value, fault.participant, fault.timepoint) == ("BASELINE", "P-01", "BASELINE")
    tables = (records.visits, records.vitals, records.administrations)
    assert sorted(map(len, tables)) == [5, 6, 6]


def test_refuses_a_participant_who_is_recorded_twice(tmp_path: Path) -> None:
    records = read_back(with_row(a_study(), "participants", birth_year="1961"), tmp_path)

    fault = only_fault(records)
    assert "lines 2 and 5" in fault.problem
    assert (fault.table, fault.value) == ("participants", "P-01")
    assert records.participant("P-01") is None
    assert fault in records.faults_of("P-01", "AFTER_CYCLE_2")


def test_refuses_a_cycle_that_is_recorded_twice_however_it_is_written(tmp_path: Path) -> None:
    records = read_back(with_row(a_study(), "cycles", cycle="1.0", date="2025-03-01"), tmp_path)

    assert only_fault(records).problem == "is recorded more than once, on lines 2 and 8"
    assert records.cycle("P-01", 1) is None


def test_a_faulty_row_makes_its_double_doubtful(tmp_path: Path) -> None:
    records = read_back(with_row(a_study(), "vitals", body_mass_kg=""), tmp_path)

    assert [fault.column for fault in records.faults] == ["body_mass_kg", "timepoint"]
    assert records.vitals_at("P-01", "BASELINE") is None


def test_refuses_two_regions_in_one_organ_as_nobody_knows_which_counts(tmp_path: Path) -> None:
    records = read_back(with_row(a_study(), "reference_regions", x_mm="-70"), tmp_path)

    assert records.faults[0].problem.startswith("is recorded more than once")
    assert records.regions_at("P-01", "BASELINE") == ()


def test_regions_in_two_organs_are_no_fault(tmp_path: Path) -> None:
    records = read_back(with_row(a_study(), "reference_regions", organ="spleen"), tmp_path)

    assert records.faults == ()
    assert len(records.regions_at("P-01", "BASELINE")) == 2


@pytest.mark.parametrize(
    "table",
    ["imaging_visits", "vitals", "tracer_administrations", "cycles", "reference_regions"],
)
def test_refuses_a_row_of_someone_who_is_no_participant(tmp_path: Path, table: str) -> None:
    fault = only_fault(read_back(with_row(a_study(), table, participant="P-99"), tmp_path))

    assert fault.problem == "is not in the table participants"
    assert (fault.value, fault.row) == ("P-99", 8)


@pytest.mark.parametrize(("later_kg", "faults"), [("92.95", 0), ("92.96", 1), ("50.04", 1)])
def test_refuses_a_mass_that_leaps_by_more_than_30_percent(
    tmp_path: Path, later_kg: str, faults: int
) -> None:
    """By hand: 71.5 kg times 1.3 is 92.95 kg; times 0.7 it is 50.05 kg."""
    records = read_back(with_cells(a_study(), "vitals", 1, body_mass_kg=later_kg), tmp_path)

    assert len(records.faults) == faults
    assert records.vitals_at("P-01", "BASELINE") is not None
    assert (records.vitals_at("P-01", "AFTER_CYCLE_2") is None) == bool(faults)


def test_the_fault_of_a_leap_stands_on_the_later_date_and_names_the_earlier(
    tmp_path: Path,
) -> None:
    tables = with_cells(a_study(), "vitals", 0, measured_on="2025-06-01", body_mass_kg="100.1")

    fault = only_fault(read_back(tables, tmp_path))

    assert (fault.row, fault.timepoint, fault.value) == (2, "BASELINE", "100.1")
    assert "differs by +40.0% from the 71.5 kg of AFTER_CYCLE_2 (line 3;" in fault.problem


@pytest.mark.parametrize("second", ["2025-02-01", "2025-01-31"])
def test_refuses_both_cycles_whose_dates_run_against_their_numbers(
    tmp_path: Path, second: str
) -> None:
    records = read_back(with_cells(a_study(), "cycles", 1, date=second), tmp_path)

    fault = only_fault(records)
    assert str(fault).startswith(
        f"cycles.csv, line 3, column date (P-01): '{second}' of cycle 2 is not after 2025-02-01 "
        "of cycle 1 (lines 2 and 3)"
    )
    assert (records.cycle("P-01", 1), records.cycle("P-01", 2)) == (None, None)
    assert records.cycle("P-02", 1) is not None
