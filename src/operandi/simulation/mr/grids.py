"""Where each MR series lies: axial slices on a native grid of their own.

Fields of view are 448 to 480 mm, so that the arms of most participants are cut off, as they are
in a scanner. Matrices, slices and coverage are those of common protocols, rounded (assumed). Slabs
of the upper abdomen are planned on the middle of the liver, as an operator does on a localizer.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from operandi.domain.grid import Grid
from operandi.simulation.scenes.scene import Ellipsoid, Scene, Tube

LIVER_MIDDLE_MM: Final = 95.0
"""Where no liver is found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slab:
    """Slices of a series.

    Parameters
    ----------
    shape : tuple of int
    spacing_mm : tuple of float
    on_liver : bool
        Whether ``middle_mm`` counts from the middle of the liver.
    middle_mm : float
        Of the slab along z.
    """

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    on_liver: bool
    middle_mm: float


_UPPER_ABDOMEN: Final = Slab(
    shape=(112, 84, 42), spacing_mm=(4.0, 4.0, 7.0), on_liver=True, middle_mm=-30.0
)

FULL: Final = {
    "dixon": Slab(shape=(160, 116, 110), spacing_mm=(3.0, 3.0, 6.0), on_liver=False, middle_mm=0.0),
    "t2": Slab(shape=(192, 144, 42), spacing_mm=(2.4, 2.4, 7.0), on_liver=True, middle_mm=-30.0),
    "dwi": _UPPER_ABDOMEN,
    "mre": Slab(shape=(128, 96, 10), spacing_mm=(3.5, 3.5, 8.0), on_liver=True, middle_mm=0.0),
    "dce": _UPPER_ABDOMEN,
}
"""Diffusion and dynamic series have one slab, as an operator copies it."""

COARSE: Final = {
    "dixon": Slab(shape=(96, 70, 66), spacing_mm=(5.0, 5.0, 10.0), on_liver=False, middle_mm=0.0),
    "t2": Slab(shape=(112, 84, 30), spacing_mm=(4.0, 4.0, 10.0), on_liver=True, middle_mm=-30.0),
    "dwi": Slab(shape=(80, 60, 30), spacing_mm=(5.6, 5.6, 10.0), on_liver=True, middle_mm=-30.0),
    # Waves need their seven nodes a wavelength even here.
    "mre": Slab(shape=(112, 84, 4), spacing_mm=(4.0, 4.0, 10.0), on_liver=True, middle_mm=0.0),
    "dce": Slab(shape=(80, 60, 30), spacing_mm=(5.6, 5.6, 10.0), on_liver=True, middle_mm=-30.0),
}


def slab_grid(slab: Slab, scene: Scene, *, frame_of_reference: str) -> Grid:
    """Grid of a series of this scene, axes along the patient's."""
    middle = slab.middle_mm + (liver_middle_mm(scene) if slab.on_liver else 0.0)
    center = (0.0, 0.0, middle)
    affine = np.diag([*slab.spacing_mm, 1.0])
    for axis in range(3):
        affine[axis, 3] = center[axis] - (slab.shape[axis] - 1) / 2 * slab.spacing_mm[axis]
    return Grid(slab.shape, affine, frame_of_reference)


def liver_middle_mm(scene: Scene) -> float:
    """Height of the middle of the liver, to the millimeter, from the reach of its shapes."""
    reach: list[float] = []
    for part in scene.parts:
        if part.organ != "liver":
            continue
        for primitive in part.shape.parts:
            if isinstance(primitive, Ellipsoid):
                reach.append(primitive.center[2])
            elif isinstance(primitive, Tube):
                reach.extend(point[2] for point in primitive.points)
    if not reach:
        return LIVER_MIDDLE_MM
    return float(round((min(reach) + max(reach)) / 2 + scene.pose.shift_mm[2]))
