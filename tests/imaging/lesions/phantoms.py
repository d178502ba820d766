"""Builders of small PET phantoms with known lesions and livers."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from operandi.domain.grid import Grid
from operandi.domain.identity import LesionId
from operandi.domain.lesion import Lesion
from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.imaging.lesions.reference import ReferenceRegion
from operandi.quantities.kinds import SUV_BODY_WEIGHT

Array = npt.NDArray[np.float64]


def a_pet_grid(
    shape: tuple[int, int, int] = (24, 24, 24),
    *,
    spacing_mm: tuple[float, float, float] = (4.0, 4.0, 4.0),
    turned_deg: float = 0.0,
) -> Grid:
    """Grid centered on the patient origin, turned about z and tilted about x by one angle."""
    c, s = np.cos(np.radians(turned_deg)), np.sin(np.radians(turned_deg))
    about_z = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    affine = np.eye(4)
    affine[:3, :3] = about_z @ about_x @ np.diag(spacing_mm)
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2.0)
    return Grid(shape, affine, "1.2.3")


def positions(grid: Grid) -> Array:
    """Patient positions (i, j, k, 3) of all voxel centers, mm."""
    indices = np.stack(np.meshgrid(*[np.arange(n) for n in grid.shape], indexing="ij"), axis=-1)
    return grid.position_of(indices)


def an_suv(grid: Grid, values: npt.ArrayLike = 1.0) -> Volume:
    """SUV volume with the values, or one value everywhere."""
    return Volume(np.array(np.broadcast_to(values, grid.shape), np.float64), grid, SUV_BODY_WEIGHT)


def an_suv_of(grid: Grid, uptake: Callable[[Array], Array]) -> Volume:
    """SUV volume from a function of patient position."""
    return an_suv(grid, uptake(positions(grid)))


def a_ball(grid: Grid, *, at_mm: tuple[float, float, float], radius_mm: float) -> Mask:
    """Ball by distance from every voxel: the slow way, independent of the package."""
    distance = np.linalg.norm(positions(grid) - np.array(at_mm), axis=-1)
    return Mask(distance <= radius_mm, grid)


def everywhere(grid: Grid) -> Mask:
    """All voxels."""
    return Mask(np.ones(grid.shape, dtype=np.bool_), grid)


def a_lesion(mask: Mask, name: str = "L01") -> Lesion:
    """Lesion drawn by hand."""
    return Lesion(LesionId(name), mask, "liver", "drawn by hand")


def a_liver_reference(
    grid: Grid, *, mean: float = 5.0, standard_deviation: float = 0.5
) -> ReferenceRegion:
    """Liver reference with stated numbers."""
    return ReferenceRegion("liver", everywhere(grid), mean, standard_deviation, 200, "a test")


def flipped(volume: Volume, mask: Mask, *, axis: int) -> tuple[Volume, Mask]:
    """Store the same voxels in reverse order along an axis."""
    old = volume.grid
    affine = old.affine.copy()
    affine[:3, 3] += affine[:3, axis] * (old.shape[axis] - 1)
    affine[:3, axis] *= -1
    grid = Grid(old.shape, affine, old.frame_of_reference)
    return (
        Volume(np.flip(volume.values, axis).copy(), grid, volume.kind),
        Mask(np.flip(mask.inside, axis).copy(), grid),
    )


def permuted(volume: Volume, mask: Mask, *, axes: tuple[int, int, int]) -> tuple[Volume, Mask]:
    """Store the same voxels with the axes in another order."""
    old = volume.grid
    i, j, k = (old.shape[axis] for axis in axes)
    grid = Grid((i, j, k), old.affine[:, [*axes, 3]], old.frame_of_reference)
    return (
        Volume(volume.values.transpose(axes).copy(), grid, volume.kind),
        Mask(mask.inside.transpose(axes).copy(), grid),
    )
