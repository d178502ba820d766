"""``operandi predict`` as somebody meets it: a risk, what drove it, or why there is none."""

import csv
import hashlib
import html
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from operandi.cli import console
from operandi.cli.main import app
from operandi.quantities.errors import DataError
from operandi.signatures.card import CardVerdict, ModelCard, plain_tuples
from operandi.signatures.card_file import card_json
from operandi.signatures.card_making import made_card
from operandi.signatures.data import RightCensored
from operandi.signatures.plan import plan_digest, read_plan
from operandi.signatures.planned_data import planned_predictors
from operandi.signatures.prediction_checks import PredictionRefusedError
from operandi.signatures.preparation.chain import On, PreparationChain, predictors_at
from operandi.signatures.preparation.imputation import MedianFill
from operandi.signatures.source import read_analysis_source
from tests.signatures.cards import a_card, a_chain, a_cohort, a_final_fit, a_result, a_tiny_card


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console.out, "width", 300)


@pytest.fixture
def card(tmp_path: Path) -> Path:
    path = tmp_path / "model-card.json"
    path.write_bytes(card_json(a_tiny_card()))
    return path


def asked(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["predict", *map(str, arguments)], env={"COLUMNS": "200"})


def words_of(page: str) -> str:
    page = re.sub(r"<style.*?</style>|<script.*?</script>", "", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def filled(card: Path, folder: Path, value: str) -> Path:
    """The blank file of a card, with one value filled in."""
    path = folder / "values.csv"
    assert asked(card, "--blank", path).exit_code == 0
    rows = list(csv.reader(path.read_text("utf-8").splitlines()))
    rows[1][1] = value
    path.write_text("\n".join(",".join(row) for row in rows), "utf-8")
    return path


def test_help_teaches_what_a_risk_is_and_what_it_is_not() -> None:
    said = asked("--help")

    words = " ".join(said.output.split())
    assert said.exit_code == 0
    assert "reference participant" in words
    assert "it does not say what will happen" in words
    assert "it chooses no therapy" in words
    assert "operandi predict model-card.json --blank values.csv" in words


def test_a_blank_file_names_unit_and_range_and_filled_in_gives_the_risk_by_hand(
    card: Path, tmp_path: Path
) -> None:
    """By hand: 1 - exp(-0.1 e^2) = 0.522, 1 - exp(-0.3 e^2) = 0.891."""
    values = filled(card, tmp_path, "6")
    assert "x,6,mL,BASELINE,0 to 9 mL,scores" in values.read_text("utf-8")

    said = asked(card, "OP-999", "--values", values, "--to", tmp_path / "risk.html")

    assert said.exit_code == 0, said.output
    assert "52 %" in said.output
    assert "89 %" in said.output
    assert "+0.750" in said.output
    assert "No interval: the card has no refits." in said.output
    words = words_of((tmp_path / "risk.html").read_text("utf-8"))
    assert "OP-999: risk of pfs" in words
    assert "Not for choosing a therapy" in words
    assert "6 mL" in words
    assert "0.550 to 0.720" in words


def test_values_come_from_json_too(card: Path, tmp_path: Path) -> None:
    values = tmp_path / "values.json"
    values.write_text(json.dumps({"values": {"x": {"value": 6, "unit": "mL"}}}), "utf-8")
    said = asked(card, "OP-999", "--values", values, "--to", tmp_path / "risk.html")
    assert said.exit_code == 0, said.output
    assert "52 %" in said.output


def test_refuses_outside_the_range_and_writes_no_page(card: Path, tmp_path: Path) -> None:
    said = asked(
        card, "OP-999", "--values", filled(card, tmp_path, "12"), "--to", tmp_path / "risk.html"
    )
    assert isinstance(said.exception, PredictionRefusedError)
    assert "x is 12; seen in training: 0 to 9 mL" in said.exception.what
    assert not (tmp_path / "risk.html").exists()


def test_a_participant_seen_in_training_is_refused_or_called_apparent(
    card: Path, tmp_path: Path
) -> None:
    values, page = filled(card, tmp_path, "6"), tmp_path / "risk.html"
    said = asked(card, "OP-003", "--values", values, "--to", page)
    assert isinstance(said.exception, PredictionRefusedError)
    assert "--apparent" in said.exception.remedy

    said = asked(card, "OP-003", "--values", values, "--to", page, "--apparent")
    assert said.exit_code == 0, said.output
    assert "Apparent" in said.output
    assert "apparent risk of pfs" in words_of(page.read_text("utf-8"))


def test_refuses_to_write_over_a_filled_in_file(card: Path, tmp_path: Path) -> None:
    values = filled(card, tmp_path, "6")
    said = asked(card, "--blank", values)
    assert isinstance(said.exception, DataError)
    assert "is there already" in said.exception.what


def test_the_command_line_needs_a_participant_and_one_place_of_values(card: Path) -> None:
    assert asked(card).exit_code == 2
    assert asked(card, "OP-999").exit_code == 2
    assert asked(card, "OP-999", "--values", "a.csv", "--freeze", "b").exit_code == 2


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("v.csv", "name,value\nx,1\n", "name, value and unit are needed"),
        ("v.csv", "name,value,unit\nx,1,mL\nx,2,mL\n", "x stands twice"),
        ("v.csv", "name,value,unit\nx\n", "line 2"),
        ("v.json", "[]", "an object with values"),
        ("v.json", '{"values": {}, "more": 1}', "more is no key"),
        ("v.json", '{"values": {"x": {"value": [1]}}}', "a number, text or null"),
        ("v.json", '{"values": {"x": {"value": 1, "units": "mL"}}}', "units is no key"),
        ("v.json", '{"participant": "OP-1", "values": {}}', "is of 'OP-1'"),
    ],
)
def test_refuses_files_of_values_that_are_none(
    card: Path, tmp_path: Path, name: str, content: str, fault: str
) -> None:
    path = tmp_path / name
    path.write_text(content, "utf-8")
    said = asked(card, "OP-999", "--values", path)
    assert isinstance(said.exception, DataError)
    assert fault in said.exception.what


def test_the_band_and_the_drivers_of_a_real_fit_are_drawn(tmp_path: Path) -> None:
    predictors, outcome = a_cohort()
    final = a_final_fit(predictors, outcome, chain=a_chain(), refits=40)
    card = tmp_path / "card.json"
    card.write_bytes(card_json(a_card(final)))
    values = tmp_path / "values.json"
    row = dict(zip(predictors.names, predictors.values[2].tolist(), strict=True))
    values.write_text(json.dumps({"site": predictors.sites[2], "values": row}), "utf-8")

    said = asked(card, "OP-999", "--values", values, "--to", tmp_path / "risk.html")

    assert said.exit_code == 0, said.output
    page = (tmp_path / "risk.html").read_text("utf-8")
    assert page.count("data:image/svg+xml") == 2
    assert "95 % interval of the model, from 40 refits" in words_of(page)
    again = tmp_path / "again.html"
    asked(card, "OP-999", "--values", values, "--to", again)
    assert again.read_text("utf-8") == page


PLAN = """format = 1
title = "A plan"
version = "1"
study = "A study"
[population]
title = "Everybody"
cycles = 0
[timing]
start = "C1"
known_at = ["BASELINE"]
[[endpoint]]
code = "pfs"
kind = "pfs"
role = "primary"
horizon_days = [365, 730]
table = "t"
time = "days"
time_unit = "day"
event = "event"
[[table]]
code = "t"
file = "t.csv"
participant = "who"
site = "site"
sha256 = "{sha256}"
[[supplied]]
code = "x"
block = "clinical"
table = "t"
columns = ["x000", "x001", "x002"]
at = "BASELINE"
[[model]]
code = "M0"
title = "A model"
role = "ladder"
kind = "cox"
predictors = ["x"]
[resampling]
seed = 1
[multiplicity]
method = "none"
because = "one model"
"""


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """A folder of a plan's table, the plan and the card of its model; OP-079 is new to it."""
    predictors, outcome = a_cohort()
    lines = ["who,site,days,event,x000,x001,x002"]
    for row, who in enumerate(predictors.participants):
        values = ("" if np.isnan(one) else f"{one:.6f}" for one in predictors.values[row, :3])
        days, event = f"{outcome.time[row]:.3f}", int(outcome.event[row])
        lines.append(f"{who},{predictors.sites[row]},{days},{event},{','.join(values)}")
    (tmp_path / "t.csv").write_text("\n".join(lines), "utf-8")
    sha256 = hashlib.sha256((tmp_path / "t.csv").read_bytes()).hexdigest()
    (tmp_path / "plan.toml").write_text(PLAN.format(sha256=sha256), "utf-8")
    plan = read_plan(tmp_path / "plan.toml")
    found = planned_predictors(plan, read_analysis_source(tmp_path, plan))
    kept = np.arange(79)
    final = a_final_fit(
        predictors_at(found.predictors, kept),
        RightCensored(time=outcome.time[kept], event=outcome.event[kept]),
        chain=PreparationChain(steps=(On(step=MedianFill()),)),
    )
    result = a_result()
    standing = replace(result.standing, digest=plan_digest(plan))
    card = made_card(
        final, plan=plan, columns=found.columns, result=replace(result, standing=standing)
    )
    (tmp_path / "card.json").write_bytes(card_json(card))
    return tmp_path


def test_values_are_read_from_the_tables_of_the_cards_plan(tables: Path) -> None:
    card, plan = tables / "card.json", tables / "plan.toml"
    page = tables / "risk.html"
    said = asked(card, "OP-079", "--freeze", tables, "--plan", plan, "--to", page)

    assert said.exit_code == 0, said.output
    assert "x.x000" in said.output
    assert "OP-079: risk of pfs" in words_of(page.read_text("utf-8"))

    said = asked(card, "OP-000", "--freeze", tables, "--plan", plan, "--to", page)
    assert isinstance(said.exception, PredictionRefusedError)
    said = asked(card, "OP-999", "--freeze", tables, "--plan", plan, "--to", page)
    assert isinstance(said.exception, DataError)
    assert "not among its participants" in said.exception.what


def test_refuses_tables_without_a_plan_or_with_another(tables: Path) -> None:
    card, plan = tables / "card.json", tables / "plan.toml"
    said = asked(card, "OP-079", "--freeze", tables)
    assert isinstance(said.exception, DataError)
    assert "has no locked plan" in said.exception.what

    plan.write_text(plan.read_text("utf-8").replace("seed = 1", "seed = 2"), "utf-8")
    said = asked(card, "OP-079", "--freeze", tables, "--plan", plan)
    assert isinstance(said.exception, DataError)
    assert "The card is of the plan" in said.exception.what


def test_names_that_look_like_formulas_or_markup_are_drawn_as_they_are(tmp_path: Path) -> None:
    odd = r"$\frac{x</b>[red]"
    card = tmp_path / "card.json"
    said = json.loads(card_json(a_tiny_card()).decode().replace('"x"', json.dumps(odd)))
    said.pop("id")
    renamed = ModelCard.model_validate(plain_tuples(said))
    card.write_bytes(card_json(renamed))
    values = tmp_path / "values.json"
    values.write_text(json.dumps({"values": {odd: {"value": 6, "unit": "mL"}}}), "utf-8")

    told = asked(card, "OP-999", "--values", values, "--to", tmp_path / "risk.html")

    assert told.exit_code == 0, told.output
    assert odd in told.output
    assert odd in words_of_cells((tmp_path / "risk.html").read_text("utf-8"))


def words_of_cells(page: str) -> list[str]:
    """Text of the cells of tables."""
    cells = re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", page, flags=re.DOTALL)
    return [html.unescape(cell).strip() for cell in cells]


def test_a_page_is_not_written_over_a_card_or_a_table(card: Path, tmp_path: Path) -> None:
    values, before = filled(card, tmp_path, "6"), card.read_bytes()
    for to in (card, values, tmp_path):
        said = asked(card, "OP-999", "--values", values, "--to", to)
        assert isinstance(said.exception, DataError)
        assert "No page can be written" in said.exception.what
    assert card.read_bytes() == before


@pytest.mark.parametrize("name", ["", " ", "\udcff"])
def test_a_participant_needs_a_pseudonym(card: Path, tmp_path: Path, name: str) -> None:
    said = asked(card, name, "--values", filled(card, tmp_path, "6"))
    assert isinstance(said.exception, DataError)
    assert "needs a pseudonym" in said.exception.what


def test_spaces_around_a_pseudonym_make_nobody_a_stranger(card: Path, tmp_path: Path) -> None:
    values = filled(card, tmp_path, "6")
    page = tmp_path / "risk.html"
    assert asked(card, " OP-999 ", "--values", values, "--to", page).exit_code == 0
    assert "OP-999: risk of pfs" in words_of(page.read_text("utf-8"))


def test_a_blank_file_needs_a_folder(card: Path, tmp_path: Path) -> None:
    said = asked(card, "--blank", tmp_path / "absent" / "values.csv")
    assert isinstance(said.exception, DataError)
    assert "There is no folder" in said.exception.what


def test_a_model_that_is_not_supported_says_so_before_the_risk(tmp_path: Path) -> None:
    verdict = CardVerdict(answer="not supported", word="", sentence="M0: no better than chance.")
    path, page = tmp_path / "model-card.json", tmp_path / "risk.html"
    path.write_bytes(card_json(a_tiny_card().model_copy(update={"verdict": verdict})))
    said = asked(path, "OP-999", "--values", filled(path, tmp_path, "6"), "--to", page)
    warning = "Before the risk: the model is not supported. M0: no better than chance."
    assert said.output.index(warning) < said.output.index("52 %")
    words = words_of(page.read_text("utf-8"))
    assert words.index(warning) < words.index("%")

    good = verdict.model_copy(update={"answer": "supported"})
    path.write_bytes(card_json(a_tiny_card().model_copy(update={"verdict": good})))
    said = asked(path, "OP-999", "--values", tmp_path / "values.csv", "--to", page)
    assert "Before the risk" not in said.output
