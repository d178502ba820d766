"""Who is analyzed, from when on, and who was left out before any outcome was looked at."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from operandi.domain.identity import Pseudonym
from operandi.domain.participant import Participant
from operandi.quantities.errors import DataError
from operandi.records.spelling import meant
from operandi.records.tables import Records
from operandi.signatures.plan_format import AnalysisPlan
from operandi.signatures.preparation.guard import LeakError
from operandi.signatures.source import AnalysisSource
from operandi.signatures.supplied_table import SuppliedRow, plain_number
from operandi.signatures.tables import CohortStep, LeftOutParticipants


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyzedPerson:
    """A participant of the population.

    Parameters
    ----------
    participant : Pseudonym
    site : str
    sex : str or None
    age : float or None
        Years at cycle 1.
    start, zero : date or None
        Cycle 1 and time zero; None of a cohort without records.
    """

    participant: Pseudonym
    site: str
    sex: str | None = None
    age: float | None = None
    start: date | None = None
    zero: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyzedPopulation:
    """Who is analyzed, in the order of the tables, and the flow from everybody to them."""

    people: tuple[AnalyzedPerson, ...]
    flow: tuple[CohortStep, ...]
    notes: tuple[str, ...]


def population_of(plan: AnalysisPlan, source: AnalysisSource) -> AnalyzedPopulation:
    """Find the population of a plan.

    Raises
    ------
    DataError
        If somebody is named whom nobody knows, a supplied table has strangers, or nobody is left.
    LeakError
        If who counts hangs on what comes after time zero.
    """
    everybody = _of_records(plan, source.records) if source.records else _of_tables(plan, source)
    _refuse_strangers(plan, source, [one.participant for one in everybody])
    steps: list[CohortStep] = []
    people = everybody
    asked = [
        ("of the plan's sites", _other_sites(plan, people)),
        ("not left out by the plan", _excluded(plan, people)),
    ]
    if cycles := plan.population.cycles:
        given = "1 cycle" if cycles == 1 else f"{cycles} cycles"
        asked.append((f"given {given} or more by time zero", _untreated(plan, source, people)))
    for step, reasons in asked:
        before = len(people)
        people = [one for one in people if one.participant not in reasons]
        steps.append(flow_step(step, before, reasons))
    if not people:
        raise DataError(
            "population: nobody is left of " + f"{len(everybody)}.",
            remedy="Correct population in the plan, or the tables.",
        )
    return AnalyzedPopulation(
        people=tuple(people), flow=tuple(steps), notes=tuple(_notes(people, source))
    )


def flow_step(step: str, before: int, reasons: dict[Pseudonym, str]) -> CohortStep:
    """One step of the flow from a reason for everybody whom it leaves out."""
    by_reason: dict[str, list[Pseudonym]] = {}
    for who, why in reasons.items():
        by_reason.setdefault(why, []).append(who)
    return CohortStep(
        step=step,
        before=before,
        after=before - len(reasons),
        left_out=tuple(
            LeftOutParticipants(reason=why, participants=tuple(who))
            for why, who in by_reason.items()
        ),
    )


def _of_records(plan: AnalysisPlan, records: Records) -> list[AnalyzedPerson]:
    if plan.timing.start != "C1":
        raise DataError(
            f"timing.start: days count from cycle 1, which is C1; found {plan.timing.start}.",
            remedy="Write start = C1.",
        )
    after = timedelta(days=plan.timing.landmark_day or 0)
    people = []
    for one in records.participants:
        cycle = records.cycle(one.pseudonym, 1)
        start = cycle.on if cycle else None
        people.append(
            AnalyzedPerson(
                participant=one.pseudonym,
                site=one.site,
                sex=one.sex.value,
                age=None if start is None else _age(one, start),
                start=start,
                zero=None if start is None else start + after,
            )
        )
    return people


def _age(one: Participant, on: date) -> float:
    """Years, from the middle of the month of birth."""
    return (on.year - one.birth_year) + (on.month - one.birth_month + (on.day - 15) / 30.0) / 12.0


def _of_tables(plan: AnalysisPlan, source: AnalysisSource) -> list[AnalyzedPerson]:
    """Of a cohort without records, everybody in the primary endpoint's table."""
    table = source.supplied[str(plan.primary().table)]
    return [
        AnalyzedPerson(
            participant=Pseudonym(row.participant),
            site=row.site or "",
            sex=_labeled(plan, source, "sex", row.participant),
            age=_number(_labeled(plan, source, "age", row.participant)),
        )
        for row in table.rows.values()
    ]


def _labeled(plan: AnalysisPlan, source: AnalysisSource, code: str, who: str) -> str | None:
    """The cell of the supplied predictor that the plan calls sex, or age."""
    for one in plan.supplied:
        if one.code == code and len(one.columns) == 1 and (row := _row(source, one.table, who)):
            return row.cells.get(one.columns[0])
    return None


def _row(source: AnalysisSource, table: str, who: str) -> SuppliedRow | None:
    return source.supplied[table].rows.get(who)


def _number(cell: str | None) -> float | None:
    try:
        return None if cell is None else plain_number(cell)
    except ValueError:
        return None


def _refuse_strangers(
    plan: AnalysisPlan, source: AnalysisSource, known: Sequence[Pseudonym]
) -> None:
    names = set(known)
    filters = {one.table for one in plan.preparation if one.table is not None}
    left_out = source.records.left_out if source.records else lambda _: None
    for table in source.supplied.values():
        if table.code in filters:
            continue
        strange = [
            row for who, row in table.rows.items() if who not in names and left_out(who) is None
        ]
        if strange:
            shown = "; ".join(
                f"{row.participant} in {row.place}{_near(row.participant, names)}"
                for row in strange[:5]
            )
            more = f", and {len(strange) - 5} more" if len(strange) > 5 else ""
            raise DataError(
                f"table[{table.code}]: nobody of the cohort is called {shown}{more}.",
                remedy="Correct the codes, or take the rows out; then state the new digest.",
            )


def _near(who: str, names: set[Pseudonym]) -> str:
    near = meant(who, names)
    return f" ({near}?)" if near else ""


def _other_sites(plan: AnalysisPlan, people: Sequence[AnalyzedPerson]) -> dict[Pseudonym, str]:
    wanted = plan.population.site
    found = {one.site for one in people}
    if unknown := sorted(set(wanted) - found):
        raise DataError(
            f"population.site: nobody is of {', '.join(unknown)}; sites: "
            f"{', '.join(sorted(found)) or 'none'}.",
            remedy="Correct the codes of the sites.",
        )
    return {
        one.participant: f"of site {one.site}"
        for one in people
        if wanted and one.site not in wanted
    }


def _excluded(plan: AnalysisPlan, people: Sequence[AnalyzedPerson]) -> dict[Pseudonym, str]:
    names = {str(one.participant): one.participant for one in people}
    reasons = dict(zip(plan.population.exclude, plan.population.because, strict=True))
    if unknown := [who for who in reasons if who not in names]:
        raise DataError(
            f"population.exclude: nobody is called {', '.join(unknown)}.",
            remedy="Correct the codes.",
        )
    return {names[who]: f"plan: {why}" for who, why in reasons.items()}


def _untreated(
    plan: AnalysisPlan, source: AnalysisSource, people: Sequence[AnalyzedPerson]
) -> dict[Pseudonym, str]:
    least = plan.population.cycles
    if least > 1 and plan.timing.landmark is None:
        raise LeakError(
            f"population.cycles: {least} cycles are given only after time zero, which is the day "
            "of cycle 1: who had them lived to have them.",
            remedy="Write cycles = 1, or set a landmark after the cycle.",
        )
    if source.records is None:
        return {}
    found: dict[Pseudonym, str] = {}
    for one in people:
        if one.zero is None:
            found[one.participant] = "no cycle 1"
            continue
        given = sum(
            cycle.participant == one.participant and cycle.on <= one.zero
            for cycle in source.records.cycles
        )
        if given < least:
            found[one.participant] = f"{given} of {least} cycles by time zero"
    return found


def _notes(people: Sequence[AnalyzedPerson], source: AnalysisSource) -> Iterator[str]:
    sites = [one.site for one in people]
    single = sorted({site for site in sites if site and sites.count(site) == 1})
    if single:
        yield f"{len(single)} site(s) have one participant: {', '.join(single)}."
    if source.records is None:
        yield (
            "The cohort has no records: that its predictors were known at time zero rests on the "
            "plan, and no day of theirs could be checked."
        )
