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
from operandi.therapy.course_equations import follow_all
from operandi.therapy.course_parameters import CourseParameters
from operandi.therapy.draws import Purpose, standard_normals, standard_uniforms

_Floats = npt.NDArray[np.float64]

DAYS_PER_MONTH: Final = 365.25 / 12
NEW_LESIONS: Final = 3
"""How many new lesions are followed: the first decides about progression, more tell its pace."""


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

    @property
    def lesions(self) -> _Floats:
        """Volumes and growth rates, (n, 2, lesions)."""
        return np.stack([self.volume_ml, self.growth_per_day], axis=1)

    @property
    def rates_per_day(self) -> _Floats:
        """Clearance, stroma and hazard of ``course_equations``, (3,)."""
        return np.array(
            [
                self.parameters.clearance_per_month / DAYS_PER_MONTH,
                self.parameters.stroma_fraction,
                self.parameters.new_lesion_per_month / DAYS_PER_MONTH,
            ]
        )


@dataclass(frozen=True, slots=True, eq=False)
class LesionCourse:
    """Lesions at visits.

    Parameters
    ----------
    visit_day : (t,) or (n, t)
        As given; NaN where a patient's visit did not take place.
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
    of a cycle is before it. New lesions come as the integral of ``h_0 sum V(t) / sum V(0)`` of the
    viable volume passes their thresholds, up to a patient's last visit.

    Parameters
    ----------
    tumors : VirtualTumors
    first_cycle_dose_gy : (n, lesions), >= 0
        Zero is no treatment.
    cycle_day : (cycles,) or (n, cycles), ascending, >= 0
        Empty for patients who are not treated. With a row a patient, NaN is a cycle not given.
    visit_day : (t,) or (n, t), ascending, >= 0
        With a row a patient, NaN is a visit that does not take place.

    Raises
    ------
    DataError
        If days are negative or not ascending, or a lesion has no dose.
    """
    n = len(tumors.volume_ml)
    cycles = _days(cycle_day, what="Cycles", n=n)
    visits = _days(visit_day, what="Visits", n=n)
    if visits.shape[1] == 0:
        raise ValueError("a course needs at least one visit")
    present = ~np.isnan(tumors.volume_ml)
    dose = np.where(present, first_cycle_dose_gy, 0.0)
    if dose.shape != tumors.volume_ml.shape or not (np.isfinite(dose) & (dose >= 0)).all():
        raise DataError(
            "Every lesion that is present needs a first-cycle dose >= 0 Gy.",
            remedy="Give the dose of each lesion, 0 where it is not treated.",
        )
    given = np.isfinite(cycles)
    cycle_dose = cycle_doses_gy(tumors, first_cycle_dose_gy=dose, given=given)
    at_visits, new_lesion_day = follow_all(
        tumors.lesions,
        tumors.rates_per_day,
        np.exp(-tumors.sensitivity_per_gy[:, None, None] * cycle_dose),
        cycles,
        visits,
        tumors.new_lesion_threshold,
    )
    return LesionCourse(
        visit_day=np.asarray(visit_day, dtype=np.float64),
        viable_ml=at_visits[0],
        dead_ml=at_visits[1],
        stroma_ml=at_visits[2],
        new_lesion_day=new_lesion_day,
        cycle_dose_gy=np.where(given[:, :, None] & present[:, None], cycle_dose, np.nan),
    )


def cycle_doses_gy(
    tumors: VirtualTumors, *, first_cycle_dose_gy: _Floats, given: npt.NDArray[np.bool_]
) -> _Floats:
    """Doses of all cycles, (n, cycles, lesions): each lower than the one given before.

    Parameters
    ----------
    tumors : VirtualTumors
    first_cycle_dose_gy : (n, lesions)
    given : (n, cycles) bool
        A cycle that is not given has dose 0.
    """
    decline = np.array(tumors.parameters.grade_dose_decline)[tumors.grade - 1]
    kept = (1.0 - decline)[:, None] ** (np.cumsum(given, axis=1) - 1)
    return np.asarray(np.where(given, kept, 0.0)[:, :, None] * first_cycle_dose_gy[:, None])


def _days(days: Sequence[float] | _Floats, *, what: str, n: int) -> _Floats:
    """One row a patient, (n, days)."""
    out = np.asarray(days, dtype=np.float64)
    each = out.ndim == 2
    ok = not np.isinf(out).any() and (each or not np.isnan(out).any()) and not (out < 0).any()
    filled = np.where(np.isnan(out), -np.inf, out)
    before = np.maximum.accumulate(filled, axis=-1)[..., :-1]
    later = filled[..., 1:]
    if not ok or ((later <= before) & (later > -np.inf)).any():
        raise DataError(
            f"{what} need days that are finite, >= 0 and ascending"
            f"{'' if each else f', got {out.tolist()}'}.",
            remedy="Count days from the start, day 0.",
        )
    if each and len(out) != n:
        raise ValueError(f"{what.lower()} of {len(out)} patients for {n}")
    return np.ascontiguousarray(out if each else np.broadcast_to(out.reshape(-1), (n, out.size)))
