"""Resampling: linear functions exactly, nothing extrapolated, nothing averaged that has no mean."""

from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operandi.domain.grid import Grid
from operandi.domain.mask import Mask
from operandi.domain.volume import Frame, Volume
from operandi.imaging.resample import Order, resample, resample_mask
from operandi.quantities.errors import DataError, GridMismatchError
from operandi.quantities.kinds import LABEL, MR_PHASE, MR_SIGNAL, PARAMETRIC, Kind

ORDERS: tuple[Order, ...] = ("nearest", "linear", "cubic")


def _grid(
    shape: tuple[int, int, int],
    *,
    spacing_mm: tuple[float, float, float] = (2.0, 3.0, 4.0),
    origin_mm: tuple[float, float, float] = (0.0, 0.0, 0.0),
    turned_deg: float = 0.0,
    frame: str = "1.2.3",
) -> Grid:
    c, s = np.cos(np.radians(turned_deg)), np.sin(np.radians(turned_deg))
    affine = np.eye(4)
    affine[:3, :3] = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.diag(spacing_mm)
    affine[:3, 3] = origin_mm
    return Grid(shape, affine, frame)


def _positions(grid: Grid) -> npt.NDArray[np.float64]:
    indices = np.stack(np.meshgrid(*[np.arange(n) for n in grid.shape], indexing="ij"), axis=-1)
    return grid.position_of(indices)


def _ramp(grid: Grid) -> Volume:
    return Volume(_positions(grid) @ [0.7, -1.3, 0.4] + 5.0, grid, PARAMETRIC)


def _noise(grid: Grid, kind: Kind = MR_SIGNAL) -> Volume:
    return Volume(np.random.default_rng(5).normal(size=grid.shape), grid, kind)


SOURCE = _grid((20, 16, 12))
# Oblique, finer, and wholly between the outermost voxel centers of SOURCE.
INNER = _grid((12, 11, 10), spacing_mm=(1.1, 1.3, 1.7), origin_mm=(14.0, 12.0, 9.3), turned_deg=20)


def test_linear_interpolation_reproduces_a_linear_function() -> None:
    found = resample(_ramp(SOURCE), INNER, order="linear", outside=np.nan)

    np.testing.assert_allclose(found.values, _ramp(INNER).values, rtol=1e-12)
    assert found.grid is INNER
    assert found.kind == PARAMETRIC


def test_cubic_interpolation_reproduces_a_linear_function_away_from_the_border() -> None:
    """What the border does falls by a factor of 3.7 a voxel; six voxels inside it is 4e-4."""
    big = _grid((40, 40, 40), spacing_mm=(2.0, 2.0, 2.0))
    inner = _grid((10, 10, 10), spacing_mm=(1.3,) * 3, origin_mm=(33.0, 33.0, 33.0))

    found = resample(_ramp(big), inner, order="cubic", outside=np.nan)

    np.testing.assert_allclose(found.values, _ramp(inner).values, atol=1e-6)


@pytest.mark.parametrize("order", ORDERS)
def test_resampling_onto_the_same_grid_changes_nothing(order: Order) -> None:
    volume = _noise(_grid((9, 8, 7), turned_deg=33.0, origin_mm=(-71.3, 12.9, 7.7)))

    found = resample(volume, volume.grid, order=order, outside=np.nan)

    np.testing.assert_allclose(found.values, volume.values, atol=1e-9)


@pytest.mark.parametrize(("order", "covered"), [("nearest", 7), ("linear", 5), ("cubic", 5)])
def test_nothing_is_extrapolated(order: Order, covered: int) -> None:
    """Centers at 0..4 mm, extents -0.5..4.5 mm; asked at -1, -0.4, 0 ... 4, 4.4, 5 mm."""
    line = _grid((5, 1, 1), spacing_mm=(1.0, 1.0, 1.0))
    asked = [-1.0, -0.4, 0.0, 1.0, 2.0, 3.0, 4.0, 4.4, 5.0]
    inside = 0
    for x in asked:
        point = _grid((1, 1, 1), origin_mm=(x, 0.0, 0.0))
        found = resample(_noise(line), point, order=order, outside=-77.0)
        inside += found.values[0, 0, 0] != -77.0
    assert inside == covered


def test_nearest_takes_the_value_of_the_voxel_it_falls_into() -> None:
    line = Volume(np.arange(5.0).reshape(5, 1, 1), _grid((5, 1, 1)), LABEL)
    finer = _grid((4, 1, 1), origin_mm=(0.9, 0.0, 0.0))

    found = resample(line, finer, order="nearest", outside=0.0)

    # 0.9, 2.9, 4.9, 6.9 mm on voxels of 2 mm.
    np.testing.assert_array_equal(found.values.ravel(), [0.0, 1.0, 2.0, 3.0])


def test_a_transform_tells_where_positions_of_the_new_grid_lie_in_the_old() -> None:
    """Shift by (2, 3, 4) mm, one voxel each: value (i, j, k) is that of (i+1, j+1, k+1)."""
    volume = _noise(SOURCE)
    shift = np.eye(4)
    shift[:3, 3] = (2.0, 3.0, 4.0)

    found = resample(volume, SOURCE, order="linear", outside=0.0, transform=shift)

    np.testing.assert_allclose(found.values[:-1, :-1, :-1], volume.values[1:, 1:, 1:], atol=1e-12)
    assert (found.values[-1] == 0.0).all()


def test_a_transform_and_its_inverse_bring_a_ramp_back() -> None:
    turn = np.linalg.inv(_grid((2, 2, 2), spacing_mm=(1.0,) * 3, turned_deg=15.0).affine)
    there = resample(
        _ramp(SOURCE), _grid((60, 60, 12), spacing_mm=(1.0, 1.0, 4.0), origin_mm=(-10, -5, 0)),
        order="linear", outside=np.nan, transform=turn,
    )  # fmt: skip
    valid = np.isfinite(there.values)
    expected = _positions(there.grid) @ turn[:3, :3].T @ [0.7, -1.3, 0.4] + 5.0
    assert valid.any()
    np.testing.assert_allclose(there.values[valid], expected[valid], rtol=1e-11)


def test_frames_are_resampled_alike_and_kept() -> None:
    noon = datetime(2024, 1, 1, 12, tzinfo=UTC)
    one = _noise(SOURCE)
    frames = (Frame(noon, 60.0), Frame(noon, 60.0))
    both = Volume(np.stack([one.values, 2 * one.values], -1), SOURCE, MR_SIGNAL, None, frames)

    found = resample(both, INNER, order="linear", outside=0.0)

    alone = resample(one, INNER, order="linear", outside=0.0).values
    np.testing.assert_array_equal(found.values[..., 0], alone)
    np.testing.assert_allclose(found.values[..., 1], 2 * alone, rtol=1e-12)
    assert found.frames == frames


def test_the_floating_point_type_is_kept() -> None:
    volume = Volume(np.ones(SOURCE.shape, dtype=np.float32), SOURCE, MR_SIGNAL)

    assert resample(volume, INNER, order="linear", outside=0.0).values.dtype == np.float32


@given(
    moved=st.tuples(st.integers(-3, 3), st.integers(-3, 3), st.integers(-3, 3)),
    order=st.sampled_from(ORDERS[:2]),
)
@settings(max_examples=20, deadline=None)
def test_whole_voxel_shifts_move_values_without_changing_them(
    moved: tuple[int, int, int], order: Order
) -> None:
    volume = _noise(_grid((9, 8, 7), turned_deg=12.0))
    affine = volume.grid.affine.copy()
    affine[:3, 3] = volume.grid.position_of(moved)
    shifted = Grid((9, 8, 7), affine, "1.2.3")

    found = resample(volume, shifted, order=order, outside=9.0).values

    for index in np.ndindex(9, 8, 7):
        source = tuple(np.add(index, moved).tolist())
        within = all(0 <= at < n for at, n in zip(source, (9, 8, 7), strict=True))
        expected = volume.values[source] if within else 9.0
        assert found[index] == pytest.approx(expected, abs=1e-9)


def test_a_mask_keeps_its_voxels_and_is_outside_beyond_the_image() -> None:
    """A block of 6 x 6 x 6 mm stays a block of that size on a grid three times as fine."""
    coarse = _grid((10, 10, 10), spacing_mm=(3.0, 3.0, 3.0))
    inside = np.zeros(coarse.shape, dtype=np.bool_)
    inside[0:2, 4:6, 4:6] = True
    fine = _grid((40, 30, 30), spacing_mm=(1.0, 1.0, 1.0), origin_mm=(-7.0, -1.0, -1.0))

    found = resample_mask(Mask(inside, coarse), fine)

    assert found.volume_ml == pytest.approx(0.216)
    where = fine.position_of(np.argwhere(found.inside))
    np.testing.assert_allclose(where.min(axis=0), (-1.0, 11.0, 11.0), atol=1e-9)


def test_refuses_grids_of_two_frames_of_reference_unless_told_how_they_lie() -> None:
    elsewhere = _grid((5, 5, 5), frame="9.8.7")
    with pytest.raises(GridMismatchError, match=r"different frames of reference: 1\.2\.3 and 9"):
        resample(_ramp(SOURCE), elsewhere, order="linear", outside=0.0)
    with pytest.raises(GridMismatchError, match="different frames of reference"):
        resample_mask(Mask(np.ones(SOURCE.shape, dtype=np.bool_), SOURCE), elsewhere)

    told = resample(_ramp(SOURCE), elsewhere, order="linear", outside=0.0, transform=np.eye(4))
    assert told.grid.frame_of_reference == "9.8.7"


@pytest.mark.parametrize("kind", [LABEL, MR_PHASE])
def test_refuses_to_average_what_has_no_average(kind: Kind) -> None:
    with pytest.raises(DataError, match="cannot be averaged"):
        resample(_noise(SOURCE, kind), INNER, order="linear", outside=0.0)


def test_refuses_to_interpolate_values_that_are_not_numbers() -> None:
    values = np.ones(SOURCE.shape)
    values[0, 0, 0] = np.nan
    with pytest.raises(DataError, match="needs finite values"):
        resample(Volume(values, SOURCE, MR_SIGNAL), INNER, order="cubic", outside=0.0)


def test_refuses_a_transform_that_is_no_matrix() -> None:
    with pytest.raises(ValueError, match="4 x 4"):
        resample(_ramp(SOURCE), INNER, order="linear", outside=0.0, transform=np.eye(3))
