"""A participant who may be included, as tables of text; a test changes what it is about."""

from datetime import date
from functools import cache
from zoneinfo import ZoneInfo

from operandi.protocol.format import Gate, ReadingName, StudyProtocol
from operandi.protocol.screening import screen
from operandi.protocol.study import read_study
from operandi.protocol.verdict import Screening, Verdict
from operandi.records.cells import Border
from operandi.records.rows import ROWS, ParticipantRow
from operandi.records.tables import Records

Cells = dict[str, str]
Tables = dict[str, list[Cells]]

ON = date(2026, 6, 30)
"""The day of screening: 4 months before it is 28 February."""
C1 = date(2026, 7, 14)
P = "P-001"
BORDER = Border(
    ZoneInfo("Europe/Paris"), date(2027, 12, 31), (), (), decimal_comma=False, at_cut=False
)
_QUESTIONS = {
    "prrt_decision": "yes",
    "unresectable": "yes",
    "metastatic": "yes",
    "progressive": "yes",
    "life_expectancy_over_6_months": "yes",
    "mri_contraindication": "no",
    "mri_impossible": "no",
    "ssa_can_stop_long": "yes",
    "ssa_can_stop_short": "yes",
    "deprived_of_liberty": "no",
    "protected_adult": "no",
}
_RESULTS = {
    "platelets": ("210", "10^9/L"),
    "hemoglobin": ("12.5", "g/dL"),
    "bilirubin_total": ("9", "umol/L"),
    "neutrophils": ("3.5", "10^9/L"),
    "prothrombin_percent": ("95", "%"),
    "albumin": ("41", "g/L"),
    "gfr_indexed": ("88", "mL/min/1.73m2"),
}


def judged(question: str, answer: str, *, on: str = "2026-06-25", by: str = "DR1") -> Cells:
    """A physician's answer."""
    return {"question": question, "answer": answer, "on": on, "by": by}


def result(test: str, value: str, unit: str, *, on: str = "2026-06-25", **more: str) -> Cells:
    """A result of the laboratory; of filtration with its equation."""
    equation = "ckd_epi_2021" if test == "gfr_indexed" else ""
    cells = {"test": test, "value": value, "unit": unit, "collected_on": on}
    return cells | {"equation": equation, "upper_limit": "17" if "bilirubin" in test else ""} | more


def reviewed(topic: str, finding: str = "none", *, on: str = "2026-06-29") -> Cells:
    """A review."""
    return {"topic": topic, "reviewed_on": on, "finding": finding}


def lesion(name: str, *, uptake: str = "above_liver", on: str = "2026-05-01", **more: str) -> Cells:
    """A target lesion on DOTATOC PET, also on CT."""
    cells = {"performed_on": on, "tracer": "68Ga-DOTATOC", "lesion": name, "target": "yes"}
    return cells | {"on_anatomical_imaging": "yes", "uptake": uptake} | more


def read(name: str, diameter_mm: str, *, on: str = "2026-06-20", **more: str) -> Cells:
    """A lesion as the investigator measured it on CT."""
    cells = {"reader": "R1", "role": "investigator", "exam_on": on, "lesion": name}
    sizes = {"modality": "ct", "slice_thickness_mm": "1", "diameter_mm": diameter_mm}
    return cells | sizes | {"state": "measured"} | more


def chosen(name: str, *, node: str = "no", irradiated: str = "no", progressed: str = "") -> Cells:
    """A target lesion of RECIST."""
    cells = {"lesion": name, "organ": "liver", "node": node, "category": "target"}
    return cells | {
        "previously_irradiated": irradiated,
        "progressed_since_irradiation": progressed,
    }


def therapy(kind: str, **more: str) -> Cells:
    """A treatment that has ended."""
    return {"kind": kind, "ongoing": "no", "recorded_on": "2026-06-29"} | more


def eligible() -> Tables:
    """Everything recorded, nothing against inclusion on 30 June 2026 and cycle 1 two weeks on."""
    return {
        "participants": [
            {"site": "D1", "sex": "F", "birth_year": "1970", "birth_month": "5"},
        ],
        "consents": [{"kind": "study", "version": "1", "state": "signed", "on": "2026-06-20"}],
        "cycle_plans": [
            {"cycle": "1", "planned_on": str(C1), "recorded_on": "2026-06-20", "state": "planned"}
        ],
        "reviews": [
            reviewed(topic)
            for topic in ("allergies", "therapies", "cancer_history", "brain_metastases")
        ],
        "judgments": [judged(question, answer) for question, answer in _QUESTIONS.items()],
        "tumor_histology": [
            {
                "reported_on": "2026-01-10",
                "differentiation": "net",
                "primary": "jejunum_ileum",
                "grade": "G2",
            }
        ],
        "recist_lesions": [chosen("L1"), chosen("L2")],
        "recist_reads": [
            read("L1", "22", on="2026-03-01"),
            read("L2", "14", on="2026-03-01"),
            read("L1", "31"),
            read("L2", "18"),
        ],
        "receptor_lesions": [lesion("L1"), lesion("L2")],
        "karnofsky": [{"score": "90", "on": "2026-06-25"}],
        "pregnancy": [
            {
                "assessed_on": "2026-06-25",
                "childbearing_potential": "no",
                "breastfeeding": "no",
            }
        ],
        "heart_failure": [{"present": "no", "assessed_on": "2026-06-25"}],
        "social_cover": [{"scheme": "social_security", "on": "2026-06-25"}],
        "laboratory_results": [
            result(test, value, unit) for test, (value, unit) in _RESULTS.items()
        ],
    }


def having(
    table: str, *rows: Cells, without: Cells | None = None, base: Tables | None = None
) -> Tables:
    """The eligible participant, or *base*, with rows instead of those of a table that *without*
    names by their cells (all of them by default)."""
    tables = dict(base or eligible())
    wanted = without or {}
    kept = [row for row in tables.get(table, []) if wanted and not wanted.items() <= row.items()]
    tables[table] = kept + list(rows)
    return tables


def with_result(test: str, *rows: Cells, base: Tables | None = None) -> Tables:
    """Results of one test replaced."""
    return having("laboratory_results", *rows, without={"test": test}, base=base)


def with_judgment(question: str, *rows: Cells, base: Tables | None = None) -> Tables:
    """Answers to one question replaced."""
    return having("judgments", *rows, without={"question": question}, base=base)


def with_review(topic: str, *rows: Cells, base: Tables | None = None) -> Tables:
    """Reviews of one topic replaced."""
    return having("reviews", *rows, without={"topic": topic}, base=base)


def records_of(tables: Tables, *, participant: str = P) -> Records:
    """The tables as records, as if they had been read from CSV files."""
    rows = {}
    for table, cells in tables.items():
        made = []
        for line, row in enumerate(cells, start=2):
            model = ROWS[table]
            filled = {name: value for name, value in row.items() if name in model.model_fields}
            whose = {} if table == "laboratory_ranges" else {"participant": participant}
            one = model.model_validate(whose | filled, context=BORDER)
            one.stand_at(f"{table}.csv, line {line}")
            made.append(one)
        rows[table] = tuple(made)
    people = tuple(row.noun() for row in rows["participants"] if isinstance(row, ParticipantRow))
    return Records(participants=people, rows=rows)


@cache
def the_study() -> StudyProtocol:
    """NCT06256705."""
    return read_study("nct06256705")


def screened(tables: Tables, *, on: date = ON, included_on: date | None = None) -> Screening:
    """Screen the one participant."""
    return screen(P, records_of(tables), the_study(), on=on, included_on=included_on)


def verdict_on(
    code: str,
    tables: Tables,
    *,
    reading: ReadingName = "proposed",
    gate: Gate = "G1",
    cycle: int | None = None,
    on: date = ON,
) -> Verdict:
    """The verdict on one criterion."""
    asked = screened(tables, on=on).at(gate, reading=reading, cycle=cycle)
    assert asked is not None
    return next(v for v in asked.verdicts if v.criterion.code == code)
