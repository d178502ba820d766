"""How far apart predictions should lie: one factor, learned from held-out linear predictors.

An unpenalized fit to 64 participants is too sure of itself, a lasso too timid. Where the rows of
each inner fold were foretold by fits without them, the slope of the outcome on those predictors is
the factor by which predictions should be multiplied (prevalidation). It is one number, positive, so
that it changes no order; with some 50 events it is rough, and therefore drawn towards 1.

References
----------
.. [1] van Houwelingen & le Cessie, Stat Med 9:1303, 1990. Verweij & van Houwelingen, Stat Med
   12:2305, 1993 (cross-validated shrinkage).
.. [2] Tibshirani & Efron, Stat Appl Genet Mol Biol 1:1, 2002 (prevalidation).
"""

from collections.abc import Callable, Iterator
from typing import Final, Literal

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from operandi.signatures.data import Bools, Floats, RightCensored
from operandi.signatures.resampling.folds import Labels

Spread = Literal["cross_validated", "as_fitted"]
"""Whether predictions are multiplied by a factor of the inner folds."""

SPREAD_VARIANCE: Final = 0.5
"""Of the normal prior of the factor, with mean 1; by simulation (``docs/decisions/0042``)."""
LEAST_SPREAD: Final = 0.1
"""Predictions are never made flat: their order must stay."""
MOST_SPREAD: Final = 3.0
_STEPS: Final = 60


def spread_of_times(outcome: RightCensored, held: Floats, inner: Labels) -> float:
    """Factor for a linear predictor of times.

    Maximizes Breslow's log partial likelihood of ``factor * held``, with a baseline for each inner
    fold, less ``(factor - 1)**2 / (2 SPREAD_VARIANCE)``, between ``LEAST_SPREAD`` and
    ``MOST_SPREAD``.

    Parameters
    ----------
    outcome : RightCensored
        Of n rows.
    held : (n,) float
        Linear predictor of each row by the fit of the inner folds that left it out; NaN where that
        could not be fitted.
    inner : (n,) int
        Inner fold of each row: predictors of different fits are on no common scale.

    Returns
    -------
    float
        1 where ``held`` tells nothing, such as of a model without any column.
    """
    strata = []
    for own in _known(held, inner):
        time, event, eta = outcome.time[own], outcome.event[own], held[own]
        order = np.argsort(-time, kind="stable")
        # Of equal times the last in this order has all of them at risk.
        last = np.searchsorted(-time[order], -time[event], side="right") - 1
        strata.append((eta[order] - eta.mean(), last, float((eta[event] - eta.mean()).sum())))

    def score(factor: float) -> float:
        total = (1.0 - factor) / SPREAD_VARIANCE
        for eta, last, seen in strata:
            at = factor * eta
            weight = np.exp(at - at.max())
            total += seen - float((np.cumsum(weight * eta)[last] / np.cumsum(weight)[last]).sum())
        return total

    return _root(score) if strata else 1.0


def spread_of_answers(answers: Bools, held: Floats, inner: Labels) -> float:
    """The same of yes/no: a logistic likelihood, with one intercept for all inner folds.

    Folds are even in answers; ``held`` counts from its mean in each.
    """
    rows = list(_known(held, inner))
    if not rows:
        return 1.0
    eta = np.concatenate([held[own] - held[own].mean() for own in rows])
    yes = np.concatenate([answers[own] for own in rows])

    def score(factor: float) -> float:
        chance = expit(factor * eta + log_odds_at(yes, factor * eta))
        return float(eta @ (yes - chance)) + (1.0 - factor) / SPREAD_VARIANCE

    return _root(score)


def log_odds_at(answers: Bools, offset: Floats) -> float:
    """Intercept beside an offset by which as many are foretold as said yes."""
    share = float(np.clip(answers.mean(), 1e-6, 1.0 - 1e-6))
    low, high = -offset.max() - 20.0, -offset.min() + 20.0
    for _ in range(_STEPS):
        middle = 0.5 * (low + high)
        if expit(offset + middle).mean() < share:
            low = middle
        else:
            high = middle
    return float(0.5 * (low + high))


def _known(held: Floats, inner: Labels) -> Iterator[Labels]:
    """Rows of each inner fold whose predictors are known and differ."""
    for fold in np.unique(inner):
        own = np.flatnonzero((inner == fold) & np.isfinite(held))
        if own.size and np.ptp(held[own]) > 0.0:
            yield own


def _root(score: Callable[[float], float]) -> float:
    """Where a falling score is 0, within the range."""
    low, high = LEAST_SPREAD, MOST_SPREAD
    if score(low) <= 0.0:
        return low
    if score(high) >= 0.0:
        return high
    return float(brentq(score, low, high, xtol=1e-10))
