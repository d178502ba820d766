"""The days of a participant in the calendar: what the truth names, and what its conduct adds.

Days count from cycle 1, day 0, and become dates by whole days, so that nothing lies behind the
data cut.
"""

import math
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np

from operandi.simulation.disease.outcomes import Outcomes
from operandi.simulation.people.person import Person
from operandi.simulation.scenario import Scenario
from operandi.simulation.streams import Stream, generator

TIMEPOINTS: Final = ("BASELINE", "AFTER_CYCLE_2", "YEAR_1")
CYCLE_SPACING_DAYS: Final = 56
"""Of the label, and of the study file."""
_CONSENT, _TREATMENT = 1, 2  # keys of generators: what a participant's numbers are for


@dataclass(frozen=True, slots=True, kw_only=True)
class Chronology:
    """When things happened to one participant, in whole days from cycle 1.

    Parameters
    ----------
    row : int
        Of the outcomes.
    person : Person
    cycle1_on : date
        Day 0.
    last_day : int
        Last day of which anything is known: data cut, death or dropout.
    cut_day : int
    consent_day, screening_laboratory_day, inclusion_day, eligibility_pet_day : int
        Before cycle 1. Inclusion is the signed confirmation of eligibility.
    progressive_exams : (int, int)
        The two exams between which the tumor grew, before inclusion.
    cycle_days : tuple of int
        Of cycles that were given.
    planned_days : tuple of int
        First plan of cycles 2, 3 and 4, as far as one was made.
    exam_days : tuple of int
        Of RECIST exams, baseline first.
    imaging_days : tuple of (int or None)
        Of ``TIMEPOINTS``.
    progression_day, death_day : int or None
        Exam at which the local reader called progression; death.
    dropped_out : bool
    """

    row: int
    person: Person
    cycle1_on: date
    last_day: int
    cut_day: int
    consent_day: int
    screening_laboratory_day: int
    inclusion_day: int
    eligibility_pet_day: int
    progressive_exams: tuple[int, int]
    cycle_days: tuple[int, ...]
    planned_days: tuple[int, ...]
    exam_days: tuple[int, ...]
    imaging_days: tuple[int | None, ...]
    progression_day: int | None
    death_day: int | None
    dropped_out: bool

    def on(self, day: int) -> date:
        """The date of a day."""
        return self.cycle1_on + timedelta(days=day)

    def text(self, day: int) -> str:
        """The date of a day, as a cell."""
        return self.on(day).isoformat()


def date_of(outcomes: Outcomes, scenario: Scenario, *, row: int, day: float) -> date:
    """The date of a participant's day; the day of cycle 1 is whole days before the data cut."""
    whole = math.floor(day) - math.floor(float(outcomes.cut_day[row]))
    return scenario.cohort.data_cut + timedelta(days=whole)


def chronology_of(outcomes: Outcomes, scenario: Scenario, *, row: int, seed: int) -> Chronology:
    """The days of one participant.

    Consent comes before every act of the study; the laboratory of screening lies two to four weeks
    before cycle 1, as the study file asks, and inclusion a few days after it. How long before each
    is assumed.
    """
    person = outcomes.persons.person(row)
    draw = generator(person.number, _CONSENT, seed=seed, stream=Stream.CLINICAL)
    laboratory = -int(draw.integers(21, 29))
    inclusion = laboratory + int(draw.integers(2, 7))
    imaging = tuple(_whole(day) for day in outcomes.imaging_day[row])
    first_act = min(laboratory, imaging[0] if imaging[0] is not None else laboratory)
    consent = first_act - int(draw.integers(2, 8))
    pet = inclusion - int(draw.integers(21, 76))
    latest_exam = min(consent - int(draw.integers(3, 22)), inclusion - 1)
    cut, death = math.floor(outcomes.cut_day[row]), _whole(outcomes.death_day[row])
    dropout = _whole(outcomes.dropout_day[row])
    last = min(day for day in (cut, death, dropout) if day is not None)
    cycles = tuple(int(day) for day in np.floor(outcomes.cycle_day[row]) if day <= last)
    return Chronology(
        row=row,
        person=person,
        cycle1_on=date_of(outcomes, scenario, row=row, day=0.0),
        last_day=last,
        cut_day=cut,
        consent_day=consent,
        screening_laboratory_day=laboratory,
        inclusion_day=inclusion,
        eligibility_pet_day=pet,
        progressive_exams=(latest_exam - _days_of_growth(outcomes, row), latest_exam),
        cycle_days=cycles,
        planned_days=tuple(day + CYCLE_SPACING_DAYS for day in cycles[:3]),
        exam_days=tuple(d for d in map(_whole, outcomes.exam_day[row]) if d is not None),
        imaging_days=imaging,
        progression_day=_whole(outcomes.exam_progression_day[row]),
        death_day=death if death is not None and death <= cut else None,
        dropped_out=dropout is not None and dropout == last and dropout < cut,
    )


def _whole(day: float) -> int | None:
    return math.floor(day) if math.isfinite(day) else None


def _days_of_growth(outcomes: Outcomes, row: int) -> int:
    """How long the fastest lesion took to grow by a quarter in diameter, within 3 to 18 months."""
    growth = outcomes.tumors.growth_per_day[row][~np.isnan(outcomes.tumors.volume_ml[row])]
    return int(np.clip(3.0 * math.log(1.25) / growth.max(), 91.0, 540.0))
