"""Days that are known in full, to the month or to the year: always an interval of whole days."""

import calendar
import re
from dataclasses import dataclass
from datetime import date
from typing import Final, Self

from operandi.quantities.errors import DataError

_WRITTEN: Final = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.A)


@dataclass(frozen=True, slots=True)
class DateInterval:
    """From the earliest to the latest day that something can have happened on, both included.

    Parameters
    ----------
    earliest, latest : date
        The same where the day is known.

    Raises
    ------
    ValueError
        If the latest is before the earliest.
    """

    earliest: date
    latest: date

    def __post_init__(self) -> None:
        if self.latest < self.earliest:
            raise ValueError(f"{self.latest} lies before {self.earliest}")

    @classmethod
    def on(cls, day: date) -> Self:
        """A day that is known."""
        return cls(day, day)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``2025``, ``2025-03`` or ``2025-03-04``.

        Raises
        ------
        DataError
            If the text is none of these, or a day that no calendar has.

        >>> str(DateInterval.parse("2024-02").latest)
        '2024-02-29'
        """
        found = _WRITTEN.fullmatch(text)
        if not found:
            raise DataError(
                f"{text!r} is not an ISO date.", remedy="Write YYYY-MM-DD, YYYY-MM or YYYY."
            )
        year, month, day = (None if part is None else int(part) for part in found.groups())
        try:
            first = date(year or 0, 1 if month is None else month, 1 if day is None else day)
        except ValueError:
            raise DataError(
                f"{text!r} is a day that no calendar has.", remedy="Correct it."
            ) from None
        if day is not None:
            return cls.on(first)
        last_month = 12 if month is None else month
        last = date(first.year, last_month, calendar.monthrange(first.year, last_month)[1])
        return cls(first, last)

    @property
    def exact(self) -> bool:
        """Whether the day is known."""
        return self.earliest == self.latest

    def __str__(self) -> str:
        """As it was written: the day, the month, the year; else from and to."""
        one, last = self.earliest, self.latest
        if self.exact:
            return one.isoformat()
        month_ends = calendar.monthrange(last.year, last.month)[1]
        if one.day == 1 and last.day == month_ends and one.year == last.year:
            if one.month == last.month:
                return f"{one:%Y-%m}"
            if (one.month, last.month) == (1, 12):
                return f"{one:%Y}"
        return f"{one} to {last}"
