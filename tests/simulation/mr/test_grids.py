from dataclasses import replace

import numpy as np
import pytest

from operandi.simulation.mr.grids import (
    COARSE,
    FULL,
    LIVER_MIDDLE_MM,
    Slab,
    liver_middle_mm,
    slab_grid,
)
from operandi.simulation.scenes.scene import Ellipsoid, Part, Pose, Shape
from tests.simulation.mr.scenes import LIVER, a_part, a_scene


def a_liver(*heights: float) -> Part:
    shape = Shape(
        parts=tuple(
            Ellipsoid(center=(-70.0, 0.0, height), semi_axes=(80.0, 70.0, 60.0))
            for height in heights
        )
    )
    return replace(a_part("liver", tissue="liver"), shape=shape)


@pytest.mark.parametrize("slabs", [FULL, COARSE])
def test_fields_of_view_are_those_of_a_scanner_and_centered(slabs: dict[str, Slab]) -> None:
    for slab in slabs.values():
        grid = slab_grid(slab, a_scene({"liver": LIVER}), frame_of_reference="1.2.3")
        width = grid.shape[0] * grid.spacing_mm[0]
        assert 440.0 <= width <= 500.0
        last = [size - 1 for size in grid.shape]
        ends = grid.position_of([[0, 0, 0], last])
        np.testing.assert_allclose(ends[0, :2], -ends[1, :2])
        assert grid.frame_of_reference == "1.2.3"


def test_dixon_covers_the_trunk_as_the_pet_does() -> None:
    for slabs in (FULL, COARSE):
        grid = slab_grid(slabs["dixon"], a_scene({"liver": LIVER}), frame_of_reference="")
        bottom = grid.affine[2, 3] - grid.spacing_mm[2] / 2
        assert bottom == -330.0
        assert bottom + grid.shape[2] * grid.spacing_mm[2] == 330.0


def test_slabs_follow_the_liver_and_the_pose() -> None:
    scene = a_scene({"liver": LIVER}, [a_liver(80.0, 120.0)])
    assert liver_middle_mm(scene) == 100.0
    lower = replace(scene, pose=Pose(shift_mm=(0.0, 0.0, -12.0)))
    assert liver_middle_mm(lower) == 88.0
    assert liver_middle_mm(a_scene({"liver": LIVER})) == LIVER_MIDDLE_MM

    grid = slab_grid(FULL["mre"], lower, frame_of_reference="")
    middle = grid.position_of((0, 0, (grid.shape[2] - 1) / 2))[2]
    assert middle == pytest.approx(88.0)
