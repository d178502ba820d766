"""SPECT after a cycle: concentrations that give back the dose, and images that decay by them."""

import math
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from scipy.integrate import quad

from operandi.domain.administration import Administration
from operandi.domain.grid import Grid
from operandi.imaging.dicom.segmentation import nearest_on, read_segmentation
from operandi.quantities.nuclides import LU177
from operandi.simulation import cycle_scans
from operandi.simulation.cycle_scans import (
    EFFECTIVE_HALF_LIFE_H,
    LIVER_GY_PER_GBQ,
    SPECT_GRID,
    concentration_at_administration,
    concentrations,
    first_cycles,
    write_scans,
)
from operandi.simulation.disease.dose_surrogate import ACTIVITY_BQ
from operandi.simulation.participant import CycleDose
from tests.simulation.cohorts import SEED, a_scenario, outcomes_of, planned
from tests.simulation.dicom.scans import stack_of

SCENARIO = a_scenario()
WITH_SPECT = a_scenario(spect_hours=[24.0, 96.0], spect_participants=2)
ELECTRONS_J = 0.1479e6 * 1.602176634e-19
"""A decay of 177Lu gives electrons 147.9 keV (ICRP 107)."""
GIVEN = Administration(
    nuclide=LU177,
    activity_bq=7.4e9,
    at=datetime(2025, 3, 4, 10, 0, tzinfo=timezone(timedelta(hours=1))),
    half_life_s=LU177.half_life_s,
)


def a_cycle() -> CycleDose:
    lesions = planned(SCENARIO, 0).visits[0].lesions
    return CycleDose(
        administered=GIVEN,
        spleen_gy=6.5,
        kidneys_gy=4.8,
        lesion_gy={lesion.id: 10.0 + 7.0 * n for n, lesion in enumerate(lesions)},
    )


def dose_gy(bq_ml: float, *, half_life_h: float) -> float:
    """By integration of the decay curve over 2000 h, in tissue of 1.04 g/mL."""
    decays_ml = float(
        quad(lambda hour: bq_ml * 2.0 ** (-hour / half_life_h) * 3600.0, 0.0, 2000.0)[0]
    )
    return decays_ml * ELECTRONS_J / 1.04e-3


@pytest.mark.parametrize("half_life_h", [52.0, 88.0])
@pytest.mark.parametrize("dose", [0.5, 30.0])
def test_a_concentration_gives_back_its_dose(dose: float, half_life_h: float) -> None:
    held = concentration_at_administration(dose, half_life_h=half_life_h)

    assert dose_gy(held, half_life_h=half_life_h) == pytest.approx(dose, rel=2e-3)


def test_organs_and_lesions_give_back_the_true_doses() -> None:
    visit = planned(SCENARIO, 0).visits[0]
    cycle = a_cycle()

    held = concentrations(visit.scene, cycle, body_mass_kg=80.0)

    true_gy: dict[str, float] = {
        "spleen": 6.5,
        "kidney_cortex": 4.8,
        "kidney_medulla": 4.8,
        "liver": LIVER_GY_PER_GBQ * 7.4,
    } | {str(lesion): dose for lesion, dose in cycle.lesion_gy.items()}
    assert len(true_gy) == 4 + len(visit.lesions)
    for name, dose in true_gy.items():
        bq_ml, half_life_h = held[name]
        assert dose_gy(bq_ml, half_life_h=half_life_h) == pytest.approx(dose, rel=2e-3), name


def test_every_tissue_of_the_scene_has_a_concentration() -> None:
    visit = planned(SCENARIO, 0).visits[0]

    held = concentrations(visit.scene, a_cycle(), body_mass_kg=80.0)

    assert set(held) == set(visit.scene.tissues)
    assert all(bq_ml >= 0.0 and hours > 0.0 for bq_ml, hours in held.values())
    muscle = visit.scene.tissues["muscle"].suv
    assert held["muscle"][0] == pytest.approx(muscle * 7.4e9 / 80e3)
    assert held["muscle"][1] == EFFECTIVE_HALF_LIFE_H["other"]


def test_doses_are_those_of_the_outcomes_for_the_activity_given() -> None:
    outcomes = outcomes_of(WITH_SPECT)

    found = first_cycles(outcomes, WITH_SPECT, seed=SEED)

    assert list(found) == ["OP-001", "OP-002"]
    for row, cycle in enumerate(found.values()):
        share = cycle.administered.activity_bq / ACTIVITY_BQ
        assert share == pytest.approx(1.0, abs=0.15)
        assert cycle.spleen_gy == pytest.approx(share * outcomes.organ_dose_gy[row, 0])
        assert cycle.kidneys_gy == pytest.approx(share * outcomes.organ_dose_gy[row, 1])
        there = outcomes.lesion_organ[row] >= 0
        np.testing.assert_allclose(
            list(cycle.lesion_gy.values()), share * outcomes.lesion_dose_gy[row][there]
        )
        days = outcomes.persons.person(row)
        assert all(str(lesion).startswith(days.pseudonym) for lesion in cycle.lesion_gy)


def test_nobody_is_scanned_where_the_scenario_says_none() -> None:
    assert first_cycles(outcomes_of(SCENARIO), SCENARIO, seed=SEED) == {}


def test_who_received_no_cycle_or_has_no_baseline_is_passed_over() -> None:
    outcomes = outcomes_of(WITH_SPECT)
    cycle_day, imaging_day = outcomes.cycle_day.copy(), outcomes.imaging_day.copy()
    cycle_day[0] = np.nan
    imaging_day[1, 0] = np.nan

    found = first_cycles(
        replace(outcomes, cycle_day=cycle_day, imaging_day=imaging_day), WITH_SPECT, seed=SEED
    )

    assert list(found) == ["OP-003"]


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two scans of the first participant, a day and four days after, on 14.4 mm."""
    folder = tmp_path_factory.mktemp("scans")
    images = planned(SCENARIO, 0)
    grid = Grid(
        (38, 38, 30),
        np.array(
            [
                [14.4, 0.0, 0.0, -266.4],
                [0.0, 14.4, 0.0, -266.4],
                [0.0, 0.0, 14.4, -190.0],
                [0.0, 0.0, 0.0, 1.0],
            ]
        ),
    )
    with mock.patch.object(cycle_scans, "SPECT_GRID", grid):
        write_scans(folder, images, images.visits[0], a_cycle(), hours=(24.0, 96.0), seed=SEED)
    return folder


def spleen_means(folder: Path) -> list[float]:
    """Mean of the image where the spleen was drawn, at each scan, Bq/mL."""
    means = []
    for number in (1, 2):
        stack = stack_of(folder / f"spect_{number}")
        drawn = read_segmentation(folder / f"drawn_{number}" / "0001.dcm")
        [spleen] = [one.mask for one in drawn if one.description.label == "spleen"]
        means.append(float(stack.values[nearest_on(spleen, stack.grid).inside].mean()))
    return means


def test_scans_decay_by_the_half_life_of_what_was_drawn(scans: Path) -> None:
    """By 2^(-72/70) in 72 h; 10 % for noise and for what the blur brings from beside it."""
    visit = planned(SCENARIO, 0).visits[0]
    held = concentrations(visit.scene, a_cycle(), body_mass_kg=visit.plan.body_mass_kg)

    before, after = spleen_means(scans)

    assert held["spleen"][1] == EFFECTIVE_HALF_LIFE_H["spleen"] == 70.0
    assert after / before == pytest.approx(2.0 ** (-72.0 / 70.0), rel=0.1)
    at_24_h = held["spleen"][0] * 2.0 ** (-24.0 / 70.0)
    # Blur and voxels of 14 mm lose some of it at the edge.
    assert 0.6 < before / at_24_h < 1.1


def test_nothing_is_drawn_that_reaches_beyond_the_scan(scans: Path) -> None:
    for number in (1, 2):
        for one in read_segmentation(scans / f"drawn_{number}" / "0001.dcm"):
            inside = one.mask.inside
            grid = stack_of(scans / f"spect_{number}").grid
            whole = nearest_on(one.mask, grid).inside
            assert inside.any()
            assert not whole[..., 0].any()
            assert not whole[..., -1].any()


def test_the_bed_covers_liver_and_kidneys() -> None:
    low = SPECT_GRID.affine @ [0.0, 0.0, 0.0, 1.0]
    high = SPECT_GRID.affine @ [*(size - 1.0 for size in SPECT_GRID.shape), 1.0]

    assert math.isclose(low[0], -high[0])
    assert low[2] < -100.0
    assert high[2] > 200.0
