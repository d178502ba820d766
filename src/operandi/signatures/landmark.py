"""Landmark analysis: only who was free of the event, and scanned, by the landmark counts after it.

A marker that is measured during treatment foretells nothing of those who did not live to have it.
To code them as marker-negative makes a marker without any effect look as one (immortal time).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from operandi.domain.identity import Pseudonym
from operandi.quantities.errors import DataError
from operandi.records.tables import Records
from operandi.signatures.data import Floats, IntervalCensored, RightCensored

_OutcomeT = TypeVar("_OutcomeT", RightCensored, IntervalCensored)


class LandmarkExclusion(StrEnum):
    """Why a participant does not count after a landmark; the first that holds."""

    EVENT_BEFORE = "event_on_or_before_landmark"
    CENSORED_BEFORE = "censored_on_or_before_landmark"
    NO_SCAN = "no_scan"
    SCAN_AFTER = "scan_after_landmark"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Landmarked(Generic[_OutcomeT]):
    """Outcomes after a landmark.

    Parameters
    ----------
    outcome : RightCensored or IntervalCensored
        Of those kept, in days since the landmark.
    kept : (m,) int
        Their rows before.
    excluded : tuple of (int, LandmarkExclusion)
        Row and reason of the others.
    landmark_days : (m,) float
        Landmark of those kept, in days of the outcome before.
    straddling : int
        Kept, with an interval that begins before the landmark and ends after it. The event may
        have been there, unseen; none was known, and it is counted as after the landmark.
    """

    outcome: _OutcomeT
    kept: npt.NDArray[np.intp]
    excluded: tuple[tuple[int, LandmarkExclusion], ...]
    landmark_days: Floats
    straddling: int

    @property
    def counted(self) -> dict[LandmarkExclusion, int]:
        """How many were excluded for each reason."""
        return dict(Counter(reason for _, reason in self.excluded))


def landmark(
    outcome: _OutcomeT, *, scan_days: Sequence[float | None], day: float | None
) -> Landmarked[_OutcomeT]:
    """Keep who was free of the event and scanned by the landmark, and count days from it.

    Parameters
    ----------
    outcome : RightCensored or IntervalCensored
        Days since treatment began. An interval that ends on or before the landmark is an event
        before it.
    scan_days : sequence of float or None, length n
        Day of the scan that the marker is read from; None where there is none.
    day : float or None
        The landmark, the same for all; None for each participant's own scan.

    Raises
    ------
    DataError
        If lengths differ, the landmark is not > 0, or nobody is left.

    References
    ----------
    .. [1] Anderson, Cain and Gelber, J Clin Oncol 1:710, 1983.
    """
    first, last = _span(outcome)
    if len(scan_days) != first.size:
        raise DataError(
            f"A landmark needs the day of a scan, or none, for each of {first.size} participants; "
            f"found {len(scan_days)}."
        )
    if day is not None and not (np.isfinite(day) and day > 0.0):
        raise DataError(f"A landmark needs a day > 0; found {day:g}.")
    reasons = [
        _reason(early, late, scan, day)
        for early, late, scan in zip(first.tolist(), last.tolist(), scan_days, strict=True)
    ]
    kept = np.array([row for row, reason in enumerate(reasons) if reason is None], dtype=np.intp)
    excluded = tuple((row, reason) for row, reason in enumerate(reasons) if reason is not None)
    if not kept.size:
        counts = Counter(reason.value for _, reason in excluded)
        words = ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items()))
        raise DataError(
            f"Nobody is left after the landmark: {words}.", remedy="Choose an earlier landmark."
        )
    own = [scan_days[int(row)] if day is None else day for row in kept]
    days = np.array(own, dtype=float)
    begun = first[kept] < days
    return Landmarked(
        outcome=_reset(outcome, kept, days),
        kept=kept,
        excluded=excluded,
        landmark_days=days,
        straddling=int(np.count_nonzero(begun & np.isfinite(last[kept]))),
    )


def scan_days_of(
    records: Records, participants: Sequence[Pseudonym], *, timepoint: str
) -> tuple[float | None, ...]:
    """Days from cycle 1 to the visit of a timepoint, by ``imaging_visits``; None where none is.

    Raises
    ------
    DataError
        If a scan lies before cycle 1: a landmark comes after treatment began.
    """
    found: list[float | None] = []
    for who in participants:
        visit, cycle = records.visit_at(who, timepoint), records.cycle(who, 1)
        days = (visit.on - cycle.on).days if visit and cycle else None
        if days is not None and days <= 0:
            raise DataError(
                f"{who}: the visit {timepoint} is {-days} days before treatment began, or on its "
                "day; a landmark comes after it.",
                remedy="Correct imaging_visits or cycles: visits may be swapped.",
            )
        found.append(None if days is None else float(days))
    return tuple(found)


def _span(outcome: RightCensored | IntervalCensored) -> tuple[Floats, Floats]:
    """Last day without the event and first day with it."""
    if isinstance(outcome, IntervalCensored):
        return outcome.left, outcome.right
    return outcome.time, np.where(outcome.event, outcome.time, np.inf)


def _reason(
    early: float, late: float, scan: float | None, day: float | None
) -> LandmarkExclusion | None:
    if day is None and scan is None:
        return LandmarkExclusion.NO_SCAN
    limit = day if day is not None else scan
    if limit is None or late <= limit:
        return LandmarkExclusion.EVENT_BEFORE
    if late == np.inf and early <= limit:
        return LandmarkExclusion.CENSORED_BEFORE
    if scan is None:
        return LandmarkExclusion.NO_SCAN
    return LandmarkExclusion.SCAN_AFTER if scan > limit else None


def _reset(outcome: _OutcomeT, kept: npt.NDArray[np.intp], days: Floats) -> _OutcomeT:
    if isinstance(outcome, IntervalCensored):
        return IntervalCensored(
            left=np.maximum(outcome.left[kept] - days, 0.0), right=outcome.right[kept] - days
        )
    return RightCensored(time=outcome.time[kept] - days, event=outcome.event[kept])
