"""The differential equations of the receptor-limited compartment model, solved patient by patient.

``dA/dt = -k_el A - sum_i J_i``, ``dX_i/dt = J_i - d_i X_i`` with
``J_i = k_i f_u A (1 - X_i / B_i)``: *A* peptide in blood, *X* in tissue *i*, *B* its receptor
capacity (all nmol), *f_u* the fraction not bound to plasma protein. Uptake is one way: what is
internalized leaves only by degradation [1]_.

References
----------
.. [1] Siebinga et al., EJNMMI Phys 10:48, 2023, equation 1 and figure 2.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
from numba import njit

_Floats = npt.NDArray[np.float64]

_UPTAKE, _INVERSE_CAPACITY, _LOSS = 0, 1, 2  # rows of a patient's rates

# Dormand and Prince, J Comput Appl Math 6:19, 1980.
_A21: Final = 1 / 5
_A31, _A32 = 3 / 40, 9 / 40
_A41, _A42, _A43 = 44 / 45, -56 / 15, 32 / 9
_A51, _A52, _A53, _A54 = 19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729
_A61, _A62, _A63, _A64, _A65 = 9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656
_B1, _B3, _B4, _B5, _B6 = 35 / 384, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84
_E1, _E3, _E4 = 71 / 57600, -71 / 16695, 71 / 1920
_E5, _E6, _E7 = -17253 / 339200, 22 / 525, -1 / 40

_RELATIVE_TOLERANCE: Final = 1e-8
_ABSOLUTE_TOLERANCE: Final = 1e-12
# Blood below this part of the injected amount moves no fraction by more: the rest is closed form.
# Well above the absolute tolerance, or blood would hover there at the edge of stability for ever.
_EMPTY: Final = 1e-10
_DECAYED: Final = 35.0  # decay constants: 1e-15 of the nuclide is left
_MAX_STEPS: Final = 1_000_000


@njit(cache=True)
def _slope(
    time_h: float,
    state: _Floats,
    slope: _Floats,
    rates: _Floats,
    elimination: float,
    decay: float,
) -> None:
    """State: blood, tissues, excreted, degraded, then decayed integrals of blood and tissues."""
    tissues = rates.shape[1]
    blood = state[0]
    left = np.exp(-decay * time_h)
    taken = 0.0
    degraded = 0.0
    for i in range(tissues):
        amount = state[1 + i]
        flux = rates[_UPTAKE, i] * blood * (1.0 - amount * rates[_INVERSE_CAPACITY, i])
        gone = rates[_LOSS, i] * amount
        taken += flux
        degraded += gone
        slope[1 + i] = flux - gone
        slope[tissues + 4 + i] = left * amount
    slope[0] = -elimination * blood - taken
    slope[tissues + 1] = elimination * blood
    slope[tissues + 2] = degraded
    slope[tissues + 3] = left * blood


@njit(cache=True)
def _try_step(
    now: float, h: float, work: _Floats, rates: _Floats, elimination: float, decay: float
) -> float:
    """One trial step; its error over what is allowed. *work*: state, trial state, seven slopes."""
    state, trial, k = work[0], work[1], work[2:]
    size = state.size
    for j in range(size):
        trial[j] = state[j] + h * _A21 * k[0, j]
    _slope(now + h / 5, trial, k[1], rates, elimination, decay)
    for j in range(size):
        trial[j] = state[j] + h * (_A31 * k[0, j] + _A32 * k[1, j])
    _slope(now + 3 * h / 10, trial, k[2], rates, elimination, decay)
    for j in range(size):
        trial[j] = state[j] + h * (_A41 * k[0, j] + _A42 * k[1, j] + _A43 * k[2, j])
    _slope(now + 4 * h / 5, trial, k[3], rates, elimination, decay)
    for j in range(size):
        rise = _A51 * k[0, j] + _A52 * k[1, j] + _A53 * k[2, j] + _A54 * k[3, j]
        trial[j] = state[j] + h * rise
    _slope(now + 8 * h / 9, trial, k[4], rates, elimination, decay)
    for j in range(size):
        rise = _A61 * k[0, j] + _A62 * k[1, j] + _A63 * k[2, j] + _A64 * k[3, j]
        trial[j] = state[j] + h * (rise + _A65 * k[4, j])
    _slope(now + h, trial, k[5], rates, elimination, decay)
    for j in range(size):
        rise = _B1 * k[0, j] + _B3 * k[2, j] + _B4 * k[3, j] + _B5 * k[4, j] + _B6 * k[5, j]
        trial[j] = state[j] + h * rise
    _slope(now + h, trial, k[6], rates, elimination, decay)
    worst = 0.0
    for j in range(size):
        error = _E1 * k[0, j] + _E3 * k[2, j] + _E4 * k[3, j] + _E5 * k[4, j] + _E6 * k[5, j]
        error = h * (error + _E7 * k[6, j])
        worst = max(worst, abs(error) / (_ABSOLUTE_TOLERANCE + _RELATIVE_TOLERANCE * abs(trial[j])))
    return worst


@njit(cache=True)
def _follow(
    rates: _Floats,
    scale: tuple[float, float, float],
    time_h: _Floats,
    amounts: _Floats,
    integrals: _Floats,
) -> None:
    """One patient, in parts of the injected amount; *scale*: elimination, decay, fastest rate."""
    elimination, decay, fastest = scale
    tissues = rates.shape[1]
    work = np.zeros((9, 2 * tissues + 4))
    state, k = work[0], work[2:]
    state[0] = 1.0
    _slope(0.0, state, k[0], rates, elimination, decay)
    now, step, asked = 0.0, 0.01 / fastest, 0
    for _ in range(_MAX_STEPS):
        while asked < time_h.size and time_h[asked] <= now:
            amounts[asked] = state[: tissues + 3]
            asked += 1
        # Once the nuclide is gone and nothing more is asked for, blood no longer matters.
        if state[0] < _EMPTY or (asked == time_h.size and decay * now > _DECAYED):
            break
        clipped = asked < time_h.size and now + step >= time_h[asked]
        h = time_h[asked] - now if clipped else step
        worst = _try_step(now, h, work, rates, elimination, decay)
        factor = 5.0 if worst < 1e-4 else min(5.0, max(0.2, 0.9 * worst**-0.2))
        if worst > 1.0:
            step = h * min(1.0, factor)
            continue
        now = time_h[asked] if clipped else now + h
        state[:] = work[1]
        k[0] = k[6]
        # A step cut short by an asked time says nothing against the longer one before it.
        step = max(step, h * factor) if clipped else h * factor
    else:
        state[:] = np.nan
    for late in range(asked, time_h.size):
        kept = state[1 : tissues + 1] * np.exp(-rates[_LOSS] * (time_h[late] - now))
        amounts[late, 0] = 0.0
        amounts[late, 1 : tissues + 1] = kept
        amounts[late, tissues + 1] = state[tissues + 1] + state[0]
        amounts[late, tissues + 2] = state[tissues + 2] + (state[1 : tissues + 1] - kept).sum()
    integrals[0] = state[tissues + 3]
    tail = state[1 : tissues + 1] * np.exp(-decay * now) / (rates[_LOSS] + decay)
    integrals[1:] = state[tissues + 4 :] + tail


@njit(cache=True)
def solve(
    elimination_per_h: _Floats, rates: _Floats, *, decay_per_h: float, time_h: _Floats
) -> tuple[_Floats, _Floats]:
    """Fractions at *time_h* and decay-weighted integrals to infinity, for every patient.

    Dormand-Prince 5(4) with step control while there is peptide in blood: the fastest rate is some
    30/h and blood is empty after about a day, so that an explicit method suffices. After that
    every tissue is one exponential and is finished in closed form. Amounts are parts of what was
    injected, so that capacities enter as ``A_0 / B``.

    Parameters
    ----------
    elimination_per_h : (n,), > 0
    rates : (n, 3, tissues)
        ``f_u k`` in 1/h, ``A_0 / B`` (0 where uptake does not saturate), *d* in 1/h.
    decay_per_h : float, > 0
        Of the nuclide; it weighs the integrals alone.
    time_h : (t,), ascending, >= 0

    Returns
    -------
    amounts : (n, t, tissues + 3)
        Blood, tissues, excreted, degraded: they sum to 1. NaN for a patient whose equations did
        not come to an end.
    integrals : (n, tissues + 1), h
        Of blood and tissues, decay included.
    """
    patients, _, tissues = rates.shape
    amounts = np.empty((patients, time_h.size, tissues + 3))
    integrals = np.empty((patients, tissues + 1))
    for p in range(patients):
        fastest = elimination_per_h[p] + np.sum(
            rates[p, _UPTAKE] * (1.0 + rates[p, _INVERSE_CAPACITY])
        )
        scale = (elimination_per_h[p], decay_per_h, fastest)
        _follow(rates[p], scale, time_h, amounts[p], integrals[p])
    return amounts, integrals
