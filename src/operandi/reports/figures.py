"""Pictures for the report: projections and slices with lesion outlines, as deterministic bytes.

Every picture is drawn in the radiological convention, the patient's right on the left, head or
front up, with square pixels, a scale bar and a bar of its gray or color scale. It is drawn at
twice its size and halved, which is what makes the outlines smooth.
"""

import math
import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from operandi.domain.grid import Grid
from operandi.domain.lesion import Lesion
from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.quantities.errors import UnsupportedError
from operandi.reports.picture_bytes import encoded_picture
from operandi.reports.study_report import Figure

Plane = Literal["axial", "coronal"]
ProjectionPlane = Literal["coronal", "sagittal"]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]

_LARGEST_OBLIQUITY_DEG: Final = 30.0
_PX_PER_MM: Final = 1.2
_NARROWEST_PX: Final = 520
_LONGEST_SIDE_PX: Final = 1600
# Of the fine drawing to the finished picture.
_FINE: Final = 2
# Equal widths let the eye compare visits; a wider body widens its picture.
_NARROWEST_MM: Final = {
    "coronal": (0.0, 440.0),
    "sagittal": (0.0, 440.0),
    "axial": (260.0, 440.0),
}
_AXES: Final = {"coronal": (2, 0), "sagittal": (2, 1), "axial": (1, 0)}
"""Patient axis (0 left, 1 back, 2 head) along which rows and columns run."""

_SIDES: Final = {"coronal": ("R", "L"), "sagittal": ("A", "P"), "axial": ("R", "L")}
_MARGIN_MM: Final = 10.0
_AIR: Final = 0.02

_TEXT_PX: Final = 32
_STROKE_PX: Final = 3.0
_PLAIN_PX: Final = 1.5
_HALO_PX: Final = 1.5
_INK: Final = (44, 54, 64)
_FAINT: Final = (122, 132, 142)
_PAPER: Final = (255, 255, 255)

# Dark enough on white to be read as text, apart from one another under the common color
# deficiencies by lightness as much as by hue.
_PALETTE: Final = (
    "#7a6a00",
    "#d1343f",
    "#1668b8",
    "#1b7d45",
    "#b8570a",
    "#7d3fb5",
    "#087c88",
    "#c2277f",
)


@dataclass(frozen=True, slots=True)
class Overlay:
    """A volume drawn in hot colors over another, the more opaque the higher its value.

    Parameters
    ----------
    volume : Volume
        On the grid of the background.
    ceiling : float, > 0
        The value drawn white and opaque, in ``volume.kind.unit``.
    """

    volume: Volume
    ceiling: float

    def __post_init__(self) -> None:
        if not self.ceiling > 0:
            raise ValueError(f"ceiling must be > 0, got {self.ceiling}")


def lesion_color(lesion_id: str) -> str:
    """Color of a lesion as ``#rrggbb``: the same at every visit, in pictures and tables.

    >>> lesion_color("L01") == lesion_color("L01") != lesion_color("L02")
    True
    """
    digits = re.search(r"\d+$", lesion_id)
    number = int(digits[0]) if digits else zlib.crc32(lesion_id.encode())
    return _PALETTE[number % len(_PALETTE)]


def hot_iron() -> Bytes:
    """Table (256, 3) of black through red and yellow to white, even in lightness.

    The path through sRGB is three ramps, one a channel; it is walked at the pace that makes CIE
    lightness grow in equal steps, so that equal differences of value look equal.

    References
    ----------
    .. [1] CIE 15:2004, lightness *L**; IEC 61966-2-1, sRGB.
    """
    path = np.clip(np.linspace(0.0, 3.0, 1024)[:, None] - np.arange(3), 0.0, 1.0)
    # A power of 2.2 is sRGB's transfer curve within one hundredth.
    luminance = path**2.2 @ np.array([0.2126, 0.7152, 0.0722])
    lightness = np.where(
        luminance > (6 / 29) ** 3, 116 * np.cbrt(luminance) - 16, luminance * (29 / 3) ** 3
    )
    wanted = np.linspace(0.0, lightness[-1], 256)
    table = [np.interp(wanted, lightness, path[:, channel]) for channel in range(3)]
    result: Bytes = np.rint(255 * np.stack(table, axis=1)).astype(np.uint8)
    return result


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlainOutline:
    """What is outlined under the lesions, thin and without a label: an organ, a sphere.

    Parameters
    ----------
    name : str
        For the words that replace the picture.
    mask : Mask
        On the grid of the picture's volume.
    color : str
        ``#rrggbb``.
    """

    name: str
    mask: Mask
    color: str


def coronal_maximum_projection(suv: Volume, *, lesions: Sequence[Lesion], ceiling: float) -> Figure:
    """Project the highest value along the patient's front-to-back axis.

    As :func:`maximum_projection`, with no outline but those of lesions.
    """
    return maximum_projection(suv, plane="coronal", lesions=lesions, outlines=(), ceiling=ceiling)


def maximum_projection(
    suv: Volume,
    *,
    plane: ProjectionPlane,
    lesions: Sequence[Lesion],
    outlines: Sequence[PlainOutline],
    ceiling: float,
) -> Figure:
    """Project the highest value along the patient's front-to-back or right-to-left axis.

    Parameters
    ----------
    suv : Volume, shape (i, j, k)
        Drawn in inverted gray, white at 0 and black at ``ceiling``.
    plane : {"coronal", "sagittal"}
        Seen from the front, or from the patient's right.
    lesions : sequence of Lesion
        Outlined by the shadow of their mask, each on the grid of ``suv``.
    outlines : sequence of PlainOutline
        Drawn under the lesions.
    ceiling : float, > 0
        In ``suv.kind.unit``.

    Raises
    ------
    GridMismatchError
        If a lesion lies on another grid.
    UnsupportedError
        If the grid is turned more than 30 degrees from the patient's axes.
    """

    def cut(values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        # fmax leaves out voxels that hold no number; on bools it is "any".
        along = 1 if plane == "coronal" else 0
        shadow: npt.NDArray[np.generic] = np.fmax.reduce(values, axis=along).T[::-1]
        return shadow

    picture = _picture(suv, cut, plane=plane, lesions=lesions, window=(0.0, ceiling))
    picture = _underdrawn(picture, suv, outlines, cut)
    side = "the patient's right" if plane == "coronal" else "the front"
    also = f" Thin outlines: {', '.join(one.name for one in outlines)}." if outlines else ""
    return _finished(
        picture,
        title="Maximum projection",
        caption=_scale_words(suv, (0.0, ceiling)),
        alt=f"{plane.capitalize()} maximum projection of {suv.kind.title} in inverted gray, head "
        f"up, {side} on the left. {_named(picture.regions)}{also}",
    )


def _underdrawn(
    picture: "_Picture", volume: Volume, outlines: Sequence[PlainOutline], cut: "_Cut"
) -> "_Picture":
    turn = _patient_axes(volume.grid)
    drawn = []
    for one in outlines:
        volume.grid.require_same(one.mask.grid, what=f"The volume and the outline of {one.name}")
        inside = cut(turn.turned(one.mask.inside)).astype(bool)[picture.crop]
        if inside.any():
            drawn.append((_Region(one.name, "", inside), one.color))
    return replace(picture, plain=tuple(drawn))


def slice_with_contours(
    background: Volume,
    *,
    plane: Plane,
    position_mm: float,
    lesions: Sequence[Lesion],
    overlay: Overlay | None,
    window: tuple[float, float],
) -> Figure:
    """Draw one slice with the outlines of the lesions that it crosses.

    Parameters
    ----------
    background : Volume, shape (i, j, k)
        Drawn in gray; inverted where it is an emission image.
    plane : {"axial", "coronal"}
        Which way to cut.
    position_mm : float
        Patient position in DICOM LPS: z of an axial cut, y of a coronal one. The nearest slice
        is drawn.
    lesions : sequence of Lesion
        On the grid of ``background``.
    overlay : Overlay or None
        A second volume in hot colors, on the grid of ``background``.
    window : tuple of float, (low, high)
        Black and white ends of the gray scale, in ``background.kind.unit``.

    Raises
    ------
    GridMismatchError
        If the overlay or a lesion lies on another grid.
    UnsupportedError
        If the grid is turned more than 30 degrees from the patient's axes.
    ValueError
        If the position lies outside the background.
    """
    axis = {"axial": 2, "coronal": 1}[plane]
    index = _slice_index(background.grid, axis=axis, position_mm=position_mm)

    def cut(values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        across: npt.NDArray[np.generic] = np.take(values, index, axis=axis).T
        return across if plane == "axial" else across[::-1]

    picture = _picture(background, cut, plane=plane, lesions=lesions, window=window)
    words = [_scale_words(background, window)]
    if overlay is not None:
        background.grid.require_same(overlay.volume.grid, what="The background and its overlay")
        picture = _fused(picture, overlay, cut)
        words.append(f"{_scale_words(overlay.volume, (0.0, overlay.ceiling))}, in color")
    letter = {"axial": "z", "coronal": "y"}[plane]
    place = f"{plane.capitalize()}, {letter} = {_signed(position_mm)} mm"
    fused = f" with {overlay.volume.kind.title} in hot colors over it" if overlay else ""
    up = "front up" if plane == "axial" else "head up"
    return _finished(
        picture,
        title=place if overlay is None else f"{place}, fused",
        caption="; ".join(words),
        alt=f"{place} of LPS: {background.kind.title} in gray{fused}, {up}, the patient's right "
        f"on the left. {_named(picture.regions)}",
    )


# --- Words ------------------------------------------------------------------------------------


def _scale_words(volume: Volume, window: tuple[float, float]) -> str:
    unit = "" if volume.kind.unit == "1" else f" {volume.kind.unit}"
    low, high = window
    return f"{volume.kind.title} {_signed(low)} to {_signed(high)}{unit}"


def _bar_ends(volume: Volume, window: tuple[float, float]) -> tuple[str, str]:
    unit = "" if volume.kind.unit == "1" else f" {volume.kind.unit}"
    return _signed(window[0]), _signed(window[1]) + unit


def _signed(value: float) -> str:
    return f"{value:.4g}".replace("-", "\N{MINUS SIGN}")


def _named(regions: "Sequence[_Region]") -> str:
    if not regions:
        return "No lesion is outlined."
    names = [f"{region.id} ({region.organ})" if region.organ else region.id for region in regions]
    return f"Outlined: {', '.join(names)}."


# --- From voxels to a plane -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _PatientAxes:
    """Which array axis runs along patient left, posterior and superior, and which backwards."""

    axes: tuple[int, int, int]
    backwards: tuple[bool, bool, bool]
    spacing_mm: tuple[float, float, float]

    def turned(self, values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        """View *values* with indices that grow to the left, to the back and to the head."""
        steps = tuple(slice(None, None, -1 if back else 1) for back in self.backwards)
        return values.transpose(self.axes)[steps]


@dataclass(frozen=True, slots=True)
class _Region:
    """A lesion's shadow or section in the plane."""

    id: str
    organ: str
    inside: Bools


@dataclass(frozen=True, slots=True)
class _Picture:
    """A plane ready to draw: rows downwards, columns to the right, everything cropped alike."""

    gray: Floats  # 0 to 1, already inverted where it is to be
    color: Floats | None  # 0 to 1 of the overlay's ceiling
    regions: tuple[_Region, ...]
    pixel_mm: tuple[float, float]  # row, column
    px_per_mm: float
    crop: tuple[slice, slice]
    scale: tuple[str, str]  # low and high end of the bar; the overlay's where there is one
    inverted: bool
    sides: tuple[str, str]
    plain: "tuple[tuple[_Region, str], ...]" = ()  # outlined without a label, in this color

    @property
    def fine_size(self) -> tuple[int, int]:
        """Width and height of the fine drawing, px."""
        rows, columns = self.gray.shape
        fine = self.px_per_mm * _FINE
        width = max(_FINE, round(columns * self.pixel_mm[1] * fine))
        height = max(_FINE, round(rows * self.pixel_mm[0] * fine))
        return width, height


_Cut = Callable[[npt.NDArray[np.generic]], npt.NDArray[np.generic]]


def _patient_axes(grid: Grid) -> _PatientAxes:
    directions = grid.affine[:3, :3] / np.linalg.norm(grid.affine[:3, :3], axis=0)
    axes = np.abs(directions).argmax(axis=1)
    cosines = directions[np.arange(3), axes]
    smallest = float(np.abs(cosines).min())
    if set(axes.tolist()) != {0, 1, 2} or smallest < math.cos(math.radians(_LARGEST_OBLIQUITY_DEG)):
        raise UnsupportedError(
            f"The grid is turned {math.degrees(math.acos(smallest)):.0f} degrees from the "
            f"patient's axes; a picture with sides and a scale needs at most "
            f"{_LARGEST_OBLIQUITY_DEG:.0f}.",
            remedy="Resample it to an upright grid first.",
        )
    left, back, head = (int(axis) for axis in axes)
    spacing = grid.spacing_mm
    return _PatientAxes(
        axes=(left, back, head),
        backwards=(bool(cosines[0] < 0), bool(cosines[1] < 0), bool(cosines[2] < 0)),
        spacing_mm=(spacing[left], spacing[back], spacing[head]),
    )


def _slice_index(grid: Grid, *, axis: int, position_mm: float) -> int:
    turn = _patient_axes(grid)
    count = grid.shape[turn.axes[axis]]
    middle = float(grid.position_of((np.array(grid.shape) - 1) / 2)[axis])
    step = abs(float(grid.affine[axis, turn.axes[axis]]))
    index = (count - 1) / 2 + (position_mm - middle) / step
    nearest = round(index)
    if not 0 <= nearest < count:
        raise ValueError(f"position_mm {position_mm} lies outside the {count} slices of the volume")
    return nearest


def _picture(
    volume: Volume,
    cut: _Cut,
    *,
    plane: Plane | ProjectionPlane,
    lesions: Sequence[Lesion],
    window: tuple[float, float],
) -> _Picture:
    if volume.frames:
        raise ValueError(f"needed a static volume, got {volume.values.shape}")
    for lesion in lesions:
        volume.grid.require_same(lesion.mask.grid, what=f"The volume and lesion {lesion.id}")
    turn = _patient_axes(volume.grid)
    shown = _windowed(cut(turn.turned(volume.values)), window)
    sections = [(lesion, cut(turn.turned(lesion.mask.inside)).astype(bool)) for lesion in lesions]
    sections = [(lesion, inside) for lesion, inside in sections if inside.any()]
    rows, columns = _AXES[plane]
    pixel_mm = (turn.spacing_mm[rows], turn.spacing_mm[columns])
    visible = np.logical_or.reduce([shown > _AIR, *(inside for _, inside in sections)])
    crop = (
        _kept(visible.any(axis=1), pixel_mm=pixel_mm[0], least_mm=_NARROWEST_MM[plane][0])
        if plane == "axial"
        else slice(0, shown.shape[0]),
        _kept(visible.any(axis=0), pixel_mm=pixel_mm[1], least_mm=_NARROWEST_MM[plane][1]),
    )
    shown = shown[crop]
    height_mm, width_mm = shown.shape[0] * pixel_mm[0], shown.shape[1] * pixel_mm[1]
    px_per_mm = max(_PX_PER_MM, _NARROWEST_PX / width_mm)
    inverted = _is_emission(volume)
    return _Picture(
        gray=1.0 - shown if inverted else shown,
        color=None,
        regions=tuple(_Region(les.id, les.organ, inside[crop]) for les, inside in sections),
        pixel_mm=pixel_mm,
        px_per_mm=min(px_per_mm, _LONGEST_SIDE_PX / max(height_mm, width_mm)),
        crop=crop,
        scale=_bar_ends(volume, window),
        inverted=inverted,
        sides=_SIDES[plane],
    )


def _fused(picture: _Picture, overlay: Overlay, cut: _Cut) -> _Picture:
    turned = _patient_axes(overlay.volume.grid).turned(overlay.volume.values)
    window = (0.0, overlay.ceiling)
    return replace(
        picture,
        color=_windowed(cut(turned), window)[picture.crop],
        scale=_bar_ends(overlay.volume, window),
    )


def _is_emission(volume: Volume) -> bool:
    return volume.kind.decays or volume.kind.name.startswith("SUV_")


def _windowed(plane: npt.NDArray[np.generic], window: tuple[float, float]) -> Floats:
    low, high = window
    if not high > low:
        raise ValueError(f"a window needs its high end above its low end, got {window}")
    values = np.nan_to_num(plane.astype(np.float64), nan=low)
    result: Floats = np.clip((values - low) / (high - low), 0.0, 1.0)
    return result


def _kept(visible: Bools, *, pixel_mm: float, least_mm: float) -> slice:
    """Part of an axis that holds what is visible, never narrower than *least_mm* if it exists."""
    at = np.flatnonzero(visible)
    if at.size == 0:
        return slice(0, visible.size)
    margin = math.ceil(_MARGIN_MM / pixel_mm)
    first, last = int(at[0]) - margin, int(at[-1]) + 1 + margin
    lacking = max(0, math.ceil(least_mm / pixel_mm) - (last - first))
    first, last = first - lacking // 2, last + lacking - lacking // 2
    return slice(max(0, first), min(visible.size, last))


# --- Drawing ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Sheet:
    """White paper with the panel on it; the margins hold labels, the foot the scales."""

    paper: Image.Image
    picture: _Picture
    left: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """Where the panel ends."""
        return self.left + self.width


@dataclass(frozen=True, slots=True)
class _Label:
    """A lesion's name at its height, and the x of the outline it is led to."""

    y: float
    edge: float
    id: str
    size: int


def _finished(picture: _Picture, *, title: str, caption: str, alt: str) -> Figure:
    sheet = _mounted(_panel(picture), picture)
    for on_right in (False, True):
        _draw_labels(sheet, on_right=on_right)
    _draw_sides(sheet)
    _draw_length_bar(sheet)
    _draw_value_bar(sheet)
    image, encoded, mime = encoded_picture(sheet.paper.reduce(_FINE))
    return Figure(
        title=title,
        caption=caption,
        image=encoded,
        mime=mime,
        width=image.width,
        height=image.height,
        alt=alt,
    )


def _panel(picture: _Picture) -> Image.Image:
    gray = _upsampled(picture.gray, picture.fine_size)
    panel = Image.fromarray(gray).convert("RGB")
    if picture.color is not None:
        heat = _upsampled(picture.color, picture.fine_size)
        # Faint uptake shows the anatomy under it, strong uptake hides it.
        opacity = np.rint(235 * (np.arange(256) / 255) ** 0.6).astype(np.uint8)
        panel.paste(Image.fromarray(hot_iron()[heat]), None, Image.fromarray(opacity[heat]))
    for region, color in picture.plain:
        _draw_outline(panel, region, color=color, stroke_px=_PLAIN_PX)
    for region in picture.regions:
        _draw_outline(panel, region, color=lesion_color(region.id), stroke_px=_STROKE_PX)
    return panel


def _upsampled(plane: Floats, size: tuple[int, int]) -> Bytes:
    """Levels 0 to 255 of a plane of 0 to 1, interpolated to *size* (width, height)."""
    levels = Image.fromarray((255 * plane).astype(np.float32))
    fine = np.asarray(levels.resize(size, Image.Resampling.BICUBIC))
    result: Bytes = np.rint(np.clip(fine, 0, 255)).astype(np.uint8)
    return result


def _draw_outline(panel: Image.Image, region: _Region, *, color: str, stroke_px: float) -> None:
    """Draw a ring just outside the region, in its color inside a thin white one."""
    rows, columns = region.inside.shape
    scale = (panel.width / columns, panel.height / rows)
    left, top, right, bottom = _bounds(region.inside)
    reach = math.ceil((stroke_px + _HALO_PX) * _FINE) + 2
    box = (
        max(0, math.floor((left - 1) * scale[0]) - reach),
        max(0, math.floor((top - 1) * scale[1]) - reach),
        min(panel.width, math.ceil((right + 1) * scale[0]) + reach),
        min(panel.height, math.ceil((bottom + 1) * scale[1]) + reach),
    )
    source = Image.fromarray(region.inside.astype(np.float32)).resize(
        (box[2] - box[0], box[3] - box[1]),
        Image.Resampling.BILINEAR,
        box=(box[0] / scale[0], box[1] / scale[1], box[2] / scale[0], box[3] / scale[1]),
    )
    inside = np.asarray(source) > 0.5
    stroke = _dilated(inside, radius=stroke_px * _FINE)
    halo = _dilated(stroke, radius=_HALO_PX * _FINE)
    panel.paste(_PAPER, box, _stencil(halo & ~stroke, opacity=0.6))
    panel.paste(color, box, _stencil(stroke & ~inside, opacity=1.0))


def _stencil(where: Bools, *, opacity: float) -> Image.Image:
    return Image.fromarray(np.rint(255 * opacity * where).astype(np.uint8))


def _bounds(inside: Bools) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what is inside, the last two exclusive."""
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _dilated(inside: Bools, *, radius: float) -> Bools:
    reach = math.floor(radius)
    padded = np.pad(inside, reach)
    height, width = inside.shape
    result = np.zeros_like(inside)
    for down in range(2 * reach + 1):
        for right in range(2 * reach + 1):
            if math.hypot(down - reach, right - reach) <= radius:
                result |= padded[down : down + height, right : right + width]
    return result


def _font(size_px: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    # Pillow's own font, so that the picture does not depend on those of the machine.
    return ImageFont.load_default(size_px * _FINE)


def _mounted(panel: Image.Image, picture: _Picture) -> _Sheet:
    font = _font(_TEXT_PX)
    widest = max((font.getlength(region.id) for region in picture.regions), default=0.0)
    gutter = (math.ceil(widest) + 24 * _FINE if picture.regions else 0) // _FINE * _FINE
    # Sizes that _FINE divides, so that halving leaves no rest.
    width = math.ceil((panel.width + 2 * gutter) / _FINE) * _FINE
    height = math.ceil(panel.height / _FINE + _TEXT_PX * 1.9) * _FINE
    paper = Image.new("RGB", (width, height), _PAPER)
    paper.paste(panel, (gutter, 0))
    return _Sheet(paper=paper, picture=picture, left=gutter, width=panel.width, height=panel.height)


def _draw_labels(sheet: _Sheet, *, on_right: bool) -> None:
    """Write lesion names in the margin of their side, each led to its outline by a line."""
    draw, font = ImageDraw.Draw(sheet.paper), _font(_TEXT_PX)
    line_px = round(_TEXT_PX * 1.2) * _FINE
    labels = [label for label, side in _labels(sheet) if side == on_right]
    room = sheet.height // line_px
    shown, end = labels, sheet.height
    if len(labels) > room:
        # The last line tells how many there was no room for: the smallest.
        largest = sorted(labels, key=lambda label: (-label.size, label.id))[: room - 1]
        shown = [label for label in labels if label in largest]
        corner = (sheet.paper.width, "rs") if on_right else (0, "ls")
        more = f"+{len(labels) - len(shown)}"
        draw.text((corner[0], end), more, fill=_INK, font=font, anchor=corner[1])
        end -= line_px
    heights = _spread([label.y for label in shown], gap=line_px, end=end)
    out = _FINE if on_right else -_FINE
    margin = sheet.right if on_right else sheet.left
    for label, y in zip(shown, heights, strict=True):
        color = lesion_color(label.id)
        way = [(label.edge + _STROKE_PX * out, label.y), (margin, y), (margin + 12 * out, y)]
        draw.line(way, fill=color, width=round(1.2 * _FINE), joint="curve")
        anchor = "lm" if on_right else "rm"
        draw.text((margin + 17 * out, y), label.id, fill=color, font=font, anchor=anchor)


def _labels(sheet: _Sheet) -> list[tuple[_Label, bool]]:
    """Each lesion's label and whether it stands on the right, from top to bottom."""
    rows, columns = sheet.picture.gray.shape
    labels = []
    for region in sheet.picture.regions:
        left, top, right, bottom = _bounds(region.inside)
        on_right = left + right > columns
        edge = sheet.left + (right if on_right else left) * sheet.width / columns
        y = (top + bottom) / 2 * sheet.height / rows
        size = int(np.count_nonzero(region.inside))
        labels.append((_Label(y=y, edge=edge, id=region.id, size=size), on_right))
    return sorted(labels, key=lambda pair: (pair[0].y, pair[0].id))


def _spread(wanted: Sequence[float], *, gap: float, end: float) -> list[float]:
    """Move ascending positions apart to *gap*, inside ``gap/2 .. end - gap/2``, as little as due.

    >>> _spread([50.0, 51.0, 99.0], gap=10.0, end=100.0)
    [50.0, 60.0, 95.0]
    """
    placed: list[float] = []
    for position in wanted:
        placed.append(max(position, placed[-1] + gap if placed else gap / 2))
    highest = end - gap / 2
    for index in reversed(range(len(placed))):
        placed[index] = min(placed[index], highest)
        highest = placed[index] - gap
    return placed


def _draw_sides(sheet: _Sheet) -> None:
    draw, font = ImageDraw.Draw(sheet.paper), _font(_TEXT_PX * 0.85)
    inset = 8 * _FINE
    ink, rim = (_FAINT, _PAPER) if sheet.picture.inverted else (_PAPER, (0, 0, 0))
    first, second = sheet.picture.sides
    for x, side, anchor in ((sheet.left + inset, first, "lt"), (sheet.right - inset, second, "rt")):
        place = (x, inset)
        draw.text(place, side, fill=ink, font=font, anchor=anchor, stroke_width=4, stroke_fill=rim)


def _draw_length_bar(sheet: _Sheet) -> None:
    draw, font = ImageDraw.Draw(sheet.paper), _font(_TEXT_PX * 0.9)
    px_per_mm = sheet.picture.px_per_mm * _FINE
    length_mm = next((mm for mm in (100, 50, 20, 10) if mm * px_per_mm < 0.4 * sheet.width), 5)
    end, tick = sheet.left + round(length_mm * px_per_mm), 6 * _FINE
    y = sheet.height + round(_TEXT_PX * 1.05) * _FINE
    draw.line([(sheet.left, y), (end, y)], fill=_INK, width=2 * _FINE)
    for x in (sheet.left, end):
        draw.line([(x, y - tick), (x, y + tick)], fill=_INK, width=2 * _FINE)
    words = f"{length_mm / 10:g} cm"
    draw.text((end + 8 * _FINE, y), words, fill=_INK, font=font, anchor="lm")


def _draw_value_bar(sheet: _Sheet) -> None:
    draw, font = ImageDraw.Draw(sheet.paper), _font(_TEXT_PX * 0.9)
    low, high = sheet.picture.scale
    width, half, gap = round(min(110 * _FINE, 0.2 * sheet.width)), 8 * _FINE, 8 * _FINE
    y = sheet.height + round(_TEXT_PX * 1.05) * _FINE
    right = sheet.right - math.ceil(font.getlength(high)) - gap
    levels = np.rint(np.linspace(0, 255, width)).astype(np.uint8)
    if sheet.picture.color is not None:
        colors = hot_iron()[levels]
    else:
        grays = 255 - levels if sheet.picture.inverted else levels
        colors = np.repeat(grays[:, None], 3, axis=1)
    sheet.paper.paste(Image.fromarray(np.tile(colors, (2 * half, 1, 1))), (right - width, y - half))
    frame = [right - width, y - half, right, y + half]
    draw.rectangle(frame, outline=_FAINT, width=_FINE)
    draw.text((sheet.right, y), high, fill=_INK, font=font, anchor="rm")
    draw.text((right - width - gap, y), low, fill=_INK, font=font, anchor="rm")
