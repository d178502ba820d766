"""Organ maps made elsewhere: read, checked, refused."""

from pathlib import Path

import numpy as np
import pytest

from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.imaging.lesions.external_organs import organ_map_from
from operandi.imaging.nifti import write_nifti
from operandi.quantities.errors import DataError
from operandi.quantities.kinds import LABEL
from tests.imaging.lesions.torso import ORGANS, a_torso_grid, dice, the_masks

PET = a_torso_grid(spacing_mm=8.0)
MR = a_torso_grid(spacing_mm=6.0)
CLASSES = {
    "liver": "liver",
    "spleen": "spleen",
    "right kidney": "kidney_right",
    "left kidney": "kidney_left",
    "urinary bladder": "urinary_bladder",
    "heart": "heart",
}
MRSEGMENTATOR = {
    "spleen": 1,
    "right kidney": 2,
    "left kidney": 3,
    "liver": 5,
    "heart": 12,
    "urinary bladder": 24,
}
"""README of hhaentze/MRSegmentator, table of class details."""


def _a_folder(folder: Path, masks: dict[str, Mask]) -> Path:
    for name, mask in masks.items():
        write_nifti(folder / f"{CLASSES[name]}.nii.gz", mask)
    return folder


def _a_label_map(path: Path, numbers: dict[str, int]) -> Path:
    values = np.zeros(MR.shape, np.float32)
    for name, mask in the_masks(MR).items():
        values[mask.inside] = numbers[name]
    write_nifti(path, Volume(values, MR, LABEL))
    return path


def test_a_folder_of_totalsegmentator_comes_onto_the_grid_of_the_pet(tmp_path: Path) -> None:
    found = organ_map_from(_a_folder(tmp_path, the_masks(MR)), onto=PET)

    assert {name for name, _ in found.masks} == set(ORGANS)
    for name, mask in found.masks:
        assert dice(mask, the_masks(PET)[name]) > 0.85
    assert "no frame of reference" in found.notes[0]


def test_a_label_map_of_mrsegmentator_is_read_by_its_numbers(tmp_path: Path) -> None:
    path = _a_label_map(tmp_path / "scan_seg.nii.gz", MRSEGMENTATOR)

    found = organ_map_from(path, onto=PET, label_map="mrsegmentator")

    assert {name for name, _ in found.masks} == set(ORGANS)
    assert "no voxel" in found.reason_missing("colon")


def test_a_class_of_no_voxel_or_of_an_impossible_volume_is_missing(tmp_path: Path) -> None:
    masks = the_masks(MR)
    masks["spleen"] = Mask(np.zeros(MR.shape, np.bool_), MR)
    speck = np.zeros(MR.shape, np.bool_)
    speck[20, 20, 40] = True
    masks["left kidney"] = Mask(speck, MR)

    found = organ_map_from(_a_folder(tmp_path, masks), onto=PET)

    assert "no voxel" in found.reason_missing("spleen")
    assert "40 to 700 mL" in found.reason_missing("left kidney")
    assert found.named("liver") is not None


def test_refuses_a_map_whose_sides_are_exchanged(tmp_path: Path) -> None:
    masks = the_masks(MR)
    masks["left kidney"], masks["right kidney"] = masks["right kidney"], masks["left kidney"]

    with pytest.raises(DataError, match="right kidney lies to the left"):
        organ_map_from(_a_folder(tmp_path, masks), onto=PET)


def test_refuses_a_map_whose_head_is_at_the_foot(tmp_path: Path) -> None:
    masks = {
        name: Mask(np.ascontiguousarray(mask.inside[:, :, ::-1]), MR)
        for name, mask in the_masks(MR).items()
    }

    with pytest.raises(DataError, match="lies below"):
        organ_map_from(_a_folder(tmp_path, masks), onto=PET)


def test_an_organ_beyond_the_pet_is_missing_and_one_that_is_cut_is_doubted(tmp_path: Path) -> None:
    short = a_torso_grid(spacing_mm=8.0, low_mm=-290.0, high_mm=60.0)

    found = organ_map_from(_a_folder(tmp_path, the_masks(MR)), onto=short)

    assert "outside the PET" in found.reason_missing("heart")
    liver = next(one for one in found.organs if one.name == "liver")
    assert liver.confidence < 1.0
    assert "is left on the PET" in liver.how


def test_refuses_what_is_no_mask_and_what_holds_no_organ(tmp_path: Path) -> None:
    path = _a_label_map(tmp_path / "liver.nii.gz", MRSEGMENTATOR)
    with pytest.raises(DataError, match="other than 0 and 1"):
        organ_map_from(path, onto=PET)
    nothing = tmp_path / "empty"
    nothing.mkdir()
    with pytest.raises(DataError, match="no class that is an organ"):
        organ_map_from(nothing, onto=PET)
    with pytest.raises(DataError, match="There is no organ map"):
        organ_map_from(tmp_path / "absent", onto=PET)


def test_the_grid_of_the_pet_is_that_of_the_result(tmp_path: Path) -> None:
    found = organ_map_from(_a_folder(tmp_path, the_masks(MR)), onto=PET)

    assert all(mask.grid.same_as(PET) for _, mask in found.masks)
