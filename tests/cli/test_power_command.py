"""``operandi power`` as somebody meets it: a table at the terminal, and a page."""

import html
import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from operandi.cli import console
from operandi.cli.main import app
from operandi.cli.power import TITLES, power_page
from operandi.quantities.errors import DataError
from operandi.simulation.disease.power import PowerResult, power
from operandi.simulation.scenario import read_scenario


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console.out, "width", 300)


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text('base = "dose"\ntitle = "My trial"\n[disease]\ndose = "log-normal"\n', "utf-8")
    return path


def asked(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["power", *map(str, arguments)], env={"COLUMNS": "200"})


def words_of(page: str) -> str:
    page = re.sub(r"<style.*?</style>|<script.*?</script>", "", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def test_help_teaches_what_power_is_and_gives_an_example() -> None:
    said = asked("--help")

    words = " ".join(said.output.split())
    assert said.exit_code == 0
    assert "oracle" in words
    assert "p < 0.05" in words
    assert "operandi power my-trial.toml --sizes 80,100 --trials 4000" in words


def test_the_table_and_the_page_hold_the_numbers(scenario: Path, tmp_path: Path) -> None:
    page = tmp_path / "power.html"

    said = asked(scenario, "--sizes", "20,60", "--trials", "20", "--seed", "5", "--to", page)

    assert said.exit_code == 0, said.output
    found = power(read_scenario(scenario), sizes=[20, 60], trials=20, seed=5)
    words = words_of(page.read_text("utf-8"))
    assert str(page) in said.output
    assert "My trial" in words
    assert "20 trials of each size" in words
    assert re.search(r"marker +n = 20 +n = 60", said.output)
    for name, values in found.power.items():
        first, second = (f"{100 * value:.0f}" for value in values)
        title = TITLES[name]
        assert re.search(rf"{title} +{first} % +{second} %", said.output), name
        (low, high), _ = found.interval[name]
        assert f"{title} {first} ({100 * low:.0f}-{100 * high:.0f})" in words, name
    concordance = [f"{value:.3f}" for value in found.concordance["oracle"]]
    assert f"oracle risk {' '.join(concordance)}" in words
    assert f"events {found.events[0]:.1f} {found.events[1]:.1f}" in words


def test_the_page_has_the_name_of_the_scenario_where_none_is_given(
    scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert asked(scenario, "--sizes", "20", "--trials", "10").exit_code == 0

    assert (tmp_path / "power-mine.html").is_file()


def test_the_page_warns_of_markers_that_beat_the_oracle() -> None:
    found = PowerResult(
        sizes=(40, 80),
        trials=123,
        power={"oracle": np.array([0.4, 0.81]), "mean_dose": np.array([0.12, 0.25])},
        interval={
            "oracle": np.array([[0.31, 0.49], [0.72, 0.88]]),
            "mean_dose": np.array([[0.07, 0.19], [0.17, 0.34]]),
        },
        concordance={"oracle": np.array([0.75, 0.76]), "mean_dose": np.array([0.45, 0.44])},
        events=np.array([22.25, 44.5]),
    )

    words = words_of(power_page(found, title="By hand"))

    assert "By hand" in words
    assert "123 trials of each size" in words
    assert "oracle risk 40 (31-49) 81 (72-88)" in words
    assert "mean dose of lesions 12 (7-19) 25 (17-34)" in words
    assert "suspect of leakage" in words


@pytest.mark.parametrize("sizes", ["forty", "40;80", "", "40,,80", "4e1"])
def test_refuses_sizes_that_are_no_numbers(sizes: str, tmp_path: Path) -> None:
    page = tmp_path / "power.html"

    error = asked("dose", "--sizes", sizes, "--to", page).exception

    assert isinstance(error, DataError)
    assert error.what == f"--sizes needs whole numbers with commas, got {sizes!r}."
    assert "--sizes 40,80,120" in error.remedy
    assert not page.exists()


@pytest.mark.parametrize("sizes", ["5", "80,40", "40,40", "-40"])
def test_refuses_sizes_that_are_too_small_or_not_ascending(sizes: str, tmp_path: Path) -> None:
    error = asked("dose", f"--sizes={sizes}", "--to", tmp_path / "power.html").exception

    assert isinstance(error, DataError)
    assert "ascending sizes of at least 10" in error.what


def test_refuses_a_scenario_that_is_not_there() -> None:
    error = asked("doze").exception

    assert isinstance(error, DataError)
    assert error.what == "There is no scenario doze."


def test_a_trial_without_an_event_has_no_concordance_and_no_warning(tmp_path: Path) -> None:
    path = tmp_path / "at-once.toml"
    path.write_text(
        'base = "dose"\n[cohort]\nrecruitment_months = 0\nfollow_up_months = 0\n', "utf-8"
    )
    page = tmp_path / "pages" / "power.html"

    said = asked(path, "--sizes", "10", "--trials", "10", "--to", page)

    assert said.exit_code == 0, said.output
    words = words_of(page.read_text("utf-8"))
    assert "nan" not in words.split()
    assert "nan" not in said.output.split()
    assert "oracle risk -" in words


@pytest.mark.parametrize("place", ["", "file/power.html"])
def test_a_page_that_has_no_place_is_refused_before_anything_is_simulated(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("mine")
    monkeypatch.setattr("operandi.simulation.disease.power.power", None)

    error = asked("dose", "--to", tmp_path / place).exception

    assert isinstance(error, DataError)
    assert "No page can be written" in error.what


def test_too_few_trials_are_a_wrong_command_line() -> None:
    assert asked("dose", "--trials", "1").exit_code == 2
