"""What a step of preparation is: it learns from rows, and applies what it learned to others.

Here are plain arrays only. Nothing checks who has been seen: ``chain`` wraps steps with the guard,
and a resampling loop that calls them from threads checks its split once (``guard.Split``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from operandi.quantities.errors import DataError
from operandi.signatures.data import Floats, RightCensored

Columns = npt.NDArray[np.int64]
Said = Mapping[str, Any]
"""What a step learned, as JSON holds it: text, numbers, booleans, None, lists and mappings."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlainRows:
    """Values of rows, unchecked: ``data.Predictors`` has been checked once, rows of it need not.

    Parameters
    ----------
    values : (n, p) float
        C-contiguous; NaN where missing.
    names : tuple of str
        Of the columns.
    sites : tuple of str
        Of the rows.
    participants : tuple of str
        Of the rows.
    beside : (n, q) float, optional
        Columns that a step reads and leaves as they are: covariates of a harmonization.
    """

    values: Floats
    names: tuple[str, ...]
    sites: tuple[str, ...]
    participants: tuple[str, ...]
    beside: Floats | None = None


class Learned(Protocol):
    """What a step learned from its training rows."""

    @property
    def kept(self) -> Columns | None:
        """Positions of the columns that come out, ascending; None where all do."""

    def apply(self, rows: PlainRows) -> Floats:
        """Return new values of the columns that come out, (n, len(kept)), C-contiguous.

        Raises
        ------
        DataError
            If the rows cannot be prepared as the training rows were.
        """

    def as_dict(self) -> Said:
        """All that was learned, from which ``rebuild.learned_from`` makes it again."""


class Transformer(Protocol):
    """A step with its settings, which has learned nothing yet."""

    @property
    def covariates(self) -> tuple[str, ...]:
        """Names of the columns that it reads beside those that it changes."""

    def learn(self, rows: PlainRows, *, outcome: RightCensored | None, seed: int) -> Learned:
        """Learn from training rows.

        Parameters
        ----------
        rows : PlainRows
            Of training alone.
        outcome : RightCensored or None
            Of the same rows. Only a screening reads it.
        seed : int
            Of whatever is drawn; the same seed and rows give the same result.

        Raises
        ------
        DataError
            If the rows do not allow it.
        """


def refuse_other_columns(rows: PlainRows, *, needed: int, step: str) -> None:
    """Refuse rows with another number of columns than the step has learned.

    Raises
    ------
    DataError
        If it differs.
    """
    if rows.values.shape[1] != needed:
        raise DataError(
            f"The {step} has learned {needed} columns; found {rows.values.shape[1]}.",
            remedy="Give the columns of the training rows, in their order.",
        )


def listed(names: tuple[str, ...] | list[str], *, shown: int = 5) -> str:
    """Names for a sentence, the first few of many."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def numbers(values: npt.ArrayLike) -> list[Any]:
    """An array as nested lists of Python numbers, which JSON keeps to the last bit."""
    found: list[Any] = np.asarray(values).tolist()
    return found


def floats(values: object) -> Floats:
    """An array of floats from nested lists."""
    return np.ascontiguousarray(values, dtype=np.float64)
