"""Persons have the sizes and organs of the publications; a row is the same in any batch."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operandi.domain.participant import Sex
from operandi.quantities.errors import DataError
from operandi.simulation.people.person import Primary
from operandi.simulation.people.persons import (
    AGE,
    BODY_MASS_INDEX,
    HEIGHT,
    ORGAN_VOLUME,
    Persons,
    draw_persons,
)
from operandi.simulation.scenario import Scenario, read_scenario
from tests.simulation.people.sampling import assert_sampled_from

_N = 500
_ALL = {Sex.FEMALE: 1.0, Sex.MALE: 0.0}


def a_scenario(*, female: float = 0.5, pancreas: float = 0.45) -> Scenario:
    scenario = read_scenario("dose")
    cohort = scenario.cohort.model_copy(
        update={"female_fraction": female, "pancreas_fraction": pancreas}
    )
    return scenario.model_copy(update={"cohort": cohort})


def persons_of(sex: Sex, *, seed: int = 5) -> Persons:
    return draw_persons(_N, scenario=a_scenario(female=_ALL[sex]), seed=seed)


@pytest.mark.parametrize("sex", _ALL)
def test_heights_ages_and_masses_are_drawn_from_their_priors(sex: Sex) -> None:
    persons = persons_of(sex)

    assert_sampled_from(AGE, persons.age_years)
    assert_sampled_from(HEIGHT[sex], persons.height_m)
    assert_sampled_from(BODY_MASS_INDEX[sex], persons.body_mass_kg / persons.height_m**2)


@pytest.mark.parametrize("organ", ORGAN_VOLUME)
@pytest.mark.parametrize("sex", _ALL)
def test_organs_are_drawn_from_their_priors(sex: Sex, organ: str) -> None:
    assert_sampled_from(ORGAN_VOLUME[organ][sex], persons_of(sex).organ_volume_ml[organ])


def test_published_means_are_those_of_the_publication() -> None:
    """Geraghty 2004: pancreas, kidney, spleen, liver of women and men."""
    organs = ("pancreas", "kidney_left", "spleen", "liver")

    assert [ORGAN_VOLUME[organ][Sex.FEMALE].mean for organ in organs] == [64.4, 156.5, 179.8, 1411]
    assert [ORGAN_VOLUME[organ][Sex.MALE].mean for organ in organs] == [87.4, 193.1, 238.4, 1710]


def test_kidneys_of_a_person_are_alike_and_tall_people_have_large_livers() -> None:
    persons = persons_of(Sex.MALE)
    volume = persons.organ_volume_ml

    alike = np.corrcoef(volume["kidney_left"], volume["kidney_right"])[0, 1]
    tall = np.corrcoef(persons.height_m, volume["liver"])[0, 1]

    assert 0.75 < alike < 0.92  # 0.4^2 + 0.84 * 0.8 = 0.83 of scores
    assert 0.28 < tall < 0.52


def test_shares_of_the_scenario_are_met() -> None:
    scenario = a_scenario(female=0.3, pancreas=0.7)
    persons = draw_persons(4000, scenario=scenario, seed=2)

    assert persons.female.mean() == pytest.approx(0.3, abs=0.03)
    assert (persons.primary == list(Primary).index(Primary.PANCREAS)).mean() == pytest.approx(
        0.7, abs=0.03
    )
    shares = np.array([site.share for site in scenario.site])
    np.testing.assert_allclose(
        np.bincount(persons.site, minlength=len(shares)) / 4000, shares / shares.sum(), atol=0.03
    )


@settings(max_examples=20)
@given(first=st.integers(0, 60), n=st.integers(1, 20), seed=st.integers(0, 2**40))
def test_a_row_is_the_same_person_in_any_batch(first: int, n: int, seed: int) -> None:
    scenario = a_scenario()
    whole = draw_persons(80, scenario=scenario, seed=seed)

    batch = draw_persons(n, scenario=scenario, seed=seed, first_participant=first)

    assert batch.person(n - 1) == whole.person(first + n - 1)


def test_a_person_says_what_its_row_says() -> None:
    persons = draw_persons(5, scenario=a_scenario(), seed=3, first_participant=40)

    person = persons.person(2)

    assert person.number == 42
    assert person.pseudonym == "OP-043"
    assert person.body_mass_kg == persons.body_mass_kg[2]
    assert person.site == persons.site_codes[persons.site[2]]
    assert person.organ_volume_ml["liver"] == persons.organ_volume_ml["liver"][2]
    assert set(person.organ_volume_ml) == set(ORGAN_VOLUME)


def test_another_seed_is_another_cohort() -> None:
    assert (persons_of(Sex.MALE, seed=1).height_m != persons_of(Sex.MALE, seed=2).height_m).all()


def test_refuses_an_empty_cohort_and_a_row_that_is_not_there() -> None:
    with pytest.raises(DataError, match="at least one participant"):
        draw_persons(0, scenario=a_scenario(), seed=1)
    with pytest.raises(IndexError, match="row 500"):
        persons_of(Sex.MALE).person(_N)


def test_a_person_can_be_sent_to_another_process() -> None:
    """Images of three participants and more are written by several."""
    person = draw_persons(1, scenario=a_scenario(), seed=5).person(0)

    assert pickle.loads(pickle.dumps(person)) == person  # noqa: S301 - our own bytes
