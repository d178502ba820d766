"""Integrated activity from one scan, and when one scan is not enough.

Decision 0021. Each method states the error that the population's spread of half-lives alone
causes at the time of the scan, adds it to the uncertainty, and refuses where it is too large. No
method takes a point of the first twelve hours: uptake and early clearance are still under way.

References
----------
.. [1] Hänscheid et al., Dose mapping after endoradiotherapy with 177Lu-DOTATATE/DOTATOC by a
   single measurement after 4 days, J Nucl Med 59:75, 2018 (recalled; its formula was seen in
   others' software; of the same patients doi:10.3413/Nukmed-0925-17-08, abstract seen: half-lives
   of 50, 67 and 77 h in kidneys, liver and spleen, tumors).
.. [2] Madsen et al., Single-time-point estimates of integrated activity and radiation absorbed
   dose, J Nucl Med 59:1447, 2018 (recalled; verify the page).
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.quantities.errors import DataError
from operandi.therapy.exponentials import ExponentialSum
from operandi.therapy.population_prior import PopulationPrior, posterior
from operandi.therapy.time_activity import (
    ActivitySamples,
    TimeActivityFit,
    extrapolation_flag,
    log_normal_interval,
)

EARLIEST_SINGLE_POINT_S: Final = 12 * 3600.0
"""Before it a single point is refused, whatever the prior."""


class SingleTimePointMethod(StrEnum):
    """How one activity becomes an integral."""

    HAENSCHEID = "Hänscheid"
    MADSEN = "Madsen"
    BAYESIAN = "Bayesian"


ACCEPTED_ERROR: Final = {
    SingleTimePointMethod.HAENSCHEID: 0.10,
    SingleTimePointMethod.MADSEN: 0.10,
    # Its interval says how unsure it is, so it may be less sure.
    SingleTimePointMethod.BAYESIAN: 0.15,
}
"""Largest root-mean-square relative error by the population's half-lives that is not refused."""


@dataclass(frozen=True, slots=True)
class PopulationError:
    """Relative error of an integral over a population: mean, mean absolute, root mean square."""

    mean: float
    mean_absolute: float
    root_mean_square: float


def haenscheid_ratio(time_in_half_lives: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Hänscheid's estimate over the truth, ``2 x 2^-x``, of one exponential.

    Parameters
    ----------
    time_in_half_lives : array
        *x*, time of the scan in effective half-lives.

    >>> haenscheid_ratio([1.0, 2.0]).tolist()
    [1.0, 1.0]
    """
    x = np.asarray(time_in_half_lives, dtype=np.float64)
    return 2 * x * np.exp2(-x)


def population_error(
    method: SingleTimePointMethod,
    *,
    time_s: float,
    physical_rate_per_s: float,
    prior: PopulationPrior,
) -> PopulationError:
    """Error that the spread of half-lives alone causes at *time_s*, of single exponentials."""
    biological, weight, _ = prior.biological_rates()
    rate = biological + physical_rate_per_s
    if method is SingleTimePointMethod.HAENSCHEID:
        ratio = haenscheid_ratio(rate * time_s / math.log(2))
    elif method is SingleTimePointMethod.MADSEN:
        middle = mean_rate(prior, physical_rate_per_s=physical_rate_per_s)
        ratio = np.exp((middle - rate) * time_s) * rate / middle
    else:
        truth = np.exp(rate * time_s) / rate
        ratio = (weight @ truth) / truth
    error = ratio - 1
    return PopulationError(
        mean=float(weight @ error),
        mean_absolute=float(weight @ np.abs(error)),
        root_mean_square=math.sqrt(float(weight @ error**2)),
    )


def mean_rate(prior: PopulationPrior, *, physical_rate_per_s: float) -> float:
    """``ln 2`` over the population's mean effective half-life, 1/s."""
    biological, weight, _ = prior.biological_rates()
    return math.log(2) / float(weight @ (math.log(2) / (biological + physical_rate_per_s)))


def accepted_times_s(
    method: SingleTimePointMethod, *, physical_rate_per_s: float, prior: PopulationPrior
) -> tuple[float, float] | None:
    """First and last whole hour at which *method* is not refused, s; None if there is none."""
    hours = np.arange(EARLIEST_SINGLE_POINT_S, 400 * 3600.0, 3600.0)
    good = [
        float(time)
        for time in hours
        if population_error(
            method, time_s=float(time), physical_rate_per_s=physical_rate_per_s, prior=prior
        ).root_mean_square
        <= ACCEPTED_ERROR[method]
    ]
    return (good[0], good[-1]) if good else None


def haenscheid(
    samples: ActivitySamples, *, physical_rate_per_s: float, prior: PopulationPrior
) -> TimeActivityFit:
    """``2 t A(t) / ln 2``: right at one and at two effective half-lives, near it between [1]_.

    Parameters
    ----------
    samples : ActivitySamples
        One point.
    physical_rate_per_s : float, > 0
        Of the nuclide.
    prior : PopulationPrior
        Says at which times the method holds, how far it errs, and the half-life of the course;
        the integral does not use it.

    Raises
    ------
    DataError
        More than one point, or a time outside `accepted_times_s`: for kidneys and tumors 24 h.
    """
    method = SingleTimePointMethod.HAENSCHEID
    error = _checked(samples, method, physical_rate_per_s, prior)
    time, activity = samples.times_s[0], samples.activities_bq[0]
    return _fit(
        samples,
        method,
        2 * time * activity / math.log(2),
        error,
        rate=mean_rate(prior, physical_rate_per_s=physical_rate_per_s),
        prior=prior,
    )


def madsen(
    samples: ActivitySamples, *, physical_rate_per_s: float, prior: PopulationPrior
) -> TimeActivityFit:
    """``A(t) e^kt / k`` with the population's mean effective half-life, ``k = ln 2 / T`` [2]_.

    Parameters
    ----------
    samples : ActivitySamples
        One point.
    physical_rate_per_s : float, > 0
        Of the nuclide.
    prior : PopulationPrior
        Of this organ or tumor.

    Raises
    ------
    DataError
        More than one point, or a time outside `accepted_times_s`.
    """
    method = SingleTimePointMethod.MADSEN
    error = _checked(samples, method, physical_rate_per_s, prior)
    rate = mean_rate(prior, physical_rate_per_s=physical_rate_per_s)
    integral = samples.activities_bq[0] * math.exp(rate * samples.times_s[0]) / rate
    return _fit(samples, method, integral, error, rate=rate, prior=prior)


def bayesian(
    samples: ActivitySamples, *, physical_rate_per_s: float, prior: PopulationPrior
) -> TimeActivityFit:
    """Posterior mean and interval under a population prior: the default for one point.

    Parameters
    ----------
    samples : ActivitySamples
        One point, with its uncertainty.
    physical_rate_per_s : float, > 0
        Of the nuclide.
    prior : PopulationPrior
        Of this organ or tumor.

    Raises
    ------
    DataError
        More than one point (`population_prior.fit_with_prior`), no uncertainty, or a time
        outside `accepted_times_s`.
    """
    _checked(samples, SingleTimePointMethod.BAYESIAN, physical_rate_per_s, prior)
    return posterior(samples, physical_rate_per_s=physical_rate_per_s, prior=prior)


def _checked(
    samples: ActivitySamples,
    method: SingleTimePointMethod,
    physical_rate_per_s: float,
    prior: PopulationPrior,
) -> PopulationError:
    if not physical_rate_per_s > 0:
        raise ValueError(f"physical rate must be > 0: {physical_rate_per_s}")
    if len(samples.times_s) != 1:
        raise DataError(
            f"Needed one point, found {len(samples.times_s)}.",
            remedy="Give the one scan alone.",
        )
    time = samples.times_s[0]
    error = population_error(
        method, time_s=time, physical_rate_per_s=physical_rate_per_s, prior=prior
    )
    if time >= EARLIEST_SINGLE_POINT_S and error.root_mean_square <= ACCEPTED_ERROR[method]:
        return error
    window = accepted_times_s(method, physical_rate_per_s=physical_rate_per_s, prior=prior)
    accepted = f"{window[0] / 3600:.0f} to {window[1] / 3600:.0f} h" if window else "no time"
    if time < EARLIEST_SINGLE_POINT_S:
        why = "uptake and early clearance are still under way"
    else:
        why = (
            f"the spread of half-lives alone gives a mean error of {error.mean:+.0%} and a "
            f"root-mean-square error of {error.root_mean_square:.0%}"
        )
    raise DataError(
        f"One point at {time / 3600:.1f} h misleads by the method of {method.value} in "
        f"{prior.name}: {why}; needed {accepted}.",
        remedy="Add a second scan, or one within those hours.",
    )


def _fit(
    samples: ActivitySamples,
    method: SingleTimePointMethod,
    integral: float,
    error: PopulationError,
    *,
    rate: float,
    prior: PopulationPrior,
) -> TimeActivityFit:
    given = samples.standard_uncertainties_bq
    if given is None:
        raise DataError(
            f"Needed the uncertainty of the activity, found none "
            f"({samples.no_uncertainty_because}): one point has no residual to estimate it from.",
            remedy="Supply its random standard uncertainty.",
        )
    random = math.hypot(given[0] / samples.activities_bq[0], error.root_mean_square)
    time = samples.times_s[0]
    course = ExponentialSum((integral * rate,), (rate,))
    after = math.exp(-rate * time)
    return TimeActivityFit(
        course=course,
        time_integrated_bq_s=integral,
        random_uncertainty_bq_s=random * integral,
        systematic_relative_uncertainty=samples.systematic_relative_uncertainty,
        interval_95_bq_s=log_normal_interval(
            integral, relative=math.hypot(random, samples.systematic_relative_uncertainty)
        ),
        extrapolated_fraction=after,
        before_first_fraction=1 - after,
        effective_half_life_s=math.log(2) / rate,
        effective_half_life_uncertainty_s=prior.half_life_variation * math.log(2) / rate,
        method=f"one point, {method.value}",
        basis=f"given uncertainty and {error.root_mean_square:.1%} for the spread of half-lives in "
        f"{prior.name}; prior {prior.provenance.value} ({prior.source})",
        flags=(
            *extrapolation_flag(after),
            "The half-life is the population's rather than this patient's.",
        ),
        prior_uncertainty_bq_s=error.root_mean_square * integral,
    )
