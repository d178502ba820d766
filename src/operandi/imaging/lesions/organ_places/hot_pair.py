"""Kidneys and spleen: where blobs of their size stand out from what is around them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
from scipy import ndimage

from operandi.imaging.lesions.organ_places.liver import LiverCore
from operandi.imaging.lesions.organ_places.workspace import Floats, Point, Workspace

_NARROW_MM: Final = 12.0
_WIDE_MM: Final = 28.0
"""Widths of the two Gaussians whose difference answers to blobs of 5 cm."""

_LEAST_ANSWER: Final = 0.8
"""Times soft tissue; below it nothing stands out."""

_LEAST_PRIOR: Final = 0.05
_APART_MM: Final = 48.0
_MOST: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an organ is expected, from the middle of the body and the liver's top.

    Parameters
    ----------
    lateral_mm : float
        From the body's middle, left positive.
    behind_mm : float
        From half way between front and back, backwards positive.
    below_mm : float
        From the liver's top, downwards positive.
    spread_mm : tuple of float
        Standard deviations of the three.
    """

    lateral_mm: float
    behind_mm: float
    below_mm: float
    spread_mm: Point

    def likeness(self, space: Workspace, *, top_mm: float, at: Point) -> float:
        """Gaussian of the distance from the expected place, 1 there."""
        k = space.index_of(at)[2]
        away = (
            at[0] - space.middle_x - self.lateral_mm,
            at[1] - float(space.middle_y[k]) - self.behind_mm,
            top_mm - at[2] - self.below_mm,
        )
        squares = sum((a / s) ** 2 for a, s in zip(away, self.spread_mm, strict=True))
        return float(np.exp(-0.5 * squares))


PLACES: Final[Mapping[str, Place]] = {
    "right kidney": Place(
        lateral_mm=-57.0, behind_mm=32.0, below_mm=122.0, spread_mm=(17.0, 22.0, 35.0)
    ),
    "left kidney": Place(
        lateral_mm=57.0, behind_mm=35.0, below_mm=115.0, spread_mm=(17.0, 22.0, 35.0)
    ),
    "spleen": Place(lateral_mm=92.0, behind_mm=30.0, below_mm=65.0, spread_mm=(20.0, 25.0, 30.0)),
}
"""Assumed, after cross-sectional anatomy: kidneys between T11 and L3 beside the spine, the spleen
along the tenth rib; spreads wide enough for large livers and small people."""


def blob_answer(space: Workspace, liver: LiverCore) -> Floats:
    """Difference of Gaussians of the uptake, the liver's core put at soft tissue.

    Uptake is cut off at five times the liver's or fifteen times soft tissue, whichever is less,
    so that one very hot lesion does not outshine an organ beside it.
    """
    most = min(5.0 * liver.level, 15.0 * space.tissue)
    level = np.minimum(space.suv, np.float32(most))
    level = np.where(liver.inside, np.float32(space.tissue), level)
    narrow = ndimage.gaussian_filter(level, _NARROW_MM / 4.0, truncate=3.0)
    wide = ndimage.gaussian_filter(level, _WIDE_MM / 4.0, truncate=3.0)
    answer: Floats = narrow - wide
    return answer


def hot_seeds(space: Workspace, liver: LiverCore) -> dict[str, Point]:
    """Places of kidneys and spleen; one that is not there has none.

    Maxima of the answer near an organ's place are its candidates. Of all choices of one or none
    for each organ, no two within 48 mm, the one with the greatest sum of answer times likeness is
    taken.
    """
    answer = blob_answer(space, liver)
    peaks = list(_peaks(answer, space))
    options: dict[str, list[tuple[float, Point | None]]] = {}
    for name, place in PLACES.items():
        scored = [
            (strength * fit, at)
            for strength, at in peaks
            if (fit := place.likeness(space, top_mm=liver.top_mm, at=at)) > _LEAST_PRIOR
        ]
        scored.sort(key=lambda one: (-one[0], one[1]))
        options[name] = [*scored[:_MOST], (0.0, None)]
    best: tuple[float, tuple[Point | None, ...]] = (-1.0, ())
    for choice in product(*options.values()):
        places = tuple(at for _, at in choice)
        if _too_close([at for at in places if at is not None]):
            continue
        total = sum(score for score, _ in choice)
        if total > best[0]:
            best = total, places
    return {name: at for name, at in zip(options, best[1], strict=True) if at is not None}


def _peaks(answer: Floats, space: Workspace) -> Iterator[tuple[float, Point]]:
    highest = ndimage.maximum_filter(answer, size=7)
    least = _LEAST_ANSWER * space.tissue
    for index in np.argwhere((answer == highest) & (answer > least) & space.body):
        x, y, z = space.grid.position_of(index)
        yield float(answer[tuple(index)]), (float(x), float(y), float(z))


def _too_close(places: list[Point]) -> bool:
    for n, first in enumerate(places):
        for second in places[n + 1 :]:
            if np.linalg.norm(np.subtract(first, second)) < _APART_MM:
                return True
    return False
