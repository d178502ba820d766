"""Tomograms of a gamma camera: the right way up, in counts and in Bq/mL, in every dialect."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK

from operandi.domain.volume import Volume
from operandi.imaging.pet.suv import activity_concentration_of
from operandi.imaging.spect.counts import count_image_of
from operandi.quantities.errors import DataError
from operandi.quantities.kinds import COUNTS, MR_SIGNAL
from operandi.quantities.nuclides import LU177
from operandi.simulation.dicom.headers import NmAcquisition, Vendor
from operandi.simulation.dicom.nm import write_nm
from tests.simulation.dicom.scans import (
    PARIS_SUMMER,
    SCAN,
    a_camera,
    a_grid,
    a_pet,
    a_ramp,
    a_series,
    a_study,
    contents,
    stack_of,
    type_of,
)

EVERY_VENDOR = pytest.mark.parametrize("vendor", list(Vendor))


def counts(largest: float = 9000.0) -> Volume:
    return Volume(values=a_ramp(largest=largest), grid=a_grid(), kind=COUNTS)


def written(
    folder: Path,
    image: Volume,
    *,
    vendor: Vendor = Vendor.NEUTRAL,
    acquisition: NmAcquisition | None = None,
) -> Path:
    (file,) = write_nm(
        folder,
        image,
        study=a_study(),
        series=a_series(),
        acquisition=acquisition or a_camera(),
        vendor=vendor,
    )
    return file


@EVERY_VENDOR
def test_counts_read_back_in_their_place_with_what_calibration_needs(
    vendor: Vendor, tmp_path: Path
) -> None:
    written(tmp_path, counts(), vendor=vendor)

    read = count_image_of(stack_of(tmp_path), zone=PARIS_SUMMER)

    order = np.sign(read.volume.grid.affine[2, 2])
    values = read.volume.values[:, :, :: int(order)]
    np.testing.assert_allclose(values, a_ramp(), atol=0.51 * 9000 / 32767, rtol=1e-6)
    ours = read.volume.grid.position_of((0, 0, 0 if order > 0 else 3))
    assert ours == pytest.approx((-20.5, 7.0, -101.25))
    assert (read.started_at, read.corrected_to) == (SCAN, None)
    assert (read.nuclide.name, read.collimator) == ("177Lu", "MELP")
    assert read.windows_kev == ((187.2, 228.8),)
    assert read.projection_time_s == (None if vendor is Vendor.GE else 60 * 25.0)
    assert type_of(tmp_path) == "SPECT, reconstructed (NM)"


@EVERY_VENDOR
def test_activity_concentration_reads_back_with_its_instant(vendor: Vendor, tmp_path: Path) -> None:
    written(tmp_path, a_pet(), vendor=vendor)

    read = activity_concentration_of(stack_of(tmp_path), zone=PARIS_SUMMER)

    order = int(np.sign(read.grid.affine[2, 2]))
    np.testing.assert_allclose(
        read.values[:, :, ::order], a_ramp(), atol=0.51 * 9000 / 32767, rtol=1e-6
    )
    assert read.decay_reference == SCAN


def test_ge_counts_slices_from_the_head_and_keeps_its_own_scale(tmp_path: Path) -> None:
    ds = pydicom.dcmread(written(tmp_path, counts(), vendor=Vendor.GE))

    (detector,) = ds.DetectorInformationSequence
    assert list(detector.ImagePositionPatient) == [-20.5, 7.0, -86.25]
    assert ds.SpacingBetweenSlices == -5
    assert "RescaleSlope" not in ds
    assert ds[0x0011, 0x103B].value * ds.pixel_array[0].max() == pytest.approx(9000, rel=1e-6)


@pytest.mark.parametrize("vendor", [Vendor.NEUTRAL, Vendor.SIEMENS, Vendor.PHILIPS])
def test_simpleitk_reads_the_rescaled_counts(vendor: Vendor, tmp_path: Path) -> None:
    image = SimpleITK.ReadImage(str(written(tmp_path, counts(), vendor=vendor)))

    values = SimpleITK.GetArrayFromImage(image).T
    np.testing.assert_allclose(values, a_ramp(), atol=0.51 * 9000 / 32767, rtol=1e-6)


def test_whole_counts_are_stored_as_they_are(tmp_path: Path) -> None:
    whole = replace(counts(), values=np.arange(120, dtype=np.float32).reshape(6, 5, 4))

    ds = pydicom.dcmread(written(tmp_path, whole))

    assert float(ds.RescaleSlope) == 1.0
    np.testing.assert_array_equal(ds.pixel_array.T, whole.values)
    assert ds.CountsAccumulated == 119 * 120 / 2


def test_the_same_reconstruction_gives_the_same_bytes(tmp_path: Path) -> None:
    first, again = (written(tmp_path / name, counts()) for name in ("a", "b"))

    assert contents([first]) == contents([again])


def test_an_uncorrected_reconstruction_says_so(tmp_path: Path) -> None:
    camera = a_camera(attenuation_corrected=False, scatter_corrected=False)

    ds = pydicom.dcmread(written(tmp_path, counts(), acquisition=camera))

    assert list(ds.CorrectedImage) == ["UNIF", "COR"]


# --- refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_refuses_counts_that_are_negative_or_not_finite(bad: float, tmp_path: Path) -> None:
    values = a_ramp()
    values[0, 0, 0] = bad

    with pytest.raises(DataError, match="at least 0 everywhere"):
        written(tmp_path, replace(counts(), values=values))


@pytest.mark.parametrize(
    "wrong",
    [{"kind": MR_SIGNAL}, {"decay_reference": SCAN + timedelta(minutes=1)}],
)
def test_refuses_another_kind_or_instant(wrong: dict[str, Any], tmp_path: Path) -> None:
    image = counts() if "kind" in wrong else a_pet()

    with pytest.raises(DataError, match="Needed counts, or activity concentration at the start"):
        written(tmp_path, replace(image, **wrong))


def test_refuses_projections_that_heads_cannot_share(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="found 61 projections of 2 heads"):
        written(tmp_path, counts(), acquisition=a_camera(projections=61))


def test_refuses_a_radionuclide_without_a_code(tmp_path: Path) -> None:
    camera = a_camera()
    unknown = replace(camera.injected, nuclide=replace(LU177, name="90Y"))

    with pytest.raises(DataError, match="found 90Y"):
        written(tmp_path, counts(), acquisition=replace(camera, injected=unknown))
