"""The nonparametric survival curve of events that are known to lie between two scans."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import nnls

from operandi.quantities.errors import DataError
from operandi.signatures.data import Floats, IntervalCensored

CERTIFIED_WITHIN: Final = 1e-8
"""Largest excess of the gradient over n, as a part of n, of a maximum that counts as found."""
_ROUNDS: Final = 500
_HALVINGS: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IntervalSurvival:
    """A survival curve that is known but within the intervals where its mass lies.

    Parameters
    ----------
    left, right : (m,) float
        Maximal intersections with mass, ascending: (left, right], or the day itself where both are
        equal. ``right`` is inf for what was not seen to happen.
    mass : (m,) float
        Probability of each; they sum to 1.
    log_likelihood : float
    certificate : float
        Largest directional derivative, ``max over intersections of sum over participants that can
        lie in it of 1 / P(participant)``, divided by n. At a maximum it is 1, by the
        general equivalence theorem; it is at most ``1 + CERTIFIED_WITHIN``.
    participants : int
    """

    left: Floats
    right: Floats
    mass: Floats
    log_likelihood: float
    certificate: float
    participants: int

    def bounds_at(self, days: Floats) -> tuple[Floats, Floats]:
        """Lowest and highest S on given days that the estimate allows.

        They differ within an intersection, where the data do not say how its mass lies.
        """
        day = np.asarray(days, dtype=float)[..., None]
        surely = np.where(self.left >= day, self.mass, 0.0)
        # A known day is past on that day itself.
        surely = np.where((self.left == self.right) & (self.left <= day), 0.0, surely)
        perhaps = np.where(self.right > day, self.mass, 0.0)
        return surely.sum(axis=-1), perhaps.sum(axis=-1)

    def at(self, days: Floats) -> Floats:
        """S on given days, with the mass of an intersection at its right end, as a scan sees it."""
        return self.bounds_at(days)[1]


def interval_survival(outcome: IntervalCensored) -> IntervalSurvival:
    """Maximize the likelihood of a survival curve over intervals (left, right].

    The day of a clear scan is not in the interval that it opens, that of a progression is in the
    one that it closes: who was clear on day 12 and who progressed by day 12 share no day. Mass
    can lie only in maximal intersections; weights are found by Newton steps, each a nonnegative
    least-squares problem, with backtracking.

    Raises
    ------
    DataError
        If the maximum cannot be certified.

    References
    ----------
    .. [1] Turnbull, J R Stat Soc B 38:290, 1976.
    .. [2] Wang, J R Stat Soc B 69:185, 2007: the constrained Newton method.
    .. [3] Gentleman and Geyer, Biometrika 81:618, 1994: certificate of the maximum.
    """
    left, right, inside = maximal_intersections(outcome)
    mass = _maximize(inside)
    probability = inside @ mass
    gradient = float((inside.T @ (1.0 / probability)).max())
    n = inside.shape[0]
    if gradient > n * (1.0 + CERTIFIED_WITHIN):
        raise DataError(
            f"The survival curve under interval censoring was not found: its gradient is "
            f"{gradient:.9g}, needed at most {n}.",
            remedy="Report the intervals; midpoints may be used meanwhile, and said.",
        )
    kept = mass > 0.0
    return IntervalSurvival(
        left=left[kept],
        right=right[kept],
        mass=mass[kept],
        log_likelihood=float(np.log(probability).sum()),
        certificate=gradient / n,
        participants=n,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BootstrapBand:
    """Pointwise limits of a curve from resampled participants.

    Parameters
    ----------
    days, lower, upper : (k,) float
    level : float
    draws : int
    """

    days: Floats
    lower: Floats
    upper: Floats
    level: float
    draws: int


def interval_survival_band(
    outcome: IntervalCensored,
    days: Floats,
    *,
    seed: int,
    draws: int = 500,
    level: float = 0.95,
) -> BootstrapBand:
    """Percentile limits of ``IntervalSurvival.at`` over resampled participants.

    They describe sampling error only roughly: between scans the estimate converges slower than
    the bootstrap assumes.

    Parameters
    ----------
    outcome : IntervalCensored
    days : (k,) float
    seed : int
    draws : int, >= 1
    level : float
    """
    n = outcome.left.size
    curves = np.empty((draws, np.size(days)))
    for draw, stream in enumerate(np.random.SeedSequence(seed).spawn(draws)):
        rows = np.random.Generator(np.random.Philox(stream)).integers(0, n, n)
        part = IntervalCensored(left=outcome.left[rows], right=outcome.right[rows])
        curves[draw] = interval_survival(part).at(days)
    tail = (1.0 - level) / 2.0
    lower, upper = np.quantile(curves, [tail, 1.0 - tail], axis=0)
    return BootstrapBand(
        days=np.asarray(days, dtype=float), lower=lower, upper=upper, level=level, draws=draws
    )


def maximal_intersections(outcome: IntervalCensored) -> tuple[Floats, Floats, Floats]:
    """Where mass can lie, and who can lie there.

    Returns
    -------
    left, right : (m,) float
        Ascending. Between a left end and the next right end no other end lies.
    inside : (n, m) float
        1 where the interval of a participant holds the intersection, else 0.
    """
    # An end is a day and a side: an open left end lies just after its day, all others on it.
    day_after = np.where(outcome.exact, 0.0, 1.0)
    lefts = np.column_stack([outcome.left, day_after])
    rights = np.column_stack([outcome.right, np.zeros_like(outcome.right)])
    ends = np.vstack([lefts, rights])
    is_right = np.repeat([0.0, 1.0], outcome.left.size)
    # On the same place a closed left end comes before the right end: they share that day.
    order = np.lexsort((is_right, ends[:, 1], ends[:, 0]))
    ends, is_right = ends[order], is_right[order]
    turn = np.flatnonzero((is_right[:-1] == 0.0) & (is_right[1:] == 1.0))
    left, side, right = ends[turn, 0], ends[turn, 1], ends[turn + 1, 0]
    after_left = (left > outcome.left[:, None]) | (
        (left == outcome.left[:, None]) & (side >= day_after[:, None])
    )
    inside = (after_left & (right <= outcome.right[:, None])).astype(float)
    return left, right, inside


def _maximize(inside: Floats) -> Floats:
    """Weights of the intersections; at most ``_ROUNDS`` Newton steps."""
    n, m = inside.shape
    mass = np.full(m, 1.0 / m)
    for _ in range(_ROUNDS):
        scaled = inside / (inside @ mass)[:, None]
        gradient = scaled.sum(axis=0)
        if gradient.max() <= n * (1.0 + 0.01 * CERTIFIED_WITHIN):
            break
        # Only what has mass or asks for it can have mass after the step.
        free = np.flatnonzero((mass > 0.0) | (gradient > n))
        system = np.vstack([scaled[:, free] - 2.0, np.full(free.size, np.sqrt(n))])
        target = np.concatenate([np.zeros(n), [np.sqrt(n)]])
        wanted = np.zeros(m)
        wanted[free] = nnls(system, target, maxiter=50 * m + 100)[0]
        mass = _step_towards(wanted / wanted.sum(), mass, inside, gradient)
    return mass


def _step_towards(wanted: Floats, mass: Floats, inside: Floats, gradient: Floats) -> Floats:
    """Go as far as the likelihood grows; else one step of self-consistency, which always does."""
    before = float(np.log(inside @ mass).sum())
    # Near the maximum a step gains less than the sum of logarithms can tell.
    told = 1e-14 * inside.shape[0] * (1.0 + abs(before))
    slope = float(gradient @ (wanted - mass))
    length = 1.0
    for _ in range(_HALVINGS):
        tried: Floats = mass + length * (wanted - mass)
        reached = inside @ tried
        if reached.min() > 0.0 and np.log(reached).sum() >= before + 1e-4 * length * slope - told:
            return tried
        length /= 2.0
    consistent = mass * gradient / inside.shape[0]
    return np.asarray(consistent / consistent.sum())
