"""A study of sixty with survival, its freeze, measurements and plans: for tests of what is read."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import polars as pl

from operandi.pipeline.steps.measurements import SCHEMA
from operandi.records.freeze import (
    Attachments,
    Circumstances,
    MeasurementsFile,
    PlanToFreeze,
    write_freeze,
)
from operandi.records.frozen import parquet
from operandi.records.manifest import FrozenResults
from operandi.records.reading import read_records
from operandi.records.tables import Records
from operandi.signatures.plan import parse_plan
from operandi.signatures.plan_format import AnalysisPlan
from operandi.signatures.plan_lock import lock, write_lock
from operandi.signatures.planned_data import planned_data
from operandi.signatures.source import source_to_freeze
from operandi.signatures.tables import PlannedData
from tests.records.study_folder import PARIS, TIMEPOINTS, Tables, write_csv

START: Final = date(2022, 1, 10)
CUT: Final = date(2026, 3, 1)
LANDMARK_DAY: Final = 140
PEOPLE: Final = 60
SITES: Final = ("LYON", "NANTES", "TOURS")


@dataclass(frozen=True)
class Fate:
    """What became of somebody: day of death or last contact after cycle 1."""

    who: str
    start: date
    day: int
    died: bool


@cache
def fates() -> tuple[Fate, ...]:
    """Sixty; OP-001 dies and OP-002 is lost before the landmark."""
    random = np.random.default_rng(8)
    days = np.minimum(150 + random.exponential(500.0, PEOPLE), 1200).astype(int)
    died = random.random(PEOPLE) < 0.6
    days[:2], died[:2] = (90, 100), (True, False)
    return tuple(
        Fate(
            who=f"OP-{at + 1:03}",
            start=START + timedelta(days=3 * at),
            day=int(days[at]),
            died=bool(died[at]),
        )
        for at in range(PEOPLE)
    )


def a_cohort_of_sixty() -> Tables:
    """Tables of text. Laboratory values stand before cycle 1, and again 200 days after it."""
    random = np.random.default_rng(9)
    tables: Tables = {
        name: []
        for name in (
            "participants",
            "cycles",
            "imaging_visits",
            "laboratory_results",
            "follow_up",
            "deaths",
            "therapies",
        )
    }
    for at, one in enumerate(fates()):
        whose = {"participant": one.who}
        tables["participants"].append(
            whose
            | {
                "site": SITES[at % 3],
                "sex": "FM"[at % 2],
                "birth_year": str(1945 + at % 30),
                "birth_month": "4",
            }
        )
        tables["cycles"].append(
            whose
            | {"cycle": "1", "date": str(one.start), "activity_gbq": "7.4", "nuclide": "177Lu"}
        )
        visits = [("BASELINE", -10), *([("AFTER_CYCLE_2", 110)] if one.day > 110 else [])]
        tables["imaging_visits"] += [
            whose | {"timepoint": name, "date": str(one.start + timedelta(days=day))}
            for name, day in visits
        ]
        tables["laboratory_results"] += [
            whose
            | {
                "test": "chromogranin_a",
                "comparator": "",
                "value": f"{random.lognormal(4.0, 1.0):.1f}",
                "unit": "ug/L",
                "collected_on": str(one.start + timedelta(days=day)),
            }
            for day in (-5, 200)
            if day < one.day
        ]
        last = one.start + timedelta(days=one.day)
        if one.died:
            tables["deaths"].append(whose | {"died_on": str(last), "cause": "tumor"})
        else:
            tables["follow_up"].append(
                whose | {"on": str(last), "alive": "yes", "new_therapy": "no"}
            )
        tables["therapies"].append(
            whose
            | {
                "kind": "ssa_long_acting",
                "started_on": "2021",
                "ongoing": "yes",
                "recorded_on": str(one.start - timedelta(days=20)),
            }
        )
    return tables


def a_line(who: str, at: str, kind: str, value: float | None, **cells: Any) -> dict[str, Any]:
    """One measurement."""
    return {
        "measurement": f"{who} {at} {kind} {cells.get('subject', '')}",
        "participant": who,
        "timepoint": at,
        "subject_type": "participant",
        "subject": "",
        "kind": kind,
        "title": kind,
        "unit": "mL",
        "value": value,
        "absent": "" if value is not None else "no liver reference",
        "standard_uncertainty": None,
        "uncertainty_basis": "",
        "method": "test",
        "version": "1",
        "inputs": [],
        "step": "burden",
        "step_subject": "",
    } | cells


@cache
def measurements() -> tuple[dict[str, Any], ...]:
    """Tumor volume at both visits of all who came; two lesions with ADC at baseline."""
    random = np.random.default_rng(10)
    lines = []
    for one in fates():
        came = ("BASELINE", "AFTER_CYCLE_2") if one.day > 110 else ("BASELINE",)
        lines += [
            a_line(one.who, at, "SSTR_TUMOR_VOLUME", round(float(random.lognormal(3, 1)), 3))
            for at in came
        ]
        for name in ("L01", "L02"):
            shared = {"subject_type": "lesion", "subject": name, "step": "lesions"}
            for kind, unit in (
                ("ADC_MEAN", "1e-6 mm2/s"),
                ("ADC_MEDIAN", "1e-6 mm2/s"),
                ("VOLUME", "mL"),
                ("RADIOMICS_SUV_BODY_WEIGHT_CM_CONTRAST_3D_COMB", "1"),
            ):
                value = round(float(random.lognormal(1, 1)), 4)
                lines.append(a_line(one.who, "BASELINE", kind, value, unit=unit, **shared))
    return tuple(lines)


BASE: Final[dict[str, Any]] = {
    "format": 1,
    "title": "Sixty",
    "version": "1",
    "study": "TEST",
    "population": {"title": "All treated"},
    "timing": {"start": "C1", "known_at": ["BASELINE"]},
    "endpoint": [{"code": "os", "kind": "os", "role": "primary", "horizon_days": [365.0]}],
    "recorded": [
        {
            "code": "cga",
            "block": "laboratory",
            "table": "laboratory_results",
            "column": "value",
            "where": {"test": "chromogranin_a"},
            "form": "log",
        }
    ],
    "model": [
        {
            "code": "M0",
            "title": "All",
            "role": "ladder",
            "kind": "elastic_net",
        }
    ],
    "resampling": {"seed": 1},
    "multiplicity": {"method": "none"},
}

LANDMARK: Final = {
    "start": "C1",
    "known_at": ["BASELINE", "AFTER_CYCLE_2"],
    "landmark": "AFTER_CYCLE_2",
    "landmark_day": LANDMARK_DAY,
}


def a_plan_of(**changes: Any) -> AnalysisPlan:
    """The plan with other sections; its model has all predictors."""
    said = BASE | changes
    sections = ("recorded", "measured", "features", "supplied", "change")
    codes = [one["code"] for name in sections for one in said.get(name, [])]
    models = [one | {"predictors": codes} for one in said["model"]]
    return parse_plan(said | {"model": models}, file="plan.toml")


def supplied(code: str = "extra", *, at: str = "BASELINE", **cells: Any) -> dict[str, Any]:
    """A predictor from the one supplied table, ``extra.csv``."""
    return {
        "code": code,
        "block": "genomic",
        "table": "extra",
        "columns": [code],
        "at": at,
    } | cells


def a_table(folder: Path, columns: Mapping[str, Iterable[object]], **cells: Any) -> dict[str, Any]:
    """Write ``extra.csv`` of all participants and give its section of the plan."""
    header = ",".join(["participant", *columns])
    listed = [list(column) for column in columns.values()]
    rows = [
        ",".join([one.who, *(str(column[at]) for column in listed)])
        for at, one in enumerate(fates())
    ]
    return a_file(folder, "\n".join([header, *rows]), **cells)


def a_file(folder: Path, text: str, **cells: Any) -> dict[str, Any]:
    """Write ``extra.csv`` and give its section of the plan."""
    folder.mkdir(exist_ok=True)
    content = f"{text}\n".encode()
    (folder / "extra.csv").write_bytes(content)
    return {
        "code": "extra",
        "file": "extra.csv",
        "participant": "participant",
        "sha256": hashlib.sha256(content).hexdigest(),
    } | cells


def freeze_study(
    folder: Path,
    tables: Tables | None = None,
    *,
    lines: Sequence[Mapping[str, Any]] | None = None,
    plan: AnalysisPlan | None = None,
    plan_text: bytes = b"",
    changed: tuple[str, ...] = (),
) -> Path:
    """Write a freeze of the sixty."""
    records = _records(a_cohort_of_sixty() if tables is None else tables, folder / "records")
    table = pl.DataFrame(list(lines or ()), schema=SCHEMA)
    measured = MeasurementsFile(
        content=parquet(table),
        rows=table.height,
        results=FrozenResults(made_from={"study.toml": "0" * 64}, changed=changed),
    )
    to_lock = None
    if plan is not None:
        named = plan
        to_lock = PlanToFreeze(
            files={"plan.toml": plan_text},
            lock=lambda name: write_lock(lock(named, freeze=name)),
        )
    return write_freeze(
        records,
        b"[study]\n",
        Circumstances(
            cut=CUT,
            timezone="Europe/Paris",
            timepoints=TIMEPOINTS,
            sites=SITES,
            operandi="0.1.0",
            commit=None,
        ),
        to=folder / "freeze",
        beside=folder,
        attached=Attachments(measurements=measured if lines is not None else None, plan=to_lock),
    )[0]


def read_data(
    folder: Path,
    plan: AnalysisPlan,
    *,
    tables: Tables | None = None,
    lines: Sequence[Mapping[str, Any]] | None = None,
) -> PlannedData:
    """Read what the plan says, without the way through a freeze; supplied tables in *folder*."""
    records = _the_sixty() if tables is None else _records(tables, folder / "records")
    content = None if lines is None else parquet(pl.DataFrame(list(lines), schema=SCHEMA))
    return planned_data(plan, source_to_freeze(records, plan, measurements=content, beside=folder))


def _records(tables: Tables, folder: Path) -> Records:
    return read_records(
        write_csv(tables, folder),
        timezone=PARIS,
        today=CUT,
        at_cut=True,
        timepoints=TIMEPOINTS,
        sites=SITES,
    )


@cache
def _the_sixty() -> Records:
    with TemporaryDirectory() as folder:
        return _records(a_cohort_of_sixty(), Path(folder))
