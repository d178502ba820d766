"""Small organs: hot spots in small regions that larger organs place."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from scipy import ndimage

from operandi.imaging.lesions.organ_places.checks import Found, missing, touches_end
from operandi.imaging.lesions.organ_places.liver import LiverCore
from operandi.imaging.lesions.organ_places.workspace import (
    STEP_MM,
    Bools,
    Point,
    Workspace,
    ball,
)

_BLADDER_BELOW_MM: Final = (230.0, 460.0)
_PELVIS_MM: Final = 330.0
_SPOT_SHARE: Final = 0.45
_AT_BORDER_MM: Final = 12.0  # assumed
_UNCINATE_OF_KIDNEY: Final = 0.8  # assumed


def bladder(space: Workspace, liver: LiverCore, taken: Mapping[str, Bools]) -> dict[str, Found]:
    """Urinary bladder: the largest hot component in the middle of the pelvis."""
    name = "urinary bladder"
    x, y, z = space.axes_mm()
    low, high = (liver.top_mm - mm for mm in reversed(_BLADDER_BELOW_MM))
    behind = y - space.middle_y[None, None, :]
    zone = (np.abs(x - space.middle_x) < 45.0) & (z > low) & (z < high) & (np.abs(behind) < 80.0)
    zone &= space.body & ~_any(taken, space)
    lowest = space.axes_mm()[2].ravel()[np.flatnonzero(space.seen.any(axis=(0, 1)))[0]]
    if not zone.any() or lowest > liver.top_mm - _PELVIS_MM:
        return {name: missing("the pelvis is not in the image")}
    level = float(np.quantile(space.smooth[zone], 0.995))
    if level < 3.0 * space.tissue:
        return {name: missing("nothing in the pelvis is three times as hot as soft tissue")}
    labels, found = ndimage.label(zone & (space.smooth > 0.7 * level))
    counts = np.bincount(labels.ravel(), minlength=found + 1)
    counts[0] = 0
    chosen = labels == counts.argmax()
    if space.volume_ml(chosen) < 3.0:
        return {name: missing("no hot region in the pelvis is as large as a bladder")}
    own = float(np.quantile(space.smooth[chosen], 0.5))
    region = _grown(space, chosen, least=0.4 * own, reach_mm=60.0, taken=taken)
    volume = space.volume_ml(region)
    sure = 0.9 if volume >= 30.0 else 0.5
    how = f"largest hot region in the middle of the pelvis, {volume:.0f} mL"
    if touches_end(space, region):
        sure, how = 0.5, f"{how}; cut by the edge of the image"
    return {name: Found(inside=region, confidence=sure, how=how)}


def adrenals(space: Workspace, liver: LiverCore, taken: Mapping[str, Bools]) -> dict[str, Found]:
    """Adrenal glands: a hot spot above and inside the upper pole of each kidney.

    The left one, beside which nothing else is hot, is sought first. Where it is found the right
    one is sought opposite it, a little higher and farther back; kidneys lie at many heights.
    """
    names = {side: f"{side} adrenal gland" for side in ("left", "right")}
    left = _adrenal(space, "left", taken)
    opposite = None
    if left.inside is not None:
        x, y, z = space.center_mm(left.inside)
        opposite = (2.0 * space.middle_x - x, y + 8.0, z + 10.0)
    right = _adrenal(space, "right", taken, expected=opposite)
    if right.inside is None and opposite is not None:
        # The liver's mask, told by uptake, often holds the gland that lies against it.
        others = {name: inside for name, inside in taken.items() if name != "liver"}
        right = _beside_liver(_adrenal(space, "right", others, expected=opposite), taken)
    return {names["right"]: right, names["left"]: left}


def _beside_liver(right: Found, taken: Mapping[str, Bools]) -> Found:
    """The gland only where it lies at the liver's border and is as small as one."""
    liver = taken.get("liver")
    if right.inside is None or liver is None:
        return right
    depth = ndimage.distance_transform_edt(liver, sampling=STEP_MM)
    if float(np.median(depth[right.inside])) > _AT_BORDER_MM:
        return missing("what is hot opposite the left gland lies deep in the liver")
    return right


def _adrenal(
    space: Workspace, side: str, taken: Mapping[str, Bools], *, expected: Point | None = None
) -> Found:
    only_summits = expected is not None
    kidney = taken.get(f"{side} kidney")
    if expected is None:
        if kidney is None:
            return missing(f"the {side} kidney, which places it, was not found")
        top, at = _upper_pole(space, kidney)
        sign = -1.0 if side == "right" else 1.0
        expected = (space.middle_x + sign * 29.0, at[1] - 12.0, top - 2.0)
    spot = _spot(
        space,
        expected,
        half_mm=(14.0, 16.0, 20.0),
        taken=taken,
        reach_mm=16.0,
        only_summits=only_summits,
    )
    if spot is None:
        return missing("no spot above soft tissue above the kidney")
    volume = space.volume_ml(spot)
    if volume > 25.0:
        return missing(f"what is hot above the kidney has {volume:.0f} mL, more than a gland")
    return Found(inside=spot, confidence=0.5, how=f"hot spot above the kidney, {volume:.1f} mL")


def _upper_pole(space: Workspace, kidney: Bools) -> tuple[float, Point]:
    z = space.axes_mm()[2].ravel()
    heights = np.flatnonzero(kidney.any(axis=(0, 1)))
    pole = kidney.copy()
    pole[:, :, : heights[-1] - 5] = False
    return float(z[heights[-1]]), space.center_mm(pole)


def uncinate(space: Workspace, liver: LiverCore, taken: Mapping[str, Bools]) -> dict[str, Found]:
    """Uncinate process: moderate uptake right of the middle, before the spine."""
    name = "uncinate process"
    kidneys = [one for one in ("right kidney", "left kidney") if one in taken]
    if not kidneys:
        return {name: missing("no kidney was found, and they place it")}
    height = float(np.mean([space.center_mm(taken[one])[2] for one in kidneys]))
    k = space.index_of((space.middle_x, 0.0, height))[2]
    expected = (space.middle_x - 17.0, float(space.middle_y[k]) - 4.0, height - 24.0)
    spot = _spot(space, expected, half_mm=(16.0, 14.0, 18.0), taken=taken, reach_mm=20.0)
    if spot is None:
        return {name: missing("no spot above soft tissue before the spine")}
    volume, highest = space.volume_ml(spot), float(space.smooth[spot].max())
    # Of the kidneys too, as the liver's uptake fades where tumor takes the tracer.
    of_kidney = min(float(np.median(space.smooth[taken[one]])) for one in kidneys)
    most = max(2.0 * liver.level, 6.0 * space.tissue, _UNCINATE_OF_KIDNEY * of_kidney)
    if volume > 30.0 or highest > most:
        why = f"what is hot there ({volume:.0f} mL, SUV {highest:.1f} g/mL) may be a lesion"
        return {name: missing(why)}
    how = f"moderate uptake where it lies, {volume:.1f} mL; not told from a small lesion"
    return {name: Found(inside=spot, confidence=0.3, how=how)}


def head_and_neck(
    space: Workspace, liver: LiverCore, taken: Mapping[str, Bools]
) -> dict[str, Found]:
    """Pituitary, salivary and thyroid glands."""
    del taken
    names = ("pituitary gland", "salivary glands", "thyroid gland")
    z = space.axes_mm()[2].ravel()
    covered = z[np.flatnonzero(space.seen.any(axis=(0, 1)))[-1]]
    if covered < liver.top_mm + 330.0:
        return {name: missing("the head is not in the image") for name in names}
    return {name: missing("not told from its surroundings") for name in names}


def _any(taken: Mapping[str, Bools], space: Workspace) -> Bools:
    whole = np.zeros(space.grid.shape, dtype=np.bool_)
    for inside in taken.values():
        whole |= inside
    return whole


def _spot(
    space: Workspace,
    at: Point,
    *,
    half_mm: Point,
    taken: Mapping[str, Bools],
    reach_mm: float,
    only_summits: bool = False,
) -> Bools | None:
    """The hottest spot within an ellipsoid, down to 45 % of its maximum above soft tissue."""
    squares = np.zeros(space.grid.shape)
    for axis, center, half in zip(space.axes_mm(), at, half_mm, strict=True):
        squares = squares + ((axis - center) / half) ** 2
    near = ndimage.binary_dilation(_any(taken, space), structure=ball(STEP_MM))
    zone = (squares <= 1.0) & space.body & ~near
    if not zone.any():
        return None
    inside = np.where(zone, space.smooth, 0.0)
    if only_summits:
        # Not the flank of the liver that the zone cuts.
        summit = zone & (space.smooth >= ndimage.maximum_filter(space.smooth, size=3))
        if not summit.any():
            return None
        inside = np.where(summit, inside, 0.0)
    peak = np.unravel_index(int(inside.argmax()), inside.shape)
    highest = float(inside[peak])
    if highest < 2.0 * space.tissue:
        return None
    seed = np.zeros(space.grid.shape, dtype=np.bool_)
    seed[peak] = True
    least = space.tissue + _SPOT_SHARE * (highest - space.tissue)
    return _grown(space, seed, least=least, reach_mm=reach_mm, taken=taken)


def _grown(
    space: Workspace, seed: Bools, *, least: float, reach_mm: float, taken: Mapping[str, Bools]
) -> Bools:
    """What hangs together with the seed above an uptake and within a reach of it."""
    distance = ndimage.distance_transform_edt(~seed, sampling=STEP_MM)
    allowed = (distance <= reach_mm) & (space.smooth > least) & ~_any(taken, space) & space.body
    labels, _ = ndimage.label(allowed | seed)
    kept = np.unique(labels[seed])
    region: Bools = np.isin(labels, kept[kept > 0])
    return region
