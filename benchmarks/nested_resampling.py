"""Speed of repeated nested cross-validation beside scikit-survival.

    python -m benchmarks.nested_resampling           # one nested 5x5, ours and the peer's
    python -m benchmarks.nested_resampling --whole   # ours: 50 repeats + 200 permutations x 5

Peer: scikit-survival (GPL, so never of the package): ``pip install scikit-survival`` into an
environment of its own, with this package on its path. Its loop is written by hand here (a path a
fold, every penalty scored by ``concordance_index_censored``); its recipe is that of its user guide
(``GridSearchCV`` over single penalties, one outer fold measured and five counted). CPU time,
least of several runs, as other jobs run beside; 80 x 2000 columns correlated in blocks of 20, 50
penalties down to a tenth of the largest, l1_ratio 0.9, penalty chosen by concordance.

Targets: 50 x nested 5x5 + 200 permutations x 5 repeats within 2 minutes on 2 cores; 10 x the loop,
100 x the recipe.

Last results (2 shared cores with a load of 7, scikit-survival 0.28.0, numba 0.68.1) of one
nested 5x5:

| | CPU | ours, cap 30 | ours, no cap |
|---|---|---|---|
| ours, support cap 30 (the plan's default) | 41 ms | | |
| ours, no cap | 192 ms | | |
| scikit-survival, loop by hand | 0.85 s | 20.7 x | 4.5 x |
| scikit-survival, recipe of its guide | 13.8 s | 334 x | 72 x |

The peer has no cap on the support; without one the two solve the same problems, at the default
tolerance of each. 1050 runs are 0.25 h of the loop and 4.0 h of the recipe, projected. Ours, 50
repeats, 50 smaller cohorts (100 runs) and 200 x 5 permuted: 33 s of wall time on two threads, the
machine to itself; without the smaller cohorts 23 s, on one thread 48 s.
"""

import argparse
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.domain.identity import Pseudonym
from operandi.signatures.cox.path_kernel import settings_of
from operandi.signatures.data import Predictors, RightCensored
from operandi.signatures.metrics.estimate import BootstrapPlan
from operandi.signatures.performance import judge_survival, judged_days
from operandi.signatures.resampling.candidates import Penalized
from operandi.signatures.resampling.folds import Folds, Resampling, draw_folds
from operandi.signatures.resampling.nested import nested_evaluation
from operandi.signatures.resampling.permutation import permutation_null
from operandi.signatures.resampling.smaller import smaller_cohorts

_Floats = npt.NDArray[np.float64]

ROWS: Final = 80
COLUMNS: Final = 2000
CAP: Final = 30
DAYS: Final = np.array([365.0, 730.0])


def cohort(*, seed: int = 1) -> tuple[Predictors, RightCensored]:
    """Participants whose hazard follows three columns."""
    rng = np.random.default_rng(seed)
    shared = np.repeat(rng.normal(size=(ROWS, COLUMNS // 20)), 20, axis=1)
    x = 0.7 * shared + 0.7 * rng.normal(size=(ROWS, COLUMNS))
    eta = 0.6 * (x[:, 0] + x[:, 100] - x[:, 200])
    event_day = rng.exponential(700.0 * np.exp(-eta))
    end = rng.uniform(300.0, 1200.0, ROWS)
    names = tuple(f"c{j}" for j in range(COLUMNS))
    predictors = Predictors(
        values=np.ascontiguousarray(x),
        names=names,
        blocks=("radiomics",) * COLUMNS,
        participants=tuple(Pseudonym(f"P{row:03d}") for row in range(ROWS)),
        sites=("site",) * ROWS,
    )
    outcome = RightCensored(time=np.minimum(event_day, end) + 1.0, event=event_day < end)
    return predictors, outcome


def recipe(*, cap: int, deviance: bool = False) -> Penalized:
    """The elastic net of the plan's defaults."""
    return Penalized(
        name="elastic net",
        columns=tuple(f"c{j}" for j in range(COLUMNS)),
        settings=settings_of(support_cap=cap),
        by_deviance=deviance,
    )


def least_seconds(work: Callable[[], object], *, times: int) -> float:
    """Least CPU time of a call."""
    found = []
    for _ in range(times):
        mark = time.process_time()
        work()
        found.append(time.process_time() - mark)
    return min(found)


def ours_seconds(predictors: Predictors, outcome: RightCensored, *, cap: int) -> float:
    """One nested 5x5, everything scored."""
    plan = Resampling(repeats=1, outer=5, inner=5, seed=1)

    def work() -> object:
        return nested_evaluation(recipe(cap=cap), predictors, outcome, resampling=plan, days=DAYS)

    work()
    return least_seconds(work, times=5)


def whole_seconds(predictors: Predictors, outcome: RightCensored, *, threads: int) -> float:
    """Wall time of 50 repeats, as many smaller cohorts, and 200 permutations by 5 repeats."""
    mark = time.perf_counter()
    fifty = Resampling(repeats=50, outer=5, inner=5, seed=1)
    days = judged_days(outcome, horizons=tuple(DAYS), decision=None, thresholds=())
    found = nested_evaluation(
        recipe(cap=CAP, deviance=True),
        predictors,
        outcome,
        resampling=fifty,
        days=days.times,
        threads=threads,
    )
    smaller = smaller_cohorts(
        recipe(cap=CAP, deviance=True),
        predictors,
        outcome,
        resampling=fifty,
        days=days.times,
        subsets=50,
        threads=threads,
    )
    judge_survival(
        outcome,
        replace(found, smaller=smaller),
        days=days,
        bootstrap=BootstrapPlan(seed=1),
        threads=threads,
    )
    permutation_null(
        recipe(cap=CAP, deviance=True),
        predictors,
        outcome,
        resampling=Resampling(repeats=5, outer=5, inner=5, seed=1),
        permutations=200,
        threads=threads,
    )
    return time.perf_counter() - mark


def loop_seconds(predictors: Predictors, outcome: RightCensored) -> float | None:
    """The peer's path in a loop written by hand; None without the peer."""
    try:
        from sksurv.linear_model import CoxnetSurvivalAnalysis  # noqa: PLC0415
        from sksurv.metrics import concordance_index_censored  # noqa: PLC0415
        from sksurv.util import Surv  # noqa: PLC0415
    except ImportError:
        return None
    y = Surv.from_arrays(outcome.event, outcome.time)
    folds = _folds(predictors, outcome)

    def path(x: _Floats, rows: npt.NDArray[np.int64], alphas: _Floats | None) -> object:
        model = CoxnetSurvivalAnalysis(
            l1_ratio=0.9, n_alphas=50, alpha_min_ratio=0.1, alphas=alphas, max_iter=100_000
        )
        return model.fit(x, y[rows])

    def scaled(rows: npt.NDArray[np.int64]) -> tuple[_Floats, _Floats]:
        part = predictors.values[rows]
        return part.mean(axis=0), part.std(axis=0)

    def scores(model: object, x: _Floats, rows: npt.NDArray[np.int64]) -> _Floats:
        eta = x @ model.coef_  # type: ignore[attr-defined]
        found = [
            concordance_index_censored(outcome.event[rows], outcome.time[rows], one)[0]
            for one in eta.T
        ]
        return np.array(found)

    def work() -> list[float]:
        judged = []
        for fold in range(5):
            train, test = np.flatnonzero(folds.outer != fold), np.flatnonzero(folds.outer == fold)
            center, scale = scaled(train)
            whole = path((predictors.values[train] - center) / scale, train, None)
            alphas = whole.alphas_  # type: ignore[attr-defined]
            total = np.zeros(alphas.size)
            for number in range(5):
                inner = folds.inner[fold]
                fit = np.flatnonzero((inner >= 0) & (inner != number))
                held = np.flatnonzero(inner == number)
                mean, spread = scaled(fit)
                one = path((predictors.values[fit] - mean) / spread, fit, alphas)
                total += scores(one, (predictors.values[held] - mean) / spread, held)
            best = int(np.argmax(total))
            judged.append(scores(whole, (predictors.values[test] - center) / scale, test)[best])
        return judged

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return least_seconds(work, times=3)


def recipe_seconds(predictors: Predictors, outcome: RightCensored) -> float | None:
    """The peer's documented grid search: one outer fold, times five; None without the peer."""
    try:
        from sklearn.model_selection import GridSearchCV, KFold  # noqa: PLC0415
        from sklearn.pipeline import make_pipeline  # noqa: PLC0415
        from sklearn.preprocessing import StandardScaler  # noqa: PLC0415
        from sksurv.linear_model import CoxnetSurvivalAnalysis  # noqa: PLC0415
        from sksurv.util import Surv  # noqa: PLC0415
    except ImportError:
        return None
    y = Surv.from_arrays(outcome.event, outcome.time)
    train = np.flatnonzero(_folds(predictors, outcome).outer != 0)
    x = predictors.values[train]

    def work() -> object:
        first = make_pipeline(
            StandardScaler(),
            CoxnetSurvivalAnalysis(l1_ratio=0.9, n_alphas=50, alpha_min_ratio=0.1, max_iter=100),
        )
        first.fit(x, y[train])
        alphas = first.named_steps["coxnetsurvivalanalysis"].alphas_
        grid = GridSearchCV(
            make_pipeline(StandardScaler(), CoxnetSurvivalAnalysis(l1_ratio=0.9)),
            param_grid={"coxnetsurvivalanalysis__alphas": [[one] for one in alphas]},
            cv=KFold(n_splits=5, shuffle=True, random_state=0),
            error_score=0.5,
            n_jobs=1,
        )
        return grid.fit(x, y[train])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return 5.0 * least_seconds(work, times=2)


def _folds(predictors: Predictors, outcome: RightCensored) -> Folds:
    plan = Resampling(repeats=1, outer=5, inner=5, seed=1)
    return draw_folds(predictors.participants, outcome.event, resampling=plan, repeat=0)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    predictors, outcome = cohort()
    print(f"{ROWS} x {COLUMNS}, {outcome.events} events")
    if asked.whole:
        for threads in sorted({1, asked.threads}):
            took = whole_seconds(predictors, outcome, threads=threads)
            what = "50 nested 5x5, 50 smaller cohorts, 200 x 5"
            print(f"{what}, {threads} threads: {took:.1f} s of wall time")
        return
    ours = {cap: ours_seconds(predictors, outcome, cap=cap) for cap in (CAP, 0)}
    for cap, took in ours.items():
        print(f"ours, support cap {cap or 'none'}: {1e3 * took:.1f} ms a nested 5x5")
    for name, work in (("loop", loop_seconds), ("recipe", recipe_seconds)):
        took_by_peer = work(predictors, outcome)
        if took_by_peer is None:
            print("scikit-survival is not installed: pip install scikit-survival")
            return
        ratios = ", ".join(
            f"{took_by_peer / took:.1f} x ours (cap {cap or 'none'})" for cap, took in ours.items()
        )
        projected = took_by_peer * 1050 / 3600
        print(f"{name}: {took_by_peer:.2f} s; {ratios}; 1050 of them {projected:.2f} h")


if __name__ == "__main__":
    main()
