"""Along which axes a filter works, and the voxels that it needs there."""

from enum import StrEnum

from operandi.quantities.errors import DataError

_ISOTROPIC_WITHIN = 1e-3
"""Relative difference of voxel sizes that stored headers show for isotropic voxels."""


class Extent(StrEnum):
    """Over what a filter extends."""

    SLICES = "2D, slice by slice"
    """Axes i and j of each slice k."""
    VOLUME = "3D"

    @property
    def axes(self) -> tuple[int, ...]:
        """Axes along which the filter works."""
        return (0, 1) if self is Extent.SLICES else (0, 1, 2)


def isotropic_mm(spacing_mm: tuple[float, float, float], axes: tuple[int, ...]) -> float:
    """Return the one voxel size along the axes, mm.

    IBSI defines kernels in voxels, or in mm that it divides by one voxel size, after
    interpolation to isotropic voxels. Other voxels are refused for every filter, rather than
    given a kernel of another shape than the standard's.

    Raises
    ------
    DataError
        If a size is not positive, or they differ by more than a thousandth.
    """
    sizes = [spacing_mm[axis] for axis in axes]
    if not min(sizes) > 0:
        raise DataError(f"Voxel sizes must be > 0 mm, found {spacing_mm}.")
    if max(sizes) - min(sizes) > _ISOTROPIC_WITHIN * max(sizes):
        raise DataError(
            f"A filter needs voxels of one size along the axes it works on, found {sizes} mm.",
            remedy="Interpolate to isotropic voxels, or filter slice by slice.",
        )
    return sum(sizes) / len(sizes)
