"""Where lesions lie, and the scene of a visit.

Sites are sought on a lattice of visible organs: a ball as large as the lesion ever becomes has to
lie within what it may displace, and apart from all other lesions. Each lesion tries what is most
natural first (all of it within its organ) and then what such tumors also do (bulge into fat,
engulf branches of vessels); what fits nowhere is refused.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt

from operandi.domain.identity import LesionId
from operandi.quantities.errors import DataError
from operandi.simulation.anatomy.frame import axes_along
from operandi.simulation.anatomy.volumes import Lattice
from operandi.simulation.people.lesion import LesionOrgan, LesionState
from operandi.simulation.people.person import Person
from operandi.simulation.scenes.scene import (
    Ellipsoid,
    Motion,
    Part,
    Point,
    Pose,
    Scene,
    Shape,
    Texture,
    Tissue,
)
from operandi.simulation.scenes.shapes import compiled
from operandi.simulation.streams import Stream, generator

_Floats = npt.NDArray[np.float64]
_Bools = npt.NDArray[np.bool_]
_Codes = npt.NDArray[np.int16]

STEP_MM: Final = 4.0
APART_MM: Final = 3.0
"""Least distance between two lesions at their largest. Assumed."""

_ATTEMPTS: Final = 8
_SNUG_FROM: Final = 2  # attempts at random places, before rounder lesions are packed
_SNUG: Final = 0.05
_LOW: Final = (-145.0, -100.0, -310.0)
_HIGH: Final = (145.0, 95.0, 145.0)
_ASPECT: Final = 0.10  # sd of the log of a semi-axis; assumed
_LOBULATION: Final = (0.02, 0.12)  # assumed
_VESSELS: Final = frozenset({"hepatic_veins", "portal_vein", "visceral_arteries", "renal_vessels"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedLesion:
    """Where a lesion lies and how it is shaped, the same at every visit.

    Parameters
    ----------
    id : LesionId
    organ : LesionOrgan
    center : Point
        mm.
    aspect : Point
        Semi-axes over the radius of the sphere of its volume; their product is 1.
    axes : three Point
        Unit vectors of the semi-axes.
    lobulation : float
    seed : int
        Of its surface and of its texture.
    largest_ml : float
        The volume that was made room for.
    """

    id: LesionId
    organ: LesionOrgan
    center: Point
    aspect: Point
    axes: tuple[Point, Point, Point]
    lobulation: float
    seed: int
    largest_ml: float

    @property
    def reach_mm(self) -> float:
        """Radius of a ball around ``center`` that holds the lesion at its largest."""
        return reach_mm(self.largest_ml, aspect=self.aspect, lobulation=self.lobulation)


def reach_mm(volume_ml: float, *, aspect: Point, lobulation: float) -> float:
    """Radius of a ball that holds a lobulated ellipsoid of a volume, mm."""
    return radius_mm(volume_ml) * max(aspect) * (1.0 + lobulation)


def radius_mm(volume_ml: float) -> float:
    """Radius of the sphere of a volume, mm."""
    return float(np.cbrt(3000.0 * volume_ml / (4.0 * np.pi)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tier:
    """What a lesion may begin in and what it may fill.

    Its middle may lie ``outside`` its home by that share of its radius, or has to lie ``within``
    by that share.
    """

    home: frozenset[str]
    room: frozenset[str]
    outside: float = 0.0
    within: float = 0.0


_BOWEL: Final = frozenset({"small_bowel", "colon", "stomach"})
_SOFT: Final = frozenset({"fat", "muscle"})
_SORT_OF: Final = {"node_fat": "fat", "lining_fat": "fat", "ileum": "small_bowel"}
_OUTSIDE: Final = frozenset({"body", "arm_left", "arm_right"})
_NEIGHBORS: Final = frozenset(
    {"lung_right", "lung_left", "gallbladder", "bile_duct", "kidney_right", "adrenal_right", "ribs"}
)
_DISPLACED: Final = frozenset(
    {"node_fat", "lining_fat", "bile_duct", "gallbladder", "spleen", "adrenal_left", "kidney_left"}
)
_LIVER: Final = frozenset({"liver", "hepatic_veins", "portal_branches"})
_BONES: Final = frozenset({"vertebrae", "pelvis"})
_TIERS: Final[Mapping[LesionOrgan, tuple[_Tier, ...]]] = {
    LesionOrgan.LIVER: (
        _Tier(home=frozenset({"liver"}), room=frozenset({"liver"})),
        _Tier(home=_LIVER, room=_LIVER),
        # Large ones bulge the capsule.
        _Tier(
            home=_LIVER,
            room=_LIVER | _BOWEL | _SOFT | _NEIGHBORS,
            within=0.6,
        ),
        _Tier(
            home=_LIVER,
            room=_LIVER | _BOWEL | _SOFT | _VESSELS | _NEIGHBORS,
            within=0.45,
        ),
    ),
    LesionOrgan.PANCREAS: (
        _Tier(home=frozenset({"pancreas"}), room=frozenset({"pancreas", "fat"}), outside=0.3),
        _Tier(
            home=frozenset({"pancreas"}),
            room=frozenset({"pancreas", "fat"}) | _BOWEL | _VESSELS | {"bile_duct"},
            outside=0.7,
        ),
        # Large ones push what lies around.
        _Tier(
            home=frozenset({"pancreas"}),
            room=frozenset({"pancreas"}) | _SOFT | _BOWEL | _VESSELS | _LIVER | _DISPLACED,
            outside=0.9,
        ),
    ),
    LesionOrgan.ILEUM: (
        _Tier(home=frozenset({"ileum"}), room=frozenset({"ileum", "fat", "small_bowel"})),
        _Tier(
            home=frozenset({"ileum"}),
            room=frozenset({"ileum", "fat"}) | _BOWEL | {"visceral_arteries"},
            outside=0.7,
        ),
    ),
    LesionOrgan.LYMPH_NODE: (
        _Tier(home=frozenset({"node_fat"}), room=frozenset({"node_fat", "fat"})),
        _Tier(
            home=frozenset({"node_fat"}),
            room=frozenset({"node_fat", "fat", "muscle", "ileum"}) | _BOWEL | _VESSELS,
        ),
    ),
    LesionOrgan.BONE: (
        _Tier(home=frozenset({"bone_marrow"}), room=_BONES | {"bone_marrow"}),
        _Tier(home=frozenset({"bone_marrow"}), room=_BONES | {"bone_marrow"} | _SOFT),
    ),
    LesionOrgan.PERITONEUM: (
        _Tier(home=frozenset({"lining_fat"}), room=frozenset({"lining_fat", "fat", "node_fat"})),
        _Tier(
            home=frozenset({"lining_fat"}),
            room=frozenset({"lining_fat", "fat", "node_fat", "ileum"}) | _BOWEL | _SOFT,
        ),
    ),
}


def place_lesions(
    person: Person,
    parts: Sequence[Part],
    largest: Mapping[LesionId, tuple[LesionOrgan, float]],
    *,
    seed: int,
) -> tuple[PlacedLesion, ...]:
    """Find a place for every lesion of a person.

    Parameters
    ----------
    person : Person
    parts : sequence of Part
        Of `body_of`.
    largest : mapping of LesionId to (LesionOrgan, float)
        Organ, and the largest volume over all visits, mL, > 0.
    seed : int

    Returns
    -------
    tuple of PlacedLesion
        In the order of *largest*. Primary tumors of the pancreas and ileum begin in their organ
        and may bulge; metastases of the liver lie wholly within it, away from the cava and the
        trunk of the portal vein (those too large bulge its surface); nodes beside aorta, cava and
        mesenteric vessels; bone lesions in the marrow of vertebrae and pelvis; peritoneal ones in
        fat at the wall.

    Raises
    ------
    DataError
        Naming lesion, volume and organ, where a lesion fits nowhere.
    """
    for name, (organ, volume) in largest.items():
        if not (np.isfinite(volume) and volume > 0.0):
            raise DataError(
                f"{name} in {organ.value} needs a largest volume > 0 mL, found {volume}.",
                remedy="Leave out lesions that never exist.",
            )
    if not largest:
        return ()
    sites = _Sites(parts)
    failed = ""
    for attempt in range(_ATTEMPTS):
        placed, failed = _attempt(person, sites, largest, seed=seed, attempt=attempt)
        if not failed:
            return tuple(placed[name] for name in largest)
    organ, volume = largest[LesionId(failed)]
    raise DataError(
        f"{failed} of {volume:.1f} mL (radius {radius_mm(volume):.0f} mm) does not fit into "
        f"{organ.value} of {person.pseudonym} beside {len(largest) - 1} other lesions.",
        remedy="Give a smaller volume or fewer lesions in this organ.",
    )


def _attempt(
    person: Person,
    sites: "_Sites",
    largest: Mapping[LesionId, tuple[LesionOrgan, float]],
    *,
    seed: int,
    attempt: int,
) -> tuple[dict[LesionId, PlacedLesion], str]:
    """Largest first; the second result names the lesion that found no place."""
    placed: dict[LesionId, PlacedLesion] = {}
    order = sorted(largest, key=lambda name: (-largest[name][1], str(name)))
    for name in order:
        organ, volume = largest[name]
        number = list(largest).index(name)
        own = generator(person.number, 1, number, attempt, seed=seed, stream=Stream.PLACEMENT)
        snug = attempt >= _SNUG_FROM
        lesion = _shaped(name, volume, own, organ=organ, uneven=0.3 if snug else 1.0)
        center = sites.center_for(lesion, tuple(placed.values()), own, snug=snug)
        if center is None:
            return placed, str(name)
        placed[name] = PlacedLesion(
            id=lesion.id,
            organ=organ,
            center=center,
            aspect=lesion.aspect,
            axes=lesion.axes,
            lobulation=lesion.lobulation,
            seed=lesion.seed,
            largest_ml=volume,
        )
    return placed, ""


def _shaped(
    name: LesionId,
    volume_ml: float,
    own: np.random.Generator,
    *,
    organ: LesionOrgan,
    uneven: float,
) -> PlacedLesion:
    """A lesion without a place; *uneven* is a factor on how far it is from a sphere."""
    logs = np.clip(own.standard_normal(3), -1.5, 1.5) * _ASPECT * uneven
    a, b, c = (float(value) for value in np.exp(logs - logs.mean()))
    x, y, z = (float(value) for value in own.standard_normal(3))
    return PlacedLesion(
        id=name,
        organ=organ,
        center=(0.0, 0.0, 0.0),
        aspect=(a, b, c),
        axes=axes_along((x, y, z)),
        lobulation=float(own.uniform(*_LOBULATION)) * uneven,
        seed=int(own.integers(2**31)),
        largest_ml=volume_ml,
    )


class _Sites:
    """The lattice of what is visible where, with the kinds of fat and marrow that lesions know."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.lattice = Lattice.filling(np.array(_LOW), np.array(_HIGH), step_mm=STEP_MM)
        self.names: list[str] = ["elsewhere"]
        self.codes: _Codes = np.zeros(self.lattice.shape, dtype=np.int16)
        left = self.lattice.whole()
        for part in reversed(parts):
            if part.organ not in _OUTSIDE:
                found = self.lattice.taken(compiled(part.shape), left)
                if found is not None:
                    block, hit = found
                    self.codes[block][hit] = self._code(_kind(part))
        self._split_fat()
        self._depths: dict[frozenset[str], _Floats] = {}

    def _code(self, kind: str) -> int:
        if kind not in self.names:
            self.names.append(kind)
        return self.names.index(kind)

    def mask(self, kinds: Collection[str]) -> _Bools:
        """Where one of *kinds*, or a special sort of one, is visible."""
        codes = [
            index
            for index, name in enumerate(self.names)
            if name in kinds or _SORT_OF.get(name) in kinds
        ]
        return np.isin(self.codes, codes)

    def distance_to(self, kinds: Collection[str]) -> _Floats:
        """Distance of each place to the nearest of *kinds*, mm."""
        found: _Floats = distance_transform_edt(~self.mask(kinds), sampling=STEP_MM)
        return found

    def depth(self, kinds: frozenset[str]) -> _Floats:
        """Distance of each place of *kinds* to what is not, mm."""
        if kinds not in self._depths:
            depth: _Floats = distance_transform_edt(self.mask(kinds), sampling=STEP_MM)
            self._depths[kinds] = depth
        return self._depths[kinds]

    def _split_fat(self) -> None:
        fat = self.mask({"fat"})
        x, y, z = np.meshgrid(*self.lattice.axes, indexing="ij")
        vessels = self.distance_to({"aorta", "vena_cava"})
        mesentery = self.distance_to({"visceral_arteries", "portal_vein"})
        near = ((vessels < 26.0) & (z < 60.0)) | (
            (mesentery < 22.0) & (z < 0.0) & (np.abs(x) < 50.0)
        )
        wall = self.distance_to({"muscle"})
        lining = (wall < 14.0) & (y < 25.0) & (z < 70.0)
        self.codes[fat & lining] = self._code("lining_fat")
        self.codes[fat & near & (np.abs(x) < 60.0)] = self._code("node_fat")
        ileum = self.mask({"small_bowel"}) & (z < -95.0) & (x < 40.0)
        self.codes[ileum] = self._code("ileum")

    def center_for(
        self,
        lesion: PlacedLesion,
        others: Sequence[PlacedLesion],
        own: np.random.Generator,
        *,
        snug: bool,
    ) -> Point | None:
        """A free place for a lesion, drawn at random from the most natural ones."""
        reach = lesion.reach_mm
        for tier in _TIERS[lesion.organ]:
            room = self.depth(tier.home | tier.room) - 0.5 * STEP_MM
            home = self.mask(tier.home)
            if tier.within:
                home = self.depth(tier.home) >= tier.within * reach
            if tier.outside:
                home = self.distance_to(tier.home) <= tier.outside * reach
            for jitter in (0.5, 0.0):
                # A jitter of half a step along each axis moves by up to 0.87 of a step.
                free = home & (room >= reach + 2.0 * 0.87 * jitter * STEP_MM)
                where = np.argwhere(free)
                if not len(where):
                    continue
                at = np.stack(
                    [axis[where[:, k]] for k, axis in enumerate(self.lattice.axes)], axis=1
                )
                slack = self._slack(at, reach + 1.74 * jitter * STEP_MM, others)
                if not (slack >= 0.0).any():
                    continue
                if snug:
                    # Close to a wall or to another lesion, what room there is lasts longer.
                    slack = np.minimum(slack, room[free] - reach)
                    limit = np.quantile(slack[slack >= 0.0], _SNUG)
                    slack = np.where(slack <= limit, slack, -1.0)
                at = at[slack >= 0.0]
                chosen = at[int(own.integers(len(at)))]
                chosen = chosen + own.uniform(-jitter, jitter, 3) * STEP_MM
                return float(chosen[0]), float(chosen[1]), float(chosen[2])
        return None

    @staticmethod
    def _slack(at: _Floats, reach: float, others: Sequence[PlacedLesion]) -> _Floats:
        """Room between a ball and the nearest of the others, mm; negative where they touch."""
        slack = np.full(len(at), np.inf)
        for other in others:
            distance = np.linalg.norm(at - np.array(other.center), axis=1)
            slack = np.minimum(slack, distance - reach - other.reach_mm - APART_MM)
        return slack


def _kind(part: Part) -> str:
    """What a part counts to: its organ, but marrow of spine and pelvis, and branches by name."""
    if part.tissue == "bone_marrow" and part.organ in _BONES:
        return "bone_marrow"
    if part.name == "portal_branches":
        return "portal_branches"
    return part.organ


def lesion_parts(placed: PlacedLesion, state: LesionState) -> tuple[Part, ...]:
    """A lesion as it is at a visit: the tumor, and its cold core where it has one.

    Its volume is ``state.volume_ml``, that of the core ``state.necrosis`` times it. Tissues are
    named ``"OP-001-L2"`` and ``"OP-001-L2 core"``.

    Raises
    ------
    DataError
        If the state is of another lesion, or larger than there is room for.
    """
    if state.id != placed.id:
        raise DataError(f"The place of {placed.id} was asked for {state.id}.")
    if not 0.0 < state.volume_ml <= placed.largest_ml * 1.001:
        raise DataError(
            f"{state.id} in {placed.organ.value} has {state.volume_ml:.2f} mL; room was made for "
            f"{placed.largest_ml:.2f} mL.",
            remedy="Give place_lesions the largest volume over all visits.",
        )
    name = str(state.id)
    texture = None
    if state.uptake_cv > 0.0:
        texture = Texture(cv=state.uptake_cv, correlation_mm=state.texture_mm, seed=placed.seed)
    parts = [
        Part(
            name=name,
            organ=name,
            tissue=name,
            shape=_lesion_shape(placed, state.volume_ml),
            texture=texture,
        )
    ]
    if state.necrosis > 0.0:
        core = _lesion_shape(placed, state.volume_ml * state.necrosis)
        parts.append(Part(name=f"{name} core", organ=name, tissue=f"{name} core", shape=core))
    return tuple(parts)


def _lesion_shape(placed: PlacedLesion, volume_ml: float) -> Shape:
    radius = radius_mm(volume_ml)
    a, b, c = (radius * factor for factor in placed.aspect)
    return Shape(
        parts=(Ellipsoid(center=placed.center, semi_axes=(a, b, c), axes=placed.axes),),
        lobulation=placed.lobulation,
        lobulation_seed=placed.seed,
    )


def scene_of(
    parts: Sequence[Part],
    placed: Sequence[PlacedLesion],
    states: Sequence[LesionState],
    tissues: Mapping[str, Tissue],
    *,
    motion: Motion,
    pose: Pose,
) -> Scene:
    """The body with its lesions of one visit.

    Raises
    ------
    DataError
        If a lesion has no place, or a part no tissue.
    """
    places = {one.id: one for one in placed}
    homeless = [str(state.id) for state in states if state.id not in places]
    if homeless:
        raise DataError(
            f"No place was found for {', '.join(homeless)}.",
            remedy="Give place_lesions all lesions of all visits.",
        )
    lesions = [part for state in states for part in lesion_parts(places[state.id], state)]
    everything = (*parts, *lesions)
    missing = sorted({part.tissue for part in everything} - set(tissues))
    if missing:
        raise DataError(
            f"These tissues are not described: {', '.join(missing)}.",
            remedy="Add them to the tissues of the scene.",
        )
    return Scene(parts=everything, tissues=tissues, motion=motion, pose=pose)
