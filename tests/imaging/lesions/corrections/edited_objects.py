"""Edited objects as other programs write them, element by element, without our own writer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.uid import ExplicitVRLittleEndian, RTStructureSetStorage

from operandi.domain.grid import Grid
from tests.imaging.dicom.test_segmentation import a_code, a_segmentation

Voxels = npt.NDArray[np.bool_]
ALTERED = ("49755003", "SCT", "Morphologically Altered Structure")
ANATOMY = ("123037004", "SCT", "Anatomical Structure")
TISSUE = ("85756007", "SCT", "Tissue")
LESION = ("52988006", "SCT", "Lesion")
READER = "Doe^Jane"
EDITED = {
    "ContentCreatorName": READER,
    "ContentDate": "20260301",
    "ContentTime": "101500",
    "PatientID": "OP-001",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EditedSegment:
    """A segment as a program wrote it."""

    label: str
    inside: Voxels
    uid: str = ""
    category: tuple[str, str, str] = ALTERED
    kind: tuple[str, str, str] = LESION


def write_seg(
    path: Path,
    grid: Grid,
    segments: Sequence[EditedSegment],
    *,
    kind: str = "BINARY",
    header: Mapping[str, str] | None = None,
) -> Path:
    """A SEG with frames only where a segment has voxels."""
    step = grid.spacing_mm[2]
    full = {"BINARY": 1, "FRACTIONAL": 255}
    frames = [
        (number, k * step, one.inside[:, :, k].T.astype(np.uint8) * full.get(kind, number))
        for number, one in enumerate(segments, start=1)
        for k in np.flatnonzero(one.inside.any(axis=(0, 1))).tolist()
    ]
    dataset = a_segmentation(
        frames, kind=kind, described=range(1, len(segments) + 1), step=step, grid=grid
    )
    dataset.FrameOfReferenceUID = grid.frame_of_reference
    for item, one in zip(dataset.SegmentSequence, segments, strict=True):
        item.SegmentLabel = one.label
        item.SegmentedPropertyCategoryCodeSequence = a_code(*one.category)
        item.SegmentedPropertyTypeCodeSequence = a_code(*one.kind)
        if one.uid:
            item.TrackingUID, item.TrackingID = one.uid, one.label
    for keyword, value in (EDITED if header is None else header).items():
        setattr(dataset, keyword, value)
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)
    return path


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EditedContours:
    """A region of squares: corners in voxel indices, at each of the depths."""

    name: str
    low: tuple[float, float]
    high: tuple[float, float]
    depths: tuple[float, ...]
    geometry: str = "CLOSED_PLANAR"
    interpreted: str = ""


def write_rtstruct(
    path: Path,
    grid: Grid,
    regions: Sequence[EditedContours],
    *,
    frame: str = "",
    header: Mapping[str, str] | None = None,
) -> Path:
    """An RTSTRUCT of regions drawn parallel to the slices of a grid."""
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = RTStructureSetStorage
    dataset.SOPInstanceUID = "2.25.77"
    dataset.Modality = "RTSTRUCT"
    dataset.StructureSetROISequence, dataset.ROIContourSequence = [], []
    dataset.RTROIObservationsSequence = []
    for number, one in enumerate(regions, start=1):
        region, drawn, seen = (pydicom.Dataset() for _ in range(3))
        region.ROINumber = drawn.ReferencedROINumber = seen.ReferencedROINumber = number
        region.ROIName = one.name
        region.ReferencedFrameOfReferenceUID = frame or grid.frame_of_reference
        seen.RTROIInterpretedType = one.interpreted
        drawn.ContourSequence = [_square(one, grid, depth) for depth in one.depths]
        dataset.StructureSetROISequence.append(region)
        dataset.ROIContourSequence.append(drawn)
        dataset.RTROIObservationsSequence.append(seen)
    stated = {
        "OperatorsName": READER,
        "StructureSetDate": "20260301",
        "StructureSetTime": "101500",
        "PatientID": "OP-001",
    }
    for keyword, value in (stated if header is None else header).items():
        setattr(dataset, keyword, value)
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)
    return path


def _square(one: EditedContours, grid: Grid, depth: float) -> pydicom.Dataset:
    (a, b), (c, d) = one.low, one.high
    corners = [(a, b, depth), (c, b, depth), (c, d, depth), (a, d, depth)]
    if one.geometry == "POINT":
        corners = corners[:1]
    contour = pydicom.Dataset()
    contour.ContourGeometricType = one.geometry
    contour.NumberOfContourPoints = len(corners)
    contour.ContourData = [
        f"{x:.3f}" for x in grid.position_of(np.array(corners, np.float64)).ravel()
    ]
    return contour
