"""A visit that the study file declares."""

from dataclasses import dataclass
from datetime import date, timedelta

from operandi.domain.identity import TimepointCode


@dataclass(frozen=True, slots=True)
class Timepoint:
    """A planned imaging visit and the window it must fall in.

    Parameters
    ----------
    code : TimepointCode
        Declared by the study file.
    title : str
        For people.
    anchor : str
        The event the window counts from: ``"cycle 1"``, ``"cycle 2"`` ...
    window_days : tuple of int, (first, last)
        Inclusive, in days from the anchor; negative before it.
    """

    code: TimepointCode
    title: str
    anchor: str
    window_days: tuple[int, int]

    def window(self, anchor_on: date) -> tuple[date, date]:
        """First and last admissible day, given the anchor's day."""
        first, last = self.window_days
        return anchor_on + timedelta(days=first), anchor_on + timedelta(days=last)
