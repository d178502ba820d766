import json
import tomllib
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from operandi.protocol.columns import columns_of
from operandi.protocol.format import json_schema
from operandi.protocol.study import StudyFileError, parse_study, read_study, shipped_studies
from operandi.records.rows import ROWS

MINIMAL = """
format = 1
[study]
code = "S"
title = "A study"
source = "nobody"
transcription = "full"
timezone = "UTC"
[[anchor]]
code = "INC"
title = "inclusion"
event = "inclusion"
[window.month]
from = "INC - 1 month"
to = "INC"
[item.platelets]
title = "platelet count"
ask = "a platelet count"
table = "laboratory_results"
where = { test = "platelets" }
column = "value"
date = "collected_on"
unit = "10^9/L"
[[criterion]]
code = "E1"
polarity = "exclusion"
text = "platelets < 75"
[criterion.proposed.rule]
op = "latest"
item = "platelets"
window = "month"
test = { op = "compare", relation = "<", value = 75, unit = "10^9/L" }
"""
Edit = Callable[[dict[str, Any]], object]


def _content() -> dict[str, Any]:
    return tomllib.loads(MINIMAL, parse_float=Decimal)


def _refused(*edits: Edit) -> StudyFileError:
    content = _content()
    for edit in edits:
        edit(content)
    with pytest.raises(StudyFileError) as refused:
        parse_study(content, file="s.toml")
    return refused.value


def _rule(content: dict[str, Any]) -> dict[str, Any]:
    rule: dict[str, Any] = content["criterion"][0]["proposed"]["rule"]
    return rule


def test_shipped_studies_are_read_by_name() -> None:
    assert shipped_studies() == ("nct01578239", "nct06256705")
    assert read_study("nct06256705").study.target == 80
    assert read_study("nct01578239").study.transcription == "reduced"


def test_a_study_is_read_by_path_too(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MINIMAL, encoding="utf-8")

    assert read_study(path).criterion[0].code == "E1"


def test_every_criterion_of_the_record_is_there() -> None:
    """I0 to I8, E1 to E18, and E12 in seven parts."""
    codes = [c.code for c in read_study("nct06256705").criterion]

    expected = [f"I{n}" for n in range(9)] + [f"E{n}" for n in range(1, 12)]
    expected += [f"E12{part}" for part in "abcdefg"] + [f"E{n}" for n in range(13, 19)]
    assert codes == expected


def test_both_readings_say_why_and_differ() -> None:
    for criterion in read_study("nct06256705").criterion:
        if criterion.literal is not None:
            assert criterion.literal.reason
            assert criterion.proposed is not None
            assert criterion.proposed.reason
            assert criterion.literal != criterion.proposed
            assert criterion.ambiguity


@pytest.mark.parametrize("study", shipped_studies())
def test_every_item_names_a_column_that_the_tables_have(study: str) -> None:
    for item in read_study(study).item.values():
        columns = columns_of(ROWS[item.table])
        named = {item.column, item.date, *item.where} - {None}
        assert named <= set(columns), item.title


def test_thresholds_are_exact() -> None:
    items = read_study("nct06256705").item
    assert items["bilirubin"].molar_mass_g_mol == Decimal("584.673")


def test_schema_is_json_and_knows_every_section() -> None:
    schema = json.loads(json.dumps(json_schema()))

    assert schema["$schema"].endswith("2020-12/schema")
    assert {"study", "item", "window", "criterion", "cycle", "visit"} <= set(schema["properties"])
    assert schema["additionalProperties"] is False


# --- Refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("edit", "path", "words"),
    [
        (
            lambda c: c["item"]["platelets"].update(table="lab_results"),
            "item.platelets.table",
            "laboratory_results",
        ),
        (
            lambda c: c["item"]["platelets"].update(column="values"),
            "item.platelets.column",
            "write value",
        ),
        (
            lambda c: c["item"]["platelets"].update(date="value"),
            "item.platelets.date",
            "days known in full",
        ),
        (lambda c: c["item"]["platelets"].update(unit="10^9"), "item.platelets.unit", "no unit"),
        (
            lambda c: c["item"]["platelets"].update(where={"test": "thrombocytes"}),
            "item.platelets.where.test",
            "no code",
        ),
        (
            lambda c: c["item"]["platelets"].update(loinc=["777"]),
            "item.platelets.loinc[1]",
            "pattern",
        ),
        (
            lambda c: c["item"]["platelets"].update(latest_of_each="laboratory"),
            "item.platelets.latest_of_each",
            "set exam = true",
        ),
        (
            lambda c: c["item"]["platelets"].update(exam=True, latest_of_each="labs"),
            "item.platelets.latest_of_each",
            "no column",
        ),
        (
            lambda c: (
                c["item"]["platelets"].update(exam=True),
                _rule(c).update(
                    op="every",
                    covers="targets",
                    among={"op": "is", "column": "test", "one_of": ["platelets"]},
                ),
            ),
            "criterion[E1].proposed.rule.covers",
            "no item",
        ),
        (
            lambda c: _rule(c).update(
                test={
                    "op": "within",
                    "column": "collected_on",
                    "window": "month",
                    "unknown_after": "INK",
                }
            ),
            "criterion[E1].proposed.rule.within.unknown_after",
            "no anchor",
        ),
        (lambda c: c["item"]["platelets"].update(shade="red"), "item.platelets.shade", "no key"),
        (
            lambda c: c["window"]["month"].update({"from": "INK - 1 month"}),
            "window.month.from",
            "use one of",
        ),
        (
            lambda c: c["window"]["month"].update({"from": "a month ago"}),
            "window.month.from",
            "no point in time",
        ),
        (lambda c: c["study"].update(timezone="Paris"), "study.timezone", "Europe/Paris"),
        (lambda c: c["study"].pop("title"), "study.title", "is missing"),
        (
            lambda c: _rule(c).update(item="platelet"),
            "criterion[E1].proposed.rule.item",
            "write platelets",
        ),
        (
            lambda c: _rule(c).update(window="mnth"),
            "criterion[E1].proposed.rule.window",
            "write month",
        ),
        (lambda c: _rule(c).update(op="newest"), "criterion[E1].proposed.rule", "newest"),
        (
            lambda c: _rule(c)["test"].update(unit="g/L"),
            "criterion[E1].proposed.rule.compare.unit",
            "does not measure",
        ),
        (
            lambda c: _rule(c)["test"].update(unit="lots"),
            "criterion[E1].proposed.rule.compare.unit",
            "no unit",
        ),
        (
            lambda c: _rule(c)["test"].pop("unit"),
            "criterion[E1].proposed.rule.compare.unit",
            "give both",
        ),
        (
            lambda c: _rule(c)["test"].pop("value"),
            "criterion[E1].proposed.rule.compare",
            "with nothing",
        ),
        (
            lambda c: _rule(c)["test"].update(upper_limits=3),
            "criterion[E1].proposed.rule.compare",
            "more than one",
        ),
        (
            lambda c: _rule(c)["test"].update(relation="below"),
            "criterion[E1].proposed.rule.test.relation",
            "below",
        ),
        (
            lambda c: _rule(c)["test"].update(value="many"),
            "criterion[E1].proposed.rule.test.value",
            "many",
        ),
        (
            lambda c: _rule(c)["test"].update(column="unit"),
            "criterion[E1].proposed.rule.compare.column",
            "holds text",
        ),
        (
            lambda c: _rule(c).update(test={"op": "within", "column": "value", "window": "month"}),
            "criterion[E1].proposed.rule.within.column",
            "holds a number",
        ),
        (
            lambda c: _rule(c).update(op="share", more_than="1/2"),
            "criterion[E1].proposed.rule.item",
            "exam = true",
        ),
        (
            lambda c: _rule(c).update(op="share", more_than="3/2"),
            "criterion[E1].proposed.rule.more_than",
            "less than 1",
        ),
        (lambda c: c["criterion"][0].update(group="E9"), "criterion[E1].group", "no group"),
        (
            lambda c: c["criterion"][0].update(polarity="neither"),
            "criterion[E1].polarity",
            "neither",
        ),
        (lambda c: c["criterion"].append(c["criterion"][0]), "criterion[E1].code", "2 times"),
        (
            lambda c: c["criterion"][0].update(literal={"rule": _rule(c)}),
            "criterion[E1]",
            "each says why",
        ),
        (
            lambda c: c["criterion"][0]["proposed"].update(
                rule={"op": "criteria", "codes": ["E7"]}
            ),
            "criterion[E1].proposed.rule.codes",
            "no criterion",
        ),
        (
            lambda c: c["criterion"][0]["proposed"].update(
                rule={"op": "age", "relation": ">=", "years": 18, "anchor": "CONS"}
            ),
            "criterion[E1].proposed.rule.anchor",
            "no anchor",
        ),
    ],
)
def test_refuses_a_fault_with_its_key_and_what_mends_it(edit: Edit, path: str, words: str) -> None:
    refused = _refused(edit)

    (fault,) = refused.faults
    assert fault.path == path
    assert words in str(fault)
    assert str(refused).startswith("s.toml, ")


def test_refuses_criteria_that_ask_one_another() -> None:
    def circle(content: dict[str, Any]) -> None:
        content["criterion"][0]["proposed"]["rule"] = {"op": "criteria", "codes": ["E2"]}
        other = {"code": "E2", "polarity": "exclusion", "text": "x"}
        other_rule = {"rule": {"op": "criteria", "codes": ["E1"]}}
        content["criterion"].append(other | {"proposed": other_rule})

    assert any("E1 → E2 → E1" in str(fault) for fault in _refused(circle).faults)


def test_refuses_cycles_that_wait_for_one_another() -> None:
    def circle(content: dict[str, Any]) -> None:
        cycle = {"nuclide": "177Lu", "activity_gbq": Decimal("7.4"), "reading": "literal"}
        content["cycle"] = [
            cycle | {"number": 1, "after": "C2", "spacing": "8 weeks"},
            cycle | {"number": 2, "after": "C1", "spacing": "8 weeks"},
        ]

    with pytest.raises(StudyFileError, match="circle"):
        raise _refused(circle)


def test_refuses_a_criterion_that_asks_one_which_its_gate_does_not() -> None:
    def at_both_gates(content: dict[str, Any]) -> None:
        other = {"code": "E2", "polarity": "exclusion", "text": "x"}
        rule = {"rule": {"op": "criteria", "codes": ["E1"]}, "gates": ["G1", "G2"]}
        content["criterion"].append(other | {"proposed": rule})

    (fault,) = _refused(at_both_gates).faults
    assert "E1 is not asked at all the same gates" in str(fault)


def test_names_all_faults_at_once() -> None:
    refused = _refused(
        lambda c: c["item"]["platelets"].update(column="values", unit="10^9"),
        lambda c: _rule(c).update(window="mnth"),
    )

    assert len(refused.faults) == 3
    assert str(refused).count("s.toml, ") == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("format = 1\nformat = 1", "is no TOML"),
        ("", "format: None"),
        (MINIMAL.replace("format = 1", "format = 2"), "format: 2"),
    ],
)
def test_refuses_a_file_of_another_format(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "s.toml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(StudyFileError, match=words):
        read_study(path)


def test_refuses_a_study_that_is_not_there() -> None:
    with pytest.raises(StudyFileError, match="no study file nct0") as refused:
        read_study("nct0")
    assert "nct06256705" in str(refused.value)


def test_refuses_a_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(StudyFileError, match="not UTF-8"):
        read_study(path)
