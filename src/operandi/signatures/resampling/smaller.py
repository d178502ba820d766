"""How much a nested concordance would differ in other participants: learning counts too.

The influence of participants on pairs that are judged (``NestedEvaluation.influence``) takes what
was learned as given. Of a recipe that selects among many columns, what it learns differs more from
one cohort to the next than how it is judged does. So the whole nested cross-validation is done
again without a fifth of the participants, many times over: a delete-d jackknife, whose variance
between subsets, scaled by (n - d) / d, is that of the estimate. What the drawing of folds adds is
told apart by two drawings a subset, and taken off.

References
----------
.. [1] Shao & Wu, Ann Stat 17:1176, 1989 (the delete-d jackknife). Bates, Hastie & Tibshirani,
   J Am Stat Assoc 119:1434, 2024 (intervals of cross-validation that are too narrow).
"""

from dataclasses import replace
from typing import Final

import numpy as np

from operandi.signatures.data import Floats, Predictors, RightCensored
from operandi.signatures.preparation.chain import predictors_at
from operandi.signatures.resampling.candidates import Candidate, columns_of
from operandi.signatures.resampling.folds import Resampling, deal_folds, generator_of
from operandi.signatures.resampling.nested import Progress, in_threads, mean_concordance

PARTS: Final = 5
"""One of so many parts of the participants is left out."""
FEWEST_SUBSETS: Final = 20
_DRAWINGS: Final = 2


def smaller_cohorts(  # noqa: PLR0913 - what an analysis plan fixes
    candidate: Candidate,
    predictors: Predictors,
    outcome: RightCensored,
    *,
    resampling: Resampling,
    subsets: int,
    threads: int = 1,
    progress: Progress | None = None,
) -> Floats:
    """Judge a candidate again and again without a fifth of the participants.

    Parameters
    ----------
    candidate, predictors, outcome
        As of ``nested_evaluation``.
    resampling : Resampling
        Its folds and seed: the same ones leave out the same participants and draw the same folds
        for every candidate, so that differences are paired.
    subsets : int
        At least 20 are done.
    threads : int
        The result does not depend on it.

    Returns
    -------
    (s, 2) float
        Mean nested concordance of each subset, by two drawings of the folds.

    Raises
    ------
    DataError
        If so few participants leave folds without events.
    """
    predictors = columns_of(predictors, candidate.columns)

    def one(number: int) -> list[float]:
        part = deal_folds(
            predictors.participants,
            outcome.event,
            folds=PARTS,
            generator=generator_of(resampling.seed, 4, number),
        )
        rows = np.flatnonzero(part != 0)
        kept = RightCensored(time=outcome.time[rows], event=outcome.event[rows])
        fewer = predictors_at(predictors, rows)
        return [
            mean_concordance(
                candidate,
                fewer,
                kept,
                resampling=replace(resampling, repeats=1, seed=_seed(resampling.seed, number, k)),
            )
            for k in range(_DRAWINGS)
        ]

    count = max(FEWEST_SUBSETS, subsets)
    return np.array(in_threads(one, range(count), threads=threads, progress=progress))


def _seed(seed: int, number: int, drawing: int) -> int:
    sequence = np.random.SeedSequence(seed, spawn_key=(5, number, drawing))
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))
