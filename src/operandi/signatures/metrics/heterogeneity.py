"""Whether a metric is the same at every site: random effects, I2 and where a new site may lie."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit
from scipy.stats import chi2
from scipy.stats import t as t_distribution

from operandi.quantities.errors import DataError
from operandi.signatures.data import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteHeterogeneity:
    """Estimates of several sites, pooled.

    Parameters
    ----------
    pooled, standard_error : float
        Random-effects mean, with the standard error of Hartung and Knapp, never below that of the
        known variances: of two sites that happen to agree theirs would be 0.
    low, high : float
        Its interval, t with k - 1 degrees of freedom.
    tau_squared : float
        Variance between sites, by restricted maximum likelihood.
    q, q_p_value : float
        Cochran's test.
    i_squared : float
        Share of the variance that is between sites, tau^2 / (tau^2 + typical variance), in [0, 1).
    predicted_low, predicted_high : float or None
        Where the value of a new site would lie; None below three sites.
    sites : int
        Pooled.
    reason : str
        Why a number is absent.
    """

    pooled: float
    standard_error: float
    low: float
    high: float
    tau_squared: float
    q: float
    q_p_value: float
    i_squared: float
    predicted_low: float | None
    predicted_high: float | None
    sites: int
    reason: str = ""


def pool_sites(estimates: Floats, variances: Floats, *, level: float = 0.95) -> SiteHeterogeneity:
    """Pool estimates by a random-effects model.

    Parameters
    ----------
    estimates : (k,) float
        A value a site, on a scale on which errors are about normal.
    variances : (k,) float
        Squared standard errors.
    level : float
        Of the intervals.

    Returns
    -------
    SiteHeterogeneity
        On the scale of ``estimates``.

    Raises
    ------
    DataError
        If there are fewer than two sites, or a variance is not positive.

    References
    ----------
    .. [1] Viechtbauer, J Educ Behav Stat 30:261, 2005 (restricted maximum likelihood).
    .. [2] Hartung and Knapp, Stat Med 20:3875, 2001; Röver et al., BMC Med Res Methodol 15:99,
       2015 (not below the known variances, where sites are few).
    .. [3] Higgins et al., J R Stat Soc A 172:137, 2009 (prediction interval, k - 2 degrees).
    """
    count = estimates.size
    if count < 2 or estimates.shape != variances.shape:
        raise DataError(
            f"Heterogeneity needs estimates and variances of two or more sites; found shapes "
            f"{estimates.shape} and {variances.shape}."
        )
    if not (np.all(np.isfinite(estimates)) and np.all(np.isfinite(variances) & (variances > 0.0))):
        raise DataError(
            "Heterogeneity needs a finite estimate and a variance > 0 of every site.",
            remedy="A site without one is left out and named.",
        )
    tau = _between_variance(estimates, variances)
    weight = 1.0 / (variances + tau)
    pooled = float(weight @ estimates / weight.sum())
    spread = max(float(weight @ (estimates - pooled) ** 2) / (count - 1), 1.0)
    error = math.sqrt(spread / weight.sum())
    half = float(t_distribution.ppf(0.5 + level / 2.0, count - 1)) * error
    fixed = 1.0 / variances
    center = fixed @ estimates / fixed.sum()
    q = float(fixed @ (estimates - center) ** 2)
    typical = (count - 1) * fixed.sum() / (fixed.sum() ** 2 - np.sum(fixed**2))
    predicted = None
    if count >= 3:
        quantile = float(t_distribution.ppf(0.5 + level / 2.0, count - 2))
        predicted = quantile * math.sqrt(tau + 1.0 / weight.sum())
    return SiteHeterogeneity(
        pooled=pooled,
        standard_error=error,
        low=pooled - half,
        high=pooled + half,
        tau_squared=tau,
        q=q,
        q_p_value=float(chi2.sf(q, count - 1)),
        i_squared=float(tau / (tau + typical)),
        predicted_low=None if predicted is None else pooled - predicted,
        predicted_high=None if predicted is None else pooled + predicted,
        sites=count,
        reason="" if count >= 3 else "Where a new site may lie needs three sites or more.",
    )


def pool_site_concordance(
    values: Floats, standard_errors: Floats, *, level: float = 0.95
) -> SiteHeterogeneity:
    """Pool C of several sites on the logit scale, and say it on the scale of C.

    ``standard_error``, ``tau_squared`` and ``q`` stay on the logit scale; the other ends are of C.

    Raises
    ------
    DataError
        If a C is 0 or 1, as of a site with a handful of participants.

    References
    ----------
    .. [1] Snell et al., Stat Methods Med Res 27:3505, 2018 (logit scale for C).
    """
    if not np.all((values > 0.0) & (values < 1.0)):
        raise DataError(
            "Pooling C needs values between 0 and 1, both excluded, at every site.",
            remedy="Leave out sites too small for a C of their own, and name them.",
        )
    scale = values * (1.0 - values)
    pooled = pool_sites(logit(values), (standard_errors / scale) ** 2, level=level)
    low, high = pooled.predicted_low, pooled.predicted_high
    return SiteHeterogeneity(
        pooled=float(expit(pooled.pooled)),
        standard_error=pooled.standard_error,
        low=float(expit(pooled.low)),
        high=float(expit(pooled.high)),
        tau_squared=pooled.tau_squared,
        q=pooled.q,
        q_p_value=pooled.q_p_value,
        i_squared=pooled.i_squared,
        predicted_low=None if low is None else float(expit(low)),
        predicted_high=None if high is None else float(expit(high)),
        sites=pooled.sites,
        reason=pooled.reason,
    )


def _between_variance(estimates: Floats, variances: Floats) -> float:
    """Fisher scoring of the restricted likelihood, held at 0."""
    tau = max(float(np.var(estimates, ddof=1) - variances.mean()), 0.0)
    for _ in range(1000):
        weight = 1.0 / (variances + tau)
        center = weight @ estimates / weight.sum()
        squared = weight**2
        gain = squared @ (estimates - center) ** 2 - weight.sum() + squared.sum() / weight.sum()
        trace = squared.sum() - 2.0 * np.sum(weight**3) / weight.sum()
        trace += (squared.sum() / weight.sum()) ** 2
        step = float(gain / trace)
        moved = max(tau + step, 0.0)
        if abs(moved - tau) <= 1e-12 * (1.0 + tau):
            return moved
        tau = moved
    raise DataError(
        "The variance between sites did not settle by restricted maximum likelihood.",
        remedy="Report the sites side by side, without pooling.",
    )
