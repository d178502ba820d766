"""Least squares of one or two exponentials on many replicates at once.

The Monte Carlo twin refits every draw; a loop over a general optimizer would take minutes.
Amplitudes are eliminated (variable projection), so only one or two rates are searched.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_MAX_STEPS: Final = 60
_TOLERANCE: Final = 1e-9  # in the logarithm of a rate
_GRID: Final = 48  # starting rates tried for the first replicate


@dataclass(frozen=True, slots=True, eq=False)
class FittedExponentials:
    """Of each replicate, the fitted course.

    Parameters
    ----------
    amplitudes, rates_per_s : array, (n, k)
        ``sum_k a_k exp(-r_k t)``.
    chi_square : array, (n,)
        Weighted sum of squares.
    """

    amplitudes: Floats
    rates_per_s: Floats
    chi_square: Floats

    @property
    def integrals(self) -> Floats:
        """From 0 to infinity, (n,)."""
        return np.asarray((self.amplitudes / self.rates_per_s).sum(axis=1), dtype=np.float64)


def fit_exponentials(
    time_s: Floats,
    values: Floats,
    *,
    standard_uncertainty: Floats,
    terms: int,
    slowest_per_s: float,
    start_rates_per_s: Floats | None = None,
) -> FittedExponentials:
    """Weighted least squares with rates between physical decay and 20 per first scan time.

    Parameters
    ----------
    time_s : array, (T,), > 0
        Times.
    values : array, (n, T)
        Replicates.
    standard_uncertainty : array, (T,), > 0
        Random, of each value; the weights.
    terms : int
        1 or 2.
    slowest_per_s : float, > 0
        Lower bound of the rates: a tail is never slower than physics.
    start_rates_per_s : array, (k,), optional
        Where to start; a grid is searched with the first replicate if absent.
    """
    bounds = (slowest_per_s, max(20.0 / float(time_s.min()), 2.0 * slowest_per_s))
    scaled = values / standard_uncertainty
    if start_rates_per_s is None:
        start_rates_per_s = _best_of_grid(
            time_s, scaled[:1], standard_uncertainty, terms=terms, bounds=bounds
        )
    low, high = np.log(bounds[0]), np.log(bounds[1])
    theta = np.tile(np.clip(np.log(start_rates_per_s), low, high), (len(values), 1))
    damping = np.full(len(values), 1e-3)
    state = _project(time_s, scaled, standard_uncertainty, theta)
    active = np.arange(len(values))
    for _ in range(_MAX_STEPS):
        trial_theta = np.clip(
            theta[active] + _step(time_s, state, standard_uncertainty, theta, damping, active),
            low,
            high,
        )
        moved = np.abs(trial_theta - theta[active]).max(axis=1)
        trial = _project(time_s, scaled[active], standard_uncertainty, trial_theta)
        better = trial[2] <= state[2][active]
        won = active[better]
        theta[won] = trial_theta[better]
        for whole, part in zip(state, trial, strict=True):
            whole[won] = part[better]
        damping[won] = np.maximum(damping[won] / 5.0, 1e-12)
        damping[active[~better]] *= 8.0
        # A step that is tiny only because it was damped is no sign of an optimum.
        done = (moved < _TOLERANCE) & (better | (damping[active] > 1e6))
        active = active[~done]
        if active.size == 0:
            break
    return FittedExponentials(state[0], np.exp(theta), state[2])


def jacobian(time_s: Floats, *, amplitudes: Floats, rates_per_s: Floats) -> Floats:
    """Derivatives of the course by (a_1 … a_k, r_1 … r_k), shape (T, 2k)."""
    decay = np.exp(-np.outer(time_s, rates_per_s))
    return np.hstack([decay, -amplitudes * time_s[:, None] * decay])


State = tuple[Floats, Floats, Floats, Floats, Floats]


def _project(time_s: Floats, scaled: Floats, sigma: Floats, theta: Floats) -> State:
    """Amplitudes (n, k), residuals (n, T), chi square (n,), orthonormal basis (n, T, k), decay."""
    decay = np.exp(-time_s[None, :, None] * np.exp(theta)[:, None, :]) / sigma[None, :, None]
    first = decay[:, :, 0]
    norm = np.linalg.norm(first, axis=1)
    q_one = first / norm[:, None]
    basis = np.zeros_like(decay)
    basis[:, :, 0] = q_one
    along = np.einsum("nt,nt->n", q_one, scaled)
    amplitudes = np.zeros(theta.shape)
    residual = scaled - along[:, None] * q_one
    if theta.shape[1] == 2:
        second = decay[:, :, 1]
        shared = np.einsum("nt,nt->n", q_one, second)
        rest = second - shared[:, None] * q_one
        length = np.linalg.norm(rest, axis=1)
        # Two equal rates span one direction: the second amplitude is then 0, not infinite.
        apart = length > 1e-7 * np.linalg.norm(second, axis=1)
        q_two = np.where(apart[:, None], rest / np.where(apart, length, 1.0)[:, None], 0.0)
        basis[:, :, 1] = q_two
        onto = np.einsum("nt,nt->n", q_two, scaled)
        residual = residual - onto[:, None] * q_two
        amplitudes[:, 1] = np.where(apart, onto / np.where(apart, length, 1.0), 0.0)
        along = along - shared * amplitudes[:, 1]
    amplitudes[:, 0] = along / norm
    chi_square = np.einsum("nt,nt->n", residual, residual)
    return amplitudes, residual, chi_square, basis, decay


def _step(
    time_s: Floats,
    state: State,
    sigma: Floats,
    theta: Floats,
    damping: Floats,
    active: npt.NDArray[np.intp],
) -> Floats:
    """Damped Gauss-Newton step in the logarithms of the rates (Kaufman's derivative)."""
    amplitudes, residual, _, basis, decay = (part[active] for part in state)
    rates = np.exp(theta[active])
    slope = -time_s[None, :, None] * rates[:, None, :] * decay * amplitudes[:, None, :]
    inside = np.einsum("ntk,ntj->nkj", basis, slope)
    slope = slope - np.einsum("ntk,nkj->ntj", basis, inside)
    normal = np.einsum("ntj,ntl->njl", slope, slope)
    gradient = np.einsum("ntj,nt->nj", slope, residual)
    diagonal = np.einsum("njj->nj", normal)
    floor = 1e-12 * diagonal.max(axis=1, keepdims=True) + 1e-300
    normal = normal + np.eye(theta.shape[1]) * (
        damping[active, None, None] * diagonal[:, None, :] + floor[:, None, :]
    )
    step = np.linalg.solve(normal, gradient[:, :, None])[:, :, 0]
    return np.clip(step, -1.5, 1.5)


def _best_of_grid(
    time_s: Floats, scaled: Floats, sigma: Floats, *, terms: int, bounds: tuple[float, float]
) -> Floats:
    rates = np.geomspace(bounds[0], bounds[1], _GRID)
    if terms == 1:
        theta = np.log(rates)[:, None]
    else:
        slow, fast = np.triu_indices(_GRID, k=1)
        theta = np.log(np.column_stack([rates[slow], rates[fast]]))
    chi_square = _project(time_s, np.repeat(scaled, len(theta), axis=0), sigma, theta)[2]
    return np.asarray(np.exp(theta[int(np.argmin(chi_square))]), dtype=np.float64)
