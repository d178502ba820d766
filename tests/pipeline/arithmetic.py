"""Small pure functions that workers can import, for tests of the runner."""

import os
import signal
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from operandi.pipeline.step import Refusal
from operandi.quantities.errors import DataError


def noise(settings: dict[str, int]) -> npt.NDArray[np.float64]:
    """Random numbers that depend on the seed alone."""
    return np.random.default_rng(settings["seed"]).normal(size=settings["size"])


def number(source: str) -> int:
    return int(source)


def total(*values: float) -> float:
    return float(sum(np.sum(value) for value in values))


def parity(value: float) -> int:
    """A result that many inputs share."""
    return int(value) % 2


def scaled(value: float, settings: dict[str, float]) -> float:
    return value * settings["factor"]


def grown(value: npt.NDArray[np.float64], settings: dict[str, float]) -> npt.NDArray[np.float64]:
    """As large as its input, and takes a little while."""
    time.sleep(settings.get("delay_s", 0.0))
    return np.cumsum(value) * settings["factor"]


def weighed(value: float) -> float:
    raise DataError(f"SUV needs mass > 0, got {value} kg.", remedy="Record the weight.")


def broken(value: float) -> float:
    return value / 0


def reported(*values: float | Refusal) -> str:
    return "; ".join(str(value) for value in values)


def unstorable(value: float) -> object:
    return {Path("x"): value}


def marked(value: float, settings: dict[str, str]) -> float:
    """Leave a mark for each time that this ran."""
    with Path(settings["marks"]).open("a") as file:
        file.write("x")
    return value


def killed(value: float) -> float:
    os.kill(os.getpid(), signal.SIGKILL)
    return value


def slow(value: float, settings: dict[str, float]) -> float:
    time.sleep(settings["delay_s"])
    return value


def threads_seen() -> dict[str, str]:
    names = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS")
    return {name: os.environ.get(name, "") for name in names}
