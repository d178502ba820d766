"""Write DICOM segmentation objects.

Apart from reading, because highdicom, which only writing needs, costs a second to import.
"""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import highdicom
import numpy as np
import numpy.typing as npt
import pydicom
from highdicom import seg as highdicom_seg
from pydicom.sr.coding import Code
from pydicom.uid import (
    RE_VALID_UID,
)
from pydicom.valuerep import DA, DS, DT, TM

from operandi import __version__
from operandi.domain.grid import Grid
from operandi.imaging.dicom.segmentation import (
    Segment,
    SegmentDescription,
    deterministic_uid,
    macro,
    resample_onto,
)
from operandi.imaging.dicom.source_series import (
    content_instant,
    source_grid,
    source_header,
)
from operandi.imaging.dicom.structure_set import plane_spacing_mm
from operandi.imaging.dicom.unheard_warnings import warnings_refused, warnings_unheard
from operandi.imaging.nifti import write_atomically
from operandi.quantities.errors import DataError


def write_segmentation(  # noqa: PLR0913 - seven facts that only the caller knows
    path: Path,
    *,
    segments: Sequence[Segment],
    source_files: Sequence[Path],
    series_uid: str,
    instance_uid: str,
    description: str,
    creator: str,
    algorithm: str = "",
    content_at: datetime | None = None,
) -> None:
    """Write masks as one BINARY segmentation of the series they were drawn on.

    Frames without a voxel inside are left out, save the first and last slice of the first
    segment, so that reading back gives the same masks on the same grid. The same arguments give
    the same bytes: content date and time are the source series' own. *path* holds either its old
    content or all of the new.

    Parameters
    ----------
    path : Path
        File to write.
    segments : sequence of Segment
        Numbered 1, 2, 3 ...; they may overlap. Each mask's voxels must coincide with the source
        series' voxels.
    source_files : sequence of Path
        Every slice of one static single-frame series, in any order.
    series_uid, instance_uid : str
        Of the segmentation; see :func:`deterministic_uid`.
    description : str
        Series and content description, up to 64 characters.
    creator : str
        Who or what drew the masks.
    algorithm : str
        Name of the algorithm of segments not drawn by hand; empty where it is *creator*.
    content_at : datetime, optional
        When they were drawn, with time zone, where that is not the source series' own time. Written
        in the source's offset from UTC where it states one, else in that of the zone.

    Raises
    ------
    DataError
        If a source file is damaged, or the source is not the complete, even stack of one series
        with a date and time.
    GridMismatchError
        If a mask does not lie on the source series' voxels.
    UnsupportedError
        If the source is multi-frame.
    """
    numbers = [segment.description.number for segment in segments]
    if not numbers or numbers != list(range(1, len(numbers) + 1)):
        raise ValueError("segments must be numbered 1, 2, 3 ... and there must be one")
    for uid in (series_uid, instance_uid):
        if not re.fullmatch(RE_VALID_UID, uid):
            raise ValueError(f"{uid!r} is no UID")
    headers = [source_header(file) for file in source_files]
    grid, order = source_grid(headers)
    headers = [headers[index] for index in order]
    masks = [resample_onto(segment.mask, grid).inside for segment in segments]
    described = [segment.description for segment in segments]
    identity = _Identity(
        series_uid, instance_uid, description, creator, algorithm or creator, content_at
    )
    write_atomically(path, _encoded(headers, grid, masks, described, identity))


@dataclass(frozen=True, slots=True)
class _Identity:
    """What the caller names a segmentation."""

    series_uid: str
    instance_uid: str
    description: str
    creator: str
    algorithm: str
    content_at: datetime | None


def _encoded(
    headers: Sequence[pydicom.Dataset],
    grid: Grid,
    masks: Sequence[npt.NDArray[np.bool_]],
    described: Sequence[SegmentDescription],
    identity: _Identity,
) -> bytes:
    """Bytes of the segmentation."""
    date, time = content_instant(headers[0], identity.content_at)
    content = io.BytesIO()
    try:
        with warnings_refused():
            segments = [_coded(item, identity.algorithm) for item in described]
        with warnings_unheard():
            planes, presence = _presence(masks)
            dataset = highdicom_seg.Segmentation(
                source_images=headers,
                pixel_array=presence,
                segmentation_type=highdicom_seg.SegmentationTypeValues.BINARY,
                segment_descriptions=segments,
                series_number=1000 + int(headers[0].get("SeriesNumber") or 0),
                instance_number=1,
                manufacturer="Operandi",
                manufacturer_model_name="Operandi",
                software_versions=__version__,
                device_serial_number="none",
                content_date=date,
                content_time=time,
                plane_positions=[_plane_position(headers[plane]) for plane in planes],
                omit_empty_frames=True,
                series_instance_uid=identity.series_uid,
                sop_instance_uid=identity.instance_uid,
                content_description=identity.description,
                series_description=identity.description,
                content_creator_name=_person_name(identity.creator),
            )
            _fill(dataset, masks, grid)
            _make_repeatable(dataset, date, time)
            if identity.content_at is not None and headers[0].get("TimezoneOffsetFromUTC"):
                dataset.TimezoneOffsetFromUTC = headers[0].TimezoneOffsetFromUTC
            pydicom.dcmwrite(content, dataset, enforce_file_format=True)
    except Exception as error:
        raise DataError(
            f"No segmentation of series {headers[0].SeriesInstanceUID} could be made: "
            f"{str(error).rstrip('.')}.",
            remedy="Correct the source series' header or the segments' description.",
        ) from error
    return content.getvalue()


def _person_name(text: str) -> str:
    """A name of one component ends with a caret (DICOM PS3.5, 6.2.1.2)."""
    return text if "^" in text else f"{text}^"


def _presence(
    masks: Sequence[npt.NDArray[np.bool_]],
) -> tuple[list[int], npt.NDArray[np.bool_]]:
    """Find the slices to write, and tell highdicom which frame of which segment exists there.

    A frame that exists is all True, in an array of (slices, rows, columns, segments) that takes
    no memory: thirty lesions of a whole-body scan would take gigabytes, and minutes where empty
    frames are made first and left out afterwards.
    """
    columns, rows, _ = masks[0].shape
    exists = np.stack([mask.any(axis=(0, 1)) for mask in masks], axis=-1)
    exists[[0, -1], 0] = True
    planes = np.flatnonzero(exists.any(axis=1))
    shape = (len(planes), rows, columns, len(masks))
    return planes.tolist(), np.broadcast_to(exists[planes][:, None, None, :], shape)


def _plane_position(header: pydicom.Dataset) -> highdicom.PlanePositionSequence:
    return highdicom.PlanePositionSequence(
        "PATIENT", [float(x) for x in header.ImagePositionPatient]
    )


def _coded(description: SegmentDescription, algorithm: str) -> highdicom_seg.SegmentDescription:
    """Segment as highdicom describes it."""
    manual = description.algorithm == "MANUAL"
    item = highdicom_seg.SegmentDescription(
        segment_number=description.number,
        segment_label=description.label,
        segmented_property_category=Code(*description.category),
        segmented_property_type=Code(*description.property_type),
        algorithm_type=highdicom_seg.SegmentAlgorithmTypeValues(description.algorithm),
        algorithm_identification=None
        if manual
        else highdicom.AlgorithmIdentificationSequence(
            name=algorithm, family=Code("123110", "DCM", "Artificial Intelligence"), version="1"
        ),
        tracking_uid=description.tracking_uid or None,
        tracking_id=description.tracking_id or None,
    )
    if not manual:
        # highdicom asks for family and version, the standard only for the name; we know no more.
        del item.SegmentationAlgorithmIdentificationSequence
    return item


def _fill(
    dataset: highdicom_seg.Segmentation, masks: Sequence[npt.NDArray[np.bool_]], grid: Grid
) -> None:
    """Put the voxels into the frames, and state what follows from them."""
    shared = dataset.SharedFunctionalGroupsSequence[0]
    frames = []
    for group in dataset.PerFrameFunctionalGroupsSequence:
        identified = macro("SegmentIdentificationSequence", group, shared, name="")
        plane = macro("PlanePositionSequence", group, shared, name="")
        k = round(grid.index_of(plane.ImagePositionPatient)[2])
        frames.append(masks[identified.ReferencedSegmentNumber - 1][:, :, k].T.ravel())
    packed = np.packbits(np.concatenate(frames), bitorder="little").tobytes()
    dataset.PixelData = packed + b"\0" * (len(packed) % 2)
    dataset.SegmentsOverlap = "YES" if _overlap(masks) else "NO"
    # The frames need not be the even stack that "3D" promises, and only the stated spacing says
    # how many are missing between them; highdicom takes it from the frames that are there.
    dataset.pop("DimensionOrganizationType", None)
    measures = shared.PixelMeasuresSequence[0]
    measures.SpacingBetweenSlices = DS(plane_spacing_mm(grid), auto_format=True)


def _overlap(masks: Sequence[npt.NDArray[np.bool_]]) -> bool:
    taken = np.zeros_like(masks[0])
    for mask in masks:
        if np.any(taken & mask):
            return True
        taken |= mask
    return False


def _make_repeatable(dataset: highdicom_seg.Segmentation, date: str, time: str) -> None:
    """Replace what highdicom takes from the clock and from chance."""
    dataset.InstanceCreationDate, dataset.InstanceCreationTime = DA(date), TM(time)
    organization = deterministic_uid(str(dataset.SOPInstanceUID), "dimension organization")
    dataset.DimensionOrganizationSequence[0].DimensionOrganizationUID = organization
    for dimension in dataset.DimensionIndexSequence:
        dimension.DimensionOrganizationUID = organization
    for equipment in dataset.ContributingEquipmentSequence:
        if "ContributionDateTime" in equipment:
            equipment.ContributionDateTime = DT(date + time)
