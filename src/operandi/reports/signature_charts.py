"""What a signature is judged by: forest, calibration, decision curve, stability, permutations."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from operandi.reports.chart_table import (
    COLORS,
    DASHES,
    FAINT,
    INK,
    PALE,
    ChartWithTable,
    blank_sheet,
    color_of,
    csv_table,
    drawn_name,
    legend_above,
    sheet,
)
from operandi.reports.charts import STYLE, Axis, Words, svg_figure

Floats = npt.NDArray[np.float64]

_HEIGHT_PX = 400
_FEWEST_TICKS = 3
_RATIOS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForestRow:
    """One estimate with its interval.

    Parameters
    ----------
    name : str
        What of.
    value, low, high : float or None
        None where it could not be computed.
    note : str
        Beside it: participants and events; or why the value is absent.
    pooled : bool
        Drawn as a diamond.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    note: str = ""
    pooled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CalibrationDrawn:
    """Calibration of one model.

    Parameters
    ----------
    name : str
        Of the model.
    predicted, observed : (k,) float
        The smooth curve; empty where none could be fitted.
    low, high : (k,) float or None
        Its band.
    groups : tuple of (predicted, observed, low, high, participants)
        Participants of similar risk.
    risks : (n,) float
        All predictions, for the strip of ticks.
    """

    name: str
    predicted: Floats
    observed: Floats
    risks: Floats
    groups: tuple[tuple[float, float, float, float, int], ...]
    low: Floats | None = None
    high: Floats | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BenefitCurve:
    """Net benefit of one model over the thresholds.

    Parameters
    ----------
    name : str
        Of the model.
    net_benefit : (k,) float
        At each threshold.
    low, high : (k,) float or None
        Its interval.
    uncertain : (k,) bool or None
        Where follow-up of those acted on ends before the horizon: drawn as hollow points.
    """

    name: str
    net_benefit: Floats
    low: Floats | None = None
    high: Floats | None = None
    uncertain: npt.NDArray[np.bool_] | None = None


def forest_chart(
    rows: Sequence[ForestRow], *, words: Words, x: Axis, reference: float
) -> ChartWithTable:
    """Draw estimates under one another, with a line at no effect.

    Parameters
    ----------
    rows : sequence of ForestRow
        From top to bottom.
    words : Words
        Beside the chart.
    x : Axis
        Logarithmic for ratios.
    reference : float
        No effect: 1 for ratios, 0 for differences, 0.5 for C.
    """
    height_px = 90 + 30 * max(len(rows), 3)
    with rc_context(STYLE):
        canvas = blank_sheet(height_px)
        grid = canvas.add_gridspec(1, 2, width_ratios=[1.0, 0.42], wspace=0.02)
        axes = canvas.add_subplot(grid[0])
        axes.set_axisbelow(True)
        axes.axvline(reference, color=FAINT, linewidth=1.2, linestyle=(0, (4, 3)))
        for place, row in enumerate(rows):
            _draw_estimate(axes, row, place)
        if x.logarithmic:
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            # Between powers of ten the ratios of medicine lie; a narrow axis has no other ticks.
            low, high = axes.get_xlim()
            ticks = [one for one in _RATIOS if low <= one <= high]
            if len(ticks) < _FEWEST_TICKS:
                found = MaxNLocator(_FEWEST_TICKS + 1).tick_values(low, high)
                ticks = [float(one) for one in found if low <= one <= high]
            axes.set_xticks(ticks)
            axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_yticks(range(len(rows)), [drawn_name(row.name) for row in rows])
        axes.set_ylim(max(len(rows), 3) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(x.title)
        _write_estimates(canvas.add_subplot(grid[1], sharey=axes), rows)
        figure = svg_figure(canvas, words, height_px=height_px)
    return ChartWithTable(
        figure=figure,
        table=csv_table(
            ("name", "value", "low", "high", "note"),
            [(row.name, row.value, row.low, row.high, row.note) for row in rows],
        ),
    )


def calibration_chart(
    models: Sequence[CalibrationDrawn], *, words: Words, x: Axis, y: Axis
) -> ChartWithTable:
    """Draw smooth observed over predicted risk, with groups, and a strip of the predictions."""
    height_px = 520
    with rc_context(STYLE):
        canvas, axes = sheet(height_px)
        axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1.2, linestyle=(0, (4, 3)), label="ideal")
        for number, model in enumerate(models):
            color = color_of(number)
            axes.plot(
                model.predicted,
                model.observed,
                color=color,
                linewidth=1.8,
                linestyle=DASHES[number % len(DASHES)],
                label=drawn_name(model.name),
            )
            if model.low is not None and model.high is not None:
                axes.fill_between(
                    model.predicted, model.low, model.high, color=color, alpha=0.14, linewidth=0
                )
            _draw_groups(axes, model, color)
            strip = -0.03 - 0.035 * number
            axes.plot(model.risks, np.full(model.risks.size, strip), "|", color=color, markersize=7)
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.03 - 0.035 * len(models), 1.02)
        axes.set_yticks(np.arange(0.0, 1.01, 0.2))
        axes.set_aspect("equal")
        axes.set_xlabel(x.title)
        axes.set_ylabel(y.title)
        legend_above(axes)
        figure = svg_figure(canvas, words, height_px=height_px)
    rows = [row for model in models for row in _calibration_rows(model)]
    header = ("model", "kind", "predicted", "observed", "low", "high", "participants")
    return ChartWithTable(figure=figure, table=csv_table(header, rows))


def decision_chart(
    curves: Sequence[BenefitCurve],
    *,
    words: Words,
    x: Axis,
    thresholds: Floats,
    treat_all: Floats,
) -> ChartWithTable:
    """Draw net benefit over thresholds beside treating all and none.

    Parameters
    ----------
    curves : sequence of BenefitCurve
        Models.
    words, x : Words, Axis
        Beside the chart.
    thresholds, treat_all : (k,) float
        Of the plan, and the net benefit of treating all.
    """
    with rc_context(STYLE):
        canvas, axes = sheet(_HEIGHT_PX)
        axes.plot(
            thresholds, np.zeros(thresholds.size), color=INK, linewidth=1.2, label="act on none"
        )
        axes.plot(
            thresholds, treat_all, color=FAINT, linewidth=1.2, linestyle=":", label="act on all"
        )
        for number, curve in enumerate(curves):
            color = color_of(number)
            axes.plot(
                thresholds,
                curve.net_benefit,
                color=color,
                linewidth=1.8,
                linestyle=DASHES[number % len(DASHES)],
                label=drawn_name(curve.name),
            )
            if curve.low is not None and curve.high is not None:
                axes.fill_between(
                    thresholds, curve.low, curve.high, color=color, alpha=0.12, linewidth=0
                )
            if curve.uncertain is not None and curve.uncertain.any():
                axes.plot(
                    thresholds[curve.uncertain],
                    curve.net_benefit[curve.uncertain],
                    "o",
                    color=color,
                    markerfacecolor="white",
                    markersize=4,
                )
        highest = max(float(np.max(one)) for one in (treat_all, *(c.net_benefit for c in curves)))
        highest = max(highest, *(float(np.max(c.high)) for c in curves if c.high is not None), 0.05)
        # Far below zero every curve is as useless as any other: leave the room to the rest.
        axes.set_ylim(-0.25 * highest, 1.05 * highest)
        axes.set_xlabel(x.title)
        axes.set_ylabel("Net benefit")
        legend_above(axes, columns=4)
        figure = svg_figure(canvas, words, height_px=_HEIGHT_PX)
    rows: list[tuple[str, float, float, float | None, float | None]] = []
    for name, values in (("act on all", treat_all), ("act on none", np.zeros(thresholds.size))):
        pairs = zip(thresholds, values, strict=True)
        rows += [(name, float(where), float(value), None, None) for where, value in pairs]
    for curve in curves:
        for place, where in enumerate(thresholds):
            low = None if curve.low is None else float(curve.low[place])
            high = None if curve.high is None else float(curve.high[place])
            rows.append((curve.name, float(where), float(curve.net_benefit[place]), low, high))
    header = ("curve", "threshold", "net benefit", "low", "high")
    return ChartWithTable(figure=figure, table=csv_table(header, rows))


def stability_chart(
    names: Sequence[str],
    *,
    words: Words,
    x: Axis,
    penalties: Floats,
    frequencies: Floats,
    threshold: float,
) -> ChartWithTable:
    """Draw how often each feature is selected along the penalties.

    Features that reach the threshold are colored and named, the others gray.

    Parameters
    ----------
    names : sequence of str, (p,)
        Features.
    words, x : Words, Axis
        Beside the chart.
    penalties : (k,) float
        Where ``x`` is logarithmic, penalties, drawn from the largest to the smallest; else numbers
        of columns selected, drawn from the smallest.
    frequencies : (p, k) float
        Share of half-samples that select the feature.
    threshold : float
        Of the plan.
    """
    highest = frequencies.max(axis=1)
    chosen = [n for n in np.argsort(-highest, kind="stable").tolist() if highest[n] >= threshold]
    others = [n for n in range(len(names)) if n not in chosen]
    with rc_context(STYLE):
        canvas, axes = sheet(_HEIGHT_PX)
        for count, number in enumerate(others):
            label = f"{len(others)} below the threshold" if count == 0 else None
            axes.plot(penalties, frequencies[number], color=PALE, linewidth=0.9, label=label)
        for place, number in enumerate(chosen):
            axes.plot(
                penalties,
                frequencies[number],
                color=color_of(place),
                linestyle=DASHES[(place // len(COLORS)) % len(DASHES)],
                linewidth=1.8,
                label=drawn_name(names[number]),
            )
        axes.axhline(threshold, color=FAINT, linewidth=1.2, linestyle=(0, (4, 3)))
        _set_penalties(axes, penalties, logarithmic=x.logarithmic)
        axes.set_ylim(-0.02, 1.02)
        axes.set_xlabel(x.title)
        axes.set_ylabel("Share of half-samples that select it")
        handles, labels = axes.get_legend_handles_labels()
        axes.legend(handles, labels, loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=9)
        figure = svg_figure(canvas, words, height_px=_HEIGHT_PX)
    rows = [
        (name, float(penalty), float(frequencies[number, place]))
        for number, name in enumerate(names)
        for place, penalty in enumerate(penalties)
    ]
    header = ("feature", "penalty" if x.logarithmic else "columns selected", "frequency")
    return ChartWithTable(figure=figure, table=csv_table(header, rows))


def permutation_chart(
    null: Floats, *, words: Words, x: Axis, observed: float, p_value: float
) -> ChartWithTable:
    """Draw what the whole pipeline finds where there is nothing, beside what it found.

    Parameters
    ----------
    null : (m,) float
        The statistic after permuting the outcome.
    words, x : Words, Axis
        Beside the chart.
    observed : float
        The statistic as it is.
    p_value : float
        (1 + permutations at least as large) / (1 + permutations), as the analysis computed it.
    """
    with rc_context(STYLE):
        canvas, axes = sheet(_HEIGHT_PX)
        axes.hist(
            null,
            bins=max(10, min(40, int(np.sqrt(null.size) * 1.5))),
            color=PALE,
            edgecolor="white",
            label=f"{null.size} permutations",
        )
        axes.axvline(
            float(np.quantile(null, 0.95)),
            color=FAINT,
            linewidth=1.2,
            linestyle=(0, (4, 3)),
            label="their 95th percentile",
        )
        axes.axvline(
            observed,
            color=COLORS[1],
            linewidth=2.2,
            label=f"observed {observed:.3f}, p = {p_value:.3g}",
        )
        axes.set_xlabel(x.title)
        axes.set_ylabel("Permutations")
        legend_above(axes)
        figure = svg_figure(canvas, words, height_px=_HEIGHT_PX)
    rows: list[tuple[str, float]] = [("observed", observed), ("p value", p_value)]
    rows += [("permutation", float(one)) for one in null]
    return ChartWithTable(figure=figure, table=csv_table(("kind", "value"), rows))


def instability_chart(
    original: Floats, *, words: Words, x: Axis, low: Floats, high: Floats
) -> ChartWithTable:
    """Draw the range of each participant's refitted predictions over the prediction itself.

    Parameters
    ----------
    original : (n,) float
        Predicted risks.
    words, x : Words, Axis
        Beside the chart.
    low, high : (n,) float
        Range over bootstrap refits.
    """
    height_px = 460
    with rc_context(STYLE):
        canvas, axes = sheet(height_px)
        axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1.2, linestyle=(0, (4, 3)))
        axes.vlines(original, low, high, color=COLORS[0], linewidth=1.1, alpha=0.7)
        axes.plot(original, original, "o", color=COLORS[0], markersize=3)
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.02)
        axes.set_aspect("equal")
        axes.set_xlabel(x.title)
        axes.set_ylabel("Risk predicted by refitted models")
        figure = svg_figure(canvas, words, height_px=height_px)
    rows = [tuple(map(float, row)) for row in zip(original, low, high, strict=True)]
    return ChartWithTable(figure=figure, table=csv_table(("predicted", "low", "high"), rows))


def _set_penalties(axes: Axes, penalties: Floats, *, logarithmic: bool) -> None:
    least, most = float(penalties.min()), float(penalties.max())
    if not logarithmic:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlim(least, most)
        return
    axes.set_xscale("log")
    ticks = np.geomspace(most, least, 5)
    axes.set_xticks(ticks, [f"{tick:.2g}" for tick in ticks])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlim(most, least)


def _draw_estimate(axes: Axes, row: ForestRow, place: int) -> None:
    if row.value is None:
        return
    color = COLORS[0] if not row.pooled else INK
    if row.low is not None and row.high is not None:
        axes.plot([row.low, row.high], [place, place], color=color, linewidth=1.6)
    axes.plot(row.value, place, "D" if row.pooled else "s", color=color, markersize=7)


def _write_estimates(axes: Axes, rows: Sequence[ForestRow]) -> None:
    axes.set_axis_off()
    for place, row in enumerate(rows):
        if row.value is None:
            text = "not estimated"
        elif row.low is None or row.high is None:
            text = f"{row.value:.2f}".replace("-", "\N{MINUS SIGN}")
        else:
            # A dash between numbers that may be negative reads like a sign.
            text = f"{row.value:.2f} ({row.low:.2f} to {row.high:.2f})".replace(
                "-", "\N{MINUS SIGN}"
            )
        axes.text(0.0, place, text, va="center", fontsize=9)
        if row.note:
            axes.text(
                0.0, place + 0.36, drawn_name(row.note), va="center", fontsize=7.5, color=FAINT
            )


def _draw_groups(axes: Axes, model: CalibrationDrawn, color: str) -> None:
    for predicted, observed, low, high, _ in model.groups:
        axes.plot([predicted, predicted], [low, high], color=color, linewidth=1.1)
        axes.plot(predicted, observed, "o", color=color, markersize=5)


def _calibration_rows(
    model: CalibrationDrawn,
) -> list[tuple[str, str, float, float | None, float | None, float | None, int | None]]:
    rows: list[tuple[str, str, float, float | None, float | None, float | None, int | None]] = []
    for place, predicted in enumerate(model.predicted):
        low = None if model.low is None else float(model.low[place])
        high = None if model.high is None else float(model.high[place])
        observed = float(model.observed[place])
        rows.append((model.name, "curve", float(predicted), observed, low, high, None))
    rows += [(model.name, "group", p, o, low, high, n) for p, o, low, high, n in model.groups]
    rows += [(model.name, "prediction", float(r), None, None, None, None) for r in model.risks]
    return rows
