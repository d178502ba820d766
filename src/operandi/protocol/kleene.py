"""Three truth values. What is not known stays so until what is known settles the matter.

Kleene's strong logic: all of (no, unknown) is no, any of (yes, unknown) is yes, and whatever else
holds an unknown is unknown. So a fact that becomes known never overturns what was settled
without it.
"""

from collections.abc import Iterable
from enum import Enum


class Truth(Enum):
    """Yes, no, or not known."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"

    def __invert__(self) -> "Truth":
        match self:
            case Truth.YES:
                return Truth.NO
            case Truth.NO:
                return Truth.YES
            case Truth.UNKNOWN:
                return self

    def __and__(self, other: "Truth") -> "Truth":
        return all_of((self, other))

    def __or__(self, other: "Truth") -> "Truth":
        return any_of((self, other))


def known(fact: bool) -> Truth:  # noqa: FBT001 - it makes a truth of a bool
    """Make a truth of what is known."""
    return Truth.YES if fact else Truth.NO


def all_of(parts: Iterable[Truth]) -> Truth:
    """No if one is no; yes if all are yes; of nothing, yes."""
    result = Truth.YES
    for part in parts:
        if part is Truth.NO:
            return part
        if part is Truth.UNKNOWN:
            result = part
    return result


def any_of(parts: Iterable[Truth]) -> Truth:
    """Yes if one is yes; no if all are no; of nothing, no."""
    result = Truth.NO
    for part in parts:
        if part is Truth.YES:
            return part
        if part is Truth.UNKNOWN:
            result = part
    return result


def at_least(count: int, parts: Iterable[Truth]) -> Truth:
    """Yes if *count* are yes; no if so many can no longer become so.

    >>> at_least(2, [Truth.YES, Truth.UNKNOWN, Truth.NO])
    <Truth.UNKNOWN: 'unknown'>
    """
    yes = open_ = 0
    for part in parts:
        yes += part is Truth.YES
        open_ += part is Truth.UNKNOWN
    if yes >= count:
        return Truth.YES
    return Truth.UNKNOWN if yes + open_ >= count else Truth.NO
