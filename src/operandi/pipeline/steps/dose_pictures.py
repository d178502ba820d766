"""Step that draws the doses of a cycle: activity over time, and dose over volume."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from operandi.pipeline.steps.dose_cycle import CycleDoses, Histogram, RegionDose
from operandi.reports.charts import Axis, Curve, Points, Words, chart
from operandi.reports.study_report import Figure

_LATEST_SHOWN_H: Final = 240.0
_MOST_SHOWN: Final = 7
"""Colors that can be told apart: the chart shows the organs and the lesions of highest dose."""


def dose_pictures(doses: CycleDoses) -> tuple[Figure, ...]:
    """Draw time-activity curves with bands, and dose- and BED-volume histograms."""
    shown = _shown(doses)
    figures = [_activity(shown)]
    if any(one.histogram for one in shown):
        figures.append(_volume(shown))
    return tuple(figures)


def _shown(doses: CycleDoses) -> tuple[RegionDose, ...]:
    organs = [one for one in doses.regions if not one.is_lesion]
    lesions = sorted((one for one in doses.regions if one.is_lesion), key=lambda one: -one.dose_gy)
    return (*organs, *lesions)[:_MOST_SHOWN]


def _activity(regions: Sequence[RegionDose]) -> Figure:
    last_h = max(max(one.times_h) for one in regions)
    hours = np.linspace(0.5, max(_LATEST_SHOWN_H, 1.2 * last_h), 240)
    curves, points = [], []
    for group, one in enumerate(regions):
        mbq = one.course.at(hours * 3600.0) / 1e6
        curves.append(
            Curve(
                name=one.name,
                x=hours,
                y=mbq,
                low=mbq * max(0.02, 1.0 - one.course_relative),
                high=mbq * (1.0 + one.course_relative),
                group=group,
            )
        )
        points.append(
            Points(
                name="",
                x=np.array(one.times_h),
                y=np.array(one.activities_mbq),
                y_spread=_visible(one),
                group=group,
            )
        )
    return chart(
        words=Words(
            title="Activity over time",
            caption="Points: activity at the scans with its standard uncertainty. Curves: the "
            "course that was integrated; bands: standard uncertainty of its integral. "
            + _count_words(regions),
            alt="Activity of "
            + ", ".join(
                f"{one.name}, effective half-life {one.effective_half_life_h:.0f} h"
                for one in regions
            ),
        ),
        x=Axis(title="time since administration, h"),
        y=Axis(title="activity, MBq", logarithmic=True),
        curves=curves,
        points=points,
    )


def _visible(one: RegionDose) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """On a logarithmic axis a bar that reaches zero would run out of the picture."""
    value, spread = np.array(one.activities_mbq), np.array(one.uncertainties_mbq)
    return np.array([np.minimum(spread, 0.95 * value), spread])


def _volume(regions: Sequence[RegionDose]) -> Figure:
    curves = []
    for group, one in enumerate(regions):
        for histogram, what in ((one.histogram, ""), (one.effective_histogram, ", BED")):
            if histogram is not None:
                curves.append(_curve(f"{one.name}{what}", histogram, group))
    unresolved = [
        one.name
        for one in regions
        if one.histogram is not None and "Use the mean" in one.histogram.warning
    ]
    caution = (
        f" Too small for the scanner's resolution, so that only the mean holds: "
        f"{', '.join(unresolved)}."
        if unresolved
        else ""
    )
    return chart(
        words=Words(
            title="Dose over volume",
            caption="Share of each region with at least so much dose in this cycle; dashed: "
            "biologically effective dose of kidneys. The blur and the noise of the scanner widen "
            f"every curve.{caution}",
            alt="Cumulative dose-volume histograms of " + ", ".join(one.name for one in regions),
        ),
        x=Axis(title="dose, Gy"),
        y=Axis(title="share of the volume, %"),
        curves=curves,
    )


def _curve(name: str, histogram: Histogram, group: int) -> Curve:
    return Curve(
        name=name,
        x=np.concatenate([[0.0], histogram.dose_gy]),
        y=100.0 * np.concatenate([[1.0], histogram.share]),
        group=group,
    )


def _count_words(regions: Sequence[RegionDose]) -> str:
    few = min(len(one.times_h) for one in regions)
    if few >= 4:
        return ""
    return f"With {few} scan(s), the population's courses fill what the scans leave open."
