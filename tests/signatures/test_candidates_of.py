"""From a model of the plan to its recipe."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from operandi.quantities.errors import DataError
from operandi.signatures.candidates_of import ModelRecipe, columns_named, planned_model
from operandi.signatures.data import RightCensored
from operandi.signatures.planned_outcomes import learned_outcome
from operandi.signatures.preparation.chain import PreparationChain
from operandi.signatures.preparation.planned import planned_chain
from operandi.signatures.resampling.candidates import FittedCandidate
from operandi.signatures.resampling.folds import Resampling, deal_folds, generator_of
from operandi.signatures.resampling.nested import nested_evaluation
from operandi.signatures.tables import PlannedData
from tests.signatures.planned_cohort import cohort, quick_plan

NONE = PreparationChain(steps=())


def _model(kind: str, **says: Any) -> list[dict[str, Any]]:
    first = {
        "code": "M0",
        "title": "clinical",
        "role": "ladder",
        "kind": "cox",
        "predictors": ["clinical"],
    }
    second = {
        "code": "M1",
        "title": "all",
        "role": "ladder",
        "kind": kind,
        "predictors": ["clinical"],
        "blocks": ["radiomics"],
    }
    return [first, second | says]


def _planned(data: PlannedData, kind: str, *, binary: bool = False, **says: Any) -> ModelRecipe:
    more: dict[str, Any] = {"comparison": []} if says.get("role") == "challenger" else {}
    plan = quick_plan(model=_model(kind, **says), penalty={"lambdas": 10}, **more)
    return planned_model(plan, plan.model[1], data.predictors, chain=NONE, binary=binary)


def _fit(planned: ModelRecipe, outcome: RightCensored) -> FittedCandidate:
    folds = deal_folds(
        planned.predictors.participants,
        outcome.event,
        folds=3,
        generator=generator_of(1, 2),
    )
    fitted = planned.candidate.fit(planned.predictors, outcome, inner=folds, seed=1)
    assert isinstance(fitted, FittedCandidate)
    return fitted


def test_columns_are_named_by_code_with_or_without_a_part() -> None:
    names = ("age", "texture.f0", "texture_two.f0")
    assert columns_named(("texture", "age"), names) == ("age", "texture.f0")


def test_unpenalized_columns_have_a_block_of_their_own_that_permutations_keep() -> None:
    planned = _planned(cohort(), "elastic_net", unpenalized=["clinical"])
    assert planned.kept_columns == ("clinical.age", "clinical.grade")
    assert planned.unpenalized == ("clinical.age", "clinical.grade")
    fitted = _fit(planned, learned_outcome(cohort().endpoints["pfs"]))
    assert {"clinical.age", "clinical.grade"} <= set(fitted.selected)


def test_nothing_is_kept_where_everything_is_unpenalized() -> None:
    plan = quick_plan()
    planned = planned_model(plan, plan.model[0], cohort().predictors, chain=NONE)
    assert planned.kept_columns == ()


@pytest.mark.parametrize("kind", ["cox", "elastic_net"])
def test_columns_of_the_rung_below_stay_in_place_whatever_the_kind(kind: str) -> None:
    planned = _planned(cohort(), kind, unpenalized=[])
    assert planned.kept_columns == planned.below == ("clinical.age", "clinical.grade")


def test_steps_for_a_block_work_on_its_unpenalized_columns_too() -> None:
    plan = quick_plan(preparation=({"step": "scaling", "block": ["clinical"]},))
    chain = planned_chain(plan, repeatability={})
    planned = planned_model(plan, plan.model[1], cohort().predictors, chain=chain)
    fitted = _fit(planned, learned_outcome(cohort().endpoints["pfs"]))
    assert fitted.chain is not None
    rows = fitted.chain.apply(planned.predictors, role="training")
    assert rows.values[:, 0].std() == pytest.approx(1.0, abs=0.02)
    assert rows.values[:, 3] == pytest.approx(planned.predictors.values[:, 3])


@pytest.mark.parametrize("kind", ["priority_lasso", "group_lasso", "elastic_net"])
def test_each_kind_finds_a_strong_signal_out_of_fold(kind: str) -> None:
    data = cohort(effect=1.3, columns=4)
    planned = _planned(data, kind)
    found = nested_evaluation(
        planned.candidate,
        planned.predictors,
        learned_outcome(data.endpoints["pfs"]),
        resampling=Resampling(repeats=1, outer=4, inner=3, seed=2),
        days=np.array([365.0]),
    )
    assert not found.failed
    assert found.mean_concordance > 0.7


def test_the_priority_lasso_takes_blocks_in_the_order_of_the_plan() -> None:
    planned = _planned(cohort(), "priority_lasso")
    assert planned.candidate.order == ("clinical", "radiomics")  # type: ignore[attr-defined]


@pytest.mark.parametrize("endpoint", ["pfs", "non_response"])
def test_a_given_score_keeps_its_order_whatever_the_outcome_says(endpoint: str) -> None:
    data = cohort(effect=1.3)
    binary = endpoint == "non_response"
    outcome = learned_outcome(data.endpoints[endpoint])
    values = data.predictors.values.copy()
    values[:, 0] = -values[:, 2]
    wrong = replace(data.predictors, values=values)
    plan = quick_plan(
        supplied=[
            {
                "code": "clinical",
                "block": "clinical",
                "table": "scores",
                "columns": ["age"],
                "at": "BASELINE",
            }
        ],
        model=[
            {
                "code": "score",
                "title": "given",
                "role": "ladder",
                "kind": "given_score",
                "predictors": ["clinical"],
                "source": "somebody",
            }
        ],
        comparison=[],
    )
    wrong = replace(
        wrong,
        names=("clinical.age", *(f"other.{name}" for name in wrong.names[1:])),
    )
    planned = planned_model(plan, plan.model[0], wrong, chain=NONE, binary=binary)
    fitted = _fit(planned, outcome)
    assert 0.0 < fitted.coefficients[0] < 1e-3


def test_yes_no_models_foretell_odds() -> None:
    data = cohort(effect=1.3, columns=3)
    outcome = learned_outcome(data.endpoints["non_response"])
    for planned in (
        _planned(data, "elastic_net", binary=True),
        planned_model(
            quick_plan(), quick_plan().model[0], data.predictors, chain=NONE, binary=True
        ),
    ):
        fitted = _fit(planned, outcome)
        odds = fitted.predictor(planned.predictors, trained=True)
        chance = 1.0 / (1.0 + np.exp(-odds))
        # The score equation of the intercept.
        assert chance.mean() == pytest.approx(outcome.event.mean(), abs=1e-3)


def test_yes_no_paths_with_preparation_equal_those_without_where_it_does_nothing() -> None:
    data = cohort(effect=1.3, columns=3)
    outcome = learned_outcome(data.endpoints["non_response"])
    plain = _fit(_planned(data, "elastic_net", binary=True), outcome)
    plan = quick_plan(
        model=_model("elastic_net"), penalty={"lambdas": 10}, preparation=({"step": "duplicates"},)
    )
    planned = planned_model(
        plan,
        plan.model[1],
        data.predictors,
        chain=planned_chain(plan, repeatability={}),
        binary=True,
    )
    fitted = _fit(planned, outcome)
    assert fitted.coefficients == pytest.approx(plain.coefficients, abs=1e-6)
    assert fitted.center == pytest.approx(plain.center, abs=1e-6)


@pytest.mark.parametrize("kind", ["random_forest", "boosting", "horseshoe"])
def test_a_challenger_is_not_fitted_to_yes_or_no(kind: str) -> None:
    words = f"is a {kind.replace('_', ' ')}, which is fitted to times alone"
    with pytest.raises(DataError, match=words):
        _planned(cohort(), kind, role="challenger", binary=True)


def test_challengers_are_made_as_the_plan_says() -> None:
    says = {
        "trees": 60,
        "node_events": 4,
        "split_columns": 5,
        "steps": 20,
        "share": 0.2,
        "expected": 2.0,
        "slab_scale": 0.5,
        "keep": 7,
        "draws": 300,
    }
    plan = quick_plan(challengers=says)

    def recipe(kind: str, **more: Any) -> Any:
        model = plan.model[1].model_copy(
            update={"kind": kind, "role": "challenger", "unpenalized": (), **more}
        )
        return planned_model(plan, model, cohort().predictors, chain=NONE)

    forest = recipe("random_forest")
    assert not forest.selects
    assert (forest.candidate.trees, forest.candidate.node_events) == (60, 4)
    assert forest.candidate.tries == 5
    boosting = recipe("boosting", unpenalized=("clinical",)).candidate
    assert (boosting.steps, boosting.share) == (20, 0.2)
    assert boosting.factors == {"clinical, unpenalized": 0.0}
    horseshoe = recipe("horseshoe", unpenalized=("clinical",)).candidate
    assert (horseshoe.prior.expected, horseshoe.prior.slab_scale) == (2.0, 0.5)
    assert (horseshoe.keep, horseshoe.draws, horseshoe.level) == (7, 300, 0.95)
    assert horseshoe.factors == {"clinical, unpenalized": 0.0}
