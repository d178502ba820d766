"""Painting by looking at every sample of every voxel: no block is decided as a whole."""

import numpy as np
import numpy.typing as npt
from numba import njit

from operandi.domain.grid import Grid
from operandi.simulation.scenes import shape_kernels
from operandi.simulation.scenes.motion import body_from_index, shift_of
from operandi.simulation.scenes.painting import sampling_of
from operandi.simulation.scenes.scene import Scene
from operandi.simulation.scenes.shape_kernels import pull_back
from operandi.simulation.scenes.shape_tables import Floats, Ints, Sampling, Shift, Singles, Solid
from operandi.simulation.scenes.shapes import compiled

_cover, _places = shape_kernels._cover, shape_kernels._places
_Y, _Z, _SHARE = shape_kernels._Y, shape_kernels._Z, shape_kernels._REST
_NUMBERS = shape_kernels._NUMBERS


def shares_everywhere(
    scene: Scene, grid: Grid, *, respiration: float, contraction: float
) -> list[npt.NDArray[np.float32]]:
    """Share of every voxel that each part has, in the order of the scene."""
    shift = shift_of(scene.motion, respiration=respiration, contraction=contraction)
    body = body_from_index(grid, scene.pose)
    remaining = np.ones(grid.shape, dtype=np.float32)
    shares = []
    for part in reversed(scene.parts):
        shape = compiled(part.shape)
        shares.append(_take(shape.solid, shift, sampling_of(shape, body), remaining))
    return shares[::-1]


@njit(cache=True, error_model="numpy")
def _take(solid: Solid, shift: Shift, sampling: Sampling, remaining: Singles) -> Singles:
    share = np.zeros_like(remaining)
    rows = solid.rows.shape[0]
    every = np.empty((1, rows + 1), np.int64)
    every[0, 0], every[0, 1:] = rows, np.arange(rows)
    work = np.empty(_NUMBERS)
    for voxel in np.ndindex(share.shape):
        own = _own(solid, shift, sampling, voxel, every, work)
        part = np.float32(own * remaining[voxel])
        share[voxel] = part
        remaining[voxel] -= part
    return share


@njit(cache=True, error_model="numpy")
def _own(
    solid: Solid,
    shift: Shift,
    sampling: Sampling,
    voxel: tuple[int, int, int],
    every: Ints,
    work: Floats,
) -> float:
    count = _places(sampling, np.zeros(3, np.int64), voxel, 1, work)
    for s in range(count):
        at = pull_back(shift, (work[s], work[_Y + s], work[_Z + s]))
        work[s], work[_Y + s], work[_Z + s] = at
    _cover(solid, every, 0, sampling.width, work, count)
    return float(work[_SHARE : _SHARE + count].sum() / count)
