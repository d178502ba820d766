"""Simulated constellations of lesions with known identity, shared by tests and benchmark.

The misregistration is smooth and not affine, and not of the matching's own model: a sum of plane
waves, scaled to the stated root mean square length over the lesions, after the best affine map has
been taken out where there are lesions enough. Lesions come in clusters (in a liver, along a spine,
anywhere). Three worlds, from easy to hard, differ in the waves, the share in the liver and how near
lesions lie; the last also leaves a common shift of 20 mm, as of scans that were not registered.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from operandi.domain.identity import LesionId, TimepointCode
from operandi.imaging.lesions.tracking.visit_lesions import ObservedLesion, VisitLesions

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """How a constellation lies and deforms."""

    in_liver: float
    least_apart_mm: float
    waves_mm: tuple[float, float]
    shift_mm: float = 0.0


WORLDS = {
    "scattered": World(in_liver=0.4, least_apart_mm=12.0, waves_mm=(150.0, 400.0)),
    "dense": World(in_liver=0.75, least_apart_mm=12.0, waves_mm=(100.0, 300.0)),
    "crowded, shifted": World(
        in_liver=0.95, least_apart_mm=12.0, waves_mm=(80.0, 250.0), shift_mm=20.0
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """Two visits and who is who."""

    before: VisitLesions
    after: VisitLesions
    same: frozenset[tuple[LesionId, LesionId]]
    resolved: frozenset[LesionId]
    new: frozenset[LesionId]


def a_place(rng: np.random.Generator, world: World) -> Array:
    """Position in the liver, along the spine or anywhere in the trunk, mm."""
    where = (rng.random() - world.in_liver) / (1.0 - world.in_liver)
    if where < 0:
        direction = rng.normal(size=3)
        radius = rng.random() ** (1 / 3)
        liver: Array = radius * direction / np.linalg.norm(direction) * [95.0, 70.0, 75.0]
        liver += [-60.0, -20.0, 0.0]
        return liver
    if where < 0.5:
        return np.array([rng.normal(0, 12), rng.normal(60, 8), rng.uniform(-250, 350)])
    return rng.uniform([-170, -90, -300], [170, 90, 400])


def places(
    rng: np.random.Generator, count: int, taken: list[Array], *, world: World
) -> list[Array]:
    """So many places, no two nearer than two lesions that a PET can tell apart."""
    found = list(taken)
    while len(found) < len(taken) + count:
        place = a_place(rng, world)
        if all(np.linalg.norm(place - one) >= world.least_apart_mm for one in found):
            found.append(place)
    return found[len(taken) :]


def a_deformation(rng: np.random.Generator, points: Array, *, rms_mm: float, world: World) -> Array:
    """Displacement by plane waves, none of it affine where there are nine points or more."""
    shift = np.zeros_like(points)
    for _ in range(6):
        direction = rng.normal(size=3)
        wave = direction / np.linalg.norm(direction) * 2 * math.pi / rng.uniform(*world.waves_mm)
        shift += np.sin(points @ wave + rng.uniform(0, 2 * math.pi))[:, None] * rng.normal(size=3)
    if len(points) > 8:
        affine = np.column_stack([points, np.ones(len(points))])
        shift -= affine @ np.linalg.lstsq(affine, shift, rcond=None)[0]
    common = rng.normal(size=3)
    return shift * rms_mm / max(
        float(np.sqrt((shift**2).sum(axis=1).mean())), 1e-9
    ) + world.shift_mm * common / np.linalg.norm(common)


def a_course(
    rng: np.random.Generator,
    *,
    count: int,
    rms_mm: float,
    world: World = WORLDS["dense"],
    lost: float = 0.12,
    appearing: float = 0.12,
) -> Course:
    """Two visits of so many lesions, before any is lost; centers and sizes measured with error."""
    stay = np.array(places(rng, count, [], world=world))
    come = int(rng.binomial(count, appearing))
    everything = np.vstack([stay, *places(rng, come, list(stay), world=world)])
    gone = rng.random(count) < lost
    volume = np.exp(rng.normal(math.log(3.0), 0.9, size=len(everything)))
    suv = np.exp(rng.normal(math.log(18.0), 0.5, size=len(everything)))
    response = np.exp(rng.normal([-0.2, -0.2], [0.3, 0.25]))
    moved = everything + a_deformation(rng, everything, rms_mm=rms_mm, world=world)
    names = [LesionId(f"B{number:02d}") for number in rng.permutation(count)]
    names += [LesionId("")] * come
    later = [LesionId(f"A{number:02d}") for number in rng.permutation(len(everything))]
    before, after = [], []
    for at in range(len(everything)):
        change = response * np.exp(rng.normal([0, 0], [0.4, 0.3]))
        if at < count:
            before.append(_seen(rng, names[at], everything[at], volume[at], suv[at]))
        if at >= count or not gone[at]:
            after.append(
                _seen(rng, later[at], moved[at], volume[at] * change[0], suv[at] * change[1])
            )
    kept = [at for at in range(count) if not gone[at]]
    return Course(
        before=VisitLesions(timepoint=TimepointCode("BASELINE"), lesions=tuple(before)),
        after=VisitLesions(timepoint=TimepointCode("CYCLE2"), lesions=tuple(after)),
        same=frozenset((names[at], later[at]) for at in kept),
        resolved=frozenset(names[at] for at in range(count) if gone[at]),
        new=frozenset(later[at] for at in range(count, len(everything))),
    )


def _seen(
    rng: np.random.Generator, name: LesionId, place: Array, volume_ml: float, suv: float
) -> ObservedLesion:
    x, y, z = (place + rng.normal(0, 1.5, size=3)).tolist()
    return ObservedLesion(
        name=name, center_mm=(x, y, z), volume_ml=float(volume_ml), suv_max=float(suv)
    )
