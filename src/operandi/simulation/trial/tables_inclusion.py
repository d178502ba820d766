"""Rows that decide inclusion: consent, judgments, history, exams of the referring physician.

Everybody fulfills every criterion of NCT06256705 under both readings, as whoever did not is not in
the cohort: ``conduct_noise`` adds those who failed. Rates of conditions are assumed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from operandi.domain.participant import Sex
from operandi.simulation.disease.outcomes import Outcomes
from operandi.simulation.disease.recist_tables import lesion_id
from operandi.simulation.people.person import Primary
from operandi.simulation.streams import Stream, generator
from operandi.simulation.trial.chronology import Chronology

Cells = dict[str, str]
Tables = dict[str, list[Cells]]

JUDGMENTS: Final = {
    "prrt_decision": "yes",
    "gep_suspected": "yes",
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
    "lesions_not_countable": "no",
}
TOPICS: Final = (
    "allergies",
    "therapies",
    "cancer_history",
    "medical_history",
    "brain_metastases",
    "mri_safety",
)
CONSENTS: Final = ("study", "images", "genetics", "data_reuse", "samples")
SUV_MEDIAN: Final = 14.9
SUV_LOG_SD: Final = 0.46
"""Of lesions: log-normal with mean 16.5 and spread 8 (issue 5)."""
SUV_MAX_OVER_MEAN: Final = 1.35  # assumed
LIVER_SUV: Final = (4.8, 0.8)  # mean as in issue 5, spread assumed
MENOPAUSE_YEARS: Final = 52.0  # assumed
_ILLNESSES: Final = (
    ("arterial hypertension", 0.4),
    ("type 2 diabetes", 0.15),
    ("hypothyroidism", 0.08),
    ("carcinoid syndrome", 0.2),
)
_ALLERGIES: Final = (("penicillin", 0.06), ("iodinated contrast medium", 0.04))
_PRIOR: Final = (
    ("chemotherapy", "capecitabine and temozolomide", (0.35, 0.1)),
    ("targeted", "everolimus", (0.25, 0.25)),
    ("liver_embolization", "", (0.15, 0.2)),
    ("surgery", "resection of the primary", (0.35, 0.65)),
)
"""Treatment before the study: kind, agent, part of participants by primary. Assumed."""
SSA_FRACTION: Final = 0.85
"""Part of participants under a long-acting analog. Assumed; in NETTER-1 all (recalled)."""
ANALOG: Final = "lanreotide 120 mg"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is drawn once for a participant and shows in several tables.

    Parameters
    ----------
    analog : bool
        Whether a long-acting somatostatin analog is given.
    karnofsky : int
        At inclusion.
    physician : str
        Code of who judges.
    """

    analog: bool
    karnofsky: int
    physician: str


def facts_of(days: Chronology, *, seed: int) -> Facts:
    """Draw what several tables share."""
    draw = _draw(days, 3, seed=seed)
    # 60 to 100, most 90. Assumed.
    karnofsky = int(draw.choice([60, 70, 80, 90, 100], p=[0.02, 0.06, 0.2, 0.47, 0.25]))
    return Facts(
        analog=bool(draw.random() < SSA_FRACTION),
        karnofsky=karnofsky,
        physician=f"{days.person.site}-DR1",
    )


def _draw(days: Chronology, what: int, *, seed: int) -> np.random.Generator:
    return generator(days.person.number, what, seed=seed, stream=Stream.CLINICAL)


def inclusion_tables(days: Chronology, outcomes: Outcomes, *, seed: int) -> Tables:
    """Rows of one participant in every table that only inclusion asks for."""
    facts = facts_of(days, seed=seed)
    who = {"participant": str(days.person.pseudonym)}
    asked = days.text(days.inclusion_day - 1)
    illnesses = _illnesses(days, seed=seed)
    allergies = _allergies(days, seed=seed)
    prior = _prior_therapies(days, facts, seed=seed)
    recorded = {"therapies": prior, "medical_history": illnesses, "allergies": allergies}
    tables: Tables = {
        "participants": [_participant(days)],
        "consents": [
            {"kind": kind, "version": "1", "state": "signed", "on": days.text(days.consent_day)}
            for kind in CONSENTS
        ],
        "reviews": [
            {
                "topic": topic,
                "reviewed_on": asked,
                "finding": "recorded" if recorded.get(topic) else "none",
                "by": facts.physician,
            }
            for topic in TOPICS
        ],
        "judgments": [
            {"question": question, "answer": answer, "on": asked, "by": facts.physician}
            for question, answer in JUDGMENTS.items()
        ],
        "tumor_histology": [_histology(days, outcomes, seed=seed)],
        "medical_history": illnesses,
        "allergies": allergies,
        "therapies": prior,
        "heart_failure": [_heart(days, seed=seed)],
        "social_cover": [{"scheme": "social_security", "on": days.text(days.consent_day)}],
    }
    return {name: [who | row for row in rows] for name, rows in tables.items()}


def _participant(days: Chronology) -> Cells:
    born = days.on(-int(365.25 * days.person.age_years))
    return {
        "site": days.person.site,
        "sex": str(days.person.sex),
        "birth_year": str(born.year),
        "birth_month": str(born.month),
    }


def _histology(days: Chronology, outcomes: Outcomes, *, seed: int) -> Cells:
    draw = _draw(days, 4, seed=seed)
    grade = int(outcomes.tumors.grade[days.row])
    ki67 = draw.uniform(0.5, 2.9) if grade == 1 else draw.triangular(3.0, 5.0, 20.0)
    return {
        "reported_on": days.text(days.consent_day - int(draw.integers(60, 900))),
        "differentiation": "net",
        "primary": "pancreas" if days.person.primary is Primary.PANCREAS else "jejunum_ileum",
        "grade": f"G{grade}",
        "ki67_percent": f"{ki67:.1f}" if grade == 1 else f"{ki67:.0f}",
    }


def _illnesses(days: Chronology, *, seed: int) -> list[Cells]:
    draw = _draw(days, 5, seed=seed)
    rows = []
    for term, part in _ILLNESSES:
        has, years = draw.random() < part, int(draw.integers(1, 15))
        if has:
            rows.append(
                {
                    "term": term,
                    "started_on": str(days.on(days.consent_day).year - years),
                    "ongoing": "yes",
                    "recorded_on": days.text(days.inclusion_day - 1),
                }
            )
    return rows


def _allergies(days: Chronology, *, seed: int) -> list[Cells]:
    draw = _draw(days, 6, seed=seed)
    return [
        {"substance": "other", "term": term, "recorded_on": days.text(days.inclusion_day - 1)}
        for term, part in _ALLERGIES
        if draw.random() < part
    ]


def _heart(days: Chronology, *, seed: int) -> Cells:
    fails = _draw(days, 7, seed=seed).random() < 0.06
    row = {"present": "yes", "nyha": "2"} if fails else {"present": "no", "nyha": ""}
    return row | {"assessed_on": days.text(days.inclusion_day - 1)}


def _prior_therapies(days: Chronology, facts: Facts, *, seed: int) -> list[Cells]:
    """Treatments that ended long before, and the analog up to its last dose before cycle 1."""
    draw = _draw(days, 8, seed=seed)
    recorded = {"ongoing": "no", "recorded_on": days.text(days.inclusion_day - 1)}
    column = 0 if days.person.primary is Primary.PANCREAS else 1
    rows = []
    for kind, agent, parts in _PRIOR:
        given, before = draw.random() < parts[column], int(draw.integers(150, 1500))
        if given:
            lasted = 1 if kind in {"surgery", "liver_embolization"} else 120
            rows.append(
                {
                    "kind": kind,
                    "agent": agent,
                    "started_on": days.text(days.consent_day - before - lasted + 1),
                    "last_on": days.text(days.consent_day - before),
                    "target": "liver" if kind == "liver_embolization" else "",
                }
                | recorded
            )
    last = min(days.inclusion_day - 1, -28) - int(draw.integers(2, 15))
    if facts.analog:
        rows.append(
            {
                "kind": "ssa_long_acting",
                "agent": ANALOG,
                "started_on": days.text(last - 28 * int(draw.integers(6, 40))),
                "last_on": days.text(last),
                "target": "",
            }
            | recorded
        )
    return rows


def pregnancy_rows(days: Chronology) -> list[Cells]:
    """Before inclusion and the day before each cycle, of women."""
    if days.person.sex is not Sex.FEMALE:
        return []
    possible = days.person.age_years < MENOPAUSE_YEARS
    asked = sorted({days.inclusion_day - 1, *(day - 1 for day in days.cycle_days)})
    return [
        {
            "participant": str(days.person.pseudonym),
            "assessed_on": days.text(day),
            "childbearing_potential": "yes" if possible else "no",
            "test": "negative" if possible else "",
            "breastfeeding": "no",
        }
        for day in asked
    ]


def referral_tables(
    days: Chronology,
    outcomes: Outcomes,
    *,
    chosen: Sequence[Mapping[str, str]],
    reader: str,
    seed: int,
) -> Tables:
    """What led to inclusion: two exams between which the tumor grew, and the 68Ga-DOTATOC PET.

    Parameters
    ----------
    days : Chronology
    outcomes : Outcomes
    chosen : sequence of rows
        Of ``recist_lesions``, this participant's.
    reader : str
        Code of the investigator.
    seed : int
    """
    return {
        "recist_reads": _referral_reads(days, outcomes, chosen, reader=reader),
        "receptor_lesions": _receptor_lesions(days, outcomes, chosen, seed=seed),
    }


def lesion_names(days: Chronology, outcomes: Outcomes) -> dict[str, int]:
    """Names of the lesions of a participant, with their column in the outcomes."""
    present = np.flatnonzero(outcomes.lesion_organ[days.row] >= 0)
    return {lesion_id(days.person.pseudonym, int(column)): int(column) for column in present}


def _referral_reads(
    days: Chronology, outcomes: Outcomes, chosen: Sequence[Mapping[str, str]], *, reader: str
) -> list[Cells]:
    """Whoever had nothing measurable at the latest of the two is not in the cohort."""
    columns = lesion_names(days, outcomes)
    rows = []
    for day in days.progressive_exams:
        latest = day == days.progressive_exams[1]
        for lesion in chosen:
            if lesion["category"] != "target":
                continue
            diameter_mm = _diameter_mm(outcomes, days.row, columns[lesion["lesion"]], day)
            if latest:
                diameter_mm = max(diameter_mm, 15.0 if lesion["node"] == "yes" else 10.0)
            rows.append(
                {
                    "participant": str(days.person.pseudonym),
                    "reader": reader,
                    "role": "investigator",
                    "exam_on": days.text(day),
                    "lesion": lesion["lesion"],
                    "modality": "ct",
                    "slice_thickness_mm": "1.5",
                    "diameter_mm": f"{diameter_mm:.1f}",
                    "state": "measured",
                }
            )
    return rows


def _diameter_mm(outcomes: Outcomes, row: int, column: int, day: int) -> float:
    """Of the sphere, grown back in time; a lesion that was seen was at least 5 mm."""
    volume_ml = float(outcomes.tumors.volume_ml[row, column])
    growth = float(outcomes.tumors.growth_per_day[row, column])
    now = (6000.0 / np.pi * volume_ml) ** (1.0 / 3.0)
    return max(5.0, float(now * np.exp(growth * day / 3.0)))


def _receptor_lesions(
    days: Chronology, outcomes: Outcomes, chosen: Sequence[Mapping[str, str]], *, seed: int
) -> list[Cells]:
    """The PET of inclusion. A participant with a target below the liver is not in the cohort."""
    draw = _draw(days, 9, seed=seed)
    mean, spread = LIVER_SUV
    liver = float(np.clip(draw.normal(mean, spread), 2.5, 7.5))
    targets = {row["lesion"] for row in chosen if row["category"] == "target"}
    suv_max = {
        name: SUV_MAX_OVER_MEAN
        * SUV_MEDIAN
        * np.exp(SUV_LOG_SD * float(outcomes.uptake_z[days.row, column]))
        for name, column in lesion_names(days, outcomes).items()
    }
    # All targets, and most of all lesions, lie above the liver: else nobody would be included.
    brightest = sorted(suv_max, key=lambda name: (-suv_max[name], name))
    above = targets | set(brightest[: len(brightest) // 2 + 1])
    for name in above:
        suv_max[name] = max(suv_max[name], 1.15 * liver)
    return [
        {
            "participant": str(days.person.pseudonym),
            "performed_on": days.text(days.eligibility_pet_day),
            "tracer": "68Ga-DOTATOC",
            "lesion": name,
            "target": "yes" if name in targets else "no",
            "on_anatomical_imaging": "yes",
            "uptake": _by_eye(value, liver),
            "suv_max": f"{value:.1f}",
            "liver_suv_mean": f"{liver:.1f}",
        }
        for name, value in suv_max.items()
    ]


def _by_eye(suv_max: float, liver: float) -> str:
    if suv_max > 1.1 * liver:
        return "above_liver"
    return "equal_to_liver" if suv_max > 0.9 * liver else "below_liver"
