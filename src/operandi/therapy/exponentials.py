"""Sums of exponentials: what activity, dose rate and their integrals are made of here."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class ExponentialSum:
    """``f(t) = sum_i a_i exp(-r_i t)`` for *t* >= 0 since administration; 0 before.

    Uptake is a negative amplitude with a faster rate.

    Parameters
    ----------
    amplitudes : tuple of float
        *a*, in the unit of *f* (Bq for activity, Gy/s for dose rate).
    rates_per_s : tuple of float, > 0
        *r*, physical decay included, 1/s.

    Raises
    ------
    ValueError
        If the two differ in length or a rate is not positive: the integral would not exist.
    """

    amplitudes: tuple[float, ...]
    rates_per_s: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.amplitudes) != len(self.rates_per_s) or not self.amplitudes:
            raise ValueError(f"{len(self.amplitudes)} amplitudes, {len(self.rates_per_s)} rates")
        if not all(math.isfinite(rate) and rate > 0 for rate in self.rates_per_s):
            raise ValueError(f"rates must be finite and > 0: {self.rates_per_s}")

    def at(self, time_s: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Values at *time_s* (any shape, s)."""
        time = np.asarray(time_s, dtype=np.float64)[..., None]
        terms = np.asarray(self.amplitudes) * np.exp(-time * np.asarray(self.rates_per_s))
        return np.where(time[..., 0] >= 0, terms.sum(axis=-1), 0.0)

    @property
    def integral(self) -> float:
        """From administration to infinity, in the unit of *f* times s.

        >>> ExponentialSum((2.0, -2.0), (0.5, 1.0)).integral
        2.0
        """
        return math.fsum(a / r for a, r in zip(self.amplitudes, self.rates_per_s, strict=True))

    def integral_after(self, time_s: float) -> float:
        """From *time_s* to infinity: what an extrapolation stands for."""
        return math.fsum(
            a / r * math.exp(-r * time_s)
            for a, r in zip(self.amplitudes, self.rates_per_s, strict=True)
        )

    def scaled(self, factor: float) -> "ExponentialSum":
        """The same course, *factor* times as high: activity to dose rate."""
        return ExponentialSum(tuple(factor * a for a in self.amplitudes), self.rates_per_s)
