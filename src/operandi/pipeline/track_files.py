"""Tracked lesions as files: tables, and DICOM SEG and SR of each visit under the tracks' UIDs."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from operandi.imaging.dicom.files import FileRef, on_disk
from operandi.imaging.lesions.change_budget import BudgetItem
from operandi.imaging.lesions.track_changes import JudgedChange
from operandi.imaging.lesions.tracking.tracks import Tracks
from operandi.pipeline.atomic import atomic_write
from operandi.pipeline.lesion_objects import MeasuredSeries, write_lesion_objects
from operandi.pipeline.lesion_tracks import (
    ParticipantTracks,
    TrackedVisit,
    names_over_visits,
    under_tracked_names,
)
from operandi.pipeline.track_words import was_judged

_CHANGE_COLUMNS = (
    "participant",
    "lesion",
    "before",
    "after",
    "consecutive",
    "quantity",
    "unit",
    "value_before",
    "value_after",
    "change",
    "verdict",
    "limit_low",
    "limit_high",
    "p",
    "p_adjusted",
    *(f"standard_uncertainty_{item.name.lower()}" for item in BudgetItem),
    "reasons",
    "caveats",
)
_LESION_COLUMNS = (
    "participant",
    "timepoint",
    "lesion",
    "name_at_visit",
    "tracking_uid",
    "organ",
    "volume_ml",
    "event",
    "likeliest",
    "probability",
    "others",
    "reason",
)


def write_tracks(folder: Path, found: ParticipantTracks) -> tuple[Path, ...]:
    """Write the tables of a participant, and SEG and SR of every visit.

    ``P-014.csv`` has a row a change, ``P-014_lesions.csv`` a row a lesion and visit with the
    event; ``P-014/BASELINE/`` what :func:`write_lesion_objects` writes, under the names and
    TrackingUIDs over all visits.

    Parameters
    ----------
    folder : Path
        ``results/tracks``; made where missing.
    found : ParticipantTracks
        With or without visits.

    Returns
    -------
    tuple of Path
        The files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    who = found.participant.pseudonym
    changes, lesions = folder / f"{who}.csv", folder / f"{who}_lesions.csv"
    atomic_write(changes, _table(_CHANGE_COLUMNS, _changes(found)))
    atomic_write(lesions, _table(_LESION_COLUMNS, _lesions(found)))
    written = [changes, lesions]
    if found.tracks is not None:
        for visit in found.visits:
            written += _objects(folder / who / visit.timepoint, visit, found.tracks)
    return tuple(written)


def _objects(folder: Path, visit: TrackedVisit, tracks: Tracks) -> tuple[Path, ...]:
    source = visit.chosen.pet
    files = source.value if source is not None else None
    assert isinstance(files, tuple)  # noqa: S101 - a visit with lesions has a PET
    refs = tuple(one for one in files if isinstance(one, FileRef))
    uid = next(
        series.uid
        for series in visit.chosen.placed.series
        if any(instance.file == refs[0] for instance in series.instances)
    )
    folder.mkdir(parents=True, exist_ok=True)
    with on_disk(refs) as paths:
        return write_lesion_objects(
            folder,
            under_tracked_names(visit, tracks),
            MeasuredSeries(uid=uid, files=tuple(paths)),
            tracking_uids={track.id: track.tracking_uid for track in tracks.tracks},
        )


def _table(columns: tuple[str, ...], rows: Iterator[dict[str, str]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _changes(found: ParticipantTracks) -> Iterator[dict[str, str]]:
    for one in found.changes:
        verdict = one.verdict
        low, high = _limits(one)
        row = {
            "participant": found.participant.pseudonym,
            "lesion": one.lesion,
            "before": one.before,
            "after": one.after,
            "consecutive": "yes" if one.consecutive else "no",
            "quantity": verdict.before.kind.name,
            "unit": verdict.before.kind.unit,
            "value_before": _spelled(verdict.before.value),
            "value_after": _spelled(verdict.after.value),
            "change": _spelled(verdict.change),
            "verdict": str(verdict.verdict),
            "limit_low": low,
            "limit_high": high,
            "p": _spelled(verdict.p_value),
            "p_adjusted": _spelled(one.adjusted_p),
            "reasons": "; ".join(verdict.reasons),
            "caveats": "; ".join(verdict.caveats),
        }
        for term in verdict.budget.terms if verdict.budget else ():
            row[f"standard_uncertainty_{term.item.name.lower()}"] = _spelled(term.standard)
        yield row


def _limits(one: JudgedChange) -> tuple[str, str]:
    if one.verdict.budget is None or not was_judged(one):
        return "", ""
    low, high = one.verdict.budget.limits
    return _spelled(low), _spelled(high)


def _lesions(found: ParticipantTracks) -> Iterator[dict[str, str]]:
    if found.tracks is None:
        return
    uids = {track.id: track.tracking_uid for track in found.tracks.tracks}
    for visit in found.visits:
        own = {tracked: name for name, tracked in names_over_visits(visit, found.tracks).items()}
        drawn = {lesion.id: lesion for lesion in visit.found.lesions}
        for event in found.tracks.events:
            if event.timepoint != visit.timepoint or event.modality != "PET":
                continue
            name = own.get(event.lesion)
            lesion = drawn[name] if name is not None else None
            yield {
                "participant": found.participant.pseudonym,
                "timepoint": visit.timepoint,
                "lesion": event.lesion,
                "name_at_visit": name or "",
                "tracking_uid": uids[event.lesion],
                "organ": lesion.organ if lesion else "",
                "volume_ml": _spelled(lesion.mask.volume_ml) if lesion else "",
                "event": str(event.kind),
                "likeliest": str(event.likeliest),
                "probability": _spelled(event.probability),
                "others": " ".join(event.others),
                "reason": event.reason,
            }


def _spelled(value: float | None) -> str:
    return "" if value is None else repr(float(value))
