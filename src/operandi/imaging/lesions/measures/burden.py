"""Uptake of lesions, of their sum and of the reference, as measurements."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from operandi.domain.identity import Digest, Pseudonym, TimepointCode
from operandi.domain.lesion import Lesion
from operandi.domain.measurement import Measurement, Subject, SubjectType
from operandi.domain.volume import Volume
from operandi.imaging.lesions.measures.origin import MeasurementOrigin
from operandi.imaging.lesions.measures.peak import suv_peak
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
)

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
    of = MeasurementOrigin(
        subject=Subject(participant=subject_participant, type=SubjectType.LESION, name=lesion.id),
        timepoint=timepoint,
        inputs=tuple(inputs),
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
    of = MeasurementOrigin(
        subject=Subject(participant=subject_participant, type=SubjectType.PARTICIPANT),
        timepoint=timepoint,
        inputs=tuple(inputs),
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
    of = MeasurementOrigin(
        subject=Subject(
            participant=subject_participant, type=SubjectType.ORGAN, name=reference.organ
        ),
        timepoint=timepoint,
        inputs=tuple(inputs),
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
