"""Published cohorts as arrays."""

import numpy as np
import numpy.typing as npt
import polars as pl

from operandi.signatures.data import RightCensored
from tests.shared_data import published

Floats = npt.NDArray[np.float64]


def table(name: str) -> pl.DataFrame:
    """A published table of ``../shared/data/survival``."""
    return pl.read_csv(published(f"survival/{name}.csv"), null_values=["NA", ""])


def columns(frame: pl.DataFrame, *names: str) -> Floats:
    """Columns as a matrix of floats."""
    return np.ascontiguousarray(frame.select(names).to_numpy().astype(np.float64))


def outcome_of(frame: pl.DataFrame, *, time: str = "time", event: str = "event") -> RightCensored:
    """Time and event of a table; events are stated as 1."""
    return RightCensored(
        time=frame[time].to_numpy().astype(np.float64), event=(frame[event] == 1).to_numpy()
    )


def pbc_model(frame: pl.DataFrame) -> Floats:
    """Age, log bilirubin, edema, log albumin, log protime."""
    logs = frame.with_columns(
        pl.col("bili").log().alias("log(bili)"),
        pl.col("albumin").log().alias("log(albumin)"),
        pl.col("protime").log().alias("log(protime)"),
    )
    return columns(logs, "age", "log(bili)", "edema", "log(albumin)", "log(protime)")


def pbc_trial() -> tuple[RightCensored, Floats]:
    """The 312 randomized patients of pbc: death, and five predictors."""
    frame = table("pbc").head(312)
    deaths = frame.with_columns((pl.col("status") == 2).cast(pl.Int64).alias("event"))
    return outcome_of(deaths), pbc_model(frame)


def a_cohort(
    *, n: int = 60, p: int = 12, seed: int = 0, ties: bool = False, effect: float = 0.7
) -> tuple[RightCensored, Floats]:
    """A simulated cohort whose first two columns carry risk."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p))
    x[:, 1] += 0.5 * x[:, 0]
    hidden = rng.exponential(np.exp(-effect * (x[:, 0] - x[:, 1 % p]))) * 400.0
    censored = rng.exponential(700.0, size=n)
    time = np.minimum(hidden, censored) + 1.0
    if ties:
        time = np.ceil(time / 60.0) * 60.0
    return RightCensored(time=time, event=hidden <= censored), np.ascontiguousarray(x)
