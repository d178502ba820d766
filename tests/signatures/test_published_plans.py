"""The plans of docs/examples/plans read published cohorts, by the digests of their files.

Counts are those of the files; the sarcoma's 12 of 34 as its published model has fewer (Vallieres
2015 has 51 patients).
"""

from pathlib import Path

import numpy as np
import pytest

from operandi.quantities.errors import DataError
from operandi.signatures.cox.newton import fit_cox
from operandi.signatures.data import RightCensored
from operandi.signatures.metrics.concordance import harrell_c
from operandi.signatures.plan import parse_plan, plan_digest, read_plan, stated
from operandi.signatures.plan_format import AnalysisPlan
from operandi.signatures.planned_data import planned_data
from operandi.signatures.preparation.guard import LeakError
from operandi.signatures.source import read_analysis_source
from operandi.signatures.tables import PlannedData
from tests.architecture.source_tree import ROOT
from tests.shared_data import published

PLANS = ROOT / "docs" / "examples" / "plans"
SURVIVAL, SARCOMA = "survival/multimodal", "radiomics/sts_multimodal"


def read_published(name: str, folder: str) -> PlannedData:
    plan = read_plan(PLANS / f"{name}.toml")
    return planned_data(plan, read_analysis_source(published(folder), plan))


def test_every_example_is_read_without_its_data() -> None:
    assert len([read_plan(file) for file in sorted(PLANS.glob("*.toml"))]) == 6


def test_head_and_neck_of_two_departments() -> None:
    data = read_published("head-neck", SURVIVAL)
    events = {code: one.events for code, one in data.endpoints.items()}

    assert data.predictors.values.shape == (194, 4)
    assert (data.predictors.sites.count("HGJ"), data.predictors.sites.count("CHUS")) == (92, 102)
    assert data.predictors.participants[0] == "HGJ-1"
    assert events == {"death": 32, "distant": 26, "locoregional": 29}
    complete = ~np.isnan(data.predictors.values[:, :3]).any(axis=1)
    assert complete.sum() == 190  # as in reference_models.json
    assert data.columns[3].absent == {"empty": 100}
    assert len(data.files) == 2
    assert data.age[0] == 79.0


def test_the_cox_model_of_two_departments_is_that_of_the_reference() -> None:
    """Efron, 190 complete cases, 32 deaths: reference_models.json beside the data (10 digits)."""
    data = read_published("head-neck", SURVIVAL)
    values = data.predictors.values[:, :3]
    complete = ~np.isnan(values).any(axis=1)
    outcome = data.endpoints["death"].times
    assert outcome is not None
    days = RightCensored(time=outcome.time[complete], event=outcome.event[complete])

    found = fit_cox(days, values[complete], ties="efron")
    np.testing.assert_allclose(
        found.coefficients, [0.042682452715, 0.4951647946, 0.34260840085], rtol=1e-8
    )
    np.testing.assert_allclose(
        np.sqrt(np.diag(found.covariance)),
        [0.018155728137, 0.20164833787, 0.20718149559],
        rtol=1e-8,
    )
    found_c = harrell_c(days, values[complete] @ found.coefficients).value
    assert found_c == pytest.approx(0.70966122961, abs=1e-10)


def test_low_grade_glioma_of_whom_a_fifth_have_no_progression() -> None:
    data = read_published("low-grade-glioma", SURVIVAL)
    death, progression = data.endpoints["death"], data.endpoints["progression"]

    assert (death.rows.size, death.events) == (122, 21)
    assert (progression.rows.size, progression.events) == (101, 39)
    assert data.columns[-1].absent == {"empty": 38}
    assert data.sex[:2] == ("FEMALE", "MALE")


def test_radiomics_of_low_grade_glioma_leave_out_who_has_no_image() -> None:
    """Nobody is left whose every feature would have to be made up."""
    data = read_published("low-grade-glioma-radiomics", SURVIVAL)
    texture = [at for at, one in enumerate(data.columns) if one.predictor == "texture"]

    assert len(data.predictors.participants) == 63
    assert data.endpoints["death"].events == 15
    assert [(one.reason, len(one.participants)) for one in data.flow[1].left_out] == [
        ("plan: no MR radiomics", 63)
    ]
    assert not np.isnan(data.predictors.values[:, texture]).all(axis=1).any()


def test_sarcoma_from_a_table_of_a_value_a_row() -> None:
    data = read_published("sarcoma-metastasis", SARCOMA)
    endpoint = data.endpoints["metastasis"]

    assert (endpoint.rows.size, endpoint.events) == (34, 12)
    assert endpoint.times is None
    assert data.predictors.names[0] == "pet.PET.cm_auto_corr_3D_comb"
    assert set(data.predictors.blocks) == {"pet", "mr"}


def with_all_columns() -> AnalysisPlan:
    """The plan of delta radiomics, as somebody writes it who takes every column there is."""
    said = stated(read_plan(PLANS / "delta-radiomics.toml"))
    for one in said["supplied"]:
        if one["code"] in {"pet_before", "ct_after"}:
            one["columns"] = ["*"]
    return parse_plan(said, file="plan.toml")


@pytest.mark.slow
def test_delta_radiomics_whose_published_tables_hold_the_outcome() -> None:
    """Found by the check, not told: ``peri`` equals ``label`` in all 150 rows of each table."""
    data = read_published("delta-radiomics", SURVIVAL)
    assert (data.endpoints["recurrence"].rows.size, data.endpoints["recurrence"].events) == (
        150,
        38,
    )
    assert data.suspicions == ()

    plan = with_all_columns()
    source = read_analysis_source(published(SURVIVAL), plan)
    with pytest.raises(LeakError, match=r"pet_before\.peri follows the event .*ct_after\.peri"):
        planned_data(plan, source)


def test_strangers_in_a_published_table_are_named() -> None:
    """The VASARI reads are of 141, some spelled ``TCGA-Ht`` where the others have ``TCGA-HT``."""
    said = stated(read_plan(PLANS / "low-grade-glioma-radiomics.toml"))
    said["table"][1] |= {
        "file": "tcga_lgg_vasari.csv",
        "sha256": "66206d2d87129fbda135b39ef421cccb310aed9706d226800de351f499eec58d",
    }
    said["supplied"][6]["columns"] = ["f*"]
    plan = parse_plan(said, file="plan.toml")
    with pytest.raises(DataError, match=r"table\[shape\]: nobody of the cohort is called TCGA-"):
        planned_data(plan, read_analysis_source(published(SURVIVAL), plan))


def test_a_folder_without_the_files_says_which(tmp_path: Path) -> None:
    plan = read_plan(PLANS / "head-neck.toml")
    with pytest.raises(DataError, match=r"table\[cohort\].file: there is no head_neck_pet_ct_HGJ"):
        read_analysis_source(tmp_path, plan)


def test_the_tutorial_speaks_of_the_plan_beside_it() -> None:
    tutorial = (ROOT / "docs" / "tutorial-signatures.md").read_text()
    assert plan_digest(read_plan(PLANS / "digital-cohort.toml")) in tutorial
