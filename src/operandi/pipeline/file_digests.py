"""SHA-256 of a study's files, remembered by size and time of change as git remembers them."""

import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from operandi.domain.identity import Digest
from operandi.imaging.dicom.files import FileRef
from operandi.pipeline.atomic import atomic_write

_THREADS: Final = 4
"""Hashing releases the interpreter's lock; beyond this the disk is the limit."""

Progress = Callable[[int, int], None]


def file_digests(
    files: Iterable[FileRef], *, memory: Path, progress: Progress | None = None
) -> dict[FileRef, Digest]:
    """Digest every file, reading only those that are new or changed since the last time.

    Parameters
    ----------
    files : iterable of FileRef
        Members of a zip archive count as changed when the archive is.
    memory : Path
        JSON file that remembers; it is rewritten. A damaged one is forgotten.
    progress : callable, optional
        Called with (files done, files to read).

    Raises
    ------
    OSError
        If a file cannot be read.
    """
    known = _remembered(memory)
    stamps = {file: _stamp(file) for file in files}
    digests: dict[FileRef, Digest] = {}
    unread = []
    for file, stamp in stamps.items():
        entry = known.get(file.name)
        if entry is not None and entry[:-1] == stamp:
            digests[file] = Digest(str(entry[-1]))
        else:
            unread.append(file)
    with ThreadPoolExecutor(_THREADS) as pool:
        for done, (file, digest) in enumerate(
            zip(unread, pool.map(FileRef.digest, unread), strict=True), start=1
        ):
            digests[file] = digest
            if progress is not None:
                progress(done, len(unread))
    entries = {file.name: [*stamps[file], digests[file]] for file in stamps}
    if entries != known:
        memory.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(memory, json.dumps(entries).encode())
    return digests


def _stamp(file: FileRef) -> list[object]:
    status = file.path.stat()
    # The time of change too: copying tools can keep size and time of modification.
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def _remembered(memory: Path) -> dict[str, list[object]]:
    try:
        entries = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(entries, dict):
        return {}
    return {
        name: entry
        for name, entry in entries.items()
        if isinstance(entry, list) and len(entry) == 5
    }
