"""A cohort that no linear model can read, and inner folds for single fits."""

import numpy as np

from operandi.domain.identity import Pseudonym
from operandi.signatures.data import Predictors, RightCensored
from operandi.signatures.resampling.folds import Labels, deal_folds, generator_of


def bent_cohort(*, seed: int, participants: int = 80) -> tuple[Predictors, RightCensored]:
    """Ten columns; the log hazard rises to both sides of the first."""
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(participants, 10))
    hidden = draw.exponential(np.exp(-1.2 * np.minimum(x[:, 0] ** 2, 4.0))) * 1500.0 + 1.0
    limit = draw.uniform(300.0, 1500.0, participants)
    return (
        Predictors(
            values=x,
            names=tuple(f"x{number}" for number in range(10)),
            blocks=("pet",) * 10,
            participants=tuple(Pseudonym(f"OP-{row:03d}") for row in range(participants)),
            sites=("SITE",) * participants,
        ),
        RightCensored(time=np.minimum(hidden, limit), event=hidden <= limit),
    )


def inner_folds(predictors: Predictors, outcome: RightCensored) -> Labels:
    """Five."""
    return deal_folds(predictors.participants, outcome.event, folds=5, generator=generator_of(1, 2))
