"""How large a body is: reference anatomy is drawn once and stretched to a person.

The reference is a man of 1.76 m with the mean organs of `REFERENCE_TRUNK_ML`. Lengths without a
source in the modules ``body_*`` are assumed: they were drawn after atlases of cross-sectional
anatomy and checked by eye, organ volumes by number.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from operandi.domain.participant import Sex
from operandi.quantities.errors import DataError
from operandi.simulation.people.person import Person
from operandi.simulation.scenes.scene import Ellipsoid, Point, Tube
from operandi.simulation.streams import Stream, generator

REFERENCE_HEIGHT_M: Final = 1.76
REFERENCE_TRUNK_ML: Final = 6860.0
"""Lungs, heart, liver, spleen, kidneys and stomach of the mean man of ``persons``."""

_TRUNK: Final = (
    "lung_left",
    "lung_right",
    "heart",
    "liver",
    "spleen",
    "kidney_left",
    "kidney_right",
    "stomach",
)
_GIRTH_RANGE: Final = (0.82, 1.2)  # assumed: beyond it, organs press into each other instead
_SUBCUTANEOUS_SHARE: Final = {Sex.FEMALE: 0.85, Sex.MALE: 0.78}  # of all fat; assumed
_TRUNK_OVER_MEAN: Final = 1.3  # thickness on the trunk over that of the whole skin; assumed
_FAT_G_ML: Final = 0.9  # recalled: density of adipose lipid at body temperature
_THINNEST_MM: Final = 2.0  # assumed: skin alone
_LEAST_FAT: Final = 0.03  # of the mass; assumed

VARYING: Final[Mapping[str, Point]] = {
    "liver": (4.0, 4.0, 6.0),
    "spleen": (3.0, 6.0, 7.0),
    "kidney_left": (4.0, 4.0, 9.0),
    "kidney_right": (4.0, 4.0, 9.0),
    "pancreas": (3.0, 2.0, 5.0),
    "stomach": (5.0, 4.0, 7.0),
    "colon": (4.0, 4.0, 8.0),
    "heart": (4.0, 3.0, 4.0),
    "urinary_bladder": (3.0, 3.0, 3.0),
}
"""Standard deviation of an organ's place along x, y and z, mm. Assumed (kidneys: between T11 and
L3 in most people, the right one lower by about 15 mm, recalled)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What turns the reference body into a person's.

    Parameters
    ----------
    female : bool
    girth, tall : float
        Factors on x and y, and on z.
    fat_mm : float
        Of the fat beneath the skin of the trunk, mean.
    shift : mapping of str to Point
        Own place of each organ of ``VARYING``, mm.
    loops : tuple of float
        Uniform numbers for what winds: bowel, haustra.
    """

    female: bool
    girth: float
    tall: float
    fat_mm: float
    shift: Mapping[str, Point]
    loops: tuple[float, ...]

    @property
    def size(self) -> float:
        """Factor on lengths without a direction."""
        return float(np.cbrt(self.girth**2 * self.tall))

    def at(self, point: Point, *, of: str = "") -> Point:
        """A point of the reference body in this one; *of* an organ with a place of its own."""
        x, y, z = point
        dx, dy, dz = self.shift.get(of, (0.0, 0.0, 0.0))
        return x * self.girth + dx, y * self.girth + dy, z * self.tall + dz

    def ellipsoid(
        self,
        center: Point,
        semi_axes: Point,
        *,
        long: Point | None = None,
        exponent: float = 2.0,
        of: str = "",
        scale: float = 1.0,
    ) -> Ellipsoid:
        """An ellipsoid of the reference body in this one.

        Parameters
        ----------
        center, semi_axes : Point
        long : Point, optional
            Where the third semi-axis points.
        exponent : float
        of : str
            Organ whose shift applies.
        scale : float
            On the semi-axes.
        """
        a, b, c = semi_axes
        factors = (self.girth, self.girth, self.tall) if long is None else (self.size,) * 3
        return Ellipsoid(
            center=self.at(center, of=of),
            semi_axes=(a * factors[0] * scale, b * factors[1] * scale, c * factors[2] * scale),
            axes=_UPRIGHT if long is None else axes_along(long),
            exponent=exponent,
        )

    def tube(
        self, *stations: tuple[float, float, float, float], of: str = "", thicker: float = 1.0
    ) -> Tube:
        """A tube through stations ``(x, y, z, radius)``; *thicker* is a factor on the radii."""
        return Tube(
            points=tuple(self.at((x, y, z), of=of) for x, y, z, _ in stations),
            radii=tuple(radius * self.size * thicker for *_, radius in stations),
        )


_UPRIGHT: Final = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def axes_along(long: Point) -> tuple[Point, Point, Point]:
    """Right-handed unit vectors whose third points along *long* and first lies near x."""
    third = np.asarray(long, dtype=np.float64)
    third = third / np.linalg.norm(third)
    near = np.array([1.0, 0.0, 0.0]) if abs(third[0]) < 0.9 else np.array([0.0, 1.0, 0.0])
    first = near - third * float(near @ third)
    first = first / np.linalg.norm(first)
    second = np.cross(third, first)
    return _point(first), _point(second), _point(third)


def _point(vector: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Point:
    return float(vector[0]), float(vector[1]), float(vector[2])


def frame_of(person: Person, *, body_mass_kg: float, seed: int) -> Frame:
    """The frame of a person at a mass; only ``fat_mm`` depends on the mass.

    Raises
    ------
    DataError
        If the mass leaves no fat, or is implausible.
    """
    organs = sum(person.organ_volume_ml[organ] for organ in _TRUNK)
    tall = person.height_m / REFERENCE_HEIGHT_M
    girth = float(np.clip(np.sqrt(organs / REFERENCE_TRUNK_ML / tall), *_GIRTH_RANGE))
    own = generator(person.number, 0, seed=seed, stream=Stream.PLACEMENT)
    scores = np.clip(own.standard_normal((len(VARYING), 3)), -2.0, 2.0)
    return Frame(
        female=person.sex is Sex.FEMALE,
        girth=girth,
        tall=tall,
        fat_mm=subcutaneous_fat_mm(person, body_mass_kg=body_mass_kg),
        shift={
            organ: _point(scores[row] * np.array(spread))
            for row, (organ, spread) in enumerate(VARYING.items())
        },
        loops=tuple(float(number) for number in own.random(400)),
    )


def subcutaneous_fat_mm(person: Person, *, body_mass_kg: float) -> float:
    """Mean thickness of fat beneath the skin of the trunk, mm.

    Fat mass at the first visit is that of Deurenberg [1]_, ``1.20 BMI + 0.23 age - 10.8 male -
    5.4`` percent; later mass changes are fat alone. It is spread over the body surface of Du Bois
    [2]_, thicker on the trunk (assumed).

    Raises
    ------
    DataError
        If the mass is below the lean mass of this person, or more than twice the mass at first.

    References
    ----------
    .. [1] Deurenberg et al., Br J Nutr 65:105, 1991.
    .. [2] Du Bois, Arch Intern Med 17:863, 1916 (recalled).
    """
    male = person.sex is Sex.MALE
    bmi = person.body_mass_kg / person.height_m**2
    percent = 1.20 * bmi + 0.23 * person.age_years - 10.8 * male - 5.4
    at_first = person.body_mass_kg * max(percent / 100.0, _LEAST_FAT)
    fat_kg = at_first + body_mass_kg - person.body_mass_kg
    if not _LEAST_FAT * body_mass_kg <= fat_kg <= at_first + person.body_mass_kg:
        lean = person.body_mass_kg - at_first
        raise DataError(
            f"{person.pseudonym} has {lean:.1f} kg without fat and {person.body_mass_kg:.1f} kg at "
            f"the first visit; {body_mass_kg:.1f} kg is not the same person.",
            remedy="Give a body mass between the two-fold of the first and the lean mass.",
        )
    surface_m2 = 0.007184 * person.body_mass_kg**0.425 * (100.0 * person.height_m) ** 0.725
    liters = fat_kg * _SUBCUTANEOUS_SHARE[person.sex] / _FAT_G_ML
    return float(max(_THINNEST_MM, _TRUNK_OVER_MEAN * liters / surface_m2))
