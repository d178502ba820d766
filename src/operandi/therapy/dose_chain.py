"""What a lesion's or organ's dose is made of, with the uncertainty of each link.

Plain numbers, so that it depends on no module of the chain. Units are fixed: mL, counts/s (or any
unit *q* of the quantity per Bq), s, g, Gy/(Bq s).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import erf

from operandi.quantities.errors import DataError
from operandi.therapy.exponentials import ExponentialSum
from operandi.therapy.recovery import RecoveryCurve

Floats = npt.NDArray[np.float64]
Covariance = tuple[tuple[float, float], tuple[float, float]]


class CourseModel(Enum):
    """Number of exponentials; uptake is one of them with a negative amplitude."""

    MONO = 1
    BI = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredCourse:
    """Count rates at several times, fitted here (and refitted in every draw of the twin).

    Parameters
    ----------
    time_s : tuple of float, > 0
        Since administration.
    rate_per_s : tuple of float, > 0
        Counts/s in the outline, background and dead time corrected, *not* decay corrected. With
        activities in Bq, give them here and a calibration of 1 with its relative uncertainty.
    standard_uncertainty_per_s : tuple of float, > 0
        Random part only: what differs from time to time. What all times share (calibration,
        recovery, volume) has its own field in :class:`DoseChain`.
    model : CourseModel
        How many exponentials.
    physical_half_life_s : float
        The slowest tail allowed.
    """

    time_s: tuple[float, ...]
    rate_per_s: tuple[float, ...]
    standard_uncertainty_per_s: tuple[float, ...]
    model: CourseModel
    physical_half_life_s: float

    def __post_init__(self) -> None:
        count = len(self.time_s)
        if not count == len(self.rate_per_s) == len(self.standard_uncertainty_per_s):
            raise ValueError("times, rates and uncertainties differ in number")
        if len(set(self.time_s)) < 2 * self.model.value:
            raise DataError(
                f"{self.model.value} exponential(s) need {2 * self.model.value} different times,"
                f" got {len(set(self.time_s))}",
                remedy="Use fewer exponentials, or SingleTimeCourse with a known half-life.",
            )
        _refuse_not_positive("times since administration (s)", *self.time_s)
        _refuse_not_positive("count rates (1/s)", *self.rate_per_s)
        _refuse_not_positive("uncertainties of count rates", *self.standard_uncertainty_per_s)
        _refuse_not_positive("the physical half-life (s)", self.physical_half_life_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleTimeCourse:
    """One count rate and an effective half-life known from elsewhere.

    Parameters
    ----------
    time_s, rate_per_s, standard_uncertainty_per_s : float
        As in :class:`MeasuredCourse`.
    effective_half_life_s, half_life_uncertainty_s : float
        Of the population or an earlier cycle, between patients (k = 1).
    physical_half_life_s : float
        The longest effective half-life allowed; draws beyond it are set to it.
    """

    time_s: float
    rate_per_s: float
    standard_uncertainty_per_s: float
    effective_half_life_s: float
    half_life_uncertainty_s: float
    physical_half_life_s: float

    def __post_init__(self) -> None:
        _refuse_not_positive("the time since administration (s)", self.time_s)
        _refuse_not_positive("the count rate (1/s)", self.rate_per_s)
        _refuse_not_positive("its uncertainty", self.standard_uncertainty_per_s)
        _refuse_not_positive("the effective half-life (s)", self.effective_half_life_s)
        _refuse_not_positive("the uncertainty of the half-life", self.half_life_uncertainty_s)
        if self.effective_half_life_s > self.physical_half_life_s:
            raise DataError(
                f"an effective half-life cannot exceed the physical one, got"
                f" {self.effective_half_life_s} s and {self.physical_half_life_s} s",
                remedy="Correct the effective half-life.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedCourse:
    """A course fitted elsewhere, with the covariance of its parameters.

    Parameters
    ----------
    course : ExponentialSum
        In counts/s (or Bq with a calibration of 1).
    covariance : tuple of tuple of float, (2k, 2k)
        Of (a_1 … a_k, r_1 … r_k), random part only.
    """

    course: ExponentialSum
    covariance: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        matrix = np.array(self.covariance, dtype=np.float64)
        size = 2 * len(self.course.rates_per_s)
        if matrix.shape != (size, size):
            raise ValueError(f"covariance of shape {matrix.shape}, needed {(size, size)}")
        _refuse_no_covariance(matrix)
        if self.course.integral <= 0:
            raise DataError("a course needs an integral > 0", remedy="Correct the fit.")


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedRecovery:
    """A recovery that does not depend on the outline: large organs, or corrected images.

    Parameters
    ----------
    value : float, > 0
        1 where nothing was corrected, with the uncertainty that this leaves.
    standard_uncertainty : float, >= 0
        k = 1.
    """

    value: float
    standard_uncertainty: float

    def __post_init__(self) -> None:
        _refuse_not_positive("a recovery coefficient", self.value)
        if not self.standard_uncertainty >= 0:
            raise DataError(
                f"the uncertainty of a recovery must be >= 0, got {self.standard_uncertainty}",
                remedy="Supply it.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class BlurredSphere:
    """Counts in an outline of a uniform sphere, seen with a Gaussian resolution.

    ``d ln C / d ln v = phi / (2 R)``, with *R* the share of the sphere's counts inside its own
    outline and ``phi = erf(2 r / (sigma sqrt 2)) - (2 sigma / (r sqrt(2 pi)))
    [1 - exp(-2 r^2 / sigma^2)]`` (Gear et al.): half of *phi* is the blurred density at the edge.

    Parameters
    ----------
    fwhm_mm : float, > 0
        Resolution of the image.
    """

    fwhm_mm: float

    def __post_init__(self) -> None:
        _refuse_not_positive("the resolution (mm)", self.fwhm_mm)

    def profile(self, volume_ml: float) -> tuple[Floats, Floats]:
        """Outline volumes, mL, and the share of all counts inside each, for a sphere *volume_ml*.

        Outlines are concentric; the last lies 8 standard deviations of the resolution outside.
        """
        sigma = self.fwhm_mm / math.sqrt(8.0 * math.log(2.0))
        radius = _radius_mm(volume_ml)
        rho = np.linspace(0.0, radius + 8.0 * sigma, 4001)[1:]
        density = 0.5 * (
            erf((rho + radius) / (math.sqrt(2.0) * sigma))
            - erf((rho - radius) / (math.sqrt(2.0) * sigma))
        ) - sigma / (rho * math.sqrt(2.0 * math.pi)) * (
            np.exp(-((rho - radius) ** 2) / (2.0 * sigma**2))
            - np.exp(-((rho + radius) ** 2) / (2.0 * sigma**2))
        )
        shells = 4.0 * math.pi * rho**2 * density
        step = rho[1] - rho[0]
        inside = np.cumsum(shells) * step - 0.5 * shells * step
        outlines_ml = 4.0 / 3.0 * math.pi * rho**3 / 1000.0
        return outlines_ml, inside / (volume_ml * 1000.0)

    def elasticity(self, volume_ml: float) -> float:
        """``d ln C / d ln v`` at the true outline."""
        sigma = self.fwhm_mm / math.sqrt(8.0 * math.log(2.0))
        radius = _radius_mm(volume_ml)
        phi = erf(2.0 * radius / (sigma * math.sqrt(2.0))) - 2.0 * sigma / (
            radius * math.sqrt(2.0 * math.pi)
        ) * (1.0 - math.exp(-2.0 * radius**2 / sigma**2))
        own = float(np.interp(volume_ml, *self.profile(volume_ml)))
        return float(phi) / (2.0 * own)


@dataclass(frozen=True, slots=True)
class WholeContent:
    """The outline encloses all counts with room to spare: its volume does not change them."""


@dataclass(frozen=True, slots=True)
class UniformConcentration:
    """Counts are a concentration from small regions times the organ's volume (kidneys)."""


CountVolume = BlurredSphere | WholeContent | UniformConcentration


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerLawS:
    """Local power law of the self-dose, ``S = S0 (m / m0)^c``.

    Parameters
    ----------
    reference_mass_g, value_gy_per_bq_s, exponent : float
        *m0*, *S0* and *c* (near -1 where electrons dominate).
    covariance : ((float, float), (float, float))
        Of (ln S0, c).
    """

    reference_mass_g: float
    value_gy_per_bq_s: float
    exponent: float
    covariance: Covariance

    def __post_init__(self) -> None:
        _refuse_not_positive("mass and S value", self.reference_mass_g, self.value_gy_per_bq_s)
        _refuse_no_covariance(np.array(self.covariance, dtype=np.float64))

    def at(self, mass_g: float) -> float:
        """S value, Gy/(Bq s)."""
        return self.value_gy_per_bq_s * math.pow(mass_g / self.reference_mass_g, self.exponent)


@dataclass(frozen=True, slots=True, kw_only=True)
class DoseChain:
    """``D = [integral of C(t) / (Q RC(v))] S(rho v)`` with everything that is uncertain in it.

    Parameters
    ----------
    volume_ml, volume_uncertainty_ml : float, > 0
        *v* and its standard uncertainty (k = 1); one outline used at all times.
    count_volume : CountVolume
        How the counts follow the outline.
    course : MeasuredCourse, SingleTimeCourse or FittedCourse
        *C(t)*.
    calibration_per_bq, calibration_uncertainty_per_bq : float
        *Q*, counts/s per Bq, the same at all times.
    recovery : RecoveryCurve or FixedRecovery
        *RC*.
    s_value : PowerLawS
        *S*.
    density_g_per_ml : float
        *rho*, from volume to mass.
    """

    volume_ml: float
    volume_uncertainty_ml: float
    count_volume: CountVolume
    course: MeasuredCourse | SingleTimeCourse | FittedCourse
    calibration_per_bq: float
    calibration_uncertainty_per_bq: float
    recovery: RecoveryCurve | FixedRecovery
    s_value: PowerLawS
    density_g_per_ml: float

    def __post_init__(self) -> None:
        _refuse_not_positive("volume and its uncertainty (mL)", self.volume_ml)
        _refuse_not_positive("the uncertainty of the volume (mL)", self.volume_uncertainty_ml)
        _refuse_not_positive("the calibration (1/Bq)", self.calibration_per_bq)
        _refuse_not_positive(
            "the uncertainty of the calibration", self.calibration_uncertainty_per_bq
        )
        _refuse_not_positive("the density (g/mL)", self.density_g_per_ml)

    @property
    def mass_g(self) -> float:
        """``rho v``."""
        return self.density_g_per_ml * self.volume_ml


def fit_power_law(
    mass_g: Sequence[float],
    s_gy_per_bq_s: Sequence[float],
    *,
    relative_uncertainty: float,
    shared_relative_uncertainty: float,
) -> PowerLawS:
    """Fit ``ln S = ln S0 + c ln(m / m0)`` to sphere values near the mass that is needed.

    Parameters
    ----------
    mass_g, s_gy_per_bq_s : sequence of float, >= 3 of each
        Sphere values on both sides of the mass; a decade or less, or the law does not hold.
    relative_uncertainty : float, > 0
        Of each value, independent: statistics and the law's misfit, whichever is larger is used.
    shared_relative_uncertainty : float, >= 0
        Of all values together: spectrum, shape of the lesion, its composition.

    Returns
    -------
    PowerLawS
        With *m0* the geometric mean of the masses, so that S0 and c are independent.
    """
    if len(mass_g) != len(s_gy_per_bq_s):
        raise ValueError(f"{len(mass_g)} masses, {len(s_gy_per_bq_s)} S values")
    _refuse_not_positive("masses (g)", *mass_g)
    _refuse_not_positive("S values (Gy/(Bq s))", *s_gy_per_bq_s)
    _refuse_not_positive("the relative uncertainty of S values", relative_uncertainty)
    if len(set(mass_g)) < 3:
        raise DataError(
            f"a power law needs S values of at least 3 masses, got {len(set(mass_g))}",
            remedy="Supply sphere values on both sides of the mass.",
        )
    x, y = np.log(np.asarray(mass_g, np.float64)), np.log(np.asarray(s_gy_per_bq_s, np.float64))
    center = float(x.mean())
    spread = float(((x - center) ** 2).sum())
    exponent = float(((x - center) * y).sum()) / spread
    residual = y - y.mean() - exponent * (x - center)
    misfit = float((residual**2).sum()) / (len(x) - 2)
    variance = max(relative_uncertainty**2, misfit)
    return PowerLawS(
        reference_mass_g=math.exp(center),
        value_gy_per_bq_s=math.exp(float(y.mean())),
        exponent=exponent,
        covariance=(
            (variance / len(x) + shared_relative_uncertainty**2, 0.0),
            (0.0, variance / spread),
        ),
    )


_SYMMETRY: Final = 1e-9


def _refuse_no_covariance(matrix: Floats) -> None:
    scale = np.sqrt(np.abs(np.outer(np.diag(matrix), np.diag(matrix))))
    with np.errstate(invalid="ignore"):
        bad = (
            not np.isfinite(matrix).all()
            or bool((np.diag(matrix) < 0).any())
            or bool((np.abs(matrix - matrix.T) > _SYMMETRY * scale).any())
            or bool((np.abs(matrix) > (1.0 + _SYMMETRY) * scale).any())
        )
    if bad:
        raise DataError(
            "a covariance must be finite, symmetric and positive semidefinite",
            remedy="Supply the covariance of the fit, not its correlations or uncertainties.",
        )


def _refuse_not_positive(what: str, *values: float) -> None:
    if not all(math.isfinite(value) and value > 0 for value in values):
        found = ", ".join(f"{value:g}" for value in values)
        raise DataError(
            f"{what} must be > 0, got {found}", remedy="Supply it; there is no default."
        )


def _radius_mm(volume_ml: float) -> float:
    return math.pow(3.0 * volume_ml * 1000.0 / (4.0 * math.pi), 1.0 / 3.0)
