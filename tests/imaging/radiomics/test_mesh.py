import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operandi.imaging.radiomics.mesh import cell_table, mesh_volume_area
from tests.imaging.radiomics.regions import a_lump

SPACING = (1.0, 1.5, 3.0)


def test_one_voxel_is_an_octahedron() -> None:
    """By hand: half-axes 0.5, 0.75 and 1.5 mm; volume 4/3 abc, eight equal triangles."""
    volume, area = mesh_volume_area(np.ones((1, 1, 1), dtype=np.bool_), SPACING)

    a, b, c = (s / 2 for s in SPACING)
    triangle = np.linalg.norm(np.cross([-a, b, 0], [-a, 0, c])) / 2
    assert volume == pytest.approx(4 / 3 * a * b * c)
    assert area == pytest.approx(8 * triangle)


def test_every_cell_and_its_complement_fill_the_cube_but_for_ambiguous_faces() -> None:
    """Faces where a diagonal is inside join it, so a cell and its complement may overlap there."""
    table = cell_table()

    assert table.volume[0] == 0.0
    assert table.volume[255] == 1.0
    both = table.volume + table.volume[::-1]
    assert np.all(both > 1.0 - 1e-12)
    assert np.count_nonzero(both < 1.0 + 1e-12) >= 128


def test_large_ball_has_the_volume_of_a_ball() -> None:
    grid = np.indices((61, 61, 61)) - 30.0
    inside = np.sqrt((grid**2).sum(axis=0)) <= 27.0

    volume, _ = mesh_volume_area(inside, (1.0, 1.0, 1.0))

    assert volume == pytest.approx(4 / 3 * np.pi * 27.0**3, rel=2e-3)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10_000), st.permutations([0, 1, 2]), st.tuples(*[st.sampled_from([1, -1])] * 3)
)
def test_turning_and_mirroring_a_mask_changes_nothing(
    seed: int, order: list[int], signs: tuple[int, int, int]
) -> None:
    _, inside = a_lump(seed=seed)
    turned = inside[:: signs[0], :: signs[1], :: signs[2]].transpose(order)

    found = mesh_volume_area(turned, tuple(SPACING[a] for a in order))  # type: ignore[arg-type]

    assert found == pytest.approx(mesh_volume_area(inside, SPACING), rel=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_volumes_of_masks_apart_add_up(first: int, second: int) -> None:
    one, other = a_lump(seed=first)[1], a_lump(seed=second)[1]

    both = mesh_volume_area(np.concatenate([one, other], axis=0), SPACING)

    apart = np.add(mesh_volume_area(one, SPACING), mesh_volume_area(other, SPACING))
    assert both == pytest.approx(tuple(apart), rel=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.1, 10.0))
def test_volume_and_area_grow_with_the_voxels(seed: int, scale: float) -> None:
    _, inside = a_lump(seed=seed)
    volume, area = mesh_volume_area(inside, SPACING)

    scaled = mesh_volume_area(inside, tuple(s * scale for s in SPACING))  # type: ignore[arg-type]

    assert scaled == pytest.approx((volume * scale**3, area * scale**2), rel=1e-9)


def test_surface_is_closed() -> None:
    """Area vectors of a closed surface sum to zero: over any mask, along every axis."""
    table = cell_table()
    flux = np.stack(
        [np.bincount(table.cell, table.weight * table.normal[:, a], 256) for a in range(3)], axis=1
    )
    _, inside = a_lump(seed=12)
    padded = np.pad(inside, 1)
    cells = sum(
        padded[i : -1 + i or None, j : -1 + j or None, k : -1 + k or None].astype(int)
        << (i + 2 * j + 4 * k)
        for i, j, k in itertools.product((0, 1), repeat=3)
    )

    total = flux[cells].sum(axis=(0, 1, 2))

    np.testing.assert_allclose(total, 0.0, atol=1e-9)
