"""Where an analysis reads from: a freeze, or a plain folder of a plan's supplied tables."""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import polars as pl

from operandi.domain.identity import Digest
from operandi.quantities.errors import DataError
from operandi.records.freeze import read_freeze
from operandi.records.manifest import MANIFEST, MEASUREMENTS, PLAN, Manifest
from operandi.records.tables import Records
from operandi.signatures.plan import read_plan
from operandi.signatures.plan_format import AnalysisPlan, SuppliedTable
from operandi.signatures.plan_lock import (
    LOCK,
    PlanLock,
    parse_lock,
    refuse_changed,
    refuse_other_freeze,
)
from operandi.signatures.supplied_table import (
    SuppliedRows,
    frozen_name,
    read_supplied,
    refuse_other_file,
)

COLUMNS: Final[Mapping[str, pl.DataType | type[pl.DataType]]] = {
    "participant": pl.String,
    "timepoint": pl.String,
    "subject_type": pl.String,
    "subject": pl.String,
    "kind": pl.String,
    "unit": pl.String,
    "value": pl.Float64,
    "absent": pl.String,
    "step": pl.String,
}
"""What is read of the table of measurements."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AnalysisSource:
    """What was read, each file checked by its digest.

    Parameters
    ----------
    folder : Path
    records : Records or None
        Of a freeze; None of a plain folder.
    measurements : polars.DataFrame or None
        The long table of results, where the freeze has one.
    supplied : mapping of str to SuppliedRows
        The plan's tables by code, all cells text.
    freeze : Digest or None
        Name of the freeze; None for a plain folder.
    files : mapping of str to Digest
        What was read.
    notes : tuple of str
        Such as that results are older than records.
    """

    folder: Path
    records: Records | None
    measurements: pl.DataFrame | None
    supplied: Mapping[str, SuppliedRows]
    freeze: Digest | None = None
    files: Mapping[str, Digest] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def frozen_plan(folder: Path) -> tuple[AnalysisPlan, PlanLock] | None:
    """Read the plan that was locked into a freeze; None where none was, or it is a plain folder.

    Raises
    ------
    DataError
        If there is no such folder, or the freeze or the plan is not as it was, or was locked into
        another freeze.
    """
    _require_folder(folder)
    if not ((folder / MANIFEST).is_file() and (folder / PLAN).is_file()):
        return None
    manifest = read_freeze(folder).manifest
    plan = read_plan(folder / PLAN)
    locked = parse_lock((folder / LOCK).read_bytes())
    refuse_other_freeze(locked, freeze=manifest.id)
    refuse_changed(plan, locked)
    return plan, locked


def read_analysis_source(
    folder: Path, plan: AnalysisPlan, *, beside: Path | None = None
) -> AnalysisSource:
    """Read what a plan needs from a freeze, or from a plain folder of supplied tables.

    Parameters
    ----------
    folder : Path
    plan : AnalysisPlan
        Its supplied tables are looked for in the freeze, then by the paths that the plan gives in
        *folder*, and in *beside*.
    beside : Path or None
        Folder of the plan file.

    Raises
    ------
    DataError
        If the freeze is not as it was frozen, a file is missing, or has not the plan's digest.
    """
    _require_folder(folder)
    files: dict[str, Digest] = {}
    supplied = {one.code: _supplied(one, folder, beside, files) for one in plan.table}
    if not (folder / MANIFEST).is_file():
        _refuse_tables_of_records(plan, folder)
        return AnalysisSource(
            folder=folder, records=None, measurements=None, supplied=supplied, files=files
        )
    frozen = read_freeze(folder)
    files = {name: one.sha256 for name, one in frozen.manifest.files.items()} | files
    return AnalysisSource(
        folder=folder,
        records=frozen.records,
        measurements=_measurements(folder, frozen.manifest),
        supplied=supplied,
        freeze=frozen.manifest.id,
        files=files,
        notes=tuple(_notes(frozen.manifest)),
    )


def _require_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise DataError(
            f"There is no folder {folder}.",
            remedy="Name a freeze, or a folder with the plan's supplied tables.",
        )


def source_to_freeze(
    records: Records, plan: AnalysisPlan, *, measurements: bytes | None, beside: Path
) -> AnalysisSource:
    """Make a source of what is about to be frozen, so that its plan can be tried before the lock.

    Parameters
    ----------
    records : Records
    plan : AnalysisPlan
    measurements : bytes or None
        The table of a run.
    beside : Path
        Folder of the plan file.

    Raises
    ------
    DataError
        As ``read_analysis_source``.
    """
    files: dict[str, Digest] = {}
    return AnalysisSource(
        folder=beside,
        records=records,
        measurements=None if measurements is None else _long_table(measurements),
        supplied={one.code: _supplied(one, beside, None, files) for one in plan.table},
        files=files,
    )


def find_supplied(table: SuppliedTable, number: int, folders: tuple[Path, ...]) -> bytes:
    """Read a file of a supplied table from the first folder that has it, and check its digest.

    Raises
    ------
    DataError
        If none has it, or it is another file.
    """
    stated = table.files()[number]
    places = [
        folder / name for folder in folders for name in (frozen_name(table, number), stated.file)
    ]
    found = [place.read_bytes() for place in places if place.is_file()]
    if not found:
        raise DataError(
            f"table[{table.code}].file: there is no {stated.file} in "
            f"{' or '.join(map(str, folders))}.",
            remedy="Put the file there, or correct its path in the plan.",
        )
    # Another plan's table of the same code may lie in the freeze: the digest tells them apart.
    fits = [one for one in found if hashlib.sha256(one).hexdigest() == stated.sha256]
    content = (fits or found)[0]
    refuse_other_file(table, number, content)
    return content


def _supplied(
    table: SuppliedTable, folder: Path, beside: Path | None, files: dict[str, Digest]
) -> SuppliedRows:
    folders = (folder,) if beside is None else (folder, beside)
    contents = [find_supplied(table, number, folders) for number in range(len(table.files()))]
    for one, content in zip(table.files(), contents, strict=True):
        files[one.file] = Digest(hashlib.sha256(content).hexdigest())
    return read_supplied(table, contents)


def _refuse_tables_of_records(plan: AnalysisPlan, folder: Path) -> None:
    needs = [
        f"{section}[{one.code}]" for section, one in plan.predictors() if section != "supplied"
    ]
    needs += [f"endpoint[{one.code}]" for one in plan.endpoint if one.table is None]
    if needs:
        raise DataError(
            f"{', '.join(needs)}: needs a freeze, and {folder} is none: it holds no {MANIFEST}.",
            remedy="Name a freeze, or take predictors and endpoints from supplied tables.",
        )


def _measurements(folder: Path, manifest: Manifest) -> pl.DataFrame | None:
    if MEASUREMENTS not in manifest.files:
        return None
    return _long_table((folder / MEASUREMENTS).read_bytes())


def _long_table(content: bytes) -> pl.DataFrame:
    frame = pl.read_parquet(io.BytesIO(content))
    wrong = [name for name, kind in COLUMNS.items() if frame.schema.get(name) != kind]
    if wrong:
        raise DataError(
            f"{MEASUREMENTS} lacks columns that are read, or they are of another type: "
            f"{', '.join(wrong)}.",
            remedy="Run the study with this version, and freeze again.",
        )
    return frame.with_row_index("row", offset=1)


def _notes(manifest: Manifest) -> list[str]:
    notes = []
    if manifest.results is not None and manifest.results.changed:
        notes.append(
            "The measurements are older than what was frozen with them; changed since the run: "
            f"{', '.join(manifest.results.changed)}."
        )
    if manifest.queries:
        notes.append(
            f"{len(manifest.queries)} entries were faulty or later than the data cut when the "
            "freeze was made, and are not in it."
        )
    return notes
