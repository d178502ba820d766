"""ODM v2: valid by CDISC's own schemas, and everything of the criteria is found again."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import odmlib
import pytest
import xmlschema
from hypothesis import given as over
from hypothesis import settings
from hypothesis import strategies as st
from odmlib import odm_loader

from operandi.protocol.formal import formal
from operandi.protocol.format import StudyProtocol
from operandi.protocol.interchange.odm_protocol import NAMESPACE, not_carried, odm_of
from operandi.protocol.interchange.timing import timings_of
from operandi.protocol.schedule_format import parse_schedule
from operandi.protocol.study import parse_study, read_study, shipped_studies
from operandi.protocol.windows import months_after
from operandi.quantities.errors import DataError

WHEN = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
each_study = pytest.mark.parametrize("name", shipped_studies())


@cache
def schema() -> xmlschema.XMLSchema:
    folder = Path(odmlib.__file__).parent / "schemas" / "odm" / "2.0"
    return xmlschema.XMLSchema(folder / "ODM.xsd")


def tree(study: StudyProtocol) -> ET.Element:
    return ET.fromstring(odm_of(study, created_at=WHEN))  # noqa: S314 - our own


def find(element: ET.Element, path: str) -> list[ET.Element]:
    return element.findall(path, {"": NAMESPACE})


def by_oid(root: ET.Element, tag: str) -> dict[str, ET.Element]:
    return {e.attrib["OID"]: e for e in root.iter(f"{{{NAMESPACE}}}{tag}")}


def faults(study: StudyProtocol) -> list[str]:
    return [f"{e.path}: {e.reason}" for e in schema().iter_errors(odm_of(study, created_at=WHEN))]


def assert_criteria_are_all_there(study: StudyProtocol) -> None:
    """Words, polarity and the rules of both readings, from the file alone."""
    root = tree(study)
    conditions = by_oid(root, "ConditionDef")
    found = []
    for polarity, tag in (("inclusion", "InclusionCriteria"), ("exclusion", "ExclusionCriteria")):
        for entry in find(root, f".//InclusionExclusionCriteria/{tag}/Criterion"):
            condition = conditions[entry.attrib["ConditionOID"]]
            rules = {
                e.attrib["Context"]: find(e, "Code")[0].text
                for e in find(condition, "FormalExpression")
            }
            (text,) = find(entry, "Description/TranslatedText")
            (said,) = find(condition, "Description/TranslatedText")
            found.append((entry.attrib["Name"], polarity, text.text, said.text, rules))
    expected = []
    for criterion in sorted(study.criterion, key=lambda c: c.polarity == "exclusion"):
        expressions: dict[str, str | None] = {}
        for reading, rule in (
            ("literal", criterion.literal or criterion.proposed),
            ("proposed", criterion.proposed),
        ):
            assert rule is not None
            expressions[f"operandi {reading}"] = formal(rule.rule, study)
            if rule.rule_before_cycle is not None:
                expressions[f"operandi {reading}, before cycle"] = formal(
                    rule.rule_before_cycle, study
                )
        words = criterion.text
        expected.append((criterion.code, str(criterion.polarity), words, words, expressions))
    assert found == expected


@each_study
def test_each_shipped_study_is_valid_by_the_schemas_of_odm(name: str) -> None:
    assert faults(read_study(name)) == []


@each_study
def test_each_criterion_has_its_words_its_polarity_and_both_rules(name: str) -> None:
    assert_criteria_are_all_there(read_study(name))


@each_study
def test_odmlib_loads_each_study_and_finds_its_conditions(name: str) -> None:
    study = read_study(name)
    loader = odm_loader.XMLODMLoader(model_package="odm_2_0", ns_uri=NAMESPACE)
    loader.create_document_from_string(odm_of(study, created_at=WHEN).decode())
    (version,) = loader.load_odm().Study[0].MetaDataVersion

    assert [c.Name for c in version.ConditionDef] == [c.code for c in study.criterion]
    assert [c.Description.TranslatedText[0]._content for c in version.ConditionDef] == [
        c.text for c in study.criterion
    ]


@each_study
def test_every_reference_leads_to_a_definition(name: str) -> None:
    root = tree(read_study(name))
    defined = [e.attrib["OID"] for e in root.iter() if "OID" in e.attrib]
    referred = {
        value
        for element in root.iter()
        for key, value in element.attrib.items()
        if key.endswith("OID") and key not in {"OID", "FileOID"}
    }

    assert len(defined) == len(set(defined))
    assert referred
    assert referred <= set(defined)


def test_the_calendar_has_the_durations_of_the_study_file() -> None:
    timed = by_oid(tree(read_study("nct06256705")), "RelativeTimingConstraint")

    def of(code: str) -> tuple[str | None, ...]:
        keys = ("PredecessorOID", "TimepointRelativeTarget", "TimepointPreWindow")
        return tuple(timed[f"TIM.{code}"].get(key) for key in (*keys, "TimepointPostWindow"))

    assert of("YEAR_1") == ("SE.C1", "P1Y", "P1M", "P1M")
    assert of("C2") == ("SE.C1", "P56D", "P7D", "P7D")
    # Six weeks after cycle 2, after its day; cycle 3, which ends it, is no duration from there.
    assert of("AFTER_CYCLE_2") == ("SE.C2", "P42D", "P41D", None)
    # "Before C1" is no duration from one month before: months differ.
    assert of("BASELINE") == ("SE.C1", "-P1M", "P0D", None)
    assert of("LAB_C1") == ("SE.C1", "-P28D", "P0D", "P14D")


def test_an_item_has_its_unit_and_its_loinc_codes() -> None:
    study = read_study("nct06256705")
    root = tree(study)
    items, lists = by_oid(root, "ItemDef"), by_oid(root, "CodeList")
    units = {
        e.attrib["ItemOID"]: e.attrib["UnitsItemOID"]
        for e in root.iter(f"{{{NAMESPACE}}}ItemRef")
        if "UnitsItemOID" in e.attrib
    }

    assert any(item.loinc for item in study.item.values())
    for name, item in study.item.items():
        codings = find(items[f"IT.{name}"], "Coding[@System='http://loinc.org']")
        assert tuple(e.attrib["Code"] for e in codings) == item.loinc
        if item.unit is None:
            assert f"IT.{name}" not in units
        else:
            (reference,) = find(items[units[f"IT.{name}"]], "CodeListRef")
            (unit,) = find(lists[reference.attrib["CodeListOID"]], "CodeListItem")
            assert unit.attrib["CodedValue"] == item.unit


def test_the_bytes_depend_on_the_study_and_the_instant_alone() -> None:
    study = read_study("nct01578239")
    paris = WHEN.astimezone(timezone(timedelta(hours=1)))

    assert odm_of(study, created_at=WHEN) == odm_of(study, created_at=paris)
    assert b'CreationDateTime="2026-11-25T12:00:00Z"' in odm_of(study, created_at=WHEN)


def test_refuses_an_instant_without_time_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        odm_of(read_study("nct01578239"), created_at=datetime(2026, 1, 1))  # noqa: DTZ001


def test_refuses_a_control_character_that_xml_cannot_hold() -> None:
    content = small(text="age\x01", polarity="inclusion")

    with pytest.raises(DataError, match=r"age\\x01.*control character"):
        odm_of(parse_study(content, file="small.toml"), created_at=WHEN)


def test_what_odm_has_no_place_for_is_listed() -> None:
    lost = not_carried(read_study("nct06256705"))

    assert "visit BASELINE, window: from CONS, which is no duration from its target" in lost
    assert "visit AFTER_CYCLE_2, window: before C3, which is no duration from its target" in lost
    assert "visit AFTER_CYCLE_2, alternative: what holds where C3 is cancelled" in lost
    assert "hospital NANTES" in lost
    assert not any(text.startswith("visit YEAR_1") for text in lost)


# --- Studies that nobody wrote

STUDY = (resources.files("operandi.protocol") / "studies" / "nct01578239.toml").read_text("utf-8")
texts = st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn"]), min_size=1, max_size=40)


def small(**criterion: str) -> dict[str, Any]:
    """The reduced study with one criterion of other words."""
    content: dict[str, Any] = tomllib.loads(STUDY, parse_float=Decimal)
    first = content["criterion"][0]
    return content | {"criterion": [first | criterion]}


@settings(max_examples=30, deadline=None)
@over(
    title=texts,
    text=texts,
    polarity=st.sampled_from(["inclusion", "exclusion"]),
    with_literal=st.booleans(),
)
def test_any_words_are_valid_and_found_again(
    title: str, text: str, polarity: str, *, with_literal: bool
) -> None:
    content = small(text=text, polarity=polarity)
    content["study"] = content["study"] | {"title": title}
    if with_literal:
        (criterion,) = content["criterion"]
        proposed = criterion["proposed"] | {"reason": text}
        content["criterion"] = [criterion | {"literal": proposed, "proposed": proposed}]
    study = parse_study(content, file="small.toml")

    assert faults(study) == []
    assert_criteria_are_all_there(study)


DURATION = re.compile(r"(-?)P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?")


def gone(day: date, duration: str, sign: int = 1) -> date:
    """Add a duration as XML Schema does: years and months, the day clamped, then days."""
    found = DURATION.fullmatch(duration)
    assert found is not None
    years, months, days = (int(found[number] or 0) for number in (2, 3, 4))
    sign *= -1 if found[1] else 1
    return months_after(day, sign * (12 * years + months)) + timedelta(days=sign * days)


units = st.sampled_from(["day", "week", "month", "year"])
steps = st.tuples(st.sampled_from("+-"), st.integers(0, 30), units)


def _written(*parts: tuple[str, int, str]) -> str:
    return "C1" + "".join(f" {sign} {count} {unit}s" for sign, count, unit in parts)


def _visit(target: str, bounds: Mapping[str, str]) -> dict[str, Any]:
    return {
        "anchor": [{"code": "INC", "title": "Inclusion", "event": "inclusion"}],
        "cycle": [{"number": 1, "nuclide": "177Lu", "activity_gbq": 7, "reading": "literal"}],
        "visit": [
            {
                "code": "V",
                "title": "Visit",
                "kind": "follow_up",
                "anchor": "C1",
                "target": target,
                "window": dict(bounds),
                "reading": "literal",
            }
        ],
    }


@settings(max_examples=200, deadline=None)
@over(
    st.lists(steps, max_size=2),
    st.tuples(st.integers(0, 30), units),
    st.tuples(st.integers(0, 30), units),
    st.dates(date(2020, 1, 1), date(2030, 1, 1)),
)
def test_a_duration_that_is_written_leads_to_the_day_of_the_study_file(
    target: list[tuple[str, int, str]],
    earlier: tuple[int, str],
    later: tuple[int, str],
    given_on: date,
) -> None:
    first, last = _written(*target, ("-", *earlier)), _written(*target, ("+", *later))
    plan = parse_schedule(_visit(_written(*target), {"from": first, "to": last}))
    (visit,) = plan.visit
    (timing,) = timings_of(plan)

    for width, sign, (_, point, _days) in _bounds(timing.earlier, timing.later, visit.window):
        assert timing.offset is not None
        assert visit.target is not None
        on = gone(given_on, timing.offset)
        assert on == visit.target.on(given_on)
        assert gone(on, width, sign) == point.on(given_on)
    if len(target) <= 1:
        assert timing.lost == ()


def _bounds(earlier: str | None, later: str | None, window: Any) -> Iterator[tuple[Any, ...]]:
    if earlier is not None:
        yield earlier, -1, next(window.starts())
    if later is not None:
        yield later, 1, next(window.ends())
