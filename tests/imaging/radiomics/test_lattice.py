"""The padded layout that the texture kernels read."""

import numpy as np
import pytest

from operandi.imaging.radiomics.lattice import lattice
from operandi.imaging.radiomics.region import Levels
from operandi.quantities.errors import DataError
from tests.imaging.radiomics.texture_cases import levels_of


def test_box_is_cropped_and_padded_with_slices_first() -> None:
    values = np.zeros((6, 5, 4), int)
    values[1, 2, 3] = 7
    values[3, 2, 1] = 2

    region = lattice(levels_of(values), values > 0, margin=2)

    assert region.shape == (3 + 4, 3 + 4, 1 + 4)
    np.testing.assert_array_equal(region.gray, [0, 2, 7])
    np.testing.assert_array_equal(region.slices, [0, 1, 2])
    place = region.place.reshape(region.shape)
    assert place[2, 4, 2] == 1
    assert place[4, 2, 2] == 2
    np.testing.assert_array_equal(np.flatnonzero(region.place), region.voxels)


def test_border_distance_counts_city_blocks_from_one() -> None:
    """By hand: in a cube of five, the center is 3 from the outside; a hole is outside too."""
    mask = np.ones((5, 5, 5), bool)
    region = lattice(levels_of(mask.astype(int)), mask)
    distance = region.border_distance(planar=False).reshape(region.shape)
    assert distance[3, 3, 3] == 3
    assert distance[3, 3, 1] == 1
    assert distance[0].max() == 0

    planar = region.border_distance(planar=True).reshape(region.shape)
    np.testing.assert_array_equal(planar[1], planar[3])

    mask[2, 2, 2] = False
    holed = lattice(levels_of(mask.astype(int)), mask)
    assert holed.border_distance(planar=False).max() == 2


def test_layout_does_not_depend_on_memory_order_nor_on_who_may_write() -> None:
    rng = np.random.default_rng(1)
    values = rng.integers(0, 4, (4, 5, 6)).astype(np.int32)
    mask = np.ones(values.shape, bool)
    frozen = values.copy()
    frozen.setflags(write=False)

    for same in (np.asfortranarray(values), frozen):
        ours = lattice(Levels(same, 3), np.asfortranarray(mask))
        np.testing.assert_array_equal(ours.place, lattice(Levels(values, 3), mask).place)


def test_refuses_a_region_without_voxels() -> None:
    with pytest.raises(DataError, match="at least one voxel"):
        lattice(levels_of(np.zeros((2, 2, 2)), 3), np.ones((2, 2, 2), bool))


def test_refuses_levels_out_of_range() -> None:
    mask = np.ones((1, 1, 2), bool)
    with pytest.raises(DataError, match="1 to 3, found 0 to 4"):
        lattice(levels_of([[[1, 4]]], 3), mask)
    with pytest.raises(DataError, match="1 to 3, found -1 to 2"):
        lattice(levels_of([[[-1, 2]]], 3), mask)


def test_refuses_masks_that_do_not_fit() -> None:
    levels = levels_of([[[1, 2]]])
    with pytest.raises(DataError, match="of one shape"):
        lattice(levels, np.ones((1, 2, 1), bool))
    with pytest.raises(DataError, match="within the morphological mask; 1 voxels do not"):
        lattice(levels, np.array([[[True, False]]]))
