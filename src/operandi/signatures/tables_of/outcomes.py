"""Outcomes after time zero, of those who have them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

import numpy as np

from operandi.domain.date_interval import DateInterval
from operandi.domain.identity import Pseudonym
from operandi.protocol.recist import Response, TimepointResponse
from operandi.protocol.recist_best import ResponseRules
from operandi.quantities.errors import DataError
from operandi.records.tables import Records
from operandi.signatures.data import IntervalCensored, RightCensored
from operandi.signatures.endpoint_values import (
    BinaryEndpoint,
    Ending,
    ExcludedParticipant,
    Exclusion,
    TimeEndpoint,
)
from operandi.signatures.endpoints import (
    ProgressionRule,
    early_non_response,
    objective_response,
    overall_survival_endpoint,
    progression_free,
)
from operandi.signatures.followed import Followed, follow_participants
from operandi.signatures.landmark import LandmarkExclusion, landmark, scan_days_of
from operandi.signatures.plan_format import AnalysisPlan, PlannedEndpoint
from operandi.signatures.source import AnalysisSource
from operandi.signatures.supplied_table import SuppliedRow, SuppliedRows, plain_number
from operandi.signatures.tables import CohortStep, EndpointData
from operandi.signatures.tables_of.people import AnalyzedPerson, flow_step

_DAYS: Final = {"day": 1.0, "month": 30.4375, "year": 365.25}
_STABLE: Final = timedelta(weeks=6)
"""How long stable disease lasts is no part of a response."""
_EARLIEST_DAY: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cohort:
    """The population with what endpoints are read from.

    Parameters
    ----------
    plan : AnalysisPlan
    source : AnalysisSource
    people : tuple of AnalyzedPerson
    scanned : mapping of Pseudonym to bool
        Of a cohort without records: who has a value of the landmark's visit.
    """

    plan: AnalysisPlan
    source: AnalysisSource
    people: tuple[AnalyzedPerson, ...]
    scanned: Mapping[Pseudonym, bool]

    def row_of(self) -> dict[Pseudonym, int]:
        """Row of each participant."""
        return {one.participant: at for at, one in enumerate(self.people)}

    def scan_days(self, who: Sequence[Pseudonym]) -> tuple[float | None, ...]:
        """Days from cycle 1 to the landmark's visit; None where there is none."""
        timing = self.plan.timing
        if self.source.records is not None:
            return scan_days_of(self.source.records, who, timepoint=str(timing.landmark))
        day = float(timing.landmark_day or 0)
        return tuple(day if self.scanned.get(one, True) else None for one in who)


def planned_endpoint(one: PlannedEndpoint, cohort: Cohort) -> EndpointData:
    """Make an endpoint as a plan says, and count days from time zero.

    Raises
    ------
    DataError
        If nobody has a value, naming the plan's key.
    """
    try:
        described = _described(one, cohort)
        if isinstance(described, BinaryEndpoint):
            return _binary(one, cohort, described)
        return _timed(one, cohort, described)
    except DataError as refusal:
        key = f"endpoint[{one.code}]"
        if refusal.what.startswith(key):
            raise
        raise type(refusal)(f"{key}: {refusal.what}", remedy=refusal.remedy) from refusal


def _described(one: PlannedEndpoint, cohort: Cohort) -> TimeEndpoint | BinaryEndpoint:
    if one.table is not None:
        table = cohort.source.supplied[one.table]
        return _yes_or_no(one, cohort, table) if one.binary else _times(one, cohort, table)
    assert cohort.source.records is not None  # noqa: S101 - read_analysis_source sees to it
    followed = _followed(cohort.source.records, cohort.people, one)
    match one.kind:
        case "os":
            return overall_survival_endpoint(followed)
        case "response":
            early = [_until(each, float(one.by_day or 0)) for each in followed]
            found = objective_response(
                early, rules=ResponseRules(stable_at_least=_STABLE), confirmed=False
            )
            return replace(found, rule=f"{found.rule} Exams up to day {one.by_day} count.")
        case "early_non_response":
            return early_non_response(
                followed, from_day=_EARLIEST_DAY, until_day=float(one.by_day or 0)
            )
        case _:
            return progression_endpoint(one, followed)


def _followed(
    records: Records, people: Sequence[AnalyzedPerson], one: PlannedEndpoint
) -> list[Followed]:
    population = {person.participant for person in people}
    followed = follow_participants(records, read_by=one.read_by)
    return [each for each in followed if each.participant in population]


def _until(one: Followed, day: float) -> Followed:
    if one.start is None:
        return one
    return replace(
        one, responses=tuple(each for each in one.responses if one.first_day(each.on) <= day)
    )


def progression_endpoint(one: PlannedEndpoint, followed: Sequence[Followed]) -> TimeEndpoint:
    """Progression, with or without death, and another treatment as the plan has it.

    Raises
    ------
    DataError
        If nobody has a value.
    """
    rule = ProgressionRule(longest_gap_days=one.longest_gap_days or math.inf)
    turned: dict[Pseudonym, Ending] = {}
    asked, words = [], []
    if one.kind == "progression":
        words.append("Death is no event here: it censors at the last clear scan.")
    if one.new_therapy == "event":
        words.append("Another treatment before the event counts as the event, on its day.")
    if one.new_therapy == "ignore":
        words.append("Another treatment does not censor.")
    for each in followed:
        changed = each
        if one.kind == "progression" and each.death is not None:
            changed = replace(changed, death=None)
            turned[each.participant] = Ending.DEATH
        if one.new_therapy != "censor" and each.other_therapy is not None:
            changed = replace(changed, other_therapy=None)
            if one.new_therapy == "event" and _first(each, changed.death):
                changed = replace(changed, death=each.other_therapy, responses=_by(each))
                turned[each.participant] = Ending.NEW_THERAPY
        asked.append(changed)
    found = progression_free(asked, rule=rule)
    plain = {Ending.DEATH, Ending.DEATH_AFTER_GAP, Ending.EVENT_FREE}
    return replace(
        found,
        name=one.code,
        rule=" ".join([found.rule, *words]),
        endings=tuple(
            turned.get(who, ending) if ending in plain else ending
            for who, ending in zip(found.participants, found.endings, strict=True)
        ),
    )


def _first(one: Followed, death: DateInterval | None) -> bool:
    """Whether another treatment came before death and before the scan that shows progression."""
    therapy = one.other_therapy
    if therapy is None:
        return False
    shown = [each.on for each in one.responses if each.overall is Response.PD]
    ends = [day for day in (death, *shown) if day is not None]
    return all(therapy.latest < day.earliest for day in ends)


def _by(one: Followed) -> tuple[TimepointResponse, ...]:
    """Exams up to another treatment: what came later is not asked any more."""
    therapy = one.other_therapy
    return tuple(each for each in one.responses if therapy and each.on.latest <= therapy.earliest)


def _times(one: PlannedEndpoint, cohort: Cohort, table: SuppliedRows) -> TimeEndpoint:
    kept: list[tuple[Pseudonym, float, bool]] = []
    excluded: list[ExcludedParticipant] = []
    for who, row in _rows(cohort, table):
        time, event = _cell(one, row, one.time), _cell(one, row, one.event)
        detail = f"{row.place if row else one.table}: no time or no event"
        reason = Exclusion.NO_FOLLOW_UP
        if time is not None and event is not None:
            days = time * _DAYS[one.time_unit or "day"]
            if days > 0.0:
                kept.append((who, days, _as_bool(one, row, event)))
                continue
            reason, detail = Exclusion.BEFORE_BASELINE, f"{row.place if row else ''}: day {days:g}"
        excluded.append(ExcludedParticipant(participant=who, reason=reason, detail=detail))
    if not kept:
        raise DataError("nobody has a time.", remedy="Correct the table, or its columns.")
    left = np.array([days for _, days, _ in kept])
    event_ = np.array([event for _, _, event in kept])
    return TimeEndpoint(
        name=one.code,
        rule=f"As supplied: {one.table}.{one.time} ({one.time_unit}s), {one.table}.{one.event}.",
        participants=tuple(who for who, _, _ in kept),
        outcome=IntervalCensored(left=left, right=np.where(event_, left, np.inf)),
        endings=tuple(_ending(one, event) for _, _, event in kept),
        excluded=tuple(excluded),
    )


def _ending(one: PlannedEndpoint, event: bool) -> Ending:  # noqa: FBT001 - a cell
    if not event:
        return Ending.EVENT_FREE
    return Ending.DEATH if one.kind == "os" else Ending.PROGRESSION


def _yes_or_no(one: PlannedEndpoint, cohort: Cohort, table: SuppliedRows) -> BinaryEndpoint:
    kept: list[tuple[Pseudonym, bool]] = []
    excluded = []
    for who, row in _rows(cohort, table):
        event = _cell(one, row, one.event)
        if event is None:
            excluded.append(
                ExcludedParticipant(
                    participant=who,
                    reason=Exclusion.NO_ASSESSMENT,
                    detail=f"{row.place if row else one.table}: no value",
                )
            )
        else:
            kept.append((who, _as_bool(one, row, event)))
    if not kept:
        raise DataError("nobody has a value.", remedy="Correct the table, or its column.")
    return BinaryEndpoint(
        name=one.code,
        rule=f"As supplied: {one.table}.{one.event}.",
        participants=tuple(who for who, _ in kept),
        value=np.array([value for _, value in kept], dtype=bool),
        treated=len(cohort.people),
        excluded=tuple(excluded),
    )


def _rows(cohort: Cohort, table: SuppliedRows) -> list[tuple[Pseudonym, SuppliedRow | None]]:
    return [(one.participant, table.rows.get(one.participant)) for one in cohort.people]


def _cell(one: PlannedEndpoint, row: SuppliedRow | None, column: str | None) -> float | None:
    if row is None or column is None:
        return None
    text = row.cells.get(column)
    try:
        return None if text is None else _finite(text)
    except ValueError:
        raise DataError(
            f"endpoint[{one.code}]: {row.place}, column {column} holds {text!r}, which is no "
            "number.",
            remedy="Write the time as a number, the event as 0 or 1.",
        ) from None


def _finite(text: str) -> float:
    value = plain_number(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _as_bool(one: PlannedEndpoint, row: SuppliedRow | None, event: float) -> bool:
    if event not in (0.0, 1.0):
        raise DataError(
            f"endpoint[{one.code}].event: {row.place if row else one.table} holds {event:g}.",
            remedy="Write 0 or 1.",
        )
    return event == 1.0


def _timed(one: PlannedEndpoint, cohort: Cohort, described: TimeEndpoint) -> EndpointData:
    order, positions = _in_order(cohort, described.participants)
    outcome = IntervalCensored(
        left=described.outcome.left[positions], right=described.outcome.right[positions]
    )
    flow = [_have(described, cohort)]
    rows, straddling = np.array(order, dtype=np.intp), 0
    timing = cohort.plan.timing
    if timing.landmark is not None:
        who = [cohort.people[row].participant for row in order]
        scans = cohort.scan_days(who)
        found = landmark(outcome, scan_days=scans, day=float(timing.landmark_day or 0))
        flow.append(_landmark_step(cohort, who, dict(found.excluded)))
        rows, outcome, straddling = rows[found.kept], found.outcome, found.straddling
    event = np.isfinite(outcome.right)
    times = RightCensored(time=np.where(event, outcome.right, outcome.left), event=event)
    if one.progression == "right_end":
        outcome = IntervalCensored(left=times.time, right=np.where(event, times.time, np.inf))
    return EndpointData(
        plan=one,
        described=described,
        rows=rows,
        intervals=outcome,
        times=times,
        value=None,
        straddling=straddling,
        flow=tuple(flow),
    )


def _binary(one: PlannedEndpoint, cohort: Cohort, described: BinaryEndpoint) -> EndpointData:
    order, positions = _in_order(cohort, described.participants)
    rows, value = np.array(order, dtype=np.intp), described.value[positions]
    flow = [_have(described, cohort)]
    if cohort.plan.timing.landmark is not None:
        who = [cohort.people[row].participant for row in order]
        reasons = _before_landmark(one, cohort, who)
        flow.append(_landmark_step(cohort, who, reasons))
        kept = np.array([at for at in range(len(who)) if at not in reasons], dtype=np.intp)
        if not kept.size:
            raise DataError(
                "nobody is left after the landmark.", remedy="Choose an earlier landmark."
            )
        rows, value = rows[kept], value[kept]
    return EndpointData(
        plan=one,
        described=described,
        rows=rows,
        intervals=None,
        times=None,
        value=value,
        straddling=0,
        flow=tuple(flow),
    )


def _before_landmark(
    one: PlannedEndpoint, cohort: Cohort, who: Sequence[Pseudonym]
) -> dict[int, LandmarkExclusion]:
    """Who is decided by the landmark, or was not scanned by then."""
    day = float(cohort.plan.timing.landmark_day or 0)
    decided: set[Pseudonym] = set()
    if cohort.source.records is not None:
        settles = {Response.PD} | ({Response.CR, Response.PR} if one.kind == "response" else set())
        for each in _followed(cohort.source.records, cohort.people, one):
            shown = [point.on for point in each.responses if point.overall in settles]
            ends = [end for end in (each.death, each.other_therapy, *shown) if end is not None]
            if each.start is not None and any(each.last_day(end) <= day for end in ends):
                decided.add(each.participant)
    reasons = {}
    for at, (name, scan) in enumerate(zip(who, cohort.scan_days(who), strict=True)):
        if name in decided:
            reasons[at] = LandmarkExclusion.EVENT_BEFORE
        elif scan is None:
            reasons[at] = LandmarkExclusion.NO_SCAN
        elif scan > day:
            reasons[at] = LandmarkExclusion.SCAN_AFTER
    return reasons


def _in_order(cohort: Cohort, who: Sequence[Pseudonym]) -> tuple[list[int], list[int]]:
    """Rows of the population, ascending, and where each stands in the endpoint."""
    row_of = cohort.row_of()
    pairs = sorted((row_of[one], at) for at, one in enumerate(who))
    return [row for row, _ in pairs], [at for _, at in pairs]


def _have(described: TimeEndpoint | BinaryEndpoint, cohort: Cohort) -> CohortStep:
    reasons = {one.participant: one.reason.value for one in described.excluded}
    return flow_step(f"have {described.name}", len(cohort.people), reasons)


def _landmark_step(
    cohort: Cohort, who: Sequence[Pseudonym], reasons: Mapping[int, LandmarkExclusion]
) -> CohortStep:
    timing = cohort.plan.timing
    return flow_step(
        f"free of the event and scanned by the landmark, day {timing.landmark_day}",
        len(who),
        {who[row]: reason.value for row, reason in reasons.items()},
    )
