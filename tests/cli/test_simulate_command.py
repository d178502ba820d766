"""``operandi simulate`` as somebody meets it at a terminal."""

import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner, Result

from operandi.cli import console
from operandi.cli.main import app
from operandi.cli.simulate import SEED
from operandi.quantities.errors import DataError
from operandi.simulation.scenario import SCENARIOS, read_scenario


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console.out, "width", 300)


def asked(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["simulate", *map(str, arguments)], env={"COLUMNS": "200"})


def refused(*arguments: str | Path) -> DataError:
    error = asked(*arguments).exception
    assert isinstance(error, DataError)
    return error


def outcomes_alone(out: Path, *arguments: str | Path) -> Result:
    return asked(out, "--outcomes-only", *arguments)


def test_help_teaches_scenarios_and_gives_an_example() -> None:
    said = asked("--help")

    assert said.exit_code == 0
    words = " ".join(said.output.split())
    assert all(name in words for name in SCENARIOS)
    assert "operandi simulate cohort --participants 80 --seed 7 --scenario dose" in words
    assert "--show-scenario" in words


def test_outcomes_alone_are_a_table_and_the_note_of_how_they_were_made(tmp_path: Path) -> None:
    out = tmp_path / "outcomes"

    said = outcomes_alone(out, "--participants", "30", "--seed", "7", "--scenario", "null")

    assert said.exit_code == 0, said.output
    assert f"Written: {out}" in said.output
    assert "operandi run" not in said.output
    assert len(pl.read_parquet(out / "outcomes.parquet")) == 30
    note = json.loads((out / "simulation.json").read_text("utf-8"))
    assert note["seed"] == 7
    assert note["scenario"]["disease"]["dose_response"] == "exchanged"
    assert note["scenario"]["cohort"]["participants"] == 30


def test_a_note_makes_the_same_again_without_any_other_word(tmp_path: Path) -> None:
    outcomes_alone(tmp_path / "one", "--participants", "20", "--seed", "7")

    said = outcomes_alone(tmp_path / "two", "--scenario", tmp_path / "one" / "simulation.json")

    assert said.exit_code == 0, said.output
    for name in ("outcomes.parquet", "simulation.json"):
        one, two = ((tmp_path / which / name).read_bytes() for which in ("one", "two"))
        assert one == two


def test_a_seed_that_is_given_wins_over_that_of_the_note(tmp_path: Path) -> None:
    outcomes_alone(tmp_path / "one", "--participants", "20", "--seed", "7")

    outcomes_alone(
        tmp_path / "two", "--scenario", tmp_path / "one" / "simulation.json", "--seed", "8"
    )

    assert json.loads((tmp_path / "two" / "simulation.json").read_text("utf-8"))["seed"] == 8


def test_without_a_seed_it_is_always_the_same(tmp_path: Path) -> None:
    outcomes_alone(tmp_path / "one", "--participants", "5")

    assert json.loads((tmp_path / "one" / "simulation.json").read_text("utf-8"))["seed"] == SEED


def test_tables_without_images_become_a_study(tmp_path: Path) -> None:
    scenario = tmp_path / "mine.toml"
    scenario.write_text('base = "dose"\n[disease]\ndose = "log-normal"\n', "utf-8")
    out = tmp_path / "study"

    said = asked(
        out, "--scenario", scenario, "--participants", "1", "--without-images", "--workers", "1"
    )

    assert said.exit_code == 0, said.output
    assert f"Written: {out}" in said.output
    # No images, nothing to run.
    assert "Now:" not in said.output
    assert not (out / "dicom").exists()
    assert (out / "study.toml").is_file()
    assert len(pl.read_csv(out / "records" / "participants.csv")) == 1


def test_show_scenario_prints_it_whole_and_writes_nothing(tmp_path: Path) -> None:
    said = asked(tmp_path / "none", "--scenario", "messy", "--participants", "9", "--show-scenario")

    assert said.exit_code == 0
    messy = read_scenario("messy").with_participants(9)
    assert json.loads(said.output) == messy.model_dump(mode="json")
    assert list(tmp_path.iterdir()) == []


def test_what_show_scenario_prints_is_a_scenario(tmp_path: Path) -> None:
    printed = tmp_path / "mine.json"
    printed.write_text(asked(tmp_path / "none", "--show-scenario").output, "utf-8")

    assert read_scenario(printed) == read_scenario("dose")


def test_refuses_a_scenario_that_is_not_there(tmp_path: Path) -> None:
    error = refused(tmp_path / "out", "--scenario", "doze")

    assert error.what == "There is no scenario doze."
    assert "artifacts" in error.remedy


def test_refuses_a_folder_that_holds_something(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")

    assert "not empty" in refused(tmp_path).what


@pytest.mark.parametrize("arguments", [("--participants", "0"), ("--workers", "0"), ()])
def test_a_wrong_command_line_is_status_2(arguments: tuple[str, ...], tmp_path: Path) -> None:
    where = [tmp_path / "out"] if arguments else []

    assert asked(*where, *arguments).exit_code == 2
    assert list(tmp_path.iterdir()) == []
