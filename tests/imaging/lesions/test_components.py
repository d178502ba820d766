"""Components above a threshold: which voxels, which names, what is dropped."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from operandi.domain.grid import Grid
from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.imaging.lesions.components import (
    TOUCHES_EXCLUDED,
    Components,
    lesion_threshold,
    segment_above,
)
from operandi.quantities.errors import DataError, GridMismatchError
from operandi.quantities.kinds import MR_SIGNAL
from tests.imaging.lesions.phantoms import (
    a_ball,
    a_liver_reference,
    a_pet_grid,
    an_suv,
    everywhere,
    flipped,
    permuted,
)


def _segment(
    suv: Volume,
    *,
    threshold: float = 2.0,
    region: Mask | None = None,
    excluded: Mask | None = None,
    minimum_volume_ml: float = 0.0,
) -> Components:
    return segment_above(
        suv,
        threshold=threshold,
        region=region or everywhere(suv.grid),
        excluded=excluded,
        minimum_volume_ml=minimum_volume_ml,
    )


def _hot(grid: Grid, *boxes: tuple[slice, slice, slice]) -> Volume:
    values = np.ones(grid.shape)
    for box in boxes:
        values[box] = 5.0
    return an_suv(grid, values)


def _cube(low: int, high: int) -> tuple[slice, slice, slice]:
    return (slice(low, high),) * 3


def test_the_threshold_is_the_liver_mean_plus_two_standard_deviations() -> None:
    liver = a_liver_reference(a_pet_grid(), mean=4.8, standard_deviation=0.6)

    assert lesion_threshold(liver) == pytest.approx(6.0)


def test_lesions_are_named_by_decreasing_volume() -> None:
    """Cubes of 27, 64 and 8 voxels of 0.064 mL."""
    suv = _hot(a_pet_grid(), _cube(2, 5), _cube(8, 12), _cube(16, 18))

    found = _segment(suv)

    assert [lesion.id for lesion in found.lesions] == ["L01", "L02", "L03"]
    assert [lesion.mask.volume_ml for lesion in found.lesions] == pytest.approx(
        [64 * 0.064, 27 * 0.064, 8 * 0.064]
    )
    assert found.lesions[0].mask.inside[_cube(8, 12)].all()
    assert (found.dropped, found.threshold) == (0, 2.0)


def test_equal_lesions_are_named_from_head_to_feet_then_right_to_left() -> None:
    grid = a_pet_grid()
    low, high = slice(2, 4), slice(18, 20)
    suv = _hot(grid, (low, low, low), (high, low, high), (low, low, high))

    found = _segment(suv)

    # LPS: z grows to the head, x to the left.
    centers = [
        grid.position_of(np.argwhere(lesion.mask.inside).mean(axis=0)) for lesion in found.lesions
    ]
    assert centers[0][2] == centers[1][2] > centers[2][2]
    assert centers[0][0] < centers[1][0]


def test_voxels_that_meet_in_a_corner_are_one_lesion() -> None:
    suv = _hot(a_pet_grid(), _cube(2, 4), _cube(4, 6))

    assert len(_segment(suv).lesions) == 1


def test_the_threshold_itself_does_not_belong() -> None:
    suv = _hot(a_pet_grid(), _cube(2, 4))

    assert _segment(suv, threshold=5.0).lesions == ()
    assert len(_segment(suv, threshold=np.nextafter(5.0, 0.0)).lesions) == 1


def test_small_components_are_dropped_and_counted() -> None:
    """Eight voxels are 0.512 mL: kept at a minimum of just that, dropped above."""
    suv = _hot(a_pet_grid(), _cube(2, 4), _cube(8, 12), _cube(16, 17))

    at_the_minimum = _segment(suv, minimum_volume_ml=0.512)
    above_it = _segment(suv, minimum_volume_ml=0.513)

    assert (len(at_the_minimum.lesions), at_the_minimum.dropped) == (2, 1)
    assert (len(above_it.lesions), above_it.dropped) == (1, 2)


def test_only_the_region_without_the_excluded_is_searched() -> None:
    grid = a_pet_grid()
    suv = _hot(grid, _cube(2, 5), _cube(8, 12), _cube(16, 18))
    region = Mask(np.indices(grid.shape)[0] < 15, grid)
    excluded = a_ball(grid, at_mm=(-32.0, -32.0, -32.0), radius_mm=20.0)

    found = _segment(suv, region=region, excluded=excluded)

    assert len(found.lesions) == 1
    assert found.lesions[0].mask.inside[_cube(8, 12)].all()


@pytest.mark.parametrize(("gap", "touches"), [(0, True), (1, False)])
def test_a_lesion_beside_an_excluded_organ_says_so(gap: int, touches: bool) -> None:  # noqa: FBT001
    """The lesion ends at voxel 11 along each axis; the organ begins at 12 plus the gap."""
    grid = a_pet_grid()
    organ = np.zeros(grid.shape, dtype=np.bool_)
    organ[_cube(12 + gap, 20)] = True

    found = _segment(_hot(grid, _cube(8, 12)), excluded=Mask(organ, grid))

    (lesion,) = found.lesions
    assert lesion.delineation.startswith("26-connected voxels with SUV > 2 g/mL, >= 0 mL")
    assert lesion.delineation.endswith(TOUCHES_EXCLUDED) == touches


def test_uptake_cut_by_an_excluded_organ_keeps_the_part_outside() -> None:
    grid = a_pet_grid()
    organ = np.zeros(grid.shape, dtype=np.bool_)
    organ[10:] = True

    found = _segment(_hot(grid, _cube(8, 12)), excluded=Mask(organ, grid))

    (lesion,) = found.lesions
    assert np.count_nonzero(lesion.mask.inside) == 2 * 4 * 4
    assert TOUCHES_EXCLUDED in lesion.delineation


@given(seed=st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_volumes_are_those_of_a_plain_labelling(seed: int) -> None:
    """Peer: scipy.ndimage.label on the whole array."""
    grid = a_pet_grid((12, 11, 10), spacing_mm=(2.0, 3.0, 4.0))
    values = np.random.default_rng(seed).normal(size=grid.shape)

    found = _segment(an_suv(grid, values), threshold=1.0)

    labels, number = ndimage.label(values > 1.0, structure=np.ones((3, 3, 3)))
    expected = sorted(np.bincount(labels.ravel())[1:] * 0.024, reverse=True)
    assert len(found.lesions) == number
    assert [lesion.mask.volume_ml for lesion in found.lesions] == pytest.approx(expected)
    together = sum(lesion.mask.inside.astype(int) for lesion in found.lesions)
    np.testing.assert_array_equal(together, values > 1.0)


@given(seed=st.integers(0, 10_000), axis=st.integers(0, 2), axes=st.permutations((0, 1, 2)))
@settings(max_examples=15, deadline=None)
def test_the_order_in_which_voxels_are_stored_does_not_rename_lesions(
    seed: int, axis: int, axes: list[int]
) -> None:
    grid = a_pet_grid((12, 12, 12), turned_deg=20.0)
    suv = an_suv(grid, np.random.default_rng(seed).normal(size=grid.shape))
    there = _segment(suv, threshold=1.3, minimum_volume_ml=0.1)

    i, j, k = axes
    for lesion in there.lesions:
        stored, mask = permuted(*flipped(suv, lesion.mask, axis=axis), axes=(i, j, k))
        here = _segment(stored, threshold=1.3, minimum_volume_ml=0.1)
        same = next(other for other in here.lesions if other.id == lesion.id)
        np.testing.assert_array_equal(same.mask.inside, mask.inside)


def test_a_hundredth_lesion_has_a_name_of_its_own() -> None:
    values = np.ones((24, 24, 24))
    values[1:-1:2, 1:-1:2, 11] = 5.0  # 11 x 11 single voxels, no two of them neighbors

    found = _segment(an_suv(a_pet_grid(), values))

    assert found.lesions[-1].id == "L121"
    assert len({lesion.id for lesion in found.lesions}) == 121


def test_nothing_above_the_threshold_is_no_lesion() -> None:
    assert _segment(an_suv(a_pet_grid())) == Components((), 0, 2.0)


def test_refuses_values_that_are_not_numbers_in_the_region_but_not_elsewhere() -> None:
    grid = a_pet_grid()
    values = np.ones(grid.shape)
    values[0, 0, 0] = np.nan
    inner = a_ball(grid, at_mm=(0.0, 0.0, 0.0), radius_mm=20.0)

    assert _segment(an_suv(grid, values), region=inner).lesions == ()
    with pytest.raises(DataError, match="not a finite number in 1 of 13824 voxels of the region"):
        _segment(an_suv(grid, values))


def test_refuses_masks_of_another_grid() -> None:
    other = everywhere(a_pet_grid((23, 24, 24)))
    with pytest.raises(GridMismatchError, match="the region searched"):
        _segment(an_suv(a_pet_grid()), region=other)
    with pytest.raises(GridMismatchError, match="left out"):
        _segment(an_suv(a_pet_grid()), excluded=other)


def test_refuses_to_search_nowhere() -> None:
    grid = a_pet_grid()
    with pytest.raises(DataError, match="covers the whole region"):
        _segment(an_suv(grid), excluded=everywhere(grid))


def test_refuses_a_volume_that_is_no_suv() -> None:
    grid = a_pet_grid()
    with pytest.raises(DataError, match="got MR_SIGNAL"):
        _segment(Volume(np.ones(grid.shape), grid, MR_SIGNAL))


@pytest.mark.parametrize(("threshold", "minimum_ml"), [(float("nan"), 0.0), (2.0, -1.0)])
def test_refuses_numbers_that_are_no_rule(threshold: float, minimum_ml: float) -> None:
    with pytest.raises(ValueError, match="threshold, minimum_volume_ml"):
        _segment(an_suv(a_pet_grid()), threshold=threshold, minimum_volume_ml=minimum_ml)
