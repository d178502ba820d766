"""The permutation null of a whole recipe: what it finds where there is nothing to find.

Rows of predictors are dealt anew to the outcomes, and everything is done again: folds, tuning,
selection. What is kept in place (a block the plan names) stays beside the outcome, so that the
null is then "nothing beyond it".

References
----------
.. [1] Phipson & Smyth, Stat Appl Genet Mol Biol 9:39, 2010: p = (1 + as large) / (1 + all).
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from operandi.quantities.errors import DataError
from operandi.signatures.data import Floats, Predictors, RightCensored
from operandi.signatures.resampling.candidates import Candidate, columns_of
from operandi.signatures.resampling.folds import Labels, Resampling, generator_of
from operandi.signatures.resampling.nested import Progress, in_threads, mean_concordance


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PermutationNull:
    """An observed concordance beside what chance gives.

    Parameters
    ----------
    observed : float
        Mean nested concordance, by the same number of repeats as each permutation.
    null : (b,) float
        Of each permutation.
    kept : tuple of str
        Blocks, and columns, that stayed beside the outcome.
    """

    observed: float
    null: Floats
    kept: tuple[str, ...]

    @property
    def p_value(self) -> float:
        """Share of permutations, the observed order counted in, that are as concordant."""
        return float((1 + np.count_nonzero(self.null >= self.observed)) / (1 + self.null.size))


def permutation_null(  # noqa: PLR0913 - what an analysis plan fixes
    candidate: Candidate,
    predictors: Predictors,
    outcome: RightCensored,
    *,
    resampling: Resampling,
    permutations: int,
    kept: Collection[str] = (),
    kept_columns: Collection[str] = (),
    threads: int = 1,
    progress: Progress | None = None,
) -> PermutationNull:
    """Run a candidate on permuted rows.

    Parameters
    ----------
    candidate, predictors, outcome
        As of ``nested_evaluation``.
    resampling : Resampling
        Of the observed order and of each permutation alike: the null has the spread of as many
        repeats.
    permutations : int
        At least 19, for p < 0.05 to be possible.
    kept : collection of str
        Blocks that stay beside the outcome.
    kept_columns : collection of str
        Columns that do.
    threads : int
        The result does not depend on it.

    Raises
    ------
    DataError
        If there are too few permutations, or nothing would be permuted.
    """
    if permutations < 19:
        raise DataError(f"A permutation null needs 19 or more permutations; found {permutations}.")
    predictors = columns_of(predictors, candidate.columns)
    moving = np.flatnonzero(
        [
            block not in kept and name not in kept_columns
            for name, block in zip(predictors.names, predictors.blocks, strict=True)
        ]
    )
    staying = tuple(sorted({*kept, *kept_columns}))
    if not moving.size:
        raise DataError(
            f"Every column of {candidate.name} is of {', '.join(staying)}, which stay in place: "
            "there is nothing to permute.",
            remedy="Keep fewer in place, or give the model a column beyond the rung below it.",
        )
    whole = moving.size == len(predictors.blocks)

    def one(number: int) -> float:
        if number < 0:
            return mean_concordance(candidate, predictors, outcome, resampling=resampling)
        order = shuffled_rows(
            predictors.participants, generator=generator_of(resampling.seed, 2, number)
        )
        dealt = permuted(predictors, order, columns=None if whole else moving)
        return mean_concordance(candidate, dealt, outcome, resampling=resampling)

    found = in_threads(one, range(-1, permutations), threads=threads, progress=progress)
    return PermutationNull(observed=found[0], null=np.array(found[1:]), kept=staying)


def shuffled_rows(participants: tuple[str, ...], *, generator: np.random.Generator) -> Labels:
    """An order of rows; participants with several rows change places as wholes.

    Raises
    ------
    DataError
        If participants have different numbers of rows: they cannot change places.
    """
    place: dict[str, list[int]] = {}
    for row, one in enumerate(participants):
        place.setdefault(one, []).append(row)
    rows = list(place.values())
    sizes = {len(one) for one in rows}
    if len(sizes) > 1:
        raise DataError(
            f"Participants with {min(sizes)} to {max(sizes)} rows cannot change places.",
            remedy="Permute a table with one row a participant.",
        )
    table = np.array(rows, dtype=np.int64)
    order = np.empty(len(participants), dtype=np.int64)
    order[table] = table[generator.permutation(len(rows))]
    return order


def permuted(predictors: Predictors, order: Labels, *, columns: Labels | None) -> Predictors:
    """Predictors with rows dealt anew; of some columns alone where they are named.

    Sites go with their rows where all columns do: what differs between sites stays with them.
    """
    if columns is None:
        sites = tuple(predictors.sites[row] for row in order)
        return replace(
            predictors, values=np.ascontiguousarray(predictors.values[order]), sites=sites
        )
    values = predictors.values.copy()
    values[:, columns] = predictors.values[np.ix_(order, columns)]
    return replace(predictors, values=values)
