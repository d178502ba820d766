"""Shapes as tables for the kernels, and how far points lie from them."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.quantities.errors import DataError
from operandi.simulation.scenes.scene import Ellipsoid, HalfSpace, Primitive, Shape, Tube
from operandi.simulation.scenes.shape_kernels import distances
from operandi.simulation.scenes.shape_tables import (
    ALONG,
    AT,
    COLUMNS,
    COSINE,
    ELLIPSOID,
    ENDLESS_MM,
    EXPONENT,
    HALF_SPACE,
    INVERSE,
    KIND,
    NORMAL,
    PER_LENGTH2,
    RADIUS,
    ROLE,
    SCALED,
    SEGMENT,
    SMALLEST,
    SWELL,
    UNION,
    WIDENING,
    WITHIN,
    WITHOUT,
    Floats,
    Solid,
)

_Bools = npt.NDArray[np.bool_]

_LOBES: Final = 12
_LOBE_FREQUENCY: Final = 3.0
"""Radians per radius: a surface has about six bulges."""

_BALL_FINENESS: Final = 0.2
_THIN_FINENESS: Final = 0.7
_TUBE_FINENESS: Final = 0.35
"""Distance of samples per mean radius of an ellipsoid, per its smallest, and per that of a tube.

Measured with voxels of 4 mm and radii of 4 to 40 mm, over the worst of all symmetric places in the
lattice: balls within 0.8 %, tubes within 1.2 %.
"""

_EXPONENT_RANGE: Final = (2.0, 6.0)
_LOBULATION_RANGE: Final = (0.0, 0.3)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CompiledShape:
    """A shape as tables.

    Parameters
    ----------
    solid : Solid
        What the kernels take.
    lowest, highest : (3,)
        Corners of a box that holds the shape, mm.
    sample_mm : float
        The largest distance of samples within a voxel.
    """

    solid: Solid
    lowest: Floats
    highest: Floats
    sample_mm: float


@lru_cache(maxsize=1024)  # a scene is painted at several phases and on several grids
def compiled(shape: Shape) -> CompiledShape:
    """Check a shape and write its tables.

    Raises
    ------
    DataError
        If the shape has no parts, or a size, exponent, axis or lobulation out of its range.
    """
    _check(shape)
    lobes = _lobes(shape)
    swell = _swell(lobes, shape.lobulation)
    rows = [row for part in shape.parts for row in _rows(part, UNION, swell)]
    rows += [row for limit in shape.within for row in _rows(limit, WITHIN, 1.0)]
    rows += [row for hole in shape.without for row in _rows(hole, WITHOUT, 1.0)]
    grow = swell * (1.0 + shape.lobulation)
    corners = [_extent(part, grow=grow) for part in shape.parts]
    lowest = np.min([low for low, _ in corners], axis=0) - shape.blend_mm
    highest = np.max([high for _, high in corners], axis=0) + shape.blend_mm
    for limit in shape.within:
        low, high = _extent(limit, grow=1.0)
        lowest, highest = np.maximum(lowest, low), np.minimum(highest, high)
    return CompiledShape(
        solid=Solid(np.array(rows), lobes, float(shape.lobulation), max(shape.blend_mm, 1e-9)),
        lowest=lowest,
        highest=highest,
        sample_mm=min(_sample_mm(part) for part in shape.parts),
    )


def signed_distance_mm(shape: Shape, points: npt.ArrayLike) -> Floats:
    """Distance of points (..., 3) to the surface of a shape, mm; negative inside.

    Exact for spheres, even tubes and half-spaces; of first order in the distance for other
    ellipsoids and for slanted tubes; a bound near edges of ``within`` and ``without``.

    Raises
    ------
    DataError
        If the shape has no parts or a size that is not positive.
    """
    at = np.asarray(points, dtype=np.float64)
    flat = np.ascontiguousarray(at.reshape(-1, 3))
    distance: Floats = distances(compiled(shape).solid, flat)
    return distance.reshape(at.shape[:-1])


def inside(shape: Shape, points: npt.ArrayLike) -> _Bools:
    """Whether points (..., 3) lie in a shape or on its surface."""
    result: _Bools = signed_distance_mm(shape, points) <= 0.0
    return result


def _check(shape: Shape) -> None:
    if not shape.parts:
        raise DataError("A shape needs at least one part, and has none.", remedy="Add one.")
    if any(isinstance(part, HalfSpace) for part in shape.parts):
        raise DataError(
            "Parts of a shape are ellipsoids and tubes, and one is a half-space.",
            remedy="Half-spaces belong to `within` or `without`.",
        )
    low, high = _LOBULATION_RANGE
    if not low <= shape.lobulation <= high or not shape.blend_mm >= 0.0:
        raise DataError(
            f"Lobulation must be {low} to {high} and blending not negative, got "
            f"{shape.lobulation} and {shape.blend_mm} mm."
        )
    for primitive in (*shape.parts, *shape.within, *shape.without):
        if isinstance(primitive, Ellipsoid):
            _check_ellipsoid(primitive)
        elif isinstance(primitive, Tube):
            _check_tube(primitive)
        elif not math.hypot(*primitive.normal) > 0.0:
            raise DataError(f"A half-space needs a normal, got {primitive.normal}.")


def _check_ellipsoid(ellipsoid: Ellipsoid) -> None:
    if not all(axis > 0.0 for axis in ellipsoid.semi_axes):
        raise DataError(f"Semi-axes must be positive, got {ellipsoid.semi_axes} mm.")
    low, high = _EXPONENT_RANGE
    if not low <= ellipsoid.exponent <= high:
        raise DataError(f"An exponent must be {low} to {high}, got {ellipsoid.exponent}.")
    axes = np.asarray(ellipsoid.axes)
    if not np.abs(axes @ axes.T - np.eye(3)).max() <= 1e-6:
        raise DataError(f"Axes must be perpendicular unit vectors, got {ellipsoid.axes}.")


def _check_tube(tube: Tube) -> None:
    if len(tube.points) < 2 or len(tube.points) != len(tube.radii):
        raise DataError(
            f"A tube needs two points or more and a radius for each, got {len(tube.points)} points "
            f"and {len(tube.radii)} radii."
        )
    if not all(radius > 0.0 for radius in tube.radii):
        raise DataError(f"Radii must be positive, got {tube.radii} mm.")


def _rows(primitive: Primitive, role: float, swell: float) -> list[Floats]:
    if isinstance(primitive, Tube):
        return _segments(primitive, role)
    row = np.zeros(COLUMNS)
    row[ROLE] = role
    if isinstance(primitive, HalfSpace):
        normal = np.asarray(primitive.normal, dtype=np.float64)
        row[KIND] = HALF_SPACE
        row[AT : AT + 3] = primitive.point
        row[NORMAL : NORMAL + 3] = normal / np.linalg.norm(normal)
        return [row]
    semi = np.minimum(np.asarray(primitive.semi_axes, dtype=np.float64), ENDLESS_MM)
    row[KIND] = ELLIPSOID
    row[AT : AT + 3] = primitive.center
    row[SCALED : SCALED + 9] = (np.asarray(primitive.axes) / semi[:, None]).ravel()
    row[INVERSE : INVERSE + 3] = 1.0 / semi
    row[EXPONENT] = primitive.exponent
    row[SMALLEST] = semi.min()
    row[SWELL] = swell
    return [row]


def _segments(tube: Tube, role: float) -> list[Floats]:
    points = np.asarray(tube.points, dtype=np.float64)
    rows = []
    for start, stop, first, last in zip(
        points[:-1], points[1:], tube.radii[:-1], tube.radii[1:], strict=True
    ):
        row = np.zeros(COLUMNS)
        row[KIND], row[ROLE] = SEGMENT, role
        row[AT : AT + 3] = start
        row[ALONG : ALONG + 3] = stop - start
        length = max(float(np.linalg.norm(stop - start)), 1e-6)
        row[RADIUS], row[WIDENING] = first, last - first
        row[PER_LENGTH2] = 1.0 / length**2
        row[COSINE] = length / math.hypot(length, last - first)
        rows.append(row)
    return rows


def _sample_mm(part: Primitive) -> float:
    if isinstance(part, Ellipsoid):
        semi = np.minimum(part.semi_axes, ENDLESS_MM)
        size = float(np.exp(np.log(semi).mean()))
        return min(_BALL_FINENESS * size, _THIN_FINENESS * float(semi.min()))
    return _TUBE_FINENESS * float(min(part.radii)) if isinstance(part, Tube) else ENDLESS_MM


def _extent(primitive: Primitive, *, grow: float) -> tuple[Floats, Floats]:
    """Corners of the box around a primitive."""
    if isinstance(primitive, Ellipsoid):
        semi = np.minimum(np.asarray(primitive.semi_axes, dtype=np.float64), ENDLESS_MM) * grow
        axes = np.abs(np.asarray(primitive.axes))
        half = (
            np.sqrt((semi[:, None] ** 2 * axes**2).sum(axis=0))
            if primitive.exponent == _EXPONENT_RANGE[0]
            else (semi[:, None] * axes).sum(axis=0)
        )
        center = np.asarray(primitive.center, dtype=np.float64)
        return center - half, center + half
    if isinstance(primitive, Tube):
        points = np.asarray(primitive.points, dtype=np.float64)
        radii = np.asarray(primitive.radii, dtype=np.float64)[:, None]
        return (points - radii).min(axis=0), (points + radii).max(axis=0)
    low, high = np.full(3, -ENDLESS_MM), np.full(3, ENDLESS_MM)
    normal = np.asarray(primitive.normal, dtype=np.float64)
    axis = int(np.abs(normal).argmax())
    if abs(normal[axis]) > (1.0 - 1e-12) * float(np.linalg.norm(normal)):
        (high if normal[axis] > 0.0 else low)[axis] = primitive.point[axis]
    return low, high


def _lobes(shape: Shape) -> Floats:
    """Waves over the unit sphere whose sum reaches from -1 to 1."""
    if shape.lobulation == 0.0:
        return np.zeros((0, 5))
    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence(shape.lobulation_seed)))
    lobes = np.empty((_LOBES, 5))
    directions = generator.standard_normal((_LOBES, 3))
    lobes[:, :3] = _LOBE_FREQUENCY * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    lobes[:, 3] = generator.uniform(0.0, 2.0 * math.pi, _LOBES)
    waves = np.cos(_sphere() @ lobes[:, :3].T + lobes[:, 3]).sum(axis=1)
    # The sum of many waves is not centered on one sphere: bulges and dents weigh the same.
    lobes[:, 4] = 1.0 / np.abs(waves).max()
    return lobes


def _swell(lobes: Floats, lobulation: float) -> float:
    """Factor on the radii by which a bulged ellipsoid has the volume of the smooth one."""
    if not len(lobes):
        return 1.0
    waves = (np.cos(_sphere() @ lobes[:, :3].T + lobes[:, 3]) * lobes[:, 4]).sum(axis=1)
    return float(((1.0 + lobulation * waves) ** 3).mean() ** (-1.0 / 3.0))


def _sphere(count: int = 500) -> Floats:
    """Points spread evenly over the unit sphere, by the golden angle."""
    step = np.arange(count) + 0.5
    height = 1.0 - 2.0 * step / count
    turn = math.pi * (1.0 + math.sqrt(5.0)) * step
    ring = np.sqrt(1.0 - height**2)
    return np.stack([ring * np.cos(turn), ring * np.sin(turn), height], axis=1)
