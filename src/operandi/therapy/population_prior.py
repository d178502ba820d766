"""One to three points and what other patients showed: the posterior of the integral by quadrature.

Decision 0021. The course is ``a (e^-kt - e^-(p+u)t)`` with *k* the effective and *p* the physical
rate; *k* and, where the prior has it, the uptake rate *u* come from the population. *a* has the
one prior that does not change with its unit (flat in log *a*), so a single point leaves the
half-life's distribution as it was. Errors of activity are factors (log-normal): then *a* drops
out of the integral in closed form, and one or two parameters are left for the grid.
"""

import functools
import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import ndtr
from scipy.stats import chi2

from operandi.quantities.errors import DataError
from operandi.quantities.nuclides import LU177, Nuclide
from operandi.therapy.exponentials import ExponentialSum
from operandi.therapy.time_activity import (
    UPTAKE_OVER_S,
    ActivitySamples,
    TimeActivityFit,
    extrapolation_flag,
    refuse_late_rise,
)

Array = npt.NDArray[np.float64]

_HOUR: Final = 3600.0


class HalfLifeBasis(StrEnum):
    """Which half-life a population was described by."""

    EFFECTIVE = "effective"
    BIOLOGICAL = "biological"


class Provenance(StrEnum):
    """How far a published number was followed back."""

    SEEN = "seen in the source"
    RECALLED = "recalled; verify"
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PopulationPrior:
    """What a population's time courses look like.

    Parameters
    ----------
    name : str
        Of the organ or tumor and the agent.
    half_life_mean_s, half_life_variation : float, > 0
        Mean and coefficient of variation of the log-normal half-life of the terminal phase.
    basis : HalfLifeBasis
        Effective or biological. An effective one is cut off at the physical half-life and is
        carried over to another nuclide by its biological rate.
    nuclide : Nuclide
        With which it was measured.
    uptake_half_life_mean_s, uptake_half_life_variation : float, > 0, or None
        Of the biological uptake, log-normal. None where uptake is left out.
    course_relative_sd : float, >= 0
        How far a patient's activity departs from the two-parameter course at any one time.
    source : str
        Where each number is from.
    provenance : Provenance
        Of the weakest of them.
    """

    name: str
    half_life_mean_s: float
    half_life_variation: float
    basis: HalfLifeBasis
    nuclide: Nuclide
    uptake_half_life_mean_s: float | None
    uptake_half_life_variation: float | None
    course_relative_sd: float
    source: str
    provenance: Provenance

    def __post_init__(self) -> None:
        sizes = [self.half_life_mean_s, self.half_life_variation]
        if (self.uptake_half_life_mean_s is None) != (self.uptake_half_life_variation is None):
            raise ValueError("uptake needs both mean and variation, or neither")
        sizes += [
            size
            for size in (self.uptake_half_life_mean_s, self.uptake_half_life_variation)
            if size is not None
        ]
        if not all(math.isfinite(size) and size > 0 for size in sizes):
            raise ValueError(f"half-lives and their variations must be > 0: {sizes}")
        if not (math.isfinite(self.course_relative_sd) and self.course_relative_sd >= 0):
            raise ValueError(f"course_relative_sd must be >= 0: {self.course_relative_sd}")
        if not self.source:
            raise ValueError("a prior needs its source")
        if self.basis is HalfLifeBasis.EFFECTIVE and (
            self.half_life_mean_s >= self.nuclide.half_life_s
        ):
            raise DataError(
                f"Needed an effective half-life below the physical one of {self.nuclide.name} "
                f"({self.nuclide.half_life_s / _HOUR:.1f} h), found a mean of "
                f"{self.half_life_mean_s / _HOUR:.1f} h.",
                remedy="State whether the half-life is biological.",
            )

    def biological_rates(self) -> tuple[Array, Array, Array]:
        """Nodes of the terminal phase: biological rate 1/s, weight (sum 1), normal deviate.

        Gauss-Legendre nodes, so that the cut at the physical half-life costs no accuracy.
        """
        sd = math.sqrt(math.log1p(self.half_life_variation**2))
        middle = math.log(self.half_life_mean_s) - sd**2 / 2
        end = 4.5
        physical = 0.0
        if self.basis is HalfLifeBasis.EFFECTIVE:
            end = min(end, (math.log(self.nuclide.half_life_s) - middle) / sd)
            physical = math.log(2) / self.nuclide.half_life_s
        deviate, weight = _normal_nodes(80, low=-4.5, high=end)
        return math.log(2) / np.exp(middle + sd * deviate) - physical, weight, deviate

    def uptake_rates(self) -> tuple[Array, Array, Array]:
        """The same of uptake; infinitely fast where the prior leaves it out."""
        mean, variation = self.uptake_half_life_mean_s, self.uptake_half_life_variation
        if mean is None or variation is None:
            return np.array([np.inf]), np.array([1.0]), np.array([0.0])
        sd = math.sqrt(math.log1p(variation**2))
        deviate, weight = _normal_nodes(24, low=-4.0, high=4.0)
        rates = math.log(2) / np.exp(math.log(mean) - sd**2 / 2 + sd * deviate)
        return rates, weight, deviate


@functools.cache
def _legendre(count: int) -> tuple[Array, Array]:
    # The roots take milliseconds: more than all the rest of a posterior.
    node, weight = np.polynomial.legendre.leggauss(count)
    node.setflags(write=False)
    weight.setflags(write=False)
    return node, weight


def _normal_nodes(count: int, *, low: float, high: float) -> tuple[Array, Array]:
    node, weight = _legendre(count)
    node = low + (high - low) * (node + 1) / 2
    weight = weight * np.exp(-(node**2) / 2)
    return node, weight / weight.sum()


_SAME_PATIENTS: Final = "doi:10.3413/Nukmed-0925-17-08 (29 patients; abstract seen)"
_SOURCE: Final = (
    "uptake and departure from the course: assumed (docs/decisions/0021); spread: assumed"
)

KIDNEY_LU177_DOTATATE: Final = PopulationPrior(
    name="kidneys, 177Lu-DOTATATE/TOC",
    half_life_mean_s=51 * _HOUR,
    half_life_variation=0.17,
    basis=HalfLifeBasis.EFFECTIVE,
    nuclide=LU177,
    uptake_half_life_mean_s=1.0 * _HOUR,
    uptake_half_life_variation=0.5,
    course_relative_sd=0.03,
    source="51 h: Hänscheid et al., J Nucl Med 59:75, 2018 (recalled); 50 h in "
    f"{_SAME_PATIENTS}; {_SOURCE}",
    provenance=Provenance.ASSUMED,
)
LIVER_LU177_DOTATATE: Final = PopulationPrior(
    name="liver, 177Lu-DOTATATE/TOC",
    half_life_mean_s=67 * _HOUR,
    half_life_variation=0.20,
    basis=HalfLifeBasis.EFFECTIVE,
    nuclide=LU177,
    uptake_half_life_mean_s=1.0 * _HOUR,
    uptake_half_life_variation=0.5,
    course_relative_sd=0.03,
    source=f"67 h: {_SAME_PATIENTS}; {_SOURCE}",
    provenance=Provenance.ASSUMED,
)
SPLEEN_LU177_DOTATATE: Final = replace(
    LIVER_LU177_DOTATATE,  # 67 h were published of both
    name="spleen, 177Lu-DOTATATE/TOC",
)
TUMOR_LU177_DOTATATE: Final = PopulationPrior(
    name="neuroendocrine tumor, 177Lu-DOTATATE/TOC",
    half_life_mean_s=84 * _HOUR,
    half_life_variation=0.25,
    basis=HalfLifeBasis.EFFECTIVE,
    nuclide=LU177,
    uptake_half_life_mean_s=3.0 * _HOUR,
    uptake_half_life_variation=0.6,
    course_relative_sd=0.03,
    source=f"84 h: assumed; 77 h in {_SAME_PATIENTS}; {_SOURCE}",
    provenance=Provenance.ASSUMED,
)
POPULATION_PRIORS: Final = (
    KIDNEY_LU177_DOTATATE,
    LIVER_LU177_DOTATATE,
    SPLEEN_LU177_DOTATATE,
    TUMOR_LU177_DOTATATE,
)


def fit_with_prior(
    samples: ActivitySamples,
    *,
    physical_rate_per_s: float,
    prior: PopulationPrior,
    uptake_over_s: float = UPTAKE_OVER_S,
) -> TimeActivityFit:
    """Integral of activity from any number of points and a population's courses.

    ``time_integrated_bq_s`` is the posterior's mean, the interval its central 95 %. The course
    is the one of the posterior's mean logarithmic rates, scaled to that integral. One point is
    `single_time_point.bayesian`'s, which refuses the times at which a point says too little.

    Parameters
    ----------
    samples : ActivitySamples
        All activities above zero, with uncertainties.
    physical_rate_per_s : float, > 0
        Of the nuclide given.
    prior : PopulationPrior
        Of this organ or tumor.
    uptake_over_s : float
        From here on a rise of activity beyond noise is refused.

    Raises
    ------
    DataError
        One point, no uncertainties, an activity of zero, a late rise, or points that the prior
        practically excludes (less than one in a million).
    """
    if len(samples.times_s) == 1:
        raise DataError(
            "Needed two points or more, found one.",
            remedy="Add a second scan.",
        )
    refuse_late_rise(samples, uptake_over_s=uptake_over_s)
    return posterior(samples, physical_rate_per_s=physical_rate_per_s, prior=prior)


def posterior(
    samples: ActivitySamples, *, physical_rate_per_s: float, prior: PopulationPrior
) -> TimeActivityFit:
    """Posterior without a check of the times: for `fit_with_prior` and `single_time_point`."""
    if not physical_rate_per_s > 0:
        raise ValueError(f"physical rate must be > 0: {physical_rate_per_s}")
    given = samples.standard_uncertainties_bq
    if given is None or not all(samples.activities_bq):
        raise DataError(
            "Needed activities above zero with their uncertainties for a prior to be weighed "
            "against, found "
            + (f"none ({samples.no_uncertainty_because})." if given is None else "a zero."),
            remedy="Supply the random standard uncertainty of each activity; leave out a region "
            "that shows none.",
        )
    times, activities = np.asarray(samples.times_s), np.asarray(samples.activities_bq)
    variance = np.log1p((np.asarray(given) / activities) ** 2) + prior.course_relative_sd**2
    grid = _Grid.of(prior, physical_rate_per_s)
    weight, scale, misfit = grid.weighed(times, activities, variance)
    _refuse_conflict(float(np.min(misfit)), points=times.size, prior=prior)

    random = float(1 / np.sum(1 / variance))
    mean_log = scale + np.log(grid.integral_after(0.0))
    mean = float(weight @ np.exp(mean_log + random / 2))
    square = float(weight @ np.exp(2 * mean_log + 2 * random))
    shared = math.log1p(samples.systematic_relative_uncertainty**2)
    after = weight * np.exp(scale + random / 2)
    extrapolated = float(after @ grid.integral_after(samples.times_s[-1])) / mean
    half_life = math.log(2) / grid.terminal
    half_life_mean = float(weight @ half_life)
    half_life_sd = math.sqrt(max(float(weight @ half_life**2) - half_life_mean**2, 0.0))
    return TimeActivityFit(
        course=grid.course(weight, integral=mean),
        time_integrated_bq_s=mean,
        random_uncertainty_bq_s=math.sqrt(max(square - mean**2, 0.0)),
        systematic_relative_uncertainty=samples.systematic_relative_uncertainty,
        interval_95_bq_s=_interval(weight, mean_log, sd=math.sqrt(random + shared)),
        extrapolated_fraction=extrapolated,
        before_first_fraction=1 - float(after @ grid.integral_after(samples.times_s[0])) / mean,
        effective_half_life_s=half_life_mean,
        effective_half_life_uncertainty_s=half_life_sd,
        method=f"posterior of {times.size} point{'s' * (times.size > 1)}, prior of {prior.name}",
        basis="posterior by quadrature: given uncertainties, the prior's half-lives and its "
        f"{prior.course_relative_sd:.0%} departure from the course; prior {prior.provenance.value}"
        f" ({prior.source})",
        flags=(
            *extrapolation_flag(extrapolated),
            *_prior_flag(half_life_sd, prior, physical_rate_per_s),
        ),
        prior_uncertainty_bq_s=mean
        * math.sqrt(
            grid.share_of_prior(weight) * _spread(weight, mean_log) ** 2
            # The amplitude weighs the points by precision, and each departs from the course.
            + float(np.sum((random / variance) ** 2)) * prior.course_relative_sd**2
        ),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Grid:
    """Nodes of terminal and uptake rate, 1/s, decay included; prior weight; squared deviates."""

    terminal: Array
    uptake: Array
    physical: float
    prior_weight: Array
    deviates: Array

    @classmethod
    def of(cls, prior: PopulationPrior, physical: float) -> "_Grid":
        clearance, clearance_weight, z = prior.biological_rates()
        uptake, uptake_weight, v = prior.uptake_rates()
        slow, fast = (nodes.ravel() for nodes in np.meshgrid(clearance, uptake, indexing="ij"))
        weight = np.outer(clearance_weight, uptake_weight).ravel()
        deviates = (z[:, None] ** 2 + v**2).ravel()
        # Uptake slower than clearance would swap the two.
        kept = fast > slow * (1 + 1e-6)
        weight = weight[kept] / weight[kept].sum()
        return cls(physical + slow[kept], physical + fast[kept], physical, weight, deviates[kept])

    def weighed(
        self, times: Array, activities: Array, variance: Array
    ) -> tuple[Array, Array, Array]:
        """Posterior weight, best log amplitude and penalized chi squared at each node."""
        shape = np.array([self.log_shape(time) for time in times])
        apart = np.log(activities)[:, None] - shape
        precision = (1 / variance)[:, None]
        scale = (apart * precision).sum(axis=0) / precision.sum()
        chi = ((apart - scale) ** 2 * precision).sum(axis=0)
        weight = self.prior_weight * np.exp(-(chi - chi.min()) / 2)
        return weight / weight.sum(), scale, chi + self.deviates

    def share_of_prior(self, weight: Array) -> float:
        """Share of the posterior's variance that is the prior's error rather than the points'.

        Of a normal prior and normal points, ``posterior variance / prior variance``: 1 where the
        points say nothing of the half-life. By the logarithm of the terminal half-life.
        """
        before = _spread(self.prior_weight, np.log(self.terminal))
        return min(1.0, (_spread(weight, np.log(self.terminal)) / before) ** 2)

    def log_shape(self, time: float) -> Array:
        """Logarithm of the course of amplitude one."""
        return np.log(-np.expm1((self.terminal - self.uptake) * time)) - self.terminal * time

    def integral_after(self, time: float) -> Array:
        """From *time* to infinity, of the course of amplitude one."""
        # At zero apart: uptake left out is infinitely fast, and zero times infinity is no number.
        early = np.exp(-self.uptake * time) / self.uptake if time > 0 else 1 / self.uptake
        return np.asarray(np.exp(-self.terminal * time) / self.terminal - early)

    def course(self, weight: Array, *, integral: float) -> ExponentialSum:
        slow = self.physical + math.exp(float(weight @ np.log(self.terminal - self.physical)))
        if not np.all(np.isfinite(self.uptake)):
            return ExponentialSum((integral * slow,), (slow,))
        fast = self.physical + math.exp(float(weight @ np.log(self.uptake - self.physical)))
        amplitude = integral / (1 / slow - 1 / fast)
        return ExponentialSum((amplitude, -amplitude), (slow, fast))


def _spread(weight: Array, value: Array) -> float:
    """Standard deviation of *value* under *weight* (sum 1)."""
    center = float(weight @ value)
    return math.sqrt(max(float(weight @ (value - center) ** 2), 0.0))


def _interval(weight: Array, mean_log: Array, *, sd: float) -> tuple[float, float]:
    kept = weight > 1e-14
    weight, mean_log = weight[kept], mean_log[kept]

    def at(probability: float) -> float:
        low, high = float(mean_log.min()) - 8 * sd, float(mean_log.max()) + 8 * sd
        if sd == 0:
            order = np.argsort(mean_log)
            return float(np.interp(probability, np.cumsum(weight[order]), mean_log[order]))
        root = brentq(
            lambda x: float(weight @ ndtr((x - mean_log) / sd)) - probability, low, high, xtol=1e-10
        )
        return float(root)

    return math.exp(at(0.025)), math.exp(at(0.975))


def _refuse_conflict(misfit: float, *, points: int, prior: PopulationPrior) -> None:
    if points > 1 and misfit > chi2.isf(1e-6, points - 1):
        raise DataError(
            f"The activities have less than one chance in a million among the courses of "
            f"{prior.name} (chi squared {misfit:.1f}).",
            remedy="Check what was drawn on each scan, the times of the scans and their "
            "calibration; scan four times where the patient does differ from others.",
        )


def _prior_flag(half_life_sd: float, prior: PopulationPrior, physical: float) -> tuple[str, ...]:
    rates, weight, _ = prior.biological_rates()
    half_life = math.log(2) / (rates + physical)
    before = math.sqrt(float(weight @ half_life**2) - float(weight @ half_life) ** 2)
    if half_life_sd < before / 2:
        return ()
    return ("The half-life is the population's rather than this patient's.",)
