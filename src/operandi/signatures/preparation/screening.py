"""The columns that go with the outcome most, each by itself. It reads outcomes: in a fold alone."""

from dataclasses import dataclass, field

import numpy as np

from operandi.quantities.errors import DataError
from operandi.signatures.cox.score_test import score_tests
from operandi.signatures.data import RightCensored
from operandi.signatures.preparation.filters import LearnedSelection, selection
from operandi.signatures.preparation.transformer import PlainRows


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreScreen:
    """Keep the columns with the largest score statistics of a Cox model of one column.

    Parameters
    ----------
    keep : int, >= 1
        How many; of equals those that come first.

    Notes
    -----
    Learned outside the folds it makes noise look like a C of 0.74 (80 rows, 2,000 columns).
    """

    keep: int
    covariates: tuple[str, ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        if self.keep < 1:
            raise DataError(f"A screening keeps one column or more; found {self.keep}.")

    def learn(
        self, rows: PlainRows, *, outcome: RightCensored | None, seed: int
    ) -> LearnedSelection:
        """Find the columns.

        Raises
        ------
        DataError
            If no outcome is given, values are missing, or there is no event.
        """
        del seed
        if outcome is None:
            raise DataError(
                "A screening needs the outcome of the training rows; none was given.",
                remedy="Give outcome where the chain is fitted.",
            )
        strength = np.abs(score_tests(outcome, rows.values).z)
        kept = np.zeros(strength.size, dtype=np.bool_)
        kept[np.argsort(-strength, kind="stable")[: self.keep]] = True
        # Of thousands the names alone would fill a model card.
        return selection(kept, {}, rows.names, by="screening")
