"""Intensity-volume histogram (IBSI P88C): which share of the volume has at least an intensity.

References
----------
.. [1] IBSI reference manual 3.5, arXiv:1612.07003.
.. [2] El Naqa et al., Pattern Recognit 42:1162, 2009.
"""

import math

import numpy as np
import numpy.typing as npt

from operandi.imaging.radiomics.distribution import feature
from operandi.imaging.radiomics.feature import Feature
from operandi.imaging.radiomics.prepare import first_edge, levels_of
from operandi.imaging.radiomics.region import Region
from operandi.imaging.radiomics.settings import FixedBinNumber, FixedBinSize, RadiomicsSettings
from operandi.imaging.radiomics.statistics import NO_INTENSITIES
from operandi.quantities.errors import DataError

TAGS = ("v10", "v90", "i10", "i90", "diff_v10_v90", "diff_i10_i90", "auc")
"""Tags, less the family's prefix."""

EDGE = 1e-9
"""Shares that equal a bound but for rounding error reach it."""

MOST_LEVELS = 1_000_000
"""Of an axis."""


def intensity_volume_features(region: Region, settings: RadiomicsSettings) -> tuple[Feature, ...]:
    """Volume at an intensity fraction, intensity at a volume fraction, area under the curve.

    Levels are, after ``settings.volume_histogram``: with None the intensities in steps of one unit
    from the lower end of the re-segmentation range (else the minimum) to its upper end (else the
    maximum); with a fixed bin size the bins' centers; with a fixed bin number the levels.
    ``V_x`` is the volume fraction at the first level that has at least x % of the range;
    ``I_x`` the first level that at most x % of the volume has.

    Parameters
    ----------
    region : Region
    settings : RadiomicsSettings

    Returns
    -------
    tuple of Feature
        Seven features tagged ``ivh_``; ``ivh_auc`` (by trapezoids over the intensity fraction) has
        no IBSI reference value. What needs a range is absent where there is one level.
    """
    found = region.values[region.intensity]
    if not found.size:
        return tuple(Feature(f"ivh_{tag}", None, NO_INTENSITIES) for tag in TAGS)
    at, counts = _levels(found, settings)
    above = found.size - np.concatenate([[0], np.cumsum(counts)])  # voxels with at least the level
    i10, i90 = (at(int(np.argmax(above <= share * found.size + EDGE))) for share in (0.1, 0.9))
    features: dict[str, float | str] = {"i10": i10, "i90": i90, "diff_i10_i90": i10 - i90}
    span = counts.size - 1
    if span:
        v10, v90 = (above[math.ceil(share * span - EDGE)] / found.size for share in (0.1, 0.9))
        features |= {"v10": v10, "v90": v90, "diff_v10_v90": v10 - v90}
        volume = above[:-1] / found.size
        features["auc"] = float(((volume[1:] + volume[:-1]) / 2).sum() / span)
    else:
        features |= dict.fromkeys(("v10", "v90", "diff_v10_v90", "auc"), "one level has no range")
    return tuple(feature(f"ivh_{tag}", features[tag]) for tag in TAGS)


class _Scale:
    """Which intensity a level (from 0) stands for."""

    def __init__(self, *, first: float, step: float) -> None:
        self.first, self.step = first, step

    def __call__(self, level: int) -> float:
        return self.first + level * self.step


def _levels(
    found: npt.NDArray[np.float64], settings: RadiomicsSettings
) -> tuple[_Scale, npt.NDArray[np.int64]]:
    binning, lower, upper = settings.volume_histogram, settings.lower, settings.upper
    if isinstance(binning, FixedBinNumber):
        levels, count = levels_of(found, binning, lower=None)
        if found.min() == found.max():
            count = 1  # bins between a minimum and a maximum that are one
        return _Scale(first=1.0, step=1.0), np.bincount(levels, minlength=count + 1)[1:]
    if binning is None:
        unit = FixedBinSize(width=1.0, start=lower, from_minimum=True)
        levels, count = levels_of(found, unit, lower=lower)
        start = first_edge(unit, lowest=float(found.min()), lower=lower)
        if upper is not None:
            count = max(count, _reaching(math.floor(upper - start + EDGE) + 1))
        return _Scale(first=start, step=1.0), np.bincount(levels, minlength=count + 1)[1:]
    levels, count = levels_of(found, binning, lower=lower)
    start = first_edge(binning, lowest=float(found.min()), lower=lower)
    if upper is not None:
        count = max(count, _reaching(math.ceil((upper - start) / binning.width - EDGE)))
    scale = _Scale(first=start + binning.width / 2, step=binning.width)
    return scale, np.bincount(levels, minlength=count + 1)[1:]


def _reaching(count: int) -> int:
    """Refuse an upper end of the range that is no end."""
    if count > MOST_LEVELS:
        raise DataError(
            f"The re-segmentation range has {count:.3g} levels of an intensity-volume histogram; "
            f"at most {MOST_LEVELS:,} are meant.",
            remedy="Leave upper out, or give the histogram wider bins.",
        )
    return count
