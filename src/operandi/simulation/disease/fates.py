"""What becomes of the lesions of a cohort under given cycles, and whom it kills: the truth."""

from dataclasses import dataclass, fields, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.simulation.disease.baseline import Disease
from operandi.simulation.disease.progression import target_progression_day
from operandi.simulation.disease.survival import Mortality, death_days
from operandi.simulation.disease.trial_days import TrialDays
from operandi.therapy.course import LesionCourse, follow

_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]
_Bools = npt.NDArray[np.bool_]

NEW_LESION_MM: Final = 6.0
"""Diameter of a new lesion on the day it appears. Assumed: about the smallest that CT shows. It
then grows as the participant's lesions grow untreated, on average."""
# Keeps the last day of the search for new lesions after an exam on the day of the cut.
_LATER_DAYS: Final = 1e-6


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Fates:
    """What is true of participants under their cycles.

    Parameters
    ----------
    course : LesionCourse
        At exams, the baseline as day 0; new lesions up to the data cut.
    exam_day : (n, t)
        NaN also from the day of death.
    new_lesion_mm : (n, t, 3)
    progression_day, death_day : (n,)
        inf where none by the data cut.
    """

    course: LesionCourse
    exam_day: _Floats
    new_lesion_mm: _Floats
    progression_day: _Floats
    death_day: _Floats


def follow_fates(
    disease: Disease,
    days: TrialDays,
    *,
    target: _Bools,
    mortality: Mortality,
) -> Fates:
    """Follow lesions through ``days.cycle_day`` and let participants die.

    Parameters
    ----------
    disease : Disease
    days : TrialDays
    target : (n, lesions) bool
        Targets by their true diameters at the start.
    mortality : Mortality
    """
    exams = days.exam_day.shape[1]
    visits = np.column_stack([np.maximum(days.exam_day, 0.0), days.cut_day + _LATER_DAYS])
    course = follow(
        disease.tumors,
        first_cycle_dose_gy=disease.killing_dose_gy,
        cycle_day=days.cycle_day,
        visit_day=visits,
    )
    sum_day = target_progression_day(
        disease.tumors,
        dose_gy=disease.killing_dose_gy,
        cycle_day=days.cycle_day,
        target=target,
        until=days.cut_day,
    )
    first_new = course.new_lesion_day[:, 0]
    progression = np.fmin(sum_day, np.ceil(first_new))
    progression = np.where(progression <= days.cut_day, progression, np.inf)
    death = death_days(
        progression,
        cut_day=days.cut_day,
        mortality=mortality,
    )
    alive = days.exam_day < death[:, None]
    return Fates(
        course=replace(
            course,
            visit_day=np.where(alive, visits[:, :exams], np.nan),
            viable_ml=course.viable_ml[:, :exams],
            dead_ml=course.dead_ml[:, :exams],
            stroma_ml=course.stroma_ml[:, :exams],
        ),
        exam_day=np.where(alive, days.exam_day, np.nan),
        new_lesion_mm=_new_lesion_mm(disease, days.exam_day, course.new_lesion_day),
        progression_day=progression,
        death_day=death,
    )


def _new_lesion_mm(disease: Disease, exam_day: _Floats, new_day: _Floats) -> _Floats:
    present = ~np.isnan(disease.tumors.volume_ml)
    growth = np.where(present, disease.tumors.growth_per_day, 0.0).sum(axis=1)
    pace = growth / present.sum(axis=1) / 3.0
    since = exam_day[:, :, None] - new_day[:, None]
    since = np.where(since >= 0.0, since, np.nan)
    diameter = NEW_LESION_MM * np.exp(pace[:, None, None] * since)
    return np.where(np.isnan(since), 0.0, diameter)


def after_stopping(
    fates: Fates,
    disease: Disease,
    days: TrialDays,
    *,
    cycle_day: _Floats,
    target: _Bools,
    mortality: Mortality,
) -> Fates:
    """Follow those again whose cycles of ``days`` were not all given, as ``cycle_day`` says.

    Up to the day on which their cycles stopped nothing changes.
    """
    rows = np.flatnonzero((np.isnan(cycle_day) != np.isnan(days.cycle_day)).any(axis=1))
    if not rows.size:
        return fates
    other = follow_fates(
        _disease_of(disease, rows),
        TrialDays(
            cycle1_day=days.cycle1_day[rows],
            cut_day=days.cut_day[rows],
            dropout_day=days.dropout_day[rows],
            cycle_day=cycle_day[rows],
            exam_day=days.exam_day[rows],
            imaging_day=days.imaging_day[rows],
        ),
        target=target[rows],
        mortality=replace(mortality, chance=mortality.chance[rows]),
    )
    return Fates(
        course=LesionCourse(
            **{
                field.name: _with_rows(
                    getattr(fates.course, field.name), getattr(other.course, field.name), rows
                )
                for field in fields(LesionCourse)
            }
        ),
        exam_day=_with_rows(fates.exam_day, other.exam_day, rows),
        new_lesion_mm=_with_rows(fates.new_lesion_mm, other.new_lesion_mm, rows),
        progression_day=_with_rows(fates.progression_day, other.progression_day, rows),
        death_day=_with_rows(fates.death_day, other.death_day, rows),
    )


def _with_rows(of_all: _Floats, of_rows: _Floats, rows: _Ints) -> _Floats:
    # In place: the arrays were made here, and copies of all lesions at all exams take as long as
    # following them.
    of_all[rows] = of_rows
    return of_all


def _disease_of(disease: Disease, rows: _Ints) -> Disease:
    tumors = disease.tumors
    return replace(
        disease,
        tumors=replace(
            tumors,
            volume_ml=tumors.volume_ml[rows],
            grade=tumors.grade[rows],
            growth_per_day=tumors.growth_per_day[rows],
            sensitivity_per_gy=tumors.sensitivity_per_gy[rows],
            new_lesion_threshold=tumors.new_lesion_threshold[rows],
        ),
        killing_dose_gy=disease.killing_dose_gy[rows],
    )


def only_at(course: LesionCourse, took_place: _Bools) -> LesionCourse:
    """The course with NaN at visits that did not take place; changes its arrays."""
    for values in (course.viable_ml, course.dead_ml, course.stroma_ml):
        values[~took_place] = np.nan
    return replace(course, visit_day=np.where(took_place, course.visit_day, np.nan))
