"""Charts of the reports, as deterministic SVG: curves with bands, points with bars, limits.

The numbers come in as plain data; nothing is computed here but where the ink goes.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Canvas

from operandi.reports.study_report import Figure

Floats = npt.NDArray[np.float64]

_WIDTH_PX: Final = 720
_HEIGHT_PX: Final = 400
_INK: Final = "#17212b"
_FAINT: Final = "#626e7a"
_GRID: Final = "#e2e6ea"
_SHADE: Final = "#fbe9c8"
# Apart from one another by lightness as much as by hue, so that they survive color deficiency
# and a gray printer; in the order in which they are given out.
_COLORS: Final = ("#0b5a68", "#d1343f", "#b07d00", "#1668b8", "#6b3fa0", "#1b7d45", "#8a4b2a")
_DASHES: Final = ("-", "--", "-.", ":")
STYLE: Final[dict[Any, Any]] = {
    "axes.edgecolor": _FAINT,
    "axes.grid": True,
    "axes.labelcolor": _INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "grid.color": _GRID,
    "legend.frameon": False,
    "svg.fonttype": "path",
    # Names of clip paths come from this instead of chance: the same chart gives the same bytes.
    "svg.hashsalt": "operandi",
    "text.color": _INK,
    "xtick.color": _FAINT,
    "ytick.color": _FAINT,
}
"""How every chart of the reports looks."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve:
    """A line, with a band around it where it is uncertain.

    Parameters
    ----------
    name : str
        For the legend.
    x, y : array, (n,)
        Where it goes.
    low, high : array, (n,), or None
        The band; both or neither.
    group : int
        Curves of one group share a color and differ by their dashes.
    """

    name: str
    x: Floats
    y: Floats
    low: Floats | None = None
    high: Floats | None = None
    group: int = 0

    def __post_init__(self) -> None:
        shapes = {
            np.shape(part) for part in (self.x, self.y, self.low, self.high) if part is not None
        }
        if len(shapes) != 1 or (self.low is None) != (self.high is None):
            raise ValueError(f"curve {self.name}: x, y, low and high must be of one length")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Points:
    """Points with bars of their uncertainty.

    Parameters
    ----------
    name : str
        For the legend.
    x, y : array, (n,)
        Where they lie.
    x_spread, y_spread : array, (n,) or (2, n), or None
        Half lengths of the bars, or those below and above.
    labels : tuple of str
        Written beside each point; empty for none.
    group : int
        As the curve's.
    """

    name: str
    x: Floats
    y: Floats
    x_spread: Floats | None = None
    y_spread: Floats | None = None
    labels: tuple[str, ...] = ()
    group: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A value that people hold against the chart: a line across it, with its name."""

    name: str
    value: float
    upper: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of the horizontal axis, shaded from top to bottom: when something acts.

    Spans of one name share one entry of the legend.
    """

    name: str
    start: float
    end: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """What an axis measures, and whether it starts at 0: not where ratios are compared with 1.

    With ``names`` a horizontal axis measures nothing: they stand at 0, 1 and so on.
    """

    title: str
    logarithmic: bool = False
    from_zero: bool = True
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What stands under a chart, and what is read out instead of it."""

    title: str
    caption: str
    alt: str


def chart(
    *,
    words: Words,
    x: Axis,
    y: Axis,
    curves: Sequence[Curve] = (),
    points: Sequence[Points] = (),
    limits: Sequence[Limit | Span] = (),
) -> Figure:
    """Draw curves, points, limits and spans.

    Returns
    -------
    Figure
        An SVG; the same data give the same bytes.
    """
    with rc_context(STYLE):
        canvas, axes = _sheet(x, y)
        _draw_spans(axes, [one for one in limits if isinstance(one, Span)])
        for number, curve in enumerate(curves):
            color = _color(curve.group)
            dashes = _DASHES[_place_in_group(curves, number) % len(_DASHES)]
            axes.plot(
                curve.x, curve.y, color=color, linestyle=dashes, label=curve.name, linewidth=1.8
            )
            if curve.low is not None and curve.high is not None:
                axes.fill_between(
                    curve.x, curve.low, curve.high, color=color, alpha=0.16, linewidth=0
                )
        for one in points:
            _draw_points(axes, one)
        _draw_limits(axes, [one for one in limits if isinstance(one, Limit)])
        if y.from_zero and not y.logarithmic:
            axes.set_ylim(bottom=0.0)
        return _finished(canvas, axes, words)


def stacked_bars(
    *,
    words: Words,
    names: Sequence[str],
    y: Axis,
    parts: Sequence[tuple[str, Sequence[float], Sequence[float]]],
    limits: Sequence[Limit] = (),
) -> Figure:
    """Draw what adds up from cycle to cycle: for each name a bar for each part.

    Parameters
    ----------
    words, y : Words, Axis
        Beside the chart.
    names : sequence of str
        One group of bars each, in order.
    parts : sequence of (name, heights, standard uncertainties)
        One bar a group each, in order.
    limits : sequence of Limit
        Lines across.
    """
    with rc_context(STYLE):
        canvas, axes = _sheet(Axis(title=""), y)
        width = 0.8 / max(len(parts), 1)
        for number, (name, heights, spreads) in enumerate(parts):
            place = np.arange(len(names)) + (number - (len(parts) - 1) / 2) * width
            axes.bar(
                place,
                heights,
                width=0.9 * width,
                yerr=spreads,
                color=_color(number),
                ecolor=_INK,
                capsize=3,
                label=name,
                alpha=0.85,
            )
        axes.set_xticks(np.arange(len(names)), names)
        # A lone cycle must not fill the picture: a therapy has about four.
        axes.set_xlim(-0.7, max(len(names), 4) - 0.3)
        axes.grid(visible=False, axis="x")
        _draw_limits(axes, limits)
        axes.set_ylim(bottom=0.0)
        return _finished(canvas, axes, words)


def _sheet(x: Axis, y: Axis) -> tuple[Canvas, Axes]:
    canvas = Canvas(figsize=(_WIDTH_PX / 72, _HEIGHT_PX / 72), layout="constrained")
    FigureCanvasSVG(canvas)
    axes = canvas.add_subplot()
    axes.set_axisbelow(True)
    axes.set_xlabel(x.title)
    axes.set_ylabel(y.title)
    scale: dict[bool, Literal["log", "linear"]] = {True: "log", False: "linear"}
    axes.set_xscale(scale[x.logarithmic])
    axes.set_yscale(scale[y.logarithmic])
    if x.names:
        axes.set_xticks(np.arange(len(x.names)), x.names)
        axes.set_xlim(-0.6, len(x.names) - 0.4)
        axes.grid(visible=False, axis="x")
    return canvas, axes


def _draw_points(axes: Axes, points: Points) -> None:
    axes.errorbar(
        points.x,
        points.y,
        xerr=points.x_spread,
        yerr=points.y_spread,
        fmt="o",
        color=_color(points.group),
        markersize=5,
        capsize=3,
        linewidth=1.2,
        label=points.name or None,
    )
    for x, y, label in zip(points.x, points.y, points.labels, strict=False):
        axes.annotate(label, (x, y), xytext=(7, 5), textcoords="offset points", fontsize=9)


def _draw_spans(axes: Axes, spans: Sequence[Span]) -> None:
    named: set[str] = set()
    for span in spans:
        label = None if span.name in named else span.name
        axes.axvspan(span.start, span.end, color=_SHADE, linewidth=0, zorder=0, label=label)
        named.add(span.name)


def _draw_limits(axes: Axes, limits: Sequence[Limit]) -> None:
    for limit in limits:
        if limit.upper is not None:
            axes.axhspan(limit.value, limit.upper, color=_FAINT, alpha=0.14, linewidth=0)
        axes.axhline(limit.value, color=_FAINT, linewidth=1.2, linestyle=(0, (4, 3)))
        axes.annotate(
            limit.name,
            (1.0, limit.value),
            xycoords=("axes fraction", "data"),
            xytext=(-2, 3),
            textcoords="offset points",
            horizontalalignment="right",
            fontsize=9,
            color=_FAINT,
        )


def svg_figure(canvas: Canvas, words: Words, *, height_px: int) -> Figure:
    """Write the sheet, without a date, so that the same chart gives the same bytes."""
    buffer = io.BytesIO()
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


def _finished(canvas: Canvas, axes: Axes, words: Words) -> Figure:
    handles, labels = axes.get_legend_handles_labels()
    if len(labels) > 1:
        axes.legend(handles, labels, loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=9)
    return svg_figure(canvas, words, height_px=_HEIGHT_PX)


def _color(group: int) -> str:
    return _COLORS[group % len(_COLORS)]


def _place_in_group(curves: Sequence[Curve], number: int) -> int:
    return sum(curve.group == curves[number].group for curve in curves[:number])
