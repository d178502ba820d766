from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from operandi.imaging.radiomics.interpolation import interpolate, length_after, positions_after
from operandi.imaging.radiomics.settings import Interpolation


def test_grid_keeps_its_center_and_covers_the_image() -> None:
    """IBSI VTM2, by hand: 4 voxels of 3 mm are 12 mm, that is ceil(12 / 5) = 3 voxels of 5 mm."""
    positions = positions_after(4, 3.0, 5.0)

    np.testing.assert_allclose(positions, [1.5 - 5 / 3, 1.5, 1.5 + 5 / 3])


def test_spacing_stored_in_single_precision_adds_no_voxel() -> None:
    assert length_after(100, float(np.float32(3.27)), 1.0) == 327
    assert length_after(102, 3.27, 1.0) == 334


@pytest.mark.parametrize(("method", "order"), [(Interpolation.LINEAR, 1), (Interpolation.CUBIC, 3)])
@pytest.mark.parametrize("shape", [(20, 17, 9), (300, 8, 3), (1, 2, 5)])
def test_agrees_with_scipy_at_every_voxel(
    method: Interpolation, order: int, shape: tuple[int, int, int]
) -> None:
    """Oracle: scipy.ndimage.map_coordinates with whole-sample mirrors, on the whole image."""
    values = np.random.default_rng(1).normal(size=shape)
    spacing = zip(shape, (1.0, 1.2, 3.0), (1.7, 0.9, 1.0), strict=True)
    i, j, k = (positions_after(n, own, new) for n, own, new in spacing)

    found = interpolate(values, (i, j, k), method)

    expected = ndimage.map_coordinates(
        values, np.meshgrid(i, j, k, indexing="ij"), order=order, mode="mirror"
    )
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.data())
@pytest.mark.parametrize("method", list(Interpolation))
def test_box_has_the_values_of_the_whole_image(method: Interpolation, data: Any) -> None:
    shape = data.draw(st.tuples(*[st.integers(2, 70)] * 3))
    values = np.random.default_rng(7).normal(size=shape) * 1000
    steps = data.draw(st.tuples(*[st.floats(0.3, 3.0)] * 3))
    axes = [positions_after(n, 1.0, step) for n, step in zip(shape, steps, strict=True)]
    part = []
    for axis in axes:
        first = data.draw(st.integers(0, len(axis) - 1))
        part.append(slice(first, data.draw(st.integers(first + 1, len(axis)))))

    whole = interpolate(values, (axes[0], axes[1], axes[2]), method)
    box = interpolate(values, (axes[0][part[0]], axes[1][part[1]], axes[2][part[2]]), method)

    np.testing.assert_allclose(box, whole[tuple(part)], rtol=0, atol=1e-10)


def test_axis_without_positions_stays_as_it_is() -> None:
    values = np.arange(24.0).reshape(2, 3, 4)

    found = interpolate(values, (None, None, np.array([0.5, 2.5])), Interpolation.LINEAR)

    np.testing.assert_allclose(found, values[:, :, [0, 2]] + 0.5)
