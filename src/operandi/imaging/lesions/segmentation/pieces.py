"""Voxels of lesions to lesions: numbered, measured and flagged, whoever delineated them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from operandi.domain.grid import Grid
from operandi.domain.identity import LesionId
from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.imaging.lesions.measures.peak import suv_peak
from operandi.imaging.lesions.segmentation.found import LesionFlag, SegmentedLesion
from operandi.imaging.lesions.segmentation.neighborhood import Box, SeedNeighborhood
from operandi.imaging.lesions.segmentation.partial_volume import corrected_mean
from operandi.imaging.lesions.segmentation.settings import (
    SegmentationSettings,
    SuvMeanCorrection,
)

_CUBE: Final = np.ones((3, 3, 3), dtype=np.bool_)


def sub_grid(grid: Grid, *, box: Box) -> Grid:
    """The grid of a box of voxels."""
    affine = grid.affine.copy()
    affine[:3, 3] = grid.position_of([edge.start for edge in box])
    shape = tuple(edge.stop - edge.start for edge in box)
    return Grid((shape[0], shape[1], shape[2]), affine, grid.frame_of_reference)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Piece:
    """A lesion's voxels in their surroundings.

    Parameters
    ----------
    around : SeedNeighborhood
        Image and background around it.
    box : tuple of slice
        Where the neighborhood lies in the image.
    inside : bool array, of the neighborhood's shape
        Its voxels; at least one.
    in_liver : bool
        Whether it lies in the liver.
    delineation : str
        How the border came about.
    trimmed, wide : bool
        Whether MR took voxels off, and whether the border was many times the half-maximum contour.
    """

    around: SeedNeighborhood
    box: Box
    inside: npt.NDArray[np.bool_]
    in_liver: bool
    delineation: str
    trimmed: bool = False
    wide: bool = False

    def order(self, grid: Grid) -> tuple[float, float, float, float]:
        """Volume, then head to feet, right to left, front to back."""
        index = np.argwhere(self.inside)
        corner = [edge.start for edge in self.box]
        x, y, z = np.round(grid.position_of(index.mean(axis=0) + corner), 3).tolist()
        return -len(index), -z, x, y


def lesions_of_pieces(
    suv: Volume,
    pieces: Sequence[Piece],
    *,
    organ: npt.NDArray[np.bool_],
    has_liver: bool,
    settings: SegmentationSettings,
) -> tuple[SegmentedLesion, ...]:
    """Number lesions by decreasing volume, equal ones by position, and measure and flag them.

    Parameters
    ----------
    suv : Volume of SUV_BODY_WEIGHT
        The image.
    pieces : sequence of Piece
        No voxel in two.
    organ : bool array, (i, j, k)
        Physiological organs.
    has_liver : bool
        Whether there was a liver reference.
    settings : SegmentationSettings
        Resolution and partial-volume handling.
    """
    taken = _owners(suv.grid, pieces)
    return tuple(
        _lesion(suv, piece, organ, taken, number=number, has_liver=has_liver, settings=settings)
        for number, piece in enumerate(
            sorted(pieces, key=lambda piece: piece.order(suv.grid)), start=1
        )
    )


def _owners(grid: Grid, pieces: Sequence[Piece]) -> npt.NDArray[np.bool_]:
    """All voxels of lesions."""
    taken = np.zeros(grid.shape, dtype=np.bool_)
    for piece in pieces:
        taken[piece.box] |= piece.inside
    return taken


def _lesion(  # noqa: PLR0913
    suv: Volume,
    piece: Piece,
    organ: npt.NDArray[np.bool_],
    taken: npt.NDArray[np.bool_],
    *,
    number: int,
    has_liver: bool,
    settings: SegmentationSettings,
) -> SegmentedLesion:
    tight = ndimage.find_objects(piece.inside.astype(np.int8))[0]
    corner = [edge.start for edge in piece.box]
    edges = [slice(c + e.start, c + e.stop) for c, e in zip(corner, tight, strict=True)]
    box = (edges[0], edges[1], edges[2])
    around = piece.around
    peak = None
    if settings.correction is SuvMeanCorrection.PEAK:
        local = Mask(piece.inside, sub_grid(suv.grid, box=piece.box))
        peak = suv_peak(Volume(around.suv, local.grid, suv.kind), local)
    mean = corrected_mean(
        around,
        piece.inside,
        fwhm_mm=settings.fwhm_mm,
        fwhm_sd_mm=settings.fwhm_sd_mm,
        peak=peak,
        correction=settings.correction,
    )
    seed = tuple(c + s for c, s in zip(corner, around.seed, strict=True))
    return SegmentedLesion(
        id=LesionId(f"L{number:02d}"),
        box=box,
        inside=np.ascontiguousarray(piece.inside[tight]),
        grid=suv.grid,
        seed=(seed[0], seed[1], seed[2]),
        organ="liver" if piece.in_liver else "",
        delineation=piece.delineation,
        suv_maximum=float(around.suv[piece.inside].max()),
        suv_mean=mean,
        background=around.background,
        flags=_flags(suv, piece, organ, taken, box=box, has_liver=has_liver, settings=settings),
    )


def _flags(  # noqa: PLR0913
    suv: Volume,
    piece: Piece,
    organ: npt.NDArray[np.bool_],
    taken: npt.NDArray[np.bool_],
    *,
    box: Box,
    has_liver: bool,
    settings: SegmentationSettings,
) -> tuple[LesionFlag, ...]:
    shape = suv.grid.shape
    wide = np.pad(piece.inside, 1)
    rim = ndimage.binary_dilation(wide, _CUBE) & ~wide
    index = np.argwhere(rim) - 1 + [edge.start for edge in piece.box]
    index = index[((index >= 0) & (index < shape)).all(axis=1)]
    beside = tuple(index.T)
    volume_ml = np.count_nonzero(piece.inside) * suv.grid.voxel_volume_ml
    smallest_ml = math.pi / 6.0 * (2.0 * settings.fwhm_mm) ** 3 / 1000.0
    edge = any(e.start == 0 or e.stop == n for e, n in zip(box, shape, strict=True))
    raised = {
        LesionFlag.BELOW_RESOLUTION: volume_ml < smallest_ml,
        LesionFlag.TOUCHES_ORGAN: bool(organ[beside].any()),
        LesionFlag.TOUCHES_LESION: bool(taken[beside].any()),
        LesionFlag.CUT_BY_EDGE: edge,
        LesionFlag.NO_LIVER_REFERENCE: not has_liver,
        LesionFlag.WIDE: piece.wide,
        LesionFlag.TRIMMED_BY_MR: piece.trimmed,
    }
    return tuple(flag for flag in LesionFlag if raised.get(flag))
