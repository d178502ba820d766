"""The liver on PET: the largest thick plateau of one uptake at the patient's right."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import ndimage

from operandi.imaging.lesions.organ_places.workspace import Bools, Floats, Workspace, ball

_COARSE: Final = 2
"""Voxels of 8 mm in the search for the plateau."""

_BAND: Final = (0.7, 1.4)
"""Share of the plateau's uptake that belongs to it: noise, blur and texture stay within."""

_LOWEST: Final = 1.8  # times soft tissue; a liver below it cannot be told from blood
_RATIO: Final = 1.12
_OPENING_MM: Final = 16.0
_WIDE_OPENING_MM: Final = 24.0
_ENOUGH: Final = 0.3
_LEAST_CORE_ML: Final = 60.0
_PAST_MIDDLE_MM: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LiverCore:
    """The part of the liver that is surely liver.

    Parameters
    ----------
    inside : bool, (i, j, k)
        Thick, of one uptake, without its rim.
    level : float
        Its uptake, g/mL: median of the core.
    top_mm : float
        Highest z of the core, widened by the opening, LPS mm.
    """

    inside: Bools
    level: float
    top_mm: float


def liver_core(space: Workspace) -> LiverCore | None:
    """Find the plateau, or None.

    For each uptake *m* of a geometric row, voxels within 0.7 and 1.4 *m* are opened by a ball of
    16 mm, which leaves nothing of bowel loops and vessels. The volume of the largest component
    whose center lies at the right, times ``log(m / soft tissue)``, is greatest for the liver:
    muscle is as large and near soft tissue, kidneys and spleen are hot and small.
    """
    smooth = _blocks(ndimage.gaussian_filter(space.suv, 1.5))
    allowed = _blocks(space.body & ~space.fat) > 0.5
    x = space.axes_mm()[0][: smooth.shape[0] * _COARSE : _COARSE, 0, 0] + 2.0
    allowed &= (x < space.middle_x + _PAST_MIDDLE_MM)[:, None, None]
    best: tuple[float, Bools, Bools] | None = None
    m = _LOWEST * space.tissue
    highest = float(np.quantile(smooth[allowed], 0.999)) if allowed.any() else 0.0
    while m < highest:
        band = allowed & (smooth > _BAND[0] * m) & (smooth < _BAND[1] * m)
        piece = _largest_at_right(band, x=x, middle_x=space.middle_x, radius_mm=_OPENING_MM)
        if piece is not None:
            score = np.count_nonzero(piece) * np.log(m / space.tissue)
            if best is None or score > best[0]:
                best = float(score), piece, band
        m *= _RATIO
    if best is None:
        return None
    # A kidney of the liver's uptake hangs on it by a neck, which a wider ball cuts.
    thick = _largest_at_right(best[2], x=x, middle_x=space.middle_x, radius_mm=_WIDE_OPENING_MM)
    enough = thick is not None and thick.sum() > _ENOUGH * best[1].sum()
    core = _fine(thick if thick is not None and enough else best[1], space)
    if space.volume_ml(core) < _LEAST_CORE_ML:
        return None
    level = float(np.median(space.smooth[core]))
    z = space.axes_mm()[2].ravel()[core.any(axis=(0, 1))]
    return LiverCore(inside=core, level=level, top_mm=float(z[-1]))


def _blocks(values: Floats | Bools) -> Floats:
    """Means over blocks of two voxels an axis; an odd last plane is left out."""
    i, j, k = (size // _COARSE for size in values.shape)
    cut = values[: i * _COARSE, : j * _COARSE, : k * _COARSE].astype(np.float32)
    means: Floats = cut.reshape(i, _COARSE, j, _COARSE, k, _COARSE).mean(axis=(1, 3, 5))
    return means


def _largest_at_right(
    band: Bools,
    *,
    x: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    middle_x: float,
    radius_mm: float,
) -> Bools | None:
    element = ball(radius_mm, step_mm=8.0)
    eroded = ndimage.binary_erosion(band, structure=element, border_value=1)
    labels, found = ndimage.label(eroded)
    if not found:
        return None
    counts = np.bincount(labels.ravel(), minlength=found + 1)[1:]
    across = np.broadcast_to(x[:, None, None], band.shape)
    sums = ndimage.sum_labels(across, labels, range(1, found + 1))
    at_right = sums / counts < middle_x - 15.0
    if not at_right.any():
        return None
    chosen = int(np.where(at_right, counts, 0).argmax()) + 1
    opened: Bools = ndimage.binary_dilation(labels == chosen, structure=element) & band
    return opened


def _fine(coarse: Bools, space: Workspace) -> Bools:
    fine = np.zeros(space.grid.shape, dtype=np.bool_)
    grown = coarse.repeat(_COARSE, 0).repeat(_COARSE, 1).repeat(_COARSE, 2)
    i, j, k = grown.shape
    fine[:i, :j, :k] = grown
    return fine & space.body
