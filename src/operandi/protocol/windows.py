"""Days counted from an anchor: by days, weeks, calendar months or years, bounds included.

A month is a calendar month, and a day that the month does not have becomes its last one: 30 June
minus 4 months is 28 February. Counting 120 days instead gives 2 March, so that the choice matters.
"""

import calendar
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Final, Literal, Self

from pydantic import GetPydanticSchema
from pydantic_core import core_schema

from operandi.domain.date_interval import DateInterval
from operandi.quantities.errors import DataError

Unit = Literal["hour", "day", "week", "month", "year"]

_UNITS: Final[Mapping[str, Unit]] = {
    "h": "hour",
    "hour": "hour",
    "hours": "hour",
    "d": "day",
    "day": "day",
    "days": "day",
    "week": "week",
    "weeks": "week",
    "month": "month",
    "months": "month",
    "year": "year",
    "years": "year",
}
_WRITTEN: Final = re.compile(r"([+-]?\d{1,4}) ?([a-z]+)", re.A)


def months_after(day: date, months: int) -> date:
    """Go *months* calendar months on, the day clamped to the month's last.

    >>> str(months_after(date(2024, 1, 31), 1))
    '2024-02-29'
    """
    count = day.year * 12 + day.month - 1 + months
    year, month = divmod(count, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last))


def months_before(day: date, months: int) -> date:
    """Go *months* calendar months back, the day clamped to the month's last.

    >>> str(months_before(date(2026, 6, 30), 4))
    '2026-02-28'
    """
    return months_after(day, -months)


@dataclass(frozen=True, slots=True)
class Offset:
    """So far from an anchor, such as ``-1 month``, ``84 d`` or ``4 weeks``.

    Parameters
    ----------
    count : int
        Negative before the anchor.
    unit : {"hour", "day", "week", "month", "year"}
        Hours count between instants only.
    """

    count: int
    unit: Unit

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what a study file says.

        Raises
        ------
        DataError
            If the text is no count with a unit.

        >>> str(Offset.parse("-1 month"))
        '-1 month'
        """
        found = _WRITTEN.fullmatch(text.strip())
        unit = _UNITS.get(found[2]) if found else None
        if found is None or unit is None:
            raise DataError(
                f"{text!r} is no offset.",
                remedy="Write a whole number and a unit, such as '-1 month', '84 days', "
                "'4 weeks', '-3 years' or '-24 h'.",
            )
        return cls(int(found[1]), unit)

    def __neg__(self) -> "Offset":
        return Offset(-self.count, self.unit)

    def after(self, day: date) -> date:
        """Go from *day* to the day that is so far from it.

        Raises
        ------
        ValueError
            If the offset counts hours, which say nothing between two days.
        """
        match self.unit:
            case "hour":
                raise ValueError("hours count between instants, not between days")
            case "day":
                return day + timedelta(days=self.count)
            case "week":
                return day + timedelta(weeks=self.count)
            case "month":
                return months_after(day, self.count)
            case "year":
                return months_after(day, 12 * self.count)

    def latest_anchor(self, day: date) -> date:
        """Find the last anchor from which this offset leads to *day* or before it.

        A clamped day makes several anchors lead to one: -4 months lead from 28, 29 and 30 June
        to 28 February.

        >>> str(Offset(-4, "month").latest_anchor(date(2026, 2, 28)))
        '2026-06-30'
        """
        anchor = (-self).after(day)
        while self.after(anchor + timedelta(days=1)) <= day:
            anchor += timedelta(days=1)
        return anchor

    def __str__(self) -> str:
        """As people say it: ``-1 month``, ``84 days``."""
        plural = "" if abs(self.count) == 1 else "s"
        return f"{self.count} {self.unit}{plural}"


def _from_text(value: object) -> Offset:
    if isinstance(value, Offset):
        return value
    if isinstance(value, str):
        try:
            return Offset.parse(value)
        except DataError as refused:
            raise ValueError(str(refused)) from None
    raise ValueError("an offset is text, such as '-1 month'")


OffsetText = Annotated[
    Offset,
    GetPydanticSchema(
        lambda _source, _handler: core_schema.json_or_python_schema(
            json_schema=core_schema.no_info_after_validator_function(
                _from_text, core_schema.str_schema(pattern=r"^[+-]?\d{1,4} ?[a-z]+$")
            ),
            python_schema=core_schema.no_info_plain_validator_function(_from_text),
            serialization=core_schema.to_string_ser_schema(),
        )
    ),
]
"""An :class:`Offset` in a pydantic model: read from text, written as text."""


@dataclass(frozen=True, slots=True)
class Span:
    """Days from *first* to *last*, both included; None where there is no bound."""

    first: date | None
    last: date | None

    def holds(self, day: date) -> bool:
        """Whether a day that is known lies within."""
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)

    def holds_all(self, days: DateInterval) -> bool:
        """Whether every day that is possible lies within."""
        return self.holds(days.earliest) and self.holds(days.latest)

    def holds_none(self, days: DateInterval) -> bool:
        """Whether no day that is possible lies within."""
        return (self.first is not None and days.latest < self.first) or (
            self.last is not None and days.earliest > self.last
        )

    def __str__(self) -> str:
        match self.first, self.last:
            case None, None:
                return "on any day"
            case None, last:
                return f"until {last}"
            case first, None:
                return f"{first} or later"
            case first, last if first == last:
                return f"on {first}"
            case first, last:
                return f"from {first} to {last}"
