"""``operandi freeze`` as somebody meets it at a terminal."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from operandi.cli import console
from operandi.cli.main import main
from tests.records.documented_study import a_documented_study
from tests.records.study_folder import with_cells, write_csv

STUDY_FILE = """
[study]
title = "Freeze"
timezone = "Europe/Paris"
data_cut = 2026-11-22

[[timepoint]]
code = "BASELINE"
title = "Before cycle 1"
anchor = "cycle 1"
window_days = [-31, -1]

[[timepoint]]
code = "AFTER_CYCLE_2"
title = "After cycle 2"
anchor = "cycle 2"
window_days = [1, 56]

[site.NANTES]
name = "Nantes"

[site.TOURS]
name = "Tours"

[settings]
minimum_lesion_volume_ml = 0.5
organ_margin_mm = 8.0
"""

Command = Callable[..., tuple[object, str]]


@pytest.fixture
def operandi(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run the command line in this process; exit code, and all that it said."""
    monkeypatch.setattr(console.out, "width", 400)
    monkeypatch.setattr(console.err, "width", 400)

    def call(*words: str | Path) -> tuple[object, str]:
        monkeypatch.setattr(sys, "argv", ["operandi", *map(str, words)])
        capsys.readouterr()
        code: object = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code or 0
        said = capsys.readouterr()
        return code, said.out + said.err

    return call


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """The study of docs/study-folder.md, cut after its last entry."""
    folder = tmp_path / "study"
    write_csv(a_documented_study(), folder / "records")
    (folder / "study.toml").write_text(STUDY_FILE, encoding="utf-8")
    return folder


def test_freezes_a_study_twice_into_one_folder(operandi: Command, study: Path) -> None:
    code, said = operandi("freeze", study)
    again = operandi("freeze", study)

    (folder,) = (study / "freezes").iterdir()
    assert (code, said) == again
    assert code == 0
    assert "65 rows of 2 participants, 0 open queries: " in said
    assert said.splitlines()[-1] == str(folder)


def test_verifies_a_freeze_and_names_what_was_changed(operandi: Command, study: Path) -> None:
    folder = study.parent / "closed"
    operandi("freeze", study, "--to", folder)

    whole = operandi("freeze", "--verify", folder)
    (folder / "deaths.parquet").unlink()
    (folder / "more.txt").touch()
    code, said = operandi("freeze", "--verify", folder)

    assert whole[0] == 0
    assert "closed is as it was frozen: " in whole[1]
    assert code == 1
    assert "deaths.parquet is missing (frozen with SHA-256 " in said
    assert "more.txt was added (SHA-256 e3b0c442" in said


def test_lists_what_is_faulty_as_open_queries_unless_none_may_be(
    operandi: Command, study: Path
) -> None:
    write_csv(with_cells(a_documented_study(), "karnofsky", score="85"), study / "records")

    assert "64 rows of 2 participants, 1 open queries" in operandi("freeze", study)[1]
    code, said = operandi("freeze", study, "--strict", "--to", study / "strict")
    assert code == 1
    assert "karnofsky.csv, line 2, column score (NA-014): '85' is no score of Karnofsky" in said
    assert not (study / "strict").exists()


def test_leaves_out_what_lies_after_the_data_cut(operandi: Command, study: Path) -> None:
    text = STUDY_FILE.replace("2026-11-22", "2026-06-30")
    (study / "study.toml").write_text(text, encoding="utf-8")

    assert "63 rows of 2 participants, 2 open queries" in operandi("freeze", study)[1]


def test_refuses_a_data_cut_that_is_to_come(operandi: Command, study: Path) -> None:
    text = STUDY_FILE.replace("2026-11-22", "9999-01-01")
    (study / "study.toml").write_text(text, encoding="utf-8")

    code, said = operandi("freeze", study)

    assert code == 1
    assert "The data cut 9999-01-01 lies in the future." in said


@pytest.mark.parametrize("words", [(), ("study", "--verify", "freeze")])
def test_refuses_to_guess_whether_to_freeze_or_to_verify(
    operandi: Command, words: tuple[str, ...]
) -> None:
    code, said = operandi("freeze", *words)

    assert code == 2
    assert "Name a study to freeze, or a freeze to --verify." in said


def test_refuses_a_study_without_records(operandi: Command, study: Path) -> None:
    shutil.rmtree(study / "records")

    code, said = operandi("freeze", study)

    assert code == 1
    assert "the folder cannot be listed" in said
