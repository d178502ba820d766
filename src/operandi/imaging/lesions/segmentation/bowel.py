"""Large marks that wind like bowel, where bowel can lie."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from operandi.domain.grid import Grid
from operandi.domain.mask import Mask
from operandi.imaging.lesions.organs import organ_named
from operandi.imaging.lesions.segmentation.neighborhood import Box, SeedNeighborhood

WINDING_TIMES: Final = 6.0
"""Volume over that of the largest ball inside from which a mark winds like bowel. Assumed."""

WINDING_FROM_ML: Final = 20.0
WINDING_BELOW: Final = 2.0
"""What is smaller, or whose maximum exceeds this times the seed level, is never bowel. Assumed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenForBowel:
    """A mark that was left out as bowel.

    Parameters
    ----------
    center_mm : tuple of float
        Mean position of its voxels, LPS mm.
    volume_ml : float
        mL.
    suv_maximum : float
        g/mL.
    """

    center_mm: tuple[float, float, float]
    volume_ml: float
    suv_maximum: float

    @property
    def words(self) -> str:
        """Size, uptake and place, for a reader who wants to look."""
        at = ", ".join(f"{mm:.0f}" for mm in self.center_mm)
        return f"{self.volume_ml:.0f} mL at ({at}) mm, SUVmax {self.suv_maximum:.3g} g/mL"


@dataclass(frozen=True, slots=True, kw_only=True)
class BowelRange:
    """Where bowel can lie: a box along the axes of the patient, LPS mm.

    Parameters
    ----------
    low_mm, high_mm : tuple of float
        Right and left side of the trunk; floor of the bladder and dome of the liver. From front to
        back there is no limit.
    """

    low_mm: tuple[float, float]
    high_mm: tuple[float, float]

    def holds(self, positions_mm: npt.NDArray[np.float64]) -> bool:
        """Whether all positions, (n, 3), lie in it."""
        across = positions_mm[:, [0, 2]]
        return bool(((across >= self.low_mm) & (across <= self.high_mm)).all())


def bowel_range(masks: Sequence[tuple[str, Mask]]) -> BowelRange | None:
    """Between the dome of the liver and the floor of the bladder, within the trunk.

    The trunk's sides lie as far from the bladder as the outermost voxel of liver, spleen and
    kidneys, to the right and to the left alike; arms lie beyond.

    Parameters
    ----------
    masks : sequence of (str, Mask)
        Organs.

    Returns
    -------
    BowelRange or None
        None where liver or bladder is not known: then nothing may be called bowel.
    """
    known = {organ_named(name, ""): mask for name, mask in masks if mask.inside.any()}
    liver, bladder = known.get("liver"), known.get("urinary bladder")
    if liver is None or bladder is None:
        return None
    dome = _positions(liver)[:, 2].max()
    below = _positions(bladder)
    floor, middle = below[:, 2].min(), float(below[:, 0].mean())
    beside = [known[one] for one in ("spleen", "left kidney", "right kidney") if one in known]
    half = max(np.abs(_positions(one)[:, 0] - middle).max() for one in (liver, *beside))
    return BowelRange(
        low_mm=(float(middle - half), float(floor)), high_mm=(float(middle + half), float(dome))
    )


def taken_for_bowel(
    around: SeedNeighborhood,
    inside: npt.NDArray[np.bool_],
    *,
    box: Box,
    grid: Grid,
    where: BowelRange | None,
    level: float,
) -> TakenForBowel | None:
    """Tell a large mark of low uptake that is long and thin and lies where bowel can lie.

    Parameters
    ----------
    around : SeedNeighborhood
        Image around the mark.
    inside : bool array, of the neighborhood's shape
        Its voxels.
    box : tuple of slice
        Where the neighborhood lies in the image.
    grid : Grid
        Of the image.
    where : BowelRange or None
        All of the mark must lie there; None for a range that is not known.
    level : float
        Seed level, g/mL.

    Returns
    -------
    TakenForBowel or None
        None for what may be a lesion.
    """
    volume = float(np.count_nonzero(inside)) * math.prod(around.spacing_mm)
    small_or_hot = volume < 1000.0 * WINDING_FROM_ML or around.level > WINDING_BELOW * level
    if where is None or small_or_hot:
        return None
    at = grid.position_of(np.argwhere(inside) + [edge.start for edge in box])
    radius = float(
        ndimage.distance_transform_edt(np.pad(inside, 1), sampling=around.spacing_mm).max()
    )
    if volume <= WINDING_TIMES * 4.0 / 3.0 * math.pi * radius**3 or not where.holds(at):
        return None
    x, y, z = at.mean(axis=0).tolist()
    return TakenForBowel(
        center_mm=(x, y, z),
        volume_ml=volume / 1000.0,
        suv_maximum=float(around.suv[inside].max()),
    )


def _positions(mask: Mask) -> npt.NDArray[np.float64]:
    return mask.grid.position_of(np.argwhere(mask.inside))
