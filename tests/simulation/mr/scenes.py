"""Hand-made scenes for the MR tests: tissues, boxes of voxels, sessions."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from operandi.domain.grid import Grid
from operandi.simulation.mr.session import Detail, MrArtifacts, Session
from operandi.simulation.scenes.painting import Occupancy, PaintedPart
from operandi.simulation.scenes.scene import Ellipsoid, Motion, Part, Pose, Scene, Shape, Tissue

LIVER = Tissue(
    suv=4.8,
    mu_per_cm=0.1,
    proton_density=0.9,
    t1_ms=809.0,
    t2_ms=34.0,
    t2_star_ms=20.0,
    fat_fraction=0.0,
    adc_mm2_s=1.1e-3,
    perfusion_fraction=0.2,
    pseudo_diffusion_mm2_s=0.06,
    ktrans_per_min=0.3,
    ve=0.3,
    vp=0.05,
    stiffness_kpa=2.3,
    loss_angle_rad=0.2,
)
FAT = replace(LIVER, fat_fraction=1.0, t2_star_ms=25.0, ktrans_per_min=0.0, stiffness_kpa=1.5)
SHAPE = Shape(parts=(Ellipsoid(center=(0.0, 0.0, 0.0), semi_axes=(1.0, 1.0, 1.0)),))


def a_part(name: str, *, tissue: str) -> Part:
    return Part(name=name, organ=name, tissue=tissue, shape=SHAPE)


def a_scene(tissues: Mapping[str, Tissue], parts: Sequence[Part] = ()) -> Scene:
    return Scene(
        parts=tuple(parts),
        tissues=tissues,
        motion=Motion(diaphragm_mm=0.0, forward_mm=0.0, heart_mm=0.0),
        pose=Pose(),
    )


def everywhere(tissue: str, grid: Grid) -> Occupancy:
    share = np.ones(grid.shape, dtype=np.float32)
    return occupied({tissue: share}, grid)


def occupied(shares: Mapping[str, npt.NDArray[np.float32]], grid: Grid) -> Occupancy:
    whole = (slice(None), slice(None), slice(None))
    parts = tuple(
        PaintedPart(part=a_part(name, tissue=name), box=whole, share=share, texture=None)
        for name, share in shares.items()
    )
    return Occupancy(grid=grid, parts=parts)


def a_session(
    tissues: Mapping[str, Tissue],
    *,
    of: str | None = None,
    artifacts: MrArtifacts | None = None,
    seed: int = 7,
    key: tuple[int, ...] = (0, 0),
    detail: Detail = "coarse",
) -> Session:
    """All of the field of view is of one tissue, the first one unless it is named."""
    filled = of or next(iter(tissues))
    return Session(
        scene=a_scene(tissues),
        painter=lambda _, grid: everywhere(filled, grid),
        detail=detail,
        frame_of_reference="1.2.3",
        artifacts=artifacts or MrArtifacts(),
        seed=seed,
        key=key,
    )
