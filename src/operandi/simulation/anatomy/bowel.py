"""Stomach, duodenum, small bowel and colon. All courses and calibers are assumed."""

from collections.abc import Iterator
from itertools import pairwise

from operandi.simulation.anatomy.frame import Frame
from operandi.simulation.scenes.scene import Part, Shape, Tube

_WALL_MM = 4.5
_ROWS = 15
_STEPS = 5
_Station = tuple[float, float, float, float]


def stomach_parts(frame: Frame) -> tuple[Part, ...]:
    """Fundus beneath the left dome to the pylorus: wall, then content with a bubble in front."""
    of = "stomach"
    line: tuple[_Station, ...] = (
        (60.0, 12.0, 78.0, 33.0),
        (58.0, -6.0, 58.0, 32.0),
        (50.0, -30.0, 32.0, 26.0),
        (34.0, -48.0, 8.0, 21.0),
        (10.0, -54.0, -6.0, 17.0),
        (-12.0, -48.0, -4.0, 13.0),
        (-28.0, -38.0, 4.0, 9.0),
    )
    outer = frame.tube(*line, of=of)
    inner = Tube(points=outer.points, radii=tuple(radius - _WALL_MM for radius in outer.radii))
    bubble = frame.ellipsoid((46.0, -48.0, 32.0), (14.0, 6.0, 16.0), of=of)
    return (
        _part("stomach", "stomach", "stomach_wall", Shape(parts=(outer,))),
        _part("stomach_content", "stomach", "stomach_content", Shape(parts=(inner,))),
        _part("stomach_gas", "stomach", "gas", Shape(parts=(bubble,), within=(inner,))),
    )


def duodenum_parts(frame: Frame) -> tuple[Part, ...]:
    """The C around the head of the pancreas, beneath the mesenteric vessels to the flexure."""
    line = frame.tube(
        (-32.0, -36.0, 8.0, 11.0),
        (-50.0, -24.0, 6.0, 12.0),
        (-58.0, -8.0, -14.0, 12.0),
        (-56.0, -4.0, -40.0, 12.0),
        (-42.0, -6.0, -58.0, 12.0),
        (-14.0, -13.0, -62.0, 11.0),
        (16.0, -14.0, -54.0, 11.0),
        (30.0, -18.0, -30.0, 11.0),
        (36.0, -34.0, -22.0, 11.0),
        of="pancreas",
    )
    return (_part("duodenum", "small_bowel", "small_bowel", Shape(parts=(line,))),)


def small_bowel_parts(frame: Frame) -> tuple[Part, ...]:
    """Loops from the left upper to the right lower quadrant, several parts with tight boxes."""
    stations = tuple(_loops(frame))
    parts = []
    for number in range(0, len(stations) - 1, 6):
        tube = frame.tube(*stations[number : number + 7])
        parts.append(
            _part(
                f"small_bowel_{number // 6 + 1}", "small_bowel", "small_bowel", Shape(parts=(tube,))
            )
        )
    return tuple(parts)


def _loops(frame: Frame) -> Iterator[_Station]:
    """To and from across the abdomen, each course lower and more to the right; own to a person."""
    numbers = iter(frame.loops)

    def jitter(width: float) -> float:
        return (2.0 * next(numbers) - 1.0) * width

    yield (36.0, -34.0, -22.0, 12.0)
    for row in range(_ROWS):
        share = row / (_ROWS - 1)
        z = -36.0 - 152.0 * share
        left, right = 82.0 - 46.0 * share, -62.0 + 22.0 * share
        depth = (-64, -36.0, -10.0)[row % 3] + 8.0 * share
        ends = (left, right) if row % 2 == 0 else (right, left)
        for step in range(_STEPS):
            x = ends[0] + (ends[1] - ends[0]) * step / (_STEPS - 1)
            yield (x + jitter(9.0), depth + jitter(9.0), z + jitter(13.0), 12.5 + jitter(2.5))
    yield (-58.0, -26.0, -158.0, 10.5)
    yield (-70.0, -26.0, -138.0, 10.0)
    yield (-84.0, -20.0, -122.0, 9.5)


def colon_parts(frame: Frame) -> tuple[Part, ...]:
    """Cecum to rectum with haustra; gas where it rises to the front."""
    of = "colon"
    right: tuple[_Station, ...] = (
        (-92.0, -22.0, -142.0, 24.0),
        (-94.0, -12.0, -118.0, 25.0),
        (-97.0, 4.0, -86.0, 22.0),
        (-96.0, 10.0, -58.0, 21.0),
        (-84.0, -8.0, -48.0, 20.0),
    )
    across: tuple[_Station, ...] = (
        (-84.0, -8.0, -48.0, 20.0),
        (-66.0, -48.0, -46.0, 19.0),
        (-36.0, -68, -50.0, 19.0),
        (0.0, -72.0, -54.0, 18.0),
        (36.0, -68, -40.0, 18.0),
        (68, -50.0, -10.0, 18.0),
        (92.0, -16.0, 16.0, 18.0),
        (100.0, 12.0, 14.0, 17.0),
    )
    down: tuple[_Station, ...] = (
        (100.0, 12.0, 14.0, 17.0),
        (103.0, 26.0, -25.0, 15.0),
        (102.0, 26.0, -70.0, 15.0),
        (96.0, 14.0, -115.0, 15.0),
        (82.0, -18.0, -150.0, 14.0),
    )
    sigmoid: tuple[_Station, ...] = (
        (82.0, -18.0, -150.0, 14.0),
        (54.0, -14.0, -178.0, 14.0),
        (24.0, 4.0, -172.0, 14.0),
        (-8.0, 14.0, -178.0, 14.0),
        (-14.0, 30.0, -196.0, 15.0),
        (2.0, 48.0, -222.0, 17.0),
        (2.0, 44.0, -256.0, 19.0),
        (0.0, 40.0, -284.0, 14.0),
    )
    parts = []
    for name, line in (
        ("ascending", right),
        ("transverse", across),
        ("descending", down),
        ("sigmoid", sigmoid),
    ):
        tube = frame.tube(*_haustra(line), of=of if name != "sigmoid" else "")
        if name == "sigmoid":  # joins the shifted descending colon, ends at a fixed rectum
            tube = Tube(points=(frame.at(line[0][:3], of=of), *tube.points[1:]), radii=tube.radii)
        parts.append(_part(f"colon_{name}", "colon", "colon", Shape(parts=(tube,))))
    gas = frame.tube(
        (-50.0, -66.0, -48.0, 5.0),
        (-20.0, -76.0, -52.0, 9.0),
        (14.0, -77.0, -50.0, 8.0),
        (44.0, -72.0, -34.0, 6.0),
        of=of,
    )
    cecum = frame.tube((-92.0, -32.0, -130.0, 8.0), (-94.0, -22.0, -112.0, 8.0), of=of)
    parts.append(_part("colon_gas", "colon", "gas", Shape(parts=(gas, cecum))))
    return tuple(parts)


def _haustra(line: tuple[_Station, ...]) -> tuple[_Station, ...]:
    """Twice the stations, every second one narrower."""
    dense: list[_Station] = []
    for (x, y, z, r), (x2, y2, z2, r2) in pairwise(line):
        dense.append((x, y, z, r))
        dense.append(((x + x2) / 2.0, (y + y2) / 2.0, (z + z2) / 2.0, 0.82 * (r + r2) / 2.0))
    return (*dense, line[-1])


def _part(name: str, organ: str, tissue: str, shape: Shape) -> Part:
    return Part(name=name, organ=organ, tissue=tissue, shape=shape)
