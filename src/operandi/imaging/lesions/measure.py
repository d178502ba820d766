"""What leaves the lesion room: measurements of lesions, of their sum and of the reference."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.domain.grid import Grid
from operandi.domain.identity import Digest, Pseudonym, TimepointCode
from operandi.domain.lesion import Lesion
from operandi.domain.mask import Mask
from operandi.domain.measurement import Measurement, Subject, SubjectType, Uncertainty
from operandi.domain.volume import Volume
from operandi.imaging.lesions.reference import ReferenceRegion, require_suv, suv_inside
from operandi.quantities.errors import DataError
from operandi.quantities.kinds import (
    LESION_COUNT,
    LESION_TO_LIVER_RATIO,
    SSTR_TUMOR_VOLUME,
    SUV_MAXIMUM,
    SUV_MEAN,
    SUV_PEAK,
    SUV_STANDARD_DEVIATION,
    TOTAL_LESION_SSTR,
    VOLUME,
    Kind,
)

VERSION: Final = "1"

PEAK_RADIUS_MM: Final = (3.0 / (4.0 * math.pi)) ** (1.0 / 3.0) * 10.0
"""Radius of a sphere of 1 mL, 6.2035 mm."""

PEAK_SUBSAMPLES: Final = 21
"""Sampling points per voxel and axis for the share of a voxel inside the peak sphere."""

_NO_REPEATABILITY: Final = (
    "no repeatability of SUV on somatostatin receptor PET is published, and one image does "
    "not tell its own noise"
)
_BORDER: Final = (
    "the error of the border (blur, voxel size, the rule itself) is not known from one image"
)
_CORRELATED: Final = (
    "neighboring voxels are correlated by a resolution the image does not state, and "
    "SD / sqrt(voxels) would be several times too small"
)
_COUNT: Final = "whether each component is a lesion was not judged by a reader"


@dataclass(frozen=True, slots=True)
class _Origin:
    """What all measurements of one subject share."""

    subject: Subject
    timepoint: TimepointCode
    inputs: tuple[Digest, ...]

    def value(
        self, kind: Kind, value: float | None, *, method: str, basis: str, absent: str = ""
    ) -> Measurement:
        """Measurement without standard uncertainty; without a value, *absent* says why."""
        return Measurement(
            subject=self.subject,
            timepoint=self.timepoint,
            kind=kind,
            value=value,
            absent=absent if value is None else "",
            uncertainty=Uncertainty(None, basis),
            method=method,
            version=VERSION,
            inputs=self.inputs,
        )


_NO_SPHERE: Final = (
    "no sphere of 1 mL around a voxel of the lesion lies wholly inside the image with finite values"
)


def measure_lesion(
    suv: Volume,
    lesion: Lesion,
    liver: ReferenceRegion | None,
    *,
    subject_participant: Pseudonym,
    timepoint: TimepointCode,
    inputs: Sequence[Digest],
) -> tuple[Measurement, ...]:
    """SUVmax, SUVmean, SUVpeak, volume, TL-SSTR and lesion-to-liver ratio of one lesion.

    TL-SSTR is ``SUVmean * volume``: g/mL times mL, hence g. The ratio is SUVmax over the mean of
    the liver reference. None has a standard uncertainty; each says why.

    Parameters
    ----------
    suv : Volume of SUV_BODY_WEIGHT
        Static, g/mL.
    lesion : Lesion
        On the grid of ``suv``.
    liver : ReferenceRegion or None
        Measured on the same volume; without it the ratio is absent.
    subject_participant : Pseudonym
        Whose lesion it is.
    timepoint : TimepointCode
        At which visit.
    inputs : sequence of Digest
        SHA-256 of what the volume and the masks were computed from.

    Returns
    -------
    tuple of Measurement
        In the order named above. SUVpeak is absent where no peak sphere fits (see ``suv_peak``),
        the ratio without a reference.

    Raises
    ------
    DataError
        If ``suv`` is no static SUV, the lesion is empty or holds a value that is not finite.
    GridMismatchError
        If lesion or liver lie on another grid.
    """
    values = suv_inside(suv, lesion.mask, what=f"lesion {lesion.id}")
    if liver is not None:
        suv.grid.require_same(liver.mask.grid, what="SUV and the liver reference")
    mean = math.fsum(values) / values.size
    volume_ml = lesion.mask.volume_ml
    highest = float(values.max())
    border = f"{_BORDER}; delineated as: {lesion.delineation}"
    of = _Origin(
        Subject(participant=subject_participant, type=SubjectType.LESION, name=lesion.id),
        timepoint,
        tuple(inputs),
    )
    return (
        of.value(SUV_MAXIMUM, highest, method="highest voxel", basis=_NO_REPEATABILITY),
        of.value(SUV_MEAN, mean, method="mean of voxels", basis=border),
        of.value(
            SUV_PEAK,
            suv_peak(suv, lesion.mask),
            method="highest mean of a 1 mL sphere centered in the lesion",
            basis=_NO_REPEATABILITY,
            absent=_NO_SPHERE,
        ),
        of.value(VOLUME, volume_ml, method="voxels times voxel volume", basis=border),
        of.value(TOTAL_LESION_SSTR, mean * volume_ml, method="SUVmean times volume", basis=border),
        of.value(
            LESION_TO_LIVER_RATIO,
            None if liver is None else highest / liver.mean,
            method="SUVmax over liver mean",
            basis=f"{_NO_REPEATABILITY}; liver: {liver.placed_by if liver else 'no reference'}",
            absent="there is no liver reference",
        ),
    )


def measure_burden(
    suv: Volume,
    lesions: Sequence[Lesion],
    *,
    subject_participant: Pseudonym,
    timepoint: TimepointCode,
    inputs: Sequence[Digest],
) -> tuple[Measurement, ...]:
    """SSTR tumor volume, total TL-SSTR and number of lesions of one participant at one visit.

    Sums over the lesions, in mL and g. Without lesions all three are zero: nothing above the rule
    was found.

    Raises
    ------
    DataError
        If ``suv`` is no static SUV, a lesion is empty or holds a value that is not finite, or two
        lesions share a voxel or a name, so that the sum would count it twice.
    GridMismatchError
        If a lesion lies on another grid.
    """
    require_suv(suv)
    taken = np.zeros(suv.grid.shape, dtype=np.bool_)
    names: set[str] = set()
    sums = []
    voxels = 0
    for lesion in lesions:
        values = suv_inside(suv, lesion.mask, what=f"lesion {lesion.id}")
        if lesion.id in names or taken[lesion.mask.inside].any():
            raise DataError(
                f"Lesion {lesion.id} shares its name or voxels with another one.",
                remedy="Merge the two, or give each voxel to one lesion only.",
            )
        names.add(lesion.id)
        taken |= lesion.mask.inside
        sums.append(math.fsum(values))
        voxels += values.size
    voxel_ml = suv.grid.voxel_volume_ml
    of = _Origin(
        Subject(participant=subject_participant, type=SubjectType.PARTICIPANT),
        timepoint,
        tuple(inputs),
    )
    return (
        of.value(
            SSTR_TUMOR_VOLUME, voxels * voxel_ml, method="sum of lesion volumes", basis=_BORDER
        ),
        of.value(
            TOTAL_LESION_SSTR,
            math.fsum(sums) * voxel_ml,
            method="sum of the lesions' SUVmean times volume",
            basis=_BORDER,
        ),
        of.value(LESION_COUNT, float(len(sums)), method="number of lesions", basis=_COUNT),
    )


def measure_reference(
    reference: ReferenceRegion,
    *,
    subject_participant: Pseudonym,
    timepoint: TimepointCode,
    inputs: Sequence[Digest],
) -> tuple[Measurement, ...]:
    """Mean and standard deviation of the SUV in a reference region, as the organ's measurements.

    The standard deviation is that of the voxels: noise and texture, not the mean's uncertainty.
    """
    of = _Origin(
        Subject(participant=subject_participant, type=SubjectType.ORGAN, name=reference.organ),
        timepoint,
        tuple(inputs),
    )
    basis = f"{_CORRELATED}; placed by {reference.placed_by}"
    return (
        of.value(SUV_MEAN, reference.mean, method="mean of the reference sphere", basis=basis),
        of.value(
            SUV_STANDARD_DEVIATION,
            reference.standard_deviation,
            method="standard deviation of the reference sphere's voxels",
            basis=basis,
        ),
    )


def suv_peak(suv: Volume, mask: Mask) -> float | None:
    """Highest mean of a 1 mL sphere centered on a voxel of the mask, g/mL.

    The sphere of PERCIST [1]_, moved over all voxels of the lesion. It may reach out of the
    lesion, whose neighborhood then counts. A voxel counts by the share of it that lies inside
    the sphere, sampled at ``PEAK_SUBSAMPLES ** 3`` points; with voxels of up to 5 mm the weights
    together are off by less than 0.3 %, so the peak by less than 0.15 % of the range of values
    in the sphere. A linear gradient gives the value at the sphere's center.

    Not the local intensity peak of IBSI [2]_: that centers one sphere on the hottest voxel, and
    counts voxels fully or not at all by their centers. IBSI's global intensity peak moves the
    sphere as here, but weights as its local one.

    Parameters
    ----------
    suv : Volume of SUV_BODY_WEIGHT
        Static, g/mL.
    mask : Mask
        Voxels that a sphere may be centered on.

    Returns
    -------
    float or None
        None if every sphere reaches out of the image or meets a value that is not finite.

    Raises
    ------
    DataError
        If ``suv`` is no static SUV, or the mask is empty or holds a value that is not finite.
    GridMismatchError
        If mask and volume lie on different grids.

    References
    ----------
    .. [1] Wahl et al., J Nucl Med 50(Suppl 1):122S, 2009.
    .. [2] Zwanenburg et al., Radiology 295:328, 2020; reference manual, local intensity features.
    """
    suv_inside(suv, mask, what="the lesion")
    offsets, weights = _peak_sphere(suv.grid)
    centers = np.argwhere(mask.inside)
    reach = np.abs(offsets).max(axis=0)
    low = centers.min(axis=0) - reach
    high = centers.max(axis=0) + reach + 1
    # NaN beyond the image makes every sphere that reaches there not a number, hence unfit.
    block = np.full(high - low, np.nan)
    first = np.maximum(low, 0)
    last = np.minimum(high, suv.grid.shape)
    crop = tuple(slice(a, b) for a, b in zip(first, last, strict=True))
    place = tuple(slice(a, b) for a, b in zip(first - low, last - low, strict=True))
    block[place] = suv.values[crop]
    strides = np.array([block.shape[1] * block.shape[2], block.shape[2], 1])
    flat = block.ravel()
    start = (centers - low) @ strides
    means = np.zeros(len(centers))
    for shift, weight in zip(offsets @ strides, weights, strict=True):
        means += weight * flat[start + shift]
    fits = np.isfinite(means)
    return float(means[fits].max()) if fits.any() else None


def _peak_sphere(grid: Grid) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    """Index steps (n, 3) of the voxels that the peak sphere meets, and their weights (sum 1)."""
    return _peak_weights(tuple(grid.affine[:3, :3].ravel().tolist()))


@lru_cache(maxsize=8)
def _peak_weights(
    affine: tuple[float, ...],
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    steps = np.array(affine).reshape(3, 3)
    half_diagonal = np.linalg.norm(steps, axis=0).sum() / 2.0
    reach = PEAK_RADIUS_MM * np.linalg.norm(np.linalg.inv(steps), axis=1) + 0.5
    axes = [np.arange(-n, n + 1) for n in np.ceil(reach).astype(int)]
    offsets = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    centers = offsets @ steps.T
    distance = np.linalg.norm(centers, axis=1)
    weights = (distance + half_diagonal <= PEAK_RADIUS_MM).astype(np.float64)
    line = (np.arange(PEAK_SUBSAMPLES) + 0.5) / PEAK_SUBSAMPLES - 0.5
    points = np.stack(np.meshgrid(line, line, line, indexing="ij"), axis=-1).reshape(-1, 3)
    within = points @ steps.T
    border = (np.abs(distance - PEAK_RADIUS_MM) <= half_diagonal) & (weights == 0)
    for voxel in np.flatnonzero(border):
        away = ((centers[voxel] + within) ** 2).sum(axis=1)
        weights[voxel] = np.count_nonzero(away <= PEAK_RADIUS_MM**2) / len(points)
    met = weights > 0
    return offsets[met], weights[met] / math.fsum(weights)
