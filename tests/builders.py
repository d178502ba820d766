"""Small valid nouns for tests; a test names only what it is about."""

from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from operandi.domain.administration import Administration
from operandi.domain.grid import Grid
from operandi.domain.volume import Volume
from operandi.quantities.kinds import ACTIVITY_CONCENTRATION, Kind
from operandi.quantities.nuclides import GA68, Nuclide

NOON = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)


def a_grid(
    shape: tuple[int, int, int] = (3, 4, 5),
    *,
    spacing_mm: tuple[float, float, float] = (4.0, 4.0, 3.0),
    origin_mm: tuple[float, float, float] = (-100.0, -80.0, 20.0),
    frame_of_reference: str = "1.2.3",
) -> Grid:
    """Axis-aligned grid."""
    affine = np.diag([*spacing_mm, 1.0])
    affine[:3, 3] = origin_mm
    return Grid(shape, affine, frame_of_reference)


def a_volume(
    *,
    value: float | npt.NDArray[np.floating] = 1.0,
    grid: Grid | None = None,
    kind: Kind = ACTIVITY_CONCENTRATION,
    at: datetime | None = NOON,
) -> Volume:
    """Volume of one value, or of the values given."""
    grid = grid or a_grid()
    values = np.broadcast_to(np.asarray(value, np.float32), grid.shape).copy()
    return Volume(values, grid, kind, at if kind.decays else None)


def an_injection(
    *, activity_bq: float = 150e6, at: datetime = NOON, nuclide: Nuclide = GA68
) -> Administration:
    """Injection at noon."""
    return Administration(nuclide, activity_bq, at, nuclide.half_life_s)
