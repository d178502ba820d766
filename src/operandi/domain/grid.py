"""Where voxels lie: shape and the affine from array index to patient space."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.quantities.errors import GridMismatchError

POSITION_TOLERANCE_MM: Final = 0.01
"""Corners closer than this are the same corner; a thousandth of a PET voxel."""


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """A lattice of voxel centers in patient space.

    Parameters
    ----------
    shape : tuple of int, (i, j, k)
        Number of voxels; i runs along an image row (columns), j down it (rows), k over slices.
    affine : array, (4, 4)
        Homogeneous map from index (i, j, k) to patient position in DICOM LPS, mm, at voxel
        centers.
    frame_of_reference : str
        DICOM FrameOfReferenceUID; empty where the object states none. Positions are comparable
        only within one frame of reference.

    Raises
    ------
    ValueError
        If the shape is empty or the affine is singular or not finite.
    """

    shape: tuple[int, int, int]
    affine: npt.NDArray[np.float64]
    frame_of_reference: str = ""

    def __post_init__(self) -> None:
        affine = np.array(self.affine, dtype=np.float64)
        if affine.shape != (4, 4) or not np.isfinite(affine).all():
            raise ValueError(f"affine must be a finite 4 x 4 matrix, got {affine!r}")
        if min(self.shape) < 1 or abs(np.linalg.det(affine[:3, :3])) < 1e-12:
            raise ValueError(f"grid is empty or its affine is singular: {self.shape}, {affine!r}")
        affine.setflags(write=False)
        object.__setattr__(self, "affine", affine)

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between neighboring voxel centers along i, j and k, mm."""
        lengths = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(lengths[0]), float(lengths[1]), float(lengths[2])

    @property
    def voxel_volume_ml(self) -> float:
        """Volume of one voxel, mL."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000.0

    def position_of(self, index: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Patient positions (..., 3) in LPS mm of (fractional) indices (..., 3)."""
        indices = np.asarray(index, dtype=np.float64)
        result: npt.NDArray[np.float64] = indices @ self.affine[:3, :3].T + self.affine[:3, 3]
        return result

    def index_of(self, position_mm: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Fractional indices (..., 3) of patient positions (..., 3) in LPS mm."""
        positions = np.asarray(position_mm, dtype=np.float64)
        inverse = np.linalg.inv(self.affine[:3, :3])
        result: npt.NDArray[np.float64] = (positions - self.affine[:3, 3]) @ inverse.T
        return result

    def same_as(self, other: "Grid") -> bool:
        """Whether both describe the same voxels.

        The frame of reference must agree where both state one, and all eight corners must
        coincide within ``POSITION_TOLERANCE_MM``.
        """
        frames = {self.frame_of_reference, other.frame_of_reference} - {""}
        if self.shape != other.shape or len(frames) > 1:
            return False
        corners = np.array(np.meshgrid(*[(0, n - 1) for n in self.shape])).reshape(3, -1).T
        distance = self.position_of(corners) - other.position_of(corners)
        return bool(np.abs(distance).max() <= POSITION_TOLERANCE_MM)

    def require_same(self, other: "Grid", *, what: str) -> None:
        """Refuse if *other* is a different grid.

        Raises
        ------
        GridMismatchError
            Naming *what* was to meet.
        """
        if not self.same_as(other):
            raise GridMismatchError(
                f"{what} lie on different grids: {self.shape} with spacing "
                f"{_mm(self.spacing_mm)} and {other.shape} with spacing {_mm(other.spacing_mm)}.",
                remedy="Resample one onto the other first.",
            )


def _mm(lengths: tuple[float, float, float]) -> str:
    return " x ".join(f"{length:.3f}" for length in lengths) + " mm"
