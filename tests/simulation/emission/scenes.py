"""Small painted scenes and tissues; a test names only what it is about."""

from dataclasses import replace

import numpy as np

from operandi.domain.grid import Grid
from operandi.simulation.scenes.painting import Occupancy, PaintedPart
from operandi.simulation.scenes.scene import Ellipsoid, Motion, Part, Pose, Scene, Shape, Tissue

_WATER = Tissue(
    suv=0.0,
    mu_per_cm=0.096,
    proton_density=1.0,
    t1_ms=2000.0,
    t2_ms=500.0,
    t2_star_ms=400.0,
    fat_fraction=0.0,
    adc_mm2_s=2.5e-3,
    perfusion_fraction=0.0,
    pseudo_diffusion_mm2_s=0.02,
    ktrans_per_min=0.0,
    ve=0.2,
    vp=0.0,
    stiffness_kpa=1.0,
    loss_angle_rad=0.2,
)


def a_tissue(**values: float) -> Tissue:
    """Water, but for the values given."""
    return replace(_WATER, **values)


def a_ball(
    tissue: str, *, radius_mm: float, center_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
) -> Part:
    """A ball of a tissue."""
    ball = Ellipsoid(center=center_mm, semi_axes=(radius_mm, radius_mm, radius_mm))
    return Part(name=tissue, organ=tissue, tissue=tissue, shape=Shape(parts=(ball,)))


def a_scene_of_boxes(tissues: tuple[str, ...]) -> Occupancy:
    """Voxels of 10 mm along x from the origin, each full of one tissue."""
    grid = Grid((len(tissues), 1, 1), np.diag([10.0, 10.0, 10.0, 1.0]))
    full = np.ones((1, 1, 1), dtype=np.float32)
    parts = tuple(
        PaintedPart(
            a_ball(tissue, radius_mm=5.0),
            (slice(place, place + 1), slice(0, 1), slice(0, 1)),
            full,
            None,
        )
        for place, tissue in enumerate(tissues)
    )
    return Occupancy(grid, parts)


def a_scene(
    *parts: Part, motion: Motion | None = None, tissues: dict[str, Tissue] | None = None
) -> Scene:
    """Parts in air, at rest by default."""
    return Scene(
        parts=parts,
        tissues=tissues or {part.tissue: a_tissue() for part in parts},
        motion=motion or Motion(diaphragm_mm=0.0, forward_mm=0.0, heart_mm=0.0),
        pose=Pose(),
    )


def a_cube_grid(*, size: int, spacing_mm: float) -> Grid:
    """Grid of as many voxels along each axis, centered at the origin."""
    affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    affine[:3, 3] = -(size - 1) / 2 * spacing_mm
    return Grid((size, size, size), affine)
