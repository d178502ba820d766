"""The standard uncertainty of an absorbed dose, twice: propagated, and by Monte Carlo.

The law of propagation follows the guidance of the EANM (Gear et al., Eur J Nucl Med Mol Imaging
45:2456, 2018). Counts, recovery and S value all hang on the same outline, so their volume terms
are added with sign before they are squared. The twin draws the same inputs through the whole
nonlinear chain, refitting the course in every draw. Decision 0023 says which of the two is
reported and where the linear one breaks.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.quantities.errors import DataError
from operandi.therapy.dose_chain import (
    BlurredSphere,
    CountVolume,
    DoseChain,
    FixedRecovery,
    MeasuredCourse,
    SingleTimeCourse,
    UniformConcentration,
    WholeContent,
)
from operandi.therapy.exponential_refit import fit_exponentials, jacobian
from operandi.therapy.recovery import RecoveryCurve, recovered_share

Floats = npt.NDArray[np.float64]

_Normal = Callable[..., Floats]

AGREEMENT: Final = 0.05
"""Largest relative difference of the two standard uncertainties at which the linear one stands."""


class Contribution(StrEnum):
    """The links of the chain whose uncertainty adds up."""

    VOLUME = "volume"
    COUNT_RATE = "count rate"
    CALIBRATION = "calibration"
    RECOVERY = "recovery"
    FIT = "fit"
    S_VALUE = "S value"


@dataclass(frozen=True, slots=True, kw_only=True)
class Propagation:
    """To first order.

    Parameters
    ----------
    dose_gy, relative : float
        Dose at the inputs, Gy, and ``u(D) / D``.
    budget : dict of Contribution to float
        ``|dD/dx| u(x) / D`` of each link, x independent of the other links; their squares add up
        to ``relative ** 2``.
    volume_terms : tuple of float
        ``d ln C / d ln v``, ``-d ln RC / d ln v``, ``d ln S / d ln v``: they share the volume.
    relative_without_covariance : float
        What would come out were the three volume terms independent: shows what sharing does.
    at_physical_limit : bool
        The tail sits at physical decay, where a derivative does not describe the fit.
    """

    dose_gy: float
    relative: float
    budget: dict[Contribution, float]
    volume_terms: tuple[float, float, float]
    relative_without_covariance: float
    at_physical_limit: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """Of the draws through the whole chain.

    Parameters
    ----------
    mean_gy, median_gy, standard_deviation_gy : float
        Gy. Mean above the dose at the inputs: the chain is curved.
    lower_gy, upper_gy : float
        Interval of *coverage* with equal tails.
    coverage : float
        Probability.
    draws, seed : int
        How many, and the seed that repeats them.
    """

    mean_gy: float
    median_gy: float
    standard_deviation_gy: float
    lower_gy: float
    upper_gy: float
    coverage: float
    draws: int
    seed: int


class Reported(StrEnum):
    """Which of the two standard uncertainties is the result."""

    PROPAGATION = "propagation"
    MONTE_CARLO = "Monte Carlo"


@dataclass(frozen=True, slots=True, kw_only=True)
class DoseUncertainty:
    """A dose with its standard uncertainty, its budget and where they are from.

    Parameters
    ----------
    dose_gy : float
        At the inputs, Gy. Not the twin's mean: a curved chain shows in the interval.
    standard_uncertainty_gy : float
        The one that is reported.
    reported : Reported
        From which of the two.
    why : str
        Why from that one.
    propagation : Propagation
        To first order, with the budget.
    twin : Twin
        By Monte Carlo, with the interval.
    """

    dose_gy: float
    standard_uncertainty_gy: float
    reported: Reported
    why: str
    propagation: Propagation
    twin: Twin

    @property
    def ratio(self) -> float:
        """Twin's standard deviation over the propagated standard uncertainty."""
        return self.twin.standard_deviation_gy / (
            self.propagation.relative * self.propagation.dose_gy
        )

    @property
    def basis(self) -> str:
        """In words for a measurement: method, interval, budget with the largest first."""
        ranked = sorted(self.propagation.budget.items(), key=lambda item: -item[1])
        shares = ", ".join(f"{link.value} {part:.1%}" for link, part in ranked)
        twin = self.twin
        return (
            f"{self.reported.value} ({self.why}); {twin.coverage:.0%} interval"
            f" {twin.lower_gy:.4g} to {twin.upper_gy:.4g} Gy ({twin.draws} draws, seed"
            f" {twin.seed}); budget to first order: {shares}"
        )


def dose_uncertainty(
    chain: DoseChain, *, seed: int, draws: int = 20_000, coverage: float = 0.95
) -> DoseUncertainty:
    """Propagate, check with the twin, and say which of the two counts.

    The propagated uncertainty is reported where the twin's agrees within :data:`AGREEMENT` and
    the tail of the fit is free; otherwise the twin's.

    Parameters
    ----------
    chain : DoseChain
        All inputs.
    seed : int
        Of the twin; the result depends on it only within its Monte Carlo error.
    draws : int, >= 1000
        20 000 give the standard deviation within 0.5 % for a normal result.
    coverage : float
        Of the interval.
    """
    linear = propagate(chain)
    twin = monte_carlo(chain, seed=seed, draws=draws, coverage=coverage)
    spread = linear.relative * linear.dose_gy
    off = twin.standard_deviation_gy / spread - 1.0
    if linear.at_physical_limit:
        reported, why = Reported.MONTE_CARLO, "the tail sits at physical decay"
    elif abs(off) > AGREEMENT:
        reported, why = (
            Reported.MONTE_CARLO,
            f"linear propagation is off by {-off / (1 + off):+.0%}",
        )
    else:
        reported, why = Reported.PROPAGATION, f"Monte Carlo twin differs by {off:+.1%}"
    return DoseUncertainty(
        dose_gy=linear.dose_gy,
        standard_uncertainty_gy=(
            spread if reported is Reported.PROPAGATION else twin.standard_deviation_gy
        ),
        reported=reported,
        why=why,
        propagation=linear,
        twin=twin,
    )


def propagate(chain: DoseChain) -> Propagation:
    """Law of propagation of uncertainty in relative terms.

    ``(u(D)/D)^2 = (e_C - e_R + c)^2 (u(v)/v)^2 + (u(A)/A)^2 + (u(Q)/Q)^2 + (u(R)/R)^2 +
    (u(S)/S)^2``, with *e_C* and *e_R* the logarithmic slopes of counts and recovery by volume and
    *c* that of S; *A* the time integral with the covariance of its fit. Written with the terms
    multiplied out, the mixed products are the covariances u(C,R), u(A,S) of the guidance.
    """
    integral, count_part, fit_part, limited = _integral(chain)
    volume = chain.volume_uncertainty_ml / chain.volume_ml
    slope_counts = _count_slope(chain.count_volume, chain.volume_ml)
    coefficient, slope_recovery, recovery_part = _recovery(chain)
    s_law = chain.s_value
    log_mass = math.log(chain.mass_g / s_law.reference_mass_g)
    terms = (slope_counts, -slope_recovery, s_law.exponent)
    gradient = np.array([1.0, log_mass])
    budget = {
        Contribution.VOLUME: abs(sum(terms)) * volume,
        Contribution.COUNT_RATE: count_part,
        Contribution.CALIBRATION: chain.calibration_uncertainty_per_bq / chain.calibration_per_bq,
        Contribution.RECOVERY: recovery_part,
        Contribution.FIT: fit_part,
        Contribution.S_VALUE: math.sqrt(
            max(float(gradient @ np.array(s_law.covariance) @ gradient), 0.0)
        ),
    }
    square = math.fsum(part**2 for part in budget.values())
    apart = square - budget[Contribution.VOLUME] ** 2 + sum(t**2 for t in terms) * volume**2
    return Propagation(
        dose_gy=integral / (chain.calibration_per_bq * coefficient) * s_law.at(chain.mass_g),
        relative=math.sqrt(square),
        budget=budget,
        volume_terms=terms,
        relative_without_covariance=math.sqrt(apart),
        at_physical_limit=limited,
    )


def monte_carlo(
    chain: DoseChain, *, seed: int, draws: int = 20_000, coverage: float = 0.95
) -> Twin:
    """Draw all inputs through the whole chain.

    Positive quantities (volume, count rates, calibration, recovery and its parameters, rates,
    S value) are lognormal with the stated mean and standard deviation, so that no draw is
    negative; amplitudes and the exponent of S are normal. Correlated parameters are joined by a
    Gaussian copula. Numbers are counter-based (Philox): the same on any machine.

    Parameters
    ----------
    chain, seed, draws, coverage
        As in :func:`dose_uncertainty`.
    """
    if draws < 1000 or not 0 < coverage < 1:
        raise ValueError(f"needs >= 1000 draws and a coverage in (0, 1): {draws}, {coverage}")
    normal = np.random.Generator(np.random.Philox(seed)).standard_normal
    volume = _lognormal(chain.volume_ml, chain.volume_uncertainty_ml, normal(draws))
    calibration = _lognormal(
        chain.calibration_per_bq, chain.calibration_uncertainty_per_bq, normal(draws)
    )
    if isinstance(chain.recovery, RecoveryCurve):
        b1, b2 = _copula(
            (chain.recovery.b1_ml, chain.recovery.b2),
            np.array(chain.recovery.covariance),
            normal((draws, 2)),
            positive=(True, True),
        ).T
        coefficient = recovered_share(volume, b1_ml=b1, b2=b2)
    else:
        coefficient = _lognormal(
            chain.recovery.value, chain.recovery.standard_uncertainty, normal(draws)
        )
    s_law = chain.s_value
    log_s, exponent = _copula(
        (0.0, s_law.exponent),
        np.array(s_law.covariance),
        normal((draws, 2)),
        positive=(False, False),
    ).T
    mass = chain.density_g_per_ml * volume
    s_value = s_law.value_gy_per_bq_s * np.exp(
        log_s + exponent * np.log(mass / s_law.reference_mass_g)
    )
    integral = _drawn_integrals(chain, normal, draws)
    counts = _count_factor(chain.count_volume, volume, chain.volume_ml)
    dose = integral * counts / (calibration * coefficient) * s_value
    tail = (1.0 - coverage) / 2.0
    lower, median, upper = np.quantile(dose, [tail, 0.5, 1.0 - tail])
    return Twin(
        mean_gy=float(dose.mean()),
        median_gy=float(median),
        standard_deviation_gy=float(dose.std(ddof=1)),
        lower_gy=float(lower),
        upper_gy=float(upper),
        coverage=coverage,
        draws=draws,
        seed=seed,
    )


def time_integral(chain: DoseChain) -> tuple[float, float]:
    """Time-integrated count rate and its relative uncertainty (count rate and fit together)."""
    integral, counts, fit, _ = _integral(chain)
    return integral, math.hypot(counts, fit)


def _integral(chain: DoseChain) -> tuple[float, float, float, bool]:
    """Integral, relative part of the counts, relative part of the fit, tail at its limit."""
    course = chain.course
    if isinstance(course, SingleTimeCourse):
        rate = math.log(2.0) / course.effective_half_life_s
        integral = course.rate_per_s * math.exp(rate * course.time_s) / rate
        # d ln A / d ln T = 1 - lambda t: none at t = T / ln 2, where a half-life does not matter.
        slope = 1.0 - rate * course.time_s
        return (
            integral,
            course.standard_uncertainty_per_s / course.rate_per_s,
            abs(slope) * course.half_life_uncertainty_s / course.effective_half_life_s,
            False,
        )
    if isinstance(course, MeasuredCourse):
        time = np.array(course.time_s)
        sigma = np.array(course.standard_uncertainty_per_s)
        amplitudes, rates, stretch = _fit(course)
        columns = jacobian(time, amplitudes=amplitudes, rates_per_s=rates) / sigma[:, None]
        gradient = _integral_gradient(amplitudes, rates)
        slowest = math.log(2.0) / course.physical_half_life_s
        # A rate at its bound does not move with the data.
        free = np.concatenate([np.ones(rates.size, bool), rates > slowest * (1.0 + 1e-6)])
        # Amplitudes and rates differ by 1e13 in size: without scaling, pinv drops the rates.
        size = np.linalg.norm(columns[:, free], axis=0)
        scaled, slope = columns[:, free] / size, gradient[free] / size
        variance = float(slope @ np.linalg.pinv(scaled.T @ scaled, hermitian=True) @ slope)
        integral = float((amplitudes / rates).sum())
        counts = math.sqrt(variance) / integral
        misfit = math.sqrt(max(stretch**2 - 1.0, 0.0)) * counts
        return integral, counts, misfit, not bool(free.all())
    gradient = _integral_gradient(
        np.array(course.course.amplitudes), np.array(course.course.rates_per_s)
    )
    variance = float(gradient @ np.array(course.covariance) @ gradient)
    return (
        course.course.integral,
        0.0,
        math.sqrt(max(variance, 0.0)) / course.course.integral,
        False,
    )


def _fit(course: MeasuredCourse) -> tuple[Floats, Floats, float]:
    """Amplitudes, rates, and the factor by which the data scatter more than they should (>= 1)."""
    fitted = fit_exponentials(
        np.array(course.time_s),
        np.array(course.rate_per_s)[None, :],
        standard_uncertainty=np.array(course.standard_uncertainty_per_s),
        terms=course.model.value,
        slowest_per_s=math.log(2.0) / course.physical_half_life_s,
    )
    if fitted.integrals[0] <= 0:
        raise DataError(
            "the fitted course has no positive integral",
            remedy="Use fewer exponentials, or check the count rates.",
        )
    freedom = len(course.time_s) - 2 * course.model.value
    stretch = math.sqrt(max(1.0, float(fitted.chi_square[0]) / freedom)) if freedom else 1.0
    return fitted.amplitudes[0], fitted.rates_per_s[0], stretch


def _drawn_integrals(chain: DoseChain, normal: _Normal, draws: int) -> Floats:
    course = chain.course
    if isinstance(course, SingleTimeCourse):
        counts = _lognormal(course.rate_per_s, course.standard_uncertainty_per_s, normal(draws))
        half_life = np.minimum(
            _lognormal(course.effective_half_life_s, course.half_life_uncertainty_s, normal(draws)),
            course.physical_half_life_s,
        )
        rate = math.log(2.0) / half_life
        return counts * np.exp(rate * course.time_s) / rate
    if isinstance(course, MeasuredCourse):
        amplitudes, rates, stretch = _fit(course)
        time = np.array(course.time_s)
        sigma = np.array(course.standard_uncertainty_per_s)
        # Around the fitted course, not around the data: these hold their own noise already.
        center = np.exp(-np.outer(time, rates)) @ amplitudes
        if (center <= 0).any():
            raise DataError(
                "the fitted course is not positive at every scan",
                remedy="Use fewer exponentials, or check the count rates.",
            )
        values = _lognormal(center, stretch * sigma, normal((draws, time.size)))
        return fit_exponentials(
            time,
            values,
            standard_uncertainty=sigma,
            terms=course.model.value,
            slowest_per_s=math.log(2.0) / course.physical_half_life_s,
            start_rates_per_s=rates,
        ).integrals
    terms = len(course.course.rates_per_s)
    drawn = _copula(
        (*course.course.amplitudes, *course.course.rates_per_s),
        np.array(course.covariance),
        normal((draws, 2 * terms)),
        positive=(False,) * terms + (True,) * terms,
    )
    return np.asarray((drawn[:, :terms] / drawn[:, terms:]).sum(axis=1), dtype=np.float64)


def _recovery(chain: DoseChain) -> tuple[float, float, float]:
    """Coefficient, d ln R / d ln v, and the relative part of its parameters."""
    if isinstance(chain.recovery, FixedRecovery):
        part = chain.recovery.standard_uncertainty / chain.recovery.value
        return chain.recovery.value, 0.0, part
    curve, value = chain.recovery, chain.recovery.at(chain.volume_ml)
    lost = 1.0 - value
    gradient = np.array(
        [-curve.b2 * lost / curve.b1_ml, lost * math.log(chain.volume_ml / curve.b1_ml)]
    )
    variance = float(gradient @ np.array(curve.covariance) @ gradient)
    return value, curve.b2 * lost, math.sqrt(max(variance, 0.0))


def _count_slope(model: CountVolume, volume_ml: float) -> float:
    if isinstance(model, BlurredSphere):
        return model.elasticity(volume_ml)
    return 1.0 if isinstance(model, UniformConcentration) else 0.0


def _count_factor(model: CountVolume, drawn_ml: Floats, volume_ml: float) -> Floats:
    """Counts in an outline of *drawn_ml* over those in *volume_ml*."""
    if isinstance(model, BlurredSphere):
        outlines, inside = model.profile(volume_ml)
        own = float(np.interp(volume_ml, outlines, inside))
        return np.asarray(np.interp(drawn_ml, outlines, inside) / own, dtype=np.float64)
    if isinstance(model, WholeContent):
        return np.ones_like(drawn_ml)
    return drawn_ml / volume_ml


def _integral_gradient(amplitudes: Floats, rates: Floats) -> Floats:
    return np.concatenate([1.0 / rates, -amplitudes / rates**2])


def _lognormal(mean: npt.ArrayLike, deviation: npt.ArrayLike, z: Floats) -> Floats:
    """With exactly this mean and standard deviation."""
    center = np.asarray(mean, dtype=np.float64)
    spread = np.sqrt(np.log1p((np.asarray(deviation, dtype=np.float64) / center) ** 2))
    return np.asarray(center * np.exp(spread * z - 0.5 * spread**2), dtype=np.float64)


def _copula(
    mean: tuple[float, ...], covariance: Floats, z: Floats, *, positive: tuple[bool, ...]
) -> Floats:
    """Draws (n, k) with these means and deviations, joined by the correlation of *covariance*."""
    deviation = np.sqrt(np.diag(covariance))
    safe = np.where(deviation > 0, deviation, 1.0)
    # eigh, not Cholesky: a parameter without uncertainty leaves the matrix singular.
    values, vectors = np.linalg.eigh(covariance / np.outer(safe, safe))
    if float(values.min()) < -1e-6:
        raise DataError(
            "a covariance must be positive semidefinite", remedy="Supply the covariance of the fit."
        )
    scores = z @ (vectors * np.sqrt(np.clip(values, 0.0, None))).T
    columns = [
        _lognormal(m, d, scores[:, j]) if above else m + d * scores[:, j]
        for j, (m, d, above) in enumerate(zip(mean, deviation, positive, strict=True))
    ]
    return np.column_stack(columns)
