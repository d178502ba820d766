"""Who has been seen in training: a row that is judged must not have been.

A split is of participants, never of rows: lesions, visits or draws of one stay together.
"""

import functools
import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from operandi.quantities.errors import DataError

Positions = npt.NDArray[np.int64]


class LeakError(DataError):
    """Something would be judged on rows that it has learned from. Never caught and gone on from."""


@functools.lru_cache(maxsize=65_536)
def _mark(participant: str) -> str:
    # 64 bits: among a thousand participants two share a mark with a probability of 3e-14.
    return hashlib.sha256(f"operandi training {participant}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class SeenParticipants:
    """The participants that something has learned from, as digests of their codes.

    A model card names nobody, and still knows whom it has seen. It hides no secret: who holds the
    list of codes can try them.

    Parameters
    ----------
    marks : frozenset of str
        16 hexadecimal digits each.
    """

    marks: frozenset[str]

    @classmethod
    def of(cls, participants: Collection[str]) -> Self:
        """Mark the participants of training rows."""
        return cls(frozenset(map(_mark, participants)))

    def among(self, participants: Sequence[str]) -> tuple[str, ...]:
        """Those of *participants* that have been seen, once each, in their order."""
        return tuple(one for one in dict.fromkeys(participants) if _mark(one) in self.marks)

    def refuse(self, participants: Sequence[str], *, what: str) -> None:
        """Refuse to judge participants that have been seen.

        Parameters
        ----------
        participants : sequence of str
            Of the rows to be judged.
        what : str
            What has learned, for the sentence.

        Raises
        ------
        LeakError
            Naming who has been seen.
        """
        if found := self.among(participants):
            raise LeakError(
                f"{what} has learned from {_some(found)} and is to be judged on the same.",
                remedy="Fit on the training part of each fold alone.",
            )

    def refuse_unseen(self, participants: Sequence[str], *, what: str) -> None:
        """Refuse rows that are called training rows and are none.

        Raises
        ------
        LeakError
            Naming who has not been seen.
        """
        seen = set(self.among(participants))
        if others := tuple(one for one in dict.fromkeys(participants) if one not in seen):
            raise LeakError(
                f"{what} has not learned from {_some(others)}, which are called training rows.",
                remedy="Say that the rows are judged.",
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Split:
    """Which rows train and which are judged.

    Parameters
    ----------
    training, test : (k,) int
        Positions of rows.
    participants : tuple of str
        Of all rows.

    Raises
    ------
    LeakError
        If a row or a participant is on both sides.
    DataError
        If a side is empty or a position is none.
    """

    training: Positions
    test: Positions
    participants: tuple[str, ...]

    def __post_init__(self) -> None:
        count = len(self.participants)
        for name, side in (("training", self.training), ("test", self.test)):
            if not side.size or side.min() < 0 or side.max() >= count:
                raise DataError(
                    f"The {name} side of a split needs positions of {count} rows; found "
                    f"{side.size} of them."
                )
        training = {self.participants[row] for row in self.training}
        both = dict.fromkeys(self.participants[row] for row in self.test)
        if shared := tuple(one for one in both if one in training):
            raise LeakError(
                f"{_some(shared)} have rows on both sides of a split.",
                remedy="Split participants, not rows: lesions and visits of one stay together.",
            )

    def refuse_fit_on(self, participants: Sequence[str], *, what: str) -> None:
        """Refuse to learn from participants of the test side.

        Raises
        ------
        LeakError
            Naming them.
        """
        test = {self.participants[row] for row in self.test}
        if found := tuple(one for one in dict.fromkeys(participants) if one in test):
            raise LeakError(
                f"{what} would learn from {_some(found)} of the test side.",
                remedy="Fit on the training side of the split alone.",
            )


def _some(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more
