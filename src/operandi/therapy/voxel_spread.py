"""Energy about a point, handed to the voxels of a grid, averaged over the source voxel.

The chance that a point drawn from a voxel, moved by a vector, lands in the voxel *n* further is
``prod_a max(0, 1 - |v_a / h_a - n_a|)``: the weights of linear interpolation. Averaged over
directions, here by Gauss-Legendre quadrature over one octant, it turns a radial kernel into the
voxel kernel. The weights of a vector sum to 1, so energy is conserved whatever the quadrature.
"""

import math
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_DIRECTIONS: Final = ((1.5, 16), (4.0, 32), (9.0, 64), (math.inf, 96))
"""Distance in smallest edges, and nodes in each of two angles up to it."""


def radii_for(voxel_cm: Array, *, half: npt.NDArray[np.int64]) -> Array:
    """Edges of shells fine enough for these voxels, to the far corner of the array, cm.

    Ratios of 1.25 from a thousandth of the smallest edge, for electrons that go no further, then
    steps of a 24th of that edge up to four edges and of a sixth beyond.
    """
    edge = float(voxel_cm.min())
    corner = float(np.linalg.norm((half + 1) * voxel_cm))
    near = np.geomspace(1e-3, 1 / 6, 24)
    middle = np.arange(5, 4 * 24) / 24  # whole numbers, so that no edge comes twice
    far = np.arange(4 * 6, max(math.ceil(6 * corner / edge), 24) + 1) / 6
    return edge * np.concatenate(([0.0], near, middle, far))


def spread_over_voxels(
    radius_cm: Array, energy: Array, *, voxel_cm: Array, half: npt.NDArray[np.int64]
) -> Array:
    """Hand energy at radii to voxels.

    Parameters
    ----------
    radius_cm : array, (n,)
        Distances from the source point, ascending, cm.
    energy : array, (k, n)
        Of each of *k* kernels at each distance, any unit.
    voxel_cm : array, (3,)
        Edges, cm.
    half : array of int, (3,)
        Voxels on either side of the middle.

    Returns
    -------
    array, (k, 2 half + 1)
        Energy in each voxel.
    """
    octant = np.zeros((energy.shape[0], *(half + 1)))
    start = 0
    for limit, nodes in _DIRECTIONS:
        stop = int(np.searchsorted(radius_cm, limit * float(voxel_cm.min())))
        if stop > start:
            x, weight = np.polynomial.legendre.leggauss(nodes)
            part = slice(start, stop)
            scale = np.ascontiguousarray(energy[:, part])
            _spread(octant, radius_cm[part], scale, voxel_cm, (x + 1) / 2, weight / 2)
            start = stop
    full = octant
    for axis in range(1, 4):
        mirrored = np.flip(full, axis)
        middle = np.take(full, [0], axis) * 2  # the middle takes from both sides
        one = [slice(None)] * 4
        one[axis] = slice(None, -1)
        rest = [slice(None)] * 4
        rest[axis] = slice(1, None)
        full = np.concatenate((mirrored[tuple(one)], middle, full[tuple(rest)]), axis)
    return full / 8


@numba.njit(cache=True)
def _spread(
    octant: Array, radius: Array, energy: Array, voxel: Array, nodes: Array, weights: Array
) -> None:
    kernels, a, b, c = octant.shape
    for shell in range(radius.size):
        for i in range(nodes.size):
            cosine = nodes[i]
            sine = math.sqrt(1 - cosine * cosine)
            z = radius[shell] * cosine / voxel[2]
            iz = int(z)
            fz = z - iz
            if iz >= c:
                continue
            for j in range(nodes.size):
                angle = nodes[j] * math.pi / 2
                x = radius[shell] * sine * math.cos(angle) / voxel[0]
                y = radius[shell] * sine * math.sin(angle) / voxel[1]
                ix, iy = int(x), int(y)
                if ix >= a or iy >= b:
                    continue
                fx, fy = x - ix, y - iy
                weight = weights[i] * weights[j]
                for k in range(kernels):
                    e = energy[k, shell] * weight
                    for dx in range(2 if ix + 1 < a else 1):
                        ex = e * (fx if dx else 1 - fx)
                        for dy in range(2 if iy + 1 < b else 1):
                            ey = ex * (fy if dy else 1 - fy)
                            octant[k, ix + dx, iy + dy, iz] += ey * (1 - fz)
                            if iz + 1 < c:
                                octant[k, ix + dx, iy + dy, iz + 1] += ey * fz
