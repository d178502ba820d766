"""Speed of the imputer beside scikit-learn's, and its errors against closed forms.

    python -m benchmarks.imputation     # both, and the ratio; needs scikit-learn for the peer
    python -m benchmarks.imputation --cohorts 1000

Target: 15 ms a fit of 64 x 25 on one core. The peer fits and transforms at once, so does ours here.
"""

import argparse
import importlib
import time
from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import stats

from operandi.signatures.preparation.imputation import (
    Imputation,
    chained_equations,
    impute_draws,
)

_Floats = npt.NDArray[np.float64]

TARGET_MS: Final = 15.0
SHAPES: Final = ((64, 25), (64, 100), (64, 500))


def gappy(rows: int, columns: int, *, seed: int, missing: float = 0.15) -> _Floats:
    """Correlated columns, a fifth of them of two values, gone at random."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(rows, 4)) @ rng.normal(size=(4, columns))
    values = shared + rng.normal(size=(rows, columns))
    two = columns // 5
    values[:, :two] = values[:, :two] > 0.0
    values[rng.random(values.shape) < missing] = np.nan
    return values


def least_ms(work: Callable[[], object], *, times: int) -> float:
    """Least CPU time of a call, as other jobs run beside."""
    work()
    found = []
    for _ in range(times):
        mark = time.process_time()
        work()
        found.append(time.process_time() - mark)
    return 1e3 * min(found)


def ours_ms(values: _Floats, *, continuous: str, predictors: int) -> float:
    """Fit and fill."""
    step = Imputation(continuous=continuous, predictors=predictors)  # type: ignore[arg-type]
    return least_ms(lambda: chained_equations(values, settings=step, seed=1).fill(values), times=20)


def peer_ms(values: _Floats, *, predictors: int) -> float | None:
    """scikit-learn's IterativeImputer, 10 rounds, drawing from the posterior; None without it."""
    try:
        importlib.import_module("sklearn.experimental.enable_iterative_imputer")
        peer = importlib.import_module("sklearn.impute")
    except ImportError:
        return None
    imputer = peer.IterativeImputer(
        sample_posterior=True,
        max_iter=10,
        tol=0.0,
        n_nearest_features=min(predictors, values.shape[1] - 1),
        random_state=1,
    )
    return least_ms(lambda: imputer.fit_transform(values), times=1)


def coverage(*, continuous: str, cohorts: int, rows: int = 100) -> dict[str, tuple[float, float]]:
    """Bias, and coverage of 95 % intervals after Rubin: a mean (0) and a slope (0.6).

    Two standard normal columns of correlation 0.6, 30 % of each gone at random, 10 draws.
    """
    step = Imputation(continuous=continuous)  # type: ignore[arg-type]
    found: dict[str, list[tuple[float, bool]]] = {"mean": [], "slope": []}
    for cohort in range(cohorts):
        rng = np.random.default_rng(cohort)
        values = rng.multivariate_normal([0.0, 0.0], [[1.0, 0.6], [0.6, 1.0]], size=rows)
        gone = rng.random(values.shape) < 0.3
        gone[gone.all(axis=1), 0] = False
        values[gone] = np.nan
        drawn = impute_draws(values, settings=step, seed=cohort, draws=10)
        y, x = (drawn[:, :, k] - drawn[:, :, k].mean(axis=1, keepdims=True) for k in (0, 1))
        square = (x * x).sum(axis=1)
        slope = (x * y).sum(axis=1) / square
        left = ((y - slope[:, None] * x) ** 2).sum(axis=1) / (rows - 2)
        means = drawn[:, :, 0].mean(axis=1)
        variances = drawn[:, :, 0].var(axis=1, ddof=1) / rows
        found["mean"].append(_pooled(means, variances, truth=0.0, freedom=rows - 1))
        found["slope"].append(_pooled(slope, left / square, truth=0.6, freedom=rows - 2))
    return {
        name: (float(np.mean([b for b, _ in each])), float(np.mean([c for _, c in each])))
        for name, each in found.items()
    }


def _pooled(
    estimates: _Floats, variances: _Floats, *, truth: float, freedom: int
) -> tuple[float, bool]:
    count = estimates.size
    between = estimates.var(ddof=1)
    total = variances.mean() + (1 + 1 / count) * between
    share = (1 + 1 / count) * between / total
    old = (count - 1) / share**2
    observed = freedom * (freedom + 1) / (freedom + 3) * (1 - share)
    half = stats.t.ppf(0.975, old * observed / (old + observed)) * np.sqrt(total)
    bias = float(estimates.mean() - truth)
    return bias, bool(abs(bias) < half)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cohorts", type=int, default=300)
    asked = parser.parse_args()
    print("One fit and fill, 15 % missing, 10 sweeps, ms of CPU")
    for rows, columns in SHAPES:
        values, predictors = gappy(rows, columns, seed=1), 30 if columns == 25 else 15
        peer = peer_ms(values, predictors=predictors)
        for continuous in ("matching", "linear"):
            ours = ours_ms(values, continuous=continuous, predictors=predictors)
            beside = (
                f"scikit-learn {peer:9.1f}   {peer / ours:6.0f} x"
                if peer is not None
                else "scikit-learn is not installed"
            )
            print(f"{rows} x {columns:4d} {continuous:9s} ours {ours:8.2f}   {beside}")
    print(f"target for 64 x 25: {TARGET_MS:g} ms")
    for continuous in ("linear", "matching"):
        for name, (bias, covered) in coverage(continuous=continuous, cohorts=asked.cohorts).items():
            print(f"{continuous:9s} {name:5s} bias {bias:+.4f}   covered {covered:.1%}")


if __name__ == "__main__":
    main()
