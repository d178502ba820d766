"""Results of the laboratory: when blood was drawn, and what each department printed.

Departments print in their own units, as hospitals do; half of them in those of the CTCAE.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.domain.participant import Sex
from operandi.simulation.disease.outcomes import Outcomes
from operandi.simulation.streams import Stream, generator
from operandi.simulation.trial.chronology import Chronology
from operandi.simulation.trial.toxicity import BLOOD, Toxicity, blood_counts, filtration_rate

_Floats = npt.NDArray[np.float64]
_Row = dict[str, str]
MOST_DAYS: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class ChemistryPrior:
    """A test that treatment does not decide. All numbers are assumed, in the range of health.

    Parameters
    ----------
    median, log_sd, within : float
        Between participants, and of a result about a participant's own value.
    least, most : float
        Bounds of a participant's own value, within which the criteria are met.
    progression : float
        Change of the logarithm in a year of progressive disease.
    """

    median: float
    log_sd: float
    within: float
    least: float
    most: float
    progression: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Print:
    """How a department prints a test.

    Parameters
    ----------
    unit : str
    factor : float
        From this module's unit to ``unit``.
    decimals : int
    """

    unit: str
    factor: float
    decimals: int


OTHER_TESTS: Final[Mapping[str, ChemistryPrior]] = {
    "bilirubin_total": ChemistryPrior(
        median=9.0, log_sd=0.3, within=0.12, least=3.0, most=30.0, progression=0.3
    ),
    "prothrombin_percent": ChemistryPrior(
        median=96.0, log_sd=0.06, within=0.03, least=82.0, most=115.0, progression=-0.05
    ),
    "albumin": ChemistryPrior(
        median=41.0, log_sd=0.07, within=0.025, least=35.0, most=48.0, progression=-0.1
    ),
    "alt": ChemistryPrior(
        median=24.0, log_sd=0.35, within=0.12, least=8.0, most=90.0, progression=0.3
    ),
    "ast": ChemistryPrior(
        median=25.0, log_sd=0.3, within=0.1, least=10.0, most=90.0, progression=0.3
    ),
    "alkaline_phosphatase": ChemistryPrior(
        median=85.0, log_sd=0.35, within=0.06, least=35.0, most=300.0, progression=0.4
    ),
    "ggt": ChemistryPrior(
        median=45.0, log_sd=0.6, within=0.1, least=10.0, most=300.0, progression=0.5
    ),
    "potassium": ChemistryPrior(median=4.2, log_sd=0.07, within=0.04, least=3.6, most=5.0),
    "sodium": ChemistryPrior(median=140.0, log_sd=0.012, within=0.007, least=136.0, most=144.0),
    "calcium": ChemistryPrior(median=2.36, log_sd=0.03, within=0.015, least=2.2, most=2.55),
    "glucose": ChemistryPrior(median=5.6, log_sd=0.15, within=0.08, least=4.2, most=11.0),
}
"""Units: umol/L, %, g/L, U/L (four), mmol/L (four)."""

_CGA_PER_ML: Final = 4.0  # ug/L of chromogranin A for each mL of viable tumor. Assumed
_CGA_LOG_SD: Final = 0.8  # between participants. Assumed
_CGA_WITHIN: Final = 0.15
_CREATININE_WITHIN: Final = 0.05

PRINTS: Final[Mapping[str, tuple[Print, Print]]] = {
    "platelets": (
        Print(unit="10^9/L", factor=1.0, decimals=0),
        Print(unit="/mm3", factor=1000.0, decimals=-3),
    ),
    "neutrophils": (
        Print(unit="10^9/L", factor=1.0, decimals=2),
        Print(unit="/mm3", factor=1000.0, decimals=-1),
    ),
    "lymphocytes": (
        Print(unit="10^9/L", factor=1.0, decimals=2),
        Print(unit="/mm3", factor=1000.0, decimals=-1),
    ),
    "leukocytes": (
        Print(unit="10^9/L", factor=1.0, decimals=2),
        Print(unit="/mm3", factor=1000.0, decimals=-1),
    ),
    "hemoglobin": (
        Print(unit="g/dL", factor=1.0, decimals=1),
        Print(unit="g/L", factor=10.0, decimals=0),
    ),
    "bilirubin_total": (
        Print(unit="umol/L", factor=1.0, decimals=0),
        Print(unit="mg/L", factor=0.584673, decimals=1),
    ),
    "creatinine": (
        Print(unit="umol/L", factor=1.0, decimals=0),
        Print(unit="mg/L", factor=0.11312, decimals=1),
    ),
    "albumin": (
        Print(unit="g/L", factor=1.0, decimals=0),
        Print(unit="g/L", factor=1.0, decimals=1),
    ),
    "prothrombin_percent": (
        Print(unit="%", factor=1.0, decimals=0),
        Print(unit="%", factor=1.0, decimals=0),
    ),
    "gfr_indexed": (
        Print(unit="mL/min/1.73m2", factor=1.0, decimals=0),
        Print(unit="mL/min/1.73m2", factor=1.0, decimals=0),
    ),
    **{
        test: (Print(unit="U/L", factor=1.0, decimals=0),) * 2
        for test in ("alt", "ast", "alkaline_phosphatase", "ggt")
    },
    "potassium": (Print(unit="mmol/L", factor=1.0, decimals=1),) * 2,
    "sodium": (Print(unit="mmol/L", factor=1.0, decimals=0),) * 2,
    "calcium": (Print(unit="mmol/L", factor=1.0, decimals=2),) * 2,
    "glucose": (Print(unit="mmol/L", factor=1.0, decimals=1),) * 2,
    "chromogranin_a": (Print(unit="ug/L", factor=1.0, decimals=0),) * 2,
}
"""By test, of departments with an even and with an odd place in the scenario."""

LIMITS: Final[Mapping[str, tuple[tuple[float | None, float | None], ...]]] = {
    "platelets": ((150.0, 400.0),),
    "neutrophils": ((1.8, 7.5),),
    "lymphocytes": ((1.0, 4.0),),
    "leukocytes": ((4.0, 10.0),),
    "hemoglobin": ((12.0, 16.0), (13.0, 17.0)),
    "bilirubin_total": ((None, 21.0),),
    "creatinine": ((45.0, 84.0), (59.0, 104.0)),
    "albumin": ((35.0, 50.0),),
    "prothrombin_percent": ((70.0, None),),
    "alt": ((None, 35.0), (None, 45.0)),
    "ast": ((None, 35.0), (None, 40.0)),
    "alkaline_phosphatase": ((30.0, 120.0),),
    "ggt": ((None, 40.0), (None, 60.0)),
    "potassium": ((3.5, 5.1),),
    "sodium": ((136.0, 145.0),),
    "calcium": ((2.15, 2.6),),
    "glucose": ((3.9, 6.1),),
    "chromogranin_a": ((None, 100.0),),
}
"""Of normal, for everyone or for women and men. Common reference ranges, assumed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One printed result.

    Parameters
    ----------
    day : int
    test, unit : str
    value : Decimal
        As printed, in ``unit``.
    odd_site : bool
        Which of ``PRINTS`` the department uses.
    """

    day: int
    test: str
    value: Decimal
    unit: str
    odd_site: bool


def laboratory_days(days: Chronology) -> tuple[int, ...]:
    """When blood was drawn, ascending.

    At screening; two to four weeks before each later cycle, which is near the nadir of the one
    before; three days before each cycle; four and eight weeks after the last; then with the exams.
    """
    cycles = days.cycle_days
    found = {days.screening_laboratory_day, *(day - 3 for day in cycles)}
    found |= {day - 21 for day in cycles[1:]}
    if cycles:
        found |= {cycles[-1] + 28, cycles[-1] + 56}
    found |= {day for day in days.exam_days if day > (cycles[-1] + 60 if cycles else 0)}
    return tuple(sorted(day for day in found if day <= days.last_day))


def results_of(
    days: Chronology, outcomes: Outcomes, toxicity: Toxicity, *, odd_site: bool, seed: int
) -> tuple[Result, ...]:
    """Every printed result of one participant, in order of days and tests.

    Parameters
    ----------
    days : Chronology
    outcomes : Outcomes
    toxicity : Toxicity
    odd_site : bool
        Which of ``PRINTS`` the department uses.
    seed : int
    """
    drawn_on = laboratory_days(days)
    draw = generator(days.person.number, seed=seed, stream=Stream.LABORATORY)
    values = _values(days, outcomes, toxicity, drawn_on=drawn_on, draw=draw)
    found = []
    for column, day in enumerate(drawn_on):
        for test, prints in PRINTS.items():
            how = prints[odd_site]
            value = printed(values[test][column], how)
            if test == "gfr_indexed":
                value = _printed_filtration(values["creatinine"][column], days, odd_site=odd_site)
            found.append(Result(day=day, test=test, value=value, unit=how.unit, odd_site=odd_site))
    return tuple(found)


def _values(
    days: Chronology,
    outcomes: Outcomes,
    toxicity: Toxicity,
    *,
    drawn_on: tuple[int, ...],
    draw: np.random.Generator,
) -> dict[str, _Floats]:
    """Values about the truth, unrounded, by test.

    Noise is drawn for a fixed number of days and screening's never fails: one who failed would
    have been somebody else.
    """
    on = np.array(drawn_on, dtype=np.float64)
    years_ill = np.clip(on - outcomes.progression_day[days.row], 0.0, None) / 365.25
    values: dict[str, _Floats] = {}
    for test, count in blood_counts(toxicity, outcomes, row=days.row, days=on).items():
        values[test] = count * _noise(draw, BLOOD[test].within, on.size)
        values[test][0] = max(values[test][0], 0.9 * BLOOD[test].least)
    # Monocytes and the rest make up 0.6 x 10^9/L. Assumed.
    values["leukocytes"] = values["neutrophils"] + values["lymphocytes"] + 0.6
    for test, prior in OTHER_TESTS.items():
        own = prior.median * np.exp(prior.log_sd * draw.standard_normal())
        course = np.clip(own, prior.least, prior.most) * np.exp(prior.progression * years_ill)
        values[test] = course * _noise(draw, prior.within, on.size)
    rate = filtration_rate(toxicity, outcomes, row=days.row, days=on)
    values["creatinine"] = _creatinine(rate, days) * _noise(draw, _CREATININE_WITHIN, on.size)
    values["gfr_indexed"] = rate
    own = _CGA_PER_ML * np.exp(_CGA_LOG_SD * draw.standard_normal())
    burden = _burden_ml(outcomes, row=days.row, days=on)
    values["chromogranin_a"] = (30.0 + own * burden) * _noise(draw, _CGA_WITHIN, on.size)
    return values


def _noise(draw: np.random.Generator, cv: float, size: int) -> _Floats:
    """As many numbers are drawn for everybody, so that a day more changes no other result."""
    scores = draw.standard_normal(MOST_DAYS)[:size]
    return np.asarray(np.exp(cv * np.clip(scores, -3.0, 3.0)))


def _burden_ml(outcomes: Outcomes, *, row: int, days: _Floats) -> _Floats:
    exam_day = outcomes.exam_day[row]
    took_place = np.isfinite(exam_day)
    burden = np.nansum(outcomes.at_exams.viable_ml[row], axis=1)
    return np.asarray(np.interp(days, exam_day[took_place], burden[took_place]))


def _ckd_epi(days: Chronology) -> tuple[float, float, float, float]:
    """Kappa in umol/L, alpha, the power above kappa, and the factor of age and sex."""
    female = days.person.sex is Sex.FEMALE
    kappa, alpha = (0.7, -0.241) if female else (0.9, -0.302)
    return (
        kappa * 88.4,
        alpha,
        -1.2,
        142.0 * 0.9938**days.person.age_years * (1.012 if female else 1.0),
    )


def filtration_ckd_epi_2021(creatinine_umol_l: float, days: Chronology) -> float:
    """Filtration rate by the CKD-EPI equation of 2021, mL/min/1.73 m2.

    ``142 * min(c/k, 1)**alpha * max(c/k, 1)**-1.2 * 0.9938**age * 1.012 (women)``: Inker et al.,
    N Engl J Med 385:1737, 2021, recalled.
    """
    kappa, alpha, above, factor = _ckd_epi(days)
    ratio = creatinine_umol_l / kappa
    return float(factor * ratio ** (above if ratio > 1.0 else alpha))


def _creatinine(rate: _Floats, days: Chronology) -> _Floats:
    """The creatinine from which CKD-EPI 2021 finds a rate, umol/L."""
    kappa, alpha, above, factor = _ckd_epi(days)
    relative = rate / factor
    power = np.where(relative < 1.0, above, alpha)
    # Nobody's creatinine is far below kappa, where the equation is flat.
    return np.asarray(np.clip(kappa * relative ** (1.0 / power), 0.55 * kappa, None))


def _printed_filtration(creatinine: float, days: Chronology, *, odd_site: bool) -> Decimal:
    """From the creatinine as printed, as laboratories do."""
    how = PRINTS["creatinine"][odd_site]
    rate = filtration_ckd_epi_2021(float(printed(creatinine, how)) / how.factor, days)
    return printed(rate, PRINTS["gfr_indexed"][odd_site])


def printed(value: float, how: Print) -> Decimal:
    """A value in this module's unit as a department prints it."""
    step = Decimal(1).scaleb(-how.decimals)
    exact = Decimal(float(value) * how.factor)
    return (exact / step).quantize(Decimal(1), rounding=ROUND_HALF_EVEN) * step


def limits_printed(test: str, *, female: bool, odd_site: bool) -> tuple[str, str]:
    """Lower and upper limit of normal as cells, blank where there is none."""
    by_sex = LIMITS.get(test, ((None, None),))
    low, high = by_sex[0 if female or len(by_sex) == 1 else 1]
    how = PRINTS[test][odd_site]
    return tuple("" if x is None else cell(printed(x, how)) for x in (low, high))  # type: ignore[return-value]


def cell(value: Decimal) -> str:
    """A number without an exponent."""
    return f"{value:f}"


def result_rows(results: tuple[Result, ...], days: Chronology) -> list[_Row]:
    """Rows of ``laboratory_results``, with the limits that the department prints."""
    female = days.person.sex is Sex.FEMALE
    rows = []
    for one in results:
        low, high = limits_printed(one.test, female=female, odd_site=one.odd_site)
        rows.append(
            {
                "participant": days.person.pseudonym,
                "test": one.test,
                "value": cell(one.value),
                "unit": one.unit,
                "collected_on": days.text(one.day),
                "lower_limit": low,
                "upper_limit": high,
                "equation": "ckd_epi_2021" if one.test == "gfr_indexed" else "",
            }
        )
    return rows


def range_rows(site_codes: tuple[str, ...], *, valid_from: str) -> list[_Row]:
    """Rows of ``laboratory_ranges`` of every department."""
    rows = []
    for place, site in enumerate(site_codes):
        for test, by_sex in LIMITS.items():
            for sex in ("F", "M") if len(by_sex) == 2 else ("",):
                odd = place % 2 == 1
                low, high = limits_printed(test, female=sex != "M", odd_site=odd)
                rows.append(
                    {
                        "site": site,
                        "test": test,
                        "sex": sex,
                        "unit": PRINTS[test][odd].unit,
                        "lower": low,
                        "upper": high,
                        "valid_from": valid_from,
                    }
                )
    return rows
