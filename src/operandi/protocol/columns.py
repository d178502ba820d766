"""What the columns of the tables hold, as far as a study file must know."""

import types
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, Final, Literal, Union, get_args, get_origin

from operandi.domain.date_interval import DateInterval
from operandi.records.row import Row

ColumnKind = Literal["number", "yes_no", "day", "days", "instant", "code", "text", "other"]

_KINDS: Final[Mapping[type, ColumnKind]] = {
    bool: "yes_no",
    int: "number",
    Decimal: "number",
    datetime: "instant",
    date: "day",
    DateInterval: "days",
    str: "text",
}
DAYS: Final[frozenset[ColumnKind]] = frozenset({"day", "days", "instant"})


@cache
def columns_of(model: type[Row]) -> Mapping[str, tuple[ColumnKind, tuple[str, ...]]]:
    """Kind of each column, and the codes that it allows where these are few."""
    return {name: _kind(field.annotation) for name, field in model.model_fields.items()}


def _kind(annotation: Any) -> tuple[ColumnKind, tuple[str, ...]]:
    for part in _parts(annotation):
        if get_origin(part) is Literal:
            codes = get_args(part)
            if all(isinstance(code, str) for code in codes):
                return "code", codes
            return ("yes_no" if isinstance(codes[0], bool) else "number"), ()
        if isinstance(part, type):
            if issubclass(part, Enum):
                return "code", tuple(str(member.value) for member in part)
            for known, kind in _KINDS.items():
                if part is known:
                    return kind, ()
    return "other", ()


def _parts(annotation: Any) -> Iterator[Any]:
    """A type without its annotations, and each member of a union."""
    if get_origin(annotation) in (Union, types.UnionType):
        for member in get_args(annotation):
            yield from _parts(member)
    elif hasattr(annotation, "__metadata__"):
        yield from _parts(get_args(annotation)[0])
    elif annotation is not type(None):
        yield annotation
