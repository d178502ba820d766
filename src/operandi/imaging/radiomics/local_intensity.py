"""Local intensity (IBSI 9ST6): means over a sphere of 1 mL, which noise moves less than a maximum.

References
----------
.. [1] IBSI reference manual 3.2, arXiv:1612.07003.
.. [2] Wahl et al., J Nucl Med 50:122S, 2009: SUVpeak.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

from operandi.imaging.radiomics.distribution import feature
from operandi.imaging.radiomics.feature import Feature
from operandi.imaging.radiomics.prepare import PEAK_RADIUS_MM, box_of
from operandi.imaging.radiomics.region import Region
from operandi.imaging.radiomics.statistics import NO_INTENSITIES


def local_intensity_features(region: Region) -> tuple[Feature, ...]:
    """Local and global intensity peak.

    ``loc_peak_loc`` (VJGA) is the mean over voxel centers within 6.2 mm of the voxel of highest
    intensity; of several such voxels the highest mean counts. ``loc_peak_glob`` (0F91) is the
    highest mean about any voxel of the intensity mask. Voxels outside the mask take part; those
    outside the image, or without a finite value, do not.

    Parameters
    ----------
    region : Region
        With a margin of at least 6.2 mm, or as far as the image goes.

    Returns
    -------
    tuple of Feature
        In the unit of intensity.
    """
    box = box_of(region.intensity)
    if box is None:
        return tuple(Feature(f"loc_peak_{tag}", None, NO_INTENSITIES) for tag in ("loc", "glob"))
    reach = [int(PEAK_RADIUS_MM / s + 1e-9) for s in region.spacing_mm]
    inside = region.intensity[box]
    near = tuple(slice(max(b.start - r, 0), b.stop + r) for b, r in zip(box, reach, strict=True))
    missing = [
        (r - (b.start - n.start), max(b.stop + r - count, 0))
        for b, n, r, count in zip(box, near, reach, region.values.shape, strict=True)
    ]
    values = region.values[near]
    whole = not any(map(any, missing)) and bool(np.isfinite(values).all())
    half = _half_lengths(region.spacing_mm, reach[0], reach[1])
    inner = inside.shape[0], inside.shape[1]
    if whole:
        means = _spheres(_sums_along(np.ascontiguousarray(values)), half, inner, reach[2])
        means /= _voxels(half)
    else:
        values = np.pad(values, missing, constant_values=np.nan)
        finite = np.isfinite(values)
        filled = np.where(finite, values, 0.0)
        means = _spheres(_sums_along(filled), half, inner, reach[2])
        # Between the lines of the box lie numbers that mean nothing; some counts there are 0.
        counts = _spheres(_sums_along(finite.astype(np.float64)), half, inner, reach[2])
        means /= np.maximum(counts, 1.0)
    local, peak = _highest(means, region.values[box], inside)
    return feature("loc_peak_loc", local), feature("loc_peak_glob", peak)


def _half_lengths(
    spacing_mm: tuple[float, float, float], reach_i: int, reach_j: int
) -> npt.NDArray[np.int64]:
    """Half lengths along k of the sphere's lines at offsets (i, j) >= 0, voxels; -1 for none."""
    si, sj, sk = spacing_mm
    i, j = np.arange(reach_i + 1) * si, np.arange(reach_j + 1) * sj
    left = PEAK_RADIUS_MM**2 * (1 + 2e-12) - np.add.outer(i**2, j**2)
    return np.where(left >= 0, np.sqrt(np.maximum(left, 0.0)) / sk, -1.0).astype(np.int64)


def _voxels(half: npt.NDArray[np.int64]) -> int:
    """Voxels of a sphere."""
    both = np.outer(*(np.where(np.arange(n) > 0, 2, 1) for n in half.shape))
    return int((both * np.where(half >= 0, 2 * half + 1, 0)).sum())


@njit(cache=True, nogil=True)
def _sums_along(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Running sums along k, from 0: the sum of a line is a difference of two."""
    ni, nj, nk = values.shape
    result = np.empty((ni, nj, nk + 1))
    for i in range(ni):
        for j in range(nj):
            total = 0.0
            result[i, j, 0] = 0.0
            for k in range(nk):
                total += values[i, j, k]
                result[i, j, k + 1] = total
    return result


@njit(cache=True, nogil=True)
def _spheres(
    sums: npt.NDArray[np.float64],
    half: npt.NDArray[np.int64],
    inner: tuple[int, int],
    before: int,
) -> npt.NDArray[np.float64]:
    """Sums of spheres about the voxels of a box, (i, j times width of *sums*).

    A sphere is a stack of discs, and a disc a row of lines: lines of one length are summed once
    for a plane of the image, discs of one size once for all spheres they belong to. A plane is one
    long row, so that each addition is one loop.
    """
    ni, nj = inner
    reach_i, width = half.shape[0] - 1, sums.shape[2]
    total = np.zeros((ni, nj * width))
    lines = np.zeros((half.max() + 1, sums.shape[1] * width))
    disc = np.empty(nj * width - 2 * before - 1)
    for plane in range(sums.shape[0]):
        _sum_lines(lines, sums[plane].ravel(), half, before)
        for di in range(reach_i + 1):
            behind, ahead = plane - reach_i - di, plane - reach_i + di
            has_behind, has_ahead = 0 <= behind < ni, di > 0 and 0 <= ahead < ni
            if has_behind or has_ahead:
                _sum_disc(disc, lines, half[di], width)
            if has_behind:
                _add(total[behind], disc)
            if has_ahead:
                _add(total[ahead], disc)
    return total


@njit(cache=True, nogil=True)
def _sum_lines(
    lines: npt.NDArray[np.float64],
    row: npt.NDArray[np.float64],
    half: npt.NDArray[np.int64],
    before: int,
) -> None:
    """Sums along k over each half length that the sphere has, about each voxel of a plane."""
    for length in range(lines.shape[0]):
        if not (half == length).any():
            continue
        upper, lower = row[before + length + 1 :], row[before - length :]
        for t in range(row.size - 2 * before - 1):
            lines[length, t] = upper[t] - lower[t]


@njit(cache=True, nogil=True)
def _sum_disc(
    disc: npt.NDArray[np.float64],
    lines: npt.NDArray[np.float64],
    half: npt.NDArray[np.int64],
    width: int,
) -> None:
    """Sums over a disc of lines, which stand at offsets j of both signs."""
    reach = half.size - 1
    middle = lines[half[0], reach * width :]
    for t in range(disc.size):
        disc[t] = middle[t]
    for dj in range(1, reach + 1):
        if half[dj] >= 0:
            left = lines[half[dj], (reach - dj) * width :]
            right = lines[half[dj], (reach + dj) * width :]
            for t in range(disc.size):
                disc[t] += left[t] + right[t]


@njit(cache=True, nogil=True)
def _add(total: npt.NDArray[np.float64], part: npt.NDArray[np.float64]) -> None:
    for t in range(min(total.size, part.size)):
        total[t] += part[t]


@njit(cache=True, nogil=True)
def _highest(
    means: npt.NDArray[np.float64],
    values: npt.NDArray[np.float64],
    inside: npt.NDArray[np.bool_],
) -> tuple[float, float]:
    """Mean about the highest value, and highest mean."""
    highest = local = peak = -np.inf
    width = means.shape[1] // inside.shape[1]
    for i in range(inside.shape[0]):
        for j in range(inside.shape[1]):
            for k in range(inside.shape[2]):
                if not inside[i, j, k]:
                    continue
                mean, value = means[i, j * width + k], values[i, j, k]
                peak = max(peak, mean)
                if value > highest or (value == highest and mean > local):
                    highest, local = value, mean
    return local, peak
