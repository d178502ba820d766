"""A cohort of three sites from integers alone: every machine has the same to the last bit."""

from dataclasses import dataclass

import numpy as np

from operandi.signatures.data import Floats
from operandi.signatures.preparation.transformer import Columns


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ThreeSites:
    """Values (40, 30), site of each row, and two whole-numbered covariates (40, 2)."""

    values: Floats
    batch: Columns
    covariates: Floats


def three_sites() -> ThreeSites:
    """Sites of 18, 12 and 10, which differ in location and spread; age moves every third column."""
    drawn = _uniform(40 * 30 * 4 + 80 + 180)
    noise = drawn[: 40 * 30 * 4].reshape(40, 30, 4).sum(axis=2) - 2.0
    age = np.floor(40.0 + 40.0 * drawn[4800:4840])
    sex = np.floor(2.0 * drawn[4840:4880])
    shift = 2.0 * drawn[4880:4970].reshape(3, 30)
    spread = 0.5 + drawn[4970:5060].reshape(3, 30)
    batch = np.repeat(np.arange(3), (18, 12, 10))
    with_age = np.where(np.arange(30) % 3 == 0, 0.0625, 0.0)
    values = noise * spread[batch] + shift[batch] + age[:, None] * with_age + np.arange(30) / 4.0
    return ThreeSites(values=values, batch=batch, covariates=np.column_stack((age, sex)))


def _uniform(count: int) -> Floats:
    """Numerical Recipes' linear congruential generator, from 2026."""
    state, found = 2026, []
    for _ in range(count):
        state = (1_664_525 * state + 1_013_904_223) % 2**32
        found.append((state >> 8) / 2**24)
    return np.asarray(found)
