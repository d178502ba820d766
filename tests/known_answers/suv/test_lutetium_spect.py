"""Quantitative SPECT of a therapy, stored as PET: its values could mean two instants."""

import functools
import json
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np
import pytest

from operandi.domain.volume import Volume
from operandi.imaging.dicom.assemble import Stack, assemble
from operandi.imaging.dicom.classify import SeriesType
from operandi.imaging.dicom.index import Index, index_dicom
from operandi.imaging.dicom.structure_set import rasterize, read_structure_set
from operandi.imaging.pet.declaration import Declaration
from operandi.imaging.pet.suv import activity_concentration_of
from operandi.quantities.errors import DataError
from tests.shared_data import needs_shared_data, published, unpacked

pytestmark = [pytest.mark.real_data, needs_shared_data]

INJECTED_AT = datetime(2018, 11, 15, 9, 22, tzinfo=UTC)
SCANNED_AT = datetime(2018, 11, 15, 13, 6, 28, 148_000, tzinfo=UTC)


@functools.cache
def day_0() -> Index:
    return index_dicom(unpacked("dosimetry/lu177_dotatate_spect_day0_dicom.tar.xz"))


@functools.cache
def stack() -> Stack:
    (series,) = [one for one in day_0().series if one.modality == "PT"]
    assert series.classification.type is SeriesType.SPECT
    (assembled,) = assemble(series)
    return assembled


def concentration(decay_corrected_to: Literal["injection", "scan start"]) -> Volume:
    declared = Declaration(decay_corrected_to=decay_corrected_to)
    return activity_concentration_of(stack(), zone=UTC, declared=declared)


@functools.cache
def reference() -> dict[str, Any]:
    path = published("dosimetry/lu177_dotatate_spect_day0_reference.json")
    content: dict[str, dict[str, Any]] = json.loads(path.read_text("utf-8"))
    return content["SCAN_001"]


def test_refuses_to_choose_between_injection_and_scan() -> None:
    """DecayCorrection says ADMIN, DecayFactor 1 says that nothing was corrected: 1.6 % apart.

    2 ** (3.741 h / 159.5 h) = 1.0164 with the header's half-life of 574 300 s.
    """
    with pytest.raises(
        DataError, match=r"ADMIN .* DecayFactor is 1 .* 1\.0164.*Declare decay_corr"
    ):
        activity_concentration_of(stack(), zone=UTC)


def test_declaring_the_injection_refers_the_stored_values_to_it() -> None:
    pet = concentration("injection")

    assert pet.decay_reference == INJECTED_AT
    np.testing.assert_array_equal(pet.values, stack().values)


def test_declaring_the_scan_refers_the_stored_values_to_it() -> None:
    pet = concentration("scan start")

    assert pet.decay_reference == SCANNED_AT
    np.testing.assert_array_equal(pet.values, stack().values)
    hours = (SCANNED_AT - INJECTED_AT).total_seconds() / 3600
    assert hours == pytest.approx(reference()["hours_post_injection"], abs=1e-3)


def test_total_activity_is_that_of_the_stored_values() -> None:
    pet = concentration("scan start")

    total_mbq = float(pet.values.sum(dtype=np.float64)) * pet.grid.voxel_volume_ml / 1e6
    assert total_mbq == pytest.approx(1350.5538, abs=5e-5)
    assert total_mbq == pytest.approx(reference()["total_activity_MBq_as_stored"], rel=1e-7)


@pytest.mark.parametrize("lesion", ["lesion1 liver R lobe", "lesion2 liver L lateral"])
def test_lesions_have_the_activity_that_readers_contours_enclose(lesion: str) -> None:
    pet = concentration("scan start")
    (drawn,) = [one for one in day_0().series if one.modality == "RTSTRUCT"]
    contours = read_structure_set(drawn.instances[0].file.path)
    (outline,) = [one for one in contours if one.name == lesion]

    mask = rasterize(outline, pet.grid)

    answer = reference()[lesion]
    inside = pet.values[mask.inside]
    assert mask.volume_ml == pytest.approx(answer["volume_mL"], rel=0.03)
    assert float(inside.mean()) == pytest.approx(answer["mean_Bq_mL"], rel=0.03)
    assert float(inside.max()) == pytest.approx(answer["max_Bq_mL"], rel=0.01)
