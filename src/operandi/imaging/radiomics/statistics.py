"""Intensity statistics (IBSI UHIW): the intensities as they are, where they lie apart.

References
----------
.. [1] IBSI reference manual 3.3, arXiv:1612.07003.
"""

import numpy as np

from operandi.imaging.radiomics.distribution import DESCRIBED, described, feature
from operandi.imaging.radiomics.feature import Feature
from operandi.imaging.radiomics.region import Region

NO_INTENSITIES = "re-segmentation left no voxel"
"""Why features of intensity are absent where the intensity mask is empty."""


def intensity_statistics(region: Region) -> tuple[Feature, ...]:
    """Mean to root mean square of the intensity mask.

    Variance, skewness and (excess) kurtosis are the population's; percentiles interpolate
    linearly between order statistics. ``stat_energy = sum x^2``, ``stat_rms = sqrt(mean x^2)``,
    ``stat_qcod = (P75 - P25) / (P75 + P25)``, ``stat_cov = sd / mean``; ``stat_rmad`` is the mean
    absolute deviation of the values from P10 to P90.

    Parameters
    ----------
    region : Region

    Returns
    -------
    tuple of Feature
        18 features tagged ``stat_``. Skewness and kurtosis are absent where all values are equal,
        ratios where their denominator is 0, all where no voxel is left.
    """
    values = np.sort(region.values[region.intensity])
    if not values.size:
        tags = (*DESCRIBED, "energy", "rms")
        return tuple(Feature(f"stat_{tag}", None, NO_INTENSITIES) for tag in tags)
    found = described("stat", values, np.ones(values.size, dtype=np.int64))
    energy = float(np.square(values).sum())
    return (
        *found.values(),
        feature("stat_energy", energy),
        feature("stat_rms", (energy / values.size) ** 0.5),
    )
