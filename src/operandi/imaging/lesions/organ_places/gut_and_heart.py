"""Blood pool above the liver, and gut as moderate uptake below it."""

from collections.abc import Mapping

import numpy as np
from scipy import ndimage

from operandi.imaging.lesions.organ_places.checks import Found, missing
from operandi.imaging.lesions.organ_places.liver import LiverCore
from operandi.imaging.lesions.organ_places.workspace import Bools, Workspace, ball


def blood_pool(space: Workspace, liver: LiverCore, taken: Mapping[str, Bools]) -> dict[str, Found]:
    """Heart: the largest thick region above lung's uptake over the liver, near the middle."""
    name = "blood pool"
    x, y, z = space.axes_mm()
    behind = y - space.middle_y[None, None, :]
    zone = (
        (np.abs(x - space.middle_x - 15.0) < 70.0)
        & (z > liver.top_mm + 12.0)
        & (z < liver.top_mm + 110.0)
        & (behind < 30.0)
        & (behind > -75.0)
        & space.body
    )
    for inside in taken.values():
        zone &= ~inside
    if not zone.any() or not space.seen[zone].all():
        return {name: missing("the chest above the liver is not in the image")}
    calm = ndimage.gaussian_filter(space.suv, 2.0)
    # Between lung and blood: the middle of the zone's lower and upper values.
    low, high = np.quantile(calm[zone], (0.1, 0.8))
    warm = zone & (calm > (low + high) / 2) & (calm < 2.0 * high)
    core = ndimage.binary_erosion(warm, structure=ball(12.0))
    labels, found = ndimage.label(core)
    if not found:
        return {name: missing("no thick region above lung's uptake lies over the liver")}
    counts = np.bincount(labels.ravel())
    counts[0] = 0
    chosen = labels == counts.argmax()
    region = ndimage.binary_dilation(chosen, structure=ball(8.0)) & warm
    volume = space.volume_ml(region)
    if volume < 60.0:
        return {name: missing(f"what lies over the liver has {volume:.0f} mL, too little")}
    how = f"thick region over the liver, {volume:.0f} mL; heart muscle is not told from blood"
    return {name: Found(inside=np.asarray(region), confidence=0.6, how=how)}


def gut(space: Workspace, liver: LiverCore, taken: Mapping[str, Bools]) -> dict[str, Found]:
    """Stomach, small bowel and colon together: uptake above soft tissue in the belly."""
    x, y, z = space.axes_mm()
    behind = y - space.middle_y[None, None, :]
    zone = (
        (np.abs(x - space.middle_x) < 130.0)
        & (z < liver.top_mm)
        & (z > liver.top_mm - 330.0)
        & (behind < 25.0)
        & space.body
        & ~space.fat
    )
    for inside in taken.values():
        zone &= ~ndimage.binary_dilation(inside, structure=ball(8.0))
    calm = ndimage.gaussian_filter(space.suv, 1.5)
    warm = zone & (calm > 1.5 * space.tissue)
    region = ndimage.binary_opening(warm, structure=ball(8.0))
    volume = space.volume_ml(region)
    if volume < 20.0:
        return {"gut": missing("no part of the belly takes up more than soft tissue")}
    how = f"uptake above soft tissue in the belly, {volume:.0f} mL; lesions there are part of it"
    return {"gut": Found(inside=np.asarray(region), confidence=0.3, how=how)}
