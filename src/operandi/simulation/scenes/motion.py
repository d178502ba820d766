"""How organs move: breathing and heart beat as pull-back fields, and where a person lies.

A pull-back tells for every place of the moved body which place it came from; shapes are evaluated
there, so that nothing is resampled. The form of the motion is assumed, its amplitudes are a
person's: breathing moves organs down, fully from the lower liver to the domes, less and less
towards the apex of the lungs and the pelvis, and not at all at ribs and spine, along which they
slide; the front wall of the belly moves forward. The heart's wall moves towards its center.
"""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.domain.grid import Grid
from operandi.quantities.errors import DataError
from operandi.simulation.scenes.scene import Motion, Pose
from operandi.simulation.scenes.shape_kernels import displacements
from operandi.simulation.scenes.shape_tables import Floats, Shift

LARGEST_DIAPHRAGM_MM: Final = 60.0
LARGEST_FORWARD_MM: Final = 25.0
LARGEST_HEART_SHARE: Final = 0.3
"""Of the heart's radius. Beyond any of the three the motion could fold the body."""


def shift_of(motion: Motion, *, respiration: float, contraction: float) -> Shift:
    """Amplitudes of now, mm.

    Parameters
    ----------
    motion : Motion
    respiration : float, 0 to 1
        0 end-expiration, 1 end-inspiration.
    contraction : float, 0 to 1
        0 end-diastole, 1 end-systole.

    Raises
    ------
    DataError
        If one is out of its range, or a motion so large that it could fold the body.
    """
    if not (0.0 <= respiration <= 1.0 and 0.0 <= contraction <= 1.0):
        raise DataError(
            f"Respiration and contraction must be 0 to 1, got {respiration} and {contraction}."
        )
    limits = {
        "diaphragm_mm": (motion.diaphragm_mm, LARGEST_DIAPHRAGM_MM),
        "forward_mm": (motion.forward_mm, LARGEST_FORWARD_MM),
        "heart_mm": (motion.heart_mm, LARGEST_HEART_SHARE * motion.heart_radius_mm),
    }
    for name, (value, limit) in limits.items():
        if not 0.0 <= value <= limit:
            raise DataError(
                f"{name} must be 0 to {limit:g} mm, got {value:g} mm.",
                remedy="Beyond that the motion would fold the body.",
            )
    x, y, z = motion.heart_center
    return Shift(
        down=motion.diaphragm_mm * respiration,
        forward=motion.forward_mm * respiration,
        inward=motion.heart_mm * contraction,
        chest_x=motion.chest_mm[0],
        chest_y=motion.chest_mm[1],
        spine_y=motion.spine_y_mm,
        heart_x=x,
        heart_y=y,
        heart_z=z,
        heart_radius=motion.heart_radius_mm,
    )


def rotation_of(pose: Pose) -> Floats:
    """Rotation (3, 3) of a pose: about x, then y, then z of the patient."""
    a, b, c = (math.radians(angle) for angle in pose.turn_degree)
    about_x = np.array(
        [[1, 0, 0], [0, math.cos(a), -math.sin(a)], [0, math.sin(a), math.cos(a)]], dtype=np.float64
    )
    about_y = np.array(
        [[math.cos(b), 0, math.sin(b)], [0, 1, 0], [-math.sin(b), 0, math.cos(b)]], dtype=np.float64
    )
    about_z = np.array(
        [[math.cos(c), -math.sin(c), 0], [math.sin(c), math.cos(c), 0], [0, 0, 1]], dtype=np.float64
    )
    rotation: Floats = about_z @ about_y @ about_x
    return rotation


def lying(points: npt.ArrayLike, pose: Pose) -> Floats:
    """Patient positions (..., 3) of points of the body (..., 3) in a pose, mm."""
    placed: Floats = np.asarray(points, dtype=np.float64) @ rotation_of(pose).T + np.asarray(
        pose.shift_mm
    )
    return placed


def body_from_index(grid: Grid, pose: Pose) -> Floats:
    """Map (3, 4) from indices of a grid to the frame of the body at rest, mm."""
    inverse = rotation_of(pose).T
    result = np.empty((3, 4))
    result[:, :3] = inverse @ grid.affine[:3, :3]
    result[:, 3] = inverse @ (grid.affine[:3, 3] - np.asarray(pose.shift_mm))
    return result


def displacement(
    motion: Motion, pose: Pose, grid: Grid, *, respiration: float, contraction: float
) -> npt.NDArray[np.float32]:
    """Pull-back field: a voxel at *p* shows what lies at *p* + field at rest, in the same pose.

    Returns
    -------
    array, (i, j, k, 3)
        Along x, y and z of the patient, mm. Breathing in moves organs down, so the field points up.

    Raises
    ------
    DataError
        As ``shift_of``.
    """
    shift = shift_of(motion, respiration=respiration, contraction=contraction)
    field = displacements(shift, body_from_index(grid, pose), grid.shape)
    if any(pose.turn_degree):
        field = field @ rotation_of(pose).T.astype(np.float32)
    return field


def respiratory_phases(count: int) -> tuple[tuple[float, float], ...]:
    """Phases of quiet breathing, 0 to 1, each with its share of the time.

    Breathing follows ``cos^4(pi t / T)`` from end-inspiration at *t* = 0 [1]_; phases are those in
    the middle of ``count`` spans of equal time from there to end-expiration. For three and more
    their mean is that of the pattern, 3/8.

    Raises
    ------
    DataError
        If the count is not positive.

    References
    ----------
    .. [1] Lujan et al., Med Phys 26:715, 1999: even powers of a cosine (recalled).
    """
    if count < 1:
        raise DataError(f"Breathing needs one phase or more, got {count}.")
    times = (np.arange(count) + 0.5) / (2.0 * count)
    return tuple((float(math.cos(math.pi * time) ** 4), 1.0 / count) for time in times)
