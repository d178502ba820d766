"""Time of a decision curve: dcurves once, beside ours with 1,000 bootstraps.

Run from the checkout: ``python -m benchmarks.decision_curve``. The peer (Apache-2.0) is timed if it
is installed (``pip install dcurves``), and its net benefit compared with ours. 80 participants,
99 thresholds, one horizon. Also: all metrics of two models compared on 1,000 samples.
"""

import importlib
import importlib.util
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from operandi.signatures.data import RightCensored
from operandi.signatures.metrics.comparison import (
    JudgmentPlan,
    SurvivalPrediction,
    compare_predictions,
)
from operandi.signatures.metrics.estimate import BootstrapPlan
from operandi.signatures.metrics.net_benefit import decision_curve_survival

TARGET_S = 0.2
ROWS = 80
HORIZON = 365.0
THRESHOLDS = np.arange(1, 100) / 100.0
TIMES = np.array([90.0, 180.0, 270.0, 365.0, 450.0, 540.0, 630.0, 720.0])


def best(work: Callable[[], Any], *, repeats: int) -> float:
    """Shortest CPU time of a few, s; the first call compiles and does not count."""
    work()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def cohort() -> tuple[RightCensored, np.ndarray[Any, np.dtype[np.float64]]]:
    """Exponential events that a predictor foretells, with uniform censoring."""
    generator = np.random.default_rng(1)
    predictor = generator.normal(size=ROWS)
    event_day = generator.exponential(700.0 * np.exp(-predictor))
    censored = generator.uniform(300.0, 1500.0, size=ROWS)
    time_ = np.ceil(np.minimum(event_day, censored))
    return RightCensored(time=time_, event=event_day <= censored), predictor


def main() -> None:
    """Print times, their ratio and the largest difference."""
    outcome, predictor = cohort()
    risk = 1.0 - np.exp(-np.exp(predictor) * HORIZON / 700.0)
    plan = BootstrapPlan(seed=1, repeats=1000)

    def ours() -> Any:
        return decision_curve_survival(
            outcome, risk, horizon=HORIZON, thresholds=THRESHOLDS, bootstrap=plan
        )

    mine = best(ours, repeats=5)
    print(f"ours, 1,000 bootstraps: {mine:.4f} s (target {TARGET_S} s)")
    survival = np.exp(-np.outer(np.exp(predictor), TIMES / 700.0))
    model = SurvivalPrediction(name="model", risk=predictor, survival=survival)
    reference = SurvivalPrediction(name="reference", risk=-outcome.time, survival=survival)
    judged = JudgmentPlan(
        times=TIMES,
        horizon=HORIZON,
        tau=700.0,
        thresholds=np.array([0.2, 0.3, 0.4]),
        bootstrap=plan,
    )
    whole = best(lambda: compare_predictions(outcome, model, reference, plan=judged), repeats=5)
    print(f"two models, eight metrics, 1,000 bootstraps: {whole:.4f} s")
    if importlib.util.find_spec("dcurves") is None:
        print("dcurves is not installed: pip install dcurves")
        return
    dcurves = importlib.import_module("dcurves")
    pandas = importlib.import_module("pandas")
    table = pandas.DataFrame({"event": outcome.event, "time": outcome.time, "risk": risk})

    def peer() -> Any:
        return dcurves.dca(
            data=table,
            outcome="event",
            modelnames=["risk"],
            thresholds=THRESHOLDS,
            time=HORIZON,
            time_to_outcome_col="time",
        )

    theirs = best(peer, repeats=2)
    found = peer()
    benefit = found[found["model"] == "risk"].sort_values("threshold")["net_benefit"].to_numpy()
    apart = np.nanmax(np.abs(benefit - ours().net_benefit))
    missing = int(np.count_nonzero(np.isnan(benefit)))
    print(f"dcurves, no bootstrap: {theirs:.3f} s")
    print(f"{theirs / mine:.0f} times faster with 1,000 bootstraps than the peer without")
    print(f"net benefit differs by {apart:.1e} at most; {missing} thresholds absent from the peer")


if __name__ == "__main__":
    main()
