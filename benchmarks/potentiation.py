"""Radiopotentiators: a thousand draws of the priors, beside a general solver for one of them.

python -m benchmarks.potentiation
"""

import math
import time
from collections.abc import Callable

import numpy as np
from scipy.integrate import solve_ivp

from operandi.therapy.drug_schedules import OLAPARIB_NCI_DOTATATE
from operandi.therapy.exponentials import ExponentialSum
from operandi.therapy.pet_baseline import TumorGrade
from operandi.therapy.potentiation import potentiate
from operandi.therapy.potentiator_presets import (
    KIDNEY_RESPONSE,
    MARROW_RESPONSE,
    TUMOR_RESPONSE,
    Recombination,
    parp_inhibitor,
)
from operandi.therapy.potentiators import Cycle

DRAWS = 1000
DAY_S = 86_400.0
DOSES_GY = {"tumor": (26.9, 84.0), "kidneys": (4.847, 51.0), "marrow": (0.2, 40.0)}
"""Of a cycle, with the effective half-life in h."""


def _rate(tissue: str) -> ExponentialSum:
    dose_gy, half_life_h = DOSES_GY[tissue]
    rate = math.log(2) / (half_life_h * 3600)
    return ExponentialSum((dose_gy * rate,), (rate,))


def _seconds(work: Callable[[], object]) -> float:
    work()
    start = time.process_time()
    work()
    return time.process_time() - start


def _ours() -> object:
    drug = parp_inhibitor(
        schedule=OLAPARIB_NCI_DOTATATE,
        grade=TumorGrade.UNKNOWN,
        recombination=Recombination.UNKNOWN,
    )
    rates = {tissue: _rate(tissue) for tissue in DOSES_GY}
    return potentiate(
        cycles=[Cycle(day=56.0 * n, dose_rate_gy_per_s=rates) for n in range(4)],
        tissues=(TUMOR_RESPONSE, KIDNEY_RESPONSE, MARROW_RESPONSE),
        potentiators=[drug],
        samples=DRAWS,
        seed=1,
    )


def _solver() -> object:
    """Repairable dose over four cycles in one tissue, by one draw, without a drug."""
    course, mu = _rate("kidneys"), math.log(2) / (2.8 * 3600)

    def slope(t: float, u: np.ndarray) -> list[float]:
        since = t % (56 * DAY_S)
        return [float(course.at(since)) - mu * u[0]]

    return solve_ivp(
        slope, (0, 224 * DAY_S), [0.0], method="LSODA", rtol=1e-8, atol=1e-12, max_step=DAY_S
    )


def main() -> None:
    """Print the time of a thousand draws, and the ratio for one."""
    ours, solver = _seconds(_ours), _seconds(_solver)
    one = ours / (DRAWS * len(DOSES_GY))
    print(f"{DRAWS} draws, three tissues, four cycles: {ours:.3f} s CPU (target 1 s)")
    print(f"one draw of one tissue: {1e3 * one:.3f} ms; solve_ivp {1e3 * solver:.1f} ms")
    print(f"ratio {solver / one:.0f}")


if __name__ == "__main__":
    main()
