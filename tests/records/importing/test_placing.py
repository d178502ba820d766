"""From a source to a study: what is placed, what is listed, and that nothing is lost."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.quantities.errors import DataError
from operandi.records.importing.mapping import MappingFile, read_mapping
from operandi.records.importing.placing import Imported, place_cells
from operandi.records.importing.reading import read_source
from operandi.records.importing.redcap import read_redcap
from operandi.records.importing.source import SourceTable, Variable, column
from operandi.records.reading import read_records
from tests.records.importing.published import PROJECTS, dataset, project
from tests.records.importing.redcap_files import ROW, write_project

MAPPING = """
[source]
kind = "redcap"

[events]
first_arm_1 = "BASELINE"

[left_out]
surname = "identity stays in the hospital"

[[rows]]
table = "participants"
columns.participant = { field = "record_id", prefix = "TO-" }
columns.site = { value = "TOURS" }
columns.sex = { field = "sex", codes = { 0 = "F", 1 = "M" } }
columns.birth_year = { field = "born", part = "year" }
columns.birth_month = { field = "born", part = "month" }

[[rows]]
table = "vitals"
events = ["first_arm_1"]
columns.participant = { field = "record_id", prefix = "TO-" }
columns.timepoint = { event = true }
columns.measured_on = { field = "seen", part = "day" }
columns.body_mass_kg = { field = "weight" }
columns.height_m = { value = "" }
"""


def a_mapping(folder: Path, text: str = MAPPING) -> MappingFile:
    file = folder / "mapping.toml"
    file.write_text(text, encoding="utf-8")
    return read_mapping(file)


def imported(folder: Path, rows: Sequence[str] = (ROW,), *, mapping: str = MAPPING) -> Imported:
    return place_cells([read_redcap(*write_project(folder, rows))], a_mapping(folder, mapping))


def reasons(of: Imported) -> dict[tuple[int, str], str]:
    return {(one.row, one.field): one.reason for one in of.listed}


def assert_nothing_is_lost(found: Imported, tables: Sequence[SourceTable]) -> None:
    """Every cell is blank, placed or listed, once, and no two of these."""
    filled = {
        (one.file, number, variable.name)
        for one in tables
        for number, texts in zip(one.numbers, one.texts, strict=True)
        for variable, text in zip(one.variables, texts, strict=True)
        if text
    }
    listed = [(one.file, one.row, one.field) for one in found.listed]
    assert len(listed) == len(set(listed))
    assert set(listed) <= filled
    assert found.placed == len(filled) - len(listed)
    assert found.blank + len(filled) == found.cells


# --- what is placed -----------------------------------------------------------------------------


def test_a_row_becomes_rows_of_several_tables(tmp_path: Path) -> None:
    found = imported(tmp_path)

    assert found.tables["participants"] == (
        {
            "participant": "TO-R-1",
            "site": "TOURS",
            "sex": "M",
            "birth_year": "1960",
            "birth_month": "4",
        },
    )
    assert found.csv("vitals") == (
        b"participant,timepoint,measured_on,body_mass_kg,height_m\nTO-R-1,BASELINE,2025-01-10,71.5,\n"
    )
    assert (found.cells, found.placed, found.blank, len(found.listed)) == (12, 6, 0, 6)


def test_what_no_rule_takes_is_listed_and_what_is_left_out_is_counted(tmp_path: Path) -> None:
    found = imported(tmp_path)

    assert {one.field: one.wanted for one in found.listed} == {
        "surname": False,
        "count": True,
        "fatigue____1": True,
        "fatigue___1": True,
        "smoker": True,
        "visit_complete": True,
    }
    by_field = {one.field: one for one in found.listed}
    assert by_field["surname"].reason == "identity stays in the hospital"
    assert by_field["surname"].value == ""  # it identifies a person
    assert by_field["count"].reason == "no rule takes its field"


def test_a_number_is_converted_exactly(tmp_path: Path) -> None:
    text = MAPPING.replace(
        'body_mass_kg = { field = "weight" }',
        'body_mass_kg = { field = "weight", unit = { from = "lb", to = "kg" } }',
    )

    found = imported(tmp_path, mapping=text)

    # By hand: 71.5 x 0.45359237.
    assert found.tables["vitals"][0]["body_mass_kg"] == "32.431854455"


@pytest.mark.real_data
def test_a_repeating_instrument_becomes_a_row_each(tmp_path: Path) -> None:
    """Of the published project: blood pressures stand in for cycles."""
    folder = project("repeating-instruments")
    text = """
source = { kind = "redcap" }
[[rows]]
table = "cycles"
instrument = "bp"
columns.participant = { field = "record_id", prefix = "P-" }
columns.cycle = { field = "redcap_repeat_instance" }
columns.date = { field = "date_bp" }
columns.activity_gbq = { value = "7.4" }
columns.nuclide = { value = "177Lu" }
"""
    found = place_cells(
        [read_redcap(folder / "data.csv", folder / "dictionary.csv")], a_mapping(tmp_path, text)
    )

    assert [(row["participant"], row["cycle"], row["date"]) for row in found.tables["cycles"]] == [
        ("P-1", "1", "2019-10-14"),
        ("P-1", "2", "2019-10-14"),
        ("P-1", "3", "2019-10-14"),
        ("P-2", "1", "2004-04-04"),
    ]


@pytest.mark.real_data
def test_one_result_a_line_becomes_one_row_by_its_key(tmp_path: Path) -> None:
    """Of the CDISC pilot: the weight at baseline and the height at screening of each subject."""
    text = """
source = { kind = "xport", files = ["vs.xpt"] }
[[rows]]
table = "vitals"
source = "VS"
where = { VSTESTCD = ["WEIGHT"], VISIT = ["BASELINE"] }
key = ["participant", "timepoint"]
columns.participant = { field = "USUBJID" }
columns.timepoint = { field = "VISIT", codes = { BASELINE = "BASELINE" } }
columns.measured_on = { field = "VSDTC" }
columns.body_mass_kg = { field = "VSSTRESN" }
[[rows]]
table = "vitals"
source = "VS"
where = { VSTESTCD = ["HEIGHT"] }
key = ["participant", "timepoint"]
columns.participant = { field = "USUBJID" }
columns.timepoint = { value = "BASELINE" }
columns.height_cm = { field = "VSSTRESN" }
"""
    dataset("sdtm_vs", "xpt", tmp_path)
    mapping = a_mapping(tmp_path, text)
    tables = read_source(tmp_path, mapping.source)
    found = place_cells(tables, mapping)

    rows = {row["participant"]: row for row in found.tables["vitals"]}
    assert rows["CDISC001"] == FIRST
    assert_nothing_is_lost(found, tables)


FIRST = {
    "participant": "CDISC001",
    "timepoint": "BASELINE",
    "measured_on": "2012-11-30",
    "body_mass_kg": "78.93",
    "height_cm": "181.61",
}


def test_rows_of_one_key_that_differ_take_each_other_out(tmp_path: Path) -> None:
    text = MAPPING.replace('table = "vitals"', 'table = "vitals"\nkey = ["participant"]')
    found = imported(tmp_path, [ROW, ROW.replace("71,5", "72,5")], mapping=text)

    assert "vitals" not in found.tables
    assert reasons(found)[2, "weight"] == (
        "its row is left out: body_mass_kg differs between data.csv, row 2 and data.csv, row 3"
    )
    assert (3, "weight") in reasons(found)


def test_what_is_imported_is_what_the_records_read(tmp_path: Path) -> None:
    found = imported(tmp_path, [ROW, ROW.replace("R-1", "R-2")])
    folder = tmp_path / "records"
    folder.mkdir()
    for table in found.tables:
        (folder / f"{table}.csv").write_bytes(found.csv(table))

    records = read_records(
        folder, timezone=ZoneInfo("Europe/Paris"), today=date(2026, 1, 1), timepoints=["BASELINE"]
    )

    assert records.faults == ()
    assert [one.pseudonym for one in records.participants] == ["TO-R-1", "TO-R-2"]
    assert [one.body_mass_kg for one in records.vitals] == [71.5, 71.5]


# --- what is listed -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "instead", "field", "reason"),
    [
        ("Martin,1", "Martin,5", "sex", "is no choice of the field"),
        ("1960-04-02", "1960", "born", "is not a day (YYYY-MM-DD)"),
        ("R-1,first_arm_1", '"R-1\nB",first_arm_1', "record_id", "holds a line break"),
    ],
)
def test_a_row_with_a_cell_that_cannot_be_placed_is_left_out_whole(
    tmp_path: Path, written: str, instead: str, field: str, reason: str
) -> None:
    found = imported(tmp_path, [ROW.replace(written, instead)])

    assert "participants" not in found.tables
    assert reason in reasons(found)[2, field]
    others = {"sex", "born"} - {field}
    assert all(f"its row is left out: {field} " in reasons(found)[2, one] for one in others)


def test_a_code_without_a_translation_is_listed(tmp_path: Path) -> None:
    found = imported(tmp_path, mapping=MAPPING.replace(', 1 = "M"', ""))

    assert reasons(found)[2, "sex"] == "has no translation in the mapping"


def test_an_event_without_a_timepoint_is_listed(tmp_path: Path) -> None:
    text = MAPPING.replace('events = ["first_arm_1"]\n', "").replace("first_arm_1", "other_arm_1")
    found = imported(tmp_path, mapping=text)

    assert "vitals" not in found.tables
    assert reasons(found)[2, "redcap_event_name"] == "has no timepoint in the mapping"
    assert "redcap_event_name has no timepoint" in reasons(found)[2, "weight"]


def test_a_row_of_an_event_that_no_rule_takes_is_listed(tmp_path: Path) -> None:
    found = imported(tmp_path, [ROW.replace("first_arm_1", "second_arm_1")])

    assert "vitals" not in found.tables
    assert reasons(found)[2, "weight"] == "no rule takes its row"


def test_a_text_is_no_number_to_convert(tmp_path: Path) -> None:
    text = MAPPING.replace(
        '{ field = "weight" }', '{ field = "surname", unit = { from = "lb", to = "kg" } }'
    ).replace('surname = "identity stays in the hospital"', "")

    assert (
        "no number that could be converted"
        in reasons(imported(tmp_path, mapping=text))[2, "surname"]
    )


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "instead", "fault"),
    [
        ('table = "vitals"', 'table = "vital"', "'vital' is no table of a study; use vitals"),
        ("columns.body_mass_kg", "columns.body_mas_kg", "no column of vitals; use body_mass_kg"),
        ("columns.body_mass_kg", "columns.height_cm", "'body_mass_kg' must be filled in vitals"),
        (
            'columns.height_m = { value = "" }',
            "",
            "'height_m' must be filled in vitals, or height_",
        ),
        ('first_arm_1 = "BASELINE"', "", "takes a timepoint from the event, and no event has one"),
        ('{ value = "TOURS" }', "{}", "state exactly one of field, value and event"),
        ('"year"', '"week"', "part: Input should be 'year', 'month' or 'day'"),
        ("prefix", "prefx", "prefx: Extra inputs are not permitted"),
        ("[events]", "[events", "Mend the TOML"),
    ],
)
def test_refuses_a_mapping_that_cannot_be_meant(
    tmp_path: Path, written: str, instead: str, fault: str
) -> None:
    with pytest.raises(DataError) as refused:
        a_mapping(tmp_path, MAPPING.replace(written, instead))

    assert fault in str(refused.value)


@pytest.mark.parametrize(
    ("written", "instead", "fault"),
    [
        ('field = "weight"', 'field = "weihgt"', "'weihgt' is no field of the source; use weight"),
        ('surname = "id', 'surnam = "id', "'surnam' is left out, and is no field of the source"),
        ('table = "vitals"', 'table = "vitals"\nsource = "VS"', "'VS' is no table of the source"),
    ],
)
def test_refuses_a_mapping_of_another_source(
    tmp_path: Path, written: str, instead: str, fault: str
) -> None:
    with pytest.raises(DataError) as refused:
        imported(tmp_path, mapping=MAPPING.replace(written, instead))

    assert fault in str(refused.value)


def test_refuses_a_rule_that_names_no_source_where_there_are_several(tmp_path: Path) -> None:
    table = read_redcap(*write_project(tmp_path))
    other = SourceTable(
        name="DM", label="", file="dm.json", variables=(), frame=table.frame, texts=(), numbers=()
    )

    with pytest.raises(DataError, match="a rule names no source, and there are several"):
        place_cells([table, other], a_mapping(tmp_path))


def test_refuses_a_mapping_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"mapping.toml: the mapping cannot be read"):
        read_mapping(tmp_path / "mapping.toml")


def test_refuses_a_source_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere is not there"):
        read_source(tmp_path / "nowhere", a_mapping(tmp_path).source)


def test_refuses_a_folder_without_an_export(tmp_path: Path) -> None:
    mapping = a_mapping(tmp_path, MAPPING.replace('"redcap"', '"xport"'))

    with pytest.raises(DataError, match=r"holds no file that ends with .xpt"):
        read_source(tmp_path, mapping.source)


# --- that nothing is lost -----------------------------------------------------------------------

WORDS = st.sampled_from(["", "1", "2", "x", "BASELINE", "2025-01-10"])


@given(rows=st.lists(st.tuples(WORDS, WORDS, WORDS, WORDS), max_size=6), keyed=st.booleans())
def test_every_cell_of_any_table_is_blank_placed_or_listed(
    rows: list[tuple[str, str, str, str]], *, keyed: bool
) -> None:
    names = ("id", "visit", "on", "mass")
    table = SourceTable(
        name="any",
        label="",
        file="any.csv",
        variables=tuple(Variable(name=name) for name in names),
        frame=column("id", [], "text").to_frame(),
        texts=tuple(rows),
        numbers=tuple(range(2, len(rows) + 2)),
    )
    mapping = MappingFile.model_validate(
        {
            "source": {"kind": "redcap"},
            "left_out": {"mass": "not wanted"},
            "rows": [
                {
                    "table": "vitals",
                    "where": {"visit": ["BASELINE", "1"]},
                    "key": ["participant", "timepoint"] if keyed else [],
                    "columns": {
                        "participant": {"field": "id", "codes": {"1": "P-1", "2": "P-2"}},
                        "timepoint": {"field": "visit"},
                        "measured_on": {"field": "on"},
                        "body_mass_kg": {"field": "mass"},
                    },
                }
            ],
        }
    )

    assert_nothing_is_lost(place_cells([table], mapping), [table])


@pytest.mark.real_data
@pytest.mark.parametrize("name", PROJECTS)
def test_every_cell_of_a_published_project_is_blank_placed_or_listed(
    name: str, tmp_path: Path
) -> None:
    folder = project(name)
    table = read_redcap(folder / "data.csv", folder / "dictionary.csv")
    found = place_cells([table], a_mapping(tmp_path, PUBLISHED[name]))

    assert_nothing_is_lost(found, [table])
    counts = (found.cells, found.placed, len(found.listed), found.blank)
    assert counts == COUNTED[name]


SEXES = """
source = { kind = "redcap" }
[[rows]]
table = "participants"
columns.participant = { field = "FIRST", prefix = "P-" }
columns.site = { value = "OU" }
columns.sex = { field = "SEX", codes = { 0 = "F", 1 = "M" } }
columns.birth_year = { field = "dob", part = "year" }
columns.birth_month = { field = "dob", part = "month" }
"""
WEIGHTS = """
source = { kind = "redcap" }
[events]
intake_arm_1 = "BASELINE"
[[rows]]
table = "vitals"
events = ["intake_arm_1", "dischage_arm_1"]
columns.participant = { field = "record_id" }
columns.timepoint = { event = true }
columns.measured_on = { field = "interview_date" }
columns.body_mass_kg = { field = "weight" }
columns.height_m = { value = "" }
"""
MASSES = """
source = { kind = "redcap" }
[[rows]]
table = "vitals"
columns.participant = { field = "record_id", prefix = "P-" }
columns.timepoint = { value = "BASELINE" }
columns.measured_on = { value = "2020-01-01" }
columns.body_mass_kg = { field = "weight_comma" }
columns.height_m = { field = "height_comma" }
"""
NOTHING = """
source = { kind = "redcap" }
rows = []
"""


def participants(first: str, sex: str) -> str:
    return SEXES.replace("FIRST", first).replace("SEX", sex)


PUBLISHED = {
    "arm-single-longitudinal": WEIGHTS,
    "checkboxes-1": NOTHING,
    "clinical-trial-1": participants("record_id", "gender"),
    "decimal-comma-and-dot": MASSES,
    "longitudinal": participants("study_id", "sex"),
    "repeating-instruments": participants("record_id", "sex"),
    "simple": participants("record_id", "sex"),
    "validation-types-1": NOTHING,
}
COUNTED = {
    "arm-single-longitudinal": (54, 12, 38, 4),
    "checkboxes-1": (52, 0, 51, 1),
    "clinical-trial-1": (6500, 1500, 5000, 0),
    "decimal-comma-and-dot": (36, 12, 24, 0),
    "longitudinal": (2250, 9, 430, 1811),
    "repeating-instruments": (90, 6, 40, 44),
    "simple": (120, 0, 120, 0),
    "validation-types-1": (52, 0, 5, 47),
}
"""Cells, placed, listed, blank.

Cells and blanks were counted in the files by another program. Placed are the filled fields of the
rows that the mapping takes: 3 of each participant, 3 of each weight and height, 4 of each weight at
intake.
"""
