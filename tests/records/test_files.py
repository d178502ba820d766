"""What files look like that people export, and which of them cannot be read."""

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from tests.records.study_folder import a_study, only_fault, read, with_cells, write_csv

VITALS = "participant,timepoint,measured_on,body_mass_kg,height_m\n"
A_ROW = "P-01,BASELINE,2025-01-10,71.5,1.72\n"


def _study_with(folder: Path, content: bytes | str, *, file: str = "vitals.csv") -> Path:
    write_csv(a_study(), folder)
    (folder / "vitals.csv").unlink()
    (folder / file).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def test_reads_what_a_french_spreadsheet_exports(tmp_path: Path) -> None:
    """Byte order mark, semicolons, decimal commas, quotes, CRLF, blank columns and lines."""
    exported = (
        "\ufeffparticipant;timepoint;measured_on;body_mass_kg;height_m;\r\n"
        'P-01;"BASELINE";2025-01-10;71,5;1,72;\r\n'
        "P-02;BASELINE; 2025-01-10 ;68.25;;\r\n"
        ";;;;;\r\n"
        "\r\n"
    )

    records = read(_study_with(tmp_path, exported))

    assert records.faults == ()
    assert [(v.body_mass_kg, v.height_m) for v in records.vitals] == [(71.5, 1.72), (68.25, None)]


@pytest.mark.parametrize("number", ["1.071,5", "1,071.5", "71,5,0", "7 1,5"])
def test_refuses_separators_of_thousands_beside_a_decimal_comma(
    tmp_path: Path, number: str
) -> None:
    content = f"{VITALS}{A_ROW}".replace(",", ";").replace("71.5", number)

    assert only_fault(read(_study_with(tmp_path, content))).problem == "is not a number"


def test_an_accent_is_kept_and_a_delimiter_inside_quotes_is_text(tmp_path: Path) -> None:
    folder = write_csv(with_cells(a_study(), "participants", site="Hôpital, Évry"), tmp_path)

    participant = read(folder).participant("P-01")

    assert participant is not None
    assert participant.site == "Hôpital, Évry"


def test_a_line_is_counted_as_the_editor_shows_it(tmp_path: Path) -> None:
    content = f"{VITALS}{A_ROW}\n\n{A_ROW.replace('P-01', 'P-02').replace('71.5', '7.15')}"

    assert only_fault(read(_study_with(tmp_path, content))).row == 5


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_refuses_latin_1_and_names_the_byte(tmp_path: Path, mark: bytes) -> None:
    content = mark + VITALS.encode() + b"P-01,BASELINE,2025-01-10,71.5,1.72,\xe9\n"

    fault = only_fault(read(_study_with(tmp_path, content)))

    position = content.index(b"\xe9")
    assert f"byte 0xE9 at position {position} (line 2) is not UTF-8" in str(fault)
    assert fault.remedy == "save the table as CSV UTF-8"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("P-02,BASELINE,2025-01-10,71,5,1.72", "has 6 cells where the header has 5"),
        ("P-02,BASELINE,2025-01-10", "has 3 cells where the header has 5"),
        ('P-02,BASELINE,2025-01-10,"71.5,1.72', "has a quotation mark that is not closed"),
        ('"P-02",BASELINE,2025-01-10,"71".5,1.72', "has a quotation mark that is not closed"),
    ],
)
def test_refuses_a_broken_line_and_reads_those_around_it(
    tmp_path: Path, line: str, problem: str
) -> None:
    content = f"{VITALS}{A_ROW}{line}\n{A_ROW.replace('P-01', 'P-03')}"

    records = read(_study_with(tmp_path, content))

    fault = only_fault(records)
    assert problem in fault.problem
    assert (fault.row, fault.participant, fault.timepoint) == (3, "P-02", "BASELINE")
    assert [vitals.participant for vitals in records.vitals] == ["P-01", "P-03"]


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (VITALS.replace("body_mass_kg", "site"), ["body_mass_kg: is missing", "site: is not a"]),
        (VITALS.replace("kg", "lb"), ["rename it body_mass_kg", "kg: is missing"]),
        (
            VITALS.replace("height_m", "timepoint"),
            ["timepoint: stands 2 times", "neither is there"],
        ),
        (VITALS.replace("height_m", "height"), ["rename it height_m", "neither is there"]),
    ],
)
def test_refuses_a_header_that_is_not_the_tables(
    tmp_path: Path, header: str, said: list[str]
) -> None:
    records = read(_study_with(tmp_path, header + A_ROW))

    assert records.vitals == ()
    sentences = [str(fault) for fault in records.faults]
    assert len(sentences) == 2
    assert all(any(part in sentence for sentence in sentences) for part in said)


def test_refuses_both_columns_of_height(tmp_path: Path) -> None:
    content = VITALS.replace("\n", ",height_cm\n") + A_ROW.replace("\n", ",\n")

    assert "both are there" in str(only_fault(read(_study_with(tmp_path, content))))


def test_an_unknown_column_is_a_fault_and_the_others_are_read(tmp_path: Path) -> None:
    content = VITALS.replace("\n", ",Height_m2\n") + A_ROW.replace("\n", ",x\n")

    records = read(_study_with(tmp_path, content))

    assert "rename it height_m if that is meant" in only_fault(records).remedy
    assert len(records.vitals) == 1


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_refuses_an_empty_file(tmp_path: Path, content: str) -> None:
    assert only_fault(read(_study_with(tmp_path, content))).remedy == "export the table again"


def test_refuses_a_header_with_a_stray_quotation_mark(tmp_path: Path) -> None:
    fault = only_fault(read(_study_with(tmp_path, '"' + VITALS + A_ROW)))

    assert fault.problem.startswith("the header has a quotation mark")


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("vital.csv", "rename it vitals.csv if that is meant"),
        ("Vitals.CSV", "rename it vitals.csv if that is meant"),
        ("vitals.csv.txt", "rename it vitals.csv if that is meant"),
        ("vitals (1).csv", "rename it vitals.csv if that is meant"),
        ("labs.csv", "the tables are participants, imaging_visits"),
        ("vitals.xlsx", "a spreadsheet is not read"),
    ],
)
def test_refuses_a_file_that_is_no_table(tmp_path: Path, file: str, said: str) -> None:
    assert said in str(only_fault(read(_study_with(tmp_path, VITALS, file=file))))


@pytest.mark.parametrize(
    "file",
    ["README.md", ".vitals.parquet.partial", "~$vitals.xlsx", "._vitals.csv", "~$vitals.csv"],
)
def test_passes_over_what_is_not_meant_for_it(tmp_path: Path, file: str) -> None:
    assert read(_study_with(tmp_path, "anything", file=file)).faults == ()


def test_refuses_a_table_that_stands_twice_and_reads_neither(tmp_path: Path) -> None:
    folder = write_csv(a_study(), tmp_path)
    pl.DataFrame(a_study()["vitals"]).write_parquet(folder / "vitals.parquet")

    records = read(folder)

    assert "stands in vitals.csv and vitals.parquet" in only_fault(records).problem
    assert records.vitals == ()


def test_refuses_a_folder_in_the_place_of_a_file(tmp_path: Path) -> None:
    folder = write_csv(a_study(), tmp_path)
    (folder / "vitals.csv").unlink()
    (folder / "vitals.csv").mkdir()

    assert "the file cannot be read (Is a directory)" in str(only_fault(read(folder)))


def test_reads_parquet_as_text_and_as_types(tmp_path: Path) -> None:
    typed = pl.DataFrame(
        {
            "participant": ["P-01", "P-02"],
            "timepoint": ["BASELINE", "BASELINE"],
            "measured_on": [date(2025, 1, 10), date(2025, 1, 11)],
            "body_mass_kg": [71.3, 68.0],
            "height_m": [1.72, None],
        }
    )
    folder = _study_with(tmp_path, b"", file="vitals.parquet")
    typed.write_parquet(folder / "vitals.parquet")
    from_types = read(folder)
    typed.cast(pl.String).write_parquet(folder / "vitals.parquet")

    assert from_types.faults == ()
    assert [(v.body_mass_kg, v.height_m) for v in from_types.vitals] == [(71.3, 1.72), (68.0, None)]
    assert read(folder) == from_types


def test_an_aware_instant_in_parquet_keeps_its_instant(tmp_path: Path) -> None:
    folder = write_csv(a_study(), tmp_path)
    row = a_study()["tracer_administrations"][0]
    at = datetime(2025, 1, 10, 8, 30, tzinfo=UTC)
    times = {"assayed_at": at, "injected_at": at, "residual_at": at}
    (folder / "tracer_administrations.csv").unlink()
    pl.DataFrame([row | times]).write_parquet(folder / "tracer_administrations.parquet")

    given = read(folder).administration_at("P-01", "BASELINE")

    assert given is not None
    assert given.injected_at == at


def test_refuses_a_row_of_parquet_by_its_number(tmp_path: Path) -> None:
    folder = _study_with(tmp_path, b"", file="vitals.parquet")
    rows = with_cells(a_study(), "vitals", 3, body_mass_kg="nan")["vitals"]
    numbers = pl.col("body_mass_kg").cast(pl.Float64)
    pl.DataFrame(rows).with_columns(numbers).write_parquet(folder / "vitals.parquet")

    assert str(only_fault(read(folder))).startswith("vitals.parquet, row 4, column body_mass_kg")


@pytest.mark.parametrize("kept", [0.01, 0.5, 0.99])
def test_refuses_parquet_that_was_cut_off(tmp_path: Path, kept: float) -> None:
    folder = _study_with(tmp_path, b"", file="vitals.parquet")
    pl.DataFrame(a_study()["vitals"]).write_parquet(folder / "vitals.parquet")
    content = (folder / "vitals.parquet").read_bytes()
    (folder / "vitals.parquet").write_bytes(content[: int(len(content) * kept)])

    assert only_fault(read(folder)).problem == "the file is not a whole Parquet file"
