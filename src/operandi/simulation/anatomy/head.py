"""Head and neck: skull with brain and pituitary, salivary glands, thyroid.

Pituitary about 0.6 mL, parotid 25 mL, submandibular 10 mL a side, thyroid lobes 6 to 9 mL
(recalled); places are assumed.
"""

from operandi.simulation.anatomy.frame import Frame
from operandi.simulation.scenes.scene import Ellipsoid, Part, Primitive, Shape, Tube

_SIDES = (("left", 1.0), ("right", -1.0))


def head_wall_parts(frame: Frame) -> tuple[Part, ...]:
    """Scalp, face and the muscle of face and neck."""
    skin = 4.0 + 0.2 * frame.fat_mm
    outer: tuple[Primitive, ...] = (
        _ball(frame, (0.0, 0.0, 532.0), (76.0 + skin, 95.0 + skin, 75.0 + skin)),
        _ball(frame, (0.0, -32.0, 462.0), (66.0 + skin, 66.0 + skin, 62.0 + skin)),
    )
    inner: tuple[Primitive, ...] = (
        _ball(frame, (0.0, -32.0, 464.0), (62.0, 62.0, 58.0)),
        _ball(frame, (0.0, 10.0, 460.0), (52.0, 60.0, 48.0)),
    )
    return (
        Part(name="head", organ="body", tissue="fat", shape=Shape(parts=outer, blend_mm=20.0)),
        Part(
            name="head_muscle",
            organ="muscle",
            tissue="muscle",
            shape=Shape(parts=inner, blend_mm=15.0),
        ),
    )


def head_parts(frame: Frame) -> tuple[Part, ...]:
    """What lies in head and neck."""
    mouth = _line(
        frame, (0.0, -62.0, 452.0, 8.0), (0.0, -28.0, 450.0, 9.0), (0.0, -8.0, 400.0, 8.0)
    )
    sinus = _ball(frame, (0.0, -60.0, 488.0), (24.0, 22.0, 20.0))
    jaw = _line(
        frame,
        (56.0, -22.0, 476.0, 6.0),
        (48.0, -34.0, 438.0, 7.0),
        (0.0, -82.0, 428.0, 8.0),
        (-48.0, -34.0, 438.0, 7.0),
        (-56.0, -22.0, 476.0, 6.0),
    )
    skull = Shape(
        parts=(
            _ball(frame, (0.0, 0.0, 532.0), (76.0, 95.0, 75.0)),
            _ball(frame, (0.0, -62.0, 492.0), (42.0, 28.0, 28.0)),
            jaw,
        ),
        blend_mm=4.0,
    )
    salivary: list[Primitive] = []
    lobes: list[Primitive] = []
    for _, x in _SIDES:
        salivary.append(_ball(frame, (x * 54.0, -8.0, 456.0), (10.0, 19.0, 26.0)))
        salivary.append(_ball(frame, (x * 34.0, -42.0, 420.0), (11.0, 17.0, 12.0)))
        lobes.append(_ball(frame, (x * 17.0, -10.0, 362.0), (8.0, 9.0, 23.0)))
    lobes.append(_ball(frame, (0.0, -16.0, 354.0), (14.0, 4.0, 7.0)))
    return (
        _part("skull", "skull", "bone_cortex", skull),
        _part("airway_head", "trachea", "gas", Shape(parts=(mouth, sinus))),
        _part(
            "brain",
            "brain",
            "brain",
            Shape(parts=(_ball(frame, (0.0, 0.0, 533.0), (69.0, 88.0, 66.0)),)),
        ),
        _part(
            "pituitary",
            "pituitary",
            "pituitary",
            Shape(parts=(_ball(frame, (0.0, -20.0, 492.0), (6.5, 5.0, 4.4)),)),
        ),
        _part("salivary_glands", "salivary_glands", "salivary", Shape(parts=tuple(salivary))),
        _part("thyroid", "thyroid", "thyroid", Shape(parts=tuple(lobes), blend_mm=2.0)),
    )


def _ball(
    frame: Frame, center: tuple[float, float, float], semi_axes: tuple[float, float, float]
) -> Ellipsoid:
    # Heads differ less than trunks: height alone stretches them.
    x, y, z = center
    a, b, c = semi_axes
    return Ellipsoid(
        center=(x * frame.tall, y * frame.tall, z * frame.tall),
        semi_axes=(a * frame.tall, b * frame.tall, c * frame.tall),
    )


def _line(frame: Frame, *stations: tuple[float, float, float, float]) -> Tube:
    return Tube(
        points=tuple((x * frame.tall, y * frame.tall, z * frame.tall) for x, y, z, _ in stations),
        radii=tuple(radius * frame.tall for *_, radius in stations),
    )


def _part(name: str, organ: str, tissue: str, shape: Shape) -> Part:
    return Part(name=name, organ=organ, tissue=tissue, shape=shape)
