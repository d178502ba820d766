"""Random numbers that are a hash of what they are for: same for any number of threads.

SplitMix64 [1]_ run as a counter: draw *n* of history *h* is found without the draws before it.

References
----------
.. [1] Steele, Lea, Flood, Fast splittable pseudorandom number generators, OOPSLA 2014.
"""

import numba
import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_TO_UNIT = 2.0**-53


@numba.njit(cache=True)
def _mixed(word: np.uint64) -> np.uint64:
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))


@numba.njit(cache=True)
def stream(seed: int, history: int) -> np.uint64:
    """Key of the random numbers of one history."""
    key: np.uint64 = _mixed(_mixed(np.uint64(seed) + _GOLDEN) + np.uint64(history) * _GOLDEN)
    return key


@numba.njit(cache=True)
def uniform(key: np.uint64, draw: int) -> float:
    """Draw number *draw* of the stream *key*, in (0, 1]."""
    word = _mixed(key + (np.uint64(draw) + np.uint64(1)) * _GOLDEN)
    return (float(word >> np.uint64(11)) + 1.0) * _TO_UNIT
