"""What becomes of a cohort, as arrays: the truth of the disease and what visits would find.

Rows are participants. Days count from a participant's cycle 1, day 0. NaN is "not".
"""

import math
from dataclasses import dataclass, replace
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from operandi.quantities.errors import DataError
from operandi.simulation.disease.baseline import draw_disease
from operandi.simulation.disease.fates import after_stopping, follow_fates, only_at
from operandi.simulation.disease.progression import (
    TARGET,
    choose_lesions,
    oracle_risk,
)
from operandi.simulation.disease.reads import (
    LOCAL,
    NE,
    Exams,
    best_response,
    first_progression_day,
    read_exams,
)
from operandi.simulation.disease.survival import (
    Mortality,
    draw_chances,
    overall_survival,
    progression_free_days,
)
from operandi.simulation.disease.trial_days import TrialDays, draw_days
from operandi.simulation.people.persons import Persons, draw_persons
from operandi.simulation.scenario import Scenario
from operandi.therapy.course import LesionCourse, VirtualTumors, follow

_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]
_Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Outcomes:
    """A cohort followed to the data cut.

    Parameters
    ----------
    first_participant : int
        Row 0 is this participant of the endless row that the seed names.
    persons : Persons
        Who they are.
    cycle1_day : (n,)
        Of cycle 1, counted from the first day of recruitment.
    lesion_organ : (n, lesions) int
        Index into ``LesionOrgan``; -1 where absent.
    tumors : VirtualTumors
        With the scenario's effects in growth, sensitivity and new lesions.
    covariates : dict of str to (n,)
        Standardized covariates of effects, such as ``"uptake_heterogeneity"``.
    uptake_z : (n, lesions)
        Standard normal score of a lesion's SUV among all lesions.
    lesion_dose_gy : (n, lesions)
        Of the first cycle, as received.
    organ_dose_gy : (n, 3)
        Of the first cycle: spleen, kidneys, red marrow.
    cycle_day : (n, 4)
        Actual day; NaN for a cycle that was not given.
    exam_day : (n, t)
        Of RECIST exams, the first (baseline) before day 0 as negative; NaN where none took place.
    imaging_day : (n, 3)
        Of the three PET-MRI; NaN where none took place.
    at_exams, at_imaging : LesionCourse
        True lesions on those days (day 0 for a baseline).
    new_lesion_mm : (n, t, 3)
        Diameters of new lesions at exams, 0 before they appear.
    progression_day : (n,)
        First day on which the true sum of diameters or a new lesion means progression; inf where
        it does not by the data cut.
    death_day : (n,)
        inf where none by the data cut.
    cut_day : (n,)
        Data cut.
    dropout_day : (n,)
        After which nothing is known; inf where followed to the cut.
    exam_progression_day : (n,)
        Day of the exam at which the local reader called progression; inf where none.
    pfs_day, pfs_left_day : (n,)
        Event or censoring; last exam without progression before it (the interval's left end).
    pfs_event, os_event : (n,) bool
    os_day : (n,)
    best_response : (n,) int
        0 CR, 1 PR, 2 SD, 3 PD, 4 NE; of the local reader.
    oracle_risk : (n,)
        Log hazard-like score of all that is true before cycle 1 and drives progression: higher is
        worse. What no marker can beat.
    """

    first_participant: int
    persons: Persons
    cycle1_day: _Floats
    lesion_organ: _Ints
    tumors: VirtualTumors
    covariates: dict[str, _Floats]
    uptake_z: _Floats
    lesion_dose_gy: _Floats
    organ_dose_gy: _Floats
    cycle_day: _Floats
    exam_day: _Floats
    imaging_day: _Floats
    at_exams: LesionCourse
    at_imaging: LesionCourse
    new_lesion_mm: _Floats
    progression_day: _Floats
    death_day: _Floats
    cut_day: _Floats
    dropout_day: _Floats
    exam_progression_day: _Floats
    pfs_day: _Floats
    pfs_left_day: _Floats
    pfs_event: _Bools
    os_day: _Floats
    os_event: _Bools
    best_response: _Ints
    oracle_risk: _Floats

    def __len__(self) -> int:
        return len(self.persons)


def simulate_outcomes(
    scenario: Scenario, *, participants: int, seed: int, first_participant: int = 0
) -> Outcomes:
    """Follow a cohort from the first PET-MRI to the data cut.

    Each participant is the same in whatever batch. Cycles after the local reader's progression
    are not given; exams and PET-MRI after it do not take place, as another therapy begins
    (assumed).

    Parameters
    ----------
    scenario : Scenario
    participants : int, >= 1
    seed : int
    first_participant : int, >= 0

    Raises
    ------
    DataError
        If there is no participant.
    """
    if participants < 1 or first_participant < 0:
        raise DataError(
            f"A cohort needs participants, got {participants} from {first_participant}.",
            remedy="Give participants >= 1.",
        )
    at: _At = {"seed": seed, "first_participant": first_participant}
    persons = draw_persons(participants, scenario=scenario, **at)
    disease = draw_disease(persons, scenario=scenario, seed=seed)
    days = draw_days(participants, scenario=scenario, **at)
    target = choose_lesions(_diameter_mm(disease.tumors.volume_ml), disease.organ) == TARGET
    mortality = Mortality(
        chance=draw_chances(participants, **at),
        post_progression_months=scenario.disease.post_progression_months,
    )
    fates = follow_fates(disease, days, target=target, mortality=mortality)
    reads = read_exams(
        Exams(
            day=fates.exam_day,
            organ=disease.organ,
            diameter_mm=fates.course.diameter_mm,
            new_lesion_mm=fates.new_lesion_mm,
        ),
        reader=LOCAL,
        scenario=scenario,
        **at,
    )
    called = first_progression_day(reads.response, fates.exam_day)
    stopped = np.minimum(called, fates.death_day)[:, None]
    cycle_day = np.where(days.cycle_day < stopped, days.cycle_day, np.nan)
    fates = after_stopping(
        fates, disease, days, cycle_day=cycle_day, target=target, mortality=mortality
    )
    exam_day = np.where(fates.exam_day <= called[:, None], fates.exam_day, np.nan)
    took_place = ~np.isnan(exam_day)
    imaging_day = _imaging_days(days, cycle_day=cycle_day, stopped_day=stopped)
    imaging = follow(
        disease.tumors,
        first_cycle_dose_gy=disease.killing_dose_gy,
        cycle_day=cycle_day,
        visit_day=np.maximum(imaging_day, 0.0),
    )
    known = np.minimum(days.cut_day, days.dropout_day)
    response = np.where(took_place, reads.response, NE)
    pfs_day, pfs_left, pfs_event = progression_free_days(
        response,
        exam_day=exam_day,
        called_day=called,
        death_day=fates.death_day,
        known_day=known,
    )
    os_day, os_event = overall_survival(fates.death_day, known_day=known)
    return Outcomes(
        first_participant=first_participant,
        persons=persons,
        cycle1_day=days.cycle1_day,
        lesion_organ=disease.organ,
        tumors=disease.tumors,
        covariates=disease.covariates,
        uptake_z=disease.uptake_z,
        lesion_dose_gy=disease.uptake.lesion_dose_gy,
        organ_dose_gy=disease.uptake.organ_dose_gy,
        cycle_day=cycle_day,
        exam_day=exam_day,
        imaging_day=imaging_day,
        at_exams=only_at(fates.course, took_place),
        at_imaging=replace(imaging, new_lesion_day=fates.course.new_lesion_day),
        new_lesion_mm=np.where(took_place[:, :, None], fates.new_lesion_mm, 0.0),
        progression_day=fates.progression_day,
        death_day=fates.death_day,
        cut_day=days.cut_day,
        dropout_day=days.dropout_day,
        exam_progression_day=called,
        pfs_day=pfs_day,
        pfs_left_day=pfs_left,
        pfs_event=pfs_event,
        os_day=os_day,
        os_event=os_event,
        best_response=best_response(response),
        oracle_risk=oracle_risk(
            disease.tumors,
            dose_gy=disease.killing_dose_gy,
            target=target,
            treated=scenario.disease.treated,
        ),
    )


class _At(TypedDict):
    seed: int
    first_participant: int


def _diameter_mm(volume_ml: _Floats) -> _Floats:
    return np.asarray(np.cbrt(6000.0 / math.pi * volume_ml), dtype=np.float64)


def _imaging_days(days: TrialDays, *, cycle_day: _Floats, stopped_day: _Floats) -> _Floats:
    """Days of the PET-MRI that took place: before progression was called, after two cycles."""
    day = np.where(days.imaging_day < stopped_day, days.imaging_day, np.nan)
    day[:, 1] = np.where(np.isnan(cycle_day[:, 1]), np.nan, day[:, 1])
    return day
