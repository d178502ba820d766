"""Pixels that pad an image to a rectangle: they were never measured."""

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from operandi.imaging.dicom.header import Header
from operandi.quantities.errors import DataError

_KEYWORDS: Final = {
    "PixelData": ("PixelPaddingValue", "PixelPaddingRangeLimit"),
    "FloatPixelData": ("FloatPixelPaddingValue", "FloatPixelPaddingRangeLimit"),
    "DoubleFloatPixelData": ("DoubleFloatPixelPaddingValue", "DoubleFloatPixelPaddingRangeLimit"),
}


def refuse_padding(
    image: npt.NDArray[Any], header: Header, rescale: tuple[float, float], name: str
) -> None:
    """Refuse an image of which pixels are declared to be padding and would read as a signal.

    Padding that comes out as exactly 0 is no refusal: scanners write the same 0 for no signal
    where they declare nothing, and who measures meets it in every image. CT is read for its
    anatomy alone, no number is made of it, and nearly all of one vendor's is padded at -2000.

    Parameters
    ----------
    image : array, (rows, columns)
        Stored values.
    header : Header
        Of the slice.
    rescale : tuple of float
        Slope and intercept.
    name : str
        File name for the refusal.

    Raises
    ------
    DataError
        If such pixels are there, or the declared value is no number.

    References
    ----------
    .. [1] DICOM PS3.3 C.7.5.1.1.2.
    """
    keyword, limit_keyword = _KEYWORDS[header["PixelDataKeyword"]]
    stated = header.get(keyword)
    if stated is None or header.get("Modality") == "CT":
        return
    limit = header.get(limit_keyword)
    ends = [
        _as_stored(value, header, name) for value in (stated, stated if limit is None else limit)
    ]
    padded = (image >= min(ends)) & (image <= max(ends))
    if math.isnan(ends[0]):
        padded = np.isnan(image)
    slope, intercept = rescale
    read_as = image[padded].astype(np.float64) * slope + intercept
    count = int(np.count_nonzero(read_as))
    if count:
        until = "" if limit is None else f" and {limit_keyword} {limit}"
        raise DataError(
            f"{name} declares {keyword} {stated}{until}, and {count} of its {image.size} pixels "
            f"are such padding, which would read as {read_as[np.flatnonzero(read_as)[0]]:g}.",
            remedy="Export the series without padding, or padded with what reads as 0.",
        )


def _as_stored(value: Any, header: Header, name: str) -> float:
    """Give the value the bits and sign of the pixels.

    At times it is written unsigned beside signed pixels, or above the bits that are kept of them.
    """
    if not isinstance(value, int | float):
        raise DataError(
            f"{name} states {value!r} for the padding of its pixels; needed one number.",
            remedy="Export the image again.",
        )
    bits = header.get("BitsStored")
    if not isinstance(value, int) or not isinstance(bits, int):
        return float(value)
    low = value & ((1 << bits) - 1)
    return float(low - (1 << bits) if header["PixelRepresentation"] and low >> (bits - 1) else low)
