"""What the header of an edited DICOM SEG or RTSTRUCT says of who made it, when and of whom."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pydicom
from pydicom.multival import MultiValue
from pydicom.uid import RTStructureSetStorage, SegmentationStorage

from operandi.imaging.dicom.structure_set import refusing_malformed
from operandi.quantities.errors import DataError

PERSONS: Final = ("ContentCreatorName", "ReviewerName", "OperatorsName")
"""Attributes that may name who edited, in the order in which they count."""

_SEGMENTATIONS: Final = frozenset({str(SegmentationStorage), "1.2.840.10008.5.1.4.1.1.66.7"})
"""Segmentation Storage and Label Map Segmentation Storage."""

_TIMES: Final = (
    *("ContentDate", "ContentTime", "StructureSetDate", "StructureSetTime"),
    "TimezoneOffsetFromUTC",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EditedHeader:
    """Of one file.

    Parameters
    ----------
    is_contours : bool
        RTSTRUCT; else SEG.
    patient_id : str
        Empty where the file states none.
    persons : tuple of (str, str)
        Attribute and name, as stated, in the order of ``PERSONS``; blank ones are left out.
    times : mapping of str to str
        Dates, times and the offset from UTC that are there, by attribute.
    region_types : mapping of int to str
        RTROIInterpretedType in capitals by ROINumber.
    """

    is_contours: bool
    patient_id: str
    persons: tuple[tuple[str, str], ...]
    times: Mapping[str, str]
    region_types: Mapping[int, str]


def read_edited_header(path: Path) -> EditedHeader:
    """Read the header of an edited object.

    Raises
    ------
    DataError
        If the file is damaged, or neither SEG nor RTSTRUCT.
    """
    with refusing_malformed(path):
        header = pydicom.dcmread(path, stop_before_pixels=True)
    is_contours = header.get("SOPClassUID") == RTStructureSetStorage
    if not is_contours and header.get("SOPClassUID") not in _SEGMENTATIONS:
        raise DataError(
            f"{path.name} is neither a DICOM SEG nor an RTSTRUCT: its SOPClassUID is "
            f"{header.get('SOPClassUID')}.",
            remedy="Export the corrected lesions as DICOM SEG.",
        )
    return EditedHeader(
        is_contours=is_contours,
        patient_id=str(header.get("PatientID") or "").strip(),
        persons=tuple(
            (keyword, text) for keyword in PERSONS for text in _names(header.get(keyword))
        ),
        times={keyword: str(value) for keyword in _TIMES if (value := header.get(keyword))},
        region_types={
            int(item.get("ReferencedROINumber", -1)): str(item.get("RTROIInterpretedType") or "")
            .strip()
            .upper()
            for item in header.get("RTROIObservationsSequence") or ()
        },
    )


def _names(value: object) -> list[str]:
    """Persons' names without ideographic parts and empty components."""
    stated = value if isinstance(value, MultiValue) else [value]
    names = (re.sub(r"\s+", " ", str(one or "").partition("=")[0]).strip(" ^") for one in stated)
    return [name for name in names if name]
