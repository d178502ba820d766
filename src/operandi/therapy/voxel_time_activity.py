"""Integrated activity of every voxel: one exponential each, never slower than physics.

Decision 0021. Of Poisson-distributed values ``v_i`` at times ``t_i`` the likelihood of
``a e^-rt`` depends on two sums only, ``V = sum v`` and the mean time ``m = sum t v / V``: the
best rate solves ``sum t e^-rt / sum e^-rt = m``, the best amplitude is ``V / sum e^-rt``. So the
integral is *V* times a function of *m* alone, tabulated once for all voxels. Zeros need no
special case and the sum of the values is kept; noise moves the mean of a map little (measured,
of counts at administration: 2 % at 20, 0.4 % at 100).
"""

import math
from typing import Final

import numpy as np
import numpy.typing as npt
from numba import njit

from operandi.quantities.errors import DataError

Array = npt.NDArray[np.float64]

_NODES: Final = 4097


def voxel_time_integrated_activity(
    values: npt.ArrayLike, times_s: npt.ArrayLike, physical_rate_per_s: float
) -> Array:
    """Integrate each voxel from administration to infinity.

    Parameters
    ----------
    values : array, (t, n)
        Activity, or its concentration, at each time; not decay-corrected, >= 0.
    times_s : array, (t,), > 0, ascending
        Since administration, s; two or more.
    physical_rate_per_s : float, > 0
        Lower bound of every voxel's rate.

    Returns
    -------
    array, (n,)
        In the unit of *values* times s; 0 where all values are 0.

    Raises
    ------
    DataError
        One time, times not ascending or at or before administration, negative values.

    Notes
    -----
    The rate is bounded twice. Below by physics: what rises or stays, noise or uptake, is taken to
    decay physically with its sum kept, an upper bound of what lies after the last time. Above by
    a fall of 4 before the first time: a voxel that shows only at the first time is extrapolated
    back by that at most. Uptake is not modeled; per voxel two to four times do not show it.
    """
    times, data = _checked(times_s, values, physical_rate_per_s)
    mean_times, per_sum = _table(times, physical_rate_per_s)
    result = np.empty(data.shape[1])
    if not _integrate(data, times, mean_times, per_sum, result):
        raise DataError(
            "Needed voxel values of zero or more, found a negative one or no number.",
            remedy="Resample without overshoot, and set what background subtraction left below "
            "zero by a rule of your own.",
        )
    return result


@njit(cache=True)
def _integrate(
    data: npt.NDArray[np.floating],
    times: Array,
    mean_times: Array,
    per_sum: Array,
    result: Array,
) -> bool:
    """One pass, no copy of the map; False at the first value that is none or below zero."""
    last = mean_times.size - 1
    step = (mean_times[last] - mean_times[0]) / last
    for voxel in range(data.shape[1]):
        total = 0.0
        moment = 0.0
        for i in range(times.size):
            value = np.float64(data[i, voxel])
            if not (0.0 <= value < np.inf):
                return False
            total += value
            moment += value * times[i]
        if total == 0.0:
            result[voxel] = 0.0
            continue
        # Evenly spaced nodes: the place in the table is a product, not a search.
        place = min(max((moment / total - mean_times[0]) / step, 0.0), float(last))
        index = min(int(place), last - 1)
        share = place - index
        result[voxel] = total * (per_sum[index] * (1.0 - share) + per_sum[index + 1] * share)
    return True


def _checked(
    times_s: npt.ArrayLike, values: npt.ArrayLike, physical_rate_per_s: float
) -> tuple[Array, npt.NDArray[np.floating]]:
    times = np.asarray(times_s, dtype=np.float64)
    data = np.asarray(values)
    if data.dtype.kind != "f":
        data = data.astype(np.float64)
    if not (math.isfinite(physical_rate_per_s) and physical_rate_per_s > 0):
        raise ValueError(f"physical rate must be > 0: {physical_rate_per_s}")
    if times.ndim != 1 or data.ndim != 2 or data.shape[0] != times.size:
        raise ValueError(f"values {data.shape} do not have one row for each of times {times.shape}")
    if times.size < 2 or not times[0] > 0 or not np.all(np.diff(times) > 0):
        raise DataError(
            f"Needed two or more ascending times after administration, found "
            f"{', '.join(f'{time:g}' for time in times)} s.",
            remedy="Sort the scans by time; of one scan no voxel's half-life is known.",
        )
    return times, data


def _table(times: Array, physical: float) -> tuple[Array, Array]:
    """Evenly spaced mean times and the integral of a voxel whose values sum to one."""
    # A voxel's rate is at least physical even where four half-lives fit before the first time.
    slowest, fastest = physical, max(math.log(4.0) / times[0], 2 * physical)
    ends = [_mean_time(np.array([rate]), times)[0] for rate in (fastest, slowest)]
    wanted = np.linspace(ends[0], ends[1], _NODES)
    low, high = np.full(_NODES, slowest), np.full(_NODES, fastest)
    for _ in range(60):  # the mean time falls with the rate
        middle = (low + high) / 2
        late = _mean_time(middle, times) > wanted
        low, high = np.where(late, middle, low), np.where(late, high, middle)
    rate = (low + high) / 2
    relative = np.exp(-np.outer(times - times[0], rate)).sum(axis=0)
    return wanted, np.exp(rate * times[0]) / (rate * relative)


def _mean_time(rate: Array, times: Array) -> Array:
    share = np.exp(-np.outer(times - times[0], rate))
    return np.asarray((times[:, None] * share).sum(axis=0) / share.sum(axis=0))
