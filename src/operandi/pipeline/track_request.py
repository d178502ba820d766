"""What a person says of tracking, from options and files, checked before anything runs."""

import csv
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from operandi.domain.identity import LesionId, TimepointCode
from operandi.imaging.lesions.repetitions import Repetition, repetitions_of
from operandi.imaging.lesions.tracking.tracks import Override, Relation, Sighting
from operandi.pipeline.lesion_settings import LesionFiles, LesionSettings
from operandi.pipeline.lesion_table import JUDGED
from operandi.quantities.errors import DataError

_OVERRIDE_COLUMNS: Final = ("before", "after", "relation", "reader", "reason")


def lesion_options(  # noqa: PLR0913 - the options of the command
    *,
    resolution_mm: float | None,
    minimum_volume_ml: float | None,
    uptake_window: str | None,
    uptake_difference_min: float | None,
    method: str | None,
    fixed_suv: float | None,
    test_retest: Path | None,
    borrow: tuple[str, ...],
    because: str,
    override: Path | None,
    find_organs: bool,
) -> dict[str, Any]:
    """Spell the options of ``operandi track`` as keys of ``[lesions]``, whose checks they share.

    What was not given is left out, so that study.toml says it.

    Raises
    ------
    DataError
        If the uptake window is no window, or a reason is given for nothing.
    """
    if because.strip() and not borrow:
        raise DataError(
            "A reason is given with --because, and no coefficient is borrowed.",
            remedy="Name one with --borrow, or leave the reason out.",
        )
    said: dict[str, Any] = {
        "pet_resolution_mm": resolution_mm,
        "minimum_volume_ml": minimum_volume_ml,
        "uptake_difference_min": uptake_difference_min,
        "method": method,
        "fixed_suv": fixed_suv,
        # A path of its own, not of the study folder.
        "test_retest": str(test_retest.resolve()) if test_retest else None,
        "overrides": str(override.resolve()) if override else None,
        "find_organs": find_organs or None,
    }
    if resolution_mm is not None:
        said["site"] = {}
    if method is not None and fixed_suv is None:
        said["fixed_suv"] = _NONE
    if uptake_window is not None:
        said["uptake_window_min"] = list(_window(uptake_window))
    if borrow:
        said["borrow"] = [{"coefficient": key, "because": because} for key in dict.fromkeys(borrow)]
    keys = {key: value for key, value in said.items() if value is not None}
    return {key: None if value is _NONE else value for key, value in keys.items()}


_NONE: Final = object()


def _window(text: str) -> tuple[float, float]:
    low, _, high = text.partition("-")
    try:
        return float(low), float(high)
    except ValueError:
        raise DataError(
            "Comparing two visits needs the earliest and latest uptake time that counts; found "
            f"{text or 'none'}.",
            remedy="Give --uptake-window in min, such as 45-90.",
        ) from None


def lesion_files(
    folder: Path, settings: LesionSettings, *, participant: str | None = None
) -> LesionFiles:
    """Read the files that ``[lesions]`` names.

    Parameters
    ----------
    folder : Path
        The study folder.
    settings : LesionSettings
        Names them.
    participant : str or None
        Whose the overrides are where they do not say.

    Raises
    ------
    DataError
        If a file is not there or faulty, with the line.
    """
    for key, name in (("test_retest", settings.test_retest), ("overrides", settings.overrides)):
        if name and not (folder / name).is_file():
            raise DataError(
                f"There is no file {Path(name).name}, which {key} of [lesions] names.",
                remedy="Put it into the study folder, or correct the key in study.toml.",
            )
    return LesionFiles(
        repetitions=_repetitions(folder / settings.test_retest) if settings.test_retest else (),
        overrides=read_overrides(folder / settings.overrides, participant=participant)
        if settings.overrides
        else {},
    )


def _repetitions(path: Path) -> tuple[Repetition, ...]:
    rows = tuple(repetitions_of(_rows(path), file=path.name))
    unknown = sorted({row.quantity for row in rows} - set(JUDGED))
    if unknown or not rows:
        raise DataError(
            f"{path.name} has no row." if not rows else
            f"{path.name} names quantities that are not followed: {', '.join(unknown)}.",
            remedy=f"Quantities are {', '.join(JUDGED)}.",
        )  # fmt: skip
    return rows


def read_overrides(path: Path, *, participant: str | None) -> Mapping[str, tuple[Override, ...]]:
    """Read what readers said, by participant.

    Parameters
    ----------
    path : Path
        CSV with ``before`` and ``after`` (``BASELINE/L03@-60 10 120``: visit, the lesion's name
        there and where it lies, DICOM LPS in mm), ``relation`` (same, different, part), ``reader``
        and ``reason``; ``participant`` where several are tracked.
    participant : str or None
        Whose rows they are where the column is missing or blank.

    Raises
    ------
    DataError
        Naming the line and the cell.
    """
    found: dict[str, list[Override]] = {}
    for line, row in enumerate(_rows(path), start=2):
        cells = {key: (value or "").strip() for key, value in row.items() if key}
        where = f"{path.name}, line {line}"
        blank = [column for column in _OVERRIDE_COLUMNS if not cells.get(column)]
        if blank:
            raise DataError(
                f"{where}: {', '.join(blank)} is missing or blank.",
                remedy=f"Fill the columns {', '.join(_OVERRIDE_COLUMNS)}.",
            )
        whose = cells.get("participant") or participant
        if not whose:
            raise DataError(
                f"{where} does not say whose lesions they are.",
                remedy="Add a column participant.",
            )
        if cells["relation"] not in {relation.value for relation in Relation}:
            raise DataError(
                f"{where}: the relation {cells['relation']!r} is not known.",
                remedy=f"Write one of {', '.join(Relation)}.",
            )
        before, before_mm = _sighting(cells["before"], where=where)
        after, after_mm = _sighting(cells["after"], where=where)
        found.setdefault(whose, []).append(
            Override(
                before=before,
                after=after,
                relation=Relation(cells["relation"]),
                reader=cells["reader"],
                reason=cells["reason"],
                before_mm=before_mm,
                after_mm=after_mm,
            )
        )
    return {whose: tuple(rows) for whose, rows in found.items()}


def _sighting(text: str, *, where: str) -> tuple[Sighting, tuple[float, float, float] | None]:
    """The lesion and its place; None where it is not said, which whoever knows it will refuse."""
    lesion, at, place = text.partition("@")
    visit, slash, name = lesion.strip().rpartition("/")
    if not (visit and slash and name):
        raise DataError(
            f"{where}: {text!r} names no lesion of a visit.",
            remedy="Write the visit's code, the lesion's name there and where it lies (LPS, mm), "
            "such as BASELINE/L03@-60 10 120.",
        )
    sighting = Sighting(timepoint=TimepointCode(visit), name=LesionId(name))
    return sighting, _place(place, where=where) if at else None


def _place(text: str, *, where: str) -> tuple[float, float, float]:
    try:
        x, y, z = (float(one) for one in text.replace(",", " ").split())
    except ValueError:
        x = y = z = math.nan
    if not math.isfinite(x + y + z):
        raise DataError(
            f"{where}: {text.strip()!r} is no place.",
            remedy="Write three numbers in mm (LPS), such as -60 10 120.",
        )
    return x, y, z


def _rows(path: Path) -> Iterator[dict[str, str]]:
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(
            f"{path.name} is not UTF-8 text.", remedy="Save it as CSV in UTF-8."
        ) from None
    yield from csv.DictReader(text.splitlines())
