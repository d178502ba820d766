"""``operandi screen`` as a coordinator uses it: one participant as CSV, some facts missing."""

import csv
import json
from pathlib import Path

import pytest

from tests.cli.test_commands import Command, operandi
from tests.protocol.participants import ON, P, Tables, eligible, having, with_result

__all__ = ["operandi"]

STUDY_FILE = """
[study]
title = "One participant"
protocol = "NCT06256705"
timezone = "Europe/Paris"
data_cut = 2026-06-30

[[timepoint]]
code = "BASELINE"
title = "Before cycle 1"
anchor = "cycle 1"
window_days = [-31, -1]

[site.D1]
name = "Department 1"

[lesions]
pet_resolution_mm = 6.0
minimum_volume_ml = 0.5
uptake_window_min = [45, 90]
uptake_difference_min = 15
"""


def written(folder: Path, tables: Tables) -> Path:
    (folder / "records").mkdir(parents=True)
    (folder / "study.toml").write_text(STUDY_FILE, "utf-8")
    for table, rows in tables.items():
        if rows:
            columns = list(dict.fromkeys(name for row in rows for name in row))
            with (folder / "records" / f"{table}.csv").open("w", encoding="utf-8") as file:
                writer = csv.DictWriter(file, ["participant", *columns], lineterminator="\n")
                writer.writeheader()
                writer.writerows({"participant": P} | row for row in rows)
    return folder


def test_a_participant_with_everything_recorded_may_be_included(
    tmp_path: Path, operandi: Command
) -> None:
    study = written(tmp_path / "study", eligible())

    said = operandi("screen", study, "--on", ON)

    assert said.code == 0, said.err
    assert f"{P} inclusion eligible" in said.out


def test_the_answer_names_the_three_facts_that_are_missing(
    tmp_path: Path, operandi: Command
) -> None:
    tables = with_result("platelets")
    tables = having("karnofsky", base=tables)
    tables = having("heart_failure", base=tables)
    study = written(tmp_path / "study", tables)

    said = operandi("screen", study, "--participant", P, "--on", ON)
    data = json.loads(operandi("screen", study, "--on", ON, "--json").out)

    assert said.code == 0, said.err
    assert "G1 (inclusion), proposed reading: undetermined" in said.out
    proposed = next(g for g in data[0]["gates"] if (g["gate"], g["reading"]) == ("G1", "proposed"))
    assert len(proposed["missing"]) == 3
    for word in ("platelet", "Karnofsky", "heart failure"):
        assert sum(word in sentence for sentence in proposed["missing"]) == 1, proposed["missing"]
        assert word in said.out


def test_explain_shows_fact_day_and_line(tmp_path: Path, operandi: Command) -> None:
    study = written(tmp_path / "study", eligible())

    said = operandi("screen", study, "--participant", P, "--on", ON, "--explain")

    assert "2026-06-25, laboratory_results.csv, line 2" in said.out
    assert "E12a (exclusion)" in said.out


def test_a_faulty_row_is_told_and_the_status_is_3(tmp_path: Path, operandi: Command) -> None:
    study = written(tmp_path / "study", with_result("platelets"))
    with (study / "records" / "laboratory_results.csv").open("a", encoding="utf-8") as file:
        file.write(f"{P},platelets,many,10^9/L,2026-06-25,,\n")

    said = operandi("screen", study, "--participant", P, "--on", ON)

    assert said.code == 3
    assert "'many' is not a number" in said.err
    assert "needs a" in said.out


@pytest.mark.parametrize("words", [("screen",), ("schedule",)])
def test_refuses_a_participant_that_is_none(
    words: tuple[str], tmp_path: Path, operandi: Command
) -> None:
    study = written(tmp_path / "study", eligible())

    said = operandi(*words, study, "--participant", "P-999")

    assert said.code == 1
    assert "P-999" in said.err


def test_a_shipped_study_file_has_no_fault(operandi: Command) -> None:
    said = operandi("study", "check", "nct06256705")

    assert said.code == 0
    assert "33 criteria" in said.out


def test_the_schema_of_study_files_is_json(operandi: Command) -> None:
    assert '"criterion"' in operandi("study", "schema").out
