"""Frozen tables: the same bytes every time, whole or not at all."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from operandi.quantities.errors import DataError
from operandi.records.frozen import write_tables
from operandi.records.names import TABLE_NAMES
from operandi.records.tables import Records
from tests.records.study_folder import a_study, read, read_back, with_cells


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_tables_written_twice_are_the_same_bytes(tmp_path: Path) -> None:
    records = read_back(a_study(), tmp_path / "records")
    backwards = {name: rows[::-1] for name, rows in a_study().items()}

    first = write_tables(records, tmp_path / "first")
    second = write_tables(read_back(backwards, tmp_path / "backwards"), tmp_path / "second")

    assert first == second
    assert _contents(tmp_path / "first") == _contents(tmp_path / "second")


def test_each_digest_is_that_of_its_file_and_no_other_file_stays(tmp_path: Path) -> None:
    digests = write_tables(read_back(a_study(), tmp_path / "records"), tmp_path / "frozen")

    assert tuple(digests) == TABLE_NAMES
    assert digests == {
        name.removesuffix(".parquet"): hashlib.sha256(content).hexdigest()
        for name, content in _contents(tmp_path / "frozen").items()
    }


def test_a_freeze_is_read_back_as_the_records_it_was_made_of(tmp_path: Path) -> None:
    records = read_back(a_study(), tmp_path / "records")

    write_tables(records, tmp_path / "frozen")

    assert read(tmp_path / "frozen") == records


def test_empty_tables_are_written_and_read_back(tmp_path: Path) -> None:
    only = Records(participants=read_back(a_study(), tmp_path / "records").participants)

    write_tables(only, tmp_path / "frozen")

    assert read(tmp_path / "frozen") == only


def test_refuses_to_write_beside_the_same_table_as_csv(tmp_path: Path) -> None:
    records = read_back(a_study(), tmp_path)

    with pytest.raises(DataError, match=r"cycles\.csv, imaging_visits\.csv"):
        write_tables(records, tmp_path)

    assert not list(tmp_path.glob("*.parquet"))


def test_a_full_disk_leaves_the_old_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frozen = tmp_path / "frozen"
    write_tables(read_back(a_study(), tmp_path / "old"), frozen)
    before = _contents(frozen)
    changed = read_back(with_cells(a_study(), "vitals", body_mass_kg="73"), tmp_path / "new")

    def no_space(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space left"):
        write_tables(changed, frozen)

    after = _contents(frozen)
    assert {name: after[name] for name in before} == before


KILLED_WHILE_WRITING = """
import os, signal, sys
from pathlib import Path
from operandi.records.frozen import write_tables
from tests.records.study_folder import read

synchronize, calls = os.fsync, []

def fsync(descriptor):
    synchronize(descriptor)
    calls.append(descriptor)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)

os.fsync = fsync
write_tables(read(Path(sys.argv[1])), Path(sys.argv[2]))
"""


@pytest.mark.slow
def test_a_kill_in_the_middle_leaves_the_old_files_and_the_next_run_cleans_up(
    tmp_path: Path,
) -> None:
    frozen = tmp_path / "frozen"
    write_tables(read_back(a_study(), tmp_path / "old"), frozen)
    before = _contents(frozen)
    changed = read_back(with_cells(a_study(), "participants", site="BRON"), tmp_path / "new")

    killed = subprocess.run(
        [sys.executable, "-c", KILLED_WHILE_WRITING, tmp_path / "new", frozen],
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )

    assert killed.returncode == -9
    after = _contents(frozen)
    assert {name: after[name] for name in before} == before
    assert len(after) == len(before) + 3  # temporary files, which reading passes over
    assert read(frozen) == read(tmp_path / "old")
    write_tables(changed, frozen)
    assert set(_contents(frozen)) == set(before)
    assert read(frozen) == changed
