"""Imaging visits as they were carried out: the day, the tracer, the clock, the scale.

What stands in a :class:`VisitPlan` is rounded as a hospital prints it, so that the tables and the
images that follow from it agree exactly.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from operandi.domain.administration import Administration
from operandi.domain.identity import Pseudonym, TimepointCode
from operandi.imaging.dicom.segmentation import deterministic_uid
from operandi.quantities.decay import remaining_fraction
from operandi.quantities.nuclides import GA68
from operandi.simulation.disease.outcomes import Outcomes
from operandi.simulation.scenario import Scenario
from operandi.simulation.streams import Stream, generator
from operandi.simulation.trial.chronology import TIMEPOINTS, Chronology, chronology_of

ZONE: Final = ZoneInfo("Europe/Paris")
TRACER: Final = "68Ga-DOTATOC"
MBQ_PER_KG: Final = 2.0
"""Injected, spread by a tenth and within 100 to 200 MBq: recalled from the EANM's guideline."""
UPTAKE_MINUTES: Final = (55, 70)
"""From injection to the start of the PET, both included."""
MASS_CHANGE: Final = 0.03
"""Standard deviation of body mass at a later visit, as a part. Assumed."""
MASS_LOST_IN_PROGRESSION: Final = 0.05
"""Part of body mass lost once the tumor progresses. Assumed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitPlan:
    """One imaging visit.

    Parameters
    ----------
    participant, timepoint : Pseudonym, TimepointCode
    date : date
    assayed_at, injected_at, residual_at, pet_started_at : datetime, aware
        In the department's own zone, in whole minutes.
    assayed_mbq, residual_mbq : float
        As printed, each at its own instant.
    injected : Administration
        Net activity at injection.
    body_mass_kg, height_m : float
        As printed: half kilograms, centimeters.
    study_instance_uid : str
    """

    participant: Pseudonym
    timepoint: TimepointCode
    date: date
    assayed_at: datetime
    injected_at: datetime
    residual_at: datetime
    pet_started_at: datetime
    assayed_mbq: float
    residual_mbq: float
    injected: Administration
    body_mass_kg: float
    height_m: float
    study_instance_uid: str


def visit_plans(
    outcomes: Outcomes, scenario: Scenario, *, seed: int
) -> dict[tuple[int, int], VisitPlan]:
    """Plan every imaging visit that takes place.

    Parameters
    ----------
    outcomes : Outcomes
    scenario : Scenario
    seed : int
        Of the numbers and of the identifiers.

    Returns
    -------
    dict of (row of outcomes, visit 0 to 2) to VisitPlan
    """
    found: dict[tuple[int, int], VisitPlan] = {}
    for row in range(len(outcomes)):
        days = chronology_of(outcomes, scenario, row=row, seed=seed)
        for visit, day in enumerate(days.imaging_days):
            if day is not None and day <= days.last_day:
                found[row, visit] = _plan(days, outcomes, visit=visit, day=day, seed=seed)
    return found


def _plan(days: Chronology, outcomes: Outcomes, *, visit: int, day: int, seed: int) -> VisitPlan:
    person = days.person
    draw = generator(person.number, visit, seed=seed, stream=Stream.VISIT)
    mass_kg = _mass_kg(days, outcomes, visit=visit, day=day, score=draw.standard_normal())
    at = datetime.combine(days.on(day), datetime.min.time(), ZONE)
    injected_at = at + timedelta(minutes=int(draw.integers(8 * 60 + 45, 15 * 60)))
    assayed_at = injected_at - timedelta(minutes=int(draw.integers(6, 16)))
    residual_at = injected_at + timedelta(minutes=int(draw.integers(4, 10)))
    first, last = UPTAKE_MINUTES
    started_at = injected_at + timedelta(minutes=int(draw.integers(first, last + 1)))
    wanted_mbq = float(np.clip(MBQ_PER_KG * mass_kg * draw.normal(1.0, 0.1), 100.0, 200.0))
    residual_mbq = round(wanted_mbq * float(draw.uniform(0.02, 0.05)), 1)
    before, after = _fraction(injected_at, assayed_at), _fraction(residual_at, injected_at)
    residual_then_mbq = residual_mbq / after
    assayed_mbq = round((wanted_mbq + residual_then_mbq) / before, 1)
    return VisitPlan(
        participant=person.pseudonym,
        timepoint=TimepointCode(TIMEPOINTS[visit]),
        date=days.on(day),
        assayed_at=assayed_at,
        injected_at=injected_at,
        residual_at=residual_at,
        pet_started_at=started_at,
        assayed_mbq=assayed_mbq,
        residual_mbq=residual_mbq,
        injected=Administration(
            nuclide=GA68,
            activity_bq=1e6 * (assayed_mbq * before - residual_then_mbq),
            at=injected_at,
            half_life_s=GA68.half_life_s,
        ),
        body_mass_kg=mass_kg,
        height_m=round(person.height_m, 2),
        study_instance_uid=deterministic_uid(
            "study", str(seed), person.pseudonym, TIMEPOINTS[visit]
        ),
    )


def _fraction(later: datetime, earlier: datetime) -> float:
    elapsed_s = (later - earlier).total_seconds()
    return remaining_fraction(elapsed_s, half_life_s=GA68.half_life_s)


def _mass_kg(days: Chronology, outcomes: Outcomes, *, visit: int, day: int, score: float) -> float:
    """Of the first visit the person's own, later with a random change and with progression."""
    log_change = MASS_CHANGE * float(np.clip(score, -3.0, 3.0)) if visit else 0.0
    if outcomes.progression_day[days.row] <= day:
        log_change += np.log1p(-MASS_LOST_IN_PROGRESSION)
    return float(np.round(2.0 * days.person.body_mass_kg * np.exp(log_change)) / 2.0)
