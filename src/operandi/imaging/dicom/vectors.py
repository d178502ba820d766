"""Vectors of a header, and what follows from them alone."""

from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.imaging.dicom.header import Header
from operandi.quantities.errors import DataError

_LARGEST: Final = 1e5
"""A hundred meters: no position or spacing, in mm, of a patient."""


def vector_of(header: Header, keyword: str, size: int, name: str) -> npt.NDArray[np.float64]:
    """Read an attribute of several numbers.

    Raises
    ------
    DataError
        If it is absent, malformed, or not of *size* believable numbers; *name* is the file.
    """
    value = header.get(keyword)
    if (
        isinstance(value, tuple)
        and len(value) == size
        and all(isinstance(part, int | float) and abs(part) < _LARGEST for part in value)
    ):
        return np.array(value, dtype=np.float64)
    raise DataError(
        f"{name} states {keyword} {value!r}; needed {size} numbers.",
        remedy="Without it the image has no place in the patient. Export it again.",
    )


def normal_of(orientation: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Unit normal of a plane, given its row and column direction cosines (6,)."""
    normal = np.cross(orientation[:3], orientation[3:])
    unit: npt.NDArray[np.float64] = normal / np.linalg.norm(normal)
    return unit
