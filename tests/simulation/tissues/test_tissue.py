"""Tissues have the published means and spreads; a person stays alike between visits."""

from dataclasses import asdict
from functools import lru_cache

import numpy as np
import pytest

from operandi.domain.identity import LesionId
from operandi.quantities.errors import DataError
from operandi.simulation.people.lesion import LesionOrgan, LesionState
from operandi.simulation.people.person import Person
from operandi.simulation.people.persons import draw_persons
from operandi.simulation.scenario import read_scenario
from operandi.simulation.scenes.scene import Tissue
from operandi.simulation.tissues.tissue import (
    CORE_UPTAKE,
    VISIT_SHARE,
    core_tissue,
    lesion_tissue,
    tissues_of_person,
)
from operandi.simulation.tissues.tissue_priors import QUANTITIES, TISSUE_PRIORS, TISSUES
from tests.simulation.people.sampling import assert_sampled_from

_N = 500


@lru_cache(maxsize=1)
def people() -> tuple[Person, ...]:
    persons = draw_persons(_N, scenario=read_scenario("dose"), seed=21)
    return tuple(persons.person(row) for row in range(_N))


@lru_cache(maxsize=2)
def drawn(visit: int) -> tuple[dict[str, Tissue], ...]:
    return tuple(tissues_of_person(person, visit=visit, seed=21) for person in people())


def values_of(
    tissue: str, quantity: str, *, visit: int = 0
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([getattr(one[tissue], quantity) for one in drawn(visit)])


def a_state(*, necrosis: float = 0.3, suv: float = 16.0) -> LesionState:
    return LesionState(
        id=LesionId("OP-001-L1"),
        organ=LesionOrgan.LIVER,
        volume_ml=20.0,
        suv=suv,
        uptake_cv=0.3,
        texture_mm=8.0,
        necrosis=necrosis,
        adc_mm2_s=1.1e-3,
        stiffness_kpa=9.0,
        ktrans_per_min=0.7,
    )


@pytest.mark.parametrize("tissue", TISSUES)
def test_each_quantity_of_500_people_has_the_mean_and_spread_of_its_source(tissue: str) -> None:
    for quantity in QUANTITIES:
        assert_sampled_from(TISSUE_PRIORS[tissue][quantity], values_of(tissue, quantity))


@pytest.mark.parametrize(
    ("tissue", "quantity", "mean", "spread"),
    [
        ("liver", "suv", 4.8, None),  # SUVmean of NOC and TATE
        ("kidney_cortex", "suv", 13.2, 3.3),  # DOTATOC: Poeppel 2011
        ("pituitary", "suv", 8.4, 3.3),  # DOTATOC: Nakamoto 2016
        ("pancreas_uncinate", "suv", 6.5, 3.1),
        ("thyroid", "suv", 2.3, 0.8),
        ("liver", "t1_ms", 809.0, 71.0),  # 3 T: de Bazelaire 2004, abstract
        ("liver", "t2_ms", 34.0, 4.0),
        ("spleen", "t1_ms", 1328.0, 31.0),
        ("kidney_cortex", "t1_ms", 1142.0, 154.0),
        ("kidney_medulla", "t1_ms", 1545.0, 142.0),
        ("pancreas", "t1_ms", 725.0, 71.0),
        ("muscle", "t2_ms", 29.0, 4.0),
        ("fat", "t1_ms", 382.0, 13.0),
        ("bone_marrow", "t1_ms", 586.0, 73.0),
        ("liver", "adc_mm2_s", 1.28e-3, None),  # specification of the cohort
        ("spleen", "adc_mm2_s", 0.85e-3, None),
        ("liver", "stiffness_kpa", 2.3, None),
    ],
)
def test_published_values_are_those_of_the_publication(
    tissue: str, quantity: str, mean: float, spread: float | None
) -> None:
    prior = TISSUE_PRIORS[tissue][quantity]

    assert prior.mean == mean
    assert spread is None or prior.spread == spread


def test_cortex_and_medulla_together_have_the_adc_of_a_kidney() -> None:
    """1.94e-3 mm2/s at 54 % cortex."""
    cortex, medulla = (
        TISSUE_PRIORS[f"kidney_{part}"]["adc_mm2_s"] for part in ("cortex", "medulla")
    )

    assert 0.54 * cortex.mean + 0.46 * medulla.mean == pytest.approx(1.94e-3, rel=0.005)


def test_every_quantity_of_every_tissue_has_unit_and_source() -> None:
    for priors in TISSUE_PRIORS.values():
        assert tuple(priors) == QUANTITIES
        assert all(prior.unit and prior.source for prior in priors.values())


def test_a_person_is_more_alike_between_visits_than_others_are() -> None:
    """The visit adds 40 % of the variance of an organ's SUV and a tenth of that of T1."""
    suv = np.corrcoef(values_of("liver", "suv"), values_of("liver", "suv", visit=1))[0, 1]
    t1 = np.corrcoef(values_of("liver", "t1_ms"), values_of("liver", "t1_ms", visit=1))[0, 1]

    assert suv == pytest.approx(1.0 - VISIT_SHARE["suv"], abs=0.1)
    assert t1 == pytest.approx(0.9, abs=0.04)
    np.testing.assert_array_equal(
        values_of("lung", "mu_per_cm"), values_of("lung", "mu_per_cm", visit=1)
    )


def test_tissues_are_physically_possible() -> None:
    for tissues in drawn(0):
        for tissue in tissues.values():
            assert tissue.t2_star_ms < tissue.t2_ms
            assert 0.0 <= tissue.fat_fraction < 1.0
            assert tissue.ve + tissue.vp < 1.0
            assert tissue.ve > 0.0
            assert all(value >= 0.0 for name, value in asdict(tissue).items() if "ppm" not in name)
            assert tissue.adc_mm2_s < 3.1e-3


def test_the_same_person_visit_and_seed_give_the_same_tissues_and_another_does_not() -> None:
    person = people()[7]

    assert tissues_of_person(person, visit=1, seed=21) == drawn(1)[7]
    assert tissues_of_person(person, visit=1, seed=22)["liver"] != drawn(1)[7]["liver"]
    assert tissues_of_person(people()[8], visit=1, seed=21)["liver"] != drawn(1)[7]["liver"]


@pytest.mark.parametrize("necrosis", [0.0, 0.2, 0.6])
def test_rim_and_core_together_have_the_uptake_of_the_lesion(necrosis: float) -> None:
    state = a_state(necrosis=necrosis)

    rim, core = lesion_tissue(state), core_tissue(state)

    assert (1.0 - necrosis) * rim.suv + necrosis * core.suv == pytest.approx(16.0)
    assert core.suv == pytest.approx(CORE_UPTAKE * 16.0)


def test_a_core_is_colder_wetter_and_softer_than_its_rim() -> None:
    rim, core = lesion_tissue(a_state()), core_tissue(a_state())

    assert (rim.adc_mm2_s, rim.stiffness_kpa, rim.ktrans_per_min) == (1.1e-3, 9.0, 0.7)
    assert core.suv < rim.suv
    assert core.adc_mm2_s > rim.adc_mm2_s
    assert core.stiffness_kpa < rim.stiffness_kpa
    assert core.ktrans_per_min < rim.ktrans_per_min


def test_refuses_a_visit_before_the_first() -> None:
    with pytest.raises(DataError, match="number >= 0"):
        tissues_of_person(people()[0], visit=-1, seed=1)
