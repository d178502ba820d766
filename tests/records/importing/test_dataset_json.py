"""Dataset-JSON: read typed, written back as it was, and what is refused."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from operandi.quantities.errors import DataError
from operandi.records.importing.dataset_json import read_dataset_json, written
from operandi.records.importing.redcap import read_redcap
from tests.records.importing.published import DATASETS, dataset
from tests.records.importing.redcap_files import write_project


def a_document(**changed: object) -> dict[str, Any]:
    def column(name: str, type_: str, **more: object) -> dict[str, object]:
        return {
            "itemOID": f"IT.VS.{name}",
            "name": name,
            "label": name.title(),
            "dataType": type_,
        } | more

    return {
        "datasetJSONVersion": "1.1.0",
        "itemGroupOID": "IG.VS",
        "name": "VS",
        "label": "Vital Signs",
        "records": 2,
        "columns": [
            column("USUBJID", "string", length=8),
            column("VSDTC", "date"),
            column("VSSTRESN", "float"),
            column("VSSEQ", "integer"),
        ],
        "rows": [["P-1", "2025-01-10", 71.5, 1], ["P-2", "", None, 2]],
    } | changed


def write(folder: Path, document: object) -> Path:
    file = folder / "vs.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    return file


def test_a_dataset_arrives_typed_with_all_that_it_says(tmp_path: Path) -> None:
    table = read_dataset_json(write(tmp_path, a_document()))

    assert (table.name, table.label) == ("VS", "Vital Signs")
    assert table.frame.rows() == [("P-1", date(2025, 1, 10), 71.5, 1), ("P-2", None, None, 2)]
    assert (table.variables[0].label, table.variables[0].length) == ("Usubjid", 8)
    assert table.variables[1].stated["itemOID"] == "IT.VS.VSDTC"
    assert table.texts == (("P-1", "2025-01-10", "71.5", "1"), ("P-2", "", "", "2"))


@pytest.mark.parametrize(
    "days", [["2025-01", "2025-01-10"], [None, ""], ["2025-02-30", ""], [None, "2025-01-10"]]
)
def test_days_known_in_part_and_both_sorts_of_blank_are_written_back(
    tmp_path: Path, days: list[object]
) -> None:
    document = a_document(rows=[[None, days[0], 1, 1], ["", days[1], 2.5, None]])

    assert json.loads(written(read_dataset_json(write(tmp_path, document)))) == document


def test_a_dataset_without_rows_stays_without(tmp_path: Path) -> None:
    document = a_document(records=0)
    del document["rows"]

    assert json.loads(written(read_dataset_json(write(tmp_path, document)))) == document


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"records": 3}, "vs.json, column records: '3' stands for 2 rows; some may have been cut"),
        ({"datasetJSONVersion": "1.0.0"}, "'1.0.0' is a version that is not read"),
        ({"rows": [["P-1"], ["P-2", "", None, 2]]}, "row 1 has 1 cells where there are 4 columns"),
        ({"rows": [["P-1", "", "71", 1], ["P-2", "", 1, True]]}, "'71' in row 1 is no float"),
        ({"rows": [["P-1", "", "71", 1], ["P-2", "", 1, True]]}, "'True' in row 2 is no integer"),
    ],
)
def test_refuses_what_does_not_agree(
    tmp_path: Path, changed: dict[str, object], fault: str
) -> None:
    with pytest.raises(DataError) as refused:
        read_dataset_json(write(tmp_path, a_document(**changed)))

    assert fault in str(refused.value)


@pytest.mark.parametrize("key", ["name", "columns", "datasetJSONVersion"])
def test_refuses_a_document_without_what_it_must_say(tmp_path: Path, key: str) -> None:
    document = a_document()
    del document[key]

    with pytest.raises(DataError, match=f"column {key}: is missing"):
        read_dataset_json(write(tmp_path, document))


def test_refuses_an_unknown_data_type_and_a_column_without_one(tmp_path: Path) -> None:
    document = a_document()
    document["columns"][0]["dataType"] = "word"
    del document["columns"][1]["label"]

    with pytest.raises(DataError) as refused:
        read_dataset_json(write(tmp_path, document))

    assert "column USUBJID: 'word' is no dataType" in str(refused.value)
    assert "column VSDTC: column 2 states no label" in str(refused.value)


def test_refuses_a_file_that_is_cut_off(tmp_path: Path) -> None:
    file = write(tmp_path, a_document())
    file.write_bytes(file.read_bytes()[:200])

    with pytest.raises(DataError, match=r"vs.json, line 1: is no JSON .*cut off"):
        read_dataset_json(file)


def test_refuses_another_encoding_and_what_is_no_dataset(tmp_path: Path) -> None:
    file = write(tmp_path, [])
    with pytest.raises(DataError, match="is no dataset, but a list"):
        read_dataset_json(file)
    file.write_bytes('{"name": "é"}'.encode("latin-1"))
    with pytest.raises(DataError, match="byte 0xE9 at position 10 is not UTF-8"):
        read_dataset_json(file)


def test_a_table_of_another_source_is_not_written_as_dataset_json(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="was not read from Dataset-JSON"):
        written(read_redcap(*write_project(tmp_path)))


@pytest.mark.real_data
@pytest.mark.parametrize("name", DATASETS)
def test_a_published_dataset_is_written_back_byte_for_byte(name: str, tmp_path: Path) -> None:
    file = dataset(name, "json", tmp_path)

    assert written(read_dataset_json(file)) == file.read_bytes()


@pytest.mark.real_data
def test_the_published_days_are_dates(tmp_path: Path) -> None:
    table = read_dataset_json(dataset("sdtm_dm", "json", tmp_path))

    assert table.frame["RFSTDTC"].dtype == pl.Date
    assert table.frame["BRTHDTC"].dtype == pl.String  # a year only
