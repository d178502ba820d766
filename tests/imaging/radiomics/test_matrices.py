"""Matrices of arrays small enough to count by hand."""

import numpy as np

from operandi.imaging.radiomics.lattice import lattice
from operandi.imaging.radiomics.matrices import TextureMatrices, half_neighborhood, texture_matrices
from tests.imaging.radiomics.texture_cases import levels_of


def matrices_of(values: object, *, planar: bool = False) -> TextureMatrices:
    levels = levels_of(np.array(values))
    region = lattice(levels, levels.values > 0)
    return texture_matrices(region, region.slices[[0, -1]], planar=planar)


def test_half_a_neighborhood_has_one_of_each_opposite_two() -> None:
    for distance, planar, number in ((1, True, 4), (1, False, 13), (2, True, 12), (2, False, 62)):
        half = {tuple(step) for step in half_neighborhood(distance, planar=planar).tolist()}
        assert len(half) == number
        assert half.isdisjoint({tuple(-n for n in step) for step in half})
        assert all(step > (0, 0, 0) for step in half)


def test_a_row_has_the_pairs_and_runs_that_one_counts() -> None:
    """1 1 2: pairs (1, 1) and (1, 2); a run of two and a run of one along the row."""
    matrices = matrices_of([[[1, 1, 2]]]).merged_directions()

    np.testing.assert_array_equal(matrices.pairs[0, 0, 1:, 1:], [[1, 1], [0, 0]])
    # Twelve directions see three single voxels each, the thirteenth the runs.
    np.testing.assert_array_equal(matrices.runs[0, 0, 1:, :2], [[24, 1], [13, 0]])
    assert not matrices.runs[0, 0, 1:, 2:].any()
    assert matrices.merged == 13


def test_levels_that_do_not_occur_have_no_rows() -> None:
    matrices = matrices_of([[[5, 900]]])

    np.testing.assert_array_equal(matrices.gray, [0, 5, 900])
    assert matrices.pairs.shape == (1, 13, 3, 3)


def test_zones_link_over_corners_in_space_and_not_over_slices_in_the_plane() -> None:
    values = np.zeros((2, 2, 2), int)
    values[0, 0, 0] = values[1, 1, 1] = 1

    np.testing.assert_array_equal(matrices_of(values).size, [2])
    np.testing.assert_array_equal(matrices_of(values, planar=True).size, [1])


def test_a_snake_that_closes_late_is_one_zone() -> None:
    """A spiral: parts found apart in scan order that meet at its end."""
    spiral = np.array(
        [
            [1, 2, 1, 1, 1],
            [1, 2, 1, 2, 1],
            [1, 2, 2, 2, 1],
            [1, 1, 1, 1, 1],
        ]
    )[..., None]
    spiral[1, 2] = 3  # parts the arms of level 1

    matrices = matrices_of(spiral, planar=True)

    np.testing.assert_array_equal(matrices.size, [1, 6, 13])


def test_a_voxels_dependence_counts_itself() -> None:
    matrices = matrices_of([[[2, 2, 1]]])

    np.testing.assert_array_equal(matrices.dependence[0, 1:, :3], [[1, 0, 0], [0, 2, 0]])
    np.testing.assert_array_equal(matrices.surrounded[0, 1:], [1, 2])
    np.testing.assert_allclose(matrices.differences[0, 1:], [1.0, 0.5])
