import math

import numpy as np
import pytest

from operandi.quantities.errors import DataError
from operandi.simulation.scenes.scene import Ellipsoid, HalfSpace, Shape, Tube
from operandi.simulation.scenes.shapes import compiled, inside, signed_distance_mm


def test_distance_to_a_ball_is_exact_everywhere() -> None:
    ball = Shape(parts=(Ellipsoid(center=(1, 2, 3), semi_axes=(10, 10, 10)),))

    distance = signed_distance_mm(ball, [[1, 2, 3], [8, 2, 3], [1, 32, 3]])

    np.testing.assert_allclose(distance, [-10, -3, 20], atol=1e-9)


def test_distance_to_an_even_tube_is_exact() -> None:
    tube = Shape(parts=(Tube(points=((0, 0, 0), (20, 0, 0), (20, 30, 0)), radii=(4, 4, 4)),))

    distance = signed_distance_mm(tube, [[10, 7, 0], [-3, 0, -4], [20, 15, 1], [25, 33, 4]])

    np.testing.assert_allclose(distance, [3, 1, -3, math.sqrt(50) - 4], atol=1e-9)


def test_distance_of_an_ellipsoid_is_good_to_the_second_order_near_its_surface() -> None:
    """By hand: points of the surface moved along its normal by a known length."""
    semi = np.array([30.0, 15.0, 10.0])
    random = np.random.Generator(np.random.Philox(1))
    unit = random.standard_normal((200, 3))
    surface = semi * unit / np.linalg.norm(unit, axis=1, keepdims=True)
    normal = surface / semi**2
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    shape = Shape(parts=(Ellipsoid(center=(0, 0, 0), semi_axes=(30, 15, 10)),))

    for step in (-1.0, -0.5, 0.5, 1.0):
        distance = signed_distance_mm(shape, surface + step * normal)
        np.testing.assert_allclose(distance, step, atol=0.05 * step**2)


@pytest.mark.parametrize("exponent", [2.5, 3.0, 3.6, 4.0])
def test_a_boxy_ellipsoid_agrees_with_its_formula(exponent: float) -> None:
    shape = Shape(parts=(Ellipsoid(center=(0, 0, 0), semi_axes=(30, 15, 10), exponent=exponent),))
    points = np.random.Generator(np.random.Philox(2)).uniform(-30, 30, (5000, 3))

    expected = (np.abs(points / [30, 15, 10]) ** exponent).sum(axis=1) <= 1.0

    np.testing.assert_array_equal(inside(shape, points), expected)
    assert 100 < expected.sum() < 4900


def test_a_shape_is_its_parts_within_all_limits_and_without_all_holes() -> None:
    ball = Ellipsoid(center=(0, 0, 0), semi_axes=(10, 10, 10))
    shape = Shape(
        parts=(ball, Tube(points=((0, 0, 0), (40, 0, 0)), radii=(3, 3))),
        within=(HalfSpace(point=(30, 0, 0), normal=(2, 0, 0)),),
        without=(Ellipsoid(center=(0, 0, 0), semi_axes=(5, 5, 5)),),
    )

    found = inside(shape, [[8, 0, 0], [20, 0, 0], [35, 0, 0], [0, 0, 0], [20, 5, 0]])

    np.testing.assert_array_equal(found, [True, True, False, False, False])


def test_the_box_of_a_shape_holds_all_of_it() -> None:
    turn = math.radians(30)
    axes = (
        (math.cos(turn), math.sin(turn), 0.0),
        (-math.sin(turn), math.cos(turn), 0.0),
        (0.0, 0.0, 1.0),
    )
    for exponent in (2.0, 3.0):
        ellipsoid = Ellipsoid(center=(5, 0, 0), semi_axes=(30, 10, 5), axes=axes, exponent=exponent)
        for lobulation in (0.0, 0.3):
            shape = Shape(parts=(ellipsoid,), lobulation=lobulation, lobulation_seed=4)
            table = compiled(shape)
            points = np.random.Generator(np.random.Philox(3)).uniform(-50, 50, (20000, 3))
            held = points[inside(shape, points)]
            assert len(held) > 50
            assert (held >= table.lowest).all()
            assert (held <= table.highest).all()


def test_points_keep_their_shape() -> None:
    ball = Shape(parts=(Ellipsoid(center=(0, 0, 0), semi_axes=(1, 1, 1)),))

    assert inside(ball, np.zeros((2, 5, 3))).shape == (2, 5)


def test_refuses_a_shape_without_parts() -> None:
    with pytest.raises(DataError, match="at least one part"):
        signed_distance_mm(Shape(parts=()), [0, 0, 0])
