"""The calendar of a study file: what it says, and what is refused."""

import copy
import json
import tomllib
from datetime import date
from decimal import Decimal
from importlib import resources
from typing import Any

import pytest

from operandi.protocol.schedule_format import SchedulePlan, parse_schedule
from operandi.protocol.schedule_point import Point
from operandi.quantities.errors import DataError
from tests.protocol.schedule_builders import study_content, the_plan


def changed(section: str, place: int, /, **keys: Any) -> dict[str, Any]:
    """The study's calendar with keys of one entry changed; None takes a key away."""
    content = copy.deepcopy(study_content())
    entry = content[section][place]
    entry.update(keys)
    content[section][place] = {key: value for key, value in entry.items() if value is not None}
    return content


def test_the_study_has_four_cycles_three_pet_mri_and_laboratory_before_each_cycle() -> None:
    plan = the_plan()

    assert [cycle.code for cycle in plan.cycle] == ["C1", "C2", "C3", "C4"]
    assert {cycle.activity_gbq for cycle in plan.cycle} == {Decimal("7.4")}
    assert [visit.code for visit in plan.visit if visit.kind == "pet_mri"] == [
        "BASELINE",
        "AFTER_CYCLE_2",
        "YEAR_1",
    ]
    assert [visit.code for visit in plan.visit if visit.kind == "laboratory"] == [
        f"LAB_C{number}" for number in (1, 2, 3, 4)
    ]


def test_the_shipped_study_keeps_the_calendar_of_these_tests() -> None:
    studies = resources.files("operandi.protocol") / "studies"
    shipped = studies / "nct06256705.toml"
    if not shipped.is_file():  # until its sections are joined
        shipped = studies / "nct06256705.schedule.part.toml"
    content = tomllib.loads(shipped.read_text("utf-8"))
    words = {"title", "text", "reason"}
    entries = {"__all__": words}
    without = {"anchor": entries, "cycle": entries, "visit": entries}

    plan = parse_schedule({key: content[key] for key in ("anchor", "cycle", "visit")})

    assert plan.model_dump(exclude=without) == the_plan().model_dump(exclude=without)


def test_every_proposed_reading_of_the_study_says_why() -> None:
    assert all(entry.reason for entry in (*the_plan().cycle, *the_plan().visit))


@pytest.mark.parametrize(
    ("text", "anchor_on", "on"),
    [
        ("C1", "2025-03-31", "2025-03-31"),
        ("C1 - 1 month", "2025-03-31", "2025-02-28"),
        ("C1 - 1 month", "2024-03-31", "2024-02-29"),
        ("C1 + 12 months", "2024-02-29", "2025-02-28"),
        # The clamp of each step stays: 28 Jan, not 29 as from 11 months at once.
        ("C1 + 12 months - 1 month", "2024-02-29", "2025-01-28"),
        ("C1 + 11 months", "2024-02-29", "2025-01-29"),
        ("C1 + 6 weeks", "2025-03-10", "2025-04-21"),
        ("C1 - 28 d", "2025-03-01", "2025-02-01"),
    ],
)
def test_a_point_counts_from_its_anchor_step_by_step(text: str, anchor_on: str, on: str) -> None:
    point = Point.parse(text)

    assert point.on(date.fromisoformat(anchor_on)) == date.fromisoformat(on)


@pytest.mark.parametrize("text", ["C1", "C1 + 12 months - 1 month", "C2 + 6 weeks"])
def test_a_point_is_written_as_it_was_read(text: str) -> None:
    assert str(Point.parse(text)) == text


@pytest.mark.parametrize("text", ["", "c1", "C1+6 weeks", "C1 + weeks", "6 weeks", "C1 + 2 moons"])
def test_refuses_text_that_is_no_point(text: str) -> None:
    with pytest.raises(DataError, match=r"is no (point in time|offset)"):
        Point.parse(text)


def test_refuses_a_point_by_the_hour() -> None:
    with pytest.raises(DataError, match="counts hours"):
        Point.parse("C1 - 24 h")


def test_a_calendar_comes_back_from_json() -> None:
    written = the_plan().model_dump_json(by_alias=True)

    assert SchedulePlan.model_validate_json(written) == the_plan()


def test_the_schema_says_how_a_point_is_written() -> None:
    schema = json.dumps(SchedulePlan.model_json_schema())

    assert "C1" not in schema
    assert "[+-]" in schema


def test_refuses_cycles_that_go_in_a_circle() -> None:
    content = changed("cycle", 0, after="C3", spacing="8 weeks")

    with pytest.raises(DataError, match="cycle 1, after: C1 after C3 after C2 after C1 goes in a"):
        parse_schedule(content)


def test_refuses_a_cycle_after_itself() -> None:
    with pytest.raises(DataError, match="cycle 2, after: C2 after C2 goes in a circle"):
        parse_schedule(changed("cycle", 1, after="C2"))


@pytest.mark.parametrize(
    ("content", "key"),
    [
        (changed("cycle", 1, after="C9"), "cycle 2, after: C9 is no anchor"),
        (changed("visit", 0, anchor="C9"), "visit BASELINE, anchor: C9 is no anchor"),
        (changed("visit", 1, target="C9 + 1 day"), "AFTER_CYCLE_2, target: C9 is no anchor"),
        (
            changed("visit", 0, window={"from": "C1 - 1 month", "before": "X"}),
            "visit BASELINE, window.before: X is no anchor; known: C1, C2, C3, C4, CONS, INC",
        ),
        (
            changed("visit", 1, alternative=[{"when_cancelled": "CONS", "window": {"to": "C2"}}]),
            "alternative.0.when_cancelled: CONS is no cycle",
        ),
    ],
)
def test_refuses_an_unknown_anchor_naming_the_key(content: dict[str, Any], key: str) -> None:
    with pytest.raises(DataError, match=key):
        parse_schedule(content)


def test_names_every_unknown_anchor_at_once() -> None:
    content = changed("visit", 0, anchor="X1", window={"from": "X2", "before": "X3"})

    with pytest.raises(DataError, match=r"X1 .*X2 .*X3 "):
        parse_schedule(content)


@pytest.mark.parametrize(
    "window",
    [
        {"from": "C1 + 2 weeks", "to": "C1 + 1 week"},
        {"after": "C1", "before": "C1 + 1 day"},
        # C3 is planned 8 weeks after C2.
        {"from": "C2 + 9 weeks", "before": "C3", "to": "C1 + 5 years"},
        # Holds a day in most months, but not for 29 January: 28 February is 30 days on.
        {"from": "C1 + 31 days", "to": "C1 + 1 month"},
    ],
)
def test_refuses_a_window_that_can_hold_no_day(window: dict[str, str]) -> None:
    content = changed("visit", 0, anchor="C1", target="C1", window=window)

    with pytest.raises(DataError, match="visit BASELINE, window: no day is"):
        parse_schedule(content)


def test_a_window_of_one_day_is_none_that_is_empty() -> None:
    content = changed("visit", 0, window={"after": "C1", "before": "C1 + 2 days"})

    assert str(parse_schedule(content).visit[0].window) == "after C1, before C1 + 2 days"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (changed("visit", 0, window={}), "a window has one of from, after, to and before"),
        (changed("visit", 0, reason=None), "visit.0: .*a proposed reading says why"),
        (changed("visit", 0, kind="party"), "visit.0.kind"),
        (changed("visit", 0, shade="red"), "visit.0.shade: Extra inputs"),
        (changed("visit", 0, anchor="C4"), "anchor: neither target nor window counts from C4"),
        (changed("visit", 1, code="BASELINE"), "BASELINE is declared twice"),
        (changed("visit", 0, code="C1"), "C1 is declared twice"),
        (changed("anchor", 0, code="C9"), "anchor C9, code: is that of a cycle"),
        (changed("cycle", 1, after=None), "after, spacing: a cycle has both or neither"),
        (changed("cycle", 1, tolerance="-7 days"), "tolerance: -7 days"),
        (changed("cycle", 1, spacing="1344 h"), "spacing: 1344 hours"),
        (changed("cycle", 0, activity_gbq=0), "cycle.0.activity_gbq"),
        (changed("cycle", 0, activity_gbq="much"), "cycle.0.activity_gbq"),
        (changed("cycle", 0, number=True), "cycle.0.number"),
    ],
)
def test_refuses_what_a_calendar_cannot_say(content: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        parse_schedule(content)
