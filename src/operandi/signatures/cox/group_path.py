"""Group-lasso Cox paths: whole blocks of predictors come in or stay out.

A block of p columns has rank k < n; its coefficients at the optimum lie in the row space, so that
with ``X = U S V'`` and ``b = V c`` the penalty ``|b| = |c|`` and the problem has k columns ``U S``
instead of p. Each block's part of the quadratic model is then minimized exactly, by the root of
one equation for ``|c|``.

References
----------
.. [1] Yuan & Lin, J R Stat Soc B 68:49, 2006. Hastie & Tibshirani, Biostatistics 5:329, 2004 (the
   reduction). Qin, Scheinberg & Goldfarb, Math Program Comput 5:143, 2013 (the root).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from operandi.quantities.errors import DataError
from operandi.signatures.cox.likelihood import (
    Curvature,
    Floats,
    Integers,
    blank_curvature,
    evaluate,
    hessian_products,
)
from operandi.signatures.cox.path import checked_penalties, standardized
from operandi.signatures.cox.path_kernel import PathSettings
from operandi.signatures.cox.rows import SortedRows, sorted_rows
from operandi.signatures.data import RightCensored

_STEPS = 60
_ROUNDS = 500


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
    """Blocks in their row spaces: columns ``part`` of *design*, and the way back."""

    design: Floats
    parts: tuple[slice, ...]
    back: tuple[Floats, ...]
    columns: tuple[Integers, ...]
    factors: Floats


def _reduced(design: Floats, labels: Sequence[str], factors: dict[str, float]) -> _Reduced:
    made, back, columns, found = [], [], [], []
    for block in dict.fromkeys(labels):
        own = np.flatnonzero(np.array(labels) == block)
        left, size, right = np.linalg.svd(design[:, own], full_matrices=False)
        keep = size > 1e-10 * max(float(size.max()), 1e-300)
        made.append(left[:, keep] * size[keep])
        back.append(right[keep].T)
        columns.append(own)
        found.append(factors.get(block, float(np.sqrt(own.size))))
    edges = np.cumsum([0, *(part.shape[1] for part in made)])
    return _Reduced(
        design=np.ascontiguousarray(np.concatenate(made, axis=1)),
        parts=tuple(slice(int(a), int(b)) for a, b in pairwise(edges)),
        back=tuple(back),
        columns=tuple(columns),
        factors=np.array(found),
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
    solver = _Solver(rows, reduced, settings)
    sequence = checked_penalties(penalties)
    if sequence.size == 0:
        sequence = solver.sequence()
    loglik, violation, found, chosen = [], [], [], []
    for penalty in sequence:
        off, value = solver.solve(float(penalty))
        coefficients = np.zeros(scale.size)
        for part, back, own in zip(reduced.parts, reduced.back, reduced.columns, strict=True):
            coefficients[own] = back @ solver.beta[part] / scale[own]
        found.append(coefficients)
        chosen.append([bool(np.any(solver.beta[part])) for part in reduced.parts])
        loglik.append(value)
        violation.append(off)
    return GroupPath(
        penalties=sequence,
        coefficients=np.array(found),
        center=center,
        loglik=np.array(loglik),
        violation=np.array(violation),
        blocks=tuple(dict.fromkeys(blocks)),
        chosen=np.array(chosen),
    )


class _Solver:
    """Proximal Newton with exact block steps; keeps coefficients from one penalty to the next."""

    def __init__(self, rows: SortedRows, reduced: _Reduced, settings: PathSettings) -> None:
        self.rows, self.reduced, self.settings = rows, reduced, settings
        self.beta = np.zeros(reduced.design.shape[1])
        self.at: Curvature = blank_curvature(rows.time.size, rows.risk.first.size)

    def _loss(self, beta: Floats) -> float:
        eta = self.rows.offset + self.reduced.design @ beta
        rows = self.rows
        value = evaluate(eta, rows.event, rows.risk, self.settings.efron, self.at)
        return -float(value) / rows.time.size

    def _score(self) -> Floats:
        return np.asarray(self.reduced.design.T @ self.at.residual / self.rows.time.size)

    def sequence(self) -> Floats:
        """Penalties falling by equal ratios from the smallest that keeps every block out."""
        bare = np.where(self.reduced.factors > 0.0, np.inf, 0.0)
        self._newton(bare, within=0.01 * self.settings.tolerance)
        score, largest = self._score(), 0.0
        for part, factor in zip(self.reduced.parts, self.reduced.factors, strict=True):
            if factor > 0.0:
                largest = max(largest, float(np.linalg.norm(score[part])) / factor)
        if largest == 0.0:
            return np.zeros(1)
        steps = np.arange(self.settings.penalties) / max(self.settings.penalties - 1, 1)
        return np.asarray(largest * self.settings.smallest**steps)

    def solve(self, penalty: float) -> tuple[float, float]:
        """Solve at one penalty; returns the violation over the penalty, and the loglik."""
        unit = penalty if penalty > 0.0 else 1.0
        off, loss = self._newton(
            penalty * self.reduced.factors, within=self.settings.tolerance * unit
        )
        if off > self.settings.tolerance * unit:
            raise DataError(
                f"The path needs violations <= {self.settings.tolerance:g}; at a penalty of "
                f"{penalty:g} it came to {off / unit:g}.",
                remedy="End the path at a larger penalty, or penalize every block.",
            )
        return off / unit, -loss * self.rows.time.size

    def _newton(self, weights: Floats, *, within: float) -> tuple[float, float]:
        loss, off = self._loss(self.beta), np.inf
        for _ in range(_STEPS):
            score = self._score()
            off = self._violation(score, weights)
            if off <= within:
                break
            target = self._model_minimum(score, weights, enough=0.1 * within)
            here = loss + self._penalty(self.beta, weights)
            step, moved = 1.0, False
            while step > 1e-9 and not moved:
                trial = self.beta + step * (target - self.beta)
                loss = self._loss(trial)
                moved = loss + self._penalty(trial, weights) <= here + 1e-14 * abs(here)
                step *= 0.5
            if not moved:
                loss = self._loss(self.beta)
                break
            self.beta = trial
        return off, loss

    def _penalty(self, beta: Floats, weights: Floats) -> float:
        total = 0.0
        for part, weight in zip(self.reduced.parts, weights, strict=True):
            size = float(np.linalg.norm(beta[part]))
            total += weight * size if size > 0.0 else 0.0
        return total

    def _violation(self, score: Floats, weights: Floats) -> float:
        worst = 0.0
        for part, weight in zip(self.reduced.parts, weights, strict=True):
            size = float(np.linalg.norm(self.beta[part]))
            pull = score[part]
            if size > 0.0:
                worst = max(worst, float(np.linalg.norm(pull - weight * self.beta[part] / size)))
            else:
                worst = max(worst, float(np.linalg.norm(pull)) - weight)
        return worst

    def _model_minimum(self, score: Floats, weights: Floats, *, enough: float) -> Floats:
        design = self.reduced.design
        product = np.empty_like(design)
        hessian_products(design, self.rows.risk, self.at, product)
        gram = design.T @ product / design.shape[0]
        parts = self.reduced.parts
        bases = [np.linalg.eigh(gram[part, part]) for part in parts]
        beta, slope = self.beta.copy(), score.copy()
        for _ in range(_ROUNDS):
            largest = 0.0
            for part, weight, (bend, basis) in zip(parts, weights, bases, strict=True):
                pull = slope[part] + gram[part, part] @ beta[part]
                new = _block_minimum(pull, weight, np.maximum(bend, 0.0), basis)
                change = gram[:, part] @ (new - beta[part])
                slope = slope - change
                beta[part] = new
                largest = max(largest, float(np.linalg.norm(change[part])))
            if largest <= enough:
                break
        return beta


def _block_minimum(pull: Floats, weight: float, bend: Floats, basis: Floats) -> Floats:
    """Minimize ``c'Gc/2 - pull'c + weight |c|`` with G given by its eigenvalues and vectors."""
    if np.linalg.norm(pull) <= weight:
        return np.zeros_like(pull)
    along = basis.T @ pull
    if weight == 0.0:
        fine = bend > 1e-12 * max(float(bend.max()), 1e-300)
        return np.asarray(basis @ np.where(fine, along / np.where(fine, bend, 1.0), 0.0))
    low, high = 0.0, 1.0
    while float(np.sum((along / (bend * high + weight)) ** 2)) > 1.0 and high < 1e12:
        high *= 2.0
    for _ in range(200):
        middle = 0.5 * (low + high)
        if float(np.sum((along / (bend * middle + weight)) ** 2)) > 1.0:
            low = middle
        else:
            high = middle
        if high - low <= 1e-15 * high:
            break
    return np.asarray(basis @ (along * high / (bend * high + weight)))
