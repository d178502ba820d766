"""Agreement with truth: autoPET's volumes, panoptic quality, surface Dice, bootstrap.

Reference numbers: panoptica 2.1.7 (PyPI; IoU matching, naive and bipartite alike) and cc3d 3.29.0
with connectivity 18 as in autoPET's ``val_script.py``, run on the same labels on 2026-11-25.
"""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operandi.domain.grid import Grid
from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.imaging.lesions.agreement import (
    Labels,
    bootstrap_by_patient,
    dice_of,
    false_volume_ml,
    labels_of,
    lesion_agreement,
    match_labels,
)
from operandi.imaging.lesions.surface_agreement import surface_dice
from operandi.quantities.errors import DataError, GridMismatchError
from operandi.quantities.kinds import SUV_BODY_WEIGHT
from tests.imaging.lesions.phantoms import a_ball, a_pet_grid, an_suv

SHAPE = (40, 40, 30)
Inside = npt.NDArray[np.bool_]


def voxel_grid(shape: tuple[int, int, int] = SHAPE) -> Grid:
    """Voxels of 10 mm, hence 1 mL."""
    return Grid(shape, np.diag([10.0, 10.0, 10.0, 1.0]), "1.2.3")


def ball(center: tuple[int, int, int], radius: int, shape: tuple[int, int, int] = SHAPE) -> Inside:
    """Ball in voxels."""
    away = np.indices(shape) - np.array(center).reshape(3, 1, 1, 1)
    return np.asarray((away**2).sum(axis=0) <= radius**2)


def a_case() -> tuple[Labels, Labels]:
    """Five lesions: two found, one found in two halves, one barely, one missed; one invented."""
    truth, found = np.zeros(SHAPE, np.int32), np.zeros(SHAPE, np.int32)
    truth[ball((8, 8, 8), 4)], found[ball((9, 8, 8), 4)] = 1, 3
    truth[ball((20, 20, 10), 5)], found[ball((20, 22, 11), 4)] = 2, 1
    truth[ball((30, 8, 20), 3)], found[ball((8, 32, 20), 3)] = 3, 2
    truth[ball((32, 32, 8), 4)], found[ball((34, 34, 8), 4)] = 4, 4
    whole, low = ball((20, 34, 22), 5), np.indices(SHAPE)[0] < 20
    truth[whole], found[whole & low], found[whole & ~low] = 5, 5, 6
    return truth, found


@pytest.mark.parametrize(
    ("overlap", "pairs", "f1", "segmentation", "panoptic"),
    [
        (0.5, 2, 0.36363636363636365, 0.6291896693952662, 0.22879624341646046),
        (0.25, 4, 0.7272727272727273, 0.4933044761925335, 0.358766891776388),
        (0.1, 4, 0.7272727272727273, 0.4933044761925335, 0.358766891776388),
    ],
)
def test_panoptic_quality_is_that_of_panoptica(
    overlap: float, pairs: int, f1: float, segmentation: float, panoptic: float
) -> None:
    truth, found = a_case()

    agreement = lesion_agreement(
        truth, found, grid=voxel_grid(), overlap=overlap, tolerance_mm=10.0
    )

    assert len(agreement.pairs) == pairs
    assert agreement.f1 == pytest.approx(f1, rel=1e-12)
    assert agreement.segmentation_quality == pytest.approx(segmentation, rel=1e-12)
    assert agreement.panoptic_quality == pytest.approx(panoptic, rel=1e-12)
    assert agreement.dice == pytest.approx(0.6931079323797139, rel=1e-12)
    assert agreement.false_positive_ml == agreement.false_negative_ml == pytest.approx(123.0)


def test_false_volumes_of_random_voxels_are_those_of_eighteen_neighbors() -> None:
    """With 6 or 26 neighbors the counts are others."""
    generator = np.random.default_rng(7)
    truth, found = (generator.random((24, 24, 24)) < 0.06 for _ in range(2))
    grid = voxel_grid((24, 24, 24))

    assert false_volume_ml(found, truth, grid=grid) == pytest.approx(699.0)
    assert false_volume_ml(truth, found, grid=grid) == pytest.approx(688.0)


def test_nothing_there_leaves_only_false_positives() -> None:
    empty, found = np.zeros(SHAPE, np.int32), np.zeros(SHAPE, np.int32)
    found[ball((8, 8, 8), 2)] = 1

    agreement = lesion_agreement(empty, found, grid=voxel_grid(), overlap=0.5, tolerance_mm=10.0)

    assert agreement.dice is agreement.surface_dice is agreement.recall is None
    assert agreement.total_volume_bias is None
    assert agreement.false_positive_ml == pytest.approx(33.0)
    assert agreement.f1 == agreement.panoptic_quality == 0.0
    assert agreement.invented == (1,)


def test_nothing_there_and_nothing_found_has_no_score() -> None:
    empty = np.zeros(SHAPE, np.int32)

    agreement = lesion_agreement(empty, empty, grid=voxel_grid(), overlap=0.5, tolerance_mm=10.0)

    assert agreement.f1 is agreement.precision is agreement.panoptic_quality is None
    assert agreement.false_positive_ml == 0.0


def test_nothing_found_misses_all() -> None:
    truth, _ = a_case()

    agreement = lesion_agreement(
        truth, np.zeros(SHAPE, np.int32), grid=voxel_grid(), overlap=0.5, tolerance_mm=10.0
    )

    assert agreement.dice == agreement.surface_dice == agreement.recall == 0.0
    assert agreement.missed == (1, 2, 3, 4, 5)
    assert agreement.total_volume_bias == -1.0


def test_biases_are_those_of_the_pair() -> None:
    """Twice the voxels, at SUV 4 and 2: volume +100 %, SUVmean 3 against 4, SUVmax the same."""
    truth, found = np.zeros((4, 4, 4), np.int32), np.zeros((4, 4, 4), np.int32)
    truth[1:3, 1:3, 1], found[1:3, 1:3, 1:3] = 1, 1
    values = np.where(truth > 0, 4.0, 2.0)
    grid = voxel_grid((4, 4, 4))

    agreement = lesion_agreement(
        truth,
        found,
        grid=grid,
        overlap=0.5,
        tolerance_mm=0.0,
        suv=Volume(values, grid, SUV_BODY_WEIGHT),
    )

    (pair,) = agreement.pairs
    assert (pair.overlap, pair.volume_bias) == (0.5, 1.0)
    assert (pair.suv_mean_bias, pair.suv_max_bias) == (-0.25, 0.0)
    assert pair.dice == pytest.approx(2.0 / 3.0)


def test_most_pairs_go_before_the_best_pair() -> None:
    """Greedy would take the best pair, and leave two lesions alone."""
    truth, found = np.zeros((1, 1, 30), np.int32), np.zeros((1, 1, 30), np.int32)
    truth[0, 0, 0:10], truth[0, 0, 10:20] = 1, 2
    found[0, 0, 4:14], found[0, 0, 14:16] = 1, 2

    assert [pair[:2] for pair in match_labels(truth, found, overlap=0.15)] == [(1, 1), (2, 2)]


@given(seed=st.integers(0, 50), axes=st.permutations(range(3)))
def test_order_of_lesions_and_axes_does_not_matter(seed: int, axes: list[int]) -> None:
    truth, found = a_case()
    generator = np.random.default_rng(seed)
    renamed = np.concatenate([[0], generator.permutation(6) + 1]).astype(np.int32)

    one = match_labels(truth, found, overlap=0.2)
    other = match_labels(
        renamed[truth].transpose(axes), renamed[found].transpose(axes), overlap=0.2
    )

    assert sorted(pair[2] for pair in one) == pytest.approx(sorted(pair[2] for pair in other))
    # The two halves overlap the fifth lesion alike, up to the voxels of the middle plane.
    expected = {(int(renamed[a]), int(renamed[b])) for a, b, _ in one}
    assert {pair[:2] for pair in other} == expected


def test_masks_on_tight_boxes_are_laid_onto_the_grid() -> None:
    grid = a_pet_grid((12, 10, 8), spacing_mm=(4.0, 4.0, 5.0), turned_deg=20.0)
    whole = a_ball(grid, at_mm=(6.0, 2.0, 0.0), radius_mm=9.0)
    low = np.argwhere(whole.inside).min(axis=0)
    high = np.argwhere(whole.inside).max(axis=0) + 1
    affine = grid.affine.copy()
    affine[:3, 3] = grid.position_of(low)
    i, j, k = (int(n) for n in high - low)
    inside = whole.inside[low[0] : high[0], low[1] : high[1], low[2] : high[2]].copy()
    tight = Mask(inside, Grid((i, j, k), affine, grid.frame_of_reference))

    np.testing.assert_array_equal(labels_of([tight], grid) == 1, whole.inside)


def test_refuses_lesions_that_share_a_voxel_are_empty_or_off_the_grid() -> None:
    grid = a_pet_grid((10, 10, 10))
    one = a_ball(grid, at_mm=(0.0, 0.0, 0.0), radius_mm=8.0)
    near = a_ball(grid, at_mm=(10.0, 0.0, 0.0), radius_mm=8.0)
    shifted = grid.affine.copy()
    shifted[0, 3] += 1.0
    with pytest.raises(DataError, match="Lesions 1 and 2 share"):
        labels_of([one, near], grid)
    with pytest.raises(DataError, match="Lesion 1 of 1 is empty"):
        labels_of([Mask(np.zeros(grid.shape, dtype=np.bool_), grid)], grid)
    with pytest.raises(GridMismatchError, match="does not lie on voxels"):
        labels_of([Mask(one.inside, Grid(grid.shape, shifted, "1.2.3"))], grid)
    with pytest.raises(GridMismatchError, match="does not lie on voxels"):
        labels_of([Mask(one.inside, Grid(grid.shape, grid.affine, "4.5.6"))], grid)


def test_refuses_labels_of_another_shape_or_below_zero() -> None:
    truth, found = a_case()
    with pytest.raises(GridMismatchError, match="do not fit"):
        lesion_agreement(truth, found[1:], grid=voxel_grid(), overlap=0.5, tolerance_mm=1.0)
    with pytest.raises(DataError, match="negative"):
        lesion_agreement(-truth, found, grid=voxel_grid(), overlap=0.5, tolerance_mm=1.0)
    with pytest.raises(DataError, match="overlap lies above 0"):
        match_labels(truth, found, overlap=0.0)


def test_refuses_an_suv_that_is_not_finite_in_a_lesion() -> None:
    truth, found = a_case()
    values = np.ones(SHAPE)
    values[8, 8, 8] = np.nan
    with pytest.raises(DataError, match="not a finite number"):
        lesion_agreement(
            truth,
            found,
            grid=voxel_grid(),
            overlap=0.5,
            tolerance_mm=1.0,
            suv=an_suv(voxel_grid(), values),
        )


def test_dice_of_nothing_is_none() -> None:
    nothing = np.zeros((2, 2, 2), dtype=np.bool_)

    assert dice_of(nothing, ~nothing) is None
    assert dice_of(~nothing, nothing) == 0.0


def test_surface_of_a_cube_one_voxel_larger_is_within_the_voxel_and_no_less() -> None:
    """Faces move by one voxel of 2 mm; those at the edges meet none straight across.

    By hand: a cube of 8 in one of 10 has 6 x 64 faces, all 2 mm from one of the 6 x 100. Of those,
    6 x 64 lie straight across and the rest farther: (384 + 384) / 984.
    """
    grid = Grid((14, 14, 14), np.diag([2.0, 2.0, 2.0, 1.0]), "")
    small, large = np.zeros((2, 14, 14, 14), dtype=np.bool_)
    small[3:11, 3:11, 3:11], large[2:12, 2:12, 2:12] = True, True

    assert surface_dice(small, large, grid=grid, tolerance_mm=1.9) == 0.0
    assert surface_dice(small, large, grid=grid, tolerance_mm=2.0) == pytest.approx(768 / 984)
    assert surface_dice(small, large, grid=grid, tolerance_mm=4.0) == 1.0


@given(
    shift=st.integers(-2, 2),
    axes=st.permutations(range(3)),
    spacing=st.tuples(*[st.floats(1.0, 6.0)] * 3),
)
def test_surface_dice_is_symmetric_and_knows_no_axes(
    shift: int, axes: list[int], spacing: tuple[float, float, float]
) -> None:
    one = ball((6, 6, 6), 3, (13, 13, 13))
    two = np.roll(ball((6, 6, 6), 4, (13, 13, 13)), shift, axis=1)
    grid = Grid((13, 13, 13), np.diag([*spacing, 1.0]), "")
    turned = Grid((13, 13, 13), grid.affine[:, [*axes, 3]], "")

    score = surface_dice(one, two, grid=grid, tolerance_mm=3.0)

    assert surface_dice(two, one, grid=grid, tolerance_mm=3.0) == pytest.approx(score)
    same = surface_dice(one.transpose(axes), two.transpose(axes), grid=turned, tolerance_mm=3.0)
    assert same == pytest.approx(score)
    assert surface_dice(one, one, grid=grid, tolerance_mm=0.0) == 1.0


def pooled_f1(rows: npt.NDArray[np.float64]) -> float:
    """F1 of all rows of TP, FP, FN."""
    hit, invented, missed = rows.sum(axis=0)
    return float(2.0 * hit / (2.0 * hit + invented + missed))


@pytest.mark.parametrize(
    ("statistic", "rows"),
    [
        (lambda values: float(np.median(values)), {"P-2": [0.7, 0.8], "P-1": [0.5], "P-3": [0.9]}),
        (pooled_f1, {"P-2": [[3, 1, 0]], "P-1": [[1, 0, 2], [2, 2, 0]], "P-3": [[5, 0, 1]]}),
    ],
)
def test_bootstrap_gives_the_same_interval_whatever_the_order_of_patients(
    statistic: Callable[[npt.NDArray[np.float64]], float], rows: dict[str, list[float]]
) -> None:
    one = bootstrap_by_patient(rows, statistic=statistic, seed=3, draws=200)
    other = bootstrap_by_patient(
        dict(reversed(rows.items())), statistic=statistic, seed=3, draws=200
    )

    assert (one.lower, one.upper) == (other.lower, other.upper)
    assert one.lower <= one.value <= one.upper
    assert one.value == pytest.approx(other.value)


def test_bootstrap_by_patient_is_wider_than_by_lesion_where_lesions_are_alike() -> None:
    """By hand: the mean of 12 patients has SD s / sqrt(12), however many lesions each has."""
    generator = np.random.default_rng(4)
    of_patient = generator.normal(0.7, 0.1, 12)
    rows = {f"P-{n:02d}": np.full(20, value) for n, value in enumerate(of_patient)}

    found = bootstrap_by_patient(rows, statistic=lambda x: float(x.mean()), seed=5)

    expected = 2.0 * 1.96 * float(of_patient.std()) / math.sqrt(12)
    assert found.upper - found.lower == pytest.approx(expected, rel=0.1)


def test_refuses_a_bootstrap_of_one_patient_or_of_what_is_absent() -> None:
    with pytest.raises(DataError, match="two patients or more"):
        bootstrap_by_patient({"P-1": [1.0]}, statistic=np.mean, seed=1)
    with pytest.raises(DataError, match="finite values"):
        bootstrap_by_patient({"P-1": [1.0], "P-2": [np.nan]}, statistic=np.mean, seed=1)
