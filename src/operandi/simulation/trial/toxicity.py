"""What treatment does to blood and kidneys: the truth behind the laboratory's results.

A count falls after each cycle and recovers, on the logarithm::

    ln c(t) = ln c0 - s * sum_k w(t - t_k) * D / D_ref
    w(x) = (x / x_n)**a * exp(a * (1 - x / x_n))

with the nadir *x_n* days after a cycle, *D* the marrow's dose of a cycle and *s* a log-normal
sensitivity of the participant. Falls of cycles add up, so that the nadir of later cycles is
deeper. Filtration falls with the kidneys' dose.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from operandi.simulation.disease.outcomes import Outcomes
from operandi.simulation.streams import Stream, uniforms

_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]

MARROW_REFERENCE_GY: Final = 0.115
"""Median of a cycle of 7.4 GBq by ``therapy.kinetics``, 0.016 Gy/GBq; the label's 0.035 (recalled)
is of another method, and what counts here is the spread about the median."""
KIDNEY_REFERENCE_GY: Final = 4.84
"""Of a cycle: NETTER-1's 19.4 Gy in 29.6 GBq, as cited in ``therapy.kinetic_parameters``."""
AGING_PER_YEAR: Final = 0.01
"""Part of filtration lost by age alone. Recalled, about 0.8 mL/min a year."""
LOSS_PER_YEAR: Final = 0.028
"""Part of filtration lost a year after 20 Gy to the kidneys, beside age. Recalled: 3.8 % a year
together (Bodei 2008)."""
_LOSS_LOG_SD: Final = 0.7  # assumed
_SHARED: Final = 0.6  # correlation of the sensitivities of two lines of cells. Assumed
_COLUMNS: Final = 16  # of the stream; more than are used
ANEMIA_OF_PROGRESSION: Final = 0.10
"""Part of hemoglobin lost in a year of progressive disease. Assumed."""
_DAYS_PER_YEAR: Final = 365.25


@dataclass(frozen=True, slots=True, kw_only=True)
class BloodPrior:
    """How one count stands before treatment and answers to it.

    Parameters
    ----------
    median : (float, float)
        Before treatment, of women and men, in ``unit``.
    log_sd : float
        Between participants. Assumed.
    least : float
        No participant with less is included.
    lower_limit : (float, float)
        Of normal, of women and men.
    grade_below : tuple of float
        Grades 2, 3, 4 of CTCAE v5 are below these; grade 1 below the lower limit.
    nadir_days, sharpness : float
        *x_n* and *a*.
    fall, fall_log_sd : float
        Median of *s* and its log-normal spread.
    within : float
        Coefficient of variation of a result about the truth, biological and analytical. Assumed.
    unit : str
    """

    median: tuple[float, float]
    log_sd: float
    least: float
    lower_limit: tuple[float, float]
    grade_below: tuple[float, ...]
    nadir_days: float
    sharpness: float
    fall: float
    fall_log_sd: float
    within: float
    unit: str


BLOOD: Final[Mapping[str, BloodPrior]] = {
    "platelets": BloodPrior(
        median=(245.0, 225.0),
        log_sd=0.24,
        least=110.0,
        lower_limit=(150.0, 150.0),
        grade_below=(75.0, 50.0, 25.0),
        nadir_days=35.7,
        sharpness=3.2,
        fall=0.35,
        fall_log_sd=0.52,
        within=0.06,
        unit="10^9/L",
    ),
    "neutrophils": BloodPrior(
        median=(4.0, 4.0),
        log_sd=0.28,
        least=1.7,
        lower_limit=(1.8, 1.8),
        grade_below=(1.5, 1.0, 0.5),
        nadir_days=35.7,
        sharpness=3.2,
        fall=0.375,
        fall_log_sd=0.5,
        within=0.12,
        unit="10^9/L",
    ),
    "lymphocytes": BloodPrior(
        median=(1.6, 1.6),
        log_sd=0.28,
        least=0.6,
        lower_limit=(1.0, 1.0),
        grade_below=(0.8, 0.5, 0.2),
        nadir_days=35.7,
        sharpness=1.0,
        fall=0.584,
        fall_log_sd=0.45,
        within=0.10,
        unit="10^9/L",
    ),
    "hemoglobin": BloodPrior(
        median=(12.9, 13.9),
        log_sd=0.08,
        least=9.5,
        lower_limit=(12.0, 13.0),
        grade_below=(10.0, 8.0),
        nadir_days=60.0,
        sharpness=1.5,
        fall=0.0555,
        fall_log_sd=0.2,
        within=0.025,
        unit="g/dL",
    ),
}
"""Medians and limits are those of common reference ranges, assumed; hemoglobin's limits are the
WHO's (recalled). The nadir at 5.1 weeks and recovery in two months are NETTER-1's for platelets
(research record, B1). ``fall`` and its spread are fitted so that the worst grade after cycle 1
comes out as in NETTER-1: platelets 53 % any, 1 % grade 3 or 4; anemia 81 and 0 %; neutrophils 26
and 3 % (B1); lymphocytes 90 and 44 % (recalled, label)."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Toxicity:
    """What differs between participants.

    Parameters
    ----------
    baseline, fall : mapping of test to (n,)
        Before treatment; *s* times the marrow's dose over the reference.
    filtration : (n,)
        Before treatment, mL/min/1.73 m2.
    filtration_loss : (n,)
        Part lost a year after each cycle, beside age.
    """

    baseline: Mapping[str, _Floats]
    fall: Mapping[str, _Floats]
    filtration: _Floats
    filtration_loss: _Floats


def draw_toxicity(outcomes: Outcomes, *, seed: int) -> Toxicity:
    """Draw how the blood and kidneys of each participant stand and answer to dose."""
    n, first = len(outcomes), outcomes.first_participant
    # Halves of one row of the stream, so that no number serves twice.
    drawn = uniforms(n, 2 * _COLUMNS, seed=seed, stream=Stream.TOXICITY, first_row=first)
    u, z = drawn[:, :_COLUMNS], np.asarray(ndtri(drawn[:, _COLUMNS:]), dtype=np.float64)
    female = outcomes.persons.female
    marrow = _relative(outcomes.organ_dose_gy[:, 2], MARROW_REFERENCE_GY)
    kidney = _relative(outcomes.organ_dose_gy[:, 1], KIDNEY_REFERENCE_GY)
    baseline, fall = {}, {}
    for column, (test, prior) in enumerate(BLOOD.items(), start=1):
        median = np.where(female, *prior.median)
        baseline[test] = median * np.exp(
            prior.log_sd * _at_least(u[:, column], np.log(prior.least / median) / prior.log_sd)
        )
        score = _SHARED**0.5 * z[:, 8] + (1.0 - _SHARED) ** 0.5 * z[:, 8 + column]
        fall[test] = prior.fall * np.exp(prior.fall_log_sd * score) * marrow
    # 88 at 60 years, less by age; nobody below 45 is included. Assumed.
    mean = 88.0 - 0.8 * (outcomes.persons.age_years - 60.0)
    return Toxicity(
        baseline=baseline,
        fall=fall,
        filtration=mean + 14.0 * _at_least(u[:, 6], (45.0 - mean) / 14.0),
        filtration_loss=LOSS_PER_YEAR / 4.0 * kidney * np.exp(_LOSS_LOG_SD * z[:, 15]),
    )


def _relative(dose_gy: _Floats, reference_gy: float) -> _Floats:
    """Of nobody treated there is no dose."""
    return np.nan_to_num(dose_gy) / reference_gy


def _at_least(u: _Floats, least: _Floats) -> _Floats:
    """Standard normal scores above *least*, by inversion of uniform numbers, and at most 2.5."""
    low, high = ndtr(least), ndtr(2.5)
    return np.asarray(ndtri(low + u * (high - low)), dtype=np.float64)


def blood_counts(
    toxicity: Toxicity, outcomes: Outcomes, *, row: int, days: npt.ArrayLike
) -> dict[str, _Floats]:
    """True counts of one participant on *days*, by test, in the units of ``BLOOD``.

    Parameters
    ----------
    toxicity : Toxicity
    outcomes : Outcomes
    row : int
    days : (t,)
        From cycle 1; negative before it.
    """
    on = np.asarray(days, dtype=np.float64)
    since = on[:, None] - _cycles(outcomes, row)
    counts = {
        test: toxicity.baseline[test][row]
        * np.exp(-toxicity.fall[test][row] * _effect(since, prior).sum(axis=1))
        for test, prior in BLOOD.items()
    }
    years_ill = np.clip(on - outcomes.progression_day[row], 0.0, None) / _DAYS_PER_YEAR
    counts["hemoglobin"] *= (1.0 - ANEMIA_OF_PROGRESSION) ** years_ill
    return counts


def filtration_rate(
    toxicity: Toxicity, outcomes: Outcomes, *, row: int, days: npt.ArrayLike
) -> _Floats:
    """True filtration rate of one participant on *days*, mL/min/1.73 m2."""
    on = np.asarray(days, dtype=np.float64)
    since = np.clip(on[:, None] - _cycles(outcomes, row), 0.0, None)
    lost = AGING_PER_YEAR * on + toxicity.filtration_loss[row] * since.sum(axis=1)
    return np.asarray(toxicity.filtration[row] * np.exp(-lost / _DAYS_PER_YEAR))


def _cycles(outcomes: Outcomes, row: int) -> _Floats:
    given: _Floats = outcomes.cycle_day[row]
    return given[np.isfinite(given)]


def _effect(since_days: _Floats, prior: BloodPrior) -> _Floats:
    """*w*, 1 at the nadir."""
    x = np.clip(since_days, 0.0, None) / prior.nadir_days
    return np.asarray((x * np.exp(1.0 - x)) ** prior.sharpness)


def grades(test: str, values: npt.ArrayLike, *, female: bool) -> _Ints:
    """CTCAE v5 grades of counts in the unit of ``BLOOD``, 0 to 4; anemia of 4 is not by value."""
    prior = BLOOD[test]
    limits = (prior.lower_limit[0 if female else 1], *prior.grade_below)
    below = np.asarray(values, dtype=np.float64)[..., None] < np.array(limits)
    return np.asarray(below.sum(axis=-1), dtype=np.int64)
