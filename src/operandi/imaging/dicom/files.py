"""Find the files of a tree or zip archive and read their bytes."""

import hashlib
import os
import struct
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import BinaryIO, Final

from operandi.domain.identity import Digest
from operandi.quantities.errors import DataError

HEAD_BYTES: Final = 32768
"""Enough for the header of nearly every single-frame object."""

MAX_MEMBER_BYTES: Final = 4 << 30
MAX_COMPRESSION_RATIO: Final = 500
"""Beyond these a zip member is refused unread: an archive must not fill the memory."""

_ZIP_ERRORS: Final = (
    zipfile.BadZipFile, zlib.error, struct.error, RuntimeError, KeyError, EOFError, ValueError,
)  # fmt: skip
_ARCHIVE: Final = ".zip"
_MEMBER: Final = ".zip!"


@dataclass(frozen=True, slots=True, order=True)
class FileRef:
    """A file in a tree, or a member of a zip archive in it.

    Parameters
    ----------
    root : str
        The folder that was indexed, or the one that holds the archive or file that was.
    name : str
        POSIX path below ``root``; for a zip member, ``archive.zip!member``. Of members that share
        a name, each has its place added: ``archive.zip!member (2 of 3)``.
    """

    root: str
    name: str

    @property
    def path(self) -> Path:
        """The file on disk: the member's archive for zip members."""
        return Path(self.root, self._parts()[0])

    @property
    def member(self) -> str:
        """Name inside the zip archive; empty for ordinary files."""
        return self._parts()[1]

    def _parts(self) -> tuple[str, str]:
        place = self.name.lower().find(_MEMBER)
        if place < 0:
            return self.name, ""
        return self.name[: place + len(_ARCHIVE)], self.name[place + len(_MEMBER) :]

    def read(self) -> bytes:
        """Read everything."""
        ((_, stream),) = opened([self])
        with stream:
            return stream.read()

    def digest(self) -> Digest:
        """SHA-256 of the content."""
        ((_, stream),) = opened([self])
        with stream:
            return Digest(hashlib.file_digest(stream, "sha256").hexdigest())

    @property
    def is_text(self) -> bool:
        """Whether the name is Unicode, as tables, reports and digests are."""
        return str(self) == self.name

    def __str__(self) -> str:
        """The name, with bytes that are no UTF-8 written out."""
        return self.name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


class Opener:
    """Opens files one after another; neighbors in one zip archive share its directory.

    The directory of an archive is slow to read, so it is kept until a file elsewhere is opened.
    """

    def __init__(self) -> None:
        self._path = ""
        self._archive: zipfile.ZipFile | None = None
        self._members: dict[str, zipfile.ZipInfo] = {}

    def open(self, file: FileRef) -> BufferedReader | BytesIO:
        """Open to read everything; a zip member is unpacked into memory and checked.

        Raises
        ------
        DataError
            If an archive or member is damaged, encrypted or too large to unpack.
        OSError
            If an ordinary file cannot be opened.
        """
        if not file.member:
            return file.path.open("rb")
        with refusing_damage(file.name):
            return BytesIO(self._member(file).read())

    def open_start(self, file: FileRef) -> BinaryIO:
        """Open to read from the start on; a zip member is unpacked as far as it is read.

        Reading can raise what :func:`refusing_damage` turns into a DataError.
        """
        if not file.member:
            # Half the time of Path.open, and thousands of files are opened here.
            return open(f"{file.root}/{file.name}", "rb", buffering=0)  # noqa: PTH123
        with refusing_damage(file.name):
            return self._member(file)

    def _member(self, file: FileRef) -> BinaryIO:
        path = str(file.path)
        if self._archive is None or path != self._path:
            self.close()
            self._archive, self._path = zipfile.ZipFile(path), path
            self._members = _members(self._archive)
        info = self._members[file.member]
        _refuse_bomb(info, file.name)
        return self._archive.open(info)  # type: ignore[return-value]  # is one in all but name

    def close(self) -> None:
        """Close the archive at hand."""
        if self._archive is not None:
            self._archive.close()
            self._archive = None


@contextmanager
def refusing_damage(name: str) -> Iterator[None]:
    """Turn what a damaged zip archive raises into a DataError about *name*."""
    try:
        yield
    except _ZIP_ERRORS as error:
        raise DataError(
            f"{name} cannot be unpacked: {error}.", remedy="Make the archive again."
        ) from None


def opened(files: Iterable[FileRef]) -> Iterator[tuple[FileRef, BufferedReader | BytesIO]]:
    """Open each file for reading; the caller closes it.

    Raises
    ------
    DataError
        If an archive or member is damaged, encrypted or too large to unpack.
    OSError
        If an ordinary file cannot be opened.
    """
    with closing(Opener()) as opener:
        for file in files:
            yield file, opener.open(file)


@contextmanager
def on_disk(files: Sequence[FileRef]) -> Iterator[list[Path]]:
    """Paths of the files, for libraries that only open paths; zip members are unpacked for it."""
    with tempfile.TemporaryDirectory() as folder, closing(Opener()) as opener:
        paths = []
        for number, file in enumerate(files):
            if not file.member:
                paths.append(file.path)
                continue
            path = Path(folder) / f"{number:06d}.dcm"
            with opener.open(file) as stream:
                path.write_bytes(stream.read())
            paths.append(path)
        yield paths


def _refuse_bomb(info: zipfile.ZipInfo, name: str) -> None:
    ratio = info.file_size / max(info.compress_size, 1)
    if info.file_size > MAX_MEMBER_BYTES or (
        info.file_size > 1 << 20 and ratio > MAX_COMPRESSION_RATIO
    ):
        raise DataError(
            f"{name} would unpack to {info.file_size} bytes, {ratio:.0f} times its packed size.",
            remedy="Unpack it yourself if that is intended.",
        )


def walk(root: Path) -> Iterator[FileRef]:
    """Every file below *root*, or every member if it is a zip archive, in a fixed order.

    Hidden files (``.DS_Store``) are passed over, and what is no file (a pipe, a device); links to
    folders are not followed. A folder that cannot be listed and an archive that cannot be opened
    come as one reference each, so that reading it says why.

    Raises
    ------
    DataError
        If *root* does not exist.
    """
    if not root.exists():
        raise DataError(f"There is no folder or file {root}.", remedy="Check the path.")
    if root.is_file():
        yield from _expand(FileRef(str(root.parent), root.name))
        return
    yield from _below(str(root), "")


def _below(root: str, folder: str) -> Iterator[FileRef]:
    try:
        with os.scandir(f"{root}/{folder}") as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError:
        yield FileRef(root, folder.rstrip("/"))
        return
    folders = []
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            folders.append(entry.name)
        elif not entry.name.startswith(".") and (entry.is_file() or _leads_nowhere(entry)):
            yield from _expand(FileRef(root, folder + entry.name))
    for name in folders:
        yield from _below(root, f"{folder}{name}/")


def _leads_nowhere(entry: "os.DirEntry[str]") -> bool:
    return entry.is_symlink() and not os.path.exists(entry.path)  # noqa: PTH110 - one of thousands


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Members by a name of their own, in the order of the archive.

    An archive may hold several members of one name, and slices of equal name from several folders
    are packed like that; the library finds the last one only.
    """
    count = Counter(info.filename for info in archive.infolist())
    found: dict[str, zipfile.ZipInfo] = {}
    seen: Counter[str] = Counter()
    for info in archive.infolist():
        name = info.filename
        if count[name] > 1:
            seen[name] += 1
            name = f"{name} ({seen[name]} of {count[name]})"
        while name in found or (name != info.filename and name in count):
            name += "'"
        found[name] = info
    return found


def _expand(ref: FileRef) -> Iterator[FileRef]:
    if not ref.name.lower().endswith(_ARCHIVE):
        yield ref
        return
    try:
        with zipfile.ZipFile(ref.path) as archive:
            members = sorted(name for name, info in _members(archive).items() if not info.is_dir())
    except (OSError, *_ZIP_ERRORS):
        yield ref
        return
    for member in members:
        if not member.rpartition("/")[2].startswith("."):
            yield FileRef(ref.root, f"{ref.name}!{member}")
