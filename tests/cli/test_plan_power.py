"""``operandi power --plan``: simulated trials through a plan's own recipe and rules."""

import base64
import html
import re
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from operandi.cli import console
from operandi.cli.main import app
from operandi.cli.plan_power import (
    PlanPower,
    Share,
    TriedTrial,
    given_columns,
    known_markers,
    plan_power,
    prepared,
)
from operandi.cli.plan_power_page import plan_power_page, plan_power_rows, share_in_words
from operandi.quantities.errors import DataError
from operandi.signatures.plan import parse_plan_text
from operandi.signatures.results import NOT_SUPPORTED, UNDECIDABLE
from operandi.simulation.disease.outcomes import simulate_outcomes
from operandi.simulation.disease.power import concordance
from operandi.simulation.scenario import read_scenario

TEXT: Final = """
format = 1
title = "One strong marker among others"
version = "1"
study = "none"
[population]
title = "All"
[timing]
start = "C1"
known_at = ["BASELINE"]
[[endpoint]]
code = "pfs"
kind = "pfs"
role = "primary"
horizon_days = [365]
[[measured]]
code = "uptake"
block = "pet"
measurement = "LESION_TO_SPLEEN_RATIO"
at = "BASELINE"
subject_type = "lesion"
of_several = "mean"
[[features]]
code = "texture"
block = "radiomics"
features = ["cm_*"]
image = "PET"
at = "BASELINE"
[[model]]
code = "M0"
title = "Uptake and texture"
role = "ladder"
kind = "elastic_net"
blocks = ["pet", "radiomics"]
[resampling]
seed = 3
inner_folds = 3
stability_pairs = 20
[multiplicity]
method = "none"
because = "one question"
"""
PLAN: Final = parse_plan_text(TEXT, file="plan.toml")
DOSE: Final = read_scenario("dose")
MARKERS: Final = ("oracle", "mean_suv", "tumor_volume_change")
ORACLE: Final = given_columns(
    PLAN, columns=["uptake=oracle"], without=["texture=5"], markers=MARKERS
)


def tried(*, trials: int, threads: int, seed: int = 5) -> PlanPower:
    return plan_power(
        DOSE,
        prepared(PLAN, ORACLE),
        given=ORACLE,
        sizes=[20, 50],
        trials=trials,
        seed=seed,
        threads=threads,
    )


@pytest.fixture(scope="module")
def found() -> PlanPower:
    return tried(trials=3, threads=2)


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console.out, "width", 300)
    monkeypatch.setattr(console.err, "width", 300)


def asked(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["power", *map(str, arguments)], env={"COLUMNS": "200"})


def words_of(page: str) -> str:
    page = re.sub(r"<style.*?</style>|<script.*?</script>", "", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def test_what_is_true_of_everybody_is_supported_and_nothing_is_once_outcomes_are_dealt(
    found: PlanPower,
) -> None:
    assert found.supported("M0", 50).hits == 3
    assert found.holding("M0", 50, "signal").hits == 3
    assert found.holding("M0", 50, "stability").hits == 3
    assert found.supported("M0", 50, dealt="dealt anew").hits == 0
    assert found.refusals() == {}


def test_the_oracle_is_judged_in_the_same_participants(found: PlanPower) -> None:
    learned, oracle = found.concordances("M0", 50), found.oracle(50)
    # The oracle is among the columns: what is learned is it, less what noise takes.
    assert 0.65 < oracle.mean() < 0.95
    assert abs(found.gap("M0", 50)) < 0.1
    assert found.gap("M0", 50) == pytest.approx((oracle - learned).mean())
    one = simulate_outcomes(DOSE, participants=50, seed=5)
    true = concordance(one.oracle_risk, one.pfs_day, one.pfs_event)
    assert oracle[0] == pytest.approx(true)
    assert found.tried[50][0].found is not None
    assert found.tried[50][0].found.events == one.pfs_event.sum()


def test_results_hang_on_the_seed_and_not_on_threads(found: PlanPower) -> None:
    alone = tried(trials=1, threads=1)
    other = tried(trials=1, threads=1, seed=6)

    for size in (20, 50):
        first, again = found.tried[size][0], alone.tried[size][0]
        assert again.oracle == first.oracle
        for mine, yours in ((first.found, again.found), (first.by_chance, again.by_chance)):
            assert mine is not None
            assert yours is not None
            result, repeated = (one.models["M0"].judged.result for one in (mine, yours))
            assert result.metrics == repeated.metrics
            assert result.permutation == repeated.permutation
            assert result.stability == repeated.stability
    assert other.tried[50][0].oracle != found.tried[50][0].oracle


def test_a_share_has_its_exact_interval() -> None:
    """Clopper-Pearson, by hand: none of 10 has the upper end 1 - 0.025**(1/10)."""
    assert Share(hits=0, trials=10).interval == pytest.approx((0.0, 1 - 0.025**0.1))
    assert Share(hits=10, trials=10).interval == pytest.approx((0.025**0.1, 1.0))
    assert share_in_words(Share(hits=9, trials=20)) == "45 % (23 to 68)"


def test_the_page_holds_the_shares_what_is_assumed_and_what_was_lowered(found: PlanPower) -> None:
    words = words_of(plan_power_page(found, scenario="Dose", seed=5))

    for row in plan_power_rows(found, "M0"):
        assert " ".join(row) in words
    assert "M0: Uptake and texture" in words
    assert "3 trials of each size" in words
    assert "uptake simulated marker oracle" in words
    assert "texture 5 columns without information" in words
    assert "resampling.permutations 200 20" in words
    assert "supported with outcomes dealt anew" in words
    assert "nan" not in words.split()


def test_with_one_size_the_chart_names_its_shares_in_place_of_numbers(found: PlanPower) -> None:
    page = plan_power_page(replace(found, sizes=(50,)), scenario="Dose", seed=5)

    (picture,) = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', page)
    written = re.findall(r"<!-- (.*?) -->", base64.b64decode(picture).decode("utf-8"))
    assert {"supported", "permutation p", "stable columns", "50 participants"} <= set(written)
    # Only the shares have numbers: from 0 to 100 in steps.
    assert not [one for one in written if re.fullmatch(r"\d+\.\d+", one)]


def test_trials_too_small_are_undecidable_at_the_terminal_and_on_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text(
        TEXT.replace("[multiplicity]", "[verdict]\nleast_events = 30\n[multiplicity]"), "utf-8"
    )

    said = asked(
        *("dose", "--plan", "mine.toml", "--sizes", "20", "--trials", "10", "--without-chance"),
        *("--column", "uptake=mean_suv", "--without-information", "texture=3"),
    )

    assert said.exit_code == 0, said.output
    assert re.search(r"undecidable at this n +100 % \(69 to 100\)", said.output)
    assert re.search(r"supported +0 % \(0 to 31\)", said.output)
    assert "uptake: simulated marker mean_suv" in said.output
    assert "resampling.permutations: 20 in place of 200" in said.output
    assert "10 trials of 20 participants: 10 analyses of M0." in said.output
    assert "a trial takes" in said.output
    assert "dealt anew" not in said.output
    words = words_of(Path("power-mine.html").read_text("utf-8"))
    assert "undecidable at this n 100 % (69 to 100)" in words


@pytest.mark.parametrize(
    ("columns", "without", "what"),
    [
        (["uptake"], [], "--column needs CODE=MARKER, got 'uptake'"),
        (["uptak=oracle"], [], "--column: uptak is no predictor of the plan"),
        (["uptake=oracl"], [], "--column: oracl is no simulated marker"),
        (["uptake=oracle", "uptake=mean_suv"], [], "uptake is given twice"),
        (["uptake=tumor_volume_change"], [], "known only after cycle 2"),
        ([], ["texture"], "how many the tables will have is not known"),
        ([], ["texture=0"], "needs CODE=N"),
        ([], ["texture=few"], "needs CODE=N"),
        ([], ["textur=3"], "textur is no predictor"),
        ([], ["texture=3", "texture=4"], "texture is given twice"),
        (["uptake=oracle"], ["uptake"], "given as a whole and in parts"),
        (["texture=oracle", "texture.a=oracle"], [], "given as a whole and in parts"),
    ],
)
def test_refuses_options_that_say_nothing_or_too_much(
    columns: list[str], without: list[str], what: str
) -> None:
    with pytest.raises(DataError, match=re.escape(what)) as refused:
        given_columns(PLAN, columns=columns, without=without, markers=MARKERS)

    assert refused.value.remedy


def test_a_predictor_of_several_columns_may_be_a_marker_beside_noise() -> None:
    given = given_columns(
        PLAN,
        columns=["texture.first=mean_suv", "uptake=oracle"],
        without=["texture=2"],
        markers=MARKERS,
    )

    assert given.columns() == {"texture": ("first", "n00000", "n00001"), "uptake": ("uptake",)}


def test_every_marker_of_a_scenario_can_be_named() -> None:
    names = known_markers(DOSE, seed=1)

    assert {"oracle", "mean_dose", "age", "female", "tumor_volume_change"} <= set(names)
    assert "mean_dose" in known_markers(read_scenario("null"), seed=1)


def test_refuses_planned_columns_that_are_neither_mapped_nor_declared(tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(TEXT, "utf-8")

    error = asked("dose", "--plan", plan, "--to", tmp_path / "power.html").exception

    assert isinstance(error, DataError)
    assert "knows nothing of these predictors of the plan: uptake, texture." in error.what
    assert "--without-information CODE" in error.remedy
    assert not (tmp_path / "power.html").exists()


def test_refuses_a_recorded_predictor_that_no_simulated_table_has(tmp_path: Path) -> None:
    recorded = (
        '[[recorded]]\ncode = "ferritin"\nblock = "clinical"\ntable = "laboratory_results"\n'
        'column = "value"\nwhere = { test = "nse" }\n[[model]]'
    )
    text = TEXT.replace("[[model]]", recorded).replace(
        'blocks = ["pet", "radiomics"]', 'blocks = ["clinical", "pet", "radiomics"]'
    )
    plan = tmp_path / "plan.toml"
    plan.write_text(text, "utf-8")

    error = asked(
        *("dose", "--plan", plan, "--to", tmp_path / "power.html", "--sizes", "20"),
        *("--column", "uptake=oracle", "--without-information", "texture=2"),
    ).exception

    assert isinstance(error, DataError)
    assert "ferritin" in error.what
    assert "--without-information CODE" in error.remedy


@pytest.mark.parametrize("sizes", ["10", "80,40"])
def test_refuses_sizes_that_do_not_ascend_or_are_too_small(sizes: str, tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(TEXT, "utf-8")

    error = asked(
        *("dose", "--plan", plan, "--to", tmp_path / "power.html", "--sizes", sizes),
        *("--column", "uptake=oracle", "--without-information", "texture=2"),
    ).exception

    assert isinstance(error, DataError)
    assert "ascending sizes of at least 20" in error.what


def test_refuses_options_of_a_plan_without_one() -> None:
    error = asked("dose", "--column", "uptake=oracle").exception

    assert isinstance(error, DataError)
    assert "--plan" in error.remedy


def test_refused_trials_are_counted_and_not_supported(found: PlanPower) -> None:
    lost = TriedTrial(found=None, refused="a column follows the event")
    spoiled = replace(found, tried={50: (*found.tried[50], lost)}, sizes=(50,))

    assert spoiled.supported("M0", 50) == Share(hits=3, trials=4)
    assert spoiled.answered("M0", 50, NOT_SUPPORTED).hits == 0
    assert spoiled.answered("M0", 50, UNDECIDABLE).hits == 0
    assert np.isnan(spoiled.concordances("M0", 50)[3])
    words = words_of(plan_power_page(spoiled, scenario="Dose", seed=5))
    assert "1 analyses were refused and count as not supported: a column follows" in words
