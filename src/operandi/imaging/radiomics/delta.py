"""How far a feature of a lesion moved between two visits, and whether that is more than repetition.

References
----------
.. [1] Raunig et al., Stat Methods Med Res 24:27, 2015 (a change beyond the repeatability
   coefficient is real with its confidence).
"""

import math
from dataclasses import dataclass
from datetime import date
from typing import Final

from operandi.domain.measurement import Uncertainty
from operandi.imaging.radiomics.feature import Feature
from operandi.imaging.radiomics.robustness import Robustness
from operandi.quantities.errors import DataError

DAYS_PER_WEEK: Final = 7.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A feature of a lesion at one visit.

    Parameters
    ----------
    feature : Feature
        Its value, or why it has none.
    day : date or None
        Of the scan; None where it is not known.
    settings : str
        Digest of the settings that it was computed by.
    """

    feature: Feature
    day: date | None
    settings: str


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its standard uncertainty, or the reason it is absent."""

    value: float | None
    uncertainty: Uncertainty
    absent: str = ""

    def __post_init__(self) -> None:
        if (self.value is None) != bool(self.absent):
            raise ValueError("a quantity has either a value or the reason it is absent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What became of a feature.

    Parameters
    ----------
    tag : str
        The feature.
    absolute : Quantity
        Second minus first, in the feature's unit.
    percent : Quantity
        ``100 (second - first) / |first|``.
    per_week : Quantity
        Absolute change a week, in the feature's unit.
    log_ratio : Quantity
        ``ln(second / first)``: the scale on which rises and falls of one factor are equal, and
        the one to model.
    minimal_detectable : float or None
        Absolute change that repetition alone stays within, with the confidence of ``robustness``.
    exceeds : bool or None
        Whether the absolute change is larger; None where either is not known.
    """

    tag: str
    absolute: Quantity
    percent: Quantity
    per_week: Quantity
    log_ratio: Quantity
    minimal_detectable: float | None
    exceeds: bool | None


def change(first: Visit, second: Visit, *, robustness: Robustness | None) -> Change:
    """Compare a feature of one lesion between two visits.

    Standard uncertainties are propagated from the within-lesion standard deviation *w*, taken as
    independent between visits: ``w sqrt(2)`` for the absolute change, over the weeks for the
    weekly one, ``100 w sqrt(1 + (second/first)^2) / |first|`` for the relative one and
    ``w_log sqrt(2)`` for the logarithm.

    Parameters
    ----------
    first, second : Visit
        In order of time.
    robustness : Robustness or None
        How the feature repeats; None where that is not known: then nothing is called detectable.

    Returns
    -------
    Change
        Each number absent with its reason where a visit lacks the feature; the weekly one also
        where a day is missing or both are the same; the relative one where the first is 0; the
        logarithm where the values have not one sign.

    Raises
    ------
    DataError
        If features or settings differ between visits or from ``robustness``, or the second visit
        lies before the first.
    """
    _require_comparable(first, second, robustness)
    tag = first.feature.tag
    sd = None if robustness is None else robustness.within_sd
    log_sd = None if robustness is None else robustness.within_log_sd
    before, after = first.feature.value, second.feature.value
    if before is None or after is None:
        reason = "; ".join(
            f"{name} visit: {visit.feature.absent}"
            for name, visit in (("first", first), ("second", second))
            if visit.feature.absent
        )
        absent = Quantity(None, Uncertainty(None, "there is no value"), reason)
        return Change(
            tag=tag,
            absolute=absent,
            percent=absent,
            per_week=absent,
            log_ratio=absent,
            minimal_detectable=_detectable(robustness),
            exceeds=None,
        )
    difference = after - before
    limit = _detectable(robustness)
    return Change(
        tag=tag,
        absolute=_with(difference, None if sd is None else sd * math.sqrt(2.0)),
        percent=_percent(before, after, sd),
        per_week=_per_week(difference, first.day, second.day, sd),
        log_ratio=_log_ratio(before, after, log_sd),
        minimal_detectable=limit,
        exceeds=None if limit is None else abs(difference) > limit,
    )


_BASIS: Final = "within-lesion standard deviation of repeats"
_NO_REPEATS: Final = "no repeats of this feature"


def _with(value: float, standard: float | None) -> Quantity:
    return Quantity(value, Uncertainty(standard, _NO_REPEATS if standard is None else _BASIS))


def _without(reason: str) -> Quantity:
    return Quantity(None, Uncertainty(None, "there is no value"), reason)


def _percent(before: float, after: float, sd: float | None) -> Quantity:
    if before == 0.0:
        return _without("a change relative to 0 is not defined")
    share = (after - before) / abs(before)
    if not math.isfinite(100.0 * share):
        return _without("the first value is too near 0 for a relative change")
    standard = None if sd is None else 100.0 * sd * math.hypot(1.0, after / before) / abs(before)
    return _with(100.0 * share, standard)


def _per_week(
    difference: float, first: date | None, second: date | None, sd: float | None
) -> Quantity:
    if first is None or second is None:
        return _without("the day of a scan is not known")
    weeks = (second - first).days / DAYS_PER_WEEK
    if weeks == 0.0:
        return _without("both scans are of one day")
    return _with(difference / weeks, None if sd is None else sd * math.sqrt(2.0) / weeks)


def _log_ratio(before: float, after: float, log_sd: float | None) -> Quantity:
    if before == 0.0 or after == 0.0 or (before > 0.0) != (after > 0.0):
        return _without("a ratio's logarithm needs two values of one sign")
    value = math.log(abs(after)) - math.log(abs(before))
    return _with(value, None if log_sd is None else log_sd * math.sqrt(2.0))


def _detectable(robustness: Robustness | None) -> float | None:
    return None if robustness is None else robustness.minimal_detectable_change


def _require_comparable(first: Visit, second: Visit, robustness: Robustness | None) -> None:
    tags = {first.feature.tag, second.feature.tag}
    settings = {first.settings, second.settings}
    if robustness is not None:
        tags.add(robustness.feature)
        settings.add(robustness.settings)
    if len(tags) > 1:
        raise DataError(f"A change is of one feature; found {', '.join(sorted(tags))}.")
    if len(settings) > 1:
        raise DataError(
            f"A change of {first.feature.tag} needs one set of settings; found digests "
            f"{', '.join(sorted(one[:12] for one in settings))}.",
            remedy="Extract both visits, and the repeats, by the same settings.",
        )
    if first.day is not None and second.day is not None and second.day < first.day:
        raise DataError(
            f"The second visit, {second.day}, lies before the first, {first.day}.",
            remedy="Give the visits in order of time.",
        )
