"""A calendar as RFC 5545 has it, octet by octet; icalendar 7.3.2 read the same (decision 0016)."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given as over
from hypothesis import strategies as st

from operandi.protocol.calendar_export import calendar_of
from operandi.protocol.schedule import Visit, visits_on
from tests.protocol.schedule_builders import (
    ImagingVisitRow,
    a_history,
    canceled,
    day,
    given,
    the_plan,
    visit_on,
)

STAMPED_AT = datetime(2025, 3, 10, 8, 30, tzinfo=UTC)
HISTORY = a_history(given(1, "2025-01-07"), given(2, "2025-03-04"))


def written(*visits: Visit) -> bytes:
    return calendar_of(visits, study="nct06256705", stamped_at=STAMPED_AT)


def unfolded(calendar: bytes) -> list[str]:
    return calendar.replace(b"\r\n ", b"").decode().split("\r\n")


def properties(calendar: bytes, name: str) -> list[str]:
    found = (line.partition(":") for line in unfolded(calendar))
    return [value for key, _, value in found if key.partition(";")[0] == name]


def test_one_visit_word_for_word() -> None:
    """Six weeks after 4 March is 15 April; a line is broken after its 75th octet."""
    calendar = written(visit_on("AFTER_CYCLE_2", "2025-03-10", HISTORY))

    assert calendar.decode() == (
        "BEGIN:VCALENDAR\r\n"
        "VERSION:2.0\r\n"
        "PRODID:-//Operandi//Schedule//EN\r\n"
        "BEGIN:VEVENT\r\n"
        "UID:P-01.AFTER_CYCLE_2.nct06256705@operandi\r\n"
        "DTSTAMP:20250310T083000Z\r\n"
        "DTSTART;VALUE=DATE:20250415\r\n"
        "DTEND;VALUE=DATE:20250416\r\n"
        "SUMMARY:P-01: PET-MRI after the second cycle (due)\r\n"
        "DESCRIPTION:Due until 2025-04-28\\; best on 2025-04-15.\\nWindow: from 2025-0\r\n"
        " 3-05 to 2025-04-28.\\nTarget: 2025-04-15.\r\n"
        "STATUS:TENTATIVE\r\n"
        "TRANSP:TRANSPARENT\r\n"
        "END:VEVENT\r\n"
        "END:VCALENDAR\r\n"
    )


def test_a_visit_without_a_best_day_lies_on_its_whole_window() -> None:
    """29 April - 28 days and - 14 days; the end is the day after the last."""
    calendar = written(visit_on("LAB_C3", "2025-03-10", HISTORY))

    assert properties(calendar, "DTSTART") == ["20250401"]
    assert properties(calendar, "DTEND") == ["20250416"]


def test_a_visit_that_is_done_lies_on_its_day() -> None:
    history = replace(
        HISTORY, imaging_visits=(ImagingVisitRow("AFTER_CYCLE_2", day("2025-04-10")),)
    )

    calendar = written(visit_on("AFTER_CYCLE_2", "2025-04-10", history))

    assert properties(calendar, "DTSTART") == ["20250410"]
    assert properties(calendar, "STATUS") == ["CONFIRMED"]


def test_what_has_no_day_or_is_over_is_left_out() -> None:
    history = a_history(
        given(1, "2025-01-07"), given(2, "2025-03-04"), canceled(3, recorded="2025-04-20")
    )

    calendar = written(*visits_on(the_plan(), history, on=day("2025-04-21")))

    # C3 and its laboratory are canceled, C4 has no day, the first scan was missed.
    assert [uid.split(".")[1] for uid in properties(calendar, "UID")] == [
        "C1",
        "C2",
        "AFTER_CYCLE_2",
        "YEAR_1",
    ]


def test_without_a_dated_visit_there_is_no_calendar() -> None:
    assert written(visit_on("C1", "2025-01-01", a_history())) == b""


def test_a_visit_keeps_its_identifier_when_it_moves() -> None:
    before = written(visit_on("C3", "2025-03-10", HISTORY))
    slipped = a_history(given(1, "2025-01-07"), given(2, "2025-03-13"))
    after = written(visit_on("C3", "2025-03-14", slipped))

    assert properties(before, "DTSTART") != properties(after, "DTSTART")
    assert properties(before, "UID") == properties(after, "UID")


def test_the_stamp_is_in_utc() -> None:
    paris = STAMPED_AT.astimezone(timezone(timedelta(hours=1)))
    visit = visit_on("C3", "2025-03-10", HISTORY)

    assert calendar_of([visit], study="s", stamped_at=paris) == calendar_of(
        [visit], study="s", stamped_at=STAMPED_AT
    )


def test_refuses_a_stamp_without_a_time_zone() -> None:
    naive = STAMPED_AT.replace(tzinfo=None)

    with pytest.raises(ValueError, match="stamped_at needs a time zone"):
        calendar_of([], study="s", stamped_at=naive)


def test_text_is_escaped_and_control_characters_left_out() -> None:
    visit = replace(visit_on("C3", "2025-03-10", HISTORY), title="a\\b; c, d\r\ne\x07\tf")

    (summary,) = properties(written(visit), "SUMMARY")

    assert summary == r"P-01: a\\b\; c\, d\nef (not yet)"


@over(st.text(st.characters(exclude_categories=["Cs"]), max_size=300))
def test_no_line_is_longer_than_75_octets_and_none_is_torn(title: str) -> None:
    visit = replace(visit_on("C3", "2025-03-10", HISTORY), title=title)
    calendar = written(visit)
    lines = calendar.split(b"\r\n")

    assert max(map(len, lines)) <= 75
    # Each line is UTF-8 by itself.
    assert "\r\n".join(line.decode() for line in lines) == calendar.decode()
    assert calendar.count(b"\n") == calendar.count(b"\r\n")
    kept = re.sub(r"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f]", "", title)
    (summary,) = properties(calendar, "SUMMARY")
    assert _read(summary) == f"P-01: {_plain_breaks(kept)} (not yet)"


def _plain_breaks(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _read(text: str) -> str:
    """Undo the escapes."""
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], text)
