"""``operandi plan check`` as somebody meets it at a terminal."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from operandi.cli import console
from operandi.cli.main import main
from tests.signatures.planned_study import a_file, fates, freeze_study

Command = Callable[..., tuple[object, str]]

PLAN = """
format = 1
title = "Sixty"
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
horizon_days = [365]

[[recorded]]
code = "cga"
block = "laboratory"
table = "laboratory_results"
column = "value"
where = { test = "chromogranin_a" }

[[supplied]]
code = "gene"
block = "genomic"
table = "extra"
columns = ["g_*"]
at = "BASELINE"

[[table]]
code = "extra"
file = "extra.csv"
participant = "participant"
sha256 = "DIGEST"

[[model]]
code = "M0"
title = "All"
role = "ladder"
kind = "elastic_net"
blocks = ["laboratory", "genomic"]
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
def plan(tmp_path: Path) -> Path:
    """A plan beside its table; half of the participants have genes."""
    rows = "\n".join(f"{one.who},{at},1.5" for at, one in enumerate(fates()) if at % 2)
    table = a_file(tmp_path, f"participant,g_one,g_two\n{rows}")
    (tmp_path / "plan.toml").write_text(PLAN.replace("DIGEST", table["sha256"]), encoding="utf-8")
    return tmp_path / "plan.toml"


def test_checks_a_plan_alone(operandi: Command, plan: Path) -> None:
    code, said = operandi("plan", "check", plan)
    assert code == 0
    assert "1 endpoint(s), 2 predictor(s), 1 model(s). No fault in the plan." in said
    assert "Events are not counted here." in said


def test_names_every_fault_at_once(operandi: Command, plan: Path) -> None:
    text = plan.read_text(encoding="utf-8")
    text = text.replace('at = "BASELINE"', 'at = "YEAR_1"').replace('"genomic"]', '"pet"]')
    plan.write_text(text, encoding="utf-8")
    code, said = operandi("plan", "check", plan)
    assert code == 1
    assert "supplied[gene].at: YEAR_1 is not among the visits known" in said
    assert "model[M0].blocks: no predictor is of block pet" in said


def test_shows_what_each_predictor_finds_and_counts_no_event(
    operandi: Command, plan: Path, tmp_path: Path
) -> None:
    freeze = freeze_study(tmp_path / "study")
    code, said = operandi("plan", "check", plan, freeze)
    rows = {line.split()[0]: line.split() for line in said.splitlines() if line.strip()}

    assert code == 0, said
    assert "60 participants of 3 site(s)." in said
    assert rows["cga"][:4] == ["cga", "1", "0", "%"]
    assert rows["gene"] == ["gene", "2", "50", "%", "not", "in", "extra"]
    assert "genomic: absent in 30 of 60 rows." in said
    assert (
        "Note: genomic: 30 of 60 participants have nothing measured; no step fills a whole block "
        "(median_fill does not), so that models of it will be refused."
    ) in said
    assert str(sum(one.died for one in fates())) not in said.replace("60", "").split()


def test_a_block_that_is_drawn_from_others_is_told_so(
    operandi: Command, plan: Path, tmp_path: Path
) -> None:
    freeze = freeze_study(tmp_path / "study")
    text = plan.read_text(encoding="utf-8")
    for step, told in (
        ('step = "imputation"', "all of it would be drawn from their other blocks"),
        ('step = "imputation"\nblock = ["genomic"]', "no step fills a whole block"),
        ('step = "median_fill"', "no step fills a whole block"),
    ):
        plan.write_text(f"{text}\n[[preparation]]\n{step}\n", encoding="utf-8")
        code, said = operandi("plan", "check", plan, freeze)
        assert code == 0, said
        assert f"genomic: 30 of 60 participants have nothing measured; {told}" in said


def test_the_sample_size_rests_on_what_is_assumed(operandi: Command, plan: Path) -> None:
    code, said = operandi("plan", "check", plan, "--event-rate", "0.065", "--follow-up", "2.07")
    assert code == 0
    assert "Assumed, not counted: 0.065 events a person-year over 2.07 years" in said
    assert "participants for 2 predictor(s) of the plan" in said
    assert operandi("plan", "check", plan, "--event-rate", "0.4")[0] == 1


def test_a_freeze_that_cannot_answer_is_refused(
    operandi: Command, plan: Path, tmp_path: Path
) -> None:
    text = plan.read_text(encoding="utf-8").replace('column = "value"', 'column = "unit"')
    plan.write_text(text, encoding="utf-8")
    code, said = operandi("plan", "check", plan, freeze_study(tmp_path / "study"))
    assert code == 1
    assert "recorded[cga].column: OP-001 (laboratory_results.parquet, row 1) holds ug/L" in said


def test_what_an_analysis_could_not_do_is_refused_by_its_key(operandi: Command, plan: Path) -> None:
    text = plan.read_text(encoding="utf-8")
    plan.write_text(
        text.replace("resampling = { seed = 1 }", "resampling = { seed = 1, permutations = 5 }"),
        encoding="utf-8",
    )
    code, said = operandi("plan", "check", str(plan))
    assert code != 0
    assert "resampling.permutations" in said
