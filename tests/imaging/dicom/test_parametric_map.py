"""Parametric maps: written and read back, read as integers, and refused."""

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import ExplicitVRLittleEndian

from operandi.domain.grid import Grid
from operandi.domain.volume import Volume
from operandi.imaging.dicom.parametric_map import read_parametric_map
from operandi.imaging.dicom.parametric_map_writing import write_parametric_map
from operandi.imaging.dicom.report_codes import WHOLE_BODY
from operandi.quantities.errors import DataError, GridMismatchError, UnsupportedError
from operandi.quantities.kinds import (
    ACTIVITY_CONCENTRATION,
    PARAMETRIC,
    SUV_BODY_WEIGHT,
    VOLUME,
    Kind,
)
from tests.imaging.dicom.test_segmentation import a_grid, a_source_series


def a_volume(grid: Grid, kind: Kind = SUV_BODY_WEIGHT) -> Volume:
    values = np.random.default_rng(4).normal(size=grid.shape).astype(np.float32)
    return Volume(values=values, grid=grid, kind=kind)


def written(folder: Path, volume: Volume, grid: Grid | None = None, name: str = "pm.dcm") -> Path:
    path = folder / name
    write_parametric_map(
        path,
        volume=volume,
        source_files=a_source_series(folder, grid or volume.grid),
        series_uid="2.25.50",
        instance_uid="2.25.51",
        description="a map",
        label="SUVbw",
        region=WHOLE_BODY,
    )
    return path


@pytest.mark.parametrize(("about_x", "about_z"), [(0.0, 0.0), (0.3, -0.2), (np.pi, 0.0)])
def test_a_map_comes_back_on_its_grid(about_x: float, about_z: float, tmp_path: Path) -> None:
    """Upright, oblique and with slices that run the other way."""
    volume = a_volume(a_grid(about_x=about_x, about_z=about_z))

    found = read_parametric_map(written(tmp_path, volume))

    np.testing.assert_array_equal(found.values, volume.values)
    assert found.grid.same_as(volume.grid)
    assert found.grid.frame_of_reference == volume.grid.frame_of_reference
    assert found.unit[:2] == ("{SUVbw}g/ml", "UCUM")
    assert found.quantity == ("126401", "DCM", "SUVbw")
    assert found.label == "SUVbw"
    assert found.as_volume(SUV_BODY_WEIGHT).kind is SUV_BODY_WEIGHT


def test_frames_stand_in_the_order_of_the_slices(tmp_path: Path) -> None:
    """dcmqi 1.5.7 does not look at their positions; see the writer."""
    volume = a_volume(a_grid())

    dataset = pydicom.dcmread(written(tmp_path, volume))

    heights = [
        group.PlanePositionSequence[0].ImagePositionPatient[2]
        for group in dataset.PerFrameFunctionalGroupsSequence
    ]
    assert heights == sorted(heights)


def test_one_slice_is_a_map_too(tmp_path: Path) -> None:
    """A slice alone is as thick as it states: 1 mm in these files."""
    grid = a_grid((7, 5, 1), spacing=(2.0, 3.0, 1.0))
    volume = a_volume(grid)

    found = read_parametric_map(written(tmp_path, volume))

    np.testing.assert_array_equal(found.values, volume.values)
    assert found.grid.same_as(grid)


def test_the_same_map_is_the_same_bytes(tmp_path: Path) -> None:
    volume = a_volume(a_grid())

    first = written(tmp_path, volume, name="first.dcm").read_bytes()

    assert written(tmp_path, volume, name="second.dcm").read_bytes() == first


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (dicom3tools) is absent")
def test_an_independent_validator_finds_no_error(tmp_path: Path) -> None:
    path = written(tmp_path, a_volume(a_grid()))

    report = subprocess.run(
        ["dciodvfy", "-new", str(path)], capture_output=True, text=True, check=False
    ).stderr

    assert "ParametricMap" in report
    assert [line for line in report.splitlines() if line.startswith(("Error", "Abort"))] == []


def stored_as_integers(path: Path, *, slope: float, intercept: float) -> None:
    """Make a map of another maker of ours: 16-bit integers 0, 1, 2 ... with a slope."""
    dataset = pydicom.dcmread(path)
    del dataset.FloatPixelData
    size = dataset.NumberOfFrames * dataset.Rows * dataset.Columns
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 0
    dataset.PixelData = np.arange(size, dtype="<u2").tobytes()
    dataset["PixelData"].VR = "OW"
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    mapping = dataset.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence[0]
    mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept = slope, intercept
    dataset.save_as(path)


def test_integers_are_mapped_by_slope_and_intercept(tmp_path: Path) -> None:
    """By hand: the stored 209 = 5 * 35 + 4 * 7 + 6 is the last voxel; 209 * 0.5 - 3 = 101.5."""
    path = written(tmp_path, a_volume(a_grid()))
    stored_as_integers(path, slope=0.5, intercept=-3.0)

    found = read_parametric_map(path)

    assert found.values[0, 0, 0] == -3.0
    assert found.values[1, 0, 0] == -2.5
    assert found.values[6, 4, 5] == 101.5


def test_refuses_a_map_by_a_table(tmp_path: Path) -> None:
    path = written(tmp_path, a_volume(a_grid()))
    dataset = pydicom.dcmread(path)
    mapping = dataset.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence[0]
    mapping.RealWorldValueLUTData = [0.0, 1.0]
    dataset.save_as(path)

    with pytest.raises(UnsupportedError, match="by a table"):
        read_parametric_map(path)


def test_refuses_a_map_that_lacks_a_slice(tmp_path: Path) -> None:
    path = written(tmp_path, a_volume(a_grid()))
    dataset = pydicom.dcmread(path)
    del dataset.PerFrameFunctionalGroupsSequence[2]
    dataset.NumberOfFrames = 5
    dataset.FloatPixelData = dataset.FloatPixelData[: 5 * 35 * 4]
    dataset.save_as(path)

    with pytest.raises(DataError, match="5 frames for 6 slice positions"):
        read_parametric_map(path)


def test_refuses_a_map_cut_short(tmp_path: Path) -> None:
    path = written(tmp_path, a_volume(a_grid()))
    path.write_bytes(path.read_bytes()[:-30])

    with pytest.raises(DataError):
        read_parametric_map(path)


def test_refuses_to_take_a_map_for_what_it_is_not(tmp_path: Path) -> None:
    found = read_parametric_map(written(tmp_path, a_volume(a_grid())))

    with pytest.raises(DataError, match="needed mL"):
        found.as_volume(VOLUME)


def test_refuses_what_a_map_cannot_hold(tmp_path: Path) -> None:
    grid = a_grid()
    values = np.zeros(grid.shape, np.float32)
    values[0, 0, 0] = np.nan
    decaying = Volume(
        values=np.ones(grid.shape, np.float32),
        grid=grid,
        kind=ACTIVITY_CONCENTRATION,
        decay_reference=datetime(2025, 1, 2, tzinfo=UTC),
    )

    with pytest.raises(DataError, match="1 voxels"):
        written(tmp_path, Volume(values=values, grid=grid, kind=PARAMETRIC))
    with pytest.raises(UnsupportedError, match="does not decay"):
        written(tmp_path, decaying)
    with pytest.raises(GridMismatchError, match="source series"):
        written(tmp_path, a_volume(a_grid(origin=(0.0, 0.0, 0.0))), grid)
