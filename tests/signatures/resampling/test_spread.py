"""The factor by which inner folds spread predictions, against computations of its own."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import expit

from operandi.signatures.candidates_of import ModelRecipe
from operandi.signatures.cox.newton import fit_cox
from operandi.signatures.cox.path_kernel import settings_of
from operandi.signatures.data import Floats, Predictors, RightCensored
from operandi.signatures.final_models import FinalPlan, final_fit, final_result
from operandi.signatures.plan_format import PlannedModel
from operandi.signatures.preparation.chain import On, PreparationChain, predictors_at
from operandi.signatures.preparation.scaling import Scaling
from operandi.signatures.resampling.candidates import (
    Candidate,
    FewColumns,
    FittedCandidate,
    Penalized,
    columns_of,
)
from operandi.signatures.resampling.folds import Labels, Resampling, deal_folds, draw_folds
from operandi.signatures.resampling.further_candidates import (
    Grouped,
    LogisticColumns,
    Prioritized,
    ordering_alone,
)
from operandi.signatures.resampling.nested import mean_concordance, nested_evaluation
from operandi.signatures.resampling.spread import (
    LEAST_SPREAD,
    MOST_SPREAD,
    SPREAD_VARIANCE,
    log_odds_at,
    spread_of_answers,
    spread_of_times,
)
from tests.signatures.resampling.cohorts import cohort

PREDICTORS, OUTCOME = cohort(seed=5, effects=(0.9, -0.7), columns=8, clinical=2)
INNER = deal_folds(
    PREDICTORS.participants, OUTCOME.event, folds=4, generator=np.random.default_rng(2)
)
PLAN = Resampling(repeats=2, outer=4, inner=3, seed=7)
SETTINGS = settings_of()
NAMES = PREDICTORS.names
RECIPES: tuple[Candidate, ...] = (
    FewColumns(name="few", columns=NAMES[:2], spread="cross_validated"),
    Penalized(name="net", columns=NAMES, settings=SETTINGS, spread="cross_validated"),
    Prioritized(
        name="priority",
        columns=NAMES,
        settings=SETTINGS,
        order=("clinical", "pet"),
        spread="cross_validated",
    ),
    Grouped(name="group", columns=NAMES, settings=SETTINGS, spread="cross_validated"),
)


def by_hand(outcome: RightCensored, held: Floats, inner: Labels) -> float:
    """The penalized likelihood, pair by pair, maximized by a bounded search."""

    def lost(factor: float) -> float:
        total = -((factor - 1.0) ** 2) / (2.0 * SPREAD_VARIANCE)
        for row in np.flatnonzero(outcome.event):
            risk = (inner == inner[row]) & (outcome.time >= outcome.time[row])
            total += factor * held[row] - np.log(np.exp(factor * held[risk]).sum())
        return -total

    found = minimize_scalar(
        lost, bounds=(LEAST_SPREAD, MOST_SPREAD), method="bounded", options={"xatol": 1e-9}
    )
    return float(found.x)


def fitted(candidate: Candidate, rows: Predictors = PREDICTORS) -> FittedCandidate:
    fit = candidate.fit(rows, OUTCOME, inner=INNER, seed=1)
    assert isinstance(fit, FittedCandidate)
    return fit


def test_two_rows_have_a_factor_in_closed_form() -> None:
    """The score is d (1 - expit(g d)) + (1 - g) / variance, with d the difference of the two."""
    held = np.array([1.5, 0.0])
    outcome = RightCensored(time=np.array([1.0, 2.0]), event=np.array([True, False]))
    factor = spread_of_times(outcome, held, np.zeros(2, dtype=np.int64))

    assert 1.5 * expit(-1.5 * factor) == pytest.approx((factor - 1.0) / SPREAD_VARIANCE)


def test_the_factor_maximizes_the_penalized_likelihood_within_inner_folds() -> None:
    days = RightCensored(time=np.ceil(OUTCOME.time / 60.0), event=OUTCOME.event)  # with ties
    held = 0.5 * PREDICTORS.values[:, 0] + 10.0 * INNER

    assert spread_of_times(days, held, INNER) == pytest.approx(by_hand(days, held, INNER), abs=1e-6)


def test_of_many_participants_it_is_what_the_predictor_lacks() -> None:
    """Half of the true linear predictor needs to be doubled; the prior has no weight."""
    many, outcome = cohort(seed=1, effects=(1.0,), participants=6000, columns=1)
    inner = np.arange(6000) % 5
    assert spread_of_times(outcome, 0.5 * many.values[:, 0], inner) == pytest.approx(2.0, abs=0.08)


def test_it_stays_in_its_range_and_is_one_where_nothing_is_told() -> None:
    many, outcome = cohort(seed=1, effects=(1.0,), participants=600, columns=1)
    inner = np.arange(600) % 5
    assert spread_of_times(outcome, -many.values[:, 0], inner) == LEAST_SPREAD
    assert spread_of_times(outcome, 0.2 * many.values[:, 0], inner) == MOST_SPREAD
    assert spread_of_times(outcome, np.full(600, np.nan), inner) == 1.0
    assert spread_of_times(outcome, inner.astype(np.float64), inner) == 1.0


def test_of_yes_and_no_it_maximizes_a_logistic_likelihood() -> None:
    held = 0.4 * PREDICTORS.values[:, 0]
    centered = held - np.array([held[one == INNER].mean() for one in INNER])
    answers = OUTCOME.event

    def lost(factor: float) -> float:
        eta = factor * centered
        return float(
            np.logaddexp(0.0, eta + log_odds_at(answers, eta)).sum()
            - answers @ (eta + log_odds_at(answers, eta))
            + (factor - 1.0) ** 2 / (2.0 * SPREAD_VARIANCE)
        )

    found = minimize_scalar(lost, bounds=(0.1, 3.0), method="bounded", options={"xatol": 1e-9})
    assert spread_of_answers(answers, held, INNER) == pytest.approx(float(found.x), abs=1e-5)
    chances = expit(held + log_odds_at(answers, held))
    assert chances.sum() == pytest.approx(answers.sum())


def test_few_columns_are_multiplied_by_the_factor_of_fits_without_each_inner_fold() -> None:
    x, held = PREDICTORS.values[:, :2], np.empty(INNER.size)
    for fold in range(4):
        rest = fold != INNER
        part = RightCensored(time=OUTCOME.time[rest], event=OUTCOME.event[rest])
        held[~rest] = x[~rest] @ fit_cox(part, np.ascontiguousarray(x[rest])).coefficients
    factor = by_hand(OUTCOME, held, INNER)
    found, plain = fitted(RECIPES[0]), fitted(ordering_alone(RECIPES[0]))

    assert found.spread == pytest.approx(factor, abs=1e-6)
    assert plain.spread is None
    np.testing.assert_allclose(found.coefficients, factor * plain.coefficients, rtol=1e-6)
    np.testing.assert_allclose(
        found.predictor(PREDICTORS), factor * plain.predictor(PREDICTORS), rtol=1e-6
    )


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda one: one.name)
def test_every_recipe_is_its_fit_times_the_factor(recipe: Candidate) -> None:
    found, plain = fitted(recipe), fitted(ordering_alone(recipe))
    assert found.spread is not None
    assert 0.3 < found.spread < 2.5
    assert found.spread != 1.0
    np.testing.assert_allclose(
        found.predictor(PREDICTORS), found.spread * plain.predictor(PREDICTORS), rtol=1e-9
    )


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda one: one.name)
def test_units_of_columns_do_not_move_the_factor(recipe: Candidate) -> None:
    scaled = replace(PREDICTORS, values=PREDICTORS.values * 7.0)
    one, other = fitted(recipe), fitted(recipe, scaled)
    assert one.spread == pytest.approx(other.spread or 0.0, rel=1e-3)


def test_a_recipe_with_preparation_has_the_factor_of_one_without() -> None:
    """Scaling is learned anew in every inner fold, as the compiled path does by itself."""
    net = RECIPES[1]
    assert isinstance(net, Penalized)
    scaled = replace(net, chain=PreparationChain(steps=(On(step=Scaling(method="z")),)))
    assert fitted(scaled).spread == pytest.approx(fitted(net).spread or 0.0, rel=1e-3)


def test_log_odds_are_spread_and_foretell_as_many_as_there_are() -> None:
    for recipe in (
        LogisticColumns(name="few", columns=NAMES[:2], spread="cross_validated"),
        Penalized(
            name="net",
            columns=NAMES,
            settings=settings_of(logistic=True),
            spread="cross_validated",
        ),
    ):
        found, plain = fitted(recipe), fitted(ordering_alone(recipe))
        assert found.spread is not None
        np.testing.assert_allclose(found.coefficients, found.spread * plain.coefficients)
        chances = expit(found.predictor(PREDICTORS))
        assert chances.sum() == pytest.approx(OUTCOME.events, abs=1e-6)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda one: one.name)
def test_no_order_depends_on_it(recipe: Candidate) -> None:
    days = np.array([365.0])
    found = nested_evaluation(recipe, PREDICTORS, OUTCOME, resampling=PLAN, days=days)
    plain = nested_evaluation(
        ordering_alone(recipe), PREDICTORS, OUTCOME, resampling=PLAN, days=days
    )
    np.testing.assert_array_equal(found.concordance, plain.concordance)
    assert mean_concordance(recipe, PREDICTORS, OUTCOME, resampling=PLAN) == pytest.approx(
        found.mean_concordance, rel=1e-12
    )
    assert np.abs(found.survival - plain.survival).max() > 0.005


def test_the_compiled_repeat_says_what_a_fit_of_its_training_rows_says() -> None:
    """And what outcomes the left-out rows have moves nothing that is foretold of them."""
    net = RECIPES[1]
    folds = draw_folds(PREDICTORS.participants, OUTCOME.event, resampling=PLAN, repeat=0)
    training, test = np.flatnonzero(folds.outer != 0), np.flatnonzero(folds.outer == 0)
    part = RightCensored(time=OUTCOME.time[training], event=OUTCOME.event[training])
    fit = net.fit(predictors_at(PREDICTORS, training), part, inner=folds.inner[0][training], seed=1)
    time = OUTCOME.time.copy()
    time[test] = time[test][::-1] + 5.0
    for outcome in (OUTCOME, RightCensored(time=time, event=OUTCOME.event)):
        found = nested_evaluation(net, PREDICTORS, outcome, resampling=PLAN, days=np.array([365.0]))
        np.testing.assert_allclose(
            found.predictor[0, test], fit.predictor(predictors_at(PREDICTORS, test)), rtol=1e-8
        )


def test_the_final_model_says_its_factor_and_its_ratios_are_without_it() -> None:
    """Hazard ratios with an interval are as fitted: the coefficient without the factor."""
    rows = columns_of(PREDICTORS, NAMES[:2])
    planned = ModelRecipe(
        model=PlannedModel(code="few", title="Two", role="ladder", kind="cox"),
        candidate=RECIPES[0],
        predictors=rows,
        unpenalized=(),
    )
    plan = FinalPlan(horizons=(365.0,), inner=4, refits=2, imputations=3, seed=1, level=0.95)
    final = final_fit(planned, rows, OUTCOME, endpoint="pfs", plan=plan)
    nested = nested_evaluation(RECIPES[0], rows, OUTCOME, resampling=PLAN, days=np.array([365.0]))
    said = final_result(planned, final, nested, intervals=None, plan=plan)

    assert said.spread is not None
    assert said.spread == final.fitted.spread
    assert {one.fitted.spread for one in final.refits}.isdisjoint({said.spread, None})
    for term in said.terms:
        assert term.ratio.value == pytest.approx(np.exp(term.coefficient / said.spread))
