"""Siemens mosaics: the slices of one volume tiled into one image.

References
----------
.. [1] Li et al., The first step for neuroimaging data analysis: DICOM to NIfTI conversion,
   J Neurosci Methods 264:47, 2016, section on Siemens mosaics.
"""

import math
import struct
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from operandi.imaging.dicom.files import FileRef
from operandi.imaging.dicom.header import Header
from operandi.imaging.dicom.vectors import normal_of, vector_of
from operandi.quantities.errors import DataError

_MAX_CSA_ITEMS: Final = 1000
_MOST_SLICES: Final = 4096


def mosaic_tiles(
    file: FileRef, header: Header
) -> list[tuple[dict[str, Any], tuple[int, int, int, int]]]:
    """Headers and places (row, column, rows, columns) of a mosaic's slices.

    The position in a mosaic's header is that of the mosaic's corner, as if the whole image were
    one slice; the first slice's corner lies half the surplus further in. The direction of the
    slices is in the private CSA header alone.

    Raises
    ------
    DataError
        If the CSA header lacks the number of slices or their direction, or the header their size.
    """
    csa = _csa_header(header)
    count = _slice_count(header, csa)
    normal = _normal(csa)
    if count is None or normal is None:
        raise DataError(
            f"{file} is a Siemens mosaic whose private CSA header (0029,1010) lacks the number or "
            "direction of its slices, or contradicts (0019,100A) in their number.",
            remedy="Export it with private tags, or as single slices.",
        )
    per_side = math.ceil(math.sqrt(count))
    rows, columns = _tile_size(header, per_side, str(file))
    step_mm = header.get("SpacingBetweenSlices")
    if not isinstance(step_mm, int | float) or not step_mm > 0:
        raise DataError(f"{file} is a mosaic without SpacingBetweenSlices.")
    spacing = vector_of(header, "PixelSpacing", 2, str(file))
    orientation = vector_of(header, "ImageOrientationPatient", 6, str(file))
    along_row, along_column = orientation[:3], orientation[3:]
    if abs(abs(float(normal @ normal_of(orientation))) - 1.0) > 1e-3:
        raise DataError(
            f"The slices of mosaic {file} are stacked along {tuple(normal.tolist())} by its CSA "
            "header, which is not normal to its ImageOrientationPatient.",
            remedy="Export it as single slices.",
        )
    corner = (
        vector_of(header, "ImagePositionPatient", 3, str(file))
        + along_row * spacing[1] * (header["Columns"] - columns) / 2
        + along_column * spacing[0] * (header["Rows"] - rows) / 2
    )
    tiles = []
    for number in range(count):
        position = corner + normal * step_mm * number
        tile_header = {
            **header,
            "Rows": rows,
            "Columns": columns,
            "MosaicRows": header["Rows"],
            "MosaicColumns": header["Columns"],
            "ImagePositionPatient": tuple(position.tolist()),
        }
        row, column = divmod(number, per_side)
        tiles.append((tile_header, (row * rows, column * columns, rows, columns)))
    return tiles


def _normal(csa: dict[str, tuple[str, ...]]) -> npt.NDArray[np.float64] | None:
    try:
        normal = np.array([float(part) for part in csa.get("SliceNormalVector", ())])
    except ValueError:
        return None
    return normal if normal.shape == (3,) and abs(normal @ normal - 1.0) < 1e-3 else None


def _slice_count(header: Header, csa: dict[str, tuple[str, ...]]) -> int | None:
    """Return the number of slices, None where it is stated nowhere or twice and not the same."""
    stated = [header.get("SiemensMosaicSlices"), *csa.get("NumberOfImagesInMosaic", ())[:1]]
    try:
        counts = {int(one) for one in stated if one}
    except (TypeError, ValueError):
        return None
    count = counts.pop() if len(counts) == 1 else 0
    return count if 1 <= count <= _MOST_SLICES else None


def _tile_size(header: Header, per_side: int, name: str) -> tuple[int, int]:
    size = header.get("Rows"), header.get("Columns")
    if not all(isinstance(n, int) and n > 0 and n % per_side == 0 for n in size):
        raise DataError(
            f"{name} is a mosaic of {per_side} x {per_side} tiles, but states Rows, Columns "
            f"{size}.",
            remedy="Export it again, or as single slices.",
        )
    return header["Rows"] // per_side, header["Columns"] // per_side


def _csa_header(header: Header) -> dict[str, tuple[str, ...]]:
    try:
        return parse_csa(header.get("SiemensCSAImageHeader", b""))
    except (struct.error, ValueError):
        return {}


def parse_csa(data: bytes) -> dict[str, tuple[str, ...]]:
    """Read a Siemens CSA2 ("SV10") header: name to its non-empty values.

    Raises
    ------
    ValueError, struct.error
        If the bytes are not such a header.
    """
    if data[:4] != b"SV10":
        raise ValueError("not a CSA2 header")
    (count,) = struct.unpack_from("<I", data, 8)
    if count > _MAX_CSA_ITEMS:
        raise ValueError(f"{count} CSA elements")
    position = 16
    found = {}
    for _ in range(count):
        name = data[position : position + 64].partition(b"\0")[0].decode("ascii")
        (items,) = struct.unpack_from("<I", data, position + 76)
        position += 84
        if items > _MAX_CSA_ITEMS:
            raise ValueError(f"{items} CSA items")
        values = []
        for _item in range(items):
            (length,) = struct.unpack_from("<I", data, position + 4)
            position += 16
            text = data[position : position + length].partition(b"\0")[0]
            if text.strip():
                values.append(text.decode("ascii").strip())
            position += -(-length // 4) * 4
        found[name] = tuple(values)
    return found
