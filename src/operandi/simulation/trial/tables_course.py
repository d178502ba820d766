"""Rows of what happened after inclusion: cycles, images, performance, events, follow-up, death."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

import numpy as np

from operandi.simulation.disease.outcomes import Outcomes
from operandi.simulation.streams import Stream, generator
from operandi.simulation.trial.chronology import CYCLE_SPACING_DAYS, TIMEPOINTS, Chronology
from operandi.simulation.trial.laboratory import Result
from operandi.simulation.trial.tables_events import event_rows
from operandi.simulation.trial.tables_inclusion import ANALOG, Cells, Facts, Tables
from operandi.simulation.trial.visits import TRACER, ZONE, VisitPlan

CYCLE_GBQ: Final = 7.4
_CYCLE_GBQ_SPREAD: Final = 0.08  # GBq, one standard deviation. Assumed
KARNOFSKY_LOST_PER_YEAR: Final = 20.0
"""Of progressive disease. Assumed."""
KARNOFSKY_AT_THE_END: Final = 40
"""In the last month of life. Assumed."""
NEW_THERAPY: Final = (
    ("chemotherapy", "capecitabine and temozolomide"),
    ("targeted", "everolimus"),
    ("liver_embolization", ""),
)
"""What follows progression, with equal chances. Assumed."""
IMAGING_AFTER_CYCLE_DAYS: Final = 42
YEAR_DAYS: Final = 365


def course_tables(
    days: Chronology, outcomes: Outcomes, *, facts: Facts, results: tuple[Result, ...], seed: int
) -> Tables:
    """Rows of one participant from cycle 1 on; of images see :func:`image_tables`.

    Parameters
    ----------
    days : Chronology
    outcomes : Outcomes
    facts : Facts
    results : tuple of Result
        As the laboratory printed them: grades follow from these.
    seed : int
    """
    who = {"participant": str(days.person.pseudonym)}
    tables: Tables = {
        "cycle_plans": list(_plans(days)),
        "cycles": cycle_rows(days, seed=seed),
        "therapies": [*_analogs(days, facts), *_after_progression(days, seed=seed)],
        "reviews": _reviews(days, facts),
        "karnofsky": _karnofsky(days, facts),
        "visits": [*_laboratory_visits(days, results), *_missed_images(days)],
        "adverse_events": event_rows(days, results, seed=seed),
        "follow_up": _follow_up(days),
        "deaths": _death(days, seed=seed),
        "samples": sample_rows(days, seed=seed),
    }
    return {name: [who | row for row in rows] for name, rows in tables.items()}


def image_tables(plans: Iterable[VisitPlan]) -> Tables:
    """Rows of ``imaging_visits``, ``vitals`` and ``tracer_administrations``."""
    tables: Tables = {"imaging_visits": [], "vitals": [], "tracer_administrations": []}
    for plan in plans:
        which = {"participant": str(plan.participant), "timepoint": str(plan.timepoint)}
        tables["imaging_visits"].append(
            which | {"date": str(plan.date), "study_instance_uid": plan.study_instance_uid}
        )
        tables["vitals"].append(
            which
            | {
                "measured_on": str(plan.date),
                "body_mass_kg": f"{plan.body_mass_kg:.1f}",
                "height_m": f"{plan.height_m:.2f}",
            }
        )
        tables["tracer_administrations"].append(
            which
            | {
                "tracer": TRACER,
                "nuclide": plan.injected.nuclide.name,
                "activity_mbq": f"{plan.assayed_mbq:.1f}",
                "assayed_at": plan.assayed_at.isoformat(),
                "injected_at": plan.injected_at.isoformat(),
                "residual_mbq": f"{plan.residual_mbq:.1f}",
                "residual_at": plan.residual_at.isoformat(),
            }
        )
    return tables


def cycle_rows(days: Chronology, *, seed: int) -> list[Cells]:
    """Rows of ``cycles``, without their participant.

    Activities and times are each cycle's own, so that SPECT scans may count from them.
    """
    draw = generator(days.person.number, seed=seed, stream=Stream.CYCLE)
    rows = []
    for number, day in enumerate(days.cycle_days, start=1):
        off = float(np.clip(draw.normal(0.0, _CYCLE_GBQ_SPREAD), -0.3, 0.3))
        at = datetime.combine(days.on(day), datetime.min.time(), ZONE)
        at += timedelta(minutes=int(draw.integers(9 * 60, 14 * 60)))
        rows.append(
            {
                "cycle": str(number),
                "date": days.text(day),
                "activity_gbq": f"{CYCLE_GBQ + off:.2f}",
                "nuclide": "177Lu",
                "administered_at": at.isoformat(),
            }
        )
    return rows


def _plans(days: Chronology) -> Iterator[Cells]:
    def plan(
        cycle: int, *, day: int, recorded: int, state: str = "planned", why: str = ""
    ) -> Cells:
        return {
            "cycle": str(cycle),
            "planned_on": days.text(day),
            "recorded_on": days.text(min(recorded, days.last_day)),
            "state": state,
            "reason": why,
        }

    yield plan(1, day=0, recorded=days.consent_day)
    if not days.cycle_days:
        yield plan(1, day=0, recorded=0, state="cancelled", why="randomized to no treatment")
        return
    given = dict(enumerate(days.cycle_days, start=1))
    for number, day in enumerate(days.planned_days, start=2):
        if given[number - 1] >= days.last_day:
            return  # nobody plans on the last day
        yield plan(number, day=day, recorded=given[number - 1])
        actual = given.get(number)
        if actual is not None and actual != day:
            # A slip is seen a week ahead, as soon as the laboratory is back.
            why = "recovery of blood counts"
            recorded = max(min(day, actual) - 7, given[number - 1] + 1)
            yield plan(number, day=actual, recorded=recorded, why=why)
        elif actual is None and (why := _why_stopped(days, day)):
            for later in range(number, 5):
                planned = day + CYCLE_SPACING_DAYS * (later - number)
                yield plan(later, day=planned, recorded=day - 7, state="cancelled", why=why)
            return


def _why_stopped(days: Chronology, day: int) -> str:
    """Why a cycle that was planned for *day* was never given; blank while it may still be."""
    if days.death_day is not None and days.death_day <= day:
        return "death"
    if days.dropped_out and days.last_day < day:
        return "lost to follow-up"
    if day > days.last_day:
        return ""
    return "progression" if _has_progressed(days, day) else "toxicity or the patient's wish"


def _has_progressed(days: Chronology, day: int) -> bool:
    return days.progression_day is not None and days.progression_day <= day


def _analogs(days: Chronology, facts: Facts) -> Iterator[Cells]:
    """A dose the day after each cycle, as 28 days must lie before the next; then monthly."""
    if not facts.analog:
        return
    said = {"kind": "ssa_long_acting", "agent": ANALOG, "target": ""}
    for day, following in pairwise(days.cycle_days):
        given, recorded = days.text(day + 1), days.text(following - 1)
        yield said | {
            "started_on": given,
            "last_on": given,
            "ongoing": "no",
            "recorded_on": recorded,
        }
    if days.cycle_days and days.cycle_days[-1] + 1 <= days.last_day:
        last = days.cycle_days[-1]
        yield said | {
            "started_on": days.text(last + 1),
            "last_on": "",
            "ongoing": "yes",
            "recorded_on": days.text(min(last + 28, days.last_day)),
        }


def _after_progression(days: Chronology, *, seed: int) -> Iterator[Cells]:
    started = _new_therapy_day(days)
    if started is None:
        return
    draw = generator(days.person.number, 20, seed=seed, stream=Stream.CLINICAL)
    kind, agent = NEW_THERAPY[int(draw.integers(len(NEW_THERAPY)))]
    single = kind == "liver_embolization"
    yield {
        "kind": kind,
        "agent": agent,
        "started_on": days.text(started),
        "last_on": days.text(started) if single else "",
        "target": "liver" if single else "",
        "ongoing": "no" if single else "yes",
        "recorded_on": days.text(started),
    }


def _new_therapy_day(days: Chronology) -> int | None:
    """Four weeks after progression was called. Assumed."""
    if days.progression_day is None or days.progression_day + 28 > days.last_day:
        return None
    return days.progression_day + 28


def _reviews(days: Chronology, facts: Facts) -> list[Cells]:
    """What was given is asked the day before each cycle; before cycle 1 also of everything else."""
    topics = ("therapies",)
    return [
        {"topic": topic, "reviewed_on": days.text(day - 1), "finding": finding, "by": who}
        for day in days.cycle_days
        for topic in topics
        for finding, who in [("recorded" if facts.analog else "none", facts.physician)]
    ]


def _karnofsky(days: Chronology, facts: Facts) -> list[Cells]:
    scored = {days.inclusion_day - 1, *days.cycle_days, *days.exam_days[1:], *_calls(days)}
    return [
        {"on": days.text(day), "score": str(karnofsky_on(days, facts, day=day))}
        for day in sorted(scored)
        if day <= days.last_day
    ]


def karnofsky_on(days: Chronology, facts: Facts, *, day: int) -> int:
    """Karnofsky score: that of inclusion, less with progression, least in the last month."""
    score = float(facts.karnofsky)
    if days.progression_day is not None and day > days.progression_day:
        score -= KARNOFSKY_LOST_PER_YEAR * (day - days.progression_day) / 365.25
    if days.death_day is not None and days.death_day - day <= 30:
        score = min(score, float(KARNOFSKY_AT_THE_END))
    return int(np.clip(10 * round(score / 10.0), 30, 100))


def _laboratory_visits(days: Chronology, results: tuple[Result, ...]) -> Iterator[Cells]:
    """The first draw in the window of the study file, 4 to 2 weeks before each cycle."""
    drawn = sorted({one.day for one in results})
    for number, cycle in enumerate(days.cycle_days or (0,), start=1):
        within = [day for day in drawn if cycle - 28 <= day <= cycle - 14]
        if within:
            yield {"visit": f"LAB_C{number}", "on": days.text(within[0]), "state": "done"} | {
                "reason": ""
            }


def _missed_images(days: Chronology) -> Iterator[Cells]:
    """Images that were due while the participant was followed, and were not taken."""
    cycles = days.cycle_days
    due = (-7, cycles[1] + IMAGING_AFTER_CYCLE_DAYS if len(cycles) > 1 else None, YEAR_DAYS)
    for code, day, planned in zip(TIMEPOINTS, days.imaging_days, due, strict=True):
        taken = day is not None and day <= days.last_day
        if not taken and planned is not None and planned + 30 <= days.last_day:
            progressed = days.progression_day is not None and days.progression_day <= planned + 30
            yield {
                "visit": code,
                "on": days.text(planned),
                "state": "missed",
                "reason": "another therapy after progression" if progressed else "did not come",
            }


def _follow_up(days: Chronology) -> list[Cells]:
    """At every exam after cycle 1, and at the end."""
    calls = _calls(days)
    known = {day for day in (*days.exam_days, *calls) if 0 < day <= days.last_day}
    alive_at_end = days.death_day is None or days.death_day > days.last_day
    started = _new_therapy_day(days)
    rows = [
        {
            "on": days.text(day),
            "alive": "yes",
            "disease": "progression" if _has_progressed(days, day) else "no_progression",
            "new_therapy": "yes" if started is not None and started <= day else "no",
            "contact": "telephone" if day in calls else "visit",
        }
        for day in sorted(known)
        if alive_at_end or day != days.last_day
    ]
    if days.last_day not in known or not alive_at_end:
        rows.append(
            {
                "on": days.text(days.last_day),
                "alive": "yes" if alive_at_end else "no",
                "disease": "not_assessed",
                "new_therapy": "yes" if started is not None else "no",
                "contact": "telephone" if alive_at_end else "registry",
            }
        )
    return rows


def _calls(days: Chronology) -> range:
    """Every half year after progression, when exams have ended."""
    if days.progression_day is None:
        return range(0)
    return range(days.progression_day + 182, days.last_day, 182)


def _death(days: Chronology, *, seed: int) -> list[Cells]:
    if days.death_day is None or days.death_day > days.last_day:
        return []
    draw = generator(days.person.number, 22, seed=seed, stream=Stream.CLINICAL)
    of_tumor = _has_progressed(days, days.death_day) and draw.random() < 0.9
    return [{"died_on": days.text(days.death_day), "cause": "tumor" if of_tumor else "other"}]


def sample_rows(days: Chronology, *, seed: int) -> list[Cells]:
    """Blood after consent, and tissue of the biopsy before it."""
    draw = generator(days.person.number, 23, seed=seed, stream=Stream.CLINICAL)
    biopsied = days.consent_day - int(draw.integers(30, 400))
    name = days.person.pseudonym
    return [
        {
            "sample": f"{name}-B1",
            "kind": "blood",
            "collected_on": days.text(days.inclusion_day),
            "biopsy_site": "",
        },
        {
            "sample": f"{name}-T1",
            "kind": "tumor_tissue",
            "collected_on": days.text(biopsied),
            "biopsy_site": "liver",
        },
    ]
