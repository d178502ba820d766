"""Intervals of cross-validated metrics: of how they are judged or of what is learned.

The wider of the two counts.

Participants drawn anew with predictions as they are (bootstrap, influence) say how a metric is
judged. What a recipe learns differs between cohorts too. Smaller cohorts, each without a fifth of
the participants, learn anew: their variance, scaled by (n - d) / d, is that of the whole (delete-d
jackknife). Such an error is uncertain itself, and more subsets do not mend it: from one simulated
cohort to the next it varies by a quarter to a third whether 20 or 100 are judged, as the error of
five independent parts would. It has four degrees of freedom, as a jackknife of five groups has.

References
----------
.. [1] Shao & Wu, Ann Stat 17:1176, 1989 (the delete-d jackknife). Bates, Hastie & Tibshirani,
   J Am Stat Assoc 119:1434, 2024 (intervals of cross-validation that are too narrow). Kott, J Off
   Stat 17:521, 2001 (groups less one as the degrees of freedom of a jackknife of groups).
"""

import math
from typing import Final

import numpy as np

from operandi.quantities.errors import DataError
from operandi.signatures.data import Floats
from operandi.signatures.metrics.estimate import (
    MetricEstimate,
    Scale,
    absent,
    normal_quantile,
    scaled_interval,
    student_quantile,
)

PARTS: Final = 5
"""One of so many parts of the participants is left out of a smaller cohort."""
FREEDOM: Final = PARTS - 1.0
"""Degrees of freedom of an error from smaller cohorts."""
LEAST_SHARE: Final = 0.9
"""Of the smaller cohorts that must have given a value, lest an error speak of the easy ones."""


def learned_variance(smaller: Floats) -> float:
    """Variance of an estimate from cohorts without one of five parts.

    Between subsets, less what the drawing of folds adds to their means, times (n - d) / d = 4.

    Parameters
    ----------
    smaller : (s, k) float
        Of each subset, by each drawing of its folds; subsets with NaN are left out.
    """
    known = smaller[np.isfinite(smaller).all(axis=1)]
    between = float(known.mean(axis=1).var(ddof=1))
    folds = float(known.var(axis=1, ddof=1).mean()) / known.shape[1]
    return float((PARTS - 1.0) * max(between - folds, 0.0))


def learned_estimate(
    value: float,
    *,
    judged: float,
    smaller: Floats | None,
    scale: Scale,
    level: float = 0.95,
    freedom: float = FREEDOM,
) -> MetricEstimate:
    """A metric with an error that takes in what was learned.

    Parameters
    ----------
    value : float
        On all participants; NaN where it has none.
    judged : float
        Standard error with predictions as they are, with a normal interval.
    smaller : (s, k) float or None
        The metric of smaller cohorts; None where they were not judged.
    scale : Scale
        Of its interval.
    level : float
    freedom : float
        Degrees of freedom of the error of smaller cohorts.

    Returns
    -------
    MetricEstimate
        With the wider interval, and the error and degrees of freedom that it is of. Without error
        and interval, and with the reason, where too few smaller cohorts gave a value or it lies at
        an end of its range.
    """
    if not math.isfinite(value):
        return absent("It has no value on these participants.")
    error, known_by = judged, math.inf
    if smaller is not None:
        known = int(np.count_nonzero(np.isfinite(smaller).all(axis=1)))
        if known < LEAST_SHARE * smaller.shape[0] or known < 2:
            why = f"Only {known} of {smaller.shape[0]} smaller cohorts gave a value."
            return MetricEstimate(value=value, reason=why)
        learned = math.sqrt(learned_variance(smaller))
        wider = student_quantile(level=level, freedom=freedom) * learned
        if wider > normal_quantile(level=level) * judged:
            error, known_by = learned, freedom
    try:
        low, high = scaled_interval(
            value=value, standard_error=error, scale=scale, level=level, freedom=known_by
        )
    except DataError as refusal:
        return MetricEstimate(value=value, reason=refusal.what)
    return MetricEstimate(value=value, standard_error=error, freedom=known_by, low=low, high=high)


def paired(mine: Floats | None, other: Floats | None) -> Floats | None:
    """Differences of two models in the same smaller cohorts; None where either has none."""
    return None if mine is None or other is None else np.asarray(mine - other)
