"""Axes of lesions against bodies whose axes are known."""

import math

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operandi.domain.grid import Grid
from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.imaging.lesions.measures.axes import axes_in_plane, axes_in_space, measure_axes
from operandi.imaging.radiomics.convex_hull import hull_of
from operandi.quantities.errors import DataError
from operandi.quantities.kinds import LABEL, LONGEST_DIAMETER, LONGEST_DIAMETER_3D, SHORT_AXIS
from tests.imaging.lesions.measures.builders import ORIGIN, of_kind
from tests.imaging.lesions.phantoms import a_ball, a_pet_grid, flipped, permuted, positions
from tests.shared_data import needs_shared_data, published

FINE = a_pet_grid((70, 70, 70), spacing_mm=(1.0, 1.0, 1.0))


WITHIN_MM = 1.3
"""What a maximum over a jagged surface is off by, in voxels of 1 mm."""


def _turn(*, about_z: float, about_x: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    a, b = np.radians(about_z), np.radians(about_x)
    z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    turned: np.ndarray[tuple[int, ...], np.dtype[np.float64]] = z @ x
    return turned


def _ellipsoid(
    grid: Grid, half_mm: tuple[float, float, float], *, about_z: float = 0.0, about_x: float = 0.0
) -> Mask:
    own = positions(grid) @ _turn(about_z=about_z, about_x=about_x)
    return Mask(((own / np.array(half_mm)) ** 2).sum(axis=-1) <= 1.0, grid)


def _box(grid: Grid, n: tuple[int, int, int]) -> Mask:
    inside = np.zeros(grid.shape, np.bool_)
    inside[2 : 2 + n[0], 2 : 2 + n[1], 2 : 2 + n[2]] = True
    return Mask(inside, grid)


@pytest.mark.parametrize(("about_z", "about_x"), [(0, 0), (30, 0), (45, 45), (20, 65)])
def test_an_ellipsoid_in_any_direction_has_its_three_axes(about_z: float, about_x: float) -> None:
    """Axes of 50, 30 and 20 mm in voxels of 1 mm: right to a voxel or so."""
    mask = _ellipsoid(FINE, (25.0, 15.0, 10.0), about_z=about_z, about_x=about_x)

    axes = axes_in_space(mask)

    assert axes.longest_mm == pytest.approx(50.0, abs=WITHIN_MM)
    assert axes.short_mm == pytest.approx(30.0, abs=WITHIN_MM)
    assert axes.least_mm == pytest.approx(20.0, abs=WITHIN_MM)
    assert math.dist(*axes.ends_mm) == pytest.approx(axes.longest_mm)


@pytest.mark.parametrize("angle", [0.0, 15.0, 30.0, 45.0, 60.0, 80.0])
def test_an_ellipse_turned_within_the_slice_has_its_two_axes(angle: float) -> None:
    axes = axes_in_plane(_ellipsoid(FINE, (20.0, 12.0, 8.0), about_z=angle))

    assert axes.longest_mm == pytest.approx(40.0, abs=WITHIN_MM)
    assert axes.short_mm == pytest.approx(24.0, abs=WITHIN_MM)
    assert axes.slice_distance_mm == pytest.approx(1.0)


def test_a_lesion_that_stands_oblique_is_shorter_in_the_plane_than_in_space() -> None:
    """A rod of 60 mm along z, 10 mm thick: in an axial slice 10 mm, in space 60 mm; in the
    sagittal slice 60 mm again."""
    rod = _ellipsoid(FINE, (5.0, 5.0, 30.0))

    assert axes_in_plane(rod).longest_mm == pytest.approx(10.0, abs=1.0)
    assert axes_in_plane(rod, plane=0).longest_mm == pytest.approx(60.0, abs=WITHIN_MM)
    assert axes_in_space(rod).longest_mm == pytest.approx(60.0, abs=WITHIN_MM)


def test_a_voxel_is_as_long_as_its_edges() -> None:
    grid = a_pet_grid((6, 6, 6), spacing_mm=(2.0, 3.0, 5.0))
    one = _box(grid, (1, 1, 1))

    space, flat = axes_in_space(one), axes_in_plane(one)

    assert (space.longest_mm, space.short_mm, space.least_mm) == pytest.approx((5.0, 3.0, 2.0))
    assert (flat.longest_mm, flat.short_mm) == pytest.approx((3.0, 2.0))
    assert flat.slice_distance_mm == pytest.approx(5.0)
    assert flat.slice_index == 2


def test_a_row_of_voxels_is_as_long_as_the_row() -> None:
    grid = a_pet_grid((30, 6, 6), spacing_mm=(2.0, 2.0, 2.0))

    assert axes_in_space(_box(grid, (20, 1, 1))).longest_mm == pytest.approx(40.0)
    assert axes_in_plane(_box(grid, (20, 1, 1))).longest_mm == pytest.approx(40.0)


def test_a_ball_on_a_clinical_pet_is_right_to_a_voxel() -> None:
    grid = a_pet_grid((30, 30, 30), spacing_mm=(2.0, 2.0, 3.0), turned_deg=25.0)
    for radius in (8.0, 11.0, 17.0):
        axes = axes_in_space(a_ball(grid, at_mm=(1.0, 0.5, -0.7), radius_mm=radius))
        assert axes.longest_mm == pytest.approx(2.0 * radius, abs=3.0)


@needs_shared_data
def test_the_digital_phantom_of_ibsi_has_its_published_diameter() -> None:
    """IBSI 1 (Zwanenburg, Radiology 295:328, 2020), digital phantom: 13.1 +/- 0.1 mm."""
    path = published("radiomics/ibsi1/digital_phantom/mask.nii.gz")
    inside = np.asarray(nib.Nifti1Image.from_filename(path).dataobj) > 0
    grid = Grid(inside.shape, np.diag([2.0, 2.0, 2.0, 1.0]))

    assert round(axes_in_space(Mask(inside, grid)).longest_mm, 1) == 13.1


@pytest.mark.slow
def test_the_longest_diameter_is_that_of_the_radiomics_hull() -> None:
    """Two ways to the maximum 3D diameter of IBSI, by Qhull and by the package's own hull."""
    mask = _ellipsoid(FINE, (22.0, 14.0, 9.0), about_z=20.0, about_x=50.0)

    assert axes_in_space(mask).longest_mm == pytest.approx(
        hull_of(mask.inside, (1.0, 1.0, 1.0)).diameter_mm, rel=1e-9
    )


def test_two_outlines_in_one_slice_are_not_measured_as_one() -> None:
    """Two discs of 12 mm in one slice, joined below it."""
    grid = a_pet_grid((40, 20, 10), spacing_mm=(1.0, 1.0, 1.0))
    x, y, z = np.moveaxis(positions(grid), -1, 0)
    left, right = ((x + s) ** 2 + y**2 <= 36.0 for s in (-10.0, 10.0))
    inside = (left | right) & (np.abs(z) < 3.0)

    assert axes_in_plane(Mask(inside, grid)).longest_mm == pytest.approx(12.0, abs=1.0)
    assert axes_in_space(Mask(inside, grid)).longest_mm > 30.0


@given(
    seed=st.integers(0, 500),
    axis=st.integers(0, 2),
    axes=st.permutations((0, 1, 2)),
)
@settings(max_examples=25, deadline=None)
def test_the_order_of_voxels_does_not_matter(seed: int, axis: int, axes: list[int]) -> None:
    grid = a_pet_grid((9, 10, 11), spacing_mm=(2.0, 3.0, 4.0), turned_deg=15.0)
    draw = np.random.default_rng(seed)
    mask = Mask(draw.uniform(size=grid.shape) > 0.95, grid)
    volume = Volume(np.zeros(grid.shape), grid, LABEL)
    i, j, k = axes
    _, turned = permuted(*flipped(volume, mask, axis=axis), axes=(i, j, k))

    here, there = axes_in_space(turned), axes_in_space(mask)

    assert here.longest_mm == pytest.approx(there.longest_mm, rel=1e-9)
    assert here.short_mm == pytest.approx(there.short_mm, rel=1e-9)
    assert here.least_mm == pytest.approx(there.least_mm, rel=1e-9)
    plane = axes.index(2)
    assert plane in {0, 1, 2}
    flat = axes_in_plane(turned, plane=plane)  # type: ignore[arg-type]
    assert flat.longest_mm == pytest.approx(axes_in_plane(mask).longest_mm, rel=1e-9)
    assert flat.short_mm <= flat.longest_mm + 1e-9
    assert here.least_mm <= here.short_mm + 1e-9 <= here.longest_mm + 2e-9


@given(shift=st.tuples(st.integers(-2, 2), st.integers(-2, 2), st.integers(-2, 2)))
@settings(max_examples=10, deadline=None)
def test_moving_a_lesion_changes_no_axis(shift: tuple[int, int, int]) -> None:
    grid = a_pet_grid((16, 16, 16), turned_deg=10.0)
    draw = np.random.default_rng(3).uniform(size=grid.shape) > 0.7
    core = np.zeros(grid.shape, np.bool_)
    core[4:12, 4:12, 4:12] = draw[4:12, 4:12, 4:12]
    moved = Mask(np.roll(core, shift, axis=(0, 1, 2)), grid)

    here, there = axes_in_space(moved), axes_in_space(Mask(core, grid))

    assert here.longest_mm == pytest.approx(there.longest_mm)
    assert axes_in_plane(moved).longest_mm == pytest.approx(
        axes_in_plane(Mask(core, grid)).longest_mm
    )


def test_axes_as_measurements() -> None:
    found = measure_axes(_ellipsoid(FINE, (20.0, 12.0, 8.0)), origin=ORIGIN)

    assert len({one.id for one in found}) == 5
    assert of_kind(found, LONGEST_DIAMETER).value == pytest.approx(40.0, abs=WITHIN_MM)
    assert of_kind(found, SHORT_AXIS).value == pytest.approx(24.0, abs=WITHIN_MM)
    assert of_kind(found, LONGEST_DIAMETER_3D).value == pytest.approx(40.0, abs=WITHIN_MM)
    assert "1.00 x 1.00 x 1.00 mm" in found[0].uncertainty.basis


def test_refuses_an_empty_mask() -> None:
    empty = Mask(np.zeros((4, 4, 4), np.bool_), a_pet_grid((4, 4, 4)))
    with pytest.raises(DataError, match="holds no voxel"):
        axes_in_space(empty)
    with pytest.raises(DataError, match="holds no voxel"):
        axes_in_plane(empty)
