"""Boxes around lesions: on whole volumes, lesion by lesion, measuring takes half a minute."""

from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.domain.grid import Grid
from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.imaging.lesions.measures.peak import PEAK_RADIUS_MM

IndexBox = tuple[slice, slice, slice]

_MARGIN_VOXELS: Final = 2


def box_around(mask: Mask, *, margin_mm: float = PEAK_RADIUS_MM) -> IndexBox:
    """Box of indices around a mask's voxels, wider by a margin and two voxels, within the image.

    The margin is by default the radius of the peak sphere: SUVpeak in the box is that in the
    image. The mask must not be empty.
    """
    inside = mask.inside
    reach = margin_mm * np.linalg.norm(np.linalg.inv(mask.grid.affine[:3, :3]), axis=1)
    others = ((1, 2), (0, 2), (0, 1))
    i, j, k = (
        _span(np.flatnonzero(inside.any(axis=other)), int(np.ceil(more)) + _MARGIN_VOXELS, size)
        for other, more, size in zip(others, reach, inside.shape, strict=True)
    )
    return i, j, k


def _span(indices: npt.NDArray[np.intp], margin: int, size: int) -> slice:
    return slice(max(int(indices[0]) - margin, 0), min(int(indices[-1]) + 1 + margin, size))


def grid_in(box: IndexBox, grid: Grid) -> Grid:
    """The grid of the voxels in a box."""
    affine = grid.affine.copy()
    affine[:3, 3] = grid.position_of([part.start for part in box])
    i, j, k = (part.stop - part.start for part in box)
    return Grid((i, j, k), affine, grid.frame_of_reference)


def mask_in(box: IndexBox, mask: Mask) -> Mask:
    """The part of a mask in a box."""
    return Mask(mask.inside[box], grid_in(box, mask.grid))


def volume_in(box: IndexBox, volume: Volume) -> Volume:
    """The part of a static volume in a box."""
    part = grid_in(box, volume.grid)
    return Volume(volume.values[box], part, volume.kind, volume.decay_reference, volume.frames)
