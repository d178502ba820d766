"""A participant's images as planned: the same lesions in the same places at all visits."""

import pickle
from dataclasses import replace
from unittest import mock

import numpy as np
import pytest

from operandi.domain.identity import LesionId
from operandi.quantities.errors import DataError
from operandi.simulation import participant
from operandi.simulation.disease.outcomes import simulate_outcomes
from operandi.simulation.participant import (
    MAPPED_ORGANS,
    organs_with_lesions,
    pet_grid,
    plan_images,
    with_disturbances,
)
from operandi.simulation.people.lesion import LesionOrgan
from operandi.simulation.scenes.motion import lying
from operandi.simulation.tissues.lesion_states import lesion_states
from operandi.simulation.trial.conduct_noise import Disturbance, DisturbanceKind
from operandi.simulation.trial.visits import visit_plans
from tests.simulation.cohorts import SEED, a_scenario, outcomes_of, planned

SCENARIO = a_scenario()


def test_every_lesion_of_every_visit_has_one_place_with_room_for_its_largest_volume() -> None:
    images = planned(SCENARIO, 1)

    assert [visit.number for visit in images.visits] == [0, 1]
    places = {placed.id: placed for placed in images.placed}
    for visit in images.visits:
        for lesion in visit.lesions:
            assert lesion.volume_ml <= places[lesion.id].largest_ml * 1.001
    for placed in images.placed:
        volumes = [
            lesion.volume_ml
            for visit in images.visits
            for lesion in visit.lesions
            if lesion.id == placed.id
        ]
        assert placed.largest_ml == pytest.approx(max(volumes))


def test_a_scene_holds_the_lesions_of_its_visit_and_their_tissues() -> None:
    for visit in planned(SCENARIO, 1).visits:
        painted = {part.organ for part in visit.scene.parts}
        for lesion in visit.lesions:
            assert str(lesion.id) in painted
            assert visit.scene.tissues[lesion.id].suv == pytest.approx(
                lesion.suv / (1.0 - lesion.necrosis), rel=0.2
            )


def test_a_lesion_lies_where_the_body_lies_at_the_visit() -> None:
    images = planned(SCENARIO, 1)
    first = images.placed[0]

    for visit in images.visits:
        expected = lying(first.center, visit.scene.pose)
        np.testing.assert_allclose(visit.placed_at(first), expected)
    assert images.visits[0].placed_at(first) != images.visits[1].placed_at(first)


def test_the_site_is_that_of_the_person() -> None:
    for row in range(3):
        images = planned(SCENARIO, row)
        assert images.site.code == images.person.site


def test_a_plan_does_not_depend_on_the_batch_it_was_made_in() -> None:
    alone = simulate_outcomes(SCENARIO, participants=1, seed=SEED, first_participant=1)

    found = plan_images(alone, visit_plans(alone, SCENARIO, seed=SEED), SCENARIO, 0, seed=SEED)

    assert found.person == planned(SCENARIO, 1).person
    assert found.placed == planned(SCENARIO, 1).placed
    assert [v.lesions for v in found.visits] == [v.lesions for v in planned(SCENARIO, 1).visits]
    assert [v.plan for v in found.visits] == [v.plan for v in planned(SCENARIO, 1).visits]


def test_a_plan_can_go_to_another_process() -> None:
    images = planned(SCENARIO, 1)

    found = pickle.loads(pickle.dumps(images))  # noqa: S301 - our own

    assert found.person == images.person
    assert found.placed == images.placed
    assert found.visits[1].scene.tissues == images.visits[1].scene.tissues


def test_refuses_a_lesion_larger_than_its_organ_and_names_the_key_to_change() -> None:
    outcomes = outcomes_of(SCENARIO)
    original = lesion_states

    def enlarged(*args: object, **kwargs: object) -> object:
        first, *others = original(*args, **kwargs)  # type: ignore[arg-type]
        return (replace(first, volume_ml=4000.0), *others)

    with (
        mock.patch.object(participant, "lesion_states", enlarged),
        pytest.raises(DataError, match=r"OP-001-L1 of 4000\.0 mL .* does not fit") as refused,
    ):
        plan_images(outcomes, visit_plans(outcomes, SCENARIO, seed=SEED), SCENARIO, 0, seed=SEED)

    assert "cohort.lesions_mean" in refused.value.remedy


def a_disturbance(kind: DisturbanceKind, *, who: str, timepoint: str) -> Disturbance:
    return Disturbance(
        kind=kind,
        participant=who,
        timepoint=timepoint,
        table="",
        column="",
        what="",
        answer="missed",
        criteria=(),
        on=None,
    )


def test_a_missed_visit_is_left_out_and_a_duplicate_is_marked() -> None:
    images = planned(SCENARIO, 1)

    found = with_disturbances(
        images,
        [
            a_disturbance("missed_visit", who="OP-002", timepoint="BASELINE"),
            a_disturbance("duplicate_series", who="OP-002", timepoint="AFTER_CYCLE_2"),
            a_disturbance("missed_visit", who="OP-001", timepoint="AFTER_CYCLE_2"),
        ],
    )

    assert [visit.number for visit in found.visits] == [1]
    assert found.duplicated == {1}


def test_disturbances_of_others_change_nothing() -> None:
    images = planned(SCENARIO, 1)

    assert with_disturbances(
        images, [a_disturbance("missed_visit", who="OP-003", timepoint="BASELINE")]
    ) == with_disturbances(images, [])


def test_the_map_of_an_organ_holds_the_lesions_in_it() -> None:
    one, *_ = planned(SCENARIO, 0).visits[0].lesions
    lesions = (
        replace(one, id=LesionId("OP-001-L1"), organ=LesionOrgan.LIVER),
        replace(one, id=LesionId("OP-001-L2"), organ=LesionOrgan.BONE),
        replace(one, id=LesionId("OP-001-L3"), organ=LesionOrgan.ILEUM),
    )
    names = {1: "liver", 2: "spleen", 3: "OP-001-L1", 4: "OP-001-L2", 5: "OP-001-L3", 6: "muscle"}

    found = organs_with_lesions(names, lesions)

    assert tuple(found) == tuple(MAPPED_ORGANS)
    assert {organ: numbers for organ, numbers in found.items() if numbers} == {
        "liver": [1, 3],
        "spleen": [2],
        "small_bowel": [5],
    }


@pytest.mark.parametrize(("head", "top_mm"), [(False, 330.0), (True, 620.0)])
@pytest.mark.parametrize("voxel_mm", [2.0, 4.0, 5.0, 8.0])
def test_the_pet_covers_the_trunk_and_is_centered_across(
    voxel_mm: float, *, head: bool, top_mm: float
) -> None:
    grid = pet_grid(a_scenario(pet_voxel_mm=voxel_mm, head=head), frame_of_reference="1.2")

    low = grid.affine @ [0.0, 0.0, 0.0, 1.0]
    high = grid.affine @ [*(size - 1.0 for size in grid.shape), 1.0]
    assert grid.spacing_mm == (voxel_mm,) * 3
    np.testing.assert_allclose((low + high)[:2], 0.0, atol=1e-9)
    assert low[2] - voxel_mm / 2 == pytest.approx(-330.0)
    assert high[2] + voxel_mm / 2 == pytest.approx(top_mm, abs=voxel_mm / 2)
    assert high[0] - low[0] + voxel_mm == pytest.approx(600.0, abs=voxel_mm / 2)
