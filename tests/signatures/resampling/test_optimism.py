import csv

import numpy as np
import pytest

from operandi.domain.identity import Pseudonym
from operandi.signatures.data import Predictors, RightCensored
from operandi.signatures.logistic import fit_logistic
from operandi.signatures.resampling.candidates import FewColumns
from operandi.signatures.resampling.further_candidates import LogisticColumns
from operandi.signatures.resampling.optimism import bootstrap_optimism
from tests.shared_data import published


@pytest.mark.slow
def test_optimism_of_a_clinical_model_is_that_of_rms() -> None:
    """rms::validate, 1,000 samples, on pbc 1-312: Dxy 0.6877 -> 0.6810, slope 0.9524."""
    predictors, outcome = _biliary_cirrhosis()
    found = bootstrap_optimism(
        FewColumns(name="pbc", columns=predictors.names),
        predictors,
        outcome,
        samples=400,
        inner=5,
        seed=1,
    )
    dxy = [2.0 * one - 1.0 for one in (found.concordance.apparent, found.concordance.corrected)]
    assert dxy[0] == pytest.approx(0.6877, abs=5e-5)
    # 400 samples of ours, 1,000 of theirs.
    assert dxy[1] == pytest.approx(0.6810, abs=0.004)
    assert found.slope.corrected == pytest.approx(0.9524, abs=0.02)
    assert found.failed == 0


def _biliary_cirrhosis() -> tuple[Predictors, RightCensored]:
    with published("survival/pbc.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[:312]
    columns = {
        "age": np.array([float(row["age"]) for row in rows]),
        "log_bilirubin": np.log([float(row["bili"]) for row in rows]),
        "edema": np.array([float(row["edema"]) for row in rows]),
        "log_albumin": np.log([float(row["albumin"]) for row in rows]),
        "log_protime": np.log([float(row["protime"]) for row in rows]),
    }
    predictors = Predictors(
        values=np.column_stack(list(columns.values())),
        names=tuple(columns),
        blocks=("clinical",) * 5,
        participants=tuple(Pseudonym(f"PBC-{row['id']}") for row in rows),
        sites=("MAYO",) * len(rows),
    )
    return predictors, RightCensored(
        time=np.array([float(row["time"]) for row in rows]),
        event=np.array([row["status"] == "2" for row in rows]),
    )


def test_optimism_of_a_yes_or_no_is_of_auc_and_log_odds() -> None:
    """A plain maximum likelihood fit has slope 1 on its own rows, and noise is found out."""
    generator = np.random.default_rng(3)
    n, noise = 90, 6
    x = generator.normal(size=(n, noise))
    yes = generator.random(n) < 0.5
    predictors = Predictors(
        values=x,
        names=tuple(f"f{column}" for column in range(noise)),
        blocks=("pet",) * noise,
        participants=tuple(Pseudonym(f"P-{row:03}") for row in range(n)),
        sites=("A",) * n,
    )
    found = bootstrap_optimism(
        LogisticColumns(name="noise", columns=predictors.names),
        predictors,
        RightCensored(time=np.ones(n), event=yes),
        samples=60,
        inner=5,
        seed=2,
        binary=True,
    )
    fit = fit_logistic(yes, x)
    eta = x @ fit.coefficients
    right = eta[yes][:, None] - eta[~yes][None, :]
    auc = float(((right > 0) + 0.5 * (right == 0)).mean())
    assert found.concordance.apparent == pytest.approx(auc, abs=1e-12)
    assert found.slope.apparent == pytest.approx(1.0, abs=1e-6)
    assert found.concordance.corrected < found.concordance.apparent - 0.03
    assert found.slope.corrected < 0.8
