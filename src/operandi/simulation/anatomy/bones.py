"""Bones: cortex first, marrow painted over it.

Vertebral bodies: male L5 has upper length 37.1 mm and anterior height 30.7 mm, female 33.3 and
29.6 mm (Int J Spine Surg, table of 2021-23; other levels follow by assumed factors). Cortex is
drawn 1 to 3 mm thick so that it survives a voxel; that thickness is assumed.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from operandi.simulation.anatomy.frame import Frame
from operandi.simulation.anatomy.wall import arm_line
from operandi.simulation.scenes.scene import Ellipsoid, Part, Point, Primitive, Shape, Tube

_SIDES = (("left", 1.0), ("right", -1.0))

SPINE: Final[dict[str, tuple[float, float, float]]] = {
    # level: z and y of the middle of the body, and its half width, mm, in the reference.
    "T1": (340.0, 31.0, 15.0),
    "T2": (319.0, 38.0, 14.5),
    "T3": (297.0, 44.0, 14.0),
    "T4": (274.0, 49.0, 14.0),
    "T5": (250.0, 53.0, 14.0),
    "T6": (225.0, 56.0, 14.5),
    "T7": (199.0, 57.0, 15.0),
    "T8": (172.0, 56.0, 15.5),
    "T9": (144.0, 54.0, 16.5),
    "T10": (115.0, 51.0, 17.5),
    "T11": (84.0, 47.0, 19.0),
    "T12": (52.0, 43.0, 20.5),
    "L1": (18.0, 39.0, 21.5),
    "L2": (-18.0, 35.0, 22.5),
    "L3": (-54.0, 33.0, 23.5),
    "L4": (-91.0, 34.0, 24.5),
    "L5": (-127.0, 39.0, 25.0),
}
NECK: Final[dict[str, tuple[float, float, float]]] = {
    "C7": (359.0, 25.0, 13.0),
    "C6": (376.0, 20.0, 12.5),
    "C5": (393.0, 16.0, 12.0),
    "C4": (410.0, 14.0, 12.0),
    "C3": (427.0, 14.0, 12.0),
    "C2": (445.0, 15.0, 12.0),
}
_DISC: Final = 0.25  # of the distance between vertebrae; recalled
_CORTEX_MM: Final = 1.2

# Half width, half depth and middle of the rib cage by height, mm, at the middle of the ribs.
_CAGE_Z: Final = (-20.0, 20.0, 60.0, 100.0, 140.0, 180.0, 220.0, 260.0, 300.0, 325.0, 345.0)
_CAGE_X: Final = (128.0, 133.0, 137.0, 140.0, 140.0, 136.0, 129.0, 116.0, 96.0, 72.0, 45.0)
_CAGE_Y: Final = (84.0, 86.0, 88.0, 90.0, 91.0, 90.0, 86.0, 78.0, 66.0, 54.0, 40.0)
_CAGE_MIDDLE: Final = (0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 14.0)

_RIB_DROP: Final = (38.0, 55.0, 72.0, 84.0, 92.0, 98.0, 104.0, 106.0, 104.0, 98.0, 90.0, 80.0)
_RIB_END: Final = (150, 152, 152, 152, 150, 148, 144, 134, 122, 112, 84, 58)


def bone_parts(frame: Frame, *, head: bool) -> tuple[Part, ...]:
    """Spine with cord, ribs, sternum, shoulder girdle, arms' bones, pelvis and femurs."""
    return (
        *_spine(frame, head=head),
        *_ribs(frame),
        *_sternum(frame),
        *_shoulders(frame),
        *_pelvis(frame),
        *_femurs(frame),
    )


def _bone(name: str, organ: str, outer: Shape, inner: Shape) -> tuple[Part, Part]:
    return (
        Part(name=name, organ=organ, tissue="bone_cortex", shape=outer),
        Part(name=f"{name}_marrow", organ=organ, tissue="bone_marrow", shape=inner),
    )


def _hollow_tube(
    name: str, organ: str, tube: Tube, *, cortex_mm: float, without: tuple[Primitive, ...] = ()
) -> tuple[Part, Part]:
    inner = Tube(points=tube.points, radii=tuple(max(r - cortex_mm, 0.5) for r in tube.radii))
    return _bone(
        name,
        organ,
        Shape(parts=(tube,), without=without),
        Shape(parts=(inner,), without=without),
    )


def _spine(frame: Frame, *, head: bool) -> list[Part]:
    levels = {**NECK, **SPINE} if head else SPINE
    parts: list[Part] = []
    heights = [z for z, _, _ in levels.values()]
    pitches = [abs(d) for d in np.diff(heights)]
    pitches.append(pitches[-1])
    for (level, (z, y, half)), pitch in zip(levels.items(), pitches, strict=True):
        parts += _vertebra(frame, level, (0.0, y, z), half=half, pitch=pitch)
    parts = [*_discs(frame, levels), *parts]
    canal = [(0.0, y + 0.78 * half + 10.0, z, 7.5) for z, y, half in levels.values()]
    parts.append(
        Part(
            name="spinal_cord",
            organ="spinal_cord",
            tissue="spinal_cord",
            shape=Shape(parts=(frame.tube(*canal),)),
        )
    )
    return parts


def _discs(frame: Frame, levels: Mapping[str, tuple[float, float, float]]) -> list[Part]:
    """Between the bodies; their tissue is muscle, for want of one of their own."""
    # The last one lies between L5 and the sacrum.
    line = [*levels.values(), (-160.0, 50.0, 24.0)]
    discs = []
    for (z, y, half), (below, y_below, _), level in zip(line[:-1], line[1:], levels, strict=True):
        width = 0.95 * half * (0.93 if frame.female else 1.0)
        disc = frame.ellipsoid(
            (0.0, (y + y_below) / 2.0, (z + below) / 2.0),
            (width, 0.74 * width, 0.5 * _DISC * abs(z - below) + 3.0),
            exponent=3.0,
        )
        discs.append(
            Part(
                name=f"disc_below_{level}",
                organ="discs",
                tissue="muscle",
                shape=Shape(parts=(disc,)),
            )
        )
    return discs


def _vertebra(frame: Frame, level: str, middle: Point, *, half: float, pitch: float) -> list[Part]:
    _, y, z = middle
    width = half * (0.93 if frame.female else 1.0)
    semi = (width, 0.74 * width, 0.5 * (1.0 - _DISC) * pitch)
    body = frame.ellipsoid(middle, semi, exponent=3.6)
    inner = _grown(body, mm=-_CORTEX_MM)
    back = y + 0.74 * half
    arch = [
        frame.tube((0.0, back + 19.0, z - 4.0, 4.0), (0.0, back + 38.0, z - 0.45 * pitch, 3.5)),
    ]
    for _, x in _SIDES:
        arch.append(
            frame.tube(
                (x * 0.62 * half, back - 3.0, z + 4.0, 4.0),
                (x * 13.0, back + 8.0, z + 2.0, 4.0),
                (0.0, back + 19.0, z - 4.0, 3.5),
            )
        )
        arch.append(
            frame.tube((x * 13.0, back + 8.0, z + 2.0, 4.0), (x * 1.55 * half, back + 9.0, z, 3.0))
        )
    return [
        Part(
            name=f"vertebra_{level}_arch",
            organ="vertebrae",
            tissue="bone_cortex",
            shape=Shape(parts=tuple(arch)),
        ),
        *_bone(f"vertebra_{level}", "vertebrae", Shape(parts=(body,)), Shape(parts=(inner,))),
    ]


def cage_at(z: float) -> tuple[float, float, float]:
    """Half width, half depth and middle of the rib cage at a height of the reference, mm."""
    return (
        float(np.interp(z, _CAGE_Z, _CAGE_X)),
        float(np.interp(z, _CAGE_Z, _CAGE_Y)),
        float(np.interp(z, _CAGE_Z, _CAGE_MIDDLE)),
    )


def _ribs(frame: Frame) -> list[Part]:
    parts: list[Part] = []
    thoracic = [level for level in SPINE if level.startswith("T")]
    for number, level in enumerate(thoracic):
        z, y, half = SPINE[level]
        for side, x in _SIDES:
            stations = [(x * (half + 3.0), y + 0.74 * half + 2.0, z + 6.0, 5.0)]
            for angle in np.linspace(26.0, _RIB_END[number], 9):
                turn = np.deg2rad(angle)
                low = z + 4.0 - _RIB_DROP[number] * (1.0 - np.cos(turn)) / 2.0
                wide, deep, middle = cage_at(low)
                stations.append(
                    (
                        x * wide * float(np.sin(turn)),
                        middle + deep * float(np.cos(turn)),
                        float(low),
                        5.2 if number < 10 else 4.5,
                    )
                )
            tube = frame.tube(*stations)
            parts += _hollow_tube(f"rib_{side}_{number + 1}", "ribs", tube, cortex_mm=1.8)
    return parts


def _plate(name: str, organ: str, outer: Ellipsoid, *, cortex_mm: float) -> tuple[Part, Part]:
    inner = _grown(outer, mm=-cortex_mm)
    return _bone(name, organ, Shape(parts=(outer,)), Shape(parts=(inner,)))


def _sternum(frame: Frame) -> list[Part]:
    return [
        *_plate(
            "sternum_manubrium",
            "sternum",
            frame.ellipsoid(
                (0.0, -70.0, 275.0), (29.0, 6.5, 25.0), long=(0.0, 0.30, 0.95), exponent=2.6
            ),
            cortex_mm=1.6,
        ),
        *_plate(
            "sternum_body",
            "sternum",
            frame.ellipsoid(
                (0.0, -85.0, 200.0), (19.0, 6.0, 52.0), long=(0.0, 0.14, 0.99), exponent=2.6
            ),
            cortex_mm=1.6,
        ),
    ]


def _shoulders(frame: Frame) -> list[Part]:
    parts: list[Part] = []
    for side, x in _SIDES:
        clavicle = frame.tube(
            (x * 22.0, -62.0, 300.0, 7.0),
            (x * 75.0, -58.0, 322.0, 5.5),
            (x * 150.0, -8.0, 340.0, 6.0),
        )
        parts += _hollow_tube(f"clavicle_{side}", "clavicles", clavicle, cortex_mm=2.0)
        scapula = frame.ellipsoid(
            (x * 88.0, 84.0, 240.0), (40.0, 4.0, 64), long=(x * 0.12, -0.05, 0.99)
        )
        # Too thin for marrow that a scanner could tell.
        parts.append(
            Part(
                name=f"scapula_{side}",
                organ="scapulae",
                tissue="bone_cortex",
                shape=Shape(parts=(scapula,)),
            )
        )
        shoulder, elbow, forearm, wrist, _ = (point for point, _ in arm_line(frame, x))
        humerus = Tube(
            points=(shoulder, _between(shoulder, elbow), elbow), radii=(21.0, 11.0, 14.0)
        )
        parts += _hollow_tube(f"humerus_{side}", f"arm_{side}", humerus, cortex_mm=3.0)
        for bone, offset in (("ulna", 9.0), ("radius", -9.0)):
            points = tuple((p[0], p[1] + offset, p[2]) for p in (elbow, forearm, wrist))
            tube = Tube(points=points, radii=(8.0, 7.0, 7.0))
            parts += _hollow_tube(f"{bone}_{side}", f"arm_{side}", tube, cortex_mm=2.5)
    return parts


def _between(a: Point, b: Point) -> Point:
    return (a[0] + b[0]) / 2.0, (a[1] + b[1]) / 2.0, (a[2] + b[2]) / 2.0


def _pelvis(frame: Frame) -> list[Part]:
    wide = 1.04 if frame.female else 1.0
    parts: list[Part] = [
        *_plate(
            "sacrum",
            "pelvis",
            frame.ellipsoid(
                (0.0, 62.0, -185.0), (50.0 * wide, 16.0, 52.0), long=(0.0, -0.5, 0.87), exponent=2.6
            ),
            cortex_mm=1.8,
        ),
    ]
    for side, x in _SIDES:
        wing = _wing(frame, x, wide=wide)
        column = (
            (x * 62.0 * wide, 62.0, -160.0, 13.0),
            (x * 84.0 * wide, 36.0, -200.0, 15.0),
            (x * 92.0 * wide, 14.0, -236.0, 33.0),
        )
        ischium = (
            (x * 84.0 * wide, 38.0, -252.0, 15.0),
            (x * 64 * wide, 42.0, -300.0, 17.0),
            (x * 40.0 * wide, 6.0, -292.0, 8.0),
            (x * 12.0, -36.0, -272.0, 9.0),
        )
        ramus = (
            (x * 84.0 * wide, -6.0, -230.0, 12.0),
            (x * 45.0 * wide, -34.0, -240.0, 8.5),
            (x * 12.0, -42.0, -260.0, 11.0),
        )
        socket = frame.ellipsoid((x * 98.0 * wide, 10.0, -240.0), (28.5, 28.5, 28.5))
        pieces: dict[str, Ellipsoid | Tube] = {
            f"ilium_{side}": wing,
            f"acetabulum_{side}": frame.tube(*column),
            f"ischium_{side}": frame.tube(*ischium),
            f"pubis_{side}": frame.tube(*ramus),
        }
        bones = [
            _bone(
                name,
                "pelvis",
                Shape(parts=(piece,), without=(socket,)),
                Shape(parts=(_thinner(piece, mm=2.2),), without=(_grown(socket, mm=2.0),)),
            )
            for name, piece in pieces.items()
        ]
        # All cortex first: the marrow of joined bones is one.
        parts += [cortex for cortex, _ in bones]
        parts += [marrow for _, marrow in bones]
    return parts


def _thinner(piece: Ellipsoid | Tube, *, mm: float) -> Ellipsoid | Tube:
    if isinstance(piece, Ellipsoid):
        return _grown(piece, mm=-mm)
    return replace(piece, radii=tuple(radius - mm for radius in piece.radii))


def _wing(frame: Frame, x: float, *, wide: float) -> Ellipsoid:
    """The iliac wing: a plate from the sacrum outwards to the front, leaning outwards."""
    up = np.array([x * 0.34, 0.0, 0.94])
    up = up / np.linalg.norm(up)
    front = np.array([x * 0.56, -0.83, 0.0])
    front = front - up * float(front @ up)
    front = front / np.linalg.norm(front)
    across = np.cross(front, up)
    size = frame.size
    axes = tuple((float(a[0]), float(a[1]), float(a[2])) for a in (across, front, up))
    return Ellipsoid(
        center=frame.at((x * 89.0 * wide, 20.0, -146.0)),
        semi_axes=(8.0 * size, 62.0 * size, 60.0 * size),
        axes=(axes[0], axes[1], axes[2]),
    )


def _grown(ellipsoid: Ellipsoid, *, mm: float) -> Ellipsoid:
    a, b, c = ellipsoid.semi_axes
    return replace(ellipsoid, semi_axes=(a + mm, b + mm, c + mm))


def _femurs(frame: Frame) -> list[Part]:
    wide = 1.04 if frame.female else 1.0
    parts: list[Part] = []
    for side, x in _SIDES:
        head = frame.ellipsoid((x * 98.0 * wide, 10.0, -240.0), (25.0, 25.0, 25.0))
        line = (
            (x * 98.0 * wide, 10.0, -240.0, 17.0),
            (x * 124.0 * wide, 14.0, -262.0, 16.0),
            (x * 138.0 * wide, 16.0, -278.0, 20.0),
            (x * 132.0 * wide, 12.0, -320.0, 15.0),
            (x * 118.0 * wide, 6.0, -430.0, 14.0),
        )
        neck = frame.tube(*line)
        thick = (2.0, 2.0, 2.5, 5.0, 6.0)
        parts += _bone(
            f"femur_{side}",
            f"femur_{side}",
            Shape(parts=(head, neck), blend_mm=5.0),
            Shape(
                parts=(
                    _grown(head, mm=-2.0),
                    Tube(
                        points=neck.points,
                        radii=tuple(r - c for r, c in zip(neck.radii, thick, strict=True)),
                    ),
                ),
                blend_mm=5.0,
            ),
        )
    return parts
