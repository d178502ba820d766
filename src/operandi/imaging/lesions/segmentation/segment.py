"""Lesions of one PET: seeds, borders, flags."""

from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.domain.volume import Volume
from operandi.imaging.lesions.organs import lacking, organ_named
from operandi.imaging.lesions.segmentation.bowel import bowel_range, taken_for_bowel
from operandi.imaging.lesions.segmentation.delineate import delineate
from operandi.imaging.lesions.segmentation.found import SegmentedLesions
from operandi.imaging.lesions.segmentation.neighborhood import SeedNeighborhood, above
from operandi.imaging.lesions.segmentation.pieces import Piece, lesions_of_pieces, sub_grid
from operandi.imaging.lesions.segmentation.seeds import (
    ListedOrgans,
    LiverReferenced,
    blood_of,
    find_seeds,
)
from operandi.imaging.lesions.segmentation.settings import (
    DelineationMethod,
    SegmentationSettings,
)
from operandi.imaging.lesions.segmentation.surroundings import every_surroundings
from operandi.imaging.lesions.segmentation.water_trim import trimmed_by_water

WIDE_TIMES: Final = 4.0
"""Volume over that of the half-maximum contour from which a border is not believed. Assumed."""

WITHIN_SHARE: Final = 0.8
"""Of a wide border's voxels that lie in the liver where the border is believed. Assumed."""

_AS_STATED: Final = {DelineationMethod.FIXED_SUV, DelineationMethod.LIVER_MEAN_2SD}
"""Thresholds that somebody stated: kept, and flagged."""


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
       What winds like bowel and is hardly above the seed level is left out as such, and named,
       where bowel can lie (``bowel_range``).
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
    seeds = find_seeds(
        suv, organs=organs, liver=liver, settings=settings, blood=blood_of(references)
    )
    pieces, bowel = [], []
    where = bowel_range(organs.masks)
    cut_out = every_surroundings(suv, seeds, liver=liver, settings=settings)
    for in_liver, (around, box) in zip(seeds.in_liver, cut_out, strict=True):
        inside = delineate(around, method=settings.method, settings=settings, liver=liver)
        trimmed, half = False, _half_maximum(around)
        wide = int(np.count_nonzero(inside)) > WIDE_TIMES * max(int(np.count_nonzero(half)), 1)
        wide = wide and not _within_liver(inside, seeds.liver[box])
        if wide and settings.method not in _AS_STATED:
            inside = half
        if water is not None and inside.any():
            inside, trimmed = trimmed_by_water(
                around, inside, water=water, onto=sub_grid(suv.grid, box=box)
            )
        winding = (
            None
            if in_liver
            else taken_for_bowel(
                around, inside, box=box, grid=suv.grid, where=where, level=seeds.level
            )
        )
        if winding is not None:
            bowel.append(winding)
            continue
        least = settings.minimum_volume_ml * (1.0 - 1e-9)
        if inside.any() and np.count_nonzero(inside) * suv.grid.voxel_volume_ml >= least:
            pieces.append(
                Piece(
                    around=around,
                    box=box,
                    inside=inside,
                    in_liver=in_liver,
                    delineation=_delineation(around, settings, wide=wide),
                    trimmed=trimmed,
                    wide=wide,
                )
            )
    lesions = lesions_of_pieces(
        suv, pieces, organ=seeds.organ, has_liver=liver is not None, settings=settings
    )
    mapped = tuple(organ_named(name, "") for name, mask in organs.masks if mask.inside.any())
    return SegmentedLesions(
        lesions=lesions,
        dropped=len(seeds.chosen) - len(lesions),
        bowel=tuple(bowel),
        unmapped=lacking(mapped, absent=tuple(getattr(organs, "absent", ()))),
        settings=settings,
        rule=seeds.rule,
    )


def _within_liver(inside: npt.NDArray[np.bool_], liver: npt.NDArray[np.bool_]) -> bool:
    """Whether a border stays in the liver, where uneven uptake and no organ widens it."""
    return bool(np.count_nonzero(inside & liver) >= WITHIN_SHARE * np.count_nonzero(inside))


def _half_maximum(around: SeedNeighborhood) -> npt.NDArray[np.bool_]:
    """The contour midway between seed and background."""
    return above(around, threshold=around.background + 0.5 * (around.level - around.background))


def _delineation(around: SeedNeighborhood, settings: SegmentationSettings, *, wide: bool) -> str:
    """How the border came about."""
    narrowed = wide and settings.method not in _AS_STATED
    how = (
        f"half of the maximum, as {settings.method} followed an organ"
        if narrowed
        else f"{settings.method}"
    )
    return f"{how} in its basin, background {around.background:.3g} g/mL"
