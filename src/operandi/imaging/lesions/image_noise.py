"""Noise of a lesion's SUV, told from even tissue of the same image."""

import math
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from operandi.domain.grid import Grid
from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.imaging.lesions.change_budget import VisitTerm
from operandi.imaging.lesions.reference import suv_inside
from operandi.quantities.errors import DataError

GAP_MM: Final = 8.0
"""Between two spheres, so that their noise is independent: the width (FWHM) by which a clinical PET
is blurred is 4 to 8 mm (assumed)."""

_NORMAL_MAD: Final = 1.4826
"""Standard deviation of a normal variable over the median of its size."""

FEWEST_SPHERES: Final = 10.0
"""Spheres that must fit beside one another: with fewer, their spread is known to worse than 24 %
(``1 / sqrt(2 (n - 1))``)."""


def noise_share(suv: Volume, tissue: Mask, *, volume_ml: float) -> float:
    """Standard deviation of the mean of a sphere in even tissue, over its mean.

    Means are taken of the sphere around every voxel where it lies wholly in the tissue, so that the
    image's own correlation of neighbors counts, which ``SD / sqrt(voxels)`` ignores. Each is
    compared with the two beside it, along every axis, one diameter and ``GAP_MM`` away:

        d = m0 - (m1 + m2) / 2,    sigma = 1.4826 median |d| / sqrt(1.5)

    A slope of the uptake cancels, and the spill of lesions nearby moves a median little. Measured
    on one simulated PET: a liver made even (the image over its expectation) gave 4.3 % for 1 mL,
    where the spheres' true spread was 4.4 %. The image itself, with large metastases in its liver,
    gave 8.6 %, or 15 % in the little tissue far from them (the plain spread: 24 %). There it is an
    upper bound: it costs power, not false alarms.

    That the share is the same in a lesion is *assumed*: with OSEM the noise rises about in
    proportion to the local activity.

    Parameters
    ----------
    suv : Volume of SUV_BODY_WEIGHT
        Static, g/mL.
    tissue : Mask
        Disease-free tissue, borders left out, such as the eroded liver.
    volume_ml : float, > 0
        1 for SUVpeak, the lesion's volume for SUVmean; less than a voxel takes single voxels, an
        upper bound for SUVmax.

    Raises
    ------
    DataError
        If ``suv`` is no static SUV or not finite there, its mean is not positive, or fewer than
        ``FEWEST_SPHERES`` such spheres fit beside one another.
    GridMismatchError
        If they lie on different grids.
    """
    if not 0.0 < volume_ml < math.inf:
        raise ValueError(f"volume_ml must be > 0, got {volume_ml}")
    mean = float(suv_inside(suv, tissue, what="the even tissue").mean())
    if tissue.volume_ml < FEWEST_SPHERES * max(volume_ml, suv.grid.voxel_volume_ml):
        raise DataError(
            f"The noise of a sphere of {volume_ml:g} mL needs {FEWEST_SPHERES:g} of them in even "
            f"tissue; it has {tissue.volume_ml:g} mL.",
            remedy="Give more tissue, or leave the noise unknown.",
        )
    if mean <= 0.0:
        raise DataError(f"The even tissue needs a mean SUV > 0; found {mean:g} g/mL.")
    apart = _differences(suv, tissue, volume_ml=volume_ml)
    if apart.size < 2:
        raise DataError(
            f"Nowhere do three spheres of {volume_ml:g} mL lie side by side in the even tissue.",
            remedy="Give tissue that is less thin, or leave the noise unknown.",
        )
    return float(_NORMAL_MAD * np.median(np.abs(apart)) / math.sqrt(1.5)) / mean


def noise_term(*, before: float, after: float, tissue: str) -> VisitTerm:
    """Noise of both visits (``noise_share``) as a term of the budget."""
    basis = f"spread of spheres in the {tissue}, taken as the same share in the lesion (assumed)"
    return VisitTerm(before=before, after=after, basis=basis)


def _differences(suv: Volume, tissue: Mask, *, volume_ml: float) -> npt.NDArray[np.float64]:
    """Mean of each sphere less that of the two beside it, along every axis."""
    box = ndimage.find_objects(tissue.inside.astype(np.int8))[0]
    inside = tissue.inside[box]
    ball, radius = _ball(suv.grid, volume_ml=volume_ml)
    # What lies outside may be anything, even NaN; the erosion leaves out every sphere it enters.
    values = np.where(inside, suv.values[box].astype(np.float64), 0.0)
    fits = ndimage.binary_erosion(inside, structure=ball, border_value=0)
    means = ndimage.convolve(values, ball / ball.sum(), mode="constant")
    found = []
    for axis, spacing in enumerate(suv.grid.spacing_mm):
        step = math.ceil((2.0 * radius + GAP_MM) / spacing)
        low, middle, high = (
            tuple(part if n == axis else slice(None) for n in range(3))
            for part in (slice(-2 * step), slice(step, -step), slice(2 * step, None))
        )
        if means.shape[axis] > 2 * step:
            all_fit = fits[low] & fits[middle] & fits[high]
            apart = means[middle] - (means[low] + means[high]) / 2.0
            found.append(apart[all_fit])
    return np.concatenate(found) if found else np.empty(0)


def _ball(grid: Grid, *, volume_ml: float) -> tuple[npt.NDArray[np.bool_], float]:
    """Offsets within the radius in patient space, as an odd footprint, and the radius, mm."""
    radius = (3.0 * volume_ml * 1000.0 / (4.0 * math.pi)) ** (1.0 / 3.0)
    steps = grid.affine[:3, :3]
    reach = np.floor(radius * np.linalg.norm(np.linalg.inv(steps), axis=1)).astype(int)
    axes = [np.arange(-n, n + 1) for n in reach]
    offsets = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1) @ steps.T
    near: npt.NDArray[np.bool_] = (offsets**2).sum(axis=-1) <= radius**2
    return near, radius
