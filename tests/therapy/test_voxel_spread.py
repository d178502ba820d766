"""Energy handed to voxels: none is lost, and near the source the weights are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operandi.therapy.voxel_spread import radii_for, spread_over_voxels

EDGES = st.tuples(*[st.floats(0.05, 1.0)] * 3)


@settings(max_examples=25, deadline=None)
@given(edges=EDGES, radius=st.floats(0.0, 0.2))
def test_all_energy_arrives_where_the_array_is_large_enough(
    edges: tuple[float, float, float], radius: float
) -> None:
    voxel = np.array(edges)
    half = np.ceil(radius / voxel).astype(np.int64) + 1

    spread = spread_over_voxels(
        np.array([radius]), np.array([[1.0], [2.0]]), voxel_cm=voxel, half=half
    )

    np.testing.assert_allclose(spread.sum(axis=(1, 2, 3)), [1.0, 2.0], rtol=1e-12)
    np.testing.assert_allclose(spread[1], 2 * spread[0], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("radius", [0.01, 0.05, 0.1])
def test_the_source_voxel_keeps_what_its_faces_do_not_let_through(radius: float) -> None:
    """Mean of (1-|x|)(1-|y|)(1-|z|) over a sphere in unit voxels, by hand.

    Over the unit sphere ``<|x|> = 1/2``, ``<|x y|> = 2/(3 pi)``, ``<|x y z|> = 1/(4 pi)``.
    """
    half = np.array([1, 1, 1])
    middle = spread_over_voxels(
        np.array([radius]), np.array([[1.0]]), voxel_cm=np.ones(3), half=half
    )[0, 1, 1, 1]

    by_hand = 1 - 3 * radius / 2 + 2 * radius**2 / np.pi - radius**3 / (4 * np.pi)
    assert middle == pytest.approx(by_hand, rel=1e-4)


def test_energy_at_the_source_stays_in_its_voxel() -> None:
    spread = spread_over_voxels(
        np.array([0.0]), np.array([[1.0]]), voxel_cm=np.ones(3), half=np.array([2, 2, 2])
    )

    assert spread[0, 2, 2, 2] == pytest.approx(1)


def test_energy_beyond_the_array_is_left_out() -> None:
    spread = spread_over_voxels(
        np.array([5.0]), np.array([[1.0]]), voxel_cm=np.ones(3), half=np.array([1, 1, 1])
    )

    assert spread.sum() == 0


@settings(max_examples=25, deadline=None)
@given(edges=EDGES)
def test_shells_reach_the_far_corner_without_a_gap(edges: tuple[float, float, float]) -> None:
    voxel = np.array(edges)
    half = np.array([2, 3, 1])
    radii = radii_for(voxel, half=half)

    assert radii[0] == 0
    assert np.all(np.diff(radii) > 0)
    assert radii[-1] >= np.linalg.norm(half * voxel)
