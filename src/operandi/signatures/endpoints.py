"""Endpoints of the trial from its frozen tables: progression, survival, next therapy, response.

Days count from cycle 1, day 0. Every endpoint states its rule in words, and everybody without a
value with a reason.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from operandi.domain.date_interval import DateInterval
from operandi.protocol.recist import Response, TimepointResponse
from operandi.protocol.recist_best import ResponseRules, best_response, confirmed_best_response
from operandi.quantities.errors import DataError
from operandi.signatures.data import IntervalCensored
from operandi.signatures.endpoint_values import (
    BinaryEndpoint,
    Ending,
    ExcludedParticipant,
    Exclusion,
    TimeEndpoint,
)
from operandi.signatures.followed import Followed

AfterGap = Literal["interval", "censor"]
_NOT_CLEAR = frozenset({Response.NE, Response.PD})
_RESPONDED = frozenset({Response.CR, Response.PR})


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressionRule:
    """What a plan settles about progression-free survival.

    Parameters
    ----------
    longest_gap_days : float, > 0
        Time between two adequate scans, or a scan and death, beyond which scans were missed: for
        scans every 12 weeks, and one that may be missed, 168 and the width of the window. inf
        where no gap is too long.
    after_gap : str
        What an event after a longer gap is. ``"interval"``: it lies anywhere in the gap, which is
        all that is known. ``"censor"``: censored at the last clear scan, as the FDA has it.

    Raises
    ------
    DataError
        If the gap is not > 0.
    """

    longest_gap_days: float
    after_gap: AfterGap = "interval"

    def __post_init__(self) -> None:
        if not self.longest_gap_days > 0.0:
            raise DataError(
                f"The longest gap between scans needs days > 0; found {self.longest_gap_days:g}."
            )


@dataclass(frozen=True, slots=True)
class _Time:
    left: float
    right: float
    ending: Ending


@dataclass(frozen=True, slots=True)
class _Without:
    reason: Exclusion
    detail: str


def progression_free(people: Iterable[Followed], *, rule: ProgressionRule) -> TimeEndpoint:
    """Time to the first progression or death, as intervals.

    Progression lies in (last clear scan, first scan that shows it], and after baseline where no
    clear scan came before. A scan that is not evaluable is no scan. Death without progression has
    its day; one of which only the month is known lies within it. Another treatment censors at the
    last clear scan on or before it, unless the event came first. Who had none of these is censored
    at the last clear scan.

    Raises
    ------
    DataError
        If nobody has a value.

    References
    ----------
    .. [1] FDA, Clinical Trial Endpoints for the Approval of Cancer Drugs and Biologics, 2018,
       appendix on progression-free survival.
    """
    late = (
        "lies anywhere in the gap"
        if rule.after_gap == "interval"
        else "is censored at the last clear scan"
    )
    gap = f"; an event more than {rule.longest_gap_days:g} days after the last clear scan {late}"
    words = (
        "From cycle 1 to RECIST progression, in (last clear scan, first scan that shows it], or to "
        "death on its day; another treatment of the tumor censors at the last clear scan before "
        f"it{gap if np.isfinite(rule.longest_gap_days) else ''}."
    )
    return _time_endpoint("pfs", words, people, lambda one: _progression(one, rule))


def overall_survival_endpoint(people: Iterable[Followed]) -> TimeEndpoint:
    """Time to death of any cause; censored on the last day known to be alive.

    Raises
    ------
    DataError
        If nobody has a value.
    """
    words = (
        "From cycle 1 to death of any cause, on its day or within what is known of it; censored on "
        "the last day known to be alive: a visit, exam, cycle or contact."
    )
    return _time_endpoint("os", words, people, _survival)


def time_to_new_therapy(people: Iterable[Followed]) -> TimeEndpoint:
    """Time to the next treatment of the tumor; death before it censors, and is told apart.

    Raises
    ------
    DataError
        If nobody has a value.
    """
    words = (
        "From cycle 1 to the first day of another treatment of the tumor; death before it censors "
        "and competes; else censored on the last day of which follow-up says that there was none."
    )
    return _time_endpoint("time_to_new_therapy", words, people, _new_therapy)


def objective_response(
    people: Iterable[Followed], *, rules: ResponseRules, confirmed: bool
) -> BinaryEndpoint:
    """Whether the best response before progression or another treatment is CR or PR.

    Who was treated, had a baseline and an adequate exam after it is evaluable.

    Parameters
    ----------
    people : iterable of Followed
    rules : ResponseRules
    confirmed : bool
        Whether a response counts only if a later exam confirms it.
    """
    words = (
        f"Best RECIST response is CR or PR, {'' if confirmed else 'not '}confirmed, before "
        "progression or another treatment; evaluable with a baseline and an adequate exam after it."
    )
    best = confirmed_best_response if confirmed else best_response

    def judge(one: Followed) -> bool | _Without:
        seen = _before_therapy(one)
        if not any(point.overall is not Response.NE for point in seen):
            return _Without(Exclusion.NO_ASSESSMENT, "no adequate exam after baseline")
        return best(seen, since=one.treated_from, rules=rules).response in _RESPONDED

    return _binary_endpoint("response", words, people, judge)


def early_non_response(
    people: Iterable[Followed],
    *,
    from_day: float,
    until_day: float,
    counts: frozenset[Response] = frozenset({Response.PD}),
) -> BinaryEndpoint:
    """Whether the tumor had not responded by an early exam.

    Progression or death by ``until_day`` is non-response. Else the last adequate exam from
    ``from_day`` to ``until_day`` decides.

    Parameters
    ----------
    people : iterable of Followed
    from_day, until_day : float
        Days from cycle 1, both included.
    counts : frozenset of Response
        Responses that are non-response: progression alone, or stable disease too.

    Raises
    ------
    DataError
        If the days are in the wrong order or not after cycle 1.
    """
    if not 0.0 < from_day <= until_day:
        raise DataError(
            f"Early response needs days 0 < from <= until; found {from_day:g} and {until_day:g}."
        )
    listed = ", ".join(sorted(response.value for response in counts | {Response.PD}))
    words = (
        f"Progression or death by day {until_day:g}, or {listed} at the last adequate exam from "
        f"day {from_day:g} to {until_day:g}."
    )
    named = counts | {Response.PD}

    def judge(one: Followed) -> bool | _Without:
        seen = [point for point in _before_therapy(one) if one.first_day(point.on) <= until_day]
        if any(point.overall is Response.PD for point in seen):
            return True
        if one.death and one.last_day(one.death) <= until_day:
            return True
        judged = [
            point
            for point in seen
            if point.overall is not Response.NE and one.first_day(point.on) >= from_day
        ]
        if judged:
            return judged[-1].overall in named
        if one.other_therapy and one.first_day(one.other_therapy) <= until_day:
            return _Without(
                Exclusion.NEW_THERAPY, f"another treatment from {one.other_therapy}, no exam before"
            )
        return _Without(
            Exclusion.NO_ASSESSMENT, f"no adequate exam from day {from_day:g} to {until_day:g}"
        )

    return _binary_endpoint("early_non_response", words, people, judge)


def _progression(one: Followed, rule: ProgressionRule) -> _Time | _Without:
    if one.baseline is None:
        return _Without(Exclusion.NO_BASELINE, "no exam on or before cycle 1")
    clear = [point.on for point in one.responses if point.overall not in _NOT_CLEAR]
    progressed = next((p.on for p in one.responses if p.overall is Response.PD), None)
    event = progressed or one.death
    if one.other_therapy and not (event and _not_after(event, one.other_therapy)):
        before = [day for day in clear if day.latest <= one.other_therapy.earliest]
        detail = f"another treatment from {one.other_therapy}, no adequate exam before"
        return _censored(one, before, Ending.NEW_THERAPY, _Without(Exclusion.NEW_THERAPY, detail))
    if event is None:
        none = _Without(Exclusion.NO_ASSESSMENT, "no adequate exam after baseline")
        return _censored(one, clear, Ending.EVENT_FREE, none)
    last = one.first_day(clear[-1]) if clear else 0.0
    missed = one.last_day(event) - last > rule.longest_gap_days
    known, late = (
        (Ending.PROGRESSION, Ending.PROGRESSION_AFTER_GAP)
        if progressed
        else (Ending.DEATH, Ending.DEATH_AFTER_GAP)
    )
    if missed and rule.after_gap == "censor":
        detail = f"no adequate exam in the {one.last_day(event):g} days before the event"
        return _censored(one, clear, late, _Without(Exclusion.NO_ASSESSMENT, detail))
    if progressed or missed:
        return _Time(last, one.last_day(event), late if missed else known)
    left, right = _known(one, event)
    return _Time(max(left, last), right, known)


def _censored(
    one: Followed, clear: Sequence[DateInterval], ending: Ending, otherwise: _Without
) -> _Time | _Without:
    """Censored at the last clear scan; without one nothing is known."""
    return _Time(one.first_day(clear[-1]), np.inf, ending) if clear else otherwise


def _survival(one: Followed) -> _Time | _Without:
    if one.death:
        return _Time(*_known(one, one.death), Ending.DEATH)
    last = one.days_until(one.alive_on)
    if last <= 0.0:
        return _Without(Exclusion.NO_FOLLOW_UP, "not known to be alive on a day after cycle 1")
    return _Time(last, np.inf, Ending.EVENT_FREE)


def _new_therapy(one: Followed) -> _Time | _Without:
    if one.other_therapy:
        return _Time(*_known(one, one.other_therapy), Ending.NEW_THERAPY)
    if one.death:
        return _Time(one.first_day(one.death), np.inf, Ending.DEATH)
    last = one.days_until(one.untreated_on)
    if last <= 0.0:
        return _Without(Exclusion.NO_FOLLOW_UP, "follow_up says nothing of other treatments")
    return _Time(last, np.inf, Ending.EVENT_FREE)


def _time_endpoint(
    name: str, rule: str, people: Iterable[Followed], judge: Callable[[Followed], _Time | _Without]
) -> TimeEndpoint:
    kept: list[tuple[Followed, _Time]] = []
    excluded: list[ExcludedParticipant] = []
    for one in people:
        found = _unusable(one) or judge(one)
        if isinstance(found, _Time):
            kept.append((one, found))
        else:
            excluded.append(_excluded(one, found))
    if not kept:
        raise DataError(
            f"Endpoint {name} has a value of nobody: "
            + "; ".join(f"{one.participant} {one.detail}" for one in excluded[:5])
            + ".",
            remedy="Correct the tables, or choose another rule.",
        )
    return TimeEndpoint(
        name=name,
        rule=rule,
        participants=tuple(one.participant for one, _ in kept),
        outcome=IntervalCensored(
            left=np.array([time.left for _, time in kept]),
            right=np.array([time.right for _, time in kept]),
        ),
        endings=tuple(time.ending for _, time in kept),
        excluded=tuple(excluded),
    )


def _binary_endpoint(
    name: str,
    rule: str,
    people: Iterable[Followed],
    judge: Callable[[Followed], bool | _Without],
) -> BinaryEndpoint:
    everybody = tuple(people)
    kept: list[tuple[Followed, bool]] = []
    excluded: list[ExcludedParticipant] = []
    for one in everybody:
        found = _unusable(one)
        if found is None and one.baseline is None:
            found = _Without(Exclusion.NO_BASELINE, "no exam on or before cycle 1")
        judged = found or judge(one)
        if isinstance(judged, _Without):
            excluded.append(_excluded(one, judged))
        else:
            kept.append((one, judged))
    return BinaryEndpoint(
        name=name,
        rule=rule,
        participants=tuple(one.participant for one, _ in kept),
        value=np.array([value for _, value in kept], dtype=bool),
        treated=sum(one.start is not None for one in everybody),
        excluded=tuple(excluded),
    )


def _unusable(one: Followed) -> _Without | None:
    """Why nothing can be said of a participant, whatever the endpoint."""
    if one.unread:
        return _Without(Exclusion.UNREAD_ROWS, one.unread)
    if one.start is None:
        return _Without(Exclusion.NOT_TREATED, "no cycle 1")
    if one.contradiction:
        return _Without(Exclusion.CONTRADICTION, one.contradiction)
    if one.death and one.death.earliest <= one.start:
        detail = f"death on {one.death}, cycle 1 on {one.start}"
        return _Without(Exclusion.BEFORE_BASELINE, detail)
    if one.other_therapy and one.death and one.death.latest < one.other_therapy.earliest:
        detail = f"death on {one.death}, another treatment from {one.other_therapy}"
        return _Without(Exclusion.CONTRADICTION, detail)
    return None


def _excluded(one: Followed, found: _Without) -> ExcludedParticipant:
    return ExcludedParticipant(
        participant=one.participant, reason=found.reason, detail=found.detail
    )


def _before_therapy(one: Followed) -> Sequence[TimepointResponse]:
    therapy = one.other_therapy
    if therapy is None:
        return one.responses
    return [point for point in one.responses if point.on.latest <= therapy.earliest]


def _not_after(event: DateInterval, therapy: DateInterval) -> bool:
    """Whether an event came before another treatment, or on its first day at the latest.

    Where days known in part overlap, the treatment counts as the first: it censors, which claims
    less than an event.
    """
    return event.latest <= therapy.earliest


def _known(one: Followed, when: DateInterval) -> tuple[float, float]:
    """A day as an interval: itself where it is known, else (the day before the first, the last]."""
    first, last = one.first_day(when), one.last_day(when)
    return (last, last) if when.exact else (max(first - 1.0, 0.0), last)
