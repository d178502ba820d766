"""DICOMDIR: the files that it lists and that are missing."""

import io
import zipfile
from pathlib import PurePosixPath

from operandi.imaging.dicom.files import FileRef
from operandi.imaging.dicom.unheard_warnings import warnings_unheard


def missing_references(directory: FileRef) -> tuple[str, ...]:
    """Names of the files that a DICOMDIR lists and that do not stand beside it.

    A directory record that cannot be read lists nothing: the files themselves are indexed anyway.
    """
    try:
        listed = _listed(directory)
        return tuple(sorted(name for name in listed if not _is_there(directory, name)))
    except Exception:  # noqa: BLE001 - a damaged directory must not hide the files it lists
        return ()


def _listed(directory: FileRef) -> set[str]:
    import pydicom  # noqa: PLC0415 - costs 0.4 s at every start, and few exports have a directory

    with warnings_unheard():
        dataset = pydicom.dcmread(io.BytesIO(directory.read()), force=True)
        records = dataset.get("DirectoryRecordSequence") or ()
        parts = [record.get("ReferencedFileID") for record in records]
    return {
        str(PurePosixPath(*([part] if isinstance(part, str) else part))) for part in parts if part
    }


def _is_there(directory: FileRef, name: str) -> bool:
    """Whether the file is there; media written on other systems may change letters' case."""
    if not directory.member:
        folder = directory.path.parent
        return (folder / name).exists() or (folder / name.lower()).exists()
    with zipfile.ZipFile(directory.path) as archive:
        wanted = str(PurePosixPath(directory.member).parent / name).lower()
        return wanted in {member.lower() for member in archive.namelist()}
