"""Files that are whole or absent, whenever the machine stops."""

import os
import uuid
from collections.abc import Iterable
from pathlib import Path


def atomic_write(path: Path, data: bytes) -> None:
    """Write a file so that a reader finds the old one or the new one, never a part.

    A temporary name in the same folder, fsync, rename, fsync of the folder.
    """
    # Not the tempfile module: its files are readable by their owner alone, and stay so.
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        write_synced(temporary, [data])
        temporary.replace(path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            # A full disk names no file, and nobody knows the temporary one.
            error.filename = str(path)
        raise
    sync_folder(path.parent)


def write_synced(path: Path, parts: Iterable[bytes | memoryview]) -> None:
    """Write a new file and wait until the disk has it.

    Raises
    ------
    FileExistsError
        If the file is there already.
    """
    with path.open("xb") as file:
        file.writelines(parts)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the disk has the names in *folder*."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
