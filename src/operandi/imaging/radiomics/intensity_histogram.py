"""Intensity histogram (IBSI ZVCW): how the levels are distributed.

References
----------
.. [1] IBSI reference manual 3.4, arXiv:1612.07003.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

from operandi.imaging.radiomics.distribution import DESCRIBED, described, feature
from operandi.imaging.radiomics.feature import Feature
from operandi.imaging.radiomics.region import Levels
from operandi.imaging.radiomics.statistics import NO_INTENSITIES

SHAPE = ("mode", "entropy", "uniformity", "max_grad", "max_grad_g", "min_grad", "min_grad_g")
"""Tags of what only a histogram has."""


def intensity_histogram_features(levels: Levels) -> tuple[Feature, ...]:
    """Mean to minimum gradient of the histogram of levels 1 to Ng.

    ``ih_entropy = -sum p log2 p``, ``ih_uniformity = sum p^2``. Of several modes the one nearest
    the mean counts, of two as near the lower. The gradient is the central difference of counts
    (one-sided at both ends); of equal extremes the lowest level counts.

    Parameters
    ----------
    levels : Levels

    Returns
    -------
    tuple of Feature
        23 features tagged ``ih_``. Gradients are absent where there is one level.
    """
    counts = _counts(levels.values.ravel(), levels.count)
    present = np.flatnonzero(counts)
    if not present.size:
        return tuple(Feature(f"ih_{tag}", None, NO_INTENSITIES) for tag in (*DESCRIBED, *SHAPE))
    held = counts[present]
    found = described("ih", (present + 1).astype(np.float64), held)
    mean = found["ih_mean"].value or 0.0
    modes = present[held == held.max()] + 1.0
    p = held / held.sum()
    shape: dict[str, float | str] = {
        "mode": float(modes[np.argmin(np.abs(modes - mean))]),
        "entropy": float(-(p * np.log2(p)).sum()) + 0.0,  # never minus 0
        "uniformity": float((p * p).sum()),
    }
    if counts.size > 1:
        gradient = np.gradient(counts.astype(np.float64))
        for name, at in (("max_grad", gradient.argmax()), ("min_grad", gradient.argmin())):
            shape[name], shape[f"{name}_g"] = float(gradient[at]), float(at + 1)
    else:
        shape |= dict.fromkeys(SHAPE[3:], "one level has no gradient")
    ordered = dict(found)
    for tag in SHAPE:
        ordered[f"ih_{tag}"] = feature(f"ih_{tag}", shape[tag])
    return tuple(ordered.values())


@njit(cache=True, nogil=True)
def _counts(levels: npt.NDArray[np.int32], count: int) -> npt.NDArray[np.int64]:
    """How often each level from 1 occurs."""
    result = np.zeros(count + 1, dtype=np.int64)
    for level in levels:
        if level:  # outside; most of the box, and each addition would wait for the last
            result[level] += 1
    return result[1:]
