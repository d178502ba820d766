"""Curves as plain data."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from operandi.signatures.data import RightCensored
from operandi.signatures.described import (
    endpoint_result,
    predictor_summaries,
    survival_curve,
    times_used,
)
from operandi.signatures.plan_format import PlannedEndpoint
from tests.signatures.planned_cohort import cohort as planned_cohort
from tests.signatures.resampling.cohorts import cohort


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


@pytest.mark.parametrize("progression", ["interval", "right_end"])
def test_right_ends_are_no_other_analysis_of_the_models_and_say_so(progression: str) -> None:
    data = planned_cohort(events=8)
    pfs = data.endpoints["pfs"]
    plan = pfs.plan.model_copy(update={"progression": progression})

    found = endpoint_result(data, replace(pfs, plan=plan), level=0.95, seed=1, draws=2)

    assert any("same models and metrics" in one for one in found.time_used) == (
        progression == "right_end"
    )


def test_a_predictor_that_was_logged_says_so() -> None:
    """A median of 1.03 is no Ki-67 of 1 %."""
    predictors, _ = cohort(seed=1, columns=2, participants=5)

    found = predictor_summaries(predictors, logged=["x001"])

    assert [(one.name, one.logged) for one in found] == [("x000", False), ("x001", True)]
