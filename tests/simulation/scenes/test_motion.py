import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operandi.quantities.errors import DataError
from operandi.simulation.scenes.motion import (
    body_from_index,
    displacement,
    lying,
    respiratory_phases,
    shift_of,
)
from operandi.simulation.scenes.scene import Motion, Point, Pose
from tests.simulation.scenes.builders import BREATHING, a_grid

TRUNK = {"shape": (64, 44, 96), "edges_mm": (6.0, 6.0, 6.0), "center": (0.0, 0.0, 30.0)}


def a_motion(*, down: float = 0.0, forward: float = 0.0, heart: float = 0.0) -> Motion:
    return Motion(diaphragm_mm=down, forward_mm=forward, heart_mm=heart)


def field_at(point: Point, *, respiration: float = 1.0, contraction: float = 0.0) -> Point:
    grid = a_grid((1, 1, 1), center=point)
    field = displacement(BREATHING, Pose(), grid, respiration=respiration, contraction=contraction)
    x, y, z = field[0, 0, 0]
    return float(x), float(y), float(z)


def jacobian(field: npt.NDArray[np.float32], edge: float) -> npt.NDArray[np.float64]:
    slopes = [
        np.gradient(field[..., a].astype(float), edge, axis=b) for a in range(3) for b in range(3)
    ]
    return np.stack(slopes, axis=-1).reshape(*field.shape[:3], 3, 3) + np.eye(3)


def test_nothing_moves_at_end_expiration_and_end_diastole() -> None:
    field = displacement(BREATHING, Pose(), a_grid(), respiration=0.0, contraction=0.0)

    assert not field.any()


def test_the_dome_of_the_liver_moves_by_the_given_amplitude() -> None:
    assert field_at((-70.0, 0.0, 120.0))[2] == pytest.approx(15.0)
    assert field_at((-70.0, 0.0, 120.0), respiration=0.4)[2] == pytest.approx(6.0)


def test_the_motion_dies_out_towards_apex_pelvis_ribs_and_spine() -> None:
    down = [field_at((-70.0, 0.0, z))[2] for z in (120.0, 180.0, 240.0, 299.0)]
    assert down == sorted(down, reverse=True)
    assert down[-1] < 0.1
    down = [field_at((-70.0, 0.0, z))[2] for z in (80.0, 0.0, -100.0, -219.0)]
    assert down == sorted(down, reverse=True)
    assert down[-1] < 0.1
    assert down[1] > 10.0  # a kidney
    for still in ((0.0, 60.0, 100.0), (152.0, 0.0, 100.0), (0.0, 105.0, 60.0), (230.0, 0.0, 50.0)):
        assert np.abs(field_at(still)).max() < 0.1


def test_the_belly_moves_forward_and_the_back_does_not() -> None:
    assert field_at((0.0, -110.0, 30.0))[1] == pytest.approx(5.0)
    assert field_at((0.0, 60.0, 30.0))[1] == 0.0


def test_the_heart_contracts_towards_its_center_and_nothing_else_does() -> None:
    x, y, z = BREATHING.heart_center
    radius = BREATHING.heart_radius_mm

    wall = field_at((x + radius, y, z), respiration=0.0, contraction=1.0)
    middle = field_at((x, y, z), respiration=0.0, contraction=1.0)
    away = field_at((x, y, z - 2.0 * radius), respiration=0.0, contraction=1.0)

    np.testing.assert_allclose(wall, (8.0, 0.0, 0.0), atol=1e-4)
    assert middle == (0.0, 0.0, 0.0)
    assert away == (0.0, 0.0, 0.0)


@settings(max_examples=12, deadline=None)
@given(down=st.floats(0, 60), forward=st.floats(0, 25), heart=st.floats(0, 12))
def test_no_allowed_motion_folds_the_body(down: float, forward: float, heart: float) -> None:
    """The determinant of the pull-back stays positive, so that it can be inverted."""
    grid = a_grid(**TRUNK)  # type: ignore[arg-type]
    motion = a_motion(down=down, forward=forward, heart=heart)

    field = displacement(motion, Pose(), grid, respiration=1.0, contraction=1.0)

    volume = np.linalg.det(jacobian(field, 6.0))
    assert volume.min() > 0.2
    assert volume.max() < 3.0


def test_quiet_breathing_stretches_no_organ_by_more_than_a_third() -> None:
    grid = a_grid(**TRUNK)  # type: ignore[arg-type]
    motion = a_motion(down=20.0, forward=8.0)

    field = displacement(motion, Pose(), grid, respiration=1.0, contraction=0.0)

    divergence = np.trace(jacobian(field, 6.0), axis1=-2, axis2=-1) - 3.0
    assert np.abs(divergence).max() < 1.0 / 3.0


def test_the_field_turns_with_the_body() -> None:
    point = (-70.0, 0.0, 120.0)
    pose = Pose(shift_mm=(4.0, -6.0, 9.0), turn_degree=(5.0, 10.0, -15.0))
    place = lying(point, pose)
    grid = a_grid((1, 1, 1), center=tuple(place))

    field = displacement(BREATHING, pose, grid, respiration=1.0, contraction=0.0)

    expected = lying(np.add(point, field_at(point)), pose) - place
    np.testing.assert_allclose(field[0, 0, 0], expected, atol=1e-4)


def test_a_voxel_is_found_again_in_the_body() -> None:
    pose = Pose(shift_mm=(4.0, -6.0, 9.0), turn_degree=(5.0, 10.0, -15.0))
    grid = a_grid()
    body = body_from_index(grid, pose)

    place = lying(body @ [3.0, 5.0, 7.0, 1.0], pose)

    np.testing.assert_allclose(place, grid.position_of([3, 5, 7]), atol=1e-9)


@pytest.mark.parametrize("count", [3, 5, 10])
def test_phases_of_breathing_have_the_mean_of_the_pattern(count: int) -> None:
    """Mean of cos^4 is 3/8 and of cos^8 35/128: most of the time near end-expiration."""
    phases = respiratory_phases(count)

    assert sum(weight for _, weight in phases) == pytest.approx(1.0)
    assert sum(phase * weight for phase, weight in phases) == pytest.approx(3 / 8)
    if count > 4:
        assert sum(phase**2 * weight for phase, weight in phases) == pytest.approx(35 / 128)


@pytest.mark.parametrize(
    ("motion", "why"),
    [
        (a_motion(down=61.0), "diaphragm_mm must be 0 to 60"),
        (a_motion(forward=-1.0), "forward_mm"),
        (a_motion(heart=13.0), "heart_mm must be 0 to 12"),
    ],
)
def test_refuses_motion_that_could_fold_the_body(motion: Motion, why: str) -> None:
    with pytest.raises(DataError, match=why):
        shift_of(motion, respiration=1.0, contraction=1.0)


def test_refuses_phases_out_of_range() -> None:
    with pytest.raises(DataError, match="must be 0 to 1"):
        shift_of(BREATHING, respiration=1.2, contraction=0.0)
    with pytest.raises(DataError, match="one phase or more"):
        respiratory_phases(0)
