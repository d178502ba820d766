"""Published and simulated cohorts for tests of survival."""

import csv
import json
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from operandi.signatures.data import Floats, IntervalCensored, RightCensored
from tests.shared_data import published


@cache
def reference_of_r() -> dict[str, Any]:
    """R 4.2.2, survival 3.5-3."""
    text = published("survival/reference_r_survival.json").read_text()
    found: dict[str, Any] = json.loads(text)
    return found


@cache
def rows_of(name: str) -> tuple[dict[str, str], ...]:
    with published(f"survival/{name}.csv").open(newline="") as file:
        return tuple(csv.DictReader(file))


def numbers(name: str, column: str, *, first: int | None = None) -> Floats:
    return np.array([float(row[column]) for row in rows_of(name)[:first]])


def words(name: str, column: str, *, first: int | None = None) -> list[str]:
    return [row[column] for row in rows_of(name)[:first]]


def a_right_censored(time: list[float], event: list[int]) -> RightCensored:
    return RightCensored(time=np.array(time, dtype=float), event=np.array(event, dtype=bool))


def lung() -> RightCensored:
    return RightCensored(time=numbers("lung", "time"), event=numbers("lung", "status") == 2.0)


def scanned(
    time: Floats,
    rng: np.random.Generator,
    *,
    every: float,
    most: int,
    die: float = 0.0,
    rounded: float | None = None,
) -> IntervalCensored:
    """See events at scans about ``every`` days apart, the last of 3 to ``most``; some exactly."""
    n = time.size
    visits = np.cumsum(rng.uniform(0.85 * every, 1.15 * every, (n, most)), axis=1)
    if rounded is not None:
        visits = np.round(visits / rounded) * rounded
    visits[np.arange(most) >= rng.integers(3, most + 1, n)[:, None]] = np.inf
    clear = np.where(visits < time[:, None], visits, 0.0)
    left = clear.max(axis=1)
    right = np.where(visits >= time[:, None], visits, np.inf).min(axis=1)
    known: npt.NDArray[np.bool_] = (rng.random(n) < die) & np.isfinite(right)
    return IntervalCensored(left=np.where(known, time, left), right=np.where(known, time, right))
