"""Elastic-net paths by proximal Newton on a working set, compiled, for survival and for yes/no.

At each penalty: columns that are nonzero or that the sequential strong rule keeps form the
working set; a quadratic model with the exact Hessian is minimized by coordinate descent on Gram
rows made only where a coefficient moves; steps are halved until the objective falls; then every
column is checked against the optimality conditions, and those that violate them come in.

The objective is ``-loglik/n + lambda * sum_j f_j (a |b_j| + (1 - a)/2 b_j**2)`` with penalty
factors *f*, which are not rescaled, and l1 ratio *a*.

References
----------
.. [1] Simon et al., J Stat Softw 39(5), 2011. Tibshirani et al., J R Stat Soc B 74:245, 2012
   (strong rules). Lee, Sun & Saunders, SIAM J Optim 24:1420, 2014 (proximal Newton).
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from operandi.quantities.errors import DataError
from operandi.signatures.cox.likelihood import (
    Curvature,
    Floats,
    Integers,
    RiskSets,
    blank_curvature,
    evaluate,
    hessian_product,
    hessian_products,
)

_NEWTON_STEPS = 50
_SWEEPS = 2000
_SEPARATED = 1e-4
"""Information over that at 0, below which an unpenalized coefficient runs to infinity."""
_STEADY = 3
"""Rounds without a turn of sign before a sign pattern is solved for."""


class PathSettings(NamedTuple):
    """How a path is run; the analysis plan fixes it.

    Parameters
    ----------
    l1_ratio : float
        *a* in [0, 1]: 1 is the lasso, 0 ridge.
    penalties : int
        Length of the sequence of penalties, where none is given.
    smallest : float
        Last penalty over the first, in (0, 1).
    support_cap : int
        The path ends before more penalized coefficients than this are nonzero; 0: no cap.
    tolerance : float
        Largest violation of the optimality conditions, over the penalty.
    efron : bool
        Ties after Efron, else Breslow.
    keep : int
        Penalized columns kept by the score test of the training part; 0: all.
    logistic : bool
        Yes/no instead of survival: times are then one constant, and concordance is the AUC.
    """

    l1_ratio: float = 0.9
    penalties: int = 50
    smallest: float = 0.1
    support_cap: int = 0
    tolerance: float = 1e-4
    efron: bool = True
    keep: int = 0
    logistic: bool = False


class Problem(NamedTuple):
    """Standardized rows with their outcome; survival's rows stand in ``risk_order``.

    Parameters
    ----------
    design : (n, p) float
        C-contiguous.
    outcome : (n,) float
        1 where the event was seen.
    offset : (n,) float
        Added to the linear predictor.
    risk : RiskSets
        Without groups where ``logistic``.
    logistic : bool
        Yes/no instead of survival; an intercept is then an unpenalized column of ones.
    """

    design: Floats
    outcome: Floats
    offset: Floats
    risk: RiskSets
    logistic: bool


class SparsePath(NamedTuple):
    """Coefficients of the standardized columns along the penalties.

    Parameters
    ----------
    penalties : (l,) float
        From the largest down.
    columns, values : (l, m)
        Which columns are nonzero (or unpenalized) and their coefficients: the first ``counts``.
    counts : (l,) int
        As above.
    loglik : (l,) float
        Of the training rows.
    violation : (l,) float
        Largest violation of the optimality conditions over all columns, over the penalty (over 1
        where the penalty is 0).
    reached : int
        Penalties solved; fewer than *l* where the support cap ended the path, or the solver
        could not reach the tolerance.
    ending : int
        0 all solved, 1 the cap, 2 the solver (as under separation of unpenalized columns).
    """

    penalties: Floats
    columns: Integers
    values: Floats
    counts: Integers
    loglik: Floats
    violation: Floats
    reached: int
    ending: int


@njit(cache=True, nogil=True, error_model="numpy")
def _loss(problem: Problem, eta: Floats, efron: bool, out: Curvature) -> float:  # noqa: FBT001
    """Negative log likelihood over n, leaving residuals and curvature."""
    if not problem.logistic:
        return -evaluate(eta, problem.outcome, problem.risk, efron, out) / eta.size
    total = 0.0
    for i in range(eta.size):
        small = np.exp(-abs(eta[i]))
        chance = 1.0 / (1.0 + small) if eta[i] >= 0.0 else small / (1.0 + small)
        total += max(eta[i], 0.0) + np.log1p(small) - problem.outcome[i] * eta[i]
        out.residual[i] = problem.outcome[i] - chance
        out.diagonal[i] = small / ((1.0 + small) * (1.0 + small))
    return total / eta.size


@njit(cache=True, nogil=True, error_model="numpy")
def column_sums(design: Floats, residual: Floats, out: Floats) -> None:
    """``design.T @ residual / n``; four rows at a time, which vectorizes without fastmath."""
    n, p = design.shape
    out[:] = 0.0
    i = 0
    while i + 4 <= n:
        a, b, c, d = residual[i] / n, residual[i + 1] / n, residual[i + 2] / n, residual[i + 3] / n
        r0, r1, r2, r3 = design[i], design[i + 1], design[i + 2], design[i + 3]
        for j in range(p):
            out[j] += (r0[j] * a + r1[j] * b) + (r2[j] * c + r3[j] * d)
        i += 4
    while i < n:
        a, r0 = residual[i] / n, design[i]
        for j in range(p):
            out[j] += r0[j] * a
        i += 1


@njit(cache=True, nogil=True, error_model="numpy")
def _off_optimum(score: float, value: float, l1: float) -> float:
    """Violation of the optimality condition of one coefficient; ridge is in *score* already."""
    if value > 0.0:
        return abs(score - l1)
    if value < 0.0:
        return abs(score + l1)
    return max(abs(score) - l1, 0.0)


class _Working(NamedTuple):
    """Columns at work, by row and by column, with their penalties."""

    by_row: Floats
    by_column: Floats
    l1: Floats
    l2: Floats


@njit(cache=True, nogil=True, error_model="numpy")
def _gathered(design: Floats, columns: Integers, l1: Floats, l2: Floats) -> _Working:
    n = design.shape[0]
    by_row = np.empty((n, columns.size))
    by_column = np.empty((columns.size, n))
    for i in range(n):
        for k in range(columns.size):
            by_row[i, k] = design[i, columns[k]]
            by_column[k, i] = by_row[i, k]
    return _Working(by_row, by_column, l1[columns], l2[columns])


class _Model(NamedTuple):
    """The penalized quadratic over a set of columns: ``b'Gb/2 - c'b + l1|b| + l2 b**2/2``."""

    gram: Floats
    pull: Floats
    l1: Floats
    l2: Floats
    inverse: Floats


@njit(cache=True, nogil=True, error_model="numpy")
def _sweep(model: _Model, value: Floats, slope: Floats) -> tuple[float, bool]:
    """One round of coordinate descent; *slope* is c - Gb.

    Returns the largest move of a slope, and whether a coefficient became or ceased to be 0.
    """
    largest, turned = 0.0, False
    for k in range(value.size):
        if model.inverse[k] == 0.0:
            continue
        pull = slope[k] + model.gram[k, k] * value[k]
        new = max(abs(pull) - model.l1[k], 0.0) * model.inverse[k]
        if pull < 0.0:
            new = -new
        move = new - value[k]
        if move == 0.0:
            continue
        turned = turned or new * value[k] <= 0.0
        value[k] = new
        row = model.gram[k]
        for j in range(value.size):
            slope[j] -= row[j] * move
        largest = max(largest, abs(move) / model.inverse[k])
    return largest, turned


@njit(cache=True, nogil=True, error_model="numpy")
def _solve_signs(model: _Model, value: Floats) -> bool:  # noqa: C901 - a Cholesky
    """Solve for the nonzero coefficients with their signs held, by Cholesky.

    Returns False, leaving *value*, where the matrix is not positive definite or a sign turns.
    """
    inside = np.flatnonzero(value)
    size = inside.size
    root, right = np.empty((size, size)), np.empty(size)
    for a in range(size):
        k = inside[a]
        right[a] = model.pull[k] - model.l1[k] * np.sign(value[k])
        for b in range(a, size):
            root[a, b] = model.gram[k, inside[b]]
        root[a, a] += model.l2[k]
    for a in range(size):
        row = root[a]
        if row[a] <= 1e-10 * model.gram[inside[a], inside[a]]:
            return False
        pivot = np.sqrt(row[a])
        for b in range(a, size):
            row[b] /= pivot
        right[a] /= pivot
        for c in range(a + 1, size):
            share, below, above = row[c], root[c, c:], row[c:]
            right[c] -= share * right[a]
            for b in range(size - c):
                below[b] -= share * above[b]
    for a in range(size - 1, -1, -1):
        for b in range(a + 1, size):
            right[a] -= root[a, b] * right[b]
        right[a] /= root[a, a]
    for a in range(size):
        k = inside[a]
        if model.l1[k] > 0.0 and right[a] * value[k] <= 0.0:
            return False
    value[inside] = right
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def _descended(model: _Model, value: Floats, enough: float) -> None:
    """Minimize the model in place: rounds of descent, then the exact solution for their signs."""
    slope = model.pull - _times(model.gram, value)
    steady, wait = 0, _STEADY
    for _ in range(_SWEEPS):
        largest, turned = _sweep(model, value, slope)
        if largest <= enough:
            return
        steady = 0 if turned else steady + 1
        if steady >= wait:
            # A sign pattern that has settled is worth a Cholesky; one that turned is not, yet.
            wait = _STEADY if _solve_signs(model, value) else 4 * wait
            steady = 0
            slope = model.pull - _times(model.gram, value)


@njit(cache=True, nogil=True, error_model="numpy")
def _times(gram: Floats, value: Floats) -> Floats:
    """Multiply a symmetric matrix by a vector, by rows: it vectorizes."""
    out = np.zeros(value.size)
    for k in range(value.size):
        if value[k] != 0.0:
            row, weight = gram[k], value[k]
            for j in range(value.size):
                out[j] += weight * row[j]
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def _model_minimum(
    problem: Problem, work: _Working, at: Curvature, score: Floats, start: Floats, enough: float
) -> Floats:
    """Coefficients that minimize the penalized quadratic model around *start*."""
    n, m = work.by_row.shape
    value, now = start.copy(), score.copy()
    active = np.zeros(m, np.bool_)
    along, product, fall = np.empty(n), np.empty(n), np.empty(m)
    while True:
        more = False
        for k in range(m):
            if not active[k] and (value[k] != 0.0 or abs(now[k]) > work.l1[k] + enough):
                active[k] = True
                more = True
        if not more:
            return value
        inside = np.flatnonzero(active)
        model = _model(problem, work, at, inside, score, start)
        found = value[inside]
        _descended(model, found, enough)
        value[inside] = found
        along[:] = 0.0
        for one in inside:
            move = value[one] - start[one]
            if move != 0.0:
                column = work.by_column[one]
                for i in range(n):
                    along[i] += column[i] * move
        hessian_product(along, problem.risk, at, product)
        column_sums(work.by_row, product, fall)
        for k in range(m):
            now[k] = score[k] - fall[k]


@njit(cache=True, nogil=True, error_model="numpy")
def _model(  # noqa: C901, PLR0912 - loops over rows and columns
    problem: Problem,
    work: _Working,
    at: Curvature,
    inside: Integers,
    score: Floats,
    start: Floats,
) -> _Model:
    """The quadratic model over some columns, with their Gram matrix under the exact Hessian."""
    n, size = at.diagonal.size, inside.size
    x, product = np.empty((n, size)), np.empty((n, size))
    for i in range(n):
        for a in range(size):
            x[i, a] = work.by_row[i, inside[a]]
    hessian_products(x, problem.risk, at, product)
    gram = np.zeros((size, size))
    for i in range(0, n - n % 4, 4):
        p0, p1, p2, p3 = product[i], product[i + 1], product[i + 2], product[i + 3]
        for a in range(size):
            w0, w1, w2, w3, row = x[i, a], x[i + 1, a], x[i + 2, a], x[i + 3, a], gram[a]
            for b in range(a + 1):
                row[b] += (w0 * p0[b] + w1 * p1[b]) + (w2 * p2[b] + w3 * p3[b])
    for i in range(n - n % 4, n):
        for a in range(size):
            w0, row, p0 = x[i, a], gram[a], product[i]
            for b in range(a + 1):
                row[b] += w0 * p0[b]
    pull = np.empty(size)
    for a in range(size):
        for b in range(a + 1):
            gram[a, b] /= n
            gram[b, a] = gram[a, b]
    for a in range(size):
        pull[a] = score[inside[a]]
        for b in range(size):
            pull[a] += gram[a, b] * start[inside[b]]
    l1, l2 = work.l1[inside], work.l2[inside]
    inverse = np.zeros(size)
    for a in range(size):
        if gram[a, a] + l2[a] > 1e-14:
            inverse[a] = 1.0 / (gram[a, a] + l2[a])
    return _Model(gram, pull, l1, l2, inverse)


@njit(cache=True, nogil=True, error_model="numpy")
def _penalty(work: _Working, value: Floats) -> float:
    total = 0.0
    for k in range(value.size):
        total += work.l1[k] * abs(value[k]) + 0.5 * work.l2[k] * value[k] * value[k]
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def _stepped(  # noqa: PLR0913, PLR0917
    problem: Problem,
    work: _Working,
    value: Floats,
    target: Floats,
    eta: Floats,
    slope: float,
    loss: float,
    efron: bool,  # noqa: FBT001
    at: Curvature,
) -> float:
    """Move towards *target*, halving until the objective falls; returns the new loss, or nan."""
    along = np.zeros(eta.size)
    for k in range(value.size):
        move = target[k] - value[k]
        if move != 0.0:
            column = work.by_column[k]
            for i in range(eta.size):
                along[i] += column[i] * move
    before = loss + _penalty(work, value)
    step = 1.0
    while step > 1e-9:
        trial = value + step * (target - value)
        new = _loss(problem, eta + step * along, efron, at)
        # The last term: near the optimum the fall is below what doubles can tell.
        if new + _penalty(work, trial) <= before + 1e-4 * step * slope + 1e-14 * abs(before):
            value[:] = trial
            eta += step * along
            return new
        step *= 0.5
    return np.nan


@njit(cache=True, nogil=True, error_model="numpy")
def _fit_working_set(
    problem: Problem,
    work: _Working,
    value: Floats,
    eta: Floats,
    within: float,
    efron: bool,  # noqa: FBT001
) -> tuple[float, float, Curvature]:
    """Minimize over the working set in place; returns the violation, the loss, the curvature."""
    at = blank_curvature(eta.size, problem.risk.first.size)
    loss = _loss(problem, eta, efron, at)
    score = np.empty(value.size)
    violation = np.inf
    for _ in range(_NEWTON_STEPS):
        column_sums(work.by_row, at.residual, score)
        violation = 0.0
        for k in range(value.size):
            bare = score[k] - work.l2[k] * value[k]
            violation = max(violation, _off_optimum(bare, value[k], work.l1[k]))
        if violation <= within:
            break
        target = _model_minimum(problem, work, at, score, value, 0.3 * within)
        slope = 0.0
        for k in range(value.size):
            slope -= (score[k] - work.l2[k] * value[k]) * (target[k] - value[k])
            slope += work.l1[k] * (abs(target[k]) - abs(value[k]))
        new = _stepped(problem, work, value, target, eta, slope, loss, efron, at)
        if np.isnan(new):
            _loss(problem, eta, efron, at)
            break
        loss = new
    return violation, loss, at


@njit(cache=True, nogil=True, error_model="numpy")
def penalty_sequence(score: Floats, factors: Floats, settings: PathSettings) -> Floats:
    """Penalties falling by equal ratios from the smallest that keeps every coefficient at 0.

    Under ridge the first is that of an l1 ratio of 0.001.
    """
    largest = 0.0
    for j in range(score.size):
        if factors[j] > 0.0:
            largest = max(largest, abs(score[j]) / factors[j])
    if largest == 0.0:
        return np.zeros(1)
    largest /= max(settings.l1_ratio, 1e-3)
    count = settings.penalties
    steps = np.arange(count) / max(count - 1, 1)
    return largest * settings.smallest**steps


@njit(cache=True, nogil=True, error_model="numpy")
def _with_violators(
    columns: Integers, score: Floats, l1: Floats, slack: float
) -> tuple[Integers, float]:
    """Add the columns outside whose score exceeds their penalty; returns the largest excess."""
    inside = np.zeros(score.size, np.bool_)
    inside[columns] = True
    excess = 0.0
    added = 0
    for j in range(score.size):
        if not inside[j]:
            over = abs(score[j]) - l1[j]
            excess = max(excess, over)
            if over > slack:
                inside[j] = True
                added += 1
    return (np.flatnonzero(inside) if added else columns), excess


@njit(cache=True, nogil=True, error_model="numpy")
def _solved(  # noqa: PLR0913, PLR0917
    problem: Problem,
    factors: Floats,
    penalty: float,
    columns: Integers,
    beta: Floats,
    eta: Floats,
    score: Floats,
    settings: PathSettings,
) -> tuple[float, float]:
    """Solve at one penalty in place, from *columns* outwards; returns violation and loss."""
    l1 = penalty * settings.l1_ratio * factors
    l2 = penalty * (1.0 - settings.l1_ratio) * factors
    within = settings.tolerance * (penalty if penalty > 0.0 else 1.0)
    while True:
        work = _gathered(problem.design, columns, l1, l2)
        value = beta[columns]
        violation, loss, at = _fit_working_set(problem, work, value, eta, within, settings.efron)
        beta[columns] = value
        column_sums(problem.design, at.residual, score)
        wider, excess = _with_violators(columns, score, l1, within)
        if wider.size == columns.size or violation > within:
            return max(violation, excess), loss
        columns = wider


@njit(cache=True, nogil=True, error_model="numpy")
def solve_path(
    problem: Problem, factors: Floats, penalties: Floats, settings: PathSettings
) -> SparsePath:
    """Coefficients at every penalty, from the largest down.

    Parameters
    ----------
    problem : Problem
        Standardized rows.
    factors : (p,) float, >= 0
        Penalty factors; 0: not penalized.
    penalties : (l,) float
        Falling; empty: made by ``penalty_sequence`` from these rows.
    settings : PathSettings
        The rest.
    """
    p = problem.design.shape[1]
    beta, score, eta = np.zeros(p), np.empty(p), problem.offset.copy()
    free = np.flatnonzero(factors == 0.0)
    work = _gathered(problem.design, free, np.zeros(p), np.zeros(p))
    value = np.zeros(free.size)
    off, _, at = _fit_working_set(
        problem, work, value, eta, 0.01 * settings.tolerance, settings.efron
    )
    beta[free] = value
    column_sums(problem.design, at.residual, score)
    separated = _separated(problem, work, at, settings.efron)
    if penalties.size == 0:
        penalties = penalty_sequence(score, factors, settings)
    room = min(p, settings.support_cap + free.size) if settings.support_cap > 0 else p
    count = np.zeros(penalties.size, np.int64)
    chosen = np.empty((penalties.size, room), np.int64)
    values = np.empty((penalties.size, room))
    loglik, violation = np.empty(penalties.size), np.empty(penalties.size)
    reached, ending = 0, 0 if off <= settings.tolerance and not separated else 2
    before = penalties[0]
    for j in range(p):
        if factors[j] > 0.0 and settings.l1_ratio > 0.0:
            before = max(before, abs(score[j]) / (factors[j] * settings.l1_ratio))
    for step in range(penalties.size):
        if ending != 0:
            break
        penalty = penalties[step]
        columns = _strong(score, beta, factors, (2.0 * penalty - before) * settings.l1_ratio)
        off, loss = _solved(problem, factors, penalty, columns, beta, eta, score, settings)
        before = penalty
        support = np.flatnonzero((beta != 0.0) | (factors == 0.0))
        relative = off / penalty if penalty > 0.0 else off
        if support.size > room or relative > settings.tolerance:
            ending = 1 if support.size > room else 2
            break
        count[step] = support.size
        chosen[step, : support.size] = support
        values[step, : support.size] = beta[support]
        loglik[step], violation[step] = -loss * eta.size, relative
        reached += 1
    return SparsePath(penalties, chosen, values, count, loglik, violation, reached, ending)


@njit(cache=True, nogil=True, error_model="numpy")
def _separated(problem: Problem, work: _Working, at: Curvature, efron: bool) -> bool:  # noqa: FBT001
    """Whether the information on an unpenalized column has all but gone: it runs to infinity."""
    n = at.diagonal.size
    start, product = blank_curvature(n, problem.risk.first.size), np.empty(n)
    _loss(problem, problem.offset, efron, start)
    for k in range(work.l1.size):
        column = work.by_column[k]
        hessian_product(column, problem.risk, at, product)
        now = (column * product).sum()
        hessian_product(column, problem.risk, start, product)
        if now < _SEPARATED * (column * product).sum():
            return True
    return False


@njit(cache=True, nogil=True, error_model="numpy")
def _strong(score: Floats, beta: Floats, factors: Floats, bar: float) -> Integers:
    """Columns that the sequential strong rule keeps, those nonzero, and those not penalized."""
    return np.flatnonzero((beta != 0.0) | (factors == 0.0) | (np.abs(score) >= factors * bar))


def settings_of(  # noqa: PLR0913 - what an analysis plan fixes
    *,
    l1_ratio: float = 0.9,
    penalties: int = 50,
    smallest: float = 0.1,
    support_cap: int = 0,
    tolerance: float = 1e-4,
    efron: bool = True,
    keep: int = 0,
    logistic: bool = False,
) -> PathSettings:
    """Settings, checked.

    Raises
    ------
    DataError
        If one lies outside its range.
    """
    fine = {
        "l1_ratio in [0, 1]": 0.0 <= l1_ratio <= 1.0,
        "penalties >= 1": penalties >= 1,
        "smallest in (0, 1)": 0.0 < smallest < 1.0,
        "support_cap >= 0": support_cap >= 0,
        "tolerance in (0, 0.1]": 0.0 < tolerance <= 0.1,
        "keep >= 0": keep >= 0,
    }
    for needed, found in fine.items():
        if not found:
            raise DataError(f"A path needs {needed}.", remedy="Correct it in the plan.")
    return PathSettings(
        l1_ratio=float(l1_ratio),
        penalties=int(penalties),
        smallest=float(smallest),
        support_cap=int(support_cap),
        tolerance=float(tolerance),
        efron=bool(efron),
        keep=int(keep),
        logistic=bool(logistic),
    )
