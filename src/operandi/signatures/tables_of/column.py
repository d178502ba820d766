"""A column while it is gathered: a value or the reason for none, of everybody."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from operandi.domain.identity import Pseudonym
from operandi.quantities.errors import DataError
from operandi.signatures.tables import PlannedColumn

_SMALLEST: Final = 1e-75
_LARGEST: Final = 1e75
"""Fourth powers are still numbers: moments and products are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatheredCell:
    """A value, or why there is none, and where it stands."""

    value: float | None = None
    absent: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatheredColumn:
    """A column of predictors, of the population's participants in order.

    Parameters
    ----------
    name, block, predictor, source, unit : str
        As of ``PlannedColumn``.
    cells : tuple of GatheredCell
    logged : bool
    levels : mapping of str to float
    notes : tuple of str
    """

    name: str
    block: str
    predictor: str
    source: str
    unit: str
    cells: tuple[GatheredCell, ...]
    logged: bool = False
    levels: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def told(self) -> PlannedColumn:
        """What is said of the column without its values."""
        absent = Counter(one.absent for one in self.cells if one.value is None)
        return PlannedColumn(
            name=self.name,
            block=self.block,
            predictor=self.predictor,
            source=self.source,
            unit=self.unit,
            logged=self.logged,
            levels=self.levels,
            known=len(self.cells) - absent.total(),
            absent=dict(absent.most_common()),
        )


def shaped(cells: Sequence[GatheredCell], *, log: bool, key: str) -> tuple[GatheredCell, ...]:
    """Take natural logarithms where the plan says so.

    Raises
    ------
    DataError
        If one has none, or a value is infinite; naming key and place.
    """
    for one in cells:
        if one.value is not None and not math.isfinite(one.value):
            raise DataError(f"{key}: {one.place} is not finite.", remedy="Leave the cell empty.")
        if one.value and not _SMALLEST <= abs(one.value) <= _LARGEST:
            raise DataError(
                f"{key}: {one.place} is {one.value:g}, whose square no computer holds.",
                remedy="Correct the cell, or supply the column in another unit.",
            )
        if log and one.value is not None and one.value <= 0.0:
            raise DataError(
                f"{key}.form: {one.place} is {one.value:g}, which has no logarithm.",
                remedy="Write form = as_is, before the plan is locked.",
            )
    if not log:
        return tuple(cells)
    return tuple(
        one
        if one.value is None
        else GatheredCell(value=math.log(one.value), absent=one.absent, place=one.place)
        for one in cells
    )


def one_unit(units: Mapping[str, str], *, key: str, remedy: str) -> str:
    """The unit of a column; refuses several.

    Parameters
    ----------
    units : mapping of str to str
        A place of each unit.
    """
    if len(units) > 1:
        shown = "; ".join(f"{place} has {unit or 'none'}" for unit, place in units.items())
        raise DataError(f"{key}: values in several units: {shown}.", remedy=remedy)
    return next(iter(units), "")


def whose(participant: Pseudonym, place: str) -> str:
    """A place with whose it is: ``"OP-001 (scores.csv, row 3)"``."""
    return f"{participant} ({place})" if place else str(participant)
