"""The passport of a lesion: its picture at every visit, and its values with what repetition gives.

The numbers come in as plain data; nothing is computed here but where the ink goes.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas

from operandi.reports.charts import STYLE
from operandi.reports.study_report import Figure

Plane = npt.NDArray[np.float64]

_WIDTH_PX: Final = 720
_DPI: Final = 144
_INK: Final = "#17212b"
_FAINT: Final = "#626e7a"
_BAND: Final = "#b9c3cc"
_EMPTY: Final = "#f2f4f6"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PassportPicture:
    """The lesion at one visit.

    Parameters
    ----------
    title : str
        The visit.
    plane : array, (rows, columns), or None
        From 0, drawn white, to 1, drawn black, first row on top; None where there is no picture.
    inside : bool array, the same shape, or None
        The lesion in that plane.
    words : str
        Under the picture: the event.
    """

    title: str
    plane: Plane | None
    inside: npt.NDArray[np.bool_] | None
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PassportCourse:
    """One quantity over the visits.

    Parameters
    ----------
    title : str
        With its unit.
    values : tuple of float or None
        One a visit.
    expected : tuple of (low, high) or None
        One a visit: where repetition alone would put the value, from the one before.
    verdicts : tuple of str
        One a visit: the verdict in a word; may be empty.
    """

    title: str
    values: tuple[float | None, ...]
    expected: tuple[tuple[float, float] | None, ...]
    verdicts: tuple[str, ...]


def lesion_passport(
    *,
    title: str,
    caption: str,
    color: str,
    pictures: Sequence[PassportPicture],
    courses: Sequence[PassportCourse],
) -> Figure:
    """Draw the passport: pictures above, courses below, visits from left to right.

    Returns
    -------
    Figure
        A PNG; the same data give the same bytes.
    """
    with rc_context(STYLE):
        canvas = Canvas(figsize=(_WIDTH_PX / 72, 6.1), layout="constrained", dpi=_DPI)
        FigureCanvasAgg(canvas)
        rows = canvas.add_gridspec(2, 1, height_ratios=(1.05, 1.0))
        above, below = (canvas.add_subfigure(rows[number]) for number in range(2))
        # A lone visit must not fill the page.
        columns = max(len(pictures), 3)
        frames = np.atleast_1d(above.subplots(1, columns))
        for axes, picture in zip(frames, pictures, strict=False):
            _draw_picture(axes, picture, color)
        for axes in frames[len(pictures) :]:
            axes.set_axis_off()
        names = [picture.title for picture in pictures]
        for axes, course in zip(
            np.atleast_1d(below.subplots(1, len(courses))), courses, strict=True
        ):
            _draw_course(axes, course, names, color)
        buffer = io.BytesIO()
        # Without the version of the library, so that the bytes are the picture's alone.
        canvas.savefig(buffer, format="png", metadata={"Software": None})
    told = "; ".join(
        f"{course.title}: " + ", ".join(_told(value) for value in course.values)
        for course in courses
    )
    return Figure(
        title=title,
        caption=caption,
        image=buffer.getvalue(),
        mime="image/png",
        width=_WIDTH_PX,
        height=round(6.1 * 72),
        alt=f"{title}. {'; '.join(f'{one.title}: {one.words}' for one in pictures)}. {told}.",
    )


def _told(value: float | None) -> str:
    return "no value" if value is None else f"{value:.3g}"


def _draw_picture(axes: Axes, picture: PassportPicture, color: str) -> None:
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_title(picture.title, fontsize=10, color=_INK)
    axes.set_xlabel(picture.words, fontsize=9)
    if picture.plane is None:
        axes.set_facecolor(_EMPTY)
        axes.set_box_aspect(1.0)
        return
    look: dict[str, Any] = {"cmap": "gray_r", "vmin": 0.0, "vmax": 1.0}
    axes.imshow(picture.plane, interpolation="bicubic", **look)
    if picture.inside is not None and picture.inside.any():
        level = np.pad(picture.inside.astype(np.float64), 1)
        rows, columns = level.shape
        axes.contour(
            np.arange(columns) - 1.0, np.arange(rows) - 1.0, level, levels=[0.5], colors=[color],
            linewidths=1.8,
        )  # fmt: skip
        height, width = picture.plane.shape
        axes.set_xlim(-0.5, width - 0.5)
        axes.set_ylim(height - 0.5, -0.5)


def _draw_course(axes: Axes, course: PassportCourse, names: Sequence[str], color: str) -> None:
    axes.set_axisbelow(True)
    axes.set_title(course.title, fontsize=10, loc="left", color=_INK)
    known = [(x, value) for x, value in enumerate(course.values) if value is not None]
    for x, band in enumerate(course.expected):
        if band is not None:
            axes.bar(x, band[1] - band[0], bottom=band[0], width=0.34, color=_BAND, alpha=0.75)
    axes.plot([x for x, _ in known], [y for _, y in known], color=color, linewidth=1.4)
    axes.plot([x for x, _ in known], [y for _, y in known], "o", color=color, markersize=6)
    tops = [y for _, y in known] + [band[1] for band in course.expected if band is not None]
    highest = max(tops, default=1.0)
    for x, y in known:
        axes.annotate(
            f"{y:.3g}", (x, y), xytext=(0, 7), textcoords="offset points", fontsize=9,
            horizontalalignment="center",
        )  # fmt: skip
    axes.set_xlim(-0.5, max(len(names), 3) - 0.5)
    axes.set_ylim(0.0, 1.25 * highest)
    labels = [
        f"{name}\n{said}" if said else name
        for name, said in zip(names, course.verdicts, strict=True)
    ]
    axes.set_xticks(range(len(names)), labels, fontsize=8.5, color=_FAINT)
    axes.grid(visible=False, axis="x")
