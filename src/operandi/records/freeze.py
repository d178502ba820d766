"""A freeze: the tables of a study at its data cut, which nobody can change without it being seen.

A folder of one Parquet file a table, the study file and ``manifest.json``, which states the digest
of each; where there are any, the measurements of a run, and an analysis plan with its tables. The
manifest's own digest is the name of the freeze. There is no clock in it: the same tables, study
file and program give the same bytes. Who signs it, signs the name.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from operandi.domain.identity import Digest
from operandi.quantities.errors import DataError
from operandi.records.frozen import parquet
from operandi.records.manifest import (
    MANIFEST,
    MEASUREMENTS,
    PLAN_LOCK,
    Difference,
    FrozenFile,
    FrozenResults,
    Manifest,
    differences,
    parsed,
    written,
)
from operandi.records.reading import read_records
from operandi.records.rows import ROWS
from operandi.records.schemas import table
from operandi.records.tables import Records

STUDY_FILE: Final = "study.toml"
_SHOWN: Final = 5
"""Of many things that are wrong, so many stand in the sentence; the others are counted."""


@dataclass(frozen=True, slots=True)
class Freeze:
    """A freeze that was read, and is as it was written.

    Parameters
    ----------
    records : Records
        With the faults that were open when it was made.
    study_file : str
        Text of its study.toml.
    manifest : Manifest
        What it states of itself.
    """

    records: Records
    study_file: str
    manifest: Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What a freeze states beside the tables.

    Parameters
    ----------
    cut : date
        The data cut of the study file, to which the tables were read.
    timezone : str
        IANA name; of the study.
    timepoints, sites : tuple of str
        Codes that the study file declares.
    operandi : str
        Version of the program.
    commit : mapping or None
        Of its source; None where it runs from no checkout.
    """

    cut: date
    timezone: str
    timepoints: tuple[str, ...]
    sites: tuple[str, ...]
    operandi: str
    commit: Mapping[str, str | bool] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurementsFile:
    """The table of measurements that a run made, and what it was made from.

    Parameters
    ----------
    content : bytes
        As it was published.
    rows : int
    results : FrozenResults
    """

    content: bytes
    rows: int
    results: FrozenResults


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanToFreeze:
    """An analysis plan, and what locks it.

    Parameters
    ----------
    files : mapping of str to bytes
        ``plan.toml``, and its supplied tables as ``plan/NAME``.
    lock : callable
        Makes ``plan.lock.json`` of the name of the freeze.
    """

    files: Mapping[str, bytes] = field(repr=False)
    lock: Callable[[Digest], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachments:
    """What a freeze holds beside the tables, where there is any."""

    measurements: MeasurementsFile | None = None
    plan: PlanToFreeze | None = None


_NOTHING: Final = Attachments()


def write_freeze(
    records: Records,
    study_file: bytes,
    circumstances: Circumstances,
    *,
    to: Path | None,
    beside: Path,
    attached: Attachments = _NOTHING,
) -> tuple[Path, Manifest]:
    """Write a freeze as a whole, or not at all.

    It is written under a temporary name, flushed to the disk and only then renamed. Where the same
    freeze stands already, nothing is written.

    Parameters
    ----------
    records : Records
        All tables; their faults become the open queries.
    study_file : bytes
        The study.toml.
    circumstances : Circumstances
        What else is stated.
    to : Path or None
        The folder to make; None names it by data cut and digest, in the folder *beside*.
    beside : Path
        Where freezes without a name of their own go.
    attached : Attachments
        Measurements of a run, and the plan that is locked into the freeze.

    Raises
    ------
    DataError
        If *to* exists and is not this freeze, whole.
    """
    contents = {f"{name}.parquet": parquet(table(records, name)) for name in ROWS}
    contents[STUDY_FILE] = study_file
    measurements, plan = attached.measurements, attached.plan
    if measurements is not None:
        contents[MEASUREMENTS] = measurements.content
    if plan is not None:
        contents |= plan.files
    manifest = _manifest(records, contents, circumstances, measurements)
    if plan is not None:
        # The lock names the freeze, so it cannot be among what the name is the digest of.
        contents[PLAN_LOCK] = plan.lock(manifest.id)
    contents[MANIFEST] = written(manifest)
    folder = to or beside / f"{manifest.cut}_{manifest.id[:12]}"
    if folder.exists():
        _same_or_refuse(folder, manifest)
    else:
        _publish(folder, contents)
    return folder, manifest


def read_freeze(folder: Path) -> Freeze:
    """Read a freeze that is as it was written.

    Raises
    ------
    DataError
        If it is none, or a file in it was changed, added or taken away; each is named.
    """
    if wrong := verify(folder):
        raise DataError(
            f"{folder} is not as it was frozen. " + _shown(map(str, wrong)),
            remedy="Fetch an unchanged copy of the freeze, or make a new one from the study.",
        )
    manifest = parsed((folder / MANIFEST).read_bytes())
    records = read_records(
        folder,
        timezone=ZoneInfo(manifest.timezone),
        today=manifest.cut,
        at_cut=True,
        timepoints=manifest.timepoints,
        sites=manifest.sites,
    )
    return Freeze(
        # Of its own it has none, unless a later version finds what an earlier one passed over.
        records=replace(records, faults=manifest.queries + records.faults),
        study_file=(folder / STUDY_FILE).read_bytes().decode("utf-8-sig"),
        manifest=manifest,
    )


def verify(folder: Path) -> tuple[Difference, ...]:
    """Name every file of a freeze that was changed, added or taken away; none where it is whole.

    Raises
    ------
    DataError
        If the folder is no freeze.
    """
    if not (folder / MANIFEST).is_file():
        raise DataError(
            f"{folder} is no freeze: it holds no {MANIFEST}.",
            remedy="Name the folder that operandi freeze made.",
        )
    return differences(folder)


def refuse_open_queries(records: Records) -> None:
    """Refuse tables with faults.

    Raises
    ------
    DataError
        If there are any.
    """
    if records.faults:
        raise DataError(
            f"{len(records.faults)} entries cannot be frozen as they are. "
            + _shown(map(str, records.faults)),
            remedy="Correct them, or freeze without --strict, which lists them as open queries.",
        )


def _manifest(
    records: Records,
    contents: Mapping[str, bytes],
    circumstances: Circumstances,
    measurements: MeasurementsFile | None,
) -> Manifest:
    counts = {f"{name}.parquet": len(records.rows.get(name, ())) for name in ROWS}
    if measurements is not None:
        counts[MEASUREMENTS] = measurements.rows
    return Manifest(
        cut=circumstances.cut,
        timezone=circumstances.timezone,
        timepoints=circumstances.timepoints,
        sites=circumstances.sites,
        operandi=circumstances.operandi,
        commit=circumstances.commit,
        participants=len(records.participants),
        files={
            name: FrozenFile(
                sha256=Digest(hashlib.sha256(content).hexdigest()), rows=counts.get(name)
            )
            for name, content in contents.items()
        },
        queries=records.faults,
        results=None if measurements is None else measurements.results,
    )


def _same_or_refuse(folder: Path, manifest: Manifest) -> None:
    if (folder / MANIFEST).is_file() and not differences(folder):
        found = parsed((folder / MANIFEST).read_bytes()).id
        if found == manifest.id:
            return
    raise DataError(
        f"{folder} exists and is not this freeze.",
        remedy="A freeze is never changed: name another folder.",
    )


def _publish(folder: Path, contents: Mapping[str, bytes]) -> None:
    # What a kill left behind under this name is never read, and overwritten here.
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        for name, content in contents.items():
            (partial / name).parent.mkdir(exist_ok=True)
            _write_read_only(partial / name, content)
        for inner in {(partial / name).parent for name in contents}:
            _flush(inner)
        _flush(partial)
        partial.rename(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    _flush(folder.parent)


def _write_read_only(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fchmod(file.fileno(), 0o444)
        os.fsync(file.fileno())


def _flush(folder: Path) -> None:
    # A name is on the disk only when its folder is.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _shown(sentences: Iterable[str]) -> str:
    every = list(sentences)
    more = f"and {len(every) - _SHOWN} more." if len(every) > _SHOWN else ""
    return " ".join(filter(None, [*every[:_SHOWN], more]))
