"""Lesions of one PET: seeds, borders, flags."""

import math
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
from operandi.imaging.lesions.organs import lacking, organ_named
from operandi.imaging.lesions.reference import ReferenceRegion
from operandi.imaging.lesions.segmentation.delineate import delineate
from operandi.imaging.lesions.segmentation.found import (
    LesionFlag,
    SegmentedLesion,
    SegmentedLesions,
)
from operandi.imaging.lesions.segmentation.neighborhood import Box, SeedNeighborhood, above
from operandi.imaging.lesions.segmentation.partial_volume import corrected_mean
from operandi.imaging.lesions.segmentation.seeds import (
    LesionSeeds,
    ListedOrgans,
    LiverReferenced,
    find_seeds,
)
from operandi.imaging.lesions.segmentation.settings import (
    DelineationMethod,
    SegmentationSettings,
    SuvMeanCorrection,
)
from operandi.imaging.lesions.segmentation.surroundings import every_surroundings
from operandi.imaging.lesions.segmentation.water_trim import trimmed_by_water

WIDE_TIMES: Final = 4.0
"""Volume over that of the half-maximum contour from which a border is not believed. Assumed."""

_AS_STATED: Final = {DelineationMethod.FIXED_SUV, DelineationMethod.LIVER_MEAN_2SD}
"""Thresholds that somebody stated: kept, and flagged."""

_CUBE: Final = np.ones((3, 3, 3), dtype=np.bool_)


def segment_lesions(
    suv: Volume,
    *,
    organs: ListedOrgans,
    references: LiverReferenced,
    settings: SegmentationSettings,
    water: Volume | None = None,
) -> SegmentedLesions:
    """Find and delineate lesions on somatostatin-receptor PET.

    1. Maxima of smoothed uptake stand for lesions where they exceed the liver-referenced levels;
       what flows into an organ without a saddle of its own is that organ's (``find_seeds``).
    2. Each is delineated inside its basin by the settings' method (``delineate``). A border of more
       than ``WIDE_TIMES`` the volume of the half-maximum contour follows an organ; that contour
       then takes its place, and the lesion is flagged.
    3. With MR, border voxels of plainly other tissue are taken off (``trimmed_by_water``).
    4. Lesions below the minimum volume are dropped and counted; the rest are flagged.

    Parameters
    ----------
    suv : Volume of SUV_BODY_WEIGHT
        Static, g/mL.
    organs : ListedOrgans
        Organs on the grid of ``suv``.
    references : LiverReferenced
        The liver reference, or None for it where it could not be had.
    settings : SegmentationSettings
        Resolution, method, limits.
    water : Volume, optional
        MR water image in the PET's frame of reference, on any grid.

    Returns
    -------
    SegmentedLesions
        By decreasing volume; equal ones by position.

    Raises
    ------
    DataError
        If ``suv`` is no static finite SUV, or there is neither a liver reference nor
        ``settings.seed_suv``.
    GridMismatchError
        If masks lie on another grid, or ``water`` in another frame of reference.
    """
    liver = references.liver
    seeds = find_seeds(suv, organs=organs, liver=liver, settings=settings)
    pieces = []
    cut_out = every_surroundings(suv, seeds, liver=liver, settings=settings)
    for in_liver, (around, box) in zip(seeds.in_liver, cut_out, strict=True):
        inside = delineate(around, method=settings.method, settings=settings, liver=liver)
        trimmed, half = False, _half_maximum(around)
        wide = int(np.count_nonzero(inside)) > WIDE_TIMES * max(int(np.count_nonzero(half)), 1)
        if wide and settings.method not in _AS_STATED:
            inside = half
        if water is not None and inside.any():
            inside, trimmed = trimmed_by_water(
                around, inside, water=water, onto=sub_grid(suv.grid, box=box)
            )
        least = settings.minimum_volume_ml * (1.0 - 1e-9)
        if inside.any() and np.count_nonzero(inside) * suv.grid.voxel_volume_ml >= least:
            pieces.append(_Piece(around, box, inside, in_liver, trimmed, wide))
    owner = _owners(suv.grid, pieces)
    pieces.sort(key=lambda piece: piece.order(suv.grid))
    lesions = tuple(
        _lesion(suv, piece, seeds, owner, number=number, liver=liver, settings=settings)
        for number, piece in enumerate(pieces, start=1)
    )
    mapped = tuple(organ_named(name, "") for name, mask in organs.masks if mask.inside.any())
    return SegmentedLesions(
        lesions=lesions,
        dropped=len(seeds.chosen) - len(lesions),
        unmapped=lacking(mapped, absent=tuple(getattr(organs, "absent", ()))),
        settings=settings,
        rule=seeds.rule,
    )


def sub_grid(grid: Grid, *, box: Box) -> Grid:
    """The grid of a box of voxels."""
    affine = grid.affine.copy()
    affine[:3, 3] = grid.position_of([edge.start for edge in box])
    shape = tuple(edge.stop - edge.start for edge in box)
    return Grid((shape[0], shape[1], shape[2]), affine, grid.frame_of_reference)


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    around: SeedNeighborhood
    box: Box
    inside: npt.NDArray[np.bool_]
    in_liver: bool
    trimmed: bool
    wide: bool

    def order(self, grid: Grid) -> tuple[float, float, float, float]:
        """Volume, then head to feet, right to left, front to back."""
        index = np.argwhere(self.inside)
        corner = [edge.start for edge in self.box]
        x, y, z = np.round(grid.position_of(index.mean(axis=0) + corner), 3).tolist()
        return -len(index), -z, x, y


def _owners(grid: Grid, pieces: list[_Piece]) -> npt.NDArray[np.bool_]:
    """All voxels of lesions."""
    taken = np.zeros(grid.shape, dtype=np.bool_)
    for piece in pieces:
        taken[piece.box] |= piece.inside
    return taken


def _lesion(  # noqa: PLR0913
    suv: Volume,
    piece: _Piece,
    seeds: LesionSeeds,
    taken: npt.NDArray[np.bool_],
    *,
    number: int,
    liver: ReferenceRegion | None,
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
        delineation=_delineation(piece, settings),
        suv_maximum=float(around.suv[piece.inside].max()),
        suv_mean=mean,
        background=around.background,
        flags=_flags(suv, piece, seeds, taken, box=box, liver=liver, settings=settings),
    )


def _delineation(piece: _Piece, settings: SegmentationSettings) -> str:
    """How the border came about."""
    narrowed = piece.wide and settings.method not in _AS_STATED
    how = (
        f"half of the maximum, as {settings.method} followed an organ"
        if narrowed
        else (f"{settings.method}")
    )
    return f"{how} in its basin, background {piece.around.background:.3g} g/mL"


def _flags(  # noqa: PLR0913
    suv: Volume,
    piece: _Piece,
    seeds: LesionSeeds,
    taken: npt.NDArray[np.bool_],
    *,
    box: Box,
    liver: ReferenceRegion | None,
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
        LesionFlag.TOUCHES_ORGAN: bool(seeds.organ[beside].any()),
        LesionFlag.TOUCHES_LESION: bool(taken[beside].any()),
        LesionFlag.CUT_BY_EDGE: edge,
        LesionFlag.NO_LIVER_REFERENCE: liver is None,
        LesionFlag.WIDE: piece.wide,
        LesionFlag.TRIMMED_BY_MR: piece.trimmed,
    }
    return tuple(flag for flag in LesionFlag if raised[flag])


def _half_maximum(around: SeedNeighborhood) -> npt.NDArray[np.bool_]:
    """The contour midway between seed and background."""
    return above(around, threshold=around.background + 0.5 * (around.level - around.background))
