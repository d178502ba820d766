"""The Cox fit of a few columns: Newton's method, its tests, its variances, its baseline.

References
----------
.. [1] Therneau & Grambsch, Modeling Survival Data, 2000, sections 3.1-3.3 and 7.2 (dfbeta and the
   robust variance). Lin & Wei, J Am Stat Assoc 84:1074, 1989.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy.special import gammaincc

from operandi.quantities.errors import DataError
from operandi.signatures.cox.likelihood import Floats, Integers
from operandi.signatures.cox.rows import (
    checked_matrix,
    checked_outcome,
    checked_vector,
    stratum_codes,
)
from operandi.signatures.data import RightCensored

_STEPS = 60
_COLLINEAR = 1e-9
"""Share of a column's information that the columns before it leave, below which it is theirs."""
_SEPARATED = 1e-4
"""Information at the optimum over that at 0, below which a coefficient runs to infinity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalTest:
    """A chi-squared test that all coefficients are 0.

    Parameters
    ----------
    statistic : float
        Chi-squared.
    degrees : int
        Of freedom.
    p : float
        Upper tail.
    """

    statistic: float
    degrees: int
    p: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BaselineHazard:
    """Cumulative hazard at the center of the predictors, after the fit's handling of ties.

    Parameters
    ----------
    days : (g,) float
        Times with events, rising.
    cumulative : (g,) float
        At and after each.
    variance : (g,) float
        Of ``cumulative`` with the coefficients held fixed.
    """

    days: Floats
    cumulative: Floats
    variance: Floats

    def at(self, days: Floats) -> Floats:
        """Cumulative hazard at days; 0 before the first event, constant after the last."""
        steps = np.concatenate(([0.0], self.cumulative))
        return np.asarray(steps[np.searchsorted(self.days, days, side="right")])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CoxFit:
    """A fitted Cox model.

    Parameters
    ----------
    names : tuple of str
        Of the columns.
    coefficients : (p,) float
        Log hazard ratios.
    center : (p,) float
        Weighted means of the columns.
    covariance : (p, p) float
        Inverse information.
    robust_covariance : (p, p) float or None
        Of the clusters, where they were given.
    loglik_null, loglik : float
        Log partial likelihood at 0 (and the offset), and at the coefficients.
    likelihood_ratio, wald, score : GlobalTest
        Of all coefficients; ``wald`` with the inverse information.
    baseline : tuple of BaselineHazard
        By stratum, in the order of their sorted labels; at ``center`` and offset 0.
    rows, events : int
        Participants and events.
    ties : str
        How tied events were handled.
    steps : int
        Newton's.
    """

    names: tuple[str, ...]
    coefficients: Floats
    center: Floats
    covariance: Floats
    robust_covariance: Floats | None
    loglik_null: float
    loglik: float
    likelihood_ratio: GlobalTest
    wald: GlobalTest
    score: GlobalTest
    baseline: tuple[BaselineHazard, ...]
    rows: int
    events: int
    ties: str
    steps: int

    @property
    def standard_errors(self) -> Floats:
        """Of the coefficients, from the inverse information."""
        return np.asarray(np.sqrt(np.diagonal(self.covariance)))

    @property
    def cautious_errors(self) -> Floats:
        """The larger of ``standard_errors`` and of the robust ones, where there are those.

        The inverse information is too small where hazards are not proportional. The sandwich is too
        small in few rows, and of rare columns far too small. Neither errs to the other side.
        """
        if self.robust_covariance is None:
            return self.standard_errors
        robust = np.sqrt(np.diagonal(self.robust_covariance))
        return np.asarray(np.maximum(self.standard_errors, robust))

    def linear_predictor(self, x: Floats) -> Floats:
        """Of rows, relative to ``center``, without offset."""
        return np.asarray((x - self.center) @ self.coefficients)

    def survival(self, x: Floats, *, days: Floats, stratum: int = 0) -> Floats:
        """Probability of no event by each of *days*, (rows, days)."""
        hazard = self.baseline[stratum].at(np.asarray(days, dtype=np.float64))
        return np.asarray(np.exp(-np.outer(np.exp(self.linear_predictor(x)), hazard)))


def fit_cox(  # noqa: PLR0913 - what a fit hangs on, each named by the caller
    outcome: RightCensored,
    x: Floats,
    *,
    ties: str = "efron",
    names: tuple[str, ...] = (),
    weights: Floats | None = None,
    strata: npt.NDArray[np.generic] | None = None,
    entry: Floats | None = None,
    offset: Floats | None = None,
    cluster: npt.NDArray[np.generic] | None = None,
) -> CoxFit:
    """Fit a Cox model by maximizing the partial likelihood.

    Parameters
    ----------
    outcome : RightCensored
        Of n rows.
    x : (n, p) float
        Without missing values; p well below the number of events.
    ties : {"efron", "breslow"}
        How tied events are handled.
    names : tuple of str, optional
        Of the columns, for refusals and the result.
    weights : (n,) float, optional
        Case weights > 0.
    strata : (n,), optional
        Labels; each stratum has a baseline of its own.
    entry : (n,) float, optional
        Days >= 0 and below ``time``: at risk in (entry, time].
    offset : (n,) float, optional
        Linear predictor that is given.
    cluster : (n,), optional
        Labels of rows that belong together, for the robust covariance; the row's number gives the
        robust covariance of independent rows.

    Raises
    ------
    DataError
        If shapes differ, values are missing, there is no event, a column does not vary or
        follows from others, or a coefficient runs to infinity (separation).
    """
    rows = _rows(outcome, x, ties=ties, weights=weights, strata=strata, entry=entry, offset=offset)
    names = names or tuple(f"column {j}" for j in range(rows.x.shape[1]))
    start = _moments_at(rows, np.zeros(rows.x.shape[1]))
    _refuse_degenerate(rows, start.information, names=names)
    beta, found, steps = _maximized(rows, start, names=names)
    covariance = np.linalg.inv(found.information) / np.outer(rows.scale, rows.scale)
    degrees = beta.size
    robust = None if cluster is None else _robust(rows, beta, covariance, cluster=cluster)
    return CoxFit(
        names=names,
        coefficients=beta / rows.scale,
        center=rows.center,
        covariance=covariance,
        robust_covariance=robust,
        loglik_null=start.loglik,
        loglik=found.loglik,
        likelihood_ratio=_chi_squared(2.0 * (found.loglik - start.loglik), degrees=degrees),
        wald=_chi_squared(float(beta @ found.information @ beta), degrees=degrees),
        score=_chi_squared(
            float(start.score @ np.linalg.solve(start.information, start.score)), degrees=degrees
        ),
        baseline=_baseline(rows, beta),
        rows=outcome.time.size,
        events=outcome.events,
        ties=ties,
        steps=steps,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Rows:
    """Rows in risk order, standardized; ``leaving`` lists them by stratum and falling entry."""

    order: Integers
    x: Floats
    center: Floats
    scale: Floats
    time: Floats
    event: Floats
    entry: Floats
    weight: Floats
    offset: Floats
    stratum: Integers
    leaving: Integers
    efron: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Moments:
    loglik: float
    score: Floats
    information: Floats


def _rows(  # noqa: PLR0913
    outcome: RightCensored,
    x: Floats,
    *,
    ties: str,
    weights: Floats | None,
    strata: npt.NDArray[np.generic] | None,
    entry: Floats | None,
    offset: Floats | None,
) -> _Rows:
    n = outcome.time.size
    checked_outcome(outcome, ties=ties)
    x = checked_matrix(x, rows=n)
    weight = checked_vector(weights, rows=n, called="Weights", default=1.0)
    start = checked_vector(entry, rows=n, called="Days of entry", default=0.0)
    given = checked_vector(offset, rows=n, called="Offsets", default=0.0)
    if weight.min() <= 0.0:
        raise DataError("Weights need numbers > 0.", remedy="Leave rows without weight out.")
    late = np.flatnonzero((start >= outcome.time) | (start < 0.0))
    if late.size:
        raise DataError(
            f"Days of entry need 0 <= entry < time; row {late[0]} enters on day "
            f"{start[late[0]]:g} and ends on day {outcome.time[late[0]]:g}."
        )
    stratum = stratum_codes(strata, rows=n)
    event = outcome.event.astype(np.float64)
    order = np.lexsort((-event, outcome.time, stratum))
    center = np.average(x, axis=0, weights=weight)
    scale = np.sqrt(np.average(np.square(x - center), axis=0, weights=weight))
    scale = np.where(scale > 1e-12 * np.maximum(1.0, np.abs(center)), scale, 0.0)
    centered = (x - center) / np.where(scale > 0.0, scale, 1.0)
    return _Rows(
        order=order,
        x=np.ascontiguousarray(centered[order]),
        center=center,
        scale=scale,
        time=outcome.time[order],
        event=event[order],
        entry=start[order],
        weight=weight[order],
        offset=given[order],
        stratum=stratum[order],
        leaving=np.lexsort((-start[order], stratum[order])),
        efron=ties == "efron",
    )


def _moments_at(rows: _Rows, beta: Floats) -> _Moments:
    loglik, score, information = _moments(
        rows.x,
        rows.offset + rows.x @ beta,
        rows.time,
        rows.event,
        rows.entry,
        rows.weight,
        rows.stratum,
        rows.leaving,
        rows.efron,
    )
    return _Moments(loglik=loglik, score=score, information=information)


@njit(cache=True, nogil=True, error_model="numpy")
def _moments(  # noqa: C901, PLR0912, PLR0913, PLR0917 - one pass over the sets
    x: Floats,
    eta: Floats,
    time: Floats,
    event: Floats,
    entry: Floats,
    weight: Floats,
    stratum: Integers,
    leaving: Integers,
    efron: bool,  # noqa: FBT001
) -> tuple[float, Floats, Floats]:
    """Log partial likelihood, its gradient, and its negative Hessian, in one pass."""
    n, p = x.shape
    top = eta.max()
    hazard = weight * np.exp(eta - top)
    total, score, information = 0.0, np.zeros(p), np.zeros((p, p))
    s0, s1, s2 = 0.0, np.zeros(p), np.zeros((p, p))
    left = n - 1
    row = n - 1
    while row >= 0:
        if row == n - 1 or stratum[row] != stratum[row + 1]:
            s0, s1[:], s2[:, :] = 0.0, 0.0, 0.0
            left = row
            while left > 0 and stratum[left - 1] == stratum[row]:
                left -= 1
        day, tier = time[row], stratum[row]
        deaths, mass = 0, 0.0
        t0, t1, t2 = 0.0, np.zeros(p), np.zeros((p, p))
        while row >= 0 and stratum[row] == tier and time[row] == day:
            h = hazard[row]
            s0 += h
            for a in range(p):
                s1[a] += h * x[row, a]
                for b in range(a + 1):
                    s2[a, b] += h * x[row, a] * x[row, b]
            if event[row] > 0.0:
                deaths += 1
                mass += weight[row]
                total += weight[row] * (eta[row] - top)
                t0 += h
                for a in range(p):
                    score[a] += weight[row] * x[row, a]
                    t1[a] += h * x[row, a]
                    for b in range(a + 1):
                        t2[a, b] += h * x[row, a] * x[row, b]
            row -= 1
        if deaths == 0:
            continue
        while left < n and stratum[leaving[left]] == tier and entry[leaving[left]] >= day:
            out = leaving[left]
            h = hazard[out]
            s0 -= h
            for a in range(p):
                s1[a] -= h * x[out, a]
                for b in range(a + 1):
                    s2[a, b] -= h * x[out, a] * x[out, b]
            left += 1
        for k in range(deaths):
            share = k / deaths if efron else 0.0
            each = mass / deaths
            phi = s0 - share * t0
            total -= each * np.log(phi)
            for a in range(p):
                mean_a = (s1[a] - share * t1[a]) / phi
                score[a] -= each * mean_a
                for b in range(a + 1):
                    mean_b = (s1[b] - share * t1[b]) / phi
                    square = (s2[a, b] - share * t2[a, b]) / phi
                    information[a, b] += each * (square - mean_a * mean_b)
    for a in range(p):
        for b in range(a):
            information[b, a] = information[a, b]
    return total, score, information


def _refuse_degenerate(rows: _Rows, information: Floats, *, names: tuple[str, ...]) -> None:
    """Refuse columns that do not vary in any risk set, or that the columns before them make up."""
    if len(names) != rows.x.shape[1]:
        raise DataError(f"{rows.x.shape[1]} columns need as many names; found {len(names)}.")
    size = np.diagonal(information)
    dull = np.flatnonzero((rows.scale == 0.0) | (size < 1e-9 * max(float(size.max()), 1e-9)))
    if dull.size:
        raise DataError(
            f"{names[dull[0]]} needs different values among those at risk; found one.",
            remedy="Leave the column out.",
        )
    left = information / np.sqrt(np.outer(size, size))
    for j in range(size.size):
        if left[j, j] < _COLLINEAR:
            raise DataError(
                f"{names[j]} needs information of its own; it follows from the columns before it.",
                remedy="Leave one of the duplicated or dependent columns out.",
            )
        left = left - np.outer(left[:, j], left[j]) / left[j, j]


def _maximized(
    rows: _Rows, start: _Moments, *, names: tuple[str, ...]
) -> tuple[Floats, _Moments, int]:
    """Coefficients of standardized columns by Newton with halving."""
    at_zero = np.diagonal(np.linalg.inv(start.information))
    beta, here = np.zeros(start.score.size), start
    for steps in range(1, _STEPS + 1):
        _refuse_separated(here.information, at_zero, names=names)
        move = np.linalg.solve(here.information, here.score)
        new = _moments_at(rows, beta + move)
        while not new.loglik >= here.loglik - 1e-10 * abs(here.loglik) - 1e-12:
            move = move / 2.0
            new = _moments_at(rows, beta + move)
        beta, here = beta + move, new
        if np.abs(move).max() < 1e-9:
            _refuse_separated(here.information, at_zero, names=names)
            return beta, here, steps
    raise DataError(
        f"The fit needs {_STEPS} steps at most; it did not settle.",
        remedy="Penalize the model, or leave columns out.",
    )


def _refuse_separated(information: Floats, at_zero: Floats, *, names: tuple[str, ...]) -> None:
    """Refuse once the information on a coefficient has all but gone: it runs to infinity."""
    size = np.sqrt(np.maximum(np.diagonal(information), 0.0))
    worst = int(np.argmin(size * np.sqrt(at_zero)))
    if np.isfinite(size).all() and size.min() > 0.0:
        grown = np.diagonal(np.linalg.pinv(information, hermitian=True)) / at_zero
        worst = int(np.argmax(grown))
        if grown[worst] < 1.0 / _SEPARATED and np.linalg.cond(information) < 1e14:
            return
    raise DataError(
        f"{names[worst]} separates those with earlier events from the others, alone or with the "
        "other columns: its coefficient has no finite estimate.",
        remedy="Penalize it (cox_path), or leave it out.",
    )


def _chi_squared(statistic: float, *, degrees: int) -> GlobalTest:
    upper = float(gammaincc(degrees / 2.0, max(statistic, 0.0) / 2.0))
    return GlobalTest(statistic=statistic, degrees=degrees, p=upper)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Tied:
    """A group of tied events: who is at risk, who has the event, and each denominator."""

    day: float
    stratum: int
    at_risk: npt.NDArray[np.bool_]
    tied: npt.NDArray[np.bool_]
    each: float
    share: Floats
    phi: Floats


def _groups(rows: _Rows, hazard: Floats) -> list[_Tied]:
    found = []
    for stratum in np.unique(rows.stratum):
        here = rows.stratum == stratum
        for day in np.unique(rows.time[here & (rows.event > 0.0)]):
            at_risk = here & (rows.time >= day) & (rows.entry < day)
            tied = here & (rows.time == day) & (rows.event > 0.0)
            deaths = int(np.count_nonzero(tied))
            share = np.arange(deaths) / deaths if rows.efron else np.zeros(deaths)
            phi = hazard[at_risk].sum() - share * hazard[tied].sum()
            found.append(
                _Tied(
                    day=float(day),
                    stratum=int(stratum),
                    at_risk=at_risk,
                    tied=tied,
                    each=float(rows.weight[tied].sum()) / deaths,
                    share=share,
                    phi=phi,
                )
            )
    return found


def _baseline(rows: _Rows, beta: Floats) -> tuple[BaselineHazard, ...]:
    groups = _groups(rows, rows.weight * np.exp(rows.offset + rows.x @ beta))
    found = []
    for stratum in range(int(rows.stratum.max()) + 1):
        own = [group for group in groups if group.stratum == stratum]
        found.append(
            BaselineHazard(
                days=np.array([group.day for group in own]),
                cumulative=np.cumsum([group.each * (1.0 / group.phi).sum() for group in own]),
                variance=np.cumsum([group.each * (1.0 / group.phi**2).sum() for group in own]),
            )
        )
    return tuple(found)


def _robust(
    rows: _Rows,
    beta: Floats,
    covariance: Floats,
    *,
    cluster: npt.NDArray[np.generic],
) -> Floats:
    """Sandwich of the score residuals, summed within clusters."""
    labels = stratum_codes(cluster, rows=rows.time.size)[rows.order]
    risk = np.exp(rows.offset + rows.x @ beta)
    residual = np.zeros_like(rows.x)
    for group in _groups(rows, rows.weight * risk):
        weighted = (rows.weight * risk)[:, None] * rows.x
        s1, t1 = weighted[group.at_risk].sum(axis=0), weighted[group.tied].sum(axis=0)
        for share, phi in zip(group.share, group.phi, strict=True):
            mean = (s1 - share * t1) / phi
            away = rows.x - mean
            residual[group.tied] += away[group.tied] / group.share.size
            part = group.at_risk - share * group.tied
            residual -= (group.each / phi * part * risk)[:, None] * away
    summed = np.zeros((int(labels.max()) + 1, rows.x.shape[1]))
    np.add.at(summed, labels, rows.weight[:, None] * residual * rows.scale)
    change = summed @ covariance
    return np.asarray(change.T @ change)
