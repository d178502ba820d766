"""Progression as a plan has it: another treatment and death as event, as censoring, or neither."""

from typing import Any

import numpy as np
import pytest

from operandi.signatures.endpoint_values import Ending
from operandi.signatures.plan_format import PlannedEndpoint
from operandi.signatures.tables_of.outcomes import progression_endpoint
from tests.signatures.test_endpoints import PD, SD, only, someone

NEVER = np.inf


@pytest.mark.parametrize(
    ("said", "one", "expected"),
    [
        ({}, someone({84: SD, 252: PD}, therapy=200), (84.0, NEVER, Ending.NEW_THERAPY)),
        (
            {"new_therapy": "event"},
            someone({84: SD, 252: PD}, therapy=200),
            (200.0, 200.0, Ending.NEW_THERAPY),
        ),
        (
            {"new_therapy": "event"},
            someone({84: SD, 168: PD}, therapy=200),
            (84.0, 168.0, Ending.PROGRESSION),
        ),
        (
            {"new_therapy": "event"},
            someone({84: SD}, therapy=200, death=150),
            (150.0, 150.0, Ending.DEATH),
        ),
        (
            {"new_therapy": "ignore"},
            someone({84: SD, 252: PD}, therapy=200),
            (84.0, 252.0, Ending.PROGRESSION),
        ),
        ({"kind": "progression"}, someone({84: SD}, death=150), (84.0, NEVER, Ending.DEATH)),
        (
            {"kind": "progression"},
            someone({84: SD, 168: PD}, death=180),
            (84.0, 168.0, Ending.PROGRESSION),
        ),
        # Without a longest gap death counts on its day; with one it lies anywhere after the scan.
        ({}, someone({84: SD}, death=500), (500.0, 500.0, Ending.DEATH)),
        (
            {"longest_gap_days": 200.0},
            someone({84: SD}, death=500),
            (84.0, 500.0, Ending.DEATH_AFTER_GAP),
        ),
    ],
)
def test_progression_follows_the_plan(
    said: dict[str, Any], one: Any, expected: tuple[float, float, Ending]
) -> None:
    endpoint = PlannedEndpoint(**{"code": "x", "kind": "pfs", "role": "primary"} | said)
    assert only(progression_endpoint(endpoint, [one])) == expected


def test_the_rule_says_what_the_plan_changed() -> None:
    endpoint = PlannedEndpoint(code="x", kind="progression", role="primary", new_therapy="event")
    rule = progression_endpoint(endpoint, [someone({84: SD})]).rule
    assert "Another treatment before the event counts as the event" in rule
    assert "Death is no event here" in rule
    assert "gap" not in rule


def test_without_a_longest_gap_the_rule_speaks_of_none() -> None:
    """A death then counts on its day, and the rule must not say that it lies in a gap."""
    without, limited = (
        progression_endpoint(
            PlannedEndpoint(code="x", kind="pfs", role="primary", longest_gap_days=gap),
            [someone({84: SD}, death=500)],
        ).rule
        for gap in (None, 200.0)
    )
    assert "gap" not in without
    assert "an event more than 200 days after the last clear scan lies anywhere in the gap" in (
        limited
    )
