"""Days known in full or in part."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.domain.date_interval import DateInterval
from operandi.quantities.errors import DataError


@pytest.mark.parametrize(
    ("text", "earliest", "latest"),
    [
        ("2024", date(2024, 1, 1), date(2024, 12, 31)),
        ("2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        ("2023-02", date(2023, 2, 1), date(2023, 2, 28)),
        ("2024-02-29", date(2024, 2, 29), date(2024, 2, 29)),
    ],
)
def test_a_date_known_in_part_is_every_day_that_it_can_be(
    text: str, earliest: date, latest: date
) -> None:
    found = DateInterval.parse(text)

    assert (found.earliest, found.latest) == (earliest, latest)
    assert str(found) == text
    assert found.exact == (earliest == latest)


@given(st.dates())
def test_a_day_comes_back_as_it_was_written(day: date) -> None:
    assert DateInterval.parse(day.isoformat()) == DateInterval.on(day)


def test_an_interval_of_no_calendar_unit_says_both_ends() -> None:
    found = DateInterval(date(2024, 1, 2), date(2024, 3, 4))

    assert str(found) == "2024-01-02 to 2024-03-04"


@pytest.mark.parametrize(
    "text", ["", "24", "2024-13", "2023-02-29", "2024-00", "2024-2-1", "04/03/2024", "0000"]
)
def test_refuses_what_no_calendar_has(text: str) -> None:
    with pytest.raises(DataError, match=r"is not an ISO date|no calendar has"):
        DateInterval.parse(text)


def test_refuses_ends_the_wrong_way_round() -> None:
    with pytest.raises(ValueError, match="lies before"):
        DateInterval(date(2024, 1, 2), date(2024, 1, 1))
