"""Gray's test: whether the cumulative incidence of a cause differs between groups."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

from operandi.quantities.errors import DataError
from operandi.signatures.data import Floats
from operandi.signatures.survival.cumulative_incidence import (
    CENSORED,
    CompetingOutcome,
    counts_on,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GrayTest:
    """Whether the cumulative incidence of a cause differs between groups.

    Parameters
    ----------
    cause : str
    groups : tuple of str
    chi_square, p : float
    degrees_of_freedom : int
    """

    cause: str
    groups: tuple[str, ...]
    chi_square: float
    degrees_of_freedom: int
    p: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Course:
    """Counts and curves of each group at the event times, shape (k, g), or pooled, (k,)."""

    at_risk: Floats
    own: Floats
    other: Floats
    survival_before: Floats
    survival: Floats
    incidence_before: Floats


def gray_test(
    outcome: CompetingOutcome, groups: Sequence[str], *, cause: str, rho: float = 0.0
) -> GrayTest:
    """Compare the cumulative incidence of a cause between two or more groups.

    A log-rank of subdistribution hazards: of group i at risk are ``R_i = n_i (1 - F_i(t-)) /
    S_i(t-)``, and the score is the sum of ``d_1i - d_1 R_i / R``. Its variance is that of the
    martingales of all causes under a common F; with d events on one day it is smaller by ``1 -
    (d - 1) / (n - 1)``, as that of a log-rank.

    Parameters
    ----------
    outcome : CompetingOutcome
    groups : sequence of str, length n
    cause : str
    rho : float
        Weights are ``(1 - F(t-)) ** rho`` of the common F.

    Raises
    ------
    DataError
        If lengths differ, there are fewer than two groups, or nobody had an event of the cause
        while two groups were at risk.

    References
    ----------
    .. [1] Gray, Ann Stat 16:1141, 1988.
    """
    number = outcome.number(cause)
    labels = np.asarray(groups, dtype=str)
    names, member = np.unique(labels, return_inverse=True)
    if labels.shape != outcome.time.shape or names.size < 2:
        raise DataError(
            f"Gray's test needs a group for each of {outcome.time.size} participants, and two or "
            f"more groups; found {labels.size} and {names.size}."
        )
    days = np.unique(outcome.time[outcome.cause != CENSORED])
    parts = [_course(outcome, member == one, number, days) for one in range(names.size)]
    course = _Course(
        **{
            name: np.column_stack([getattr(part, name) for part in parts])
            for name in _Course.__slots__
        }
    )
    score, covariance = _score(course, rho=rho)
    if not np.diag(covariance).max() > 0.0:
        raise DataError(
            f"Gray's test needs an event of {cause!r} while two groups are at risk; there is none.",
            remedy="Wait for events, or pool the groups.",
        )
    chi_square = float(score[1:] @ np.linalg.pinv(covariance[1:, 1:]) @ score[1:])
    return GrayTest(
        cause=cause,
        groups=tuple(str(name) for name in names),
        chi_square=chi_square,
        degrees_of_freedom=names.size - 1,
        p=float(chi2.sf(chi_square, names.size - 1)),
    )


def _course(outcome: CompetingOutcome, rows: Floats, number: int, days: Floats) -> _Course:
    time, cause = outcome.time[rows], outcome.cause[rows]
    every = np.sort(time)
    at_risk = (every.size - np.searchsorted(every, days, side="left")).astype(float)
    own = counts_on(days, time[cause == number])
    other = counts_on(days, time[(cause != number) & (cause != CENSORED)])
    safe = np.maximum(at_risk, 1.0)
    survival = np.cumprod(1.0 - (own + other) / safe)
    before = np.concatenate([[1.0], survival[:-1]])
    incidence = np.cumsum(before * own / safe)
    return _Course(
        at_risk=at_risk,
        own=own,
        other=other,
        survival_before=before,
        survival=survival,
        incidence_before=np.concatenate([[0.0], incidence[:-1]]),
    )


def _score(course: _Course, *, rho: float) -> tuple[Floats, Floats]:
    """Score of each group, and their covariance under a common cumulative incidence."""
    n, own, other = course.at_risk, course.own, course.other
    first = own.sum(axis=1)
    usable = course.survival_before > 0.0
    inflated = np.where(usable, n / np.where(usable, course.survival_before, 1.0), 0.0)
    total = inflated.sum(axis=1)
    risk = inflated * (1.0 - course.incidence_before)
    # The cumulative incidence that the groups have in common where they do not differ.
    step = first / total
    after = 1.0 - np.cumsum(step)
    before = after + step
    weight = before**rho
    share = risk / np.where(risk.sum(axis=1) > 0.0, risk.sum(axis=1), 1.0)[:, None]
    score = weight @ (own - first[:, None] * share)
    # How an event of group k on a day moves the score of group i: shape (days, i, k).
    size = n.shape[1]
    direct = inflated[:, :, None] * (np.eye(size) - (inflated / total[:, None])[:, None, :])
    direct *= weight[:, None, None]
    odds = np.divide(step, before, out=np.zeros_like(step), where=before > 0.0)
    passed = np.cumsum(direct * odds[:, None, None], axis=0)
    later = passed[-1] - passed
    alive = course.survival > 0.0
    ratio = np.where(alive, after[:, None] / np.where(alive, course.survival, 1.0), 0.0)
    by_own = direct + (1.0 - ratio)[:, None, :] * later
    by_other = ratio[:, None, :] * later
    safe = np.maximum(n, 1.0)
    pooled = np.maximum(total[:, None] * course.survival_before - 1.0, 1e-300)
    fewer = np.where(first[:, None] > 1.0, 1.0 - (first[:, None] - 1.0) / pooled, 1.0)
    own_variance = fewer * course.survival_before * step[:, None] / safe * (n > 0.0)
    apart = np.where(other > 1.0, 1.0 - (other - 1.0) / np.maximum(n - 1.0, 1.0), 1.0)
    other_variance = apart * course.survival_before**2 * other / safe**2
    covariance = np.einsum("tik,tjk,tk->ij", by_own, by_own, own_variance)
    covariance += np.einsum("tik,tjk,tk->ij", by_other, by_other, other_variance)
    return score, covariance
