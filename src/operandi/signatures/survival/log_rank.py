"""Log-rank tests between groups, within strata, with Fleming-Harrington weights."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2

from operandi.quantities.errors import DataError
from operandi.signatures.data import Floats, RightCensored


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LogRankTest:
    """Whether hazards differ between groups.

    Parameters
    ----------
    groups : tuple of str
    observed, expected : (g,) float
        Weighted events; plain counts where ``rho`` is 0.
    chi_square, p : float
    degrees_of_freedom : int
    """

    groups: tuple[str, ...]
    observed: Floats
    expected: Floats
    chi_square: float
    degrees_of_freedom: int
    p: float


def log_rank_test(
    outcome: RightCensored,
    groups: Sequence[str],
    *,
    strata: Sequence[str] | None = None,
    rho: float = 0.0,
) -> LogRankTest:
    """Compare the hazards of two or more groups.

    Parameters
    ----------
    outcome : RightCensored
    groups : sequence of str, length n
        Group of each participant.
    strata : sequence of str, length n, optional
        Participants are compared within their stratum only.
    rho : float, >= 0
        Weights are ``S(t-) ** rho`` of the pooled curve: 0 is the log-rank, 1 Peto and Peto's test.

    Raises
    ------
    DataError
        If lengths differ, there are fewer than two groups, or nothing can be compared: no stratum
        has an event while two groups are at risk.

    References
    ----------
    .. [1] Harrington and Fleming, Biometrika 69:553, 1982.
    """
    labels = np.asarray(groups, dtype=str)
    layers = np.zeros(labels.size, dtype=str) if strata is None else np.asarray(strata, dtype=str)
    names, member = np.unique(labels, return_inverse=True)
    if labels.shape != outcome.time.shape or layers.shape != labels.shape:
        raise DataError(
            f"A log-rank test needs a group and a stratum for each of {outcome.time.size} "
            f"participants; found {labels.size} and {layers.size}."
        )
    if names.size < 2:
        raise DataError(f"A log-rank test needs two or more groups; found {', '.join(names)}.")
    sums = [
        _within(outcome.time[rows], outcome.event[rows], member[rows], size=names.size, rho=rho)
        for rows in (np.flatnonzero(layers == one) for one in np.unique(layers))
    ]
    observed, expected, covariance = (np.sum(part, axis=0) for part in zip(*sums, strict=True))
    # A group that is never at risk together with others says nothing, and costs no degree.
    informed = np.flatnonzero(np.diag(covariance) > 0.0)[1:]
    if not informed.size:
        raise DataError(
            "A log-rank test needs an event while two groups are at risk; there is none.",
            remedy="Wait for events, or pool the groups or strata.",
        )
    excess = (observed - expected)[informed]
    chi_square = float(excess @ np.linalg.pinv(covariance[np.ix_(informed, informed)]) @ excess)
    return LogRankTest(
        groups=tuple(str(name) for name in names),
        observed=observed,
        expected=expected,
        chi_square=chi_square,
        degrees_of_freedom=int(informed.size),
        p=float(chi2.sf(chi_square, informed.size)),
    )


def _within(
    time: Floats,
    event: npt.NDArray[np.bool_],
    member: npt.NDArray[np.intp],
    *,
    size: int,
    rho: float,
) -> tuple[Floats, Floats, Floats]:
    """Observed, expected and covariance of one stratum."""
    days = np.unique(time[event])
    at_risk, dead = np.empty((days.size, size)), np.empty((days.size, size))
    for group in range(size):
        here = np.sort(time[member == group])
        at_risk[:, group] = here.size - np.searchsorted(here, days, side="left")
        died = np.sort(time[(member == group) & event])
        dead[:, group] = np.searchsorted(died, days, "right") - np.searchsorted(died, days, "left")
    n, d = at_risk.sum(axis=1), dead.sum(axis=1)
    weight = np.concatenate([[1.0], np.cumprod(1.0 - d / n)])[: days.size] ** rho
    share = at_risk / n[:, None]
    spread = weight**2 * d * (n - d) / np.maximum(n - 1.0, 1.0)
    covariance = np.diag(share.T @ spread) - (share * spread[:, None]).T @ share
    return weight @ dead, (weight * d) @ share, covariance
