"""Participants one by one: flow through the study, spider, waterfall and swimmer with tables."""

import itertools
import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from operandi.reports.chart_table import (
    FAINT,
    INK,
    ChartWithTable,
    color_of,
    csv_table,
    legend_above,
    sheet,
)
from operandi.reports.charts import STYLE, Axis, Words, svg_figure
from operandi.reports.cohort_charts import SwimmerLane, WaterfallBar, swimmer, waterfall

_MARKS: Final = ("*", "s", "D", "^")


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowStep:
    """Who was left at one step of the study.

    Parameters
    ----------
    title : str
        The step: "assessed for eligibility".
    count : int
        Participants.
    left_out : tuple of (reason, count)
        Who did not come to this step from the one before, and why.
    """

    title: str
    count: int
    left_out: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SpiderLeg:
    """Change of one participant over the planned scans.

    Parameters
    ----------
    name : str
        Who.
    times : tuple of float
        Of every planned scan, ascending; also of those that are missing.
    changes : tuple of float or None
        Against baseline, as a share; None where the scan is missing. It is never interpolated:
        the line breaks.
    group : str
        What the color says.
    marks : tuple of (time, what)
        What was seen; drawn on the line where the change of that time is known, else under it.
    """

    name: str
    times: tuple[float, ...]
    changes: tuple[float | None, ...]
    group: str
    marks: tuple[tuple[float, str], ...] = ()


def participant_flow(steps: Sequence[FlowStep], *, words: Words) -> ChartWithTable:
    """Draw how many came from step to step, and who was left out why.

    Raises
    ------
    ValueError
        If a step does not have the count of the one before less those left out.
    """
    for before, after in itertools.pairwise(steps):
        lost = sum(count for _, count in after.left_out)
        if before.count - lost != after.count:
            raise ValueError(
                f"flow: {before.count} less {lost} are not the {after.count} of '{after.title}'"
            )
    written = [_side_lines(step) for step in steps]
    heights = [max(1.5, 0.36 * len(lines) + 1.0) for lines in written]
    heights[0] -= 0.4  # nothing comes down to the first box
    height_px = int(48 * sum(heights)) + 24
    with rc_context({**STYLE, "axes.grid": False}):
        canvas, axes = sheet(height_px)
        axes.set_axis_off()
        axes.set_xlim(0.0, 10.0)
        axes.set_ylim(sum(heights), 0.0)
        top = 0.0
        previous = None
        for step, lines, height in zip(steps, written, heights, strict=True):
            # The side box hangs on the arrow that comes down to this step's box.
            center = top + height - 0.6
            _box(axes, f"{step.title}\nn = {step.count}", left=0.1, right=4.9, y=center, half=0.5)
            if previous is not None:
                _arrow(axes, (2.5, previous + 0.5), (2.5, center - 0.5))
            if lines:
                middle = top + (height - 1.1) / 2.0
                half = 0.17 * len(lines) + 0.14
                _box(axes, "\n".join(lines), left=5.5, right=9.9, y=middle, half=half, faint=True)
                _arrow(axes, (2.5, middle), (5.5, middle))
            previous = center
            top += height
        figure = svg_figure(canvas, words, height_px=height_px)
    rows: list[tuple[str, str, int]] = []
    for step in steps:
        rows += [(step.title, reason, count) for reason, count in step.left_out]
        rows.append((step.title, "", step.count))
    return ChartWithTable(figure=figure, table=csv_table(("step", "left out because", "n"), rows))


def spider_chart(
    legs: Sequence[SpiderLeg], *, words: Words, x: Axis, y: Axis, groups: Sequence[str]
) -> ChartWithTable:
    """Draw the change of each participant; a missing scan breaks the line.

    Between two scans of which both were done runs a line; where one is missing there is none, and
    the numbers of missing scans stand under the lines.

    Parameters
    ----------
    legs : sequence of SpiderLeg
        In any order.
    words, x, y : Words, Axis, Axis
        Beside the chart.
    groups : sequence of str
        In the order of the legend.
    """
    height_px = 440
    missing = [
        t
        for leg in legs
        for t, change in zip(leg.times, leg.changes, strict=True)
        if change is None
    ]
    with rc_context(STYLE):
        canvas, axes = sheet(height_px)
        axes.axhline(0.0, color=INK, linewidth=0.8)
        present = dict.fromkeys((*groups, *(leg.group for leg in legs)))
        for number, group in enumerate(present):
            _draw_legs(
                axes,
                [leg for leg in legs if leg.group == group],
                color=color_of(number) if group in groups else FAINT,
            )
        _draw_missing(axes, missing)
        _draw_marks(axes, legs)
        planned = sorted({time for leg in legs for time in leg.times})
        if len(planned) <= 14:
            axes.set_xticks(planned)
        axes.set_xlabel(x.title)
        axes.set_ylabel(y.title)
        legend_above(axes, columns=4)
        figure = svg_figure(canvas, words, height_px=height_px)
    rows = [
        (leg.name, leg.group, float(time), change, _marked(leg, time))
        for leg in legs
        for time, change in zip(leg.times, leg.changes, strict=True)
    ]
    header = ("participant", "group", "time", "change", "mark")
    return ChartWithTable(figure=figure, table=csv_table(header, rows))


def evaluable_waterfall(
    bars: Sequence[WaterfallBar],
    *,
    words: Words,
    groups: Sequence[str],
    axis: str,
    treated: int,
    not_evaluable: Sequence[tuple[str, int]],
) -> ChartWithTable:
    """Draw a waterfall that says of how many treated participants it shows how many.

    Parameters
    ----------
    bars, words, groups, axis
        As of ``waterfall``.
    treated : int
        Everyone who was treated: the denominator of a response rate.
    not_evaluable : sequence of (reason, count)
        Who has no bar, and why.

    Raises
    ------
    ValueError
        If bars and reasons do not add up to the treated.
    """
    lost = sum(count for _, count in not_evaluable)
    if len(bars) + lost != treated:
        raise ValueError(
            f"waterfall: {len(bars)} bars and {lost} without are not {treated} treated"
        )
    share = f"{len(bars)} evaluable of {treated} treated"
    why = "; ".join(f"{reason}: {count}" for reason, count in not_evaluable if count)
    told = f"{share}." if not why else f"{share}; no bar: {why}."
    figure = waterfall(
        bars,
        words=replace(
            words, caption=f"{words.caption} {told}".strip(), alt=f"{words.alt} {told}".strip()
        ),
        groups=groups,
        axis=f"{axis}\n({share})",
    )
    ordered = sorted(bars, key=lambda bar: (-bar.change, bar.name))
    rows: list[tuple[str, str, float | None]] = [
        (bar.name, bar.group, float(bar.change)) for bar in ordered
    ]
    rows += [(f"{count} without a bar", reason, None) for reason, count in not_evaluable if count]
    return ChartWithTable(
        figure=figure, table=csv_table(("participant", "group or reason", "change"), rows)
    )


def swimmer_with_table(
    lanes: Sequence[SwimmerLane], *, words: Words, groups: Sequence[str], axis: str
) -> ChartWithTable:
    """Draw one lane a participant, and tell its length and marks in a table."""
    rows: list[tuple[str, str, float]] = []
    for lane in lanes:
        rows.append((lane.name, "end", float(lane.length)))
        rows += [(lane.name, what, float(time)) for time, what in lane.marks]
    return ChartWithTable(
        figure=swimmer(lanes, words=words, groups=groups, axis=axis),
        table=csv_table(("participant", "what", "time"), rows),
    )


def _draw_legs(axes: Axes, legs: Sequence[SpiderLeg], *, color: str) -> None:
    name: str | None = legs[0].group if legs else None
    for run in (run for leg in legs for run in _unbroken(leg)):
        axes.plot(
            [time for time, _ in run],
            [100.0 * change for _, change in run],
            "o-",
            color=color,
            markersize=3,
            linewidth=1.1,
            alpha=0.8,
            label=name,
        )
        name = None


def _marked(leg: SpiderLeg, time: float) -> str:
    return "; ".join(what for day, what in leg.marks if day == time)


def _draw_marks(axes: Axes, legs: Sequence[SpiderLeg]) -> None:
    """Mark what was seen on the lines; of a time without a change, on the floor."""
    kinds = dict.fromkeys(what for leg in legs for _, what in leg.marks)
    floor = axes.get_ylim()[0]
    for number, kind in enumerate(sorted(kinds)):
        found = []
        for leg in legs:
            known = dict(zip(leg.times, leg.changes, strict=True))
            for time in (time for time, what in leg.marks if what == kind):
                change = known.get(time)
                found.append((time, floor if change is None else 100.0 * change))
        axes.plot(
            [time for time, _ in found],
            [height for _, height in found],
            _MARKS[number % len(_MARKS)],
            color=INK,
            markerfacecolor="none",
            markersize=6.5,
            linestyle="none",
            label=kind,
            clip_on=False,
            zorder=4,
        )


def _draw_missing(axes: Axes, missing: Sequence[float]) -> None:
    """Write under the lines how many scans are missing, at their times."""
    if not missing:
        return
    low, high = axes.get_ylim()
    floor = low - 0.06 * (high - low)
    for time, count in sorted(Counter(missing).items()):
        axes.text(time, floor, f"×{count}", ha="center", va="center", fontsize=9, color=FAINT)
    axes.plot([], [], marker="x", linestyle="none", color=FAINT, label="scans missing")
    axes.set_ylim(low - 0.12 * (high - low), high)


def _unbroken(leg: SpiderLeg) -> list[list[tuple[float, float]]]:
    """Runs of scans that follow one another without a missing one."""
    runs: list[list[tuple[float, float]]] = [[]]
    for time, change in zip(leg.times, leg.changes, strict=True):
        if change is None:
            runs.append([])
        else:
            runs[-1].append((time, change))
    return [run for run in runs if run]


def _side_lines(step: FlowStep) -> list[str]:
    lines: list[str] = []
    if step.left_out:
        lines.append(f"Left out: n = {sum(count for _, count in step.left_out)}")
    for reason, count in step.left_out:
        first, *others = textwrap.wrap(f"{count}  {reason}", width=46)
        lines += [first, *(f"    {other}" for other in others)]
    return lines


def _box(  # noqa: PLR0913 - each named by the caller
    axes: Axes, text: str, *, left: float, right: float, y: float, half: float, faint: bool = False
) -> None:
    axes.add_patch(
        FancyBboxPatch(
            (left, y - half),
            right - left,
            2.0 * half,
            boxstyle="round,pad=0,rounding_size=0.08",
            facecolor="#ffffff" if faint else "#eef4f5",
            edgecolor=FAINT if faint else color_of(0),
            linewidth=1.0,
        )
    )
    where = left + 0.15 if faint else (left + right) / 2.0
    axes.text(
        where, y, text, ha="left" if faint else "center", va="center", fontsize=9, linespacing=1.35
    )


def _arrow(axes: Axes, begin: tuple[float, float], finish: tuple[float, float]) -> None:
    axes.annotate(
        "", finish, begin, arrowprops={"arrowstyle": "-|>", "color": FAINT, "linewidth": 1.1}
    )
