"""Death, and what a trial knows of it: survival and progression-free survival."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.simulation.disease.reads import NE, PD
from operandi.simulation.streams import Stream, uniforms
from operandi.therapy.course import DAYS_PER_MONTH

_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]
_Bools = npt.NDArray[np.bool_]

OTHER_DEATHS_PER_YEAR: Final = 0.01
"""Hazard of death without progression. Assumed: about that of people of 60 to 65."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Mortality:
    """Who dies when.

    Parameters
    ----------
    chance : (n, 2)
        Uniform numbers, of ``draw_chances``.
    post_progression_months : float
        Median survival after the true progression.
    """

    chance: _Floats
    post_progression_months: float


def draw_chances(n: int, *, seed: int, first_participant: int) -> _Floats:
    """Uniform numbers for ``death_days``, (n, 2)."""
    return uniforms(n, 2, seed=seed, stream=Stream.SURVIVAL, first_row=first_participant)


def death_days(
    progression_day: _Floats,
    *,
    cut_day: _Floats,
    mortality: Mortality,
) -> _Floats:
    """Day of death, (n,); inf where none by the data cut.

    Survival after the true progression is exponential; other deaths have a constant hazard.

    Parameters
    ----------
    progression_day, cut_day : (n,)
    mortality : Mortality
    """
    chance = mortality.chance
    median = mortality.post_progression_months * DAYS_PER_MONTH
    after = progression_day + np.ceil(-np.log2(chance[:, 0]) * median)
    other = np.ceil(-np.log(chance[:, 1]) * 365.25 / OTHER_DEATHS_PER_YEAR)
    death = np.minimum(after, other)
    return np.where(death <= cut_day, death, np.inf)


def overall_survival(death_day: _Floats, *, known_day: _Floats) -> tuple[_Floats, _Bools]:
    """Day of death or of censoring, and whether it is death, each (n,)."""
    return np.minimum(death_day, known_day), death_day <= known_day


def progression_free_days(
    response: _Ints,
    *,
    exam_day: _Floats,
    called_day: _Floats,
    death_day: _Floats,
    known_day: _Floats,
) -> tuple[_Floats, _Floats, _Bools]:
    """Progression-free survival as ``protocol.recist_pfs`` derives it, where no exam was missed.

    Parameters
    ----------
    response : (n, t) int
    exam_day : (n, t)
        The first is the baseline.
    called_day : (n,)
        Exam called progression, inf where none.
    death_day : (n,)
    known_day : (n,)
        Data cut or dropout.

    Returns
    -------
    day, left_day : (n,)
        Event or censoring; last exam free of progression before it, 0 where there is none.
    event : (n,) bool
    """
    free = (response != PD) & (response != NE)
    left = np.where(free, exam_day, 0.0).max(axis=1)
    death = np.where(death_day <= known_day, death_day, np.inf)
    day = np.minimum(called_day, death)
    event = np.isfinite(day)
    return np.where(event, day, left), left, event
