"""A study's test-retest table: lesions measured twice while nothing changed."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from operandi.quantities.errors import DataError

REPETITION_COLUMNS: Final = ("participant", "lesion", "quantity", "first", "second")
"""Columns of a study's test-retest table, one row a lesion and quantity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repetition:
    """A quantity of one lesion, measured twice with nothing changed: a row of the table.

    Parameters
    ----------
    participant : str
        Study code.
    lesion : str
        Name of the lesion, the same in both scans.
    quantity : str
        Name of the ``Kind``, such as ``SUV_PEAK``.
    first, second : float
        Its values in the kind's unit, in order of time.
    """

    participant: str
    lesion: str
    quantity: str
    first: float
    second: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.first) and math.isfinite(self.second)):
            raise DataError(
                f"A repeated measurement needs two numbers; {self.quantity} of lesion "
                f"{self.lesion} of {self.participant} has {self.first} and {self.second}.",
                remedy="Leave out a lesion that was not measured in both scans.",
            )


def repetitions_of(rows: Iterable[Mapping[str, str]], *, file: str) -> tuple[Repetition, ...]:
    """Read the rows of a test-retest table, as ``csv.DictReader`` gives them.

    Parameters
    ----------
    rows : iterable of mapping
        With the cells of ``REPETITION_COLUMNS``; values with a decimal point.
    file : str
        Name of the table, for refusals.

    Raises
    ------
    DataError
        Naming the line whose cell is missing, blank or no number.
    """
    found = []
    for line, row in enumerate(rows, start=2):
        cells = {column: (row.get(column) or "").strip() for column in REPETITION_COLUMNS}
        blank = [column for column, cell in cells.items() if not cell]
        if blank:
            raise DataError(
                f"{file}, line {line}: {', '.join(blank)} is missing or blank.",
                remedy=f"Fill the columns {', '.join(REPETITION_COLUMNS)}.",
            )
        try:
            first, second = float(cells["first"]), float(cells["second"])
        except ValueError:
            raise DataError(
                f"{file}, line {line}: {cells['first']!r} and {cells['second']!r} are not numbers.",
                remedy="Write both values as plain numbers with a decimal point.",
            ) from None
        found.append(
            Repetition(
                participant=cells["participant"],
                lesion=cells["lesion"],
                quantity=cells["quantity"],
                first=first,
                second=second,
            )
        )
    return tuple(found)
