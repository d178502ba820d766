"""The body: organs of the asked volume at their places, the same person at every visit."""

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

from operandi.domain.grid import Grid
from operandi.domain.identity import Pseudonym
from operandi.domain.participant import Sex
from operandi.quantities.errors import DataError
from operandi.simulation.anatomy.body import (
    DIAPHRAGM_MM,
    body_of,
    liver_segment,
    motion_of,
    pose_of,
)
from operandi.simulation.anatomy.frame import axes_along, subcutaneous_fat_mm
from operandi.simulation.anatomy.volumes import Lattice, uncovered
from operandi.simulation.people.person import Person, Primary
from operandi.simulation.scenes.labels import volume_ml
from operandi.simulation.scenes.painting import Occupancy, paint
from operandi.simulation.scenes.scene import HalfSpace, Motion, Part, Pose, Scene, Shape, Tube
from operandi.simulation.scenes.shapes import compiled, inside

VOLUMES_ML = {
    "liver": 1700.0,
    "spleen": 230.0,
    "kidney_left": 190.0,
    "kidney_right": 185.0,
    "pancreas": 85.0,
    "lung_left": 1500.0,
    "lung_right": 1750.0,
    "heart": 780.0,
    "adrenal_left": 5.5,
    "adrenal_right": 5.0,
    "urinary_bladder": 150.0,
    "stomach": 380.0,
}
LOW, HIGH = np.array([-180.0, -120.0, -320.0]), np.array([180.0, 120.0, 330.0])
STILL = Motion(diaphragm_mm=0.0, forward_mm=0.0, heart_mm=0.0)


def a_person(**changes: object) -> Person:
    person = Person(
        number=3,
        pseudonym=Pseudonym("OP-004"),
        site="DE-01",
        sex=Sex.MALE,
        age_years=62.0,
        height_m=1.76,
        body_mass_kg=78.0,
        primary=Primary.PANCREAS,
        organ_volume_ml=MappingProxyType(VOLUMES_ML),
    )
    return replace(person, **changes)  # type: ignore[arg-type]


def a_woman() -> Person:
    smaller = {organ: 0.8 * volume for organ, volume in VOLUMES_ML.items()}
    smaller["spleen"] = 330.0  # larger than her frame would have it
    return a_person(
        number=8,
        sex=Sex.FEMALE,
        height_m=1.6,
        body_mass_kg=64.0,
        organ_volume_ml=MappingProxyType(smaller),
    )


def a_body(person: Person, **changes: float) -> tuple[Part, ...]:
    mass = changes.get("body_mass_kg", person.body_mass_kg)
    return body_of(person, body_mass_kg=mass, head=False, seed=5)


def painted(parts: tuple[Part, ...], *, step_mm: float = 4.0) -> Occupancy:
    affine = np.diag([step_mm, step_mm, step_mm, 1.0])
    affine[:3, 3] = (-180.0, -130.0, -290.0)
    shape = tuple(int(np.ceil(extent / step_mm)) for extent in (360.0, 260.0, 640.0))
    grid = Grid(shape=(shape[0], shape[1], shape[2]), affine=affine)
    return paint(Scene(parts=parts, tissues={}, motion=STILL, pose=Pose()), grid)


def middle_of(parts: tuple[Part, ...], organ: str) -> np.ndarray:
    """Centroid of an organ as painted over by nothing."""
    lattice = Lattice.filling(LOW, HIGH, step_mm=6.0)
    left = uncovered(lattice, [compiled(part.shape) for part in parts if part.organ == organ])
    at = [axis[index] for axis, index in zip(lattice.axes, np.nonzero(left == 0.0), strict=True)]
    return np.asarray(np.stack(at, axis=1).mean(axis=0))


@pytest.fixture(scope="module")
def man() -> tuple[Part, ...]:
    return a_body(a_person())


@pytest.mark.parametrize("person", [a_person(), a_woman()], ids=["man", "woman"])
def test_painted_organs_have_the_volumes_that_were_asked_within_3_percent(person: Person) -> None:
    occupancy = painted(a_body(person))

    for organ, wanted in person.organ_volume_ml.items():
        assert volume_ml(occupancy, organ) == pytest.approx(wanted, rel=0.03), organ


def test_organs_lie_where_anatomy_has_them(man: tuple[Part, ...]) -> None:
    at = {
        organ: middle_of(man, organ)
        for organ in (
            "liver",
            "spleen",
            "stomach",
            "kidney_left",
            "kidney_right",
            "aorta",
            "vena_cava",
            "vertebrae",
            "urinary_bladder",
            "heart",
            "colon",
        )
    }
    assert at["liver"][0] < -30.0 < 30.0 < at["stomach"][0] < at["spleen"][0]  # right, left
    assert at["spleen"][1] > 20.0 > at["stomach"][1]  # spleen at the back
    assert at["kidney_right"][0] < at["vertebrae"][0] < at["kidney_left"][0]
    assert at["kidney_right"][2] < at["kidney_left"][2] + 10.0
    assert at["vena_cava"][0] < at["aorta"][0]
    assert at["heart"][2] > at["liver"][2] > at["colon"][2] > at["urinary_bladder"][2]
    assert at["vertebrae"][1] > at["aorta"][1]


def test_names_of_parts_are_unique_and_marrow_lies_in_cortex(man: tuple[Part, ...]) -> None:
    names = [part.name for part in man]
    assert len(set(names)) == len(names)
    by_name = {part.name: part for part in man}
    for name, part in by_name.items():
        if part.tissue == "bone_marrow":
            outer = by_name[name.removesuffix("_marrow")]
            first = part.shape.parts[0]
            assert not isinstance(first, HalfSpace)
            # The joint is cut out of both in the hip.
            probes = first.points if isinstance(first, Tube) else (first.center,)
            assert inside(Shape(parts=outer.shape.parts), probes).all(), name
            assert names.index(outer.name) < names.index(name)


def test_mass_changes_fat_alone(man: tuple[Part, ...]) -> None:
    thinner = a_body(a_person(), body_mass_kg=70.0)

    changed = {(new.name, new.organ) for old, new in zip(man, thinner, strict=True) if old != new}
    assert {name for name, organ in changed if not organ.startswith("arm_")} == {"body"}
    assert [part.name for part in man] == [part.name for part in thinner]


def test_the_fat_of_another_mass_has_the_mass_difference() -> None:
    """By hand: 8 kg of which 78 % lie beneath the skin, over 0.9 g/mL and 1.944 m2, times 1.3.

    Surface of Du Bois for 78 kg and 176 cm: 0.007184 * 78^0.425 * 176^0.725 = 1.943 m2.
    """
    person = a_person()
    difference = subcutaneous_fat_mm(person, body_mass_kg=78.0) - subcutaneous_fat_mm(
        person, body_mass_kg=70.0
    )
    assert difference == pytest.approx(1.3 * 8.0 * 0.78 / 0.9 / 1.943, rel=2e-3)


def test_refuses_a_mass_below_the_lean_mass() -> None:
    with pytest.raises(DataError, match=r"OP-004 has .* kg without fat"):
        a_body(a_person(), body_mass_kg=45.0)


def test_refuses_a_person_without_a_liver_volume() -> None:
    volumes = {organ: volume for organ, volume in VOLUMES_ML.items() if organ != "liver"}
    with pytest.raises(DataError, match="has no volume of liver"):
        a_body(a_person(organ_volume_ml=volumes))


def test_the_same_seed_gives_the_same_body_and_another_seed_another() -> None:
    person = a_person()
    first, again = a_body(person), a_body(person)
    other = body_of(person, body_mass_kg=person.body_mass_kg, head=False, seed=6)

    assert first == again
    assert first != other


def test_sexes_differ_in_their_pelvic_organ() -> None:
    man_part = next(part for part in a_body(a_person()) if part.organ == "pelvic_organ")
    woman_part = next(part for part in a_body(a_woman()) if part.organ == "pelvic_organ")

    assert len(man_part.shape.parts) == 3  # prostate and two vesicles
    assert len(woman_part.shape.parts) == 4  # womb, neck of the womb, two ovaries


def test_the_head_is_drawn_when_asked(man: tuple[Part, ...]) -> None:
    person = a_person()
    with_head = body_of(person, body_mass_kg=person.body_mass_kg, head=True, seed=5)

    heads = {"brain", "skull", "pituitary", "salivary_glands", "thyroid"}
    assert heads <= {part.organ for part in with_head}
    assert not heads & {part.organ for part in man}


def test_liver_segments_lie_as_couinaud_numbered_them(man: tuple[Part, ...]) -> None:
    points = np.array(
        [
            [-95.0, 45.0, 80.0],  # right, back, high
            [-95.0, 40.0, -10.0],  # right, back, low
            [-85.0, -35.0, 90.0],  # right, front, high
            [-80.0, -45.0, 0.0],  # right, front, low
            [-25.0, -65.0, 45.0],  # beside the gallbladder's plane
            [50.0, -48.0, 85.0],  # left, high
            [50.0, -52.0, 45.0],  # left, low
            [-10.0, 0.0, 60.0],  # before the cava
        ]
    )
    assert liver_segment(man, points).tolist() == [7, 6, 8, 5, 4, 2, 3, 1]


def test_motion_is_that_of_the_published_range_and_the_same_at_every_visit() -> None:
    people = [a_person(number=number) for number in range(500)]
    motions = [motion_of(person, seed=5) for person in people]

    domes = np.array([motion.diaphragm_mm for motion in motions])
    mean, spread, least, largest = DIAPHRAGM_MM
    assert domes.mean() == pytest.approx(mean, abs=4 * spread / np.sqrt(500))
    assert domes.std() == pytest.approx(spread, rel=0.15)
    assert domes.min() >= least
    assert domes.max() <= largest
    hearts = np.array([motion.heart_mm for motion in motions])
    # J Cardiovasc Dev Dis 10:474, 2023: 33.4 +- 4.3 % of the radius, here of 25 mm.
    assert hearts.mean() / 25.0 == pytest.approx(0.334, abs=4 * 0.043 / np.sqrt(500))
    assert motions[3] == motion_of(people[3], seed=5)


def test_a_person_lies_differently_at_each_visit() -> None:
    poses = [pose_of(a_person(), visit=visit, seed=5) for visit in range(3)]

    assert len(set(poses)) == 3
    assert poses[1] == pose_of(a_person(), visit=1, seed=5)
    assert all(abs(value) <= 15.0 for pose in poses for value in pose.shift_mm)


@pytest.mark.parametrize("long", [(0.0, 0.0, 1.0), (1.0, 0.0, 0.0), (-0.2, 0.7, 0.4)])
def test_axes_are_right_handed_unit_vectors(long: tuple[float, float, float]) -> None:
    axes = np.array(axes_along(long))

    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(axes) == pytest.approx(1.0)
    np.testing.assert_allclose(axes[2], np.array(long) / np.linalg.norm(long))
