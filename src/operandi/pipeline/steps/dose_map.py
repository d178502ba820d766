"""Where the decays of a cycle lie, voxel by voxel: which region holds which, and what is left.

The scans have frames of reference of their own; to register them would blur what is small. So the
decays of each region, from all scans, are shared out as one scan shows its activity.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from operandi.domain.mask import Mask
from operandi.pipeline.steps.dose import ScannedActivity
from operandi.therapy.voxel_dose import TimeIntegratedActivityMap

Key = tuple[str, bool]
"""Name of what was drawn, and whether it is a lesion: one name may be both."""

MAP_NOTE: Final = (
    "decays of each region's course, recovered as that course is, shared out over its voxels as "
    "one scan shows them; those of its lesions lie in the lesions"
)


def masks_of(scan: ScannedActivity) -> dict[Key, Mask]:
    """What was drawn on a scan."""
    return {(one.name, one.is_lesion): one.mask for one in scan.regions}


def lies_in(inner: Key, outer: Key, scans: Sequence[ScannedActivity]) -> bool | None:
    """Whether at least half of *inner* is within *outer*, over all scans on which both were drawn.

    None where they were never drawn on one scan, so that nobody can tell.
    """
    shared_ml = inner_ml = 0.0
    for scan in scans:
        masks = masks_of(scan)
        if inner in masks and outer in masks:
            within = masks[inner].inside & masks[outer].inside
            shared_ml += int(np.count_nonzero(within)) * masks[inner].grid.voxel_volume_ml
            inner_ml += masks[inner].volume_ml
    return None if inner_ml == 0 else 2.0 * shared_ml >= inner_ml


def decay_map(
    scan: ScannedActivity, decays_bq_s: Mapping[Key, float]
) -> tuple[TimeIntegratedActivityMap, tuple[str, ...]]:
    """Decays in every voxel, none made and none lost: each region's less those of what it holds.

    A region's own voxels are those of no lesion and of nothing else that lies in it; they get what
    is left of its decays. So the sum over the map is that of the regions that lie in no other.
    Activity outside what was drawn is left out.

    Parameters
    ----------
    scan : ScannedActivity
        Shows where activity lies.
    decays_bq_s : mapping of Key to float
        Of each region with its lesions in, Bq s.

    Returns
    -------
    TimeIntegratedActivityMap, tuple of str
        The map, and what it could not hold.
    """
    grid = scan.concentration.grid
    masks = {key: mask for key, mask in masks_of(scan).items() if key in decays_bq_s}
    parents = {key: _parent(key, masks, scan) for key in masks}
    values = np.maximum(np.asarray(scan.concentration.values, dtype=np.float64), 0.0)
    decays = np.zeros(grid.shape)
    notes = [
        f"{name} was not drawn on the scan that the dose map is made of"
        for name, is_lesion in decays_bq_s
        if (name, is_lesion) not in masks
    ]
    for key, mask in masks.items():
        own = mask.inside.copy()
        for other, another in masks.items():
            if other != key and (other[1] > key[1] or _holds(key, other, parents)):
                own &= ~another.inside
        held = math.fsum(decays_bq_s[child] for child, parent in parents.items() if parent == key)
        left = decays_bq_s[key] - held
        if left < 0:
            notes.append(f"what lies in {key[0]} has more decays than it: none are left for it")
            continue
        # Covered by its lesions altogether, or dark but for them: an even share is all there is.
        own = own if own.any() else mask.inside
        share = values[own]
        total = float(share.sum())
        decays[own] += left * (share / total if total > 0 else 1.0 / share.size)
    return TimeIntegratedActivityMap(decays, grid), tuple(notes)


def _parent(key: Key, masks: Mapping[Key, Mask], scan: ScannedActivity) -> Key | None:
    """The smallest organ that the region lies in."""
    around = [
        other
        for other, mask in masks.items()
        if other != key
        and not other[1]
        and mask.volume_ml > masks[key].volume_ml
        and lies_in(key, other, (scan,))
    ]
    return min(around, key=lambda other: masks[other].volume_ml, default=None)


def _holds(outer: Key, inner: Key, parents: Mapping[Key, Key | None]) -> bool:
    above = parents[inner]
    while above is not None and above != outer:
        above = parents[above]
    return above == outer
