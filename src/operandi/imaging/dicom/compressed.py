"""Decode one compressed frame: RLE, JPEG lossless, JPEG-LS, JPEG 2000.

Before a decoder written in C sees a codestream, its own header must state the image that the DICOM
header states, and it must end as it should: damaged ones have made such decoders hang, abort the
process or ask for gigabytes. RLE and JPEG lossless are decoded here, because of the decoders at
hand one panics and one aborts (decision 0003).

References
----------
.. [1] DICOM PS3.5 8.2, annexes A.4 and G.
.. [2] ITU-T T.81 (JPEG), T.87 (JPEG-LS), T.800 (JPEG 2000).
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[Any]

RLE: Final = "1.2.840.10008.1.2.5"
_JPEG_LOSSLESS: Final = frozenset(("1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"))
_JPEG_LS: Final = "1.2.840.10008.1.2.4.80"
_JPEG_2000: Final = frozenset(
    f"1.2.840.10008.1.2.4.{last}" for last in ("90", "91", "201", "202", "203")
)
READABLE: Final = frozenset((RLE, _JPEG_LS)) | _JPEG_LOSSLESS | _JPEG_2000
LOSSY: Final = frozenset(f"1.2.840.10008.1.2.4.{last}" for last in ("50", "51", "81"))

_MOST_PIXELS: Final = 1 << 26
_MOST_TILES: Final = 4096


class CodestreamError(Exception):
    """Compressed data are damaged, lossy, or not of the image that was stated."""


@dataclass(frozen=True, slots=True)
class _Stated:
    """What a codestream says of its image."""

    rows: int
    columns: int
    components: int
    precision: int
    signed: bool = False


def decode(
    codestream: bytes, syntax: str, *, rows: int, columns: int, bits: tuple[int, int]
) -> Pixels:
    """Decode a frame of one component.

    Parameters
    ----------
    codestream : bytes
        All fragments of the frame.
    syntax : str
        Transfer syntax, one of ``READABLE``.
    rows, columns : int
        Size that the DICOM header states.
    bits : tuple of int
        BitsStored and BitsAllocated.

    Returns
    -------
    integer array, (rows, columns)
        The low BitsStored bits are the stored value.

    Raises
    ------
    CodestreamError
        If the codestream is damaged, truncated, lossy or of another image.
    """
    if rows * columns > _MOST_PIXELS:
        raise CodestreamError(f"{rows} x {columns} pixels in one frame are not believed")
    if syntax == RLE:
        return _decode_rle(codestream, rows=rows, columns=columns, allocated=bits[1])
    if syntax in _JPEG_2000:
        stated = _jpeg_2000_header(codestream)
    else:
        stated = _jpeg_header(codestream, frame_marker=0xF7 if syntax == _JPEG_LS else 0xC3)
    if (stated.rows, stated.columns, stated.components) != (rows, columns, 1):
        raise CodestreamError(
            f"the compressed image is {stated.rows} x {stated.columns} pixels of "
            f"{stated.components} components where the header states {rows} x {columns} of 1"
        )
    if not (bits[0] <= stated.precision or stated.signed) or stated.precision > bits[1]:
        raise CodestreamError(
            f"the compressed image has {stated.precision} bits where the header states {bits[0]} "
            f"in {bits[1]}"
        )
    if not codestream.rstrip(b"\0").endswith(_END_OF_IMAGE):
        raise CodestreamError("the compressed image is truncated")
    if syntax in _JPEG_LOSSLESS:
        return _decode_jpeg_lossless(codestream, stated)
    pixels = _decode_jpeg_ls(codestream) if syntax == _JPEG_LS else _decode_jpeg_2000(codestream)
    if pixels.size != rows * columns:
        raise CodestreamError(f"{pixels.size} pixels came out of {rows} x {columns}")
    return pixels.reshape(rows, columns)


def _decode_rle(codestream: bytes, *, rows: int, columns: int, allocated: int) -> Pixels:
    """Decode byte planes, most significant first, each packed by itself."""
    if len(codestream) < 64:
        raise CodestreamError("the RLE header is truncated")
    count, *offsets = struct.unpack_from("<16I", codestream)
    if count * 8 != allocated or offsets[0] != 64:
        raise CodestreamError(f"{count} RLE segments from byte {offsets[0]} for {allocated} bits")
    ends = [*offsets[1:count], len(codestream)]
    planes = np.empty((rows * columns, count), np.uint8)
    for number, end in enumerate(ends):
        segment = _unpacked(codestream[offsets[number] : end], rows * columns)
        planes[:, number] = np.frombuffer(segment, np.uint8)
    pixels: Pixels = planes.view(f">u{count}").reshape(rows, columns)
    return pixels


def _unpacked(packed: bytes, size: int) -> bytes:
    """Undo the PackBits scheme; exactly *size* bytes must come out."""
    parts: list[bytes] = []
    position = produced = 0
    while produced < size and position + 1 < len(packed):
        control = packed[position]
        if control < 128:
            part = packed[position + 1 : position + 2 + control]
            position += 2 + control
        else:
            part = packed[position + 1 : position + 2] * (257 - control if control > 128 else 0)
            position += 2 if control > 128 else 1
        parts.append(part)
        produced += len(part)
    # One byte may follow to make the segment's length even.
    left_over = len(packed) - position
    if produced != size or not 0 <= left_over <= 1:
        raise CodestreamError(
            f"an RLE segment gives {produced} bytes where {size} are needed, {left_over} left over"
        )
    return b"".join(parts)


_END_OF_IMAGE: Final = b"\xff\xd9"
_DATA_FOLLOW: Final = {b"\xff\xd8": 0xDA, b"\xff\x4f": 0x90}
"""How JPEG and JPEG 2000 begin, and the marker segment after which there are compressed data."""


def _segments(codestream: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Marker segments of the header: marker, content, where the next begins."""
    last = _DATA_FOLLOW.get(codestream[:2])
    position = 2
    while last is not None and position + 4 <= len(codestream):
        escape, marker, length = struct.unpack_from(">BBH", codestream, position)
        end = position + 2 + length
        if escape != 0xFF or length < 2 or end > len(codestream):
            break
        yield marker, codestream[position + 4 : end], end
        if marker == last:
            return
        position = end
    raise CodestreamError("the header of the compressed image is damaged")


def _jpeg_header(codestream: bytes, *, frame_marker: int) -> _Stated:
    for marker, content, _ in _segments(codestream):
        if marker == frame_marker and len(content) >= 6:
            precision, rows, columns, components = struct.unpack_from(">BHHB", content)
            if 2 <= precision <= 16:
                return _Stated(rows, columns, components, precision)
    raise CodestreamError("the JPEG header states no image of this transfer syntax")


def _decode_jpeg_lossless(codestream: bytes, stated: _Stated) -> Pixels:
    from operandi.imaging.dicom.jpeg_lossless import (  # noqa: PLC0415 - its compiler costs 1.3 s
        decode_scan,
        huffman_tables,
    )

    tables: dict[int, tuple[Pixels, Pixels]] = {}
    scan, start = b"", 0
    try:
        for marker, content, end in _segments(codestream):
            if marker == 0xC4:
                tables |= huffman_tables(content)
            elif marker == 0xDD and content != b"\0\0":
                raise CodestreamError("JPEG restart intervals are not read")
            scan, start = content, end
        count, _, table, predictor, last, approximation = struct.unpack(">6B", scan)
        symbol, length = tables[table >> 4]
    except (ValueError, KeyError, struct.error):
        raise CodestreamError("the JPEG header is damaged") from None
    if count != 1 or not 1 <= predictor <= 7 or last or approximation:
        raise CodestreamError(f"the JPEG scan {scan.hex(' ')} is not of one lossless component")
    entropy = codestream[start : codestream.rindex(_END_OF_IMAGE)]
    if re.search(rb"\xff[^\0]|\xff\Z", entropy):
        raise CodestreamError("the JPEG scan is interrupted by a marker")
    coded = np.frombuffer(entropy.replace(b"\xff\0", b"\xff"), np.uint8)
    pixels = np.zeros((stated.rows, stated.columns), np.int32)
    if not decode_scan(coded, symbol, length, predictor, (1 << stated.precision) - 1, pixels):
        raise CodestreamError("the JPEG scan is damaged")
    return pixels


def _decode_jpeg_ls(codestream: bytes) -> Pixels:
    import jpeg_ls  # noqa: PLC0415 - few images are compressed

    if any(marker == 0xDA and scan[3:4] != b"\0" for marker, scan, _ in _segments(codestream)):
        raise CodestreamError("the JPEG-LS image is lossy")
    try:
        data, info = jpeg_ls.decode_buffer(codestream)
    except Exception as error:  # noqa: BLE001 - raises whatever the library threw
        raise CodestreamError(f"the JPEG-LS image is damaged: {error}") from None
    return np.frombuffer(data, np.dtype("<u1" if info["bits_per_sample"] <= 8 else "<u2"))


def _jpeg_2000_header(codestream: bytes) -> _Stated:
    """Read the SIZ segment, which must come first, and refuse what is not reversible."""
    if codestream[:4] != b"\xff\x4f\xff\x51" or len(codestream) < 45:
        raise CodestreamError("the compressed image does not begin like a JPEG 2000 codestream")
    (
        _, _, right, bottom, left, top, tile_width, tile_height, tile_left, tile_top,
        components, depth, step_x, step_y,
    ) = struct.unpack_from(">HH8IH3B", codestream, 4)  # fmt: skip
    precision = (depth & 0x7F) + 1
    if not (left < right and top < bottom and tile_width and tile_height and precision <= 32):
        raise CodestreamError("the JPEG 2000 header is damaged")
    tiles = -(-(right - tile_left) // tile_width) * -(-(bottom - tile_top) // tile_height)
    if (step_x, step_y) != (1, 1) or not 0 < tiles <= _MOST_TILES:
        raise CodestreamError(
            f"the JPEG 2000 header states {tiles} tiles, steps {step_x}, {step_y}"
        )
    return _Stated(bottom - top, right - left, components, precision, signed=depth > 127)


def _decode_jpeg_2000(codestream: bytes) -> Pixels:
    from openjpeg.utils import decode as decode_with_openjpeg  # noqa: PLC0415 - as above

    styles = [style for marker, style, _ in _segments(codestream) if marker == 0x52]
    if any(style[9:10] != b"\x01" for style in styles):
        raise CodestreamError("the JPEG 2000 image is lossy: its wavelet is not reversible")
    try:
        pixels = decode_with_openjpeg(codestream)
    except Exception as error:  # noqa: BLE001 - raises whatever the library threw
        raise CodestreamError(f"the JPEG 2000 image is damaged: {error}") from None
    return np.asarray(pixels)
