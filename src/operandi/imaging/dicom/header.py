"""DICOM headers as plain values, fast.

A header is a mapping from DICOM keyword to plain Python values, so that no other room needs a
DICOM library. Only the attributes in :mod:`operandi.imaging.dicom.attributes` are read. A scanner
steps over the elements of ordinary files without interpreting what nobody asked for; where a file
is irregular, pydicom finds the elements. Both decode values in the same place (decision 0003).
"""

import hashlib
import io
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from operandi.imaging.dicom.attributes import (
    ORPHANS,
    PRIVATE,
    PRIVATE_GROUPS,
    SEQUENCES,
    WANTED,
)
from operandi.imaging.dicom.unheard_warnings import warnings_unheard
from operandi.imaging.dicom.values import BINARY_VRS, LONG_VRS, SHORT_VRS, value_of
from operandi.quantities.errors import DataError

Header = Mapping[str, Any]
"""Keyword to plain value: str, int, float, bytes, tuples of these, tuples of nested headers."""

IMPLICIT_LITTLE_ENDIAN: Final = "1.2.840.10008.1.2"
EXPLICIT_LITTLE_ENDIAN: Final = "1.2.840.10008.1.2.1"
DEFLATED: Final = "1.2.840.10008.1.2.1.99"
EXPLICIT_BIG_ENDIAN: Final = "1.2.840.10008.1.2.2"

UNDEFINED_LENGTH: Final = 0xFFFFFFFF
PIXEL_KEYWORDS: Final = {
    0x7FE00008: "FloatPixelData",
    0x7FE00009: "DoubleFloatPixelData",
    0x7FE00010: "PixelData",
}
_PIXEL_VRS: Final = frozenset((b"OB", b"OW", b"OF", b"OD"))
_ITEM: Final = 0xFFFEE000
_ITEM_END: Final = 0xFFFEE00D
_SEQUENCE_END: Final = 0xFFFEE0DD
_MAX_DEPTH: Final = 24

_MAX_INFLATION: Final = 500
"""Beyond this ratio a deflated file is refused: it must not fill the memory."""


class NotDicomError(Exception):
    """The bytes are not a DICOM file; nothing is wrong with them."""


class NeedMoreBytesError(Exception):
    """The header goes on beyond the bytes at hand."""


class IrregularError(Exception):
    """The scanner met what it does not read; pydicom decides."""


class _Encoding(NamedTuple):
    """How elements are written."""

    implicit: bool
    little: bool
    head: Callable[[bytes, int], tuple[Any, ...]]  # group, element, [VR,] length
    long: Callable[[bytes, int], tuple[Any, ...]]
    item: Callable[[bytes, int], tuple[Any, ...]]


def _encoding(*, implicit: bool, little: bool) -> _Encoding:
    order = "<" if little else ">"
    head, long, item = (
        struct.Struct(order + code).unpack_from
        for code in ("HHI" if implicit else "HH2sH", "I", "HHI")
    )
    return _Encoding(implicit, little, head, long, item)


_IMPLICIT: Final = _encoding(implicit=True, little=True)
_EXPLICIT: Final = _encoding(implicit=False, little=True)
_ENCODINGS: Final = {
    IMPLICIT_LITTLE_ENDIAN: _IMPLICIT,
    EXPLICIT_BIG_ENDIAN: _encoding(implicit=False, little=False),
}
"""Every other transfer syntax writes its elements as Explicit VR Little Endian."""


def parse_header(data: bytes, *, complete: bool, name: str) -> dict[str, Any]:
    """Read the wanted attributes from the first bytes of a file.

    Parameters
    ----------
    data : bytes
        The start of the file, or all of it.
    complete : bool
        Whether *data* is the whole file.
    name : str
        File name for the refusal.

    Returns
    -------
    dict
        Keyword to value, plus ``TransferSyntaxUID``, ``MediaStorageSOPClassUID`` where stated and,
        where there are pixels, ``PixelDataKeyword``, ``PixelDataVR`` ("OW" where none is written),
        ``PixelDataOffset`` and ``PixelDataLength`` (bytes; ``UNDEFINED_LENGTH`` if encapsulated),
        counted in the inflated data set if the file is deflated.

    Raises
    ------
    NotDicomError
        If these bytes are not DICOM.
    NeedMoreBytesError
        If the header does not end within *data* and the file goes on.
    DataError
        If the file is DICOM but damaged.
    """
    meta, start = _file_meta(data)
    syntax = meta["TransferSyntaxUID"]
    if syntax == DEFLATED:
        if not complete:
            raise NeedMoreBytesError
        data, start = inflated(data, name=name), 0
    encoding = _ENCODINGS.get(syntax, _EXPLICIT)
    try:
        header = _scan(data, start, encoding)
    except NeedMoreBytesError:
        if not complete:
            raise
        raise DataError(
            f"{name} is truncated: its header runs past the end of the file.",
            remedy="Export the file again.",
        ) from None
    except (IrregularError, struct.error, ValueError):
        if not complete:
            raise NeedMoreBytesError from None
        header = _by_pydicom(data, start, encoding, name=name)
    if not complete and "PixelDataKeyword" not in header:
        raise NeedMoreBytesError  # an element may begin where the bytes end
    if data[128:132] != b"DICM" and not {"SOPClassUID", "Modality"} & header.keys():
        raise NotDicomError
    if encoding.implicit and header.get("PixelRepresentation") == 1:
        header |= {k: _signed(header[k]) for k in _SIGNED_LIKE_PIXELS if k in header}
    return header | meta


_SIGNED_LIKE_PIXELS: Final = ("PixelPaddingValue", "PixelPaddingRangeLimit")
"""PS3.5 A.1: where no VR is written, these are US or SS as PixelRepresentation says."""


def _signed(value: Any) -> Any:
    return value - 0x10000 if isinstance(value, int) and value >= 0x8000 else value


def inflated(data: bytes, *, name: str) -> bytes:
    """Return the data set of a deflated file as Explicit VR Little Endian.

    Raises
    ------
    DataError
        If it is damaged, or would inflate to more than 500 times its size.
    """
    _, start = _file_meta(data)
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        result = inflater.decompress(data[start:], (1 << 20) + len(data) * _MAX_INFLATION)
    except zlib.error as error:
        raise DataError(
            f"{name} is deflated and damaged: {error}.", remedy="Export the file again."
        ) from None
    if not inflater.eof:
        raise DataError(
            f"{name} is deflated and truncated, or inflates without end.",
            remedy="Export the file again.",
        )
    return result


def content_digest(data: bytes) -> bytes:
    """SHA-256 of a file's transfer syntax and data set, for telling copies from contradictions.

    Archives rewrite the preamble and the file meta information; the image is the same.
    """
    try:
        meta, start = _file_meta(data)
    except (NotDicomError, NeedMoreBytesError):
        meta, start = {"TransferSyntaxUID": ""}, 0
    return hashlib.sha256(meta["TransferSyntaxUID"].encode() + b"\0" + data[start:]).digest()


def _file_meta(data: bytes) -> tuple[dict[str, str], int]:
    """Read what counts of the file meta information and find where the data set starts."""
    if data[128:132] == b"DICM":
        position = 132
    elif data[:4] == b"DICM":
        position = 4
    elif _looks_like_elements(data):
        position = 0
    else:
        raise NotDicomError
    meta = {}
    while data[position : position + 2] == b"\x02\x00":  # group 2 is always explicit little endian
        if position + 12 > len(data):
            raise NeedMoreBytesError
        if data[position + 4 : position + 6] in LONG_VRS:
            length = int.from_bytes(data[position + 8 : position + 12], "little")
            value = position + 12
        else:
            length = int.from_bytes(data[position + 6 : position + 8], "little")
            value = position + 8
        keyword = _META.get(data[position + 2 : position + 4])
        if keyword:
            text = data[value : value + length].decode("latin_1").strip("\0 ")
            meta[keyword] = text
        position = value + length
    if not meta.get("TransferSyntaxUID"):
        meta["TransferSyntaxUID"] = _guessed_syntax(data[position : position + 8])
    return meta, position


_META: Final = {b"\x10\x00": "TransferSyntaxUID", b"\x02\x00": "MediaStorageSOPClassUID"}


def _looks_like_elements(data: bytes) -> bool:
    """Whether bytes without preamble start like a data set of group 2 or 8."""
    explicit = data[4:6] in SHORT_VRS or data[4:6] in LONG_VRS
    if data[:2] in {b"\x02\x00", b"\x08\x00"}:
        element = int.from_bytes(data[2:4], "little")
        return explicit or (element <= 0x1196 and 0 < int.from_bytes(data[4:8], "little") < 4096)
    return data[:2] == b"\x00\x08" and explicit


def _guessed_syntax(first: bytes) -> str:
    if first[4:6] not in SHORT_VRS and first[4:6] not in LONG_VRS:
        return IMPLICIT_LITTLE_ENDIAN
    return EXPLICIT_BIG_ENDIAN if first[:1] == b"\0" else EXPLICIT_LITTLE_ENDIAN


def _scan(data: bytes, position: int, encoding: _Encoding) -> dict[str, Any]:  # noqa: C901, PLR0912, PLR0915
    """Step from element to element, keeping only what is wanted.

    One long loop, because a call for each element would double its cost.
    """
    implicit, little, head, long, _ = encoding
    end = len(data)
    found: dict[str, Any] = {}
    creators: dict[tuple[int, int], str] = {}
    charset: tuple[str, ...] = ()
    previous = -1
    while position < end:
        if position + 8 > end:
            raise NeedMoreBytesError
        if implicit:
            group, element, length = head(data, position)
            vr = b""
            position += 8
        else:
            group, element, vr, length = head(data, position)
            position += 8
            if vr in LONG_VRS:
                if position + 4 > end:
                    raise NeedMoreBytesError
                (length,) = long(data, position)
                position += 4
            elif vr not in SHORT_VRS:
                raise IrregularError
        tag = group << 16 | element
        if tag <= previous:
            raise IrregularError  # elements out of order or repeated
        previous = tag
        if tag in PIXEL_KEYWORDS:
            if not implicit and vr not in _PIXEL_VRS:
                raise IrregularError
            found["PixelDataKeyword"] = PIXEL_KEYWORDS[tag]
            found["PixelDataOffset"] = position
            found["PixelDataLength"] = length
            found["PixelDataVR"] = vr.decode() or "OW"
            break
        wanted = WANTED.get(tag)
        if length == UNDEFINED_LENGTH or (wanted is not None and wanted[1] == "SQ"):
            _require_sequence(wanted, vr)
            nested = _Nested(data, encoding, charset)
            items, position = nested.sequence(position, length, vr)
            if wanted is not None:
                found[wanted[0]] = items
            continue
        stop = position + length
        if stop > end:
            raise NeedMoreBytesError
        if wanted is not None:
            value = value_of(data[position:stop], _stated_vr(wanted[1], vr), charset, little)
            found[wanted[0]] = value
            if tag == _CHARACTER_SET:
                charset = _charset(value)
        elif group in PRIVATE_GROUPS:
            _keep_private((group, element), data[position:stop], creators, found, little=little)
        position = stop
    if position > end:
        raise NeedMoreBytesError
    return found


_CHARACTER_SET: Final = 0x00080005


def _charset(value: Any) -> tuple[str, ...]:
    charset = value if isinstance(value, tuple) else (value,)
    if not all(isinstance(term, str) for term in charset):
        raise ValueError(f"SpecificCharacterSet is {value!r}")
    return charset


def _keep_private(
    tag: tuple[int, int],
    value: bytes,
    creators: dict[tuple[int, int], str],
    found: dict[str, Any],
    *,
    little: bool,
) -> None:
    group, element = tag
    if element <= 0xFF:
        creators[tag] = value.decode("latin_1").strip(" \0")
        return
    block = (group, element >> 8)
    known = PRIVATE.get((group, element & 0xFF, creators.get(block, ORPHANS.get(block, ""))))
    if known is None:
        return
    keyword, vr = known
    if keyword == "SiemensCSAImageHeader" and "MOSAIC" not in (found.get("ImageType") or ()):
        return  # up to 100 kB that only mosaics need
    found[keyword] = value_of(value, vr.encode(), (), little)


@dataclass(frozen=True, slots=True)
class _Nested:
    """Reads the sequences of a data set; positions count from the start of ``data``."""

    data: bytes
    encoding: _Encoding
    charset: tuple[str, ...]

    def sequence(
        self, position: int, length: int, vr: bytes, *, depth: int = 0
    ) -> tuple[tuple[dict[str, Any], ...], int]:
        """Read a sequence: its items and where it ends. Of pixel fragments, only the end."""
        if depth > _MAX_DEPTH or vr not in _SEQUENCE_VRS:
            raise IrregularError
        if vr == b"UN" and not self.encoding.implicit:
            # PS3.5 6.2.2: the content of an unknown sequence is Implicit VR Little Endian.
            return replace(self, encoding=_IMPLICIT).sequence(position, length, vr, depth=depth)
        end = self._end(position, length)
        items: list[dict[str, Any]] = []
        while position < end:
            tag, _, size, position = self._head(position, implicit=True)
            if tag == _SEQUENCE_END and length == UNDEFINED_LENGTH:
                return tuple(items), position
            if tag != _ITEM:
                raise IrregularError
            if vr in _FRAGMENT_VRS:
                position += size
            else:
                item, position = self._item(position, size, depth)
                items.append(item)
        if length == UNDEFINED_LENGTH:
            raise NeedMoreBytesError
        if position != end:
            raise IrregularError
        return tuple(items), position

    def _item(self, position: int, size: int, depth: int) -> tuple[dict[str, Any], int]:
        found: dict[str, Any] = {}
        end = self._end(position, size)
        while position < end:
            tag, vr, length, position = self._head(position, implicit=self.encoding.implicit)
            if tag == _ITEM_END and size == UNDEFINED_LENGTH:
                return found, position
            wanted = WANTED.get(tag)
            if length == UNDEFINED_LENGTH or (wanted is not None and wanted[1] == "SQ"):
                _require_sequence(wanted, vr)
                value, position = self.sequence(position, length, vr, depth=depth + 1)
                if wanted is not None:
                    found[wanted[0]] = value
                continue
            stop = position + length
            if stop > end:
                raise NeedMoreBytesError if size == UNDEFINED_LENGTH else IrregularError
            if wanted is not None:
                if tag == _CHARACTER_SET:
                    raise IrregularError  # an item with its own character set
                stated = _stated_vr(wanted[1], vr)
                raw = self.data[position:stop]
                found[wanted[0]] = value_of(raw, stated, self.charset, self.encoding.little)
            position = stop
        if size == UNDEFINED_LENGTH:
            raise NeedMoreBytesError
        return found, position

    def _end(self, position: int, length: int) -> int:
        end = len(self.data) if length == UNDEFINED_LENGTH else position + length
        if end > len(self.data):
            raise NeedMoreBytesError
        return end

    def _head(self, position: int, *, implicit: bool) -> tuple[int, bytes, int, int]:
        """Read an element's tag, VR, length and where its value starts."""
        if position + 8 > len(self.data):
            raise NeedMoreBytesError
        if implicit:
            group, element, length = self.encoding.item(self.data, position)
            return group << 16 | element, b"", length, position + 8
        group, element, vr, length = self.encoding.head(self.data, position)
        if vr in SHORT_VRS:
            return group << 16 | element, vr, length, position + 8
        if group == _ITEM >> 16:  # delimiters have no VR
            return self._head(position, implicit=True)
        if vr not in LONG_VRS:
            raise IrregularError
        if position + 12 > len(self.data):
            raise NeedMoreBytesError
        (length,) = self.encoding.long(self.data, position + 8)
        return group << 16 | element, vr, length, position + 12


_FRAGMENT_VRS: Final = frozenset((b"OB", b"OW"))
_SEQUENCE_VRS: Final = frozenset((b"SQ", b"UN", b"")) | _FRAGMENT_VRS
_VRS: Final = {vr: vr.encode() for _, vr in (*WANTED.values(), *PRIVATE.values())}


def _require_sequence(wanted: tuple[str, str] | None, vr: bytes) -> None:
    """Of what is wanted, only a sequence that says so is read here."""
    if wanted is not None and (wanted[1] != "SQ" or vr not in {b"SQ", b""}):
        raise IrregularError


def _stated_vr(expected: str, vr: bytes) -> bytes:
    stated = _VRS[expected] if vr in {b"", b"UN"} else vr
    if stated in BINARY_VRS or stated == b"SQ":
        raise IrregularError
    return stated


def _by_pydicom(data: bytes, start: int, encoding: _Encoding, *, name: str) -> dict[str, Any]:
    """Let pydicom find the elements, which knows every irregularity worth knowing."""
    from pydicom.filereader import read_dataset  # noqa: PLC0415 - costs 0.4 s, rarely needed

    try:
        with warnings_unheard():
            dataset = read_dataset(io.BytesIO(data[start:]), encoding.implicit, encoding.little)
            header = _from_dataset(dataset, (), encoding.little)
            header |= _pixels_in(dataset, start)
    except Exception as error:  # noqa: BLE001 - pydicom raises many kinds on damaged input
        raise DataError(
            f"{name} cannot be read as DICOM: {error}.", remedy="Export the file again."
        ) from None
    return header


def _pixels_in(dataset: Any, start: int) -> dict[str, Any]:
    for tag, keyword in PIXEL_KEYWORDS.items():
        if tag in dataset:
            element = dataset.get_item(tag)
            if str(element.VR or "OW").encode() not in _PIXEL_VRS:
                raise ValueError(f"{keyword} is written as {element.VR}")
            return {
                "PixelDataKeyword": keyword,
                "PixelDataOffset": start + element.value_tell,
                "PixelDataLength": element.length,
                "PixelDataVR": str(element.VR or "OW"),
            }
    return {}


def _from_dataset(dataset: Any, charset: tuple[str, ...], little: bool) -> dict[str, Any]:  # noqa: FBT001
    """Decode the wanted elements that pydicom found.

    Raises
    ------
    ValueError
        If an element is of a VR that its attribute cannot have.
    """
    found: dict[str, Any] = {}
    creators: dict[tuple[int, int], str] = {}
    for tag in sorted(dataset.keys()):
        wanted = WANTED.get(int(tag))
        if wanted is None and tag.group not in PRIVATE_GROUPS:
            continue
        raw = dataset.get_item(tag)
        if wanted is None:
            if isinstance(raw.value, bytes):
                address = (int(tag.group), int(tag.element))
                _keep_private(address, raw.value, creators, found, little=little)
            continue
        keyword, expected = wanted
        vr = str(raw.VR or expected) if raw.VR != "UN" else expected
        if (vr == "SQ") != (keyword in SEQUENCES) or vr.encode() in BINARY_VRS:
            raise ValueError(f"{keyword} is written as {vr}")
        if vr == "SQ":
            items = dataset[tag].value or ()
            found[keyword] = tuple(_from_dataset(item, charset, little) for item in items)
            continue
        if vr.encode() not in SHORT_VRS | LONG_VRS or not isinstance(raw.value or b"", bytes):
            raise ValueError(f"{keyword} is written as {vr}")
        found[keyword] = value_of(raw.value or b"", vr.encode(), charset, little)
        if tag == _CHARACTER_SET:
            charset = _charset(found[keyword])
    return found
