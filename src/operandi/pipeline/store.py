"""Results on disk, each under its key: written whole or not at all, checked when read.

A store is a folder. ``ab/cdef.../record.json`` says what a result is and what it came from, and
``value`` beside it holds the bytes; a refusal has no value. ``last/`` remembers the latest key of
every node, and ``code/`` what code and library digests stand for, both only to explain. ``tmp/``
holds what is being written. Nothing in a store depends on the machine, the folder or the clock.
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import mmap
import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

from operandi.domain.identity import Digest
from operandi.pipeline.atomic import sync_folder, write_synced
from operandi.pipeline.codec import decode
from operandi.pipeline.step import label_of
from operandi.quantities.errors import DataError

_RECORD: Final = "record.json"
_VALUE: Final = "value"


class DamagedError(Exception):
    """A stored result is not what was stored. It has been taken out of the store."""

    def __init__(self, key: Digest) -> None:
        super().__init__(key)
        self.key = key


@dataclass(frozen=True, slots=True, kw_only=True)
class InputRecord:
    """What a result was computed from.

    Parameters
    ----------
    name : str
        Label of the node, or name of the source.
    key : str
        Under which the input was stored; empty for a source or a refusal from further upstream.
    digest : Digest
        Of the input's result, which is what the key of the dependent is made of.
    """

    name: str
    key: str
    digest: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What a stored result is, for people and for the next run.

    Parameters
    ----------
    step, subject, function, version : str
        What made it, for whom.
    key : Digest
        Its address.
    code, environment : Digest
        Of our modules and of the libraries; ``code/<digest>.json`` in the store spells them out.
    settings : object
        As plain JSON, to be read.
    inputs : tuple of InputRecord
        In the order of the function's arguments.
    digest : Digest
        SHA-256 of the value; of the refusal, without who can mend it, where there is no value.
    size : int
        Of the value, bytes.
    what, remedy : str
        The refusal's sentences; *what* is empty exactly where there is a value.
    """

    step: str
    subject: str
    function: str
    version: str
    key: Digest
    code: Digest
    environment: Digest
    settings: object
    inputs: tuple[InputRecord, ...]
    digest: Digest
    size: int
    what: str = ""
    remedy: str = ""


class Store:
    """The results of one study, by key.

    Any number of processes may read it and add to it. ``with store:`` takes it for one run and
    sweeps away what a killed run left half written.

    Parameters
    ----------
    folder : Path
        ``results/store``; the lock is ``results/.lock``. Made when it is first written to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock: int | None = None
        self._holders = 0

    @property
    def results(self) -> Path:
        """The results folder that the store is part of."""
        return self.folder.parent

    def __enter__(self) -> Self:
        if self._lock is None:
            self._tmp.mkdir(parents=True, exist_ok=True)
            self._lock = self._locked()
            self._sweep()
        self._holders += 1
        return self

    def __exit__(self, *_: object) -> None:
        self._holders -= 1
        if self._lock is not None and not self._holders:
            self._sweep()
            os.close(self._lock)
            self._lock = None

    def record(self, key: Digest) -> Record | None:
        """Find what is stored under *key*; None if nothing whole is."""
        entry = self._entry(key)
        try:
            found = json.loads((entry / _RECORD).read_bytes())
            inputs = tuple(InputRecord(**one) for one in found.pop("inputs"))
            record = Record(**found, inputs=inputs)
            whole = record.what or (entry / _VALUE).stat().st_size == record.size
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return record if whole and record.key == key else None

    def load(self, record: Record) -> object:
        """Read the value of a record that has one.

        Its arrays are views of the file, so that the memory they take can be given back.

        Raises
        ------
        DamagedError
            If the bytes are not those that were written. They are then removed.
        """
        with contextlib.suppress(OSError, ValueError):  # gone, empty, or of a class now changed
            data = self._bytes(record)
            if data is not None:
                return decode(data)
        self.discard(record.key)
        raise DamagedError(record.key)

    def is_sound(self, record: Record) -> bool:
        """Whether the value of a record, if it has one, is what was written."""
        try:
            return bool(record.what) or self._bytes(record) is not None
        except (OSError, ValueError):
            return False

    def save(self, record: Record, parts: Sequence[bytes | memoryview] = ()) -> Record:
        """Store a result and return what stands under its key.

        Where another process was first, its result stands; the two are the same unless a step is
        not pure.
        """
        draft = self._tmp / uuid.uuid4().hex
        draft.mkdir(parents=True)
        if not record.what:
            write_synced(draft / _VALUE, parts)
        text = json.dumps(asdict(record), sort_keys=True, indent=1, ensure_ascii=False)
        write_synced(draft / _RECORD, [text.encode()])
        entry = self._entry(record.key)
        entry.parent.mkdir(exist_ok=True)
        standing = self._place(draft, entry) or record
        # The draft's own folder is not synced, at 4 ms each: a power cut can only lose an entry or
        # leave one that is not whole, and both are computed again.
        sync_folder(entry.parent)
        return standing

    def discard(self, key: Digest) -> None:
        """Take an entry out, so that it is computed again."""
        grave = self._tmp / uuid.uuid4().hex
        self._tmp.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            self._entry(key).rename(grave)
            _remove(grave)

    def attempt(self, label: str) -> int:
        """Note that a node begins to run; return how often it began before and did not end."""
        self._tmp.mkdir(parents=True, exist_ok=True)
        with self._attempts(label).open("ab") as file:
            file.write(b"x")
            return file.tell() - 1

    def attempted(self, label: str) -> None:
        """Note that a node that began has ended."""
        self._attempts(label).unlink(missing_ok=True)

    def note(self, name: str) -> Mapping[str, object]:
        """Read a note; empty if there is none that can be read."""
        try:
            found = json.loads((self.folder / f"{name}.json").read_bytes())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def write_note(self, name: str, content: Mapping[str, object]) -> None:
        """Keep a small thing that can be lost: atomic, but without waiting for the disk."""
        data = json.dumps(content, sort_keys=True, indent=1, ensure_ascii=False).encode()
        path = self.folder / f"{name}.json"
        with contextlib.suppress(OSError):
            if path.read_bytes() == data:
                return
        draft = self._tmp / uuid.uuid4().hex
        for folder in (draft.parent, path.parent):
            folder.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(data)
        draft.replace(path)

    @property
    def _tmp(self) -> Path:
        return self.folder / "tmp"

    def _sweep(self) -> None:
        for leftover in self._tmp.glob("*"):  # nothing, where the folder was removed
            _remove(leftover)

    def _attempts(self, label: str) -> Path:
        return self._tmp / hashlib.sha256(label.encode()).hexdigest()

    def _entry(self, key: Digest) -> Path:
        return self.folder / key[:2] / key[2:]

    def _bytes(self, record: Record) -> mmap.mmap | None:
        """Map the value's file; None if the bytes are not those of the record."""
        with (self._entry(record.key) / _VALUE).open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return data if hashlib.sha256(data).hexdigest() == record.digest else None

    def _place(self, draft: Path, entry: Path) -> Record | None:
        """Move a draft to its address, unless a whole entry is there already: then return that."""
        key = Digest(entry.parent.name + entry.name)
        while True:
            try:
                draft.rename(entry)
            except OSError as error:
                if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                    raise
                standing = self.record(key)
                if standing is not None:
                    _remove(draft)
                    return standing
                self.discard(key)
            else:
                return None

    def _locked(self) -> int:
        handle = os.open(self.results / ".lock", os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise DataError(
                f"Another run is at work in {self.results}.",
                remedy="Wait until it has ended, or stop it. A run that was killed holds nothing.",
            ) from None
        return handle


def note_of_last(step_name: str, subject: str) -> str:
    """Name of the note that holds the latest key of a node."""
    return f"last/{hashlib.sha256(label_of(step_name, subject).encode()).hexdigest()}"


def note_of_code(digest: Digest) -> str:
    """Name of the note that spells out a digest of code or libraries."""
    return f"code/{digest}"


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
