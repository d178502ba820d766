"""Group-lasso Cox paths, compiled: one block after another, each by a step of Newton's kind.

A block's step minimizes a quadratic model of the loss along the block plus its penalty, exactly:
in the eigenbasis of the model's matrix it is the root of one equation for the block's length. The
matrix is the exact Hessian of the block where it was last made. It is made anew where steps had to
be halved or rounds do not end, since an eigenbasis costs as much as hundreds of steps and the
Hessian changes slowly along a path; any positive matrix ends at the same optimum. Steps are halved
until the objective itself falls, and every block is checked at the end.

References
----------
.. [1] Tseng & Yun, Math Program 117:387, 2009 (block steps in a variable metric). Qin, Scheinberg
   & Goldfarb, Math Program Comput 5:143, 2013 (the root). Conn, Gould & Toint, Trust-Region
   Methods, 2000, section 7.3 (its iteration).
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from operandi.signatures.cox.likelihood import (
    Curvature,
    Floats,
    Integers,
    RiskSets,
    blank_curvature,
    evaluate,
    hessian_products,
)
from operandi.signatures.cox.path_kernel import PathSettings

_ROUNDS = 20_000
_RENEWED = 6
"""Rounds after which a block's matrix is made anew, and then after twice as many each time."""


class Blocks(NamedTuple):
    """Sorted rows in the row spaces of their blocks of columns; b blocks, k columns in all.

    Parameters
    ----------
    design : (n * k,) float
        Block after block, each (n, its columns) by rows.
    turned : (n * k,) float
        The same, each transposed.
    edges : (b + 1,) int
        Block g has the columns ``edges[g]:edges[g + 1]``.
    factors : (b,) float
        Penalty factors; 0: not penalized.
    event, offset : (n,) float
        As of ``Problem``.
    risk : RiskSets
        Of the rows.
    """

    design: Floats
    turned: Floats
    edges: Integers
    factors: Floats
    event: Floats
    offset: Floats
    risk: RiskSets


class SolvedGroups(NamedTuple):
    """Coefficients of the reduced columns along the penalties; fields as of ``SparsePath``."""

    penalties: Floats
    coefficients: Floats
    loglik: Floats
    violation: Floats
    reached: int


class _State(NamedTuple):
    """Where the solver stands, and the matrices of its steps, in their eigenbases."""

    beta: Floats
    eta: Floats
    at: Curvature
    bend: Floats
    basis: Floats
    turned_basis: Floats
    squares: Integers
    made: Integers


@njit(cache=True, nogil=True, error_model="numpy")
def _weighted(rows: Floats, weights: Floats, out: Floats) -> None:
    """``weights @ rows``, four rows at a time: it vectorizes."""
    count, size = rows.shape
    out[:] = 0.0
    i = 0
    while i + 4 <= count:
        a, b, c, d = weights[i], weights[i + 1], weights[i + 2], weights[i + 3]
        r0, r1, r2, r3 = rows[i], rows[i + 1], rows[i + 2], rows[i + 3]
        for j in range(size):
            out[j] += (r0[j] * a + r1[j] * b) + (r2[j] * c + r3[j] * d)
        i += 4
    while i < count:
        a, r0 = weights[i], rows[i]
        for j in range(size):
            out[j] += r0[j] * a
        i += 1


@njit(cache=True, nogil=True, error_model="numpy")
def _length(vector: Floats) -> float:
    total = 0.0
    for value in vector:
        total += value * value
    return float(np.sqrt(total))


@njit(cache=True, nogil=True, error_model="numpy")
def _score(blocks: Blocks, state: _State, g: int) -> Floats:
    """Gradient of the log likelihood over n, along one block."""
    n, first, last = state.eta.size, blocks.edges[g], blocks.edges[g + 1]
    out = np.empty(last - first)
    rows = blocks.design[n * first : n * last].reshape((n, last - first))
    _weighted(rows, state.at.residual, out)
    for j in range(out.size):
        out[j] /= n
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def _off_optimum(score: Floats, beta: Floats, weight: float) -> float:
    """Violation of one block's optimality condition."""
    size = _length(beta)
    if size > 0.0:
        return _length(score - (weight / size) * beta)
    return max(_length(score) - weight, 0.0)


@njit(cache=True, nogil=True, error_model="numpy")
def _renew(blocks: Blocks, state: _State, g: int) -> None:
    """Make a block's matrix from the exact Hessian where the solver stands."""
    n, first, last = state.eta.size, blocks.edges[g], blocks.edges[g + 1]
    size = last - first
    rows = blocks.design[n * first : n * last].reshape((n, size))
    product, matrix = np.empty((n, size)), np.empty((size, size))
    hessian_products(rows, blocks.risk, state.at, product)
    turned = blocks.turned[n * first : n * last].reshape((size, n))
    for a in range(size):
        _weighted(product, turned[a], matrix[a])
    bend, basis = np.linalg.eigh(matrix / n)
    start = state.squares[g]
    for a in range(size):
        state.bend[first + a] = max(bend[a], 0.0)
        for b in range(size):
            state.basis[start + a * size + b] = basis[a, b]
            state.turned_basis[start + b * size + a] = basis[a, b]
    state.made[g] = 1


@njit(cache=True, nogil=True, error_model="numpy")
def _stretch(along: Floats, bend: Floats, weight: float) -> float:
    """The length r of a block: the root of ``|along / (bend r + weight)| = 1``.

    The inverse of the left side is concave in r, so that Newton's steps from 0 never pass it.
    """
    size = 0.0
    for _ in range(100):
        square, fall = 0.0, 0.0
        for j in range(along.size):
            under = bend[j] * size + weight
            part = along[j] / under
            square += part * part
            fall += part * part * bend[j] / under
        if fall <= 0.0:
            return 1e12
        step = (np.sqrt(square) - 1.0) * square / fall
        size = min(size + step, 1e12)
        if step <= 1e-14 * size or size == 1e12:
            break
    return size


@njit(cache=True, nogil=True, error_model="numpy")
def _target(blocks: Blocks, state: _State, g: int, score: Floats, weight: float) -> Floats:
    """Where a block's model and penalty are least."""
    first, last = blocks.edges[g], blocks.edges[g + 1]
    size, start = last - first, state.squares[g]
    basis = state.basis[start : start + size * size].reshape((size, size))
    turned = state.turned_basis[start : start + size * size].reshape((size, size))
    bend = state.bend[first:last]
    along, now, out = np.empty(size), np.empty(size), np.empty(size)
    _weighted(basis, score, along)
    _weighted(basis, state.beta[first:last], now)
    flat = 1e-12 * bend.max()
    for j in range(size):
        along[j] += bend[j] * now[j]
    if weight > 0.0 and _length(along) <= weight:
        out[:] = 0.0
        return out
    stretch = _stretch(along, bend, weight) if weight > 0.0 else 1.0
    for j in range(size):
        if weight > 0.0:
            along[j] *= stretch / (bend[j] * stretch + weight)
        else:
            along[j] = along[j] / bend[j] if bend[j] > flat else now[j]
    _weighted(turned, along, out)
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def _stepped(  # noqa: PLR0913, PLR0917
    blocks: Blocks,
    state: _State,
    g: int,
    score: Floats,
    weight: float,
    loss: float,
    efron: bool,  # noqa: FBT001
) -> tuple[float, float]:
    """Move one block, halving until the objective falls; returns the loss and the step taken."""
    n, first, last = state.eta.size, blocks.edges[g], blocks.edges[g + 1]
    beta = state.beta[first:last]
    move = _target(blocks, state, g, score, weight) - beta
    along = np.empty(n)
    _weighted(blocks.turned[n * first : n * last].reshape((last - first, n)), move, along)
    before = weight * _length(beta)
    slope = weight * _length(beta + move) - before
    for j in range(move.size):
        slope -= score[j] * move[j]
    step = 1.0
    while step > 1e-9:
        new = -evaluate(state.eta + step * along, blocks.event, blocks.risk, efron, state.at) / n
        rise = new - loss + weight * _length(beta + step * move) - before
        # The last term: near the optimum the fall is below what doubles can tell.
        if rise <= 1e-4 * step * slope + 1e-14 * abs(loss + before):
            for j in range(move.size):
                beta[j] += step * move[j]
            state.eta[:] += step * along
            return new, step
        step *= 0.5
    evaluate(state.eta, blocks.event, blocks.risk, efron, state.at)
    return loss, 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def _rounds(  # noqa: PLR0913, PLR0917
    blocks: Blocks,
    state: _State,
    weights: Floats,
    active: Integers,
    loss: float,
    within: float,
    efron: bool,  # noqa: FBT001
) -> tuple[float, bool]:
    """Go round the active blocks until all have settled; returns the loss, and if any moved."""
    renewal, ever = _RENEWED, False
    for count in range(_ROUNDS):
        if count == renewal:
            state.made[:] = 0
            renewal *= 2
        worst, moved = 0.0, False
        for g in active:
            beta = state.beta[blocks.edges[g] : blocks.edges[g + 1]]
            score = _score(blocks, state, g)
            off = _off_optimum(score, beta, weights[g])
            worst = max(worst, off)
            if off <= 0.1 * within:
                continue
            if state.made[g] == 0:
                _renew(blocks, state, g)
            loss, step = _stepped(blocks, state, g, score, weights[g], loss, efron)
            moved = moved or step > 0.0
            if step < 1.0:
                state.made[g] = 0
        ever = ever or moved
        if worst <= 0.5 * within or not moved:
            break
    return loss, ever


@njit(cache=True, nogil=True, error_model="numpy")
def _settled(
    blocks: Blocks,
    state: _State,
    weights: Floats,
    within: float,
    efron: bool,  # noqa: FBT001
) -> tuple[float, float]:
    """Solve in place, from the blocks that are in outwards; returns violation and loss."""
    count = blocks.factors.size
    active = weights == 0.0
    for g in range(count):
        active[g] = active[g] or _length(state.beta[blocks.edges[g] : blocks.edges[g + 1]]) > 0.0
    loss = -evaluate(state.eta, blocks.event, blocks.risk, efron, state.at) / state.eta.size
    while True:
        inside = np.flatnonzero(active)
        loss, moved = _rounds(blocks, state, weights, inside, loss, within, efron)
        worst, added = 0.0, False
        for g in range(count):
            beta = state.beta[blocks.edges[g] : blocks.edges[g + 1]]
            off = _off_optimum(_score(blocks, state, g), beta, weights[g])
            worst = max(worst, off)
            if off > within and not active[g]:
                active[g] = added = True
        if worst <= within or not (moved or added):
            return worst, loss


@njit(cache=True, nogil=True, error_model="numpy")
def _blank_state(blocks: Blocks) -> _State:
    squares = np.zeros(blocks.factors.size + 1, np.int64)
    for g in range(blocks.factors.size):
        squares[g + 1] = squares[g] + (blocks.edges[g + 1] - blocks.edges[g]) ** 2
    columns = blocks.edges[-1]
    return _State(
        np.zeros(columns),
        blocks.offset.copy(),
        blank_curvature(blocks.offset.size, blocks.risk.first.size),
        np.zeros(columns),
        np.zeros(squares[-1]),
        np.zeros(squares[-1]),
        squares,
        np.zeros(blocks.factors.size, np.int64),
    )


@njit(cache=True, nogil=True, error_model="numpy")
def solve_groups(blocks: Blocks, penalties: Floats, settings: PathSettings) -> SolvedGroups:
    """Coefficients at every penalty, from the largest down.

    Parameters
    ----------
    blocks : Blocks
        Standardized rows.
    penalties : (l,) float
        Falling; empty: by equal ratios from the smallest that keeps every penalized block out.
    settings : PathSettings
        As of ``group_path``.

    Returns
    -------
    SolvedGroups
        Where the tolerance is not reached the path ends; the violation there is in its place.
    """
    state = _blank_state(blocks)
    bare = np.where(blocks.factors > 0.0, np.inf, 0.0)
    _settled(blocks, state, bare, 0.01 * settings.tolerance, settings.efron)
    if penalties.size == 0:
        largest = 0.0
        for g in range(blocks.factors.size):
            if blocks.factors[g] > 0.0:
                largest = max(largest, _length(_score(blocks, state, g)) / blocks.factors[g])
        steps = np.arange(settings.penalties) / max(settings.penalties - 1, 1)
        penalties = largest * settings.smallest**steps if largest > 0.0 else np.zeros(1)
    coefficients = np.zeros((penalties.size, state.beta.size))
    loglik, violation = np.zeros(penalties.size), np.zeros(penalties.size)
    reached = 0
    for step in range(penalties.size):
        unit = penalties[step] if penalties[step] > 0.0 else 1.0
        within = settings.tolerance * unit
        off, loss = _settled(
            blocks, state, penalties[step] * blocks.factors, within, settings.efron
        )
        violation[step] = off / unit
        if off > within:
            break
        coefficients[step] = state.beta
        loglik[step] = -loss * state.eta.size
        reached += 1
    return SolvedGroups(penalties, coefficients, loglik, violation, reached)
