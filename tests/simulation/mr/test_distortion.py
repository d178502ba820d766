import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.domain.grid import Grid
from operandi.quantities.errors import DataError
from operandi.simulation.mr.distortion import (
    AIR_SUSCEPTIBILITY_PPM,
    VOID_ECHO_MS,
    background_hz,
    field_ppm,
    shifted,
    susceptibility_ppm,
    void_dephasing,
    void_hz,
)
from tests.simulation.mr.scenes import LIVER, occupied


def a_grid(size: int = 40, *, spacing_mm: float = 2.5) -> Grid:
    affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    affine[:3, 3] = -(size - 1) / 2 * spacing_mm
    return Grid((size, size, size), affine)


def a_ball(grid: Grid, *, radius_mm: float) -> npt.NDArray[np.bool_]:
    positions = grid.position_of(np.moveaxis(np.indices(grid.shape), 0, -1))
    inside: npt.NDArray[np.bool_] = np.linalg.norm(positions, axis=-1) <= radius_mm
    return inside


def test_field_of_a_ball_is_a_dipole_outside_and_nothing_inside() -> None:
    """Closed form, Lorentz-corrected: ``chi / 3 (a / r)^3 (3 cos^2 - 1)`` outside, 0 inside."""
    grid = a_grid(64)
    ball = a_ball(grid, radius_mm=20.0)

    field = field_ppm(ball.astype(np.float32), spacing_mm=grid.spacing_mm)

    volume_radius = (3.0 * ball.sum() / (4.0 * np.pi)) ** (1 / 3) * 2.5
    for index in ((32, 32, 48), (32, 50, 32), (44, 32, 44)):
        x, y, z = grid.position_of(index)
        r = np.sqrt(x * x + y * y + z * z)
        expected = (volume_radius / r) ** 3 * (3 * (z / r) ** 2 - 1) / 3
        np.testing.assert_allclose(field[index], expected, atol=0.006)
    assert abs(field[32, 32, 32]) < 0.01


def test_what_no_tissue_fills_is_air() -> None:
    grid = a_grid(8)
    half = occupied({"liver": np.full(grid.shape, 0.5, dtype=np.float32)}, grid)

    np.testing.assert_allclose(
        susceptibility_ppm(half, {"liver": LIVER}), AIR_SUSCEPTIBILITY_PPM / 2, rtol=1e-6
    )


def test_a_body_with_gas_is_off_resonance_near_the_gas_alone() -> None:
    grid = a_grid(60, spacing_mm=4.0)
    body = a_ball(grid, radius_mm=110.0) & ~a_ball(grid, radius_mm=20.0)
    occupancy = occupied({"liver": body.astype(np.float32)}, grid)

    field = background_hz(occupancy, {"liver": LIVER})

    assert field.shape == grid.shape
    assert abs(field[30, 30, 38]) > 100.0
    assert np.abs(field[30, 30, 50:54]).max() < 0.5 * abs(field[30, 30, 37])


@pytest.mark.parametrize("axis", [0, 1])
def test_whole_shift_moves_every_voxel_by_its_pixels(axis: int) -> None:
    image = np.zeros((12, 12, 3), dtype=np.float32)
    image[4:6, 4:6, 1] = 5.0

    moved = shifted(image, 3.0, axis=axis)

    np.testing.assert_allclose(moved, np.roll(image, 3, axis=axis), atol=1e-5)


def test_half_a_pixel_is_shared_by_two() -> None:
    image = np.zeros((1, 9, 1), dtype=np.float32)
    image[0, 4, 0] = 8.0

    np.testing.assert_allclose(shifted(image, 0.5, axis=1)[0, 4:6, 0], [4.0, 4.0], atol=1e-5)


@given(seed=st.integers(0, 10_000), size=st.floats(0.0, 6.0))
def test_distortion_keeps_the_signal_that_stays_in_view(seed: int, size: float) -> None:
    random = np.random.default_rng(seed)
    image = np.zeros((5, 40, 4), dtype=np.float32)
    image[:, 12:28] = random.random((5, 16, 4))
    shift = (size * random.uniform(-1, 1, image.shape)).astype(np.float32)

    np.testing.assert_allclose(
        shifted(image, shift, axis=1).sum(), image.sum(), rtol=1e-4, atol=1e-4
    )


def test_signal_piles_up_where_the_field_converges() -> None:
    """A shift that falls by half a pixel a pixel halves the length, so doubles the signal."""
    image = np.ones((1, 41, 1), dtype=np.float32)
    shift = (-0.5 * (np.arange(41) - 20)).astype(np.float32)[None, :, None]

    moved = shifted(image, np.broadcast_to(shift, image.shape), axis=1)[0, :, 0]

    np.testing.assert_allclose(moved[12:29], 2.0, rtol=1e-5)
    assert moved[:8].sum() + moved[33:].sum() == 0.0


def test_refuses_a_shift_along_slices() -> None:
    with pytest.raises(DataError, match="axis 0 or 1"):
        shifted(np.zeros((3, 3, 3), dtype=np.float32), 1.0, axis=2)


def test_implant_takes_the_dixon_echo_within_its_radius() -> None:
    grid = a_grid(60)
    left = void_dephasing(grid, ((0.0, 0.0, 0.0), 30.0), echo_time_ms=VOID_ECHO_MS)
    distance = np.linalg.norm(grid.position_of(np.moveaxis(np.indices(grid.shape), 0, -1)), axis=-1)

    assert left[distance < 30.0].max() == 0.0
    assert left[distance > 60.0].min() > 0.98
    assert 0.1 < left[(distance > 32.0) & (distance < 36.0)].mean() < 0.7


def test_implant_is_larger_at_a_longer_echo_and_smaller_in_a_spin_echo() -> None:
    grid, void = a_grid(60), ((0.0, 0.0, 0.0), 30.0)
    dark = [
        int(np.count_nonzero(void_dephasing(grid, void, echo_time_ms=echo) == 0.0))
        for echo in (0.0, 1.23, 20.0)
    ]

    assert 0 < dark[0] < dark[1] < dark[2]


def test_field_of_an_implant_is_a_dipole_along_z() -> None:
    grid = a_grid(41)
    field = void_hz(grid, ((0.0, 0.0, 0.0), 10.0))

    assert field[20, 20, 28] == pytest.approx(-2.0 * field[28, 20, 20])
    assert field[20, 20, 28] / field[20, 20, 36] == pytest.approx(8.0)
