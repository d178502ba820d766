"""Simulated patients: uptake and two clearances, spread otherwise than the shipped priors say."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

HOUR = 3600.0


@dataclass(frozen=True)
class Patients:
    """``1e8 Bq ((1-f) 2^(-t/T) + f 2^(-t/Tf) - 2^(-t/Tu))``, half-lives effective, h."""

    terminal_h: Array
    fast_h: Array
    fast_share: Array
    uptake_h: Array

    def at(self, hours: tuple[float, ...]) -> Array:
        """Activity, Bq, (patients, hours)."""
        t = np.array(hours)[None, :]
        return np.asarray(
            1e8
            * (
                (1 - self.fast_share[:, None]) * np.exp2(-t / self.terminal_h[:, None])
                + self.fast_share[:, None] * np.exp2(-t / self.fast_h[:, None])
                - np.exp2(-t / self.uptake_h[:, None])
            )
        )

    @property
    def integral_bq_s(self) -> Array:
        hours = (
            (1 - self.fast_share) * self.terminal_h + self.fast_share * self.fast_h - self.uptake_h
        )
        return np.asarray(1e8 * HOUR / np.log(2) * hours)


def simulated_kidneys(count: int, *, seed: int) -> Patients:
    """Normal terminal half-lives 51 h, 17 %, and early phases spread evenly: all assumed."""
    rng = np.random.default_rng(seed)
    return Patients(
        terminal_h=np.clip(rng.normal(51, 0.17 * 51, count), 20, 155),
        fast_share=rng.uniform(0, 0.25, count),
        fast_h=rng.uniform(5, 15, count),
        uptake_h=rng.uniform(0.3, 2, count),
    )


def simulated_tumors(count: int, *, seed: int) -> Patients:
    """Normal terminal half-lives 84 h, 25 %, slower uptake: all assumed."""
    rng = np.random.default_rng(seed)
    return Patients(
        terminal_h=np.clip(rng.normal(84, 0.25 * 84, count), 25, 155),
        fast_share=rng.uniform(0, 0.15, count),
        fast_h=rng.uniform(10, 25, count),
        uptake_h=rng.uniform(1, 6, count),
    )
