"""A series sent twice."""

from pathlib import Path

import numpy as np
import pydicom
import pytest

from operandi.imaging.dicom.index import index_dicom
from operandi.quantities.errors import DataError
from operandi.simulation.dicom.duplicate import write_duplicate
from operandi.simulation.dicom.headers import Vendor
from operandi.simulation.dicom.pet import write_pet
from tests.simulation.dicom.scans import (
    a_pet,
    a_series,
    a_study,
    an_acquisition,
    contents,
    stack_of,
)


def a_scan(folder: Path) -> tuple[Path, ...]:
    return write_pet(
        folder,
        a_pet(),
        study=a_study(),
        series=a_series(),
        acquisition=an_acquisition(),
        vendor=Vendor.GE,
    )


def test_a_copy_has_the_same_pixels_and_other_identifiers(tmp_path: Path) -> None:
    files = a_scan(tmp_path / "first")
    copies = write_duplicate(tmp_path / "second", files)

    np.testing.assert_array_equal(
        stack_of(tmp_path / "first").values, stack_of(tmp_path / "second").values
    )
    changed = {"SOPInstanceUID", "SeriesInstanceUID"}
    for file, copy in zip(files, copies, strict=True):
        one, other = pydicom.dcmread(file), pydicom.dcmread(copy)
        assert {e.keyword for e in one if other[e.tag] != e} == changed
        assert other.file_meta.MediaStorageSOPInstanceUID == other.SOPInstanceUID


def test_both_are_indexed_as_series_of_one_study(tmp_path: Path) -> None:
    write_duplicate(tmp_path / "second", a_scan(tmp_path / "first"))

    series = index_dicom(tmp_path).series

    assert [len(one.instances) for one in series] == [4, 4]
    assert len({str(i.header["StudyInstanceUID"]) for one in series for i in one.instances}) == 1


def test_a_copy_is_the_same_again_and_another_copy_is_another(tmp_path: Path) -> None:
    files = a_scan(tmp_path / "first")
    one, again, other = (
        contents(write_duplicate(tmp_path / name, files, copy=copy))
        for name, copy in (("a", 1), ("b", 1), ("c", 2))
    )

    assert one == again
    assert all(a != b for a, b in zip(one, other, strict=True))


def test_refuses_files_of_several_series(tmp_path: Path) -> None:
    files = a_scan(tmp_path / "first")
    copies = write_duplicate(tmp_path / "second", files)

    with pytest.raises(DataError, match="found 8 files of 2 series"):
        write_duplicate(tmp_path / "third", [*files, *copies])


def test_refuses_no_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="found 0 files of 0 series"):
        write_duplicate(tmp_path, [])


def test_refuses_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    files = a_scan(tmp_path / "first")

    with pytest.raises(DataError, match=r"0001\.dcm.x cannot be written"):
        write_duplicate(files[0] / "x", files)
