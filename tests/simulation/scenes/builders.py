"""Small scenes for the tests of painting."""

import numpy as np

from operandi.domain.grid import Grid
from operandi.simulation.scenes.scene import Motion, Part, Point, Pose, Scene, Shape, Texture

STILL = Motion(diaphragm_mm=0.0, forward_mm=0.0, heart_mm=0.0)
BREATHING = Motion(diaphragm_mm=15.0, forward_mm=5.0, heart_mm=8.0)


def a_grid(
    shape: tuple[int, int, int] = (24, 24, 24),
    *,
    edges_mm: Point = (4.0, 4.0, 4.0),
    center: Point = (0.0, 0.0, 0.0),
) -> Grid:
    affine = np.diag([*edges_mm, 1.0])
    affine[:3, 3] = [c - 0.5 * (n - 1) * e for c, n, e in zip(center, shape, edges_mm, strict=True)]
    return Grid(shape=shape, affine=affine)


def a_part(
    shape: Shape, *, name: str = "liver", organ: str = "", texture: Texture | None = None
) -> Part:
    return Part(name=name, organ=organ or name, tissue=name, shape=shape, texture=texture)


def a_scene(*parts: Part, motion: Motion = STILL, pose: Pose | None = None) -> Scene:
    return Scene(parts=parts, tissues={}, motion=motion, pose=pose or Pose())
