"""Every rule by an example: what a row must not say, and what the refusal says then."""

import pickle
import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from operandi.domain.participant import Sex
from operandi.quantities.nuclides import GA68, LU177
from operandi.records.reading import RecordsError
from operandi.records.tables import Records
from tests.records.study_folder import (
    Tables,
    a_study,
    only_fault,
    read,
    read_back,
    with_cells,
    with_row,
    write_csv,
)


def test_a_study_that_holds_is_read_without_a_fault(tmp_path: Path) -> None:
    records = read_back(a_study(), tmp_path)

    assert records.faults == ()
    assert [p.pseudonym for p in records.participants] == ["P-01", "P-02", "P-03"]
    tables = (records.visits, records.vitals, records.administrations, records.cycles)
    assert [len(rows) for rows in tables] == [6, 6, 6, 6]


def test_every_cell_arrives_in_its_noun_in_canonical_units(tmp_path: Path) -> None:
    records = read_back(with_cells(a_study(), "participants", sex="FEMALE"), tmp_path)

    participant = records.participant("P-01")
    assert participant is not None
    assert (participant.site, participant.sex) == ("LYON", Sex.FEMALE)
    assert (participant.birth_year, participant.birth_month) == (1960, 4)
    visit = records.visit_at("P-01", "BASELINE")
    assert visit is not None
    assert (visit.on, visit.study_instance_uid) == (date(2025, 1, 10), "1.2.826.0")
    vitals = records.vitals_at("P-01", "BASELINE")
    assert vitals is not None
    assert (vitals.body_mass_kg, vitals.height_m) == (71.5, 1.72)
    given = records.administration_at("P-01", "BASELINE")
    assert given is not None
    assert (given.nuclide, given.activity_bq, given.residual_bq) == (GA68, 150.25e6, 3.5e6)
    assert given.assayed_at == datetime(2025, 1, 10, 8, 0, tzinfo=UTC)  # Paris is at +01:00
    cycle = records.cycle("P-01", 2)
    assert cycle is not None
    assert (cycle.on, cycle.activity_bq, cycle.nuclide) == (date(2025, 4, 1), 7.4e9, LU177)
    (region,) = records.regions_at("P-01", "BASELINE")
    assert (region.center_mm, region.radius_mm) == ((-62.5, 10.0, 1204.75), 15.0)
    assert (region.organ, region.reader) == ("liver", "R1")


def test_a_visit_may_be_several_dicom_studies(tmp_path: Path) -> None:
    """As where MR was done days before PET."""
    tables = with_cells(a_study(), "imaging_visits", study_instance_uid="1.2.826.7 1.2.826.8")

    visit = read_back(tables, tmp_path).visit_at("P-01", "BASELINE")

    assert visit is not None
    assert visit.study_instance_uid == "1.2.826.7 1.2.826.8"


# Table, cells of its first row (P-01, BASELINE), column that is blamed, and what is said.
FAULTY = [
    ("participants", {"site": ""}, "site", "the cell is blank"),
    ("participants", {"sex": "H"}, "sex", "'H' is not a sex; write F, M or O"),
    ("participants", {"birth_year": "60"}, "birth_year", "write all four digits"),
    ("participants", {"birth_year": "1899"}, "birth_year", "is not a year from 1900 to 2026"),
    ("participants", {"birth_year": "1960.5"}, "birth_year", "is not a whole number"),
    ("participants", {"birth_month": "13"}, "birth_month", "is not a month"),
    (
        "participants",
        {"birth_year": "2026", "birth_month": "4"},
        "birth_month",
        "lies in the future",
    ),
    ("imaging_visits", {"timepoint": "BASELNE"}, "timepoint", "write BASELINE if that is meant"),
    ("imaging_visits", {"timepoint": "XYZ"}, "timepoint", "use one of AFTER_CYCLE_2, BASELINE"),
    ("imaging_visits", {"date": "10/01/2025"}, "date", "is not an ISO date; write YYYY-MM-DD"),
    ("imaging_visits", {"date": "20250110"}, "date", "is not an ISO date"),
    ("imaging_visits", {"date": "2025-02-30"}, "date", "is a day that no calendar has"),
    ("imaging_visits", {"date": "2026-03-02"}, "date", "lies in the future"),
    ("imaging_visits", {"date": "1960-03-31"}, "date", "before the participant's birth in 1960-04"),
    ("imaging_visits", {"study_instance_uid": "1.2.a"}, "study_instance_uid", "not a DICOM UID"),
    ("imaging_visits", {"study_instance_uid": "1.2.3,1.2.4"}, "study_instance_uid", "one space"),
    ("imaging_visits", {"study_instance_uid": "1.2.3 1.2.a"}, "study_instance_uid", "one space"),
    ("imaging_visits", {"study_instance_uid": "1.2.3  1.2.4"}, "study_instance_uid", "one space"),
    ("vitals", {"body_mass_kg": ""}, "body_mass_kg", "it is never assumed"),
    ("vitals", {"body_mass_kg": "7.0"}, "body_mass_kg", "write 70 if the decimal point slipped"),
    ("vitals", {"body_mass_kg": "700"}, "body_mass_kg", "write 70 if the decimal point slipped"),
    ("vitals", {"body_mass_kg": "71500"}, "body_mass_kg", "write 71.5 if the value is in g"),
    ("vitals", {"body_mass_kg": "24.99"}, "body_mass_kg", r"body mass \(25 to 300 kg\)"),
    ("vitals", {"body_mass_kg": "-71"}, "body_mass_kg", "check the value and its unit"),
    ("vitals", {"body_mass_kg": "71 kg"}, "body_mass_kg", r"carries a unit \(kg\)"),
    ("vitals", {"body_mass_kg": "71,5"}, "body_mass_kg", r"decimal comma.*; write 71\.5"),
    ("vitals", {"body_mass_kg": "1,071.5"}, "body_mass_kg", "is not a number"),
    ("vitals", {"body_mass_kg": "nan"}, "body_mass_kg", "is not a number"),
    ("vitals", {"body_mass_kg": "\u0667\u0661"}, "body_mass_kg", "is not a number"),
    ("vitals", {"body_mass_kg": "1e999"}, "body_mass_kg", "is not believed"),
    ("vitals", {"height_m": "172"}, "height_m", r"write 1\.72 if the value is in cm"),
    ("vitals", {"height_m": "17.2"}, "height_m", r"write 1\.72 if the decimal point slipped"),
    ("vitals", {"height_m": "unknown"}, "height_m", "is not a number"),
    ("vitals", {"measured_on": "2026-03-02"}, "measured_on", "lies in the future"),
    ("tracer_administrations", {"tracer": ""}, "tracer", "the cell is blank"),
    ("tracer_administrations", {"nuclide": "Ga-67"}, "nuclide", "not a radionuclide that is known"),
    ("tracer_administrations", {"activity_mbq": "150250000"}, "activity_mbq", r"150\.25 if.*in Bq"),
    ("tracer_administrations", {"activity_mbq": "0.15025"}, "activity_mbq", r"150\.25 if.*in GBq"),
    ("tracer_administrations", {"activity_mbq": "4.1"}, "activity_mbq", r"151\.7 if.*in mCi"),
    ("tracer_administrations", {"activity_mbq": "450"}, "activity_mbq", "is 406.3 MBq when it is"),
    ("tracer_administrations", {"activity_mbq": "0"}, "activity_mbq", "is not greater than 0"),
    ("tracer_administrations", {"residual_mbq": ""}, "residual_mbq", "state 0 where nothing was"),
    ("tracer_administrations", {"residual_mbq": "-1"}, "residual_mbq", "is negative"),
    ("tracer_administrations", {"residual_mbq": "150"}, "residual_mbq", "leaves nothing of the"),
    ("tracer_administrations", {"residual_at": ""}, "residual_at", "when the residual of 3.5 MBq"),
    ("tracer_administrations", {"injected_at": "09:10"}, "injected_at", "a time without a date"),
    ("tracer_administrations", {"injected_at": "2025-01-10"}, "injected_at", "without a time"),
    ("tracer_administrations", {"injected_at": "10.1.25 9h"}, "injected_at", "not an ISO date and"),
    ("tracer_administrations", {"injected_at": "2025-01-10T25:00"}, "injected_at", "no calendar"),
    ("tracer_administrations", {"injected_at": "2025-01-11T09:10"}, "injected_at", "21 half-lives"),
    ("tracer_administrations", {"residual_at": "2026-03-02T09:00"}, "residual_at", "in the future"),
    (
        "tracer_administrations",
        {"nuclide": "18F", "activity_mbq": "0.25"},
        "activity_mbq",
        "write 250 if the value is in GBq",
    ),
    ("cycles", {"cycle": "0"}, "cycle", "count from 1"),
    ("cycles", {"cycle": "first"}, "cycle", "is not a number"),
    ("cycles", {"date": "2026-03-02"}, "date", "lies in the future"),
    ("cycles", {"activity_gbq": "7400"}, "activity_gbq", r"write 7\.4 if the value is in MBq"),
    ("cycles", {"activity_gbq": "0.49"}, "activity_gbq", r"a therapy cycle \(0\.5 to 12 GBq\)"),
    ("cycles", {"nuclide": ""}, "nuclide", "name the radionuclide, such as 68Ga"),
    ("reference_regions", {"organ": ""}, "organ", "the cell is blank"),
    ("reference_regions", {"reader": ""}, "reader", "the cell is blank"),
    ("reference_regions", {"radius_mm": "0"}, "radius_mm", "is not greater than 0"),
    ("reference_regions", {"radius_mm": "201"}, "radius_mm", "is larger than any organ"),
    ("reference_regions", {"x_mm": "-10001"}, "x_mm", "more than 10000 mm from the origin"),
]


@pytest.mark.parametrize(("table", "cells", "column", "said"), FAULTY)
def test_refuses_a_faulty_cell_and_leaves_out_its_row_only(
    tmp_path: Path, table: str, cells: dict[str, str], column: str, said: str
) -> None:
    whole = read_back(a_study(), tmp_path / "whole")

    records = read_back(with_cells(a_study(), table, **cells), tmp_path / "faulty")

    fault = only_fault(records)
    assert re.search(said, str(fault))
    assert (fault.table, fault.file, fault.row) == (table, f"{table}.csv", 2)
    assert (fault.column, fault.value) == (column, cells.get(column, fault.value))
    assert fault.participant == "P-01"
    assert fault in records.faults_of("P-01", "BASELINE")
    assert records.faults_of("P-02", "BASELINE") == ()
    assert _rows(records) < _rows(whole)
    assert {row for row in _rows(whole) if "P-01" not in row} <= _rows(records)


def _rows(records: Records) -> set[str]:
    tables = (
        records.participants,
        records.visits,
        records.vitals,
        records.administrations,
        records.cycles,
        records.regions,
    )
    return {repr(row) for rows in tables for row in rows}


def test_a_fault_at_one_visit_is_not_one_of_the_other(tmp_path: Path) -> None:
    records = read_back(with_cells(a_study(), "vitals", body_mass_kg="700"), tmp_path)

    assert records.vitals_at("P-01", "BASELINE") is None
    assert records.vitals_at("P-01", "AFTER_CYCLE_2") is not None
    assert records.faults_of("P-01", "AFTER_CYCLE_2") == ()


@pytest.mark.parametrize(
    ("table", "cells"),
    [
        ("vitals", {"body_mass_kg": "25"}),
        ("vitals", {"body_mass_kg": "+7.15e1"}),
        ("vitals", {"measured_on": "2025-01-10 00:00:00"}),
        ("imaging_visits", {"date": "2026-03-01"}),
        ("imaging_visits", {"date": "1960-04-01"}),
        ("imaging_visits", {"study_instance_uid": ""}),
        ("participants", {"sex": "male"}),
        ("participants", {"birth_year": "1960.0"}),
        ("tracer_administrations", {"residual_mbq": "0", "residual_at": ""}),
        ("tracer_administrations", {"activity_mbq": "440"}),  # 397 MBq ten minutes later
        ("tracer_administrations", {"nuclide": "18F", "activity_mbq": "12"}),
        ("cycles", {"activity_gbq": "12"}),
    ],
)
def test_believes_what_lies_on_the_border(
    tmp_path: Path, table: str, cells: dict[str, str]
) -> None:
    tables = with_cells(a_study(), table, **cells)
    if cells.get("body_mass_kg") == "25":  # so that the later visit is no leap
        tables = with_cells(tables, "vitals", 1, body_mass_kg="25")

    assert read_back(tables, tmp_path).faults == ()


def test_a_height_that_was_not_measured_is_absent(tmp_path: Path) -> None:
    records = read_back(with_cells(a_study(), "vitals", height_m=""), tmp_path)

    vitals = records.vitals_at("P-01", "BASELINE")
    assert vitals is not None
    assert vitals.height_m is None
    assert records.faults == ()


def _in_centimeters(height_cm: str) -> Tables:
    tables = a_study()
    for row in tables["vitals"]:
        row["height_cm"] = row.pop("height_m").replace("1.72", "172.5")
    return with_cells(tables, "vitals", height_cm=height_cm)


def test_centimeters_become_meters_exactly(tmp_path: Path) -> None:
    vitals = read_back(_in_centimeters("172.5"), tmp_path).vitals_at("P-01", "BASELINE")

    assert vitals is not None
    assert vitals.height_m == 1.725


def test_refuses_meters_in_the_column_of_centimeters(tmp_path: Path) -> None:
    fault = only_fault(read_back(_in_centimeters("1.72"), tmp_path))

    assert "write 172 if the value is in m" in fault.remedy
    assert "(120 to 230 cm)" in fault.problem


@pytest.mark.parametrize("hour", ["2025-03-30T02:30", "2025-10-26T02:30"])
def test_refuses_a_local_hour_that_the_clock_skips_or_repeats(tmp_path: Path, hour: str) -> None:
    cells = {"assayed_at": hour, "injected_at": f"{hour}+01:00", "residual_at": f"{hour}+01:00"}

    fault = only_fault(
        read_back(with_cells(a_study(), "tracer_administrations", **cells), tmp_path)
    )

    assert (fault.column, fault.remedy) == (
        "assayed_at",
        "add the offset from UTC, such as +01:00",
    )
    assert "names no single instant in Europe/Paris" in fault.problem


def test_the_day_of_an_instant_is_the_day_where_the_study_is(tmp_path: Path) -> None:
    """23:30 UTC on the last of February is the first of March in Paris: today, not tomorrow."""
    late = "2026-02-28T23:30Z"
    cells = {"assayed_at": late, "injected_at": late, "residual_at": late}
    folder = write_csv(with_cells(a_study(), "tracer_administrations", **cells), tmp_path)

    assert read(folder).faults == ()
    assert len(read(folder, today=date(2026, 2, 28)).faults) == 3


def test_all_faults_of_all_tables_are_reported_at_once(tmp_path: Path) -> None:
    tables = with_cells(a_study(), "participants", 2, sex="X", birth_month="0")
    tables = with_cells(tables, "vitals", 0, body_mass_kg="71 kg", height_m="172")
    tables = with_cells(tables, "cycles", 2, activity_gbq="7400", nuclide="")
    tables = with_row(tables, "imaging_visits", 3)
    folder = write_csv(tables, tmp_path)
    (folder / "reference_regions.csv").write_bytes(b"")
    (folder / "tracer_administrations.csv").write_text("participant,tracr\n", encoding="utf-8")

    faults = read(folder).faults

    missing = (
        "activity_mbq assayed_at injected_at nuclide residual_at residual_mbq timepoint tracer"
    )
    assert [(fault.table, fault.row, fault.column) for fault in faults] == [
        ("participants", 4, "birth_month"),
        ("participants", 4, "sex"),
        ("imaging_visits", 8, "timepoint"),
        ("vitals", 2, "body_mass_kg"),
        ("vitals", 2, "height_m"),
        *(("tracer_administrations", None, c) for c in [*missing.split(), "tracr"]),
        ("cycles", 4, "activity_gbq"),
        ("cycles", 4, "nuclide"),
        ("reference_regions", None, ""),
    ]


def test_the_rows_of_a_refused_participant_are_left_out_with_theirs(tmp_path: Path) -> None:
    records = read_back(with_cells(a_study(), "participants", 1, sex=""), tmp_path)

    assert only_fault(records) in records.faults_of("P-02", "BASELINE")
    assert "P-02" not in repr((records.visits, records.vitals, records.cycles, records.regions))


@pytest.mark.parametrize("code", ["", "A", "P 01", "-P01", "P" * 33])
def test_refuses_what_is_no_code_of_a_participant(tmp_path: Path, code: str) -> None:
    records = read_back(with_row(a_study(), "participants", participant=code), tmp_path)

    fault = only_fault(records)
    assert (fault.row, fault.column, fault.participant) == (5, "participant", "")
    assert len(records.participants) == 3


def test_refuses_a_study_whose_every_participant_is_faulty(tmp_path: Path) -> None:
    tables = a_study()
    for row in tables["participants"]:
        row["sex"] = ""

    with pytest.raises(RecordsError, match="No participant can be read") as refused:
        read_back(tables, tmp_path)

    assert len(refused.value.faults) == 3


def test_refuses_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match="the folder cannot be listed") as refused:
        read(tmp_path / "records")

    assert str(tmp_path) not in str(refused.value)


def test_refuses_a_study_without_participants_and_names_its_other_faults(tmp_path: Path) -> None:
    folder = write_csv(with_cells(a_study(), "vitals", body_mass_kg=""), tmp_path / "records")
    (folder / "participants.csv").unlink()

    with pytest.raises(RecordsError, match="the table participants is missing") as refused:
        read(folder)

    assert [fault.table for fault in refused.value.faults] == ["participants", "vitals"]


def test_the_refusal_keeps_its_faults_between_processes(tmp_path: Path) -> None:
    with pytest.raises(RecordsError) as refused:
        read(tmp_path)

    copy = pickle.loads(pickle.dumps(refused.value))  # noqa: S301 our own bytes

    assert (str(copy), copy.faults) == (str(refused.value), refused.value.faults)
