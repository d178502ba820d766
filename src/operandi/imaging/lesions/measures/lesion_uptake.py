"""Uptake of one lesion as plain numbers: what scores, positivity and ratios start from."""

import math
from dataclasses import dataclass
from enum import StrEnum

from operandi.domain.identity import LesionId
from operandi.domain.lesion import Lesion
from operandi.domain.measurement import Measurement
from operandi.domain.volume import Volume
from operandi.imaging.lesions.measures.origin import MeasurementOrigin
from operandi.imaging.lesions.measures.peak import suv_peak
from operandi.imaging.lesions.measures.yardsticks import Yardsticks, mean_of, reason_of
from operandi.imaging.lesions.reference import suv_inside
from operandi.quantities.kinds import (
    LESION_TO_BLOOD_RATIO,
    LESION_TO_SPLEEN_RATIO,
    SUV_VARIATION,
)


class Statistic(StrEnum):
    """Which number stands for a lesion's uptake."""

    MAXIMUM = "SUVmax"
    PEAK = "SUVpeak"
    MEAN = "SUVmean"


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionUptake:
    """SUV of one lesion at one visit, g/mL.

    Parameters
    ----------
    lesion : LesionId
        Whose it is.
    organ : str
        Organ it lies in; empty where nobody said.
    maximum, mean : float
        Of its voxels.
    peak : float or None
        Highest mean of a 1 mL sphere; None where no such sphere fits the image.
    standard_deviation : float or None
        Of its voxels, with n - 1; None of a single voxel.
    volume_ml : float, > 0
        Volume of its voxels.
    center_mm : tuple of float
        Mean position of its voxels, LPS, mm.
    """

    lesion: LesionId
    organ: str
    maximum: float
    mean: float
    peak: float | None
    standard_deviation: float | None
    volume_ml: float
    center_mm: tuple[float, float, float]

    def by(self, statistic: Statistic) -> float | None:
        """The number that *statistic* names."""
        match statistic:
            case Statistic.MAXIMUM:
                return self.maximum
            case Statistic.PEAK:
                return self.peak
            case Statistic.MEAN:
                return self.mean

    @property
    def variation(self) -> float | None:
        """Standard deviation over mean; None of one voxel or where the mean is not above 0."""
        if self.standard_deviation is None or self.mean <= 0:
            return None
        return self.standard_deviation / self.mean


def lesion_uptake(suv: Volume, lesion: Lesion) -> LesionUptake:
    """Read a lesion's uptake from its voxels.

    Parameters
    ----------
    suv : Volume of SUV_BODY_WEIGHT
        Static, g/mL.
    lesion : Lesion
        On the grid of ``suv``.

    Raises
    ------
    DataError
        If ``suv`` is no static SUV, the lesion is empty or holds a value that is not finite.
    GridMismatchError
        If the lesion lies on another grid.
    """
    values = suv_inside(suv, lesion.mask, what=f"lesion {lesion.id}")
    mean = math.fsum(values) / values.size
    spread = None
    if values.size > 1:
        spread = math.sqrt(math.fsum((values - mean) ** 2) / (values.size - 1))
    i, j, k = (math.fsum(index) / values.size for index in lesion.mask.inside.nonzero())
    x, y, z = suv.grid.position_of((i, j, k)).tolist()
    return LesionUptake(
        lesion=lesion.id,
        organ=lesion.organ,
        maximum=float(values.max()),
        mean=mean,
        peak=suv_peak(suv, lesion.mask),
        standard_deviation=spread,
        volume_ml=lesion.mask.volume_ml,
        center_mm=(x, y, z),
    )


def measure_comparison(
    uptake: LesionUptake, yardsticks: Yardsticks, *, origin: MeasurementOrigin
) -> tuple[Measurement, ...]:
    """SUVmax over the means of spleen and blood pool, and the coefficient of variation.

    Beside ``burden.measure_lesion``, which has the ratio to the liver. The variation counts noise
    and blur as heterogeneity, and a lesion of few voxels has little of either.

    Returns
    -------
    tuple of Measurement
        Absent with a reason where there is no reference, or one voxel only.
    """
    basis = "SUV of one image has no known repeatability on somatostatin receptor PET"
    ratios = tuple(
        origin.value(
            kind,
            None if (mean := mean_of(region)) is None else uptake.maximum / mean,
            method=f"SUVmax over {name} mean",
            basis=basis,
            absent=f"there is no {name} reference: {reason_of(region)}",
        )
        for kind, name, region in (
            (LESION_TO_SPLEEN_RATIO, "spleen", yardsticks.spleen),
            (LESION_TO_BLOOD_RATIO, "blood pool", yardsticks.blood_pool),
        )
    )
    variation = origin.value(
        SUV_VARIATION,
        uptake.variation,
        method="standard deviation over mean of the lesion's voxels",
        basis=f"{basis}; noise and blur are part of it",
        absent="the lesion is one voxel, or its mean SUV is not above 0",
    )
    return (*ratios, variation)
