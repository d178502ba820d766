"""Sources of an analysis: a freeze with its locked plan, or a plain folder."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from operandi.pipeline.steps.measurements import SCHEMA
from operandi.quantities.errors import DataError
from operandi.signatures.plan import parse_plan_text
from operandi.signatures.plan_lock import PlanChangedError
from operandi.signatures.planned_data import planned_data
from operandi.signatures.source import COLUMNS, frozen_plan, read_analysis_source
from tests.signatures.planned_study import (
    a_plan_of,
    a_table,
    fates,
    freeze_study,
    measurements,
    read_data,
    supplied,
)

PLAN = """
format = 1
title = "Sixty"
version = "1"
study = "TEST"
population = { title = "All treated" }
timing = { start = "C1", known_at = ["BASELINE"] }
resampling = { seed = 1 }
multiplicity = { method = "none" }

[[endpoint]]
code = "os"
kind = "os"
role = "primary"

[[measured]]
code = "volume"
block = "pet"
measurement = "SSTR_TUMOR_VOLUME"
at = "BASELINE"

[[model]]
code = "M0"
title = "Volume"
role = "ladder"
kind = "cox"
predictors = ["volume"]
"""


def locked(folder: Path, **cells: Any) -> Path:
    plan = parse_plan_text(PLAN, file="plan.toml")
    return freeze_study(folder, lines=measurements(), plan=plan, plan_text=PLAN.encode(), **cells)


def test_what_is_read_of_measurements_is_what_a_run_writes() -> None:
    assert all(SCHEMA[name] == kind for name, kind in COLUMNS.items())


def test_a_freeze_gives_its_locked_plan_and_the_same_data_as_its_tables(tmp_path: Path) -> None:
    freeze = locked(tmp_path / "study")
    found = frozen_plan(freeze)
    assert found is not None
    plan, lock = found
    source = read_analysis_source(freeze, plan)
    data = planned_data(plan, source)
    direct = read_data(tmp_path, plan, lines=measurements())

    assert lock.freeze == source.freeze == data.freeze
    assert source.notes == ()
    assert set(data.files) >= {"measurements.parquet", "plan.toml", "cycles.parquet"}
    np.testing.assert_array_equal(data.predictors.values, direct.predictors.values)


def test_measurements_older_than_the_records_are_said_to_be(tmp_path: Path) -> None:
    freeze = locked(tmp_path, changed=("records/vitals.csv",))
    source = read_analysis_source(freeze, parse_plan_text(PLAN, file="plan.toml"))
    assert source.notes == (
        "The measurements are older than what was frozen with them; changed since the run: "
        "records/vitals.csv.",
    )


@pytest.mark.parametrize(
    ("file", "problem"),
    [
        ("plan.toml", "plan.toml was changed"),
        ("plan.lock.json", "plan.lock.json was changed"),
        ("measurements.parquet", "measurements.parquet was changed"),
    ],
)
def test_a_freeze_of_which_a_file_was_changed_is_refused(
    tmp_path: Path, file: str, problem: str
) -> None:
    freeze = locked(tmp_path)
    content = (freeze / file).read_bytes()
    (freeze / file).unlink()
    (freeze / file).write_bytes(content.replace(b"1", b"2"))
    with pytest.raises(DataError, match=problem):
        frozen_plan(freeze)


def test_a_lock_that_is_missing_or_of_another_freeze_is_refused(tmp_path: Path) -> None:
    freeze = locked(tmp_path / "a")
    other = locked(tmp_path / "b", changed=("study.toml",))
    (freeze / "plan.lock.json").unlink()
    with pytest.raises(DataError, match=r"plan\.lock\.json is missing"):
        frozen_plan(freeze)
    shutil.copy(other / "plan.lock.json", freeze)
    with pytest.raises(DataError, match=r"plan\.lock\.json was changed"):
        frozen_plan(freeze)


def test_a_lock_of_another_plan_names_the_keys(tmp_path: Path) -> None:
    other = parse_plan_text(PLAN.replace("seed = 1", "seed = 2"), file="plan.toml")
    freeze = freeze_study(tmp_path, plan=other, plan_text=PLAN.encode())
    with pytest.raises(PlanChangedError, match=r"resampling\.seed"):
        frozen_plan(freeze)


def test_a_freeze_without_a_plan_and_a_plain_folder_have_none(tmp_path: Path) -> None:
    assert frozen_plan(freeze_study(tmp_path)) is None
    assert frozen_plan(tmp_path) is None


def test_a_plain_folder_of_supplied_tables_is_a_cohort(tmp_path: Path) -> None:
    columns: dict[str, Any] = {
        "day": [one.day for one in fates()],
        "died": [int(one.died) for one in fates()],
        "age": ["" if at == 3 else 50 + at % 20 for at in range(60)],
        "center": ["A" if at < 59 else "B" for at in range(60)],
    }
    endpoint = {
        "code": "own",
        "kind": "os",
        "role": "primary",
        "table": "extra",
        "time": "day",
        "time_unit": "day",
        "event": "died",
    }
    plan = a_plan_of(
        recorded=[],
        endpoint=[endpoint],
        table=[a_table(tmp_path, columns, site="center")],
        supplied=[supplied("age")],
    )
    data = planned_data(plan, read_analysis_source(tmp_path, plan))
    times = data.endpoints["own"].times

    assert data.freeze is None
    assert times is not None
    assert times.time.tolist() == columns["day"]
    assert data.age[:4] == (50.0, 51.0, 52.0, None)
    assert data.predictors.sites[-1] == "B"
    assert data.notes[0] == "1 site(s) have one participant: B."
    assert "no day of theirs could be checked" in data.notes[1]


def test_a_plain_folder_has_no_records(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"recorded\[cga\], endpoint\[os\]: needs a freeze"):
        read_analysis_source(tmp_path, a_plan_of())
    with pytest.raises(DataError, match="There is no folder"):
        read_analysis_source(tmp_path / "none", a_plan_of())


def test_another_plan_reads_its_own_table_beside_a_freeze_that_holds_one_of_that_name(
    tmp_path: Path,
) -> None:
    freeze = freeze_study(tmp_path / "study")
    table = a_table(tmp_path, {"x": range(60)})
    plan = a_plan_of(table=[table], supplied=[supplied("x")])
    (tmp_path / "plan").mkdir()
    (tmp_path / "plan" / "extra.csv").write_text("participant,x\nOP-001,9\n", encoding="utf-8")
    source = read_analysis_source(freeze, plan, beside=tmp_path)
    assert source.supplied["extra"].rows["OP-002"].cells == {"x": "1"}
