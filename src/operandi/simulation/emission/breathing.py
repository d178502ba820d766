"""Mean of an image over a breath, by shifting what was painted once.

Painting every phase anew would be exact and costs as often as there are phases; the shift differs
from it by less than the blur of a PET tells apart.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

from operandi.domain.grid import Grid
from operandi.simulation.scenes.motion import displacement
from operandi.simulation.scenes.painting import Array
from operandi.simulation.scenes.scene import Scene

_Floats = npt.NDArray[np.float64]


def breath_field(scene: Scene, grid: Grid) -> Array:
    """Pull-back at end-inspiration, (i, j, k, 3), in voxels; other phases are its multiples."""
    field = displacement(scene.motion, scene.pose, grid, respiration=1.0, contraction=0.0)
    field /= np.diag(grid.affine)[:3].astype(np.float32)
    return field


def breath_mean(image: Array, field: Array, *, phases: tuple[tuple[float, float], ...]) -> Array:
    """Mean of an image at end-expiration over phases of a breath.

    Cubic convolution along y and z, where organs move; along x, where only a turned body moves a
    little, linear. What comes from outside the image is its edge.

    Parameters
    ----------
    image : (i, j, k), >= 0
    field : (i, j, k, 3)
        Of `breath_field`.
    phases : tuple of (respiration, share of time)
    """
    table = np.array(phases, dtype=np.float64)
    result: Array = _mean(np.ascontiguousarray(image), field, table)
    return result


@njit(cache=True, nogil=True)
def _cubic(t: float) -> tuple[float, float, float, float]:
    """Weights of Catmull and Rom of the neighbors at -1, 0, 1, 2."""
    return (
        0.5 * t * (-1.0 + t * (2.0 - t)),
        0.5 * (2.0 + t * t * (3.0 * t - 5.0)),
        0.5 * t * (1.0 + t * (4.0 - 3.0 * t)),
        0.5 * t * t * (t - 1.0),
    )


@njit(cache=True, nogil=True)
def _in_plane(image: Array, i: int, y: float, z: float) -> float:
    """Value at (i, y, z)."""
    j, k = int(np.floor(y)), int(np.floor(z))
    along_y, along_z = _cubic(y - j), _cubic(z - k)
    last_j, last_k = image.shape[1] - 1, image.shape[2] - 1
    total = 0.0
    for b in range(4):
        if along_y[b] != 0.0:
            row = min(max(j + b - 1, 0), last_j)
            for c in range(4):
                column = min(max(k + c - 1, 0), last_k)
                total += along_y[b] * along_z[c] * image[i, row, column]
    return total


@njit(cache=True, nogil=True)
def _at(image: Array, x: float, y: float, z: float) -> float:
    last = image.shape[0] - 1
    x = min(max(x, 0.0), float(last))
    i = int(x)
    t = x - i
    value = _in_plane(image, i, y, z)
    if t > 0.01 and i < last:
        value = (1.0 - t) * value + t * _in_plane(image, i + 1, y, z)
    return value


@njit(cache=True, nogil=True)
def _mean(image: Array, field: Array, phases: _Floats) -> Array:
    result = image.copy()
    for i in range(image.shape[0]):
        for j in range(image.shape[1]):
            for k in range(image.shape[2]):
                u, v, w = field[i, j, k, 0], field[i, j, k, 1], field[i, j, k, 2]
                if abs(u) + abs(v) + abs(w) < 0.01:
                    continue
                total = 0.0
                for phase in range(phases.shape[0]):
                    r = phases[phase, 0]
                    total += phases[phase, 1] * _at(image, i + r * u, j + r * v, k + r * w)
                result[i, j, k] = max(total, 0.0)
    return result
