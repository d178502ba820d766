"""Random numbers inside compiled loops: a stream of its own for each tree and chain.

References
----------
.. [1] Steele, Lea & Flood, OOPSLA 2014 (splitmix64).
"""

import numpy as np
import numpy.typing as npt
from numba import njit

Unsigned = npt.NDArray[np.uint64]


@njit(cache=True, nogil=True)
def begin_stream(seed: int, number: int) -> Unsigned:
    """State of stream *number* of a seed; the streams of a seed do not meet in practice."""
    state = np.empty(1, np.uint64)
    state[0] = np.uint64(seed) ^ (np.uint64(number + 1) * np.uint64(0xD1342543DE82EF95))
    return state


@njit(cache=True, nogil=True)
def uniform(state: Unsigned) -> float:
    """Next number in [0, 1)."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return float(z >> np.uint64(11)) * 2.0**-53


@njit(cache=True, nogil=True)
def normal(state: Unsigned) -> float:
    """Next standard normal number, after Box and Muller; the other one of the pair is not kept."""
    radius = np.sqrt(-2.0 * np.log(1.0 - uniform(state)))
    return float(radius * np.cos(2.0 * np.pi * uniform(state)))
