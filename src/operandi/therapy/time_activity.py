"""Activity over time in one region: its course, its integral and how sure that is.

Decision 0021. Four points or more are fitted by least squares here; one to three need what other
patients showed (`population_prior`). Times are seconds since administration, activities are *not*
decay-corrected: what was in the region at that time.

References
----------
.. [1] Gear et al., EANM practical guidance on uncertainty analysis for molecular radiotherapy
   absorbed dose calculations, Eur J Nucl Med Mol Imaging 45:2456, 2018.
.. [2] Burnham and Anderson, Model Selection and Multimodel Inference, 2nd ed., 2002.
"""

import itertools
import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.quantities.errors import DataError
from operandi.therapy.exponential_fit import best_fit, integral_and_gradient, model_values
from operandi.therapy.exponentials import ExponentialSum

UPTAKE_OVER_S: Final = 24 * 3600.0
"""From here on activity may only fall. Peptides reach organs within hours and tumors within a
day; an agent that binds to albumin needs its own (``uptake_over_s``)."""

EXTRAPOLATED_FRACTION_FLAG: Final = 0.20
"""Above it the fraction after the last point is flagged. A customary bound (recalled; verify)."""

_NOISE_LIMIT: Final = 3.0
"""A rise counts where it exceeds so many standard uncertainties of the difference."""


class ExponentialModel(StrEnum):
    """Shapes of the course. With uptake, A(0) = 0."""

    MONO = "mono-exponential"
    MONO_UPTAKE = "mono-exponential with uptake"
    BI = "bi-exponential"
    BI_UPTAKE = "bi-exponential with uptake"

    @property
    def clearances(self) -> int:
        """How many clearance phases."""
        return 2 if self in {self.BI, self.BI_UPTAKE} else 1

    @property
    def has_uptake(self) -> bool:
        """Whether the course starts at zero."""
        return self in {self.MONO_UPTAKE, self.BI_UPTAKE}

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """As in `ModelFit.parameters`; rates are biological, each faster one a difference."""
        second = ("second_amplitude_bq", "second_rate_excess_per_s") if self.clearances == 2 else ()
        rise = ("uptake_rate_excess_per_s",) if self.has_uptake else ()
        return ("amplitude_bq", "biological_rate_per_s", *second, *rise)


class BeforeFirstPoint(StrEnum):
    """What the course does between administration and the first point."""

    FITTED = "the fitted course, of any shape"
    FROM_ZERO = "from zero: only shapes with uptake"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivitySamples:
    """Activity of one region at some times after one administration.

    Parameters
    ----------
    times_s : tuple of float, > 0, ascending
        Since administration, s.
    activities_bq : tuple of float, >= 0
        At that time, Bq: not decay-corrected.
    standard_uncertainties_bq : tuple of float, > 0, or None
        Random part, independent between the times (noise, drawing), Bq.
    systematic_relative_uncertainty : float, >= 0
        What all times share as one factor (calibration, recovery of one volume, blur that misleads
        all outlines alike), relative.
        It scales the integral and nothing else; it never enters the fit.
    no_uncertainty_because : str
        Why there are no standard uncertainties; empty where there are.

    Raises
    ------
    DataError
        No points, times at or before administration, not ascending or twice, negative activity,
        none at all, or an uncertainty that is missing without a reason.
    """

    times_s: tuple[float, ...]
    activities_bq: tuple[float, ...]
    standard_uncertainties_bq: tuple[float, ...] | None
    systematic_relative_uncertainty: float
    no_uncertainty_because: str = ""

    def __post_init__(self) -> None:
        _check_points(self.times_s, self.activities_bq)
        _check_uncertainties(self)


def _check_points(times_s: tuple[float, ...], activities_bq: tuple[float, ...]) -> None:
    if len(times_s) != len(activities_bq):
        raise ValueError(f"{len(times_s)} times, {len(activities_bq)} activities")
    if not times_s:
        raise DataError(
            "Needed at least one time with its activity, found none.",
            remedy="Supply the region's activity at one or more times after administration.",
        )
    if not all(math.isfinite(time) and time > 0 for time in times_s):
        raise DataError(
            f"Needed times after administration, found {_plain(times_s)} s.",
            remedy="Check the clocks of scanner and injection, and the time zone of both.",
        )
    if any(later <= earlier for earlier, later in itertools.pairwise(times_s)):
        raise DataError(
            f"Needed ascending times, each once, found {_plain(times_s)} s.",
            remedy="Sort the points by time; of two scans at one time supply one, or their mean.",
        )
    if not all(math.isfinite(activity) and activity >= 0 for activity in activities_bq):
        raise DataError(
            f"Needed activities of zero or more, found {_plain(activities_bq)} Bq.",
            remedy="Check background subtraction and the region.",
        )
    if not any(activities_bq):
        raise DataError(
            "Needed some activity, found zero at every time.",
            remedy="Check the region and the calibration; leave out what takes nothing up.",
        )


def _check_uncertainties(samples: ActivitySamples) -> None:
    shared = samples.systematic_relative_uncertainty
    if not (math.isfinite(shared) and shared >= 0):
        raise ValueError(f"systematic relative uncertainty must be >= 0: {shared}")
    given = samples.standard_uncertainties_bq
    if (given is None) != bool(samples.no_uncertainty_because):
        raise DataError(
            "Needed the standard uncertainty of every activity, or the reason there is none; "
            + ("found neither." if given is None else "found both."),
            remedy="State the uncertainty of each activity, or why there is none.",
        )
    if given is None:
        return
    if len(given) != len(samples.times_s):
        raise ValueError(f"{len(samples.times_s)} times, {len(given)} uncertainties")
    if not all(math.isfinite(u) and u > 0 for u in given):
        raise DataError(
            f"Needed standard uncertainties above zero, found {_plain(given)} Bq.",
            remedy="Supply the random uncertainty of each activity; none is exactly zero.",
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelFit:
    """One shape, fitted.

    Parameters
    ----------
    model : ExponentialModel
        Which.
    parameters : tuple of float
        Named by ``model.parameter_names``, Bq and 1/s.
    covariance : array, (k, k)
        Of the parameters, random part. A parameter on a bound of the search other than the
        physical one counts as fixed: its row is zero.
    chi_squared : float
        Of the residuals, by the standard uncertainties given (or by 1 % of the activity where
        none were).
    degrees_of_freedom : int
        Points less parameters.
    covariance_scale : float
        What the covariance was multiplied by: ``max(1, chi^2/dof)``; ``chi^2/dof`` where no
        uncertainties were given.
    corrected_akaike : float or None
        AICc; None where one shape was asked for.
    weight : float
        Of this shape in the mean.
    course : ExponentialSum
        Bq.
    time_integrated_bq_s, random_uncertainty_bq_s : float
        Its integral and the delta-method standard uncertainty of it.
    """

    model: ExponentialModel
    parameters: tuple[float, ...]
    covariance: npt.NDArray[np.float64]
    chi_squared: float
    degrees_of_freedom: int
    covariance_scale: float
    corrected_akaike: float | None
    weight: float
    course: ExponentialSum
    time_integrated_bq_s: float
    random_uncertainty_bq_s: float

    @property
    def effective_half_life_s(self) -> float:
        """Of the slowest phase."""
        return math.log(2) / min(self.course.rates_per_s)

    @property
    def effective_half_life_uncertainty_s(self) -> float:
        """``T^2 u(rate) / ln 2``."""
        return self.effective_half_life_s**2 * math.sqrt(self.covariance[1, 1]) / math.log(2)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TimeActivityFit:
    """A course of activity, its integral, and how it came about.

    Parameters
    ----------
    course : ExponentialSum
        Bq; its integral is ``time_integrated_bq_s``.
    time_integrated_bq_s : float
        Number of decays, Bq s.
    random_uncertainty_bq_s : float
        Standard uncertainty without what all times share.
    systematic_relative_uncertainty : float
        Of the factor that all times share.
    interval_95_bq_s : tuple of float
        Within which the integral lies with 95 %, both parts included.
    extrapolated_fraction : float
        Of the integral, what lies after the last point.
    before_first_fraction : float
        Of the integral, what lies before the first point.
    effective_half_life_s, effective_half_life_uncertainty_s : float
        Of the slowest phase.
    method : str
        In words.
    basis : str
        What the uncertainty rests on.
    models : tuple of ModelFit
        What was averaged; empty where no least squares were.
    flags : tuple of str
        What a reader should know before using the number.
    prior_uncertainty_bq_s : float
        The part of the random uncertainty that a population's courses leave: in another cycle of
        the same patient it errs the same way. 0 for least squares.
    """

    course: ExponentialSum
    time_integrated_bq_s: float
    random_uncertainty_bq_s: float
    systematic_relative_uncertainty: float
    interval_95_bq_s: tuple[float, float]
    extrapolated_fraction: float
    before_first_fraction: float
    effective_half_life_s: float
    effective_half_life_uncertainty_s: float
    method: str
    basis: str
    models: tuple[ModelFit, ...] = ()
    flags: tuple[str, ...] = ()
    prior_uncertainty_bq_s: float = 0.0

    @property
    def standard_uncertainty_bq_s(self) -> float:
        """Random and shared parts in quadrature: the shared factor scales the integral as such."""
        shared = self.systematic_relative_uncertainty * self.time_integrated_bq_s
        return math.hypot(self.random_uncertainty_bq_s, shared)


def fit_time_activity(
    samples: ActivitySamples,
    *,
    physical_rate_per_s: float,
    models: tuple[ExponentialModel, ...] = tuple(ExponentialModel),
    before_first_point: BeforeFirstPoint = BeforeFirstPoint.FITTED,
    uptake_over_s: float = UPTAKE_OVER_S,
) -> TimeActivityFit:
    """Fit exponentials by weighted least squares and average the shapes by AICc.

    A shape of *k* parameters takes part if the points number more than *k* + 1; its weight is
    ``exp(-AICc/2)``, ``AICc = chi^2 + 2k + 2k(k+1)/(n-k-1)``. The integral is analytic,
    ``u^2 = sum w (u_m^2 + (T_m - T)^2)``: between the shapes, too. Where no uncertainties were
    given, all activities count as equally uncertain relative to themselves, the residuals say
    how much, and AICc spends one more parameter on that.

    Parameters
    ----------
    samples : ActivitySamples
        Four points or more; with one shape named, more than it has parameters, or as many if
        uncertainties are given.
    physical_rate_per_s : float, > 0
        Of the nuclide; the tail is never slower.
    models : tuple of ExponentialModel
        Shapes to consider. One alone is fitted without AICc.
    before_first_point : BeforeFirstPoint
        FROM_ZERO leaves out shapes that do not start at zero.
    uptake_over_s : float
        From here on a rise of activity beyond noise is refused.

    Raises
    ------
    DataError
        Too few points for any shape (one to three points: `population_prior.fit_with_prior`), a
        rise beyond the uptake phase, or no shape that the points determine.
    """
    if not physical_rate_per_s > 0:
        raise ValueError(f"physical rate must be > 0: {physical_rate_per_s}")
    if not models:
        raise ValueError("no model to fit")
    refuse_late_rise(samples, uptake_over_s=uptake_over_s)
    shapes = _shapes(samples, models, before_first_point)
    fits = [
        fit
        for shape in shapes
        if (fit := _fit_model(samples, shape, physical_rate_per_s, ranked=len(models) > 1))
    ]
    if not fits:
        raise DataError(
            f"{len(samples.times_s)} points do not determine "
            f"{', '.join(shape.value for shape in shapes)}.",
            remedy="Check the activities of the region scan by scan; add a scan.",
        )
    return _averaged(samples, _weighted(fits))


def refuse_late_rise(samples: ActivitySamples, *, uptake_over_s: float) -> None:
    """Refuse activity that still rises after *uptake_over_s*, beyond three uncertainties.

    Raises
    ------
    DataError
        Naming the two points. Without uncertainties any late rise counts.
    """
    given = samples.standard_uncertainties_bq or (0.0,) * len(samples.times_s)
    points = list(zip(samples.times_s, samples.activities_bq, given, strict=True))
    for i, (early, before, u_before) in enumerate(points):
        for late, after, u_after in points[i + 1 :]:
            noise = _NOISE_LIMIT * math.hypot(u_before, u_after)
            if early >= uptake_over_s and after - before > noise:
                raise DataError(
                    f"Activity rises from {before:.4g} Bq at {early / 3600:.1f} h to "
                    f"{after:.4g} Bq at {late / 3600:.1f} h, more than its uncertainty; needed "
                    f"none after {uptake_over_s / 3600:.1f} h, when uptake is over.",
                    remedy="Check what was drawn on both scans, the calibration, and whether one "
                    "scan was corrected for decay and the other not.",
                )


def _shapes(
    samples: ActivitySamples,
    models: tuple[ExponentialModel, ...],
    before_first_point: BeforeFirstPoint,
) -> list[ExponentialModel]:
    count = len(samples.times_s)
    unknown_noise = samples.standard_uncertainties_bq is None
    possible = [
        model
        for model in models
        if model.has_uptake or before_first_point is BeforeFirstPoint.FITTED
    ]
    if len(models) == 1:
        enough = [m for m in possible if count >= len(m.parameter_names) + unknown_noise]
    else:
        enough = [m for m in possible if count > len(m.parameter_names) + 1 + unknown_noise]
    if not enough:
        raise DataError(
            f"Needed more points than parameters and one to choose among "
            f"{', '.join(model.value for model in models)} ({before_first_point.value}), found "
            f"{count}.",
            remedy="Add a scan; of an organ whose courses in other patients are known, fewer "
            "scans are enough.",
        )
    return enough


def _fit_model(
    samples: ActivitySamples, model: ExponentialModel, physical: float, *, ranked: bool
) -> ModelFit | None:
    """One shape, its weight still AICc's raw value; None where the points do not determine it."""
    times = np.asarray(samples.times_s)
    # Fractions of the largest: the search then goes the same way whatever the unit.
    top = max(samples.activities_bq)
    values = np.asarray(samples.activities_bq) / top
    known = samples.standard_uncertainties_bq is not None
    if known:
        sigma = np.asarray(samples.standard_uncertainties_bq) / top
    else:
        sigma = 0.01 * np.maximum(values, 1e-3)
    kind = (model.clearances, int(model.has_uptake))
    theta, on_bound, chi = best_fit(np.stack([times, values, sigma]), physical, kind)
    n, k = times.size, theta.size
    freedom = n - k
    spread = chi / freedom if freedom else 1.0
    scale = max(1.0, spread) if known else spread
    jacobian = np.empty((n, k))
    model_values(theta, times, physical, kind, jacobian)
    # At the physical bound the straight line through the bound stands for both sides: the
    # uncertainty is rather too large than too small. Elsewhere a bound is an assumption.
    if model.clearances == 2 and on_bound[2]:
        on_bound[3] = 1  # a second phase of no size has no rate
    free = np.flatnonzero((on_bound == 0) | (np.arange(k) == 1))
    log_covariance = _inverse(jacobian[:, free] / sigma[:, None])
    if log_covariance is None:
        return None
    covariance = np.zeros((k, k))
    covariance[np.ix_(free, free)] = log_covariance * scale
    integral, gradient = integral_and_gradient(theta, physical, kind)
    natural = np.exp(theta)
    natural[0 : 2 * model.clearances : 2] *= top
    return ModelFit(
        model=model,
        parameters=tuple(natural.tolist()),
        covariance=covariance * np.outer(natural, natural),
        chi_squared=float(chi),
        degrees_of_freedom=freedom,
        covariance_scale=float(scale),
        corrected_akaike=_akaike(chi, n, k, known=known) if ranked else None,
        weight=1.0,
        course=_course(model, natural, physical),
        time_integrated_bq_s=float(integral * top),
        random_uncertainty_bq_s=float(top * math.sqrt(gradient @ covariance @ gradient)),
    )


def _inverse(weighted: npt.NDArray[np.float64]) -> npt.NDArray[np.float64] | None:
    size = np.linalg.norm(weighted, axis=0)
    if not np.all(size > 0):
        return None
    spread = np.linalg.svd(weighted / size, compute_uv=False)
    if spread[-1] < 1e-7 * spread[0]:
        return None
    scaled = weighted / size
    return np.asarray(np.linalg.inv(scaled.T @ scaled) / np.outer(size, size))


def _akaike(chi: float, n: int, k: int, *, known: bool) -> float:
    if known:
        return chi + 2 * k + 2 * k * (k + 1) / (n - k - 1)
    k += 1
    return n * math.log(max(chi / n, 1e-12)) + 2 * k + 2 * k * (k + 1) / (n - k - 1)


def _course(
    model: ExponentialModel, natural: npt.NDArray[np.float64], physical: float
) -> ExponentialSum:
    amplitudes, rates = [float(natural[0])], [physical + float(natural[1])]
    if model.clearances == 2:
        amplitudes.append(float(natural[2]))
        rates.append(rates[0] + float(natural[3]))
    if model.has_uptake:
        amplitudes.append(-sum(amplitudes))
        rates.append(rates[-1] + float(natural[-1]))
    return ExponentialSum(tuple(amplitudes), tuple(rates))


def _weighted(fits: list[ModelFit]) -> tuple[ModelFit, ...]:
    scores = np.array([fit.corrected_akaike or 0.0 for fit in fits])
    weights = np.exp(-(scores - scores.min()) / 2)
    weights /= weights.sum()
    return tuple(
        replace(fit, weight=float(weight)) for fit, weight in zip(fits, weights, strict=True)
    )


def _averaged(samples: ActivitySamples, fits: tuple[ModelFit, ...]) -> TimeActivityFit:
    course = ExponentialSum(
        tuple(fit.weight * a for fit in fits for a in fit.course.amplitudes),
        tuple(rate for fit in fits for rate in fit.course.rates_per_s),
    )
    integral = course.integral
    variance = math.fsum(
        fit.weight * (fit.random_uncertainty_bq_s**2 + (fit.time_integrated_bq_s - integral) ** 2)
        for fit in fits
    )
    half_life = math.fsum(fit.weight * fit.effective_half_life_s for fit in fits)
    half_life_variance = math.fsum(
        fit.weight
        * (fit.effective_half_life_uncertainty_s**2 + (fit.effective_half_life_s - half_life) ** 2)
        for fit in fits
    )
    if samples.standard_uncertainties_bq is None:
        basis = f"residuals alone ({samples.no_uncertainty_because})"
    else:
        basis = "given uncertainties, widened where the residuals exceed them (chi^2/dof > 1)"
    if len(fits) > 1:
        basis += "; spread between the shapes included"
    names = ", ".join(f"{fit.model.value} {fit.weight:.2f}" for fit in fits)
    extrapolated = course.integral_after(samples.times_s[-1]) / integral
    return TimeActivityFit(
        course=course,
        time_integrated_bq_s=integral,
        random_uncertainty_bq_s=math.sqrt(variance),
        systematic_relative_uncertainty=samples.systematic_relative_uncertainty,
        interval_95_bq_s=log_normal_interval(
            integral,
            relative=math.hypot(
                math.sqrt(variance) / integral, samples.systematic_relative_uncertainty
            ),
        ),
        extrapolated_fraction=extrapolated,
        before_first_fraction=1 - course.integral_after(samples.times_s[0]) / integral,
        effective_half_life_s=half_life,
        effective_half_life_uncertainty_s=math.sqrt(half_life_variance),
        method=f"least squares, {names}" if len(fits) == 1 else f"least squares, AICc: {names}",
        basis=basis,
        models=fits,
        flags=_flags(fits, extrapolated, known=samples.standard_uncertainties_bq is not None),
    )


def _flags(fits: tuple[ModelFit, ...], extrapolated: float, *, known: bool) -> tuple[str, ...]:
    misses = tuple(
        f"The {fit.model.value} course misses the points by {math.sqrt(fit.covariance_scale):.1f} "
        "times their uncertainty: another shape, or a population prior, may fit."
        for fit in fits
        if fit.weight > 0.05 and fit.covariance_scale > 4 and known
    )
    return extrapolation_flag(extrapolated) + misses


def extrapolation_flag(fraction: float) -> tuple[str, ...]:
    """The sentence that warns of a large extrapolated fraction, or nothing."""
    if fraction <= EXTRAPOLATED_FRACTION_FLAG:
        return ()
    return (f"{fraction:.0%} of the decays lie after the last point.",)


def log_normal_interval(value: float, *, relative: float) -> tuple[float, float]:
    """95 % interval of a positive quantity with relative standard uncertainty *relative*."""
    width = 1.959964 * math.sqrt(math.log1p(relative**2))
    return value * math.exp(-width), value * math.exp(width)


def _plain(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)
