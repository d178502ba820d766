"""Blocks of voxels are decided as a whole: none may be decided otherwise than voxel by voxel.

Parts of a union that is smooth over a long way act a little through one another; blocks leave out
those that are far: the rest of the shares is equal, these within 1e-3.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import special_ortho_group

from operandi.simulation.scenes.painting import paint
from operandi.simulation.scenes.scene import (
    Ellipsoid,
    HalfSpace,
    Point,
    Pose,
    Primitive,
    Scene,
    Shape,
    Tube,
)
from tests.simulation.scenes.builders import BREATHING, a_grid, a_part, a_scene
from tests.simulation.scenes.painting_oracle import shares_everywhere


def a_shape(random: np.random.Generator) -> Shape:
    """Boxy, bulged, blended or cut, all at random, between the pelvis and the heart."""

    def place() -> Point:
        x, y, z = random.uniform((-70, -70, 20), (70, 70, 160))
        return float(x), float(y), float(z)

    def ellipsoid() -> Ellipsoid:
        a, b, c = np.exp(random.uniform(np.log(5.0), np.log(90.0), 3))
        right, back, up = special_ortho_group.rvs(3, random_state=random).tolist()
        return Ellipsoid(
            center=place(),
            semi_axes=(float(a), float(b), float(c)),
            axes=(tuple(right), tuple(back), tuple(up)),
            exponent=float(random.choice([2.0, 2.0, 2.3, 2.5, 3.0, 4.0])),
        )

    def primitive() -> Primitive:
        if random.random() < 0.6:
            return ellipsoid()
        count = int(random.integers(2, 5))
        radii = tuple(float(r) for r in random.uniform(3.0, 30.0, count))
        return Tube(points=tuple(place() for _ in range(count)), radii=radii)

    bulged = random.random() < 0.3
    plane = HalfSpace(point=place(), normal=place())
    return Shape(
        parts=tuple(primitive() for _ in range(1 if bulged else int(random.integers(1, 7)))),
        within=(plane,) if random.random() < 0.3 else (),
        without=tuple(primitive() for _ in range(int(random.integers(0, 3)))),
        blend_mm=float(random.choice([0.0, 6.0, 25.0])),
        lobulation=float(random.uniform(0.02, 0.3)) if bulged else 0.0,
        lobulation_seed=int(random.integers(100)),
    )


def largest_difference(scene: Scene, *, edges: Point, phases: tuple[float, float]) -> float:
    shape = tuple(round(156.0 / edge) for edge in edges)
    grid = a_grid((shape[0], shape[1], shape[2]), edges_mm=edges, center=(30, -20, 90))
    respiration, contraction = phases
    occupancy = paint(scene, grid, respiration=respiration, contraction=contraction)
    painted = {one.part.name: one for one in occupancy.parts}
    largest = 0.0
    expected = shares_everywhere(scene, grid, respiration=respiration, contraction=contraction)
    for part, wanted in zip(scene.parts, expected, strict=True):
        if part.name in painted:
            wanted[painted[part.name].box] -= painted[part.name].share
        largest = max(largest, float(np.abs(wanted).max()))
    return largest


@pytest.mark.parametrize("phases", [(0.0, 0.0), (1.0, 0.0), (0.6, 1.0)])
@pytest.mark.parametrize("edges", [(6.5, 6.5, 6.5), (4.0, 4.0, 13.0)])
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_shares_are_those_of_a_look_at_every_voxel(
    phases: tuple[float, float], edges: Point, seed: int
) -> None:
    random = np.random.default_rng(seed)
    parts = tuple(a_part(a_shape(random), name=f"part {n}") for n in range(4))
    pose = Pose(shift_mm=(3, -5, 7), turn_degree=(3, -4, 6))
    scene = a_scene(*parts, motion=BREATHING, pose=pose)

    assert largest_difference(scene, edges=edges, phases=phases) < 1e-3
