"""The body on a PET volume, so that nothing is searched in the air around it."""

import math
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.imaging.lesions.reference import suv_inside
from operandi.quantities.errors import DataError

CLOSING_MM: Final = 10.0
"""Gaps up to twice this width in an axial slice are closed before holes are filled."""


def body_region(suv: Volume, *, threshold: float) -> Mask:
    """Find the body as the largest component above a low SUV.

    In each axial slice (across the array axis nearest to head-feet) voxels above the threshold
    are closed by ``CLOSING_MM`` and holes (lungs, cold organs) are filled; of the result the
    largest 26-connected component is kept. Beyond the image the slice's own border goes on, so
    that a body that fills the field of view is not eaten from its edges. A simple rule for
    limiting a search: not a body contour for attenuation, and arms beside the trunk may be lost.

    Parameters
    ----------
    suv : Volume of SUV_BODY_WEIGHT
        Static, g/mL.
    threshold : float, > 0
        SUV that tissue exceeds and air does not, g/mL; depends on tracer and noise.

    Raises
    ------
    DataError
        If ``suv`` is no static SUV, holds a value that is not finite, or is nowhere above the
        threshold.
    """
    if not 0 < threshold < math.inf:
        raise ValueError(f"threshold must be > 0, got {threshold}")
    everywhere = Mask(np.ones(suv.grid.shape, dtype=np.bool_), suv.grid)
    suv_inside(suv, everywhere, what="the image")
    above = suv.values > threshold
    if not above.any():
        raise DataError(
            f"No voxel has an SUV above {threshold:g} g/mL, so there is no body.",
            remedy="Lower the body threshold, or check the SUV.",
        )
    axis = int(np.abs(suv.grid.affine[2, :3] / np.array(suv.grid.spacing_mm)).argmax())
    in_plane = [mm for other, mm in enumerate(suv.grid.spacing_mm) if other != axis]
    steps = max(1, round(CLOSING_MM / max(in_plane)))
    slices = np.moveaxis(above, axis, 0)
    filled = np.stack([_closed_and_filled(plane, steps=steps) for plane in slices])
    body = _largest_component(np.moveaxis(filled, 0, axis))
    return Mask(body, suv.grid)


def _closed_and_filled(plane: npt.NDArray[np.bool_], *, steps: int) -> npt.NDArray[np.bool_]:
    cross = ndimage.generate_binary_structure(2, 1)
    wide = np.pad(plane, steps, mode="edge")
    closed = ndimage.binary_closing(wide, structure=cross, iterations=steps)
    kept: npt.NDArray[np.bool_] = ndimage.binary_fill_holes(closed[steps:-steps, steps:-steps])
    return kept


def _largest_component(inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    labels, found = ndimage.label(inside, structure=np.ones((3, 3, 3), dtype=np.bool_))
    counts = np.bincount(labels.ravel(), minlength=int(found) + 1)
    largest: npt.NDArray[np.bool_] = labels == counts[1:].argmax() + 1
    return np.ascontiguousarray(largest)
