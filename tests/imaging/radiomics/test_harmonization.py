import numpy as np
import pytest

from operandi.domain.grid import Grid
from operandi.imaging.radiomics.harmonization import acquisition_descriptors, descriptor_rows
from operandi.quantities.errors import DataError

GRID = Grid((200, 200, 109), np.diag([4.07, 4.07, 3.0, 1.0]))
PET = {
    "Modality": "PT",
    "Manufacturer": "SIEMENS",
    "ManufacturerModelName": "Biograph40_mCT",
    "SoftwareVersions": ("VG51C", "1.0"),
    "ReconstructionMethod": "PSF+TOF 3i21s",
    "ConvolutionKernel": "XYZ Gauss5.00",
    "CorrectedImage": ("NORM", "DTIM", "ATTN"),
    "SliceThickness": 3.0,
    "ActualFrameDuration": 180000,
}


def test_a_pet_series_says_how_it_was_made() -> None:
    found = acquisition_descriptors(
        PET,
        grid=GRID,
        noise_level=0.4,
        injected_activity_mbq=140.0,
        body_mass_kg=70.0,
        uptake_time_min=62.0,
    )

    assert (found.manufacturer, found.model) == ("SIEMENS", "Biograph40_mCT")
    assert found.software == "VG51C; 1.0"
    assert (found.iterations, found.subsets, found.filter_fwhm_mm) == (3, 21, 5.0)
    assert found.voxel_size_mm == pytest.approx((4.07, 4.07, 3.0))
    assert found.matrix == (200, 200, 109)
    assert found.injected_mbq_per_kg == 2.0
    assert found.frame_duration_s == 180.0
    assert found.field_strength_t is None


@pytest.mark.parametrize(
    ("words", "iterations", "subsets"),
    [
        ("OSEM3D 4i8s", 4, 8),
        ("PSF+TOF2i21s", 2, 21),
        ("OSEM:i3s33", 3, 33),
        ("BLOB-OS-TF", None, None),
        ("VPFX", None, None),
        ("3D-RP 2.5 mm i", None, None),
    ],
)
def test_counts_are_read_from_the_vendors_words(
    words: str, iterations: int | None, subsets: int | None
) -> None:
    found = acquisition_descriptors({"ReconstructionMethod": words}, grid=GRID)

    assert (found.iterations, found.subsets) == (iterations, subsets)
    assert found.reconstruction == words


def test_stated_counts_go_before_words() -> None:
    header = {**PET, "NumberOfIterations": 4, "NumberOfSubsets": 10}

    found = acquisition_descriptors(header, grid=GRID)

    assert (found.iterations, found.subsets) == (4, 10)


def test_an_mr_series_says_how_it_was_made() -> None:
    found = acquisition_descriptors(
        {
            "Modality": "MR",
            "MagneticFieldStrength": "3",
            "EffectiveEchoTime": 60.0,
            "RepetitionTime": 5500.0,
            "InversionTime": 220.0,
            "FlipAngle": 90.0,
            "SequenceName": "*ep_b800",
        },
        grid=GRID,
    )

    assert (found.field_strength_t, found.echo_time_ms, found.repetition_time_ms) == (3, 60, 5500)
    assert found.inversion_time_ms == 220.0
    assert (found.flip_angle_deg, found.sequence) == (90.0, "*ep_b800")


def test_rows_have_a_value_or_a_reason() -> None:
    rows = {row.name: row for row in descriptor_rows(acquisition_descriptors(PET, grid=GRID))}

    assert rows["model"].text == "Biograph40_mCT"
    assert rows["iterations"].number == 3.0
    assert rows["voxel_k_mm"].number == pytest.approx(3.0)
    assert rows["matrix_i"].number == 200.0
    assert rows["echo_time_ms"].absent == "the header does not state it"
    assert rows["noise_level"].absent == "it was not given"
    for row in rows.values():
        assert (row.number is not None) + bool(row.text) + bool(row.absent) == 1


def test_refuses_numbers_that_are_none() -> None:
    with pytest.raises(DataError, match="EchoTime or EffectiveEchoTime must be a number"):
        acquisition_descriptors({"EchoTime": "short"}, grid=GRID)
    with pytest.raises(DataError, match="body mass must be above 0"):
        acquisition_descriptors({}, grid=GRID, body_mass_kg=0.0)
