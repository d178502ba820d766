"""Organs found on a torso whose organs are known."""

import numpy as np
import pytest

from operandi.domain.grid import Grid
from operandi.domain.volume import Volume
from operandi.imaging.lesions.found_organs import FoundOrgans
from operandi.imaging.lesions.organ_finding import SOUGHT, find_organs
from operandi.imaging.lesions.organs import ORGAN_NAMES
from operandi.imaging.lesions.reference import reference_regions
from operandi.quantities.errors import DataError
from operandi.quantities.kinds import MR_SIGNAL, SUV_BODY_WEIGHT
from tests.imaging.lesions.phantoms import flipped, permuted
from tests.imaging.lesions.torso import ORGANS, a_dixon, a_torso, a_torso_grid, dice, the_masks

GRID = a_torso_grid()
LARGE = ("liver", "spleen", "right kidney", "left kidney", "urinary bladder")


@pytest.fixture(scope="module")
def found() -> FoundOrgans:
    return find_organs(a_torso(GRID), water=None, fat=None)


@pytest.mark.parametrize("organ", LARGE)
def test_large_organs_of_a_torso_are_found_where_they_are(found: FoundOrgans, organ: str) -> None:
    mask = found.named(organ)

    assert mask is not None
    assert dice(mask, the_masks(GRID)[organ]) > 0.85


def test_every_organ_sought_is_either_found_or_missing_with_a_reason(found: FoundOrgans) -> None:
    names = [name for name, _ in found.masks] + [one.name for one in found.missing]

    assert sorted(names) == sorted(SOUGHT)
    assert all(one.reason for one in found.missing)


def test_no_two_organs_share_a_voxel(found: FoundOrgans) -> None:
    count = np.sum([mask.inside for _, mask in found.masks], axis=0)

    assert count.max() == 1


def test_names_are_those_by_which_lesions_leave_organs_out() -> None:
    assert {*LARGE, "left adrenal gland", "pituitary gland"} <= ORGAN_NAMES


def test_the_heart_gives_a_blood_pool(found: FoundOrgans) -> None:
    mask = found.named("blood pool")

    assert mask is not None
    assert (mask.inside & the_masks(GRID)["heart"].inside).sum() > 0.9 * mask.inside.sum()


def test_metastases_within_and_at_the_rim_of_the_liver_belong_to_it() -> None:
    lesions = (
        ((-60.0, -10.0, 60.0), (15.0, 15.0, 15.0), 25.0),
        ((-105.0, -10.0, 60.0), (14.0, 14.0, 14.0), 25.0),
    )
    liver = find_organs(a_torso(GRID, more=lesions), water=None, fat=None).named("liver")

    assert liver is not None
    for center, _, _ in lesions:
        assert liver.inside[tuple(np.round(GRID.index_of(center)).astype(int))]
    assert dice(liver, the_masks(GRID)["liver"]) > 0.85


@pytest.mark.parametrize("gone", ["spleen", "left kidney", "right kidney"])
def test_an_organ_that_was_taken_out_is_missing_and_not_guessed(gone: str) -> None:
    """Splenectomy and nephrectomy."""
    result = find_organs(a_torso(GRID, without=(gone,)), water=None, fat=None)

    assert result.named(gone) is None
    assert result.reason_missing(gone)
    for other in set(LARGE) - {gone}:
        mask = result.named(other)
        assert mask is not None, other
        assert dice(mask, the_masks(GRID)[other]) > 0.8, other


@pytest.mark.parametrize("level", [6.0, 5.0])
def test_kidneys_that_take_up_as_much_as_the_liver_are_found(level: float) -> None:
    """Seen in the digital cohort: a liver of SUV 7.6 beside kidneys of 6."""
    cooler = tuple((ORGANS[k][0], ORGANS[k][1], level) for k in ("right kidney", "left kidney"))

    result = find_organs(a_torso(GRID, more=cooler), water=None, fat=None)

    left = result.named("left kidney")
    assert left is not None
    assert dice(left, the_masks(GRID)["left kidney"]) > 0.8


def test_a_pet_that_ends_within_the_liver_says_so() -> None:
    grid = a_torso_grid(low_mm=-290.0, high_mm=80.0)

    result = find_organs(a_torso(grid), water=None, fat=None)

    liver = next(one for one in result.organs if one.name == "liver")
    assert "cut by the edge" in liver.how
    assert liver.confidence < 1.0
    references = reference_regions(a_torso(grid), result)
    assert references.liver is None
    assert "edge of the image" in references.absent["liver"]


def test_without_a_liver_every_organ_is_missing() -> None:
    flat = a_torso(GRID, without=tuple(ORGANS))

    result = find_organs(flat, water=None, fat=None)

    assert result.organs == ()
    assert {one.name for one in result.missing} == set(SOUGHT)


def test_mr_whose_water_and_fat_are_exchanged_is_left_out_and_said_so() -> None:
    pet = a_torso(GRID)
    right, wrong = a_dixon(GRID), a_dixon(GRID, exchanged=True)

    with_right = find_organs(pet, water=right[0], fat=right[1])
    with_wrong = find_organs(pet, water=wrong[0], fat=wrong[1])

    assert not any("left out" in note for note in with_right.notes)
    assert any("exchanged" in note for note in with_wrong.notes)
    for result in (with_right, with_wrong):
        liver = result.named("liver")
        assert liver is not None
        assert dice(liver, the_masks(GRID)["liver"]) > 0.85


def test_organs_do_not_depend_on_how_the_voxels_are_stored(found: FoundOrgans) -> None:
    pet = a_torso(GRID)
    liver = found.named("liver")
    assert liver is not None

    turned, mask = permuted(*flipped(pet, liver, axis=0), axes=(2, 0, 1))
    again = find_organs(turned, water=None, fat=None).named("liver")

    assert again is not None
    assert dice(again, mask) > 0.999


def test_the_same_pet_gives_the_same_organs(found: FoundOrgans) -> None:
    again = find_organs(a_torso(GRID), water=None, fat=None)

    for (name, first), (other, second) in zip(found.masks, again.masks, strict=True):
        assert name == other
        np.testing.assert_array_equal(first.inside, second.inside)


def test_moving_the_patient_moves_the_organs_with_it(found: FoundOrgans) -> None:
    affine = GRID.affine.copy()
    affine[:3, 3] += (400.0, -250.0, 1200.0)
    pet = a_torso(GRID)
    moved = Volume(pet.values, Grid(GRID.shape, affine, "1.2.3"), SUV_BODY_WEIGHT)

    again = find_organs(moved, water=None, fat=None)

    for name, mask in again.masks:
        first = found.named(name)
        assert first is not None
        np.testing.assert_array_equal(first.inside, mask.inside)


def test_refuses_what_is_no_suv_and_what_is_no_trunk() -> None:
    empty = Volume(np.zeros(GRID.shape), GRID, SUV_BODY_WEIGHT)
    with pytest.raises(DataError, match="sought in a trunk"):
        find_organs(empty, water=None, fat=None)
    with pytest.raises(DataError, match="Needed a volume"):
        find_organs(Volume(np.zeros(GRID.shape), GRID, MR_SIGNAL), water=None, fat=None)
    holes = a_torso(GRID).values.copy()
    holes[0, 0, 0] = np.nan
    with pytest.raises(DataError, match="finite"):
        find_organs(Volume(holes, GRID, SUV_BODY_WEIGHT), water=None, fat=None)


def test_the_right_adrenal_gland_is_found_opposite_the_left_where_the_liver_holds_it() -> None:
    glands = (
        ((29.0, 26.0, 52.0), (8.0, 8.0, 10.0), 12.0),
        ((-27.0, 42.0, 62.0), (8.0, 8.0, 10.0), 14.0),
    )

    found = find_organs(a_torso(GRID, more=glands), water=None, fat=None)

    right, liver = found.named("right adrenal gland"), found.named("liver")
    assert right is not None
    assert liver is not None
    assert right.inside[tuple(np.round(GRID.index_of(glands[1][0])).astype(int))]
    assert right.volume_ml < 15.0
    assert not (right.inside & liver.inside).any()
