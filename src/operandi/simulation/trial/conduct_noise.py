"""What goes wrong in the conduct of a trial, at the rates of a scenario, with the known answer.

At most one fact of a participant's screening is disturbed, so that the answer names just that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

from operandi.simulation.scenario import Scenario
from operandi.simulation.streams import Stream, generator
from operandi.simulation.trial.screening_failures import FAILURES, until_inclusion
from operandi.simulation.trial.tables_inclusion import Cells, Tables

DisturbanceKind = Literal[
    "screening_failure",
    "missing_fact",
    "wrong_unit",
    "stale_laboratory",
    "swapped_visit",
    "duplicate_series",
    "missed_visit",
]
Answer = Literal["not eligible", "undetermined", "fault", "refused visit", "missed"]
BASELINE, AFTER_CYCLE_2 = "BASELINE", "AFTER_CYCLE_2"
CANDIDATES_FROM: Final = 500_000
"""Number of the first candidate for screening failures, beyond any cohort's participants."""
STALE_DAYS: Final = 40
_IMAGE_TABLES: Final = ("imaging_visits", "vitals", "tracer_administrations")
_DUPLICATE, _MISSED = 1, 2  # keys of generators


@dataclass(frozen=True, slots=True, kw_only=True)
class Disturbance:
    """One thing that went wrong.

    Parameters
    ----------
    kind : str
        As the key of ``[conduct]``, ``screening_failure`` for ``screening_failures``.
    participant : str
    timepoint : str
        Of the visit; blank where none is meant. Of a swap the first of the two.
    table, column : str
        Where it stands; blank where it is in the images.
    what : str
        A sentence.
    answer : str
        What the desk must say: ``not eligible`` or ``undetermined`` at inclusion under the
        proposed reading, a ``fault`` of reading, a ``refused visit``, or ``missed`` in the
        schedule.
    criteria : tuple of str
        Those that keep the participant out, or are unknown.
    on : date or None
        Day of inclusion, on which eligibility is asked.
    """

    kind: DisturbanceKind
    participant: str
    timepoint: str = ""
    table: str = ""
    column: str = ""
    what: str
    answer: Answer
    criteria: tuple[str, ...] = ()
    on: date | None = None


_MISSING: Final[Mapping[str, tuple[str, Cells, tuple[str, ...]]]] = {
    "the platelet count": ("laboratory_results", {"test": "platelets"}, ("E12a",)),
    "the bilirubin": ("laboratory_results", {"test": "bilirubin_total"}, ("E12c",)),
    "the filtration rate": ("laboratory_results", {"test": "gfr_indexed"}, ("E12g",)),
    "the Karnofsky score": ("karnofsky", {}, ("I6",)),
    "the state of the heart": ("heart_failure", {}, ("E10",)),
    "the social cover": ("social_cover", {}, ("E17", "E18")),
    "the histology": ("tumor_histology", {}, ("I0", "I1", "E7", "E8")),
    "the life expectancy": (
        "judgments",
        {"question": "life_expectancy_over_6_months"},
        ("I7",),
    ),
    "the judgment on MRI": ("judgments", {"question": "mri_contraindication"}, ("E4",)),
    "the review of other cancers": ("reviews", {"topic": "cancer_history"}, ("E14",)),
    "the PET of inclusion": ("receptor_lesions", {}, ("I0", "I4", "I5")),
}
"""A fact that may be missing: its table, its rows, and the criteria that are then unknown."""

_STALE: Final = ("E12a", "E12b", "E12c", "E12d", "E12e", "E12f", "E12g")
_SHARED_UNITS: Final = {"10^9/L": "/mm3", "/mm3": "10^9/L", "g/dL": "g/L", "g/L": "g/dL"}
_COUNTED: Final = {"platelets": "E12a", "hemoglobin": "E12b", "neutrophils": "E12d"}


def disturb(
    tables: Mapping[str, list[Cells]],
    scenario: Scenario,
    *,
    candidates: Mapping[str, list[Cells]] | None = None,
    seed: int,
) -> tuple[Tables, tuple[Disturbance, ...]]:
    """Disturb the tables of a cohort at the rates of ``scenario.conduct``.

    Parameters
    ----------
    tables : mapping
        Of :func:`operandi.simulation.trial.tables.tables_of`; not changed.
    scenario : Scenario
    candidates : mapping, optional
        Tables of other people of the same scenario, of whom some are screened in vain: of each
        participant's place in them with the rate of screening failures. Without it nobody fails.
    seed : int

    Returns
    -------
    tables, disturbances
        In the order of participants. The writer of images leaves out the visits that were
        ``missed_visit`` and writes the PET of a ``duplicate_series`` twice.
    """
    found: Tables = {name: [dict(row) for row in rows] for name, rows in tables.items()}
    disturbances: list[Disturbance] = []
    for row in tables["participants"]:
        who = row["participant"]
        # Images first: nothing else is disturbed of a visit that was missed.
        disturbances += _of_images(found, who, scenario, seed=seed)
        disturbances += _of_screening(found, who, scenario, seed=seed)
    if candidates is not None:
        disturbances += _failures(found, candidates, scenario, seed=seed)
    return found, tuple(disturbances)


def _number(who: str) -> int:
    """A participant's own number for their stream of random numbers."""
    return int.from_bytes(who.encode())


def _of_screening(tables: Tables, who: str, scenario: Scenario, *, seed: int) -> list[Disturbance]:
    """One of a missing fact, a wrong unit and stale results, the first that is drawn."""
    draw = generator(_number(who), seed=seed, stream=Stream.CONDUCT)
    rates = scenario.conduct
    missing, unit, stale, which = draw.random(4)
    on = inclusion_day(tables, who)
    if missing < rates.missing_fact:
        return [_missing_fact(tables, who, place=float(which), on=on)]
    if unit < rates.wrong_unit:
        return _wrong_unit(tables, who, place=float(which), on=on)
    if stale < rates.stale_laboratory:
        return [_stale(tables, who, on=on)]
    return []


def inclusion_day(tables: Mapping[str, list[Cells]], who: str) -> date:
    """The day after the review of allergies, which is asked for once."""
    reviews = tables["reviews"]
    days = [
        r["reviewed_on"] for r in reviews if (r["participant"], r["topic"]) == (who, "allergies")
    ]
    return date.fromisoformat(max(days)) + timedelta(days=1)


def _until(rows: list[Cells], who: str, on: date, *, column: str) -> list[Cells]:
    return [r for r in rows if r["participant"] == who and r[column] <= on.isoformat()]


_DAY_OF: Final = {
    "laboratory_results": "collected_on",
    "karnofsky": "on",
    "heart_failure": "assessed_on",
    "social_cover": "on",
    "tumor_histology": "reported_on",
    "judgments": "on",
    "reviews": "reviewed_on",
    "receptor_lesions": "performed_on",
}


def _missing_fact(tables: Tables, who: str, *, place: float, on: date) -> Disturbance:
    what = list(_MISSING)[int(place * len(_MISSING))]
    table, where, criteria = _MISSING[what]
    gone = {
        id(row)
        for row in _until(tables[table], who, on, column=_DAY_OF[table])
        if where.items() <= row.items()
    }
    tables[table] = [row for row in tables[table] if id(row) not in gone]
    return Disturbance(
        kind="missing_fact",
        participant=who,
        table=table,
        what=f"Before inclusion, {what} was not recorded.",
        answer="undetermined",
        criteria=criteria,
        on=on,
    )


def _wrong_unit(tables: Tables, who: str, *, place: float, on: date) -> list[Disturbance]:
    """A screening result under the unit of another department, or a mass in grams."""
    choices = (*_COUNTED, "body_mass_kg")
    what = choices[int(place * len(choices))]
    if what == "body_mass_kg":
        return _mass_in_grams(tables, who)
    found = Disturbance(
        kind="wrong_unit",
        participant=who,
        table="laboratory_results",
        column="value",
        what=f"The unit of {what} is that of another department.",
        answer="fault",
        criteria=(_COUNTED[what],),
        on=on,
    )
    for row in _until(tables["laboratory_results"], who, on, column="collected_on"):
        if row["test"] == what:
            row["unit"] = _SHARED_UNITS[row["unit"]]
    return [found]


def _mass_in_grams(tables: Tables, who: str) -> list[Disturbance]:
    for row in tables.get("vitals", []):
        if row["participant"] == who:
            row["body_mass_kg"] = f"{1000.0 * float(row['body_mass_kg']):.0f}"
            return [
                Disturbance(
                    kind="wrong_unit",
                    participant=who,
                    timepoint=row["timepoint"],
                    table="vitals",
                    column="body_mass_kg",
                    what="The body mass was written in grams.",
                    answer="fault",
                )
            ]
    return []


def _stale(tables: Tables, who: str, *, on: date) -> Disturbance:
    for row in _until(tables["laboratory_results"], who, on, column="collected_on"):
        before = date.fromisoformat(row["collected_on"]) - timedelta(days=STALE_DAYS)
        row["collected_on"] = before.isoformat()
    tables["visits"] = [
        row
        for row in tables.get("visits", [])
        if (row["participant"], row["visit"]) != (who, "LAB_C1")
    ]
    return Disturbance(
        kind="stale_laboratory",
        participant=who,
        table="laboratory_results",
        column="collected_on",
        what=f"Blood was drawn {STALE_DAYS} days earlier than it should have been.",
        answer="undetermined",
        criteria=_STALE,
        on=on,
    )


def _of_images(tables: Tables, who: str, scenario: Scenario, *, seed: int) -> list[Disturbance]:
    """Missed visits, else two visits swapped, else a PET that was sent twice."""
    rates = scenario.conduct
    visits = [row["timepoint"] for row in tables["imaging_visits"] if row["participant"] == who]
    draw = generator(_number(who), _MISSED, seed=seed, stream=Stream.CONDUCT)
    swap = draw.random() < rates.swapped_visit
    missed = [code for code in visits if draw.random() < rates.missed_visit]
    found = [_missed(tables, who, code) for code in missed]
    if swap and {BASELINE, AFTER_CYCLE_2} <= set(visits) - set(missed):
        return [*found, _swapped(tables, who)]
    draw = generator(_number(who), _DUPLICATE, seed=seed, stream=Stream.CONDUCT)
    twice = [code for code in visits if draw.random() < rates.duplicate_series]
    return [
        *found,
        *(
            Disturbance(
                kind="duplicate_series",
                participant=who,
                timepoint=code,
                what="The attenuation-corrected PET arrived as two series.",
                answer="refused visit",
            )
            for code in twice
            if code not in missed
        ),
    ]


def _missed(tables: Tables, who: str, code: str) -> Disturbance:
    day = ""
    for name in _IMAGE_TABLES:
        gone = [r for r in tables[name] if (r["participant"], r["timepoint"]) == (who, code)]
        tables[name] = [
            r for r in tables[name] if (r["participant"], r["timepoint"]) != (who, code)
        ]
        day = gone[0]["date"] if name == "imaging_visits" else day
    row = {"participant": who, "visit": code, "on": day, "state": "missed"}
    tables.setdefault("visits", []).append(row | {"reason": "did not come"})
    return Disturbance(
        kind="missed_visit",
        participant=who,
        timepoint=code,
        table="visits",
        what=f"The participant did not come on {day}.",
        answer="missed",
    )


def _swapped(tables: Tables, who: str) -> Disturbance:
    other = {BASELINE: AFTER_CYCLE_2, AFTER_CYCLE_2: BASELINE}
    for name in _IMAGE_TABLES:
        for row in tables[name]:
            if row["participant"] == who:
                row["timepoint"] = other.get(row["timepoint"], row["timepoint"])
    return Disturbance(
        kind="swapped_visit",
        participant=who,
        timepoint=BASELINE,
        table="imaging_visits",
        column="timepoint",
        what="The first two visits bear each other's name.",
        answer="refused visit",
    )


def _failures(
    tables: Tables, candidates: Mapping[str, list[Cells]], scenario: Scenario, *, seed: int
) -> list[Disturbance]:
    """Add those of the candidates who fail, as far as they were known when it was found."""
    found: list[Disturbance] = []
    for person in candidates["participants"]:
        who = person["participant"]
        draw = generator(_number(who), seed=seed, stream=Stream.CONDUCT)
        if draw.random() >= scenario.conduct.screening_failures:
            continue
        ways = [one for one in FAILURES if person["sex"] == "F" or not one.women_only]
        failure = ways[int(draw.integers(len(ways)))]
        on = inclusion_day(candidates, who)
        known_as = f"OP-S{len(found) + 1:02d}"
        found.append(
            add_failure(
                tables, candidates, who, criterion=failure.criterion, on=on, known_as=known_as
            )
        )
    return found


def add_failure(
    tables: Tables,
    candidates: Mapping[str, list[Cells]],
    who: str,
    *,
    criterion: str,
    on: date,
    known_as: str,
) -> Disturbance:
    """Add one candidate, who fails a criterion, to *tables*, under the study code *known_as*."""
    failure = next(one for one in FAILURES if one.criterion == criterion)
    own = until_inclusion(candidates, participant=who, on=on)
    failure.change(own, on)
    own = {
        name: [{key: cell.replace(who, known_as) for key, cell in row.items()} for row in rows]
        for name, rows in own.items()
    }
    for name, rows in own.items():
        tables.setdefault(name, []).extend(rows)
    plan = next(row for row in own["cycle_plans"] if row["cycle"] == "1")
    found_on = str(on + timedelta(days=1))
    tables["cycle_plans"].append(
        {**plan, "recorded_on": found_on, "state": "cancelled", "reason": "screening failure"}
    )
    return Disturbance(
        kind="screening_failure",
        participant=known_as,
        what=f"Screened in vain: fails {criterion}.",
        answer="not eligible",
        criteria=failure.against,
        on=on,
    )
