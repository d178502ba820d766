"""Artifacts of visits: as often as the scenario says, and the same where it calls them so."""

from typing import Any

import numpy as np
import pytest

from operandi.simulation.artifacts import TRUNCATION_RADIUS_MM, VisitArtifacts, artifacts_of
from operandi.simulation.people.persons import draw_persons
from operandi.simulation.scenario import Scenario, read_scenario

SEED = 5


def a_scenario(**artifacts: Any) -> Scenario:
    stated = read_scenario("dose").model_dump()
    stated["artifacts"] |= artifacts
    return Scenario.model_validate(stated)


def drawn(scenario: Scenario, *, n: int, visits: int = 1) -> list[list[VisitArtifacts]]:
    persons = draw_persons(n, scenario=scenario, seed=SEED)
    return [
        [
            artifacts_of(persons.person(row), scenario, visit=visit, seed=SEED)
            for visit in range(visits)
        ]
        for row in range(n)
    ]


def test_at_rate_zero_there_is_none_and_at_one_there_are_all() -> None:
    never = a_scenario(truncation=0.0, susceptibility_void=0.0, tissue_inversion=0.0)
    always = a_scenario(truncation=1.0, susceptibility_void=1.0, tissue_inversion=1.0)

    for [one] in drawn(never, n=20):
        assert one == VisitArtifacts(truncated_mm=None, void=None, inversion=False)
    for [one] in drawn(always, n=20):
        assert (one.truncated_mm, one.inversion) == (TRUNCATION_RADIUS_MM, True)
        assert one.void is not None


def test_they_are_as_frequent_as_the_scenario_says() -> None:
    """Within three standard errors of 400 participants."""
    rates = {"truncation": 0.5, "susceptibility_void": 0.12, "tissue_inversion": 0.3}
    n = 400

    found = [one for [one] in drawn(a_scenario(**rates), n=n)]

    shares = (
        np.mean([one.truncated_mm is not None for one in found]),
        np.mean([one.void is not None for one in found]),
        np.mean([one.inversion for one in found]),
    )
    for share, rate in zip(shares, rates.values(), strict=True):
        assert share == pytest.approx(rate, abs=3 * np.sqrt(rate * (1 - rate) / n))


RATES = {"truncation": 0.5, "susceptibility_void": 0.5, "tissue_inversion": 0.5}


def test_consistent_ones_are_the_same_at_every_visit() -> None:
    for visits in drawn(a_scenario(consistent=True, **RATES), n=30, visits=3):
        assert visits[0] == visits[1] == visits[2]


def test_inconsistent_ones_come_and_go() -> None:
    found = drawn(a_scenario(consistent=False, **RATES), n=30, visits=3)

    assert sum(len({one.inversion for one in visits}) == 2 for visits in found) > 10
    assert sum(len({one.truncated_mm for one in visits}) == 2 for visits in found) > 10


def test_the_rate_of_one_artifact_changes_no_other() -> None:
    some = drawn(a_scenario(**RATES), n=40)
    other = drawn(a_scenario(**RATES | {"truncation": 1.0}), n=40)

    assert [(one.void, one.inversion) for [one] in some] == [
        (one.void, one.inversion) for [one] in other
    ]


def test_a_void_lies_in_the_trunk_and_has_the_size_of_metal() -> None:
    found = [one.void for [one] in drawn(a_scenario(susceptibility_void=1.0), n=60)]

    for void in found:
        assert void is not None
        (x, y, z), radius_mm = void
        assert 15.0 <= radius_mm <= 35.0
        assert np.all(np.abs([x, y]) < 80.0)
        assert -330.0 < z < 330.0
    assert len({void for void in found if void}) == 60
