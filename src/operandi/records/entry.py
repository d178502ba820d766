"""A line of a table, with the row that was made of it, or none."""

from collections.abc import Mapping
from dataclasses import dataclass

from operandi.records.row import Row
from operandi.records.tables import Fault


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a table, whether or not a row could be made of it.

    Parameters
    ----------
    table, file : str
        Where it stands.
    number : int
        Line in a CSV file, row in a Parquet file.
    cells : Mapping
        Its text by column; columns that a short line does not reach are absent.
    row : Row or None
        None where a fault says why.
    participant, timepoint : str
        Whose, where the cells say so in a readable way; else empty.
    """

    table: str
    file: str
    number: int
    cells: Mapping[str, str]
    row: Row | None
    participant: str
    timepoint: str

    def fault(self, *, column: str, problem: str, remedy: str, value: str = "") -> Fault:
        """Say what is wrong with this line."""
        return Fault(
            table=self.table,
            file=self.file,
            row=self.number,
            column=column,
            value=value or self.cells.get(column, ""),
            problem=problem,
            remedy=remedy,
            participant=self.participant,
            timepoint=self.timepoint,
            camera=self.cells.get("camera", ""),
        )
