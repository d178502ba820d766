import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.quantities.errors import DataError
from operandi.signatures.card_file import card_json, parse_card
from operandi.signatures.data import Predictors
from operandi.signatures.final_fit import FinalFit
from operandi.signatures.given_values import GivenParticipant, GivenValue
from operandi.signatures.prediction import predict
from operandi.signatures.prediction_checks import PredictionRefusedError
from operandi.signatures.preparation.chain import chain_from, predictors_at
from tests.signatures.cards import (
    Described,
    a_card,
    a_chain,
    a_cohort,
    a_final_fit,
    a_tiny_card,
    a_yes_no_card,
    of_row,
)


@pytest.fixture(scope="module")
def fit() -> FinalFit:
    predictors, outcome = a_cohort()
    return a_final_fit(predictors, outcome, chain=a_chain(), refits=40)


def at(x: float | str | None, *, unit: str = "mL", **more: float) -> GivenParticipant:
    values = {"x": GivenValue(value=x, unit=unit)}
    values |= {name: GivenValue(value=value) for name, value in more.items()}
    return GivenParticipant(participant="OP-999", site="A", values=values)


def kinds(refused: pytest.ExceptionInfo[PredictionRefusedError]) -> list[tuple[str, str]]:
    return [(one.kind, one.column) for one in refused.value.refusals]


def test_a_tiny_model_foretells_what_one_computes_by_hand() -> None:
    """By hand: eta = 0.5 * 6 - 1 = 2; H(365) = 0.1, H(730) = 0.3; the training mean is 4.5."""
    found = predict(a_tiny_card(), at(6.0))

    assert found.predictor == 2.0
    assert [one.risk for one in found.horizons] == pytest.approx(
        [1 - math.exp(-0.1 * math.e**2), 1 - math.exp(-0.3 * math.e**2)], rel=1e-14
    )
    (term,) = found.contributions
    assert term.contribution == pytest.approx(0.5 * (6.0 - 4.5), rel=1e-15)
    assert found.reference_predictor == pytest.approx(1.25, rel=1e-15)
    assert found.horizons[0].reference == pytest.approx(1 - math.exp(-0.1 * math.exp(1.25)))
    assert found.horizons[0].low is None
    assert found.interval_reason == "the card has no refits"
    assert found.curve is not None
    assert found.curve.days == (100.0, 400.0)
    assert found.label == "new"


def test_every_row_has_the_risk_of_the_model_in_process(fit: FinalFit) -> None:
    """Through JSON and back: rows without gaps, harmonized, within rounding of a sum."""
    card = parse_card(card_json(a_card(fit)))
    eta = fit.fitted.predictor(fit.training, trained=True)
    reached = fit.hazard[np.searchsorted(fit.days, [365.0, 730.0], side="right") - 1]
    complete = np.flatnonzero(~np.isnan(fit.training.values).any(axis=1))
    assert complete.size > 50
    for row in complete.tolist():
        found = predict(card, of_row(fit.training, row), apparent=True)
        assert found.predictor == pytest.approx(eta[row], rel=1e-12, abs=1e-12)
        risks = -np.expm1(-np.exp(eta[row]) * reached)
        assert [one.risk for one in found.horizons] == pytest.approx(risks, rel=1e-12)
        summed = found.reference_predictor + sum(one.contribution for one in found.contributions)
        assert summed == pytest.approx(found.predictor, abs=1e-12)


def test_a_card_from_a_file_foretells_the_same_to_the_last_bit(fit: FinalFit) -> None:
    card = a_card(fit)
    given_row = of_row(fit.training, 9, called="OP-999")

    assert predict(parse_card(card_json(card)), given_row) == predict(card, given_row)


def test_bootstrap_intervals_are_the_percentiles_of_the_refits(fit: FinalFit) -> None:
    row = of_row(fit.training, 2, called="OP-999")
    found = predict(a_card(fit), row)
    one = Predictors(
        values=fit.training.values[2:3],
        names=fit.training.names,
        blocks=fit.training.blocks,
        participants=(type(fit.training.participants[0])("OP-999"),),
        sites=fit.training.sites[2:3],
    )
    place = np.searchsorted(fit.days, 730.0, side="right") - 1
    risks = [
        -np.expm1(-np.exp(again.fitted.predictor(one)[0]) * again.hazard[place])
        for again in fit.refits
    ]
    low, high = np.quantile(risks, (0.025, 0.975))

    assert (found.horizons[1].low, found.horizons[1].high) == pytest.approx((low, high), rel=1e-12)
    assert found.interval_from.startswith("40 refits of the whole recipe on bootstrap samples")
    assert a_card(fit).interval.endswith("of participants with a missing value in 84 %.")
    assert found.curve is not None
    assert len(found.curve.low) == len(found.curve.days)


def test_too_few_refits_bear_no_interval_and_say_so(fit: FinalFit) -> None:
    found = predict(a_card(fit), of_row(fit.training, 2, called="OP-999"), level=0.99)

    assert found.horizons[0].low is None
    assert found.interval_reason == "99 % need 200 refits; the card has 40"


def test_refuses_a_participant_seen_in_training_unless_asked(fit: FinalFit) -> None:
    card, row = a_card(fit), of_row(fit.training, 0)
    with pytest.raises(PredictionRefusedError, match="has learned from OP-000") as refused:
        predict(card, row)
    assert kinds(refused) == [("seen", "")]

    found = predict(card, row, apparent=True)
    assert found.label == "apparent"
    assert found.notes[0] == "Apparent: the model has learned from this participant."


@given(beyond=st.floats(1e-9, 1e9), below=st.booleans())
def test_refuses_what_is_outside_the_range_and_names_it(beyond: float, below: bool) -> None:  # noqa: FBT001
    value = -beyond if below else 9.0 + beyond
    with pytest.raises(PredictionRefusedError, match=r"x is .*; seen in training: 0 to 9 mL") as no:
        predict(a_tiny_card(), at(value))
    assert kinds(no) == [("range", "x")]


@given(x=st.floats(0.0, 9.0))
def test_whatever_is_inside_the_range_has_a_risk_that_grows_with_it(x: float) -> None:
    found = predict(a_tiny_card(), at(x))
    assert 0.0 < found.horizons[0].risk < found.horizons[1].risk < 1.0
    assert found.predictor == pytest.approx(0.5 * x - 1.0, abs=1e-15)


def test_the_ends_of_the_range_are_inside() -> None:
    assert predict(a_tiny_card(), at(0.0)).predictor == -1.0
    assert predict(a_tiny_card(), at(9.0)).predictor == 3.5


def test_refuses_another_unit_a_name_that_is_none_and_a_missing_value_all_at_once() -> None:
    with pytest.raises(PredictionRefusedError, match="needs the unit mL; found L") as refused:
        predict(a_tiny_card(), at(0.005, unit="L", xx=3.0))
    assert kinds(refused) == [("unknown", "xx"), ("unit", "x")]
    assert "Rename it x if that is meant." in refused.value.remedy

    with pytest.raises(PredictionRefusedError, match="x is missing") as refused:
        predict(a_tiny_card(), at(None))
    assert kinds(refused) == [("missing", "x")]


@pytest.mark.parametrize("value", ["G2", math.inf])
def test_refuses_what_is_no_number(value: float | str) -> None:
    with pytest.raises(PredictionRefusedError, match="needs a") as refused:
        predict(a_tiny_card(), at(value))
    assert kinds(refused) == [("value", "x")]


def test_a_level_is_given_by_its_code_and_refused_where_training_had_none() -> None:
    predictors, outcome = a_cohort()
    grades = predictors.values.copy()
    grades[:, 0] = np.arange(80) % 2 + 1.0
    rows = replace(predictors, values=grades)
    grade = Described(name="x000", predictor="x000", levels={"G1": 1.0, "G2": 2.0, "G3": 3.0})
    final = a_final_fit(rows, outcome, chain=a_chain(combat=False))
    card = a_card(final, x000=grade)
    row = of_row(rows, 2, called="OP-999")

    by_code = replace(row, values={**row.values, "x000": GivenValue(value="G1")})
    assert predict(card, by_code).predictor == predict(card, row).predictor

    unseen = replace(row, values={**row.values, "x000": GivenValue(value="G3")})
    with pytest.raises(PredictionRefusedError, match="x000 is G3; seen in training: G1, G2"):
        predict(card, unseen)
    unknown = replace(row, values={**row.values, "x000": GivenValue(value="G4")})
    with pytest.raises(PredictionRefusedError, match="needs G1, G2, G3; found 'G4'"):
        predict(card, unknown)


def test_a_logged_column_is_given_in_its_unit_or_as_the_tables_have_it() -> None:
    predictors, outcome = a_cohort()
    logs = replace(predictors, values=np.log(predictors.values))
    chain = a_chain(combat=False)
    final = a_final_fit(logs, outcome, chain=replace(chain, steps=chain.steps[1:]))
    described = {
        name: Described(name=name, predictor=name, unit="mL", logged=True) for name in logs.names
    }
    card = a_card(final, **described)

    def of(values: np.ndarray, *, logged: bool) -> GivenParticipant:
        named = zip(logs.names, values.tolist(), strict=True)
        return GivenParticipant(
            participant="OP-999",
            site="SITE0",
            values={
                name: GivenValue(value=value, unit="mL", logged=logged) for name, value in named
            },
        )

    raw = predict(card, of(predictors.values[1], logged=False))
    assert raw.predictor == predict(card, of(logs.values[1], logged=True)).predictor
    with pytest.raises(PredictionRefusedError, match="is taken as a logarithm"):
        predict(card, of(-predictors.values[1], logged=False))


def test_refuses_values_that_were_seen_but_not_together() -> None:
    predictors, outcome = a_cohort()
    draw = np.random.default_rng(8)
    first = draw.standard_normal(80)
    values = np.column_stack((first, first + 0.1 * draw.standard_normal(80)))
    rows = replace(
        predictors, values=values, names=("x000", "x001"), blocks=("clinical", "clinical")
    )
    card = a_card(a_final_fit(rows, outcome, chain=None))

    def of(one: float, two: float) -> GivenParticipant:
        given = {"x000": GivenValue(value=one), "x001": GivenValue(value=two)}
        return GivenParticipant(participant="OP-999", site="", values=given)

    assert predict(card, of(1.0, 1.0)).label == "new"
    with pytest.raises(PredictionRefusedError, match="not together") as refused:
        predict(card, of(1.0, -1.0))
    assert kinds(refused) == [("joint", "")]
    for row in range(80):
        predict(card, of_row(rows, row), apparent=True)


def test_a_site_that_the_harmonization_does_not_know_is_refused(fit: FinalFit) -> None:
    row = of_row(fit.training, 2, called="OP-999")
    with pytest.raises(PredictionRefusedError, match="does not know ELSEWHERE") as refused:
        predict(a_card(fit), replace(row, site="ELSEWHERE"))
    assert kinds(refused) == [("site", "")]
    with pytest.raises(PredictionRefusedError, match="needs the participant's"):
        predict(a_card(fit), replace(row, site=""))


def test_a_gap_that_the_chain_fills_is_filled_and_told(fit: FinalFit) -> None:
    row = of_row(fit.training, 2, called="OP-999")
    values = {**row.values, "x002": GivenValue(value=None)}
    found = predict(a_card(fit), replace(row, values=values))

    assert any(
        one.startswith("Missing, and filled as in training: x002. The predictor is the mean of 50")
        for one in found.notes
    )
    assert next(one for one in found.contributions if one.name == "x002").value is None
    with pytest.raises(PredictionRefusedError, match="no value of any column"):
        predict(a_card(fit), replace(row, values={}))


def _draws_of(fit: FinalFit, row: int, *, count: int) -> np.ndarray:
    """The model's own predictors of a row with other draws, each chain rebuilt with its seed."""
    chain = fit.fitted.chain
    assert chain is not None
    found = []
    for draw in range(count):
        said = chain.as_dict() | {"seen": []}
        for part in said["parts"]:
            learned = part["learned"]
            if draw and learned["step"] == "imputation":
                words = np.random.SeedSequence(learned["seed"], spawn_key=(draw,))
                learned["seed"] = int(words.generate_state(1, np.uint64)[0] >> np.uint64(1))
        again = replace(fit.fitted, chain=chain_from(said))
        found.append(again.predictor(predictors_at(fit.training, np.array([row])))[0])
    return np.array(found)


def test_a_gap_is_foretold_by_the_mean_of_many_draws_that_differ(fit: FinalFit) -> None:
    """Row 9 does not know x001, which has an effect: draws differ, and their mean is taken."""
    assert np.isnan(fit.training.values[9, 1])
    drawn = _draws_of(fit, 9, count=50)
    assert drawn.std() > 0.01

    found = predict(a_card(fit), of_row(fit.training, 9, called="OP-999"))
    assert found.predictor == pytest.approx(drawn.mean(), rel=1e-12)
    summed = found.reference_predictor + sum(one.contribution for one in found.contributions)
    assert summed == pytest.approx(found.predictor, abs=1e-12)
    (note,) = [one for one in found.notes if one.startswith("Missing")]
    assert f"standard deviation of {drawn.std(ddof=1):.2g}" in note


def test_what_is_not_known_widens_the_interval(fit: FinalFit) -> None:
    """A driver is taken away: the interval of the log cumulative hazard becomes wider."""
    card, whole = a_card(fit), of_row(fit.training, 2, called="OP-999")
    gap = replace(whole, values={**whole.values, "x001": GivenValue(value=None)})

    def width(of: GivenParticipant) -> float:
        risk = predict(card, of).horizons[1]
        assert risk.low is not None
        assert risk.high is not None
        return math.log(math.log1p(-risk.high) / math.log1p(-risk.low))

    assert width(gap) > 1.2 * width(whole)


def test_a_median_is_no_draw_and_the_interval_is_said_to_take_it_as_known() -> None:
    predictors, outcome = a_cohort()
    final = a_final_fit(predictors, outcome, chain=a_chain(filling="median_fill"))
    found = predict(a_card(final), of_row(predictors, 9, called="OP-999"))
    assert (
        "Missing, and filled as in training: x001. Nothing is drawn: the interval takes the "
        "filled value as known."
    ) in found.notes


def test_several_imputations_are_foretold_by_the_mean_of_their_fits() -> None:
    """Two fits of other draws and columns: predictor, terms and shares are means of both."""
    predictors, outcome = a_cohort()
    one = a_final_fit(predictors, outcome, chain=a_chain(), seed=5)
    other = a_final_fit(predictors, outcome, chain=a_chain(), seed=6).fitted
    sparse = np.where(np.arange(5) == 2, 0.0, other.coefficients)
    final = replace(one, further=(replace(other, coefficients=sparse),))
    card = parse_card(card_json(a_card(final)))

    terms = {term.name: term for term in card.terms}
    assert (terms["x000"].share, terms["x002"].share) == (1.0, 0.5)
    halved = 0.5 * one.fitted.coefficients[2]
    assert terms["x002"].coefficient == pytest.approx(halved, rel=1e-14)
    eta = final.predictor(predictors, trained=True)
    both = [fit.predictor(predictors, trained=True) for fit in final.fits]
    np.testing.assert_allclose(eta, np.mean(both, axis=0), rtol=1e-14)
    for row in (1, 2, 4):
        found = predict(card, of_row(predictors, row), apparent=True)
        assert found.predictor == pytest.approx(eta[row], rel=1e-12)
        summed = found.reference_predictor + sum(term.contribution for term in found.contributions)
        assert summed == pytest.approx(found.predictor, abs=1e-12)


def test_columns_without_influence_may_be_left_out_and_change_nothing() -> None:
    """x002 to x004 have no coefficient: nothing is drawn from them where no driver is missing."""
    predictors, outcome = a_cohort()
    final = a_final_fit(predictors, outcome, chain=a_chain())
    sparse = np.where(np.arange(5) < 2, final.fitted.coefficients, 0.0)
    card = a_card(replace(final, fitted=replace(final.fitted, coefficients=sparse)))
    whole = of_row(predictors, 2, called="OP-999")
    few = replace(whole, values={name: whole.values[name] for name in ("x000", "x001")})
    odd = replace(whole, values={**whole.values, "x003": GivenValue(value=1e6)})

    assert predict(card, few).predictor == predict(card, whole).predictor
    found = predict(card, odd)
    assert found.predictor == predict(card, whole).predictor
    assert any("x003 is 1e+06" in note for note in found.notes)


def test_refits_that_use_what_is_missing_bear_no_interval() -> None:
    predictors, outcome = a_cohort()
    predictors = replace(predictors, values=np.nan_to_num(predictors.values, nan=1.0))
    final = a_final_fit(predictors, outcome, chain=a_chain(filling=""), refits=40)
    sparse = np.where(np.arange(5) < 2, final.fitted.coefficients, 0.0)
    card = a_card(replace(final, fitted=replace(final.fitted, coefficients=sparse)))
    whole = of_row(predictors, 2, called="OP-999")
    few = replace(whole, values={name: whole.values[name] for name in ("x000", "x001")})

    assert predict(card, whole).horizons[0].low is not None
    found = predict(card, few)
    assert found.horizons[0].low is None
    assert found.interval_reason == "refits use x002, x003, x004, which is missing"


def test_a_model_without_a_coefficient_has_no_card() -> None:
    predictors, outcome = a_cohort()
    final = a_final_fit(predictors, outcome, chain=a_chain())
    empty = replace(final.fitted, coefficients=np.zeros(5))
    with pytest.raises(DataError, match="no column with a coefficient"):
        a_card(replace(final, fitted=empty))


def test_a_level_of_intervals_is_a_share() -> None:
    with pytest.raises(DataError, match=r"level within \(0, 1\)"):
        predict(a_tiny_card(), at(1.0), level=1.0)


def test_a_horizon_after_follow_up_is_named_and_not_foretold(fit: FinalFit) -> None:
    card = a_card(fit)
    last = fit.outcome.time.max()
    assert card.endpoint.horizon_days == (365.0, 730.0)
    assert card.endpoint.beyond_days == (100_000.0,)
    assert card.endpoint.last_day == last

    found = predict(card, of_row(fit.training, 2, called="OP-999"))
    assert found.beyond == (100_000.0,)
    assert (
        "Not foretold, though the plan asks for it: the risk by day 100000. Follow-up in training "
        f"ends on day {last:g}, and nothing is known after it."
    ) in found.notes


def test_a_yes_no_endpoint_has_one_risk_with_its_interval_and_no_curve() -> None:
    predictors, _ = a_cohort()
    card = a_yes_no_card(refits=40)
    found = predict(card, of_row(predictors, 2, called="OP-999"))

    (risk,) = found.horizons
    assert risk.day is None
    assert risk.risk == pytest.approx(1.0 / (1.0 + math.exp(-found.predictor)), rel=1e-14)
    assert risk.low is not None
    assert risk.high is not None
    assert 0.0 < risk.low < risk.high < 1.0
    assert found.curve is None


def test_one_value_that_refits_refuse_bears_no_interval() -> None:
    """The refits' harmonization knows no site of the participant; the model's does."""
    predictors, outcome = a_cohort()
    final = a_final_fit(predictors, outcome, chain=a_chain(), refits=40)
    card = a_card(final)
    fits = []
    for fit in card.refits:
        assert fit.chain is not None
        parts = [dict(part) for part in fit.chain["parts"]]
        parts[2]["learned"] = {**parts[2]["learned"], "sites": ("A", "B", "C")}
        fits.append(fit.model_copy(update={"chain": {**fit.chain, "parts": tuple(parts)}}))
    other = card.model_copy(update={"refits": tuple(fits)})

    found = predict(other, of_row(predictors, 2, called="OP-999"))
    assert found.interval_reason == "40 of 40 refits refuse this participant"
