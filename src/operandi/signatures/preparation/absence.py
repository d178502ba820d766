"""What is missing, told before anything is drawn: whole blocks that were not assayed, and cells."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from operandi.domain.identity import Pseudonym
from operandi.signatures.data import Predictors


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockAbsence:
    """What of a block is missing.

    Parameters
    ----------
    block : str
        Its name.
    columns, rows : int
        How many there are.
    absent : tuple of Pseudonym
        Rows without any value of it: not assayed, not scanned. Never 0.
    partial : int
        Other rows that lack some.
    cells : int
        Missing cells of those.
    never : tuple of str
        Columns that no row knows.
    """

    block: str
    columns: int
    rows: int
    absent: tuple[Pseudonym, ...]
    partial: int
    cells: int
    never: tuple[str, ...]

    def __str__(self) -> str:
        parts = [f"absent in {len(self.absent)} of {self.rows} rows"] if self.absent else []
        if self.partial:
            parts.append(f"{self.cells} cells missing in {self.partial} rows more")
        if self.never:
            parts.append(f"no row knows {', '.join(self.never)}")
        return f"{self.block}: {'; '.join(parts) or 'complete'}."


def empty_blocks(absences: Sequence[BlockAbsence], *, drawn: Collection[str]) -> tuple[str, ...]:
    """Say of each block how many participants have nothing of it, and what follows.

    Parameters
    ----------
    absences : sequence of BlockAbsence
    drawn : collection of str
        Blocks whose missing values are drawn together with those of others.

    Returns
    -------
    tuple of str
        One of each block that somebody has nothing of.
    """
    return tuple(
        f"{one.block}: {len(one.absent)} of {one.rows} participants have nothing measured; "
        + (
            "all of it would be drawn from their other blocks."
            if one.block in drawn
            else "no step fills a whole block (median_fill does not), so that models of it will be "
            "refused. Leave these participants out by population.exclude, or give the block's "
            "models a plan of their own."
        )
        for one in absences
        if one.absent
    )


def block_absences(predictors: Predictors) -> tuple[BlockAbsence, ...]:
    """Tell of each block, in the order of the columns, what is missing."""
    missing = np.isnan(predictors.values)
    found = []
    for block in dict.fromkeys(predictors.blocks):
        columns = np.flatnonzero([one == block for one in predictors.blocks])
        part = missing[:, columns]
        absent = part.all(axis=1)
        some = part.any(axis=1) & ~absent
        found.append(
            BlockAbsence(
                block=block,
                columns=columns.size,
                rows=missing.shape[0],
                absent=tuple(predictors.participants[row] for row in np.flatnonzero(absent)),
                partial=int(some.sum()),
                cells=int(part[some].sum()),
                never=tuple(predictors.names[column] for column in columns[part.all(axis=0)]),
            )
        )
    return tuple(found)
