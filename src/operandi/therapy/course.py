"""What becomes of lesions: growth, kill by cycles, clearance, new ones. No response criteria.

::

    tumors = virtual_tumors(patients.lesion_volume_ml, parameters=COURSE_A, seed=7)
    course = follow(tumors, first_cycle_dose_gy=dose, cycle_day=[0, 56, 112, 168],
                    visit_day=[0, 91, 182, 273, 365])
    course.diameter_mm            # (n, visits, lesions)
    course.relative_uptake        # (n, visits, lesions), mean uptake over that at the start
    course.new_lesion_day         # (n, NEW_LESIONS), NaN where none by the last visit

Every number is the truth about a lesion; a reader's error and RECIST are applied one floor up, in
the simulation. Death is not modeled. Decision 0024.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.quantities.errors import DataError
from operandi.therapy.course_parameters import CourseParameters
from operandi.therapy.draws import Purpose, standard_normals, standard_uniforms

_Floats = npt.NDArray[np.float64]

DAYS_PER_MONTH: Final = 365.25 / 12
NEW_LESIONS: Final = 3
"""How many new lesions are followed: the first decides about progression, more tell its pace."""
_HALVINGS: Final = 50


@dataclass(frozen=True, slots=True, eq=False)
class VirtualTumors:
    """What differs between tumors.

    Parameters
    ----------
    parameters : CourseParameters
    volume_ml : (n, lesions)
        At day 0, all viable; NaN where a patient has fewer lesions.
    grade : (n,), 1 or 2
    growth_per_day : (n, lesions), > 0
    sensitivity_per_gy : (n,), >= 0
    new_lesion_threshold : (n, NEW_LESIONS)
        Integrated hazards at which new lesions appear (a unit Poisson process).
    """

    parameters: CourseParameters
    volume_ml: _Floats
    grade: npt.NDArray[np.int64]
    growth_per_day: _Floats
    sensitivity_per_gy: _Floats
    new_lesion_threshold: _Floats

    def __post_init__(self) -> None:
        present = ~np.isnan(self.volume_ml)
        if not (self.volume_ml[present] > 0).all() or not present.any(axis=1).all():
            raise DataError(
                "Every patient needs at least one lesion, and every lesion a volume > 0 mL.",
                remedy="Leave patients without lesions out; an absent lesion is NaN.",
            )
        if not (self.growth_per_day > 0).all() or not (self.sensitivity_per_gy >= 0).all():
            raise ValueError("growth must be > 0 and sensitivity >= 0")


@dataclass(frozen=True, slots=True, eq=False)
class LesionCourse:
    """Lesions at visits.

    Parameters
    ----------
    visit_day : (t,)
    viable_ml, dead_ml, stroma_ml : (n, t, lesions)
        Living tumor; killed and clearing; killed and never clearing.
    new_lesion_day : (n, NEW_LESIONS)
        When new lesions appear, ascending; NaN after the last visit.
    cycle_dose_gy : (n, cycles, lesions)
    """

    visit_day: _Floats
    viable_ml: _Floats
    dead_ml: _Floats
    stroma_ml: _Floats
    new_lesion_day: _Floats
    cycle_dose_gy: _Floats

    @property
    def volume_ml(self) -> _Floats:
        """All that an image shows, (n, t, lesions)."""
        return self.viable_ml + self.dead_ml + self.stroma_ml

    @property
    def diameter_mm(self) -> _Floats:
        """Of the sphere of that volume, (n, t, lesions)."""
        return np.cbrt(6000.0 / math.pi * self.volume_ml)

    @property
    def relative_uptake(self) -> _Floats:
        """Viable part of the volume: mean uptake over that of untreated tumor, (n, t, lesions)."""
        return self.viable_ml / self.volume_ml


def virtual_tumors(
    volume_ml: _Floats, *, parameters: CourseParameters, seed: int, first_patient: int = 0
) -> VirtualTumors:
    """Draw grade, growth, sensitivity and the thresholds of new lesions for given lesions.

    Parameters
    ----------
    volume_ml : (n, lesions)
        Such as ``VirtualPatients.lesion_volume_ml``; NaN where absent.
    parameters : CourseParameters
    seed : int
    first_patient : int
        Row *i* is patient ``first_patient + i``, whatever the batch.
    """
    volume_ml = np.asarray(volume_ml, dtype=np.float64)
    n, lesions = volume_ml.shape
    at = {"seed": seed, "first_row": first_patient}
    z = standard_normals(n, 2 + lesions, purpose=Purpose.GROWTH, **at)
    u = standard_uniforms(n, 1 + NEW_LESIONS, purpose=Purpose.NEW_LESION, **at)
    grade = np.where(u[:, 0] < parameters.grade2_fraction, 2, 1)
    growth = parameters.growth_per_month * np.array(parameters.grade_growth_factor)[grade - 1]
    spread = (
        parameters.growth_log_sd_patient * z[:, 0, None]
        + parameters.growth_log_sd_lesion * z[:, 2:]
    )
    return VirtualTumors(
        parameters=parameters,
        volume_ml=volume_ml,
        grade=grade,
        growth_per_day=growth[:, None] * np.exp(spread) / DAYS_PER_MONTH,
        sensitivity_per_gy=parameters.sensitivity_per_gy
        * np.exp(parameters.sensitivity_log_sd * z[:, 1]),
        new_lesion_threshold=np.cumsum(-np.log(u[:, 1:]), axis=1),
    )


def calibration_dose_gy(tumors: VirtualTumors, *, seed: int, first_patient: int = 0) -> _Floats:
    """First-cycle doses (n, lesions) from the parameters' own distribution, without kinetics."""
    parameters = tumors.parameters
    n, lesions = tumors.volume_ml.shape
    z = standard_normals(
        n, 1 + lesions, seed=seed, purpose=Purpose.CALIBRATION_DOSE, first_row=first_patient
    )
    spread = parameters.dose_log_sd_patient * z[:, :1] + parameters.dose_log_sd_lesion * z[:, 1:]
    return parameters.first_cycle_dose_gy * np.exp(spread)


def follow(
    tumors: VirtualTumors,
    *,
    first_cycle_dose_gy: _Floats,
    cycle_day: Sequence[float] | _Floats,
    visit_day: Sequence[float] | _Floats,
) -> LesionCourse:
    """Follow every lesion through its cycles to every visit, in closed form.

    Between cycles viable volume grows as ``exp(g t)`` and dead volume clears as ``exp(-c t)``. A
    cycle of dose *D* kills ``1 - exp(-alpha D)`` of the viable volume at once; a fraction of what
    it kills is stroma. The dose of cycle *k* is ``D_1 (1 - decline)^(k - 1)``. A visit on the day
    of a cycle is before it.

    Parameters
    ----------
    tumors : VirtualTumors
    first_cycle_dose_gy : (n, lesions), >= 0
        Zero is no treatment.
    cycle_day : (cycles,), ascending, >= 0
        Empty for patients who are not treated.
    visit_day : (t,), ascending, >= 0

    Raises
    ------
    DataError
        If days are negative or not ascending, or a lesion has no dose.
    """
    cycles = _days(cycle_day, what="Cycles")
    visits = _days(visit_day, what="Visits")
    if visits.size == 0:
        raise ValueError("a course needs at least one visit")
    dose = np.where(np.isnan(tumors.volume_ml), 0.0, first_cycle_dose_gy)
    if dose.shape != tumors.volume_ml.shape or not (np.isfinite(dose) & (dose >= 0)).all():
        raise DataError(
            "Every lesion that is present needs a first-cycle dose >= 0 Gy.",
            remedy="Give the dose of each lesion, 0 where it is not treated.",
        )
    decline = np.array(tumors.parameters.grade_dose_decline)[tumors.grade - 1]
    kept = (1.0 - decline)[:, None] ** np.arange(cycles.size)
    cycle_dose = kept[:, :, None] * dose[:, None]
    survival = np.exp(-tumors.sensitivity_per_gy[:, None, None] * cycle_dose)
    states = _after_cycles(tumors, survival, cycles)
    starts = np.concatenate([[0.0], cycles])
    at_visits = np.empty((3, len(dose), visits.size, dose.shape[1]))
    for v, day in enumerate(visits):
        last = int(np.searchsorted(cycles, day, side="left"))
        at_visits[:, :, v] = _waited(tumors, states[last], day - starts[last])
    present = ~np.isnan(tumors.volume_ml)
    at_visits = np.where(present[:, None], at_visits, np.nan)
    return LesionCourse(
        visit_day=visits,
        viable_ml=at_visits[0],
        dead_ml=at_visits[1],
        stroma_ml=at_visits[2],
        new_lesion_day=_new_lesions(tumors, states[:, 0], starts, end=float(visits[-1])),
        cycle_dose_gy=np.where(present[:, None], cycle_dose, np.nan),
    )


def _days(days: Sequence[float] | _Floats, *, what: str) -> _Floats:
    out = np.asarray(days, dtype=np.float64).reshape(-1)
    if not np.isfinite(out).all() or (out < 0).any() or (np.diff(out) <= 0).any():
        raise DataError(
            f"{what} need days that are finite, >= 0 and ascending, got {out.tolist()}.",
            remedy="Count days from the start, day 0.",
        )
    return out


def _waited(tumors: VirtualTumors, state: _Floats, days: float) -> _Floats:
    """State (viable, dead, stroma) after *days* without a cycle."""
    clearance = tumors.parameters.clearance_per_month / DAYS_PER_MONTH
    return np.stack(
        [
            state[0] * np.exp(tumors.growth_per_day * days),
            state[1] * math.exp(-clearance * days),
            state[2],
        ]
    )


def _after_cycles(tumors: VirtualTumors, survival: _Floats, cycles: _Floats) -> _Floats:
    """States at day 0 and just after each cycle, (cycles + 1, 3, n, lesions)."""
    viable = np.nan_to_num(tumors.volume_ml, nan=0.0)
    state = np.stack([viable, np.zeros_like(viable), np.zeros_like(viable)])
    states = [state]
    before = 0.0
    for c, day in enumerate(cycles):
        viable, dead, stroma = _waited(tumors, state, day - before)
        killed = viable * (1.0 - survival[:, c])
        stays = tumors.parameters.stroma_fraction
        state = np.stack([viable - killed, dead + (1.0 - stays) * killed, stroma + stays * killed])
        states.append(state)
        before = float(day)
    return np.stack(states)


def _new_lesions(tumors: VirtualTumors, viable: _Floats, starts: _Floats, *, end: float) -> _Floats:
    """Days at which the integrated hazard passes the thresholds.

    Hazard ``h_0 sum V(t) / sum V(0)`` of the viable volume. Its integral is a sum of exponentials
    between cycles, inverted by halving, so that the days do not depend on the visits.
    """
    rate = tumors.parameters.new_lesion_per_month / DAYS_PER_MONTH
    share = rate * viable / viable[0].sum(axis=1)[None, :, None]  # (segments, n, lesions)
    growth = tumors.growth_per_day
    stops = np.concatenate([starts[1:], [max(end, float(starts[-1]))]])
    days = np.full(tumors.new_lesion_threshold.shape, np.nan)
    passed = np.zeros(len(growth))
    for segment, (start, stop) in enumerate(zip(starts, stops, strict=True)):
        gained = _integral(share[segment], growth, stop - start)
        left = tumors.new_lesion_threshold - passed[:, None]
        patient, which = np.nonzero((left > 0) & (left <= gained[:, None]))
        low = np.zeros(patient.size)
        high = np.full(patient.size, stop - start)
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            reached = _integral(share[segment][patient], growth[patient], middle[:, None])
            below = reached < left[patient, which]
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        days[patient, which] = start + high
        passed = passed + gained
    return np.where(days <= end, days, np.nan)


def _integral(share: _Floats, growth: _Floats, days: float | _Floats) -> _Floats:
    total: _Floats = (share * np.expm1(growth * days) / growth).sum(axis=1)
    return total
