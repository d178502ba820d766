"""From image and mask to a region and its levels, in IBSI's order of processing.

Interpolation, rounding, mask threshold, re-segmentation, outliers, discretization: each on the
lesion's box only, with the same result as on the whole image.

References
----------
.. [1] IBSI reference manual, chapter 2, arXiv:1612.07003.
"""

import math
from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from numba import njit

from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.imaging.radiomics.interpolation import SPLINE_REACH, interpolate, positions_after
from operandi.imaging.radiomics.region import Levels, Region
from operandi.imaging.radiomics.settings import (
    Dimension,
    FixedBinNumber,
    FixedBinSize,
    Interpolation,
    RadiomicsSettings,
)
from operandi.quantities.errors import DataError, GridMismatchError, UnsupportedError

PEAK_RADIUS_MM: Final = 10.0 * (3.0 / (4.0 * math.pi)) ** (1.0 / 3.0)
"""Radius of a sphere of 1 mL, 6.2 mm: how far local intensity looks beyond the mask."""

FINEST_DIVISION: Final = 10.0
"""An axis is not interpolated to more than this many voxels for one: they would be invented."""

MASK_TOLERANCE: Final = 1e-9
"""A share that equals the threshold but for rounding error reaches it, on either side of a mask."""

EDGE: Final = 1e-9
"""Bins below an edge within which a value lies on it but for rounding error."""

CONSTANT: Final = 1e-12
"""Spread, as a share of the largest value, that is rounding error and no difference."""

LARGE: Final = 1_000_000
"""Voxels from which a mask is searched as an image, not as a lesion's box."""

Image: TypeAlias = Volume | tuple[npt.NDArray[np.floating], Sequence[float]]
Floats: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]

PLANAR: Final = frozenset(
    {
        Dimension.SLICES_AVERAGED,
        Dimension.SLICES_MERGED,
        Dimension.DIRECTIONS_MERGED,
        Dimension.MERGED,
    }
)
"""Dimensions whose slices are interpolated in plane only."""


def prepare(
    image: Image,
    mask: Mask | Bools,
    settings: RadiomicsSettings,
    *,
    margin_mm: float = PEAK_RADIUS_MM,
) -> Region:
    """Interpolate, round and re-segment a lesion in its box.

    Parameters
    ----------
    image : Volume, or pair of array (i, j, k) and spacing (i, j, k) in mm
    mask : Mask, or bool array (i, j, k)
        On the same grid.
    settings : RadiomicsSettings
    margin_mm : float, >= 0
        Kept around the mask as far as the image goes: 6.2 mm for local intensity, more for filters.

    Returns
    -------
    Region
        ``intensity`` is empty where re-segmentation leaves nothing.

    Raises
    ------
    GridMismatchError
        If mask and image lie on different grids.
    DataError
        If the mask is empty, or vanishes by interpolation; a value inside is not finite; a voxel
        would be divided into more than ten along an axis.
    UnsupportedError
        If the image is dynamic or its axes are not perpendicular.
    """
    values, spacing_mm = _grid_values(image)
    inside = _on_grid(image, mask, values.shape)
    target_mm = _target(spacing_mm, settings)
    axes = tuple(
        None if target == own else positions_after(count, own, target)
        for count, own, target in zip(values.shape, spacing_mm, target_mm, strict=True)
    )
    box = box_of(inside)
    if box is None:
        raise DataError(
            "Radiomics needs a mask with voxels; this one is empty.", remedy="Draw the lesion."
        )
    reach = SPLINE_REACH if settings.mask_interpolation is Interpolation.CUBIC else 1
    near = [_reached(axis, b, reach) for axis, b in zip(axes, box, strict=True)]
    share = _sampled(inside, axes, near, settings.mask_interpolation)
    morphology = share >= settings.mask_threshold - MASK_TOLERANCE
    tight = box_of(morphology)
    if tight is None:
        raise DataError(
            f"The mask of {np.count_nonzero(inside)} voxels has none left after interpolation to "
            f"{_mm(target_mm)}.",
            remedy="Interpolate to smaller voxels or lower the mask's threshold.",
        )
    counts = [n if a is None else len(a) for a, n in zip(axes, values.shape, strict=True)]
    bounds = [
        _widened(slice(n.start + t.start, n.start + t.stop), math.ceil(margin_mm / s - 1e-9), count)
        for n, t, s, count in zip(near, tight, target_mm, counts, strict=True)
    ]
    full = np.zeros([b.stop - b.start for b in bounds], dtype=np.bool_)
    place = tuple(
        slice(n.start + t.start - b.start, n.start + t.stop - b.start)
        for n, t, b in zip(near, tight, bounds, strict=True)
    )
    full[place] = morphology[tight]
    boxed = _sampled(values, axes, bounds, settings.interpolation)
    if settings.rounding is not None:
        boxed = np.rint(boxed / settings.rounding) * settings.rounding
    found = boxed[full]
    if not np.isfinite(found).all():
        raise _not_finite(values, inside, found)
    lowest, highest = float(found.min()), float(found.max())
    if 0.0 < highest - lowest <= CONSTANT * max(abs(lowest), abs(highest)):
        # The spread is interpolation's rounding error: a fixed bin number would make levels of it.
        boxed[full] = float(f"{lowest:.12g}")
    return Region(boxed, full, resegmented(boxed, full, settings), target_mm)


def _not_finite(values: npt.NDArray[np.floating], inside: Bools, found: Floats) -> DataError:
    own = values[inside]
    lacking = np.count_nonzero(~np.isfinite(own))
    if lacking:
        return DataError(
            f"Radiomics needs finite values inside the mask; {lacking} of {own.size} are not.",
            remedy="Leave voxels without a value out of the mask, or mend the map.",
        )
    return DataError(
        f"The values inside the mask are finite, but interpolation needs those around it too: it "
        f"left {np.count_nonzero(~np.isfinite(found))} of {found.size} voxels without a value.",
        remedy="Give the map's background a value, or do not interpolate.",
    )


def resegmented(values: Floats, inside: Bools, settings: RadiomicsSettings) -> Bools:
    """Leave out voxels beyond the range (IBSI USB3) and beyond the outlier limits (IBSI 7ACA).

    Parameters
    ----------
    values, inside : arrays, (i, j, k)
    settings : RadiomicsSettings
        Where both apply, mean and standard deviation are of the voxels within the range.

    Returns
    -------
    bool array, (i, j, k)
    """
    result = inside.copy()
    if settings.lower is not None:
        result &= values >= settings.lower
    if settings.upper is not None:
        result &= values <= settings.upper
    if settings.outlier_sigmas is not None and result.any():
        found = values[result]
        mean, half = found.mean(), settings.outlier_sigmas * found.std()
        result &= (values >= mean - half) & (values <= mean + half)
    return result


def discretize(region: Region, settings: RadiomicsSettings) -> Levels:
    """Levels of a region after ``settings.discretization``.

    Parameters
    ----------
    region : Region
    settings : RadiomicsSettings

    Returns
    -------
    Levels
        ``count`` is the bin number of a fixed bin number, the highest level found of a fixed bin
        size, and 0 where the intensity mask is empty. A constant region is level 1 throughout.

    Raises
    ------
    DataError
        If a fixed bin size has no start, or values lie below it.
    """
    result = np.zeros(region.values.shape, dtype=np.int32)
    found = region.values[region.intensity]
    if not found.size:
        return Levels(result, 0)
    levels, count = levels_of(found, settings.discretization, lower=settings.lower)
    result[region.intensity] = levels
    return Levels(result, count)


def levels_of(
    found: Floats, binning: FixedBinNumber | FixedBinSize, *, lower: float | None
) -> tuple[npt.NDArray[np.int32], int]:
    """Levels of values, and how many there are; see `discretize`.

    Parameters
    ----------
    found : float array, (n,), n > 0
    binning : FixedBinNumber or FixedBinSize
    lower : float or None
        Lower bound of the re-segmentation range: where a fixed bin size starts unless it says.

    Returns
    -------
    int32 array (n,), and the number of levels
    """
    lowest, highest = float(found.min()), float(found.max())
    if isinstance(binning, FixedBinNumber):
        if highest == lowest:
            return np.ones(found.shape, dtype=np.int32), binning.bins
        share = binning.bins * (found - lowest) / (highest - lowest)
        return np.minimum(share.astype(np.int32) + 1, binning.bins), binning.bins
    start = first_edge(binning, lowest=lowest, lower=lower)
    top = (highest - start) / binning.width
    if top > 1_000_000:
        raise DataError(
            f"Bins of {binning.width:g} divide the range {start:g} to {highest:g} into "
            f"{top:.3g} levels; at most a million are meant.",
            remedy="Take wider bins, or a fixed bin number.",
        )
    levels = np.floor((found - start) / binning.width + EDGE).astype(np.int32) + 1
    return levels, int(levels.max())


def first_edge(binning: FixedBinSize, *, lowest: float, lower: float | None) -> float:
    """Where the first bin of a fixed bin size starts.

    Raises
    ------
    DataError
        If nothing gives a start, or the region's lowest value lies below it.
    """
    start = binning.start if binning.start is not None else lower
    if start is None:
        if not binning.from_minimum:
            raise DataError(
                "A fixed bin size needs a start; there is neither one nor a re-segmentation range.",
                remedy="Give start or lower, or say from_minimum.",
            )
        start = lowest
    if lowest < start:
        raise DataError(
            f"A fixed bin size that starts at {start:g} has no level for the value {lowest:g}.",
            remedy="Start lower, or re-segment from the start.",
        )
    return start


def _grid_values(image: Image) -> tuple[npt.NDArray[np.floating], tuple[float, float, float]]:
    if isinstance(image, Volume):
        if image.frames:
            raise UnsupportedError(
                f"Radiomics needs one image; this volume has {len(image.frames)} frames.",
                remedy="Give a map or one frame.",
            )
        axes = image.grid.affine[:3, :3] / np.asarray(image.grid.spacing_mm)
        if np.abs(axes.T @ axes - np.eye(3)).max() > 1e-3:
            raise UnsupportedError(
                "Radiomics needs perpendicular axes; this grid is sheared (gantry tilt?).",
                remedy="Resample the image to a perpendicular grid.",
            )
        return image.values, image.grid.spacing_mm
    values, spacing = image
    if values.ndim != 3 or len(spacing) != 3 or not min(spacing) > 0:
        raise DataError(
            f"Radiomics needs an image (i, j, k) and three spacings > 0; found {values.shape} and "
            f"{tuple(spacing)}."
        )
    return values, (float(spacing[0]), float(spacing[1]), float(spacing[2]))


def _on_grid(image: Image, mask: Mask | Bools, shape: tuple[int, ...]) -> Bools:
    if isinstance(mask, Mask):
        if isinstance(image, Volume):
            image.grid.require_same(mask.grid, what="Image and mask")
        mask = mask.inside
    if mask.dtype != np.bool_:
        raise DataError(
            f"A mask is of bool; this one is of {mask.dtype}.", remedy="Say which value."
        )
    if mask.shape != shape:
        raise GridMismatchError(
            f"Image and mask lie on different grids: {shape} and {mask.shape}.",
            remedy="Resample one onto the other first.",
        )
    return mask


def _target(
    spacing_mm: tuple[float, float, float], settings: RadiomicsSettings
) -> tuple[float, float, float]:
    if settings.spacing_mm is None:
        return spacing_mm
    i, j, k = (float(s) for s in settings.spacing_mm)
    target = (i, j, spacing_mm[2] if settings.dimension in PLANAR else k)
    if not min(target) > 0:
        raise DataError(f"Voxels to interpolate to need a size > 0; found {_mm(target)}.")
    for own, new in zip(spacing_mm, target, strict=True):
        if own / new > FINEST_DIVISION:
            raise DataError(
                f"Voxels of {_mm(spacing_mm)} cannot be interpolated to {_mm(target)}: more than "
                f"{FINEST_DIVISION:g} voxels would come from one.",
                remedy="Interpolate in plane only (a 2D dimension) or to larger voxels.",
            )
    return target


def box_of(inside: Bools) -> tuple[slice, slice, slice] | None:
    """Return the smallest box around the voxels inside; None where there are none.

    Parameters
    ----------
    inside : bool array, (i, j, k)

    Returns
    -------
    tuple of slice, or None
    """
    # A whole image is first cut along its slowest axis, where NumPy is quickest.
    planes = np.flatnonzero(inside.any(axis=(1, 2))) if inside.size > LARGE else None
    if planes is not None and not planes.size:
        return None
    start = 0 if planes is None else int(planes[0])
    part = inside if planes is None else inside[start : int(planes[-1]) + 1]
    ends = _ends(part)
    if ends[1, 0] < 0:
        return None
    (i, j, k), (m, n, o) = ends.tolist()
    return slice(start + i, start + m + 1), slice(j, n + 1), slice(k, o + 1)


@njit(cache=True, nogil=True)
def _ends(inside: Bools) -> npt.NDArray[np.int64]:
    """Lowest and highest index (end, axis) of voxels inside; -1 for the highest of none."""
    ni, nj, nk = inside.shape
    low_i, low_j, low_k, high_i, high_j, high_k = ni, nj, nk, -1, -1, -1
    for i in range(ni):
        for j in range(nj):
            some = False
            for k in range(nk):  # without a way out, so that many voxels are looked at at once
                some |= inside[i, j, k]
            if not some:
                continue
            low_i, high_i = min(low_i, i), i
            low_j, high_j = min(low_j, j), max(high_j, j)
            # Only what would widen the box.
            k = 0
            while k < low_k and not inside[i, j, k]:
                k += 1
            low_k = k
            k = nk - 1
            while k > high_k and not inside[i, j, k]:
                k -= 1
            high_k = k
    return np.array([[low_i, low_j, low_k], [high_i, high_j, high_k]])


def _reached(axis: Floats | None, box: slice, reach: int) -> slice:
    """New voxels of an axis that old voxels in the box can touch; at least one."""
    if axis is None:
        return box
    first = int(np.searchsorted(axis, box.start - reach))
    last = int(np.searchsorted(axis, box.stop - 1 + reach, side="right"))
    first = min(first, len(axis) - 1)
    return slice(first, max(last, first + 1))


def _sampled(
    values: npt.NDArray[np.floating] | Bools,
    axes: tuple[Floats | None, ...],
    box: list[slice],
    method: Interpolation,
) -> Floats:
    """Values of the new voxels in a box; an axis without positions keeps its voxels."""
    kept = tuple(b if axis is None else slice(None) for axis, b in zip(axes, box, strict=True))
    i, j, k = (None if axis is None else axis[b] for axis, b in zip(axes, box, strict=True))
    return interpolate(values[kept], (i, j, k), method)


def _widened(bound: slice, by: int, count: int) -> slice:
    return slice(max(bound.start - by, 0), min(bound.stop + by, count))


def _mm(lengths: tuple[float, float, float]) -> str:
    return " x ".join(f"{length:g}" for length in lengths) + " mm"
