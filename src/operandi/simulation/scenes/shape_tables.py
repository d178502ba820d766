"""What the kernels of shapes take: tables, lengths and places, by name."""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Three = tuple[float, float, float]
Line = tuple[float, ...]

ENDLESS_MM: Final = 1e5

# Columns of a row. Ellipsoid: _SCALED maps mm from the center into the unit ball.
COLUMNS: Final = 20
KIND, ROLE, AT, SCALED, INVERSE, EXPONENT, SMALLEST, SWELL = 0, 1, 2, 5, 14, 17, 18, 19
# Segment of a tube: its vector, first radius, change of radius, 1 / length^2, cosine of the cone.
ALONG, RADIUS, WIDENING, PER_LENGTH2, COSINE = 5, 8, 9, 10, 11
NORMAL: Final = 5
ELLIPSOID, SEGMENT, HALF_SPACE = 0.0, 1.0, 2.0
UNION, WITHIN, WITHOUT = 0.0, 1.0, 2.0


class Solid(NamedTuple):
    """A shape as tables: rows (n, 20), lobes (m, 5), and two lengths of ``Shape``."""

    rows: Floats
    lobes: Floats
    lobulation: float
    blend: float


class Shift(NamedTuple):
    """How far organs have moved, mm, and where those are that do or do not move (``motion.py``)."""

    down: float
    forward: float
    inward: float
    chest_x: float
    chest_y: float
    spine_y: float
    heart_x: float
    heart_y: float
    heart_z: float
    heart_radius: float


class Sampling(NamedTuple):
    """How finely voxels are sampled.

    ``body`` (3, 4) maps indices into the body's frame; ``fine`` counts samples along i, j, k;
    ``width`` is the width of a sample's ramp, mm.
    """

    body: Floats
    fine: tuple[int, int, int]
    width: float


class Field(NamedTuple):
    """What is painted on: a box's shares, all that is left, and what was filled of the box."""

    low: Ints
    share: Singles
    remaining: Singles
    filled: Ints
