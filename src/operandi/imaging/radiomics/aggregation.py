"""From lesions to the patient, by a name that says how.

A lesion may lack a feature, most often a small one that has too few voxels for texture. What then
becomes of the patient's value depends on what one lesion can do to it:

* *Totals and extremes* (sum, maximum, minimum, range): one missing lesion can move them without
  bound, and always in one direction. They need every lesion.
* *Selections* (largest lesion, minimum uptake): need the selected lesion. The next one in line is
  another question, so it never stands in.
* *Averages and spreads* (means, standard deviation, interquartile range): are taken over the
  lesions that have the feature, if these hold 90 % of the patient's tumor volume or more. Small
  lesions without texture would otherwise cost nearly every patient a value; below that share what
  is missing is no longer small. How many were used, and their share of the volume, stand beside
  the value.

Which are meaningful: a sum only of what adds up over disjoint lesions (``ADDITIVE``); a
volume-weighted mean of intensities is the mean over all tumor voxels, whereas of texture it is a
convention; the minimum-uptake lesion is where radioligand therapy is expected to fail first;
spread over lesions is heterogeneity between lesions, which no lesion's own texture holds.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.imaging.radiomics.feature import Feature
from operandi.quantities.errors import DataError

Array = npt.NDArray[np.float64]

ADDITIVE: Final = frozenset(
    ("morph_volume", "morph_vol_approx", "morph_area_mesh", "morph_integ_int", "stat_energy")
)
"""IBSI tags whose sum over disjoint lesions is the feature of their union (energy: on one grid)."""

LEAST_VOLUME_SHARE: Final = 0.9
"""Of the patient's tumor volume that averages and spreads must rest on."""


class Aggregation(StrEnum):
    """How the values of a patient's lesions become one."""

    VOLUME_WEIGHTED_MEAN = "volume-weighted mean"
    MEAN = "mean of lesions"
    SUM = "sum of lesions"
    MAXIMUM = "maximum of lesions"
    MINIMUM = "minimum of lesions"
    LARGEST_LESION = "largest lesion"
    MINIMUM_UPTAKE_LESION = "lesion of minimum uptake"
    STANDARD_DEVIATION = "standard deviation of lesions"
    INTERQUARTILE_RANGE = "interquartile range of lesions"
    RANGE = "range of lesions"


_NEEDS_ALL: Final = frozenset(
    (Aggregation.SUM, Aggregation.MAXIMUM, Aggregation.MINIMUM, Aggregation.RANGE)
)
_LEAST_LESIONS: Final = {
    Aggregation.STANDARD_DEVIATION: 2,
    Aggregation.RANGE: 2,
    # Of two values, quartiles are only the two values again.
    Aggregation.INTERQUARTILE_RANGE: 3,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionFeature:
    """A feature of one of a patient's lesions.

    Parameters
    ----------
    lesion : str
        Its name.
    feature : Feature
        Value or reason.
    volume_ml : float, > 0
        Of the lesion.
    uptake : float or None
        Mean uptake, to find the lesion of minimum uptake; None where there is none.
    """

    lesion: str
    feature: Feature
    volume_ml: float
    uptake: float | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.volume_ml) and self.volume_ml > 0.0):
            raise DataError(
                f"Lesion {self.lesion} needs a volume > 0 mL, found {self.volume_ml}.",
                remedy="Supply the volume of its mask.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientFeature:
    """A patient's value of a feature.

    Parameters
    ----------
    feature : Feature
        Value, or the reason it is absent.
    aggregation : Aggregation
        How it was made.
    lesions, used : int
        Lesions of the patient, and those that the value rests on.
    volume_share : float
        Share of the tumor volume that the lesions with the feature hold.
    """

    feature: Feature
    aggregation: Aggregation
    lesions: int
    used: int
    volume_share: float


def to_patient(lesions: Sequence[LesionFeature], *, aggregation: Aggregation) -> PatientFeature:
    """Make one value of those of a patient's lesions.

    Parameters
    ----------
    lesions : sequence of LesionFeature
        All lesions of the patient at one visit, those without the feature included.
    aggregation : Aggregation
        How. Standard deviation is the sample's (n - 1); quartiles are interpolated linearly.

    Returns
    -------
    PatientFeature
        Absent by the rules of this module; where two lesions share the largest volume or the
        least uptake; and where there are fewer than 2 (3 for quartiles).

    Raises
    ------
    DataError
        If there is no lesion, a lesion comes twice, features differ, or a sum is asked of what
        does not add up.
    """
    tag = _tag_of(lesions)
    if aggregation is Aggregation.SUM and tag not in ADDITIVE:
        raise DataError(
            f"{tag} does not add up over lesions.",
            remedy=f"Take a mean, or sum one of {', '.join(sorted(ADDITIVE))}.",
        )
    having = [one for one in lesions if one.feature.value is not None]
    volume = math.fsum(one.volume_ml for one in lesions)
    share = math.fsum(one.volume_ml for one in having) / volume

    def result(value: float | None, absent: str, used: int) -> PatientFeature:
        return PatientFeature(
            feature=Feature(tag, value, absent),
            aggregation=aggregation,
            lesions=len(lesions),
            used=used,
            volume_share=share,
        )

    if aggregation in {Aggregation.LARGEST_LESION, Aggregation.MINIMUM_UPTAKE_LESION}:
        chosen = _chosen(lesions, aggregation)
        if isinstance(chosen, str):
            return result(None, chosen, 0)
        feature = chosen.feature
        reason = feature.absent and f"lesion {chosen.lesion}: {feature.absent}"
        return result(feature.value, reason, 0 if reason else 1)
    reason = _reason(lesions, having, share, aggregation)
    if reason:
        return result(None, reason, 0)
    values = np.array([one.feature.value for one in having], dtype=np.float64)
    volumes = np.array([one.volume_ml for one in having], dtype=np.float64)
    return result(float(_COMBINED[aggregation](values, volumes)), "", len(having))


def _tag_of(lesions: Sequence[LesionFeature]) -> str:
    tags = {one.feature.tag for one in lesions}
    if len(tags) != 1 or len({one.lesion for one in lesions}) != len(lesions):
        raise DataError(
            f"A patient's value needs each lesion once with one feature; found {len(lesions)} "
            f"rows of {', '.join(sorted(tags)) or 'nothing'}."
        )
    return tags.pop()


def _chosen(lesions: Sequence[LesionFeature], aggregation: Aggregation) -> LesionFeature | str:
    if aggregation is Aggregation.LARGEST_LESION:
        largest = max(one.volume_ml for one in lesions)
        found = [one for one in lesions if one.volume_ml == largest]
    else:
        uptakes = [one.uptake for one in lesions if one.uptake is not None]
        if len(uptakes) < len(lesions):
            return f"{len(lesions) - len(uptakes)} of {len(lesions)} lesions have no uptake"
        found = [one for one in lesions if one.uptake == min(uptakes)]
    if len(found) > 1:
        return f"lesions {', '.join(one.lesion for one in found)} are both the {aggregation}"
    return found[0]


def _reason(
    lesions: Sequence[LesionFeature],
    having: Sequence[LesionFeature],
    share: float,
    aggregation: Aggregation,
) -> str:
    least = _LEAST_LESIONS.get(aggregation, 1)
    without = next((one for one in lesions if one.feature.value is None), None)
    if without is not None and aggregation in _NEEDS_ALL:
        return (
            f"the {aggregation} needs every lesion, {len(lesions) - len(having)} of {len(lesions)} "
            f"lack it ({without.lesion}: {without.feature.absent})"
        )
    if without is not None and share < LEAST_VOLUME_SHARE:
        return (
            f"lesions with the feature hold {100.0 * share:.0f} % of the volume, "
            f"{100.0 * LEAST_VOLUME_SHARE:.0f} % are needed "
            f"({without.lesion}: {without.feature.absent})"
        )
    if len(having) < least:
        return f"the {aggregation} needs {least} lesions, found {len(having)}"
    return ""


_COMBINED: Final[Mapping[Aggregation, Callable[[Array, Array], np.floating]]] = {
    Aggregation.VOLUME_WEIGHTED_MEAN: lambda values, volumes: np.average(values, weights=volumes),
    Aggregation.MEAN: lambda values, _: values.mean(),
    Aggregation.SUM: lambda values, _: values.sum(),
    Aggregation.MAXIMUM: lambda values, _: values.max(),
    Aggregation.MINIMUM: lambda values, _: values.min(),
    Aggregation.STANDARD_DEVIATION: lambda values, _: values.std(ddof=1),
    Aggregation.INTERQUARTILE_RANGE: lambda values, _: np.subtract(
        *np.percentile(values, (75.0, 25.0))
    ),
    Aggregation.RANGE: lambda values, _: np.ptp(values),
}
