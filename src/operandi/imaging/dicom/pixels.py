"""Stored pixel values of a file, as they stand, before any rescaling."""

import struct
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt

from operandi.imaging.dicom.compressed import LOSSY, READABLE, RLE, CodestreamError, decode
from operandi.imaging.dicom.files import FileRef, opened
from operandi.imaging.dicom.header import (
    DEFLATED,
    EXPLICIT_BIG_ENDIAN,
    EXPLICIT_LITTLE_ENDIAN,
    IMPLICIT_LITTLE_ENDIAN,
    UNDEFINED_LENGTH,
    Header,
    inflated,
)
from operandi.quantities.errors import DataError, UnsupportedError

_UNCOMPRESSED: Final = frozenset(
    (IMPLICIT_LITTLE_ENDIAN, EXPLICIT_LITTLE_ENDIAN, EXPLICIT_BIG_ENDIAN, DEFLATED)
)
MAX_PIXELS: Final = 1 << 31
"""Per object; an absurd Rows x Columns is refused before memory is asked for."""

Pixels = npt.NDArray[Any]


def stored_values(files: Iterable[tuple[FileRef, Header]]) -> Iterator[Pixels]:
    """Read the stored values of each file, shape (frames, rows, columns).

    Parameters
    ----------
    files : iterable of (FileRef, Header)
        Where the pixels are and the header that describes them.

    Raises
    ------
    DataError
        If pixels are missing, truncated or cannot be decoded, naming the file.
    UnsupportedError
        If they are in color, lossy or of a transfer syntax that is not read.
    """
    pairs = list(files)
    for (_, header), (file, stream) in zip(pairs, opened(f for f, _ in pairs), strict=True):
        with stream:
            pixels = _read(stream, header, str(file))
        yield _significant(pixels, header, str(file))


def _read(stream: BinaryIO, header: Header, name: str) -> Pixels:
    shape = _shape(header, name)
    start = header["PixelDataOffset"]
    if header["TransferSyntaxUID"] in READABLE:
        stream.seek(start)
        return _decoded(stream.read(), header, shape, name)
    needed = _needed_bytes(header, shape, name)
    swapped = _swapped_in_pairs(header, name)
    needed += needed % 2 if swapped else 0  # the last pixel shares its word with the padding
    if header["TransferSyntaxUID"] == DEFLATED:
        data = inflated(stream.read(), name=name)[start : start + needed]
    else:
        stream.seek(start)
        data = stream.read(needed)
    if len(data) < needed:
        raise DataError(
            f"{name} is truncated: {shape[0]} x {shape[1]} x {shape[2]} pixels need {needed} "
            f"bytes, found {len(data)}.",
            remedy="Export the file again.",
        )
    if swapped:
        count = shape[0] * shape[1] * shape[2]
        data = np.frombuffer(data, "<u2").byteswap().tobytes()[:count]
    return np.frombuffer(data, _dtype(header, name)).reshape(shape)


def _swapped_in_pairs(header: Header, name: str) -> bool:
    """Whether 8-bit pixels come as big-endian words of 16 bits (PS3.5 6.2 and A.3, OW).

    Wider pixels are such words themselves, if their VR fits their width.
    """
    if (
        header["TransferSyntaxUID"] != EXPLICIT_BIG_ENDIAN
        or header["PixelDataKeyword"] != "PixelData"
    ):
        return False
    bits, vr = header.get("BitsAllocated"), header["PixelDataVR"]
    if (bits, vr) not in {(8, "OB"), (8, "OW"), (16, "OW")}:
        raise UnsupportedError(
            f"{name} is big endian and states BitsAllocated {bits} with PixelData of VR {vr}, "
            "whose byte order the standard leaves open; needed 8 with OB or OW, or 16 with OW.",
            remedy="Export it in Explicit VR Little Endian.",
        )
    return bool(bits == 8 and vr == "OW")


def _shape(header: Header, name: str) -> tuple[int, int, int]:
    """Frames, rows and columns, after refusing what is no grey-scale image of this size."""
    if "PixelDataKeyword" not in header:
        raise DataError(f"{name} holds no pixel data.", remedy="Export the image again.")
    samples, meaning = header.get("SamplesPerPixel"), header.get("PhotometricInterpretation")
    if samples != 1 or meaning not in {"MONOCHROME1", "MONOCHROME2"}:
        raise UnsupportedError(
            f"{name} states SamplesPerPixel {samples}, PhotometricInterpretation {meaning}; needed "
            "1 and MONOCHROME1 or 2, because colors are no measurement."
        )
    _refuse_transfer_syntax(header, name)
    shape: tuple[Any, Any, Any] = (
        header.get("NumberOfFrames") or 1,
        header.get("Rows"),
        header.get("Columns"),
    )
    if not all(isinstance(n, int) and n > 0 for n in shape):
        raise DataError(f"{name} states frames, Rows, Columns as {shape}.")
    if shape[0] * shape[1] * shape[2] > MAX_PIXELS:
        raise DataError(f"{name} states an image of {shape[0]} x {shape[1]} x {shape[2]} pixels.")
    return shape


def _refuse_transfer_syntax(header: Header, name: str) -> None:
    syntax = header["TransferSyntaxUID"]
    if syntax in LOSSY or "01" in str(header.get("LossyImageCompression") or ""):
        raise UnsupportedError(
            f"{name} was compressed with loss; its values are no measurement any more.",
            remedy="Export the original from the scanner.",
        )
    if syntax not in READABLE | _UNCOMPRESSED:
        raise UnsupportedError(
            f"{name} is in transfer syntax {syntax}, which is not read.",
            remedy="Export it uncompressed (Explicit VR Little Endian).",
        )


def _needed_bytes(header: Header, shape: tuple[int, int, int], name: str) -> int:
    """Bytes of the pixels, after comparing them with what the file says it holds."""
    needed = shape[0] * shape[1] * shape[2] * _dtype(header, name).itemsize
    stated = header["PixelDataLength"]
    # Beyond the byte that makes it even, more or less means that another image is described.
    if stated not in {needed, needed + needed % 2}:
        raise DataError(
            f"{shape[0]} x {shape[1]} x {shape[2]} pixels of {name} need {needed} bytes; its "
            f"{header['PixelDataKeyword']} has "
            + ("no stated length." if stated == UNDEFINED_LENGTH else f"{stated}."),
            remedy="Export the file again.",
        )
    return needed


def _dtype(header: Header, name: str) -> np.dtype[Any]:
    order = ">" if header["TransferSyntaxUID"] == EXPLICIT_BIG_ENDIAN else "<"
    real = {"FloatPixelData": "f4", "DoubleFloatPixelData": "f8"}.get(header["PixelDataKeyword"])
    if real is not None:
        return np.dtype(order + real)
    bits, signed = header.get("BitsAllocated"), header.get("PixelRepresentation")
    if bits not in {8, 16, 32} or signed not in {0, 1}:
        raise UnsupportedError(
            f"{name} states BitsAllocated {bits}, PixelRepresentation {signed}; needed 8, 16 or "
            "32 and 0 or 1."
        )
    return np.dtype(f"{order}{'i' if signed else 'u'}{bits // 8}")


def _bits_stored(header: Header, dtype: np.dtype[Any], name: str) -> int:
    allocated = dtype.itemsize * 8
    stored, high = header.get("BitsStored"), header.get("HighBit")
    if not isinstance(stored, int) or not 1 <= stored <= allocated or high != stored - 1:
        raise UnsupportedError(
            f"{name} states BitsStored {stored}, HighBit {high} in {allocated} bits."
        )
    return stored


def _significant(pixels: Pixels, header: Header, name: str) -> Pixels:
    """Keep the low BitsStored bits (overlays may live above) and extend the sign."""
    if pixels.dtype.kind == "f":
        return pixels
    dtype = _dtype(header, name).newbyteorder("=")
    shift = dtype.itemsize * 8 - _bits_stored(header, dtype, name)
    native = pixels.astype(dtype, copy=False)
    if shift == 0:
        return native
    result: Pixels = (native << shift) >> shift
    return result


def _decoded(data: bytes, header: Header, shape: tuple[int, int, int], name: str) -> Pixels:
    frames, rows, columns = shape
    dtype = _dtype(header, name)
    bits = (_bits_stored(header, dtype, name), dtype.itemsize * 8)
    syntax = header["TransferSyntaxUID"]
    if header["PixelDataLength"] != UNDEFINED_LENGTH:
        raise DataError(
            f"The pixels of {name} are not encapsulated as transfer syntax {syntax} demands.",
            remedy="Export the image again.",
        )
    try:
        pixels = np.stack(
            [
                decode(codestream, syntax, rows=rows, columns=columns, bits=bits)
                for codestream in _codestreams(data, frames)
            ]
        )
        _refuse_values_beyond(pixels, header, bits=bits[0])
    except CodestreamError as error:
        raise DataError(
            f"The pixels of {name} cannot be decoded: {error}.",
            remedy="Export the image again, uncompressed if that does not help.",
        ) from None
    return pixels


def _refuse_values_beyond(pixels: Pixels, header: Header, *, bits: int) -> None:
    """Refuse what BitsStored and PixelRepresentation cannot hold: cut to size, it is another value.

    Two's complement written as unsigned is how some encoders store signed pixels. RLE packs bytes
    as they stand, so that overlays may live above BitsStored there too.
    """
    if header["TransferSyntaxUID"] == RLE:
        return
    low, high = int(pixels.min()), int(pixels.max())
    if low >= 0 and high < 1 << bits:
        return
    signed = header["PixelRepresentation"] == 1
    values = pixels.astype(np.int64)
    if signed:
        allocated = header["BitsAllocated"]
        values = np.where(values >> (allocated - 1) > 0, values - (1 << allocated), values)
    smallest, largest = (
        (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    )
    if values.min() < smallest or values.max() > largest:
        raise CodestreamError(
            f"their values from {low} to {high} do not fit BitsStored {bits} and "
            f"PixelRepresentation {header['PixelRepresentation']}"
        )


def _codestreams(data: bytes, frames: int) -> list[bytes]:
    """Join the fragments of encapsulated pixel data into one codestream a frame (PS3.5 A.4)."""
    starts, fragments = [], []
    position = 0
    while True:
        if position + 8 > len(data):
            raise CodestreamError("they are truncated")
        tag, length = struct.unpack_from("<II", data, position)
        if tag == _SEQUENCE_END:
            break
        end = position + 8 + length
        if tag != _ITEM or end > len(data):
            raise CodestreamError("they are truncated or their fragments damaged")
        starts.append(position)
        fragments.append(data[position + 8 : end])
        position = end
    table, *fragments = fragments or [b""]
    if frames == 1:
        return [b"".join(fragments)]
    if len(fragments) == frames:
        return fragments
    if len(table) != 4 * frames:
        raise CodestreamError(f"{len(fragments)} fragments for {frames} frames without a table")
    firsts = {start - starts[1]: number for number, start in enumerate(starts[1:])}
    offsets = struct.unpack(f"<{frames}I", table)
    if (
        offsets[0] != 0
        or not set(offsets) <= firsts.keys()
        or list(offsets) != sorted(set(offsets))
    ):
        raise CodestreamError("the table of frames points where no frame begins")
    bounds = [*(firsts[offset] for offset in offsets), len(fragments)]
    return [b"".join(fragments[a:b]) for a, b in pairwise(bounds)]


_ITEM: Final = 0xE000FFFE  # group and element swapped, as read in one piece
_SEQUENCE_END: Final = 0xE0DDFFFE
