"""Counts of a reconstruction: with everything a calibration needs, or refused."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset

from operandi.imaging.pet.declaration import Declaration
from operandi.imaging.pet.suv import activity_concentration_of
from operandi.imaging.spect.counts import CountImage, count_image_of
from operandi.quantities.errors import DataError, UnsupportedError
from operandi.quantities.kinds import COUNTS
from operandi.quantities.nuclides import LU177
from tests.imaging.dicom import dicom_files as made
from tests.imaging.dicom.assembling import stack_in
from tests.imaging.dicom.nuclear_medicine_files import a_reconstruction, an_item, private_ge

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)


def read(folder: Path, *, declared: Declaration | None = None, **attributes: Any) -> CountImage:
    stack = stack_in(folder, [a_reconstruction(**attributes)])
    return count_image_of(stack, zone=UTC, declared=declared or Declaration())


def a_mapping(unit: str, *, slope: float) -> list[Dataset]:
    return [
        an_item(
            RealWorldValueSlope=slope,
            RealWorldValueIntercept=0.0,
            MeasurementUnitsCodeSequence=made.a_code(unit, "UCUM", unit),
        )
    ]


def test_reads_counts_and_how_they_were_acquired(tmp_path: Path) -> None:
    image = read(tmp_path)

    assert image.volume.kind == COUNTS
    assert image.volume.decay_reference is None
    assert image.started_at == NOON
    assert image.corrected_to is None
    assert image.projection_time_s == 1500.0
    assert image.nuclide == LU177
    assert image.half_life_s == LU177.half_life_s
    assert (image.camera, image.collimator) == ("21211", "MEHRS")
    assert image.windows_kev == ((187.2, 228.8),)


def test_a_mapping_to_counts_takes_stored_values(tmp_path: Path) -> None:
    """Hermes stretches to 16 bits and maps back in {counts} (github.com/UCL/STIR issue 1123)."""
    plain = read(tmp_path / "plain")
    mapped = read(
        tmp_path / "mapped",
        RealWorldValueMappingSequence=a_mapping("{counts}", slope=0.25),
    )

    np.testing.assert_allclose(mapped.volume.values, 0.25 * plain.volume.values)


def test_refuses_counts_of_ge_without_their_scale(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"stretches counts to 16 bits.*private tags"):
        read(tmp_path, Manufacturer="GE MEDICAL SYSTEMS")


def test_reads_counts_of_ge_with_their_scale(tmp_path: Path) -> None:
    dataset = private_ge(a_reconstruction(Manufacturer="GE MEDICAL SYSTEMS"), scale=4.0)

    image = count_image_of(stack_in(tmp_path, [dataset]), zone=UTC)

    assert "counts by GE's pixel scale (0011,103B)" in image.evidence


def test_refuses_an_image_without_attenuation_correction(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="lacks ATTN"):
        read(tmp_path, CorrectedImage=["SCAT"])


@pytest.mark.parametrize(
    "calibrated",
    [
        {"Units": "BQML", "RescaleSlope": "1", "RescaleIntercept": "0"},
        {"Units": "CNTS", "RealWorldValueMappingSequence": a_mapping("Bq/ml", slope=2.0)},
    ],
)
def test_refuses_to_calibrate_twice(calibrated: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="not calibrated again"):
        read(tmp_path, **calibrated)


def test_counts_corrected_for_decay_need_the_instant(tmp_path: Path) -> None:
    corrected: dict[str, Any] = {
        "CorrectedImage": ["ATTN", "DECY"],
        "RescaleSlope": "1",
        "RescaleIntercept": "0",
    }
    half_life = a_reconstruction().RadiopharmaceuticalInformationSequence
    half_life[0].RadionuclideHalfLife = "574300"
    corrected |= {"RadiopharmaceuticalInformationSequence": half_life}

    with pytest.raises(DataError, match="decay_corrected_to"):
        read(tmp_path / "silent", **corrected)
    declared = Declaration(decay_corrected_to="scan start")
    assert read(tmp_path / "declared", declared=declared, **corrected).corrected_to == NOON
    stated = read(tmp_path / "stated", DecayCorrection="START", **corrected)
    assert stated.corrected_to == NOON


def test_a_calibrated_nm_object_is_read_as_activity_concentration(tmp_path: Path) -> None:
    tracer = a_reconstruction().RadiopharmaceuticalInformationSequence
    tracer[0].RadionuclideHalfLife = "574300"
    dataset = a_reconstruction(
        Units="BQML",
        RescaleSlope="2",
        RescaleIntercept="0",
        CorrectedImage=["ATTN", "SCAT", "DECY"],
        DecayCorrection="START",
        RadiopharmaceuticalInformationSequence=tracer,
    )
    stack = stack_in(tmp_path, [dataset])

    volume = activity_concentration_of(stack, zone=UTC)

    assert volume.decay_reference == NOON
    np.testing.assert_array_equal(volume.values, stack.values)


def test_refuses_an_unknown_nuclide(tmp_path: Path) -> None:
    tracer = an_item(Radiopharmaceutical="ATTENUATION MAPS")

    with pytest.raises(DataError, match="needed one known radionuclide"):
        read(tmp_path, RadiopharmaceuticalInformationSequence=[tracer])


def test_refuses_a_half_life_of_another_nuclide(tmp_path: Path) -> None:
    tracer = a_reconstruction().RadiopharmaceuticalInformationSequence
    tracer[0].RadionuclideHalfLife = "4057"

    with pytest.raises(DataError, match="is not that of 177Lu"):
        read(tmp_path, RadiopharmaceuticalInformationSequence=tracer)
