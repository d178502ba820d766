"""Time of painting a person of some 130 parts, and what a plain numpy evaluation takes.

    python benchmarks/painting.py            # 150 x 150 x 150 voxels of 4 mm, one core
    python benchmarks/painting.py --naive    # beside numpy, evaluating every voxel of every box

The scene is a stand-in with the number and kinds of parts of a real one, not an anatomy.
"""

import argparse
import math
import time

import numpy as np

from operandi.domain.grid import Grid
from operandi.simulation.scenes.labels import label_map
from operandi.simulation.scenes.painting import paint
from operandi.simulation.scenes.scene import (
    Ellipsoid,
    HalfSpace,
    Motion,
    Part,
    Point,
    Pose,
    Scene,
    Shape,
    Texture,
    Tube,
)
from operandi.simulation.scenes.shapes import compiled, signed_distance_mm

MOTION = Motion(diaphragm_mm=15.0, forward_mm=5.0, heart_mm=8.0)


def a_grid(*, edge_mm: float, shape: tuple[int, int, int]) -> Grid:
    """A grid around the origin."""
    affine = np.diag([edge_mm, edge_mm, edge_mm, 1.0])
    affine[:3, 3] = [-0.5 * (n - 1) * edge_mm for n in shape]
    return Grid(shape=shape, affine=affine)


def a_part(name: str, shape: Shape, *, texture: Texture | None = None) -> Part:
    """A part of a tissue of its own."""
    return Part(name=name, organ=name, tissue=name, shape=shape, texture=texture)


def an_ellipsoid(center: Point, semi_axes: Point, *, exponent: float = 2.0) -> Ellipsoid:
    """An ellipsoid along x, y and z."""
    return Ellipsoid(center=center, semi_axes=semi_axes, exponent=exponent)


def a_person() -> Scene:
    """Body, arms, lungs, 14 organs, gut, vessels, 24 ribs, 36 parts of vertebrae, 24 lesions."""
    trunk = an_ellipsoid((0, 0, 0), (175, 115, 400), exponent=2.5)
    ends = (HalfSpace(point=(0, 0, 330), normal=(0, 0, 1)),)
    parts = [
        a_part("fat", Shape(parts=(trunk,), within=ends)),
        *(
            a_part(
                f"arm_{side}",
                Shape(parts=(Tube(points=((side, 10, 300), (side, 10, -250)), radii=(45, 30)),)),
            )
            for side in (-230, 230)
        ),
        a_part(
            "muscle",
            Shape(parts=(an_ellipsoid((0, 0, 0), (155, 98, 390), exponent=2.5),), within=ends),
        ),
        *_bones(),
        *_organs(),
        *_gut(),
        *_lesions(),
    ]
    return Scene(parts=tuple(parts), tissues={}, motion=MOTION, pose=Pose(turn_degree=(1, 0, 2)))


def _bones() -> list[Part]:
    parts = []
    for level in range(18):
        z = 320.0 - 36.0 * level
        for name, semi in (("cortex", (22.0, 17.0, 14.0)), ("marrow", (20.5, 15.5, 12.5))):
            body = an_ellipsoid((0, 60, z), semi, exponent=4.0)
            parts.append(a_part(f"vertebra_{name}_{level}", Shape(parts=(body,))))
    for level in range(12):
        angles = np.linspace(0.45 * math.pi, -0.35 * math.pi, 11)
        for side in (-1, 1):
            points = tuple(
                (
                    float(side * 148 * math.cos(a)),
                    float(92 * math.sin(a)),
                    320.0 - 24.0 * level - 20.0 * i / 10,
                )
                for i, a in enumerate(angles)
            )
            rib = Tube(points=points, radii=(6.0,) * 11)
            parts.append(a_part(f"rib_{side}_{level}", Shape(parts=(rib,))))
    return parts


def _organs() -> list[Part]:
    uneven = Texture(cv=0.15, correlation_mm=12.0, seed=1)
    liver = Shape(
        parts=(
            an_ellipsoid((-70, -5, 90), (78, 75, 70), exponent=2.5),
            an_ellipsoid((0, -35, 105), (75, 40, 40)),
        ),
        within=(an_ellipsoid((0, 0, 60), (140, 88, 160)),),
        without=(an_ellipsoid((-60, 50, 20), (35, 30, 55)),),
        blend_mm=15.0,
    )
    parts = []
    for side in (-1, 1):
        lung = an_ellipsoid((side * 75, 0, 210), (60, 75, 110), exponent=2.5)
        low = (an_ellipsoid((side * 75, 0, 70), (70, 80, 85)),)
        parts.append(a_part(f"lung_{side}", Shape(parts=(lung,), without=low)))
    for name, center, semi in (
        ("heart", (25.0, -35.0, 190.0), (50.0, 45.0, 55.0)),
        ("blood", (25.0, -35.0, 190.0), (36.0, 32.0, 42.0)),
        ("spleen", (110.0, 35.0, 95.0), (25.0, 36.0, 50.0)),
        ("kidney_left", (65.0, 45.0, 20.0), (26.0, 24.0, 55.0)),
        ("medulla_left", (60.0, 45.0, 20.0), (16.0, 14.0, 42.0)),
        ("kidney_right", (-62.0, 50.0, 5.0), (26.0, 24.0, 55.0)),
        ("medulla_right", (-58.0, 50.0, 5.0), (16.0, 14.0, 42.0)),
        ("stomach", (65.0, -40.0, 80.0), (40.0, 35.0, 55.0)),
        ("content", (65.0, -40.0, 80.0), (35.0, 30.0, 50.0)),
        ("bladder", (0.0, -40.0, -200.0), (40.0, 35.0, 35.0)),
    ):
        parts.append(
            a_part(name, Shape(parts=(an_ellipsoid(center, semi, exponent=2.0),)), texture=uneven)
        )
    vessel = Tube(points=((15, 30, 300), (12, 35, 100), (5, 38, -80)), radii=(13, 11, 9))
    pancreas = Tube(
        points=((-45, -5, 10), (0, 0, 20), (50, 10, 40), (85, 30, 60)), radii=(16, 10, 10, 8)
    )
    return [
        a_part("liver", liver, texture=uneven),
        *parts,
        a_part("aorta", Shape(parts=(vessel,))),
        a_part("pancreas", Shape(parts=(pancreas,), blend_mm=3.0), texture=uneven),
    ]


def _gut() -> list[Part]:
    t = np.linspace(0.0, 1.0, 60)
    coil = [
        (float(90 * math.sin(25 * s)), float(-30 + 30 * math.cos(17 * s)), float(-20 - 130 * s))
        for s in t
    ]
    frame = [(-110, 0, -130), (-115, 0, -20), (-90, -40, 40), (0, -70, 20), (95, -30, 70)]
    frame += [(115, 20, 30), (112, 20, -120), (40, 20, -170), (0, 50, -210)]
    parts = []
    for name, points, radius in (("small_bowel", coil, 13.0), ("colon", frame, 20.0)):
        for layer, thin in (("wall", 0.0), ("inside", 3.0)):
            tube = Tube(
                points=tuple((float(x), float(y), float(z)) for x, y, z in points),
                radii=(radius - thin,) * len(points),
            )
            parts.append(a_part(f"{name}_{layer}", Shape(parts=(tube,))))
    return parts


def _lesions() -> list[Part]:
    random = np.random.Generator(np.random.Philox(3))
    parts = []
    for number in range(24):
        x, y, z = random.uniform((-120, -60, 40), (20, 50, 130))
        a, b, c = random.uniform(6, 20, 3)
        shape = Shape(
            parts=(an_ellipsoid((x, y, z), (a, b, c)),), lobulation=0.15, lobulation_seed=number
        )
        uneven = Texture(cv=0.3, correlation_mm=6.0, seed=number)
        parts.append(a_part(f"OP-001-L{number}", shape, texture=uneven))
    return parts


def naive_share(scene: Scene, grid: Grid) -> np.ndarray:
    """Paint with numpy: 2 x 2 x 2 samples of every voxel in the box of each part, at rest."""
    remaining = np.ones(grid.shape)
    for part in reversed(scene.parts):
        shape = compiled(part.shape)
        low = np.clip(np.floor(grid.index_of(shape.lowest)), 0, grid.shape).astype(int)
        high = np.clip(np.ceil(grid.index_of(shape.highest)) + 1, 0, grid.shape).astype(int)
        index = np.stack(np.meshgrid(*map(np.arange, low, high), indexing="ij"), axis=-1)
        own = np.zeros(index.shape[:3])
        for offset in np.ndindex(2, 2, 2):
            points = grid.position_of(index + (np.array(offset) - 0.5) / 2)
            own += signed_distance_mm(part.shape, points) <= 0
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        remaining[box] -= own / 8 * remaining[box]
    return remaining


def _timed(what: str, call: object, *, repeats: int = 5) -> None:
    assert callable(call)
    call()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    print(f"{what:<52} {min(times):7.3f} s (median {sorted(times)[len(times) // 2]:.3f})")


def main() -> None:
    """Print times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--naive", action="store_true")
    arguments = parser.parse_args()
    scene, grid = a_person(), a_grid(edge_mm=4.0, shape=(150, 150, 150))
    print(f"{len(scene.parts)} parts")
    _timed("at rest, without textures", lambda: paint(scene, grid, textures=False))
    _timed("at rest", lambda: paint(scene, grid))
    _timed(
        "half breathed in, half contracted, without textures",
        lambda: paint(scene, grid, respiration=0.5, contraction=0.5, textures=False),
    )
    _timed(
        "half breathed in, half contracted",
        lambda: paint(scene, grid, respiration=0.5, contraction=0.5),
    )
    painted = paint(scene, grid, textures=False)
    values = dict.fromkeys((part.tissue for part in scene.parts), 1.0)
    _timed("an image", lambda: painted.image(values))
    _timed("label map", lambda: label_map(painted))
    if arguments.naive:
        start = time.process_time()
        naive_share(scene, grid)
        print(
            f"{'numpy, 2 x 2 x 2 samples of every voxel':<52} {time.process_time() - start:7.3f} s"
        )


if __name__ == "__main__":
    main()
