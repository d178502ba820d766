"""CPU time of group-lasso Cox paths of 50 penalties, at the tolerance of analysis plans.

python -m benchmarks.group_path
"""

import numpy as np

from benchmarks.preparation import correlated, least_ms
from operandi.signatures.cox.group_path import group_path
from operandi.signatures.cox.path_kernel import settings_of
from operandi.signatures.data import RightCensored


def main() -> None:
    """Print one line for each size."""
    settings = settings_of(penalties=50, tolerance=1e-4)
    for rows, columns, wide in ((80, 100, 25), (80, 600, 200), (80, 2000, 500), (200, 600, 100)):
        x = correlated(columns=columns, rows=rows)
        rng = np.random.default_rng(2)
        risk = 0.6 * (x[:, 0] + x[:, -1])
        outcome = RightCensored(
            time=300.0 * rng.exponential(np.exp(-risk)) + 1.0, event=rng.random(rows) < 0.6
        )
        blocks = [f"block {column // wide}" for column in range(columns)]
        took = least_ms(
            lambda: group_path(outcome, x, blocks=blocks, settings=settings),  # noqa: B023
            times=3,
        )
        print(f"{rows} x {columns} in {columns // wide} blocks: {took:.0f} ms")


if __name__ == "__main__":
    main()
