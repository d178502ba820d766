"""Compiled loops that become vector instructions, and powers for them as polynomials.

The library's powers take one number at a time. Here doubles are taken apart into a power of two
and a factor from sqrt(1/2) to sqrt(2), and put together again, by their bits.
"""

import math
from typing import Final

import numpy as np
from numba import njit

kernel = njit(cache=True, nogil=True, error_model="numpy")
"""Divisions do not look for zeros: that would keep loops from becoming vector instructions."""

inlined = njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
"""For what such loops call."""

_FRACTION_BITS: Final = np.int64(52)
_ROOT_HALF: Final = np.int64(0x3FE6A09E667F3BCD)
_ONE: Final = np.int64(0x3FF0000000000000)
_WHOLE: Final = 6755399441055744.0  # 1.5 2^52: what is added to it is rounded to a whole number
_LN_2: Final = math.log(2.0)
_WHOLE_BITS: Final = np.int64(0x4338000000000000)


@inlined
def positive_power(base: float, exponent: float) -> float:
    """Power of a positive number, within 1e-14 of itself."""
    bits = np.float64(base).view(np.int64)
    two = (bits - _ROOT_HALF) >> _FRACTION_BITS
    factor = np.int64(bits - (two << _FRACTION_BITS)).view(np.float64)
    s = (factor - 1.0) / (factor + 1.0)
    q = s * s  # the logarithm is a series of odd powers of s
    p = 1 / 13 + q * (1 / 15 + q * (1 / 17 + q * (1 / 19 + q * (1 / 21))))
    p = 1.0 + q * (1 / 3 + q * (1 / 5 + q * (1 / 7 + q * (1 / 9 + q * (1 / 11 + q * p)))))
    powers = np.int64(two + _WHOLE_BITS).view(np.float64) - _WHOLE
    binary = exponent * (powers + 2.0 / _LN_2 * s * p)
    rounded = binary + _WHOLE
    f = (binary - (rounded - _WHOLE)) * _LN_2
    r = 1 / 5040 + f * (1 / 40320 + f * (1 / 362880 + f * (1 / 3628800 + f * (1 / 39916800))))
    r = 1.0 + f * (0.5 + f * (1 / 6 + f * (1 / 24 + f * (1 / 120 + f * (1 / 720 + f * r)))))
    scale = (np.float64(rounded).view(np.int64) << _FRACTION_BITS) + _ONE
    return float((1.0 + f * r) * np.int64(scale).view(np.float64))
