"""A lesion as it was found at one visit."""

from dataclasses import dataclass

from operandi.domain.identity import LesionId
from operandi.domain.mask import Mask


@dataclass(frozen=True, slots=True)
class Lesion:
    """One lesion at one visit.

    Parameters
    ----------
    id : LesionId
        Name within the visit, not yet the same at the next one.
    mask : Mask
        Its voxels.
    organ : str
        Organ it lies in, where an organ map or reader says so; else empty.
    delineation : str
        How its border was found.
    """

    id: LesionId
    mask: Mask
    organ: str
    delineation: str
