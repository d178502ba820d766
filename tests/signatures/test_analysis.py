"""A whole plan on made cohorts: what it supports, what it does not, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest

from operandi.signatures.analysis import Analyzed, analyze, plan_standing, therapy_of
from operandi.signatures.plan import stated
from operandi.signatures.plan_format import AnalysisPlan
from operandi.signatures.plan_lock import lock
from operandi.signatures.resampling.candidates import columns_of
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


def test_several_imputations_are_pooled() -> None:
    data = cohort()
    values = data.predictors.values.copy()
    values[::3, 0] = np.nan
    data = replace(data, predictors=replace(data.predictors, values=values))
    says = {"repeats": 1, "permutations": 0, "stability_pairs": 0, "bootstraps": 5}
    prepare = ({"step": "imputation"}, {"step": "scaling"})
    wide, narrow = (
        _run(quick_plan(preparation=prepare, resampling=says | {"imputations": m}), data)
        for m in (5, 1)
    )
    ratios = []
    for one in (wide, narrow):
        final = one.result.of_endpoint("pfs")[0].final
        assert final is not None
        assert final.terms[0].ratio.low is not None
        ratios.append(final.terms[0].ratio.standard_error or 0.0)
    assert wide.result.of_endpoint("pfs")[0].final != narrow.result.of_endpoint("pfs")[0].final
    assert ratios[0] > 0.0


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
