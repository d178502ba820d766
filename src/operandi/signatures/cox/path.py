"""Elastic-net Cox paths of a cohort."""

from dataclasses import dataclass

import numpy as np

from operandi.quantities.errors import DataError
from operandi.signatures.cox.likelihood import Floats, Integers
from operandi.signatures.cox.path_kernel import PathSettings, Problem, SparsePath, solve_path
from operandi.signatures.cox.rows import checked_vector, sorted_rows
from operandi.signatures.data import RightCensored

ENDINGS = (
    "",
    "the support cap was reached",
    "the tolerance was not reached, as where unpenalized columns separate the events",
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CoxPath:
    """Coefficients along falling penalties.

    Parameters
    ----------
    penalties : (l,) float
        Those solved, from the largest down.
    coefficients : (l, p) float
        Per unit of the columns as given; 0 for columns that do not vary.
    center : (p,) float
        Means of the columns; a linear predictor is ``(x - center) @ coefficients`` + offset.
    loglik : (l,) float
        Log partial likelihood.
    violation : (l,) float
        Certificate: the largest violation of the optimality conditions over all columns, in
        units of the standardized columns, over the penalty.
    support : (l,) int
        Nonzero penalized coefficients.
    ending : str
        Why the path ended before the last penalty asked for; empty where it did not.
    """

    penalties: Floats
    coefficients: Floats
    center: Floats
    loglik: Floats
    violation: Floats
    support: Integers
    ending: str

    def linear_predictor(self, x: Floats, *, step: int) -> Floats:
        """Of rows, at one penalty, relative to the training means, without offset."""
        return np.asarray((x - self.center) @ self.coefficients[step])


def checked_factors(factors: Floats | None, *, columns: int) -> Floats:
    """Penalty factors, 1 by default.

    Raises
    ------
    DataError
        If there is not one >= 0 for each column.
    """
    found = checked_vector(factors, rows=columns, called="Penalty factors", default=1.0)
    if (found < 0.0).any():
        raise DataError("Penalty factors need numbers >= 0; 0 leaves a column unpenalized.")
    return found


def checked_penalties(penalties: Floats | None) -> Floats:
    """A falling sequence of penalties, or an empty one: to be made from the rows.

    Raises
    ------
    DataError
        If it does not fall or holds a number < 0.
    """
    if penalties is None:
        return np.empty(0)
    found = np.ascontiguousarray(penalties, dtype=np.float64)
    fine = found.ndim == 1 and found.size and np.isfinite(found).all() and found.min() >= 0.0
    if not fine or (np.diff(found) >= 0.0).any():
        raise DataError("Penalties need falling numbers >= 0.")
    return found


def dense_coefficients(path: SparsePath, scale: Floats) -> Floats:
    """Coefficients per unit of the columns as given, (reached, p)."""
    out = np.zeros((path.reached, scale.size))
    for step in range(path.reached):
        columns = path.columns[step, : path.counts[step]]
        out[step, columns] = path.values[step, : path.counts[step]] / scale[columns]
    return out


def standardized(x: Floats) -> tuple[Floats, Floats, Floats]:
    """Columns at mean 0 and variance 1 (over n), their means, and their scale (1 if constant)."""
    center = x.mean(axis=0)
    spread = np.sqrt(np.square(x - center).mean(axis=0))
    varies = spread > 1e-12 * np.maximum(1.0, np.abs(center))
    scale = np.where(varies, spread, 1.0)
    return np.ascontiguousarray(np.where(varies, (x - center) / scale, 0.0)), center, scale


def cox_path(  # noqa: PLR0913 - what an analysis plan fixes, each named by the caller
    outcome: RightCensored,
    x: Floats,
    *,
    settings: PathSettings | None = None,
    penalty_factors: Floats | None = None,
    penalties: Floats | None = None,
    strata: Integers | None = None,
    offset: Floats | None = None,
) -> CoxPath:
    """Fit an elastic-net Cox model at every penalty of a falling sequence.

    Minimizes ``-loglik/n + lambda * sum_j f_j (a |b_j| + (1 - a)/2 b_j**2)`` over coefficients
    *b* of columns standardized here; *f* is not rescaled.

    Parameters
    ----------
    outcome : RightCensored
        Of n rows.
    x : (n, p) float
        Without missing values.
    settings : PathSettings, optional
        See ``settings_of``; ties are handled after Efron by default. ``keep`` is not used here.
    penalty_factors : (p,) float, optional
        *f* >= 0; 0 leaves a column unpenalized.
    penalties : (l,) float, optional
        Falling; by default from the smallest without any penalized coefficient down.
    strata : (n,) int, optional
        Each with a baseline of its own.
    offset : (n,) float, optional
        Linear predictor that is given, as of an earlier block.

    Raises
    ------
    DataError
        If shapes differ, values are missing, there is no event, or not even the first penalty
        could be solved.
    """
    settings = PathSettings() if settings is None else settings
    if settings.logistic:
        raise DataError("Settings of a yes/no outcome belong to logistic_path.")
    ties = "efron" if settings.efron else "breslow"
    rows = sorted_rows(outcome, x, ties=ties, strata=strata, offset=offset)
    factors = checked_factors(penalty_factors, columns=rows.x.shape[1])
    design, center, scale = standardized(rows.x)
    problem = Problem(design, rows.event, rows.offset, rows.risk, False)  # noqa: FBT003
    path = solve_path(problem, factors, checked_penalties(penalties), settings)
    refuse_unsolved(path)
    reached = path.reached
    coefficients = dense_coefficients(path, scale)
    return CoxPath(
        penalties=path.penalties[:reached],
        coefficients=coefficients,
        center=center,
        loglik=path.loglik[:reached],
        violation=path.violation[:reached],
        support=np.count_nonzero(coefficients[:, factors > 0.0], axis=1),
        ending=ENDINGS[path.ending],
    )


def refuse_unsolved(path: SparsePath) -> None:
    """Raise where not even the first penalty was solved.

    Raises
    ------
    DataError
        As said.
    """
    if path.reached == 0:
        raise DataError(
            f"The path needs at least one penalty solved; found none: {ENDINGS[path.ending]}.",
            remedy="Penalize the columns that separate, or start at a larger penalty.",
        )
