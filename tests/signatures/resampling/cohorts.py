"""Simulated cohorts for tests of resampling."""

import numpy as np

from operandi.domain.identity import Pseudonym
from operandi.signatures.data import Predictors, RightCensored


def cohort(
    *,
    seed: int,
    effects: tuple[float, ...] = (),
    participants: int = 80,
    columns: int = 40,
    clinical: int = 0,
    sites: int = 3,
) -> tuple[Predictors, RightCensored]:
    """Standard normal columns; the first ones drive an exponential time by *effects*."""
    draw = np.random.default_rng(seed)
    x = draw.standard_normal((participants, columns))
    eta = x[:, : len(effects)] @ np.array(effects) if effects else np.zeros(participants)
    time = draw.exponential(np.exp(-eta)) * 700.0 + 1.0
    limit = draw.uniform(300.0, 1500.0, participants)
    predictors = Predictors(
        values=x,
        names=tuple(f"x{number:03d}" for number in range(columns)),
        blocks=("clinical",) * clinical + ("pet",) * (columns - clinical),
        participants=tuple(Pseudonym(f"OP-{row:03d}") for row in range(participants)),
        sites=tuple(f"SITE{row % sites}" for row in range(participants)),
    )
    return predictors, RightCensored(time=np.minimum(time, limit), event=time <= limit)
