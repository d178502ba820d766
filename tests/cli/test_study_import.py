"""``operandi import`` as somebody types it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from operandi.cli import console
from operandi.cli.main import app
from operandi.quantities.errors import DataError
from tests.records.importing.redcap_files import ROW, write_project
from tests.records.importing.test_placing import MAPPING


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console.out, "width", 300)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "export"
    folder.mkdir()
    write_project(folder, [ROW, ROW.replace("R-1", "R-2")])
    (folder / "mapping.toml").write_text(MAPPING, encoding="utf-8")
    return folder


def imports(source: Path, study: Path, *more: str) -> Result:
    words = ["import", str(source), "--mapping", str(source / "mapping.toml"), "--to", str(study)]
    return CliRunner().invoke(app, [*words, *more])


def test_the_tables_are_written_and_what_is_listed_is_shown(source: Path, tmp_path: Path) -> None:
    said = imports(source, tmp_path / "study")

    assert said.exit_code == 3  # fields that no rule takes
    assert "24 cells: 12 placed, 12 listed, 0 blank. Rows: 2 participants, 2 vitals." in said.output
    assert "no rule takes its field" in said.output
    assert "identity stays in the hospital" in said.output
    assert "Martin" not in said.output
    written = (tmp_path / "study" / "records" / "vitals.csv").read_text(encoding="utf-8")
    assert written.splitlines()[2] == "TO-R-2,BASELINE,2025-01-10,71.5,"


def test_nothing_is_listed_but_what_the_mapping_leaves_out(source: Path, tmp_path: Path) -> None:
    left_out = "".join(
        f'{name} = "not of this study"\n'
        for name in ("count", "fatigue____1", "fatigue___1", "smoker", "visit_complete")
    )
    text = MAPPING.replace("[left_out]\n", f"[left_out]\n{left_out}")
    (source / "mapping.toml").write_text(text, encoding="utf-8")

    said = imports(source, tmp_path / "study")

    assert said.exit_code == 0
    assert "Not placed" not in said.output


def test_a_dry_run_writes_nothing(source: Path, tmp_path: Path) -> None:
    said = imports(source, tmp_path / "study", "--dry-run")

    assert "2 participants, 2 vitals" in said.output
    assert not (tmp_path / "study").exists()


def test_every_listed_cell_is_written_where_it_is_asked_for(source: Path, tmp_path: Path) -> None:
    listed = tmp_path / "listed.csv"
    imports(source, tmp_path / "study", "--dry-run", "--list", str(listed))

    lines = listed.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "file,row,field,value,reason,left_out_by_mapping"
    assert lines[1] == "data.csv,2,surname,,identity stays in the hospital,yes"
    assert lines[2] == "data.csv,2,count,3,no rule takes its field,no"
    assert len(lines) == 13


def test_refuses_to_write_over_a_table_and_then_writes_none(source: Path, tmp_path: Path) -> None:
    records = tmp_path / "study" / "records"
    records.mkdir(parents=True)
    (records / "vitals.csv").write_text("participant\n", encoding="utf-8")

    said = imports(source, tmp_path / "study")

    assert isinstance(said.exception, DataError)
    assert "vitals.csv exists already; nothing was written. " in str(said.exception)
    assert [path.name for path in records.iterdir()] == ["vitals.csv"]

    imports(source, tmp_path / "study", "--replace")
    assert "TO-R-1" in (records / "vitals.csv").read_text(encoding="utf-8")


def test_refuses_a_table_that_stands_there_as_parquet(source: Path, tmp_path: Path) -> None:
    records = tmp_path / "study" / "records"
    records.mkdir(parents=True)
    (records / "vitals.parquet").write_bytes(b"")

    said = imports(source, tmp_path / "study", "--replace")

    assert "vitals.parquet holds a table of the same name" in str(said.exception)
    assert [path.name for path in records.iterdir()] == ["vitals.parquet"]
