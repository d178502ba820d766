"""The risk of one participant over time, and what drove it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib import rc_context
from matplotlib.axes import Axes

from operandi.reports.chart_table import (
    COLORS,
    FAINT,
    INK,
    ChartWithTable,
    csv_table,
    legend_above,
    sheet,
)
from operandi.reports.charts import STYLE, Axis, Words, svg_figure

Floats = npt.NDArray[np.float64]

_CURVE_PX = 360
_ROW_PX = 34
_RAISES, _LOWERS = COLORS[1], COLORS[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContributionBar:
    """What a term adds to, or takes from, the logarithm of the relative risk.

    Parameters
    ----------
    name, value : str
        Of the term, and its value in words.
    contribution : float
    """

    name: str
    value: str
    contribution: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RiskDrawn:
    """Risk by day: a step function, 0 before the first of ``days``.

    Parameters
    ----------
    days, risk : (k,) float
    low, high : (k,) float or None
        Band; both or neither.
    reference : (k,) float
        Of the reference participant.
    last_day : float
        The curve is not drawn beyond.
    horizons : tuple of float
        Days that are marked.
    """

    days: Floats
    risk: Floats
    reference: Floats
    last_day: float
    low: Floats | None = None
    high: Floats | None = None
    horizons: tuple[float, ...] = ()


def contribution_chart(bars: Sequence[ContributionBar], *, words: Words, x: Axis) -> ChartWithTable:
    """Draw a bar for each term, the first on top: to the right it raises the risk.

    Parameters
    ----------
    bars : sequence of ContributionBar
    words : Words
        Beside the chart.
    x : Axis
        What contributions are of.
    """
    height_px = 80 + _ROW_PX * max(len(bars), 2)
    with rc_context(STYLE):
        canvas, axes = sheet(height_px)
        values = [one.contribution for one in bars]
        colors = [_RAISES if one > 0.0 else _LOWERS for one in values]
        axes.barh(range(len(bars)), values, color=colors, height=0.6)
        axes.axvline(0.0, color=INK, linewidth=1.0)
        most = max([abs(one) for one in values], default=0.0) or 1.0
        for place, one in enumerate(bars):
            _label(axes, place, one.contribution, most)
        axes.set_xlim(-1.3 * most, 1.3 * most)
        axes.set_yticks(
            range(len(bars)), [f"{one.name}\n{one.value}" for one in bars], parse_math=False
        )
        axes.set_ylim(max(len(bars), 2) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(x.title, parse_math=False)
        figure = svg_figure(canvas, words, height_px=height_px)
    return ChartWithTable(
        figure=figure,
        table=csv_table(
            ("term", "value", "contribution"),
            [(one.name, one.value, one.contribution) for one in bars],
        ),
    )


def risk_chart(drawn: RiskDrawn, *, words: Words, x: Axis, y: Axis) -> ChartWithTable:
    """Draw the risk of a participant with its band, beside that of the reference participant.

    Parameters
    ----------
    drawn : RiskDrawn
    words : Words
        Beside the chart.
    x, y : Axis
        Time and risk.
    """
    with rc_context(STYLE):
        canvas, axes = sheet(_CURVE_PX)
        for day in drawn.horizons:
            axes.axvline(day, color=FAINT, linewidth=1.0, linestyle=(0, (2, 3)))
        days = _ends(drawn.days, 0.0, drawn.last_day)
        if drawn.low is not None and drawn.high is not None:
            axes.fill_between(
                days,
                _ends(drawn.low, 0.0),
                _ends(drawn.high, 0.0),
                step="post",
                color=_RAISES,
                alpha=0.16,
                linewidth=0,
            )
        risk, reference = _ends(drawn.risk, 0.0), _ends(drawn.reference, 0.0)
        axes.step(days, risk, where="post", color=_RAISES, linewidth=1.8, label="this participant")
        axes.step(
            days,
            reference,
            where="post",
            color=FAINT,
            linestyle="--",
            label="reference participant",
        )
        axes.set_xlim(0.0, drawn.last_day)
        axes.set_ylim(0.0, 1.0)
        axes.set_xlabel(x.title, parse_math=False)
        axes.set_ylabel(y.title, parse_math=False)
        legend_above(axes)
        figure = svg_figure(canvas, words, height_px=_CURVE_PX)
    low = [None] * drawn.days.size if drawn.low is None else drawn.low.tolist()
    high = [None] * drawn.days.size if drawn.high is None else drawn.high.tolist()
    rows = zip(
        drawn.days.tolist(), drawn.risk.tolist(), low, high, drawn.reference.tolist(), strict=True
    )
    return ChartWithTable(
        figure=figure, table=csv_table(("day", "risk", "low", "high", "reference"), rows)
    )


def _ends(values: Floats, first: float, last: float | None = None) -> Floats:
    """Values with one before the first step, and one at the end of follow-up."""
    end = (values[-1] if values.size else first) if last is None else last
    return np.concatenate(([first], values, [end]))


def _label(axes: Axes, place: int, value: float, most: float) -> None:
    aside = 0.02 * most * (1.0 if value >= 0.0 else -1.0)
    axes.text(
        value + aside,
        place,
        f"{value:+.2f}",
        va="center",
        ha="left" if value >= 0.0 else "right",
        fontsize=9,
        color=INK,
    )
