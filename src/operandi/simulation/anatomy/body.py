"""A person's body as parts in the order of painting; how it lies and moves.

The order is that of depth: what is painted later fills the voxel. Organs whose volume is known are
brought to it from the last painted to the first, so that each sees what covers it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from operandi.quantities.errors import DataError
from operandi.simulation.anatomy.abdomen import (
    abdominal_vessel_parts,
    adrenal_parts,
    gallbladder_parts,
    kidney_parts,
    liver_parts,
    pancreas_parts,
    spleen_parts,
)
from operandi.simulation.anatomy.bones import bone_parts
from operandi.simulation.anatomy.bowel import (
    colon_parts,
    duodenum_parts,
    small_bowel_parts,
    stomach_parts,
)
from operandi.simulation.anatomy.chest import (
    airway_parts,
    great_vessel_parts,
    heart_parts,
    lung_parts,
)
from operandi.simulation.anatomy.frame import Frame, frame_of
from operandi.simulation.anatomy.head import head_parts, head_wall_parts
from operandi.simulation.anatomy.pelvis import bladder_parts, pelvic_organ_parts
from operandi.simulation.anatomy.volumes import fitted, scaled, thickened
from operandi.simulation.anatomy.wall import wall_parts
from operandi.simulation.people.person import Person
from operandi.simulation.scenes.scene import Motion, Part, Point, Pose, Tube
from operandi.simulation.streams import Stream, generator, normals

_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]

DIAPHRAGM_MM: Final = (13.0, 5.0, 5.0, 27.0)
"""Mean, standard deviation, least and largest motion of the dome in quiet breathing, mm. Recalled:
AAPM Task Group 76 (Med Phys 33:3874, 2006) tabulates liver 13 +- 5 mm and others of 10 to 25."""

FORWARD_OVER_DIAPHRAGM: Final = (0.35, 0.08)
"""Motion of the abdominal wall over that of the dome, mean and standard deviation. Assumed, after
2.3 mm to the front for 5.3 mm downwards of the liver (Radiat Oncol 12, 2017, 99 patients)."""

HEART_INWARD: Final = (0.334, 0.043, 25.0)
"""Inward motion of the endocardium over the radius, mean and standard deviation of 120 healthy
people (J Cardiovasc Dev Dis 10:474, 2023), and the radius, mm, assumed."""

POSE_SD: Final = (4.0, 4.0, 6.0, 1.2)
"""Repositioning between visits: standard deviations along x, y, z, mm, and of each angle, degree.
Assumed."""


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """Parts that are painted together; ``draw`` gives them at a factor on their size.

    Without an organ the size is that of the frame.
    """

    draw: Callable[[float], tuple[Part, ...]]
    organ: str = ""


def body_of(person: Person, *, body_mass_kg: float, head: bool, seed: int) -> tuple[Part, ...]:
    """The parts of a person at a body mass, at end-expiration and end-diastole, arms down.

    Parameters
    ----------
    person : Person
    body_mass_kg : float
        At this visit. It changes the fat beneath the skin alone.
    head : bool
        Whether head and neck are drawn; without them the body ends above the thorax inlet.
    seed : int

    Returns
    -------
    tuple of Part
        In the order of painting; visible volumes are those of ``person.organ_volume_ml``.

    Raises
    ------
    DataError
        If an organ's volume is missing or the mass is not this person's.
    """
    missing = sorted(set(_FITTED) - set(person.organ_volume_ml))
    if missing:
        raise DataError(
            f"{person.pseudonym} has no volume of {', '.join(missing)}.",
            remedy="Give organ_volume_ml of every organ of Person.",
        )
    frame = frame_of(person, body_mass_kg=body_mass_kg, seed=seed)
    volumes = tuple((organ, float(person.organ_volume_ml[organ])) for organ in _FITTED)
    # Fat does not touch the organs: visits of a person share what took long to fit.
    key = (person.number, person.pseudonym, seed, frame.female, frame.girth, frame.tall, head)
    inner = _inner_parts(_Keyed(key, frame), volumes)
    wall = wall_parts(frame)
    if head:
        wall = (*wall, *head_wall_parts(frame))
    arms = {part.name: part for part in bone_parts(frame, head=head)}
    # Bones of the arms move aside with fat.
    return (*wall, *(arms.get(part.name, part) for part in inner))


_FITTED: Final = (
    "lung_left",
    "lung_right",
    "heart",
    "stomach",
    "liver",
    "spleen",
    "kidney_left",
    "kidney_right",
    "adrenal_left",
    "adrenal_right",
    "pancreas",
    "urinary_bladder",
)


class _Keyed:
    """A frame that counts as equal to those that differ in fat alone."""

    def __init__(self, key: tuple[object, ...], frame: Frame) -> None:
        self.key, self.frame = key, frame

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Keyed) and other.key == self.key


@lru_cache(maxsize=8)
def _inner_parts(keyed: _Keyed, volumes: tuple[tuple[str, float], ...]) -> tuple[Part, ...]:
    frame, head = keyed.frame, bool(keyed.key[-1])
    return _brought_to_volume(_drawn(frame, head=head), dict(volumes))


def _drawn(frame: Frame, *, head: bool) -> list[_Group]:
    """All but the wall in the order of painting; what has a volume as a function of its size."""
    lungs = lung_parts(frame)
    drawn: list[_Group] = [
        _stretch("lung_left", lungs["lung_left"], about=frame.at((48.0, 10.0, 180.0))),
        _stretch("lung_right", lungs["lung_right"], about=frame.at((-48.0, 10.0, 180.0))),
        _plain(airway_parts(frame)),
        _stretch("heart", heart_parts(frame), about=frame.at((4.0, -26.0, 172.0))),
        _plain(small_bowel_parts(frame)),
        _plain(colon_parts(frame)),
        _thicken("stomach", stomach_parts(frame)),
        _stretch("liver", liver_parts(frame), about=frame.at((-80.0, 0.0, 70.0), of="liver")),
        _stretch("spleen", spleen_parts(frame), about=frame.at((110.0, 46.0, 64), of="spleen")),
    ]
    for side in ("left", "right"):
        kidney = kidney_parts(frame, side=side)
        drawn.append(_thicken(f"adrenal_{side}", adrenal_parts(frame, side=side)))
        drawn.append(_stretch(f"kidney_{side}", kidney, about=_center(kidney[0])))
    drawn += [
        _plain(gallbladder_parts(frame)),
        _plain(duodenum_parts(frame)),
        _thicken("pancreas", pancreas_parts(frame)),
        _plain(abdominal_vessel_parts(frame)),
        _plain(great_vessel_parts(frame)),
        _plain(pelvic_organ_parts(frame)),
    ]
    bladder = bladder_parts(frame)
    drawn.append(_stretch("urinary_bladder", bladder, about=_center(bladder[0])))
    drawn.append(_plain(bone_parts(frame, head=head)))
    if head:
        drawn.append(_plain(head_parts(frame)))
    return drawn


def _center(part: Part) -> Point:
    first = part.shape.parts[0]
    if isinstance(first, Tube) or not hasattr(first, "center"):
        raise TypeError(f"{part.name} begins with no ellipsoid")
    return first.center


def _plain(parts: tuple[Part, ...]) -> _Group:
    return _Group(lambda _: parts)


def _stretch(organ: str, parts: tuple[Part, ...], *, about: Point) -> _Group:
    return _Group(lambda by: tuple(scaled(part, about=about, by=by) for part in parts), organ)


def _thicken(organ: str, parts: tuple[Part, ...]) -> _Group:
    return _Group(lambda by: tuple(thickened(part, by=by) for part in parts), organ)


def _brought_to_volume(drawn: Sequence[_Group], volumes: dict[str, float]) -> tuple[Part, ...]:
    done: tuple[Part, ...] = ()
    for group in reversed(drawn):
        if group.organ:
            volume = volumes[group.organ]
            parts = fitted(group.organ, group.draw, done, volume_ml=volume)
        else:
            parts = group.draw(1.0)
        done = (*parts, *done)
    return done


def pose_of(person: Person, *, visit: int, seed: int) -> Pose:
    """How a person lies at a visit, counted from 0."""
    own = generator(person.number, visit, seed=seed, stream=Stream.POSE)
    x, y, z, turn = POSE_SD
    scores = np.clip(own.standard_normal(6), -2.5, 2.5) * np.array([x, y, z, turn, turn, turn])
    shift = [float(value) for value in scores]
    return Pose(shift_mm=(shift[0], shift[1], shift[2]), turn_degree=(shift[3], shift[4], shift[5]))


def motion_of(person: Person, *, seed: int) -> Motion:
    """How far a person's organs move, the same at every visit."""
    z = np.clip(
        normals(1, 3, seed=seed, stream=Stream.MOTION, first_row=person.number)[0], -2.5, 2.5
    )
    mean, spread, least, largest = DIAPHRAGM_MM
    diaphragm = float(np.clip(mean + spread * z[0], least, largest))
    share, share_spread = FORWARD_OVER_DIAPHRAGM
    inward, inward_spread, radius = HEART_INWARD
    frame = frame_of(person, body_mass_kg=person.body_mass_kg, seed=seed)
    return Motion(
        diaphragm_mm=diaphragm,
        heart_center=frame.at((12.0, -36.0, 154.0), of="heart"),
        heart_radius_mm=40.0 * frame.size,
        chest_mm=(132.0 * frame.girth, 83.0 * frame.girth),
        spine_y_mm=50.0 * frame.girth,
        forward_mm=float(diaphragm * max(share + share_spread * z[1], 0.1)),
        heart_mm=float(radius * (inward + inward_spread * z[2])),
    )


def liver_segment(parts: Sequence[Part], points: npt.ArrayLike) -> _Ints:
    """Couinaud's segment of points in the liver, 1 to 8.

    The planes are upright, through the cava and the hepatic veins: right (5, 8 | 6, 7), middle
    (4 | 5, 8) and left (2, 3 | 4); the right fork of the portal vein divides 7, 8 from 6, 5, the
    left one 2 from 3. Segment 1 lies behind, between cava and left portal vein.

    Parameters
    ----------
    parts : sequence of Part
        Of `body_of`.
    points : (n, 3)
        mm; those outside of the liver get the segment they would belong to.
    """
    by_name = {part.name: part for part in parts}
    veins = [_line(by_name["hepatic_veins"], index) for index in range(3)]
    right_fork, left_fork = (_line(by_name["portal_branches"], index) for index in (0, 2))
    at = np.asarray(points, dtype=np.float64).reshape(-1, 3)
    cava = veins[0][0]
    azimuth = _azimuth(at - cava)
    right, middle, left = (float(_azimuth(vein[-1:] - cava)[0]) for vein in veins)
    upper_right = at[:, 2] > right_fork[1][2]
    upper_left = at[:, 2] > left_fork[-1][2]
    segment = np.where(
        azimuth > right,
        np.where(upper_right, 7, 6),
        np.where(
            azimuth > middle,
            np.where(upper_right, 8, 5),
            np.where(azimuth > left, 4, np.where(upper_left, 2, 3)),
        ),
    )
    caudate = (
        (at[:, 1] > left_fork[1][1]) & (at[:, 0] > cava[0] - 14.0) & (at[:, 0] < cava[0] + 45.0)
    )
    return np.where(caudate, 1, segment).astype(np.int64)


def _line(part: Part, index: int) -> _Floats:
    tube = part.shape.parts[index]
    if not isinstance(tube, Tube):
        raise TypeError(f"{part.name} is no tube")
    return np.asarray(tube.points)


def _azimuth(offset: _Floats) -> _Floats:
    """Angle about the cava from the patient's left over the front to the right, radian."""
    angle = np.arctan2(-offset[:, 1], offset[:, 0])  # left 0, front pi/2, right pi, back beyond
    return np.where(angle < -np.pi / 2.0, angle + 2.0 * np.pi, angle)
