"""Whatever lies in a folder is found, grouped and judged, whatever its names and order."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import Dataset

from operandi.imaging.dicom.classify import SeriesType
from operandi.imaging.dicom.files import FileRef
from operandi.imaging.dicom.index import Index, index_dicom, series_of
from operandi.quantities.errors import DataError
from tests.imaging.dicom import dicom_files as made


def a_patient(patient: str, *, series: str = made.SERIES, count: int = 3) -> list[Dataset]:
    datasets = made.a_series(
        count, PatientID=patient, SeriesInstanceUID=series, StudyInstanceUID=f"{series}.0"
    )
    for number, dataset in enumerate(datasets):
        dataset.SOPInstanceUID = f"{series}.7.{number}"
    return datasets


def summary(index: Index) -> list[tuple[str, int]]:
    return [(series.patient_id, len(series.instances)) for series in index.series]


def test_finds_mixed_patients_in_nested_folders_without_extensions(tmp_path: Path) -> None:
    names = [f"x/y{n}/IM{n}" for n in range(3)]
    made.write(tmp_path, a_patient("P-002", series="1.2.2"), names=names)
    made.write(tmp_path / "x", a_patient("P-001", series="1.2.1"))
    (tmp_path / "x" / "notes.txt").write_text("P-001 came late")

    index = index_dicom(tmp_path)

    assert summary(index) == [("P-001", 3), ("P-002", 3)]
    assert index.other_files == ("x/notes.txt",)
    assert not index.faults


def test_describes_a_series(tmp_path: Path) -> None:
    made.write(tmp_path, made.a_series(modality="PT", StudyDate="20250228"))
    (series,) = index_dicom(tmp_path).series

    assert (series.uid, series.patient_id, series.modality) == (made.SERIES, "P-001", "PT")
    assert (series.study_date, series.description) == ("20250228", "ax test")
    assert series.classification.type is SeriesType.PET_ATTENUATION_CORRECTED
    assert [i.header["InstanceNumber"] for i in series.instances] == [1, 2, 3, 4]


def test_finds_the_same_in_a_zip_archive_nested_in_a_tree(tmp_path: Path) -> None:
    datasets = a_patient("P-001")
    members = {f"a/{n}": made.encoded(dataset) for n, dataset in enumerate(datasets)}
    made.write_zip(tmp_path / "deep" / "export.zip", members)

    assert summary(index_dicom(tmp_path)) == [("P-001", 3)]
    assert summary(index_dicom(tmp_path / "deep" / "export.zip")) == [("P-001", 3)]


def test_finds_every_encoding(tmp_path: Path) -> None:
    for number, (name, syntax) in enumerate(made.SYNTAXES.items()):
        made.write(tmp_path / name, a_patient("P-001", series=f"1.2.{number}"), syntax=syntax)
    bare = made.encoded(a_patient("P-001", series="1.3", count=1)[0], meta=False)
    (tmp_path / "bare").write_bytes(bare)

    assert summary(index_dicom(tmp_path)) == [("P-001", 3)] * len(made.SYNTAXES) + [("P-001", 1)]


def test_reads_headers_longer_than_the_first_bytes(tmp_path: Path) -> None:
    """32 KiB are read first, then 1 MiB, then all."""
    for size in (20_000, 40_000, 1_200_000):
        dataset = a_patient("P-001", series=f"1.2.{size}", count=1)[0]
        block = dataset.private_block(0x0029, "MAKER", create=True)
        block.add_new(0x01, "OB", bytes(size))
        made.write(tmp_path / str(size), [dataset])

    assert summary(index_dicom(tmp_path)) == [("P-001", 1)] * 3


def test_several_processes_find_the_same_as_one(tmp_path: Path) -> None:
    made.write(tmp_path, a_patient("P-001"))
    made.write_zip(tmp_path / "b.zip", {"x": made.encoded(a_patient("P-002", series="1.2")[0])})

    assert index_dicom(tmp_path, workers=2) == index_dicom(tmp_path, workers=1)


def test_reports_progress_up_to_the_number_of_files(tmp_path: Path) -> None:
    made.write(tmp_path, a_patient("P-001"))
    (tmp_path / "other").write_bytes(b"")
    seen: list[tuple[int, int]] = []

    index_dicom(tmp_path, progress=lambda done, total: seen.append((done, total)))

    assert seen[-1] == (4, 4)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(order=st.permutations(range(5)), letters=st.permutations("abcde"))
def test_order_and_names_of_files_change_nothing(
    order: list[int], letters: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Not even where InstanceNumber is missing."""
    folder = tmp_path_factory.mktemp("permuted")
    datasets = made.a_series(5)
    del datasets[1].InstanceNumber
    del datasets[3].InstanceNumber
    made.write(folder, [datasets[n] for n in order], names=letters)
    (series,) = index_dicom(folder).series

    uids = [instance.header["SOPInstanceUID"] for instance in series.instances]
    assert uids == [f"{made.SERIES}.9.{n}" for n in (2, 4, 1, 3, 5)]


# --- duplicates and contradictions ------------------------------------------------------------


def test_leaves_out_second_copies_and_says_of_what(tmp_path: Path) -> None:
    made.write(tmp_path / "a", a_patient("P-001"))
    made.write(tmp_path / "b", a_patient("P-001"))

    index = index_dicom(tmp_path)

    assert summary(index) == [("P-001", 3)]
    assert index.duplicates == tuple((f"b/{n:04d}.dcm", f"a/{n:04d}.dcm") for n in range(3))
    assert not index.series[0].conflicts


def test_a_copy_with_another_preamble_and_file_meta_information_is_a_copy(tmp_path: Path) -> None:
    """Archives write their own."""
    data = made.encoded(made.a_slice())
    (tmp_path / "a").write_bytes(data)
    (tmp_path / "b").write_bytes(b"x" * 128 + data[128:])

    assert index_dicom(tmp_path).duplicates == (("b", "a"),)


def test_finds_copies_within_zip_archives(tmp_path: Path) -> None:
    members = {str(n): made.encoded(d) for n, d in enumerate(a_patient("P-001"))}
    made.write_zip(tmp_path / "a.zip", members)
    made.write_zip(tmp_path / "b.zip", members)

    assert len(index_dicom(tmp_path).duplicates) == 3


def test_names_two_files_of_one_uid_and_different_content(tmp_path: Path) -> None:
    made.write(tmp_path, [made.a_slice(1), made.a_slice(1, image=made.an_image(99))])
    (series,) = index_dicom(tmp_path).series

    assert series.conflicts == (
        f"0000.dcm and 0001.dcm share SOPInstanceUID {made.SERIES}.9.1 but differ in content",
    )


@pytest.mark.parametrize("keyword", ["PatientID", "StudyInstanceUID"])
def test_names_the_files_of_a_series_that_mixes_patients_or_studies(
    keyword: str, tmp_path: Path
) -> None:
    made.write(tmp_path, [made.a_slice(1), made.changed(made.a_slice(2), **{keyword: "1.9"})])
    (series,) = index_dicom(tmp_path).series

    assert len(series.conflicts) == 1
    assert series.conflicts[0].startswith(f"one SeriesInstanceUID has several {keyword}: ")
    assert "'1.9' in 0001.dcm" in series.conflicts[0]


def test_reads_a_report_apart_from_the_images_of_its_series(tmp_path: Path) -> None:
    report = made.a_slice(9, PixelData=None)
    report.SOPClassUID, report.Modality = "1.2.840.10008.5.1.4.1.1.88.33", "SR"
    made.write(tmp_path, [*made.a_series(3), report])

    types = [series.classification.type for series in index_dicom(tmp_path).series]
    assert types == [SeriesType.MR_T1, SeriesType.STRUCTURED_REPORT]


# --- DICOMDIR ---------------------------------------------------------------------------------


def test_names_the_files_that_a_directory_lists_and_that_are_missing(tmp_path: Path) -> None:
    made.write(tmp_path, a_patient("P-001"), names=["CD/IM0", "cd/im1", "CD/IM2"])
    made.write_directory(tmp_path, ["CD/IM0", "CD/IM1", "CD/IM2", "CD/IM3"])

    index = index_dicom(tmp_path)

    assert summary(index) == [("P-001", 3)]
    assert [(fault.file, fault.what) for fault in index.faults] == [
        ("DICOMDIR", "DICOMDIR lists CD/IM3, which is not there.")
    ]


def test_names_what_is_missing_from_an_archived_medium(tmp_path: Path) -> None:
    directory = made.write_directory(tmp_path, ["IM0", "IM1"]).read_bytes()
    image = made.encoded(made.a_slice())
    (tmp_path / "DICOMDIR").unlink()
    made.write_zip(tmp_path / "cd.zip", {"disc/DICOMDIR": directory, "disc/IM0": image})

    (fault,) = index_dicom(tmp_path).faults

    assert fault.what == "cd.zip!disc/DICOMDIR lists IM1, which is not there."


def test_a_damaged_directory_hides_no_file(tmp_path: Path) -> None:
    made.write(tmp_path, a_patient("P-001"))
    data = made.write_directory(tmp_path, ["IM0"]).read_bytes()
    (tmp_path / "DICOMDIR").write_bytes(data[:-6])

    assert summary(index_dicom(tmp_path)) == [("P-001", 3)]


# --- faults -----------------------------------------------------------------------------------


@pytest.mark.parametrize("keyword", ["SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID"])
@pytest.mark.parametrize("value", [None, ""])
def test_names_a_file_without_identity(keyword: str, value: str | None, tmp_path: Path) -> None:
    made.write(tmp_path, [*a_patient("P-001"), made.changed(made.a_slice(7), **{keyword: value})])
    index = index_dicom(tmp_path)

    assert summary(index) == [("P-001", 3)]
    assert [fault.what for fault in index.faults] == [
        f"0003.dcm states no {keyword}, so that it cannot be placed in a series."
    ]


def test_names_files_that_are_damaged_or_cannot_be_read(tmp_path: Path) -> None:
    made.write(tmp_path, a_patient("P-001"))
    (tmp_path / "cut").write_bytes(made.encoded(made.a_slice(8))[:700])
    (tmp_path / "lost").symlink_to(tmp_path / "nowhere")
    (tmp_path / "bad.zip").write_bytes(b"PK\x03\x04 and then nothing")
    inner = made.write_zip(tmp_path / "inner.zip", {"x": b"x"}).read_bytes()
    made.write_zip(tmp_path / "outer.zip", {"inner.zip": inner})

    index = index_dicom(tmp_path)

    assert summary(index) == [("P-001", 3)]
    assert {fault.file: fault.what for fault in index.faults} == {
        "cut": "cut is truncated: its header runs past the end of the file.",
        "lost": "lost cannot be read: No such file or directory.",
        "bad.zip": "bad.zip is a zip archive that is damaged or lies in another.",
        "outer.zip!inner.zip": "outer.zip!inner.zip is a zip archive that is damaged or lies in "
        "another.",
    }


def test_names_a_folder_that_may_not_be_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "closed").mkdir()
    scandir = os.scandir

    def refusing(path: str) -> object:
        if path.endswith("closed/"):
            raise PermissionError
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)

    (fault,) = index_dicom(tmp_path).faults

    assert fault.file == "closed"


def test_refuses_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="There is no folder or file"):
        index_dicom(tmp_path / "nothing")


# --- one series again -------------------------------------------------------------------------


def test_reads_the_files_of_one_series_again(tmp_path: Path) -> None:
    made.write(tmp_path, a_patient("P-001"))
    (series,) = index_dicom(tmp_path).series
    files = tuple(instance.file for instance in series.instances)

    assert series_of(files[::-1]) == series


def test_refuses_to_read_again_what_is_not_one_series(tmp_path: Path) -> None:
    made.write(tmp_path / "a", a_patient("P-001"))
    made.write(tmp_path / "b", a_patient("P-001", series="1.2"))
    files = [FileRef(str(tmp_path), name) for name in ("a/0000.dcm", "b/0000.dcm")]

    with pytest.raises(DataError, match=r"a/0000\.dcm and the files with it are 2 series"):
        series_of(files)


@pytest.mark.parametrize(
    ("content", "message"), [(None, "lost cannot be read"), (b"text", "lost is not DICOM any more")]
)
def test_refuses_to_read_again_what_is_gone(
    content: bytes | None, message: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "lost").write_bytes(content)

    with pytest.raises(DataError, match=message):
        series_of([FileRef(str(tmp_path), "lost")])


def test_a_name_that_is_not_utf_8_is_a_fault_of_its_own_file(tmp_path: Path) -> None:
    """As a medium written long ago may have: byte 0xE9 is an e with an acute accent in Latin-1."""
    made.write(tmp_path, made.a_series(), names=["good.dcm", "b.dcm", "c.dcm", "d.dcm"])
    (tmp_path / os.fsdecode(b"IM\xe9.dcm")).write_bytes((tmp_path / "good.dcm").read_bytes())

    index = index_dicom(tmp_path)

    (fault,) = index.faults
    assert (fault.file, fault.remedy) == ("IM\\xe9.dcm", "Rename the file or its folder.")
    assert [len(series.instances) for series in index.series] == [4]
