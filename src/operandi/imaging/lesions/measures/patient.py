"""Measures of all lesions of a participant: spread, heterogeneity, liver involvement."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

import numpy as np

from operandi.domain.lesion import Lesion
from operandi.domain.mask import Mask
from operandi.domain.measurement import Measurement
from operandi.imaging.lesions.measures.lesion_uptake import LesionUptake
from operandi.imaging.lesions.measures.origin import MeasurementOrigin
from operandi.quantities.errors import DataError
from operandi.quantities.kinds import (
    DISSEMINATION,
    LIVER_INVOLVEMENT,
    MINIMUM_LESION_SUV_MEAN,
    VARIATION_BETWEEN_LESIONS,
)


class LiverInvolvementClass(StrEnum):
    """Share of the liver taken by tumor, as the Clinical Score for PRRT grades it."""

    NONE = "0"
    BELOW_QUARTER = "<25 %"
    QUARTER_TO_HALF = "25-49 %"
    HALF_OR_MORE = ">=50 %"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiverInvolvement:
    """How much of the liver is tumor.

    Parameters
    ----------
    share : float, 0 to 1, or None
        Tumor volume in the liver over the volume of liver and tumor together.
    tumor_ml, liver_ml : float or None
        The two volumes.
    involvement : LiverInvolvementClass or None
        Class of the share; 25 % belongs to the second, everything below 50 % too.
    absent : str
        Why there is no share; empty when there is one.
    """

    share: float | None
    tumor_ml: float | None
    liver_ml: float | None
    involvement: LiverInvolvementClass | None
    absent: str = ""


def measure_spread(
    uptakes: Sequence[LesionUptake], *, origin: MeasurementOrigin
) -> tuple[Measurement, ...]:
    """Lowest SUVmean of a lesion, variation between lesions, and dissemination.

    Dissemination is the largest Euclidean distance between the centers (mean positions of the
    voxels) of two lesions, ``SDmax`` of [1]_. The variation is the standard deviation, with n - 1,
    of the lesions' SUVmean over its mean, each lesion counting once.

    Parameters
    ----------
    uptakes : sequence of LesionUptake
        All lesions of one participant at one visit, in any order, on one frame of reference.
    origin : MeasurementOrigin
        The participant and visit.

    Returns
    -------
    tuple of Measurement
        Absent with a reason where there are too few lesions. The lesions that decide are named in
        the basis.

    References
    ----------
    .. [1] Cottereau et al., "New approaches in characterization of lesions dissemination in DLBCL
       patients on baseline PET/CT", Cancers 13:3998, 2021 (distances between centroids and between
       voxels; the abstract was seen, volume and page are recalled).
    """
    if len({uptake.lesion for uptake in uptakes}) < len(uptakes):
        raise DataError("Two lesions have one name.", remedy="Name each lesion once.")
    in_order = sorted(uptakes, key=lambda one: one.lesion)
    lowest = min(in_order, key=lambda one: one.mean, default=None)
    return (
        origin.value(
            MINIMUM_LESION_SUV_MEAN,
            None if lowest is None else lowest.mean,
            method="lowest SUVmean of all lesions",
            basis=(
                f"lesion {lowest.lesion if lowest else 'none'} decides; a small lesion's SUVmean "
                "is lowered by blur, and what was not found does not count"
            ),
            absent="there are no lesions",
        ),
        _between(in_order, origin),
        _dissemination(in_order, origin),
    )


def _between(uptakes: Sequence[LesionUptake], origin: MeasurementOrigin) -> Measurement:
    means = [uptake.mean for uptake in uptakes]
    value = None
    if len(means) > 1 and (average := math.fsum(means) / len(means)) > 0:
        square = math.fsum((mean - average) ** 2 for mean in means) / (len(means) - 1)
        value = math.sqrt(square) / average
    return origin.value(
        VARIATION_BETWEEN_LESIONS,
        value,
        method="standard deviation over mean of the lesions' SUVmean",
        basis=f"{len(means)} lesions; blur lowers small lesions, which adds to it",
        absent="it needs two lesions and a mean SUV above 0",
    )


def _dissemination(uptakes: Sequence[LesionUptake], origin: MeasurementOrigin) -> Measurement:
    pairs = [
        (math.dist(one.center_mm, two.center_mm), one.lesion, two.lesion)
        for one, two in combinations(uptakes, 2)
    ]
    farthest = max(pairs, key=lambda pair: pair[0], default=None)
    between = f"between {farthest[1]} and {farthest[2]}" if farthest else "no pair"
    return origin.value(
        DISSEMINATION,
        farthest[0] if farthest else None,
        method="largest distance between centers of two lesions",
        basis=f"{between}; a lesion outside the image or missed does not count",
        absent=f"it needs two lesions, found {len(uptakes)}",
    )


def liver_involvement(lesions: Sequence[Lesion], liver: Mask | str) -> LiverInvolvement:
    """Share of the liver that lesions take.

    ``tumor / (liver | tumor)``, so that an organ map which leaves holes where metastases are
    serves as one without. A lesion lies in the liver if its organ says so, or, where it has none,
    if more than half of its voxels lie in the liver mask.

    Parameters
    ----------
    lesions : sequence of Lesion
        All of one visit, on the grid of ``liver``. They must not share voxels.
    liver : Mask or str
        The whole liver, or why there is none.

    Returns
    -------
    LiverInvolvement
        Without a share where there is no liver, or where the image cuts through it.

    Raises
    ------
    DataError
        If a lesion is empty.
    GridMismatchError
        If a lesion lies on another grid than the liver.

    References
    ----------
    .. [1] Das et al., Clinical Score for PRRT: liver involvement of 25-49 % and >= 50 % (as the
       project's notes give it; the paper was not seen).
    """
    if isinstance(liver, str):
        return _no_involvement(f"there is no liver mask: {liver}")
    if not liver.inside.any():
        return _no_involvement("the liver mask is empty")
    if _cut(liver):
        return _no_involvement("the image ends within the liver")
    tumor = np.zeros(liver.grid.shape, dtype=np.bool_)
    for lesion in lesions:
        lesion.mask.grid.require_same(liver.grid, what=f"Lesion {lesion.id} and the liver mask")
        if not lesion.mask.inside.any():
            raise DataError(f"Lesion {lesion.id} holds no voxel.", remedy="Leave it out.")
        if _in_liver(lesion, liver):
            tumor |= lesion.mask.inside
    voxel_ml = liver.grid.voxel_volume_ml
    tumor_ml = float(np.count_nonzero(tumor)) * voxel_ml
    liver_ml = float(np.count_nonzero(liver.inside | tumor)) * voxel_ml
    share = tumor_ml / liver_ml
    return LiverInvolvement(
        share=share, tumor_ml=tumor_ml, liver_ml=liver_ml, involvement=involvement_class(share)
    )


def involvement_class(share: float) -> LiverInvolvementClass:
    """Class of a share of the liver.

    >>> involvement_class(0.25).value, involvement_class(0.499).value, involvement_class(0.5).value
    ('25-49 %', '25-49 %', '>=50 %')
    """
    if not 0 <= share <= 1:
        raise ValueError(f"a share lies from 0 to 1, got {share}")
    if share == 0:
        return LiverInvolvementClass.NONE
    if share < 0.25:
        return LiverInvolvementClass.BELOW_QUARTER
    if share < 0.5:
        return LiverInvolvementClass.QUARTER_TO_HALF
    return LiverInvolvementClass.HALF_OR_MORE


def measure_liver_involvement(found: LiverInvolvement, *, origin: MeasurementOrigin) -> Measurement:
    """The share as a measurement; its class stands in the basis."""
    return origin.value(
        LIVER_INVOLVEMENT,
        found.share,
        method="volume of lesions in the liver over that of liver and lesions",
        basis=f"class {found.involvement or 'unknown'}; lesions' and liver's borders decide it",
        absent=found.absent,
    )


def _no_involvement(why: str) -> LiverInvolvement:
    return LiverInvolvement(share=None, tumor_ml=None, liver_ml=None, involvement=None, absent=why)


def _cut(liver: Mask) -> bool:
    # Top and bottom of the scan cut a liver; so does any other face of a cropped image.
    return any(bool(np.take(liver.inside, (0, -1), axis=axis).any()) for axis in range(3))


def _in_liver(lesion: Lesion, liver: Mask) -> bool:
    if lesion.organ:
        return lesion.organ.casefold().strip() == "liver"
    within = np.count_nonzero(lesion.mask.inside & liver.inside)
    return bool(2 * within > np.count_nonzero(lesion.mask.inside))
