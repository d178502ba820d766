"""How much of each voxel is which part of a scene: the one place where shapes become voxels."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.domain.grid import Grid
from operandi.simulation.scenes.motion import body_from_index, shift_of
from operandi.simulation.scenes.scene import Part, Scene
from operandi.simulation.scenes.shape_kernels import take
from operandi.simulation.scenes.shape_tables import Floats, Ints, Sampling, Shift
from operandi.simulation.scenes.shapes import CompiledShape, compiled
from operandi.simulation.scenes.textures import painted_texture

Array = npt.NDArray[np.float32]
Box = tuple[slice, slice, slice]

_MOST_SAMPLES: Final = 6
"""Along an axis of a voxel."""


@dataclass(frozen=True, slots=True, eq=False)
class PaintedPart:
    """Share of every voxel that shows a part, after what lies over it was taken away.

    Parameters
    ----------
    part : Part
    box : tuple of slice
        Where in the grid.
    share : (i, j, k) of the box, float32, 0 to 1
    texture : (i, j, k) of the box, float32, or None
        Factor on the uptake.
    """

    part: Part
    box: Box
    share: Array
    texture: Array | None


@dataclass(frozen=True, slots=True, eq=False)
class Occupancy:
    """A painted scene: shares of all parts and of the air around them sum to one."""

    grid: Grid
    parts: tuple[PaintedPart, ...]

    def image(self, by_tissue: Mapping[str, float], *, textured: bool = False) -> Array:
        """Sum of shares times the value of the part's tissue, shape ``grid.shape``; air is 0.

        Parameters
        ----------
        by_tissue : mapping
            A value for every tissue of the scene.
        textured : bool
            True for uptake.
        """
        image = np.zeros(self.grid.shape, dtype=np.float32)
        for painted in self.parts:
            value = np.float32(by_tissue[painted.part.tissue])
            if textured and painted.texture is not None:
                image[painted.box] += painted.share * painted.texture * value
            else:
                image[painted.box] += painted.share * value
        return image


def paint(
    scene: Scene,
    grid: Grid,
    *,
    respiration: float = 0.0,
    contraction: float = 0.0,
    textures: bool = True,
) -> Occupancy:
    """Tell how much of each voxel is which part.

    Parts are painted from last to first; each takes its own share of what is left of a voxel:
    ``share = own * remaining``. A voxel's own share is the mean over its samples (finer where a
    part is small) of a ramp over the distance to the surface, corrected for curvature; volumes of
    ellipsoids of a voxel's radius and more come out within 1 %.

    Parameters
    ----------
    scene : Scene
    grid : Grid
        Any, oblique ones too.
    respiration : float, 0 to 1
        0 end-expiration, 1 end-inspiration.
    contraction : float, 0 to 1
        0 end-diastole, 1 end-systole.
    textures : bool
        False saves their time where uptake is not asked for.

    Returns
    -------
    Occupancy
        Parts in the order of the scene; those out of view or wholly covered are left out.

    Raises
    ------
    DataError
        If a shape, a motion or a phase is impossible.
    """
    shift = shift_of(scene.motion, respiration=respiration, contraction=contraction)
    body = body_from_index(grid, scene.pose)
    remaining = np.ones(grid.shape, dtype=np.float32)
    painted: list[PaintedPart] = []
    for part in reversed(scene.parts):
        shape = compiled(part.shape)
        found = _box(shape, shift, body, grid.shape)
        if found is None:
            continue
        low, high = found
        share = np.zeros(tuple(int(n) for n in high - low), dtype=np.float32)
        first, last = take(shape.solid, shift, sampling_of(shape, body), low, share, remaining)
        if (last < first).any():
            continue
        box = tuple(slice(int(a), int(b) + 1) for a, b in zip(low + first, low + last, strict=True))
        share = share[tuple(slice(int(a), int(b) + 1) for a, b in zip(first, last, strict=True))]
        field = None
        if textures and part.texture is not None:
            field = painted_texture(
                part.texture, part.shape, shift=shift, body=body, low=low + first, share=share
            )
        painted.append(
            PaintedPart(part=part, box=(box[0], box[1], box[2]), share=share, texture=field)
        )
    return Occupancy(grid=grid, parts=tuple(reversed(painted)))


def _box(
    shape: CompiledShape, shift: Shift, body: Floats, size: tuple[int, int, int]
) -> tuple[Ints, Ints] | None:
    """First index and end of the voxels that can show a shape."""
    room = shift.inward
    lowest = shape.lowest - (room, room + shift.forward, room + shift.down)
    highest = shape.highest + room
    if (lowest >= highest).any():
        return None
    inverse = np.linalg.inv(body[:, :3])
    middle = inverse @ (0.5 * (lowest + highest) - body[:, 3])
    half = np.abs(inverse) @ (0.5 * (highest - lowest))
    low = np.clip(np.floor(middle - half + 0.5), 0, size).astype(np.int64)
    high = np.clip(np.floor(middle + half + 0.5) + 1, 0, size).astype(np.int64)
    return None if (high <= low).any() else (low, high)


def sampling_of(shape: CompiledShape, body: Floats) -> Sampling:
    """How finely a shape is looked at on the grid of ``body`` (``body_from_index``)."""
    spacing = np.linalg.norm(body[:, :3], axis=0)
    target = max(shape.sample_mm, 1e-6)
    fine = [min(_MOST_SAMPLES, max(1, math.ceil(edge / target - 1e-9))) for edge in spacing]
    # Anisotropic voxels: no sample much longer than the others.
    cell = min(edge / count for edge, count in zip(spacing, fine, strict=True))
    fine = [
        max(count, min(_MOST_SAMPLES, round(edge / (1.5 * cell))))
        for edge, count in zip(spacing, fine, strict=True)
    ]
    width = float(np.prod(spacing / fine) ** (1.0 / 3.0))
    return Sampling(body=body, fine=(fine[0], fine[1], fine[2]), width=width)
