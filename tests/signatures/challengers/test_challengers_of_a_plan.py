"""Challengers of a plan: judged beside M0, never tested, never a verdict or a card."""

from typing import Any

import pytest

from operandi.domain.identity import Digest
from operandi.quantities.errors import DataError
from operandi.signatures.analysis import Analyzed, analyze
from operandi.signatures.candidates_of import planned_model
from operandi.signatures.final_models import FinalPlan, final_fit
from operandi.signatures.plan import PlanError, plan_digest, stated
from operandi.signatures.plan_format import AnalysisPlan
from operandi.signatures.plan_lock import lock
from operandi.signatures.planned_outcomes import learned_outcome
from operandi.signatures.preparation.chain import PreparationChain
from operandi.signatures.tables import PlannedData
from tests.signatures.planned_cohort import cohort, quick_plan

KINDS = ("random_forest", "boosting", "horseshoe")
FAST = {"trees": 60, "steps": 20, "keep": 6, "draws": 400}


def _challenger(code: str, **says: Any) -> dict[str, Any]:
    return {
        "code": code,
        "title": code,
        "role": "challenger",
        "kind": code,
        "predictors": ["clinical"],
        "blocks": ["radiomics"],
    } | says


def _plan(*kinds: str, **changes: Any) -> AnalysisPlan:
    ladder = [one.model_dump() for one in quick_plan().model]
    more = {"challengers": FAST | changes.pop("challengers", {})}
    return quick_plan(model=(*ladder, *(_challenger(one) for one in kinds)), **more, **changes)


@pytest.fixture(scope="module")
def data() -> PlannedData:
    return cohort(effect=1.0, columns=8)


@pytest.fixture(scope="module")
def plan() -> AnalysisPlan:
    return _plan(*KINDS, challengers={"repeats": 1})


@pytest.fixture(scope="module")
def found(plan: AnalysisPlan, data: PlannedData) -> Analyzed:
    return analyze(
        plan,
        data,
        locked=lock(plan, freeze=Digest("a" * 64)),
        software="test",
        threads=1,
    )


def test_each_is_judged_in_nested_folds_and_exploratory(found: Analyzed) -> None:
    assert found.result.standing.label == "confirmatory"
    models = {one.model: one for one in found.result.of_endpoint("pfs")}
    for kind in KINDS:
        model = models[kind]
        assert not model.failed
        assert model.label == "exploratory"
        assert len(model.concordance_by_repeat) == 1
        assert model.calibration is not None
        assert (model.permutation, model.stability, model.final) == (None, None, None)
        concordance = model.metric("harrell_c")
        assert concordance is not None
        assert concordance.estimate.value is not None
        assert concordance.estimate.value > 0.6
    assert models["random_forest"].selected == ()
    assert models["boosting"].selected
    assert models["M1"].label == "confirmatory"
    assert len(models["M1"].concordance_by_repeat) == 2


def test_the_gain_over_m0_is_of_the_same_folds_and_not_tested(
    found: Analyzed, plan: AnalysisPlan, data: PlannedData
) -> None:
    gains = {
        one.model: one
        for one in found.result.comparisons
        if one.endpoint == "pfs" and one.metric == "harrell_c" and not one.planned
    }
    once = analyze(
        plan.model_copy(update={"resampling": plan.resampling.model_copy(update={"repeats": 1})}),
        data,
        locked=None,
        software="test",
    )
    models = {one.model: one for one in once.result.of_endpoint("pfs")}
    for kind in KINDS:
        gain = gains[kind]
        assert (gain.label, gain.against, gain.p_value) == ("exploratory", "M0", None)
        mine, first = models[kind].metric("harrell_c"), models["M0"].metric("harrell_c")
        assert mine is not None
        assert first is not None
        assert mine.estimate.value is not None
        assert first.estimate.value is not None
        assert gain.difference.value == pytest.approx(mine.estimate.value - first.estimate.value)
    assert gains["M1"].label == "confirmatory"


def test_none_is_the_model_of_the_verdict_or_of_a_card(found: Analyzed) -> None:
    assert {one.model for one in found.result.verdicts} == {"M1"}
    assert set(found.finals) == {"M0", "M1"}
    assert any("judged in 1 of 2 repeats" in note for note in found.result.notes)


def test_on_yes_or_no_each_says_why_there_is_none(found: Analyzed) -> None:
    models = {one.model: one for one in found.result.of_endpoint("non_response")}
    for kind in KINDS:
        assert "fitted to times alone" in models[kind].reason
        assert models[kind].metrics == ()


@pytest.mark.parametrize("kind", ["random_forest", "horseshoe"])
def test_refuses_a_final_model_and_with_it_a_card(kind: str, data: PlannedData) -> None:
    plan = _plan(kind)
    planned = planned_model(plan, plan.model[-1], data.predictors, chain=PreparationChain(steps=()))
    with pytest.raises(DataError, match="a final model and its card are sums of terms"):
        final_fit(
            planned,
            planned.predictors,
            learned_outcome(data.endpoints["pfs"]),
            endpoint="pfs",
            plan=FinalPlan(horizons=(365.0,), inner=3, refits=1, imputations=1, seed=1, level=0.95),
        )


@pytest.mark.parametrize(
    ("says", "words"),
    [
        ({"role": "ladder"}, r"model\[boosting\].role: boosting bears no verdict"),
        (
            {"kind": "random_forest", "unpenalized": ["clinical"]},
            r"model\[boosting\].unpenalized: a forest has no penalty",
        ),
    ],
)
def test_refuses_a_challenger_that_is_none(says: dict[str, Any], words: str) -> None:
    ladder = [one.model_dump() for one in quick_plan().model]
    with pytest.raises(PlanError, match=words):
        quick_plan(model=(*ladder, _challenger("boosting", **says)))


@pytest.mark.parametrize("key", ["model", "against"])
def test_refuses_to_test_a_challenger(key: str) -> None:
    asked = {"model": "M1", "against": "M0", "endpoint": "pfs", "metric": "harrell_c"}
    with pytest.raises(PlanError, match=rf"comparison\[1\].{key}: boosting is a challenger"):
        _plan("boosting", comparison=[asked | {key: "boosting"}])


def test_refuses_more_repeats_than_the_plan_has() -> None:
    with pytest.raises(PlanError, match=r"challengers\.repeats: 3 are more than"):
        _plan("boosting", challengers={"repeats": 3})


def test_plans_without_challengers_keep_their_digest() -> None:
    """A plan that was locked before there was such a section says nothing of it."""
    assert "challengers" not in stated(quick_plan())
    assert plan_digest(quick_plan()) != plan_digest(quick_plan(challengers={"keep": 40}))
    plain, other = _plan("boosting"), _plan("boosting", challengers={"share": 0.2})
    assert stated(plain)["challengers"]["share"] == 0.1
    assert plan_digest(plain) != plan_digest(other)
