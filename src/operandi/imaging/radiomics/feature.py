"""A feature's value, or why it has none: never 0 for want of voxels, never NaN."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature of one region.

    Parameters
    ----------
    tag : str
        IBSI tag, such as ``"cm_joint_max"`` or ``"morph_volume"`` (aggregation apart).
    value : float or None
        None exactly when ``absent`` gives a reason.
    absent : str
        Why there is no value, such as ``"one voxel has no spread"``.
    """

    tag: str
    value: float | None
    absent: str = ""

    def __post_init__(self) -> None:
        if (self.value is None) != bool(self.absent):
            raise ValueError(f"{self.tag} has either a value or the reason it is absent")
        if self.value is not None and not math.isfinite(self.value):
            raise ValueError(f"{self.tag} must be finite, got {self.value}")
