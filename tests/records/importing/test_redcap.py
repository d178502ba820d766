"""REDCap exports: what each field becomes, and what is refused."""

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from operandi.quantities.errors import DataError
from operandi.records.importing.redcap import read_redcap
from tests.records.importing.published import PROJECTS, project
from tests.records.importing.redcap_files import FIELDS, ROW, write_project


def test_every_type_of_field_arrives_typed_and_labeled(tmp_path: Path) -> None:
    table = read_redcap(*write_project(tmp_path))

    assert table.faults == ()
    assert table.frame.row(0, named=True) == {
        "record_id": "R-1",
        "redcap_event_name": "first_arm_1",
        "surname": "Martin",
        "sex": "1",
        "born": date(1960, 4, 2),
        "weight": Decimal("71.5"),
        "seen": datetime(2025, 1, 10, 9, 30),  # noqa: DTZ001 - REDCap states no zone
        "count": 3,
        "fatigue____1": False,
        "fatigue___1": True,
        "smoker": True,
        "visit_complete": "2",
    }
    by_name = {one.name: one for one in table.variables}
    assert by_name["sex"].choices == {"0": "Female", "1": "Male"}
    assert by_name["fatigue____1"].label == "Fatigue: Unknown"  # code -1
    assert by_name["visit_complete"].choices["2"] == "Complete"
    assert by_name["surname"].identifying
    assert by_name["weight"].stated["text_validation_type_or_show_slider_number"] == (
        "number_comma_decimal"
    )


def test_a_decimal_comma_becomes_a_point(tmp_path: Path) -> None:
    table = read_redcap(*write_project(tmp_path))

    assert table.texts[0][5] == "71.5"


def test_a_note_may_hold_line_breaks(tmp_path: Path) -> None:
    rows = [ROW.replace("Martin", '"Mar\ntin"'), ROW.replace("R-1", "R-2")]
    table = read_redcap(*write_project(tmp_path, rows))

    assert table.frame["surname"].to_list() == ["Mar\ntin", "Martin"]
    assert table.numbers == (2, 4)


def test_an_unknown_choice_is_named_with_its_line_and_the_choices(tmp_path: Path) -> None:
    table = read_redcap(*write_project(tmp_path, [ROW, ROW.replace("Martin,1", "Martin,3")]))

    (fault,) = table.faults
    assert str(fault) == (
        "data.csv, line 3, column sex: '3' is no choice of the field; "
        "the choices are 0 (Female), 1 (Male)."
    )
    assert table.frame["sex"].to_list() == ["1", None]
    assert table.texts[1][3] == "3"


@pytest.mark.parametrize(
    ("written", "instead", "column", "problem"),
    [
        ("1960-04-02", "02-04-1960", "born", "is not a day"),
        ("1960-04-02", "1960-02-30", "born", "no calendar has"),
        ("71,5", "71;5", "weight", "is not a number"),
        ("09:30,3", "09:30,3.5", "count", "is not a whole number"),
        (",0,1,1,2", ",0,2,1,2", "fatigue___1", "is neither 0 nor 1"),
        ("10 09:30", "10 25:30", "seen", "no calendar has"),
        ("1,2", "1,7", "visit_complete", "is no choice"),
    ],
)
def test_a_cell_that_its_field_does_not_allow_is_a_fault(
    tmp_path: Path, written: str, instead: str, column: str, problem: str
) -> None:
    assert written in ROW
    row = instead.join(ROW.rsplit(written, 1))
    table = read_redcap(*write_project(tmp_path, [row]))

    (fault,) = table.faults
    assert (fault.column, fault.row) == (column, 2)
    assert problem in fault.problem


def test_a_fault_shows_no_identifying_value(tmp_path: Path) -> None:
    dated = [one.replace("Surname,,,y", "Surname,,date_ymd,y") for one in FIELDS]
    table = read_redcap(*write_project(tmp_path, fields=dated))

    (fault,) = table.faults
    assert "Martin" not in str(fault)


def test_a_field_that_was_not_exported_is_named(tmp_path: Path) -> None:
    fields = [*FIELDS, "height,visit,text,Height,,number,"]

    assert read_redcap(*write_project(tmp_path, fields=fields)).stated["not_exported"] == (
        "height",
    )


# --- what is refused --------------------------------------------------------------------------


def test_refuses_a_dictionary_without_a_field_of_the_export(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"data.csv, line 1, column surname: is no field of dict"):
        read_redcap(*write_project(tmp_path, fields=[FIELDS[0], *FIELDS[2:]]))


def test_refuses_every_ragged_row_at_once(tmp_path: Path) -> None:
    with pytest.raises(DataError) as refused:
        read_redcap(*write_project(tmp_path, [ROW + ",9", ROW, "R-3,x"]))

    assert "line 2: has 13 cells where the header has 12" in str(refused.value)
    assert "line 4: has 2 cells where the header has 12" in str(refused.value)


def test_refuses_another_encoding(tmp_path: Path) -> None:
    data, dictionary = write_project(tmp_path)
    data.write_bytes(data.read_bytes().replace(b"Martin", "Hélène".encode("latin-1")))

    with pytest.raises(DataError, match=r"data.csv, line 2: byte 0xE9 is not UTF-8; export it as"):
        read_redcap(data, dictionary)


def test_refuses_a_quotation_mark_that_is_not_closed(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"data.csv, line 2: is no CSV"):
        read_redcap(*write_project(tmp_path, [ROW.replace("Martin", '"Martin')]))


def test_refuses_an_event_that_the_list_lacks(tmp_path: Path) -> None:
    data, dictionary = write_project(tmp_path)
    events = tmp_path / "event.csv"
    events.write_text("event_name,unique_event_name\nFirst,frist_arm_1\n", encoding="utf-8")

    with pytest.raises(DataError, match=r"'first_arm_1' is no event of event.csv; use frist_arm_1"):
        read_redcap(data, dictionary, events)


def test_refuses_a_dictionary_that_is_none(tmp_path: Path) -> None:
    data, dictionary = write_project(tmp_path)

    with pytest.raises(
        DataError, match=r"data.csv, line 1, column field_name: the dictionary lack"
    ):
        read_redcap(data, data)
    dictionary.unlink()
    with pytest.raises(DataError, match=r"dictionary.csv: the file cannot be read"):
        read_redcap(data, dictionary)


def test_refuses_a_column_that_stands_twice(tmp_path: Path) -> None:
    data, dictionary = write_project(tmp_path)
    data.write_text("record_id,record_id\n1,2\n", encoding="utf-8")

    with pytest.raises(DataError, match="column record_id: stands twice"):
        read_redcap(data, dictionary)


def test_refuses_an_empty_file(tmp_path: Path) -> None:
    data, dictionary = write_project(tmp_path)
    data.write_text("", encoding="utf-8")

    with pytest.raises(DataError, match=r"data.csv: the file is empty"):
        read_redcap(data, dictionary)


# --- published projects -------------------------------------------------------------------------


@pytest.mark.real_data
@pytest.mark.parametrize("name", PROJECTS)
def test_a_published_project_is_read_whole(name: str) -> None:
    folder = project(name)
    events = folder / "event.csv"
    table = read_redcap(
        folder / "data.csv", folder / "dictionary.csv", events if events.exists() else None
    )

    assert table.frame.shape == PROJECTS[name]
    # In "simple" the sexes were turned into TRUE and FALSE before publication.
    assert [fault.column for fault in table.faults] == (["sex"] * 5 if name == "simple" else [])


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["decimal-comma-and-dot", "simple"])
def test_both_spellings_of_a_dictionary_say_the_same(name: str) -> None:
    folder = project(name)
    ours = read_redcap(folder / "data.csv", folder / "dictionary.csv")
    other = read_redcap(folder / "data.csv", folder / "metadata.csv")

    assert ours.frame.equals(other.frame)
    assert ours.texts == other.texts


@pytest.mark.real_data
def test_comma_and_point_of_the_published_project_are_one_number() -> None:
    folder = project("decimal-comma-and-dot")
    table = read_redcap(folder / "data.csv", folder / "dictionary.csv")

    for name in ("height", "weight"):
        assert table.frame[f"{name}_dot"].equals(
            table.frame[f"{name}_comma"].alias(f"{name}_dot"), check_names=True
        )
    assert table.frame["weight_comma"].dtype == pl.Decimal(38, 1)
