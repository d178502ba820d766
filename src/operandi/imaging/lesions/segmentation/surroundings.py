"""Cuts the neighborhood of a seed out of the image and measures its background."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from operandi.domain.volume import Volume
from operandi.imaging.lesions.reference import ReferenceRegion
from operandi.imaging.lesions.segmentation.neighborhood import (
    Box,
    SeedNeighborhood,
    connected_to,
)
from operandi.imaging.lesions.segmentation.seeds import LesionSeeds
from operandi.imaging.lesions.segmentation.settings import SegmentationSettings

LOWEST_SHARE: Final = 0.25
"""The box reaches as far as smoothed uptake of this share of the maximum hangs together."""

SHELL_FWHM: Final = (1.0, 2.5)
"""The background is the median between these distances from the 50 % contour, in FWHM: beyond
most of the spill, still next to the lesion. Assumed."""

_ENOUGH_VOXELS: Final = 20
_NO_SHELL_QUANTILE: Final = 0.2


def every_surroundings(
    suv: Volume,
    seeds: LesionSeeds,
    *,
    liver: ReferenceRegion | None,
    settings: SegmentationSettings,
) -> Iterator[tuple[SeedNeighborhood, Box]]:
    """Cut out the neighborhood of every seed, in the order of ``seeds.chosen``."""
    boxes = ndimage.find_objects(seeds.basins.labels)
    for which, basin in enumerate(seeds.chosen):
        yield surroundings_of(
            suv,
            seeds,
            which=which,
            liver=liver,
            settings=settings,
            basin_box=boxes[seeds.basins.numbers[basin] - 1],
        )


def surroundings_of(
    suv: Volume,
    seeds: LesionSeeds,
    *,
    which: int,
    liver: ReferenceRegion | None,
    settings: SegmentationSettings,
    basin_box: Box,
) -> tuple[SeedNeighborhood, Box]:
    """Cut out what a delineation of one seed needs.

    The background is the liver's mean for lesions in it; the median of all uptake found as gut for
    lesions in that, whose shell is the fat between loops, so that their border would follow the
    bowel; else the median of the shell described at ``SHELL_FWHM``, of tissue that lies below the
    floor of all basins.

    Parameters
    ----------
    suv : Volume of SUV_BODY_WEIGHT
        The image.
    seeds : LesionSeeds
        All seeds.
    which : int
        Position in ``seeds.chosen``.
    liver : ReferenceRegion or None
        The liver reference.
    settings : SegmentationSettings
        Resolution, and which maximum counts.
    basin_box : tuple of slice
        The basin's bounding box.

    Returns
    -------
    tuple of (SeedNeighborhood, box)
        And where in the image the box lies.
    """
    fwhm_mm = settings.fwhm_mm
    basin = seeds.chosen[which]
    top = tuple(int(n) for n in seeds.basins.tops[basin])
    number, height = seeds.basins.numbers[basin], seeds.basins.heights[basin]
    corner = [edge.start for edge in basin_box]
    own = seeds.basins.labels[basin_box] == number
    smoothed = seeds.smoothed[basin_box]
    local_top = (top[0] - corner[0], top[1] - corner[1], top[2] - corner[2])
    near = connected_to(own & (smoothed >= LOWEST_SHARE * height), local_top)
    reach = [int(np.ceil(SHELL_FWHM[1] * fwhm_mm / mm)) + 1 for mm in suv.grid.spacing_mm]
    tight = ndimage.find_objects(near.astype(np.int8))[0]
    edges = [
        slice(max(c + edge.start - r, 0), min(c + edge.stop + r, n))
        for c, edge, r, n in zip(corner, tight, reach, suv.grid.shape, strict=True)
    ]
    box = (edges[0], edges[1], edges[2])
    values = np.asarray(suv.values[box], dtype=np.float64)
    labels = seeds.basins.labels[box]
    allowed = (labels == number) & ~seeds.organ[box]
    hot = connected_to(
        allowed & (seeds.smoothed[box] >= 0.5 * height),
        (top[0] - box[0].start, top[1] - box[1].start, top[2] - box[2].start),
    )
    found = np.where(hot, values, -np.inf)
    seed = tuple(int(n) for n in np.unravel_index(int(found.argmax()), values.shape))
    level = float(height) if settings.smoothed_maximum else float(values[seed])
    distance = ndimage.distance_transform_edt(~hot, sampling=suv.grid.spacing_mm)
    free = ((labels == 0) | (labels == number)) & ~seeds.organ[box]
    if liver is not None and seeds.in_liver[which]:
        background, noise = liver.mean, liver.standard_deviation
    elif seeds.gut is not None and seeds.gut[top]:
        background, noise = median_and_sd(np.asarray(suv.values[seeds.gut], dtype=np.float64))
    else:
        quiet = (labels == 0) & ~seeds.organ[box]
        background, noise = shell_background(values, distance, free=quiet, fwhm_mm=fwhm_mm)
    return (
        SeedNeighborhood(
            suv=values,
            spacing_mm=suv.grid.spacing_mm,
            seed=(seed[0], seed[1], seed[2]),
            allowed=allowed,
            background=min(max(background, 0.0), level),
            noise=noise,
            level=level,
            free=free,
        ),
        box,
    )


def shell_background(
    values: npt.NDArray[np.float64],
    distance_mm: npt.NDArray[np.float64],
    *,
    free: npt.NDArray[np.bool_],
    fwhm_mm: float,
) -> tuple[float, float]:
    """Median and robust SD of the free voxels in the shell ``SHELL_FWHM``.

    Where fewer than 20 voxels are free, the 20th percentile of all and no SD.
    """
    low, high = SHELL_FWHM
    shell = (distance_mm >= low * fwhm_mm) & (distance_mm <= high * fwhm_mm) & free
    beside = values[shell]
    if beside.size < _ENOUGH_VOXELS:
        return float(np.quantile(values, _NO_SHELL_QUANTILE)), 0.0
    return median_and_sd(beside)


def median_and_sd(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Median, and the SD of a normal distribution with the same median absolute deviation."""
    median = float(np.median(values))
    return median, 1.4826 * float(np.median(np.abs(values - median)))
