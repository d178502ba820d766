"""Lesions: inside their organ, apart from each other, as large as their state says."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pytest

from operandi.domain.grid import Grid
from operandi.domain.identity import LesionId
from operandi.quantities.errors import DataError
from operandi.simulation.anatomy.placement import (
    PlacedLesion,
    lesion_parts,
    place_lesions,
    radius_mm,
    scene_of,
)
from operandi.simulation.people.lesion import LesionOrgan, LesionState
from operandi.simulation.scenes.labels import volume_ml
from operandi.simulation.scenes.painting import paint
from operandi.simulation.scenes.scene import Motion, Part, Pose, Scene, Tissue
from operandi.simulation.scenes.shapes import inside, signed_distance_mm
from tests.simulation.anatomy.test_body import a_body, a_person

STILL = Motion(diaphragm_mm=0.0, forward_mm=0.0, heart_mm=0.0)
LARGEST: Mapping[LesionId, tuple[LesionOrgan, float]] = {
    LesionId("OP-004-L1"): (LesionOrgan.PANCREAS, 12.0),
    LesionId("OP-004-L2"): (LesionOrgan.LIVER, 40.0),
    LesionId("OP-004-L3"): (LesionOrgan.LIVER, 15.0),
    LesionId("OP-004-L4"): (LesionOrgan.LIVER, 2.0),
    LesionId("OP-004-L5"): (LesionOrgan.LIVER, 8.0),
    LesionId("OP-004-L6"): (LesionOrgan.LYMPH_NODE, 4.0),
    LesionId("OP-004-L7"): (LesionOrgan.BONE, 3.0),
    LesionId("OP-004-L8"): (LesionOrgan.PERITONEUM, 2.0),
    LesionId("OP-004-L9"): (LesionOrgan.ILEUM, 3.0),
}


def a_state(
    name: str = "OP-004-L2", *, volume_ml: float = 40.0, necrosis: float = 0.0
) -> LesionState:
    return LesionState(
        id=LesionId(name),
        organ=LesionOrgan.LIVER,
        volume_ml=volume_ml,
        suv=16.5,
        uptake_cv=0.3,
        texture_mm=8.0,
        necrosis=necrosis,
        adc_mm2_s=1.0e-3,
        stiffness_kpa=8.0,
        ktrans_per_min=0.3,
    )


def a_tissue() -> Tissue:
    return Tissue(
        suv=1.0,
        mu_per_cm=0.096,
        proton_density=1.0,
        t1_ms=900.0,
        t2_ms=50.0,
        t2_star_ms=25.0,
        fat_fraction=0.0,
        adc_mm2_s=1e-3,
        perfusion_fraction=0.1,
        pseudo_diffusion_mm2_s=0.05,
        ktrans_per_min=0.1,
        ve=0.2,
        vp=0.05,
        stiffness_kpa=2.0,
        loss_angle_rad=0.2,
    )


@pytest.fixture(scope="module")
def body() -> tuple[Part, ...]:
    return a_body(a_person())


@pytest.fixture(scope="module")
def placed(body: tuple[Part, ...]) -> tuple[PlacedLesion, ...]:
    return place_lesions(a_person(), body, LARGEST, seed=5)


def surface_points(lesion: PlacedLesion) -> np.ndarray:
    """Points on the ball that holds the lesion."""
    directions = np.random.default_rng(1).standard_normal((400, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return np.asarray(np.array(lesion.center) + lesion.reach_mm * directions)


def test_every_lesion_has_a_place_in_the_order_of_asking(placed: tuple[PlacedLesion, ...]) -> None:
    assert [lesion.id for lesion in placed] == list(LARGEST)
    assert [lesion.largest_ml for lesion in placed] == [volume for _, volume in LARGEST.values()]


def test_no_two_lesions_touch_at_their_largest(placed: tuple[PlacedLesion, ...]) -> None:
    for one, other in combinations(placed, 2):
        distance = np.linalg.norm(np.array(one.center) - np.array(other.center))
        assert distance > one.reach_mm + other.reach_mm


def test_liver_metastases_lie_wholly_in_the_liver_away_from_cava_and_portal_trunk(
    body: tuple[Part, ...], placed: tuple[PlacedLesion, ...]
) -> None:
    by_name = {part.name: part.shape for part in body}
    for lesion in placed:
        if lesion.organ is LesionOrgan.LIVER:
            points = surface_points(lesion)
            assert inside(by_name["liver"], points).all()
            for vessel in ("vena_cava", "portal_vein"):
                assert not inside(by_name[vessel], points).any()
                assert signed_distance_mm(by_name[vessel], [lesion.center])[0] > 0.0


def test_other_lesions_lie_where_such_tumors_arise(
    body: tuple[Part, ...], placed: tuple[PlacedLesion, ...]
) -> None:
    by_organ = {lesion.organ: lesion for lesion in placed}

    def nearest_mm(lesion: PlacedLesion, *organs: str, tissue: str = "") -> float:
        return min(
            float(signed_distance_mm(part.shape, [lesion.center])[0])
            for part in body
            if part.organ in organs and tissue in part.tissue
        )

    pancreas = by_organ[LesionOrgan.PANCREAS]
    assert nearest_mm(pancreas, "pancreas") < 0.75 * pancreas.reach_mm
    assert nearest_mm(by_organ[LesionOrgan.BONE], "vertebrae", "pelvis", tissue="marrow") < 0.0
    node = by_organ[LesionOrgan.LYMPH_NODE]
    assert nearest_mm(node, "aorta", "vena_cava", "visceral_arteries", "portal_vein") < 28.0
    assert nearest_mm(node, "aorta", "vena_cava") > 0.0
    ileum = by_organ[LesionOrgan.ILEUM]
    assert nearest_mm(ileum, "small_bowel") < 0.75 * ileum.reach_mm
    assert ileum.center[2] < -80.0


def test_the_same_seed_places_alike_and_another_elsewhere(
    body: tuple[Part, ...], placed: tuple[PlacedLesion, ...]
) -> None:
    assert place_lesions(a_person(), body, LARGEST, seed=5) == placed
    assert place_lesions(a_person(), body, LARGEST, seed=6) != placed


def test_refuses_a_lesion_larger_than_its_organ(body: tuple[Part, ...]) -> None:
    largest = {LesionId("OP-004-L1"): (LesionOrgan.LIVER, 3000.0)}
    with pytest.raises(DataError, match=r"OP-004-L1 of 3000\.0 mL .* does not fit into liver"):
        place_lesions(a_person(), body, largest, seed=5)


def test_refuses_a_volume_that_is_not_one(body: tuple[Part, ...]) -> None:
    largest = {LesionId("OP-004-L1"): (LesionOrgan.LIVER, float("nan"))}
    with pytest.raises(DataError, match="needs a largest volume > 0 mL, found nan"):
        place_lesions(a_person(), body, largest, seed=5)


@pytest.mark.parametrize(("volume", "necrosis"), [(40.0, 0.0), (40.0, 0.35), (5.0, 0.6)])
def test_a_painted_lesion_and_its_core_have_their_volumes(
    placed: tuple[PlacedLesion, ...], volume: float, necrosis: float
) -> None:
    lesion = placed[1]
    parts = lesion_parts(lesion, a_state(volume_ml=volume, necrosis=necrosis))
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    affine[:3, 3] = np.array(lesion.center) - 30.3
    grid = Grid(shape=(61, 61, 61), affine=affine)
    occupancy = paint(Scene(parts=parts, tissues={}, motion=STILL, pose=Pose()), grid)

    assert volume_ml(occupancy, "OP-004-L2") == pytest.approx(volume, rel=0.02)
    core = sum(
        float(one.share.sum()) / 1000.0
        for one in occupancy.parts
        if one.part.tissue.endswith(" core")
    )
    assert core == pytest.approx(necrosis * volume, rel=0.02)


def test_a_lesion_grows_and_shrinks_around_its_place(placed: tuple[PlacedLesion, ...]) -> None:
    large, small = (lesion_parts(placed[1], a_state(volume_ml=volume)) for volume in (40.0, 5.0))
    wide, narrow = large[0].shape.parts[0], small[0].shape.parts[0]

    assert wide.center == narrow.center == placed[1].center  # type: ignore[union-attr]
    ratio = np.array(wide.semi_axes) / np.array(narrow.semi_axes)  # type: ignore[union-attr]
    np.testing.assert_allclose(ratio, 2.0)
    assert large[0].texture == small[0].texture


def test_refuses_a_lesion_that_outgrew_its_place(placed: tuple[PlacedLesion, ...]) -> None:
    with pytest.raises(DataError, match=r"OP-004-L2 in liver has 55\.00 mL; room was made for 40"):
        lesion_parts(placed[1], a_state(volume_ml=55.0))


def test_refuses_the_place_of_another_lesion(placed: tuple[PlacedLesion, ...]) -> None:
    with pytest.raises(DataError, match="The place of OP-004-L3 was asked for OP-004-L2"):
        lesion_parts(placed[2], a_state())


def test_a_scene_holds_body_and_lesions_and_refuses_what_is_not_described(
    body: tuple[Part, ...], placed: tuple[PlacedLesion, ...]
) -> None:
    states = (a_state(necrosis=0.2),)
    keys = {part.tissue for part in body} | {"OP-004-L2", "OP-004-L2 core"}
    tissues = dict.fromkeys(keys, a_tissue())

    scene = scene_of(body, placed, states, tissues, motion=STILL, pose=Pose())

    assert [part.name for part in scene.parts[-2:]] == ["OP-004-L2", "OP-004-L2 core"]
    del tissues["OP-004-L2 core"]
    with pytest.raises(DataError, match="not described: OP-004-L2 core"):
        scene_of(body, placed, states, tissues, motion=STILL, pose=Pose())
    with pytest.raises(DataError, match="No place was found for OP-004-L99"):
        scene_of(body, placed, (a_state("OP-004-L99"),), tissues, motion=STILL, pose=Pose())


def test_the_radius_is_that_of_the_sphere() -> None:
    assert radius_mm(4.0 / 3.0 * np.pi) == pytest.approx(10.0)  # 1 cm
