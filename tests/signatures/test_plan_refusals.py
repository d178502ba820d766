"""What an analysis would refuse is told by its key before the plan is locked."""

from typing import Any

import pytest

from operandi.signatures.plan_refusals import plan_refusals
from tests.signatures.planned_cohort import quick_plan


@pytest.mark.parametrize(
    ("resampling", "words"),
    [
        ({"permutations": 10}, "resampling.permutations: 10 are fewer than 19"),
        ({"permutations": 19}, "resampling.permutations: p of 19 cannot be below"),
    ],
)
def test_too_few_repeats_are_refused(resampling: dict[str, Any], words: str) -> None:
    found = plan_refusals(quick_plan(resampling=resampling))
    assert [str(one).startswith(words) for one in found] == [True]


def test_a_plan_that_can_be_run_has_no_refusal() -> None:
    assert plan_refusals(quick_plan(resampling={"permutations": 20})) == ()
    assert plan_refusals(quick_plan(resampling={"permutations": 0})) == ()


@pytest.mark.parametrize("kind", ["horseshoe", "random_forest", "boosting", "group_lasso"])
def test_a_yes_or_no_has_no_model_of_times(kind: str) -> None:
    plan = quick_plan()
    assert plan_refusals(plan) == ()
    model = plan.model[-1].model_copy(update={"kind": kind})
    answer = plan.endpoint[1].model_copy(update={"role": "primary"})
    plan = plan.model_copy(update={"model": (*plan.model[:-1], model), "endpoint": (answer,)})
    refused = [one for one in plan_refusals(plan) if one.key.startswith("model")]
    assert [one.key for one in refused] == [f"model[{model.code}].kind"]
    assert "fitted to times" in refused[0].problem
