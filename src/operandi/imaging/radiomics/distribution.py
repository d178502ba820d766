"""What describes a distribution, of intensities as of levels: moments, percentiles, deviations."""

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from numba import njit

from operandi.imaging.radiomics.feature import Feature

Floats: TypeAlias = npt.NDArray[np.float64]
Counts: TypeAlias = npt.NDArray[np.int64]

DESCRIBED = (
    "mean", "var", "skew", "kurt", "median", "min", "p10", "p90", "max",
    "iqr", "range", "mad", "rmad", "medad", "cov", "qcod",
)  # fmt: skip
"""Tags, less the family's prefix, in IBSI's order (3.3.1 to 3.3.16)."""


def described(prefix: str, values: Floats, counts: Counts) -> dict[str, Feature]:
    """Features that intensity statistics and intensity histogram share.

    Parameters
    ----------
    prefix : str
        ``"stat"`` or ``"ih"``.
    values : float array, (n,), n > 0
        In increasing order.
    counts : int array, (n,)
        How often each occurs; > 0 for the first and the last.

    Returns
    -------
    dict of Feature, by tag
        In the order of ``DESCRIBED``.
    """
    p10, p25, median, p75, p90 = _percentiles(values, counts).tolist()
    mean, var, third, fourth, mad, medad, rmad = _moments(values, counts, median, p10, p90)
    found: dict[str, float | str] = {
        "mean": mean,
        "var": var,
        "median": median,
        "min": float(values[0]),
        "p10": p10,
        "p90": p90,
        "max": float(values[-1]),
        "iqr": p75 - p25,
        "range": float(values[-1] - values[0]),
        "mad": mad,
        "rmad": rmad,
        "medad": medad,
        "skew": "the values have no spread to be skewed",
        "kurt": "the values have no spread to be peaked",
        "cov": "the mean is 0",
        "qcod": "the quartiles sum to 0",
    }
    if var * var > 0:
        found["skew"] = third / var**1.5
        found["kurt"] = fourth / var**2 - 3.0
    if mean != 0:
        found["cov"] = var**0.5 / mean
    if p75 + p25 != 0:
        found["qcod"] = (p75 - p25) / (p75 + p25)
    return {f"{prefix}_{tag}": feature(f"{prefix}_{tag}", found[tag]) for tag in DESCRIBED}


def feature(tag: str, found: float | str) -> Feature:
    """Return a feature from its value, or from the sentence that says why there is none."""
    if isinstance(found, str):
        return Feature(tag, None, found)
    if not math.isfinite(found):
        return Feature(tag, None, "the value is beyond floating-point numbers")
    return Feature(tag, float(found))


@njit(cache=True, nogil=True)
def _percentiles(values: Floats, counts: Counts) -> Floats:
    """Linear interpolation between order statistics, as all IBSI references have it."""
    last = counts.sum() - 1
    found = np.empty(5)
    i, rank = 0, counts[0]  # of the value at hand, and how many are no higher
    for at, share in enumerate((0.10, 0.25, 0.50, 0.75, 0.90)):
        place = share * last
        below = int(place)
        while rank <= below:
            i += 1
            rank += counts[i]
        j = i
        if rank <= min(below + 1, last):
            j += 1
            while counts[j] == 0:
                j += 1
        found[at] = values[i] + (values[j] - values[i]) * (place - below)
    return found


@njit(cache=True, nogil=True)
def _moments(
    values: Floats, counts: Counts, median: float, p10: float, p90: float
) -> tuple[float, float, float, float, float, float, float]:
    """Mean, three central moments, deviations from mean and median, and the robust one."""
    n = 0
    total = 0.0
    kept = 0
    robust_total = 0.0
    # Summed from the least value, so that the mean of equal values is that value to the last digit.
    least = values[0]
    for v, c in zip(values, counts):  # noqa: B905 (Numba knows no strict)
        n += c
        total += c * (v - least)
        if p10 <= v <= p90:
            kept += c
            robust_total += c * (v - least)
    mean = least + total / n
    robust_mean = least + robust_total / max(kept, 1)
    second = third = fourth = mad = medad = rmad = 0.0
    for v, c in zip(values, counts):  # noqa: B905
        d = v - mean
        square = d * d
        second += c * square
        third += c * square * d
        fourth += c * square * square
        mad += c * abs(d)
        medad += c * abs(v - median)
        if p10 <= v <= p90:
            rmad += c * abs(v - robust_mean)
    return (
        mean, second / n, third / n, fourth / n, mad / n, medad / n, rmad / max(kept, 1),
    )  # fmt: skip
