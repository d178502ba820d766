"""Time of every step of preparation on radiomics columns, and ComBat beside neuroCombat.

    python -m benchmarks.preparation           # needs neuroCombat 0.2.12 and pandas for the peer

The chain is learned inside every fold of nested resampling: thousands of times an analysis.
"""

import contextlib
import importlib
import io
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from operandi.signatures.data import RightCensored
from operandi.signatures.preparation.chain import On, PreparationChain
from operandi.signatures.preparation.combat import Combat, combat_apply, combat_fit
from operandi.signatures.preparation.filters import ConstantFilter, DuplicateFilter
from operandi.signatures.preparation.imputation import Imputation, MedianFill
from operandi.signatures.preparation.redundancy import RedundancyFilter
from operandi.signatures.preparation.scaling import Scaling, Shaping
from operandi.signatures.preparation.screening import ScoreScreen
from operandi.signatures.preparation.transformer import PlainRows, Transformer

_Floats = npt.NDArray[np.float64]


def correlated(*, columns: int, seed: int = 1, rows: int = 64) -> _Floats:
    """Blocks of 20 correlated columns."""
    rng = np.random.default_rng(seed)
    shared = np.repeat(rng.normal(size=(rows, -(-columns // 20))), 20, axis=1)
    return np.ascontiguousarray(shared[:, :columns] + 0.7 * rng.normal(size=(rows, columns)))


def some_rows(values: _Floats) -> PlainRows:
    """Participants at five sites."""
    return PlainRows(
        values=values,
        names=tuple(f"x{column}" for column in range(values.shape[1])),
        sites=tuple("ABCDE"[row % 5] for row in range(values.shape[0])),
        participants=tuple(f"P-{row}" for row in range(values.shape[0])),
    )


def least_ms(work: Callable[[], object], *, times: int = 10) -> float:
    """Least CPU time of a call, as other jobs run beside."""
    work()
    found = []
    for _ in range(times):
        mark = time.process_time()
        work()
        found.append(time.process_time() - mark)
    return 1e3 * min(found)


def peer_combat(values: _Floats, batch: npt.NDArray[np.int64]) -> _Floats | None:
    """Result of neuroCombat; None without it."""
    try:
        pandas = importlib.import_module("pandas")
        peer = importlib.import_module("neuroCombat")
    except ImportError:
        return None
    with contextlib.redirect_stdout(io.StringIO()):
        found = peer.neuroCombat(
            dat=values.T.copy(), covars=pandas.DataFrame({"site": batch}), batch_col="site"
        )
    return np.asarray(found["data"], dtype=np.float64).T


def print_steps(outcome: RightCensored, *, columns: int) -> None:
    """Learn and apply each step."""
    rows = some_rows(correlated(columns=columns))
    steps: dict[str, Transformer] = {
        "constants": ConstantFilter(),
        "duplicates": DuplicateFilter(),
        "median fill": MedianFill(),
        "ComBat": Combat(),
        "z": Scaling(method="z"),
        "robust": Scaling(method="robust"),
        "Yeo-Johnson": Shaping(shape="yeo_johnson"),
        "redundancy, first": RedundancyFilter(representative="first", most=0.8),
        "redundancy, medoid": RedundancyFilter(representative="medoid", most=0.8),
        "screening": ScoreScreen(keep=min(200, columns)),
    }
    print(f"64 x {columns}, ms of CPU: learn, apply")
    for name, step in steps.items():
        learned = step.learn(rows, outcome=outcome, seed=1)
        fit = least_ms(lambda step=step: step.learn(rows, outcome=outcome, seed=1))  # type: ignore[misc]
        apply = least_ms(lambda learned=learned: learned.apply(rows))  # type: ignore[misc]
        print(f"  {name:20s} {fit:8.2f} {apply:8.2f}")
    chain = PreparationChain(
        steps=tuple(
            On(step=steps[name])
            for name in ("constants", "duplicates", "ComBat", "redundancy, first", "z")
        )
    )
    whole = least_ms(
        lambda: chain.learn(rows, blocks=("radiomics",) * columns, outcome=outcome, seed=1)
    )
    print(f"  a chain of five      {whole:8.2f}")


def main() -> None:
    """Print the tables."""
    rng = np.random.default_rng(2)
    outcome = RightCensored(time=rng.exponential(300.0, size=64) + 1.0, event=rng.random(64) < 0.6)
    for columns in (25, 2000, 5000):
        print_steps(outcome, columns=columns)
    gappy = some_rows(np.where(rng.random((64, 25)) < 0.15, np.nan, correlated(columns=25)))
    imputation = least_ms(lambda: Imputation().learn(gappy, outcome=None, seed=1))
    print(f"64 x 25 imputation   {imputation:8.2f}")
    wide = correlated(columns=2000)
    batch, none = np.arange(64) % 5, np.empty((64, 0))
    ours = least_ms(lambda: combat_fit(wide, batch, covariates=none))
    fit = combat_fit(wide, batch, covariates=none)
    peer = peer_combat(wide, batch)
    if peer is None:
        print("neuroCombat is not installed: pip install neuroCombat==0.2.12 pandas")
        return
    theirs = least_ms(lambda: peer_combat(wide, batch), times=3)
    apart = np.abs(combat_apply(wide, batch, covariates=none, fit=fit) - peer).max()
    print(
        f"ComBat 64 x 2000: ours {ours:.2f} ms, neuroCombat {theirs:.1f} ms, {theirs / ours:.0f} x"
    )
    print(f"largest difference from neuroCombat {apart:.1e}")


if __name__ == "__main__":
    main()
