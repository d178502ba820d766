"""The plan file: the documented one is read, and every fault is named at once with its key."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from operandi.quantities.errors import DataError
from operandi.signatures.plan import PlanError, parse_plan, parse_plan_text, plan_digest, read_plan
from operandi.signatures.plan_format import (
    CHALLENGERS,
    STEP_SETTINGS,
    AnalysisPlan,
    Challengers,
    Preparation,
)
from operandi.signatures.preparation.combat import Combat
from operandi.signatures.preparation.filters import RepeatableColumns
from operandi.signatures.preparation.planned import planned_chain
from tests.architecture.source_tree import ROOT

PAGE = (ROOT / "docs" / "analysis-plan.md").read_text(encoding="utf-8")


def documented() -> str:
    found = re.search(r"^```toml plan\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def a_plan(**changes: Any) -> AnalysisPlan:
    return parse_plan(tomllib.loads(documented()) | changes, file="plan.toml")


def faults(text: str) -> dict[str, str]:
    with pytest.raises(PlanError) as caught:
        parse_plan_text(text, file="plan.toml")
    return {fault.key: fault.problem for fault in caught.value.faults}


def test_the_documented_plan_is_read_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "plan.toml"
    file.write_text(documented(), encoding="utf-8")
    plan = read_plan(file)

    assert plan.primary().code == "pfs"
    assert [model.code for model in plan.ladder()] == ["M0", "M1", "M2", "M3"]
    assert plan.predictors_of(plan.model[0]) == ("grade", "karnofsky")


def test_the_documented_challengers_and_their_defaults_are_those_of_the_plan() -> None:
    text = PAGE.partition("## Challengers")[2].partition("## Steps")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]*) \|", text, re.MULTILINE))
    assert set(CHALLENGERS) < rows.keys()
    defaults = {name: field.default for name, field in Challengers.model_fields.items()}
    assert rows.keys() - set(CHALLENGERS) == defaults.keys()
    assert {name: rows[name] for name, value in defaults.items() if value is not None} == {
        name: f"{value:g}" for name, value in defaults.items() if value is not None
    }


def test_the_documented_settings_are_those_of_the_steps() -> None:
    steps = PAGE.partition("## Steps of preparation")[2]
    rows = dict(re.findall(r"^\| `(\w+)` \|[^|]*\|([^|]*)\|$", steps, re.MULTILINE))
    listed = {step: set(re.findall(r"`(\w+)` \(", text)) for step, text in rows.items()}

    assert listed.keys() == STEP_SETTINGS.keys()
    assert listed == {step: set(allowed) for step, (_, allowed) in STEP_SETTINGS.items()}


def test_every_step_of_a_plan_is_built_with_its_defaults_and_settings() -> None:
    chain = planned_chain(
        a_plan(), repeatability={"perturbation_icc": {"texture.cm_joint_max": 0.9}}
    )
    by_kind = {type(on.step): on for on in chain.steps}

    assert len(chain.steps) == len(a_plan().preparation)
    combat, repeatable = by_kind[Combat].step, by_kind[RepeatableColumns].step
    assert isinstance(combat, Combat)
    assert combat.covariates == ("tumor_volume",)
    assert (combat.unseen, combat.single) == ("unadjusted", "refuse")
    assert isinstance(repeatable, RepeatableColumns)
    assert repeatable.least == 0.8
    assert by_kind[Combat].blocks == ("radiomics",)


def test_every_kind_of_step_is_built() -> None:
    needed = {"table": "t", "least": 0.8, "unknown": "drop", "shape": "log", "keep": 3}
    steps = tuple(
        Preparation.model_validate({"step": step} | {name: needed[name] for name in must})
        for step, (must, _) in STEP_SETTINGS.items()
    )
    plan = a_plan().model_copy(update={"preparation": steps})

    assert len(planned_chain(plan, repeatability={"t": {}}).steps) == len(STEP_SETTINGS)


def test_refuses_a_repeatability_that_was_not_given() -> None:
    with pytest.raises(DataError, match="repeatability in perturbation_icc, which was not given"):
        planned_chain(a_plan(), repeatability={})


def test_the_digest_is_of_what_is_said_not_of_how() -> None:
    text = documented()
    other = re.sub(r" *#.*", "", text).replace("seed = 20260101", "seed   =   20_260_101")
    # A default that is written out says what was said before.
    other = other.replace('code = "pfs"\nkind', 'progression = "interval"\ncode = "pfs"\nkind', 1)
    other = other.replace('role = "primary"\nprogression = "interval"', 'role = "primary"')

    assert plan_digest(parse_plan_text(other, file="x")) == plan_digest(a_plan())


def test_the_digest_moves_with_every_key_and_with_the_order_of_columns() -> None:
    content = tomllib.loads(documented())
    turned = content | {"recorded": content["recorded"][::-1]}

    assert plan_digest(parse_plan(turned, file="x")) != plan_digest(a_plan())
    assert plan_digest(a_plan(version="1.1")) != plan_digest(a_plan())


def test_all_faulty_keys_are_named_at_once() -> None:
    text = (
        documented()
        .replace('role = "primary"', 'rol = "primary"')
        .replace("seed = 20260101", "")
        .replace("cycles = 1", "cycles = -1")
        .replace("l1_ratio = 0.9", "l1_ratio = 0")
    )

    assert faults(text) == {
        "population.cycles": "'-1': Input should be greater than or equal to 0",
        "endpoint[pfs].role": "is missing",
        "endpoint[pfs].rol": "is no key of a plan",
        "resampling.seed": "is missing",
        "penalty.l1_ratio": "'0': Input should be greater than 0",
    }


def test_all_that_does_not_fit_together_is_named_at_once() -> None:
    text = (
        documented()
        .replace('against = "delta"', 'against = "d"')
        .replace('predictors = ["tumor_volume"]', 'predictors = ["volume"]')
        .replace("thresholds = [0.1, 0.2", "thresholds = [0.2, 0.1")
        .replace('column = "score"', 'column = "ecog"')
    )

    assert set(faults(text)) == {
        "comparison[3].against",
        "model[volume].predictors",
        "decision.thresholds",
        "recorded[karnofsky].column",
    }


@pytest.mark.parametrize(
    ("old", "new", "key", "says"),
    [
        ('at = "BASELINE"', 'at = "YEAR_1"', "measured[tumor_volume].at", "not among the visits"),
        ('to = "AFTER_CYCLE_2"', 'to = "YEAR_1"', "change[delta_tumor_to_spleen].to", "not among"),
        (
            'table = "karnofsky"\ncolumn = "score"',
            'table = "visits"\ncolumn = "participant"',
            "recorded[karnofsky].table",
            "visits grows during follow-up",
        ),
        (
            'landmark = "AFTER_CYCLE_2"',
            "",
            "timing.landmark",
            "an early change is known only later than the start",
        ),
        ('role = "secondary"', 'role = "primary"', "endpoint", "found pfs, non_response"),
        ("by_day = 180", "", "endpoint[non_response].by_day", "is missing"),
        (
            'blocks = ["mr", "radiomics", "genomic"]',
            'blocks = ["radiomics", "genomic"]',
            "model[M2].blocks",
            "leaves out adc of M1",
        ),
        ('method = "z"', 'shape = "log"', "preparation[8].shape", "is no setting of scaling"),
        (
            'metric = "integrated_brier"',
            'metric = "integrated_brier"\nhorizon_days = 365',
            "comparison[3].horizon_days",
            "integrated_brier is judged on day 730",
        ),
        (
            'metric = "integrated_brier"',
            'metric = "auc"\nhorizon_days = 400',
            "comparison[3].horizon_days",
            "auc is judged on day 365, 730",
        ),
        (
            'metric = "integrated_brier"',
            'metric = "harrell_c"\nhorizon_days = 365',
            "comparison[3].horizon_days",
            "harrell_c has no day",
        ),
        (
            'endpoint = "pfs"\nmetric = "integrated_brier"',
            'endpoint = "non_response"\nmetric = "integrated_brier"',
            "comparison[3].metric",
            "integrated_brier is of times, non_response yes or no",
        ),
        (
            'metric = "integrated_brier"',
            'metric = "slope"',
            "comparison[3].metric",
            "Input should be",
        ),
        ("least = 0.8\n", "", "preparation[3].least", "is missing, and repeatability needs it"),
        ('table = "genomics"', 'table = "g"', "supplied[pathway].table", "g is no [[table]]"),
        ('source = "as supplied by the site"', "", "model[score].source", "is missing"),
    ],
)
def test_refuses_what_would_leak_or_leads_nowhere(old: str, new: str, key: str, says: str) -> None:
    assert old in documented()
    found = faults(documented().replace(old, new, 1))

    assert says in found[key]


def test_refuses_a_supplied_predictor_that_takes_in_the_outcome() -> None:
    text = documented().replace(
        'code = "non_response"\nkind = "early_non_response"\nrole = "secondary"\nby_day = 180',
        'code = "os"\nkind = "os"\nrole = "secondary"\ntable = "genomics"\ntime = "os_days"\n'
        'time_unit = "day"\nevent = "pathway_dead"',
    )

    assert faults(text) == {"supplied[pathway].columns": "pathway_* takes in the outcome"}


@pytest.mark.parametrize(
    ("text", "says"),
    [("format = 2", "is not a format that is read"), ("format = ", "is no TOML")],
)
def test_refuses_what_is_no_plan(text: str, says: str) -> None:
    with pytest.raises(PlanError, match=says):
        parse_plan_text(text, file="plan.toml")


def test_refuses_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"no plan file plan\.toml"):
        read_plan(tmp_path / "plan.toml")


@pytest.mark.parametrize("text", [f"x = {'[' * 5000}{']' * 5000}", f"{'.'.join('a' * 5000)} = 1"])
def test_a_plan_nested_beyond_reason_is_refused(text: str) -> None:
    with pytest.raises(PlanError, match=r"nested too deeply"):
        parse_plan_text(f"format = 1\n{text}\n", file="plan.toml")


@pytest.mark.parametrize("said", ["true", "1.0", '"1"'])
def test_a_format_that_only_resembles_one_is_refused(said: str) -> None:
    with pytest.raises(PlanError, match=r"is not a format that is read"):
        parse_plan_text(f"format = {said}\n", file="plan.toml")
