"""Pictures of radiomics: a lesion's levels, its matrices, a feature's place among others.

Plain arrays in, deterministic SVG out.
"""

import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure as Canvas

Numbers = npt.NDArray[np.integer] | npt.NDArray[np.floating]

_STYLE: Final[dict[Any, Any]] = {
    "axes.edgecolor": "#626e7a",
    "axes.labelcolor": "#17212b",
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "svg.fonttype": "path",
    "svg.hashsalt": "operandi",
    "text.color": "#17212b",
}
_COLORS: Final = "viridis"
"""Ordered in lightness, so that it survives color deficiency and a gray printer."""


def levels_picture(
    levels: Numbers, *, spacing_mm: tuple[float, float], title: str, highest: int
) -> bytes:
    """Draw a slice of a lesion after discretization.

    Parameters
    ----------
    levels : int array, (i, j)
        1 to *highest*; 0 outside is left white. i runs to the right, j down.
    spacing_mm : tuple of float
        Voxel size (i, j), mm.
    title : str
        Above the picture.
    highest : int
        Ng, the end of the color scale.
    """
    with rc_context(_STYLE):
        canvas, axes = _sheet(6.0, 5.2)
        shown = np.ma.masked_equal(np.asarray(levels, dtype=np.float64).T, 0.0)
        width, height = (n * s for n, s in zip(levels.shape, spacing_mm, strict=True))
        image = axes.imshow(
            shown,
            cmap=_COLORS,
            vmin=1,
            vmax=highest,
            extent=(0, width, height, 0),
            interpolation="nearest",
        )
        axes.set_xlabel("mm")
        axes.set_title(title)
        canvas.colorbar(image, ax=axes, label="level")
        return _svg(canvas)


def matrix_picture(
    counts: Numbers,
    *,
    rows: Sequence[int],
    columns: Sequence[int],
    title: str,
    axes_titles: tuple[str, str],
) -> bytes:
    """Draw a texture matrix on a logarithmic color scale; empty cells are white.

    Parameters
    ----------
    counts : array, (rows, columns)
    rows, columns : sequence of int
        What each row and column stands for.
    title : str
        Above the picture.
    axes_titles : tuple of str
        Of rows and columns.
    """
    with rc_context(_STYLE):
        canvas, axes = _sheet(6.0, 5.2)
        values = np.asarray(counts, dtype=np.float64)
        highest = max(float(values.max(initial=0.0)), 1.0)
        image = axes.imshow(
            np.ma.masked_less_equal(values, 0.0),
            cmap=_COLORS,
            norm=LogNorm(vmin=min(1.0, highest / 10), vmax=highest),
            aspect="auto",
            interpolation="nearest",
        )
        _ticks(axes, rows, columns)
        axes.set_ylabel(axes_titles[0])
        axes.set_xlabel(axes_titles[1])
        axes.set_title(title)
        canvas.colorbar(image, ax=axes, label="count")
        return _svg(canvas)


def cohort_picture(
    values: Mapping[str, tuple[float, npt.NDArray[np.floating]]], *, title: str
) -> bytes:
    """Draw where a lesion's features lie among those of others, as ranks.

    Parameters
    ----------
    values : mapping of str to (float, array (n,))
        By feature: this lesion's value and the cohort's, at least one finite.
    title : str
        Above the picture.
    """
    with rc_context(_STYLE):
        canvas, axes = _sheet(7.2, 1.2 + 0.26 * max(len(values), 1))
        rows = range(len(values))
        axes.hlines(rows, 0, 100, color="#e2e6ea", linewidth=5, zorder=1)
        ranks = [_percentile(ours, others) for ours, others in values.values()]
        axes.plot(ranks, rows, "o", color="#0b5a68", markersize=6, zorder=2)
        for row, (ours, _) in enumerate(values.values()):
            axes.annotate(f"{ours:.3g}", (101.5, row), va="center", fontsize=8)
        axes.axvline(50, color="#626e7a", linewidth=0.8, linestyle=(0, (4, 3)))
        axes.set_yticks(rows, list(values))
        axes.set_ylim(len(values) - 0.5, -0.5)
        axes.set_xlim(0, 112)
        axes.set_xticks([0, 25, 50, 75, 100])
        axes.set_xlabel("percentile of the cohort; value on the right")
        axes.set_title(title)
        return _svg(canvas)


def _percentile(ours: float, others: npt.NDArray[np.floating]) -> float:
    """Share of the others below, equal ones counted half, in percent."""
    finite = others[np.isfinite(others)]
    below, same = np.count_nonzero(finite < ours), np.count_nonzero(finite == ours)
    return float(100.0 * (below + same / 2) / max(finite.size, 1))


def _sheet(width: float, height: float) -> tuple[Canvas, Axes]:
    canvas = Canvas(figsize=(width, height), layout="constrained")
    FigureCanvasSVG(canvas)
    return canvas, canvas.add_subplot()


def _ticks(axes: Axes, rows: Sequence[int], columns: Sequence[int]) -> None:
    for names, put in ((rows, axes.set_yticks), (columns, axes.set_xticks)):
        step = max(1, len(names) // 8)
        put(range(0, len(names), step), [str(name) for name in names[::step]])


def _svg(canvas: Canvas) -> bytes:
    buffer = io.BytesIO()
    # Without a date, so that the same data give the same bytes.
    canvas.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()
