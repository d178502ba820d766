"""Power of a trial to show that a marker foretells progression-free survival.

::

    found = power(read_scenario("dose"), sizes=[40, 80, 160], trials=1000, seed=7)
    found.power["oracle"]          # (sizes,), part of trials with p < 0.05
    found.interval["oracle"]       # (sizes, 2), 95 % Monte Carlo interval

The oracle knows all that is true before cycle 1; no marker can do better. Others are what a plain
analysis would measure, with the published errors of measurement.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy.stats import beta

from operandi.quantities.errors import DataError
from operandi.simulation.disease.dose_surrogate import LOG_SUV
from operandi.simulation.disease.outcomes import Outcomes, simulate_outcomes
from operandi.simulation.scenario import Scenario
from operandi.simulation.streams import Stream, normals
from operandi.therapy.kinetic_parameters import MEASUREMENT_ERROR, Role

_Floats = npt.NDArray[np.float64]
_Bools = npt.NDArray[np.bool_]
_Counts = npt.NDArray[np.int64]

SIGNIFICANT: Final = 0.05
VOLUME_ERROR: Final = 0.15
"""Relative error of a segmented volume. Assumed."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PowerResult:
    """What trials of each size find.

    Parameters
    ----------
    sizes : tuple of int
    trials : int
    power : dict of str to (sizes,)
        By marker: part of trials whose score test has p < 0.05.
    interval : dict of str to (sizes, 2)
        95 % Clopper-Pearson interval of that part.
    concordance : dict of str to (sizes,)
        Mean concordance over trials; below 0.5 where higher values live longer; NaN where no
        trial has a pair that can be compared.
    events : (sizes,)
        Mean number of events.
    """

    sizes: tuple[int, ...]
    trials: int
    power: dict[str, _Floats]
    interval: dict[str, _Floats]
    concordance: dict[str, _Floats]
    events: _Floats


def power(
    scenario: Scenario,
    *,
    sizes: Sequence[int],
    trials: int,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> PowerResult:
    """Simulate trials and count in how many each marker is significant.

    Every size takes the first participants of the same trials, so that sizes compare closely.

    Parameters
    ----------
    scenario : Scenario
        Its number of participants is not used.
    sizes : sequence of int, >= 10, ascending
    trials : int, >= 1
    seed : int
    progress : callable, optional
        Called with (trials done, trials in all).

    Raises
    ------
    DataError
        If sizes are too small or not ascending, or there is no trial.
    """
    asked = tuple(int(size) for size in sizes)
    if not asked or min(asked) < _SMALLEST or list(asked) != sorted(set(asked)) or trials < 1:
        raise DataError(
            f"Power needs ascending sizes of at least {_SMALLEST} and trials, got {asked} and "
            f"{trials}.",
            remedy="Give for example 40, 80, 160 and 1000 trials.",
        )
    largest = asked[-1]
    significant: dict[str, _Floats] = {}
    concordant: dict[str, _Floats] = {}
    events = np.zeros((trials, len(asked)))
    batch = max(1, _BATCH // largest)
    for start in range(0, trials, batch):
        count = min(batch, trials - start)
        found = simulate_outcomes(
            scenario,
            participants=count * largest,
            seed=seed,
            first_participant=start * largest,
        )
        values = markers(found, seed=seed)
        for trial in range(count):
            for column, size in enumerate(asked):
                rows = slice(trial * largest, trial * largest + size)
                day, event = found.pfs_day[rows], found.pfs_event[rows]
                events[start + trial, column] = event.sum()
                for name, value in values.items():
                    shape = (trials, len(asked))
                    p = score_test(value[rows], day, event)
                    significant.setdefault(name, np.zeros(shape))[start + trial, column] = (
                        p < SIGNIFICANT
                    )
                    concordant.setdefault(name, np.zeros(shape))[start + trial, column] = (
                        concordance(value[rows], day, event)
                    )
        if progress is not None:
            progress(start + count, trials)
    return PowerResult(
        sizes=asked,
        trials=trials,
        power={name: hits.mean(axis=0) for name, hits in significant.items()},
        interval={
            name: exact_interval(hits.sum(axis=0), trials) for name, hits in significant.items()
        },
        concordance={name: _mean(one.T) for name, one in concordant.items()},
        events=events.mean(axis=0),
    )


_SMALLEST: Final = 10
_BATCH: Final = 4000  # participants at once: 0.2 s, and memory that does not grow with trials


def markers(found: Outcomes, *, seed: int) -> dict[str, _Floats]:
    """What may foretell progression, each (n,): the oracle, then plain measurements.

    Logarithms, as these are more nearly normal. Doses and SUV bear the published errors of
    measurement, lesion by lesion.
    """
    n, lesions = found.uptake_z.shape
    z = normals(
        n,
        2 * lesions + 1,
        seed=seed,
        stream=Stream.MARKER,
        first_row=found.first_participant,
    )
    suv = found.uptake_z * LOG_SUV[1] + MEASUREMENT_ERROR[Role.DIAGNOSTIC].tumor * z[:, :lesions]
    volume = np.nansum(found.tumors.volume_ml, axis=1)
    values = {
        "oracle": found.oracle_risk,
        "tumor_volume": np.log(volume) + VOLUME_ERROR * z[:, -1],
        "largest_diameter": np.log(np.nanmax(found.tumors.volume_ml, axis=1)) / 3.0,
        "mean_suv": np.log(_mean(np.exp(suv))),
        "minimum_suv": np.nanmin(suv, axis=1),
    }
    if np.nanmax(found.lesion_dose_gy) > 0:
        error = MEASUREMENT_ERROR[Role.THERAPY].tumor * z[:, lesions : 2 * lesions]
        dose = found.lesion_dose_gy * np.exp(error)
        values["mean_dose"] = np.log(_mean(dose))
        values["minimum_dose"] = np.log(np.nanmin(dose, axis=1))
    derived = {"uptake", "minimum_uptake", "tumor_volume"}
    values.update({k: v for k, v in found.covariates.items() if k not in derived})
    return values


def _mean(table: _Floats) -> _Floats:
    """Of each row, over what is there; NaN where nothing is."""
    count = (~np.isnan(table)).sum(axis=1)
    return np.asarray(
        np.where(count > 0, np.nansum(table, axis=1) / np.maximum(count, 1), np.nan),
        dtype=np.float64,
    )


_ROUNDING: Final = 1e-12


def score_test(marker: _Floats, day: _Floats, event: _Bools) -> float:
    """Two-sided *p* of the score test of Cox's discrete model, one covariate.

    At each time with *d* events among *r* at risk, the sum of the marker over the events is
    compared with its mean over all choices of *d* of *r*; its variance is
    ``d (r - d) / (r - 1) s^2``, *s^2* that of the marker at risk. Ties are thus handled exactly.
    1 where nothing can be told.

    References
    ----------
    .. [1] Cox, J R Stat Soc B 34:187, 1972, section 6 (recalled).
    """
    score, variance = _score(
        np.asarray(marker, dtype=np.float64), np.asarray(day, dtype=np.float64), event
    )
    # Where all at risk have the same marker, rounding alone is left.
    if not variance > _ROUNDING * float(np.var(marker)):
        return 1.0
    return math.erfc(abs(score) / math.sqrt(2.0 * variance))


@njit(cache=True)
def _score(marker: _Floats, day: _Floats, event: _Bools) -> tuple[float, float]:
    order = np.argsort(-day, kind="mergesort")
    center = marker.mean()
    at_risk = 0
    total = 0.0
    squares = 0.0
    score = 0.0
    variance = 0.0
    start = 0
    while start < order.size:
        stop = start
        events = 0
        of_events = 0.0
        while stop < order.size and day[order[stop]] == day[order[start]]:
            value = marker[order[stop]] - center
            at_risk += 1
            total += value
            squares += value * value
            if event[order[stop]]:
                events += 1
                of_events += value
            stop += 1
        if events > 0 and at_risk > 1:
            mean = total / at_risk
            spread = max(squares / at_risk - mean * mean, 0.0)
            score += of_events - events * mean
            variance += events * (at_risk - events) / (at_risk - 1) * spread
        start = stop
    return score, variance


def concordance(risk: _Floats, day: _Floats, event: _Bools) -> float:
    """Harrell's C: part of comparable pairs in which the one who fails first has the higher risk.

    Whoever is censored on the day of an event outlived it; equal risks count one half; two events
    on one day are not compared. NaN where no pair can be compared.
    """
    days = np.asarray(day, dtype=np.float64)
    _, rank = np.unique(np.asarray(risk, dtype=np.float64), return_inverse=True)
    return float(_concordance(rank.astype(np.int64) + 1, days, event, np.argsort(-days)))


@njit(cache=True)
def _concordance(rank: _Counts, day: _Floats, event: _Bools, order: _Counts) -> float:
    """Latest day first, with a tree of the ranks of risk, from 1, of all who outlived it."""
    count = rank.size
    tree = np.zeros(rank.max() + 1, dtype=np.int64)
    pairs, twice_right, outlived = 0.0, 0.0, 0
    start = 0
    while start < count:
        end = start
        while end < count and day[order[end]] == day[order[start]]:
            end += 1
        for place in range(start, end):
            if not event[order[place]]:
                outlived += 1
                _add(tree, rank[order[place]])
        for place in range(start, end):
            if event[order[place]]:
                mine = rank[order[place]]
                pairs += outlived
                # Below and at: twice the lower risks, once the equal ones.
                twice_right += _up_to(tree, mine) + _up_to(tree, mine - 1)
        for place in range(start, end):
            if event[order[place]]:
                outlived += 1
                _add(tree, rank[order[place]])
        start = end
    return 0.5 * twice_right / pairs if pairs > 0 else np.nan


@njit(cache=True)
def _add(tree: _Counts, rank: int) -> None:
    """Count one of a rank (Fenwick's binary indexed tree)."""
    while rank < tree.size:
        tree[rank] += 1
        rank += rank & -rank


@njit(cache=True)
def _up_to(tree: _Counts, rank: int) -> int:
    found = 0
    while rank > 0:
        found += tree[rank]
        rank -= rank & -rank
    return found


def exact_interval(hits: npt.ArrayLike, trials: int) -> _Floats:
    """95 % interval of Clopper and Pearson of a share, shape (..., 2).

    Parameters
    ----------
    hits : array of int, shape (...)
    trials : int, >= 1
    """
    count = np.asarray(hits, dtype=np.float64)
    low = np.where(count > 0, beta.ppf(0.025, count, trials - count + 1), 0.0)
    high = np.where(count < trials, beta.ppf(0.975, count + 1, trials - count), 1.0)
    return np.stack([low, high], axis=-1)
