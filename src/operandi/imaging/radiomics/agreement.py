"""How well repeated measurements agree: intraclass correlation, repeatability, limits.

Every function takes all features at once, ``values`` of shape (feature, subject, repeat), so that
thousands of features cost one pass. Exact intervals come from the F and chi-squared distributions
of a balanced analysis of variance; a subject that lacks a repeat is left out of that feature.

Results are arrays over features. They hold NaN exactly where ``absent`` gives a reason; rows and
tables (``robustness``) carry None there.

References
----------
.. [1] Shrout, Fleiss, Psychol Bull 86:420, 1979 (ICC(1,1), (2,1), (3,1)).
.. [2] McGraw, Wong, Psychol Methods 1:30, 1996, with the correction in 1:390 (intervals).
.. [3] Bland, Altman, Stat Methods Med Res 8:135, 1999 (limits, within-subject SD).
.. [4] Raunig et al., Stat Methods Med Res 24:27, 2015 (QIBA: repeatability coefficient, %RC).
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import stats

from operandi.quantities.errors import DataError

Array = npt.NDArray[np.float64]

_ROUNDING: Final = 1e-13
"""Spread below this share of the largest value is rounding: 2^-53 times the length of a sum."""


class Model(StrEnum):
    """Which intraclass correlation, after Shrout and Fleiss."""

    ONE_WAY = "ICC(1,1)"
    """Repeats are interchangeable (perturbations, test and retest); a shift between them counts."""
    TWO_WAY_AGREEMENT = "ICC(2,1)"
    """Repeats are a sample of raters or methods; a shift between them counts."""
    TWO_WAY_CONSISTENCY = "ICC(3,1)"
    """Repeats are the only raters or methods; a constant shift between them does not count."""


@dataclass(frozen=True, slots=True, eq=False)
class MeanSquares:
    """Two-way analysis of variance without replication, for each feature.

    Parameters
    ----------
    subjects : int array, (feature,)
        Subjects with every repeat.
    repeats : int
        k.
    between, within, among_repeats, residual : float array, (feature,)
        Mean squares of subjects (MSB), within subjects (MSW), of repeats (MSJ), and residual
        (MSE), in the feature's unit squared. 0 where the spread is rounding.
    mean : float array, (feature,)
        Grand mean.
    absent : tuple of str
        Reason a feature has none; empty where it has.
    """

    subjects: npt.NDArray[np.int64]
    repeats: int
    between: Array
    within: Array
    among_repeats: Array
    residual: Array
    mean: Array
    absent: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class IntraclassCorrelation:
    """Intraclass correlation with its two-sided interval, for each feature.

    Parameters
    ----------
    value, lower, upper : float array, (feature,)
        At most 1 and, but for the agreement form, at least ``-1 / (k - 1)``; a negative value
        says that repeats of one subject are less alike than those of two.
    subjects : int array, (feature,)
        Subjects that it rests on.
    absent : tuple of str
        Reason there is none.
    """

    value: Array
    lower: Array
    upper: Array
    subjects: npt.NDArray[np.int64]
    absent: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class WithinSubject:
    """How far repeats of one subject lie apart, for each feature.

    Parameters
    ----------
    sd, sd_upper : float array, (feature,)
        Within-subject standard deviation, and its upper confidence bound (one-sided, chi-squared),
        in the feature's unit.
    cv : float array, (feature,)
        Within-subject coefficient of variation, ``sqrt(mean(s_i^2 / m_i^2))``, a share.
    log_sd : float array, (feature,)
        Within-subject SD of the natural logarithm of the magnitude.
    degrees : int array, (feature,)
        Degrees of freedom, n (k - 1).
    absent : tuple of str
        Reason there is no ``sd``.
    relative_absent : tuple of str
        Reason there is no ``cv`` and ``log_sd``: a relative measure needs values of one sign.
    """

    sd: Array
    sd_upper: Array
    cv: Array
    log_sd: Array
    degrees: npt.NDArray[np.int64]
    absent: tuple[str, ...]
    relative_absent: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LimitsOfAgreement:
    """Bland-Altman limits of one feature's differences, second minus first.

    Parameters
    ----------
    bias, sd : float
        Mean and standard deviation of the differences.
    lower, upper : float
        ``bias -+ z sd``: where the share ``coverage`` of differences lies.
    bias_error, limit_error : float
        Half width of the confidence interval of the bias and of either limit.
    pairs : int
        Differences.
    """

    bias: float
    sd: float
    lower: float
    upper: float
    bias_error: float
    limit_error: float
    pairs: int


def mean_squares(values: npt.ArrayLike) -> MeanSquares:
    """Split the spread of each feature into subjects, repeats and residual.

    Parameters
    ----------
    values : array-like, (feature, subject, repeat)
        NaN where a feature is absent; a subject that lacks a repeat is left out of that feature.

    Raises
    ------
    DataError
        If the shape is another, there is one repeat, or a value is infinite.
    """
    cube, complete = _checked(values)
    repeats = cube.shape[2]
    subjects = complete.sum(axis=1)
    n = np.maximum(subjects, 1)[:, np.newaxis]
    inside = complete[:, :, np.newaxis]
    filled = np.where(inside, cube, 0.0)
    scale = np.abs(filled).max(axis=(1, 2), initial=0.0)
    mean = filled.sum(axis=(1, 2)) / (n[:, 0] * repeats)
    # About the grand mean, so that a small spread on a large offset is not lost in the squares.
    centered = np.where(inside, filled - mean[:, np.newaxis, np.newaxis], 0.0)
    of_subject = centered.mean(axis=2)
    of_repeat = centered.sum(axis=1) / n
    residual = centered - of_subject[:, :, np.newaxis] - of_repeat[:, np.newaxis, :]
    residual = np.where(inside, residual, 0.0)
    within = np.where(inside, centered - of_subject[:, :, np.newaxis], 0.0)
    degrees = np.maximum(subjects - 1, 1)
    rounding = (_ROUNDING * scale) ** 2

    def above_rounding(squares: Array) -> Array:
        return np.where(squares <= rounding, 0.0, squares)

    absent = tuple(_too_few(int(count)) for count in subjects)
    undefined = np.array([bool(reason) for reason in absent], dtype=np.bool_)

    def defined(squares: Array) -> Array:
        return np.where(undefined, np.nan, squares)

    return MeanSquares(
        subjects,
        repeats,
        defined(above_rounding(repeats * (of_subject**2).sum(axis=1) / degrees)),
        defined(above_rounding((within**2).sum(axis=(1, 2)) / (n[:, 0] * (repeats - 1)))),
        defined(above_rounding(n[:, 0] * (of_repeat**2).sum(axis=1) / (repeats - 1))),
        defined(above_rounding((residual**2).sum(axis=(1, 2)) / (degrees * (repeats - 1)))),
        defined(mean),
        absent,
    )


def intraclass_correlation(
    values: npt.ArrayLike, *, model: Model, confidence: float = 0.95
) -> IntraclassCorrelation:
    """Share of the variance that lies between subjects, with its interval.

    One-way ``(MSB - MSW) / (MSB + (k-1) MSW)``; two-way, agreement
    ``(MSB - MSE) / (MSB + (k-1) MSE + k (MSJ - MSE) / n)``; two-way, consistency
    ``(MSB - MSE) / (MSB + (k-1) MSE)``. The intervals of the one-way and the consistency form are
    exact for normal data; that of the agreement form is Satterthwaite's approximation, with a
    negative estimate taken as 0 in its degrees of freedom.

    Parameters
    ----------
    values : array-like, (feature, subject, repeat)
        NaN where a feature is absent.
    model : Model
        Which of the three.
    confidence : float
        Of the two-sided interval.

    Returns
    -------
    IntraclassCorrelation
        Absent where fewer than two subjects are complete or every value is the same. Where
        repeats agree to the last digit, value and both bounds are 1.

    Raises
    ------
    DataError
        As ``mean_squares``, or if ``confidence`` is no share.

    References
    ----------
    .. [1] McGraw, Wong, Psychol Methods 1:30, 1996, table 7.
    """
    _require_share(confidence)
    squares = mean_squares(values)
    constant = np.asarray((squares.between == 0.0) & (squares.within == 0.0))
    absent = tuple(
        reason or ("every value is the same" if same else "")
        for reason, same in zip(squares.absent, constant, strict=True)
    )
    tail = (1.0 + confidence) / 2.0
    with np.errstate(divide="ignore", invalid="ignore"):
        if model is Model.TWO_WAY_AGREEMENT:
            value, lower, upper = _agreement(squares, tail)
        else:
            value, lower, upper = _ratio(squares, tail, one_way=model is Model.ONE_WAY)
    undefined = np.array([bool(reason) for reason in absent], dtype=np.bool_)
    for array in (value, lower, upper):
        array[undefined] = np.nan
    return IntraclassCorrelation(value, lower, upper, squares.subjects, absent)


def within_subject(values: npt.ArrayLike, *, confidence: float = 0.95) -> WithinSubject:
    """Within-subject standard deviation, absolute, relative and on the logarithmic scale.

    ``sd = sqrt(MSW)`` takes in a shift between repeats (Bland and Altman). Its upper bound is
    ``sd sqrt(v / chi2(1 - confidence; v))`` with ``v = n (k - 1)``.

    Parameters
    ----------
    values : array-like, (feature, subject, repeat)
        NaN where a feature is absent.
    confidence : float
        Of the one-sided upper bound.

    Returns
    -------
    WithinSubject
        Absent where no subject has every repeat (here one subject is enough).

    Raises
    ------
    DataError
        As ``mean_squares``, or if ``confidence`` is no share.
    """
    _require_share(confidence)
    cube, complete = _checked(values)
    repeats = cube.shape[2]
    subjects = complete.sum(axis=1)
    none = subjects == 0
    n = np.maximum(subjects, 1)
    degrees = subjects * (repeats - 1)
    inside = complete[:, :, np.newaxis]
    filled = np.where(inside, cube, 0.0)
    variance = filled.var(axis=2, ddof=1)
    rounding = (_ROUNDING * np.abs(filled).max(axis=2)) ** 2
    variance = np.where(variance <= rounding, 0.0, variance)
    sd = np.where(none, np.nan, np.sqrt(variance.sum(axis=1) / n))
    quantile = stats.chi2.ppf(1.0 - confidence, np.maximum(degrees, 1))
    positive, negative = ((sign * filled > 0.0) | ~inside for sign in (1.0, -1.0))
    of_one_sign = np.asarray(positive.all(axis=(1, 2)) | negative.all(axis=(1, 2)))
    relative = of_one_sign & ~none
    logarithm = np.log(np.where(inside & relative[:, np.newaxis, np.newaxis], abs(filled), 1.0))
    log_variance = logarithm.var(axis=2, ddof=1)
    squared_mean = np.where(complete & relative[:, np.newaxis], filled.mean(axis=2) ** 2, 1.0)
    squared_cv = variance / squared_mean
    absent = tuple("no subject has every repeat" if one else "" for one in none)
    return WithinSubject(
        sd=sd,
        sd_upper=sd * np.sqrt(np.maximum(degrees, 1) / quantile),
        cv=np.where(relative, np.sqrt(squared_cv.sum(axis=1) / n), np.nan),
        log_sd=np.where(relative, np.sqrt(log_variance.sum(axis=1) / n), np.nan),
        degrees=degrees,
        absent=absent,
        relative_absent=tuple(
            reason or ("" if one else "values are not all of one sign")
            for reason, one in zip(absent, of_one_sign, strict=True)
        ),
    )


def repeatability_coefficient(sd: Array | float) -> Array:
    """Difference that 95 % of two repeats of one subject stay within, ``1.96 sqrt(2) wSD``."""
    return minimal_detectable_change(sd, confidence=0.95)


def minimal_detectable_change(sd: Array | float, *, confidence: float) -> Array:
    """Smallest change that is more than repetition, ``z((1 + confidence) / 2) sqrt(2) wSD``.

    Parameters
    ----------
    sd : float or array
        Within-subject standard deviation, in the feature's unit; its upper bound for a cautious
        answer.
    confidence : float
        Two-sided; 0.95 gives the repeatability coefficient.

    Returns
    -------
    array
        In the feature's unit.

    Raises
    ------
    DataError
        If ``confidence`` is no share.
    """
    _require_share(confidence)
    z = stats.norm.ppf((1.0 + confidence) / 2.0)
    result: Array = np.asarray(z * math.sqrt(2.0) * np.asarray(sd, dtype=np.float64))
    return result


def percent_repeatability(
    log_sd: Array | float, *, confidence: float = 0.95
) -> tuple[Array, Array]:
    """Relative change that repeats of one subject stay within, percent, below and above.

    ``100 (exp(-+ z sqrt(2) wSD_log) - 1)``: not symmetric, and never below -100 %.

    Parameters
    ----------
    log_sd : float or array
        Within-subject SD of the logarithm.
    confidence : float
        Two-sided.

    Raises
    ------
    DataError
        If ``confidence`` is no share.

    References
    ----------
    .. [1] Raunig et al., Stat Methods Med Res 24:27, 2015.
    """
    reach = minimal_detectable_change(log_sd, confidence=confidence)
    return 100.0 * np.expm1(-reach), 100.0 * np.expm1(reach)


def bland_altman(
    first: npt.ArrayLike, second: npt.ArrayLike, *, coverage: float = 0.95, confidence: float = 0.95
) -> LimitsOfAgreement:
    """Limits of agreement of two measurements of the same subjects.

    The errors are t intervals with ``SE(bias) = sd / sqrt(n)`` and
    ``SE(limit)^2 = sd^2 (1/n + z^2 / (2 (n - 1)))``.

    Parameters
    ----------
    first, second : array-like, (subject,)
        Pairs in which either is NaN are left out.
    coverage : float
        Share of the differences within the limits.
    confidence : float
        Of the errors.

    Raises
    ------
    DataError
        If the lengths differ, fewer than two pairs are complete, or a share is no share.
    """
    _require_share(coverage)
    _require_share(confidence)
    one, two = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if one.shape != two.shape or one.ndim != 1:
        raise DataError(
            f"Limits of agreement need pairs; found shapes {one.shape} and {two.shape}.",
            remedy="Give both measurements of each subject, in one order.",
        )
    differences = (two - one)[~np.isnan(two - one)]
    pairs = differences.size
    if pairs < 2 or not np.isfinite(differences).all():
        raise DataError(f"Limits of agreement need two finite pairs or more; found {pairs}.")
    bias, sd = float(differences.mean()), float(differences.std(ddof=1))
    z = float(stats.norm.ppf((1.0 + coverage) / 2.0))
    t = float(stats.t.ppf((1.0 + confidence) / 2.0, pairs - 1))
    return LimitsOfAgreement(
        bias=bias,
        sd=sd,
        lower=bias - z * sd,
        upper=bias + z * sd,
        bias_error=t * sd / math.sqrt(pairs),
        limit_error=t * sd * math.sqrt(1.0 / pairs + z * z / (2.0 * (pairs - 1))),
        pairs=pairs,
    )


def _checked(values: npt.ArrayLike) -> tuple[Array, npt.NDArray[np.bool_]]:
    cube = np.asarray(values, dtype=np.float64)
    if cube.ndim != 3:
        raise DataError(f"Agreement needs values by feature, subject, repeat; found {cube.shape}.")
    if cube.shape[2] < 2:
        raise DataError(
            f"Agreement needs two repeats or more; found {cube.shape[2]}.",
            remedy="Supply repeated measurements, or perturbations.",
        )
    if np.isinf(cube).any():
        raise DataError("Agreement needs finite values; some are infinite.")
    return cube, np.asarray(~np.isnan(cube).any(axis=2))


def _too_few(subjects: int) -> str:
    return "" if subjects > 1 else f"{subjects} subject with every repeat; two are needed"


def _require_share(share: float) -> None:
    if not 0.0 < share < 1.0:
        raise DataError(f"A confidence lies between 0 and 1; found {share}.")


def _ratio(squares: MeanSquares, tail: float, *, one_way: bool) -> tuple[Array, Array, Array]:
    k = squares.repeats
    of_subjects = np.maximum(squares.subjects - 1, 1)
    noise = squares.within if one_way else squares.residual
    degrees = (np.maximum(squares.subjects, 1) if one_way else of_subjects) * (k - 1)
    ratio = squares.between / noise
    low = ratio / stats.f.ppf(tail, of_subjects, degrees)
    high = ratio * stats.f.ppf(tail, degrees, of_subjects)

    def correlation(f: Array) -> Array:
        return np.where(np.isposinf(f), 1.0, (f - 1.0) / (f + k - 1.0))

    return correlation(ratio), correlation(low), correlation(high)


def _agreement(squares: MeanSquares, tail: float) -> tuple[Array, Array, Array]:
    k, n = squares.repeats, np.maximum(squares.subjects, 2).astype(np.float64)
    between, among, noise = squares.between, squares.among_repeats, squares.residual
    value = (between - noise) / (between + (k - 1) * noise + k * (among - noise) / n)
    # A negative estimate would give the combined mean square a negative part, and with it degrees
    # of freedom near 0: an interval of nonsense. The variance that it stands for is not negative.
    share = np.maximum(value, 0.0)
    a = k * share / (n * (1.0 - share))
    b = 1.0 + k * share * (n - 1.0) / (n * (1.0 - share))
    degrees = (a * among + b * noise) ** 2 / (
        (a * among) ** 2 / (k - 1) + (b * noise) ** 2 / ((n - 1.0) * (k - 1))
    )
    low = stats.f.ppf(tail, n - 1.0, degrees)
    high = stats.f.ppf(tail, degrees, n - 1.0)
    spread = k * among + (k * n - k - n) * noise
    lower = n * (between - low * noise) / (low * spread + n * between)
    upper = n * (high * between - noise) / (spread + n * high * between)
    perfect = np.asarray((among == 0.0) & (noise == 0.0) & (between > 0.0))
    return (
        np.where(perfect, 1.0, value),
        np.where(perfect, 1.0, lower),
        np.where(perfect, 1.0, upper),
    )
