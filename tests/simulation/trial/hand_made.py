"""A cohort made by hand, in which every fate occurs."""

from dataclasses import replace

import numpy as np

from operandi.simulation.disease.outcomes import Outcomes
from operandi.simulation.disease.progression import TARGET, choose_lesions
from operandi.simulation.people.persons import draw_persons
from operandi.simulation.scenario import Scenario, read_scenario
from operandi.simulation.trial.chronology import date_of
from operandi.therapy.course import LesionCourse, follow, virtual_tumors
from operandi.therapy.course_parameters import COURSE_A

SEED = 7
EXAMS = (-20.0, *(91.0 * k for k in range(1, 12)))


def the_scenario(**conduct: float) -> Scenario:
    """The plain trial, with the rates of ``[conduct]`` that a test is about."""
    plain = read_scenario("dose")
    return plain.model_copy(update={"conduct": plain.conduct.model_copy(update=conduct)})


def a_cohort(
    n: int, *, scenario: Scenario | None = None, first: int = 0, seed: int = SEED
) -> Outcomes:
    """Outcomes of *n* participants whose fates repeat every eight participants.

    0 and 1 are well; 2 has cycle 3 slip by three weeks; 3 stops after cycle 2; 4 progresses on day
    364 and dies on day 700; 5 drops out on day 300; 6 dies on day 120; 7 was treated half a year
    ago.
    """
    scenario = scenario or the_scenario()
    persons = draw_persons(n, scenario=scenario, seed=seed, first_participant=first)
    fate = (first + np.arange(n)) % 8
    volume = np.where(np.arange(4) < 2 + (first + np.arange(n))[:, None] % 3, 20.0, np.nan)
    tumors = virtual_tumors(volume, parameters=COURSE_A, seed=seed, first_patient=first)
    cycles = np.tile([0.0, 56.0, 112.0, 168.0], (n, 1))
    cycles[fate == 2, 2:] += 21.0
    cycles[fate == 3, 2:] = np.nan
    cycles[fate == 6, 3:] = np.nan
    cut = np.where(fate == 7, 180.0, 1000.0)
    death = np.select([fate == 4, fate == 6], [700.0, 120.0], np.inf)
    dropout = np.where(fate == 5, 300.0, np.inf)
    last = np.minimum(np.minimum(cut, death), dropout)
    exams = np.where(np.array(EXAMS) <= last[:, None], np.array(EXAMS), np.nan)
    imaging = np.column_stack([np.full(n, -10.0), cycles[:, 1] + 40.0, np.full(n, 365.0)])
    imaging[imaging > last[:, None]] = np.nan
    dose = np.full((n, 4), 25.0)

    def course(days: tuple[float, ...]) -> LesionCourse:
        return follow(
            tumors, first_cycle_dose_gy=dose, cycle_day=(0.0, 56.0, 112.0, 168.0), visit_day=days
        )

    progression = np.where(fate == 4, 350.0, np.inf)
    return Outcomes(
        first_participant=first,
        persons=persons,
        cycle1_day=np.zeros(n),
        lesion_organ=np.where(np.isnan(volume), -1, np.array([2, 2, 3, 4])),
        tumors=tumors,
        covariates={},
        uptake_z=np.where(np.isnan(volume), np.nan, np.linspace(-2.5, 1.5, 4)),
        lesion_dose_gy=dose,
        organ_dose_gy=np.tile([6.0, 4.84, 0.115], (n, 1)),
        cycle_day=cycles,
        exam_day=exams,
        imaging_day=imaging,
        at_exams=course((0.0, *EXAMS[1:])),
        at_imaging=course((0.0, 96.0, 365.0)),
        new_lesion_mm=np.zeros((n, len(EXAMS), 3)),
        progression_day=progression,
        death_day=death,
        cut_day=cut,
        dropout_day=dropout,
        exam_progression_day=np.where(fate == 4, 364.0, np.inf),
        pfs_day=np.where(fate == 4, 364.0, last),
        pfs_left_day=np.where(fate == 4, 273.0, last),
        pfs_event=(fate == 4) | (fate == 6),
        os_day=last,
        os_event=np.isfinite(death),
        best_response=np.full(n, 2),
        oracle_risk=np.zeros(n),
    )


def untreated(outcomes: Outcomes) -> Outcomes:
    """The same people without any cycle."""
    nobody = np.full_like(outcomes.cycle_day, np.nan)
    return replace(outcomes, cycle_day=nobody, organ_dose_gy=np.zeros((len(outcomes), 3)))


def recist_of(outcomes: Outcomes, *, scenario: Scenario) -> dict[str, list[dict[str, str]]]:
    """True diameters as the investigator's reads of every exam; nothing new is seen."""
    lesions, reads = [], []
    baseline_mm = np.cbrt(6000.0 / np.pi * outcomes.tumors.volume_ml)
    targets = choose_lesions(baseline_mm, outcomes.lesion_organ) == TARGET
    organs = ("pancreas", "ileum", "liver", "lymph node", "bone", "peritoneum")
    for row in range(len(outcomes)):
        name = outcomes.persons.person(row).pseudonym
        for column in np.flatnonzero(outcomes.lesion_organ[row] >= 0):
            who = {"participant": str(name), "lesion": f"{name}-L{column + 1}"}
            code = int(outcomes.lesion_organ[row, column])
            lesions.append(
                who
                | {
                    "organ": organs[code],
                    "node": "yes" if code == 3 else "no",
                    "category": "target" if targets[row, column] else "non_target",
                    "previously_irradiated": "no",
                }
            )
            for k, day in enumerate(outcomes.exam_day[row]):
                if np.isfinite(day):
                    on = date_of(outcomes, scenario, row=row, day=day)
                    diameter = outcomes.at_exams.diameter_mm[row, k, column]
                    reads.append(
                        who
                        | {
                            "reader": "R1",
                            "role": "investigator",
                            "exam_on": str(on),
                            "modality": "ct",
                            "slice_thickness_mm": "1.5",
                            "diameter_mm": f"{diameter:.1f}",
                            "state": "measured",
                        }
                    )
    return {"recist_lesions": lesions, "recist_reads": reads}
