"""PET and MR on one upright grid of 4 mm, in which organs are sought."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from operandi.domain.grid import Grid
from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.imaging.lesions.reference import require_suv
from operandi.imaging.resample import resample
from operandi.quantities.errors import DataError

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Point = tuple[float, float, float]

STEP_MM: Final = 4.0
"""Edge of a voxel of the working grid: finer than PET resolves, coarse enough to search."""

AIR_SUV: Final = 0.1
"""Below it there is no body, g/mL (assumed)."""

_SMOOTHING_MM: Final = 3.0
_LEAST_BODY_ML: Final = 2000.0  # assumed: less is no trunk in which organs could be placed
_MOST_VOXELS: Final = 40_000_000
_CENTRAL_MM: Final = 40.0
_FAT_SHARE: Final = 0.5
_HOT: Final = 3.0
_MOST_HOT_FAT: Final = 0.3
_LEAN_QUANTILE: Final = 0.65  # without MR, fat takes the lower part of the body's voxels


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Workspace:
    """What organs are sought in. Axes of the grid are those of the patient (x left, y back, z up).

    Parameters
    ----------
    grid : Grid
    suv : float32, (i, j, k)
        Linear interpolation of the PET, g/mL; 0 beyond it.
    smooth : float32, (i, j, k)
        The same through a Gaussian of 3 mm standard deviation.
    body : bool, (i, j, k)
    seen : bool, (i, j, k)
        Voxels that the PET covers.
    fat : bool, (i, j, k)
        Where MR says that more than half of the signal is fat; False where there is no MR.
    water : float32, (i, j, k), or None
        Water image, divided by its median in the body.
    tissue : float
        Median SUV of the body above air, g/mL: about that of muscle.
    middle_x : float
        Of the body from side to side, LPS mm.
    middle_y : (k,)
        Of the body from front to back at each height, LPS mm.
    """

    grid: Grid
    suv: Floats
    smooth: Floats
    body: Bools
    seen: Bools
    fat: Bools
    water: Floats | None
    tissue: float
    middle_x: float
    middle_y: npt.NDArray[np.float64]

    def axes_mm(self) -> tuple[npt.NDArray[np.float64], ...]:
        """Positions along x, y and z, shaped to broadcast to (i, j, k), mm."""
        steps = [
            self.grid.affine[axis, 3] + self.grid.affine[axis, axis] * np.arange(size)
            for axis, size in enumerate(self.grid.shape)
        ]
        return steps[0][:, None, None], steps[1][None, :, None], steps[2][None, None, :]

    def volume_ml(self, inside: Bools) -> float:
        """Of the voxels inside, mL."""
        return float(np.count_nonzero(inside)) * self.grid.voxel_volume_ml

    def center_mm(self, inside: Bools) -> Point:
        """Mean position of the voxels inside, LPS mm."""
        x, y, z = self.grid.position_of(np.argwhere(inside).mean(axis=0))
        return float(x), float(y), float(z)

    def index_of(self, point: Point) -> tuple[int, int, int]:
        """Voxel that holds a position, the nearest one in the grid."""
        index = np.round(self.grid.index_of(np.array(point))).astype(int)
        i, j, k = np.clip(index, 0, np.array(self.grid.shape) - 1).tolist()
        return i, j, k

    def onto(self, inside: Bools, grid: Grid, *, within: Bools | None = None) -> Mask:
        """The same region on the PET's grid, its border half way between voxels."""
        box = box_around(inside, margin=2)
        corner = tuple(edge.start for edge in box)
        affine = self.grid.affine.copy()
        affine[:3, 3] = self.grid.position_of(np.array(corner))
        index_map = np.linalg.inv(affine) @ grid.affine
        # Only the part of the PET around the region: interpolating all of it for each of fifteen
        # organs would take most of the time there is.
        low, high = _reach(affine, inside[box].shape, grid)
        part = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        shape = tuple(b - a for a, b in zip(low, high, strict=True))
        result = np.zeros(grid.shape, dtype=np.bool_)
        if min(shape) > 0:
            offset = index_map[:3, :3] @ np.array(low) + index_map[:3, 3]
            share = ndimage.affine_transform(
                inside[box].astype(np.float32),
                index_map[:3, :3],
                offset=offset,
                output_shape=shape,
                order=1,
                mode="nearest",
            )
            result[part] = share > 0.5
        if within is not None:
            result &= within
        return Mask(result, grid)


def box_around(inside: Bools, *, margin: int) -> tuple[slice, slice, slice]:
    """Smallest box that holds all voxels inside, wider by a margin of voxels, within the array."""
    edges = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        hit = np.flatnonzero(inside.any(axis=others))
        edges.append(
            slice(max(int(hit[0]) - margin, 0), min(int(hit[-1]) + 1 + margin, inside.shape[axis]))
        )
    return edges[0], edges[1], edges[2]


def ball(radius_mm: float, *, step_mm: float = STEP_MM) -> Bools:
    """Voxels within a radius of the middle one, as a structuring element."""
    reach = int(radius_mm / step_mm + 1e-9)
    offsets = np.mgrid[-reach : reach + 1, -reach : reach + 1, -reach : reach + 1] * step_mm
    near: Bools = (offsets**2).sum(axis=0) <= radius_mm**2 * (1 + 1e-9)
    return near


def workspace_of(suv: Volume, *, water: Volume | None, fat: Volume | None) -> Workspace:
    """Bring PET and, where given, MR water and fat images onto the working grid.

    Raises
    ------
    DataError
        If the PET is no static SUV, holds values that are not finite, or shows no trunk.
    GridMismatchError
        If an MR image lies in another frame of reference.
    """
    require_suv(suv)
    if not np.isfinite(suv.values).all():
        raise DataError(
            "Organs are sought on an SUV image of finite values; some are not finite.",
            remedy="Correct the PET volume.",
        )
    grid = _upright(suv.grid)
    values = resample(suv, grid, order="linear", outside=-1.0).values.astype(np.float32)
    seen = values > -1.0 + 1e-6
    seen |= values > 0
    values = np.where(seen, np.maximum(values, 0.0), 0.0).astype(np.float32)
    smooth = ndimage.gaussian_filter(values, _SMOOTHING_MM / STEP_MM)
    body = _body(smooth)
    if np.count_nonzero(body) * grid.voxel_volume_ml < _LEAST_BODY_ML:
        raise DataError(
            f"Organs are sought in a trunk; the PET shows less than {_LEAST_BODY_ML:g} mL above "
            f"an SUV of {AIR_SUV:g} g/mL.",
            remedy="Check the SUV, or supply an organ map.",
        )
    is_fat, wet = _mr(water, fat, grid, body, smooth=smooth)
    inner = smooth[body & ~is_fat]
    x = _center_x(body, grid)
    return Workspace(
        grid=grid,
        suv=values,
        smooth=smooth,
        body=body,
        seen=seen,
        fat=is_fat,
        water=wet,
        tissue=float(np.quantile(inner, 0.5 if is_fat.any() else _LEAN_QUANTILE)),
        middle_x=x,
        middle_y=_center_y(body, grid, middle_x=x),
    )


def _upright(pet: Grid) -> Grid:
    """Grid along the patient's axes around all voxels of the PET, from the same center."""
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in pet.shape])).reshape(3, -1).T
    positions = np.round(pet.position_of(corners), 3)
    low, high = positions.min(axis=0), positions.max(axis=0)
    # Within the outermost voxel centers: beyond them there is nothing to interpolate.
    shape = np.floor((high - low) / STEP_MM + 1e-6).astype(int) + 1
    if int(shape.prod()) > _MOST_VOXELS:
        raise DataError(
            f"The PET spans {' x '.join(f'{mm:.0f}' for mm in high - low)} mm, more than a body.",
            remedy="Check the geometry of the PET series.",
        )
    affine = np.diag([STEP_MM, STEP_MM, STEP_MM, 1.0])
    affine[:3, 3] = (low + high) / 2 - (shape - 1) / 2 * STEP_MM
    i, j, k = (int(size) for size in shape)
    return Grid((i, j, k), affine, pet.frame_of_reference)


def _body(smooth: Floats) -> Bools:
    labels, found = ndimage.label(smooth > AIR_SUV)
    if not found:
        return np.zeros(smooth.shape, dtype=np.bool_)
    counts = np.bincount(labels.ravel())
    counts[0] = 0
    largest = labels == counts.argmax()
    filled = np.stack(
        [ndimage.binary_fill_holes(largest[:, :, k]) for k in range(largest.shape[2])], axis=2
    )
    return np.asarray(filled, dtype=np.bool_)


def _mr(
    water: Volume | None, fat: Volume | None, grid: Grid, body: Bools, *, smooth: Floats
) -> tuple[Bools, Floats | None]:
    if water is None or fat is None:
        return np.zeros(grid.shape, dtype=np.bool_), None
    wet = resample(water, grid, order="linear", outside=0.0).values.astype(np.float32)
    fatty = resample(fat, grid, order="linear", outside=0.0).values.astype(np.float32)
    total = wet + fatty
    there = body & (total > 0)
    if not there.any():
        return np.zeros(grid.shape, dtype=np.bool_), None
    level = float(np.median(total[there]))
    is_fat = there & (total > 0.25 * level) & (fatty > _FAT_SHARE * total)
    if _exchanged(is_fat, there, smooth=smooth):
        return np.zeros(grid.shape, dtype=np.bool_), None
    scale = float(np.median(wet[there & ~is_fat])) if (there & ~is_fat).any() else 0.0
    return is_fat, (wet / np.float32(scale)) if scale > 0 else None


def _exchanged(is_fat: Bools, there: Bools, *, smooth: Floats) -> bool:
    """Whether water and fat are exchanged, wholly or in part: then hot voxels are called fat."""
    if not is_fat.any() or is_fat.all():
        return True
    hot = there & (smooth > _HOT * float(np.median(smooth[there])))
    return bool(is_fat[hot].mean() > _MOST_HOT_FAT) if hot.any() else False


def _center_x(body: Bools, grid: Grid) -> float:
    """Median over heights of the middle of the body from side to side."""
    across = body.any(axis=1)
    x = grid.affine[0, 3] + STEP_MM * np.arange(grid.shape[0])
    counts = across.sum(axis=0)
    centers = (x[:, None] * across).sum(axis=0)[counts > 0] / counts[counts > 0]
    return float(np.median(centers))


def _center_y(body: Bools, grid: Grid, *, middle_x: float) -> npt.NDArray[np.float64]:
    """Half way between front and back near the middle, at each height; nearest where empty."""
    x = grid.affine[0, 3] + STEP_MM * np.arange(grid.shape[0])
    column = body[np.abs(x - middle_x) <= _CENTRAL_MM].any(axis=0)
    y = grid.affine[1, 3] + STEP_MM * np.arange(grid.shape[1])
    result = np.full(grid.shape[2], np.nan)
    for k in np.flatnonzero(column.any(axis=0)):
        there = y[column[:, k]]
        result[k] = (there[0] + there[-1]) / 2
    known = np.flatnonzero(np.isfinite(result))
    heights = np.arange(grid.shape[2])
    middle: npt.NDArray[np.float64] = np.interp(heights, known, result[known])
    return middle


def _reach(
    affine: npt.NDArray[np.float64], shape: Sequence[int], grid: Grid
) -> tuple[list[int], list[int]]:
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in shape])).reshape(3, -1).T
    index = grid.index_of(corners @ affine[:3, :3].T + affine[:3, 3])
    low = np.clip(np.floor(index.min(axis=0)).astype(int), 0, grid.shape)
    high = np.clip(np.ceil(index.max(axis=0)).astype(int) + 1, 0, grid.shape)
    return low.tolist(), high.tolist()
