"""Chained equations on plain arrays, compiled and free of the interpreter's lock.

Every number that is drawn comes from a hash of seed, sweep, column and row; a row's part of it is a
hash of its own values. So a draw depends on no other row that is imputed in the same call, on no
order and on no thread; equal rows get equal draws.

Columns lie as rows here, (p, n): a fit walks along them.
"""

import math
from typing import Final

import numpy as np
import numpy.typing as npt
from numba import njit

from operandi.signatures.data import Floats

Whole = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]

LINEAR: Final = 0
LOGISTIC: Final = 1
MATCHING: Final = 2
DONORS: Final = 5
"""Predictive mean matching picks among so many nearest."""

_RIDGE: Final = 1e-5
"""Share of the diagonal that is added, so that collinear columns can be solved."""
_PRIOR: Final = 0.16
"""Logistic coefficients of standardized columns are normal with SD 2.5: separation has a fit."""
_WEYL = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


@njit(cache=True, nogil=True)
def mixed(word: np.uint64) -> np.uint64:
    """Stafford's 13th mixer, the output function of splitmix64: every bit moves every other."""
    word = (word ^ (word >> np.uint64(30))) * _MIX_1
    word = (word ^ (word >> np.uint64(27))) * _MIX_2
    return word ^ (word >> np.uint64(31))


@njit(cache=True, nogil=True)
def child_key(key: np.uint64, number: int) -> np.uint64:
    """Return the key of a child."""
    return mixed(key + _WEYL * (np.uint64(number) + np.uint64(1)))


@njit(cache=True, nogil=True)
def hashed_uniform(key: np.uint64, number: int) -> float:
    """Return the key's *number*-th draw within (0, 1)."""
    return (float(child_key(key, number) >> np.uint64(11)) + 0.5) * 1.1102230246251565e-16


@njit(cache=True, nogil=True)
def hashed_normal(key: np.uint64, number: int) -> float:
    """Return the key's *number*-th standard normal draw (Box and Muller)."""
    radius = math.sqrt(-2.0 * math.log(hashed_uniform(key, 2 * number)))
    return radius * math.cos(2.0 * math.pi * hashed_uniform(key, 2 * number + 1))


@njit(cache=True, nogil=True)
def _chi_square(key: np.uint64, freedom: float) -> float:
    """Twice a gamma of half the freedom (Marsaglia and Tsang 2000); freedom > 2."""
    shape = 0.5 * freedom - 1.0 / 3.0
    number = 0
    while True:
        z = hashed_normal(key, number)
        v = (1.0 + z / math.sqrt(9.0 * shape)) ** 3
        level = math.log(hashed_uniform(child_key(key, 999_983), number))
        if v > 0.0 and level < 0.5 * z * z + shape - shape * v + shape * math.log(v):
            return 2.0 * shape * v
        number += 1


@njit(cache=True, nogil=True)
def row_keys(values: Floats, bits: Keys, seed: np.uint64) -> Keys:
    """Return a key for each row, of seed and of what is known in it.

    Parameters
    ----------
    values : (n, p) float
    bits : (n, p) uint64
        The same memory.
    seed : uint64
    """
    found = np.empty(values.shape[0], dtype=np.uint64)
    for row in range(values.shape[0]):
        key = mixed(seed + _WEYL)
        for column in range(values.shape[1]):
            if not np.isnan(values[row, column]):
                key = child_key(key ^ bits[row, column], column)
        found[row] = key
    return found


@njit(cache=True, nogil=True)
def _factor(matrix: Floats) -> None:
    """Cholesky factor in the lower triangle, in place."""
    size = matrix.shape[0]
    for k in range(size):
        matrix[k, k] = math.sqrt(max(matrix[k, k], 1e-300))
        for i in range(k + 1, size):
            matrix[i, k] /= matrix[k, k]
        for i in range(k + 1, size):
            part = matrix[i, k]
            for j in range(k + 1, i + 1):
                matrix[i, j] -= part * matrix[j, k]


@njit(cache=True, nogil=True)
def _forward(factor: Floats, side: Floats) -> None:
    for i in range(side.size):
        total = side[i]
        for j in range(i):
            total -= factor[i, j] * side[j]
        side[i] = total / factor[i, i]


@njit(cache=True, nogil=True)
def _backward(factor: Floats, side: Floats) -> None:
    for i in range(side.size - 1, -1, -1):
        total = side[i]
        for j in range(i + 1, side.size):
            total -= factor[j, i] * side[j]
        side[i] = total / factor[i, i]


@njit(cache=True, nogil=True)
def _gathered(filled: Floats, there: Whole, chosen: Whole, design: Floats) -> None:
    """Rows that know the target, an intercept and the chosen columns."""
    for at in range(there.size):
        design[at, 0] = 1.0
        for k in range(chosen.size):
            design[at, k + 1] = filled[chosen[k], there[at]]


@njit(cache=True, nogil=True)
def _least_squares(
    design: Floats, target: Floats, key: np.uint64, best: Floats, drawn: Floats
) -> float:
    """Coefficients, a draw of their posterior under a flat prior, and the SD drawn with them."""
    rows, size = design.shape
    gram, side = np.zeros((size, size)), np.zeros(size)
    for row in range(rows):
        for i in range(size):
            part = design[row, i]
            side[i] += part * target[row]
            for j in range(i + 1):
                gram[i, j] += part * design[row, j]
    for i in range(size):
        gram[i, i] *= 1.0 + _RIDGE
    _factor(gram)
    _forward(gram, side)
    _backward(gram, side)
    best[:size] = side
    squares = 0.0
    for row in range(rows):
        left = target[row]
        for i in range(size):
            left -= design[row, i] * side[i]
        squares += left * left
    sigma = math.sqrt(squares / _chi_square(child_key(key, 1), max(rows - size, 3)))
    noise = np.empty(size)
    for i in range(size):
        noise[i] = hashed_normal(child_key(key, 2), i)
    _backward(gram, noise)
    for i in range(size):
        drawn[i] = side[i] + sigma * noise[i]
    return sigma


@njit(cache=True, nogil=True)
def _chance(score: float) -> float:
    return float(1.0 / (1.0 + math.exp(-min(max(score, -30.0), 30.0))))


@njit(cache=True, nogil=True)
def _logistic_moments(
    design: Floats, target: Floats, best: Floats, gram: Floats, slope: Floats
) -> None:
    """Slope of the log posterior and its negative curvature."""
    rows, size = design.shape
    gram[:] = 0.0
    for i in range(size):
        gram[i, i] = _PRIOR if i else 1e-6
        slope[i] = -gram[i, i] * best[i]
    for row in range(rows):
        score = 0.0
        for i in range(size):
            score += design[row, i] * best[i]
        chance = _chance(score)
        left, weight = target[row] - chance, chance * (1.0 - chance)
        for i in range(size):
            part = design[row, i]
            slope[i] += part * left
            part *= weight
            for j in range(i + 1):
                gram[i, j] += part * design[row, j]


@njit(cache=True, nogil=True)
def _logistic(design: Floats, target: Floats, key: np.uint64, best: Floats, drawn: Floats) -> None:
    """Posterior mode by Newton steps from *best*, and a draw of its normal approximation."""
    size = design.shape[1]
    gram, step = np.empty((size, size)), np.empty(size)
    for _ in range(25):
        _logistic_moments(design, target, best, gram, step)
        _factor(gram)
        _forward(gram, step)
        _backward(gram, step)
        largest = np.max(np.abs(step))
        # A long step overshoots where chances are near 0 or 1.
        shrink = min(1.0, 4.0 / largest) if largest > 0.0 else 1.0
        for i in range(size):
            best[i] += shrink * step[i]
        if largest < 1e-4:
            break
    for i in range(size):
        step[i] = hashed_normal(child_key(key, 2), i)
    _backward(gram, step)
    for i in range(size):
        drawn[i] = best[i] + step[i]


@njit(cache=True, nogil=True)
def _score(filled: Floats, row: int, chosen: Whole, coefficients: Floats) -> float:
    total = float(coefficients[0])
    for k in range(chosen.size):
        total += coefficients[k + 1] * filled[chosen[k], row]
    return total


@njit(cache=True, nogil=True)
def _match(score: float, predicted: Floats, given: Floats, at: float) -> float:
    """One of the nearest donors' values; *predicted* is ascending, *at* is uniform."""
    count = min(DONORS, predicted.size)
    high = np.searchsorted(predicted, score)
    low = high - 1
    for _ in range(count):
        left = low >= 0
        if left and high < predicted.size:
            left = score - predicted[low] <= predicted[high] - score
        if left:
            low -= 1
        else:
            high += 1
    return float(given[low + 1 + min(int(at * count), count - 1)])


@njit(cache=True, nogil=True)
def _value(  # noqa: PLR0913, PLR0917 - compiled, and called from two loops only
    kind: int,
    score: float,
    sigma: float,
    key: np.uint64,
    predicted: Floats,
    given: Floats,
    levels: Floats,
    drawing: bool,  # noqa: FBT001
) -> float:
    """What a missing cell becomes, in standard units."""
    if kind == LOGISTIC:
        chance = _chance(score)
        share = (1.0 if hashed_uniform(key, 0) < chance else 0.0) if drawing else chance
        return float(levels[0] + share * (levels[1] - levels[0]))
    if not drawing:
        return score
    if kind == MATCHING:
        return _match(score, predicted, given, hashed_uniform(key, 0))
    return score + sigma * hashed_normal(key, 0)


@njit(cache=True, nogil=True)
def learn_chained(  # noqa: PLR0913, PLR0917
    filled: Floats,
    missing: npt.NDArray[np.bool_],
    keys: Keys,
    order: Whole,
    kinds: Whole,
    chosen: Whole,
    counts: Whole,
    levels: Floats,
    sweeps: int,
    seed: np.uint64,
    drawing: bool,  # noqa: FBT001
    best: Floats,
    drawn: Floats,
    sigmas: Floats,
    predicted: Floats,
    given: Floats,
) -> None:
    """Impute training rows in sweeps, and keep each column's last fit.

    Parameters
    ----------
    filled : (p, n) float
        Standard units, 0 where missing; is filled here.
    missing : (p, n) bool
    keys : (n,) uint64
        ``row_keys``.
    order : (p,) int
        Columns by number of missing values; complete ones are fitted in the last sweep alone.
    kinds : (p,) int
    chosen : (p, q) int, counts : (p,) int
        Columns that foretell each, and how many of them.
    levels : (p, 2) float
        The two values of a column of two.
    best, drawn : (p, q + 1) float
        Coefficients as fitted and as drawn; zero before.
    sigmas : (p,) float
    predicted, given : (p, n) float
        Donors' predictions, ascending, and values; the first of them, as many as know the column.
    """
    rows = filled.shape[1]
    for sweep in range(sweeps):
        for column in order:
            there = np.flatnonzero(~missing[column])
            if there.size == rows and sweep < sweeps - 1:
                continue
            few = chosen[column, : counts[column]]
            design = np.empty((there.size, few.size + 1))
            _gathered(filled, there, few, design)
            target = filled[column][there]
            key = child_key(child_key(seed, sweep), column)
            size = few.size + 1
            if kinds[column] == LOGISTIC:
                target = (target - levels[column, 0]) / (levels[column, 1] - levels[column, 0])
                _logistic(design, target, key, best[column, :size], drawn[column, :size])
            else:
                sigmas[column] = _least_squares(
                    design, target, key, best[column, :size], drawn[column, :size]
                )
            if kinds[column] == MATCHING:
                scores = np.empty(there.size)
                for at in range(there.size):
                    scores[at] = _score(filled, there[at], few, best[column])
                ascending = np.argsort(scores, kind="mergesort")
                predicted[column, : there.size] = scores[ascending]
                given[column, : there.size] = target[ascending]
            use = drawn[column] if drawing else best[column]
            for row in range(rows):
                if missing[column, row]:
                    filled[column, row] = _value(
                        kinds[column],
                        _score(filled, row, few, use),
                        sigmas[column],
                        child_key(child_key(keys[row], sweep), column),
                        predicted[column, : there.size],
                        given[column, : there.size],
                        levels[column],
                        drawing,
                    )


@njit(cache=True, nogil=True)
def apply_chained(  # noqa: PLR0913, PLR0917
    filled: Floats,
    missing: npt.NDArray[np.bool_],
    keys: Keys,
    order: Whole,
    kinds: Whole,
    chosen: Whole,
    counts: Whole,
    levels: Floats,
    sweeps: int,
    drawing: bool,  # noqa: FBT001
    coefficients: Floats,
    sigmas: Floats,
    predicted: Floats,
    given: Floats,
    donors: Whole,
) -> None:
    """Impute rows with the fits that were kept; each row for itself. As ``learn_chained``."""
    for row in range(filled.shape[1]):
        some = False
        for column in order:
            some |= missing[column, row]
        if not some:
            continue
        for sweep in range(sweeps):
            for column in order:
                if missing[column, row]:
                    filled[column, row] = _value(
                        kinds[column],
                        _score(filled, row, chosen[column, : counts[column]], coefficients[column]),
                        sigmas[column],
                        child_key(child_key(keys[row], sweep), column),
                        predicted[column, : donors[column]],
                        given[column, : donors[column]],
                        levels[column],
                        drawing,
                    )
