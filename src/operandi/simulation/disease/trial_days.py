"""When things happen: recruitment, cycles that slip or stop, exams, PET-MRI, dropout, the data cut.

Whole days, as floats, counted from a participant's cycle 1; NaN is "not".
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.simulation.scenario import Scenario
from operandi.simulation.streams import Stream, uniforms
from operandi.therapy.course import DAYS_PER_MONTH

_Floats = npt.NDArray[np.float64]

CYCLES: Final = 4
CYCLE_DAYS: Final = 56.0
EXAM_DAYS: Final = 91.0
EXAM_JITTER_DAYS: Final = 7
"""An exam is up to so many days early or late. Assumed."""
MOST_BASELINE_DAYS: Final = 24
"""The exam and the PET-MRI before cycle 1 are at most so early; RECIST allows 28."""
INCLUSION_DAYS: Final = 28
"""Cycle 1 is at least so long after the first day of recruitment."""
AFTER_CYCLE_2_DAYS: Final = 42.0
YEAR_1_DAYS: Final = 365.0


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TrialDays:
    """Days as planned and as far as nothing about the disease changes them.

    Parameters
    ----------
    cycle1_day, cut_day, dropout_day : (n,)
    cycle_day : (n, CYCLES)
    exam_day : (n, t)
    imaging_day : (n, 3)
    """

    cycle1_day: _Floats
    cut_day: _Floats
    dropout_day: _Floats
    cycle_day: _Floats
    exam_day: _Floats
    imaging_day: _Floats


def recruitment_starts(scenario: Scenario) -> date:
    """First day of recruitment: so long before the data cut as recruitment and follow-up take."""
    return scenario.cohort.data_cut - timedelta(days=_trial_days(scenario))


def _trial_days(scenario: Scenario) -> int:
    cohort = scenario.cohort
    days = (cohort.recruitment_months + cohort.follow_up_months) * DAYS_PER_MONTH
    return max(round(days), INCLUSION_DAYS + 1)


def draw_days(n: int, *, scenario: Scenario, seed: int, first_participant: int) -> TrialDays:
    """Draw the days of a cohort.

    Cycles 2 to 4 slip with ``disease.cycle_slip`` by an exponential delay, which the later ones
    follow; ``disease.cycle_stop`` of participants get one to three cycles.
    """
    at = {"seed": seed, "first_row": first_participant}
    trial = _trial_days(scenario)
    recruitment = scenario.cohort.recruitment_months * DAYS_PER_MONTH
    u = uniforms(n, 1, stream=Stream.RECRUITMENT, **at)[:, 0]
    cycle1 = np.minimum(INCLUSION_DAYS + np.floor(u * recruitment), trial - 1.0)
    cut = trial - cycle1
    u = uniforms(n, 1, stream=Stream.DROPOUT, **at)[:, 0]
    rate = scenario.disease.dropout_per_year / 365.25
    dropout = np.ceil(-np.log(u) / rate) if rate > 0 else np.full(n, np.inf)
    dropout = np.where(dropout < cut, dropout, np.inf)
    known = np.minimum(cut, dropout)[:, None]
    cycles = _cycles(n, scenario=scenario, seed=seed, first_participant=first_participant)
    cycles = np.where(cycles <= known, cycles, np.nan)
    exams = 1 + trial // int(EXAM_DAYS)
    u = uniforms(n, exams + 3, stream=Stream.VISIT, **at)
    spread = 2 * EXAM_JITTER_DAYS + 1
    exam = np.arange(exams) * EXAM_DAYS + np.floor(u[:, :exams] * spread) - EXAM_JITTER_DAYS
    exam[:, 0] = -1.0 - np.floor(u[:, 0] * MOST_BASELINE_DAYS)
    imaging = np.column_stack(
        [
            -1.0 - np.floor(u[:, exams] * MOST_BASELINE_DAYS),
            cycles[:, 1] + AFTER_CYCLE_2_DAYS + np.floor(u[:, exams + 1] * 9) - 4,
            YEAR_1_DAYS + np.floor(u[:, exams + 2] * 29) - 14,
        ]
    )
    # Whose second cycle slipped so far has no visit between it and that of a year.
    imaging[imaging[:, 1] >= imaging[:, 2], 1] = np.nan
    return TrialDays(
        cycle1_day=cycle1,
        cut_day=cut,
        dropout_day=dropout,
        cycle_day=cycles,
        exam_day=np.where(exam <= known, exam, np.nan),
        imaging_day=np.where(imaging <= known, imaging, np.nan),
    )


def _cycles(n: int, *, scenario: Scenario, seed: int, first_participant: int) -> _Floats:
    if not scenario.disease.treated:
        return np.full((n, CYCLES), np.nan)
    settings = scenario.disease
    u = uniforms(n, 2 * CYCLES, seed=seed, stream=Stream.CYCLE, first_row=first_participant)
    late = np.ceil(-7.0 * settings.cycle_slip_weeks * np.log(u[:, 4:7]))
    delay = np.cumsum(np.where(u[:, 1:4] < settings.cycle_slip, late, 0.0), axis=1)
    day = np.arange(CYCLES) * CYCLE_DAYS + np.column_stack([np.zeros(n), delay])
    given = np.where(u[:, 0] < settings.cycle_stop, 1.0 + np.floor(3.0 * u[:, 7]), CYCLES)
    return np.where(np.arange(CYCLES) < given[:, None], day, np.nan)
