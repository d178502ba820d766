"""How much a lesion's values hang on the choice of the delineation method."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import fdtri

from operandi.domain.volume import Volume
from operandi.imaging.lesions.reference import ReferenceRegion
from operandi.imaging.lesions.segmentation.delineate import delineate
from operandi.imaging.lesions.segmentation.seeds import LesionSeeds
from operandi.imaging.lesions.segmentation.settings import DelineationMethod, SegmentationSettings
from operandi.imaging.lesions.segmentation.surroundings import every_surroundings

FEATURES: Final = ("volume_ml", "suv_mean", "total_uptake")
"""Volume in mL, plain mean in g/mL, and their product, TL-SSTR, in g."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntraclassCorrelation:
    """ICC(A,1): agreement of single values between methods.

    Parameters
    ----------
    value : float or None
        None where it cannot be told.
    low, high : float or None
        Bounds of the 95 % interval.
    lesions : int
        That every method delineated.
    absent : str
        Why there is no value; else empty.
    """

    value: float | None
    low: float | None
    high: float | None
    lesions: int
    absent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodsAgreement:
    """Values of every lesion by every method.

    Parameters
    ----------
    methods : tuple of DelineationMethod
        The methods.
    values : tuple of (str, table)
        For each of ``FEATURES`` a row a lesion, in the order of ``seeds.chosen``, with a value a
        method; None where the method found no border.
    correlation : tuple of (str, IntraclassCorrelation)
        For each of ``FEATURES``.
    """

    methods: tuple[DelineationMethod, ...]
    values: tuple[tuple[str, tuple[tuple[float | None, ...], ...]], ...]
    correlation: tuple[tuple[str, IntraclassCorrelation], ...]

    def relative_sd(self, feature: str, *, lesion: int) -> float | None:
        """SD over mean of a lesion's values over the methods; None with fewer than two."""
        row = [one for one in dict(self.values)[feature][lesion] if one is not None]
        if len(row) < 2:
            return None
        return float(np.std(row, ddof=1) / np.mean(row))


def methods_agreement(
    suv: Volume,
    seeds: LesionSeeds,
    *,
    liver: ReferenceRegion | None,
    settings: SegmentationSettings,
    methods: Sequence[DelineationMethod] = tuple(DelineationMethod),
) -> MethodsAgreement:
    """Delineate every seed by every method and tell how well the values agree.

    Without a liver reference the method that needs it is left out.

    Parameters
    ----------
    suv : Volume of SUV_BODY_WEIGHT
        The image in which the seeds were found.
    seeds : LesionSeeds
        From ``find_seeds``.
    liver : ReferenceRegion or None
        The liver reference.
    settings : SegmentationSettings
        All but the method.
    methods : sequence of DelineationMethod
        Two or more.
    """
    used = tuple(m for m in methods if liver or m is not DelineationMethod.LIVER_MEAN_2SD)
    if len(set(used)) < 2:
        raise ValueError(f"agreement needs two different methods, got {used}")
    rows: dict[str, list[tuple[float | None, ...]]] = {feature: [] for feature in FEATURES}
    for around, _ in every_surroundings(suv, seeds, liver=liver, settings=settings):
        measured = []
        for method in used:
            inside = delineate(around, method=method, settings=settings, liver=liver)
            volume = float(np.count_nonzero(inside)) * suv.grid.voxel_volume_ml
            mean = float(around.suv[inside].mean()) if volume else 0.0
            measured.append((volume, mean, volume * mean) if volume else (None, None, None))
        for column, feature in enumerate(FEATURES):
            rows[feature].append(tuple(one[column] for one in measured))
    return MethodsAgreement(
        methods=used,
        values=tuple((feature, tuple(rows[feature])) for feature in FEATURES),
        correlation=tuple(
            (feature, _of_complete(rows[feature], methods=len(used))) for feature in FEATURES
        ),
    )


def _of_complete(rows: list[tuple[float | None, ...]], *, methods: int) -> IntraclassCorrelation:
    complete = [row for row in rows if None not in row]
    return intraclass_correlation(np.array(complete, dtype=np.float64).reshape(-1, methods))


def intraclass_correlation(table: npt.NDArray[np.float64]) -> IntraclassCorrelation:
    """ICC(A,1), two-way random, absolute agreement, single measurement [1]_.

    ``(MSR - MSE) / (MSR + (k - 1) MSE + k (MSC - MSE) / n)``; the interval by Satterthwaite's
    degrees of freedom. It is ICC(2,1) of Shrout and Fleiss [2]_.

    Parameters
    ----------
    table : array, (n, k)
        A row a lesion, a column a method.

    References
    ----------
    .. [1] McGraw and Wong, Psychol Methods 1:30, 1996 (recalled).
    .. [2] Shrout and Fleiss, Psychol Bull 86:420, 1979 (recalled).
    """
    n, k = table.shape
    if n < 3:
        return IntraclassCorrelation(
            value=None,
            low=None,
            high=None,
            lesions=n,
            absent=f"needed three lesions that every method delineated, found {n}",
        )
    grand = table.mean()
    rows = k * np.square(table.mean(axis=1) - grand).sum()
    columns = n * np.square(table.mean(axis=0) - grand).sum()
    msr, msc = rows / (n - 1), columns / (k - 1)
    left = max(float(np.square(table - grand).sum() - rows - columns), 0.0)
    mse = left / ((n - 1) * (k - 1))
    below = msr + (k - 1) * mse + k * (msc - mse) / n
    if below <= 0 or msr == 0:
        return IntraclassCorrelation(
            value=None, low=None, high=None, lesions=n, absent="the lesions do not differ"
        )
    value = float((msr - mse) / below)
    if mse < 1e-15 * msr and msc < 1e-15 * msr:
        return IntraclassCorrelation(value=1.0, low=1.0, high=1.0, lesions=n)
    low, high = _interval(value, n=n, k=k, msr=float(msr), msc=float(msc), mse=mse)
    return IntraclassCorrelation(value=value, low=low, high=high, lesions=n)


def _interval(
    value: float, *, n: int, k: int, msr: float, msc: float, mse: float
) -> tuple[float | None, float | None]:
    if value >= 1.0:
        return None, None
    a = k * value / (n * (1.0 - value))
    b = 1.0 + k * value * (n - 1) / (n * (1.0 - value))
    freedom = (a * msc + b * mse) ** 2 / (
        (a * msc) ** 2 / (k - 1) + (b * mse) ** 2 / ((n - 1) * (k - 1))
    )
    both = k * msc + (k * n - k - n) * mse
    upper_f = float(fdtri(n - 1, freedom, 0.975))
    lower_f = float(fdtri(freedom, n - 1, 0.975))
    low = n * (msr - upper_f * mse) / (upper_f * both + n * msr)
    high = n * (lower_f * msr - mse) / (both + n * lower_f * msr)
    if not (math.isfinite(low) and math.isfinite(high)):
        return None, None
    return low, high
