"""A whole plan on made cohorts: what it supports, what it does not, and what it refuses."""

import itertools
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import t as student_t

from operandi.signatures.analysis import Analyzed, analyze, plan_standing, therapy_of
from operandi.signatures.cox.newton import fit_cox
from operandi.signatures.endpoint_values import Ending, TimeEndpoint
from operandi.signatures.plan import stated
from operandi.signatures.plan_format import AnalysisPlan
from operandi.signatures.plan_lock import lock
from operandi.signatures.resampling.candidates import columns_of
from operandi.signatures.resampling.nested import breslow_hazard
from operandi.signatures.results import PROGNOSTIC, result_from_json, result_json
from operandi.signatures.results_cohort import CourseMark, SizePoint
from operandi.signatures.tables import PlannedData, TumorSizes
from tests.signatures.planned_cohort import cohort, quick_plan

FREEZE = "a" * 64


def _run(plan: AnalysisPlan, data: PlannedData, *, threads: int = 1) -> Analyzed:
    return analyze(plan, data, locked=None, software="test", threads=threads)


@pytest.fixture(scope="module")
def planted() -> Analyzed:
    return _run(quick_plan(), cohort(effect=1.0))


@pytest.fixture(scope="module")
def noise() -> Analyzed:
    return _run(quick_plan(), cohort(effect=0.0, seed=3))


def test_a_planted_signal_is_supported_and_its_columns_named(planted: Analyzed) -> None:
    verdict = planted.result.verdict
    assert verdict.answer == "supported"
    assert verdict.word == "signature"
    assert PROGNOSTIC in verdict.sentence
    stable = planted.result.of_endpoint("pfs")[1].stability
    assert stable is not None
    assert stable.stable
    assert set(stable.stable) <= {"texture.f0", "texture.f1"}
    assert all(one in verdict.sentence for one in stable.stable)


def test_the_signs_of_planted_columns_are_right(planted: Analyzed) -> None:
    model = planted.result.of_endpoint("pfs")[1]
    assert model.final is not None
    terms = {one.name: one.coefficient for one in model.final.terms}
    assert terms["texture.f0"] > 0.3
    assert terms["texture.f1"] < -0.3
    slope = model.final.interval_slope.value
    # Of a shrunken predictor the free slope is above 1; that of right ends is so alike.
    assert slope is not None
    assert 0.8 < slope < 2.0


def test_noise_has_no_reproducible_signal(noise: Analyzed) -> None:
    verdict = noise.result.verdict
    assert verdict.answer == "not supported"
    assert verdict.word == "no reproducible signal"
    assert "signature" not in verdict.sentence


def test_eight_events_are_described_and_undecidable() -> None:
    result = _run(quick_plan(), cohort(events=8)).result
    assert result.verdict.answer == "undecidable at this n"
    assert "8 events" in result.verdict.sentence
    assert result.endpoints[0].curve is not None
    assert result.endpoints[0].events == 8
    assert all("least_events" in one.reason for one in result.models)


def test_nobody_with_an_event_is_undecidable_too() -> None:
    result = _run(quick_plan(), cohort(events=0)).result
    assert result.verdict.answer == "undecidable at this n"
    assert result_json(result)


def test_a_result_is_read_back_as_it_was(planted: Analyzed) -> None:
    written = result_json(planted.result)
    assert result_from_json(written) == planted.result
    assert result_json(result_from_json(written)) == written


def test_two_threads_give_the_same_bytes(planted: Analyzed) -> None:
    again = _run(quick_plan(), cohort(effect=1.0), threads=2)
    assert result_json(again.result) == result_json(planted.result)


def test_final_fits_foretell_the_risks_of_the_instability_table(planted: Analyzed) -> None:
    final = planted.finals["M1"]
    model = planted.result.of_endpoint("pfs")[1]
    assert model.instability is not None
    eta = final.fitted.predictor(final.training, trained=True)
    hazard = final.hazard[np.searchsorted(final.days, 365.0, side="right") - 1]
    risks = 1.0 - np.exp(-hazard * np.exp(eta))
    assert [one.risk for one in model.instability.rows] == pytest.approx(risks.tolist())
    assert set(final.training.blocks) == {"clinical", "radiomics"}


def test_comparisons_of_the_plan_are_adjusted_and_others_not_tested(planted: Analyzed) -> None:
    tested = [one for one in planted.result.comparisons if one.planned]
    assert [one.metric for one in tested] == ["harrell_c", "integrated_brier"]
    p = sorted(one.p_value for one in tested if one.p_value is not None)
    assert min(one.adjusted_p or 0.0 for one in tested) == pytest.approx(2.0 * p[0])
    assert all(one.better for one in tested)
    assert all(one.p_value is None for one in planted.result.comparisons if not one.planned)


def test_a_comparison_that_cannot_be_made_still_counts_in_the_family() -> None:
    """One p of a plan of three is tripled by Holm, whatever became of the other two."""
    beyond = {"model": "M1", "against": "M0", "endpoint": "pfs", "horizon_days": 9000}
    primary = {"code": "pfs", "kind": "pfs", "role": "primary", "horizon_days": [365.0, 9000.0]}
    plan = quick_plan(
        endpoint=[primary],
        comparison=[
            {"model": "M1", "against": "M0", "endpoint": "pfs", "metric": "harrell_c"},
            beyond | {"metric": "auc"},
            beyond | {"metric": "brier"},
        ],
        resampling={"permutations": 0, "stability_pairs": 0},
    )
    data = cohort(effect=0.4)
    pfs = replace(data.endpoints["pfs"], plan=plan.primary())
    first, *others = _run(plan, replace(data, endpoints={"pfs": pfs})).result.comparisons[:3]
    assert first.p_value is not None
    assert first.adjusted_p == pytest.approx(min(3.0 * first.p_value, 1.0))
    assert [one.adjusted_p for one in others] == [None, None]


def test_who_is_censored_at_another_treatment_is_counted_and_its_meaning_said() -> None:
    data = cohort(events=8)
    pfs = data.endpoints["pfs"]
    assert isinstance(pfs.described, TimeEndpoint)
    left = [at for at, one in enumerate(pfs.described.endings) if one is Ending.EVENT_FREE][:3]
    endings = tuple(
        Ending.NEW_THERAPY if at in left else one for at, one in enumerate(pfs.described.endings)
    )
    changed = replace(pfs, described=replace(pfs.described, endings=endings))
    told = replace(data, endpoints=dict(data.endpoints) | {"pfs": changed})

    notes = _run(quick_plan(), told).result.notes

    assert any("3 of 80 participants are censored in pfs where another" in one for one in notes)
    assert not any("another" in one for one in _run(quick_plan(), data).result.notes)


@pytest.mark.parametrize(
    ("imputations", "said"), [(1, "intervals are too narrow"), (5, "is the mean of 5 fits")]
)
def test_one_imputation_is_not_said_to_be_pooled(imputations: int, said: str) -> None:
    plan = quick_plan(
        preparation=({"step": "imputation"},), resampling={"imputations": imputations}
    )
    notes = " ".join(_run(plan, cohort(events=8)).result.notes)
    assert said in notes
    assert "mean of 1 fits" not in notes


def test_what_is_described_is_all_there(planted: Analyzed) -> None:
    result = planted.result
    endpoint = result.endpoints[0]
    assert endpoint.interval_curve is not None
    assert endpoint.interval_curve.certificate <= 1.0 + 1e-8
    assert {one.cause for one in endpoint.incidence} == {"progression", "death"}
    assert [one.model for one in result.sample_size] == ["M0", "M1"]
    assert result.sample_size[0].parameters == 2
    model = result.of_endpoint("pfs")[1]
    assert model.calibration is not None
    assert model.decision is not None
    assert model.optimism is not None
    assert model.sites is not None
    assert {one.by for one in model.subgroups} == {"sex", "age"}
    assert len(model.risk_groups) == 2
    assert model.permutation is not None
    assert model.permutation.kept_blocks == ("clinical.age", "clinical.grade")
    assert result.resampling.refits == result.resampling.optimism_samples == 20
    binary = result.of_endpoint("non_response")[1]
    assert binary.metric("auc") is not None
    assert result.courses[0].ending in {"progression", "death", "event_free"}


def test_sizes_of_tumors_come_to_the_courses_and_are_missed_where_there_are_none() -> None:
    data = cohort()
    who = data.predictors.participants[3]
    sizes = TumorSizes(
        changes=(SizePoint(day=90.0, change=-0.2), SizePoint(day=180.0, change=None)),
        best_change=-0.2,
        marks=(CourseMark(day=90.0, what="new lesion"),),
    )
    quick = quick_plan(resampling={"permutations": 0, "stability_pairs": 0, "bootstraps": 10})
    found = _run(quick, replace(data, sizes={who: sizes}, treated=85)).result
    mine = next(one for one in found.courses if one.participant == who)
    assert (mine.changes, mine.best_change, mine.marks) == (
        sizes.changes,
        sizes.best_change,
        sizes.marks,
    )
    assert all(not one.changes for one in found.courses if one.participant != who)
    assert (found.treated, found.courses_reason) == (85, "")
    assert result_from_json(result_json(found)) == found


def test_complete_separation_is_said_and_takes_nothing_from_the_other_models() -> None:
    data = cohort()
    times = data.endpoints["pfs"].times
    assert times is not None
    values = data.predictors.values.copy()
    values[:, 0] = -times.time
    data = replace(data, predictors=replace(data.predictors, values=values))
    quick = quick_plan(resampling={"permutations": 0, "stability_pairs": 0, "bootstraps": 10})
    model = _run(quick, data).result.of_endpoint("pfs")[0]
    said = [model.reason, *(one.reason for one in model.failed)]
    assert any("separates" in one for one in said)


@pytest.mark.parametrize("column", ["constant", "duplicated"])
def test_a_constant_or_duplicated_column_is_named(column: str) -> None:
    data = cohort()
    values = data.predictors.values.copy()
    values[:, 1] = 2.0 if column == "constant" else values[:, 0]
    data = replace(data, predictors=replace(data.predictors, values=values))
    quick = quick_plan(resampling={"permutations": 0, "stability_pairs": 0, "bootstraps": 10})
    result = _run(quick, data).result
    model = result.of_endpoint("pfs")[0]
    assert "clinical.grade" in model.reason
    assert result.verdict.answer == "undecidable at this n"


def test_preparation_drops_a_constant_column_in_every_fold() -> None:
    data = cohort()
    values = data.predictors.values.copy()
    values[:, 1] = 2.0
    values[::7, 3] = np.nan
    data = replace(data, predictors=replace(data.predictors, values=values))
    quick = quick_plan(
        preparation=({"step": "constants"}, {"step": "median_fill"}, {"step": "scaling"}),
        resampling={"repeats": 1, "permutations": 0, "stability_pairs": 0, "bootstraps": 5},
    )
    result = _run(quick, data).result
    model = result.of_endpoint("pfs")[0]
    assert not model.reason
    assert model.final is not None
    assert [one.name for one in model.final.terms] == ["clinical.age"]
    assert "radiomics" in result.absent_blocks[0]


def _concordance(rows: list[dict[str, Any]], *, repeat: int | None = None) -> float:
    """Concordant over comparable pairs within outer folds, from result.json alone.

    A pair is comparable if the earlier time is an event; of yes/no if one is yes and one no.
    """
    repeats = range(len(rows[0]["folds"])) if repeat is None else [repeat]
    right = pairs = 0.0
    for number in repeats:
        for one, other in itertools.permutations(rows, 2):
            if one["folds"][number] != other["folds"][number] or not one["event"]:
                continue
            if one["day"] is None:
                comparable = not other["event"]
            else:
                later = other["day"] > one["day"]
                comparable = later or (other["day"] == one["day"] and not other["event"])
            if comparable:
                gap = one["predictors"][number] - other["predictors"][number]
                right += 1.0 if gap > 0.0 else 0.5 * (gap == 0.0)
                pairs += 1.0
    return right / pairs


@pytest.mark.parametrize(("endpoint", "metric"), [("pfs", "harrell_c"), ("non_response", "auc")])
def test_a_reader_recomputes_the_concordance_from_the_file(
    planted: Analyzed, endpoint: str, metric: str
) -> None:
    said = json.loads(result_json(planted.result))
    found = [one for one in said["models"] if one["endpoint"] == endpoint]
    assert [one["model"] for one in found] == ["M0", "M1"]
    for model in found:
        rows = model["predictions"]
        stated = next(one for one in model["metrics"] if one["metric"] == metric)
        assert _concordance(rows) == pytest.approx(stated["estimate"]["value"], rel=1e-12)
        each = [_concordance(rows, repeat=number) for number in range(len(rows[0]["folds"]))]
        assert each == pytest.approx(model["concordance_by_repeat"], rel=1e-12)
        assert {fold for row in rows for fold in row["folds"]} == {0, 1, 2, 3, 4}
        for row in rows:
            assert np.mean(row["predictors"]) == pytest.approx(row["predictor"], abs=1e-12)


@pytest.fixture(scope="module")
def imputed() -> Analyzed:
    """Age and a texture with an effect are unknown to a third; three imputations."""
    data = cohort(effect=0.7, columns=4)
    values = data.predictors.values.copy()
    values[::3, 0] = np.nan
    values[1::3, 2] = np.nan
    data = replace(data, predictors=replace(data.predictors, values=values))
    quick = quick_plan(
        preparation=({"step": "imputation"}, {"step": "scaling"}),
        resampling={
            "repeats": 1,
            "permutations": 0,
            "stability_pairs": 0,
            "bootstraps": 5,
            "imputations": 3,
        },
        endpoint=[
            {"code": "pfs", "kind": "pfs", "role": "primary", "horizon_days": [365.0, 730.0]}
        ],
    )
    return _run(quick, data)


def test_a_final_model_is_the_mean_of_whole_fits_over_imputations(imputed: Analyzed) -> None:
    for code, final in imputed.finals.items():
        assert len(final.fits) == 3
        told = next(one for one in imputed.result.of_endpoint("pfs") if one.model == code).final
        assert told is not None
        assert told.imputations == 3
        each = [dict(zip(fit.names, fit.coefficients, strict=True)) for fit in final.fits]
        assert each[0] != each[1]
        for term in told.terms:
            values = [one.get(term.name, 0.0) for one in each]
            assert term.coefficient == pytest.approx(np.mean(values), rel=1e-12)
            assert term.imputed_share == pytest.approx(np.mean([one != 0.0 for one in values]))
        etas = [fit.predictor(final.training, trained=True) for fit in final.fits]
        mean = np.mean(etas, axis=0)
        np.testing.assert_allclose(final.predictor(final.training, trained=True), mean)
        expected = breslow_hazard(final.outcome.time, final.outcome.event, mean, final.days)
        np.testing.assert_allclose(final.hazard, expected)


def test_coefficients_without_penalty_are_pooled_by_rubin(imputed: Analyzed) -> None:
    """By hand: T = U + (1 + 1/3) B over the three fits."""
    final = imputed.finals["M0"]
    told = imputed.result.of_endpoint("pfs")[0].final
    assert told is not None
    everyone = np.arange(final.outcome.time.size)
    fits = [
        fit_cox(
            final.outcome,
            fit.chain.apply(final.training, role="training").values,
            cluster=everyone,
        )
        for fit in final.fits
        if fit.chain is not None
    ]
    values = np.array([one.coefficients for one in fits])
    total = np.mean([one.cautious_errors**2 for one in fits], axis=0)
    total += 4.0 / 3.0 * values.var(axis=0, ddof=1)
    for at, term in enumerate(told.terms):
        assert term.ratio.value == pytest.approx(np.exp(values[:, at].mean()), rel=1e-9)
        assert term.ratio.standard_error == pytest.approx(np.sqrt(total[at]), rel=1e-9)
        # Barnard and Rubin; of a Cox model v = events - parameters.
        share = 4.0 / 3.0 * values[:, at].var(ddof=1) / total[at]
        v = final.outcome.events - 2
        freedom = 1.0 / (share**2 / 2.0 + (v + 3) / ((v + 1) * v * (1.0 - share)))
        assert term.ratio.low is not None
        assert term.ratio.high is not None
        half = np.log(term.ratio.high / term.ratio.low) / 2.0
        assert half / np.sqrt(total[at]) == pytest.approx(student_t.ppf(0.975, freedom))


def test_what_a_penalty_chose_has_no_interval_and_says_why(imputed: Analyzed) -> None:
    told = imputed.result.of_endpoint("pfs")[1].final
    assert told is not None
    reasons = {one.name: one.ratio.reason for one in told.terms}
    assert "beside columns that a penalty chose" in reasons["clinical.age"]
    assert "a penalty biases it" in reasons["texture.f0"]
    for term in told.terms:
        assert term.ratio.low is None
        assert term.interval_ratio.low is None
    assert told.interval_slope.value is not None
    assert told.interval_slope.low is None
    assert "same participants" in told.interval_slope.reason


def test_nothing_drawn_is_one_fit_whatever_the_plan_asks(planted: Analyzed) -> None:
    assert [len(one.fits) for one in planted.finals.values()] == [1, 1]


def test_screening_by_the_outcome_leaves_no_interval() -> None:
    quick = quick_plan(
        preparation=({"step": "screening", "block": ["clinical"], "keep": 1},),
        resampling={"repeats": 1, "permutations": 0, "stability_pairs": 0, "bootstraps": 2},
    )
    final = _run(quick, cohort(effect=0.7)).result.of_endpoint("pfs")[0].final
    assert final is not None
    assert len(final.terms) == 1
    assert final.terms[0].ratio.low is None
    assert "screening chose columns" in final.terms[0].ratio.reason
    assert final.terms[0].interval_ratio.low is None


def test_subgroups_and_reasons_of_a_yes_no_endpoint() -> None:
    plan = quick_plan(
        resampling={"repeats": 1, "permutations": 0, "stability_pairs": 0, "bootstraps": 20},
        endpoint=[
            {
                "code": "non_response",
                "kind": "early_non_response",
                "role": "primary",
                "by_day": 180,
            }
        ],
        comparison=[],
    )
    data = cohort(effect=0.7, n=120)
    result = _run(plan, data).result
    model = result.of_endpoint("non_response")[1]
    assert [(one.by, one.group) for one in model.subgroups][:2] == [("sex", "F"), ("sex", "M")]
    assert len(model.subgroups) == 4
    judged = [one for one in model.subgroups if one.concordance.value is not None]
    assert judged
    rows = {one.participant: one for one in model.predictions}
    for line in judged:
        if line.by != "sex":
            continue
        mine = [
            rows[who]
            for who, sex in zip(data.predictors.participants, data.sex, strict=True)
            if sex == line.group
        ]
        yes = [one.risk for one in mine if one.event]
        no = [one.risk for one in mine if not one.event]
        above = np.mean([(a or 0.0) > (b or 0.0) for a in yes for b in no])
        assert line.concordance.value == pytest.approx(above)
        assert line.brier is not None
        squares = [((one.risk or 0.0) - one.event) ** 2 for one in mine]
        assert line.brier.value == pytest.approx(np.mean(squares))
    assert model.final is not None
    reasons = {one.interval_ratio.reason for one in model.final.terms}
    assert reasons == {"the endpoint is yes or no: it has no times"}
    assert model.final.interval_slope.reason == "the endpoint is yes or no: it has no times"


def test_of_a_yes_or_no_too_the_coefficients_are_the_pooled_ones() -> None:
    """Without a factor the ratio beside a coefficient is its exponential, of five imputations."""
    plan = quick_plan(
        endpoint=[
            {"code": "non_response", "kind": "early_non_response", "role": "primary", "by_day": 180}
        ],
        comparison=[{"model": "M1", "against": "M0", "endpoint": "non_response", "metric": "auc"}],
        preparation=({"step": "imputation"}, {"step": "scaling"}),
        resampling={
            "repeats": 1,
            "permutations": 0,
            "stability_pairs": 0,
            "bootstraps": 5,
            "imputations": 5,
        },
    )
    as_fitted = [one.model_copy(update={"spread": "as_fitted"}) for one in plan.model]
    plan = plan.model_copy(update={"model": tuple(as_fitted)})
    data = cohort()
    values = data.predictors.values.copy()
    values[::3, 0] = np.nan
    answer = replace(data.endpoints["non_response"], plan=plan.primary())
    data = replace(
        data,
        predictors=replace(data.predictors, values=values),
        endpoints={"non_response": answer},
    )

    final = _run(plan, data).result.of_endpoint("non_response")[0].final

    assert final is not None
    assert [one.ratio.value for one in final.terms] == pytest.approx(
        [np.exp(one.coefficient) for one in final.terms]
    )


def test_a_site_with_one_participant_has_no_concordance_and_says_why() -> None:
    data = cohort()
    sites = ("lonely", *data.predictors.sites[1:])
    data = replace(data, predictors=replace(data.predictors, sites=sites))
    quick = quick_plan(resampling={"permutations": 0, "stability_pairs": 0, "bootstraps": 10})
    model = _run(quick, data).result.of_endpoint("pfs")[1]
    assert model.sites is not None
    lonely = next(one for one in model.sites.sites if one.site == "lonely")
    assert lonely.participants == 1
    assert lonely.concordance.value is None
    assert lonely.concordance.reason


def test_an_unlocked_plan_is_exploratory_and_a_changed_one_names_its_keys() -> None:
    plan = quick_plan()
    other = quick_plan(resampling={"repeats": 7})
    locked = lock(plan, freeze=FREEZE)  # type: ignore[arg-type]
    assert plan_standing(plan, locked, freeze=FREEZE).label == "confirmatory"
    assert plan_standing(plan, None, freeze=FREEZE).label == "exploratory"
    changed = plan_standing(other, locked, freeze=FREEZE)
    assert changed.label == "exploratory"
    assert changed.changed_keys == ("resampling.repeats",)
    assert "resampling.repeats" in changed.reasons[0]


def test_folds_may_be_even_in_sites() -> None:
    quick = {"permutations": 0, "stability_pairs": 0, "bootstraps": 10}
    found = [
        _run(quick_plan(resampling=quick | {"stratify": how}), cohort()).result
        for how in ("event", "event_and_site")
    ]
    assert [one.resampling.stratify for one in found] == ["event", "event_and_site"]
    assert found[0].of_endpoint("pfs")[0].metrics != found[1].of_endpoint("pfs")[0].metrics


def _a_cox_ladder() -> AnalysisPlan:
    """M0 of texture, which foretells; M1 a Cox model that adds two clinical columns."""
    both = quick_plan().model
    first = both[0].model_dump() | {"predictors": ["texture"], "title": "texture"}
    second = both[0].model_dump() | {"code": "M1", "predictors": ["texture", "clinical"]}
    return quick_plan(model=[first, second])


def test_a_cox_rung_is_asked_what_it_adds_and_not_what_stands_below() -> None:
    data = cohort(effect=1.0, columns=2, seed=5)
    found = _run(_a_cox_ladder(), data).result
    model = found.of_endpoint("pfs")[1]
    assert model.permutation is not None
    assert model.permutation.kept_blocks == ("texture.f0", "texture.f1")
    # What stands below still foretells in every permutation.
    assert min(model.permutation.null) > 0.65
    assert model.permutation.p_value > 0.05
    assert model.stability is not None
    assert (model.stability.candidates, model.stability.copies) == (2, 9)
    assert model.stability.stable == ()
    assert found.verdict.word == "no reproducible signal"


def test_a_single_candidate_that_foretells_comes_back_before_its_copies() -> None:
    data = cohort(effect=1.2, columns=2, seed=5)
    single = columns_of(data.predictors, data.predictors.names[:3])
    data = replace(data, predictors=single, columns=data.columns[:3])
    model = quick_plan().model[1].model_dump() | {"kind": "cox", "unpenalized": []}
    plan = quick_plan(model=[quick_plan().model[0].model_dump(), model])
    stability = _run(plan, data).result.of_endpoint("pfs")[1].stability
    assert stability is not None
    assert (stability.candidates, stability.stable) == (1, ("texture.f0",))


def test_a_cohort_reads_by_what_its_plan_or_its_cycles_say() -> None:
    data = cohort()
    assert therapy_of(quick_plan(), data) == ""
    assert therapy_of(quick_plan(), replace(data, treated=80)) == "PRRT"
    other = quick_plan(population={"therapy": "radiotherapy"})
    assert therapy_of(other, replace(data, treated=80)) == "radiotherapy"
    # A plan that says nothing of it keeps the digest that it had.
    assert "therapy" not in stated(quick_plan())["population"]
    assert stated(other)["population"]["therapy"] == "radiotherapy"


def test_nothing_says_prrt_or_treated_of_a_cohort_without_it(planted: Analyzed) -> None:
    text = result_json(planted.result).decode()
    assert "PRRT" not in text
    assert "the treatment that was given" in text


def test_a_column_that_was_left_out_is_named_and_a_logarithm_is_called_so() -> None:
    plan = quick_plan(preparation=({"step": "imputation"}, {"step": "scaling"}))
    plan = plan.model_copy(update={"model": plan.model[:1], "comparison": ()})
    data = cohort()
    values = data.predictors.values.copy()
    values[:42, 1] = np.nan
    columns = tuple(replace(one, logged=one.name == "clinical.age") for one in data.columns)
    data = replace(data, predictors=replace(data.predictors, values=values), columns=columns)
    final = _run(plan, data).result.of_endpoint("pfs")[0].final
    assert final is not None
    assert [(one.name, one.logged) for one in final.terms] == [("clinical.age", True)]
    reason = "known in 38 of 80 training rows, 52% missing"
    assert [(one.name, one.reason) for one in final.dropped] == [("clinical.grade", reason)]
