"""Charts of a whole cohort, as deterministic SVG: waterfall and swimmer."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Canvas

from operandi.reports.chart_table import drawn_name
from operandi.reports.charts import STYLE, Words
from operandi.reports.study_report import Figure

_WIDTH_PX: Final = 720
_MARKERS: Final = ("o", "^", "v", "D", "s", "X", "P")
_COLORS: Final = ("#0b5a68", "#d1343f", "#1668b8", "#b07d00", "#6b3fa0", "#1b7d45", "#8a4b2a")
_OTHER: Final = "#8b96a1"
_MANY_LANES: Final = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class WaterfallBar:
    """One participant.

    Parameters
    ----------
    name : str
        Who.
    change : float
        As a share: -0.4 for -40 %.
    group : str
        What the bar's color says.
    """

    name: str
    change: float
    group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SwimmerLane:
    """One participant.

    Parameters
    ----------
    name : str
        Who.
    length : float
        End of the lane.
    marks : tuple of (time, group)
        What happened, and when.
    """

    name: str
    length: float
    marks: tuple[tuple[float, str], ...]


def waterfall(
    bars: Sequence[WaterfallBar], *, words: Words, groups: Sequence[str], axis: str
) -> Figure:
    """Draw one bar a participant, from the largest rise to the largest fall.

    Parameters
    ----------
    bars : sequence of WaterfallBar
        In any order.
    words : Words
        Beside the chart.
    groups : sequence of str
        Groups in the order of the legend; of others the bar is gray.
    axis : str
        What the height is.
    """
    ordered = sorted(bars, key=lambda bar: (-bar.change, bar.name))
    with rc_context(STYLE):
        canvas, axes = _sheet(400)
        for group in dict.fromkeys((*groups, *(bar.group for bar in ordered))):
            places = [n for n, bar in enumerate(ordered) if bar.group == group]
            if places:
                axes.bar(
                    places,
                    [100.0 * ordered[n].change for n in places],
                    width=0.75,
                    color=_color(group, groups),
                    label=drawn_name(group),
                )
        # Three participants must not fill the sheet.
        axes.set_xlim(-0.7, max(len(ordered), 6) - 0.3)
        axes.set_xticks(range(len(ordered)), [bar.name for bar in ordered], rotation=45, ha="right")
        if len(ordered) > 30:
            # Slanted, so many names lie upon one another.
            axes.tick_params(axis="x", labelrotation=90, labelsize=6)
            for label in axes.get_xticklabels():
                label.set_horizontalalignment("center")
        axes.axhline(0.0, color="#17212b", linewidth=0.8)
        axes.grid(visible=False, axis="x")
        axes.set_ylabel(axis)
        return _finished(canvas, axes, words, height_px=400)


def swimmer(
    lanes: Sequence[SwimmerLane], *, words: Words, groups: Sequence[str], axis: str
) -> Figure:
    """Draw one lane a participant, with marks of what happened.

    Parameters
    ----------
    lanes : sequence of SwimmerLane
        From top to bottom.
    words : Words
        Beside the chart.
    groups : sequence of str
        Groups of marks in the order of the legend.
    axis : str
        What runs from left to right.
    """
    # A whole cohort must fit on a sheet of paper; a few participants may be read at ease.
    many = len(lanes) > _MANY_LANES
    height_px = 130 + (12 if many else 34) * max(len(lanes), 3)
    with rc_context(STYLE):
        canvas, axes = _sheet(height_px)
        for row, lane in enumerate(lanes):
            axes.barh(row, lane.length, height=0.5, color="#dfe8ea", zorder=1)
        for number, group in enumerate(groups):
            found = [
                (time, row)
                for row, lane in enumerate(lanes)
                for time, what in lane.marks
                if what == group
            ]
            # Marks of one day stand beside one another, not upon one another.
            lift = 0.13 * ((number % 3) - 1)
            if found:
                axes.plot(
                    [time for time, _ in found],
                    [row + lift for _, row in found],
                    _MARKERS[number % len(_MARKERS)],
                    color=_color(group, groups),
                    label=drawn_name(group),
                    markersize=4.5 if many else 7,
                    linestyle="none",
                    zorder=3,
                )
        axes.set_yticks(range(len(lanes)), [drawn_name(lane.name) for lane in lanes])
        if many:
            axes.tick_params(axis="y", labelsize=7)
        axes.set_ylim(max(len(lanes), 3) - 0.4, -0.6)
        # The first marks stand at 0 and must not be cut in half.
        longest = max((lane.length for lane in lanes), default=0.0)
        axes.set_xlim(left=-0.03 * max(longest, 1.0))
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(axis)
        return _finished(canvas, axes, words, height_px=height_px)


def _sheet(height_px: int) -> tuple[Canvas, Axes]:
    canvas = Canvas(figsize=(_WIDTH_PX / 72, height_px / 72), layout="constrained")
    FigureCanvasSVG(canvas)
    axes = canvas.add_subplot()
    axes.set_axisbelow(True)
    return canvas, axes


def _color(group: str, groups: Sequence[str]) -> str:
    return _COLORS[list(groups).index(group) % len(_COLORS)] if group in groups else _OTHER


def _finished(canvas: Canvas, axes: Axes, words: Words, *, height_px: int) -> Figure:
    handles, labels = axes.get_legend_handles_labels()
    if labels:
        axes.legend(
            handles, labels, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, fontsize=9
        )
    buffer = io.BytesIO()
    # Without a date, so that the same chart gives the same bytes.
    canvas.savefig(buffer, format="svg", metadata={"Date": None})
    return Figure(
        title=words.title,
        caption=words.caption,
        image=buffer.getvalue(),
        mime="image/svg+xml",
        width=_WIDTH_PX,
        height=height_px,
        alt=words.alt,
    )
