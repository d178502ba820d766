"""Lesions of a visit as files: DICOM SEG and SR, label map, tables, organs."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from operandi.domain.identity import LesionId
from operandi.imaging.dicom.measurement_report import PRIVATE_SCHEME, Evaluation, SegmentReference
from operandi.imaging.dicom.report_codes import LESION, PET_WHOLE_BODY
from operandi.imaging.dicom.reported_measurements import ReportedLesion, report_groups
from operandi.imaging.dicom.segmentation import (
    Segment,
    SegmentDescription,
    deterministic_uid,
)
from operandi.imaging.lesions.label_maps import write_label_map
from operandi.imaging.lesions.lesion_tables import (
    tabulated_lesion,
    write_lesion_table,
    write_measurement_table,
)
from operandi.imaging.lesions.lesion_version import LesionFate, LesionVersion
from operandi.imaging.lesions.organs import organ_code
from operandi.imaging.lesions.visit import LesionsOfVisit
from operandi.quantities.errors import DataError

_ALTERED: Final = ("49755003", "SCT", "Morphologically Altered Structure")
_ANATOMY: Final = ("123037004", "SCT", "Anatomical Structure")
_FLAG: Final = ("LESION-FLAG", PRIVATE_SCHEME, "To be looked at")
_CREATOR: Final = "Operandi"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredSeries:
    """The PET series as DICOM, which the objects refer to.

    Parameters
    ----------
    uid : str
        SeriesInstanceUID.
    files : tuple of Path
        Its slices.
    """

    uid: str
    files: tuple[Path, ...]


def lesion_uids(found: LesionsOfVisit, series: MeasuredSeries) -> Mapping[LesionId, str]:
    """TrackingUID of every lesion that was not tracked.

    The same series and the same voxels give the same UID; another border, another one, as L01 may
    then be another lesion.
    """
    drawn = _drawn(found)
    return {one.id: deterministic_uid("lesion", series.uid, drawn, one.id) for one in found.lesions}


def write_lesion_objects(
    folder: Path,
    found: LesionsOfVisit,
    series: MeasuredSeries,
    *,
    tracking_uids: Mapping[LesionId, str],
) -> tuple[Path, ...]:
    """Write all that other software reads of a visit's lesions; return the files.

    ``lesions.dcm`` (SEG), ``report.dcm`` (SR, TID 1500), ``lesions.nii.gz`` with its names in
    ``lesions.json``, ``lesions.csv``, ``measures.csv`` and ``organs.dcm`` (SEG). Without a lesion
    there is no ``lesions.dcm``, without an organ no ``organs.dcm``; of candidates there is no
    report, as a report would pass them off as lesions. Files of an earlier run that do not apply
    any more are removed.

    Of a corrected version the files are ``lesions.v2.dcm`` and so on, without ``organs.dcm``: they
    stand beside the earlier ones, and are never written over with other content.

    Parameters
    ----------
    folder : Path
        Exists.
    found : LesionsOfVisit
        What was found.
    series : MeasuredSeries
        On whose voxels.
    tracking_uids : mapping of LesionId to str
        Of every lesion: from ``lesion_uids``, of its track, or of the version.

    Raises
    ------
    DataError
        If the folder holds other content under the name of this corrected version.
    """
    if found.version is None:
        return _write_objects(folder, found, series, tracking_uids)
    with TemporaryDirectory(dir=folder, prefix=".version-") as unfinished:
        supersedes = folder / f"report{_suffix(found.version.number - 1)}.dcm"
        made = _write_objects(
            Path(unfinished), found, series, tracking_uids, supersedes=_existing(supersedes)
        )
        targets = [folder / path.name for path in made]
        for path, target in zip(made, targets, strict=True):
            if target.exists() and target.read_bytes() != path.read_bytes():
                raise DataError(
                    f"{folder.name} holds another {target.name}, which is not written over.",
                    remedy="Give every correction of this visit in one call, or write to another "
                    "folder.",
                )
        for path, target in zip(made, targets, strict=True):
            path.replace(target)
    return tuple(targets)


def _suffix(version: int) -> str:
    return f".v{version}" if version > 1 else ""


def versioned(name: str, found: LesionsOfVisit) -> str:
    """Name of a file as of the version: ``lesions.dcm``, corrected ``lesions.v2.dcm``."""
    stem, dot, ending = name.partition(".")
    return f"{stem}{_suffix(found.version.number) if found.version else ''}{dot}{ending}"


def _write_objects(
    folder: Path,
    found: LesionsOfVisit,
    series: MeasuredSeries,
    tracking_uids: Mapping[LesionId, str],
    *,
    supersedes: Sequence[Path] = (),
) -> tuple[Path, ...]:
    uids = tracking_uids
    lesions = write_lesion_segmentation(folder, found, series, tracking_uids=uids)
    organs = None
    if found.version is None:
        organs = _write_segments(
            folder / "organs.dcm",
            organ_segments(found),
            series,
            what="organs",
            drawn=_drawn_as(found, uids),
        )
    report = folder / versioned("report.dcm", found)
    report.unlink(missing_ok=True)
    if not found.are_candidates:
        write_lesion_report(folder, found, series, tracking_uids=uids, supersedes=supersedes)
    label_map, names, table, measures = (
        folder / versioned(name, found)
        for name in ("lesions.nii.gz", "lesions.json", "lesions.csv", "measures.csv")
    )
    write_label_map(label_map, found.lesions, found.suv.grid)
    write_lesion_table(
        table,
        [
            tabulated_lesion(
                one,
                participant=found.of.participant,
                timepoint=found.of.timepoint,
                tracking_uid=tracking_uids[one.id],
            )
            for one in found.lesions
        ],
    )
    write_measurement_table(measures, found.measures.measurements)
    every = (lesions, report, organs, label_map, names, table, measures)
    return tuple(path for path in every if path is not None and path.exists())


def write_lesion_segmentation(
    folder: Path,
    found: LesionsOfVisit,
    series: MeasuredSeries,
    *,
    tracking_uids: Mapping[LesionId, str],
) -> Path | None:
    """Write ``lesions.dcm`` (SEG); without a lesion there is none, and an earlier one is removed.

    Of a corrected version it is ``lesions.v2.dcm``, in the name of the reader.

    Parameters
    ----------
    folder, found, series, tracking_uids
        As of ``write_lesion_objects``.
    """
    return _write_segments(
        folder / versioned("lesions.dcm", found),
        lesion_segments(found, tracking_uids),
        series,
        what="lesions",
        drawn=_drawn_as(found, tracking_uids),
        version=found.version,
    )


def _write_segments(
    path: Path,
    segments: Sequence[Segment],
    series: MeasuredSeries,
    *,
    what: str,
    drawn: str,
    version: LesionVersion | None = None,
) -> Path | None:
    # Here, because highdicom, which writing needs, would cost every start a second.
    from operandi.imaging.dicom.segmentation_writing import write_segmentation  # noqa: PLC0415

    path.unlink(missing_ok=True)
    if not segments:
        return None
    said = f", version {version.number}" if version else ""
    write_segmentation(
        path,
        segments=segments,
        source_files=series.files,
        series_uid=deterministic_uid(f"{what} series{said}", series.uid),
        instance_uid=deterministic_uid(what, series.uid, drawn),
        description=f"Operandi {what}{said}",
        creator=version.reader if version else _CREATOR,
        algorithm=_CREATOR,
        content_at=version.at if version else None,
    )
    return path


def _drawn_as(found: LesionsOfVisit, tracking_uids: Mapping[LesionId, str]) -> str:
    drawn = f"{_drawn(found)} {' '.join(tracking_uids[one.id] for one in found.lesions)}"
    if found.version is None:
        return drawn
    # An unedited copy has the same voxels and is another object nevertheless.
    return f"{drawn} {found.version.number} {found.version.supersedes} {found.version.source}"


def _drawn(found: LesionsOfVisit) -> str:
    """Digest of the lesions' and organs' voxels and names, and of the numbers measured on them."""
    digest = hashlib.sha256()
    for one in found.segmented.lesions:
        edges = [edge.start for edge in one.box]
        digest.update(f"{one.id} {edges} {one.inside.shape} {one.flags}".encode())
        digest.update(one.inside.tobytes())
    for organ in found.organs.organs:
        digest.update(organ.name.encode())
        digest.update(organ.mask.inside.tobytes())
    for measurement in found.measures.measurements:
        digest.update(f"{measurement.id} {measurement.value!r} {measurement.absent}".encode())
    return digest.hexdigest()


def lesion_segments(
    found: LesionsOfVisit, tracking_uids: Mapping[LesionId, str]
) -> tuple[Segment, ...]:
    """Lesions as segments of a DICOM segmentation; candidates say so in their label."""
    said = " (candidate)" if found.are_candidates else ""
    by_hand = drawn_by_hand(found.versions)
    return tuple(
        Segment(
            SegmentDescription(
                number=number,
                label=f"{one.id}{said}",
                tracking_id=_tracking_id(found, one.id),
                tracking_uid=tracking_uids[one.id],
                category=_ALTERED,
                property_type=LESION,
                algorithm=by_hand.get(one.id, "AUTOMATIC"),
            ),
            one.mask,
        )
        for number, one in enumerate(found.lesions, start=1)
    )


def drawn_by_hand(versions: Sequence[LesionVersion]) -> dict[LesionId, str]:
    """SegmentAlgorithmType of lesions that readers drew (MANUAL) or changed (SEMIAUTOMATIC)."""
    found: dict[LesionId, str] = {}
    for version in versions:
        for edit in version.difference.edits if version.difference else ():
            if edit.fate is LesionFate.ADDED:
                found[edit.lesion] = "MANUAL"
            elif edit.fate is LesionFate.CHANGED:
                found.setdefault(edit.lesion, "SEMIAUTOMATIC")
    return found


def _tracking_id(found: LesionsOfVisit, lesion: LesionId) -> str:
    return " ".join(filter(None, (found.of.participant, found.of.timepoint, lesion)))


def organ_segments(found: LesionsOfVisit) -> tuple[Segment, ...]:
    """Organs as segments, which ``organ_map_from`` takes back after correction."""
    return tuple(
        Segment(
            SegmentDescription(
                number=number,
                label=one.name,
                tracking_id="",
                tracking_uid="",
                category=_ANATOMY,
                property_type=_organ_type(one.name),
                algorithm="AUTOMATIC",
            ),
            one.mask,
        )
        for number, one in enumerate(found.organs.organs, start=1)
    )


def _organ_type(name: str) -> tuple[str, str, str]:
    code = organ_code(name)
    if code:
        return code, "SCT", name.capitalize()
    return re.sub(r"[^A-Z]+", "-", name.upper())[:16], PRIVATE_SCHEME, name.capitalize()


def write_lesion_report(
    folder: Path,
    found: LesionsOfVisit,
    series: MeasuredSeries,
    *,
    tracking_uids: Mapping[LesionId, str],
    supersedes: Sequence[Path] = (),
) -> Path:
    """Write ``report.dcm`` (SR, TID 1500), which refers to the ``lesions.dcm`` beside it.

    Parameters
    ----------
    folder, found, series, tracking_uids
        As of ``write_lesion_objects``.
    supersedes : sequence of Path
        Reports of earlier versions.
    """
    from operandi.imaging.dicom.measurement_report_writing import (  # noqa: PLC0415
        write_measurement_report,
    )

    version = found.version
    path, drawn = folder / versioned("report.dcm", found), _drawn_as(found, tracking_uids)
    instance = deterministic_uid("lesions", series.uid, drawn)
    reported = {
        one.id: ReportedLesion(
            tracking_uid=tracking_uids[one.id],
            organ=one.organ,
            segment=SegmentReference(instance_uid=instance, number=number),
            evaluations=tuple(Evaluation(concept=_FLAG, value=str(flag)) for flag in one.flags),
        )
        for number, one in enumerate(found.segmented.lesions, start=1)
    }
    write_measurement_report(
        path,
        groups=report_groups(
            found.measures.measurements, lesions=reported, source_series_uid=series.uid
        ),
        source_files=series.files,
        segmentations=_existing(folder / versioned("lesions.dcm", found)),
        procedure=PET_WHOLE_BODY,
        series_uid=deterministic_uid("lesion report series", series.uid),
        instance_uid=deterministic_uid("lesion report", series.uid, drawn),
        description="Operandi lesions, measured",
        reader=version.reader if version else "",
        supersedes=supersedes,
        content_at=version.at if version else None,
    )
    return path


def _existing(path: Path) -> Sequence[Path]:
    return (path,) if path.exists() else ()
