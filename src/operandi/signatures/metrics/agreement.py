"""Agreement of repeated measurements: intraclass correlations of single measurements."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import f as f_distribution

from operandi.quantities.errors import DataError
from operandi.signatures.data import Floats

IccForm = Literal["ICC(1,1)", "ICC(2,1)", "ICC(3,1)"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShroutFleissIcc:
    """Share of the variance that lies between subjects.

    Parameters
    ----------
    form : str
        Which of Shrout and Fleiss.
    value, low, high : float
        Estimate with its interval. It may be negative: subjects then agree less than by chance.
    subjects, raters : int
        Rows and columns.
    """

    form: IccForm
    value: float
    low: float
    high: float
    subjects: int
    raters: int


def shrout_fleiss_icc(ratings: Floats, *, form: IccForm, level: float = 0.95) -> ShroutFleissIcc:
    """Intraclass correlation of a complete table.

    Mean squares between subjects B, within W, between raters J, residual E; n subjects, k raters:
    (1,1) = (B - W) / (B + (k-1) W); (2,1) = (B - E) / (B + (k-1) E + k (J - E) / n), absolute
    agreement with random raters; (3,1) = (B - E) / (B + (k-1) E), consistency with fixed raters.

    Parameters
    ----------
    ratings : (n, k) float
        A row a subject, a column a rater, scan or segmentation.
    form : str
        Which of the three.
    level : float
        Of the interval, from F distributions (for (2,1) by Satterthwaite).

    Raises
    ------
    DataError
        If the table is not complete, too small, or without any variance.

    References
    ----------
    .. [1] Shrout and Fleiss, Psychol Bull 86:420, 1979.
    .. [2] McGraw and Wong, Psychol Methods 1:30, 1996 (intervals, table 7).
    """
    squares = _mean_squares(ratings)
    n, k = ratings.shape
    tail = (1.0 - level) / 2.0
    if form == "ICC(1,1)":
        value, low, high = _of_ratio(squares.between, squares.within, k, (n - 1, n * (k - 1)), tail)
    elif form == "ICC(3,1)":
        freedom = (n - 1, (n - 1) * (k - 1))
        value, low, high = _of_ratio(squares.between, squares.residual, k, freedom, tail)
    else:
        value, low, high = _two_way_random(squares, n, k, tail)
    return ShroutFleissIcc(form=form, value=value, low=low, high=high, subjects=n, raters=k)


@dataclass(frozen=True, slots=True, kw_only=True)
class _MeanSquares:
    between: float
    within: float
    raters: float
    residual: float


def _mean_squares(ratings: Floats) -> _MeanSquares:
    if ratings.ndim != 2 or min(ratings.shape) < 2:
        raise DataError(
            f"An intraclass correlation needs two or more subjects and measurements; found shape "
            f"{ratings.shape}."
        )
    if not np.all(np.isfinite(ratings)):
        row = int(np.argwhere(~np.isfinite(ratings))[0, 0])
        raise DataError(
            f"An intraclass correlation needs every measurement of a subject; row {row} lacks one.",
            remedy="Leave the subject out and count it.",
        )
    n, k = ratings.shape
    subject, rater, grand = ratings.mean(axis=1), ratings.mean(axis=0), ratings.mean()
    if np.ptp(ratings) == 0.0:
        raise DataError("An intraclass correlation needs values that differ; all are equal.")
    between = k * float(np.sum((subject - grand) ** 2)) / (n - 1)
    raters = n * float(np.sum((rater - grand) ** 2)) / (k - 1)
    within = float(np.sum((ratings - subject[:, None]) ** 2)) / (n * (k - 1))
    left = ratings - subject[:, None] - rater + grand
    residual = float(np.sum(left**2)) / ((n - 1) * (k - 1))
    return _MeanSquares(between=between, within=within, raters=raters, residual=residual)


def _of_ratio(
    between: float, error: float, k: int, freedom: tuple[int, int], tail: float
) -> tuple[float, float, float]:
    if error == 0.0:
        return 1.0, 1.0, 1.0
    ratio = between / error
    low = ratio / float(f_distribution.isf(tail, *freedom))
    high = ratio * float(f_distribution.isf(tail, *freedom[::-1]))
    value, lower, upper = ((one - 1.0) / (one + k - 1.0) for one in (ratio, low, high))
    return value, lower, upper


def _two_way_random(
    squares: _MeanSquares, n: int, k: int, tail: float
) -> tuple[float, float, float]:
    b, j, e = squares.between, squares.raters, squares.residual
    value = (b - e) / (b + (k - 1) * e + k * (j - e) / n)
    if value >= 1.0:
        return 1.0, 1.0, 1.0
    a = k * value / (n * (1.0 - value))
    c = 1.0 + k * value * (n - 1) / (n * (1.0 - value))
    freedom = (a * j + c * e) ** 2 / ((a * j) ** 2 / (k - 1) + (c * e) ** 2 / ((n - 1) * (k - 1)))
    if freedom <= 0.0:
        raise DataError("The interval of ICC(2,1) has no degrees of freedom on these values.")
    above = float(f_distribution.isf(tail, n - 1, freedom))
    below = float(f_distribution.isf(tail, freedom, n - 1))
    other = k * j + (k * n - k - n) * e
    low = n * (b - above * e) / (above * other + n * b)
    high = n * (below * b - e) / (other + n * below * b)
    return value, low, high
