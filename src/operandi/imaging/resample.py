"""Bring a volume or mask onto another grid. Always a visible call; nothing resamples silently."""

from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from operandi.domain.grid import Grid
from operandi.domain.mask import Mask
from operandi.domain.volume import Volume
from operandi.quantities.errors import DataError, GridMismatchError
from operandi.quantities.kinds import LABEL, MR_PHASE

Order = Literal["nearest", "linear", "cubic"]

_SPLINE_ORDER: Final[dict[str, int]] = {"nearest": 0, "linear": 1, "cubic": 3}

# Index arithmetic in float64 is good to about 1e-10 voxels; this is far above and still nothing.
_EDGE_SLACK_VOXELS: Final = 1e-6


def resample(
    volume: Volume,
    onto: Grid,
    *,
    order: Order,
    outside: float,
    transform: npt.ArrayLike | None = None,
) -> Volume:
    """Interpolate a volume at the voxel centers of another grid.

    No smoothing goes before: onto a much coarser grid, fine detail aliases.

    Parameters
    ----------
    volume : Volume
        Static or with frames; each frame is resampled alike.
    onto : Grid
        Where the result's voxels lie.
    order : "nearest", "linear" or "cubic"
        Linear reproduces linear functions exactly. Cubic is the interpolating B-spline; it
        overshoots at edges, and within a few voxels of the image's border it takes the border's
        value to go on.
    outside : float
        Value beyond the image: beyond the voxels' extent for nearest, beyond the outermost voxel
        centers otherwise. Nothing is extrapolated.
    transform : array-like, (4, 4), optional
        Maps positions of ``onto`` to positions of ``volume``, both LPS in mm
        (``RigidTransform.matrix`` with ``onto`` as the fixed grid). Identity if absent, which
        needs one frame of reference.

    Returns
    -------
    Volume
        Of the same kind, decay reference, frames and floating-point type, on ``onto``.

    Raises
    ------
    GridMismatchError
        If no transform is given and the frames of reference differ.
    DataError
        If interpolation is asked of labels or of a wrapped phase, or a value is not finite.
    """
    if order != "nearest" and volume.kind in {LABEL, MR_PHASE}:
        raise DataError(
            f"Values of {volume.kind.name} cannot be averaged, which {order} interpolation does.",
            remedy="Resample by nearest neighbor.",
        )
    if order != "nearest" and not np.isfinite(volume.values).all():
        raise DataError(
            f"{order} interpolation needs finite values; some of {volume.kind.name} are not.",
            remedy="Correct the volume, or resample by nearest neighbor.",
        )
    index_map = _index_map(volume.grid, onto, transform=transform)
    frames = (
        volume.values[..., np.newaxis] if volume.values.ndim == len(onto.shape) else volume.values
    )
    beyond = _beyond(index_map, volume.grid.shape, onto.shape, order=order)
    result = np.empty((*onto.shape, frames.shape[-1]), dtype=volume.values.dtype)
    for t in range(frames.shape[-1]):
        result[..., t] = _interpolated(frames[..., t], index_map, onto.shape, order=order)
    result[beyond] = outside
    values = result.reshape(onto.shape + volume.values.shape[3:])
    return Volume(values, onto, volume.kind, volume.decay_reference, volume.frames)


def resample_mask(mask: Mask, onto: Grid, *, transform: npt.ArrayLike | None = None) -> Mask:
    """Take for each voxel of another grid the nearest voxel of the mask; beyond it is outside.

    Parameters and refusals as for ``resample``.
    """
    index_map = _index_map(mask.grid, onto, transform=transform)
    found = _interpolated(mask.inside.astype(np.float32), index_map, onto.shape, order="nearest")
    beyond = _beyond(index_map, mask.grid.shape, onto.shape, order="nearest")
    return Mask((found > 0.5) & ~beyond, onto)


def _index_map(
    source: Grid, onto: Grid, *, transform: npt.ArrayLike | None
) -> npt.NDArray[np.float64]:
    """Homogeneous map from index of ``onto`` to fractional index of ``source``."""
    if transform is None:
        frames = {source.frame_of_reference, onto.frame_of_reference} - {""}
        if len(frames) > 1:
            raise GridMismatchError(
                f"The grids have different frames of reference: {source.frame_of_reference} and "
                f"{onto.frame_of_reference}.",
                remedy="Register one onto the other and pass the transform.",
            )
        between = np.eye(4)
    else:
        between = np.asarray(transform, dtype=np.float64)
        if between.shape != (4, 4) or not np.isfinite(between).all():
            raise ValueError(f"transform must be a finite 4 x 4 matrix, got {transform!r}")
    return np.linalg.inv(source.affine) @ between @ onto.affine


def _interpolated(
    values: npt.NDArray[np.floating],
    index_map: npt.NDArray[np.float64],
    shape: tuple[int, int, int],
    *,
    order: Order,
) -> npt.NDArray[np.floating]:
    result: npt.NDArray[np.floating] = ndimage.affine_transform(
        values,
        index_map[:3, :3],
        offset=index_map[:3, 3],
        output_shape=shape,
        order=_SPLINE_ORDER[order],
        mode="nearest",
    )
    return result


def _beyond(
    index_map: npt.NDArray[np.float64],
    source_shape: tuple[int, int, int],
    shape: tuple[int, int, int],
    *,
    order: Order,
) -> npt.NDArray[np.bool_]:
    """Voxels of the new grid that the old image does not cover."""
    rim = _EDGE_SLACK_VOXELS + (0.5 if order == "nearest" else 0.0)
    i, j, k = np.ogrid[tuple(slice(n) for n in shape)]
    beyond = np.zeros(shape, dtype=np.bool_)
    for row, size in zip(index_map[:3], source_shape, strict=True):
        index = row[0] * i + row[1] * j + row[2] * k + row[3]
        beyond |= (index < -rim) | (index > size - 1 + rim)
    return beyond
