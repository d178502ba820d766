"""Tiny cohorts: coarse voxels, few slices, and plans that are made once for all tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final
from unittest import mock

from operandi.simulation import cohort, participant
from operandi.simulation.disease.outcomes import Outcomes, simulate_outcomes
from operandi.simulation.participant import ParticipantImages, plan_images
from operandi.simulation.scenario import Scenario, read_scenario
from operandi.simulation.trial.visits import VisitPlan, visit_plans

SEED: Final = 3
"""Of three participants who have one, two and two visits."""
SLICES_MM: Final = (40.0, 72.0)
"""Upper abdomen: liver, spleen, kidneys."""


def a_scenario(*, participants: int = 3, **imaging: Any) -> Scenario:
    """The dose scenario on 8 mm, PET alone unless said; doses are log-normal."""
    stated = read_scenario("dose").model_dump()
    stated["cohort"] |= {"participants": participants}
    stated["disease"] |= {"dose": "log-normal"}
    stated["imaging"] |= {"pet_voxel_mm": 8.0, "series": ["pet"], "mr_detail": "coarse"} | imaging
    return Scenario.model_validate(stated)


@cache
def outcomes_of(scenario: Scenario) -> Outcomes:
    return simulate_outcomes(scenario, participants=scenario.cohort.participants, seed=SEED)


@cache
def planned(scenario: Scenario, row: int) -> ParticipantImages:
    """A participant's images, of the seed of these tests."""
    outcomes = outcomes_of(scenario)
    return plan_images(
        outcomes, visit_plans(outcomes, scenario, seed=SEED), scenario, row, seed=SEED
    )


def _planned(
    _: Outcomes,
    __: dict[tuple[int, int], VisitPlan],
    scenario: Scenario,
    row: int,
    *,
    seed: int,
) -> ParticipantImages:
    # Nothing else that these tests change changes a plan.
    assert seed == SEED
    return planned(a_scenario(head=scenario.imaging.head), row)


@contextmanager
def few_slices() -> Iterator[None]:
    """PET of a few slices, and plans made once: for what runs in this process."""
    with (
        mock.patch.object(participant, "TRUNK_MM", SLICES_MM),
        mock.patch.object(cohort, "plan_images", _planned),
    ):
        yield


def files_of(folder: Path) -> dict[str, bytes]:
    """All files of a folder by their path in it."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
