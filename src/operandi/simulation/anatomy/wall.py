"""Skin to peritoneum: fat beneath the skin, muscle, arms, thighs, and the fat between organs."""

from operandi.simulation.anatomy.frame import Frame
from operandi.simulation.scenes.scene import Ellipsoid, Part, Point, Primitive, Shape, Tube

_BLEND_MM = 25.0
_SIDES = (("left", 1.0), ("right", -1.0))


def wall_parts(frame: Frame) -> tuple[Part, ...]:
    """Body, arms, muscle and the cavities' fat, in the order of painting."""
    parts = [
        _part("body", "body", "fat", _trunk(frame, fat=frame.fat_mm)),
        *(
            _part(f"arm_{side}", f"arm_{side}", "fat", _arm(frame, x, fat=True))
            for side, x in _SIDES
        ),
        _part("muscle", "muscle", "muscle", _trunk(frame, fat=0.0)),
        *(
            _part(f"arm_{side}_muscle", f"arm_{side}", "muscle", _arm(frame, x, fat=False))
            for side, x in _SIDES
        ),
        _part("cavity", "fat", "fat", _cavity(frame)),
    ]
    parts.extend(_part(f"psoas_{side}", "muscle", "muscle", _psoas(frame, x)) for side, x in _SIDES)
    return tuple(parts)


def arm_line(frame: Frame, side: float) -> tuple[tuple[Point, float], ...]:
    """Middle of an arm from shoulder to finger tips, with the radius of its muscle, mm."""
    thick = frame.size * (0.88 if frame.female else 1.0)
    hip = _hip(frame) + 1.2 * frame.fat_mm
    clear = 0.6 * frame.fat_mm + 6.0
    line = (
        ((168.0 * frame.girth, 10.0, 312.0 * frame.tall), 48.0 * thick),
        ((150.0 * frame.girth + 1.2 * frame.fat_mm + 62.0, 24.0, 40.0 * frame.tall), 39.0 * thick),
        ((hip + clear + 30.0 * thick, 6.0, -120.0 * frame.tall), 36.0 * thick),
        ((hip + clear + 26.0 * thick, -4.0, -225.0 * frame.tall), 25.0 * thick),
        ((hip + clear + 24.0 * thick, -12.0, -330.0 * frame.tall), 22.0 * thick),
    )
    return tuple(((side * x, y, z), radius) for (x, y, z), radius in line)


def _hip(frame: Frame) -> float:
    return (172.0 if frame.female else 164.0) * (frame.girth if not frame.female else frame.size)


def _part(name: str, organ: str, tissue: str, shape: Shape) -> Part:
    return Part(name=name, organ=organ, tissue=tissue, shape=shape)


def _trunk(frame: Frame, *, fat: float) -> Shape:
    """The trunk's muscle, or with *fat* its skin."""
    g, t = frame.girth, frame.tall
    hip = _hip(frame)
    parts: list[Primitive] = [
        _box((0.0, 2.0 * g, 185.0 * t), (150.0 * g + fat, 102.0 * g + 0.9 * fat, 178.0 * t + fat)),
        _box(
            (0.0, 3.0 * g - 0.35 * fat, -15.0 * t),
            (143.0 * g + 1.2 * fat, 98.0 * g + 1.25 * fat, 235.0 * t),
        ),
        _box(
            (0.0, 14.0 * g, -205.0 * t), (hip + 1.2 * fat, 100.0 * g + 1.1 * fat, 150.0 * t + fat)
        ),
    ]
    for _, x in _SIDES:
        parts += [
            Tube(
                points=(
                    (x * 88.0 * frame.size, 12.0 * g, -235.0 * t),
                    (x * 92.0 * frame.size + x * 0.9 * fat, 8.0 * g, -420.0 * t),
                ),
                radii=(84.0 * frame.size + 1.1 * fat, 74.0 * frame.size + 1.1 * fat),
            ),
            _box(
                (x * 66.0 * g, 70.0 * g, -225.0 * t),
                (72.0 * g + 1.2 * fat, 50.0 * g + 1.2 * fat, 82.0 * t + fat),
            ),
            Tube(
                points=((x * 70.0 * g, 20.0, 335.0 * t), (x * 160.0 * g, 10.0, 318.0 * t)),
                radii=(40.0 * frame.size + 0.6 * fat, 46.0 * frame.size + 0.6 * fat),
            ),
        ]
        if frame.female and fat > 0.0:
            parts.append(
                Ellipsoid(
                    center=(x * 84.0 * g, -84.0 * g - 0.7 * fat, 165.0 * t),
                    semi_axes=(46.0 + 0.4 * fat, 22.0 + 0.7 * fat, 48.0 + 0.4 * fat),
                )
            )
    neck = 56.0 * frame.size * (0.9 if frame.female else 1.0) + 0.5 * fat
    parts.append(Tube(points=((0.0, 14.0, 320.0 * t), (0.0, 14.0, 440.0 * t)), radii=(neck, neck)))
    return Shape(parts=tuple(parts), blend_mm=_BLEND_MM)


def _box(center: Point, semi_axes: Point) -> Ellipsoid:
    return Ellipsoid(center=center, semi_axes=semi_axes, exponent=2.7)


def _arm(frame: Frame, side: float, *, fat: bool) -> Shape:
    line = arm_line(frame, side)
    extra = 0.6 * frame.fat_mm if fat else 0.0
    # Hands and wrists bear little fat.
    shares = (1.0, 1.0, 0.8, 0.4, 0.2)
    return Shape(
        parts=(
            Tube(
                points=tuple(point for point, _ in line),
                radii=tuple(
                    radius + 1.0 + extra * share if fat else radius
                    for (_, radius), share in zip(line, shares, strict=True)
                ),
            ),
        )
    )


def _cavity(frame: Frame) -> Shape:
    """Fat around abdominal and pelvic organs and in the mediastinum."""
    return Shape(
        parts=(
            frame.ellipsoid((0.0, -8.0, 25.0), (124.0, 80.0, 100.0), exponent=2.4),
            frame.ellipsoid((0.0, -14.0, -45.0), (120.0, 72.0, 130.0), exponent=2.6),
            frame.ellipsoid((0.0, 8.0, -195.0), (72.0, 66.0, 95.0), exponent=2.4),
            frame.ellipsoid((0.0, 0.0, 205.0), (54.0, 78.0, 118.0)),
        ),
        blend_mm=15.0,
    )


def _psoas(frame: Frame, x: float) -> Shape:
    return Shape(
        parts=(
            frame.tube(
                (x * 30.0, 40.0, 25.0, 8.0),
                (x * 38.0, 42.0, -40.0, 16.0),
                (x * 50.0, 36.0, -110.0, 20.0),
                (x * 66.0, 12.0, -185.0, 19.0),
                (x * 82.0, -18.0, -240.0, 14.0),
            ),
        )
    )
