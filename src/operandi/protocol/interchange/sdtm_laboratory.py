"""The domain LB of SDTM: results of the laboratory, their limits and their grades."""

from datetime import date
from decimal import Decimal
from typing import Final

from operandi.protocol.ctcae.grading import Baseline, Limits, grade
from operandi.protocol.format import StudyProtocol
from operandi.protocol.interchange.sdtm import Dataset, Draft, Source, study_day, with_sequence
from operandi.quantities.convert import convert
from operandi.quantities.errors import DataError
from operandi.records.rows import ParticipantRow
from operandi.records.rows_laboratory import LaboratoryRangeRow, LaboratoryResultRow

_LB: Final = with_sequence(
    "LB",
    """
    LBTESTCD string Lab Test or Examination Short Name
    LBTEST string Lab Test or Examination Name
    LBORRES string Result or Finding in Original Units
    LBORRESU string Original Units
    LBORNRLO string Reference Range Lower Limit in Orig Unit
    LBORNRHI string Reference Range Upper Limit in Orig Unit
    LBSTRESC string Character Result/Finding in Std Format
    LBSTRESN decimal Numeric Result/Finding in Standard Units
    LBSTRESU string Standard Units
    LBSTNRLO decimal Reference Range Lower Limit-Std Units
    LBSTNRHI decimal Reference Range Upper Limit-Std Units
    LBNAM string Vendor Name
    LBMETHOD string Method of Test or Examination
    LBTOX string Toxicity
    LBTOXGR string Standard Toxicity Grade
    LBDTC date Date/Time of Specimen Collection
    LBDY integer Study Day of Specimen Collection
    """,
)
_TESTS: Final[dict[str, tuple[str, str, str]]] = {
    "platelets": ("PLAT", "Platelets", "10^9/L"),
    "hemoglobin": ("HGB", "Hemoglobin", "g/L"),
    "bilirubin_total": ("BILI", "Bilirubin", "umol/L"),
    "neutrophils": ("NEUT", "Neutrophils", "10^9/L"),
    "leukocytes": ("WBC", "Leukocytes", "10^9/L"),
    "lymphocytes": ("LYM", "Lymphocytes", "10^9/L"),
    "prothrombin_percent": ("PTPCT", "Prothrombin in % of normal", "%"),
    "inr": ("INR", "Prothrombin Intl. Normalized Ratio", "INR"),
    "albumin": ("ALB", "Albumin", "g/L"),
    "gfr_indexed": ("GFRBSA", "GFR, per 1.73 m2 of body surface", "mL/min/1.73m2"),
    "creatinine": ("CREAT", "Creatinine", "umol/L"),
    "alt": ("ALT", "Alanine Aminotransferase", "U/L"),
    "ast": ("AST", "Aspartate Aminotransferase", "U/L"),
    "alkaline_phosphatase": ("ALP", "Alkaline Phosphatase", "U/L"),
    "ggt": ("GGT", "Gamma Glutamyl Transferase", "U/L"),
    "potassium": ("K", "Potassium", "mmol/L"),
    "sodium": ("SODIUM", "Sodium", "mmol/L"),
    "calcium": ("CA", "Calcium", "mmol/L"),
    "glucose": ("GLUC", "Glucose", "mmol/L"),
    "chromogranin_a": ("CGA", "Chromogranin A", ""),
    "hcg": ("HCG", "Choriogonadotropin", ""),
}
"""Short name, name and standard unit of each test; without a unit nothing is converted."""


def laboratory(source: Source) -> Dataset:
    """Make LB: each result as printed, in standard units, and graded where that can be done."""
    draft = Draft(source, "LB", "Laboratory Test Results", "STUDYID USUBJID LBSEQ", _LB)
    for person in source.people:
        start = source.started_on(person.participant)
        results = source.of(person.participant, "laboratory_results")
        for row in results:
            lower, upper, bounds = _limits(source, person, row)
            if bounds:
                draft.lacks("LBSTNRHI", f"{row.place}: {bounds}", person.participant)
            short, name, standard = _TESTS[row.test]
            amounts: list[Decimal | None] = [None, None, None]
            try:
                amounts = [
                    None if one is None else _standard(source.study, row, one, standard)
                    for one in (row.value, lower, upper)
                ]
            except DataError as refusal:
                draft.lacks("LBSTRESN", f"{row.place}: {refusal.what}", person.participant)
            value = amounts[0]
            before = _baseline(source, person, row, results)
            term, graded, why = _graded(source.study, row, Limits(lower, upper), before)
            if why:
                draft.lacks("LBTOXGR", f"{row.place}: {why}", person.participant)
            sign = row.comparator or ""
            draft.add(
                person.participant,
                LBTESTCD=short,
                LBTEST=name,
                LBORRES=f"{sign}{row.value:f}",
                LBORRESU=row.unit,
                LBORNRLO=None if row.lower_limit is None else f"{row.lower_limit:f}",
                LBORNRHI=None if row.upper_limit is None else f"{row.upper_limit:f}",
                LBSTRESC=None if value is None else f"{sign}{value:f}",
                LBSTRESN=None if sign else value,
                LBSTRESU=None if value is None else standard,
                LBSTNRLO=amounts[1],
                LBSTNRHI=amounts[2],
                LBNAM=row.laboratory,
                LBMETHOD=row.equation,
                LBTOX=term,
                LBTOXGR=graded,
                LBDTC=row.collected_on,
                LBDY=study_day(row.collected_on, start),
            )
    return draft.done()


def _standard(study: StudyProtocol, row: LaboratoryResultRow, value: Decimal, unit: str) -> Decimal:
    if not unit:
        raise DataError(f"{row.test} has no standard unit here.", remedy="Use LBORRES.")
    masses = {
        item.molar_mass_g_mol
        for item in study.item.values()
        if item.table == "laboratory_results" and item.where.get("test") == row.test
    } - {None}
    molar = masses.pop() if len(masses) == 1 else None
    return convert(value, from_unit=row.unit, to_unit=unit, molar_mass_g_mol=molar)


def _limits(
    source: Source, person: ParticipantRow, row: LaboratoryResultRow
) -> tuple[Decimal | None, Decimal | None, str]:
    """Limits of normal in the unit of the result, and why there are none."""
    if row.lower_limit is not None or row.upper_limit is not None:
        return row.lower_limit, row.upper_limit, ""
    known = [
        one
        for one in source.records.rows.get("laboratory_ranges", ())
        if isinstance(one, LaboratoryRangeRow)
        and (one.site, one.test) == (person.site, row.test)
        and one.laboratory in {None, row.laboratory}
        and one.sex in {None, person.sex.value}
        and one.valid_from <= row.collected_on <= (one.valid_to or date.max)
    ]
    if len(known) != 1:
        return None, None, f"{len(known) or 'no'} ranges of normal hold for the result"
    unit = known[0].unit
    try:
        lower, upper = (
            None if one is None else one if unit == row.unit else _between(one, unit, row.unit)
            for one in (known[0].lower, known[0].upper)
        )
    except DataError as refusal:
        return None, None, refusal.what
    return lower, upper, ""


def _between(value: Decimal, from_unit: str, to_unit: str) -> Decimal:
    return convert(value, from_unit=from_unit, to_unit=to_unit)


def _baseline(
    source: Source,
    person: ParticipantRow,
    row: LaboratoryResultRow,
    results: tuple[LaboratoryResultRow, ...],
) -> Baseline | None:
    """The last value before the first cycle, of which only one day's one value counts."""
    start = source.started_on(person.participant)
    before = [
        one
        for one in results
        if one.test == row.test and start and one.collected_on < start and not one.comparator
    ]
    last = [one for one in before if one.collected_on == max(o.collected_on for o in before)]
    if len(last) != 1:
        return None
    lower, upper, _ = _limits(source, person, last[0])
    return Baseline(last[0].value, last[0].unit, Limits(lower, upper))


def _graded(
    study: StudyProtocol, row: LaboratoryResultRow, limits: Limits, baseline: Baseline | None
) -> tuple[str | None, str | None, str]:
    """Term and grade, or why there is none. A grade that rests on unstated facts is none."""
    version = study.study.ctcae_version
    if version is None:
        return None, None, "the study file names no version of CTCAE"
    if row.comparator:
        return None, None, f"{row.comparator}{row.value:f} is no value"
    try:
        found = grade(
            row.test,
            row.value,
            unit=row.unit,
            limits=limits,
            baseline=baseline,
            version=str(version),
        )
    except DataError as refusal:
        return None, None, refusal.what
    if found.assumed:
        return None, None, f"depends on {', '.join(found.assumed)}, which nobody stated"
    return found.term, str(found.grade), ""
