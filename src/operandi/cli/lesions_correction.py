"""Corrections that ``operandi lesions`` is given: read, applied, written beside."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import typer

if TYPE_CHECKING:
    from operandi.domain.grid import Grid
    from operandi.domain.identity import LesionId
    from operandi.imaging.lesions.corrections.reading import LesionCorrection
    from operandi.imaging.lesions.visit import LesionsOfVisit
    from operandi.pipeline.lesion_objects import MeasuredSeries

_AUTOMATIC = (
    *("lesions.dcm", "report.dcm", "organs.dcm", "lesions.nii.gz", "lesions.json"),
    *("lesions.csv", "measures.csv", "page.html"),
)


def given_corrections(
    paths: Sequence[Path],
    *,
    to: Path,
    onto: "Grid",
    timezone: str,
    reader: str,
    corrected_at: str,
    confirmed: bool,
    patient_id: str,
) -> "tuple[LesionCorrection, ...]":
    """Read the files of ``--correction``.

    Parameters
    ----------
    paths : sequence of Path
        SEG or RTSTRUCT.
    to : Path
        Where versions are written: a correction that would be written over is refused.
    onto : Grid
        Of the PET.
    timezone : str
        Of times that state no offset; may be empty.
    reader, corrected_at : str
        Where the files do not say; may be empty.
    confirmed : bool
        Whether what is left are lesions.
    patient_id : str
        Of the PET.
    """
    from operandi.imaging.lesions.corrections.reading import DeclaredCorrection, read_correction
    from operandi.quantities.errors import DataError

    if not paths and (corrected_at or confirmed):
        raise typer.BadParameter("--corrected-at and --confirmed belong to --correction FILE")
    if corrected_at and len(paths) > 1:
        raise typer.BadParameter("--corrected-at is of one correction: give one --correction")
    at = None
    if corrected_at:
        try:
            at = datetime.fromisoformat(corrected_at)
        except ValueError:
            raise typer.BadParameter(
                f"--corrected-at {corrected_at!r}: write YYYY-MM-DDTHH:MM+01:00"
            ) from None
    written = {(to / name).resolve() for name in _AUTOMATIC}
    for path in paths:
        if path.resolve() in written:
            raise DataError(
                f"{path.name} lies where the automatic version is written, and would be lost.",
                remedy="Move it to another folder, or write to another one with --to.",
            )
    return tuple(
        read_correction(
            path,
            onto=onto,
            zone=ZoneInfo(timezone) if timezone else None,
            declared=DeclaredCorrection(reader=reader, at=at, confirmed=confirmed),
            patient_id=patient_id,
        )
        for path in paths
    )


def write_versions(
    to: Path,
    versions: "Sequence[LesionsOfVisit]",
    series: "MeasuredSeries",
    *,
    tracking_uids: "Mapping[LesionId, str]",
) -> tuple[Path, ...]:
    """Write the automatic version and every corrected one beside it; return the files."""
    from operandi.pipeline.lesion_objects import write_lesion_objects

    written: list[Path] = []
    for found in versions:
        uids = tracking_uids if found.version is None else dict(found.version.tracking_uids)
        written += write_lesion_objects(to, found, series, tracking_uids=uids)
    return tuple(written)


def versions_in_words(versions: "Sequence[LesionsOfVisit]") -> list[str]:
    """One sentence a correction."""
    from operandi.imaging.lesions.lesion_version import difference_in_words
    from operandi.pipeline.lesion_versions_page import version_words

    return [
        f"{version_words(found.version)}: {difference_in_words(found.version.difference)}."
        for found in versions
        if found.version is not None and found.version.difference is not None
    ]


def versions_not_shown(to: Path, versions: "Sequence[LesionsOfVisit]") -> str:
    """Say that versions of an earlier call lie in the folder; empty where none does."""
    shown = {f"lesions.v{number}.dcm" for number in range(2, len(versions) + 1)}
    others = sorted(path.name for path in to.glob("lesions.v*.dcm") if path.name not in shown)
    if not others:
        return ""
    return (
        f"{to.name} also holds {', '.join(others)} of an earlier call, which the page does not "
        "show: give its correction with --correction."
    )
