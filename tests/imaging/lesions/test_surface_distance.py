"""How far two surfaces lie apart, against distances counted one by one."""

import numpy as np
import pytest

from operandi.imaging.lesions.surface_agreement import surface_distance
from tests.imaging.lesions.phantoms import a_pet_grid


def test_a_surface_lies_on_itself() -> None:
    grid = a_pet_grid((6, 6, 6))
    cube = np.zeros(grid.shape, dtype=np.bool_)
    cube[2:4, 2:4, 2:4] = True

    apart = surface_distance(cube, cube, grid=grid)

    assert apart is not None
    assert (apart.mean_mm, apart.percentile_95_mm, apart.largest_mm) == (0.0, 0.0, 0.0)


def test_nothing_is_no_distance_away() -> None:
    grid = a_pet_grid((6, 6, 6))
    cube = np.zeros(grid.shape, dtype=np.bool_)
    cube[2, 2, 2] = True

    assert surface_distance(cube, np.zeros_like(cube), grid=grid) is None


@pytest.mark.parametrize("turned_deg", [0.0, 25.0])
def test_one_voxel_more_gives_the_distances_counted_by_hand(turned_deg: float) -> None:
    """A voxel of 2 x 3 x 4 mm, and two of them side by side along i.

    Five faces of the first belong to both. The one between (12 mm2) lies sqrt(1 + 1.5^2) mm from
    the nearest of the pair. Of the pair, the end (12 mm2) lies 2 mm from the one between, and the
    second voxel's sides lie 2 mm from the first's, or nearer to the face between.
    """
    grid = a_pet_grid((6, 6, 6), spacing_mm=(2.0, 3.0, 4.0), turned_deg=turned_deg)
    one = np.zeros(grid.shape, dtype=np.bool_)
    one[2, 2, 2] = True
    two = one.copy()
    two[3, 2, 2] = True

    apart = surface_distance(one, two, grid=grid)

    near, side = np.hypot(1.0, 1.5), np.hypot(1.0, 2.0)
    sides = 2 * 8.0 * min(near, 2.0) + 2 * 6.0 * min(side, 2.0)
    total = 12.0 * near + 12.0 * 2.0 + sides
    areas = 2 * (12.0 + 8.0 + 6.0) + 2 * (12.0 + 16.0 + 12.0)
    assert apart is not None
    assert apart.mean_mm == pytest.approx(total / areas)
    assert apart.largest_mm == pytest.approx(2.0)
