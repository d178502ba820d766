"""What marks a number's column: the bounds within which it is believed, and its unit.

A mark is both the check of the cell and what schema and documents say of the column, so that the
two cannot part.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import AfterValidator, GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from operandi.records.cells import Whole, refusal
from operandi.records.plausible import Plausible
from operandi.records.row import Row


@dataclass(frozen=True, slots=True)
class Within:
    """Bounds of what is believed.

    Parameters
    ----------
    limits : Plausible
        The bounds.
    unit : str
        Of the column.
    """

    limits: Plausible
    unit: str

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Check after the cell has been read as a number."""
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def _checked(self, value: Decimal | None) -> Decimal | None:
        return None if value is None else believed(value, limits=self.limits, unit=self.unit)


@dataclass(frozen=True, slots=True)
class Unit:
    """The unit of a column whose bounds are no :class:`Within`."""

    unit: str


def believed(value: Decimal, *, limits: Plausible, unit: str, **cell: str) -> Decimal:
    """Refuse a value outside *limits*, with the slip that would explain it."""
    if limits.holds(value, unit=unit):
        return value
    raise refusal(
        f"is not believed as {limits.bounds(unit=unit)}",
        limits.suggestion(value, unit=unit),
        **cell,
    )


def between(low: int, high: int, *, what: str, remedy: str) -> AfterValidator:
    """Make the check of a whole number."""

    def check(value: int) -> int:
        if low <= value <= high:
            return value
        raise refusal(f"is not {what} ({low} to {high})", remedy)

    return AfterValidator(check)


def _positive(value: Decimal) -> Decimal:
    if value > 0:
        return value
    raise refusal("is not greater than 0", "write what was measured")


def _not_negative(value: Decimal) -> Decimal:
    if value >= 0:
        return value
    raise refusal("is negative", "write what was measured, 0 where nothing was left")


POSITIVE: Final = AfterValidator(_positive)
NOT_NEGATIVE: Final = AfterValidator(_not_negative)


def _cycle(cycle: int) -> int:
    if cycle >= 1:
        return cycle
    raise refusal("is not the number of a cycle", "count from 1")


CycleNumber = Annotated[Whole, AfterValidator(_cycle)]


def disorder(one: Any, other: Any, *, names: tuple[str, str]) -> Iterator[PydanticCustomError]:
    """Object to two cells of a row that run the wrong way round; absent ones are in order.

    Days that are known in part are objected to only where no day of theirs is in order.
    """
    if one is None or other is None:
        return
    first, last = getattr(one, "earliest", one), getattr(other, "latest", other)
    if first > last:
        yield refusal(
            f"runs the wrong way round with {names[0]} ({one})",
            f"correct {names[0]} or {names[1]}",
            column=names[1],
        )


def contradicted(
    row: Row, *, because: str, columns: tuple[str, ...]
) -> Iterator[PydanticCustomError]:
    """Object to every one of *columns* that is filled, although something else says it cannot."""
    for column in columns:
        if getattr(row, column) is not None:
            yield refusal(f"contradicts {because}", "correct the one or the other", column=column)
