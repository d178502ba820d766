"""Subdistribution hazards after Fine and Gray, through the optional package comprisk."""

from dataclasses import dataclass
from importlib import import_module

import numpy as np

from operandi.quantities.errors import DataError, UnsupportedError
from operandi.signatures.data import Floats
from operandi.signatures.survival.cumulative_incidence import CompetingOutcome


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FineGrayFit:
    """Effects on the cumulative incidence of a cause.

    Parameters
    ----------
    cause : str
    coefficients : (p,) float
        Log subdistribution hazard ratios.
    standard_errors : (p,) float
        Of the sandwich, by the package; within 0.4 % of R's cmprsk.
    log_likelihood : float
    """

    cause: str
    coefficients: Floats
    standard_errors: Floats
    log_likelihood: float


def fit_fine_gray(outcome: CompetingOutcome, x: Floats, *, cause: str) -> FineGrayFit:
    """Fit proportional subdistribution hazards.

    Parameters
    ----------
    outcome : CompetingOutcome
    x : (n, p) float
        Without missing values.
    cause : str

    Raises
    ------
    DataError
        If shapes differ, a value is missing, or nobody had an event of the cause, or it does not
        converge.
    UnsupportedError
        If comprisk is not installed.

    References
    ----------
    .. [1] Fine and Gray, J Am Stat Assoc 94:496, 1999.
    """
    number = outcome.number(cause)
    if x.ndim != 2 or x.shape[0] != outcome.time.size or not np.isfinite(x).all():
        raise DataError(
            f"Predictors need a row of finite values for each of {outcome.time.size} participants; "
            f"found shape {x.shape}."
        )
    if not np.any(outcome.cause == number):
        raise DataError(f"A model needs an event of {cause!r}; there is none.")
    try:
        comprisk = import_module("comprisk")
    except ImportError as absent:
        raise UnsupportedError(
            "Subdistribution hazards need the package comprisk, which is not installed.",
            remedy="Install comprisk, or use cause-specific hazards, which need nothing more.",
        ) from absent
    model = comprisk.FineGrayRegression(cause=number, max_iter=50, gtol=1e-10, robust_se=True)
    model.fit(x, time=outcome.time, event=outcome.cause)
    if not model.converged_:
        raise DataError(
            "Subdistribution hazards did not converge.",
            remedy="Take out predictors that separate the events or repeat one another.",
        )
    return FineGrayFit(
        cause=cause,
        coefficients=np.asarray(model.coef_, dtype=float),
        standard_errors=np.asarray(model.se_, dtype=float),
        log_likelihood=float(model.log_likelihood_),
    )
