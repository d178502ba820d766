"""USDM: every key that CDISC's own examples have, and identifiers that lead somewhere."""

import gzip
import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from operandi.protocol.formal import formal
from operandi.protocol.interchange.usdm import EXTENSION, not_carried, usdm_of
from operandi.protocol.study import read_study, shipped_studies
from tests.shared_data import published

EXAMPLES = (
    "CDISC_Pilot_Study.json.gz",
    "EliLilly_NCT03421379_Diabetes.json.gz",
    "observational.json.gz",
)
each_study = pytest.mark.parametrize("name", shipped_studies())


def objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "instanceType" in value:
            yield value
        for entry in value.values():
            yield from objects(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from objects(entry)


@cache
def written(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(usdm_of(read_study(name)))
    return content


def design_of(name: str) -> dict[str, Any]:
    (design,) = written(name)["study"]["versions"][0]["studyDesigns"]
    assert isinstance(design, dict)
    return design


def by_name(things: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {thing["name"]: thing for thing in things}


@cache
def examples() -> tuple[dict[str, Any], ...]:
    return tuple(
        json.loads(gzip.decompress(published(f"clinical/usdm/{file}").read_bytes()))
        for file in EXAMPLES
    )


@each_study
def test_each_object_has_exactly_the_keys_of_its_class_in_the_published_examples(name: str) -> None:
    known = {thing["instanceType"]: set(thing) for file in examples() for thing in objects(file)}
    ours = [t for t in objects(written(name)) if t["instanceType"] != "ExtensionAttribute"]

    assert {thing["instanceType"] for thing in ours} <= set(known)
    for thing in ours:
        assert set(thing) == known[thing["instanceType"]], thing["instanceType"]
    assert set(written(name)) == set(examples()[0])


@each_study
def test_each_code_is_one_of_the_published_examples(name: str) -> None:
    def codes(content: Any) -> set[tuple[str, ...]]:
        keys = ("code", "decode", "codeSystem", "codeSystemVersion")
        return {
            tuple(thing[key] for key in keys)
            for thing in objects(content)
            if thing["instanceType"] == "Code"
        }

    assert codes(written(name)) <= set().union(*(codes(example) for example in examples()))


@each_study
def test_identifiers_are_unique_and_every_reference_leads_to_one(name: str) -> None:
    things = [thing for thing in objects(written(name)) if thing["id"] is not None]
    ids = [thing["id"] for thing in things]
    referred = {
        entry
        for thing in things
        for key, value in thing.items()
        if key.endswith(("Id", "Ids")) and value
        for entry in (value if isinstance(value, list) else [value])
    }

    assert len(ids) == len(set(ids))
    assert referred
    assert referred <= set(ids)


@each_study
def test_each_criterion_has_its_words_its_polarity_and_both_rules(name: str) -> None:
    study = read_study(name)
    version = written(name)["study"]["versions"][0]
    texts = {item["id"]: item["text"] for item in version["eligibilityCriterionItems"]}
    criteria = by_name(design_of(name)["eligibilityCriteria"])

    assert list(criteria) == [criterion.code for criterion in study.criterion]
    for criterion in study.criterion:
        thing = criteria[criterion.code]
        said = {entry["url"]: entry["valueString"] for entry in thing["extensionAttributes"]}
        assert texts[thing["criterionItemId"]] == criterion.text
        assert thing["category"]["decode"] == f"{criterion.polarity.capitalize()} Criteria"
        expected = {"literal": criterion.reading("literal"), "proposed": criterion.proposed}
        for reading, rules in expected.items():
            assert rules is not None
            url = f"{EXTENSION}formal-expression:{reading}"
            assert said[url] == formal(rules.rule, study)
            if rules.rule_before_cycle is not None:
                assert said[f"{url}:before-cycle"] == formal(rules.rule_before_cycle, study)


def test_the_year_visit_is_one_year_after_cycle_1_give_or_take_a_month() -> None:
    (timeline,) = design_of("nct06256705")["scheduleTimelines"]
    instances = by_name(timeline["instances"])
    timing = by_name(timeline["timings"])["YEAR_1"]

    assert timing["type"]["decode"] == "After"
    assert timing["value"] == "P1Y"
    assert (timing["windowLower"], timing["windowUpper"]) == ("P1M", "P1M")
    assert timing["relativeToScheduledInstanceId"] == instances["C1"]["id"]
    assert timing["relativeFromScheduledInstanceId"] == instances["YEAR_1"]["id"]


def test_a_laboratory_visit_before_a_cycle_is_timed_before_it() -> None:
    timing = by_name(design_of("nct06256705")["scheduleTimelines"][0]["timings"])["LAB_C2"]

    assert (timing["type"]["decode"], timing["value"]) == ("Before", "P28D")


def test_each_arm_gets_its_interventions() -> None:
    design = design_of("nct01578239")
    names = {
        thing["id"]: thing["name"]
        for thing in written("nct01578239")["study"]["versions"][0]["studyInterventions"]
    }
    elements = {element["id"]: element for element in design["elements"]}
    arms = {arm["id"]: arm["name"] for arm in design["arms"]}

    assert {
        arms[cell["armId"]]: [
            names[id_] for id_ in elements[cell["elementIds"][0]]["studyInterventionIds"]
        ]
        for cell in design["studyCells"]
    } == {"PRRT": ["LUTETIUM", "OCTREOTIDE"], "CONTROL": ["OCTREOTIDE"]}


@each_study
def test_the_same_study_gives_the_same_bytes(name: str) -> None:
    assert usdm_of(read_study(name)) == usdm_of(read_study(name))


def test_what_usdm_has_no_place_for_is_listed() -> None:
    lost = not_carried(read_study("nct06256705"))

    assert "item platelets" in lost
    assert "department D5" in lost
    assert "hospital NANTES: USDM asks for its country" in lost
    assert any(text.startswith("visit AFTER_CYCLE_2, window: before C3") for text in lost)
