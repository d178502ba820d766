"""The liver sphere: where it is put, what it measures, when it is refused."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from operandi.domain.grid import Grid
from operandi.domain.mask import Mask
from operandi.domain.volume import Frame, Volume
from operandi.imaging.lesions.reference import (
    ReferenceRegion,
    liver_reference_from_organ,
    liver_reference_from_point,
    sphere_mask,
)
from operandi.quantities.errors import DataError, GridMismatchError
from operandi.quantities.kinds import MR_SIGNAL, SUV_BODY_WEIGHT
from tests.imaging.lesions.phantoms import (
    a_ball,
    a_pet_grid,
    an_suv,
    an_suv_of,
    everywhere,
    flipped,
    permuted,
    positions,
)

# A liver of 60 mm half-axes: 4/3 pi 6^3 = 905 mL, its right half at x < 0.
LIVER_GRID = a_pet_grid((36, 36, 36))
LIVER = a_ball(LIVER_GRID, at_mm=(0.0, 0.0, 0.0), radius_mm=60.0)


def _noise(seed: int = 0) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.random.default_rng(seed).normal(size=LIVER_GRID.shape)


def _center_of(reference: ReferenceRegion) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return reference.mask.grid.position_of(np.argwhere(reference.mask.inside).mean(axis=0))


@pytest.mark.parametrize("turned_deg", [0.0, 30.0])
@pytest.mark.parametrize("spacing_mm", [(4.0, 4.0, 4.0), (2.0, 3.0, 5.0)])
def test_a_sphere_holds_the_voxels_whose_centers_lie_within_its_radius(
    turned_deg: float, spacing_mm: tuple[float, float, float]
) -> None:
    """Known answer: distance of every voxel center, without a bounding box."""
    grid = a_pet_grid((30, 28, 26), spacing_mm=spacing_mm, turned_deg=turned_deg)

    sphere = sphere_mask(grid, center_mm=(3.3, -2.1, 4.7), radius_mm=15.0)

    expected = a_ball(grid, at_mm=(3.3, -2.1, 4.7), radius_mm=15.0)
    np.testing.assert_array_equal(sphere.inside, expected.inside)
    # 4/3 pi 1.5^3 = 14.14 mL; a lattice count of so many voxels is within a few percent.
    assert sphere.volume_ml == pytest.approx(14.137, rel=0.06)


def test_a_sphere_on_a_sheared_grid_is_a_sphere_in_patient_space() -> None:
    affine = np.array([[3.0, 1.0, 0.0, -40], [0, 3.0, 0.8, -40], [0, 0, 3.0, -40], [0, 0, 0, 1]])
    grid = Grid((30, 30, 30), affine)

    sphere = sphere_mask(grid, center_mm=(10.0, 0.0, 0.0), radius_mm=15.0)

    np.testing.assert_array_equal(
        sphere.inside, a_ball(grid, at_mm=(10.0, 0.0, 0.0), radius_mm=15.0).inside
    )


def test_a_sphere_beside_the_image_has_no_voxel() -> None:
    assert not sphere_mask(a_pet_grid(), center_mm=(900.0, 0.0, 0.0), radius_mm=15.0).inside.any()


@pytest.mark.parametrize("radius_mm", [0.0, -1.0, float("nan")])
def test_refuses_a_sphere_without_a_radius(radius_mm: float) -> None:
    with pytest.raises(ValueError, match="radius > 0"):
        sphere_mask(a_pet_grid(), center_mm=(0.0, 0.0, 0.0), radius_mm=radius_mm)


def test_a_readers_sphere_measures_the_mean_and_the_sample_deviation() -> None:
    suv = an_suv(LIVER_GRID, 5.0 + _noise())

    liver = liver_reference_from_point(
        suv, center_mm=(-20.0, 0.0, 0.0), radius_mm=15.0, reader="R1"
    )

    inside = a_ball(LIVER_GRID, at_mm=(-20.0, 0.0, 0.0), radius_mm=15.0).inside
    assert liver.mean == pytest.approx(suv.values[inside].mean(), rel=1e-12)
    assert liver.standard_deviation == pytest.approx(suv.values[inside].std(ddof=1), rel=1e-12)
    assert liver.voxels == np.count_nonzero(inside)
    assert liver.placed_by == "reader R1: sphere of radius 15 mm at LPS (-20.0, 0.0, 0.0) mm"
    assert liver.organ == "liver"


def test_refuses_a_readers_sphere_that_reaches_out_of_the_image() -> None:
    with pytest.raises(DataError, match="reaches out of the image"):
        liver_reference_from_point(
            an_suv(LIVER_GRID), center_mm=(-60.0, 0.0, 0.0), radius_mm=15.0, reader="R1"
        )


def test_refuses_a_sphere_nobody_placed() -> None:
    with pytest.raises(ValueError, match="who placed"):
        liver_reference_from_point(
            an_suv(LIVER_GRID), center_mm=(0.0, 0.0, 0.0), radius_mm=15.0, reader=" "
        )


def test_refuses_a_sphere_of_one_voxel() -> None:
    with pytest.raises(DataError, match="fewer than two voxels"):
        liver_reference_from_point(
            an_suv(LIVER_GRID), center_mm=(2.0, 2.0, 2.0), radius_mm=1.0, reader="R1"
        )


def test_refuses_a_reference_with_as_much_spread_as_uptake() -> None:
    suv = an_suv(LIVER_GRID, 5.0 + 4.0 * _noise())
    with pytest.raises(DataError, match=r"variation of at most 0\.5, got 0\.8"):
        liver_reference_from_point(suv, center_mm=(0.0, 0.0, 0.0), radius_mm=15.0, reader="R1")


def test_refuses_a_reference_without_uptake() -> None:
    with pytest.raises(DataError, match="mean SUV > 0"):
        liver_reference_from_point(
            an_suv(LIVER_GRID, 0.0), center_mm=(0.0, 0.0, 0.0), radius_mm=15.0, reader="R1"
        )


def test_the_rule_does_not_seek_the_quietest_place() -> None:
    """A patch of a third of the noise, a tenth of the liver, must not stand for all of it."""
    distance = np.linalg.norm(positions(LIVER_GRID) - [-20.0, 8.0, 0.0], axis=-1)
    suv = an_suv(LIVER_GRID, 5.0 + np.where(distance < 20.0, 0.2, 0.6) * _noise())

    liver = liver_reference_from_organ(suv, LIVER)

    assert liver.mean == pytest.approx(5.0, abs=0.2)
    assert liver.standard_deviation > 0.4
    assert liver.placed_by.startswith("rule, from the liver mask: sphere of radius 15 mm at LPS")


def test_the_rule_stays_on_the_right_though_the_left_lobe_is_quieter() -> None:
    left = positions(LIVER_GRID)[..., 0] > 0
    suv = an_suv(LIVER_GRID, 5.0 + np.where(left, 0.01, 0.5) * _noise())

    assert _center_of(liver_reference_from_organ(suv, LIVER))[0] <= 0


def test_the_rule_stays_clear_of_the_border_by_five_millimeters() -> None:
    """Farthest voxel of the sphere plus 5 mm is still inside the ball of 60 mm."""
    suv = an_suv(LIVER_GRID, 5.0 + 0.3 * _noise())

    inside = liver_reference_from_organ(suv, LIVER).mask.inside

    assert np.linalg.norm(positions(LIVER_GRID)[inside], axis=-1).max() <= 55.0


def test_metastases_in_a_third_of_the_liver_do_not_move_the_reference() -> None:
    """Hot metastases of SUV 10 to 30 raise the mean from 5 to above 9; the mode stays."""
    where = positions(LIVER_GRID)
    hot = LIVER.inside & (where[..., 1] > 12.0)
    rng = np.random.default_rng(3)
    values = 5.0 + 0.4 * _noise() + np.where(hot, rng.uniform(5.0, 25.0, hot.shape), 0.0)
    assert np.count_nonzero(hot) > 0.3 * np.count_nonzero(LIVER.inside)
    assert values[LIVER.inside].mean() > 9.0

    liver = liver_reference_from_organ(an_suv(LIVER_GRID, values), LIVER)

    assert not (liver.mask.inside & hot).any()
    assert liver.mean == pytest.approx(5.0, abs=0.15)


def test_metastases_all_over_the_liver_leave_the_sphere_the_gap_between_them() -> None:
    """Nine of ten places of the sphere hold a metastasis; the one chosen holds none."""
    where = positions(LIVER_GRID)
    gap = np.linalg.norm(where - np.array([-25.0, 0.0, 0.0]), axis=-1) < 22.0
    spots = (np.floor(where / 10.0).astype(int) % 3 == 0).all(axis=-1)
    hot = LIVER.inside & spots & ~gap
    values = 5.0 + 0.3 * _noise() + np.where(hot, 15.0, 0.0)

    liver = liver_reference_from_organ(an_suv(LIVER_GRID, values), LIVER)

    assert not (liver.mask.inside & hot).any()
    assert liver.mean == pytest.approx(5.0, abs=0.1)
    assert liver.standard_deviation < 0.5


def test_the_sphere_understates_the_noise_by_a_tenth() -> None:
    """The documented price of the rule, so that a change of the rule that moves it is seen."""
    grid = a_pet_grid((50, 50, 50), spacing_mm=(3.0, 3.0, 3.0))
    liver = a_ball(grid, at_mm=(0.0, 0.0, 0.0), radius_mm=68.0)
    found = []
    for seed in range(8):
        white = np.random.default_rng(seed).normal(size=grid.shape)
        noise = ndimage.gaussian_filter(white, 6.0 / 2.3548 / 3.0)
        suv = an_suv(grid, 5.0 + 0.6 * noise / noise.std())
        found.append(liver_reference_from_organ(suv, liver))

    deviations = [reference.standard_deviation / 0.6 for reference in found]
    assert np.mean(deviations) == pytest.approx(0.89, abs=0.03)
    assert np.mean([reference.mean for reference in found]) == pytest.approx(5.0, abs=0.05)


def test_a_cold_cyst_is_not_taken_for_liver_though_it_is_quiet() -> None:
    cyst = a_ball(LIVER_GRID, at_mm=(-25.0, 0.0, 0.0), radius_mm=24.0).inside
    suv = an_suv(LIVER_GRID, np.where(cyst, 1.0 + 0.01 * _noise(), 5.0 + 0.4 * _noise()))

    liver = liver_reference_from_organ(suv, LIVER)

    assert liver.mean == pytest.approx(5.0, abs=0.3)


def test_in_a_uniform_liver_equal_places_are_told_apart_by_position() -> None:
    """All spheres are equal: the one with the smallest x, then y, then z is taken."""
    liver = liver_reference_from_organ(an_suv(LIVER_GRID, 5.0), LIVER)

    again = liver_reference_from_organ(an_suv(LIVER_GRID, 5.0), LIVER)
    assert (liver.mean, liver.standard_deviation) == (5.0, 0.0)
    assert liver.placed_by == again.placed_by
    # By hand, on centers at 2 + 4 n: the sphere's voxel at (-12, -8, -4) from (-42, -6, -2) and
    # its neighbor one voxel on within 5 mm, (-58, -14, -6), is 59.97 mm from the middle; one
    # voxel farther in x, y or z is beyond 60 mm.
    np.testing.assert_allclose(_center_of(liver), (-42.0, -6.0, -2.0), atol=1e-9)


@given(axis=st.integers(0, 2), axes=st.permutations((0, 1, 2)))
@settings(max_examples=8, deadline=None)
def test_the_order_in_which_voxels_are_stored_does_not_move_the_sphere(
    axis: int, axes: list[int]
) -> None:
    suv = an_suv(LIVER_GRID, 5.0 + 0.3 * _noise())
    there = liver_reference_from_organ(suv, LIVER)

    i, j, k = axes
    stored = permuted(*flipped(suv, LIVER, axis=axis), axes=(i, j, k))
    here = liver_reference_from_organ(*stored)

    assert here.placed_by == there.placed_by
    assert (here.mean, here.standard_deviation) == (there.mean, there.standard_deviation)


@given(scale=st.floats(0.01, 100.0))
@settings(max_examples=10, deadline=None)
def test_scaling_the_suv_scales_the_reference(scale: float) -> None:
    values = 5.0 + 0.3 * _noise()
    before = liver_reference_from_organ(an_suv(LIVER_GRID, values), LIVER)

    after = liver_reference_from_organ(an_suv(LIVER_GRID, values * scale), LIVER)

    assert after.placed_by == before.placed_by
    assert after.mean == pytest.approx(scale * before.mean, rel=1e-12)
    assert after.standard_deviation == pytest.approx(scale * before.standard_deviation, rel=1e-9)


def test_refuses_a_liver_of_less_than_200_ml() -> None:
    small = a_ball(LIVER_GRID, at_mm=(0.0, 0.0, 0.0), radius_mm=35.0)
    with pytest.raises(DataError, match="at least 200 mL, got 179 mL"):
        liver_reference_from_organ(an_suv(LIVER_GRID, 5.0), small)


def test_refuses_a_liver_cut_off_by_the_image() -> None:
    cut = a_ball(LIVER_GRID, at_mm=(0.0, 0.0, 30.0), radius_mm=60.0)
    with pytest.raises(DataError, match="touches the edge of the image"):
        liver_reference_from_organ(an_suv(LIVER_GRID, 5.0), cut)


def test_refuses_a_liver_too_flat_for_a_sphere() -> None:
    """A plate of 100 x 100 x 32 mm has 320 mL and no room for 30 mm and two margins."""
    where = np.abs(positions(LIVER_GRID))
    flat = Mask((where[..., 0] < 50) & (where[..., 1] < 50) & (where[..., 2] < 16), LIVER_GRID)
    with pytest.raises(DataError, match="No sphere of 30 mm with 5 mm to the border fits"):
        liver_reference_from_organ(an_suv(LIVER_GRID, 5.0), flat)


def test_refuses_a_liver_mask_of_another_grid() -> None:
    with pytest.raises(GridMismatchError, match="mask of the liver lie on different grids"):
        liver_reference_from_organ(an_suv(a_pet_grid()), LIVER)


def test_refuses_a_volume_that_is_no_suv() -> None:
    mr = Volume(np.ones(LIVER_GRID.shape), LIVER_GRID, MR_SIGNAL)
    with pytest.raises(DataError, match="SUV_BODY_WEIGHT, got MR_SIGNAL"):
        liver_reference_from_organ(mr, LIVER)


def test_refuses_a_dynamic_volume() -> None:
    frame = Frame(datetime(2024, 1, 1, tzinfo=UTC), 60.0)
    dynamic = Volume(np.ones((*LIVER_GRID.shape, 1)), LIVER_GRID, SUV_BODY_WEIGHT, None, (frame,))
    with pytest.raises(DataError, match="static SUV volume, got one of 1 frames"):
        liver_reference_from_organ(dynamic, LIVER)


def test_refuses_an_suv_that_is_not_a_number_inside_the_liver() -> None:
    values = np.full(LIVER_GRID.shape, 5.0)
    values[18, 18, 18] = np.nan
    with pytest.raises(DataError, match="not a finite number in 1 of"):
        liver_reference_from_organ(an_suv(LIVER_GRID, values), LIVER)


def test_refuses_an_empty_liver_mask() -> None:
    nothing = Mask(~everywhere(LIVER_GRID).inside, LIVER_GRID)
    with pytest.raises(DataError, match="the liver holds no voxel"):
        liver_reference_from_organ(an_suv_of(LIVER_GRID, lambda p: p[..., 0]), nothing)
