"""Organs brought to their volume: what is visible of them, after what is painted over them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.simulation.scenes.motion import shift_of
from operandi.simulation.scenes.scene import Ellipsoid, Motion, Part, Point, Primitive, Tube
from operandi.simulation.scenes.shape_kernels import take
from operandi.simulation.scenes.shape_tables import Sampling, Singles
from operandi.simulation.scenes.shapes import CompiledShape, compiled

_Floats = npt.NDArray[np.float64]
_Bools = npt.NDArray[np.bool_]
Block = tuple[slice, slice, slice]

TOLERANCE: Final = 0.004
_ROUNDS: Final = 8
_POINTS: Final = 60_000  # of the lattice over an organ's box
_FEW_POINTS: Final = 12_000  # of a first look, whose box holds organs of nearly twice the size
_ROOM: Final = 1.06
_ROOM_AT_FIRST: Final = 1.7
_FACTOR_RANGE: Final = (0.4, 3.0)
_SHARP_MM: Final = 1e-6
_AT_REST: Final = shift_of(
    Motion(diaphragm_mm=0.0, forward_mm=0.0, heart_mm=0.0), respiration=0.0, contraction=0.0
)


def scaled(part: Part, *, about: Point, by: float) -> Part:
    """A part with all its primitives but those of ``within`` stretched about a point."""
    shape = part.shape
    return replace(
        part,
        shape=replace(
            shape,
            parts=tuple(_scaled(one, about=about, by=by) for one in shape.parts),
            without=tuple(_scaled(one, about=about, by=by) for one in shape.without),
            blend_mm=shape.blend_mm * by,
        ),
    )


def _scaled(one: Primitive, *, about: Point, by: float) -> Primitive:
    def moved(point: Point) -> Point:
        x, y, z = (o + by * (p - o) for p, o in zip(point, about, strict=True))
        return x, y, z

    if isinstance(one, Ellipsoid):
        a, b, c = one.semi_axes
        return replace(one, center=moved(one.center), semi_axes=(a * by, b * by, c * by))
    if isinstance(one, Tube):
        return Tube(
            points=tuple(moved(point) for point in one.points),
            radii=tuple(radius * by for radius in one.radii),
        )
    return replace(one, point=moved(one.point))


def thickened(part: Part, *, by: float) -> Part:
    """A part of tubes with other radii along the same line; ellipsoids keep their center."""

    def thick(one: Primitive) -> Primitive:
        if isinstance(one, Tube):
            return replace(one, radii=tuple(radius * by for radius in one.radii))
        if isinstance(one, Ellipsoid):
            return _scaled(one, about=one.center, by=by)
        return one

    shape = part.shape
    return replace(
        part,
        shape=replace(
            shape,
            parts=tuple(thick(one) for one in shape.parts),
            within=tuple(thick(one) for one in shape.within),
        ),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Lattice:
    """Centers of cubes that fill a box; ``axes`` are their coordinates, mm.

    ``sampling`` looks once at each point, so sharply that it lies in a shape or does not.
    """

    axes: tuple[_Floats, _Floats, _Floats]
    step_mm: float
    sampling: Sampling

    @classmethod
    def filling(cls, low: _Floats, high: _Floats, *, step_mm: float) -> "Lattice":
        """The lattice of a box between two corners."""
        x, y, z = (
            start + step_mm * (np.arange(max(int(np.ceil((end - start) / step_mm)), 1)) + 0.5)
            for start, end in zip(low, high, strict=True)
        )
        body = np.column_stack([step_mm * np.eye(3), (x[0], y[0], z[0])])
        return cls((x, y, z), step_mm, Sampling(body=body, fine=(1, 1, 1), width=_SHARP_MM))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of points along each axis."""
        x, y, z = self.axes
        return x.size, y.size, z.size

    def whole(self) -> Singles:
        """1 at every point: nothing is taken yet."""
        return np.ones(self.shape, dtype=np.float32)

    def taken(self, shape: CompiledShape, left: Singles) -> tuple[Block, _Bools] | None:
        """Points in a shape of those left, which become 0: a block of the lattice, and which."""
        start = self.sampling.body[:, 3]
        low = np.ceil((shape.lowest - start) / self.step_mm - _SHARP_MM)
        high = np.floor((shape.highest - start) / self.step_mm + _SHARP_MM)
        low = np.maximum(low, 0.0).astype(np.int64)
        size = np.minimum(high + 1.0, self.shape).astype(np.int64) - low
        if (size <= 0).any():
            return None
        share = np.zeros(tuple(size), dtype=np.float32)
        first, last = take(shape.solid, _AT_REST, self.sampling, low, share, left)
        if (last < first).any():
            return None
        i, j, k = (slice(int(a), int(b) + 1) for a, b in zip(first, last, strict=True))
        x, y, z = (int(value) for value in low)
        block = (
            slice(x + i.start, x + i.stop),
            slice(y + j.start, y + j.stop),
            slice(z + k.start, z + k.stop),
        )
        return block, share[i, j, k] > 0.0


def uncovered(lattice: Lattice, shapes: Sequence[CompiledShape]) -> Singles:
    """1 at points that lie in none of the shapes, else 0."""
    left = lattice.whole()
    for shape in shapes:
        lattice.taken(shape, left)
    return left


def visible(organ: str, parts: Sequence[Part], lattice: Lattice, left: Singles) -> int:
    """Number of points at which an organ is seen, of its parts in the order of painting."""
    left = left.copy()
    count = 0
    for part in reversed(parts):
        found = lattice.taken(compiled(part.shape), left)
        if found is not None and part.organ == organ:
            count += int(found[1].sum())
    return count


def fitted(
    organ: str,
    drawn: Callable[[float], tuple[Part, ...]],
    later: Sequence[Part],
    *,
    volume_ml: float,
) -> tuple[Part, ...]:
    """The organ's parts at the factor that shows *volume_ml*.

    Parameters
    ----------
    organ : str
        Whose volume counts.
    drawn : callable
        Its parts at a factor on its size, 1 being the reference.
    later : sequence of Part
        Painted over them.
    volume_ml : float

    Notes
    -----
    Visible volume goes with the third to second power of the factor; a few secant steps in
    logarithms reach ``TOLERANCE``. The lattice has ``_POINTS`` points, so counting is within 0.5 %.
    """
    guess = 1.0
    over = [compiled(part.shape) for part in reversed(later)]
    for points_wanted in (_FEW_POINTS, _POINTS):
        guess = _factor(
            organ, drawn, over, volume_ml=volume_ml, guess=guess, points_wanted=points_wanted
        )
    return drawn(guess)


def _factor(
    organ: str,
    drawn: Callable[[float], tuple[Part, ...]],
    over: Sequence[CompiledShape],
    *,
    volume_ml: float,
    guess: float,
    points_wanted: int,
) -> float:
    """The factor that shows *volume_ml* on a lattice of about that many points."""
    room = _ROOM if points_wanted == _POINTS else _ROOM_AT_FIRST
    boxes = [compiled(part.shape) for part in drawn(guess * room) if part.organ == organ]
    low = np.min([box.lowest for box in boxes], axis=0)
    high = np.max([box.highest for box in boxes], axis=0)
    step = float(np.cbrt(np.prod(high - low) / points_wanted))
    lattice = Lattice.filling(low, high, step_mm=step)
    near = [one for one in over if (one.lowest < high).all() and (one.highest > low).all()]
    left = uncovered(lattice, near)

    def shown(factor: float) -> float:
        return visible(organ, drawn(factor), lattice, left) * step**3 / 1000.0

    factor, power = guess, 2.6
    found = shown(factor)
    for _ in range(_ROUNDS):
        if abs(found / volume_ml - 1.0) < TOLERANCE:
            break
        ratio = volume_ml / max(found, 1e-3)
        trial = float(np.clip(factor * ratio ** (1.0 / power), *_FACTOR_RANGE))
        again = shown(trial)
        if trial != factor and again > 0.0 and found > 0.0 and again != found:
            power = float(np.clip(np.log(again / found) / np.log(trial / factor), 0.8, 4.0))
        factor, found = trial, again
    return factor
