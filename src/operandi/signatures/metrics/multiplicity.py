"""Many tests at once: adjusted p values after Holm and after Benjamini and Hochberg."""

import numpy as np

from operandi.quantities.errors import DataError
from operandi.signatures.data import Floats


def holm(p_values: Floats) -> Floats:
    """Adjusted p values that keep the chance of any false finding.

    Parameters
    ----------
    p_values : (m,) float
        Of every test that the plan counts, in any order.

    Returns
    -------
    (m,) float
        In the same order; to be compared with the level itself.

    References
    ----------
    .. [1] Holm, Scand J Stat 6:65, 1979.
    """
    _refuse_other_than_p(p_values)
    order = np.argsort(p_values, kind="stable")
    steps = p_values[order] * np.arange(p_values.size, 0, -1)
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def benjamini_hochberg(p_values: Floats) -> Floats:
    """Adjusted p values that keep the share of false findings among the findings.

    Parameters
    ----------
    p_values : (m,) float
        Of every test that the plan counts, in any order.

    Returns
    -------
    (m,) float
        In the same order.

    References
    ----------
    .. [1] Benjamini and Hochberg, J R Stat Soc B 57:289, 1995.
    """
    _refuse_other_than_p(p_values)
    order = np.argsort(p_values, kind="stable")[::-1]
    steps = p_values[order] * p_values.size / np.arange(p_values.size, 0, -1)
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(np.minimum.accumulate(steps), 1.0)
    return adjusted


def _refuse_other_than_p(p_values: Floats) -> None:
    if p_values.ndim != 1 or not p_values.size:
        raise DataError(f"Adjustment needs one or more p values; found shape {p_values.shape}.")
    if not np.all((p_values >= 0.0) & (p_values <= 1.0)):
        raise DataError(
            "p values need to lie between 0 and 1.",
            remedy="A test without a p value does not count: leave it out, and say so.",
        )
