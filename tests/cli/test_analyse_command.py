"""``operandi analyse`` as somebody meets it at a terminal."""

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from operandi.cli import console
from operandi.cli.analyse import _print
from operandi.cli.main import main
from operandi.signatures.card_file import read_card
from operandi.signatures.results import result_from_json
from operandi.signatures.results_cohort import Estimated

Command = Callable[..., tuple[object, str]]

PLAN = """
format = 1
title = "Sixty"
version = "1"
study = "TEST"
population = { title = "All", cycles = 0 }
timing = { start = "C1", known_at = ["BASELINE"] }
multiplicity = { method = "none", because = "one question" }

[resampling]
seed = 1
repeats = 1
folds = 4
inner_folds = 3
permutations = 24
permutation_repeats = 1
stability_pairs = 10
bootstraps = 10

[[endpoint]]
code = "os"
kind = "os"
role = "primary"
table = "all"
time = "days"
time_unit = "day"
event = "died"
horizon_days = [365]

[[supplied]]
code = "x"
block = "pet"
table = "all"
columns = ["x_*"]
at = "BASELINE"

[[table]]
code = "all"
file = "all.csv"
participant = "participant"
sha256 = "DIGEST"

[[model]]
code = "M0"
title = "All"
role = "ladder"
kind = "elastic_net"
blocks = ["pet"]
"""


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
def folder(tmp_path: Path) -> Path:
    """A plain folder with a table and its plan."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(60, 4))
    day = rng.exponential(400.0 * np.exp(-1.2 * x[:, 0]))
    end = rng.uniform(300.0, 900.0, 60)
    lines = ["participant,days,died,x_a,x_b,x_c,x_d"]
    for row in range(60):
        died = day[row] < end[row]
        cells = ",".join(f"{one:.4f}" for one in x[row])
        lines.append(f"P{row},{1 + int(min(day[row], end[row]))},{int(died)},{cells}")
    content = ("\n".join(lines) + "\n").encode()
    (tmp_path / "all.csv").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    (tmp_path / "plan.toml").write_text(PLAN.replace("DIGEST", digest), encoding="utf-8")
    return tmp_path


def test_a_plain_folder_is_analyzed_and_the_verdict_said(operandi: Command, folder: Path) -> None:
    plan, to = folder / "plan.toml", folder / "results"
    code, said = operandi("analyse", folder, "--plan", plan, "--to", to, "--threads", "1")
    assert code == 0, said
    result = result_from_json((to / "result.json").read_bytes())
    assert result.verdict.sentence in said
    assert result.verdict.answer == "supported"
    assert "Exploratory: the plan was not locked before outcomes were joined." in said
    assert "permutations, M0 on os" in said
    assert result.verdict.answer in (to / "report.html").read_text(encoding="utf-8")
    assert len(list((to / "tables").glob("*.csv"))) > 5
    card = read_card(to / "M0" / "model-card.json")
    assert {one.name for one in card.terms} <= {"x.x_a", "x.x_b", "x.x_c", "x.x_d"}


def test_a_folder_without_a_plan_and_a_file_as_target_are_refused(
    operandi: Command, folder: Path
) -> None:
    code, said = operandi("analyse", folder)
    assert code == 1
    assert "has no locked plan" in said
    code, said = operandi("analyse", folder, "--to", folder / "all.csv")
    assert code == 1
    assert "it is a file" in said


def test_what_an_earlier_analysis_left_is_taken_away(operandi: Command, folder: Path) -> None:
    to = folder / "results"
    (to / "M9").mkdir(parents=True)
    (to / "tables").mkdir()
    old = [to / "M9" / "model-card.json", to / "tables" / "forest-M9.csv"]
    for one in old:
        one.write_text("of another plan", encoding="utf-8")
    mine = to / "notes.txt"
    mine.touch()
    plan = folder / "plan.toml"
    text = plan.read_text(encoding="utf-8").replace('title = "All"\nrole', 'title = "[/x]"\nrole')
    plan.write_text(text, encoding="utf-8")

    code, said = operandi("analyse", folder, "--plan", plan, "--to", to)
    assert code == 0, said
    assert "[/x]" in said
    assert not any(one.exists() for one in old)
    assert mine.exists()


def test_where_nothing_can_be_written_is_said_before_the_work(
    operandi: Command, folder: Path
) -> None:
    to = folder / "all.csv" / "results"
    code, said = operandi("analyse", folder, "--plan", folder / "plan.toml", "--to", to)
    assert code == 1
    assert "all.csv is a file" in said
    assert "permutations" not in said
    (folder / "manifest.json").touch()
    code, said = operandi("analyse", folder, "--plan", folder / "plan.toml", "--to", folder / "r")
    assert code == 1
    assert "nothing is added to a freeze" in said


def test_a_folder_that_is_not_there_is_said_to_be_none(operandi: Command, tmp_path: Path) -> None:
    code, said = operandi("analyse", tmp_path / "nowhere", "--to", tmp_path / "results")
    assert code == 1
    assert "There is no folder" in said
    assert "no locked plan" not in said


@pytest.mark.parametrize(
    ("binary", "metric", "title"), [(False, "harrell_c", "Harrell's C"), (True, "auc", "AUC")]
)
def test_the_table_names_its_metric_and_fills_or_leaves_out_the_gain(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    metric: str,
    title: str,
    *,
    binary: bool,
) -> None:
    monkeypatch.setattr(console.out, "width", 200)
    endpoint = SimpleNamespace(code="e", binary=binary)
    estimate = Estimated(value=0.7, low=0.6, high=0.8)
    model = SimpleNamespace(
        model="M1",
        title="all",
        reason="",
        metric=lambda code: SimpleNamespace(estimate=estimate) if code == metric else None,
    )
    gain = SimpleNamespace(
        endpoint="e",
        metric=metric,
        horizon_days=None,
        planned=False,
        model="M1",
        against="M0",
        difference=Estimated(value=-0.001, low=-0.002, high=0.1),
    )
    result = SimpleNamespace(
        primary="e",
        endpoints=(endpoint,),
        comparisons=(gain,),
        of_endpoint=lambda code: (model,),
        standing=SimpleNamespace(reasons=()),
        verdict=SimpleNamespace(sentence="So."),
    )
    _print(result)
    said = capsys.readouterr().out
    assert title in said
    assert "over M0" in said
    assert "0.00 (0.00 to 0.10)" in said
    result.comparisons = ()
    _print(result)
    assert "over" not in capsys.readouterr().out
