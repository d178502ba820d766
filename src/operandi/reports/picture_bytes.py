"""Pictures as bytes that are the same in every run and small enough for a page of many."""

import io
from typing import Final

from PIL import Image

MAXIMUM_BYTES: Final = 75_000
"""Of one encoded picture: three a visit of twelve participants' three visits stay under 15 MB."""

_SMALL_PX: Final = 300 * 300
_WEBP_QUALITIES: Final = (85, 75, 60, 45, 30, 15)


def encoded_picture(image: Image.Image) -> tuple[Image.Image, bytes, str]:
    """Encode as PNG or as WebP, whichever is smaller, at the best quality that fits.

    A picture that fits at no quality is halved.

    Returns
    -------
    tuple of (Image, bytes, str)
        The picture as it was encoded, its bytes and their media type.
    """
    for quality in _WEBP_QUALITIES:
        webp = io.BytesIO()
        image.save(webp, "WEBP", quality=quality, method=4, use_sharp_yuv=True)
        smallest, mime = webp.getvalue(), "image/webp"
        # A large picture is never smaller as PNG, and takes ten times as long to find that out.
        if image.width * image.height < _SMALL_PX:
            png = io.BytesIO()
            image.save(png, "PNG", optimize=True)
            smallest, mime = min((smallest, mime), (png.getvalue(), "image/png"), key=_length)
        if len(smallest) < MAXIMUM_BYTES:
            return image, smallest, mime
    return encoded_picture(image.reduce(2))


def _length(encoded: tuple[bytes, str]) -> int:
    return len(encoded[0])
