"""A chart with the table of what it shows, and the sheet that charts of signatures are drawn on."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Canvas

from operandi.reports.study_report import Figure

WIDTH_PX: Final = 720
INK: Final = "#17212b"
FAINT: Final = "#626e7a"
PALE: Final = "#c5ccd2"
COLORS: Final = ("#0b5a68", "#d1343f", "#1668b8", "#b07d00", "#6b3fa0", "#1b7d45", "#8a4b2a")
DASHES: Final = ("-", "--", "-.", ":")
_MOST_LETTERS: Final = 46

Cell = str | float | int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartWithTable:
    """A chart, and the same numbers for who wants to compute with them.

    Parameters
    ----------
    figure : Figure
        SVG; the same data give the same bytes.
    table : bytes
        CSV, UTF-8, a header and a row for each thing drawn; what is absent is empty.
    """

    figure: Figure
    table: bytes


def csv_table(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """Write rows as CSV with the numbers to ten digits; None is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow([_written(cell) for cell in row])
    return text.getvalue().encode("utf-8")


def sheet(height_px: int) -> tuple[Canvas, Axes]:
    """Blank sheet with one pair of axes; inside ``rc_context(STYLE)``."""
    canvas = blank_sheet(height_px)
    axes = canvas.add_subplot()
    axes.set_axisbelow(True)
    return canvas, axes


def blank_sheet(height_px: int) -> Canvas:
    """Blank sheet without axes."""
    canvas = Canvas(figsize=(WIDTH_PX / 72, height_px / 72), layout="constrained")
    FigureCanvasSVG(canvas)
    return canvas


def legend_above(axes: Axes, *, columns: int = 3) -> None:
    """Put the legend over the axes, if anything has a name."""
    handles, labels = axes.get_legend_handles_labels()
    if labels:
        axes.legend(
            handles,
            labels,
            loc="lower center",
            bbox_to_anchor=(0.5, 1.0),
            ncols=columns,
            fontsize=9,
        )


def drawn_name(text: str) -> str:
    """A name as a chart has room for it: beside longer ones none is left for the axes.

    A dollar in it begins no formula. Tables have the whole.
    """
    short = text if len(text) <= _MOST_LETTERS else f"{text[: _MOST_LETTERS - 1]}…"
    return short.replace("$", r"\$")


def color_of(number: int) -> str:
    """Color of the n-th thing drawn."""
    return COLORS[number % len(COLORS)]


def _written(cell: Cell) -> str:
    if cell is None:
        return ""
    return f"{cell:.10g}" if isinstance(cell, float) else str(cell)
