"""Fragments of a whole: which leftover lesion lies within one that was matched."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from operandi.imaging.lesions.tracking.settings import TrackingSettings
from operandi.imaging.lesions.tracking.tracks import Relation
from operandi.imaging.lesions.tracking.visit_lesions import ObservedLesion

Array = npt.NDArray[np.float64]
Warp = Callable[[Array], Array]
Said = Callable[[int, int], Relation | None]

_MOST_POINTS: Final = 3000
_BALL_POINTS_PER_AXIS: Final = 13


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The whole that a leftover lesion belongs to.

    Parameters
    ----------
    whole : int
        Its number.
    share : float
        Of the part's volume that lies within the whole, with its margin.
    by_reader : bool
        Whether a reader said so.
    """

    whole: int
    share: float
    by_reader: bool = False


def points_of(lesion: ObservedLesion) -> Array:
    """Voxel centers (n, 3) of a lesion, mm; points of a ball where it has no mask.

    At most some 3000, every n-th voxel.
    """
    if lesion.mask is not None:
        inside = np.argwhere(lesion.mask.inside)
        return lesion.mask.grid.position_of(inside[:: 1 + len(inside) // _MOST_POINTS])
    axis = np.linspace(-1.0, 1.0, _BALL_POINTS_PER_AXIS)
    lattice = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    ball = lattice[(lattice**2).sum(axis=1) <= 1.0]
    points: Array = ball * lesion.radius_mm + np.array(lesion.center_mm)
    return points


def parts_among(
    leftovers: Mapping[int, ObservedLesion],
    wholes: Mapping[int, ObservedLesion],
    *,
    warps: tuple[Warp, Warp],
    settings: TrackingSettings,
    said: Said,
) -> dict[int, Part]:
    """Find the whole that each leftover lies in, both warped to one space.

    A point of a leftover counts as within a whole if one of the whole's points is no farther than
    ``dilation_mm``. Each leftover has one whole at most, the one with the greatest share; a
    leftover larger than the whole is no part of it.

    Parameters
    ----------
    leftovers, wholes : mapping of int to ObservedLesion
        By any number.
    warps : pair of callables
        For the points of the leftovers and of the wholes.
    settings : TrackingSettings
        Of it ``dilation_mm`` and ``part_overlap``.
    said : callable
        What a reader says of a leftover and a whole, by their numbers; None where silent.

    Returns
    -------
    dict of int to Part
        By leftover.
    """
    trees = {at: cKDTree(warps[1](points_of(whole))) for at, whole in wholes.items()}
    found = {}
    for number, leftover in leftovers.items():
        points = warps[0](points_of(leftover))
        best = Part(whole=-1, share=0.0)
        for at, whole in sorted(wholes.items()):
            relation = said(number, at)
            if relation is Relation.PART:
                best = Part(whole=at, share=1.0, by_reader=True)
                break
            if relation is None and whole.volume_ml >= leftover.volume_ml:
                share = _share(points, trees[at], whole, dilation_mm=settings.dilation_mm)
                # Equal shares must not be told apart by the last bit: the larger whole comes first.
                if share > best.share + 1e-6:
                    best = Part(whole=at, share=share)
        if best.share >= settings.part_overlap:
            found[number] = best
    return found


def _share(points: Array, tree: cKDTree, whole: ObservedLesion, *, dilation_mm: float) -> float:
    # Points of a mask stand for voxels: the surface is half a voxel beyond the outermost.
    half = 0.0 if whole.mask is None else 0.5 * float(np.mean(whole.mask.grid.spacing_mm))
    distance, _ = tree.query(points, distance_upper_bound=dilation_mm + half)
    return float(np.isfinite(distance).mean())
