from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from operandi.domain.date_interval import DateInterval
from operandi.protocol.windows import (
    Offset,
    OffsetText,
    Span,
    months_after,
    months_before,
)
from operandi.quantities.errors import DataError

days = st.dates(date(1950, 1, 1), date(2100, 12, 31))
offsets = st.builds(Offset, st.integers(-60, 60), st.sampled_from(["day", "week", "month", "year"]))


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2026, 6, 30), 4, date(2026, 2, 28)),
        (date(2024, 6, 30), 4, date(2024, 2, 29)),
        (date(2026, 3, 31), 1, date(2026, 2, 28)),
        (date(2026, 7, 14), 1, date(2026, 6, 14)),
        (date(2026, 1, 15), 1, date(2025, 12, 15)),
        (date(2024, 2, 29), 12, date(2023, 2, 28)),
        (date(2026, 5, 31), 0, date(2026, 5, 31)),
    ],
)
def test_months_back_keep_the_day_or_take_the_months_last(
    day: date, months: int, expected: date
) -> None:
    assert months_before(day, months) == expected


def test_four_months_are_not_120_days() -> None:
    """2 March against 28 February: a scan of 1 March is in by one and out by the other."""
    assert date(2026, 6, 30) - timedelta(days=120) == date(2026, 3, 2)
    assert Offset.parse("-4 months").after(date(2026, 6, 30)) == date(2026, 2, 28)


@given(day=days, months=st.integers(-240, 240))
def test_months_land_in_the_month_that_was_counted(day: date, months: int) -> None:
    landed = months_after(day, months)

    assert (landed.year * 12 + landed.month) - (day.year * 12 + day.month) == months
    assert landed.day == day.day or (landed.day < day.day and (landed + timedelta(days=1)).day == 1)


@given(day=days, later=st.integers(0, 400), offset=offsets)
def test_a_later_anchor_never_leads_to_an_earlier_day(
    day: date, later: int, offset: Offset
) -> None:
    assert offset.after(day) <= offset.after(day + timedelta(days=later))


@given(day=days, offset=offsets)
def test_latest_anchor_is_the_last_that_leads_there_or_before(day: date, offset: Offset) -> None:
    anchor = offset.latest_anchor(day)

    assert offset.after(anchor) <= day < offset.after(anchor + timedelta(days=1))


@given(offset=offsets)
def test_an_offset_is_read_as_it_is_written(offset: Offset) -> None:
    assert Offset.parse(str(offset)) == offset
    assert TypeAdapter(OffsetText).validate_python(str(offset)) == offset


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("84 d", Offset(84, "day")),
        ("-1 month", Offset(-1, "month")),
        ("4 weeks", Offset(4, "week")),
        ("-24 h", Offset(-24, "hour")),
        ("+3 years", Offset(3, "year")),
    ],
)
def test_offset_in_the_words_of_protocols(text: str, offset: Offset) -> None:
    assert Offset.parse(text) == offset


@pytest.mark.parametrize("text", ["", "month", "1", "1.5 months", "3 fortnights", "1 month 2 days"])
def test_refuses_an_offset_that_nobody_can_count(text: str) -> None:
    with pytest.raises(DataError, match="no offset"):
        Offset.parse(text)
    with pytest.raises(ValidationError, match="no offset"):
        TypeAdapter(OffsetText).validate_python(text)


def test_refuses_hours_between_days() -> None:
    with pytest.raises(ValueError, match="hours count between instants"):
        Offset(24, "hour").after(date(2026, 1, 1))


def test_bounds_of_a_span_are_within_it() -> None:
    span = Span(date(2026, 3, 3), date(2026, 4, 3))

    assert span.holds(date(2026, 3, 3))
    assert span.holds(date(2026, 4, 3))
    assert not span.holds(date(2026, 3, 2))
    assert not span.holds(date(2026, 4, 4))


@pytest.mark.parametrize(
    ("written", "all_in", "none_in"),
    [
        ("2026-03", False, False),
        ("2026-03-03", True, False),
        ("2026-04-04", False, True),
        ("2026-02", False, True),
        ("2026", False, False),
    ],
)
def test_a_day_known_in_part_lies_within_only_with_all_its_days(
    written: str, *, all_in: bool, none_in: bool
) -> None:
    span, days_ = Span(date(2026, 3, 3), date(2026, 4, 3)), DateInterval.parse(written)

    assert span.holds_all(days_) is all_in
    assert span.holds_none(days_) is none_in


@pytest.mark.parametrize(
    ("span", "said"),
    [
        (Span(date(2026, 3, 3), date(2026, 4, 3)), "from 2026-03-03 to 2026-04-03"),
        (Span(date(2026, 3, 3), None), "2026-03-03 or later"),
        (Span(None, date(2026, 4, 3)), "until 2026-04-03"),
        (Span(date(2026, 4, 3), date(2026, 4, 3)), "on 2026-04-03"),
        (Span(None, None), "on any day"),
    ],
)
def test_span_as_people_say_it(span: Span, said: str) -> None:
    assert str(span) == said
