"""A freeze: the same bytes every time, whole or not at all, and no change unseen."""

import json
import os
import stat
import subprocess
import sys
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import given, settings

from operandi.quantities.errors import DataError
from operandi.records.freeze import (
    Circumstances,
    read_freeze,
    refuse_open_queries,
    verify,
    write_freeze,
)
from operandi.records.manifest import MANIFEST
from operandi.records.reading import RecordsError
from operandi.records.rows import ROWS
from operandi.records.tables import Records
from tests.records.documented_study import SITES, TODAY, a_documented_study, read_study
from tests.records.study_folder import TIMEPOINTS, Tables, with_cells, with_row, write_csv

STUDY = a_documented_study()
STUDY_FILE = b'[study]\ntitle = "\xc3\x89tude"\n'
CIRCUMSTANCES = Circumstances(
    cut=TODAY,
    timezone="Europe/Paris",
    timepoints=TIMEPOINTS,
    sites=SITES,
    operandi="0.1.0",
    commit={"id": "f96c809", "with_uncommitted_changes": False},
)


def _read(tables: Tables, folder: Path) -> Records:
    return read_study(write_csv(tables, folder), at_cut=True)


def _frozen(records: Records, folder: Path) -> Path:
    return write_freeze(records, STUDY_FILE, CIRCUMSTANCES, to=folder, beside=folder.parent)[0]


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _a_faulty_study() -> Tables:
    tables = with_cells(STUDY, "samples", kind="§§")
    tables = with_cells(tables, "karnofsky", score="85")
    tables = with_cells(tables, "vitals", 1, body_mass_kg="90")
    return with_row(tables, "deaths")


# --- what is written --------------------------------------------------------------------------


def test_the_same_study_freezes_to_the_same_bytes(tmp_path: Path) -> None:
    backwards = {name: rows[::-1] for name, rows in STUDY.items()}

    first = _frozen(_read(STUDY, tmp_path / "records"), tmp_path / "first")
    second = _frozen(_read(backwards, tmp_path / "backwards"), tmp_path / "second")

    assert _contents(first) == _contents(second)
    assert len(_contents(first)) == len(ROWS) + 2


def test_a_freeze_is_read_back_as_what_it_was_made_of(tmp_path: Path) -> None:
    records = _read(STUDY, tmp_path / "records")

    frozen = read_freeze(_frozen(records, tmp_path / "frozen"))

    assert frozen.records == records
    assert all(len(frozen.records.rows[name]) == len(STUDY[name]) for name in ROWS)
    assert frozen.study_file == STUDY_FILE.decode()


def test_the_faults_of_a_study_are_the_open_queries_of_its_freeze(tmp_path: Path) -> None:
    records = _read(_a_faulty_study(), tmp_path / "records")

    frozen = read_freeze(_frozen(records, tmp_path / "frozen"))

    assert [fault.table for fault in records.faults] == ["vitals", "karnofsky", "samples", "deaths"]
    assert frozen.manifest.queries == records.faults
    assert frozen.records == records


def test_refuses_open_queries_where_none_may_be(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"4 entries .*vitals\.csv, line 3, column body_mass_kg"):
        refuse_open_queries(_read(_a_faulty_study(), tmp_path / "faulty"))

    refuse_open_queries(_read(STUDY, tmp_path / "whole"))


def test_the_manifest_states_what_is_frozen_and_by_what(tmp_path: Path) -> None:
    records = _read(STUDY, tmp_path / "records")

    folder, manifest = write_freeze(
        records, STUDY_FILE, CIRCUMSTANCES, to=None, beside=tmp_path / "freezes"
    )

    stated = json.loads((folder / MANIFEST).read_bytes())
    assert folder == tmp_path / "freezes" / f"2026-11-22_{manifest.id[:12]}"
    assert stated["id"] == manifest.id
    assert (stated["cut"], stated["operandi"]) == ("2026-11-22", "0.1.0")
    assert stated["commit"] == {"id": "f96c809", "with_uncommitted_changes": False}
    assert (stated["participants"], stated["queries"]) == (2, [])
    assert stated["files"]["laboratory_results.parquet"]["rows"] == 3
    assert stated["files"]["study.toml"]["rows"] is None
    assert stated["files"].keys() == _contents(folder).keys() - {MANIFEST}


def test_another_row_study_file_or_commit_makes_another_freeze(tmp_path: Path) -> None:
    records = _read(STUDY, tmp_path / "records")
    other = _read(with_cells(STUDY, "karnofsky", score="80"), tmp_path / "other")
    elsewhere = replace(CIRCUMSTANCES, commit=None)

    made = [
        write_freeze(one, text, told, to=tmp_path / str(at), beside=tmp_path)[1].id
        for at, (one, text, told) in enumerate(
            [
                (records, STUDY_FILE, CIRCUMSTANCES),
                (other, STUDY_FILE, CIRCUMSTANCES),
                (records, STUDY_FILE + b"\n", CIRCUMSTANCES),
                (records, STUDY_FILE, elsewhere),
                (records, STUDY_FILE, replace(CIRCUMSTANCES, cut=date(2026, 11, 21))),
            ]
        )
    ]

    assert len(set(made)) == 5


def test_numbers_and_days_are_frozen_as_they_are_written(tmp_path: Path) -> None:
    tables = with_cells(STUDY, "tumor_histology", ki67_percent="7.50", mitoses_per_2mm2="0.00001")

    folder = _frozen(_read(tables, tmp_path / "records"), tmp_path / "frozen")

    histology = pl.read_parquet(folder / "tumor_histology.parquet")
    assert histology["ki67_percent"].to_list() == ["7.50"]
    assert histology["mitoses_per_2mm2"].to_list() == ["0.00001"]
    therapies = pl.read_parquet(folder / "therapies.parquet")
    assert therapies["started_on"].to_list() == ["2023-06", "2019", "2025"]
    assert therapies.schema["ongoing"] == pl.Boolean
    read = dict(read_freeze(folder).records.rows["tumor_histology"][0])
    assert (str(read["ki67_percent"]), read["mitoses_per_2mm2"]) == ("7.50", Decimal("0.00001"))


def test_a_height_in_centimeters_is_frozen_in_meters(tmp_path: Path) -> None:
    vitals = [
        {name: cell for name, cell in row.items() if name != "height_m"} | {"height_cm": "163.5"}
        for row in STUDY["vitals"]
    ]
    records = _read(STUDY | {"vitals": vitals}, tmp_path / "records")

    folder = _frozen(records, tmp_path / "frozen")

    assert pl.read_parquet(folder / "vitals.parquet")["height_m"].to_list() == [1.635] * 3
    assert read_freeze(folder).records == records


def test_every_file_is_read_only(tmp_path: Path) -> None:
    folder = _frozen(_read(STUDY, tmp_path / "records"), tmp_path / "frozen")

    writable = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH
    assert [path.name for path in folder.iterdir() if path.stat().st_mode & writable] == []


def test_empty_tables_are_written_and_read_back(tmp_path: Path) -> None:
    only = _read({"participants": STUDY["participants"]}, tmp_path / "records")

    assert read_freeze(_frozen(only, tmp_path / "frozen")).records == only


# --- whole or not at all ----------------------------------------------------------------------


def test_the_same_freeze_is_not_written_twice(tmp_path: Path) -> None:
    records = _read(STUDY, tmp_path / "records")
    folder = _frozen(records, tmp_path / "frozen")
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}

    _frozen(records, tmp_path / "frozen")

    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_refuses_to_write_over_another_freeze_or_a_folder(tmp_path: Path) -> None:
    records = _read(STUDY, tmp_path / "records")
    other = _read(with_cells(STUDY, "karnofsky", score="80"), tmp_path / "other")
    folder = _frozen(records, tmp_path / "frozen")
    before = _contents(folder)

    with pytest.raises(DataError, match="frozen exists and is not this freeze"):
        _frozen(other, folder)
    with pytest.raises(DataError, match="records exists and is not this freeze"):
        _frozen(records, tmp_path / "records")
    (folder / "study.toml").unlink()
    with pytest.raises(DataError, match="frozen exists and is not this freeze"):
        _frozen(records, folder)

    assert _contents(folder) == {name: before[name] for name in before if name != "study.toml"}


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = _read(STUDY, tmp_path / "records")

    def no_space(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space left"):
        _frozen(records, tmp_path / "frozen")

    assert [path.name for path in tmp_path.iterdir()] == ["records"]


KILLED_WHILE_WRITING = """
import os, signal, sys
from pathlib import Path
from tests.records.documented_study import read_study
from tests.records.test_freeze import _frozen

synchronize, calls = os.fsync, []

def fsync(descriptor):
    synchronize(descriptor)
    calls.append(descriptor)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)

os.fsync = fsync
_frozen(read_study(Path(sys.argv[1]), at_cut=True), Path(sys.argv[2]))
"""


@pytest.mark.slow
def test_a_kill_in_the_middle_leaves_no_freeze_and_the_next_run_cleans_up(tmp_path: Path) -> None:
    records = _read(STUDY, tmp_path / "records")

    killed = subprocess.run(
        [sys.executable, "-c", KILLED_WHILE_WRITING, tmp_path / "records", tmp_path / "frozen"],
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )

    assert killed.returncode == -9
    assert not (tmp_path / "frozen").exists()
    assert len(_contents(tmp_path / ".frozen.partial")) == 3
    assert read_freeze(_frozen(records, tmp_path / "frozen")).records == records
    assert not (tmp_path / ".frozen.partial").exists()


# --- no change unseen -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A freeze with open queries, which every test leaves as it was."""
    folder = tmp_path_factory.mktemp("study")
    return _frozen(_read(_a_faulty_study(), folder / "records"), folder / "frozen")


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_a_changed_byte_is_named_with_its_file(frozen: Path, data: st.DataObject) -> None:
    file = data.draw(st.sampled_from(sorted(_contents(frozen))))
    path = frozen / file
    content = path.read_bytes()
    at = data.draw(st.integers(0, len(content) - 1))
    changed = bytearray(content)
    changed[at] ^= data.draw(st.integers(1, 255))

    path.chmod(0o644)
    path.write_bytes(changed)
    try:
        named = [difference.file for difference in verify(frozen)]
    finally:
        path.write_bytes(content)

    if file == MANIFEST:
        # A changed name or digest no longer fits the file that it is of.
        assert MANIFEST in named
        assert len(named) <= 3
    else:
        assert named == [file]


def test_a_whole_freeze_differs_nowhere(frozen: Path) -> None:
    assert verify(frozen) == ()


def test_every_changed_missing_and_added_file_is_named_with_both_digests(tmp_path: Path) -> None:
    """SHA-256 of nothing begins with e3b0c442."""
    folder = _frozen(_read(STUDY, tmp_path / "records"), tmp_path / "frozen")
    stated = json.loads((folder / MANIFEST).read_bytes())["files"]
    (folder / "vitals.parquet").unlink()
    (folder / "vitals.csv").touch()
    (folder / "cycles.parquet").chmod(0o644)
    (folder / "cycles.parquet").write_bytes(b"")
    (folder / "more").mkdir()

    wrong = verify(folder)

    assert [(one.file, one.expected, one.found[:8]) for one in wrong] == [
        ("cycles.parquet", stated["cycles.parquet"]["sha256"], "e3b0c442"),
        ("more", "", "(no file"),
        ("vitals.csv", "", "e3b0c442"),
        ("vitals.parquet", stated["vitals.parquet"]["sha256"], ""),
    ]
    assert [str(one).split(" (SHA-256")[0] for one in wrong[:3]] == [
        "cycles.parquet was changed",
        "more was added",
        "vitals.csv was added",
    ]
    assert "vitals.parquet is missing (frozen with SHA-256 " in str(wrong[3])


def test_refuses_to_read_a_freeze_that_was_changed(tmp_path: Path) -> None:
    folder = _frozen(_read(STUDY, tmp_path / "records"), tmp_path / "frozen")
    (folder / "study.toml").chmod(0o644)
    (folder / "study.toml").write_text("[study]\n", encoding="utf-8")

    with pytest.raises(DataError, match=r"not as it was frozen\. study\.toml was changed"):
        read_freeze(folder)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"id": "x"}', "\xff", "[" * 100_000])
def test_refuses_a_manifest_that_is_none(tmp_path: Path, text: str) -> None:
    folder = _frozen(_read(STUDY, tmp_path / "records"), tmp_path / "frozen")
    (folder / MANIFEST).chmod(0o644)
    (folder / MANIFEST).write_text(text, encoding="latin-1")

    assert [(one.file, one.expected) for one in verify(folder)] == [(MANIFEST, "unknown")]


def test_refuses_a_folder_that_is_no_freeze(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is no freeze: it holds no manifest\.json"):
        verify(tmp_path)


def test_a_freeze_stands_for_the_records_of_a_study(tmp_path: Path) -> None:
    records = _read(STUDY, tmp_path / "records")

    assert read_study(_frozen(records, tmp_path / "frozen")) == records


def test_refuses_a_changed_freeze_as_the_records_of_a_study(tmp_path: Path) -> None:
    folder = _frozen(_read(STUDY, tmp_path / "records"), tmp_path / "frozen")
    (folder / "karnofsky.parquet").unlink()

    with pytest.raises(RecordsError, match=r"karnofsky\.parquet: is missing \(frozen with SHA"):
        read_study(folder)


@pytest.mark.parametrize("table", ROWS)
def test_a_table_without_rows_is_frozen_with_the_same_columns(frozen: Path, table: str) -> None:
    names = [name for name in ROWS[table].model_fields if name != "height_cm"]

    assert pl.read_parquet(frozen / f"{table}.parquet").columns == names
