"""Random survival forest and component-wise boosting beside scikit-survival, and the horseshoe.

Run from the checkout, in an environment that also has ``scikit-survival`` (GPL-3: a peer here,
never a dependency): ``python -m benchmarks.challengers``. One thread, CPU time, minimum over
repeats. Each cohort has 80 participants to learn from and 400 to be judged by. ``bent``: the log
hazard rises to both sides of one of 20 columns, which no linear model sees. ``wide``: 2,000
columns in blocks of 20 that share half their variance, two of which carry risk. Concordances are
means over cohorts; the forests have 500 trees of 45 (5) columns a node and terminal nodes of about
the same size, boosting 100 steps. Our boosting is that of the partial likelihood with a penalized
Newton step, the peer's takes the gradient with least squares: near, not equal.

Last, the whole of one nested repeat of 5 x 5 by each challenger, as a plan runs it.
"""

import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from operandi.domain.identity import Pseudonym
from operandi.signatures.challengers.boosting import Boosting
from operandi.signatures.challengers.forest import Forest
from operandi.signatures.challengers.horseshoe import Horseshoe
from operandi.signatures.data import Predictors, RightCensored
from operandi.signatures.metrics.concordance import harrell_c
from operandi.signatures.resampling.folds import Resampling, deal_folds, generator_of
from operandi.signatures.resampling.nested import nested_evaluation

LEARN, JUDGE, COHORTS, STEPS = 80, 400, 8, 100
OURS: dict[str, Callable[[tuple[str, ...]], Any]] = {
    "forest": lambda names: Forest(name="forest", columns=names),
    "boosting": lambda names: Boosting(name="boosting", columns=names, steps=STEPS),
    "horseshoe": lambda names: Horseshoe(name="horseshoe", columns=names),
}


def cohort(kind: str, *, seed: int) -> tuple[Predictors, RightCensored]:
    """All rows: those to learn from stand first."""
    draw = np.random.default_rng(seed)
    rows = LEARN + JUDGE
    if kind == "bent":
        x = draw.normal(size=(rows, 20))
        eta = 1.2 * np.minimum(x[:, 0] ** 2, 4.0) - 1.0
    else:
        shared = np.repeat(draw.normal(size=(rows, 100)), 20, axis=1)
        x = np.sqrt(0.5) * (shared + draw.normal(size=(rows, 2000)))
        eta = 0.9 * (x[:, 0] + x[:, 40])
    hidden = draw.exponential(np.exp(-eta)) * 600.0 + 1.0
    limit = draw.uniform(200.0, 1600.0, rows)
    people = Predictors(
        values=x,
        names=tuple(f"x{number}" for number in range(x.shape[1])),
        blocks=("pet",) * x.shape[1],
        participants=tuple(Pseudonym(f"OP-{row:03d}") for row in range(rows)),
        sites=("SITE",) * rows,
    )
    return people, RightCensored(time=np.minimum(hidden, limit), event=hidden <= limit)


def part(people: Predictors, outcome: RightCensored, rows: slice) -> tuple[Any, RightCensored]:
    """Some rows of a cohort."""
    some = Predictors(
        values=np.ascontiguousarray(people.values[rows]),
        names=people.names,
        blocks=people.blocks,
        participants=people.participants[rows],
        sites=people.sites[rows],
    )
    return some, RightCensored(time=outcome.time[rows], event=outcome.event[rows])


def cpu_s(work: Callable[[], Any], *, times: int) -> float:
    """CPU time of one call, the least of several."""
    least = np.inf
    for _ in range(times):
        start = time.process_time()
        work()
        least = min(least, time.process_time() - start)
    return float(least)


def labels(outcome: RightCensored) -> Any:
    """Inner folds."""
    people = tuple(str(row) for row in range(outcome.time.size))
    return deal_folds(people, outcome.event, folds=5, generator=generator_of(1, 2))


def peers() -> dict[str, Callable[[int], Any]]:
    """The peer's models by ours; none where it is not installed."""
    try:
        from sksurv.ensemble import (  # noqa: PLC0415
            ComponentwiseGradientBoostingSurvivalAnalysis,
            RandomSurvivalForest,
        )
    except ImportError as missing:
        print(f"scikit-survival is not installed: {missing}")
        return {}
    return {
        "forest": lambda seed: RandomSurvivalForest(
            n_estimators=500, min_samples_leaf=6, max_features="sqrt", random_state=seed, n_jobs=1
        ),
        "boosting": lambda seed: ComponentwiseGradientBoostingSurvivalAnalysis(
            n_estimators=STEPS, learning_rate=0.1, random_state=seed
        ),
    }


def beside(kind: str) -> None:
    """Concordance and time of every challenger, ours and the peer's."""
    others = peers()
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for seed in range(COHORTS):
        people, outcome = cohort(kind, seed=seed)
        learning, known = part(people, outcome, slice(0, LEARN))
        judged, ahead = part(people, outcome, slice(LEARN, None))
        inner = labels(known)
        for name, made in OURS.items():
            ours = made(people.names)

            def fit(ours: Any = ours, seed: int = seed) -> Any:
                return ours.fit(learning, known, inner=inner, seed=seed)  # noqa: B023

            spent = cpu_s(fit, times=2)
            score = harrell_c(ahead, fit().predictor(judged)).value
            found.setdefault((name, "operandi"), []).append((score, spent))
        y = np.array(
            list(zip(known.event, known.time, strict=True)), dtype=[("e", "?"), ("t", "f8")]
        )
        for name, build in others.items():

            def fit_peer(build: Any = build, seed: int = seed) -> Any:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    return build(seed).fit(learning.values, y)  # noqa: B023

            spent = cpu_s(fit_peer, times=2)
            score = harrell_c(ahead, fit_peer().predict(judged.values)).value
            found.setdefault((name, "scikit-survival"), []).append((score, spent))
    print(f"{kind}, {COHORTS} cohorts:")
    for (name, who), pairs in found.items():
        score, spent = np.mean([one for one, _ in pairs]), np.min([one for _, one in pairs])
        line = f"  {name:10s} {who:16s} C {score:.3f}   {1e3 * spent:8.1f} ms"
        if who != "operandi":
            ours = np.min([one for _, one in found[name, "operandi"]])
            line += f"   ratio {spent / ours:.1f}"
        print(line)


def nested() -> None:
    """One repeat of 5 x 5 over 80 x 2000."""
    people, outcome = part(*cohort("wide", seed=0), slice(0, LEARN))
    for name, made in OURS.items():
        start = time.process_time()
        nested_evaluation(
            made(people.names),
            people,
            outcome,
            resampling=Resampling(repeats=1, outer=5, inner=5, seed=1),
            days=np.array([365.0]),
        )
        print(f"  {name}: one nested repeat of 5 x 5, {time.process_time() - start:.2f} s")


if __name__ == "__main__":
    for which in ("bent", "wide"):
        beside(which)
    nested()
