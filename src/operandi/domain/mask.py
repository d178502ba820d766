"""A region of a grid."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from operandi.domain.grid import Grid


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """Voxels that belong to something.

    Parameters
    ----------
    inside : bool array, (i, j, k)
        True for the voxels that belong. Kept without a copy and set read-only.
    grid : Grid
        Where the voxels lie.
    """

    inside: npt.NDArray[np.bool_]
    grid: Grid

    def __post_init__(self) -> None:
        if self.inside.shape != self.grid.shape or self.inside.dtype != np.bool_:
            raise ValueError(
                f"mask {self.inside.shape} of {self.inside.dtype} does not fit {self.grid.shape}"
            )
        self.inside.setflags(write=False)

    @property
    def volume_ml(self) -> float:
        """Volume of the voxels inside, mL."""
        return float(np.count_nonzero(self.inside)) * self.grid.voxel_volume_ml
