"""Where lesions are: maxima of liver-referenced uptake outside physiological organs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.imaging.lesions.organs import is_physiological, organ_named
from operandi.imaging.lesions.reference import ReferenceRegion, require_suv
from operandi.imaging.lesions.segmentation.basins import Basins, find_basins
from operandi.imaging.lesions.segmentation.settings import SegmentationSettings
from operandi.quantities.errors import DataError

FLOOR_SHARE: Final = 0.4
"""Basins go down to this share of the seed level, so that a 41 % isocontour of the faintest
lesion lies inside its basin."""

SMOOTHING_SHARE: Final = 0.7
"""Width of the smoothing for finding maxima, as a share of the resolution. Assumed."""

UPTAKE_OF_GUT: Final = "gut"
"""As ``find_organs`` names it: wide uptake in the belly, which may hold a lesion of pancreas or
mesentery. An organ map's stomach and bowel are anatomy and are left out."""

ALSO_LEFT_OUT: Final = frozenset(
    {
        "gut",
        "stomach",
        "duodenum",
        "small bowel",
        "colon",
        "esophagus",
        "uncinate process",
        "pancreas uncinate",
        "submandibular glands",
        "lacrimal glands",
        "ureters",
        "ureter left",
        "ureter right",
        "prostate",
    }
)
"""Physiological uptake that is no part of the list of organs that a tumor burden needs."""

_FWHM_TO_SIGMA: Final = 1.0 / 2.354820045


class ListedOrgans(Protocol):
    """Named organs on the PET grid: ``FoundOrgans``, or the pipeline's organ map."""

    @property
    def masks(self) -> Sequence[tuple[str, Mask]]:
        """Name and voxels of each."""


class LiverReferenced(Protocol):
    """Reference regions, of which the segmentation needs the liver's and, if any, the blood's."""

    @property
    def liver(self) -> ReferenceRegion | None:
        """The disease-free liver; None where there is none."""


def blood_of(references: LiverReferenced) -> ReferenceRegion | None:
    """The blood pool's reference, of references that have one."""
    blood = getattr(references, "blood_pool", None)
    return blood if isinstance(blood, ReferenceRegion) else None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LesionSeeds:
    """Maxima that count as lesions, with the basins they stand in.

    Parameters
    ----------
    basins : Basins
        Of all maxima; lesions may not leave theirs.
    chosen : tuple of int
        Which of the basins are lesions, highest first.
    in_liver : tuple of bool
        For each, whether it lies in the liver, which then is its background.
    smoothed : array, (i, j, k)
        The SUV in which maxima were looked for, g/mL.
    organ : bool array, (i, j, k)
        Physiological organs.
    gut : bool array, (i, j, k), or None
        Uptake found as gut, which is the background of a lesion within it.
    liver : bool array, (i, j, k)
        The liver with its lesions.
    level : float
        Seed level outside the liver, g/mL.
    rule : str
        The rule in words.
    """

    basins: Basins
    chosen: tuple[int, ...]
    in_liver: tuple[bool, ...]
    smoothed: npt.NDArray[np.float64]
    organ: npt.NDArray[np.bool_]
    liver: npt.NDArray[np.bool_]
    level: float
    rule: str
    gut: npt.NDArray[np.bool_] | None = None


def find_seeds(
    suv: Volume,
    *,
    organs: ListedOrgans,
    liver: ReferenceRegion | None,
    settings: SegmentationSettings,
    blood: ReferenceRegion | None = None,
) -> LesionSeeds:
    """Find lesions as maxima of smoothed uptake that stand out.

    Outside the liver a maximum must exceed ``seed_liver_ratio`` times the liver's mean (or
    ``seed_suv`` where there is no liver reference), and ``seed_blood_ratio`` times the blood pool's
    where it is known: where the liver has faded, heart, vessels and bowel exceed it. In the liver,
    and within a resolution of it, it must exceed ``liver_seed_ratio`` times the mean and the mean +
    ``noise_sd`` SD of the smoothed reference.
    In what was found as gut it must also exceed ``gut_ratio`` times the gut's median.
    Organs are flooded as one basin of their own, see ``find_basins``: the spill-out guard.

    Raises
    ------
    DataError
        If ``suv`` is no static SUV or not finite, or there is neither reference nor ``seed_suv``.
    GridMismatchError
        If a mask lies on another grid.
    """
    require_suv(suv)
    values = np.asarray(suv.values, dtype=np.float64)
    if not np.isfinite(values).all():
        raise DataError("The SUV has values that are not finite.", remedy="Correct the PET volume.")
    smoothed = smoothed_suv(values, spacing_mm=suv.grid.spacing_mm, fwhm_mm=settings.fwhm_mm)
    organ, liver_mask, gut = organ_masks(suv, organs)
    left_out = math.isinf(settings.gut_ratio) or not gut.any()
    if left_out:
        organ |= gut
    gut_level = math.inf if left_out else settings.gut_ratio * float(np.median(smoothed[gut]))
    zone = _grown(liver_mask, spacing_mm=suv.grid.spacing_mm, margin_mm=settings.fwhm_mm) & ~organ
    level = _seed_level(liver, settings, blood)
    floor = np.full(values.shape, FLOOR_SHARE * level)
    liver_level, noise = np.inf, 0.0
    if liver is not None:
        suv.grid.require_same(liver.mask.grid, what="SUV and the liver reference")
        noise = float(smoothed[liver.mask.inside].std(ddof=1))
        floor[zone] = liver.mean + 2.0 * noise
        liver_level = max(
            settings.liver_seed_ratio * liver.mean, liver.mean + settings.noise_sd * noise
        )
    basins = find_basins(
        smoothed,
        active=smoothed > floor,
        organ=organ,
        split=settings.split,
        organ_split=settings.organ_split,
        noise=2.0 * noise,
    )
    tops = tuple(basins.tops.T)
    in_zone = zone[tops]
    enough = basins.heights > np.where(in_zone, liver_level, level)
    enough &= ~gut[tops] | (basins.heights > gut_level)
    chosen = np.flatnonzero(enough)
    return LesionSeeds(
        basins=basins,
        chosen=tuple(int(n) for n in chosen),
        in_liver=tuple(bool(one) for one in in_zone[chosen]),
        smoothed=smoothed,
        organ=organ,
        liver=liver_mask,
        level=level,
        gut=None if left_out else gut,
        rule=f"maxima of SUV > {level:.3g} g/mL, in the liver > {liver_level:.3g} g/mL",
    )


def smoothed_suv(
    values: npt.NDArray[np.float64], *, spacing_mm: tuple[float, float, float], fwhm_mm: float
) -> npt.NDArray[np.float64]:
    """Smooth by a Gaussian ``SMOOTHING_SHARE`` times as wide as the resolution."""
    width = SMOOTHING_SHARE * fwhm_mm * _FWHM_TO_SIGMA
    result: npt.NDArray[np.float64] = ndimage.gaussian_filter(
        values, [width / mm for mm in spacing_mm]
    )
    return result


def counts_as_physiological(organ: str) -> bool:
    """Whether an organ of this name, in any of the usual spellings, is left out of the search."""
    plain = organ.casefold().replace("_", " ").strip()
    return is_physiological(organ_named(organ, "")) or plain in ALSO_LEFT_OUT


def organ_masks(suv: Volume, organs: ListedOrgans) -> tuple[npt.NDArray[np.bool_], ...]:
    """Organs to leave out, the liver, and gut by uptake, as bool arrays (i, j, k).

    Raises
    ------
    GridMismatchError
        If a mask lies on another grid.
    """
    organ = np.zeros(suv.grid.shape, dtype=np.bool_)
    liver, gut = np.zeros_like(organ), np.zeros_like(organ)
    for name, mask in organs.masks:
        suv.grid.require_same(mask.grid, what=f"SUV and the mask of {name}")
        if name == UPTAKE_OF_GUT:
            gut |= mask.inside
        elif counts_as_physiological(name):
            organ |= mask.inside
        elif organ_named(name, "") == "liver":
            liver |= mask.inside
    return organ, liver & ~organ, gut & ~organ


def _seed_level(
    liver: ReferenceRegion | None,
    settings: SegmentationSettings,
    blood: ReferenceRegion | None,
) -> float:
    if liver is not None:
        above_blood = 0.0 if blood is None else settings.seed_blood_ratio * blood.mean
        return max(settings.seed_liver_ratio * liver.mean, above_blood)
    if settings.seed_suv is None:
        raise DataError(
            "Lesions are found by their uptake against the liver, and there is no reference "
            "region in a disease-free liver.",
            remedy="Place a liver sphere by hand, or set seed_suv, an SUV above which uptake "
            "counts.",
        )
    return settings.seed_suv


def _grown(
    inside: npt.NDArray[np.bool_], *, spacing_mm: tuple[float, float, float], margin_mm: float
) -> npt.NDArray[np.bool_]:
    """Voxels within the margin, worked out in the box around them."""
    result = inside.copy()
    found = ndimage.find_objects(inside.astype(np.int8))
    if not found:
        return result
    reach = [int(np.ceil(margin_mm / mm)) + 1 for mm in spacing_mm]
    box = tuple(
        slice(max(edge.start - r, 0), edge.stop + r)
        for edge, r in zip(found[0], reach, strict=True)
    )
    distance = ndimage.distance_transform_edt(~inside[box], sampling=spacing_mm)
    result[box] = distance <= margin_mm
    return result
