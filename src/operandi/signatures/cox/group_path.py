"""Group-lasso Cox paths: whole blocks of predictors come in or stay out.

A block of p columns has rank k < n; its coefficients at the optimum lie in the row space, so that
with ``X = U S V'`` and ``b = V c`` the penalty ``|b| = |c|`` and the problem has k columns ``U S``
instead of p. ``group_kernel`` solves it.

References
----------
.. [1] Yuan & Lin, J R Stat Soc B 68:49, 2006. Hastie & Tibshirani, Biostatistics 5:329, 2004 (the
   reduction).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from operandi.quantities.errors import DataError
from operandi.signatures.cox.group_kernel import Blocks, SolvedGroups, solve_groups
from operandi.signatures.cox.likelihood import Floats, Integers
from operandi.signatures.cox.path import checked_penalties, standardized
from operandi.signatures.cox.path_kernel import PathSettings
from operandi.signatures.cox.rows import sorted_rows
from operandi.signatures.data import RightCensored


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GroupPath:
    """Coefficients along falling penalties; fields as of ``CoxPath``.

    Parameters
    ----------
    penalties, loglik, violation : (l,) float
        As of ``CoxPath``; the violation is that of whole blocks.
    coefficients : (l, p) float
        Per unit of the columns as given.
    center : (p,) float
        Means of the columns.
    blocks : tuple of str
        Those of the columns, in order of first appearance.
    chosen : (l, b) bool
        Which blocks are in.
    """

    penalties: Floats
    coefficients: Floats
    center: Floats
    loglik: Floats
    violation: Floats
    blocks: tuple[str, ...]
    chosen: Integers

    def linear_predictor(self, x: Floats, *, step: int) -> Floats:
        """Of rows, at one penalty, relative to the training means, without offset."""
        return np.asarray((x - self.center) @ self.coefficients[step])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Reduced:
    """Blocks in their row spaces, and the way back to their columns."""

    parts: tuple[Floats, ...]
    back: tuple[Floats, ...]
    columns: tuple[Integers, ...]
    factors: Floats


def _reduced(design: Floats, labels: Sequence[str], factors: dict[str, float]) -> _Reduced:
    parts, back, columns, found = [], [], [], []
    for block in dict.fromkeys(labels):
        own = np.flatnonzero(np.array(labels) == block)
        left, size, right = np.linalg.svd(design[:, own], full_matrices=False)
        keep = size > 1e-10 * max(float(size.max()), 1e-300)
        parts.append(left[:, keep] * size[keep])
        back.append(right[keep].T)
        columns.append(own)
        found.append(factors.get(block, float(np.sqrt(own.size))))
    return _Reduced(
        parts=tuple(parts), back=tuple(back), columns=tuple(columns), factors=np.array(found)
    )


def group_path(  # noqa: PLR0913 - what an analysis plan fixes, each named by the caller
    outcome: RightCensored,
    x: Floats,
    *,
    blocks: Sequence[str],
    settings: PathSettings | None = None,
    block_factors: dict[str, float] | None = None,
    penalties: Floats | None = None,
    strata: Integers | None = None,
    offset: Floats | None = None,
) -> GroupPath:
    """Fit a Cox model whose blocks are penalized as wholes.

    Minimizes ``-loglik/n + lambda * sum_g f_g |b_g|`` with Euclidean norms over coefficients of
    columns standardized here.

    Parameters
    ----------
    outcome : RightCensored
        Of n rows.
    x : (n, p) float
        Without missing values.
    blocks : sequence of str
        Block of each column.
    settings : PathSettings, optional
        ``penalties``, ``smallest``, ``tolerance`` and ``efron`` are used.
    block_factors : dict, optional
        *f* by block; by default the square root of its columns' number; 0: not penalized.
    penalties, strata, offset
        As of ``cox_path``.

    Raises
    ------
    DataError
        If shapes differ, values are missing, there is no event, a factor is < 0 or names no
        block, or the tolerance was not reached.
    """
    settings = PathSettings() if settings is None else settings
    ties = "efron" if settings.efron else "breslow"
    rows = sorted_rows(outcome, x, ties=ties, strata=strata, offset=offset)
    given = block_factors or {}
    strangers = sorted(set(given) - set(blocks))
    if len(blocks) != rows.x.shape[1] or strangers or min(given.values(), default=0.0) < 0.0:
        raise DataError(
            f"{rows.x.shape[1]} columns need as many blocks and factors >= 0 that name them; found "
            f"{len(blocks)} blocks and factors {given}."
        )
    design, center, scale = standardized(rows.x)
    reduced = _reduced(design, blocks, given)
    found: SolvedGroups = solve_groups(
        Blocks(
            np.concatenate([part.ravel() for part in reduced.parts]),
            np.concatenate([part.ravel(order="F") for part in reduced.parts]),
            np.cumsum([0, *(part.shape[1] for part in reduced.parts)]),
            reduced.factors,
            rows.event,
            rows.offset,
            rows.risk,
        ),
        checked_penalties(penalties),
        settings,
    )
    _refuse_unsolved(found, settings)
    coefficients = np.zeros((found.penalties.size, scale.size))
    chosen, start = [], 0
    for part, back, own in zip(reduced.parts, reduced.back, reduced.columns, strict=True):
        mine = found.coefficients[:, start : start + part.shape[1]]
        coefficients[:, own] = mine @ back.T / scale[own]
        chosen.append(mine.any(axis=1))
        start += part.shape[1]
    return GroupPath(
        penalties=found.penalties,
        coefficients=coefficients,
        center=center,
        loglik=found.loglik,
        violation=found.violation,
        blocks=tuple(dict.fromkeys(blocks)),
        chosen=np.stack(chosen, axis=1),
    )


def _refuse_unsolved(found: SolvedGroups, settings: PathSettings) -> None:
    at = found.reached
    if at < found.penalties.size:
        raise DataError(
            f"The path needs violations <= {settings.tolerance:g}; at a penalty of "
            f"{found.penalties[at]:g} it came to {found.violation[at]:g}.",
            remedy="End the path at a larger penalty, or penalize every block.",
        )
