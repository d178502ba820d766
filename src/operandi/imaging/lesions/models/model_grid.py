"""From the PET's grid to a model's arrays and back, by visible calls."""

from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.domain.grid import POSITION_TOLERANCE_MM, Grid
from operandi.domain.volume import Volume
from operandi.imaging.lesions.models.manifest import GridWanted
from operandi.imaging.resample import resample
from operandi.quantities.errors import DataError
from operandi.quantities.kinds import LABEL

_DIRECTIONS: Final = {
    "L": (1.0, 0.0, 0.0),
    "R": (-1.0, 0.0, 0.0),
    "P": (0.0, 1.0, 0.0),
    "A": (0.0, -1.0, 0.0),
    "S": (0.0, 0.0, 1.0),
    "I": (0.0, 0.0, -1.0),
}
_MOST_VOXELS: Final = 1 << 28


def model_grid(onto: Grid, wanted: GridWanted) -> Grid:
    """Grid of a model's arrays over the field of view of the PET.

    The PET's own axes are exchanged and turned round to come nearest to the wanted ones; an oblique
    image stays oblique. With another spacing the grid has the same center and covers every voxel.

    Parameters
    ----------
    onto : Grid
        Of the PET.
    wanted : GridWanted
        Axes and spacing.

    Raises
    ------
    DataError
        If it would have more than 2^28 voxels.
    """
    units = onto.affine[:3, :3] / np.asarray(onto.spacing_mm)
    towards = np.array([_DIRECTIONS[letter] for letter in wanted.axes])
    source = _nearest_axes(towards @ units)
    columns, shape = np.empty((3, 3)), []
    for axis, own in enumerate(source):
        sign = 1.0 if towards[axis] @ units[:, own] > 0 else -1.0
        length, voxels = onto.spacing_mm[own], onto.shape[own]
        if wanted.spacing_mm is not None:
            length = wanted.spacing_mm[axis]
            # The slack keeps a quotient of exactly n from becoming n + 1.
            voxels = max(1, int(np.ceil(voxels * onto.spacing_mm[own] / length - 1e-6)))
        columns[:, axis] = sign * length * units[:, own]
        shape.append(voxels)
    if np.prod(np.array(shape, dtype=np.float64)) > _MOST_VOXELS:
        raise DataError(
            f"The model's grid would have {shape[0]} x {shape[1]} x {shape[2]} voxels.",
            remedy="Check spacing_mm of its manifest.",
        )
    affine = np.eye(4)
    affine[:3, :3] = columns
    center = onto.position_of((np.array(onto.shape) - 1) / 2.0)
    affine[:3, 3] = center - columns @ ((np.array(shape) - 1) / 2.0)
    return Grid((shape[0], shape[1], shape[2]), affine, onto.frame_of_reference)


def _nearest_axes(cosines: npt.NDArray[np.float64]) -> tuple[int, int, int]:
    """For each wanted axis the image's, the pairs of smallest angle first."""
    left = np.abs(cosines)
    found = [0, 0, 0]
    for _ in range(3):
        axis, own = (int(n) for n in np.unravel_index(int(left.argmax()), left.shape))
        found[axis] = own
        left[axis, :] = left[:, own] = -1.0
    return found[0], found[1], found[2]


def onto_model_grid(volume: Volume, grid: Grid, *, outside: float) -> npt.NDArray[np.float32]:
    """Values of a volume on a model's grid: copied where voxels coincide, else trilinear.

    Parameters
    ----------
    volume : Volume
        In the same frame of reference.
    grid : Grid
        As of :func:`model_grid`.
    outside : float
        Where the volume ends, in its unit.
    """
    copied = reordered(volume.values, volume.grid, onto=grid)
    if copied is not None:
        return np.ascontiguousarray(copied, dtype=np.float32)
    # In double precision: a quotient of affines that is off by an ulp then moves no value.
    precise = Volume(
        np.asarray(volume.values, dtype=np.float64),
        volume.grid,
        volume.kind,
        volume.decay_reference,
    )
    found = resample(precise, grid, order="linear", outside=outside)
    return np.ascontiguousarray(found.values, dtype=np.float32)


def labels_back(
    labels: npt.NDArray[np.uint16], grid: Grid, *, onto: Grid
) -> npt.NDArray[np.uint16]:
    """Labels of a model's grid on the PET's: copied where voxels coincide, else the nearest."""
    copied = reordered(labels, grid, onto=onto)
    if copied is not None:
        return np.ascontiguousarray(copied, dtype=np.uint16)
    volume = Volume(labels.astype(np.float32), grid, LABEL)
    return resample(volume, onto, order="nearest", outside=0.0).values.astype(np.uint16)


def reordered(
    values: npt.NDArray[np.generic], grid: Grid, *, onto: Grid
) -> npt.NDArray[np.generic] | None:
    """Exchange and turn round the axes of an array; None where the voxels do not coincide.

    Parameters
    ----------
    values : array, (i, j, k)
        On ``grid``.
    grid, onto : Grid
        The same voxels in another order, within ``POSITION_TOLERANCE_MM``.
    """
    frames = {grid.frame_of_reference, onto.frame_of_reference} - {""}
    between = np.linalg.inv(grid.affine) @ onto.affine
    turn = np.round(between[:3, :3]).astype(int)
    if len(frames) > 1 or not np.array_equal(np.abs(turn) @ (1, 1, 1), (1, 1, 1)):
        return None
    source = [int(np.abs(turn[:, axis]).argmax()) for axis in range(3)]
    if sorted(source) != [0, 1, 2] or tuple(grid.shape[own] for own in source) != onto.shape:
        return None
    steps = tuple(slice(None, None, int(turn[own, axis])) for axis, own in enumerate(source))
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in onto.shape])).reshape(3, -1).T
    turned = np.array(
        [
            [
                c if step.step > 0 else n - 1 - c
                for c, step, n in zip(corner, steps, onto.shape, strict=True)
            ]
            for corner in corners
        ]
    )
    own_corners = np.empty_like(turned)
    own_corners[:, source] = turned
    apart = grid.position_of(own_corners) - onto.position_of(corners)
    if np.abs(apart).max() > POSITION_TOLERANCE_MM:
        return None
    return values.transpose(source)[steps]
