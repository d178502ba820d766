"""Thermal noise of a coil and what a scanner stores: Gaussian in both channels, hence Rician.

References
----------
.. [1] Gudbjartsson and Patz, Magn Reson Med 34:910, 1995 (recalled): Rician noise of magnitude
       images; without signal the mean is ``sigma sqrt(pi / 2)``.
"""

from typing import Final

import numba
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

LARGEST: Final = 4095
"""Of a stored magnitude."""

PI_LEVEL: Final = 4096
"""The stored phase that means pi."""


def channel_noise(shape: tuple[int, ...], *, sigma: float, random: np.random.Generator) -> Array:
    """Gaussian noise of the real and the imaginary channel, shape ``(2, *shape)``."""
    noise = random.standard_normal((2, *shape), dtype=np.float32)
    noise *= np.float32(sigma)
    return noise


def stored_magnitude(
    signal: Array, *, sigma: float, scale: float, random: np.random.Generator
) -> Array:
    """Magnitude of a real signal with noise, as stored: whole numbers from 0 to 4095.

    Parameters
    ----------
    signal : Array
        Real and noise-free.
    sigma : float, >= 0
        Standard deviation of each channel, in the unit of the signal.
    scale : float
        Stored level of a signal of 1.
    random : np.random.Generator
    """
    noise = channel_noise(signal.shape, sigma=sigma, random=random)
    stored = np.empty(signal.shape, dtype=np.float32)
    _magnitudes(
        np.ascontiguousarray(signal).ravel(),
        noise[0].ravel(),
        noise[1].ravel(),
        np.float32(scale),
        stored.ravel(),
    )
    return stored


def stored_phase(phase_rad: Array) -> Array:
    """Phase as stored, wrapped: whole numbers from -4096 to 4095, 4096 being pi."""
    levels = np.rint(phase_rad * np.float32(PI_LEVEL / np.pi))
    wrapped: Array = ((levels + PI_LEVEL) % (2 * PI_LEVEL) - PI_LEVEL).astype(np.float32)
    return wrapped


@numba.njit(cache=True)
def _magnitudes(signal, real, imaginary, scale, stored):  # type: ignore[no-untyped-def]
    largest = np.float32(LARGEST)
    for n in range(signal.size):
        along = signal[n] + real[n]
        level = np.rint(np.sqrt(along * along + imaginary[n] * imaginary[n]) * scale)
        stored[n] = min(level, largest)
