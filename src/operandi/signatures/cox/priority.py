"""Priority lasso: blocks in a given order, each on what the earlier ones leave.

The linear predictor of the earlier blocks is the offset of the next. By default it is that of the
inner folds, each row predicted without itself: the fitted one overstates what a block explains.

References
----------
.. [1] Klau et al., BMC Bioinformatics 19:322, 2018.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from operandi.quantities.errors import DataError
from operandi.signatures.cox.fused import tuned_fit
from operandi.signatures.cox.likelihood import Floats, Integers
from operandi.signatures.cox.path_kernel import PathSettings
from operandi.signatures.cox.rows import checked_matrix, checked_outcome, stratum_codes
from operandi.signatures.data import RightCensored


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorityStep:
    """What one block contributed.

    Parameters
    ----------
    block : str
        Which.
    penalty : float
        Chosen by the inner folds.
    support : int
        Nonzero coefficients.
    inner_concordance : float or None
        Of the inner folds, with the offset of the earlier blocks; None without comparable pairs.
    inner_deviance : float
        Cross-validated.
    """

    block: str
    penalty: float
    support: int
    inner_concordance: float | None
    inner_deviance: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PriorityFit:
    """Blocks fitted in their order.

    Parameters
    ----------
    coefficients : (p,) float
        Per unit of the columns as given; 0 outside the blocks of the order.
    center : float
        The linear predictor is ``x @ coefficients - center``.
    steps : tuple of PriorityStep
        In order.
    inner_predictor : (n,) float
        Of each row by the fits of the inner folds that left it out; 0 without those.
    """

    coefficients: Floats
    center: float
    steps: tuple[PriorityStep, ...]
    inner_predictor: Floats

    def linear_predictor(self, x: Floats) -> Floats:
        """Of rows, relative to the training means."""
        return np.asarray(x @ self.coefficients - self.center)


def priority_fit(  # noqa: PLR0913 - what an analysis plan fixes, each named by the caller
    outcome: RightCensored,
    x: Floats,
    *,
    blocks: Sequence[str],
    order: Sequence[str],
    inner: Integers,
    settings: PathSettings | None = None,
    unpenalized: frozenset[str] = frozenset(),
    strata: Integers | None = None,
    cross_validated_offset: bool = True,
    by_deviance: bool = True,
) -> PriorityFit:
    """Fit blocks in order, the linear predictor of the earlier as the offset of the next.

    Parameters
    ----------
    outcome : RightCensored
        Of n rows.
    x : (n, p) float
        Without missing values.
    blocks : sequence of str
        Block of each column.
    order : sequence of str
        Blocks from the first that may explain.
    inner : (n,) int
        Fold of each row, from 0, by which penalties are chosen.
    settings : PathSettings, optional
        Of every block's path.
    unpenalized : frozenset of str
        Blocks fitted without penalty.
    strata : (n,) int, optional
        Each with a baseline of its own.
    cross_validated_offset : bool
        See above; else the fitted linear predictor.
    by_deviance : bool
        Choose by cross-validated deviance, else by concordance.

    Raises
    ------
    DataError
        If shapes differ, values are missing, there is no event, a block is not there or stands
        twice, or no penalty of a block could be solved in every fold.
    """
    settings = PathSettings() if settings is None else settings
    n = outcome.time.size
    checked_outcome(outcome, ties="efron" if settings.efron else "breslow")
    x = checked_matrix(x, rows=n)
    if len(blocks) != x.shape[1] or len(set(order)) != len(order) or set(order) - set(blocks):
        raise DataError(
            f"Priority needs a block for each of {x.shape[1]} columns, and an order of them "
            f"without repeats; found {len(blocks)} and {', '.join(order)}."
        )
    if np.shape(inner) != (n,):
        raise DataError(f"Inner folds need one number for each of {n} rows.")
    labels = np.array(blocks)
    event = outcome.event.astype(np.float64)
    stratum = stratum_codes(strata, rows=n)
    folds = np.ascontiguousarray(inner, dtype=np.int64)
    offset, coefficients, center, steps = np.zeros(n), np.zeros(x.shape[1]), 0.0, []
    held = np.zeros(n)
    for block in order:
        own = np.flatnonzero(labels == block)
        part = np.ascontiguousarray(x[:, own])
        factors = np.full(own.size, 0.0 if block in unpenalized else 1.0)
        fit = tuned_fit(
            part,
            outcome.time,
            event,
            stratum,
            offset,
            folds,
            factors,
            np.empty(0),
            settings,
            by_deviance,
        )
        if fit.chosen < 0:
            raise DataError(
                f"Block {block} needs one penalty solved in every inner fold; found none.",
                remedy="Penalize the block, leave columns out, or use fewer folds.",
            )
        fitted = part @ fit.coefficients - fit.center
        held += fit.inner_predictor
        offset = offset + (fit.inner_predictor if cross_validated_offset else fitted)
        coefficients[own] = fit.coefficients
        center += fit.center
        concordance = (
            fit.inner_concordant[fit.chosen] / fit.inner_pairs if fit.inner_pairs else None
        )
        steps.append(
            PriorityStep(
                block=block,
                penalty=float(fit.penalties[fit.chosen]),
                support=int(np.count_nonzero(fit.coefficients)),
                inner_concordance=concordance,
                inner_deviance=float(fit.inner_deviance[fit.chosen]),
            )
        )
    return PriorityFit(
        coefficients=coefficients, center=center, steps=tuple(steps), inner_predictor=held
    )
