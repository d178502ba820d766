"""Restricted cubic splines with three knots: a smooth calibration curve for two parameters."""

import numpy as np

from operandi.quantities.errors import DataError
from operandi.signatures.data import Floats

_QUANTILES = (0.10, 0.50, 0.90)


def spline_knots(values: Floats) -> Floats:
    """Knots at the 10th, 50th and 90th percentile (Harrell's choice for three).

    Raises
    ------
    DataError
        If they coincide, as where most values are equal.
    """
    knots = np.quantile(values, _QUANTILES)
    if not np.all(np.diff(knots) > 1e-9 * max(1.0, float(np.ptp(values)))):
        raise DataError(
            "A smooth calibration curve needs predictions that differ; most are equal.",
            remedy="Report observed and expected numbers by group.",
        )
    return knots


def restricted_cubic(values: Floats, knots: Floats) -> Floats:
    """Columns of a spline that is linear beyond its outer knots.

    Parameters
    ----------
    values : (n,) float
        Where to evaluate.
    knots : (3,) float
        Ascending.

    Returns
    -------
    (n, 2) float
        The values themselves and the one cubic term, divided by (t3 - t1)^2.

    References
    ----------
    .. [1] Harrell, Regression Modeling Strategies, 2nd ed., 2015, section 2.4.5.
    """
    first, middle, last = knots

    def cubed(knot: float) -> Floats:
        return np.maximum(values - knot, 0.0) ** 3

    span = last - middle
    term = cubed(first) - cubed(middle) * (last - first) / span
    term = term + cubed(last) * (middle - first) / span
    return np.column_stack([values, term / (last - first) ** 2])
