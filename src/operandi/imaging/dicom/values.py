"""Decode the value of one DICOM element.

References
----------
.. [1] DICOM PS3.5 6.1 (character sets) and 6.2 (value representations).
"""

import functools
import math
import re
import struct
from typing import Any, Final

from operandi.imaging.dicom.unheard_warnings import warnings_unheard

SHORT_VRS: Final = frozenset(
    b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split()
)
"""Value representations with a length of two bytes."""

LONG_VRS: Final = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
"""Those with a length of four."""

BINARY_VRS: Final = frozenset(b"AT OB OD OF OL OV OW".split())

_NUMBER_CODES: Final = {
    b"US": "H", b"SS": "h", b"UL": "I", b"SL": "i", b"FL": "f", b"FD": "d", b"UV": "Q", b"SV": "q",
}  # fmt: skip
_CHARSET_VRS: Final = frozenset(b"LO LT SH ST UC UT".split())
_SINGLE_VALUED_VRS: Final = frozenset(b"LT ST UT UR".split())
_CODECS: Final = {
    "": "latin_1",
    "ISO_IR 6": "latin_1",
    "ISO_IR 100": "latin_1",
    "ISO_IR 192": "utf_8",
}
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", flags=re.ASCII)


@functools.lru_cache(maxsize=65536)
def value_of(raw: bytes, vr: bytes, charset: tuple[str, ...], little: bool) -> Any:  # noqa: FBT001
    """Decode one element. Slices repeat most values, so it remembers.

    Raises
    ------
    ValueError
        If the bytes cannot be of this VR.
    """
    if vr in _NUMBER_CODES:
        code = _NUMBER_CODES[vr]
        count, rest = divmod(len(raw), struct.calcsize("<" + code))
        if rest:
            raise ValueError(f"{len(raw)} bytes are no whole number of {vr.decode()}")
        return _one_or_many(struct.unpack(f"{'<' if little else '>'}{count}{code}", raw))
    if vr in BINARY_VRS:
        return raw
    text = _text(raw, charset) if vr in _CHARSET_VRS else raw.decode("latin_1")
    if vr in _SINGLE_VALUED_VRS:
        return text.rstrip(" \0")
    parts = tuple(part.strip(" \0") for part in text.split("\\"))
    if vr in {b"DS", b"IS"}:
        parts = tuple(_number(part, vr) for part in parts)
    return _one_or_many(parts)


def _number(text: str, vr: bytes) -> Any:
    """Read a decimal or integer string; what is no number stays text, for the reader to refuse."""
    if not text:
        return None
    if len(text) > 64 or _NUMBER.fullmatch(text) is None:
        return text
    number = float(text)
    if not math.isfinite(number):
        return text
    if vr == b"DS":
        return number
    return int(number) if number.is_integer() and abs(number) < 2**53 else text


def _one_or_many(values: tuple[Any, ...]) -> Any:
    return values[0] if len(values) == 1 else (values or None)


def _text(raw: bytes, charset: tuple[str, ...]) -> str:
    codec = _CODECS.get(charset[0] if charset else "")
    if b"\x1b" not in raw and (codec or raw.isascii()):
        return raw.decode(codec or "ascii", errors="replace")
    from pydicom.charset import convert_encodings, decode_bytes  # noqa: PLC0415 - 0.4 s, rarely
    from pydicom.valuerep import TEXT_VR_DELIMS  # noqa: PLC0415

    with warnings_unheard():
        return decode_bytes(raw, convert_encodings(list(charset)), TEXT_VR_DELIMS)
