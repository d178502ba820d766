"""How much a cross-validated metric would differ in other participants: learning counts too.

Participants drawn anew with predictions as they are take what was learned as given. Of a recipe
that selects among many columns, what it learns differs more from one cohort to the next than how
it is judged does. So the whole nested cross-validation is done again without a fifth of the
participants, many times over, and kept whole: every metric is then judged on each of these smaller
cohorts (``metrics.learned``: a delete-d jackknife). What the drawing of folds adds is told apart by
two drawings a subset.

References
----------
.. [1] Shao & Wu, Ann Stat 17:1176, 1989 (the delete-d jackknife). Bates, Hastie & Tibshirani,
   J Am Stat Assoc 119:1434, 2024 (intervals of cross-validation that are too narrow).
"""

from dataclasses import replace
from typing import Final

import numpy as np

from operandi.signatures.data import Floats, Predictors, RightCensored
from operandi.signatures.metrics.learned import PARTS
from operandi.signatures.preparation.chain import predictors_at
from operandi.signatures.resampling.candidates import Candidate, columns_of
from operandi.signatures.resampling.folds import Resampling, deal_folds, generator_of
from operandi.signatures.resampling.nested import Progress, SmallerCohort, evaluated, in_threads

FEWEST_SUBSETS: Final = 20
_DRAWINGS: Final = 2


def smaller_cohorts(  # noqa: PLR0913 - what an analysis plan fixes
    candidate: Candidate,
    predictors: Predictors,
    outcome: RightCensored,
    *,
    resampling: Resampling,
    days: Floats,
    subsets: int,
    threads: int = 1,
    progress: Progress | None = None,
) -> tuple[SmallerCohort, ...]:
    """Evaluate a candidate again and again without a fifth of the participants.

    Parameters
    ----------
    candidate, predictors, outcome, days
        As of ``nested_evaluation``.
    resampling : Resampling
        Its folds and seed: the same ones leave out the same participants and draw the same folds
        for every candidate, so that differences are paired.
    subsets : int
        At least 20 are done.
    threads : int
        The result does not depend on it.

    Raises
    ------
    DataError
        If so few participants leave folds without events.
    """
    predictors = columns_of(predictors, candidate.columns)

    def one(number: int) -> SmallerCohort:
        part = deal_folds(
            predictors.participants,
            outcome.event,
            folds=PARTS,
            generator=generator_of(resampling.seed, 4, number),
        )
        rows = np.flatnonzero(part != 0)
        kept = RightCensored(time=outcome.time[rows], event=outcome.event[rows])
        fewer = predictors_at(predictors, rows)
        drawings = tuple(
            evaluated(
                candidate,
                fewer,
                kept,
                resampling=replace(resampling, repeats=1, seed=_seed(resampling.seed, number, k)),
                days=days,
            )
            for k in range(_DRAWINGS)
        )
        return SmallerCohort(rows=rows, drawings=drawings)

    count = max(FEWEST_SUBSETS, subsets)
    return tuple(in_threads(one, range(count), threads=threads, progress=progress))


def _seed(seed: int, number: int, drawing: int) -> int:
    sequence = np.random.SeedSequence(seed, spawn_key=(5, number, drawing))
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))
