"""The image series that a segmentation, report or map is derived from."""

import dataclasses
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
import pydicom

from operandi.domain.grid import Grid
from operandi.imaging.dicom.segmentation import lattice, planes_of
from operandi.imaging.dicom.structure_set import refusing_malformed
from operandi.quantities.errors import DataError, UnsupportedError

_NEEDED_OF_SOURCE: Final = (
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SOPInstanceUID",
    "SOPClassUID",
    "Modality",
    "Rows",
    "Columns",
    "PixelSpacing",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "FrameOfReferenceUID",
)
_MAY_BE_EMPTY: Final = (
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyID",
    "StudyDate",
    "StudyTime",
)
"""DICOM type 2: de-identification often removes what it should empty."""


def source_header(file: Path) -> pydicom.Dataset:
    """Header of one slice that an object is to be derived from.

    Raises
    ------
    DataError
        If the file is damaged or lacks what its successors must repeat.
    UnsupportedError
        If it is multi-frame.
    """
    with refusing_malformed(file):
        header = pydicom.dcmread(file, stop_before_pixels=True)
        if "NumberOfFrames" in header or "SharedFunctionalGroupsSequence" in header:
            raise UnsupportedError(f"{file.name} is multi-frame: needed one file for each slice.")
        for keyword in _NEEDED_OF_SOURCE:
            if not header.get(keyword):
                raise DataError(f"{file.name} has no {keyword}.")
        for keyword in _MAY_BE_EMPTY:
            header.setdefault(keyword, "")
        return header


def source_grid(headers: Sequence[pydicom.Dataset]) -> tuple[Grid, list[int]]:
    """Grid of a complete series, and the order of its files from slice to slice.

    Raises
    ------
    DataError
        If the headers are not one complete, even stack.
    """
    series = {str(header.SeriesInstanceUID) for header in headers}
    layouts = {(header.Columns, header.Rows, header.FrameOfReferenceUID) for header in headers}
    name = f"Source series {', '.join(sorted(series))}"
    if len(series) != 1 or len(layouts) != 1:
        raise DataError(
            f"{name} was to be one series of one size and frame of reference, in {len(headers)} "
            f"files."
        )
    columns, rows, frame_of_reference = layouts.pop()
    planes = planes_of(
        positions=[header.ImagePositionPatient for header in headers],
        orientations=[header.ImageOrientationPatient for header in headers],
        measures=headers,
        name=name,
    )
    if len(headers) > 1:
        # All slices are here: their positions tell the distance, whatever is stated.
        planes = dataclasses.replace(planes, stated_step=None, thickness=None)
    grid, slices = lattice(
        planes, in_plane=(columns, rows), frame_of_reference=str(frame_of_reference), name=name
    )
    if sorted(slices) != list(range(grid.shape[2])):
        raise DataError(
            f"{name} has {len(headers)} files for {grid.shape[2]} slice positions.",
            remedy="Give each slice of one static image once.",
        )
    return grid, [int(index) for index in np.argsort(slices)]


def series_instant(header: pydicom.Dataset) -> tuple[str, str]:
    """Date and time of the series, for want of a clock that would differ in each run.

    Raises
    ------
    DataError
        If the header states none.
    """
    for event in ("Series", "Acquisition", "Content", "Study"):
        date, time = header.get(f"{event}Date"), header.get(f"{event}Time")
        if date and time:
            return str(date), str(time)
    raise DataError(
        f"Source series {header.SeriesInstanceUID} states no date and time.",
        remedy="Keep, or shift, SeriesDate and SeriesTime when de-identifying.",
    )


def content_instant(header: pydicom.Dataset, at: datetime | None) -> tuple[str, str]:
    """Date and time of what was made of a series: *at*, else the series' own.

    Times of one object share one offset from UTC: *at* is told in the header's where it states one,
    else in that of its own zone.

    Raises
    ------
    DataError
        If there is neither.
    """
    if at is None:
        return series_instant(header)
    stated = str(header.get("TimezoneOffsetFromUTC") or "")
    local = at.astimezone(datetime.strptime(stated, "%z").tzinfo) if stated else at
    return f"{local:%Y%m%d}", f"{local:%H%M%S.%f}"
