"""Liver, kidneys and spleen share out what lies between them, along the steepest change."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk  # noqa: N813 - the name its own documentation uses
from scipy import ndimage

from operandi.imaging.lesions.organ_places.liver import LiverCore
from operandi.imaging.lesions.organ_places.workspace import (
    STEP_MM,
    Bools,
    Floats,
    Point,
    Workspace,
    ball,
)
from operandi.imaging.register import one_thread

_CORE_MM: Final[Mapping[str, Point]] = {
    "right kidney": (28.0, 28.0, 52.0),
    "left kidney": (28.0, 28.0, 52.0),
    "spleen": (28.0, 38.0, 52.0),
}
"""Half axes of the ellipsoid around a seed in which an organ's marker lies (assumed: about the
organ's own)."""

_NEAR_MM: Final = 20.0
_OWN_SHARE: Final = 0.65
_BELOW_LIVER: Final = 0.42
_ABOVE_TISSUE: Final = 1.35
_AT_MOST: Final = 0.55
_OTHER_MM: Final = 28.0
_BELOW_CORE_MM: Final = 24.0
_FARTHEST_MM: Final = 100.0
_MOVES: Final = 4
_LOWER_MM: Final = 8.0
_KIDNEY_MM: Final = (28.0, 28.0, 56.0)
_BAY_MM: Final = 24.0
_HOT: Final = 1.3
_RIM_MM: Final = 4.0
_ABOVE_MM: Final = 48.0
_BELOW_MM: Final = 280.0
_LEAST_SHARE: Final = 0.4


def territories(space: Workspace, liver: LiverCore, seeds: Mapping[str, Point]) -> dict[str, Bools]:
    """Voxels of the liver and of each seeded organ.

    A watershed by markers on the gradient of the square root of the uptake, which evens out
    noise: the border lies where uptake changes fastest, half way between two plateaus. Markers
    are the liver's core, what is hot around each seed, what is at soft tissue's level or fat, and
    what is at the liver's level but far from it, such as bowel. A hot spot without a marker falls
    to whatever surrounds it: metastases within the liver and at its rim to the liver.
    """
    box = _box(space, liver)
    smooth = space.smooth[box]
    names = ["liver", *seeds]
    markers = np.zeros(smooth.shape, dtype=np.uint8)
    ground = _ground(space, liver)
    markers[_background(space, box, ground=ground)] = len(names) + 1
    core = liver.inside[box] & ~_kidney_in_core(space, seeds, box=box)
    distance, nearest = ndimage.distance_transform_edt(~core, sampling=STEP_MM, return_indices=True)
    kept_free = np.zeros(smooth.shape, dtype=np.bool_)
    levels, reaches = {}, {}
    for number, name in enumerate(names[1:], start=2):
        marker, reach, levels[name] = _marker(space, name, seeds[name], box=box, core=core)
        markers[marker & (distance > _RIM_MM)] = number
        reaches[name] = reach
        kept_free |= reach
    below = (nearest[2] - np.arange(smooth.shape[2])) * STEP_MM > _BELOW_CORE_MM
    far = (distance > _OTHER_MM) & (below | (distance > _FARTHEST_MM))
    far &= (smooth > _AT_MOST * liver.level) & (markers == 0) & ~kept_free
    markers[far] = len(names) + 2
    markers[ndimage.binary_erosion(core)] = 1
    labels = _watershed(smooth, markers)
    found = {}
    for number, name in enumerate(names, start=1):
        least = ground if name == "liver" else _LEAST_SHARE * levels[name]
        region = (labels == number) & (smooth > least)
        if name in reaches:
            # Poles of a large kidney lie beyond its marker and may have fallen to the background.
            poles = (labels > len(names)) & (smooth > _OWN_SHARE * levels[name])
            region = (region | poles) & reaches[name]
        found[name] = _tidy(region)
    found["liver"] |= _hot_in_bays(found, smooth, level=liver.level)
    return {name: _whole(region, box, space) for name, region in found.items()}


def _hot_in_bays(found: Mapping[str, Bools], smooth: Floats, *, level: float) -> Bools:
    """Metastases at the rim: hotter than the liver, and within it if its bays were filled."""
    liver = found["liver"]
    if not liver.any():
        return liver
    near = ndimage.distance_transform_edt(~liver, sampling=STEP_MM) <= _BAY_MM
    closed = ndimage.distance_transform_edt(near, sampling=STEP_MM) > _BAY_MM
    hot = closed & (smooth > _HOT * level) & ~liver
    for name, other in found.items():
        if name != "liver":
            hot &= ~ndimage.binary_dilation(other, structure=ball(8.0))
    return np.asarray(hot)


def _whole(region: Bools, box: tuple[slice, slice, slice], space: Workspace) -> Bools:
    whole = np.zeros(space.grid.shape, dtype=np.bool_)
    whole[box] = region
    return whole


def _box(space: Workspace, liver: LiverCore) -> tuple[slice, slice, slice]:
    z = space.axes_mm()[2].ravel()
    heights = np.flatnonzero((z < liver.top_mm + _ABOVE_MM) & (z > liver.top_mm - _BELOW_MM))
    body = space.body[:, :, heights[0] : heights[-1] + 1]
    x = space.axes_mm()[0].ravel()
    near = np.flatnonzero(body.any(axis=(1, 2)) & (np.abs(x - space.middle_x) < 190.0))
    y = np.flatnonzero(body.any(axis=(0, 2)))
    return (
        slice(near[0], near[-1] + 1),
        slice(y[0], y[-1] + 1),
        slice(heights[0], heights[-1] + 1),
    )


def _ground(space: Workspace, liver: LiverCore) -> float:
    """Uptake below which nothing is an organ here, g/mL."""
    wanted = max(_ABOVE_TISSUE * space.tissue, _BELOW_LIVER * liver.level)
    return min(wanted, _AT_MOST * liver.level)


def _background(space: Workspace, box: tuple[slice, slice, slice], *, ground: float) -> Bools:
    low = (space.smooth[box] < ground) | ~space.body[box]
    fat: Bools = space.fat[box]
    if fat.any():
        low |= ndimage.binary_erosion(fat)
    return np.asarray(low, dtype=np.bool_)


def _marker(
    space: Workspace,
    name: str,
    seed: Point,
    *,
    box: tuple[slice, slice, slice],
    core: Bools,
) -> tuple[Bools, Bools, float]:
    """What is hot around the seed and hangs together, how far it may reach, and its uptake, g/mL.

    The seed may lie in one pole: the ellipsoid is moved to the middle of what is hot in it, until
    it stays.
    """
    axes = _axes_of(space, box)
    smooth = space.smooth[box]
    near = _ellipsoid(axes, seed, (_NEAR_MM,) * 3)
    level = float(np.quantile(smooth[near & ~core], 0.8)) if (near & ~core).any() else 0.0
    hot = (smooth > _OWN_SHARE * level) & ~core
    at = seed
    for _ in range(_MOVES):
        region = _largest(hot & _ellipsoid(axes, at, _CORE_MM[name]))
        weights = np.argwhere(region)
        if not len(weights):
            break
        middle = weights.mean(axis=0) + [edge.start for edge in box]
        x, y, z = space.grid.position_of(middle)
        at = (float(x), float(y), float(z))
    wide = tuple(1.4 * half for half in _CORE_MM[name])
    return (
        _largest(hot & _ellipsoid(axes, at, _CORE_MM[name])),
        _ellipsoid(axes, at, (wide[0], wide[1], wide[2])),
        level,
    )


def _kidney_in_core(
    space: Workspace, seeds: Mapping[str, Point], *, box: tuple[slice, slice, slice]
) -> Bools:
    """Where the liver's core may hold the right kidney, as it does where both take up alike."""
    none = np.zeros(space.smooth[box].shape, dtype=np.bool_)
    right, left = seeds.get("right kidney"), seeds.get("left kidney")
    if right is None or left is None:
        return none
    # Kidneys mirror one another, the right one a little lower; its own seed may lie at the part
    # that the core left out.
    mirrored = (2.0 * space.middle_x - left[0], left[1], left[2] - _LOWER_MM)
    middle = tuple((a + b) / 2 for a, b in zip(mirrored, right, strict=True))
    if np.linalg.norm(np.subtract(mirrored, right)) > 60.0:
        return none
    return _ellipsoid(_axes_of(space, box), (middle[0], middle[1], middle[2]), _KIDNEY_MM)


def _axes_of(space: Workspace, box: tuple[slice, slice, slice]) -> list[npt.NDArray[np.float64]]:
    return [
        axis[tuple(edge if axis.shape[n] > 1 else slice(None) for n, edge in enumerate(box))]
        for axis in space.axes_mm()
    ]


def _ellipsoid(
    axes: Sequence[npt.NDArray[np.float64]], at: Point, half_mm: Sequence[float]
) -> Bools:
    squares = sum(
        ((axis - center) / half) ** 2 for axis, center, half in zip(axes, at, half_mm, strict=True)
    )
    return np.asarray(squares <= 1.0)


def _largest(inside: Bools) -> Bools:
    labels, _ = ndimage.label(inside)
    counts = np.bincount(labels.ravel())
    counts[0] = 0
    return np.asarray((labels == counts.argmax()) & inside)


def _watershed(smooth: Floats, markers: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    gradient = ndimage.gaussian_gradient_magnitude(np.sqrt(smooth), 0.6)
    image = sitk.GetImageFromArray(np.ascontiguousarray(gradient, dtype=np.float32))
    with one_thread():
        flooded = sitk.MorphologicalWatershedFromMarkers(
            image, sitk.GetImageFromArray(markers), markWatershedLine=False
        )
    return sitk.GetArrayFromImage(flooded).astype(np.uint8)


def _tidy(inside: Bools) -> Bools:
    """Without threads, the largest piece, without holes."""
    # Padded by its own rim: an organ that the image cuts must reach its edge.
    padded = np.pad(inside, 2, mode="edge")
    opened = ndimage.binary_opening(padded, structure=ball(4.0))[2:-2, 2:-2, 2:-2]
    labels, found = ndimage.label(opened)
    if not found:
        return np.zeros(inside.shape, dtype=np.bool_)
    counts = np.bincount(labels.ravel())
    counts[0] = 0
    return np.asarray(ndimage.binary_fill_holes(labels == counts.argmax()), dtype=np.bool_)
