"""Elastic-net Cox paths of 80 x 2000 at equal optimality, beside scikit-survival and skglm.

Run from the checkout, in an environment that also has ``scikit-survival`` (GPL-3: a peer here,
never a dependency) and ``skglm``: ``python -m benchmarks.cox_path``. One thread, CPU time, minimum
over repeats; the peers' tolerances are tightened until their own largest violation of the
optimality conditions, over the penalty and measured here for all alike, is at most 1e-4. Targets:
12 ms for ours (stretch 5) and 15 times faster than both. Then ``nested_scores``: one repeat of
nested 5 x 5, and what 50 repeats with 200 permutations of 5 repeats come to.
"""

import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from operandi.signatures.cox.fused import nested_scores
from operandi.signatures.cox.path import cox_path
from operandi.signatures.cox.path_kernel import settings_of
from operandi.signatures.cox.score_test import score_tests
from operandi.signatures.data import RightCensored

ROWS, COLUMNS, EVENTS, RATIO = 80, 2000, 46, 0.9


def cohort(*, seed: int) -> tuple[RightCensored, Any]:
    """Blocks of 20 columns that share half their variance; two carry risk; 46 events."""
    rng = np.random.default_rng(seed)
    shared = np.repeat(rng.normal(size=(ROWS, COLUMNS // 20)), 20, axis=1)
    x = np.sqrt(0.5) * (shared + rng.normal(size=(ROWS, COLUMNS)))
    hidden = rng.exponential(np.exp(-0.6 * x[:, 0] - 0.6 * x[:, 40])) * 600.0
    limit = hidden * rng.uniform(0.3, 0.9, size=ROWS)
    event = np.isin(np.arange(ROWS), rng.permutation(ROWS)[:EVENTS])
    time_to = np.where(event, hidden, limit) + 1.0
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    return RightCensored(time=time_to, event=event), np.ascontiguousarray(x)


def violation(outcome: RightCensored, x: Any, beta: Any, *, penalty: float) -> float:
    """Largest violation of the optimality conditions over the penalty; no ties here."""
    order = np.argsort(-outcome.time)
    eta = (x @ beta)[order]
    weight = np.exp(eta - eta.max())
    means = np.cumsum(weight[:, None] * x[order], axis=0) / np.cumsum(weight)[:, None]
    score = (x[order] - means)[outcome.event[order]].sum(axis=0) / len(x)
    score -= penalty * (1 - RATIO) * beta
    l1 = penalty * RATIO
    off = np.where(beta == 0, np.maximum(np.abs(score) - l1, 0), np.abs(score - l1 * np.sign(beta)))
    return float(off.max() / penalty)


def cpu_ms(work: Callable[[], Any], *, times: int) -> float:
    """CPU time of one call, the least of several."""
    least = np.inf
    for _ in range(times):
        start = time.process_time()
        work()
        least = min(least, time.process_time() - start)
    return float(1e3 * least)


def scikit_survival(outcome: RightCensored, x: Any, penalties: Any, *, tol: float) -> Any:
    """Coefficients (l, p) of ``CoxnetSurvivalAnalysis``."""
    from sksurv.linear_model import CoxnetSurvivalAnalysis  # noqa: PLC0415

    y = np.array(
        list(zip(outcome.event, outcome.time, strict=True)), dtype=[("e", "?"), ("t", "f8")]
    )
    model = CoxnetSurvivalAnalysis(l1_ratio=RATIO, alphas=penalties, tol=tol, max_iter=1_000_000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(x, y).coef_.T


def skglm(outcome: RightCensored, x: Any, penalties: Any, *, tol: float) -> Any:
    """Coefficients (l, p) of skglm's proximal Newton, warm-started along the path."""
    from skglm.datafits import Cox  # noqa: PLC0415
    from skglm.penalties import L1_plus_L2  # noqa: PLC0415
    from skglm.solvers import ProxNewton  # noqa: PLC0415

    x = np.asfortranarray(x)
    y = np.column_stack((outcome.time, outcome.event.astype(float)))
    datafit = COMPILED.setdefault("datafit", _compiled(Cox()))
    datafit.initialize(x, y)
    solver = ProxNewton(tol=tol, fit_intercept=False, max_iter=200, max_pn_iter=2000)
    found, start, fitted = [], np.zeros(x.shape[1]), np.zeros(len(x))
    for penalty in penalties:
        own = _compiled(L1_plus_L2(penalty, RATIO))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            start = solver.solve(x, y, datafit, own, start.copy(), fitted.copy())[0]
        fitted = x @ start
        found.append(start)
    return np.array(found)


COMPILED: dict[str, Any] = {}


def _compiled(part: Any) -> Any:
    from skglm.utils.jit_compilation import compiled_clone  # noqa: PLC0415

    return compiled_clone(part)


def at_equal_optimality(
    peer: Callable[..., Any], outcome: RightCensored, x: Any, penalties: Any
) -> tuple[float, float, float]:
    """Loosest tolerance of a peer that reaches 1e-4, its violation, and its CPU time."""
    for tol in 10.0 ** -np.arange(4.0, 15.0, 0.5):
        beta = peer(outcome, x, penalties, tol=tol)
        worst = max(
            violation(outcome, x, b, penalty=a) for a, b in zip(penalties, beta, strict=True)
        )
        if worst <= 1e-4:
            spent = cpu_ms(lambda tol=tol: peer(outcome, x, penalties, tol=tol), times=5)
            return float(tol), worst, spent
    return np.nan, worst, np.nan


def main() -> None:
    """Print the comparison."""
    for seed in (0, 1):
        outcome, x = cohort(seed=seed)
        settings = settings_of(l1_ratio=RATIO, tolerance=1e-4)
        path = cox_path(outcome, x, settings=settings)
        worst = max(
            violation(outcome, x, b, penalty=a)
            for a, b in zip(path.penalties, path.coefficients, strict=True)
        )
        ours = cpu_ms(lambda x=x, o=outcome, s=settings: cox_path(o, x, settings=s), times=20)
        print(f"seed {seed}: {outcome.events} events, last support {path.support[-1]}")
        print(f"  operandi         {ours:8.2f} ms   violation {worst:.1e}")
        for peer in (scikit_survival, skglm):
            try:
                tol, off, spent = at_equal_optimality(peer, outcome, x, path.penalties)
            except ImportError as missing:
                print(f"  {peer.__name__:16s} not installed: {missing}")
                continue
            print(
                f"  {peer.__name__:16s} {spent:8.2f} ms   violation {off:.1e}   (tol {tol:.0e})   "
                f"ratio {spent / ours:.1f}"
            )
        tests = cpu_ms(lambda x=x, o=outcome: score_tests(o, x), times=20)
        print(f"  2000 score tests {tests:.2f} ms")
        nested(outcome, x)


def nested(outcome: RightCensored, x: Any) -> None:
    """One repeat of nested 5 x 5, whole and with a support cap."""
    rng = np.random.default_rng(7)
    n, p = x.shape
    outer = rng.permutation(n) % 5
    inner = np.array([rng.permutation(n) % 5 for _ in range(5)])
    event, zeros = outcome.event.astype(float), np.zeros(n)
    for cap in (0, 30):
        settings = settings_of(support_cap=cap)

        def repeat(settings: Any = settings) -> Any:
            return nested_scores(
                x,
                outcome.time,
                event,
                np.zeros(n, np.int64),
                zeros,
                outer,
                inner,
                np.ones(p),
                np.empty(0),
                settings,
                True,  # noqa: FBT003
            )

        repeat()
        spent = cpu_ms(repeat, times=5)
        minutes = spent * (50 + 200 * 5) / 60e3
        print(f"  nested 5x5, cap {cap:2d}: {spent:7.1f} ms; 50 + 200 x 5: {minutes:.2f} CPU min")


if __name__ == "__main__":
    main()
