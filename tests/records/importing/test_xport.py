"""SAS transport files: exact numbers, the JSON twin of every published dataset, refusals."""

import struct
from datetime import date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.quantities.errors import DataError, UnsupportedError
from operandi.records.importing.dataset_json import read_dataset_json
from operandi.records.importing.source import SourceTable
from operandi.records.importing.xport import ibm_float, read_xport
from tests.records.importing.published import DATASETS, dataset

BLANK = b" " * 80


def record(text: str) -> bytes:
    return text.encode().ljust(80)


def to_ibm(value: float) -> bytes:
    """Write a number as IBM did: the other direction, for the tests alone."""
    if not value:
        return bytes(8)
    numerator, denominator = abs(value).as_integer_ratio()
    exponent = 64
    while numerator >= denominator:
        denominator *= 16
        exponent += 1
    while numerator * 16 < denominator:
        numerator *= 16
        exponent -= 1
    fraction = (numerator << 56) // denominator
    return (((value < 0) << 63) | exponent << 56 | fraction).to_bytes(8)


def a_member(name: str, columns: list[tuple[str, int, str]], rows: list[list[bytes]]) -> bytes:
    """A dataset with columns of name, length (0 for a number) and format."""
    names, at = b"", 0
    for number, (column, length, form) in enumerate(columns, start=1):
        width = length or 8
        names += struct.pack(">hhhh", 2 if length else 1, 0, width, number)
        names += column.encode().ljust(8) + f"Label of {column}".encode().ljust(40)
        names += form.encode().ljust(8) + struct.pack(">hhh", 9, 0, 0) + bytes(2)
        names += b" " * 8 + struct.pack(">hhi", 0, 0, at) + bytes(52)
        at += width
    content = (
        record("HEADER RECORD*******MEMBER  HEADER RECORD!!!!!!!000000000000000001600000000140")
        + record("HEADER RECORD*******DSCRPTR HEADER RECORD!!!!!!!" + "0" * 30)
        + record(f"SAS     {name:<8}SASDATA 9.4     Linux".ljust(64) + "21AUG20:09:14:29")
        + record("21AUG20:09:14:29".ljust(32) + "A dataset")
        + record(
            f"HEADER RECORD*******NAMESTR HEADER RECORD!!!!!!!000000{len(columns):04}" + "0" * 20
        )
        + names.ljust(-(-len(names) // 80) * 80)
        + record("HEADER RECORD*******OBS     HEADER RECORD!!!!!!!" + "0" * 30)
    )
    cells = b"".join(b"".join(row) for row in rows)
    return content + cells.ljust(-(-len(cells) // 80) * 80)


def write(folder: Path, *members: bytes) -> Path:
    file = folder / "vs.xpt"
    library = record("HEADER RECORD*******LIBRARY HEADER RECORD!!!!!!!" + "0" * 30)
    file.write_bytes(library + BLANK + BLANK + b"".join(members))
    return file


def vitals(rows: list[list[bytes]]) -> bytes:
    return a_member("VS", [("USUBJID", 6, ""), ("VISITDT", 0, "DATE"), ("WEIGHT", 0, "")], rows)


def only(tables: tuple[SourceTable, ...]) -> SourceTable:
    (table,) = tables
    return table


def test_numbers_days_and_texts_arrive(tmp_path: Path) -> None:
    """Day 0 of SAS is 1 January 1960; 23751 days later is 10 January 2025."""
    rows = [[b"P-1   ", to_ibm(23751), to_ibm(71.5)], [b"P-2   ", b"." + bytes(7), to_ibm(-0.1)]]

    table = only(read_xport(write(tmp_path, vitals(rows))))

    assert (table.name, table.label) == ("VS", "A dataset")
    assert table.frame.rows() == [("P-1", date(2025, 1, 10), 71.5), ("P-2", None, -0.1)]
    assert table.texts[0] == ("P-1", "2025-01-10", "71.5")
    weight = table.variables[2]
    assert (weight.label, weight.length, weight.type) == ("Label of WEIGHT", 8, "float")
    assert table.variables[1].stated["format"] == "DATE"


def test_an_instant_counts_seconds(tmp_path: Path) -> None:
    content = a_member("EX", [("STARTED", 0, "DATETIME")], [[to_ibm(86_400.0 + 3600)]])

    assert only(read_xport(write(tmp_path, content))).frame.item() == datetime(1960, 1, 2, 1)  # noqa: DTZ001


def test_a_day_with_a_fraction_stays_a_number(tmp_path: Path) -> None:
    table = only(read_xport(write(tmp_path, vitals([[b"P-1   ", to_ibm(0.5), to_ibm(1)]]))))

    assert (table.frame["VISITDT"].to_list(), table.variables[1].type) == ([0.5], "float")


def test_special_missing_values_keep_their_letter(tmp_path: Path) -> None:
    rows = [[b"P-1   ", b"A" + bytes(7), b"_" + bytes(7)]]

    table = only(read_xport(write(tmp_path, vitals(rows))))

    assert table.frame.row(0) == ("P-1", None, None)
    assert table.stated["special_missing"] == ((1, "VISITDT", "A"), (1, "WEIGHT", "_"))


def test_a_file_may_hold_several_datasets(tmp_path: Path) -> None:
    second = a_member("DM", [("SEX", 1, "")], [[b"F"], [b"M"]])

    tables = read_xport(write(tmp_path, vitals([]), second))

    assert [(one.name, one.frame.height) for one in tables] == [("VS", 0), ("DM", 2)]


@given(st.floats(min_value=-1e60, max_value=1e60, allow_subnormal=False))
def test_every_number_comes_back_to_the_last_bit(value: float) -> None:
    if abs(value) > 1e-60 or not value:
        assert ibm_float(to_ibm(value)) == value


@pytest.mark.parametrize("length", range(3, 9))
def test_a_short_number_is_the_same_number(length: int) -> None:
    """118.625 is 76.A of 16: it needs three bytes."""
    assert ibm_float(bytes.fromhex("C276A00000000000")[:length]) == -118.625


# --- what is refused --------------------------------------------------------------------------

ROW = [b"P-1   ", to_ibm(0), to_ibm(1)]


def test_refuses_a_file_that_is_cut_within_a_record(tmp_path: Path) -> None:
    file = write(tmp_path, vitals([ROW] * 9))
    file.write_bytes(file.read_bytes()[:-30])

    with pytest.raises(DataError, match=r"vs.xpt: is cut off: .* whole number of records"):
        read_xport(file)


def test_refuses_a_file_that_is_cut_between_records(tmp_path: Path) -> None:
    """Nine rows of 22 bytes are two records and a half; one record holds three rows and a part."""
    file = write(tmp_path, vitals([ROW] * 9))
    file.write_bytes(file.read_bytes()[:-160])

    with pytest.raises(DataError, match=r"vs.xpt: is cut off within row 4"):
        read_xport(file)


@pytest.mark.parametrize(
    ("records", "fault"), [(6, "before the names"), (9, "within the 3 descriptions")]
)
def test_refuses_a_file_that_is_cut_in_its_header(tmp_path: Path, records: int, fault: str) -> None:
    file = write(tmp_path, vitals([ROW]))
    file.write_bytes(file.read_bytes()[: records * 80])

    with pytest.raises(DataError, match=f"is cut off {fault}"):
        read_xport(file)


def test_refuses_a_file_of_another_sort(tmp_path: Path) -> None:
    file = tmp_path / "vs.xpt"
    file.write_bytes(b"PK\x03\x04")
    with pytest.raises(DataError, match="is no SAS transport file of version 5"):
        read_xport(file)
    file.write_bytes(record("HEADER RECORD*******LIBV8   HEADER RECORD!!!!!!!"))
    with pytest.raises(UnsupportedError, match="version 8"):
        read_xport(file)


def test_refuses_a_text_of_another_encoding_until_it_is_stated(tmp_path: Path) -> None:
    rows = [[b"P-1   ", to_ibm(0), to_ibm(1)], [b"H\xe9l\xe8ne", to_ibm(0), to_ibm(1)]]
    file = write(tmp_path, vitals(rows))

    with pytest.raises(DataError, match=r"vs.xpt, column USUBJID: in row 2 byte 0xE9 is not utf-8"):
        read_xport(file)
    assert only(read_xport(file, encoding="windows-1252")).texts[1][0] == "Hélène"


# --- published datasets ---------------------------------------------------------------------------

# The JSON was made from Define-XML, which says these otherwise than the transport file.
LABELS = {
    ("ADTTE", "STARTDT"): (
        "Time to Event Origin Date for Subject",
        "Time-to-Event Origin Date for Subject",
    ),
    ("ADTTE", "SRCDOM"): ("Source Domain", "Source Data"),
}
LENGTHS = {("ADTTE", "PARAM"): (100, 32), ("ADTTE", "PARAMCD"): (8, 4)}
DATASET_LABELS = {
    "ADSL": ("Subject-Level Analysis", "Subject-Level Analysis Dataset"),
    "ADTTE": ("AE Time To 1st Derm. Event Analysis", ""),
}


@pytest.mark.real_data
@pytest.mark.parametrize("name", DATASETS)
def test_json_and_transport_file_of_a_dataset_are_equal(name: str, tmp_path: Path) -> None:
    """Every cell, name and label; the frames too, but for what a transport file cannot say.

    It has one type of number, and SDTM writes days as texts.
    """
    of_json = read_dataset_json(dataset(name, "json", tmp_path))
    of_xport = only(read_xport(dataset(name, "xpt", tmp_path)))

    assert of_json.texts == of_xport.texts
    labels = DATASET_LABELS.get(of_json.name)
    assert (of_json.label, of_xport.label) == (labels or (of_json.label, of_json.label))
    assert of_xport.name == of_json.name
    for ours, other in zip(of_json.variables, of_xport.variables, strict=True):
        place = (of_json.name, ours.name)
        assert ours.name == other.name
        assert (ours.label, other.label) == LABELS.get(place, (ours.label, ours.label))
        if ours.length is not None:
            assert (ours.length, other.length) == LENGTHS.get(place, (ours.length, ours.length))
        allowed = {"integer": {"float"}, "date": {"date", "text"}}
        assert other.type in allowed.get(ours.type, {ours.type})
        theirs = of_xport.frame[other.name]
        if other.type != "text":
            assert of_json.frame[ours.name].cast(theirs.dtype).equals(theirs)
