import hashlib
import itertools
import math
import re
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pydicom
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from operandi.domain.grid import Grid
from operandi.domain.volume import Volume
from operandi.imaging.pet.suv import activity_concentration_of, suv_of
from operandi.quantities.errors import DataError
from operandi.quantities.kinds import ACTIVITY_CONCENTRATION
from operandi.simulation.dicom.headers import (
    DecayCorrection,
    PetAcquisition,
    StudyHeader,
    Vendor,
)
from operandi.simulation.dicom.pet import write_pet
from tests.simulation.dicom.scans import (
    HALF_LIFE_S,
    PARIS_SUMMER,
    SCAN,
    a_grid,
    a_pet,
    a_ramp,
    a_series,
    a_study,
    an_acquisition,
    an_injection,
    contents,
    stack_of,
    type_of,
)
from tests.three_participants.phantom import pet_suv, torso

PER_SUV_BQ_ML = an_injection().activity_at(SCAN) / 70_000.0


def written_files(
    folder: Path,
    pet: Volume | None = None,
    *,
    study: StudyHeader | None = None,
    vendor: Vendor = Vendor.NEUTRAL,
    acquisition: PetAcquisition | None = None,
) -> tuple[Path, ...]:
    return write_pet(
        folder,
        pet or a_pet(),
        study=study or a_study(),
        series=a_series(),
        acquisition=acquisition or an_acquisition(),
        vendor=vendor,
    )


def written_pet(folder: Path, pet: Volume | None = None, **how: Any) -> list[pydicom.Dataset]:
    return [pydicom.dcmread(file) for file in written_files(folder, pet, **how)]


def test_liver_suv_closes_the_loop_through_the_header_alone(tmp_path: Path) -> None:
    """SUV = c m / (A 2^(-t/T)), with every term read back from the file; the truth is 5.1."""
    affine = np.diag([4.0, 4.0, 4.0, 1.0])
    affine[:3, 3] = (-100.0, -40.0, 75.0)
    grid = Grid((20, 20, 10), affine, frame_of_reference="2.25.77")
    suv = pet_suv(torso(liver_suv=5.1), grid=grid, seed=(1,), noise=False)
    factor = an_injection().activity_at(SCAN) / 70_000.0

    slices = written_pet(tmp_path, a_pet(suv * np.float32(factor), grid))

    ds = slices[5]
    column, row = round((-70 + 100) / 4), round((-10 + 40) / 4)
    concentration = ds.pixel_array[row, column] * float(ds.RescaleSlope) + float(
        ds.RescaleIntercept
    )
    (tracer,) = ds.RadiopharmaceuticalInformationSequence
    start = datetime.strptime(
        f"{ds.SeriesDate}{ds.SeriesTime}{ds.TimezoneOffsetFromUTC}", "%Y%m%d%H%M%S.%f%z"
    )
    injected = datetime.strptime(str(tracer.RadiopharmaceuticalStartDateTime), "%Y%m%d%H%M%S.%f%z")
    remaining = 2 ** (-(start - injected).total_seconds() / float(tracer.RadionuclideHalfLife))
    activity_bq = float(tracer.RadionuclideTotalDose) * remaining
    assert (start - injected) == timedelta(minutes=62)
    assert concentration * float(ds.PatientWeight) * 1000 / activity_bq == pytest.approx(
        5.1, rel=1e-4
    )


@settings(max_examples=30, deadline=None)
@given(
    values=arrays(
        np.float32, (6, 5, 4), elements=st.floats(0, 2**40, width=32, allow_subnormal=False)
    )
)
def test_any_activity_reads_back_within_half_a_stored_level(
    tmp_path_factory: pytest.TempPathFactory, values: npt.NDArray[np.float32]
) -> None:
    slices = written_pet(tmp_path_factory.mktemp("pet"), a_pet(values))

    for k, ds in enumerate(slices):
        slope = float(ds.RescaleSlope)
        assert slope > 0
        np.testing.assert_allclose(
            ds.pixel_array.T * slope, values[:, :, k], rtol=1e-6, atol=0.501 * slope
        )


def test_positions_are_those_of_the_grid(tmp_path: Path) -> None:
    """Voxel (0, 0, k) lies at (-20.5, 7, -101.25 + 5 k) mm."""
    slices = written_pet(tmp_path)

    assert [list(ds.ImagePositionPatient) for ds in slices] == [
        [-20.5, 7.0, -101.25 + 5 * k] for k in range(4)
    ]
    assert list(slices[0].ImageOrientationPatient) == [1, 0, 0, 0, 1, 0]
    assert list(slices[0].PixelSpacing) == [4, 4]
    assert (slices[0].Rows, slices[0].Columns, slices[0].NumberOfSlices) == (5, 6, 4)
    assert {ds.FrameOfReferenceUID for ds in slices} == {"2.25.77"}


def test_each_bed_position_states_its_own_time_and_decay(tmp_path: Path) -> None:
    """Two beds of 360 s, 8 s apart.

    The average of a decaying frame equals its activity ln(x / (1 - exp(-x))) / lambda after its
    start, x = lambda 360 s; DecayFactor brings that instant back to the start of the scan.
    """
    slices = written_pet(tmp_path)

    rate = math.log(2) / HALF_LIFE_S
    x = rate * 360
    delay_s = math.log(x / (1 - math.exp(-x))) / rate
    assert [str(ds.AcquisitionTime) for ds in slices] == ["111600.000000"] * 2 + [
        "112208.000000"
    ] * 2
    assert [ds.AcquisitionNumber for ds in slices] == [1, 1, 2, 2]
    for ds, start_s in zip(slices, (0, 0, 368, 368), strict=True):
        assert float(ds.FrameReferenceTime) == pytest.approx(1000 * (start_s + delay_s), abs=1e-3)
        assert float(ds.DecayFactor) == pytest.approx(math.exp(rate * (start_s + delay_s)))
        assert (ds.ActualFrameDuration, ds.DecayCorrection, ds.Units) == (360_000, "START", "BQML")


def test_the_corrected_and_the_uncorrected_pet_say_so(tmp_path: Path) -> None:
    corrected = written_pet(tmp_path / "ac")[0]
    uncorrected = written_pet(
        tmp_path / "nac", acquisition=an_acquisition(attenuation_corrected=False)
    )[0]

    assert {"ATTN", "SCAT", "DECY"} <= set(corrected.CorrectedImage)
    assert set(uncorrected.CorrectedImage) & {"ATTN", "SCAT"} == set()
    assert "DECY" in uncorrected.CorrectedImage


def test_a_mass_that_is_not_known_leaves_no_attribute(tmp_path: Path) -> None:
    with_mass = written_pet(tmp_path / "with")[0]
    without = written_pet(tmp_path / "without", study=a_study(body_mass_kg=None))[0]

    assert with_mass.PatientWeight == 70
    assert "PatientWeight" not in without
    assert without.PatientSize == 1.7


def test_files_say_whose_they_are_and_that_they_are_synthetic(tmp_path: Path) -> None:
    ds = written_pet(tmp_path)[0]

    assert (ds.PatientID, ds.PatientSex, ds.SyntheticData) == ("OP-900", "F", "YES")
    assert ds.file_meta.MediaStorageSOPInstanceUID == ds.SOPInstanceUID
    assert ds.file_meta.TransferSyntaxUID == pydicom.uid.ExplicitVRLittleEndian


def test_instances_of_a_series_have_different_uids_and_the_same_again(tmp_path: Path) -> None:
    first, again = (
        [str(ds.SOPInstanceUID) for ds in written_pet(tmp_path / name)] for name in ("a", "b")
    )

    assert first == again
    assert len(set(first)) == len(first)
    assert all(re.fullmatch(r"2\.25\.[1-9]\d+", uid) and len(uid) <= 64 for uid in first)


def test_refuses_a_pet_that_refers_to_another_instant_than_its_series(tmp_path: Path) -> None:
    grid = a_grid()
    late = Volume(
        values=np.ones(grid.shape, np.float32),
        grid=grid,
        kind=ACTIVITY_CONCENTRATION,
        decay_reference=SCAN + timedelta(minutes=1),
    )

    with pytest.raises(DataError, match="at the start of the series"):
        written_pet(tmp_path, late)


# --- the neutral dialect ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mass_kg", "corrected", "digest"),
    [(70.0, True, "ac4f5b0722a5b442"), (None, False, "cb9938c1dd0965ea")],
)
def test_neutral_files_are_byte_for_byte_those_of_the_first_writer(
    mass_kg: float | None, *, corrected: bool, digest: str, tmp_path: Path
) -> None:
    """SHA-256 of what the writer before the dialects made of the same input."""
    files = written_files(
        tmp_path,
        study=a_study(body_mass_kg=mass_kg),
        acquisition=an_acquisition(attenuation_corrected=corrected),
    )

    assert hashlib.sha256(b"".join(contents(files))).hexdigest().startswith(digest)


# --- vendors ----------------------------------------------------------------------------------


def is_read(vendor: Vendor, correction: DecayCorrection, delay_s: float) -> bool:
    """Values at the injection with a later SeriesTime are refused where no tag states the scan.

    The reader takes DecayFactor for the time since the start of the scan then.
    """
    lost = correction is DecayCorrection.ADMIN and delay_s > 0
    return not (lost and vendor in {Vendor.NEUTRAL, Vendor.SIEMENS})


@pytest.mark.parametrize(
    ("vendor", "decay_correction", "series_delay_s"),
    [case for case in itertools.product(Vendor, DecayCorrection, (0.0, 1800.0)) if is_read(*case)],
)
def test_our_own_reading_finds_suv_and_injected_activity(
    vendor: Vendor, decay_correction: DecayCorrection, series_delay_s: float, tmp_path: Path
) -> None:
    """Whatever the dialect, the instant of the values and the time stated for the series."""
    suv = a_ramp(largest=21.0)
    acquisition = an_acquisition(decay_correction=decay_correction, series_delay_s=series_delay_s)

    written_files(
        tmp_path, a_pet(suv * np.float32(PER_SUV_BQ_ML)), vendor=vendor, acquisition=acquisition
    )
    read = suv_of(stack_of(tmp_path), zone=PARIS_SUMMER)

    largest = suv.max(axis=(0, 1)) if vendor is not Vendor.SIEMENS else suv.max()
    assert np.abs(read.volume.values - suv).max() > 0
    assert (np.abs(read.volume.values - suv) <= 0.51 * largest / 32767 + 2e-6).all()
    if read.administration is not None:
        assert read.administration.activity_bq == pytest.approx(150e6, rel=1e-6)
        assert read.uptake_s == pytest.approx(3720.0, abs=1e-3)
    else:
        assert (vendor, decay_correction is DecayCorrection.NONE) == (Vendor.PHILIPS, False)


@pytest.mark.parametrize("vendor", list(Vendor))
def test_activity_concentration_reads_back_within_half_a_level(
    vendor: Vendor, tmp_path: Path
) -> None:
    written_files(tmp_path, vendor=vendor)

    read = activity_concentration_of(stack_of(tmp_path), zone=PARIS_SUMMER)

    np.testing.assert_allclose(read.values, a_ramp(), atol=0.51 * 9000 / 32767, rtol=1e-6)
    assert read.grid.same_as(a_grid())
    assert read.decay_reference == SCAN


@pytest.mark.parametrize("vendor", list(Vendor))
def test_equal_input_gives_equal_bytes(vendor: Vendor, tmp_path: Path) -> None:
    first, again = (contents(written_files(tmp_path / name, vendor=vendor)) for name in ("a", "b"))

    assert first == again


@pytest.mark.parametrize("vendor", list(Vendor))
def test_simpleitk_reads_place_and_rescaled_values(vendor: Vendor, tmp_path: Path) -> None:
    files = written_files(tmp_path, vendor=vendor)

    image = SimpleITK.ReadImage([str(file) for file in files])

    factor = 1.602563 if vendor is Vendor.PHILIPS else 1.0
    values = SimpleITK.GetArrayFromImage(image).T * factor
    np.testing.assert_allclose(values, a_ramp(), atol=0.51 * 9000 / 32767, rtol=1e-6)
    assert image.GetOrigin() == pytest.approx((-20.5, 7.0, -101.25))
    assert image.GetSpacing() == pytest.approx((4.0, 4.0, 5.0))


@pytest.mark.parametrize("vendor", list(Vendor))
def test_each_dialect_is_told_apart_from_its_uncorrected_image(
    vendor: Vendor, tmp_path: Path
) -> None:
    written_files(tmp_path / "ac", vendor=vendor)
    uncorrected = an_acquisition(attenuation_corrected=False)
    written_files(tmp_path / "nac", vendor=vendor, acquisition=uncorrected)

    assert type_of(tmp_path / "ac") == "PET, attenuation corrected"
    assert type_of(tmp_path / "nac") == "PET, not attenuation corrected"


def test_ge_states_one_acquisition_time_and_the_start_of_frames(tmp_path: Path) -> None:
    """As TCIA STS_001: one AcquisitionTime, FrameReferenceTime 0 and 243 s, DecayFactor later.

    There frames of 240 s, 3 s apart, have factors 1.01268 and 1.0389 with a half-life of 6588 s:
    log2 of them is 119.8 and 362.7 s, the average of each frame.
    """
    injected = replace(an_injection(), half_life_s=6588.0)
    slices = written_pet(
        tmp_path,
        vendor=Vendor.GE,
        acquisition=an_acquisition(injected=injected, bed_duration_s=240.0, bed_pause_s=3.0),
    )

    beds = [slices[0], slices[-1]]
    assert {str(ds.AcquisitionTime) for ds in slices} == {"111600.000000"}
    assert [float(ds.FrameReferenceTime) for ds in beds] == [0.0, 243_000.0]
    factors = [float(ds.DecayFactor) for ds in beds]
    assert factors == pytest.approx([1.01268, 1.0389], abs=1e-5)
    assert len({ds.RescaleSlope for ds in slices}) == len(slices)
    assert slices[0][0x0009, 0x100D].value == "20240903111600.000000"


def test_siemens_states_one_slope_and_the_instant_of_decay_correction(tmp_path: Path) -> None:
    slices = written_pet(tmp_path, vendor=Vendor.SIEMENS)

    assert len({ds.RescaleSlope for ds in slices}) == 1
    assert slices[0][0x0071, 0x1022].value == "20240903111600.000000"
    (tracer,) = slices[0].RadiopharmaceuticalInformationSequence
    assert tracer.RadiopharmaceuticalStartDateTime == "20240903101400.000000"
    assert "TimezoneOffsetFromUTC" not in slices[0]


def test_philips_states_counts_with_factors_to_suv_and_to_activity(tmp_path: Path) -> None:
    ds = written_pet(tmp_path, vendor=Vendor.PHILIPS)[-1]

    counts = ds.pixel_array.max() * float(ds.RescaleSlope)
    assert ds.Units == "CNTS"
    assert counts * float(ds[0x7053, 0x1009].value) == pytest.approx(9000.0, rel=1e-5)
    assert counts * float(ds[0x7053, 0x1000].value) == pytest.approx(
        9000.0 / PER_SUV_BQ_ML, rel=1e-5
    )
    assert "RadiopharmaceuticalStartDateTime" not in ds.RadiopharmaceuticalInformationSequence[0]


def test_philips_states_no_suv_factor_of_a_mass_it_does_not_know(tmp_path: Path) -> None:
    ds = written_pet(tmp_path, vendor=Vendor.PHILIPS, study=a_study(body_mass_kg=None))[0]

    assert (0x7053, 0x1009) in ds
    assert (0x7053, 0x1000) not in ds


def test_philips_states_the_date_of_an_injection_before_midnight(tmp_path: Path) -> None:
    early = datetime(2024, 9, 3, 0, 20, tzinfo=PARIS_SUMMER)
    write_pet(
        tmp_path,
        replace(a_pet(), decay_reference=early),
        study=replace(a_study(), started_at=early),
        series=replace(a_series(), started_at=early),
        acquisition=an_acquisition(
            injected=replace(an_injection(), at=early - timedelta(minutes=62))
        ),
        vendor=Vendor.PHILIPS,
    )

    ds = pydicom.dcmread(tmp_path / "0001.dcm")
    (tracer,) = ds.RadiopharmaceuticalInformationSequence
    assert str(tracer.RadiopharmaceuticalStartDateTime).startswith("20240902231800")


def test_injection_and_scan_are_told_by_one_clock(tmp_path: Path) -> None:
    """An injection recorded in UTC or in a named zone is the same instant."""
    at = an_injection().at
    files = [
        contents(
            written_files(
                tmp_path / str(zone),
                acquisition=an_acquisition(
                    injected=replace(an_injection(), at=at.astimezone(ZoneInfo(zone)))
                ),
            )
        )
        for zone in ("UTC", "Europe/Paris")
    ]

    assert files[0] == files[1] == contents(written_files(tmp_path / "again"))


def test_a_description_beyond_ascii_is_written_as_the_character_set_says(tmp_path: Path) -> None:
    write_pet(
        tmp_path,
        a_pet(),
        study=a_study(),
        series=replace(a_series(), description="TEP corrigée, foie à 37 °C"),
        acquisition=an_acquisition(),
    )

    assert pydicom.dcmread(tmp_path / "0001.dcm").SeriesDescription == "TEP corrigée, foie à 37 °C"


# --- refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_refuses_activity_that_is_negative_or_not_finite(bad: float, tmp_path: Path) -> None:
    values = a_ramp()
    values[1, 2, 3] = bad

    with pytest.raises(DataError, match="at least 0 Bq/mL"):
        written_files(tmp_path, a_pet(values))


def test_refuses_a_radionuclide_without_a_code(tmp_path: Path) -> None:
    unnamed = replace(an_injection().nuclide, name="")

    with pytest.raises(DataError, match=r"radionuclide with a DICOM code.*found none"):
        written_files(
            tmp_path,
            acquisition=an_acquisition(injected=replace(an_injection(), nuclide=unnamed)),
        )


def test_refuses_a_folder_that_cannot_be_made_and_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(
        DataError, match=re.escape(f"{tmp_path / 'file' / 'pet'} cannot be written")
    ):
        written_files(tmp_path / "file" / "pet")


def test_refuses_a_file_that_cannot_be_written_and_names_it(tmp_path: Path) -> None:
    (tmp_path / "0002.dcm").mkdir()

    with pytest.raises(DataError, match=r"0002\.dcm cannot be written: Is a directory"):
        written_files(tmp_path)
