"""Competing risks: cumulative incidence with its variance, and cause-specific outcomes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from operandi.quantities.errors import DataError
from operandi.signatures.data import Floats, RightCensored

CENSORED = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CompetingOutcome:
    """Times to the first of several kinds of event.

    Parameters
    ----------
    time : (n,) float
        Days, > 0.
    cause : (n,) int
        0 where nothing happened until then, else the number of the cause.
    names : tuple of str
        Name of cause 1, 2, ...

    Raises
    ------
    DataError
        If a time is no time (see ``RightCensored``), or a cause has no name.
    """

    time: Floats
    cause: npt.NDArray[np.int64]
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        RightCensored(time=self.time, event=self.cause != CENSORED)
        bad = np.flatnonzero((self.cause < 0) | (self.cause > len(self.names)))
        if bad.size:
            raise DataError(
                f"Causes need to be 0 (censored) to {len(self.names)}; row {bad[0]} has "
                f"{self.cause[bad[0]]}."
            )

    def number(self, name: str) -> int:
        """Find the number of a cause.

        Raises
        ------
        DataError
            If no cause has the name.
        """
        if name not in self.names:
            raise DataError(f"No cause is named {name!r}; there are {', '.join(self.names)}.")
        return self.names.index(name) + 1

    def specific_to(self, name: str) -> RightCensored:
        """Outcome of one cause in which all other causes censor: for cause-specific hazards."""
        return RightCensored(time=self.time, event=self.cause == self.number(name))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CumulativeIncidence:
    """Probability of an event of one cause by a day, while others may come first.

    Parameters
    ----------
    cause : str
    time : (k,) float
        Days with an event of any cause, ascending.
    incidence : (k,) float
        F(t), right-continuous.
    variance : (k,) float
        Of F(t).
    """

    cause: str
    time: Floats
    incidence: Floats
    variance: Floats

    def at(self, days: Floats) -> Floats:
        """F on given days; 0 before the first event."""
        return self._step(self.incidence, days)

    def standard_error_at(self, days: Floats) -> Floats:
        """Standard error of F on given days; 0 where F is."""
        return np.sqrt(self._step(self.variance, days))

    def band(self, *, level: float = 0.95) -> tuple[Floats, Floats]:
        """Lower and upper limits at ``time`` on the log-log scale of 1 - F.

        Where F is 0 both are 0: nothing was seen that a limit could be made of.
        """
        z = float(norm.ppf(0.5 + level / 2.0))
        seen = (self.incidence > 0.0) & (self.incidence < 1.0)
        free = np.where(seen, 1.0 - self.incidence, 0.5)
        ratio = z * np.sqrt(self.variance) / (free * -np.log(free))
        lower = np.where(seen, 1.0 - free ** np.exp(-ratio), self.incidence)
        upper = np.where(seen, 1.0 - free ** np.exp(ratio), self.incidence)
        return lower, upper

    def _step(self, values: Floats, days: Floats) -> Floats:
        place = np.searchsorted(self.time, np.asarray(days, dtype=float), side="right")
        found: Floats = np.concatenate([[0.0], values])[place]
        return found


def cumulative_incidence(outcome: CompetingOutcome, *, cause: str) -> CumulativeIncidence:
    """Estimate the cumulative incidence of one cause after Aalen and Johansen.

    ``F(t) = sum over u <= t of S(u-) d1(u) / n(u)`` with S of all causes together. The variance is
    that of the delta method; without another cause it is Greenwood's.

    Raises
    ------
    DataError
        If no cause has the name.

    References
    ----------
    .. [1] Marubini and Valsecchi, Analysing Survival Data from Clinical Trials, 1995, section
       10.2.4.
    """
    number = outcome.number(cause)
    time = np.unique(outcome.time[outcome.cause != CENSORED])
    every = np.sort(outcome.time)
    n = (every.size - np.searchsorted(every, time, side="left")).astype(float)
    dead = counts_on(time, outcome.time[outcome.cause != CENSORED])
    own = counts_on(time, outcome.time[outcome.cause == number])
    survival = np.concatenate([[1.0], np.cumprod(1.0 - dead / n)])
    before = survival[:-1]
    incidence = np.cumsum(before * own / n)
    left = n - dead
    greenwood = np.where(left > 0.0, dead / (n * np.maximum(left, 1.0)), 0.0)
    # Each of the three sums over u <= t of (F(t) - F(u)) ** m w(u), by powers of F(t).
    first = np.cumsum(greenwood)
    second = np.cumsum(incidence * greenwood)
    third = np.cumsum(incidence**2 * greenwood)
    cross = before * own / n**2
    variance = (
        (incidence**2 * first - 2.0 * incidence * second + third)
        + np.cumsum(before**2 * (n - own) * own / n**3)
        - 2.0 * (incidence * np.cumsum(cross) - np.cumsum(incidence * cross))
    )
    return CumulativeIncidence(
        cause=cause, time=time, incidence=incidence, variance=np.maximum(variance, 0.0)
    )


def cumulative_incidence_by(
    outcome: CompetingOutcome, groups: Sequence[str], *, cause: str
) -> dict[str, CumulativeIncidence]:
    """Estimate the cumulative incidence in each group."""
    labels = np.asarray(groups, dtype=str)
    if labels.shape != outcome.time.shape:
        raise DataError(
            f"A group is needed for each of {outcome.time.size} participants; found {labels.size}."
        )
    found = {}
    for name in np.unique(labels):
        rows = labels == name
        part = CompetingOutcome(
            time=outcome.time[rows], cause=outcome.cause[rows], names=outcome.names
        )
        found[str(name)] = cumulative_incidence(part, cause=cause)
    return found


def counts_on(days: Floats, times: Floats) -> Floats:
    """How many of *times* fall on each of *days*."""
    ordered = np.sort(times)
    until = np.searchsorted(ordered, days, "right") - np.searchsorted(ordered, days, "left")
    return until.astype(float)
