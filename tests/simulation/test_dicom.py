import math
import re
import shutil
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from operandi.domain.administration import Administration
from operandi.domain.grid import Grid
from operandi.domain.identity import Pseudonym
from operandi.domain.participant import Sex
from operandi.domain.volume import Volume
from operandi.quantities.kinds import ACTIVITY_CONCENTRATION, MR_SIGNAL
from operandi.quantities.nuclides import GA68
from operandi.simulation.dicom import (
    MrSequence,
    PetAcquisition,
    SeriesHeader,
    StudyHeader,
    write_mr,
    write_pet,
)
from operandi.simulation.phantom import pet_suv, torso

PARIS_SUMMER = timezone(timedelta(hours=2))
SCAN = datetime(2024, 9, 3, 11, 16, tzinfo=PARIS_SUMMER)
HALF_LIFE_S = 4069.8
LIVER_CENTER = (-70.0, -10.0, 95.0)


def a_grid(shape: tuple[int, int, int] = (6, 5, 4)) -> Grid:
    affine = np.diag([4.0, 4.0, 5.0, 1.0])
    affine[:3, 3] = (-20.5, 7.0, -101.25)
    return Grid(shape, affine, frame_of_reference="2.25.77")


def a_study(*, body_mass_kg: float | None = 70.0) -> StudyHeader:
    return StudyHeader(
        participant=Pseudonym("OP-900"),
        sex=Sex.FEMALE,
        body_mass_kg=body_mass_kg,
        height_m=1.7,
        uid="2.25.1",
        started_at=SCAN,
    )


def a_series() -> SeriesHeader:
    return SeriesHeader(uid="2.25.2", number=1, description="a series", started_at=SCAN)


def an_injection(*, activity_bq: float = 150e6) -> Administration:
    return Administration(
        nuclide=GA68,
        activity_bq=activity_bq,
        at=SCAN - timedelta(minutes=62),
        half_life_s=HALF_LIFE_S,
    )


def a_pet(values: npt.NDArray[np.float32], grid: Grid | None = None) -> Volume:
    return Volume(
        values=values,
        grid=grid or a_grid(),
        kind=ACTIVITY_CONCENTRATION,
        decay_reference=SCAN,
    )


def written_pet(
    folder: Path,
    pet: Volume | None = None,
    *,
    study: StudyHeader | None = None,
    attenuation_corrected: bool = True,
) -> list[pydicom.Dataset]:
    values = np.linspace(0, 9000, 120, dtype=np.float32).reshape(6, 5, 4)
    files = write_pet(
        folder,
        pet or a_pet(values),
        study=study or a_study(),
        series=a_series(),
        acquisition=PetAcquisition(
            tracer="68Ga-DOTATOC",
            injected=an_injection(),
            attenuation_corrected=attenuation_corrected,
        ),
    )
    return [pydicom.dcmread(file) for file in files]


def a_sequence(*b_values_s_mm2: float) -> MrSequence:
    return MrSequence(
        image_type=("DERIVED", "PRIMARY", "DIFFUSION", "TRACEW"),
        scanning_sequence="EP",
        variant="SK",
        acquisition="2D",
        repetition_time_ms=5800,
        echo_time_ms=57,
        b_values_s_mm2=b_values_s_mm2,
    )


def an_mr(*, value: float) -> Volume:
    grid = a_grid()
    return Volume(values=np.full(grid.shape, value, np.float32), grid=grid, kind=MR_SIGNAL)


def written_mr(
    folder: Path, volumes: list[Volume], *b_values_s_mm2: float
) -> list[pydicom.Dataset]:
    files = write_mr(
        folder, volumes, study=a_study(), series=a_series(), sequence=a_sequence(*b_values_s_mm2)
    )
    return [pydicom.dcmread(file) for file in files]


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
@given(values=arrays(np.float32, (6, 5, 4), elements=st.floats(0, 2**40, width=32)))
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
    uncorrected = written_pet(tmp_path / "nac", attenuation_corrected=False)[0]

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


def test_a_diffusion_series_states_the_weighting_of_every_slice(tmp_path: Path) -> None:
    slices = written_mr(tmp_path, [an_mr(value=900), an_mr(value=325)], 0, 800)

    assert [(ds.DiffusionBValue, ds.pixel_array.max()) for ds in slices] == [(0.0, 900)] * 4 + [
        (800.0, 325)
    ] * 4
    assert [ds.InstanceNumber for ds in slices] == list(range(1, 9))


def test_an_ordinary_mr_series_states_no_weighting(tmp_path: Path) -> None:
    assert "DiffusionBValue" not in written_mr(tmp_path, [an_mr(value=4095)])[0]


def test_refuses_a_signal_that_twelve_bits_do_not_hold(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="between 0 and 4095"):
        written_mr(tmp_path, [an_mr(value=4096)])


def test_refuses_another_number_of_volumes_than_of_b_values(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="one for each b value"):
        written_mr(tmp_path, [an_mr(value=1)], 0, 800)


def test_refuses_a_pet_that_refers_to_another_instant_than_its_series(tmp_path: Path) -> None:
    grid = a_grid()
    late = Volume(
        values=np.ones(grid.shape, np.float32),
        grid=grid,
        kind=ACTIVITY_CONCENTRATION,
        decay_reference=SCAN + timedelta(minutes=1),
    )

    with pytest.raises(ValueError, match="at the start of the series"):
        written_pet(tmp_path, late)


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (dicom3tools) is absent")
@pytest.mark.parametrize("what", ["PET", "MR"])
def test_an_independent_validator_finds_no_error(tmp_path: Path, what: str) -> None:
    """Except SyntheticData (0008,001C), which is younger than dciodvfy's dictionary."""
    if what == "PET":
        written_pet(tmp_path)
    else:
        written_mr(tmp_path, [an_mr(value=900), an_mr(value=325)], 0, 800)

    for file in sorted(tmp_path.glob("*.dcm")):
        report = subprocess.run(
            ["dciodvfy", "-new", str(file)], capture_output=True, text=True, check=False
        ).stderr
        errors = [line for line in report.splitlines() if line.startswith("Error")]
        assert f"{what}Image" in report
        assert [line for line in errors if "(0008,001c)" not in line] == []
