"""What every analysis of outcomes takes: times with events, intervals, and predictors by block."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from operandi.domain.identity import Pseudonym
from operandi.quantities.errors import DataError

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RightCensored:
    """Times to an event that was seen, or to the last day on which it had not happened.

    Parameters
    ----------
    time : (n,) float
        Days, > 0.
    event : (n,) bool
        Whether the event was seen at that time.

    Raises
    ------
    DataError
        If shapes differ, nobody is there, or a time is not finite and > 0.
    """

    time: Floats
    event: Bools

    def __post_init__(self) -> None:
        if self.time.ndim != 1 or self.time.shape != self.event.shape or not self.time.size:
            raise DataError(
                f"Outcomes need one time and one event for each of one or more participants; "
                f"found shapes {self.time.shape} and {self.event.shape}."
            )
        bad = np.flatnonzero(~(np.isfinite(self.time) & (self.time > 0.0)))
        if bad.size:
            raise DataError(
                f"Times need days > 0; row {bad[0]} has {self.time[bad[0]]:g}.",
                remedy="An event on or before the first day is an outcome before baseline: "
                "correct the date, or leave the participant out and count it.",
            )

    @property
    def events(self) -> int:
        """Number of events."""
        return int(np.count_nonzero(self.event))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IntervalCensored:
    """Events known to lie in (left, right].

    Parameters
    ----------
    left : (n,) float
        Days >= 0: the last day on which the event had not happened.
    right : (n,) float
        Days: the first on which it had; inf where it was not seen. Equal to ``left`` where the
        day itself is known, as of a death.

    Raises
    ------
    DataError
        If shapes differ, nobody is there, or an interval is none.
    """

    left: Floats
    right: Floats

    def __post_init__(self) -> None:
        if self.left.ndim != 1 or self.left.shape != self.right.shape or not self.left.size:
            raise DataError(
                f"Intervals need two ends for each of one or more participants; found shapes "
                f"{self.left.shape} and {self.right.shape}."
            )
        fine = np.isfinite(self.left) & (self.left >= 0.0) & (self.right >= self.left)
        fine &= self.right > 0.0
        bad = np.flatnonzero(~fine)
        if bad.size:
            raise DataError(
                f"Intervals need 0 <= left <= right and right > 0, in days; row {bad[0]} has "
                f"({self.left[bad[0]]:g}, {self.right[bad[0]]:g}].",
                remedy="An outcome before baseline is no outcome: correct the dates.",
            )

    @property
    def exact(self) -> Bools:
        """Whose day is known."""
        return np.equal(self.left, self.right)

    @property
    def events(self) -> int:
        """Number of events, exact or in an interval."""
        return int(np.count_nonzero(np.isfinite(self.right)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Predictors:
    """What may foretell the outcome, a row a participant.

    Parameters
    ----------
    values : (n, p) float
        NaN where a value is missing.
    names : tuple of str
        Of the columns, unique.
    blocks : tuple of str
        Block of each column: ``"clinical"``, ``"laboratory"``, ``"genomic"``, ``"pet"`` ...
    participants : tuple of Pseudonym
        Of the rows; a participant may have several rows (lesions), which stay together.
    sites : tuple of str
        Hospital department of each row.

    Raises
    ------
    DataError
        If the parts do not fit, a name stands twice, or a value is infinite.
    """

    values: Floats
    names: tuple[str, ...]
    blocks: tuple[str, ...]
    participants: tuple[Pseudonym, ...]
    sites: tuple[str, ...]

    def __post_init__(self) -> None:
        rows, columns = len(self.participants), len(self.names)
        fits = len(self.blocks) == columns and len(self.sites) == rows
        if self.values.shape != (rows, columns) or not fits:
            raise DataError(
                f"Predictors need {rows} rows and {columns} columns, with a site and a block for "
                f"each; found {self.values.shape}, {len(self.sites)} and {len(self.blocks)}."
            )
        # Rows are taken in every fold: what is wrong is looked for only where something is.
        if len(set(self.names)) != columns:
            twice = sorted(name for name, count in Counter(self.names).items() if count > 1)
            raise DataError(f"Predictors are called twice: {', '.join(twice)}.")
        if np.isinf(self.values).any():
            row, column = np.argwhere(np.isinf(self.values))[0]
            raise DataError(
                f"{self.names[column]} of {self.participants[row]} is infinite.",
                remedy="Leave the value empty where it could not be computed.",
            )
