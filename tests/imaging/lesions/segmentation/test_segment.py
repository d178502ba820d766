"""Segmentation of whole images."""

from dataclasses import replace

import numpy as np
import pytest

from operandi.domain.grid import Grid
from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.imaging.lesions.segmentation.found import LesionFlag, SegmentedLesions
from operandi.imaging.lesions.segmentation.segment import segment_lesions
from operandi.imaging.lesions.segmentation.settings import DelineationMethod, SegmentationSettings
from operandi.quantities.errors import DataError, GridMismatchError
from operandi.quantities.kinds import MR_SIGNAL
from tests.imaging.lesions.segmentation.scenes import (
    FWHM_MM,
    IN_LIVER,
    OUTSIDE,
    NamedMasks,
    OnlyLiver,
    Scene,
    a_scene,
    dice,
)

HALF_MEAN = SegmentationSettings(fwhm_mm=FWHM_MM, method=DelineationMethod.HALF_MEAN)


def segmented(
    scene: Scene, settings: SegmentationSettings = HALF_MEAN, water: Volume | None = None
) -> SegmentedLesions:
    return segment_lesions(
        scene.suv,
        organs=scene.organs,
        references=scene.references,
        settings=settings,
        water=water,
    )


def test_lesions_in_and_beside_the_liver_are_found_and_nothing_else() -> None:
    scene = a_scene(IN_LIVER, OUTSIDE, noise=0.1)

    found = segmented(scene)

    assert [one.organ for one in found.lesions] == ["liver", ""]
    for lesion, truth in zip(found.lesions, scene.lesions, strict=True):
        assert dice(lesion.as_lesion().mask, truth) > 0.85


@pytest.mark.parametrize("method", DelineationMethod)
def test_every_method_delineates_a_hot_lesion_in_cold_tissue(method: DelineationMethod) -> None:
    scene = a_scene(OUTSIDE)

    (lesion,) = segmented(scene, replace(HALF_MEAN, method=method)).lesions

    assert dice(lesion.as_lesion().mask, scene.lesions[0]) > 0.7


def test_without_lesions_nothing_is_found_even_where_the_kidney_mask_is_too_small() -> None:
    """The spill-out guard: what has no saddle towards the organ is the organ's."""
    scene = a_scene(noise=0.1)
    kidney = dict(scene.organs.masks)["left kidney"]
    small = Mask(kidney.inside & np.roll(kidney.inside, 2, axis=1), kidney.grid)
    organs = NamedMasks(masks=(scene.organs.masks[0], ("left kidney", small)))

    assert segmented(replace(scene, organs=organs)).lesions == ()


def test_a_lesion_beside_the_kidney_is_kept_and_has_none_of_its_voxels() -> None:
    scene = a_scene(((22.0, 30.0, -30.0), 10.0, 20.0))
    kidney = dict(scene.organs.masks)["left kidney"].inside

    (lesion,) = segmented(scene).lesions

    assert dice(lesion.as_lesion().mask, scene.lesions[0]) > 0.6
    assert not lesion.as_lesion().mask.inside[kidney].any()


def test_two_lesions_that_touch_are_parted_at_the_saddle_and_share_no_voxel() -> None:
    one, other = ((0.0, 50.0, -50.0), 10.0, 14.0), ((24.0, 50.0, -50.0), 10.0, 14.0)
    scene = a_scene(one, other)

    found = segmented(scene)

    assert len(found.lesions) == 2
    total = sum(np.count_nonzero(lesion.inside) for lesion in found.lesions)
    assert np.count_nonzero(found.labels()) == total


def test_a_border_that_follows_an_organ_is_replaced_by_the_half_maximum_contour() -> None:
    """A lesion of 18 g/mL in 7.5 g/mL of bowel, whose wide plateau pulls the mean down."""
    scene = a_scene(((0.0, 50.0, -50.0), 8.0, 18.0))
    at = scene.suv.grid.position_of(np.moveaxis(np.indices(scene.suv.grid.shape), 0, -1))
    bowel = (np.abs(at[..., 0]) < 40.0) & (np.abs(at[..., 1] - 50.0) < 25.0)
    bowel &= np.abs(at[..., 2] + 50.0) < 25.0
    values = np.where(bowel, np.maximum(scene.suv.values, 7.5), scene.suv.values)
    leaking = replace(scene, suv=Volume(values, scene.suv.grid, scene.suv.kind))

    lesion = max(segmented(leaking).lesions, key=lambda one: one.suv_maximum)

    assert LesionFlag.WIDE in lesion.flags
    assert "half of the maximum" in lesion.delineation
    assert lesion.volume_ml < 6.0


def test_a_small_lesion_says_that_it_lies_below_resolution() -> None:
    scene = a_scene(((15.0, 45.0, -45.0), 5.0, 40.0))

    (lesion,) = segmented(scene, replace(HALF_MEAN, minimum_volume_ml=0.0)).lesions

    assert (LesionFlag.BELOW_RESOLUTION in lesion.flags) == (lesion.volume_ml < 0.905)


def test_a_lesion_at_the_border_says_that_it_is_cut() -> None:
    scene = a_scene(((20.0, 60.0, -86.0), 12.0, 15.0))

    (lesion,) = segmented(scene).lesions

    assert LesionFlag.CUT_BY_EDGE in lesion.flags


def test_smaller_lesions_than_the_minimum_are_dropped_and_counted() -> None:
    found = segmented(a_scene(OUTSIDE), replace(HALF_MEAN, minimum_volume_ml=100.0))

    assert (found.lesions, found.dropped) == ((), 1)


def test_organs_that_are_lacking_are_named() -> None:
    assert segmented(a_scene(OUTSIDE)).unmapped == ("spleen", "right kidney", "urinary bladder")


def test_scaling_the_image_scales_the_values_and_nothing_else() -> None:
    plain, scaled = (a_scene(IN_LIVER, OUTSIDE, noise=0.1, scale=s) for s in (1.0, 3.0))

    one, three = segmented(plain), segmented(scaled)

    np.testing.assert_array_equal(one.labels(), three.labels())
    np.testing.assert_allclose(
        [lesion.suv_maximum * 3.0 for lesion in one.lesions],
        [lesion.suv_maximum for lesion in three.lesions],
    )


@pytest.mark.parametrize("axes", [(1, 0, 2), (2, 1, 0), (1, 2, 0)])
def test_storing_the_axes_in_another_order_changes_no_voxel(axes: tuple[int, int, int]) -> None:
    scene = a_scene(IN_LIVER, OUTSIDE, noise=0.1)
    affine = scene.suv.grid.affine.copy()
    affine[:3, :3] = affine[:3, list(axes)]
    grid = Grid(scene.suv.grid.shape, affine, scene.suv.grid.frame_of_reference)

    def turned(mask: Mask) -> Mask:
        return Mask(np.ascontiguousarray(mask.inside.transpose(axes)), grid)

    liver = scene.references.liver
    assert liver is not None
    other = Scene(
        suv=Volume(np.ascontiguousarray(scene.suv.values.transpose(axes)), grid, scene.suv.kind),
        organs=NamedMasks(masks=tuple((name, turned(m)) for name, m in scene.organs.masks)),
        references=OnlyLiver(liver=replace(liver, mask=turned(liver.mask))),
        lesions=scene.lesions,
    )

    np.testing.assert_array_equal(
        segmented(other).labels(), segmented(scene).labels().transpose(axes)
    )


def test_without_a_liver_reference_a_seed_level_is_needed_and_the_lesions_say_so() -> None:
    scene = replace(a_scene(OUTSIDE), references=OnlyLiver(liver=None))

    with pytest.raises(DataError, match="no reference region"):
        segmented(scene)
    found = segmented(
        replace(scene, organs=NamedMasks(masks=scene.organs.masks)),
        replace(HALF_MEAN, seed_suv=8.0),
    )

    assert all(LesionFlag.NO_LIVER_REFERENCE in one.flags for one in found.lesions)
    assert len(found.lesions) == 1


def test_liver_mean_and_two_sd_without_a_liver_is_refused() -> None:
    scene = replace(a_scene(OUTSIDE), references=OnlyLiver(liver=None))
    settings = replace(HALF_MEAN, seed_suv=8.0, method=DelineationMethod.LIVER_MEAN_2SD)

    with pytest.raises(DataError, match="needs a liver reference"):
        segmented(scene, settings)


def test_refuses_an_image_that_is_not_finite() -> None:
    scene = a_scene(OUTSIDE)
    values = np.array(scene.suv.values)
    values[0, 0, 0] = np.nan

    with pytest.raises(DataError, match="not finite"):
        segmented(replace(scene, suv=Volume(values, scene.suv.grid, scene.suv.kind)))


def test_refuses_organs_on_another_grid() -> None:
    scene = a_scene(OUTSIDE)
    affine = scene.suv.grid.affine.copy()
    affine[0, 3] += 1.0
    moved = Mask(scene.lesions[0].inside, Grid(scene.suv.grid.shape, affine))

    with pytest.raises(GridMismatchError):
        segmented(replace(scene, organs=NamedMasks(masks=(("spleen", moved),))))


def test_mr_takes_off_border_voxels_of_other_tissue_and_adds_none() -> None:
    scene = a_scene((OUTSIDE[0], 16.0, 12.0))
    signal = np.where(scene.lesions[0].inside, 100.0, 10.0)
    water = Volume(signal, scene.suv.grid, MR_SIGNAL)
    wide = replace(HALF_MEAN, method=DelineationMethod.FIXED_SUV, fixed_suv=2.0)

    (plain,) = segmented(scene, wide).lesions
    (trimmed,) = segmented(scene, wide, water).lesions

    kept = trimmed.as_lesion().mask.inside
    assert LesionFlag.TRIMMED_BY_MR in trimmed.flags
    assert trimmed.volume_ml < plain.volume_ml
    assert not (kept & ~plain.as_lesion().mask.inside).any()
    assert dice(trimmed.as_lesion().mask, scene.lesions[0]) > dice(
        plain.as_lesion().mask, scene.lesions[0]
    )


def test_refuses_settings_that_contradict_themselves() -> None:
    with pytest.raises(ValueError, match="liver_seed_ratio"):
        SegmentationSettings(fwhm_mm=6.0, liver_seed_ratio=0.9)
    with pytest.raises(ValueError, match="must be > 0"):
        SegmentationSettings(fwhm_mm=0.0)
