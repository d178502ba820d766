"""Outlines of an earlier visit's lesions, laid where they are expected on a later PET."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.domain.grid import Grid
from operandi.domain.identity import LesionId, TimepointCode
from operandi.domain.mask import Mask
from operandi.imaging.lesions.found_organs import FoundOrgans
from operandi.imaging.lesions.tracking.alignment import align_visits
from operandi.imaging.lesions.tracking.visit_lesions import VisitLesions

ALIGNED_BY: Final = ("liver", "spleen", "left kidney", "right kidney")
"""Organs found well enough to lay two visits on one another."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeenBefore:
    """A lesion as it was seen last.

    Parameters
    ----------
    name : LesionId
        At the visit that saw it last.
    seen_at : TimepointCode
        That visit.
    outline : Mask
        Its voxels, whole or on a tight box.
    """

    name: LesionId
    seen_at: TimepointCode
    outline: Mask


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CarriedPlace:
    """A lesion seen before, where it is expected now.

    Parameters
    ----------
    of : SeenBefore
        The lesion.
    box : tuple of slice
        Of the later grid.
    inside : bool array, of the box's shape
        Its outline there; empty where it lies beyond the image.
    """

    of: SeenBefore
    box: tuple[slice, slice, slice]
    inside: npt.NDArray[np.bool_]

    def outline_on(self, grid: Grid) -> Mask:
        """The outline on its box of the later grid."""
        return Mask(self.inside, grid_of_box(grid, self.box))


def grid_of_box(grid: Grid, box: tuple[slice, slice, slice]) -> Grid:
    """Grid of a box of voxels."""
    affine = grid.affine.copy()
    affine[:3, 3] = grid.position_of([edge.start for edge in box])
    i, j, k = (edge.stop - edge.start for edge in box)
    return Grid((i, j, k), affine, grid.frame_of_reference)


def carried_places(
    seen: tuple[SeenBefore, ...],
    *,
    timepoints: tuple[TimepointCode, TimepointCode],
    organs: tuple[FoundOrgans, FoundOrgans],
    grid: Grid,
) -> tuple[tuple[CarriedPlace, ...], str]:
    """Move outlines from one visit to the next.

    The visits are laid on one another by the outlines of liver, spleen and kidneys, or by their
    centers where that is refused, and each organ's own shift is added (``align_visits``). No image
    is registered: that would take longer than all else. An outline moves
    by the shift of its center: it is not turned, which within 30 mm and 3 degrees is 2 mm.

    Parameters
    ----------
    seen : tuple of SeenBefore
        On the grid of the earlier visit, or parts of it.
    timepoints, organs : tuple of two
        Of the earlier and the later visit.
    grid : Grid
        Of the later PET.

    Returns
    -------
    places : tuple of CarriedPlace
        In the order of *seen*.
    description : str
        How they were moved.
    """
    if not seen:
        return (), ""
    before, after = (
        VisitLesions(
            timepoint=timepoint,
            lesions=(),
            organs={
                name: mask
                for name in ALIGNED_BY
                if (mask := one.named(name)) is not None and mask.inside.any()
            },
        )
        for timepoint, one in zip(timepoints, organs, strict=True)
    )
    alignment = align_visits(before, after)
    centers = np.stack([_center(one.outline) for one in seen])
    shifts = alignment.moved(centers) - centers
    places = tuple(_moved(one, shift, grid=grid) for one, shift in zip(seen, shifts, strict=True))
    return places, alignment.description


def _center(mask: Mask) -> npt.NDArray[np.float64]:
    return mask.grid.position_of(np.argwhere(mask.inside).mean(axis=0))


def _moved(one: SeenBefore, shift: npt.NDArray[np.float64], *, grid: Grid) -> CarriedPlace:
    """Look up each voxel of the later grid in the outline."""
    index = np.argwhere(one.outline.inside)
    corners = np.stack(
        np.meshgrid(*zip(index.min(axis=0) - 1, index.max(axis=0) + 1, strict=True), indexing="ij"),
        axis=-1,
    ).reshape(-1, 3)
    reached = grid.index_of(one.outline.grid.position_of(corners) + shift)
    low = np.clip(np.floor(reached.min(axis=0)), 0, grid.shape).astype(int)
    high = np.clip(np.ceil(reached.max(axis=0)) + 1, 0, grid.shape).astype(int)
    high = np.maximum(high, low)
    box = (slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2]))
    axes = [np.arange(edge.start, edge.stop) for edge in box]
    here = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    source = np.rint(one.outline.grid.index_of(grid.position_of(here) - shift)).astype(int)
    known = ((source >= 0) & (source < np.array(one.outline.grid.shape))).all(axis=-1)
    inside = np.zeros(here.shape[:-1], dtype=np.bool_)
    inside[known] = one.outline.inside[tuple(source[known].T)]
    return CarriedPlace(of=one, box=box, inside=inside)
