"""What is known of a quantity before it is drawn: value, spread, unit and where both are from."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

_Floats = npt.NDArray[np.float64]

BOUND: Final = 2.0
"""Uniform numbers become normal ones cut at this many standard deviations, then rescaled to
variance 1, so that bodies stay possible and means and spreads stay those of the table. Assumed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalPrior:
    """A quantity that differs between people.

    Parameters
    ----------
    mean, spread : float
        Mean and standard deviation of the values themselves, whatever the law.
    unit : str
    source : str
        A publication; or begins with ``recalled`` (known but not seen again) or ``assumed``.
        Where mean and spread are of different standing, both are said.
    law : {'log-normal', 'normal'}
    """

    mean: float
    spread: float
    unit: str
    source: str
    law: Literal["log-normal", "normal"] = "log-normal"

    def __post_init__(self) -> None:
        if not self.source or self.spread < 0.0:
            raise ValueError(f"a prior needs a source and a spread >= 0: {self}")
        if self.law == "log-normal" and self.mean <= 0.0:
            raise ValueError(f"a log-normal prior needs a mean > 0: {self}")

    @property
    def log_spread(self) -> float:
        """Standard deviation of the logarithm of a log-normal quantity."""
        return float(np.sqrt(np.log1p((self.spread / self.mean) ** 2)))

    def at(self, scores: npt.ArrayLike, *, bounded: bool = True) -> _Floats:
        """Values at scores of mean 0 and variance 1.

        Parameters
        ----------
        scores : array
        bounded : bool
            Whether the scores are those of `bounded_scores`; standard normal ones otherwise.
            Both give the mean and spread of the table.
        """
        z = np.asarray(scores, dtype=np.float64)
        if self.law == "normal":
            return np.asarray(self.mean + self.spread * z)
        if not bounded:
            width = self.log_spread
            return np.asarray(self.mean * np.exp(width * z - width**2 / 2.0))
        width = _bounded_width(cv=self.spread / self.mean)
        return np.asarray(self.mean * np.exp(width * z) / _moment(width))


def bounded_scores(uniforms: npt.ArrayLike) -> _Floats:
    """Normal scores cut at ``BOUND`` and rescaled: mean 0, variance 1."""
    tail = ndtr(-BOUND)
    cut = ndtri(tail + np.asarray(uniforms, dtype=np.float64) * (1.0 - 2.0 * tail))
    return np.asarray(cut / _CUT_SPREAD, dtype=np.float64)


def _cut_spread() -> float:
    """Standard deviation of a standard normal number cut at both ends."""
    density = np.exp(-(BOUND**2) / 2.0) / np.sqrt(2.0 * np.pi)
    return float(np.sqrt(1.0 - 2.0 * BOUND * density / (1.0 - 2.0 * ndtr(-BOUND))))


_CUT_SPREAD: Final = _cut_spread()


def _moment(width: float) -> float:
    """Mean of ``exp(width * z)`` over bounded scores *z*."""
    t = width / _CUT_SPREAD
    inside = ndtr(BOUND - t) - ndtr(-BOUND - t)
    return float(np.exp(t * t / 2.0) * inside / (1.0 - 2.0 * ndtr(-BOUND)))


@lru_cache(maxsize=256)
def _bounded_width(*, cv: float) -> float:
    """The width of ``exp(width * z)`` whose coefficient of variation over bounded z is *cv*."""

    def excess(width: float) -> float:
        return _moment(2.0 * width) / _moment(width) ** 2 - 1.0 - cv * cv

    return 0.0 if cv == 0.0 else float(brentq(excess, 0.0, 3.0, xtol=1e-12))
