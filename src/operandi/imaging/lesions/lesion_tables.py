"""Lesions and their measurements as CSV, out and in."""

import csv
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from operandi.domain.identity import Digest, LesionId, Pseudonym, TimepointCode
from operandi.domain.lesion import Lesion
from operandi.domain.measurement import Measurement, Subject, SubjectType, Uncertainty
from operandi.imaging.nifti import write_atomically
from operandi.quantities.errors import DataError
from operandi.quantities.kinds import Kind

_MEASUREMENT_COLUMNS: Final = (
    "participant",
    "timepoint",
    "subject_type",
    "subject",
    "kind",
    "value",
    "unit",
    "absent",
    "uncertainty",
    "uncertainty_basis",
    "method",
    "version",
    "inputs",
)
_LESION_COLUMNS: Final = (
    "participant",
    "timepoint",
    "lesion",
    "organ",
    "x_mm",
    "y_mm",
    "z_mm",
    "volume_ml",
    "tracking_uid",
    "delineation",
)
_LESION_NEEDS: Final = _LESION_COLUMNS[:8]


@dataclass(frozen=True, slots=True, kw_only=True)
class TabulatedLesion:
    """A lesion at one visit, without its voxels.

    Parameters
    ----------
    participant, timepoint
        Whose, and when.
    lesion : LesionId
        Its name.
    organ : str
        Empty where unknown.
    center_mm : tuple of float
        Center of its voxels, DICOM LPS.
    volume_ml : float
        Its volume, mL.
    tracking_uid : str
        Empty where not tracked.
    delineation : str
        How its border was found; empty where unknown.
    """

    participant: Pseudonym
    timepoint: TimepointCode
    lesion: LesionId
    organ: str
    center_mm: tuple[float, float, float]
    volume_ml: float
    tracking_uid: str = ""
    delineation: str = ""


def tabulated_lesion(
    lesion: Lesion, *, participant: Pseudonym, timepoint: TimepointCode, tracking_uid: str = ""
) -> TabulatedLesion:
    """Place and size of a lesion.

    Raises
    ------
    DataError
        If it is empty.
    """
    voxels = np.argwhere(lesion.mask.inside)
    if not len(voxels):
        raise DataError(f"Lesion {lesion.id} has no voxel.", remedy="Leave it out.")
    x, y, z = (float(mm) for mm in lesion.mask.grid.position_of(voxels.mean(axis=0)))
    return TabulatedLesion(
        participant=participant,
        timepoint=timepoint,
        lesion=lesion.id,
        organ=lesion.organ,
        center_mm=(x, y, z),
        volume_ml=lesion.mask.volume_ml,
        tracking_uid=tracking_uid,
        delineation=lesion.delineation,
    )


def write_lesion_table(path: Path, rows: Sequence[TabulatedLesion]) -> None:
    """Write one row a lesion and visit, in the given order; positions are DICOM LPS, mm."""
    _write_table(
        path,
        _LESION_COLUMNS,
        (
            (
                row.participant,
                row.timepoint,
                row.lesion,
                row.organ,
                *(repr(float(mm)) for mm in row.center_mm),
                repr(float(row.volume_ml)),
                row.tracking_uid,
                row.delineation,
            )
            for row in rows
        ),
    )


def read_lesion_table(path: Path) -> tuple[TabulatedLesion, ...]:
    """Read a table of lesions; columns it does not know are ignored.

    Raises
    ------
    DataError
        If the table is damaged, lacks a column, or a number is missing, not finite or a volume
        not positive, or a lesion appears twice at a visit.
    """
    rows = []
    for number, cells in _table(path, _LESION_NEEDS):
        where = f"{path.name}, line {number}"
        x, y, z, volume = (
            _decimal(cells, column, where=where) for column in ("x_mm", "y_mm", "z_mm", "volume_ml")
        )
        if volume <= 0:
            raise DataError(f"{where}: volume_ml must be > 0, got {volume:g}.")
        rows.append(
            TabulatedLesion(
                participant=Pseudonym(cells["participant"]),
                timepoint=TimepointCode(cells["timepoint"]),
                lesion=LesionId(cells["lesion"]),
                organ=cells["organ"],
                center_mm=(x, y, z),
                volume_ml=volume,
                tracking_uid=cells.get("tracking_uid") or "",
                delineation=cells.get("delineation") or "",
            )
        )
    keys = [(row.participant, row.timepoint, row.lesion) for row in rows]
    _refuse_twice(keys, path)
    return tuple(rows)


def write_measurement_table(path: Path, measurements: Sequence[Measurement]) -> None:
    """Write one row a measurement, in the given order, with every digit of its value."""
    _write_table(
        path,
        _MEASUREMENT_COLUMNS,
        (
            (
                one.subject.participant,
                one.timepoint,
                one.subject.type.value,
                one.subject.name,
                one.kind.name,
                _spelled(one.value),
                one.kind.unit,
                one.absent,
                _spelled(one.uncertainty.standard),
                one.uncertainty.basis,
                one.method,
                one.version,
                " ".join(one.inputs),
            )
            for one in measurements
        ),
    )


def read_measurement_table(path: Path, kinds: Sequence[Kind]) -> tuple[Measurement, ...]:
    """Read measurements back.

    Parameters
    ----------
    path : Path
        Written by :func:`write_measurement_table`, or with its columns.
    kinds : sequence of Kind
        Those that may occur.

    Raises
    ------
    DataError
        If the table is damaged, a kind is unknown, a unit is not its kind's, or a row has both or
        neither of a value and the reason of its absence.
    """
    known = {kind.name: kind for kind in kinds}
    taken = []
    for number, cells in _table(path, _MEASUREMENT_COLUMNS):
        where = f"{path.name}, line {number}"
        kind = known.get(cells["kind"])
        if kind is None or cells["unit"] != kind.unit:
            needed = f"[{kind.unit}]" if kind else f"one of {', '.join(sorted(known))}"
            raise DataError(f"{where} gives {cells['kind']} [{cells['unit']}]: needed {needed}.")
        taken.append(_measurement(cells, kind, where=where))
    _refuse_twice([one.id for one in taken], path)
    return tuple(taken)


def _measurement(cells: dict[str, str], kind: Kind, *, where: str) -> Measurement:
    try:
        return Measurement(
            subject=Subject(
                participant=Pseudonym(cells["participant"]),
                type=SubjectType(cells["subject_type"]),
                name=cells["subject"],
            ),
            timepoint=TimepointCode(cells["timepoint"]),
            kind=kind,
            value=_decimal(cells, "value", where=where) if cells["value"] else None,
            absent=cells["absent"],
            uncertainty=Uncertainty(
                _decimal(cells, "uncertainty", where=where) if cells["uncertainty"] else None,
                cells["uncertainty_basis"],
            ),
            method=cells["method"],
            version=cells["version"],
            inputs=tuple(Digest(digest) for digest in cells["inputs"].split()),
        )
    except ValueError as error:
        raise DataError(f"{where}: {error}.") from error


def _spelled(value: float | None) -> str:
    return "" if value is None else repr(float(value))


def _decimal(cells: dict[str, str], column: str, *, where: str) -> float:
    try:
        number = float(cells[column])
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise DataError(f"{where}: {column} must be a finite number, got {cells[column]!r}.")
    return number


def _write_table(path: Path, columns: Sequence[str], rows: Iterator[tuple[str, ...]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    write_atomically(path, text.getvalue().encode())


def _table(path: Path, needed: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and cells of each row."""
    try:
        text = path.read_text("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text), strict=True)
        lacking = [column for column in needed if column not in (reader.fieldnames or ())]
        if lacking:
            raise DataError(f"{path.name} lacks the columns {', '.join(lacking)}.")
        for cells in reader:
            if None in cells or None in cells.values():
                raise DataError(
                    f"{path.name}, line {reader.line_num}, has not as many cells as columns."
                )
            yield reader.line_num, cells
    except (csv.Error, UnicodeDecodeError, FileNotFoundError) as error:
        raise DataError(
            f"{path.name} cannot be read as CSV in UTF-8: {type(error).__name__}."
        ) from error


def _refuse_twice(keys: Sequence[object], path: Path) -> None:
    if len(set(keys)) < len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise DataError(f"{path.name} names {twice} twice.")
