"""A participant's visits as a calendar that any program opens (iCalendar, RFC 5545).

Known by pseudonym only. Decision 0016 says why no library writes it.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Final
from unicodedata import category

from operandi.protocol.schedule import State, Visit
from operandi.protocol.windows import Span

_LONGEST: Final = 75
"""Octets of a line without its break, RFC 5545 section 3.1."""
_PRODUCT: Final = "-//Operandi//Schedule//EN"


def calendar_of(visits: Iterable[Visit], *, study: str, stamped_at: datetime) -> bytes:
    """Write the visits of one participant that have a day.

    An event lies on the day the visit was done; else on its target day; else on its whole window,
    which the description says in words. Visits that are missed, do not apply or cannot be dated
    are left out. The same visit has the same identifier in every calendar of a study.

    Parameters
    ----------
    visits : iterable of Visit
        Of one participant.
    study : str
        Identifier of the study.
    stamped_at : datetime, aware
        When the calendar was made; the later of two replaces the earlier.

    Returns
    -------
    bytes
        Empty where no visit has a day, because a calendar must have an event.

    Raises
    ------
    ValueError
        If ``stamped_at`` has no time zone.
    """
    if stamped_at.tzinfo is None:
        raise ValueError("stamped_at needs a time zone")
    stamp = f"{stamped_at.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    events = [line for visit in visits for line in _event(visit, study=study, stamp=stamp)]
    if not events:
        return b""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        f"PRODID:{_PRODUCT}",
        *events,
        "END:VCALENDAR",
    ]
    return b"".join(_folded(line) for line in lines)


def _event(visit: Visit, *, study: str, stamp: str) -> Iterator[str]:
    days = _days(visit)
    if days is None:
        return
    first, last = days
    yield "BEGIN:VEVENT"
    yield f"UID:{visit.participant}.{visit.code}.{study}@operandi"
    yield f"DTSTAMP:{stamp}"
    yield f"DTSTART;VALUE=DATE:{first:%Y%m%d}"
    # The end is the day after the last, RFC 5545 section 3.6.1.
    yield f"DTEND;VALUE=DATE:{last + timedelta(days=1):%Y%m%d}"
    yield f"SUMMARY:{_escaped(f'{visit.participant}: {visit.title} ({visit.state})')}"
    yield f"DESCRIPTION:{_escaped(_words(visit))}"
    yield f"STATUS:{'CONFIRMED' if visit.done_on else 'TENTATIVE'}"
    yield "TRANSP:TRANSPARENT"
    yield "END:VEVENT"


def _days(visit: Visit) -> tuple[date, date] | None:
    if visit.done_on is not None:
        return visit.done_on, visit.done_on
    if visit.state not in {State.NOT_YET, State.DUE, State.LATE}:
        return None
    window = visit.window
    if window.target is not None:
        return window.target, window.target
    first, last = window.span.first, window.span.last
    first = first or last
    last = last or first
    return None if first is None or last is None else (first, last)


def _words(visit: Visit) -> str:
    window = visit.window
    words = [visit.why]
    if window.span != Span(None, None):
        words.append(f"Window: {window.span}.")
    if window.target is not None:
        words.append(f"Target: {window.target}.")
    return "\n".join(words)


def _escaped(text: str) -> str:
    """Text as RFC 5545 section 3.3.11 has it; control characters, which it forbids, left out."""
    for plain, written in (("\\", "\\\\"), (";", "\\;"), (",", "\\,")):
        text = text.replace(plain, written)
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\\n".join("".join(sign for sign in line if category(sign) != "Cc") for line in lines)


def _folded(line: str) -> bytes:
    """Break a line after 75 octets at most, never within a character."""
    parts: list[bytes] = [b""]
    for sign in line:
        octets = sign.encode()
        if len(parts[-1]) + len(octets) > _LONGEST:
            parts.append(b" ")
        parts[-1] += octets
    return b"\r\n".join(parts) + b"\r\n"
