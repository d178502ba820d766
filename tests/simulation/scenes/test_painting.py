import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import special_ortho_group

from operandi.domain.grid import Grid
from operandi.quantities.errors import DataError
from operandi.simulation.scenes.motion import displacement
from operandi.simulation.scenes.painting import Occupancy, paint
from operandi.simulation.scenes.scene import (
    Ellipsoid,
    HalfSpace,
    Point,
    Pose,
    Primitive,
    Shape,
    Tube,
)
from operandi.simulation.scenes.shapes import inside
from tests.simulation.scenes.builders import BREATHING, a_grid, a_part, a_scene

Floats = npt.NDArray[np.float64]


def a_ball(radius: float, *, center: Point = (0.0, 0.0, 0.0)) -> Ellipsoid:
    return Ellipsoid(center=center, semi_axes=(radius,) * 3)


def painted_volume(shape: Shape, grid: Grid) -> float:
    """In mm3."""
    occupancy = paint(a_scene(a_part(shape)), grid)
    return float(occupancy.parts[0].share.sum(dtype=np.float64)) * grid.voxel_volume_ml * 1000


def shares(occupancy: Occupancy, name: str) -> Floats:
    whole = np.zeros(occupancy.grid.shape)
    for painted in occupancy.parts:
        if painted.part.name == name:
            whole[painted.box] = painted.share
    return whole


@settings(max_examples=60, deadline=None)
@given(
    radius=st.floats(1.0, 4.0),
    stretch=st.tuples(st.floats(1.0, 2.5), st.floats(1.0, 2.5)),
    middle=st.tuples(*[st.floats(-0.5, 0.5)] * 3),
    turn=st.integers(0, 2**31),
)
def test_an_ellipsoid_of_a_voxels_radius_and_more_keeps_its_volume_within_1_percent(
    radius: float, stretch: tuple[float, float], middle: Point, turn: int
) -> None:
    x, y, z = special_ortho_group.rvs(3, random_state=turn)
    semi = (4.0 * radius, 4.0 * radius * stretch[0], 4.0 * radius * stretch[1])
    center = (4.0 * middle[0], 4.0 * middle[1], 4.0 * middle[2])
    ellipsoid = Ellipsoid(center=center, semi_axes=semi, axes=(tuple(x), tuple(y), tuple(z)))

    volume = painted_volume(Shape(parts=(ellipsoid,)), a_grid())

    assert volume == pytest.approx(4.0 / 3.0 * math.pi * math.prod(semi), rel=0.01)


@pytest.mark.parametrize("edges", [(1.2, 1.2, 3.0), (2.0, 2.0, 6.0), (4.0, 4.0, 4.0)])
@pytest.mark.parametrize("shift", [0.0, 0.7, 1.9])
def test_volumes_hold_on_the_grid_of_every_series(edges: Point, shift: float) -> None:
    shape = Shape(parts=(a_ball(6.0, center=(shift, -shift, 0.5 * shift)),))

    volume = painted_volume(shape, a_grid((20, 20, 12), edges_mm=edges))

    assert volume == pytest.approx(4.0 / 3.0 * math.pi * 6.0**3, rel=0.01)


def test_a_tube_has_the_volume_of_its_cone_and_its_two_round_ends() -> None:
    tube = Tube(points=((-30.0, -10.0, 0.0), (25.0, 12.0, 8.0)), radii=(9.0, 6.0))
    length = math.dist(*tube.points)
    cone = math.pi * length * (81.0 + 54.0 + 36.0) / 3.0
    ends = 2.0 / 3.0 * math.pi * (9.0**3 + 6.0**3)

    volume = painted_volume(Shape(parts=(tube,)), a_grid())

    assert volume == pytest.approx(cone + ends, rel=0.01)


@pytest.mark.parametrize("exponent", [2.5, 3.0, 3.3, 4.0, 6.0])
def test_a_boxy_ellipsoid_has_the_volume_of_the_formula(exponent: float) -> None:
    """``8 a b c Gamma(1 + 1/p)^3 / Gamma(1 + 3/p)``."""
    shape = Shape(parts=(Ellipsoid(center=(0, 0, 0), semi_axes=(40, 25, 30), exponent=exponent),))
    unit = 8.0 * math.gamma(1 + 1 / exponent) ** 3 / math.gamma(1 + 3 / exponent)

    assert painted_volume(shape, a_grid()) == pytest.approx(40 * 25 * 30 * unit, rel=0.005)


def test_a_plane_through_the_middle_leaves_half_a_ball() -> None:
    """Where a voxel has one sample, a slanted plane lies right within 0.2 mm, here of 14."""
    plane = HalfSpace(point=(0.3, 0.2, 0.1), normal=(1.0, 2.0, -1.0))
    ball = a_ball(21.0, center=plane.point)
    half, fine = 2.0 / 3.0 * math.pi * 21.0**3, a_grid((48, 48, 48), edges_mm=(1.0, 1.0, 1.0))

    for shape in (
        Shape(parts=(ball,), within=(plane,)),
        Shape(parts=(ball,), without=(plane,)),
    ):
        assert painted_volume(shape, a_grid()) == pytest.approx(half, rel=0.2 / 14.0)
        assert painted_volume(shape, fine) == pytest.approx(half, rel=0.002)


def test_the_half_space_is_behind_its_normal() -> None:
    shape = Shape(parts=(a_ball(30.0),), within=(HalfSpace(point=(0, 0, 0), normal=(0, 0, 1)),))

    share = shares(paint(a_scene(a_part(shape)), a_grid()), "liver")

    assert share[12, 12, 9] == 1.0
    assert share[12, 12, 14] == 0.0


@pytest.mark.parametrize("seed", range(4))
def test_a_lobulated_ellipsoid_keeps_its_volume_and_changes_its_form(seed: int) -> None:
    smooth = Shape(parts=(Ellipsoid(center=(0, 0, 0), semi_axes=(14, 18, 20)),))
    bulged = replace(smooth, lobulation=0.25, lobulation_seed=seed)
    volume = 4.0 / 3.0 * math.pi * 14 * 18 * 20

    assert painted_volume(bulged, a_grid()) == pytest.approx(volume, rel=0.01)
    change = np.abs(
        shares(paint(a_scene(a_part(bulged)), a_grid()), "liver")
        - shares(paint(a_scene(a_part(smooth)), a_grid()), "liver")
    )
    assert change.max() > 0.3


def test_blending_fills_the_groove_between_two_balls() -> None:
    two = Shape(parts=(a_ball(15.0, center=(-12, 0, 0)), a_ball(15.0, center=(12, 0, 0))))
    at_groove = (12, 14, 12)

    sharp = shares(paint(a_scene(a_part(two)), a_grid()), "liver")
    blended = shares(paint(a_scene(a_part(replace(two, blend_mm=10.0))), a_grid()), "liver")

    assert (blended >= sharp - 1e-6).all()
    assert blended[at_groove] > sharp[at_groove] + 0.3


@pytest.mark.parametrize("pose", [Pose(), Pose(shift_mm=(3, -5, 7), turn_degree=(3, -4, 6))])
@pytest.mark.parametrize(("respiration", "contraction"), [(0.0, 0.0), (1.0, 0.0), (0.6, 1.0)])
def test_every_voxel_is_what_lies_where_it_was_pulled_back_to(
    pose: Pose, respiration: float, contraction: float
) -> None:
    """Voxels are decided in blocks; none may be decided wrongly."""
    kinds: tuple[Primitive, ...] = (
        Ellipsoid(center=(-70, 0, 90), semi_axes=(75, 60, 70), exponent=2.5),
        Ellipsoid(center=(25, -35, 185), semi_axes=(40, 40, 45)),
        Tube(points=((-150, 0, 120), (0, 90, 60), (120, 40, 10)), radii=(7, 6, 9)),
        Ellipsoid(center=(60, 50, 20), semi_axes=(10, 55, 12), axes=_tilted()),
    )
    hole = Ellipsoid(center=(-60, 0, 90), semi_axes=(20, 30, 60))
    top = HalfSpace(point=(0, 0, 215), normal=(0.1, 0.0, 1.0))
    shape = Shape(parts=kinds, within=(top,), without=(hole,), blend_mm=4.0)
    grid = a_grid((60, 50, 60), edges_mm=(6.0, 6.0, 6.0), center=(0, 0, 90))
    scene = a_scene(a_part(shape), motion=BREATHING, pose=pose)

    share = shares(paint(scene, grid, respiration=respiration, contraction=contraction), "liver")

    field = displacement(BREATHING, pose, grid, respiration=respiration, contraction=contraction)
    index = np.moveaxis(np.indices(grid.shape), 0, -1)
    unposed = (grid.position_of(index) + field - pose.shift_mm) @ _rotation(pose)
    truth = inside(shape, unposed)
    assert truth.sum() > 5000
    assert (share[truth] > 0.2).all()
    assert (share[~truth] < 0.8).all()
    assert share.sum() == pytest.approx(truth.sum(), rel=0.01)


def _tilted() -> tuple[Point, Point, Point]:
    c, s = math.cos(0.6), math.sin(0.6)
    return ((c, s, 0.0), (-s, c, 0.0), (0.0, 0.0, 1.0))


def _rotation(pose: Pose) -> Floats:
    """By hand, about x, y, z in this order."""
    a, b, c = np.radians(pose.turn_degree)
    x = [[1, 0, 0], [0, math.cos(a), -math.sin(a)], [0, math.sin(a), math.cos(a)]]
    y = [[math.cos(b), 0, math.sin(b)], [0, 1, 0], [-math.sin(b), 0, math.cos(b)]]
    z = [[math.cos(c), -math.sin(c), 0], [math.sin(c), math.cos(c), 0], [0, 0, 1]]
    turn: Floats = np.array(z, dtype=float) @ np.array(y) @ np.array(x)
    return turn


def test_a_body_moved_by_whole_voxels_gives_the_same_image_moved() -> None:
    part = a_part(Shape(parts=(Ellipsoid(center=(1, 2, 3), semi_axes=(11, 17, 9)),)))

    here = shares(paint(a_scene(part), a_grid()), "liver")
    there = shares(paint(a_scene(part, pose=Pose(shift_mm=(8, -4, 12))), a_grid()), "liver")

    np.testing.assert_allclose(there, np.roll(here, (2, -1, 3), axis=(0, 1, 2)), atol=1e-6)


def test_a_grid_turned_with_the_body_gives_the_same_image() -> None:
    part = a_part(Shape(parts=(Ellipsoid(center=(1, 2, 3), semi_axes=(11, 17, 9)),)))
    pose, grid = Pose(turn_degree=(12.0, -20.0, 33.0)), a_grid()
    turn = np.eye(4)
    turn[:3, :3] = _rotation(pose)
    turned = Grid(shape=grid.shape, affine=turn @ grid.affine)

    np.testing.assert_allclose(
        shares(paint(a_scene(part, pose=pose), turned), "liver"),
        shares(paint(a_scene(part), grid), "liver"),
        atol=1e-6,
    )


def test_shares_of_all_parts_never_exceed_one_and_later_parts_come_first() -> None:
    random = np.random.Generator(np.random.Philox(1))
    parts = [
        a_part(
            Shape(parts=(a_ball(float(r), center=(float(x), float(y), float(z))),)),
            name=f"part {number}",
        )
        for number, (x, y, z, r) in enumerate(random.uniform((-25, -25, -25, 5), 25, (12, 4)))
    ]
    occupancy = paint(a_scene(*parts), a_grid())

    total = np.sum([shares(occupancy, part.name) for part in parts], axis=0)

    assert total.max() <= 1.0 + 1e-6
    assert min(float(painted.share.min()) for painted in occupancy.parts) >= 0.0
    last = shares(occupancy, "part 11")
    alone = shares(paint(a_scene(parts[11]), a_grid()), "part 11")
    np.testing.assert_array_equal(last, alone)
    names = [painted.part.name for painted in occupancy.parts]
    assert names == sorted(names, key=lambda name: int(name.split()[1]))


def test_boxes_are_tight_and_parts_out_of_view_are_left_out() -> None:
    occupancy = paint(
        a_scene(
            a_part(Shape(parts=(a_ball(10.0),)), name="covered"),
            a_part(Shape(parts=(a_ball(20.0, center=(5, 0, 0)),)), name="seen"),
            a_part(Shape(parts=(a_ball(20.0, center=(500, 0, 0)),)), name="far"),
        ),
        a_grid(),
    )

    (seen,) = occupancy.parts
    assert seen.part.name == "seen"
    for axis in range(3):
        edges = np.moveaxis(seen.share, axis, 0)[[0, -1]]
        assert (edges.reshape(2, -1).max(axis=1) > 0.0).all()


def test_an_image_is_the_sum_of_shares_times_values() -> None:
    liver = a_part(Shape(parts=(a_ball(20.0),)), name="liver")
    lesion = a_part(Shape(parts=(a_ball(8.0, center=(6, 0, 0)),)), name="lesion")
    occupancy = paint(a_scene(liver, lesion), a_grid())

    image = occupancy.image({"liver": 5.0, "lesion": 20.0})

    expected = 5.0 * shares(occupancy, "liver") + 20.0 * shares(occupancy, "lesion")
    np.testing.assert_allclose(image, expected, rtol=1e-5, atol=1e-5)
    assert image[12, 12, 12] == pytest.approx(20.0)


@pytest.mark.parametrize(
    ("shape", "why"),
    [
        (Shape(parts=()), "at least one part"),
        (Shape(parts=(HalfSpace(point=(0, 0, 0), normal=(0, 0, 1)),)), "half-space"),
        (Shape(parts=(Ellipsoid(center=(0, 0, 0), semi_axes=(1, 0, 1)),)), "must be positive"),
        (
            Shape(parts=(Ellipsoid(center=(0, 0, 0), semi_axes=(1, 1, 1), exponent=1.5),)),
            "exponent must be 2",
        ),
        (
            Shape(
                parts=(
                    Ellipsoid(
                        center=(0, 0, 0),
                        semi_axes=(1, 1, 1),
                        axes=((1, 0, 0), (1, 0, 0), (0, 0, 1)),
                    ),
                )
            ),
            "perpendicular",
        ),
        (Shape(parts=(Tube(points=((0, 0, 0), (1, 0, 0)), radii=(1,)),)), "a radius for each"),
        (Shape(parts=(Tube(points=((0, 0, 0), (1, 0, 0)), radii=(1, -1)),)), "must be positive"),
        (
            Shape(parts=(a_ball(1.0),), within=(HalfSpace(point=(0, 0, 0), normal=(0, 0, 0)),)),
            "needs a normal",
        ),
        (Shape(parts=(a_ball(1.0),), lobulation=0.5), "Lobulation"),
        (Shape(parts=(a_ball(1.0),), blend_mm=-1.0), "Lobulation must be"),
    ],
)
def test_refuses_impossible_shapes(shape: Shape, why: str) -> None:
    with pytest.raises(DataError, match=why):
        paint(a_scene(a_part(shape)), a_grid())
