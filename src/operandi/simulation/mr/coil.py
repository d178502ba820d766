"""Sensitivity of the receiving coils, as what is left of it after the scanner's normalization.

A sum of a few long plane waves with random directions and phases: smooth, the same for all series
of a visit. Its size (standard deviation 0.12) and its wavelengths (0.5 to 1 m) are assumed.
"""

from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from operandi.domain.grid import Grid
from operandi.simulation.streams import Stream, generator

Array = npt.NDArray[np.float32]

BIAS_SD: Final = 0.12
_WAVES: Final = 6
_LONGEST_MM, _SHORTEST_MM = 1000.0, 500.0
_LEAST: Final = 0.3


def coil_bias(grid: Grid, *, seed: int, key: tuple[int, ...]) -> Array:
    """Factor on the signal of every voxel, mean about 1, shape ``grid.shape``.

    Parameters
    ----------
    grid : Grid
        Axes along the patient's.
    seed : int
    key : tuple of int
        Participant and visit; not the series.
    """
    random = generator(*key, seed=seed, stream=Stream.COIL)
    directions = random.standard_normal((_WAVES, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    lengths = random.uniform(_SHORTEST_MM, _LONGEST_MM, _WAVES)
    phases = random.uniform(0.0, 2.0 * np.pi, _WAVES)
    waves = directions * (2.0 * np.pi / lengths)[:, None]
    amplitude = BIAS_SD * np.sqrt(2.0 / _WAVES)
    along = [
        np.exp(1j * waves[:, n, None] * (grid.affine[n, 3] + grid.affine[n, n] * np.arange(size)))
        for n, size in enumerate(grid.shape)
    ]
    first = (amplitude * np.exp(1j * phases))[:, None] * along[0]
    rest = along[1][:, :, None] * along[2][:, None, :]
    bias = np.empty(grid.shape, dtype=np.float32)
    _add_waves(first, rest, bias)
    np.maximum(bias, np.float32(_LEAST), out=bias)
    return bias


@numba.njit(cache=True)
def _add_waves(first, rest, bias):  # type: ignore[no-untyped-def]
    # Summed in this order on every machine: a matrix product is not, and levels are rounded.
    waves = first.shape[0]
    for i in range(bias.shape[0]):
        for j in range(bias.shape[1]):
            for k in range(bias.shape[2]):
                total = 1.0
                for n in range(waves):
                    one, other = first[n, i], rest[n, j, k]
                    total += one.real * other.real - one.imag * other.imag
                bias[i, j, k] = total
