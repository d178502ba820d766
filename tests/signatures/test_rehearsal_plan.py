"""A plan for simulated trials: what stays, what is lowered, what is refused by name."""

from typing import Any

import pytest

from operandi.quantities.errors import DataError
from operandi.signatures.plan import parse_plan
from operandi.signatures.plan_format import AnalysisPlan
from operandi.signatures.rehearsal_plan import (
    fewest_permutations,
    judged_models,
    rehearsal_plan,
)

VISITS = ("BASELINE", "AFTER_CYCLE_2", "YEAR_1")
COLUMNS = {"volume": ("volume",), "texture": ("n00000", "n00001")}


def a_plan(**changes: Any) -> AnalysisPlan:
    """Grade as recorded, a volume and texture as measured; the ladder M0, M1; a baseline."""
    texture = {"features": ["cm_*"], "image": "PET", "at": "BASELINE"}
    says: dict[str, Any] = {
        "format": 1,
        "title": "A plan to be tried",
        "version": "1",
        "study": "none",
        "population": {"title": "All", "site": ["LYON"]},
        "timing": {"start": "C1", "known_at": ["BASELINE"]},
        "endpoint": [
            {"code": "pfs", "kind": "pfs", "role": "primary", "horizon_days": [365.0]},
            {"code": "os", "kind": "os", "role": "secondary"},
        ],
        "recorded": [
            {
                "code": "grade",
                "block": "clinical",
                "table": "tumor_histology",
                "column": "grade",
                "levels": {"G1": 1.0, "G2": 2.0},
            },
            {"code": "karnofsky", "block": "clinical", "table": "karnofsky", "column": "score"},
        ],
        "measured": [
            {
                "code": "volume",
                "block": "pet",
                "measurement": "SSTR_TUMOR_VOLUME",
                "at": "BASELINE",
                "form": "log",
            }
        ],
        "features": [texture | {"code": "texture", "block": "radiomics"}],
        "model": [
            {
                "code": "M0",
                "title": "grade",
                "role": "ladder",
                "kind": "cox",
                "predictors": ["grade"],
            },
            {
                "code": "M1",
                "title": "and imaging",
                "role": "ladder",
                "kind": "elastic_net",
                "predictors": ["grade", "volume"],
                "blocks": ["radiomics"],
                "unpenalized": ["grade"],
            },
            {
                "code": "karnofsky_alone",
                "title": "Karnofsky",
                "role": "baseline",
                "kind": "cox",
                "predictors": ["karnofsky"],
            },
        ],
        "resampling": {"seed": 5},
        "multiplicity": {"method": "none", "because": "one test"},
    }
    return parse_plan(says | changes, file="plan.toml")


def test_models_blocks_and_rules_stay_and_columns_are_supplied() -> None:
    plan = a_plan()

    found = rehearsal_plan(plan, columns=COLUMNS, visits=VISITS)

    assert found.judged == ("M1",)
    assert [one.code for one in found.plan.model] == ["M0", "M1"]
    assert found.plan.verdict == plan.verdict
    assert found.plan.penalty == plan.penalty
    assert [one.code for one in found.plan.recorded] == ["grade"]
    by_code = {one.code: one for one in found.plan.supplied}
    assert {code: one.block for code, one in by_code.items()} == {
        "volume": "pet",
        "texture": "radiomics",
    }
    # Markers are logarithms already.
    assert by_code["volume"].form == "as_is"
    assert by_code["texture"].columns == ("n00000", "n00001")
    said = " ".join(found.changed)
    assert "Only the primary endpoint is judged: pfs." in said
    assert "population.site" in said
    assert "No model that is judged uses karnofsky" in said


def test_figures_are_lowered_to_the_fewest_by_which_the_rules_work() -> None:
    found = rehearsal_plan(a_plan(), columns=COLUMNS, visits=VISITS)

    used = {one.key: (one.planned, one.used) for one in found.lowered}
    assert used == {
        "resampling.repeats": (50, 10),
        "resampling.permutations": (200, 20),
        "resampling.permutation_repeats": (5, 1),
        "resampling.stability_pairs": (100, 50),
        "resampling.bootstraps": (1000, 2),
    }
    said = found.plan.resampling
    assert 1 / (said.permutations + 1) < found.plan.verdict.permutation_p
    assert (said.repeats, said.folds, said.inner_folds) == (10, 5, 5)
    assert "1/21" in next(one.because for one in found.lowered if "permutations" in one.key)


def test_the_plan_s_own_resampling_is_left_as_it_is() -> None:
    plan = a_plan()

    found = rehearsal_plan(plan, columns=COLUMNS, visits=VISITS, whole=True)

    assert found.lowered == ()
    assert found.plan.resampling == plan.resampling


@pytest.mark.parametrize("level", [0.01, 0.03, 0.05, 0.07, 0.2])
def test_the_fewest_permutations_reach_the_level(level: float) -> None:
    count = fewest_permutations(level)

    assert 1 / (count + 1) < level
    assert count == 19 or 1 / count >= level


def test_a_gain_by_another_metric_keeps_a_bootstrap() -> None:
    plan = a_plan(
        comparison=[
            {
                "model": "M1",
                "against": "karnofsky_alone",
                "endpoint": "pfs",
                "metric": "integrated_brier",
            }
        ],
    )

    found = rehearsal_plan(plan, columns=COLUMNS, visits=VISITS)

    assert found.plan.resampling.bootstraps == 200
    # What it is held against is fitted too, and bears no verdict.
    assert [one.code for one in found.plan.model] == ["M0", "M1", "karnofsky_alone"]
    assert found.judged == ("M1",)


def test_refuses_predictors_that_are_neither_mapped_nor_declared_by_name() -> None:
    with pytest.raises(DataError, match=r"knows nothing of .*: volume, texture") as refused:
        rehearsal_plan(a_plan(), columns={}, visits=VISITS)

    assert "--column CODE=MARKER" in refused.value.remedy
    assert "CODE=N for a predictor of N columns" in refused.value.remedy


def test_a_recorded_predictor_may_be_declared_too() -> None:
    found = rehearsal_plan(a_plan(), columns=COLUMNS | {"grade": ("grade",)}, visits=VISITS)

    assert found.plan.recorded == ()
    assert "grade" in {one.code for one in found.plan.supplied}


def test_refuses_a_landmark_that_trials_do_not_have() -> None:
    plan = a_plan(
        timing={
            "start": "C1",
            "known_at": ["BASELINE", "WEEK_9"],
            "landmark": "WEEK_9",
            "landmark_day": 63,
        }
    )

    with pytest.raises(DataError, match=r"timing\.landmark: simulated trials have no visit WEEK_9"):
        rehearsal_plan(plan, columns=COLUMNS, visits=VISITS)


@pytest.mark.parametrize(
    ("figure", "key"),
    [({"permutations": 0}, "permutations"), ({"stability_pairs": 0}, "stability_pairs")],
)
def test_refuses_a_plan_that_can_support_nothing(figure: dict[str, int], key: str) -> None:
    with pytest.raises(DataError, match=rf"resampling\.{key}"):
        rehearsal_plan(a_plan(resampling={"seed": 5} | figure), columns=COLUMNS, visits=VISITS)


def test_refuses_a_model_without_a_verdict() -> None:
    assert judged_models(a_plan(), ["M1"]) == ("M1",)
    with pytest.raises(DataError, match="M0: no model of the plan that bears a verdict"):
        judged_models(a_plan(), ["M0"])
