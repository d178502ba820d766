"""Rigid alignment of two images by the regions that a reader drew on both."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk  # noqa: N813 - the name its own documentation uses

from operandi.domain.mask import Mask
from operandi.imaging.register import (
    coarsened,
    image_on,
    matrix_of,
    one_thread,
    require_repeatable,
    sought,
    turn_deg_of,
)
from operandi.imaging.resample import resample_mask
from operandi.quantities.errors import DataError

LEAST_DICE: Final = 0.7
"""Of each region after alignment; below it the two outlines are not of one thing."""

# Farther from an outline its distance says nothing of how the two lie.
_FARTHEST_MM: Final = 20.0
_CHECK: Final = "Check that the same region bears the same name in both structure sets."

_Images = tuple[sitk.Image, sitk.Image]


@dataclass(frozen=True, slots=True, eq=False)
class RegionAlignment:
    """Where a position of the fixed image lies in the moving one.

    Parameters
    ----------
    matrix : array, (4, 4)
        Rotation and shift from fixed to moving positions, LPS in mm. Read-only.
    dice : mapping of str to float
        Overlap of each region with its namesake, after alignment, on the fixed grid.
    turn_deg : float
        Angle of the rotation.
    """

    matrix: npt.NDArray[np.float64]
    dice: Mapping[str, float]
    turn_deg: float

    def __post_init__(self) -> None:
        self.matrix.setflags(write=False)


def register_regions(fixed: Mapping[str, Mask], moving: Mapping[str, Mask]) -> RegionAlignment:
    """Find the rotation and shift that lay regions onto their namesakes.

    Signed distances to the outlines, cut off at 20 mm and summed over the regions, are compared by
    their mean squared difference, from a start with the centers of mass on one another. Two
    restarts must lead back, or the regions are too round to tell a turn.

    For images that share too little content for :func:`~operandi.imaging.register.
    rigid_registration`. It is as good as the outlines: where readers drew what each image shows,
    the two differ by more than the alignment's error.

    Parameters
    ----------
    fixed, moving : mapping of str to Mask
        Regions by name, each mapping on one grid. Names that only one has are passed over.

    Raises
    ------
    DataError
        If no name is shared, if a region is empty, if a restart ends elsewhere, or if a region
        overlaps its namesake by a Dice coefficient [1]_ below ``LEAST_DICE``.

    References
    ----------
    .. [1] Dice, Ecology 26:297, 1945.
    """
    names = sorted(fixed.keys() & moving.keys())
    if not names:
        raise DataError("No region was drawn on both images under one name.", remedy=_CHECK)
    if empty := [n for n in names if not (fixed[n].inside.any() and moving[n].inside.any())]:
        raise DataError(f"The region {empty[0]} is empty on one image.", remedy=_CHECK)
    images = _distance_of(fixed, names, what="fixed"), _distance_of(moving, names, what="moving")
    start = sitk.Euler3DTransform()
    here, radius_mm = _extent(fixed, names)
    start.SetCenter(here.tolist())
    start.SetTranslation((_extent(moving, names)[0] - here).tolist())

    def seek(start: sitk.Euler3DTransform) -> sitk.Euler3DTransform:
        method = sitk.ImageRegistrationMethod()
        method.SetMetricAsMeanSquares()
        return sought(start, method=method, images=images, lever_mm=radius_mm)

    try:
        with one_thread():
            found = seek(start)
            require_repeatable(found, seek=seek, remedy=_CHECK)
    except RuntimeError as error:
        raise DataError("The regions lost one another.", remedy=_CHECK) from error
    matrix = matrix_of(found)
    dice = {name: _dice(fixed[name], moving[name], matrix) for name in names}
    worst = min(names, key=lambda name: dice[name])
    if dice[worst] < LEAST_DICE:
        raise DataError(
            f"After the best rigid alignment, {worst} overlaps its namesake by a Dice coefficient "
            f"of {dice[worst]:.2f}; needed {LEAST_DICE}.",
            remedy=_CHECK,
        )
    return RegionAlignment(matrix, dice, turn_deg_of(matrix))


def _distance_of(masks: Mapping[str, Mask], names: list[str], *, what: str) -> sitk.Image:
    """Sum of the signed distances to the outlines, mm, around the regions."""
    inside = np.logical_or.reduce([masks[name].inside for name in names])
    grid = masks[names[0]].grid
    margin = np.ceil(_FARTHEST_MM / np.array(grid.spacing_mm)).astype(int) + 1
    where = np.argwhere(inside)
    low = np.maximum(where.min(axis=0) - margin, 0).tolist()
    high = np.minimum(where.max(axis=0) + margin + 1, grid.shape).tolist()
    box = tuple(slice(*ends) for ends in zip(low, high, strict=True))
    distances = [
        sitk.SignedMaurerDistanceMap(
            image_on(grid, masks[name].inside.astype(np.uint8), what=what)[box],
            insideIsPositive=True,
            squaredDistance=False,
            useImageSpacing=True,
        )
        for name in names
    ]
    limits = (sitk.sitkFloat32, -_FARTHEST_MM, _FARTHEST_MM)
    clipped = [sitk.Clamp(distance, *limits) for distance in distances]
    return coarsened(sitk.NaryAdd(clipped))


def _extent(masks: Mapping[str, Mask], names: list[str]) -> tuple[npt.NDArray[np.float64], float]:
    """Mean of the regions' centers, and root mean square distance of their voxels from it, mm."""
    where = [masks[name].grid.position_of(np.argwhere(masks[name].inside)) for name in names]
    center: npt.NDArray[np.float64] = np.mean([points.mean(axis=0) for points in where], axis=0)
    squared = np.concatenate([((points - center) ** 2).sum(axis=1) for points in where])
    return center, float(np.sqrt(squared.mean()))


def _dice(one: Mask, other: Mask, matrix: npt.NDArray[np.float64]) -> float:
    moved = resample_mask(other, one.grid, transform=matrix).inside
    both = int(np.count_nonzero(one.inside & moved))
    return 2.0 * both / (int(np.count_nonzero(one.inside)) + int(np.count_nonzero(moved)))
