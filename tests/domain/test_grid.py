import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.domain.grid import Grid
from operandi.quantities.errors import GridMismatchError
from tests.builders import a_grid


def test_index_zero_is_the_center_of_the_first_voxel() -> None:
    np.testing.assert_allclose(a_grid(origin_mm=(1.0, 2.0, 3.0)).position_of((0, 0, 0)), (1, 2, 3))


@given(index=st.tuples(*[st.floats(-50, 50)] * 3), angle=st.floats(0, 6.28))
def test_position_and_index_are_inverse_on_an_oblique_grid(
    index: tuple[float, float, float], angle: float
) -> None:
    c, s = np.cos(angle), np.sin(angle)
    affine = np.eye(4)
    affine[:3, :3] = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.diag([2.0, 3.0, 5.0])
    grid = Grid((4, 5, 6), affine)

    np.testing.assert_allclose(grid.index_of(grid.position_of(index)), index, atol=1e-9)
    np.testing.assert_allclose(grid.spacing_mm, (2.0, 3.0, 5.0))
    assert grid.voxel_volume_ml == pytest.approx(0.030)


def test_grids_are_the_same_up_to_a_hundredth_of_a_millimeter() -> None:
    one = a_grid()
    assert one.same_as(a_grid(origin_mm=(-100.005, -80.0, 20.0)))
    assert not one.same_as(a_grid(origin_mm=(-100.02, -80.0, 20.0)))


def test_a_tiny_difference_of_spacing_counts_where_it_adds_up() -> None:
    """0.001 mm a voxel is 0.2 mm at the far end of 200 voxels."""
    long = a_grid((200, 2, 2), spacing_mm=(4.0, 4.0, 3.0))
    assert not long.same_as(a_grid((200, 2, 2), spacing_mm=(4.001, 4.0, 3.0)))


def test_frames_of_reference_must_agree_where_both_are_stated() -> None:
    assert a_grid().same_as(a_grid(frame_of_reference=""))
    assert not a_grid().same_as(a_grid(frame_of_reference="1.2.4"))


def test_refuses_to_let_two_grids_meet_and_names_them() -> None:
    with pytest.raises(GridMismatchError, match="PET and mask lie on different grids"):
        a_grid().require_same(a_grid((3, 4, 6)), what="PET and mask")


@pytest.mark.parametrize("affine", [np.zeros((4, 4)), np.full((4, 4), np.nan), np.eye(3)])
def test_refuses_an_affine_that_is_no_map(affine: npt.NDArray[np.float64]) -> None:
    with pytest.raises(ValueError, match="affine"):
        Grid((2, 2, 2), affine)


def test_the_affine_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        a_grid().affine[0, 0] = 2.0
