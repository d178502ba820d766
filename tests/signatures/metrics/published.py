"""Published cohorts with the models that the known answers belong to."""

import csv
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from operandi.signatures.data import RightCensored
from tests.shared_data import published

Floats = npt.NDArray[np.float64]

# R 4.2.2, survival 3.5-3: age, log bili, edema, log albumin, log protime.
PBC_EFRON = np.array([0.03322340668, 0.88005627129, 0.78585257069, -3.05992604886, 3.01401180042])
PBC_BRESLOW = np.array([0.03326620822, 0.87920776367, 0.78468633328, -3.05326657782, 3.01567857699])


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    outcome: RightCensored
    x: Floats


def pbc() -> Cohort:
    """Rows 1-312 of ``survival::pbc``; event = death."""
    with published("survival/pbc.csv").open() as file:
        rows = list(csv.DictReader(file))[:312]
    time = np.array([float(row["time"]) for row in rows])
    event = np.array([row["status"] == "2" for row in rows])
    raw = {name: np.array([float(row[name]) for row in rows]) for name in _NEEDED}
    logs = {name: np.log(raw[name]) for name in ("bili", "albumin", "protime")}
    x = np.column_stack([raw["age"], logs["bili"], raw["edema"], logs["albumin"], logs["protime"]])
    return Cohort(outcome=RightCensored(time=time, event=event), x=x)


_NEEDED = ("age", "bili", "edema", "albumin", "protime")


def lung() -> Cohort:
    """``survival::lung``, complete in ph.ecog: age, sex, ph.ecog; event = death."""
    with published("survival/lung.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["ph.ecog"]]
    time = np.array([float(row["time"]) for row in rows])
    event = np.array([row["status"] == "2" for row in rows])
    x = np.array([[float(row[name]) for name in ("age", "sex", "ph.ecog")] for row in rows])
    return Cohort(outcome=RightCensored(time=time, event=event), x=x)


def breslow_survival(outcome: RightCensored, predictor: Floats, *, times: Floats) -> Floats:
    """Survival of a Cox model with Breslow's baseline, (n, times)."""
    risk = np.exp(predictor - predictor.mean())
    hazard = np.zeros(times.size)
    for day in np.unique(outcome.time[outcome.event]):
        deaths = np.count_nonzero(outcome.event & (outcome.time == day))
        hazard += (times >= day) * deaths / risk[outcome.time >= day].sum()
    return np.asarray(np.exp(-np.outer(risk, hazard)))


def a_cohort(*, seed: int, rows: int = 80, effect: float = 1.0) -> tuple[RightCensored, Floats]:
    """Exponential event times with a known linear predictor, censored; whole days, hence ties."""
    generator = np.random.default_rng(seed)
    predictor = effect * generator.normal(size=rows)
    event_day = generator.exponential(900.0 * np.exp(-predictor))
    censored = generator.uniform(300.0, 1500.0, size=rows)
    time = np.ceil(np.minimum(event_day, censored) / 10.0) * 10.0
    return RightCensored(time=time, event=event_day <= censored), predictor
