"""The mean over a breath against painting every phase anew."""

import numpy as np
import pytest

from operandi.simulation.emission.breathing import breath_field, breath_mean
from operandi.simulation.emission.resolution import blurred
from operandi.simulation.scenes.motion import respiratory_phases
from operandi.simulation.scenes.painting import paint
from operandi.simulation.scenes.scene import Motion, Pose, Scene
from tests.simulation.emission.scenes import a_ball, a_cube_grid, a_scene

GRID = a_cube_grid(size=64, spacing_mm=4.0)
PHASES = respiratory_phases(5)


def a_breathing_ball(*, radius_mm: float, turn_degree: float = 0.0) -> Scene:
    still = a_scene(
        a_ball("liver", radius_mm=radius_mm, center_mm=(-40.0, -30.0, 40.0)),
        motion=Motion(diaphragm_mm=18.0, forward_mm=6.0, heart_mm=0.0),
    )
    return Scene(
        parts=still.parts,
        tissues=still.tissues,
        motion=still.motion,
        pose=Pose(shift_mm=(3.0, -2.0, 5.0), turn_degree=(turn_degree, 0.0, turn_degree)),
    )


@pytest.mark.parametrize("radius", [6.0, 10.0, 25.0])
@pytest.mark.parametrize("turn", [0.0, 2.0])
def test_the_shift_of_one_painting_is_the_mean_of_many_under_the_blur(
    radius: float, turn: float
) -> None:
    scene = a_breathing_ball(radius_mm=radius, turn_degree=turn)
    value = {"liver": 1.0}
    held = paint(scene, GRID).image(value)
    exact = np.zeros_like(held)
    for phase, weight in PHASES:
        exact += np.float32(weight) * paint(scene, GRID, respiration=phase).image(value)
    shifted = breath_mean(held, breath_field(scene, GRID), phases=PHASES)

    wanted, found = blurred(exact, GRID, fwhm_mm=5.5), blurred(shifted, GRID, fwhm_mm=5.5)
    moved = np.abs(wanted - blurred(held, GRID, fwhm_mm=5.5)).max()
    assert moved > 0.2
    np.testing.assert_allclose(found, wanted, atol=0.03)
    assert shifted.sum() == pytest.approx(exact.sum(), rel=0.015)


def test_a_breath_held_at_rest_moves_nothing() -> None:
    scene = a_breathing_ball(radius_mm=20.0)
    held = paint(scene, GRID).image({"liver": 1.0})
    same = breath_mean(held, breath_field(scene, GRID), phases=((0.0, 1.0),))
    np.testing.assert_allclose(same, held, atol=1e-6)
