"""Lesions of a visit as files: DICOM SEG and SR, label map, tables, organs."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
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
from operandi.imaging.lesions.organs import organ_code
from operandi.imaging.lesions.visit import LesionsOfVisit

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

    Parameters
    ----------
    folder : Path
        Exists.
    found : LesionsOfVisit
        What was found.
    series : MeasuredSeries
        On whose voxels.
    tracking_uids : mapping of LesionId to str
        Of every lesion: from ``lesion_uids``, or of its track.
    """
    # Here, because highdicom, which writing needs, would cost every start a second.
    from operandi.imaging.dicom.segmentation_writing import write_segmentation  # noqa: PLC0415

    lesions, report, organs = (
        folder / name for name in ("lesions.dcm", "report.dcm", "organs.dcm")
    )
    drawn = f"{_drawn(found)} {' '.join(tracking_uids[one.id] for one in found.lesions)}"
    for path, segments, what in (
        (lesions, lesion_segments(found, tracking_uids), "lesions"),
        (organs, organ_segments(found), "organs"),
    ):
        path.unlink(missing_ok=True)
        if segments:
            write_segmentation(
                path,
                segments=segments,
                source_files=series.files,
                series_uid=deterministic_uid(f"{what} series", series.uid),
                instance_uid=deterministic_uid(what, series.uid, drawn),
                description=f"Operandi {what}",
                creator=_CREATOR,
            )
    report.unlink(missing_ok=True)
    if not found.are_candidates:
        _write_report(report, found, series, tracking_uids, drawn=drawn)
    label_map, table, measures = (
        folder / name for name in ("lesions.nii.gz", "lesions.csv", "measures.csv")
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
    every = (lesions, report, organs, label_map, folder / "lesions.json", table, measures)
    return tuple(path for path in every if path.exists())


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
    return tuple(
        Segment(
            SegmentDescription(
                number=number,
                label=f"{one.id}{said}",
                tracking_id=_tracking_id(found, one.id),
                tracking_uid=tracking_uids[one.id],
                category=_ALTERED,
                property_type=LESION,
                algorithm="AUTOMATIC",
            ),
            one.mask,
        )
        for number, one in enumerate(found.lesions, start=1)
    )


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


def _write_report(
    path: Path,
    found: LesionsOfVisit,
    series: MeasuredSeries,
    tracking_uids: Mapping[LesionId, str],
    *,
    drawn: str,
) -> None:
    from operandi.imaging.dicom.measurement_report_writing import (  # noqa: PLC0415
        write_measurement_report,
    )

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
        segmentations=_existing(path.with_name("lesions.dcm")),
        procedure=PET_WHOLE_BODY,
        series_uid=deterministic_uid("lesion report series", series.uid),
        instance_uid=deterministic_uid("lesion report", series.uid, drawn),
        description="Operandi lesions, measured",
    )


def _existing(path: Path) -> Sequence[Path]:
    return (path,) if path.exists() else ()
