"""The rules of the verdict, one by one."""

from typing import Any

import pytest

from operandi.signatures.results import PROGNOSTIC, ComparisonResult, VerdictResult
from operandi.signatures.results_cohort import Estimated
from operandi.signatures.results_models import (
    MetricResult,
    ModelResult,
    PermutationResult,
    StabilityResult,
)
from operandi.signatures.verdict import head_model, verdict_of, words_of
from tests.signatures.planned_cohort import quick_plan


def _model(*, p: float | None = 0.01, stable: tuple[str, ...] | None = ("f0",), **says: Any) -> Any:
    permutation = None if p is None else PermutationResult(observed=0.7, null=(0.5,), p_value=p)
    stability = None
    if stable is not None:
        stability = StabilityResult(
            threshold=0.6,
            stable=stable,
            paths=(),
            candidates=10,
            most=2,
            pairs=50,
            failed_halves=0,
            false_bound=0.8,
        )
    given: dict[str, Any] = {
        "endpoint": "pfs",
        "model": "M1",
        "title": "and radiomics",
        "role": "ladder",
        "kind": "elastic_net",
        "source": "",
        "label": "confirmatory",
        "reason": "",
        "columns": 10,
        "metrics": (
            MetricResult(
                metric="harrell_c",
                horizon_days=None,
                estimate=Estimated(value=0.7, low=0.6, high=0.8),
                higher_is_better=True,
            ),
        ),
    }
    return ModelResult(**(given | {"permutation": permutation, "stability": stability} | says))


def _gain(
    low: float | None,
    high: float | None,
    *,
    metric: str = "harrell_c",
    adjusted: float | None = None,
) -> ComparisonResult:
    return ComparisonResult(
        adjusted_p=adjusted,
        model="M1",
        against="M0",
        endpoint="pfs",
        metric=metric,
        horizon_days=None,
        difference=Estimated(value=0.1, low=low, high=high, reason="" if low else "none"),
        higher_is_better=metric == "harrell_c",
        planned=True,
        label="confirmatory",
    )


def _verdict(
    model: ModelResult,
    *,
    events: int = 45,
    gain: ComparisonResult | None = None,
    standing: str = "confirmatory",
) -> VerdictResult:
    return verdict_of(quick_plan(), model, events=events, gain=gain, standing=standing)


def test_signal_stability_and_gain_make_a_supported_signature() -> None:
    found = _verdict(_model(), gain=_gain(0.02, 0.2))
    assert (found.answer, found.word) == ("supported", "signature")
    assert PROGNOSTIC in found.sentence
    assert "0.70 (0.60 to 0.80)" in found.sentence


@pytest.mark.parametrize("says", [{"p": 0.2}, {"stable": ()}, {"p": 0.05}])
def test_without_signal_or_stability_the_word_is_withheld(says: dict[str, Any]) -> None:
    found = _verdict(_model(**says), gain=_gain(0.02, 0.2))
    assert (found.answer, found.word) == ("not supported", "no reproducible signal")
    assert "signature" not in found.sentence


def test_a_gain_whose_interval_holds_both_is_undecidable_and_one_below_is_not_supported() -> None:
    assert _verdict(_model(), gain=_gain(-0.02, 0.2)).answer == "undecidable at this n"
    assert _verdict(_model(), gain=_gain(-0.2, -0.02)).answer == "not supported"
    assert _verdict(_model(), gain=_gain(None, None)).answer == "undecidable at this n"


def test_a_gain_that_is_one_of_many_comparisons_is_undecidable() -> None:
    """p = 0.03 of two comparisons is 0.06 after Holm, though its own interval excludes 0."""
    found = _verdict(_model(), gain=_gain(0.01, 0.2, adjusted=0.06))
    assert found.answer == "undecidable at this n"
    rule = next(one for one in found.rules if one.rule == "gain")
    assert rule.open_because == (
        "p = 0.0600, adjusted for the plan's comparisons; 0.05 is asked for"
    )
    assert _verdict(_model(), gain=_gain(0.01, 0.2, adjusted=0.04)).answer == "supported"
    assert _verdict(_model(), gain=_gain(-0.2, -0.01, adjusted=0.06)).answer == "not supported"
    unadjusted = quick_plan(multiplicity={"method": "none", "because": "one question"})
    gain = _gain(0.01, 0.2, adjusted=0.06)
    free = verdict_of(unadjusted, _model(), events=45, gain=gain, standing="confirmatory")
    assert free.answer == "supported"


def test_of_a_brier_score_a_fall_is_a_gain() -> None:
    gain = _gain(-0.2, -0.02, metric="integrated_brier")
    assert _verdict(_model(), gain=gain).answer == "supported"


def test_few_events_or_no_evaluation_are_undecidable_and_withhold_every_word() -> None:
    few = _verdict(_model(), events=9, gain=_gain(0.02, 0.2))
    assert few.answer == "undecidable at this n"
    assert "9 events" in few.sentence
    none = _verdict(_model(reason="age has missing values. Add an imputation.", metrics=()))
    assert (none.answer, none.word) == ("could not be fitted", "")
    assert "could not be fitted. age has missing values. Add an imputation." in none.sentence


def test_a_rule_that_could_not_be_judged_decides_nothing() -> None:
    found = _verdict(_model(p=None, absent=("permutations: the plan has none",)))
    assert (found.answer, found.word) == ("undecidable at this n", "")
    assert "the plan has none" in found.sentence


def test_what_is_exploratory_says_so_first() -> None:
    assert _verdict(_model(), standing="exploratory").sentence.startswith("Exploratory.")


def test_the_head_speaks_of_the_first_question_of_the_plan() -> None:
    assert head_model(quick_plan()).code == "M1"
    assert head_model(quick_plan(comparison=[])).code == "M1"


def test_numbers_in_words() -> None:
    assert words_of(Estimated(value=0.5)) == "0.50"
    assert words_of(Estimated(value=None, reason="no event")) == "not computed (no event)"


@pytest.mark.parametrize(
    ("gain", "answer"),
    [
        (_gain(0.02, 0.1), "supported"),
        (_gain(-0.05, -0.01), "not supported"),
        (_gain(-0.02, 0.1), "undecidable at this n"),
    ],
)
def test_the_sentence_calls_it_a_signature_only_where_it_is_supported(
    gain: ComparisonResult, answer: str
) -> None:
    found = verdict_of(quick_plan(), _model(), events=40, gain=gain, standing="confirmatory")
    assert found.answer == answer
    assert ("A signature that is" in found.sentence) == (answer == "supported")
    assert "Harrell's C changes by" in found.sentence
    assert any("of Harrell's C over M0" in one.needed for one in found.rules)
    assert PROGNOSTIC in found.sentence


def test_a_column_of_the_rung_below_makes_no_signature() -> None:
    found = _verdict(_model(stable=("clinical.age",)), gain=_gain(0.02, 0.2))
    rule = next(one for one in found.rules if one.rule == "stability")
    assert (rule.found, rule.holds) == ("none", False)
    assert found.word == "no reproducible signal"


def test_a_rule_without_an_answer_is_told_in_words() -> None:
    absent = ("stability selection: the plan has no stability_pairs",)
    found = _verdict(_model(stable=None, absent=absent))
    assert "stability selection: " not in found.sentence
    assert "come back on halves of the participants could not be judged: the plan" in found.sentence


def test_an_interval_that_holds_both_answers_says_so() -> None:
    found = _verdict(_model(), gain=_gain(-0.02, 0.2))
    gain = next(one for one in found.rules if one.rule == "gain")
    assert gain.open_because == "the interval -0.020 to 0.200 holds both"
    absent = next(one for one in _verdict(_model(), gain=_gain(None, None)).rules[::-1])
    assert absent.open_because == ""


def test_what_was_given_is_named_by_the_plan_or_not_at_all() -> None:
    assert "prognostic under the treatment that was given" in _verdict(_model()).sentence
    model, plan = _model(), quick_plan()
    found = verdict_of(plan, model, events=45, gain=None, standing="confirmatory", therapy="PRRT")
    assert "prognostic under PRRT" in found.sentence


def test_nothing_has_a_sign_and_p_lies_on_its_side() -> None:
    assert words_of(Estimated(value=-0.001, low=-0.002, high=0.1)) == "0.00 (0.00 to 0.10)"
    assert "p = 0.0495" in _verdict(_model(p=0.0495)).sentence
