"""Stability selection by complementary pairs: which columns come back on other halves.

References
----------
.. [1] Shah & Samworth, J R Stat Soc B 75:55, 2013: algorithm in section 2, bounds in theorems 1
   and 2 (unimodal).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from operandi.quantities.errors import DataError, OperandiError
from operandi.signatures.cox.path import CoxPath, cox_path
from operandi.signatures.data import Floats, Predictors, RightCensored
from operandi.signatures.logistic import LogisticPath, logistic_path
from operandi.signatures.preparation.chain import predictors_at
from operandi.signatures.resampling.candidates import Penalized, columns_of, prepared
from operandi.signatures.resampling.folds import Labels, generator_of
from operandi.signatures.resampling.nested import Progress, fold_seed, in_threads


@dataclass(frozen=True, slots=True, kw_only=True)
class StabilityPlan:
    """How columns must come back to count.

    Parameters
    ----------
    pairs : int
        Of complementary halves.
    most : int
        Columns that a half selects at most: the first to enter its path.
    threshold : float
        Share of the halves in (0.5, 1].
    seed : int
    copies : int
        Shuffled copies of each penalized column, which compete with it for the ``most`` places:
        without them one candidate alone would always come back.
    """

    pairs: int
    most: int
    threshold: float
    seed: int
    copies: int = 0

    def __post_init__(self) -> None:
        if self.pairs < 1 or self.most < 1 or not 0.5 < self.threshold <= 1.0:
            raise DataError(
                f"Stability selection needs pairs >= 1, most >= 1 and a threshold in (0.5, 1]; "
                f"found {self.pairs}, {self.most} and {self.threshold:g}."
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StabilitySelection:
    """How often columns were selected on halves.

    Parameters
    ----------
    probability : mapping of str to float
        Share of the halves that selected a column; columns never selected are left out.
    stable : tuple of str
        At or above the threshold.
    candidates : int
        Penalized columns that could be selected.
    false_bound : float or None
        Bound on the expected number of columns that are selected no more often than by chance;
        None where the theorem has none.
    paths : mapping of str to (m,) float
        Share of the halves that had a column among their first 1, 2 ... ``most``.
    failed : int
        Halves that could not be fitted; they selected nothing.
    plan : StabilityPlan
    """

    probability: Mapping[str, float]
    stable: tuple[str, ...]
    candidates: int
    false_bound: float | None
    paths: Mapping[str, Floats]
    failed: int
    plan: StabilityPlan


def stability_selection(
    candidate: Penalized,
    predictors: Predictors,
    outcome: RightCensored,
    *,
    plan: StabilityPlan,
    threads: int = 1,
    progress: Progress | None = None,
) -> StabilitySelection:
    """Select on complementary halves of the participants.

    Each half is prepared and its lasso path run on its own; selected are the first ``plan.most``
    penalized columns to enter. Unpenalized columns are in every model and do not count.

    Parameters
    ----------
    candidate : Penalized
        Its columns, preparation and penalty factors; the support cap is ``plan.most``.
    predictors, outcome
        All rows.
    plan : StabilityPlan
    threads : int
        The result does not depend on it.

    Raises
    ------
    DataError
        If participants have several rows, or no half could be fitted.
    """
    predictors = columns_of(predictors, candidate.columns)
    if len(set(predictors.participants)) < len(predictors.participants):
        raise DataError(
            "Stability selection halves participants, and found several rows of one.",
            remedy="Give one row a participant.",
        )

    def half(number: int) -> list[str] | None:
        rows = _half(outcome, number, seed=plan.seed)
        part = RightCensored(time=outcome.time[rows], event=outcome.event[rows])
        try:
            return _entering(candidate, predictors_at(predictors, rows), part, plan, number=number)
        except OperandiError:
            return None

    found = in_threads(half, range(2 * plan.pairs), threads=threads, progress=progress)
    fitted = [one for one in found if one is not None]
    if not fitted:
        raise DataError(
            f"{candidate.name} could be fitted on none of {len(found)} halves of the participants.",
            remedy="Wait for events, or penalize all columns.",
        )
    penalized = int(np.count_nonzero(candidate.factors_of(predictors.blocks) > 0.0))
    paths = _paths(fitted, halves=len(found), most=plan.most)
    probability = {name: float(path[-1]) for name, path in paths.items()}
    return StabilitySelection(
        probability=probability,
        stable=tuple(n for n, share in probability.items() if share >= plan.threshold),
        candidates=penalized,
        false_bound=false_selection_bound(plan, candidates=penalized * (1 + plan.copies)),
        paths=paths,
        failed=len(found) - len(fitted),
        plan=plan,
    )


def false_selection_bound(plan: StabilityPlan, *, candidates: int) -> float | None:
    """Bound on the expected number of selected columns of low selection probability.

    Those selected on a half with a probability of at most theta = q/p. With the unimodal factor
    C(threshold, B) of theorem 2 the number is at most C theta q, where q columns a half are
    selected at most, out of p.

    Returns
    -------
    float or None
        None where theta is above 1/sqrt(3), or too large for the threshold: the theorem ends there.
    """
    if candidates <= 0:
        return None
    share, pairs, tau = plan.most / candidates, plan.pairs, plan.threshold
    if share > 1.0 / math.sqrt(3.0):
        return None
    if tau > 0.75:
        factor = 4.0 * (1.0 - tau + 1.0 / (2.0 * pairs)) / (1.0 + 1.0 / pairs)
    else:
        lowest = min(0.5 + share**2, 0.5 + 1.0 / (2.0 * pairs) + 0.75 * share**2)
        if tau <= lowest:
            return None
        factor = 1.0 / (2.0 * (2.0 * tau - 1.0 - 1.0 / (2.0 * pairs)))
    return factor * share * plan.most


def _half(outcome: RightCensored, number: int, *, seed: int) -> Labels:
    """Rows of a half; halves 2k and 2k + 1 share none. Each has half of the events."""
    generator = generator_of(seed, 3, number // 2)
    shuffled = generator.permutation(outcome.time.size)
    order = shuffled[np.argsort(~outcome.event[shuffled], kind="stable")]
    return np.sort(order[number % 2 :: 2])


def _entering(
    candidate: Penalized,
    rows: Predictors,
    outcome: RightCensored,
    plan: StabilityPlan,
    *,
    number: int,
) -> list[str]:
    """Names of the penalized columns in the order in which they enter the path."""
    seed = fold_seed(plan.seed, repeat=number, fold=0)
    _, ready = prepared(rows, candidate.columns, candidate.chain, outcome=outcome, seed=seed)
    factors = candidate.factors_of(ready.blocks)
    settings = candidate.settings._replace(support_cap=plan.most, keep=0)
    values, factors, names = _beside_copies(ready, factors, plan, number=number)
    path: CoxPath | LogisticPath
    if settings.logistic:
        path = logistic_path(outcome.event, values, settings=settings, penalty_factors=factors)
    else:
        path = cox_path(outcome, values, settings=settings, penalty_factors=factors)
    entered = (path.coefficients != 0.0) & (factors > 0.0)
    first = np.where(entered.any(axis=0), entered.argmax(axis=0), path.penalties.size)
    # Of those that enter together, the larger effect on the standardized scale comes first.
    last = np.abs(path.coefficients[-1]) * values.std(axis=0)
    order = np.lexsort((-last, first))
    chosen = [column for column in order if first[column] < path.penalties.size]
    return [names[column] for column in chosen[: plan.most] if names[column]]


def _beside_copies(
    ready: Predictors, factors: Floats, plan: StabilityPlan, *, number: int
) -> tuple[Floats, Floats, tuple[str, ...]]:
    """Columns with their shuffled copies, which have no name."""
    values = np.ascontiguousarray(ready.values)
    if not plan.copies:
        return values, factors, ready.names
    generator = generator_of(plan.seed, 9, number)
    copied = np.repeat(values[:, factors > 0.0], plan.copies, axis=1)
    count = copied.shape[1]
    return (
        np.ascontiguousarray(np.hstack((values, generator.permuted(copied, axis=0)))),
        np.concatenate((factors, np.ones(count))),
        (*ready.names, *("",) * count),
    )


def _paths(halves_of: list[list[str]], *, halves: int, most: int) -> dict[str, Floats]:
    counts: dict[str, Floats] = {}
    for entered in halves_of:
        for place, name in enumerate(entered):
            counts.setdefault(name, np.zeros(most))[place:] += 1.0
    ranked = sorted(counts, key=lambda name: (-counts[name][-1], name))
    return {name: counts[name] / halves for name in ranked}
