"""One chain of the regularized horseshoe on the Cox partial likelihood, compiled.

Each sweep draws, given all else,

1. all coefficients at once by elliptical slice sampling. The ellipse is of the Gaussian that prior
   and a quadratic expansion of the log partial likelihood make; the slice is of what the expansion
   leaves. Any expansion is right; a good one makes almost independent draws;
2. every local scale, the global scale and the slab, by slice sampling of their logarithms;
3. the global scale again with the standardized coefficients held fixed in place of the
   coefficients: the two ways interwoven mix where either alone is slow;
4. pairs of columns that change places, with the sign of their correlation. Of columns that say
   the same any one may bear the effect, and no small step leads from one to the other.

References
----------
.. [1] Piironen & Vehtari, Electron J Stat 11:5018, 2017 (regularized horseshoe).
.. [2] Murray, Adams & MacKay, AISTATS 2010 (elliptical slices). Neal, Ann Stat 31:705, 2003
   (slices). Yu & Meng, J Comput Graph Stat 20:531, 2011 (interweaving).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from operandi.signatures.challengers.draws import Unsigned, begin_stream, normal, uniform
from operandi.signatures.cox.likelihood import (
    Floats,
    RiskSets,
    blank_curvature,
    evaluate,
    hessian_products,
    log_partial_likelihood,
)

_WIDTH = 2.0
"""First bracket of a slice of a logarithm."""
_STEPS_OUT = 20
"""Far beyond any density here: the bracket is never cut short."""
_SHRINKS = 200
_LEAST_SCALE = 1e-150


class Beliefs(NamedTuple):
    """What is believed before.

    Parameters
    ----------
    bare : (p,) bool
        Columns with a wide normal prior in place of the horseshoe.
    wide : float
        Its standard deviation.
    global_scale : float
        Of the half-Cauchy prior of the global scale.
    slab_scale, slab_freedom : float
        Of the Student t that bounds large coefficients.
    """

    bare: npt.NDArray[np.bool_]
    wide: float
    global_scale: float
    slab_scale: float
    slab_freedom: float


class _Expansion(NamedTuple):
    """Log likelihood near *center*, ``slope'd - d'curve d / 2``; *pull* is its slope at 0."""

    center: Floats
    slope: Floats
    curve: Floats
    pull: Floats


@njit(cache=True, nogil=True, error_model="numpy")
def horseshoe_chain(  # noqa: PLR0913, PLR0917 - plain arrays, for loops without Python
    x: Floats,
    event: Floats,
    risk: RiskSets,
    prior: Beliefs,
    warmup: int,
    draws: int,
    seed: int,
    number: int,
) -> Floats:
    """Draw from the posterior, after Efron where events are tied.

    Parameters
    ----------
    x : (n, p) float
        Rows in ``risk_order``, columns centered and of unit variance.
    event : (n,) float
        1 where the event was seen.
    risk : RiskSets
        Of the rows.
    prior : Beliefs
    warmup, draws : int
        Sweeps that are thrown away, and kept.
    seed, number : int
        Of the chain.

    Returns
    -------
    (d, p + 3) float
        Coefficients, log global scale, log slab variance, log partial likelihood.
    """
    p = x.shape[1]
    state = begin_stream(seed, number)
    out = np.empty((draws, p + 3))
    beta, local = np.zeros(p), np.empty(p)
    # Chains start far from each other: that they agree then means something.
    tau = np.log(prior.global_scale) + 2.0 * normal(state)
    slab = 2.0 * np.log(prior.slab_scale) + normal(state)
    for j in range(p):
        local[j] = normal(state)
    columns = np.ascontiguousarray(x.T)
    near = _expand(x, event, risk, beta)
    mean, counted = np.zeros(p), 0
    for sweep in range(warmup + draws):
        scale = _scales(local, tau, slab, prior)
        loglik = _draw_coefficients(x, event, risk, near, scale, beta, state)
        for j in range(p):
            if not prior.bare[j]:
                local[j] = _draw_local(local[j], beta[j], tau, slab, state)
        tau = _draw_global(tau, 0, beta, local, slab, prior, state)
        slab = _draw_global(slab, 1, beta, local, tau, prior, state)
        tau, loglik = _draw_standardized(x, event, risk, tau, beta, local, slab, prior, state)
        loglik = _swap(columns, event, risk, beta, local, loglik, prior, state)
        if sweep < warmup:
            if 4 * sweep >= warmup:
                mean += beta
                counted += 1
            if 2 * sweep == warmup - warmup % 2 and counted:
                near = _expand(x, event, risk, mean / counted)
        else:
            at = sweep - warmup
            out[at, :p] = beta
            out[at, p], out[at, p + 1], out[at, p + 2] = tau, slab, loglik
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def _expand(x: Floats, event: Floats, risk: RiskSets, center: Floats) -> _Expansion:
    at = blank_curvature(x.shape[0], risk.first.size)
    evaluate(x @ center, event, risk, True, at)  # noqa: FBT003 - compiled: by position
    product = np.empty_like(x)
    hessian_products(x, risk, at, product)
    curve = x.T @ product
    slope = x.T @ at.residual
    return _Expansion(center.copy(), slope, curve, curve @ center + slope)


@njit(cache=True, nogil=True, error_model="numpy")
def _one_scale(local: float, tau: float, slab: float) -> float:
    """Log prior standard deviation of a coefficient, from logarithms."""
    plain = 2.0 * (tau + local)
    # c^2 t^2 / (c^2 + t^2), without overflow.
    top = max(plain, slab)
    return float(0.5 * (plain + slab - top - np.log(np.exp(plain - top) + np.exp(slab - top))))


@njit(cache=True, nogil=True, error_model="numpy")
def _scales(local: Floats, tau: float, slab: float, prior: Beliefs) -> Floats:
    out = np.empty(local.size)
    for j in range(local.size):
        if prior.bare[j]:
            out[j] = prior.wide
        else:
            out[j] = max(np.exp(_one_scale(local[j], tau, slab)), _LEAST_SCALE)
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def _draw_coefficients(  # noqa: PLR0913, PLR0917 - plain arrays, for loops without Python
    x: Floats,
    event: Floats,
    risk: RiskSets,
    near: _Expansion,
    scale: Floats,
    beta: Floats,
    state: Unsigned,
) -> float:
    """Move *beta* along an ellipse; its log likelihood."""
    p = scale.size
    matrix = np.empty((p, p))
    for i in range(p):
        for j in range(p):
            matrix[i, j] = scale[i] * near.curve[i, j] * scale[j]
        matrix[i, i] += 1.0
    lower = np.linalg.cholesky(matrix)
    # Mean and a draw about it: back substitution of the whitened pull and of normal numbers.
    mean, about = np.empty(p), np.empty(p)
    for i in range(p):
        value = scale[i] * near.pull[i]
        for j in range(i):
            value -= lower[i, j] * mean[j]
        mean[i] = value / lower[i, i]
        about[i] = normal(state)
    for i in range(p - 1, -1, -1):
        mean[i] /= lower[i, i]
        about[i] /= lower[i, i]
        for j in range(i):
            mean[j] -= lower[i, j] * mean[i]
            about[j] -= lower[i, j] * about[i]
    mean *= scale
    about *= scale
    here = beta - mean
    eta_mean, eta_here, eta_about = x @ mean, x @ here, x @ about
    loglik = log_partial_likelihood(eta_mean + eta_here, event, risk, True)  # noqa: FBT003
    level = loglik - _quadratic(near, beta) + np.log(1.0 - uniform(state))
    angle = 2.0 * np.pi * uniform(state)
    low, high = angle - 2.0 * np.pi, angle
    for _ in range(_SHRINKS):
        c, s = np.cos(angle), np.sin(angle)
        moved = mean + c * here + s * about
        found = log_partial_likelihood(
            eta_mean + c * eta_here + s * eta_about,
            event,
            risk,
            True,  # noqa: FBT003
        )
        if found - _quadratic(near, moved) > level:
            beta[:] = moved
            return found
        if angle < 0.0:
            low = angle
        else:
            high = angle
        angle = low + (high - low) * uniform(state)
    return loglik


@njit(cache=True, nogil=True, error_model="numpy")
def _quadratic(near: _Expansion, beta: Floats) -> float:
    away = beta - near.center
    return float(near.slope @ away - 0.5 * (away @ (near.curve @ away)))


@njit(cache=True, nogil=True, error_model="numpy")
def _given_scale(beta: float, log_scale: float) -> float:
    """Log density of a coefficient given its prior standard deviation."""
    return float(-log_scale - 0.5 * beta * beta * np.exp(-2.0 * log_scale))


@njit(cache=True, nogil=True, error_model="numpy")
def _of_local(local: float, beta: float, tau: float, slab: float) -> float:
    """Log density of a log local scale: half-Cauchy, with what the coefficient says."""
    top = max(0.0, 2.0 * local)
    heavy = top + np.log(np.exp(-top) + np.exp(2.0 * local - top))
    return float(_given_scale(beta, _one_scale(local, tau, slab)) + local - heavy)


@njit(cache=True, nogil=True, error_model="numpy")
def _draw_local(now: float, beta: float, tau: float, slab: float, state: Unsigned) -> float:
    level = _of_local(now, beta, tau, slab) + np.log(1.0 - uniform(state))
    low = now - _WIDTH * uniform(state)
    high = low + _WIDTH
    for _ in range(_STEPS_OUT):
        if _of_local(low, beta, tau, slab) <= level:
            break
        low -= _WIDTH
    for _ in range(_STEPS_OUT):
        if _of_local(high, beta, tau, slab) <= level:
            break
        high += _WIDTH
    for _ in range(_SHRINKS):
        at = low + (high - low) * uniform(state)
        if _of_local(at, beta, tau, slab) > level:
            return at
        if at < now:
            low = at
        else:
            high = at
    return now


@njit(cache=True, nogil=True, error_model="numpy")
def _prior_of(value: float, which: int, prior: Beliefs) -> float:
    """Log prior density of the log global scale (0) or the log slab variance (1)."""
    if which == 0:
        ratio = 2.0 * (value - np.log(prior.global_scale))
        top = max(0.0, ratio)
        return float(value - top - np.log(np.exp(-top) + np.exp(ratio - top)))
    half = 0.5 * prior.slab_freedom
    return float(-half * value - half * prior.slab_scale**2 * np.exp(-value))


@njit(cache=True, nogil=True, error_model="numpy")
def _of_global(
    value: float,
    which: int,
    beta: Floats,
    local: Floats,
    other: float,
    prior: Beliefs,
) -> float:
    total = _prior_of(value, which, prior)
    tau, slab = (value, other) if which == 0 else (other, value)
    for j in range(beta.size):
        if not prior.bare[j]:
            total += _given_scale(beta[j], _one_scale(local[j], tau, slab))
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def _draw_global(  # noqa: PLR0913, PLR0917
    now: float,
    which: int,
    beta: Floats,
    local: Floats,
    other: float,
    prior: Beliefs,
    state: Unsigned,
) -> float:
    """Log global scale (0) or log slab variance (1) given the coefficients."""
    level = _of_global(now, which, beta, local, other, prior) + np.log(1.0 - uniform(state))
    low = now - _WIDTH * uniform(state)
    high = low + _WIDTH
    for _ in range(_STEPS_OUT):
        if _of_global(low, which, beta, local, other, prior) <= level:
            break
        low -= _WIDTH
    for _ in range(_STEPS_OUT):
        if _of_global(high, which, beta, local, other, prior) <= level:
            break
        high += _WIDTH
    for _ in range(_SHRINKS):
        at = low + (high - low) * uniform(state)
        if _of_global(at, which, beta, local, other, prior) > level:
            return at
        if at < now:
            low = at
        else:
            high = at
    return now


@njit(cache=True, nogil=True, error_model="numpy")
def _stretched(  # noqa: PLR0913, PLR0917
    x: Floats,
    event: Floats,
    risk: RiskSets,
    tau: float,
    standard: Floats,
    local: Floats,
    slab: float,
    prior: Beliefs,
    beta: Floats,
) -> float:
    """Log likelihood with standardized coefficients at another global scale; fills *beta*."""
    for j in range(standard.size):
        beta[j] = standard[j]
        if not prior.bare[j]:
            beta[j] *= np.exp(_one_scale(local[j], tau, slab))
    return log_partial_likelihood(x @ beta, event, risk, True)  # noqa: FBT003


@njit(cache=True, nogil=True, error_model="numpy")
def _draw_standardized(  # noqa: PLR0913, PLR0917
    x: Floats,
    event: Floats,
    risk: RiskSets,
    now: float,
    beta: Floats,
    local: Floats,
    slab: float,
    prior: Beliefs,
    state: Unsigned,
) -> tuple[float, float]:
    """Log global scale given standardized coefficients, which move *beta*; log likelihood."""
    standard = beta.copy()
    for j in range(beta.size):
        if not prior.bare[j]:
            standard[j] /= max(np.exp(_one_scale(local[j], now, slab)), _LEAST_SCALE)
    start = _stretched(x, event, risk, now, standard, local, slab, prior, beta)
    level = start + _prior_of(now, 0, prior) + np.log(1.0 - uniform(state))
    low = now - _WIDTH * uniform(state)
    high = low + _WIDTH
    moved = np.empty_like(beta)
    # No stepping out: a bracket of fixed width about the present is a slice too, and cheaper.
    for _ in range(_SHRINKS):
        at = low + (high - low) * uniform(state)
        loglik = _stretched(x, event, risk, at, standard, local, slab, prior, moved)
        if loglik + _prior_of(at, 0, prior) > level:
            beta[:] = moved
            return at, loglik
        if at < now:
            low = at
        else:
            high = at
    return now, start


@njit(cache=True, nogil=True, error_model="numpy")
def _swap(  # noqa: PLR0913, PLR0917
    columns: Floats,
    event: Floats,
    risk: RiskSets,
    beta: Floats,
    local: Floats,
    loglik: float,
    prior: Beliefs,
    state: Unsigned,
) -> float:
    """Let pairs of columns change places, with the sign of their correlation; log likelihood."""
    p, n = columns.shape
    eta, moved = np.zeros(n), np.empty(n)
    for j in range(p):
        eta += beta[j] * columns[j]
    for _ in range(p // 2):
        j, k = int(uniform(state) * p), int(uniform(state) * p)
        if j == k or prior.bare[j] or prior.bare[k]:
            continue
        sign = 1.0 if columns[j] @ columns[k] >= 0.0 else -1.0
        first, second = sign * beta[k] - beta[j], sign * beta[j] - beta[k]
        for i in range(n):
            moved[i] = eta[i] + first * columns[j, i] + second * columns[k, i]
        found = log_partial_likelihood(moved, event, risk, True)  # noqa: FBT003
        if found - loglik > np.log(1.0 - uniform(state)):
            beta[j] += first
            beta[k] += second
            local[j], local[k] = local[k], local[j]
            eta[:] = moved
            loglik = found
    return loglik
