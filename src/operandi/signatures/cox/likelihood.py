"""The partial likelihood of sorted rows: value, residuals, and products with its exact Hessian.

Rows stand sorted by stratum, then time, events before censorings (``risk_order``). With
``w = exp(eta)``, a group *g* of *d* tied events *D* and its risk set *R*, the log partial
likelihood is ``sum_D eta - sum_k log(phi_k)`` with ``phi_k = sum_R w - (k/d) sum_D w``, where
``k = 0 ... d-1`` after Efron and ``k = 0`` *d* times after Breslow. Everything below is O(n) by
cumulative sums over the risk sets, which are nested.

References
----------
.. [1] Efron, J Am Stat Assoc 72:557, 1977. Breslow, Biometrics 30:89, 1974.
.. [2] Therneau & Grambsch, Modeling Survival Data, 2000, section 3.3.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


class RiskSets(NamedTuple):
    """Groups of tied events of sorted rows.

    Parameters
    ----------
    first : (g,) int
        First row of the group: its risk set is ``first:end``, its events ``first:first + deaths``.
    deaths : (g,) int
        Tied events.
    end : (g,) int
        Row after the last of the stratum.
    """

    first: Integers
    deaths: Integers
    end: Integers


class Curvature(NamedTuple):
    """What one evaluation leaves behind: residuals, and what products with the Hessian need.

    Parameters
    ----------
    hazard : (n,) float
        exp(eta), up to a factor that cancels.
    diagonal : (n,) float
        Expected events of each row.
    residual : (n,) float
        Observed minus expected events: the gradient of the log likelihood in eta.
    inverse : (5, g) float
        Sums over *k* of ``1/phi``, ``(k/d)/phi``, ``1/phi**2``, ``(k/d)/phi**2``,
        ``(k/d)**2/phi**2``.
    """

    hazard: Floats
    diagonal: Floats
    residual: Floats
    inverse: Floats


@njit(cache=True, nogil=True, error_model="numpy")
def risk_order(time: Floats, event: Floats, stratum: Integers) -> Integers:
    """Sort rows by stratum, time, and events before censorings; equal rows keep their order."""
    order = np.argsort(-event, kind="mergesort")
    order = order[np.argsort(time[order], kind="mergesort")]
    return order[np.argsort(stratum[order], kind="mergesort")]


@njit(cache=True, nogil=True, error_model="numpy")
def risk_sets(time: Floats, event: Floats, stratum: Integers) -> RiskSets:
    """Find the groups of tied events among rows in ``risk_order``."""
    n = time.size
    first = np.empty(n, np.int64)
    deaths = np.empty(n, np.int64)
    end = np.empty(n, np.int64)
    groups = 0
    last = n
    for i in range(n - 1, -1, -1):
        if i < n - 1 and stratum[i] != stratum[i + 1]:
            last = i + 1
        if event[i] == 0.0:
            continue
        tied = groups > 0 and end[groups - 1] == last and time[first[groups - 1]] == time[i]
        if tied:
            first[groups - 1] = i
            deaths[groups - 1] += 1
        else:
            first[groups], deaths[groups], end[groups] = i, 1, last
            groups += 1
    return RiskSets(
        first[:groups][::-1].copy(), deaths[:groups][::-1].copy(), end[:groups][::-1].copy()
    )


@njit(cache=True, nogil=True, error_model="numpy")
def blank_curvature(rows: int, groups: int) -> Curvature:
    """Memory for an evaluation, to be filled."""
    return Curvature(np.zeros(rows), np.zeros(rows), np.zeros(rows), np.zeros((5, groups)))


@njit(cache=True, nogil=True, error_model="numpy")
def log_partial_likelihood(eta: Floats, event: Floats, risk: RiskSets, efron: bool) -> float:  # noqa: FBT001
    """Log partial likelihood alone, of rows in ``risk_order``."""
    top = eta.max()
    total, s0 = 0.0, 0.0
    row = -1
    for g in range(risk.first.size - 1, -1, -1):
        if g == risk.first.size - 1 or risk.end[g] != risk.end[g + 1]:
            s0, row = 0.0, risk.end[g]
        while row > risk.first[g]:
            row -= 1
            s0 += np.exp(eta[row] - top)
        d = risk.deaths[g]
        tied = 0.0
        for i in range(risk.first[g], risk.first[g] + d):
            total += eta[i] - top
            tied += np.exp(eta[i] - top)
        for k in range(d):
            total -= np.log(s0 - (k / d) * tied if efron else s0)
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def evaluate(eta: Floats, event: Floats, risk: RiskSets, efron: bool, out: Curvature) -> float:  # noqa: FBT001
    """Log partial likelihood, leaving residuals and curvature in *out*."""
    hazard, inverse = out.hazard, out.inverse
    top = eta.max()
    for i in range(eta.size):
        hazard[i] = np.exp(eta[i] - top)
    inverse[:] = 0.0
    total, s0 = 0.0, 0.0
    row = -1
    for g in range(risk.first.size - 1, -1, -1):
        if g == risk.first.size - 1 or risk.end[g] != risk.end[g + 1]:
            s0, row = 0.0, risk.end[g]
        while row > risk.first[g]:
            row -= 1
            s0 += hazard[row]
        d = risk.deaths[g]
        tied = 0.0
        for i in range(risk.first[g], risk.first[g] + d):
            total += eta[i] - top
            tied += hazard[i]
        for k in range(d):
            share = k / d if efron else 0.0
            phi = s0 - share * tied
            if phi * phi <= 0.0:
                # Underflow on the way to infinity, under separation: no step may go so far.
                return -np.inf
            total -= np.log(phi)
            inverse[0, g] += 1.0 / phi
            inverse[1, g] += share / phi
            inverse[2, g] += 1.0 / (phi * phi)
            inverse[3, g] += share / (phi * phi)
            inverse[4, g] += share * share / (phi * phi)
    _spread(risk, inverse[0], inverse[1], out.diagonal)
    for i in range(eta.size):
        out.diagonal[i] *= hazard[i]
        out.residual[i] = event[i] - out.diagonal[i]
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def _spread(risk: RiskSets, to_set: Floats, from_events: Floats, out: Floats) -> None:
    """Give each row the sum over the groups whose risk set holds it, less what its own takes."""
    groups = risk.first.size
    out[:] = 0.0
    total = 0.0
    for g in range(groups):
        if g > 0 and risk.end[g] != risk.end[g - 1]:
            total = 0.0
        total += to_set[g]
        stop = risk.end[g]
        if g < groups - 1 and risk.end[g + 1] == risk.end[g]:
            stop = risk.first[g + 1]
        for i in range(risk.first[g], stop):
            out[i] = total
        for i in range(risk.first[g], risk.first[g] + risk.deaths[g]):
            out[i] -= from_events[g]


@njit(cache=True, nogil=True, error_model="numpy")
def hessian_product(column: Floats, risk: RiskSets, at: Curvature, out: Floats) -> None:
    """Multiply a vector by the negative Hessian in eta, exactly, in O(n).

    Parameters
    ----------
    column : (n,) float
        The vector.
    risk : RiskSets
        Of the rows; without groups the Hessian is the diagonal of *at*.
    at : Curvature
        Left by ``evaluate``.
    out : (n,) float
        The product.
    """
    groups = risk.first.size
    to_set, from_events = np.empty(groups), np.empty(groups)
    s1 = 0.0
    row = -1
    for g in range(groups - 1, -1, -1):
        if g == groups - 1 or risk.end[g] != risk.end[g + 1]:
            s1, row = 0.0, risk.end[g]
        while row > risk.first[g]:
            row -= 1
            s1 += at.hazard[row] * column[row]
        t1 = 0.0
        for i in range(risk.first[g], risk.first[g] + risk.deaths[g]):
            t1 += at.hazard[i] * column[i]
        to_set[g] = at.inverse[2, g] * s1 - at.inverse[3, g] * t1
        from_events[g] = at.inverse[3, g] * s1 - at.inverse[4, g] * t1
    _spread(risk, to_set, from_events, out)
    for i in range(column.size):
        out[i] = at.diagonal[i] * column[i] - at.hazard[i] * out[i]


@njit(cache=True, nogil=True, error_model="numpy")
def hessian_products(  # noqa: C901, PLR0912 - two passes over the risk sets, by columns
    x: Floats, risk: RiskSets, at: Curvature, out: Floats
) -> None:
    """``hessian_product`` of every column of *x* (n, m) at once, in rows: it vectorizes."""
    n, m = x.shape
    groups = risk.first.size
    to_set, from_events = np.empty((groups, m)), np.empty((groups, m))
    s1, t1 = np.zeros(m), np.empty(m)
    row = -1
    for g in range(groups - 1, -1, -1):
        if g == groups - 1 or risk.end[g] != risk.end[g + 1]:
            s1[:] = 0.0
            row = risk.end[g]
        while row > risk.first[g]:
            row -= 1
            hazard, line = at.hazard[row], x[row]
            for j in range(m):
                s1[j] += hazard * line[j]
        t1[:] = 0.0
        for i in range(risk.first[g], risk.first[g] + risk.deaths[g]):
            hazard, line = at.hazard[i], x[i]
            for j in range(m):
                t1[j] += hazard * line[j]
        a, b, c = at.inverse[2, g], at.inverse[3, g], at.inverse[4, g]
        set_row, event_row = to_set[g], from_events[g]
        for j in range(m):
            set_row[j] = a * s1[j] - b * t1[j]
            event_row[j] = b * s1[j] - c * t1[j]
    for i in range(n):
        diagonal, line, to = at.diagonal[i], x[i], out[i]
        for j in range(m):
            to[j] = diagonal * line[j]
    s1[:] = 0.0
    for g in range(groups):
        if g > 0 and risk.end[g] != risk.end[g - 1]:
            s1[:] = 0.0
        set_row, event_row = to_set[g], from_events[g]
        for j in range(m):
            s1[j] += set_row[j]
        stop = risk.end[g]
        if g < groups - 1 and risk.end[g + 1] == risk.end[g]:
            stop = risk.first[g + 1]
        for i in range(risk.first[g], stop):
            hazard, to = at.hazard[i], out[i]
            for j in range(m):
                to[j] -= hazard * s1[j]
        for i in range(risk.first[g], risk.first[g] + risk.deaths[g]):
            hazard, to = at.hazard[i], out[i]
            for j in range(m):
                to[j] += hazard * event_row[j]
