"""Elements and files: Explicit VR Little Endian, byte-identical for equal input.

What the slices of a series share is encoded once and cut where a slice's own elements go; a slice
adds these and its pixels. Identifiers follow from what they name, and no clock is read, so the same
study gives the same bytes.
"""

import io
import struct
from bisect import bisect
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.filewriter import dcmwrite
from pydicom.sr.coding import Code
from pydicom.uid import ExplicitVRLittleEndian
from pydicom.valuerep import format_number_as_ds

from operandi.imaging.dicom.segmentation import deterministic_uid
from operandi.quantities.errors import DataError


class Private(NamedTuple):
    """A vendor's own element: its creator, group, low byte of the element and VR."""

    creator: str
    group: int
    offset: int
    vr: str


Own = dict[str | Private, str | int | float]
"""What sets a slice apart from its series, by keyword: text, or a number where the VR is one."""

_CHARACTER_SET: Final = "ISO_IR 192"
_NUMBERS: Final = {"US": "<H", "SS": "<h", "FL": "<f", "FD": "<d"}
_IMPLEMENTATION: Final = deterministic_uid("operandi", "implementation")
_BLOCK: Final = 0x10
"""Private blocks are the first of their group, as scanners write them."""


def add_private(ds: Dataset, private: Private, value: Any) -> None:
    """Add a private element and, before the first of its block, the creator's."""
    block = ds.private_block(private.group, private.creator, create=True)
    block.add_new(private.offset, private.vr, value)


def write_slices(
    folder: Path, shared: Dataset, slices: Sequence[tuple[Own, bytes]]
) -> tuple[Path, ...]:
    """Write one file for each slice's own elements and pixels.

    Parameters
    ----------
    folder : Path
        Made where it does not exist.
    shared : Dataset
        What all slices have in common.
    slices : sequence of (Own, bytes)
        Every slice states the same elements of its own.

    Raises
    ------
    DataError
        If the folder cannot be made or a file cannot be written; the message names it.
    """
    own = slices[0][0]
    for key in own:
        if isinstance(key, Private):
            shared.private_block(key.group, key.creator, create=True)
    tags = sorted((*own, "SOPInstanceUID", "InstanceNumber"), key=lambda key: _tag_and_vr(key)[0])
    pieces = _cut(shared, [_tag_and_vr(key)[0] for key in tags])
    paths = []
    with refusing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for number, (own, pixels) in enumerate(slices, start=1):
        uid = deterministic_uid(shared.SeriesInstanceUID, str(number))
        values = {**own, "SOPInstanceUID": uid, "InstanceNumber": str(number)}
        content = [_preamble(shared.SOPClassUID, uid), pieces[0]]
        for key, piece in zip(tags, pieces[1:], strict=True):
            content += (packed(key, values[key]), piece)
        content += (struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OW", 0, len(pixels)), pixels)
        path = folder / f"{number:04d}.dcm"
        with refusing(path):
            path.write_bytes(b"".join(content))
        paths.append(path)
    return tuple(paths)


@contextmanager
def refusing(path: Path) -> Iterator[None]:
    """Turn what the disk refuses into a sentence that names the path.

    Raises
    ------
    DataError
        If the folder cannot be made or the file cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise DataError(
            f"{path} cannot be written: {error.strerror or error}.",
            remedy="Give a folder that can be written, on a disk with room.",
        ) from error


def _cut(shared: Dataset, tags: Sequence[int]) -> list[bytes]:
    """Encode what slices share, cut at the places of *tags*, which it may hold too."""
    parts = [Dataset() for _ in range(len(tags) + 1)]
    for element in shared:
        if element.tag not in tags:
            parts[bisect(tags, element.tag)].add(element)
    first, *others = (_encoded(part) for part in parts)
    return [packed("SpecificCharacterSet", _CHARACTER_SET) + first, *others]


def _preamble(sop_class: str, uid: str) -> bytes:
    """128 empty bytes, ``DICM`` and the file meta information."""
    meta = b"".join(
        (
            struct.pack("<HH2sHI2s", 2, 1, b"OB", 0, 2, b"\0\1"),
            packed("MediaStorageSOPClassUID", sop_class),
            packed("MediaStorageSOPInstanceUID", uid),
            packed("TransferSyntaxUID", ExplicitVRLittleEndian),
            packed("ImplementationClassUID", _IMPLEMENTATION),
            packed("ImplementationVersionName", "OPERANDI"),
        )
    )
    return bytes(128) + b"DICM" + struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(meta)) + meta


def _encoded(part: Dataset) -> bytes:
    """Encode elements without the character set, which must stand among them to be encoded."""
    part.SpecificCharacterSet = _CHARACTER_SET
    buffer = io.BytesIO()
    dcmwrite(buffer, part, implicit_vr=False, little_endian=True)
    return buffer.getvalue().removeprefix(packed("SpecificCharacterSet", _CHARACTER_SET))


@cache
def _tag_and_vr(key: str | Private) -> tuple[int, str]:
    if isinstance(key, Private):
        return key.group << 16 | _BLOCK << 8 | key.offset, key.vr
    return tag_for_keyword(key) or 0, dictionary_VR(key)


def packed(key: str | Private, value: str | float) -> bytes:
    """Encode an element of a short VR; text must be ASCII. Fifty times as fast as pydicom."""
    tag, vr = _tag_and_vr(key)
    content = value.encode("ascii") if isinstance(value, str) else struct.pack(_NUMBERS[vr], value)
    if len(content) % 2:
        content += b"\0" if vr == "UI" else b" "
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr.encode(), len(content)) + content


def coded(code: Code) -> Dataset:
    """Item of a code sequence."""
    ds = Dataset()
    ds.CodeValue = code.value
    ds.CodingSchemeDesignator = code.scheme_designator
    ds.CodeMeaning = code.meaning
    return ds


def date_and_time(instant: datetime) -> tuple[str, str]:
    """DA and TM of an instant, in its own offset."""
    return instant.strftime("%Y%m%d"), instant.strftime("%H%M%S.%f")


def decimals(*numbers: float) -> list[str]:
    """Decimal strings."""
    # Adding zero turns -0.0 into 0.0.
    return [format_number_as_ds(float(number) + 0.0) for number in numbers]


def joined(values: Iterable[object]) -> str:
    """Several values of one element."""
    return "\\".join(map(str, values))
