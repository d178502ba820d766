"""What DICOM is in a folder: headers only, in parallel, nothing assumed of names or order."""

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import BinaryIO, Final

from operandi.domain.identity import SeriesUid
from operandi.imaging.dicom.classify import Classification, classify
from operandi.imaging.dicom.directory import missing_references
from operandi.imaging.dicom.files import HEAD_BYTES, FileRef, Opener, refusing_damage, walk
from operandi.imaging.dicom.header import (
    Header,
    NeedMoreBytesError,
    NotDicomError,
    content_digest,
    parse_header,
)
from operandi.quantities.errors import DataError

Progress = Callable[[int, int], None]
"""Called with (files read, files found)."""

_CHUNK: Final = 512
_PARALLEL_FROM: Final = 10_000
"""Files. Below this the processes, a second to start, cost more than they save at 0.2 ms a file."""
_LONGEST_HEADER: Final = 1 << 28
"""Bytes. The header of an enhanced object with 100,000 frames is shorter."""

_MEDIA_DIRECTORY: Final = "1.2.840.10008.1.3.10"


@dataclass(frozen=True, slots=True)
class Instance:
    """One DICOM file.

    Parameters
    ----------
    file : FileRef
        Where it is.
    header : Header
        Its attributes.
    """

    file: FileRef
    header: Header


@dataclass(frozen=True, slots=True)
class FileFault:
    """A file that could not be used, and why."""

    file: str
    what: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Series:
    """The instances that share a SeriesInstanceUID, a modality and a SOP class.

    Parameters
    ----------
    uid : SeriesUid
        SeriesInstanceUID.
    patient_id, study_uid, study_date : str
        As the headers state them.
    description : str
        SeriesDescription, else ProtocolName.
    modality : str
        DICOM Modality.
    classification : Classification
        What it is, with the evidence.
    instances : tuple of Instance
        In order of InstanceNumber, then SOPInstanceUID.
    conflicts : tuple of str
        Why the series cannot be trusted: patients mixed, one UID with two contents.
    """

    uid: SeriesUid
    patient_id: str
    study_uid: str
    study_date: str
    description: str
    modality: str
    classification: Classification
    instances: tuple[Instance, ...]
    conflicts: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Description and a mark of the series, as two series may share a description."""
        mark = hashlib.sha256(self.uid.encode()).hexdigest()[:6]
        return f"{self.description or self.modality} #{mark}"


@dataclass(frozen=True, slots=True)
class Index:
    """All that was found under one root.

    Parameters
    ----------
    series : tuple of Series
        Ordered by patient, study date, series number.
    faults : tuple of FileFault
        DICOM that is damaged or contradictory.
    duplicates : tuple of (str, str)
        (left out, kept) files with the same content.
    other_files : tuple of str
        Files that are not DICOM.
    """

    series: tuple[Series, ...]
    faults: tuple[FileFault, ...]
    duplicates: tuple[tuple[str, str], ...]
    other_files: tuple[str, ...]


def index_dicom(root: Path, *, progress: Progress | None = None, workers: int = 0) -> Index:
    """Read every header below *root* (a folder, a file or a zip archive) and group them.

    Parameters
    ----------
    root : Path
        Any tree: mixed patients, nested, without extensions, with DICOMDIR or zip archives.
    progress : callable, optional
        Called with (files read, files found).
    workers : int
        Processes; 0 chooses by the number of files and cores.

    Raises
    ------
    DataError
        If *root* does not exist.
    """
    files = list(walk(root))
    chunks = [files[i : i + _CHUNK] for i in range(0, len(files), _CHUNK)]
    instances: list[Instance] = []
    faults: list[FileFault] = []
    others: list[str] = []
    done = 0
    for found, faulty, other in _in_parallel(chunks, files=len(files), workers=workers):
        instances += found
        faults += faulty
        others += other
        done += len(found) + len(faulty) + len(other)
        if progress is not None:
            progress(done, len(files))
    directories = [i.file for i in instances if _is_directory(i.header)]
    for directory in directories:
        faults += [
            FileFault(str(directory), f"{directory} lists {name}, which is not there.", _COPY_TOO)
            for name in missing_references(directory)
        ]
    images = [i for i in instances if not _is_directory(i.header)]
    kept, duplicates, conflicts = _without_duplicates(images)
    series = _group(kept, conflicts)
    return Index(series, tuple(faults), tuple(duplicates), tuple(others))


_COPY_TOO: Final = "Copy the whole medium."


def _is_directory(header: Header) -> bool:
    return header.get("MediaStorageSOPClassUID") == _MEDIA_DIRECTORY


_ChunkResult = tuple[list[Instance], list[FileFault], list[str]]


def _in_parallel(
    chunks: Sequence[list[FileRef]], *, files: int, workers: int
) -> Iterable[_ChunkResult]:
    workers = workers or (1 if files < _PARALLEL_FROM else os.cpu_count() or 1)
    if workers == 1:
        yield from map(_read_chunk, chunks)
        return
    # Spawn, not fork: the caller may hold threads and locks.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_read_chunk, chunks)


def _read_chunk(files: Sequence[FileRef]) -> _ChunkResult:
    found: list[Instance] = []
    faults: list[FileFault] = []
    others: list[str] = []
    with closing(Opener()) as opener:
        for file in files:
            try:
                _require_text(file)
                found.append(Instance(file, _read_header(opener, file)))
            except NotDicomError:
                others.append(str(file))
            except DataError as error:
                faults.append(FileFault(str(file), error.what, error.remedy))
            except OSError as error:
                faults.append(FileFault(str(file), f"{file} cannot be read: {error.strerror}.", ""))
    return found, faults, others


def _require_text(file: FileRef) -> None:
    if not file.is_text:
        raise DataError(
            f"The name of {file} is not UTF-8, so that no table or report can state it.",
            remedy="Rename the file or its folder.",
        )


def _read_header(opener: Opener, file: FileRef) -> Header:
    """Read one file's header.

    Raises
    ------
    NotDicomError
        If the file is not DICOM.
    DataError
        If it is DICOM but damaged, or states neither SOP class nor series; if it is a zip archive
        that cannot be opened or lies in another.
    OSError
        If it cannot be opened.
    """
    name = str(file)
    with opener.open_start(file) as stream:
        data = _read(stream, HEAD_BYTES, name)
        if data[:2] == b"PK" and name.lower().endswith(".zip"):
            raise DataError(
                f"{name} is a zip archive that is damaged or lies in another.",
                remedy="Unpack it beside the other files.",
            )
        complete = len(data) < HEAD_BYTES
        for more in (1 << 20, _LONGEST_HEADER, 0):
            try:
                header = parse_header(data, complete=complete, name=name)
            except NeedMoreBytesError:
                longer = _read(stream, more, name)
                data += longer
                complete = len(longer) < more
            else:
                _require_identity(header, name)
                return header
    raise DataError(
        f"The header of {name} is longer than {_LONGEST_HEADER >> 20} MiB.",
        remedy="Export the file again.",
    )


def _read(stream: BinaryIO, size: int, name: str) -> bytes:
    """Read *size* bytes, fewer only at the end of the file."""
    with refusing_damage(name):
        data = stream.read(size)
        while data and len(data) < size and (more := stream.read(size - len(data))):
            data += more
    return data


def series_of(files: Sequence[FileRef]) -> Series:
    """Read the headers of one series' files again.

    Raises
    ------
    DataError
        If a file is damaged, or they are not one series.
    """
    found, faults, others = _read_chunk(files)
    for fault in faults:
        raise DataError(fault.what, remedy=fault.remedy)
    for other in others:
        raise DataError(f"{other} is not DICOM any more.", remedy="Index the folder again.")
    series = _group(found, {})
    if len(series) != 1:
        raise DataError(f"{files[0]} and the files with it are {len(series)} series; needed one.")
    return series[0]


def _require_identity(header: Header, name: str) -> None:
    if _is_directory(header):
        return
    for keyword in ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID"):
        if not isinstance(header.get(keyword), str) or not header[keyword]:
            raise DataError(
                f"{name} states no {keyword}, so that it cannot be placed in a series.",
                remedy="Export the file again from the PACS.",
            )


def _without_duplicates(
    instances: Iterable[Instance],
) -> tuple[list[Instance], list[tuple[str, str]], dict[str, str]]:
    """Leave out second copies; where one UID has two contents, say of which series."""
    by_uid: dict[str, list[Instance]] = defaultdict(list)
    for instance in instances:
        by_uid[instance.header["SOPInstanceUID"]].append(instance)
    contents = _contents(i.file for copies in by_uid.values() for i in copies if len(copies) > 1)
    kept: list[Instance] = []
    duplicates: list[tuple[str, str]] = []
    conflicts: dict[str, str] = {}
    for uid, copies in by_uid.items():
        first, *rest = sorted(copies, key=lambda instance: instance.file)
        kept.append(first)
        for copy in rest:
            if contents[first.file] == contents[copy.file]:
                duplicates.append((str(copy.file), str(first.file)))
                continue
            for series in (first.header["SeriesInstanceUID"], copy.header["SeriesInstanceUID"]):
                conflicts[series] = (
                    f"{first.file} and {copy.file} share SOPInstanceUID {uid} but differ in content"
                )
    return kept, duplicates, conflicts


def _contents(files: Iterable[FileRef]) -> dict[FileRef, bytes]:
    """Digests of the files; of one that cannot be read any more, its own name."""
    found: dict[FileRef, bytes] = {}
    with closing(Opener()) as opener:
        for file in sorted(files):
            try:
                with opener.open(file) as stream:
                    found[file] = content_digest(stream.read())
            except (OSError, DataError):
                found[file] = file.name.encode("utf-8", "surrogateescape")
    return found


def _group(instances: Iterable[Instance], conflicts: dict[str, str]) -> tuple[Series, ...]:
    by_series: dict[tuple[str, str, str], list[Instance]] = defaultdict(list)
    for instance in instances:
        header = instance.header
        # Some software files a report under the series it describes; they are read apart.
        modality = str(header.get("Modality") or "")
        by_series[header["SeriesInstanceUID"], modality, header["SOPClassUID"]].append(instance)
    series = [_series(key[0], members, conflicts.get(key[0])) for key, members in by_series.items()]
    return tuple(
        sorted(
            series,
            key=lambda s: (
                s.patient_id,
                s.study_date,
                _as_int(s.instances[0].header.get("SeriesNumber")),
                s.uid,
                s.modality,
                s.instances[0].header["SOPClassUID"],
            ),
        )
    )


def _series(uid: str, members: list[Instance], conflict: str | None) -> Series:
    # File names say nothing, not even where numbers are missing.
    members.sort(
        key=lambda i: (_as_int(i.header.get("InstanceNumber")), i.header["SOPInstanceUID"])
    )
    conflicts = [conflict] if conflict else []
    for keyword in ("PatientID", "StudyInstanceUID"):
        values: dict[str, str] = {}
        for instance in members:
            values.setdefault(str(instance.header.get(keyword) or ""), str(instance.file))
        if len(values) > 1:
            stated = "; ".join(
                f"{value or 'nothing'!r} in {file}" for value, file in values.items()
            )
            conflicts.append(f"one SeriesInstanceUID has several {keyword}: {stated}")
    first = members[0].header
    return Series(
        uid=SeriesUid(uid),
        patient_id=str(first.get("PatientID") or ""),
        study_uid=str(first.get("StudyInstanceUID") or ""),
        study_date=str(first.get("StudyDate") or ""),
        description=str(first.get("SeriesDescription") or first.get("ProtocolName") or ""),
        modality=str(first.get("Modality") or ""),
        classification=classify([instance.header for instance in members]),
        instances=tuple(members),
        conflicts=tuple(conflicts),
    )


def _as_int(value: object) -> int:
    return value if isinstance(value, int) else 0
