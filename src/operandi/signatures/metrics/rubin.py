"""Rubin's rules: one estimate from several imputed tables."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import t as t_distribution

from operandi.quantities.errors import DataError
from operandi.signatures.data import Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PooledEstimate:
    """Estimates pooled over imputations, element by element.

    Parameters
    ----------
    value : (p,) float
        Mean over imputations.
    variance : (p,) float
        T = U + (1 + 1/m) B.
    degrees_of_freedom : (p,) float
        After Barnard and Rubin; inf where neither imputation nor sample limits it.
    missing_information : (p,) float
        Share of the variance that comes from the missing values, (1 + 1/m) B / T.
    """

    value: Floats
    variance: Floats
    degrees_of_freedom: Floats
    missing_information: Floats

    def interval(self, *, level: float = 0.95) -> tuple[Floats, Floats]:
        """Intervals from the t distribution."""
        quantile = t_distribution.ppf(0.5 + level / 2.0, self.degrees_of_freedom)
        half = quantile * np.sqrt(self.variance)
        return self.value - half, self.value + half

    def p_values(self) -> Floats:
        """Two-sided, against 0."""
        ratio = np.abs(self.value) / np.sqrt(self.variance)
        return np.asarray(2.0 * t_distribution.sf(ratio, self.degrees_of_freedom))


def pool_rubin(
    estimates: Floats, variances: Floats, *, complete_degrees_of_freedom: float = np.inf
) -> PooledEstimate:
    """Pool estimates of imputed tables.

    B = variance of the estimates, U = mean of their variances, T = U + (1 + 1/m) B,
    lambda = (1 + 1/m) B / T; degrees of freedom 1 / (1/a + 1/b), a = (m - 1) / lambda^2,
    b = (v + 1) / (v + 3) v (1 - lambda), v those of the complete table.

    Parameters
    ----------
    estimates : (m, p) or (m,) float
        A row an imputation. Quantities bounded by nature (C, a risk) go in on a scale on which
        they are not: the logit.
    variances : like ``estimates``
        Their squared standard errors.
    complete_degrees_of_freedom : float
        n - parameters of the complete table.

    Raises
    ------
    DataError
        If there are fewer than two imputations, or a variance is not positive.

    References
    ----------
    .. [1] Rubin, Multiple Imputation for Nonresponse in Surveys, 1987, section 3.3.
    .. [2] Barnard and Rubin, Biometrika 86:948, 1999.
    """
    q = estimates.reshape(estimates.shape[0], -1)
    u = variances.reshape(variances.shape[0], -1)
    draws = q.shape[0]
    if draws < 2 or q.shape != u.shape:
        raise DataError(
            f"Pooling needs two or more imputations with a variance for each estimate; found "
            f"shapes {estimates.shape} and {variances.shape}."
        )
    if not (np.all(np.isfinite(q)) and np.all(np.isfinite(u)) and np.all(u > 0.0)):
        raise DataError("Pooling needs finite estimates and variances > 0 of every imputation.")
    within = u.mean(axis=0)
    between = (1.0 + 1.0 / draws) * q.var(axis=0, ddof=1)
    total = within + between
    share = between / total
    return PooledEstimate(
        value=q.mean(axis=0),
        variance=total,
        degrees_of_freedom=_barnard_rubin(share, draws, complete_degrees_of_freedom),
        missing_information=share,
    )


def _barnard_rubin(share: Floats, draws: int, complete: float) -> Floats:
    # Sums of reciprocals, so that infinite degrees of freedom add nothing.
    reciprocal = share**2 / (draws - 1)
    if np.isfinite(complete):
        reciprocal = reciprocal + 1.0 / (
            (complete + 1.0) / (complete + 3.0) * complete * (1 - share)
        )
    found: Floats = np.divide(
        1.0, reciprocal, out=np.full(share.size, np.inf), where=reciprocal > 0.0
    )
    return found
