"""When the true disease progresses, and what could have been known of it before cycle 1."""

import math
from typing import Final

import numpy as np
import numpy.typing as npt
from numba import njit

from operandi.simulation.people.lesion import LesionOrgan
from operandi.therapy.course import DAYS_PER_MONTH, VirtualTumors, cycle_doses_gy
from operandi.therapy.course_equations import CLEARANCE, HAZARD, STROMA, kill, start_of

_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]
_Bools = npt.NDArray[np.bool_]

NONE, TARGET, NON_TARGET = 0, 1, 2
"""What a lesion is chosen as; normal nodes are not chosen."""
_CODES: Final = list(LesionOrgan)
_ORGANS: Final = len(_CODES)
NODE: Final = _CODES.index(LesionOrgan.LYMPH_NODE)
BONE: Final = _CODES.index(LesionOrgan.BONE)
MOST_TARGETS: Final = 5
MOST_AN_ORGAN: Final = 2
MEASURABLE_MM: Final = 10.0
TARGET_NODE_MM: Final = 15.0
NORMAL_NODE_MM: Final = 10.0
TRUTH_STEP_DAYS: Final = 7.0
ORACLE_STEP_DAYS: Final = 28.0
ORACLE_HORIZON_DAYS: Final = 3652.5
_SPHERE_MM3_PER_ML: Final = 6000.0 / math.pi


@njit(cache=True)
def _choose(diameter: _Floats, organ: _Ints, category: _Ints) -> None:
    n = len(diameter)
    taken = np.zeros(_ORGANS, dtype=np.int64)
    for row in range(n):
        taken[:] = 0
        chosen = 0
        order = np.argsort(-np.nan_to_num(diameter[row]), kind="mergesort")
        for lesion in order:
            where = organ[row, lesion]
            size = diameter[row, lesion]
            if where < 0 or (where == NODE and size < NORMAL_NODE_MM):
                continue
            category[row, lesion] = NON_TARGET
            least = TARGET_NODE_MM if where == NODE else MEASURABLE_MM
            if where == BONE or size < least:
                continue
            if chosen < MOST_TARGETS and taken[where] < MOST_AN_ORGAN:
                category[row, lesion] = TARGET
                taken[where] += 1
                chosen += 1


def choose_lesions(baseline_mm: _Floats, organ: _Ints) -> _Ints:
    """Choose target and non-target lesions as RECIST 1.1 asks, largest first.

    Up to five targets, two an organ, at least 10 mm, nodes 15 mm; all nodes are one organ. Lesions
    of bone are taken to have no soft tissue, and so are non-target. Nodes below 10 mm are normal.

    Parameters
    ----------
    baseline_mm : (n, lesions)
        True diameters; NaN where absent.
    organ : (n, lesions) int
        Index into ``LesionOrgan``; -1 where absent.

    Returns
    -------
    (n, lesions) int
        ``NONE``, ``TARGET`` or ``NON_TARGET``.
    """
    category = np.zeros(organ.shape, dtype=np.int64)
    _choose(baseline_mm, organ, category)
    return category


@njit(cache=True)
def _grow(state: _Floats, target: _Bools, growth: _Floats, kept: float) -> tuple[float, float]:
    """Multiply what lives and what clears: viable burden then, sum of the targets' diameters."""
    burden = 0.0
    total = 0.0
    for lesion in range(target.size):
        if state[0, lesion] + state[2, lesion] == 0.0:
            continue
        state[0, lesion] *= growth[lesion]
        state[1, lesion] *= kept
        burden += state[0, lesion]
        if target[lesion]:
            total += _diameter_mm(state[0, lesion] + state[1, lesion] + state[2, lesion])
    return burden, total


@njit(cache=True)
def _diameter_mm(volume_ml: float) -> float:
    return float(np.cbrt(_SPHERE_MM3_PER_ML * volume_ml))


@njit(cache=True)
def _next_day(day: float, bounds: tuple[float, float], cycle_day: _Floats) -> float:
    """End of the step that begins on *day*: a step on, the next cycle, or the end."""
    step, until = bounds
    following = min(day + step, until)
    for cycle in cycle_day:
        if day < cycle < following:
            following = cycle
    return following


@njit(cache=True)
def _walk(
    lesions: _Floats,
    rates: _Floats,
    survival: _Floats,
    cycle_day: _Floats,
    target: _Bools,
    bounds: tuple[float, float],
) -> tuple[float, float]:
    """Day on which the sum of the targets has progressed (inf: not), mean free days until then."""
    state = start_of(lesions[0])
    start_burden = burden = state[0].sum()
    # Exponentials of a whole step once: most of the time would go there.
    growth = np.exp(lesions[1] * bounds[0])
    kept = math.exp(-rates[CLEARANCE] * bounds[0])
    _, total = _grow(state, target, np.ones(target.size), 1.0)
    nadir = total
    day = gathered = free = 0.0
    while day < bounds[1]:
        for cycle in range(cycle_day.size):
            if cycle_day[cycle] == day:
                kill(state, survival[cycle], rates[STROMA])
        waited = _next_day(day, bounds, cycle_day) - day
        before = state[0].sum()
        if waited == bounds[0]:
            burden, new_total = _grow(state, target, growth, kept)
        else:
            part_kept = math.exp(-rates[CLEARANCE] * waited)
            burden, new_total = _grow(state, target, np.exp(lesions[1] * waited), part_kept)
        bound = max(1.2 * nadir, nadir + 5.0)
        progressed = new_total >= bound
        part = (bound - total) / (new_total - total) if progressed else 1.0
        rate = rates[HAZARD] * 0.5 * (before + burden) / start_burden
        # What is free of new lesions, exp(-H), at the middle of the step.
        free += waited * part * math.exp(-gathered - 0.5 * rate * waited * part)
        if progressed:
            return day + part * waited, free
        gathered += rate * waited
        total = new_total
        nadir = min(nadir, total)
        day += waited
    return math.inf, free


@njit(cache=True)
def _walk_all(
    lesions: _Floats,
    rates: _Floats,
    survival: _Floats,
    cycle_day: _Floats,
    target: _Bools,
    bounds: _Floats,
) -> tuple[_Floats, _Floats]:
    n = len(lesions)
    day = np.empty(n)
    free = np.empty(n)
    for row in range(n):
        day[row], free[row] = _walk(
            lesions[row],
            rates,
            survival[row],
            cycle_day[row],
            target[row],
            (bounds[row, 0], bounds[row, 1]),
        )
    return day, free


def _walked(
    tumors: VirtualTumors,
    dose_gy: _Floats,
    cycle_day: _Floats,
    target: _Bools,
    *,
    step: float,
    until: _Floats,
) -> tuple[_Floats, _Floats]:
    dose = cycle_doses_gy(
        tumors,
        first_cycle_dose_gy=np.nan_to_num(dose_gy),
        given=np.isfinite(cycle_day),
    )
    return _walk_all(
        tumors.lesions,
        tumors.rates_per_day,
        np.exp(-tumors.sensitivity_per_gy[:, None, None] * dose),
        cycle_day,
        target,
        np.column_stack([np.full(len(until), step), until]),
    )


def target_progression_day(
    tumors: VirtualTumors,
    *,
    dose_gy: _Floats,
    cycle_day: _Floats,
    target: _Bools,
    until: _Floats,
) -> _Floats:
    """First day on which the true sum is 20 % and 5 mm above its nadir, whole days; inf: never.

    Parameters
    ----------
    tumors : VirtualTumors
    dose_gy : (n, lesions)
        Of the first cycle.
    cycle_day : (n, cycles)
    target : (n, lesions) bool
    until : (n,)
    """
    day, _ = _walked(tumors, dose_gy, cycle_day, target, step=TRUTH_STEP_DAYS, until=until)
    return np.asarray(np.ceil(day), dtype=np.float64)


def oracle_risk(
    tumors: VirtualTumors, *, dose_gy: _Floats, target: _Bools, treated: bool
) -> _Floats:
    """Minus the log of the mean free time that follows from all that is true before cycle 1, (n,).

    Of four cycles on time, over ten years: ``integral exp(-H(t)) dt`` up to the day on which the
    true sum progresses, *H* the integrated hazard of new lesions. What is left to chance is when
    these appear, what readers do, and whether cycles slip.
    """
    n = len(tumors.grade)
    planned = np.arange(4) * 56.0 if treated else np.full(4, np.nan)
    _, free = _walked(
        tumors,
        dose_gy,
        np.tile(planned, (n, 1)),
        target,
        step=ORACLE_STEP_DAYS,
        until=np.full(n, ORACLE_HORIZON_DAYS),
    )
    return np.asarray(-np.log(free / DAYS_PER_MONTH), dtype=np.float64)
