"""The tables beyond those of the images: what they hold, and what each of them refuses."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import polars as pl
import pytest

from operandi.domain.date_interval import DateInterval
from operandi.records.cells import OneOf, cell_type
from operandi.records.names import IMAGE_TABLES
from operandi.records.reading import read_records
from operandi.records.rows import ROWS
from operandi.records.tables import Records
from tests.records.documented_study import (
    TODAY,
    a_documented_study,
    read_documented,
    read_study,
)
from tests.records.study_folder import PARIS, Tables, only_fault, with_cells, with_row, write_csv

STUDY = a_documented_study()
NEW_TABLES = [name for name in ROWS if name not in IMAGE_TABLES]


def _row(records: Records, table: str, at: int = 0) -> Any:
    return records.rows[table][at]


def _whole(day: str) -> DateInterval:
    return DateInterval.parse(day)


def test_every_cell_arrives_as_what_it_means(tmp_path: Path) -> None:
    """Read off the page of the study folder, line by line."""
    records = read_documented(STUDY, tmp_path)

    one = _row(records, "consents", 1)
    assert (one.kind, one.version, one.state) == ("study", "3.1", "signed")
    one = _row(records, "reviews")
    assert (one.topic, one.finding, one.by) == ("allergies", "recorded", "AB")
    assert one.reviewed_on == date(2025, 12, 18)
    one = _row(records, "judgments")
    assert (one.question, one.answer, one.on) == ("prrt_decision", True, date(2025, 12, 11))
    one = _row(records, "tumor_histology")
    assert (one.reported_on, one.differentiation) == (date(2025, 9, 2), "net")
    assert (one.primary, one.grade) == ("jejunum_ileum", "G2")
    assert (one.ki67_percent, one.mitoses_per_2mm2) == (Decimal("7.5"), 4)
    assert _row(records, "karnofsky").score == 90
    one = _row(records, "laboratory_results", 1)
    assert (one.test, str(one.value), one.unit) == ("hemoglobin", "12.0", "g/dL")
    assert (str(one.lower_limit), str(one.upper_limit)) == ("11.5", "15.0")
    assert (one.collected_on, one.laboratory, one.equation) == (date(2026, 1, 13), "CHU", None)
    assert _row(records, "laboratory_results").comparator == ">"
    one = _row(records, "laboratory_ranges", 1)
    assert (one.site, one.sex, one.lower, one.upper) == ("NANTES", "F", Decimal("11.5"), 15)
    assert (one.valid_from, one.valid_to) == (date(2024, 1, 1), date(2026, 12, 31))
    one = _row(records, "pregnancy")
    assert (one.childbearing_potential, one.test, one.breastfeeding) == (False, "not_done", False)
    day = date(2025, 12, 18)
    one = _row(records, "allergies")
    assert (one.substance, one.term, one.recorded_on) == ("other", "penicillin", day)
    one = _row(records, "therapies", 1)
    assert (one.kind, one.agent, one.target) == ("external_beam", None, "lesions")
    assert (one.extensive, one.ongoing) == (False, False)
    one = _row(records, "cancer_history")
    assert (one.cancer, one.exempt) == ("basal cell carcinoma of the nose", "basal_cell_skin")
    assert (one.diagnosed_on, one.last_progressive_on) == (_whole("2016"), _whole("2016"))
    one = _row(records, "brain_metastases")
    assert (one.present, one.controlled, one.stable_since) == (True, True, _whole("2025-04"))
    assert _row(records, "heart_failure", 1).nyha == 2
    one = _row(records, "medical_history")
    assert (one.started_on, one.ended_on, one.ongoing) == (_whole("2010"), None, True)
    assert _row(records, "social_cover").scheme == "social_security"


def test_every_cell_of_images_and_events_arrives_as_what_it_means(tmp_path: Path) -> None:
    records = read_documented(STUDY, tmp_path)

    one = _row(records, "receptor_lesions")
    assert (one.performed_on, one.tracer) == (date(2025, 11, 3), "68Ga-DOTATOC")
    assert (one.target, one.on_anatomical_imaging) == (True, True)
    assert (one.uptake, one.suv_max) == ("above_liver", Decimal("24.1"))
    assert one.liver_suv_mean == Decimal("5.3")
    one = _row(records, "cycle_plans", 1)
    assert (one.cycle, one.planned_on) == (3, date(2026, 12, 1))
    assert (one.state, one.reason) == ("planned", None)
    one = _row(records, "visits", 1)
    assert (one.visit, one.state, one.reason) == ("LAB_C3", "missed", "holidays")
    one = _row(records, "adverse_events")
    assert (one.code, one.ctcae_version, one.grade) == (None, 5, 1)
    assert (one.serious, one.related) == (False, "related")
    assert (one.action, one.outcome) == ("ondansetron", "resolved")
    one = _row(records, "recist_lesions")
    assert (one.organ, one.side, one.node, one.category) == ("liver", "segment VI", False, "target")
    assert (one.previously_irradiated, one.progressed_since_irradiation) == (False, None)
    one = _row(records, "recist_reads")
    assert (one.reader, one.role, one.exam_on) == ("R1", "reader_1", date(2026, 1, 12))
    assert (one.modality, one.slice_thickness_mm, str(one.diameter_mm)) == ("mri", 3, "31.5")
    one = _row(records, "imaging_series")
    assert (one.modality, one.what) == ("PT", "attenuation corrected")
    assert (one.series_uid[-4:], one.received_on) == (".1.2", date(2026, 1, 14))
    assert _row(records, "samples").biopsy_site == "liver"
    one = _row(records, "variants")
    assert (one.sample, one.gene, one.hgvs_c) == ("S-77", "MEN1", "c.249_252del")
    assert (one.hgvs_p, one.origin, one.vaf) == ("p.Ile85fs", "somatic", Decimal("0.38"))
    assert one.classification == "pathogenic"
    one = _row(records, "follow_up")
    assert (one.alive, one.disease) == (True, "no_progression")
    assert (one.new_therapy, one.contact) == (False, "telephone")
    one = _row(records, "deaths")
    assert (one.died_on, one.cause) == (_whole("2026-09"), "tumor")


def test_a_day_known_in_part_stays_an_interval(tmp_path: Path) -> None:
    therapies = read_documented(STUDY, tmp_path).rows["therapies"]

    radiation = next(row for row in therapies if row.kind == "external_beam")  # type: ignore[attr-defined]
    assert dict(radiation)["started_on"] == DateInterval(date(2019, 1, 1), date(2019, 12, 31))
    assert dict(radiation)["last_on"] == DateInterval(date(2019, 5, 1), date(2019, 5, 31))


def test_an_instant_of_the_last_dose_is_kept_in_utc(tmp_path: Path) -> None:
    therapies = read_documented(STUDY, tmp_path).rows["therapies"]

    assert [dict(row)["last_at"] for row in therapies if dict(row)["last_at"]] == [
        datetime(2026, 2, 15, 19, 30, tzinfo=UTC)  # Paris is at +01:00
    ]


def test_every_row_knows_where_it_stands(tmp_path: Path) -> None:
    records = read_documented(STUDY, tmp_path)

    assert _row(records, "karnofsky").place == "karnofsky.csv, line 2"
    assert sorted(row.place for row in records.rows["visits"]) == [
        "visits.csv, line 2",
        "visits.csv, line 3",
    ]


def test_rows_are_in_order_of_participant_and_day(tmp_path: Path) -> None:
    backwards = {name: rows[::-1] for name, rows in STUDY.items()}

    records = read_documented(backwards, tmp_path / "backwards")

    assert records.rows == read_documented(STUDY, tmp_path / "forwards").rows
    assert [dict(row)["participant"] for row in records.rows["therapies"]] == [
        "NA-014",
        "TO-003",
        "TO-003",
    ]
    assert [str(dict(row)["on"]) for row in records.rows["visits"]] == ["2025-12-18", "2026-05-05"]


# --- columns, for every table -----------------------------------------------------------------


def _without(tables: Tables, table: str, column: str) -> Tables:
    rows = [{name: cell for name, cell in row.items() if name != column} for row in tables[table]]
    return tables | {table: rows}


@pytest.mark.parametrize("table", NEW_TABLES)
def test_a_file_may_leave_out_the_optional_columns_and_no_other(tmp_path: Path, table: str) -> None:
    fields = ROWS[table].model_fields
    optional = [name for name, field in fields.items() if not field.is_required()]
    needed = {("allergies", "term"), ("recist_reads", "diameter_mm")}
    tables = dict(STUDY)
    for column in optional:
        if (table, column) not in needed:
            tables = _without(tables, table, column)

    records = read_documented(tables, tmp_path / "fewer")

    assert records.faults == ()
    assert len(records.rows[table]) == len(STUDY[table])
    required = [name for name in fields if name not in optional]
    for column in required:
        records = read_documented(_without(STUDY, table, column), tmp_path / column)
        (fault,) = (fault for fault in records.faults if fault.row is None)
        assert (fault.table, fault.column, fault.problem) == (table, column, "is missing")
        assert records.rows[table] == ()


def _required() -> Iterator[tuple[str, str]]:
    for table in NEW_TABLES:
        for name, field in ROWS[table].model_fields.items():
            if field.is_required():
                yield table, name


@pytest.mark.parametrize(("table", "column"), list(_required()))
def test_refuses_a_blank_in_a_required_column(tmp_path: Path, table: str, column: str) -> None:
    records = read_documented(with_cells(STUDY, table, **{column: ""}), tmp_path)

    blank = [fault for fault in records.faults if fault.problem == "the cell is blank"]
    assert [(fault.table, fault.row, fault.column) for fault in blank] == [(table, 2, column)]


def _codes() -> Iterator[tuple[str, str]]:
    for table in NEW_TABLES:
        for name, field in ROWS[table].model_fields.items():
            _, marks = cell_type(field.annotation, tuple(field.metadata))
            if any(isinstance(mark, OneOf) for mark in marks):
                yield table, name


@pytest.mark.parametrize(("table", "column"), list(_codes()))
def test_refuses_a_code_that_nobody_knows_and_says_which_are_known(
    tmp_path: Path, table: str, column: str
) -> None:
    field = ROWS[table].model_fields[column]
    codes = [str(code) for code in get_args(cell_type(field.annotation, ())[0])]

    near = read_documented(with_cells(STUDY, table, **{column: f"{codes[0]} "}), tmp_path / "near")
    slip = read_documented(with_cells(STUDY, table, **{column: "§§"}), tmp_path / "far")

    assert not [fault for fault in near.faults if fault.problem == "is not a code of this column"]
    (fault,) = slip.faults
    assert (fault.table, fault.row, fault.column, fault.value) == (table, 2, column, "§§")
    assert fault.remedy == f"use one of {', '.join(codes)}"


def test_refuses_a_misspelt_code_and_names_the_nearest(tmp_path: Path) -> None:
    fault = only_fault(
        read_documented(with_cells(STUDY, "therapies", kind="chemotherapie"), tmp_path)
    )

    assert str(fault) == (
        "therapies.csv, line 2, column kind (NA-014): 'chemotherapie' is not a code of this "
        "column; write chemotherapy if that is meant."
    )


# --- cells and rows, by example ---------------------------------------------------------------

# Table, cells of its first row, column that is blamed, and what is said.
FAULTY = [
    ("consents", {"on": "2026-11-23"}, "on", r"lies in the future \(today is 2026-11-22\)"),
    ("consents", {"on": "1961-03-31"}, "on", "before the participant's birth in 1961-04"),
    ("judgments", {"answer": "true"}, "answer", "is neither yes nor no; write yes or no"),
    ("karnofsky", {"score": "85"}, "score", "is no score of Karnofsky; write 0 to 100 in steps"),
    ("karnofsky", {"score": "1"}, "score", "ECOG is never converted"),
    ("karnofsky", {"score": "110"}, "score", "is no score of Karnofsky"),
    ("tumor_histology", {"ki67_percent": "101"}, "ki67_percent", r"\(0 to 100 %\)"),
    ("tumor_histology", {"ki67_percent": "2 %"}, "ki67_percent", "carries a unit"),
    ("tumor_histology", {"ki67_percent": "1e1"}, "ki67_percent", "write the digits out"),
    ("tumor_histology", {"mitoses_per_2mm2": "-1"}, "mitoses_per_2mm2", "is negative"),
    ("laboratory_results", {"collected_on": ""}, "collected_on", "without a date is no evidence"),
    ("laboratory_results", {"unit": ""}, "unit", "copy the unit as the laboratory printed it"),
    ("laboratory_results", {"value": "-1"}, "value", "is negative"),
    (
        "laboratory_results",
        {"lower_limit": "400", "upper_limit": "150"},
        "upper_limit",
        r"runs the wrong way round with lower_limit \(400\)",
    ),
    (
        "laboratory_results",
        {"unit": "/mm3", "upper_limit": ""},
        "value",
        r"'214' is not believed as platelets \(1000 to 3000000 /mm3\); write the unit 10\^9/l",
    ),
    (
        "laboratory_results",
        {"value": "214000", "upper_limit": ""},
        "value",
        "write the unit /mm3 if that is meant",
    ),
    (
        "laboratory_results",
        {"upper_limit": "400000"},
        "upper_limit",
        "'400000' is not believed as platelets",
    ),
    (
        "laboratory_results",
        {"test": "prothrombin_percent", "value": "1.1", "unit": "%", "upper_limit": ""},
        "value",
        r"prothrombin_percent \(5 to 200 %\); check value and unit",
    ),
    (
        "laboratory_results",
        {"test": "inr", "value": "85", "unit": "INR", "upper_limit": ""},
        "value",
        "is not believed as inr",
    ),
    (
        "laboratory_results",
        {"test": "hemoglobin", "value": "121", "unit": "g/dL", "upper_limit": ""},
        "value",
        "write the unit g/l if that is meant",
    ),
    ("laboratory_ranges", {"site": "NANTE"}, "site", "write NANTES if that is meant"),
    ("laboratory_ranges", {"upper": "2100"}, "upper", "is not believed as bilirubin_total"),
    ("laboratory_ranges", {"lower": "22"}, "upper", r"the wrong way round with lower \(22\)"),
    (
        "laboratory_ranges",
        {"valid_to": "2023-12-31"},
        "valid_to",
        r"the wrong way round with valid_from \(2024-01-01\)",
    ),
    ("pregnancy", {"test": "positive"}, "test", "contradicts childbearing_potential"),
    ("allergies", {"term": ""}, "term", "name the other substance"),
    ("therapies", {"started_on": "06/2023"}, "started_on", "write YYYY-MM-DD, or YYYY-MM or YYYY"),
    ("therapies", {"started_on": "2023-13"}, "started_on", "a day that no calendar has"),
    ("therapies", {"started_on": "2026-12"}, "started_on", "lies in the future"),
    ("therapies", {"last_on": "2023-05-31"}, "last_on", r"with started_on \(2023-06\)"),
    ("therapies", {"last_on": "1961-03"}, "last_on", "with started_on"),
    ("therapies", {"last_on": "", "last_at": "2023-05-31T10:00"}, "last_at", "with started_on"),
    ("therapies", {"last_at": "2025-12-11T00:30"}, "last_at", r"another day than last_on"),
    ("therapies", {"extensive": "maybe"}, "extensive", "leave an optional cell blank"),
    ("cancer_history", {"diagnosed_on": "2017"}, "last_progressive_on", "the wrong way round"),
    (
        "brain_metastases",
        {"present": "no", "stable_since": ""},
        "controlled",
        "present, which is no",
    ),
    ("brain_metastases", {"stable_since": "2026-02"}, "assessed_on", "the wrong way round"),
    ("heart_failure", {"nyha": "3"}, "nyha", "contradicts present, which is no"),
    ("heart_failure", {"present": "yes", "nyha": "III"}, "nyha", "use one of 1, 2, 3, 4"),
    ("medical_history", {"ended_on": "2012"}, "ended_on", "contradicts ongoing, which is yes"),
    ("medical_history", {"ended_on": "2009", "ongoing": "no"}, "ended_on", "wrong way round"),
    ("receptor_lesions", {"suv_max": "24100"}, "suv_max", r"an SUV \(0 to 1000 g/mL\)"),
    ("cycle_plans", {"cycle": "0"}, "cycle", "count from 1"),
    ("cycle_plans", {"recorded_on": "2026-12-01"}, "recorded_on", "lies in the future"),
    ("visits", {"on": "2026-11-23"}, "on", "lies in the future"),
    ("visits", {"visit": ""}, "visit", "the cell is blank"),
    ("adverse_events", {"started_on": "2026-01-23"}, "ended_on", "the wrong way round"),
    ("adverse_events", {"ongoing": "yes"}, "ended_on", "contradicts ongoing, which is yes"),
    ("adverse_events", {"grade": "6"}, "grade", "use one of 1, 2, 3, 4, 5"),
    ("adverse_events", {"ctcae_version": "5.0"}, "ctcae_version", "use one of 4, 5, 6"),
    (
        "recist_lesions",
        {"progressed_since_irradiation": "no"},
        "progressed_since_irradiation",
        "contradicts previously_irradiated, which is no",
    ),
    ("recist_reads", {"diameter_mm": ""}, "diameter_mm", "write the diameter that was measured"),
    ("recist_reads", {"diameter_mm": "0.8"}, "diameter_mm", "write 8 if the value is in cm"),
    ("recist_reads", {"diameter_mm": "501"}, "diameter_mm", r"\(1 to 500 mm\)"),
    ("recist_reads", {"state": "absent"}, "diameter_mm", "contradicts state, which is absent"),
    ("recist_reads", {"slice_thickness_mm": "0.1"}, "slice_thickness_mm", "write 1 if the value"),
    ("recist_reads", {"lesion": "L7"}, "lesion", "'L7' is not in the table recist_lesions"),
    ("imaging_series", {"series_uid": "1.2 1.3"}, "series_uid", "copy SeriesInstanceUID"),
    ("imaging_series", {"timepoint": "BASELNE"}, "timepoint", "write BASELINE if that is meant"),
    ("variants", {"vaf": "38"}, "vaf", r"a fraction of reads \(0 to 1\)"),
    ("variants", {"sample": "S-78"}, "sample", "is not in the table samples; correct the code"),
    ("follow_up", {"on": "2026-11-23"}, "on", "lies in the future"),
    ("deaths", {"died_on": "2027"}, "died_on", "lies in the future"),
]


@pytest.mark.parametrize(("table", "cells", "column", "said"), FAULTY)
def test_refuses_a_faulty_row_and_leaves_out_no_other(
    tmp_path: Path, table: str, cells: dict[str, str], column: str, said: str
) -> None:
    whole = read_documented(STUDY, tmp_path / "whole")

    records = read_documented(with_cells(STUDY, table, **cells), tmp_path / "faulty")

    fault = only_fault(records)
    assert re.search(said, str(fault))
    assert (fault.table, fault.row, fault.column) == (table, 2, column)
    assert len(records.rows[table]) == len(whole.rows[table]) - 1
    assert set(records.rows[table]) < set(whole.rows[table])


@pytest.mark.parametrize(
    ("table", "cells"),
    [
        ("tumor_histology", {"ki67_percent": "0"}),
        ("tumor_histology", {"ki67_percent": "100.0"}),
        ("karnofsky", {"score": "0"}),
        ("therapies", {"started_on": "2025-12", "last_on": "2025"}),
        ("therapies", {"started_on": "2026", "last_on": "2026-01"}),
        ("therapies", {"last_at": "2025-12-10T23:30", "last_on": "2025-12"}),
        ("therapies", {"started_on": "1961"}),
        ("therapies", {"started_on": "2026", "last_on": ""}),
        ("visits", {"on": "2027-01-01", "state": "cancelled"}),
        ("variants", {"vaf": "1"}),
        ("recist_reads", {"state": "too_small", "diameter_mm": "5"}),
        ("recist_reads", {"lesion": "L7", "state": "new"}),
        ("laboratory_results", {"value": "214000", "unit": "/mm³", "upper_limit": "400000"}),
        ("laboratory_results", {"comparator": "<", "unit": "/mm3", "upper_limit": ""}),
        ("laboratory_results", {"unit": "10⁹/L"}),
        ("laboratory_results", {"unit": "crates"}),
        ("laboratory_ranges", {"valid_to": "2030-12-31"}),
        ("adverse_events", {"ended_on": "", "ongoing": "no"}),
    ],
)
def test_believes_what_lies_on_the_border(
    tmp_path: Path, table: str, cells: dict[str, str]
) -> None:
    records = read_documented(with_cells(STUDY, table, **cells), tmp_path)

    assert records.faults == ()
    assert len(records.rows[table]) == len(STUDY[table])


def test_all_that_a_row_contradicts_is_named_at_once(tmp_path: Path) -> None:
    tables = with_cells(STUDY, "medical_history", ended_on="2009")
    tables = with_cells(tables, "brain_metastases", present="no")

    faults = read_documented(tables, tmp_path).faults

    assert [(fault.table, fault.column) for fault in faults] == [
        ("brain_metastases", "controlled"),
        ("brain_metastases", "stable_since"),
        ("medical_history", "ended_on"),
        ("medical_history", "ended_on"),
    ]


def test_a_day_after_the_data_cut_is_called_so(tmp_path: Path) -> None:
    folder = write_csv(STUDY, tmp_path)

    faults = read_study(folder, today=date(2026, 6, 30), at_cut=True).faults

    assert [(fault.table, fault.value) for fault in faults] == [
        ("follow_up", "2026-07-01"),
        ("deaths", "2026-09"),
    ]
    assert "lies after the data cut (2026-06-30); correct the date, or move" in str(faults[0])


# --- rows among one another -------------------------------------------------------------------


@pytest.mark.parametrize("table", NEW_TABLES)
def test_refuses_a_row_that_stands_twice(tmp_path: Path, table: str) -> None:
    records = read_documented(with_row(STUDY, table), tmp_path)

    last = len(STUDY[table]) + 2
    fault = next(fault for fault in records.faults if fault.table == table)
    assert fault.problem.endswith(f"recorded more than once, on lines 2 and {last}")
    # Without a key, the two say the same, and nobody need know which is right.
    lost = 1 if ROWS[table].key else 0
    assert len(records.rows[table]) == len(STUDY[table]) - lost


def test_two_numbers_that_are_the_same_are_written_twice(tmp_path: Path) -> None:
    tables = with_row(STUDY, "laboratory_results", value="214.0")

    assert "the same row is recorded" in str(only_fault(read_documented(tables, tmp_path)))


@pytest.mark.parametrize(
    "table", [name for name in NEW_TABLES if "participant" in ROWS[name].model_fields]
)
def test_refuses_a_row_of_someone_who_is_no_participant(tmp_path: Path, table: str) -> None:
    tables = with_row(STUDY, table, participant="XX-999")

    faults = [f for f in read_documented(tables, tmp_path).faults if f.column == "participant"]

    assert [(fault.table, fault.value) for fault in faults] == [(table, "XX-999")]


@pytest.mark.parametrize(
    ("named", "naming"), [("samples", "variants"), ("recist_lesions", "recist_reads")]
)
def test_rows_that_name_a_faulty_one_are_left_out_without_a_fault_of_their_own(
    tmp_path: Path, named: str, naming: str
) -> None:
    tables = with_cells(STUDY, named, participant="NA-014", **_a_fault_in(named))

    records = read_documented(tables, tmp_path)

    assert only_fault(records).table == named
    assert len(records.rows[naming]) == len(STUDY[naming]) - 1


def _a_fault_in(table: str) -> dict[str, str]:
    return {"kind": "§§"} if table == "samples" else {"category": "§§"}


def test_an_unreadable_table_has_one_fault_and_not_one_of_each_row_that_names_it(
    tmp_path: Path,
) -> None:
    folder = write_csv(STUDY, tmp_path)
    (folder / "samples.csv").write_bytes(b"")

    records = read_study(folder)

    assert only_fault(records).problem == "the file is empty"
    assert records.rows["variants"] == ()


def test_a_table_that_is_not_there_leaves_what_names_it_without_ground(tmp_path: Path) -> None:
    folder = write_csv(STUDY, tmp_path)
    (folder / "samples.csv").unlink()

    assert only_fault(read_study(folder)).problem == "is not in the table samples"


def test_a_fault_beyond_the_tables_of_images_stops_no_image(tmp_path: Path) -> None:
    records = read_documented(with_cells(STUDY, "karnofsky", score=""), tmp_path)

    assert only_fault(records).participant == "NA-014"
    assert records.faults_of("NA-014", "BASELINE") == ()


def test_names_the_table_that_a_file_was_probably_meant_to_be(tmp_path: Path) -> None:
    folder = write_csv(STUDY, tmp_path)
    (folder / "laboratory_result.csv").write_text("x\n", encoding="utf-8")

    assert (
        only_fault(read_study(folder)).remedy == "rename it laboratory_results.csv if that is meant"
    )


def test_a_column_of_truth_values_is_read_from_parquet(tmp_path: Path) -> None:
    folder = write_csv(STUDY, tmp_path)
    (folder / "judgments.csv").unlink()
    frame = pl.DataFrame(STUDY["judgments"]).with_columns(pl.col("answer") == "yes")
    frame.write_parquet(folder / "judgments.parquet")

    records = read_study(folder)

    assert records.faults == ()
    assert [dict(row)["answer"] for row in records.rows["judgments"]] == [True, False]
    assert _row(records, "judgments").place == "judgments.parquet, row 1"


def test_a_row_equals_another_that_says_the_same_elsewhere(tmp_path: Path) -> None:
    one = read_documented(STUDY, tmp_path / "one").rows["karnofsky"][0]
    moved = with_row(STUDY, "karnofsky", on="2025-12-19")
    moved["karnofsky"].reverse()
    other = read_documented(moved, tmp_path / "other").rows["karnofsky"][0]

    assert one == other
    assert hash(one) == hash(other)
    assert one.place != other.place
    assert one != one.model_copy(update={"score": 80})


def test_masses_leap_again_where_a_neighbor_is_out(tmp_path: Path) -> None:
    """By hand: 70 to 100 kg is +43 %, out; then 70 to 95 kg, which is +36 %, are neighbors."""
    masses = {"A": ("2026-01-12", "70"), "B": ("2026-03-12", "100"), "C": ("2026-04-20", "95")}
    rows = [
        {
            "participant": "NA-014",
            "timepoint": code,
            "measured_on": day,
            "body_mass_kg": mass,
            "height_m": "",
        }
        for code, (day, mass) in masses.items()
    ]
    folder = write_csv({"participants": STUDY["participants"], "vitals": rows}, tmp_path)

    records = read_records(folder, timezone=PARIS, today=TODAY, timepoints=masses)

    assert [vitals.timepoint for vitals in records.vitals] == ["A"]
    assert [fault.timepoint for fault in records.faults] == ["B", "C"]
