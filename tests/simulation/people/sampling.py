"""Whether a sample comes from a prior, within the error of its size."""

import numpy as np
import numpy.typing as npt

from operandi.simulation.people.priors import PersonalPrior

_ERRORS = 4.5  # standard errors; a hundred quantities are compared


def assert_sampled_from(prior: PersonalPrior, values: npt.ArrayLike) -> None:
    """Mean and standard deviation agree with the prior within their sampling error.

    The variance of a sample variance is ``s^4 (k - 1) / n``, *k* the kurtosis, at most that of
    the log-normal distribution of the prior.
    """
    sample = np.asarray(values, dtype=np.float64)
    if prior.spread == 0.0:
        np.testing.assert_allclose(sample, prior.mean, rtol=1e-12)
        return
    w = np.exp(prior.log_spread**2) if prior.law == "log-normal" else 1.0
    kurtosis = w**4 + 2.0 * w**3 + 3.0 * w**2 - 3.0
    mean_error = prior.spread / np.sqrt(sample.size)
    spread_error = prior.spread * np.sqrt((kurtosis - 1.0) / 4.0 / sample.size)

    assert abs(sample.mean() - prior.mean) < _ERRORS * mean_error, (sample.mean(), prior)
    assert abs(sample.std(ddof=1) - prior.spread) < _ERRORS * spread_error, (sample.std(), prior)
