import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull

from operandi.imaging.radiomics.quickhull import hull_faces


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12))
def test_no_point_lies_outside_and_the_volume_is_that_of_qhull(seed: int, size: int) -> None:
    """Oracle: scipy.spatial.ConvexHull; a small size puts many points in one plane."""
    random = np.random.default_rng(seed)
    corners = [[0, 0, 0], [size, 0, 0], [0, size, 0], [0, 0, size]]
    points = np.concatenate([corners, random.integers(-size, size + 1, (80, 3))]).astype(float)

    a, b, c = np.moveaxis(points[hull_faces(points)], 1, 0)

    normals = np.cross(b - a, c - a)
    heights = normals @ points.T - (normals * a).sum(axis=1)[:, None]
    assert heights.max() == 0
    assert np.abs(normals).sum(axis=1).min() > 0
    assert (normals * a).sum() / 6 == pytest.approx(ConvexHull(points).volume, rel=1e-12)


def test_every_edge_has_two_triangles() -> None:
    points = np.argwhere(np.ones((4, 5, 6))).astype(float, order="C")

    faces = hull_faces(points)

    edges = np.concatenate([faces[:, [e, (e + 1) % 3]] for e in range(3)])
    assert {tuple(edge) for edge in edges} == {tuple(edge[::-1]) for edge in edges}
    assert len(np.unique(edges, axis=0)) == len(edges)
