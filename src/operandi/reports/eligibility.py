"""The section of the page that says who may be included, laid out for its template."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from operandi.reports.study_report import (
    CriterionCell,
    CriterionRow,
    EligibilityPage,
    ScreenedParticipant,
    Standing,
)

_MOST_COLUMNS: Final = 7
"""Participants side by side: as many as a sheet of A4 holds beside the criteria's words."""


@dataclass(frozen=True, slots=True)
class _Look:
    """How a standing is shown: never by its color alone."""

    key: str
    icon: str
    title: str
    meaning: str


_LOOKS: Final = {
    Standing.FAVORABLE: _Look("complete", "complete", "Favorable", "lets the participant in"),
    Standing.AGAINST: _Look("refused", "refused", "Against", "keeps the participant out"),
    Standing.UNKNOWN: _Look("partial", "unknown", "Unknown", "a fact is missing"),
}


@dataclass(frozen=True, slots=True)
class _Cell:
    """A criterion's cell and its panel; ``id`` and ``panel`` are their addresses.

    Lines of proofs are (depth, text).
    """

    id: str
    panel: str
    look: _Look
    who: ScreenedParticipant
    row: CriterionRow
    cell: CriterionCell
    proof: tuple[tuple[int, str], ...]
    literal_proof: tuple[tuple[int, str], ...]

    @property
    def words(self) -> str:
        """What it means, and the outcome where that is another word."""
        known = self.cell.standing is not Standing.UNKNOWN
        return f"{self.cell.standing}: {self.cell.outcome}" if known else self.cell.outcome


@dataclass(frozen=True, slots=True)
class _Column:
    """A participant: at the head of a column, and below the tables."""

    id: str
    look: _Look
    who: ScreenedParticipant
    against: tuple[_Cell, ...]


@dataclass(frozen=True, slots=True)
class _Block:
    """A table of some participants."""

    columns: tuple[_Column, ...]
    rows: tuple[tuple[CriterionRow, tuple[_Cell, ...]], ...]


@dataclass(frozen=True, slots=True)
class EligibilityView:
    """What the template draws."""

    page: EligibilityPage
    looks: tuple[_Look, ...]
    summary: str
    blocks: tuple[_Block, ...]

    @property
    def columns(self) -> Iterator[_Column]:
        """Every participant."""
        for block in self.blocks:
            yield from block.columns


def eligibility_view(page: EligibilityPage, new_address: Callable[[str], str]) -> EligibilityView:
    """Lay out the section.

    Parameters
    ----------
    page : EligibilityPage
        What it says.
    new_address : callable
        Makes an address within the page that no other has, from a wish.
    """
    return EligibilityView(
        page=page,
        looks=tuple(_LOOKS.values()),
        summary=_summary(page),
        blocks=tuple(
            _block(
                page, range(first, min(first + _MOST_COLUMNS, len(page.participants))), new_address
            )
            for first in range(0, len(page.participants), _MOST_COLUMNS)
        ),
    )


def _summary(page: EligibilityPage) -> str:
    found = [who.eligibility for who in page.participants]
    return ", ".join(f"{found.count(one)} {one}" for one in dict.fromkeys(found))


def _block(page: EligibilityPage, numbers: range, new_address: Callable[[str], str]) -> _Block:
    rows = tuple(
        (row, tuple(_cell(page.participants[n], row, row.cells[n], new_address) for n in numbers))
        for row in page.criteria
    )
    return _Block(
        columns=tuple(
            _Column(
                id=new_address(f"eligibility-{page.participants[n].pseudonym}"),
                look=_LOOKS[page.participants[n].standing],
                who=page.participants[n],
                against=tuple(
                    cells[place]
                    for _, cells in rows
                    if cells[place].cell.standing is Standing.AGAINST
                ),
            )
            for place, n in enumerate(numbers)
        ),
        rows=rows,
    )


def _cell(
    who: ScreenedParticipant,
    row: CriterionRow,
    cell: CriterionCell,
    new_address: Callable[[str], str],
) -> _Cell:
    address = new_address(f"criterion-{who.pseudonym}-{row.code}")
    return _Cell(
        id=address,
        panel=new_address(f"proof-{address}"),
        look=_LOOKS[cell.standing],
        who=who,
        row=row,
        cell=cell,
        proof=tuple(map(_unindented, cell.proof)),
        literal_proof=tuple(map(_unindented, cell.literal_proof)),
    )


def _unindented(line: str) -> tuple[int, str]:
    """How deep a line of a proof lies, by its spaces, and its words."""
    text = line.lstrip(" ")
    return (len(line) - len(text)) // 2, text
