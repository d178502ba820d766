"""Curves over time with their risk table: Kaplan-Meier, interval-censored, cumulative incidence.

An interval-censored curve is drawn as what is known of it: lines where it is known, and a shaded
rectangle where it falls somewhere, unknown where.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from operandi.reports.chart_table import (
    DASHES,
    FAINT,
    Cell,
    ChartWithTable,
    blank_sheet,
    color_of,
    csv_table,
    drawn_name,
    legend_above,
)
from operandi.reports.charts import STYLE, Axis, Words, svg_figure

Floats = npt.NDArray[np.float64]

_AXES_PX = 360
_RISK_ROW_PX = 22
_HEADER = ("curve", "kind", "from", "to", "value", "value at end", "low", "high", "number")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StepCurve:
    """A curve that is constant between its steps.

    Parameters
    ----------
    name : str
        For legend and risk table.
    time, value : (k,) float
        Where it steps, ascending, and what it steps to.
    start : float
        Before the first step: 1 for survival, 0 for incidence.
    end : float
        Last time of follow-up: the curve is not drawn beyond.
    low, high : (k,) float or None
        The band at the steps; both or neither.
    censored : (c,) float
        When participants left without the event; a tick each.
    at_risk : tuple of int
        At the times of the risk table; empty for no row in it.
    """

    name: str
    time: Floats
    value: Floats
    start: float
    end: float
    at_risk: tuple[int, ...]
    low: Floats | None = None
    high: Floats | None = None
    censored: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.time.shape != self.value.shape or (self.low is None) != (self.high is None):
            raise ValueError(f"curve {self.name}: time, value, low and high must be of one length")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RegionCurve:
    """A survival curve that is known only outside some intervals.

    Parameters
    ----------
    name : str
        For legend and risk table.
    left, right : (m,) float
        Intervals within which the curve falls, ascending and apart; right may be inf, and equal to
        left where the time is known.
    mass : (m,) float
        By how much.
    end : float
        Last time of follow-up.
    at_risk : tuple of int
        Participants known to be free of the event at the times of the risk table; empty for no row
        in it.
    days, low, high : (k,) float or None
        Pointwise band; all or none.
    """

    name: str
    left: Floats
    right: Floats
    mass: Floats
    end: float
    at_risk: tuple[int, ...]
    days: Floats | None = None
    low: Floats | None = None
    high: Floats | None = None


def survival_chart(
    curves: Sequence[StepCurve | RegionCurve],
    *,
    words: Words,
    x: Axis,
    y: Axis,
    risk_times: Sequence[float],
) -> ChartWithTable:
    """Draw curves with their bands over a table of the numbers at risk.

    Parameters
    ----------
    curves : sequence of StepCurve or RegionCurve
        Survival or incidence, all of one kind.
    words : Words
        Beside the chart.
    x, y : Axis
        What is measured; y is a probability.
    risk_times : sequence of float
        Where numbers at risk are told; also the ticks.

    Raises
    ------
    ValueError
        If a curve has numbers at risk, but not one for each of those times.
    """
    for curve in curves:
        if curve.at_risk and len(curve.at_risk) != len(risk_times):
            raise ValueError(
                f"curve {curve.name}: {len(curve.at_risk)} numbers at risk, {len(risk_times)} times"
            )
    tabled = any(curve.at_risk for curve in curves)
    table_px = 34 + _RISK_ROW_PX * len(curves) if tabled else 0
    height_px = _AXES_PX + table_px
    with rc_context(STYLE):
        canvas = blank_sheet(height_px)
        ratios = [_AXES_PX, table_px] if tabled else [1]
        grid = canvas.add_gridspec(len(ratios), 1, height_ratios=ratios, hspace=0.02)
        axes = canvas.add_subplot(grid[0])
        axes.set_axisbelow(True)
        for number, curve in enumerate(curves):
            if isinstance(curve, StepCurve):
                _draw_steps(axes, curve, number)
            else:
                _draw_regions(axes, curve, number)
        axes.set_ylim(-0.02, 1.02)
        axes.set_xlim(0.0, 1.02 * max((*(curve.end for curve in curves), *risk_times)))
        if risk_times:
            axes.set_xticks(list(risk_times))
        axes.set_xlabel(x.title)
        axes.set_ylabel(y.title)
        legend_above(axes)
        if tabled:
            _draw_risk_table(canvas.add_subplot(grid[1], sharex=axes), curves, risk_times)
        figure = svg_figure(canvas, words, height_px=height_px)
    return ChartWithTable(figure=figure, table=csv_table(_HEADER, _rows(curves, risk_times)))


def _draw_steps(axes: Axes, curve: StepCurve, number: int) -> None:
    color = color_of(number)
    time, value = _stepped(curve, curve.value)
    axes.step(
        time,
        value,
        where="post",
        color=color,
        linestyle=DASHES[number % len(DASHES)],
        label=drawn_name(curve.name),
        linewidth=1.8,
    )
    if curve.low is not None and curve.high is not None:
        axes.fill_between(
            time,
            _stepped(curve, curve.low)[1],
            _stepped(curve, curve.high)[1],
            step="post",
            color=color,
            alpha=0.14,
            linewidth=0,
        )
    if curve.censored:
        levels = np.concatenate([[curve.start], curve.value])
        where = np.searchsorted(curve.time, curve.censored, side="right")
        axes.plot(
            list(curve.censored), levels[where], "|", color=color, markersize=7, markeredgewidth=1.0
        )


def _stepped(curve: StepCurve, value: Floats) -> tuple[Floats, Floats]:
    last = value[-1] if value.size else curve.start
    time = np.concatenate([[0.0], curve.time, [max(curve.end, *curve.time[-1:], 0.0)]])
    return time, np.concatenate([[curve.start], value, [last]])


def _draw_regions(axes: Axes, curve: RegionCurve, number: int) -> None:
    color = color_of(number)
    if curve.days is not None and curve.low is not None and curve.high is not None:
        axes.fill_between(curve.days, curve.low, curve.high, color=color, alpha=0.10, linewidth=0)
    named = False
    for begin, finish, high, low in _regions(curve):
        if finish > begin:
            axes.add_patch(
                Rectangle(
                    (begin, low),
                    finish - begin,
                    high - low,
                    facecolor=color,
                    edgecolor=color,
                    alpha=0.35,
                    linewidth=0.8,
                    label=None if named else f"{curve.name}: falls in here, unknown where",
                )
            )
            named = True
        else:
            axes.plot([begin, begin], [low, high], color=color, linewidth=1.8)
    for count, (begin, finish, level) in enumerate(_levels(curve)):
        axes.plot(
            [begin, finish],
            [level, level],
            color=color,
            linewidth=1.8,
            label=f"{curve.name}: known" if count == 0 else None,
        )


def _regions(curve: RegionCurve) -> Iterator[tuple[float, float, float, float]]:
    """Begin, end, and the values before and after of every interval up to the end."""
    before = 1.0
    for left, right, mass in zip(curve.left, curve.right, curve.mass, strict=True):
        after = max(before - float(mass), 0.0)
        yield float(left), float(min(right, curve.end)), before, after
        before = after


def _levels(curve: RegionCurve) -> Iterator[tuple[float, float, float]]:
    """Begin, end and value of every stretch on which the curve is known."""
    begin, level = 0.0, 1.0
    for left, right, mass in zip(curve.left, curve.right, curve.mass, strict=True):
        if left > begin:
            yield begin, float(left), level
        begin, level = float(right), max(level - float(mass), 0.0)
    if begin < curve.end:
        yield begin, curve.end, level


def _draw_risk_table(
    axes: Axes, curves: Sequence[StepCurve | RegionCurve], risk_times: Sequence[float]
) -> None:
    axes.set_ylim(len(curves) + 0.1, -1.0)
    axes.grid(visible=False)
    # The names stand clear of the first numbers, which are centered on the axis.
    axes.tick_params(left=False, bottom=False, labelbottom=False, pad=16)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_yticks(range(len(curves)))
    # Names may be long: cut here, whole in the legend and in the table.
    axes.set_yticklabels([_short(curve.name) for curve in curves], fontsize=9)
    axes.text(0.0, -0.75, "At risk", fontsize=9, color=FAINT, va="center")
    for row, curve in enumerate(curves):
        for time, count in zip(risk_times, curve.at_risk, strict=False):
            axes.text(
                time, row, str(count), ha="center", va="center", fontsize=9, color=color_of(row)
            )


def _short(name: str) -> str:
    return drawn_name(name if len(name) <= 26 else f"{name[:25]}…")


def _rows(
    curves: Sequence[StepCurve | RegionCurve], risk_times: Sequence[float]
) -> Iterator[tuple[Cell, ...]]:
    for curve in curves:
        if isinstance(curve, StepCurve):
            for place, time in enumerate(curve.time):
                low = None if curve.low is None else float(curve.low[place])
                high = None if curve.high is None else float(curve.high[place])
                value = float(curve.value[place])
                yield curve.name, "step", float(time), None, value, None, low, high, None
            for time in curve.censored:
                yield curve.name, "censored", float(time), None, None, None, None, None, None
        else:
            for begin, finish, high, low in _regions(curve):
                yield curve.name, "falls within", begin, finish, high, low, None, None, None
            for begin, finish, level in _levels(curve):
                yield curve.name, "known", begin, finish, level, level, None, None, None
            if curve.days is not None and curve.low is not None and curve.high is not None:
                for day, low, high in zip(curve.days, curve.low, curve.high, strict=True):
                    yield curve.name, "band", float(day), None, None, None, low, high, None
        # Of one length, or there are none of this curve.
        for time, count in zip(risk_times, curve.at_risk, strict=False):
            yield curve.name, "at risk", float(time), None, None, None, None, None, count
