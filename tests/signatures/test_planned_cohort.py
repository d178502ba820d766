"""A digital cohort goes from its tables through a freeze with a plan to what is analyzed."""

import sys
from pathlib import Path

import numpy as np
import pytest

from operandi.cli.main import main
from operandi.signatures.planned_data import planned_data
from operandi.signatures.source import frozen_plan, read_analysis_source
from operandi.simulation.disease.outcomes import simulate_outcomes
from operandi.simulation.trial.study_file import study_toml
from operandi.simulation.trial.tables import csv_of, tables_of
from tests.simulation.disease.scenarios import a_scenario

pytestmark = pytest.mark.slow

PLAN = """
format = 1
title = "Recorded predictors at the landmark"
version = "1.0"
study = "NCT06256705"
population = { title = "All treated", cycles = 2 }
resampling = { seed = 1 }
multiplicity = { method = "none" }

[timing]
start = "C1"
known_at = ["BASELINE", "AFTER_CYCLE_2"]
landmark = "AFTER_CYCLE_2"
landmark_day = 140

[[endpoint]]
code = "pfs"
kind = "pfs"
role = "primary"
horizon_days = [365]

[[endpoint]]
code = "pfs_right"
kind = "pfs"
role = "sensitivity"
progression = "right_end"
new_therapy = "event"

[[endpoint]]
code = "ttp"
kind = "progression"
role = "secondary"
new_therapy = "ignore"

[[endpoint]]
code = "response"
kind = "response"
role = "secondary"
by_day = 400

[[endpoint]]
code = "non_response"
kind = "early_non_response"
role = "secondary"
by_day = 300

[[recorded]]
code = "grade"
block = "clinical"
table = "tumor_histology"
column = "grade"
levels = { G1 = 1, G2 = 2, G3 = 3 }

[[recorded]]
code = "karnofsky"
block = "clinical"
table = "karnofsky"
column = "score"

[[recorded]]
code = "creatinine"
block = "laboratory"
table = "laboratory_results"
column = "value"
where = { test = "creatinine" }
unit = "umol/L"
molar_mass_g_mol = 113.12

[[recorded]]
code = "chromogranin_a"
block = "laboratory"
table = "laboratory_results"
column = "value"
where = { test = "chromogranin_a" }
form = "log"

[[model]]
code = "M0"
title = "Clinical"
role = "ladder"
kind = "cox"
blocks = ["clinical", "laboratory"]
"""


def test_a_digital_cohort_runs_through_a_freeze_with_a_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = a_scenario()
    outcomes = simulate_outcomes(scenario, participants=80, seed=7)
    study = tmp_path / "cohort"
    (study / "records").mkdir(parents=True)
    for name, rows in tables_of(outcomes, scenario, seed=7).items():
        (study / "records" / f"{name}.csv").write_text(csv_of(rows), encoding="utf-8")
    (study / "study.toml").write_text(study_toml(scenario), encoding="utf-8")
    (tmp_path / "plan.toml").write_text(PLAN, encoding="utf-8")
    folder = tmp_path / "freeze"
    words = ["freeze", str(study), "--plan", str(tmp_path / "plan.toml"), "--to", str(folder)]
    monkeypatch.setattr(sys, "argv", ["operandi", *words])
    with pytest.raises(SystemExit) as stop:
        main()
    assert not stop.value.code

    found = frozen_plan(folder)
    assert found is not None
    data = planned_data(found[0], read_analysis_source(folder, found[0]))
    pfs = data.endpoints["pfs"]

    assert pfs.times is not None
    assert 50 < pfs.rows.size < 80
    assert pfs.rows.size == pfs.flow[-1].after
    assert sum(len(one.participants) for one in pfs.flow[-1].left_out) == (
        pfs.flow[-1].before - pfs.flow[-1].after
    )
    assert pfs.times.time.min() > 0.0
    assert pfs.events > 20
    exact = data.endpoints["pfs_right"].intervals
    assert exact is not None
    assert exact.exact[np.isfinite(exact.right)].all()
    assert data.suspicions == ()
    assert {one.unit for one in data.columns} == {"", "umol/L", "ug/L"}
    assert all(one.known >= 70 for one in data.columns)
