"""Rows of adverse events: what the printed results show, by CTCAE, and nausea at the cycles."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final

from operandi.domain.participant import Sex
from operandi.protocol.ctcae.grading import Baseline, Limits, grade
from operandi.protocol.ctcae.tables import Direction
from operandi.simulation.streams import Stream, generator
from operandi.simulation.trial.chronology import Chronology
from operandi.simulation.trial.laboratory import Result, limits_printed
from operandi.simulation.trial.tables_inclusion import Cells
from operandi.simulation.trial.toxicity import BLOOD

CTCAE_VERSION: Final = "5"
GRADED: Final[dict[str, Direction]] = {**dict.fromkeys(BLOOD, "low"), "creatinine": "high"}
"""Tests whose results become events, and the direction that is adverse."""
_NAUSEA: Final = 0.59
"""Part of participants with nausea at a cycle: recalled, NETTER-1."""
_AGAIN: Final = 0.6  # at a later cycle, of those. Assumed


def event_rows(days: Chronology, results: tuple[Result, ...], *, seed: int) -> list[Cells]:
    """Rows of ``adverse_events``, without their participant.

    Parameters
    ----------
    days : Chronology
    results : tuple of Result
        As printed; the first of each test is that of screening.
    seed : int
    """
    of_results = (
        row
        for test in GRADED
        for row in _of_results(days, [one for one in results if one.test == test])
    )
    return [*of_results, *_nausea(days, seed=seed)]


def _of_results(days: Chronology, results: Sequence[Result]) -> Iterator[Cells]:
    """One row a spell of one grade from cycle 1 on, where above the grade of screening."""
    screening, *later = results
    before, _ = graded(screening, screening, days)
    spells: list[tuple[int, int, str]] = []
    for one in later:
        level, term = graded(one, screening, days)
        if one.day >= 0 and (not spells or spells[-1][1] != level):
            spells.append((one.day, level, term))
    ends = (*(spell[0] for spell in spells[1:]), None)
    for (day, level, term), end in zip(spells, ends, strict=False):
        if level > before:
            yield _event(days, term, level, day=day, end=end, related=bool(days.cycle_days))


def graded(one: Result, screening: Result, days: Chronology) -> tuple[int, str]:
    """Grade and term of a printed result, in the adverse direction."""
    limits = _limits(one, days)
    normal_low = limits.lower is not None and one.value >= limits.lower
    if GRADED[one.test] == "low" and normal_low:
        return 0, ""  # the lower limits of normal lie above every threshold of CTCAE
    found = grade(
        one.test,
        one.value,
        unit=one.unit,
        limits=limits,
        baseline=Baseline(screening.value, screening.unit, _limits(screening, days)),
        version=CTCAE_VERSION,
        direction=GRADED[one.test],
    )
    return found.grade, found.term


def _limits(one: Result, days: Chronology) -> Limits:
    female = days.person.sex is Sex.FEMALE
    low, high = limits_printed(one.test, female=female, odd_site=one.odd_site)
    return Limits(
        lower=Decimal(low) if low else None,
        upper=Decimal(high) if high else None,
    )


def _event(
    days: Chronology, term: str, level: int, *, day: int, end: int | None, related: bool
) -> Cells:
    return {
        "term": term,
        "ctcae_version": CTCAE_VERSION,
        "grade": str(level),
        "started_on": days.text(day),
        "ended_on": "" if end is None else days.text(end),
        "ongoing": "yes" if end is None else "no",
        "serious": "yes" if level >= 4 else "no",
        "related": "related" if related else "unrelated",
    }


def _nausea(days: Chronology, *, seed: int) -> Iterator[Cells]:
    """On the day of a cycle, by the amino acids."""
    draw = generator(days.person.number, 21, seed=seed, stream=Stream.CLINICAL)
    prone = draw.random() < _NAUSEA
    again = draw.random(4) < _AGAIN
    for number, day in enumerate(days.cycle_days):
        if prone and (number == 0 or again[number]) and day + 1 <= days.last_day:
            yield _event(days, "Nausea", 1, day=day, end=day + 1, related=True)
