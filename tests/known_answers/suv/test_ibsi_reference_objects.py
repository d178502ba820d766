"""The 13 digital reference objects of the Image Biomarker Standardisation Initiative."""

import csv
from datetime import UTC
from pathlib import Path

import numpy as np
import pytest

from operandi.imaging.dicom.assemble import assemble
from operandi.imaging.dicom.index import index_dicom
from operandi.imaging.nifti import read_nifti
from operandi.imaging.pet.suv import suv_of
from operandi.quantities.kinds import LABEL
from tests.shared_data import needs_shared_data, unpacked

pytestmark = [pytest.mark.real_data, needs_shared_data]

OBJECTS = (
    "DRO_0_0",  # Bq/mL, corrected to the start of the scan
    "DRO_1_0",  # a slope of its own in each slice
    "DRO_2_0",  # SUV by body weight
    "DRO_2_1",  # SUV by lean body mass after James
    "DRO_2_3",  # SUV by body surface area
    "DRO_2_4",  # counts with the Philips SUV factor
    "DRO_3_0",  # dose in MBq
    "DRO_3_1",  # corrected to the injection
    "DRO_3_2",  # the series was made after its acquisition
    "DRO_3_4",  # not corrected, and acquired at several times
    "DRO_4_0",  # the injection's date and time in one attribute
    "DRO_4_2",  # injected before midnight
    "DRO_5_0",  # 68Ga
)


def folder_of_objects() -> Path:
    return unpacked("pet_dicom/ibsi_suv_dro.tar.xz")


def test_these_are_all_objects_and_answers_there_are() -> None:
    with (folder_of_objects() / "expected.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))

    assert [row["ID"] for row in rows] == list(OBJECTS)
    for row in rows:
        answers = (row["SUVmin_expected"], row["SUVmed_expected"], row["SUVmax_expected"])
        assert answers == ("0.20", "1.00", "4.00")


@pytest.mark.parametrize("name", OBJECTS)
def test_suv_in_the_mask_is_that_of_the_consensus_within_a_stored_level(name: str) -> None:
    """Stored integers are rounded, so that no value is surer than one of them."""
    folder = folder_of_objects() / name
    (series,) = index_dicom(folder / "PT").series
    (stack,) = assemble(series)

    suv = suv_of(stack, zone=UTC)

    mask = read_nifti(folder / "mask" / "DRO_mask.nii.gz", LABEL)
    suv.volume.grid.require_same(mask.grid, what="object and mask")
    inside = mask.values > 0
    values, rescaled = suv.volume.values[inside], stack.values[inside]
    slope = max(float(header["RescaleSlope"]) for header in stack.headers)
    level = slope * float(np.max(values[rescaled > 0] / rescaled[rescaled > 0]))
    assert level < 0.11  # 0.1 where SUV itself is stored in tenths
    found = [float(values.min()), float(np.median(values)), float(values.max())]
    np.testing.assert_allclose(found, [0.20, 1.00, 4.00], rtol=0, atol=level)
