"""Repeated nested cross-validation: every row judged by what never saw it.

Tuning happens in inner folds, everything else that learns in outer ones. Pairs of a concordance
are taken within outer folds: linear predictors of different fits are not on one scale, and each
left-out mean is pushed away from the outcome it must foretell, which makes noise look harmful.

References
----------
.. [1] Varma & Simon, BMC Bioinformatics 7:91, 2006. Parker et al., BMC Bioinformatics 8:326, 2007
   (the bias of pooling left-out scores).
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numba import njit

from operandi.quantities.errors import DataError, OperandiError
from operandi.signatures.cox.fused import NestedScores, nested_scores
from operandi.signatures.data import Bools, Floats, Predictors, RightCensored
from operandi.signatures.metrics.estimate import (
    PROPORTION,
    MetricEstimate,
    Scale,
    absent,
)
from operandi.signatures.metrics.learned import learned_estimate, paired
from operandi.signatures.preparation.chain import predictors_at
from operandi.signatures.preparation.guard import LeakError, Split
from operandi.signatures.resampling.candidates import (
    Candidate,
    Penalized,
    columns_of,
    refuse_missing,
)
from operandi.signatures.resampling.folds import Folds, Labels, Resampling, draw_folds
from operandi.signatures.resampling.further_candidates import ordering_alone
from operandi.signatures.resampling.spread import (
    log_odds_at,
    spread_of_answers,
    spread_of_times,
)

Progress = Callable[[int, int], None]
"""Called with how many are done, and of how many."""

_Item = TypeVar("_Item")
_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedFold:
    """A fold in which the candidate could not be fitted; its rows had the predictor 0."""

    repeat: int
    fold: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SmallerCohort:
    """Some of the participants, evaluated as if there were no others.

    Parameters
    ----------
    rows : (m,) int
        Which of them.
    drawings : tuple of NestedEvaluation
        Of one repeat each; by folds drawn anew.
    """

    rows: Labels
    drawings: tuple["NestedEvaluation", ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NestedEvaluation:
    """What a candidate foretold of rows that it had not seen.

    Parameters
    ----------
    candidate : str
        Its name.
    outer : (r, n) int
        Outer fold of each row in each repeat.
    predictor : (r, n) float
        Linear predictor; 0 at the mean of the training part.
    days : (d,) float
        Days of ``survival``.
    survival : (r, n, d) float
        Probability of no event by each day, with the training part's baseline hazard.
    concordance : (r,) float
        Harrell's C within outer folds, of each repeat.
    share, pairs : (n,) float
        Concordant and comparable pairs that each row is part of, averaged over repeats.
    selected : mapping of str to float
        Share of the outer fits in which a column had a coefficient.
    failed : tuple of FailedFold
        Where there was no fit.
    smaller : tuple of SmallerCohort
        Without a fifth of the participants each (``smaller.smaller_cohorts``); empty where they
        were not judged.
    """

    candidate: str
    outer: Labels
    predictor: Floats
    days: Floats
    survival: Floats
    concordance: Floats
    share: Floats
    pairs: Floats
    selected: Mapping[str, float]
    failed: tuple[FailedFold, ...]
    smaller: tuple["SmallerCohort", ...] = ()

    @property
    def mean_concordance(self) -> float:
        """Concordant over comparable pairs, of all repeats."""
        return float(self.share.sum() / self.pairs.sum())

    @property
    def smaller_concordance(self) -> Floats | None:
        """Mean concordance of each smaller cohort and drawing, (s, 2); None without them."""
        return self.of_smaller(lambda _rows, one: one.mean_concordance)

    def of_smaller(
        self, judge: Callable[[Labels, "NestedEvaluation"], float | Floats]
    ) -> Floats | None:
        """Judge each smaller cohort and drawing alike, (s, 2, ...); None without them.

        *judge* is given its rows among those of the whole, and what was foretold of them.
        """
        if not self.smaller:
            return None
        return np.array(
            [[judge(cohort.rows, one) for one in cohort.drawings] for cohort in self.smaller],
            dtype=np.float64,
        )

    def influence(self) -> Floats:
        """Influence of each participant's row on the mean concordance, (n,); sums to 0."""
        value = self.mean_concordance
        return np.asarray(2.0 * (self.share - value * self.pairs) / self.pairs.sum())


def nested_concordance(found: NestedEvaluation, *, level: float = 0.95) -> MetricEstimate:
    """Mean concordance of left-out rows, with its error over participants.

    Repeats share the participants: their spread says nothing of the sampling error, and is not
    used for it. The error is that of smaller cohorts, which learn anew, but no less than the
    infinitesimal jackknife over those who are judged; that alone where there are none.
    """
    value = found.mean_concordance
    if not 0.0 < value < 1.0:
        return MetricEstimate(value=value, reason="every pair is in the same order")
    return learned_estimate(
        value,
        judged=_judged_error(found.influence()),
        smaller=found.smaller_concordance,
        scale=PROPORTION,
        level=level,
    )


def concordance_gain(
    found: NestedEvaluation, reference: NestedEvaluation, *, level: float = 0.95
) -> MetricEstimate:
    """How much more concordant one candidate is than another in the same folds.

    Raises
    ------
    DataError
        If they were not judged in the same folds.
    """
    if found.outer.shape != reference.outer.shape or (found.outer != reference.outer).any():
        raise DataError(
            f"{found.candidate} and {reference.candidate} need the same folds to be compared.",
            remedy="Evaluate both with the same resampling and participants.",
        )
    gain = learned_estimate(
        found.mean_concordance - reference.mean_concordance,
        judged=_judged_error(found.influence() - reference.influence()),
        smaller=paired(found.smaller_concordance, reference.smaller_concordance),
        scale=Scale(low=-1.0, high=1.0),
        level=level,
    )
    if gain.standard_error == 0.0:
        return absent("both candidates order every pair alike")
    return gain


def _judged_error(influence: Floats) -> float:
    return float(np.sqrt(np.sum(influence**2)))


def nested_evaluation(  # noqa: PLR0913 - what an analysis plan fixes
    candidate: Candidate,
    predictors: Predictors,
    outcome: RightCensored,
    *,
    resampling: Resampling,
    days: Floats,
    threads: int = 1,
    progress: Progress | None = None,
) -> NestedEvaluation:
    """Judge a candidate by repeated nested cross-validation.

    Parameters
    ----------
    candidate : Candidate
    predictors : Predictors
        All rows; those of one participant stay on one side of every split.
    outcome : RightCensored
        Of the same rows.
    resampling : Resampling
        Repeats, folds, seed. The same one gives the same folds to every candidate.
    days : (d,) float
        At which survival is foretold.
    threads : int
        The result does not depend on it.
    progress : callable, optional

    Raises
    ------
    DataError
        If rows and outcome differ, folds cannot be drawn, or no fold at all could be fitted.
    LeakError
        If anything would be judged on rows that it has learned from.
    """
    predictors = columns_of(predictors, candidate.columns)
    _refuse_misfit(candidate, predictors, outcome)
    found = evaluated(
        candidate,
        predictors,
        outcome,
        resampling=resampling,
        days=days,
        threads=threads,
        progress=progress,
    )
    fits = resampling.repeats * resampling.outer
    if len(found.failed) == fits:
        raise DataError(
            f"{candidate.name} could be fitted in none of {fits} folds: {found.failed[0].reason}"
        )
    return found


def evaluated(  # noqa: PLR0913 - what an analysis plan fixes
    candidate: Candidate,
    predictors: Predictors,
    outcome: RightCensored,
    *,
    resampling: Resampling,
    days: Floats,
    threads: int = 1,
    progress: Progress | None = None,
) -> NestedEvaluation:
    """As ``nested_evaluation``, of columns that fit; it may have failed in every fold."""
    repeats = in_threads(
        lambda repeat: _one_repeat(
            candidate, predictors, outcome, days, resampling=resampling, repeat=repeat
        ),
        range(resampling.repeats),
        threads=threads,
        progress=progress,
    )
    fits = resampling.repeats * resampling.outer
    counts = Counter(name for repeat in repeats for name in repeat.selected)
    return NestedEvaluation(
        candidate=candidate.name,
        outer=np.stack([one.outer for one in repeats]),
        predictor=np.stack([one.predictor for one in repeats]),
        days=days,
        survival=np.stack([one.survival for one in repeats]),
        concordance=np.array([one.share.sum() / one.pairs.sum() for one in repeats]),
        share=np.mean([one.share for one in repeats], axis=0),
        pairs=np.mean([one.pairs for one in repeats], axis=0),
        selected={name: count / fits for name, count in sorted(counts.items())},
        failed=tuple(one for repeat in repeats for one in repeat.failed),
    )


def mean_concordance(
    candidate: Candidate,
    predictors: Predictors,
    outcome: RightCensored,
    *,
    resampling: Resampling,
) -> float:
    """Mean concordance of left-out rows alone: what a permutation needs, and no more."""
    candidate = ordering_alone(candidate)
    right, pairs = 0.0, 0.0
    for repeat in range(resampling.repeats):
        one = _one_repeat(
            candidate, predictors, outcome, np.empty(0), resampling=resampling, repeat=repeat
        )
        right += one.share.sum()
        pairs += one.pairs.sum()
    return float(right / pairs)


def in_threads(
    work: Callable[[_Item], _Found],
    items: Sequence[_Item],
    *,
    threads: int,
    progress: Progress | None = None,
) -> list[_Found]:
    """Do the same for every item, in order, on some threads: kernels let go of Python's lock."""
    found: list[_Found] = []
    with ThreadPoolExecutor(max(1, threads)) as pool:
        for one in pool.map(work, items):
            found.append(one)
            if progress:
                progress(len(found), len(items))
    return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Repeat:
    outer: Labels
    predictor: Floats
    survival: Floats
    share: Floats
    pairs: Floats
    selected: tuple[str, ...]
    failed: tuple[FailedFold, ...]


def _one_repeat(
    candidate: Candidate,
    predictors: Predictors,
    outcome: RightCensored,
    days: Floats,
    *,
    resampling: Resampling,
    repeat: int,
) -> _Repeat:
    folds = draw_folds(
        predictors.participants,
        outcome.event,
        resampling=resampling,
        repeat=repeat,
        sites=predictors.sites,
    )
    predictor = np.zeros(outcome.time.size)
    survival = np.ones((outcome.time.size, days.size))
    selected: list[str] = []
    failed: list[FailedFold] = []
    scores = _scores(candidate, predictors, outcome, folds)
    for fold in range(folds.count):
        split = Split(
            training=np.flatnonzero(folds.outer != fold),
            test=np.flatnonzero(folds.outer == fold),
            participants=predictors.participants,
        )
        part = _Part(predictors=predictors, outcome=outcome, split=split)
        try:
            if scores is None:
                seed = fold_seed(resampling.seed, repeat=repeat, fold=fold)
                eta, names = part.fitted(candidate, inner=folds.inner[fold], seed=seed)
            else:
                eta, names = part.scored(scores, candidate, inner=folds.inner[fold], fold=fold)
        except LeakError:
            raise
        except OperandiError as why:
            failed.append(FailedFold(repeat=repeat, fold=fold, reason=str(why)))
            eta, names = np.zeros(outcome.time.size), ()
        selected += names
        predictor[split.test] = eta[split.test]
        if days.size:
            survival[split.test] = part.survival(eta, days)
    share, pairs = paired_rows(predictor, outcome.time, outcome.event, folds.outer)
    return _Repeat(
        outer=folds.outer,
        predictor=predictor,
        survival=survival,
        share=share,
        pairs=pairs,
        selected=tuple(selected),
        failed=tuple(failed),
    )


def fold_seed(seed: int, *, repeat: int, fold: int) -> int:
    """Seed of what is drawn inside one fold."""
    sequence = np.random.SeedSequence(seed, spawn_key=(1, repeat, fold))
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))


def _scores(
    candidate: Candidate, predictors: Predictors, outcome: RightCensored, folds: Folds
) -> NestedScores | None:
    """The whole repeat compiled, where nothing but scaling is learned beside the path."""
    if not isinstance(candidate, Penalized) or candidate.chain is not None:
        return None
    if np.isnan(predictors.values).any():
        return None
    n = outcome.time.size
    found: NestedScores = nested_scores(
        np.ascontiguousarray(predictors.values),
        outcome.time,
        outcome.event.astype(np.float64),
        np.zeros(n, dtype=np.int64),
        np.zeros(n),
        folds.outer,
        folds.inner,
        candidate.factors_of(predictors.blocks),
        np.empty(0),
        candidate.settings,
        candidate.by_deviance,
    )
    return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Part:
    """One outer fold: training rows to learn from, test rows to judge."""

    predictors: Predictors
    outcome: RightCensored
    split: Split

    def fitted(
        self, candidate: Candidate, *, inner: Labels, seed: int
    ) -> tuple[Floats, tuple[str, ...]]:
        """Fit on the training side; linear predictors of all rows, and the columns used."""
        training, test = self.split.training, self.split.test
        learning = predictors_at(self.predictors, training)
        self.split.refuse_fit_on(learning.participants, what=candidate.name)
        fit = candidate.fit(
            learning,
            RightCensored(time=self.outcome.time[training], event=self.outcome.event[training]),
            inner=inner[training],
            seed=seed,
        )
        eta = np.zeros(self.outcome.time.size)
        eta[training] = fit.predictor(learning, trained=True)
        eta[test] = fit.predictor(predictors_at(self.predictors, test))
        return eta, fit.selected

    def scored(
        self, scores: NestedScores, candidate: Candidate, *, inner: Labels, fold: int
    ) -> tuple[Floats, tuple[str, ...]]:
        """The same from a compiled repeat."""
        if scores.chosen[fold] < 0:
            raise DataError("no penalty could be solved in every inner fold")
        coefficients = scores.coefficients[fold]
        used = np.flatnonzero(coefficients)
        eta = self.predictors.values[:, used] @ coefficients[used]
        center = scores.center[fold]
        if isinstance(candidate, Penalized) and candidate.spread == "cross_validated":
            eta, center = self._spread(
                eta,
                center,
                scores.inner_predictor[fold],
                inner,
                logistic=candidate.settings.logistic,
            )
        return eta - center, tuple(self.predictors.names[column] for column in used)

    def _spread(
        self, eta: Floats, center: float, held: Floats, inner: Labels, *, logistic: bool
    ) -> tuple[Floats, float]:
        """A linear predictor and its center, times the factor of the inner folds."""
        rows = self.split.training
        event, held, inner = self.outcome.event[rows], held[rows], inner[rows]
        if logistic:
            eta = spread_of_answers(event, held, inner) * eta
            return eta, -log_odds_at(event, eta[rows])
        outcome = RightCensored(time=self.outcome.time[rows], event=event)
        factor = spread_of_times(outcome, held, inner)
        return factor * eta, factor * center

    def survival(self, eta: Floats, days: Floats) -> Floats:
        """Survival of the test rows, with Breslow's baseline hazard of the training rows."""
        training = self.split.training
        hazard = breslow_hazard(
            self.outcome.time[training], self.outcome.event[training], eta[training], days
        )
        # A predictor far outside the training range has a survival of 0, not an overflow.
        relative = np.exp(np.clip(eta[self.split.test], -50.0, 50.0))
        return np.asarray(np.exp(-np.outer(relative, hazard)))


def breslow_hazard(time: Floats, event: Bools, eta: Floats, days: Floats) -> Floats:
    """Cumulative baseline hazard by days, after Breslow."""
    order = np.argsort(-time, kind="stable")
    at_risk = np.cumsum(np.exp(eta[order]))
    # Of equal times the last in this order has all of them at risk.
    last = np.searchsorted(-time[order], -time[event], side="right") - 1
    steps = 1.0 / at_risk[last]
    return np.array([steps[time[event] <= day].sum() for day in days], dtype=np.float64)


@njit(cache=True, nogil=True)
def paired_rows(
    predictor: Floats, time: Floats, event: Bools, fold: Labels
) -> tuple[Floats, Floats]:
    """Half the concordant and half the comparable pairs of each row within its fold.

    A pair is comparable if the earlier time is an event; at equal times an event comes before a
    censoring, and two events are no pair. Equal predictors count one half. Sums over rows are
    those over pairs.
    """
    n = time.size
    share, pairs = np.zeros(n), np.zeros(n)
    for a in range(n):
        if not event[a]:
            continue
        for b in range(n):
            if fold[a] != fold[b] or time[b] < time[a] or a == b:
                continue
            if time[b] == time[a] and event[b]:
                continue
            right = 0.5
            if predictor[a] > predictor[b]:
                right = 1.0
            elif predictor[a] < predictor[b]:
                right = 0.0
            for row in (a, b):
                share[row] += 0.5 * right
                pairs[row] += 0.5
    return share, pairs


def _refuse_misfit(candidate: Candidate, predictors: Predictors, outcome: RightCensored) -> None:
    if len(predictors.participants) != outcome.time.size:
        raise DataError(
            f"Predictors and outcomes need the same rows; found {len(predictors.participants)} "
            f"and {outcome.time.size}."
        )
    if candidate.chain is None:
        refuse_missing(predictors.names, predictors.values)
