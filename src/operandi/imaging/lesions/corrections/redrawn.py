"""A lesion whose border a reader drew, with the same numbers and flags as one that was found."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from operandi.domain.identity import LesionId
from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.imaging.lesions.measures.peak import suv_peak
from operandi.imaging.lesions.organs import organ_named
from operandi.imaging.lesions.reference import ReferenceRegion
from operandi.imaging.lesions.segmentation.found import LesionFlag, SegmentedLesion
from operandi.imaging.lesions.segmentation.neighborhood import Box, SeedNeighborhood
from operandi.imaging.lesions.segmentation.partial_volume import corrected_mean
from operandi.imaging.lesions.segmentation.pieces import sub_grid
from operandi.imaging.lesions.segmentation.seeds import ListedOrgans, counts_as_physiological
from operandi.imaging.lesions.segmentation.settings import SegmentationSettings, SuvMeanCorrection
from operandi.imaging.lesions.segmentation.surroundings import SHELL_FWHM, shell_background

_CUBE: Final = np.ones((3, 3, 3), dtype=np.bool_)
_HALF: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RedrawnFrom:
    """What lesions of a reader are measured against.

    Parameters
    ----------
    suv : Volume of SUV_BODY_WEIGHT
        The PET.
    organ, in_liver : bool array, (i, j, k)
        Organs with uptake of their own; the liver.
    lesions : bool array, (i, j, k)
        Voxels of all lesions of the new version.
    liver : ReferenceRegion or None
        The liver reference.
    settings : SegmentationSettings
        Resolution, and how the mean is corrected.
    """

    suv: Volume
    organ: npt.NDArray[np.bool_]
    in_liver: npt.NDArray[np.bool_]
    lesions: npt.NDArray[np.bool_]
    liver: ReferenceRegion | None
    settings: SegmentationSettings


def organs_and_liver(
    organs: ListedOrgans, shape: tuple[int, int, int]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Voxels of organs with uptake of their own, and of the liver."""
    organ, liver = np.zeros(shape, dtype=np.bool_), np.zeros(shape, dtype=np.bool_)
    for name, mask in organs.masks:
        if counts_as_physiological(name):
            organ |= mask.inside
        elif organ_named(name, "") == "liver":
            liver |= mask.inside
    return organ, liver


def redrawn_lesion(
    what: RedrawnFrom,
    inside: npt.NDArray[np.bool_],
    box: Box,
    *,
    lesion: LesionId,
    organ: str,
    delineation: str,
) -> SegmentedLesion:
    """Measure and flag a lesion as a reader drew it.

    The background is the liver's mean where more than half of the lesion lies in the liver, else
    the median of the shell between ``SHELL_FWHM`` of its border, in neither organ nor lesion. The
    border stays as drawn, however small the lesion and whatever organ it lies in. The fit of the
    corrected mean looks for its contour no further than one resolution beyond it.

    Parameters
    ----------
    what : RedrawnFrom
        Image, organs, other lesions.
    inside : bool array, of the box's shape
        Its voxels, at least one.
    box : tuple of slice
        Where they lie, tight.
    lesion : LesionId
        Its name.
    organ : str
        As known before; ``liver`` is found out.
    delineation : str
        Rule in words.
    """
    settings, suv = what.settings, what.suv
    in_liver = float(what.in_liver[box][inside].mean()) > _HALF
    around, wide = _neighborhood(what, inside, box, in_liver=in_liver)
    local = np.zeros(around.suv.shape, dtype=np.bool_)
    corner = [edge.start for edge in wide]
    here = tuple(slice(e.start - c, e.stop - c) for e, c in zip(box, corner, strict=True))
    local[here] = inside
    peak = None
    if settings.correction is SuvMeanCorrection.PEAK:
        mask = Mask(local, sub_grid(suv.grid, box=wide))
        peak = suv_peak(Volume(around.suv, mask.grid, suv.kind), mask)
    i, j, k = (c + s for c, s in zip(corner, around.seed, strict=True))
    return SegmentedLesion(
        id=lesion,
        box=box,
        inside=np.ascontiguousarray(inside),
        grid=suv.grid,
        seed=(i, j, k),
        organ="liver" if in_liver else organ.replace("liver", ""),
        delineation=delineation,
        suv_maximum=around.level,
        suv_mean=corrected_mean(
            around,
            local,
            fwhm_mm=settings.fwhm_mm,
            fwhm_sd_mm=settings.fwhm_sd_mm,
            peak=peak,
            correction=settings.correction,
        ),
        background=around.background,
        flags=_flags(what, local, wide, inside, box),
    )


def _neighborhood(
    what: RedrawnFrom, inside: npt.NDArray[np.bool_], box: Box, *, in_liver: bool
) -> tuple[SeedNeighborhood, Box]:
    grid, fwhm_mm = what.suv.grid, what.settings.fwhm_mm
    reach = [math.ceil(SHELL_FWHM[1] * fwhm_mm / mm) + 1 for mm in grid.spacing_mm]
    edges = [
        slice(max(e.start - r, 0), min(e.stop + r, n))
        for e, r, n in zip(box, reach, grid.shape, strict=True)
    ]
    wide = (edges[0], edges[1], edges[2])
    values = np.asarray(what.suv.values[wide], dtype=np.float64)
    own = np.zeros(values.shape, dtype=np.bool_)
    own[
        tuple(slice(e.start - w.start, e.stop - w.start) for e, w in zip(box, wide, strict=True))
    ] = inside
    other = (what.lesions[wide] & ~own) | (what.organ[wide] & ~own)
    hottest = np.where(own, values, -np.inf)
    i, j, k = (int(n) for n in np.unravel_index(int(hottest.argmax()), values.shape))
    level = float(values[i, j, k])
    distance = ndimage.distance_transform_edt(~own, sampling=grid.spacing_mm)
    if in_liver and what.liver is not None:
        background, noise = what.liver.mean, what.liver.standard_deviation
    else:
        background, noise = shell_background(values, distance, free=~own & ~other, fwhm_mm=fwhm_mm)
    return (
        SeedNeighborhood(
            suv=values,
            spacing_mm=grid.spacing_mm,
            seed=(i, j, k),
            allowed=~other & (distance <= fwhm_mm),
            background=min(max(background, 0.0), level),
            noise=noise,
            level=level,
            free=~other,
        ),
        wide,
    )


def _flags(
    what: RedrawnFrom,
    local: npt.NDArray[np.bool_],
    wide: Box,
    inside: npt.NDArray[np.bool_],
    box: Box,
) -> tuple[LesionFlag, ...]:
    grid = what.suv.grid
    rim = ndimage.binary_dilation(local, _CUBE) & ~local
    smallest_ml = math.pi / 6.0 * (2.0 * what.settings.fwhm_mm) ** 3 / 1000.0
    organ = what.organ[wide]
    _, parts = ndimage.label(inside, structure=_CUBE)
    raised = {
        LesionFlag.BELOW_RESOLUTION: np.count_nonzero(inside) * grid.voxel_volume_ml < smallest_ml,
        LesionFlag.TOUCHES_ORGAN: bool(organ[rim].any() or organ[local].any()),
        LesionFlag.CUT_BY_EDGE: any(
            e.start == 0 or e.stop == n for e, n in zip(box, grid.shape, strict=True)
        ),
        LesionFlag.BY_READER: True,
        LesionFlag.IN_PARTS: parts > 1,
        LesionFlag.MEETS_LESION: bool(what.lesions[wide][rim].any()),
    }
    return tuple(flag for flag in LesionFlag if raised.get(flag))
