import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from operandi.imaging.radiomics.rigid_resampling import (
    linear_shares,
    spline_coefficients,
    spline_values,
)


def turned(degrees: float) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


@settings(max_examples=15, deadline=None)
@given(degrees=st.floats(-40.0, 40.0), shift=st.floats(-0.5, 0.5))
def test_values_are_those_of_scipy(degrees: float, shift: float) -> None:
    image = np.random.default_rng(3).normal(0.0, 1.0, (16, 17, 9))
    index_map, offset = turned(degrees), np.array([6.0, 5.0, 1.0]) + shift

    found = spline_values(spline_coefficients(image), index_map, offset, (6, 5, 4))

    expected = ndimage.affine_transform(
        image, index_map, offset=offset, output_shape=(6, 5, 4), order=3, mode="mirror"
    )
    inside = ndimage.affine_transform(
        np.ones(image.shape), index_map, offset=offset, output_shape=(6, 5, 4), order=1
    )
    np.testing.assert_allclose(found[inside > 0.999], expected[inside > 0.999], atol=1e-10)


def test_the_spline_passes_through_the_voxels_and_stays_at_the_edge() -> None:
    image = np.random.default_rng(4).normal(0.0, 1.0, (5, 6, 1))

    same = spline_values(spline_coefficients(image), np.eye(3), np.zeros(3), image.shape)
    beyond = spline_values(spline_coefficients(image), np.eye(3), np.array([99.0, 0, 0]), (1, 6, 1))

    np.testing.assert_allclose(same, image, atol=1e-12)
    np.testing.assert_allclose(beyond[0], image[-1], atol=1e-12)


@pytest.mark.parametrize("degrees", [0.0, 13.0, -30.0])
def test_shares_are_those_of_scipy(degrees: float) -> None:
    inside = np.random.default_rng(5).random((8, 9, 7)) > 0.4
    offset = np.array([0.3, -0.2, 0.45])

    found = linear_shares(inside, turned(degrees), offset)

    padded = np.pad(inside.astype(float), 2)
    expected = ndimage.affine_transform(
        padded,
        turned(degrees),
        offset=offset + 2.0 - turned(degrees) @ np.full(3, 2.0),
        order=1,
    )[2:-2, 2:-2, 2:-2]
    np.testing.assert_allclose(found, expected, atol=1e-12)
