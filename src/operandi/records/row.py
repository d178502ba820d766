"""What the rows of all tables have in common."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr
from pydantic_core import PydanticCustomError

from operandi.domain.date_interval import DateInterval
from operandi.records.cells import Border, PseudonymCell, TimepointCell


class Row(BaseModel):
    """One row of a table.

    A subclass declares its table, once: the fields are the columns of the file, by name, type and
    bounds; one with a default is a column that a file may leave out. The frozen table
    (``schemas``), the faults between rows (``consistency``) and the page of documentation
    (``documentation``) follow from it. The docstring opens that page.

    ``key`` names the columns that no two rows may share; where it is empty, no two rows may be
    the same. ``refers`` says of which other tables a row must name a row, by which columns.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: ClassVar[tuple[str, ...]] = ()
    refers: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    _place: str = PrivateAttr("")

    @property
    def place(self) -> str:
        """Where the row stands: ``"vitals.csv, line 3"``; empty where it was not read."""
        return self._place

    def stand_at(self, place: str) -> None:
        """Say where the row was read."""
        self._place = place

    # Where a row stands is no part of what it says: a frozen row equals the one it was made of.
    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and dict(self) == dict(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def contradictions(self, _border: Border) -> Iterator[PydanticCustomError]:
        """What the cells of the row say against one another, all of it; each is right in itself."""
        yield from ()

    def must_refer(self, _table: str) -> bool:
        """Whether this row must name one of a table in ``refers``."""
        return True

    def days(self) -> Iterator[tuple[str, date]]:
        """Every column that holds a day or an instant, with the latest day it can mean."""
        for column, value in self:
            if isinstance(value, datetime):
                yield column, value.date()
            elif isinstance(value, date):
                yield column, value
            elif isinstance(value, DateInterval):
                yield column, value.latest


class PersonRow(Row):
    """What most tables have: whose row it is."""

    refers: ClassVar[Mapping[str, tuple[str, ...]]] = {"participants": ("participant",)}

    participant: PseudonymCell = Field(description="study code")


class VisitRow(PersonRow):
    """What tables of imaging visits have: which visit it is."""

    timepoint: TimepointCell = Field(description="visit")
