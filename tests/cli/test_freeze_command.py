"""``operandi freeze`` as somebody meets it at a terminal."""

import hashlib
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
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

[lesions]
pet_resolution_mm = 6.0
minimum_volume_ml = 0.5
uptake_window_min = [45, 90]
uptake_difference_min = 15
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


PLAN = """
format = 1
title = "Two"
version = "1"
study = "TEST"
population = { title = "All treated" }
timing = { start = "C1", known_at = ["BASELINE"] }
resampling = { seed = 1 }
multiplicity = { method = "none" }

[[endpoint]]
code = "os"
kind = "os"
role = "primary"

[[recorded]]
code = "sex"
block = "clinical"
table = "participants"
column = "sex"
levels = { F = 0, M = 1 }

[[supplied]]
code = "score"
block = "clinical"
table = "scores"
columns = ["score"]
at = "BASELINE"

[[table]]
code = "scores"
file = "of_the_site.csv"
participant = "participant"
sha256 = "DIGEST"

[[model]]
code = "M0"
title = "All"
role = "ladder"
kind = "cox"
blocks = ["clinical"]
"""


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    """A plan with a supplied table beside it."""
    content = b"participant,score\nNA-014,3\n"
    folder = tmp_path / "plans"
    folder.mkdir()
    (folder / "of_the_site.csv").write_bytes(content)
    text = PLAN.replace("DIGEST", hashlib.sha256(content).hexdigest())
    (folder / "plan.toml").write_text(text, encoding="utf-8")
    return folder / "plan.toml"


def test_locks_a_plan_with_its_tables_into_the_freeze(
    operandi: Command, study: Path, plan: Path
) -> None:
    folder = study.parent / "closed"
    code, said = operandi("freeze", study, "--plan", plan, "--to", folder)

    assert code == 0, said
    assert f"The plan is locked: {folder}/plan.lock.json" in said
    assert (folder / "plan.toml").read_bytes() == plan.read_bytes()
    assert (folder / "plan" / "scores.csv").is_file()
    assert operandi("freeze", "--verify", folder)[0] == 0
    assert operandi("freeze", study, "--plan", plan, "--to", folder) == (0, said)

    (folder / "plan" / "more.csv").touch()
    (folder / "plan.lock.json").unlink()
    code, said = operandi("freeze", "--verify", folder)
    assert code == 1
    assert "plan.lock.json is missing" in said
    assert "plan/more.csv was added" in said


def test_locks_no_plan_that_the_tables_cannot_answer(
    operandi: Command, study: Path, plan: Path
) -> None:
    text = plan.read_text(encoding="utf-8").replace("levels = { F = 0, M = 1 }", "")
    plan.write_text(text, encoding="utf-8")
    code, said = operandi("freeze", study, "--plan", plan, "--to", study.parent / "closed")

    assert code == 1
    assert "recorded[sex].column: NA-014" in said
    assert not (study.parent / "closed").exists()
    assert operandi("freeze", "--verify", study, "--plan", plan)[0] == 2


def test_locks_no_plan_that_an_analysis_would_refuse(
    operandi: Command, study: Path, plan: Path
) -> None:
    text = plan.read_text(encoding="utf-8")
    plan.write_text(text.replace("{ seed = 1 }", "{ seed = 1, permutations = 10 }"), "utf-8")
    code, said = operandi("freeze", study, "--plan", plan, "--to", study.parent / "closed")
    assert code == 1
    assert "resampling.permutations: 10 are fewer than 19" in said
    assert not (study.parent / "closed").exists()


def test_says_that_results_are_older_than_the_tables(operandi: Command, study: Path) -> None:
    results = study / "results"
    results.mkdir()
    pl.DataFrame({"value": [1.0]}).write_parquet(results / "measurements.parquet")
    digest = hashlib.sha256((results / "measurements.parquet").read_bytes()).hexdigest()
    stated = {"inputs": {"study.toml": "0" * 64}, "results": {"measurements.parquet": digest}}
    (results / "manifest.json").write_text(json.dumps(stated), encoding="utf-8")
    code, said = operandi("freeze", study)

    assert code == 0
    assert "The measurements are older than what is frozen with them. Changed since: " in said
    assert "study.toml" in said
