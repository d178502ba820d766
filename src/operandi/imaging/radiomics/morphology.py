"""Morphology (IBSI HCUG): a lesion's size and shape, and where its intensity lies in it.

References
----------
.. [1] IBSI reference manual 3.1, arXiv:1612.07003.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from operandi.imaging.radiomics.convex_hull import Hull, hull_of
from operandi.imaging.radiomics.distribution import feature
from operandi.imaging.radiomics.enclosing import ellipsoid_area, least_box, least_ellipsoid
from operandi.imaging.radiomics.feature import Feature
from operandi.imaging.radiomics.mesh import mesh_volume_area
from operandi.imaging.radiomics.prepare import box_of
from operandi.imaging.radiomics.region import Region
from operandi.imaging.radiomics.spatial_autocorrelation import spatial_autocorrelation
from operandi.imaging.radiomics.statistics import NO_INTENSITIES

NO_AXIS = "all voxels lie in one plane: the least axis is 0"
"""Why a density about an ellipsoid without volume is absent."""

ONE_VOXEL = "one voxel has no axes"
"""Why what needs principal axes is absent."""


def morphological_features(region: Region) -> tuple[Feature, ...]:
    """Volume to Geary's C, with V and A the volume and surface of the mesh.

    ``morph_comp_1 = V / (sqrt(pi) A^1.5)``, ``morph_comp_2 = 36 pi V^2 / A^3``,
    ``morph_sphericity = (36 pi V^2)^(1/3) / A``, ``morph_sph_dispr`` its inverse and
    ``morph_asphericity`` that less 1. Principal axes are four times the roots of the eigenvalues of
    the voxel centers' covariance
    (the sample's, over N - 1). Densities are V and A over those of what encloses the lesion:
    axis-aligned box of the mesh (aabb), least box (ombb), ellipsoid of the principal axes (aee),
    least ellipsoid (mvee) and convex hull. ``morph_integ_int`` is V times the mean intensity.

    Parameters
    ----------
    region : Region
        Shape is of ``morphology``; what has to do with intensity is of ``intensity``.

    Returns
    -------
    tuple of Feature
        29 features tagged ``morph_``, in mm.
    """
    box = box_of(region.morphology)
    if box is None:
        raise ValueError("a region has at least one voxel")
    inside = np.ascontiguousarray(region.morphology[box])
    volume, area = mesh_volume_area(inside, region.spacing_mm)
    hull = hull_of(inside, region.spacing_mm)
    voxels = _voxels(inside, np.asarray(region.spacing_mm))
    found: dict[str, float | str] = {
        "volume": volume,
        "vol_approx": voxels.count * math.prod(region.spacing_mm),
        "area_mesh": area,
    }
    found |= _compactness(volume, area)
    found |= _intensities(region, box, voxels, volume)
    found["diam"] = hull.diameter_mm
    found |= _axes(voxels)
    sides = np.array(inside.shape) * np.asarray(region.spacing_mm)
    found |= _densities(
        volume,
        area,
        aabb=(float(np.prod(sides)), _box_area(sides)),
        hull=hull,
        variances=voxels.variances,
    )
    features = tuple(feature(f"morph_{tag}", found[tag]) for tag in ORDER)
    return (*features, *spatial_autocorrelation(region))


ORDER = (
    "volume", "vol_approx", "area_mesh", "av", "comp_1", "comp_2", "sph_dispr", "sphericity",
    "asphericity", "com", "diam", "pca_maj_axis", "pca_min_axis", "pca_least_axis",
    "pca_elongation", "pca_flatness", "vol_dens_aabb", "area_dens_aabb", "vol_dens_ombb",
    "area_dens_ombb", "vol_dens_aee", "area_dens_aee", "vol_dens_mvee", "area_dens_mvee",
    "vol_dens_conv_hull", "area_dens_conv_hull", "integ_int",
)  # fmt: skip
"""Tags in IBSI's order; Moran's I and Geary's C follow."""


@dataclass(frozen=True, slots=True, eq=False)
class _Voxels:
    """Voxel centers of a mask: how many, their mean (mm in the box), and variances along the axes.

    ``variances`` are the covariance's eigenvalues, largest first.
    """

    count: int
    mean: npt.NDArray[np.float64]
    variances: npt.NDArray[np.float64]


def _voxels(inside: npt.NDArray[np.bool_], spacing_mm: npt.NDArray[np.float64]) -> _Voxels:
    count, sums, products = _position_sums(inside)
    # Whole numbers up to here, so that the covariance of a plane is exactly 0 across it.
    covariance = (count * products - np.outer(sums, sums)) / (count * max(count - 1, 1))
    variances = np.linalg.eigvalsh(covariance * np.outer(spacing_mm, spacing_mm))[::-1]
    floor = 1e-13 * max(float(variances[0]), 0.0)
    variances = np.where(variances > floor, variances, 0.0)
    return _Voxels(count, sums / count * spacing_mm, variances.astype(np.float64))


@njit(cache=True, nogil=True)
def _position_sums(
    inside: npt.NDArray[np.bool_],
) -> tuple[int, npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Count, sums of indices, and sums of their products, over voxels inside."""
    count = 0
    si = sj = sk = ii = jj = kk = ij = ik = jk = 0
    for i in range(inside.shape[0]):
        for j in range(inside.shape[1]):
            n = s = q = 0
            for k in range(inside.shape[2]):
                if inside[i, j, k]:
                    n += 1
                    s += k
                    q += k * k
            count += n
            si += n * i
            sj += n * j
            sk += s
            ii += n * i * i
            jj += n * j * j
            kk += q
            ij += n * i * j
            ik += s * i
            jk += s * j
    sums = np.array([float(si), float(sj), float(sk)])
    products = np.array(
        [
            [float(ii), float(ij), float(ik)],
            [float(ij), float(jj), float(jk)],
            [float(ik), float(jk), float(kk)],
        ]
    )
    return count, sums, products


def _compactness(volume: float, area: float) -> dict[str, float | str]:
    ball = (36.0 * math.pi * volume**2) ** (1.0 / 3.0)  # area of a ball of this volume
    return {
        "av": area / volume,
        "comp_1": volume / (math.sqrt(math.pi) * area**1.5),
        "comp_2": (ball / area) ** 3,
        "sph_dispr": area / ball,
        "sphericity": ball / area,
        "asphericity": area / ball - 1.0,
    }


def _intensities(
    region: Region, box: tuple[slice, slice, slice], voxels: _Voxels, volume: float
) -> dict[str, float | str]:
    """Shift of the center of mass (IBSI KLMA) and integrated intensity (IBSI 99N0)."""
    count, total, weighted = _intensity_sums(region.values[box], region.intensity[box])
    if not count:
        return {"com": NO_INTENSITIES, "integ_int": NO_INTENSITIES}
    found: dict[str, float | str] = {"integ_int": volume * total / count}
    if total == 0:
        found["com"] = "the intensities sum to 0: they have no center of mass"
    else:
        shift = weighted / total * np.asarray(region.spacing_mm) - voxels.mean
        found["com"] = float(np.sqrt(shift @ shift))
    return found


@njit(cache=True, nogil=True)
def _intensity_sums(
    values: npt.NDArray[np.float64], inside: npt.NDArray[np.bool_]
) -> tuple[int, float, npt.NDArray[np.float64]]:
    """Count, sum of intensities, and sums of intensity times index."""
    count = 0
    total = 0.0
    weighted = np.zeros(3)
    for i in range(inside.shape[0]):
        for j in range(inside.shape[1]):
            line = along = 0.0
            for k in range(inside.shape[2]):
                if inside[i, j, k]:
                    count += 1
                    line += values[i, j, k]
                    along += values[i, j, k] * k
            total += line
            weighted[0] += line * i
            weighted[1] += line * j
            weighted[2] += along
    return count, total, weighted


def _axes(voxels: _Voxels) -> dict[str, float | str]:
    tags = ("pca_maj_axis", "pca_min_axis", "pca_least_axis", "pca_elongation", "pca_flatness")
    if voxels.count == 1:
        return dict.fromkeys(tags, ONE_VOXEL)
    major, minor, least = (4.0 * math.sqrt(v) for v in voxels.variances)
    return dict(zip(tags, (major, minor, least, minor / major, least / major), strict=True))


def _densities(
    volume: float,
    area: float,
    *,
    aabb: tuple[float, float],
    hull: Hull,
    variances: npt.NDArray[np.float64],
) -> dict[str, float | str]:
    enclosing = {
        "aabb": aabb,
        "ombb": least_box(hull),
        "mvee": least_ellipsoid(hull),
        "conv_hull": (hull.volume_mm3, hull.area_mm2),
    }
    found: dict[str, float | str] = {}
    for name, (its_volume, its_area) in enclosing.items():
        found[f"vol_dens_{name}"] = volume / its_volume
        found[f"area_dens_{name}"] = area / its_area
    if variances[0] <= 0:
        return found | {"vol_dens_aee": ONE_VOXEL, "area_dens_aee": ONE_VOXEL}
    a, b, c = (2.0 * math.sqrt(v) for v in variances)
    found["vol_dens_aee"] = volume / (4.0 / 3.0 * math.pi * a * b * c) if c > 0 else NO_AXIS
    found["area_dens_aee"] = (
        area / ellipsoid_area(a, b, c) if b > 0 else "all voxels lie on one line"
    )
    return found


def _box_area(sides: npt.NDArray[np.float64]) -> float:
    return float(2.0 * (sides[0] * sides[1] + sides[0] * sides[2] + sides[1] * sides[2]))
