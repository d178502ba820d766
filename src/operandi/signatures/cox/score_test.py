"""Score tests of every column on its own, at once.

A test, not a fitted hazard ratio: no model is fitted, so that thousands of columns cost
milliseconds. For a column *x* the statistic is ``z = U / sqrt(V)`` with ``U = x'r`` and
``V = x'Hx`` at coefficient 0; ``z**2`` is the score statistic of the one-variable Cox fit and,
without ties, that of the log-rank test for two groups.

References
----------
.. [1] Cox, J R Stat Soc B 34:187, 1972, section 6. Therneau & Grambsch, Modeling Survival Data,
   2000, section 3.4.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy.special import erfc

from operandi.signatures.cox.likelihood import (
    Curvature,
    Floats,
    Integers,
    RiskSets,
    blank_curvature,
    evaluate,
)
from operandi.signatures.cox.path_kernel import column_sums
from operandi.signatures.cox.rows import sorted_rows
from operandi.signatures.data import RightCensored

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoreTests:
    """Score statistics by column.

    Parameters
    ----------
    z : (p,) float
        > 0 where larger values go with earlier events; 0 where not ``testable``.
    p : (p,) float
        Two-sided; 1 where not ``testable``.
    testable : (p,) bool
        False where the column does not vary in any risk set, so that nothing can be tested.
    """

    z: Floats
    p: Floats
    testable: Bools


@njit(cache=True, nogil=True, error_model="numpy")
def null_variances(design: Floats, risk: RiskSets, at: Curvature) -> Floats:
    """``x'Hx`` of every column; rows in ``risk_order``, *at* left by ``evaluate``."""
    n, p = design.shape
    out, s1, t1 = np.zeros(p), np.zeros(p), np.empty(p)
    for i in range(n):
        weight = at.diagonal[i]
        for j in range(p):
            out[j] += weight * design[i, j] * design[i, j]
    row = -1
    for g in range(risk.first.size - 1, -1, -1):
        if g == risk.first.size - 1 or risk.end[g] != risk.end[g + 1]:
            s1[:] = 0.0
            row = risk.end[g]
        while row > risk.first[g]:
            row -= 1
            for j in range(p):
                s1[j] += at.hazard[row] * design[row, j]
        t1[:] = 0.0
        for i in range(risk.first[g], risk.first[g] + risk.deaths[g]):
            for j in range(p):
                t1[j] += at.hazard[i] * design[i, j]
        a, b, c = at.inverse[2, g], at.inverse[3, g], at.inverse[4, g]
        for j in range(p):
            out[j] -= s1[j] * (a * s1[j] - 2.0 * b * t1[j]) + c * t1[j] * t1[j]
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def score_statistics(
    design: Floats,
    event: Floats,
    offset: Floats,
    risk: RiskSets,
    efron: bool,  # noqa: FBT001
) -> tuple[Floats, Bools]:
    """*z* of every column of sorted, centered rows, and whether the column can be tested."""
    n, p = design.shape
    at = blank_curvature(n, risk.first.size)
    evaluate(offset, event, risk, efron, at)
    z = np.empty(p)
    column_sums(design, at.residual, z)
    variance = null_variances(design, risk, at)
    testable = np.empty(p, np.bool_)
    for j in range(p):
        square = 0.0
        for i in range(n):
            square += at.diagonal[i] * design[i, j] * design[i, j]
        testable[j] = variance[j] > 1e-10 * square
        z[j] = n * z[j] / np.sqrt(variance[j]) if testable[j] else 0.0
    return z, testable


def score_tests(
    outcome: RightCensored,
    x: Floats,
    *,
    ties: str = "efron",
    strata: Integers | None = None,
    offset: Floats | None = None,
) -> ScoreTests:
    """Test every column on its own against survival.

    Parameters
    ----------
    outcome : RightCensored
        Of n rows.
    x : (n, p) float
        Without missing values.
    ties : {"efron", "breslow"}
        How tied events are handled.
    strata : (n,) int, optional
        Each with a baseline of its own.
    offset : (n,) float, optional
        Linear predictor that is given; default 0.

    Raises
    ------
    DataError
        If shapes differ, values are missing, or there is no event.
    """
    rows = sorted_rows(outcome, x, ties=ties, strata=strata, offset=offset)
    centered = rows.x - rows.x.mean(axis=0)
    z, testable = score_statistics(centered, rows.event, rows.offset, rows.risk, ties == "efron")
    p = np.where(testable, erfc(np.abs(z) / np.sqrt(2.0)), 1.0)
    return ScoreTests(z=z, p=p, testable=testable)
