"""What is above the threshold but no lesion: spill-out of hot organs, and noise (decision 0007)."""

from typing import Final

import numpy as np
from scipy import ndimage

from operandi.domain.identity import LesionId
from operandi.domain.lesion import Lesion
from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.imaging.lesions.components import Components
from operandi.imaging.lesions.measures.peak import suv_peak
from operandi.imaging.lesions.reference import ReferenceRegion

DETECTION_SD: Final = 3.0
"""A 1 mL sphere must exceed the liver's mean by this many voxel SD. A liver holds over a thousand
such spheres, so that at 2 SD noise alone would give dozens of lesions."""


def widened(mask: Mask, *, margin_mm: float) -> Mask:
    """Add all voxels whose center lies within *margin_mm* of a voxel inside.

    Parameters
    ----------
    mask : Mask
        On a grid with orthogonal axes.
    margin_mm : float, >= 0
        About the resolution of the scanner: hot organs spill that far.
    """
    if not mask.inside.any():
        return mask
    distance = ndimage.distance_transform_edt(~mask.inside, sampling=mask.grid.spacing_mm)
    return Mask(np.asarray(distance <= margin_mm), mask.grid)


def above_noise(suv: Volume, found: Components, liver: ReferenceRegion) -> Components:
    """Keep the components whose SUVpeak exceeds the liver's mean by ``DETECTION_SD`` SD.

    A component that no 1 mL sphere fits into the image around is dropped too. The rest are
    numbered anew.
    """
    limit = liver.mean + DETECTION_SD * liver.standard_deviation
    kept = [
        lesion
        for lesion in found.lesions
        if (peak := suv_peak(suv, lesion.mask)) is not None and peak > limit
    ]
    lesions = tuple(
        Lesion(LesionId(f"L{number:02d}"), one.mask, one.organ, one.delineation)
        for number, one in enumerate(kept, start=1)
    )
    dropped = found.dropped + len(found.lesions) - len(lesions)
    return Components(lesions, dropped, found.threshold)
