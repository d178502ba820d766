"""Curves as plain data."""

from typing import Any

import numpy as np
import pytest

from operandi.signatures.data import RightCensored
from operandi.signatures.described import survival_curve, times_used
from operandi.signatures.plan_format import PlannedEndpoint


def test_curves_drawn_together_tell_their_numbers_at_risk_on_the_same_days() -> None:
    """By hand: of 30, 60 and 90 days two are left on day 60 and none after day 90."""
    short = RightCensored(time=np.array([30.0, 60.0, 90.0]), event=np.array([True, False, True]))
    long = RightCensored(time=np.array([50.0, 120.0]), event=np.array([True, False]))

    curves = [survival_curve(one, name="", level=0.95, until=120.0) for one in (short, long)]

    assert curves[0].at_risk_days == curves[1].at_risk_days
    assert dict(zip(curves[0].at_risk_days, curves[0].at_risk, strict=True))[60.0] == 2.0
    assert (curves[0].at_risk[-1], curves[1].at_risk[-1]) == (0.0, 1.0)
    assert curves[0].last_day == 90.0


@pytest.mark.parametrize(
    ("says", "time"),
    [
        ({"kind": "os"}, "day of death"),
        ({"kind": "pfs"}, "day of the first scan with progression, or of death"),
        ({"kind": "progression"}, "day of the first scan with progression"),
        (
            {"kind": "pfs", "new_therapy": "event"},
            "day of the first scan with progression, or of death, or of another treatment",
        ),
        ({"kind": "os", "table": "t", "time": "days", "event": "died"}, "as supplied, t.days"),
    ],
)
def test_each_endpoint_says_its_own_time(says: dict[str, Any], time: str) -> None:
    assert times_used(PlannedEndpoint(code="one", role="primary", **says))[0] == time
