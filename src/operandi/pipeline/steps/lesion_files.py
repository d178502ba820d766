"""The step that writes the lesions of a visit as DICOM SEG and SR."""

from pathlib import Path
from tempfile import TemporaryDirectory

from operandi.imaging.dicom.files import FileRef, on_disk
from operandi.imaging.dicom.index import series_of
from operandi.imaging.lesions.tracking.tracks import Tracks
from operandi.imaging.pet.suv import Suv
from operandi.pipeline.lesion_objects import (
    MeasuredSeries,
    write_lesion_report,
    write_lesion_segmentation,
)
from operandi.pipeline.lesion_results import LesionObjects
from operandi.pipeline.steps.lesions import KeptLesions, named_over_visits


def lesion_files(suv: Suv, found: KeptLesions, files: tuple[FileRef, ...]) -> LesionObjects:
    """Write the lesions of a visit under their names over all visits.

    Candidates are not written: a viewer would show a kidney as a lesion.

    Parameters
    ----------
    suv : Suv
        The PET.
    found : KeptLesions
        Under the names over all visits.
    files : tuple of FileRef
        The PET series, to which the objects refer.
    """
    if found.are_candidates:
        return LesionObjects(segmentation=b"", report=b"")
    lesions = found.on(suv)
    with TemporaryDirectory() as folder, on_disk(files) as sources:
        series = MeasuredSeries(uid=series_of(files[:1]).uid, files=tuple(sources))
        place = Path(folder)
        drawn = write_lesion_segmentation(place, lesions, series, tracking_uids=found.tracking_uids)
        report = write_lesion_report(place, lesions, series, tracking_uids=found.tracking_uids)
        return LesionObjects(
            version=lesions.version.number if lesions.version else 1,
            segmentation=drawn.read_bytes() if drawn is not None else b"",
            report=report.read_bytes(),
        )


def found_lesion_files(
    suv: Suv,
    found: KeptLesions,
    _corrected: KeptLesions,
    tracks: Tracks,
    files: tuple[FileRef, ...],
) -> LesionObjects:
    """Write what was found before a reader corrected it, under the names over all visits.

    Parameters
    ----------
    suv : Suv
        The PET.
    found : KeptLesions
        As found, under the visit's own names.
    _corrected : KeptLesions
        What the reader made of it. Where that is refused, no lesion of the visit has a name.
    tracks : Tracks
        Of the corrected lesions; what readers removed has a name there as well.
    files : tuple of FileRef
        As of ``lesion_files``.
    """
    return lesion_files(suv, named_over_visits(found, tracks), files)
