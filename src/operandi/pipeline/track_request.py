"""What a person asks of tracking, from options and files, checked before anything runs."""

import csv
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from operandi.domain.identity import LesionId, TimepointCode
from operandi.imaging.lesions.published_repeatability import PUBLISHED_COEFFICIENTS
from operandi.imaging.lesions.repeatability import NamedCoefficient
from operandi.imaging.lesions.repetitions import Repetition, repetitions_of
from operandi.imaging.lesions.segmentation.settings import DelineationMethod, SegmentationSettings
from operandi.imaging.lesions.track_changes import OF_LESIONS, OF_PATIENT
from operandi.imaging.lesions.tracking.tracks import Override, Relation, Sighting
from operandi.pipeline.lesion_tracks import TrackRequest
from operandi.quantities.errors import DataError

_OVERRIDE_COLUMNS: Final = ("before", "after", "relation", "reader", "reason")
_WIDEST_FWHM_MM: Final = 30.0


def track_request(  # noqa: PLR0913 - the options of the command
    *,
    resolution_mm: float | None,
    minimum_volume_ml: float | None,
    uptake_window: str | None,
    uptake_difference_min: float | None,
    method: DelineationMethod,
    fixed_suv: float | None,
    test_retest: Path | None,
    borrow: tuple[str, ...],
    because: str,
    override: Path | None,
    participant: str | None,
    ignore_organ_maps: bool,
) -> TrackRequest:
    """Check what was asked.

    Raises
    ------
    DataError
        If a fact without a default is missing or impossible, a file is faulty, a coefficient is
        unknown, or one is borrowed without a reason.
    """
    if resolution_mm is None or not 0.0 < resolution_mm < _WIDEST_FWHM_MM:
        raise DataError(
            "Borders and partial volume need the resolution of the PET as reconstructed (FWHM); "
            f"found {_shown(resolution_mm)}.",
            remedy="Give --resolution in mm, as of a phantom or the scanner's acceptance test.",
        )
    if minimum_volume_ml is None or not 0.0 <= minimum_volume_ml < 1000.0:
        raise DataError(
            f"Which lesions count needs a least volume; found {_shown(minimum_volume_ml)}.",
            remedy="Give --minimum-volume in mL, as the protocol has it.",
        )
    if uptake_difference_min is None or not uptake_difference_min >= 0.0:
        raise DataError(
            "Comparing two visits needs the largest difference of their uptake times; found "
            f"{_shown(uptake_difference_min)}.",
            remedy="Give --uptake-difference in min (PERCIST takes 15 for FDG).",
        )
    if (fixed_suv is None) == (method is DelineationMethod.FIXED_SUV) or (
        fixed_suv is not None and not 0.0 < fixed_suv < math.inf
    ):
        raise DataError(
            f"A fixed SUV as the border goes with its level > 0, and no other method has one; "
            f"found {method} with {_shown(fixed_suv)}.",
            remedy="Give --method fixed-suv and --fixed-suv in g/mL together, or neither.",
        )
    if because.strip() and not borrow:
        raise DataError(
            "A reason is given with --because, and no coefficient is borrowed.",
            remedy="Name one with --borrow, or leave the reason out.",
        )
    settings = SegmentationSettings(
        fwhm_mm=resolution_mm, minimum_volume_ml=minimum_volume_ml, method=method
    )
    if fixed_suv is not None:
        settings = replace(settings, fixed_suv=fixed_suv)
    return TrackRequest(
        segmentation=settings,
        uptake_window_min=_window(uptake_window),
        uptake_difference_min=uptake_difference_min,
        repetitions=_repetitions(test_retest) if test_retest is not None else (),
        borrowed=tuple(_borrowed(key, because) for key in dict.fromkeys(borrow)),
        overrides=read_overrides(override, participant=participant) if override else {},
        ignore_organ_maps=ignore_organ_maps,
    )


def _shown(value: float | None) -> str:
    return "none" if value is None else f"{value:g}"


def _window(text: str | None) -> tuple[float, float]:
    low, _, high = (text or "").partition("-")
    try:
        window = float(low), float(high)
    except ValueError:
        window = 0.0, 0.0
    if not 0.0 <= window[0] < window[1] < 1440.0:
        raise DataError(
            "Comparing two visits needs the earliest and latest uptake time that counts; found "
            f"{text or 'none'}.",
            remedy="Give --uptake-window in min, such as 45-90.",
        )
    return window


def _borrowed(key: str, because: str) -> NamedCoefficient:
    if key not in PUBLISHED_COEFFICIENTS:
        raise DataError(
            f"There is no published coefficient {key!r}.",
            remedy=f"Name one of {', '.join(PUBLISHED_COEFFICIENTS)}.",
        )
    if not because.strip():
        raise DataError(
            f"Coefficient {key} was measured with "
            f"{PUBLISHED_COEFFICIENTS[key].tracer or 'no tracer'}, not with an SSTR tracer.",
            remedy="Say with --because why it may serve here, or leave the changes unjudged.",
        )
    judged = {kind.name for kind in (*OF_LESIONS, *OF_PATIENT)}
    if not judged & set(PUBLISHED_COEFFICIENTS[key].quantities):
        raise DataError(
            f"Coefficient {key} is of {', '.join(PUBLISHED_COEFFICIENTS[key].quantities)}, which "
            "is not followed here.",
            remedy=f"Borrow one of {', '.join(sorted(judged))}.",
        )
    return NamedCoefficient(key=key, borrowed_because=because.strip())


def _repetitions(path: Path) -> tuple[Repetition, ...]:
    rows = tuple(repetitions_of(_rows(path), file=path.name))
    judged = {kind.name for kind in (*OF_LESIONS, *OF_PATIENT)}
    unknown = sorted({row.quantity for row in rows} - judged)
    if unknown or not rows:
        raise DataError(
            f"{path.name} has no row." if not rows else
            f"{path.name} names quantities that are not followed: {', '.join(unknown)}.",
            remedy=f"Quantities are {', '.join(sorted(judged))}.",
        )  # fmt: skip
    return rows


def read_overrides(path: Path, *, participant: str | None) -> Mapping[str, tuple[Override, ...]]:
    """Read what readers said, by participant.

    Parameters
    ----------
    path : Path
        CSV with ``before`` and ``after`` (``BASELINE/L03``: visit and the lesion's name there),
        ``relation`` (same, different, part), ``reader`` and ``reason``; ``participant`` where
        several are tracked.
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
                remedy="Add a column participant, or name the participant on the command line.",
            )
        if cells["relation"] not in {relation.value for relation in Relation}:
            raise DataError(
                f"{where}: the relation {cells['relation']!r} is not known.",
                remedy=f"Write one of {', '.join(Relation)}.",
            )
        found.setdefault(whose, []).append(
            Override(
                before=_sighting(cells["before"], where=where),
                after=_sighting(cells["after"], where=where),
                relation=Relation(cells["relation"]),
                reader=cells["reader"],
                reason=cells["reason"],
            )
        )
    return {whose: tuple(rows) for whose, rows in found.items()}


def _sighting(text: str, *, where: str) -> Sighting:
    visit, slash, name = text.rpartition("/")
    if not (visit and slash and name):
        raise DataError(
            f"{where}: {text!r} names no lesion of a visit.",
            remedy="Write the visit's code and the lesion's name there, such as BASELINE/L03.",
        )
    return Sighting(timepoint=TimepointCode(visit), name=LesionId(name))


def _rows(path: Path) -> Iterator[dict[str, str]]:
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(
            f"{path.name} is not UTF-8 text.", remedy="Save it as CSV in UTF-8."
        ) from None
    yield from csv.DictReader(text.splitlines())
