import numpy as np
import numpy.typing as npt
import pytest

from operandi.imaging.radiomics.supervoxels import redrawn, supervoxels
from operandi.quantities.errors import DataError


def two_halves() -> npt.NDArray[np.float64]:
    """A box whose left half is 0 and whose right is 10, the border at an odd place."""
    image = np.zeros((23, 20, 20))
    image[11:] = 10.0
    return image


def test_supervoxels_fill_the_box_with_the_volume_asked_for() -> None:
    image = np.random.default_rng(1).normal(0.0, 1.0, (24, 24, 24))

    labels = supervoxels(image, spacing_mm=(1.0, 1.0, 1.0), volume_mm3=64.0)

    assert set(np.unique(labels)) == set(range(int(labels.max()) + 1))
    assert 24**3 / 64 * 0.8 <= labels.max() + 1 <= 24**3 / 64


def test_no_supervoxel_crosses_a_clear_border() -> None:
    image = two_halves()

    labels = supervoxels(image, spacing_mm=(1.0, 1.0, 1.0), volume_mm3=64.0)

    assert not set(np.unique(labels[image == 0.0])) & set(np.unique(labels[image == 10.0]))


def test_supervoxels_know_no_unit_of_intensity() -> None:
    image = two_halves() + np.random.default_rng(2).normal(0.0, 0.5, (23, 20, 20))

    plain = supervoxels(image, spacing_mm=(1.0, 1.0, 2.0), volume_mm3=50.0)
    scaled = supervoxels(1024.0 * image, spacing_mm=(1.0, 1.0, 2.0), volume_mm3=50.0)

    np.testing.assert_array_equal(plain, scaled)


def test_a_constant_box_is_parted_by_place_alone() -> None:
    labels = supervoxels(np.ones((8, 8, 8)), spacing_mm=(1.0, 1.0, 1.0), volume_mm3=64.0)

    np.testing.assert_array_equal(np.bincount(labels.ravel()), 64)


def test_a_contour_on_clear_borders_is_drawn_the_same_again() -> None:
    image = two_halves()
    mask = image > 5.0
    labels = supervoxels(image, spacing_mm=(1.0, 1.0, 1.0), volume_mm3=64.0)

    for seed in range(5):
        again = redrawn(mask, labels, np.random.default_rng(seed))
        np.testing.assert_array_equal(again, mask)


def test_a_supervoxel_is_taken_as_often_as_its_share_inside() -> None:
    """Blocks of 3 voxels: all in, 2/3 in, 1/3 in, out; the box ends left and right."""
    labels = np.repeat(np.arange(4, dtype=np.int32), 3).reshape(12, 1, 1)
    mask = np.zeros((12, 1, 1), dtype=np.bool_)
    mask[[0, 1, 2, 3, 4, 6]] = True

    drawn = np.mean(
        [redrawn(mask, labels, np.random.default_rng(seed)).ravel() for seed in range(2000)], axis=0
    )

    np.testing.assert_allclose(drawn[[0, 4, 7, 10]], [1.0, 2 / 3, 1 / 3, 0.0], atol=0.04)


def test_a_lesion_smaller_than_a_supervoxel_is_never_lost() -> None:
    labels = np.zeros((4, 4, 4), dtype=np.int32)
    mask = np.zeros((4, 4, 4), dtype=np.bool_)
    mask[1, 1, 1] = True

    assert redrawn(mask, labels, np.random.default_rng(0)).any()


def test_refuses_values_that_are_not_finite() -> None:
    with pytest.raises(DataError, match="finite box"):
        supervoxels(np.full((3, 3, 3), np.nan), spacing_mm=(1.0, 1.0, 1.0), volume_mm3=8.0)
