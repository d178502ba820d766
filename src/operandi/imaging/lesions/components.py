"""Lesions as connected components above a threshold. Exact and simple; not a detector."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from operandi.domain.identity import LesionId
from operandi.domain.lesion import Lesion
from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.imaging.lesions.reference import ReferenceRegion, suv_inside
from operandi.quantities.errors import DataError

TOUCHES_EXCLUDED: Final = "touches a region that was left out, its border there is that region's"

_NEIGHBORS_26: Final = np.ones((3, 3, 3), dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class Components:
    """What a segmentation above a threshold found.

    Parameters
    ----------
    lesions : tuple of Lesion
        L01, L02 ... by decreasing volume.
    dropped : int
        Components that were smaller than the minimum volume.
    threshold : float
        Voxels with a greater SUV belong to a component, g/mL.
    """

    lesions: tuple[Lesion, ...]
    dropped: int
    threshold: float


def lesion_threshold(liver: ReferenceRegion) -> float:
    """Threshold of the SUV above liver, ``mean + 2 SD``, g/mL."""
    return liver.mean + 2.0 * liver.standard_deviation


def segment_above(
    suv: Volume,
    *,
    threshold: float,
    region: Mask,
    excluded: Mask | None,
    minimum_volume_ml: float,
) -> Components:
    """Take the 26-connected components of SUV above a threshold as lesions.

    Physiological uptake is above the threshold too (kidneys, spleen, bladder ...): what is not
    left out by ``excluded`` comes back as a lesion.

    Parameters
    ----------
    suv : Volume of SUV_BODY_WEIGHT
        Static, g/mL.
    threshold : float
        Voxels belong where the SUV is strictly greater, g/mL.
    region : Mask
        Where to look, such as the body.
    excluded : Mask or None
        What to leave out of the region. A component next to it is kept, and its ``delineation``
        says so: its border there is the mask's, not the uptake's.
    minimum_volume_ml : float, >= 0
        Smaller components are dropped and counted, mL.

    Returns
    -------
    Components
        The lesions, named L01, L02 ... by decreasing volume; equal volumes by their centroid:
        highest z (head) first, then smallest x (right), then smallest y (front).

    Raises
    ------
    DataError
        If ``suv`` is no static SUV, the region is empty or holds a value that is not finite.
    GridMismatchError
        If the masks lie on another grid.
    """
    if not (math.isfinite(threshold) and 0 <= minimum_volume_ml < math.inf):
        raise ValueError(f"threshold, minimum_volume_ml: {threshold}, {minimum_volume_ml}")
    searched = _searched(suv, region=region, excluded=excluded)
    above = searched & (suv.values > threshold)
    labels, found = _labelled(above)
    voxel_ml = suv.grid.voxel_volume_ml
    counts = np.bincount(labels.ravel(), minlength=found + 1)[1:]
    # The slack keeps a component of exactly the minimum from falling to the last bit.
    kept = np.flatnonzero(counts * voxel_ml >= minimum_volume_ml * (1.0 - 1e-9)) + 1
    boxes = ndimage.find_objects(labels)
    rule = f"26-connected voxels with SUV > {threshold:.6g} g/mL, >= {minimum_volume_ml:g} mL"
    pieces = [_Piece.of(labels, label=int(n), box=boxes[n - 1], suv=suv) for n in kept]
    lesions = []
    for number, piece in enumerate(sorted(pieces, key=lambda piece: piece.order), start=1):
        touches = excluded is not None and piece.touches(excluded)
        lesions.append(
            Lesion(
                id=LesionId(f"L{number:02d}"),
                mask=piece.mask(suv),
                organ="",
                delineation=f"{rule}; {TOUCHES_EXCLUDED}" if touches else rule,
            )
        )
    return Components(tuple(lesions), found - len(lesions), threshold)


def _searched(suv: Volume, *, region: Mask, excluded: Mask | None) -> npt.NDArray[np.bool_]:
    suv_inside(suv, region, what="the region searched for lesions")
    if excluded is None:
        return region.inside
    suv.grid.require_same(excluded.grid, what="SUV and the mask that is left out")
    searched = region.inside & ~excluded.inside
    if not searched.any():
        raise DataError(
            "The mask that is left out covers the whole region searched for lesions.",
            remedy="Check both masks.",
        )
    return searched


def _labelled(above: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.int32], int]:
    labels, found = ndimage.label(above, structure=_NEIGHBORS_26)
    return labels, int(found)


@dataclass(frozen=True, slots=True)
class _Piece:
    """One component, cropped to its box."""

    inside: npt.NDArray[np.bool_]
    box: tuple[slice, slice, slice]
    order: tuple[float, float, float, float]

    @classmethod
    def of(
        cls,
        labels: npt.NDArray[np.int32],
        *,
        label: int,
        box: tuple[slice, slice, slice],
        suv: Volume,
    ) -> "_Piece":
        inside = labels[box] == label
        indices = np.argwhere(inside) + [edge.start for edge in box]
        # Rounding: the same position reached through a flipped affine differs in the last bit.
        x, y, z = np.round(suv.grid.position_of(indices.mean(axis=0)), 3).tolist()
        return cls(inside, box, (-len(indices), -z, x, y))

    def touches(self, excluded: Mask) -> bool:
        """Whether one of the 26 neighbors of a voxel is left out."""
        low = [max(edge.start - 1, 0) for edge in self.box]
        wide = tuple(slice(a, edge.stop + 1) for a, edge in zip(low, self.box, strict=True))
        around = excluded.inside[wide]
        here = np.zeros(around.shape, dtype=np.bool_)
        inner = tuple(
            slice(edge.start - a, edge.stop - a) for a, edge in zip(low, self.box, strict=True)
        )
        here[inner] = self.inside
        grown = ndimage.binary_dilation(here, structure=_NEIGHBORS_26)
        return bool((grown & around).any())

    def mask(self, suv: Volume) -> Mask:
        # Written box by box: pages of zeros that are never touched take no memory.
        inside = np.zeros(suv.grid.shape, dtype=np.bool_)
        inside[self.box] = self.inside
        return Mask(inside, suv.grid)
