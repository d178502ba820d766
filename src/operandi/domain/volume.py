"""Voxel values that know their meaning, their place and, where they decay, their instant."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from operandi.domain.grid import Grid
from operandi.quantities.kinds import Kind


@dataclass(frozen=True, slots=True)
class Frame:
    """One time point of a dynamic volume.

    Parameters
    ----------
    started_at : datetime, aware
        Start of the frame.
    duration_s : float or None
        Its length, s; None where the object does not state it.
    """

    started_at: datetime
    duration_s: float | None

    def __post_init__(self) -> None:
        if self.started_at.tzinfo is None:
            raise ValueError("started_at must be timezone-aware")


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """Values on a grid. Read-only.

    Parameters
    ----------
    values : array, (i, j, k) or (i, j, k, t)
        In ``kind.unit``. Kept without a copy and set read-only.
    grid : Grid
        Where the voxels lie.
    kind : Kind
        What the values are.
    decay_reference : datetime or None
        The instant the values refer to, aware; required exactly when ``kind.decays``.
    frames : tuple of Frame
        One for each t of a dynamic volume; empty for a static one.

    Raises
    ------
    ValueError
        If shape, frames or decay reference contradict one another.
    """

    values: npt.NDArray[np.floating]
    grid: Grid
    kind: Kind
    decay_reference: datetime | None = None
    frames: tuple[Frame, ...] = ()

    def __post_init__(self) -> None:
        frames = (len(self.frames),) if self.frames else ()
        if self.values.shape != self.grid.shape + frames:
            raise ValueError(
                f"values {self.values.shape} do not fit grid {self.grid.shape} and "
                f"{len(self.frames)} frames"
            )
        if self.kind.decays != (self.decay_reference is not None):
            raise ValueError(f"decay_reference must be given exactly when {self.kind.name} decays")
        if self.decay_reference is not None and self.decay_reference.tzinfo is None:
            raise ValueError("decay_reference must be timezone-aware")
        self.values.setflags(write=False)
