"""A day that is counted from an anchor: ``C1 + 12 months - 1 month``."""

import re
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Final, Self

from pydantic import GetPydanticSchema
from pydantic_core import core_schema

from operandi.protocol.windows import Offset
from operandi.quantities.errors import DataError

CODE: Final = r"[A-Z][A-Z0-9_]{0,31}"
"""What a code of an anchor or visit looks like."""
_POINT: Final = rf"({CODE})((?: [+-] \d{{1,4}} ?[a-z]+)*)"
_STEP: Final = re.compile(r" ([+-]) (\d{1,4} ?[a-z]+)", re.A)


@dataclass(frozen=True, slots=True)
class Point:
    """A day that is counted from an anchor.

    Parameters
    ----------
    anchor : str
        Code of the anchor.
    steps : tuple of Offset
        Taken one after the other, each clamped to its month.
    """

    anchor: str
    steps: tuple[Offset, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``C1``, ``C2 + 6 weeks`` or ``C1 + 12 months - 1 month``.

        Raises
        ------
        DataError
            If the text is none of these.

        >>> str(Point.parse("C1 + 12 months - 1 month").on(date(2024, 2, 29)))
        '2025-01-28'
        """
        found = re.fullmatch(_POINT, text.strip(), re.A)
        if found is None:
            raise DataError(
                f"{text!r} is no point in time.",
                remedy="Write an anchor and offsets, such as 'C1', 'C2 + 6 weeks' or "
                "'C1 + 12 months - 1 month'.",
            )
        steps = tuple(Offset.parse(sign + rest) for sign, rest in _STEP.findall(found[2]))
        if any(step.unit == "hour" for step in steps):
            raise DataError(f"{text!r} counts hours.", remedy="A schedule counts whole days.")
        return cls(found[1], steps)

    def on(self, anchor_on: date) -> date:
        """Count from the anchor's day."""
        for step in self.steps:
            anchor_on = step.after(anchor_on)
        return anchor_on

    def __str__(self) -> str:
        written = self.anchor
        for step in self.steps:
            written += f" - {-step}" if step.count < 0 else f" + {step}"
        return written


def _point(value: object) -> Point:
    if isinstance(value, Point):
        return value
    if not isinstance(value, str):
        raise ValueError("a point in time is text, such as 'C1 + 12 months'")  # noqa: TRY004
    try:
        return Point.parse(value)
    except DataError as refused:
        raise ValueError(str(refused)) from None


PointText = Annotated[
    Point,
    GetPydanticSchema(
        lambda _source, _handler: core_schema.json_or_python_schema(
            json_schema=core_schema.no_info_after_validator_function(
                _point, core_schema.str_schema(pattern=f"^{_POINT}$")
            ),
            python_schema=core_schema.no_info_plain_validator_function(_point),
            serialization=core_schema.to_string_ser_schema(),
        )
    ),
]
"""A :class:`Point` in a pydantic model: read from text, written as text."""
