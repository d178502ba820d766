"""A random survival forest as a candidate: it finds what no linear model can.

Its predictor is the logarithm of ensemble mortality: the events that would be expected if all were
like this participant. Trees know the rows that they drew by heart, so that the training rows are
foretold out of bag, by the trees that did not draw them; scale and baseline hazard are learned
from that.

References
----------
.. [1] Ishwaran, Kogalur, Blackstone & Lauer, Ann Appl Stat 2:841, 2008.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from operandi.quantities.errors import DataError
from operandi.signatures.challengers.forest_kernel import (
    Trees,
    ensemble_mortality,
    grow_forest,
)
from operandi.signatures.cox.likelihood import risk_order
from operandi.signatures.cox.newton import fit_cox
from operandi.signatures.cox.rows import checked_outcome
from operandi.signatures.data import Floats, Predictors, RightCensored
from operandi.signatures.preparation.chain import FittedChain, PreparationChain
from operandi.signatures.preparation.guard import LeakError, SeenParticipants
from operandi.signatures.resampling.candidates import columns_of, prepared, refuse_missing
from operandi.signatures.resampling.folds import Labels

_LEAST_SLOPE: Final = 1e-6
"""Where the rows out of bag deny what the trees say: their order is kept, and foretells little."""
_LEAST_MORTALITY: Final = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedForest:
    """A forest with its preparation.

    Parameters
    ----------
    names : tuple of str
        Columns after preparation.
    trees : Trees
    training : (n,) float
        Log mortality of the training rows out of bag.
    slope, center : float
        The predictor is ``slope * (log mortality - center)``.
    chain : FittedChain or None
    columns : tuple of str
        Before preparation.
    participants : tuple of str
        Of the training rows, in order.
    """

    names: tuple[str, ...]
    trees: Trees
    training: Floats
    slope: float
    center: float
    chain: FittedChain | None
    columns: tuple[str, ...]
    participants: tuple[str, ...]

    @property
    def selected(self) -> tuple[str, ...]:
        """None: a forest uses every column a little."""
        return ()

    def predictor(self, rows: Predictors, *, trained: bool = False) -> Floats:
        """Log relative hazard of rows; of the training rows out of bag.

        Parameters
        ----------
        rows : Predictors
            With the columns of training.
        trained : bool
            Whether they are the training rows themselves, all and in order; else none of them may
            have been seen.

        Raises
        ------
        LeakError
            If rows to be judged have been seen, or others are called training rows.
        DataError
            If columns are missing.
        """
        if trained:
            if rows.participants != self.participants:
                raise LeakError(
                    "A forest foretells its training rows out of bag, all of them in their order; "
                    "these are other rows.",
                    remedy="Say that the rows are judged, or give the training rows.",
                )
            return np.asarray(self.slope * (self.training - self.center))
        SeenParticipants.of(self.participants).refuse(rows.participants, what="The forest")
        rows = columns_of(rows, self.columns)
        if self.chain is not None:
            rows = self.chain.apply(rows, role="judged")
        rows = columns_of(rows, self.names)
        refuse_missing(self.names, rows.values)
        mortality = ensemble_mortality(self.trees, np.ascontiguousarray(rows.values))
        return np.asarray(self.slope * (_log(mortality) - self.center))


@dataclass(frozen=True, slots=True, kw_only=True)
class Forest:
    """A random survival forest.

    Nothing is tuned: trees are grown until a side of a split would have too few events.

    Parameters
    ----------
    name : str
    columns : tuple of str
        Before preparation.
    chain : PreparationChain or None
    trees : int
        How many.
    node_events : int
        Events that a terminal node has at least.
    tries : int or None
        Columns drawn at each node; None for the square root of their number, rounded up.
    """

    name: str
    columns: tuple[str, ...]
    chain: PreparationChain | None = None
    trees: int = 500
    node_events: int = 3
    tries: int | None = None

    def fit(
        self, training: Predictors, outcome: RightCensored, *, inner: Labels, seed: int
    ) -> FittedForest:
        """See ``Candidate``; *inner* folds are not needed."""
        del inner
        checked_outcome(outcome, ties="efron")
        chain, rows = prepared(training, self.columns, self.chain, outcome=outcome, seed=seed)
        event = outcome.event.astype(np.float64)
        order = risk_order(outcome.time, event, np.zeros(event.size, dtype=np.int64))
        whose = np.unique(np.array(training.participants), return_inverse=True)[1]
        x = np.ascontiguousarray(rows.values[order].T)
        tries = self.tries or int(np.ceil(np.sqrt(x.shape[0])))
        trees: Trees = grow_forest(
            x,
            np.argsort(x, axis=1, kind="stable"),
            outcome.time[order],
            event[order],
            whose[order].astype(np.int64),
            self.trees,
            min(tries, x.shape[0]),
            self.node_events,
            seed,
        )
        mortality = np.empty(order.size)
        mortality[order] = trees.out_of_bag
        if np.isnan(mortality).any():
            raise DataError(
                f"All {self.trees} trees drew {np.isnan(mortality).sum()} of the training rows, "
                "which nothing then foretells out of bag.",
                remedy="Grow more trees: challengers.trees.",
            )
        logs = _log(mortality)
        return FittedForest(
            names=rows.names,
            trees=trees,
            training=logs,
            slope=_slope(outcome, logs),
            center=float(logs.mean()),
            chain=chain,
            columns=self.columns,
            participants=training.participants,
        )


def _log(mortality: Floats) -> Floats:
    return np.asarray(np.log(np.maximum(mortality, _LEAST_MORTALITY)))


def _slope(outcome: RightCensored, logs: Floats) -> float:
    """Of log mortality out of bag in a Cox model: what calibrates the forest."""
    try:
        slope = float(fit_cox(outcome, logs[:, None], names=("log mortality",)).coefficients[0])
    except DataError:
        return _LEAST_SLOPE
    return max(slope, _LEAST_SLOPE)
