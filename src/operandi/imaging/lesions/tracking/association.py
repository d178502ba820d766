"""Who is who: one-to-one assignment with births and deaths, and how sure each pair is."""

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

Array = npt.NDArray[np.float64]

NEVER: Final = -1e6
"""Log odds of a pair that a reader has forbidden."""
ALWAYS: Final = 1e6
"""Log odds of a pair that a reader has stated."""

# Beyond it 1 + sum - term loses its digits; e^-25 is no doubt any reader shares.
_LIMIT: Final = 25.0
_ROUNDS: Final = 200
_CLOSE: Final = 1e-9


def assigned(log_odds: Array) -> tuple[tuple[int, int], ...]:
    """Choose the pairs with the greatest sum of log odds, each row and column once at most.

    Parameters
    ----------
    log_odds : array, (n, m)
        Of each pair, against the death of the one and the birth of the other.

    Returns
    -------
    tuple of (row, column)
        By rows; only pairs that are likelier than death and birth.
    """
    if log_odds.size == 0:
        return ()
    rows, columns = linear_sum_assignment(np.maximum(log_odds, 0.0), maximize=True)
    return tuple((int(i), int(j)) for i, j in zip(rows, columns, strict=True) if log_odds[i, j] > 0)


def pair_probabilities(log_odds: Array) -> Array:
    """Probability of each pair, over all one-to-one assignments with births and deaths.

    By belief propagation, which converges for this problem and is close to the exact sum over
    assignments [1]_. One minus the sum of a row is the probability of a death, of a column of a
    birth.

    Parameters
    ----------
    log_odds : array, (n, m)
        As for :func:`assigned`.

    References
    ----------
    .. [1] Williams and Lau, IEEE Trans Aerosp Electron Syst 2014, doi 10.1109/TAES.2014.120568.
    """
    if log_odds.size == 0:
        return np.zeros(log_odds.shape)
    odds = np.exp(np.clip(log_odds, -_LIMIT, _LIMIT))
    odds[log_odds <= NEVER / 2] = 0.0
    down = np.ones_like(odds)
    for _ in range(_ROUNDS):
        weighted = odds * down
        across = odds / (1.0 + weighted.sum(axis=1, keepdims=True) - weighted)
        update = 1.0 / (1.0 + across.sum(axis=0, keepdims=True) - across)
        done = np.abs(update - down).max() < _CLOSE
        down = update
        if done:
            break
    weighted = odds * down
    probability: Array = weighted / (1.0 + weighted.sum(axis=1, keepdims=True))
    return probability
