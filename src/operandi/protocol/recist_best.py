"""Best overall response by RECIST 1.1, without and with confirmation."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from operandi.domain.date_interval import DateInterval
from operandi.protocol.recist import Response, TimepointResponse, until_progression

_RESPONDED = frozenset({Response.CR, Response.PR})
_CONTROLLED = _RESPONDED | {Response.SD, Response.NON_CR_NON_PD}


@dataclass(frozen=True, slots=True)
class ResponseRules:
    """What a protocol settles about the best overall response.

    Parameters
    ----------
    stable_at_least : timedelta
        How long after the start a disease must still be stable; the guideline leaves it to the
        protocol (in general 6 to 8 weeks or more, section 4.6.1), so there is no default.
    confirmed_after : timedelta
        How much later a confirming exam is at least (generally 4 weeks, section 4.4.3).
    not_evaluable_between : int
        How many exams that are not evaluable may lie between a response and its confirmation:
        PR, NE, PR is confirmed in most trials (section 4.4.4).
    """

    stable_at_least: timedelta
    confirmed_after: timedelta = timedelta(weeks=4)
    not_evaluable_between: int = 1


@dataclass(frozen=True, slots=True)
class BestResponse:
    """Best overall response.

    Parameters
    ----------
    response : Response
    on : DateInterval, optional
        The exam that first showed it; None where there was no exam after baseline.
    reason : str
    """

    response: Response
    on: DateInterval | None
    reason: str


def best_response(
    timepoints: Iterable[TimepointResponse], *, since: date, rules: ResponseRules
) -> BestResponse:
    """Best response up to the first progression, no confirmation required.

    Parameters
    ----------
    timepoints : iterable of TimepointResponse
        After baseline, in any order.
    since : date
        From where the duration of stable disease counts: baseline, or the start of treatment.
    rules : ResponseRules

    References
    ----------
    .. [1] Eisenhauer et al., Eur J Cancer 45:228, 2009, section 4.4.
    """
    seen = until_progression(timepoints)
    for response in (Response.CR, Response.PR):
        if first := next((one for one in seen if one.overall is response), None):
            return BestResponse(response, first.on, f"{response} on {first.on}")
    return _without_response(seen, since=since, rules=rules, before="")


def confirmed_best_response(
    timepoints: Iterable[TimepointResponse], *, since: date, rules: ResponseRules
) -> BestResponse:
    """Best response up to the first progression; complete and partial response confirmed.

    A response counts once a later exam shows at least as good a one, long enough after. Stable
    disease in between breaks it off; so do too many exams that are not evaluable. A response that
    is never confirmed counts as stable disease where it lasted, else as what followed.

    Parameters
    ----------
    timepoints : iterable of TimepointResponse
        After baseline, in any order.
    since : date
        From where the duration of stable disease counts: baseline, or the start of treatment.
    rules : ResponseRules

    References
    ----------
    .. [1] Eisenhauer et al., Eur J Cancer 45:228, 2009, table 3.
    """
    seen = until_progression(timepoints)
    for response, enough in ((Response.CR, frozenset({Response.CR})), (Response.PR, _RESPONDED)):
        for index, one in enumerate(seen):
            if one.overall in enough and (later := _confirmation(seen[index:], enough, rules)):
                reason = f"{one.overall} on {one.on}, {later.overall} on {later.on}"
                return BestResponse(response, one.on, reason)
    first = next((one for one in seen if one.overall in _RESPONDED), None)
    before = (
        f"{first.overall} on {first.on} not confirmed {rules.confirmed_after.days} days later or "
        "more; "
        if first
        else ""
    )
    return _without_response(seen, since=since, rules=rules, before=before)


def _confirmation(
    seen: Sequence[TimepointResponse], enough: frozenset[Response], rules: ResponseRules
) -> TimepointResponse | None:
    """The exam that confirms the first one."""
    unseen = 0
    for later in seen[1:]:
        if later.overall is Response.NE:
            unseen += 1
        elif later.overall not in enough:
            return None
        # Counted from the latest to the earliest day that the exams can have been on.
        elif later.on.earliest - seen[0].on.latest >= rules.confirmed_after:
            return later if unseen <= rules.not_evaluable_between else None
    return None


def _without_response(
    seen: Sequence[TimepointResponse], *, since: date, rules: ResponseRules, before: str
) -> BestResponse:
    """Stable disease where it lasted, else progression, else not evaluable."""
    if not seen:
        return BestResponse(Response.NE, None, "no exam after baseline")
    least = rules.stable_at_least
    controlled = [one for one in seen if one.overall in _CONTROLLED]
    lasted = [one for one in controlled if one.on.earliest - since >= least]
    if lasted:
        # Who has no target lesion has no stable disease either: table 2.
        words = {one.overall for one in controlled}
        without_target = Response.NON_CR_NON_PD in words and not words & {Response.SD, Response.PR}
        response = Response.NON_CR_NON_PD if without_target else Response.SD
        days = (lasted[0].on.earliest - since).days
        reason = f"no progression {days} days after {since}, at least {least.days} asked for"
        return BestResponse(response, lasted[0].on, before + reason)
    brief = f"stable less than {least.days} days after {since}; " if controlled else ""
    last = seen[-1]
    if last.overall is Response.PD:
        reason = f"{before}{brief}progression on {last.on}"
        return BestResponse(Response.PD, last.on, reason)
    return BestResponse(
        Response.NE, seen[0].on, f"{before}{brief}nothing more is known after {last.on}"
    )
