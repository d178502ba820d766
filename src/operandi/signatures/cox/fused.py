"""Paths fitted on some rows and scored on others, compiled and free of Python's lock.

A resampling loop over 80 x 2000 runs 30 paths a repeat and thousands of repeats; scoring in
Python took 59 % of such a loop. ``nested_scores`` is one repeat of nested cross-validation: call
it from threads, one repeat or permutation each; it shares nothing and draws nothing.

Orders and folds are the caller's; equal input gives equal output on any number of threads.

References
----------
.. [1] Harrell et al., Stat Med 15:361, 1996 (concordance). Verweij & van Houwelingen, Stat Med
   12:2305, 1993 (cross-validated partial likelihood: that of all rows less that of the training
   rows).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from operandi.signatures.cox.likelihood import (
    Floats,
    Integers,
    RiskSets,
    log_partial_likelihood,
    risk_order,
    risk_sets,
)
from operandi.signatures.cox.path_kernel import (
    PathSettings,
    Problem,
    SparsePath,
    column_sums,
    solve_path,
)
from operandi.signatures.cox.score_test import score_statistics

Bools = npt.NDArray[np.bool_]


class PathScores(NamedTuple):
    """A path of a training part, judged on other rows.

    Parameters
    ----------
    penalties : (l,) float
        From the largest down.
    reached : int
        Penalties solved; rows beyond are 0 and mean nothing.
    ending : int
        Why: see ``SparsePath``.
    concordant : (l,) float
        Pairs of the test rows in the right order, equal risks counting half.
    pairs : float
        Comparable pairs of the test rows; Harrell's C is ``concordant / pairs``.
    deviance : (l,) float
        -2 (loglik of all rows - loglik of the training rows); where yes/no, the left-out rows'.
    support : (l,) int
        Nonzero penalized coefficients.
    predictor : (l, t) float
        Linear predictor of the test rows, in their order, relative to the training means.
    """

    penalties: Floats
    reached: int
    ending: int
    concordant: Floats
    pairs: float
    deviance: Floats
    support: Integers
    predictor: Floats


class TunedFit(NamedTuple):
    """A penalty chosen by inner folds and the fit of the whole training part there.

    Parameters
    ----------
    penalties : (l,) float
        Of the training part; the inner folds run the same.
    chosen : int
        Index; -1 where no penalty was solved in every part.
    coefficients : (p,) float
        Per unit of the columns as given.
    center : float
        The linear predictor is ``x @ coefficients - center`` (+ offset): 0 at training means.
    inner_concordant : (l,) float
        Summed over inner folds.
    inner_pairs : float
        The same of comparable pairs.
    inner_deviance : (l,) float
        Summed over inner folds.
    inner_reached : int
        Penalties that every inner fold and the training part solved.
    inner_predictor : (n,) float
        Linear predictor (without offset) of each training row from the inner fold that left it
        out, at the chosen penalty; 0 elsewhere.
    """

    penalties: Floats
    chosen: int
    coefficients: Floats
    center: float
    inner_concordant: Floats
    inner_pairs: float
    inner_deviance: Floats
    inner_reached: int
    inner_predictor: Floats


class NestedScores(NamedTuple):
    """One repeat of nested cross-validation; *k* outer folds.

    Parameters
    ----------
    predictor : (n,) float
        Linear predictor of each row (with its offset) from the fold that left it out.
    concordant, pairs : (k,) float
        Of the left-out rows of each fold.
    deviance, null_deviance : (k,) float
        Cross-validated, of the chosen fit and of the offset alone.
    penalty : (k,) float
        Chosen.
    chosen : (k,) int
        Index of it; -1 where a fold could not be fitted (its rows then have the offset alone).
    coefficients : (k, p) float
        Per unit of the columns as given.
    center : (k,) float
        See ``TunedFit``.
    inner_concordant, inner_deviance : (k, l) float
        Curves of the inner folds.
    inner_pairs : (k,) float
        Comparable pairs behind them.
    inner_predictor : (k, n) float
        See ``TunedFit``; 0 of the rows left out.
    """

    predictor: Floats
    concordant: Floats
    pairs: Floats
    deviance: Floats
    null_deviance: Floats
    penalty: Floats
    chosen: Integers
    coefficients: Floats
    center: Floats
    inner_concordant: Floats
    inner_deviance: Floats
    inner_pairs: Floats
    inner_predictor: Floats


class _Cohort(NamedTuple):
    """Rows in ``risk_order``."""

    x: Floats
    time: Floats
    event: Floats
    stratum: Integers
    offset: Floats


class _Part(NamedTuple):
    """A training part: its standardized problem, and how to come back from it.

    ``kept`` holds the column behind each of the problem's; -1 is the intercept.
    """

    problem: Problem
    factors: Floats
    kept: Integers
    center: Floats
    scale: Floats


@njit(cache=True, nogil=True, error_model="numpy")
def sorted_cohort(
    x: Floats, time: Floats, event: Floats, stratum: Integers, offset: Floats
) -> tuple[Integers, _Cohort]:
    """Rows in ``risk_order``, with where each came from."""
    order = risk_order(time, event, stratum)
    cohort = _Cohort(x[order], time[order], event[order], stratum[order], offset[order])
    return order, cohort


@njit(cache=True, nogil=True, error_model="numpy")
def concordance_counts(
    predictor: Floats, time: Floats, event: Floats, stratum: Integers, rows: Integers
) -> tuple[float, float]:
    """Pairs in the right order (equal risks half) and comparable pairs, of some rows.

    A pair is comparable within a stratum if the earlier time is an event; at equal times an event
    comes before a censoring, and two events are not comparable.
    """
    right, pairs = 0.0, 0.0
    for a in rows:
        if event[a] == 0.0:
            continue
        for b in rows:
            later = time[a] < time[b] or (time[a] == time[b] and event[b] == 0.0)
            if stratum[a] != stratum[b] or not later:
                continue
            pairs += 1.0
            if predictor[a] > predictor[b]:
                right += 1.0
            elif predictor[a] == predictor[b]:
                right += 0.5
    return right, pairs


@njit(cache=True, nogil=True, error_model="numpy")
def _moments(x: Floats, rows: Integers) -> tuple[Floats, Floats]:
    """Means and scales (over n; 0 where a column does not vary) of some rows."""
    p = x.shape[1]
    center, scale = np.zeros(p), np.zeros(p)
    for i in rows:
        for j in range(p):
            center[j] += x[i, j]
    center /= rows.size
    for i in rows:
        for j in range(p):
            scale[j] += (x[i, j] - center[j]) ** 2
    for j in range(p):
        scale[j] = np.sqrt(scale[j] / rows.size)
        if scale[j] <= 1e-12 * max(1.0, abs(center[j])):
            scale[j] = 0.0
    return center, scale


@njit(cache=True, nogil=True, error_model="numpy")
def _standardized(x: Floats, rows: Integers, center: Floats, scale: Floats) -> Floats:
    out = np.empty((rows.size, x.shape[1]))
    inverse = np.where(scale > 0.0, 1.0 / np.where(scale > 0.0, scale, 1.0), 0.0)
    for i in range(rows.size):
        for j in range(x.shape[1]):
            out[i, j] = (x[rows[i], j] - center[j]) * inverse[j]
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def _screened(z: Floats, factors: Floats, keep: int) -> Integers:
    """Unpenalized columns, and the *keep* others with the largest score statistics."""
    rank = np.abs(z)
    rank[factors == 0.0] = np.inf
    wanted = keep + np.count_nonzero(factors == 0.0)
    return np.sort(np.argsort(-rank, kind="mergesort")[:wanted])


@njit(cache=True, nogil=True, error_model="numpy")
def _training_part(
    cohort: _Cohort, rows: Integers, factors: Floats, settings: PathSettings
) -> _Part:
    """Standardize, and screen where asked, on the training rows alone."""
    center, scale = _moments(cohort.x, rows)
    design = _standardized(cohort.x, rows, center, scale)
    event, offset = cohort.event[rows], cohort.offset[rows]
    risk = _groups(cohort, rows, settings.logistic)
    kept = np.arange(factors.size)
    if settings.keep > 0 and settings.keep < np.count_nonzero(factors > 0.0):
        if settings.logistic:
            z = np.empty(factors.size)
            column_sums(design, event - event.mean(), z)
        else:
            z, _ = score_statistics(design, event, offset, risk, settings.efron)
        kept = _screened(z, factors, settings.keep)
        design = _narrowed(design, kept)
    factors = factors[kept]
    if settings.logistic:
        design = _with_ones(design)
        kept, factors = np.append(kept, -1), np.append(factors, 0.0)
    problem = Problem(design, event, offset, risk, settings.logistic)
    return _Part(problem, factors, kept, center, scale)


@njit(cache=True, nogil=True, error_model="numpy")
def _narrowed(design: Floats, kept: Integers) -> Floats:
    out = np.empty((design.shape[0], kept.size))
    for i in range(design.shape[0]):
        for j in range(kept.size):
            out[i, j] = design[i, kept[j]]
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def _with_ones(design: Floats) -> Floats:
    n, p = design.shape
    out = np.ones((n, p + 1))
    out[:, :p] = design
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def _groups(cohort: _Cohort, rows: Integers, logistic: bool) -> RiskSets:  # noqa: FBT001
    """Risk sets of some rows; none where the outcome is yes/no."""
    some = rows[:0] if logistic else rows
    return risk_sets(cohort.time[some], cohort.event[some], cohort.stratum[some])


@njit(cache=True, nogil=True, error_model="numpy")
def _loglik(eta: Floats, event: Floats, risk: RiskSets, settings: PathSettings) -> float:
    if not settings.logistic:
        return log_partial_likelihood(eta, event, risk, settings.efron)
    total = 0.0
    for i in range(eta.size):
        total += event[i] * eta[i] - max(eta[i], 0.0) - np.log1p(np.exp(-abs(eta[i])))
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def _predictors(x: Floats, part: _Part, path: SparsePath, step: int) -> Floats:
    """Linear predictors of all rows at one penalty, relative to the training means."""
    out = np.zeros(x.shape[0])
    for k in range(path.counts[step]):
        column = part.kept[path.columns[step, k]]
        if column < 0:
            out += path.values[step, k]
        elif part.scale[column] > 0.0:
            slope = path.values[step, k] / part.scale[column]
            for i in range(out.size):
                out[i] += (x[i, column] - part.center[column]) * slope
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def _scored(
    cohort: _Cohort,
    train: Integers,
    test: Integers,
    factors: Floats,
    penalties: Floats,
    settings: PathSettings,
) -> PathScores:
    """Fit on *train*, score on *test*; both are rows of a sorted cohort, in order."""
    part = _training_part(cohort, train, factors, settings)
    path = solve_path(part.problem, part.factors, penalties, settings)
    length = path.penalties.size
    concordant, deviance = np.zeros(length), np.zeros(length)
    support = np.zeros(length, np.int64)
    predictor = np.zeros((length, test.size))
    both = np.sort(np.concatenate((train, test)))
    event = cohort.event[both]
    risk = _groups(cohort, both, settings.logistic)
    pairs = concordance_counts(cohort.offset, cohort.time, cohort.event, cohort.stratum, test)[1]
    for step in range(path.reached):
        eta = _predictors(cohort.x, part, path, step)
        predictor[step] = eta[test]
        eta += cohort.offset
        concordant[step] = concordance_counts(eta, cohort.time, cohort.event, cohort.stratum, test)[
            0
        ]
        whole = _loglik(eta[both], event, risk, settings)
        deviance[step] = -2.0 * (whole - path.loglik[step])
        for k in range(path.counts[step]):
            penalized = part.factors[path.columns[step, k]] > 0.0
            support[step] += penalized and path.values[step, k] != 0.0
    return PathScores(
        path.penalties, path.reached, path.ending, concordant, pairs, deviance, support, predictor
    )


@njit(cache=True, nogil=True, error_model="numpy")
def path_scores(  # noqa: PLR0913, PLR0917 - plain arrays, for a caller without Python
    x_train: Floats,
    time_train: Floats,
    event_train: Floats,
    x_test: Floats,
    time_test: Floats,
    event_test: Floats,
    factors: Floats,
    penalties: Floats,
    settings: PathSettings,
) -> PathScores:
    """Fit a path on a training part and score every penalty on other rows.

    For parts that were prepared apart (imputed, harmonized); no strata and no offset.

    Parameters
    ----------
    x_train, x_test : (n, p), (t, p) float
        C-contiguous, without missing values; standardized here by the training part.
    time_train, time_test : float
        Days.
    event_train, event_test : float
        1 where the event was seen, else 0.
    factors : (p,) float, >= 0
        Penalty factors; 0: not penalized.
    penalties : (l,) float
        Falling; empty: made from the training part.
    settings : PathSettings
        The rest.
    """
    n, t = time_train.size, time_test.size
    order, cohort = sorted_cohort(
        np.concatenate((x_train, x_test)),
        np.concatenate((time_train, time_test)),
        np.concatenate((event_train, event_test)),
        np.zeros(n + t, np.int64),
        np.zeros(n + t),
    )
    train, test = np.flatnonzero(order < n), np.flatnonzero(order >= n)
    found = _scored(cohort, train, test, factors, penalties, settings)
    predictor = np.zeros(found.predictor.shape)
    for i in range(t):
        predictor[:, order[test[i]] - n] = found.predictor[:, i]
    return PathScores(
        found.penalties,
        found.reached,
        found.ending,
        found.concordant,
        found.pairs,
        found.deviance,
        found.support,
        predictor,
    )


@njit(cache=True, nogil=True, error_model="numpy")
def _best(concordant: Floats, deviance: Floats, reached: int, by_deviance: bool) -> int:  # noqa: FBT001
    """Index of the best penalty; the largest of equals; -1 where none was reached."""
    best = -1
    for step in range(reached):
        better = best < 0
        if not better and by_deviance:
            better = deviance[step] < deviance[best]
        elif not better:
            better = concordant[step] > concordant[best]
        if better:
            best = step
    return best


@njit(cache=True, nogil=True, error_model="numpy")
def _tuned(  # noqa: PLR0913, PLR0917
    cohort: _Cohort,
    train: Integers,
    inner: Integers,
    factors: Floats,
    penalties: Floats,
    settings: PathSettings,
    by_deviance: bool,  # noqa: FBT001
) -> TunedFit:
    """Tune on *train* of a sorted cohort; *inner* are the fold numbers of those rows."""
    part = _training_part(cohort, train, factors, settings)
    path = solve_path(part.problem, part.factors, penalties, settings)
    length = path.penalties.size
    concordant, deviance = np.zeros(length), np.zeros(length)
    pairs, reached = 0.0, path.reached
    held = np.zeros((length, train.size))
    for fold in range(inner.max() + 1):
        out = np.flatnonzero(inner == fold)
        if reached == 0 or out.size == 0:
            continue
        rest = train[inner != fold]
        scored = _scored(cohort, rest, train[out], factors, path.penalties, settings)
        concordant += scored.concordant
        deviance += scored.deviance
        pairs += scored.pairs
        reached = min(reached, scored.reached)
        for i in range(out.size):
            held[:, out[i]] = scored.predictor[:, i]
    chosen = _best(concordant, deviance, reached, by_deviance)
    coefficients = np.zeros(factors.size)
    center = 0.0
    if chosen >= 0:
        for k in range(path.counts[chosen]):
            column = part.kept[path.columns[chosen, k]]
            if column < 0:
                center -= path.values[chosen, k]
            elif part.scale[column] > 0.0:
                coefficients[column] = path.values[chosen, k] / part.scale[column]
                center += coefficients[column] * part.center[column]
    return TunedFit(
        path.penalties,
        chosen,
        coefficients,
        center,
        concordant,
        pairs,
        deviance,
        reached,
        held[max(chosen, 0)] * (1.0 if chosen >= 0 else 0.0),
    )


@njit(cache=True, nogil=True, error_model="numpy")
def tuned_fit(  # noqa: PLR0913, PLR0917 - plain arrays, for a caller without Python
    x: Floats,
    time: Floats,
    event: Floats,
    stratum: Integers,
    offset: Floats,
    inner: Integers,
    factors: Floats,
    penalties: Floats,
    settings: PathSettings,
    by_deviance: bool,  # noqa: FBT001
) -> TunedFit:
    """Choose a penalty by inner folds and fit all rows there.

    Parameters
    ----------
    x, time, event, factors, penalties, settings
        As of ``path_scores``, of all rows.
    stratum, offset : (n,)
        Baselines of their own; linear predictor that is given.
    inner : (n,) int
        Fold of each row, from 0.
    by_deviance : bool
        Choose the smallest cross-validated deviance, else the largest concordance; of equals the
        largest penalty.
    """
    order, cohort = sorted_cohort(x, time, event, stratum, offset)
    rows = np.arange(order.size)
    found = _tuned(cohort, rows, inner[order], factors, penalties, settings, by_deviance)
    held = np.empty(order.size)
    held[order] = found.inner_predictor
    return TunedFit(
        found.penalties,
        found.chosen,
        found.coefficients,
        found.center,
        found.inner_concordant,
        found.inner_pairs,
        found.inner_deviance,
        found.inner_reached,
        held,
    )


@njit(cache=True, nogil=True, error_model="numpy")
def nested_scores(  # noqa: PLR0913, PLR0917 - plain arrays, for a caller without Python
    x: Floats,
    time: Floats,
    event: Floats,
    stratum: Integers,
    offset: Floats,
    outer: Integers,
    inner: Integers,
    factors: Floats,
    penalties: Floats,
    settings: PathSettings,
    by_deviance: bool,  # noqa: FBT001
) -> NestedScores:
    """Run one repeat of nested cross-validation.

    In each outer fold: standardize (and screen) the training rows, make their penalties, choose
    one by inner folds each standardized (and screened) on its own, fit the training rows there,
    and predict and score the rows left out. Nothing of a left-out row enters before it is scored.

    Parameters
    ----------
    x, time, event, stratum, offset, factors, penalties, settings, by_deviance
        As of ``tuned_fit``. For a permutation, permute time and event together against x.
    outer : (n,) int
        Outer fold of each row, from 0.
    inner : (k, n) int
        For each outer fold the inner fold of its training rows, from 0; what stands at its own
        left-out rows is not read.
    """
    order, cohort = sorted_cohort(x, time, event, stratum, offset)
    outer, folds = outer[order], inner.shape[0]
    p = factors.size
    length = penalties.size if penalties.size > 0 else settings.penalties
    predictor = np.zeros(order.size)
    concordant, pairs, deviance = np.zeros(folds), np.zeros(folds), np.zeros(folds)
    null, penalty, center = np.zeros(folds), np.zeros(folds), np.zeros(folds)
    chosen = np.full(folds, -1)
    coefficients = np.zeros((folds, p))
    curve_c, curve_d = np.zeros((folds, length)), np.zeros((folds, length))
    inner_pairs = np.zeros(folds)
    held = np.zeros((folds, order.size))
    for fold in range(folds):
        train, test = np.flatnonzero(outer != fold), np.flatnonzero(outer == fold)
        labels = inner[fold][order][train]
        fit = _tuned(cohort, train, labels, factors, penalties, settings, by_deviance)
        chosen[fold], center[fold] = fit.chosen, fit.center
        coefficients[fold] = fit.coefficients
        solved = fit.penalties.size
        curve_c[fold, :solved], curve_d[fold, :solved] = fit.inner_concordant, fit.inner_deviance
        inner_pairs[fold] = fit.inner_pairs
        for i in range(train.size):
            held[fold, order[train[i]]] = fit.inner_predictor[i]
        if fit.chosen >= 0:
            penalty[fold] = fit.penalties[fit.chosen]
        eta = cohort.offset.copy()
        for j in range(p):
            if fit.coefficients[j] != 0.0:
                for i in range(eta.size):
                    eta[i] += cohort.x[i, j] * fit.coefficients[j]
        eta -= fit.center
        predictor[order[test]] = eta[test]
        concordant[fold], pairs[fold] = concordance_counts(
            eta, cohort.time, cohort.event, cohort.stratum, test
        )
        deviance[fold] = _held_out_deviance(cohort, eta, train, settings)
        null[fold] = _null_deviance(cohort, train, settings)
    return NestedScores(
        predictor,
        concordant,
        pairs,
        deviance,
        null,
        penalty,
        chosen,
        coefficients,
        center,
        curve_c,
        curve_d,
        inner_pairs,
        held,
    )


@njit(cache=True, nogil=True, error_model="numpy")
def _held_out_deviance(
    cohort: _Cohort, eta: Floats, train: Integers, settings: PathSettings
) -> float:
    """-2 (loglik of all rows - loglik of the training rows)."""
    rows = np.arange(eta.size)
    risk = _groups(cohort, rows, settings.logistic)
    whole = _loglik(eta, cohort.event, risk, settings)
    risk = _groups(cohort, train, settings.logistic)
    return -2.0 * (whole - _loglik(eta[train], cohort.event[train], risk, settings))


@njit(cache=True, nogil=True, error_model="numpy")
def _null_deviance(cohort: _Cohort, train: Integers, settings: PathSettings) -> float:
    """The same of the offset alone, with the training rows' intercept where yes/no."""
    eta = cohort.offset.copy()
    if settings.logistic:
        shift = 0.0
        for _ in range(30):
            chance = 1.0 / (1.0 + np.exp(-(eta[train] + shift)))
            shift += (cohort.event[train] - chance).sum() / max((chance * (1 - chance)).sum(), 1e-9)
        eta += shift
    return _held_out_deviance(cohort, eta, train, settings)
