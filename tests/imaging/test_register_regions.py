"""Rigid alignment by regions drawn on both images: known turns and shifts of simple bodies."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from operandi.domain.grid import Grid
from operandi.domain.mask import Mask
from operandi.imaging.register import turn_deg_of
from operandi.imaging.register_regions import register_regions
from operandi.quantities.errors import DataError

Array = npt.NDArray[np.float64]

FIXED = Grid((40, 40, 30), np.diag([3.0, 3.0, 4.0, 1.0]), "1")
MOVING = Grid(
    (70, 70, 30),
    np.array([[2.0, 0, 0, -380.0], [0, 2.0, 0, 90.0], [0, 0, 5.0, 700.0], [0, 0, 0, 1.0]]),
    "2",
)
# Center and half-axes, mm.
LESION = ((62.0, 55.0, 60.0), (28.0, 18.0, 12.0))
SECOND = ((50.0, 72.0, 52.0), (12.0, 26.0, 16.0))


def _truth(degrees: float = 30.0) -> Array:
    """Fixed to moving: about the axis of the body, then to where the other scanner puts it."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix = np.eye(4)
    matrix[:2, :2] = [[c, -s], [s, c]]
    middle = np.array([60.0, 60.0, 58.0])
    matrix[:3, 3] = np.array([-310.0, 160.0, 775.0]) - matrix[:3, :3] @ middle
    return matrix


def _ellipsoid(grid: Grid, body: tuple[tuple[float, ...], ...], to_fixed: npt.NDArray[Any]) -> Mask:
    index = np.stack(np.meshgrid(*[np.arange(n) for n in grid.shape], indexing="ij"), axis=-1)
    where = grid.position_of(index) @ to_fixed[:3, :3].T + to_fixed[:3, 3]
    center, half_axes = np.array(body[0]), np.array(body[1])
    return Mask(inside=np.linalg.norm((where - center) / half_axes, axis=-1) <= 1.0, grid=grid)


def _drawn(*bodies: tuple[tuple[float, ...], ...]) -> tuple[dict[str, Mask], dict[str, Mask]]:
    back = np.linalg.inv(_truth())
    names = ("a", "b")
    return (
        {n: _ellipsoid(FIXED, body, np.eye(4)) for n, body in zip(names, bodies, strict=False)},
        {n: _ellipsoid(MOVING, body, back) for n, body in zip(names, bodies, strict=False)},
    )


@pytest.mark.parametrize("bodies", [(LESION,), (LESION, SECOND)], ids=["one", "two"])
def test_a_known_turn_and_shift_are_recovered(bodies: tuple[tuple[tuple[float, ...], ...]]) -> None:
    """30 degrees and half a meter, to half a voxel 60 mm around."""
    found = register_regions(*_drawn(*bodies))

    corners = 60.0 + 60.0 * np.vstack([np.eye(3), -np.eye(3)])
    ends = [corners @ m[:3, :3].T + m[:3, 3] for m in (found.matrix, _truth())]
    assert np.linalg.norm(ends[0] - ends[1], axis=1).max() < 1.5
    assert found.turn_deg == pytest.approx(30.0, abs=1.0)
    # Thin bodies in voxels of 3 x 3 x 4 mm and 2 x 2 x 5 mm share no more.
    assert min(found.dice.values()) > 0.9
    assert found.dice.keys() == {"a", "b"} & set(_drawn(*bodies)[0])


def test_the_same_regions_give_the_same_bits() -> None:
    once, again = (register_regions(*_drawn(LESION, SECOND)).matrix for _ in range(2))

    np.testing.assert_array_equal(once, again)


def test_a_turn_is_the_angle_about_its_own_axis() -> None:
    assert turn_deg_of(_truth(30.0)) == pytest.approx(30.0)
    assert turn_deg_of(np.eye(4)) == 0.0


def test_refuses_a_ball_whose_turn_nothing_tells() -> None:
    ball = ((60.0, 60.0, 60.0), (20.0, 20.0, 20.0))
    with pytest.raises(DataError, match=r"ends \d+ mm elsewhere when it starts elsewhere"):
        register_regions(*_drawn(ball))


def test_refuses_regions_of_different_things_under_one_name() -> None:
    (fixed, _), (_, moving) = _drawn(LESION), _drawn(((60.0, 60.0, 60.0), (8.0, 6.0, 30.0)))
    with pytest.raises(DataError, match=r"Dice coefficient of 0\.\d\d; needed 0\.7|elsewhere"):
        register_regions(fixed, moving)


def test_refuses_names_that_differ() -> None:
    fixed, moving = _drawn(LESION)
    with pytest.raises(DataError, match="under one name"):
        register_regions(fixed, {"other": moving["a"]})


def test_refuses_a_region_that_is_empty() -> None:
    fixed, moving = _drawn(LESION)
    nothing = Mask(inside=np.zeros(MOVING.shape, dtype=np.bool_), grid=MOVING)
    with pytest.raises(DataError, match="The region a is empty on one image"):
        register_regions(fixed, moving | {"a": nothing})
