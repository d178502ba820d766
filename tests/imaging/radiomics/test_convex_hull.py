import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist
from scipy.special import eval_legendre

from operandi.imaging.radiomics.convex_hull import hull_of
from operandi.imaging.radiomics.enclosing import ellipsoid_area, least_box, least_ellipsoid
from tests.imaging.radiomics.regions import a_lump

SPACING = (1.0, 1.5, 3.0)


def _mesh_vertices(inside: np.ndarray) -> np.ndarray:
    """All vertices of the mesh, in mm: the middles of edges that the surface crosses."""
    padded = np.pad(inside, 1)
    found = []
    for axis, step in enumerate(np.eye(3)):
        crossed = np.argwhere(np.diff(padded, axis=axis))
        found.append(crossed + step / 2)
    vertices: np.ndarray = np.concatenate(found) * SPACING
    return vertices


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_agrees_with_the_hull_of_all_vertices(seed: int) -> None:
    """Oracle: scipy.spatial.ConvexHull and pdist over every vertex of the mesh."""
    _, inside = a_lump(seed=seed)

    hull = hull_of(inside, SPACING)

    vertices = _mesh_vertices(inside)
    whole = ConvexHull(vertices)
    assert hull.volume_mm3 == pytest.approx(whole.volume, rel=1e-10)
    assert hull.area_mm2 == pytest.approx(whole.area, rel=1e-10)
    assert hull.diameter_mm == pytest.approx(pdist(vertices).max(), rel=1e-12)


def test_one_voxel_has_the_hull_of_its_octahedron() -> None:
    hull = hull_of(np.ones((1, 1, 1), dtype=np.bool_), SPACING)

    assert len(hull.vertices) == 6
    assert hull.volume_mm3 == pytest.approx(1.0 * 1.5 * 3.0 / 6)
    assert hull.diameter_mm == pytest.approx(3.0)


@pytest.mark.parametrize("axes", [(5.7, 4.65, 4.27), (46.3, 40.7, 35.0), (3.0, 2.9, 0.5)])
def test_area_of_an_ellipsoid_is_ibsis_series(axes: tuple[float, float, float]) -> None:
    """The manual's sum as it stands, with Legendre polynomials by scipy."""
    a, b, c = axes
    alpha, beta = np.sqrt(1 - (b / a) ** 2), np.sqrt(1 - (c / a) ** 2)
    order = np.arange(21)
    at = (alpha**2 + beta**2) / (2 * alpha * beta)
    terms = (alpha * beta) ** order / (1 - 4 * order**2) * eval_legendre(order, at)

    assert ellipsoid_area(a, b, c) == pytest.approx(4 * np.pi * a * b * terms.sum(), rel=1e-12)


def test_area_of_an_ellipsoid_needs_no_unequal_axes() -> None:
    assert ellipsoid_area(2.0, 2.0, 2.0) == pytest.approx(16 * np.pi)
    assert ellipsoid_area(2.0, 2.0, 1.0) == pytest.approx(ellipsoid_area(2.0, 2 - 1e-9, 1.0))
    assert ellipsoid_area(2.0, 1.0, 1.0) == pytest.approx(ellipsoid_area(2.0, 1.0, 1 - 1e-9))
    assert 0 < ellipsoid_area(2.0, 1.0, 0.0) < 8 * np.pi


def test_least_ellipsoid_of_an_octahedron_is_its_ball_scaled() -> None:
    """By hand: the corners lie on the axes, so the half-axes are half the spacing."""
    volume, _ = least_ellipsoid(hull_of(np.ones((1, 1, 1), dtype=np.bool_), SPACING))

    assert volume == pytest.approx(4 / 3 * np.pi * 0.5 * 0.75 * 1.5, rel=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_what_encloses_is_larger_than_the_hull(seed: int) -> None:
    _, inside = a_lump(seed=seed)
    hull = hull_of(inside, SPACING)

    box, _ = least_box(hull)
    ellipsoid, _ = least_ellipsoid(hull)

    assert hull.volume_mm3 <= box * (1 + 1e-9)
    assert box <= float(np.prod(np.ptp(hull.vertices, axis=0))) * (1 + 1e-9)
    assert hull.volume_mm3 <= ellipsoid * (1 + 1e-9)


def test_least_box_of_a_tilted_bar_is_tilted() -> None:
    """A bar along the diagonal of a plane fills half of its axis-aligned box at most."""
    inside = np.zeros((24, 24, 3), dtype=np.bool_)
    for i, j in itertools.product(range(24), repeat=2):
        inside[i, j] = abs(i - j) <= 2
    hull = hull_of(inside, (1.0, 1.0, 1.0))

    box, _ = least_box(hull)

    assert box < 0.4 * 24 * 24 * 3
    assert box == pytest.approx(hull.volume_mm3, rel=0.15)
