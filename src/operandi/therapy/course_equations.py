"""Growth, kill, clearance and new lesions of each patient at days of their own, in closed form.

``lesions`` is (2, lesions), volume in mL (NaN where absent) and growth per day; ``rates`` is
clearance per day, part of what is killed that stays, and hazard of a new lesion per day at the
burden of the start; ``state`` is (3, lesions), viable, dead and stroma. A day of NaN is "not".
"""

import math
from typing import Final

import numpy as np
import numpy.typing as npt
from numba import njit

_Floats = npt.NDArray[np.float64]

CLEARANCE, STROMA, HAZARD = 0, 1, 2
_NEWTON_STEPS: Final = 60  # from above a convex function: about 6 are needed
_DAY_TOLERANCE: Final = 1e-11


@njit(cache=True)
def start_of(volume: _Floats) -> _Floats:
    """State before anything is done: all viable."""
    state = np.zeros((3, volume.size))
    for lesion in range(volume.size):
        if not math.isnan(volume[lesion]):
            state[0, lesion] = volume[lesion]
    return state


@njit(cache=True)
def kill(state: _Floats, survival: _Floats, stroma: float) -> None:
    """Apply a cycle to *state*; *survival* (lesions,) is the part that survives."""
    for lesion in range(survival.size):
        killed = state[0, lesion] * (1.0 - survival[lesion])
        state[0, lesion] -= killed
        state[1, lesion] += (1.0 - stroma) * killed
        state[2, lesion] += stroma * killed


@njit(cache=True)
def _wait(state: _Floats, growth: _Floats, clearance: float, days: float) -> None:
    kept = math.exp(-clearance * days)
    for lesion in range(growth.size):
        state[0, lesion] *= math.exp(growth[lesion] * days)
        state[1, lesion] *= kept


@njit(cache=True)
def _gathered(share: _Floats, growth: _Floats, days: float) -> float:
    """``sum_l share_l (exp(g_l t) - 1) / g_l``, the hazard gathered in *days*."""
    total = 0.0
    for lesion in range(share.size):
        if share[lesion] > 0.0:
            total += share[lesion] * math.expm1(growth[lesion] * days) / growth[lesion]
    return total


@njit(cache=True)
def _day_of(share: _Floats, growth: _Floats, wanted: float, longest: float) -> float:
    """When *wanted* hazard has been gathered: Newton from above, monotone as the sum is convex."""
    days = longest
    for _ in range(_NEWTON_STEPS):
        excess = _gathered(share, growth, days) - wanted
        slope = 0.0
        for lesion in range(share.size):
            if share[lesion] > 0.0:
                slope += share[lesion] * math.exp(growth[lesion] * days)
        step = excess / slope
        days -= step
        if abs(step) <= _DAY_TOLERANCE * longest:
            break
    return min(max(days, 0.0), longest)


@njit(cache=True)
def _visit(
    at_visits: _Floats,
    visit_day: _Floats,
    span: tuple[float, float],
    state: _Floats,
    lesions: _Floats,
    clearance: float,
) -> None:
    """Fill the visits after the start of a span, up to its end, from the state at its start.

    A first span starts before day 0, so that a visit on day 0 is within it.
    """
    start, stop = max(span[0], 0.0), span[1]
    for visit in range(visit_day.size):
        day = visit_day[visit]
        if math.isnan(day) or day > stop or day <= span[0]:
            continue
        kept = math.exp(-clearance * (day - start))
        for lesion in range(lesions.shape[1]):
            if not math.isnan(lesions[0, lesion]):
                grown = math.exp(lesions[1, lesion] * (day - start))
                at_visits[0, visit, lesion] = state[0, lesion] * grown
                at_visits[1, visit, lesion] = state[1, lesion] * kept
                at_visits[2, visit, lesion] = state[2, lesion]


@njit(cache=True)
def _follow_patient(
    lesions: _Floats,
    rates: _Floats,
    survival: _Floats,
    days: tuple[_Floats, _Floats],
    threshold: _Floats,
    found: tuple[_Floats, _Floats],
) -> None:
    """Fill *found*, lesions at visits (3, t, lesions) and days of new lesions (k,)."""
    cycle_day, visit_day = days
    at_visits, new_day = found
    state = start_of(lesions[0])
    burden = state[0].sum()
    end = -1.0
    for day in visit_day:
        if not math.isnan(day):
            end = day
    passed = 0.0
    start = 0.0
    after = -1.0
    new = 0
    for cycle in range(cycle_day.size + 1):
        last = cycle == cycle_day.size
        if not last and math.isnan(cycle_day[cycle]):
            continue
        stop = max(end, start) if last else cycle_day[cycle]
        _visit(at_visits, visit_day, (after, stop), state, lesions, rates[CLEARANCE])
        share = state[0] * (rates[HAZARD] / burden)
        gained = _gathered(share, lesions[1], stop - start)
        while new < threshold.size and threshold[new] <= passed + gained:
            day = start + _day_of(share, lesions[1], threshold[new] - passed, stop - start)
            new_day[new] = day if day <= end else math.nan
            new += 1
        passed += gained
        if not last:
            _wait(state, lesions[1], rates[CLEARANCE], stop - start)
            kill(state, survival[cycle], rates[STROMA])
            start = after = stop


@njit(cache=True)
def follow_all(
    lesions: _Floats,
    rates: _Floats,
    survival: _Floats,
    cycle_day: _Floats,
    visit_day: _Floats,
    threshold: _Floats,
) -> tuple[_Floats, _Floats]:
    """Follow every patient.

    Parameters
    ----------
    lesions : (n, 2, lesions)
    rates : (3,)
    survival : (n, cycles, lesions)
        Part that survives each cycle.
    cycle_day, visit_day : (n, cycles), (n, t)
        Ascending.
    threshold : (n, k)
        Integrated hazards at which new lesions appear.

    Returns
    -------
    at_visits : (3, n, t, lesions)
    new_day : (n, k)
    """
    n = len(lesions)
    at_visits = np.full((3, n, visit_day.shape[1], lesions.shape[2]), np.nan)
    new_day = np.full(threshold.shape, np.nan)
    for row in range(n):
        _follow_patient(
            lesions[row],
            rates,
            survival[row],
            (cycle_day[row], visit_day[row]),
            threshold[row],
            (at_visits[:, row], new_day[row]),
        )
    return at_visits, new_day
