"""Whether what was found can be the organ: size, side, and whether the image cuts it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from operandi.imaging.lesions.organ_places.hot_pair import PLACES
from operandi.imaging.lesions.organ_places.liver import LiverCore
from operandi.imaging.lesions.organ_places.workspace import Bools, Workspace

VOLUME_RANGE_ML: Final[Mapping[str, tuple[float, float]]] = {
    "liver": (400.0, 6000.0),
    "spleen": (30.0, 2500.0),
    "right kidney": (40.0, 700.0),
    "left kidney": (40.0, 700.0),
    "kidneys": (40.0, 1400.0),
    "urinary bladder": (10.0, 1500.0),
    "left adrenal gland": (0.5, 40.0),
    "right adrenal gland": (0.5, 40.0),
    "adrenal glands": (1.0, 80.0),
    "pituitary gland": (0.1, 10.0),
    "thyroid gland": (1.0, 300.0),
    "salivary glands": (4.0, 200.0),
    "gallbladder": (1.0, 400.0),
    "heart": (150.0, 2000.0),
    "aorta": (20.0, 800.0),
    "uncinate process": (0.5, 40.0),
    "pancreas": (10.0, 400.0),
    "stomach": (20.0, 3000.0),
    "small bowel": (50.0, 3000.0),
    "colon": (50.0, 4000.0),
}
"""Volumes beyond which a mask is not that organ, healthy or diseased, of an adult, mL (assumed,
wide on purpose: a swollen liver or spleen stays within)."""

_USUAL_ML: Final[Mapping[str, tuple[float, float]]] = {
    "liver": (800.0, 3000.0),
    "spleen": (60.0, 600.0),
    "right kidney": (80.0, 350.0),
    "left kidney": (80.0, 350.0),
}
_OFF_PLACE: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """An organ on the working grid, or why it was not found.

    Parameters
    ----------
    inside : bool, (i, j, k), or None
    confidence : float, 0 to 1
    how : str
        How it was found; without a mask, why not.
    """

    inside: Bools | None
    confidence: float
    how: str


def missing(why: str) -> Found:
    """An organ that was not found."""
    return Found(inside=None, confidence=0.0, how=why)


def checked(name: str, inside: Bools | None, *, space: Workspace, liver: LiverCore) -> Found:
    """Accept or refuse one of liver, spleen and kidneys by volume, and rank it.

    Three checks count alike: usual volume, expected place, not cut by the image's edge.
    """
    if inside is None or not inside.any():
        return missing(f"nothing of the size of a {name} stands out where it lies")
    volume = space.volume_ml(inside)
    least, most = VOLUME_RANGE_ML[name]
    cut = touches_end(space, inside)
    if not (least <= volume <= most) and not (cut and volume < least):
        return missing(f"what stands out where the {name} lies has {volume:.0f} mL")
    doubts = []
    usual = _USUAL_ML[name]
    if not usual[0] <= volume <= usual[1]:
        doubts.append(f"unusual volume of {volume:.0f} mL")
    place = PLACES.get(name)
    at = space.center_mm(inside)
    if place is not None and place.likeness(space, top_mm=liver.top_mm, at=at) < _OFF_PLACE:
        doubts.append("off its usual place")
    if cut:
        doubts.append("cut by the edge of the image")
    how = "plateau of uptake" if name == "liver" else "stands out where it lies"
    told = f"{how}, {volume:.0f} mL" + (f"; {', '.join(doubts)}" if doubts else "")
    return Found(inside=inside, confidence=1.0 - len(doubts) / 3.0, how=told)


def touches_end(space: Workspace, inside: Bools) -> bool:
    """Whether a region reaches the lowest or highest slice that the PET covers."""
    heights = np.flatnonzero(space.seen.any(axis=(0, 1)))
    return bool(inside[:, :, : heights[0] + 2].any() or inside[:, :, heights[-1] - 1 :].any())
