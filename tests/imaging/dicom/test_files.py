"""Trees and zip archives of any make are walked and read; damaged archives are refused."""

import os
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from operandi.imaging.dicom.files import FileRef, Opener, on_disk, opened, walk
from operandi.quantities.errors import DataError
from tests.imaging.dicom.dicom_files import write_zip


def names(root: Path) -> list[str]:
    return [file.name for file in walk(root)]


def a_tree(root: Path) -> Path:
    for name in ("b/2", "a/1.dcm", "a/.DS_Store", "c.txt", "a/deep/er/3"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    write_zip(root / "b" / "export.ZIP", {"y/4.dcm": b"four", "x": b"x", "__MACOSX/._x": b"no"})
    return root


def test_walks_a_tree_in_a_fixed_order_files_before_folders(tmp_path: Path) -> None:
    assert names(a_tree(tmp_path)) == [
        "c.txt",
        "a/1.dcm",
        "a/deep/er/3",
        "b/2",
        "b/export.ZIP!x",
        "b/export.ZIP!y/4.dcm",
    ]


def test_reads_what_it_walks(tmp_path: Path) -> None:
    contents = {file.name: file.read() for file in walk(a_tree(tmp_path))}

    assert contents["a/deep/er/3"] == b"a/deep/er/3"
    assert contents["b/export.ZIP!y/4.dcm"] == b"four"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_that_share_a_name_are_all_read(tmp_path: Path) -> None:
    """Nothing forbids it, and slices of equal name from several folders are packed like that."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name, content in (("x", b"1"), ("y", b"2"), ("x", b"3"), ("x (2 of 2)", b"4")):
            archive.writestr(name, content)

    assert {file.name: file.read() for file in walk(tmp_path)} == {
        "a.zip!x (1 of 2)": b"1",
        "a.zip!x (2 of 2)": b"4",
        "a.zip!x (2 of 2)'": b"3",
        "a.zip!y": b"2",
    }


def test_a_single_file_or_archive_is_a_tree_too(tmp_path: Path) -> None:
    a_tree(tmp_path)

    assert names(tmp_path / "c.txt") == ["c.txt"]
    assert names(tmp_path / "b" / "export.ZIP") == ["export.ZIP!x", "export.ZIP!y/4.dcm"]


def test_a_name_with_an_exclamation_mark_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "now!").mkdir()
    (tmp_path / "now!" / "1.dcm").write_bytes(b"one")
    (file,) = walk(tmp_path)

    assert file.member == ""
    assert file.read() == b"one"


def test_digest_is_that_of_the_content(tmp_path: Path) -> None:
    """``printf four | sha256sum``."""
    write_zip(tmp_path / "a.zip", {"x": b"four"})
    (file,) = walk(tmp_path)

    assert file.digest() == "04efaf080f5a3e74e1c29d1ca6a48569382cbbcd324e8d59d2b83ef21c039f00"


def test_passes_over_what_is_no_file(tmp_path: Path) -> None:
    """A pipe would be read forever, a link to a folder around in circles."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "around").symlink_to(tmp_path)
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "link").symlink_to(tmp_path / "file")

    assert names(tmp_path) == ["file", "link"]


def test_a_link_that_leads_nowhere_is_found_and_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "lost").symlink_to(tmp_path / "nowhere")
    (file,) = walk(tmp_path)

    with pytest.raises(FileNotFoundError):
        file.read()


def test_neighbors_in_an_archive_share_its_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading the directory of an archive of 10 000 members takes 50 ms."""
    write_zip(tmp_path / "a.zip", {f"{n:03d}": bytes([n]) for n in range(100)})
    files = list(walk(tmp_path))
    opens: list[object] = []
    read_directory = zipfile.ZipFile._RealGetContents  # type: ignore[attr-defined]

    def counted(archive: zipfile.ZipFile) -> None:
        opens.append(archive)
        read_directory(archive)

    monkeypatch.setattr(zipfile.ZipFile, "_RealGetContents", counted)

    assert [stream.read()[0] for _, stream in opened(files)] == list(range(100))
    assert len(opens) == 1


def test_the_start_of_a_member_is_read_without_unpacking_the_rest(tmp_path: Path) -> None:
    """The member's checksum is wrong; only a full read finds out."""
    path = write_zip(tmp_path / "a.zip", {"x": os.urandom(200_000)})
    data = bytearray(path.read_bytes())
    data[150_000] ^= 0xFF
    path.write_bytes(data)
    (file,) = walk(tmp_path)

    with closing(Opener()) as opener:
        assert len(opener.open_start(file).read(1000)) == 1000
        with pytest.raises(DataError, match=r"a\.zip!x cannot be unpacked"):
            opener.open(file)


def test_gives_paths_of_members_to_libraries_that_open_paths(tmp_path: Path) -> None:
    with on_disk(list(walk(a_tree(tmp_path)))) as paths:
        contents = [path.read_bytes() for path in paths]

    assert contents[-1] == b"four"
    assert not paths[-1].exists()
    assert paths[0].exists()


def test_refuses_a_root_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="There is no folder or file"):
        list(walk(tmp_path / "nothing"))


def test_refuses_an_archive_that_would_fill_the_memory(tmp_path: Path) -> None:
    write_zip(tmp_path / "a.zip", {"x": bytes(64 << 20)})
    (file,) = walk(tmp_path)

    with pytest.raises(DataError, match=r"a\.zip!x would unpack to 67108864 bytes"):
        file.read()


def encrypted(data: bytearray) -> None:
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1


def of_unknown_compression(data: bytearray) -> None:
    for signature, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        data[data.index(signature) + offset] = 99


def overwritten(data: bytearray) -> None:
    data[40:80] = bytes(40)


@pytest.mark.parametrize("damage", [encrypted, of_unknown_compression, overwritten])
def test_refuses_a_member_that_cannot_be_unpacked(
    damage: Callable[[bytearray], None], tmp_path: Path
) -> None:
    path = write_zip(tmp_path / "a.zip", {"x": bytes(range(256)) * 20})
    data = bytearray(path.read_bytes())
    damage(data)
    path.write_bytes(data)
    (file,) = walk(tmp_path)

    with pytest.raises(DataError, match=r"a\.zip!x cannot be unpacked"):
        file.read()


def test_a_damaged_archive_comes_as_one_file(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04 and then nothing")

    assert list(walk(tmp_path)) == [FileRef(str(tmp_path), "a.zip")]
